//! The bounded log itself: plain data behind the hub's lock, no waiting.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Entry;
use crate::event::{EventId, Seq, TYPE_NAMES};

/// Where a batch stops, in bytes of frames: enough to fill a write, little enough to hold the lock shortly.
const BATCH_BYTES: usize = 64 * 1024;

/// How much has gone through the log, and how much is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// Events published by this process, by type.
    pub published: [(&'static str, u64); TYPE_NAMES.len()],
    /// Events kept.
    pub events: usize,
    /// What they take in memory, about.
    pub bytes: usize,
}

#[derive(Debug)]
pub(super) struct Log {
    /// Rising `seq`.
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
    /// The newest event that has fallen out; 0 while none has.
    pub(super) fallen: Seq,
    /// The newest event; 0 before the first.
    pub(super) head: Seq,
    pub(super) closed: bool,
    /// Up to which event it is history; `None` while history is being read.
    history: Option<Seq>,
    /// By type, in the order of [`TYPE_NAMES`], since the start of this process.
    published: [u64; TYPE_NAMES.len()],
}

impl Log {
    /// As if everything up to `fallen` had been here and fallen out.
    pub(super) fn new(max_events: usize, max_bytes: usize, fallen: Seq) -> Self {
        Log {
            entries: VecDeque::new(),
            bytes: 0,
            max_events,
            max_bytes,
            fallen,
            head: fallen,
            closed: false,
            history: Some(fallen),
            published: [0; TYPE_NAMES.len()],
        }
    }

    /// Appends what has just happened, as opposed to what a process before this one kept.
    pub(super) fn publish(&mut self, entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
        for entry in &entries {
            let name = entry.event.data.type_name();
            TYPE_NAMES.iter().zip(&mut self.published).filter(|(known, _)| **known == name).for_each(|(_, count)| *count += 1);
        }
        self.append(entries)
    }

    /// Returns what fell out, so that the caller frees it outside the lock.
    pub(super) fn append(&mut self, entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
        let mut out = Vec::new();
        for entry in entries {
            debug_assert!(entry.event.seq > self.head, "seq rises by one per event");
            self.head = entry.event.seq;
            self.bytes += entry.cost();
            self.entries.push_back(entry);
            while self.entries.len() > 1 && (self.entries.len() > self.max_events || self.bytes > self.max_bytes) {
                let Some(oldest) = self.entries.pop_front() else { break };
                self.bytes -= oldest.cost();
                self.fallen = oldest.event.seq;
                out.push(oldest);
            }
        }
        out
    }

    pub(super) fn begin_history(&mut self) {
        self.history = None;
    }

    pub(super) fn end_history(&mut self) {
        self.history.get_or_insert(self.head);
    }

    pub(super) fn is_in_history(&self) -> bool {
        self.history.is_none() && !self.closed
    }

    /// The last event that nobody waits for as it happens.
    pub(super) fn history(&self) -> Seq {
        self.history.unwrap_or(self.head)
    }

    pub(super) fn volume(&self) -> Volume {
        let mut published = TYPE_NAMES.map(|name| (name, 0));
        published.iter_mut().zip(self.published).for_each(|((_, all), count)| *all = count);
        Volume { published, events: self.entries.len(), bytes: self.bytes }
    }

    pub(super) fn oldest(&self) -> Option<Seq> {
        self.entries.front().map(|entry| entry.event.seq)
    }

    /// The place from which the newest `count` events follow.
    pub(super) fn before_last(&self, count: usize) -> Seq {
        match self.entries.len().checked_sub(count + 1) {
            Some(index) => self.entries[index].event.seq,
            None => self.fallen,
        }
    }

    pub(super) fn find(&self, id: EventId) -> Option<Seq> {
        self.entries.iter().rev().find(|entry| entry.event.id == id).map(|entry| entry.event.seq)
    }

    /// What follows `after`, up to and including `until`: at most `limit` events and about [`BATCH_BYTES`].
    pub(super) fn take(&self, after: Seq, until: Seq, limit: usize) -> Vec<Arc<Entry>> {
        let start = self.entries.partition_point(|entry| entry.event.seq <= after);
        let stop = self.entries.len().min(start.saturating_add(limit));
        let mut bytes = 0;
        let mut taken = Vec::new();
        for entry in self.entries.range(start..stop) {
            if entry.event.seq > until || bytes >= BATCH_BYTES {
                break;
            }
            bytes += entry.frame.len();
            taken.push(entry.clone());
        }
        taken
    }
}
