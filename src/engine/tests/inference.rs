//! What is guessed to be worked on, when, and what becomes of the guess.

use super::*;
use crate::engine::inference::InferenceState;
use crate::fact::Provenance;

/// Two stories done of four, and a log that states so.
fn scenario() -> Scenario {
    let stories = [("US-1", true), ("US-2", true), ("US-3", false), ("US-4", false)];
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), s(2)])), None, Some(&plan("b", &stories))]);
    scenario.engine.watched.tasks[0].inference = InferenceState::new(true);
    scenario.emitted();
    scenario
}

fn guessed(scenario: &Scenario) -> Vec<String> {
    let inferred = scenario.events.iter().filter(|event| event.provenance == Provenance::Inferred);
    inferred
        .map(|event| match &event.data {
            EventData::StoryStarted(start) => start.story_id.as_deref().unwrap().to_owned(),
            other => panic!("only starts are guessed: {other:?}"),
        })
        .collect()
}

fn running(scenario: &Scenario) -> Vec<(String, bool)> {
    let state = scenario.engine.state(scenario.moment());
    let running = state.tasks[0].stories.iter().filter(|story| story.status == StoryStatus::InProgress);
    running.map(|story| (story.story_id.as_deref().unwrap().to_owned(), story.is_guessed())).collect()
}

#[test]
fn nothing_is_guessed_before_a_file_moves() {
    let mut scenario = scenario();
    scenario.wait(60.0).expect(&[]);
    assert_eq!(running(&scenario), []);
}

#[test]
fn the_first_open_story_is_guessed_once_and_its_line_states_nothing_new() {
    let mut scenario = scenario();
    scenario.append(P, "Some notes.\n").wait(1.0);
    assert_eq!(guessed(&scenario), ["US-3"]);
    assert_eq!(running(&scenario), [("US-3".to_owned(), true)]);
    scenario.emitted();
    scenario.append(P, "[US-3] Starting...\n").wait(1.0).expect(&[]);
    assert_eq!(running(&scenario), [("US-3".to_owned(), false)]);
    scenario.append(P, "More notes.\n").wait(60.0).expect(&[]);
}

#[test]
fn an_explicit_start_takes_a_wrong_guess_back() {
    let mut scenario = scenario();
    scenario.append(P, "Some notes.\n").wait(1.0).emitted();
    scenario.append(P, "[US-4] Starting...\n").wait(1.0).expect(&["start US-4 (b)"]);
    assert_eq!(running(&scenario), [("US-4".to_owned(), false)]);
    // The inferred start was its event; only the state shows the stated one.
    scenario.append(P, "[US-4] Completed\n[US-3] Starting...\n").wait(1.0).expect(&["passed US-4 (b)"]);
    assert_eq!(running(&scenario), [("US-3".to_owned(), false)]);
}

#[test]
fn a_guessed_start_gives_no_duration_and_the_next_story_is_guessed() {
    let mut scenario = scenario();
    scenario.append(P, "Some notes.\n").wait(30.0).emitted();
    scenario.append(P, "[US-3] Completed\n").wait(1.0);
    assert_eq!(guessed(&scenario), ["US-4"]);
    let passed = scenario.events.iter().find_map(|event| match &event.data {
        EventData::StoryCompleted(passed) => Some(passed.duration_ms),
        _ => None,
    });
    assert_eq!(passed, Some(None));
    assert_eq!(running(&scenario), [("US-4".to_owned(), true)]);
    scenario.emitted();
    let all = [("US-1", true), ("US-2", true), ("US-3", true), ("US-4", true)];
    scenario.save(PLAN, &plan("b", &all), RereadReason::Replaced).wait(1.0).expect(&["passed US-4 (b)", "end (b)"]);
    assert_eq!(running(&scenario), []);
}

#[test]
fn without_a_plan_or_without_leave_nothing_is_guessed() {
    let mut alone = Scenario::new([Some(&cat(&[h("a"), s(1)])), None, None]);
    alone.engine.watched.tasks[0].inference = InferenceState::new(true);
    alone.emitted();
    alone.append(P, "Some notes.\n").wait(60.0).expect(&[]);
    let mut scenario = scenario();
    scenario.engine.watched.tasks[0].inference = InferenceState::new(false);
    scenario.append(P, "Some notes.\n").wait(60.0).expect(&[]);
}
