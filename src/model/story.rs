//! One story: its attempts, its criteria, and the authority of each value.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::fact::{Outcome, Precision, Provenance};
use crate::format::SourceKind;
use crate::model::state::{CriterionState, ErrorState, StoryState, StoryStatus};
use crate::plan::{PlanCriterion, PlanStory};
use crate::subject::StoryRef;

/// A value with its authority: explicit outranks derived outranks inferred, then the order of [`SourceKind`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ranked<T> {
    pub(super) value: T,
    rank: (std::cmp::Reverse<Provenance>, SourceKind),
}

impl<T> Ranked<T> {
    /// Stores `value` when its authority is higher than that of the present one.
    pub(super) fn update(slot: &mut Option<Ranked<T>>, value: Option<T>, provenance: Provenance, kind: SourceKind) {
        let rank = (std::cmp::Reverse(provenance), kind);
        if let Some(value) = value
            && slot.as_ref().is_none_or(|present| rank < present.rank)
        {
            *slot = Some(Ranked { value, rank });
        }
    }
}

/// A time, and whether durations may be taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timing {
    pub(super) at: Timestamp,
    pub(super) precision: Precision,
    /// The source states it; otherwise it is the time of reading. The two clocks are never subtracted from each other.
    pub(super) recorded: bool,
}

impl Timing {
    /// Milliseconds from `start` to `self`; `None` when the two come from different clocks, are exact to the day only, or lie too far apart.
    pub(super) fn since(self, start: Timing) -> Option<u64> {
        const LONGEST: u64 = 30 * 24 * 3600 * 1000;
        if self.recorded != start.recorded || self.precision == Precision::Day || start.precision == Precision::Day {
            return None;
        }
        self.at.since(start.at).filter(|span| (1..=LONGEST).contains(span))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Story {
    pub(super) subject: StoryRef,
    pub(super) title: Option<Ranked<String>>,
    pub(super) in_plan: bool,
    pub(super) priority: Option<i64>,
    pub(super) status: StoryStatus,
    pub(super) attempts: u32,
    pub(super) completions: u32,
    /// Its start is inferred.
    pub(super) guessed: bool,
    /// Of the running attempt, else of the last one.
    pub(super) started: Option<Timing>,
    pub(super) finished: Option<Timing>,
    pub(super) duration_ms: Option<Ranked<u64>>,
    pub(super) commits: Vec<String>,
    pub(super) criteria: Vec<CriterionState>,
    /// When its start or its last criterion was read: the next criterion is timed from it.
    pub(super) last_progress: Option<Timestamp>,
    pub(super) last_error: Option<ErrorState>,
    /// Rank of `last_error`; lower wins.
    pub(super) error_rank: Option<(bool, SourceKind)>,
    pub(super) plan_passed: Option<bool>,
    /// The outcome a log stated last, and which log.
    pub(super) log_outcome: Option<(Outcome, String)>,
}

impl Story {
    pub(super) fn new(subject: StoryRef) -> Self {
        Story {
            subject,
            title: None,
            in_plan: false,
            priority: None,
            status: StoryStatus::Pending,
            attempts: 0,
            completions: 0,
            guessed: false,
            started: None,
            finished: None,
            duration_ms: None,
            commits: Vec::new(),
            criteria: Vec::new(),
            last_progress: None,
            last_error: None,
            error_rank: None,
            plan_passed: None,
            log_outcome: None,
        }
    }

    pub(super) fn title(&self) -> Option<&str> {
        self.title.as_ref().map(|known| known.value.as_str())
    }

    pub(super) fn id(&self) -> Option<String> {
        self.subject.id.as_deref().map(str::to_owned)
    }

    /// Whether any source reported more of it than its name.
    pub(super) fn has_happened(&self) -> bool {
        self.attempts + self.completions > 0 || self.last_error.is_some() || self.criteria.iter().any(|criterion| criterion.done)
    }

    /// Applies the plan's entry for this story. A criterion stays done while the plan keeps its text.
    pub(super) fn apply_plan(&mut self, planned: &PlanStory) {
        self.in_plan = true;
        self.priority = planned.priority;
        self.plan_passed = Some(planned.is_passed());
        if planned.is_passed() && self.status == StoryStatus::Pending {
            self.status = StoryStatus::Passed;
        }
        if let Some(title) = &planned.title {
            self.title = None;
            Ranked::update(&mut self.title, Some(title.clone()), Provenance::Explicit, SourceKind::ExecutionLog);
        }
        let old = std::mem::take(&mut self.criteria);
        self.criteria = planned
            .criteria
            .iter()
            .enumerate()
            // The same index first: a plan may use a text twice.
            .map(|(at, PlanCriterion { text, .. })| {
                match old.get(at).filter(|old| old.text == *text).or_else(|| old.iter().find(|old| old.text == *text)) {
                    Some(kept) => kept.clone(),
                    None => pending(text.clone()),
                }
            })
            .collect();
        self.criteria
            .extend(old.into_iter().filter(|old| old.done && !planned.criteria.iter().any(|criterion| criterion.text == old.text)));
    }

    /// The criterion with this index; a missing one is added.
    pub(super) fn criterion(&mut self, index: u32, text: Option<&str>) -> &mut CriterionState {
        // Indices come from `subject`, which caps them.
        let index = index as usize;
        while self.criteria.len() <= index {
            self.criteria.push(pending(String::new()));
        }
        let criterion = &mut self.criteria[index];
        if criterion.text.is_empty()
            && let Some(text) = text
        {
            criterion.text = text.to_owned();
        }
        criterion
    }

    /// What a log and the plan contradict each other about.
    fn disagreement(&self) -> Option<String> {
        let (outcome, path) = self.log_outcome.as_ref()?;
        match (outcome, self.plan_passed?) {
            (Outcome::Passed, false) => Some(format!("{path} says passed, the plan calls it open")),
            (Outcome::Failed { reason }, true) => Some(format!("{path} says {reason}, the plan calls it passed")),
            (Outcome::Passed, true) | (Outcome::Failed { .. }, false) => None,
        }
    }

    pub(super) fn view(&self) -> StoryState {
        let criteria: Vec<CriterionState> = self
            .criteria
            .iter()
            .map(|criterion| {
                let assumed = !criterion.done && self.status == StoryStatus::Passed;
                CriterionState {
                    done: criterion.done || assumed,
                    provenance: if assumed { Some(Provenance::Inferred) } else { criterion.provenance },
                    ..criterion.clone()
                }
            })
            .collect();
        StoryState {
            story_id: self.id(),
            title: self.title().map(str::to_owned),
            status: self.status,
            priority: self.priority,
            in_plan: self.in_plan,
            guessed: self.guessed && self.status == StoryStatus::Running,
            attempts: self.attempts.max(self.completions),
            started_at: self.started.map(|timing| timing.at),
            finished_at: self.finished.map(|timing| timing.at),
            duration_ms: self.duration_ms.as_ref().map(|known| known.value),
            commits: self.commits.clone(),
            criteria_done: u32::try_from(criteria.iter().filter(|criterion| criterion.done).count()).unwrap_or(u32::MAX),
            criteria,
            last_error: self.last_error.clone(),
            disagreement: self.disagreement(),
        }
    }
}

fn pending(text: String) -> CriterionState {
    CriterionState { text, done: false, provenance: None, duration_ms: None }
}
