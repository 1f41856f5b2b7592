//! Plans of other families, played: written once, then edited in place, a story under way and then done, until all are.

/// The stories, in the order in which they are worked on.
const STORIES: [&str; 4] = ["Make a basket", "Take money", "Send a receipt", "Give money back"];

/// A family: where its plan lies, and how the plan is written when `done` stories are done and the next one is under way or not.
#[derive(Debug)]
pub struct SimulatedFamily {
    /// As it is asked for.
    pub name: &'static str,
    /// The plan's path in the project.
    pub path: &'static str,
    write: fn(done: usize, under_way: bool) -> String,
}

impl PartialEq for SimulatedFamily {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for SimulatedFamily {}

/// All of them.
pub static FAMILIES: [SimulatedFamily; 12] = [
    SimulatedFamily { name: "spec-kit", path: "specs/001-shop/tasks.md", write: spec_kit },
    SimulatedFamily { name: "kiro", path: ".kiro/specs/shop/tasks.md", write: kiro },
    SimulatedFamily { name: "openspec", path: "openspec/changes/add-shop/tasks.md", write: open_spec },
    SimulatedFamily { name: "task-master", path: ".taskmaster/tasks/tasks.json", write: task_master },
    SimulatedFamily { name: "beads", path: ".beads/issues.jsonl", write: beads },
    SimulatedFamily { name: "bmad", path: "_bmad-output/implementation-artifacts/sprint-status.yaml", write: bmad },
    SimulatedFamily { name: "sisyphus", path: ".sisyphus/plans/shop.md", write: sisyphus },
    SimulatedFamily { name: "conductor", path: "conductor/tracks/shop_20260301/plan.md", write: conductor },
    SimulatedFamily { name: "gsd", path: ".planning/ROADMAP.md", write: gsd },
    SimulatedFamily { name: "ralph-orchestrator", path: ".ralph/agent/tasks.jsonl", write: orchestrator },
    SimulatedFamily { name: "ralph-tui", path: ".ralph-tui/session.json", write: ralph_tui },
    SimulatedFamily { name: "ralphy", path: ".ralphy/tasks.yaml", write: ralphy },
];

/// The plan as it is saved, save by save.
pub fn versions(family: &SimulatedFamily) -> impl Iterator<Item = String> {
    let is_under_way = [false, true];
    (0..=STORIES.len())
        .flat_map(move |done| is_under_way.map(|under_way| (done, under_way)))
        .filter(|(done, under_way)| *done < STORIES.len() || !under_way)
        .map(|(done, under_way)| (family.write)(done, under_way))
}

/// The word for each story: `[done, under way, open]`.
fn words(
    done: usize,
    under_way: bool,
    [passed, started, open]: [&'static str; 3],
) -> impl Iterator<Item = (usize, &'static str, &'static str)> {
    STORIES.iter().enumerate().map(move |(at, title)| {
        let word = match at {
            at if at < done => passed,
            at if at == done && under_way => started,
            _ => open,
        };
        (at + 1, *title, word)
    })
}

/// It has no mark for what is under way.
fn spec_kit(done: usize, under_way: bool) -> String {
    let rows: String = words(done, under_way, ["X", " ", " "]).map(|(n, title, mark)| format!("- [{mark}] T{n:03} {title}\n")).collect();
    format!("# Tasks: Shop\n\n## Phase 1: Shop\n\n{rows}")
}

fn kiro(done: usize, under_way: bool) -> String {
    let rows: String = words(done, under_way, ["x", "-", " "]).map(|(n, title, mark)| format!("- [{mark}] {n}. {title}\n")).collect();
    format!("# Implementation Plan: Shop\n\n{rows}")
}

fn open_spec(done: usize, under_way: bool) -> String {
    let rows: String = words(done, under_way, ["x", " ", " "]).map(|(n, title, mark)| format!("- [{mark}] 1.{n} {title}\n")).collect();
    format!("## 1. Shop\n\n{rows}")
}

fn task_master(done: usize, under_way: bool) -> String {
    let tasks: Vec<String> = words(done, under_way, ["done", "in-progress", "pending"])
        .map(|(n, title, word)| format!(r#"{{"id": {n}, "title": "{title}", "status": "{word}", "subtasks": []}}"#))
        .collect();
    format!("{{\"master\": {{\"tasks\": [\n{}\n], \"metadata\": {{\"description\": \"Tasks for master context\"}}}}}}\n", tasks.join(",\n"))
}

fn beads(done: usize, under_way: bool) -> String {
    words(done, under_way, ["closed", "in_progress", "open"])
        .map(|(n, title, word)| {
            format!("{{\"id\":\"shop-{n}\",\"title\":\"{title}\",\"status\":\"{word}\",\"issue_type\":\"task\",\"created_at\":\"2026-03-01T09:00:00Z\"}}\n")
        })
        .collect()
}

fn bmad(done: usize, under_way: bool) -> String {
    let rows: String = words(done, under_way, ["done", "in-progress", "backlog"])
        .map(|(n, title, word)| format!("  1-{n}-{}: {word}\n", title.to_lowercase().replace(' ', "-")))
        .collect();
    format!("project: shop\n\ndevelopment_status:\n  epic-1: in-progress\n{rows}  epic-1-retrospective: optional\n")
}

/// It has no mark for what is under way.
fn sisyphus(done: usize, under_way: bool) -> String {
    let rows: String = words(done, under_way, ["x", " ", " "])
        .map(|(n, title, mark)| format!("- [{mark}] {n}. {title}\n  - [ ] it is tested\n\n"))
        .collect();
    format!("# Shop\n\n## TODOs\n\n{rows}## Success Criteria\n\n- [ ] the shop is open\n")
}

fn conductor(done: usize, under_way: bool) -> String {
    let rows: String = words(done, under_way, ["x", "~", " "])
        .map(|(_, title, mark)| format!("- [{mark}] Task: {title}\n    - [{mark}] test it\n"))
        .collect();
    format!("# Implementation Plan - Shop\n\n## Phase 1: Shop\n\n{rows}")
}

/// It has no mark for what is under way.
fn gsd(done: usize, under_way: bool) -> String {
    let rows: String =
        words(done, under_way, ["x", " ", " "]).map(|(n, title, mark)| format!("- [{mark}] 01-{n:02}-PLAN.md — {title}\n")).collect();
    format!("# Roadmap: Shop\n\n## Phases\n\n- [ ] **Phase 1: Shop** - it sells\n\n### Phase 1: Shop\n\nPlans:\n{rows}")
}

/// It has no word for what is under way.
fn orchestrator(done: usize, under_way: bool) -> String {
    words(done, under_way, ["closed", "open", "open"])
        .map(|(n, title, word)| {
            format!("{{\"id\":\"task-{n}\",\"title\":\"{title}\",\"status\":\"{word}\",\"loop_id\":\"primary-1\",\"created\":\"2026-03-01T09:00:00+00:00\"}}\n")
        })
        .collect()
}

fn ralph_tui(done: usize, under_way: bool) -> String {
    let tasks: Vec<String> = words(done, under_way, ["completed", "open", "open"])
        .map(|(n, title, word)| format!(r#"{{"id": "shop-{n}", "title": "{title}", "status": "{word}"}}"#))
        .collect();
    let active = if under_way { format!(r#""shop-{}""#, done + 1) } else { String::new() };
    let tracker = format!(r#"{{"plugin": "json", "totalTasks": {}, "tasks": [{}]}}"#, STORIES.len(), tasks.join(", "));
    format!(
        r#"{{"status": "running", "currentIteration": {done}, "activeTaskIds": [{active}], "iterations": [], "trackerState": {tracker}}}"#
    )
}

/// It has no word for what is under way.
fn ralphy(done: usize, under_way: bool) -> String {
    let rows: String = words(done, under_way, ["true", "false", "false"])
        .map(|(_, title, word)| format!("  - title: {title}\n    completed: {word}\n"))
        .collect();
    format!("tasks:\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, STORIES, versions};
    use crate::plan::{Notation, PlanStatus, parse};

    #[test]
    fn every_version_of_every_family_is_a_plan_of_the_same_stories() {
        for family in &FAMILIES {
            for (at, text) in versions(family).enumerate() {
                let plan = parse(Notation::of(family.path), &text).expect("it is a plan");
                let passed = plan.stories.iter().filter(|story| story.is_passed()).count();
                assert_eq!((plan.stories.len(), passed), (STORIES.len(), at / 2), "{}, version {at}", family.name);
                let others = plan.stories.iter().filter(|story| !matches!(story.status, PlanStatus::Open | PlanStatus::Passed));
                assert!(others.count() <= at % 2, "{}, version {at}", family.name);
            }
        }
    }
}
