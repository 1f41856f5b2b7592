//! What the tail thread does with each input: the bridge judges it, then the events go to stdout, to the hub, and the state after them.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::{Ended, announce};
use crate::bridge::Bridge;
use crate::config::{Config, Ends};
use crate::event::Event;
use crate::line::{Input, Moment};
use crate::model::state::{State, TaskStatus};

/// The one writer of the program.
pub(super) struct Publisher {
    bridge: Bridge,
    // SEAM(hub): hub: Hub
    json: bool,
    ends: Ends,
    /// The version of the state that was published last.
    shown: Option<u64>,
}

impl Publisher {
    pub(super) fn new(bridge: Bridge, config: &Config) -> Self {
        Publisher { bridge, json: config.show.json, ends: config.ends, shown: None }
    }

    /// Takes one input; breaks when the program should end.
    pub(super) fn take(&mut self, input: Input) -> ControlFlow<Ended> {
        let over = match &input {
            Input::Tick(now) | Input::Finish(now) => Some(*now),
            _ => None,
        };
        let events = self.bridge.handle(input);
        match over {
            Some(now) => self.publish(events, now),
            None => ControlFlow::Continue(()),
        }
    }

    fn publish(&mut self, events: Vec<Event>, now: Moment) -> ControlFlow<Ended> {
        // Before anybody else sees them: what a pipe was promised must not be lost, and a pipe that is full stops the reading.
        if self.json && write_lines(&mut io::stdout().lock(), &events).is_err() {
            return ControlFlow::Break(Ended::Done);
        }
        // SEAM(hub): self.hub.publish(events);
        drop(events);
        let version = self.bridge.version();
        if self.shown == Some(version) {
            return ControlFlow::Continue(());
        }
        let is_first = self.shown.replace(version).is_none();
        let state = self.bridge.state(now);
        if is_first && self.ends != Ends::AtOnce {
            announce::watched(&state);
        }
        let verdict = verdict(&state);
        // SEAM(hub): self.hub.set_state(state);
        match (self.ends, verdict) {
            (Ends::WithTheRun, Some(passed)) => ControlFlow::Break(Ended::WithTheRun { passed }),
            (Ends::WithTheRun | Ends::Never | Ends::AtOnce, _) => ControlFlow::Continue(()),
        }
    }
}

/// How it all ended, once no task has anything left to do.
fn verdict(state: &State) -> Option<bool> {
    let mut passed = None;
    for task in &state.tasks {
        match task.status {
            // Never begun: a folder taken along, which says nothing about the others.
            TaskStatus::Waiting => {}
            TaskStatus::Running | TaskStatus::Quiet => return None,
            TaskStatus::Passed => passed = Some(passed.unwrap_or(true)),
            TaskStatus::Failed => passed = Some(false),
        }
    }
    passed
}

// SEAM(output): output::ndjson has this; take theirs.
fn write_lines(to: &mut impl Write, events: &[Event]) -> io::Result<()> {
    for event in events {
        let mut line = event.to_json();
        line.push(b'\n');
        to.write_all(&line)?;
    }
    to.flush()
}
