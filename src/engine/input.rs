//! What the reader tells the engine: which lines it read, what became of each file, what agents' sessions hold, and when.
//!
//! The order of inputs is the order in which the files were read. Nothing here says what a line means.

use crate::agent::AgentInput;
use crate::clock::{ClockReading, Timestamp};
use crate::error;
use crate::file_change::{DetachedId, LineEdit, RereadReason};
use crate::line::{Lines, PartialLine, SourceId};

/// Everything the engine is fed. It decides what the inputs mean at the next tick: those between two ticks were read at once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// The file is read again from its start: its `Lines` follow, then `RereadDone` or `RestoreDone`.
    RereadBegun { source: SourceId, at: ClockReading, reason: RereadReason },
    /// The file is as it was but for some lines. Sent only of lines that [`settled_lines`](super::SourceAdvice) counts.
    Edited { source: SourceId, at: ClockReading, reason: RereadReason, edit: LineEdit, lines: Lines },
    /// The lines that follow those read before, or those since a `RereadBegun`.
    Lines { source: SourceId, at: ClockReading, lines: Lines },
    /// The whole text of a file that is read as a document (a plan). Sent again after every change.
    Document { source: SourceId, at: ClockReading, text: String },
    /// The file has been read again to its end; `partial` is its last line without a newline.
    RereadDone { source: SourceId, at: ClockReading, partial: Option<PartialLine> },
    /// An earlier process has read and counted the lines since the `RereadBegun`. The lines that follow are new.
    RestoreDone { source: SourceId, at: ClockReading },
    /// The last line has had no newline for so long that it counts without one.
    PartialLine { source: SourceId, at: ClockReading, partial: PartialLine },
    /// Another file takes the path. Everything read of the source so far belongs to `detached`.
    Detached { source: SourceId, at: ClockReading, detached: DetachedId },
    /// Lines that were appended to a detached file.
    DetachedLines { source: SourceId, at: ClockReading, detached: DetachedId, lines: Lines },
    /// A detached file is not read any more. Its last line counts only while the file is `still_linked` under another name.
    DetachedClosed { source: SourceId, at: ClockReading, detached: DetachedId, still_linked: bool, partial: Option<PartialLine> },
    /// The file was found; `at` is its modification time. Its content is at least that old.
    FileModified { source: SourceId, at: Timestamp },
    /// No file has the path now. That loses nothing: what was read stays valid until something else is read.
    Missing { source: SourceId, at: ClockReading },
    /// The process that the status file named has ended; the reader had found it alive.
    ProcessEnded { source: SourceId, at: ClockReading },
    /// What was read of an agent's session.
    Agent { at: ClockReading, input: AgentInput },
    /// The reader reports trouble that it survived.
    Notice { source: Option<SourceId>, at: ClockReading, notice: error::Notice },
    /// Every source has been read once. What follows is seen as it happens.
    InitialScanDone,
    /// No input follows: the next tick decides whatever is pending by what the engine has.
    Finish,
}
