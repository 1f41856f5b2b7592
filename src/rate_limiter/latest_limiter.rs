//! Limits values of which only the latest counts, so that what a reader waits for is never held behind what he does not.
//!
//! Of each key an urgent value goes at most once a second, and another one at most once a second and a second after the last of either
//! kind. All keys together have one limit, of which the values that are not urgent may take two fifths. It has no clock and keeps no
//! values: who has a newer value asks when it may go.

use std::collections::HashMap;
use std::time::Instant;

use super::{RateLimiter, WINDOW};

/// Whether a reader waits for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Is not held behind a value that is not urgent.
    Urgent,
    /// May wait for a second.
    Normal,
}

impl Priority {
    /// Urgent when this holds.
    pub fn urgent_if(is_urgent: bool) -> Self {
        if is_urgent { Priority::Urgent } else { Priority::Normal }
    }
}

/// The send times of one reader.
#[derive(Debug)]
pub struct LatestLimiter {
    all: RateLimiter,
    normal: RateLimiter,
    /// Of each key, for the last window.
    sent: HashMap<String, SendTimes>,
}

#[derive(Debug)]
struct SendTimes {
    last: Instant,
    urgent: Option<Instant>,
}

impl LatestLimiter {
    /// At most `max_rate` values a second.
    pub fn new(max_rate: u32) -> Self {
        LatestLimiter { all: RateLimiter::new(max_rate), normal: RateLimiter::new((max_rate * 2).div_ceil(5)), sent: HashMap::new() }
    }

    /// When a newer value of `key` may go: `now`, or later.
    pub fn due(&mut self, key: &str, priority: Priority, now: Instant) -> Instant {
        self.sent.retain(|_, times| now.saturating_duration_since(times.last) < WINDOW);
        let times = self.sent.get(key);
        let own = match priority {
            Priority::Urgent => times.and_then(|times| times.urgent),
            Priority::Normal => times.map(|times| times.last),
        };
        let own = own.map_or(now, |at| at + WINDOW);
        let room = |limiter: &mut RateLimiter| if limiter.available(now) > 0 { now } else { limiter.next_at().unwrap_or(now) };
        let shared = match priority {
            Priority::Urgent => room(&mut self.all),
            Priority::Normal => room(&mut self.all).max(room(&mut self.normal)),
        };
        own.max(shared).max(now)
    }

    /// Records that a value of `key` goes now.
    pub fn record(&mut self, key: &str, priority: Priority, now: Instant) {
        let times = self.sent.entry(key.to_owned()).or_insert(SendTimes { last: now, urgent: None });
        times.last = now;
        match priority {
            Priority::Urgent => times.urgent = Some(now),
            Priority::Normal => self.normal.record(now, 1),
        }
        self.all.record(now, 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::Priority::{Normal, Urgent};
    use super::*;

    /// Offers values of one session at these milliseconds; returns how long each had to wait.
    fn waits(offers: &[(u64, Priority)]) -> Vec<u64> {
        let start = Instant::now();
        let mut limiter = LatestLimiter::new(5);
        let wait = |&(at, priority): &(u64, Priority)| {
            let now = start + Duration::from_millis(at);
            let due = limiter.due("a", priority, now);
            limiter.record("a", priority, due);
            u64::try_from((due - now).as_millis()).expect("a few seconds")
        };
        offers.iter().map(wait).collect()
    }

    #[test]
    fn an_urgent_value_waits_for_urgent_ones_only() {
        // A call, its result a second later, and the next call soon after: as agents write.
        assert_eq!(waits(&[(0, Urgent), (1_060, Normal), (1_100, Urgent), (2_160, Normal), (2_200, Urgent)]), [0; 5]);
        assert_eq!(waits(&[(0, Urgent), (400, Urgent)]), [0, 650]);
        assert_eq!(waits(&[(0, Urgent), (400, Normal)]), [0, 650]);
        assert_eq!(waits(&[(0, Normal), (400, Normal)]), [0, 650]);
        assert_eq!(waits(&[(0, Normal), (400, Urgent), (1_100, Normal), (1_450, Urgent)]), [0, 0, 350, 0]);
    }

    #[test]
    fn all_together_go_five_times_and_two_of_them_may_be_no_urgent_ones() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut limiter = LatestLimiter::new(5);
        for key in ["a", "b"] {
            assert_eq!(limiter.due(key, Normal, start), start, "{key}");
            limiter.record(key, Normal, start);
        }
        assert_eq!(limiter.due("c", Normal, at(10)), start + WINDOW);
        for key in ["a", "b", "c"] {
            assert_eq!(limiter.due(key, Urgent, at(20)), at(20), "{key}");
            limiter.record(key, Urgent, at(20));
        }
        assert_eq!(limiter.due("d", Urgent, at(30)), start + WINDOW, "five went in this second");
        let later = start + WINDOW;
        assert_eq!(limiter.due("d", Urgent, later), later);
        assert_eq!(limiter.due("a", Normal, later), at(20) + WINDOW);
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]
        #[test]
        fn no_second_holds_more_than_two_of_one_session_and_five_of_all(offers in prop::collection::vec((0u64..300, 0u8..8, any::<bool>()), 1..80)) {
            let start = Instant::now();
            let mut limiter = LatestLimiter::new(5);
            let (mut now, mut sent) = (0, Vec::new());
            for (pause, key, is_urgent) in offers {
                now += pause;
                let (at, priority) = (start + Duration::from_millis(now), Priority::urgent_if(is_urgent));
                if limiter.due(&key.to_string(), priority, at) == at {
                    limiter.record(&key.to_string(), priority, at);
                    sent.push((now, key, is_urgent));
                }
            }
            for (from, key, _) in &sent {
                let within = || sent.iter().filter(|(at, ..)| (*from..=from + 1_000).contains(at));
                let own = |is_urgent| within().filter(|(_, other, urgent)| other == key && *urgent == is_urgent).count();
                prop_assert!(within().count() <= 5, "all from {from} ms on");
                prop_assert!(own(true) <= 1 && own(false) <= 1, "{key} from {from} ms on");
            }
        }
    }
}
