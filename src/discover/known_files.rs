//! The table of places: where projects keep plans, logs and status files, and what is found there.
//!
//! A new kind of plan is a line here. `docs/formats.md` is held to this table by a test.

use std::path::{Component, Path};

use super::files::{FileKind, kind_of};

/// A place, by the end of a path. `*` stands for any part of one name; names are compared ignoring case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFile {
    pub pattern: &'static str,
    pub holds: Holds,
    /// Whose it is, in words for people.
    pub family: &'static str,
}

/// What stands in a known file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A plan, which is a task of its own.
    Plan(Naming),
    /// A plan only where the project has no other: it repeats what another tracker holds.
    LonePlan,
    /// The same, and only beside this runner's folder: elsewhere a document of that name is prose.
    LonePlanBeside(&'static str),
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

use Holds::{Log, LonePlan, LonePlanBeside, Plan, Status};
use Naming::{File, Folder, Project};

/// What a project has more than one of comes in the order of trust.
pub const KNOWN_FILES: &[KnownFile] = &[
    file("prd.json", Plan(Folder), "claude-loop, snarktank/ralph and its kin"),
    file("feature_list.json", Plan(Folder), "long-running harness"),
    file("feature-list.json", Plan(Folder), "long-running harness"),
    file("features.json", Plan(Folder), "long-running harness"),
    file(".taskmaster/tasks/tasks.json", Plan(Project), "task-master"),
    file(".auto-claude/specs/*/implementation_plan.json", Plan(Folder), "Auto-Claude"),
    file("implementation_plan.json", Plan(Folder), "Auto-Claude"),
    file("tasks.json", Plan(Folder), "task lists"),
    file("task.json", Plan(Folder), "task lists"),
    file("tasklist.json", Plan(Folder), "task lists"),
    file("task_list.json", Plan(Folder), "task lists"),
    file("task-list.json", Plan(Folder), "task lists"),
    file("tickets.json", Plan(Folder), "task lists"),
    file("stories.json", Plan(Folder), "task lists"),
    file("user_stories.json", Plan(Folder), "task lists"),
    file("user-stories.json", Plan(Folder), "task lists"),
    file("backlog.json", Plan(Folder), "task lists"),
    file(".agents/tasks/prd-*.json", Plan(File), "iannuttall/ralph"),
    file("scripts/ralph/prd-*.json", Plan(File), "snarktank/ralph"),
    file("tasks/prd-*.json", Plan(File), "snarktank/ralph"),
    file("prds/*.json", Plan(File), "claude-loop"),
    file(".ralph/agent/tasks.jsonl", Plan(Project), "ralph-orchestrator"),
    file(".ralphy/tasks.yaml", Plan(Project), "ralphy"),
    file(".ralphy/tasks.yml", Plan(Project), "ralphy"),
    file("fix_plan.md", Plan(Folder), "ralph-claude-code"),
    file("@fix_plan.md", Plan(Folder), "ralph-claude-code"),
    file("fix-plan.md", Plan(Folder), "ralph-claude-code"),
    file("IMPLEMENTATION_PLAN.md", Plan(Folder), "ralph playbook"),
    file("RALPH_TASK.md", Plan(Folder), "ralph-wiggum-cursor"),
    file("task_plan.md", Plan(Folder), "planning-with-files"),
    file("specs/*/tasks.md", Plan(Folder), "spec-kit, Kiro"),
    file("openspec/changes/*/tasks.md", Plan(Folder), "OpenSpec"),
    file(".sisyphus/plans/*.md", Plan(File), "oh-my-opencode"),
    file("conductor/tracks/*/plan.md", Plan(Folder), "Gemini conductor"),
    file(".planning/ROADMAP.md", Plan(Project), "GSD"),
    file(".gsd/milestones/*/*-ROADMAP.md", Plan(Folder), "GSD-2"),
    file("_bmad-output/implementation-artifacts/sprint-status.yaml", Plan(Project), "BMAD"),
    file("docs/sprint-artifacts/sprint-status.yaml", Plan(Project), "BMAD"),
    file("sprint-status.yaml", Plan(Folder), "BMAD"),
    file(".beads/issues.jsonl", Plan(Project), "beads"),
    file(".ralph-tui/session.json", LonePlan, "ralph-tui"),
    file("PRD.md", LonePlanBeside(".ralphy"), "ralphy"),
    file("progress.txt", Log, "progress logs"),
    file("claude-progress.txt", Log, "long-running harness"),
    file("progress.md", Log, "progress logs"),
    file("build-progress.txt", Log, "Auto-Claude"),
    file(".claude-loop/execution_log.jsonl", Log, "claude-loop"),
    file(".claude-loop/logs/error.log", Log, "claude-loop"),
    file(".ralph/activity.log", Log, "iannuttall/ralph"),
    file(".ralph/logs/ralph.log", Log, "ralph-claude-code"),
    file(".ralph/events-*.jsonl", Log, "ralph-orchestrator"),
    file(".ralph/history.jsonl", Log, "ralph-orchestrator"),
    file(".ralph/status.json", Status, "ralph-claude-code"),
    file(".ralph/progress.json", Status, "ralph-claude-code"),
    file(".sisyphus/boulder.json", Status, "oh-my-opencode"),
    file(".ralph/loop.lock", Status, "ralph-orchestrator"),
    file(".ralph-tui/ralph.lock", Status, "ralph-tui"),
    file(".ralph/ralph.lock", Status, "snarktank/ralph and its kin"),
    file(".ralph/ralph.pid", Status, "snarktank/ralph and its kin"),
    file(".ralph/.lock", Status, "snarktank/ralph and its kin"),
    file(".ralph.lock", Status, "snarktank/ralph and its kin"),
    file(".ralph.pid", Status, "snarktank/ralph and its kin"),
    file(".taskmaster/state.json", Status, "task-master"),
    file(".planning/STATE.md", Status, "GSD"),
    file(".gsd/STATE.md", Status, "GSD-2"),
    file(".ralph-tui/session-meta.json", Status, "ralph-tui"),
    file(".claude/ralph-loop.local.md", Status, "Claude Code's ralph-loop plugin"),
];

/// The one hidden folder of the table that is not looked into: it is full of other things.
pub(super) const CLAUDE_FOLDER: &str = ".claude";

const fn file(pattern: &'static str, holds: Holds, family: &'static str) -> KnownFile {
    KnownFile { pattern, holds, family }
}

/// The place that a path ends with; the first line of the table that fits.
pub(super) fn known_file(path: &Path) -> Option<(usize, &'static KnownFile)> {
    let parts: Vec<&str> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
        })
        .collect();
    KNOWN_FILES.iter().enumerate().find(|(_, known)| ends_with(&parts, known.pattern) && has_its_runner(path, known.holds))
}

/// Whether the runner's folder that gives the name its meaning stands beside the file.
fn has_its_runner(path: &Path, holds: Holds) -> bool {
    match holds {
        LonePlanBeside(runner) => kind_of(&path.with_file_name(runner)) == FileKind::Folder,
        Plan(_) | LonePlan | Log | Status => true,
    }
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

/// Whether a hidden folder of this name is one that is looked into: those of the table, and those that its patterns may lie in.
pub(super) fn is_runner_folder(name: &str) -> bool {
    const MORE: [&str; 3] = [".specify", ".kiro", ".omc"];
    name.starts_with('.')
        && (MORE.contains(&name)
            || KNOWN_FILES.iter().any(|known| known.pattern.split('/').any(|part| part == name)) && name != CLAUDE_FOLDER)
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
    PROSE.iter().any(|prose| stem == *prose || stem.strip_prefix(prose).is_some_and(|suffix| suffix.starts_with(['-', '_'])))
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
            assert_eq!(known_file(Path::new(path)).map(|(_, known)| known.pattern), pattern, "{path}");
        }
    }

    #[test]
    fn no_line_of_the_table_hides_another() {
        for (at, known) in KNOWN_FILES.iter().enumerate() {
            let folder = tempfile::tempdir().expect("a folder");
            if let LonePlanBeside(runner) = known.holds {
                std::fs::create_dir(folder.path().join(runner)).expect("a folder");
            }
            let (found, _) = known_file(&folder.path().join(known.pattern.replace('*', "x"))).expect("it is in the table");
            let same = KNOWN_FILES[found].holds == known.holds;
            assert!(found == at || (same && found < at), "{} is found as {}", known.pattern, KNOWN_FILES[found].pattern);
        }
    }

    #[test]
    fn the_page_about_formats_lists_the_table() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/formats.md")).expect("the page is there");
        let listed: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")).collect();
        let rows: Vec<String> = KNOWN_FILES.iter().map(row).collect();
        assert_eq!(listed, rows, "docs/formats.md");
    }

    /// A row of the page, without its first two characters.
    fn row(known: &KnownFile) -> String {
        let about = match known.holds {
            Plan(Folder) => "a plan; the task is named by its folder",
            Plan(File) => "a plan; the task is named by the file",
            Plan(Project) => "a plan; the task is named by the project",
            LonePlan => "a plan where the project has no other",
            LonePlanBeside(runner) => {
                return format!("{}` | a plan beside `{runner}/` where the project has no other | {} |", known.pattern, known.family);
            }
            Log => "a log",
            Status => "how the run stands",
        };
        format!("{}` | {about} | {} |", known.pattern, known.family)
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
