//! What a tick of the engine brings, and how it wants its sources read.

use std::time::Duration;

use crate::error::Notice;
use crate::event::Event;

/// What a tick brings.
#[derive(Debug)]
pub struct Output {
    /// In the order in which they are to be published.
    pub events: Vec<Event>,
    /// New notices, for stderr.
    pub notices: Vec<Notice>,
    /// Rises whenever [`Engine::state`] changes.
    pub state_version: u64,
    /// When the next tick is due although no file changes, on the clock of [`ClockReading::elapsed`].
    pub next_tick: Option<Duration>,
    /// More events are due: the next tick brings them, and nothing that is read may be fed before it.
    pub has_more: bool,
    /// How to read each source until the next tick, by its number.
    pub advice: Vec<SourceAdvice>,
}

/// How to read a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceAdvice {
    /// The source is not to be read: its task waits until it is certain whether a new run began.
    pub wait: bool,
    /// A program appends to the file and rotates it.
    pub machine_log: bool,
    /// The file was let go and is to be read again.
    pub take_up: bool,
    /// So many lines at the beginning are decided for good: an edit of some of them may be fed without the others.
    pub settled_lines: u32,
}
