//! The files of one source that lost their name: their readers, and the counting of what is still added to them.

use std::time::Duration;

use crate::fact::Fact;
use crate::format::LogParser;
use crate::input::DetachedId;
use crate::ledger::{self, Slot, Verdict};
use crate::line::{Lines, PartialLine};

use super::claims::Claims;
use super::lines::{Counted, LineSource};
use super::resolve::{Begun, Resolved};
use super::stated::tail_facts;
use super::task::Task;

#[derive(Debug, Default)]
pub(super) struct Pasts(Vec<Past>);

#[derive(Debug)]
struct Past {
    id: DetachedId,
    reader: LogParser,
    /// Facts of an open end that were counted before it was complete.
    shown: Vec<(Slot, u32)>,
}

impl Pasts {
    pub(super) fn retire(&mut self, id: DetachedId, reader: LogParser, shown: Vec<(Slot, u32)>) {
        self.0.push(Past { id, reader, shown });
    }

    /// Counts lines that were added.
    pub(super) fn late(
        &mut self,
        id: DetachedId,
        lines: &Lines,
        ledger: &mut ledger::Source,
        resolve: impl FnMut(&Fact) -> Resolved,
    ) -> Vec<Counted> {
        let Some(past) = self.0.iter_mut().find(|past| past.id == id) else { return Vec::new() };
        let mut facts = Vec::new();
        for line in lines.iter() {
            past.reader.parse_line(line, &mut facts);
        }
        past.count(facts, ledger, resolve)
    }

    /// Nothing more will be added; `end` when the open end counts, with the open last line.
    pub(super) fn leave(
        &mut self,
        id: DetachedId,
        end: Option<Option<PartialLine>>,
        ledger: &mut ledger::Source,
        resolve: impl FnMut(&Fact) -> Resolved,
    ) -> Vec<Counted> {
        let Some(at) = self.0.iter().position(|past| past.id == id) else { return Vec::new() };
        let mut past = self.0.swap_remove(at);
        let counted = match end {
            Some(rest) => {
                let facts = tail_facts(&past.reader, rest.as_ref());
                past.count(facts, ledger, resolve)
            }
            None => Vec::new(),
        };
        ledger.leave(id);
        counted
    }
}

impl LineSource {
    /// Another file takes the name: what was read so far is read on as `id`.
    pub(super) fn retire(&mut self, id: DetachedId) {
        if self.candidate.is_none() {
            self.ledger.retire(id);
            self.pasts.retire(id, self.reader.clone(), self.shown.clone());
        }
    }

    /// Lines added to a file that lost its name.
    pub(super) fn late(&mut self, id: DetachedId, lines: &Lines, resolve: impl FnMut(&Fact) -> Resolved) {
        let counted = self.pasts.late(id, lines, &mut self.ledger, resolve);
        self.counted.extend(counted);
    }

    /// A file that lost its name is not read any more; `end` when its open end counts.
    pub(super) fn leave(&mut self, id: DetachedId, end: Option<Option<PartialLine>>, resolve: impl FnMut(&Fact) -> Resolved) {
        let counted = self.pasts.leave(id, end, &mut self.ledger, resolve);
        self.counted.extend(counted);
    }
}

impl Task {
    /// What this source says of its content is about to be replaced: it is counted while it can be. `retired` when the file itself
    /// is replaced by another.
    pub(super) fn press(&mut self, line: usize, now: Duration, begun: Begun, retired: bool, claims: &mut Claims) {
        let fresh = self.count_fresh(line, now, begun, claims);
        self.lines[line].tell_later(fresh);
        if self.lines[line].is_pressed(retired)
            && let Some(judged) = self.judge(line, now, true, claims)
        {
            if judged.verdict == Verdict::NewGeneration {
                self.lines[line].ledger.rotate();
            }
            let believed = self.lines[line].commit(judged, now);
            self.lines[line].tell_later(believed);
        }
    }

    /// Lines added to a file that lost its name.
    pub(super) fn late(&mut self, line: usize, past: DetachedId, added: &Lines, claims: &mut Claims) {
        let (source, resolve) = self.apart(line, Begun::default(), claims);
        source.late(past, added, resolve);
    }

    /// A file that lost its name is not read any more.
    pub(super) fn leave(&mut self, line: usize, past: DetachedId, end: Option<Option<PartialLine>>, claims: &mut Claims) {
        let (source, resolve) = self.apart(line, Begun::default(), claims);
        source.leave(past, end, resolve);
    }
}

impl Past {
    fn count(&mut self, facts: Vec<Fact>, ledger: &mut ledger::Source, mut resolve: impl FnMut(&Fact) -> Resolved) -> Vec<Counted> {
        let mut counted = Vec::with_capacity(facts.len());
        for fact in facts {
            let said = match resolve(&fact) {
                Resolved::Nowhere | Resolved::EarlierRun(_) => continue,
                Resolved::Uncounted => None,
                Resolved::Counts(item) => match self.shown.iter().position(|shown| *shown == (item.slot, fact.line)) {
                    Some(seen) => {
                        self.shown.swap_remove(seen);
                        None
                    }
                    None => ledger.late(self.id, item),
                },
            };
            counted.push(Counted { fact, said });
        }
        counted
    }
}
