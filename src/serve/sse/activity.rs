//! What the agents do, on a stream that asks for it: the latest of each session, a call that begins before anything else.
//!
//! It stands beside the events: it has no number, is in no log, and carries the cursor that the client has.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::super::query::EventFilter;
use super::FrameBuffer;
use crate::hub::{Activities, Cursor, Hub, PublishedActivity, sse_frame};
use crate::model::agent::AgentLevel;
use crate::rate_limiter::{LatestLimiter, Priority};

/// Activities of all sessions together, a second.
const MAX_RATE: u32 = 5;

pub(super) struct ActivityFeed {
    activities: watch::Receiver<Activities>,
    level: AgentLevel,
    limiter: LatestLimiter,
    /// What was sent last of each session.
    sent: HashMap<String, Arc<PublishedActivity>>,
}

impl ActivityFeed {
    /// For a client of this level.
    pub(super) fn new(hub: &Hub, level: AgentLevel) -> Self {
        ActivityFeed { activities: hub.activities(), level, limiter: LatestLimiter::new(MAX_RATE), sent: HashMap::new() }
    }

    /// Waits until something may be sent. Cancel safe.
    pub(super) async fn ready(&mut self, filter: &EventFilter) {
        loop {
            // Marked before it is read: what is published meanwhile wakes again.
            let all = self.activities.borrow_and_update().clone();
            let now = Instant::now();
            let due = self.due(&all, filter, now);
            if due.is_some_and(|due| due <= now) {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(due.unwrap_or(now).into()), if due.is_some() => {}
                changed = self.activities.changed() => if changed.is_err() {
                    std::future::pending::<()>().await;
                },
            }
        }
    }

    /// Adds the frames of what may be sent now.
    pub(super) fn write(&mut self, filter: &EventFilter, cursor: &Cursor, buffer: &mut FrameBuffer) {
        let all = self.activities.borrow().clone();
        let now = Instant::now();
        self.sent.retain(|key, _| all.iter().any(|entry| entry.key == *key));
        for entry in all.iter().filter(|entry| filter.matches_task(&entry.activity.task_id)) {
            let Some(priority) = self.priority(entry).filter(|priority| self.limiter.due(&entry.key, *priority, now) <= now) else {
                continue;
            };
            let Some(json) = entry.json(self.level) else { return };
            self.limiter.record(&entry.key, priority, now);
            self.sent.insert(entry.key.clone(), Arc::clone(entry));
            buffer.push(sse_frame(cursor, "activity", &json, None));
        }
    }

    /// When the next one may be sent; `None` when there is none.
    fn due(&mut self, all: &Activities, filter: &EventFilter, now: Instant) -> Option<Instant> {
        if self.level == AgentLevel::Off {
            return None;
        }
        let wanted = all.iter().filter(|entry| filter.matches_task(&entry.activity.task_id));
        let waiting: Vec<_> = wanted.filter_map(|entry| Some((entry, self.priority(entry)?))).collect();
        waiting.into_iter().map(|(entry, priority)| self.limiter.due(&entry.key, priority, now)).min()
    }

    /// How much this client waits for it; `None` when it has it.
    fn priority(&self, entry: &PublishedActivity) -> Option<Priority> {
        let sent = self.sent.get(&entry.key);
        let is_new = sent.is_none_or(|sent| sent.version != entry.version);
        is_new.then(|| Priority::urgent_if(entry.activity.shows_other_call(sent.map(|sent| &sent.activity))))
    }
}
