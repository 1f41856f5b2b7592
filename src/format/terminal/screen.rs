//! Boxes that a script redraws in place: the story in them, its criteria, what is going on.
//!
//! Every redraw says all of it again. Only what has changed since the last one is stated.

use std::collections::HashSet;

use super::{LineContext, Terminal, after, statement};
use crate::fact::{Criterion, Fact, Statement, StatementForm, StoryName};
use crate::format::words::{self, OutcomeMark};
use crate::format::{field, id};

/// Rows of criteria that one box may have: as many as a story.
const ROWS: usize = 200;
/// Longest row that is kept, in bytes: no terminal is that wide.
const WIDTH: usize = 2048;

#[derive(Debug, Clone, Default)]
pub(super) struct Screen {
    story: Option<StoryName>,
    /// Whether the rows that follow are criteria.
    in_list: bool,
    rows: Vec<String>,
    /// By row, of the story in the box: it has been stated.
    ticked: Vec<bool>,
    /// Stated by the present drawing; told once that is whole.
    ticks: Vec<Fact>,
    start: Option<Fact>,
    /// Stories whose beginning, and those whose end, a box or a list has stated.
    begun: HashSet<StoryName>,
    passed: HashSet<StoryName>,
    doing: String,
}

impl Screen {
    /// Another attempt at a story: its box begins afresh.
    pub(super) fn forget(&mut self, story: &StoryName) {
        self.begun.retain(|begun| begun.id != story.id || (story.id.is_none() && begun.title != story.title));
        if self.story.as_ref().is_some_and(|own| own.id == story.id) {
            self.ticked.clear();
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.start.is_some() || !self.ticks.is_empty()
    }

    /// The drawing is whole.
    pub(super) fn end(&mut self, facts: &mut Vec<Fact>) {
        self.in_list = false;
        let rows = std::mem::take(&mut self.rows);
        if let (Some(mut start), Some(story)) = (self.start.take(), &self.story)
            && self.begun.insert(story.clone())
        {
            if let Statement::StoryStarted { criteria, .. } = &mut start.statement {
                *criteria = rows;
            }
            facts.push(start);
        }
        facts.append(&mut self.ticks);
    }

    fn shows(&mut self, story: StoryName, context: &LineContext<'_>) {
        if self.story.as_ref() != Some(&story) {
            self.ticked.clear();
        }
        if !self.begun.contains(&story) {
            let what = Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() };
            self.start = Some(statement(what, Some(story.clone()), StatementForm::Summary, context, None));
        }
        self.story = Some(story);
    }

    fn criterion(&mut self, mark: Option<OutcomeMark>, text: &str, context: &LineContext<'_>) {
        let row = self.rows.len();
        let text = &text[..text.floor_char_boundary(WIDTH)];
        if row >= ROWS {
            return;
        }
        self.rows.push(text.to_owned());
        self.ticked.resize(self.ticked.len().max(row + 1), false);
        if mark != Some(OutcomeMark::Tick) || std::mem::replace(&mut self.ticked[row], true) {
            return;
        }
        let Some(story) = self.story.clone() else { return };
        let criterion = Criterion { index: u32::try_from(row).ok(), text: Some(text.to_owned()) };
        let what = Statement::CriterionDone { criterion, duration_ms: None };
        self.ticks.push(statement(what, Some(story), StatementForm::Summary, context, None));
    }
}

impl Terminal {
    /// Takes a line that begins with a character of a box, or with a mark.
    pub(super) fn drawn(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        match context.text.chars().next() {
            Some('║' | '│' | '┃') => self.row(context, facts),
            Some('╚' | '└' | '┗') => {
                self.screen.end(facts);
                self.sure
            }
            Some('╔' | '┌' | '┏') => {
                // A drawing that was broken off says what it got to.
                self.screen.end(facts);
                self.sure
            }
            Some('╠' | '├' | '┣') => {
                self.screen.in_list = false;
                self.sure
            }
            Some('═' | '─' | '━') => self.banner(context.text, context, facts) || self.sure,
            _ => self.listed(context, facts),
        }
    }

    fn row(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        let inner = context.text.trim_matches(['║', '│', '┃', ' ', '\t']);
        if let Some(story) = after(inner, "current story:") {
            if let Some(story) = field::stories(story).into_iter().next() {
                self.sure = true;
                self.screen.end(facts);
                self.screen.shows(uncut(story), context);
            }
            return true;
        }
        if let Some(doing) = after(inner, "currently:").or_else(|| after(inner, "activity:")).filter(|_| self.sure) {
            let doing = doing.trim();
            if !doing.is_empty() && self.screen.doing != doing {
                doing.clone_into(&mut self.screen.doing);
                self.activity(doing, context, facts);
            }
            return true;
        }
        if after(inner, "acceptance criteria").is_some() && self.sure {
            self.screen.in_list = true;
            self.screen.rows.clear();
            return true;
        }
        if self.screen.in_list
            && let Some((mark, text)) = marked(inner)
        {
            if !text.is_empty() {
                self.screen.criterion(mark, text, context);
            }
            return true;
        }
        self.banner(inner, context, facts) || self.sure
    }

    /// `✓ US-001     Create user model`: a row of the list of stories that claude-loop prints when it starts.
    fn listed(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        let Some((mark, text)) = marked(context.text).filter(|_| self.sure) else { return false };
        let Some(found) = id::leading(text).filter(|found| found.remainder.starts_with("  ")) else { return false };
        let title = Some(found.remainder.trim().to_owned()).filter(|title| !title.is_empty());
        let story = uncut(StoryName::new(found.ids.into_iter().next(), title));
        if mark == Some(OutcomeMark::Tick) && self.screen.passed.insert(story.clone()) {
            facts.push(statement(super::tags::passed(None), Some(story), StatementForm::Summary, context, None));
        }
        true
    }
}

/// A mark and what follows it; `None` for the marks that mean "not yet".
fn marked(text: &str) -> Option<(Option<OutcomeMark>, &str)> {
    if let Some((mark, remainder)) = words::strip_mark(text) {
        return Some((Some(mark), remainder.trim()));
    }
    let remainder = text.strip_prefix(['○', '◯', '☐', '▶', '▸', '►', '●', '◐', '·'])?;
    remainder.starts_with([' ', '\u{fe0f}']).then(|| (None, remainder.trim_start_matches('\u{fe0f}').trim()))
}

/// A title that was cut to fit is none, where an id names the story.
fn uncut(story: StoryName) -> StoryName {
    let cut = |title: &str| title.ends_with("...") || title.ends_with('…');
    StoryName { title: story.title.filter(|title| story.id.is_none() || !cut(title)), id: story.id }
}
