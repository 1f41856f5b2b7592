//! Rollout files of Codex: one JSON record a line, `{timestamp, type, payload}`.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::blocks::{joined_text, text};
use super::command::{CommandFacts, command_facts, script_of, words_facts};
use super::limit;
use super::outcome::{self, CallKind};
use super::patterns::{delegation_of, verb_of};
use super::session::{AgentKind, SessionHead, SessionId, text_in, time, time_in};
use super::signal::{CallId, CallOutcome, CallResult, CallStart, LimitKind, Signal, Stamped, TokenCounts, WrittenFile};
use super::text::{Allowance, CommandLine, Target, ToolName};
use super::todo;
use crate::model::agent::{AgentBasis, AgentVerb, WaitingFor};

/// Calls whose results may still come.
const MAX_PENDING: usize = 256;

/// The reader of one rollout file.
#[derive(Debug)]
pub(crate) struct RolloutReader {
    allowance: Allowance,
    pending: HashMap<CallId, CallKind>,
    /// The head was read: a second one is of the session that this one was forked from.
    has_head: bool,
}

/// The head of a session: its first record. A file that was forked begins with its own, then its parent's.
pub(super) fn head(line: &str) -> Option<SessionHead> {
    let Some(record) = super::session::parse(line) else { return cut_head(line) };
    // Files from before the envelope have the fields in the record itself.
    let meta = if text(&record, "type") == "session_meta" { &record["payload"] } else { &record };
    let id = SessionId::new(text(meta, "id"))?;
    let cwd = Some(text(meta, "cwd")).filter(|cwd| cwd.starts_with('/'))?;
    Some(SessionHead {
        kind: AgentKind::Codex,
        basis: AgentBasis::Rollout,
        id,
        cwd: cwd.into(),
        headless: headless(text(meta, "source"), text(meta, "originator")),
        started: time(meta).or_else(|| time(&record)),
    })
}

fn cut_head(line: &str) -> Option<SessionHead> {
    line.contains("\"session_meta\"").then_some(())?;
    Some(SessionHead {
        kind: AgentKind::Codex,
        basis: AgentBasis::Rollout,
        id: SessionId::new(text_in(line, "id")?)?,
        cwd: text_in(line, "cwd").filter(|cwd| cwd.starts_with('/'))?.into(),
        headless: headless(text_in(line, "source").unwrap_or_default(), text_in(line, "originator").unwrap_or_default()),
        started: None,
    })
}

fn headless(source: &str, originator: &str) -> Option<bool> {
    match (source, originator) {
        ("exec", _) | (_, "codex_exec") => Some(true),
        ("cli" | "vscode", _) => Some(false),
        _ => None,
    }
}

impl RolloutReader {
    pub(super) fn new(allowance: Allowance) -> Self {
        RolloutReader { allowance, pending: HashMap::new(), has_head: false }
    }

    pub(super) fn read(&mut self, record: &Value, signals: &mut Vec<Stamped>) {
        let (at, nothing) = (time(record), Value::Null);
        let payload = record.get("payload").unwrap_or(&nothing);
        let mut found = Vec::new();
        match text(record, "type") {
            "session_meta" if !std::mem::replace(&mut self.has_head, true) => {
                found.extend(headless(text(payload, "source"), text(payload, "originator")).map(Signal::Headless));
                found.push(Signal::Alive);
            }
            "response_item" => self.item(payload, &mut found),
            "event_msg" => self.event(payload, &mut found),
            "compacted" => found.push(Signal::Compacted),
            // Before the envelope the items stood alone.
            "message" | "reasoning" | "function_call" | "function_call_output" | "local_shell_call" => self.item(record, &mut found),
            _ => found.push(Signal::Alive),
        }
        signals.extend(found.into_iter().map(|signal| Stamped { at, signal }));
    }

    pub(super) fn read_cut(&mut self, start: &str, signals: &mut Vec<Stamped>) {
        let at = time_in(start);
        let signal = match text_in(start, "call_id") {
            Some(id) if start.contains("_output\"") => Signal::CallEnded { call: CallId::new(id), outcome: CallOutcome::default() },
            Some(_) | None => Signal::Alive,
        };
        signals.push(Stamped { at, signal });
    }

    fn item(&mut self, item: &Value, signals: &mut Vec<Signal>) {
        match text(item, "type") {
            "message" if text(item, "role") == "assistant" => signals.push(Signal::Spoke { ends_turn: false }),
            "reasoning" => signals.push(Signal::Thought),
            "function_call" => self.call(item, &json_or_object(&item["arguments"]), "", signals),
            "custom_tool_call" => self.call(item, &Value::Null, text(item, "input"), signals),
            "local_shell_call" => self.call(item, &item["action"], "", signals),
            "function_call_output" | "custom_tool_call_output" => self.output(item, signals),
            _ => signals.push(Signal::Alive),
        }
    }

    fn call(&mut self, item: &Value, input: &Value, script: &str, signals: &mut Vec<Signal>) {
        let name = match text(item, "name") {
            "" => "local_shell",
            name => name,
        };
        let id = CallId::new(text(item, "call_id"));
        if name == "update_plan" {
            signals.extend(todo::whole_list(&input["plan"], &self.allowance));
        }
        let (verb, is_instant) = verb_of(name);
        let mut start = CallStart {
            id,
            verb,
            tool: ToolName::new(&self.allowance, name),
            target: None,
            command: None,
            writes: Vec::new(),
            delegates: delegation_of(name),
            asks: (name == "request_user_input").then_some(WaitingFor::Answer),
            // A patch may wait for permission, and nothing says so.
            is_instant: is_instant && name != "apply_patch",
        };
        let mut kind = CallKind::Other;
        let words: Vec<&str> = input.get("command").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let written = ["cmd", "command"].iter().map(|key| text(input, key)).find(|command| !command.is_empty());
        let literal = written.or_else(|| script_of(&words)).or_else(|| script_literal(script).filter(|_| name == "exec"));
        let patch = if name == "apply_patch" {
            Some(if script.is_empty() { text(input, "input") } else { script })
        } else {
            patch_in(literal, &words)
        };
        if let Some(patch) = patch {
            start.verb = AgentVerb::Editing;
            start.writes = patched_files(patch, &self.allowance);
            let first = patched_paths(patch).next();
            start.target = first.and_then(|path| Target::path(&self.allowance, path));
        } else if literal.is_some() || !words.is_empty() {
            let CommandFacts { verb, words, kind: found } = literal.map_or_else(|| words_facts(&words), command_facts);
            start.target = Target::program(&self.allowance, &words);
            start.command = literal.and_then(|command| CommandLine::new(&self.allowance, command));
            (start.verb, kind) = (verb, found);
        } else if name == "view_image" {
            start.target = Target::path(&self.allowance, text(input, "path"));
        }
        if self.pending.len() < MAX_PENDING {
            self.pending.insert(id, kind);
        }
        signals.push(Signal::Call(Box::new(start)));
    }

    fn output(&mut self, item: &Value, signals: &mut Vec<Signal>) {
        let call = CallId::new(text(item, "call_id"));
        let kind = self.pending.remove(&call).unwrap_or(CallKind::Other);
        let output = &item["output"];
        // Older ones are {"output": …, "metadata": {"exit_code": …}}.
        let inner = json_or_object(output);
        let words = match inner.get("output").and_then(Value::as_str).or_else(|| output.get("content").and_then(Value::as_str)) {
            Some(words) => words.to_owned(),
            None => joined_text(output),
        };
        let exit_code = inner.pointer("/metadata/exit_code").and_then(Value::as_i64).or_else(|| stated_exit_code(&words));
        let is_error = output.get("success").and_then(Value::as_bool) == Some(false);
        let is_refused = ["rejected by user", "denied by user", "declined by the user"]
            .iter()
            .any(|phrase| words[..words.floor_char_boundary(200)].contains(phrase));
        let mut outcome = outcome::outcome(kind, &words, is_error || is_refused, exit_code);
        if is_refused {
            outcome.result = CallResult::Refused;
            signals.push(Signal::Denied { call: Some(call), tool: ToolName::Other(None) });
        }
        signals.push(Signal::CallEnded { call, outcome });
    }

    fn event(&mut self, event: &Value, signals: &mut Vec<Signal>) {
        signals.push(match text(event, "type") {
            "task_started" | "user_message" | "turn_started" => Signal::Turn,
            "task_complete" | "turn_complete" => Signal::TurnEnded,
            "turn_aborted" => Signal::TurnAborted,
            "agent_message" => Signal::Spoke { ends_turn: false },
            "context_compacted" => Signal::Compacted,
            "token_count" => {
                signals.extend(token_signals(event));
                return;
            }
            _ => Signal::Alive,
        });
    }
}

fn token_signals(event: &Value) -> Vec<Signal> {
    let mut signals = Vec::new();
    if let Some(total) = event.pointer("/info/total_token_usage") {
        let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        let cached = number(total, "cached_input_tokens");
        signals.push(Signal::TotalUsage(TokenCounts {
            input: number(total, "input_tokens").saturating_sub(cached),
            output: number(total, "output_tokens"),
            cache_read: cached,
            cache_write: 0,
            context: event.pointer("/info/last_token_usage/total_tokens").and_then(Value::as_u64),
        }));
    }
    let limits = &event["rate_limits"];
    let reached = limits.get("rate_limit_reached_type").and_then(Value::as_str);
    let full = ["primary", "secondary"]
        .into_iter()
        .find(|key| limits[key].get("used_percent").and_then(Value::as_f64).is_some_and(|used| used >= 100.0));
    if reached.is_some() || full.is_some() {
        let window = &limits[full.unwrap_or("primary")];
        let kind = match window.get("window_minutes").and_then(Value::as_u64) {
            Some(minutes) if minutes >= 7 * 24 * 60 => LimitKind::Weekly,
            Some(minutes) if minutes >= 24 * 60 => LimitKind::Daily,
            Some(_) => LimitKind::Session,
            None => limit::kind_of(reached.unwrap_or_default()),
        };
        let resets_at = window.get("resets_at").and_then(Value::as_i64).map(limit::from_epoch);
        signals.push(Signal::Limited { kind, resets_at });
    }
    signals
}

/// An object, which most versions write as JSON in a text; anything else as it is.
fn json_or_object(value: &Value) -> Cow<'_, Value> {
    let parsed = value.as_str().filter(|text| text.starts_with('{')).and_then(|text| serde_json::from_str(text).ok());
    parsed.map_or(Cow::Borrowed(value), Cow::Owned)
}

/// `Process exited with code N`, as a line of its own.
fn stated_exit_code(words: &str) -> Option<i64> {
    let line = words
        .lines()
        .take(6)
        .find_map(|line| line.trim().strip_prefix("Process exited with code ").or_else(|| line.trim().strip_prefix("Exit code: ")))?;
    line.trim().parse().ok()
}

/// The command in a script that calls `exec_command({cmd: "…"})`.
fn script_literal(script: &str) -> Option<&str> {
    let after = &script[script.find("exec_command")?..];
    let value = after[after.find("cmd")? + 3..].trim_start_matches(['"', '\'', ' ', ':']);
    let start = after.len() - value.len();
    let quote = after[..start].chars().next_back().filter(|c| matches!(c, '"' | '\'')).unwrap_or('`');
    let value = value.strip_prefix('`').unwrap_or(value);
    value.split(quote).next()
}

/// A patch that is applied by a command.
fn patch_in<'a>(literal: Option<&'a str>, words: &[&'a str]) -> Option<&'a str> {
    match (words, literal) {
        (["apply_patch", patch, ..], _) => Some(patch),
        (_, Some(literal)) if literal.contains("*** Begin Patch") => Some(literal),
        (_, _) => None,
    }
}

fn patched_paths(patch: &str) -> impl Iterator<Item = &str> {
    patch
        .lines()
        .filter_map(|line| ["*** Update File: ", "*** Add File: ", "*** Delete File: "].iter().find_map(|start| line.strip_prefix(start)))
        .map(str::trim)
}

fn patched_files(patch: &str, allowance: &Allowance) -> Vec<WrittenFile> {
    patched_paths(patch).take(20).map(|path| allowance.written(path)).collect()
}
