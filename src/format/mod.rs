//! Lines → facts: the registry of families and the reader that runs them.
//!
//! Every line is shown to the families whose lines may begin with its first byte; what none of them knows belongs to the entry under way,
//! if there is one, and else to nothing. No family sees more than one line, and none keeps anything: what stands under a heading is kept by
//! `entry`, what stands at the top by `head`.
//!
//! What is no log of entries (a script's terminal log, an error log, a checklist, a log that is read by rules) has a reader of its own that
//! keeps its place; `reader` asks them first.
//!
//! To add a family: one file with a `FAMILY`, one line in [`ALL`], one folder of fixtures.

mod bare;
mod block;
mod checklist;
mod claude_loop;
mod criterion;
mod deeds;
mod entry;
mod evidence;
mod execution_log;
mod failures;
mod field;
mod head;
mod heading_name;
mod id;
mod json;
mod list;
mod log;
mod log_parser;
mod native;
mod note;
mod opening;
mod order;
mod rows;
mod rules;
mod say;
mod seed;
mod session;
mod snarktank;
mod statement;
mod terminal;
mod time;
mod vocabulary;
mod votes;
mod words;

#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};

use crate::fact::{Fact, RecordedTime, StoryName};
use crate::line::Line;
use opening::Opening;
use time::Clock;

pub use log_parser::{LogParser, ParserConfig};
pub use rules::{Rules, parse as parse_rules};

/// The families, in the order in which they are asked about a line.
const ALL: &[Family] = &[
    execution_log::FAMILY,
    native::FAMILY,
    seed::FAMILY,
    session::FAMILY,
    claude_loop::FAMILY,
    snarktank::FAMILY,
    statement::FAMILY,
    rows::FAMILY,
    block::FAMILY,
    bare::FAMILY,
    note::FAMILY,
];

/// A family of log lines.
struct Family {
    /// What a file with such lines is.
    kind: SourceKind,
    /// The ASCII bytes that its lines can begin with, white space aside; lines that begin with another character go to every family.
    begins: &'static [u8],
    /// What a line says, if it is one of the family's. Asked only about lines that begin right.
    read: fn(&Seen<'_>) -> Option<Reading>,
}

/// What a family understands a line to be.
enum Reading {
    /// The heading of an entry.
    Opens(Opening),
    /// The heading of a session, which may hold entries.
    Session(session::Opening),
    /// A whole statement; without facts a runner's own line that states nothing.
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
    /// Its top is one that only a runner's log has.
    known: bool,
    /// It is one, or its title at least speaks of progress.
    likely: bool,
    /// The line stands in a section of plans or templates.
    planned: bool,
    /// It stands in a list of finished stories.
    finished: bool,
    in_session: bool,
    /// It stands where a session says what it finished.
    done: bool,
    /// The level of the heading of the entry under way.
    entry_level: Option<u8>,
    /// The mark of the rule right above.
    fence: Option<char>,
    /// The story that was started last and has not ended.
    under_way: Option<&'a StoryName>,
}

impl<'a> Seen<'a> {
    /// A line of which nothing is known but itself.
    fn alone(line: Line<'a>, text: &'a str, clock: Clock<'a>) -> Self {
        Seen {
            number: line.number,
            raw: line.text,
            text,
            clock,
            sure: false,
            known: false,
            likely: false,
            planned: false,
            finished: false,
            in_session: false,
            done: false,
            entry_level: None,
            fence: None,
            under_way: None,
        }
    }

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
pub struct LogHeader {
    /// The line that names the run's beginning (`Started: …`, `# Created: …`), cleaned and trimmed.
    pub start_line: Option<String>,
    pub started: Option<RecordedTime>,
    /// The feature or project the header names.
    pub name: Option<String>,
}

/// The level and text of a heading: `## text`, or `== text ==`.
fn heading(text: &str) -> Option<(u8, &str)> {
    let mark = *text.as_bytes().first().filter(|mark| matches!(mark, b'#' | b'='))?;
    let level = text.bytes().take(7).take_while(|b| *b == mark).count();
    let rest = &text[level..];
    let rest = if mark == b'=' { rest.strip_suffix('=')?.trim_end_matches('=') } else { rest };
    let inner = rest.trim_ascii();
    ((1..=6).contains(&level) && rest.starts_with([' ', '\t']) && (mark == b'#' || !inner.is_empty())).then_some((level as u8, inner))
}

/// The mark of a line of nothing but dashes or the like, which ends an entry or fences one in.
fn rule(text: &str) -> Option<char> {
    let first @ ('-' | '*' | '=' | '_' | '─' | '━' | '═') = text.chars().next()? else { return None };
    (text.len() >= 3 && text.chars().all(|c| c == first)).then_some(first)
}

/// `Iteration 3`, `Iteration:`, `Loop #3/15`: the number, and what follows.
fn iteration(text: &str) -> Option<(Option<u32>, &str)> {
    const WORDS: [&str; 12] = [
        "iteration",
        "task iteration",
        "loop",
        "ralph iteration",
        "itération",
        "iteración",
        "iteração",
        "iterazione",
        "итерация",
        "迭代",
        "イテレーション",
        "반복",
    ];
    let first = text.as_bytes().first()?.to_ascii_lowercase();
    let word = WORDS.iter().filter(|word| word.as_bytes()[0] == first || first >= 0x80).find(|word| {
        text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word) || (!word.is_ascii() && start.to_lowercase() == **word))
    })?;
    let after = &text[word.len()..];
    if after.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let digits_at = after.trim_start_matches([' ', '#']);
    let digits = digits_at.bytes().take_while(u8::is_ascii_digit).count();
    // `Iteration 2026-01-24` and `Iteration 12:32` have no number.
    let rest = &digits_at[digits..];
    match digits_at[..digits].parse() {
        Ok(number) if digits <= 4 && !is_time(digits, rest) => {
            let total = rest.strip_prefix('/').map_or(0, |total| 1 + total.bytes().take_while(u8::is_ascii_digit).count());
            Some((Some(number), &rest[total..]))
        }
        Ok(_) | Err(_) => Some((None, after)),
    }
}

/// Whether a number of so many digits goes on as a date or a time of day.
fn is_time(digits: usize, rest: &str) -> bool {
    match rest.as_bytes() {
        [b'-' | b':', b'0'..=b'9', b'0'..=b'9', ..] => true,
        [b'/', b'0'..=b'9', ..] => digits == 4,
        _ => false,
    }
}
