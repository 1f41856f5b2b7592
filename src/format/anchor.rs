//! Fixed grammars that the contract promises, as anchors: a line of theirs is a record whatever the evidence says.
//!
//! claude-loop's blocks: `### Iteration: TIME`, under it `**Story**: ID - title` and, in the end, `**Status**: word`. ralph-tui's:
//! `## ✓ Iteration 1 - US-001: title`. Ralph's: `## TIME - US-001` or `## US-001: title (TIME)`. (The user's own lines,
//! `[US-003] Starting...`, are whole statements: `seed`.)

use super::{heading, iteration};
use crate::lex::{LabelClass, LexedLine};
use crate::record::file::IndexedLog;

/// What an anchored record means while no status has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Its status is always written in the end: without one it is being worked on.
    Awaits,
    /// Its own mark says how it ended.
    Marked,
    /// It is written once its story's checks have passed.
    Reported,
}

/// Whether the line at `at` is of a promised grammar.
pub(super) fn anchor(file: &IndexedLog, at: usize) -> Option<Anchor> {
    /// The line that names the story stands this near below its heading.
    const NEAR: usize = 4;
    let line = &file.lines[at];
    if line.is_label(LabelClass::Story) && line.has_value() && !line.value().starts_with(['[', '<', '{']) {
        let label = line.text.trim_start_matches(['*', '-', ' ']);
        let is_story = label.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("story"));
        let above = (at.saturating_sub(NEAR)..at).rev().find(|above| file.lines[*above].is_heading())?;
        return (is_story && is_iteration(&file.lines[above].text)).then_some(Anchor::Awaits);
    }
    if line.is_heading() && line.times().next().is_some() && names_user_story(line) {
        return Some(Anchor::Reported);
    }
    let is_tui = line.is_heading() && line.lead.is_some() && line.text.starts_with(['✓', '✗', '✔', '✘']);
    (is_tui && is_iteration(line.text.trim_start_matches(['✓', '✗', '✔', '✘', ' ']))).then_some(Anchor::Marked)
}

/// Whether the first id of a line is `US-` and digits.
fn names_user_story(line: &LexedLine) -> bool {
    let id = line.spans.iter().find(|span| span.is_id()).map(|span| span.value(&line.text));
    let digits = id.and_then(|id| id.strip_prefix("US-").or_else(|| id.strip_prefix("us-")));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn is_iteration(text: &str) -> bool {
    let text = heading(text).map_or(text, |(_, text)| text);
    iteration(text.trim_matches(['-', '*', '=', ' '])).is_some()
}
