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

    pub(super) fn is_understood(self) -> bool {
        self.has(Self::UNDERSTOOD)
    }

    pub(super) fn is_unknown(self) -> bool {
        self.has(Self::UNKNOWN)
    }

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

/// By their numbers; what was blank is neither.
#[derive(Debug, Clone, Default)]
pub(super) struct DecidedLines {
    lines: Vec<DecidedLine>,
    /// Lines of the file before the first of them.
    offset: u32,
    /// Not all are kept track of.
    is_partial: bool,
    understood: u64,
    unknown: u64,
}

impl DecidedLines {
    /// For the lines from this number on.
    pub(super) fn from_line(number: u32) -> Self {
        DecidedLines { offset: number - 1, ..DecidedLines::default() }
    }

    /// Adds lines with their numbers.
    pub(super) fn extend(&mut self, lines: impl Iterator<Item = (u32, DecidedLine)>) {
        for (number, line) in lines {
            self.count(&[line]);
            let index = (number - 1).wrapping_sub(self.offset) as usize;
            // Redraws share a number.
            self.is_partial |= index < self.lines.len() || index >= LINE_LIMIT;
            if !self.is_partial {
                self.pad(index);
                self.lines.push(line);
            }
        }
        if self.is_partial {
            self.lines = Vec::new();
        }
    }

    /// Takes what follows for blank, up to so many lines.
    pub(super) fn pad(&mut self, lines: usize) {
        let fenced = self.lines.last().is_some_and(|line| line.has(DecidedLine::FENCED));
        self.lines.resize(self.lines.len().max(lines), DecidedLine::new(false, false, fenced));
    }

    /// A line that is not kept track of.
    pub(super) fn add_understood(&mut self) {
        self.is_partial = true;
        self.understood += 1;
    }

    /// How many there are; `None` when they are not kept track of.
    pub(super) fn len(&self) -> Option<u32> {
        (!self.is_partial).then_some(self.lines.len() as u32)
    }

    /// How many were understood, and how many were not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.understood, self.unknown)
    }

    /// Whether a code fence is open before a line.
    pub(super) fn is_fenced(&self, number: u32) -> bool {
        let before = (number - 1).checked_sub(self.offset + 1).and_then(|index| self.lines.get(index as usize));
        before.is_some_and(|line| line.has(DecidedLine::FENCED))
    }

    /// Replaces lines with lines of another content, both by their numbers.
    pub(super) fn replace(&mut self, range: Range<u32>, other: &DecidedLines, of_other: Range<u32>) {
        let index =
            |lines: &DecidedLines, range: Range<u32>| (range.start - 1 - lines.offset) as usize..(range.end - 1 - lines.offset) as usize;
        let new = &other.lines[index(other, of_other)];
        let old: Vec<DecidedLine> = self.lines.splice(index(self, range), new.iter().copied()).collect();
        self.understood -= old.iter().filter(|line| line.is_understood()).count() as u64;
        self.unknown -= old.iter().filter(|line| line.is_unknown()).count() as u64;
        self.count(new);
    }

    fn count(&mut self, lines: &[DecidedLine]) {
        self.understood += lines.iter().filter(|line| line.is_understood()).count() as u64;
        self.unknown += lines.iter().filter(|line| line.is_unknown()).count() as u64;
    }
}
