//! ralph-tui's session file: the tasks of its tracker, and the attempts at them.

use std::collections::HashMap;

use super::tree::Node;
use super::{ParseError, Plan, PlanStatus, PlanStory, STORY_LIMIT, Truncation, words};
use crate::text::CleanText;

/// The plan in a session file; `None` for other documents.
pub(super) fn read(top: &Node) -> Option<Result<Plan, ParseError>> {
    let tracker = top.get("trackerState")?;
    let tasks = tracker.get("tasks")?;
    let active: Vec<CleanText> = top.get("activeTaskIds").map(Node::elements).unwrap_or_default().iter().filter_map(Node::text).collect();
    let attempts = top.get("iterations").map(Node::elements).unwrap_or_default();
    // The last one of a task replaces those before.
    let last_attempts: HashMap<CleanText, &Node> =
        attempts.iter().filter_map(|attempt| Some((attempt.first_text(&["taskId"])?, attempt))).collect();
    let mut plan = Plan { branch: tracker.first_text(&["epicId"]), ..Plan::default() };
    let mut truncation = Truncation::default();
    for task in tasks.elements() {
        let (id, title) = (task.first_text(&["id"]), task.first_text(&["title"]));
        if id.is_none() && title.is_none() {
            truncation.bad += 1;
            continue;
        }
        if plan.stories.len() >= STORY_LIMIT {
            truncation.stories += 1;
            continue;
        }
        let last = id.as_ref().and_then(|id| last_attempts.get(id));
        let word = task.first_text(&["status"]).and_then(|word| words::status(&word)).unwrap_or_default();
        let failed =
            last.is_some_and(|last| last.get("taskCompleted").and_then(Node::bool) == Some(false) && last.get("endedAt").is_some());
        let status = match word {
            PlanStatus::Open if id.as_ref().is_some_and(|id| active.contains(id)) => PlanStatus::InProgress,
            PlanStatus::Open if failed => PlanStatus::Failed,
            word => word,
        };
        let time = |key: &str| words::time(&last?.first_text(&[key])?);
        let story = PlanStory { id, title, status, started_at: time("startedAt"), ended_at: time("endedAt"), ..PlanStory::default() };
        plan.stories.push(story.into());
    }
    plan.truncation = truncation.words();
    Some(if plan.stories.is_empty() { Err(ParseError::NotAPlan) } else { Ok(plan) })
}

#[cfg(test)]
mod tests {
    use crate::plan::Notation::Json;
    use crate::plan::tests::check;
    use crate::plan::{STORY_LIMIT, parse};

    #[test]
    fn a_session_is_its_tracker_and_its_iterations() {
        check(
            Json,
            r#"{"status":"running","currentIteration":3,"activeTaskIds":["b-3"],
                "trackerState":{"plugin":"beads","epicId":"b","totalTasks":4,"tasks":[
                    {"id":"b-1","title":"Basket","status":"completed"},{"id":"b-2","title":"Payment","status":"open"},
                    {"id":"b-3","title":"Receipt","status":"open"},{"id":"b-4","title":"Refund","status":"open"}]},
                "iterations":[
                    {"iteration":1,"taskId":"b-1","taskCompleted":true,"startedAt":"2026-03-01T09:00:00Z","endedAt":"2026-03-01T09:05:00Z"},
                    {"iteration":2,"taskId":"b-2","taskCompleted":false,"startedAt":"2026-03-01T09:05:00Z","endedAt":"2026-03-01T09:09:00Z"}]}"#,
            &[
                "- | b",
                "[x] b-1 Basket from 2026-03-01T09:00:00.000Z to 2026-03-01T09:05:00.000Z",
                "[f] b-2 Payment from 2026-03-01T09:05:00.000Z to 2026-03-01T09:09:00.000Z",
                "[~] b-3 Receipt",
                "[ ] b-4 Refund",
            ],
        );
    }

    #[test]
    fn what_is_left_out_is_noted() {
        let tasks = vec![r#"{"title":"Pay"}"#; STORY_LIMIT + 2].join(",");
        let plan = parse(Json, &format!(r#"{{"trackerState":{{"tasks":[{{}},{tasks}]}}}}"#)).expect("it is one");
        assert_eq!(plan.stories.len(), STORY_LIMIT);
        assert_eq!(plan.truncation.as_deref(), Some("2 stories beyond the first 10,000 left out, 1 elements that are no stories skipped"));
    }
}
