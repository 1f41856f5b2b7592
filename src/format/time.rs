//! Written times → [`RecordedTime`].
//!
//! People, models and `date` write times in a dozen ways; what is not recognised is no time. Which clock to believe is not decided here,
//! nor where in a line of prose a time stands: that is `lex::when`, which is stricter about what is one.

mod names;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use self::names::{DAYS, MONTHS, ZONES};
use crate::clock::Timestamp;
use crate::fact::{Precision, RecordedTime};

/// What a time without zone or year means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock<'a> {
    pub(super) zone: &'a TimeZone,
    /// The year of the log's header, for dates written without one.
    pub(super) year: Option<i16>,
}

/// The time that `text` consists of; blanks, brackets and emphasis around it do not matter.
pub(super) fn whole(text: &str, clock: Clock<'_>) -> Option<RecordedTime> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '*' | '_' | '`'));
    let (stamp, remainder) = leading(text, clock)?;
    remainder.trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '*' | '_' | '.')).is_empty().then_some(stamp)
}

/// The time that `text` begins with, perhaps in brackets, and what follows it.
pub(super) fn leading<'t>(text: &'t str, clock: Clock<'_>) -> Option<(RecordedTime, &'t str)> {
    let close = match text.as_bytes().first()? {
        b'[' => Some("]"),
        b'(' => Some(")"),
        _ => None,
    };
    let mut cursor = StampCursor { remainder: if close.is_some() { &text[1..] } else { text } };
    let stamp = match cursor.stamp(clock) {
        Some(stamp) => stamp,
        // `[26-01-24 10:00:02]`: two digits are a year only where a program put a whole time in brackets.
        None => {
            cursor.remainder = text.strip_prefix('[').filter(|remainder| remainder.as_bytes().get(2) == Some(&b'-'))?;
            cursor.short_stamp(clock)?
        }
    };
    let remainder = match close {
        Some(close) => cursor.remainder.trim_ascii_start().strip_prefix(close)?,
        None => cursor.remainder,
    };
    // A number that merely begins like a date is none.
    let goes_on = remainder.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (!goes_on).then_some((stamp, remainder))
}

/// Milliseconds or seconds since 1970, as programs write them.
pub(super) fn unix(number: f64) -> Option<RecordedTime> {
    let millis = if number.abs() >= 1e11 { number } else { number * 1000.0 };
    // 2001 to 2100: anything else is no time of a run.
    (9.7e11..4.2e12).contains(&millis).then_some(RecordedTime { at: Timestamp(millis as i64), precision: Precision::Second })
}

struct StampCursor<'t> {
    remainder: &'t str,
}

impl<'t> StampCursor<'t> {
    fn stamp(&mut self, clock: Clock<'_>) -> Option<RecordedTime> {
        if self.remainder.starts_with(|c: char| c.is_alphabetic()) {
            self.word_of(&DAYS);
            self.punctuation();
        }
        let start = self.remainder;
        let (mut year, month, day) = self.iso_date().or_else(|| {
            self.remainder = start;
            self.named_date()
        })?;
        let mut time = self.time_after_date();
        let mut offset = time.and_then(|_| self.zone());
        if year.is_none() {
            // `date` writes the year last, some of its locales before the time.
            let before = self.remainder;
            self.punctuation();
            year = self.number(4, 4).map(|year| year as i16);
            match year {
                Some(_) if time.is_none() => {
                    time = self.time_after_date();
                    offset = time.and_then(|_| self.zone());
                }
                Some(_) => {}
                None => self.remainder = before,
            }
        }
        let date = Date::new(year.or(clock.year)?, month, day).ok()?;
        if !(2001..=2100).contains(&date.year()) {
            return None;
        }
        let (time, precision) = time.unwrap_or((Time::midnight(), Precision::Day));
        let at = match offset {
            Some(minutes) => Offset::from_seconds(i32::from(minutes) * 60).ok()?.to_timestamp(DateTime::from_parts(date, time)).ok()?,
            None => clock.zone.to_ambiguous_timestamp(DateTime::from_parts(date, time)).compatible().ok()?,
        };
        Some(RecordedTime { at: Timestamp(at.as_millisecond()), precision })
    }

    fn short_stamp(&mut self, clock: Clock<'_>) -> Option<RecordedTime> {
        let year = self.number(2, 2)?;
        self.eat('-').then_some(())?;
        let month = self.number(2, 2)?;
        self.eat('-').then_some(())?;
        let date = Date::new(2000 + year as i16, month as i8, self.number(2, 2)? as i8).ok()?;
        let (time, precision) = self.time().filter(|(_, precision)| *precision == Precision::Second)?;
        let at = clock.zone.to_ambiguous_timestamp(DateTime::from_parts(date, time)).compatible().ok()?;
        Some(RecordedTime { at: Timestamp(at.as_millisecond()), precision })
    }

    /// `2026-01-24`, `2026/1/24`, `2026年1月24日`, `24.01.2026`
    fn iso_date(&mut self) -> Option<(Option<i16>, i8, i8)> {
        let Some(year) = self.number(4, 4) else { return self.dotted_date() };
        let mark = self.remainder.chars().next().filter(|c| matches!(c, '-' | '/' | '.' | '年' | '년'))?;
        self.eat(mark);
        let (between, end) = match mark {
            '年' => ('月', Some('日')),
            '년' => ('월', Some('일')),
            mark => (mark, None),
        };
        self.remainder = if end.is_some() { self.remainder.trim_start() } else { self.remainder };
        let month = self.number(1, 2)?;
        self.eat(between).then_some(())?;
        self.remainder = if end.is_some() { self.remainder.trim_start() } else { self.remainder };
        let day = self.number(1, 2)?;
        if let Some(end) = end {
            self.eat(end);
        }
        Some((Some(year as i16), month as i8, day as i8))
    }

    /// Day first, with dots: no other order is written so.
    fn dotted_date(&mut self) -> Option<(Option<i16>, i8, i8)> {
        let day = self.number(1, 2)?;
        self.eat('.').then_some(())?;
        let month = self.number(1, 2)?;
        self.eat('.').then_some(())?;
        let year = self.number(4, 4)?;
        Some((Some(year as i16), month as i8, day as i8))
    }

    /// `Jan 24`, `January 24th, 2026`, `24 Jan 2026`, `24th January 2026`
    fn named_date(&mut self) -> Option<(Option<i16>, i8, i8)> {
        let (month, day) = match self.word_of(&MONTHS) {
            Some(month) => {
                self.punctuation();
                (month, self.day()?)
            }
            None => {
                let day = self.day()?;
                self.of();
                (self.word_of(&MONTHS)?, day)
            }
        };
        let before = self.remainder;
        self.of();
        let year = self.number(4, 4);
        if year.is_none() {
            self.remainder = before;
        }
        Some((year.map(|year| year as i16), month as i8 + 1, day as i8))
    }

    /// A day of a month, perhaps as an ordinal.
    fn day(&mut self) -> Option<u16> {
        let day = self.number(1, 2)?;
        let ordinal = ["st", "nd", "rd", "th"].into_iter().find_map(|ending| self.remainder.strip_prefix(ending));
        self.remainder = ordinal.unwrap_or(self.remainder);
        Some(day)
    }

    /// A time of day, when one follows the date: `T12:32:05.123`, ` 12:32`, ` at 10:20 AM`, `, 10:20`, ` - 12:32`
    fn time_after_date(&mut self) -> Option<(Time, Precision)> {
        let before = self.remainder;
        let time = self.time();
        if time.is_none() {
            self.remainder = before;
        }
        time
    }

    fn time(&mut self) -> Option<(Time, Precision)> {
        if !(self.eat('T') || self.eat('t') || self.eat('_')) {
            self.punctuation();
            self.remainder = self.remainder.strip_prefix("at ").unwrap_or(self.remainder);
            self.remainder = self.remainder.strip_prefix("- ").unwrap_or(self.remainder).trim_ascii_start();
        }
        let mut hour = self.number(1, 2)?;
        self.eat(':').then_some(())?;
        let minute = self.number(2, 2)?;
        let (mut second, mut nanos, mut precision) = (0, 0, Precision::Minute);
        if self.remainder.starts_with(':') {
            self.eat(':');
            second = self.number(2, 2)?;
            precision = Precision::Second;
            if self.remainder.starts_with(['.', ',']) && self.remainder[1..].starts_with(|c: char| c.is_ascii_digit()) {
                let digits = self.remainder[1..].bytes().take_while(u8::is_ascii_digit).count();
                let fraction = &self.remainder[1..=digits.min(9)];
                nanos = fraction.parse::<i32>().ok()? * 10_i32.pow(9 - fraction.len() as u32);
                self.remainder = &self.remainder[1 + digits..];
            }
        }
        let before = self.remainder;
        self.punctuation();
        let half = self.word();
        if hour <= 12 && half.eq_ignore_ascii_case("am") {
            hour %= 12;
        } else if hour <= 12 && half.eq_ignore_ascii_case("pm") {
            hour = hour % 12 + 12;
        } else {
            self.remainder = before;
        }
        Some((Time::new(hour as i8, minute as i8, second as i8, nanos).ok()?, precision))
    }

    /// Minutes east of UTC: `Z`, `+09:00`, ` -0300`, ` JST`, ` (EEST)`. A name that is not known is skipped and gives nothing.
    fn zone(&mut self) -> Option<i16> {
        let before = self.remainder;
        if self.remainder.starts_with(['Z', 'z']) && !self.remainder[1..].starts_with(|c: char| c.is_alphanumeric()) {
            self.remainder = &self.remainder[1..];
            return Some(0);
        }
        self.remainder = self.remainder.trim_ascii_start();
        if let Some(minutes) = self.offset() {
            return Some(minutes);
        }
        self.remainder = before.trim_ascii_start();
        let bracketed = self.eat('(');
        let name = self.word();
        let ended = !self.remainder.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
        if ended && (2..=5).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_uppercase()) && (!bracketed || self.eat(')')) {
            let known = ZONES.iter().find(|(zone, _)| *zone == name).map(|(_, minutes)| *minutes);
            if matches!(name, "UTC" | "GMT")
                && let Some(minutes) = self.offset()
            {
                return Some(minutes);
            }
            // A capital word that is no zone may be the entry's own word (`12:32 DONE`): it stays, unless brackets say otherwise.
            if known.is_none() && !bracketed {
                self.remainder = before;
            }
            return known;
        }
        self.remainder = before;
        None
    }

    fn offset(&mut self) -> Option<i16> {
        let before = self.remainder;
        let found = self.signed();
        if found.is_none() {
            self.remainder = before;
        }
        found
    }

    fn signed(&mut self) -> Option<i16> {
        let sign = if self.eat('+') {
            1
        } else if self.eat('-') {
            -1
        } else {
            return None;
        };
        let (hours, minutes) = match self.number(4, 4) {
            Some(both) => (both / 100, both % 100),
            None => {
                let hours = self.number(2, 2)?;
                (hours, if self.eat(':') { self.number(2, 2)? } else { 0 })
            }
        };
        (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes) as i16)
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u16> {
        let digits = self.remainder.bytes().take_while(u8::is_ascii_digit).count();
        if digits < least || digits > most {
            return None;
        }
        let number = self.remainder[..digits].parse().ok()?;
        self.remainder = &self.remainder[digits..];
        Some(number)
    }

    fn word(&mut self) -> &'t str {
        let letters = self.remainder.find(|c: char| !c.is_alphabetic()).unwrap_or(self.remainder.len());
        let (word, remainder) = self.remainder.split_at(letters);
        self.remainder = remainder;
        word
    }

    /// One of these names, whole or shortened to no less than three letters.
    fn word_of(&mut self, names: &[&[&str]]) -> Option<usize> {
        let before = self.remainder;
        let word = self.word();
        let long = word.len() >= 3 && word.chars().nth(2).is_some();
        let first = word.as_bytes().first().filter(|first| first.is_ascii()).map(u8::to_ascii_lowercase);
        let fits = |name: &&str| {
            if first.is_some_and(|first| name.as_bytes()[0] != first) {
                return false;
            }
            let same = match name.get(..word.len()) {
                Some(start) if word.is_ascii() => start.eq_ignore_ascii_case(word),
                Some(start) => start == word.to_lowercase(),
                None => false,
            };
            same && (long || name.len() == word.len())
        };
        let found = (!word.is_empty()).then(|| names.iter().position(|names| names.iter().any(&fits))).flatten();
        if found.is_none() {
            self.remainder = before;
        }
        found
    }

    /// What stands between the parts of a date: punctuation, and `de` or `di` in Romance languages.
    fn of(&mut self) {
        self.punctuation();
        for word in ["de ", "di "] {
            if let Some(remainder) = self.remainder.strip_prefix(word) {
                self.remainder = remainder;
            }
        }
    }

    fn punctuation(&mut self) {
        self.remainder = self.remainder.trim_start_matches([' ', '\t', ',', '.']);
    }

    fn eat(&mut self, c: char) -> bool {
        match self.remainder.strip_prefix(c) {
            Some(remainder) => {
                self.remainder = remainder;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
