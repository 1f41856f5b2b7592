//! Holds `docs/events.md` to the schema: a section per type, a row per field, `?` where it may be absent, and every word of an enumeration.

use std::collections::BTreeMap;

use serde_json::Value;

const PAGE: &str = include_str!("../../docs/events.md");

#[test]
fn the_page_about_events_has_a_row_for_each_field_of_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/events.schema.json")).expect("the schema is JSON");
    assert_eq!(rows("Every event"), fields(&schema), "the head of events");
    let types = schema["$defs"].as_object().expect("the data of the types");
    let listed: Vec<&Value> = schema["properties"]["type"]["enum"].as_array().expect("the types").iter().collect();
    assert_eq!(types.len(), listed.len(), "a definition for each type");
    for (name, data) in types {
        assert!(listed.contains(&&Value::from(name.as_str())), "{name} is no type");
        assert_eq!(rows(&format!("`{name}`")), fields(data), "{name}");
    }
}

#[test]
fn the_page_about_events_names_every_word() {
    let mut schema: Value = serde_json::from_str(include_str!("../../docs/events.schema.json")).expect("the schema is JSON");
    // No event: its words are those of an agent in docs/state.md.
    schema["x-activity"].take();
    let mut words = Vec::new();
    words_of(&schema, &mut words);
    assert!(words.len() > 15, "the words are gone: {words:?}");
    let missing: Vec<&String> = words.iter().filter(|word| !PAGE.contains(&format!("`{word}`"))).collect();
    assert!(missing.is_empty(), "docs/events.md does not name {missing:?}");
}

/// Field → whether it may be absent, of the table below a heading.
fn rows(heading: &str) -> BTreeMap<String, bool> {
    let section =
        PAGE.split("\n## ").find(|section| section.lines().next() == Some(heading)).unwrap_or_else(|| panic!("no section {heading}"));
    let row = |line: &str| {
        let (name, after) = line.strip_prefix("| `")?.split_once('`')?;
        Some((name.to_owned(), after.starts_with('?')))
    };
    section.lines().filter_map(row).collect()
}

fn fields(object: &Value) -> BTreeMap<String, bool> {
    let required: Vec<&str> =
        object["required"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    let properties = object["properties"].as_object().expect("it is an object");
    properties.keys().map(|name| (name.clone(), !required.contains(&name.as_str()))).collect()
}

fn words_of(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            words.extend(object.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| words_of(value, words));
        }
        Value::Array(values) => values.iter().for_each(|value| words_of(value, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
