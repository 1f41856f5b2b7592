//! A file's lines, each with its class and its facts.

use std::collections::{HashMap, HashSet};

use crate::agent::is_agent_record;
use crate::fact::{Criterion, Fact, Outcome, Statement, StoryName};
use crate::format::{ParserConfig, Pause, SourceKind};
use crate::line::{Lines, PartialLine};
use crate::redact::mask;
use crate::tail::splitter::Splitter;

/// A log, line by line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Explanation {
    pub(super) kind: SourceKind,
    pub(super) lines: Vec<ExplainedLine>,
    pub(super) understood: u64,
    pub(super) unknown: u64,
    /// Lines of the unknown ones that look like records and were not taken.
    pub(super) record_like: u64,
}

impl Explanation {
    /// Share of the lines that were understood, blank lines aside, rounded down to thousandths: 1 only when all were.
    pub(super) fn share(&self) -> f64 {
        match self.understood + self.unknown {
            0 => 1.0,
            // An `f64` counts more lines exactly than a file can have.
            all => (self.understood as f64 / all as f64 * 1000.0).floor() / 1000.0,
        }
    }
}

/// One line with its facts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ExplainedLine {
    pub(super) number: u32,
    pub(super) text: String,
    pub(super) facts: Vec<Fact>,
    pub(super) class: LineClass,
    /// What speaks for and against its being a record, if it could be one.
    pub(super) why: Option<String>,
}

/// Whether a line was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineClass {
    Blank,
    /// It states a fact or belongs to an entry.
    Understood,
    Unknown,
    /// An agent's own record, which is not quoted.
    Agent,
}

/// Reads a log as the engine reads a source, once and to its end.
pub(super) fn explain_log(config: &ParserConfig, bytes: &[u8]) -> Explanation {
    let mut splitter = Splitter::default();
    let mut text = Lines::with_capacity(bytes.len());
    splitter.feed(bytes, &mut text);
    let partial = splitter.partial();
    let mut parser = config.parser();
    let mut facts = Vec::new();
    let mut lines = Vec::new();
    for line in text.iter().chain(partial.as_ref().map(PartialLine::line)) {
        let before = parser.counts_outside_records();
        parser.parse_line(line, &mut facts);
        if is_agent_record(line.text) {
            lines.push(ExplainedLine { number: line.number, text: String::new(), facts: Vec::new(), class: LineClass::Agent, why: None });
            continue;
        }
        let class = match (line.text.trim().is_empty(), parser.counts_outside_records().1 > before.1) {
            (true, _) => LineClass::Blank,
            (false, true) => LineClass::Unknown,
            (false, false) => LineClass::Understood,
        };
        lines.push(ExplainedLine { number: line.number, text: line.text.to_owned(), facts: Vec::new(), class, why: None });
    }
    parser.extract(Pause::End, &mut facts);
    let unknown: HashSet<u32> = parser.unknown_numbers().collect();
    for line in lines.iter_mut().filter(|line| line.class == LineClass::Understood && unknown.contains(&line.number)) {
        line.class = LineClass::Unknown;
    }
    let mut reasons: HashMap<u32, String> = parser.reasons().into_iter().collect();
    for line in &mut lines {
        line.why = reasons.remove(&line.number);
    }
    // A fact belongs to the line it was read from, which may lie before the line that completed it.
    for fact in facts {
        let at = lines.partition_point(|line| line.number < fact.line);
        // Redrawn lines share a number: the fact belongs to the one with its text.
        let own = lines[at..].iter().take_while(|line| line.number == fact.line).position(|line| *line.text == *fact.text);
        if let Some(line) = lines.get_mut(at + own.unwrap_or_default()) {
            line.facts.push(fact);
        }
    }
    for line in &mut lines {
        line.text = mask(&line.text).into_owned();
        for fact in &mut line.facts {
            fact.text = mask(&fact.text).into();
            if let Some(title) = fact.story.as_mut().and_then(|story| story.title.as_mut()) {
                *title = mask(title).into();
            }
        }
    }
    let (understood, unknown) = parser.line_counts();
    if parser.kind() == SourceKind::Unknown {
        lines.iter_mut().filter(|line| line.class == LineClass::Understood).for_each(|line| line.class = LineClass::Unknown);
    }
    Explanation { kind: parser.kind(), lines, understood, unknown, record_like: parser.record_like() }
}

/// Describes a fact in a few words.
pub(super) fn describe(fact: &Fact) -> String {
    let story = fact.story.as_ref().map(story_name).unwrap_or_default();
    match &fact.statement {
        Statement::TaskStarted { name, .. } => join("run started", name.as_deref().unwrap_or_default()),
        Statement::StoryStarted { .. } => join("started", &story),
        Statement::CriterionDone { criterion, .. } => join(&format!("criterion done {}", self::describe_criterion(criterion)), &story),
        Statement::StoryEnded { outcome: Outcome::Passed, .. } => join("passed", &story),
        // Not "failed (failed)".
        Statement::StoryEnded { outcome: Outcome::Failed { reason }, .. } if reason == "failed" => join("failed", &story),
        Statement::StoryEnded { outcome: Outcome::Failed { reason }, .. } => join(&format!("failed ({reason})"), &story),
        Statement::Error(failure) => join("error", &story) + ": " + &mask(&failure.message),
        Statement::TaskEnded { passed: true } => "run passed".to_owned(),
        Statement::TaskEnded { passed: false } => "run failed".to_owned(),
        Statement::Activity { text: Some(text), .. } => join("doing", text),
        Statement::Activity { text: None, iteration: Some((at, _)) } => format!("iteration {at}"),
        Statement::Activity { text: None, iteration: None } => String::new(),
    }
}

/// The id, or the title where there is none.
pub(super) fn story_name(name: &StoryName) -> String {
    name.id.as_deref().or(name.title.as_deref()).unwrap_or_default().to_owned()
}

fn describe_criterion(criterion: &Criterion) -> String {
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
