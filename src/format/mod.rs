//! Lines → facts. One job: what a file's lines state, and when it may be reported.
//!
//! [`LogParser`] asks first the readers of what is no log of records (a log that is read by rules, a checklist, an error log, a script's
//! terminal log). All else is a [`log::Log`]: lines that say everything by themselves ([`ALL`]: JSON records, the user's own lines) are
//! reported at once; the others are judged by the record reader (`record`), whose records become facts in `record_facts`. The grammars that
//! the contract promises are anchors (`anchor`): records whatever the evidence says. `reported` keeps what was reported, so that nothing is
//! reported twice or taken back.
//!
//! Adding things: a word or label is an entry in `lex/words.tsv`; a promised grammar is a condition in `anchor.rs`; a line that states
//! everything by itself is a file with a `FAMILY` and a line in [`ALL`]. Each gets a folder in `fixtures/` with its snapshot and its ids in
//! `tests/it/event_ids.tsv`. Never a shape for one file.

mod anchor;
mod checklist;
mod criterion;
mod decided_lines;
mod excluded;
mod execution_log;
mod fact_context;
mod failures;
mod field;
mod head;
mod held_lines;
mod id;
mod json;
mod log;
mod log_parser;
mod native;
mod order;
mod plan_names;
mod record_facts;
mod reported;
mod rules;
mod run_end;
mod runner_log;
mod seed;
mod stated_story;
mod terminal;
mod time;
mod vocabulary;
mod votes;
mod words;

#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};

use crate::fact::{Fact, RecordedTime};
use crate::line::Line;
use time::Clock;

pub use log_parser::{LogParser, ParserConfig};
pub use plan_names::PlanNames;
pub use rules::{Rules, parse as parse_rules};

/// Lines that say everything by themselves, in the order in which they are asked about a line.
const ALL: &[Family] = &[execution_log::FAMILY, native::FAMILY, seed::FAMILY];

/// Which of them can begin with a byte, as bits: most lines of a big log are of none.
const BEGINNINGS: [u8; 256] = {
    let (mut beginnings, mut number) = ([0; 256], 0);
    while number < ALL.len() {
        let mut at = 0;
        while at < ALL[number].begins.len() {
            beginnings[ALL[number].begins[at] as usize] |= 1 << number;
            at += 1;
        }
        number += 1;
    }
    beginnings
};

/// The families whose lines can begin with this byte.
fn families_of(first: u8) -> impl Iterator<Item = &'static Family> {
    let families = BEGINNINGS[usize::from(first)];
    ALL.iter().enumerate().filter(move |(number, _)| families >> number & 1 != 0).map(|(_, family)| family)
}

/// A family of such lines.
struct Family {
    /// What a file with such lines is.
    kind: SourceKind,
    /// The ASCII bytes that its lines can begin with, white space aside.
    begins: &'static [u8],
    /// What a line says, if it is one of the family's. Asked only about lines that begin right.
    read: fn(&LineContext<'_>) -> Option<Vec<Fact>>,
}

/// What is known about when the next line comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pause {
    /// Lines may follow at once.
    None,
    /// The writer pauses: an entry without a status is complete.
    Quiet,
    /// The input ends, or rests: what is probable is reported, too.
    End,
}

/// A line and what is known where it stands.
struct LineContext<'a> {
    number: u32,
    /// The line as it is.
    raw: &'a str,
    /// Without the white space around it; not empty.
    text: &'a str,
    clock: Clock<'a>,
    /// The file has shown itself to be a runner's log.
    sure: bool,
}

impl<'a> LineContext<'a> {
    /// A line of which nothing is known but itself.
    fn alone(line: Line<'a>, text: &'a str, clock: Clock<'a>) -> Self {
        LineContext { number: line.number, raw: line.text, text, clock, sure: false }
    }
}

/// What a source was taken for, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SourceKind {
    // The order is the order of trust when several sources make the same fact due in one look.
    ExecutionLog,
    /// Native events, one JSON object a line.
    Events,
    /// Fixed lines that a runner's program writes.
    RunnerLog,
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
            SourceKind::RunnerLog => "runner log",
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
            SourceKind::ExecutionLog | SourceKind::Events | SourceKind::RunnerLog | SourceKind::ErrorLog | SourceKind::TerminalLog => true,
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

/// Changes whenever the same lines may be read in another way.
pub(crate) fn reader_version() -> u64 {
    crate::record::score::Weights::reader_version()
}

/// Reads all files of this process with another table of weights than the committed one.
pub(crate) fn use_weights(table: &str) {
    crate::record::score::Weights::set(table);
}

/// The level and text of a heading: `## text`, or `== text ==`.
fn heading(text: &str) -> Option<(u8, &str)> {
    let mark = *text.as_bytes().first().filter(|mark| matches!(mark, b'#' | b'='))?;
    let level = text.bytes().take(7).take_while(|b| *b == mark).count();
    let remainder = &text[level..];
    let remainder = if mark == b'=' { remainder.strip_suffix('=')?.trim_end_matches('=') } else { remainder };
    let inner = remainder.trim_ascii();
    ((1..=6).contains(&level) && remainder.starts_with([' ', '\t']) && (mark == b'#' || !inner.is_empty())).then_some((level as u8, inner))
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
    let remainder = &digits_at[digits..];
    match digits_at[..digits].parse() {
        Ok(number) if digits <= 4 && !is_time(digits, remainder) => {
            let total = remainder.strip_prefix('/').map_or(0, |total| 1 + total.bytes().take_while(u8::is_ascii_digit).count());
            Some((Some(number), &remainder[total..]))
        }
        Ok(_) | Err(_) => Some((None, after)),
    }
}

/// Whether a number of so many digits goes on as a date or a time of day.
fn is_time(digits: usize, remainder: &str) -> bool {
    match remainder.as_bytes() {
        [b'-' | b':', b'0'..=b'9', b'0'..=b'9', ..] => true,
        [b'/', b'0'..=b'9', ..] => digits == 4,
        _ => false,
    }
}
