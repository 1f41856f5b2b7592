//! What every screen shows: the one snapshot that `/api/state`, `/stream/state`, the box, the page and `--once` read.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Notice;
use crate::event::Seq;
use crate::fact::Provenance;

/// Everything known at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// The version of these shapes: [`crate::event::SCHEMA`].
    pub schema: u32,
    /// When this snapshot was taken; readers count elapsed time from it, not from their own clock.
    pub server_time: Timestamp,
    /// The last event that is in this snapshot.
    pub seq: Seq,
    /// In the order of `discover`.
    pub tasks: Vec<TaskState>,
    /// The last 20, oldest first.
    pub notices: Vec<Notice>,
}

/// One task in its present run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskState {
    /// The name of its folder.
    pub task_id: String,
    /// The plan's name, else the log header's, else the id.
    pub task_name: String,
    /// As in the events; empty before the first one.
    pub run: String,
    /// As the plan has it, else the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Where the run stands.
    pub status: TaskStatus,
    /// In plan order, then in order of appearance.
    pub stories: Vec<StoryState>,
    /// Stories of the plan; without a plan there is no such number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_count: Option<u32>,
    /// Where there is a plan, only the plan's stories count.
    pub stories_passed: u32,
    /// Those whose last attempt failed.
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
    /// The runner's own count of its rounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u32>,
    /// After so many rounds the runner gives up, as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// First trusted time of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the run ended; absent while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// When a watched file of this task moved last, and which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity_at: Option<Timestamp>,
    /// See `last_activity_at`; relative to the task's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity_path: Option<String>,
    /// Time left, estimated.
    pub remaining: Remaining,
    /// `error_occurred` events of this run.
    pub errors: u32,
    /// Attempts beyond the first, over all stories.
    pub retries: u32,
    /// The last one that was an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<ErrorState>,
    /// Why the last change of the story list or a reopening happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_change: Option<String>,
    /// The watched files of this task.
    pub sources: Vec<SourceState>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Nothing of a run has been read yet.
    Waiting,
    /// Something of it has been read, and nobody has said that it is over.
    Running,
    /// No watched file has moved for longer than a story usually takes. Advice, never an action.
    Quiet,
    /// Every story of the plan is true; without a plan, the runner said so.
    Passed,
    /// The runner said that it ended without success.
    Failed,
}

/// One story: of the plan, or only of the logs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoryState {
    /// As the plan or the first source spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_id: Option<String>,
    /// Always there when `story_id` is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where it stands; passed beats failed until the plan reopens it.
    pub status: StoryStatus,
    /// As the plan has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// Whether the plan lists it (still).
    pub in_plan: bool,
    /// That it is running is only a guess.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
    /// Attempts begun.
    pub attempts: u32,
    /// Of the attempt under way, else of the last one; absent when nobody says or saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Of the last finished attempt, in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Of the last finished attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Hashes as the sources write them, over all attempts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<String>,
    /// In the plan's order, then those that only a log names.
    pub criteria: Vec<CriterionState>,
    /// How many of `criteria` are done.
    pub criteria_done: u32,
    /// The last error of this story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<ErrorState>,
    /// What the sources contradict each other about, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<String>,
}

/// Where a story stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoryStatus {
    /// Not begun.
    Pending,
    /// Begun and not ended.
    Running,
    /// Ended with success.
    Passed,
    /// Its last attempt ended without.
    Failed,
}

/// One acceptance criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriterionState {
    /// The plan's text, else the one it was ticked with; empty when it was ticked by number only.
    pub text: String,
    /// Ticked, or assumed because its story passed.
    pub done: bool,
    /// How it is known to be done; `inferred` for the unticked criteria of a story that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// Milliseconds; see `ac_completed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// An error as a source marked it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorState {
    /// What sort of thing went wrong.
    pub error_type: crate::fact::ErrorKind,
    /// As written.
    pub error_message: String,
    /// Absent for an error of no story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_id: Option<String>,
    /// Only where the source says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// The record's time, else when we saw it.
    pub at: Timestamp,
    /// Relative to the task's folder.
    pub path: String,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// The time left, as a range with its basis, or why it is not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Remaining {
    /// Nothing to go by.
    Unknown {
        /// In words, for people.
        because: &'static str,
    },
    /// Rounded; seconds.
    Range {
        /// Half of all runs like this one would take longer.
        median_secs: u64,
        /// The 10th percentile.
        low_secs: u64,
        /// The 90th percentile.
        high_secs: u64,
        /// Finished stories of this run that it rests on.
        from_stories: u32,
    },
    /// The current story has taken longer than nine in ten would.
    LongerThanUsual {
        /// Seconds, rounded: the 10th percentile of a story.
        usual_low_secs: u64,
        /// The 90th percentile.
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
    /// Whether it is there.
    pub state: SourceCondition,
    /// Lines that gave a fact or belong to an entry.
    pub understood: u64,
    /// Lines that said nothing to us.
    pub unknown: u64,
}

/// Whether a watched file is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
