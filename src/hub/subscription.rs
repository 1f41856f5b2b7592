//! A reader: a place in the log that moves on as its owner asks.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Cursor, Entry, Hub};
use crate::event::{EventId, Seq};

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// With the oldest event that is kept.
    Oldest,
    /// With the last hundred, or what the settings say.
    Buffer,
    /// With what comes next.
    Live,
    /// After this cursor, or after the event with this id. When that is impossible: a gap, then [`Start::Buffer`].
    Resume(&'a str),
}

/// What a reader gets.
#[derive(Debug, Clone)]
pub enum Batch {
    /// At least one, in order. Either all were there before the reader came, or none.
    Events(Vec<Arc<Entry>>),
    /// Events between the reader's place and the next one are not to be had (any more), or not known to be.
    Gap {
        /// Why.
        reason: GapReason,
        /// The oldest event that is kept; `None` when there is none.
        oldest: Option<Cursor>,
    },
}

/// Why a reader cannot go on where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The cursor is of another process.
    Restarted,
    /// What follows the cursor has fallen out of the log.
    Expired,
    /// No such cursor was given out here.
    Unknown,
}

/// One reader. It costs no more than its place, however far behind it is.
#[derive(Debug)]
pub struct Subscription {
    hub: Hub,
    news: watch::Receiver<()>,
    /// The last event this reader has been given, or skipped with a gap.
    after: Seq,
    /// The newest event when it came, or when history ended; everything later is live.
    live_after: Seq,
    /// A gap that is to be told first.
    gap: Option<GapReason>,
    /// It begins with the last events there are, and will not before history has been read.
    unplaced: bool,
}

/// When a reader begins that asks for the last events there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    AtOnce,
    AfterHistory,
}

/// What the log has for a reader right now.
enum Look {
    Found(Batch),
    Nothing,
    Over,
}

impl Subscription {
    pub(super) fn new(hub: Hub, news: watch::Receiver<()>, start: Start<'_>, when: When) -> Self {
        let buffer = hub.shared.buffer;
        let log = hub.log();
        let live_after = log.head;
        let (after, gap) = match start {
            Start::Oldest => (log.fallen, None),
            Start::Buffer => (log.before_last(buffer), None),
            Start::Live => (log.head, None),
            Start::Resume(text) => match hub.place(&log, text) {
                Ok(after) => (after, None),
                Err(reason) => (log.before_last(buffer), Some(reason)),
            },
        };
        let is_newcomer = gap.is_some() || start == Start::Buffer;
        let unplaced = is_newcomer && when == When::AfterHistory && log.is_in_history();
        drop(log);
        Subscription { hub, news, after, live_after, gap, unplaced }
    }

    /// The next batch; `None` once the hub is closed and everything has been delivered. Cancel safe.
    pub async fn next(&mut self) -> Option<Batch> {
        self.next_up_to(usize::MAX).await
    }

    /// As [`Subscription::next`], with at most `limit` events; with 0, only a gap or the end is waited for.
    pub async fn next_up_to(&mut self, limit: usize) -> Option<Batch> {
        loop {
            // Marked as seen before looking: what is published in between wakes us again.
            self.news.borrow_and_update();
            match self.look(limit) {
                Look::Found(batch) => return Some(batch),
                Look::Over => return None,
                Look::Nothing => {
                    if self.news.changed().await.is_err() {
                        return None;
                    }
                }
            }
        }
    }

    /// What is there now, without waiting.
    pub fn try_next(&mut self) -> Option<Batch> {
        self.try_next_up_to(usize::MAX)
    }

    /// As [`Subscription::next_up_to`], without waiting.
    pub fn try_next_up_to(&mut self, limit: usize) -> Option<Batch> {
        match self.look(limit) {
            Look::Found(batch) => Some(batch),
            Look::Nothing | Look::Over => None,
        }
    }

    /// The reader's place: resuming here brings what comes next.
    pub fn cursor(&self) -> Cursor {
        self.hub.cursor(self.after)
    }

    /// Whether the next events were there before this reader came. Everything after them is live.
    pub fn is_replaying(&self) -> bool {
        self.after < self.live_after
    }

    /// Whether `entry` was published after this reader came, and after history.
    pub fn is_live(&self, entry: &Entry) -> bool {
        entry.event.seq > self.live_after
    }

    fn look(&mut self, limit: usize) -> Look {
        let log = self.hub.log();
        if self.unplaced {
            if log.is_in_history() {
                return Look::Nothing;
            }
            self.unplaced = false;
            self.after = log.before_last(self.hub.shared.buffer);
        }
        self.live_after = self.live_after.max(log.history());
        let fallen_out = (self.after < log.fallen).then_some(GapReason::Expired);
        if let Some(reason) = self.gap.take().or(fallen_out) {
            self.after = self.after.max(log.fallen);
            return Look::Found(Batch::Gap { reason, oldest: log.oldest().map(|seq| self.hub.cursor(seq)) });
        }
        let until = if self.is_replaying() { self.live_after } else { log.head };
        let entries = log.take(self.after, until, limit);
        match entries.last() {
            Some(last) => {
                self.after = last.event.seq;
                Look::Found(Batch::Events(entries))
            }
            None if log.closed && self.after >= log.head => Look::Over,
            None => Look::Nothing,
        }
    }
}

impl Hub {
    /// What the reader that says `text` already has.
    fn place(&self, log: &super::log::Log, text: &str) -> Result<Seq, GapReason> {
        if let Ok(cursor) = text.parse::<Cursor>() {
            return match cursor {
                Cursor { epoch, .. } if *epoch != *self.shared.epoch => Err(GapReason::Restarted),
                Cursor { seq, .. } if seq > log.head => Err(GapReason::Unknown),
                Cursor { seq, .. } if seq < log.fallen => Err(GapReason::Expired),
                Cursor { seq, .. } => Ok(seq),
            };
        }
        let id = Uuid::parse_str(text).map_err(|_| GapReason::Unknown)?;
        log.find(EventId(id)).ok_or(GapReason::Unknown)
    }
}
