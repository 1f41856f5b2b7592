//! The ids of events, from 1.5.0 on: clients know an event by its id across versions, so a line of `event_ids.tsv` is never changed or removed.
//!
//! Each fixture that is read rightly gives the ids that it gave. A new fixture adds its lines: the failure of this test prints them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::golden;

const LIST: &str = include_str!("event_ids.tsv");

#[test]
fn every_fixture_gives_the_ids_that_it_gave() {
    let listed: Vec<&str> = LIST.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(BTreeSet::from_iter(&listed).len(), listed.len(), "a line stands twice");
    let mut given = BTreeSet::new();
    let mut new = String::new();
    for (name, events) in golden::events_of_all() {
        for event in events.lines().map(|line| serde_json::from_str::<Value>(line).expect("it is JSON")) {
            let line = row(&name, &event);
            if !listed.contains(&line.as_str()) {
                // Writing into a `String` cannot fail.
                let _never = writeln!(new, "{line}").is_err();
            }
            given.insert(line);
        }
    }
    let gone: Vec<&&str> = listed.iter().filter(|line| !given.contains(**line)).collect();
    assert!(gone.is_empty(), "these ids are not given any more, and clients know them: {gone:#?}\nnew are\n{new}");
    assert!(new.is_empty(), "add these lines to tests/it/event_ids.tsv:\n{new}");
}

/// Fixture, type, what tells it from others of its type, id.
fn row(fixture: &str, event: &Value) -> String {
    let data = &event["data"];
    let subject = ["story_id", "title", "task_name", "error_message"].iter().find_map(|name| data[*name].as_str()).unwrap_or("-");
    let index = data["ac_index"].as_u64().map(|index| format!(" {index}")).unwrap_or_default();
    let subject: String = subject.chars().take(40).collect();
    format!("{fixture}\t{}\t{subject}{index}\t{}", event["type"].as_str().unwrap_or_default(), event["id"].as_str().unwrap_or_default())
}
