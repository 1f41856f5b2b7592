//! What every screen shows: the one snapshot that `/api/state`, `/stream/state`, the box, the page, `status` and `--once` read.
//!
//! The shapes are a contract: `docs/state.md` explains them, `docs/state.schema.json` says them formally, `fixtures/state/` has samples.

mod query;
mod remaining;
mod source;
mod status;
mod story;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Notice;
use crate::event::Seq;
use crate::fact::{Precision, Provenance};
use crate::model::agent::AgentState;
use crate::text::CleanText;

pub use query::TaskQuery;
pub use remaining::{FirstGuess, Remaining, UsualStory};
pub use source::{FileCounts, SourceCondition, SourceState, SourceUnit, UnknownLine};
pub use status::{Attention, AttentionKind, Headline, TaskStatus};
pub use story::{
    AttemptResult, AttemptState, CriterionState, CriterionStatus, Disagreement, LeftOut, SourceStatement, StoryState, StoryStatus,
};

/// Everything known at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of these shapes: [`crate::event::SCHEMA`].
    pub schema: u32,
    /// When this snapshot was taken; readers count elapsed time from it, not from their own clock.
    pub server_time: Timestamp,
    /// The last event that is in this snapshot.
    pub seq: Seq,
    /// In the order of `discover`; 200 at most.
    pub tasks: Vec<TaskState>,
    /// How many of the tasks are not listed; absent when all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<Unlisted>,
    /// The last 20, oldest first.
    pub notices: Vec<Notice>,
    /// All watched files, listed or not. Never sent: the bridge's own health is counted by it.
    #[serde(skip)]
    pub files: FileCounts,
}

/// Tasks that screens give one line: "n finished, m planned".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlisted {
    /// Tasks that are over.
    pub finished: u32,
    /// Tasks that have not begun.
    pub planned: u32,
    /// Tasks beyond 200, in neither.
    pub left_out: u32,
}

/// One task in its present run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskState {
    /// Unique in this bridge.
    pub task_id: CleanText,
    /// The plan's name, else the log header's, else the id.
    pub task_name: CleanText,
    /// What tells it from other tasks of the same name: its branch, else its folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<CleanText>,
    /// Its name and the one of the folder that it is in.
    pub folder: CleanText,
    /// The same on this machine, which is never sent: it tells tasks of one name apart.
    #[serde(skip)]
    pub root: PathBuf,
    /// As in the events; empty before the first one.
    pub run: CleanText,
    /// As the plan has it, else the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<CleanText>,
    /// False for a task that has not moved in the last 24 h.
    pub listed: bool,
    /// Where the run stands.
    pub status: TaskStatus,
    /// Only with `running`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<Attention>,
    /// For `ended` and `failed`: who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<CleanText>,
    /// First trusted time of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Of `started_at`; absent when to the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_precision: Option<Precision>,
    /// Whose clock `started_at` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_source: Option<crate::event::TimestampSource>,
    /// When the run ended; absent while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Of `finished_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_precision: Option<Precision>,
    /// Of a run that is over, when both ends are by one clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The last sign of life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity_at: Option<Timestamp>,
    /// The file that gave it; relative to the task's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity_path: Option<CleanText>,
    /// Stories of the plan without the deferred and cancelled ones; absent without a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_count: Option<u32>,
    /// Where there is a plan, only the plan's stories count.
    pub stories_passed: u32,
    /// Those whose last attempt failed.
    pub stories_failed: u32,
    /// Those that cannot go on.
    pub stories_blocked: u32,
    /// Deferred and cancelled.
    pub stories_dropped: u32,
    /// Stories passed ÷ stories, floored; 100 only when the run passed; absent without a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// The last reason for which `percent` may have fallen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_change: Option<ScopeChange>,
    /// In the plan's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupState>,
    /// The plan's, in its order; without a plan all that the logs name, in order of appearance.
    pub stories: Vec<StoryState>,
    /// Work that a log reports and the plan does not list: it counts nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplanned: Vec<StoryState>,
    /// What is being worked on.
    pub current_story: CurrentStory,
    /// What the runner said last that it is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal_line: Option<TerminalLine>,
    /// The runner's own count of its rounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u32>,
    /// After so many rounds the runner gives up, as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// The first is the headline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentState>,
    /// Time left, estimated.
    pub remaining: Remaining,
    /// The first range that was given for this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_guess: Option<FirstGuess>,
    /// How long a story of this run usually takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usual_story: Option<UsualStory>,
    /// One point a change, oldest first; 500 at most.
    pub history: Vec<HistoryPoint>,
    /// Earlier runs, latest first; 20 at most.
    pub runs: Vec<RunState>,
    /// `error_occurred` events of this run.
    pub errors: u32,
    /// Attempts beyond the first, over all stories.
    pub retries: u32,
    /// The last one that was an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<ErrorState>,
    /// The watched files of this task; 200 at most, those that hold something before the others.
    pub sources: Vec<SourceState>,
    /// How many more are watched.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sources_left_out: u32,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl TaskState {
    /// A task of which nothing is known but its names.
    pub fn waiting(task_id: CleanText, task_name: CleanText) -> TaskState {
        TaskState {
            task_id,
            task_name,
            qualifier: None,
            folder: CleanText::default(),
            root: PathBuf::new(),
            run: CleanText::default(),
            branch: None,
            listed: true,
            status: TaskStatus::Waiting,
            attention: None,
            end_reason: None,
            started_at: None,
            started_precision: None,
            started_source: None,
            finished_at: None,
            finished_precision: None,
            duration_ms: None,
            last_activity_at: None,
            last_activity_path: None,
            story_count: None,
            stories_passed: 0,
            stories_failed: 0,
            stories_blocked: 0,
            stories_dropped: 0,
            percent: None,
            plan_change: None,
            groups: Vec::new(),
            stories: Vec::new(),
            unplanned: Vec::new(),
            current_story: CurrentStory::None,
            terminal_line: None,
            iteration: None,
            max_iterations: None,
            agents: Vec::new(),
            remaining: Remaining::Unknown { reason: "not known".into() },
            first_guess: None,
            usual_story: None,
            history: Vec::new(),
            runs: Vec::new(),
            errors: 0,
            retries: 0,
            last_error: None,
            sources: Vec::new(),
            sources_left_out: 0,
        }
    }

    /// The story that is being worked on, as far as known.
    pub fn current(&self) -> Option<&StoryState> {
        match self.current_story {
            CurrentStory::Known { index, .. } => self.stories.get(index),
            CurrentStory::Unplanned { index, .. } => self.unplanned.get(index),
            CurrentStory::Unknown { .. } | CurrentStory::None => None,
        }
    }

    /// The stories of the plan, then the unplanned ones.
    pub fn all_stories(&self) -> impl DoubleEndedIterator<Item = &StoryState> {
        self.stories.iter().chain(&self.unplanned)
    }

    /// What one word says of it.
    pub fn headline(&self) -> Headline {
        Headline::of(self.status, self.attention.as_ref().map(|attention| attention.kind))
    }
}

/// Why the list of stories changed, or one fell back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeChange {
    /// When it was read.
    pub at: Timestamp,
    /// In words.
    pub reason: CleanText,
}

/// Stories that the plan keeps together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupState {
    /// As the plan has it; unique within the task.
    pub name: CleanText,
    /// Its stories without the deferred and cancelled ones.
    pub story_count: u32,
    /// Of them.
    pub stories_passed: u32,
    /// Of them.
    pub stories_failed: u32,
}

/// What is being worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CurrentStory {
    /// This story.
    Known {
        /// Index into `stories`.
        index: usize,
        /// `inferred`: a guess.
        provenance: Provenance,
    },
    /// This one, which the plan does not list.
    Unplanned {
        /// Index into `unplanned`.
        index: usize,
        /// How its start is known.
        provenance: Provenance,
    },
    /// Something may be under way; nothing says what.
    Unknown {
        /// In words.
        reason: CleanText,
    },
    /// Nothing is under way.
    None,
}

impl CurrentStory {
    /// Index into the task's `stories`.
    pub fn index(&self) -> Option<usize> {
        match self {
            CurrentStory::Known { index, .. } => Some(*index),
            CurrentStory::Unplanned { .. } | CurrentStory::Unknown { .. } | CurrentStory::None => None,
        }
    }
}

/// The last line of a runner's terminal log that says what it is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalLine {
    /// Cleaned and cut.
    pub text: CleanText,
    /// When it was read.
    pub at: Timestamp,
    /// Relative to the task's folder.
    pub path: CleanText,
}

/// An error as a source marked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorState {
    /// What sort of thing went wrong.
    pub error_type: crate::fact::ErrorKind,
    /// As written.
    pub error_message: CleanText,
    /// Absent for an error of no story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_id: Option<CleanText>,
    /// Only where the source says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// Only where the source says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// The record's time, else when we saw it.
    pub at: Timestamp,
    /// Relative to the task's folder.
    pub path: CleanText,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// How it is known.
    pub provenance: Provenance,
}

/// How far the run was from some moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPoint {
    /// When it changed.
    pub at: Timestamp,
    /// Stories passed.
    pub passed: u32,
    /// Stories of the plan; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// Why `total` changed or `passed` fell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<CleanText>,
}

/// An earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// As `run` of a task.
    pub name: CleanText,
    /// When known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// `ended`: another run began and nobody said how this one went.
    pub status: TaskStatus,
    /// Stories.
    pub passed: u32,
    /// Stories of its plan; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
}
