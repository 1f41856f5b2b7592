//! ralphy's `progress.txt`: `- [✓] 2026-03-01 09:10 - TITLE`, a line when an attempt has ended.

use super::{LogLine, stated};
use crate::fact::{Fact, Outcome, Precision, Statement};
use crate::format::{field, time};

/// Adds the attempt that the line reports; returns whether it is one.
pub(super) fn attempt(line: &LogLine<'_>, facts: &mut Vec<Fact>) -> bool {
    let (outcome, after) = if let Some(after) = line.text.strip_prefix("- [✓] ") {
        (Outcome::Passed, after)
    } else if let Some(after) = line.text.strip_prefix("- [✗] ") {
        (Outcome::Failed { reason: "failed".to_owned() }, after)
    } else {
        return false;
    };
    let Some((when, title)) = time::leading(after, line.clock) else { return false };
    let Some(title) = title.strip_prefix(" - ").filter(|_| when.precision != Precision::Day) else { return false };
    let Some(story) = field::stories(title).into_iter().next() else { return false };
    let statement = Statement::StoryEnded { outcome, duration_ms: None, commits: Vec::new() };
    facts.push(stated(line, Some(when), statement, Some(story)));
    true
}
