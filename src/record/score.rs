//! The scorer: a sum of small weights, twice. The weights are `weights.tsv`, made by `tests/extra/fit`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::feature::{self, Evidence, Feature};

/// Weights of both looks, by feature number, in sixteenths.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    pub(crate) first: Vec<i8>,
    pub(crate) second: Vec<i8>,
}

/// What a weight of 1 at a value of [`feature::ONE`] is worth: weights are sixteenths and so are values.
const SCALE: f32 = 1.0 / 256.0;

static COMMITTED: LazyLock<Weights> = LazyLock::new(|| Weights::parse(include_str!("weights.tsv")));

impl Weights {
    pub(crate) fn committed() -> &'static Weights {
        &COMMITTED
    }

    /// Rows of name, first weight, second weight. Names that are not known (of another table) weigh nothing.
    pub(crate) fn parse(text: &str) -> Weights {
        let numbers: HashMap<String, usize> = (0..feature::COUNT).map(|number| (Feature::name(number as u16), number)).collect();
        let mut weights = Weights { first: vec![0; feature::COUNT], second: vec![0; feature::COUNT] };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut cells = line.split('\t');
            let Some(number) = cells.next().and_then(|name| numbers.get(name)) else { continue };
            let mut weight = || cells.next().and_then(|cell| cell.parse().ok()).unwrap_or(0);
            weights.first[*number] = weight();
            weights.second[*number] = weight();
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
