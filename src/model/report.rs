//! How each kind of fact changes the state, and the payload of its event.

use std::num::NonZeroU32;

use crate::event::{
    AcCompleted, EndStatus, ErrorOccurred, StoryCompleted, StoryStarted, TEXT_LIMIT, TEXT_MARGIN, TaskCompleted, TaskStarted,
};
use crate::fact::{Criterion, ErrorKind, Fact, Failure, Outcome, Precision, Provenance};
use crate::format::SourceKind;
use crate::model::attempt::{Attempt, Timing, refine_to_second, timing_of};
use crate::model::state::{AttemptResult, CriterionStatus, ErrorState, StoryStatus, TaskStatus};
use crate::model::story::{LogOutcome, Story};
use crate::model::{FactUpdate, RunEnding, TaskModel, to_u32};
use crate::text::{CleanText, first_chars};

pub(super) fn task_started(
    model: &TaskModel,
    description: Option<&str>,
    story_count: Option<u32>,
    estimated_secs: Option<u64>,
) -> TaskStarted {
    let plan = model.plan.as_ref();
    TaskStarted {
        task_id: model.task_id.clone().into(),
        task_name: model.task_name().into(),
        story_count: model.story_count().or(plan.map(|plan| to_u32(plan.stories.len()))).or(story_count),
        estimated_duration: plan.and_then(|plan| plan.estimated_secs).or(estimated_secs),
        branch: model.branch.clone(),
        description: plan.and_then(|plan| plan.description.clone()).or_else(|| description.map(CleanText::from)),
    }
}

pub(super) fn story_started(
    model: &mut TaskModel,
    index: usize,
    update: &FactUpdate<'_>,
    timing: Timing,
    iteration: Option<u32>,
    priority: Option<i64>,
    criteria: &[String],
) -> StoryStarted {
    if iteration.is_some() {
        model.iteration.0 = iteration;
    }
    let is_new = update.occurrence.is_some();
    let is_inferred = update.fact.provenance == Provenance::Inferred;
    // A derived start that is known already belongs to an end that was told before: it says nothing about the present.
    if !is_inferred && update.live && (is_new || update.fact.provenance == Provenance::Explicit) {
        retract_inferred_start(model, index);
    }
    let story = &mut model.stories[index];
    if priority.is_some() && story.extras().priority.is_none() {
        story.extras_mut().priority = priority;
    }
    if story.criteria().is_empty() {
        for (index, text) in criteria.iter().enumerate() {
            story.criterion(to_u32(index), Some(text));
        }
    }
    let is_unfinished = story.completions < story.starts;
    let is_explicit = update.fact.provenance == Provenance::Explicit;
    let is_stated_late = !is_new && update.live && is_explicit;
    if is_new || (is_stated_late && is_unfinished && story.open_attempt().is_none_or(is_inferred_start)) {
        begin_attempt(model, index, update, timing);
    } else if timing.recorded
        && is_explicit
        && is_unfinished
        && let Some(open) = story.open_attempt_mut()
        && !open.started.is_some_and(|known| known.is_in_minute(timing))
    {
        open.started = Some(timing);
    }
    let story = &model.stories[index];
    let texts: Vec<CleanText> = story.criteria().iter().map(|criterion| criterion.text.clone()).collect();
    StoryStarted {
        story_id: story.id(),
        title: title_for(story, update.fact),
        ac_count: (!texts.is_empty()).then(|| to_u32(texts.len())),
        acceptance_criteria: texts,
        priority: story.extras().priority,
        attempt: story.completions + 1,
        iteration,
    }
}

/// Begins the attempt that a start states, in the place of one that was only inferred.
fn begin_attempt(model: &mut TaskModel, index: usize, update: &FactUpdate<'_>, timing: Timing) {
    let is_new = update.occurrence.is_some();
    let start = refine_to_second(timing, update);
    // A record that names only the minute may lie before the run's own start.
    let run_start = model.started.filter(|run| start.precision == Precision::Minute && run.recorded && start.at < run.at);
    // A start that is derived from its end has no time of its own.
    let has_time = update.fact.provenance != Provenance::Derived && (timing.recorded || update.live);
    let story = &mut model.stories[index];
    if is_new {
        story.starts += 1;
    }
    let is_overtaken = update.fact.late && story.completions > 0;
    if story.fact_status != StoryStatus::Passed && !is_overtaken {
        story.fact_status = StoryStatus::InProgress;
        story.provenance = Some(update.fact.provenance);
    }
    if story.open_attempt().is_some_and(is_inferred_start) {
        // The inferred start is now stated.
        story.attempts.pop();
    }
    story.push_attempt(Attempt {
        started: has_time.then_some(run_start.unwrap_or(start)),
        ended: None,
        result: AttemptResult::InProgress,
        reason: None,
        duration_ms: None,
        stated: false,
        path: update.origin.path.clone().into(),
        line: NonZeroU32::new(update.fact.line),
        by_log: false,
        provenance: update.fact.provenance,
    });
    story.set_last_progress(update.live.then_some(update.now));
    if update.fact.provenance == Provenance::Inferred {
        model.inferred_start = Some(story.subject.key.clone());
    }
    // What is told late says nothing about the present.
    if is_new && !update.fact.late && may_continue(model, index) {
        model.end = None;
    }
}

/// Whether work on this story means that a run that had ended goes on. A complete plan is reopened by the plan alone: what an agent
/// writes after its last story is no work of the plan.
fn may_continue(model: &TaskModel, index: usize) -> bool {
    match &model.plan {
        Some(plan) if plan.is_complete() => false,
        Some(_) => model.stories[index].in_plan || model.end.as_ref().is_none_or(|end| end.status != TaskStatus::Passed),
        None => true,
    }
}

/// Resets the story whose start was inferred, unless it is the story `stated`, whose start a source now states.
fn retract_inferred_start(model: &mut TaskModel, stated: usize) {
    let Some(index) = model.inferred_start.take().and_then(|key| model.index.find(&model.stories, &key)) else { return };
    let story = &mut model.stories[index];
    if index != stated && story.open_attempt().is_some_and(is_inferred_start) {
        story.attempts.pop();
        if story.fact_status == StoryStatus::InProgress {
            story.fact_status = StoryStatus::Open;
            story.provenance = None;
        }
    }
}

pub(super) fn criterion_done(
    model: &mut TaskModel,
    index: usize,
    update: &FactUpdate<'_>,
    stated: &Criterion,
    duration_ms: Option<u64>,
) -> Option<AcCompleted> {
    let criterion_index = update.criterion?;
    let story = &mut model.stories[index];
    // The time of an entry is not that of its criteria: only the times of reading say how long one took.
    let took = duration_ms
        .or_else(|| story.last_progress().filter(|_| update.timed).and_then(|last| update.now.since(last)).filter(|took| *took > 0));
    if update.live {
        story.set_last_progress(Some(update.now));
    }
    let criterion = story.criterion(criterion_index, stated.text.as_deref());
    if !criterion.is_done() || criterion.provenance < Some(update.fact.provenance) {
        criterion.provenance = Some(update.fact.provenance);
    }
    criterion.status = CriterionStatus::Done;
    criterion.duration_ms = criterion.duration_ms.or(took);
    let text = criterion.text.clone();
    let story_id = story.id();
    Some(AcCompleted {
        title: if story_id.is_none() { title_for(story, update.fact) } else { None },
        story_id,
        ac_index: criterion_index,
        ac_text: (!text.is_empty()).then_some(text),
        duration_ms: took,
    })
}

pub(super) fn story_ended(
    model: &mut TaskModel,
    index: usize,
    update: &FactUpdate<'_>,
    timing: Timing,
    outcome: &Outcome,
    duration_ms: Option<u64>,
    commits: &[String],
) -> StoryCompleted {
    let is_new = update.occurrence.is_some();
    let story = &mut model.stories[index];
    // A failure before it is none of the passes: what the plan says is still to be told.
    if outcome == &Outcome::Passed && story.extras().flagged_at.is_some() {
        story.extras_mut().flagged_at = None;
    }
    for commit in commits {
        if !story.extras().commits.iter().any(|known| known == commit) {
            story.extras_mut().commits.push(commit.into());
        }
    }
    // A file that is only read again says nothing later than it did.
    let is_later = is_new || update.live || story.log_outcome().is_none();
    let stated =
        (update.origin.kind != SourceKind::Plan && is_later).then(|| log_outcome(update, outcome, model.source_text && story.in_plan));
    let timing = observed_end(timing, update, story.open_attempt().and_then(|open| open.started));
    if is_new {
        end_story(story, update, timing, outcome);
    }
    if let Some(stated) = stated {
        story.set_log_outcome(stated, is_new);
    }
    let measured = story.measure(update, timing, duration_ms, &model.sleeps);
    let story = &model.stories[index];
    let (status, reason) = match outcome {
        Outcome::Passed => (EndStatus::Passed, None),
        Outcome::Failed { reason } => (EndStatus::Failed, Some(reason.into())),
    };
    StoryCompleted {
        story_id: story.id(),
        title: title_for(story, update.fact),
        status,
        reason,
        duration_ms: measured,
        commits: commits.iter().map(CleanText::from).collect(),
        attempt: story.completions.max(1),
        tally: None,
    }
}

/// The story's attempt ends anew.
fn end_story(story: &mut Story, update: &FactUpdate<'_>, timing: Timing, outcome: &Outcome) {
    story.end_attempt(update, timing, outcome);
    story.completions += 1;
    let before = story.fact_status;
    let is_overtaken = update.fact.late && story.completions > 1;
    story.fact_status = match outcome {
        _ if is_overtaken && before != StoryStatus::InProgress => before,
        Outcome::Passed => StoryStatus::Passed,
        Outcome::Failed { .. } if before == StoryStatus::Passed => StoryStatus::Passed,
        Outcome::Failed { .. } => StoryStatus::Failed,
    };
    if story.fact_status == StoryStatus::Passed {
        if story.extras().reopened_at.is_some() {
            story.extras_mut().reopened_at = None;
        }
        // Said after the plan's word: the plan holds it back no longer.
        story.release();
    }
    if before != story.fact_status || outcome == &Outcome::Passed {
        story.provenance = Some(update.fact.provenance);
    }
}

/// How a log says that the story ended; `quotes` when its line is to be shown beside the plan's word.
fn log_outcome(update: &FactUpdate<'_>, outcome: &Outcome, quotes: bool) -> LogOutcome {
    let failure = match outcome {
        Outcome::Passed => None,
        Outcome::Failed { reason } => Some(reason.into()),
    };
    let text = Some(update.fact.text.trim()).filter(|text| quotes && !text.is_empty());
    LogOutcome {
        failure,
        path: update.origin.path.clone().into(),
        line: NonZeroU32::new(update.fact.line),
        text: text.map(|text| first_chars(text, TEXT_LIMIT + TEXT_MARGIN).into()),
    }
}

pub(super) fn error(model: &mut TaskModel, index: Option<usize>, update: &FactUpdate<'_>, failure: &Failure) -> ErrorOccurred {
    let story_id = index.and_then(|index| model.stories[index].id());
    let state = ErrorState {
        error_type: failure.kind,
        error_message: failure.message.as_str().into(),
        story_id: story_id.clone(),
        retryable: failure.retryable,
        exit_code: failure.exit_code,
        at: timing_of(update).at,
        path: update.origin.path.clone().into(),
        line: (update.fact.line > 0).then_some(update.fact.line),
        provenance: update.fact.provenance,
    };
    let is_new = update.occurrence.is_some();
    if let Some(index) = index {
        let extras = model.stories[index].extras_mut();
        // Several files may report one error: a report that names its kind ranks first, then the file of higher authority.
        let rank = (failure.kind == ErrorKind::Unknown, update.origin.kind);
        if is_new || extras.last_error.is_none() || extras.error_rank.is_none_or(|known| rank < known) {
            if model.last_error.is_some() && model.last_error.as_ref() == extras.last_error.as_deref() {
                model.last_error = Some(state.clone());
            }
            extras.last_error = Some(Box::new(state.clone()));
            extras.error_rank = Some(rank);
        }
    }
    if is_new {
        model.errors += 1;
        // The last one by its time, in whatever order the sources are read.
        if model.last_error.as_ref().is_none_or(|last| last.at <= state.at) {
            model.last_error = Some(state);
        }
    }
    ErrorOccurred {
        story_id,
        error_type: failure.kind,
        error_message: failure.message.as_str().into(),
        retryable: failure.retryable,
        exit_code: failure.exit_code,
    }
}

pub(super) fn task_ended(model: &mut TaskModel, update: &FactUpdate<'_>, timing: Timing, passed: bool) -> TaskCompleted {
    let (ending, status) = if passed { (EndStatus::Passed, TaskStatus::Passed) } else { (EndStatus::Failed, TaskStatus::Failed) };
    let timing = timing.not_before(model.started);
    if update.occurrence.is_some() {
        let path = match update.fact.line {
            0 => update.origin.path.to_string(),
            line => format!("{}:{line}", update.origin.path),
        };
        let reason = (!passed).then(|| format!("{path} says that the run failed").into());
        model.end = Some(RunEnding { status, timing, dated: timing.recorded || update.live, reason });
        for story in &mut model.stories {
            if let Some(open) = story.open_attempt_mut() {
                open.result = AttemptResult::Stopped;
                if story.fact_status == StoryStatus::InProgress {
                    story.fact_status = StoryStatus::Open;
                    story.provenance = None;
                }
            }
        }
        model.terminal_line = None;
    }
    TaskCompleted {
        task_id: model.task_id.clone().into(),
        status: ending,
        stories_passed: model.count(&[StoryStatus::Passed]),
        stories_failed: model.count(&[StoryStatus::Failed]),
        story_count: model.story_count().or(model.plan.as_ref().map(|plan| to_u32(plan.stories.len()))),
        duration_ms: model.started.filter(|_| timing.recorded || update.live).and_then(|start| timing.since(start)),
        retries: model.retries(),
        errors: model.errors,
    }
}

/// An entry names the minute in which it was opened: an end that was seen when it came is dated by that.
fn observed_end(timing: Timing, update: &FactUpdate<'_>, start: Option<Timing>) -> Timing {
    let names_the_opening = start.is_some_and(|start| start.precision == Precision::Second && timing.at <= start.at);
    let was_observed = update.live && timing.precision == Precision::Minute && names_the_opening;
    if was_observed { Timing { at: update.now, precision: Precision::Second, ..timing } } else { timing }
}

fn is_inferred_start(attempt: &Attempt) -> bool {
    attempt.provenance == Provenance::Inferred
}

/// The plan's title, else the fact's own (an id may be used for two stories), else the best known one. A story without an id must have
/// a title: its line serves.
fn title_for(story: &Story, fact: &Fact) -> Option<CleanText> {
    let own = fact.story.as_ref().and_then(|name| name.title.clone()).filter(|_| !story.in_plan).map(CleanText::from);
    own.or_else(|| story.title().cloned()).or_else(|| story.subject.id.is_none().then(|| fact.text.trim().into()))
}
