//! The watched files in a snapshot.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::text::CleanText;

/// How many files are watched in each condition, and what was read of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// Not there yet.
    pub waiting: usize,
    /// There and read.
    pub reading: usize,
    /// Gone.
    pub gone: usize,
    /// There, but they cannot be opened or read.
    pub unreadable: usize,
    /// Of those that are read, the plans that do not parse as they stand.
    pub broken_plans: usize,
    /// Lines, stories or records that were understood.
    pub understood: u64,
    /// Those that were not.
    pub unknown: u64,
}

/// One watched file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// Relative to the task's folder.
    pub path: CleanText,
    /// What it was taken for: a format's name, `unknown` until its content tells.
    pub kind: CleanText,
    /// Whether it is there.
    pub state: SourceCondition,
    /// When it moved last, as far as we saw or the file system says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// What the three counts count.
    pub unit: SourceUnit,
    /// Gave a fact or belong to an entry.
    pub understood: u64,
    /// Said nothing to us.
    pub unknown: u64,
    /// Of the unknown ones: look like a record and were not taken for one.
    pub record_like: u64,
    /// Some of the unknown ones; 20 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_lines: Vec<UnknownLine>,
}

/// What the counts of a source count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceUnit {
    /// Of a text.
    Lines,
    /// Of a plan.
    Stories,
    /// Of a log that a program writes.
    Records,
}

/// A line that said nothing to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownLine {
    /// From 1.
    pub line: u32,
    /// Cleaned and cut.
    pub text: CleanText,
}

/// Whether a watched file is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceCondition {
    /// Not there yet.
    Waiting,
    /// There and read.
    Reading,
    /// It was there and is gone.
    Gone,
    /// There, but it cannot be opened or read; it is tried again.
    Unreadable,
}
