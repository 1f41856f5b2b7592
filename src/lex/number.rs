//! Spans that are numbers or addresses: times, references, iterations, hashes, durations, counters.

use super::token::{TextToken, TokenKind};
use super::words::{Class, Classes, LabelClass, Table};
use super::{IdKind, Label, Span, SpanKind, when};

fn put(tokens: &mut [TextToken], spans: &mut Vec<Span>, from: usize, to: usize, kind: SpanKind) {
    for token in &mut tokens[from..to] {
        token.taken = Some(kind);
    }
    let (start, end) = (tokens[from].start, tokens[to - 1].end);
    spans.push(Span { kind, start, end, value_start: start, value_end: end });
}

pub(super) fn times(text: &str, tokens: &mut [TextToken], spans: &mut Vec<Span>) {
    let mut at = 0;
    while at < tokens.len() {
        let may_begin = matches!(tokens[at].kind, TokenKind::Number | TokenKind::Mixed)
            || tokens[at].classes.has(Class::Day)
            || tokens[at].classes.has(Class::Month);
        let may_begin = may_begin && !is_list_of_numbers(text, &tokens[at]);
        let Some(end) = may_begin.then(|| when::end_of_time(text, tokens, at)).flatten() else {
            at += 1;
            continue;
        };
        let to = at + tokens[at..].iter().take_while(|token| (token.end as usize) <= end).count();
        if to > at {
            put(tokens, spans, at, to, SpanKind::When);
            // A token may be cut by the end of a time ("年"); the span ends where the time does.
            if let Some(span) = spans.last_mut() {
                span.end = end as u32;
                span.value_end = end as u32;
            }
        }
        at = to.max(at + 1);
    }
}

/// `AB-9/10/11`: the numbers are the id's and no day.
fn is_list_of_numbers(text: &str, token: &TextToken) -> bool {
    let before = text[..token.start as usize].strip_suffix('-');
    text[token.end as usize..].starts_with('/') && before.is_some_and(|before| before.ends_with(|ch: char| ch.is_ascii_alphabetic()))
}

/// `PR #9`, `branch: x`, `commit 1a2b3c4`, `https://…`.
pub(super) fn references(text: &str, tokens: &mut [TextToken], spans: &mut Vec<Span>) {
    let mut at = 0;
    while at < tokens.len() {
        match reference_at(text, tokens, at) {
            Some(to) => {
                put(tokens, spans, at, to, SpanKind::Reference);
                at = to;
            }
            None => at += 1,
        }
    }
}

fn reference_at(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let token = &tokens[at];
    if !token.classes.has(Class::Reference) || token.taken.is_some() {
        return None;
    }
    let word = token.text(text);
    let sign = |n: usize, sign: u8| tokens.get(at + n).is_some_and(|token| token.is(text, sign) && token.taken.is_none());
    let unspaced = |from: usize| from + tokens[from..].iter().enumerate().take_while(|(n, token)| *n == 0 || !token.is_spaced).count();
    match word {
        "http" | "https" => (sign(1, b':') && sign(2, b'/')).then(|| unspaced(at)),
        "PR" | "pr" | "MR" | "request" => (sign(1, b'#') && tokens.get(at + 2).is_some_and(TextToken::is_number)).then_some(at + 3),
        "branch" | "Branch" => {
            let from = at + 1 + usize::from(sign(1, b':'));
            (from > at + 1 && from < tokens.len()).then(|| unspaced(from))
        }
        "commit" | "commits" | "Commit" | "Commits" => {
            let from = at + 1 + usize::from(sign(1, b':'));
            let hash = tokens.get(from).filter(|token| is_hex(token.text(text)) && token.taken.is_none())?;
            (hash.len() >= 7).then_some(from + 1)
        }
        _ => None,
    }
}

fn is_hex(word: &str) -> bool {
    (7..=40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// `Iteration 3`, `Session #2/10`, `Loop B`, `第 3 轮`.
pub(super) fn iterations(text: &str, tokens: &mut [TextToken], spans: &mut Vec<Span>) {
    let mut at = 0;
    while at < tokens.len() {
        let Some(to) = iteration_at(text, tokens, at) else {
            at += 1;
            continue;
        };
        put(tokens, spans, at, to, SpanKind::Iteration);
        at = to;
    }
}

/// In a heading one word of another script with a number numbers an attempt, whatever its language calls it: `會話 2 - TIME`.
fn is_foreign_iteration(text: &str, tokens: &[TextToken]) -> bool {
    let word = &tokens[0];
    let is_foreign = matches!(word.kind, TokenKind::Word | TokenKind::Ideographs)
        && !text[..word.end as usize].is_ascii()
        && (word.classes == Classes::NONE || word.classes == Classes::of(Class::Frame));
    let after = tokens.iter().skip(1).find(|token| !token.is(text, b'#'));
    let Some(number) = after.filter(|token| token.is_number() && token.len() <= 4 && token.taken.is_none()) else { return false };
    let remainder = text[number.end as usize..].trim_start();
    let is_dated = tokens.iter().any(|token| token.taken == Some(SpanKind::When));
    is_foreign && is_dated && remainder.starts_with(['-', '–', '—', ':', '：', '(', '（', '|'])
}

fn iteration_at(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let token = &tokens[at];
    if token.taken.is_some() {
        return None;
    }
    if token.text(text) == "第" {
        let number = tokens.get(at + 1).filter(|token| token.is_number())?;
        let after = text[number.end as usize..].trim_start();
        return after.starts_with(['轮', '次', '回']).then_some(at + 3).filter(|to| *to <= tokens.len());
    }
    let is_word = token.classes.has(Class::Iteration) || (at == 0 && is_foreign_iteration(text, tokens));
    if !is_word {
        return None;
    }
    let mut next = at + 1;
    while tokens.get(next).is_some_and(|token| token.is(text, b'#') || token.is(text, b':')) && next < at + 3 {
        next += 1;
    }
    let number = tokens.get(next).filter(|token| token.taken.is_none())?;
    let glued = tokens[at + 1..=next].iter().all(|token| !token.is_spaced) && next > at + 1 && text[..number.start as usize].ends_with(':');
    if number.is_number() && number.len() <= 6 && !glued {
        let mut to = next + 1;
        let joint = tokens.get(to).is_some_and(|token| token.is(text, b'/') || token.text(text) == "of");
        if joint && tokens.get(to + 1).is_some_and(TextToken::is_number) {
            to += 2;
        }
        return Some(to);
    }
    // `Session B`: one capital, and no sentence that goes on.
    let is_letter = number.len() == 1 && text.as_bytes()[number.start as usize].is_ascii_uppercase() && next == at + 1;
    let remainder = &text[number.end as usize..];
    let stands_alone = !remainder.starts_with(' ') || remainder.trim_start().starts_with(['-', '–', '—', ':', '(']);
    (is_letter && stands_alone).then_some(next + 1)
}

/// Commit hashes: hexadecimal, with a digit and a letter.
pub(super) fn hashes(text: &str, tokens: &mut [TextToken], spans: &mut Vec<Span>) {
    for at in 0..tokens.len() {
        let token = &tokens[at];
        let is_joined = || text[..token.start as usize].ends_with('-') || text[token.end as usize..].starts_with('-');
        if token.taken.is_none() && token.kind == TokenKind::Mixed && is_hex(token.text(text)) && !is_joined() {
            put(tokens, spans, at, at + 1, SpanKind::Hash);
        }
    }
}

/// The number of a numbered heading (`### 3. words`), or a bare number after a label for a piece of work (`Story: 12`).
pub(super) fn bare_id(text: &str, tokens: &mut [TextToken], spans: &mut Vec<Span>, label: Option<Label>, is_heading: bool) {
    if is_heading && begins_numbered(text) {
        put(tokens, spans, 0, 1, SpanKind::Id { kind: IdKind::HeadingNumber, is_planned: false });
        return;
    }
    if let Some(label) = label.filter(|label| label.class == LabelClass::Story) {
        let Some(mut at) = tokens.iter().position(|token| token.start >= label.value) else { return };
        if tokens[at].is(text, b'#') || tokens[at].is(text, b'[') {
            at += 1;
        }
        let Some(number) = tokens.get(at).filter(|token| token.is_number() && token.taken.is_none() && token.len() <= 5) else { return };
        let remainder = text[number.end as usize..].trim_start_matches(']').trim_start();
        if remainder.is_empty() || remainder.starts_with(['-', '–', '—', ':']) || text[number.end as usize..].starts_with(']') {
            put(tokens, spans, at, at + 1, SpanKind::Id { kind: IdKind::LabelNumber, is_planned: false });
        }
    }
}

/// `3. words`, `3) words`.
fn begins_numbered(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=3).contains(&digits) && text[digits..].strip_prefix(['.', ')']).is_some_and(|remainder| remainder.starts_with(' '))
}

/// `45 min`, `(~283s)`, `1m 20s`.
pub(super) fn durations(text: &str, tokens: &mut [TextToken], spans: &mut Vec<Span>) {
    let mut at = 0;
    while at < tokens.len() {
        let Some(mut to) = duration_at(text, tokens, at) else {
            at += 1;
            continue;
        };
        while let Some(more) = (to < tokens.len()).then(|| duration_at(text, tokens, to)).flatten() {
            to = more;
        }
        put(tokens, spans, at, to, SpanKind::Duration);
        at = to;
    }
}

fn duration_at(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let token = &tokens[at];
    if !matches!(token.kind, TokenKind::Number | TokenKind::Mixed) || token.taken.is_some() {
        return None;
    }
    let before = text[..token.start as usize].chars().next_back();
    if matches!(before, Some(ch) if ch.is_alphanumeric() || matches!(ch, '-' | '.' | '/' | '#' | '$')) {
        return None;
    }
    let is_unit = |token: &TextToken| token.classes.has(Class::Unit) && token.taken.is_none();
    if token.kind == TokenKind::Mixed {
        let word = token.text(text);
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        // `1S` is the beginning of an id, `1s` a second.
        let is_one = digits > 0
            && digits < word.len()
            && !(digits + 1 == word.len() && word.ends_with(|ch: char| ch.is_ascii_uppercase()))
            && Table::get().word(&word[digits..]).is_some_and(|entry| entry.classes.has(Class::Unit));
        return is_one.then_some(at + 1);
    }
    let mut next = at + 1;
    if tokens.get(next).is_some_and(|token| token.is(text, b'.') && !token.is_spaced) {
        let fraction = tokens.get(next + 1).filter(|token| !token.is_spaced)?;
        if fraction.kind == TokenKind::Mixed {
            let word = fraction.text(text);
            let digits = word.bytes().take_while(u8::is_ascii_digit).count();
            let is_one = digits > 0 && Table::get().word(&word[digits..]).is_some_and(|entry| entry.classes.has(Class::Unit));
            return is_one.then_some(next + 2);
        }
        next += 2;
    }
    tokens.get(next).filter(|token| is_unit(token)).map(|_| next + 1)
}

/// `3/12`, `[4/37]`, `75%`.
pub(super) fn counters(text: &str, tokens: &mut [TextToken], spans: &mut Vec<Span>) {
    let mut at = 0;
    while at < tokens.len() {
        let Some(to) = counter_at(text, tokens, at) else {
            at += 1;
            continue;
        };
        put(tokens, spans, at, to, SpanKind::Counter);
        at = to;
    }
}

fn counter_at(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let token = &tokens[at];
    if !token.is_number() || token.taken.is_some() {
        return None;
    }
    let is_free = |n: usize| tokens.get(n).is_some_and(|token| token.taken.is_none());
    let sign = |n: usize, sign: u8| is_free(n) && tokens[n].is(text, sign);
    if sign(at + 1, b'/') && is_free(at + 2) && tokens[at + 2].is_number() {
        return Some(at + 3);
    }
    if sign(at + 1, b'%') {
        return Some(at + 2);
    }
    (sign(at + 1, b'.') && is_free(at + 2) && tokens[at + 2].is_number() && sign(at + 3, b'%')).then_some(at + 4)
}
