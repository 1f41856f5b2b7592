//! A reader: a position in the log that advances as its owner reads.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Cursor, Hub, PublishedEvent};
use crate::event::{EventId, Seq};

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartPosition<'a> {
    /// With the oldest event of the log.
    Oldest,
    /// With the newest [`buffer`](super::HubSettings::buffer) events.
    Buffer,
    /// With the next event.
    Live,
    /// After this cursor, or after the event with this id. When the log cannot do that: a gap, then [`StartPosition::Buffer`].
    Resume(&'a str),
}

/// What a reader gets.
#[derive(Debug, Clone)]
pub enum Batch {
    /// At least one, in order. Either all are replayed, or all are live.
    Events(Vec<Arc<PublishedEvent>>),
    /// The log does not hold the events between the reader's position and the next one, or does not know the position.
    Gap {
        /// Why.
        reason: GapReason,
        /// The oldest event of the log; `None` when it is empty.
        oldest: Option<Cursor>,
    },
}

/// Why a reader cannot continue at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The cursor is of another process.
    Restarted,
    /// The log has evicted the event after the cursor.
    Expired,
    /// This log never issued the cursor.
    Unknown,
}

/// One reader. It needs the same memory however far behind it is.
#[derive(Debug)]
pub struct Subscription {
    hub: Hub,
    wakeups: watch::Receiver<()>,
    /// The last event that the reader got, or skipped with a gap.
    after: Seq,
    /// The newest event when the reader began, or when history ended; later events are live.
    live_after: Seq,
    /// A gap that the next read returns first.
    gap: Option<GapReason>,
    /// The reader begins with the newest events, once history is read.
    awaits_history: bool,
}

/// When a reader of the newest events begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BufferStart {
    AtOnce,
    AfterHistory,
}

/// What the log holds for a reader.
enum ReadResult {
    Batch(Batch),
    Empty,
    Closed,
}

impl Subscription {
    pub(super) fn new(hub: Hub, wakeups: watch::Receiver<()>, start: StartPosition<'_>, when: BufferStart) -> Self {
        let buffer = hub.inner.buffer;
        let log = hub.log();
        let live_after = log.last_seq;
        let (after, gap) = match start {
            StartPosition::Oldest => (log.evicted_to, None),
            StartPosition::Buffer => (log.start_of_last(buffer), None),
            StartPosition::Live => (log.last_seq, None),
            StartPosition::Resume(text) => match hub.resume_position(&log, text) {
                Ok(after) => (after, None),
                Err(reason) => (log.start_of_last(buffer), Some(reason)),
            },
        };
        let begins_with_buffer = gap.is_some() || start == StartPosition::Buffer;
        let awaits_history = begins_with_buffer && when == BufferStart::AfterHistory && log.is_in_history();
        drop(log);
        Subscription { hub, wakeups, after, live_after, gap, awaits_history }
    }

    /// The next batch; `None` once the hub is closed and everything has been delivered. Cancel safe.
    pub async fn next(&mut self) -> Option<Batch> {
        self.next_up_to(usize::MAX).await
    }

    /// As [`Subscription::next`], with at most `limit` events; with 0 it waits only for a gap or the end.
    pub async fn next_up_to(&mut self, limit: usize) -> Option<Batch> {
        loop {
            // Marked as seen before reading: an event published in between wakes the reader again.
            self.wakeups.borrow_and_update();
            match self.read(limit) {
                ReadResult::Batch(batch) => return Some(batch),
                ReadResult::Closed => return None,
                ReadResult::Empty => {
                    if self.wakeups.changed().await.is_err() {
                        return None;
                    }
                }
            }
        }
    }

    /// As [`Subscription::next`], without waiting.
    pub fn try_next(&mut self) -> Option<Batch> {
        self.try_next_up_to(usize::MAX)
    }

    /// As [`Subscription::next_up_to`], without waiting.
    pub fn try_next_up_to(&mut self, limit: usize) -> Option<Batch> {
        match self.read(limit) {
            ReadResult::Batch(batch) => Some(batch),
            ReadResult::Empty | ReadResult::Closed => None,
        }
    }

    /// The reader's position: a reader that resumes here gets the next event.
    pub fn cursor(&self) -> Cursor {
        self.hub.cursor(&self.hub.log(), self.after)
    }

    /// Whether the next events were published before this reader began. Later events are live.
    pub fn is_replaying(&self) -> bool {
        self.after < self.live_after
    }

    /// Whether `entry` was published after this reader began, and after history.
    pub fn is_live(&self, entry: &PublishedEvent) -> bool {
        entry.event.seq > self.live_after
    }

    fn read(&mut self, limit: usize) -> ReadResult {
        let log = self.hub.log();
        if self.awaits_history {
            if log.is_in_history() {
                return ReadResult::Empty;
            }
            self.awaits_history = false;
            self.after = log.start_of_last(self.hub.inner.buffer);
        }
        self.live_after = self.live_after.max(log.history_end());
        let evicted = (self.after < log.evicted_to).then_some(GapReason::Expired);
        if let Some(reason) = self.gap.take().or(evicted) {
            self.after = self.after.max(log.evicted_to);
            return ReadResult::Batch(Batch::Gap { reason, oldest: log.oldest().map(|seq| self.hub.cursor(&log, seq)) });
        }
        let until = if self.is_replaying() { self.live_after } else { log.last_seq };
        let entries = log.range(self.after, until, limit);
        match entries.last() {
            Some(last) => {
                self.after = last.event.seq;
                ReadResult::Batch(Batch::Events(entries))
            }
            None if log.closed && self.after >= log.last_seq => ReadResult::Closed,
            None => ReadResult::Empty,
        }
    }
}

impl Hub {
    /// The last event that a reader with the cursor or event id `text` has.
    fn resume_position(&self, log: &super::log::EventLog, text: &str) -> Result<Seq, GapReason> {
        if let Ok(cursor) = text.parse::<Cursor>() {
            return match cursor {
                Cursor { epoch, .. } if *epoch != *self.inner.epoch => Err(GapReason::Restarted),
                Cursor { seq, .. } if seq > log.last_seq => Err(GapReason::Unknown),
                Cursor { seq, .. } if seq < log.evicted_to => Err(GapReason::Expired),
                // The number was given again, to another event.
                Cursor { seq, check: Some(check), .. } if log.id_of(seq).is_some_and(|id| id.check() != check) => Err(GapReason::Unknown),
                Cursor { seq, .. } => Ok(seq),
            };
        }
        let id = Uuid::parse_str(text).map_err(|_| GapReason::Unknown)?;
        log.find(EventId(id)).ok_or(GapReason::Unknown)
    }
}
