//! What the arguments can name: later files, folders, patterns, standard input, pipes; and what is refused.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON, eventually, kind, story};

const LOG: &str = "[US-1] Starting...\n[US-1] Completed\n";

#[test]
fn files_that_turn_up_in_folders_and_by_patterns_are_read_from_their_start() {
    let project = ProjectFolder::new();
    let bridge = project.start(&["--json", "--no-discover", "logs/*.log", "tasks"]);
    bridge.says("waiting for");
    fs::create_dir_all(project.file("logs")).expect("the folder is ours");
    project.write("logs/one.log", "[L-1] Starting...\n");
    project.write("logs/one.txt", "[L-9] Starting...\n");
    bridge.event("a log", |event| story(event) == "L-1");
    fs::create_dir_all(project.file("tasks/deep/down")).expect("the folder is ours");
    project.write("tasks/deep/down/claude-progress.txt", "[T-1] Starting...\n");
    let deep = bridge.event("a run in a folder", |event| story(event) == "T-1");
    assert_eq!(deep["task_id"], "down");
    project.write("logs/two.log", "[L-2] Starting...\n");
    bridge.event("another log", |event| story(event) == "L-2");
    assert!(!bridge.events().iter().any(|event| story(event) == "L-9"));
    bridge.says("has turned up");
}

#[test]
fn links_that_lead_out_of_a_folder_are_left_alone() {
    let (project, elsewhere) = (ProjectFolder::new(), ProjectFolder::new());
    elsewhere.write("secret.log", LOG);
    project.write("own.log", "[US-2] Starting...\n");
    std::os::unix::fs::symlink(elsewhere.file("secret.log"), project.file("link.log")).expect("the folder is ours");
    let found = project.run(&["--once", "--json", "--no-discover", "*.log"]).exits_with(0);
    let stories: Vec<String> = found.events().iter().map(|event| story(event).to_owned()).filter(|story| !story.is_empty()).collect();
    assert_eq!(stories, ["US-2"]);
    // By its own name it was asked for.
    assert_eq!(project.run(&["--once", "--json", "--no-discover", "link.log"]).exits_with(0).events().len(), 3);
}

#[test]
fn standard_input_is_read_to_its_end() {
    let project = ProjectFolder::new();
    for (arguments, lines) in
        [(vec!["--json", "-"], 3), (vec!["--json", "--once", "-"], 3), (vec!["--json", "--no-discover", "/dev/stdin"], 3)]
    {
        let mut child = project
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // The last line has no end.
        stdin.write_all(LOG.trim_end().as_bytes()).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends with its input");
        assert!(output.status.success(), "{arguments:?}");
        let text = String::from_utf8(output.stdout).expect("JSON is text");
        assert_eq!(text.lines().count(), lines, "{arguments:?}: {text}");
        assert!(text.contains(r#""source":{"path":"#), "{text}");
    }
}

#[test]
fn a_named_pipe_is_read_from_one_writer_after_the_other() {
    let project = ProjectFolder::new();
    assert!(Command::new("mkfifo").arg(project.file("pipe")).status().expect("mkfifo is there").success());
    let bridge = project.start(&["--json", "--no-discover", "pipe"]);
    for number in 1..=3 {
        fs::write(project.file("pipe"), format!("[US-{number}] Starting...")).expect("it is read");
        bridge.event("what was written", |event| story(event) == format!("US-{number}"));
    }
}

#[test]
fn what_is_no_file_is_refused_with_a_reason() {
    let project = ProjectFolder::new();
    let bridge = project.start(&["--json", "--no-discover", "/dev/zero"]);
    let said = bridge.says("is a device");
    assert!(said.contains("give the path of the file itself"), "{said}");
}

#[test]
fn a_file_named_twice_is_read_once() {
    let project = ProjectFolder::new();
    project.write("a.log", LOG);
    std::os::unix::fs::symlink("a.log", project.file("b.log")).expect("the folder is ours");
    let absolute = project.file("a.log");
    let arguments = ["--once", "--json", "--no-discover", "a.log", "./a.log", "b.log", absolute.to_str().expect("a plain name")];
    assert_eq!(project.run(&arguments).exits_with(0).events().len(), 3);
}

#[test]
fn several_tasks_are_told_apart() {
    let project = ProjectFolder::new();
    for name in ["one", "two"] {
        fs::create_dir(project.file(name)).expect("the folder is ours");
        project.write(&format!("{name}/progress.txt"), LOG);
    }
    let events = project.run(&["--once", "--json"]).exits_with(0).events();
    let tasks: Vec<&str> =
        events.iter().filter(|event| kind(event) == "story_completed").filter_map(|event| event["task_id"].as_str()).collect();
    assert_eq!(tasks, ["one", "two"]);
}

#[test]
fn a_runners_log_above_several_plans_is_shared() {
    let project = ProjectFolder::new();
    for (task, title) in [("map", "Draw the map"), ("mail", "Send the mail")] {
        fs::create_dir(project.file(task)).expect("the folder is ours");
        let story = format!(r#"{{"id": "US-1", "title": "{title}", "passes": false}}"#);
        project.write(&format!("{task}/prd.json"), &format!(r#"{{"project": "{task}", "userStories": [{story}]}}"#));
        project.write(&format!("{task}/progress.txt"), "");
    }
    fs::create_dir(project.file(".claude-loop")).expect("the folder is ours");
    let record = |minute: u32, id: &str, title: &str| {
        let times = format!(r#""timestamp_start": "2026-02-02T02:{minute:02}:00Z", "timestamp_end": "2026-02-02T02:{minute:02}:30Z""#);
        format!(r#"{{"story_id": "{id}", "story_title": "{title}", {times}, "status": "success", "exit_code": 0}}"#) + "\n"
    };
    let log = project.file(".claude-loop/execution_log.jsonl");
    let append = |path: &std::path::Path, text: &str| {
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        file.expect("the folder is ours").write_all(text.as_bytes()).expect("the disk has room");
    };
    append(&log, &record(1, "US-1", "Send the mail"));
    let completed = |events: &[serde_json::Value]| -> Vec<String> {
        let done = events.iter().filter(|event| kind(event) == "story_completed");
        done.map(|event| format!("{} {}", event["task_id"].as_str().unwrap_or_default(), story(event))).collect()
    };
    let arguments = ["--json", "--state", ".state", "map", "mail"];
    let bridge = project.start(&arguments);
    bridge.event("what was there", |event| kind(event) == "story_completed");
    bridge.says("watching");
    append(&log, &record(2, "US-1", "Draw the map"));
    bridge.event("the other task's", |event| event["task_id"] == "map" && kind(event) == "story_completed");
    append(&project.file("map/progress.txt"), "...\n");
    append(&log, &record(3, "X-1", "In no plan"));
    bridge.event("the one that moved last", |event| story(event) == "X-1" && kind(event) == "story_completed");
    assert_eq!(completed(&bridge.events()), ["mail US-1", "map US-1", "map X-1"]);
    bridge.signal("TERM");
    bridge.finished(SOON).exits_with(0);

    append(&log, &record(4, "US-1", "Send the mail"));
    let bridge = project.start(&arguments);
    bridge.event("what came meanwhile", |event| kind(event) == "story_completed");
    bridge.signal("TERM");
    assert_eq!(completed(&bridge.finished(SOON).exits_with(0).events()), ["mail US-1"]);
}

#[test]
fn a_rotated_log_is_followed_through_its_old_descriptor() {
    let project = ProjectFolder::new();
    project.write("agent.log", "[US-1] Starting...\n");
    let bridge = project.start(&["--json", "--no-discover", "agent.log"]);
    bridge.event("the first", |event| story(event) == "US-1");
    let mut old = fs::OpenOptions::new().append(true).open(project.file("agent.log")).expect("it is there");
    fs::rename(project.file("agent.log"), project.file("agent.log.1")).expect("it is ours");
    project.write("agent.log", "[US-1] Starting...\n");
    bridge.event("counts go on", |event| story(event) == "US-1" && event["data"]["attempt"] == 1 && event["seq"].as_u64() > Some(2));
    old.write_all(b"[US-2] Starting...\n").expect("the disk has room");
    bridge.event("a late line", |event| story(event) == "US-2");
}

#[test]
fn a_pipe_in_a_runners_folder_has_one_reader() {
    let project = ProjectFolder::new();
    for task in ["map", "mail"] {
        fs::create_dir(project.file(task)).expect("the folder is ours");
        project.write(&format!("{task}/progress.txt"), "");
    }
    fs::create_dir(project.file(".claude-loop")).expect("the folder is ours");
    let pipe = project.file(".claude-loop/run.jsonl");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    let bridge = project.start(&["--json", "--no-discover", "map/progress.txt", "mail/progress.txt", ".claude-loop/run.jsonl"]);
    bridge.says("watching");
    let lines: String = (1..=50).map(|number| format!("{{\"event\": \"story_started\", \"story\": \"US-{number}\"}}\n")).collect();
    fs::write(&pipe, lines).expect("it has a reader");
    bridge.event("the last", |event| story(event) == "US-50");
    let started = bridge.events().iter().filter(|event| kind(event) == "story_started").count();
    assert_eq!(started, 50);
}

#[test]
fn where_nothing_can_be_watched_it_says_so_and_looks_by_the_clock() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-1] Starting...\n");
    let bridge = without_a_watcher(&project);
    bridge.event("what is there", |event| story(event) == "US-1");
    project.write("progress.txt", "[US-1] Starting...\n[US-2] Starting...\n");
    bridge.event("what comes", |event| story(event) == "US-2");
    bridge.signal("TERM");
    bridge.finished(SOON).exits_with(0);
}

/// A bridge with descriptors enough for the file and too few for a watcher. How many that takes depends on how many the
/// caller of the tests has left open, so it is tried.
fn without_a_watcher(project: &ProjectFolder) -> BridgeProcess {
    for limit in 9..100 {
        let script = format!(r#"ulimit -n {limit}; exec "$0" --json --no-discover progress.txt"#);
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_progress-bridge")]);
        let mut bridge = BridgeProcess::start_in(&mut command, project.path());
        let said = eventually(SOON, "it says what it has read, or ends", || {
            let said = bridge.stderr();
            (said.contains("\n  progress.txt  ") || bridge.poll_ended()).then_some(said)
        });
        if said.contains("cannot be watched") && said.contains("1 of 1 line understood") {
            return bridge;
        }
    }
    panic!("no limit of open files stops the watcher alone");
}
