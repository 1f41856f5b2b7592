//! A record → the facts that it states and that were not reported before.

use std::cell::LazyCell;
use std::ops::Range;
use std::sync::Arc;

use super::criterion;
use super::fact_context::{FactContext, FactLine};
use super::field::{FieldLabel, field};
use super::held_lines::HeldLines;
use super::plan_names::PlanNames;
use super::reported::ReportedRecord;
use super::rules::make::duration;
use super::time::{self, Clock};
use super::words::{self, Status};
use crate::fact::{Criterion, Fact, Outcome, Provenance, RecordedTime, Statement, StatementForm, StoryName, entry_hash};
use crate::lex::words::{Class, Classes, Table};
use crate::lex::{LabelClass, LexedLine, Polarity, Structure};
use crate::record::file::IndexedLog;
use crate::record::{self, OutcomeSource, Record, title};

/// A record where it stands.
pub(super) struct RecordContext<'a> {
    pub(super) file: &'a IndexedLog<'a>,
    pub(super) lines: &'a HeldLines,
    pub(super) record: &'a Record,
    /// The records that open below its line.
    pub(super) below: &'a [Record],
    /// Its line names this one only.
    pub(super) is_sole: bool,
    /// The end of the file may still be its own.
    pub(super) is_open: bool,
    pub(super) plan: Option<&'a PlanNames>,
    /// Its time, read.
    pub(super) when: Option<RecordedTime>,
}

/// The time of a record, as far as it can be read.
pub(super) fn time_of(record: &Record, clock: Clock<'_>) -> Option<RecordedTime> {
    let when = record.when.as_deref()?;
    time::whole(when, clock).or_else(|| time::leading(when, clock).map(|(when, _)| when))
}

impl RecordContext<'_> {
    /// Adds what is new. Its outcome counts as far as `outcome` says.
    pub(super) fn add_facts(&self, outcome: record::RecordOutcome, reported: &mut ReportedRecord, facts: &mut Vec<Fact>) {
        // Of most records of a log that grows nothing is new.
        let fact_line = LazyCell::new(|| match self.record.source {
            OutcomeSource::StatusLine(line) => self.fact_line(line),
            OutcomeSource::OwnMark | OutcomeSource::Convention => self.fact_line(self.record.lines.start),
        });
        if reported.story == StoryName::default() {
            reported.story = self.story();
        } else if reported.story.id.is_some() && reported.story.title.is_none() {
            reported.story.title = self.story().title;
        }
        let fact_context = LazyCell::new(|| self.fact_context(&fact_line));
        if !reported.started {
            reported.started = true;
            let provenance = if outcome == record::RecordOutcome::Open { Provenance::Explicit } else { Provenance::Derived };
            facts.push(fact_context.started(reported.story.clone(), self.record.iteration, provenance));
        }
        if self.is_sole {
            self.criteria(reported, facts);
        }
        let ended = match outcome {
            record::RecordOutcome::Open => None,
            record::RecordOutcome::Passed => Some((Outcome::Passed, None)),
            record::RecordOutcome::Failed => Some(self.failure("failed")),
            record::RecordOutcome::Blocked => Some(self.failure("blocked")),
        };
        if let Some((outcome, why)) = ended.filter(|_| !reported.ended) {
            reported.ended = true;
            reported.failed = outcome != Outcome::Passed;
            if reported.failed
                && let Some((at, why)) = why.map(|why| (None, why)).or_else(|| self.reason_below())
            {
                reported.erred = true;
                let at = at.map_or_else(|| FactLine::clone(&fact_line), |at| self.fact_line(at));
                facts.push(self.fact_context(&at).error(Some(reported.story.clone()), why));
            }
            let took =
                self.record.duration.as_deref().filter(|_| self.is_sole).and_then(|took| duration(took.trim_matches(['(', ')', ' '])));
            let what = Statement::StoryEnded { outcome, duration_ms: took, commits: self.record.commits.clone() };
            facts.push(fact_context.fact(what, Some(reported.story.clone()), Provenance::Explicit));
        } else if reported.failed
            && !reported.erred
            && let Some((at, why)) = self.reason_below()
        {
            reported.erred = true;
            let at = at.map_or_else(|| FactLine::clone(&fact_line), |at| self.fact_line(at));
            facts.push(self.fact_context(&at).error(Some(reported.story.clone()), why));
        }
    }

    /// A record without a name is known by its line.
    fn story(&self) -> StoryName {
        let Record { id, title, .. } = self.record;
        // A remark in brackets is no other title than the plan's, and what failed is no title.
        let title = title.as_ref().filter(|title| !self.is_remark(title) && behind_id(&self.file.lines[self.record.lines.start]).is_none());
        let is_named = [id.as_ref(), title].into_iter().flatten().any(|name| !name.trim().is_empty());
        let text =
            self.lines.get(self.record.lines.start).text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '*' | '=' | '-'));
        StoryName {
            id: id.as_deref().map(Arc::from),
            title: title.map(String::as_str).or_else(|| (!is_named).then_some(text)).map(Arc::from),
        }
    }

    /// Whether the title stands in brackets behind the id of a story that the plan knows by another.
    fn is_remark(&self, title: &str) -> bool {
        let (Some(id), Some(plan)) = (&self.record.id, self.plan) else { return false };
        let text = self.lines.get(self.record.lines.start).text;
        let before = text.split_once(&format!("({title}")).map(|(before, _)| before.trim_end_matches([' ', ']', '*']));
        plan.has_id(id) && before.is_some_and(|before| before.ends_with(id.as_str()))
    }

    fn fact_line(&self, at: usize) -> FactLine {
        FactLine { line: self.lines.number(at), text: self.lines.get(at).text.into() }
    }

    fn fact_context<'p>(&self, fact_line: &'p FactLine) -> FactContext<'p> {
        let text = self.lines.get(self.record.lines.start).text;
        let open = match &self.record.when {
            Some(when) if !text.contains(when.as_str()) => entry_hash(&format!("{when} {text}")),
            Some(_) | None => entry_hash(text),
        };
        FactContext { fact_line, open, when: self.when, form: self.form() }
    }

    fn form(&self) -> StatementForm {
        let line = &self.file.lines[self.record.lines.start];
        if self.record.is_row {
            StatementForm::Summary
        } else if line.is_heading() || line.is_bold || line.is_label(LabelClass::Story) {
            StatementForm::Entry
        } else {
            StatementForm::Line
        }
    }

    /// Where its own lines end.
    fn end(&self) -> usize {
        if self.is_open { self.lines.len() } else { self.record.lines.end }
    }

    /// Where its block ends for the criteria it ticks: below a row that is a record, the list of the entry goes on.
    fn block_end(&self) -> usize {
        self.end().max(self.file.block_end(self.record.lines.start))
    }

    /// Where a record below it begins and its block ends.
    fn inner_blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let end = |record: &Record| record.lines.end.max(self.file.block_end(record.lines.start));
        let outer_end = self.block_end();
        self.below.iter().map(move |record| record.lines.start..end(record)).take_while(move |inner| inner.start < outer_end)
    }

    fn criteria(&self, reported: &mut ReportedRecord, facts: &mut Vec<Fact>) {
        let base = self.lines.base();
        let mut is_listed = false;
        let end = self.block_end();
        // A tick is a box, or a sign that is not ASCII: most entries have neither.
        let may_be_ticked = |at: usize| {
            let text = self.lines.get(at).head();
            memchr::memchr(b'[', text.as_bytes()).is_some() || !text.is_ascii()
        };
        if !(self.record.lines.start + 1..end).any(may_be_ticked) {
            reported.criteria_end = reported.criteria_end.max((base + end) as u32);
            return;
        }
        let mut inner = self.inner_blocks().filter(|inner| inner.start > self.record.lines.start).peekable();
        let mut inner_end = 0;
        for at in self.record.lines.start + 1..end {
            while let Some(block) = inner.next_if(|block| block.start <= at) {
                inner_end = inner_end.max(block.end);
            }
            if at < inner_end {
                is_listed = false;
                continue;
            }
            let line = self.lines.get(at);
            let text = line.head().trim();
            if text.is_empty() {
                continue;
            }
            let done = if self.file.lines[at].structure == Structure::Code {
                criterion::numbered(text)
            } else if field(text).is_some_and(|(label, _)| FieldLabel::of(label).is_some()) {
                is_listed = false;
                None
            } else {
                match criterion::read(text, is_listed) {
                    criterion::Read::Done(done) => Some(done),
                    criterion::Read::Item => None,
                    criterion::Read::Intro => {
                        is_listed = true;
                        None
                    }
                    criterion::Read::Other => {
                        is_listed = false;
                        None
                    }
                }
            };
            if let Some(done) = done.filter(|_| base + at >= reported.criteria_end as usize) {
                facts.push(self.ticked(done, at, reported));
            }
        }
        reported.criteria_end = reported.criteria_end.max((base + end) as u32);
    }

    fn ticked(&self, criterion: Criterion, at: usize, reported: &ReportedRecord) -> Fact {
        let what = Statement::CriterionDone { criterion, duration_ms: None };
        self.fact_context(&self.fact_line(at)).fact(what, Some(reported.story.clone()), Provenance::Explicit)
    }

    /// The word for the failure, and why.
    fn failure(&self, word: &str) -> (Outcome, Option<String>) {
        let failed = |reason: &str, why| (Outcome::Failed { reason: reason.to_owned() }, why);
        match self.record.source {
            OutcomeSource::StatusLine(at) => {
                match field(self.lines.get(at).head().trim_start_matches(['#', ' '])).and_then(|(_, value)| words::value(value)) {
                    Some(Status::Failed { reason, why }) => failed(&reason, why),
                    Some(Status::Passed | Status::Open | Status::Idle) | None => failed(word, None),
                }
            }
            OutcomeSource::OwnMark => {
                let line = &self.file.lines[self.record.lines.start];
                failed(&own_word(line).unwrap_or_else(|| word.to_owned()), behind_mark(line).or_else(|| behind_id(line)))
            }
            OutcomeSource::Convention => failed(word, None),
        }
    }

    /// `**Reason**: …` in the block, or directly under a status line that stands below its end, and its line.
    fn reason_below(&self) -> Option<(Option<usize>, String)> {
        let end = self.end();
        let under_status = match self.record.source {
            OutcomeSource::StatusLine(status) if status >= end => status + 1..self.lines.len().min(status + 4),
            OutcomeSource::StatusLine(_) | OutcomeSource::OwnMark | OutcomeSource::Convention => 0..0,
        };
        let is_own = |at: &usize| !self.file.lines[*at].is_blank() && !self.file.lines[*at].is_heading();
        (self.record.lines.start + 1..end).chain(under_status.take_while(is_own)).find_map(|at| {
            let (label, value) = field(self.lines.get(at).head().trim())?;
            let why = words::reason_text(value).filter(|_| FieldLabel::of(label) == Some(FieldLabel::Reason))?;
            Some((Some(at), why))
        })
    }
}

/// The word by which a line marks its failure: `(BLOQUEADO)`.
fn own_word(line: &LexedLine) -> Option<String> {
    let span = line.spans.iter().rev().find(|span| span.mark().is_some_and(|mark| mark.polarity == Polarity::Negative))?;
    match words::value(span.text(&line.text))? {
        Status::Failed { reason, .. } => Some(reason),
        Status::Passed | Status::Open | Status::Idle => None,
    }
}

/// What follows the mark of a failure on its line: why.
fn behind_mark(line: &LexedLine) -> Option<String> {
    let span = line.spans.iter().rev().find(|span| span.mark().is_some_and(|mark| mark.polarity == Polarity::Negative))?;
    let remainder = line.text.get(span.end as usize..)?;
    let is_reason = remainder.trim_start().starts_with([':', '-', '—', '–', '(']) && span.start > 0;
    is_reason.then(|| words::reason_text(remainder)).flatten()
}

/// `[TIME] FAILED US-003 The oven timed out`: behind a program's mark and an id, without a sign between, words that tell a failure say
/// why, and are no title.
fn behind_id(line: &LexedLine) -> Option<String> {
    let (text, lead) = (&line.text, line.lead.as_deref()?);
    let mark = line.spans.iter().find(|span| span.mark().is_some_and(|mark| mark.polarity == Polarity::Negative))?;
    let is_capitals = mark.text(text).bytes().all(|byte| byte.is_ascii_uppercase());
    let leads = mark.end <= lead.start && text[mark.end as usize..lead.start as usize].trim_matches([' ', '[', '(']).is_empty();
    let remainder = text[lead.end as usize..].trim_start_matches([']', ')']).strip_prefix(' ')?;
    let classes = |word: &str| Table::get().word(word).map_or(Classes::NONE, |entry| entry.classes);
    let states_failure = || title::words(remainder).any(|word| classes(word).has(Class::Negative) || classes(word).has(Class::Trouble));
    let is_reason = is_capitals && leads && remainder.starts_with(char::is_alphabetic) && states_failure();
    is_reason.then(|| words::reason_text(remainder)).flatten()
}
