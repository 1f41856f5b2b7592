//! A row for every task, when there are several.

use std::cmp::Reverse;

use crate::model::state::{Headline, Remaining, TaskState, Unlisted};
use crate::output::text::{self, short_duration};

use super::body::{self, Body};
use super::row::{Paint, Row};

/// The listed tasks, the ones that need somebody first; among equals the one that moved last. The first one is shown whole.
pub(super) fn ordered(tasks: &[TaskState]) -> Vec<&TaskState> {
    let mut order: Vec<&TaskState> = tasks.iter().filter(|task| task.listed).collect();
    if order.is_empty() {
        // Nothing has moved for a day: what there is is better than an empty box.
        order = tasks.iter().collect();
    }
    order.sort_by_key(|task| (task.headline().rank(), Reverse(task.last_activity_at)));
    order
}

impl Body<'_> {
    /// The counts, and a row for every task.
    pub(super) fn overview(&self, tasks: &[&TaskState], unlisted: Option<Unlisted>, height: usize) -> Vec<Row> {
        let counts = Headline::ALL.into_iter().filter_map(|headline| {
            let n = tasks.iter().filter(|task| task.headline() == headline).count();
            (n > 0).then(|| format!("{n} {}", headline.word()))
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        let beyond = unlisted.map(|unlisted| {
            let kinds = [(unlisted.finished, "finished"), (unlisted.planned, "planned"), (unlisted.left_out, "more")];
            let words: Vec<String> = kinds.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
            format!("{} not shown", words.join(", "))
        });
        let mut rows = vec![
            Row::blank()
                .fixed(format!("{}: ", text::count(tasks.len() as u64, "task", "tasks")), Paint::Strong)
                .title(counts, Paint::Plain)
                .right(beyond.unwrap_or_default(), Paint::Dim),
        ];
        if tasks.len() == 1 {
            return rows;
        }
        // A quarter of the screen: the rest is for the one that is shown whole.
        let shown = if tasks.len() <= height / 4 { tasks.len() } else { (height / 4).max(2) - 1 };
        let widest = self.columns * 3 / 10;
        let names: Vec<String> = tasks.iter().map(|task| self.name(task, widest)).collect();
        let widest = names.iter().map(|name| text::width(name)).max().unwrap_or(0);
        let fraction = |task: &TaskState| task.story_count.map(|all| format!("{}/{all}", task.stories_passed)).unwrap_or_default();
        let longest = tasks.iter().map(|task| fraction(task).len()).max().unwrap_or(0);
        let cells = if self.columns < 70 { 6 } else { 10 };
        for (task, name) in tasks.iter().zip(&names).take(shown) {
            let (sign, paint) = self.glyphs.headline(task.headline());
            let pad = " ".repeat(widest.saturating_sub(text::width(name)));
            let mut row = Row::blank().fixed(format!("{sign} "), paint).fixed(format!("{name}{pad} "), Paint::Plain);
            if let Some(all) = task.story_count {
                if self.is_roomy() {
                    row = row.fixed(self.glyphs.bar(task.stories_passed as usize, all as usize, cells), paint);
                }
                row = row.fixed(format!(" {:<longest$} ", fraction(task)), Paint::Plain);
            }
            if let Some(story) = task.current().filter(|_| !task.status.is_over()) {
                // Where it is narrow, the word at the end says more than a title.
                row = match &story.story_id {
                    Some(id) if self.columns < 70 => row.fixed(" ", Paint::Plain).title(id, Paint::Plain),
                    Some(_) | None => body::id_and_title(row.fixed(" ", Paint::Plain), story, " - ", Paint::Plain),
                };
            }
            rows.push(row.right(self.outlook(task), paint));
        }
        if shown < tasks.len() {
            rows.push(Row::blank().fixed(format!("+{} more", tasks.len() - shown), Paint::Dim));
        }
        rows
    }

    /// The name in at most `room` columns; what tells it from others of the same name is cut last.
    fn name(&self, task: &TaskState, room: usize) -> String {
        let charset = self.glyphs.charset;
        let name = text::clean(&task.task_name, charset);
        let qualifier = task.qualifier.as_deref().map(|qualifier| text::clean(qualifier, charset));
        let Some(qualifier) = qualifier else { return text::truncate(&name, room, charset).into_owned() };
        let left = room.saturating_sub(text::width(&qualifier) + " ()".len());
        if left < 3 {
            return text::truncate(&qualifier, room, charset).into_owned();
        }
        format!("{} ({qualifier})", text::truncate(&name, left, charset))
    }

    /// The few words at the end of a task's row.
    fn outlook(&self, task: &TaskState) -> String {
        let headline = task.headline();
        match headline {
            Headline::Running => match task.remaining {
                Remaining::Range { p90, rough: true, .. } => format!("under {} left", short_duration(p90 * 1000)),
                Remaining::Range { p50, .. } => format!("{} left", text::estimate(p50)),
                Remaining::LongerThanUsual { .. } => "longer than usual".to_owned(),
                Remaining::Unknown { .. } | Remaining::None { .. } => String::new(),
            },
            Headline::Quiet => match task.last_activity_at.and_then(|at| self.scene.shown_time().since(at)) {
                Some(age) => format!("QUIET for {}", short_duration(age)),
                None => "QUIET".to_owned(),
            },
            Headline::Passed | Headline::Failed | Headline::Ended => match task.finished_at {
                Some(at) if self.is_roomy() => format!("{} {}", body::status_word(headline), self.clock(at)),
                Some(_) | None => body::status_word(headline),
            },
            Headline::Waiting => "WAITING".to_owned(),
            Headline::NeedsYou | Headline::Planned => body::status_word(headline),
        }
    }
}
