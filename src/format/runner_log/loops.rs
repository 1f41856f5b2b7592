//! ralph-orchestrator's `history.jsonl` and `events-*.jsonl`: when a loop began, in which iteration it is, how it ended and why.
//!
//! What became of its tasks stands in `tasks.jsonl`, which is the plan: that an agent reports one as worked off says nothing of the outcome.

use serde::Deserialize;

use super::{LogLine, stated};
use crate::fact::{Fact, Statement};
use crate::format::json::{self, Inner, Scalar};
use crate::format::time;

/// Longest objective that is a name, in characters.
const NAME_LIMIT: usize = 80;

/// The loops that one file tells of.
#[derive(Debug, Clone, Default)]
pub(super) struct Loops {
    /// How the last one ended: only the last is the present run, and another may follow at once.
    end: Option<Fact>,
}

#[derive(Deserialize)]
struct LoopRecord<'a> {
    #[serde(borrow)]
    ts: Scalar<'a>,
    #[serde(borrow, default)]
    topic: Scalar<'a>,
    #[serde(borrow, default)]
    hat: Scalar<'a>,
    #[serde(borrow, default)]
    iteration: Scalar<'a>,
    #[serde(borrow, default)]
    payload: Scalar<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Inner<Kind<'a>>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Scalar<'a>,
    #[serde(borrow, default)]
    reason: Scalar<'a>,
}

impl Loops {
    /// Takes a record.
    pub(super) fn line(&mut self, line: &LogLine<'_>, facts: &mut Vec<Fact>) -> bool {
        if !line.text.contains("\"topic\"") && !line.text.contains("\"loop_") {
            return false;
        }
        let Some(record) = json::object::<LoopRecord<'_>>(line.text) else { return false };
        let Some(when) = time::whole(record.ts.word(), line.clock) else { return false };
        if let Some(kind) = &record.kind.0 {
            match kind.kind.word() {
                "loop_started" => self.begin(stated(line, Some(when), started(None), None), facts),
                "loop_completed" => self.end = ending(kind.reason.word()).map(|end| stated(line, Some(when), end, None)),
                _ => return false,
            }
            return true;
        }
        if record.topic.is_none() {
            return false;
        }
        let is_loops_own = record.hat.word() == "loop";
        match record.topic.word() {
            "task.start" | "build.start" if is_loops_own => {
                let objective =
                    Some(record.payload.word().to_owned()).filter(|text| !text.is_empty() && text.chars().count() <= NAME_LIMIT);
                self.begin(stated(line, Some(when), started(objective), None), facts);
            }
            "loop.terminate" => self.end = reason(record.payload.word()).and_then(ending).map(|end| stated(line, Some(when), end, None)),
            _ => {}
        }
        if let Some(iteration) = record.iteration.count().filter(|iteration| *iteration > 0) {
            facts.push(stated(line, Some(when), Statement::Activity { text: None, iteration: Some((iteration, None)) }, None));
        }
        true
    }

    fn begin(&mut self, start: Fact, facts: &mut Vec<Fact>) {
        self.end = None;
        facts.push(start);
    }

    /// No other loop has followed.
    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        facts.extend(self.end.take());
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.end.is_some()
    }
}

fn started(name: Option<String>) -> Statement {
    Statement::TaskStarted { name, branch: None, description: None, story_count: None, estimated_secs: None }
}

/// The word that stands alone under `## Reason`.
fn reason(payload: &str) -> Option<&str> {
    let mut lines = payload.lines().map(str::trim);
    lines.find(|line| line.trim_start_matches('#').trim().eq_ignore_ascii_case("reason"))?;
    lines.find(|line| !line.is_empty())
}

/// Whether a loop that ended for this reason has done its work.
fn ending(reason: &str) -> Option<Statement> {
    const FAILURES: [&str; 12] = [
        "max_iterations",
        "max_runtime",
        "max_cost",
        "consecutive_failures",
        "loop_thrashing",
        "validation_failure",
        "stopped",
        "interrupted",
        "cancelled",
        "stalled",
        "error",
        "failed",
    ];
    match reason {
        "completed" | "completion_promise" => Some(Statement::TaskEnded { passed: true }),
        reason if FAILURES.contains(&reason) => Some(Statement::TaskEnded { passed: false }),
        _ => None,
    }
}
