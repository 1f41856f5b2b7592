//! The JSON lines that `codex exec --json` prints: `item.started`, `item.completed` and their turns.

use std::collections::HashMap;

use serde_json::Value;

use super::blocks::text;
use super::command::command_facts;
use super::limit;
use super::outcome::{self, CallKind};
use super::signal::{CallId, CallOutcome, CallResult, CallStart, FailureKind, Signal, TokenCounts};
use super::text::{Allowance, CommandLine, Target, ToolName};
use super::todo;
use crate::model::agent::AgentVerb;

/// Items that have not ended.
const MAX_OPEN: usize = 256;

#[derive(Debug)]
pub(super) struct ExecReader {
    allowance: Allowance,
    open: HashMap<CallId, CallKind>,
}

impl ExecReader {
    pub(super) fn new(allowance: Allowance) -> Self {
        ExecReader { allowance, open: HashMap::new() }
    }

    pub(super) fn read(&mut self, record: &Value, signals: &mut Vec<Signal>) {
        match text(record, "type") {
            "turn.started" => {
                // A process that resumes the thread numbers its items anew.
                self.open.clear();
                signals.push(Signal::Turn);
            }
            "turn.completed" => {
                signals.extend(total_usage(&record["usage"]));
                signals.push(Signal::TurnEnded);
            }
            "turn.failed" => {
                let words = text(&record["error"], "message");
                signals.push(match limit::stated_limit(words, None, &self.allowance.zone) {
                    Some((kind, resets_at)) => Signal::Limited { kind, resets_at },
                    None => Signal::TurnFailed(FailureKind::Other),
                });
            }
            "item.started" => self.item(&record["item"], false, signals),
            "item.updated" | "item.completed" => self.item(&record["item"], text(record, "type") == "item.completed", signals),
            _ => signals.push(Signal::Alive),
        }
    }

    fn item(&mut self, item: &Value, is_completed: bool, signals: &mut Vec<Signal>) {
        let kind = match text(item, "type") {
            "" => text(item, "item_type"),
            kind => kind,
        };
        match kind {
            "agent_message" | "assistant_message" => signals.push(Signal::Spoke { ends_turn: false }),
            "reasoning" => signals.push(Signal::Thought),
            "todo_list" => signals.extend(todo::whole_list(&item["items"], &self.allowance)),
            "command_execution" | "file_change" | "mcp_tool_call" | "web_search" => self.call(kind, item, is_completed, signals),
            _ => signals.push(Signal::Alive),
        }
    }

    fn call(&mut self, kind: &str, item: &Value, is_completed: bool, signals: &mut Vec<Signal>) {
        let id = CallId::new(text(item, "id"));
        if !self.open.contains_key(&id) {
            let (start, kind) = self.start(id, kind, item);
            if self.open.len() < MAX_OPEN {
                self.open.insert(id, kind);
            }
            signals.push(Signal::Call(Box::new(start)));
        }
        if !is_completed {
            return;
        }
        let call_kind = self.open.remove(&id).unwrap_or(CallKind::Other);
        let has_failed = matches!(text(item, "status"), "failed" | "declined");
        let mut outcome = match kind {
            "command_execution" => {
                let exit_code = item.get("exit_code").and_then(Value::as_i64);
                outcome::outcome(call_kind, text(item, "aggregated_output"), has_failed, exit_code)
            }
            _ if has_failed => CallOutcome { result: CallResult::Failed, ..CallOutcome::default() },
            _ => CallOutcome::default(),
        };
        if text(item, "status") == "declined" {
            outcome.result = CallResult::Refused;
            signals.push(Signal::Denied { call: Some(id), tool: ToolName::Other(None) });
        }
        signals.push(Signal::CallEnded { call: id, outcome });
    }

    fn start(&self, id: CallId, kind: &str, item: &Value) -> (CallStart, CallKind) {
        let mut start = CallStart {
            id,
            verb: AgentVerb::Running,
            tool: ToolName::new(&self.allowance, ""),
            target: None,
            command: None,
            writes: Vec::new(),
            delegates: None,
            asks: None,
            is_instant: false,
        };
        let mut call_kind = CallKind::Other;
        match kind {
            "command_execution" => {
                // A shell with the command in quotes behind it.
                let written = text(item, "command");
                let inner = written.split_once(" -lc ").map_or(written, |(_, script)| script.trim_matches(['\'', '"']));
                let facts = command_facts(inner);
                (start.verb, call_kind) = (facts.verb, facts.kind);
                start.tool = ToolName::new(&self.allowance, "shell");
                start.target = Target::program(&self.allowance, &facts.words);
                start.command = CommandLine::new(&self.allowance, inner);
            }
            "file_change" => {
                let changes = item.get("changes").and_then(Value::as_array).into_iter().flatten();
                let paths: Vec<&str> = changes.map(|change| text(change, "path")).filter(|path| !path.is_empty()).take(20).collect();
                start.verb = AgentVerb::Editing;
                start.tool = ToolName::new(&self.allowance, "apply_patch");
                start.target = paths.first().and_then(|path| Target::path(&self.allowance, path));
                start.writes = paths.iter().map(|path| self.allowance.written(path)).collect();
            }
            "web_search" => (start.verb, start.tool) = (AgentVerb::Fetching, ToolName::new(&self.allowance, "web_search")),
            _ => start.tool = ToolName::new(&self.allowance, text(item, "tool")),
        }
        (start, call_kind)
    }
}

/// Of all turns of the thread so far, also those of earlier processes.
fn total_usage(usage: &Value) -> Option<Signal> {
    let number = |key: &str| usage.get(key).and_then(Value::as_u64).unwrap_or(0);
    let cached = number("cached_input_tokens");
    let tokens = TokenCounts {
        input: number("input_tokens").saturating_sub(cached),
        output: number("output_tokens"),
        cache_read: cached,
        cache_write: 0,
        context: None,
    };
    (tokens != TokenCounts::default()).then_some(Signal::TotalUsage(tokens))
}
