//! Text from files that wants to reach a terminal or a page: whatever the way in, nothing of it comes out on any output.

use std::fs;

use serde_json::{Value, json};

use crate::bridge_process::{ProjectFolder, kind, story};
use crate::sse_client::get;

/// Sets the clipboard, recolours, clears the screen, turns text around, begins a new line: once as bytes, once as JSON writes them.
const BYTES: &str = "\u{1b}]52;c;aGVsbG8=\u{7}\u{1b}[31m\u{9b}2J\u{202e}\u{2066}\u{8}\u{7f}";
const JSON: &str = r"\u001b]52;c;aGVsbG8=\u0007\u001b[31m\u009b2J\u202e\u2066\u0008X\u007f\n\r\u0085Y";

/// The characters that no output may have; line ends and tabs aside.
fn is_hostile(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[track_caller]
fn is_harmless(what: &str, text: &str) {
    let found: Vec<char> = text.chars().filter(|c| is_hostile(*c)).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {text:?}");
}

/// Also inside of the strings of JSON, where a line end is hostile, too.
#[track_caller]
fn is_harmless_json(what: &str, value: &Value) {
    match value {
        Value::String(text) => {
            is_harmless(what, text);
            assert!(!text.contains('\n'), "{what}: {text:?}");
        }
        Value::Array(values) => values.iter().for_each(|value| is_harmless_json(what, value)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            is_harmless(what, name);
            is_harmless_json(what, value);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A project whose every text is hostile: plan, log, native events, execution log, and the names of files and folders.
fn hostile_project() -> ProjectFolder {
    let project = ProjectFolder::new();
    let story = format!(r#"{{"id": "US-1{JSON}", "title": "Title{JSON}", "passes": false, "acceptanceCriteria": ["Criterion{JSON}"]}}"#);
    let plan =
        format!(r#"{{"project": "Shop{JSON}", "branchName": "branch{JSON}", "description": "About{JSON}", "userStories": [{story}]}}"#);
    project.write("prd.json", &plan);
    project.write("progress.txt", &format!("# Progress{BYTES}\n[US-2] Starting{BYTES}...\n[US-2] Error: broken{BYTES}\nwhat{BYTES}\n"));
    let native = |event: &str, data: &str| format!(r#"{{"event": "{event}", "data": {{{data}}}}}"#) + "\n";
    let events = [
        native("story_started", &format!(r#""story_id": "N-1{JSON}", "title": "Native{JSON}""#)),
        native("ac_completed", &format!(r#""story_id": "N-1{JSON}", "ac_index": 0, "ac_text": "Text{JSON}""#)),
        native("error_occurred", &format!(r#""story_id": "N-1{JSON}", "error_message": "Message{JSON}""#)),
        native("story_completed", &format!(r#""story_id": "N-1{JSON}", "commits": ["abc{JSON}"]"#)),
    ];
    project.write(&format!("run{BYTES}.jsonl"), &events.concat());
    let folder = format!("sub{BYTES}");
    fs::create_dir(project.file(&folder)).expect("the folder is ours");
    project.write(&format!("{folder}/progress.txt"), "[F-1] Starting...\n");
    project.write(&format!("broken{BYTES}.md"), "nothing\n");
    project
}

#[test]
fn nothing_hostile_is_in_events_or_state() {
    let project = hostile_project();
    let ended = project.run(&["--once", "--json"]).exits_with(0);
    let events = ended.events();
    for id in ["US-1", "US-2", "N-1", "F-1"] {
        assert!(events.iter().any(|event| story(event).starts_with(id)) || id == "US-1", "{id} is missing: {events:#?}");
    }
    events.iter().for_each(|event| is_harmless_json("an event", event));
    is_harmless("stderr", &ended.stderr.join("\n"));

    let bridge = project.start(&["--listen", "127.0.0.1:0"]);
    let address = bridge.address();
    bridge.says("watching");
    let state = get(address.parse().expect("an address"), "/api/state").json();
    is_harmless_json("the state", &state);
    assert!(state.to_string().contains("Shop"), "{state}");
    is_harmless("stderr", &bridge.stderr());
}

#[test]
fn the_key_that_names_a_story_is_cleaned() {
    let project = ProjectFolder::new();
    project.write("features.json", &format!(r#"{{"features": {{"F-1{JSON}": {{"description": "Basket", "passes": true}}}}}}"#));
    let events = project.run(&["--once", "--json", "features.json"]).exits_with(0).events();
    assert!(events.iter().any(|event| story(event).starts_with("F-1")), "{events:#?}");
    events.iter().for_each(|event| is_harmless_json("an event", event));
}

#[test]
fn nothing_hostile_is_in_what_is_printed() {
    let project = hostile_project();
    is_harmless("the summary", &project.run(&["--once"]).exits_with(0).stdout.join("\n"));
    for file in ["prd.json", "progress.txt", &format!("run{BYTES}.jsonl")] {
        for arguments in [&["check", file][..], &["check", "--json", file]] {
            let printed = project.run(arguments).exits_with(0).stdout.join("\n");
            is_harmless(&format!("{arguments:?}"), &printed);
        }
    }
    let missing = format!("missing{BYTES}.txt");
    for arguments in [&["--once", &missing][..], &["check", &missing], &["--listen", &missing], &[&format!("--no{BYTES}")]] {
        let said = project.run(arguments).stderr.join("\n");
        assert!(!said.is_empty());
        is_harmless(&format!("{arguments:?}"), &said);
    }
}

#[test]
fn odd_json_costs_a_field_and_not_the_record() {
    let project = ProjectFolder::new();
    project.write(
        "prd.json",
        r#"{"project": "shop", "estimated": 1e999, "userStories": [{"id": "P-1", "title": "", "priority": 1e999, "passes": false, "passes": true}]}"#,
    );
    let lines = [
        r#"{"event": "story_started", "event": "story_started", "story_id": "X-0", "story_id": "N-1", "priority": 1e999, "title": ""}"#,
        r#"{"event": "story_completed", "story_id": "N-1", "duration_ms": -1e999, "timestamp": "12026-01-24T08:45:00Z"}"#,
        r#"{"event": "story_completed", "story_id": "N-2", "timestamp": 99999999999999}"#,
    ];
    project.write("run.jsonl", &(lines.join("\n") + "\n"));
    let events = project.run(&["--once", "--json", "prd.json", "run.jsonl"]).exits_with(0).events();
    let find = |id: &str, type_name: &str| {
        let found = events.iter().find(|event| story(event) == id && kind(event) == type_name);
        found.unwrap_or_else(|| panic!("no {type_name} of {id} in {events:#?}"))
    };
    let started = find("N-1", "story_started");
    assert_eq!((&started["data"]["priority"], &started["data"]["title"]), (&Value::Null, &Value::Null));
    for id in ["N-1", "N-2"] {
        let completed = find(id, "story_completed");
        assert_eq!(completed["data"]["duration_ms"], Value::Null);
        assert_eq!(completed["timestamp_source"], json!("observed"), "{completed}");
    }
    let passed = find("P-1", "story_completed");
    assert_eq!((&passed["data"]["status"], &passed["data"]["title"]), (&json!("passed"), &Value::Null));
}
