//! Plans whose words say more than done or not: starts, failures, ticked criteria, and what leaves the total.

use crate::model::state::{StoryStatus, TaskStatus};

use super::*;

/// A plan whose stories `US-1`, `US-2`, … have these status words.
fn worded(words: &[&str]) -> String {
    let stories = words.iter().zip(1..).map(|(word, n)| format!(r#"{{"id": "US-{n}", "title": "Story {n}", "status": "{word}"}}"#));
    format!(r#"{{"branchName": "b", "stories": [{}]}}"#, stories.collect::<Vec<_>>().join(", "))
}

fn statuses(scenario: &Scenario) -> Vec<StoryStatus> {
    scenario.engine.state(scenario.moment()).tasks[0].stories.iter().map(|story| story.status).collect()
}

#[test]
fn a_status_word_starts_fails_and_passes() {
    let mut scenario = Scenario::new([None, None, Some(&worded(&["done", "in_progress", "open", "blocked"]))]);
    scenario.expect(&["start US-1 (b)", "passed US-1 (b)", "start US-2 (b)"]);
    assert_eq!(statuses(&scenario), [StoryStatus::Passed, StoryStatus::InProgress, StoryStatus::Open, StoryStatus::Blocked]);
    scenario.save(PLAN, &worded(&["done", "done", "doing", "blocked"]), RereadReason::Replaced).wait(1.0);
    scenario.expect(&["passed US-2 (b)", "start US-3 (b)"]);
    scenario.save(PLAN, &worded(&["done", "done", "failed", "open"]), RereadReason::Replaced).wait(1.0);
    scenario.expect(&["failed US-3 (b)"]);
    assert_eq!(statuses(&scenario)[2], StoryStatus::Failed);
    // The second attempt.
    scenario.save(PLAN, &worded(&["done", "done", "in-progress", "open"]), RereadReason::Replaced).wait(1.0);
    scenario.expect(&["start US-3 (b)"]);
    scenario.save(PLAN, &worded(&["done", "done", "done", "cancelled"]), RereadReason::Replaced).wait(1.0);
    scenario.expect(&["passed US-3 (b)", "end (b)"]);
    let task = &scenario.engine.state(scenario.moment()).tasks[0];
    assert_eq!((task.status, task.story_count, task.stories_passed, task.stories_dropped), (TaskStatus::Passed, Some(3), 3, 1));
}

#[test]
fn a_save_without_a_change_states_nothing() {
    let version = worded(&["done", "in_progress", "failed", "deferred"]);
    let mut scenario = Scenario::new([None, None, Some(&version)]);
    scenario.emitted();
    for _ in 0..3 {
        scenario.save(PLAN, &version, RereadReason::Replaced).wait(1.0).expect(&[]);
        scenario.save(PLAN, "{ half", RereadReason::Rewritten).wait(1.0).expect(&[]);
    }
    assert_eq!(statuses(&scenario).len(), 4, "the last good version stands");
}

#[test]
fn a_planned_run_has_not_begun() {
    let mut scenario = Scenario::new([None, None, Some(&worded(&["open", "todo", "deferred"]))]);
    scenario.expect(&[]);
    let task = &scenario.engine.state(scenario.moment()).tasks[0];
    assert_eq!((task.status, task.story_count, task.percent), (TaskStatus::Planned, Some(2), Some(0)));
}
