//! iannuttall/ralph's `activity.log`: when each iteration began and ended, and above it a summary, newest first, that says how it went.
//!
//! `[2026-03-01 09:00:00] ITERATION 1 start (mode=build story=US-001)`, `[…] ITERATION 1 end (duration=302s)`;
//! `- 2026-03-01 09:05:02 | run=ID | iter=1 | mode=build | story=US-001 | duration=302s | status=success`.

use std::collections::VecDeque;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{LogLine, stated};
use crate::fact::{Fact, Outcome, RecordedTime, Statement, StoryName};
use crate::format::time;

/// Iterations whose end or outcome is still to come: a program has one under way.
const WAITING_LIMIT: usize = 1_000;

/// Iterations that are not complete yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Iterations {
    /// The iteration under way, and its story.
    under_way: Option<(u32, StoryName)>,
    /// Ends that no summary has come for.
    ends: VecDeque<Fact>,
    /// Outcomes of the summary, as it stands there, that no end has come for.
    outcomes: Vec<Fact>,
}

impl Iterations {
    /// Takes a line of the events.
    pub(super) fn event(&mut self, line: &LogLine<'_>, facts: &mut Vec<Fact>) -> bool {
        static WORD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("ITERATION "));
        if WORD.find(line.text.as_bytes()).is_none() {
            return false;
        }
        let Some((when, after)) = time::leading(line.text, line.clock) else { return false };
        let Some((number, after)) = after.trim_start().strip_prefix("ITERATION ").and_then(|inner| inner.split_once(' ')) else {
            return false;
        };
        let Ok(number) = number.parse::<u32>() else { return false };
        if let Some(fields) = after.strip_prefix("start (").and_then(|inner| inner.strip_suffix(')')) {
            facts.push(stated(line, Some(when), Statement::Activity { text: None, iteration: Some((number, None)) }, None));
            self.under_way = None;
            // An iteration that plans works on no story.
            if let Some(id) = named(fields.split(' '), "story") {
                let story = StoryName::of_id(id);
                let statement = Statement::StoryStarted { iteration: Some(number), priority: None, criteria: Vec::new() };
                facts.push(stated(line, Some(when), statement, Some(story.clone())));
                self.under_way = Some((number, story));
            }
            return true;
        }
        let Some(fields) = after.strip_prefix("end (").and_then(|inner| inner.strip_suffix(')')) else { return false };
        if let Some((_, story)) = self.under_way.take_if(|(own, _)| *own == number) {
            let end = ended(line, when, story, Outcome::Passed, named(fields.split(' '), "duration"));
            match self.outcomes.iter().rposition(|outcome| is_same(outcome, &end)) {
                Some(at) => facts.push(with_outcome(end, &self.outcomes.remove(at))),
                None => self.ends.push_back(end),
            }
            if self.ends.len() > WAITING_LIMIT {
                self.ends.pop_front();
            }
        }
        true
    }

    /// Takes a line of the summary.
    pub(super) fn summary(&mut self, line: &LogLine<'_>) -> bool {
        // Of the many items of a list, before times are looked for.
        let Some(row) = line.text.strip_prefix("- ").filter(|row| memchr::memchr(b'|', row.as_bytes()).is_some()) else { return false };
        let Some((when, fields)) = time::leading(row, line.clock) else { return false };
        let field = |name: &str| named(fields.split('|').map(str::trim), name);
        let (Some(_), Some(_), Some(status)) = (field("run"), field("iter"), field("status")) else { return false };
        let outcome = match status {
            "success" => Outcome::Passed,
            "error" => Outcome::Failed { reason: "failed".to_owned() },
            _ => return true,
        };
        if let Some(id) = field("story") {
            let story = StoryName::of_id(id);
            let outcome = ended(line, when, story, outcome, field("duration"));
            if self.outcomes.len() < WAITING_LIMIT {
                self.outcomes.push(outcome);
            }
        }
        true
    }

    /// The other half of what waits will not come: an outcome is stated by itself, an end without an outcome says nothing.
    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        // The newest stands first.
        for outcome in self.outcomes.drain(..).rev() {
            let end = self.ends.iter().position(|end| is_same(end, &outcome)).and_then(|at| self.ends.remove(at));
            facts.push(match end {
                Some(end) => with_outcome(end, &outcome),
                None => outcome,
            });
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.outcomes.is_empty()
    }
}

fn ended(line: &LogLine<'_>, when: RecordedTime, story: StoryName, outcome: Outcome, duration: Option<&str>) -> Fact {
    let seconds: Option<u64> = duration.and_then(|written| written.trim_end_matches('s').parse().ok());
    let duration_ms = seconds.and_then(|seconds| seconds.checked_mul(1000));
    stated(line, Some(when), Statement::StoryEnded { outcome, duration_ms, commits: Vec::new() }, Some(story))
}

/// Whether an end and an outcome are of one iteration: its story and its seconds are the same.
fn is_same(one: &Fact, other: &Fact) -> bool {
    one.story == other.story && took(one) == took(other)
}

fn took(fact: &Fact) -> Option<u64> {
    if let Statement::StoryEnded { duration_ms, .. } = fact.statement { duration_ms } else { None }
}

/// The end, whose time is the exact one, with the outcome that the summary gives.
fn with_outcome(mut end: Fact, outcome: &Fact) -> Fact {
    end.statement.clone_from(&outcome.statement);
    end
}

fn named<'t>(mut fields: impl Iterator<Item = &'t str>, name: &str) -> Option<&'t str> {
    fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('=')).filter(|value| !value.is_empty() && *value != "none")
}
