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
