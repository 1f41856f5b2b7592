//! What the rows say, for every state of a task. A list of several tasks is `tasks`'s.

use crate::clock::Timestamp;
use crate::event::EndStatus;
use crate::fact::Provenance;
use crate::model::state::{CriterionState, ErrorState, Headline, Remaining, SourceCondition, State, StoryState, StoryStatus, TaskState};
use crate::output::text::{self, count, duration, short_duration};

use super::glyph::Glyphs;
use super::row::{Paint, Row};
use super::{Canvas, Detail, FRAMED_FROM, Scene};

pub(super) struct Body<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) detail: &'a Detail,
    pub(super) glyphs: &'static Glyphs,
    /// Inside the frame.
    pub(super) columns: usize,
}

impl Body<'_> {
    pub(super) fn sections(&self, state: &State, height: usize) -> Vec<Vec<Row>> {
        let Some(task) = busiest(&state.tasks) else {
            let row = Row::blank().title("Nothing is being watched yet.", Paint::Plain);
            return vec![vec![row], self.footer(None)];
        };
        let mut sections = Vec::new();
        if state.tasks.len() > 1 && self.detail.rules {
            sections.push(self.overview(&state.tasks, height));
        }
        sections.push(self.head(task));
        sections.push(match task.headline() {
            Headline::Waiting | Headline::Planned => self.waiting(task),
            Headline::Running | Headline::Quiet | Headline::NeedsYou => self.running(task),
            Headline::Passed => self.ended(task, EndStatus::Passed),
            Headline::Failed | Headline::Ended => self.ended(task, EndStatus::Failed),
        });
        sections.push(self.footer(Some(task)));
        sections
    }

    pub(super) fn roomy(&self) -> bool {
        // A frame takes four columns; at the threshold the labels stay whether there is one or not.
        self.columns + 4 >= FRAMED_FROM
    }

    /// `roomy` where there is room for labels, else nothing.
    fn label(&self, roomy: &'static str) -> &'static str {
        if self.roomy() { roomy } else { "" }
    }

    fn head(&self, task: &TaskState) -> Vec<Row> {
        let (sign, word, paint) = self.glyphs.status(task.headline());
        let mut rows = vec![
            Row::blank()
                .fixed(self.label("Task: "), Paint::Dim)
                .title(&task.task_name, Paint::Strong)
                .right(format!("{sign} {word}"), paint),
        ];
        let noun = if self.roomy() { " stories" } else { "" };
        let failed = if task.stories_failed > 0 { format!(", {} failed", task.stories_failed) } else { String::new() };
        let row = Row::blank().fixed(self.label("Progress: "), Paint::Dim);
        rows.extend(match task.story_count {
            Some(all) => {
                let fraction = format!(" {}/{all}{noun}", task.stories_passed);
                let percent = task.percent.map(|percent| format!("{percent}%")).unwrap_or_default();
                let words = self.label("Progress: ").len() + "[]".len() + fraction.len() + failed.len() + "  ".len() + percent.len();
                let cells = self.columns.saturating_sub(words).clamp(4, self.columns * 2 / 5 + if self.roomy() { 0 } else { 4 });
                let bar = self.glyphs.bar(task.stories_passed as usize, all as usize, cells);
                let row = row.fixed(bar, paint).fixed(fraction, Paint::Plain);
                Some(row.title(failed, Paint::Bad).right(percent, Paint::Strong))
            }
            None if task.headline() == Headline::Waiting => None,
            None => {
                let done = count(task.stories_passed, "story", "stories");
                Some(row.fixed(format!("{done} done"), Paint::Plain).title(failed, Paint::Bad))
            }
        });
        rows
    }

    fn waiting(&self, task: &TaskState) -> Vec<Row> {
        let mut rows = self.spacer();
        if task.sources.is_empty() {
            rows.push(Row::blank().title("Waiting for the run. No file of it is known yet.", Paint::Plain));
        } else {
            rows.push(Row::blank().title("Waiting for the run. Looking for:", Paint::Plain));
        }
        // More than this many names help nobody.
        let shown = self.detail.list.min(8);
        for source in task.sources.iter().take(shown) {
            let (sign, paint, words) = match source.state {
                SourceCondition::Waiting => (self.glyphs.pending, Paint::Dim, "not there yet".to_owned()),
                SourceCondition::Reading => (self.glyphs.done, Paint::Good, format!("found, read as {}", source.kind)),
                SourceCondition::Gone => (self.glyphs.failed, Paint::Warn, "was there, is gone".to_owned()),
                SourceCondition::Unreadable => (self.glyphs.failed, Paint::Bad, "cannot be read".to_owned()),
            };
            rows.push(Row::blank().fixed(format!("  {sign} "), paint).title(&source.path, Paint::Plain).right(words, paint));
        }
        let more = task.sources.len().saturating_sub(shown);
        if more > 0 {
            rows.push(Row::blank().fixed(format!("    and {} more", count(more as u64, "file", "files")), Paint::Dim));
        }
        rows.extend(self.spacer());
        let hint = if self.roomy() { "Start your runner now; nothing needs restarting here." } else { "Start your runner now." };
        rows.push(Row::blank().title(hint, Paint::Plain));
        rows
    }

    fn running(&self, task: &TaskState) -> Vec<Row> {
        let story = task.current();
        let mut rows = self.spacer();
        rows.push(match story {
            Some(story) => {
                let age = story.started_at.and_then(|at| self.scene.now.since(at));
                name(Row::blank().fixed(self.label("Current Story: "), Paint::Dim), story).right(self.effort(story, age), Paint::Plain)
            }
            None => Row::blank().fixed(self.label("Current Story: "), Paint::Dim).title("none at the moment", Paint::Plain),
        });
        rows.push(self.time(task));
        if !self.detail.rules {
            return rows;
        }
        if let Some(line) = task.terminal_line.as_ref().filter(|_| self.roomy()) {
            rows.push(Row::blank().fixed("Activity: ", Paint::Dim).title(&line.text, Paint::Plain));
        }
        if let Some(error) = standing_error(task, story) {
            rows.push(self.error(error, ""));
        }
        if task.headline() == Headline::Quiet
            && let Some(at) = task.last_activity_at
        {
            let age = short_duration(self.scene.now.since(at).unwrap_or(0));
            let long = format!("Nothing has moved for {age}, since {}. It may be a long tool call.", self.clock(at));
            let short = format!("Nothing has moved for {age}.");
            rows.push(Row::blank().title(self.fitting([long, short]), Paint::Warn));
        }
        if let Some(story) = story.filter(|story| !story.criteria.is_empty()) {
            rows.extend(self.criteria(story));
        }
        rows.extend(self.spacer());
        rows
    }

    fn ended(&self, task: &TaskState, ending: EndStatus) -> Vec<Row> {
        let mut rows = self.spacer();
        if ending == EndStatus::Failed {
            let story = task.last_error.as_ref().and_then(|error| story_of(task, error));
            let story = story.or_else(|| task.stories.iter().rev().find(|story| story.status == StoryStatus::Failed));
            if let Some(story) = story {
                let row = Row::blank().fixed(format!("{} ", self.glyphs.failed), Paint::Bad);
                rows.push(name(row, story).right(self.effort(story, story.duration_ms), Paint::Plain));
            }
            if let Some(error) = story.and_then(|story| story.last_error.as_ref()).or(task.last_error.as_ref()) {
                rows.push(self.error(error, "  "));
                let line = error.line.map(|line| format!(", line {line}")).unwrap_or_default();
                rows.push(Row::blank().title(format!("  seen in {}{line}", error.path), Paint::Dim));
            }
            rows.extend(self.spacer());
        }
        rows.push(self.time(task));
        let longest = task.stories.iter().filter(|story| story.duration_ms.is_some()).max_by_key(|story| story.duration_ms);
        if let (EndStatus::Passed, Some(story)) = (ending, longest) {
            let row = Row::blank().fixed(self.label("Longest: "), Paint::Dim);
            rows.push(name(row, story).right(duration(story.duration_ms.unwrap_or(0)), Paint::Plain));
        }
        let commits: usize = task.stories.iter().map(|story| story.commits.len()).sum();
        let mut counts = vec![format!("Retries: {}", task.retries), format!("Errors: {}", task.errors)];
        counts.extend((commits > 0).then(|| format!("Commits: {commits}")));
        rows.push(Row::blank().title(counts.join(" | "), Paint::Plain));
        rows.extend(self.spacer());
        rows
    }

    /// `Time: 41m 10s elapsed | ~25m remaining (12m–45m, from 5 stories)`.
    fn time(&self, task: &TaskState) -> Row {
        let until = task.finished_at.unwrap_or(self.scene.now);
        let elapsed = task.started_at.map(|at| until.since(at).unwrap_or(0));
        let time = |form: fn(u64) -> String| elapsed.map_or("start unknown".to_owned(), |ms| format!("{} elapsed", form(ms)));
        let (label, long, short) = (self.label("Time: "), time(duration), time(short_duration));
        let charset = self.glyphs.charset;
        let candidates = match (task.headline(), &task.remaining) {
            (Headline::Passed | Headline::Failed | Headline::Ended, _) => match task.finished_at {
                Some(at) => vec![format!("{long} | finished {}", self.clock(at)), long.clone()],
                None => vec![long.clone()],
            },
            (_, Remaining::Range { p90, basis, rough: true, .. }) => {
                let bound = format!("under {}", short_duration(p90 * 1000));
                vec![
                    format!("{long} | {bound} remaining ({basis})"),
                    format!("{long} | {bound} remaining"),
                    format!("{short} | {bound} left"),
                ]
            }
            (_, Remaining::Range { p10, p50, p90, basis, .. }) => {
                let (median, span) = (short_duration(p50 * 1000), text::range(*p10, *p90, charset));
                // Where both ends are rounded to the same there is no range to speak of.
                let basis = if p10 == p90 { basis.clone() } else { format!("{span}, {basis}") };
                vec![
                    format!("{long} | ~{median} remaining ({basis})"),
                    format!("{long} | ~{median} remaining ({span})"),
                    format!("{long} | ~{median} remaining"),
                    format!("{short} | ~{median} left"),
                ]
            }
            (_, Remaining::LongerThanUsual { usual_p10, usual_p90, .. }) => {
                let usual = text::range(*usual_p10, *usual_p90, charset);
                vec![format!("{long} | longer than usual (usual {usual})"), format!("{short} | usual {usual}")]
            }
            (_, Remaining::None { reason }) => vec![format!("{long} | {reason}"), long.clone()],
            (_, Remaining::Unknown { reason }) => {
                vec![format!("{long} | remaining unknown: {reason}"), format!("{long} | remaining unknown"), long.clone()]
            }
        };
        let iteration = task.iteration.map(|n| match task.max_iterations {
            Some(max) => format!("iteration {n}/{max}"),
            None => format!("iteration {n}"),
        });
        let time = self.fitting(candidates);
        let iteration = iteration.filter(|words| self.roomy() && label.len() + text::width(&time) + 2 + words.len() <= self.columns);
        Row::blank().fixed(label, Paint::Dim).title(time, Paint::Plain).right(iteration.unwrap_or_default(), Paint::Dim)
    }

    fn criteria(&self, story: &StoryState) -> Vec<Row> {
        let all = story.criteria.len();
        let done = story.criteria.iter().filter(|criterion| criterion.is_done()).count();
        let mut rows = Vec::new();
        if self.roomy() {
            rows.extend(self.spacer());
            let row =
                Row::blank().fixed("Acceptance Criteria: ", Paint::Dim).fixed(self.glyphs.bar(done, all, self.columns / 4), Paint::Busy);
            rows.push(row.fixed(format!(" {done}/{all}"), Paint::Plain).right(format!("{}%", done * 100 / all), Paint::Strong));
        }
        if !self.detail.criteria {
            return rows;
        }
        let indent = self.label("  ");
        let row = |sign: &str, paint| Row::blank().fixed(format!("{indent}{sign} "), paint);
        let line = |criterion: &CriterionState, sign, paint| {
            let taken = criterion.duration_ms.map(duration).unwrap_or_default();
            row(sign, paint).title(&criterion.text, if criterion.is_done() { Paint::Dim } else { Paint::Plain }).right(taken, Paint::Dim)
        };
        // The first open one is taken for the one in work while the story runs, as the seed's picture has it.
        let running = story.status == StoryStatus::InProgress;
        let current = story.criteria.iter().position(|criterion| !criterion.is_done()).filter(|_| running);
        let mut to_come =
            story.criteria.iter().enumerate().filter(|(at, criterion)| !criterion.is_done() && Some(*at) != current).map(|(at, _)| at);
        let listed = self.detail.list;
        let counted = to_come.clone().count() > listed;
        let last_listed = if counted { listed.checked_sub(1).and_then(|last| to_come.nth(last)) } else { Some(all) };
        if !self.detail.done && done > 0 {
            rows.push(row(self.glyphs.done, Paint::Good).fixed(format!("{done} done"), Paint::Dim));
        }
        let mut hidden = 0;
        for (at, criterion) in story.criteria.iter().enumerate() {
            if criterion.is_done() {
                let inferred = criterion.provenance == Some(Provenance::Inferred);
                let sign = if inferred { self.glyphs.inferred } else { self.glyphs.done };
                rows.extend(self.detail.done.then(|| line(criterion, sign, Paint::Good)));
            } else if Some(at) == current {
                rows.push(line(criterion, self.glyphs.current, Paint::Busy));
            } else if last_listed.is_some_and(|last| at <= last) {
                rows.push(line(criterion, self.glyphs.pending, Paint::Dim));
            } else {
                hidden += 1;
            }
        }
        if hidden > 0 {
            rows.push(row(self.glyphs.pending, Paint::Dim).fixed(format!("{hidden} to go"), Paint::Dim));
        }
        rows
    }

    fn error(&self, error: &ErrorState, indent: &str) -> Row {
        let sign = if indent.is_empty() { format!("{} ", self.glyphs.failed) } else { indent.to_owned() };
        let row = Row::blank()
            .fixed(format!("{sign}{}: ", text::error_kind(error.error_type)), Paint::Bad)
            .title(&error.error_message, Paint::Plain);
        match error.retryable {
            Some(true) => row.right("retryable", Paint::Dim),
            Some(false) => row.right("not retryable", Paint::Dim),
            None => row,
        }
    }

    fn footer(&self, task: Option<&TaskState>) -> Vec<Row> {
        if !self.detail.footer || !self.roomy() {
            return Vec::new();
        }
        let url = self.scene.url.unwrap_or_default();
        let live = task.filter(|task| matches!(task.headline(), Headline::Running | Headline::Quiet | Headline::NeedsYou));
        let sign = live.and_then(|task| Some((task.last_activity_path.as_deref(), task.last_activity_at?)));
        let Some((path, at)) = sign else {
            return Vec::from_iter((!url.is_empty()).then(|| Row::blank().right(url, Paint::Dim)));
        };
        let age = format!("Last sign of life {} ago", short_duration(self.scene.now.since(at).unwrap_or(0)));
        // A path cut shorter than this names nothing, and the address is worth more.
        const PATH: usize = 12;
        let path = path.filter(|path| age.len() + text::width(path).min(PATH) + url.len() + 4 <= self.columns);
        let row = Row::blank().fixed(age, Paint::Dim).title(path.map(|path| format!(": {path}")).unwrap_or_default(), Paint::Dim);
        vec![row.right(url, Paint::Dim)]
    }

    /// `attempt 2 · 2m 34s`; a first attempt needs no word.
    fn effort(&self, story: &StoryState, ms: Option<u64>) -> String {
        let attempt = (story.attempt_count > 1 && self.roomy()).then(|| format!("attempt {}", story.attempt_count));
        let parts: Vec<String> = attempt.into_iter().chain(ms.map(duration)).collect();
        parts.join(&format!(" {} ", self.glyphs.dot))
    }

    fn spacer(&self) -> Vec<Row> {
        Vec::from_iter(self.detail.spacers.then(Row::blank))
    }

    /// The first that fits beside a label, else the last.
    fn fitting(&self, candidates: impl IntoIterator<Item = String>) -> String {
        let room = self.columns.saturating_sub(text::width(self.label("Time: ")));
        let mut last = String::new();
        for candidate in candidates {
            if text::width(&candidate) <= room {
                return candidate;
            }
            last = candidate;
        }
        last
    }

    fn clock(&self, at: Timestamp) -> String {
        text::clock(at, self.scene.zone)
    }
}

/// `5/8 ▸US-006 3/5 41m ~25m`: everything in one line, for the smallest windows.
pub(super) fn one_line(state: &State, scene: &Scene, canvas: &Canvas) -> Row {
    let glyphs = Glyphs::of(canvas.charset);
    let Some(task) = busiest(&state.tasks) else { return Row::blank().fixed("nothing watched", Paint::Plain) };
    let (sign, word, paint) = glyphs.status(task.headline());
    let mut parts = vec![match task.story_count {
        Some(all) => format!("{}/{all}", task.stories_passed),
        None => task.stories_passed.to_string(),
    }];
    let story = task.current().filter(|_| task.headline() == Headline::Running);
    parts.push(match story {
        Some(story) => format!("{sign}{}", story.story_id.as_deref().or(story.title.as_deref()).unwrap_or_default()),
        None => word.to_owned(),
    });
    if let Some(story) = story.filter(|story| !story.criteria.is_empty()) {
        parts.push(format!("{}/{}", story.criteria_done, story.criteria_count));
    }
    let until = task.finished_at.unwrap_or(scene.now);
    parts.extend(task.started_at.and_then(|at| until.since(at)).map(short_duration));
    if let Remaining::Range { p50, .. } = task.remaining {
        parts.push(format!("~{}", short_duration(p50 * 1000)));
    }
    Row::blank().fixed(parts.join(" "), paint)
}

/// `US-003 - title`, the id whole.
pub(super) fn name(row: Row, story: &StoryState) -> Row {
    match (&story.story_id, &story.title) {
        (Some(id), Some(title)) => row.fixed(format!("{id} - "), Paint::Strong).title(title, Paint::Plain),
        (Some(id), None) => row.fixed(id, Paint::Strong),
        (None, Some(title)) => row.title(title, Paint::Strong),
        (None, None) => row,
    }
}

/// The error that still matters while the run goes on: the current story's, or one of a story that has not passed since.
fn standing_error<'a>(task: &'a TaskState, story: Option<&'a StoryState>) -> Option<&'a ErrorState> {
    let own = story.and_then(|story| story.last_error.as_ref());
    let last = task.last_error.as_ref().filter(|error| story_of(task, error).is_some_and(|story| story.status != StoryStatus::Passed));
    own.or(last)
}

fn story_of<'a>(task: &'a TaskState, error: &ErrorState) -> Option<&'a StoryState> {
    error.story_id.as_ref().and_then(|id| task.stories.iter().find(|story| story.story_id.as_ref() == Some(id)))
}

/// The task that is shown whole: a running one before others, the one that moved last among equals.
fn busiest(tasks: &[TaskState]) -> Option<&TaskState> {
    tasks.iter().max_by_key(|task| {
        let rank = match task.headline() {
            Headline::NeedsYou => 7,
            Headline::Running => 6,
            Headline::Quiet => 5,
            Headline::Failed => 4,
            Headline::Ended => 3,
            Headline::Waiting => 2,
            Headline::Planned => 1,
            Headline::Passed => 0,
        };
        (rank, task.last_activity_at)
    })
}
