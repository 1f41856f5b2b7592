//! Rewrites without new facts, and those with one.

use super::*;

#[test]
fn a_line_that_changes_to_and_fro_is_new_once() {
    let (one, other) = (cat(&[h("a"), s(1), s(2), s(3)]), cat(&[h("a"), s(1), s(4), s(3)]));
    let mut scenario = Scenario::new([Some(&one), None, None]);
    scenario.emitted();
    for _ in 0..3 {
        scenario.save(P, &other, RereadReason::Replaced).wait(0.8).save(P, &one, RereadReason::Replaced).wait(0.8);
    }
    scenario.expect(&["start US-4 (Started: a)"]);
}

#[test]
fn half_a_rewrite_is_waited_for_wherever_it_stops() {
    let old: Vec<String> = (1..=12).map(s).collect();
    let new = cat(&[s(20), s(21), old.concat()]);
    for pause in [0.1, 0.6, 2.0] {
        for written in [0, 15, s(20).len(), s(20).len() + s(21).len(), new.len() / 2, new.len() - 5] {
            let mut scenario = Scenario::new([Some(&old.concat()), None, None]);
            scenario.emitted();
            scenario.save(P, &new[..written], RereadReason::Rewritten).wait(pause).save(P, &new, RereadReason::Rewritten).wait(4.0);
            let emitted: Vec<String> =
                scenario.emitted().iter().filter_map(|emitted| Some(emitted.rsplit_once(" (")?.0.to_owned())).collect();
            assert_eq!(emitted, ["start US-20", "start US-21"], "{written} bytes, then {pause} s");
        }
    }
}

#[test]
fn one_of_equal_lines_removed_and_added_again_is_new_only_when_it_was_long_gone() {
    for (seconds, expected) in [(1.0, vec![]), (6.0, vec!["start US-1 (Started: a)"])] {
        let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), s(1), s(1), s(2)])), None, None]);
        scenario.emitted();
        scenario
            .save(P, &cat(&[h("a"), s(1), s(1), s(2)]), RereadReason::Replaced)
            .wait(seconds)
            .append(P, &s(1))
            .wait(4.0)
            .expect(&expected);
    }
}

#[test]
fn a_writer_that_never_rests_is_published_everything_once() {
    let mut lines = vec![s(1), s(2), s(3)];
    let mut scenario = Scenario::new([Some(&lines.concat()), None, None]);
    let run = scenario.events[0].run.to_string();
    scenario.emitted();
    for story in 10..60 {
        lines.insert(usize::try_from(story).unwrap() % lines.len(), s(story));
        scenario.save(P, &lines.concat(), RereadReason::Replaced).wait(0.02);
    }
    let expected: Vec<String> = (10..60).map(|story| format!("start US-{story} ({run})")).collect();
    scenario.wait(4.0);
    assert_eq!(scenario.emitted(), expected);
}

#[test]
fn json_lines_under_an_agents_name_are_saved_as_an_agent_does() {
    let record = |n: u32| format!("{{\"event\":\"story_started\",\"story\":\"US-{n}\"}}\n");
    let old: String = (1..=5).map(record).collect();
    let mut scenario = Scenario::new([Some(&old), None, None]);
    scenario.emitted();
    // The new lines come first, and the others only after a pause.
    scenario.save(P, &cat(&[record(8), record(9)]), RereadReason::Rewritten).wait(0.6).save(
        P,
        &cat(&[record(8), record(9), old]),
        RereadReason::Rewritten,
    );
    let emitted: Vec<String> =
        scenario.wait(4.0).emitted().iter().filter_map(|emitted| Some(emitted.rsplit_once(" (")?.0.to_owned())).collect();
    assert_eq!(emitted, ["start US-8", "start US-9"]);
}

#[test]
fn a_start_emitted_again_by_the_minute_keeps_the_second_it_was_read_at() {
    let head = "# Progress Log\n# Created: 2026-02-02 02:40:01\n\n";
    let entry = |ticked: &str| {
        let story = "### Iteration: 2026-02-02 02:40\n**Story**: US-1 - Draw the map\n**Status**: In Progress\n";
        format!("{head}{story}\n**Acceptance criteria**:\n- {ticked} AC1: It shows\n- ○ AC2: It zooms\n")
    };
    let mut scenario = Scenario::new([Some(head), None, None]);
    scenario.wait(20.0).save(P, &entry("○"), RereadReason::Replaced).wait(5.0);
    let started =
        |scenario: &Scenario| scenario.engine.state(scenario.moment()).tasks[0].stories.first().and_then(|story| story.started_at);
    let read = started(&scenario);
    assert!(read.is_some_and(|at| at.0 > 1_770_000_000_000 + 15_000), "{read:?}");
    scenario.wait(10.0).save(P, &entry("✓"), RereadReason::Replaced).wait(5.0);
    assert_eq!(started(&scenario), read);
}
