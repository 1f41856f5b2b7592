//! What is guessed to be worked on, when, and what becomes of the guess.

use super::*;
use crate::engine::infer::Guesses;
use crate::fact::Provenance;

/// Two stories done of four, and a log that has said so.
fn world() -> World {
    let stories = [("US-1", true), ("US-2", true), ("US-3", false), ("US-4", false)];
    let mut world = World::new([Some(&cat(&[h("a"), s(1), s(2)])), None, Some(&plan("b", &stories))]);
    world.engine.tasks[0].guesses = Guesses::new(true);
    world.said();
    world
}

fn guessed(world: &World) -> Vec<String> {
    let inferred = world.events.iter().filter(|event| event.provenance == Provenance::Inferred);
    inferred
        .map(|event| match &event.data {
            EventData::StoryStarted(start) => start.story_id.clone().unwrap(),
            other => panic!("only starts are guessed: {other:?}"),
        })
        .collect()
}

fn running(world: &World) -> Vec<(String, bool)> {
    let state = world.engine.state(world.moment());
    let running = state.tasks[0].stories.iter().filter(|story| story.status == StoryStatus::InProgress);
    running.map(|story| (story.story_id.clone().unwrap(), story.is_guessed())).collect()
}

#[test]
fn nothing_is_guessed_before_a_file_moves() {
    let mut world = world();
    world.wait(60.0).expect(&[]);
    assert_eq!(running(&world), []);
}

#[test]
fn the_first_open_story_is_guessed_once_and_its_line_says_nothing_new() {
    let mut world = world();
    world.append(P, "Some notes.\n").wait(1.0);
    assert_eq!(guessed(&world), ["US-3"]);
    assert_eq!(running(&world), [("US-3".to_owned(), true)]);
    world.said();
    world.append(P, "[US-3] Starting...\n").wait(1.0).expect(&[]);
    assert_eq!(running(&world), [("US-3".to_owned(), false)]);
    world.append(P, "More notes.\n").wait(60.0).expect(&[]);
}

#[test]
fn an_explicit_start_takes_a_wrong_guess_back() {
    let mut world = world();
    world.append(P, "Some notes.\n").wait(1.0).said();
    world.append(P, "[US-4] Starting...\n").wait(1.0).expect(&["start US-4 (b)"]);
    assert_eq!(running(&world), [("US-4".to_owned(), false)]);
    // It was said to have started when it was guessed; that it does now is the state's to show.
    world.append(P, "[US-4] Completed\n[US-3] Starting...\n").wait(1.0).expect(&["passed US-4 (b)"]);
    assert_eq!(running(&world), [("US-3".to_owned(), false)]);
}

#[test]
fn a_guessed_start_gives_no_duration_and_the_next_story_is_guessed() {
    let mut world = world();
    world.append(P, "Some notes.\n").wait(30.0).said();
    world.append(P, "[US-3] Completed\n").wait(1.0);
    assert_eq!(guessed(&world), ["US-4"]);
    let passed = world.events.iter().find_map(|event| match &event.data {
        EventData::StoryCompleted(passed) => Some(passed.duration_ms),
        _ => None,
    });
    assert_eq!(passed, Some(None));
    assert_eq!(running(&world), [("US-4".to_owned(), true)]);
    world.said();
    let all = [("US-1", true), ("US-2", true), ("US-3", true), ("US-4", true)];
    world.save(PLAN, &plan("b", &all), RereadReason::Replaced).wait(1.0).expect(&["passed US-4 (b)", "end (b)"]);
    assert_eq!(running(&world), []);
}

#[test]
fn without_a_plan_or_without_leave_nothing_is_guessed() {
    let mut alone = World::new([Some(&cat(&[h("a"), s(1)])), None, None]);
    alone.engine.tasks[0].guesses = Guesses::new(true);
    alone.said();
    alone.append(P, "Some notes.\n").wait(60.0).expect(&[]);
    let mut world = world();
    world.engine.tasks[0].guesses = Guesses::new(false);
    world.append(P, "Some notes.\n").wait(60.0).expect(&[]);
}
