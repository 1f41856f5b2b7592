//! How ids are built: whether the tokens from one on make an id of a form, and how many of them.

use crate::lex::token::{TextToken, TokenKind};

/// Nothing that could be part of the id stands directly before the token.
pub(super) fn starts_apart(text: &str, token: &TextToken) -> bool {
    !matches!(text[..token.start as usize].chars().next_back(), Some(ch) if ch.is_alphanumeric() || matches!(ch, '.' | '/' | '-' | '_'))
}

fn is_upper(text: &str, token: &TextToken) -> bool {
    token.text(text).bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// `tokens[at]` is directly followed by the sign, and that directly by another token.
pub(super) fn joined_by(text: &str, tokens: &[TextToken], at: usize, signs: &[u8]) -> bool {
    matches!((tokens.get(at + 1), tokens.get(at + 2)), (Some(sign), Some(next))
        if !sign.is_spaced && !next.is_spaced && next.taken.is_none() && sign.taken.is_none()
            && signs.iter().any(|wanted| sign.is(text, *wanted)))
}

/// Digits, perhaps with one letter after them: `001`, `107A`.
pub(super) fn is_numeral(text: &str, token: &TextToken, longest: usize) -> bool {
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
pub(super) fn upper(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
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
    let has_letter = id.bytes().any(|byte| matches!(byte, b'X' | b'N' | b'Y'));
    has_letter && (id.contains("XX") || id.contains("NNN") || id.contains("YYY") || id.ends_with("NN"))
}

/// `bug-001`, `task-2`, `GSheet-001`.
pub(super) fn lower(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
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
pub(super) fn dotted(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
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
pub(super) fn letter(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
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
pub(super) fn slug(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let first = &tokens[at];
    let bytes = first.text(text).as_bytes();
    if !bytes[0].is_ascii_alphabetic() || !first.text(text).is_ascii() || !starts_apart(text, first) {
        return None;
    }
    let is_low =
        |token: &TextToken| token.text(text).bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let has_letter_first = bytes.len() >= 2 && bytes[0].is_ascii_uppercase() && bytes[1..].iter().all(u8::is_ascii_digit);
    let is_high = is_upper(text, first);
    // `CD-3m6`, `CD-3m6.2`: a short mixed name under the project's letters, and a part of it.
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
            let mut last = at + 2;
            while joined_by(text, tokens, last, b".") && tokens[last + 2].is_number() {
                last += 2;
            }
            return Some(last + 1 - at);
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
