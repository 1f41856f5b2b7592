//! Folders of very many files, and limits of open files: what is no run costs next to nothing, and nothing is lost.

use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON, eventually, kind, story};
use crate::runner::append;
use crate::sse_client::get;

/// Documents that nobody has written to for long.
fn documents(project: &ProjectFolder, count: usize) {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_770_000_000);
    for number in 0..count {
        let name = format!("note-{number:03}.md");
        project.write(&name, &format!("# Note {number}\n\nAbout a thing.\n\n- one\n- two\n"));
        File::options().write(true).open(project.file(&name)).and_then(|file| file.set_modified(long_ago)).expect("it is ours");
    }
}

fn limited(project: &ProjectFolder, descriptors: usize, arguments: &str) -> BridgeProcess {
    let script = format!(r#"ulimit -n {descriptors}; exec "$0" {arguments}"#);
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_progress-bridge")]);
    BridgeProcess::start_in(&mut command, project.path())
}

#[test]
fn documents_that_hold_nothing_are_let_go_until_they_change() {
    let project = ProjectFolder::new();
    documents(&project, 300);
    project.write("progress.txt", "[US-1] Starting...\n");
    let bridge = project.start(&["--json", "--listen", "127.0.0.1:0"]);
    let address = bridge.address();
    bridge.event("the log is read", |event| story(event) == "US-1");
    let listed = bridge.says("not understood");
    assert!(listed.contains(" and ") && listed.len() < 1_000, "{listed}");
    let state = get(address.parse().expect("an address"), "/api/state").json();
    let task = &state["tasks"][0];
    let sources = task["sources"].as_array().expect("a list");
    assert!(sources.iter().any(|source| source["path"] == "progress.txt"));
    assert_eq!(sources.len() as u64 + task["sources_left_out"].as_u64().expect("a number"), 301);
    // The bridge's own health counts those that are not listed, too.
    let health = get(address.parse().expect("an address"), "/healthz").json();
    assert_eq!((&health["files"]["reading"], &health["files"]["gone"]), (&301.into(), &0.into()));
    let metrics = get(address.parse().expect("an address"), "/metrics").text();
    assert!(metrics.contains("progress_bridge_sources{state=\"reading\"} 301\n"), "{metrics}");
    assert!(metrics.contains("progress_bridge_lines{understood=\"no\"} 1200\n"), "{metrics}");
    eventually(SOON, "the documents are closed", || (bridge.open_files() < 40).then_some(()));

    let log = fs::read_to_string(project.file("note-150.md")).expect("it is there") + "[US-2] Starting...\n";
    project.write("note-150.md", &log);
    bridge.event("what turns up in one of them", |event| story(event) == "US-2");
    let started = bridge.events().iter().filter(|event| kind(event) == "story_started").count();
    assert_eq!(started, 2);
}

#[test]
fn with_few_descriptors_every_log_is_read_and_followed() {
    let project = ProjectFolder::new();
    for number in 0..300 {
        project.write(&format!("{number:03}.log"), &format!("[US-{number}] Starting...\n"));
    }
    let bridge = limited(&project, 100, "--json --no-discover .");
    let all = |verb: &str| {
        let count = bridge.events().iter().filter(|event| kind(event) == verb).count();
        (count == 300).then_some(())
    };
    eventually(SOON, "all 300 starts", || all("story_started"));
    let message = bridge.says("limit of open files");
    assert!(message.contains("ulimit -n"), "{message}");
    for number in 0..300 {
        append(&project.file(&format!("{number:03}.log")), &format!("[US-{number}] Complete!\n"));
    }
    eventually(SOON, "all 300 ends", || all("story_completed"));
    assert_eq!(bridge.stderr().matches("limit of open files").count(), 1, "{}", bridge.stderr());
}

#[test]
fn with_next_to_no_descriptors_it_says_so_and_ends() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-1] Starting...\n");
    for descriptors in [4, 6, 8, 10, 12, 16, 20] {
        for arguments in ["--once --json", "--json", "--listen 127.0.0.1:0"] {
            let mut bridge = limited(&project, descriptors, arguments);
            let what = format!("{arguments} with {descriptors} descriptors works or ends");
            let works = eventually(SOON, what.clone(), || {
                let works = bridge.stderr().contains("1 of 1 line understood") || !bridge.events().is_empty();
                (works || bridge.poll_ended()).then_some(works)
            });
            if !works {
                let ended = bridge.finished(SOON);
                let code = ended.status.code().unwrap_or_else(|| panic!("{what}: no exit code, {:?}", ended.stderr));
                assert!(code != 0 && code != 101, "{what}: exit code {code}, {:?}", ended.stderr);
                let said = ended.stderr.join("\n");
                assert!(said.contains("open files") || said.contains("descriptor"), "{what}: {said:?}");
            }
        }
    }
}
