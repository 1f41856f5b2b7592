//! Markdown for a pull request, or for the summary of a CI job: one screen, with the details folded.

use super::ReportData;
use super::words::{self, location, moment};
use crate::fact::Provenance;
use crate::model::state::{AttemptResult, CriterionStatus, Headline, StoryState, StoryStatus, TaskState};
use crate::output::text;

/// Rows of the table; passed stories beyond them are counted.
const ROWS: usize = 30;
/// Errors and attempts that are listed of one task.
const DETAILS: usize = 20;

pub(super) fn report(data: &ReportData) -> String {
    let mut text = data.state.tasks.iter().map(|task| section(task, data)).collect::<Vec<_>>().join("\n");
    if data.state.tasks.is_empty() {
        text.push_str("Nothing of a run was found.\n");
    }
    text
}

fn section(task: &TaskState, data: &ReportData) -> String {
    let mut lines =
        vec![format!("## {}: {}", escaped(&task.task_name), task.headline().word()), String::new(), summary(task, data), String::new()];
    lines.extend(callout(task));
    let failed = task.all_stories().filter(|story| matters(story));
    let others = task.all_stories().filter(|story| !matters(story));
    let shown: std::collections::HashSet<*const StoryState> = failed.chain(others).take(ROWS).map(std::ptr::from_ref).collect();
    if task.all_stories().next().is_some() {
        lines.extend(["| | Story | Attempts | Took | Commits |".to_owned(), "|---|---|---|---|---|".to_owned()]);
        lines.extend(task.all_stories().filter(|story| shown.contains(&std::ptr::from_ref(*story))).map(row));
        let more = task.all_stories().count() - shown.len();
        if more > 0 {
            lines.push(format!("| | and {more} more | | | |"));
        }
        lines.push(String::new());
    }
    lines.extend(details(task));
    lines.push(footer(task, data));
    lines.join("\n") + "\n"
}

/// What is listed whatever the number of stories.
fn matters(story: &StoryState) -> bool {
    match story.status {
        StoryStatus::Failed | StoryStatus::Blocked | StoryStatus::InProgress => true,
        StoryStatus::Open | StoryStatus::Passed | StoryStatus::Deferred | StoryStatus::Cancelled => story.attempt_count > 1,
    }
}

fn summary(task: &TaskState, data: &ReportData) -> String {
    let mut parts = vec![match task.percent {
        Some(percent) => format!("**{percent} %**, {}", words::fraction(task)),
        None => words::fraction(task),
    }];
    for (count, word) in
        [(task.stories_failed, "failed"), (task.stories_blocked, "blocked"), (task.stories_dropped, "deferred or cancelled")]
    {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    if let Some(took) = words::task_duration(task, data.state.server_time) {
        parts.push(format!("{} {}", text::duration(took), if task.status.is_over() { "in all" } else { "so far" }));
    }
    for (count, one, many) in [(task.errors, "error", "errors"), (task.retries, "retry", "retries")] {
        if count > 0 {
            parts.push(text::count(count, one, many));
        }
    }
    parts.join(" · ")
}

/// What a reader must know first.
fn callout(task: &TaskState) -> Vec<String> {
    let reason = task.attention.as_ref().map(|attention| attention.reason.as_str()).or(task.end_reason.as_deref());
    let mut quoted: Vec<String> = reason.map(escaped).into_iter().collect();
    let wants_error = matches!(task.headline(), Headline::Failed | Headline::Ended | Headline::NeedsYou);
    if let Some(error) = task.last_error.as_ref().filter(|_| wants_error) {
        let story = error.story_id.as_ref().map(|id| format!("{}: ", escaped(id))).unwrap_or_default();
        quoted.push(format!("{story}{} ({})", escaped(&words::error_line(error)), code(&location(&error.path, error.line))));
    }
    if quoted.is_empty() { Vec::new() } else { vec![format!("> {}", quoted.join("  \n> ")), String::new()] }
}

fn row(story: &StoryState) -> String {
    let mark = match story.status {
        StoryStatus::Open => "○",
        StoryStatus::InProgress => "⏳",
        StoryStatus::Passed => "✅",
        StoryStatus::Failed => "❌",
        StoryStatus::Blocked => "⛔",
        StoryStatus::Deferred | StoryStatus::Cancelled => "➖",
    };
    let word = match (story.status, story.provenance) {
        (StoryStatus::Open, _) => String::new(),
        (StoryStatus::Passed, provenance) => inferred(provenance, ""),
        (status, provenance) => inferred(provenance, words::status_word(status)),
    };
    let attempts = if story.attempt_count == 0 { String::new() } else { story.attempt_count.to_string() };
    let took = words::story_duration(story).map(text::duration).unwrap_or_default();
    let commits: Vec<String> = story.commits.iter().map(|hash| code(hash)).collect();
    format!("| {mark} | {}{word} | {attempts} | {took} | {} |", escaped(&words::story_name(story)), commits.join(" "))
}

/// A status in brackets, marked when it is a guess.
fn inferred(provenance: Option<Provenance>, word: &str) -> String {
    let guess = if provenance == Some(Provenance::Inferred) { "inferred" } else { "" };
    let words: Vec<&str> = [word, guess].into_iter().filter(|word| !word.is_empty()).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

/// Failed attempts, errors and open criteria of stories that did not pass, folded.
fn details(task: &TaskState) -> Vec<String> {
    let mut items = Vec::new();
    for story in task.all_stories() {
        let name = escaped(story.story_id.as_deref().or(story.title.as_deref()).unwrap_or_default());
        for attempt in story.attempts.iter().filter(|attempt| attempt.result == AttemptResult::Failed) {
            let reason = attempt.reason.as_deref().map(|reason| format!(": {}", escaped(reason))).unwrap_or_default();
            let path = attempt.path.as_deref().map(|path| format!(" ({})", code(&location(path, attempt.line)))).unwrap_or_default();
            items.push(format!("- {name}, attempt {} failed{reason}{path}, {}", attempt.n, words::provenance_word(attempt.provenance)));
        }
        if let Some(error) = &story.last_error {
            items.push(format!(
                "- {name}: {} ({}), {}",
                escaped(&words::error_line(error)),
                code(&location(&error.path, error.line)),
                words::provenance_word(error.provenance)
            ));
        }
        if let Some(disagreement) = &story.disagreement {
            items.push(format!("- {name}: {}", escaped(&disagreement.text)));
        }
        if matters(story) && story.status != StoryStatus::Passed {
            let open = story.criteria.iter().filter(|criterion| criterion.status != CriterionStatus::Done);
            items.extend(open.map(|criterion| format!("- {name}, open: {}", escaped(&criterion.text))));
        }
    }
    if items.is_empty() {
        return Vec::new();
    }
    let title = format!("<details><summary>{}</summary>", text::count(u32::try_from(items.len()).unwrap_or(u32::MAX), "detail", "details"));
    let more = items.len().saturating_sub(DETAILS);
    items.truncate(DETAILS);
    if more > 0 {
        items.push(format!("- and {more} more"));
    }
    [vec![title, String::new()], items, vec![String::new(), "</details>".to_owned(), String::new()]].concat()
}

fn footer(task: &TaskState, data: &ReportData) -> String {
    let begun = task.started_at.map(|at| format!(", begun {}", moment(at, task.started_precision, &data.zone))).unwrap_or_default();
    format!("<sub>As of {}{begun}; made by progress-bridge.</sub>", moment(data.state.server_time, None, &data.zone))
}

/// Text from a log stays text: no markup, no mention, no link, no cell of its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // A mention and a link are made of bare text: an invisible joiner breaks both.
            '@' => escaped.push_str("@\u{2060}"),
            ':' => escaped.push_str(":\u{2060}"),
            // So is an address that begins with `www.`.
            '.' if escaped.len() >= 3 && escaped.as_bytes()[escaped.len() - 3..].eq_ignore_ascii_case(b"www") => {
                escaped.push_str("\u{2060}.")
            }
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '#' | '~' | '!' | '(' | ')' | '$' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    // `: ` is no link: the text stays searchable.
    escaped.replace(":\u{2060} ", ": ")
}

/// In a code span, which nothing leaves.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_log_is_no_markup() {
        assert_eq!(
            escaped("<img src=x> [a](b) **c** @all #1 | `d` ![e] $x$"),
            "&lt;img src=x&gt; \\[a\\]\\(b\\) \\*\\*c\\*\\* @\u{2060}all \\#1 \\| \\`d\\` \\!\\[e\\] \\$x\\$"
        );
        assert_eq!(escaped("see https://evil.example: now"), "see https:\u{2060}//evil.example: now");
        assert_eq!(escaped("see WWW.evil.example/x, e.g. w.w.w."), "see WWW\u{2060}.evil.example/x, e.g. w.w.w.");
        assert_eq!(code("a`b|c"), "`a'b/c`");
    }
}
