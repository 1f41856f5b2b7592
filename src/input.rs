//! What the reader tells the engine: which lines it read, what became of each file, and when.
//!
//! The order of inputs is the order in which the files were read. Nothing here says what a line means.

use crate::clock::{ClockReading, Timestamp};
use crate::error;
use crate::line::{Lines, PartialLine, SourceId};

/// Why a file is read again from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RereadReason {
    /// The same inode holds other bytes: the file was truncated or overwritten.
    Rewritten,
    /// The path leads to another inode, and the old inode has no name any more: an atomic save.
    Replaced,
    /// The path leads to another inode, and the old inode has another name: it was archived or renamed.
    Renamed,
    /// The file that was read is a rotated file now (`NAME.1`, `NAME-20260124`, `NAME.old`). Its counts stay valid.
    Rotated,
    /// The lines come from a new rotated file beside the watched one: a copy of what was read before, or a generation that was missed.
    RotatedSibling,
    /// An earlier process has read the file up to the next `RestoreDone`. Without one the file turned out to be another.
    Restored,
}

/// Which lines of a file were judged before and are to be judged anew. With them come lines on both sides of them, as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineEdit {
    /// Number of the first of them.
    pub first: u32,
    /// Number of the first line after them, before the edit and now.
    pub old_end: u32,
    pub new_end: u32,
    /// Number of the first line that comes.
    pub window: u32,
}

impl LineEdit {
    /// The number of a line after the edit, by its number before it.
    pub fn moved(&self, line: u32) -> u32 {
        line.wrapping_sub(self.old_end).wrapping_add(self.new_end)
    }
}

/// A file whose path was taken by another file, and that is still read for a while. Numbered within its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DetachedId(pub u32);

/// Everything the engine is fed. It decides what the inputs mean at the next tick: those between two ticks were read at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// The file is read again from its start: its `Lines` follow, then `RereadDone` or `RestoreDone`.
    RereadBegun { source: SourceId, at: ClockReading, reason: RereadReason },
    /// The file is as it was but for some lines. Sent only of lines that [`settled_lines`](crate::engine::SourceAdvice) counts.
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
    /// The reader reports trouble that it survived.
    Notice { source: Option<SourceId>, at: ClockReading, notice: error::Notice },
    /// Every source has been read once. What follows is seen as it happens.
    InitialScanDone,
    /// No input follows: the next tick decides whatever is pending by what the engine has.
    Finish,
}
