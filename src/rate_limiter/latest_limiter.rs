//! Limits values of which only the latest counts: each of several at most once a second, and all of them together so many times.
//!
//! It has no clock and keeps no values: who has a newer value asks when it may go.

use std::collections::HashMap;
use std::time::Instant;

use super::{RateLimiter, WINDOW};

/// The send times of one reader.
#[derive(Debug)]
pub struct LatestLimiter {
    all: RateLimiter,
    /// When each was sent last, for the last window.
    sent: HashMap<String, Instant>,
}

impl LatestLimiter {
    /// At most `max_rate` values a second.
    pub fn new(max_rate: u32) -> Self {
        LatestLimiter { all: RateLimiter::new(max_rate), sent: HashMap::new() }
    }

    /// When a newer value of `key` may go: `now`, or later.
    pub fn due(&mut self, key: &str, now: Instant) -> Instant {
        self.sent.retain(|_, at| now.saturating_duration_since(*at) < WINDOW);
        let own = self.sent.get(key).map_or(now, |at| *at + WINDOW);
        let all = if self.all.available(now) > 0 { now } else { self.all.next_at().unwrap_or(now) };
        own.max(all)
    }

    /// Records that a value of `key` goes now.
    pub fn record(&mut self, key: &str, now: Instant) {
        self.sent.insert(key.to_owned(), now);
        self.all.record(now, 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_goes_once_a_second_and_all_together_five_times() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut limiter = LatestLimiter::new(5);
        assert_eq!(limiter.due("a", start), start);
        limiter.record("a", start);
        assert_eq!(limiter.due("a", at(10)), start + WINDOW);
        for key in ["b", "c", "d", "e"] {
            assert_eq!(limiter.due(key, at(20)), at(20), "{key}");
            limiter.record(key, at(20));
        }
        assert_eq!(limiter.due("f", at(30)), start + WINDOW, "five went in this second");
        let later = start + WINDOW;
        assert_eq!(limiter.due("f", later), later);
        assert_eq!(limiter.due("b", later), at(20) + WINDOW);
        assert_eq!(limiter.due("a", later), later);
    }
}
