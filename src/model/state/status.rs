//! Where a run stands, and whether a person should look at it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::text::CleanText;

/// What one word says of a task: what it wants, else its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Headline {
    /// See [`TaskStatus`].
    Waiting,
    /// See [`TaskStatus`].
    Planned,
    /// See [`TaskStatus`].
    Running,
    /// It runs, and no sign of life has come for longer than usual.
    Quiet,
    /// It runs, and a person must do something.
    NeedsYou,
    /// See [`TaskStatus`].
    Ended,
    /// See [`TaskStatus`].
    Passed,
    /// See [`TaskStatus`].
    Failed,
}

impl Headline {
    /// What a task wants, else its status.
    pub fn of(status: TaskStatus, attention: Option<AttentionKind>) -> Headline {
        match (status, attention) {
            (TaskStatus::Running, Some(AttentionKind::Quiet)) => Headline::Quiet,
            (TaskStatus::Running, Some(AttentionKind::NeedsYou)) => Headline::NeedsYou,
            (TaskStatus::Running, None) => Headline::Running,
            (TaskStatus::Waiting, _) => Headline::Waiting,
            (TaskStatus::Planned, _) => Headline::Planned,
            (TaskStatus::Ended, _) => Headline::Ended,
            (TaskStatus::Passed, _) => Headline::Passed,
            (TaskStatus::Failed, _) => Headline::Failed,
        }
    }

    /// In the order in which they want a look.
    pub const ALL: [Headline; 8] = [
        Headline::NeedsYou,
        Headline::Quiet,
        Headline::Failed,
        Headline::Ended,
        Headline::Running,
        Headline::Waiting,
        Headline::Planned,
        Headline::Passed,
    ];

    /// Its place in [`Headline::ALL`].
    pub fn rank(self) -> usize {
        Headline::ALL.iter().position(|headline| *headline == self).unwrap_or(Headline::ALL.len())
    }

    /// As programs write it: `needs_you`.
    pub fn name(self) -> &'static str {
        match self {
            Headline::NeedsYou => "needs_you",
            headline => headline.word(),
        }
    }

    /// As people read it, in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Headline::Waiting => "waiting",
            Headline::Planned => "planned",
            Headline::Running => "running",
            Headline::Quiet => "quiet",
            Headline::NeedsYou => "needs you",
            Headline::Ended => "ended",
            Headline::Passed => "passed",
            Headline::Failed => "failed",
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// No source holds anything yet.
    Waiting,
    /// A plan, and nothing of it begun.
    Planned,
    /// Something of a run has been read, and nobody has said that it is over.
    Running,
    /// The runner stopped, and the run is not complete.
    Ended,
    /// Every story of the plan is true; without a plan, the runner said so.
    Passed,
    /// The runner said that it ended without success.
    Failed,
}

impl TaskStatus {
    /// Whether the run is over.
    pub fn is_over(self) -> bool {
        match self {
            TaskStatus::Ended | TaskStatus::Passed | TaskStatus::Failed => true,
            TaskStatus::Waiting | TaskStatus::Planned | TaskStatus::Running => false,
        }
    }
}

/// Why a person may want to look. Advice, never an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// What sort of look.
    pub kind: AttentionKind,
    /// In words: what was looked at, what is asked.
    pub reason: CleanText,
    /// The last sign of life; when it was asked.
    pub since: Timestamp,
}

/// What sort of look a run wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionKind {
    /// No sign of life for longer than usual.
    Quiet,
    /// A person must do something.
    NeedsYou,
}
