//! Trackers that keep one JSON object a line: beads, and the tasks of ralph-orchestrator.

use std::collections::HashMap;

use super::tree::{self, Node};
use super::{GroupKind, ParseError, Plan, PlanGroup, PlanStatus, PlanStory, STORY_LIMIT, Truncation, json, words};
use crate::text::CleanText;

/// The plan in the records, if they are ones of a tracker.
pub(super) fn read(text: &str) -> Result<Plan, ParseError> {
    let mut records = Vec::new();
    let mut broken = None;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    for (at, line) in lines.iter().enumerate() {
        match tree::json(line) {
            Ok(record) => records.push(record),
            // The last line may be under way.
            Err(error) if at + 1 < lines.len() || lines.len() == 1 => return Err(error),
            Err(error) => broken = Some(error),
        }
    }
    if let Some(error) = broken {
        return Err(error);
    }
    let is_record = |record: &Node| {
        let named =
            record.first_text(&["id"]).is_some() && record.first_text(&["title"]).is_some() && record.first_text(&["status"]).is_some();
        named && ["issue_type", "created_at", "loop_id", "created"].iter().any(|key| record.get(key).is_some())
    };
    if records.is_empty() || !records.iter().all(is_record) {
        return Err(ParseError::NotAPlan);
    }
    plan(&records)
}

fn plan(records: &[Node]) -> Result<Plan, ParseError> {
    // The tasks of the loop that is under way; those of earlier ones stay in the file.
    let last_loop = records.iter().filter_map(|record| Some((record.first_text(&["created"])?, record.first_text(&["loop_id"])?))).max();
    let is_epic = |record: &Node| record.first_text(&["issue_type"]).as_deref() == Some("epic");
    let epics: HashMap<CleanText, CleanText> = records
        .iter()
        .filter(|record| is_epic(record))
        .filter_map(|record| Some((record.first_text(&["id"])?, record.first_text(&["title"])?)))
        .collect();
    let mut plan = Plan { branch: last_loop.as_ref().map(|(_, name)| name.clone()), ..Plan::default() };
    let mut truncation = Truncation::default();
    for record in records {
        let of_this_loop = last_loop.as_ref().is_none_or(|(_, name)| record.first_text(&["loop_id"]).as_ref() == Some(name));
        let status = record.first_text(&["status"]).unwrap_or_default();
        if is_epic(record) || !of_this_loop || status == "tombstone" {
            continue;
        }
        if plan.stories.len() >= STORY_LIMIT {
            truncation.stories += 1;
            continue;
        }
        let Some(story) = json::story(record, None, &mut truncation) else { continue };
        let time = |keys: &[&str]| words::time(&record.first_text(keys)?);
        let started_at = (story.status == PlanStatus::InProgress).then(|| time(&["started_at", "updated_at"])).flatten();
        let group = epic_of(record, &epics).map(|name| plan.group(PlanGroup { name, kind: GroupKind::Epic }));
        plan.stories.push(PlanStory { group, started_at: story.started_at.or(started_at), ..story }.into());
    }
    plan.truncation = truncation.words();
    if plan.stories.is_empty() { Err(ParseError::NotAPlan) } else { Ok(plan) }
}

/// The title of the epic that a record belongs to: by its dependencies, or by its id (`shop-1.2` is of `shop-1`).
fn epic_of(record: &Node, epics: &HashMap<CleanText, CleanText>) -> Option<CleanText> {
    let dependencies = record.get("dependencies").map(Node::elements).unwrap_or_default();
    let parent = dependencies.iter().find(|one| one.first_text(&["type"]).as_deref() == Some("parent-child"));
    if let Some(epic) = parent.and_then(|parent| epics.get(&parent.first_text(&["depends_on_id"])?)) {
        return Some(epic.clone());
    }
    let id = record.first_text(&["id"])?;
    epics.get(id.rsplit_once('.')?.0).cloned()
}

#[cfg(test)]
mod tests {
    use crate::plan::Notation::JsonLines;
    use crate::plan::tests::check;

    #[test]
    fn beads() {
        check(
            JsonLines,
            r#"{"id":"s-1","title":"Shop","status":"open","issue_type":"epic","created_at":"2026-03-01T09:00:00Z"}
{"id":"s-1.1","title":"Basket","status":"closed","issue_type":"task","priority":1,"created_at":"2026-03-01T09:00:00Z","closed_at":"2026-03-01T10:00:00Z"}
{"id":"s-2","title":"Payment","status":"in_progress","issue_type":"task","created_at":"2026-03-01T09:00:00Z","updated_at":"2026-03-01T10:01:00Z","dependencies":[{"issue_id":"s-2","depends_on_id":"s-1","type":"parent-child"}]}
{"id":"s-3","title":"Receipt","status":"blocked","issue_type":"bug","created_at":"2026-03-01T09:00:00Z"}
"#,
            &[
                "- | -",
                "[x] s-1.1 Basket <Shop> to 2026-03-01T10:00:00.000Z",
                "[~] s-2 Payment <Shop> from 2026-03-01T10:01:00.000Z",
                "[b] s-3 Receipt",
            ],
        );
    }

    #[test]
    fn ralph_orchestrator() {
        check(
            JsonLines,
            r#"{"id":"task-1-a","title":"Old","status":"closed","loop_id":"primary-1","created":"2026-02-01T09:00:00.000000000+00:00"}
{"id":"task-2-a","title":"Basket","status":"closed","priority":1,"blocked_by":[],"loop_id":"primary-2","created":"2026-03-01T09:00:00.000000000+00:00","closed":"2026-03-01T09:09:50.000000000+00:00"}
{"id":"task-2-b","title":"Payment","status":"failed","priority":2,"blocked_by":["task-2-a"],"loop_id":"primary-2","created":"2026-03-01T09:00:00.000000000+00:00","closed":"2026-03-01T09:19:50.000000000+00:00"}
"#,
            &["- | primary-2", "[x] task-2-a Basket to 2026-03-01T09:09:50.000Z", "[f] task-2-b Payment to 2026-03-01T09:19:50.000Z"],
        );
    }

    #[test]
    fn other_records_are_no_plan() {
        check(JsonLines, "{\"type\":\"assistant\",\"id\":\"1\"}\n{\"type\":\"user\"}\n", &["NotAPlan"]);
        check(JsonLines, "{\"id\":\"s-1\",\"title\":\"Basket\",\"sta", &["Invalid"]);
    }
}
