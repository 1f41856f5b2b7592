//! snarktank/ralph and its many copies: `## DATE - ID`, bullets, a rule. No status: the entry exists because the checks passed.
//!
//! Also headings with id and title but no date, and ids after an iteration number: there something else must show that the file is a
//! runner's log, or a status must follow.

use super::entry::{Opening, Silence};
use super::field::is_separator;
use super::id::{self, Ids, Looks};
use super::words::{self, Status};
use super::{Family, Reading, Seen, SourceKind, heading, time};
use crate::fact::{Stamp, StoryName};

pub(super) const FAMILY: Family = Family { kind: SourceKind::ProgressLog, begins: b"#", read };

fn read(seen: &Seen<'_>) -> Option<Reading> {
    let (level, text) = heading(seen.text).filter(|(level, _)| (2..=4).contains(level))?;
    let (mark, text) = match words::strip_mark(text) {
        Some((mark, rest)) => (Some(mark.status()), rest),
        None => (None, text),
    };
    let (iteration, text) = match super::iteration(text) {
        Some((iteration, rest)) => (iteration, rest.trim_start_matches(is_separator)),
        None => (None, text),
    };
    let (when, text) = match time::leading(text, seen.clock) {
        Some((when, rest)) => (Some(when), behind_date(rest)?),
        None => (None, text),
    };
    let found = id::leading(text)?;
    let name = Name::of(&found, seen)?;
    let when = when.or(name.when);
    let strong = found.looks == Looks::Strong;
    let status = name.status.or(mark);
    let silence = match when {
        Some(_) if strong || seen.sure => Silence::Passed,
        // Undated headings are entries where they have a title, in a log, and not under a plan.
        None if strong && seen.sure && !seen.planned && (name.title.is_some() || iteration.is_some()) => Silence::Passed,
        None if seen.planned && status.is_none() => return None,
        Some(_) | None if strong || iteration.is_some() => Silence::Nothing,
        // `chore-001` behind a date may be a story; `1.1.0` is a release unless the log is known.
        Some(_) if found.ids[0].contains(|c: char| c.is_ascii_alphabetic()) => Silence::Nothing,
        Some(_) | None => return None,
    };
    let stories = found.ids.into_iter().map(|id| StoryName { id: Some(id), title: name.title.clone() }).collect();
    Some(Reading::Opens(Opening { level, stories, when, iteration, status, silence }))
}

/// What follows a date on a heading: a separator, perhaps after a remark in brackets, then the rest.
fn behind_date(rest: &str) -> Option<&str> {
    let mut rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('(') {
        rest = inner.split_once(')')?.1.trim_start();
    }
    let text = rest.trim_start_matches(is_separator);
    (text.len() < rest.len() || rest.starts_with('[')).then_some(text)
}

/// What follows the ids of a heading.
struct Name {
    title: Option<String>,
    when: Option<Stamp>,
    status: Option<Status>,
}

impl Name {
    /// `None` when what follows shows that the heading is about the id but no entry for it.
    fn of(found: &Ids<'_>, seen: &Seen<'_>) -> Option<Self> {
        let mut text = found.rest.trim();
        // An id that runs straight into prose (`## US-001 needs a designer`) opens nothing.
        let apart = text.is_empty() || found.bracketed || text.starts_with(|c: char| is_separator(c) || matches!(c, '(' | '['));
        if !apart && words::remark(text).is_none() {
            return None;
        }
        let (mut when, mut status) = (None, None);
        text = text.trim_start_matches(is_separator);
        if let Some((stamp, rest)) = time::leading(text, seen.clock) {
            when = Some(stamp);
            text = rest.trim_start_matches(is_separator);
        }
        if let Some((mark, rest)) = words::strip_mark(text)
            && words::remark(text).is_none()
        {
            status = Some(mark.status());
            text = rest;
        }
        // From the end: dates and statuses in brackets, marks, and capital words behind a dash.
        while !text.is_empty() {
            if let Some(found) = words::remark(text) {
                status = status.or(Some(found));
                text = "";
            } else if let Some((before, inner)) = last_bracket(text) {
                if let Some(stamp) = time::whole(inner, seen.clock) {
                    when = when.or(Some(stamp));
                } else if let Some(found) = words::remark(inner) {
                    status = status.or(Some(found));
                } else {
                    break;
                }
                text = before.trim_end_matches(is_separator);
            } else if let Some((before, found)) = last_words(text, seen, &mut when) {
                status = status.or(found);
                text = before;
            } else {
                break;
            }
        }
        // A remark in brackets is all the title there is.
        let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).filter(|inner| !inner.contains(['(', ')']));
        let title = inner.unwrap_or(text).trim();
        Some(Name { title: (!title.is_empty()).then(|| title.to_owned()), when, status })
    }
}

/// The last `(…)` or `[…]` of a text that ends with one, and what stands before.
fn last_bracket(text: &str) -> Option<(&str, &str)> {
    let (open, inner) = match text.as_bytes().last()? {
        b')' => ('(', &text[..text.len() - 1]),
        b']' => ('[', &text[..text.len() - 1]),
        _ => return None,
    };
    let at = inner.rfind(open)?;
    Some((&text[..at], &inner[at + 1..]))
}

/// A date or a status behind the last dash, or a mark with or without its word at the end.
fn last_words<'t>(text: &'t str, seen: &Seen<'_>, when: &mut Option<Stamp>) -> Option<(&'t str, Option<Status>)> {
    for dash in [" - ", " — ", " – ", ": "] {
        if let Some(at) = text.rfind(dash) {
            let last = &text[at + dash.len()..];
            if let Some(stamp) = time::whole(last, seen.clock) {
                *when = when.or(Some(stamp));
                return Some((text[..at].trim_end_matches(is_separator), None));
            }
            let capital = last.chars().take_while(|c| c.is_alphabetic()).all(|c| !c.is_lowercase());
            if capital && let Some(status) = words::remark(last) {
                return Some((text[..at].trim_end_matches(is_separator), Some(status)));
            }
        }
    }
    let (at, _) = text.char_indices().rev().find(|(at, _)| words::strip_mark(&text[*at..]).is_some())?;
    let status = words::remark(&text[at..])?;
    Some((text[..at].trim_end_matches(is_separator), Some(status)))
}
