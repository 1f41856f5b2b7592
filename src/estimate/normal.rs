//! The standard normal distribution: its cumulative function and the inverse of that. Nothing else of statistics is needed here.

use std::f64::consts::{SQRT_2, TAU};

// P. J. Acklam's rational approximation of the inverse (2003): numerator and denominator of the middle, then of the tails, highest power first.
const MIDDLE_NUMERATOR: [f64; 6] = [
    -3.969_683_028_665_376e1,
    2.209_460_984_245_205e2,
    -2.759_285_104_469_687e2,
    1.383_577_518_672_69e2,
    -3.066_479_806_614_716e1,
    2.506_628_277_459_239,
];
const MIDDLE_DENOMINATOR: [f64; 6] =
    [-5.447_609_879_822_406e1, 1.615_858_368_580_409e2, -1.556_989_798_598_866e2, 6.680_131_188_771_972e1, -1.328_068_155_288_572e1, 1.0];
const TAIL_NUMERATOR: [f64; 6] = [
    -7.784_894_002_430_293e-3,
    -3.223_964_580_411_365e-1,
    -2.400_758_277_161_838,
    -2.549_732_539_343_734,
    4.374_664_141_464_968,
    2.938_163_982_698_783,
];
const TAIL_DENOMINATOR: [f64; 5] = [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
/// Where a tail begins.
const TAIL: f64 = 0.024_25;

/// Further out the series loses digits, and the continued fraction needs few terms.
const FAR: f64 = 3.0;
/// Enough for all digits at [`FAR`], where each of the two is slowest.
const TERMS: u8 = 60;

/// The chance of a value up to `z`: Taylor's series about 0, Laplace's continued fraction in the tails.
pub(super) fn cumulative(z: f64) -> f64 {
    let density = (-z * z / 2.0).exp() / TAU.sqrt();
    if z.abs() < FAR {
        let add = |(sum, term): (f64, f64), n| (sum + term, term * z * z / (2.0 * f64::from(n) + 1.0));
        return 0.5 + density * (1..=TERMS).fold((0.0, z), add).0;
    }
    let tail = density / (1..=TERMS).rev().fold(z.abs(), |below, n| z.abs() + f64::from(n) / below);
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// The value that is not exceeded with the chance `share`, between 0 and 1: within 1.2 billionths of its size.
pub(super) fn quantile(share: f64) -> f64 {
    if share < TAIL {
        return tail(share);
    }
    if share > 1.0 - TAIL {
        return -tail(1.0 - share);
    }
    let middle = share - 0.5;
    let square = middle * middle;
    middle * polynomial(&MIDDLE_NUMERATOR, square) / polynomial(&MIDDLE_DENOMINATOR, square)
}

fn tail(share: f64) -> f64 {
    let depth = SQRT_2 * (-share.ln()).sqrt();
    polynomial(&TAIL_NUMERATOR, depth) / polynomial(&TAIL_DENOMINATOR, depth)
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;

    /// Against another implementation, from one far tail to the other.
    #[test]
    fn both_functions_are_those_of_the_normal_distribution() {
        let reference = Normal::standard();
        let is_near = |ours: f64, theirs: f64| (ours - theirs).abs() <= 2e-9 * theirs.abs().max(1e-300);
        for step in -3_700..=820 {
            let z = f64::from(step) / 100.0;
            assert!(is_near(cumulative(z), reference.cdf(z)), "at {z}: {} for {}", cumulative(z), reference.cdf(z));
        }
        let shares = (1..10_000).map(|step| f64::from(step) / 10_000.0).chain((5..300).map(|power| 10f64.powi(-power)));
        for share in shares.chain([f64::MIN_POSITIVE, 1.0 - 1e-9]) {
            let theirs = reference.inverse_cdf(share);
            assert!((quantile(share) - theirs).abs() <= 1e-7 + 2e-9 * theirs.abs(), "at {share}: {} for {theirs}", quantile(share));
        }
    }
}
