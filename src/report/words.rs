//! Words that several forms of a report share.

use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::fact::{Precision, Provenance};
use crate::model::state::{AttemptState, ErrorState, StoryState, StoryStatus, TaskState};
use crate::output::text;

/// `US-003 Pay by card`.
pub(super) fn story_name(story: &StoryState) -> String {
    text::id_and_title(story.story_id.as_deref(), story.title.as_deref(), " ")
}

pub(super) fn status_word(status: StoryStatus) -> &'static str {
    match status {
        StoryStatus::Open => "not started",
        StoryStatus::InProgress => "under way",
        StoryStatus::Passed => "passed",
        StoryStatus::Failed => "failed",
        StoryStatus::Blocked => "blocked",
        StoryStatus::Deferred => "deferred",
        StoryStatus::Cancelled => "cancelled",
    }
}

pub(super) fn provenance_word(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Inferred => "inferred",
        Provenance::Derived => "derived",
        Provenance::Explicit => "explicit",
    }
}

/// `timeout: API call timed out (exit code 124, retryable)`.
pub(super) fn error_line(error: &ErrorState) -> String {
    let mut more = Vec::new();
    more.extend(error.exit_code.map(|code| format!("exit code {code}")));
    more.extend(error.retryable.map(|retryable| if retryable { "retryable".to_owned() } else { "not retryable".to_owned() }));
    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
    format!("{}: {}{more}", text::error_kind(error.error_type), error.error_message)
}

/// `progress.txt:120`.
pub(super) fn location(path: &str, line: Option<u32>) -> String {
    line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"))
}

/// How long the attempt took, when both of its ends are known better than to the day.
fn attempt_duration(attempt: &AttemptState) -> Option<u64> {
    let (start, end) = (attempt.started_at?, attempt.ended_at?);
    if attempt.precision == Some(Precision::Day) { None } else { end.since(start) }
}

/// The sum of its timed attempts, else what its last one is said to have taken.
pub(super) fn story_duration(story: &StoryState) -> Option<u64> {
    let timed: Vec<u64> = story.attempts.iter().filter_map(attempt_duration).collect();
    let sum: u64 = timed.iter().sum();
    if sum > 0 { Some(sum) } else { story.duration_ms }
}

/// How long the run took, or has taken until now.
pub(super) fn task_duration(task: &TaskState, now: Timestamp) -> Option<u64> {
    let until = if task.status.is_over() { task.finished_at } else { Some(now) };
    task.duration_ms.or_else(|| until?.since(task.started_at.filter(|_| task.started_precision != Some(Precision::Day))?))
}

/// `5 of 8 stories passed`.
pub(super) fn fraction(task: &TaskState) -> String {
    text::tally_in_words(task.stories_passed, task.story_count)
}

/// `2026-01-24 14:05`, no more exact than it is known.
pub(super) fn moment(at: Timestamp, precision: Option<Precision>, zone: &TimeZone) -> String {
    let form = match precision {
        Some(Precision::Day) => "%Y-%m-%d",
        Some(Precision::Minute | Precision::Second) | None => "%Y-%m-%d %H:%M %Z",
    };
    text::local(at, zone, form)
}
