//! An entry: a heading and the lines that stand under it until the next heading or a rule.
//!
//! Keeps what the entry has said so far and judges it once: at its status, or, where a family writes none, at its end.

mod criteria;

use super::field::{Label, field, stories};
use super::opening::{Opening, PLAIN, Silence, Step};
use super::say::{Place, Saying};
use super::words::{self, Status};
use super::{Seen, evidence, time};
use crate::fact::{Criterion, Fact, Outcome, Precision, Provenance, RecordedTime, StatementForm, StoryName, entry_hash};

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
    /// The mark of the rule right above the heading, where that is a plain line: only its like ends the entry.
    fence: Option<char>,
    /// A status that waits one line for the entry's date.
    due: Option<(Status, Place)>,
    duration_ms: Option<u64>,
    /// Non-blank lines under the heading.
    lines: u32,
    in_criteria: bool,
    /// Criteria that were ticked before it was certain that this is an entry.
    held: Vec<(Criterion, Place)>,
    /// A status has been read, or its absence judged.
    judged: bool,
    started: bool,
    ended: bool,
    failed: bool,
    erred: bool,
}

impl Entry {
    /// Opens an entry; one whose heading says everything is judged here.
    /// `session` is the date and number of the session it stands in.
    pub(super) fn new(mut opening_: Opening, session: (Option<RecordedTime>, Option<u32>), seen: &Seen<'_>, facts: &mut Vec<Fact>) -> Self {
        let status = opening_.status.take();
        opening_.when = opening_.when.or(session.0);
        opening_.iteration = opening_.iteration.or(session.1);
        let mut entry = Entry {
            opening: opening_,
            place: Place::of(seen),
            open: entry_hash(seen.raw),
            indent: seen.indent(),
            fence: None,
            due: None,
            duration_ms: None,
            lines: 0,
            in_criteria: false,
            held: Vec::new(),
            judged: false,
            started: false,
            ended: false,
            failed: false,
            erred: false,
        };
        if entry.opening.level == PLAIN {
            entry.fence = seen.fence;
        }
        if let Some(status) = status {
            entry.status(status, Place::of(seen), facts);
        }
        entry
    }

    /// Whether a heading of this level ends it.
    pub(super) fn ends_at(&self, level: u8) -> bool {
        self.fence.is_none() && level <= self.opening.level
    }

    /// Whether a rule of this mark ends it. One right below a fenced heading underlines it.
    pub(super) fn ends_at_rule(&self, mark: char) -> bool {
        self.fence.is_none_or(|fence| fence == mark && self.lines > 0)
    }

    /// A rule that does not end it.
    pub(super) fn ruled(&mut self) {
        self.lines += 1;
    }

    pub(super) fn level(&self) -> u8 {
        self.opening.level
    }

    /// Whether it is only a time, for the statements below it.
    pub(super) fn names_nothing(&self) -> bool {
        self.opening.stories.is_empty() && self.opening.title.is_none()
    }

    pub(super) fn when(&self) -> Option<RecordedTime> {
        self.opening.when
    }

    /// The first story's id.
    pub(super) fn id(&self) -> Option<&str> {
        self.opening.stories.first()?.id.as_deref()
    }

    /// Whether it has said anything, or certainly will.
    pub(super) fn is_certain(&self) -> bool {
        self.started || self.ended || (!self.opening.stories.is_empty() && self.opening.silence.speaks())
    }

    /// Whether its lines count as understood.
    pub(super) fn is_known(&self) -> bool {
        self.is_certain() || matches!(self.opening.silence, Silence::Started | Silence::Awaits)
    }

    /// Whether its end would say something.
    pub(super) fn is_waiting(&self) -> bool {
        let would_speak = match self.opening.silence {
            Silence::Passed => true,
            Silence::Started => !self.started,
            Silence::Nothing | Silence::Awaits => false,
        };
        let speaks = match &self.due {
            Some((Status::Idle, _)) => false,
            Some((Status::Open, _)) => !self.started,
            Some((Status::Passed | Status::Failed { .. }, _)) => !self.ended,
            None => would_speak && !self.judged,
        };
        speaks && !self.opening.stories.is_empty()
    }

    /// Takes a line under the heading.
    pub(super) fn line(&mut self, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        self.lines += 1;
        if self.date(seen) {
            self.judge_due(facts);
            return;
        }
        self.judge_due(facts);
        if seen.text.starts_with('#') {
            // A heading inside the entry may be all there is of a label: `### Files changed`, `### Status: blocked`.
            if Label::of(seen.text) == Some(Label::Report) {
                self.reports();
            }
            if let Some((label, value)) = field(seen.text.trim_start_matches(['#', ' ']))
                && Label::of(label) == Some(Label::Status)
            {
                self.field(Label::Status, value, seen, facts);
            }
        }
        let labelled = seen.indent() <= self.indent + 1;
        if labelled
            && let Some((label, value)) = field(seen.text)
            && let Some(label) = Label::of(label)
            && self.field(label, value, seen, facts)
        {
            self.in_criteria = false;
            return;
        }
        if self.lines == 1 && self.bold_title(seen.text) {
            return;
        }
        if self.opening.silence == Silence::Nothing && seen.likely && self.opening.when.is_some() && evidence::of_code(seen.text) {
            self.reports();
        }
        self.criterion(seen, facts);
    }

    /// It is the report of finished work, even if its heading alone was not certain.
    fn reports(&mut self) {
        if self.opening.silence == Silence::Nothing {
            self.opening.silence = Silence::Passed;
            self.take_title();
        }
    }

    /// Where nothing gave the story an id, the heading's title names it.
    fn take_title(&mut self) {
        if self.opening.stories.is_empty()
            && let Some(title) = self.opening.title.take()
        {
            self.opening.stories.push(StoryName { id: None, title: Some(title) });
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
            Silence::Nothing | Silence::Awaits => {}
        }
        self.judged = true;
    }

    /// A date under the heading: `*2026-01-24T08:45:00Z (283s)*`, `- **Date**: 2026-01-24`; or the time of day to a date.
    fn date(&mut self, seen: &Seen<'_>) -> bool {
        if self.lines > STATUS_WITHIN || seen.indent() > self.indent + 1 {
            return false;
        }
        let rough = self.opening.when.filter(|when| when.precision == Precision::Day);
        if self.opening.when.is_some() && rough.is_none() {
            return false;
        }
        let emphasised = seen.text.starts_with(['*', '_']) && seen.text.ends_with(['*', '_']);
        let label = field(seen.text).map(|(label, value)| (Label::of(label), value));
        let done = matches!(label, Some((Some(Label::Done), _)));
        let (value, labelled) = match label {
            Some((Some(Label::When | Label::Done), value)) => (value, true),
            _ if emphasised => (seen.text.trim_start_matches(['*', '_']), false),
            _ => return false,
        };
        let found = match rough {
            Some(day) => time::of_day(day, value, seen.clock).filter(|_| labelled),
            None => time::leading(value, seen.clock),
        };
        let Some((stamp, rest)) = found else { return false };
        // `Completed: 2026-01-24` says both.
        if done && self.opening.silence == Silence::Nothing {
            self.reports();
        }
        self.opening.when = Some(stamp);
        let rest = rest.trim_matches([' ', '*', '_']);
        let secs = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix("s)")).and_then(|secs| secs.parse::<u32>().ok());
        self.duration_ms = secs.map(|secs| u64::from(secs) * 1000);
        true
    }

    fn field(&mut self, label: Label, value: &str, seen: &Seen<'_>, facts: &mut Vec<Fact>) -> bool {
        match label {
            Label::Story if self.opening.stories.is_empty() && self.lines <= STORY_WITHIN => {
                self.opening.stories = stories(value);
                if !self.opening.stories.is_empty() {
                    self.open = entry_hash(&format!("{} {}", self.place.text, seen.text));
                    self.place = Place::of(seen);
                }
                true
            }
            Label::Title if !self.started => match self.opening.stories.as_mut_slice() {
                [story] if story.title.is_none() && !value.is_empty() && self.lines <= STORY_WITHIN => {
                    story.title = Some(value.to_owned());
                    true
                }
                _ => false,
            },
            Label::Status | Label::Result => {
                let late = self.opening.silence == Silence::Passed && self.lines > STATUS_WITHIN;
                self.take_title();
                if self.ended || late || self.opening.stories.is_empty() {
                    return false;
                }
                match words::value(value) {
                    Some(status) => self.stepped(status, seen, facts),
                    // A status of its own making is in any case not the family's silence.
                    None if self.opening.silence == Silence::Passed && label == Label::Status => self.opening.silence = Silence::Started,
                    None => {}
                }
                true
            }
            Label::Done if self.opening.silence == Silence::Awaits && !value.is_empty() && !self.ended => {
                self.take_title();
                if !self.opening.stories.is_empty() {
                    self.status(Status::Passed, Place::of(seen), facts);
                }
                true
            }
            Label::Reason if self.failed && !self.erred => {
                if let Some(reason) = words::reason_text(value) {
                    self.error(reason, &Place::of(seen), facts);
                }
                true
            }
            Label::Report => {
                self.reports();
                true
            }
            Label::Story | Label::Title | Label::Done | Label::Reason | Label::When => false,
        }
    }

    /// A status has been read; that of a step is not its story's, unless it failed.
    fn stepped(&mut self, status: Status, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        match (&self.opening.step, status) {
            (Some(Step::Work), Status::Passed | Status::Open) => self.status(Status::Open, Place::of(seen), facts),
            (Some(Step::Check(text)), Status::Passed) => {
                let done = Criterion { index: None, text: Some(text.clone()) };
                self.judged = true;
                self.started = true;
                self.criterion_done(done, seen, facts);
            }
            (Some(Step::Check(_)), Status::Failed { .. } | Status::Open | Status::Idle) => self.judged = true,
            (Some(Step::Work) | None, status) => self.status(status, Place::of(seen), facts),
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

    /// A status has been read. Without a date it waits one line, in case the date is there.
    fn status(&mut self, status: Status, place: Place, facts: &mut Vec<Fact>) {
        self.judged = true;
        let dated = self.opening.when.is_some_and(|when| when.precision != Precision::Day || self.opening.level != PLAIN);
        if dated {
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
            let saying = self.saying(place);
            facts.extend(self.opening.stories.iter().map(|story| saying.started(story.clone(), self.opening.iteration, provenance)));
            self.release(facts);
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
                facts.push(self.saying(place).started(story.clone(), self.opening.iteration, Provenance::Derived));
            }
            self.release(facts);
            if nth == 0
                && let Some(why) = &why
            {
                self.error(why.clone(), place, facts);
            }
            facts.push(self.saying(place).ended(story, outcome.clone(), duration_ms, Provenance::Explicit));
        }
    }

    fn error(&mut self, message: String, place: &Place, facts: &mut Vec<Fact>) {
        if !std::mem::replace(&mut self.erred, true) {
            facts.push(self.saying(place).error(self.opening.stories.first().cloned(), message));
        }
    }

    fn saying<'p>(&self, place: &'p Place) -> Saying<'p> {
        Saying { place, open: self.open, when: self.opening.when, voice: StatementForm::Entry }
    }
}
