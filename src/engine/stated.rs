//! What lines state before it is counted: their order at the first look, and what a terminal draws over and over.

use std::collections::HashSet;

use crate::fact::{CountedKind, Fact};
use crate::format::LogParser;
use crate::ledger::Slot;
use crate::line::PartialLine;

#[derive(Debug)]
pub(super) struct Stated {
    pub(super) fact: Fact,
    /// The line or entry it stands in is still open.
    pub(super) ahead: bool,
}

/// Redraws by `\r` within one `\n` line say each thing once, however many looks the line takes.
#[derive(Debug, Default)]
pub(super) struct Redraws {
    line: u32,
    slots: HashSet<Slot>,
}

impl Redraws {
    pub(super) fn again(&mut self, slot: Slot, line: u32) -> bool {
        if line != self.line {
            self.line = line;
            self.slots.clear();
        }
        !self.slots.insert(slot)
    }
}

/// A log with its newest entry on top, from the bottom up; the lines of an entry keep their order.
pub(super) fn oldest_entry_first(stated: Vec<Stated>) -> Vec<Stated> {
    let mut entries: Vec<Vec<Stated>> = Vec::new();
    for one in stated {
        let header = CountedKind::of(&one.fact.statement) == Some(CountedKind::TaskStarted);
        match entries.last_mut().filter(|entry| !header && entry[0].fact.entry_hash == one.fact.entry_hash) {
            Some(entry) => entry.push(one),
            None => entries.push(vec![one]),
        }
    }
    entries.into_iter().rev().flatten().collect()
}

/// What the open end of a file would say if nothing more came.
pub(super) fn tail_facts(reader: &LogParser, rest: Option<&PartialLine>) -> Vec<Fact> {
    let mut ahead = reader.clone();
    let mut facts = Vec::new();
    if let Some(rest) = rest {
        ahead.parse_line(rest.line(), &mut facts);
    }
    ahead.flush(&mut facts);
    facts
}
