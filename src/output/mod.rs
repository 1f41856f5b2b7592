//! The outputs without a browser: the live box, plain lines, the summary, NDJSON.
//!
//! `layout`, `text`, the lines of `plain` and `summary` are pure; `stream`, `ndjson`, `stderr` and `plain::run` write.
//!
//! To add an output that owns stdout: its file, a [`StdoutSink`]; here its `mod` line and its [`StdoutFormat`], from where the compiler leads to
//! `stdout_sink` in `app.rs` and to what `--connect` prints (`app/connect.rs`); its option among `DisplayOptions` in `cli/options.rs`, and the
//! option's row in `docs/features/progress-streaming.md`. One on stderr is a subscription of the hub, started in `spawn_terminal_output`
//! (`app.rs`), and a `TerminalMode` in `config.rs`.

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

use std::sync::Arc;

use self::ndjson::NdjsonContent;
use crate::error::Error;
use crate::hub::{ActivityUpdate, PublishedEvent};
use crate::model::state::State;

/// What stdout carries while the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StdoutFormat {
    /// `--json`: lines of JSON.
    Ndjson(NdjsonContent),
}

/// An output that owns stdout. The publishing thread calls it with every update before any other output sees it: stdout must not lose
/// an event, and a full pipe must stop the reading.
pub trait StdoutSink: Send {
    /// Writes what the parts of an update add. `state`, when the update has one, is the state after `events`.
    fn update(
        &mut self,
        events: &[Arc<PublishedEvent>],
        activities: Option<&ActivityUpdate>,
        state: Option<&State>,
    ) -> Result<(), SinkError>;
}

/// Why a sink cannot write any more.
#[derive(Debug)]
pub enum SinkError {
    /// The reader closed the pipe (`| head -1`): the program ends with exit code 0.
    ReaderGone,
    Failed(Error),
}
