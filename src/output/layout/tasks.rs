//! A row for every task, when there are several.

use crate::model::state::{Headline, Remaining, TaskState};
use crate::output::text::{self, short_duration};

use super::body::{self, Body};
use super::row::{Paint, Row};

impl Body<'_> {
    /// A row for every task, the ones that need somebody first.
    pub(super) fn overview(&self, tasks: &[TaskState], height: usize) -> Vec<Row> {
        let headlines = [
            Headline::NeedsYou,
            Headline::Running,
            Headline::Quiet,
            Headline::Failed,
            Headline::Ended,
            Headline::Waiting,
            Headline::Planned,
            Headline::Passed,
        ];
        let counts = headlines.into_iter().filter_map(|headline| {
            let n = tasks.iter().filter(|task| task.headline() == headline).count();
            (n > 0).then(|| format!("{n} {}", headline.word()))
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        let mut rows = vec![Row::blank().fixed(format!("{} tasks: ", tasks.len()), Paint::Strong).title(counts, Paint::Plain)];
        let mut order: Vec<&TaskState> = tasks.iter().collect();
        order.sort_by_key(|task| (need(task.headline()), std::cmp::Reverse(task.last_activity_at)));
        // A third of the screen: the rest is for the one that is shown whole.
        let shown = if tasks.len() <= height / 3 { tasks.len() } else { (height / 3).max(2) - 1 };
        let names = tasks.iter().map(|task| text::width(&task.task_name)).max().unwrap_or(0).min(self.columns / 4);
        for task in order.iter().take(shown) {
            let (sign, _, paint) = self.glyphs.status(task.headline());
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
            if let Some(story) = task.current() {
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
        match task.headline() {
            Headline::Running => match task.remaining {
                Remaining::Range { p50, .. } => format!("~{} left", short_duration(p50 * 1000)),
                Remaining::LongerThanUsual { .. } | Remaining::Unknown { .. } | Remaining::None { .. } => String::new(),
            },
            Headline::Quiet => match task.last_activity_at.and_then(|at| self.scene.now.since(at)) {
                Some(age) => format!("QUIET {}", short_duration(age)),
                None => "QUIET".to_owned(),
            },
            headline => self.glyphs.status(headline).1.to_owned(),
        }
    }
}

/// The place in the list of tasks.
fn need(headline: Headline) -> Option<usize> {
    Headline::ALL.iter().position(|other| *other == headline)
}
