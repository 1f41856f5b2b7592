//! JUnit XML: a task is a suite, a story a test case; what was not reached is skipped. A run that failed without a failed story is a case of
//! its own. After the schema of the Jenkins xUnit plugin, which is the one that CI systems agree on.

use std::fmt::Write as _;

use super::ReportData;
use super::words::{self, location};
use crate::fact::Provenance;
use crate::model::state::{AttemptResult, StoryState, StoryStatus, TaskState, TaskStatus};

pub(super) fn report(data: &ReportData) -> String {
    let (mut tests, mut failures) = (0, 0);
    let mut suites = String::new();
    for task in &data.state.tasks {
        let (cases, failed) = counts(task);
        tests += cases;
        failures += failed;
        suites.push_str(&suite(task, data));
    }
    let head = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"progress-bridge\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n"
    );
    head + &suites + "</testsuites>\n"
}

fn suite(task: &TaskState, data: &ReportData) -> String {
    use StoryStatus::{Blocked, Cancelled, Deferred, InProgress, Open};
    let (tests, failures) = counts(task);
    let mut xml = format!(
        "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{}\"",
        attribute(&task.task_name),
        tests,
        failures,
        count(task, &[Open, InProgress, Blocked, Deferred, Cancelled]),
        seconds(words::task_duration(task, data.state.server_time)),
    );
    if let Some(at) = task.started_at {
        // Without an offset, as the schema asks; in UTC.
        let at = at.to_string();
        push(&mut xml, format_args!(" timestamp=\"{}\"", at.get(..19).unwrap_or(&at)));
    }
    xml.push_str(">\n");
    for story in task.all_stories() {
        xml.push_str(&test_case(story, task));
    }
    let loose = task.last_error.as_ref().filter(|error| error.story_id.is_none());
    let reasons: Vec<String> = task
        .end_reason
        .iter()
        .map(String::from)
        .chain(loose.map(|error| format!("{} ({})", words::error_line(error), location(&error.path, error.line))))
        .collect();
    if has_failed_alone(task) {
        let message = reasons.first().map_or("failed", String::as_str);
        let name = attribute(&task.task_name);
        push(&mut xml, format_args!("<testcase name=\"the run\" classname=\"{name}\" time=\"0.000\">\n"));
        push(&mut xml, format_args!("<failure message=\"{}\" type=\"failed\"></failure>\n</testcase>\n", attribute(message)));
    }
    if !reasons.is_empty() {
        push(&mut xml, format_args!("<system-err>{}</system-err>\n", content(&reasons.join("\n"))));
    }
    xml + "</testsuite>\n"
}

fn test_case(story: &StoryState, task: &TaskState) -> String {
    let class = story.group.as_deref().unwrap_or(&task.task_name);
    let mut xml = format!(
        "<testcase name=\"{}\" classname=\"{}\" time=\"{}\">\n",
        attribute(&words::story_name(story)),
        attribute(class),
        seconds(words::story_duration(story))
    );
    let skipped = |why: &str| format!("<skipped message=\"{}\"/>\n", attribute(why));
    match story.status {
        StoryStatus::Passed => {}
        StoryStatus::Failed => xml.push_str(&failure(story)),
        status @ (StoryStatus::Open | StoryStatus::InProgress | StoryStatus::Blocked | StoryStatus::Deferred | StoryStatus::Cancelled) => {
            let reason = story.status_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            xml.push_str(&skipped(&format!("{}{reason}", words::status_word(status))));
        }
    }
    let lines = output(story);
    if !lines.is_empty() {
        push(&mut xml, format_args!("<system-out>{}</system-out>\n", content(&lines.join("\n"))));
    }
    xml + "</testcase>\n"
}

fn failure(story: &StoryState) -> String {
    let last = story.attempts.iter().rev().find(|attempt| attempt.result == AttemptResult::Failed);
    let (message, kind, at) = match (&story.last_error, last) {
        (Some(error), _) => {
            (words::error_line(error), crate::output::text::error_kind(error.error_type), location(&error.path, error.line))
        }
        (None, Some(attempt)) => (
            attempt.reason.as_ref().or(story.status_reason.as_ref()).map_or("failed".to_owned(), String::from),
            "failed",
            attempt.path.as_deref().map(|path| location(path, attempt.line)).unwrap_or_default(),
        ),
        (None, None) => (story.status_reason.as_ref().map_or("failed".to_owned(), String::from), "failed", String::new()),
    };
    format!("<failure message=\"{}\" type=\"{}\">{}</failure>\n", attribute(&message), attribute(kind), content(&at))
}

/// Attempts and criteria.
fn output(story: &StoryState) -> Vec<String> {
    let mut lines = Vec::new();
    if story.attempt_count > 1 {
        lines.extend(story.attempts.iter().map(|attempt| {
            let result = match attempt.result {
                AttemptResult::InProgress => "under way",
                AttemptResult::Passed => "passed",
                AttemptResult::Failed => "failed",
                AttemptResult::Stopped => "stopped",
            };
            let reason = attempt.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("attempt {}: {result}{reason}", attempt.n)
        }));
    }
    lines.extend(story.criteria.iter().map(|criterion| {
        let guess = if criterion.provenance == Some(Provenance::Inferred) { " (inferred)" } else { "" };
        format!("[{}] {}{guess}", if criterion.is_done() { 'x' } else { ' ' }, criterion.text)
    }));
    lines
}

/// Whether no story says so: a reader of the file would take the run for a good one.
fn has_failed_alone(task: &TaskState) -> bool {
    task.status == TaskStatus::Failed && count(task, &[StoryStatus::Failed]) == 0
}

/// Test cases, and those that failed.
fn counts(task: &TaskState) -> (usize, usize) {
    let run = usize::from(has_failed_alone(task));
    (task.all_stories().count() + run, count(task, &[StoryStatus::Failed]) + run)
}

fn count(task: &TaskState, statuses: &[StoryStatus]) -> usize {
    task.all_stories().filter(|story| statuses.contains(&story.status)).count()
}

fn seconds(ms: Option<u64>) -> String {
    let ms = ms.unwrap_or(0);
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Text between tags.
fn content(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}' => escaped.push(c),
            // XML has no way to write the others.
            _ => escaped.push('\u{fffd}'),
        }
    }
    escaped
}

/// The value of an attribute: one line.
fn attribute(text: &str) -> String {
    content(&text.replace(['\n', '\t'], " "))
}

fn push(xml: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a `String` cannot fail.
    let _never = xml.write_fmt(arguments).is_err();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_within_its_element() {
        assert_eq!(attribute("a\"><b>&\u{1}\u{fffe}\n"), "a&quot;&gt;&lt;b&gt;&amp;\u{fffd}\u{fffd} ");
        assert_eq!(content("]]><x>"), "]]&gt;&lt;x&gt;");
        assert_eq!(seconds(Some(61_005)), "61.005");
    }
}
