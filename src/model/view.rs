//! The model as screens see it.

use crate::clock::Timestamp;
use crate::event::Ending;
use crate::fact::Precision;
use crate::model::Task;
use crate::model::state::{Remaining, SourceState, StoryStatus, TaskState, TaskStatus};

impl Task {
    /// This task's part of the snapshot. `quiet` and `remaining` are the estimator's words.
    pub fn view(&self, sources: Vec<SourceState>, quiet: bool, remaining: Remaining) -> TaskState {
        let story_count = self.plan.as_ref().map(|plan| super::small(plan.stories.len())).filter(|count| *count > 0);
        let status = self.status(quiet);
        let stories_passed = self.count(StoryStatus::Passed);
        let percent = story_count.map(|count| {
            let percent = u64::from(stories_passed) * 100 / u64::from(count);
            // 100 is said only when the run has passed.
            let percent = if status == TaskStatus::Passed { 100 } else { percent.min(99) };
            u8::try_from(percent).unwrap_or(100)
        });
        TaskState {
            task_id: self.task_id.to_string(),
            task_name: self.task_name().to_owned(),
            run: self.run.to_string(),
            branch: self.branch.clone(),
            status,
            stories: self.stories.iter().map(super::Story::view).collect(),
            story_count,
            stories_passed,
            stories_failed: self.count(StoryStatus::Failed),
            percent,
            current_story: self.current,
            activity: self.activity.clone(),
            iteration: self.iteration.0,
            max_iterations: self.iteration.1,
            started_at: self.started.filter(|mark| mark.precision != Precision::Day).map(|mark| mark.at),
            finished_at: self.ended.map(|(_, at)| at),
            last_activity_at: self.moved.as_ref().map(|(at, _)| *at),
            last_activity_path: self.moved.as_ref().map(|(_, path)| path.to_string()),
            remaining,
            errors: self.errors,
            retries: self.retries(),
            last_error: self.last_error.clone(),
            plan_change: self.plan_change.clone(),
            sources,
        }
    }

    /// Whether a run is under way.
    pub fn is_running(&self) -> bool {
        self.anything && self.ended.is_none()
    }

    fn status(&self, quiet: bool) -> TaskStatus {
        match self.ended {
            Some((Ending::Passed, _)) => TaskStatus::Passed,
            Some((Ending::Failed, _)) => TaskStatus::Failed,
            None if !self.anything => TaskStatus::Waiting,
            None if quiet => TaskStatus::Quiet,
            None => TaskStatus::Running,
        }
    }

    /// What the estimator goes by: durations of finished stories (ms), stories left, when the current one started.
    pub fn pace(&self) -> Pace {
        let durations_ms = self
            .stories
            .iter()
            .filter(|s| s.status == StoryStatus::Passed)
            .filter_map(|s| s.duration_ms.as_ref().map(|k| k.value))
            .collect();
        let left = self.plan.as_ref().map(|plan| {
            let passed = self.stories.iter().filter(|story| story.in_plan && story.status == StoryStatus::Passed).count();
            plan.stories.len().saturating_sub(passed)
        });
        let has_current = self.current.is_some_and(|place| self.stories[place].status != StoryStatus::Passed);
        let current_since = self.current.and_then(|place| self.stories[place].started).map(|mark| mark.at);
        Pace {
            durations_ms,
            left,
            has_current,
            current_since,
            moved_at: self.moved.as_ref().map(|(at, _)| *at),
            over: self.ended.is_some(),
        }
    }
}

/// The figures that remaining time and quiet are estimated from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pace {
    pub durations_ms: Vec<u64>,
    /// Stories of the plan not passed yet; `None` without a plan.
    pub left: Option<usize>,
    /// Whether one of those is being worked on.
    pub has_current: bool,
    pub current_since: Option<Timestamp>,
    pub moved_at: Option<Timestamp>,
    pub over: bool,
}
