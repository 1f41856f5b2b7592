//! What agents print as JSON lines and runners keep in a log: Claude's `stream-json` and `codex exec --json`, with the runner's own lines
//! between them. Such lines are the agent's and no log's: they hold texts that must not be quoted.

use std::cell::LazyCell;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::Value;

use super::blocks::{BlockReader, text, written_by};
use super::claude::failure;
use super::codex_exec::ExecReader;
use super::denials::CountedDenials;
use super::limit;
use super::session::{AgentKind, SessionHead, SessionId, parse};
use super::signal::{CallId, FailureKind, Signal};
use super::text::{Allowance, ToolName};
use crate::model::agent::{AgentBasis, WaitingFor};

/// The records of Claude's stream.
const CLAUDE_TYPES: &[&str] = &[
    "system",
    "assistant",
    "user",
    "result",
    "stream_event",
    "tool_progress",
    "rate_limit_event",
    "tool_use_summary",
    "auth_status",
    "prompt_suggestion",
];
/// Those that name no session.
const CONTROL_TYPES: &[&str] = &["control_request", "control_response", "control_cancel_request"];
/// Records of Codex's own files.
const ROLLOUT_TYPES: &[&str] = &["response_item", "event_msg", "session_meta", "turn_context", "compacted"];
/// Those of Codex's stream.
const CODEX_TYPES: &[&str] =
    &["thread.started", "turn.started", "turn.completed", "turn.failed", "item.started", "item.updated", "item.completed"];

/// Whether a line of a watched file is a record of an agent's, printed or copied: it holds texts that are nobody's to quote.
pub(crate) fn is_agent_record(line: &str) -> bool {
    let line = line.trim();
    if !line.starts_with('{') {
        return false;
    }
    // A last line without its end may lack its session.
    let is_begun = || !line.ends_with('}') && types(line).any(|name| CLAUDE_TYPES.contains(&name));
    let has = |key: &Finder<'_>| key.find(line.as_bytes()).is_some();
    let is_transcript = || has(&KEYS.session) && (has(&KEYS.sidechain) || has(&KEYS.leaf));
    let is_rollout = || has(&KEYS.payload) && types(line).any(|name| ROLLOUT_TYPES.contains(&name));
    StreamReader::is_stream_line(line) || is_transcript() || is_rollout() || is_begun()
}

/// Keys that tell an agent's records from other JSON. Made once: a search is shorter than the making of its finder.
struct Keys {
    kind: Finder<'static>,
    stream_session: Finder<'static>,
    session: Finder<'static>,
    sidechain: Finder<'static>,
    leaf: Finder<'static>,
    payload: Finder<'static>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    kind: Finder::new("\"type\""),
    stream_session: Finder::new("\"session_id\""),
    session: Finder::new("\"sessionId\""),
    sidechain: Finder::new("\"isSidechain\""),
    leaf: Finder::new("\"leafUuid\""),
    payload: Finder::new("\"payload\""),
});

/// The values of each `"type"` in the line.
fn types(line: &str) -> impl Iterator<Item = &str> {
    KEYS.kind.find_iter(line.as_bytes()).filter_map(|at| {
        let value = line[at + KEYS.kind.needle().len()..].trim_start().strip_prefix(':')?;
        let value = value.trim_start().strip_prefix('"')?;
        Some(&value[..memchr::memchr(b'"', value.as_bytes()).unwrap_or(value.len())])
    })
}

/// What a line of a captured stream states.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StreamLine {
    /// The session that the line belongs to.
    pub head: SessionHead,
    pub signals: Vec<Signal>,
}

/// The reader of the streams in one log.
#[derive(Debug)]
pub(crate) struct StreamReader {
    allowance: Allowance,
    session: Option<StreamSession>,
}

#[derive(Debug)]
struct StreamSession {
    head: SessionHead,
    blocks: BlockReader,
    exec: ExecReader,
    denials: CountedDenials,
}

impl StreamReader {
    /// For one log.
    pub fn new(allowance: Allowance) -> Self {
        StreamReader { allowance, session: None }
    }

    /// Whether a line of a log is an agent's.
    pub fn is_stream_line(line: &str) -> bool {
        // Once a line: it may hold thousands of types.
        let has_session = LazyCell::new(|| KEYS.stream_session.find(line.as_bytes()).is_some());
        let is_own = |name: &str| CODEX_TYPES.contains(&name) || CONTROL_TYPES.contains(&name);
        line.starts_with('{') && types(line).any(|name| (CLAUDE_TYPES.contains(&name) && *has_session) || is_own(name))
    }

    /// Reads a line that [`StreamReader::is_stream_line`].
    pub fn read(&mut self, line: &str) -> Option<StreamLine> {
        let record = parse(line)?;
        let mut signals = Vec::new();
        let kind = if CODEX_TYPES.contains(&text(&record, "type")) { AgentKind::Codex } else { AgentKind::ClaudeCode };
        let id = match kind {
            AgentKind::ClaudeCode => text(&record, "session_id"),
            AgentKind::Codex => text(&record, "thread_id"),
        };
        if let Some(id) = SessionId::new(id)
            && self.session.as_ref().is_none_or(|session| session.head.id != id)
        {
            self.session = Some(self.begin(kind, id, &record));
        }
        let session = self.session.as_mut().filter(|session| session.head.kind == kind)?;
        match kind {
            AgentKind::ClaudeCode => session.claude(&record, &mut signals),
            AgentKind::Codex => session.exec.read(&record, &mut signals),
        }
        Some(StreamLine { head: session.head.clone(), signals })
    }

    fn begin(&self, kind: AgentKind, id: SessionId, record: &Value) -> StreamSession {
        let cwd = Some(text(record, "cwd")).filter(|cwd| cwd.starts_with('/'));
        let mut allowance = self.allowance.clone();
        allowance.cwd = cwd.map(Into::into);
        let cwd = allowance.cwd.as_ref().or(allowance.projects.first()).cloned().unwrap_or_default();
        // Only a session without a person prints a stream.
        let head = SessionHead { kind, basis: AgentBasis::Stream, id, cwd, headless: Some(true), started: None };
        StreamSession {
            head,
            blocks: BlockReader::new(allowance.clone()),
            exec: ExecReader::new(allowance),
            denials: CountedDenials::new(),
        }
    }
}

impl StreamSession {
    fn claude(&mut self, record: &Value, signals: &mut Vec<Signal>) {
        let start = signals.len();
        if record.get("parent_tool_use_id").is_some_and(Value::is_string) {
            let writes = written_by(&record["message"], &self.blocks.allowance);
            signals.extend(writes.into_iter().map(Signal::ChildWrote));
            signals.push(Signal::ChildAlive);
            return;
        }
        match text(record, "type") {
            "assistant" if text(&record["message"], "model") == "<synthetic>" => {
                signals.push(failure(record, None, &self.blocks.allowance))
            }
            "assistant" => self.blocks.assistant(&record["message"], signals),
            "user" => {
                let details = record.get("tool_use_result").unwrap_or(&Value::Null);
                let blocks = record["message"]["content"].as_array().into_iter().flatten();
                for block in blocks.filter(|block| text(block, "type") == "tool_result") {
                    self.blocks.result(block, details, None, signals);
                }
                self.drop_counted_denials(start, signals);
                if signals.len() == start {
                    signals.push(Signal::Turn);
                }
            }
            "system" => self.system(record, signals),
            "rate_limit_event" => signals.push(rate_limit(record)),
            "control_request" if text(&record["request"], "subtype") == "can_use_tool" => {
                signals.push(Signal::Asking(WaitingFor::Permission))
            }
            "control_response" | "control_cancel_request" => signals.push(Signal::Answered),
            "result" => self.result(record, signals),
            _ => signals.push(Signal::Alive),
        }
    }

    /// Of the signals from `start` on, those denials that were counted before.
    fn drop_counted_denials(&mut self, start: usize, signals: &mut Vec<Signal>) {
        let mut is_new = |signal: &Signal| if let Signal::Denied { call, tool } = signal { self.denials.count(*call, tool) } else { true };
        let fresh: Vec<Signal> = signals.drain(start..).filter(|signal| is_new(signal)).collect();
        signals.extend(fresh);
    }

    fn system(&mut self, record: &Value, signals: &mut Vec<Signal>) {
        let whole = |key: &str| record.get(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        signals.push(match text(record, "subtype") {
            "status" if text(record, "status") == "compacting" => Signal::Compacting,
            "compact_boundary" => Signal::Compacted,
            "api_retry" => Signal::Retry {
                attempt: whole("attempt").unwrap_or(1),
                max: whole("max_retries"),
                status: whole("error_status"),
                next_at: None,
            },
            "permission_denied" => match self.denied(record) {
                (call, tool) if self.denials.count(call, &tool) => Signal::Denied { call, tool },
                (_, _) => Signal::Alive,
            },
            "task_started" => Signal::BackgroundStarted(CallId::new(text(record, "task_id"))),
            "task_notification" => Signal::BackgroundEnded(CallId::new(text(record, "task_id"))),
            _ => Signal::Alive,
        });
    }

    /// The call and the tool of a denial, as the stream names them.
    fn denied(&self, denial: &Value) -> (Option<CallId>, ToolName) {
        let call = Some(text(denial, "tool_use_id")).filter(|id| !id.is_empty());
        (call.map(CallId::new), self.blocks.tool(text(denial, "tool_name")))
    }

    fn result(&mut self, record: &Value, signals: &mut Vec<Signal>) {
        let denied = record.get("permission_denials").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for denial in denied {
            let (call, tool) = self.denied(denial);
            if self.denials.count_listed(call, &tool) {
                signals.push(Signal::Denied { call, tool });
            }
        }
        self.denials.end_turn();
        signals.extend(record.get("total_cost_usd").and_then(Value::as_f64).filter(|cost| *cost >= 0.0).map(Signal::Cost));
        if record.get("is_error").and_then(Value::as_bool) == Some(true)
            && matches!(record.get("api_error_status").and_then(Value::as_u64), Some(401 | 403))
        {
            signals.push(Signal::TurnFailed(FailureKind::Authentication));
        }
        signals.push(Signal::Ended);
    }
}

fn rate_limit(record: &Value) -> Signal {
    let info = record.get("rate_limit_info").unwrap_or(record);
    if text(info, "status") != "rejected" {
        return Signal::Alive;
    }
    let resets_at = info.get("resetsAt").and_then(Value::as_i64).map(limit::from_epoch);
    Signal::Limited { kind: limit::kind_of(text(info, "rateLimitType")), resets_at }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::model::agent::AgentLevel;

    /// How many denials the records state.
    fn denials(records: &[Value]) -> usize {
        let mut reader = StreamReader::new(Allowance::new(AgentLevel::Target, vec!["/work/shop".into()], None, TimeZone::UTC));
        let mut count = 0;
        for record in records {
            let mut record = record.clone();
            record["session_id"] = json!("5d09a42c-0c1d-4e2f-8a3b-5c6d7e8f9a0b");
            let read = reader.read(&record.to_string()).expect("a record of the stream");
            count += read.signals.iter().filter(|signal| matches!(signal, Signal::Denied { .. })).count();
        }
        count
    }

    fn call(id: &str, name: &str) -> Value {
        json!({"type": "assistant", "message": {"content": [{"type": "tool_use", "id": id, "name": name, "input": {}}]}})
    }

    fn refused(id: &str) -> Value {
        let block = json!({"type": "tool_result", "tool_use_id": id, "is_error": true, "content": "Permission to use it has been denied."});
        json!({"type": "user", "message": {"content": [block]}})
    }

    fn denied(id: &str, name: &str) -> Value {
        json!({"type": "system", "subtype": "permission_denied", "tool_name": name, "tool_use_id": id})
    }

    fn ended(denials: Value) -> Value {
        json!({"type": "result", "subtype": "success", "permission_denials": denials})
    }

    #[test]
    fn a_denial_is_counted_once_however_often_it_is_stated() {
        let named = json!([{"tool_name": "Bash", "tool_use_id": "a"}]);
        let unnamed = json!([{"tool_name": "Bash"}]);
        for (what, records, expected) in [
            ("its record and its result", vec![call("a", "Bash"), denied("a", "Bash"), refused("a")], 1),
            (
                "a record without its call",
                vec![call("a", "Bash"), json!({"type": "system", "subtype": "permission_denied", "tool_name": "Bash"}), refused("a")],
                1,
            ),
            ("its result and the end of the turn", vec![call("a", "Bash"), refused("a"), ended(named.clone())], 1),
            ("the end of the turn alone", vec![call("a", "Bash"), ended(named.clone())], 1),
            ("another tool at the end", vec![call("r", "Read"), refused("r"), call("a", "Bash"), ended(named.clone())], 2),
            ("a list that grows over the turns", vec![ended(named.clone()), ended(named.clone()), ended(named)], 1),
            ("two turns without names", vec![ended(unnamed.clone()), ended(unnamed.clone())], 2),
            ("a turn without names that was counted", vec![call("a", "Bash"), refused("a"), ended(unnamed.clone()), ended(unnamed)], 2),
            ("two calls", vec![call("a", "Bash"), refused("a"), call("b", "Bash"), refused("b"), ended(json!([]))], 2),
        ] {
            assert_eq!(denials(&records), expected, "{what}");
        }
    }
}
