//! `demo`: a whole run from nothing, and nothing left of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use progress_bridge::demo::family::FAMILIES;

use crate::bridge_process::{BridgeProcess, ProjectFolder, eventually, kind};

/// A run at the highest speed, on a loaded machine.
const WHOLE_RUN: Duration = Duration::from_secs(60);

fn start(project: &ProjectFolder, arguments: &[&str]) -> BridgeProcess {
    let mut command = project.command(["demo", "--listen", "127.0.0.1:0"].iter().chain(arguments));
    command.env("TMPDIR", project.file("tmp"));
    fs::create_dir_all(project.file("tmp")).expect("the folder is ours");
    BridgeProcess::start(command)
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).expect("it is there").next().is_none()
}

#[test]
fn a_demo_is_a_whole_run_and_leaves_nothing_behind() {
    let project = ProjectFolder::new();
    let runners = [["--runner", "claude-loop", "--style", "rename"], ["--runner", "ralph", "--style", "insert-top"]];
    let families = FAMILIES.iter().map(|family| vec!["--family", family.name]);
    for arguments in runners.map(|runner| runner.to_vec()).into_iter().chain(families) {
        let arguments = [arguments, vec!["--speed", "100", "--json", "--exit-on-complete"]].concat();
        let finished = start(&project, &arguments).finished(WHOLE_RUN).exits_with(0);
        let events = finished.events();
        assert_eq!(events.first().map(kind), Some("task_started"), "{arguments:?}");
        assert_eq!(events.last().map(kind), Some("task_completed"), "{arguments:?}");
        let passed = events.iter().filter(|event| kind(event) == "story_completed").count();
        assert!(passed >= 4, "{arguments:?}: {passed} stories");
        assert!(is_empty(&project.file("tmp")), "{arguments:?}");
    }
}

#[test]
fn a_demo_says_how_to_leave_and_ctrl_c_cleans_up() {
    let project = ProjectFolder::new();
    let demo = start(&project, &["--plain"]);
    demo.says("listening on http://127.0.0.1:");
    let message = demo.says("Ctrl-C");
    assert!(message.contains("removes it"), "{message}");
    let folder = eventually(WHOLE_RUN, "its folder", || fs::read_dir(project.file("tmp")).ok()?.next()?.ok()).path();
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&folder).expect("it is there").permissions().mode() & 0o777, 0o700);
    demo.signal("INT");
    demo.finished(WHOLE_RUN).exits_with(130);
    assert!(is_empty(&project.file("tmp")));
}
