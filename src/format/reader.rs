//! One file being read: each line goes to whoever knows what it stands in.

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::checklist::Checklist;
use super::failures::Failures;
use super::log::Log;
use super::rules::{RuleFile, Ruled, Rules};
use super::terminal::Terminal;
use super::time::Clock;
use super::{Family, Head, Reading, Seen, SourceKind, execution_log, json, native, seed};
use crate::fact::Fact;
use crate::line::Line;

/// How a file is to be read, before any of it has been.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Used for times written without one.
    zone: TimeZone,
    /// Its name says that it is a runner's checklist.
    checklist: bool,
    /// They come before all that is known here.
    rules: Option<Arc<RuleFile>>,
}

impl Recipe {
    /// `path` tells what the content alone cannot.
    pub fn new(path: &Path, zone: TimeZone, rules: &Rules) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Recipe { zone, checklist: Checklist::is_named(name), rules: rules.of(path) }
    }

    /// A reader at the file's beginning.
    pub fn reader(&self) -> Reader {
        let ruled = self.rules.clone().map(Ruled::new);
        Reader { checklist: Checklist::new(self.checklist), ruled, ..Reader::new(self.zone.clone()) }
    }
}

/// Reads one file's lines from its beginning. Knows nothing of files; a clone reads on independently.
///
/// A line goes to whoever knows what it stands in: a checklist, a block of an error log, a script's terminal log; else to the log of entries.
#[derive(Debug, Clone)]
pub struct Reader {
    zone: TimeZone,
    ruled: Option<Ruled>,
    log: Log,
    terminal: Terminal,
    failures: Failures,
    checklist: Checklist,
    /// A line that is not blank has been read.
    begun: bool,
    understood: u64,
    unknown: u64,
}

impl Reader {
    /// Of a file whose name says nothing.
    pub(super) fn new(zone: TimeZone) -> Self {
        Reader {
            zone,
            ruled: None,
            log: Log::default(),
            terminal: Terminal::default(),
            failures: Failures::default(),
            checklist: Checklist::default(),
            begun: false,
            understood: 0,
            unknown: 0,
        }
    }

    /// Takes the next line; pushes the facts it completes, in file order.
    pub fn line(&mut self, line: Line<'_>, facts: &mut Vec<Fact>) {
        let text = line.text.trim_ascii();
        let Some(&first) = text.as_bytes().first() else { return };
        let title = !std::mem::replace(&mut self.begun, true) && first == b'#' && self.checklist.title(text);
        let wanted = title
            || self.ruled.is_some()
            || self.checklist.is_sure()
            || self.terminal.is_sure()
            || self.terminal.wants(first)
            || self.failures.wants(first);
        if !wanted {
            self.log.line(line, &self.zone, facts);
            return;
        }
        let seen = Seen::alone(line, text, Clock { zone: &self.zone, year: None });
        let ruled = self.ruled.as_mut().is_some_and(|ruled| ruled.line(&seen, facts));
        let understood = if ruled {
            true
        } else if self.checklist.is_sure() {
            title || self.checklist.line(&seen, facts)
        } else if self.failures.wants(first) && self.failures.line(&seen, facts) {
            true
        } else if self.terminal.is_sure() {
            // What else stands in it is the agent's, whose headings and prose are not its log.
            (self.terminal.wants(first) && self.terminal.line(&seen, facts)) || {
                self.terminal.other(text);
                says(&seen, first, facts)
            }
        } else if self.terminal.wants(first) && self.log.kind() != SourceKind::ProgressLog && self.terminal.line(&seen, facts) {
            true
        } else {
            self.log.line(line, &self.zone, facts);
            return;
        };
        if understood {
            self.understood += 1;
        } else {
            self.unknown += 1;
        }
    }

    /// Nothing has followed for a while: the entry under way is judged as it stands. Lines may still follow.
    pub fn settle(&mut self, facts: &mut Vec<Fact>) {
        self.log.settle(facts);
        self.terminal.settle(facts);
        self.failures.settle(facts);
        self.checklist.settle(facts);
    }

    /// Whether `settle` would say something.
    pub fn is_waiting(&self) -> bool {
        self.log.is_waiting() || self.terminal.is_waiting() || self.failures.is_waiting() || self.checklist.is_waiting()
    }

    /// What the top of the file says.
    pub fn head(&self) -> &Head {
        self.log.head()
    }

    /// What the file is, by what has been understood of it so far.
    pub fn kind(&self) -> SourceKind {
        match self.log.kind() {
            _ if self.ruled.as_ref().is_some_and(Ruled::is_sure) => SourceKind::Ruled,
            _ if self.checklist.is_sure() => SourceKind::Checklist,
            _ if self.terminal.is_sure() => SourceKind::TerminalLog,
            SourceKind::Unknown if self.failures.is_sure() => SourceKind::ErrorLog,
            kind => kind,
        }
    }

    /// Whether the dated entries so far stand newest first.
    pub fn newest_first(&self) -> bool {
        self.log.newest_first()
    }

    /// Non-blank lines so far that were understood, and that were not. Of a file that is nobody's log nothing was.
    pub fn tally(&self) -> (u64, u64) {
        match (self.kind(), self.places()) {
            (SourceKind::Unknown, (understood, unknown)) => (0, understood + unknown),
            (_, places) => places,
        }
    }

    /// Non-blank lines so far that have a place in something, though that may turn out to be nothing, and those that have none.
    pub fn places(&self) -> (u64, u64) {
        let (understood, unknown) = self.log.tally();
        (understood + self.understood, unknown + self.unknown)
    }
}

/// Takes a line that says everything by itself, wherever it stands.
fn says(seen: &Seen<'_>, first: u8, facts: &mut Vec<Fact>) -> bool {
    if first == b'{' && !json::may_speak(seen.text) {
        return false;
    }
    const WHOLE: [Family; 3] = [execution_log::FAMILY, native::FAMILY, seed::FAMILY];
    let said = WHOLE.iter().filter(|family| family.begins.contains(&first)).find_map(|family| match (family.read)(seen) {
        Some(Reading::Says(said)) => Some(said),
        Some(Reading::Opens(_) | Reading::Session(_)) | None => None,
    });
    said.map(|said| facts.extend(said)).is_some()
}
