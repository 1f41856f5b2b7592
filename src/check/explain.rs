//! A file's lines, each with what was understood there.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::fact::{Criterion, Fact, Outcome, StoryName, What};
use crate::format::{Reader, SourceKind};
use crate::line::{Line, LineEnd};

/// A log as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Explained {
    pub(super) kind: SourceKind,
    pub(super) lines: Vec<ExplainedLine>,
    pub(super) understood: u64,
    pub(super) unknown: u64,
}

/// One line and what it says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ExplainedLine {
    pub(super) number: u32,
    pub(super) text: String,
    pub(super) says: Vec<Fact>,
    pub(super) reading: Reading,
}

/// How a line was taken, beyond the facts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Blank,
    /// It belongs to something.
    Understood,
    Unknown,
}

/// Reads a log's text as a source would be read, once.
pub(super) fn lines(text: &str) -> Explained {
    let mut reader = Reader::new(TimeZone::system());
    let mut facts = Vec::new();
    let mut lines = Vec::new();
    // SEAM(tail): the splitter's lines, with their own line ends.
    for (number, text) in (1..).zip(text.lines()) {
        let before = reader.tally();
        reader.line(Line { number, text, end: LineEnd::Feed }, &mut facts);
        let reading = match (text.trim().is_empty(), reader.tally().1 > before.1) {
            (true, _) => Reading::Blank,
            (false, true) => Reading::Unknown,
            (false, false) => Reading::Understood,
        };
        lines.push(ExplainedLine { number, text: text.to_owned(), says: Vec::new(), reading });
    }
    reader.settle(&mut facts);
    // A fact stands on the line it was read from, which may lie before the line that completed it.
    let mut by_line: BTreeMap<u32, Vec<Fact>> = BTreeMap::new();
    for fact in facts {
        by_line.entry(fact.line).or_default().push(fact);
    }
    for line in &mut lines {
        line.says = by_line.remove(&line.number).unwrap_or_default();
    }
    let (understood, unknown) = reader.tally();
    Explained { kind: reader.kind(), lines, understood, unknown }
}

/// A fact in a few words.
pub(super) fn words(fact: &Fact) -> String {
    let story = fact.story.as_ref().map(story).unwrap_or_default();
    match &fact.what {
        What::TaskStarted { name, .. } => join("run started", name.as_deref().unwrap_or_default()),
        What::StoryStarted { .. } => join("started", &story),
        What::CriterionDone { criterion, .. } => join(&format!("criterion done {}", self::criterion(criterion)), &story),
        What::StoryEnded { outcome: Outcome::Passed, .. } => join("passed", &story),
        // "failed (failed)" would say nothing.
        What::StoryEnded { outcome: Outcome::Failed { reason }, .. } if reason == "failed" => join("failed", &story),
        What::StoryEnded { outcome: Outcome::Failed { reason }, .. } => join(&format!("failed ({reason})"), &story),
        What::Error(failure) => join("error", &story) + ": " + &failure.message,
        What::TaskEnded { passed: true } => "run passed".to_owned(),
        What::TaskEnded { passed: false } => "run failed".to_owned(),
        What::Activity { text, .. } => join("doing", text),
    }
}

/// The id, or the title where there is none.
pub(super) fn story(name: &StoryName) -> String {
    name.id.clone().or_else(|| name.title.clone()).unwrap_or_default()
}

fn criterion(criterion: &Criterion) -> String {
    match (criterion.index, &criterion.text) {
        // People count from one, as the files do.
        (Some(index), _) => format!("AC{}", index + 1),
        (None, Some(text)) => format!("“{text}”"),
        (None, None) => String::new(),
    }
}

fn join(what: &str, about: &str) -> String {
    [what.trim_end(), about].join(" ").trim_end().to_owned()
}
