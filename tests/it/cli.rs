//! The command line of the real binary: exit codes, messages, exit conditions.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::bridge_process::{ProjectFolder, SOON, eventually, kind, story};

/// What is promised for the end.
const END: Duration = Duration::from_secs(2);

const LOG: &str = "[US-001] Starting...\n[US-001] Complete\n";

#[test]
fn help_and_version_go_to_stdout() {
    let project = ProjectFolder::new();
    let help = project.run(&["--help"]).exits_with(0);
    assert!(help.stderr.is_empty(), "{:?}", help.stderr);
    let text = help.stdout.join("\n");
    for heading in ["Examples:", "Watch:", "Serve:", "Show:", "Settings:", "Exit codes:"] {
        assert!(text.contains(heading), "{heading} is missing in\n{text}");
    }
    let version = project.run(&["--version"]).exits_with(0);
    assert_eq!(version.stdout, [format!("progress-bridge {}", env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let project = ProjectFolder::new();
    for (arguments, words) in [
        (&["--strem"][..], "--stream"),
        (&["--listen", "nowhere"], "HOST:PORT"),
        (&["--listen", "0.0.0.0:0"], "--require-token"),
        (&["--buffer", "18446744073709551615"], "0..=10000"),
        (&["--max-rate", "4294967296"], "0..=10000"),
        (&["--max-clients", "0"], "1..=1000000"),
        (&["--once", "--listen", "127.0.0.1:0"], "leave out"),
        (&["--poll-interval", "0"], "seconds"),
        (&["--token-file", "missing"], "token file missing"),
        (&["--allow-origin", "example.org"], "http://localhost:3000"),
    ] {
        let finished = project.run(arguments).exits_with(2);
        assert!(finished.stderr.join("\n").contains(words), "{arguments:?}: {:#?}", finished.stderr);
        assert!(finished.stdout.is_empty(), "{:?}", finished.stdout);
    }
}

#[test]
fn an_empty_folder_says_what_was_looked_for() {
    let finished = ProjectFolder::new().run(&[]).exits_with(3);
    for words in ["progress.txt", "prd.json", "--watch"] {
        assert!(finished.complaint().contains(words), "{}", finished.complaint());
    }
}

#[test]
fn once_does_not_wait_for_what_is_missing() {
    let finished = ProjectFolder::new().run(&["--once", "nowhere/progress.txt"]).exits_with(3);
    assert!(finished.complaint().contains("nowhere/progress.txt"), "{}", finished.complaint());
}

#[test]
fn once_prints_the_events_that_are_there() {
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    let finished = project.run(&["--once", "--json", "progress.txt"]).exits_with(0);
    let types: Vec<String> = finished.events().iter().map(|event| kind(event).to_owned()).collect();
    assert!(types.ends_with(&["story_started".to_owned(), "story_completed".to_owned()]), "{types:?}");
    let summary = project.run(&["--once", "progress.txt"]).exits_with(0);
    assert!(summary.stdout.join("\n").contains("US-001"), "{:?}", summary.stdout);
}

#[test]
fn what_is_named_and_missing_is_waited_for_folders_too() {
    let project = ProjectFolder::new();
    let bridge = project.start(&["--json", "later/progress.txt"]);
    bridge.says("later/progress.txt");
    std::fs::create_dir(project.file("later")).expect("the folder is ours");
    project.write("later/progress.txt", LOG);
    bridge.event("the story that came later", |event| kind(event) == "story_completed");
}

#[test]
fn an_unreadable_file_is_one_message_with_a_remedy() {
    let project = ProjectFolder::new();
    let log = project.file("progress.txt");
    // A link to itself: not even the administrator can read that.
    std::os::unix::fs::symlink("progress.txt", &log).expect("the folder is ours");
    let bridge = project.start(&["--json", "--watch", "progress.txt"]);
    let message = bridge.says("symbolic links");
    assert!(message.contains("progress.txt"), "{message}");
    std::fs::remove_file(&log).expect("the folder is ours");
    project.write("progress.txt", LOG);
    bridge.event("the story, once it can be read", |event| kind(event) == "story_completed");
    assert_eq!(bridge.stderr().matches("symbolic links").count(), 1, "{}", bridge.stderr());
}

#[test]
fn a_forbidden_file_is_one_message_with_a_remedy() {
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    let allow = |mode| std::fs::set_permissions(project.file("progress.txt"), std::fs::Permissions::from_mode(mode));
    allow(0o000).expect("the file is ours");
    if std::fs::read(project.file("progress.txt")).is_ok() {
        // The administrator reads everything: the test above is all there is to see.
        return;
    }
    let bridge = project.start(&["--json", "--watch", "progress.txt"]);
    let message = bridge.says("ermission denied");
    assert!(message.contains("progress.txt"), "{message}");
    allow(0o644).expect("the file is ours");
    bridge.event("the story, once it may be read", |event| kind(event) == "story_completed");
    assert_eq!(bridge.stderr().matches("ermission denied").count(), 1, "{}", bridge.stderr());
}

#[test]
fn a_busy_port_that_was_asked_for_is_an_error_with_the_fix() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it has one").to_string();
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    let finished = project.run(&["--listen", &address, "progress.txt"]).exits_with(4);
    assert!(finished.complaint().contains(&address) && finished.complaint().contains("--listen 127.0.0.1:0"), "{}", finished.complaint());
}

#[test]
fn a_busy_default_port_is_got_around() {
    // Held by us, or by whoever else runs here: busy either way.
    let _held = TcpListener::bind("127.0.0.1:7333");
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    let bridge = project.start(&["progress.txt"]);
    let address = bridge.address();
    assert_ne!(address, "127.0.0.1:7333");
    assert!(address.starts_with("127.0.0.1:73"), "{address}");
    bridge.says("7333 is busy");
}

#[test]
fn json_alone_serves_nothing() {
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    let bridge = project.start(&["--json", "progress.txt"]);
    bridge.event("the story", |event| kind(event) == "story_completed");
    assert!(!bridge.stderr().contains("listening"), "{}", bridge.stderr());
}

#[test]
fn the_environment_says_the_same_as_the_flags() {
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    let mut command = project.command(["progress.txt"]);
    command.env("PROGRESS_BRIDGE_JSON", "1").env("PROGRESS_BRIDGE_ONCE", "yes");
    let finished = crate::bridge_process::BridgeProcess::start(command).finished(SOON).exits_with(0);
    assert!(finished.events().iter().any(|event| story(event) == "US-001"));
}

#[test]
fn from_end_emits_only_what_comes() {
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    let bridge = project.start(&["--json", "--from", "end", "progress.txt"]);
    bridge.says("progress log");
    crate::runner::append(&project.file("progress.txt"), "[US-002] Starting...\n");
    bridge.event("the second story", |event| story(event) == "US-002");
    assert!(bridge.events().iter().all(|event| story(event) != "US-001"), "{:#?}", bridge.events());
}

#[test]
fn exit_on_complete_says_how_it_ended() {
    for (last, code) in [("passed", 0), ("failed", 1)] {
        let project = ProjectFolder::new();
        project.write(
            "events.jsonl",
            "{\"type\":\"task_started\",\"task_name\":\"Shop\"}\n{\"type\":\"story_started\",\"story_id\":\"US-001\"}\n",
        );
        let bridge = project.start(&["--exit-on-complete", "--json", "events.jsonl"]);
        bridge.event("the story", |event| kind(event) == "story_started");
        let end = format!(
            "{{\"type\":\"story_completed\",\"story_id\":\"US-001\",\"status\":\"{last}\"}}\n{{\"type\":\"task_completed\",\"status\":\"{last}\"}}\n"
        );
        crate::runner::append(&project.file("events.jsonl"), &end);
        let finished = bridge.finished(SOON).exits_with(code);
        assert_eq!(finished.events().last().map(kind), Some("task_completed"));
    }
}

#[test]
fn signals_end_it_within_two_seconds_and_nothing_read_is_lost() {
    for (signal, code) in [("TERM", 0), ("INT", 130)] {
        let project = ProjectFolder::new();
        project.write("progress.txt", "");
        let bridge = project.start(&["--json", "--listen", "127.0.0.1:0", "progress.txt"]);
        bridge.address();
        bridge.says("progress.txt");
        crate::runner::append(&project.file("progress.txt"), LOG);
        // Straight after the write: the last look must still bring it.
        bridge.signal(signal);
        let finished = bridge.finished(END).exits_with(code);
        assert!(finished.events().iter().any(|event| kind(event) == "story_completed"), "{:#?}", finished.events());
    }
}

#[test]
fn a_client_that_never_reads_does_not_hold_the_end() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "");
    let bridge = project.start(&["--listen", "127.0.0.1:0", "--max-rate", "0", "progress.txt"]);
    let address = bridge.address();
    let mut silent = std::net::TcpStream::connect(&address).expect("it listens");
    std::io::Write::write_all(&mut silent, format!("GET /stream/progress HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())
        .expect("it takes it");
    let lines: String = (0..20_000).map(|number| format!("[S-{number}] Starting...\n")).collect();
    crate::runner::append(&project.file("progress.txt"), &lines);
    let mut reader = crate::sse::follow(&address, "/stream/progress", &[]);
    reader.wait_for("story_started");
    bridge.signal("INT");
    bridge.finished(END).exits_with(130);
}

#[test]
fn a_closed_stdout_is_a_quiet_end() {
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    let mut command = project.command(["--json", "progress.txt"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    drop(child.stdout.take());
    let start = Instant::now();
    let status = eventually(SOON, "it ends", || child.try_wait().expect("it is our child"));
    assert_eq!(status.code(), Some(0), "after {:?}", start.elapsed());
}

#[test]
fn check_explains_a_file() {
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    project.write("prd.json", "{\"userStories\": [{\"id\": \"US-001\", \"title\": \"Basket\", \"passes\": true}]}");
    let text = project.run(&["check", "progress.txt", "prd.json"]).exits_with(0).stdout.join("\n");
    for words in ["progress.txt: progress log", "1 │ started US-001", "2 │ passed US-001", "✓ US-001", "1 of 1 stories passed"] {
        assert!(text.contains(words), "{words:?} is missing in\n{text}");
    }
    let missing = project.run(&["check", "missing.txt"]).exits_with(3);
    assert!(missing.complaint().contains("missing.txt"), "{}", missing.complaint());
}

#[test]
fn a_mistake_in_rules_is_named_with_its_place_before_anything_starts() {
    let project = ProjectFolder::new();
    project.write("night.toml", "[[rule]]\nname = \"job\"\nevent = \"story_started\"\nmatch = '^(?<title>.+'\n");
    for arguments in [&["--rules", "night.toml", "--once"][..], &["check", "--rules", "night.toml", "x.log"]] {
        let finished = project.run(arguments).exits_with(2);
        assert_eq!(finished.stderr, ["progress-bridge: night.toml:4:11: rule \"job\": unclosed group"]);
    }
    let finished = project.run(&["--rules", "none.toml", "--once"]).exits_with(2);
    assert!(finished.stderr[0].starts_with("progress-bridge: cannot read the rules in none.toml: "), "{:?}", finished.stderr);
}

#[test]
fn the_recipe_for_an_unknown_log_does_what_it_says() {
    let page = include_str!("../../docs/rules.md");
    // The blocks of the page in their order: the log, what it is at first, the rules, what it is then.
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).map(|(_, text)| text).collect();
    let [log, first, rules, then, ..] = blocks.as_slice() else { panic!("the page has lost its blocks") };
    let project = ProjectFolder::new();
    project.write("deploy-robot.log", log);
    project.write("robot.toml", rules.split_once('\n').expect("a comment comes first").1);
    for (arguments, shown) in [(&["check", "deploy-robot.log"][..], first), (&["check", "--rules", "robot.toml", "deploy-robot.log"], then)]
    {
        let expected: Vec<&str> = shown.lines().skip(1).collect();
        assert_eq!(project.run(arguments).exits_with(0).stdout, expected);
    }
}

#[test]
fn what_is_wrong_with_a_plan_is_said_at_once() {
    let project = ProjectFolder::new();
    project.write("prd.json", "{\"userStories\": [\n  {\"id\": \"US-1\",\n");
    let ended = project.run(&["--once", "prd.json"]).exits_with(65);
    let said = ended.stderr.join("\n");
    assert!(said.contains("prd.json: is not valid JSON") && said.contains("line 3"), "{said:?}");
    let bridge = project.start(&["--json", "prd.json"]);
    bridge.says("watching");
    let said = bridge.says("prd.json  ");
    assert!(said.contains("broken"), "{said}");
    // It comes before the list of files, which follows the first look.
    let stderr = bridge.stderr();
    assert!(stderr.find("is not valid JSON") < stderr.find("watching"), "{stderr}");
    assert_eq!(stderr.matches("is not valid JSON").count(), 1, "{stderr}");
}

#[test]
fn a_broken_plan_among_good_ones_is_no_success() {
    let project = ProjectFolder::new();
    let good = r#"{"branchName": "good", "userStories": [{"id": "US-1", "title": "A", "passes": true}]}"#;
    project.write("prd.json", good);
    std::fs::create_dir(project.file("tasks")).expect("the folder is ours");
    project.write("tasks/prd.json", "{\"userStories\": [");
    project.write("notes.md", "{\"userStories\": [");
    let ended = project.run(&["--once", "--json"]).exits_with(65);
    assert_eq!(ended.events().iter().filter(|event| kind(event) == "task_completed").count(), 1, "the good one is read");
    let ended = project.run(&["--once"]).exits_with(65);
    let (stdout, stderr) = (ended.stdout.join("\n"), ended.stderr.join("\n"));
    assert!(
        stdout.contains("PASSED") && stdout.contains("1/1") && stderr.contains("tasks/prd.json: is not valid JSON"),
        "{stdout}\n{stderr}"
    );
    project.write("tasks/prd.json", good);
    project.run(&["--once"]).exits_with(0);
}
