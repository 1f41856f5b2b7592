//! The lines of a log that the record reader looks at: the last ones of the file, bounded in number and bytes.

mod packed;

use std::sync::Arc;

use crate::line::Line;
use packed::PackedText;

/// Most lines that are held. Beyond it the older half is decided and let go.
pub(super) const LINE_LIMIT: usize = 20_000;
/// Most bytes that are held.
const SIZE_LIMIT: usize = 16 << 20;
/// What is looked at of one line.
const WIDTH_LIMIT: usize = 16 << 10;

#[derive(Debug, Clone, Default)]
pub(super) struct HeldLines {
    /// Shared with the parser of an edited content, and of a file that lost its name.
    held: Arc<HeldText>,
    /// Instead of `held`, while nobody reads them.
    packed: Option<Arc<PackedLines>>,
    /// What edits of earlier lines have added to the numbers.
    shift: u32,
    /// Lines that were let go.
    base: usize,
    /// Lines with text that are the record reader's.
    open: usize,
}

/// Lines that nobody reads, and what is asked of them meanwhile.
#[derive(Debug)]
struct PackedLines {
    text: PackedText,
    /// How many were understood, and were not.
    counts: (u64, u64),
    /// Some of the latter, numbered as in [`LineEntry`].
    unknown: Vec<(u32, Box<str>)>,
}

/// In one piece: thousands of logs may be watched, and an allocation a line costs more than most lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct HeldText {
    text: String,
    lines: Vec<LineEntry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LineEntry {
    /// Of its text in [`HeldText::text`]; it begins where the line before ends.
    end: u32,
    /// See [`HeldLines::number`].
    number: u32,
    class: HeldClass,
    fenced: bool,
    is_blank: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HeldLine<'a> {
    pub(super) text: &'a str,
    pub(super) class: HeldClass,
    pub(super) is_blank: bool,
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

impl HeldClass {
    const ALL: [HeldClass; 4] = [HeldClass::Header, HeldClass::Statement, HeldClass::Json, HeldClass::Open];
}

impl<'a> HeldLine<'a> {
    /// The part of the text that is looked at.
    pub(super) fn head(self) -> &'a str {
        if matches!(self.class, HeldClass::Statement | HeldClass::Json) {
            return "";
        }
        &self.text[..self.text.floor_char_boundary(WIDTH_LIMIT)]
    }
}

impl HeldLines {
    pub(super) fn push(&mut self, line: Line<'_>, class: HeldClass, fenced: bool) {
        self.open += usize::from(is_open(line.text, class));
        let held = Arc::make_mut(&mut self.held);
        held.text.push_str(line.text);
        // A line of 1 MiB on top of SIZE_LIMIT is far below the limit of u32.
        let end = held.text.len() as u32;
        let is_blank = line.text.trim().is_empty();
        held.lines.push(LineEntry { end, number: line.number.wrapping_sub(self.shift), class, fenced, is_blank });
    }

    /// Earlier lines were edited, which moved these from one number to the other.
    pub(super) fn renumber(&mut self, from: u32, to: u32) {
        self.shift = self.shift.wrapping_add(to).wrapping_sub(from);
    }

    /// The number of a line in the file, from 1.
    pub(super) fn number(&self, at: usize) -> u32 {
        let number = match &self.packed {
            Some(packed) if at == 0 => packed.text.first_number(),
            Some(_) | None => self.held.lines[at].number,
        };
        number.wrapping_add(self.shift)
    }

    pub(super) fn len(&self) -> usize {
        self.packed.as_ref().map_or(self.held.lines.len(), |packed| packed.text.len())
    }

    /// Lines that were let go before the first one held.
    pub(super) fn base(&self) -> usize {
        self.base
    }

    /// Of packed lines there is none: see [`HeldLines::unpacked`].
    pub(super) fn get(&self, at: usize) -> HeldLine<'_> {
        let LineEntry { end, class, fenced, is_blank, number: _ } = self.held.lines[at];
        HeldLine { text: &self.held.text[self.held.start(at)..end as usize], class, fenced, is_blank }
    }

    pub(super) fn texts(&self) -> Vec<&str> {
        self.iter().map(HeldLine::head).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = HeldLine<'_>> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Whether the record reader has anything to look at.
    pub(super) fn has_open(&self) -> bool {
        self.open > 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= LINE_LIMIT || self.held.text.len() >= SIZE_LIMIT
    }

    /// Gives back what was reserved for lines that have not come.
    pub(super) fn shrink(&mut self) {
        if let Some(held) = Arc::get_mut(&mut self.held) {
            held.text.shrink_to_fit();
            held.lines.shrink_to_fit();
        }
    }

    /// Until [`HeldLines::unpack`] no more is known of the lines than this, how many they are, and the number of the first.
    pub(super) fn pack(&mut self, counts: (u64, u64), unknown: Vec<(u32, Box<str>)>) {
        let unknown = unknown.into_iter().map(|(number, text)| (number.wrapping_sub(self.shift), text)).collect();
        self.packed = Some(Arc::new(PackedLines { text: PackedText::of(&self.held), counts, unknown }));
        self.held = Arc::default();
    }

    pub(super) fn unpack(&mut self) {
        if let Some(packed) = self.packed.take() {
            self.held = Arc::new(packed.text.unpack());
        }
    }

    /// How many were understood, and were not; `None` while they are not packed, as in [`HeldLines::packed_unknown`].
    pub(super) fn packed_counts(&self) -> Option<(u64, u64)> {
        self.packed.as_ref().map(|packed| packed.counts)
    }

    pub(super) fn packed_unknown(&self, most: usize) -> Option<Vec<(u32, &str)>> {
        let unknown = self.packed.as_ref()?.unknown.iter().take(most);
        Some(unknown.map(|(number, text)| (number.wrapping_add(self.shift), &**text)).collect())
    }

    /// The lines, wherever they are packed.
    pub(super) fn unpacked(&self) -> HeldLines {
        let mut lines = self.clone();
        lines.unpack();
        lines
    }

    /// Lets the older lines go, and keeps as many as may still matter to the next.
    pub(super) fn let_go(&mut self, keep: usize) {
        let gone = self.len().saturating_sub(keep);
        self.base += gone;
        let start = self.held.start(gone);
        if self.held.text.len() - start >= SIZE_LIMIT {
            self.base += self.len() - gone;
            (self.held, self.open) = (Arc::default(), 0);
            return;
        }
        let shorter = |line: &LineEntry| LineEntry { end: line.end - start as u32, ..*line };
        let lines = self.held.lines[gone..].iter().map(shorter).collect();
        self.held = Arc::new(HeldText { text: self.held.text[start..].to_owned(), lines });
        self.open = self.iter().filter(|line| is_open(line.text, line.class)).count();
    }
}

fn is_open(text: &str, class: HeldClass) -> bool {
    class == HeldClass::Open && !text.trim_ascii().is_empty()
}

impl HeldText {
    /// Where the text of a line begins.
    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.lines[before].end as usize)
    }
}
