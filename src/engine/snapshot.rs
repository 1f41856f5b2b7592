//! What the snapshot of the state shows beside the model: each source, the remaining time of a task, whether it is quiet, and what tells
//! it from others.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::estimate::{self, Outlook};
use crate::event::{TEXT_LIMIT, TEXT_MARGIN};
use crate::format::SourceKind;
use crate::model::state::{
    Attention, AttentionKind, FileCounts, FirstGuess, Remaining, SourceCondition, SourceState, SourceUnit, TaskState, TaskStatus,
    UnknownLine, Unlisted,
};
use crate::model::{EstimateInput, StoryDetail, TaskModel, ViewInput};
use crate::text;

use super::agents::{AgentSessions, TaskAgents};
use super::log_source::LogSource;
use super::plan_source::PlanSource;
use super::source_slot::{SourceRole, SourceSlot};
use super::status_source::StatusSource;
use super::task::TaskEngine;

/// Lines of a source that were not understood and are shown.
pub(super) const UNKNOWN_LINES: usize = 20;

/// Sources of a task that a snapshot lists at most.
const SOURCE_LIMIT: usize = 200;

/// Tasks that a snapshot shows at most.
const TASK_LIMIT: usize = 200;
/// Milliseconds after which a task that has not moved is no longer listed.
const LISTED: u64 = 24 * 3600 * 1000;

/// The sources of one task that a snapshot lists.
#[derive(Debug, Default)]
pub(super) struct ListedSources {
    listed: Vec<SourceState>,
    /// How many are not.
    left_out: u32,
}

/// All that are watched. A file that nobody named and that is not there is nobody's.
fn shown_sources(slots: &[SourceSlot]) -> impl Iterator<Item = &SourceSlot> {
    slots.iter().filter(|slot| slot.is_named || slot.condition != SourceCondition::Waiting)
}

/// Counts every watched file.
pub(super) fn file_counts(tasks: &[TaskEngine], slots: &[SourceSlot]) -> FileCounts {
    let mut counts = FileCounts::default();
    for slot in shown_sources(slots) {
        match slot.condition {
            SourceCondition::Waiting => counts.waiting += 1,
            SourceCondition::Reading => counts.reading += 1,
            SourceCondition::Gone => counts.gone += 1,
            SourceCondition::Unreadable => counts.unreadable += 1,
        }
        let task = &tasks[slot.task];
        let (understood, unknown) = match slot.role {
            SourceRole::Log(log) => task.logs[log].line_counts(),
            SourceRole::Plan(plan) => {
                let plan = &task.plans[plan];
                counts.broken_plans += usize::from(slot.condition == SourceCondition::Reading && plan.is_broken());
                (plan.story_count(), 0)
            }
            SourceRole::Status(status) => (u64::from(task.statuses[status].is_read()), 0),
        };
        counts.understood += understood;
        counts.unknown += unknown;
    }
    counts
}

/// The sources of each task: all, or where those are too many the ones that hold something before the others.
fn sources(tasks: &[TaskEngine], slots: &[SourceSlot]) -> Vec<ListedSources> {
    let is_let_go = |slot: &SourceSlot| matches!(slot.role, SourceRole::Log(log) if tasks[slot.task].logs[log].is_let_go());
    let mut room_for_others = vec![SOURCE_LIMIT; tasks.len()];
    for slot in shown_sources(slots).filter(|slot| !is_let_go(slot)) {
        room_for_others[slot.task] = room_for_others[slot.task].saturating_sub(1);
    }
    let mut sources: Vec<ListedSources> = tasks.iter().map(|_| ListedSources::default()).collect();
    for slot in shown_sources(slots) {
        let ListedSources { listed, left_out } = &mut sources[slot.task];
        let room = &mut room_for_others[slot.task];
        if listed.len() >= SOURCE_LIMIT || (is_let_go(slot) && *room == 0) {
            *left_out += 1;
            continue;
        }
        if is_let_go(slot) {
            *room -= 1;
        }
        let task = &tasks[slot.task];
        listed.push(match slot.role {
            SourceRole::Log(log) => log_state(&task.logs[log], slot.condition),
            SourceRole::Plan(plan) => plan_state(&task.plans[plan], slot.condition),
            SourceRole::Status(status) => status_state(&task.statuses[status], slot.condition),
        });
    }
    sources
}

fn log_state(log: &LogSource, state: SourceCondition) -> SourceState {
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
    lines.map(|(line, text)| UnknownLine { line, text: text::first_chars(text, TEXT_LIMIT + TEXT_MARGIN).into() }).collect()
}

fn plan_state(source: &PlanSource, state: SourceCondition) -> SourceState {
    let kind = if source.plan.is_some() { SourceKind::Plan } else { SourceKind::Unknown };
    SourceState {
        path: source.path.clone().into(),
        kind: kind.name().into(),
        state,
        changed_at: source.written,
        unit: SourceUnit::Stories,
        understood: source.story_count(),
        unknown: 0,
        record_like: 0,
        unknown_lines: Vec::new(),
    }
}

fn status_state(source: &StatusSource, state: SourceCondition) -> SourceState {
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

/// The tasks that the snapshot shows, and how many it does not.
pub(super) fn tasks(
    tasks: &[TaskEngine],
    slots: &[SourceSlot],
    agents: &AgentSessions,
    now: Timestamp,
    detail: StoryDetail,
) -> (Vec<TaskState>, Option<Unlisted>) {
    // Prose beside a run is no task of its own, but when there is nothing else it is shown for what it is.
    let all_hidden = tasks.iter().all(TaskEngine::is_hidden);
    let count = if all_hidden { tasks.len() } else { tasks.iter().filter(|task| !task.is_hidden()).count() };
    let parts = sources(tasks, slots).into_iter().zip(agents.by_task(tasks, now));
    let shown = tasks.iter().zip(parts).filter(|(task, _)| all_hidden || !task.is_hidden()).take(TASK_LIMIT);
    let state = |(task, (sources, agents)): (&TaskEngine, _)| task_state(&task.run.model, &task.folder, sources, agents, now, detail);
    let mut states: Vec<TaskState> = shown.map(state).collect();
    add_qualifiers(&mut states);
    let unlisted = count_unlisted(&mut states, count);
    (states, unlisted)
}

/// A task as the snapshot shows it.
fn task_state(
    model: &TaskModel,
    folder: &Path,
    sources: ListedSources,
    agents: TaskAgents,
    now: Timestamp,
    detail: StoryDetail,
) -> TaskState {
    TaskState { root: folder.to_owned(), ..model.view(view_input(folder, &model.estimate_input(), sources, agents, now), now, detail) }
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
fn view_input(folder: &Path, input: &EstimateInput, sources: ListedSources, agents: TaskAgents, now: Timestamp) -> ViewInput {
    let finished: Vec<Duration> = input.finished.iter().map(|story| Duration::from_millis(story.duration_ms)).collect();
    let need = agents.need.map(|need| Attention { kind: AttentionKind::NeedsYou, reason: need.reason.into(), since: need.since });
    // A call that takes long is no silence.
    let attention = need.or_else(|| quiet(input, &finished, &sources.listed, now).filter(|_| !agents.is_busy));
    let folder = text::last_names(folder);
    ViewInput {
        folder: if folder.is_empty() { ".".into() } else { folder.into() },
        sources: sources.listed,
        sources_left_out: sources.left_out,
        agents: agents.states,
        remaining: remaining(input, &finished, attention.as_ref(), now),
        attention,
        first_guess: first_guess(input, &finished),
        usual_story: input.is_running.then(|| estimate::usual_story(&finished)),
        listed: input.last_activity.and_then(|at| now.since(at)).is_none_or(|ago| ago < LISTED),
    }
}

fn remaining(input: &EstimateInput, finished: &[Duration], attention: Option<&Attention>, now: Timestamp) -> Remaining {
    if !input.is_running {
        return match input.is_over {
            true => Remaining::None { reason: "the run has ended".into() },
            false => Remaining::Unknown { reason: "nothing has begun".into() },
        };
    }
    match attention.map(|attention| attention.kind) {
        Some(AttentionKind::Quiet) => return Remaining::Unknown { reason: "the run is quiet".into() },
        Some(AttentionKind::NeedsYou) => return Remaining::Unknown { reason: "the run waits for a person".into() },
        None => {}
    }
    let current = input.current_since.and_then(|at| input.awake_since(at, now));
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
    let still = input.awake_since(since, now)?;
    if still <= estimate::quiet_after(finished) {
        return None;
    }
    let read = sources.iter().filter(|source| source.state == SourceCondition::Reading).count();
    let files = if read == 1 { "the watched file has not moved".to_owned() } else { format!("none of {read} watched files has moved") };
    let usual = estimate::usual_story(finished).text;
    Some(Attention { kind: AttentionKind::Quiet, reason: format!("{files}; a story {usual}").into(), since })
}

/// Tells tasks of one name apart: by their branches where those differ, else by their folders.
fn add_qualifiers(tasks: &mut [TaskState]) {
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
fn count_unlisted(tasks: &mut [TaskState], all: usize) -> Option<Unlisted> {
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
