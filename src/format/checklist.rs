//! `fix_plan.md` and its kin: sections of boxes that the agent ticks, moves and adds while it works.
//!
//! A ticked item is a story that passed, a ticked item under another one is a criterion of that. Which section an item stands in means
//! nothing, except that optional ones need not be done. What is read here is known by the file's name or title: boxes alone make no
//! runner's file.

use std::collections::HashSet;

use super::{LineContext, heading, id};
use crate::fact::{Criterion, Fact, Outcome, Provenance, Statement, StatementForm, StoryName};

/// Items deeper than this are items of their parent's parent.
const DEPTH: usize = 2;

/// What has been read of a checklist.
#[derive(Debug, Clone, Default)]
pub(super) struct Checklist {
    sure: bool,
    fenced: bool,
    /// The section need not be done.
    optional: bool,
    /// The item that deeper ones belong to.
    parent: Option<ChecklistItem>,
    /// Items that have been stated: one that stands in two sections is one.
    passed: HashSet<StoryName>,
    open: u64,
    /// The last ticked line, while the end of the run has not been stated.
    last: Option<Fact>,
}

#[derive(Debug, Clone)]
struct ChecklistItem {
    indent: usize,
    story: StoryName,
    /// Boxes below it so far.
    below: u32,
    /// A tick has said that it has been begun.
    begun: bool,
}

impl Checklist {
    /// `by_name` when the file's name says what it is.
    pub(super) fn new(by_name: bool) -> Self {
        Checklist { sure: by_name, ..Checklist::default() }
    }

    /// Whether files of this name are checklists of a runner.
    pub(super) fn is_named(name: &str) -> bool {
        const STEMS: [&str; 3] = ["fix_plan", "fix-plan", "implementation_plan"];
        let name = name.trim_start_matches('@').to_ascii_lowercase();
        name.strip_suffix(".md").is_some_and(|stem| STEMS.contains(&stem))
    }

    pub(super) fn is_sure(&self) -> bool {
        self.sure
    }

    /// Takes the title of a file that may be one.
    pub(super) fn title(&mut self, text: &str) -> bool {
        let lower = text.trim_start_matches('#').trim().to_ascii_lowercase();
        self.sure |= ["ralph fix plan", "fix plan", "@fix_plan", "fix_plan"]
            .iter()
            .any(|title| lower.strip_prefix(title).is_some_and(|remainder| !remainder.starts_with(|c: char| c.is_alphanumeric())));
        self.sure
    }

    /// Takes a line of a checklist; says whether it means anything.
    pub(super) fn line(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        if context.text.starts_with("```") {
            self.fenced = !self.fenced;
            return true;
        }
        if self.fenced {
            return false;
        }
        if let Some((level, title)) = heading(context.text) {
            self.parent = None;
            if level <= 2 || is_optional(title) {
                self.optional = is_optional(title);
            }
            return true;
        }
        let Some((ticked, text)) = boxed(context.text) else { return false };
        let indent = width(context.raw);
        if let Some(parent) = self.parent.as_mut().filter(|parent| indent >= parent.indent + DEPTH) {
            let index = parent.below;
            parent.below += 1;
            if ticked {
                let story = parent.story.clone();
                if !std::mem::replace(&mut parent.begun, true) && !self.passed.contains(&story) {
                    facts.push(begun(&story, context));
                }
                let criterion = Criterion { index: Some(index), text: Some(text.to_owned()) };
                facts.push(statement(Statement::CriterionDone { criterion, duration_ms: None }, Some(story), context));
            }
            return true;
        }
        let Some(story) = story(text) else { return true };
        if !ticked {
            self.open += u64::from(!self.optional);
        } else if self.passed.insert(story.clone()) {
            let what = Statement::StoryEnded { outcome: Outcome::Passed, duration_ms: None, commits: Vec::new() };
            let fact = statement(what, Some(story.clone()), context);
            facts.push(begun(&story, context));
            self.last = Some(Fact {
                statement: Statement::TaskEnded { passed: true },
                story: None,
                provenance: Provenance::Derived,
                ..fact.clone()
            });
            facts.push(fact);
        }
        self.parent = Some(ChecklistItem { indent, story, below: 0, begun: ticked });
        true
    }

    /// Nothing has followed for a while: that was the whole list.
    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        if self.is_waiting() {
            facts.extend(self.last.take());
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.open == 0 && self.last.is_some()
    }
}

/// What is ticked has been begun.
fn begun(story: &StoryName, context: &LineContext<'_>) -> Fact {
    let what = Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() };
    Fact { provenance: Provenance::Derived, ..statement(what, Some(story.clone()), context) }
}

fn statement(what: Statement, story: Option<StoryName>, context: &LineContext<'_>) -> Fact {
    Fact::on_line(what, story, StatementForm::Summary, context.number, context.raw)
}

fn is_optional(title: &str) -> bool {
    let title = title.trim_start_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
    ["optional", "nice to have", "nice-to-have", "someday", "future", "out of scope", "won't do"].iter().any(|word| title.starts_with(word))
}

/// Whether the box of a list item is ticked, and what stands behind it.
fn boxed(text: &str) -> Option<(bool, &str)> {
    let remainder = match text.as_bytes() {
        [b'-' | b'*' | b'+', b' ', ..] => &text[1..],
        [b'0'..=b'9', ..] => text.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(['.', ')'])?,
        _ => return None,
    };
    let inner = remainder.trim_start().strip_prefix('[')?;
    let (mark, remainder) = inner.split_once(']')?;
    let ticked = match mark.trim() {
        "" => false,
        "x" | "X" | "✓" | "✔" | "✅" => true,
        // `[~]`, `[-]`, `[>]`: begun, left out, put off.
        other if other.chars().count() == 1 => false,
        _ => return None,
    };
    remainder.starts_with([' ', '\t']).then(|| (ticked, remainder.trim()))
}

/// The columns before a line's text.
fn width(raw: &str) -> usize {
    raw.bytes().take_while(|b| matches!(b, b' ' | b'\t')).map(|b| if b == b'\t' { 4 } else { 1 }).sum()
}

/// The story that an item is.
fn story(text: &str) -> Option<StoryName> {
    const LONGEST: usize = 1024;
    let text = &text[..text.floor_char_boundary(LONGEST)];
    let bare = |text: &str| text.replace(['*', '`', '~'], "").trim_matches([' ', '✅', '✓', '\u{fe0f}']).to_owned();
    if let Some(found) = id::leading(text) {
        let title = bare(found.remainder.trim_start_matches(super::field::is_separator).trim_start_matches(['*', '.', ':', ' ']));
        return Some(StoryName::new(found.ids.into_iter().next(), Some(title).filter(|title| !title.is_empty())));
    }
    let title = bare(text);
    (!title.is_empty()).then_some(StoryName::new(None, Some(title)))
}
