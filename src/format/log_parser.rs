//! Parser of one file: each line goes to the first reader that takes it.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::checklist::Checklist;
use super::failures::Failures;
use super::log::Log;
use super::rules::{RuleFile, Ruled, Rules};
use super::runner_log::RunnerLog;
use super::terminal::Terminal;
use super::time::Clock;
use super::{LineContext, LogHeader, Pause, PlanNames, SourceKind, families_of, json};
use crate::agent::is_agent_record;
use crate::fact::Fact;
use crate::file_change::LineEdit;
use crate::line::Line;
use crate::record::file::IndexedLog;

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
/// A line goes to the first of these that takes it: rules, checklist, error log, runner's log, terminal log; else to the log of records.
#[derive(Debug, Clone)]
pub struct LogParser {
    zone: TimeZone,
    ruled: Option<Ruled>,
    log: Log,
    terminal: Terminal,
    failures: Failures,
    runner: RunnerLog,
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
            runner: RunnerLog::default(),
            checklist: Checklist::default(),
            begun: false,
            understood: 0,
            unknown: 0,
        }
    }

    /// Parses the next line; pushes the facts that it completes, in file order.
    pub fn parse_line(&mut self, line: Line<'_>, facts: &mut Vec<Fact>) {
        let text = line.text.trim_ascii();
        let Some(&first) = text.as_bytes().first() else {
            // A blank line parts what stands above from what stands below: evidence.
            self.log.line(line, &self.zone, facts);
            return;
        };
        if first == b'{' && is_agent_record(text) {
            // The words of an agent are no statements of a log, and are not quoted as lines that were not understood.
            return;
        }
        let title = !std::mem::replace(&mut self.begun, true) && first == b'#' && self.checklist.title(text);
        let wanted = title
            || self.ruled.is_some()
            || self.checklist.is_sure()
            || self.terminal.is_sure()
            || self.terminal.wants(first)
            || self.failures.wants(first)
            || self.runner.wants(first);
        if !wanted {
            self.log.line(line, &self.zone, facts);
            return;
        }
        let context = LineContext::alone(line, text, Clock { zone: &self.zone, year: None });
        let ruled = self.ruled.as_mut().is_some_and(|ruled| ruled.line(&context, facts));
        let understood = if ruled {
            true
        } else if self.checklist.is_sure() {
            title || self.checklist.line(&context, facts)
        } else if (self.failures.wants(first) && self.failures.line(&context, facts))
            || (self.runner.wants(first) && self.runner.line(&context, facts))
        {
            true
        } else if self.terminal.is_sure() {
            // What else stands in it is the agent's, whose headings and prose are not its log.
            (self.terminal.wants(first) && self.terminal.line(&context, facts)) || {
                self.terminal.other(text);
                parse_self_contained(&context, first, facts)
            }
        } else if self.terminal.wants(first) && self.log.kind() != SourceKind::ProgressLog && self.terminal.line(&context, facts) {
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

    /// Goes on from the verdicts about the content that the file had before.
    pub fn keep_verdicts(&mut self, before: &LogParser) {
        self.log.keep_verdicts(&before.log);
    }

    /// How many lines at the beginning of the file are decided for good, so that some of them can be replaced; 0 where anything but a log
    /// of records was read in the file.
    pub fn settled_lines(&self) -> u32 {
        let is_log_alone = self.ruled.is_none() && (self.understood, self.unknown) == (0, 0) && !self.has_pending();
        if is_log_alone { self.log.settled_lines() } else { 0 }
    }

    /// Makes a `fresh` parser judge the lines around an edit, of which these entries were.
    pub fn window(&self, fresh: LogParser, edit: &LineEdit, openings: HashSet<u64>) -> LogParser {
        LogParser { log: self.log.window(edit, openings), begun: edit.window > 1, ..fresh }
    }

    /// Replaces settled lines with those that `window` has judged. Returns `false` when that cannot be done.
    pub fn replace_lines(&mut self, window: &LogParser, edit: &LineEdit) -> bool {
        (window.understood, window.unknown) == (0, 0) && self.log.replace_lines(&window.log, edit)
    }

    /// Tells the parser what the plan beside the file names.
    pub fn set_plan(&mut self, plan: Option<&Arc<PlanNames>>) {
        self.log.set_plan(plan.cloned());
    }

    /// Pushes the facts that the lines so far make certain. Lines may follow whatever the pause is.
    pub fn extract(&mut self, pause: Pause, facts: &mut Vec<Fact>) {
        self.log.extract(pause, &self.zone, facts);
        if pause == Pause::None {
            return;
        }
        self.terminal.settle(facts);
        self.failures.settle(facts);
        self.runner.settle(facts);
        self.checklist.settle(facts);
    }

    /// Keeps what was read in little room until the next line; up to so many of the lines that were not understood stay at hand.
    pub fn pack(&mut self, unknown: usize) {
        self.log.pack(unknown);
    }

    pub fn is_packed(&self) -> bool {
        self.log.is_packed()
    }

    /// Whether a record is probable, so that a long rest or the end of the input would emit it.
    pub fn is_doubtful(&self) -> bool {
        self.log.is_doubtful()
    }

    /// The lines as the record reader sees them, and their numbers in the file: for the fit of its weights.
    pub(crate) fn indexed(&self) -> (IndexedLog<'_>, Vec<u32>) {
        self.log.indexed()
    }

    /// The numbers of lines that say everything by themselves, and of those that opened a record: for the fit too.
    pub(crate) fn statement_numbers(&self) -> BTreeSet<u32> {
        self.log.statement_numbers()
    }

    pub(crate) fn record_numbers(&self) -> impl Iterator<Item = u32> {
        self.log.record_numbers()
    }

    /// How likely a runner writes the file.
    pub(crate) fn origin(&self) -> f32 {
        self.log.origin()
    }

    /// For each line that could be a record: its number, and what speaks for and against it, in words.
    pub fn reasons(&self) -> Vec<(u32, String)> {
        self.log.reasons()
    }

    /// Lines that look like records and were not taken as such.
    pub fn record_like(&self) -> u64 {
        self.log.record_like()
    }

    /// Up to so many lines that were not understood, with their numbers: those that look like records before the others.
    pub fn unknown_lines(&self, most: usize) -> Vec<(u32, &str)> {
        self.log.unknown_lines(most)
    }

    /// The numbers of lines of a log of records that the last look did not understand.
    pub fn unknown_numbers(&self) -> impl Iterator<Item = u32> {
        self.log.unknown_numbers()
    }

    /// Whether a pause may make facts certain.
    pub fn has_pending(&self) -> bool {
        self.log.is_waiting()
            || self.terminal.is_waiting()
            || self.failures.is_waiting()
            || self.runner.is_waiting()
            || self.checklist.is_waiting()
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
            // Its heading alone makes no log of records.
            _ if self.runner.is_sure() && !self.log.has_records() => SourceKind::RunnerLog,
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

    /// Non-blank lines that the readers of other files than logs of records understood, and did not.
    pub fn counts_outside_records(&self) -> (u64, u64) {
        (self.understood, self.unknown)
    }

    /// As `line_counts`, whatever the kind of the file.
    fn raw_counts(&self) -> (u64, u64) {
        let (understood, unknown) = self.log.tally();
        (understood + self.understood, unknown + self.unknown)
    }
}

/// Parses a line that says everything by itself, wherever it stands.
fn parse_self_contained(context: &LineContext<'_>, first: u8, facts: &mut Vec<Fact>) -> bool {
    if first == b'{' && !json::may_speak(context.text) {
        return false;
    }
    let stated = families_of(first).find_map(|family| (family.read)(context));
    stated.map(|stated| facts.extend(stated)).is_some()
}
