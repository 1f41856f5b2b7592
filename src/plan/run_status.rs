//! Files in which a program says how its run stands, written anew each time: the iteration, what is under way, and whether the run is over
//! and why.
//!
//! They hold no stories. What is not quite JSON is read as far as its keys go. A lock file names the runner's process.

use super::tree::{self, Node};
use super::{PlanStatus, STORY_LIMIT, words};
use crate::clock::Timestamp;
use crate::text::CleanText;

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunStatus {
    pub iteration: Option<u32>,
    pub max_iterations: Option<u32>,
    pub started_at: Option<Timestamp>,
    /// When it was said.
    pub at: Option<Timestamp>,
    pub end: Option<RunEnd>,
    /// The process that runs it.
    pub process: Option<RunnerProcess>,
    /// The file of the plan that it is about, without folder and extension, where the file names it.
    pub plan: Option<String>,
    /// Which of the plan's tags is worked on.
    pub tag: Option<String>,
    /// The stories that were begun.
    pub starts: Vec<StoryStart>,
}

/// That a story was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryStart {
    /// As the plan writes it.
    pub id: String,
    pub at: Option<Timestamp>,
}

/// The process of a runner, as its lock file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerProcess {
    pub pid: u32,
    /// The machine that it runs on, where the file says so.
    pub host: Option<CleanText>,
}

/// That a run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// `None` where the file does not say whether the work is done.
    pub passed: Option<bool>,
    /// In the program's words.
    pub reason: Option<String>,
}

/// Reads a status file; `None` for anything else.
pub fn read(path: &str, text: &str) -> Option<RunStatus> {
    let text = text.trim_start_matches('\u{feff}');
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("md") if name.eq_ignore_ascii_case("STATE.md") => Some(position(text)).filter(|status| *status != RunStatus::default()),
        Some("md") => front_matter(text),
        Some("lock" | "pid") => lock(text),
        Some(_) | None => json(text),
    }
}

/// The plugin's file: `iteration` and its limit in the front matter; the file is deleted at the end.
fn front_matter(text: &str) -> Option<RunStatus> {
    let head = text.strip_prefix("---")?.split("\n---").next()?;
    let tree = tree::yaml(head).ok()?;
    let iteration = tree.get("iteration").and_then(Node::integer)?;
    let started = tree.first_text(&["started_at", "timestamp"]).and_then(|stamp| words::time(&stamp));
    let limit = tree.get("max_iterations").and_then(Node::integer).filter(|limit: &u32| *limit > 0);
    let is_over = tree.get("active").and_then(Node::bool) == Some(false);
    let end = is_over.then(|| RunEnd { passed: None, reason: Some("its loop is not active any more".to_owned()) });
    Some(RunStatus { iteration: Some(iteration), max_iterations: limit, started_at: started, end, ..RunStatus::default() })
}

/// A lock file: the number of the process alone on the first line, or as `pid` in JSON.
fn lock(text: &str) -> Option<RunStatus> {
    let process = match text.lines().next()?.trim().parse() {
        Ok(pid) => RunnerProcess { pid, host: None },
        Err(_) => {
            let tree = tree::json(text).ok()?;
            RunnerProcess { pid: tree.get("pid").and_then(Node::integer)?, host: tree.first_text(&["hostname", "host"]) }
        }
    };
    // 0 and 1 are the kernel's: no runner.
    (process.pid > 1).then(|| RunStatus { process: Some(process), ..RunStatus::default() })
}

fn json(text: &str) -> Option<RunStatus> {
    let tree = tree::json(text).ok()?;
    if tree.get("active_plan").is_some() || tree.get("plan_name").is_some() {
        return Some(boulder(&tree));
    }
    if let Some(tag) = tree.first_text(&["currentTag"]) {
        return Some(RunStatus { tag: Some(String::from(&tag)), ..RunStatus::default() });
    }
    let word = tree.first_text(&["status"])?;
    if let Some(ended) = tree.first_text(&["endedAt"]) {
        return Some(session(&tree, &word.to_lowercase(), &ended));
    }
    let iteration = tree.first(&["loop_count", "currentIteration"]).and_then(Node::integer);
    let max_iterations = tree.get("maxIterations").and_then(Node::integer);
    let stamp = tree.first_text(&["timestamp", "updatedAt"]);
    let reason = tree.first_text(&["exit_reason"]).map(|reason| last_words(&reason));
    let end = reason.map(|reason| RunEnd { passed: outcome(&word, &reason), reason: Some(reason) });
    let is_status = iteration.is_some() || stamp.is_some() || end.is_some();
    let at = stamp.and_then(|stamp| words::time(&stamp));
    is_status.then_some(RunStatus { iteration, max_iterations, at, end, ..RunStatus::default() })
}

/// What ralph-tui keeps of a session that is over.
fn session(tree: &Node, word: &str, ended: &str) -> RunStatus {
    let passed = match words::status(word) {
        Some(PlanStatus::Passed) => Some(true),
        Some(PlanStatus::Failed) => Some(false),
        Some(_) | None => None,
    };
    let iteration = tree.get("currentIteration").and_then(Node::integer);
    let end = Some(RunEnd { passed, reason: Some(word.to_owned()) });
    RunStatus { iteration, at: words::time(ended), end, ..RunStatus::default() }
}

/// GSD's `STATE.md`: the plan of the phase, or the slice of the milestone, that is being worked on.
fn position(text: &str) -> RunStatus {
    let lines = || text.lines().map(|line| line.trim().trim_start_matches(['-', '*', ' ']));
    let value = |label: &str| {
        let after = lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(':'));
        after.map(|value| value.trim_start_matches('*').trim()).filter(|value| !value.is_empty())
    };
    if let Some(slice) = value("Active Slice") {
        let first = |text: &str| text.split([' ', ':']).next().map(str::to_owned);
        let plan = value("Active Milestone").and_then(first).map(|milestone| format!("{milestone}-ROADMAP"));
        let id = first(slice).filter(|id| id.starts_with('S') && id[1..].bytes().all(|byte| byte.is_ascii_digit()) && id.len() > 1);
        let starts = id.map(|id| StoryStart { id, at: None }).into_iter().collect();
        return RunStatus { plan, starts, ..RunStatus::default() };
    }
    let is_under_way = value("Status").and_then(words::status) == Some(PlanStatus::InProgress);
    // `Phase: 3 of 5 (name)`, `Plan: 2 of 3 in current phase`
    let number = |label: &str| {
        let number = value(label)?.split(' ').next()?;
        number
            .starts_with(|c: char| c.is_ascii_digit())
            .then(|| if number.contains('.') { number.to_owned() } else { format!("{number:0>2}") })
    };
    let id = number("Phase").zip(number("Plan")).filter(|_| is_under_way).map(|(phase, plan)| format!("{phase}-{plan}"));
    RunStatus { starts: id.map(|id| StoryStart { id, at: None }).into_iter().collect(), ..RunStatus::default() }
}

/// Whether a status word, or the reason for the exit, says that the work is done.
fn outcome(word: &str, reason: &str) -> Option<bool> {
    let reason = reason.to_lowercase();
    if ["complet", "all_tasks_done", "plan_done", "success"].iter().any(|done| reason.contains(done)) || word == "completed" {
        return Some(true);
    }
    ["error", "fail", "circuit", "permission", "max_", "limit", "stagnation"]
        .iter()
        .any(|bad| reason.contains(bad) || word.contains(bad))
        .then_some(false)
}

/// What was logged into the field stands before the reason itself.
fn last_words(reason: &str) -> String {
    reason.rsplit(['\n', ' ']).find(|word| !word.is_empty()).filter(|word| word.contains('_')).unwrap_or(reason).trim().to_owned()
}

/// oh-my-opencode's boulder.
fn boulder(tree: &Node) -> RunStatus {
    let time = |key: &str| words::time(&tree.first_text(&[key])?);
    let finished = time("completed_at");
    let word = tree.first_text(&["status"]).unwrap_or_default().to_lowercase();
    let is_over = finished.is_some() || word.contains("complete");
    let end = is_over.then(|| RunEnd { passed: Some(true), reason: Some(word).filter(|word| !word.is_empty()) });
    let path = tree.first_text(&["active_plan"]).or_else(|| tree.first_text(&["plan_name"]));
    let plan = path.map(|path| {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        name.strip_suffix(".md").unwrap_or(name).to_owned()
    });
    // `todo:3`, `final-wave:f1`
    let sessions = tree.get("task_sessions").map(Node::entries).unwrap_or_default();
    let start = |(label, session): &(String, Node)| {
        let (_, id) = label.split_once(':')?;
        Some(StoryStart { id: id.to_uppercase(), at: words::time(&session.first_text(&["updated_at"])?) })
    };
    let starts = sessions.iter().take(STORY_LIMIT).filter_map(start).collect();
    RunStatus { started_at: time("started_at"), at: finished, end, plan, starts, ..RunStatus::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &str) {
        let shown = match read(path, text) {
            None => "nothing".to_owned(),
            Some(status) => {
                let end =
                    status.end.map_or_else(|| "goes on".to_owned(), |end| format!("{:?} {}", end.passed, end.reason.unwrap_or_default()));
                let at = status.at.map_or_else(|| "-".to_owned(), |at| at.to_string());
                let starts: String = status.starts.iter().map(|start| format!(", {} begun", start.id)).collect();
                let plan = status.plan.map(|plan| format!(" of {plan}")).unwrap_or_default();
                let tag = status.tag.map(|tag| format!(" tag {tag}")).unwrap_or_default();
                format!("{:?}/{:?} {at} {end}{plan}{tag}{starts}", status.iteration, status.max_iterations)
            }
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn status_files_of_every_runner() {
        check(
            ".ralph/status.json",
            "{\"timestamp\": \"2026-03-02T10:00:01+00:00\", \"loop_count\": 3, \"status\": \"completed\",\n \"exit_reason\": \"\u{1b}[1;33m[WARN] enough\u{1b}[0m\ncompletion_signals\"}",
            "Some(3)/None 2026-03-02T10:00:01.000Z Some(true) completion_signals",
        );
        check(".ralph/status.json", r#"{"loop_count": 2, "status": "running", "exit_reason": ""}"#, "Some(2)/None - goes on");
        check(
            ".ralph/status.json",
            r#"{"loop_count": 9, "status": "halted", "exit_reason": "circuit_breaker_open"}"#,
            "Some(9)/None - Some(false) circuit_breaker_open",
        );
        check(
            ".ralph/progress.json",
            r#"{"status": "executing", "last_output": "echo "hello" twice", "timestamp": "2026-03-02 10:00:00"}"#,
            "None/None - goes on",
        );
        check(
            ".sisyphus/boulder.json",
            r#"{"active_plan": "/p/.sisyphus/plans/pay.md", "plan_name": "pay", "started_at": "2026-03-01T09:00:00.000Z", "completed_at": "2026-03-01T10:00:00.000Z"}"#,
            "None/None 2026-03-01T10:00:00.000Z Some(true)  of pay",
        );
        check(
            ".sisyphus/boulder.json",
            r#"{"active_plan": "/p/.sisyphus/plans/pay.md", "task_sessions": {"todo:2": {"task_title": "**Pay**", "updated_at": "2026-03-01T09:30:00.000Z"},
                "final-wave:f1": {"updated_at": "2026-03-01T09:50:00.000Z"}, "note": {"updated_at": "2026-03-01T09:50:00.000Z"}}}"#,
            "None/None - goes on of pay, 2 begun, F1 begun",
        );
        check(
            ".ralph-tui/session-meta.json",
            r#"{"status": "completed", "endedAt": "2026-03-01T10:00:00Z", "currentIteration": 4}"#,
            "Some(4)/None 2026-03-01T10:00:00.000Z Some(true) completed",
        );
        check(
            ".ralph-tui/session-meta.json",
            r#"{"status": "interrupted", "endedAt": "2026-03-01T10:00:00Z"}"#,
            "None/None 2026-03-01T10:00:00.000Z None interrupted",
        );
        check(
            ".planning/STATE.md",
            "# Project State\n\n## Current Position\n\nPhase: 2 of 5 (Payment)\nPlan: 1 of 3 in current phase\nStatus: In progress\n",
            "None/None - goes on, 02-01 begun",
        );
        check(".planning/STATE.md", "Phase: 2 of 5 (Payment)\nPlan: 1 of 3\nStatus: Ready to execute\n", "nothing");
        check(
            ".gsd/STATE.md",
            "# GSD State\n\n**Active Milestone:** M002 — Payment\n**Active Slice:** S01 — Take money\n**Phase:** executing\n",
            "None/None - goes on of M002-ROADMAP, S01 begun",
        );
        check(
            ".claude/ralph-loop.local.md",
            "---\nactive: true\niteration: 4\nmax_iterations: 10\nstarted_at: \"2026-03-01T09:00:00Z\"\n---\n\nBuild the shop.\n",
            "Some(4)/Some(10) - goes on",
        );
        check(
            ".taskmaster/state.json",
            r#"{"currentTag": "pay", "lastSwitched": "2026-03-01T09:00:00.000Z", "branchTagMapping": {}, "migrationNoticeShown": true}"#,
            "None/None - goes on tag pay",
        );
        check(".claude/ralph-loop.local.md", "# Notes\n", "nothing");
        check(".ralph/status.json", "{\"loop_co", "nothing");
    }

    #[test]
    fn lock_files_name_the_process() {
        let process = |text: &str| read(".ralph/loop.lock", text).and_then(|status| status.process);
        let of = |pid, host: Option<&str>| Some(RunnerProcess { pid, host: host.map(CleanText::from) });
        assert_eq!(process("4711\n"), of(4711, None));
        assert_eq!(process("{\n  \"pid\": 4711,\n  \"started\": \"2026-03-01T09:00:00Z\",\n  \"prompt\": \"Build it\"\n}"), of(4711, None));
        assert_eq!(process(r#"{"pid": 4711, "sessionId": "s", "cwd": "/p", "hostname": "mill"}"#), of(4711, Some("mill")));
        for text in ["", "\n", "none", "0", "1", "-3", "99999999999", "{\"pid\": \"x\"}", "{\"pid\"", "[4711]"] {
            assert_eq!(process(text), None, "{text}");
        }
    }
}
