//! The lines of a log that the record reader looks at: the last ones of the file, bounded in number and bytes.

use std::sync::Arc;

use crate::line::Line;

/// Most lines that are held. Beyond it the older half is decided and let go.
pub(super) const LINE_LIMIT: usize = 20_000;
/// Most bytes that are held.
const SIZE_LIMIT: usize = 16 << 20;
/// What is looked at of one line.
const WIDTH_LIMIT: usize = 16 << 10;

#[derive(Debug, Clone, Default)]
pub(super) struct HeldLines {
    /// Shared with the parser of an edited content, and of a file that lost its name.
    lines: Arc<Vec<HeldLine>>,
    /// What edits of earlier lines have added to the numbers.
    shift: u32,
    /// Lines that were let go.
    base: usize,
    bytes: usize,
}

#[derive(Debug, Clone)]
pub(super) struct HeldLine {
    /// See [`HeldLines::number`].
    number: u32,
    pub(super) text: Box<str>,
    pub(super) class: HeldClass,
    /// After it a code fence is open.
    pub(super) fenced: bool,
}

/// What a line was taken for when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldClass {
    Header,
    /// It says everything by itself: it is no record.
    Statement,
    /// A JSON object that says nothing to us: it is no record either.
    Json,
    /// It is the record reader's.
    Open,
}

impl HeldLine {
    /// The part of the text that is looked at.
    pub(super) fn head(&self) -> &str {
        if matches!(self.class, HeldClass::Statement | HeldClass::Json) {
            return "";
        }
        let mut end = self.text.len().min(WIDTH_LIMIT);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        &self.text[..end]
    }
}

impl HeldLines {
    pub(super) fn push(&mut self, line: Line<'_>, class: HeldClass, fenced: bool) {
        self.bytes += line.text.len();
        Arc::make_mut(&mut self.lines).push(HeldLine {
            number: line.number.wrapping_sub(self.shift),
            text: line.text.into(),
            class,
            fenced,
        });
    }

    /// Earlier lines were edited, which moved these from one number to the other.
    pub(super) fn renumber(&mut self, from: u32, to: u32) {
        self.shift = self.shift.wrapping_add(to).wrapping_sub(from);
    }

    /// The number of a line in the file, from 1.
    pub(super) fn number(&self, at: usize) -> u32 {
        self.lines[at].number.wrapping_add(self.shift)
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Lines that were let go before the first one held.
    pub(super) fn base(&self) -> usize {
        self.base
    }

    pub(super) fn get(&self, at: usize) -> &HeldLine {
        &self.lines[at]
    }

    pub(super) fn texts(&self) -> Vec<&str> {
        self.lines.iter().map(HeldLine::head).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &HeldLine> {
        self.lines.iter()
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= LINE_LIMIT || self.bytes >= SIZE_LIMIT
    }

    /// Lets the older lines go, and keeps as many as may still matter to the next.
    pub(super) fn let_go(&mut self, keep: usize) {
        let gone = self.lines.len().saturating_sub(keep);
        Arc::make_mut(&mut self.lines).drain(..gone);
        self.base += gone;
        self.bytes = self.lines.iter().map(|line| line.text.len()).sum();
        if self.bytes >= SIZE_LIMIT {
            self.base += self.lines.len();
            self.lines = Arc::default();
            self.bytes = 0;
        }
    }
}
