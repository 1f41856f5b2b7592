//! One story in a snapshot: its attempts, its criteria, what its sources contradict each other about.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::fact::{Precision, Provenance};
use crate::text::CleanText;

use super::ErrorState;

/// One story: of the plan, or only of the logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoryState {
    /// As the plan or the first source spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_id: Option<CleanText>,
    /// Always there when `story_id` is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<CleanText>,
    /// Where it stands; passed beats failed until the plan reopens it.
    pub status: StoryStatus,
    /// The source's word or message for a status that is neither open, in progress nor passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<CleanText>,
    /// How the status is known; absent while open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// Whether the plan lists it (still).
    pub in_plan: bool,
    /// The name of one of the task's groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<CleanText>,
    /// As the plan has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// Attempts begun.
    pub attempt_count: u32,
    /// Oldest first, the last 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<AttemptState>,
    /// Of the attempt under way, else of the last one; absent when nobody says or saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Of `started_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_precision: Option<Precision>,
    /// Of the last attempt that ended, in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Of `finished_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_precision: Option<Precision>,
    /// Of the last attempt that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// `explicit`: the record says it. `derived`: from its start to its end. `inferred`: from the end of the story before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_provenance: Option<Provenance>,
    /// When it fell back from passed; absent once it has passed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopened_at: Option<Timestamp>,
    /// When it came into the plan after the run's first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_at: Option<Timestamp>,
    /// When anything of it changed last, by our clock; absent for what was found at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Hashes as the sources write them, over all attempts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<CleanText>,
    /// How many criteria there are.
    pub criteria_count: u32,
    /// How many of them are done.
    pub criteria_done: u32,
    /// Criteria done ÷ criteria, floored; absent without criteria.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// In the plan's order, then those that only a log names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<CriterionState>,
    /// The last error of this story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Box<ErrorState>>,
    /// What the sources contradict each other about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<Box<Disagreement>>,
    /// Attempts and criteria that the snapshot does without: see [`StoryState::whole`].
    #[serde(skip)]
    pub left_out: Option<Box<LeftOut>>,
}

/// What a snapshot does without of a story that nobody is looking at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// As [`StoryState::attempts`].
    pub attempts: Vec<AttemptState>,
    /// As [`StoryState::criteria`].
    pub criteria: Vec<CriterionState>,
}

impl StoryState {
    /// With everything that the snapshot left out.
    pub fn whole(&self) -> StoryState {
        let mut whole = self.clone();
        if let Some(left_out) = whole.left_out.take() {
            (whole.attempts, whole.criteria) = (left_out.attempts, left_out.criteria);
        }
        whole
    }

    /// Whether it is only guessed to be under way.
    pub fn is_guessed(&self) -> bool {
        self.status == StoryStatus::InProgress && self.provenance == Some(Provenance::Inferred)
    }
}

/// Where a story stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoryStatus {
    /// Not begun, or fallen back.
    Open,
    /// Begun and not ended.
    InProgress,
    /// Ended with success.
    Passed,
    /// Its last attempt ended without.
    Failed,
    /// Cannot go on.
    Blocked,
    /// Put off: counts nowhere.
    Deferred,
    /// Given up: counts nowhere.
    Cancelled,
}

/// One attempt at a story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptState {
    /// From 1.
    pub n: u32,
    /// Absent when nobody says or saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Absent while it goes on, and when nobody says or saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it went.
    pub result: AttemptResult,
    /// For `failed`: the source's word or message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<CleanText>,
    /// The file that says how it ended, else how it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<CleanText>,
    /// Its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Of the less exact of the two times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// How the result is known; of an attempt under way, its start.
    pub provenance: Provenance,
}

/// How an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// It goes on.
    InProgress,
    /// With success.
    Passed,
    /// Without.
    Failed,
    /// The run ended, or another attempt began, and nobody said.
    Stopped,
}

/// One acceptance criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriterionState {
    /// The plan's text, else the one it was ticked with; empty when it was ticked by number only.
    pub text: CleanText,
    /// `in_progress` only where a source says which one is worked on.
    pub status: CriterionStatus,
    /// How that is known; `inferred` for the unticked criteria of a story that passed; absent while open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// Milliseconds; see `ac_completed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

impl CriterionState {
    /// Ticked, or assumed because its story passed.
    pub fn is_done(&self) -> bool {
        self.status == CriterionStatus::Done
    }
}

/// Where a criterion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriterionStatus {
    /// Not done.
    Open,
    /// A source says that it is worked on.
    InProgress,
    /// Done.
    Done,
}

/// What the sources contradict each other about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disagreement {
    /// In words, for people.
    pub text: CleanText,
    /// Whom the status follows.
    pub holds: SourceStatement,
    /// Who says otherwise.
    pub loses: SourceStatement,
}

/// One side of a disagreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatement {
    /// Relative to the task's folder.
    pub path: CleanText,
    /// Documents have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The line, cleaned and cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<CleanText>,
    /// In words: `passed`, `open`, `blocked`.
    pub status: CleanText,
}
