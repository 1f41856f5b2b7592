//! A runner's log that several tasks share: each record counts in one of them.

use super::*;

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

fn two_tasks(log: &str) -> World {
    let a = plan_of("A", &[("US-1", "Draw the map"), ("US-2", "Zoom")]);
    let b = plan_of("B", &[("US-1", "Send the mail"), ("US-9", "Sign it")]);
    World::of(&NAMES, &[Some(&a), Some(&b), Some(""), Some(""), Some(log), Some(log)], true)
}

impl World {
    fn log(&mut self, record: &str) -> &mut World {
        self.files[A_LOG].content += record;
        self.files[B_LOG].content += record;
        self.wait(1.0)
    }
}

#[test]
fn a_record_goes_to_the_plan_that_has_its_id_and_title() {
    let mut world = two_tasks(&record(1, "US-1", "Send the mail"));
    world.expect(&["start US-1 (B)", "passed US-1 (B)"]);
    world.log(&record(2, "US-1", "Draw the map")).expect(&["start US-1 (A)", "passed US-1 (A)"]);
    world.log(&record(3, "US-9", "")).expect(&["start US-9 (B)", "passed US-9 (B)"]);
}

#[test]
fn any_other_goes_to_the_task_that_moved_last() {
    let mut world = two_tasks("");
    for (at, name) in [(A, "A"), (B, "B"), (A, "A")] {
        world.append(at, "...\n").wait(1.0).expect(&[]);
        let second = world.now.as_secs() as u32;
        world.log(&record(second, "X-1", "Nobody's plan")).expect(&[&format!("start X-1 ({name})"), &format!("passed X-1 ({name})")]);
    }
}

#[test]
fn a_record_moves_the_task_whose_it_is() {
    let mut world = two_tasks("");
    let moved = |world: &World| -> Vec<_> { world.engine.state(world.moment()).tasks.iter().map(|task| task.last_activity_at).collect() };
    let before = moved(&world);
    world.log(&record(2, "US-1", "Send the mail")).said();
    let after = moved(&world);
    assert_eq!(after[0], before[0]);
    assert!(after[1] > before[1], "{before:?} {after:?}");
    // Found at the start, it tells when that was.
    let world = two_tasks(&record(39, "US-1", "Send the mail"));
    let end: jiff::Timestamp = "2026-02-02T02:39:30Z".parse().unwrap();
    assert_eq!(moved(&world), [before[0], Some(Timestamp(end.as_millisecond()))]);
}

#[test]
fn what_was_decided_stays_when_the_log_is_read_again() {
    let mut world = two_tasks("");
    world.append(B, "...\n").wait(1.0);
    world.log(&record(1, "X-1", "Nobody's plan")).expect(&["start X-1 (B)", "passed X-1 (B)"]);
    world.append(A, "...\n").wait(1.0);
    // Another line on top, as an editor saves it.
    let edited = format!("{{}}\n{}", world.files[A_LOG].content);
    for log in [A_LOG, B_LOG] {
        world.save(log, &edited, RereadReason::Replaced).wait(5.0).expect(&[]);
    }
    world.restart(60.0, |_| {}).expect(&[]);
    let state = world.engine.state(world.moment());
    let stories: Vec<usize> = state.tasks.iter().map(|task| task.stories.len()).collect();
    assert_eq!(stories, [2, 3], "of the log each task shows what is its own");
}

#[test]
fn a_task_that_comes_later_has_no_part_in_what_was_there() {
    let names = ["a/prd.json", "a/progress.txt", "a/log.jsonl", "b/prd.json", "b/progress.txt", "b/log.jsonl"];
    let a = plan_of("A", &[("US-1", "Draw the map")]);
    let log = cat(&[record(1, "US-1", "Draw the map"), record(2, "X-1", "In no plan")]);
    let mut world = World::of(&names[..3], &[Some(&a), Some(""), Some(&log)], true);
    world.expect(&["start US-1 (A)", "passed US-1 (A)", "start X-1 (A)", "passed X-1 (A)"]);
    let later = settings(&names, true);
    let added = Added { tasks: later.tasks[1..].to_vec(), sources: later.sources[3..].to_vec() };
    let now = world.moment();
    world.engine.add_found(&added, now);
    for (name, content) in names[3..].iter().zip([plan_of("B", &[("US-1", "Send the mail")]), "...\n".into(), log]) {
        world.files.push(File { document: name.ends_with(".json"), content, seen: None, why: RereadReason::Rewritten });
    }
    world.wait(1.0).expect(&[]);
    for log in [2, 5] {
        world.files[log].content += &record(3, "US-1", "Send the mail");
    }
    world.wait(1.0).expect(&["start US-1 (B)", "passed US-1 (B)"]);
}

#[test]
fn a_plan_without_titles_yields_to_one_that_has_both() {
    let mut world = two_tasks("");
    let untitled = serde_json::json!({"project": "B", "userStories": [{"id": "US-1", "passes": false}, {"id": "US-9", "passes": false}]});
    world.save(B_PLAN, &untitled.to_string(), RereadReason::Rewritten).wait(4.0).said();
    world.log(&record(2, "US-1", "Draw the map")).expect(&["start US-1 (A)", "passed US-1 (A)"]);
    world.log(&record(3, "US-9", "Whatever")).expect(&["start US-9 (B)", "passed US-9 (B)"]);
}

#[test]
fn a_missed_generation_is_told_apart_by_its_times() {
    let mut world = two_tasks(&cat(&[record(1, "US-1", "Draw the map"), record(2, "US-2", "Zoom"), record(3, "US-9", "Sign it")]));
    world.said();
    for log in [A_LOG, B_LOG] {
        let at = world.moment();
        let source = SourceId(log as u32);
        let (lines, rest) = split(&record(4, "US-9", "Sign it"), 1);
        world.engine.handle(Input::RereadBegun { source, at, reason: RereadReason::RotatedSibling });
        world.engine.handle(Input::Lines { source, at, lines });
        world.engine.handle(Input::RereadDone { source, at, partial: rest });
    }
    world.tick();
    world.expect(&["start US-9 (B)", "passed US-9 (B)"]);
}

#[test]
fn a_record_waits_for_the_plan_of_a_run_that_is_about_to_begin() {
    let mut world = two_tasks("");
    world.append(A, &cat(&[h("a"), s(1), s(2)])).wait(1.0);
    world.said();
    // The run begins anew: its plan is not looked at before that is certain.
    world.files[A].content.clear();
    world.wait(0.1);
    world.files[0].content = plan_of("New", &[("N-1", "Something new")]);
    world.append(B, "...\n").wait(0.1);
    world.log(&record(5, "N-1", "Something new")).wait(5.0);
    let said = world.said();
    assert!(said.contains(&"passed N-1 (New)".to_owned()), "{said:?}");
}

#[test]
fn what_was_told_and_not_remembered_stays_its_tasks() {
    let mut world = two_tasks("");
    world.append(B, "...\n").wait(1.0).log(&record(1, "X-1", "In no plan"));
    let told = std::mem::take(&mut world.events);
    assert!(told.iter().any(|event| &*event.task_id == "b"));
    let contents: Vec<Option<&str>> = world.files.iter().map(|file| Some(file.content.as_str())).collect();
    let mut again = World::after(&told, &NAMES, &contents, true);
    again.expect(&[]);
}

#[test]
fn the_same_words_without_a_time_may_be_said_of_another_task() {
    let mut world = two_tasks(&record(1, "US-2", "Zoom"));
    world.said();
    for (at, name) in [(A, "A"), (B, "B"), (A, "A"), (B, "B")] {
        world.append(at, "...\n").wait(1.0).expect(&[]);
        world.log("{\"event\": \"story_started\", \"story\": \"US-1\"}\n").expect(&[&format!("start US-1 ({name})")]);
    }
}
