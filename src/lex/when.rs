//! Where a written time stands. What it means is worked out by whoever wants to know; here only its ends matter.

use super::token::{TextToken, TokenKind};
use super::words::{Class, Table};

/// The end of the time that begins at token `at`; nothing that merely begins like one.
pub(crate) fn end_of_time(text: &str, tokens: &[TextToken], at: usize) -> Option<usize> {
    let token = &tokens[at];
    let start = token.start as usize;
    let first = text.as_bytes()[start];
    let end = if first.is_ascii_digit() {
        let before = text[..start].chars().next_back();
        digits(text, start, before)?
    } else if token.kind == TokenKind::Word && (token.classes.has(Class::Day) || token.classes.has(Class::Month)) {
        named(text, start, token.classes.has(Class::Day))?
    } else {
        return None;
    };
    let goes_on = text[end..].starts_with(|ch: char| ch.is_ascii_alphanumeric() || ch == '_');
    (!goes_on).then_some(end)
}

#[derive(Clone, Copy)]
struct TimeCursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> TimeCursor<'t> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        let is_there = self.byte().is_some_and(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    /// Digits eaten, if their number is in the range.
    fn number(&mut self, count: std::ops::RangeInclusive<usize>) -> Option<u32> {
        let remainder = &self.text.as_bytes()[self.at..];
        let length = remainder.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !count.contains(&length) {
            return None;
        }
        let value = remainder[..length].iter().fold(0u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
        self.at += length;
        Some(value)
    }

    fn blanks(&mut self) -> usize {
        let start = self.at;
        while self.eat(|byte| byte == b' ') {}
        self.at - start
    }

    fn word(&self) -> &'t str {
        let remainder = &self.text[self.at..];
        &remainder[..remainder.find(|ch: char| !ch.is_alphabetic()).unwrap_or(remainder.len())]
    }

    /// A word of the class, with its full stop.
    fn word_of(&mut self, class: Class) -> bool {
        let word = self.word();
        let is_one = Table::get().word(word).is_some_and(|entry| entry.classes.has(class));
        if is_one {
            self.at += word.len();
            self.eat(|byte| byte == b'.');
        }
        is_one
    }

    /// `12:30`, `12:30:00.123`, `9:05 PM`.
    fn clock(&mut self) -> Option<()> {
        let hour = self.number(1..=2)?;
        if !self.eat(|byte| byte == b':') || hour > 24 {
            return None;
        }
        let minute = self.number(2..=2)?;
        if minute > 59 {
            return None;
        }
        let mut more = *self;
        if more.eat(|byte| byte == b':') && more.number(2..=2).is_some() {
            *self = more;
            if more.eat(|byte| matches!(byte, b'.' | b',')) && more.number(1..=9).is_some() {
                *self = more;
            }
        }
        let mut half = *self;
        half.blanks();
        if half.eat(|byte| matches!(byte, b'a' | b'A' | b'p' | b'P')) {
            half.eat(|byte| byte == b'.');
            if half.eat(|byte| matches!(byte, b'm' | b'M')) && !half.byte().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
                half.eat(|byte| byte == b'.');
                *self = half;
            }
        }
        Some(())
    }

    /// ` UTC`, `Z`, `+08:00`, ` (EEST)`.
    fn zone(&mut self) {
        let mut cursor = *self;
        cursor.blanks();
        match cursor.byte() {
            Some(b'Z') if !cursor.text[cursor.at + 1..].starts_with(|ch: char| ch.is_alphanumeric()) => {
                cursor.at += 1;
                *self = cursor;
            }
            Some(b'+' | b'-') => {
                cursor.at += 1;
                let mut short = cursor;
                if cursor.number(4..=4).is_some() {
                    *self = cursor;
                } else if let Some(hours) = short.number(2..=2)
                    && hours <= 14
                {
                    let mut long = short;
                    if long.eat(|byte| byte == b':') && long.number(2..=2).is_some() {
                        *self = long;
                    } else if self.byte() != Some(b' ') && !short.byte().is_some_and(|byte| matches!(byte, b'-' | b'/')) {
                        *self = short;
                    }
                }
            }
            Some(byte) => {
                let opened = byte == b'(';
                cursor.at += usize::from(opened);
                let word = cursor.word();
                let is_zone = match word {
                    "UTC" | "GMT" | "MSK" | "WIB" | "WITA" | "WIT" | "EEST" | "CEST" | "AEST" | "AEDT" | "ACST" | "NZST" | "NZDT"
                    | "AWST" | "AKST" | "WEST" => true,
                    "SET" | "GET" | "PUT" | "NOT" | "BUT" | "OUT" | "LET" | "GOT" => false,
                    _ => word.len() == 3 && word.ends_with('T') && word.bytes().all(|byte| byte.is_ascii_uppercase()),
                };
                if is_zone {
                    cursor.at += word.len();
                    let mut offset = cursor;
                    if offset.eat(|byte| matches!(byte, b'+' | b'-')) && offset.number(1..=2).is_some() {
                        cursor = offset;
                    }
                    if !opened || cursor.eat(|byte| byte == b')') {
                        *self = cursor;
                    }
                }
            }
            None => {}
        }
    }

    /// A clock after a date, with what joins them.
    fn clock_after(&mut self) {
        let mut cursor = *self;
        let joined = if cursor.eat(|byte| byte == b'T') {
            true
        } else {
            let blanks = cursor.blanks();
            let comma = cursor.eat(|byte| matches!(byte, b',' | b'@'));
            let dash = !comma && (cursor.eat(|byte| byte == b'-') || cursor.dash());
            let more = cursor.blanks();
            if cursor.text[cursor.at..].starts_with("at ") {
                cursor.at += 3;
            }
            let is_about = cursor.text[cursor.at..].starts_with('~');
            cursor.at += usize::from(is_about);
            blanks + more > 0 || comma || dash
        };
        if joined && cursor.clock().is_some() {
            cursor.zone();
            cursor.zone();
            *self = cursor;
        }
    }

    fn dash(&mut self) -> bool {
        let is_there = self.text[self.at..].starts_with(['–', '—']);
        self.at += if is_there { 3 } else { 0 };
        is_there
    }

    /// `st`, `nd`, `rd`, `th` behind a day.
    fn ordinal(&mut self) {
        let remainder = &self.text[self.at..];
        if ["st", "nd", "rd", "th"].into_iter().any(|ending| remainder.starts_with(ending)) {
            self.at += 2;
        }
    }

    /// `, 2026`.
    fn year_after(&mut self) -> bool {
        let mut cursor = *self;
        cursor.eat(|byte| byte == b',');
        let is_there = cursor.blanks() > 0 && cursor.number(4..=4).is_some_and(|year| (1990..2100).contains(&year));
        if is_there {
            *self = cursor;
        }
        is_there
    }
}

fn digits(text: &str, start: usize, before: Option<char>) -> Option<usize> {
    let begin = TimeCursor { text, at: start };
    let count = text.as_bytes()[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if before.is_some_and(|ch| ch.is_alphanumeric() || ch == '_') {
        return None;
    }
    match count {
        4 => {
            let mut cursor = begin;
            cursor.number(4..=4).filter(|year| (1970..2100).contains(year))?;
            if cursor.text[cursor.at..].starts_with('年') {
                return cjk_date(cursor);
            }
            let separator = cursor.byte().filter(|byte| matches!(byte, b'-' | b'/' | b'.'))?;
            cursor.at += 1;
            cursor.number(1..=2).filter(|month| (1..=12).contains(month))?;
            if !cursor.eat(|byte| byte == separator) {
                return None;
            }
            cursor.number(1..=2).filter(|day| (1..=31).contains(day))?;
            // `2026-03-05/06`: two days.
            let mut second = cursor;
            if second.eat(|byte| byte == b'/')
                && second.number(1..=2).is_some()
                && !second.byte().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'/')
            {
                return Some(second.at);
            }
            cursor.clock_after();
            Some(cursor.at)
        }
        // `20260118T163000Z`
        8 => {
            let mut cursor = begin;
            cursor.at += 8;
            (text[start..].starts_with("20") && cursor.eat(|byte| byte == b'T')).then_some(())?;
            cursor.number(4..=6)?;
            cursor.zone();
            Some(cursor.at)
        }
        1 | 2 => short(begin, before),
        _ => None,
    }
}

/// `26-01-22 10:00:02`, `18/01/2026`, `8th January 2026`, `12:30`.
fn short(begin: TimeCursor<'_>, before: Option<char>) -> Option<usize> {
    let mut cursor = begin;
    if cursor.clock().is_some() {
        let is_apart = !before.is_some_and(|ch| matches!(ch, ':' | '.'));
        cursor.zone();
        cursor.zone();
        return (is_apart && cursor.byte() != Some(b':')).then_some(cursor.at);
    }
    cursor = begin;
    cursor.number(1..=2)?;
    match cursor.byte() {
        Some(b'-') => {
            cursor.at += 1;
            cursor.number(2..=2)?;
            if !cursor.eat(|byte| byte == b'-') {
                return None;
            }
            cursor.number(2..=2)?;
            cursor.blanks();
            cursor.clock()?;
            Some(cursor.at)
        }
        Some(separator @ (b'/' | b'.')) => {
            cursor.at += 1;
            cursor.number(1..=2)?;
            if !cursor.eat(|byte| byte == separator) {
                return None;
            }
            let mut year = cursor;
            match year.number(4..=4) {
                Some(value) => (2000..2100).contains(&value).then_some(())?,
                // Two digits are a year between strokes; between dots it is a version.
                None => {
                    year = cursor;
                    (separator == b'/').then_some(())?;
                    year.number(2..=2)?;
                }
            }
            year.clock_after();
            Some(year.at)
        }
        _ => {
            cursor.ordinal();
            if cursor.blanks() == 0 || !cursor.word_of(Class::Month) || !cursor.year_after() {
                return None;
            }
            cursor.clock_after();
            Some(cursor.at)
        }
    }
}

/// `2026年1月18日 12:30`.
fn cjk_date(mut cursor: TimeCursor<'_>) -> Option<usize> {
    for sign in ['年', '月', '日'] {
        if sign != '年' {
            cursor.number(1..=2)?;
        }
        cursor.text[cursor.at..].starts_with(sign).then_some(())?;
        cursor.at += sign.len_utf8();
    }
    cursor.clock_after();
    Some(cursor.at)
}

/// `Sun Jan 11 2026`, `Sat Feb  7 17:30:35 IST 2026`, `January 8, 2025`, `Sun, 11 Jan 2026`.
fn named(text: &str, start: usize, is_day: bool) -> Option<usize> {
    let mut cursor = TimeCursor { text, at: start };
    if is_day && cursor.word_of(Class::Day) {
        cursor.eat(|byte| byte == b',');
        (cursor.blanks() > 0).then_some(())?;
    }
    if cursor.byte().is_some_and(|byte| byte.is_ascii_digit()) {
        cursor.number(1..=2)?;
        (cursor.blanks() > 0 && cursor.word_of(Class::Month)).then_some(())?;
        let has_year = cursor.year_after();
        let before = cursor.at;
        cursor.clock_after();
        return (is_day || has_year || cursor.at > before).then_some(cursor.at);
    }
    // `June` alone, and `may`, are words.
    cursor.word_of(Class::Month).then_some(())?;
    (cursor.blanks() > 0).then_some(())?;
    cursor.number(1..=2).filter(|day| (1..=31).contains(day))?;
    cursor.ordinal();
    let mut has_more = cursor.year_after();
    let before = cursor.at;
    cursor.clock_after();
    if !has_more && cursor.at == before {
        cursor.zone();
    }
    has_more |= cursor.at > before;
    if cursor.year_after() {
        has_more = true;
        cursor.clock_after();
    }
    (is_day || has_more).then_some(cursor.at)
}

#[cfg(test)]
mod tests {
    use super::super::token::tokenize;
    use super::*;

    fn first_time(line: &str) -> Option<&str> {
        let mut tokens = Vec::new();
        tokenize(line, &mut tokens);
        (0..tokens.len()).find_map(|at| Some(&line[tokens[at].start as usize..end_of_time(line, &tokens, at)?]))
    }

    #[test]
    fn times_end_where_people_see_their_end() {
        for (line, time) in [
            ("[2026-05-13T06:41:52Z] US-010", "2026-05-13T06:41:52Z"),
            ("2026-01-18 16:30 - US-001", "2026-01-18 16:30"),
            ("2026-01-18 - US-001", "2026-01-18"),
            ("on 2026/1/8, 10:20 AM JST.", "2026/1/8, 10:20 AM JST"),
            ("2026-02-19T22:00:00+08:00 (F001)", "2026-02-19T22:00:00+08:00"),
            ("## Sun Jan 11 2026", "Sun Jan 11 2026"),
            ("Sat Feb  7 17:30:35 IST 2026", "Sat Feb  7 17:30:35 IST 2026"),
            ("January 8, 2025: done", "January 8, 2025"),
            ("[26-01-22 10:00:02] text", "26-01-22 10:00:02"),
            ("at 09:10 the basket", "09:10"),
            ("2026年1月18日 完成", "2026年1月18日"),
            ("Session: 2026-03-05/06", "2026-03-05/06"),
            ("18.01.2026 done", "18.01.2026"),
            ("2026-01-18 16:30:00.123456 (EEST) x", "2026-01-18 16:30:00.123456 (EEST)"),
        ] {
            assert_eq!(first_time(line), Some(time), "{line}");
        }
    }

    #[test]
    fn what_merely_begins_like_a_time_is_none() {
        for line in ["1.2.3", "may 2 people", "version 2026", "10:99", "12345-01-01", "US-2026-01", "port 8080:80", "in June"] {
            assert_eq!(first_time(line), None, "{line}");
        }
    }
}
