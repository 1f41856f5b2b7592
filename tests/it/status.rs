//! `status` and `wait`: the words and the exit codes, from files and from a bridge that runs.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Command;
use std::time::{Duration, SystemTime};

use progress_bridge::clock::Timestamp;
use serde_json::Value;

use crate::bridge_process::{ProjectFolder, eventually};
use crate::sse_client;
use crate::state_schema;

const SOON: Duration = Duration::from_secs(20);

fn plan(passed: usize) -> String {
    let stories: Vec<Value> =
        (1..=3).map(|n| serde_json::json!({"id": format!("US-{n}"), "title": format!("Story {n}"), "passes": n <= passed})).collect();
    serde_json::json!({"project": "Shop", "branchName": "b", "userStories": stories}).to_string()
}

/// A folder with one story done of three and the second under way.
fn running() -> ProjectFolder {
    let project = ProjectFolder::new();
    project.write("prd.json", &plan(1));
    project.write("progress.txt", "# Progress Log\nStarted: today\n\n[US-1] Starting...\n[US-1] Completed\n[US-2] Starting...\n");
    project
}

fn ago(time: Duration) -> SystemTime {
    let now = u64::try_from(Timestamp::now().0).expect("it is later than 1970");
    SystemTime::UNIX_EPOCH + Duration::from_millis(now) - time
}

fn append(project: &ProjectFolder, text: &str) {
    let mut file = OpenOptions::new().append(true).open(project.file("progress.txt")).expect("the log is there");
    file.write_all(text.as_bytes()).expect("it can be written");
}

#[test]
fn the_exit_code_stands_for_the_state() {
    let project = running();
    let said = project.run(&["status"]).exits_with(10);
    let [line] = said.stdout.as_slice() else { panic!("{:?}", said.stdout) };
    assert!(line.starts_with("running    Shop: 1/3 stories, US-2 - Story 2"), "{line}");

    project.write("prd.json", &plan(3));
    project.run(&["status"]).exits_with(0);

    let planned = ProjectFolder::new();
    planned.write("prd.json", &plan(0));
    assert!(planned.run(&["status"]).exits_with(12).stdout[0].starts_with("planned "));

    let failed = ProjectFolder::new();
    failed.write(
        "events.jsonl",
        "{\"type\":\"story_started\",\"story_id\":\"US-1\",\"title\":\"One\"}\n{\"type\":\"task_completed\",\"status\":\"failed\"}\n",
    );
    assert!(failed.run(&["status"]).exits_with(1).stdout[0].starts_with("failed "));

    let empty = ProjectFolder::new();
    empty.run(&["status", "nothing-here"]).exits_with(3);
    running().run(&["status", "--task", "other"]).exits_with(3);
}

#[test]
fn a_silent_run_wants_a_look() {
    let project = running();
    let long_ago = ago(Duration::from_secs(2 * 3600));
    for name in ["prd.json", "progress.txt"] {
        let file = OpenOptions::new().append(true).open(project.file(name)).expect("it is there");
        file.set_modified(long_ago).expect("its time can be set");
    }
    let said = project.run(&["status"]).exits_with(11);
    assert!(said.stdout[0].starts_with("quiet ") && said.stdout[0].contains("watched files has moved"), "{:?}", said.stdout);
}

#[test]
fn a_template_and_json() {
    let project = running();
    assert_eq!(project.run(&["status", "--format", "{passed}/{total} {story}"]).exits_with(10).stdout, ["1/3 US-2"]);
    assert!(project.run(&["status", "--format", "{mood}"]).exits_with(2).complaint().contains("{passed}"));
    let state: Value = serde_json::from_str(&project.run(&["status", "--json"]).exits_with(10).stdout[0]).expect("it is JSON");
    state_schema::validate(&state_schema::validator(), "status --json", &state);
}

#[test]
fn a_bridge_gives_the_same_answer_and_a_closed_port_is_4() {
    let project = running();
    let bridge = project.start(&["--listen", "127.0.0.1:0"]);
    let address = bridge.address();
    let elsewhere = ProjectFolder::new();
    bridge.says("progress.txt");
    let said = elsewhere.run(&["status", &address, "--format", "{passed}/{total} {story}"]).exits_with(10);
    assert_eq!(said.stdout, ["1/3 US-2"]);
    let mut waiting = elsewhere.start(&["wait", "story:us-2", &address, "--timeout", "60s"]);
    assert!(!waiting.poll_ended());
    append(&project, "[US-2] Completed\n");
    waiting.finished(SOON).exits_with(0);
    drop(bridge);
    elsewhere.run(&["status", &address]).exits_with(4);
}

#[test]
fn waiting_ends_with_the_story_with_the_run_and_with_the_time() {
    let project = running();
    project.run(&["wait", "story:US-1"]).exits_with(0);
    project.run(&["wait", "story:US-9"]).exits_with(3);
    project.run(&["wait", "--timeout", "1s"]).exits_with(124);
    project.run(&["wait", "for it"]).exits_with(2);
    let failing = project.start(&["wait", "story:US-2", "--timeout", "60s"]);
    append(&project, "[US-2] Failed\n");
    failing.finished(SOON).exits_with(1);
    let whole = project.start(&["wait", "run", "--timeout", "60s"]);
    project.write("prd.json", &plan(3));
    whole.finished(SOON).exits_with(0);
}

#[test]
fn the_forecasts_of_finished_runs_are_scored() {
    let project = ProjectFolder::new();
    let entry = |n: usize, from: usize, to: usize| {
        format!("[2026-01-24 10:{from:02}:00] [US-{n}] Starting...\n[2026-01-24 10:{to:02}:00] [US-{n}] Completed\n")
    };
    project.write("progress.txt", &format!("# Progress Log\n\n{}{}{}", entry(1, 0, 10), entry(2, 11, 20), entry(3, 21, 32)));
    let scored = project.run(&["status", "--backtest", "progress.txt", "not-there"]).exits_with(0).stdout;
    assert!(scored[0].starts_with("1 runs with two timed stories or more, 2 forecasts"), "{scored:?}");
    assert!(scored[1].starts_with("within the 10-90 % band 100 %"), "{scored:?}");
    assert_eq!(scored[3], "1 paths could not be read");
}

#[test]
#[cfg(target_os = "linux")]
fn a_runner_that_was_killed_has_ended() {
    let project = running();
    fs::create_dir(project.file(".ralph")).expect("the folder is ours");
    let mut runner = Command::new("sleep").arg("600").spawn().expect("there is a sleep");
    project.write(".ralph/loop.lock", &serde_json::json!({"pid": runner.id(), "started": "now", "prompt": "Build it"}).to_string());
    let bridge = project.start(&["--listen", "127.0.0.1:0"]);
    let address = bridge.address().parse().expect("an address");
    let task = || sse_client::get(address, "/api/state").json()["tasks"][0].clone();
    eventually(SOON, "it runs", || (task()["status"] == "running").then_some(()));
    runner.kill().expect("it is ours");
    runner.wait().expect("it was killed");
    let ended = eventually(SOON, "it has ended", || Some(task()).filter(|task| task["status"] == "ended"));
    let reason = ended["end_reason"].as_str().expect("it says why");
    assert!(reason.contains(".ralph/loop.lock") && reason.contains(&runner.id().to_string()), "{reason}");
    // Whoever goes on is running again.
    append(&project, "[US-2] Completed\n");
    eventually(SOON, "it runs again", || (task()["status"] == "running").then_some(()));
}
