//! A file's lines, each with what was understood there.

use crate::fact::{Criterion, Fact, Outcome, Statement, StoryName};
use crate::format::{Recipe, SourceKind};
use crate::line::{Lines, PartialLine};
use crate::tail::splitter::Splitter;

/// A log as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Explained {
    pub(super) kind: SourceKind,
    pub(super) lines: Vec<ExplainedLine>,
    pub(super) understood: u64,
    pub(super) unknown: u64,
}

impl Explained {
    /// How much of what is not blank was understood, in thousandths.
    pub(super) fn share(&self) -> f64 {
        match self.understood + self.unknown {
            0 => 1.0,
            // So many lines no file has that a float could not count them.
            all => (self.understood as f64 / all as f64 * 1000.0).round() / 1000.0,
        }
    }
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

/// Reads a log as a source would be read, once and to its end.
pub(super) fn log(recipe: &Recipe, bytes: &[u8]) -> Explained {
    let mut splitter = Splitter::default();
    let mut text = Lines::with_room_for(bytes.len());
    splitter.feed(bytes, &mut text);
    let rest = splitter.partial();
    let mut reader = recipe.reader();
    let mut facts = Vec::new();
    let mut lines = Vec::new();
    for line in text.iter().chain(rest.as_ref().map(PartialLine::line)) {
        let before = reader.places();
        reader.line(line, &mut facts);
        let reading = match (line.text.trim().is_empty(), reader.places().1 > before.1) {
            (true, _) => Reading::Blank,
            (false, true) => Reading::Unknown,
            (false, false) => Reading::Understood,
        };
        lines.push(ExplainedLine { number: line.number, text: line.text.to_owned(), says: Vec::new(), reading });
    }
    reader.settle(&mut facts);
    // A fact stands on the line it was read from, which may lie before the line that completed it.
    for fact in facts {
        let at = lines.partition_point(|line| line.number < fact.line);
        // Of the redraws that share a number, the one that says it.
        let own = lines[at..].iter().take_while(|line| line.number == fact.line).position(|line| *line.text == *fact.text);
        if let Some(line) = lines.get_mut(at + own.unwrap_or_default()) {
            line.says.push(fact);
        }
    }
    let (understood, unknown) = reader.tally();
    if reader.kind() == SourceKind::Unknown {
        lines.iter_mut().filter(|line| line.reading == Reading::Understood).for_each(|line| line.reading = Reading::Unknown);
    }
    Explained { kind: reader.kind(), lines, understood, unknown }
}

/// A fact in a few words.
pub(super) fn words(fact: &Fact) -> String {
    let story = fact.story.as_ref().map(story).unwrap_or_default();
    match &fact.statement {
        Statement::TaskStarted { name, .. } => join("run started", name.as_deref().unwrap_or_default()),
        Statement::StoryStarted { .. } => join("started", &story),
        Statement::CriterionDone { criterion, .. } => join(&format!("criterion done {}", self::criterion(criterion)), &story),
        Statement::StoryEnded { outcome: Outcome::Passed, .. } => join("passed", &story),
        // "failed (failed)" would say nothing.
        Statement::StoryEnded { outcome: Outcome::Failed { reason }, .. } if reason == "failed" => join("failed", &story),
        Statement::StoryEnded { outcome: Outcome::Failed { reason }, .. } => join(&format!("failed ({reason})"), &story),
        Statement::Error(failure) => join("error", &story) + ": " + &failure.message,
        Statement::TaskEnded { passed: true } => "run passed".to_owned(),
        Statement::TaskEnded { passed: false } => "run failed".to_owned(),
        Statement::Activity { text: Some(text), .. } => join("doing", text),
        Statement::Activity { text: None, iteration: Some((at, _)) } => format!("iteration {at}"),
        Statement::Activity { text: None, iteration: None } => String::new(),
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
