//! Rules that people write for logs nobody here has seen: a regular expression with named groups, and the event that its lines make.
//!
//! The groups are called as the fields of the events are. `load` understands and checks the file; here lines become facts.

mod load;
pub(super) mod make;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use regex::{Regex, RegexSet};

use super::LineContext;
use crate::fact::{Fact, StoryName};

pub use load::parse;

/// Longest file of rules, in bytes.
const FILE_LIMIT: usize = 256 << 10;
/// Most rules of a file.
const RULE_LIMIT: usize = 200;
/// Longest pattern, in bytes.
const PATTERN_LIMIT: usize = 4 << 10;
/// What one pattern may take up when it is compiled, in bytes; all of a file's together ten times that.
const SIZE_LIMIT: usize = 1 << 20;

/// The rules that were asked for, in order: of several files that speak of one log the first counts.
#[derive(Debug, Clone, Default)]
pub struct Rules(pub Vec<Arc<RuleFile>>);

impl Rules {
    /// The rules for this log.
    pub(super) fn of(&self, path: &Path) -> Option<Arc<RuleFile>> {
        let path = path.to_string_lossy();
        self.0.iter().find(|file| file.files.is_empty() || file.files.iter().any(|glob| glob.is_match(&path))).cloned()
    }
}

impl PartialEq for Rules {
    /// The same files, loaded once.
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

/// One file of rules, checked.
#[derive(Debug)]
pub struct RuleFile {
    /// Which logs it is for; none means all.
    files: Vec<Regex>,
    /// All patterns at once: says which rule is the first that matches.
    set: RegexSet,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    makes: Makes,
    pattern: Regex,
    /// What the line does not say.
    with: Vec<(Field, String)>,
}

/// What a line that a rule matches is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Makes {
    TaskStarted,
    StoryStarted,
    AcCompleted,
    StoryCompleted,
    TaskCompleted,
    ErrorOccurred,
    /// What the runner is doing: state only.
    Activity,
    /// Understood, and of no interest.
    Nothing,
}

/// What a group may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Time,
    TaskName,
    Branch,
    Description,
    StoryCount,
    StoryId,
    Title,
    Iteration,
    MaxIterations,
    Priority,
    AcIndex,
    AcNumber,
    AcText,
    Status,
    Reason,
    Duration,
    DurationMs,
    Commit,
    ErrorType,
    ErrorMessage,
    Retryable,
    ExitCode,
    Text,
}

/// A log that is read by rules.
#[derive(Debug, Clone)]
pub(super) struct Ruled {
    file: Arc<RuleFile>,
    /// The story that the last `story_started` named: the one that lines without a name are about.
    current: Option<StoryName>,
    statement_count: u64,
}

impl Ruled {
    pub(super) fn new(file: Arc<RuleFile>) -> Self {
        Ruled { file, current: None, statement_count: 0 }
    }

    /// Whether any rule has said anything.
    pub(super) fn is_sure(&self) -> bool {
        self.statement_count > 0
    }

    /// Takes a line; says whether a rule knows it. The first that matches decides.
    pub(super) fn line(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        // As it is shown: what it is indented by may mean something.
        let text = context.raw.trim_ascii_end();
        let Some(nth) = self.file.set.matches(text).iter().next() else { return false };
        let rule = &self.file.rules[nth];
        let Some(groups) = rule.pattern.captures(text) else { return false };
        let made = make::facts(rule, &groups, context, &mut self.current);
        let understood = made.is_some();
        self.statement_count += u64::from(understood && rule.makes != Makes::Nothing);
        facts.extend(made.into_iter().flatten());
        understood
    }
}
