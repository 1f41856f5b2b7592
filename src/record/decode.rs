//! Verdicts → records: what of a line's block belongs to it, and which lines tell of the same attempt.

use crate::lex::{Flags, LabelClass, LexedLine, Polarity, SpanKind, Structure, TimePosition, ident};
use crate::seeded_hash::SeededMap;

use super::file::IndexedLog;
use super::select::{is_entry, select};
use super::{Assessment, DOUBTFUL, LIKELY, LineVerdict, OutcomeSource, Reading, Record, RecordOutcome, failure, status, title};

/// Everything that the verdicts and the conventions make of a file.
pub(crate) fn reading(file: &IndexedLog, assessment: &Assessment) -> Reading {
    let verdicts = &assessment.verdicts;
    let selected = select(file, assessment);
    let records = records(file, &selected);
    let passed_over = verdicts.iter().filter(|verdict| verdict.p > DOUBTFUL && verdict.p <= LIKELY).map(|verdict| verdict.at).collect();
    let failures = failure::failures(file, &records);
    Reading { records, failures, passed_over }
}

/// A record whose attempt may go on in a line below.
struct Open {
    record: usize,
    line: usize,
    /// The verdict has been given on a line of its own.
    is_closed: bool,
}

fn records(file: &IndexedLog, selected: &[LineVerdict]) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    // By the numbers of their ids.
    let mut open: SeededMap<u32, Open> = SeededMap::default();
    for (n, verdict) in selected.iter().enumerate() {
        let next = selected.get(n + 1).map_or(file.lines.len(), |next| next.at);
        let record = record(file, verdict, next);
        let Some(lead) = &file.lines[verdict.at].lead else {
            records.push(record);
            continue;
        };
        let mut ids: Vec<&str> = Vec::with_capacity(lead.ids.len());
        for id in &lead.ids {
            if !ids.iter().any(|known| ident::normal(known) == ident::normal(id)) {
                ids.push(id);
            }
        }
        // The line's links have each of them once, too. Most lines have one.
        let copies = std::iter::repeat_n(record, ids.len());
        for (record, (id, key)) in copies.zip(ids.into_iter().zip(&file.rows[verdict.at].lead)) {
            let record = Record { id: Some(id.to_owned()), ..record };
            if let Some(before) = open.get_mut(key)
                && is_same_attempt(file, selected, n, before, (&records[before.record], &record))
            {
                merge(&mut records[before.record], record);
                before.is_closed = records[before.record].source == OutcomeSource::OwnMark;
                continue;
            }
            open.insert(*key, Open { record: records.len(), line: verdict.at, is_closed: false });
            records.push(record);
        }
    }
    records
}

/// How far below a line the one may stand that ends its attempt.
const SAME_ATTEMPT: usize = 12;

/// A start or a report and the verdict on the same id are of one attempt, until a verdict has closed it. Two headings of one level
/// without a verdict are two attempts, and so are two verdicts that differ.
fn is_same_attempt(file: &IndexedLog, selected: &[LineVerdict], n: usize, before: &Open, (record, next): (&Record, &Record)) -> bool {
    let at = selected[n].at;
    let first = file.rows[at].lead.first();
    let is_between =
        selected[..n].iter().rev().take_while(|other| other.at > before.line).any(|other| file.rows[other.at].lead.first() != first);
    let is_open = record.outcome == RecordOutcome::Open;
    let (line, other) = (&file.lines[before.line], &file.lines[at]);
    let is_convention = |record: &Record| record.source == OutcomeSource::Convention;
    let are_reports = is_convention(record)
        && is_convention(next)
        && (line.structure, line.level, other.structure) == (Structure::Heading, other.level, Structure::Heading);
    let is_own = |record: &Record| record.source == OutcomeSource::OwnMark;
    let are_verdicts = is_own(record) && is_own(next) && !is_open && next.outcome != record.outcome;
    let is_near = at - before.line <= SAME_ATTEMPT && !are_reports && !are_verdicts;
    !is_between && !before.is_closed && (is_open || is_near) && file.rows[before.line].shape != file.rows[at].shape
}

fn merge(into: &mut Record, from: Record) {
    if from.source != OutcomeSource::Convention || into.outcome == RecordOutcome::Open {
        into.outcome = from.outcome;
        into.source = from.source;
    }
    into.lines.end = into.lines.end.max(from.lines.end);
    into.title = into.title.take().or(from.title);
    into.when = into.when.take().or(from.when);
    into.duration = into.duration.take().or(from.duration);
    into.iteration = into.iteration.or(from.iteration);
    into.commits.extend(from.commits);
}

fn record(file: &IndexedLog, verdict: &LineVerdict, next: usize) -> Record {
    let at = verdict.at;
    let line = &file.lines[at];
    let end = file.block_end(at).min(next);
    let (outcome, source) = status::outcome(file, at, end);
    // What follows the word for a failure is its reason.
    let is_reason = source == OutcomeSource::OwnMark && matches!(outcome, RecordOutcome::Failed | RecordOutcome::Blocked) && {
        let negative = line.spans.iter().rev().find(|span| span.mark().is_some_and(|mark| mark.polarity == Polarity::Negative));
        negative.is_some_and(|span| span.start > 0 && line.text[span.end as usize..].trim_start().starts_with([':', '-', '–', '—']))
    };
    Record {
        lines: at..end,
        id: None,
        title: titled(file, at, end).filter(|title| !(is_reason && line.lead.is_some() && line.text.ends_with(title.as_str()))),
        outcome,
        source,
        when: status::when(file, at, end),
        iteration: iteration(file, at),
        duration: own_duration(line).or_else(|| (at + 1..end.min(at + 8)).find_map(|next| duration_below(&file.lines[next]))),
        commits: (at..end.min(at + 20)).flat_map(|next| commits(&file.lines[next])).collect(),
        probability: verdict.p,
        is_row: !is_entry(file, at),
    }
}

/// The line's own title, or its partner's below.
fn titled(file: &IndexedLog, at: usize, end: usize) -> Option<String> {
    let line = &file.lines[at];
    let own = title::of(line).filter(|title| title::words(title).next().is_some()).map(str::to_owned);
    // A line of its own for the title is surer than a remark.
    let (first, second) = if title::is_remark(line) { (partner(file, at, end), own) } else { (own, None) };
    first.or(second).or_else(|| partner(file, at, end)).or_else(|| sentence_below(file, at, end))
}

/// A heading that is only a time has its title in the first words below.
fn sentence_below(file: &IndexedLog, at: usize, end: usize) -> Option<String> {
    let line = &file.lines[at];
    if !line.is_heading() || line.time_position != TimePosition::Alone || line.lead.is_some() {
        return None;
    }
    let below = (at + 1..end.min(at + 3)).map(|next| &file.lines[next]).find(|next| !next.is_blank())?;
    let is_sentence = below.structure == Structure::Text && below.label.is_none() && (2..24).contains(&below.words);
    let text = if below.has(Flags::DONE_VERB) { below.text.split_once(' ')?.1 } else { &below.text };
    is_sentence.then(|| title::first_sentence(text).trim_end_matches(['.', '。', ' ']).to_owned())
}

/// A title on a line of its own: after a label for a piece of work, or a bold line.
fn partner(file: &IndexedLog, at: usize, end: usize) -> Option<String> {
    for next in at + 1..end.min(at + 4) {
        let line = &file.lines[next];
        if line.is_blank() {
            continue;
        }
        let label = line.label.map(|label| line.text[..label.end as usize].to_lowercase());
        let is_id = label.as_deref().is_some_and(|label| label.ends_with("id"));
        if line.is_label(LabelClass::Story) && line.has_value() && !is_id {
            return Some(title::of(line).unwrap_or_else(|| line.value()).to_owned());
        }
        if line.is_bold && next <= at + 2 && line.words > 1 && line.words < 20 {
            return Some(title::of(line).unwrap_or(&line.text).to_owned());
        }
        let names = matches!(label.as_deref(), Some("session" | "title" | "name" | "description" | "summary"));
        if names && line.has_value() && line.value().len() < 120 {
            return Some(line.value().to_owned());
        }
        if !matches!(line.label_class(), Some(LabelClass::Date | LabelClass::Status | LabelClass::Start)) {
            return None;
        }
    }
    None
}

fn iteration(file: &IndexedLog, at: usize) -> Option<u32> {
    let number = |line: &LexedLine| {
        let span = line.spans.iter().find(|span| span.kind == SpanKind::Iteration)?;
        let text = span.text(&line.text);
        let digits = &text[text.find(|ch: char| ch.is_ascii_digit())?..];
        digits[..digits.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
    };
    let above = (at.saturating_sub(3)..at).rev().take_while(|above| file.lines[*above].lead.is_none());
    number(&file.lines[at])
        .or_else(|| file.ancestors(at).find_map(|up| number(&file.lines[up])))
        .or_else(|| above.filter(|above| file.lines[*above].has(Flags::ITERATION)).find_map(|above| number(&file.lines[above])))
}

/// The duration on the record's own line: set off by a sign, or behind `took` or its mark, `done in 45 min`. `Loads in 0.5s` is a title.
fn own_duration(line: &LexedLine) -> Option<String> {
    let text: &str = &line.text;
    line.spans.iter().find_map(|span| {
        let before = text[..span.start as usize].trim_end();
        let is_of_mark = || {
            let stem = before.strip_suffix(" in").or_else(|| before.strip_suffix(" after"))?;
            line.spans.iter().find(|mark| mark.mark().is_some() && mark.end as usize == stem.len())
        };
        let is_own = before.is_empty()
            || before.ends_with(['(', '[', '|', '-', '–', '—', ',', ':', ';', '·', '⏱'])
            || before.to_lowercase().ends_with("took")
            || line.spans.iter().any(|other| other.end as usize == before.len() && other.kind == SpanKind::When)
            || is_of_mark().is_some();
        (span.kind == SpanKind::Duration && is_own).then(|| span.text(text).to_owned())
    })
}

/// A line of the block that says how long the record took: `Duration: 5m`, or next to nothing else. `12 passed in 0.02s` speaks of tests.
fn duration_below(line: &LexedLine) -> Option<String> {
    let is_item = matches!(line.structure, Structure::Bullet | Structure::Numbered);
    let is_own = match line.label_class() {
        Some(class) => matches!(class, LabelClass::Start | LabelClass::Date | LabelClass::Status),
        None => !is_item && line.words <= 2 && !line.has(Flags::COUNTER),
    };
    let span = line.spans.iter().find(|span| span.kind == SpanKind::Duration).filter(|_| is_own)?;
    Some(span.text(&line.text).to_owned())
}

fn commits(line: &LexedLine) -> Vec<String> {
    line.spans
        .iter()
        .filter_map(|span| match span.kind {
            SpanKind::Hash => Some(span.text(&line.text).to_owned()),
            SpanKind::Reference => {
                let text = span.text(&line.text);
                let is_commit = text.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("commit"));
                is_commit.then(|| text.rsplit([' ', ':']).next().unwrap_or_default().to_owned()).filter(|hash| !hash.is_empty())
            }
            _ => None,
        })
        .collect()
}
