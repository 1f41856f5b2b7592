//! Rewrites that a person would not call news, and the one fact in them that is.

use super::*;

#[test]
fn a_line_that_changes_to_and_fro_is_news_once() {
    let (one, other) = (cat(&[h("a"), s(1), s(2), s(3)]), cat(&[h("a"), s(1), s(4), s(3)]));
    let mut world = World::new([Some(&one), None, None]);
    world.said();
    for _ in 0..3 {
        world.save(P, &other, RereadReason::Replaced).wait(0.8).save(P, &one, RereadReason::Replaced).wait(0.8);
    }
    world.expect(&["start US-4 (Started: a)"]);
}

#[test]
fn half_a_rewrite_is_waited_for_wherever_it_stops() {
    let old: Vec<String> = (1..=12).map(s).collect();
    let new = cat(&[s(20), s(21), old.concat()]);
    for pause in [0.1, 0.6, 2.0] {
        for written in [0, 15, s(20).len(), s(20).len() + s(21).len(), new.len() / 2, new.len() - 5] {
            let mut world = World::new([Some(&old.concat()), None, None]);
            world.said();
            world.save(P, &new[..written], RereadReason::Rewritten).wait(pause).save(P, &new, RereadReason::Rewritten).wait(4.0);
            let said: Vec<String> = world.said().iter().filter_map(|said| Some(said.rsplit_once(" (")?.0.to_owned())).collect();
            assert_eq!(said, ["start US-20", "start US-21"], "{written} bytes, then {pause} s");
        }
    }
}

#[test]
fn one_of_equal_lines_removed_and_added_again_is_news_only_when_it_was_long_gone() {
    for (seconds, expected) in [(1.0, vec![]), (6.0, vec!["start US-1 (Started: a)"])] {
        let mut world = World::new([Some(&cat(&[h("a"), s(1), s(1), s(1), s(2)])), None, None]);
        world.said();
        world.save(P, &cat(&[h("a"), s(1), s(1), s(2)]), RereadReason::Replaced).wait(seconds).append(P, &s(1)).wait(4.0).expect(&expected);
    }
}

#[test]
fn a_writer_that_never_rests_is_told_everything_once() {
    let mut lines = vec![s(1), s(2), s(3)];
    let mut world = World::new([Some(&lines.concat()), None, None]);
    let run = world.events[0].run.to_string();
    world.said();
    for story in 10..60 {
        lines.insert(usize::try_from(story).unwrap() % lines.len(), s(story));
        world.save(P, &lines.concat(), RereadReason::Replaced).wait(0.02);
    }
    let expected: Vec<String> = (10..60).map(|story| format!("start US-{story} ({run})")).collect();
    world.wait(4.0);
    assert_eq!(world.said(), expected);
}

#[test]
fn json_lines_under_an_agents_name_are_saved_as_an_agent_does() {
    let record = |n: u32| format!("{{\"event\":\"story_started\",\"story\":\"US-{n}\"}}\n");
    let old: String = (1..=5).map(record).collect();
    let mut world = World::new([Some(&old), None, None]);
    world.said();
    // The new lines come first, and the rest only after a pause.
    world.save(P, &cat(&[record(8), record(9)]), RereadReason::Rewritten).wait(0.6).save(
        P,
        &cat(&[record(8), record(9), old]),
        RereadReason::Rewritten,
    );
    let said: Vec<String> = world.wait(4.0).said().iter().filter_map(|said| Some(said.rsplit_once(" (")?.0.to_owned())).collect();
    assert_eq!(said, ["start US-8", "start US-9"]);
}

#[test]
fn a_start_said_again_by_the_minute_keeps_the_second_it_was_seen_at() {
    let head = "# Progress Log\n# Created: 2026-02-02 02:40:01\n\n";
    let entry = |ticked: &str| {
        let story = "### Iteration: 2026-02-02 02:40\n**Story**: US-1 - Draw the map\n**Status**: In Progress\n";
        format!("{head}{story}\n**Acceptance criteria**:\n- {ticked} AC1: It shows\n- ○ AC2: It zooms\n")
    };
    let mut world = World::new([Some(head), None, None]);
    world.wait(20.0).save(P, &entry("○"), RereadReason::Replaced).wait(5.0);
    let started = |world: &World| world.engine.state(world.moment()).tasks[0].stories.first().and_then(|story| story.started_at);
    let seen = started(&world);
    assert!(seen.is_some_and(|at| at.0 > 1_770_000_000_000 + 15_000), "{seen:?}");
    world.wait(10.0).save(P, &entry("✓"), RereadReason::Replaced).wait(5.0);
    assert_eq!(started(&world), seen);
}
