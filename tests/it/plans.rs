//! Every `fixtures/plans/<case>/` through the whole binary: compares what its state shows with the snapshot beside this file. What events it
//! gives is `golden`'s.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON};
use crate::golden::{copy, folders};

#[test]
fn every_plan_gives_its_state() {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plans");
    let mut differing = Vec::new();
    for case in folders(&plans) {
        let name = format!("plans__{}.state", case.file_name().expect("it has a name").to_string_lossy());
        let compared = std::panic::catch_unwind(|| {
            insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(name.as_str(), state_of(&case));
            });
        });
        if compared.is_err() {
            differing.push(name);
        }
    }
    assert!(differing.is_empty(), "these differ from their snapshots: {differing:#?}");
}

/// A block a task, a line a story.
fn state_of(case: &Path) -> String {
    let project = ProjectFolder::new();
    let folder = project.file(&case.file_name().expect("it has a name").to_string_lossy());
    copy(case, &folder);
    let mut command = project.command(["status", "--json"]);
    let finished = BridgeProcess::start_in(&mut command, &folder).finished(SOON);
    let state: Value = serde_json::from_str(&finished.stdout.join("\n")).expect("it is JSON");
    let mut text = String::new();
    for task in list(&state, "tasks") {
        let folder = shown(&task["folder"]);
        let fraction = format!("{}/{}", task["stories_passed"], shown(&task["story_count"]));
        writeln!(
            text,
            "{} ({}): {} {fraction} {}",
            shown(&task["task_name"]),
            folder.rsplit('/').next().unwrap_or_default(),
            shown(&task["status"]),
            shown(&task["end_reason"])
        )
        .expect("a string");
        for (list_name, mark) in [("stories", ' '), ("unplanned", '+')] {
            for story in list(task, list_name) {
                let name = [&story["story_id"], &story["title"]].map(shown).join(" ");
                let criteria = format!("{}/{}", story["criteria_done"], story["criteria_count"]);
                let group = story.get("group").map(|group| format!(" <{}>", shown(group))).unwrap_or_default();
                writeln!(text, "{mark} {}: {name}{group} {criteria}", shown(&story["status"])).expect("a string");
            }
        }
        for source in list(task, "sources") {
            writeln!(text, "  {} is a {}", shown(&source["path"]), shown(&source["kind"])).expect("a string");
        }
    }
    text
}

fn list<'v>(of: &'v Value, name: &str) -> &'v [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| if value.is_null() { "-".to_owned() } else { value.to_string() }, str::to_owned)
}
