//! snarktank/ralph and its many copies: `## DATE - ID`, bullets, a rule. No status: the entry exists because the checks passed.
//!
//! Also headings with id and title but no date, and ids after an iteration number: there something else must show that the file is a
//! runner's log, or a status must follow.

use super::field::is_separator;
use super::heading_name::{Name, leading_status};
use super::id::{self, Looks};
use super::opening::{Opening, Silence};
use super::words::{self, Status};
use super::{Family, Reading, Seen, SourceKind, heading, statement, time};
use crate::fact::StoryName;

pub(super) const FAMILY: Family = Family { kind: SourceKind::ProgressLog, begins: b"#", read };

fn read(seen: &Seen<'_>) -> Option<Reading> {
    let (level, text) = heading(seen.text).filter(|(level, _)| (1..=4).contains(level))?;
    let (mark, text) = match words::strip_mark(text) {
        Some((mark, rest)) => (Some(mark.status()), rest),
        None => (None, text),
    };
    let (iteration, text) = match super::iteration(text) {
        Some((iteration, rest)) => (iteration, rest.trim_start_matches(is_separator)),
        None => (None, text),
    };
    let (when, text) = match time::leading(text, seen.clock) {
        Some((when, rest)) => (Some(when), behind_date(rest, text.starts_with('['))?),
        None => (None, text),
    };
    let (mark, text) = match leading_status(text) {
        Some((status, rest)) => (Some(status), rest),
        None => (mark, text),
    };
    let Some(found) = id::leading(text) else {
        if let Some(title) = statement::completed_title(text) {
            let stories = vec![StoryName { id: None, title: Some(title.to_owned()) }];
            return Some(Reading::Opens(Opening { level, stories, when, iteration, status: Some(Status::Passed), ..Opening::default() }));
        }
        let when = when.filter(|_| level > 1 && !seen.planned)?;
        return titled(text, Opening { level, when: Some(when), iteration, status: mark, ..Opening::default() }, seen);
    };
    let name = Name::of(&found, seen)?;
    let when = when.or(name.when);
    let strong = found.looks == Looks::Strong;
    let status = name.status.or(mark);
    // A heading below that of the entry under way (`### Task 1: …`) is about that entry, unless it has a date or an id of the usual make.
    let nested = seen.entry_level.is_some_and(|entry| entry < level);
    let named = name.title.is_some() || iteration.is_some();
    let silence = match when {
        Some(_) if strong || seen.sure => Silence::Passed,
        None if level == 1 => return None,
        // Undated headings are entries where they have a title, in a log, and not under a plan.
        None if strong && seen.sure && !seen.planned && named => Silence::Passed,
        None if found.generic && seen.done && named => Silence::Passed,
        None if seen.planned && status.is_none() => return None,
        None if !strong && nested && iteration.is_none() => return None,
        // Only a title of the usual make tells that its silence is a good sign.
        None if found.generic && seen.known && named && !seen.planned => Silence::Passed,
        Some(_) | None if strong || found.generic || iteration.is_some() => Silence::Nothing,
        // `chore-001` behind a date may be a story; `1.1.0` is a release unless the log is known.
        Some(_) if found.ids[0].contains(|c: char| c.is_ascii_alphabetic()) => Silence::Nothing,
        None if seen.known && named && !seen.planned && id::is_story_like(&found.ids[0]) => Silence::Passed,
        None if (status.is_some() || seen.likely) && id::is_story_like(&found.ids[0]) => Silence::Nothing,
        Some(_) | None => return None,
    };
    let stories = found.ids.into_iter().map(|id| StoryName { id: Some(id), title: name.title.clone() }).collect();
    Some(Reading::Opens(Opening { level, stories, when, iteration, status, silence, ..Opening::default() }))
}

/// `## DATE: title`: an entry without an id.
fn titled(text: &str, mut opening: Opening, seen: &Seen<'_>) -> Option<Reading> {
    let (title, status) = Name::ending(text, seen, &mut opening.when);
    let title = title.filter(|title| !is_no_work(title))?;
    opening.status = opening.status.or(status);
    if seen.sure {
        opening.silence = Silence::Passed;
        opening.stories = vec![slugged(title)];
    } else {
        opening.title = Some(title);
    }
    Some(Reading::Opens(opening))
}

/// `cart-add-item`, `cart-add-item - title`: a name in one word is the id.
fn slugged(title: String) -> StoryName {
    let (word, rest) = title.split_once([' ', ':']).unwrap_or((&title, ""));
    let is_slug = word.contains(['-', '_']) && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let behind = rest.trim_start_matches(is_separator);
    if is_slug && (rest.is_empty() || behind.len() < rest.len()) {
        StoryName { id: Some(word.to_owned()), title: (!behind.is_empty()).then(|| behind.to_owned()) }
    } else {
        StoryName { id: None, title: Some(title) }
    }
}

/// Titles of sections about the run itself and not about a piece of work.
fn is_no_work(title: &str) -> bool {
    const STARTS: &[&str] = &[
        "setup",
        "set-up",
        "set up",
        "initial setup",
        "initial set-up",
        "project setup",
        "initialization",
        "initialized",
        "initialised",
        "init",
        "run started",
        "run complete",
        "codebase",
        "patterns",
        "summary",
        "final summary",
        "session summary",
        "planning",
        "plan",
        "prd",
        "notes",
        "status",
        "quality gate",
        "backlog",
        "next",
        "overview",
        "all stories",
        "all tasks",
        "[",
    ];
    let lower = title.to_lowercase();
    let starts = |start: &&str| {
        lower.strip_prefix(*start).is_some_and(|rest| *start == "[" || !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    // `US-020 ADDED` and the like announce.
    STARTS.iter().any(starts) || [" UPDATE", " ADDED", "XXX", "NNN", "PRD Created", "PRD created"].iter().any(|end| title.ends_with(end))
}

/// What follows a date on a heading: a separator, perhaps after a remark in brackets, then the rest.
fn behind_date(rest: &str, bracketed: bool) -> Option<&str> {
    let mut rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('(') {
        rest = inner.split_once(')')?.1.trim_start();
    }
    let text = rest.trim_start_matches(is_separator);
    (text.len() < rest.len() || bracketed || rest.starts_with('[')).then_some(text)
}
