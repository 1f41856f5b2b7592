//! When the machine slept, or its clock was set forward, while this process watched: nobody was at work then.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A run of weeks on a laptop has one or two a day.
const SLEEP_LIMIT: usize = 100;

/// The sleeps of a run, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sleeps(Vec<Sleep>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Sleep {
    from: Timestamp,
    to: Timestamp,
}

impl Sleeps {
    pub(super) fn add(&mut self, from: Timestamp, to: Timestamp) {
        self.0.push(Sleep { from, to });
        if self.0.len() > SLEEP_LIMIT {
            self.0.remove(0);
        }
    }

    /// Milliseconds from `from` to `to` without those slept.
    pub(super) fn awake_between(&self, from: Timestamp, to: Timestamp) -> Option<u64> {
        let slept: u64 = self.0.iter().filter_map(|sleep| sleep.to.min(to).since(sleep.from.max(from))).sum();
        Some(to.since(from)?.saturating_sub(slept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_slept_counts_nowhere() {
        let mut sleeps = Sleeps::default();
        sleeps.add(Timestamp(100), Timestamp(200));
        sleeps.add(Timestamp(500), Timestamp(1000));
        for (from, to, expected) in
            [(0, 50, Some(50)), (0, 150, Some(100)), (120, 180, Some(0)), (150, 600, Some(300)), (0, 2000, Some(1400)), (50, 0, None)]
        {
            assert_eq!(sleeps.awake_between(Timestamp(from), Timestamp(to)), expected, "{from} {to}");
        }
    }
}
