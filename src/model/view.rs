//! The model as snapshots show it.

use crate::clock::Timestamp;
use crate::event::EndStatus;
use crate::fact::Precision;
use crate::model::TaskModel;
use crate::model::state::{Remaining, SourceState, StoryStatus, TaskState, TaskStatus};

impl TaskModel {
    /// This task's part of the snapshot. The estimator supplies `quiet` and `remaining`.
    pub fn view(&self, sources: Vec<SourceState>, quiet: bool, remaining: Remaining) -> TaskState {
        let story_count = self.plan.as_ref().map(|plan| super::to_u32(plan.stories.len())).filter(|count| *count > 0);
        let status = self.status(quiet);
        let stories_passed = self.count(StoryStatus::Passed);
        let percent = story_count.map(|count| {
            let percent = u64::from(stories_passed) * 100 / u64::from(count);
            // 100 only when the run has passed.
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
            started_at: self.started.filter(|timing| timing.precision != Precision::Day).map(|timing| timing.at),
            finished_at: self.ended.map(|(_, at)| at),
            last_activity_at: self.last_activity.as_ref().map(|(at, _)| *at),
            last_activity_path: self.last_activity.as_ref().map(|(_, path)| path.to_string()),
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
        self.has_events && self.ended.is_none()
    }

    fn status(&self, quiet: bool) -> TaskStatus {
        match self.ended {
            Some((EndStatus::Passed, _)) => TaskStatus::Passed,
            Some((EndStatus::Failed, _)) => TaskStatus::Failed,
            None if !self.has_events => TaskStatus::Waiting,
            None if quiet => TaskStatus::Quiet,
            None => TaskStatus::Running,
        }
    }

    /// The figures for the estimator.
    pub fn estimate_input(&self) -> EstimateInput {
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
        let has_current = self.current.is_some_and(|index| self.stories[index].status != StoryStatus::Passed);
        let current_since = self.current.and_then(|index| self.stories[index].started).map(|timing| timing.at);
        EstimateInput {
            durations_ms,
            stories_left: left,
            has_current,
            current_since,
            last_activity: self.last_activity.as_ref().map(|(at, _)| *at),
            ended: self.ended.is_some(),
        }
    }
}

/// What the estimator computes the remaining time and quiet from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EstimateInput {
    pub durations_ms: Vec<u64>,
    /// Stories of the plan that have not passed; `None` without a plan.
    pub stories_left: Option<usize>,
    /// Whether one of those is running.
    pub has_current: bool,
    pub current_since: Option<Timestamp>,
    pub last_activity: Option<Timestamp>,
    pub ended: bool,
}
