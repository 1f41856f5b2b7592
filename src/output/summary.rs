//! The final state as text: `--once` prints it on stdout.
//!
//! Pure. Lines are not truncated, so that a pipe gets everything.

use jiff::tz::TimeZone;

use super::text::{self, Charset, clean, count, duration};
use crate::fact::Provenance;
use crate::model::state::{Remaining, State, StoryState, StoryStatus, TaskState};

/// The state as lines of text, each ended by a newline.
pub fn summary(state: &State, zone: &TimeZone, charset: Charset) -> String {
    let writer = Summary { state, zone, charset };
    let mut lines = Vec::new();
    for (at, task) in state.tasks.iter().enumerate() {
        lines.extend((at > 0).then(String::new));
        writer.task(task, &mut lines);
    }
    if state.tasks.is_empty() {
        lines.push("Nothing was found.".to_owned());
    }
    if !state.notices.is_empty() {
        lines.extend([String::new(), "Notices:".to_owned()]);
    }
    for notice in &state.notices {
        let path = notice.path.as_deref().map(|path| format!("{path}: ")).unwrap_or_default();
        lines.push(format!("  {} {path}{}", text::clock(notice.at, zone), notice.message));
    }
    lines.iter().map(|line| format!("{}\n", clean(line, charset).trim_end())).collect()
}

struct Summary<'a> {
    state: &'a State,
    zone: &'a TimeZone,
    charset: Charset,
}

impl Summary<'_> {
    fn task(&self, task: &TaskState, lines: &mut Vec<String>) {
        let word = task.headline().word().to_uppercase();
        lines.push(format!("Task: {}  {word}", task.task_name));
        // A run may be named after its log's first heading.
        let run = task.run.trim_start_matches(['#', ' ']);
        lines.extend((!run.is_empty()).then(|| format!("Run: {run}")));
        let failed = if task.stories_failed > 0 { format!(", {} failed", task.stories_failed) } else { String::new() };
        lines.push(match (task.story_count, task.percent) {
            (Some(all), Some(percent)) => format!("Progress: {}/{all} stories{failed}, {percent}%", task.stories_passed),
            (Some(all), None) => format!("Progress: {}/{all} stories{failed}", task.stories_passed),
            (None, _) => format!("Progress: {} done{failed}, no plan", count(task.stories_passed, "story", "stories")),
        });
        if let Some(started) = task.started_at {
            let end = task.finished_at.unwrap_or(self.state.server_time);
            let elapsed = duration(end.since(started).unwrap_or(0));
            let form = |at| text::local(at, self.zone, "%Y-%m-%d %H:%M");
            lines.push(match (task.finished_at, &task.remaining) {
                (Some(end), _) => format!("Time: {elapsed}, {} to {}", form(started), form(end)),
                // Why it is unknown is of no use to somebody who asked once.
                (None, Remaining::Unknown { .. } | Remaining::None { .. }) => format!("Time: {elapsed} since {}", form(started)),
                (None, remaining) => format!("Time: {elapsed} since {}, {}", form(started), text::remaining(remaining, self.charset)),
            });
        }
        if task.errors > 0 || task.retries > 0 {
            lines.push(format!("Trouble: {}, {}", count(task.errors, "error", "errors"), count(task.retries, "retry", "retries")));
        }
        if let Some(change) = &task.plan_change {
            lines.push(format!("Plan: {}", change.reason));
        }
        for (heading, stories) in [("Stories:", &task.stories), ("Not in the plan, not counted:", &task.unplanned)] {
            if !stories.is_empty() {
                lines.extend([String::new(), heading.to_owned()]);
            }
            for story in stories {
                self.story(story, task.current().is_some_and(|current| std::ptr::eq(current, story)), lines);
            }
        }
        // What no story owns.
        if let Some(error) = task.last_error.as_ref().filter(|error| error.story_id.is_none()) {
            lines.push(format!("  {} {}: {}", self.sign(StoryStatus::Failed), text::error_kind(error.error_type), error.error_message));
        }
        if !task.sources.is_empty() {
            lines.extend([String::new(), "Sources:".to_owned()]);
        }
        let paths = text::column(task.sources.iter().map(|source| &*source.path));
        for source in &task.sources {
            lines.push(format!("  {}  {}", text::padded(&source.path, paths), text::source(source)));
        }
        if task.sources_left_out > 0 {
            lines.push(format!("  and {} more that hold nothing", count(u64::from(task.sources_left_out), "file", "files")));
        }
    }

    fn story(&self, story: &StoryState, current: bool, lines: &mut Vec<String>) {
        let name = text::id_and_title(story.story_id.as_deref(), story.title.as_deref(), " - ");
        let mut line = format!("  {} {name}", self.sign(story.status));
        let inferred = story.criteria.iter().any(|criterion| criterion.provenance == Some(Provenance::Inferred));
        let mut facts = Vec::new();
        facts.extend(story.duration_ms.map(duration));
        facts.extend((story.criteria_count > 0).then(|| format!("{}/{} criteria", story.criteria_done, story.criteria_count)));
        facts.extend(inferred.then(|| "some inferred from the story".to_owned()));
        facts.extend((story.attempt_count > 1).then(|| format!("{} attempts", story.attempt_count)));
        facts.extend((!story.commits.is_empty()).then(|| story.commits.join(" ")));
        if !facts.is_empty() {
            line.push_str(&format!("  ({})", facts.join(", ")));
        }
        lines.push(line);
        // Only what is in work or went wrong is worth its checklist.
        if current || story.status == StoryStatus::Failed {
            for criterion in &story.criteria {
                let sign = if criterion.is_done() { self.sign(StoryStatus::Passed) } else { self.sign(StoryStatus::Open) };
                lines.push(format!("      {sign} {}", criterion.text));
            }
        }
        if let Some(error) = story.last_error.as_ref().filter(|_| story.status != StoryStatus::Passed) {
            let line = error.line.map(|line| format!(":{line}")).unwrap_or_default();
            lines.push(format!("      {}: {}  ({}{line})", text::error_kind(error.error_type), error.error_message, error.path));
        }
        lines.extend(story.disagreement.iter().map(|sides| format!("      sources disagree: {}", sides.text)));
    }

    fn sign(&self, status: StoryStatus) -> &'static str {
        match (self.charset, status) {
            (Charset::Unicode | Charset::Emoji, StoryStatus::Passed) => "✓",
            (Charset::Unicode | Charset::Emoji, StoryStatus::Failed) => "✗",
            (Charset::Unicode | Charset::Emoji, StoryStatus::InProgress) => "▸",
            (Charset::Unicode | Charset::Emoji, StoryStatus::Blocked) => "!",
            (Charset::Unicode | Charset::Emoji, StoryStatus::Open | StoryStatus::Deferred | StoryStatus::Cancelled) => "○",
            (Charset::Ascii, StoryStatus::Passed) => "[x]",
            (Charset::Ascii, StoryStatus::Failed) => "[!]",
            (Charset::Ascii, StoryStatus::InProgress) => "[>]",
            (Charset::Ascii, StoryStatus::Blocked) => "[-]",
            (Charset::Ascii, StoryStatus::Open | StoryStatus::Deferred | StoryStatus::Cancelled) => "[ ]",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Notice, NoticeKind};
    use crate::output::sample;

    fn check(name: &str, state: &State, charset: Charset) {
        insta::assert_snapshot!(name, summary(state, &TimeZone::UTC, charset));
    }

    #[test]
    fn every_status() {
        let mut state = sample::state(vec![sample::running(), sample::failed(), sample::passed(), sample::waiting()]);
        state.notices.push(Notice {
            kind: NoticeKind::Vanished,
            path: Some("progress.txt".into()),
            message: "was there, is gone".into(),
            at: sample::NOW,
        });
        check("unicode", &state, Charset::Unicode);
        check("ascii", &sample::state(vec![sample::foreign()]), Charset::Ascii);
        check("nothing", &sample::state(Vec::new()), Charset::Unicode);
    }
}
