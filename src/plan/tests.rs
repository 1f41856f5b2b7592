//! What every reader's tests show of a plan, and shapes that plans in JSON come in.

use super::*;

/// `name | branch`, then a story a line: mark, id, title, criteria done of all, group, times.
pub(super) fn show(notation: Notation, text: &str) -> Vec<String> {
    match parse(notation, text) {
        Ok(plan) => {
            let part = |part: &Option<CleanText>| part.as_deref().unwrap_or("-").to_owned();
            let head = format!("{} | {}", part(&plan.name), part(&plan.branch));
            std::iter::once(head).chain(plan.stories.iter().map(|story| row(&plan, story))).collect()
        }
        Err(ParseError::NotAPlan) => vec!["NotAPlan".to_owned()],
        Err(ParseError::Invalid(_)) => vec!["Invalid".to_owned()],
    }
}

pub(super) fn check(notation: Notation, text: &str, expected: &[&str]) {
    assert_eq!(show(notation, text), expected, "{text}");
}

fn row(plan: &Plan, story: &PlanStory) -> String {
    let mark = match story.status {
        PlanStatus::Open => ' ',
        PlanStatus::InProgress => '~',
        PlanStatus::Passed => 'x',
        PlanStatus::Failed => 'f',
        PlanStatus::Blocked => 'b',
        PlanStatus::Deferred => 'd',
        PlanStatus::Cancelled => 'c',
    };
    let mut row = format!("[{mark}] {} {}", story.id.as_deref().unwrap_or("-"), story.title.as_deref().unwrap_or("-"));
    if !story.criteria.is_empty() {
        let done = story.criteria.iter().filter(|criterion| criterion.done == Some(true)).count();
        row.push_str(&format!(" {done}/{}", story.criteria.len()));
    }
    for commit in &story.commits {
        row.push_str(&format!(" #{commit}"));
    }
    if let Some(group) = story.group {
        row.push_str(&format!(" <{}>", plan.groups[group as usize].name));
    }
    if let Some(at) = story.started_at {
        row.push_str(&format!(" from {at}"));
    }
    if let Some(at) = story.ended_at {
        row.push_str(&format!(" to {at}"));
    }
    row
}

#[test]
fn json_of_any_nesting() {
    use Notation::Json;
    // Two lists whose names end alike; what shows how they are filled is none.
    check(
        Json,
        r#"{"name": "n", "workflow": {"example_done": {"id": "x", "task": "E", "status": "done"}, "examples": [{"id": 1, "status": "done"}, {"id": 2, "status": "done"}]},
            "review_tasks": [{"id": "r-1", "task": "Look", "status": "completed"}],
            "build_tasks": [{"id": "b-1", "phase": "1", "task": "Write", "status": "pending"}]}"#,
        &["n | -", "[x] r-1 Look", "[ ] b-1 Write <1>"],
    );
    // Groups under names of their own.
    check(
        Json,
        r#"{"metadata": {"project": "Shop"}, "categories": {"core": {"name": "Core", "features": [{"id": "c-1", "name": "Basket", "status": "completed"}]},
            "more": {"name": "More", "features": [{"id": "m-1", "name": "Payment", "status": "pending"}]}}}"#,
        &["Shop | -", "[x] c-1 Basket <Core>", "[ ] m-1 Payment <More>"],
    );
    // A list that only repeats ids in another order.
    check(
        Json,
        r#"{"phases": [{"name": "One", "tasks": [{"id": "1.1", "title": "A", "status": "complete"}, {"id": "1.2", "title": "B", "status": "pending"}]}],
            "milestones": [{"id": "m1", "name": "All", "tasks": ["1.1", "1.2"]}]}"#,
        &["- | -", "[x] 1.1 A <One>", "[ ] 1.2 B <One>"],
    );
    // No flag at all.
    check(
        Json,
        r#"{"phases": [{"name": "One", "stories": [{"id": "A", "title": "T", "acceptanceCriteria": ["c"]}, {"id": "B", "title": "U", "acceptanceCriteria": "one text"}]}]}"#,
        &["- | -", "[ ] A T 0/1 <One>", "[ ] B U 0/1 <One>"],
    );
    // Deeper, and under a name that nobody knows.
    check(
        Json,
        r#"{"a": {"b": {"work": [{"title": "[X-1] One", "state": "Done"}, {"title": "Two", "state": "doing"}]}}}"#,
        &["- | -", "[x] X-1 One", "[~] - Two"],
    );
    check(Json, r#"{"dependencies": {"left-pad": "1"}, "scripts": [{"name": "x"}, {"name": "y"}]}"#, &["NotAPlan"]);
    check(Json, r#"{"servers": [{"name": "x", "status": "active-passive"}, {"name": "y", "status": "99"}]}"#, &["NotAPlan"]);
}

#[test]
fn json_status_words() {
    use Notation::Json;
    check(
        Json,
        r#"{"stories": [{"id": "1", "status": "done"}, {"id": "2", "status": "in_progress"}, {"id": "3", "status": "open"}, {"id": "4", "status": "blocked"},
            {"id": "5", "passes": "cancelled"}, {"id": "6", "passes": false, "status": "in-progress"}, {"id": "7", "passes": false, "status": "done"},
            {"id": "8", "status": "uat done"}, {"id": "9", "state": "failed"}]}"#,
        &["- | -", "[x] 1 -", "[~] 2 -", "[ ] 3 -", "[b] 4 -", "[c] 5 -", "[~] 6 -", "[ ] 7 -", "[x] 8 -", "[f] 9 -"],
    );
}

#[test]
fn a_story_without_a_status_word_is_blocked_by_its_flag_or_its_note() {
    let text = r#"{"stories": [{"id": "1", "passes": false, "blocked": true}, {"id": "2", "passes": false, "blocked": false},
        {"id": "3", "passes": false, "notes": "BLOCKED: no key yet: ask Ann"}, {"id": "4", "passes": true, "blocked": true, "notes": "Blocked: no key"},
        {"id": "5", "passes": false, "notes": "Blocked calls: list them"}, {"id": "6", "passes": false, "notes": "The list of blocked users: sort it"},
        {"id": "7", "status": "in_progress", "note": "**Blocked**: no disk"}, {"id": "8", "status": "cancelled", "blocked": true}]}"#;
    check(Notation::Json, text, &["- | -", "[b] 1 -", "[ ] 2 -", "[b] 3 -", "[x] 4 -", "[ ] 5 -", "[ ] 6 -", "[b] 7 -", "[c] 8 -"]);
    let plan = parse(Notation::Json, text).expect("a plan");
    assert_eq!(plan.stories[2].reason.as_deref(), Some("no key yet: ask Ann"));
}

#[test]
fn reasons_and_times_are_kept() {
    let plan = parse(
        Notation::Json,
        r#"{"tasks": [{"id": 1, "status": "blocked", "blockedReason": "no key", "dependsOn": ["a", 2]}, {"id": 2, "status": "done", "reason": "gone", "commit": "1a2b3c4d"}]}"#,
    )
    .expect("a plan");
    assert_eq!(plan.stories[0].reason.as_deref(), Some("no key"));
    assert_eq!(plan.stories[0].dependencies, ["a", "2"]);
    assert_eq!((plan.stories[1].reason.as_deref(), plan.stories[1].commits.len()), (None, 1));
}
