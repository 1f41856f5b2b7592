//! The story of the last line that states everything by itself, `[US-002] Starting...`: criteria ticked below that line are its own.

use super::criterion::{self, Read};
use super::{heading, id, rule};
use crate::fact::{Fact, Statement, StatementForm, StoryName};
use crate::line::Line;

/// No tick further below is the story's.
const REACH: u32 = 60;

#[derive(Debug, Clone, Default)]
pub(super) struct StatedStory {
    open: Option<OpenStory>,
    /// The lines begin inside a file, and nothing has shown yet whether a story is open.
    is_unknown: bool,
    /// A criterion was ticked below such a line, or below lines that are not known.
    has_criteria: bool,
}

#[derive(Debug, Clone)]
struct OpenStory {
    story: StoryName,
    /// Hash of the line that states it.
    entry_hash: u64,
    /// The line above announces a list of criteria.
    is_listed: bool,
    lines: u32,
}

impl StatedStory {
    /// For lines that begin somewhere in a file.
    pub(super) fn in_the_middle() -> Self {
        StatedStory { is_unknown: true, ..StatedStory::default() }
    }

    /// Whether ticks depend on a line above them, so that a part of the file cannot be judged alone.
    pub(super) fn has_criteria(&self) -> bool {
        self.has_criteria
    }

    /// A line has stated `facts`: what it says of one story opens that one.
    pub(super) fn open(&mut self, facts: &[Fact]) {
        self.is_unknown = false;
        let of_story = |fact: &&Fact| matches!(fact.statement, Statement::StoryStarted { .. } | Statement::StoryEnded { .. });
        let mut stories = facts.iter().filter(of_story).filter_map(|fact| Some((fact.story.as_ref()?, fact.entry_hash)));
        let first = stories.next();
        let is_sole = stories.all(|(story, _)| first.is_some_and(|(of, _)| of == story));
        self.open =
            first.filter(|_| is_sole).map(|(story, entry_hash)| OpenStory { story: story.clone(), entry_hash, is_listed: false, lines: 0 });
    }

    /// What follows is no story's.
    pub(super) fn close(&mut self) {
        (self.open, self.is_unknown) = (None, false);
    }

    /// Takes another line: the criterion that it marks done, or nothing, and perhaps the end of what belongs to the story.
    pub(super) fn line(&mut self, line: Line<'_>) -> Option<Fact> {
        if self.open.is_none() && !self.is_unknown {
            return None;
        }
        let text = line.text.trim_ascii();
        if is_end(text) {
            self.close();
            return None;
        }
        let read = criterion::read(text, self.open.as_ref().is_some_and(|open| open.is_listed));
        self.has_criteria |= matches!(read, Read::Done(_));
        let open = self.open.as_mut()?;
        open.lines += 1;
        if open.lines > REACH {
            self.open = None;
            return None;
        }
        match read {
            Read::Done(criterion) => {
                let what = Statement::CriterionDone { criterion, duration_ms: None };
                let fact = Fact::on_line(what, Some(open.story.clone()), StatementForm::Line, line.number, line.text);
                Some(Fact { entry_hash: open.entry_hash, ..fact })
            }
            Read::Item => None,
            Read::Intro => {
                open.is_listed = true;
                None
            }
            Read::Other => {
                open.is_listed = false;
                None
            }
        }
    }
}

/// A heading, a rule, a time, a bracket or another id: what follows is something else's.
fn is_end(text: &str) -> bool {
    let is_dated = text.strip_prefix("20").is_some_and(|year| year.starts_with(|ch: char| ch.is_ascii_digit()));
    let is_box = ["[x]", "[X]", "[ ]", "[✓]", "[✔]", "[✅]"].iter().any(|tick| text.starts_with(tick));
    heading(text).is_some() || rule(text).is_some() || is_dated || (text.starts_with('[') && !is_box) || id::is_sure(text)
}
