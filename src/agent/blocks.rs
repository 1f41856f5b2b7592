//! The content blocks of Claude's messages → signals; transcripts and captured streams share them.

use std::collections::HashMap;

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::command::command_facts;
use super::outcome::{self, CallKind};
use super::patterns::{delegation_of, verb_of};
use super::signal::{CallId, CallOutcome, CallResult, CallStart, MessageUsage, Signal, TokenCounts, WrittenFile};
use super::text::{Allowance, CommandLine, Target, ToolName};
use super::todo;
use crate::model::agent::{AgentVerb, WaitingFor};

/// Calls whose results may still come.
const MAX_PENDING: usize = 256;

/// Reads blocks, and remembers of each open call what its result may hold.
#[derive(Debug)]
pub(super) struct BlockReader {
    pub(super) allowance: Allowance,
    pending: HashMap<CallId, PendingCall>,
}

#[derive(Debug, Clone, PartialEq)]
struct PendingCall {
    kind: CallKind,
    tool: ToolName,
    /// An item of the list that the call makes; its number comes with the result.
    subject: Option<String>,
}

impl BlockReader {
    pub(super) fn new(allowance: Allowance) -> Self {
        BlockReader { allowance, pending: HashMap::new() }
    }

    /// The blocks of the model's message. `ends_turn` when the message states that nothing follows.
    pub(super) fn assistant(&mut self, message: &Value, signals: &mut Vec<Signal>) {
        let ends_turn =
            message.get("stop_reason").and_then(Value::as_str).is_some_and(|reason| matches!(reason, "end_turn" | "stop_sequence"));
        let content = message.get("content");
        if content.is_some_and(Value::is_string) {
            signals.push(Signal::Spoke { ends_turn });
        }
        for block in content.and_then(Value::as_array).into_iter().flatten() {
            match text(block, "type") {
                "thinking" | "redacted_thinking" => signals.push(Signal::Thought),
                "text" => signals.push(Signal::Spoke { ends_turn }),
                "tool_use" | "server_tool_use" | "mcp_tool_use" => self.call(block, signals),
                _ => signals.push(Signal::Alive),
            }
        }
        signals.extend(usage(message));
    }

    fn call(&mut self, block: &Value, signals: &mut Vec<Signal>) {
        let (id, name, nothing) = (text(block, "id"), text(block, "name"), Value::Null);
        let input = block.get("input").unwrap_or(&nothing);
        let (mut verb, is_instant) = verb_of(name);
        let mut start = CallStart {
            id: CallId::new(id),
            verb,
            tool: ToolName::new(&self.allowance, name),
            target: None,
            command: None,
            writes: Vec::new(),
            delegates: delegation_of(name),
            asks: match name {
                "AskUserQuestion" => Some(WaitingFor::Answer),
                "ExitPlanMode" => Some(WaitingFor::Plan),
                _ => None,
            },
            is_instant,
        };
        let mut kind = CallKind::Other;
        let path = ["file_path", "notebook_path", "path"].iter().map(|key| text(input, key)).find(|path| !path.is_empty());
        match name {
            "Bash" => {
                let command = text(input, "command");
                let facts = command_facts(command);
                (verb, kind) = (facts.verb, facts.kind);
                start.target = Target::program(&self.allowance, &facts.words);
                start.command = CommandLine::new(&self.allowance, command);
            }
            "WebFetch" => start.target = Target::host(&self.allowance, text(input, "url")),
            "TodoWrite" => signals.extend(todo::whole_list(&input["todos"], &self.allowance)),
            "TaskUpdate" => signals.extend(todo::updated(input, &self.allowance)),
            _ => start.target = path.and_then(|path| Target::path(&self.allowance, path)),
        }
        start.verb = verb;
        if matches!(verb, AgentVerb::Editing | AgentVerb::Writing) && kind == CallKind::Other {
            start.writes.extend(path.map(|path| self.allowance.written(path)));
        }
        if self.pending.len() < MAX_PENDING {
            let subject = (name == "TaskCreate").then(|| text(input, "subject").to_owned());
            self.pending.insert(start.id, PendingCall { kind, tool: start.tool.clone(), subject });
        }
        signals.push(Signal::Call(Box::new(start)));
    }

    /// A block of a result. `details` is what its line says of the result beside it, `denial` why the call was not allowed.
    pub(super) fn result(&mut self, block: &Value, details: &Value, denial: Option<&str>, signals: &mut Vec<Signal>) {
        let call = CallId::new(text(block, "tool_use_id"));
        let pending = self.pending.remove(&call);
        let kind = pending.as_ref().map_or(CallKind::Other, |pending| pending.kind);
        let is_error = block.get("is_error").and_then(Value::as_bool).unwrap_or(false);
        let content = block.get("content").map(joined_text).unwrap_or_default();
        let mut outcome = outcome::outcome(kind, &content, is_error, None);
        if denial.is_some() {
            outcome = CallOutcome { result: CallResult::Refused, ..CallOutcome::default() };
        }
        if details.get("interrupted").and_then(Value::as_bool) == Some(true) {
            outcome.result = CallResult::Aborted;
        }
        let is_launched = text(details, "status") == "async_launched" || details.get("backgroundTaskId").is_some_and(Value::is_string);
        if is_launched {
            outcome.result = CallResult::Continues;
        }
        if let Some(PendingCall { subject: Some(subject), .. }) = &pending
            && let Some(id) = details.pointer("/task/id").and_then(todo::id_text)
        {
            signals.push(todo::created(&id, subject, &self.allowance));
        }
        if outcome.result == CallResult::Refused {
            let tool = pending.map_or(ToolName::Other(None), |pending| pending.tool);
            signals.push(Signal::Denied { call: Some(call), tool });
        }
        signals.push(Signal::CallEnded { call, outcome });
        if is_launched {
            let id = ["backgroundTaskId", "agentId", "taskId"].iter().map(|key| text(details, key)).find(|id| !id.is_empty());
            signals.push(Signal::BackgroundStarted(id.map_or(call, CallId::new)));
        }
    }

    /// A call of this tool, as the stream names it.
    pub(super) fn tool(&self, name: &str) -> ToolName {
        ToolName::new(&self.allowance, name)
    }
}

/// Files that a sub-agent's message writes.
pub(super) fn written_by(message: &Value, allowance: &Allowance) -> Vec<WrittenFile> {
    let blocks = message.get("content").and_then(Value::as_array).into_iter().flatten();
    let writes = blocks.filter(|block| matches!(verb_of(text(block, "name")).0, AgentVerb::Editing | AgentVerb::Writing));
    let path = |block: &Value| {
        ["file_path", "notebook_path"].iter().map(|key| text(&block["input"], key)).find(|path| !path.is_empty()).map(str::to_owned)
    };
    writes.filter_map(path).map(|path| allowance.written(&path)).collect()
}

/// The text of a result, a text itself or a list of blocks.
pub(super) fn joined_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            blocks.iter().map(|block| text(block, "text")).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// A field that should be a text; empty where it is none.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn usage(message: &Value) -> Option<Signal> {
    let (id, usage) = (text(message, "id"), message.get("usage")?);
    let number = |key: &str| usage.get(key).and_then(Value::as_u64).unwrap_or(0);
    let tokens = TokenCounts {
        input: number("input_tokens"),
        output: number("output_tokens"),
        cache_read: number("cache_read_input_tokens"),
        cache_write: number("cache_creation_input_tokens"),
        context: None,
    };
    (!id.is_empty() && tokens != TokenCounts::default()).then(|| Signal::Usage(MessageUsage { message: xxh3_64(id.as_bytes()), tokens }))
}
