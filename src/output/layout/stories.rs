//! The list of a task's stories: a pane of its own where the window is wide, part of the only pane once a run is over.

use crate::model::state::{StoryState, StoryStatus, TaskState};
use crate::output::text::duration;

use super::body::{Body, id_and_title};
use super::glyph::Glyphs;
use super::row::{Paint, Row};

/// One row a story, under the names of their groups.
pub(super) struct StoryList {
    rows: Vec<ListRow>,
}

struct ListRow {
    row: Row,
    is_heading: bool,
    /// The row that stays when not all fit.
    is_focus: bool,
}

impl StoryList {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// As many rows as there is room for, around the focus; the names of the groups go first. The first and the last row count what is
    /// left out.
    pub(super) fn window(&self, room: usize, glyphs: &Glyphs) -> Vec<Row> {
        let mut rows: Vec<&ListRow> = self.rows.iter().collect();
        if rows.len() > room {
            rows.retain(|row| !row.is_heading);
        }
        let all = rows.len();
        let focus = rows.iter().position(|row| row.is_focus).unwrap_or(0);
        let start = focus.saturating_sub(room / 2).min(all.saturating_sub(room));
        let mut shown: Vec<Row> = rows.iter().skip(start).take(room).map(|row| row.row.clone()).collect();
        // Two rows that count would hide what they stand beside.
        if room >= 4 {
            let count = |n: usize, wherever: &str| Row::blank().fixed(format!("{} {n} more {wherever}", glyphs.dot), Paint::Dim);
            if start > 0 {
                shown[0] = count(start + 1, "above");
            }
            let below = all.saturating_sub(start + room);
            if below > 0 {
                shown[room - 1] = count(below + 1, "below");
            }
        }
        shown
    }
}

impl Body<'_> {
    /// Every story of the task.
    pub(super) fn story_list(&self, task: &TaskState) -> StoryList {
        let mut list = StoryList { rows: Vec::new() };
        let mut group = None;
        let last_begun = task.stories.iter().rposition(|story| story.status != StoryStatus::Open);
        let focus = task.current_story.index().or(last_begun).filter(|_| !task.status.is_over() || task.stories_failed > 0);
        for (at, story) in task.stories.iter().enumerate() {
            if story.group.is_some() && story.group != group {
                group.clone_from(&story.group);
                list.rows.extend(task.groups.iter().find(|known| Some(&known.name) == group.as_ref()).map(|group| {
                    let fraction = format!("{}/{}", group.stories_passed, group.story_count);
                    let row = Row::blank().title(&group.name, Paint::Dim).right(fraction, Paint::Dim);
                    ListRow { row, is_heading: true, is_focus: false }
                }));
            }
            let is_focus = focus == Some(at);
            list.rows.push(ListRow { row: self.story(task, story, is_focus), is_heading: false, is_focus });
        }
        if !task.unplanned.is_empty() {
            // It stays where the names of the groups go: these are not the plan's.
            let row = Row::blank().title("Not in the plan, not counted", Paint::Dim);
            list.rows.push(ListRow { row, is_heading: false, is_focus: false });
        }
        for story in &task.unplanned {
            let is_focus = task.current().is_some_and(|current| std::ptr::eq(current, story));
            list.rows.push(ListRow { row: self.story(task, story, is_focus), is_heading: false, is_focus });
        }
        list
    }

    fn story(&self, task: &TaskState, story: &StoryState, is_current: bool) -> Row {
        let (sign, paint) = self.glyphs.story(story);
        let title = match story.status {
            StoryStatus::Passed | StoryStatus::Deferred | StoryStatus::Cancelled => Paint::Dim,
            StoryStatus::InProgress => Paint::Strong,
            StoryStatus::Open | StoryStatus::Failed | StoryStatus::Blocked => Paint::Plain,
        };
        let taken = match story.status {
            StoryStatus::InProgress if is_current && !task.status.is_over() => self.story_age(story).map(duration).unwrap_or_default(),
            StoryStatus::InProgress | StoryStatus::Open => String::new(),
            StoryStatus::Passed | StoryStatus::Failed => story.duration_ms.map(duration).unwrap_or_default(),
            StoryStatus::Blocked => "blocked".to_owned(),
            StoryStatus::Deferred => "deferred".to_owned(),
            StoryStatus::Cancelled => "cancelled".to_owned(),
        };
        id_and_title(Row::blank().fixed(format!("{sign} "), paint), story, "  ", title).right(taken, Paint::Dim)
    }
}
