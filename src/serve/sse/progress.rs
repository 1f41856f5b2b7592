//! `/stream/progress`: the events, replay first, then live at the client's pace.

use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;
use tokio::time::Interval;

use super::super::Serving;
use super::super::metrics::Counters;
use super::super::query::Filter;
use super::{Ending, Feed, HEARTBEAT, Seat, WRITE_BYTES, Writing, bye, control, heartbeats, hello};
use crate::hub::{Batch, Cursor, GapReason, Subscription};
use crate::rate_limiter::RateLimiter;

pub(super) struct Progress {
    reader: Subscription,
    filter: Filter,
    limiter: RateLimiter,
    heartbeats: Interval,
    ending: Ending,
    phase: Phase,
    counters: Arc<Counters>,
    _seat: Seat,
}

enum Phase {
    /// The greeting is still to be said.
    New(Bytes),
    Following,
    /// No more comes; what there is goes out, paced no longer: the program is about to be gone, and what it knows with it.
    LastWords,
    Over,
}

impl Progress {
    pub(super) fn new(serving: &Serving, seat: Seat, reader: Subscription, filter: Filter, place: Cursor) -> Self {
        let settings = &serving.settings;
        Progress {
            reader,
            filter,
            limiter: RateLimiter::new(settings.max_rate),
            heartbeats: heartbeats(settings.heartbeat),
            ending: Ending::new(&serving.stopping),
            phase: Phase::New(hello(serving, &place, settings.heartbeat)),
            counters: serving.counters.clone(),
            _seat: seat,
        }
    }

    async fn follow(&mut self) -> Bytes {
        loop {
            let room = self.room(Instant::now());
            let more_room = if room == 0 { self.limiter.next_at() } else { None };
            tokio::select! {
                biased;
                batch = self.reader.next_up_to(room) => match batch {
                    Some(batch) => {
                        // Not the time from before the wait: that may be hours ago, and would make this burst look old.
                        let now = Instant::now();
                        let mut writing = Writing::default();
                        self.write(&mut writing, batch, now);
                        self.write_pending(&mut writing, now);
                        if let Some(bytes) = writing.finish() {
                            return bytes;
                        }
                    }
                    None => return self.last_words(),
                },
                () = self.ending.comes() => return self.last_words(),
                () = until(more_room) => {}
                _ = self.heartbeats.tick() => return HEARTBEAT,
            }
        }
    }

    /// Everything else that may go now joins the same write.
    fn write_pending(&mut self, writing: &mut Writing, now: Instant) {
        while writing.len() < WRITE_BYTES {
            let room = self.room(now);
            let Some(batch) = self.reader.try_next_up_to(room) else { return };
            self.write(writing, batch, now);
        }
    }

    fn write(&mut self, writing: &mut Writing, batch: Batch, now: Instant) {
        match batch {
            Batch::Events(entries) => {
                let mut live = 0;
                for entry in entries.iter().filter(|entry| self.filter.admits(&entry.event)) {
                    writing.push(entry.frame.clone());
                    live += usize::from(self.reader.is_live(entry));
                }
                self.limiter.record(now, live);
            }
            Batch::Gap { reason, oldest } => {
                self.counters.gap(reason);
                writing.push(self.gap(reason, oldest));
            }
        }
    }

    fn last_words(&mut self) -> Bytes {
        self.phase = Phase::LastWords;
        let mut writing = Writing::default();
        while writing.len() < WRITE_BYTES {
            let Some(batch) = self.reader.try_next() else {
                self.phase = Phase::Over;
                writing.push(bye(&self.reader.cursor()));
                break;
            };
            self.write(&mut writing, batch, Instant::now());
        }
        writing.finish().unwrap_or_default()
    }

    /// Carries the place from which it goes on: a client that is cut off now comes back to exactly that.
    fn gap(&self, reason: GapReason, oldest: Option<Cursor>) -> Bytes {
        #[derive(Serialize)]
        struct Gap {
            reason: GapReason,
            #[serde(skip_serializing_if = "Option::is_none")]
            oldest: Option<String>,
        }
        control(&self.reader.cursor(), "gap", &Gap { reason, oldest: oldest.map(|oldest| oldest.to_string()) }, None)
    }

    /// Only live events are paced.
    fn room(&mut self, now: Instant) -> usize {
        if self.reader.is_replaying() { usize::MAX } else { self.limiter.available(now) }
    }
}

impl Feed for Progress {
    async fn next(&mut self) -> Option<Bytes> {
        match &mut self.phase {
            Phase::New(hello) => {
                let mut writing = Writing::default();
                writing.push(std::mem::take(hello));
                self.phase = Phase::Following;
                self.write_pending(&mut writing, Instant::now());
                writing.finish()
            }
            Phase::Following => Some(self.follow().await),
            Phase::LastWords => Some(self.last_words()),
            Phase::Over => None,
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}
