//! Why a line is a record, or none: its spans, its type, and what spoke for and against.

use super::feature::Feature;
use super::file::IndexedLog;
use super::reason;
use super::score::{SCALE, Weights, logit, probability};
use super::second::{VerdictSums, first_pass, second_pass};

/// The explanation of one line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LineExplanation {
    /// The type's parts, and how many lines share it.
    pub(crate) record_type: String,
    pub(crate) of_type: u32,
    /// Both verdicts; `None` when the line names nothing and was not looked at.
    pub(crate) verdict: Option<(f32, f32)>,
    /// The strongest features of the second look and what each added.
    pub(crate) reasons: Vec<(String, f32)>,
}

impl LineExplanation {
    /// In a line; `None` for a line that was not looked at or is nothing like a record.
    pub(crate) fn words(&self) -> Option<String> {
        let (_, p) = self.verdict.filter(|(_, p)| *p >= NOTHING_LIKE)?;
        let list = |wanted: fn(f32) -> bool| {
            let mut words: Vec<&str> = Vec::new();
            for (feature, weight) in &self.reasons {
                if let Some(reason) = reason::words(feature).filter(|reason| wanted(*weight) && !words.contains(reason)) {
                    words.push(reason);
                }
            }
            words.join(", ")
        };
        let mut text = format!("{:.0} %, {} ({} of this type)", p * 100.0, self.record_type, self.of_type);
        for (side, words) in [("for", list(|weight| weight > 0.0)), ("against", list(|weight| weight < 0.0))] {
            if !words.is_empty() {
                text.push_str(&format!("; {side}: {words}"));
            }
        }
        Some(text)
    }
}

/// Below this probability nobody takes a line for a record.
const NOTHING_LIKE: f32 = 0.1;
/// How many reasons are given.
const REASONS: usize = 8;

/// Explains the lines at `wanted` (from 0, in order).
pub(crate) fn explain(file: &IndexedLog, weights: &Weights, wanted: &[usize]) -> Vec<LineExplanation> {
    let candidates = first_pass(file, weights);
    let sums = VerdictSums::new(file, &candidates);
    let mut of_type = vec![0; file.keys as usize];
    file.rows.iter().for_each(|row| of_type[row.key as usize] += 1);
    let mut explanations: Vec<LineExplanation> = wanted
        .iter()
        .map(|at| LineExplanation {
            record_type: file.lines[*at].shape.key().describe(),
            of_type: of_type[file.rows[*at].key as usize],
            verdict: None,
            reasons: Vec::new(),
        })
        .collect();
    second_pass(file, &candidates, &sums, |candidate, evidence| {
        let Ok(n) = wanted.binary_search(&candidate.at) else { return };
        let mut reasons: Vec<(String, f32)> = evidence
            .active
            .iter()
            .map(|(number, value)| (Feature::name(*number), f32::from(weights.second[usize::from(*number)]) * f32::from(*value) * SCALE))
            .filter(|(_, weight)| *weight != 0.0)
            .collect();
        reasons.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        reasons.truncate(REASONS);
        let p = probability(logit(&weights.second, &evidence));
        explanations[n].verdict = Some((candidate.p, p));
        explanations[n].reasons = reasons;
    });
    explanations
}
