//! What screens are shown: the tasks as the model sees them, with the time that is left and where each file stands.

use std::time::Duration;

use crate::clock::{ClockReading, Timestamp};
use crate::estimate::{self, Outlook};
use crate::event::SCHEMA;
use crate::format::SourceKind;
use crate::model::EstimateInput;
use crate::model::state::{Remaining, SourceState, State};

use super::{Engine, Machine, Place};

impl Engine {
    /// The snapshot for screens.
    pub fn state(&self, now: ClockReading) -> State {
        let mut sources: Vec<Vec<SourceState>> = self.tasks.iter().map(|_| Vec::new()).collect();
        for place in &self.sources {
            sources[place.task].push(self.source_state(place));
        }
        let tasks = self.tasks.iter().zip(sources).map(|(task, sources)| {
            let (quiet, remaining) = outlook(&task.model.estimate_input(), now.wall);
            task.model.view(sources, quiet, remaining)
        });
        State {
            schema: SCHEMA,
            server_time: now.wall,
            seq: self.seq,
            tasks: tasks.collect(),
            notices: self.notices.iter().cloned().collect(),
        }
    }

    fn source_state(&self, place: &Place) -> SourceState {
        let task = &self.tasks[place.task];
        match place.machine {
            Machine::Lines(at) => {
                let (understood, unknown) = task.lines[at].reader().line_counts();
                let kind = task.lines[at].reader().kind().name().to_owned();
                SourceState { path: task.lines[at].path.to_string(), kind, state: place.condition, understood, unknown }
            }
            Machine::Plan(at) => {
                let plan = &task.plans[at];
                let kind = if plan.plan.is_some() { SourceKind::Plan } else { SourceKind::Unknown };
                let understood = plan.plan.as_ref().map_or(0, |plan| plan.stories.len() as u64);
                SourceState { path: plan.path.to_string(), kind: kind.name().to_owned(), state: place.condition, understood, unknown: 0 }
            }
        }
    }
}

/// Whether nothing has moved for longer than a story usually takes, and how long the rest will take.
fn outlook(input: &EstimateInput, now: Timestamp) -> (bool, Remaining) {
    let finished: Vec<Duration> = input.durations_ms.iter().map(|ms| Duration::from_millis(*ms)).collect();
    let since = |at: Timestamp| now.since(at).map(Duration::from_millis);
    let quiet = !input.ended && input.last_activity.and_then(since).is_some_and(|still| still > estimate::quiet_after(&finished));
    let current = input.current_since.and_then(since);
    let to_come = input.stories_left.map(|left| u32::try_from(left.saturating_sub(usize::from(input.has_current))).unwrap_or(u32::MAX));
    (quiet, estimate::remaining(&Outlook { finished: &finished, current, to_come, quiet }))
}
