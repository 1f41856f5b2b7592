//! An entry: a heading and the lines that stand under it until the next heading or a rule.
//!
//! Keeps what the entry has said so far and judges it once: at its status, or, where a family writes none, at its end.

use super::field::{Label, field, stories};
use super::words::{self, Status};
use super::{Seen, criterion, time};
use crate::fact::{Fact, Failure, Outcome, Provenance, Stamp, StoryName, Voice, What, opening};

/// What an entry means that ends without any status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// The family appends an entry only after the checks passed (snarktank).
    Passed,
    /// The family always writes a status; it has not come (claude-loop).
    Started,
    /// Only a status makes it an entry at all: the heading alone is not certain.
    Nothing,
}

/// What a heading says.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    /// Of the heading: one of the same level or above ends the entry.
    pub(super) level: u8,
    /// Empty where a `**Story**:` line is to name them.
    pub(super) stories: Vec<StoryName>,
    pub(super) when: Option<Stamp>,
    pub(super) iteration: Option<u32>,
    pub(super) status: Option<Status>,
    pub(super) silence: Silence,
}

/// A line that a fact may stand on.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) text: Box<str>,
}

impl Place {
    pub(super) fn of(seen: &Seen<'_>) -> Self {
        Place { line: seen.number, text: seen.raw.into() }
    }
}

/// Where a status may stand when a heading has named the story already: later on, `Status:` is more likely about the product.
const STATUS_WITHIN: u32 = 8;
/// Where the line that names the story of a heading without one may stand.
const STORY_WITHIN: u32 = 4;

#[derive(Debug, Clone)]
pub(super) struct Entry {
    opening: Opening,
    /// The heading, or the line that named the story.
    place: Place,
    open: u64,
    indent: usize,
    /// A status that waits one line for the entry's date.
    due: Option<(Status, Place)>,
    duration_ms: Option<u64>,
    /// Non-blank lines under the heading.
    lines: u32,
    in_criteria: bool,
    /// A status has been read, or its absence judged.
    judged: bool,
    started: bool,
    ended: bool,
    failed: bool,
    erred: bool,
}

impl Entry {
    /// Opens an entry; one whose heading says everything is judged here.
    pub(super) fn new(mut opening_: Opening, seen: &Seen<'_>, facts: &mut Vec<Fact>) -> Self {
        let status = opening_.status.take();
        let mut entry = Entry {
            opening: opening_,
            place: Place::of(seen),
            open: opening(seen.raw),
            indent: seen.indent(),
            due: None,
            duration_ms: None,
            lines: 0,
            in_criteria: false,
            judged: false,
            started: false,
            ended: false,
            failed: false,
            erred: false,
        };
        if let Some(status) = status {
            entry.status(status, Place::of(seen), facts);
        }
        entry
    }

    pub(super) fn level(&self) -> u8 {
        self.opening.level
    }

    pub(super) fn when(&self) -> Option<Stamp> {
        self.opening.when
    }

    /// The first story's id.
    pub(super) fn id(&self) -> Option<&str> {
        self.opening.stories.first()?.id.as_deref()
    }

    /// Whether it has said anything, or certainly will.
    pub(super) fn is_certain(&self) -> bool {
        self.started || self.ended || (!self.opening.stories.is_empty() && self.opening.silence != Silence::Nothing)
    }

    /// Whether its lines count as understood.
    pub(super) fn is_known(&self) -> bool {
        self.is_certain() || self.opening.silence == Silence::Started
    }

    /// Whether its end would say something.
    pub(super) fn is_waiting(&self) -> bool {
        self.due.is_some() || (!self.judged && !self.opening.stories.is_empty() && self.opening.silence != Silence::Nothing)
    }

    /// Takes a line under the heading.
    pub(super) fn line(&mut self, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        self.lines += 1;
        if self.opening.when.is_none() && self.date(seen) {
            self.judge_due(facts);
            return;
        }
        self.judge_due(facts);
        let labelled = seen.indent() <= self.indent + 1;
        if labelled
            && let Some((label, value)) = field(seen.text)
            && self.field(label, value, seen, facts)
        {
            self.in_criteria = false;
            return;
        }
        if self.lines == 1 && self.bold_title(seen.text) {
            return;
        }
        self.criterion(seen, facts);
    }

    /// Takes a line from inside a code fence: only numbered criteria are read there.
    pub(super) fn fenced(&mut self, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        self.lines += 1;
        self.judge_due(facts);
        if let Some(done) = criterion::numbered(seen.text) {
            self.criterion_done(done, seen, facts);
        }
    }

    /// The entry ends, or nothing has followed for a while: it is judged as it stands.
    pub(super) fn close(&mut self, facts: &mut Vec<Fact>) {
        self.judge_due(facts);
        if self.judged || self.opening.stories.is_empty() {
            return;
        }
        match self.opening.silence {
            Silence::Passed => self.judge(Status::Passed, &self.place.clone(), facts),
            // Its status may still come, so it is not judged.
            Silence::Started => self.start(Provenance::Explicit, &self.place.clone(), facts),
            Silence::Nothing => {}
        }
        self.judged = true;
    }

    /// A date under the heading: `*2026-01-24T08:45:00Z (283s)*`, `- **Date**: 2026-01-24`.
    fn date(&mut self, seen: &Seen<'_>) -> bool {
        if self.lines > STATUS_WITHIN || seen.indent() > self.indent + 1 {
            return false;
        }
        let (stamp, rest) = if seen.text.starts_with(['*', '_']) && seen.text.ends_with(['*', '_']) {
            let Some((stamp, rest)) = time::leading(seen.text.trim_start_matches(['*', '_']), seen.clock) else { return false };
            (stamp, rest.trim_matches([' ', '*', '_']))
        } else {
            let Some((label, value)) = field(seen.text) else { return false };
            const DATES: [&str; 8] =
                ["date", "completed", "completed at", "completed on", "timestamp", "time", "finished", "date completed"];
            if !DATES.iter().any(|date| label.eq_ignore_ascii_case(date)) {
                return false;
            }
            let Some((stamp, rest)) = time::leading(value, seen.clock) else { return false };
            (stamp, rest.trim())
        };
        self.opening.when = Some(stamp);
        self.duration_ms = rest
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix("s)"))
            .and_then(|secs| secs.parse::<u32>().ok())
            .map(|secs| u64::from(secs) * 1000);
        true
    }

    fn field(&mut self, label: &str, value: &str, seen: &Seen<'_>, facts: &mut Vec<Fact>) -> bool {
        match Label::of(label) {
            Some(Label::Story) if self.opening.stories.is_empty() && self.lines <= STORY_WITHIN => {
                self.opening.stories = stories(value);
                if !self.opening.stories.is_empty() {
                    self.open = opening(&format!("{} {}", self.place.text, seen.text));
                    self.place = Place::of(seen);
                }
                true
            }
            Some(Label::Status) => {
                let late = self.opening.silence != Silence::Started && self.lines > STATUS_WITHIN;
                if self.ended || late || self.opening.stories.is_empty() {
                    return false;
                }
                match words::value(value) {
                    Some(status) => self.status(status, Place::of(seen), facts),
                    // A status of its own making is in any case not the family's silence.
                    None if self.opening.silence == Silence::Passed => self.opening.silence = Silence::Started,
                    None => {}
                }
                true
            }
            Some(Label::Reason) if self.failed && !self.erred => {
                if let Some(reason) = words::reason_text(value) {
                    self.error(reason, &Place::of(seen), facts);
                }
                true
            }
            Some(Label::Learnings) => {
                if self.opening.silence == Silence::Nothing {
                    self.opening.silence = Silence::Passed;
                }
                true
            }
            Some(Label::Story | Label::Reason) | None => false,
        }
    }

    /// `**Add a login page**` right under a heading that has no title.
    fn bold_title(&mut self, text: &str) -> bool {
        let [story] = self.opening.stories.as_mut_slice() else { return false };
        let Some(title) = text.strip_prefix("**").and_then(|text| text.strip_suffix("**")) else { return false };
        let is_title = story.title.is_none() && !self.started && !title.contains("**") && !title.ends_with(':') && !title.trim().is_empty();
        if is_title {
            story.title = Some(title.trim().to_owned());
        }
        is_title
    }

    fn criterion(&mut self, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        match criterion::read(seen.text, self.in_criteria) {
            criterion::Read::Done(done) => self.criterion_done(done, seen, facts),
            criterion::Read::Item => {}
            criterion::Read::Intro => self.in_criteria = true,
            criterion::Read::Other => self.in_criteria = false,
        }
    }

    fn criterion_done(&mut self, done: crate::fact::Criterion, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        // With several stories nobody knows whose criterion it is; an uncertain entry has none.
        if self.opening.stories.len() != 1 || !(self.started || self.opening.silence != Silence::Nothing) {
            return;
        }
        let place = Place::of(seen);
        self.start(Provenance::Derived, &place, facts);
        let story = self.opening.stories[0].clone();
        facts.push(self.fact(What::CriterionDone { criterion: done, duration_ms: None }, story, Provenance::Explicit, &place));
    }

    /// A status has been read. Without a date it waits one line, in case the date is there.
    fn status(&mut self, status: Status, place: Place, facts: &mut Vec<Fact>) {
        self.judged = true;
        if self.opening.when.is_some() {
            self.judge(status, &place, facts);
        } else {
            self.due = Some((status, place));
        }
    }

    fn judge_due(&mut self, facts: &mut Vec<Fact>) {
        if let Some((status, place)) = self.due.take() {
            self.judge(status, &place, facts);
        }
    }

    fn judge(&mut self, status: Status, place: &Place, facts: &mut Vec<Fact>) {
        self.judged = true;
        match status {
            Status::Passed => self.end(&Outcome::Passed, None, place, facts),
            Status::Failed { reason, why } => self.end(&Outcome::Failed { reason }, why, place, facts),
            Status::Open => self.start(Provenance::Explicit, place, facts),
            Status::Idle => {}
        }
    }

    fn start(&mut self, provenance: Provenance, place: &Place, facts: &mut Vec<Fact>) {
        if !std::mem::replace(&mut self.started, true) {
            for story in self.opening.stories.clone() {
                facts.push(self.started_fact(story, provenance, place));
            }
        }
    }

    fn end(&mut self, outcome: &Outcome, why: Option<String>, place: &Place, facts: &mut Vec<Fact>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.failed = *outcome != Outcome::Passed;
        let was_started = std::mem::replace(&mut self.started, true);
        let duration_ms = self.duration_ms.filter(|_| self.opening.stories.len() == 1);
        for (nth, story) in self.opening.stories.clone().into_iter().enumerate() {
            if !was_started {
                facts.push(self.started_fact(story.clone(), Provenance::Derived, place));
            }
            if nth == 0
                && let Some(why) = &why
            {
                self.error(why.clone(), place, facts);
            }
            let ended = What::StoryEnded { outcome: outcome.clone(), duration_ms, commits: Vec::new() };
            facts.push(self.fact(ended, story, Provenance::Explicit, place));
        }
    }

    fn error(&mut self, message: String, place: &Place, facts: &mut Vec<Fact>) {
        if !std::mem::replace(&mut self.erred, true) {
            let failure = Failure { kind: words::error_kind(None, &message), message, retryable: None, exit_code: None };
            let story = self.opening.stories[0].clone();
            facts.push(self.fact(What::Error(failure), story, Provenance::Explicit, place));
        }
    }

    fn started_fact(&self, story: StoryName, provenance: Provenance, place: &Place) -> Fact {
        let started = What::StoryStarted { iteration: self.opening.iteration, priority: None, criteria: Vec::new() };
        self.fact(started, story, provenance, place)
    }

    fn fact(&self, what: What, story: StoryName, provenance: Provenance, place: &Place) -> Fact {
        Fact {
            what,
            story: Some(story),
            voice: Voice::Entry,
            provenance,
            line: place.line,
            text: place.text.clone(),
            open: self.open,
            when: self.opening.when,
        }
    }
}
