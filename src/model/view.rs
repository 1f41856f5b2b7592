//! The model as snapshots show it.

use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::clock::Timestamp;
use crate::event::TimestampSource;
use crate::fact::Provenance;
use crate::model::agent::AgentState;
use crate::model::attempt::Attempt;
use crate::model::state::{
    AttemptResult, AttemptState, Attention, CriterionState, CriterionStatus, CurrentStory, Disagreement, FirstGuess, GroupState, LeftOut,
    Remaining, SourceState, SourceStatement, StoryState, StoryStatus, TaskState, TaskStatus, UsualStory,
};
use crate::model::story::{Story, shown};
use crate::model::timed::Ends;
use crate::model::{TaskModel, history, timed};
use crate::plan::PlanStatus;
use crate::text::CleanText;

/// Milliseconds after which a finished story is shown without its criteria and attempts.
const RECENT: u64 = 10 * 60 * 1000;
/// Bytes of criteria and attempts of one task beside the rows of its stories.
const DETAIL_LIMIT: usize = 256 * 1024;

/// What others know of a task: its files, its agents, and the estimator's figures.
#[derive(Debug)]
pub(crate) struct ViewInput {
    pub folder: CleanText,
    pub sources: Vec<SourceState>,
    pub sources_left_out: u32,
    pub agents: Vec<AgentState>,
    pub attention: Option<Attention>,
    pub remaining: Remaining,
    pub first_guess: Option<FirstGuess>,
    pub usual_story: Option<UsualStory>,
    pub listed: bool,
}

/// Whether a snapshot has the stories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoryDetail {
    Whole,
    LeftOut,
}

/// This task's part of the snapshot.
pub(super) fn task_state(model: &TaskModel, input: ViewInput, now: Timestamp, detail: StoryDetail) -> TaskState {
    let status = model.status();
    let stories_passed = model.count(&[StoryStatus::Passed]);
    let story_count = model.story_count();
    let percent = story_count.map(|count| {
        let percent = u64::from(stories_passed) * 100 / u64::from(count);
        // 100 only when the run has passed.
        let percent = if status == TaskStatus::Passed { 100 } else { percent.min(99) };
        u8::try_from(percent).unwrap_or(100)
    });
    let end = model.end.as_ref().filter(|end| end.dated);
    let started_at = model.started_at();
    let (stories, unplanned) = match detail {
        StoryDetail::Whole => story_states(model, now),
        StoryDetail::LeftOut => (Vec::new(), Vec::new()),
    };
    let ViewInput { folder, sources, sources_left_out, agents, attention, remaining, first_guess, usual_story, listed } = input;
    TaskState {
        task_id: model.task_id.clone().into(),
        task_name: model.task_name().into(),
        qualifier: None,
        folder,
        root: PathBuf::new(),
        run: model.run.clone().into(),
        branch: model.branch.clone(),
        listed,
        status,
        attention: attention.filter(|_| status == TaskStatus::Running),
        end_reason: model.end.as_ref().and_then(|end| end.reason.clone()),
        started_at,
        started_precision: model.started.filter(|_| started_at.is_some()).and_then(|start| shown(start.precision)),
        started_source: model
            .started
            .filter(|_| started_at.is_some())
            .map(|start| if start.recorded { TimestampSource::Record } else { TimestampSource::Observed }),
        finished_at: model.end.as_ref().map(|end| end.timing.at),
        finished_precision: model.end.as_ref().and_then(|end| shown(end.timing.precision)),
        duration_ms: end.and_then(|end| end.timing.since(model.started?)),
        last_activity_at: model.last_activity.as_ref().map(|(at, _)| *at),
        last_activity_path: model.last_activity.as_ref().map(|(_, path)| path.clone().into()),
        story_count,
        stories_passed,
        stories_failed: model.count(&[StoryStatus::Failed]),
        stories_blocked: model.count(&[StoryStatus::Blocked]),
        stories_dropped: model.count(&[StoryStatus::Deferred, StoryStatus::Cancelled]),
        percent,
        plan_change: model.plan_change.clone(),
        groups: groups(model),
        stories,
        unplanned,
        current_story: current_story(model, status),
        terminal_line: model.terminal_line.clone(),
        iteration: model.iteration.0,
        max_iterations: model.iteration.1,
        agents,
        remaining,
        first_guess,
        usual_story,
        history: history::points(model),
        runs: model.runs.clone(),
        errors: model.errors,
        retries: model.retries(),
        last_error: model.last_error.clone(),
        sources,
        sources_left_out,
    }
}

fn current_story(model: &TaskModel, status: TaskStatus) -> CurrentStory {
    if status != TaskStatus::Running {
        return CurrentStory::None;
    }
    if let Some(index) = timed::current(model) {
        let provenance = model.stories[index].open_attempt().map_or(Provenance::Derived, |attempt| attempt.provenance);
        // The stories of the plan stand first.
        return match index.checked_sub(model.counted().count()) {
            Some(index) => CurrentStory::Unplanned { index, provenance },
            None => CurrentStory::Known { index, provenance },
        };
    }
    if model.story_count().is_some() && !model.counted().any(|story| matches!(story.status(), StoryStatus::Open | StoryStatus::Failed)) {
        return CurrentStory::None;
    }
    // An agent is at work, and on nothing that any file names: then on what comes next.
    let next = model.counted().position(|story| story.status() == StoryStatus::Open).filter(|_| model.agent_at_work);
    if let Some(index) = next {
        return CurrentStory::Known { index, provenance: Provenance::Inferred };
    }
    let last = model.stories.iter().filter_map(|story| Some((story.finished()?.at, story))).max_by_key(|(at, _)| *at);
    let name = last.and_then(|(_, story)| story.subject.id.as_deref().or(story.title().map(|title| &**title)));
    CurrentStory::Unknown {
        reason: match name {
            Some(name) => format!("nothing says what is under way since {name} ended").into(),
            None => "nothing says what is under way".into(),
        },
    }
}

fn groups(model: &TaskModel) -> Vec<GroupState> {
    let mut groups: Vec<GroupState> = Vec::new();
    for story in model.stories.iter().filter(|story| story.in_plan) {
        let Some(name) = &story.extras().group else { continue };
        // Stories of a group stand together in nearly every plan: the last one first.
        let index = groups.iter().rposition(|group| group.name == *name).unwrap_or_else(|| {
            groups.push(GroupState { name: name.clone(), story_count: 0, stories_passed: 0, stories_failed: 0 });
            groups.len() - 1
        });
        let group = &mut groups[index];
        group.story_count += u32::from(story.is_counted());
        group.stories_passed += u32::from(story.status() == StoryStatus::Passed);
        group.stories_failed += u32::from(story.status() == StoryStatus::Failed);
    }
    groups
}

/// A row for every story of the plan (of any, without a plan) and for every other; criteria and attempts only where somebody may be
/// looking.
fn story_states(model: &TaskModel, now: Timestamp) -> (Vec<StoryState>, Vec<StoryState>) {
    let (ends, plan) = (Ends::of(model), plan_path(model));
    let mut room = DETAIL_LIMIT;
    let mut states = Vec::with_capacity(model.stories.len());
    for story in &model.stories {
        let mut state = story_state(story, &ends, plan);
        let is_recent = story.extras().changed_at.is_some_and(|at| now.since(at).is_none_or(|ago| ago < RECENT));
        let is_wanted = is_recent || matches!(state.status, StoryStatus::InProgress | StoryStatus::Failed | StoryStatus::Blocked);
        let bytes = state.criteria.iter().map(|criterion| criterion.text.len() + 80).sum::<usize>() + state.attempts.len() * 220;
        if is_wanted && bytes <= room {
            room -= bytes;
        } else if bytes > 0 {
            let (attempts, criteria) = (std::mem::take(&mut state.attempts), std::mem::take(&mut state.criteria));
            state.left_out = Some(Box::new(LeftOut { attempts, criteria }));
        }
        states.push(state);
    }
    let unplanned = states.split_off(model.counted().count());
    (states, unplanned)
}

/// The plan's file, as disagreements name it.
fn plan_path(model: &TaskModel) -> &str {
    model.plan_path.as_deref().unwrap_or("the plan")
}

fn story_state(story: &Story, ends: &Ends<'_>, plan: &str) -> StoryState {
    let status = story.status();
    let criteria: Vec<CriterionState> = story
        .criteria()
        .iter()
        .map(|criterion| match status {
            StoryStatus::Passed if !criterion.is_done() => {
                CriterionState { status: CriterionStatus::Done, provenance: Some(Provenance::Inferred), ..criterion.clone() }
            }
            _ => criterion.clone(),
        })
        .collect();
    let (count, done) = (super::to_u32(criteria.len()), super::to_u32(criteria.iter().filter(|criterion| criterion.is_done()).count()));
    let duration = story.ended_attempt().and_then(|attempt| ends.duration(attempt));
    StoryState {
        story_id: story.id(),
        title: story.title().cloned(),
        status,
        status_reason: status_reason(story),
        provenance: match (&story.extras().hold, status) {
            (Some(_), _) => Some(Provenance::Explicit),
            (None, StoryStatus::Open) => None,
            (None, _) => story.provenance,
        },
        in_plan: story.in_plan,
        group: story.extras().group.clone(),
        priority: story.extras().priority,
        attempt_count: story.attempt_count(),
        attempts: story.attempts.iter().zip(story.extras().dropped_attempts + 1..).map(|(attempt, n)| attempt_state(attempt, n)).collect(),
        started_at: story.started().map(|timing| timing.at),
        started_precision: story.started().and_then(|timing| shown(timing.precision)),
        finished_at: story.finished().map(|timing| timing.at),
        finished_precision: story.finished().and_then(|timing| shown(timing.precision)),
        duration_ms: duration.map(|(ms, _)| ms),
        duration_provenance: duration.map(|(_, provenance)| provenance),
        reopened_at: story.extras().reopened_at,
        added_at: story.extras().added_at,
        changed_at: story.extras().changed_at,
        commits: story.extras().commits.clone(),
        criteria_count: count,
        criteria_done: done,
        percent: (done * 100).checked_div(count).and_then(|percent| u8::try_from(percent).ok()),
        criteria,
        last_error: story.extras().last_error.clone(),
        disagreement: disagreement(story, plan).map(Box::new),
        left_out: None,
    }
}

fn status_reason(story: &Story) -> Option<CleanText> {
    match &story.extras().hold {
        Some(hold) => hold.reason.clone(),
        None if story.fact_status == StoryStatus::Failed => story.ended_attempt()?.reason.clone(),
        None => None,
    }
}

/// What a log and the plan contradict each other about.
fn disagreement(story: &Story, plan: &str) -> Option<Disagreement> {
    let stated = story.log_outcome()?;
    let plan_status = match (stated.is_pass(), story.plan_status?) {
        (true, PlanStatus::Open | PlanStatus::InProgress) => "open",
        (true, PlanStatus::Failed) => "failed",
        (true, PlanStatus::Blocked) => "blocked",
        (true, PlanStatus::Deferred) => "deferred",
        (true, PlanStatus::Cancelled) => "cancelled",
        (false, PlanStatus::Passed) => "passed",
        (true, PlanStatus::Passed) | (false, _) => return None,
    };
    let log = stated.statement();
    let plan = SourceStatement { path: plan.into(), line: None, text: None, status: plan_status.into() };
    let text = format!("{} says {}, {} calls it {plan_status}", log.path, log.status, plan.path);
    let follows_log = story.extras().hold.is_none() && stated.is_pass() && story.fact_status == StoryStatus::Passed;
    let (holds, loses) = if follows_log { (log, plan) } else { (plan, log) };
    Some(Disagreement { text: text.into(), holds, loses })
}

fn attempt_state(attempt: &Attempt, n: u32) -> AttemptState {
    AttemptState {
        n,
        started_at: attempt.started.map(|timing| timing.at),
        ended_at: attempt.ended.map(|timing| timing.at).filter(|_| attempt.result != AttemptResult::InProgress),
        result: attempt.result,
        reason: attempt.reason.clone(),
        path: Some(attempt.path.clone()).filter(|path| !path.is_empty()),
        line: attempt.line.map(NonZeroU32::get),
        precision: attempt.precision().and_then(shown),
        provenance: attempt.provenance,
    }
}
