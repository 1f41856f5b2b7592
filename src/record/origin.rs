//! Whether an agent's runner writes the file at all, or it is an ordinary document: judged once a look from what the whole file holds, so
//! that a README that happens to have lines like records gives nothing.

use crate::lex::shape::Form;
use crate::lex::{Flags, LabelClass, Structure};
use crate::seeded_hash::SeededSet;

use super::evidence::{has_frame, kind};
use super::feature::{Evidence, Feature as F, bucket, form_class};
use super::file::{DOCUMENT_WORDS, IndexedLog, RUNNER_WORDS};
use super::status::{self, has_day};
use super::{LIKELY, LineVerdict, OutcomeSource};

/// Above it a likely record is a sure one.
const SURE: f32 = 0.85;

/// What the likely records have between them.
#[derive(Default)]
struct Likely<'a> {
    lines: f32,
    sure: f32,
    logits: f32,
    kinds: [f32; 11],
    forms: [f32; 10],
    with_time: f32,
    with_mark: f32,
    with_status: f32,
    with_report: f32,
    with_frame: f32,
    with_story_label: f32,
    ids: SeededSet<&'a [u32]>,
    days: Vec<&'a str>,
}

/// How many lines of the file are of each kind.
#[derive(Default)]
struct LineSums {
    written: u32,
    prose: u32,
    code: u32,
    boxes: u32,
    past: u32,
    references: u32,
    status_labels: u32,
    file_labels: u32,
    learn_labels: u32,
}

impl LineSums {
    fn new(file: &IndexedLog) -> LineSums {
        let mut sums = LineSums::default();
        for line in file.lines.iter().filter(|line| !line.is_blank()) {
            sums.written += 1;
            sums.prose += u32::from(line.structure == Structure::Text && line.words > 10);
            sums.code += u32::from(line.structure == Structure::Code);
            sums.boxes += u32::from(line.ticked.is_some());
            sums.past += u32::from(line.has(Flags::PAST));
            sums.references += u32::from(line.has(Flags::REFERENCE));
            sums.status_labels += u32::from(line.is_label(LabelClass::Status));
            sums.file_labels += u32::from(line.is_label(LabelClass::Files));
            sums.learn_labels += u32::from(line.is_label(LabelClass::Learn));
        }
        sums
    }
}

/// The evidence about the file.
pub(crate) fn evidence(file: &IndexedLog, verdicts: &[LineVerdict]) -> Evidence {
    let likely = likely(file, verdicts);
    let mut features = Evidence::default();
    features.on(F::OriginBias);
    for word in 0..16 {
        if file.head_words() & (1 << word) != 0 {
            features.at(F::OriginWord, word);
        }
    }
    let (runner, document) = ((file.head_words() & RUNNER_WORDS).count_ones(), (file.head_words() & DOCUMENT_WORDS).count_ones());
    features.at2(F::OriginWords, bucket(runner, &[0, 1, 2, 4]), bucket(document, &[0, 1, 2]));
    features.is(F::OriginPlan, file.plan.is_there);
    let sums = LineSums::new(file);
    let written = sums.written.max(1) as f32;
    features.at(F::OriginRecords, bucket(likely.lines, &[0.0, 1.0, 2.0, 4.0, 8.0]));
    features.at(F::OriginShare, bucket(likely.lines / written, &[0.0, 0.02, 0.05, 0.1, 0.2, 0.4]));
    features.at(F::OriginCandidates, bucket(likely.lines / verdicts.len().max(1) as f32, &[0.0, 0.1, 0.3, 0.5, 0.7]));
    let count = likely.lines.max(1.0);
    features.by(F::OriginSure, likely.sure / count);
    features.by(F::OriginLogit, likely.logits / count / 3.0);
    features.by(F::OriginTime, likely.with_time / count);
    features.by(F::OriginMark, likely.with_mark / count);
    features.by(F::OriginStatus, likely.with_status / count);
    features.by(F::OriginReport, likely.with_report / count);
    features.by(F::OriginFrame, likely.with_frame / count);
    features.by(F::OriginStoryLabel, likely.with_story_label / count);
    for (number, share) in likely.kinds.iter().enumerate() {
        features.at_by(F::OriginKind, number as u16, share / count);
    }
    for (number, share) in likely.forms.iter().enumerate() {
        features.at_by(F::OriginForm, number as u16, share / count);
    }
    features.at(F::OriginIds, bucket(likely.ids.len(), &[0, 1, 3, 8]));
    let mut days = likely.days;
    let is_in_order = days.is_sorted() || days.is_sorted_by(|a, b| a >= b);
    if !is_in_order {
        days.sort_unstable();
    }
    days.dedup();
    features.at2(F::OriginDays, bucket(days.len(), &[0, 1, 3]), u16::from(is_in_order));
    let share = |count: u32| count as f32 / written;
    features.by(F::OriginProse, share(sums.prose));
    features.by(F::OriginCode, share(sums.code));
    features.by(F::OriginBoxes, share(sums.boxes));
    features.by(F::OriginPast, share(sums.past));
    features.by(F::OriginReference, share(sums.references));
    features.at(F::OriginStatusLabels, bucket(sums.status_labels, &[0, 1, 3]));
    features.at(F::OriginFileLabels, bucket(sums.file_labels, &[0, 1, 3]));
    features.at(F::OriginLearnLabels, bucket(sums.learn_labels, &[0, 1, 3]));
    features
}

fn likely<'a>(file: &'a IndexedLog, verdicts: &[LineVerdict]) -> Likely<'a> {
    let mut likely = Likely::default();
    let all: Vec<&LineVerdict> = verdicts.iter().filter(|verdict| verdict.p > LIKELY).collect();
    for (n, verdict) in all.iter().enumerate() {
        let (line, row) = (&file.lines[verdict.at], &file.rows[verdict.at]);
        let next = all.get(n + 1).map_or(file.lines.len(), |next| next.at);
        let end = file.block_end(verdict.at).min(next);
        let p = verdict.p.clamp(0.003, 0.997);
        likely.lines += 1.0;
        likely.sure += f32::from(u8::from(verdict.p > SURE));
        likely.logits += (p / (1.0 - p)).ln();
        likely.kinds[usize::from(kind(line))] += 1.0;
        likely.forms[usize::from(form_class(Form::of(line)))] += 1.0;
        likely.with_time += f32::from(u8::from(line.has(Flags::WHEN)));
        likely.with_mark += f32::from(u8::from(line.mark.is_some()));
        let status = matches!(status::outcome(file, verdict.at, end).1, OutcomeSource::StatusLine(_));
        likely.with_status += f32::from(u8::from(status));
        likely.with_report += f32::from(u8::from((verdict.at..end.min(verdict.at + 10)).any(|at| file.lines[at].has(Flags::PAST))));
        likely.with_frame += f32::from(u8::from(has_frame(line)));
        likely.with_story_label += f32::from(u8::from(line.is_label(LabelClass::Story)));
        if !row.lead.is_empty() {
            likely.ids.insert(&row.lead);
        }
        likely.days.extend(line.times().find(|time| has_day(time) && time.starts_with(|ch: char| ch.is_ascii_digit())).map(day));
    }
    likely
}

/// The first ten bytes of a time: for dates as they are mostly written, its day.
fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}
