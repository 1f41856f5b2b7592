//! Whole statements that a format may make, and the keys they are counted by.
//!
//! A fact says who, what and how it ended. It is what one place in one file states, with the names as written there;
//! `subject` turns those names into a `Key`, and only keys are compared.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Timestamp;

/// One statement of one source, as written there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact {
    pub what: What,
    /// The story it is about; `None` for statements about the whole run.
    pub story: Option<StoryName>,
    pub voice: Voice,
    pub provenance: Provenance,
    /// The line it stands on; 0 in a document, which has no lines worth naming.
    pub line: u32,
    /// That line, cleaned but not trimmed.
    pub text: Box<str>,
    /// Hash of the opening line of the entry (see [`opening`]): tells which of several equal facts is the new one.
    pub open: u64,
    /// The record's own time, when it has one.
    pub when: Option<Stamp>,
}

/// A story as a source names it. At least one of the two is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct StoryName {
    /// As written, without brackets and generic words: `US-003`, `1.2`, `story-db`.
    pub id: Option<String>,
    pub title: Option<String>,
}

/// What is stated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
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
    /// What the runner is doing right now. State only, never counted and never an event.
    Activity {
        text: Option<String>,
        /// The runner's own count of its rounds, and after how many it gives up.
        iteration: Option<(u32, Option<u32>)>,
    },
}

/// How a story ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Passed,
    /// With the word the source uses: `failed`, `blocked`, …
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
    /// The other side cannot be reached, or says no.
    Network,
    /// A check, a test or a build failed.
    Validation,
    /// None of these, or nobody says.
    Unknown,
}

/// How a fact is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// A guess.
    Inferred,
    /// It follows from several lines or a state change.
    Derived,
    /// A line says so.
    Explicit,
}

/// Which pen wrote it. Two voices in one file may report the same piece of work (an agent's entry and a script's line);
/// they are counted apart, so that together they do not say it twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Voice {
    /// An entry: a heading and what stands under it.
    Entry,
    /// A line that says everything by itself.
    Line,
    /// A table, a checklist, a summary: says where things stand; each row at most once.
    Summary,
    /// A JSON record.
    Record,
}

/// When something happened, as the source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub at: Timestamp,
    pub precision: Precision,
}

/// How exactly a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// A date only: midnight stands for it, and no duration is taken from it.
    Day,
    /// Without seconds.
    Minute,
    /// To the second or better.
    Second,
}

/// What a fact is counted by, within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Key(pub u64);

/// The kinds of countable facts; the outcome is part of the kind, so that failed and passed are two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
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

impl Kind {
    pub(crate) fn of(what: &What) -> Option<Kind> {
        Some(match what {
            What::TaskStarted { .. } => Kind::TaskStarted,
            What::StoryStarted { .. } => Kind::StoryStarted,
            What::CriterionDone { .. } => Kind::CriterionDone,
            What::StoryEnded { outcome: Outcome::Passed, .. } => Kind::StoryPassed,
            What::StoryEnded { outcome: Outcome::Failed { .. }, .. } => Kind::StoryFailed,
            What::Error(_) => Kind::Error,
            What::TaskEnded { passed: true } => Kind::TaskPassed,
            What::TaskEnded { passed: false } => Kind::TaskFailed,
            What::Activity { .. } => return None,
        })
    }

    /// The word that goes into event ids. Never change one: ids of files already read would change with it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::TaskStarted => "task_started",
            Kind::StoryStarted => "story_started",
            Kind::CriterionDone => "ac_completed",
            Kind::StoryPassed => "story_passed",
            Kind::StoryFailed => "story_failed",
            Kind::Error => "error",
            Kind::TaskPassed => "task_passed",
            Kind::TaskFailed => "task_failed",
        }
    }

    /// Whether saying it twice is the same as saying it once.
    pub(crate) fn counts_once(self) -> bool {
        match self {
            Kind::TaskStarted | Kind::CriterionDone => true,
            Kind::StoryStarted | Kind::StoryPassed | Kind::StoryFailed | Kind::Error | Kind::TaskPassed | Kind::TaskFailed => false,
        }
    }
}

/// Hash of an opening line: list marks off, white space folded, dates kept.
pub(crate) fn opening(line: &str) -> u64 {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '*' | '+' | '#' | '>'));
    let mut folded = String::with_capacity(line.len());
    for word in line.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    xxh3_64(folded.as_bytes())
}
