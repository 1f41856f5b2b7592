//! Names against a made-up file system.

use std::fs;
use std::path::PathBuf;

use super::*;

/// A folder that stands for the root of a file system.
struct Tree {
    root: tempfile::TempDir,
    current: PathBuf,
}

/// Files by path; a path that ends with a slash is a folder, one with ` -> ` a link.
fn tree(current: &str, paths: &[&str]) -> Tree {
    let root = tempfile::tempdir().expect("a folder");
    let current = root.path().join(current.trim_start_matches('/'));
    fs::create_dir_all(&current).expect("a folder");
    let tree = Tree { root, current };
    tree.add(paths);
    tree
}

impl Tree {
    fn add(&self, paths: &[&str]) {
        let at = |path: &str| self.root.path().join(path.trim_start_matches('/'));
        for path in paths {
            if let Some((from, to)) = path.split_once(" -> ") {
                fs::create_dir_all(at(from).parent().expect("a parent")).expect("a folder");
                std::os::unix::fs::symlink(at(to), at(from)).expect("a link");
            } else if path.ends_with('/') {
                fs::create_dir_all(at(path)).expect("a folder");
            } else {
                fs::create_dir_all(at(path).parent().expect("a parent")).expect("a folder");
                fs::write(at(path), "").expect("a file");
            }
        }
    }

    fn named(&self, named: &[&str]) -> Vec<PathBuf> {
        let at = |name: &&str| match name.strip_prefix('/') {
            Some(inside) => self.root.path().join(inside),
            None => PathBuf::from(name),
        };
        named.iter().map(at).collect()
    }

    fn found(&self, named: &[&str], auto_discover: bool) -> Result<Found, Error> {
        discover(&Request { named: self.named(named), auto_discover }, &self.current)
    }

    /// Without the folder that stands for the root.
    fn bare(&self, text: &str) -> String {
        let real = self.root.path().canonicalize().expect("a path");
        text.replace(&real.display().to_string(), "").replace(&self.root.path().display().to_string(), "")
    }
}

/// `task:folder` and `task/shown (path)` with `*` for documents, `!` for machine names, `+` for what was taken along.
fn words(tree: &Tree, found: &Found) -> Vec<String> {
    let tasks = found.tasks.iter().map(|task| format!("{} = {}", task.name, task.folder.display()));
    let sources = found.sources.iter().map(|source| {
        let mut flags = String::new();
        flags.push_str(if source.named { "" } else { "+" });
        flags.push_str(if source.shape == Shape::Document { "*" } else { "" });
        flags.push_str(if source.machine_name { "!" } else { "" });
        format!("{}: {flags}{} ({})", found.tasks[source.task.0 as usize].name, source.display_path, source.path.display())
    });
    tasks.chain(sources).map(|word| tree.bare(&word)).collect()
}

fn check(tree: &Tree, named: &[&str], auto_discover: bool, expected: &[&str]) {
    let found = tree.found(named, auto_discover).unwrap();
    assert_eq!(words(tree, &found), expected, "{named:?}");
    assert!(found.sources.iter().zip(0..).all(|(source, id)| source.id == SourceId(id)));
}

fn fails(tree: &Tree, named: &[&str]) -> Error {
    tree.found(named, true).unwrap_err()
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
    let list = "a: +*../../.ralph/fix_plan.md (/r/.ralph/fix_plan.md)";
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
    let expected = ["p = /p", "p: *prd.json (/p/prd.json)", "p: !logs/run.log (/p/logs/run.log)"];
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
    let found = tree.found(&named[..3], true).unwrap();
    let logs: Vec<String> = words(&tree, &found).into_iter().filter(|word| word.contains("execution_log")).collect();
    let own = "c: +!.claude-loop/execution_log.jsonl (/p/c/.claude-loop/execution_log.jsonl)";
    assert_eq!(logs, [shared("a", "+!../"), shared("b", "+!../"), own.to_owned()]);
    // A task that comes later gets it, too.
    let mut before = tree.found(&["a/prd.json"], true).unwrap();
    let added = before.add(found);
    assert!(added.sources.iter().any(|source| source.shared_path.as_ref().is_some_and(|path| path.ends_with(log.trim_start_matches('/')))
        && added.tasks.iter().any(|task| task.id == source.task)));
}

#[test]
fn links_are_read_once() {
    let tree = tree("/p", &["/data/real.txt", "/p/a.txt -> /data/real.txt", "/p/b.txt -> /data/real.txt"]);
    check(&tree, &["a.txt", "b.txt"], false, &["p = /p", "p: a.txt (/p/a.txt)"]);
}

#[test]
fn an_empty_folder_is_an_error_with_a_remedy() {
    let empty = tree("/p", &[]);
    let message = empty.bare(&fails(&empty, &[]).to_string());
    assert!(message.starts_with("nothing to watch in /p: looked for progress.txt, prd.json"), "{message}");
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
        "p = /p",
        "a = /p/a",
        "b: *prd.json (/p/a/b/prd.json)",
        "p: *.ralph/fix_plan.md (/p/.ralph/fix_plan.md)",
        "a: progress.txt (/p/a/progress.txt)",
        // A log below the folder of a plan is that plan's.
        "b: c/d/progress.md (/p/a/b/c/d/progress.md)",
        "p: notes.md (/p/notes.md)",
    ];
    check(&tree, &[], false, &expected);
    let found = tree.found(&[], false).unwrap();
    let folders: Vec<_> = found.folders.iter().map(|folder| tree.bare(&folder.display().to_string())).collect();
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
        let found = tree.found(&[pattern], false).unwrap();
        let paths: Vec<_> = found.sources.iter().map(|source| tree.bare(&source.path.display().to_string())).collect();
        assert_eq!(paths, expected, "{pattern}");
        assert!(!found.folders.is_empty(), "{pattern}");
    }
}

#[test]
fn standard_input_belongs_to_the_current_folder() {
    let tree = tree("/p", &["/p/prd.json"]);
    check(&tree, &["-"], false, &["p = /p", "p: - (-)"]);
    let found = tree.found(&["-", "-"], true).unwrap();
    assert_eq!(found.sources[0].shape, Shape::Stream);
    assert_eq!(
        words(&tree, &found)[2..],
        [
            "p: +*prd.json (/p/prd.json)",
            "p: +progress.txt (/p/progress.txt)",
            "p: +!.claude-loop/execution_log.jsonl (/p/.claude-loop/execution_log.jsonl)"
        ]
    );
}

#[test]
fn what_is_found_later_keeps_the_numbers_and_names_of_what_was_there() {
    let tree = tree("/p", &["/p/b/shop/x.log"]);
    let find = || tree.found(&["**/*.log"], false).unwrap();
    let mut found = find();
    tree.add(&["/p/a/shop/x.log", "/p/b/shop/w.log"]);
    let added = found.add(find());
    assert_eq!(added.tasks.iter().map(|task| (task.id, task.name.as_str())).collect::<Vec<_>>(), [(TaskId(1), "a/shop")]);
    let sources: Vec<_> = added.sources.iter().map(|source| (source.id, source.task, tree.bare(source.path.to_str().unwrap()))).collect();
    let expected = [(SourceId(1), TaskId(1), "/p/a/shop/x.log".to_owned()), (SourceId(2), TaskId(0), "/p/b/shop/w.log".to_owned())];
    assert_eq!(sources, expected);
    assert_eq!(found.tasks[0].name, "shop");
    assert_eq!(found.add(find()), Added::default());
}

#[test]
fn what_is_found_later_has_its_own_name_while_that_is_free() {
    let tree = tree("/p", &["/p/tasks/prd-cart.json", "/p/web/pay/prd.json"]);
    let find = || tree.found(&["."], false).unwrap();
    let mut found = find();
    tree.add(&["/p/tasks/prd-tax.json"]);
    let added = found.add(find());
    assert_eq!(added.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>(), ["tax"]);
    tree.add(&["/p/tasks/prd-pay.json"]);
    let added = found.add(find());
    assert_eq!(added.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>(), ["tasks/pay"]);
}

#[test]
fn plans_of_one_folder_have_names_of_their_own() {
    for paths in [
        &["/p/prds/pay.json", "/p/prds/prd-pay.json", "/p/prds/prd_pay.json"][..],
        &["/p/prd.json", "/p/.omc/prd.json", "/p/.ralph/prd.json", "/p/.ralphy/prd.json"],
        &["/p/prd.json", "/p/.ralphy/tasks.yaml", "/p/.ralphy/tasks.yml"],
    ] {
        let found = tree("/p", paths).found(&[], true).unwrap();
        let names: std::collections::BTreeSet<&str> = found.tasks.iter().map(|task| task.name.as_str()).collect();
        assert_eq!(names.len(), found.tasks.len(), "{names:?}");
        assert_eq!(names.len(), paths.len(), "{names:?}");
    }
}

#[test]
fn a_runners_own_folder_is_shown_as_its_project() {
    for (paths, expected) in [
        (&["/work/shop/scripts/ralph/prd.json"][..], &[("ralph", "shop")][..]),
        (&["/work/a/scripts/ralph/prd.json", "/work/b/scripts/ralph/prd.json"], &[("a/scripts/ralph", "a"), ("b/scripts/ralph", "b")]),
        (&["/work/shop/.git/", "/work/shop/ralph/prd.json"], &[("ralph", "shop")]),
        // The runner's own project, and one of that name.
        (&["/work/ralph/.git/", "/work/ralph/prd.json"], &[("ralph", "ralph")]),
        (&["/work/ralph/prd.json"], &[("ralph", "ralph")]),
        (&["/work/shop/scripts/pay/prd.json"], &[("pay", "pay")]),
        (&["/work/shop/scripts/ralph/prd-pay.json"], &[("pay", "pay")]),
    ] {
        let found = tree("/work", paths).found(&["**/prd*.json"], false).unwrap();
        let shown: Vec<_> = found.tasks.iter().map(|task| (task.name.as_str(), task.title.as_str())).collect();
        assert_eq!(shown, expected);
    }
}

#[test]
fn a_log_keeps_its_task_when_a_plan_turns_up_above_it() {
    let tree = tree("/p", &["/p/sub/progress.txt"]);
    let find = || tree.found(&["."], false).unwrap();
    let mut found = find();
    tree.add(&["/p/prd.json"]);
    let added = found.add(find());
    assert_eq!(added.sources.iter().map(|source| source.display_path.as_str()).collect::<Vec<_>>(), ["prd.json"]);
}

#[test]
fn hidden_runner_folders_name_no_task() {
    for (paths, expected) in [
        (&["/shop/.git/", "/shop/.omc/prd.json", "/shop/.omc/progress.txt"][..], vec!["shop: *.omc/prd.json", "shop: .omc/progress.txt"]),
        (&["/shop/.taskmaster/tasks/tasks.json", "/shop/README.md", "/shop/package.json"], vec!["shop: *.taskmaster/tasks/tasks.json"]),
        (&["/shop/.ralphy/progress.txt"], vec!["shop: .ralphy/progress.txt"]),
        (&["/shop/PRD.json"], vec!["shop: *PRD.json"]),
        (&["/shop/.agents/tasks/prd-pay.json"], vec!["pay: *.agents/tasks/prd-pay.json"]),
        (&["/shop/.sisyphus/plans/pay.md", "/shop/.sisyphus/drafts/old.md"], vec!["pay: *.sisyphus/plans/pay.md"]),
        (
            &["/shop/.auto-claude/specs/001-pay/implementation_plan.json"],
            vec!["001-pay: *.auto-claude/specs/001-pay/implementation_plan.json"],
        ),
        (
            &["/shop/_bmad-output/implementation-artifacts/sprint-status.yaml"],
            vec!["shop: *_bmad-output/implementation-artifacts/sprint-status.yaml"],
        ),
        (
            &[
                "/shop/specs/001-pay/tasks.md",
                "/shop/.kiro/specs/basket/tasks.md",
                "/shop/openspec/changes/add-tax/tasks.md",
                "/shop/openspec/changes/archive/2026-01-01-old/tasks.md",
            ],
            vec!["001-pay: *tasks.md", "basket: *.kiro/specs/basket/tasks.md", "add-tax: *tasks.md"],
        ),
        // The second plan of a project has a name of its own; what repeats another tracker is none.
        (
            &["/shop/prd.json", "/shop/.beads/issues.jsonl", "/shop/.ralph-tui/session.json"],
            vec!["shop: *prd.json", "shop/issues: *!.beads/issues.jsonl"],
        ),
        (&["/shop/.ralph-tui/session.json"], vec!["shop: *.ralph-tui/session.json"]),
        // ralphy works off the boxes of a document that is prose in any other project.
        (&["/shop/.ralphy/progress.txt", "/shop/PRD.md"], vec!["shop: *PRD.md", "shop: .ralphy/progress.txt"]),
        (&["/shop/.ralphy/tasks.yaml", "/shop/PRD.md"], vec!["shop: *.ralphy/tasks.yaml"]),
        (&["/shop/progress.txt", "/shop/PRD.md"], vec!["shop: PRD.md", "shop: progress.txt"]),
    ] {
        let tree = tree("/shop", paths);
        let found = tree.found(&[], false).unwrap();
        let mut shown = words(&tree, &found);
        shown.retain(|word| !word.contains(" = "));
        let shown: Vec<&str> = shown.iter().map(|word| word.split(" (").next().unwrap()).collect();
        let (mut shown, mut expected) = (shown, expected);
        shown.sort_unstable();
        expected.sort_unstable();
        assert_eq!(shown, expected);
    }
}

#[test]
fn the_output_of_a_runner_goes_with_the_only_plan_below() {
    for (paths, expected) in [
        (&["/p/scripts/ralph/prd.json", "/p/ralph.log"][..], vec!["ralph: !ralph.log"]),
        (&["/p/specs/001-cart/tasks.md", "/p/loop.out"], vec!["001-cart: !loop.out"]),
        // With a plan or a progress log beside it, or several plans to choose from, it stays where it is.
        (&["/p/prd.json", "/p/sub/prd.json", "/p/run.log"], vec!["p: !run.log"]),
        (&["/p/progress.txt", "/p/sub/prd.json", "/p/run.log"], vec!["p: !run.log"]),
        (&["/p/a/prd.json", "/p/b/prd.json", "/p/run.log"], vec!["p: !run.log"]),
    ] {
        let tree = tree("/p", paths);
        let found = tree.found(&[], true).unwrap();
        let shown = words(&tree, &found);
        let logs: Vec<&str> = shown
            .iter()
            .filter_map(|word| word.split_once(" ("))
            .map(|(word, _)| word)
            .filter(|word| word.contains('!') && !word.contains('+'))
            .collect();
        assert_eq!(logs, expected, "{paths:?}");
    }
}

#[test]
fn a_lock_goes_with_the_plans_that_its_runner_may_work_on() {
    for (paths, expected) in [
        (&["/p/prd.json", "/p/.ralph.lock"][..], vec!["p: .ralph.lock"]),
        (&["/p/.git/", "/p/scripts/ralph/prd.json", "/p/.ralph.lock"], vec!["ralph: .ralph.lock"]),
        (&["/p/.git/", "/p/scripts/ralph/prd.json", "/p/.ralph/ralph.lock"], vec!["ralph: .ralph/ralph.lock"]),
        (&["/p/.git/", "/p/scripts/ralph/prd.json", "/p/scripts/ralph/.ralph.pid"], vec!["ralph: .ralph.pid"]),
        // That of the plan beside it is nobody else's.
        (&["/p/.git/", "/p/prd.json", "/p/sub/prd.json", "/p/.ralph.lock"], vec!["p: .ralph.lock"]),
        (&["/p/.git/", "/p/a/prd.json", "/p/b/prd.json", "/p/.ralph.lock"], vec!["a: .ralph.lock", "b: .ralph.lock"]),
        (&["/.git/", "/.ralph.lock", "/p/.git/", "/p/prd.json"], vec![]),
    ] {
        let tree = tree("/p", paths);
        let found = tree.found(&[], true).unwrap();
        let shown: Vec<String> = words(&tree, &found).iter().filter_map(|word| Some(word.split_once(" (")?.0.to_owned())).collect();
        let mut locks: Vec<String> =
            shown.into_iter().filter(|word| word.ends_with("lock") || word.ends_with("pid")).map(|word| word.replace('+', "")).collect();
        locks.sort();
        assert_eq!(locks, expected, "{paths:?}");
        assert!(
            found.tasks.iter().all(|task| found.sources.iter().any(|source| source.task == task.id && source.shape != Shape::Status)),
            "{paths:?}"
        );
    }
}
