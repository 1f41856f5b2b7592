//! The time that is left, how long a story usually takes, and how long a silence is worth a word.
//!
//! Story times are taken as log-normal: one run has its own pace, which its timed stories pull away from a prior (`durations`, on `normal`). Durations in,
//! rounded ranges and their words out; no clock, and no chance either: the draws are the same in every process, so all screens show the
//! same number. How good the forecasts were on finished runs is `backtest`'s to say.

pub(crate) mod backtest;
mod durations;
mod normal;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::model::state::{Remaining, UsualStory};
use crate::text::CleanText;

use durations::{DurationModel, P90};

/// What the forecast is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outlook<'a> {
    /// Of the run's finished stories whose duration is known: all their attempts together.
    pub finished: &'a [Duration],
    /// How long the story that is being worked on has taken; `None` when nothing tells.
    pub current: Option<Duration>,
    /// Stories that are left, the current one with them; `None` without a plan.
    pub left: Option<u32>,
    /// Stories that cannot go on.
    pub blocked: u32,
}

/// Beyond this ratio of its ends a range is of no use: an upper bound is all that is known.
const ROUGH: u64 = 5;

/// The forecast of a run that goes on, rounded: under 10 min to 1 min, under 1 h to 5 min, above to 15 min.
pub(crate) fn remaining(outlook: &Outlook) -> Remaining {
    let unknown = |reason: &'static str| Remaining::Unknown { reason: reason.into() };
    let Some(left) = outlook.left else { return unknown("no plan says how many stories there are") };
    if left == 0 {
        return match outlook.blocked {
            0 => Remaining::None { reason: "no story is left".into() },
            _ => unknown("the stories that are left are blocked"),
        };
    }
    if outlook.finished.is_empty() {
        return unknown("no finished story has been timed yet");
    }
    let pace = DurationModel::of(outlook.finished);
    let samples = u32::try_from(outlook.finished.len()).unwrap_or(u32::MAX);
    let basis = format!("from {}", stories(samples));
    let age = outlook.current.unwrap_or_default().as_secs_f64();
    if age > pace.story_quantile(P90) {
        let (usual_p10, usual_p90) = (rounded(pace.story_quantile(-P90)), rounded(pace.story_quantile(P90)));
        let text = format!("longer than usual (usual {})", range(usual_p10, usual_p90));
        return Remaining::LongerThanUsual { usual_p10, usual_p90, basis: basis.into(), samples, text: text.into() };
    }
    let draws = pace.draws(left - 1, true);
    let usual = pace.story_quantile(0.0);
    let (secs, basis) = if age <= usual {
        // The rest of a log-normal grows with its age sooner or later. Until the story is slower than most, waiting makes nothing longer.
        let step = usual / STEPS;
        let ages = (0..).map(|n| f64::from(n) * step).take_while(|earlier| *earlier <= age);
        let least = |least: [f64; 3], secs: [f64; 3]| std::array::from_fn(|at| least[at].min(secs[at]));
        (ages.map(|age| draws.left(age)).fold([f64::MAX; 3], least), basis)
    } else {
        (draws.left(age), format!("{basis}; the current one is slower than most"))
    };
    let [p10, p50, p90] = secs.map(rounded);
    remaining_range([p10, p50, p90], basis.into(), samples)
}

/// The range of these percentiles in rounded seconds, in words, too.
pub(crate) fn remaining_range([p10, p50, p90]: [u64; 3], basis: CleanText, samples: u32) -> Remaining {
    let rough = p90 >= ROUGH * p10 && p90 > 600;
    let text = if rough { format!("under {}", words(p90)) } else { around(p10, p50, p90) };
    Remaining::Range { p10, p50, p90, basis, samples, rough, text: text.into() }
}

/// A story's usual time in so many steps: at each the forecast is made anew.
const STEPS: f64 = 8.0;

/// How long a story of this run usually takes.
pub(crate) fn usual_story(finished: &[Duration]) -> UsualStory {
    let pace = DurationModel::of(finished);
    let [p10, p50, p90] = [-P90, 0.0, P90].map(|z| rounded(pace.story_quantile(z)));
    let samples = u32::try_from(finished.len()).unwrap_or(u32::MAX);
    let text = match samples {
        0 => format!("usually takes {} elsewhere; none of this run has been timed", range(p10, p90)),
        _ => format!("usually takes {}, from {}", range(p10, p90), stories(samples)),
    };
    UsualStory { p10, p50, p90, samples, text: text.into() }
}

/// How long nothing may move before the run is called quiet: what nine stories in ten take and twice what a story usually takes, but
/// between 10 min and 45 min.
pub(crate) fn quiet_after(finished: &[Duration]) -> Duration {
    let pace = DurationModel::of(finished);
    let secs = pace.story_quantile(P90).min(2.0 * pace.story_quantile(0.0));
    Duration::from_secs_f64(secs.clamp(600.0, 2700.0))
}

/// `about 25m (12m–45m)`; without the range where its ends are the same.
fn around(p10: u64, p50: u64, p90: u64) -> String {
    let median = if p50 < 60 { words(p50) } else { format!("about {}", words(p50)) };
    if p10 == p90 || p90 <= 60 { median } else { format!("{median} ({})", range(p10, p90)) }
}

fn range(low: u64, high: u64) -> String {
    match (low, high) {
        (_, ..60) => words(high),
        (..60, _) => format!("up to {}", words(high)),
        _ if low == high => format!("about {}", words(low)),
        _ => format!("{}–{}", words(low), words(high)),
    }
}

/// `45m`, `1h`, `2h 15m`, `under 1m`: of a rounded number of seconds.
fn words(secs: u64) -> String {
    let minutes = secs / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => "under 1m".to_owned(),
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours @ 48.., _) => format!("{}d", (hours + 12) / 24),
        (hours, minutes) => format!("{hours}h {minutes:02}m"),
    }
}

fn stories(n: u32) -> String {
    format!("{n} {}", if n == 1 { "story" } else { "stories" })
}

/// What is less than 45 s, in seconds.
const UNDER_A_MINUTE: u64 = 30;

fn rounded(secs: f64) -> u64 {
    // A month is for ever here.
    let secs = secs.min(30.0 * 86_400.0);
    let step = match secs {
        // As long as something runs, something is left, and seconds are never counted down.
        ..45.0 => return UNDER_A_MINUTE,
        ..600.0 => 60.0,
        ..3600.0 => 300.0,
        _ => 900.0,
    };
    ((secs / step).round() * step) as u64
}
