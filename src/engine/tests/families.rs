//! Plans of every family, from their first version to their end: what each save of the document emits.

use crate::model::state::TaskStatus;

use super::*;

/// Saves one version after the other; each is given with what it emits.
fn check(name: &str, versions: &[(&str, &[&str])]) -> Scenario {
    let (first, emitted) = versions[0];
    let mut scenario = Scenario::of(&[name], &[Some(first)], true);
    assert_eq!(scenario.emitted(), emitted, "{name}, as it was found");
    for (at, (version, emitted)) in versions.iter().enumerate().skip(1) {
        scenario.save(0, version, RereadReason::Replaced).wait(1.0);
        assert_eq!(scenario.emitted(), *emitted, "{name}, version {at}");
        scenario.save(0, version, RereadReason::Replaced).wait(1.0).expect(&[]);
    }
    let task = &scenario.engine.state(scenario.moment()).tasks[0];
    assert!(task.story_count.is_none_or(|count| task.stories_passed <= count), "{name}");
    scenario
}

fn ends_passed(scenario: &Scenario, count: u32) {
    let task = &scenario.engine.state(scenario.moment()).tasks[0];
    assert_eq!((task.status, task.stories_passed, task.story_count, task.percent), (TaskStatus::Passed, count, Some(count), Some(100)));
}

#[test]
fn spec_kit() {
    let version = |first: char, second: char| {
        format!(
            "# Tasks: Shop\n\n## Phase 1: Setup\n\n- [{first}] T001 Create it\n- [{second}] T002 [P] Lint it\n\n## Done\n\n- [ ] Phase 1 Complete\n"
        )
    };
    let life = check(
        "specs/shop/tasks.md",
        &[
            (&version(' ', ' '), &[]),
            (&version('X', ' '), &["start T001 (Shop)", "passed T001 (Shop)"]),
            (&version('X', 'x'), &["start T002 (Shop)", "passed T002 (Shop)", "end (Shop)"]),
        ],
    );
    ends_passed(&life, 2);
}

#[test]
fn kiro() {
    let version = |first: char, child: char, second: char| {
        format!(
            "# Implementation Plan: Shop\n\n- [{first}] 1. Basket\n  - [{child}] 1.1 Write it\n- [{second}] 2. Payment\n- [ ]* 3. Docs\n"
        )
    };
    let life = check(
        ".kiro/specs/shop/tasks.md",
        &[
            (&version(' ', ' ', ' '), &[]),
            (&version('-', ' ', ' '), &["start 1 (Shop)"]),
            (&version('x', 'x', '-'), &["criterion 1 0 (Shop)", "passed 1 (Shop)", "start 2 (Shop)"]),
            (&version('x', 'x', 'x'), &["passed 2 (Shop)", "end (Shop)"]),
        ],
    );
    ends_passed(&life, 2);
}

#[test]
fn open_spec_ends_when_its_folder_is_archived() {
    let version = |second: char| format!("## 1. Basket\n\n- [x] 1.1 Write it\n- [{second}] 1.2 Test it\n");
    let mut life = check("openspec/changes/add-shop/tasks.md", &[(&version(' '), &["start 1.1 (openspec)", "passed 1.1 (openspec)"])]);
    let at = life.moment();
    life.feed(Input::Missing { source: SourceId(0), at });
    life.wait(4.0).expect(&[]);
    let task = &life.engine.state(life.moment()).tasks[0];
    assert_eq!((task.status, task.stories_passed, task.story_count), (TaskStatus::Ended, 1, Some(2)));
}

#[test]
fn task_master() {
    let version = |first: &str, second: &str, at: u32| {
        format!(
            r#"{{"master": {{"tasks": [{{"id": 1, "title": "Basket", "status": "{first}", "subtasks": [{{"id": 1, "title": "Write", "status": "{first}"}}]}},
                {{"id": 2, "title": "Payment", "status": "{second}", "subtasks": []}}, {{"id": 3, "title": "Old", "status": "cancelled"}}],
                "metadata": {{"updated": "2026-02-01T0{at}:00:00.000Z"}}}}}}"#
        )
    };
    let life = check(
        ".taskmaster/tasks/tasks.json",
        &[
            (&version("pending", "pending", 1), &[]),
            (&version("in-progress", "pending", 2), &["start 1 (.taskmaster)"]),
            (&version("done", "pending", 3), &["criterion 1 0 (.taskmaster)", "passed 1 (.taskmaster)"]),
            (&version("done", "done", 4), &["start 2 (.taskmaster)", "passed 2 (.taskmaster)", "end (.taskmaster)"]),
        ],
    );
    ends_passed(&life, 2);
}

#[test]
fn the_current_tag_of_task_master_is_the_plan() {
    let task = |status: &str, title: &str| format!(r#"{{"id": 1, "title": "{title}", "status": "{status}", "subtasks": []}}"#);
    let tag = |tasks: &str, day: u32| format!(r#"{{"tasks": [{tasks}], "metadata": {{"updated": "2026-02-0{day}T00:00:00.000Z"}}}}"#);
    let document =
        |master: &str, pay: &str| format!(r#"{{"master": {}, "pay": {}}}"#, tag(&task(master, "Basket"), 2), tag(&task(pay, "Card"), 1));
    let current = |tag: &str| format!(r#"{{"currentTag": "{tag}", "lastSwitched": "2026-02-03T00:00:00.000Z"}}"#);
    let names = ["shop/.taskmaster/tasks/tasks.json", "shop/.taskmaster/state.json"];
    // The other one was written last.
    let mut life = Scenario::of(&names, &[Some(&document("pending", "pending")), Some(&current("pay"))], true);
    let title = |life: &Scenario| life.state().tasks[0].stories[0].title.as_deref().map(str::to_owned);
    assert_eq!(title(&life).as_deref(), Some("Card"));
    life.save(0, &document("done", "done"), RereadReason::Replaced).wait(1.0).expect(&["start 1 (pay)", "passed 1 (pay)", "end (pay)"]);
    // Only the pointer changes.
    life.save(1, &current("master"), RereadReason::Replaced).wait(1.0);
    assert_eq!((title(&life).as_deref(), life.state().tasks[0].runs.len()), (Some("Basket"), 1));
    life.expect(&["start 1 (shop)", "passed 1 (shop)", "end (shop)"]);
    // A tag that the document does not have selects nothing: the one that was written last stays.
    life.save(1, &current("none"), RereadReason::Replaced).wait(1.0).expect(&[]);
    assert_eq!(title(&life).as_deref(), Some("Basket"));
}

#[test]
fn sprint_status() {
    let version = |first: &str, second: &str| {
        format!(
            "development_status:\n  epic-1: in-progress\n  1-1-basket: {first}\n  1-2-payment: {second}\n  epic-1-retrospective: optional\n"
        )
    };
    let life = check(
        "docs/sprint-artifacts/sprint-status.yaml",
        &[
            (&version("ready-for-dev", "backlog"), &[]),
            (&version("in-progress", "backlog"), &["start 1-1 (docs)"]),
            (&version("review", "backlog"), &[]),
            (&version("done", "review"), &["passed 1-1 (docs)", "start 1-2 (docs)"]),
            (&version("done", "done"), &["passed 1-2 (docs)", "end (docs)"]),
        ],
    );
    ends_passed(&life, 2);
}

#[test]
fn planning_with_files() {
    let version = |status: &str, mark: char, error: &str| {
        format!(
            "# Task Plan: Shop\n\n## Phases\n\n### Phase 1: Basket\n- [{mark}] Write it\n- **Status:** {status}\n\n### Phase 2: Payment\n- [ ] Pay\n- **Status:** pending\n\n## Errors Encountered\n| Error | Attempt | Resolution |\n|---|---|---|\n{error}"
        )
    };
    check(
        "docs/task_plan.md",
        &[
            (&version("pending", ' ', ""), &[]),
            (&version("in_progress", ' ', ""), &["start Phase 1 (Shop)"]),
            (&version("in_progress", ' ', "| Bank says no | 1 | again |\n"), &["error - (Shop)"]),
            (&version("complete", 'x', "| Bank says no | 1 | again |\n"), &["criterion Phase 1 0 (Shop)", "passed Phase 1 (Shop)"]),
        ],
    );
}

#[test]
fn a_plan_that_is_replaced_is_another_run() {
    let version = |name: &str, mark: char| format!("# Tasks: {name}\n\n- [{mark}] T001 Create it\n- [ ] T002 Lint it\n");
    check(
        "specs/shop/tasks.md",
        &[
            (&version("Shop", 'x'), &["start T001 (Shop)", "passed T001 (Shop)"]),
            (&version("Bank", 'x'), &["start T001 (Bank)", "passed T001 (Bank)"]),
        ],
    );
}

#[test]
fn sisyphus() {
    let version = |first: char, second: char, last: char| {
        format!(
            "# Lend books\n\n## TODOs\n\n- [{first}] 1. Shelve a book\n  - [ ] it stands\n- [{second}] 2. Lend a book\n\n## Final Verification Wave\n\n- [{last}] F1. **Read it again** — `oracle`\n\n## Success Criteria\n\n- [ ] all is well\n"
        )
    };
    let life = check(
        ".sisyphus/plans/lend.md",
        &[
            (&version(' ', ' ', ' '), &[]),
            (&version('x', ' ', ' '), &["start 1 (Lend books)", "passed 1 (Lend books)"]),
            (&version('x', 'x', ' '), &["start 2 (Lend books)", "passed 2 (Lend books)"]),
            (&version('x', 'x', 'x'), &["start F1 (Lend books)", "passed F1 (Lend books)", "end (Lend books)"]),
        ],
    );
    ends_passed(&life, 3);
}

#[test]
fn a_boulder_names_the_task_of_its_plan_that_is_under_way() {
    let plan = "# Lend books\n\n## TODOs\n\n- [ ] 1. Shelve a book\n- [ ] 2. Lend a book\n";
    let boulder = |label: &str, end: &str| {
        format!(
            r#"{{"active_plan": "/home/dev/.sisyphus/plans/lend.md", "plan_name": "lend"{end}, "task_sessions": {{"{label}": {{"updated_at": "2026-02-01T09:00:00.000Z"}}}}}}"#
        )
    };
    let names = [".sisyphus/plans/lend.md", ".sisyphus/boulder.json"];
    let mut life = Scenario::of(&names, &[Some(plan), Some(&boulder("todo:1", ""))], true);
    life.expect(&["start 1 (Lend books)"]);
    life.save(1, &boulder("todo:1", ""), RereadReason::Replaced).wait(1.0).expect(&[]);
    life.save(1, &boulder("todo:7", ""), RereadReason::Replaced).wait(1.0).expect(&[]);
    life.save(0, &plan.replace("[ ] 1", "[x] 1"), RereadReason::Replaced).wait(1.0).expect(&["passed 1 (Lend books)"]);
    life.save(1, &boulder("todo:2", ""), RereadReason::Replaced).wait(1.0).expect(&["start 2 (Lend books)"]);
    // It calls the work complete, the plan does not.
    life.save(1, &boulder("todo:2", r#", "completed_at": "2026-02-01T10:00:00.000Z""#), RereadReason::Replaced).wait(1.0).expect(&[]);
    let task = &life.engine.state(life.moment()).tasks[0];
    assert_eq!((task.status, task.stories_passed, task.story_count), (TaskStatus::Ended, 1, Some(2)));
}

#[test]
fn conductor_ends_when_its_track_is_archived() {
    let version = |first: char, second: char, checkpoint: &str| {
        format!(
            "# Implementation Plan - Lending\n\n## Phase 1: Shelves{checkpoint}\n\n- [{first}] Task: Build it\n    - [{first}] cut the wood\n- [{second}] Task: Label it\n"
        )
    };
    let mut life = check(
        "conductor/tracks/lending/plan.md",
        &[
            (&version(' ', ' ', ""), &[]),
            (&version('~', ' ', ""), &["start Build it (Lending)"]),
            (&version('x', '~', ""), &["criterion - 0 (Lending)", "passed Build it (Lending)", "start Label it (Lending)"]),
            (&version('x', 'x', " [checkpoint: 1a2b3c4]"), &["passed Label it (Lending)", "end (Lending)"]),
        ],
    );
    ends_passed(&life, 2);
    let at = life.moment();
    life.feed(Input::Missing { source: SourceId(0), at });
    life.wait(4.0).expect(&[]);
    // What had passed has passed, wherever its folder goes.
    ends_passed(&life, 2);
}

#[test]
fn gsd() {
    let version = |phase: &str, first: char, second: char| {
        format!(
            "# Roadmap: {phase}\n\n## Phases\n\n- [ ] **Phase 1: Shelves** - a home\n\n### Phase 1: Shelves\n\nPlans:\n- [{first}] 01-01-PLAN.md — build them\n- [{second}] 01-02-PLAN.md — label them\n"
        )
    };
    check(
        ".planning/ROADMAP.md",
        &[
            (&version("Library", ' ', ' '), &[]),
            (&version("Library", 'x', ' '), &["start 01-01 (Library)", "passed 01-01 (Library)"]),
            (&version("Library", 'x', 'x'), &["start 01-02 (Library)", "passed 01-02 (Library)", "end (Library)"]),
            // The next milestone begins with a roadmap of its own.
            (&version("Library 2", ' ', ' '), &[]),
            (&version("Library 2", 'x', ' '), &["start 01-01 (Library 2)", "passed 01-01 (Library 2)"]),
        ],
    );
}

#[test]
fn beads() {
    let issue = |id: &str, status: &str| {
        format!(
            r#"{{"id":"{id}","title":"T {id}","status":"{status}","issue_type":"task","created_at":"2026-02-01T09:00:00Z","updated_at":"2026-02-01T09:30:00Z"}}"#
        )
    };
    let version = |first: &str, second: &str| format!("{}\n{}\n", issue("lib-1", first), issue("lib-2", second));
    let life = check(
        "docs/.beads/issues.jsonl",
        &[
            (&version("open", "open"), &[]),
            (&version("in_progress", "open"), &["start lib-1 (docs)"]),
            (&version("closed", "blocked"), &["passed lib-1 (docs)"]),
            (&version("closed", "closed"), &["start lib-2 (docs)", "passed lib-2 (docs)", "end (docs)"]),
        ],
    );
    ends_passed(&life, 2);
}

#[test]
fn an_orchestrators_loop_is_a_run() {
    let task = |number: u32, id: &str, status: &str| {
        format!(
            r#"{{"id":"{id}","title":"T {id}","status":"{status}","loop_id":"primary-{number}","created":"2026-02-0{number}T09:00:00+00:00"}}"#
        )
    };
    let tasks = |records: &[String]| records.join("\n") + "\n";
    let started =
        |number: u32| format!(r#"{{"ts":"2026-02-0{number}T09:00:00Z","type":{{"kind":"loop_started","prompt":"lend"}}}}"#) + "\n";
    let ended = |number: u32, reason: &str| {
        format!(r#"{{"ts":"2026-02-0{number}T10:00:00Z","type":{{"kind":"loop_completed","reason":"{reason}"}}}}"#) + "\n"
    };
    let names = ["lib/.ralph/agent/tasks.jsonl", "lib/.ralph/history.jsonl"];
    let first = [task(1, "a", "open"), task(1, "b", "open")];
    let mut life = Scenario::of(&names, &[Some(&tasks(&first)), Some(&started(1))], true);
    life.emitted();
    life.save(0, &tasks(&[task(1, "a", "closed"), task(1, "b", "open")]), RereadReason::Replaced).wait(1.0);
    life.expect(&["start a (primary-1)", "passed a (primary-1)"]);
    life.save(0, &tasks(&[task(1, "a", "closed"), task(1, "b", "failed")]), RereadReason::Replaced).wait(1.0);
    life.expect(&["start b (primary-1)", "failed b (primary-1)"]);
    life.append(1, &ended(1, "max_iterations")).wait(1.0).expect(&["end (primary-1)"]);
    // The next loop.
    let second = [task(1, "a", "closed"), task(1, "b", "failed"), task(2, "c", "open")];
    life.save(0, &tasks(&second), RereadReason::Replaced).wait(1.0);
    life.append(1, &started(2)).wait(1.0);
    let next = [task(1, "a", "closed"), task(1, "b", "failed"), task(2, "c", "closed")];
    life.save(0, &tasks(&next), RereadReason::Replaced).wait(1.0);
    life.append(1, &ended(2, "completion_promise")).wait(1.0).expect(&["start c (primary-2)", "passed c (primary-2)", "end (primary-2)"]);
    ends_passed(&life, 1);
}

#[test]
fn ralph_tui() {
    let version = |first: &str, second: &str, active: &str| {
        format!(
            r#"{{"status": "running", "activeTaskIds": [{active}], "iterations": [], "trackerState": {{"plugin": "json", "tasks": [
                {{"id": "lib-1", "title": "Shelve", "status": "{first}"}}, {{"id": "lib-2", "title": "Lend", "status": "{second}"}}]}}}}"#
        )
    };
    let mut life = check(
        "lib/.ralph-tui/session.json",
        &[
            (&version("open", "open", ""), &[]),
            (&version("open", "open", "\"lib-1\""), &["start lib-1 (lib)"]),
            (&version("completed", "open", "\"lib-2\""), &["passed lib-1 (lib)", "start lib-2 (lib)"]),
        ],
    );
    // The session is over: its file goes.
    let at = life.moment();
    life.feed(Input::Missing { source: SourceId(0), at });
    life.wait(4.0).expect(&[]);
    let task = &life.engine.state(life.moment()).tasks[0];
    assert_eq!((task.status, task.stories_passed, task.story_count), (TaskStatus::Ended, 1, Some(2)));
}

#[test]
fn ralphy_counts_each_attempt_once() {
    let plan = |first: bool, second: bool| {
        format!("tasks:\n  - title: Shelve a book\n    completed: {first}\n  - title: Lend a book\n    completed: {second}\n")
    };
    let names = ["lib/.ralphy/tasks.yaml", "lib/.ralphy/progress.txt"];
    let mut life = Scenario::of(&names, &[Some(&plan(false, false)), Some("# Ralphy Progress Log\n\n")], true);
    life.emitted();
    life.append(1, "- [✓] 2026-02-01 09:10 - Shelve a book\n").wait(1.0);
    life.save(0, &plan(true, false), RereadReason::Replaced).wait(1.0);
    life.append(1, "- [✗] 2026-02-01 09:40 - Lend a book\n").wait(1.0);
    life.append(1, "- [✓] 2026-02-01 10:02 - Lend a book\n").wait(1.0);
    life.save(0, &plan(true, true), RereadReason::Replaced).wait(1.0);
    let all = life.emitted();
    let counted = |what: &str| all.iter().filter(|event| event.starts_with(what)).count();
    assert_eq!((counted("start"), counted("passed"), counted("failed"), counted("end")), (3, 2, 1, 1), "{all:?}");
    ends_passed(&life, 2);
}
