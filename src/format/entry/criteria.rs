//! The criteria that an entry ticks.

use super::super::opening::Step;
use super::super::say::Place;
use super::super::{Seen, criterion};
use super::Entry;
use crate::fact::{Criterion, Fact, Provenance, Statement};

impl Entry {
    /// Takes a line from inside a code fence: only numbered criteria are read there.
    pub(in crate::format) fn fenced(&mut self, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        self.lines += 1;
        self.judge_due(facts);
        if let Some(done) = criterion::numbered(seen.text) {
            self.criterion_done(done, seen, facts);
        }
    }

    pub(super) fn criterion(&mut self, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        match criterion::read(seen.text, self.in_criteria) {
            criterion::Read::Done(done) => self.criterion_done(done, seen, facts),
            criterion::Read::Item => {}
            criterion::Read::Intro => self.in_criteria = true,
            criterion::Read::Other => self.in_criteria = false,
        }
    }

    pub(super) fn criterion_done(&mut self, done: Criterion, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        // With several stories nobody knows whose criterion it is; an uncertain entry has none yet.
        if self.opening.stories.len() > 1 || self.opening.step == Some(Step::Work) {
            return;
        }
        if self.opening.stories.is_empty() || !(self.started || self.opening.silence.speaks()) {
            self.held.push((done, Place::of(seen)));
            return;
        }
        let place = Place::of(seen);
        self.start(Provenance::Derived, &place, facts);
        facts.push(self.ticked(done, &place));
    }

    fn ticked(&self, criterion: Criterion, place: &Place) -> Fact {
        let what = Statement::CriterionDone { criterion, duration_ms: None };
        self.saying(place).fact(what, self.opening.stories.first().cloned(), Provenance::Explicit)
    }

    /// What was ticked before: the entry is one.
    pub(super) fn release(&mut self, facts: &mut Vec<Fact>) {
        let held = std::mem::take(&mut self.held);
        if self.opening.stories.len() == 1 {
            facts.extend(held.into_iter().map(|(criterion, place)| self.ticked(criterion, &place)));
        }
    }
}
