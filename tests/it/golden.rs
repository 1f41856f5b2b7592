//! Every `fixtures/<family>/<case>/` through the whole binary: compares its events with the snapshot beside this file.
//!
//! A new folder is a new test. `INSTA_UPDATE=always cargo test golden` writes what is missing; read it before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bridge_process::ProjectFolder;
use crate::schema;

/// Fixtures that the record reader does not read rightly yet, each with its cause. Their snapshots say what is right. The list only gets shorter.
const MISREAD: &[&str] = &[
    // A label's placeholder value is taken for a title; a list of ids joined by a word is one story.
    "blocks__fields",
    // A program's events, named first and with the id in a field: they are read as stories of the event's name.
    "blocks__records",
    // An error of the run, in a frame that is no iteration, is passed over.
    "iterations__languages",
    // Nothing in its head is a runner's word: the look at the file takes it for an ordinary memo.
    "note__hand-over",
    // Rounds of a review in a table are taken for stories.
    "rows__summary",
    // The status line is known, but the statement is placed on the opening line.
    "sessions__brackets",
    // A mark at the end of a heading's words ("What was done") is cut off its title.
    "sessions__hand-over",
    // A session's own failure below other sections is not seen; the initializer's session counts as a story.
    "sessions__harness",
    // Several numbers before one title are no list of ids.
    "sessions__numbers",
    // A recap at the end tells of the same work a second time, and is counted; a start line is not parted from its end.
    "statements__counted",
    // "not complete" behind a dash is no mark; the reason of a failure is taken for its title.
    "statements__lines",
];

#[test]
fn every_fixture_gives_its_events() {
    let (mut differing, mut mended) = (Vec::new(), Vec::new());
    for case in &cases() {
        let name = name_of(case);
        let events = events_of(case);
        if MISREAD.contains(&name.as_str()) {
            if events.trim() == expected(&name).trim() {
                mended.push(name);
            }
            continue;
        }
        let compared = std::panic::catch_unwind(|| {
            insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(name.as_str(), events);
            });
        });
        if compared.is_err() {
            differing.push(name);
        }
    }
    assert!(mended.is_empty(), "these are read rightly now: take them off the list: {mended:#?}");
    assert!(differing.is_empty(), "these differ from their snapshots: {differing:#?}");
}

/// The weights are fitted on what `fit` reads of a file; they are only as good as its agreement with the program.
#[test]
fn the_fit_reads_what_the_program_reads() {
    let mut differing = Vec::new();
    for case in cases().iter().filter(|case| has_only_a_log(case)) {
        let log = fs::read(case.join("progress.txt")).expect("it can be read");
        let reading = progress_bridge::fit::read(&progress_bridge::fit::FitLog::new("progress.txt", &log, None));
        let records = reading["records"].as_array().expect("it is a list");
        let mut fitted: Vec<String> = records.iter().filter_map(|record| ending(&record["class"], &record["line"])).collect();
        let events = events_of(case);
        let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("it is an event"));
        let completed = events.filter(|event| event["type"] == "story_completed");
        let mut told: Vec<String> = completed.filter_map(|event| ending(&event["data"]["status"], &event["source"]["line"])).collect();
        fitted.sort();
        told.sort();
        if fitted != told {
            differing.push(format!("{}: fit {fitted:?}, program {told:?}", name_of(case)));
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
}

fn has_only_a_log(case: &Path) -> bool {
    let files: Vec<_> = fs::read_dir(case).expect("it is a folder").map(|entry| entry.expect("it can be listed").file_name()).collect();
    files.len() == 1 && files[0] == "progress.txt"
}

/// Line and outcome of a story's end.
fn ending(outcome: &Value, line: &Value) -> Option<String> {
    let outcome = outcome.as_str().filter(|outcome| matches!(*outcome, "passed" | "failed"))?;
    Some(format!("{line} {outcome}"))
}

/// Name and events of every fixture that is read rightly.
pub fn events_of_all() -> Vec<(String, String)> {
    cases()
        .iter()
        .map(|case| (name_of(case), case))
        .filter(|(name, _)| !MISREAD.contains(&name.as_str()))
        .map(|(name, case)| (name, events_of(case)))
        .collect()
}

fn cases() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    // Session files of agents give no events: the tests of `agent` read them.
    let families = folders(&fixtures).into_iter().filter(|family| !family.ends_with("agents"));
    let cases: Vec<PathBuf> = families.flat_map(|family| folders(&family)).collect();
    assert!(cases.len() >= 10, "the fixtures are gone: {cases:?}");
    cases
}

/// `family__case`
fn name_of(case: &Path) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    case.strip_prefix(fixtures).expect("it lies in it").to_string_lossy().replace('/', "__")
}

/// What a snapshot says, without its head.
fn expected(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots").join(name).with_extension("snap");
    let text = fs::read_to_string(path).expect("the snapshot is there");
    text.splitn(3, "---\n").nth(2).expect("it has a head").to_owned()
}

/// One event a line, in a fixed order of keys.
fn events_of(case: &Path) -> String {
    let project = ProjectFolder::new();
    // Named like the case: the folder's name is part of the events.
    let folder = project.file(&case.file_name().expect("it has a name").to_string_lossy());
    copy(case, &folder);
    let mut command = project.command(["--once", "--json"]);
    // Logs that need rules are read by the example of the same name.
    if case.parent().is_some_and(|family| family.ends_with("rules")) {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rules").join(case.file_name().expect("it has a name"));
        command.arg("--rules").arg(example.with_extension("toml"));
    }
    let finished =
        crate::bridge_process::BridgeProcess::start_in(&mut command, &folder).finished(crate::bridge_process::SOON).exits_with(0);
    let schema = schema::validator();
    let mut text = String::new();
    for mut event in finished.events() {
        schema::validate(&schema, &event);
        if event["timestamp_source"] == json!("observed") {
            event["timestamp"] = Value::from("(observed)");
        }
        text.push_str(&event.to_string());
        text.push('\n');
    }
    text
}

/// In the order of their names, so that snapshots come in the same order everywhere.
pub(crate) fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).expect("it is a folder").map(|entry| entry.expect("it can be listed").path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is ours");
    for entry in fs::read_dir(from).expect("it is a folder") {
        let entry = entry.expect("it can be listed").path();
        let target = to.join(entry.file_name().expect("it has a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("the folder is ours");
        }
    }
}
