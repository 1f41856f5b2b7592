//! `/stream/progress`: replays events, then sends live ones within the client's rate limit.

use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::super::ServerContext;
use super::super::client_permit::ClientPermit;
use super::super::metrics::Counters;
use super::super::query::EventFilter;
use super::activity::ActivityFeed;
use super::interruptions::{Interruption, Interruptions};
use super::{EventStream, FrameBuffer, GapData, HEARTBEAT, WRITE_BYTES, bye, control, hello};
use crate::hub::{Batch, Cursor, GapReason, PayloadEvicted, Subscription};
use crate::rate_limiter::RateLimiter;

pub(super) struct ProgressStream {
    reader: Subscription,
    filter: EventFilter,
    activity: Option<ActivityFeed>,
    limiter: RateLimiter,
    interruptions: Interruptions,
    phase: ProgressPhase,
    counters: Arc<Counters>,
    _permit: ClientPermit,
}

enum ProgressPhase {
    /// Holds the `hello` frame that goes out first.
    New(Bytes),
    Following,
    /// The stream is ending: the remaining events go out without a rate limit, because the process takes them with it.
    Draining,
    Over,
}

impl ProgressStream {
    pub(super) fn new(
        server: &ServerContext,
        permit: ClientPermit,
        reader: Subscription,
        filter: EventFilter,
        activity: Option<ActivityFeed>,
        cursor: Cursor,
    ) -> Self {
        let settings = &server.settings;
        ProgressStream {
            reader,
            filter,
            activity,
            limiter: RateLimiter::new(settings.max_rate),
            interruptions: Interruptions::new(&server.shutdown, settings.heartbeat),
            phase: ProgressPhase::New(hello(server, &cursor, settings.heartbeat)),
            counters: server.counters.clone(),
            _permit: permit,
        }
    }

    async fn follow(&mut self) -> Bytes {
        loop {
            let now = Instant::now();
            let allowance = self.allowance(now);
            let next_allowance = if allowance == 0 { self.limiter.next_at() } else { None };
            tokio::select! {
                biased;
                batch = self.reader.next_up_to(allowance) => match batch {
                    Some(batch) => {
                        // Read after the wait, which may have taken hours: an old time would make this burst look old.
                        let now = Instant::now();
                        let mut buffer = FrameBuffer::default();
                        self.write(&mut buffer, batch, now);
                        self.write_pending(&mut buffer, now);
                        if let Some(bytes) = buffer.finish() {
                            return bytes;
                        }
                    }
                    None => return self.final_frames(),
                },
                () = activity_ready(&mut self.activity, &self.filter) => {
                    let mut buffer = FrameBuffer::default();
                    if let Some(activity) = &mut self.activity {
                        activity.write(&self.filter, &self.reader.cursor(), &mut buffer);
                    }
                    if let Some(bytes) = buffer.finish() {
                        return bytes;
                    }
                }
                () = tokio::time::sleep_until(next_allowance.unwrap_or(now).into()), if next_allowance.is_some() => {}
                interruption = self.interruptions.next() => return match interruption {
                    Interruption::Shutdown => self.final_frames(),
                    Interruption::Heartbeat => HEARTBEAT,
                },
            }
        }
    }

    /// Adds the other events that may go out now to the same write.
    fn write_pending(&mut self, buffer: &mut FrameBuffer, now: Instant) {
        while buffer.len() < WRITE_BYTES {
            let allowance = self.allowance(now);
            let Some(batch) = self.reader.try_next_up_to(allowance) else { return };
            self.write(buffer, batch, now);
        }
    }

    fn write(&mut self, buffer: &mut FrameBuffer, batch: Batch, now: Instant) {
        match batch {
            Batch::Events(entries) => {
                let mut live = 0;
                for entry in entries.iter().filter(|entry| self.filter.matches(&entry.event)) {
                    buffer.push(entry.frame.clone());
                    live += usize::from(self.reader.is_live(entry));
                }
                self.limiter.record(now, live);
            }
            Batch::Gap { reason, oldest } => {
                self.counters.count_gap(reason);
                buffer.push(self.gap(reason, oldest));
            }
        }
    }

    fn final_frames(&mut self) -> Bytes {
        self.phase = ProgressPhase::Draining;
        let mut buffer = FrameBuffer::default();
        while buffer.len() < WRITE_BYTES {
            let Some(batch) = self.reader.try_next() else {
                self.phase = ProgressPhase::Over;
                buffer.push(bye(&self.reader.cursor()));
                break;
            };
            self.write(&mut buffer, batch, Instant::now());
        }
        buffer.finish().unwrap_or_default()
    }

    /// The `gap` frame. Its id is the cursor after the gap, so that a client that reconnects resumes exactly there.
    fn gap(&self, reason: GapReason, oldest: Option<Cursor>) -> Bytes {
        control(&self.reader.cursor(), "gap", &GapData::new(reason, oldest), None)
    }

    /// How many events may go out now. The rate limit holds for live events only.
    fn allowance(&mut self, now: Instant) -> usize {
        if self.reader.is_replaying() { usize::MAX } else { self.limiter.available(now) }
    }
}

impl EventStream for ProgressStream {
    async fn next(&mut self) -> Option<Result<Bytes, PayloadEvicted>> {
        match &mut self.phase {
            ProgressPhase::New(hello) => {
                let mut buffer = FrameBuffer::default();
                buffer.push(std::mem::take(hello));
                self.phase = ProgressPhase::Following;
                self.write_pending(&mut buffer, Instant::now());
                buffer.finish().map(Ok)
            }
            ProgressPhase::Following => Some(Ok(self.follow().await)),
            ProgressPhase::Draining => Some(Ok(self.final_frames())),
            ProgressPhase::Over => None,
        }
    }
}

async fn activity_ready(activity: &mut Option<ActivityFeed>, filter: &EventFilter) {
    match activity {
        Some(activity) => activity.ready(filter).await,
        None => pending().await,
    }
}
