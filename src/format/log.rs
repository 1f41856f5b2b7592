//! One log of records being read: whole statements are reported at their line, all others when the record reader is sure of them.
//!
//! What is reported is reported: a record whose line was reported is a record in every later look, with the same story, and only what is new of
//! it is added. Lines that look like records and are not sure yet wait for evidence, for the end of the input, or for a long rest.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;
use xxhash_rust::xxh3::xxh3_64;

use super::anchor::{Anchor, anchor};
use super::decided_lines::{DecidedLine, DecidedLines};
use super::excluded::{is_excluded, is_idle, is_session};
use super::fact_context::{FactContext, FactLine, merge_by_line};
use super::head::FileHeader;
use super::held_lines::{HeldClass, HeldLines, LINE_LIMIT};
use super::order::Order;
use super::record_facts::{RecordContext, time_of};
use super::reported::ReportedRecords;
use super::run_end::run_end;
use super::stated_story::StatedStory;
use super::time::Clock;
use super::votes::Votes;
use super::{LineContext, LogHeader, Pause, PlanNames, SourceKind, families_of, heading, json, rule};
use crate::fact::{Fact, Provenance, StatementForm, entry_hash};
use crate::file_change::LineEdit;
use crate::lex::LexedLine;
use crate::line::Line;
use crate::record::explain::explain;
use crate::record::failure::record_at;
use crate::record::file::{FileContext, IndexedLog};
use crate::record::score::Weights;
use crate::record::{CERTAIN, LIKELY, LineVerdict, OutcomeSource, Reading, Record, RecordOutcome, assess, decode};

/// A record with less is not reported while more may come.
const SURE: f32 = 0.7;
/// What is no record is set to: clearly below what the decoder takes.
const WITHHELD: f32 = 0.45;
/// Lines that stay when the older ones are let go.
const KEPT_LINES: usize = 2_000;
/// Up to so many lines are looked at with every append; of more only when a good part is new, or at a pause.
const SMALL: usize = 1_500;

/// What has been read of one file so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    plan: Option<Arc<PlanNames>>,
    /// It came after the last look.
    is_plan_new: bool,
    header: FileHeader,
    lines: HeldLines,
    /// Shared with the parser of an edited content.
    reported: Arc<ReportedRecords>,
    /// Whole statements that wait for the next look, so that all facts come in the order of the file.
    statements: Vec<Fact>,
    stated_story: StatedStory,
    /// Inside a code fence, where nothing is a statement.
    fenced: bool,
    after_rule: bool,
    order: Order,
    votes: Votes,
    decided: DecidedLines,
    /// The last look: lines that it understood and that it passed over although they look like records, from 0 in the file.
    understood: Vec<Range<u32>>,
    passed_over: Vec<usize>,
    /// Lines that came since the last look at any pause, and since the last one at a pause.
    unseen: usize,
    unsettled: usize,
    /// A line is probably a record, and not surely.
    is_doubtful: bool,
    /// Lines of the file at the last look at any pause, when a look at a pause would add nothing to it.
    complete_at: Option<usize>,
    /// Lines that were so at a pause: if they are reported after all, that is late.
    waited: BTreeSet<usize>,
    /// Digests of the records that were reported of an earlier content of the file: unchanged, they are records.
    kept: Arc<HashSet<u64>>,
    /// Of a part of an edited content: hashes of the lines that opened entries in it. Where they stand, they do so still.
    openings: HashSet<u64>,
    /// A long file without any record: from then on only whole statements are read.
    given_up: bool,
    unknown: u64,
}

impl Log {
    /// Goes on from what was reported of the content before.
    pub(super) fn keep_verdicts(&mut self, before: &Log) {
        let held = before.lines.unpacked();
        let texts = held.texts();
        let names = before.plan.as_ref().map(|plan| plan.pairs().collect()).unwrap_or_default();
        let file = IndexedLog::read(&texts, &FileContext { plan: names });
        let base = before.lines.base();
        let reported = (0..texts.len()).filter(|at| before.reported.has(base + at));
        self.kept = Arc::new(reported.map(|at| block_digest(&file, &texts, at)).collect());
        self.plan.clone_from(&before.plan);
    }

    /// What the plan beside names: evidence.
    pub(super) fn set_plan(&mut self, plan: Option<Arc<PlanNames>>) {
        if self.plan != plan {
            self.plan = plan;
            self.is_plan_new = self.lines.len() > 0;
        }
    }

    pub(super) fn line(&mut self, line: Line<'_>, zone: &TimeZone, facts: &mut Vec<Fact>) {
        self.lines.unpack();
        let text = line.text.trim_ascii();
        let Some(&first) = text.as_bytes().first() else {
            if !self.given_up {
                self.lines.push(line, HeldClass::Open, self.fenced);
                self.let_go_if_full(zone, facts);
            }
            return;
        };
        let context = LineContext { number: line.number, raw: line.text, text, clock: self.clock(zone), sure: self.is_sure() };
        self.fence(text);
        let is_taken = !self.fenced && (self.statement(&context, first, facts) || self.criterion(line));
        if self.given_up {
            if is_taken {
                self.decided.add_understood();
                self.given_up = !self.votes.has(SourceKind::ProgressLog);
            } else {
                self.unknown += 1;
            }
            return;
        }
        let is_header = !is_taken && !self.fenced && !self.header.is_over() && self.header.line(&context, &mut self.statements);
        let class = match (is_taken, is_header) {
            (true, _) => HeldClass::Statement,
            (false, true) => HeldClass::Header,
            (false, false) if first == b'{' => HeldClass::Json,
            (false, false) => HeldClass::Open,
        };
        self.lines.push(line, class, self.fenced);
        self.unseen += 1;
        self.unsettled += 1;
        self.let_go_if_full(zone, facts);
    }

    /// A line that says everything by itself.
    fn statement(&mut self, context: &LineContext<'_>, first: u8, facts: &mut Vec<Fact>) -> bool {
        if first == b'{' && !json::may_speak(context.text) {
            return false;
        }
        for family in families_of(first) {
            let Some(stated) = (family.read)(context) else { continue };
            self.votes.add(family.kind);
            self.header.end(&mut self.statements);
            let is_json = family.kind != SourceKind::ProgressLog;
            if is_json {
                facts.extend(stated);
            } else {
                self.stated_story.open(&stated);
                self.confirm_header();
                self.statements.extend(stated);
            }
            return true;
        }
        let Some(fact) = run_end(context) else { return false };
        self.stated_story.close();
        self.statements.push(fact);
        true
    }

    /// A criterion that is ticked below a line that states its story.
    fn criterion(&mut self, line: Line<'_>) -> bool {
        let Some(fact) = self.stated_story.line(line) else { return false };
        self.statements.push(fact);
        true
    }

    /// Keeps track of fences. A lone one closes nothing: a rule and the next heading end everything that is open.
    fn fence(&mut self, text: &str) {
        if text.starts_with("```") {
            self.fenced = !self.fenced;
        } else if self.fenced && self.after_rule && heading(text).is_some() {
            self.fenced = false;
        }
        self.after_rule = rule(text).is_some();
    }

    fn clock<'z>(&self, zone: &'z TimeZone) -> Clock<'z> {
        Clock { zone, year: self.header.year }
    }

    /// Whether the file has shown itself to be a runner's log.
    fn is_sure(&self) -> bool {
        self.header.is_known() || !self.reported.is_empty() || self.votes.has(SourceKind::ProgressLog)
    }

    /// A record shows that this is a runner's log: a title that was not certain counts now.
    fn confirm_header(&mut self) {
        let at = self.statements.len();
        self.header.confirm(at, &mut self.statements);
    }

    /// Looks at what has come, and adds the facts that are certain at this pause.
    pub(super) fn extract(&mut self, pause: Pause, zone: &TimeZone, facts: &mut Vec<Fact>) {
        let is_due = match pause {
            _ if self.is_plan_new => true,
            Pause::None => self.unseen > 0 && (self.lines.len() <= SMALL || self.unseen * 8 > self.lines.len()),
            Pause::Quiet => self.unsettled > 0 && self.complete_at != Some(self.lines.base() + self.lines.len()),
            Pause::End => self.unsettled > 0 || self.is_doubtful,
        };
        if pause != Pause::None {
            self.header.settle(&mut self.statements);
            self.unsettled = 0;
            self.lines.shrink();
        }
        if is_due && !self.given_up {
            self.unseen = 0;
            self.is_plan_new = false;
            let records = if self.lines.has_open() { self.records(pause, zone) } else { self.no_records() };
            if !records.is_empty() {
                self.votes.add(SourceKind::ProgressLog);
                self.header.end(&mut self.statements);
                self.confirm_header();
            }
            merge_by_line(std::mem::take(&mut self.statements), records, facts);
        } else {
            facts.append(&mut self.statements);
        }
    }

    /// Of lines that say everything by themselves.
    fn no_records(&mut self) -> Vec<(u32, Fact)> {
        (self.order, self.is_doubtful, self.complete_at) = (Order::default(), false, None);
        (self.understood, self.passed_over) = (Vec::new(), Vec::new());
        Vec::new()
    }

    /// The facts of each record of which something is new, with the line that opens it.
    fn records(&mut self, pause: Pause, zone: &TimeZone) -> Vec<(u32, Fact)> {
        self.lines.unpack();
        // Shares its text, which the lines of the file below are parts of.
        let held = self.lines.clone();
        let texts = held.texts();
        let names = self.plan.as_ref().map(|plan| plan.pairs().collect()).unwrap_or_default();
        let file = IndexedLog::read(&texts, &FileContext { plan: names });
        let mut assessment = assess(&file, Weights::in_use());
        let base = self.lines.base();
        let doubtful = self.confirm_or_withhold(&mut assessment.verdicts, &file, &texts, pause);
        self.is_doubtful = !doubtful.is_empty();
        let mut is_complete = doubtful.is_empty();
        if pause == Pause::Quiet {
            self.waited.extend(doubtful.into_iter().map(|at| base + at));
        }
        let reading = decode::reading(&file, &assessment);
        let clock = self.clock(zone);
        let (mut order, mut last_dated) = (Order::default(), None);
        let (mut all, mut facts) = (Vec::new(), Vec::new());
        for (n, record) in reading.records.iter().enumerate() {
            let below = &reading.records[n + 1..];
            let lines = base + record.lines.start..base + record.lines.end.max(record.lines.start + 1);
            let awaits = anchor(&file, record.lines.start) == Some(Anchor::Awaits);
            let outcome = match record.outcome {
                _ if awaits && record.source == OutcomeSource::Convention => RecordOutcome::Open,
                outcome => outcome,
            };
            if is_idle(&texts, record) || (self.plan.is_some() && is_session(&file, record)) {
                continue;
            }
            let is_open = ends_at_end(&file, record);
            // Those of one line follow one another.
            let is_beside = |other: Option<&Record>| other.is_some_and(|other| other.lines.start == record.lines.start);
            let is_sole = !is_beside(n.checked_sub(1).map(|before| &reading.records[before])) && !is_beside(below.first());
            let (plan, when) = (self.plan.as_deref(), time_of(record, clock));
            let reported = RecordContext { file: &file, lines: &self.lines, record, below, is_sole, is_open, plan, when };
            if let Some(when) = when
                && let Some(last) = last_dated.replace((when, record.id.as_deref()))
            {
                order.count(last, (when, record.id.as_deref()));
            }
            // Without a status its silence speaks when it has ended, or at a pause.
            let speaks = match record.source {
                OutcomeSource::StatusLine(_) => true,
                OutcomeSource::OwnMark => !is_open || record.when.is_some() || record.lines.len() > 2,
                OutcomeSource::Convention => !is_open || awaits,
            };
            is_complete &= speaks;
            if speaks || pause != Pause::None || self.reported.knows(lines.clone(), record) {
                let entry = Arc::make_mut(&mut self.reported).entry(lines, record);
                // What was reported as started ends by its status only, or when its block has.
                let outcome = if speaks || pause != Pause::None || entry.ended { outcome } else { RecordOutcome::Open };
                reported.add_facts(outcome, entry, &mut facts);
                if self.waited.contains(&(base + record.lines.start)) {
                    facts.iter_mut().for_each(|fact| fact.late = true);
                }
                let opening = self.lines.number(record.lines.start);
                all.extend(facts.drain(..).map(|fact| (opening, fact)));
            }
        }
        for failure in &reading.failures {
            if let Some(fact) = self.failure(&file, &reading, failure.line, &failure.text) {
                all.push((self.lines.number(failure.line), fact));
            }
        }
        all.sort_by_key(|(line, _)| *line);
        self.order = order;
        self.complete_at = is_complete.then_some(base + self.lines.len());
        self.note_lines(&file, &reading);
        all
    }

    /// Takes what is a record or none whatever the evidence says, and holds back what is not sure while more may come. Returns the lines
    /// that are probably records, and not surely.
    fn confirm_or_withhold(&self, verdicts: &mut [LineVerdict], file: &IndexedLog, texts: &[&str], pause: Pause) -> Vec<usize> {
        let mut doubtful = Vec::new();
        for verdict in verdicts {
            let at = verdict.at;
            if self.reported.has(self.lines.base() + at) || anchor(file, at).is_some() || self.is_kept(file, texts, at) {
                verdict.p = verdict.p.max(CERTAIN);
            } else if self.lines.get(at).class == HeldClass::Header || is_excluded(file, texts[at], at) {
                verdict.p = 0.0;
            } else if verdict.p < SURE && pause != Pause::End {
                if verdict.p > LIKELY {
                    doubtful.push(at);
                }
                verdict.p = verdict.p.min(WITHHELD);
            }
        }
        doubtful
    }

    fn is_kept(&self, file: &IndexedLog, texts: &[&str], at: usize) -> bool {
        let is_of_entry = !self.openings.is_empty() && self.openings.contains(&entry_hash(texts[at]));
        is_of_entry || (!self.kept.is_empty() && self.kept.contains(&block_digest(file, texts, at)))
    }

    /// An error that a line marks as such, once. Inside a file that is no log of records it means nothing.
    fn failure(&mut self, file: &IndexedLog, reading: &Reading, at: usize, text: &str) -> Option<Fact> {
        let line = self.lines.base() + at;
        if reading.records.is_empty() || self.reported.has_failure(line) {
            return None;
        }
        Arc::make_mut(&mut self.reported).add_failure(line);
        let held = self.lines.get(at);
        let fact_line = FactLine { line: self.lines.number(at), text: held.text.into() };
        let record = record_at(&reading.records, at).map(|record| &reading.records[record]);
        let story = record.map(|record| self.reported.story_of(self.lines.base() + record.lines.start));
        let fact_context = FactContext { fact_line: &fact_line, open: entry_hash(held.text), when: None, form: StatementForm::Entry };
        let message = file.lines[at].value();
        let message = if message.is_empty() { text } else { message };
        let mut fact = fact_context.error(story.flatten(), message.to_owned());
        fact.provenance = Provenance::Explicit;
        Some(fact)
    }

    fn note_lines(&mut self, file: &IndexedLog, reading: &Reading) {
        let base = self.lines.base();
        let mut understood = vec![false; file.lines.len()];
        for record in &reading.records {
            understood[record.lines.clone()].fill(true);
        }
        for at in &reading.passed_over {
            understood[*at] = false;
        }
        self.understood.clear();
        let mut start = base;
        for run in understood.chunk_by(|line, next| line == next) {
            if run[0] {
                self.understood.push(start as u32..(start + run.len()) as u32);
            }
            start += run.len();
        }
        self.understood.shrink_to_fit();
        self.passed_over = reading.passed_over.iter().map(|at| base + at).collect();
    }

    /// When too many lines are held, what is older is decided.
    fn let_go_if_full(&mut self, zone: &TimeZone, facts: &mut Vec<Fact>) {
        if !self.lines.is_full() {
            return;
        }
        self.unsettled += 1;
        self.extract(Pause::End, zone, facts);
        if self.reported.is_empty() && !self.is_sure() && self.lines.base() + self.lines.len() >= LINE_LIMIT {
            self.given_up = true;
        }
        let (held, before) = (self.held_as_decided(), self.lines.base());
        self.lines.let_go(if self.given_up { 0 } else { KEPT_LINES });
        let base = self.lines.base();
        self.decided.extend(held.into_iter().take(base - before));
        Arc::make_mut(&mut self.reported).forget_above(base);
        self.waited = self.waited.split_off(&base);
        self.understood.retain(|lines| lines.end as usize > base);
        self.passed_over.retain(|line| *line >= base);
    }

    /// What will have become of the held lines when they are let go, with their numbers.
    fn held_as_decided(&self) -> Vec<(u32, DecidedLine)> {
        self.verdicts().enumerate().map(|(at, line)| (self.lines.number(at), line)).collect()
    }

    /// What has become of the held lines so far. In a log of records only what looks like one and was not taken is unknown, and JSON that says
    /// nothing to us: its prose, its rules and the headings of its writer are nothing to understand. Blank lines are neither.
    fn verdicts(&self) -> impl Iterator<Item = DecidedLine> {
        let is_log_of_records = (self.header.is_known() || !self.reported.is_empty()) && self.kind() == SourceKind::ProgressLog;
        let (mut understood, mut passed_over) = (&self.understood[..], &self.passed_over[..]);
        (self.lines.base()..).zip(self.lines.iter()).map(move |(index, line)| {
            while let [lines, later @ ..] = understood
                && lines.end as usize <= index
            {
                understood = later;
            }
            while let [passed, later @ ..] = passed_over
                && *passed < index
            {
                passed_over = later;
            }
            let is_understood = matches!(line.class, HeldClass::Header | HeldClass::Statement)
                || understood.first().is_some_and(|lines| lines.start as usize <= index);
            let is_telling = !is_log_of_records || line.class == HeldClass::Json || passed_over.first() == Some(&index);
            DecidedLine::new(!line.is_blank && is_understood, !line.is_blank && !is_understood && is_telling, line.fenced)
        })
    }

    /// How many lines at the beginning of the file are decided, where each is kept track of.
    pub(super) fn settled_lines(&self) -> u32 {
        let first_held = if self.lines.len() > 0 { self.lines.number(0) } else { 0 };
        let is_separable = !self.given_up && !self.stated_story.has_criteria();
        self.decided.len().filter(|lines| is_separable && *lines < first_held).unwrap_or(0)
    }

    /// The log that judges the lines around an edit, of which these entries were.
    pub(super) fn window(&self, edit: &LineEdit, openings: HashSet<u64>) -> Log {
        let is_at_start = edit.window == 1;
        Log {
            plan: self.plan.clone(),
            header: if is_at_start { FileHeader::default() } else { self.header.clone() },
            stated_story: if is_at_start { StatedStory::default() } else { StatedStory::in_the_middle() },
            fenced: self.decided.is_fenced(edit.window),
            votes: self.votes.clone(),
            decided: DecidedLines::from_line(edit.window),
            openings,
            ..Log::default()
        }
    }

    /// Replaces settled lines with those that `window` has judged. Returns `false` when they cannot be told apart.
    pub(super) fn replace_lines(&mut self, window: &Log, edit: &LineEdit) -> bool {
        let mut replacement = window.decided.clone();
        replacement.extend(window.held_as_decided().into_iter());
        if replacement.len().is_none() || window.given_up || window.stated_story.has_criteria() {
            return false;
        }
        replacement.pad((edit.new_end - edit.window) as usize);
        self.decided.replace(edit.first..edit.old_end, &replacement, edit.first..edit.new_end);
        self.lines.renumber(edit.old_end, edit.new_end);
        if edit.window == 1 {
            self.header = window.header.clone();
        }
        true
    }

    /// Keeps the lines in little room until one is read again; `unknown` of those that were not understood stay at hand.
    pub(super) fn pack(&mut self, unknown: usize) {
        if !self.is_packed() {
            let unknown = self.unknown_lines(unknown).into_iter().map(|(number, text)| (number, text.into())).collect();
            self.lines.pack(self.held_counts(), unknown);
            if let Some(reported) = Arc::get_mut(&mut self.reported) {
                reported.compact();
            }
        }
    }

    pub(super) fn is_packed(&self) -> bool {
        self.lines.packed_counts().is_some()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.unsettled > 0 || self.header.is_waiting() || !self.statements.is_empty()
    }

    /// Whether a long rest would tell more.
    pub(super) fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    pub(super) fn head(&self) -> &LogHeader {
        &self.header.head
    }

    pub(super) fn kind(&self) -> SourceKind {
        match self.votes.winner() {
            SourceKind::Unknown if self.header.is_sure() => SourceKind::ProgressLog,
            kind => kind,
        }
    }

    pub(super) fn has_records(&self) -> bool {
        self.votes.has(SourceKind::ProgressLog)
    }

    pub(super) fn newest_first(&self) -> bool {
        self.order.falls()
    }

    /// For each line that could be a record: its number, and what speaks for and against it.
    pub(super) fn reasons(&self) -> Vec<(u32, String)> {
        let (file, numbers) = self.indexed();
        let explanations = explain(&file, Weights::in_use(), &file.candidates);
        file.candidates.iter().zip(&explanations).filter_map(|(at, why)| Some((numbers[*at], why.words()?))).collect()
    }

    /// The lines as the record reader sees them, and their numbers.
    pub(super) fn indexed(&self) -> (IndexedLog<'_>, Vec<u32>) {
        let texts = self.lines.texts();
        let names = self.plan.as_ref().map(|plan| plan.pairs().collect()).unwrap_or_default();
        let file = IndexedLog::read(&texts, &FileContext { plan: names });
        (file, (0..self.lines.len()).map(|at| self.lines.number(at)).collect())
    }

    pub(super) fn statement_numbers(&self) -> BTreeSet<u32> {
        (0..self.lines.len()).filter(|at| self.lines.get(*at).class == HeldClass::Statement).map(|at| self.lines.number(at)).collect()
    }

    pub(super) fn record_numbers(&self) -> impl Iterator<Item = u32> {
        let base = self.lines.base();
        (0..self.lines.len()).filter(move |at| self.reported.has(base + at)).map(|at| self.lines.number(at))
    }

    pub(super) fn origin(&self) -> f32 {
        assess(&self.indexed().0, Weights::in_use()).origin
    }

    /// Lines that look like records and were not taken.
    pub(super) fn record_like(&self) -> u64 {
        self.passed_over.len() as u64
    }

    pub(super) fn unknown_lines(&self, most: usize) -> Vec<(u32, &str)> {
        if let Some(unknown) = self.lines.packed_unknown(most) {
            return unknown;
        }
        let base = self.lines.base();
        let unknown = self.unknown_held().map(|at| base + at).filter(|line| self.passed_over.binary_search(line).is_err());
        let of = |line: usize| (self.lines.number(line - base), self.lines.get(line - base).text.trim());
        let all = self.passed_over.iter().copied().chain(unknown).map(of);
        all.filter(|(_, text)| !text.is_empty()).take(most).collect()
    }

    /// Lines that the last look did not understand, by their numbers.
    pub(super) fn unknown_numbers(&self) -> impl Iterator<Item = u32> {
        self.unknown_held().map(|at| self.lines.number(at))
    }

    fn unknown_held(&self) -> impl Iterator<Item = usize> {
        self.verdicts().enumerate().filter(|(_, line)| line.is_unknown()).map(|(at, _)| at)
    }

    fn held_counts(&self) -> (u64, u64) {
        if let Some(counts) = self.lines.packed_counts() {
            return counts;
        }
        let count = |(understood, unknown): (u64, u64), line: DecidedLine| {
            (understood + u64::from(line.is_understood()), unknown + u64::from(line.is_unknown()))
        };
        self.verdicts().fold((0, 0), count)
    }

    pub(super) fn tally(&self) -> (u64, u64) {
        let (held, decided) = (self.held_counts(), self.decided.counts());
        (held.0 + decided.0, held.1 + decided.1 + self.unknown)
    }
}

/// Whether what is appended may still belong to the record.
fn ends_at_end(file: &IndexedLog, record: &Record) -> bool {
    record.lines.end >= file.lines.len() || file.lines[record.lines.end..].iter().all(LexedLine::is_blank)
}

/// Tells a line with its block from others, white space at the end aside.
fn block_digest(file: &IndexedLog, texts: &[&str], at: usize) -> u64 {
    xxh3_64(texts[at..file.block_end(at).max(at + 1)].join("\n").trim_end().as_bytes())
}
