//! Cleaned lines, and the ids of the sources and tasks that they belong to.
//!
//! No bytes, no decoding and no file names: those are `tail`'s. Nothing here says what a line means.

use serde::Serialize;

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
    /// A lone `\r`: a terminal draws the next line over this one. Both belong to the same `\n` line.
    Return,
    /// No line end yet: the last line of a file without a final newline.
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
    bounds: Vec<LineBounds>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LineBounds {
    /// Offset in `text` at which the line stops. It starts where the line before it stops.
    stop: usize,
    number: u32,
    end: LineEnd,
}

impl Lines {
    /// With capacity for the lines of this many bytes, at 48 bytes a line.
    pub fn with_capacity(bytes: usize) -> Self {
        Lines { text: String::with_capacity(bytes), bounds: Vec::with_capacity(bytes / 48 + 1) }
    }

    pub fn push(&mut self, number: u32, text: &str, end: LineEnd) {
        self.text.push_str(text);
        self.bounds.push(LineBounds { stop: self.text.len(), number, end });
    }

    pub fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    pub fn len(&self) -> usize {
        self.bounds.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = Line<'_>> {
        let mut start = 0;
        self.bounds.iter().map(move |bounds| {
            let text = &self.text[start..bounds.stop];
            start = bounds.stop;
            Line { number: bounds.number, text, end: bounds.end }
        })
    }
}

/// The last line of a file that has no newline yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartialLine {
    pub number: u32,
    pub text: String,
}

impl PartialLine {
    pub fn line(&self) -> Line<'_> {
        Line { number: self.number, text: &self.text, end: LineEnd::Open }
    }
}
