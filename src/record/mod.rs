//! Which lines of a log are records, by evidence. One job: lines and what stands beside them → [`Reading`]. Not here: which events
//! follow, and when they may be told (that is `format`).
//!
//! The path: lines are lexed and placed ([`file`]); what could be a record gets its evidence ([`evidence`]) and a first verdict
//! ([`score`]); a second look adds what the first one thinks of lines of the same type, with the same id, above and below ([`second`]);
//! a look at the whole file judges whether a runner writes it at all ([`origin`]); the decoder ([`decode`]) selects, merges and reads
//! status, time and title, each convention of the trade being one named rule with a test. Marked failures are read beside ([`failure`]).
//!
//! **Adding things.** A word: `lex/words.tsv`. A kind of evidence: a line in [`feature`], a call in [`evidence`] or [`second`]. Then the
//! weights are fitted again: `tests/extra/fit/fit.py` says how. A convention: a named rule in [`decode`] with a test. Never a rule
//! for one file.
//!
//! **Live.** Each look reads all held lines anew; when to look is `format`'s. [`file::IndexedLog`] has sums per shape, key and id,
//! [`second::VerdictSums`] sums per type, and a line's own evidence looks down no further than [`file::LONGEST_BLOCK`] lines and up
//! along its parents; so no line is compared with all others.

pub(crate) mod decode;
pub(crate) mod evidence;
pub(crate) mod explain;
pub(crate) mod failure;
pub(crate) mod feature;
pub(crate) mod file;
pub(crate) mod origin;
pub(crate) mod reason;
pub(crate) mod score;
pub(crate) mod second;
pub(crate) mod select;
pub(crate) mod status;
pub(crate) mod title;

#[cfg(test)]
mod tests;

use std::ops::Range;

#[cfg(test)]
use self::file::FileContext;
use self::file::IndexedLog;
use self::score::{Weights, logit, probability};
use self::second::{VerdictSums, first_pass, second_pass};

/// How a record says its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RecordOutcome {
    Passed,
    Failed,
    Blocked,
    /// Under way: started, in progress, not yet done.
    Open,
}

/// How the outcome is known, the surest way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum OutcomeSource {
    /// A mark on the record's own line.
    OwnMark,
    /// A status line that belongs to it; the line's index.
    StatusLine(usize),
    /// An entry exists because its checks passed.
    Convention,
}

/// A line that tells of a piece of work, and what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Its opening line and its block, from 0.
    pub(crate) lines: Range<usize>,
    /// As written, without a generic word.
    pub(crate) id: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) outcome: RecordOutcome,
    pub(crate) source: OutcomeSource,
    /// The time as written.
    pub(crate) when: Option<String>,
    /// The session or iteration it stands in.
    pub(crate) iteration: Option<u32>,
    /// As written.
    pub(crate) duration: Option<String>,
    /// Hashes of commits on its line and under it.
    pub(crate) commits: Vec<String>,
    pub(crate) probability: f32,
    /// A ticked row or table row: it says how things stand, not when they came to be.
    pub(crate) is_row: bool,
}

/// A failure that the file marks as such, beyond failed records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MarkedFailure {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) records: Vec<Record>,
    pub(crate) failures: Vec<MarkedFailure>,
    /// Lines that look like records and were not taken.
    pub(crate) passed_over: Vec<usize>,
}

/// The verdict about one candidate line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LineVerdict {
    pub(crate) at: usize,
    pub(crate) p: f32,
}

/// The verdicts about a file.
#[derive(Debug)]
pub(crate) struct Assessment {
    pub(crate) verdicts: Vec<LineVerdict>,
    /// How likely a runner writes the file.
    pub(crate) origin: f32,
}

/// At and above it a line is a record.
pub(crate) const LIKELY: f32 = 0.5;
/// Of a line that is known to be a record, whatever the evidence says: reported before, or an anchor.
pub(crate) const CERTAIN: f32 = 0.999;
/// At and above it a line that was not taken looks like a record.
const DOUBTFUL: f32 = 0.25;

/// Reads a whole file with the committed weights.
#[cfg(test)]
pub(crate) fn read(texts: &[&str], context: &FileContext<'_>) -> Reading {
    let file = IndexedLog::read(texts, context);
    decode::reading(&file, &assess(&file, Weights::in_use()))
}

/// Both looks at every line, and one at the file.
pub(crate) fn assess(file: &IndexedLog, weights: &Weights) -> Assessment {
    let candidates = first_pass(file, weights);
    let sums = VerdictSums::new(file, &candidates);
    let mut verdicts = Vec::with_capacity(candidates.len());
    second_pass(file, &candidates, &sums, |candidate, evidence| {
        verdicts.push(LineVerdict { at: candidate.at, p: probability(logit(&weights.second, &evidence)) });
    });
    let origin = probability(logit(&weights.origin, &origin::evidence(file, &verdicts)));
    Assessment { verdicts, origin }
}
