//! One line-by-line source: its reader, its counts, and content that is not believed yet.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::fact::Fact;
use crate::format::{LogParser, ParserConfig, SourceKind};
use crate::input::RereadReason;
use crate::ledger::{self, Circumstances, Item, SETTLE, Slot, TOTAL, Tally, Verdict};
use crate::line::{Lines, PartialLine};
use crate::model::Origin;

use super::claims::FileAt;
use super::memory::Remembered;
use super::past::Pasts;
use super::resolve::Resolved;
use super::stated::{Redraws, Stated, oldest_entry_first, tail_facts};

/// A fact and how often its source has said it by now in this run, when that is more than before.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) fact: Fact,
    pub(super) said: Option<u32>,
}

#[derive(Debug)]
pub(super) struct LineSource {
    pub(super) path: Arc<str>,
    pub(super) file: Option<FileAt>,
    machine_name: bool,
    recipe: ParserConfig,
    pub(super) reader: LogParser,
    pub(super) ledger: ledger::Source,
    /// Stated since the last look was counted, at the end of the believed content.
    fresh: Vec<Stated>,
    pub(super) candidate: Option<Candidate>,
    /// Counted already, because the content it stands in was about to be replaced, and not told.
    pub(super) counted: Vec<Counted>,
    /// Files that lost their name and are read on.
    pub(super) pasts: Pasts,
    /// An open last line that is to be counted once the candidate is believed.
    late_rest: Option<PartialLine>,
    /// Facts of an open last line or entry, counted before it was complete: skipped once when they come again.
    pub(super) shown: Vec<(Slot, u32)>,
    /// What the last line has said so far.
    redrawn: Redraws,
    /// Last change on the clock of `ClockReading::elapsed`.
    changed: Duration,
    /// What an earlier process knew of the file, until it is read again.
    pub(super) remembered: Option<Remembered>,
    /// Nothing has been counted yet.
    first: bool,
    seen: bool,
    pub(super) written: Option<Timestamp>,
}

/// Content that replaced the believed one.
#[derive(Debug)]
pub(super) struct Candidate {
    reader: LogParser,
    facts: Vec<Fact>,
    rest: Option<PartialLine>,
    why: RereadReason,
    /// Since when the file is known to be no mere growth.
    since: Duration,
    complete: bool,
}

/// A believed candidate, counted and not yet told.
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    items: Vec<(usize, Item)>,
    /// What the open end says and was known already.
    tail: Vec<(Slot, Fact)>,
    redrawn: Redraws,
}

impl LineSource {
    pub(super) fn new(path: &str, file: Option<FileAt>, machine_name: bool, recipe: ParserConfig) -> Self {
        LineSource {
            path: Arc::from(path),
            file,
            machine_name,
            reader: recipe.parser(),
            recipe,
            ledger: ledger::Source::default(),
            fresh: Vec::new(),
            candidate: None,
            counted: Vec::new(),
            pasts: Pasts::default(),
            late_rest: None,
            shown: Vec::new(),
            redrawn: Redraws::default(),
            changed: Duration::ZERO,
            remembered: None,
            first: true,
            seen: false,
            written: None,
        }
    }

    pub(super) fn reader(&self) -> &LogParser {
        &self.reader
    }

    pub(super) fn origin(&self) -> Origin {
        Origin { path: self.path.clone(), kind: self.kind(), written: self.written }
    }

    pub(super) fn kind(&self) -> SourceKind {
        match self.reader.kind() {
            SourceKind::Unknown if self.machine_name => SourceKind::TerminalLog,
            kind => kind,
        }
    }

    /// Whether a program appends to it, so that replaced content goes on counting instead of beginning a run.
    pub(super) fn is_machine_log(&self) -> bool {
        self.machine_name || self.reader.kind().is_machine_log() || self.remembered.as_ref().is_some_and(|remembered| remembered.machine)
    }

    /// Whether the file has ever been there, be it empty.
    pub(super) fn is_there(&self) -> bool {
        self.seen
    }

    pub(super) fn begin(&mut self, now: Duration, why: RereadReason) {
        let waiting = self.candidate.take();
        let why = match waiting.as_ref().map(|waiting| waiting.why) {
            // The old file was seen to live on elsewhere; a later write does not make that unseen.
            Some(RereadReason::Renamed) => RereadReason::Renamed,
            Some(RereadReason::Rotated) => RereadReason::Rotated,
            Some(RereadReason::Rewritten | RereadReason::Replaced | RereadReason::RotatedSibling | RereadReason::Restored) | None => why,
        };
        let since = waiting.map_or(now, |waiting| waiting.since);
        let reader = self.recipe.parser();
        self.candidate = Some(Candidate { reader, facts: Vec::new(), rest: None, why, since, complete: false });
        self.late_rest = None;
        self.changed = now;
    }

    /// `keeps` says which facts are this task's.
    pub(super) fn take(&mut self, now: Duration, lines: &Lines, keeps: impl FnMut(&Fact) -> bool) {
        self.changed = now;
        self.seen = true;
        let mut facts = Vec::new();
        let reader = match &mut self.candidate {
            Some(candidate) => &mut candidate.reader,
            None => &mut self.reader,
        };
        for line in lines.iter() {
            reader.parse_line(line, &mut facts);
        }
        if self.file.is_some() {
            facts.retain(keeps);
        }
        match &mut self.candidate {
            Some(candidate) => {
                candidate.rest = None;
                candidate.facts.append(&mut facts);
            }
            None => self.state(facts, false),
        }
    }

    pub(super) fn end(&mut self, now: Duration, rest: Option<PartialLine>) {
        self.changed = now;
        if let Some(candidate) = &mut self.candidate {
            candidate.rest = rest;
            candidate.complete = true;
        }
    }

    /// The open last line counts as it stands.
    pub(super) fn rest(&mut self, rest: PartialLine) {
        if self.candidate.is_some() {
            self.late_rest = Some(rest);
        } else {
            let facts = tail_facts(&self.reader, Some(&rest));
            self.state(facts, true);
        }
    }

    fn state(&mut self, facts: Vec<Fact>, ahead: bool) {
        self.fresh.extend(facts.into_iter().map(|fact| Stated { fact, ahead }));
    }

    /// Judges the entry under way when nothing has followed for a while.
    pub(super) fn settle(&mut self, now: Duration, at_once: bool) {
        if self.candidate.is_none() && self.reader.has_pending() && (at_once || now.saturating_sub(self.changed) >= SETTLE) {
            let mut facts = Vec::new();
            self.reader.flush(&mut facts);
            self.state(facts, false);
        }
    }

    /// When something here wants a tick although the file does not change; `ticked` is when it had the last.
    pub(super) fn deadline(&self, ticked: Duration) -> Option<Duration> {
        match &self.candidate {
            Some(waiting) if waiting.complete => {
                let times = [self.changed + SETTLE, waiting.since + SETTLE, waiting.since + TOTAL];
                times.into_iter().filter(|time| *time > ticked).min()
            }
            Some(_) => None,
            None => self.reader.has_pending().then_some(self.changed + SETTLE),
        }
    }

    /// Whether what is read next was added to what has been read before.
    pub(super) fn is_read_on(&self) -> bool {
        self.candidate.is_none() && !self.first
    }

    /// Whether content that replaced the believed one waits.
    pub(super) fn is_rewritten(&self) -> bool {
        self.candidate.is_some()
    }

    /// What was appended since the last look.
    pub(super) fn stated(&self) -> impl Iterator<Item = &Fact> {
        self.fresh.iter().map(|stated| &stated.fact)
    }

    /// Counts what was appended since the last look. `resolve` gives a fact's item; `None` means that it counts nowhere.
    pub(super) fn count_fresh(&mut self, now: Duration, mut resolve: impl FnMut(&Fact) -> Resolved) -> Vec<Counted> {
        let mut counted = std::mem::take(&mut self.counted);
        let mut stated = std::mem::take(&mut self.fresh);
        if self.first && !stated.is_empty() {
            self.first = false;
            if self.reader.is_newest_first() {
                stated = oldest_entry_first(stated);
            }
        }
        counted.reserve(stated.len());
        for Stated { fact, ahead } in stated {
            let item = match resolve(&fact) {
                Resolved::Counts(item) => item,
                Resolved::Uncounted => {
                    counted.push(Counted { fact, said: None });
                    continue;
                }
                Resolved::Nowhere => continue,
                Resolved::EarlierRun(item) => {
                    // It was said, but before this run began.
                    if self.ledger.append(item, now).is_some() {
                        self.ledger.sink(item);
                    }
                    continue;
                }
            };
            let place = (item.slot, fact.line);
            if let Some(seen) = self.shown.iter().position(|shown| *shown == place) {
                // It may be said to stand open more than once, and is complete once.
                if !ahead {
                    self.shown.swap_remove(seen);
                }
                counted.push(Counted { fact, said: None });
                continue;
            }
            if self.redrawn.again(item.slot, fact.line) {
                continue;
            }
            if ahead {
                self.shown.push(place);
            }
            if self.ledger.has_no_room(item.slot) {
                continue;
            }
            let said = self.ledger.append(item, now);
            counted.push(Counted { fact, said });
        }
        counted
    }

    /// Whether a new run may be about to begin here, so that the task's other sources must wait.
    pub(super) fn judge(&mut self, now: Duration, at_once: bool, mut resolve: impl FnMut(&Fact) -> Resolved) -> Option<Judged> {
        let machine = self.is_machine_log();
        let candidate = self.candidate.as_mut().filter(|candidate| candidate.complete)?;
        let mut items = Vec::new();
        let mut tally = Tally::default();
        let mut redrawn = Redraws::default();
        let mut place = 0;
        // What counts nowhere is not told either, and stays so.
        candidate.facts.retain(|fact| {
            match resolve(fact) {
                Resolved::Nowhere => return false,
                Resolved::Uncounted => {}
                Resolved::Counts(item) | Resolved::EarlierRun(item) => {
                    if !redrawn.again(item.slot, fact.line) {
                        tally.add(item);
                        items.push((place, item));
                    }
                }
            }
            place += 1;
            true
        });
        // What the open end would say is there if it was known already: a save without a final newline loses nothing.
        let mut tail = Vec::new();
        for fact in tail_facts(&candidate.reader, candidate.rest.as_ref()) {
            if let Resolved::Counts(item) = resolve(&fact)
                && self.ledger.misses(&tally, item)
            {
                tally.add(item);
                items.push((candidate.facts.len() + tail.len(), item));
                tail.push((item.slot, fact));
            }
        }
        let remembered = self.remembered.as_ref().and_then(|remembered| remembered.start_line.as_ref());
        let head = (self.reader.head().start_line.as_ref().or(remembered), candidate.reader.head().start_line.as_ref());
        let how = Circumstances {
            why: candidate.why,
            machine: machine || candidate.reader.kind().is_machine_log(),
            machine_name: self.machine_name,
            other_start_line: matches!(head, (Some(old), Some(new)) if old != new),
            quiet: if at_once { TOTAL } else { now.saturating_sub(self.changed) },
            age: if at_once { TOTAL } else { now.saturating_sub(candidate.since) },
        };
        let verdict = match self.ledger.judge(&tally, how) {
            // Nothing more will come to tell whether this is a new run; do not begin one on a half-written file.
            Verdict::NewGeneration if at_once && !how.machine => Verdict::Rewrite,
            verdict => verdict,
        };
        Some(Judged { verdict, items, tail, redrawn })
    }

    /// The candidate is believed (as `judged` says, and after any switch of runs): counts it against what was known.
    pub(super) fn commit(&mut self, judged: Judged, now: Duration) -> Vec<Counted> {
        let mut counted = std::mem::take(&mut self.counted);
        let Some(candidate) = self.candidate.take() else { return counted };
        let items: Vec<Item> = judged.items.iter().map(|(_, item)| *item).collect();
        self.shown = judged.tail.iter().map(|(slot, fact)| (*slot, fact.line)).collect();
        let mut facts = candidate.facts;
        facts.extend(judged.tail.into_iter().map(|(_, fact)| fact));
        let mut said: Vec<Option<u32>> = vec![None; facts.len()];
        for (place, times) in self.ledger.commit(&items, now) {
            said[judged.items[place].0] = Some(times);
        }
        self.redrawn = judged.redrawn;
        self.reader = candidate.reader;
        self.remembered = None;
        self.first = false;
        self.fresh.clear();
        if let Some(rest) = self.late_rest.take() {
            self.rest(rest);
        }
        counted.extend(facts.into_iter().zip(said).map(|(fact, said)| Counted { fact, said }));
        counted
    }

    /// What was read since `begin` was counted by an earlier process.
    pub(super) fn resumed(&mut self, now: Duration, mut resolve: impl FnMut(&Fact) -> Resolved) {
        let Some(candidate) = self.candidate.take() else { return };
        self.changed = now;
        self.first = false;
        self.seen = true;
        self.reader = candidate.reader;
        let mut facts = candidate.facts;
        if self.remembered.take().is_some_and(|remembered| remembered.settled) {
            self.reader.flush(&mut facts);
        }
        facts.retain(|fact| !matches!(resolve(fact), Resolved::Nowhere));
        self.counted.extend(facts.into_iter().map(|fact| Counted { fact, said: None }));
    }

    /// Whether something has been counted that is not told yet.
    pub(super) fn has_untold(&self) -> bool {
        !self.counted.is_empty()
    }

    /// Whether all that was read has been counted.
    pub(super) fn is_at_rest(&self) -> bool {
        self.candidate.is_none() && self.fresh.is_empty() && self.remembered.is_none()
    }

    /// To be told with the next look.
    pub(super) fn tell_later(&mut self, counted: Vec<Counted>) {
        self.counted.extend(counted);
    }

    /// Another source said that a new run began: what waits to be told was said before it.
    pub(super) fn outlive_run(&mut self) {
        self.ledger.outlive_run();
        for counted in &mut self.counted {
            counted.said = None;
        }
    }

    /// Whether the candidate cannot wait for the next look: its file is about to be followed by another.
    pub(super) fn is_pressed(&self, retired: bool) -> bool {
        let machine = self.is_machine_log();
        self.candidate
            .as_ref()
            .is_some_and(|waiting| waiting.complete && (waiting.why == RereadReason::RotatedSibling || (retired && machine)))
    }
}
