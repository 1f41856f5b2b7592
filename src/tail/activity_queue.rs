//! What agents do, on its way out: the latest of each session, so often as a reader may get it.

use std::time::Instant;

use crate::hub::ActivityUpdate;
use crate::model::agent::AgentActivity;
use crate::rate_limiter::{LatestLimiter, Priority};

/// Activities of all sessions together, a second.
pub const MAX_RATE: u32 = 5;

#[derive(Debug)]
pub(super) struct ActivityQueue {
    version: u64,
    latest: Vec<AgentActivity>,
    published: Vec<AgentActivity>,
    limiter: LatestLimiter,
    due: Option<Instant>,
}

impl Default for ActivityQueue {
    fn default() -> Self {
        ActivityQueue { version: 0, latest: Vec::new(), published: Vec::new(), limiter: LatestLimiter::new(MAX_RATE), due: None }
    }
}

impl ActivityQueue {
    /// When something that waits may go.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What may be published now. `version` is that of what `latest` returns.
    pub(super) fn poll(&mut self, version: u64, latest: impl FnOnce() -> Vec<AgentActivity>, now: Instant) -> Option<ActivityUpdate> {
        let is_new = std::mem::replace(&mut self.version, version) != version;
        if is_new {
            self.latest = latest();
        } else if self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.due = None;
        let had = self.published.len();
        let (mut all, mut changed) = (Vec::with_capacity(self.latest.len()), Vec::new());
        for activity in &self.latest {
            let published = self.published.iter().find(|known| known.key() == activity.key());
            if published == Some(activity) {
                all.push(activity.clone());
                continue;
            }
            let key = activity.key();
            let priority = Priority::urgent_if(activity.shows_other_call(published));
            let due = self.limiter.due(&key, priority, now);
            if due <= now {
                self.limiter.record(&key, priority, now);
                changed.push(all.len());
                all.push(activity.clone());
            } else {
                self.due = Some(self.due.map_or(due, |earliest| earliest.min(due)));
                all.extend(published.cloned());
            }
        }
        let has_fewer = all.len() - changed.len() < had;
        self.published.clone_from(&all);
        (!changed.is_empty() || has_fewer).then_some(ActivityUpdate { all, changed })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;
    use crate::model::agent::AgentPhase;

    #[test]
    fn the_latest_goes_and_what_came_between_does_not() {
        let activity = |session: &str, calls: u32| {
            let mut activity = AgentActivity::sample(session);
            activity.state.calls = calls;
            activity
        };
        let start = Instant::now();
        let mut queue = ActivityQueue::default();
        let calls = |update: Option<ActivityUpdate>| {
            update.map(|update| update.changed.iter().map(|index| update.all[*index].state.calls).collect::<Vec<_>>())
        };
        assert_eq!(calls(queue.poll(1, || vec![activity("a", 1)], start)), Some(vec![1]));
        assert_eq!(calls(queue.poll(2, || vec![activity("a", 2), activity("b", 7)], start)), Some(vec![7]));
        assert_eq!(calls(queue.poll(3, || vec![activity("a", 3), activity("b", 7)], start)), None);
        let due = queue.due().expect("one waits");
        assert_eq!(calls(queue.poll(3, Vec::new, due - Duration::from_millis(1))), None);
        assert_eq!(calls(queue.poll(3, Vec::new, due)), Some(vec![3]));
        assert_eq!(queue.due(), None);
        let gone = queue.poll(4, || vec![activity("a", 3)], due).expect("one is gone");
        assert_eq!((gone.all.len(), gone.changed.len()), (1, 0));
    }

    #[test]
    fn a_call_is_not_held_behind_the_result_before_it() {
        let activity = |phase: AgentPhase, call: i64| {
            let mut activity = AgentActivity::sample("a");
            (activity.state.phase, activity.state.phase_since) = (phase, Timestamp(call));
            activity
        };
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut queue = ActivityQueue::default();
        for (version, ms, phase) in
            [(1, 0_i64, AgentPhase::Tool), (2, 1_060, AgentPhase::Thinking), (3, 1_100, AgentPhase::Tool), (4, 2_160, AgentPhase::Thinking)]
        {
            let update = queue.poll(version, || vec![activity(phase, ms)], at(ms.unsigned_abs()));
            assert_eq!(update.map(|update| update.changed), Some(vec![0]), "at {ms} ms");
        }
    }
}
