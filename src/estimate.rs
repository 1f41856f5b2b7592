//! The time that is left, and how long a silence is worth a word.
//!
//! Story times are taken as log-normal: one run has its own pace, which its finished stories pull away from a prior. Durations in, rounded
//! ranges out; no clock, and no chance either: the draws are the same in every process, so all screens show the same number.

use std::time::Duration;

use crate::model::state::Remaining;

/// What the forecast is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook<'a> {
    /// Of the run's finished stories whose duration is known: all their attempts together.
    pub finished: &'a [Duration],
    /// How long the current story has taken, when there is one.
    pub current: Option<Duration>,
    /// Stories still to come after the current one; `None` without a plan.
    pub to_come: Option<u32>,
    /// Whether the run is quiet.
    pub quiet: bool,
}

/// The forecast, rounded: under 10 min to 1 min, under 1 h to 5 min, above to 15 min.
pub fn remaining(outlook: &Outlook) -> Remaining {
    let Some(to_come) = outlook.to_come else {
        return Remaining::Unknown { because: "no plan says how many stories there are" };
    };
    if outlook.quiet {
        return Remaining::Unknown { because: "the run is quiet" };
    }
    if outlook.current.is_none() && to_come == 0 {
        return Remaining::Unknown { because: "no story is left" };
    }
    if outlook.finished.is_empty() {
        return Remaining::Unknown { because: "no finished story has been timed yet" };
    }
    let pace = DurationModel::of(outlook.finished);
    let age = outlook.current.map_or(0.0, |age| age.as_secs_f64());
    if age > pace.story_quantile(P90) {
        let (low, high) = (pace.story_quantile(-P90), pace.story_quantile(P90));
        return Remaining::LongerThanUsual { usual_low_secs: rounded(low), usual_high_secs: rounded(high) };
    }
    let mut totals = pace.draw_totals(outlook.current.map(|_| age), to_come);
    totals.sort_by(|one, other| one.secs.total_cmp(&other.secs));
    let at = |share: f64| rounded(quantile(&totals, share));
    let from_stories = u32::try_from(outlook.finished.len()).unwrap_or(u32::MAX);
    Remaining::Range { median_secs: at(0.5), low_secs: at(0.1), high_secs: at(0.9), from_stories }
}

/// How long nothing may move before the run is called quiet: what nine stories in ten take, at least 10 min.
pub fn quiet_after(finished: &[Duration]) -> Duration {
    // A month is for ever here, and `from_secs_f64` panics on what a `Duration` cannot hold.
    const MONTH_SECS: f64 = 30.0 * 86_400.0;
    Duration::from_secs_f64(DurationModel::of(finished).story_quantile(P90).clamp(600.0, MONTH_SECS))
}

// Measured over 500 simulated runs (see the test), which 400 draws are enough for.
const DRAWS: usize = 400;
const PRIOR_SECS: f64 = 12.0 * 60.0;
const PRIOR_SIGMA: f64 = 0.9;
/// As many stories as the prior counts for.
const PRIOR_WEIGHT: f64 = 2.0;
/// The 90th percentile of the standard normal.
const P90: f64 = 1.281_551_6;

/// Log-normal model of this run's story durations, and how exact it is.
struct DurationModel {
    /// Of the logarithm of a story's seconds.
    mu: f64,
    sigma: f64,
    /// Standard error of `mu`.
    error: f64,
}

impl DurationModel {
    fn of(finished: &[Duration]) -> DurationModel {
        // Stamps have whole seconds, so a story of no time at all took up to one.
        let logs: Vec<f64> = finished.iter().map(|taken| taken.as_secs_f64().max(1.0).ln()).collect();
        let prior = prior_weight(&logs);
        let weight = prior + logs.len() as f64;
        let mu = (prior * PRIOR_SECS.ln() + logs.iter().sum::<f64>()) / weight;
        let spread: f64 = logs.iter().map(|log| (log - mu).powi(2)).sum();
        let variance = (prior * PRIOR_SIGMA.powi(2) + spread) / weight;
        DurationModel { mu, sigma: variance.sqrt(), error: (variance / weight).sqrt() }
    }

    /// Seconds of one story at `z` standard deviations, the doubt about the pace included.
    fn story_quantile(&self, z: f64) -> f64 {
        (self.mu + z * self.sigma.hypot(self.error)).exp()
    }

    /// Possible totals: what is left of a current story of `age` seconds, and the stories after it.
    fn draw_totals(&self, age: Option<f64>, to_come: u32) -> Vec<Sample> {
        let mut chance = Rng(0x5EED);
        (0..DRAWS)
            .map(|draw| {
                // One pace for the whole run, taken evenly over what is possible.
                let mu = self.mu + self.error * normal_quantile((draw as f64 + 0.5) / DRAWS as f64);
                let Some(age) = age else { return Sample { secs: self.draw_sum(mu, to_come, &mut chance), weight: 1.0 } };
                // A story that has taken long speaks for a slow run: each pace counts as much as it lets the story last so long.
                let longer = if age < 1.0 { 1.0 } else { normal_share((mu - age.ln()) / self.sigma) };
                let whole = (mu - self.sigma * normal_quantile(longer * chance.share())).exp();
                Sample { secs: (whole - age).max(0.0) + self.draw_sum(mu, to_come, &mut chance), weight: longer }
            })
            .collect()
    }

    fn draw_sum(&self, mu: f64, stories: u32, chance: &mut Rng) -> f64 {
        // Above this many a sum is as good as normal, and a plan of 10,000 stories costs no more than a small one.
        const MANY: u32 = 64;
        if stories <= MANY {
            return (0..stories).map(|_| (mu + self.sigma * normal_quantile(chance.share())).exp()).sum();
        }
        let variance = self.sigma.powi(2);
        let mean = (mu + variance / 2.0).exp();
        let deviation = mean * variance.exp_m1().sqrt();
        let stories = f64::from(stories);
        (stories * mean + stories.sqrt() * deviation * normal_quantile(chance.share())).max(0.0)
    }
}

/// How many stories the prior counts for. A run unlike any other, such as one whose stories take seconds, is judged by itself.
fn prior_weight(logs: &[f64]) -> f64 {
    // So many standard deviations are still a run like others; beyond them the prior fades.
    const ORDINARY: f64 = 2.0;
    let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
    let strange = if logs.is_empty() { 0.0 } else { (mean - PRIOR_SECS.ln()).abs() / PRIOR_SIGMA };
    PRIOR_WEIGHT * (ORDINARY / strange.max(ORDINARY)).powi(4)
}

/// One way it may go, and how much it counts.
struct Sample {
    secs: f64,
    weight: f64,
}

/// The draw below which `share` of the weight lies; `draws` go from short to long and are not empty.
fn quantile(draws: &[Sample], share: f64) -> f64 {
    let mut left = share * draws.iter().map(|draw| draw.weight).sum::<f64>();
    let reached = draws.iter().find(|draw| {
        left -= draw.weight;
        left <= 0.0
    });
    reached.or(draws.last()).map_or(0.0, |draw| draw.secs)
}

fn rounded(secs: f64) -> u64 {
    let step = match secs {
        ..600.0 => 60.0,
        ..3600.0 => 300.0,
        _ => 900.0,
    };
    // Never "0 minutes left": as long as something runs, something is left.
    ((secs / step).round() * step).max(60.0) as u64
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same for ever, which a library's generator does not promise.
struct Rng(u64);

impl Rng {
    /// Strictly between 0 and 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        ((bits >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }
}

/// The share of a standard normal below `z`; Abramowitz and Stegun 26.2.17, good to 7.5e-8.
fn normal_share(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * series;
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// The inverse of [`normal_share`]; Acklam's rational approximation, good to 1.2e-9.
fn normal_quantile(share: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_8,
        220.946_098_424_521,
        -275.928_510_446_969,
        138.357_751_867_269,
        -30.664_798_066_147_2,
        2.506_628_277_459_24,
    ];
    const B: [f64; 5] = [-54.476_098_798_224_1, 161.585_836_858_041, -155.698_979_859_887, 66.801_311_887_719_7, -13.280_681_552_885_7];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_29,
        -0.322_396_458_041_136,
        -2.400_758_277_161_84,
        -2.549_732_539_343_73,
        4.374_664_141_464_97,
        2.938_163_982_698_78,
    ];
    const D: [f64; 4] = [0.007_784_695_709_041_46, 0.322_467_129_070_04, 2.445_134_137_142_99, 3.754_408_661_907_42];
    const TAIL: f64 = 0.02425;
    let share = share.clamp(1e-12, 1.0 - 1e-12);
    let polynomial = |factors: &[f64], x: f64| factors.iter().fold(0.0, |sum, factor| sum * x + factor);
    let tail = |share: f64| {
        let q = (-2.0 * share.ln()).sqrt();
        polynomial(&C, q) / (polynomial(&D, q) * q + 1.0)
    };
    if share < TAIL {
        tail(share)
    } else if share > 1.0 - TAIL {
        -tail(1.0 - share)
    } else {
        let q = share - 0.5;
        polynomial(&A, q * q) * q / (polynomial(&B, q * q) * q * q + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(list: &[u64]) -> Vec<Duration> {
        list.iter().map(|minutes| Duration::from_secs(minutes * 60)).collect()
    }

    fn because(outlook: Outlook) -> &'static str {
        match remaining(&outlook) {
            Remaining::Unknown { because } => because,
            other @ (Remaining::Range { .. } | Remaining::LongerThanUsual { .. }) => panic!("{other:?}"),
        }
    }

    #[test]
    fn unknown_is_said_with_its_reason() {
        let done = minutes(&[10]);
        let known = Outlook { finished: &done, current: None, to_come: Some(3), quiet: false };
        assert_eq!(because(Outlook { finished: &[], ..known }), "no finished story has been timed yet");
        assert_eq!(because(Outlook { quiet: true, ..known }), "the run is quiet");
        assert_eq!(because(Outlook { to_come: None, ..known }), "no plan says how many stories there are");
        assert_eq!(because(Outlook { to_come: Some(0), ..known }), "no story is left");
    }

    #[test]
    fn the_range_follows_the_runs_own_pace() {
        let range = |list: &[u64], current: Option<u64>, to_come| {
            let finished = minutes(list);
            match remaining(&Outlook {
                finished: &finished,
                current: current.map(|m| Duration::from_secs(m * 60)),
                to_come: Some(to_come),
                quiet: false,
            }) {
                Remaining::Range { median_secs, low_secs, high_secs, from_stories } => {
                    assert_eq!(from_stories as usize, list.len());
                    assert!(60 <= low_secs && low_secs <= median_secs && median_secs <= high_secs);
                    median_secs / 60
                }
                other @ (Remaining::Unknown { .. } | Remaining::LongerThanUsual { .. }) => panic!("{other:?}"),
            }
        };
        let fast = range(&[2, 2, 3, 2, 2], Some(1), 5);
        let slow = range(&[40, 35, 50, 45, 40], Some(1), 5);
        assert!(fast <= 25 && slow >= 120, "{fast} {slow}");
        // Exact numbers: the draws must not change under our readers' feet.
        assert_eq!(range(&[6, 10, 4, 12, 6], Some(2), 2), 25);
        assert_eq!(range(&[6, 10, 4, 12, 6], None, 200), 1965);
        // A story that takes longer has, as a log-normal, rather more left.
        assert!(range(&[6, 10, 4, 12, 6], Some(12), 0) >= range(&[6, 10, 4, 12, 6], Some(4), 0));
    }

    #[test]
    fn a_run_unlike_any_other_is_judged_by_itself() {
        let finished = [Duration::from_secs(9)];
        let outlook = Outlook { finished: &finished, current: Some(Duration::from_secs(4)), to_come: Some(3), quiet: false };
        let Remaining::Range { median_secs, high_secs, .. } = remaining(&outlook) else { panic!("{:?}", remaining(&outlook)) };
        assert!(median_secs <= 60 && high_secs <= 300, "{median_secs} {high_secs}");
    }

    #[test]
    fn past_the_90th_percentile_no_number_is_given() {
        let finished = minutes(&[8, 9, 8, 9, 8, 9, 8, 9]);
        let outlook = Outlook { finished: &finished, current: Some(Duration::from_secs(3600)), to_come: Some(2), quiet: false };
        let Remaining::LongerThanUsual { usual_low_secs, usual_high_secs } = remaining(&outlook) else {
            panic!("{:?}", remaining(&outlook))
        };
        assert!(usual_low_secs < 540 && (540..1800).contains(&usual_high_secs), "{usual_low_secs} {usual_high_secs}");
    }

    #[test]
    fn rounding() {
        let cases = [(1.0, 60), (95.0, 120), (599.0, 600), (601.0, 600), (760.0, 900), (3500.0, 3600), (4000.0, 3600), (4100.0, 4500)];
        for (secs, expected) in cases {
            assert_eq!(rounded(secs), expected, "{secs}");
        }
    }

    #[test]
    fn quiet_is_at_least_ten_minutes_and_follows_the_pace() {
        assert_eq!(quiet_after(&minutes(&[1; 30])), Duration::from_secs(600));
        let prior = quiet_after(&[]).as_secs();
        assert!((40 * 60..60 * 60).contains(&prior), "{prior}");
        assert!(quiet_after(&minutes(&[60; 10])) > Duration::from_secs(3600));
        assert!(quiet_after(&[Duration::MAX; 5]) <= Duration::from_secs(30 * 86_400));
    }

    #[test]
    fn the_normal_and_its_inverse_agree() {
        for step in 1..1000 {
            let share = f64::from(step) / 1000.0;
            assert!((normal_share(normal_quantile(share)) - share).abs() < 1e-6, "{share}");
        }
    }

    /// 500 runs with a pace of their own (sigma 0.6), stories with sigma 0.75, the prior right on average: the recipe of research/ux.md 4.2.
    #[test]
    fn the_band_covers_what_it_says() {
        for (stories, done) in [(4, 1), (4, 3), (8, 1), (8, 4), (8, 7), (15, 2), (15, 14)] {
            let mut chance = Rng(20_260_124);
            let (mut inside, mut asked) = (0, 0);
            for _ in 0..500 {
                let mu = PRIOR_SECS.ln() + 0.6 * normal_quantile(chance.share());
                let truth: Vec<f64> = (0..stories).map(|_| (mu + 0.75 * normal_quantile(chance.share())).exp()).collect();
                // Asked at an evenly chosen moment of the current story.
                let age = truth[done] * chance.share();
                let left: f64 = truth[done] - age + truth[done + 1..].iter().sum::<f64>();
                let finished: Vec<Duration> = truth[..done].iter().map(|secs| Duration::from_secs_f64(*secs)).collect();
                let outlook = Outlook {
                    finished: &finished,
                    current: Some(Duration::from_secs_f64(age)),
                    to_come: Some((stories - done - 1) as u32),
                    quiet: false,
                };
                if let Remaining::Range { low_secs, high_secs, .. } = remaining(&outlook) {
                    asked += 1;
                    // Rounding moves the edges by up to half a minute where the numbers are small.
                    inside += u32::from(low_secs as f64 - 30.0 <= left && left <= high_secs as f64 + 30.0);
                }
            }
            let coverage = f64::from(inside) / f64::from(asked);
            assert!((0.7..=0.9).contains(&coverage), "{stories} stories, {done} done: {coverage}");
        }
    }
}
