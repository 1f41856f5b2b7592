//! Under stock runners each start and each completion is emitted once and in order, in whatever way the agent writes and however late
//! the process starts; and nothing else is emitted.

use serde_json::Value;

use crate::bridge_process::{BridgeProcess, ProjectFolder, kind, story};
use crate::runner::{RunnerKind, RunnerStep, ScriptedRunner};
use crate::schema;
use progress_bridge::demo::shop::STORIES;
use progress_bridge::demo::write::WriteStyle;

/// The writes of one story, in the orders in which agents and scripts bring them.
const ORDERS: [StepOrder; 4] = [
    [RunnerStep::Entry, RunnerStep::Flip, RunnerStep::Record],
    [RunnerStep::Flip, RunnerStep::Entry, RunnerStep::Record],
    [RunnerStep::Record, RunnerStep::Entry, RunnerStep::Flip],
    [RunnerStep::Record, RunnerStep::Flip, RunnerStep::Entry],
];

type StepOrder = [fn(usize) -> RunnerStep; 3];

/// Whether the bridge has seen a step before the next one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunPace {
    AtOnce,
    StoryByStory,
}

#[test]
fn ralph_appends() {
    check_every_order(RunnerKind::Ralph, WriteStyle::Append);
}

#[test]
fn ralph_truncates_and_writes() {
    check_every_order(RunnerKind::Ralph, WriteStyle::Truncate);
}

#[test]
fn ralph_renames() {
    check_every_order(RunnerKind::Ralph, WriteStyle::Rename);
}

#[test]
fn ralph_inserts_at_the_top() {
    check_every_order(RunnerKind::Ralph, WriteStyle::InsertTop);
}

#[test]
fn claude_loop_appends() {
    check_every_order(RunnerKind::ClaudeLoop, WriteStyle::Append);
}

#[test]
fn claude_loop_truncates_and_writes() {
    check_every_order(RunnerKind::ClaudeLoop, WriteStyle::Truncate);
}

#[test]
fn claude_loop_renames() {
    check_every_order(RunnerKind::ClaudeLoop, WriteStyle::Rename);
}

#[test]
fn claude_loop_inserts_at_the_top() {
    check_every_order(RunnerKind::ClaudeLoop, WriteStyle::InsertTop);
}

#[test]
fn a_bridge_that_starts_late_has_it_all() {
    for runner in [RunnerKind::Ralph, RunnerKind::ClaudeLoop] {
        // After the header; in the middle of the third story; when all is over but for the archive.
        for late in [1, 8, 16] {
            check(runner, WriteStyle::Rename, &ORDERS[0], late, RunPace::StoryByStory);
        }
    }
}

#[test]
fn a_second_task_with_the_same_ids_is_a_second_run() {
    for (style, named) in [(WriteStyle::Append, "feature/returns"), (WriteStyle::Rename, "feature/vouchers")] {
        let project = ProjectFolder::new();
        let mut runner = ScriptedRunner::new(RunnerKind::Ralph, style, project.path());
        let bridge = project.start(&["--json", "--watch", "progress.txt"]);
        let steps = runner.steps(&ORDERS[0]);
        play(&runner, &bridge, &steps, 1);
        wait_for_ends(&bridge, 1);
        runner.next_task(named);
        play(&runner, &bridge, &steps, 2);
        wait_for_ends(&bridge, 2);
        let (first, second): (Vec<Value>, Vec<Value>) = bridge.events().into_iter().partition(|event| event["run"] == "feature/checkout");
        validate(&first, true, &format!("first run, {style:?}"));
        validate(&second, true, &format!("second run, {style:?}"));
        assert!(second.iter().all(|event| event["run"] == named), "{second:#?}");
    }
}

fn check_every_order(kind: RunnerKind, style: WriteStyle) {
    for order in &ORDERS {
        check(kind, style, order, 0, RunPace::StoryByStory);
    }
    check(kind, style, &ORDERS[0], 0, RunPace::AtOnce);
}

/// `late`: how many steps are over when the bridge starts.
fn check(kind: RunnerKind, style: WriteStyle, order: &StepOrder, late: usize, pace: RunPace) {
    let project = ProjectFolder::new();
    let runner = ScriptedRunner::new(kind, style, project.path());
    let steps = runner.steps(order);
    let (before, after) = steps.split_at(late);
    before.iter().for_each(|step| runner.take(*step));
    let bridge = project.start(&["--json", "--watch", "progress.txt"]);
    match pace {
        RunPace::StoryByStory => play(&runner, &bridge, after, 1),
        RunPace::AtOnce => after.iter().for_each(|step| runner.take(*step)),
    }
    wait_for_ends(&bridge, 1);
    // What is said after the end is said because of a line after it: asked for, and waited for.
    bridge.signal("TERM");
    let case = format!("{kind:?}, {style:?}, {} steps late, {pace:?}", late);
    let events = bridge.finished(crate::bridge_process::SOON).exits_with(0).events();
    validate(&events, pace == RunPace::StoryByStory, &case);
}

/// Takes each step; before another story's turn, the bridge has told of this one's end.
fn play(runner: &ScriptedRunner, bridge: &BridgeProcess, steps: &[RunnerStep], run: usize) {
    let mut last: Option<usize> = None;
    for step in steps {
        if let (RunnerStep::Entry(index) | RunnerStep::Flip(index) | RunnerStep::Record(index), Some(before)) = (*step, last)
            && index != before
        {
            wait_for_story(bridge, STORIES[before].id, run);
        }
        runner.take(*step);
        if let RunnerStep::Entry(index) | RunnerStep::Flip(index) | RunnerStep::Record(index) = *step {
            last = Some(index);
        }
    }
}

#[track_caller]
fn wait_for_story(bridge: &BridgeProcess, id: &str, times: usize) {
    crate::bridge_process::eventually(crate::bridge_process::SOON, format!("{id} ends, time {times}"), || {
        let ends = bridge.events().iter().filter(|event| kind(event) == "story_completed" && story(event) == id).count();
        (ends >= times).then_some(())
    });
}

#[track_caller]
fn wait_for_ends(bridge: &BridgeProcess, times: usize) {
    crate::bridge_process::eventually(crate::bridge_process::SOON, format!("run {times} ends"), || {
        (bridge.events().iter().filter(|event| kind(event) == "task_completed").count() >= times).then_some(())
    });
}

/// One run, whole and without anything else. `in_order`: the stories in the plan's order, as they were worked on.
#[track_caller]
fn validate(events: &[Value], in_order: bool, case: &str) {
    let schema = schema::validator();
    events.iter().for_each(|event| schema::validate(&schema, event));
    let said: Vec<String> = events
        .iter()
        .filter(|event| kind(event) != "ac_completed")
        .map(|event| [kind(event), story(event), event["data"]["status"].as_str().unwrap_or_default()].join(" ").trim_end().to_owned())
        .collect();
    let mut expected = vec!["task_started".to_owned()];
    for story in &STORIES {
        expected.push(format!("story_started {}", story.id));
        expected.push(format!("story_completed {} passed", story.id));
    }
    expected.push("task_completed  passed".to_owned());
    if in_order {
        assert_eq!(said, expected, "{case}");
    } else {
        assert_eq!((said.first(), said.last()), (expected.first(), expected.last()), "{case}");
        for story in &STORIES {
            let place = |what: &str| said.iter().position(|line| line.starts_with(&format!("{what} {}", story.id)));
            assert!(place("story_started") < place("story_completed"), "{case}: {said:#?}");
        }
        let sorted = |mut lines: Vec<String>| {
            lines.sort();
            lines
        };
        assert_eq!(sorted(said), sorted(expected), "{case}");
    }
    let mut criteria: Vec<String> = events
        .iter()
        .filter(|event| kind(event) == "ac_completed")
        .map(|event| format!("{} {}", story(event), event["data"]["ac_index"]))
        .collect();
    let count = criteria.len();
    criteria.sort();
    criteria.dedup();
    assert_eq!(criteria.len(), count, "{case}: a criterion came twice");
    let seqs: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{case}: {seqs:?}");
}
