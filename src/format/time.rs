//! Written times → [`Stamp`].
//!
//! People, models and `date` write times in a dozen ways; what is not recognised is no time. Which clock to believe is not decided here.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use crate::fact::{Precision, Stamp};
use crate::line::Timestamp;

/// Zone names as people write them, with minutes east of UTC. Where a name is used twice, the reading that is commoner in logs.
const ZONES: &[(&str, i16)] = &[
    ("UTC", 0),
    ("GMT", 0),
    ("WET", 0),
    ("BST", 60),
    ("CET", 60),
    ("WEST", 60),
    ("CEST", 120),
    ("EET", 120),
    ("SAST", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("TRT", 180),
    ("GST", 240),
    ("PKT", 300),
    ("IST", 330),
    ("ICT", 420),
    ("WIB", 420),
    ("SGT", 480),
    ("HKT", 480),
    ("PHT", 480),
    ("AWST", 480),
    ("JST", 540),
    ("KST", 540),
    ("ACST", 570),
    ("AEST", 600),
    ("ACDT", 630),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("BRT", -180),
    ("ART", -180),
    ("ADT", -180),
    ("NDT", -150),
    ("NST", -210),
    ("AST", -240),
    ("EDT", -240),
    ("EST", -300),
    ("CDT", -300),
    ("CST", -360),
    ("MDT", -360),
    ("MST", -420),
    ("PDT", -420),
    ("PST", -480),
    ("AKDT", -480),
    ("AKST", -540),
    ("HST", -600),
];

const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// What a time without zone or year means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock<'a> {
    pub(super) zone: &'a TimeZone,
    /// The year of the log's header, for dates written without one.
    pub(super) year: Option<i16>,
}

/// The time that `text` consists of; blanks, brackets and emphasis around it do not matter.
pub(super) fn whole(text: &str, clock: Clock<'_>) -> Option<Stamp> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '*' | '_' | '`'));
    let (stamp, rest) = leading(text, clock)?;
    rest.trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '*' | '_' | '.')).is_empty().then_some(stamp)
}

/// The time that `text` begins with, perhaps in brackets, and what follows it.
pub(super) fn leading<'t>(text: &'t str, clock: Clock<'_>) -> Option<(Stamp, &'t str)> {
    let close = match text.as_bytes().first()? {
        b'[' => Some("]"),
        b'(' => Some(")"),
        _ => None,
    };
    let mut cursor = Cursor { rest: if close.is_some() { &text[1..] } else { text } };
    let stamp = cursor.stamp(clock)?;
    let rest = match close {
        Some(close) => cursor.rest.trim_ascii_start().strip_prefix(close)?,
        None => cursor.rest,
    };
    // A number that merely begins like a date is none.
    let goes_on = rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (!goes_on).then_some((stamp, rest))
}

/// Milliseconds or seconds since 1970, as programs write them.
pub(super) fn unix(number: f64) -> Option<Stamp> {
    let millis = if number.abs() >= 1e11 { number } else { number * 1000.0 };
    // 2001 to 2100: anything else is no time of a run.
    (9.7e11..4.2e12).contains(&millis).then_some(Stamp { at: Timestamp(millis as i64), precision: Precision::Second })
}

struct Cursor<'t> {
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    fn stamp(&mut self, clock: Clock<'_>) -> Option<Stamp> {
        if self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.word_of(&DAYS);
            self.punctuation();
        }
        let start = self.rest;
        let (mut year, month, day) = self.iso_date().or_else(|| {
            self.rest = start;
            self.named_date()
        })?;
        let mut time = self.time_after_date();
        let mut offset = time.and_then(|_| self.zone());
        if year.is_none() {
            // `date` writes the year last, some of its locales before the time.
            let before = self.rest;
            self.punctuation();
            year = self.number(4, 4).map(|year| year as i16);
            match year {
                Some(_) if time.is_none() => {
                    time = self.time_after_date();
                    offset = time.and_then(|_| self.zone());
                }
                Some(_) => {}
                None => self.rest = before,
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
        Some(Stamp { at: Timestamp(at.as_millisecond()), precision })
    }

    /// `2026-01-24`, `2026/1/24`
    fn iso_date(&mut self) -> Option<(Option<i16>, i8, i8)> {
        let year = self.number(4, 4)?;
        let mark = self.rest.chars().next().filter(|c| matches!(c, '-' | '/' | '.'))?;
        self.eat(mark);
        let month = self.number(1, 2)?;
        self.eat(mark).then_some(())?;
        let day = self.number(1, 2)?;
        Some((Some(year as i16), month as i8, day as i8))
    }

    /// `Jan 24`, `January 24, 2026`, `24 Jan 2026`
    fn named_date(&mut self) -> Option<(Option<i16>, i8, i8)> {
        let (month, day) = match self.word_of(&MONTHS) {
            Some(month) => {
                self.punctuation();
                (month, self.number(1, 2)?)
            }
            None => {
                let day = self.number(1, 2)?;
                self.punctuation();
                (self.word_of(&MONTHS)?, day)
            }
        };
        for ending in ["st", "nd", "rd", "th"] {
            if let Some(rest) = self.rest.strip_prefix(ending) {
                self.rest = rest;
            }
        }
        let before = self.rest;
        self.punctuation();
        let year = self.number(4, 4);
        if year.is_none() {
            self.rest = before;
        }
        Some((year.map(|year| year as i16), month as i8 + 1, day as i8))
    }

    /// A time of day, when one follows the date: `T12:32:05.123`, ` 12:32`, ` at 10:20 AM`, `, 10:20`, ` - 12:32`
    fn time_after_date(&mut self) -> Option<(Time, Precision)> {
        let before = self.rest;
        let time = self.time();
        if time.is_none() {
            self.rest = before;
        }
        time
    }

    fn time(&mut self) -> Option<(Time, Precision)> {
        if !(self.eat('T') || self.eat('t') || self.eat('_')) {
            self.punctuation();
            self.rest = self.rest.strip_prefix("at ").unwrap_or(self.rest);
            self.rest = self.rest.strip_prefix("- ").unwrap_or(self.rest).trim_ascii_start();
        }
        let mut hour = self.number(1, 2)?;
        self.eat(':').then_some(())?;
        let minute = self.number(2, 2)?;
        let (mut second, mut nanos, mut precision) = (0, 0, Precision::Minute);
        if self.rest.starts_with(':') {
            self.eat(':');
            second = self.number(2, 2)?;
            precision = Precision::Second;
            if self.rest.starts_with(['.', ',']) && self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
                let digits = self.rest[1..].bytes().take_while(u8::is_ascii_digit).count();
                let fraction = &self.rest[1..=digits.min(9)];
                nanos = fraction.parse::<i32>().ok()? * 10_i32.pow(9 - fraction.len() as u32);
                self.rest = &self.rest[1 + digits..];
            }
        }
        let before = self.rest;
        self.punctuation();
        let half = self.word();
        if hour <= 12 && half.eq_ignore_ascii_case("am") {
            hour %= 12;
        } else if hour <= 12 && half.eq_ignore_ascii_case("pm") {
            hour = hour % 12 + 12;
        } else {
            self.rest = before;
        }
        Some((Time::new(hour as i8, minute as i8, second as i8, nanos).ok()?, precision))
    }

    /// Minutes east of UTC: `Z`, `+09:00`, ` -0300`, ` JST`, ` (EEST)`. A name that is not known is skipped and gives nothing.
    fn zone(&mut self) -> Option<i16> {
        let before = self.rest;
        if self.rest.starts_with(['Z', 'z']) && !self.rest[1..].starts_with(|c: char| c.is_alphanumeric()) {
            self.rest = &self.rest[1..];
            return Some(0);
        }
        self.rest = self.rest.trim_ascii_start();
        if let Some(minutes) = self.offset() {
            return Some(minutes);
        }
        self.rest = before.trim_ascii_start();
        let bracketed = self.eat('(');
        let name = self.word();
        let ended = !self.rest.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
        if ended && (2..=5).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_uppercase()) && (!bracketed || self.eat(')')) {
            let known = ZONES.iter().find(|(zone, _)| *zone == name).map(|(_, minutes)| *minutes);
            if matches!(name, "UTC" | "GMT")
                && let Some(minutes) = self.offset()
            {
                return Some(minutes);
            }
            // A capital word that is no zone may be the entry's own word (`12:32 DONE`): it stays, unless brackets say otherwise.
            if known.is_none() && !bracketed {
                self.rest = before;
            }
            return known;
        }
        self.rest = before;
        None
    }

    fn offset(&mut self) -> Option<i16> {
        let before = self.rest;
        let found = self.signed();
        if found.is_none() {
            self.rest = before;
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
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits < least || digits > most {
            return None;
        }
        let number = self.rest[..digits].parse().ok()?;
        self.rest = &self.rest[digits..];
        Some(number)
    }

    fn word(&mut self) -> &'t str {
        let letters = self.rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (word, rest) = self.rest.split_at(letters);
        self.rest = rest;
        word
    }

    /// One of these names, whole or as its first three letters.
    fn word_of(&mut self, names: &[&str]) -> Option<usize> {
        let before = self.rest;
        let word = self.word().to_ascii_lowercase();
        let found = (word.len() >= 3).then(|| names.iter().position(|name| name.starts_with(&word))).flatten();
        if found.is_none() {
            self.rest = before;
        }
        found
    }

    fn punctuation(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',', '.']);
    }

    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let clock = Clock { zone: &zone, year: Some(2026) };
        let found = match leading(text, clock) {
            Some((stamp, rest)) => format!("{} {:?} |{rest}", stamp.at, stamp.precision),
            None => "none".to_owned(),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        check("2026-03-04", "2026-03-03T22:00:00.000Z Day |");
        check("2026-03-04 - US-001", "2026-03-03T22:00:00.000Z Day | - US-001");
        check("[2026-03-04] - US-001", "2026-03-03T22:00:00.000Z Day | - US-001");
        check("2026-03-04 09:15", "2026-03-04T07:15:00.000Z Minute |");
        check("2026-03-04 09:15 AM", "2026-03-04T07:15:00.000Z Minute |");
        check("2026-03-04 12:15 AM", "2026-03-03T22:15:00.000Z Minute |");
        check("2026-03-04 1:15pm - x", "2026-03-04T11:15:00.000Z Minute | - x");
        check("2026-03-04 09:15 PST", "2026-03-04T17:15:00.000Z Minute |");
        check("2026-03-04 09:15 (EEST) - US-1", "2026-03-04T06:15:00.000Z Minute | - US-1");
        check("2026-03-04 09:15:30 JST - US-001", "2026-03-04T00:15:30.000Z Second | - US-001");
        check("2026-03-04 09:15 EST-001", "2026-03-04T07:15:00.000Z Minute | EST-001");
        check("2026-03-04 09:15 DONE", "2026-03-04T07:15:00.000Z Minute | DONE");
        check("2026-03-04T09:15:30Z", "2026-03-04T09:15:30.000Z Second |");
        check("2026-03-04T09:15:30.123Z (283s)", "2026-03-04T09:15:30.123Z Second | (283s)");
        check("2026-03-04T09:15:30+09:00", "2026-03-04T00:15:30.000Z Second |");
        check("2026-03-04 09:15 -0300", "2026-03-04T12:15:00.000Z Minute |");
        check("2026-03-04 09:15 UTC+2", "2026-03-04T09:15:00.000Z Minute |+2");
        check("2026-03-04 - 09:15 - US-1", "2026-03-04T07:15:00.000Z Minute | - US-1");
        check("2026/3/4 at 09:15", "2026-03-04T07:15:00.000Z Minute |");
        check("Wed Mar  4 09:15:30 CET 2026", "2026-03-04T08:15:30.000Z Second |");
        check("Wed Mar  4 09:15:30 AM JST 2026", "2026-03-04T00:15:30.000Z Second |");
        check("Wed Mar 04 2026 - US-1", "2026-03-03T22:00:00.000Z Day | - US-1");
        check("Wed 4 Mar 2026", "2026-03-03T22:00:00.000Z Day |");
        check("[Wed Mar 4 09:15] - US-1", "2026-03-04T07:15:00.000Z Minute | - US-1");
        check("March 4, 2026", "2026-03-03T22:00:00.000Z Day |");
        check("4th March 2026", "none");
        check("March 4th, 2026", "2026-03-03T22:00:00.000Z Day |");
    }

    #[test]
    fn what_is_no_time_gives_none() {
        for text in
            ["", "US-001", "2026", "2026-13-01", "2026-01-0199", "1.2.3", "0000-00-00", "[Date/Time] - x", "Mars 4 2026", "24.12.2026", "é"]
        {
            check(text, "none");
        }
        check("2026-03-04 25:99", "2026-03-03T22:00:00.000Z Day | 25:99");
    }

    #[test]
    fn a_year_is_never_invented() {
        let clock = Clock { zone: &TimeZone::UTC, year: None };
        assert_eq!(whole("Sat Jan 10 13:30", clock), None);
    }

    #[test]
    fn programs_count_seconds_or_milliseconds() {
        assert_eq!(unix(1_767_225_600.0), unix(1_767_225_600_000.0));
        assert_eq!(unix(12.0), None);
    }
}
