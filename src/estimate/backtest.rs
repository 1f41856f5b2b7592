//! How good the forecasts of finished runs would have been.

use std::time::Duration;

use super::durations::{DurationModel, P90};

/// What the forecasts of some runs were worth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Score {
    /// Runs with two timed stories or more.
    pub runs: u32,
    /// Forecasts that were made: in the middle of every story after the first timed one.
    pub forecasts: u32,
    /// Truths within the 10–90 % band.
    pub inside: u32,
    /// Their share, each run counting alike: a run of a hundred stories is one run.
    pub inside_by_run: f64,
    /// Truths below it, and above it.
    pub below: u32,
    pub above: u32,
    /// Forecasts that would have said "longer than usual" and no number.
    pub silent: u32,
    /// Median of |median − truth| ÷ truth.
    pub error: f64,
    /// The same for elapsed ÷ done × rest.
    pub naive_error: f64,
}

/// Replays runs, each the durations of its stories in order: in the middle of each story after the first, what was left?
pub(crate) fn score(runs: &[Vec<Duration>]) -> Score {
    let mut score = Score::default();
    let (mut errors, mut naive_errors, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for run in runs.iter().filter(|run| run.len() > 1) {
        score.runs += 1;
        let before = score;
        let secs: Vec<f64> = run.iter().map(|taken| taken.as_secs_f64().max(1.0)).collect();
        for done in 1..run.len() {
            let age = secs[done] / 2.0;
            let truth = secs[done] - age + secs[done + 1..].iter().sum::<f64>();
            let pace = DurationModel::of(&run[..done]);
            score.forecasts += 1;
            if age > pace.story_quantile(P90) {
                score.silent += 1;
                continue;
            }
            let to_come = u32::try_from(run.len() - done - 1).unwrap_or(u32::MAX);
            let [p10, p50, p90] = pace.draws(to_come, true).left(age);
            match truth {
                truth if truth < p10 => score.below += 1,
                truth if truth > p90 => score.above += 1,
                _ => score.inside += 1,
            }
            let elapsed = secs[..done].iter().sum::<f64>() + age;
            errors.push((p50 - truth).abs() / truth);
            naive_errors.push((elapsed / done as f64 * (run.len() - done) as f64 - truth).abs() / truth);
        }
        let asked = (score.forecasts - score.silent) - (before.forecasts - before.silent);
        if asked > 0 {
            shares.push(f64::from(score.inside - before.inside) / f64::from(asked));
        }
    }
    score.inside_by_run = shares.iter().sum::<f64>() / (shares.len() as f64).max(1.0);
    score.error = median(&mut errors);
    score.naive_error = median(&mut naive_errors);
    score
}

pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
