//! What follows the ids of a heading: title, date and status, in whatever order they are written.

use super::field::is_separator;
use super::id::{self, Ids, Looks};
use super::words::{self, Status};
use super::{Seen, time};
use crate::fact::RecordedTime;

/// See the module.
pub(super) struct Name {
    pub(super) title: Option<String>,
    pub(super) when: Option<RecordedTime>,
    pub(super) status: Option<Status>,
}

impl Name {
    /// `None` when what follows shows that the heading is about the id but no entry for it.
    pub(super) fn of(found: &Ids<'_>, seen: &Seen<'_>) -> Option<Self> {
        let mut text = found.rest.trim();
        // An id that runs straight into prose (`## US-001 needs a designer`) opens nothing.
        let apart =
            text.is_empty() || found.bracketed || text.starts_with(|c: char| is_separator(c) || matches!(c, '(' | '[' | '"' | '“' | '«'));
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
        let (title, ending) = Name::ending(text, seen, &mut when);
        Some(Name { title, when, status: status.or(ending) })
    }

    /// The title and status of a heading's end; `when` takes a date that stands there.
    pub(super) fn ending(mut text: &str, seen: &Seen<'_>, when: &mut Option<RecordedTime>) -> (Option<String>, Option<Status>) {
        let mut status = None;
        // From the end: dates and statuses in brackets, marks, and capital words behind a dash.
        // `Complete: title`, `DONE - title`
        if let Some((Status::Passed, rest)) = words::leading(text)
            && words::remark(text).is_some()
            && rest.trim_start().starts_with([':', '-', '–', '—'])
        {
            status = Some(Status::Passed);
            text = rest.trim_start_matches(is_separator);
        }
        while !text.is_empty() {
            if let Some(found) = words::remark(text) {
                status = status.or(Some(found));
                text = "";
            } else if let Some((before, inner)) = last_bracket(text) {
                if let Some(stamp) = time::whole(inner, seen.clock) {
                    *when = when.or(Some(stamp));
                } else if let Some(found) = words::remark(inner) {
                    status = status.or(Some(found));
                } else {
                    break;
                }
                text = before.trim_end_matches(is_separator);
            } else if let Some((before, found)) = last_words(text, seen, when) {
                status = status.or(found);
                text = before;
            } else {
                break;
            }
        }
        // A remark in brackets is all the title there is.
        let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).filter(|inner| !inner.contains(['(', ')']));
        let title = inner.unwrap_or(text).trim_matches(|c: char| c.is_whitespace() || c == '*');
        ((!title.is_empty()).then(|| title.to_owned()), status)
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
fn last_words<'t>(text: &'t str, seen: &Seen<'_>, when: &mut Option<RecordedTime>) -> Option<(&'t str, Option<Status>)> {
    for dash in [" - ", " — ", " – ", " | ", ": "] {
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

/// `Completed: US-007 - …`, `DONE - US-009`: the status in front of an id, and the text from the id on.
pub(super) fn leading_status(text: &str) -> Option<(Status, &str)> {
    let (status, rest) = words::leading(text)?;
    let id = rest.trim_start_matches(is_separator);
    (id.len() < rest.len() && id::leading(id).is_some_and(|found| found.looks == Looks::Strong || found.generic)).then_some((status, id))
}
