//! One log being read: who is asked about a line, and whose it is when nobody knows it.

use jiff::tz::TimeZone;

use super::entry::Entry;
use super::head::FileHeader;
use super::json;
use super::list::List;
use super::order::Order;
use super::session::Session;
use super::time::Clock;
use super::votes::Votes;
use super::{ALL, LogHeader, Reading, Seen, SourceKind, heading, rule};
use crate::fact::{Fact, Provenance, Statement, StoryName};
use crate::line::Line;

/// For every byte the families whose lines may begin with it, as bits in the order of [`ALL`]. A byte outside ASCII may begin a word of any
/// language: there every family that knows words is asked.
const BEGINS: [u16; 256] = {
    let mut table = [0; 256];
    let mut nth = 0;
    while nth < ALL.len() {
        let mut at = 0;
        while at < ALL[nth].begins.len() {
            assert!(ALL[nth].begins[at].is_ascii());
            table[ALL[nth].begins[at] as usize] |= 1 << nth;
            at += 1;
        }
        nth += 1;
    }
    let mut byte = 128;
    while byte < table.len() {
        table[byte] = !WHOLE & ((1 << ALL.len()) - 1);
        byte += 1;
    }
    table
};

/// A file that has said nothing in so many lines is no log of entries. From then on only lines that say everything by themselves are read,
/// which no big log of something else has to pay for.
const PATIENCE: u64 = 20_000;
/// The families of such lines, as bits: records, events, and what scripts write about one story.
const WHOLE: u16 = 0b111;

/// What has been read of one file so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    header: FileHeader,
    session: Option<Session>,
    entry: Option<Entry>,
    /// Inside a code fence, where nothing is an entry.
    fenced: bool,
    /// The file is a runner's log for certain.
    sure: bool,
    /// Level of the heading of a section of plans, patterns or templates. Undated headings in it are no entries.
    aside: Option<u8>,
    /// A list of finished stories.
    list: Option<List>,
    /// The mark of the rule right above.
    rule: Option<char>,
    under_way: Option<StoryName>,
    order: Order,
    understood: u64,
    unknown: u64,
    votes: Votes,
    /// See [`PATIENCE`].
    given_up: bool,
}

impl Log {
    pub(super) fn line(&mut self, line: Line<'_>, zone: &TimeZone, facts: &mut Vec<Fact>) {
        let text = line.text.trim_ascii();
        let Some(&first) = text.as_bytes().first() else { return };
        let mut families = if self.fenced || (first == b'{' && !json::may_speak(text)) { 0 } else { BEGINS[usize::from(first)] };
        if self.given_up {
            families &= WHOLE;
            if families == 0 {
                self.unknown += 1;
                return;
            }
        }
        let idle = self.entry.is_none() && self.session.is_none() && self.header.is_over();
        let understood = if families == 0 && idle && !matches!(first, b'`' | b'_' | 0xE2) {
            // Nobody's, and nothing is under way: most lines of a big log end here.
            self.rule = None;
            self.aside.is_some()
        } else {
            self.known_or_not(line, text, families, zone, facts)
        };
        if understood {
            self.understood += 1;
        } else {
            self.unknown += 1;
        }
        if self.understood + self.unknown == PATIENCE {
            self.give_up();
        } else if self.given_up && understood {
            self.given_up = self.votes.winner() == SourceKind::Unknown;
        }
    }

    fn give_up(&mut self) {
        if self.kind() != SourceKind::Unknown || self.sure {
            return;
        }
        self.given_up = true;
        self.entry = None;
        self.session = None;
        self.list = None;
        self.aside = None;
        self.fenced = false;
    }

    fn known_or_not(&mut self, line: Line<'_>, text: &str, families: u16, zone: &TimeZone, facts: &mut Vec<Fact>) -> bool {
        let before = facts.len();
        let under_way = self.under_way.take();
        let seen = Seen {
            number: line.number,
            raw: line.text,
            text,
            clock: Clock { zone, year: self.header.year },
            sure: self.sure || self.header.is_known(),
            known: self.header.is_known(),
            likely: self.sure || self.header.is_titled(),
            planned: self.aside.is_some() || self.session.as_ref().is_some_and(Session::is_plan_section),
            finished: false,
            in_session: self.session.is_some(),
            done: self.session.as_ref().is_some_and(Session::is_done_section),
            entry_level: self.entry.as_ref().filter(|entry| !entry.names_nothing()).map(Entry::level),
            fence: self.rule.take(),
            under_way: under_way.as_ref(),
        };
        let understood = self.read(seen, families, facts);
        self.under_way = under_way;
        for fact in &facts[before..] {
            self.notice(fact);
        }
        understood
    }

    /// Remembers which story is under way, and what its session has named.
    fn notice(&mut self, fact: &Fact) {
        let Some(story) = &fact.story else { return };
        let ended = match &fact.statement {
            Statement::StoryStarted { .. } if fact.provenance == Provenance::Explicit => false,
            Statement::StoryEnded { .. } => true,
            _ => return,
        };
        if !ended {
            self.under_way = Some(story.clone());
        } else if self.under_way.as_ref().is_some_and(|under_way| under_way.id == story.id) {
            self.under_way = None;
        }
        if let Some(session) = &mut self.session {
            session.names(story, fact.line);
        }
    }

    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        self.header.settle(facts);
        let before = facts.len();
        if let Some(entry) = &mut self.entry {
            entry.close(facts);
        }
        for fact in &facts[before..] {
            self.notice(fact);
        }
        if let Some(session) = &mut self.session {
            session.close(facts);
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        let entry = self.entry.as_ref().is_some_and(Entry::is_waiting);
        entry || self.header.is_waiting() || self.session.as_ref().is_some_and(Session::is_waiting)
    }

    pub(super) fn head(&self) -> &LogHeader {
        &self.header.head
    }

    pub(super) fn kind(&self) -> SourceKind {
        let mut votes = self.votes.clone();
        if self.entry.as_ref().is_some_and(Entry::is_certain) || self.session.as_ref().is_some_and(Session::is_certain) {
            votes.add(SourceKind::ProgressLog);
        }
        match votes.winner() {
            SourceKind::Unknown if self.header.is_sure() => SourceKind::ProgressLog,
            kind => kind,
        }
    }

    pub(super) fn newest_first(&self) -> bool {
        self.order.falls()
    }

    pub(super) fn tally(&self) -> (u64, u64) {
        (self.understood, self.unknown)
    }

    /// Takes a line that may say something; says whether it was understood.
    fn read(&mut self, mut seen: Seen<'_>, families: u16, facts: &mut Vec<Fact>) -> bool {
        let before = facts.len();
        if seen.text.starts_with("```") {
            self.fenced = !self.fenced;
            return self.entry.is_some() || self.aside.is_some();
        }
        if self.fenced {
            if let Some(entry) = &mut self.entry {
                entry.fenced(&seen, facts);
            }
            return self.entry.is_some() || self.aside.is_some();
        }
        let level = heading(seen.text).map(|(level, _)| level);
        if let (Some(level), Some(aside)) = (level, self.aside)
            && level <= aside
        {
            self.aside = None;
            seen.planned = self.session.as_ref().is_some_and(Session::is_plan_section);
        }
        if self.list.as_ref().is_some_and(|list| list.ends_at(&seen, level)) {
            self.list = None;
        }
        seen.finished = self.list.is_some();
        let understood = match self.ask(&seen, families, facts) {
            Some(understood) => understood,
            None => self.place(&seen, level, facts),
        };
        if !self.sure {
            self.sure =
                self.header.is_sure() || self.entry.as_ref().is_some_and(Entry::is_certain) || self.votes.has(SourceKind::ProgressLog);
            if self.sure && !self.header.is_sure() {
                self.header.confirm(before, facts);
            }
        }
        understood
    }

    /// Asks the families about a line; if it is one of theirs, says whether it is understood.
    fn ask(&mut self, seen: &Seen<'_>, mut families: u16, facts: &mut Vec<Fact>) -> Option<bool> {
        let (family, reading) = loop {
            let nth = families.trailing_zeros() as usize;
            let family = ALL.get(nth)?;
            families &= families - 1;
            if let Some(reading) = (family.read)(seen) {
                break (family, reading);
            }
        };
        self.header.end(facts);
        match reading {
            Reading::Says(mut said) => {
                self.votes.add(family.kind);
                // A line below a time of its own, or in a session, is of that time.
                let when = self.entry.as_ref().filter(|entry| entry.names_nothing()).and_then(Entry::when);
                let when = when.or_else(|| self.session.as_ref().and_then(Session::when));
                said.iter_mut().for_each(|fact| fact.recorded_at = fact.recorded_at.or(when));
                facts.extend(said);
                Some(true)
            }
            Reading::Session(opening) => {
                self.close(facts);
                self.end_session(facts);
                self.session = Some(Session::new(opening, seen));
                Some(true)
            }
            Reading::Opens(mut opening) => {
                // A line that is only a time is the time of what follows it.
                let time = self.entry.as_ref().filter(|entry| entry.names_nothing()).and_then(Entry::when);
                opening.when = opening.when.or(time);
                self.close(facts);
                if self.session.as_ref().is_some_and(|session| opening.level <= session.level()) {
                    self.end_session(facts);
                }
                let session = self.session.as_ref().map(|session| (session.when(), session.number()));
                let entry = Entry::new(opening, session.unwrap_or_default(), seen, facts);
                self.order.take(&entry);
                let known = entry.is_known();
                self.entry = Some(entry);
                Some(known)
            }
        }
    }

    /// A line that no family knows: the header's, a rule, the heading of a section, or a line of the entry or the session under way.
    fn place(&mut self, seen: &Seen<'_>, level: Option<u8>, facts: &mut Vec<Fact>) -> bool {
        let idle = self.entry.is_none() && self.session.is_none();
        if !self.header.is_over() && idle && self.header.line(seen, facts) {
            self.rule = rule(seen.text);
            return true;
        }
        if let Some(mark) = rule(seen.text) {
            self.rule = Some(mark);
            match &mut self.entry {
                Some(entry) if !entry.ends_at_rule(mark) => entry.ruled(),
                Some(_) | None => self.close(facts),
            }
            return self.sure;
        }
        if let Some(level) = level
            && self.entry.as_ref().is_none_or(|entry| entry.ends_at(level))
        {
            self.close(facts);
            return self.section(level, seen, facts);
        }
        if self.entry.as_ref().is_none_or(Entry::names_nothing) {
            self.list = self.list.take().or_else(|| List::introduced(seen));
        }
        match (&mut self.entry, &mut self.session) {
            (Some(entry), _) => {
                entry.line(seen, facts);
                entry.is_known()
            }
            (None, Some(session)) => {
                session.line(seen, facts);
                true
            }
            (None, None) => self.aside.is_some(),
        }
    }

    fn close(&mut self, facts: &mut Vec<Fact>) {
        if let Some(mut entry) = self.entry.take() {
            let before = facts.len();
            entry.close(facts);
            if entry.is_certain() {
                self.votes.add(SourceKind::ProgressLog);
            }
            for fact in &facts[before..] {
                self.notice(fact);
            }
        }
    }

    fn end_session(&mut self, facts: &mut Vec<Fact>) {
        if let Some(mut session) = self.session.take() {
            session.close(facts);
            if session.is_certain() {
                self.votes.add(SourceKind::ProgressLog);
            }
        }
    }

    /// The heading of a section that is no entry.
    fn section(&mut self, level: u8, seen: &Seen<'_>, facts: &mut Vec<Fact>) -> bool {
        let title = seen.text.trim_matches(['#', '=', ' ', '\t']);
        if let Some(session) = &mut self.session {
            if level > session.level() {
                session.heads(seen, title);
                return true;
            }
            self.end_session(facts);
        }
        self.list = self.list.take().or_else(|| List::headed(level, title));
        let title = title.to_ascii_lowercase();
        // Only the prompt of these runners makes this heading.
        self.sure |= title.starts_with("codebase patterns");
        if self.aside.is_none() && ASIDE.iter().any(|start| title.starts_with(start)) {
            self.aside = Some(level);
        }
        self.aside.is_some() || self.list.is_some()
    }
}

/// Beginnings of the headings of sections that report nothing.
const ASIDE: [&str; 17] = [
    "codebase patterns",
    "patterns",
    "next",
    "upcoming",
    "todo",
    "to do",
    "to-do",
    "remaining",
    "backlog",
    "pending",
    "plan",
    "planned",
    "template",
    "format",
    "progress report format",
    "example",
    "legend",
];
