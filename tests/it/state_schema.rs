//! Holds states to `docs/state.schema.json`: the samples in `fixtures/state/`, and the schema to what it should refuse.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

pub fn validator() -> Validator {
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema()).expect("it is a schema")
}

#[test]
fn every_sample_is_allowed_and_agrees_with_itself() {
    let validator = validator();
    for (name, state) in samples() {
        validate(&validator, &name, &state);
    }
}

/// Fails with everything that is wrong with the state: its shape, and what contradicts itself.
#[track_caller]
pub fn validate(validator: &Validator, name: &str, state: &Value) {
    let wrong: Vec<String> = validator.iter_errors(state).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    let now = text(state, "server_time");
    for task in list(state, "tasks") {
        counts_agree(name, task);
        let points = list(task, "history");
        assert!(points.is_sorted_by_key(|point| text(point, "at")), "{name}: history runs backwards");
        assert!(points.last().is_none_or(|last| last["passed"] == task["stories_passed"]), "{name}: history ends elsewhere");
        for timed in list(task, "stories").iter().chain([task]) {
            let (start, end) = (timed.get("started_at"), timed.get("finished_at"));
            let under_way = timed["status"] == "in_progress" || timed["status"] == "running" || timed["status"] == "open";
            if let (Some(start), Some(end)) = (start, end) {
                assert!(under_way || start.as_str() <= end.as_str(), "{name}: ended before it began: {timed:#}");
            }
            let ahead = ["started_at", "finished_at", "changed_at"].iter().any(|field| timed[field].as_str() > Some(now));
            assert!(!ahead, "{name}: later than the snapshot: {timed:#}");
        }
    }
}

#[track_caller]
fn counts_agree(name: &str, task: &Value) {
    let stories = list(task, "stories");
    let planned = stories.iter().any(|story| story["in_plan"] == true);
    let count = |statuses: &[&str], group: Option<&Value>| {
        stories
            .iter()
            .filter(|story| !planned || story["in_plan"] == true)
            .filter(|story| group.is_none_or(|group| story.get("group") == Some(group)))
            .filter(|story| statuses.contains(&text(story, "status")))
            .count() as u64
    };
    const COUNTED: [&str; 5] = ["open", "in_progress", "passed", "failed", "blocked"];
    let passed = count(&["passed"], None);
    assert_eq!(task["stories_passed"], passed, "{name}");
    assert_eq!(task["stories_failed"], count(&["failed"], None), "{name}");
    assert_eq!(task["stories_blocked"], count(&["blocked"], None), "{name}");
    assert_eq!(task["stories_dropped"], count(&["deferred", "cancelled"], None), "{name}");
    if let Some(of) = task["story_count"].as_u64() {
        assert_eq!(of, count(&COUNTED, None), "{name}");
        let percent = if task["status"] == "passed" { 100 } else { (passed * 100 / of).min(99) };
        assert_eq!(task["percent"], percent, "{name}");
    }
    for group in list(task, "groups") {
        assert_eq!(group["story_count"], count(&COUNTED, Some(&group["name"])), "{name}: {group}");
        assert_eq!(group["stories_passed"], count(&["passed"], Some(&group["name"])), "{name}: {group}");
    }
    if let Some(index) = task.pointer("/current_story/index").and_then(Value::as_u64) {
        let current = &stories[usize::try_from(index).expect("it fits")];
        assert_eq!(current["status"], "in_progress", "{name}: {current:#}");
    }
    for story in stories {
        let criteria = list(story, "criteria");
        if !criteria.is_empty() {
            let done = criteria.iter().filter(|criterion| criterion["status"] == "done").count();
            assert_eq!((&story["criteria_count"], &story["criteria_done"]), (&json!(criteria.len()), &json!(done)), "{name}: {story:#}");
        }
        let attempts = list(story, "attempts");
        if let Some(last) = attempts.last() {
            assert_eq!(last["n"], story["attempt_count"], "{name}: {story:#}");
        }
    }
}

#[test]
fn there_is_a_sample_of_everything() {
    let samples = samples();
    let mut seen = BTreeSet::new();
    samples.iter().for_each(|(_, state)| names_of(state, &mut seen));
    let schema = schema();
    let mut fields = BTreeSet::new();
    fields_of(&schema, &mut fields);
    let missing: Vec<&String> = fields.difference(&seen).collect();
    assert!(missing.is_empty(), "no sample shows {missing:?}");
    let words = |pointer: &str| -> Vec<String> {
        let words = schema.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("{pointer} is no list"));
        words.iter().map(|word| word.as_str().expect("it is a word").to_owned()).collect()
    };
    for (pointer, what) in [
        ("/$defs/task/properties/status/enum", "status of a task"),
        ("/$defs/task/properties/attention/properties/kind/enum", "attention"),
        ("/$defs/story/properties/status/enum", "status of a story"),
    ] {
        for word in words(pointer) {
            let shown = samples.iter().any(|(_, state)| state.to_string().contains(&format!("\"{word}\"")));
            assert!(shown, "no sample has the {what} {word}");
        }
    }
}

#[test]
fn the_page_about_the_state_names_every_field() {
    let page = include_str!("../../docs/state.md");
    let mut fields = BTreeSet::new();
    fields_of(&schema(), &mut fields);
    let missing: Vec<&String> = fields.iter().filter(|field| !page.contains(&format!("`{field}`"))).collect();
    assert!(missing.is_empty(), "docs/state.md does not name {missing:?}");
}

#[test]
fn what_is_no_state_is_refused() {
    let validator = validator();
    let good = samples().into_iter().find(|(name, _)| name == "running").expect("there is one").1;
    for (pointer, value) in [
        ("/schema", json!(2)),
        ("/server_time", json!("2026-01-24 14:02:17")),
        ("/mood", json!("good")),
        ("/tasks/0/status", json!("quiet")),
        ("/tasks/0/run", Value::Null),
        ("/tasks/0/percent", json!(101)),
        ("/tasks/0/current_story", json!(6)),
        ("/tasks/0/current_story", json!({"kind": "known"})),
        ("/tasks/0/remaining", json!({"kind": "unknown"})),
        ("/tasks/0/remaining/kind", json!("none")),
        ("/tasks/0/stories/0/status", json!("pending")),
        ("/tasks/0/stories/6/attempts/0/result", json!("done")),
        ("/tasks/0/stories/6/criteria/0/done", json!(true)),
        ("/tasks/0/agents/0/prompt", json!("secret")),
        ("/tasks/0/agents/0/session", json!("4cf8931b-0000")),
        ("/tasks/0/sources/0/inode", json!(7)),
    ] {
        let mut bad = good.clone();
        let (parent, name) = pointer.rsplit_once('/').expect("it is a pointer");
        bad.pointer_mut(parent).and_then(Value::as_object_mut).expect("it is an object").insert(name.to_owned(), value);
        assert!(!validator.is_valid(&bad), "allowed: {pointer}");
    }
    let mut ended = good.clone();
    ended["tasks"][0]["status"] = json!("passed");
    ended["tasks"][0]["attention"] = json!({"kind": "quiet", "reason": "no sign", "since": "2026-01-24T14:00:00.000Z"});
    assert!(!validator.is_valid(&ended), "attention beside a run that is over");
    let mut nameless = good;
    nameless["tasks"][0]["stories"][0].as_object_mut().expect("it is an object").retain(|name, _| name != "story_id" && name != "title");
    assert!(!validator.is_valid(&nameless), "a story with neither id nor title");
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../docs/state.schema.json")).expect("the schema is JSON")
}

/// The samples by their names, in the order of the names.
pub fn samples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/state");
    let mut samples: Vec<(String, Value)> = fs::read_dir(folder)
        .expect("the samples are there")
        .map(|entry| {
            let path = entry.expect("it can be listed").path();
            let sample = serde_json::from_slice(&fs::read(&path).expect("it can be read")).expect("it is JSON");
            (path.file_stem().expect("it has a name").to_string_lossy().into_owned(), sample)
        })
        .collect();
    samples.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(samples.len() >= 12, "samples are gone: {samples:?}");
    samples
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[track_caller]
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value:#}"))
}

/// The names of all fields that occur.
fn names_of(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            names.extend(fields.keys().cloned());
            fields.values().for_each(|field| names_of(field, names));
        }
        Value::Array(items) => items.iter().for_each(|item| names_of(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names of all fields that the schema knows.
fn fields_of(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                names.extend(properties.keys().cloned());
            }
            fields.values().for_each(|field| fields_of(field, names));
        }
        Value::Array(items) => items.iter().for_each(|item| fields_of(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_samples_are_what_the_types_say() {
    for (name, sample) in samples() {
        let state: progress_bridge::model::state::State =
            serde_json::from_value(sample.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = serde_json::to_value(&state).expect("a state is plain data");
        assert_eq!(written, sample, "{name}");
    }
}
