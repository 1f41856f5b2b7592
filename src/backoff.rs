//! How long to wait before the next try: doubled each time, and spread, so that many who failed together do not come back together.

use std::time::Duration;

/// The delay after the attempt of this number, from 1: `first` after the first, never more than `longest`, by 30 % to either side.
pub(crate) fn delay(first: Duration, longest: Duration, attempt: u32) -> Duration {
    spread(first.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(longest), random())
}

fn spread(delay: Duration, random: f64) -> Duration {
    delay.mul_f64(0.7 + 0.6 * random)
}

/// From 0 to 1, different in every process.
pub(crate) fn random() -> f64 {
    let mut bytes = [0; 2];
    // Without randomness all are in step, which is no harm here.
    let _none = getrandom::fill(&mut bytes).is_err();
    f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_its_bound_and_is_spread() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(4));
        for (attempt, least, most) in [(0, 70, 130), (1, 70, 130), (2, 140, 260), (4, 560, 1_040), (u32::MAX, 2_800, 5_200)] {
            let range = Duration::from_millis(least)..=Duration::from_millis(most);
            assert!((0..100).all(|_| range.contains(&delay(first, longest, attempt))), "{attempt}");
        }
        assert_eq!([0.0, 0.5, 1.0].map(|random| spread(first, random).as_millis()), [70, 100, 130]);
    }
}
