//! ralph-wiggum-cursor's `progress.md`: `**Session 3 started** (model: …)`, `**Session 3 ended** - ✅ TASK COMPLETE`. What the agent writes
//! between the two is the record reader's; the criteria are the boxes of the plan.

use super::{LogLine, stated};
use crate::fact::{Fact, Statement};

/// Adds what the line says of a session; returns whether it is one of the program's.
pub(super) fn session(line: &LogLine<'_>, facts: &mut Vec<Fact>) -> bool {
    let Some((number, after)) = line.text.strip_prefix("**Session ").and_then(|inner| inner.split_once(' ')) else { return false };
    let Ok(number) = number.parse::<u32>() else { return false };
    if after.starts_with("started**") {
        facts.push(stated(line, None, Statement::Activity { text: None, iteration: Some((number, None)) }, None));
        return true;
    }
    let Some(end) = after.strip_prefix("ended**") else { return false };
    // A full context or an agent that stopped early is followed by the next session.
    if end.contains("TASK COMPLETE") {
        facts.push(stated(line, None, Statement::TaskEnded { passed: true }, None));
    }
    true
}
