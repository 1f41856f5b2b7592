//! Marks: words and signs that say how something ended, and where in the line they stand. In the middle of prose a word is no mark.

use super::structure::Structure;
use super::token::{TextToken, TokenKind};
use super::words::{Class, Classes};
use super::{Span, SpanKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Polarity {
    Positive,
    Negative,
    Open,
    /// "0 failed", "not blocked": nothing follows from it.
    Void,
}

/// Where a mark stands, the surest place first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Position {
    Start,
    End,
    /// In brackets of its own.
    Bracketed,
    /// Between separators.
    Segment,
    Capitals,
    Symbol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    pub(crate) polarity: Polarity,
    pub(crate) position: Position,
}

/// What the mark at token `at` says, turned round by what stands before it; and how many tokens it has.
fn polarity_at(text: &str, tokens: &[TextToken], at: usize) -> Option<(Polarity, usize)> {
    let token = &tokens[at];
    if token.is(text, b'[') {
        let inner = tokens.get(at + 1)?;
        let close = |n: usize| tokens.get(at + n).is_some_and(|token| token.is(text, b']'));
        return match inner.text(text) {
            "x" | "X" if close(2) => Some((Polarity::Positive, 3)),
            "]" if text[token.start as usize..].starts_with("[ ]") => Some((Polarity::Open, 2)),
            _ => None,
        };
    }
    if !token.classes.any(Classes::MARK) || glued(text, token, &tokens[at + usize::from(token.reach) - 1]) {
        return None;
    }
    let reach = usize::from(token.reach);
    let next = tokens.get(at + reach);
    let polarity = if reach > 1 || token.classes.has(Class::Open) {
        // "TODO:" announces a list.
        let is_todo = ["todo", "to"].iter().any(|word| token.text(text).eq_ignore_ascii_case(word));
        if is_todo && next.is_some_and(|next| next.is(text, b':')) {
            return None;
        }
        // A phrase may be of another kind than its first word: "not started", "timed out".
        if token.classes.has(Class::Open) {
            Polarity::Open
        } else if token.classes.has(Class::Negative) {
            Polarity::Negative
        } else {
            Polarity::Positive
        }
    } else if token.classes.has(Class::Positive) {
        Polarity::Positive
    } else {
        Polarity::Negative
    };
    let is_negated = at.checked_sub(1).map(|before| &tokens[before]).is_some_and(|before| {
        before.classes.has(Class::Negate)
            || before.text(text) == "0"
            || (before.text(text) == "t" && text[..before.start as usize].ends_with(['\'', '’']))
    });
    let polarity = match (polarity, is_negated) {
        (polarity, false) => polarity,
        (Polarity::Positive, true) => Polarity::Open,
        (_, true) => Polarity::Void,
    };
    Some((polarity, reach))
}

/// Part of a longer word: `type-error`, `done-ish`, `failed_tests`.
fn glued(text: &str, first: &TextToken, last: &TextToken) -> bool {
    if first.kind == TokenKind::Symbol {
        return false;
    }
    let before = text[..first.start as usize].ends_with(['-', '_', '/', '.'])
        && text[..first.start as usize - 1].ends_with(|ch: char| ch.is_alphanumeric());
    let remainder = &text[last.end as usize..];
    before
        || (remainder.starts_with(['-', '_', '/']) && remainder[1..].starts_with(|ch: char| ch.is_alphanumeric()))
        || remainder.starts_with(['(', '\'']) && remainder[1..].starts_with([')', 's'])
}

/// Takes the marks of a line; `is_ticked` when it is a ticked row.
pub(crate) fn marks(text: &str, tokens: &mut [TextToken], spans: &mut Vec<Span>, structure: Structure, is_ticked: bool) {
    let total = tokens.iter().filter(|token| token.is_free()).count();
    let mut before = 0;
    let mut at = 0;
    let mut found: Vec<(usize, usize, Mark)> = Vec::new();
    while at < tokens.len() {
        let token = tokens[at];
        if token.taken.is_some() || !(token.classes.any(Classes::MARK) || token.is(text, b'[')) {
            before += usize::from(token.is_free());
            at += 1;
            continue;
        }
        let Some((polarity, reach)) = polarity_at(text, tokens, at) else {
            before += usize::from(token.is_free());
            at += 1;
            continue;
        };
        let own = tokens[at..at + reach].iter().filter(|token| token.is_free()).count();
        let position = position(text, tokens, at, reach, before, total - before - own, structure);
        let is_of_title = |position: &Position| match position {
            Position::Start if begins_title(text, tokens, at, reach, polarity) => true,
            Position::Start | Position::End => {
                let is_marked = is_ticked || found.iter().any(|(_, _, mark)| mark.polarity == Polarity::Positive);
                polarity == Polarity::Negative && total == before + own && ends_title(text, tokens, at, reach, is_marked, structure)
            }
            Position::Bracketed | Position::Segment | Position::Capitals | Position::Symbol => false,
        };
        if let Some(position) = position.filter(|position| !is_of_title(position)) {
            found.push((at, reach, Mark { polarity, position }));
        }
        before += own;
        at += reach;
    }
    for (at, reach, mark) in found {
        let kind = SpanKind::Mark(mark);
        let (start, end) = (tokens[at].start, tokens[at + reach - 1].end);
        for token in &mut tokens[at..at + reach] {
            token.taken = Some(kind);
        }
        spans.push(Span { kind, start, end, value_start: start, value_end: end });
    }
}

/// `Failed login shows a message`, `Error Handling`: the word is the title's, not the record's.
fn begins_title(text: &str, tokens: &[TextToken], at: usize, reach: usize, polarity: Polarity) -> bool {
    let is_capitalized = tokens[at].kind == TokenKind::Word && tokens[at].text(text).chars().skip(1).all(char::is_lowercase);
    let goes_on = tokens.get(at + reach).is_some_and(|next| {
        let is_named = polarity == Polarity::Negative && next.kind == TokenKind::Word && !next.classes.any(Classes::MARK);
        let goes_on = next.text(text).starts_with(char::is_lowercase) || is_named;
        next.is_spaced && next.is_free() && !next.classes.has(Class::Why) && goes_on
    });
    let is_adjective = polarity == Polarity::Negative || matches!(tokens[at].text(text), "Complete" | "complete" | "Done" | "done");
    is_capitalized && goes_on && is_adjective
}

/// `Show the login error`, `Retry when blocked`, `US-003: Timeout`: the word is the title's. Behind a sign that sets it off it is the
/// record's, unless the record has its mark already or the word is written as a heading's title.
fn ends_title(text: &str, tokens: &[TextToken], at: usize, reach: usize, is_marked: bool, structure: Structure) -> bool {
    let word = &text[tokens[at].start as usize..tokens[at + reach - 1].end as usize];
    let Some(previous) = at.checked_sub(1).map(|n| &tokens[n]).filter(|_| word.chars().any(char::is_lowercase)) else { return false };
    let is_noun = tokens[at].classes.has(Class::Trouble);
    if previous.is_free() {
        is_noun || previous.classes.has(Class::Why) || previous.classes.has(Class::LeadNote)
    } else {
        let is_titled = matches!(structure, Structure::Heading | Structure::RuledHeading) && word.starts_with(char::is_uppercase);
        is_noun && (is_marked || is_titled)
    }
}

/// What the value of a label that begins at token `from` says: its first mark. A failure's word before another noun or among others in a
/// list says nothing: `Error handling works`, `shows the failed payment`, `rows, loading, error`.
pub(crate) fn value_polarity(text: &str, tokens: &[TextToken], from: usize) -> Option<Polarity> {
    (from..tokens.len()).find_map(|at| {
        let (polarity, reach) = polarity_at(text, tokens, at)?;
        let word = &tokens[at];
        let can_qualify = word.kind == TokenKind::Word
            && word.text(text).chars().any(char::is_lowercase)
            && (at > from || word.classes.has(Class::Trouble));
        let goes_on = tokens.get(at + reach).is_some_and(|next| {
            next.is_spaced && next.kind == TokenKind::Word && !next.classes.has(Class::Why) && !next.classes.any(Classes::MARK)
        });
        let is_listed =
            at > from && word.classes.has(Class::Trouble) && (tokens[at - 1].is(text, b',') || tokens[at - 1].classes.has(Class::Join));
        let is_other = can_qualify && (goes_on || is_listed);
        (polarity != Polarity::Negative || !is_other).then_some(polarity)
    })
}

/// Where a mark stands; `None` in the middle of prose.
fn position(
    text: &str,
    tokens: &[TextToken],
    at: usize,
    reach: usize,
    before: usize,
    after: usize,
    structure: Structure,
) -> Option<Position> {
    let word = &text[tokens[at].start as usize..tokens[at + reach - 1].end as usize];
    let previous = at.checked_sub(1).map(|n| &tokens[n]);
    let next = tokens.get(at + reach);
    let first_char = |token: &TextToken| text[token.start as usize..].chars().next().unwrap_or(' ');
    let is_capitals = word.len() > 2 && word.chars().any(char::is_alphabetic) && !word.chars().any(char::is_lowercase);
    let is_symbol = matches!(tokens[at].kind, TokenKind::Symbol) || word.starts_with('[');
    if before == 0 {
        return Some(Position::Start);
    }
    if after == 0 {
        let is_set_off = previous.is_some_and(|token| {
            token.taken.is_some()
                || matches!(first_char(token), '-' | '–' | '—' | '|' | ':' | '(' | '[' | '*' | '→' | '：' | '（' | '=' | '>')
        });
        let is_heading = matches!(structure, Structure::Heading | Structure::RuledHeading);
        let is_short = tokens[at].start < 40;
        return (is_capitals || is_symbol || is_set_off || is_heading || is_short).then_some(Position::End);
    }
    let opened = previous.is_some_and(|token| matches!(first_char(token), '(' | '[' | '{' | '（' | '【'));
    let closed = next.is_some_and(|token| matches!(first_char(token), ')' | ']' | '}' | '）' | '】'));
    if opened && closed {
        return Some(Position::Bracketed);
    }
    let apart_before =
        previous.is_some_and(|token| token.taken.is_some() || matches!(first_char(token), '-' | '–' | '—' | '|' | ':' | '→' | '：'));
    let apart_after = next.is_none_or(|token| {
        token.taken.is_some() || matches!(first_char(token), '-' | '–' | '—' | '|' | ':' | ',' | '(' | '.' | '：' | '，')
    });
    if apart_before && apart_after {
        return Some(Position::Segment);
    }
    if is_capitals {
        return Some(Position::Capitals);
    }
    is_symbol.then_some(Position::Symbol)
}
