//! What plans say, alone and beside logs.

use super::*;
use crate::fact::Provenance;
use crate::model::state::{CurrentStory, StoryState, StoryStatus};

#[test]
fn flags_count_by_rising_edges() {
    let log = Some("# Progress Log\nStarted: a\n");
    let mut scenario = Scenario::new([log, None, Some(&plan("b", &[("US-1", true), ("US-2", true), ("US-3", false)]))]);
    scenario.emitted();
    scenario.save(PLAN, &plan("b", &[("US-1", true), ("US-2", false), ("US-3", false)]), RereadReason::Replaced).wait(1.0).expect(&[]);
    scenario.save(PLAN, &plan("b", &[("US-1", true), ("US-2", true), ("US-3", false)]), RereadReason::Replaced).wait(1.0);
    scenario.expect(&["start US-2 (b)", "passed US-2 (b)"]);
}

#[test]
fn a_plan_without_stories_and_one_without_some_of_them_state_nothing() {
    let whole = plan("b", &[("US-1", true), ("US-2", true), ("US-3", false)]);
    let mut scenario = Scenario::new([None, None, Some(&whole)]);
    scenario.emitted();
    for hole in ["[]", &plan("b", &[]), "{}", "", &plan("b", &[("US-1", true), ("US-3", false)])] {
        scenario.save(PLAN, hole, RereadReason::Rewritten).wait(5.0).save(PLAN, &whole, RereadReason::Rewritten).wait(1.0).expect(&[]);
    }
    scenario.save(PLAN, "[]", RereadReason::Rewritten).wait(5.0);
    scenario
        .save(PLAN, &plan("b", &[("US-1", false), ("US-2", true), ("US-3", true)]), RereadReason::Rewritten)
        .wait(1.0)
        .expect(&["start US-3 (b)", "passed US-3 (b)"]);
    scenario.save(PLAN, &plan("c", &[]), RereadReason::Rewritten).wait(1.0);
    scenario
        .save(PLAN, &plan("c", &[("US-2", true), ("US-3", false)]), RereadReason::Rewritten)
        .wait(1.0)
        .expect(&["start US-2 (c)", "passed US-2 (c)"]);
}

#[test]
fn all_flags_falling_is_a_new_run() {
    let mut scenario = Scenario::new([None, None, Some(&plan("b", &[("US-1", true), ("US-2", true)]))]);
    scenario.expect(&["start US-1 (b)", "passed US-1 (b)", "start US-2 (b)", "passed US-2 (b)", "end (b)"]);
    scenario.save(PLAN, &plan("b", &[("US-1", false), ("US-2", false)]), RereadReason::Replaced).wait(1.0);
    scenario
        .save(PLAN, &plan("b", &[("US-1", true), ("US-2", false)]), RereadReason::Replaced)
        .wait(1.0)
        .expect(&["start US-1 (b#2)", "passed US-1 (b#2)"]);
}

#[test]
fn a_plan_and_a_log_that_agree_state_it_once() {
    let stories = [("US-1", false), ("US-2", false)];
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1)])), None, Some(&plan("b", &stories))]);
    scenario.expect(&["start US-1 (b)"]);
    scenario.append(P, &c(1)).wait(1.0).expect(&["passed US-1 (b)"]);
    scenario.save(PLAN, &plan("b", &[("US-1", true), ("US-2", false)]), RereadReason::Replaced).wait(1.0).expect(&[]);
    scenario.save(PLAN, &plan("b", &[("US-1", true), ("US-2", true)]), RereadReason::Replaced).wait(1.0);
    scenario.expect(&["start US-2 (b)", "passed US-2 (b)", "end (b)"]);
}

#[test]
fn the_plan_and_the_log_of_one_switch_make_one_run() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1)])), None, Some(&plan("one", &[("US-1", true), ("US-2", false)]))]);
    scenario.emitted();
    scenario.save(PLAN, &plan("two", &[("US-1", false), ("US-2", false)]), RereadReason::Replaced).wait(1.0);
    scenario.save(P, &h("b"), RereadReason::Rewritten).wait(4.0).append(P, &cat(&[s(1), c(1)])).wait(1.0);
    scenario.expect(&["start US-1 (two)", "passed US-1 (two)"]);
}

#[test]
fn work_that_the_plan_does_not_list_stands_apart_and_counts_nowhere() {
    let stories = [("US-1", false), ("US-2", false)];
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1), s(7)])), None, Some(&plan("b", &stories))]);
    scenario.emitted();
    let task = |scenario: &Scenario| scenario.engine.state(scenario.moment()).tasks.remove(0);
    let names = |stories: &[StoryState]| stories.iter().filter_map(|story| story.story_id.clone()).collect::<Vec<_>>();
    let before = task(&scenario);
    assert_eq!((names(&before.stories), names(&before.unplanned)), (vec!["US-1".into(), "US-2".into()], vec!["US-7".into()]));
    assert_eq!(before.current_story, CurrentStory::Unplanned { index: 0, provenance: Provenance::Explicit });
    assert_eq!(before.current().and_then(|story| story.story_id.as_deref()), Some("US-7"));
    scenario.append(P, &c(7)).wait(1.0);
    let after = task(&scenario);
    assert_eq!((after.stories_passed, after.story_count, after.unplanned[0].status), (1, Some(2), StoryStatus::Passed));
    // It is in the plan now.
    scenario.save(PLAN, &plan("b", &[("US-1", false), ("US-2", false), ("US-7", false)]), RereadReason::Replaced).wait(1.0);
    let planned = task(&scenario);
    assert_eq!((names(&planned.stories).len(), planned.unplanned.len(), planned.stories_passed), (3, 0, 2));
}

#[test]
fn without_a_plan_every_story_of_the_logs_is_one_of_the_run() {
    let scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1), s(2)])), None, None]);
    let task = scenario.engine.state(scenario.moment()).tasks.remove(0);
    assert_eq!((task.stories.len(), task.unplanned.len(), task.story_count), (2, 0, None));
    assert!(matches!(task.current_story, CurrentStory::Known { index: 1, .. }), "{:?}", task.current_story);
}
