//! Plans of other families, played: written once, then edited in place, a story under way and then done, until all are.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// The stories, in the order in which they are worked on.
const STORIES: [&str; 4] = ["Make a basket", "Take money", "Send a receipt", "Give money back"];

/// A family: where its plan lies, and how the plan is written when `done` stories are done and the next one is under way or not.
pub struct Family {
    pub name: &'static str,
    path: &'static str,
    write: fn(done: usize, under_way: bool) -> String,
}

pub const FAMILIES: [Family; 6] = [
    Family { name: "spec-kit", path: "specs/001-shop/tasks.md", write: spec_kit },
    Family { name: "kiro", path: ".kiro/specs/shop/tasks.md", write: kiro },
    Family { name: "openspec", path: "openspec/changes/add-shop/tasks.md", write: open_spec },
    Family { name: "task-master", path: ".taskmaster/tasks/tasks.json", write: task_master },
    Family { name: "beads", path: ".beads/issues.jsonl", write: beads },
    Family { name: "bmad", path: "_bmad-output/implementation-artifacts/sprint-status.yaml", write: bmad },
];

#[expect(clippy::disallowed_methods, reason = "its pace is what it is for")]
fn pause(step: Duration) {
    sleep(step);
}

/// Plays a family in a folder; `step` lies between two saves.
pub fn play(family: &Family, folder: &Path, step: Duration) -> io::Result<()> {
    let path = folder.join(family.path);
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    for done in 0..=STORIES.len() {
        fs::write(&path, (family.write)(done, false))?;
        pause(step);
        if done < STORIES.len() {
            fs::write(&path, (family.write)(done, true))?;
            pause(step);
        }
    }
    Ok(())
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
