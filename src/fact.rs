//! Whole statements that a format may make, and the keys they are counted by.
//!
//! A fact is one statement of one file, with the names as written there. `subject` turns those names into a `Key`; only keys are
//! compared.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Timestamp;

/// One statement of one source, as written there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact {
    pub statement: Statement,
    /// The story it is about; `None` for statements about the whole run.
    pub story: Option<StoryName>,
    pub form: StatementForm,
    pub provenance: Provenance,
    /// The number of its line, from 1; 0 in a document, which has no lines worth naming.
    pub line: u32,
    /// That line, cleaned but not trimmed.
    pub text: Arc<str>,
    /// Hash of the heading of its entry (see [`entry_hash`]). It shows which of several equal facts is the new one.
    pub entry_hash: u64,
    /// The record's own time, when it has one.
    pub recorded_at: Option<RecordedTime>,
    /// Its line stood there for long before it was certain enough to be told.
    pub late: bool,
}

impl Fact {
    /// What a line states by itself, without a time of its own; `line` 0 and no text for a document.
    pub fn on_line(statement: Statement, story: Option<StoryName>, form: StatementForm, line: u32, text: &str) -> Fact {
        Fact {
            statement,
            story,
            form,
            provenance: Provenance::Explicit,
            line,
            text: text.into(),
            entry_hash: entry_hash(text),
            recorded_at: None,
            late: false,
        }
    }
}

/// A story as a source names it. At least one of the two is there. A clone is cheap, and what is kept of a story shares its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct StoryName {
    /// As written, without brackets and generic words: `US-003`, `1.2`, `story-db`.
    pub id: Option<Arc<str>>,
    pub title: Option<Arc<str>>,
}

impl StoryName {
    pub fn new(id: Option<String>, title: Option<String>) -> StoryName {
        StoryName { id: id.map(Arc::from), title: title.map(Arc::from) }
    }

    pub fn of_id(id: &str) -> StoryName {
        StoryName { id: Some(Arc::from(id)), title: None }
    }
}

/// What is stated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    /// A run began: a log's header, the first sight of a plan, a native event.
    TaskStarted {
        name: Option<String>,
        branch: Option<String>,
        description: Option<String>,
        story_count: Option<u32>,
        estimated_secs: Option<u64>,
    },
    StoryStarted {
        iteration: Option<u32>,
        priority: Option<i64>,
        criteria: Vec<String>,
    },
    CriterionDone {
        criterion: Criterion,
        duration_ms: Option<u64>,
    },
    StoryEnded {
        outcome: Outcome,
        duration_ms: Option<u64>,
        commits: Vec<String>,
    },
    Error(Failure),
    TaskEnded {
        passed: bool,
    },
    /// What the runner is doing. Changes the state only: it is not counted and makes no event.
    Activity {
        text: Option<String>,
        /// The runner's own count of its iterations, and its limit.
        iteration: Option<(u32, Option<u32>)>,
    },
}

/// How a story ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Passed,
    /// With the source's own word: `failed`, `blocked`, …
    Failed {
        reason: String,
    },
}

/// A criterion as written: by number, by text, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Criterion {
    /// From 0; `AC1` is 0.
    pub index: Option<u32>,
    pub text: Option<String>,
}

/// An error that a file marks as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub kind: ErrorKind,
    pub message: String,
    pub retryable: Option<bool>,
    pub exit_code: Option<i64>,
}

/// What sort of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// It took too long.
    Timeout,
    /// A file, a command or a module is missing.
    NotFound,
    /// It was not allowed.
    Permission,
    /// A text is not what it should be.
    Parse,
    /// The other side cannot be reached, or refuses.
    Network,
    /// A check, a test or a build failed.
    Validation,
    /// None of these, or not stated.
    Unknown,
}

/// How a fact is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// A guess.
    Inferred,
    /// It follows from several lines or from a change of the plan.
    Derived,
    /// A line says so.
    Explicit,
}

/// Syntactic form of a statement. Forms are counted separately, because one file may report a result in two of them (an agent's entry
/// and a script's line).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum StatementForm {
    /// An entry: a heading and the lines under it.
    Entry,
    /// A line that is a complete statement.
    Line,
    /// A row of a table, a checklist or a summary: it gives a status, and counts once.
    Summary,
    /// A JSON record.
    Record,
}

/// When something happened, as the source states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordedTime {
    pub at: Timestamp,
    pub precision: Precision,
}

/// How exactly a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// A date only, stored as midnight. No duration is computed from it.
    Day,
    /// Without seconds.
    Minute,
    /// To the second or better.
    Second,
}

/// The subject of a fact: facts with the same key are counted together within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Key(pub u64);

/// The kinds of countable facts; the outcome is part of the kind, so that failed and passed are two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CountedKind {
    /// A run began.
    TaskStarted,
    /// An attempt at a story began.
    StoryStarted,
    /// A criterion was ticked.
    CriterionDone,
    /// An attempt passed.
    StoryPassed,
    /// An attempt failed.
    StoryFailed,
    /// Something went wrong.
    Error,
    /// The run ended with success.
    TaskPassed,
    /// The run ended without.
    TaskFailed,
}

impl CountedKind {
    pub(crate) fn of(statement: &Statement) -> Option<CountedKind> {
        Some(match statement {
            Statement::TaskStarted { .. } => CountedKind::TaskStarted,
            Statement::StoryStarted { .. } => CountedKind::StoryStarted,
            Statement::CriterionDone { .. } => CountedKind::CriterionDone,
            Statement::StoryEnded { outcome: Outcome::Passed, .. } => CountedKind::StoryPassed,
            Statement::StoryEnded { outcome: Outcome::Failed { .. }, .. } => CountedKind::StoryFailed,
            Statement::Error(_) => CountedKind::Error,
            Statement::TaskEnded { passed: true } => CountedKind::TaskPassed,
            Statement::TaskEnded { passed: false } => CountedKind::TaskFailed,
            Statement::Activity { .. } => return None,
        })
    }

    /// The name in event ids. Never change one: the ids of files already read would change with it.
    pub fn id_name(self) -> &'static str {
        match self {
            CountedKind::TaskStarted => "task_started",
            CountedKind::StoryStarted => "story_started",
            CountedKind::CriterionDone => "ac_completed",
            CountedKind::StoryPassed => "story_passed",
            CountedKind::StoryFailed => "story_failed",
            CountedKind::Error => "error",
            CountedKind::TaskPassed => "task_passed",
            CountedKind::TaskFailed => "task_failed",
        }
    }

    /// Whether repeated statements count as one.
    pub(crate) fn counts_once(self) -> bool {
        match self {
            CountedKind::TaskStarted | CountedKind::CriterionDone => true,
            CountedKind::StoryStarted
            | CountedKind::StoryPassed
            | CountedKind::StoryFailed
            | CountedKind::Error
            | CountedKind::TaskPassed
            | CountedKind::TaskFailed => false,
        }
    }
}

/// Hash of a heading without list marks and with white space folded; dates stay.
pub(crate) fn entry_hash(line: &str) -> u64 {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '*' | '+' | '#' | '>'));
    let plain = |byte: &u8| byte.is_ascii() && !byte.is_ascii_control();
    let has_gaps = || line.as_bytes().windows(2).fold(false, |has, pair| has | (pair[0] == b' ') & (pair[1] == b' '));
    if line.as_bytes().iter().fold(true, |all, byte| all & plain(byte)) && !line.ends_with(' ') && !has_gaps() {
        return xxh3_64(line.as_bytes());
    }
    let mut folded = String::with_capacity(line.len());
    for word in line.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    xxh3_64(folded.as_bytes())
}
