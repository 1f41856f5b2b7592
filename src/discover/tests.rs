//! Names against a made-up file system.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::*;

/// Files by path; a path that ends with a slash is a folder, one with ` -> ` a link.
struct Tree {
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    links: BTreeMap<PathBuf, PathBuf>,
    current: PathBuf,
}

fn tree(current: &str, paths: &[&str]) -> Tree {
    let mut tree = Tree { files: BTreeSet::new(), folders: BTreeSet::new(), links: BTreeMap::new(), current: current.into() };
    for path in paths.iter().chain([&format!("{current}/").as_str()]) {
        if let Some((from, to)) = path.split_once(" -> ") {
            tree.links.insert(from.into(), to.into());
            continue;
        }
        let path = Path::new(path);
        let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if !is_folder {
            tree.files.insert(path.to_owned());
        }
        tree.folders.extend(path.ancestors().skip(usize::from(!is_folder)).map(Path::to_owned));
    }
    tree
}

impl FileSystem for Tree {
    fn current(&self) -> PathBuf {
        self.current.clone()
    }

    fn kind(&self, path: &Path) -> Kind {
        let path = self.real(path);
        if self.files.contains(&path) {
            Kind::File
        } else if self.folders.contains(&path) {
            Kind::Folder
        } else {
            Kind::Missing
        }
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        let folder = self.real(folder);
        let all = self.files.iter().chain(&self.folders).chain(self.links.keys());
        let mut names: Vec<String> =
            all.filter(|path| path.parent() == Some(&folder)).filter_map(|path| name_of(path).map(str::to_owned)).collect();
        names.sort();
        names
    }

    fn real(&self, path: &Path) -> PathBuf {
        let mut real = PathBuf::new();
        for part in path.components() {
            match part {
                std::path::Component::ParentDir => {
                    real.pop();
                }
                std::path::Component::CurDir => {}
                part => real.push(part),
            }
            if let Some(to) = self.links.get(&real) {
                real = to.clone();
            }
        }
        real
    }
}

/// `task:folder` and `task/shown (path)` with `*` for documents, `!` for machine names, `+` for what was taken along.
fn words(found: &Found) -> Vec<String> {
    let tasks = found.tasks.iter().map(|task| format!("{} = {}", task.name, task.folder.display()));
    let sources = found.sources.iter().map(|source| {
        let mut flags = String::new();
        flags.push_str(if source.named { "" } else { "+" });
        flags.push_str(if source.shape == Shape::Document { "*" } else { "" });
        flags.push_str(if source.machine_name { "!" } else { "" });
        format!("{}: {flags}{} ({})", found.tasks[source.task.0 as usize].name, source.shown, source.path.display())
    });
    tasks.chain(sources).collect()
}

fn check(tree: &Tree, named: &[&str], take_along: bool, expected: &[&str]) {
    let request = Request { named: named.iter().map(PathBuf::from).collect(), take_along };
    let found = discover(&request, tree).unwrap();
    assert_eq!(words(&found), expected, "{named:?}");
    assert!(found.sources.iter().zip(0..).all(|(source, id)| source.id == SourceId(id)));
}

fn fails(tree: &Tree, named: &[&str]) -> Error {
    discover(&Request { named: named.iter().map(PathBuf::from).collect(), take_along: true }, tree).unwrap_err()
}

#[test]
fn a_log_takes_its_plan_and_execution_log_along() {
    let tree = tree("/p", &["/p/progress.txt"]);
    let expected = [
        "p = /p",
        "p: progress.txt (/p/progress.txt)",
        "p: +*prd.json (/p/prd.json)",
        "p: +!.claude-loop/execution_log.jsonl (/p/.claude-loop/execution_log.jsonl)",
    ];
    check(&tree, &["progress.txt"], true, &expected);
    check(&tree, &["progress.txt"], false, &expected[..2]);
    check(&tree, &["progress.txt", "/p/./progress.txt", "../p/progress.txt"], false, &expected[..2]);
}

#[test]
fn what_is_missing_is_waited_for() {
    let tree = tree("/p", &[]);
    check(&tree, &["x/new.log"], false, &["x = /p/x", "x: !new.log (/p/x/new.log)"]);
    check(
        &tree,
        &["later"],
        false,
        &["later = /p/later", "later: *prd.json (/p/later/prd.json)", "later: progress.txt (/p/later/progress.txt)"],
    );
    check(&tree, &["."], false, &["p = /p", "p: *prd.json (/p/./prd.json)", "p: progress.txt (/p/./progress.txt)"]);
}

#[test]
fn a_plan_takes_its_log_along() {
    let tree = tree("/p", &["/p/prd.json", "/p/progress.md"]);
    check(
        &tree,
        &["prd.json"],
        true,
        &[
            "p = /p",
            "p: *prd.json (/p/prd.json)",
            "p: +progress.md (/p/progress.md)",
            "p: +!.claude-loop/execution_log.jsonl (/p/.claude-loop/execution_log.jsonl)",
        ],
    );
}

#[test]
fn the_runners_folder_is_looked_for_up_to_the_repository() {
    let log = "/r/.claude-loop/execution_log.jsonl";
    let expected = ["a = /r/tasks/a", "a: progress.txt (/r/tasks/a/progress.txt)", "a: +*prd.json (/r/tasks/a/prd.json)"];
    let with = |last: &str| expected.iter().map(|word| (*word).to_owned()).chain([last.to_owned()]).collect::<Vec<_>>();
    let above = format!("a: +!../../.claude-loop/execution_log.jsonl ({log})");
    let errors = "a: +!../../.claude-loop/logs/error.log (/r/.claude-loop/logs/error.log)";
    let list = "a: +../../.ralph/fix_plan.md (/r/.ralph/fix_plan.md)";
    for (paths, more) in [
        (&["/r/tasks/a/progress.txt", "/r/.git/", log][..], vec![errors]),
        (&["/r/tasks/a/progress.txt", "/r/.git/"], vec![]),
        (&["/r/tasks/a/progress.txt", "/r/.claude-loop/"], vec![errors]),
        (&["/r/tasks/a/progress.txt", "/r/.git/", "/r/.ralph/fix_plan.md", "/r/.ralph/other.md"], vec![list]),
    ] {
        let expected: Vec<String> = with(&above).into_iter().chain(more.into_iter().map(str::to_owned)).collect();
        check(&tree("/r", paths), &["tasks/a/progress.txt"], true, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
    // Not beyond it.
    let nested = tree("/r", &["/r/tasks/a/progress.txt", "/r/tasks/.git/", "/r/.claude-loop/"]);
    let expected = with("a: +!../.claude-loop/execution_log.jsonl (/r/tasks/.claude-loop/execution_log.jsonl)");
    check(&nested, &["tasks/a/progress.txt"], true, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_folder_means_its_known_files() {
    let paths =
        ["/p/run.log", "/p/prd.json", "/p/package.json", "/p/progress.txt", "/p/.hidden.log", "/p/src/x.log", "/p/code.rs", "/etc/x.txt"];
    let mut paths = paths.to_vec();
    paths.push("/p/leak.txt -> /etc/x.txt");
    let tree = tree("/p", &paths);
    let expected = [
        "p = /p",
        "p: *prd.json (/p/prd.json)",
        "p: progress.txt (/p/progress.txt)",
        "p: !run.log (/p/run.log)",
        "p: +!.claude-loop/execution_log.jsonl (/p/.claude-loop/execution_log.jsonl)",
    ];
    check(&tree, &[], true, &expected);
    check(&tree, &["/p"], true, &expected);
    check(&tree, &["/p/*.log"], false, &["p = /p", "p: !run.log (/p/run.log)"]);
    check(&tree, &["r?n*"], false, &["p = /p", "p: !run.log (/p/run.log)"]);
}

#[test]
fn tasks_are_folders_with_names_of_their_own() {
    let tree = tree("/w", &["/w/a/x/progress.txt", "/w/b/x/progress.txt", "/w/c/progress.txt"]);
    check(
        &tree,
        &["a/x/progress.txt", "b/x/progress.txt", "c/progress.txt"],
        false,
        &[
            "a/x = /w/a/x",
            "b/x = /w/b/x",
            "c = /w/c",
            "a/x: progress.txt (/w/a/x/progress.txt)",
            "b/x: progress.txt (/w/b/x/progress.txt)",
            "c: progress.txt (/w/c/progress.txt)",
        ],
    );
}

#[test]
fn a_log_below_a_named_plan_is_its() {
    let tree = tree("/p", &["/p/prd.json", "/p/logs/run.log"]);
    let expected = ["p = /p", "p: !logs/run.log (/p/logs/run.log)", "p: *prd.json (/p/prd.json)"];
    check(&tree, &["logs/run.log", "prd.json"], false, &expected);
}

#[test]
fn a_file_in_the_runners_folder_belongs_to_the_folder_around_it() {
    let tree = tree("/p", &["/p/.claude-loop/logs/error.log"]);
    let expected = ["p = /p", "p: !.claude-loop/logs/error.log (/p/.claude-loop/logs/error.log)"];
    check(&tree, &[".claude-loop/logs/error.log"], false, &expected);
}

#[test]
fn a_runners_log_is_read_for_every_task_it_runs() {
    let log = "/p/.claude-loop/execution_log.jsonl";
    let tree = tree("/p", &["/p/a/prd.json", "/p/b/prd.json", "/p/c/.claude-loop/", "/p/c/prd.json", log]);
    let expected = [
        "a = /p/a",
        "b = /p/b",
        "c = /p/c",
        "a: *prd.json (/p/a/prd.json)",
        "b: *prd.json (/p/b/prd.json)",
        "c: *prd.json (/p/c/prd.json)",
    ];
    let shared = |task: &str, shown: &str| format!("{task}: {shown}.claude-loop/execution_log.jsonl ({log})");
    // Named, it is no task of its own.
    let named = ["a/prd.json", "b/prd.json", "c/prd.json", ".claude-loop/execution_log.jsonl"];
    let logs = [shared("a", "!"), shared("b", "!")];
    let with_log: Vec<&str> = expected.iter().copied().chain(logs.iter().map(String::as_str)).collect();
    check(&tree, &named, false, &with_log);
    // Taken along, it comes to each.
    let found = discover(&Request { named: named[..3].iter().map(PathBuf::from).collect(), take_along: true }, &tree).unwrap();
    let logs: Vec<String> = words(&found).into_iter().filter(|word| word.contains("execution_log")).collect();
    let own = "c: +!.claude-loop/execution_log.jsonl (/p/c/.claude-loop/execution_log.jsonl)";
    assert_eq!(logs, [shared("a", "+!../"), shared("b", "+!../"), own.to_owned()]);
    // A task that comes later gets it, too.
    let mut before = discover(&Request { named: vec!["a/prd.json".into()], take_along: true }, &tree).unwrap();
    let added = before.add(found);
    assert!(
        added
            .sources
            .iter()
            .any(|source| source.common.as_deref() == Some(Path::new(log)) && added.tasks.iter().any(|task| task.id == source.task))
    );
}

#[test]
fn links_are_read_once() {
    let tree = tree("/p", &["/data/real.txt", "/p/a.txt -> /data/real.txt", "/p/b.txt -> /data/real.txt"]);
    check(&tree, &["a.txt", "b.txt"], false, &["p = /p", "p: a.txt (/p/a.txt)"]);
}

#[test]
fn nothing_is_an_error_that_says_what_to_do() {
    let empty = tree("/p", &[]);
    let message = fails(&empty, &[]).to_string();
    assert!(message.starts_with("nothing to watch in /p: looked for prd.json"), "{message}");
    assert!(message.contains("--watch"), "{message}");
    assert_eq!(fails(&empty, &[]).exit_code(), 3);
}

#[test]
fn folders_are_looked_through_four_deep() {
    let tree = tree(
        "/p",
        &[
            "/p/notes.md",
            "/p/a/progress.txt",
            "/p/a/notes.md",
            "/p/a/b/prd.json",
            "/p/a/b/c/d/progress.md",
            "/p/a/b/c/d/e/progress.txt",
            "/p/.ralph/fix_plan.md",
            "/p/.hidden/progress.txt",
            "/p/node_modules/x/progress.txt",
            "/p/archive/2026/progress.txt",
            "/elsewhere/progress.txt",
            "/p/link -> /elsewhere",
        ],
    );
    let expected = [
        "b = /p/a/b",
        "a = /p/a",
        "p = /p",
        "b: *prd.json (/p/a/b/prd.json)",
        "a: progress.txt (/p/a/progress.txt)",
        // A log below the folder of a plan is that plan's.
        "b: c/d/progress.md (/p/a/b/c/d/progress.md)",
        "p: notes.md (/p/notes.md)",
        "p: .ralph/fix_plan.md (/p/.ralph/fix_plan.md)",
    ];
    check(&tree, &[], false, &expected);
    let found = discover(&Request { named: Vec::new(), take_along: false }, &tree).unwrap();
    let folders: Vec<_> = found.folders.iter().map(|folder| folder.display().to_string()).collect();
    assert_eq!(folders, ["/p", "/p/.ralph", "/p/a", "/p/a/b", "/p/a/b/c", "/p/a/b/c/d"]);
}

#[test]
fn patterns_may_stand_in_any_part() {
    let tree = tree("/p", &["/p/a/x.log", "/p/b/x.log", "/p/b/c/y.log", "/p/b/.z.log", "/q/x.log", "/p/b/out.log -> /q/x.log"]);
    for (pattern, expected) in [
        ("*/x.log", vec!["/p/a/x.log", "/p/b/x.log"]),
        ("b/*.log", vec!["/p/b/x.log"]),
        ("**/*.log", vec!["/p/a/x.log", "/p/b/x.log", "/p/b/c/y.log"]),
        ("**/x.log", vec!["/p/a/x.log", "/p/b/x.log"]),
        ("/q/*.log", vec!["/q/x.log"]),
        ("/**/y.log", vec!["/p/b/c/y.log"]),
        ("none/*.log", vec![]),
    ] {
        let found = discover(&Request { named: vec![pattern.into()], take_along: false }, &tree).unwrap();
        let paths: Vec<_> = found.sources.iter().map(|source| source.path.display().to_string()).collect();
        assert_eq!(paths, expected, "{pattern}");
        assert!(!found.folders.is_empty(), "{pattern}");
    }
}

#[test]
fn standard_input_belongs_to_the_current_folder() {
    let tree = tree("/p", &["/p/prd.json"]);
    check(&tree, &["-"], false, &["p = /p", "p: - (-)"]);
    let found = discover(&Request { named: vec!["-".into(), "-".into()], take_along: true }, &tree).unwrap();
    assert_eq!(found.sources[0].shape, Shape::Stream);
    assert_eq!(
        words(&found)[2..],
        [
            "p: +*prd.json (/p/prd.json)",
            "p: +progress.txt (/p/progress.txt)",
            "p: +!.claude-loop/execution_log.jsonl (/p/.claude-loop/execution_log.jsonl)"
        ]
    );
}

#[test]
fn what_is_found_later_keeps_the_numbers_and_names_of_what_was_there() {
    let look = |paths: &[&str]| discover(&Request { named: vec!["**/*.log".into()], take_along: false }, &tree("/p", paths)).unwrap();
    let mut found = look(&["/p/b/shop/x.log"]);
    let added = found.add(look(&["/p/a/shop/x.log", "/p/b/shop/w.log", "/p/b/shop/x.log"]));
    assert_eq!(added.tasks.iter().map(|task| (task.id, task.name.as_str())).collect::<Vec<_>>(), [(TaskId(1), "a/shop")]);
    let sources: Vec<_> = added.sources.iter().map(|source| (source.id, source.task, source.path.to_str().unwrap())).collect();
    assert_eq!(sources, [(SourceId(1), TaskId(1), "/p/a/shop/x.log"), (SourceId(2), TaskId(0), "/p/b/shop/w.log")]);
    assert_eq!(found.tasks[0].name, "shop");
    assert_eq!(found.add(look(&["/p/b/shop/x.log"])), Added::default());
}

#[test]
fn a_log_keeps_its_task_when_a_plan_turns_up_above_it() {
    let look = |paths: &[&str]| discover(&Request { named: vec![".".into()], take_along: false }, &tree("/p", paths)).unwrap();
    let mut found = look(&["/p/sub/progress.txt"]);
    let added = found.add(look(&["/p/sub/progress.txt", "/p/prd.json"]));
    assert_eq!(added.sources.iter().map(|source| source.shown.as_str()).collect::<Vec<_>>(), ["prd.json"]);
}

#[test]
fn the_disk_knows_missing_paths_by_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    std::os::unix::fs::symlink(&real, folder.path().join("link")).unwrap();
    assert_eq!(Disk.real(&folder.path().join("link/missing/x.txt")), real.join("missing/x.txt"));
    assert_eq!(Disk.real(&folder.path().join("link")), real);
    assert_eq!((Disk.kind(folder.path()), Disk.kind(&folder.path().join("x"))), (Kind::Folder, Kind::Missing));
    assert_eq!(Disk.list(folder.path()), ["link"]);
}
