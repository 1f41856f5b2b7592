//! Names of pieces of work: which tokens are an id, of which kind, and which ids head a line.
//!
//! Kinds are tried from the surest to the weakest. A weak kind needs support: a place at the head of the line, or a second
//! number under the same prefix in the file ([`Prefixes`]).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::token::{TextToken, TokenKind};
use super::words::{Class, Classes, Fnv};
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

/// What the file has shown: support for weak ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prefixes {
    /// The first three different numbers of each prefix.
    numbers: HashMap<u64, [u64; 3], BuildHasherDefault<Fnv>>,
}

impl Prefixes {
    /// Notes the prefixes near the head of `line`.
    pub(crate) fn note(&mut self, line: &str) {
        let bytes = line.as_bytes();
        let mut at = 0;
        let stop = bytes.len().min(160);
        while at < stop {
            if !bytes[at].is_ascii_alphanumeric()
                || (at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'.' | b'/' | b'-' | b'_')))
            {
                at += 1;
                continue;
            }
            let start = at;
            let mut last_join = None;
            let mut digits = None;
            while at < bytes.len()
                && (bytes[at].is_ascii_alphanumeric()
                    || (matches!(bytes[at], b'-' | b'_' | b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric)))
            {
                if matches!(bytes[at], b'-' | b'.') {
                    last_join = Some(at);
                }
                digits = match digits {
                    None if bytes[at].is_ascii_digit() => Some(at),
                    Some(_) if !bytes[at].is_ascii_digit() => None,
                    other => other,
                };
                at += 1;
            }
            if !bytes[start].is_ascii_alphabetic() {
                continue;
            }
            if let Some(digits) = digits.filter(|digits| at - digits <= 5 && *digits > start) {
                self.add(&bytes[start..digits], &bytes[digits..at]);
            } else if let Some(join) = last_join.filter(|join| at - join <= 5 && bytes[start].is_ascii_lowercase()) {
                self.add(&bytes[start..=join], &bytes[join + 1..at]);
            }
        }
    }

    fn add(&mut self, prefix: &[u8], number: &[u8]) {
        let number = hash(number) | 1;
        let numbers = self.numbers.entry(hash(prefix)).or_default();
        if numbers.contains(&number) {
            return;
        }
        if let Some(free) = numbers.iter_mut().find(|slot| **slot == 0) {
            *free = number;
        }
    }

    /// How many numbers the prefix of `id` has, up to three.
    pub(super) fn support(&self, id: &str) -> usize {
        let bytes = id.as_bytes();
        let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let end = if digits > 0 {
            bytes.len() - digits
        } else {
            bytes.iter().rposition(|byte| matches!(byte, b'-' | b'.')).map_or(0, |at| at + 1)
        };
        self.numbers.get(&hash(&bytes[..end])).map_or(0, |numbers| numbers.iter().filter(|slot| **slot != 0).count())
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut state = Fnv::default();
    state.write(bytes);
    state.finish()
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

/// Nothing that could be part of the id stands directly before the token.
fn starts_apart(text: &str, token: &TextToken) -> bool {
    !matches!(text[..token.start as usize].chars().next_back(), Some(ch) if ch.is_alphanumeric() || matches!(ch, '.' | '/' | '-' | '_'))
}

fn take(tokens: &mut [TextToken], spans: &mut Vec<Span>, at: usize, count: usize, kind: SpanKind, value: Option<(u32, u32)>) {
    let (start, end) = (tokens[at].start, tokens[at + count - 1].end);
    for token in &mut tokens[at..at + count] {
        token.taken = Some(kind);
    }
    let value = value.unwrap_or((start, end));
    spans.push(Span { kind, start, end, value_start: value.0, value_end: value.1 });
}

fn is_upper(text: &str, token: &TextToken) -> bool {
    token.text(text).bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// `tokens[at]` is directly followed by the sign, and that directly by another token.
fn joined_by(text: &str, tokens: &[TextToken], at: usize, signs: &[u8]) -> bool {
    matches!((tokens.get(at + 1), tokens.get(at + 2)), (Some(sign), Some(next))
        if !sign.is_spaced && !next.is_spaced && next.taken.is_none() && sign.taken.is_none()
            && signs.iter().any(|wanted| sign.is(text, *wanted)))
}

/// Digits, perhaps with one letter after them: `001`, `107A`.
fn is_numeral(text: &str, token: &TextToken, longest: usize) -> bool {
    let bytes = token.text(text).as_bytes();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && digits <= longest && (bytes.len() == digits || (bytes.len() == digits + 1 && bytes[digits].is_ascii_alphabetic()))
}

/// What follows an id goes on with it: `US-001-fix`, `v1.2beta`.
fn goes_on(text: &str, end: u32, signs: &[u8]) -> bool {
    let remainder = text.as_bytes().get(end as usize..).unwrap_or_default();
    match remainder {
        [first, ..] if first.is_ascii_alphanumeric() || *first == b'_' => true,
        [first, second, ..] if signs.contains(first) => second.is_ascii_lowercase(),
        _ => false,
    }
}

/// `US-001`, `GS_X-12`, `US-107A`, `SQL-1.0`: how many tokens it has.
fn upper(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let first = &tokens[at];
    let before = text[..first.start as usize].chars().next_back();
    let is_apart = match before {
        Some('/') => text[..first.start as usize - 1].ends_with(|ch: char| ch.is_ascii_digit()),
        Some(ch) => !(ch.is_alphanumeric() || matches!(ch, '.' | '-' | '_')),
        None => true,
    };
    let starts_well = text.as_bytes()[first.start as usize].is_ascii_uppercase() && is_upper(text, first) && first.len() <= 24;
    // `12656b00-FEAT-001`: the run's hash before the id.
    let is_hash = first.len() == 8
        && first.text(text).bytes().all(|byte| byte.is_ascii_hexdigit())
        && joined_by(text, tokens, at, b"-")
        && tokens[at + 2].kind == TokenKind::Word;
    if !is_apart || !(starts_well || is_hash) {
        return None;
    }
    let mut last = at;
    let mut end = None;
    let mut parts = 0;
    while joined_by(text, tokens, last, b"-") && parts < 4 {
        let next = &tokens[last + 2];
        // `P3-T2`: letters and a number in every part.
        let is_step =
            parts == 0 && is_letter_number(text, first) && is_letter_number(text, next) && first.text(text)[..1] != next.text(text)[..1];
        if is_numeral(text, next, 8) || is_step {
            last += 2;
            end = Some(last);
            while joined_by(text, tokens, last, b"-.") && is_numeral(text, &tokens[last + 2], 4) {
                last += 2;
                end = Some(last);
            }
            break;
        }
        if !is_upper(text, next) {
            break;
        }
        last += 2;
        parts += 1;
    }
    let mut end = end?;
    // `TASK-01-A`
    if joined_by(text, tokens, end, b"-")
        && tokens[end + 2].len() == 1
        && is_upper(text, &tokens[end + 2])
        && !goes_on(text, tokens[end + 2].end, b"-.")
    {
        end += 2;
    }
    (!goes_on(text, tokens[end].end, b"-.") && !is_placeholder(&text[first.start as usize..tokens[end].end as usize]))
        .then_some(end + 1 - at)
}

/// Up to three capitals, then digits: `P3`.
fn is_letter_number(text: &str, token: &TextToken) -> bool {
    let bytes = token.text(text).as_bytes();
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    (1..=3).contains(&letters) && bytes.len() > letters && bytes.len() <= letters + 3 && bytes[letters..].iter().all(u8::is_ascii_digit)
}

/// `US-XXX`, `FEAT-NNN`: an example, not an id.
fn is_placeholder(id: &str) -> bool {
    id.contains("XX") || id.contains("NNN") || id.contains("YYY") || id.ends_with("NN")
}

/// `bug-001`, `task-2`, `GSheet-001`.
fn lower(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let first = &tokens[at];
    let starts_well = text.as_bytes()[first.start as usize].is_ascii_alphabetic() && first.text(text).is_ascii();
    if !starts_well || !starts_apart(text, first) || !joined_by(text, tokens, at, b"-") || !is_numeral(text, &tokens[at + 2], 5) {
        return None;
    }
    let mut last = at + 2;
    while joined_by(text, tokens, last, b"-.") && tokens[last + 2].is_number() {
        last += 2;
    }
    let follows = text.as_bytes().get(tokens[last].end as usize);
    (!follows.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))).then_some(last + 1 - at)
}

/// `1.2`, `6.1.3`, `2B.1`.
fn dotted(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let first = &tokens[at];
    let before = text[..first.start as usize].chars().next_back();
    let digits = first.text(text).bytes().take_while(u8::is_ascii_digit).count();
    let is_lettered = digits > 0 && digits + 1 == first.len() && first.text(text).ends_with(|ch: char| ch.is_ascii_uppercase());
    if !(first.is_number() || is_lettered)
        || first.len() > 3
        || matches!(before, Some(ch) if ch.is_alphanumeric() || matches!(ch, '.' | '$' | '_' | '-' | '/' | '~' | '<' | '>' | '^' | '='))
    {
        return None;
    }
    let mut last = at;
    while last < at + 6 && joined_by(text, tokens, last, b".") && tokens[last + 2].is_number() && tokens[last + 2].len() <= 3 {
        last += 2;
    }
    let remainder = &text[tokens[last].end as usize..];
    let goes_on = remainder.starts_with(|ch: char| ch.is_alphanumeric() || matches!(ch, '%' | '_'))
        || (remainder.starts_with(['-', '.']) && remainder[1..].starts_with(|ch: char| ch.is_alphanumeric()));
    (last > at && !goes_on).then_some(last + 1 - at)
}

/// `F006`, `S1`, `M2a`, `T1.2`.
fn letter(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let first = &tokens[at];
    let bytes = first.text(text).as_bytes();
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let digits = bytes[letters..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let remainder = bytes.len() - letters - digits;
    let is_one = first.kind == TokenKind::Mixed
        && (1..=5).contains(&letters)
        && (1..=4).contains(&digits)
        && (remainder == 0 || (remainder == 1 && bytes[bytes.len() - 1].is_ascii_lowercase()));
    let prefix = &bytes[..letters];
    let is_like = |other: &TextToken| {
        other.kind == TokenKind::Mixed
            && other.text(text).as_bytes().starts_with(prefix)
            && other.text(text)[letters..].bytes().all(|byte| byte.is_ascii_digit())
    };
    // `F001-F003`: both ends of a range.
    let ends_range = at >= 2 && tokens[at - 1].is(text, b'-') && !first.is_spaced && !tokens[at - 1].is_spaced && is_like(&tokens[at - 2]);
    // `F002/F003`
    let ends_list = at >= 2 && tokens[at - 1].is(text, b'/') && !first.is_spaced && is_like(&tokens[at - 2]);
    if !is_one || !(starts_apart(text, first) || ends_range || ends_list) {
        return None;
    }
    let mut last = at;
    while joined_by(text, tokens, last, b".") && tokens[last + 2].is_number() {
        last += 2;
    }
    let begins_range =
        tokens.get(last + 1).is_some_and(|token| token.is(text, b'-') && !token.is_spaced) && tokens.get(last + 2).is_some_and(is_like);
    let follows = text.as_bytes().get(tokens[last].end as usize);
    let goes_on = follows.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    (!goes_on || begins_range).then_some(last + 1 - at)
}

/// `add-basket`, `ROUTE_SSH`, `S01-project-setup`, `chloe-2ze.4`.
fn slug(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let first = &tokens[at];
    let bytes = first.text(text).as_bytes();
    if !bytes[0].is_ascii_alphabetic() || !first.text(text).is_ascii() || !starts_apart(text, first) {
        return None;
    }
    let is_low =
        |token: &TextToken| token.text(text).bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let has_letter_first = bytes.len() >= 2 && bytes[0].is_ascii_uppercase() && bytes[1..].iter().all(u8::is_ascii_digit);
    let is_high = is_upper(text, first);
    // `CD-3m6`: a short mixed name under the project's letters.
    if is_high
        && !has_letter_first
        && (2..=6).contains(&first.len())
        && joined_by(text, tokens, at, b"-")
        && !joined_by(text, tokens, at + 2, b"-")
    {
        let name = &tokens[at + 2];
        if (2..=5).contains(&name.len())
            && is_low(name)
            && !goes_on(text, name.end, b"-./")
            && !text[name.end as usize..].starts_with(['/', '('])
        {
            return Some(3);
        }
    }
    let mut last = at;
    let mut has_join = first.text(text).contains('_');
    while last < at + 16 && joined_by(text, tokens, last, b"-") {
        let next = &tokens[last + 2];
        let fits = if is_high && !has_letter_first { is_upper(text, next) } else { is_low(next) };
        if !fits || !next.is_wordy() {
            break;
        }
        last += 2;
        has_join = true;
    }
    if !has_join || !(is_low(first) || is_high) {
        return None;
    }
    while joined_by(text, tokens, last, b".") && tokens[last + 2].is_number() {
        last += 2;
    }
    let remainder = &text[tokens[last].end as usize..];
    let goes_on = remainder.starts_with(|ch: char| ch.is_alphanumeric() || matches!(ch, '_' | '/' | '(' | '.'))
        || (remainder.starts_with('-') && remainder[1..].starts_with(|ch: char| ch.is_alphanumeric()));
    let id = &text[first.start as usize..tokens[last].end as usize];
    (!goes_on && !is_placeholder(id)).then_some(last + 1 - at)
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
        if tokens[at].taken.is_some() || !(tokens[at].is_wordy() || tokens[at].is(text, b'#')) {
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
    if (first.classes.has(Class::Generic) || first.classes.has(Class::Phase))
        && let Some(found) = after_word(text, tokens, at)
    {
        return Some(found);
    }
    if first.classes.has(Class::Standard) {
        return None;
    }
    // Most words: every kind below has a digit in its first part, or joins several.
    if first.kind == TokenKind::Word && !joined_by(text, tokens, at, b"-") && !first.text(text).contains('_') {
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
    // `task 12/40`, `task 12%`, `step 2 of 5` say how far one is.
    let remainder = &text[tokens[last].end as usize..];
    let is_plural = word.text(text).ends_with('s');
    let counts = remainder.starts_with('%')
        || (remainder.starts_with('/') && !is_plural)
        || remainder.trim_start().starts_with("of ")
        || remainder.starts_with(|ch: char| ch.is_alphanumeric() || ch == '_');
    if counts || word.text(text).len() > 24 {
        return None;
    }
    let kind = if word.classes.has(Class::Generic) { IdKind::Word } else { IdKind::Phase };
    Some((last + 1 - at, kind, Some((number.start, tokens[last].end))))
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
