//! What speaks for and against a line, seen from the line: its spans and where they stand, the section, the block below, and the sums
//! of its shape and ids.

use crate::lex::shape::Form;
use crate::lex::{First, Flags, IdKind, LabelClass, Line, Polarity, Section, Structure};

use super::feature::{Evidence, Feature as F, bucket, form_class};
use super::file::File;
use super::title;

/// Lines below that a status, labels, reports and marks are looked for in.
const STATUS_LINES: usize = 14;
const LABEL_LINES: usize = 25;
const REPORT_LINES: usize = 10;
const MARK_LINES: usize = 12;

/// Whether the line could be a record at all: most prose cannot.
pub(crate) fn is_candidate(file: &File, at: usize) -> bool {
    let line = &file.lines[at];
    if line.is_silent() {
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
pub(crate) fn has_frame(line: &Line) -> bool {
    line.has(Flags::ITERATION)
        || (line.has(Flags::FRAME_WORD) && line.words < 8 && (line.is_heading() || line.structure == Structure::Text))
}

fn polarity(line: &Line) -> u16 {
    line.mark.map_or(0, |mark| mark.polarity as u16 + 1)
}

/// `kind` as the features count it: a word for a group is none for a piece of work.
pub(crate) fn kind(line: &Line) -> u16 {
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

/// The evidence of a line, or `None` when it is no candidate.
pub(crate) fn evidence(file: &File, at: usize) -> Option<Evidence> {
    if !is_candidate(file, at) {
        return None;
    }
    let mut seen = Evidence { active: Vec::with_capacity(96) };
    let line = &file.lines[at];
    let scope = Scope { form: form_class(Form::of(line)), id: u16::from(line.lead.is_some()), when: u16::from(line.has(Flags::WHEN)) };
    seen.on(F::Bias);
    of_line(file, at, scope, &mut seen);
    of_id(file, at, scope, &mut seen);
    of_words(file, at, scope, &mut seen);
    of_sections(file, at, scope, &mut seen);
    of_neighbours(file, at, scope, &mut seen);
    of_block(file, at, scope, &mut seen);
    of_file(file, at, scope, &mut seen);
    Some(seen)
}

/// What most features are crossed with.
#[derive(Clone, Copy)]
struct Scope {
    form: u16,
    id: u16,
    when: u16,
}

fn of_line(file: &File, at: usize, Scope { form, id, when }: Scope, seen: &mut Evidence) {
    let line = &file.lines[at];
    seen.at(F::Form, Form::of(line) as u16);
    seen.at(F::Kind, kind(line));
    seen.at3(F::FormIdWhen, form, id, when);
    seen.at2(F::FormMark, form, polarity(line));
    seen.at2(F::IdMark, id, polarity(line));
    let is_row = matches!(line.structure, Structure::Bullet | Structure::Numbered | Structure::Row) || line.ticked.is_some();
    if when == 0 && (is_row || line.mark.is_some_and(|mark| mark.position == crate::lex::Position::Start)) {
        seen.at2(F::RowLike, id, polarity(line));
    }
    if has_frame(line) {
        seen.at(F::Iteration, id);
        seen.at(F::IterationForm, form);
    }
    if when == 1 {
        seen.on(F::When);
        seen.at2(F::WhenPlace, line.when_place as u16, id);
        seen.at2(F::WhenPlaceForm, line.when_place as u16, form);
    }
    seen.at(F::First, line.first as u16);
    if let Some(mark) = line.mark {
        seen.at2(F::MarkPlace, mark.polarity as u16, mark.position as u16);
    }
    seen.at(F::Words, bucket(line.words, &[0, 2, 6, 12, 20]));
    seen.at2(F::WordsId, bucket(line.words, &[0, 8, 20]), id);
    if line.indent >= 2 {
        seen.at(F::Indent, id);
    }
    if let Some(label) = line.label {
        seen.at2(F::Label, label.class as u16, id);
        seen.at(F::LabelAny, label.class as u16);
    }
    if line.is_bold {
        seen.at(F::BoldId, id);
    }
    let sums = file.shape_sums(at);
    if id == 0 {
        seen.at(F::ShapeCount, bucket(sums.lines, &[1, 2, 4, 8]));
    }
    seen.at3(F::ShapeCountWhen, bucket(sums.lines, &[1, 3]), when, id);
    seen.is(F::ShapeMarked, sums.marked > 2);
    if sums.planned > 1 {
        seen.at(F::ShapePlanned, id);
    }
    if line.has(Flags::CURRENT) {
        seen.at(F::Current, id);
    }
    seen.is(F::Duration, line.has(Flags::DURATION));
    seen.is(F::Negated, line.has(Flags::NEGATED));
}

fn of_id(file: &File, at: usize, Scope { form, when, .. }: Scope, seen: &mut Evidence) {
    let (line, row) = (&file.lines[at], &file.rows[at]);
    let (Some(_), Some(first)) = (&line.lead, row.lead.first()) else { return };
    let sums = &file.ids[*first as usize];
    seen.at(F::Place, line.place as u16);
    seen.at2(F::PlaceForm, line.place as u16, form);
    seen.at(F::Separator, line.separator as u16);
    if row.lead.len() > 1 {
        seen.at(F::Several, form);
    }
    if sums.is_planned {
        seen.at(F::PlanId, form);
    } else {
        seen.is(F::PlanIdMissing, file.plan.has_ids);
    }
    seen.at(F::IdLines, bucket(sums.lines, &[1, 2, 4, 9]));
    let is_first = sums.first == at as u32;
    seen.is(F::IdFirstLine, is_first);
    if sums.headings > 0 {
        seen.at(F::IdInHeading, form);
    }
    let different = file.shape_sums(at).ids.len();
    seen.at(F::ShapeIds, bucket(different, &[1, 2, 4, 8]));
    seen.at2(F::ShapeIdsForm, bucket(different, &[1, 4]), form);
    if let Some(label) = line.label {
        seen.at(F::IdLabel, label.class as u16);
    }
    if when == 0 && line.mark.is_some_and(|mark| mark.polarity == Polarity::Positive) {
        seen.at(F::TickedId, section_above(file, at));
        seen.at(F::TickedIdFirst, u16::from(is_first));
        seen.at(F::TickedIdCount, bucket(different, &[1, 3, 6]));
    }
}

fn of_words(file: &File, at: usize, Scope { id, when, .. }: Scope, seen: &mut Evidence) {
    let (line, row) = (&file.lines[at], &file.rows[at]);
    if row.plan_title >= 5 {
        seen.at(F::PlanTitle, bucket(row.plan_title, &[6, 8]));
    }
    seen.is(F::Retold, id == 0 && row.title != 0 && file.retold.get(&(row.key, row.title)).is_some_and(|count| *count >= 3));
    if line.first == First::Word || line.first == First::NoSpan {
        for (flag, value) in [(Flags::LEAD_PLAN, 0), (Flags::LEAD_REF, 1), (Flags::LEAD_NOTE, 2), (Flags::LEAD_WORK, 3)] {
            if line.has(flag) {
                seen.at(F::LeadWord, value);
            }
        }
    }
    if line.has(Flags::DONE_VERB) {
        seen.at(F::DoneVerb, id);
    }
    if line.has(Flags::PAST) {
        seen.at(F::Past, id);
    }
    seen.is(F::EndColon, line.has(Flags::END_COLON));
    seen.is(F::EndQuestion, line.has(Flags::END_QUESTION));
    seen.is(F::AllOf, line.has(Flags::ALL_OF));
    seen.is(F::Counter, line.has(Flags::COUNTER));
    if line.has(Flags::REFERENCE) {
        seen.at(F::Reference, id);
    }
    seen.at(F::OwnSection, line.section as u16);
    if line.is_heading() || line.is_bold {
        seen.at3(F::OwnSectionHeading, line.section as u16, id, when);
    }
}

fn section_above(file: &File, at: usize) -> u16 {
    file.ancestors(at).next().map_or(Section::Top, |above| file.lines[above].section) as u16
}

fn of_sections(file: &File, at: usize, Scope { form, id, .. }: Scope, seen: &mut Evidence) {
    let above = section_above(file, at);
    seen.at(F::In, above);
    seen.at2(F::InForm, above, form);
    seen.at2(F::InId, above, id);
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
            seen.at(F::Under, value as u16);
        }
    }
    if up_id {
        seen.at(F::UpId, id);
        seen.at(F::UpIdForm, form);
        if id == 1 {
            seen.at(F::UpSameId, u16::from(up_same));
        }
    }
    if up_iteration {
        seen.at2(F::UpIteration, id, form);
    }
    if up_when {
        seen.at2(F::UpWhen, id, form);
    }
    seen.at(F::Depth, depth.min(3));
}

fn beside(file: &File, at: Option<usize>) -> u16 {
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

fn of_neighbours(file: &File, at: usize, Scope { id, .. }: Scope, seen: &mut Evidence) {
    seen.at(F::Before, beside(file, at.checked_sub(1)));
    seen.at(F::After, beside(file, Some(at + 1)));
    let shape = file.rows[at].shape;
    if let Some(above) = file.neighbour(at, false) {
        let line = &file.lines[above];
        if title::is_frame(line) {
            seen.at(F::BeforeFrame, id);
        }
        seen.is(F::BeforeRule, line.structure == Structure::Rule);
        if line.has(Flags::ITERATION) {
            seen.at(F::BeforeIteration, id);
        }
        seen.is(F::BeforeSame, file.rows[above].shape == shape);
        let first = file.rows[at].lead.first();
        seen.is(F::BeforeSameId, first.is_some() && file.rows[above].ids.first() == first);
    }
    if let Some(below) = file.neighbour(at, true) {
        seen.is(F::AfterSame, file.rows[below].shape == shape);
    }
}

/// What the lines of a block have between them.
#[derive(Default)]
struct Block {
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

fn block(file: &File, at: usize) -> Block {
    let first = file.rows[at].lead.first();
    let mut block = Block::default();
    let mut keys: Vec<(u32, u16)> = Vec::new();
    let mut seen = 0;
    for next in at + 1..file.block_end(at) {
        let line = &file.lines[next];
        if line.is_blank() || matches!(line.structure, Structure::Fence | Structure::Code) {
            continue;
        }
        block.lines += 1;
        if let Some(label) = line.label {
            let says = match label.class {
                LabelClass::Status => Some(label.polarity.map_or(3, |polarity| (polarity as u16).min(2))),
                LabelClass::Done if !line.has_value() => Some(0),
                _ => None,
            };
            if seen < STATUS_LINES && block.status.is_none() {
                block.status = says;
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
            if let Some(class) = class.filter(|_| seen < LABEL_LINES) {
                block.labels[class] = true;
            }
        }
        block.past |= seen < REPORT_LINES && line.has(Flags::PAST);
        block.open_boxes |= line.ticked == Some(false);
        block.ticked |= line.ticked == Some(true);
        block.headings |= line.is_heading();
        block.marks += u16::from(seen < MARK_LINES && line.mark.is_some_and(|mark| mark.polarity == Polarity::Positive));
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
        seen += 1;
    }
    block
}

fn of_block(file: &File, at: usize, Scope { form, id, when }: Scope, seen: &mut Evidence) {
    let block = block(file, at);
    seen.at(F::BlockLength, bucket(block.lines, &[0, 1, 3, 8, 20]));
    seen.at3(F::BlockLengthForm, bucket(block.lines, &[0, 3]), form, id);
    if let Some(status) = block.status {
        seen.at(F::BlockStatus, status);
        seen.at3(F::BlockStatusForm, status, form, id);
    }
    for (class, is_there) in block.labels.into_iter().enumerate() {
        if is_there {
            seen.at(F::BlockLabel, class as u16);
        }
    }
    if block.past {
        seen.on(F::BlockPast);
        seen.at3(F::BlockPastForm, form, id, when);
    }
    seen.is(F::BlockOpenBox, block.open_boxes);
    seen.is(F::BlockTicked, block.ticked);
    if block.with_ids >= 2 {
        seen.at(F::BlockIds, id);
    }
    if block.children {
        seen.at(F::BlockChildren, kind(&file.lines[at]));
        seen.at2(F::BlockChildrenForm, form, id);
        seen.is(F::BlockChildrenMarked, block.with_ids_marked >= 2);
    }
    if block.headings {
        seen.at2(F::BlockHeadings, id, when);
    }
    seen.is(F::BlockMarks, block.marks >= 2);
}

fn of_file(file: &File, at: usize, Scope { form, id, when }: Scope, seen: &mut Evidence) {
    let prior = file.prior();
    seen.at(F::Prior, bucket(prior, &[1, 2, 4]));
    if prior <= 3 {
        seen.at2(F::PriorLow, id, when);
    }
    seen.at3(F::PriorWords, bucket(file.prior_words(), &[0, 1, 2]), id, when);
    seen.is(F::Plan, file.plan.is_there);
    if file.named_ids >= 3 && id == 0 {
        seen.at(F::FileIds, form);
    }
    seen.is(F::FileBoxes, file.boxes >= 5 && file.lines[at].ticked.is_none());
}
