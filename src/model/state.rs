//! What every screen shows: the one snapshot that `/api/state`, `/stream/state`, the box, the page and `--once` read.

use serde::Serialize;

use crate::error::Notice;
use crate::event::Seq;
use crate::fact::Provenance;
use crate::line::Timestamp;

/// Everything known at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    pub schema: u32,
    /// When this snapshot was taken; readers count elapsed time from it, not from their own clock.
    pub server_time: Timestamp,
    /// The last event that is in this snapshot.
    pub seq: Seq,
    pub tasks: Vec<TaskState>,
    /// The last 20, oldest first.
    pub notices: Vec<Notice>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskState {
    pub task_id: String,
    pub task_name: String,
    pub run: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    pub status: TaskStatus,
    /// In plan order, then in order of appearance.
    pub stories: Vec<StoryState>,
    /// Stories of the plan; without a plan there is no such number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_count: Option<u32>,
    pub stories_passed: u32,
    pub stories_failed: u32,
    /// Stories passed ÷ stories, floored; 100 only when the run passed; absent without a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Index into `stories`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_story: Option<usize>,
    /// What the runner said last that it is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// First trusted time of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// When a watched file of this task moved last, and which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity_path: Option<String>,
    pub remaining: Remaining,
    pub errors: u32,
    pub retries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<ErrorState>,
    /// Why the last change of the story list or a reopening happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_change: Option<String>,
    pub sources: Vec<SourceState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Nothing of a run has been read yet.
    Waiting,
    Running,
    /// No watched file has moved for longer than a story usually takes. Advice, never an action.
    Quiet,
    Passed,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoryState {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub status: StoryStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    pub in_plan: bool,
    /// Attempts begun.
    pub attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Of the last finished attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<String>,
    pub criteria: Vec<CriterionState>,
    pub criteria_done: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<ErrorState>,
    /// What the sources contradict each other about, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StoryStatus {
    Pending,
    Running,
    Passed,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CriterionState {
    pub text: String,
    pub done: bool,
    /// How it is known to be done; `inferred` for the unticked criteria of a story that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorState {
    pub error_type: crate::fact::ErrorKind,
    pub error_message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    pub at: Timestamp,
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// The time left, as a range with its basis, or why it is not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Remaining {
    Unknown {
        because: &'static str,
    },
    /// Rounded; seconds. `low` and `high` are the 10th and 90th percentile.
    Range {
        median_secs: u64,
        low_secs: u64,
        high_secs: u64,
        from_stories: u32,
    },
    /// The current story has taken longer than nine in ten would.
    LongerThanUsual {
        usual_low_secs: u64,
        usual_high_secs: u64,
    },
}

/// One watched file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceState {
    /// Relative to the task's folder.
    pub path: String,
    /// What it was taken for: a format's name, `unknown` until its content tells.
    pub kind: String,
    pub state: SourceCondition,
    /// Lines that gave a fact or belong to an entry.
    pub understood: u64,
    pub unknown: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceCondition {
    /// Not there yet.
    Waiting,
    Reading,
    /// It was there and is gone.
    Gone,
    Unreadable,
}
