//! A row for every task, when there are several.

use crate::model::state::{Remaining, TaskState, TaskStatus};
use crate::output::text::{self, short_duration};

use super::body::{self, Body};
use super::row::{Paint, Row};

impl Body<'_> {
    /// A row for every task, the ones that need somebody first.
    pub(super) fn overview(&self, tasks: &[TaskState], height: usize) -> Vec<Row> {
        let statuses = [TaskStatus::Running, TaskStatus::Quiet, TaskStatus::Failed, TaskStatus::Waiting, TaskStatus::Passed];
        let counts = statuses.into_iter().filter_map(|status| {
            let n = tasks.iter().filter(|task| task.status == status).count();
            (n > 0).then(|| format!("{n} {}", self.glyphs.status(status).1.to_lowercase()))
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        let mut rows = vec![Row::blank().fixed(format!("{} tasks: ", tasks.len()), Paint::Strong).title(counts, Paint::Plain)];
        let mut order: Vec<&TaskState> = tasks.iter().collect();
        order.sort_by_key(|task| (need(task.status), std::cmp::Reverse(task.last_activity_at)));
        // A third of the screen: the rest is for the one that is shown whole.
        let shown = if tasks.len() <= height / 3 { tasks.len() } else { (height / 3).max(2) - 1 };
        let names = tasks.iter().map(|task| text::width(&task.task_name)).max().unwrap_or(0).min(self.columns / 4);
        for task in order.iter().take(shown) {
            let (sign, _, paint) = self.glyphs.status(task.status);
            let name = text::clean(&task.task_name, self.glyphs.charset);
            let name = text::truncate(&name, names, self.glyphs.charset);
            let pad = " ".repeat(names.saturating_sub(text::width(&name)));
            let mut row = Row::blank().fixed(format!("{sign} "), paint).fixed(format!("{name}{pad} "), Paint::Plain);
            if let Some(all) = task.story_count {
                if self.roomy() {
                    row = row.fixed(self.glyphs.bar(task.stories_passed as usize, all as usize, 10), paint);
                }
                row = row.fixed(format!(" {}/{all} ", task.stories_passed), Paint::Plain);
            }
            if let Some(story) = task.current_story.and_then(|at| task.stories.get(at)) {
                // Where it is narrow, the word at the end says more than a title.
                row = match &story.story_id {
                    Some(id) if self.columns < 70 => row.fixed(" ", Paint::Plain).title(id, Paint::Plain),
                    Some(_) | None => body::name(row.fixed(" ", Paint::Plain), story),
                };
            }
            rows.push(row.right(self.outlook(task), paint));
        }
        if shown < tasks.len() {
            rows.push(Row::blank().fixed(format!("+{} more", tasks.len() - shown), Paint::Dim));
        }
        rows
    }

    /// The few words at the end of a task's row.
    fn outlook(&self, task: &TaskState) -> String {
        match task.status {
            TaskStatus::Running => match task.remaining {
                Remaining::Range { median_secs, .. } => format!("~{} left", short_duration(median_secs * 1000)),
                Remaining::LongerThanUsual { .. } | Remaining::Unknown { .. } => String::new(),
            },
            TaskStatus::Quiet => match task.last_activity_at.and_then(|at| self.scene.now.since(at)) {
                Some(age) => format!("QUIET {}", short_duration(age)),
                None => "QUIET".to_owned(),
            },
            TaskStatus::Waiting | TaskStatus::Passed | TaskStatus::Failed => self.glyphs.status(task.status).1.to_owned(),
        }
    }
}

/// The place in the list of tasks.
fn need(status: TaskStatus) -> u8 {
    match status {
        TaskStatus::Quiet => 0,
        TaskStatus::Failed => 1,
        TaskStatus::Running => 2,
        TaskStatus::Waiting => 3,
        TaskStatus::Passed => 4,
    }
}
