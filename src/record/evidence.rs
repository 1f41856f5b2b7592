//! What speaks for and against a line, seen from the line: its spans and where they stand, the section, the block below, and the sums
//! of its shape and ids.

use crate::lex::shape::Form;
use crate::lex::{First, Flags, IdKind, LabelClass, Lead, LexedLine, Polarity, Section, Structure};

use super::feature::{Evidence, Feature as F, bucket, form_class};
use super::file::IndexedLog;
use super::title;

/// Lines below that a status, labels, reports and marks are looked for in.
const STATUS_LINES: usize = 14;
const LABEL_LINES: usize = 25;
const REPORT_LINES: usize = 10;
const MARK_LINES: usize = 12;

/// Whether the line could be a record at all: most prose cannot.
pub(crate) fn is_candidate(file: &IndexedLog, at: usize) -> bool {
    let line = &file.lines[at];
    if line.is_silent() {
        return false;
    }
    let is_sure = |lead: &Lead| lead.is_planned || matches!(lead.kind, IdKind::Upper | IdKind::Word);
    if line.has(Flags::LEVEL) && !line.lead.as_deref().is_some_and(is_sure) {
        return false;
    }
    let row = &file.rows[at];
    line.lead.is_some()
        || line.has(Flags::WHEN)
        || has_frame(line)
        || line.is_heading()
        || line.is_bold
        || line.ticked == Some(true)
        || line.mark.is_some()
        || row.plan_title >= 5
        || (line.has_value() && (line.is_label(LabelClass::Story) || line.is_label(LabelClass::Done)))
        || (line.structure == Structure::Text && line.indent == 0 && line.words < 16 && file.shape_sums(at).lines >= 3)
}

/// The line names an iteration or a session.
pub(crate) fn has_frame(line: &LexedLine) -> bool {
    line.has(Flags::ITERATION)
        || (line.has(Flags::FRAME_WORD) && line.words < 8 && (line.is_heading() || line.structure == Structure::Text))
}

fn polarity(line: &LexedLine) -> u16 {
    line.mark.map_or(0, |mark| mark.polarity as u16 + 1)
}

/// The kind of the id that heads the line, as the features count it; 0 without one.
pub(crate) fn kind(line: &LexedLine) -> u16 {
    line.lead.as_ref().map_or(0, |lead| match lead.kind {
        IdKind::Phase => 2,
        IdKind::Upper => 1,
        IdKind::Word => 3,
        IdKind::Lower => 4,
        IdKind::Number => 5,
        IdKind::Dotted => 6,
        IdKind::Letter => 7,
        IdKind::Slug => 8,
        IdKind::HeadingNumber => 9,
        IdKind::LabelNumber => 10,
    })
}

/// The evidence of a candidate.
pub(crate) fn evidence(file: &IndexedLog, at: usize) -> Evidence {
    let mut features = Evidence { active: Vec::with_capacity(96) };
    let line = &file.lines[at];
    let scope = Crossing { form: form_class(Form::of(line)), id: u16::from(line.lead.is_some()), when: u16::from(line.has(Flags::WHEN)) };
    features.on(F::Bias);
    of_line(file, at, scope, &mut features);
    of_id(file, at, scope, &mut features);
    of_words(file, at, scope, &mut features);
    of_sections(file, at, scope, &mut features);
    of_neighbours(file, at, scope, &mut features);
    of_block(file, at, scope, &mut features);
    of_file(file, at, scope, &mut features);
    features
}

/// What most features are crossed with.
#[derive(Clone, Copy)]
struct Crossing {
    form: u16,
    id: u16,
    when: u16,
}

fn of_line(file: &IndexedLog, at: usize, Crossing { form, id, when }: Crossing, features: &mut Evidence) {
    let line = &file.lines[at];
    features.at(F::Form, Form::of(line) as u16);
    features.at(F::Kind, kind(line));
    features.at3(F::FormIdWhen, form, id, when);
    features.at2(F::FormMark, form, polarity(line));
    features.at2(F::IdMark, id, polarity(line));
    let is_row = matches!(line.structure, Structure::Bullet | Structure::Numbered | Structure::Row) || line.ticked.is_some();
    if when == 0 && (is_row || line.mark.is_some_and(|mark| mark.position == crate::lex::Position::Start)) {
        features.at2(F::RowLike, id, polarity(line));
    }
    if has_frame(line) {
        features.at(F::Iteration, id);
        features.at(F::IterationForm, form);
    }
    if when == 1 {
        features.on(F::When);
        features.at2(F::TimePosition, line.time_position as u16, id);
        features.at2(F::TimePositionForm, line.time_position as u16, form);
    }
    features.at(F::First, line.first as u16);
    if let Some(mark) = line.mark {
        features.at2(F::MarkPosition, mark.polarity as u16, mark.position as u16);
    }
    features.at(F::Words, bucket(line.words, &[0, 2, 6, 12, 20]));
    features.at2(F::WordsId, bucket(line.words, &[0, 8, 20]), id);
    if line.indent >= 2 {
        features.at(F::Indent, id);
    }
    if let Some(label) = line.label {
        features.at2(F::Label, label.class as u16, id);
        features.at(F::LabelAny, label.class as u16);
    }
    if line.is_bold {
        features.at(F::BoldId, id);
    }
    let sums = file.shape_sums(at);
    if id == 0 {
        features.at(F::ShapeCount, bucket(sums.lines, &[1, 2, 4, 8]));
    }
    features.at3(F::ShapeCountWhen, bucket(sums.lines, &[1, 3]), when, id);
    features.is(F::ShapeMarked, sums.marked > 2);
    if sums.planned > 1 {
        features.at(F::ShapePlanned, id);
    }
    if line.has(Flags::CURRENT) {
        features.at(F::Current, id);
    }
    features.is(F::Duration, line.has(Flags::DURATION));
    features.is(F::Negated, line.has(Flags::NEGATED));
}

fn of_id(file: &IndexedLog, at: usize, Crossing { form, when, .. }: Crossing, features: &mut Evidence) {
    let (line, row) = (&file.lines[at], &file.rows[at]);
    let (Some(_), Some(first)) = (&line.lead, row.lead.first()) else { return };
    let sums = &file.ids[*first as usize];
    features.at(F::IdPosition, line.id_position as u16);
    features.at2(F::IdPositionForm, line.id_position as u16, form);
    features.at(F::Separator, line.separator as u16);
    if row.lead.len() > 1 {
        features.at(F::Several, form);
    }
    if sums.is_planned {
        features.at(F::PlanId, form);
    } else {
        features.is(F::PlanIdMissing, file.plan.has_ids);
    }
    features.at(F::IdLines, bucket(sums.lines, &[1, 2, 4, 9]));
    let is_first = sums.first == at as u32;
    features.is(F::IdFirstLine, is_first);
    if sums.headings > 0 {
        features.at(F::IdInHeading, form);
    }
    let different = file.shape_sums(at).ids.len();
    features.at(F::ShapeIds, bucket(different, &[1, 2, 4, 8]));
    features.at2(F::ShapeIdsForm, bucket(different, &[1, 4]), form);
    if let Some(label) = line.label {
        features.at(F::IdLabel, label.class as u16);
    }
    if when == 0 && line.mark.is_some_and(|mark| mark.polarity == Polarity::Positive) {
        features.at(F::TickedId, section_above(file, at));
        features.at(F::TickedIdFirst, u16::from(is_first));
        features.at(F::TickedIdCount, bucket(different, &[1, 3, 6]));
    }
}

fn of_words(file: &IndexedLog, at: usize, Crossing { id, when, .. }: Crossing, features: &mut Evidence) {
    let (line, row) = (&file.lines[at], &file.rows[at]);
    if row.plan_title >= 5 {
        features.at(F::PlanTitle, bucket(row.plan_title, &[6, 8]));
    }
    features.is(F::Retold, id == 0 && row.title != 0 && file.retold.get(&(row.key, row.title)).is_some_and(|count| *count >= 3));
    if line.first == First::Word || line.first == First::NoSpan {
        for (flag, value) in [(Flags::LEAD_PLAN, 0), (Flags::LEAD_REF, 1), (Flags::LEAD_NOTE, 2), (Flags::LEAD_WORK, 3)] {
            if line.has(flag) {
                features.at(F::LeadWord, value);
            }
        }
    }
    if line.has(Flags::DONE_VERB) {
        features.at(F::DoneVerb, id);
    }
    if line.has(Flags::PAST) {
        features.at(F::Past, id);
    }
    features.is(F::EndColon, line.has(Flags::END_COLON));
    features.is(F::EndQuestion, line.has(Flags::END_QUESTION));
    features.is(F::AllOf, line.has(Flags::ALL_OF));
    features.is(F::Counter, line.has(Flags::COUNTER));
    if line.has(Flags::REFERENCE) {
        features.at(F::Reference, id);
    }
    features.at(F::OwnSection, line.section as u16);
    if line.is_heading() || line.is_bold {
        features.at3(F::OwnSectionHeading, line.section as u16, id, when);
    }
}

fn section_above(file: &IndexedLog, at: usize) -> u16 {
    file.ancestors(at).next().map_or(Section::Top, |above| file.lines[above].section) as u16
}

fn of_sections(file: &IndexedLog, at: usize, Crossing { form, id, .. }: Crossing, features: &mut Evidence) {
    let above = section_above(file, at);
    features.at(F::In, above);
    features.at2(F::InForm, above, form);
    features.at2(F::InId, above, id);
    let first = file.rows[at].lead.first();
    let (mut under, mut up_id, mut up_same, mut up_iteration, mut up_when, mut depth) = ([false; 4], false, false, false, false, 0);
    for (n, up) in file.ancestors(at).enumerate() {
        let line = &file.lines[up];
        depth += u16::from(line.is_heading());
        up_id |= line.lead.is_some();
        up_same |= first.is_some_and(|first| file.rows[up].ids.contains(first));
        up_iteration |= line.has(Flags::ITERATION);
        up_when |= line.has(Flags::WHEN) && line.level != 1;
        if n > 0 {
            match line.section {
                Section::Plan => under[0] = true,
                Section::Learn => under[1] = true,
                Section::Done => under[2] = true,
                Section::Log => under[3] = true,
                Section::Top | Section::Criteria | Section::Files | Section::Summary | Section::Other => {}
            }
        }
    }
    for (value, is_so) in under.into_iter().enumerate() {
        if is_so {
            features.at(F::Under, value as u16);
        }
    }
    if up_id {
        features.at(F::UpId, id);
        features.at(F::UpIdForm, form);
        if id == 1 {
            features.at(F::UpSameId, u16::from(up_same));
        }
    }
    if up_iteration {
        features.at2(F::UpIteration, id, form);
    }
    if up_when {
        features.at2(F::UpWhen, id, form);
    }
    features.at(F::Depth, depth.min(3));
}

fn beside(file: &IndexedLog, at: Option<usize>) -> u16 {
    let Some(line) = at.and_then(|at| file.lines.get(at)) else { return 0 };
    match line.structure {
        Structure::Blank => 1,
        Structure::Text => 2,
        Structure::Heading => 3,
        Structure::Rule => 4,
        Structure::RuledHeading => 5,
        Structure::Bullet => 6,
        Structure::Numbered => 7,
        Structure::Row => 8,
        Structure::Fence | Structure::Code => 9,
    }
}

fn of_neighbours(file: &IndexedLog, at: usize, Crossing { id, .. }: Crossing, features: &mut Evidence) {
    features.at(F::Before, beside(file, at.checked_sub(1)));
    features.at(F::After, beside(file, Some(at + 1)));
    let shape = file.rows[at].shape;
    if let Some(above) = file.neighbour(at, false) {
        let line = &file.lines[above];
        if title::is_frame(line) {
            features.at(F::BeforeFrame, id);
        }
        features.is(F::BeforeRule, line.structure == Structure::Rule);
        if line.has(Flags::ITERATION) {
            features.at(F::BeforeIteration, id);
        }
        features.is(F::BeforeSame, file.rows[above].shape == shape);
        let first = file.rows[at].lead.first();
        features.is(F::BeforeSameId, first.is_some() && file.rows[above].ids.first() == first);
    }
    if let Some(below) = file.neighbour(at, true) {
        let below_line = &file.lines[below];
        let reports = below_line.has(Flags::PAST) || below_line.has(Flags::DONE_VERB);
        features.is(F::BareReport, title::is_frame(&file.lines[at]) && file.lines[at].words == 0 && reports);
        features.is(F::AfterSame, file.rows[below].shape == shape);
    }
}

/// What the lines of a block have between them.
#[derive(Default)]
struct BlockEvidence {
    lines: u16,
    status: Option<u16>,
    labels: [bool; 6],
    past: bool,
    open_boxes: bool,
    ticked: bool,
    with_ids: u16,
    with_ids_marked: u16,
    headings: bool,
    marks: u16,
    children: bool,
}

fn block(file: &IndexedLog, at: usize) -> BlockEvidence {
    let first = file.rows[at].lead.first();
    let mut block = BlockEvidence::default();
    let mut keys: Vec<(u32, u16)> = Vec::new();
    let mut read = 0;
    for next in at + 1..file.block_end(at) {
        let line = &file.lines[next];
        if line.is_blank() || matches!(line.structure, Structure::Fence | Structure::Code) {
            continue;
        }
        block.lines += 1;
        if let Some(label) = line.label {
            let status = match label.class {
                LabelClass::Status => Some(label.polarity.map_or(3, |polarity| (polarity as u16).min(2))),
                LabelClass::Done if !line.has_value() => Some(0),
                _ => None,
            };
            if read < STATUS_LINES && block.status.is_none() {
                block.status = status;
            }
            let class = match label.class {
                LabelClass::Files => Some(0),
                LabelClass::Learn => Some(1),
                LabelClass::Date => Some(2),
                LabelClass::Done => Some(3),
                LabelClass::Next => Some(4),
                LabelClass::Story => Some(5),
                LabelClass::Status | LabelClass::Start | LabelClass::Other => None,
            };
            if let Some(class) = class.filter(|_| read < LABEL_LINES) {
                block.labels[class] = true;
            }
        }
        block.past |= read < REPORT_LINES && line.has(Flags::PAST);
        block.open_boxes |= line.ticked == Some(false);
        block.ticked |= line.ticked == Some(true);
        block.headings |= line.is_heading();
        block.marks += u16::from(read < MARK_LINES && line.mark.is_some_and(|mark| mark.polarity == Polarity::Positive));
        let row = &file.rows[next];
        if let Some(id) = row.ids.first() {
            block.with_ids += 1;
            block.with_ids_marked += u16::from(line.mark.is_some());
            if Some(id) != first {
                match keys.iter_mut().find(|(key, _)| *key == row.key) {
                    Some((_, count)) => {
                        *count += 1;
                        block.children = true;
                    }
                    None => keys.push((row.key, 1)),
                }
            }
        }
        read += 1;
    }
    block
}

fn of_block(file: &IndexedLog, at: usize, Crossing { form, id, when }: Crossing, features: &mut Evidence) {
    let block = block(file, at);
    features.at(F::BlockLength, bucket(block.lines, &[0, 1, 3, 8, 20]));
    features.at3(F::BlockLengthForm, bucket(block.lines, &[0, 3]), form, id);
    if let Some(status) = block.status {
        features.at(F::BlockStatus, status);
        features.at3(F::BlockStatusForm, status, form, id);
    }
    for (class, is_there) in block.labels.into_iter().enumerate() {
        if is_there {
            features.at(F::BlockLabel, class as u16);
        }
    }
    if block.past {
        features.on(F::BlockPast);
        features.at3(F::BlockPastForm, form, id, when);
    }
    features.is(F::BlockOpenBox, block.open_boxes);
    features.is(F::BlockTicked, block.ticked);
    if block.with_ids >= 2 {
        features.at(F::BlockIds, id);
    }
    if block.children {
        features.at(F::BlockChildren, kind(&file.lines[at]));
        features.at2(F::BlockChildrenForm, form, id);
        features.is(F::BlockChildrenMarked, block.with_ids_marked >= 2);
    }
    if block.headings {
        features.at2(F::BlockHeadings, id, when);
    }
    features.is(F::BlockMarks, block.marks >= 2);
}

fn of_file(file: &IndexedLog, at: usize, Crossing { form, id, when }: Crossing, features: &mut Evidence) {
    let prior = file.prior();
    features.at(F::Prior, bucket(prior, &[1, 2, 4]));
    if prior <= 3 {
        features.at2(F::PriorLow, id, when);
    }
    features.at3(F::PriorWords, bucket(file.prior_words(), &[0, 1, 2]), id, when);
    features.is(F::Plan, file.plan.is_there);
    if file.named_ids >= 3 && id == 0 {
        features.at(F::FileIds, form);
    }
    features.is(F::FileBoxes, file.boxes >= 5 && file.lines[at].ticked.is_none());
}
