//! One log being read: who is asked about a line, and whose it is when nobody knows it.

use jiff::tz::TimeZone;

use super::entry::Entry;
use super::head::Header;
use super::time::Clock;
use super::{ALL, Head, Reading, Seen, SourceKind, heading, is_rule};
use crate::fact::{Fact, Precision, Stamp};
use crate::line::Line;

/// For every byte the families whose lines may begin with it, as bits in the order of [`ALL`].
const BEGINS: [u16; 256] = {
    let mut table = [0; 256];
    let mut nth = 0;
    while nth < ALL.len() {
        let mut at = 0;
        while at < ALL[nth].begins.len() {
            table[ALL[nth].begins[at] as usize] |= 1 << nth;
            at += 1;
        }
        nth += 1;
    }
    table
};

/// What has been read of one file so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    header: Header,
    entry: Option<Entry>,
    /// Inside a code fence, where nothing is an entry.
    fenced: bool,
    /// The file is a runner's log for certain.
    sure: bool,
    /// Level of the heading of a section of plans, patterns or templates. Undated headings in it are no entries.
    aside: Option<u8>,
    order: Order,
    understood: u64,
    unknown: u64,
    votes: Votes,
}

impl Log {
    pub(super) fn line(&mut self, line: Line<'_>, zone: &TimeZone, facts: &mut Vec<Fact>) {
        let text = line.text.trim_ascii();
        let Some(&first) = text.as_bytes().first() else { return };
        let families = if self.fenced { 0 } else { BEGINS[usize::from(first)] };
        let understood = if families == 0 && self.entry.is_none() && self.header.is_over() && !matches!(first, b'`' | b'_' | 0xE2) {
            // Nobody's, and nothing is under way: most lines of a big log end here.
            self.aside.is_some()
        } else {
            let clock = Clock { zone, year: self.header.year };
            let planned = self.aside.is_some();
            self.read(Seen { number: line.number, raw: line.text, text, clock, sure: self.sure, planned }, families, facts)
        };
        if understood {
            self.understood += 1;
        } else {
            self.unknown += 1;
        }
    }

    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        self.header.settle(facts);
        if let Some(entry) = &mut self.entry {
            entry.close(facts);
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.header.is_waiting() || self.entry.as_ref().is_some_and(Entry::is_waiting)
    }

    pub(super) fn head(&self) -> &Head {
        &self.header.head
    }

    pub(super) fn kind(&self) -> SourceKind {
        let mut votes = self.votes.clone();
        if self.entry.as_ref().is_some_and(Entry::is_certain) {
            votes.add(SourceKind::ProgressLog);
        }
        match votes.winner() {
            SourceKind::Unknown if self.header.is_sure() => SourceKind::ProgressLog,
            kind => kind,
        }
    }

    pub(super) fn newest_first(&self) -> bool {
        self.order.falls > self.order.rises
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
            seen.planned = false;
        }
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
    fn ask(&mut self, seen: &Seen<'_>, families: u16, facts: &mut Vec<Fact>) -> Option<bool> {
        let asked = ALL.iter().enumerate().filter(|(nth, _)| families & (1 << nth) != 0).map(|(_, family)| family);
        let (family, reading) = asked.into_iter().find_map(|family| (family.read)(seen).map(|reading| (family, reading)))?;
        self.header.end(facts);
        match reading {
            Reading::Says(said) => {
                self.votes.add(family.kind);
                facts.extend(said);
            }
            Reading::Opens(opening) => {
                self.close(facts);
                let entry = Entry::new(opening, seen, facts);
                self.order.take(&entry);
                let known = entry.is_known();
                self.entry = Some(entry);
                return Some(known);
            }
        }
        Some(true)
    }

    /// A line that no family knows: the header's, a rule, the heading of a section, or a line of the entry under way.
    fn place(&mut self, seen: &Seen<'_>, level: Option<u8>, facts: &mut Vec<Fact>) -> bool {
        if !self.header.is_over() && self.entry.is_none() && self.header.line(seen, facts) {
            return true;
        }
        if is_rule(seen.text) {
            self.close(facts);
            return self.sure;
        }
        if let Some(level) = level
            && self.entry.as_ref().is_none_or(|entry| level <= entry.level())
        {
            self.close(facts);
            return self.section(level, seen.text);
        }
        match &mut self.entry {
            Some(entry) => {
                entry.line(seen, facts);
                entry.is_known()
            }
            None => self.aside.is_some(),
        }
    }

    fn close(&mut self, facts: &mut Vec<Fact>) {
        if let Some(mut entry) = self.entry.take() {
            entry.close(facts);
            if entry.is_certain() {
                self.votes.add(SourceKind::ProgressLog);
            }
        }
    }

    /// The heading of a section that is no entry.
    fn section(&mut self, level: u8, text: &str) -> bool {
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
        let title = text.trim_start_matches('#').trim_start().to_ascii_lowercase();
        // Only the prompt of these runners makes this heading.
        self.sure |= title.starts_with("codebase patterns");
        if self.aside.is_none() && ASIDE.iter().any(|start| title.starts_with(start)) {
            self.aside = Some(level);
        }
        self.aside.is_some()
    }
}

/// Which way the dates of the entries run.
#[derive(Debug, Clone, Default)]
struct Order {
    last: Option<(Stamp, Option<String>)>,
    rises: u32,
    falls: u32,
}

impl Order {
    fn take(&mut self, entry: &Entry) {
        let Some(when) = entry.when() else { return };
        let id = entry.id().map(str::to_owned);
        if let Some((last, last_id)) = self.last.replace((when, id)) {
            let rough = last.precision == Precision::Day || when.precision == Precision::Day;
            let apart = when.at.0 - last.at.0;
            let direction = if rough && apart.abs() < 24 * 3600 * 1000 { 0 } else { apart.signum() };
            // Within a day the numbers of the stories are all there is to go by.
            let direction = if direction == 0 { number_rises(last_id.as_deref(), entry.id()) } else { direction };
            self.rises += u32::from(direction > 0);
            self.falls += u32::from(direction < 0);
        }
    }
}

/// 1 when the second id has the higher number, -1 when the lower; 0 for ids that cannot be compared.
fn number_rises(first: Option<&str>, second: Option<&str>) -> i64 {
    let split = |id: &str| {
        let at = id.len() - id.bytes().rev().take_while(u8::is_ascii_digit).count();
        id[at..].parse::<u32>().ok().map(|number| (id[..at].to_owned(), number))
    };
    match (first.and_then(split), second.and_then(split)) {
        (Some((prefix, first)), Some((other, second))) if prefix == other => (i64::from(second) - i64::from(first)).signum(),
        _ => 0,
    }
}

/// What the understood statements of a file speak for.
#[derive(Debug, Clone, Default)]
struct Votes([u64; 4]);

impl Votes {
    /// The first of equals wins.
    const KINDS: [SourceKind; 4] = [SourceKind::ExecutionLog, SourceKind::Events, SourceKind::ProgressLog, SourceKind::TerminalLog];

    fn add(&mut self, kind: SourceKind) {
        if let Some(at) = Self::KINDS.iter().position(|other| *other == kind) {
            self.0[at] += 1;
        }
    }

    fn has(&self, kind: SourceKind) -> bool {
        Self::KINDS.iter().zip(self.0).any(|(other, votes)| *other == kind && votes > 0)
    }

    fn winner(&self) -> SourceKind {
        let mut best = (SourceKind::Unknown, 0);
        for (kind, votes) in Self::KINDS.into_iter().zip(self.0) {
            if votes > best.1 {
                best = (kind, votes);
            }
        }
        best.0
    }
}
