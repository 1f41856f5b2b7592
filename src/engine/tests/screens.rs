//! What screens are shown of a run: each test a fault that a user once met.

use super::*;
use crate::engine::inference::InferenceState;
use crate::fact::Provenance;
use crate::model::state::{AttemptResult, AttentionKind, CurrentStory, Remaining, TaskState, TaskStatus};

const OPEN: [(&str, bool); 4] = [("US-1", false), ("US-2", false), ("US-3", false), ("US-4", false)];

fn task(scenario: &Scenario) -> TaskState {
    scenario.engine.state(scenario.moment()).tasks.remove(0)
}

fn statuses(task: &TaskState) -> Vec<StoryStatus> {
    task.stories.iter().map(|story| story.status).collect()
}

#[track_caller]
fn range(task: &TaskState) -> (u64, u64, u64) {
    match &task.remaining {
        Remaining::Range { p10, p50, p90, .. } => (*p10, *p50, *p90),
        other => panic!("{other:?}"),
    }
}

/// Four stories of five minutes, of which the log tells only the ends.
fn without_starts() -> Scenario {
    let mut scenario = Scenario::new([Some(&h("a")), None, Some(&plan("b", &OPEN))]);
    scenario.append(P, "Loop begins.\n");
    scenario
}

#[test]
fn a_runner_that_writes_no_starts_gets_a_remaining_time_from_its_second_story_on_to_the_last() {
    let mut scenario = without_starts();
    for n in 1..=3 {
        scenario.wait(300.0).append(P, &c(n)).wait(1.0);
        if n > 1 {
            let (p10, _, p90) = range(&task(&scenario));
            let left = 300 * (4 - u64::from(n));
            assert!(p10 <= left && left <= p90, "{n}: {p10} {p90}");
        }
    }
    // The last story is under way, though nobody says so.
    scenario.wait(60.0);
    let (p10, p50, _) = range(&task(&scenario));
    assert!(p10 <= 300 && p50 >= 60, "{p10} {p50}");
    let second = task(&scenario).stories.remove(1);
    assert_eq!(second.duration_provenance, Some(Provenance::Inferred));
    assert!(second.duration_ms.is_some_and(|ms| (299_000..=302_000).contains(&ms)), "{second:?}");
    scenario.wait(240.0).append(P, &c(4)).save(PLAN, &plan("b", &OPEN.map(|(id, _)| (id, true))), RereadReason::Replaced).wait(2.0);
    assert!(matches!(task(&scenario).remaining, Remaining::None { .. }), "{:?}", task(&scenario).remaining);
}

#[test]
fn a_flag_before_the_entry_takes_no_guess_back() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1)])), None, Some(&plan("b", &OPEN))]);
    scenario.engine.watched.tasks[0].inference = InferenceState::new(true);
    let one = [("US-1", true), ("US-2", false), ("US-3", false), ("US-4", false)];
    scenario.wait(30.0).save(PLAN, &plan("b", &one), RereadReason::Replaced).wait(1.0);
    let current = |scenario: &Scenario| task(scenario).current_story;
    assert_eq!(current(&scenario), CurrentStory::Known { index: 1, provenance: Provenance::Inferred });
    // The log's entry of the story that passed: its start is implied, and known.
    scenario.append(P, &c(1)).wait(1.0);
    assert_eq!(current(&scenario), CurrentStory::Known { index: 1, provenance: Provenance::Inferred });
}

#[test]
fn in_the_middle_of_a_run_the_current_story_is_unknown_and_not_none() {
    let two = [("US-1", true), ("US-2", true), ("US-3", false), ("US-4", false)];
    let scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1), s(2), c(2)])), None, Some(&plan("b", &two))]);
    assert_eq!(task(&scenario).status, TaskStatus::Running);
    assert!(matches!(task(&scenario).current_story, CurrentStory::Unknown { .. }), "{:?}", task(&scenario).current_story);
    let all = OPEN.map(|(id, _)| (id, true));
    let over = Scenario::new([Some(&cat(&[h("a"), s(1), c(1)])), None, Some(&plan("b", &all))]);
    assert_eq!(task(&over).current_story, CurrentStory::None);
}

#[test]
fn a_plan_that_was_merely_written_is_planned_and_emits_nothing() {
    let mut scenario = Scenario::new([None, None, Some(&plan("b", &OPEN))]);
    assert!(scenario.events.is_empty(), "{:?}", scenario.events);
    // However long it lies there, and however often it is saved.
    scenario.wait(3600.0).save(PLAN, &plan("b", &OPEN[..3]), RereadReason::Replaced).wait(3600.0);
    assert!(scenario.events.is_empty(), "{:?}", scenario.events);
    let planned = task(&scenario);
    assert_eq!((planned.status, planned.attention, planned.started_at), (TaskStatus::Planned, None, None));
    assert_eq!((planned.percent, planned.stories_passed, planned.story_count), (Some(0), 0, Some(3)));
    assert!(matches!(planned.remaining, Remaining::Unknown { .. }));
    // Its start comes with the first other event.
    scenario.save(P, &cat(&[h("a"), s(1)]), RereadReason::Rewritten).wait(1.0);
    let kinds: Vec<&str> = scenario.events.iter().map(|event| event.data.type_name()).collect();
    assert_eq!(kinds, ["task_started", "story_started"]);
    assert_eq!(task(&scenario).status, TaskStatus::Running);
}

#[test]
fn a_story_that_falls_back_is_shown_at_once() {
    let two = [("US-1", true), ("US-2", true), ("US-3", false), ("US-4", false)];
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1), s(2), c(2)])), None, Some(&plan("b", &two))]);
    scenario.emitted();
    let one = [("US-1", true), ("US-2", false), ("US-3", false), ("US-4", false)];
    scenario.save(PLAN, &plan("b", &one), RereadReason::Replaced);
    let before = scenario.engine.tick(scenario.moment()).state_version;
    scenario.wait(0.3).expect(&[]);
    let after = scenario.engine.tick(scenario.moment()).state_version;
    assert!(after > before, "screens were not told");
    let task = task(&scenario);
    assert_eq!(statuses(&task)[..2], [StoryStatus::Passed, StoryStatus::Open]);
    assert!(task.stories[1].reopened_at.is_some());
    assert!(task.plan_change.as_ref().is_some_and(|change| change.reason.contains("US-2 was reopened")), "{:?}", task.plan_change);
    assert_eq!(task.percent, Some(25));
    let last = task.history.last().expect("there is one");
    assert_eq!((last.passed, last.total, last.reason.as_deref()), (1, Some(4), Some("US-2 was reopened")));
}

#[test]
fn what_an_agent_writes_after_the_last_story_reopens_no_run() {
    let all = OPEN.map(|(id, _)| (id, true));
    let log = cat(&[h("a"), s(1), c(1), s(2), c(2), s(3), c(3), s(4), c(4)]);
    let mut scenario = Scenario::new([Some(&log), None, Some(&plan("b", &all))]);
    assert_eq!((task(&scenario).status, task(&scenario).percent), (TaskStatus::Passed, Some(100)));
    scenario.append(P, "\n## Session 6\n\nTidied the wiki.\n").append(P, "[US-9] Starting...\n").wait(5.0);
    assert_eq!((task(&scenario).status, task(&scenario).percent), (TaskStatus::Passed, Some(100)));
}

#[test]
fn a_time_to_the_minute_orders_nothing() {
    // 02:40 is the minute in which the scenario begins; its seconds are not written.
    let mut scenario = Scenario::new([Some(&h("a")), None, Some(&plan("b", &OPEN))]);
    scenario.wait(20.0).append(P, &s(1)).wait(15.0).append(P, "[2026-02-02 02:40] [US-1] Completed\n").wait(2.0);
    let first = task(&scenario).stories.remove(0);
    assert_eq!(first.status, StoryStatus::Passed);
    // Both were seen as they came, 15 s apart: the minute that the record names adds nothing.
    let took = first.started_at.zip(first.finished_at).and_then(|(start, end)| end.since(start));
    assert!(took.is_some_and(|took| (14_000..20_000).contains(&took)), "{took:?}");
    assert_eq!((first.finished_precision, first.attempts[0].precision), (None, None));
    let times: Vec<_> =
        scenario.events.iter().filter(|event| event.data.type_name().starts_with("story_")).map(|event| event.timestamp).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn a_start_by_another_clock_makes_no_range_that_runs_backwards() {
    // The start is written in UTC, the entries in the local time of a machine an hour behind.
    let log = "# Progress Log\nStarted: 2026-02-02T02:10:00Z\n\n[2026-02-02 01:15:00] [US-1] Starting...\n[2026-02-02 01:25:00] [US-1] Completed\n";
    let done = [("US-1", true)];
    let scenario = Scenario::new([Some(log), None, Some(&plan("b", &done))]);
    let task = task(&scenario);
    assert_eq!(task.status, TaskStatus::Passed);
    assert!(task.started_at.is_none() || task.started_at <= task.finished_at, "{:?} {:?}", task.started_at, task.finished_at);
    assert_ne!(task.duration_ms, Some(0));
    assert!(task.history.is_sorted_by_key(|point| point.at));
}

#[test]
fn quiet_comes_within_twice_the_usual_story_and_has_its_reason() {
    let mut scenario = without_starts();
    scenario.wait(600.0).append(P, &c(1)).wait(600.0).append(P, &c(2)).wait(1.0);
    assert_eq!(task(&scenario).attention, None);
    // A long test run is no silence.
    scenario.wait(590.0);
    assert_eq!(task(&scenario).attention, None);
    scenario.wait(1_300.0);
    let quiet = task(&scenario).attention.expect("it is quiet");
    assert_eq!(quiet.kind, AttentionKind::Quiet);
    assert!(quiet.reason.contains("none of 2 watched files has moved") && quiet.reason.contains("from 1 story"), "{}", quiet.reason);
    assert_eq!(task(&scenario).status, TaskStatus::Running);
    scenario.append(P, "Still at it.\n").wait(1.0);
    assert_eq!(task(&scenario).attention, None);
}

#[test]
fn the_sleep_of_the_machine_is_no_silence_and_no_work() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1)])), None, Some(&plan("b", &OPEN))]);
    scenario.append(P, &c(1)).wait(1.0).append(P, &s(2)).wait(300.0).jump(8 * 3600);
    assert_eq!(task(&scenario).attention, None);
    scenario.wait(300.0);
    assert!(!matches!(task(&scenario).remaining, Remaining::LongerThanUsual { .. }), "{:?}", task(&scenario).remaining);
    scenario.append(P, &c(2)).wait(1.0);
    let second = task(&scenario).stories.remove(1);
    assert!(second.duration_ms.is_some_and(|ms| (595_000..610_000).contains(&ms)), "{:?}", second.duration_ms);
    // Silence after it is one.
    scenario.wait(2_800.0);
    assert_eq!(task(&scenario).attention.map(|attention| attention.kind), Some(AttentionKind::Quiet));
}

#[test]
fn a_clock_that_is_set_back_makes_no_silence_unheard_of() {
    let mut scenario = Scenario::new([Some(&h("a")), None, Some(&plan("b", &OPEN))]);
    scenario.append(P, &s(1)).wait(60.0).jump(-6 * 3600);
    let task_then = task(&scenario);
    assert!(task_then.started_at <= Some(scenario.moment().wall) && task_then.last_activity_at <= Some(scenario.moment().wall));
    scenario.wait(2_800.0);
    assert_eq!(task(&scenario).attention.map(|attention| attention.kind), Some(AttentionKind::Quiet));
    scenario.append(P, &c(1)).wait(1.0);
    let first = task(&scenario).stories.remove(0);
    assert!(first.started_at <= first.finished_at && first.duration_ms.is_some_and(|ms| ms < 2_900_000), "{first:?}");
}

/// Our own tests, as a terminal recorded them: hundreds of names, some with `error` and `fail` in them, one that failed, and a panic.
const TEST_RUN: &str = include_str!("../../../fixtures/no-runner-log/test-run/agent.log");

#[test]
fn a_long_test_run_is_neither_a_failure_nor_an_end_nor_a_silence() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1)])), Some(""), Some(&plan("b", &OPEN))]);
    scenario.emitted();
    let lines: Vec<&str> = TEST_RUN.split_inclusive('\n').collect();
    for part in lines.chunks(lines.len().div_ceil(40)) {
        scenario.append(L, &part.concat()).wait(90.0);
        let task = task(&scenario);
        assert_eq!((task.status, &task.attention, task.errors), (TaskStatus::Running, &None, 0));
        assert_eq!(statuses(&task)[0], StoryStatus::InProgress);
    }
    scenario.expect(&[]);
    // It hangs.
    let usual = task(&scenario).usual_story.expect("it runs").p50;
    scenario.wait(400.0);
    assert_eq!(task(&scenario).attention, None);
    // What is shown as usual is rounded, by up to five minutes.
    scenario.wait(600.0f64.max(2.0 * usual as f64 + 300.0) - 400.0);
    assert_eq!(task(&scenario).attention.map(|attention| attention.kind), Some(AttentionKind::Quiet));
}

#[test]
fn stories_that_the_plan_passes_at_once_are_counted_one_by_one() {
    let mut scenario = Scenario::new([Some(&h("a")), None, Some(&plan("b", &OPEN))]);
    let two = [("US-1", true), ("US-2", true), ("US-3", false), ("US-4", false)];
    scenario.save(PLAN, &plan("b", &two), RereadReason::Replaced).wait(1.0);
    scenario.append(P, &cat(&[c(3), c(4)])).wait(1.0);
    assert_eq!(tallies(&scenario), [1, 2, 3, 4].map(|passed| (passed, Some(4))));
}

#[test]
fn a_failed_attempt_at_a_story_that_the_plan_passes_by_now_is_no_pass() {
    let log = cat(&[h("a"), c(1), s(2), f(2), s(2), c(2)]);
    let scenario = Scenario::new([Some(&log), None, Some(&plan("b", &[("US-1", true), ("US-2", true), ("US-3", false)]))]);
    assert_eq!(tallies(&scenario), [1, 1, 2].map(|passed| (passed, Some(3))));
}

fn tallies(scenario: &Scenario) -> Vec<(u32, Option<u32>)> {
    let tally = |event: &Event| match &event.data {
        EventData::StoryCompleted(ended) => ended.tally.map(|tally| (tally.passed, tally.total)),
        _ => None,
    };
    scenario.events.iter().filter_map(tally).collect()
}

#[test]
fn a_finished_log_a_month_old_is_not_running() {
    let all = OPEN.map(|(id, _)| (id, true));
    let scenario = Scenario::new([Some(&cat(&[h("a"), c(1), c(2), c(3), c(4)])), None, Some(&plan("b", &all))]);
    assert_eq!(task(&scenario).status, TaskStatus::Passed);
}

#[test]
fn attempts_are_kept_with_how_they_went() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1)])), None, Some(&plan("b", &OPEN))]);
    scenario.wait(60.0).append(P, &f(1)).wait(60.0).append(P, &s(1)).wait(60.0).append(P, &c(1)).wait(1.0);
    let story = task(&scenario).stories.remove(0);
    let results: Vec<_> = story.attempts.iter().map(|attempt| (attempt.n, attempt.result, attempt.line)).collect();
    assert_eq!(results, [(1, AttemptResult::Failed, Some(5)), (2, AttemptResult::Passed, Some(7))]);
    assert_eq!(story.attempts[0].reason.as_deref(), Some("failed"));
    assert_eq!((story.attempt_count, story.status), (2, StoryStatus::Passed));
}

#[test]
fn a_log_that_disagrees_with_the_plan_is_shown_with_both_sides() {
    let scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1)])), None, Some(&plan("b", &OPEN))]);
    let sides = task(&scenario).stories.remove(0).disagreement.expect("they disagree");
    assert_eq!((sides.holds.path.as_str(), sides.holds.line, sides.holds.status.as_str()), ("progress.txt", Some(5), "passed"));
    assert_eq!(sides.holds.text.as_deref(), Some("[US-1] Completed"));
    assert_eq!((sides.loses.path.as_str(), sides.loses.status.as_str()), ("prd.json", "open"));
}

#[test]
fn stories_added_while_it_runs_are_a_reason_for_less_percent() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1)])), None, Some(&plan("b", &OPEN[..2]))]);
    assert_eq!(task(&scenario).percent, Some(50));
    scenario.wait(60.0).save(PLAN, &plan("b", &OPEN), RereadReason::Replaced).wait(1.0);
    let task = task(&scenario);
    assert_eq!(task.percent, Some(25));
    assert!(task.plan_change.as_ref().is_some_and(|change| change.reason.contains("2 added")), "{:?}", task.plan_change);
    let totals: Vec<_> = task.history.iter().map(|point| (point.passed, point.total)).collect();
    assert_eq!(totals.last(), Some(&(1, Some(4))));
    assert!(task.stories[3].added_at.is_some() && task.stories[0].added_at.is_none());
}

#[test]
fn an_earlier_run_stays_in_the_list() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1), s(2)])), None, None]);
    scenario.save(P, &h("b"), RereadReason::Rewritten).wait(4.0).append(P, &s(1)).wait(1.0);
    let runs = task(&scenario).runs;
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!((runs[0].name.as_str(), runs[0].status, runs[0].passed), ("Started: a", TaskStatus::Ended, 1));
}

#[test]
fn tasks_of_one_name_have_qualifiers() {
    let names = ["one/prd.json", "two/prd.json", "three/prd.json"];
    let (a, b) = (plan("a", &OPEN), plan("b", &OPEN));
    let scenario = Scenario::of(&names, &[Some(&a), Some(&b), Some(&b)], true);
    let state = scenario.engine.state(scenario.moment());
    let mut apart: Vec<_> = state.tasks.iter().map(|task| task.qualifier.clone().expect("each has one")).collect();
    apart.sort();
    // By the branch where it is its own, else by the folder.
    assert_eq!(apart, ["a", "three", "two"]);
    let alone = Scenario::of(&names[..1], &[Some(&a)], true);
    assert_eq!(alone.engine.state(alone.moment()).tasks[0].qualifier, None);
}
