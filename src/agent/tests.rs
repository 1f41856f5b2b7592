//! Each fixture of `fixtures/agents/` line by line: the phases that the session goes through, and what it shows at its end. Beside them
//! what no file may bring about: a panic, a wait for a person that is certain and wrong, a text above the level.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::Value;

use super::canary::{CANARY, add_canaries, carriers};
use super::session::SessionId;
use super::*;
use crate::clock::Timestamp;
use crate::model::agent::{AgentLevel, AgentPhase, AgentState, AgentVerb};

/// 2026-03-02T09:00:00Z, where the times of the fixtures begin.
const START: i64 = 1_772_442_000_000;

fn allowance(level: AgentLevel) -> Allowance {
    Allowance::new(level, vec!["/work/shop".into()], Some("/work/shop".into()), TimeZone::UTC)
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/agents");
    let folders = fs::read_dir(root).expect("it is there").map(|entry| entry.expect("it can be listed").path());
    let mut files: Vec<PathBuf> =
        folders.flat_map(|folder| fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("it can be listed").path())).collect();
    files.sort();
    files
}

/// A session of a fixture, as the edges would drive it.
struct SessionReplay {
    head: Option<SessionHead>,
    activity: Activity,
    reader: Option<SessionReader>,
    stream: StreamReader,
    kind: AgentKind,
    /// As the file is named.
    own: Option<SessionId>,
    now: Timestamp,
}

impl SessionReplay {
    fn new(path: &Path, level: AgentLevel) -> Self {
        let allowance = allowance(level);
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a folder of a format");
        let kind = if folder.starts_with("codex") { AgentKind::Codex } else { AgentKind::ClaudeCode };
        let own = SessionId::new("4cf8931b-0c1d-4e2f-8a3b-5c6d7e8f9a0b");
        let is_stream = matches!(folder, "stream" | "codex_exec");
        SessionReplay {
            head: None,
            activity: Activity::new(None, false),
            reader: (!is_stream).then(|| SessionReader::new(kind, own.clone(), allowance.clone())),
            own,
            stream: StreamReader::new(allowance),
            kind,
            now: Timestamp(START),
        }
    }

    fn read(&mut self, line: &str) {
        let mut signals = Vec::new();
        match &mut self.reader {
            Some(reader) => {
                // The records of a session that this one was forked from are another's, as the edges find.
                let is_own = |head: &SessionHead| self.kind == AgentKind::Codex || self.own.as_ref().is_none_or(|own| *own == head.id);
                self.head = self.head.take().or_else(|| SessionReader::head(self.kind, line).filter(is_own));
                reader.read(line, &mut signals);
            }
            None if StreamReader::is_stream_line(line) => {
                let Some(read) = self.stream.read(line) else { return };
                if self.head.as_ref().is_some_and(|head| head.id != read.head.id) {
                    self.activity = Activity::new(None, false);
                }
                self.activity.apply(Stamped { at: None, signal: Signal::Headless(true) }, self.now);
                self.head = Some(read.head);
                signals.extend(read.signals.into_iter().map(|signal| Stamped { at: None, signal }));
            }
            None => {}
        }
        let latest = signals.iter().filter_map(|stamped| stamped.at).max();
        self.now = latest.map_or(Timestamp(self.now.0 + 1_000), |at| at.max(self.now));
        for stamped in signals {
            self.activity.apply(stamped, self.now);
        }
    }

    fn state(&self) -> Option<AgentState> {
        self.head.as_ref().map(|head| self.activity.state(head, self.now))
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.trim_start_matches('\u{feff}').lines()
}

#[test]
fn each_format_goes_through_its_phases() {
    for path in fixtures() {
        let text = fs::read_to_string(&path).expect("it can be read");
        let mut replay = SessionReplay::new(&path, AgentLevel::Command);
        let mut arc = String::new();
        for line in lines(&text) {
            replay.read(line);
            let Some(state) = replay.state() else { continue };
            let seconds = (replay.now.0 - START) / 1000;
            let what = [
                state.verb.map(label),
                state.target.clone().map(|text| text.to_string()),
                state.command.clone().map(|text| format!("`{text}`")),
            ];
            let what = what.into_iter().flatten().collect::<Vec<_>>().join(" ");
            let about =
                state.waiting.map(|waiting| format!(" for {} certain={}", label(waiting.wanted), waiting.certain)).unwrap_or_default();
            writeln!(arc, "{seconds:>4} s {} {what}{about}", label(state.phase)).expect("a text takes it");
        }
        replay.now = Timestamp(replay.now.0 + 4 * 60_000);
        let later = replay.state().map(|state| (state.phase, state.provenance));
        let need = replay.activity.need("The agent", replay.now);
        let end = serde_json::to_string_pretty(&replay.state()).expect("plain data");
        writeln!(arc, "four minutes later: {later:?}\nneeds: {need:?}\n{end}").expect("a text takes it");
        let name = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/agents")).expect("it is below");
        insta::assert_snapshot!(name.with_extension("").to_string_lossy().replace('/', "_"), arc);
    }
}

#[test]
fn a_message_may_be_one_text_instead_of_blocks() {
    let mut signals = Vec::new();
    let message = serde_json::json!({"role": "assistant", "content": "some words", "stop_reason": "end_turn"});
    super::blocks::BlockReader::new(allowance(AgentLevel::Target)).assistant(&message, &mut signals);
    assert!(matches!(signals.as_slice(), [Signal::Spoke { ends_turn: true }]), "{signals:?}");
}

fn end_of_stream(lines: &[&str]) -> AgentState {
    let path = Path::new("codex_exec/none.jsonl");
    let mut replay = SessionReplay::new(path, AgentLevel::Target);
    lines.iter().for_each(|line| replay.read(line));
    replay.state().expect("a session has begun")
}

/// A process that resumes a thread numbers its items anew, and states the tokens of all its turns.
#[test]
fn a_resumed_thread_counts_its_calls_anew_and_its_tokens_on() {
    let thread = r#"{"type":"thread.started","thread_id":"0198a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"}"#;
    let turn = r#"{"type":"turn.started"}"#;
    let call = |command: &str| {
        let item = serde_json::json!({"id": "item_0", "type": "command_execution", "command": command, "status": "in_progress"});
        serde_json::json!({"type": "item.started", "item": item}).to_string()
    };
    let usage = |input: u64| {
        serde_json::json!({"type": "turn.completed", "usage": {"input_tokens": input, "cached_input_tokens": 40, "output_tokens": 9}})
            .to_string()
    };
    let broken_off = [thread, turn, &call("ls"), thread, turn, &call("cargo test")];
    let state = end_of_stream(&broken_off);
    assert_eq!((state.calls, state.verb), (2, Some(AgentVerb::Testing)));
    let tokens = end_of_stream(&[thread, turn, &usage(100), turn, &usage(150)]).tokens.expect("they are stated");
    assert_eq!((tokens.input, tokens.output, tokens.cache_read), (Some(110), Some(9), Some(40)));
}

const ROLLOUT_HEAD: &str =
    r#"{"type":"session_meta","payload":{"id":"0198a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b","cwd":"/work/shop","source":"exec"}}"#;

/// Who waits for a sub-agent has begun none.
#[test]
fn a_wait_for_a_sub_agent_is_no_sub_agent() {
    let mut replay = SessionReplay::new(Path::new("codex/none.jsonl"), AgentLevel::Target);
    replay.read(ROLLOUT_HEAD);
    for (id, name) in [("a", "spawn_agent"), ("b", "wait_agent"), ("c", "wait_agent")] {
        replay.read(&format!(
            r#"{{"type":"response_item","payload":{{"type":"function_call","name":"{name}","arguments":"{{}}","call_id":"{id}"}}}}"#
        ));
        if name == "spawn_agent" {
            replay.read(r#"{"type":"response_item","payload":{"type":"function_call_output","call_id":"a","output":"begun"}}"#);
        }
    }
    let children = replay.state().and_then(|state| state.children).expect("one was begun");
    assert_eq!((children.active, children.total), (1, 1));
}

/// A result in which the words of a refusal stand further down is none, wherever its characters end.
#[test]
fn the_words_of_a_refusal_count_at_the_beginning_of_a_result() {
    let mut replay = SessionReplay::new(Path::new("codex/none.jsonl"), AgentLevel::Target);
    replay.read(ROLLOUT_HEAD);
    replay.read(r#"{"type":"response_item","payload":{"type":"function_call","name":"shell","arguments":"{}","call_id":"a"}}"#);
    let output = format!("x{}: the order was denied by user", "é".repeat(150));
    let item = serde_json::json!({"type": "function_call_output", "call_id": "a", "output": output});
    replay.read(&serde_json::json!({"type": "response_item", "payload": item}).to_string());
    assert_eq!(replay.state().map(|state| state.denials), Some(0));
}

/// A fork repeats the records of its parent; an id is the same in capitals.
#[test]
fn a_session_id_is_the_same_in_capitals() {
    let mut replay = SessionReplay::new(Path::new("claude/none.jsonl"), AgentLevel::Target);
    let own = "4CF8931B-0C1D-4E2F-8A3B-5C6D7E8F9A0B";
    replay.read(&format!(r#"{{"type":"assistant","sessionId":"{own}","cwd":"/work/shop","message":{{"content":[{{"type":"tool_use","id":"a","name":"Bash","input":{{}}}}]}}}}"#));
    let Some(reader) = &mut replay.reader else { panic!("a transcript has a reader") };
    let mut signals = Vec::new();
    reader.read_cut(&format!(r#"{{"sessionId":"{own}","message":{{"content":[{{"tool_use_id":"a","content":"a long"#), &mut signals);
    assert!(matches!(signals.as_slice(), [Stamped { signal: Signal::CallEnded { .. }, .. }]), "{signals:?}");
}

/// Codex writes the arguments of a call, and once the result, as JSON in a text.
#[test]
fn what_codex_writes_as_json_in_a_text_may_be_an_object() {
    for path in fixtures().iter().filter(|path| path.parent().is_some_and(|folder| folder.ends_with("codex"))) {
        let text = fs::read_to_string(path).expect("it can be read");
        let (mut written, mut parsed) = (SessionReplay::new(path, AgentLevel::Command), SessionReplay::new(path, AgentLevel::Command));
        for line in lines(&text) {
            written.read(line);
            let mut record: Value = serde_json::from_str(line).unwrap_or_default();
            for field in ["/payload/arguments", "/payload/output", "/arguments", "/output"] {
                let Some(value) = record.pointer_mut(field) else { continue };
                let object = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()).filter(Value::is_object);
                *value = object.unwrap_or_else(|| value.take());
            }
            parsed.read(&if record.is_null() { line.to_owned() } else { record.to_string() });
            assert_eq!(written.state(), parsed.state(), "{}: {line}", path.display());
        }
    }
}

/// Who is called for it is called once: by the time when it began.
#[test]
fn a_need_keeps_the_time_when_it_began() {
    for path in fixtures() {
        let text = fs::read_to_string(&path).expect("it can be read");
        let mut replay = SessionReplay::new(&path, AgentLevel::Target);
        let mut known: Option<AgentNeed> = None;
        for line in lines(&text).chain([""; 5]) {
            replay.read(line);
            let need = replay.activity.need("The agent", replay.now);
            let what = |need: &AgentNeed| need.reason.replace(|c: char| c.is_ascii_digit(), "");
            if let (Some(known), Some(need)) = (&known, &need)
                && what(known) == what(need)
            {
                assert_eq!(known.since, need.since, "{}: {}", path.display(), need.reason);
            }
            known = need;
        }
    }
}

/// A limit that has reset and is hit again is another need.
#[test]
fn a_limit_that_is_hit_again_is_a_new_need() {
    let at = |seconds: i64| Timestamp(START + seconds * 1000);
    let mut activity = Activity::new(Some(true), false);
    let mut since = Vec::new();
    for (now, resets_at) in [(0, 100), (50, 100), (200, 300)] {
        let signal = Signal::Limited { kind: signal::LimitKind::Session, resets_at: Some(at(resets_at)) };
        activity.apply(Stamped { at: Some(at(now)), signal }, at(now));
        since.push(activity.need("The agent", at(now)).expect("it is stopped").since);
    }
    assert_eq!(since, [at(0), at(0), at(200)]);
}

fn label(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).map(|value| value.as_str().unwrap_or("-").to_owned()).unwrap_or_default()
}

#[test]
fn only_what_a_level_names_carries_a_text() {
    for path in fixtures() {
        let text = fs::read_to_string(&path).expect("it can be read");
        for (level, allowed) in [
            (AgentLevel::Off, &[][..]),
            (AgentLevel::Status, &[]),
            (AgentLevel::Target, &["target", "current", "text", "recent"]),
            (AgentLevel::Command, &["target", "current", "text", "recent", "command"]),
        ] {
            let mut replay = SessionReplay::new(&path, level);
            for line in lines(&text) {
                let changed = serde_json::from_str::<Value>(line).map(|mut record| {
                    add_canaries(&mut record);
                    record.to_string()
                });
                replay.read(changed.as_deref().unwrap_or(line));
                let need = replay.activity.need("The agent", replay.now).map(|need| need.reason).unwrap_or_default();
                assert!(!need.contains(CANARY), "{need}");
                let state = replay.state().and_then(|state| state.at_level(level));
                let mut carriers = carriers(&serde_json::to_value(&state).expect("plain data"));
                carriers.retain(|carrier| !allowed.contains(&carrier.as_str()));
                assert!(carriers.is_empty(), "{}: {carriers:?} at {level:?}", path.display());
            }
        }
    }
}

/// A record with one of its values gone or of another type.
fn drifted(record: &mut Value, at: &mut usize, kind: u8) {
    if *at == 0 {
        *record = match kind % 6 {
            0 => Value::Null,
            1 => Value::Bool(true),
            2 => 1e18.into(),
            3 => Value::String("x".into()),
            4 => Value::Array(vec![Value::Null]),
            _ => serde_json::json!({"y": {}}),
        };
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    let inner: Vec<&mut Value> = match record {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for value in inner {
        // Once is enough.
        if *at < usize::MAX / 2 {
            drifted(value, at, kind);
        }
    }
}

proptest! {
    #![proptest_config(crate::property::config(256))]
    /// Fields that are gone or of another type cost what they say, and never make a session without a person wait for one.
    #[test]
    fn drift_ends_nothing_and_makes_nobody_wait(which in any::<prop::sample::Index>(), line in any::<prop::sample::Index>(), at in 0usize..40, kind in any::<u8>()) {
        let files = fixtures();
        let path = &files[which.index(files.len())];
        let text = fs::read_to_string(path).expect("it can be read");
        let all: Vec<&str> = lines(&text).collect();
        let changed = line.index(all.len());
        let mut replay = SessionReplay::new(path, AgentLevel::Target);
        for (index, line) in all.iter().enumerate() {
            let mut line = (*line).to_owned();
            if index == changed && let Ok(mut record) = serde_json::from_str::<Value>(&line) {
                let mut at = at;
                drifted(&mut record, &mut at, kind);
                line = record.to_string();
            }
            replay.read(&line);
            let state = replay.state();
            let waits = state.is_some_and(|state| state.headless != Some(false) && state.phase == AgentPhase::Waiting && state.waiting.is_some_and(|waiting| waiting.certain));
            let asks = path.ends_with("stream/loop.jsonl");
            prop_assert!(!waits || asks, "{} line {}", path.display(), index + 1);
            replay.activity.next_change(replay.now);
        }
    }

    /// Any bytes and any beginning of a record.
    #[test]
    fn any_line_is_survived(line in "\\PC{0,200}", cut in any::<prop::sample::Index>(), which in any::<prop::sample::Index>()) {
        let files = fixtures();
        let path = &files[which.index(files.len())];
        let text = fs::read_to_string(path).expect("it can be read");
        let mut replay = SessionReplay::new(path, AgentLevel::Command);
        replay.read(&line);
        for line in lines(&text) {
            let end = line.floor_char_boundary(cut.index(line.len() + 1));
            replay.read(&line[..end]);
            if let Some(reader) = &mut replay.reader {
                reader.read_cut(&line[..end], &mut Vec::new());
            }
        }
    }
}
