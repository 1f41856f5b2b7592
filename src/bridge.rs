//! Composes the machines: inputs in, events and the state out. No clock, no file, no socket.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::discover::{Source, Task};
use crate::event::Event;
use crate::line::{Input, Moment, SourceId};
use crate::model::state::State;

pub struct Bridge {}

/// What the bridge needs to know from the start.
pub struct Settings {
    pub tasks: Vec<Task>,
    pub sources: Vec<Source>,
    /// For times written without a zone.
    pub zone: TimeZone,
    /// Whether what is there at the start is emitted (`--from start`) or only counted (`--from end`).
    pub emit_history: bool,
    /// Whether events carry `source.text`.
    pub source_text: bool,
}

impl Bridge {
    pub fn new(_settings: Settings) -> Self {
        Bridge {}
    }

    /// Takes one input. Events come out of `Tick` and `Finish` only, in the order they are to be published.
    pub fn handle(&mut self, _input: Input) -> Vec<Event> {
        Vec::new()
    }

    /// When the next `Tick` is wanted although nothing may have been seen by then, on the clock of [`Moment::elapsed`].
    pub fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Whether this source may be looked at: while a task waits to know whether a new run began, its other files wait in turn.
    pub fn may_look(&self, _source: SourceId) -> bool {
        true
    }

    /// Rises whenever `state` would show something else.
    pub fn version(&self) -> u64 {
        0
    }

    /// The snapshot for screens.
    pub fn state(&self, now: Moment) -> State {
        State { schema: crate::event::SCHEMA, server_time: now.wall, seq: Default::default(), tasks: Vec::new(), notices: Vec::new() }
    }
}
