//! Formats durations, ranges and times, and measures, truncates and cleans text for a terminal.
//!
//! Width is counted by grapheme cluster. Nothing here knows stories or tasks.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::clock::Timestamp;
use crate::fact::ErrorKind;
use crate::format::SourceKind;
use crate::model::state::{Remaining, SourceCondition, SourceState};
use crate::text::is_unwanted;

/// Which characters the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    Unicode,
    /// Unicode, with emoji for the signs.
    Emoji,
    Ascii,
}

impl Charset {
    /// Marks truncated text.
    fn ellipsis(self) -> &'static str {
        match self {
            Charset::Unicode | Charset::Emoji => "…",
            Charset::Ascii => "...",
        }
    }

    fn dash(self) -> &'static str {
        match self {
            Charset::Unicode | Charset::Emoji => "–",
            Charset::Ascii => "-",
        }
    }
}

/// Longest cluster that is shown: a family of four with skin tones has 11 characters; what is longer is an attack on the renderer.
const CLUSTER_LIMIT: usize = 12;

/// `5s`, `2m 34s`, `1h04m`, `2d03h`: two units at most, the second of fixed width so that a running clock does not jump.
pub fn duration(ms: u64) -> String {
    let secs = ms / 1000;
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{minutes}m {:02}s", secs % 60),
        3600..86_400 => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours:02}h"),
    }
}

/// `5s`, `41m`, `1h04m`: without seconds beside minutes, for ages and estimates.
pub fn short_duration(ms: u64) -> String {
    match ms / 1000 {
        secs @ 60..3600 => format!("{}m", secs / 60),
        _ => duration(ms),
    }
}

/// `~25m`, `under 1m`: an estimate is never said to the second.
pub fn estimate(secs: u64) -> String {
    if secs < 60 { "under 1m".to_owned() } else { format!("~{}", short_duration(secs * 1000)) }
}

/// The range of an estimate, where it says more than the estimate.
pub fn spread(low_secs: u64, high_secs: u64, charset: Charset) -> Option<String> {
    (low_secs != high_secs && high_secs > 60).then(|| range(low_secs, high_secs, charset))
}

/// `12m–45m`, `up to 3m`.
pub fn range(low_secs: u64, high_secs: u64, charset: Charset) -> String {
    let (low, high) = (short_duration(low_secs * 1000), short_duration(high_secs * 1000));
    match (low_secs, high_secs) {
        (_, ..60) => estimate(high_secs),
        (..60, _) => format!("up to {high}"),
        _ if low == high => format!("about {low}"),
        _ => format!("{low}{}{high}", charset.dash()),
    }
}

/// `~25m left (12m–45m), from 5 stories`, or the reason why there is no estimate.
pub fn remaining(remaining: &Remaining, charset: Charset) -> String {
    match remaining {
        Remaining::Unknown { reason } => format!("time left unknown: {reason}"),
        Remaining::None { reason } => reason.to_string(),
        Remaining::Range { p90, basis, rough: true, .. } => format!("under {} left, {basis}", short_duration(p90 * 1000)),
        Remaining::Range { p10, p50, p90, basis, .. } => {
            let spread = spread(*p10, *p90, charset).map(|spread| format!(" ({spread})")).unwrap_or_default();
            format!("{} left{spread}, {basis}", estimate(*p50))
        }
        Remaining::LongerThanUsual { usual_p10, usual_p90, .. } => {
            format!("longer than usual (usual {})", range(*usual_p10, *usual_p90, charset))
        }
    }
}

/// What a file was taken for, and how much of it is understood.
pub fn source(source: &SourceState) -> String {
    let lines = count(source.understood + source.unknown, "line", "lines");
    match source.state {
        SourceCondition::Waiting => "not there yet".to_owned(),
        SourceCondition::Gone => "gone".to_owned(),
        SourceCondition::Unreadable => "cannot be read".to_owned(),
        SourceCondition::Reading if source.understood + source.unknown == 0 => "nothing in it yet".to_owned(),
        SourceCondition::Reading if source.kind == SourceKind::Unknown.name() => format!("no runner's log that is known, {lines}"),
        SourceCondition::Reading if source.kind == SourceKind::Plan.name() => {
            format!("{}, {}", source.kind, count(source.understood, "story", "stories"))
        }
        SourceCondition::Reading => format!("{}, {} of {lines} understood", source.kind, source.understood),
    }
}

/// The columns that a list's first column takes. What is longer than 48 stands out by itself and moves nothing of the others.
pub fn column<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(width).filter(|width| *width <= 48).max().unwrap_or(0)
}

/// With blanks up to so many columns.
pub fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// `14:32`, on the clock of `zone`.
pub fn clock(at: Timestamp, zone: &TimeZone) -> String {
    local(at, zone, "%H:%M")
}

/// `at` in `zone`, in the form of `strftime`.
pub fn local(at: Timestamp, zone: &TimeZone, form: &str) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(at) => at.to_zoned_datetime(zone.clone()).strftime(form).to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// The kind of an error in words.
pub fn error_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Timeout => "timeout",
        ErrorKind::NotFound => "not found",
        ErrorKind::Permission => "permission",
        ErrorKind::Parse => "parse error",
        ErrorKind::Network => "network",
        ErrorKind::Validation => "validation",
        ErrorKind::Unknown => "error",
    }
}

/// `1 story`, `3 stories`.
pub fn count(n: impl Into<u64>, one: &str, many: &str) -> String {
    let n = n.into();
    format!("{n} {}", if n == 1 { one } else { many })
}

/// `US-006 Login`; only the one where the other is missing.
pub fn id_and_title(id: Option<&str>, title: Option<&str>, between: &str) -> String {
    match (id, title) {
        (Some(id), Some(title)) => format!("{id}{between}{title}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => String::new(),
    }
}

/// `5/8 stories`; `5 stories done` without a plan.
pub fn tally(passed: u32, total: Option<u32>) -> String {
    match total {
        Some(all) => format!("{passed}/{all} stories"),
        None => format!("{} done", count(passed, "story", "stories")),
    }
}

/// `5 of 8 stories passed`.
pub fn tally_in_words(passed: u32, total: Option<u32>) -> String {
    match total {
        Some(all) => format!("{passed} of {} passed", count(all, "story", "stories")),
        None => format!("{} passed", count(passed, "story", "stories")),
    }
}

/// Removes from `text` what must not reach a terminal: control and bidi characters, clusters without width or over
/// [`CLUSTER_LIMIT`]. White space becomes a blank. With [`Charset::Ascii`], each column of any other text becomes `?`.
pub fn clean(text: &str, charset: Charset) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        if cluster.chars().all(char::is_whitespace) {
            cleaned.push(' ');
            continue;
        }
        let shown: String = cluster.chars().filter(|c| !is_unwanted(*c)).take(CLUSTER_LIMIT).collect();
        match (charset, width(&shown)) {
            (_, 0) => {}
            (Charset::Ascii, columns) if !shown.is_ascii() => cleaned.extend(std::iter::repeat_n('?', columns)),
            (Charset::Ascii | Charset::Unicode | Charset::Emoji, _) => cleaned.push_str(&shown),
        }
    }
    Cow::Owned(cleaned)
}

/// The width of `text` in columns, cluster by cluster.
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// The longest prefix of `text` that fits, with an ellipsis when it is not the whole.
pub fn truncate(text: &str, columns: usize, charset: Charset) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let ellipsis = charset.ellipsis();
    // Where not even the ellipsis and a letter fit, the letters are worth more.
    let mark = if ellipsis.len() >= columns && charset == Charset::Ascii || columns == 0 { "" } else { ellipsis };
    let room = columns - width(mark);
    let mut used = 0;
    let mut end = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        used += UnicodeWidthStr::width(cluster);
        if used > room {
            break;
        }
        end = at + cluster.len();
    }
    Cow::Owned(format!("{}{mark}", text[..end].trim_end()))
}

/// `text` in lines of at most `columns`, broken between words where possible. What does not fit into `lines` lines is cut.
pub fn wrapped(text: &str, columns: usize, lines: usize, charset: Charset) -> Vec<String> {
    let text = clean(text, charset);
    let mut left = text.trim();
    let mut wrapped = Vec::new();
    while !left.is_empty() && wrapped.len() < lines {
        if wrapped.len() + 1 == lines || width(left) <= columns {
            wrapped.push(truncate(left, columns, charset).into_owned());
            break;
        }
        let mut used = 0;
        let fits = left.grapheme_indices(true).find(|(_, cluster)| {
            used += UnicodeWidthStr::width(*cluster);
            used > columns
        });
        let end = fits.map_or(left.len(), |(at, _)| at);
        // A word longer than the line is broken; a cluster wider than the line goes.
        let end = if left[end..].starts_with(' ') { end } else { left[..end].rfind(' ').unwrap_or(end) };
        if end == 0 {
            break;
        }
        wrapped.push(left[..end].trim_end().to_owned());
        left = left[end..].trim_start();
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        let cases = [
            (0, "0s", "0s"),
            (999, "0s", "0s"),
            (5_230, "5s", "5s"),
            (59_999, "59s", "59s"),
            (60_000, "1m 00s", "1m"),
            (154_000, "2m 34s", "2m"),
            (3_599_000, "59m 59s", "59m"),
            (3_840_000, "1h04m", "1h04m"),
            (86_400_000, "1d00h", "1d00h"),
            (183_600_000, "2d03h", "2d03h"),
        ];
        for (ms, long, short) in cases {
            assert_eq!((duration(ms).as_str(), short_duration(ms).as_str()), (long, short), "{ms} ms");
        }
    }

    #[test]
    fn remaining_has_its_basis() {
        let range = crate::output::sample::range(720, 1500, 2700, 5);
        assert_eq!(remaining(&range, Charset::Unicode), "~25m left (12m–45m), from 5 stories");
        assert_eq!(remaining(&range, Charset::Ascii), "~25m left (12m-45m), from 5 stories");
        let short = |p90| crate::output::sample::range(30, 30, p90, 5);
        assert_eq!(remaining(&short(30), Charset::Unicode), "under 1m left, from 5 stories");
        assert_eq!(remaining(&short(180), Charset::Unicode), "under 1m left (up to 3m), from 5 stories");
        let long = crate::output::sample::longer_than_usual();
        assert_eq!(remaining(&long, Charset::Unicode), "longer than usual (usual 6m–13m)");
        let unknown = Remaining::Unknown { reason: "no finished story has been timed yet".into() };
        assert_eq!(remaining(&unknown, Charset::Unicode), "time left unknown: no finished story has been timed yet");
    }

    #[test]
    fn text_is_cut_at_a_cluster() {
        let cases = [
            ("short", 5, "short"),
            ("shorter", 5, "shor…"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("a 👩‍💻👩‍💻", 5, "a 👩‍💻…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("a bc", 3, "a…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
        ];
        for (text, columns, expected) in cases {
            assert_eq!(truncate(text, columns, Charset::Unicode), expected, "{text} in {columns}");
        }
        assert_eq!(truncate("abcdefgh", 5, Charset::Ascii), "ab...");
        assert_eq!(truncate("abcdefgh", 3, Charset::Ascii), "abc");
    }

    #[test]
    fn cleaned_text_cannot_steer_the_terminal() {
        let zalgo = format!("a{}", "\u{301}".repeat(50));
        let cases = [
            ("plain", "plain"),
            ("a\u{1b}[2Jb", "a[2Jb"),
            ("a\tb\nc", "a b c"),
            ("\u{202e}evil\u{2066}", "evil"),
            ("a\u{200b}b", "ab"),
            ("\u{9b}31m", "31m"),
        ];
        for (text, expected) in cases {
            assert_eq!(clean(text, Charset::Unicode), expected);
        }
        assert_eq!(clean(&zalgo, Charset::Unicode).chars().count(), CLUSTER_LIMIT);
        assert_eq!(clean("日本 é 👩‍💻", Charset::Ascii), "???? ? ??");
    }
}
