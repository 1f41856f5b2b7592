//! Lines and records that look like ones and never count, whatever the evidence says: criteria, templates, items, sentences about the work.

use super::field::field;
use super::words::{self, Status};
use crate::lex::{Flags, IdKind, IdPosition, LabelClass, LexedLine, Section, Separator, Structure};
use crate::record::file::IndexedLog;
use crate::record::{OutcomeSource, Record, RecordOutcome};

/// Whether the line at `at`, as it is written in `text`, is no record.
pub(super) fn is_excluded(file: &IndexedLog, text: &str, at: usize) -> bool {
    is_no_record(&file.lines[at], text) || is_bare_time(file, at) || is_item(file, at) || is_next_step(file, at)
}

/// A record that tells of no work: its status says that it has not begun, or is put off; or its line, `Todo: …`, is all there is of it.
pub(super) fn is_idle(texts: &[&str], record: &Record) -> bool {
    let OutcomeSource::StatusLine(at) = record.source else { return false };
    if at == record.lines.start {
        return record.outcome == RecordOutcome::Open;
    }
    let value = field(texts[at].trim_start_matches(['#', ' '])).map_or("", |(_, value)| value);
    words::value(value) == Some(Status::Idle)
}

/// `## Session 3 - 2026-03-01`: a session, or an iteration, that names no work. Beside a plan it is no story; what failed in it counts.
pub(super) fn is_session(file: &IndexedLog, record: &Record) -> bool {
    let line = &file.lines[record.lines.start];
    let has_title = record.title.as_deref().is_some_and(|title| !title.trim().is_empty());
    let has_failed = matches!(record.outcome, RecordOutcome::Failed | RecordOutcome::Blocked);
    record.id.is_none() && !has_title && !has_failed && line.has(Flags::ITERATION)
}

/// A criterion, a label for what comes next, or a template.
fn is_no_record(line: &LexedLine, text: &str) -> bool {
    line.has(Flags::CRITERION_ID)
        || (line.is_label(LabelClass::Next) && line.lead.is_none())
        || line.text.starts_with("Next:")
        || is_awaiting_story(line)
        || is_recap(line)
        || is_undone_row(line)
        || names_agent(line)
        || is_sentence(line)
        || is_template(text)
}

/// A heading of a time alone with nothing below it yet: it names no work.
fn is_bare_time(file: &IndexedLog, at: usize) -> bool {
    let line = &file.lines[at];
    let is_time = |c: char| c.is_ascii_digit() || matches!(c, '#' | '-' | ':' | '.' | '/' | ' ' | 'T' | 'Z' | '[' | ']');
    line.is_heading()
        && line.times().next().is_some()
        && line.text.chars().all(is_time)
        && file.lines[at + 1..file.block_end(at).max(at + 1)].iter().all(LexedLine::is_blank)
}

/// `[US-003] Login page`, and nothing on or below the line that says it was worked on: an item, not a record of work.
fn is_item(file: &IndexedLog, at: usize) -> bool {
    let line = &file.lines[at];
    let is_bare = line.structure == Structure::Text
        && line.has(Flags::BRACKET)
        && line.lead.as_deref().is_some_and(|lead| lead.kind == IdKind::Upper)
        && line.id_position == IdPosition::First
        && line.mark.is_none();
    let reports = [Flags::WHEN, Flags::PAST, Flags::DONE_VERB, Flags::REFERENCE, Flags::DURATION, Flags::ITERATION];
    let is_listed_as_done = file.ancestors(at).any(|above| matches!(file.lines[above].section, Section::Done | Section::Log));
    let below = file.lines.get(at + 1).filter(|below| !below.is_blank());
    let stands_alone = below.is_none_or(|below| below.has(Flags::BRACKET) || below.is_heading() || below.structure == Structure::Rule);
    is_bare && stands_alone && !is_listed_as_done && !reports.iter().any(|flag| line.has(*flag))
}

/// An item of a list of what comes next, with nothing that says it was worked on.
fn is_next_step(file: &IndexedLog, at: usize) -> bool {
    let line = &file.lines[at];
    let is_item = matches!(line.structure, Structure::Bullet | Structure::Numbered) && line.ticked != Some(true);
    let is_bare = line.mark.is_none() && !line.has(Flags::WHEN) && !line.has(Flags::PAST) && !line.has(Flags::DONE_VERB);
    let heading = file.ancestors(at).find(|above| file.lines[*above].is_heading());
    is_item && is_bare && heading.is_some_and(|above| file.lines[above].section == Section::Plan)
}

/// `US-005 needs a designer`: a sentence about the work, not a record of it.
fn is_sentence(line: &LexedLine) -> bool {
    let Some(lead) = line.lead.as_deref() else { return false };
    let begins = line.id_position == IdPosition::First && line.separator == Separator::Word && lead.kind == IdKind::Upper;
    let goes_on = line.text[lead.end as usize..].trim_start_matches([']', ')', ' ']).starts_with(|ch: char| ch.is_ascii_lowercase());
    begins && goes_on && line.mark.is_none() && !line.has(Flags::WHEN) && !line.has(Flags::PAST) && line.ticked.is_none()
}

/// `All 2 stories complete (US-001 and US-002)`: it counts work that is recorded elsewhere.
fn is_recap(line: &LexedLine) -> bool {
    line.has(Flags::ALL_OF) && !line.has(Flags::WHEN) && !line.is_heading() && line.id_position != IdPosition::First
}

/// `| US-001 | Bread | no |`
fn is_undone_row(line: &LexedLine) -> bool {
    let is_no = |cell: &str| ["no", "false", "nein", "non", "нет", "否"].contains(&cell.trim().to_lowercase().as_str());
    line.structure == Structure::Row && line.text.split('|').any(is_no)
}

/// `Agent: Coding Agent (Features #1, #2)`: who works, on whatever.
fn names_agent(line: &LexedLine) -> bool {
    let label = line.label.map(|label| line.text[..label.end as usize].to_lowercase());
    !line.is_heading() && label.is_some_and(|label| matches!(label.as_str(), "agent" | "model" | "author" | "runner" | "tool"))
}

/// claude-loop's `### Iteration: TIME`: the line below it names the story.
fn is_awaiting_story(line: &LexedLine) -> bool {
    line.is_heading() && line.lead.is_none() && line.words <= 1 && line.has(Flags::WHEN) && line.text.starts_with("Iteration:")
}

/// What a template leaves for an agent to fill in.
fn is_template(text: &str) -> bool {
    let bytes = text.as_bytes();
    let may_begin = |at: usize| matches!(bytes[at..], [b'-', b'X' | b'N', ..] | [b'[', b'S' | b's' | b'T' | b'D', ..] | [b'{', b'{', ..]);
    memchr::memchr3_iter(b'-', b'[', b'{', bytes).any(may_begin)
        && ["-XXX", "-NNN", "[Story", "[story", "[Title", "[Date", "{{"].iter().any(|part| text.contains(part))
}
