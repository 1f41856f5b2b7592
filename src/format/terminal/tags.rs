//! Lines with a tag: `[ITERATION 3/50] Working on: ID - title`, `[EXEC-LOG] Completed: ID (59ms)`, `[TIME] [ERROR] message`.

use super::{LineContext, Terminal, after, count, statement};
use crate::fact::{Fact, Failure, Outcome, RecordedTime, Statement, StatementForm, StoryName};
use crate::format::{field, time, words};

/// Tags that many programs write: alone they say nothing about the file.
const COMMON: [&str; 9] = ["INFO", "SUCCESS", "ERROR", "WARN", "WARNING", "DEBUG", "AGENT", "SAFETY", "PROGRESS"];
/// Most lines that the message of a failure may take, and most bytes before its last line.
const MESSAGE_LINES: u32 = 40;
const MESSAGE_BYTES: usize = 16 << 10;

/// `[EXEC-LOG] Failed: …` without its end.
#[derive(Debug, Clone)]
pub(super) struct Unfinished {
    /// The line it stands on.
    failed: Fact,
    story: StoryName,
    text: String,
    lines: u32,
}

impl Terminal {
    pub(super) fn tagged(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        let Some((stamp, tag, message)) = tag(context.text) else { return self.sure && is_plain_tag(context.text) };
        let when = stamp.and_then(|stamp| time::whole(stamp, context.clock));
        if let Some(number) = after(tag, "iteration ") {
            return self.iteration(number, message, context, when, facts);
        }
        match tag {
            "EXEC-LOG" => {
                self.sure = true;
                self.execution_log(message, context, when, facts);
                true
            }
            "LOOP" => match after(message.trim_matches(['=', ' ']), "starting loop #").and_then(count) {
                Some((number, of, _)) => {
                    self.round(number, of, context, facts);
                    true
                }
                None => self.sure,
            },
            _ => {
                self.common(tag, message, context, when, facts);
                self.sure
            }
        }
    }

    fn iteration(
        &mut self,
        number: &str,
        message: &str,
        context: &LineContext<'_>,
        when: Option<RecordedTime>,
        facts: &mut Vec<Fact>,
    ) -> bool {
        let Some((number, of, "")) = count(number) else { return false };
        if let Some(left) = after(message, "stories remaining:").and_then(|left| left.trim().parse().ok()) {
            // The last round's story comes before this round.
            self.left(left, context, facts);
        }
        self.round(number, of, context, facts);
        if let Some(work) = after(message, "working on:") {
            let stories = field::stories(work);
            if !stories.is_empty() {
                self.works_on(stories, Some(number), context, when, facts);
            }
        }
        true
    }

    fn common(&mut self, tag: &str, message: &str, context: &LineContext<'_>, when: Option<RecordedTime>, facts: &mut Vec<Fact>) {
        match tag {
            "ERROR" => {
                let message = message.trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '"' | '\'' | '(' | '$'));
                if self.sure && gave_up(message) {
                    self.gave_up(message, context, when, facts);
                } else if !message.is_empty() {
                    self.error(message, context, when, facts);
                }
            }
            "INFO" => self.info(message, context, when, facts),
            _ if !self.sure => {}
            "SUCCESS" => self.success(message, context, when, facts),
            "WARN" | "WARNING" if gave_up(message) => self.gave_up(message, context, when, facts),
            _ => {}
        }
    }

    fn info(&mut self, message: &str, context: &LineContext<'_>, when: Option<RecordedTime>, facts: &mut Vec<Fact>) {
        let value = |label| after(message, label).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        if let Some(name) = value("project:") {
            self.header.name = Some(name);
        } else if let Some(branch) = value("branch:") {
            self.header.branch = Some(branch);
        } else if let Some(max) = value("max iterations:") {
            self.header.max = max.parse().ok();
        } else if let Some(stories) = value("stories:").filter(|stories| self.sure && stories.contains(" out of ")) {
            let total = stories.split(" out of ").nth(1).and_then(|total| total.split(' ').next()?.parse().ok());
            self.started(total, context, when, facts);
        } else if self.sure && (message.starts_with("Waiting ") || message.starts_with("Running ")) {
            self.activity(message, context, facts);
        }
    }

    fn success(&mut self, message: &str, context: &LineContext<'_>, when: Option<RecordedTime>, facts: &mut Vec<Fact>) {
        if let Some(story) = after(message, "story ").and_then(|remainder| remainder.strip_suffix(" completed")) {
            for story in field::stories(story) {
                self.end_story(story.id.as_deref());
                facts.push(statement(passed(None), Some(story), StatementForm::Entry, context, when));
            }
        } else if is_all_done(message) {
            self.run_ended(true, context, when, facts);
        }
    }

    pub(super) fn activity(&self, text: &str, context: &LineContext<'_>, facts: &mut Vec<Fact>) {
        let text = Some(text.trim_end_matches('.').to_owned());
        facts.push(statement(Statement::Activity { text, iteration: None }, None, StatementForm::Entry, context, None));
    }

    pub(super) fn gave_up(&mut self, message: &str, context: &LineContext<'_>, when: Option<RecordedTime>, facts: &mut Vec<Fact>) {
        if self.over {
            return;
        }
        // It is the run's failure, not the last story's.
        let attempt = self.attempt.take();
        self.error(message, context, when, facts);
        self.attempt = attempt;
        self.run_ended(false, context, when, facts);
    }

    fn execution_log(&mut self, message: &str, context: &LineContext<'_>, when: Option<RecordedTime>, facts: &mut Vec<Fact>) {
        if let Some(story) = after(message, "started:") {
            for story in field::stories(story) {
                let what = Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() };
                facts.push(statement(what, Some(story), StatementForm::Record, context, when));
            }
        } else if let Some(remainder) = after(message, "completed:") {
            let (id, took) = remainder.rsplit_once('(').unwrap_or((remainder, ""));
            for story in field::stories(id) {
                self.end_story(story.id.as_deref());
                facts.push(statement(passed(milliseconds(took)), Some(story), StatementForm::Record, context, when));
            }
        } else if let Some(remainder) = after(message, "failed:") {
            let (id, text) = remainder.split_once(" - ").unwrap_or((remainder, ""));
            // A second end without a start names no story: it says nothing.
            let Some(story) = field::stories(id).into_iter().next() else { return };
            let failed = statement(Statement::TaskEnded { passed: false }, None, StatementForm::Record, context, when);
            let unfinished = Unfinished { failed, story, text: text.to_owned(), lines: 1 };
            if is_whole(text) { self.close(unfinished, facts) } else { self.unfinished = Some(unfinished) }
        } else if after(message, "retry #").is_some() || after(message, "fallback #").is_some() {
            self.activity(message, context, facts);
        }
    }

    /// Takes a further line of a failure's message; says whether it was one.
    pub(super) fn goes_on(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        let Some(mut unfinished) = self.unfinished.take() else { return false };
        unfinished.lines += 1;
        if tag(context.text).is_some() || unfinished.lines > MESSAGE_LINES || unfinished.text.len() > MESSAGE_BYTES {
            self.close(unfinished, facts);
            return false;
        }
        unfinished.text.push('\n');
        unfinished.text.push_str(context.raw.trim_end());
        if is_whole(&unfinished.text) {
            self.close(unfinished, facts)
        } else {
            self.unfinished = Some(unfinished)
        }
        true
    }

    pub(super) fn close(&mut self, unfinished: Unfinished, facts: &mut Vec<Fact>) {
        let Unfinished { failed, story, text, .. } = unfinished;
        let (text, end) = text.rsplit_once("(exit ").unwrap_or((&text, ""));
        let exit_code: Option<i64> = end.split([':', ')']).next().and_then(|code| code.trim().parse().ok());
        let (name, message) = text.split_once(": ").unwrap_or(("", text));
        let (name, message) = (name.trim(), message.trim());
        if exit_code == Some(0) && name.trim_matches(':').is_empty() && message.trim_matches(':').is_empty() {
            // How the logger ends an attempt that goes on: nothing failed.
            return;
        }
        self.end_story(story.id.as_deref());
        if !message.is_empty() {
            let kind = words::error_kind(Some(name), message);
            let what = Statement::Error(Failure { kind, message: message.to_owned(), retryable: None, exit_code });
            facts.push(Fact { statement: what, story: Some(story.clone()), ..failed.clone() });
        }
        let what =
            Statement::StoryEnded { outcome: Outcome::Failed { reason: "failed".to_owned() }, duration_ms: None, commits: Vec::new() };
        facts.push(Fact { statement: what, story: Some(story), ..failed });
    }
}

/// What a script says behind `[SUCCESS]` when the run is over.
fn is_all_done(message: &str) -> bool {
    const STARTS: [&str; 3] = ["all stories complete", "feature implementation complete", "all tasks complete"];
    STARTS.iter().any(|start| after(message, start).is_some()) || message.contains("Ralph has completed the project")
}

pub(super) fn passed(duration_ms: Option<u64>) -> Statement {
    Statement::StoryEnded { outcome: Outcome::Passed, duration_ms, commits: Vec::new() }
}

/// A line that says that the script stops because it has had its rounds.
pub(super) fn gave_up(text: &str) -> bool {
    const WORDS: [&str; 4] =
        ["reached max iterations", "max iterations reached", "reached maximum iterations", "maximum iterations reached"];
    let lower = text.to_ascii_lowercase();
    WORDS.iter().any(|words| lower.contains(words))
}

/// `[TAG] message`, perhaps behind a time in brackets or bare: the time, the tag, the message.
fn tag(text: &str) -> Option<(Option<&str>, &str, &str)> {
    let (stamp, text) = match text.as_bytes() {
        [b'[', b'0'..=b'9', ..] => {
            let (stamp, remainder) = text[1..].split_once(']')?;
            (Some(stamp), remainder.trim_start())
        }
        [b'0'..=b'9', ..] => {
            let at = text.bytes().take(40).position(|b| b == b'[')?;
            (Some(text[..at].trim_end()), &text[at..])
        }
        _ => (None, text),
    };
    let (tag, message) = text.strip_prefix('[')?.split_once(']')?;
    let known = COMMON.contains(&tag) || matches!(tag, "EXEC-LOG" | "LOOP") || after(tag, "iteration ").is_some();
    known.then_some((stamp, tag, message.trim()))
}

/// `[NAME] …` with a name in capitals, which a script's own tags are.
fn is_plain_tag(text: &str) -> bool {
    text.strip_prefix('[').and_then(|text| text.split_once(']')).is_some_and(|(tag, message)| {
        message.starts_with(' ') && (2..=20).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
    })
}

fn is_whole(failure: &str) -> bool {
    failure.contains("(exit ") && failure.ends_with(')')
}

/// `59ms)`, `1.5s)`.
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim_end_matches(')');
    let (number, scale) = text.strip_suffix("ms").map(|number| (number, 1.0)).or_else(|| text.strip_suffix('s').map(|n| (n, 1000.0)))?;
    let millis = number.trim().parse::<f64>().ok()? * scale;
    // As in the execution log: a start that was never set counts from 1970.
    (0.0..=30.0 * 24.0 * 3600.0 * 1000.0).contains(&millis).then_some(millis as u64)
}
