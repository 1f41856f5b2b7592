//! Nothing outside of the folder is read: links that were there at the start, links that come later, and whose folders are believed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON, story};

const PLAN: &str = r#"{"project": "shop", "userStories": [{"id": "OUT-1", "title": "Elsewhere", "passes": true}]}"#;
const LOG: &str = "[OUT-2] Starting...\n[OUT-2] Completed\n";
const RECORD: &str = concat!(
    r#"{"story_id": "OUT-3", "story_title": "Elsewhere", "timestamp_start": "2026-02-02T02:00:00Z", "#,
    r#""timestamp_end": "2026-02-02T02:01:00Z", "status": "success", "exit_code": 0}"#,
    "\n"
);

/// A folder outside of the project, with one file of each kind.
fn elsewhere() -> ProjectFolder {
    let elsewhere = ProjectFolder::new();
    elsewhere.write("prd.json", PLAN);
    elsewhere.write("progress.txt", LOG);
    fs::create_dir(elsewhere.file(".claude-loop")).expect("the folder is ours");
    elsewhere.write(".claude-loop/execution_log.jsonl", RECORD);
    elsewhere
}

/// Replaces what stands there by a link, as `ln -sfn` does.
fn replace_by_link(to: &Path, at: &Path) {
    let new = at.with_extension("new");
    symlink(to, &new).expect("the folder is ours");
    if at.is_dir() {
        fs::rename(at, at.with_extension("old")).expect("the folder is ours");
    }
    fs::rename(new, at).expect("the folder is ours");
}

/// Waits until what was written after everything else has been read, and asserts that nothing from outside was.
#[track_caller]
fn reads_only_what_is_inside(project: &ProjectFolder, bridge: &BridgeProcess, mark: &str) {
    fs::write(project.file("own.log"), format!("[{mark}] Starting...\n")).expect("the folder is ours");
    bridge.event("what is inside", |event| story(event) == mark);
    let told: Vec<String> = bridge.events().iter().map(ToString::to_string).collect();
    let outside: Vec<&String> = told.iter().filter(|event| event.contains("OUT-") || event.contains("Elsewhere")).collect();
    assert!(outside.is_empty(), "{outside:#?}");
}

#[test]
fn what_is_taken_along_is_left_aside_where_it_leads_out() {
    let elsewhere = elsewhere();
    for (at, to) in [
        ("prd.json", "prd.json"),
        ("progress.txt", "progress.txt"),
        (".claude-loop", ".claude-loop"),
        (".claude-loop/execution_log.jsonl", ".claude-loop/execution_log.jsonl"),
        (".ralph/progress.md", "progress.txt"),
        (".claude-loop/logs/error.log", "progress.txt"),
    ] {
        let project = ProjectFolder::new();
        project.write("own.log", "[IN-1] Starting...\n");
        fs::create_dir_all(project.file(at).parent().expect("it has one")).expect("the folder is ours");
        symlink(elsewhere.file(to), project.file(at)).expect("the folder is ours");
        for arguments in [&["--once", "--json", "own.log"][..], &["--once", "--json"], &["--once", "--json", "*.log"]] {
            let told = project.run(arguments).exits_with(0).stdout.join("\n");
            assert!(told.contains("IN-1"), "{at} {arguments:?}: {told}");
            assert!(!told.contains("OUT-") && !told.contains("Elsewhere"), "{at} {arguments:?}: {told}");
        }
        // Whoever names the link itself is given what it leads to.
        if !at.contains('/') && at != ".claude-loop" {
            let told = project.run(&["--once", "--json", "--no-discover", at]).exits_with(0).stdout.join("\n");
            assert!(told.contains("OUT-"), "{at}: {told}");
        }
    }
}

#[test]
fn what_becomes_a_link_out_is_not_followed() {
    let elsewhere = elsewhere();
    for named in [&[][..], &["progress.txt", "prd.json", "own.log", "sub/progress.txt", "awaited/progress.txt"]] {
        let project = ProjectFolder::new();
        project.write("own.log", "[IN-1] Starting...\n");
        project.write("progress.txt", "[IN-2] Starting...\n");
        project.write("prd.json", &PLAN.replace("OUT-1", "IN-3").replace("Elsewhere", "Inside"));
        fs::create_dir(project.file("sub")).expect("the folder is ours");
        project.write("sub/progress.txt", "[IN-4] Starting...\n");
        let bridge = project.start(&[&["--json"][..], named].concat());
        bridge.event("what was there", |event| story(event) == "IN-4");
        for (number, (at, to)) in [
            ("progress.txt", elsewhere.file("progress.txt")),
            ("prd.json", elsewhere.file("prd.json")),
            ("sub", elsewhere.path().to_owned()),
            ("awaited", elsewhere.path().to_owned()),
        ]
        .into_iter()
        .enumerate()
        {
            replace_by_link(&to, &project.file(at));
            reads_only_what_is_inside(&project, &bridge, &format!("IN-{}", 10 + number));
        }
        let said = bridge.says("leads out of");
        assert!(said.contains("progress.txt") && said.contains("name it"), "{said}");
    }
}

#[test]
fn a_link_that_was_named_is_followed_wherever_it_is_led() {
    let (project, elsewhere) = (ProjectFolder::new(), ProjectFolder::new());
    for (folder, id) in [("one", "US-1"), ("two", "US-2")] {
        fs::create_dir(elsewhere.file(folder)).expect("the folder is ours");
        elsewhere.write(&format!("{folder}/progress.txt"), &format!("[{id}] Starting...\n"));
    }
    symlink(elsewhere.file("one/progress.txt"), project.file("file.txt")).expect("the folder is ours");
    symlink(elsewhere.file("one"), project.file("folder")).expect("the folder is ours");
    for (link, named) in [("file.txt", "file.txt"), ("folder", "folder/progress.txt"), ("folder", "folder")] {
        let to = |folder: &str| if link == "folder" { elsewhere.file(folder) } else { elsewhere.file(folder).join("progress.txt") };
        let bridge = project.start(&["--json", "--no-discover", named]);
        bridge.event("where it leads", |event| story(event) == "US-1");
        let new = project.file("new");
        symlink(to("two"), &new).expect("the folder is ours");
        fs::rename(&new, project.file(link)).expect("the folder is ours");
        bridge.event("where it leads now", |event| story(event) == "US-2");
        fs::remove_file(project.file(link)).expect("the folder is ours");
        symlink(to("one"), project.file(link)).expect("the folder is ours");
    }
}

#[test]
fn a_folder_that_was_removed_is_no_place_to_start_in() {
    let project = ProjectFolder::new();
    fs::create_dir(project.file("gone")).expect("the folder is ours");
    for arguments in ["", "--once", "--once progress.txt"] {
        let script = format!(r#"rmdir "$PWD"; exec "$0" --listen 127.0.0.1:0 {arguments}"#);
        let script = if arguments.contains("--once") { script.replace(" --listen 127.0.0.1:0", "") } else { script };
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_progress-bridge")]);
        let ended = BridgeProcess::start_in(&mut command, &project.file("gone")).finished(SOON).exits_with(3);
        assert!(ended.complaint().contains("was removed"), "{:?}", ended.stderr);
        fs::create_dir(project.file("gone")).expect("the folder is ours");
    }
}
