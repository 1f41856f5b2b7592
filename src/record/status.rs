//! How a record ended, and when: its own mark, a status line in its block, or the convention that an entry exists because its checks
//! passed.

use crate::lex::{Flags, LabelClass, LexedLine, Mark, Polarity, Position, Structure, TimePosition};

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
    if is_todo(line) {
        // Its own status, until what was done is written below it.
        let done = (at + 1..end).find(|next| file.lines[*next].is_label(LabelClass::Done) && file.lines[*next].has_value());
        return done
            .map_or((RecordOutcome::Open, OutcomeSource::StatusLine(at)), |done| (RecordOutcome::Passed, OutcomeSource::StatusLine(done)));
    }
    (RecordOutcome::Passed, OutcomeSource::Convention)
}

/// `Todo: …` names what is to be done.
pub(crate) fn is_todo(line: &LexedLine) -> bool {
    line.label.is_some_and(|label| line.text[..label.end as usize].trim_matches(['*', '-', ':', ' ']).eq_ignore_ascii_case("todo"))
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
    let is_blocked = title::words(&line.text)
        .any(|word| ["blocked", "blocker", "blockers", "blocking", "blockiert"].iter().any(|known| word.eq_ignore_ascii_case(known)));
    if is_blocked { RecordOutcome::Blocked } else { RecordOutcome::Failed }
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
    // A rule may stand between what was to be done and its status.
    let is_rule = |at: usize| file.lines.get(at).is_some_and(|line| line.structure == Structure::Rule);
    last.or_else(|| {
        let next = file.neighbour(end, true).filter(|_| is_rule(end))?;
        Some((of_label(&file.lines[next])?, next))
    })
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
    time_near(file, at, end).or_else(|| line.times().next().map(str::to_owned))
}

fn dated(line: &LexedLine) -> Option<String> {
    line.times().find(|time| has_day(time)).map(str::to_owned)
}

fn time_near(file: &IndexedLog, at: usize, end: usize) -> Option<String> {
    let line = &file.lines[at];
    for above in (at.saturating_sub(4)..at).rev() {
        let up = &file.lines[above];
        if up.lead.is_some() && up.structure == line.structure {
            break;
        }
        let is_frame = (title::is_frame(up) || up.is_label(LabelClass::Date) || up.has(Flags::ITERATION)) && !is_of_file(up);
        if let Some(time) = dated(up).filter(|_| is_frame) {
            return Some(time);
        }
    }
    for next in at + 1..end.min(at + 12) {
        let below = &file.lines[next];
        if below.has(Flags::ITERATION) || below.structure == Structure::Rule {
            break;
        }
        let is_frame = below.has(Flags::WHEN) && below.lead.is_none() && below.words <= 6 && !below.is_heading() && next <= at + 3;
        if let Some(time) = dated(below).filter(|_| is_frame || below.is_label(LabelClass::Date)) {
            return Some(time);
        }
    }
    let above = file.ancestors(at).filter(|up| !(file.lines[*up].level == 1 && *up < 3)).find_map(|up| dated(&file.lines[up]));
    above.or_else(|| frame_above(file, at))
}

/// `Last updated: …`, `Completed: …` alone say it of the whole file.
fn is_of_file(line: &LexedLine) -> bool {
    let Some(label) = line.label else { return false };
    let words = line.text[..label.end as usize].to_lowercase();
    words.contains("updated") || words.starts_with("completed")
}

/// How far up the line stands that dates a list.
const FRAME_LINES: usize = 80;

/// The day of the plain line above that begins with it or labels it, which dates the lines below until the next one: a day alone, a
/// session in brackets, an entry whose rows follow.
fn frame_above(file: &IndexedLog, at: usize) -> Option<String> {
    (at.saturating_sub(FRAME_LINES)..at).rev().find_map(|above| {
        let line = &file.lines[above];
        let leads = matches!(line.time_position, TimePosition::Alone | TimePosition::First)
            || line.has(Flags::ITERATION)
            || line.has(Flags::FRAME_WORD);
        let is_frame = line.indent == 0
            && line.structure == Structure::Text
            && line.label.map_or(leads, |label| label.class == LabelClass::Date)
            && !is_of_file(line);
        dated(line).filter(|_| is_frame)
    })
}

/// It names a day, not only an hour.
pub(crate) fn has_day(time: &str) -> bool {
    let digits = time.bytes().take_while(u8::is_ascii_digit).count();
    !(digits <= 2 && digits > 0 && time.as_bytes().get(digits) == Some(&b':'))
}
