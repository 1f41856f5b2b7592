//! Parser of one file: each line goes to the parser of the block around it.

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::checklist::Checklist;
use super::failures::Failures;
use super::log::Log;
use super::rules::{RuleFile, Ruled, Rules};
use super::terminal::Terminal;
use super::time::Clock;
use super::{Family, LogHeader, Reading, Seen, SourceKind, execution_log, json, native, seed};
use crate::fact::Fact;
use crate::line::Line;

/// What a parser knows of a file before its first line.
#[derive(Debug, Clone)]
pub struct ParserConfig {
    /// For times without a zone.
    zone: TimeZone,
    /// The file has the name of a runner's checklist.
    checklist: bool,
    /// They precede the built-in formats.
    rules: Option<Arc<RuleFile>>,
}

impl ParserConfig {
    /// `path` selects the rules, and marks checklists by name.
    pub fn new(path: &Path, zone: TimeZone, rules: &Rules) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        ParserConfig { zone, checklist: Checklist::is_named(name), rules: rules.of(path) }
    }

    /// A parser at the file's beginning.
    pub fn parser(&self) -> LogParser {
        let ruled = self.rules.clone().map(Ruled::new);
        LogParser { checklist: Checklist::new(self.checklist), ruled, ..LogParser::new(self.zone.clone()) }
    }
}

/// Parses one file's lines from its beginning. It does no I/O; a clone continues independently.
///
/// A line goes to the first of these that takes it: rules, checklist, error log, terminal log; else to the entry log.
#[derive(Debug, Clone)]
pub struct LogParser {
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

impl LogParser {
    /// For a file without a telling name.
    pub(super) fn new(zone: TimeZone) -> Self {
        LogParser {
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

    /// Parses the next line; pushes the facts that it completes, in file order.
    pub fn parse_line(&mut self, line: Line<'_>, facts: &mut Vec<Fact>) {
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
                parse_self_contained(&seen, first, facts)
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

    /// Emits the facts of unfinished entries, after a pause of the writer or at the end of the file. Lines may still follow.
    pub fn flush(&mut self, facts: &mut Vec<Fact>) {
        self.log.settle(facts);
        self.terminal.settle(facts);
        self.failures.settle(facts);
        self.checklist.settle(facts);
    }

    /// Whether `flush` would emit a fact.
    pub fn has_pending(&self) -> bool {
        self.log.is_waiting() || self.terminal.is_waiting() || self.failures.is_waiting() || self.checklist.is_waiting()
    }

    /// The header at the top of the file.
    pub fn head(&self) -> &LogHeader {
        self.log.head()
    }

    /// The kind of the file, by the lines so far.
    pub fn kind(&self) -> SourceKind {
        match self.log.kind() {
            _ if self.ruled.as_ref().is_some_and(Ruled::is_sure) => SourceKind::Ruled,
            _ if self.checklist.is_sure() => SourceKind::Checklist,
            _ if self.terminal.is_sure() => SourceKind::TerminalLog,
            SourceKind::Unknown if self.failures.is_sure() => SourceKind::ErrorLog,
            kind => kind,
        }
    }

    /// Whether the dated entries so far are sorted newest first.
    pub fn is_newest_first(&self) -> bool {
        self.log.newest_first()
    }

    /// Non-blank lines so far that were understood, and that were not. A file of unknown kind has no understood lines.
    pub fn line_counts(&self) -> (u64, u64) {
        match (self.kind(), self.raw_counts()) {
            (SourceKind::Unknown, (understood, unknown)) => (0, understood + unknown),
            (_, counts) => counts,
        }
    }

    /// As `line_counts`, whatever the kind of the file.
    pub fn raw_counts(&self) -> (u64, u64) {
        let (understood, unknown) = self.log.tally();
        (understood + self.understood, unknown + self.unknown)
    }
}

/// Parses a line that is a complete statement, inside any block.
fn parse_self_contained(seen: &Seen<'_>, first: u8, facts: &mut Vec<Fact>) -> bool {
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
