//! What each kind of fact does to the state, and the data of the event it makes when it is news.

use crate::event::{AcCompleted, Ending, ErrorOccurred, StoryCompleted, StoryStarted, TaskCompleted, TaskStarted};
use crate::fact::{Criterion, ErrorKind, Fact, Failure, Outcome, Precision, Provenance};
use crate::format::SourceKind;
use crate::model::state::{ErrorState, StoryStatus};
use crate::model::story::{Known, Mark, Story};
use crate::model::{Task, Told, is_in, mark_of, sharpened, small};

impl Task {
    pub(super) fn task_started(&self, description: Option<&str>, story_count: Option<u32>, estimated_secs: Option<u64>) -> TaskStarted {
        let plan = self.plan.as_ref();
        TaskStarted {
            task_id: self.task_id.to_string(),
            task_name: self.task_name().to_owned(),
            story_count: plan.map(|plan| small(plan.stories.len())).or(story_count),
            estimated_duration: plan.and_then(|plan| plan.estimated_secs).or(estimated_secs),
            branch: self.branch.clone(),
            description: plan.and_then(|plan| plan.description.clone()).or_else(|| description.map(str::to_owned)),
        }
    }

    pub(super) fn story_started(
        &mut self,
        place: usize,
        told: &Told<'_>,
        mark: Mark,
        iteration: Option<u32>,
        priority: Option<i64>,
        criteria: &[String],
    ) -> StoryStarted {
        if iteration.is_some() {
            self.iteration.0 = iteration;
        }
        let news = told.occurrence.is_some();
        let guess = told.fact.provenance == Provenance::Inferred;
        if !guess && told.live {
            self.take_back_guess(place);
        }
        let story = &mut self.stories[place];
        story.priority = story.priority.or(priority);
        if story.criteria.is_empty() {
            for (index, text) in criteria.iter().enumerate() {
                story.criterion(small(index), Some(text));
            }
        }
        if news {
            story.starts += 1;
            if story.status != StoryStatus::Passed {
                story.status = StoryStatus::Running;
            }
            // A start that is only implied by its end says nothing about when it was.
            let says_when = told.fact.provenance != Provenance::Derived && (mark.recorded || told.live);
            let seen = sharpened(mark, told);
            // A record that names only the minute may seem to lie before the run's own start.
            let begun = self.started.filter(|run| seen.precision == Precision::Minute && run.recorded && seen.at < run.at);
            story.started = says_when.then_some(begun.unwrap_or(seen));
            story.seen = told.live.then_some(told.now);
            story.guessed = guess;
            self.guess = guess.then(|| story.subject.key.clone()).or(self.guess.take());
            self.current = Some(place);
            self.ended = None;
        } else if story.guessed && !guess && told.live && story.ends < story.starts {
            // What was guessed is now said.
            story.guessed = false;
            story.status = StoryStatus::Running;
            story.started = Some(sharpened(mark, told));
            story.seen = Some(told.now);
            self.current = Some(place);
        } else if mark.recorded
            && told.fact.provenance == Provenance::Explicit
            && story.ends < story.starts
            && !story.started.is_some_and(|known| is_in(known, mark))
        {
            story.started = Some(mark);
        }
        let story = &self.stories[place];
        let texts: Vec<String> = story.criteria.iter().map(|criterion| criterion.text.clone()).collect();
        StoryStarted {
            story_id: story.id(),
            title: titled(story, told.fact),
            ac_count: (!texts.is_empty()).then(|| small(texts.len())),
            acceptance_criteria: texts,
            priority: story.priority,
            attempt: story.ends + 1,
            iteration,
        }
    }

    /// Another story may be said to be under way than was guessed.
    fn take_back_guess(&mut self, said: usize) {
        let Some(place) = self.guess.take().and_then(|key| self.places.get(&key).copied()) else { return };
        let story = &mut self.stories[place];
        if place != said && story.guessed && story.status == StoryStatus::Running {
            story.status = StoryStatus::Pending;
            story.started = None;
        }
    }

    pub(super) fn criterion_done(
        &mut self,
        place: usize,
        told: &Told<'_>,
        written: &Criterion,
        duration_ms: Option<u64>,
    ) -> Option<AcCompleted> {
        let index = told.criterion?;
        let story = &mut self.stories[place];
        // An entry's stamp is the entry's, not its criteria's: only what was seen tells how long one took.
        let took = duration_ms.or_else(|| story.seen.filter(|_| told.timed).and_then(|seen| told.now.since(seen)).filter(|took| *took > 0));
        if told.live {
            story.seen = Some(told.now);
        }
        let criterion = story.criterion(index, written.text.as_deref());
        if !criterion.done || criterion.provenance < Some(told.fact.provenance) {
            criterion.provenance = Some(told.fact.provenance);
        }
        criterion.done = true;
        criterion.duration_ms = criterion.duration_ms.or(took);
        let text = criterion.text.clone();
        let story_id = story.id();
        Some(AcCompleted {
            title: if story_id.is_none() { titled(story, told.fact) } else { None },
            story_id,
            ac_index: index,
            ac_text: (!text.is_empty()).then_some(text),
            duration_ms: took,
        })
    }

    pub(super) fn story_ended(
        &mut self,
        place: usize,
        told: &Told<'_>,
        mark: Mark,
        outcome: &Outcome,
        duration_ms: Option<u64>,
        commits: &[String],
    ) -> StoryCompleted {
        let story = &mut self.stories[place];
        // Nobody knows how long it took when its start was a guess.
        let started = story.started.filter(|_| !story.guessed);
        let timed = duration_ms.or_else(|| started.and_then(|start| mark.since(start)));
        let provenance = if duration_ms.is_some() { told.fact.provenance } else { Provenance::Inferred };
        if told.occurrence.is_some() {
            story.duration_ms = None;
        }
        Known::learn(&mut story.duration_ms, timed, provenance, told.origin.kind);
        for commit in commits {
            if !story.commits.contains(commit) {
                story.commits.push(commit.clone());
            }
        }
        if told.origin.kind != SourceKind::Plan {
            story.log_says = Some((outcome.clone(), told.origin.path.to_string()));
        }
        if told.occurrence.is_some() {
            if std::mem::take(&mut story.guessed) {
                story.started = None;
            }
            story.ends += 1;
            story.status = match outcome {
                Outcome::Passed => StoryStatus::Passed,
                Outcome::Failed { .. } if story.status == StoryStatus::Passed => StoryStatus::Passed,
                Outcome::Failed { .. } => StoryStatus::Failed,
            };
            story.finished = (mark.recorded || told.live).then_some(mark);
            if self.current == Some(place) {
                self.current = None;
            }
        }
        let story = &self.stories[place];
        let (status, reason) = match outcome {
            Outcome::Passed => (Ending::Passed, None),
            Outcome::Failed { reason } => (Ending::Failed, Some(reason.clone())),
        };
        StoryCompleted {
            story_id: story.id(),
            title: titled(story, told.fact),
            status,
            reason,
            duration_ms: timed,
            commits: commits.to_vec(),
            attempt: story.ends.max(1),
        }
    }

    pub(super) fn error(&mut self, place: Option<usize>, told: &Told<'_>, failure: &Failure) -> ErrorOccurred {
        let story_id = place.and_then(|place| self.stories[place].id());
        let state = ErrorState {
            error_type: failure.kind,
            error_message: failure.message.clone(),
            story_id: story_id.clone(),
            retryable: failure.retryable,
            at: mark_of(told).at,
            path: told.origin.path.to_string(),
            line: (told.fact.line > 0).then_some(told.fact.line),
        };
        let news = told.occurrence.is_some();
        if let Some(place) = place {
            let story = &mut self.stories[place];
            // Several files tell of one error: the one that knows what kind it is knows best, then the most trusted.
            let worth = (failure.kind == ErrorKind::Unknown, told.origin.kind);
            if news || story.last_error.is_none() || story.error_worth.is_none_or(|known| worth < known) {
                if self.last_error.is_some() && self.last_error == story.last_error {
                    self.last_error = Some(state.clone());
                }
                story.last_error = Some(state.clone());
                story.error_worth = Some(worth);
            }
        }
        if news {
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

    pub(super) fn task_ended(&mut self, told: &Told<'_>, mark: Mark, passed: bool) -> TaskCompleted {
        let ending = if passed { Ending::Passed } else { Ending::Failed };
        if told.occurrence.is_some() {
            self.ended = Some((ending, mark.at));
            self.current = None;
            self.activity = None;
        }
        TaskCompleted {
            task_id: self.task_id.to_string(),
            status: ending,
            stories_passed: self.count(StoryStatus::Passed),
            stories_failed: self.count(StoryStatus::Failed),
            story_count: self.plan.as_ref().map(|plan| small(plan.stories.len())),
            duration_ms: self.started.filter(|_| mark.recorded || told.live).and_then(|start| mark.since(start)),
            retries: self.retries(),
            errors: self.errors,
        }
    }
}

/// The plan's title, else the fact's own (an id may be used for two stories), else the best one known; a story without an id must have
/// one, and its heading serves.
fn titled(story: &Story, fact: &Fact) -> Option<String> {
    let own = fact.story.as_ref().and_then(|name| name.title.clone()).filter(|_| !story.in_plan);
    own.or_else(|| story.title().map(str::to_owned)).or_else(|| story.subject.id.is_none().then(|| fact.text.trim().to_owned()))
}
