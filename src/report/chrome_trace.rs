//! The trace event format of Chromium, which Perfetto and others open: a task is a process, its stories are slices, attempts slices within
//! them, errors instants. Slices of one track must nest: stories that overlap get tracks of their own.

use serde_json::{Value, json};

use super::ReportData;
use super::words::{self, location};
use crate::clock::Timestamp;
use crate::fact::Precision;
use crate::model::state::{AttemptResult, AttemptState, StoryState, TaskState};

pub(super) fn report(data: &ReportData) -> String {
    let mut events = Vec::new();
    for (index, task) in data.state.tasks.iter().enumerate() {
        add_task(task, index + 1, data.state.server_time, &mut events);
    }
    let mut text = json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string();
    text.push('\n');
    text
}

/// From, to: in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Slice {
    from: i64,
    to: i64,
}

fn add_task(task: &TaskState, process: usize, now: Timestamp, events: &mut Vec<Value>) {
    events.push(metadata("process_name", process, 0, &task.task_name));
    events.push(metadata("thread_name", process, 0, "run"));
    let timed: Vec<(&StoryState, Slice)> = task
        .all_stories()
        .filter_map(|story| Some((story, extent(story.attempts.iter().filter_map(|attempt| slice(attempt, now)))?)))
        .collect();
    let whole = extent(timed.iter().map(|(_, slice)| *slice));
    if let Some(run) = run_slice(task, now).into_iter().chain(whole).reduce(|a, b| Slice { from: a.from.min(b.from), to: a.to.max(b.to) }) {
        let arguments = json!({"status": task.headline().word(), "passed": task.stories_passed, "total": task.story_count});
        events.push(complete(&task.task_name, "run", process, 0, run, without_nulls(arguments)));
    }
    let mut lanes: Vec<i64> = Vec::new();
    let mut by_start = timed;
    by_start.sort_by_key(|(_, slice)| *slice);
    for (story, slice) in by_start {
        let lane = lanes.iter().position(|end| *end <= slice.from).unwrap_or_else(|| {
            lanes.push(i64::MIN);
            events.push(metadata("thread_name", process, lanes.len(), &format!("stories {}", lanes.len())));
            lanes.len() - 1
        });
        lanes[lane] = slice.to;
        add_story(story, slice, process, lane + 1, now, events);
    }
    // Errors of no story, and of stories that have no times.
    let errors = task
        .all_stories()
        .filter_map(|story| story.last_error.as_deref())
        .chain(task.last_error.as_ref().filter(|error| error.story_id.is_none()));
    for error in errors {
        let arguments = json!({"message": error.error_message, "at": location(&error.path, error.line), "story": error.story_id});
        let name = words::error_line(error);
        events.push(json!({"name": name, "cat": "error", "ph": "i", "s": "p", "ts": micros(error.at.0), "pid": process, "tid": 0, "args": without_nulls(arguments)}));
    }
}

fn add_story(story: &StoryState, whole: Slice, process: usize, thread: usize, now: Timestamp, events: &mut Vec<Value>) {
    let arguments = json!({
        "status": words::status_word(story.status), "criteria": format!("{}/{}", story.criteria_done, story.criteria_count),
        "commits": story.commits, "known": story.provenance.map(words::provenance_word),
    });
    events.push(complete(&words::story_name(story), "story", process, thread, whole, without_nulls(arguments)));
    // An attempt ends where the next one begins: a story that is written down in another order still nests.
    let mut reached = whole.from;
    let mut attempts: Vec<(&AttemptState, Slice)> =
        story.attempts.iter().filter_map(|attempt| Some((attempt, slice(attempt, now)?))).collect();
    attempts.sort_by_key(|(_, slice)| *slice);
    for (attempt, slice) in attempts {
        let slice = Slice { from: slice.from.max(reached), to: slice.to.max(reached) };
        reached = slice.to;
        let result = match attempt.result {
            AttemptResult::InProgress => "under way",
            AttemptResult::Passed => "passed",
            AttemptResult::Failed => "failed",
            AttemptResult::Stopped => "stopped",
        };
        let at = attempt.path.as_deref().map(|path| location(path, attempt.line));
        let arguments = json!({"reason": attempt.reason, "at": at, "known": words::provenance_word(attempt.provenance)});
        events.push(complete(&format!("attempt {} {result}", attempt.n), "attempt", process, thread, slice, without_nulls(arguments)));
    }
}

fn run_slice(task: &TaskState, now: Timestamp) -> Option<Slice> {
    let from = task.started_at.filter(|_| task.started_precision != Some(Precision::Day))?.0;
    let end = task.finished_at.filter(|_| task.finished_precision != Some(Precision::Day));
    let to = if task.status.is_over() { end?.0 } else { now.0 };
    Some(Slice { from, to: to.max(from) })
}

/// `None` for an attempt whose start or end nobody knows.
fn slice(attempt: &AttemptState, now: Timestamp) -> Option<Slice> {
    let from = attempt.started_at.filter(|_| attempt.precision != Some(Precision::Day))?.0;
    let to = if attempt.result == AttemptResult::InProgress { now.0 } else { attempt.ended_at?.0 };
    Some(Slice { from, to: to.max(from) })
}

fn extent(slices: impl Iterator<Item = Slice>) -> Option<Slice> {
    slices.reduce(|a, b| Slice { from: a.from.min(b.from), to: a.to.max(b.to) })
}

fn complete(name: &str, category: &str, process: usize, thread: usize, slice: Slice, arguments: Value) -> Value {
    json!({
        "name": name, "cat": category, "ph": "X", "ts": micros(slice.from), "dur": micros(slice.to - slice.from), "pid": process, "tid": thread,
        "args": arguments,
    })
}

fn metadata(kind: &str, process: usize, thread: usize, name: &str) -> Value {
    json!({"name": kind, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}})
}

fn micros(ms: i64) -> i64 {
    ms.saturating_mul(1000)
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !field.is_null());
    }
    value
}
