//! The words that mean something, and their classes: `words.tsv`, compiled in.
//!
//! A new word is a line there and nothing here. How much a class says is not decided here but by the weights of `record`.

use std::borrow::Cow;
use std::sync::LazyLock;

/// A set of classes of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Classes(u64);

/// What a word can be. The name in `words.tsv` is in [`Class::NAMES`], in the same order.
#[expect(dead_code, reason = "made of their numbers, by the table")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    Positive,
    Negative,
    Open,
    Current,
    Negate,
    Generic,
    Phase,
    Iteration,
    Frame,
    Month,
    Day,
    Unit,
    Past,
    DoneVerb,
    LeadPlan,
    LeadRef,
    LeadNote,
    LeadWork,
    Join,
    All,
    Plural,
    SectionPlan,
    SectionLearn,
    SectionCriteria,
    SectionFiles,
    SectionDone,
    SectionSummary,
    SectionLog,
    Accept,
    TestWord,
    Runner0,
    Runner1,
    Runner2,
    Runner3,
    Runner4,
    Runner5,
    Runner7,
    Runner9,
    Runner10,
    Document0,
    Document1,
    Document2,
    Document3,
    Document4,
    Why,
    Standard,
    Trouble,
    Reference,
}

impl Class {
    const NAMES: [&'static str; 48] = [
        "pos",
        "neg",
        "open",
        "current",
        "negate",
        "generic",
        "phase",
        "iter",
        "frame",
        "month",
        "day",
        "unit",
        "past",
        "doneverb",
        "lead.plan",
        "lead.ref",
        "lead.note",
        "lead.work",
        "join",
        "all",
        "plural",
        "sect.plan",
        "sect.learn",
        "sect.ac",
        "sect.files",
        "sect.done",
        "sect.sum",
        "sect.log",
        "accept",
        "testword",
        "runner.0",
        "runner.1",
        "runner.2",
        "runner.3",
        "runner.4",
        "runner.5",
        "runner.7",
        "runner.9",
        "runner.10",
        "doc.0",
        "doc.1",
        "doc.2",
        "doc.3",
        "doc.4",
        "why",
        "standard",
        "trouble",
        "reference",
    ];
}

impl Classes {
    pub(crate) const NONE: Classes = Classes(0);
    pub(crate) const SECTION: Classes = Classes::of(Class::SectionPlan)
        .union(Classes::of(Class::SectionLearn))
        .union(Classes::of(Class::SectionCriteria))
        .union(Classes::of(Class::SectionFiles))
        .union(Classes::of(Class::SectionDone))
        .union(Classes::of(Class::SectionSummary))
        .union(Classes::of(Class::SectionLog));
    /// Words for a piece of work, or for a group of them.
    pub(crate) const WORK: Classes = Classes::of(Class::Generic).union(Classes::of(Class::Phase));
    pub(crate) const MARK: Classes = Classes::of(Class::Positive).union(Classes::of(Class::Negative)).union(Classes::of(Class::Open));

    pub(crate) const fn of(class: Class) -> Self {
        Classes(1 << class as u8)
    }

    pub(crate) const fn union(self, other: Classes) -> Self {
        Classes(self.0 | other.0)
    }

    pub(crate) const fn has(self, class: Class) -> bool {
        self.0 & (1 << class as u8) != 0
    }

    pub(crate) const fn any(self, other: Classes) -> bool {
        self.0 & other.0 != 0
    }

    /// The classes of [`Class::Runner0`] and on, as bits from 0.
    pub(crate) const fn head_words(self) -> u16 {
        (self.0 >> Class::Runner0 as u8) as u16 & 0x3fff
    }
}

/// What a label before a colon announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum LabelClass {
    Status,
    Story,
    Date,
    Done,
    Start,
    Files,
    Learn,
    Next,
    Other,
}

impl LabelClass {
    const NAMES: [(&'static str, LabelClass); 8] = [
        ("label.status", LabelClass::Status),
        ("label.story", LabelClass::Story),
        ("label.date", LabelClass::Date),
        ("label.done", LabelClass::Done),
        ("label.start", LabelClass::Start),
        ("label.files", LabelClass::Files),
        ("label.learn", LabelClass::Learn),
        ("label.next", LabelClass::Next),
    ];
}

/// More words that make a phrase of the first one.
pub(crate) struct Phrase {
    pub(crate) remainder: Vec<Box<str>>,
    pub(crate) classes: Classes,
}

#[derive(Default)]
pub(crate) struct Entry {
    pub(crate) classes: Classes,
    pub(crate) phrases: Vec<Phrase>,
}

/// No word of the table is longer (in bytes); longer ones are not looked up.
const LONGEST: usize = 32;

/// What a word is found by: a hash of its bytes, of ASCII in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WordHash(u64);

impl WordHash {
    /// Of up to so many bytes the hash is another for each word of one length.
    const EXACT: usize = 8;

    fn of(word: &[u8]) -> WordHash {
        /// Bit 5 of each byte tells capitals from small letters.
        const CASE: u64 = 0x2020_2020_2020_2020;
        let (parts, end) = word.as_chunks::<{ WordHash::EXACT }>();
        let mix = |state: u64, part: u64| {
            let product = (state ^ (part | CASE)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            product ^ (product >> 32)
        };
        let state = parts.iter().fold(word.len() as u64, |state, part| mix(state, u64::from_le_bytes(*part)));
        let byte = |at: usize| u64::from(end[at]);
        match end.len() {
            0 => WordHash(state),
            1..=3 => WordHash(mix(state, byte(0) | byte(end.len() / 2) << 8 | byte(end.len() - 1) << 16)),
            length => {
                let four = |at: usize| end[at..].first_chunk().map_or(0, |four| u64::from(u32::from_le_bytes(*four)));
                WordHash(mix(state, four(0) | four(length - 4) << 32))
            }
        }
    }
}

/// What is known of words, in lower case.
struct WordMap<T> {
    entries: Vec<(Box<str>, WordHash, T)>,
    /// Numbers of entries from 1, by the hash of the word; words that meet stand one behind the other.
    slots: Box<[u16]>,
}

impl<T> WordMap<T> {
    /// For a quarter as many words, so that most lookups end at an empty slot; a power of two.
    fn with_slots(count: usize) -> WordMap<T> {
        WordMap { entries: Vec::new(), slots: vec![0; count].into() }
    }

    fn slot_of(&self, hash: WordHash) -> usize {
        hash.0 as usize & (self.slots.len() - 1)
    }

    /// What is kept of a new or known word.
    fn entry(&mut self, word: &str, new: T) -> &mut T {
        let hash = WordHash::of(word.as_bytes());
        let mut slot = self.slot_of(hash);
        loop {
            let number = match usize::from(self.slots[slot]) {
                0 => {
                    self.entries.push((word.into(), hash, new));
                    self.slots[slot] = self.entries.len() as u16;
                    return &mut self.entries.last_mut().expect("it was added just now").2;
                }
                number => number,
            };
            if *self.entries[number - 1].0 == *word {
                return &mut self.entries[number - 1].2;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    fn find(&self, word: &str, is_same: impl Fn(&str) -> bool) -> Option<&T> {
        let hash = WordHash::of(word.as_bytes());
        let mut slot = self.slot_of(hash);
        loop {
            let (known, known_hash, entry) = &self.entries[usize::from(self.slots[slot]).checked_sub(1)?];
            if *known_hash == hash && is_same(known) {
                return Some(entry);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}

pub(crate) struct Table {
    words: WordMap<Entry>,
    labels: WordMap<LabelClass>,
    /// Labels of which only the beginning is given.
    open_labels: WordMap<LabelClass>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("words.tsv")));

impl Table {
    pub(crate) fn get() -> &'static Table {
        &TABLE
    }

    fn parse(text: &str) -> Table {
        let mut table =
            Table { words: WordMap::with_slots(1 << 14), labels: WordMap::with_slots(1 << 12), open_labels: WordMap::with_slots(1 << 10) };
        for (class, word) in text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('\t'))
            .flat_map(|(class, words)| words.split('|').map(move |word| (class, word)))
        {
            if let Some((_, label)) = LabelClass::NAMES.iter().find(|(name, _)| *name == class) {
                // The first row that has a label wins.
                match word.strip_suffix(" *") {
                    Some(start) => table.open_labels.entry(start, *label),
                    None => table.labels.entry(word, *label),
                };
                continue;
            }
            let Some(at) = Class::NAMES.iter().position(|name| *name == class) else { continue };
            let classes = Classes(1 << at);
            let mut parts = word.split(' ');
            let entry = table.words.entry(parts.next().unwrap_or_default(), Entry::default());
            let remainder: Vec<Box<str>> = parts.map(Box::from).collect();
            if remainder.is_empty() {
                entry.classes = entry.classes.union(classes);
            } else {
                entry.phrases.push(Phrase { remainder, classes });
            }
        }
        table
    }

    /// The entry of a word, in any case.
    pub(crate) fn word(&self, word: &str) -> Option<&Entry> {
        if word.is_ascii() {
            return self.ascii_word(word);
        }
        if word.len() > LONGEST {
            return None;
        }
        if let Some(found) = self.words.find(word, |known| known == word) {
            return Some(found);
        }
        let is_lower = |ch: char| ch.to_lowercase().eq([ch]);
        if word.chars().all(is_lower) {
            return None;
        }
        let lower = word.to_lowercase();
        self.words.find(&lower, |known| known == lower)
    }

    /// As [`Table::word`], for a word of ASCII letters, digits and `_`.
    pub(crate) fn ascii_word(&self, word: &str) -> Option<&Entry> {
        let is_same = |known: &str| known.len() == word.len() && (word.len() <= WordHash::EXACT || known.eq_ignore_ascii_case(word));
        if word.len() > LONGEST { None } else { self.words.find(word, is_same) }
    }

    /// The longest word of the table that `text` begins with, by characters: for scripts without blanks.
    pub(crate) fn prefix<'t>(&self, text: &'t str) -> Option<(&'t str, &Entry)> {
        const CHARACTERS: usize = 6;
        let (mut ends, mut count) = ([0; CHARACTERS], 0);
        for (end, (at, ch)) in ends.iter_mut().zip(text.char_indices()) {
            *end = at + ch.len_utf8();
            count += 1;
        }
        let mut words = ends[..count].iter().rev().map(|end| &text[..*end]);
        words.find_map(|word| Some((word, self.words.find(word, |known| known == word)?)))
    }

    /// What a label announces: the whole of it, or its beginning where the table says so.
    pub(crate) fn label(&self, label: &str) -> LabelClass {
        let label = label.trim();
        let lower = if label.is_ascii() { Cow::Borrowed(label) } else { Cow::Owned(label.to_lowercase()) };
        let label: &str = &lower;
        let class_in = |labels: &WordMap<LabelClass>, label: &str| labels.find(label, |known| known.eq_ignore_ascii_case(label)).copied();
        if let Some(class) = class_in(&self.labels, label) {
            return class;
        }
        let start = label.bytes().position(|byte| matches!(byte, b' ' | b'(' | b'/')).map_or(label, |end| &label[..end]);
        if let Some((whole, _)) = label.split_once(" (")
            && let Some(class) = class_in(&self.labels, whole)
        {
            return class;
        }
        class_in(&self.open_labels, start).unwrap_or(LabelClass::Other)
    }
}

/// The text in lower case; in `buffer`, if it is ASCII and fits.
pub(crate) fn lowered<'b>(text: &str, buffer: &'b mut [u8; 64]) -> Cow<'b, str> {
    match buffer.get_mut(..text.len()).filter(|_| text.is_ascii()) {
        Some(lower) => {
            lower.copy_from_slice(text.as_bytes());
            lower.make_ascii_lowercase();
            Cow::Borrowed(std::str::from_utf8(lower).unwrap_or_default())
        }
        None => Cow::Owned(text.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_has_a_class() {
        for line in include_str!("words.tsv").lines().filter(|line| !line.starts_with('#')) {
            let (class, words) = line.split_once('\t').expect("a class and its words");
            let known = Class::NAMES.contains(&class) || LabelClass::NAMES.iter().any(|(name, _)| *name == class);
            assert!(known, "no such class: {class}");
            assert!(words.split('|').all(|word| !word.is_empty() && word.to_lowercase() == word), "{words}");
        }
    }

    #[test]
    fn words_are_found_in_any_case_and_script() {
        let table = Table::get();
        assert!(table.word("PASSED").is_some_and(|entry| entry.classes.has(Class::Positive)));
        assert!(table.word("Завершено").is_some_and(|entry| entry.classes.has(Class::Positive)));
        assert!(table.word("basket").is_none());
        assert_eq!(table.prefix("完成了").map(|(word, _)| word), Some("完成"));
        assert_eq!(table.label("Files changed in this step"), LabelClass::Files);
        assert_eq!(table.label("Status"), LabelClass::Status);
        assert_eq!(table.label("Colour"), LabelClass::Other);
        let of_slots = [
            (table.words.entries.len(), table.words.slots.len()),
            (table.labels.entries.len(), table.labels.slots.len()),
            (table.open_labels.entries.len(), table.open_labels.slots.len()),
        ];
        assert!(of_slots.iter().all(|(words, slots)| words * 4 < *slots), "most lookups end at an empty slot: {of_slots:?}");
    }
}
