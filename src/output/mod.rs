//! The outputs without a browser: the live box, plain lines, the summary, NDJSON.
//!
//! `layout`, `text`, the lines of `plain` and `summary` are pure; `stream`, `ndjson`, `stderr` and `plain::run` write.
//!
//! To add an output: its file and its `mod` line here; in `app.rs` one that owns stdout is a [`StdoutSink`] made in `stdout_sink`, one on
//! stderr a subscription of the hub started in `spawn_terminal_output`; its setting is a field of `DisplayConfig` in `config.rs`, its option
//! one of `DisplayOptions` in `cli/options.rs`.

pub mod layout;
pub mod ndjson;
pub mod plain;
pub mod status_line;
pub mod stderr;
pub mod stream;
pub mod style;
pub mod summary;
pub mod text;

#[cfg(test)]
pub(crate) mod sample;

use crate::error::Error;
use crate::event::Event;
use crate::hub::ActivityUpdate;
use crate::model::state::State;

/// An output that owns stdout. The publishing thread calls it with every update before any other output sees it: stdout must not lose
/// an event, and a full pipe must stop the reading.
pub trait StdoutSink: Send {
    /// Writes what the parts of an update add. `state`, when the update has one, is the state after `events`.
    fn update(&mut self, events: &[Event], activities: Option<&ActivityUpdate>, state: Option<&State>) -> Result<(), SinkError>;
}

/// Why a sink cannot write any more.
#[derive(Debug)]
pub enum SinkError {
    /// The reader closed the pipe (`| head -1`): the program ends with exit code 0.
    ReaderGone,
    Failed(Error),
}
