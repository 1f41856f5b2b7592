//! How a call ended: what the text of its result states in fixed words. The text itself is dropped.

use super::signal::{CallOutcome, CallResult, TestCounts};
use super::test_counts::test_counts;
use super::text::CommitHash;
use crate::model::agent::TestResult;

/// What the result of a call may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum CallKind {
    Other,
    Tests,
    Commit,
}

/// Commits of one call that are kept.
const MAX_COMMITS: usize = 5;

/// How results begin that say that a tool was not allowed.
const REFUSALS: &[&str] = &[
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action",
    "Permission to use ",
    "Claude requested permissions to ",
    "This command requires approval",
    "User rejected",
    "User denied",
    "exec command rejected by user",
    "patch rejected by user",
];
/// How results begin of what a person broke off.
const ABORTS: &[&str] = &["[Request interrupted by user", "aborted by user", "command aborted"];

/// The outcome of a call of this kind. `is_error` as the record has it, `exit_code` where it has one.
pub(super) fn outcome(kind: CallKind, text: &str, is_error: bool, exit_code: Option<i64>) -> CallOutcome {
    let exit_code = exit_code.or_else(|| written_exit_code(text).filter(|_| is_error));
    let start = text.trim_start();
    let begins = |table: &[&str]| table.iter().any(|phrase| start.starts_with(phrase));
    let result = match exit_code {
        _ if is_error && begins(REFUSALS) => CallResult::Refused,
        _ if begins(ABORTS) => CallResult::Aborted,
        Some(code) if code != 0 => CallResult::Failed,
        Some(_) | None if is_error => CallResult::Failed,
        Some(_) | None => CallResult::Done,
    };
    let has_run = matches!(result, CallResult::Done | CallResult::Failed);
    CallOutcome {
        result,
        // A run that is piped has the exit code of its last program, so the numbers go first.
        tests: (kind == CallKind::Tests && has_run).then(|| test_counts(text).unwrap_or_else(|| by_exit_code(result, exit_code))),
        commits: if kind == CallKind::Commit && has_run { commits(text) } else { Vec::new() },
    }
}

fn by_exit_code(result: CallResult, exit_code: Option<i64>) -> TestCounts {
    let result = match (result, exit_code) {
        (CallResult::Failed, Some(_)) => TestResult::Failed,
        (_, _) => TestResult::Unknown,
    };
    TestCounts { result, passed: None, failed: None }
}

/// `Exit code N`, with which the text of a failed command begins.
fn written_exit_code(text: &str) -> Option<i64> {
    let number = text.trim_start().strip_prefix("Exit code ")?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// `[branch hash] subject`, as git answers to a commit.
fn commits(text: &str) -> Vec<CommitHash> {
    let hash = |line: &str| {
        let (head, _) = line.trim_start().strip_prefix('[')?.split_once(']')?;
        CommitHash::new(head.rsplit(' ').next().filter(|_| head.contains(' '))?)
    };
    text.lines().filter_map(hash).take(MAX_COMMITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_differ_by_fixed_words() {
        for (text, is_error, exit_code, expected) in [
            ("fine", false, None, CallResult::Done),
            ("Exit code 101\nbroken", true, None, CallResult::Failed),
            ("<tool_use_error>File has not been read yet</tool_use_error>", true, None, CallResult::Failed),
            ("The user doesn't want to proceed with this tool use. It was rejected.", true, None, CallResult::Refused),
            ("Permission to use Bash has been denied.", true, None, CallResult::Refused),
            ("Permission to use Bash has been denied.", false, None, CallResult::Done),
            ("[Request interrupted by user for tool use]", true, None, CallResult::Aborted),
            ("fine", false, Some(0), CallResult::Done),
            ("not fine", false, Some(2), CallResult::Failed),
        ] {
            assert_eq!(outcome(CallKind::Other, text, is_error, exit_code).result, expected, "{text}");
        }
    }

    #[test]
    fn the_numbers_of_a_test_run_go_before_its_exit_code() {
        let tests = |text, is_error, exit_code| outcome(CallKind::Tests, text, is_error, exit_code).tests.map(|tests| tests.result);
        assert_eq!(tests("test result: FAILED. 1 passed; 1 failed", false, Some(0)), Some(TestResult::Failed));
        assert_eq!(tests("no summary", false, Some(1)), Some(TestResult::Failed));
        assert_eq!(tests("no summary", false, Some(0)), Some(TestResult::Unknown), "a pipe may have hidden the failure");
        assert_eq!(tests("Permission to use Bash has been denied", true, None), None);
        assert_eq!(outcome(CallKind::Other, "test result: ok. 1 passed", false, None).tests, None);
    }

    #[test]
    fn a_commit_is_its_hash() {
        let hashes = |text: &str| {
            outcome(CallKind::Commit, text, false, None).commits.iter().map(|hash| hash.text().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(hashes("[main 9f3ac21] Pay by card\n 2 files changed"), ["9f3ac21"]);
        assert_eq!(hashes("[feature/pay (root-commit) 9f3ac2155] Pay"), ["9f3ac21"]);
        assert_eq!(hashes("[main nothash] x\n[only]\n[9f3ac21] y"), [""; 0]);
    }
}
