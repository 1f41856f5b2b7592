//! Each claim of `docs/security.md` names tests that exist; and what the whole program keeps to itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bridge_process::ProjectFolder;
use crate::source_files::files_in;
use crate::sse_client::{get, stream};

/// Files named absolutely, by a pattern and through a link, and one that is not there: readers see no folder of this machine.
#[test]
fn no_absolute_path_is_told() {
    let (project, other) = (ProjectFolder::new(), ProjectFolder::new());
    project.write("progress.txt", "[US-001] Starting...\n");
    other.write("notes.txt", "[US-002] Starting...\n");
    other.write("far.txt", "[US-003] Starting...\n");
    std::os::unix::fs::symlink(other.path(), project.file("link")).expect("the folder is ours");
    let absolute = |name: &str| other.file(name).display().to_string();
    let (notes, missing, pattern) = (absolute("notes.txt"), absolute("missing/log.txt"), absolute("f*.txt"));
    let linked = project.file("link/notes.txt").display().to_string();
    let named = ["progress.txt", &notes, &missing, &pattern, &linked];
    let arguments: Vec<&str> = named.iter().flat_map(|path| ["--watch", path]).chain(["--listen", "127.0.0.1:0"]).collect();
    let bridge = project.start(&arguments);
    let address = bridge.address().parse().expect("an address");
    bridge.says("watching");
    let mut reader = stream(address, "/stream/progress");
    reader.expect("hello");
    let mut told = vec![get(address, "/api/state").text(), get(address, "/api/events").text(), get(address, "/metrics").text()];
    assert!(told[1].contains("US-003"), "{}", told[1]);
    told.extend(["task_started", "story_started"].map(|event| reader.wait_for(event).data));
    for text in told {
        for folder in [project.path(), other.path()] {
            assert!(!text.contains(&folder.display().to_string()), "{text}");
        }
    }
}

#[test]
fn every_claim_names_its_tests() {
    require_tests_of_claims("docs/security.md", 21);
}

/// Fails when a row of the page's tables names no test, or one that is not there, or when there are fewer rows.
#[track_caller]
pub fn require_tests_of_claims(page: &str, rows: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(page)).expect("the page is there");
    let tests = tests_in(&[root.join("src"), root.join("tests/it")]);
    let mut claims = 0;
    for line in text.lines().filter(|line| line.starts_with("| ") && !line.ends_with(" | tests |")) {
        let mut cells = line.trim_matches('|').split(" | ");
        let (claim, named) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let named: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test holds: {claim}");
        for name in named {
            assert!(tests.contains(name), "there is no test {name}, which would hold: {claim}");
        }
        claims += 1;
    }
    assert!(claims >= rows, "the tables are gone");
}

/// The names of all functions below `#[test]` or `#[tokio::test]`, or within `proptest!`.
fn tests_in(folders: &[PathBuf]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in folders.iter().flat_map(|folder| files_in(folder)) {
        let mut is_test = false;
        for line in file.text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some(name) = line.trim_start_matches("async ").strip_prefix("fn ").filter(|_| is_test) {
                names.insert(name.split(['(', '<']).next().unwrap_or_default().to_owned());
                is_test = false;
            }
        }
    }
    names
}
