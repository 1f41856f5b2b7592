//! The table of places: where projects keep plans, logs and status files, and what is found there.
//!
//! A new kind of plan is a line here. `docs/formats.md` is held to this table by a test.

use std::path::{Component, Path};

/// A place, by the end of a path. `*` stands for any part of one name; names are compared ignoring case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub pattern: &'static str,
    pub holds: Holds,
    /// Whose it is, in words for people.
    pub family: &'static str,
}

/// What stands in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A plan, which is a task of its own.
    Plan(Naming),
    /// A plan only where the project has no other: it repeats what another tracker holds.
    LonePlan,
    /// A log that goes with the task beside.
    Log,
    /// A document that says how the run stands.
    Status,
}

/// What a task is named after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The folder of the plan; the project where that folder is hidden.
    Folder,
    /// The plan's file, without `prd-` and extension.
    File,
    /// The folder that the whole pattern stands in.
    Project,
}

use Holds::{Log, LonePlan, Plan, Status};
use Naming::{File, Folder, Project};

/// What a project has more than one of comes in the order of trust.
pub const PLACES: &[Place] = &[
    place("prd.json", Plan(Folder), "claude-loop, snarktank/ralph and its kin"),
    place("feature_list.json", Plan(Folder), "long-running harness"),
    place("feature-list.json", Plan(Folder), "long-running harness"),
    place("features.json", Plan(Folder), "long-running harness"),
    place(".taskmaster/tasks/tasks.json", Plan(Project), "task-master"),
    place(".auto-claude/specs/*/implementation_plan.json", Plan(Folder), "Auto-Claude"),
    place("implementation_plan.json", Plan(Folder), "Auto-Claude"),
    place("tasks.json", Plan(Folder), "task lists"),
    place("task.json", Plan(Folder), "task lists"),
    place("tasklist.json", Plan(Folder), "task lists"),
    place("task_list.json", Plan(Folder), "task lists"),
    place("task-list.json", Plan(Folder), "task lists"),
    place("tickets.json", Plan(Folder), "task lists"),
    place("stories.json", Plan(Folder), "task lists"),
    place("user_stories.json", Plan(Folder), "task lists"),
    place("user-stories.json", Plan(Folder), "task lists"),
    place("backlog.json", Plan(Folder), "task lists"),
    place(".agents/tasks/prd-*.json", Plan(File), "iannuttall/ralph"),
    place("scripts/ralph/prd-*.json", Plan(File), "snarktank/ralph"),
    place("tasks/prd-*.json", Plan(File), "snarktank/ralph"),
    place("prds/*.json", Plan(File), "claude-loop"),
    place(".ralph/agent/tasks.jsonl", Plan(Project), "ralph-orchestrator"),
    place(".ralphy/tasks.yaml", Plan(Project), "ralphy"),
    place(".ralphy/tasks.yml", Plan(Project), "ralphy"),
    place("fix_plan.md", Plan(Folder), "ralph-claude-code"),
    place("@fix_plan.md", Plan(Folder), "ralph-claude-code"),
    place("fix-plan.md", Plan(Folder), "ralph-claude-code"),
    place("IMPLEMENTATION_PLAN.md", Plan(Folder), "ralph playbook"),
    place("RALPH_TASK.md", Plan(Folder), "ralph-wiggum-cursor"),
    place("task_plan.md", Plan(Folder), "planning-with-files"),
    place("specs/*/tasks.md", Plan(Folder), "spec-kit, Kiro"),
    place("openspec/changes/*/tasks.md", Plan(Folder), "OpenSpec"),
    place(".sisyphus/plans/*.md", Plan(File), "oh-my-opencode"),
    place("conductor/tracks/*/plan.md", Plan(Folder), "Gemini conductor"),
    place(".planning/ROADMAP.md", Plan(Project), "GSD"),
    place(".gsd/milestones/*/*-ROADMAP.md", Plan(Folder), "GSD-2"),
    place("_bmad-output/implementation-artifacts/sprint-status.yaml", Plan(Project), "BMAD"),
    place("docs/sprint-artifacts/sprint-status.yaml", Plan(Project), "BMAD"),
    place("sprint-status.yaml", Plan(Folder), "BMAD"),
    place(".beads/issues.jsonl", Plan(Project), "beads"),
    place(".ralph-tui/session.json", LonePlan, "ralph-tui"),
    place("progress.txt", Log, "progress logs"),
    place("claude-progress.txt", Log, "long-running harness"),
    place("progress.md", Log, "progress logs"),
    place("build-progress.txt", Log, "Auto-Claude"),
    place(".claude-loop/execution_log.jsonl", Log, "claude-loop"),
    place(".claude-loop/logs/error.log", Log, "claude-loop"),
    place(".ralph/activity.log", Log, "iannuttall/ralph"),
    place(".ralph/logs/ralph.log", Log, "ralph-claude-code"),
    place(".ralph/events-*.jsonl", Log, "ralph-orchestrator"),
    place(".ralph/history.jsonl", Log, "ralph-orchestrator"),
    place(".ralph/status.json", Status, "ralph-claude-code"),
    place(".ralph/progress.json", Status, "ralph-claude-code"),
    place(".sisyphus/boulder.json", Status, "oh-my-opencode"),
    place(".claude/ralph-loop.local.md", Status, "Claude Code's ralph-loop plugin"),
];

/// Folders in the table that hold what one runner keeps for itself, beside those whose name begins with a point.
const LOOP_FOLDER: &str = ".claude";

const fn place(pattern: &'static str, holds: Holds, family: &'static str) -> Place {
    Place { pattern, holds, family }
}

/// The place that a path ends with; the first line of the table that fits.
pub(super) fn place_of(path: &Path) -> Option<(usize, &'static Place)> {
    let parts: Vec<&str> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
        })
        .collect();
    PLACES.iter().enumerate().find(|(_, place)| ends_with(&parts, place.pattern))
}

fn ends_with(parts: &[&str], pattern: &str) -> bool {
    let count = pattern.split('/').count();
    let Some(from) = parts.len().checked_sub(count) else { return false };
    parts[from..].iter().zip(pattern.split('/')).all(|(name, pattern)| is_like(name, pattern))
}

/// Whether a name fits a pattern with one `*` at most.
pub(super) fn is_like(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name.eq_ignore_ascii_case(pattern),
        Some((start, end)) => {
            let fits = name.len() >= start.len() + end.len()
                && name.is_char_boundary(start.len())
                && name.is_char_boundary(name.len() - end.len());
            fits && name[..start.len()].eq_ignore_ascii_case(start) && name[name.len() - end.len()..].eq_ignore_ascii_case(end)
        }
    }
}

/// Whether a hidden folder of this name is one that the table looks into.
pub(super) fn is_runner_folder(name: &str) -> bool {
    const MORE: [&str; 4] = [".specify", ".kiro", ".omc", ".ralphy"];
    name.starts_with('.')
        && (MORE.contains(&name) || PLACES.iter().any(|place| place.pattern.split('/').any(|part| part == name)) && name != LOOP_FOLDER)
}

/// What people and agents write for each other: no log, whatever stands in it.
pub(super) fn is_prose(name: &str) -> bool {
    const PROSE: [&str; 16] = [
        "readme",
        "prompt",
        "claude",
        "agents",
        "gemini",
        "license",
        "licence",
        "changelog",
        "contributing",
        "code_of_conduct",
        "security",
        "copying",
        "notice",
        "requirements",
        "robots",
        "authors",
    ];
    let stem = name.split('.').next().unwrap_or_default().trim_start_matches('@').to_ascii_lowercase();
    PROSE.iter().any(|prose| stem == *prose || stem.strip_prefix(prose).is_some_and(|rest| rest.starts_with(['-', '_'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_the_table() {
        for (path, pattern) in [
            ("/p/PRD.json", Some("prd.json")),
            ("/p/.kiro/specs/shop/tasks.md", Some("specs/*/tasks.md")),
            ("/p/specs/tasks.md", None),
            ("/p/.taskmaster/tasks/tasks.json", Some(".taskmaster/tasks/tasks.json")),
            ("/p/.ralph/events-20260301.jsonl", Some(".ralph/events-*.jsonl")),
            ("/p/package.json", None),
            ("/p/implementation_plan.MD", Some("IMPLEMENTATION_PLAN.md")),
        ] {
            assert_eq!(place_of(Path::new(path)).map(|(_, place)| place.pattern), pattern, "{path}");
        }
    }

    #[test]
    fn no_line_of_the_table_hides_another() {
        for (at, place) in PLACES.iter().enumerate() {
            let path = format!("/p/{}", place.pattern.replace('*', "x"));
            let (found, _) = place_of(Path::new(&path)).expect("it is in the table");
            let same = PLACES[found].holds == place.holds;
            assert!(found == at || (same && found < at), "{} is found as {}", place.pattern, PLACES[found].pattern);
        }
    }

    #[test]
    fn prose_is_known_by_its_name() {
        for (name, expected) in
            [("README.md", true), ("PROMPT_build.md", true), ("readme-de.md", true), ("progress.txt", false), ("prompts.md", false)]
        {
            assert_eq!(is_prose(name), expected, "{name}");
        }
    }
}
