//! Statement the snapshot of the state shows beside the model: each source, and the remaining time of a task.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::estimate::{self, Outlook};
use crate::format::SourceKind;
use crate::model::EstimateInput;
use crate::model::state::{Remaining, SourceCondition, SourceState};

use super::log_source::LogSource;
use super::plan_source::PlanSource;

pub(super) fn log_state(log: &LogSource, state: SourceCondition) -> SourceState {
    let (understood, unknown) = log.parser().line_counts();
    let kind = log.parser().kind().name().to_owned();
    SourceState { path: log.path.to_string(), kind, state, understood, unknown }
}

pub(super) fn plan_state(source: &PlanSource, state: SourceCondition) -> SourceState {
    let kind = if source.plan.is_some() { SourceKind::Plan } else { SourceKind::Unknown };
    let understood = source.plan.as_ref().map_or(0, |plan| plan.stories.len() as u64);
    SourceState { path: source.path.to_string(), kind: kind.name().to_owned(), state, understood, unknown: 0 }
}

/// Whether a task has been quiet for longer than a story usually takes, and its remaining time.
pub(super) fn outlook(input: &EstimateInput, now: Timestamp) -> (bool, Remaining) {
    let finished: Vec<Duration> = input.durations_ms.iter().map(|ms| Duration::from_millis(*ms)).collect();
    let since = |at: Timestamp| now.since(at).map(Duration::from_millis);
    let quiet = !input.ended && input.last_activity.and_then(since).is_some_and(|still| still > estimate::quiet_after(&finished));
    let current = input.current_since.and_then(since);
    let to_come = input.stories_left.map(|left| u32::try_from(left.saturating_sub(usize::from(input.has_current))).unwrap_or(u32::MAX));
    (quiet, estimate::remaining(&Outlook { finished: &finished, current, to_come, quiet }))
}
