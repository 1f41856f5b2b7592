//! The agent's own list of things to do, in the forms in which tools state it.

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::signal::{Signal, TodoEntry};
use super::text::{Allowance, TodoText};
use crate::model::state::CriterionStatus;

/// Items of a list that are kept.
pub(super) const MAX_ITEMS: usize = 100;

/// A whole list: `[{content, status}]`, `[{step, status}]`, `[{text, completed}]`.
pub(super) fn whole_list(items: &Value, allowance: &Allowance) -> Option<Signal> {
    let items = items.as_array()?.iter().take(MAX_ITEMS).zip(0..);
    let entry = |(item, id): (&Value, u64)| {
        let text = ["content", "step", "text", "subject"].iter().find_map(|key| item.get(key)?.as_str())?;
        let status = match item.get("completed").and_then(Value::as_bool) {
            Some(true) => CriterionStatus::Done,
            Some(false) => CriterionStatus::Open,
            None => status_of(item.get("status").and_then(Value::as_str).unwrap_or_default())?,
        };
        Some(TodoEntry { id, text: TodoText::new(allowance, text), status: Some(status) })
    };
    Some(Signal::TodoList(items.filter_map(entry).collect()))
}

/// An item that a tool made; its number comes with the tool's result.
pub(super) fn created(id: &str, subject: &str, allowance: &Allowance) -> Signal {
    Signal::TodoItem(TodoEntry { id: item_id(id), text: TodoText::new(allowance, subject), status: Some(CriterionStatus::Open) })
}

/// `{taskId, status}`. `None` where no status is stated.
pub(super) fn updated(input: &Value, allowance: &Allowance) -> Option<Signal> {
    let id = input.get("taskId").and_then(id_text)?;
    let status = input.get("status")?.as_str()?;
    let status = match status {
        "deleted" => None,
        other => Some(status_of(other)?),
    };
    let text = input.get("subject").and_then(Value::as_str).and_then(|subject| TodoText::new(allowance, subject));
    Some(Signal::TodoItem(TodoEntry { id: item_id(&id), text, status }))
}

/// A number or a text.
pub(super) fn id_text(id: &Value) -> Option<String> {
    id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|id| id.to_string()))
}

fn item_id(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}

fn status_of(word: &str) -> Option<CriterionStatus> {
    match word {
        "pending" | "open" => Some(CriterionStatus::Open),
        "in_progress" => Some(CriterionStatus::InProgress),
        "completed" | "done" => Some(CriterionStatus::Done),
        _ => None,
    }
}
