//! What the agent is doing, and its own list of things to do.
//!
//! Where no session of an agent is read, the runner's last line is shown; without one, the file that changed last.

use crate::fact::Provenance;
use crate::model::agent::{AgentPhase, AgentState, TestResult, WaitingFor};
use crate::model::state::{CriterionStatus, TaskState};
use crate::output::text::{count, short_duration};

use super::body::Body;
use super::glyph;
use super::row::{Paint, Row};

/// Rows for the agent's own list at most.
const TODO_ROWS: usize = 6;

impl Body<'_> {
    /// The row about the agent, with its list below it.
    pub(super) fn agent(&self, task: &TaskState) -> Vec<Row> {
        if let Some(agent) = task.agents.first() {
            let others = task.agents[1..].iter().filter(|other| other.phase != AgentPhase::Ended).count();
            let mut rows = vec![self.activity(agent, others)];
            rows.extend(self.todo(agent));
            return rows;
        }
        let label = |roomy| Row::blank().fixed(self.label(roomy), Paint::Dim);
        if let Some(line) = &task.terminal_line {
            let age = self.scene.shown_time().since(line.at).map(|ms| format!("{} ago", short_duration(ms)));
            return vec![label("Activity: ").title(&line.text, Paint::Plain).right(age.unwrap_or_default(), Paint::Dim)];
        }
        let (Some(path), Some(at)) = (&task.last_activity_path, task.last_activity_at) else { return Vec::new() };
        let age = format!("{} ago", short_duration(self.scene.shown_time().since(at).unwrap_or(0)));
        vec![label("Last Change: ").title(path, Paint::Plain).right(age, Paint::Dim)]
    }

    fn activity(&self, agent: &AgentState, others: usize) -> Row {
        let about = if agent.provenance == Provenance::Inferred { "about " } else { "" };
        let for_long = self.scene.shown_time().since(agent.phase_since).map(short_duration);
        let for_long = match (agent.phase, for_long) {
            (AgentPhase::Unknown, Some(age)) => format!(" {age} ago"),
            (_, Some(age)) => format!(" {} {about}{age}", self.glyphs.dot),
            (_, None) => String::new(),
        };
        let more = if agent.longer_than_usual { ", longer than usual" } else { "" };
        let paint = match agent.phase {
            AgentPhase::Waiting | AgentPhase::Limited => Paint::Bad,
            AgentPhase::Retrying => Paint::Warn,
            AgentPhase::Starting
            | AgentPhase::Thinking
            | AgentPhase::Tool
            | AgentPhase::Compacting
            | AgentPhase::Idle
            | AgentPhase::Ended
            | AgentPhase::Unknown => Paint::Plain,
        };
        let whose = if agent.ours { "" } else { " (another session)" };
        let tests = agent.tests.as_ref().map(|tests| match (tests.last, tests.passed, tests.failed) {
            (TestResult::Failed, _, Some(failed)) => (format!("{} failed", count(failed, "test", "tests")), Paint::Bad),
            (TestResult::Failed, ..) => ("tests failed".to_owned(), Paint::Bad),
            (TestResult::Passed, Some(passed), _) => (format!("{} passed", count(passed, "test", "tests")), Paint::Good),
            (TestResult::Passed, None, _) => ("tests passed".to_owned(), Paint::Good),
            (TestResult::Unknown, ..) => (String::new(), Paint::Dim),
        });
        let row = Row::blank()
            .fixed(self.label("Agent: "), Paint::Dim)
            .title(phase(agent), paint)
            .fixed(format!("{for_long}{more}"), Paint::Dim)
            .title(whose, Paint::Dim);
        match tests.filter(|_| self.is_roomy()) {
            Some((words, paint)) => row.right(words, paint),
            None if others > 0 && self.is_roomy() => row.right(format!("+{others} more"), Paint::Dim),
            None => row,
        }
    }

    fn todo(&self, agent: &AgentState) -> Vec<Row> {
        let Some(todo) = agent.todo.as_ref().filter(|todo| todo.total > 0 && self.is_roomy()) else { return Vec::new() };
        let row = Row::blank().fixed("Agent's Own List: ", Paint::Dim).fixed(format!("{}/{}", todo.done, todo.total), Paint::Plain);
        if !self.detail.todo || todo.items.is_empty() {
            let current = todo.current.as_deref().map(|current| format!(", {current}"));
            return vec![row.title(current.unwrap_or_default(), Paint::Plain)];
        }
        // The last done one, the one in work, and what comes next.
        let first_open = todo.items.iter().position(|item| item.status != CriterionStatus::Done);
        let start = first_open.unwrap_or(todo.items.len()).saturating_sub(1).min(todo.items.len().saturating_sub(TODO_ROWS));
        let mut rows = vec![row];
        for item in todo.items.iter().skip(start).take(TODO_ROWS) {
            let (sign, paint) = self.glyphs.item(item.status);
            let text = if item.status == CriterionStatus::Done { Paint::Dim } else { Paint::Plain };
            rows.push(Row::blank().fixed(format!("  {sign} "), paint).title(&item.text, text));
        }
        let hidden = todo.items.len().saturating_sub(start + TODO_ROWS);
        if hidden > 0 {
            rows.push(Row::blank().fixed(format!("  {} {hidden} more", self.glyphs.dot), Paint::Dim));
        }
        rows
    }
}

/// What it does, without the time.
fn phase(agent: &AgentState) -> String {
    match agent.phase {
        AgentPhase::Tool => {
            // The tool is no object of the verb: "reading Read" would be a file of that name.
            let tool = || agent.tool.as_ref().map(|tool| format!("({tool})"));
            let what = agent.command.as_deref().or(agent.target.as_deref()).map(str::to_owned).or_else(tool);
            let verb = agent.verb.map(|verb| glyph::verb(verb).to_owned());
            [verb, what].into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
        AgentPhase::Starting => "starting".to_owned(),
        AgentPhase::Thinking => "thinking".to_owned(),
        AgentPhase::Waiting => match agent.waiting.as_ref().map(|waiting| (waiting.wanted, waiting.certain)) {
            Some((WaitingFor::Permission, true)) => "waits for permission".to_owned(),
            Some((WaitingFor::Permission, false)) => "seems to wait for permission".to_owned(),
            Some((WaitingFor::Answer, _)) => "waits for an answer".to_owned(),
            Some((WaitingFor::Plan, _)) => "waits for a yes to its plan".to_owned(),
            None => "waits".to_owned(),
        },
        AgentPhase::Retrying => {
            let attempt = agent.retry.as_ref().map(|retry| match retry.max {
                Some(max) => format!(", attempt {} of {max}", retry.attempt),
                None => format!(", attempt {}", retry.attempt),
            });
            let status = agent.retry.as_ref().and_then(|retry| retry.status).map(|status| format!(" after HTTP {status}"));
            format!("retries{}{}", status.unwrap_or_default(), attempt.unwrap_or_default())
        }
        AgentPhase::Limited => {
            let kind = agent.limit.as_ref().map(|limit| format!("{} ", limit.kind)).unwrap_or_default();
            format!("stopped by its {kind}limit")
        }
        AgentPhase::Compacting => "compacts its context".to_owned(),
        AgentPhase::Idle => "idle".to_owned(),
        AgentPhase::Ended => "session ended".to_owned(),
        AgentPhase::Unknown => "last record".to_owned(),
    }
}
