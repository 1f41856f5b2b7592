//! The ids that head a line: a list or a range of them, written out.

use super::ident::{IdKind, Terms};
use super::{Span, SpanKind};

/// The ids that head a line: the first one and what is joined to it, ranges written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lead {
    pub(crate) kind: IdKind,
    pub(crate) is_planned: bool,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// As written, in order, at most [`MOST_IDS`].
    pub(crate) ids: Vec<Box<str>>,
}

/// A range names no more ids than this.
pub(crate) const MOST_IDS: usize = 100;

/// Finds the ids that head the line.
pub(crate) fn lead(text: &str, spans: &[Span], terms: &Terms) -> Option<Lead> {
    let ids = || spans.iter().filter(|span| span.is_id());
    let first = ids().next()?;
    let (kind, is_planned) = id_kind(first);
    // A sure id further on is what the line is about when the first one is weak.
    let sure = || ids().find(|span| id_kind(span).1).or_else(|| ids().find(|span| id_kind(span).0 == IdKind::Upper));
    let is_weak = !is_planned
        && matches!(kind, IdKind::Slug | IdKind::Letter | IdKind::Dotted | IdKind::Number | IdKind::HeadingNumber | IdKind::Phase);
    let is_backed = kind == IdKind::Slug && first.start == 0 && terms.prefixes.support(first.value(text)) >= 3;
    let first = if is_weak && !is_backed { sure().unwrap_or(first) } else { first };
    let (kind, is_planned) = id_kind(first);
    let mut found: Vec<Box<str>> = vec![first.value(text).into()];
    let mut last = first;
    for next in ids().filter(|next| next.start > first.start) {
        if next.start < last.end {
            continue;
        }
        let between =
            text[last.end as usize..next.start as usize].trim_matches(|ch: char| ch.is_whitespace() || matches!(ch, '[' | ']' | '(' | ')'));
        if between == "/" && is_alias(last.value(text), next.value(text)) {
            last = next;
            continue;
        }
        if is_list(between) {
            found.push(next.value(text).into());
        } else if is_range(between) && (id_kind(last).0 == id_kind(next).0 || (kind == IdKind::Word && id_kind(next).0 == IdKind::Number)) {
            let Some(range) = range(last.value(text), next.value(text)) else { break };
            found.extend(range);
        } else {
            break;
        }
        last = next;
    }
    let mut end = last.end;
    more_numbers(text, &mut end, kind, &mut found);
    if let Some(range) = glued_range(&found) {
        found = range;
    }
    found.truncate(MOST_IDS);
    Some(Lead { kind, is_planned, start: first.start, end, ids: found })
}

fn id_kind(span: &Span) -> (IdKind, bool) {
    match span.kind {
        SpanKind::Id { kind, is_planned } => (kind, is_planned),
        _ => (IdKind::Slug, false),
    }
}

fn is_list(between: &str) -> bool {
    matches!(between, "," | "&" | "+" | "/" | "and" | ", and" | "e" | "y" | "et" | "и" | "、" | "und" | "和" | "，" | "then")
}

fn is_range(between: &str) -> bool {
    matches!(between, "-" | "–" | "—" | "to" | "through" | "thru" | ".." | "..." | "~" | "→" | "至" | "到")
}

/// `feat-015 / REQ-015`: the same number under another name is the same piece of work.
fn is_alias(id: &str, other: &str) -> bool {
    let number = |id: &str| id.find(|ch: char| ch.is_ascii_digit()).map(|at| (id[..at].to_lowercase(), id[at..].to_lowercase()));
    let (Some((name, number)), Some((other_name, other_number))) = (number(id), number(other)) else { return false };
    !name.is_empty() && !other_name.is_empty() && name != other_name && number == other_number
}

fn split_number(id: &str) -> Option<(&str, &str)> {
    let digits = id.bytes().rev().take_while(u8::is_ascii_digit).count();
    (digits > 0 && digits <= 8).then(|| id.split_at(id.len() - digits))
}

/// The ids after `from` up to `to`.
fn range(from: &str, to: &str) -> Option<Vec<Box<str>>> {
    let ((prefix, low), (other, high)) = (split_number(from)?, split_number(to)?);
    let (first, last) = (low.parse::<u32>().ok()?, high.parse::<u32>().ok()?);
    if !prefix.eq_ignore_ascii_case(other) || last <= first || last - first >= MOST_IDS as u32 {
        return None;
    }
    Some((first + 1..=last).map(|number| format!("{prefix}{number:0width$}", width = low.len()).into()).collect())
}

/// `US-001-003`, `US-001 to 006`, `US-001, 002 & 003`, `Tasks 1/2`: numbers that go on with the last id's prefix.
fn more_numbers(text: &str, end: &mut u32, kind: IdKind, found: &mut Vec<Box<str>>) {
    let remainder = &text[*end as usize..];
    let words = remainder.trim_start_matches([' ', ']', ')']);
    // What most ids are followed by begins no list.
    if !words.starts_with(['–', '—', '-', 't', '.', ',', '/', '&', '+', 'a'])
        && !remainder.trim_start().starts_with([',', '/', '&', '+', 'a'])
    {
        return;
    }
    let Some(last) = found.last().cloned() else { return };
    let Some((prefix, low)) = split_number(&last).filter(|(prefix, _)| !prefix.is_empty() || kind == IdKind::Word) else { return };
    let joint = ["–", "—", "-", "to ", "through ", "thru ", "...", ".."].into_iter().find(|joint| words.starts_with(joint));
    if let Some(joint) = joint {
        let after = words[joint.len()..].trim_start();
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let goes_on = after[digits..].starts_with(|ch: char| {
            ch.is_alphanumeric() || matches!(ch, '-' | '/' | ':' | '.') && after[digits + 1..].starts_with(|ch: char| ch.is_ascii_digit())
        });
        if digits >= low.len().min(2) && digits <= 4 && !goes_on {
            let target = format!("{prefix}{}", &after[..digits]);
            if let Some(more) = range(&last, &target).filter(|more| more.len() < 60) {
                found.extend(more);
                *end = (text.len() - after.len() + digits) as u32;
            }
        }
        return;
    }
    let least = if kind == IdKind::Word { 1 } else { 2 };
    // `AB-7/8/12`: directly behind a slash a digit will do.
    let slashed = |text: &str| text.strip_prefix('/').is_some_and(|after| after.starts_with(|ch: char| ch.is_ascii_digit()));
    let is_list = kind == IdKind::Upper && !low.starts_with('0') && low.len() < 3 && slashed(remainder);
    let least = if is_list { 1 } else { least };
    while found.len() < MOST_IDS {
        let remainder = text[*end as usize..].trim_start();
        let Some(after) = remainder.strip_prefix([',', '/', '&', '+']).or_else(|| remainder.strip_prefix("and ")).map(str::trim_start)
        else {
            break;
        };
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let letter = usize::from(after.as_bytes().get(digits).is_some_and(u8::is_ascii_uppercase));
        let tail = &after[digits + letter..];
        let goes_on = tail.starts_with(|ch: char| {
            ch.is_alphanumeric()
                || ((matches!(ch, '-' | ':' | '.' | '%') || ch == '/' && !is_list)
                    && tail[1..].starts_with(|ch: char| ch.is_alphanumeric()))
        });
        if digits < least || digits > 4 || goes_on {
            break;
        }
        found.push(format!("{prefix}{}", &after[..digits + letter]).into());
        *end = (text.len() - tail.len()) as u32;
    }
}

/// `US-001-003` alone.
fn glued_range(found: &[Box<str>]) -> Option<Vec<Box<str>>> {
    let [id] = found else { return None };
    let (start, high) = id.rsplit_once('-')?;
    let (prefix, low) = split_number(start)?;
    let fits = prefix.ends_with('-') && low.len() == 3 && high.len() == 3 && high.bytes().all(|byte| byte.is_ascii_digit());
    if !fits {
        return None;
    }
    let mut ids: Vec<Box<str>> = vec![start.into()];
    ids.extend(range(start, &format!("{prefix}{high}"))?);
    Some(ids)
}
