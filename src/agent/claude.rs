//! Transcripts of Claude Code: one JSON record a line, one content block a record. The format is internal to it and changes between
//! releases, so every field is optional and an unknown record is a sign of life.

use serde_json::Value;

use super::blocks::{BlockReader, joined_text, text, written_by};
use super::limit;
use super::session::{AgentKind, SessionHead, SessionId, text_in, time, time_in};
use super::signal::{CallId, CallOutcome, FailureKind, LimitKind, Signal, Stamped};
use super::text::Allowance;
use crate::clock::Timestamp;
use crate::model::agent::AgentBasis;

/// The reader of one transcript.
#[derive(Debug)]
pub(crate) struct TranscriptReader {
    blocks: BlockReader,
    /// The id in the file's name. Records of another id were copied from the session that this one was forked from.
    own: Option<SessionId>,
}

/// The head of a session, from the first record that has one.
pub(super) fn head(line: &str) -> Option<SessionHead> {
    let record = super::session::parse(line);
    let field = |key: &str| match &record {
        Some(record) => Some(text(record, key)).filter(|text| !text.is_empty()),
        // A line that is cut.
        None => text_in(line, key),
    };
    Some(SessionHead {
        kind: AgentKind::ClaudeCode,
        basis: AgentBasis::Transcript,
        id: SessionId::new(field("sessionId")?)?,
        cwd: field("cwd").filter(|cwd| cwd.starts_with('/'))?.into(),
        headless: field("entrypoint").and_then(is_headless),
        started: record.as_ref().and_then(time),
    })
}

/// Whether a program drives the session; an editor's extension has a person in front of it.
fn is_headless(entrypoint: &str) -> Option<bool> {
    match entrypoint {
        "sdk-cli" | "sdk-ts" | "sdk-py" => Some(true),
        "cli" | "claude-desktop" | "claude-vscode" => Some(false),
        _ => None,
    }
}

impl TranscriptReader {
    pub(super) fn new(own: Option<SessionId>, allowance: Allowance) -> Self {
        TranscriptReader { blocks: BlockReader::new(allowance), own }
    }

    pub(super) fn read(&mut self, record: &Value, signals: &mut Vec<Stamped>) {
        if self.is_copied(record) {
            return;
        }
        let at = time(record);
        let mut found = Vec::new();
        if let Some(is_headless) = is_headless(text(record, "entrypoint")) {
            found.push(Signal::Headless(is_headless));
        }
        if record.get("isSidechain").and_then(Value::as_bool) == Some(true) {
            found.extend(written_by(&record["message"], &self.blocks.allowance).into_iter().map(Signal::ChildWrote));
            found.push(Signal::ChildAlive);
        } else {
            self.read_own(record, at, &mut found);
        }
        signals.extend(found.into_iter().map(|signal| Stamped { at, signal }));
    }

    /// The beginning of a record that is too long: of those only results are worth something.
    pub(super) fn read_cut(&self, start: &str, signals: &mut Vec<Stamped>) {
        if start.contains("\"isSidechain\":true")
            || self.own.as_ref().zip(text_in(start, "sessionId")).is_some_and(|(own, id)| !own.full().eq_ignore_ascii_case(id))
        {
            return;
        }
        let at = time_in(start);
        let signal = match text_in(start, "tool_use_id") {
            Some(id) => Signal::CallEnded { call: CallId::new(id), outcome: CallOutcome::default() },
            None => Signal::Alive,
        };
        signals.push(Stamped { at, signal });
    }

    fn is_copied(&self, record: &Value) -> bool {
        let stated = text(record, "sessionId");
        self.own.as_ref().is_some_and(|own| !stated.is_empty() && !own.full().eq_ignore_ascii_case(stated))
    }

    fn read_own(&mut self, record: &Value, at: Option<Timestamp>, signals: &mut Vec<Signal>) {
        match text(record, "type") {
            "assistant" => {
                let message = &record["message"];
                if record.get("isApiErrorMessage").and_then(Value::as_bool) == Some(true) || text(message, "model") == "<synthetic>" {
                    signals.push(failure(record, at, &self.blocks.allowance));
                } else {
                    self.blocks.assistant(message, signals);
                }
            }
            "user" => self.user(record, signals),
            "system" => signals.push(system(record, at)),
            // Records without a time are written whenever the program tidies up.
            "summary" | "file-history-snapshot" | "permission-mode" | "mode" | "ai-title" | "last-prompt" => {}
            "queue-operation" => signals.extend(background_end(record)),
            _ => signals.push(Signal::Alive),
        }
    }

    fn user(&mut self, record: &Value, signals: &mut Vec<Signal>) {
        let is_set = |key: &str| record.get(key).and_then(Value::as_bool) == Some(true);
        let content = &record["message"]["content"];
        let results: Vec<&Value> = content.as_array().into_iter().flatten().filter(|block| text(block, "type") == "tool_result").collect();
        let (details, denial) = (record.get("toolUseResult").unwrap_or(&Value::Null), record.get("toolDenialKind").and_then(Value::as_str));
        for block in &results {
            self.blocks.result(block, details, denial, signals);
        }
        if !results.is_empty() {
            return;
        }
        let words = joined_text(content);
        if words.starts_with("[Request interrupted by user") {
            signals.push(Signal::TurnAborted);
        } else if words.trim_start().starts_with("<task-notification>") {
            signals.extend(background_end(record));
            signals.push(Signal::Turn);
        } else if is_set("isCompactSummary") || is_set("isMeta") {
            signals.push(Signal::Alive);
        } else {
            signals.push(Signal::Turn);
        }
    }
}

fn system(record: &Value, at: Option<Timestamp>) -> Signal {
    match text(record, "subtype") {
        "turn_duration" => Signal::TurnEnded,
        "api_error" => {
            let number = |key: &str| record.get(key).and_then(Value::as_f64).filter(|number| (0.0..1e9).contains(number));
            let whole = |number: f64| number as u32;
            let delay = number("retryInMs").map(|ms| ms as i64);
            Signal::Retry {
                attempt: number("retryAttempt").map_or(1, whole),
                max: number("maxRetries").map(whole),
                status: record.pointer("/error/status").and_then(Value::as_u64).and_then(|status| u32::try_from(status).ok()),
                next_at: at.zip(delay).map(|(at, delay)| Timestamp::clamped(at.0.saturating_add(delay))),
            }
        }
        "compact_boundary" => Signal::Compacted,
        _ => Signal::Alive,
    }
}

/// The program's own message in place of the model's: the model could not be reached.
pub(super) fn failure(record: &Value, at: Option<Timestamp>, allowance: &Allowance) -> Signal {
    let words = joined_text(&record["message"]["content"]);
    if let Some((kind, resets_at)) = limit::stated_limit(&words, at, &allowance.zone) {
        return Signal::Limited { kind, resets_at };
    }
    match text(record, "error") {
        "rate_limit" => Signal::Limited { kind: LimitKind::Rate, resets_at: None },
        "authentication_failed" => Signal::TurnFailed(FailureKind::Authentication),
        "billing_error" => Signal::TurnFailed(FailureKind::Billing),
        _ if record.get("isApiErrorMessage").and_then(Value::as_bool) == Some(true) => Signal::TurnFailed(FailureKind::Other),
        _ => Signal::Alive,
    }
}

/// The end of a command or a sub-agent in the background, which the program reports in a text of its own form.
fn background_end(record: &Value) -> Option<Signal> {
    let words = match record.get("content") {
        Some(content) => joined_text(content),
        None => joined_text(&record["message"]["content"]),
    };
    let id = words.split_once("<task-id>")?.1.split('<').next()?;
    Some(Signal::BackgroundEnded(CallId::new(id.trim())))
}
