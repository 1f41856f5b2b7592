//! Limits in an agent's own words: which one, and when it resets. The phrases drift with its versions; what does not parse is a limit
//! without a time.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::signal::LimitKind;
use crate::clock::Timestamp;

/// Words in front of `limit`, and the limit that they name.
const KINDS: &[(&str, LimitKind)] = &[
    ("session", LimitKind::Session),
    ("5-hour", LimitKind::Session),
    ("five_hour", LimitKind::Session),
    ("daily", LimitKind::Daily),
    ("weekly", LimitKind::Weekly),
    ("seven_day", LimitKind::Weekly),
    ("opus", LimitKind::Model),
    ("sonnet", LimitKind::Model),
    ("model", LimitKind::Model),
    ("spend", LimitKind::Spending),
    ("overage", LimitKind::Spending),
    ("credits", LimitKind::Spending),
    ("rate", LimitKind::Rate),
];

/// Words in front of the time at which a limit resets.
const RESETS: &[&str] = &["resets", "will reset", "try again at"];

/// Days after which every limit has reset.
const LONGEST_LIMIT: i32 = 183;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The limit that an agent's own message states; `None` when it states none. `at` is the time of the message.
pub(super) fn stated_limit(message: &str, at: Option<Timestamp>, zone: &TimeZone) -> Option<(LimitKind, Option<Timestamp>)> {
    let text = message.to_lowercase().replace('\u{2019}', "'");
    if !text.contains("limit reached")
        && !text.contains("hit your")
        && !text.contains("reached your")
        && !text.contains("out of extra usage")
    {
        return None;
    }
    let kind = kind_of(&text);
    let epoch = text.split('|').nth(1).and_then(|epoch| epoch.trim().split(|c: char| !c.is_ascii_digit()).next()?.parse::<i64>().ok());
    let resets_at = match epoch {
        Some(seconds) => Some(from_epoch(seconds)),
        None => RESETS.iter().find_map(|words| text.split_once(words)).and_then(|(_, when)| next_such_time(when, at?, zone)),
    };
    Some((kind, resets_at))
}

/// The limit that is named in a message, or by a name of the wire.
pub(super) fn kind_of(text: &str) -> LimitKind {
    KINDS.iter().find(|(word, _)| text.contains(word)).map_or(LimitKind::Usage, |(_, kind)| *kind)
}

/// Seconds or milliseconds since 1970.
pub(super) fn from_epoch(number: i64) -> Timestamp {
    Timestamp::clamped(if number > 100_000_000_000 { number } else { number.saturating_mul(1000) })
}

/// ` 11pm (Europe/Berlin)`, ` at 3:30 PM`, ` Oct 12, 4am`: the next such time after `at`.
fn next_such_time(when: &str, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let named = when.split_once('(').and_then(|(_, name)| zone_named(name.split(')').next()?.trim()));
    let zone = named.unwrap_or_else(|| zone.clone());
    let now = zone.to_datetime(jiff::Timestamp::from_millisecond(at.0).ok()?);
    let when = when.split('(').next()?;
    let words: Vec<&str> = when.split([' ', ',']).filter(|word| !word.is_empty() && *word != "at").collect();
    let (month_and_day, time) = match words.as_slice() {
        [month, day, time @ ..] if month_of(month).is_some() => (Some((month_of(month)?, day_of(day)?)), time),
        time => (None, time),
    };
    let is_year = |word: &&&str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    let time = time_of(&time.iter().skip_while(is_year).take(2).copied().collect::<String>())?;
    let is_past = |date: Date| DateTime::from_parts(date, time) <= now;
    let date = match month_and_day {
        Some((month, day)) => {
            let date = Date::new(now.year(), month, day).ok()?;
            let next = if is_past(date) { Date::new(now.year() + 1, month, day).ok()? } else { date };
            // A day that has just passed is no day of the next year.
            Some(next).filter(|next| now.date().until(*next).is_ok_and(|ahead| ahead.get_days() <= LONGEST_LIMIT))?
        }
        None if is_past(now.date()) => now.date().tomorrow().ok()?,
        None => now.date(),
    };
    let resets = zone.to_timestamp(DateTime::from_parts(date, time)).ok()?;
    Some(Timestamp::clamped(resets.as_millisecond()))
}

/// A zone by its name, whose case the text has lost.
fn zone_named(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

fn month_of(word: &str) -> Option<i8> {
    let at = MONTHS.iter().position(|month| word.starts_with(month))?;
    i8::try_from(at + 1).ok()
}

/// `12`, `12th`.
fn day_of(word: &str) -> Option<i8> {
    word.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()
}

/// `11pm`, `3:30pm`, `15:00`; what follows is left alone.
fn time_of(text: &str) -> Option<Time> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let hour: i8 = text[..digits].parse().ok()?;
    let after = &text[digits..];
    let (minute, half) = match after.strip_prefix(':') {
        Some(minute) => (minute.get(..2)?.parse().ok()?, minute.get(2..)?),
        None => (0, after),
    };
    let hour = match half.get(..2) {
        Some("am" | "pm") if !(1..=12).contains(&hour) => return None,
        Some("am") => hour % 12,
        Some("pm") => hour % 12 + 12,
        Some(_) | None if after.starts_with(':') => hour,
        Some(_) | None => return None,
    };
    Time::new(hour, minute, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_of_several_versions_are_understood() {
        let at = "2026-10-09T14:00:00Z".parse::<jiff::Timestamp>().expect("a time");
        let at = Timestamp(at.as_millisecond());
        let berlin = TimeZone::get("Europe/Berlin").expect("it is known");
        for (message, expected) in [
            ("Claude AI usage limit reached|1791561600", Some(("usage", Some("2026-10-09T16:00:00.000Z")))),
            ("You've hit your session limit · resets 11pm (Europe/Berlin)", Some(("session", Some("2026-10-09T21:00:00.000Z")))),
            ("You\u{2019}ve hit your weekly limit · resets Oct 12, 4am (UTC)", Some(("weekly", Some("2026-10-12T04:00:00.000Z")))),
            ("You've hit your limit · resets 3:30pm", Some(("usage", Some("2026-10-10T13:30:00.000Z")))),
            ("5-hour limit reached ∙ resets 5pm", Some(("session", Some("2026-10-09T15:00:00.000Z")))),
            ("You've hit your Opus limit · resets Jan 2 at 9am (UTC)", Some(("model", Some("2027-01-02T09:00:00.000Z")))),
            ("You've hit your weekly limit · resets Oct 9 at 8pm (UTC)", Some(("weekly", Some("2026-10-09T20:00:00.000Z")))),
            ("You've hit your weekly limit · resets Oct 9, 4am (UTC)", Some(("weekly", None))),
            ("You've hit your weekly limit · resets Oct 8, 4am (UTC)", Some(("weekly", None))),
            (
                "Claude usage limit reached. Your limit will reset at 11pm (Europe/Berlin).",
                Some(("usage", Some("2026-10-09T21:00:00.000Z"))),
            ),
            ("You've hit your usage limit. Try again at Oct 12th, 2026 4:38 AM.", Some(("usage", Some("2026-10-12T02:38:00.000Z")))),
            ("You've hit your session limit · resets some day", Some(("session", None))),
            ("You've hit your session limit · resets 99pm (Nowhere/Town)", Some(("session", None))),
            ("API Error: 500 something", None),
            ("The speed limit was raised", None),
        ] {
            let found = stated_limit(message, Some(at), &berlin).map(|(kind, resets)| (kind.name(), resets.map(|at| at.to_string())));
            assert_eq!(found, expected.map(|(kind, at)| (kind, at.map(str::to_owned))), "{message}");
        }
    }
}
