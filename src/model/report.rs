//! How each kind of fact changes the state, and the payload of its event.

use crate::event::{AcCompleted, EndStatus, ErrorOccurred, StoryCompleted, StoryStarted, TaskCompleted, TaskStarted};
use crate::fact::{Criterion, ErrorKind, Fact, Failure, Outcome, Precision, Provenance};
use crate::format::SourceKind;
use crate::model::state::{ErrorState, StoryStatus};
use crate::model::story::{Ranked, Story, Timing};
use crate::model::{FactUpdate, TaskModel, is_same_minute, refine_to_second, timing_of, to_u32};

impl TaskModel {
    pub(super) fn task_started(&self, description: Option<&str>, story_count: Option<u32>, estimated_secs: Option<u64>) -> TaskStarted {
        let plan = self.plan.as_ref();
        TaskStarted {
            task_id: self.task_id.to_string(),
            task_name: self.task_name().to_owned(),
            story_count: plan.map(|plan| to_u32(plan.stories.len())).or(story_count),
            estimated_duration: plan.and_then(|plan| plan.estimated_secs).or(estimated_secs),
            branch: self.branch.clone(),
            description: plan.and_then(|plan| plan.description.clone()).or_else(|| description.map(str::to_owned)),
        }
    }

    pub(super) fn story_started(
        &mut self,
        index: usize,
        update: &FactUpdate<'_>,
        timing: Timing,
        iteration: Option<u32>,
        priority: Option<i64>,
        criteria: &[String],
    ) -> StoryStarted {
        if iteration.is_some() {
            self.iteration.0 = iteration;
        }
        let is_new = update.occurrence.is_some();
        let is_inferred = update.fact.provenance == Provenance::Inferred;
        if !is_inferred && update.live {
            self.retract_inferred_start(index);
        }
        let story = &mut self.stories[index];
        story.priority = story.priority.or(priority);
        if story.criteria.is_empty() {
            for (index, text) in criteria.iter().enumerate() {
                story.criterion(to_u32(index), Some(text));
            }
        }
        if is_new {
            story.attempts += 1;
            if story.status != StoryStatus::Passed {
                story.status = StoryStatus::Running;
            }
            // A start that is derived from its end has no time of its own.
            let has_time = update.fact.provenance != Provenance::Derived && (timing.recorded || update.live);
            let start = refine_to_second(timing, update);
            // A record that names only the minute may lie before the run's own start.
            let run_start = self.started.filter(|run| start.precision == Precision::Minute && run.recorded && start.at < run.at);
            story.started = has_time.then_some(run_start.unwrap_or(start));
            story.last_progress = update.live.then_some(update.now);
            story.guessed = is_inferred;
            self.inferred_start = is_inferred.then(|| story.subject.key.clone()).or(self.inferred_start.take());
            self.current = Some(index);
            self.ended = None;
        } else if story.guessed && !is_inferred && update.live && story.completions < story.attempts {
            // The inferred start is now stated.
            story.guessed = false;
            story.status = StoryStatus::Running;
            story.started = Some(refine_to_second(timing, update));
            story.last_progress = Some(update.now);
            self.current = Some(index);
        } else if timing.recorded
            && update.fact.provenance == Provenance::Explicit
            && story.completions < story.attempts
            && !story.started.is_some_and(|known| is_same_minute(known, timing))
        {
            story.started = Some(timing);
        }
        let story = &self.stories[index];
        let texts: Vec<String> = story.criteria.iter().map(|criterion| criterion.text.clone()).collect();
        StoryStarted {
            story_id: story.id(),
            title: title_for(story, update.fact),
            ac_count: (!texts.is_empty()).then(|| to_u32(texts.len())),
            acceptance_criteria: texts,
            priority: story.priority,
            attempt: story.completions + 1,
            iteration,
        }
    }

    /// Resets the story whose start was inferred, unless it is the story `stated`, whose start a source now states.
    fn retract_inferred_start(&mut self, stated: usize) {
        let Some(index) = self.inferred_start.take().and_then(|key| self.index_by_key.get(&key).copied()) else { return };
        let story = &mut self.stories[index];
        if index != stated && story.guessed && story.status == StoryStatus::Running {
            story.status = StoryStatus::Pending;
            story.started = None;
        }
    }

    pub(super) fn criterion_done(
        &mut self,
        index: usize,
        update: &FactUpdate<'_>,
        stated: &Criterion,
        duration_ms: Option<u64>,
    ) -> Option<AcCompleted> {
        let criterion_index = update.criterion?;
        let story = &mut self.stories[index];
        // The time of an entry is not that of its criteria: only the times of reading say how long one took.
        let took = duration_ms
            .or_else(|| story.last_progress.filter(|_| update.timed).and_then(|last| update.now.since(last)).filter(|took| *took > 0));
        if update.live {
            story.last_progress = Some(update.now);
        }
        let criterion = story.criterion(criterion_index, stated.text.as_deref());
        if !criterion.done || criterion.provenance < Some(update.fact.provenance) {
            criterion.provenance = Some(update.fact.provenance);
        }
        criterion.done = true;
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
        &mut self,
        index: usize,
        update: &FactUpdate<'_>,
        timing: Timing,
        outcome: &Outcome,
        duration_ms: Option<u64>,
        commits: &[String],
    ) -> StoryCompleted {
        let story = &mut self.stories[index];
        // An attempt whose start was inferred has no known duration.
        let started = story.started.filter(|_| !story.guessed);
        let measured = duration_ms.or_else(|| started.and_then(|start| timing.since(start)));
        let provenance = if duration_ms.is_some() { update.fact.provenance } else { Provenance::Inferred };
        if update.occurrence.is_some() {
            story.duration_ms = None;
        }
        Ranked::update(&mut story.duration_ms, measured, provenance, update.origin.kind);
        for commit in commits {
            if !story.commits.contains(commit) {
                story.commits.push(commit.clone());
            }
        }
        if update.origin.kind != SourceKind::Plan {
            story.log_outcome = Some((outcome.clone(), update.origin.path.to_string()));
        }
        if update.occurrence.is_some() {
            if std::mem::take(&mut story.guessed) {
                story.started = None;
            }
            story.completions += 1;
            story.status = match outcome {
                Outcome::Passed => StoryStatus::Passed,
                Outcome::Failed { .. } if story.status == StoryStatus::Passed => StoryStatus::Passed,
                Outcome::Failed { .. } => StoryStatus::Failed,
            };
            story.finished = (timing.recorded || update.live).then_some(timing);
            if self.current == Some(index) {
                self.current = None;
            }
        }
        let story = &self.stories[index];
        let (status, reason) = match outcome {
            Outcome::Passed => (EndStatus::Passed, None),
            Outcome::Failed { reason } => (EndStatus::Failed, Some(reason.clone())),
        };
        StoryCompleted {
            story_id: story.id(),
            title: title_for(story, update.fact),
            status,
            reason,
            duration_ms: measured,
            commits: commits.to_vec(),
            attempt: story.completions.max(1),
        }
    }

    pub(super) fn error(&mut self, index: Option<usize>, update: &FactUpdate<'_>, failure: &Failure) -> ErrorOccurred {
        let story_id = index.and_then(|index| self.stories[index].id());
        let state = ErrorState {
            error_type: failure.kind,
            error_message: failure.message.clone(),
            story_id: story_id.clone(),
            retryable: failure.retryable,
            at: timing_of(update).at,
            path: update.origin.path.to_string(),
            line: (update.fact.line > 0).then_some(update.fact.line),
        };
        let is_new = update.occurrence.is_some();
        if let Some(index) = index {
            let story = &mut self.stories[index];
            // Several files may report one error: a report that names its kind ranks first, then the file of higher authority.
            let rank = (failure.kind == ErrorKind::Unknown, update.origin.kind);
            if is_new || story.last_error.is_none() || story.error_rank.is_none_or(|known| rank < known) {
                if self.last_error.is_some() && self.last_error == story.last_error {
                    self.last_error = Some(state.clone());
                }
                story.last_error = Some(state.clone());
                story.error_rank = Some(rank);
            }
        }
        if is_new {
            self.errors += 1;
            self.last_error = Some(state);
        }
        ErrorOccurred {
            story_id,
            error_type: failure.kind,
            error_message: failure.message.clone(),
            retryable: failure.retryable,
            exit_code: failure.exit_code,
        }
    }

    pub(super) fn task_ended(&mut self, update: &FactUpdate<'_>, timing: Timing, passed: bool) -> TaskCompleted {
        let ending = if passed { EndStatus::Passed } else { EndStatus::Failed };
        if update.occurrence.is_some() {
            self.ended = Some((ending, timing.at));
            self.current = None;
            self.activity = None;
        }
        TaskCompleted {
            task_id: self.task_id.to_string(),
            status: ending,
            stories_passed: self.count(StoryStatus::Passed),
            stories_failed: self.count(StoryStatus::Failed),
            story_count: self.plan.as_ref().map(|plan| to_u32(plan.stories.len())),
            duration_ms: self.started.filter(|_| timing.recorded || update.live).and_then(|start| timing.since(start)),
            retries: self.retries(),
            errors: self.errors,
        }
    }
}

/// The plan's title, else the fact's own (an id may be used for two stories), else the best known one. A story without an id must have
/// a title: its line serves.
fn title_for(story: &Story, fact: &Fact) -> Option<String> {
    let own = fact.story.as_ref().and_then(|name| name.title.clone()).filter(|_| !story.in_plan);
    own.or_else(|| story.title().map(str::to_owned)).or_else(|| story.subject.id.is_none().then(|| fact.text.trim().to_owned()))
}
