//! What the reader hands on: cleaned lines, whole documents, and the moments at which they were seen.
//!
//! No bytes, no decoding and no file names here: those are `tail`'s. Nothing below this module knows what a line means.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since 1970-01-01T00:00:00Z. Serialised as RFC 3339 with milliseconds and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The wall clock. Called at the edges only; machines get time as an argument.
    pub fn now() -> Self {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }

    /// `self - earlier` in milliseconds; `None` when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Option<u64> {
        u64::try_from(self.0 - earlier.0).ok()
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => f.write_str("1970-01-01T00:00:00.000Z"),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        text.parse::<jiff::Timestamp>().map(|at| Timestamp(at.as_millisecond())).map_err(de::Error::custom)
    }
}

/// One reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since the program started; never runs backwards. Every rule that waits measures with this one.
    pub elapsed: Duration,
    /// What people call the time; may jump.
    pub wall: Timestamp,
}

/// A watched file, numbered by `discover` in the order of its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct SourceId(pub u32);

/// A folder with a run in it, numbered by `discover`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct TaskId(pub u32);

/// What ended a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LineEnd {
    /// `\n` or `\r\n`.
    Feed,
    /// A lone `\r`: the terminal goes back and draws over it. The next line belongs to the same `\n` line.
    Return,
    /// Nothing yet: the last line of a file without a final newline.
    Open,
}

/// One cleaned line: no line end, no control characters but tab, no escape sequences; neither trimmed nor folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// From 1, counted by `\n` as `sed -n` counts: redraws by `\r` share the number of their `\n` line.
    pub number: u32,
    pub text: &'a str,
    pub end: LineEnd,
}

/// Lines of one source in file order, in one buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    text: String,
    marks: Vec<Mark>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    /// Where the line stops in `text`; it starts where the one before stops.
    stop: usize,
    number: u32,
    end: LineEnd,
}

impl Lines {
    /// Room for the lines of this many bytes.
    pub fn with_room_for(bytes: usize) -> Self {
        Lines { text: String::with_capacity(bytes), marks: Vec::with_capacity(bytes / 48 + 1) }
    }

    pub fn push(&mut self, number: u32, text: &str, end: LineEnd) {
        self.text.push_str(text);
        self.marks.push(Mark { stop: self.text.len(), number, end });
    }

    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = Line<'_>> {
        let mut start = 0;
        self.marks.iter().map(move |mark| {
            let text = &self.text[start..mark.stop];
            start = mark.stop;
            Line { number: mark.number, text, end: mark.end }
        })
    }
}

/// The last line of a file that has no newline yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    pub number: u32,
    pub text: String,
}

impl Rest {
    pub fn line(&self) -> Line<'_> {
        Line { number: self.number, text: &self.text, end: LineEnd::Open }
    }
}

/// Why a file is read again from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// The same inode holds other bytes: truncated, or written over.
    Rewritten,
    /// Another inode stands under the name and the old one has no name any more: an atomic save.
    Replaced,
    /// Another inode stands under the name and the old one still has one elsewhere: archived or renamed.
    MovedAway,
    /// What was read before stands under the name of a rotated file now (`NAME.1`, `NAME-20260124`, `NAME.old`): counts go on.
    Rotated,
    /// Not the file itself: a rotated one that came beside it. A copy of what was read before, or a generation that was missed.
    Sibling,
    /// An earlier process has read it; `Resumed` says how far, unless the file turns out to be another.
    Resumed,
}

/// A file that another has taken the name of, and that is read on for a while. Numbered within its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PastId(pub u32);

/// Everything the engine is ever told. The order of inputs is the order of looks; nothing is emitted before `Tick` or `Finish`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// The file is read again from its start; its `Lines` follow, then `End`.
    Begin { source: SourceId, at: Moment, why: Why },
    /// Lines added to what was read before (or to what follows a `Begin`).
    Lines { source: SourceId, at: Moment, lines: Lines },
    /// The whole text of a file that is read as a document (a plan). Sent again whenever it changed.
    Document { source: SourceId, at: Moment, text: String },
    /// The file that began has been read to its end; `rest` is its open last line.
    End { source: SourceId, at: Moment, rest: Option<Rest> },
    /// What has come since the `Begin` was read and counted by an earlier process; what comes from here on was not.
    Resumed { source: SourceId, at: Moment },
    /// The open last line has stood long enough to count as it is.
    Rest { source: SourceId, at: Moment, rest: Rest },
    /// What has been read of the file so far is the past's: another takes its name, and what is still added to it comes as `Late`.
    Retired { source: SourceId, at: Moment, past: PastId },
    /// Lines added to a file that lost its name.
    Late { source: SourceId, at: Moment, past: PastId, lines: Lines },
    /// A file that lost its name is not read any more. `end` when it lives on elsewhere, so that its open end counts: the open last
    /// line, if there is one.
    Left { source: SourceId, at: Moment, past: PastId, end: Option<Option<Rest>> },
    /// A file has come into sight; `at` is when it was last written, by the file system. What it holds is at least that old.
    Written { source: SourceId, at: Timestamp },
    /// The file is not there (any more). Not a loss: what was read stands until something else is read.
    Gone { source: SourceId, at: Moment },
    /// Something the reader wants said: unreadable, cut, vanished.
    Trouble { source: Option<SourceId>, at: Moment, notice: crate::error::Notice },
    /// The look is over: everything since the last `Tick` was seen at once.
    Tick(Moment),
    /// Every source has been read once: from now on things are seen as they happen.
    Ready(Moment),
    /// Nothing more will come: whatever waits is judged by what is there.
    Finish(Moment),
}
