//! Which likely lines are records: the conventions of the trade, each a rule of its own. Order matters; each rule gets what the ones
//! before it have left.

use crate::lex::{Flags, LabelClass, Polarity, Position, Structure};
use crate::seeded_hash::{SeededMap, SeededSet};

use super::evidence::has_frame;
use super::file::IndexedLog;
use super::{Assessment, CERTAIN, LIKELY, LineVerdict};

/// The lines that are records, in order.
pub(crate) fn select(file: &IndexedLog, assessment: &Assessment) -> Vec<LineVerdict> {
    let mut likely: Vec<LineVerdict> = assessment.verdicts.iter().filter(|verdict| verdict.p > LIKELY).copied().collect();
    refrains_report_nothing(file, &mut likely);
    rows_yield_to_entries(file, &mut likely);
    frames_yield_to_what_they_hold(file, &mut likely);
    crosses_in_lists_are_open_work(file, &mut likely);
    strangers_hold_no_records(assessment, &mut likely);
    likely
}

/// The line is an entry by its form: a heading, a dated line, a label for a piece of work; not a row of a list.
pub(crate) fn is_entry(file: &IndexedLog, at: usize) -> bool {
    let line = &file.lines[at];
    line.is_heading()
        || line.is_bold
        || line.has(Flags::WHEN)
        || line.is_label(LabelClass::Story)
        || line.has(Flags::BRACKET)
        || (line.structure == Structure::Text && line.indent == 0 && line.mark.is_none() && line.ticked.is_none())
}

/// "Session ended" four times, without an id, reports nothing.
fn refrains_report_nothing(file: &IndexedLog, likely: &mut Vec<LineVerdict>) {
    const OFTEN: u32 = 4;
    let mut counts: SeededMap<u64, u32> = SeededMap::default();
    let refrain = |at: usize| {
        let row = &file.rows[at];
        (row.lead.is_empty() && row.title != 0 && !file.lines[at].is_label(LabelClass::Story)).then_some(row.title)
    };
    for verdict in likely.iter() {
        if let Some(title) = refrain(verdict.at) {
            *counts.entry(title).or_default() += 1;
        }
    }
    likely.retain(|verdict| refrain(verdict.at).is_none_or(|title| counts[&title] < OFTEN));
}

/// A ticked row or a row of a table counts only when no entry names its ids.
fn rows_yield_to_entries(file: &IndexedLog, likely: &mut Vec<LineVerdict>) {
    let entries: SeededSet<u32> =
        likely.iter().filter(|verdict| is_entry(file, verdict.at)).flat_map(|verdict| file.rows[verdict.at].lead.iter().copied()).collect();
    likely.retain(|verdict| {
        let lead = &file.rows[verdict.at].lead;
        is_entry(file, verdict.at) || lead.is_empty() || !lead.iter().all(|id| entries.contains(id))
    });
}

/// A session that names the pieces of work in it is none itself.
fn frames_yield_to_what_they_hold(file: &IndexedLog, likely: &mut Vec<LineVerdict>) {
    let all = likely.clone();
    let mut n = 0;
    likely.retain(|verdict| {
        n += 1;
        let line = &file.lines[verdict.at];
        let is_frame = line.lead.is_none() && (has_frame(line) || file.rows[verdict.at].title == 0);
        let end = if is_frame { file.block_end(verdict.at) } else { 0 };
        !all[n..].iter().take_while(|inner| inner.at < end).any(|inner| file.lines[inner.at].lead.is_some())
    });
}

/// `❌ words` in a list of ticks says that it is not done, and not that it failed.
fn crosses_in_lists_are_open_work(file: &IndexedLog, likely: &mut Vec<LineVerdict>) {
    likely.retain(|verdict| {
        let line = &file.lines[verdict.at];
        let is_cross = line.mark.is_some_and(|mark| mark.polarity == Polarity::Negative && mark.position == Position::Start)
            && line.text.starts_with(['❌', '✗', '✘', '✖']);
        line.is_heading() || line.has(Flags::WHEN) || !is_cross
    });
}

/// In a file that no runner writes only what is certain is a record.
fn strangers_hold_no_records(assessment: &Assessment, likely: &mut Vec<LineVerdict>) {
    likely.retain(|verdict| assessment.origin > LIKELY || verdict.p >= CERTAIN);
}
