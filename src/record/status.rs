//! How a record ended, and when: its own mark, a status line in its block, or the convention that an entry exists because its checks
//! passed.

use crate::lex::{Flags, LabelClass, Line, Mark, Polarity, Position, Structure};

use super::file::File;
use super::title;
use super::{Outcome, Source};

/// The outcome of the record at `at`, whose block ends at `end`.
pub(crate) fn outcome(file: &File, at: usize, end: usize) -> (Outcome, Source) {
    let line = &file.lines[at];
    let own = own_mark(line);
    match own {
        Some(Polarity::Negative) => return (negative(line), Source::OwnMark),
        Some(Polarity::Positive) => return (Outcome::Passed, Source::OwnMark),
        Some(Polarity::Open | Polarity::Void) | None => {}
    }
    if let Some((outcome, line)) = status_below(file, at, end).or_else(|| status_above(file, at)) {
        return (outcome, Source::StatusLine(line));
    }
    if own == Some(Polarity::Open) || current(line) {
        return (Outcome::Open, Source::OwnMark);
    }
    (Outcome::Passed, Source::Convention)
}

/// "Session 7 (Current)" has not ended.
fn current(line: &Line) -> bool {
    line.has(Flags::CURRENT)
}

/// What the line's own marks say together: the last one at an end or in brackets wins when it is not good.
fn own_mark(line: &Line) -> Option<Polarity> {
    let marks: Vec<Mark> = line.marks().filter(|mark| mark.polarity != Polarity::Void).collect();
    let last_said = marks.iter().rev().find(|mark| matches!(mark.position, Position::End | Position::Bracketed)).or(marks.last())?;
    let first = marks.first()?;
    if last_said.polarity == Polarity::Positive {
        Some(if first.position == Position::Start { first.polarity } else { Polarity::Positive })
    } else {
        Some(last_said.polarity)
    }
}

fn negative(line: &Line) -> Outcome {
    if line.text.to_lowercase().contains("block") { Outcome::Blocked } else { Outcome::Failed }
}

fn of_label(line: &Line) -> Option<Outcome> {
    let label = line.label.filter(|label| label.class == LabelClass::Status)?;
    Some(match label.polarity? {
        Polarity::Positive => Outcome::Passed,
        Polarity::Negative => negative(line),
        Polarity::Open => Outcome::Open,
        Polarity::Void => return None,
    })
}

/// The last status line of the block is its result, wherever in the block it stands.
fn status_below(file: &File, at: usize, end: usize) -> Option<(Outcome, usize)> {
    let mut last = None;
    for next in at + 1..end {
        let line = &file.lines[next];
        if let Some(outcome) = of_label(line) {
            last = Some((outcome, next));
        }
    }
    last
}

/// A status line directly above, of a record that is no heading.
fn status_above(file: &File, at: usize) -> Option<(Outcome, usize)> {
    if file.lines[at].is_heading() {
        return None;
    }
    for above in (at.saturating_sub(4)..at).rev() {
        let line = &file.lines[above];
        if line.is_blank() {
            continue;
        }
        if let Some(outcome) = of_label(line) {
            return Some((outcome, above));
        }
        if line.lead.is_some() || line.structure == Structure::Rule {
            return None;
        }
    }
    None
}

/// The record's time as written: its own, a frame's above, a date label's, a dated heading's.
pub(crate) fn when(file: &File, at: usize, end: usize) -> Option<String> {
    let line = &file.lines[at];
    if let Some(time) = line.times().find(|time| has_day(time)) {
        return Some(time.to_owned());
    }
    own_or_near(file, at, end).or_else(|| line.times().next().map(str::to_owned))
}

fn dated(line: &Line) -> Option<String> {
    line.times().find(|time| has_day(time)).map(str::to_owned)
}

fn own_or_near(file: &File, at: usize, end: usize) -> Option<String> {
    let line = &file.lines[at];
    for above in (at.saturating_sub(4)..at).rev() {
        let up = &file.lines[above];
        if up.lead.is_some() && up.structure == line.structure {
            break;
        }
        let is_frame = title::is_frame(up) || up.is_label(LabelClass::Date) || up.has(Flags::ITERATION);
        if let Some(time) = dated(up).filter(|_| is_frame) {
            return Some(time);
        }
    }
    for next in at + 1..end.min(at + 12) {
        let below = &file.lines[next];
        let is_frame = below.has(Flags::WHEN) && below.lead.is_none() && below.words <= 6 && !below.is_heading() && next <= at + 3;
        if let Some(time) = dated(below).filter(|_| is_frame || below.is_label(LabelClass::Date)) {
            return Some(time);
        }
    }
    file.ancestors(at).filter(|up| !(file.lines[*up].level == 1 && *up < 3)).find_map(|up| dated(&file.lines[up]))
}

/// It names a day, not only an hour.
pub(crate) fn has_day(time: &str) -> bool {
    let digits = time.bytes().take_while(u8::is_ascii_digit).count();
    !(digits <= 2 && digits > 0 && time.as_bytes().get(digits) == Some(&b':'))
}
