//! Names of pieces of work: which tokens are an id, of which kind, and which ids head a line.
//!
//! Kinds are tried from the surest to the weakest. A weak kind needs support: a place at the head of the line, or a second
//! number under the same prefix in the file ([`Prefixes`]).

mod forms;
mod prefixes;

use std::borrow::Cow;
use std::collections::HashSet;

use self::forms::{dotted, is_numeral, joined_by, letter, lower, slug, starts_apart, upper};
pub(crate) use self::prefixes::Prefixes;
use super::token::{TextToken, TokenKind};
use super::words::{Class, Classes};
use super::{Span, SpanKind};

/// How an id is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum IdKind {
    /// `US-001`
    Upper,
    /// `Task 12`; the id is the number.
    Word,
    /// `Phase 2`: a word for a group of work.
    Phase,
    /// `bug-001`
    Lower,
    /// `#6.1`
    Number,
    /// `1.2`
    Dotted,
    /// `F006`
    Letter,
    /// `add-basket`
    Slug,
    /// `### 3. words`
    HeadingNumber,
    /// `Story: 12`
    LabelNumber,
}

/// What a line is lexed against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    pub(crate) prefixes: Prefixes,
    /// Ids of the plan, upper case; bare numbers are not among them.
    pub(crate) plan_ids: HashSet<Box<str>>,
}

/// The longest run of tokens that a plan's id is looked for in.
const PLAN_ID_TOKENS: usize = 9;

/// Takes ids of the plan, however they are built.
pub(crate) fn plan_ids(text: &str, tokens: &mut [TextToken], spans: &mut Vec<Span>, terms: &Terms) {
    if terms.plan_ids.is_empty() {
        return;
    }
    let mut at = 0;
    while at < tokens.len() {
        at += match plan_id_at(text, tokens, at, terms) {
            Some(count) => {
                let kind = kind_of(text[tokens[at].start as usize..tokens[at + count - 1].end as usize].trim());
                take(tokens, spans, at, count, SpanKind::Id { kind, is_planned: true }, None);
                count
            }
            None => 1,
        };
    }
}

fn plan_id_at(text: &str, tokens: &[TextToken], at: usize, terms: &Terms) -> Option<usize> {
    if !starts_apart(text, &tokens[at]) {
        return None;
    }
    let run = tokens[at..]
        .iter()
        .enumerate()
        .take_while(|(n, token)| token.taken.is_none() && (*n == 0 || !token.is_spaced))
        .count()
        .min(PLAN_ID_TOKENS);
    (1..=run).rev().find(|count| {
        let end = tokens[at + count - 1].end as usize;
        let follows = text[end..].chars().next();
        let goes_on = follows.is_some_and(|ch| ch.is_alphanumeric() || ch == '_')
            || (matches!(follows, Some('-' | '.')) && text[end + 1..].starts_with(|ch: char| ch.is_alphanumeric()));
        tokens[at + count - 1].is_wordy() && !goes_on && {
            let id = &text[tokens[at].start as usize..end];
            id.len() < 80 && terms.plan_ids.contains(id.to_uppercase().as_str())
        }
    })
}

/// The kind that an id would have if it stood anywhere.
fn kind_of(id: &str) -> IdKind {
    let mut tokens = Vec::new();
    super::token::tokenize(id, &mut tokens);
    let whole = |count: Option<usize>| count == Some(tokens.len());
    if tokens.is_empty() {
        IdKind::Slug
    } else if whole(upper(id, &tokens, 0)) {
        IdKind::Upper
    } else if whole(lower(id, &tokens, 0)) {
        IdKind::Lower
    } else if whole(dotted(id, &tokens, 0)) {
        IdKind::Dotted
    } else if whole(letter(id, &tokens, 0)) {
        IdKind::Letter
    } else {
        IdKind::Slug
    }
}

fn take(tokens: &mut [TextToken], spans: &mut Vec<Span>, at: usize, count: usize, kind: SpanKind, value: Option<(u32, u32)>) {
    let (start, end) = (tokens[at].start, tokens[at + count - 1].end);
    for token in &mut tokens[at..at + count] {
        token.taken = Some(kind);
    }
    let value = value.unwrap_or((start, end));
    spans.push(Span { kind, start, end, value_start: value.0, value_end: value.1 });
}

/// What [`ids`] needs to know of the line.
pub(crate) struct IdContext {
    /// The line is a heading, or has a label for a piece of work.
    pub(crate) is_titled: bool,
    /// Where the value after a label begins.
    pub(crate) label_value: Option<u32>,
}

/// Takes the ids that the line's words make.
pub(crate) fn ids(text: &str, tokens: &mut [TextToken], spans: &mut Vec<Span>, terms: &Terms, context: &IdContext) {
    // Free words before the token at hand.
    let mut words = 0;
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        // Most words: every kind of id has a digit in its first part, joins several, or follows a word for a piece of work.
        let is_joined = token.has_underscore || text.as_bytes().get(token.end as usize) == Some(&b'-');
        if token.kind == TokenKind::Word && !is_joined && !token.classes.any(Classes::WORK) {
            words += usize::from(token.taken.is_none());
            at += 1;
            continue;
        }
        if token.taken.is_some() || !(token.is_wordy() || token.is(text, b'#')) {
            at += 1;
            continue;
        }
        match id_at(text, tokens, at, terms, context, words) {
            Some((count, kind, value)) => {
                take(tokens, spans, at, count, SpanKind::Id { kind, is_planned: false }, value);
                at += count;
            }
            None => {
                words += usize::from(tokens[at].is_wordy());
                at += 1;
            }
        }
    }
}

type FoundId = (usize, IdKind, Option<(u32, u32)>);

fn id_at(text: &str, tokens: &[TextToken], at: usize, terms: &Terms, context: &IdContext, words: usize) -> Option<FoundId> {
    let first = &tokens[at];
    if first.is(text, b'#') {
        let next = tokens.get(at + 1).filter(|next| !next.is_spaced && next.is_number() && next.len() <= 5 && next.taken.is_none())?;
        let before = text[..first.start as usize].chars().next_back();
        if matches!(before, Some(ch) if ch.is_alphanumeric() || matches!(ch, '&' | '/')) {
            return None;
        }
        let mut last = at + 1;
        while joined_by(text, tokens, last, b".") && tokens[last + 2].is_number() {
            last += 2;
        }
        return Some((last + 1 - at, IdKind::Number, Some((next.start, tokens[last].end))));
    }
    if first.classes.any(Classes::WORK)
        && let Some(found) = after_word(text, tokens, at)
    {
        return Some(found);
    }
    if first.classes.has(Class::Standard) {
        return None;
    }
    if first.kind == TokenKind::Word && !first.has_underscore && !joined_by(text, tokens, at, b"-") {
        return None;
    }
    if let Some(count) = upper(text, tokens, at) {
        return Some((count, IdKind::Upper, None));
    }
    let id = |count: usize| &text[first.start as usize..tokens[at + count - 1].end as usize];
    let closes_line =
        |count: usize| context.is_titled && is_in_closing_list(text, first.start as usize, tokens[at + count - 1].end as usize);
    if let Some(count) = lower(text, tokens, at)
        && (words == 0 || terms.prefixes.support(id(count)) >= 2 || closes_line(count))
    {
        return Some((count, IdKind::Lower, None));
    }
    let heads_value = context.label_value == Some(first.start);
    if first.text(text).starts_with(|ch: char| ch.is_ascii_digit()) {
        let count = dotted(text, tokens, at).filter(|_| words == 0 || heads_value)?;
        return Some((count, IdKind::Dotted, None));
    }
    if let Some(count) = letter(text, tokens, at)
        && (words == 0 || terms.prefixes.support(id(count)) >= 2)
    {
        return Some((count, IdKind::Letter, None));
    }
    let count = slug(text, tokens, at)?;
    let support = terms.prefixes.support(id(count));
    let leads = words == 0 || only_report_words(behind_tag(text, &tokens[..at])) || (heads_value && first.start < 40);
    let stands_alone = leads && ends_apart(text, tokens, at + count);
    let opened = text[..first.start as usize].ends_with(['(', '[']);
    let has_digit = id(count).bytes().any(|byte| byte.is_ascii_digit());
    let is_known = support >= 3 || (support == 2 && (leads || opened)) || closes_line(count);
    (stands_alone || (has_digit && is_known)).then_some((count, IdKind::Slug, None))
}

/// `words (org-001, user-dept-002)`: the line ends with ids in brackets, and this is one of them.
fn is_in_closing_list(text: &str, start: usize, end: usize) -> bool {
    let (Some(open), Some(inner)) = (text[..start].rfind('('), text.strip_suffix(')')) else { return false };
    if end > inner.len() || inner[open + 1..].contains(['(', ')']) {
        return false;
    }
    let is_id = |part: &str| {
        let (name, digits) = part.rsplit_once(['-', '.']).unwrap_or_default();
        name.starts_with(|ch: char| ch.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            && (1..=5).contains(&digits.len())
            && digits.starts_with(|ch: char| ch.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    inner[open + 1..].split([',', '&', '+']).map(str::trim).all(is_id)
}

/// `Task 12`, `Story #3`, `Phase 2.1`, `任务 3`.
fn after_word(text: &str, tokens: &[TextToken], at: usize) -> Option<FoundId> {
    let word = &tokens[at];
    let mut next = at + 1;
    if tokens.get(next).is_some_and(|token| token.is(text, b':') && !token.is_spaced) {
        next += 1;
    }
    if tokens.get(next).is_some_and(|token| token.is(text, b'#')) {
        next += 1;
    }
    let number = tokens.get(next).filter(|token| token.taken.is_none() && is_numeral(text, token, 5))?;
    let mut last = next;
    while joined_by(text, tokens, last, b".") && tokens[last + 2].is_number() {
        last += 2;
    }
    // `task 12/40`, `tasks 12/40`, `task 12%`, `step 2 of 5` say how far one is; `tasks 12/13` are two.
    let remainder = &text[tokens[last].end as usize..];
    let is_list = word.text(text).ends_with('s') && goes_on_by_one(number.text(text), remainder);
    let counts = remainder.starts_with('%')
        || (remainder.starts_with('/') && !is_list)
        || remainder.trim_start().starts_with("of ")
        || remainder.starts_with(|ch: char| ch.is_alphanumeric() || ch == '_');
    if counts || word.text(text).len() > 24 {
        return None;
    }
    let kind = if word.classes.has(Class::Generic) { IdKind::Word } else { IdKind::Phase };
    Some((last + 1 - at, kind, Some((number.start, tokens[last].end))))
}

/// `12` and `/13`: the next number.
fn goes_on_by_one(number: &str, remainder: &str) -> bool {
    let Some(other) = remainder.strip_prefix('/') else { return false };
    let digits = other.bytes().take_while(u8::is_ascii_digit).count();
    let number_of = |digits: &str| digits.parse::<u32>().ok();
    number_of(number).zip(number_of(&other[..digits])).is_some_and(|(low, high)| low + 1 == high)
}

/// `[Coding] Fixed …`: the tokens behind a word in brackets that the line begins with.
fn behind_tag<'t>(text: &str, tokens: &'t [TextToken]) -> &'t [TextToken] {
    match tokens {
        [open, word, close, behind @ ..] if open.is(text, b'[') && word.kind == TokenKind::Word && close.is(text, b']') => behind,
        _ => tokens,
    }
}

/// Only words such as "completed story" stand before.
fn only_report_words(tokens: &[TextToken]) -> bool {
    tokens.iter().filter(|token| token.is_free()).all(|token| {
        token.is_number() || token.classes.any(Classes::MARK) || token.classes.has(Class::Generic) || token.classes.has(Class::Past)
    })
}

/// After an id that stands by itself comes nothing, a separator, or a word on how it ended.
fn ends_apart(text: &str, tokens: &[TextToken], next: usize) -> bool {
    let mut next = next;
    if tokens.get(next).is_some_and(|token| token.is(text, b']') || token.is(text, b')')) {
        next += 1;
    }
    let Some(token) = tokens.get(next) else { return true };
    token.taken.is_some()
        || token.kind == TokenKind::Symbol
        || matches!(text[token.start as usize..].chars().next(), Some(':' | '：' | '-' | '–' | '—' | '|' | '('))
        || token.classes.any(Classes::MARK)
}

/// The id by which two writings are the same: no brackets, no generic word, upper case.
pub(crate) fn normal(id: &str) -> Cow<'_, str> {
    if id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')) {
        return Cow::Borrowed(id);
    }
    let mut normal = String::with_capacity(id.len());
    for ch in id.chars().filter(|ch| !ch.is_whitespace() && !matches!(ch, '[' | ']' | '#' | '*' | '`' | '(' | ')')) {
        if ch.is_ascii() { normal.push(ch.to_ascii_uppercase()) } else { normal.extend(ch.to_uppercase()) }
    }
    Cow::Owned(normal)
}
