//! The lines of a log that were let go: which of them were understood. A byte a line, so that an edit can replace some of them.

use std::ops::Range;

/// Lines of one file that are kept track of one by one: 4 MiB.
const LINE_LIMIT: usize = 4 << 20;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DecidedLine(u8);

impl DecidedLine {
    const UNDERSTOOD: u8 = 1;
    const UNKNOWN: u8 = 2;
    const FENCED: u8 = 4;

    /// `fenced` when a code fence is open after it.
    pub(super) fn new(is_understood: bool, is_unknown: bool, fenced: bool) -> Self {
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        DecidedLine(bit(is_understood, Self::UNDERSTOOD) | bit(is_unknown, Self::UNKNOWN) | bit(fenced, Self::FENCED))
    }

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct DecidedLines {
    lines: Vec<DecidedLine>,
    /// There are more than are kept track of.
    is_partial: bool,
    understood: u64,
    unknown: u64,
}

impl DecidedLines {
    pub(super) fn extend(&mut self, lines: &[DecidedLine]) {
        self.count(lines);
        if self.lines.len() + lines.len() > LINE_LIMIT {
            (self.lines, self.is_partial) = (Vec::new(), true);
        }
        if !self.is_partial {
            self.lines.extend_from_slice(lines);
        }
    }

    /// A line that is not kept track of.
    pub(super) fn add_understood(&mut self) {
        self.is_partial = true;
        self.understood += 1;
    }

    /// The lines from the first of the file on; `None` when they are not kept track of.
    pub(super) fn lines(&self) -> Option<&[DecidedLine]> {
        (!self.is_partial).then_some(&*self.lines)
    }

    /// How many were understood, and how many were not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.understood, self.unknown)
    }

    /// Whether a code fence is open after so many lines.
    pub(super) fn is_fenced(&self, lines: usize) -> bool {
        lines.checked_sub(1).and_then(|last| self.lines.get(last)).is_some_and(|line| line.has(DecidedLine::FENCED))
    }

    pub(super) fn replace(&mut self, range: Range<usize>, lines: &[DecidedLine]) {
        let old: Vec<DecidedLine> = self.lines.splice(range, lines.iter().copied()).collect();
        self.understood -= old.iter().filter(|line| line.has(DecidedLine::UNDERSTOOD)).count() as u64;
        self.unknown -= old.iter().filter(|line| line.has(DecidedLine::UNKNOWN)).count() as u64;
        self.count(lines);
    }

    fn count(&mut self, lines: &[DecidedLine]) {
        self.understood += lines.iter().filter(|line| line.has(DecidedLine::UNDERSTOOD)).count() as u64;
        self.unknown += lines.iter().filter(|line| line.has(DecidedLine::UNKNOWN)).count() as u64;
    }
}
