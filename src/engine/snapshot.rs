//! What the snapshot of the state shows beside the model: each source, the remaining time of a task, whether it is quiet, and what tells
//! it from others.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::estimate::{self, Outlook};
use crate::event::TEXT_LIMIT;
use crate::format::SourceKind;
use crate::model::state::{
    Attention, AttentionKind, FirstGuess, Remaining, SourceCondition, SourceState, SourceUnit, TaskState, TaskStatus, UnknownLine, Unlisted,
};
use crate::model::{EstimateInput, TaskModel, ViewInput};
use crate::text;

use super::log_source::LogSource;
use super::plan_source::PlanSource;
use super::status_source::StatusSource;

/// Lines of a source that were not understood and are shown.
const UNKNOWN_LINES: usize = 20;

/// Tasks that a snapshot shows at most.
pub(super) const TASK_LIMIT: usize = 200;
/// Milliseconds after which a task that has not moved is no longer listed.
const LISTED: u64 = 24 * 3600 * 1000;

pub(super) fn log_state(log: &LogSource, state: SourceCondition) -> SourceState {
    let (understood, unknown) = log.line_counts();
    let kind = log.parser().kind();
    SourceState {
        path: log.path.clone().into(),
        kind: kind.name().into(),
        state,
        changed_at: log.written,
        unit: unit(kind),
        understood,
        unknown,
        record_like: log.parser().record_like(),
        unknown_lines: unknown_lines(log),
    }
}

/// Those that look like records first: they are what a reader misses.
fn unknown_lines(log: &LogSource) -> Vec<UnknownLine> {
    let lines = log.parser().unknown_lines(UNKNOWN_LINES).into_iter();
    lines.map(|(line, text)| UnknownLine { line, text: text.chars().take(TEXT_LIMIT).collect() }).collect()
}

pub(super) fn plan_state(source: &PlanSource, state: SourceCondition) -> SourceState {
    let kind = if source.plan.is_some() { SourceKind::Plan } else { SourceKind::Unknown };
    SourceState {
        path: source.path.clone().into(),
        kind: kind.name().into(),
        state,
        changed_at: source.written,
        unit: SourceUnit::Stories,
        understood: source.plan.as_ref().map_or(0, |plan| plan.stories.len() as u64),
        unknown: 0,
        record_like: 0,
        unknown_lines: Vec::new(),
    }
}

pub(super) fn status_state(source: &StatusSource, state: SourceCondition) -> SourceState {
    SourceState {
        path: source.path.clone().into(),
        kind: if source.is_read() { "status" } else { SourceKind::Unknown.name() }.into(),
        state,
        changed_at: source.written,
        unit: SourceUnit::Records,
        understood: u64::from(source.is_read()),
        unknown: 0,
        record_like: 0,
        unknown_lines: Vec::new(),
    }
}

/// A task as the snapshot shows it.
pub(super) fn task_state(model: &TaskModel, folder: &Path, sources: Vec<SourceState>, now: Timestamp) -> TaskState {
    model.view(view_input(folder, &model.estimate_input(), sources, now), now)
}

fn unit(kind: SourceKind) -> SourceUnit {
    match kind {
        SourceKind::ExecutionLog | SourceKind::Events => SourceUnit::Records,
        SourceKind::Plan => SourceUnit::Stories,
        SourceKind::Ruled
        | SourceKind::RunnerLog
        | SourceKind::ErrorLog
        | SourceKind::ProgressLog
        | SourceKind::Checklist
        | SourceKind::TerminalLog
        | SourceKind::Unknown => SourceUnit::Lines,
    }
}

/// What the model does not know: the estimator's figures, and whether anything has moved.
fn view_input(folder: &Path, input: &EstimateInput, sources: Vec<SourceState>, now: Timestamp) -> ViewInput {
    let finished: Vec<Duration> = input.finished.iter().map(|story| Duration::from_millis(story.duration_ms)).collect();
    let attention = quiet(input, &finished, &sources, now);
    let folder = text::last_names(folder);
    ViewInput {
        folder: if folder.is_empty() { ".".into() } else { folder.into() },
        sources,
        agents: Vec::new(),
        remaining: remaining(input, &finished, attention.is_some(), now),
        attention,
        first_guess: first_guess(input, &finished),
        usual_story: input.is_running.then(|| estimate::usual_story(&finished)),
        listed: input.last_activity.and_then(|at| now.since(at)).is_none_or(|ago| ago < LISTED),
    }
}

fn remaining(input: &EstimateInput, finished: &[Duration], is_quiet: bool, now: Timestamp) -> Remaining {
    if !input.is_running {
        return match input.is_over {
            true => Remaining::None { reason: "the run has ended".into() },
            false => Remaining::Unknown { reason: "nothing has begun".into() },
        };
    }
    if is_quiet {
        return Remaining::Unknown { reason: "the run is quiet".into() };
    }
    let current = input.current_since.and_then(|at| now.since(at)).map(Duration::from_millis);
    estimate::remaining(&Outlook { finished, current, left: to_u32(input.stories_left), blocked: input.blocked })
}

/// The forecast at the end of the first timed story. Made from the story itself, so that every process makes the same.
fn first_guess(input: &EstimateInput, finished: &[Duration]) -> Option<FirstGuess> {
    let at = input.finished.first()?.ended_at?;
    let left = input.stories_left? + input.finished.len() - 1;
    match estimate::remaining(&Outlook { finished: &finished[..1], current: None, left: to_u32(Some(left)), blocked: 0 }) {
        Remaining::Range { p10, p50, p90, samples, text, .. } => Some(FirstGuess { at, p10, p50, p90, samples, text }),
        Remaining::Unknown { .. } | Remaining::None { .. } | Remaining::LongerThanUsual { .. } => None,
    }
}

/// No sign of life for longer than usual, and what was looked at.
fn quiet(input: &EstimateInput, finished: &[Duration], sources: &[SourceState], now: Timestamp) -> Option<Attention> {
    let since = input.last_activity.filter(|_| input.is_running)?;
    let still = now.since(since).map(Duration::from_millis)?;
    if still <= estimate::quiet_after(finished) {
        return None;
    }
    let read = sources.iter().filter(|source| source.state == SourceCondition::Reading).count();
    let files = if read == 1 { "the watched file has not moved".to_owned() } else { format!("none of {read} watched files has moved") };
    let usual = estimate::usual_story(finished).text;
    Some(Attention { kind: AttentionKind::Quiet, reason: format!("{files}; a story takes {usual}").into(), since })
}

/// Tells tasks of one name apart: by their branches where those differ, else by their folders.
pub(super) fn add_qualifiers(tasks: &mut [TaskState]) {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, task) in tasks.iter().enumerate() {
        by_name.entry(task.task_name.to_lowercase()).or_default().push(index);
    }
    for same in by_name.into_values().filter(|same| same.len() > 1) {
        for &index in &same {
            let branch = tasks[index].branch.clone();
            let is_unique = branch.is_some() && same.iter().filter(|other| tasks[**other].branch == branch).count() == 1;
            tasks[index].qualifier = Some(branch.filter(|_| is_unique).unwrap_or_else(|| tasks[index].folder.clone()));
        }
    }
}

/// Counts the tasks that screens need not list. When none has moved lately, all are listed: one is what somebody came to see.
pub(super) fn count_unlisted(tasks: &mut [TaskState], all: usize) -> Option<Unlisted> {
    if tasks.iter().all(|task| !task.listed) {
        tasks.iter_mut().for_each(|task| task.listed = true);
    }
    let left_out = u32::try_from(all - tasks.len()).unwrap_or(u32::MAX);
    let mut unlisted = Unlisted { finished: 0, planned: 0, left_out };
    for task in tasks.iter().filter(|task| !task.listed) {
        match task.status {
            TaskStatus::Waiting | TaskStatus::Planned => unlisted.planned += 1,
            TaskStatus::Running | TaskStatus::Ended | TaskStatus::Passed | TaskStatus::Failed => unlisted.finished += 1,
        }
    }
    (unlisted != Unlisted::default()).then_some(unlisted)
}

fn to_u32(n: Option<usize>) -> Option<u32> {
    n.map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}
