//! The rows of one task: its head, its time, what stands between in every status, the footer.

use crate::clock::Timestamp;
use crate::event::TimestampSource;
use crate::fact::Precision;
use crate::model::state::{Headline, Remaining, SourceCondition, State, StoryState, StoryStatus, TaskState, TaskStatus};
use crate::output::text::{self, count, duration, short_duration};

use super::glyph::Glyphs;
use super::row::{Paint, Row};
use super::{Canvas, Connection, Detail, FRAMED_FROM, PictureSection, Scene, tasks};

#[derive(Clone, Copy)]
pub(super) struct Body<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) detail: &'a Detail,
    pub(super) glyphs: &'static Glyphs,
    /// Inside the frame, or inside the left pane.
    pub(super) columns: usize,
    /// Of the pane with the stories, when there is one.
    pub(super) side: Option<usize>,
}

impl Body<'_> {
    pub(super) fn sections(&self, state: &State, height: usize) -> Vec<PictureSection> {
        let order = tasks::ordered(&state.tasks);
        let Some(task) = order.first().copied() else {
            return vec![PictureSection::Whole(self.nothing()), PictureSection::Whole(self.footer(None))];
        };
        let mut sections = Vec::new();
        if (order.len() > 1 || state.unlisted.is_some()) && self.detail.rules {
            sections.push(PictureSection::Whole(self.overview(&order, state.unlisted, height)));
        }
        sections.push(PictureSection::Whole(self.head(task)));
        sections.push(match self.side.filter(|_| task.all_stories().next().is_some()) {
            Some(side) => {
                let pane = Body { columns: self.columns - side - 3, ..*self };
                PictureSection::Split(pane.middle(task), self.story_list(task))
            }
            None => PictureSection::Whole(self.middle(task)),
        });
        sections.push(PictureSection::Whole(self.footer(Some(task))));
        sections
    }

    fn middle(&self, task: &TaskState) -> Vec<Row> {
        let mut rows = self.spacer();
        rows.extend(match task.status {
            TaskStatus::Waiting => self.waiting(task),
            TaskStatus::Planned => self.planned(task),
            TaskStatus::Running => self.running(task),
            TaskStatus::Ended | TaskStatus::Passed | TaskStatus::Failed => self.over(task),
        });
        rows.extend(self.spacer());
        rows
    }

    /// Whether there is room for labels.
    pub(super) fn is_roomy(&self) -> bool {
        // A frame takes four columns; at the threshold the labels stay whether there is one or not.
        self.columns + 4 >= FRAMED_FROM
    }

    /// `roomy` where there is room for labels, else nothing.
    pub(super) fn label(&self, roomy: &'static str) -> &'static str {
        if self.is_roomy() { roomy } else { "" }
    }

    fn nothing(&self) -> Vec<Row> {
        match self.scene.connection {
            Connection::Connecting { reason } => {
                let row = Row::blank().fixed(format!("{} ", self.glyphs.cut_off), Paint::Warn).title("Connecting", Paint::Strong);
                let mut rows = vec![row.title(self.scene.url.map(|url| format!(" to {url}")).unwrap_or_default(), Paint::Strong)];
                rows.extend((!reason.is_empty()).then(|| Row::blank().title(reason, Paint::Warn)));
                rows
            }
            Connection::CutOff { .. } => self.cut_off(),
            Connection::Local | Connection::Streaming | Connection::Polling => {
                vec![Row::blank().title("Nothing is being watched yet.", Paint::Plain)]
            }
        }
    }

    fn head(&self, task: &TaskState) -> Vec<Row> {
        let headline = task.headline();
        let (sign, paint) = self.glyphs.headline(headline);
        let qualifier = task.qualifier.as_deref().map(|qualifier| format!(" ({qualifier})")).unwrap_or_default();
        let title = Row::blank().fixed(self.label("Task: "), Paint::Dim).title(&task.task_name, Paint::Strong);
        let mut rows = vec![match self.scene.connection {
            Connection::CutOff { .. } => self.reconnecting(title),
            _ => {
                let age = task.attention.as_ref().and_then(|attention| self.scene.shown_time().since(attention.since));
                let age = age.filter(|_| headline == Headline::Quiet).map(|ms| format!(" for {}", short_duration(ms)));
                title.title(qualifier, Paint::Dim).right(format!("{sign} {}{}", status_word(headline), age.unwrap_or_default()), paint)
            }
        }];
        let row = Row::blank().fixed(self.label("Progress: "), Paint::Dim);
        let trouble: Vec<String> = [(task.stories_failed, "failed"), (task.stories_blocked, "blocked")]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!(", {n} {word}"))
            .collect();
        let trouble = trouble.concat();
        rows.extend(match task.story_count {
            Some(all) => {
                let fraction = format!(" {}/{all}{}", task.stories_passed, if self.is_roomy() { " stories" } else { "" });
                let right = match self.scene.connection {
                    Connection::CutOff { .. } => self.as_of(),
                    _ => task.percent.map(|percent| format!("{percent}%")).unwrap_or_default(),
                };
                let words = self.label("Progress: ").len() + "[]".len() + fraction.len() + trouble.len() + "  ".len() + right.len();
                let widest = self.columns * 2 / 5 + if self.is_roomy() { 0 } else { 4 };
                let cells = self.columns.saturating_sub(words).min(widest.min(40)).max(4);
                let bar = self.glyphs.bar(task.stories_passed as usize, all as usize, cells);
                let row = row.fixed(bar, paint).fixed(fraction, Paint::Plain);
                Some(row.title(trouble, Paint::Bad).right(right, Paint::Strong))
            }
            None if matches!(task.status, TaskStatus::Waiting | TaskStatus::Planned) => None,
            None => {
                let done = count(task.stories_passed, "story", "stories");
                Some(row.fixed(format!("{done} done"), Paint::Plain).title(trouble, Paint::Bad))
            }
        });
        rows
    }

    fn waiting(&self, task: &TaskState) -> Vec<Row> {
        let mut rows = Vec::new();
        if task.sources.is_empty() {
            rows.push(Row::blank().title("No file of it is known yet.", Paint::Plain));
        } else {
            rows.push(Row::blank().title("Looking for:", Paint::Plain));
        }
        // More than this many names help nobody.
        let shown = self.detail.list.min(8);
        for source in task.sources.iter().take(shown) {
            let (sign, paint, words) = match source.state {
                SourceCondition::Waiting => (self.glyphs.pending, Paint::Dim, "not there yet".to_owned()),
                SourceCondition::Reading if source.kind == "unknown" => (self.glyphs.done, Paint::Good, "found".to_owned()),
                SourceCondition::Reading => (self.glyphs.done, Paint::Good, format!("found, read as {}", source.kind)),
                SourceCondition::Gone => (self.glyphs.failed, Paint::Warn, "was there, is gone".to_owned()),
                SourceCondition::Unreadable => (self.glyphs.failed, Paint::Bad, "cannot be read".to_owned()),
            };
            rows.push(Row::blank().fixed(format!("  {sign} "), paint).title(&source.path, Paint::Plain).right(words, paint));
        }
        let more = task.sources.len().saturating_sub(shown) as u64 + u64::from(task.sources_left_out);
        if more > 0 {
            rows.push(Row::blank().fixed(format!("    and {} more", count(more, "file", "files")), Paint::Dim));
        }
        rows.extend(self.spacer());
        rows.push(self.hint());
        rows
    }

    fn planned(&self, task: &TaskState) -> Vec<Row> {
        let mut rows = self.stories_below(task);
        rows.extend(if rows.is_empty() { Vec::new() } else { self.spacer() });
        rows.push(Row::blank().title("Nothing of it has begun.", Paint::Plain));
        rows.push(self.hint());
        rows
    }

    fn hint(&self) -> Row {
        let hint = if self.is_roomy() { "Start your runner now; nothing needs restarting here." } else { "Start your runner now." };
        Row::blank().title(hint, Paint::Dim)
    }

    /// A run that is over: why, what failed, its stories, its figures.
    fn over(&self, task: &TaskState) -> Vec<Row> {
        let mut rows = Vec::new();
        rows.extend(self.connection_rows());
        if task.status != TaskStatus::Passed {
            rows.extend(self.end_reason(task));
            if let Some(story) = failed_story(task) {
                let row = Row::blank().fixed(format!("{} ", self.glyphs.failed), Paint::Bad);
                rows.push(id_and_title(row, story, " - ", Paint::Plain).right(self.effort(story, story.duration_ms), Paint::Plain));
            }
            if let Some(error) = failed_story(task).and_then(|story| story.last_error.as_deref()).or(task.last_error.as_ref()) {
                rows.extend(self.error_card(error, "  ", 3));
            }
            rows.extend(if rows.is_empty() { Vec::new() } else { self.spacer() });
        }
        rows.extend(self.stories_below(task));
        rows.extend(if self.side.is_none() && task.all_stories().next().is_some() { self.spacer() } else { Vec::new() });
        rows.push(self.time(task));
        rows.extend(self.figures(task));
        rows
    }

    /// The stories where they have no pane of their own.
    fn stories_below(&self, task: &TaskState) -> Vec<Row> {
        if self.side.is_some() || !self.detail.rules {
            return Vec::new();
        }
        self.story_list(task).window(self.detail.list, self.glyphs)
    }

    fn figures(&self, task: &TaskState) -> Vec<Row> {
        let commits: usize = task.all_stories().map(|story| story.commits.len()).sum();
        let mut counts = vec![count(task.retries, "retry", "retries"), count(task.errors, "error", "errors")];
        counts.extend((commits > 0).then(|| count(commits as u64, "commit", "commits")));
        let mut rows = vec![Row::blank().fixed(self.label("Figures: "), Paint::Dim).title(counts.join(", "), Paint::Plain)];
        let longest = task.all_stories().filter(|story| story.duration_ms.is_some()).max_by_key(|story| story.duration_ms);
        if let (true, Some(story)) = (self.detail.spacers && task.all_stories().nth(1).is_some(), longest) {
            let row = Row::blank().fixed(self.label("Longest: "), Paint::Dim);
            rows.push(id_and_title(row, story, " - ", Paint::Plain).right(duration(story.duration_ms.unwrap_or(0)), Paint::Plain));
        }
        if let (true, Some(guess), Some(end)) = (self.detail.spacers && self.is_roomy(), &task.first_guess, task.finished_at) {
            let spread = text::spread(guess.p10, guess.p90, self.glyphs.charset).map(|spread| format!(" ({spread})")).unwrap_or_default();
            let took = end.since(guess.at).map(|ms| format!(", and {} it was", short_duration(ms)));
            let words = format!("{} left{spread} at {}", text::estimate(guess.p50), self.clock(guess.at));
            let took = took.filter(|_| task.status == TaskStatus::Passed).unwrap_or_default();
            rows.push(Row::blank().fixed("First Guess: ", Paint::Dim).title(words + &took, Paint::Plain));
        }
        rows
    }

    fn end_reason(&self, task: &TaskState) -> Vec<Row> {
        let reason = task.end_reason.as_deref().filter(|_| self.detail.rules);
        let lines = reason.map(|reason| text::wrapped(reason, self.columns, 2, self.glyphs.charset)).unwrap_or_default();
        lines.into_iter().map(|line| Row::blank().title(line, Paint::Warn)).collect()
    }

    /// `Time: 41m 10s elapsed | ~25m remaining (12m–45m, from 5 stories)`.
    pub(super) fn time(&self, task: &TaskState) -> Row {
        let label = self.label("Time: ");
        let (long, short) = (self.elapsed(task, duration), self.elapsed(task, short_duration));
        let charset = self.glyphs.charset;
        let candidates = match &task.remaining {
            _ if task.status.is_over() => match task.finished_at.filter(|_| task.finished_precision != Some(Precision::Day)) {
                Some(at) => vec![format!("{long} | finished {}", self.clock(at)), long.clone()],
                None => vec![long.clone()],
            },
            _ if matches!(self.scene.connection, Connection::CutOff { .. }) => {
                vec![format!("{long} | remaining not shown while cut off"), format!("{long} | remaining not shown"), long.clone()]
            }
            Remaining::Range { p10, p50, p90, basis, rough, .. } => {
                let median = if *rough { format!("under {}", short_duration(p90 * 1000)) } else { text::estimate(*p50) };
                let (with_basis, without) = match text::spread(*p10, *p90, charset).filter(|_| !*rough) {
                    Some(spread) => (format!(" ({spread}, {basis})"), format!(" ({spread})")),
                    None => (format!(" ({basis})"), String::new()),
                };
                vec![
                    format!("{long} | {median} remaining{with_basis}"),
                    format!("{long} | {median} remaining{without}"),
                    format!("{long} | {median} remaining"),
                    format!("{short} | {median} left"),
                ]
            }
            Remaining::LongerThanUsual { usual_p10, usual_p90, .. } => {
                let usual = text::range(*usual_p10, *usual_p90, charset);
                vec![
                    format!("{long} | longer than usual (usual {usual} a story)"),
                    format!("{long} | longer than usual (usual {usual})"),
                    format!("{short} | usual {usual}"),
                ]
            }
            Remaining::Unknown { reason } => {
                vec![format!("{long} | remaining unknown: {reason}"), format!("{long} | remaining unknown"), long.clone()]
            }
            Remaining::None { reason } => vec![format!("{long} | {reason}"), long.clone()],
        };
        let iteration = task.iteration.map(|n| match task.max_iterations {
            Some(max) => format!("iteration {n}/{max}"),
            None => format!("iteration {n}"),
        });
        let time = self.fitting(candidates, label.len());
        let iteration = iteration.filter(|words| self.is_roomy() && label.len() + text::width(&time) + 2 + words.len() <= self.columns);
        Row::blank().fixed(label, Paint::Dim).title(time, Paint::Plain).right(iteration.unwrap_or_default(), Paint::Dim)
    }

    fn elapsed(&self, task: &TaskState, form: fn(u64) -> String) -> String {
        let until = task.finished_at.unwrap_or(self.scene.shown_time());
        let Some(started) = task.started_at else { return "start unknown".to_owned() };
        let ms = task.duration_ms.filter(|_| task.status.is_over()).or(until.since(started)).unwrap_or(0);
        match (task.started_precision, task.started_source) {
            (Some(Precision::Day), _) => format!("since {}", text::local(started, &jiff::tz::TimeZone::UTC, "%b %-d")),
            (Some(Precision::Minute), _) => format!("{} elapsed", short_duration(ms)),
            (_, Some(TimestampSource::Observed)) => format!("at least {} elapsed", form(ms)),
            (Some(Precision::Second) | None, _) => format!("{} elapsed", form(ms)),
        }
    }

    fn footer(&self, task: Option<&TaskState>) -> Vec<Row> {
        if !self.detail.footer || !self.is_roomy() {
            return Vec::new();
        }
        let url = self.scene.url.unwrap_or_default();
        let how = match self.scene.connection {
            Connection::Polling if self.columns < 70 => "polling  ",
            Connection::Polling => "polling, no stream comes  ",
            _ => "",
        };
        let address = |row: Row| row.right(how, Paint::Warn).right(url, Paint::Dim);
        let live = task.filter(|task| task.status == TaskStatus::Running && !matches!(self.scene.connection, Connection::CutOff { .. }));
        let sign = live.and_then(|task| Some((task, task.last_activity_at?)));
        let Some((task, at)) = sign else {
            return Vec::from_iter((!url.is_empty()).then(|| address(Row::blank())));
        };
        let age = format!("Last sign of life {} ago", short_duration(self.scene.shown_time().since(at).unwrap_or(0)));
        // A path cut shorter than this names nothing, and the address is worth more.
        const PATH: usize = 12;
        // Without an agent and a line of its runner the row about it names the file already.
        let named = task.agents.is_empty() && task.terminal_line.is_none();
        let path = task.last_activity_path.as_deref().filter(|_| !named);
        let path = path.filter(|path| age.len() + text::width(path).min(PATH) + how.len() + url.len() + 4 <= self.columns);
        let row = Row::blank().fixed(age, Paint::Dim).title(path.map(|path| format!(": {path}")).unwrap_or_default(), Paint::Dim);
        vec![address(row)]
    }

    pub(super) fn spacer(&self) -> Vec<Row> {
        Vec::from_iter(self.detail.spacers.then(Row::blank))
    }

    /// The first that fits beside `taken` columns, else the last.
    pub(super) fn fitting(&self, candidates: impl IntoIterator<Item = String>, taken: usize) -> String {
        let room = self.columns.saturating_sub(taken);
        let mut last = String::new();
        for candidate in candidates {
            if text::width(&candidate) <= room {
                return candidate;
            }
            last = candidate;
        }
        last
    }

    pub(super) fn clock(&self, at: Timestamp) -> String {
        text::clock(at, self.scene.zone)
    }
}

/// `5/8 ▸US-006 3/5 41m ~25m`: everything in one line, for the smallest windows.
pub(super) fn one_line(state: &State, scene: &Scene, canvas: &Canvas) -> Row {
    let glyphs = Glyphs::of(canvas.charset);
    let Some(task) = tasks::ordered(&state.tasks).first().copied() else { return Row::blank().fixed("nothing watched", Paint::Plain) };
    let headline = task.headline();
    let (sign, paint) = glyphs.headline(headline);
    let mut parts = vec![match task.story_count {
        Some(all) => format!("{}/{all}", task.stories_passed),
        None => task.stories_passed.to_string(),
    }];
    let story = task.current().filter(|_| headline == Headline::Running);
    parts.push(match story {
        Some(story) => format!("{sign}{}", story.story_id.as_deref().or(story.title.as_deref()).unwrap_or_default()),
        None => status_word(headline),
    });
    if let Some(story) = story.filter(|story| story.criteria_count > 0) {
        parts.push(format!("{}/{}", story.criteria_done, story.criteria_count));
    }
    if let Connection::CutOff { .. } = scene.connection {
        parts.push(format!("as of {}", text::clock(scene.shown_time(), scene.zone)));
        return Row::blank().fixed(parts.join(" "), Paint::Warn);
    }
    let until = task.finished_at.unwrap_or(scene.shown_time());
    parts.extend(task.started_at.and_then(|at| until.since(at)).map(short_duration));
    if let Remaining::Range { p50, rough: false, .. } = task.remaining {
        parts.push(text::estimate(p50));
    }
    Row::blank().fixed(parts.join(" "), paint)
}

/// `RUNNING`, `NEEDS YOU`; in the box it stands in capitals.
pub(super) fn status_word(headline: Headline) -> String {
    match headline {
        Headline::Waiting => "WAITING FOR THE RUN".to_owned(),
        headline => headline.word().to_uppercase(),
    }
}

/// `US-003 - title`, the id whole.
pub(super) fn id_and_title(row: Row, story: &StoryState, between: &str, paint: Paint) -> Row {
    match (&story.story_id, &story.title) {
        (Some(id), Some(title)) => row.fixed(id, Paint::Strong).fixed(between, paint).title(title, paint),
        (Some(id), None) => row.fixed(id, Paint::Strong),
        (None, Some(title)) => row.title(title, paint),
        (None, None) => row,
    }
}

/// The story that ended a run: the one of its last error, else the last failed one.
fn failed_story(task: &TaskState) -> Option<&StoryState> {
    let of_error = task.last_error.as_ref().and_then(|error| super::work::story_of(task, error));
    let of_error = of_error.filter(|story| matches!(story.status, StoryStatus::Failed | StoryStatus::Blocked | StoryStatus::InProgress));
    of_error.or_else(|| task.all_stories().rev().find(|story| story.status == StoryStatus::Failed))
}
