//! The scorer: a sum of small weights, for both looks at a line and for the file. The weights are `weights.tsv`, made by `tests/extra/fit`.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use xxhash_rust::xxh3::xxh3_64;

use super::feature::{self, Evidence, Feature};

/// Weights of both looks and of the file, by feature number, in sixteenths.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    pub(crate) first: Vec<i8>,
    pub(crate) second: Vec<i8>,
    /// Of the whole file: `origin`.
    pub(crate) origin: Vec<i8>,
}

/// What a weight of 1 at a value of [`feature::ONE`] is worth: weights are sixteenths and so are values.
pub(super) const SCALE: f32 = 1.0 / 256.0;

static COMMITTED: LazyLock<Weights> = LazyLock::new(|| Weights::parse(include_str!("weights.tsv")));

/// See [`Weights::set`].
static REPLACED: OnceLock<Weights> = OnceLock::new();

impl Weights {
    /// Those that files are read with.
    pub(crate) fn in_use() -> &'static Weights {
        REPLACED.get().unwrap_or(&COMMITTED)
    }

    /// Reads all files of this process with another table, so that tables can be scored with the whole program.
    pub(crate) fn set(text: &str) {
        // A second table is ignored: the first one has been read with.
        let _ = REPLACED.set(Weights::parse(text));
    }

    /// Changes whenever the same lines may be read in another way: with the table or with the words.
    pub(crate) fn reader_version() -> u64 {
        static VERSION: LazyLock<u64> =
            LazyLock::new(|| xxh3_64([include_str!("weights.tsv"), include_str!("../lex/words.tsv")].concat().as_bytes()));
        *VERSION
    }

    /// Rows of name, first weight, second weight, weight for the origin. Names that are not known (of another table) weigh nothing.
    pub(crate) fn parse(text: &str) -> Weights {
        let numbers: HashMap<String, usize> = (0..feature::COUNT).map(|number| (Feature::name(number as u16), number)).collect();
        let mut weights = Weights { first: vec![0; feature::COUNT], second: vec![0; feature::COUNT], origin: vec![0; feature::COUNT] };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut cells = line.split('\t');
            let Some(number) = cells.next().and_then(|name| numbers.get(name)) else { continue };
            let mut weight = || cells.next().and_then(|cell| cell.parse().ok()).unwrap_or(0);
            weights.first[*number] = weight();
            weights.second[*number] = weight();
            weights.origin[*number] = weight();
        }
        weights
    }
}

/// The sum of what speaks for (above 0) and against (below).
pub(crate) fn logit(weights: &[i8], evidence: &Evidence) -> f32 {
    let sum: i32 = evidence.active.iter().map(|(number, value)| i32::from(weights[usize::from(*number)]) * i32::from(*value)).sum();
    sum as f32 * SCALE
}

pub(crate) fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit.clamp(-30.0, 30.0)).exp())
}
