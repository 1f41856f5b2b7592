//! Sessions: `## Session 3 - 2026-01-24`, `[Session 2 — Carts — 2026-01-24]`, `== Session 1 - 2026-01-24 ==`; under the heading what
//! the agent finished.
//!
//! A session is the report of each story that it names as finished; when it names none, of itself. Stories with headings of their own are
//! `entry`'s.

use super::deeds::{self, Section};
use super::field::{self, Label, is_separator};
use super::heading_name::Name;
use super::id::{self, Looks};
use super::say::{Place, Saying};
use super::words::{self, Status};
use super::{Family, Reading, Seen, SourceKind, heading, time};
use crate::fact::{Fact, Outcome, Provenance, RecordedTime, StatementForm, StoryName, entry_hash};

pub(super) const FAMILY: Family = Family { kind: SourceKind::ProgressLog, begins: b"#=[-*Ss", read };

/// Lower case.
const SESSIONS: &[&str] =
    &["session", "sessions", "sesión", "sesion", "sessão", "sessione", "sitzung", "сессия", "セッション", "세션", "会话", "會話"];

/// What the heading of a session says.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) level: u8,
    /// The whole heading: names a session that has no name.
    heading: String,
    name: Option<String>,
    stories: Vec<StoryName>,
    when: Option<RecordedTime>,
    number: Option<u32>,
    status: Option<Status>,
    /// The heading announces what was done.
    done: bool,
}

impl Opening {
    /// Of a session known by its date alone.
    pub(super) fn dated(level: u8, heading: &str, when: RecordedTime) -> Self {
        let heading = heading.to_owned();
        Opening { level, heading, name: None, stories: Vec::new(), when: Some(when), number: None, status: None, done: false }
    }
}

fn read(seen: &Seen<'_>) -> Option<Reading> {
    let (level, text) = framed(seen.text)?;
    // `## 2026-01-24`: a day's session.
    if seen.text.starts_with('#')
        && level > 1
        && let Some(when) = time::whole(text, seen.clock)
    {
        return Some(Reading::Session(Opening::dated(level, text, when)));
    }
    // `## What was done (2026-01-24)`: a hand-over.
    if seen.text.starts_with('#')
        && text.ends_with(|c: char| c.is_ascii_digit() || matches!(c, ')' | ']'))
        && Section::of(text.split(['(', '2']).next().unwrap_or_default()) == Section::Done
        && let Some(at) = text.find(|c: char| c.is_ascii_digit())
        && let Some(when) = time::whole(text[at..].trim_end_matches(')'), seen.clock)
    {
        return Some(Reading::Session(Opening { done: true, ..Opening::dated(level, text, when) }));
    }
    let (number, rest) = session_word(text)?;
    let mut opening =
        Opening { level, heading: text.to_owned(), name: None, stories: Vec::new(), when: None, number, status: None, done: false };
    let mut rest = rest.trim_start_matches(is_separator);
    while !rest.is_empty() {
        if opening.when.is_none()
            && let Some((stamp, after)) = time::leading(rest, seen.clock)
        {
            opening.when = Some(stamp);
            rest = after.trim_start_matches(|c: char| is_separator(c) || matches!(c, ')' | ']'));
            continue;
        }
        let (part, after) = part(rest);
        if let Some(found) = id::leading(part).filter(|found| found.generic || found.looks == Looks::Strong) {
            // The title may have parts of its own.
            let whole = id::leading(rest).unwrap_or(found);
            let name = Name::of(&whole, seen)?;
            opening.when = opening.when.or(name.when);
            opening.status = opening.status.or(name.status);
            let title = name.title.map(|title| title.trim_end_matches(')').to_owned());
            opening.stories = whole.ids.into_iter().map(|id| StoryName { id: Some(id), title: title.clone() }).collect();
            break;
        }
        match words::remark(part) {
            Some(status) => opening.status = opening.status.or(Some(status)),
            None => opening.name = opening.name.or_else(|| (!part.is_empty()).then(|| part.to_owned())),
        }
        rest = after;
    }
    // `## Session Management` is a heading like any other.
    (opening.number.is_some() || opening.when.is_some()).then_some(Reading::Session(opening))
}

/// The level and text of a heading of any make: `## …`, `== … ==`, `[…]`, `--- … ---`, or a plain line.
fn framed(text: &str) -> Option<(u8, &str)> {
    if let Some((level, text)) = heading(text) {
        return Some((level, text));
    }
    match text.as_bytes() {
        [b'[', .., b']'] => Some((1, text[1..text.len() - 1].trim())),
        [b'-' | b'*', b'-' | b'*', ..] => Some((2, text.trim_matches(['-', '*', ' ', ':']))),
        [b'[' | b'-' | b'*' | b'#' | b'=', ..] => None,
        // A plain line begins with the word itself.
        [b's' | b'S', b'e' | b'E', ..] | [0x80..=0xFF, ..] => Some((2, text)),
        _ => None,
    }
}

/// The number and what follows the word for a session; it is the first word, or the second or third behind the agent's role.
fn session_word(text: &str) -> Option<(Option<u32>, &str)> {
    let mut rest = text;
    for _ in 0..3 {
        let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let word = &rest[..end];
        rest = &rest[end..];
        if SESSIONS.iter().any(|name| name.eq_ignore_ascii_case(word) || (!name.is_ascii() && *name == word.to_lowercase())) {
            let after = rest.trim_start_matches([' ', '#']);
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let number = after[..digits].parse().ok().filter(|_| digits <= 4 && !super::is_time(digits, &after[digits..]));
            let rest = if number.is_some() { &after[digits..] } else { rest };
            // The heading goes on behind a separator or with the date; else the word is part of a phrase.
            let apart = rest.is_empty()
                || rest.starts_with(['-', '–', '—', ':', '：', '|', ',', '(', '[', '·'])
                || (rest.starts_with(' ') && rest.trim_start().starts_with(|c: char| !c.is_alphabetic()))
                || (rest.starts_with(' ') && number.is_none() && rest.trim_start().starts_with(|c: char| c.is_ascii_digit()));
            return (apart || rest.trim_start().is_empty()).then_some((number, rest));
        }
        rest = rest.strip_prefix(' ')?;
    }
    None
}

/// The text up to the next separator between parts, and what follows it; a part in brackets is one.
fn part(text: &str) -> (&str, &str) {
    if let Some(inner) = text.strip_prefix(['(', '[']) {
        let end = inner.rfind([')', ']']).unwrap_or(inner.len());
        return (inner[..end].trim(), inner.get(end + 1..).unwrap_or_default().trim_start_matches(is_separator));
    }
    let ends = [" - ", " — ", " – ", ": ", " | ", " (", " ["].iter().filter_map(|end| text.find(end).map(|at| (at, end.len())));
    match ends.min() {
        Some((at, width)) => {
            let keep = if text[at..].starts_with(" (") || text[at..].starts_with(" [") { 1 } else { width };
            (text[..at].trim(), text[at + keep..].trim_start_matches(is_separator))
        }
        None => (text.trim(), ""),
    }
}

/// A session under way.
#[derive(Debug, Clone)]
pub(super) struct Session {
    opening: Opening,
    place: Place,
    open: u64,
    section: Section,
    status: Option<(Status, Place)>,
    /// It says that something was finished.
    deeds: bool,
    /// That in a sentence, as opposed to the items of a list: the best title there is.
    sentence: Option<String>,
    /// Stories that it has reported.
    named: Vec<String>,
    told: bool,
}

impl Session {
    pub(super) fn new(opening_: Opening, seen: &Seen<'_>) -> Self {
        let place = Place::of(seen);
        let status = opening_.status.clone().map(|status| (status, place.clone()));
        let section = if opening_.done { Section::Done } else { Section::Other };
        Session {
            opening: opening_,
            place,
            open: entry_hash(seen.raw),
            section,
            status,
            deeds: false,
            sentence: None,
            named: Vec::new(),
            told: false,
        }
    }

    pub(super) fn level(&self) -> u8 {
        self.opening.level
    }

    pub(super) fn when(&self) -> Option<RecordedTime> {
        self.opening.when
    }

    pub(super) fn number(&self) -> Option<u32> {
        self.opening.number
    }

    /// Whether what stands here is said to be finished.
    pub(super) fn is_done_section(&self) -> bool {
        self.section == Section::Done
    }

    /// Whether what stands here is still to do.
    pub(super) fn is_plan_section(&self) -> bool {
        self.section == Section::Plan
    }

    /// A fact on this line speaks of a story; if it stands in the session, the session names it.
    pub(super) fn names(&mut self, story: &StoryName, line: u32) {
        if line > self.place.line
            && let Some(name) = story.id.as_ref().or(story.title.as_ref())
            && !self.named.contains(name)
        {
            self.named.push(name.clone());
        }
    }

    /// Whether it has said anything, or certainly will.
    pub(super) fn is_certain(&self) -> bool {
        self.told || self.verdict().is_some()
    }

    /// A heading inside the session.
    pub(super) fn heads(&mut self, seen: &Seen<'_>, title: &str) {
        match field::field(title) {
            Some((label, value)) if Label::of(label) == Some(Label::Status) => self.status(value, seen),
            _ => self.section = Section::of(title),
        }
    }

    /// A line of it that belongs to no entry.
    pub(super) fn line(&mut self, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        if let Some((label, value)) = field::field(seen.text).filter(|(label, _)| seen.indent() <= 3 && !label.contains('#')) {
            match Label::of(label) {
                Some(Label::Status | Label::Result) => return self.status(value, seen),
                Some(Label::Story) if self.opening.stories.is_empty() && self.named.is_empty() => {
                    self.opening.stories = field::stories(value);
                    return;
                }
                _ => {}
            }
            let section = Section::of(label);
            if value.is_empty() || section != Section::Other {
                self.section = if value.is_empty() || section != Section::Plan { section } else { self.section };
                if !value.is_empty() && section == Section::Done {
                    let before = facts.len();
                    self.done(value, seen, facts);
                    // `Features completed: 45, 46`
                    if facts.len() == before && value.starts_with(|c: char| c.is_ascii_digit()) && id::names_stories(label) {
                        self.done(&format!("Features {value}"), seen, facts);
                    }
                    self.section = Section::Other;
                }
                return;
            }
        }
        match deeds::item(seen.text) {
            Some(item) => self.done(item, seen, facts),
            // `Verified tasks #15 and #17, already implemented:`
            None if seen.text.ends_with(':') && deeds::begins_with_deed(seen.text).is_some() => self.section = Section::Done,
            None if self.section == Section::Done => self.done(seen.text, seen, facts),
            None => {}
        }
    }

    /// What may be something that the session finished.
    fn done(&mut self, item: &str, seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        if self.section == Section::Plan {
            return;
        }
        let listed = self.section == Section::Done;
        if listed && !self.deeds {
            self.deeds = true;
            self.sentence = Some(item.to_owned()).filter(|_| item == seen.text);
        }
        for story in deeds::finished(item, listed, seen) {
            let id = story.id.clone().unwrap_or_default();
            if self.named.contains(&id) {
                continue;
            }
            self.named.push(id);
            let place = Place::of(seen);
            let saying = Saying { place: &place, ..self.saying() };
            facts.push(saying.started(story.clone(), self.opening.number, Provenance::Derived));
            facts.push(saying.ended(story, Outcome::Passed, None, Provenance::Explicit));
        }
    }

    fn status(&mut self, value: &str, seen: &Seen<'_>) {
        let status = words::value(value).or_else(|| deeds::says_passed(value).then_some(Status::Passed));
        if let Some(status) = status
            && self.status.is_none()
        {
            self.status = Some((status, Place::of(seen)));
        }
    }

    fn saying(&self) -> Saying<'_> {
        Saying { place: &self.place, open: self.open, when: self.opening.when, voice: StatementForm::Entry }
    }

    /// Whether its end would say something.
    pub(super) fn is_waiting(&self) -> bool {
        !self.told && self.verdict().is_some()
    }

    /// What it says of itself, or of the stories in its heading, unless it has named those.
    fn verdict(&self) -> Option<(Status, &Place)> {
        let is_named = |story: &StoryName| story.id.as_ref().or(story.title.as_ref()).is_some_and(|name| self.named.contains(name));
        let nothing_left = match self.opening.stories.as_slice() {
            [] => !self.named.is_empty(),
            stories => stories.iter().all(is_named),
        };
        match &self.status {
            _ if nothing_left => None,
            Some((Status::Idle, _)) => None,
            Some((status, place)) => Some((status.clone(), place)),
            None => self.deeds.then_some((Status::Passed, &self.place)),
        }
    }

    /// The session ends, or nothing has followed for a while.
    pub(super) fn close(&mut self, facts: &mut Vec<Fact>) {
        if self.told {
            return;
        }
        let Some((verdict, place)) = self.verdict() else { return };
        let own = StoryName {
            id: None,
            title: Some(self.opening.name.as_ref().or(self.sentence.as_ref()).unwrap_or(&self.opening.heading).clone()),
        };
        let stories = if self.opening.stories.is_empty() { vec![own] } else { self.opening.stories.clone() };
        let saying = Saying { place, ..self.saying() };
        let is_new = |story: &StoryName| story.id.as_ref().or(story.title.as_ref()).is_none_or(|name| !self.named.contains(name));
        let stories = stories.into_iter().filter(is_new);
        for (nth, story) in stories.enumerate() {
            match &verdict {
                Status::Passed => {
                    facts.push(saying.started(story.clone(), self.opening.number, Provenance::Derived));
                    facts.push(saying.ended(story, Outcome::Passed, None, Provenance::Explicit));
                }
                Status::Failed { reason, why } => {
                    facts.push(saying.started(story.clone(), self.opening.number, Provenance::Derived));
                    if nth == 0
                        && let Some(why) = why
                    {
                        facts.push(saying.error(Some(story.clone()), why.clone()));
                    }
                    facts.push(saying.ended(story, Outcome::Failed { reason: reason.clone() }, None, Provenance::Explicit));
                }
                Status::Open | Status::Idle => facts.push(saying.started(story, self.opening.number, Provenance::Explicit)),
            }
        }
        self.told = true;
    }
}
