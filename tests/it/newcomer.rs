//! What somebody meets who has just arrived: one behaviour and one exit code for each situation, and words that are true and say what to do.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

use crate::bridge_process::{BridgeProcess, FinishedProcess, ProjectFolder, SOON, kind, story};

const LOG: &str = "[US-001] Starting...\n[US-001] Complete\n";
/// Nobody in particular.
const STRANGER: u32 = 65534;

/// Runs it as somebody whom permissions stop: for an administrator that is another user.
fn start_as_stranger(project: &ProjectFolder, arguments: &[&str]) -> BridgeProcess {
    let mut command = project.command(arguments);
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(project.path(), Permissions::from_mode(0o755)).expect("the folder is ours");
        command.uid(STRANGER).gid(STRANGER);
    }
    BridgeProcess::start(command)
}

fn run_as_stranger(project: &ProjectFolder, arguments: &[&str]) -> FinishedProcess {
    start_as_stranger(project, arguments).finished(SOON)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn an_empty_folder_is_one_answer_however_it_is_asked() {
    let project = ProjectFolder::new();
    for arguments in
        ["", ".", "--once", "--once .", "--json", "--json .", "--stream", "status", "status .", "doctor", "doctor .", "wait run ."]
    {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let finished = project.run(&arguments).exits_with(3);
        for words in ["nothing to watch in", "progress.txt", "docs/formats.md", "--watch progress.txt"] {
            assert!(finished.complaint().contains(words), "{arguments:?}: {}", finished.complaint());
        }
    }
}

#[test]
fn an_empty_folder_that_is_named_is_waited_for_unless_asked_once() {
    let project = ProjectFolder::new();
    fs::create_dir(project.file("shop")).expect("the folder is ours");
    for arguments in [&["--once", "shop"][..], &["status", "shop"], &["doctor", "shop"]] {
        let finished = project.run(arguments).exits_with(3);
        assert!(finished.complaint().contains("nothing to read in shop"), "{}", finished.complaint());
    }
    let bridge = project.start(&["--json", "shop"]);
    bridge.says("not there yet");
    project.write("shop/progress.txt", LOG);
    bridge.event("the story that came later", |event| kind(event) == "story_completed");
}

#[test]
fn what_may_not_be_read_is_3_with_a_remedy_when_asked_once() {
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    fs::create_dir(project.file("closed")).expect("the folder is ours");
    project.write("closed/progress.txt", LOG);
    set_mode(&project.file("progress.txt"), 0o000);
    set_mode(&project.file("closed"), 0o000);
    for path in ["progress.txt", "closed", "closed/progress.txt"] {
        for command in [&["--once"][..], &["--once", "--json"], &["status"], &["doctor"]] {
            let finished = run_as_stranger(&project, &[command, &[path]].concat()).exits_with(3);
            let message = finished.complaint();
            assert!(message.contains("Permission denied") && message.contains(path) && message.contains("chmod"), "{command:?}: {message}");
        }
    }
    let finished = run_as_stranger(&project, &["check", "progress.txt"]).exits_with(3);
    assert!(finished.complaint().contains("chmod"), "{}", finished.complaint());
    set_mode(&project.file("closed"), 0o755);
    let finished = run_as_stranger(&project, &["check", "closed"]).exits_with(2);
    assert!(finished.complaint().contains("progress-bridge doctor closed"), "{}", finished.complaint());
}

#[test]
fn what_may_not_be_read_is_waited_for_with_true_words() {
    let project = ProjectFolder::new();
    fs::create_dir(project.file("closed")).expect("the folder is ours");
    project.write("closed/progress.txt", LOG);
    set_mode(&project.file("closed"), 0o000);
    let bridge = start_as_stranger(&project, &["--json", "--poll-interval", "0.1", "closed/progress.txt"]);
    let message = bridge.says("cannot be read");
    assert!(message.contains("Permission denied") && message.contains("chmod"), "{message}");
    assert!(!bridge.stderr().contains("not there yet"), "{}", bridge.stderr());
    set_mode(&project.file("closed"), 0o755);
    bridge.event("the story, once it may be read", |event| kind(event) == "story_completed");
}

#[test]
fn a_read_only_folder_is_watched_like_any_other() {
    let project = ProjectFolder::new();
    fs::create_dir(project.file("shop")).expect("the folder is ours");
    project.write("shop/progress.txt", LOG);
    set_mode(&project.file("shop"), 0o555);
    let bridge = start_as_stranger(&project, &["--json", "--listen", "127.0.0.1:0", "shop"]);
    bridge.event("the story", |event| story(event) == "US-001");
    bridge.signal("TERM");
    bridge.finished(SOON).exits_with(0);
    let names: Vec<_> = fs::read_dir(project.file("shop")).expect("it is there").collect();
    assert_eq!(names.len(), 1, "{names:?}");
    set_mode(&project.file("shop"), 0o755);
}

#[test]
fn a_box_without_a_terminal_is_a_line_per_event() {
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    let bridge = project.start(&["--stream", "--listen", "127.0.0.1:0", "progress.txt"]);
    let line = bridge.says("story_completed");
    assert!(line.contains("US-001"), "{line}");
}

#[test]
fn a_state_that_cannot_be_kept_stops_the_program_at_the_start() {
    let project = ProjectFolder::new();
    project.write("progress.txt", LOG);
    project.write("file", "");
    fs::create_dir_all(project.file("foreign")).expect("the folder is ours");
    project.write("foreign/journal", "somebody else's\n");
    fs::create_dir(project.file("closed")).expect("the folder is ours");
    set_mode(&project.file("closed"), 0o555);
    let outside = ProjectFolder::new();
    outside.write("progress.txt", LOG);
    let log = outside.file("progress.txt").display().to_string();
    for (state, words) in [
        ("file", "name a folder that this user may write"),
        ("file/below", "name a folder that this user may write"),
        ("foreign", "not written by this program"),
        ("closed/state", "Permission denied"),
        ("/proc/nowhere", "name a folder"),
    ] {
        set_mode(outside.path(), 0o755);
        let finished = if state.starts_with("closed") {
            run_as_stranger(&project, &["--json", "--state", state, &log])
        } else {
            project.run(&["--json", "--state", state, &log])
        };
        let finished = finished.exits_with(2);
        assert!(finished.complaint().contains(words) && finished.complaint().contains("--state"), "{state}: {}", finished.complaint());
        assert!(finished.stdout.is_empty(), "{state}: events were written");
    }
    let finished = outside.run(&["--state", "kept", "progress.txt"]).exits_with(2);
    assert!(finished.complaint().contains("nothing is written there"), "{}", finished.complaint());
}

#[test]
fn a_restart_with_a_state_prints_nothing_again() {
    let project = ProjectFolder::new();
    let state = ProjectFolder::new();
    let folder = state.file("kept").display().to_string();
    project.write("progress.txt", LOG);
    let arguments = ["--plain", "--json", "--state", &folder, "progress.txt"];
    let first = project.start(&arguments);
    first.event("the story", |event| kind(event) == "story_completed");
    first.says("story_completed");
    first.signal("TERM");
    first.finished(SOON).exits_with(0);
    let second = project.start(&arguments);
    second.says("progress log");
    crate::runner::append(&project.file("progress.txt"), "[US-002] Starting...\n");
    second.event("the new story", |event| story(event) == "US-002");
    second.says("US-002");
    assert!(!second.stderr().contains("US-001"), "{}", second.stderr());
    assert_eq!(second.events().len(), 1, "{:#?}", second.events());
}
