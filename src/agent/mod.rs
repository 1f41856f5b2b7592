//! An agent's session file → signals without text → activity.
//!
//! [`SessionReader`] has one reader a format; each turns a line into [`Signal`]s. [`Activity`] is the one reducer. What a level does not
//! allow is lost in the constructors of [`text`]: a signal has no field that could carry it. Files, folders and the clock are not here.
//!
//! To add a format: a file with a `read`, an arm in [`SessionReader`], and a folder in `fixtures/agents/`.

mod activity;
mod blocks;
#[cfg(test)]
mod canary;
mod claude;
mod codex;
mod codex_exec;
mod command;
mod denials;
mod limit;
mod outcome;
mod patterns;
mod session;
mod signal;
mod stream;
mod test_counts;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod todo;

pub(crate) use activity::{Activity, AgentNeed};
pub(crate) use session::{AgentKind, CUT_LINE_BYTES, SessionHead, SessionId, SessionReader};
pub(crate) use signal::{FileKey, Signal, Stamped};
pub(crate) use stream::{StreamReader, is_agent_record};
pub(crate) use text::Allowance;

use crate::line::TaskId;

/// A session that is read from a file of its own, numbered by its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AgentId(pub u32);

/// What the reader of session files tells the engine, in the order of the files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AgentInput {
    /// A session was found, or its file is read again.
    Begun {
        agent: AgentId,
        head: Box<SessionHead>,
        /// The tasks whose folders it works in.
        tasks: Vec<TaskId>,
        /// The file was joined in its middle.
        partial: bool,
    },
    /// What was read of it, in the order of the file.
    Signals { agent: AgentId, signals: Vec<Stamped> },
    /// The session is read no longer.
    Gone { agent: AgentId },
}
