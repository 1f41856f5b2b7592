//! A state → what is found, understood and missing. Pure.

use std::path::PathBuf;

use super::Finding;
use crate::app::is_unrecognized;
use crate::clock::Timestamp;
use crate::error::NoticeKind;
use crate::format::SourceKind;
use crate::model::state::{SourceCondition, SourceState, State, TaskState};
use crate::output::text::{self, short_duration};

/// A run that has not moved for so long is over, or writes elsewhere.
const LONG_AGO_MS: u64 = 24 * 60 * 60 * 1000;

/// A file with one record that was passed over beside so many lines that were understood is read well enough.
const FEW: u64 = 10;

/// What to say about files that were read once.
pub(super) fn examine(state: &State, paths: &[PathBuf], now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for task in state.tasks.iter().filter(|task| task.listed) {
        push_task(&mut findings, task, now);
    }
    let unlisted = state.tasks.iter().filter(|task| !task.listed).count();
    if unlisted > 0 {
        findings.push(Finding::Heading(format!("{unlisted} more, finished or not begun: progress-bridge status --json lists them")));
    }
    let is_of_content =
        |kind| matches!(kind, NoticeKind::PlanUnreadable | NoticeKind::Limit | NoticeKind::LineCut | NoticeKind::Disagreement);
    for notice in state.notices.iter().filter(|notice| is_of_content(notice.kind)) {
        let path = notice.path.as_deref().map(|path| format!("{path}: ")).unwrap_or_default();
        findings.push(Finding::poor(format!("{path}{}", notice.message)));
    }
    findings.push(Finding::Next(next(state, paths)));
    findings
}

fn push_task(findings: &mut Vec<Finding>, task: &TaskState, now: Timestamp) {
    let count = match task.story_count {
        Some(all) => format!("{} of {all} stories passed", task.stories_passed),
        None => format!("{} stories passed, no plan", task.stories_passed),
    };
    findings.push(Finding::Heading(format!("{}: {}, {count}", task.task_name, task.headline().word())));
    findings.extend(task.sources.iter().map(source));
    let has = |is_plan: bool| task.sources.iter().any(|source| is_read(source) && (source.kind == SourceKind::Plan.name()) == is_plan);
    if task.story_count.is_none() {
        findings.push(Finding::poor(
            "no plan: how much is left is not known; a prd.json, tasks.md or another file of docs/formats.md beside the log would say it",
        ));
    }
    if has(true) && !has(false) {
        findings.push(Finding::poor(
            "no log: only the plan's own marks are seen; name the runner's progress or terminal log with --watch if there is one",
        ));
    }
    let age = task.last_activity_at.and_then(|at| now.since(at)).filter(|age| *age > LONG_AGO_MS);
    if let (Some(age), false) = (age, task.status.is_over()) {
        findings
            .push(Finding::poor(format!("nothing has moved for {}: the run is over, or its runner writes elsewhere", short_duration(age))));
    }
}

fn source(source: &SourceState) -> Finding {
    let path = &source.path;
    if source.record_like > 0 {
        let finding: fn(String) -> Finding = if source.record_like * FEW > source.understood { Finding::bad } else { Finding::poor };
        return finding(format!(
            "{path}: {}; {} for one: progress-bridge check {} says why, --rules FILE teaches more",
            text::source(source),
            text::count(source.record_like, "line looks like a record and was not taken", "lines look like records and were not taken"),
            quoted(path)
        ));
    }
    if is_unrecognized(source) {
        return Finding::poor(format!(
            "{path}: no runner's log that is known: progress-bridge check {} shows its lines, --rules FILE teaches it",
            quoted(path)
        ));
    }
    match source.state {
        SourceCondition::Reading => Finding::good(format!("{path}: {}", text::source(source))),
        SourceCondition::Waiting | SourceCondition::Gone => Finding::poor(format!("{path}: {}", text::source(source))),
        SourceCondition::Unreadable => {
            Finding::bad(format!("{path}: cannot be read: give yourself the right to, for example with chmod u+r {}", quoted(path)))
        }
    }
}

fn is_read(source: &SourceState) -> bool {
    source.state == SourceCondition::Reading && source.understood > 0
}

/// The command that does most for these files.
fn next(state: &State, paths: &[PathBuf]) -> String {
    let names: String = paths.iter().map(|path| format!(" {}", quoted(&path.display().to_string()))).collect();
    let sources = || state.tasks.iter().flat_map(|task| &task.sources);
    let mut listed = state.tasks.iter().filter(|task| task.listed).peekable();
    match sources().find(|source| is_unrecognized(source)) {
        Some(unknown) if !sources().any(is_read) => format!("progress-bridge check {}", quoted(&unknown.path)),
        Some(_) | None if listed.peek().is_some() && listed.all(|task| task.status.is_over()) => {
            format!("progress-bridge report -o run.html{names}   # it is over; --stream shows the next run live")
        }
        Some(_) | None => format!("progress-bridge --stream{names}"),
    }
}

/// For a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@:,".contains(c);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::sample;

    fn lines(task: TaskState) -> String {
        let paths = [PathBuf::from("my shop")];
        let findings = examine(&sample::state(vec![task]), &paths, sample::NOW);
        findings.iter().map(crate::doctor::line).collect()
    }

    #[test]
    fn a_log_that_nobody_knows_leads_to_check() {
        let mut task = sample::waiting();
        task.story_count = None;
        task.sources = vec![SourceState {
            path: "robot log.txt".into(),
            kind: SourceKind::Unknown.name().into(),
            state: SourceCondition::Reading,
            understood: 0,
            unknown: 9,
            record_like: 0,
            ..sample::running().sources.remove(0)
        }];
        let text = lines(task);
        assert!(text.contains("note  robot log.txt: no runner's log") && text.contains("no plan"), "{text}");
        assert!(text.ends_with("next: progress-bridge check 'robot log.txt'\n"), "{text}");
    }

    #[test]
    fn records_that_were_passed_over_are_no_success() {
        let mut task = sample::running();
        task.sources[0].record_like = 3;
        task.sources[0].understood = 9;
        task.sources[0].unknown = 5;
        let text = lines(task);
        assert!(text.contains("BAD ") && text.contains("3 lines look like records"), "{text}");
        assert!(text.ends_with("next: progress-bridge --stream 'my shop'\n"), "{text}");
    }

    #[test]
    fn of_a_run_that_is_over_there_is_a_report_and_nothing_to_watch() {
        let text = lines(sample::passed());
        assert!(text.contains("next: progress-bridge report -o run.html 'my shop'   # it is over"), "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_bad_and_has_a_remedy() {
        let mut task = sample::running();
        task.sources[0].state = SourceCondition::Unreadable;
        let text = lines(task);
        assert!(text.contains("cannot be read") && text.contains("chmod"), "{text}");
    }
}
