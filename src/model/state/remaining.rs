//! How much time a run has left, and what that is known from.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::text::CleanText;

/// The time left, as a range with its basis, or why it is not known. Seconds, rounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Remaining {
    /// Nothing to go by.
    Unknown {
        /// In words, for people.
        reason: CleanText,
    },
    /// Nothing is left.
    None {
        /// In words, for people.
        reason: CleanText,
    },
    /// Between these.
    Range {
        /// The 10th percentile.
        p10: u64,
        /// Half of all runs like this one would take longer.
        p50: u64,
        /// The 90th percentile.
        p90: u64,
        /// What it rests on, in words.
        basis: CleanText,
        /// Timed stories of this run behind it.
        samples: u32,
        /// So little is known that only an upper bound is worth showing.
        rough: bool,
        /// The whole of it in words.
        text: CleanText,
    },
    /// The current story has taken longer than nine in ten would.
    LongerThanUsual {
        /// The 10th percentile of a story.
        usual_p10: u64,
        /// The 90th percentile.
        usual_p90: u64,
        /// What it rests on, in words.
        basis: CleanText,
        /// Timed stories of this run behind it.
        samples: u32,
        /// The whole of it in words.
        text: CleanText,
    },
}

/// The first range that was given for a run, to be compared with the truth. Seconds, rounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstGuess {
    /// When.
    pub at: Timestamp,
    /// The 10th percentile.
    pub p10: u64,
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// Timed stories behind it.
    pub samples: u32,
    /// In words.
    pub text: CleanText,
}

/// How long a story of a run usually takes. Seconds, rounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsualStory {
    /// The 10th percentile.
    pub p10: u64,
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// Timed stories behind it.
    pub samples: u32,
    /// In words.
    pub text: CleanText,
}
