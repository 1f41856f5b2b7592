//! How long finished stories took, and what the estimator goes by.
//!
//! Most runners write no starts. There a story is timed from the end of the one before: that is what passed between two entries.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::fact::{Precision, Provenance};
use crate::format::SourceKind;
use crate::model::TaskModel;
use crate::model::attempt::{Attempt, Timing};
use crate::model::sleeps::Sleeps;
use crate::model::state::{AttemptResult, StoryStatus};
use crate::model::story::{Ranked, Story};

/// Milliseconds between two ends beyond which nobody was at work: a night, a weekend.
const LONGEST_GAP: u64 = 4 * 3600 * 1000;

/// Milliseconds that a story can take as an agent's own words have it. Less is the time of a test run, more is an estimate in days.
const STATED_IN_PROSE: std::ops::RangeInclusive<u64> = 10_000..=12 * 3600 * 1000;

/// A story that passed and whose time is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finished {
    /// When it passed; `None` when only a record's duration is known.
    pub ended_at: Option<Timestamp>,
    /// All its attempts together.
    pub duration_ms: u64,
}

/// What the estimator computes the remaining time and quiet from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EstimateInput {
    /// In the order of their ends.
    pub finished: Vec<Finished>,
    /// Stories of the plan that have neither passed nor are held back; `None` without a plan.
    pub stories_left: Option<usize>,
    /// Those that are blocked.
    pub blocked: u32,
    /// Since when the story that is being worked on is under way; `None` when nothing tells.
    pub current_since: Option<Timestamp>,
    pub last_activity: Option<Timestamp>,
    sleeps: Sleeps,
    pub is_running: bool,
    pub is_over: bool,
}

impl EstimateInput {
    /// How long ago that was, without what the machine slept.
    pub fn awake_since(&self, at: Timestamp, now: Timestamp) -> Option<Duration> {
        self.sleeps.awake_between(at, now).map(Duration::from_millis)
    }
}

/// The ends of attempts by each of the two clocks, in order: what comes before an end began the story that it ends.
pub(super) struct Ends<'a> {
    recorded: Vec<Timing>,
    observed: Vec<Timing>,
    sleeps: &'a Sleeps,
}

impl<'a> Ends<'a> {
    pub(super) fn of(model: &'a TaskModel) -> Self {
        let attempts = model.stories.iter().flat_map(|story| &story.attempts);
        let ends = attempts.filter_map(|attempt| attempt.ended).chain(model.started);
        let (mut recorded, mut observed): (Vec<Timing>, Vec<Timing>) =
            ends.filter(|end| end.precision != Precision::Day).partition(|end| end.recorded);
        recorded.sort_by_key(|end| end.at);
        observed.sort_by_key(|end| end.at);
        Ends { recorded, observed, sleeps: &model.sleeps }
    }

    /// Milliseconds since the last end before this one, by the same clock. Entries that were written together share the time.
    fn gap(&self, end: Timing) -> Option<u64> {
        if end.precision == Precision::Day {
            return None;
        }
        let ends = if end.recorded { &self.recorded } else { &self.observed };
        let (earlier, others) = ends.split_at(ends.partition_point(|other| other.at < end.at));
        let before = *earlier.last()?;
        end.since(before)?;
        let gap = self.sleeps.awake_between(before.at, end.at).filter(|gap| *gap <= LONGEST_GAP)?;
        let together = others.iter().take_while(|other| other.at == end.at).count().max(1);
        Some(gap / together as u64)
    }

    fn last(&self) -> Option<Timing> {
        self.recorded.last().into_iter().chain(self.observed.last()).max_by_key(|end| end.at).copied()
    }

    /// How long an attempt took, and how that is known.
    pub(super) fn duration(&self, attempt: &Attempt) -> Option<(u64, Provenance)> {
        let is_absurd =
            |known: &Ranked<u64>| attempt.stated && known.kind() == SourceKind::ProgressLog && !STATED_IN_PROSE.contains(&known.value);
        if let Some(known) = attempt.duration_ms.as_ref().filter(|known| !is_absurd(known)) {
            let provenance = if attempt.stated { Provenance::Explicit } else { Provenance::Derived };
            return Some((known.value, provenance));
        }
        let end = attempt.ended?;
        match attempt.started {
            Some(start) => end.since(start).and_then(|_| Some((self.sleeps.awake_between(start.at, end.at)?, Provenance::Derived))),
            None => Some((self.gap(end)?, Provenance::Inferred)),
        }
    }

    /// A story's attempts up to the one that passed: what it cost.
    fn cost(&self, story: &Story) -> Option<Finished> {
        let passed = story.attempts.iter().rposition(|attempt| attempt.result == AttemptResult::Passed)?;
        let (last, earlier) = story.attempts[..=passed].split_last()?;
        let own = self.duration(last)?.0;
        // Attempts of another pass belong to that one.
        let failed = earlier.iter().rev().take_while(|attempt| attempt.result != AttemptResult::Passed);
        let lost: u64 = failed.filter_map(|attempt| self.duration(attempt)).map(|(ms, _)| ms).sum();
        Some(Finished { ended_at: last.ended.map(|end| end.at), duration_ms: own + lost })
    }
}

/// The figures for the estimator.
pub(super) fn estimate_input(model: &TaskModel) -> EstimateInput {
    let ends = Ends::of(model);
    let passed = model.stories.iter().filter(|story| story.status() == StoryStatus::Passed);
    let mut finished: Vec<Finished> = passed.filter_map(|story| ends.cost(story)).collect();
    finished.sort_by_key(|story| story.ended_at);
    let left = |statuses: &[StoryStatus]| model.stories.iter().filter(|story| story.in_plan && statuses.contains(&story.status())).count();
    let open = [StoryStatus::Open, StoryStatus::InProgress, StoryStatus::Failed];
    // Between two stories the next one is under way already, where nobody writes when it begins.
    let current = current(model).and_then(|index| model.stories[index].started());
    EstimateInput {
        finished,
        stories_left: model.story_count().map(|_| left(&open)),
        blocked: super::to_u32(left(&[StoryStatus::Blocked])),
        current_since: current.filter(|start| start.precision != Precision::Day).or_else(|| ends.last()).map(|start| start.at),
        last_activity: model.last_activity.as_ref().map(|(at, _)| *at),
        sleeps: model.sleeps.clone(),
        is_running: model.is_running(),
        is_over: model.end.is_some(),
    }
}

/// The story that is being worked on: what is said before what is guessed, then the one that began last.
pub(super) fn current(model: &TaskModel) -> Option<usize> {
    let under_way = model.stories.iter().enumerate().filter(|(_, story)| story.status() == StoryStatus::InProgress);
    let latest = under_way.max_by_key(|(index, story)| {
        let began = story.started().map(|start| start.at);
        (!story.is_guessed(), began, std::cmp::Reverse(*index))
    });
    latest.map(|(index, _)| index)
}
