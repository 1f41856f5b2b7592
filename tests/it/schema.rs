//! Holds events to `docs/events.schema.json`, and the schema to what it should refuse.

use jsonschema::Validator;
use progress_bridge::clock::Timestamp;
use progress_bridge::event::{
    AcCompleted, EndStatus, ErrorOccurred, Event, EventData, EventId, EventSource, Seq, StoryCompleted, StoryStarted, TYPE_NAMES,
    TaskCompleted, TaskStarted, TimestampSource,
};
use progress_bridge::fact::{CountedKind, ErrorKind, Precision, Provenance};
use progress_bridge::text::CleanText;
use serde_json::{Value, json};

pub fn validator() -> Validator {
    let schema = serde_json::from_str(include_str!("../../docs/events.schema.json")).expect("the schema is JSON");
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).expect("it is a schema")
}

/// Fails with everything that is wrong with the event.
#[track_caller]
pub fn validate(schema: &Validator, event: &Value) {
    let wrong: Vec<String> = schema.iter_errors(event).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{event:#}\n{wrong:#?}");
}

#[test]
fn every_event_that_can_be_made_is_allowed() {
    let schema = validator();
    let mut types = Vec::new();
    for data in full().into_iter().chain(bare()) {
        let event = whole(data);
        validate(&schema, &event);
        types.push(event["type"].as_str().expect("it has a type").to_owned());
    }
    for name in TYPE_NAMES {
        assert_eq!(types.iter().filter(|seen| *seen == name).count(), 2, "{name}");
    }
}

#[test]
fn every_word_that_can_be_said_is_allowed() {
    let schema = validator();
    let mut words: Vec<(&str, Value)> = Vec::new();
    words.extend([TimestampSource::Record, TimestampSource::Observed].map(|word| ("/timestamp_source", json!(word))));
    words.extend([Provenance::Explicit, Provenance::Derived, Provenance::Inferred].map(|word| ("/provenance", json!(word))));
    for (at, data) in full().into_iter().enumerate() {
        let own = match &data {
            EventData::ErrorOccurred(_) => {
                use ErrorKind::{Network, NotFound, Parse, Permission, Timeout, Unknown, Validation};
                [Timeout, NotFound, Permission, Parse, Network, Validation, Unknown].map(|kind| ("/data/error_type", json!(kind))).to_vec()
            }
            EventData::TaskStarted(_)
            | EventData::StoryStarted(_)
            | EventData::AcCompleted(_)
            | EventData::StoryCompleted(_)
            | EventData::TaskCompleted(_) => Vec::new(),
        };
        for (pointer, word) in words.iter().cloned().chain(own) {
            let mut event = whole(full().remove(at));
            set(&mut event, pointer, word);
            validate(&schema, &event);
        }
    }
}

#[test]
fn what_is_no_event_is_refused() {
    let schema = validator();
    let good = whole(full().remove(1));
    validate(&schema, &good);
    for (pointer, value) in [
        ("/id", json!("no uuid")),
        ("/id", json!("936da01f-9abd-4d9d-80c7-02af85c822a8")), // version 4
        ("/seq", json!(0)),
        ("/seq", json!("1")),
        ("/type", json!("story_finished")),
        ("/type", json!("ac_completed")),
        ("/timestamp", json!("2026-01-24 08:45:00")),
        ("/timestamp", json!("2026-13-24T08:45:00.000Z")),
        ("/timestamp_precision", json!("minute")),
        ("/provenance", json!("guessed")),
        ("/run", Value::Null),
        ("/source/line", json!(0)),
        ("/source/text", Value::Null),
        ("/source/text", json!("x".repeat(241))),
        ("/source/inode", json!(7)),
        ("/data", Value::Null),
        ("/data/title", Value::Null),
        ("/data/ac_count", json!(-1)),
        ("/data/ac_count", json!("3")),
        ("/data/acceptance_criteria", json!([])),
        ("/data/attempt", json!(0)),
        ("/data/mood", json!("good")),
        ("/mood", json!("good")),
    ] {
        let mut bad = good.clone();
        set(&mut bad, pointer, value);
        assert!(!schema.is_valid(&bad), "allowed: {bad:#}");
    }
    for (parent, name) in [("", "id"), ("", "data"), ("", "source"), ("/source", "path"), ("/data", "attempt")] {
        let mut bad = good.clone();
        bad.pointer_mut(parent).and_then(Value::as_object_mut).expect("it is an object").remove(name).expect("it was there");
        assert!(!schema.is_valid(&bad), "allowed: {bad:#}");
    }
    let mut nameless = good;
    let data = nameless["data"].as_object_mut().expect("it is an object");
    data.remove("story_id").and(data.remove("title")).expect("both were there");
    assert!(!schema.is_valid(&nameless), "a story with neither id nor title");
}

fn set(event: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').expect("it is a pointer");
    event.pointer_mut(parent).and_then(Value::as_object_mut).expect("it is an object").insert(name.to_owned(), value);
}

fn whole(data: EventData) -> Value {
    let event = Event {
        id: EventId::new("shop", "feature/checkout", CountedKind::StoryStarted, "US-001", 1),
        seq: Seq(1),
        timestamp: Timestamp(1_769_244_300_000),
        timestamp_source: TimestampSource::Record,
        timestamp_precision: Some(Precision::Day),
        late: true,
        origin: Some("alice/shop-1f3a9c".into()),
        task_id: "shop".into(),
        run: "feature/checkout".into(),
        provenance: Provenance::Explicit,
        source: EventSource { path: "progress.txt".into(), line: Some(1), text: Some("## US-001".into()) },
        data,
    };
    serde_json::from_slice(&event.to_json()).expect("it is JSON")
}

/// Every kind, with everything it may carry.
fn full() -> Vec<EventData> {
    let id = || Some(CleanText::from("US-001"));
    let text = || Some(CleanText::from("Basket"));
    vec![
        EventData::TaskStarted(TaskStarted {
            task_id: "shop".into(),
            task_name: "Shop".into(),
            story_count: Some(1),
            estimated_duration: Some(3600),
            branch: text(),
            description: text(),
        }),
        EventData::StoryStarted(StoryStarted {
            story_id: id(),
            title: text(),
            ac_count: Some(1),
            acceptance_criteria: vec!["It adds up".into()],
            priority: Some(-1),
            attempt: 1,
            iteration: Some(3),
        }),
        EventData::AcCompleted(AcCompleted { story_id: id(), title: text(), ac_index: 0, ac_text: text(), duration_ms: Some(1) }),
        EventData::StoryCompleted(StoryCompleted {
            story_id: id(),
            title: text(),
            status: EndStatus::Failed,
            reason: Some("blocked".into()),
            duration_ms: Some(1),
            commits: vec!["4f1c2ab".into()],
            attempt: 2,
            tally: None,
        }),
        EventData::TaskCompleted(TaskCompleted {
            task_id: "shop".into(),
            status: EndStatus::Passed,
            stories_passed: 1,
            stories_failed: 0,
            story_count: Some(1),
            duration_ms: Some(1),
            retries: 0,
            errors: 0,
        }),
        EventData::ErrorOccurred(ErrorOccurred {
            story_id: id(),
            error_type: ErrorKind::NotFound,
            error_message: "npm: command not found".into(),
            retryable: Some(false),
            exit_code: Some(127),
        }),
    ]
}

/// Every kind, with as little as it may carry.
fn bare() -> Vec<EventData> {
    let title = Some(CleanText::from("Basket"));
    vec![
        EventData::TaskStarted(TaskStarted { task_id: "shop".into(), task_name: "shop".into(), ..TaskStarted::default() }),
        EventData::StoryStarted(StoryStarted { title: title.clone(), attempt: 1, ..StoryStarted::default() }),
        EventData::AcCompleted(AcCompleted { title: title.clone(), ..AcCompleted::default() }),
        EventData::StoryCompleted(StoryCompleted {
            story_id: None,
            title,
            status: EndStatus::Passed,
            reason: None,
            duration_ms: None,
            commits: Vec::new(),
            attempt: 1,
            tally: None,
        }),
        EventData::TaskCompleted(TaskCompleted {
            task_id: "shop".into(),
            status: EndStatus::Failed,
            stories_passed: 0,
            stories_failed: 0,
            story_count: None,
            duration_ms: None,
            retries: 0,
            errors: 0,
        }),
        EventData::ErrorOccurred(ErrorOccurred {
            story_id: None,
            error_type: ErrorKind::Unknown,
            error_message: "it broke".into(),
            retryable: None,
            exit_code: None,
        }),
    ]
}
