//! Lines that mark an acceptance criterion done: `- ✓ AC1: …`, `- [x] …`, ticked items of a list introduced as acceptance criteria.
//!
//! A tick in prose or in a list of tests is none.

use super::id;
use super::words::{self, OutcomeMark};
use crate::fact::Criterion;

/// What a line of an entry is to its criteria.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A criterion is done.
    Done(Criterion),
    /// An item that says nothing; a list of criteria goes on.
    Item,
    /// The line announces a list of criteria.
    Intro,
    /// Anything else; it ends a list of criteria.
    Other,
}

/// Reads a line of an entry; `listed` when it stands in a list of criteria.
pub(super) fn read(text: &str, listed: bool) -> Read {
    let Some(item) = CriterionItem::of(text) else { return if is_intro(text) { Read::Intro } else { Read::Other } };
    if let Some(index) = item.index.filter(|_| item.ticked()) {
        return Read::Done(Criterion { index: Some(index), text: text_of(item.text) });
    }
    let counts = match item.tick {
        Tick::Box => true,
        Tick::Mark => listed,
        Tick::None => false,
    };
    // A row that names a story is the story's, not a criterion.
    if counts && !id::is_sure(item.text) {
        return Read::Done(Criterion { index: item.number.filter(|_| listed), text: text_of(item.text) });
    }
    if is_intro(text) {
        return Read::Intro;
    }
    Read::Item
}

/// A ticked criterion with its number, wherever it stands.
pub(super) fn numbered(text: &str) -> Option<Criterion> {
    let item = CriterionItem::of(text)?;
    let index = item.index.filter(|_| item.ticked())?;
    Some(Criterion { index: Some(index), text: text_of(item.text) })
}

#[derive(Debug, PartialEq, Eq)]
enum Tick {
    Box,
    Mark,
    None,
}

/// A list item taken apart.
struct CriterionItem<'t> {
    tick: Tick,
    /// From the number of a numbered list.
    number: Option<u32>,
    /// From `ACn`.
    index: Option<u32>,
    text: &'t str,
}

impl<'t> CriterionItem<'t> {
    fn of(line: &'t str) -> Option<Self> {
        let (number, remainder) = match line.as_bytes().first()? {
            b'-' | b'*' | b'+' if line.as_bytes().get(1) == Some(&b' ') => (None, line[1..].trim_start()),
            b'0'..=b'9' => {
                let digits = line.bytes().take_while(u8::is_ascii_digit).count();
                let remainder = line[digits..].strip_prefix(['.', ')'])?;
                let number = line[..digits].parse::<u32>().ok()?;
                (number.checked_sub(1), remainder.strip_prefix(' ')?.trim_start())
            }
            b'[' | b'A' | 0x80.. => (None, line),
            _ => return None,
        };
        let (tick, remainder) = strip_tick(remainder);
        let (index, after) = strip_label(remainder);
        let (late, text) = if index.is_some() && tick == Tick::None { strip_tick(after) } else { (Tick::None, after) };
        let marked = number.is_some() || remainder.len() < line.len() || index.is_some();
        (marked || tick != Tick::None).then_some(CriterionItem { tick: if tick == Tick::None { late } else { tick }, number, index, text })
    }

    fn ticked(&self) -> bool {
        self.tick != Tick::None || self.text.trim_end().ends_with(['✓', '✔', '✅', '\u{fe0f}'])
    }
}

fn strip_tick(text: &str) -> (Tick, &str) {
    for mark in ["[x]", "[X]", "[✓]", "[✔]", "[✅]"] {
        if let Some(remainder) = text.strip_prefix(mark)
            && remainder.starts_with([' ', '\t'])
        {
            return (Tick::Box, remainder.trim_start());
        }
    }
    match words::strip_mark(text) {
        Some((OutcomeMark::Tick, remainder)) => (Tick::Mark, remainder),
        Some((OutcomeMark::Cross | OutcomeMark::Busy, _)) | None => (Tick::None, text),
    }
}

/// `AC1: `, `**AC 2** - `, `AC#3 `: the index and what follows.
fn strip_label(text: &str) -> (Option<u32>, &str) {
    let bare = text.trim_start_matches(['*', '_']);
    let Some(remainder) = bare.strip_prefix("AC") else { return (None, text) };
    let remainder = remainder.trim_start_matches([' ', '-', '#']);
    let digits = remainder.bytes().take_while(u8::is_ascii_digit).count();
    let after = &remainder[digits..];
    let goes_on = after.starts_with(|c: char| c.is_alphanumeric());
    match remainder[..digits].parse::<u32>().ok().and_then(|number| number.checked_sub(1)) {
        Some(index) if !goes_on => (
            Some(index),
            after.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '–' | '—' | '*' | '_' | '.' | ')')),
        ),
        _ => (None, text),
    }
}

/// `All 8 acceptance criteria met:`, `**Acceptance Criteria**`, `### Acceptance criteria`.
fn is_intro(text: &str) -> bool {
    let announces = text.ends_with([':', '*']) || text.starts_with('#');
    announces && text.len() <= 120 && text.to_ascii_lowercase().contains("acceptance criteria")
}

fn text_of(text: &str) -> Option<String> {
    let text = text.trim_end_matches(['✓', '✔', '✅', '\u{fe0f}', ' ', '\t']);
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(read: Read) -> String {
        match read {
            Read::Done(Criterion { index, text }) => {
                format!("{} {}", index.map_or("-".to_owned(), |index| index.to_string()), text.unwrap_or_default())
            }
            Read::Item => "item".to_owned(),
            Read::Intro => "intro".to_owned(),
            Read::Other => "other".to_owned(),
        }
    }

    #[test]
    fn only_marked_criteria_count() {
        for (text, listed, expected) in [
            ("- ✓ AC1: Saves the draft", false, "0 Saves the draft"),
            ("- ✅ AC-2 - Saves", false, "1 Saves"),
            ("- [x] AC3: Saves", false, "2 Saves"),
            ("- AC4: Saves ✓", false, "3 Saves"),
            ("- **AC5**: ✅ Saves", false, "4 Saves"),
            ("AC6: Saves ✅", false, "5 Saves"),
            ("- [x] Saves the draft", false, "- Saves the draft"),
            ("- ✓ Saves the draft", false, "item"),
            ("- ✓ Saves the draft", true, "- Saves the draft"),
            ("2. ✓ Saves the draft", true, "1 Saves the draft"),
            ("2. ✓ Saves the draft", false, "item"),
            ("- [x] US-001: Drafts", false, "item"),
            ("- [x][ ] Drafts", false, "item"),
            ("- [ ] Saves", true, "item"),
            ("- ✗ AC1: Saves", true, "item"),
            ("- AC1: not yet", true, "item"),
            ("- All 3 acceptance criteria met:", false, "intro"),
            ("**Acceptance Criteria:**", false, "intro"),
            ("All acceptance criteria met", false, "other"),
            ("✓ Works well", false, "item"),
            ("Some prose", true, "other"),
            ("ACME: done ✓", false, "other"),
        ] {
            assert_eq!(show(read(text, listed)), expected, "{text}");
        }
    }
}
