//! A task at work: its current story with the criteria, the agent, errors, and what keeps the picture from being live.

use crate::fact::{Precision, Provenance};
use crate::model::state::{CriterionState, CriterionStatus, CurrentStory, ErrorState, Headline, StoryState, StoryStatus, TaskState};
use crate::output::text::{self, duration, short_duration};

use super::Connection;
use super::body::{Body, id_and_title};
use super::row::{Paint, Row};

impl Body<'_> {
    pub(super) fn running(&self, task: &TaskState) -> Vec<Row> {
        let story = task.current();
        let label = self.label("Current Story: ");
        let row = Row::blank().fixed(label, Paint::Dim);
        let mut rows = vec![match (story, &task.current_story) {
            (Some(story), current) => {
                let effort = self.effort(story, self.story_age(story));
                let effort = match current {
                    CurrentStory::Unplanned { .. } if self.is_roomy() => format!("not in the plan {} {effort}", self.glyphs.dot),
                    CurrentStory::Unplanned { .. } | CurrentStory::Known { .. } | CurrentStory::Unknown { .. } | CurrentStory::None => {
                        effort
                    }
                };
                id_and_title(row, story, " - ", Paint::Plain).right(effort, Paint::Plain)
            }
            (None, CurrentStory::Unknown { reason }) => row.title(format!("unknown, {reason}"), Paint::Plain),
            (None, CurrentStory::None | CurrentStory::Known { .. } | CurrentStory::Unplanned { .. }) => {
                row.title("none at the moment", Paint::Plain)
            }
        }];
        rows.push(self.time(task));
        if !self.detail.rules {
            return rows;
        }
        rows.extend(self.connection_rows());
        rows.extend(self.attention(task));
        if !matches!(self.scene.connection, Connection::CutOff { .. }) {
            rows.extend(self.agent(task));
        }
        if let Some(error) = standing_error(task, story) {
            rows.extend(self.error_card(error, "", 2));
        }
        if let Some(words) = story.and_then(|story| story.disagreement.as_ref()).filter(|_| self.is_roomy() && self.detail.spacers) {
            rows.push(Row::blank().fixed("Sources Disagree: ", Paint::Dim).title(&words.text, Paint::Warn));
        }
        if let Some(story) = story.filter(|story| !story.criteria.is_empty()) {
            rows.extend(self.criteria(story));
        }
        rows
    }

    /// What a person should know while it runs: why it is quiet, what it wants.
    fn attention(&self, task: &TaskState) -> Vec<Row> {
        let Some(attention) = &task.attention else { return Vec::new() };
        let paint = if task.headline() == Headline::NeedsYou { Paint::Bad } else { Paint::Warn };
        let reason = capitalized(&attention.reason);
        let lines = text::wrapped(&reason, self.columns, if self.is_roomy() { 3 } else { 2 }, self.glyphs.charset);
        lines.into_iter().map(|line| Row::blank().title(line, paint)).collect()
    }

    /// What is known about another bridge that does not answer.
    pub(super) fn connection_rows(&self) -> Vec<Row> {
        match self.scene.connection {
            Connection::CutOff { .. } if self.detail.rules => self.cut_off(),
            Connection::CutOff { .. } | Connection::Local | Connection::Streaming | Connection::Polling | Connection::Connecting { .. } => {
                Vec::new()
            }
        }
    }

    pub(super) fn cut_off(&self) -> Vec<Row> {
        let Connection::CutOff { as_of, reason, .. } = self.scene.connection else { return Vec::new() };
        let url = self.scene.url.unwrap_or("the other address");
        let why = format!("The bridge at {url} does not answer ({reason}).");
        let mut rows: Vec<Row> = text::wrapped(&why, self.columns, 2, self.glyphs.charset)
            .into_iter()
            .map(|line| Row::blank().title(line, Paint::Warn))
            .collect();
        let age =
            format!("What is shown is {} old. The run itself may be fine.", short_duration(self.scene.now.since(*as_of).unwrap_or(0)));
        rows.push(Row::blank().title(age, Paint::Warn));
        rows
    }

    /// The first row while the other bridge does not answer.
    pub(super) fn reconnecting(&self, row: Row) -> Row {
        let Connection::CutOff { attempt, retry_at, .. } = self.scene.connection else { return row };
        let when = match retry_at.since(self.scene.now) {
            Some(ms @ 1..) => format!("in {}s", ms.div_ceil(1000)),
            Some(0) | None => "now".to_owned(),
        };
        let long = format!("{} RECONNECTING ({} try {when})", self.glyphs.cut_off, ordinal(*attempt));
        row.right(if self.is_roomy() { long } else { format!("{} RECONNECTING", self.glyphs.cut_off) }, Paint::Warn)
    }

    pub(super) fn as_of(&self) -> String {
        format!("as of {}", text::local(self.scene.shown_time(), self.scene.zone, "%H:%M:%S"))
    }

    fn criteria(&self, story: &StoryState) -> Vec<Row> {
        let all = story.criteria.len();
        let done = story.criteria.iter().filter(|criterion| criterion.is_done()).count();
        let mut rows = Vec::new();
        if self.is_roomy() {
            rows.extend(self.spacer());
            // As wide as the other bar would be at its widest, so that the two can be told apart at a glance.
            let cells = (self.columns / 4).min(20);
            let row = Row::blank().fixed("Acceptance Criteria: ", Paint::Dim).fixed(self.glyphs.bar(done, all, cells), Paint::Busy);
            let share = story.percent.map(|percent| format!("{percent}%")).unwrap_or_default();
            rows.push(row.fixed(format!(" {done}/{all}"), Paint::Plain).right(share, Paint::Strong));
        }
        if !self.detail.criteria {
            return rows;
        }
        let indent = self.label("  ");
        let row = |sign: &str, paint| Row::blank().fixed(format!("{indent}{sign} "), paint);
        let line = |criterion: &CriterionState, (sign, paint)| {
            let taken = criterion.duration_ms.map(duration).unwrap_or_default();
            row(sign, paint).title(&criterion.text, if criterion.is_done() { Paint::Dim } else { Paint::Plain }).right(taken, Paint::Dim)
        };
        // The first open one is taken for the one in work while the story runs, as the first sketch has it.
        let runs = story.status == StoryStatus::InProgress;
        let stated = story.criteria.iter().position(|criterion| criterion.status == CriterionStatus::InProgress);
        let current = stated.or_else(|| story.criteria.iter().position(|criterion| !criterion.is_done()).filter(|_| runs));
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
                rows.extend(self.detail.done.then(|| line(criterion, self.glyphs.criterion(criterion))));
            } else if Some(at) == current {
                rows.push(line(criterion, (self.glyphs.current, Paint::Busy)));
            } else if last_listed.is_some_and(|last| at <= last) {
                rows.push(line(criterion, self.glyphs.criterion(criterion)));
            } else {
                hidden += 1;
            }
        }
        if hidden > 0 {
            rows.push(row(self.glyphs.pending, Paint::Dim).fixed(format!("{hidden} to go"), Paint::Dim));
        }
        let is_inferred = |criterion: &CriterionState| criterion.provenance == Some(Provenance::Inferred);
        if self.detail.done && self.detail.spacers && story.criteria.iter().any(is_inferred) {
            rows.push(Row::blank().title(format!("{indent}{} inferred, no source says so", self.glyphs.inferred), Paint::Dim));
        }
        rows
    }

    /// What went wrong, in `lines` lines at most, and where it is written.
    pub(super) fn error_card(&self, error: &ErrorState, indent: &str, lines: usize) -> Vec<Row> {
        let sign = if indent.is_empty() { format!("{} ", self.glyphs.failed) } else { indent.to_owned() };
        let kind = format!("{}: ", text::error_kind(error.error_type));
        let lines = if self.is_roomy() && self.detail.spacers { lines } else { 1 };
        let room = self.columns.saturating_sub(text::width(&sign) + kind.len());
        let mut rows = Vec::new();
        for (at, line) in text::wrapped(&error.error_message, room, lines, self.glyphs.charset).into_iter().enumerate() {
            let row = if at == 0 {
                Row::blank().fixed(format!("{sign}{kind}"), Paint::Bad)
            } else {
                Row::blank().fixed(" ".repeat(text::width(&sign) + kind.len()), Paint::Plain)
            };
            rows.push(row.title(line, Paint::Plain));
        }
        if self.detail.footer && self.detail.rules {
            let line = error.line.map(|line| format!(", line {line}")).unwrap_or_default();
            let mut facts = Vec::new();
            if self.is_roomy() {
                facts.extend(error.exit_code.map(|code| format!("exit code {code}")));
                facts.extend(error.retryable.map(|retryable| if retryable { "retryable" } else { "not retryable" }.to_owned()));
            }
            let blank = " ".repeat(text::width(&sign));
            let row = Row::blank().title(format!("{blank}seen in {}{line}", error.path), Paint::Dim);
            rows.push(row.right(facts.join(&format!(" {} ", self.glyphs.dot)), Paint::Dim));
        }
        rows
    }

    /// How long the current story has taken; not shown where only the day of its start is known.
    pub(super) fn story_age(&self, story: &StoryState) -> Option<u64> {
        let started = story.started_at.filter(|_| story.started_precision != Some(Precision::Day))?;
        self.scene.shown_time().since(started)
    }

    /// `attempt 2 · 2m 34s`; a first attempt needs no word.
    pub(super) fn effort(&self, story: &StoryState, ms: Option<u64>) -> String {
        let mut parts = Vec::new();
        if self.is_roomy() {
            parts.extend(story.is_guessed().then(|| "a guess".to_owned()));
            parts.extend((story.attempt_count > 1).then(|| format!("attempt {}", story.attempt_count)));
        }
        parts.extend(ms.map(duration));
        parts.join(&format!(" {} ", self.glyphs.dot))
    }
}

pub(super) fn story_of<'a>(task: &'a TaskState, error: &ErrorState) -> Option<&'a StoryState> {
    error.story_id.as_ref().and_then(|id| task.all_stories().find(|story| story.story_id.as_ref() == Some(id)))
}

/// The error that still matters while the run goes on: the current story's, or one of a story that has not passed since.
fn standing_error<'a>(task: &'a TaskState, story: Option<&'a StoryState>) -> Option<&'a ErrorState> {
    let own = story.and_then(|story| story.last_error.as_deref());
    let last = task.last_error.as_ref().filter(|error| story_of(task, error).is_some_and(|story| story.status != StoryStatus::Passed));
    own.or(last)
}

/// A sentence begins with a capital letter.
fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// `1st`, `2nd`, `13th`.
fn ordinal(n: u32) -> String {
    let ending = match (n % 10, n % 100) {
        (1, hundred) if hundred != 11 => "st",
        (2, hundred) if hundred != 12 => "nd",
        (3, hundred) if hundred != 13 => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}
