//! Files in which a program says how its run stands, written anew each time: the iteration, and whether the run is over and why.
//!
//! They hold no stories. What is not quite JSON is read as far as its keys go. A lock file names the runner's process.

use super::tree::{self, Node};
use super::words;
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
    match path.rsplit_once('.').map(|(_, extension)| extension) {
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
    let loops = tree.get("loop_count").and_then(Node::integer);
    let word = tree.first_text(&["status"])?;
    let at = tree.first_text(&["timestamp"]).and_then(|stamp| words::time(&stamp));
    let reason = tree.first_text(&["exit_reason"]).map(|reason| last_words(&reason));
    let end = reason.map(|reason| RunEnd { passed: outcome(&word, &reason), reason: Some(reason) });
    (loops.is_some() || at.is_some() || end.is_some()).then_some(RunStatus { iteration: loops, at, end, ..RunStatus::default() })
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
    RunStatus { started_at: time("started_at"), at: finished, end, ..RunStatus::default() }
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
                format!("{:?}/{:?} {at} {end}", status.iteration, status.max_iterations)
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
            r#"{"status": "executing", "last_output": "say "hello" twice", "timestamp": "2026-03-02 10:00:00"}"#,
            "nothing",
        );
        check(
            ".sisyphus/boulder.json",
            r#"{"active_plan": "/p/.sisyphus/plans/pay.md", "plan_name": "pay", "started_at": "2026-03-01T09:00:00.000Z", "completed_at": "2026-03-01T10:00:00.000Z"}"#,
            "None/None 2026-03-01T10:00:00.000Z Some(true) ",
        );
        check(
            ".claude/ralph-loop.local.md",
            "---\nactive: true\niteration: 4\nmax_iterations: 10\nstarted_at: \"2026-03-01T09:00:00Z\"\n---\n\nBuild the shop.\n",
            "Some(4)/Some(10) - goes on",
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
