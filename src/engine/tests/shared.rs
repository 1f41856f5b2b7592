//! A runner's log that several tasks share: each record counts in one of them.

use super::*;
use crate::file_change::DetachedId;

/// In the order in which they are looked at.
const NAMES: [&str; 6] = ["a/prd.json", "b/prd.json", "a/progress.txt", "b/progress.txt", "a/log.jsonl", "b/log.jsonl"];
const B_PLAN: usize = 1;
const A: usize = 2;
const B: usize = 3;
const A_LOG: usize = 4;
const B_LOG: usize = 5;

fn plan_of(name: &str, stories: &[(&str, &str)]) -> String {
    let stories: Vec<_> = stories.iter().map(|(id, title)| serde_json::json!({"id": id, "title": title, "passes": false})).collect();
    serde_json::json!({"project": name, "userStories": stories}).to_string()
}

fn record(second: u32, id: &str, title: &str) -> String {
    let (start, end) = (format!("2026-02-02T02:{second:02}:00Z"), format!("2026-02-02T02:{second:02}:30Z"));
    let record = serde_json::json!({"story_id": id, "story_title": title, "timestamp_start": start, "timestamp_end": end,
        "duration_ms": 30_000, "status": "success", "exit_code": 0});
    format!("{record}\n")
}

fn two_tasks(log: &str) -> Scenario {
    let a = plan_of("A", &[("US-1", "Draw the map"), ("US-2", "Zoom")]);
    let b = plan_of("B", &[("US-1", "Send the mail"), ("US-9", "Sign it")]);
    Scenario::of(&NAMES, &[Some(&a), Some(&b), Some(""), Some(""), Some(log), Some(log)], true)
}

impl Scenario {
    fn log(&mut self, record: &str) -> &mut Scenario {
        self.files[A_LOG].content += record;
        self.files[B_LOG].content += record;
        self.wait(1.0)
    }
}

#[test]
fn a_record_goes_to_the_plan_that_has_its_id_and_title() {
    let mut scenario = two_tasks(&record(1, "US-1", "Send the mail"));
    scenario.expect(&["start US-1 (B)", "passed US-1 (B)"]);
    scenario.log(&record(2, "US-1", "Draw the map")).expect(&["start US-1 (A)", "passed US-1 (A)"]);
    scenario.log(&record(3, "US-9", "")).expect(&["start US-9 (B)", "passed US-9 (B)"]);
}

#[test]
fn any_other_goes_to_the_task_that_moved_last() {
    let mut scenario = two_tasks("");
    for (at, name) in [(A, "A"), (B, "B"), (A, "A")] {
        scenario.append(at, "...\n").wait(1.0).expect(&[]);
        let second = scenario.now.as_secs() as u32;
        scenario.log(&record(second, "X-1", "Nobody's plan")).expect(&[&format!("start X-1 ({name})"), &format!("passed X-1 ({name})")]);
    }
}

#[test]
fn a_record_moves_the_task_whose_it_is() {
    let mut scenario = two_tasks("");
    let moved = |scenario: &Scenario| -> Vec<_> {
        scenario.engine.state(scenario.moment()).tasks.iter().map(|task| task.last_activity_at).collect()
    };
    let before = moved(&scenario);
    scenario.log(&record(2, "US-1", "Send the mail")).emitted();
    let after = moved(&scenario);
    assert_eq!(after[0], before[0]);
    assert!(after[1] > before[1], "{before:?} {after:?}");
    // Found at the start, it tells when that was.
    let scenario = two_tasks(&record(39, "US-1", "Send the mail"));
    let end: jiff::Timestamp = "2026-02-02T02:39:30Z".parse().unwrap();
    assert_eq!(moved(&scenario), [before[0], Some(Timestamp(end.as_millisecond()))]);
}

#[test]
fn what_was_decided_stays_when_the_log_is_read_again() {
    let mut scenario = two_tasks("");
    scenario.append(B, "...\n").wait(1.0);
    scenario.log(&record(1, "X-1", "Nobody's plan")).expect(&["start X-1 (B)", "passed X-1 (B)"]);
    scenario.append(A, "...\n").wait(1.0);
    // Another line on top, as an editor saves it.
    let edited = format!("{{}}\n{}", scenario.files[A_LOG].content);
    for log in [A_LOG, B_LOG] {
        scenario.save(log, &edited, RereadReason::Replaced).wait(5.0).expect(&[]);
    }
    scenario.restart(60.0, |_| {}).expect(&[]);
    let state = scenario.engine.state(scenario.moment());
    let stories: Vec<usize> = state.tasks.iter().map(|task| task.all_stories().count()).collect();
    assert_eq!(stories, [2, 3], "of the log each task shows what is its own");
}

#[test]
fn a_task_that_comes_later_has_no_part_in_what_was_there() {
    let names = ["a/prd.json", "a/progress.txt", "a/log.jsonl", "b/prd.json", "b/progress.txt", "b/log.jsonl"];
    let a = plan_of("A", &[("US-1", "Draw the map")]);
    let log = cat(&[record(1, "US-1", "Draw the map"), record(2, "X-1", "In no plan")]);
    let mut scenario = Scenario::of(&names[..3], &[Some(&a), Some(""), Some(&log)], true);
    scenario.expect(&["start US-1 (A)", "passed US-1 (A)", "start X-1 (A)", "passed X-1 (A)"]);
    let later = settings(&names, true);
    let added = Added { tasks: later.tasks[1..].to_vec(), sources: later.sources[3..].to_vec() };
    let now = scenario.moment();
    scenario.engine.add_sources(&added, now);
    scenario.advice = scenario.engine.advice();
    for (name, content) in names[3..].iter().zip([plan_of("B", &[("US-1", "Send the mail")]), "...\n".into(), log]) {
        scenario.files.push(ScenarioFile { document: name.ends_with(".json"), content, read: None, why: RereadReason::Rewritten });
    }
    scenario.wait(1.0).expect(&[]);
    for log in [2, 5] {
        scenario.files[log].content += &record(3, "US-1", "Send the mail");
    }
    scenario.wait(1.0).expect(&["start US-1 (B)", "passed US-1 (B)"]);
}

#[test]
fn a_plan_without_titles_yields_to_one_that_has_both() {
    let mut scenario = two_tasks("");
    let untitled = serde_json::json!({"project": "B", "userStories": [{"id": "US-1", "passes": false}, {"id": "US-9", "passes": false}]});
    scenario.save(B_PLAN, &untitled.to_string(), RereadReason::Rewritten).wait(4.0).emitted();
    scenario.log(&record(2, "US-1", "Draw the map")).expect(&["start US-1 (A)", "passed US-1 (A)"]);
    scenario.log(&record(3, "US-9", "Whatever")).expect(&["start US-9 (B)", "passed US-9 (B)"]);
}

#[test]
fn a_missed_generation_is_published_apart_by_its_times() {
    let mut scenario = two_tasks(&cat(&[record(1, "US-1", "Draw the map"), record(2, "US-2", "Zoom"), record(3, "US-9", "Sign it")]));
    scenario.emitted();
    for log in [A_LOG, B_LOG] {
        let at = scenario.moment();
        let source = SourceId(log as u32);
        let (lines, partial) = split(&record(4, "US-9", "Sign it"), 1);
        scenario.feed(Input::RereadBegun { source, at, reason: RereadReason::RotatedSibling });
        scenario.feed(Input::Lines { source, at, lines });
        scenario.feed(Input::RereadDone { source, at, partial });
    }
    scenario.tick();
    scenario.expect(&["start US-9 (B)", "passed US-9 (B)"]);
}

#[test]
fn a_record_waits_for_the_plan_of_a_run_that_is_about_to_begin() {
    let mut scenario = two_tasks("");
    scenario.append(A, &cat(&[h("a"), s(1), s(2)])).wait(1.0);
    scenario.emitted();
    // The run begins anew: its plan is not looked at before that is certain.
    scenario.files[A].content.clear();
    scenario.wait(0.1);
    scenario.files[0].content = plan_of("New", &[("N-1", "Something new")]);
    scenario.append(B, "...\n").wait(0.1);
    scenario.log(&record(5, "N-1", "Something new")).wait(5.0);
    let emitted = scenario.emitted();
    assert!(emitted.contains(&"passed N-1 (New)".to_owned()), "{emitted:?}");
}

#[test]
fn what_was_published_and_not_remembered_stays_its_tasks() {
    let mut scenario = two_tasks("");
    scenario.append(B, "...\n").wait(1.0).log(&record(1, "X-1", "In no plan"));
    let stated = std::mem::take(&mut scenario.events);
    assert!(stated.iter().any(|event| &*event.task_id == "b"));
    let contents: Vec<Option<&str>> = scenario.files.iter().map(|file| Some(file.content.as_str())).collect();
    let mut again = Scenario::after(&stated, &NAMES, &contents, true);
    again.expect(&[]);
}

#[test]
fn the_same_words_without_a_time_may_be_emitted_of_another_task() {
    let mut scenario = two_tasks(&record(1, "US-2", "Zoom"));
    scenario.emitted();
    for (at, name) in [(A, "A"), (B, "B"), (A, "A"), (B, "B")] {
        scenario.append(at, "...\n").wait(1.0).expect(&[]);
        scenario.log("{\"event\": \"story_started\", \"story\": \"US-1\"}\n").expect(&[&format!("start US-1 ({name})")]);
    }
}

#[test]
fn what_is_appended_to_a_rotated_log_goes_to_the_task_that_moved_last() {
    let mut scenario = two_tasks(&record(1, "US-2", "Zoom"));
    scenario.emitted();
    let start = "{\"event\": \"story_started\", \"story\": \"US-1\"}\n";
    scenario.append(A, "...\n").wait(1.0);
    scenario.log(start).expect(&["start US-1 (A)"]);
    scenario.append(B, "...\n").wait(1.0);
    for log in [A_LOG, B_LOG] {
        let (at, source, detached) = (scenario.moment(), SourceId(log as u32), DetachedId(0));
        scenario.feed(Input::Detached { source, at, detached });
        scenario.feed(Input::RereadBegun { source, at, reason: RereadReason::Rotated });
        scenario.feed(Input::RereadDone { source, at, partial: None });
        let (lines, _) = split(start, 100);
        scenario.feed(Input::DetachedLines { source, at, detached, lines });
    }
    scenario.tick();
    scenario.expect(&["start US-1 (B)"]);
}
