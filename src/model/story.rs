//! One story: its attempts, its criteria, what is known about it and from whom.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::fact::{Outcome, Precision, Provenance};
use crate::format::SourceKind;
use crate::model::state::{CriterionState, ErrorState, StoryState, StoryStatus};
use crate::plan::{PlanCriterion, PlanStory};
use crate::subject::Subject;

/// A value with the authority it rests on: explicit over derived over inferred, then the order of [`SourceKind`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Known<T> {
    pub(super) value: T,
    rank: (std::cmp::Reverse<Provenance>, SourceKind),
}

impl<T> Known<T> {
    /// Takes `value` when it rests on more than what is there.
    pub(super) fn learn(slot: &mut Option<Known<T>>, value: Option<T>, provenance: Provenance, kind: SourceKind) {
        let rank = (std::cmp::Reverse(provenance), kind);
        if let Some(value) = value
            && slot.as_ref().is_none_or(|have| rank < have.rank)
        {
            *slot = Some(Known { value, rank });
        }
    }
}

/// A time, and whether durations may be taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) at: Timestamp,
    pub(super) precision: Precision,
    /// From the record, as opposed to seen by us: the two clocks are never subtracted from each other.
    pub(super) recorded: bool,
}

impl Mark {
    /// Milliseconds from `start` to `self`; `None` when the two cannot be compared or say nothing.
    pub(super) fn since(self, start: Mark) -> Option<u64> {
        const LONGEST: u64 = 30 * 24 * 3600 * 1000;
        if self.recorded != start.recorded || self.precision == Precision::Day || start.precision == Precision::Day {
            return None;
        }
        self.at.since(start.at).filter(|span| (1..=LONGEST).contains(span))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Story {
    pub(super) subject: Subject,
    pub(super) title: Option<Known<String>>,
    pub(super) in_plan: bool,
    pub(super) priority: Option<i64>,
    pub(super) status: StoryStatus,
    pub(super) starts: u32,
    pub(super) ends: u32,
    /// That it was started is only a guess.
    pub(super) guessed: bool,
    /// Of the attempt under way or the last one.
    pub(super) started: Option<Mark>,
    pub(super) finished: Option<Mark>,
    pub(super) duration_ms: Option<Known<u64>>,
    pub(super) commits: Vec<String>,
    pub(super) criteria: Vec<CriterionState>,
    /// When its start or its last criterion was seen, to time the next criterion.
    pub(super) seen: Option<Timestamp>,
    pub(super) last_error: Option<ErrorState>,
    /// How well that is known; less is better.
    pub(super) error_worth: Option<(bool, SourceKind)>,
    pub(super) plan_passed: Option<bool>,
    /// The outcome a log stated last, and which log.
    pub(super) log_says: Option<(Outcome, String)>,
}

impl Story {
    pub(super) fn new(subject: Subject) -> Self {
        Story {
            subject,
            title: None,
            in_plan: false,
            priority: None,
            status: StoryStatus::Pending,
            starts: 0,
            ends: 0,
            guessed: false,
            started: None,
            finished: None,
            duration_ms: None,
            commits: Vec::new(),
            criteria: Vec::new(),
            seen: None,
            last_error: None,
            error_worth: None,
            plan_passed: None,
            log_says: None,
        }
    }

    pub(super) fn title(&self) -> Option<&str> {
        self.title.as_ref().map(|known| known.value.as_str())
    }

    pub(super) fn id(&self) -> Option<String> {
        self.subject.id.as_deref().map(str::to_owned)
    }

    /// Whether anything was ever said of it but its name.
    pub(super) fn has_happened(&self) -> bool {
        self.starts + self.ends > 0 || self.last_error.is_some() || self.criteria.iter().any(|criterion| criterion.done)
    }

    /// Takes what the plan says of this story. Ticks survive when the criterion's text does.
    pub(super) fn take_plan(&mut self, planned: &PlanStory) {
        self.in_plan = true;
        self.priority = planned.priority;
        self.plan_passed = Some(planned.is_passed());
        if planned.is_passed() && self.status == StoryStatus::Pending {
            self.status = StoryStatus::Passed;
        }
        if let Some(title) = &planned.title {
            self.title = None;
            Known::learn(&mut self.title, Some(title.clone()), Provenance::Explicit, SourceKind::ExecutionLog);
        }
        let old = std::mem::take(&mut self.criteria);
        self.criteria = planned
            .criteria
            .iter()
            .enumerate()
            // Its own place first: a plan may use a text twice.
            .map(|(at, PlanCriterion { text, .. })| {
                match old.get(at).filter(|had| had.text == *text).or_else(|| old.iter().find(|had| had.text == *text)) {
                    Some(had) => had.clone(),
                    None => pending(text.clone()),
                }
            })
            .collect();
        self.criteria
            .extend(old.into_iter().filter(|had| had.done && !planned.criteria.iter().any(|criterion| criterion.text == had.text)));
    }

    /// The criterion with this index, made when it is new.
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

    /// Passed by a log although the plan calls it open, or the other way round.
    fn disagreement(&self) -> Option<String> {
        let (outcome, path) = self.log_says.as_ref()?;
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
            attempts: self.starts.max(self.ends),
            started_at: self.started.map(|mark| mark.at),
            finished_at: self.finished.map(|mark| mark.at),
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
