//! One row of the box: painted spans on the left, some at the right end, exactly as wide as it must be.

use std::fmt::Write;

use crate::output::text::{self, Charset};

/// What a piece of text is, for those who see colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Strong,
    Dim,
    Good,
    Bad,
    Warn,
    Busy,
}

impl Paint {
    /// The SGR parameter; the sixteen named colours, which every theme has made readable.
    fn code(self) -> Option<u8> {
        match self {
            Paint::Plain => None,
            Paint::Strong => Some(1),
            Paint::Dim => Some(2),
            Paint::Good => Some(32),
            Paint::Bad => Some(31),
            Paint::Warn => Some(33),
            Paint::Busy => Some(36),
        }
    }
}

#[derive(Debug, Clone)]
struct PaintedText {
    text: String,
    paint: Paint,
    /// Gives way when the row is too narrow; ids, numbers and labels do not.
    yields: bool,
}

/// Text from the left, and text that ends at the right border.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    left: Vec<PaintedText>,
    right: Vec<PaintedText>,
}

impl Row {
    pub(super) fn blank() -> Row {
        Row::default()
    }

    /// Text that stands.
    pub(super) fn fixed(mut self, text: impl Into<String>, paint: Paint) -> Row {
        self.left.push(PaintedText { text: text.into(), paint, yields: false });
        self
    }

    /// Text that is cut when the row is too narrow.
    pub(super) fn title(mut self, text: impl Into<String>, paint: Paint) -> Row {
        self.left.push(PaintedText { text: text.into(), paint, yields: true });
        self
    }

    /// Text at the right end; it goes when the row is too narrow for it and the fixed text.
    pub(super) fn right(mut self, text: impl Into<String>, paint: Paint) -> Row {
        self.right.push(PaintedText { text: text.into(), paint, yields: false });
        self
    }

    /// The row in exactly `columns`.
    pub(super) fn render(&self, columns: usize, charset: Charset, color: bool) -> String {
        let clean = |spans: &[PaintedText]| -> Vec<PaintedText> {
            spans.iter().map(|span| PaintedText { text: text::clean(&span.text, charset).into_owned(), ..*span }).collect()
        };
        let (mut left, mut right) = (clean(&self.left), clean(&self.right));
        let fixed: usize = left.iter().filter(|span| !span.yields).map(PaintedText::width).sum();
        // A title shorter than this says nothing: the text at the right end goes first.
        const TITLE: usize = 8;
        let title: usize = left.iter().filter(|span| span.yields).map(PaintedText::width).sum();
        if fixed + title.min(TITLE) + gap(&right) + width(&right) > columns {
            right.clear();
        }
        let room = columns - (gap(&right) + width(&right)).min(columns);
        shrink(&mut left, room.saturating_sub(fixed), charset, |span| span.yields);
        shrink(&mut left, room, charset, |_| true);

        let mut line = String::new();
        let blanks = columns - width(&left) - width(&right);
        left.iter().for_each(|span| span.write(&mut line, color));
        line.extend(std::iter::repeat_n(' ', blanks));
        right.iter().for_each(|span| span.write(&mut line, color));
        line
    }
}

impl PaintedText {
    fn width(&self) -> usize {
        text::width(&self.text)
    }

    fn write(&self, line: &mut String, color: bool) {
        match self.paint.code().filter(|_| color && !self.text.is_empty()) {
            Some(code) => write!(line, "\u{1b}[{code}m{}\u{1b}[0m", self.text).expect("a String takes everything"),
            None => line.push_str(&self.text),
        }
    }
}

fn width(spans: &[PaintedText]) -> usize {
    spans.iter().map(PaintedText::width).sum()
}

/// Blanks between the left text and the right one.
fn gap(right: &[PaintedText]) -> usize {
    if width(right) == 0 { 0 } else { 2 }
}

/// Cuts the chosen spans, from the first on, so that together they fit into `room`.
fn shrink(spans: &mut [PaintedText], room: usize, charset: Charset, chosen: impl Fn(&PaintedText) -> bool) {
    let mut room = room;
    for span in spans.iter_mut().filter(|span| chosen(span)) {
        span.text = text::truncate(&span.text, room, charset).into_owned();
        room -= span.width();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_yield_then_the_right_end_then_all() {
        let row = Row::blank().fixed("US-1 ", Paint::Plain).title("Implement login", Paint::Plain).right("2m 34s", Paint::Plain);
        let cases = [
            (30, "US-1 Implement login    2m 34s"),
            (24, "US-1 Implement…   2m 34s"),
            (21, "US-1 Impleme…  2m 34s"),
            (20, "US-1 Implement login"),
            (10, "US-1 Impl…"),
            (4, "US-…"),
            (1, "…"),
            (0, ""),
        ];
        for (columns, expected) in cases {
            assert_eq!(row.render(columns, Charset::Unicode, false), expected, "{columns}");
        }
    }
}
