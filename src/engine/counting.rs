//! Facts of a log before and after the ledger counts them.

use crate::fact::{CountedKind, Fact};
use crate::format::{LogParser, Pause};
use crate::ledger::{CountItem, CountKey};
use crate::line::PartialLine;
use crate::seeded_hash::SeededSet;

use super::resolve::Resolved;

/// A fact that the ledger has not counted yet.
#[derive(Debug)]
pub(super) struct UncountedFact {
    /// In a box: a log that is read for the first time has tens of thousands, which are handed on several times.
    pub(super) fact: Box<Fact>,
    /// The line or the entry of the fact is still open, so that the fact comes again when it is complete.
    pub(super) provisional: bool,
}

/// A fact that the ledger has counted.
#[derive(Debug)]
pub(super) struct CountedFact {
    pub(super) fact: Box<Fact>,
    /// The source's count of it in this run, when this fact has raised it.
    pub(super) count: Option<u32>,
}

/// Drops what a terminal draws again: redraws by `\r` within one `\n` line count once, however many polls the line takes.
#[derive(Debug, Default)]
pub(super) struct RedrawFilter {
    line: u32,
    keys: SeededSet<CountKey>,
}

impl RedrawFilter {
    /// Returns whether `line` has stated `key` before, and notes that it has now.
    pub(super) fn repeats(&mut self, key: CountKey, line: u32) -> bool {
        if line != self.line {
            self.line = line;
            self.keys.clear();
        }
        !self.keys.insert(key)
    }
}

/// The facts of one file that may come again without being new.
#[derive(Debug, Default)]
pub(super) struct RepeatFilter {
    /// Provisional facts that were counted, by their line: each is skipped once when it comes again.
    pub(super) provisional: Vec<(CountKey, u32)>,
    pub(super) redraws: RedrawFilter,
}

/// Whether a fact came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repetition {
    First,
    /// As a provisional one, whose line was open.
    Completed,
    /// In the same line, which a terminal draws again.
    Redrawn,
}

impl RepeatFilter {
    /// Returns whether a fact came before, and notes that it has now.
    pub(super) fn classify(&mut self, key: CountKey, line: u32, is_provisional: bool) -> Repetition {
        if let Some(index) = self.provisional.iter().position(|known| *known == (key, line)) {
            // A fact may be provisional more than once, and is complete once.
            if !is_provisional {
                self.provisional.swap_remove(index);
            }
            return Repetition::Completed;
        }
        if self.redraws.repeats(key, line) {
            return Repetition::Redrawn;
        }
        if is_provisional {
            self.provisional.push((key, line));
        }
        Repetition::First
    }
}

/// What the ledger makes of each fact that it counts, by the index of the fact. Drops those that are ignored.
pub(super) fn count_items(facts: &mut Vec<Fact>, mut resolve: impl FnMut(&Fact) -> Resolved) -> (Vec<(usize, CountItem)>, RedrawFilter) {
    let mut items = Vec::new();
    let mut redraws = RedrawFilter::default();
    let mut index = 0;
    facts.retain(|fact| {
        match resolve(fact) {
            Resolved::Ignored => return false,
            Resolved::StateOnly => {}
            Resolved::Countable(item) | Resolved::PreviousRun(item) => {
                if !redraws.repeats(item.key, fact.line) {
                    items.push((index, item));
                }
            }
        }
        index += 1;
        true
    });
    (items, redraws)
}

/// Reverses a log whose newest entry is on top; the facts of an entry keep their order.
pub(super) fn oldest_entry_first(facts: &mut [UncountedFact]) {
    facts.reverse();
    let is_header = |one: &UncountedFact| CountedKind::of(&one.fact.statement) == Some(CountedKind::TaskStarted);
    // A header begins an entry, which now stands before it.
    let is_of_one_entry = |one: &UncountedFact, above: &UncountedFact| one.fact.entry_hash == above.fact.entry_hash && !is_header(one);
    for entry in facts.chunk_by_mut(is_of_one_entry) {
        entry.reverse();
    }
}

/// The facts of the open last line and the open entry of a file, if nothing more came.
pub(super) fn facts_at_eof(parser: &LogParser, partial_line: Option<&PartialLine>) -> Vec<Fact> {
    let mut parser = parser.clone();
    let mut facts = Vec::new();
    if let Some(partial_line) = partial_line {
        parser.parse_line(partial_line.line(), &mut facts);
    }
    parser.extract(Pause::Quiet, &mut facts);
    facts
}
