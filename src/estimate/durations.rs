//! How fast a run's stories go, and how well that is known: log-normal, pulled from a prior by the stories that were timed, with a pace
//! that may wander.

use std::time::Duration;

use super::normal;

/// The prior: half of all stories take longer than this.
const PRIOR_SECS: f64 = 12.0 * 60.0;
const PRIOR_SIGMA: f64 = 0.8;
/// As many stories as the prior counts for, of the pace and of the variance among stories.
const PACE_WEIGHT: f64 = 1.0;
const SPREAD_WEIGHT: f64 = 2.0;
/// The ways in which a pace may wander, as variance a story in units of the variance among stories, each with its prior share: most runs
/// keep their pace, some get slower or faster as they go. Fitted on every other real run with times, within what the simulation allows.
const WANDERS: [(f64, f64); 2] = [(0.0, 0.85), (0.5, 0.15)];
/// A pace does not wander away without end: so many stories are looked ahead.
const WANDER_HORIZON: f64 = 8.0;
/// The 90th percentile of the standard normal.
pub(super) const P90: f64 = 1.281_551_565_544_600_4;
// Measured over 2,000 simulated runs (see the test), which 400 draws are enough for.
const DRAWS: usize = 400;

pub(super) struct DurationModel {
    paces: [Pace; WANDERS.len()],
    /// Of the logarithm of a story's seconds, over all paces, the doubt included.
    mu: f64,
    deviation: f64,
}

/// The pace of a run if it wanders in one of the ways: a local-level model (Durbin and Koopman, "Time Series Analysis by State Space
/// Methods", chapter 2), filtered in units of the variance among stories, which is left to the stories themselves.
#[derive(Clone, Copy)]
struct Pace {
    /// How well it explains the stories so far.
    share: f64,
    /// Of the logarithm of a story's seconds: now, and among stories.
    mu: f64,
    sigma: f64,
    /// Variance of `mu`, and its growth a story; in units of `sigma`'s square.
    doubt: f64,
    wander: f64,
}

impl DurationModel {
    pub(super) fn of(finished: &[Duration]) -> DurationModel {
        // Stamps have whole seconds, so a story of no time at all took up to one.
        let logs: Vec<f64> = finished.iter().map(|taken| taken.as_secs_f64().max(1.0).ln()).collect();
        let trust = trust_in_prior(&logs);
        let filtered = WANDERS.map(|(wander, share)| Pace::filter(&logs, trust, wander, share));
        let best = filtered.iter().map(|(_, fit)| *fit).fold(f64::MIN, f64::max);
        let total: f64 = filtered.iter().map(|(_, fit)| (fit - best).exp()).sum();
        let paces = filtered.map(|(pace, fit)| Pace { share: (fit - best).exp() / total, ..pace });
        let mu = paces.iter().map(|pace| pace.share * pace.mu).sum::<f64>();
        let variance = |pace: &Pace| (pace.mu - mu).powi(2) + pace.sigma.powi(2) * (1.0 + pace.doubt + pace.wander);
        let deviation = paces.iter().map(|pace| pace.share * variance(pace)).sum::<f64>().sqrt();
        DurationModel { paces, mu, deviation }
    }

    /// Seconds of one story at `z` standard deviations, the doubt about the pace included.
    pub(super) fn story_quantile(&self, z: f64) -> f64 {
        (self.mu + z * self.deviation).exp()
    }

    /// Ways in which the run may go on: `to_come` stories, and a current one where `has_current`.
    pub(super) fn draws(&self, to_come: u32, has_current: bool) -> Draws {
        let mut chance = Chance(0x5EED);
        let draws = (0..DRAWS).map(|draw| {
            // One pace for the whole run, taken evenly over what is possible.
            let pace = self.pace_at(draw);
            let ahead = (f64::from(to_come) + 1.0).min(WANDER_HORIZON);
            // The mean of a random walk of n steps has a third of the variance of its end.
            let error = pace.sigma * (pace.doubt + pace.wander * ahead / 3.0).sqrt();
            let mu = pace.mu + error * normal::quantile((draw as f64 + 0.5) / DRAWS as f64);
            let share = chance.share();
            Draw { mu, sigma: pace.sigma, share, to_come: self.draw_sum(mu, pace.sigma, to_come, &mut chance) }
        });
        Draws { draws: draws.collect(), has_current }
    }

    /// The pace that a draw is made from: each in its share, spread over all draws.
    fn pace_at(&self, draw: usize) -> Pace {
        // Multiples of the golden ratio are as even as a sequence can be.
        let mut at = (draw as f64 * 0.618_033_988_749_895 + 0.5).fract();
        let found = self.paces.iter().find(|pace| {
            at -= pace.share;
            at < 0.0
        });
        *found.unwrap_or(&self.paces[0])
    }

    fn draw_sum(&self, mu: f64, sigma: f64, stories: u32, chance: &mut Chance) -> f64 {
        // Above this many a sum is as good as normal, and a plan of 10,000 stories costs no more than a small one.
        const MANY: u32 = 64;
        if stories <= MANY {
            return (0..stories).map(|_| (mu + sigma * normal::quantile(chance.share())).exp()).sum();
        }
        let variance = sigma.powi(2);
        let mean = (mu + variance / 2.0).exp();
        let deviation = mean * variance.exp_m1().sqrt();
        let stories = f64::from(stories);
        (stories * mean + stories.sqrt() * deviation * normal::quantile(chance.share())).max(0.0)
    }
}

impl Pace {
    /// The pace after these stories, and the logarithm of how well it explains them. The share is the caller's.
    fn filter(logs: &[f64], trust: f64, wander: f64, prior_share: f64) -> (Pace, f64) {
        let (mut mu, mut doubt) = (PRIOR_SECS.ln(), (PACE_WEIGHT * trust).recip());
        let (mut squares, mut fit) = (SPREAD_WEIGHT * trust * PRIOR_SIGMA.powi(2), prior_share.ln());
        for (at, log) in logs.iter().enumerate() {
            doubt += if at > 0 { wander } else { 0.0 };
            let (surprise, expected) = (log - mu, doubt + 1.0);
            squares += surprise.powi(2) / expected;
            fit -= expected.ln() / 2.0;
            let gain = doubt / expected;
            mu += gain * surprise;
            doubt *= 1.0 - gain;
        }
        let weight = SPREAD_WEIGHT * trust + logs.len() as f64;
        // The variance integrated out: a Student's t.
        fit -= weight / 2.0 * squares.ln();
        (Pace { share: 0.0, mu, sigma: (squares / weight).sqrt(), doubt, wander }, fit)
    }
}

/// Ways in which a run may go on, drawn once: the same for every age of the current story, so that a forecast changes by its age alone.
pub(super) struct Draws {
    draws: Vec<Draw>,
    has_current: bool,
}

struct Draw {
    /// The run's pace.
    mu: f64,
    sigma: f64,
    /// How long the current story takes, as a share of what is possible.
    share: f64,
    /// Seconds of the stories after it.
    to_come: f64,
}

impl Draws {
    /// Seconds that are left at the 10th, 50th and 90th percentile, when the current story has taken `age` seconds.
    pub(super) fn left(&self, age: f64) -> [f64; 3] {
        let mut totals: Vec<(f64, f64)> = self.draws.iter().map(|draw| self.total(draw, age)).collect();
        totals.sort_by(|one, other| one.0.total_cmp(&other.0));
        [0.1, 0.5, 0.9].map(|share| quantile(&totals, share))
    }

    /// Seconds left in this draw, and how much it counts.
    fn total(&self, draw: &Draw, age: f64) -> (f64, f64) {
        if !self.has_current {
            return (draw.to_come, 1.0);
        }
        // A story that has taken long speaks for a slow run: each pace counts as much as it lets the story last so long.
        let longer = if age < 1.0 { 1.0 } else { normal::cumulative((draw.mu - age.ln()) / draw.sigma) };
        let whole = (draw.mu - draw.sigma * normal::quantile((longer * draw.share).max(f64::MIN_POSITIVE))).exp();
        ((whole - age).max(0.0) + draw.to_come, longer)
    }
}

/// How much of the prior counts, at most 1. A run unlike any other, such as one whose stories take seconds, goes by its own times.
fn trust_in_prior(logs: &[f64]) -> f64 {
    // So many standard deviations are still a run like others; beyond them the prior fades.
    const ORDINARY: f64 = 2.0;
    let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
    let strange = if logs.is_empty() { 0.0 } else { (mean - PRIOR_SECS.ln()).abs() / PRIOR_SIGMA };
    (ORDINARY / strange.max(ORDINARY)).powi(4)
}

/// The total below which `share` of the weight lies; `totals` go from short to long and are not empty.
fn quantile(totals: &[(f64, f64)], share: f64) -> f64 {
    let mut left = share * totals.iter().map(|(_, weight)| weight).sum::<f64>();
    let reached = totals.iter().find(|(_, weight)| {
        left -= weight;
        left <= 0.0
    });
    reached.or(totals.last()).map_or(0.0, |(secs, _)| *secs)
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same for ever, which a library's generator does not promise.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    /// Strictly between 0 and 1.
    pub(super) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        ((bits >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }
}
