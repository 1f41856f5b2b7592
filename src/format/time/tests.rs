use super::*;
use crate::lex::{Lexer, SpanKind, Terms};

fn check(text: &str, expected: &str) {
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let clock = Clock { zone: &zone, year: Some(2026) };
    let found = match leading(text, clock) {
        Some((stamp, remainder)) => format!("{} {:?} |{remainder}", stamp.at, stamp.precision),
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
    check("4th March 2026", "2026-03-03T22:00:00.000Z Day |");
    check("Wed, 24th Jan 2026 at 09:15", "2026-01-24T07:15:00.000Z Minute |");
    check("24.12.2026 - x", "2026-12-23T22:00:00.000Z Day | - x");
    check("2026年3月4日 09:15", "2026-03-04T07:15:00.000Z Minute |");
    check("2026년 3월 4일", "2026-03-03T22:00:00.000Z Day |");
    check("ter 24 fev 2026 14:11:20 -03", "2026-02-24T17:11:20.000Z Second |");
    check("24 de janeiro de 2026", "2026-01-23T22:00:00.000Z Day |");
    check("mardi 3 février 2026", "2026-02-02T22:00:00.000Z Day |");
    check("Пн 9 фев 2026", "2026-02-08T22:00:00.000Z Day |");
    check("[26-01-24 10:00:02] x", "2026-01-24T08:00:02.000Z Second | x");
    check("March 4th, 2026", "2026-03-03T22:00:00.000Z Day |");
}

#[test]
fn what_is_no_time_gives_none() {
    for text in
        ["", "US-001", "2026", "2026-13-01", "2026-01-0199", "1.2.3", "0000-00-00", "[Date/Time] - x", "Smarch 4 2026", "24.13.2026", "é"]
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

/// The lexer finds where a time ends in any prose, and is strict about what is one; what it found has a meaning here.
#[test]
fn what_the_lexer_takes_for_a_time_with_its_date_is_read() {
    let zone = TimeZone::UTC;
    let clock = Clock { zone: &zone, year: Some(2026) };
    for line in [
        "[2026-05-13T06:41:52Z] US-010",
        "2026-01-18 16:30 - US-001",
        "on 2026/1/8, 10:20 AM JST.",
        "2026-02-19T22:00:00+08:00 (F001)",
        "## Sun Jan 11 2026",
        "Sun, 11 Jan 2026 10:00",
        "Sat Feb  7 17:30:35 IST 2026",
        "January 8, 2025: done",
        "8th January 2026: done",
        "18.01.2026 done",
        "2026年1月18日 完成",
        "2026-01-18 16:30:00.123456 (EEST) x",
    ] {
        let lexed = Lexer::default().lex(line, &Terms::default());
        let span = lexed.spans.iter().find(|span| span.kind == SpanKind::When).unwrap_or_else(|| panic!("no time in {line}"));
        let written = &lexed.text[span.start as usize..span.end as usize];
        assert!(whole(written, clock).is_some(), "{written} in {line}");
    }
}
