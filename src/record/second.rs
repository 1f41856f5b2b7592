//! The second look: what the first one thinks of lines of the same type, of lines with the same id, and of lines above and below.
//!
//! Everything a line asks for is a sum over its record type ([`TypeSums`]), its id, or the lines near it, so that no line
//! is compared with all others.

use crate::lex::shape::Form;
use crate::seeded_hash::SeededMap;

use super::evidence::evidence;
use super::feature::{Evidence, Feature as F, bucket, form_class};
use super::file::IndexedLog;
use super::score::{Weights, logit, probability};
use super::select::is_entry;

/// What the first look thinks of a line that may be a record.
#[derive(Debug, Clone)]
pub(crate) struct ScoredLine {
    pub(crate) at: usize,
    pub(crate) first: Evidence,
    pub(crate) logit: f32,
    pub(crate) p: f32,
}

/// Sums of first verdicts over the lines of one type (a key) or of one shape.
#[derive(Debug, Clone, Copy, Default)]
struct TypeSums {
    lines: f32,
    p: f32,
    logit: f32,
}

impl TypeSums {
    fn add(&mut self, candidate: &ScoredLine) {
        self.lines += 1.0;
        self.p += candidate.p;
        self.logit += candidate.logit;
    }

    fn mean(&self) -> f32 {
        self.p / self.lines.max(1.0)
    }

    /// Types of several lines are believed more.
    fn score(&self) -> f32 {
        self.mean() * (0.6 + 0.1 * self.lines).min(1.0)
    }
}

/// The first verdicts about the lines that name one id.
#[derive(Debug, Clone, Copy, Default)]
struct IdVerdicts {
    /// The highest, and where; and the next.
    best: (f32, usize),
    next: f32,
    accepted_headings: u32,
}

/// Sums over the whole file.
#[derive(Debug, Default)]
pub(crate) struct VerdictSums {
    keys: Vec<TypeSums>,
    shapes: Vec<TypeSums>,
    forms: [f32; 10],
    /// The highest of both.
    most_of_shape: f32,
    most_of_form: f32,
    ids: Vec<IdVerdicts>,
    /// How many lines of this id and shape were likely.
    same_shape: SeededMap<(u32, u32), u32>,
    /// By line; 0 where there is no candidate.
    p: Vec<f32>,
    total: f32,
    with_id: f32,
    /// Of lines that are entries by their form, not rows.
    entries: f32,
    best_key: u32,
    best_score: f32,
    best_mean: f32,
}

/// The first look at every candidate.
pub(crate) fn first_pass(file: &IndexedLog, weights: &Weights) -> Vec<ScoredLine> {
    let assess = |at: &usize| {
        let first = evidence(file, *at);
        let logit = logit(&weights.first, &first).clamp(-5.8, 5.8);
        ScoredLine { at: *at, first, logit, p: probability(logit) }
    };
    file.candidates.iter().map(assess).collect()
}

impl VerdictSums {
    pub(crate) fn new(file: &IndexedLog, candidates: &[ScoredLine]) -> VerdictSums {
        let mut sums = VerdictSums {
            keys: vec![TypeSums::default(); file.keys as usize],
            shapes: vec![TypeSums::default(); file.shapes.len()],
            ids: vec![IdVerdicts::default(); file.ids.len()],
            p: vec![0.0; file.lines.len()],
            ..VerdictSums::default()
        };
        for candidate in candidates {
            let (line, row) = (&file.lines[candidate.at], &file.rows[candidate.at]);
            sums.keys[row.key as usize].add(candidate);
            sums.shapes[row.shape as usize].add(candidate);
            sums.forms[usize::from(form_class(Form::of(line)))] += candidate.p;
            sums.total += candidate.p;
            sums.p[candidate.at] = candidate.p;
            if is_entry(file, candidate.at) {
                sums.entries += candidate.p;
            }
            if line.lead.is_some() {
                sums.with_id += candidate.p;
            }
            for id in &row.lead {
                let verdicts = &mut sums.ids[*id as usize];
                if candidate.p > verdicts.best.0 {
                    verdicts.next = verdicts.best.0;
                    verdicts.best = (candidate.p, candidate.at);
                } else {
                    verdicts.next = verdicts.next.max(candidate.p);
                }
                verdicts.accepted_headings += u32::from(line.is_heading() && candidate.p > 0.5);
                if candidate.p > 0.3 {
                    *sums.same_shape.entry((*id, row.shape)).or_default() += 1;
                }
            }
        }
        sums.most_of_shape = sums.shapes.iter().map(|of| of.p).fold(0.0, f32::max);
        sums.most_of_form = sums.forms.iter().copied().fold(0.0, f32::max);
        for (key, of) in sums.keys.iter().enumerate().filter(|(_, of)| of.lines > 0.0) {
            if of.score() > sums.best_score {
                (sums.best_key, sums.best_score) = (key as u32, of.score());
            }
            sums.best_mean = sums.best_mean.max(of.mean());
        }
        sums
    }
}

/// What walks along the file from above.
struct Walk {
    /// By id: the highest first verdict so far.
    above: SeededMap<u32, f32>,
    /// Lines that the first look accepts, in order, and how many of them lie above.
    accepted: Vec<usize>,
    passed: usize,
}

/// Calls `each` with the whole evidence of each candidate, first and second.
pub(crate) fn second_pass(file: &IndexedLog, candidates: &[ScoredLine], sums: &VerdictSums, mut each: impl FnMut(&ScoredLine, Evidence)) {
    let accepted = candidates.iter().filter(|candidate| candidate.p > 0.5).map(|candidate| candidate.at).collect();
    let mut walk = Walk { above: SeededMap::default(), accepted, passed: 0 };
    for (n, candidate) in candidates.iter().enumerate() {
        while walk.accepted.get(walk.passed).is_some_and(|at| *at < candidate.at) {
            walk.passed += 1;
        }
        let mut features = Evidence { active: Vec::with_capacity(candidate.first.active.len() + 40) };
        features.active.extend_from_slice(&candidate.first.active);
        of_type(file, candidate, sums, &mut features);
        of_rivals(file, candidate, sums, &walk, candidates, n, &mut features);
        of_surroundings(file, candidate, sums, &walk, &mut features);
        for id in &file.rows[candidate.at].lead {
            let above = walk.above.entry(*id).or_default();
            *above = above.max(candidate.p);
        }
        each(candidate, features);
    }
}

fn of_type(file: &IndexedLog, candidate: &ScoredLine, sums: &VerdictSums, features: &mut Evidence) {
    let (line, row) = (&file.lines[candidate.at], &file.rows[candidate.at]);
    let key = &sums.keys[row.key as usize];
    features.by(F::Own, candidate.logit / 3.0);
    features.by(F::KeyLogit, (key.logit - candidate.logit * 0.5) / (key.lines - 0.5) / 3.0);
    features.by(F::KeyDeviation, (candidate.logit - key.logit / key.lines) / 3.0);
    if sums.best_mean > 0.0 {
        features.by(F::KeyRelative, key.mean() / sums.best_mean);
    }
    features.at(F::BestKeyOfFile, bucket(sums.best_score, &[0.1, 0.25, 0.5, 0.8]));
    if row.key == sums.best_key {
        features.at(F::Best, bucket(sums.best_score, &[0.05, 0.1, 0.2, 0.35, 0.5, 0.8]));
        features.at(F::BestForm, form_class(Form::of(line)));
        features.at(F::BestCount, bucket(key.lines, &[1.0, 2.0, 4.0, 8.0]));
    } else {
        features.by(F::NotBest, key.score() - sums.best_score);
    }
    features.at(F::KeyCount, bucket(key.lines, &[1.0, 2.0, 4.0, 8.0, 20.0]));
    let shape = &sums.shapes[row.shape as usize];
    if shape.lines > 1.0 {
        let others = (shape.p - candidate.p) / (shape.lines - 1.0);
        features.at(F::ShapeOthers, bucket(others, &[0.1, 0.3, 0.5, 0.7, 0.9]));
        features.by(F::ShapeOthersShare, others);
        features.by(F::ShapeOthersWeighted, others * shape.lines.min(8.0) / 8.0);
    }
    if sums.most_of_shape > 0.0 {
        features.by(F::ShapeShare, shape.p / sums.most_of_shape);
    }
    if sums.most_of_form > 0.0 {
        features.by(F::FormShare, sums.forms[usize::from(form_class(Form::of(line)))] / sums.most_of_form);
    }
    features.is(F::Minor, sums.total > 2.0 && shape.p - candidate.p < 0.1 * sums.total);
    if sums.with_id > 2.0 && line.lead.is_none() {
        features.by(F::NoIdAmongIds, sums.with_id / sums.total.max(1.0));
    }
    let is_entry = is_entry(file, candidate.at);
    let others = sums.entries - if is_entry { candidate.p } else { 0.0 };
    features.at2(F::EntriesBeside, bucket(others, &[0.5, 1.5, 5.0]), u16::from(is_entry));
    if others < 1.0 {
        features.at(F::EntriesBesideForm, form_class(Form::of(line)));
    }
    features.is(F::FewEntries, sums.total < 1.5);
}

/// Lines this near with the same id may tell of the same attempt.
const NEAR: usize = 25;

fn of_rivals(
    file: &IndexedLog,
    candidate: &ScoredLine,
    sums: &VerdictSums,
    walk: &Walk,
    candidates: &[ScoredLine],
    n: usize,
    features: &mut Evidence,
) {
    let (line, row) = (&file.lines[candidate.at], &file.rows[candidate.at]);
    if row.lead.is_empty() {
        return;
    }
    let is_own = line.is_heading() && candidate.p > 0.5;
    let (mut rival, mut above, mut heading, mut same_shape) = (0.0_f32, 0.0_f32, false, false);
    for id in &row.lead {
        let verdicts = &sums.ids[*id as usize];
        rival = rival.max(if verdicts.best.1 == candidate.at { verdicts.next } else { verdicts.best.0 });
        above = above.max(walk.above.get(id).copied().unwrap_or(0.0));
        heading |= verdicts.accepted_headings > u32::from(is_own);
        let of_shape = sums.same_shape.get(&(*id, row.shape)).copied().unwrap_or(0);
        same_shape |= of_shape > u32::from(candidate.p > 0.3);
    }
    let is_near = |other: &&ScoredLine| other.at.abs_diff(candidate.at) < NEAR;
    let shares_id = |other: &&ScoredLine| file.rows[other.at].lead.iter().any(|id| row.lead.contains(id));
    let before = candidates[..n].iter().rev().take_while(is_near).filter(shares_id);
    let after = candidates[n + 1..].iter().take_while(is_near).filter(shares_id);
    let near = before.chain(after).map(|other| other.p).fold(0.0, f32::max);
    features.at(F::Rival, bucket(rival, &[0.1, 0.5, 0.8]));
    features.by(F::RivalLead, rival - candidate.p);
    features.by(F::RivalNear, near);
    features.by(F::RivalAbove, above);
    features.is(F::RivalOfRow, !line.is_heading() && rival > 0.5);
    features.is(F::RivalHeading, !line.is_heading() && heading);
    features.is(F::RivalSameShape, same_shape);
}

fn of_surroundings(file: &IndexedLog, candidate: &ScoredLine, sums: &VerdictSums, walk: &Walk, features: &mut Evidence) {
    let line = &file.lines[candidate.at];
    let (mut within, mut within_id) = (0.0_f32, 0.0_f32);
    for next in candidate.at + 1..file.block_end(candidate.at) {
        within = within.max(sums.p[next]);
        if file.lines[next].lead.is_some() {
            within_id = within_id.max(sums.p[next]);
        }
    }
    features.by(F::InBlock, within);
    features.by(F::InBlockId, within_id);
    features.is(F::FrameOfIds, line.lead.is_none() && within_id > 0.5);
    let (mut up, mut up_id) = (0.0_f32, 0.0_f32);
    for above in file.ancestors(candidate.at) {
        up = up.max(sums.p[above]);
        if file.lines[above].lead.is_some() {
            up_id = up_id.max(sums.p[above]);
        }
    }
    features.by(F::UpVerdict, up);
    features.by(F::UpIdVerdict, up_id);
    if let Some(above) = walk.passed.checked_sub(1).map(|n| walk.accepted[n]).filter(|above| candidate.at - above <= 3) {
        features.at(F::AboveNear, u16::from(file.rows[above].shape == file.rows[candidate.at].shape));
    }
    let below = walk.accepted[walk.passed..].iter().find(|at| **at != candidate.at);
    features.is(F::BelowNear, below.is_some_and(|below| below - candidate.at <= 3));
}
