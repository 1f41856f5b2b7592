//! A word in every text of a record that is no part of its format, and the fields by which it comes out. `tests/it` has this file, too.

use serde_json::Value;

/// In no fixture.
pub const CANARY: &str = "c4naryw0rd";

/// Fields that make a record what it is: with another text it would be no record, or another session's.
const FORMAT_FIELDS: &[&str] = &[
    "type",
    "subtype",
    "timestamp",
    "sessionId",
    "session_id",
    "cwd",
    "name",
    "entrypoint",
    "id",
    "call_id",
    "tool_use_id",
    "thread_id",
    "role",
    "status",
    "source",
];

/// Writes the canary into every other text.
pub fn add_canaries(record: &mut Value) {
    add_to_field(record, "");
}

fn add_to_field(value: &mut Value, field: &str) {
    match value {
        Value::String(text) if !FORMAT_FIELDS.contains(&field) => *text = format!("{CANARY} {text}"),
        Value::Array(items) => items.iter_mut().for_each(|item| add_to_field(item, field)),
        Value::Object(fields) => fields.iter_mut().for_each(|(field, value)| add_to_field(value, field)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The fields of a document that carry the canary.
pub fn carriers(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    find_carriers(document, "", &mut found);
    found
}

fn find_carriers(value: &Value, field: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains(CANARY) => found.push(field.to_owned()),
        Value::Array(items) => items.iter().for_each(|item| find_carriers(item, field, found)),
        Value::Object(fields) => fields.iter().for_each(|(field, value)| find_carriers(value, field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
