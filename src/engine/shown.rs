//! What leaves the engine as text: within its bounds and without secrets. Keys and ids were made of the whole text before.
//!
//! Every struct is taken apart field by field: a new field of text does not compile until it is decided here.

use std::borrow::Cow;

use crate::clock::Timestamp;
use crate::error::{Notice, NoticeKind};
use crate::event::{
    AcCompleted, ErrorOccurred, Event, EventData, EventSource, StoryCompleted, StoryStarted, TEXT_LIMIT, TaskCompleted, TaskStarted,
};
use crate::model::agent::AgentState;
use crate::model::state::{CriterionState, ErrorState, State, StoryState, TaskState};
use crate::redact::mask;
use crate::text::{CleanText, first_chars, shortened};

/// Longest titles, names and reasons, in characters.
const TITLE_LIMIT: usize = 500;
const CRITERION_LIMIT: usize = 1_000;
/// Error messages and descriptions.
const MESSAGE_LIMIT: usize = 2_000;

/// Puts text within its bounds and masks secrets.
#[derive(Debug)]
pub(super) struct Shown {
    /// `--no-redact` leaves secrets as they are.
    masks_secrets: bool,
    /// A text was longer than what is shown of it.
    pub(super) has_cut: bool,
    /// Texts that are shown as they are, each with the limit that it was held to: thousands of events share the name of a run, and those of an
    /// entry its title and its line.
    plain: [(CleanText, usize); 8],
    /// Which of them the next one replaces.
    next_plain: usize,
}

/// What is said once when a text was cut.
pub(super) fn cut_notice(at: Timestamp) -> Notice {
    let message = format!(
        "a text is longer than what is shown of it: titles end after {TITLE_LIMIT} characters, criteria after {CRITERION_LIMIT}, messages after {MESSAGE_LIMIT}"
    );
    Notice { kind: NoticeKind::Limit, path: None, message: message.into(), at }
}

/// What is quoted of a line: masked as a whole first, because a part of a secret has no shape.
pub(super) fn quote(line: &str, masks_secrets: bool) -> CleanText {
    CleanText::from(&*quoted(line, masks_secrets))
}

fn quoted(line: &str, masks_secrets: bool) -> Cow<'_, str> {
    match if masks_secrets { mask(line) } else { Cow::Borrowed(line) } {
        Cow::Borrowed(line) => Cow::Borrowed(first_chars(line, TEXT_LIMIT)),
        Cow::Owned(masked) => Cow::Owned(first_chars(&masked, TEXT_LIMIT).to_owned()),
    }
}

impl Shown {
    pub(super) fn new(masks_secrets: bool) -> Self {
        Shown { masks_secrets, has_cut: false, plain: Default::default(), next_plain: 0 }
    }

    pub(super) fn event(&mut self, event: &mut Event) {
        let Event {
            id: _,
            seq: _,
            late: _,
            timestamp: _,
            timestamp_source: _,
            timestamp_precision: _,
            origin: _,
            task_id: _,
            run,
            provenance: _,
            source: EventSource { path: _, line: _, text },
            data,
        } = event;
        self.text(run, TITLE_LIMIT);
        self.quote(text);
        match data {
            EventData::TaskStarted(data) => {
                let TaskStarted { task_id: _, task_name, story_count: _, estimated_duration: _, branch, description } = data;
                self.text(task_name, TITLE_LIMIT);
                self.option(branch, TITLE_LIMIT);
                self.option(description, MESSAGE_LIMIT);
            }
            EventData::StoryStarted(data) => {
                let StoryStarted { story_id: _, title, ac_count: _, acceptance_criteria, priority: _, attempt: _, iteration: _ } = data;
                self.option(title, TITLE_LIMIT);
                acceptance_criteria.iter_mut().for_each(|text| self.text(text, CRITERION_LIMIT));
            }
            EventData::AcCompleted(data) => {
                let AcCompleted { story_id: _, title, ac_index: _, ac_text, duration_ms: _ } = data;
                self.option(title, TITLE_LIMIT);
                self.option(ac_text, CRITERION_LIMIT);
            }
            EventData::StoryCompleted(data) => {
                let StoryCompleted { story_id: _, title, status: _, reason, duration_ms: _, commits, attempt: _, tally: _ } = data;
                self.option(title, TITLE_LIMIT);
                self.option(reason, TITLE_LIMIT);
                commits.iter_mut().for_each(|commit| self.text(commit, TITLE_LIMIT));
            }
            EventData::TaskCompleted(data) => {
                let TaskCompleted {
                    task_id: _,
                    status: _,
                    stories_passed: _,
                    stories_failed: _,
                    story_count: _,
                    duration_ms: _,
                    retries: _,
                    errors: _,
                } = data;
            }
            EventData::ErrorOccurred(data) => {
                let ErrorOccurred { story_id: _, error_type: _, error_message, retryable: _, exit_code: _ } = data;
                self.text(error_message, MESSAGE_LIMIT);
            }
        }
    }

    pub(super) fn notice(&mut self, notice: &mut Notice) {
        self.text(&mut notice.message, MESSAGE_LIMIT);
    }

    pub(super) fn state(&mut self, state: &mut State) {
        state.tasks.iter_mut().for_each(|task| self.task(task));
        state.notices.iter_mut().for_each(|notice| self.notice(notice));
    }

    fn task(&mut self, task: &mut TaskState) {
        self.text(&mut task.task_name, TITLE_LIMIT);
        self.text(&mut task.run, TITLE_LIMIT);
        self.option(&mut task.branch, TITLE_LIMIT);
        self.option(&mut task.qualifier, TITLE_LIMIT);
        self.option(&mut task.end_reason, MESSAGE_LIMIT);
        if let Some(attention) = &mut task.attention {
            self.text(&mut attention.reason, MESSAGE_LIMIT);
        }
        if let Some(change) = &mut task.plan_change {
            self.text(&mut change.reason, MESSAGE_LIMIT);
        }
        task.groups.iter_mut().for_each(|group| self.text(&mut group.name, TITLE_LIMIT));
        task.stories.iter_mut().chain(&mut task.unplanned).for_each(|story| self.story(story));
        if let Some(line) = &mut task.terminal_line {
            self.text(&mut line.text, MESSAGE_LIMIT);
        }
        task.agents.iter_mut().for_each(|agent| self.agent(agent));
        task.history.iter_mut().for_each(|point| self.option(&mut point.reason, MESSAGE_LIMIT));
        task.runs.iter_mut().for_each(|run| self.text(&mut run.name, TITLE_LIMIT));
        self.last_error(task.last_error.as_mut());
        for source in &mut task.sources {
            source.unknown_lines.iter_mut().for_each(|line| line.text = quote(&line.text, self.masks_secrets));
        }
    }

    /// The level has let through what is there; this is the second wall.
    pub(super) fn agent(&mut self, state: &mut AgentState) {
        for text in [&mut state.tool, &mut state.target, &mut state.command] {
            self.option(text, TITLE_LIMIT);
        }
        if let Some(todo) = &mut state.todo {
            self.option(&mut todo.current, TITLE_LIMIT);
            todo.items.iter_mut().for_each(|item| self.text(&mut item.text, TITLE_LIMIT));
        }
        if let Some(files) = &mut state.files {
            files.recent.iter_mut().for_each(|path| self.text(path, TITLE_LIMIT));
        }
    }

    fn story(&mut self, story: &mut StoryState) {
        self.option(&mut story.title, TITLE_LIMIT);
        self.option(&mut story.status_reason, TITLE_LIMIT);
        self.option(&mut story.group, TITLE_LIMIT);
        self.last_error(story.last_error.as_deref_mut());
        self.criteria(&mut story.criteria);
        story.attempts.iter_mut().for_each(|attempt| self.option(&mut attempt.reason, TITLE_LIMIT));
        if let Some(disagreement) = &mut story.disagreement {
            self.text(&mut disagreement.text, MESSAGE_LIMIT);
            self.quote(&mut disagreement.holds.text);
            self.quote(&mut disagreement.loses.text);
        }
        if let Some(left_out) = &mut story.left_out {
            self.criteria(&mut left_out.criteria);
            left_out.attempts.iter_mut().for_each(|attempt| self.option(&mut attempt.reason, TITLE_LIMIT));
        }
    }

    fn criteria(&mut self, criteria: &mut [CriterionState]) {
        criteria.iter_mut().for_each(|criterion| self.text(&mut criterion.text, CRITERION_LIMIT));
    }

    fn last_error(&mut self, error: Option<&mut ErrorState>) {
        if let Some(error) = error {
            self.text(&mut error.error_message, MESSAGE_LIMIT);
        }
    }

    fn quote(&mut self, line: &mut Option<CleanText>) {
        let Some(line) = line.as_mut().filter(|line| !self.is_plain(line, TEXT_LIMIT)) else { return };
        match quoted(line, self.masks_secrets) {
            Cow::Borrowed(whole) if whole.len() == line.len() => self.add_plain(line, TEXT_LIMIT),
            quoted => *line = CleanText::from(&*quoted),
        }
    }

    fn is_plain(&self, text: &CleanText, limit: usize) -> bool {
        self.plain.iter().any(|(plain, held_to)| plain.is_same(text) && *held_to <= limit)
    }

    fn add_plain(&mut self, text: &CleanText, limit: usize) {
        self.plain[self.next_plain] = (text.clone(), limit);
        self.next_plain = (self.next_plain + 1) % self.plain.len();
    }

    fn option(&mut self, text: &mut Option<CleanText>, limit: usize) {
        if let Some(text) = text {
            self.text(text, limit);
        }
    }

    fn text(&mut self, text: &mut CleanText, limit: usize) {
        if self.is_plain(text, limit) {
            return;
        }
        let masked = if self.masks_secrets { mask(text) } else { Cow::Borrowed(text.as_str()) };
        match (shortened(&masked, limit), &masked) {
            (Cow::Owned(cut), _) => {
                self.has_cut = true;
                *text = cut.into();
            }
            (Cow::Borrowed(_), Cow::Owned(masked)) => *text = masked.into(),
            (Cow::Borrowed(_), Cow::Borrowed(_)) => self.add_plain(text, limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_where_they_are_shown() {
        let cut = |text: &str, limit| {
            let mut text = CleanText::new(text);
            Shown::new(false).text(&mut text, limit);
            text
        };
        assert_eq!(cut("abcde", 5), "abcde");
        assert_eq!(cut("abcdef", 5), "abcd…");
        assert_eq!(cut("✓✓✓✓✓✓", 5), "✓✓✓✓…");
        assert_eq!(cut("✓✓✓✓✓", 5), "✓✓✓✓✓");
    }

    #[test]
    fn a_secret_at_the_end_of_a_quote_is_masked_whole() {
        let secret = "ghp_0123456789abcdefghijABCDEFGHIJ";
        for before in [200, 210, 220, 230, 238, 239] {
            let line = format!("{}{secret} and more", "x".repeat(before - 1) + " ");
            let quoted = quote(&line, true);
            assert!(!quoted.contains("ghp_") && quoted.chars().count() <= TEXT_LIMIT, "{quoted}");
            assert!(quote(&line, false).contains('g'));
        }
    }
}
