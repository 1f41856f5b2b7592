//! The log and the plan of one new run, replaced one after the other: one switch, whichever comes first and however long the other takes.

use proptest::prelude::*;

use super::*;
use crate::model::state::StoryStatus;

/// Each story with its title and whether it is done.
type Stories<'a> = &'a [(&'a str, &'a str, bool)];

fn document(branch: &str, stories: Stories<'_>) -> String {
    let stories: Vec<_> =
        stories.iter().map(|(id, title, passes)| serde_json::json!({"id": id, "title": title, "passes": passes})).collect();
    serde_json::json!({"project": "Shop", "branchName": branch, "userStories": stories}).to_string()
}

/// A log with an entry for each.
fn log(day: &str, entries: &[&str]) -> String {
    let entries: Vec<String> = entries.iter().map(|entry| format!("## {day} - {entry}\n- done\n---\n")).collect();
    format!("# Ralph Progress Log\nStarted: {day}\n---\n{}", entries.concat())
}

const OLD: Stories<'static> = &[("US-001", "Basket", true), ("US-002", "Payment", false)];

fn old_run() -> Scenario {
    let mut scenario = Scenario::new([Some(&log("2026-03-01", &["US-001"])), None, Some(&document("basket", OLD))]);
    scenario.expect(&["start US-001 (basket)", "passed US-001 (basket)"]);
    scenario
}

/// Replaces both files, and returns the names of the runs that followed the old one, with the events without their run.
fn switch(new_log: &str, new_plan: &str, log_first: bool, pause: f64) -> (Scenario, Vec<String>, Vec<String>) {
    let mut scenario = old_run();
    let contents = [(P, new_log), (PLAN, new_plan)];
    let [first, second] = if log_first { contents } else { [contents[1], contents[0]] };
    scenario.save(first.0, first.1, RereadReason::Replaced).wait(pause);
    scenario.save(second.0, second.1, RereadReason::Replaced).wait(8.0);
    let mut runs: Vec<String> = scenario.events.iter().map(|event| event.run.to_string()).collect();
    runs.dedup();
    let emitted = scenario.emitted().iter().map(|event| event.rsplit_once(" (").unwrap().0.to_owned()).collect();
    (scenario, runs, emitted)
}

const NEW: Stories<'static> = &[("US-001", "Index", true), ("US-002", "Query", true), ("US-003", "Rank", false)];
const OTHER_IDS: Stories<'static> = &[("SE-1", "Index", true), ("SE-2", "Query", true), ("SE-3", "Rank", false)];

#[test]
fn a_log_that_another_run_has_written_precedes_its_plan() {
    for (stories, written) in [(NEW, ["US-001", "US-002"]), (NEW, ["US-001: Index", "US-002: Query"]), (OTHER_IDS, ["SE-1", "SE-2"])] {
        let [one, two] = [stories[0].0, stories[1].0];
        for log_first in [true, false] {
            for pause in [0.005, 0.4, 5.0] {
                let (scenario, runs, emitted) = switch(&log("2026-03-05", &written), &document("search", stories), log_first, pause);
                let what = format!("{written:?}, log first {log_first}, {pause} s");
                // Nothing shows for so long that the plan will follow: the run is told under the old plan's name.
                let run = if log_first && pause > 3.0 { "basket#2" } else { "search" };
                assert_eq!(runs, [run], "{what}");
                let mut expected: Vec<String> = [one, two].iter().flat_map(|id| [format!("start {id}"), format!("passed {id}")]).collect();
                let mut emitted = emitted;
                expected.sort();
                emitted.sort();
                assert_eq!(emitted, expected, "{what}");
                let task = scenario.state().tasks.remove(0);
                let shown: Vec<_> = task.stories.iter().map(|story| (story.title.as_deref().unwrap_or("-"), story.status)).collect();
                let passed = StoryStatus::Passed;
                assert_eq!(shown, [("Index", passed), ("Query", passed), ("Rank", StoryStatus::Open)], "{what}");
                assert_eq!((task.stories_passed, task.story_count, task.unplanned.len(), task.runs.len()), (2, Some(3), 0, 1), "{what}");
            }
        }
    }
}

#[test]
fn what_only_the_old_plan_called_passed_is_open_in_the_run_that_its_log_began() {
    let new = &[("US-001", "Index", false), ("US-002", "Query", false), ("US-003", "Rank", false)];
    for pause in [0.005, 0.4, 5.0] {
        let (scenario, runs, emitted) = switch(&log("2026-03-05", &["US-002"]), &document("search", new), true, pause);
        assert_eq!((runs.len(), emitted), (1, vec!["start US-002".to_owned(), "passed US-002".to_owned()]), "{pause} s");
        let task = scenario.state().tasks.remove(0);
        let shown: Vec<_> = task.stories.iter().map(|story| story.status).collect();
        assert_eq!(shown, [StoryStatus::Open, StoryStatus::Passed, StoryStatus::Open], "{pause} s");
    }
}

#[test]
fn an_edited_first_line_is_no_switch() {
    let mut scenario = old_run();
    let edited = log("2026-03-01", &["US-001", "US-002"]).replace("Started: 2026-03-01", "Started: 2026-03-01 10:00");
    scenario.save(P, &edited, RereadReason::Replaced).wait(8.0);
    scenario.expect(&["start US-002 (basket)", "passed US-002 (basket)"]);
    // The plan of the same run follows.
    let flipped = document("basket", &[("US-001", "Basket", true), ("US-002", "Payment", true)]);
    scenario.save(PLAN, &flipped, RereadReason::Replaced).wait(8.0).expect(&["end (basket)"]);
}

#[test]
fn a_source_that_has_taken_part_in_the_run_begins_the_next() {
    let (mut scenario, runs, _) = switch(&log("2026-03-05", &["US-001", "US-002"]), &document("search", NEW), false, 0.4);
    assert_eq!(runs, ["search"]);
    let third = document("pay", &[("US-001", "Card", true), ("US-002", "Cash", false)]);
    scenario.save(P, &log("2026-03-09", &["US-001"]), RereadReason::Replaced).wait(0.4);
    scenario.save(PLAN, &third, RereadReason::Replaced).wait(8.0).expect(&["start US-001 (pay)", "passed US-001 (pay)"]);
    let fourth = document("ship", &[("US-001", "Box", true), ("US-002", "Stamp", false)]);
    scenario.save(PLAN, &fourth, RereadReason::Replaced).wait(5.0).expect(&["start US-001 (ship)", "passed US-001 (ship)"]);
    scenario.save(P, &log("2026-03-12", &["US-001"]), RereadReason::Replaced).wait(8.0).expect(&[]);
    assert_eq!(scenario.state().tasks[0].runs.len(), 3);
}

proptest! {
    // Each case is read at every pause: fewer do.
    #![proptest_config(crate::property::config(60))]

    #[test]
    fn any_interleaving_of_two_replacements_is_one_switch(
        flags in prop::collection::vec(any::<bool>(), 3),
        entries in prop::collection::btree_set(0..3usize, 0..4),
        same_ids in any::<bool>(),
        log_first in any::<bool>(),
        pause in prop_oneof![Just(0.0), Just(0.005), Just(0.2), Just(0.3), Just(1.0), Just(2.9), Just(3.1), Just(5.0), Just(20.0)],
    ) {
        let names = if same_ids { NEW } else { OTHER_IDS };
        let stories: Vec<_> = names.iter().zip(&flags).map(|((id, title, _), done)| (*id, *title, *done)).collect();
        let written: Vec<&str> = entries.iter().map(|at| names[*at].0).collect();
        let (mut scenario, runs, emitted) = switch(&log("2026-03-05", &written), &document("search", &stories), log_first, pause);
        let done = |at: usize| flags[at] || entries.contains(&at);
        let all_flags = flags.iter().all(|done| *done);
        for (at, (id, ..)) in names.iter().enumerate() {
            let count = |what: &str| emitted.iter().filter(|event| **event == format!("{what} {id}")).count();
            prop_assert_eq!((count("start"), count("passed")), (usize::from(done(at)), usize::from(done(at))), "{} {:?}", id, &emitted);
        }
        prop_assert_eq!(emitted.iter().filter(|event| *event == "end").count(), usize::from(all_flags));
        let run = if log_first && pause > 3.0 { "basket#2" } else { "search" };
        prop_assert!(runs.iter().all(|name| name == run), "{:?}", runs);
        let task = scenario.state().tasks.remove(0);
        prop_assert_eq!((task.stories_passed, task.story_count), ((0..3).filter(|at| done(*at)).count() as u32, Some(3)));
        // What follows belongs to the same run.
        let more = log("2026-03-05", &[written.clone(), vec!["X-9"]].concat());
        scenario.save(P, &more, RereadReason::Rewritten).wait(5.0);
        scenario.expect(&[&format!("start X-9 ({run})"), &format!("passed X-9 ({run})")]);
    }
}
