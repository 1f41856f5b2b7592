//! The model as snapshots show it.

use crate::clock::Timestamp;
use crate::event::TimestampSource;
use crate::fact::{Outcome, Precision, Provenance};
use crate::model::TaskModel;
use crate::model::agent::AgentState;
use crate::model::attempt::Attempt;
use crate::model::state::{
    AttemptResult, AttemptState, Attention, CriterionState, CriterionStatus, CurrentStory, Disagreement, FirstGuess, GroupState, LeftOut,
    Remaining, SourceState, SourceStatement, StoryState, StoryStatus, TaskState, TaskStatus, UsualStory,
};
use crate::model::story::{Story, shown};
use crate::model::timed::Ends;
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
    pub agents: Vec<AgentState>,
    pub attention: Option<Attention>,
    pub remaining: Remaining,
    pub first_guess: Option<FirstGuess>,
    pub usual_story: Option<UsualStory>,
    pub listed: bool,
}

impl TaskModel {
    /// This task's part of the snapshot.
    pub fn view(&self, input: ViewInput, now: Timestamp) -> TaskState {
        let status = self.status();
        let stories_passed = self.count(&[StoryStatus::Passed]);
        let story_count = self.story_count();
        let percent = story_count.map(|count| {
            let percent = u64::from(stories_passed) * 100 / u64::from(count);
            // 100 only when the run has passed.
            let percent = if status == TaskStatus::Passed { 100 } else { percent.min(99) };
            u8::try_from(percent).unwrap_or(100)
        });
        let end = self.end.as_ref().filter(|end| end.dated);
        let started_at = self.started_at();
        let (stories, unplanned) = self.story_states(now);
        let ViewInput { folder, sources, agents, attention, remaining, first_guess, usual_story, listed } = input;
        TaskState {
            task_id: self.task_id.clone().into(),
            task_name: self.task_name().into(),
            qualifier: None,
            folder,
            run: self.run.clone().into(),
            branch: self.branch.clone(),
            listed,
            status,
            attention: attention.filter(|_| status == TaskStatus::Running),
            end_reason: self.end.as_ref().and_then(|end| end.reason.clone()),
            started_at,
            started_precision: self.started.filter(|_| started_at.is_some()).and_then(|start| shown(start.precision)),
            started_source: self
                .started
                .filter(|_| started_at.is_some())
                .map(|start| if start.recorded { TimestampSource::Record } else { TimestampSource::Observed }),
            finished_at: self.end.as_ref().map(|end| end.timing.at),
            finished_precision: self.end.as_ref().and_then(|end| shown(end.timing.precision)),
            duration_ms: end.and_then(|end| end.timing.since(self.started?)),
            last_activity_at: self.last_activity.as_ref().map(|(at, _)| *at),
            last_activity_path: self.last_activity.as_ref().map(|(_, path)| path.clone().into()),
            story_count,
            stories_passed,
            stories_failed: self.count(&[StoryStatus::Failed]),
            stories_blocked: self.count(&[StoryStatus::Blocked]),
            stories_dropped: self.count(&[StoryStatus::Deferred, StoryStatus::Cancelled]),
            percent,
            plan_change: self.plan_change.clone(),
            groups: self.groups(),
            stories,
            unplanned,
            current_story: self.current_story(status),
            terminal_line: self.terminal_line.clone(),
            iteration: self.iteration.0,
            max_iterations: self.iteration.1,
            agents,
            remaining,
            first_guess,
            usual_story,
            history: self.history(),
            runs: self.runs.clone(),
            errors: self.errors,
            retries: self.retries(),
            last_error: self.last_error.clone(),
            sources,
        }
    }

    /// Whether there is a plan, or anything has been read of a run.
    pub fn has_content(&self) -> bool {
        self.status() != TaskStatus::Waiting
    }

    /// Whether a run is under way.
    pub fn is_running(&self) -> bool {
        self.status() == TaskStatus::Running
    }

    pub(super) fn status(&self) -> TaskStatus {
        match &self.end {
            Some(end) => end.status,
            None if self.begun && (self.has_events || self.plan.is_some()) => TaskStatus::Running,
            None if self.plan.as_ref().is_some_and(|plan| !plan.stories.is_empty()) => TaskStatus::Planned,
            None => TaskStatus::Waiting,
        }
    }

    /// First trusted time of the run: a time exact to the day says nothing, nor does one that lies behind the end.
    pub(super) fn started_at(&self) -> Option<Timestamp> {
        let start = self.started.filter(|start| start.precision != Precision::Day)?;
        let end = self.end.as_ref().filter(|end| end.dated);
        match end {
            Some(end) if end.timing.at < start.at => None,
            Some(_) | None => Some(start.at),
        }
    }

    fn current_story(&self, status: TaskStatus) -> CurrentStory {
        if status != TaskStatus::Running {
            return CurrentStory::None;
        }
        if let Some(index) = self.current() {
            let provenance = self.stories[index].open_attempt().map_or(Provenance::Derived, |attempt| attempt.provenance);
            // The stories of the plan stand first.
            return match index.checked_sub(self.counted().count()) {
                Some(index) => CurrentStory::Unplanned { index, provenance },
                None => CurrentStory::Known { index, provenance },
            };
        }
        if self.story_count().is_some() && !self.counted().any(|story| matches!(story.status(), StoryStatus::Open | StoryStatus::Failed)) {
            return CurrentStory::None;
        }
        let last = self.stories.iter().filter_map(|story| Some((story.finished()?.at, story))).max_by_key(|(at, _)| *at);
        let name = last.and_then(|(_, story)| story.subject.id.as_deref().or(story.title().map(|title| &**title)));
        CurrentStory::Unknown {
            reason: match name {
                Some(name) => format!("nothing says what is under way since {name} ended").into(),
                None => "nothing says what is under way".into(),
            },
        }
    }

    fn groups(&self) -> Vec<GroupState> {
        let mut groups: Vec<GroupState> = Vec::new();
        for story in self.stories.iter().filter(|story| story.in_plan) {
            let Some(name) = &story.group else { continue };
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
    fn story_states(&self, now: Timestamp) -> (Vec<StoryState>, Vec<StoryState>) {
        let (ends, plan) = (Ends::of(self), self.plan_path());
        let mut room = DETAIL_LIMIT;
        let mut states = Vec::with_capacity(self.stories.len());
        for story in &self.stories {
            let mut state = story.view(&ends, plan);
            let is_recent = story.changed_at.is_some_and(|at| now.since(at).is_none_or(|ago| ago < RECENT));
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
        let unplanned = states.split_off(self.counted().count());
        (states, unplanned)
    }

    /// The plan's file, as disagreements name it.
    fn plan_path(&self) -> &str {
        self.plan_path.as_deref().unwrap_or("the plan")
    }
}

impl Story {
    fn view(&self, ends: &Ends, plan: &str) -> StoryState {
        let status = self.status();
        let criteria: Vec<CriterionState> = self
            .criteria
            .iter()
            .map(|criterion| match status {
                StoryStatus::Passed if !criterion.is_done() => {
                    CriterionState { status: CriterionStatus::Done, provenance: Some(Provenance::Inferred), ..criterion.clone() }
                }
                _ => criterion.clone(),
            })
            .collect();
        let (count, done) = (super::to_u32(criteria.len()), super::to_u32(criteria.iter().filter(|criterion| criterion.is_done()).count()));
        let duration = self.ended_attempt().and_then(|attempt| ends.duration(attempt));
        StoryState {
            story_id: self.id(),
            title: self.title().cloned(),
            status,
            status_reason: self.status_reason(),
            provenance: match (&self.hold, status) {
                (Some(_), _) => Some(Provenance::Explicit),
                (None, StoryStatus::Open) => None,
                (None, _) => self.provenance,
            },
            in_plan: self.in_plan,
            group: self.group.clone(),
            priority: self.priority,
            attempt_count: self.attempt_count(),
            attempts: self.attempts.iter().zip(self.dropped_attempts + 1..).map(|(attempt, n)| attempt.view(n)).collect(),
            started_at: self.started().map(|timing| timing.at),
            started_precision: self.started().and_then(|timing| shown(timing.precision)),
            finished_at: self.finished().map(|timing| timing.at),
            finished_precision: self.finished().and_then(|timing| shown(timing.precision)),
            duration_ms: duration.map(|(ms, _)| ms),
            duration_provenance: duration.map(|(_, provenance)| provenance),
            reopened_at: self.reopened_at,
            added_at: self.added_at,
            changed_at: self.changed_at,
            commits: self.commits.clone(),
            criteria_count: count,
            criteria_done: done,
            percent: (done * 100).checked_div(count).and_then(|percent| u8::try_from(percent).ok()),
            criteria,
            last_error: self.last_error.clone(),
            disagreement: self.disagreement(plan),
            left_out: None,
        }
    }

    fn status_reason(&self) -> Option<CleanText> {
        match &self.hold {
            Some(hold) => hold.reason.clone(),
            None if self.fact_status == StoryStatus::Failed => self.ended_attempt()?.reason.clone(),
            None => None,
        }
    }

    /// What a log and the plan contradict each other about.
    fn disagreement(&self, plan: &str) -> Option<Disagreement> {
        let (outcome, log) = self.log_outcome.as_ref()?;
        let plan_status = match (outcome, self.plan_status?) {
            (Outcome::Passed, PlanStatus::Open | PlanStatus::InProgress) => "open",
            (Outcome::Passed, PlanStatus::Failed) => "failed",
            (Outcome::Passed, PlanStatus::Blocked) => "blocked",
            (Outcome::Passed, PlanStatus::Deferred) => "deferred",
            (Outcome::Passed, PlanStatus::Cancelled) => "cancelled",
            (Outcome::Failed { .. }, PlanStatus::Passed) => "passed",
            (Outcome::Passed, PlanStatus::Passed) | (Outcome::Failed { .. }, _) => return None,
        };
        let plan = SourceStatement { path: plan.into(), line: None, text: None, status: plan_status.into() };
        let text = format!("{} says {}, {} calls it {plan_status}", log.path, log.status, plan.path);
        let follows_log = self.hold.is_none() && *outcome == Outcome::Passed && self.fact_status == StoryStatus::Passed;
        let (holds, loses) = if follows_log { (log.clone(), plan) } else { (plan, log.clone()) };
        Some(Disagreement { text: text.into(), holds, loses })
    }
}

impl Attempt {
    fn view(&self, n: u32) -> AttemptState {
        AttemptState {
            n,
            started_at: self.started.map(|timing| timing.at),
            ended_at: self.ended.map(|timing| timing.at).filter(|_| self.result != AttemptResult::InProgress),
            result: self.result,
            reason: self.reason.clone(),
            path: Some(self.path.clone()).filter(|path| !path.is_empty()),
            line: self.line,
            precision: self.precision().and_then(shown),
            provenance: self.provenance,
        }
    }
}
