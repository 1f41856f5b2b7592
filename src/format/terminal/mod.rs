//! What a runner's script prints while it works: claude-loop's tags and boxes, ralph.sh's banners, ralph-claude-code's log.
//!
//! Keeps what such a log means only by its place: the story under way, the box being drawn, what was left to do. The agent's own output in
//! between is not read here.

mod ralph;
mod screen;
mod tags;

#[cfg(test)]
mod tests;

use super::LineContext;
use crate::fact::{Fact, Failure, Provenance, RecordedTime, Statement, StatementForm, StoryName};
use screen::Screen;
use tags::Unfinished;

/// First bytes of the lines that may be a script's own: tags, box rows and marks, banners, the promise.
const BEGINS: [bool; 256] = {
    let (bytes, mut table, mut at) = (b"[\xE2RISCMc<=2", [false; 256], 0);
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// What has been read of one terminal log.
#[derive(Debug, Clone, Default)]
pub(super) struct Terminal {
    /// A line that only such a script writes has been seen.
    sure: bool,
    header: Header,
    /// The story that the script said it works on.
    attempt: Option<TerminalAttempt>,
    /// Stories that are left to do, as last said.
    remaining: Option<u32>,
    /// The end of the run has been stated since its last round began.
    over: bool,
    /// An error from before the file was known.
    held: Option<Fact>,
    /// A failure whose message runs over several lines.
    unfinished: Option<Unfinished>,
    screen: Screen,
    agent: Agent,
}

#[derive(Debug, Clone, Default)]
struct Header {
    name: Option<String>,
    branch: Option<String>,
    max: Option<u32>,
    emitted: bool,
}

#[derive(Debug, Clone)]
struct TerminalAttempt {
    stories: Vec<StoryName>,
    ended: bool,
    erred: bool,
}

/// Where a line of the agent's output stands.
#[derive(Debug, Clone, Default)]
struct Agent {
    fenced: bool,
    /// The line before announces something: what follows is a quotation.
    quoting: bool,
}

impl Terminal {
    /// Whether the file is a terminal log for certain.
    pub(super) fn is_sure(&self) -> bool {
        self.sure
    }

    /// Whether a line that begins with this byte may be the script's.
    pub(super) fn wants(&self, first: u8) -> bool {
        BEGINS[usize::from(first)] || self.unfinished.is_some()
    }

    /// Takes a line; says whether it was one of the script's.
    pub(super) fn line(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        if self.unfinished.is_some() && self.goes_on(context, facts) {
            return true;
        }
        let known = match context.text.as_bytes()[0] {
            b'[' | b'2' => self.tagged(context, facts),
            0xE2 => self.drawn(context, facts),
            _ => self.banner(context.text, context, facts),
        };
        if known && self.sure {
            facts.extend(self.held.take());
        }
        known
    }

    /// Takes a line that is nobody's: it is the agent's, or a tool's.
    pub(super) fn other(&mut self, text: &str) {
        if text.starts_with("```") {
            self.agent.fenced = !self.agent.fenced;
        }
        self.agent.quoting = text.ends_with(':');
    }

    /// Nothing has followed for a while.
    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        if let Some(unfinished) = self.unfinished.take() {
            self.close(unfinished, facts);
        }
        self.screen.end(facts);
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.unfinished.is_some() || self.screen.is_waiting()
    }

    /// The script begins (again): nothing of the last one is under way.
    fn restart(&mut self) {
        self.sure = true;
        self.header = Header::default();
        self.attempt = None;
        self.remaining = None;
        self.over = false;
        self.agent = Agent::default();
    }

    fn started(&mut self, story_count: Option<u32>, context: &LineContext<'_>, when: Option<RecordedTime>, facts: &mut Vec<Fact>) {
        if !std::mem::replace(&mut self.header.emitted, true) {
            let (name, branch) = (self.header.name.clone(), self.header.branch.clone());
            let what = Statement::TaskStarted { name, branch, description: None, story_count, estimated_secs: None };
            facts.push(statement(what, None, StatementForm::Entry, context, when));
        }
    }

    /// A round begins; `of` is after how many the script gives up.
    fn round(&mut self, number: u32, of: Option<u32>, context: &LineContext<'_>, facts: &mut Vec<Fact>) {
        self.sure = true;
        self.over = false;
        self.agent = Agent::default();
        let iteration = Some((number, of.or(self.header.max)));
        facts.push(statement(Statement::Activity { text: None, iteration }, None, StatementForm::Entry, context, None));
    }

    /// The script works on something now.
    fn works_on(
        &mut self,
        stories: Vec<StoryName>,
        iteration: Option<u32>,
        context: &LineContext<'_>,
        when: Option<RecordedTime>,
        facts: &mut Vec<Fact>,
    ) {
        for story in &stories {
            self.screen.forget(story);
            let what = Statement::StoryStarted { iteration, priority: None, criteria: Vec::new() };
            facts.push(statement(what, Some(story.clone()), StatementForm::Entry, context, when));
        }
        self.attempt = Some(TerminalAttempt { stories, ended: false, erred: false });
    }

    /// Less is left to do than before, and nobody has said why: the story under way is done.
    fn left(&mut self, remaining: u32, context: &LineContext<'_>, facts: &mut Vec<Fact>) {
        if self.remaining.replace(remaining).is_some_and(|before| remaining < before) {
            self.ended_unstated(context, facts);
        }
    }

    fn ended_unstated(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| !attempt.ended) else { return };
        attempt.ended = true;
        for story in attempt.stories.clone() {
            let fact = statement(tags::passed(None), Some(story), StatementForm::Entry, context, None);
            facts.push(Fact { provenance: Provenance::Derived, ..fact });
        }
    }

    /// The attempt at this story is over, whoever said so.
    fn end_story(&mut self, id: Option<&str>) {
        if let Some(attempt) = &mut self.attempt
            && attempt.stories.iter().any(|story| story.id.as_deref() == id)
        {
            attempt.ended = true;
        }
    }

    /// The run is over, as the script or the agent says; said again in other words it is the same.
    fn run_ended(&mut self, passed: bool, context: &LineContext<'_>, when: Option<RecordedTime>, facts: &mut Vec<Fact>) {
        if passed {
            self.ended_unstated(context, facts);
        }
        if !std::mem::replace(&mut self.over, true) {
            facts.push(statement(Statement::TaskEnded { passed }, None, StatementForm::Entry, context, when));
        }
    }

    /// The script says that something went wrong: with the story under way, if there is one.
    fn error(&mut self, message: &str, context: &LineContext<'_>, when: Option<RecordedTime>, facts: &mut Vec<Fact>) {
        let attempt = self.attempt.as_mut().filter(|attempt| !attempt.ended);
        let story = match attempt {
            Some(attempt) if attempt.erred => return,
            Some(attempt) => {
                attempt.erred = true;
                attempt.stories.first().cloned()
            }
            None => None,
        };
        let kind = super::words::error_kind(None, message);
        let what = Statement::Error(Failure { kind, message: message.to_owned(), retryable: None, exit_code: None });
        let fact = statement(what, story, StatementForm::Entry, context, when);
        if self.sure {
            facts.push(fact);
        } else if self.held.is_none() {
            self.held = Some(fact);
        }
    }
}

/// A statement that stands on one line.
fn statement(
    what: Statement,
    story: Option<StoryName>,
    form: StatementForm,
    context: &LineContext<'_>,
    when: Option<RecordedTime>,
) -> Fact {
    Fact { recorded_at: when, ..Fact::on_line(what, story, form, context.number, context.raw) }
}

/// `3/50`, `3 of 50`, `3`: a number, the total behind it, and what follows.
fn count(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let digits = |text: &str| text.bytes().take(9).take_while(u8::is_ascii_digit).count();
    let end = digits(text);
    let number = text[..end].parse().ok()?;
    let remainder = &text[end..];
    let total = remainder.strip_prefix('/').or_else(|| remainder.strip_prefix(" of ")).map(str::trim_start);
    match total.map(|total| (total[..digits(total)].parse().ok(), &total[digits(total)..])) {
        Some((Some(total), after)) => Some((number, Some(total), after)),
        Some((None, _)) | None => Some((number, None, remainder)),
    }
}

/// `text` behind `start`, whatever its case.
fn after<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    text.get(..start.len()).filter(|own| own.eq_ignore_ascii_case(start)).map(|_| &text[start.len()..])
}
