//! A reader: a position in the log that advances as its owner reads.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use super::log::EventLog;
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
    phase: ReadingPhase,
    /// The version of the log of which the reader has everything.
    finished: Option<u64>,
    /// The cursor that the reader came with, until it got something: whoever loses the connection before that meets a gap again.
    own_cursor: Option<Cursor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadingPhase {
    /// The log has not come to the reader's cursor, and may yet. `None` while history is being read.
    CatchingUp {
        deadline: Option<Instant>,
    },
    /// The reader begins with the newest events, once history is read.
    AwaitingHistory,
    Following,
}

/// When a reader of the newest events begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BufferStart {
    AtOnce,
    AfterHistory,
}

/// What a log makes of a cursor or of an event's id.
enum Resumption {
    /// The last event that the reader has.
    After(Seq),
    Gap(GapReason),
    /// The log numbers its events as another log does, and that one may be ahead.
    Later,
}

/// What the log holds for a reader.
enum ReadResult {
    Batch(Batch),
    Empty,
    Closed,
}

impl Subscription {
    pub(super) fn new(hub: Hub, wakeups: watch::Receiver<()>, start: StartPosition<'_>, when: BufferStart) -> Self {
        let log = hub.log();
        let live_after = log.last_seq;
        let newest = log.start_of_last(hub.inner.buffer);
        let (resumption, own_cursor) = match start {
            StartPosition::Oldest => (Resumption::After(log.evicted_to), None),
            StartPosition::Buffer => (Resumption::After(newest), None),
            StartPosition::Live => (Resumption::After(log.last_seq), None),
            StartPosition::Resume(text) => match text.parse::<Cursor>() {
                Ok(cursor) => (hub.resume(&log, &cursor), Some(cursor)),
                Err(_) => (resume_after_id(&log, text), None),
            },
        };
        let awaits_history = when == BufferStart::AfterHistory && log.is_in_history();
        let buffer_phase = if awaits_history { ReadingPhase::AwaitingHistory } else { ReadingPhase::Following };
        let (after, gap, phase) = match resumption {
            Resumption::After(after) if start == StartPosition::Buffer => (after, None, buffer_phase),
            Resumption::After(after) => (after, None, ReadingPhase::Following),
            Resumption::Gap(reason) => (newest, Some(reason), buffer_phase),
            Resumption::Later => (log.last_seq, None, ReadingPhase::CatchingUp { deadline: None }),
        };
        drop(log);
        Subscription { hub, wakeups, after, live_after, gap, phase, finished: None, own_cursor }
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
                    let ReadingPhase::CatchingUp { deadline: Some(deadline) } = self.phase else {
                        if self.wakeups.changed().await.is_err() {
                            return None;
                        }
                        continue;
                    };
                    // In a box: few readers ever wait so, and all would need the memory. When the time is up, the next read finds it out.
                    if let Ok(Err(_)) = Box::pin(tokio::time::timeout_at(deadline.into(), self.wakeups.changed())).await {
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

    /// The reader's position: a reader that resumes here gets the next event, or the gap that this one is still to get.
    pub fn cursor(&self) -> Cursor {
        self.own_cursor.clone().unwrap_or_else(|| self.hub.cursor(&self.hub.log(), self.after))
    }

    /// Whether the log is still behind the reader's cursor.
    pub fn is_catching_up(&self) -> bool {
        matches!(self.phase, ReadingPhase::CatchingUp { .. })
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
        let newest_version = || self.hub.inner.log_version.load(Ordering::Acquire);
        if self.finished.is_some_and(|finished| finished == newest_version()) {
            return ReadResult::Empty;
        }
        let log = self.hub.log();
        let version = newest_version();
        if let (ReadingPhase::CatchingUp { deadline }, Some(cursor)) = (&mut self.phase, &self.own_cursor) {
            let gap = match self.hub.resume(&log, cursor) {
                Resumption::After(after) => {
                    self.after = after;
                    None
                }
                Resumption::Gap(reason) => Some(reason),
                Resumption::Later if log.closed => return ReadResult::Closed,
                Resumption::Later if log.is_in_history() => return ReadResult::Empty,
                Resumption::Later => {
                    let now = Instant::now();
                    if now < *deadline.get_or_insert(now + self.hub.inner.catch_up) {
                        return ReadResult::Empty;
                    }
                    Some(GapReason::Unknown)
                }
            };
            self.phase = ReadingPhase::Following;
            if gap.is_some() {
                (self.gap, self.phase) = (gap, ReadingPhase::AwaitingHistory);
                // What comes after the gap was there before it.
                self.live_after = log.last_seq;
            }
        }
        if self.phase == ReadingPhase::AwaitingHistory {
            if log.is_in_history() {
                return ReadResult::Empty;
            }
            self.phase = ReadingPhase::Following;
            self.after = log.start_of_last(self.hub.inner.buffer);
        }
        self.live_after = self.live_after.max(log.history_end());
        let evicted = (self.after < log.evicted_to).then_some(GapReason::Expired);
        if let Some(reason) = self.gap.take().or(evicted) {
            self.after = self.after.max(log.evicted_to);
            self.own_cursor = None;
            return ReadResult::Batch(Batch::Gap { reason, oldest: log.oldest().map(|seq| self.hub.cursor(&log, seq)) });
        }
        let until = if self.is_replaying() { self.live_after } else { log.last_seq };
        let entries = log.range(self.after, until, limit);
        if let Some(last) = entries.last() {
            self.after = last.event.seq;
        }
        // A closed log has its end to give.
        self.finished = (self.after >= log.last_seq && !log.closed).then_some(version);
        match entries.last() {
            Some(_) => {
                self.own_cursor = None;
                ReadResult::Batch(Batch::Events(entries))
            }
            None if log.closed && self.after >= log.last_seq => ReadResult::Closed,
            None => ReadResult::Empty,
        }
    }
}

impl Hub {
    fn resume(&self, log: &EventLog, cursor: &Cursor) -> Resumption {
        match *cursor {
            Cursor { ref epoch, .. } if **epoch != *self.inner.epoch => Resumption::Gap(GapReason::Restarted),
            Cursor { seq, .. } if seq > log.last_seq && self.inner.catch_up.is_zero() => Resumption::Gap(GapReason::Unknown),
            Cursor { seq, .. } if seq > log.last_seq => Resumption::Later,
            Cursor { seq, .. } if seq < log.evicted_to => Resumption::Gap(GapReason::Expired),
            // The number was given again, to another event.
            Cursor { seq, check: Some(check), .. } if log.id_of(seq).is_some_and(|id| id.check() != check) => {
                Resumption::Gap(GapReason::Unknown)
            }
            Cursor { seq, .. } => Resumption::After(seq),
        }
    }
}

fn resume_after_id(log: &EventLog, text: &str) -> Resumption {
    let found = Uuid::parse_str(text).ok().and_then(|id| log.find(EventId(id)));
    found.map_or(Resumption::Gap(GapReason::Unknown), Resumption::After)
}
