//! How a record ended, and when: its own mark, a status line in its block, or the convention that an entry exists because its checks
//! passed.

use crate::lex::{Flags, LabelClass, LexedLine, Mark, Polarity, Position, Structure};

use super::file::IndexedLog;
use super::title;
use super::{OutcomeSource, RecordOutcome};

/// The outcome of the record at `at`, whose block ends at `end`.
pub(crate) fn outcome(file: &IndexedLog, at: usize, end: usize) -> (RecordOutcome, OutcomeSource) {
    let line = &file.lines[at];
    let own = own_mark(line);
    match own {
        Some(Polarity::Negative) => return (negative(line), OutcomeSource::OwnMark),
        Some(Polarity::Positive) => return (RecordOutcome::Passed, OutcomeSource::OwnMark),
        Some(Polarity::Open | Polarity::Void) | None => {}
    }
    if let Some((outcome, line)) = status_below(file, at, end).or_else(|| status_above(file, at)) {
        return (outcome, OutcomeSource::StatusLine(line));
    }
    if own == Some(Polarity::Open) || current(line) {
        return (RecordOutcome::Open, OutcomeSource::OwnMark);
    }
    (RecordOutcome::Passed, OutcomeSource::Convention)
}

/// "Session 7 (Current)" has not ended.
fn current(line: &LexedLine) -> bool {
    line.has(Flags::CURRENT)
}

/// What the line's own marks say together: the last one at an end or in brackets wins when it is not good.
fn own_mark(line: &LexedLine) -> Option<Polarity> {
    let marks: Vec<Mark> = line.marks().filter(|mark| mark.polarity != Polarity::Void).collect();
    let last_mark = marks.iter().rev().find(|mark| matches!(mark.position, Position::End | Position::Bracketed)).or(marks.last())?;
    let first = marks.first()?;
    if last_mark.polarity == Polarity::Positive {
        Some(if first.position == Position::Start { first.polarity } else { Polarity::Positive })
    } else {
        Some(last_mark.polarity)
    }
}

fn negative(line: &LexedLine) -> RecordOutcome {
    if line.text.to_lowercase().contains("block") { RecordOutcome::Blocked } else { RecordOutcome::Failed }
}

fn of_label(line: &LexedLine) -> Option<RecordOutcome> {
    let label = line.label.filter(|label| label.class == LabelClass::Status)?;
    Some(match label.polarity? {
        Polarity::Positive => RecordOutcome::Passed,
        Polarity::Negative => negative(line),
        Polarity::Open => RecordOutcome::Open,
        Polarity::Void => return None,
    })
}

/// The last status line of the block is its result, wherever in the block it stands.
fn status_below(file: &IndexedLog, at: usize, end: usize) -> Option<(RecordOutcome, usize)> {
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
fn status_above(file: &IndexedLog, at: usize) -> Option<(RecordOutcome, usize)> {
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
pub(crate) fn when(file: &IndexedLog, at: usize, end: usize) -> Option<String> {
    let line = &file.lines[at];
    if let Some(time) = line.times().find(|time| has_day(time)) {
        return Some(time.to_owned());
    }
    own_or_near(file, at, end).or_else(|| line.times().next().map(str::to_owned))
}

fn dated(line: &LexedLine) -> Option<String> {
    line.times().find(|time| has_day(time)).map(str::to_owned)
}

fn own_or_near(file: &IndexedLog, at: usize, end: usize) -> Option<String> {
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
