//! Failures that a file marks as such, beyond failed records. (Criteria are read with the facts of a record: `format`.)

use crate::lex::{Flags, LabelClass, LexedLine, Polarity, Structure};

use super::file::IndexedLog;
use super::{MarkedFailure, Record, RecordOutcome};

/// The record whose lines hold the one at `at`: of those that do, one that begins last. Records are in the order of their lines.
pub(crate) fn record_at(records: &[Record], at: usize) -> Option<usize> {
    let end = records.partition_point(|record| record.lines.start <= at);
    let opening = records[..end].last()?.lines.start;
    let first = records[..end].partition_point(|record| record.lines.start < opening);
    (first..end).find(|n| records[*n].lines.contains(&at)).or_else(|| first.checked_sub(1).filter(|n| records[*n].lines.contains(&at)))
}

/// Lines about one incident stand no further apart.
const SAME_INCIDENT: usize = 25;

/// Status lines that say failed, lines that begin `ERROR`, `FAILED`, `BLOCKED`, named blockers: once an incident, and not where a
/// failed record says it already.
pub(crate) fn failures(file: &IndexedLog, records: &[Record]) -> Vec<MarkedFailure> {
    let mut last: Option<usize> = None;
    let failed: Vec<usize> = records
        .iter()
        .filter(|record| matches!(record.outcome, RecordOutcome::Failed | RecordOutcome::Blocked))
        .map(|record| record.lines.start)
        .collect();
    let mut found = Vec::new();
    for (at, line) in file.lines.iter().enumerate() {
        if line.is_silent() || !is_failure(line) || is_report(line, at, records) {
            continue;
        }
        let above = failed.partition_point(|record| *record <= at).checked_sub(1).map(|n| failed[n]);
        let is_known = above.is_some_and(|record| at - record < SAME_INCIDENT);
        let is_same = last.is_some_and(|last| at - last <= SAME_INCIDENT / 2);
        last = Some(at);
        if !is_known && !is_same {
            found.push(MarkedFailure { line: at, text: line.text.to_string() });
        }
    }
    found
}

/// An item of the list in which a passed record reports what was done: it speaks of the product.
fn is_report(line: &LexedLine, at: usize, records: &[Record]) -> bool {
    let is_item = matches!(line.structure, Structure::Bullet | Structure::Numbered) && line.ticked.is_none();
    let record = record_at(records, at).filter(|_| is_item && line.has(Flags::ERROR_LEAD));
    record.is_some_and(|record| records[record].outcome == RecordOutcome::Passed)
}

fn is_failure(line: &LexedLine) -> bool {
    if line.has(Flags::ERROR_LEAD) {
        return true;
    }
    let Some(label) = line.label.filter(|_| line.has_value()) else { return false };
    match label.class {
        LabelClass::Status => label.polarity == Some(Polarity::Negative),
        LabelClass::Next => {
            let text = line.text.to_lowercase();
            let value = line.value().to_lowercase();
            let is_none = ["none", "n/a", "na", "no", "-", "0", "nothing", "нет", "无"]
                .iter()
                .any(|none| value.strip_prefix(none).is_some_and(|remainder| !remainder.starts_with(|ch: char| ch.is_alphanumeric())));
            text.starts_with("block") && !is_none
        }
        _ => false,
    }
}
