//! Lines → facts: the registry of families and the reader that runs them.
//!
//! Every line is shown to the families whose lines may begin with its first byte; what none of them knows belongs to the entry under way,
//! if there is one, and else to nothing. No family sees more than one line, and none keeps anything: what stands under a heading is kept by
//! `entry`, what stands at the top by `head`.
//!
//! To add a family: one file with a `FAMILY`, one line in [`ALL`], one folder of fixtures.

mod checklist;
mod claude_loop;
mod criterion;
mod entry;
mod execution_log;
mod failures;
mod field;
mod head;
mod id;
mod json;
mod log;
mod native;
mod rules;
mod seed;
mod snarktank;
mod terminal;
mod time;
mod words;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::fact::{Fact, Stamp};
use crate::line::Line;
use checklist::Checklist;
use entry::Opening;
use failures::Failures;
use log::Log;
use rules::Ruled;
use terminal::Terminal;
use time::Clock;

pub use rules::{RuleFile, Rules, parse as parse_rules};

/// The families, in the order in which they are asked about a line.
const ALL: &[Family] = &[execution_log::FAMILY, native::FAMILY, seed::FAMILY, claude_loop::FAMILY, snarktank::FAMILY];

/// A family of log lines.
struct Family {
    /// What a file with such lines is.
    kind: SourceKind,
    /// The first bytes that its lines can have, white space aside.
    begins: &'static [u8],
    /// What a line says, if it is one of the family's. Asked only about lines that begin right.
    read: fn(&Seen<'_>) -> Option<Reading>,
}

/// What a family understands a line to be.
enum Reading {
    /// The heading of an entry.
    Opens(Opening),
    /// A whole statement.
    Says(Vec<Fact>),
}

/// A line and what is known where it stands.
struct Seen<'a> {
    number: u32,
    /// The line as it is.
    raw: &'a str,
    /// Without the white space around it; not empty.
    text: &'a str,
    clock: Clock<'a>,
    /// The file has shown itself to be a runner's log.
    sure: bool,
    /// The line stands in a section of plans or templates.
    planned: bool,
}

impl Seen<'_> {
    fn indent(&self) -> usize {
        self.raw.len() - self.raw.trim_ascii_start().len()
    }
}

/// What a source was taken for, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SourceKind {
    // The order is the order of trust when several sources make the same fact due in one look.
    ExecutionLog,
    /// Native events, one JSON object a line.
    Events,
    /// What `--rules` say it is.
    Ruled,
    /// Blocks of errors with their exit codes.
    ErrorLog,
    ProgressLog,
    /// Boxes that are ticked.
    Checklist,
    TerminalLog,
    Plan,
    /// Nothing in it has been understood yet.
    Unknown,
}

impl SourceKind {
    pub fn name(self) -> &'static str {
        match self {
            SourceKind::ExecutionLog => "execution log",
            SourceKind::Events => "events",
            SourceKind::Ruled => "log read by rules",
            SourceKind::ErrorLog => "error log",
            SourceKind::ProgressLog => "progress log",
            SourceKind::Checklist => "checklist",
            SourceKind::TerminalLog => "terminal log",
            SourceKind::Plan => "plan",
            SourceKind::Unknown => "unknown",
        }
    }

    /// Whether a program appends to it and rotates it, so that replaced content is not a new run.
    pub fn is_machine_log(self) -> bool {
        match self {
            SourceKind::ExecutionLog | SourceKind::Events | SourceKind::ErrorLog | SourceKind::TerminalLog => true,
            SourceKind::Ruled | SourceKind::ProgressLog | SourceKind::Checklist | SourceKind::Plan | SourceKind::Unknown => false,
        }
    }
}

/// What the top of a log says about the run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Head {
    /// The line that names the run's beginning (`Started: …`, `# Created: …`), cleaned and trimmed.
    pub start_line: Option<String>,
    pub started: Option<Stamp>,
    /// The feature or project the header names.
    pub name: Option<String>,
}

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
    fn new(zone: TimeZone) -> Self {
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
        let seen =
            Seen { number: line.number, raw: line.text, text, clock: Clock { zone: &self.zone, year: None }, sure: false, planned: false };
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

    /// Non-blank lines so far that were understood, and that were not.
    pub fn tally(&self) -> (u64, u64) {
        let (understood, unknown) = self.log.tally();
        (understood + self.understood, unknown + self.unknown)
    }
}

/// Takes a line that says everything by itself, wherever it stands.
fn says(seen: &Seen<'_>, first: u8, facts: &mut Vec<Fact>) -> bool {
    let said = ALL.iter().filter(|family| family.begins.contains(&first)).find_map(|family| match (family.read)(seen) {
        Some(Reading::Says(said)) => Some(said),
        Some(Reading::Opens(_)) | None => None,
    });
    said.map(|said| facts.extend(said)).is_some()
}

/// The level and text of a Markdown heading.
fn heading(text: &str) -> Option<(u8, &str)> {
    let level = text.bytes().take(7).take_while(|b| *b == b'#').count();
    let rest = &text[level..];
    ((1..=6).contains(&level) && rest.starts_with([' ', '\t'])).then(|| (level as u8, rest.trim_ascii()))
}

/// A line of nothing but dashes or the like, which ends an entry.
fn is_rule(text: &str) -> bool {
    let Some(first @ ('-' | '*' | '=' | '_' | '─' | '━' | '═')) = text.chars().next() else { return false };
    text.len() >= 3 && text.chars().all(|c| c == first)
}

/// `Iteration 3`, `Iteration:`, `Iteration #3/15`: the number, and what follows.
fn iteration(text: &str) -> Option<(Option<u32>, &str)> {
    let word = "iteration";
    let after = text.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word)).map(|_| &text[word.len()..])?;
    if after.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let digits_at = after.trim_start_matches([' ', '#']);
    let digits = digits_at.bytes().take_while(u8::is_ascii_digit).count();
    // `Iteration 2026-01-24` and `Iteration 12:32` have no number.
    let rest = &digits_at[digits..];
    match digits_at[..digits].parse() {
        Ok(number) if digits <= 4 && !is_time(rest) => {
            let total = rest.strip_prefix('/').map_or(0, |total| 1 + total.bytes().take_while(u8::is_ascii_digit).count());
            Some((Some(number), &rest[total..]))
        }
        Ok(_) | Err(_) => Some((None, after)),
    }
}

fn is_time(rest: &str) -> bool {
    matches!(rest.as_bytes(), [b'-' | b':' | b'/', b'0'..=b'9', b'0'..=b'9', ..])
}
