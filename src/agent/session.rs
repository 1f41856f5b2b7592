//! One session file: which session it is, and its lines → signals.

use std::path::PathBuf;

use serde_json::Value;

use super::claude::TranscriptReader;
use super::codex::RolloutReader;
use super::signal::Stamped;
use super::text::Allowance;
use crate::clock::Timestamp;
use crate::model::agent::AgentBasis;
use crate::text::without_huge_numbers;

/// Of a line over the limit so much is read.
pub(crate) const CUT_LINE_BYTES: usize = 8 << 10;

/// Which program writes the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AgentKind {
    ClaudeCode,
    Codex,
}

impl AgentKind {
    /// As the state names it.
    pub fn name(self) -> &'static str {
        match self {
            AgentKind::ClaudeCode => "claude-code",
            AgentKind::Codex => "codex",
        }
    }

    /// As people name it.
    pub fn title(self) -> &'static str {
        match self {
            AgentKind::ClaudeCode => "Claude Code",
            AgentKind::Codex => "Codex",
        }
    }
}

/// What the first records state of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionHead {
    pub kind: AgentKind,
    pub basis: AgentBasis,
    pub id: SessionId,
    /// Where it was started. Never shown.
    pub cwd: PathBuf,
    /// `None` where the records do not tell.
    pub headless: Option<bool>,
    pub started: Option<Timestamp>,
}

/// A session's id; shown by its first eight hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(String);

impl SessionId {
    /// `None` for what is no id: it would be a text.
    pub fn new(id: &str) -> Option<Self> {
        let is_id = (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_id.then(|| SessionId(id.to_ascii_lowercase()))
    }

    pub fn full(&self) -> &str {
        &self.0
    }

    pub fn short(&self) -> String {
        self.0.chars().filter(|c| *c != '-').take(8).collect()
    }
}

/// The lines of one session file → signals.
#[derive(Debug)]
pub(crate) enum SessionReader {
    Transcript(TranscriptReader),
    Rollout(RolloutReader),
}

impl SessionReader {
    /// For the session file of `kind`; `own` is the id in its name.
    pub fn new(kind: AgentKind, own: Option<SessionId>, allowance: Allowance) -> Self {
        match kind {
            AgentKind::ClaudeCode => SessionReader::Transcript(TranscriptReader::new(own, allowance)),
            AgentKind::Codex => SessionReader::Rollout(RolloutReader::new(allowance)),
        }
    }

    /// Looks for the head of a session in a line. Several lines may be needed.
    pub fn head(kind: AgentKind, line: &str) -> Option<SessionHead> {
        match kind {
            AgentKind::ClaudeCode => super::claude::head(line),
            AgentKind::Codex => super::codex::head(line),
        }
    }

    /// Reads a whole line.
    pub fn read(&mut self, line: &str, signals: &mut Vec<Stamped>) {
        let Some(record) = parse(line) else { return };
        match self {
            SessionReader::Transcript(reader) => reader.read(&record, signals),
            SessionReader::Rollout(reader) => reader.read(&record, signals),
        }
    }

    /// Reads the beginning of a line that is too long to be read: it may close a call.
    pub fn read_cut(&mut self, start: &str, signals: &mut Vec<Stamped>) {
        match self {
            SessionReader::Transcript(reader) => reader.read_cut(start, signals),
            SessionReader::Rollout(reader) => reader.read_cut(start, signals),
        }
    }
}

/// A record; a number that no double holds costs its field.
pub(super) fn parse(line: &str) -> Option<Value> {
    let line = line.trim();
    if !line.starts_with('{') {
        return None;
    }
    let record: Option<Value> = serde_json::from_str(line).ok();
    record.or_else(|| serde_json::from_str(&without_huge_numbers(line)?).ok()).filter(Value::is_object)
}

/// The value of `"key":"…"` in the beginning of a record. Quotes inside of a text are escaped, so none of a text is found.
pub(super) fn text_in<'a>(start: &'a str, key: &str) -> Option<&'a str> {
    let pattern = format!("\"{key}\":\"");
    let value = &start[start.find(&pattern)? + pattern.len()..];
    value.split('"').next()
}

/// A record's own time.
pub(super) fn time(record: &Value) -> Option<Timestamp> {
    parsed_time(record.get("timestamp")?.as_str()?)
}

/// The time of a record of which only the beginning is there.
pub(super) fn time_in(start: &str) -> Option<Timestamp> {
    parsed_time(text_in(start, "timestamp")?)
}

fn parsed_time(at: &str) -> Option<Timestamp> {
    let at = at.parse::<jiff::Timestamp>().ok()?;
    Some(Timestamp::clamped(at.as_millisecond()))
}
