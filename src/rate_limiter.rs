//! Limits the live events of a client: at most `max_rate` in any window of one second, without delay for the first ones after a pause.
//!
//! It keeps the send times of the last window. It has no clock: `now` is an argument. It drops nothing: events that must wait stay in
//! the hub's log.

mod latest_limiter;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use self::latest_limiter::{LatestLimiter, Priority};

/// A second and a reserve: the limit is about arrivals, the recorded times are of departures, and the network may shorten the gaps.
const WINDOW: Duration = Duration::from_millis(1_050);

/// The send times of one client.
#[derive(Debug)]
pub struct RateLimiter {
    /// Per window; 0 is unlimited.
    max_rate: usize,
    /// Send times with the number of events, oldest first; never more rows than `max_rate`.
    sent: VecDeque<(Instant, usize)>,
}

impl RateLimiter {
    /// At most `max_rate` events a second; 0 is unlimited.
    pub fn new(max_rate: u32) -> Self {
        RateLimiter { max_rate: usize::try_from(max_rate).unwrap_or(usize::MAX), sent: VecDeque::new() }
    }

    /// How many events may be sent now.
    pub fn available(&mut self, now: Instant) -> usize {
        if self.max_rate == 0 {
            return usize::MAX;
        }
        while self.sent.front().is_some_and(|&(at, _)| now.saturating_duration_since(at) >= WINDOW) {
            self.sent.pop_front();
        }
        self.max_rate.saturating_sub(self.sent.iter().map(|&(_, count)| count).sum())
    }

    /// Records that `count` events are sent now.
    pub fn record(&mut self, now: Instant, count: usize) {
        if self.max_rate > 0 && count > 0 {
            self.sent.push_back((now, count));
        }
    }

    /// When more events may be sent than now; `None` when the window holds no sent events.
    pub fn next_at(&self) -> Option<Instant> {
        self.sent.front().map(|&(at, _)| at + WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Offers `wanted` events at each moment (milliseconds); returns how many went.
    fn run(max_rate: u32, offers: &[(u64, usize)]) -> Vec<usize> {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(max_rate);
        let offer = |&(at, wanted): &(u64, usize)| {
            let now = start + Duration::from_millis(at);
            let count = wanted.min(limiter.available(now));
            limiter.record(now, count);
            count
        };
        offers.iter().map(offer).collect()
    }

    fn check(max_rate: u32, offers: &[(u64, usize)], expected: &[usize]) {
        assert_eq!(run(max_rate, offers), expected, "max rate {max_rate}, offers {offers:?}");
    }

    #[test]
    fn lets_so_many_through_and_no_more() {
        check(10, &[(0, 3)], &[3]);
        check(10, &[(0, 100)], &[10]);
        check(10, &[(0, 100), (1, 100)], &[10, 0]);
        check(10, &[(0, 100), (999, 100), (1_000, 100), (1_049, 100), (1_050, 100)], &[10, 0, 0, 0, 10]);
        check(10, &[(0, 4), (500, 100), (1_049, 1), (1_050, 100), (1_550, 100)], &[4, 6, 0, 4, 6]);
        check(1, &[(0, 2), (1_050, 2), (5_000, 2)], &[1, 1, 1]);
    }

    #[test]
    fn zero_is_unlimited() {
        check(0, &[(0, 100_000), (0, 7)], &[100_000, 7]);
    }

    #[test]
    fn room_comes_back_when_announced() {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(2);
        assert_eq!(limiter.next_at(), None);
        limiter.record(start, 1);
        limiter.record(start + Duration::from_millis(400), 1);
        let at = limiter.next_at().expect("two are in the window");
        assert_eq!(limiter.available(at - Duration::from_millis(1)), 0);
        assert_eq!(limiter.available(at), 1);
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]
        #[test]
        fn no_window_of_a_second_holds_more(max_rate in 1u32..20, steps in prop::collection::vec((0u64..700, 0usize..30), 1..60)) {
            let mut at = 0;
            let offers: Vec<_> = steps.iter().map(|&(pause, wanted)| { at += pause; (at, wanted) }).collect();
            let counts = run(max_rate, &offers);
            for (first, &(from, _)) in offers.iter().enumerate() {
                let within = offers.iter().zip(&counts).skip(first).take_while(|((at, _), _)| *at <= from + 1_000);
                let sum: usize = within.map(|(_, count)| count).sum();
                prop_assert!(sum <= max_rate as usize, "{sum} from {from} ms on");
            }
        }
    }
}
