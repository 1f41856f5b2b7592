//! The bounded log itself: plain data behind the hub's lock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::PublishedEvent;
use crate::event::{EventId, Seq, TYPE_NAMES};

/// Size limit of a batch in bytes of frames: enough to fill a write, little enough to hold the lock for a short time.
const BATCH_BYTES: usize = 64 * 1024;

/// How much was published, and how much the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogStats {
    /// Events published by this process, by type.
    pub published: [(&'static str, u64); TYPE_NAMES.len()],
    /// Events in the log.
    pub events: usize,
    /// Their approximate size in memory.
    pub bytes: usize,
}

#[derive(Debug)]
pub(super) struct EventLog {
    /// Rising `seq`.
    entries: VecDeque<Arc<PublishedEvent>>,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
    /// The newest evicted event; 0 before the first eviction.
    pub(super) evicted_to: Seq,
    /// The newest event; 0 before the first.
    pub(super) last_seq: Seq,
    pub(super) closed: bool,
    /// The last event of history; `None` while history is being read.
    history: Option<Seq>,
    /// By type, in the order of [`TYPE_NAMES`], since the start of this process.
    published: [u64; TYPE_NAMES.len()],
}

impl EventLog {
    /// A log that has evicted everything up to `evicted_to`.
    pub(super) fn new(max_events: usize, max_bytes: usize, evicted_to: Seq) -> Self {
        EventLog {
            entries: VecDeque::new(),
            bytes: 0,
            max_events,
            max_bytes,
            evicted_to,
            last_seq: evicted_to,
            closed: false,
            history: Some(evicted_to),
            published: [0; TYPE_NAMES.len()],
        }
    }

    /// Appends events of this process, and counts them; `append` alone restores those of an earlier process.
    pub(super) fn publish(&mut self, entries: Vec<Arc<PublishedEvent>>) -> Vec<Arc<PublishedEvent>> {
        for entry in &entries {
            let name = entry.event.data.type_name();
            TYPE_NAMES.iter().zip(&mut self.published).filter(|(known, _)| **known == name).for_each(|(_, count)| *count += 1);
        }
        self.append(entries)
    }

    /// Returns the evicted events, so that the caller frees them outside the lock.
    pub(super) fn append(&mut self, entries: Vec<Arc<PublishedEvent>>) -> Vec<Arc<PublishedEvent>> {
        let mut out = Vec::new();
        for entry in entries {
            debug_assert!(entry.event.seq > self.last_seq, "seq rises by one per event");
            self.last_seq = entry.event.seq;
            self.bytes += entry.memory_size();
            self.entries.push_back(entry);
            while self.entries.len() > 1 && (self.entries.len() > self.max_events || self.bytes > self.max_bytes) {
                let Some(oldest) = self.entries.pop_front() else { break };
                self.bytes -= oldest.memory_size();
                self.evicted_to = oldest.event.seq;
                out.push(oldest);
            }
        }
        out
    }

    pub(super) fn begin_history(&mut self) {
        self.history = None;
    }

    pub(super) fn end_history(&mut self) {
        self.history.get_or_insert(self.last_seq);
    }

    pub(super) fn is_in_history(&self) -> bool {
        self.history.is_none() && !self.closed
    }

    /// The last event that is not live.
    pub(super) fn history_end(&self) -> Seq {
        self.history.unwrap_or(self.last_seq)
    }

    pub(super) fn stats(&self) -> LogStats {
        let mut published = TYPE_NAMES.map(|name| (name, 0));
        published.iter_mut().zip(self.published).for_each(|((_, all), count)| *all = count);
        LogStats { published, events: self.entries.len(), bytes: self.bytes }
    }

    pub(super) fn oldest(&self) -> Option<Seq> {
        self.entries.front().map(|entry| entry.event.seq)
    }

    /// The event before the newest `count` events.
    pub(super) fn start_of_last(&self, count: usize) -> Seq {
        match self.entries.len().checked_sub(count.saturating_add(1)) {
            Some(index) => self.entries[index].event.seq,
            None => self.evicted_to,
        }
    }

    /// The id of the event of this number, if the log holds it.
    pub(super) fn id_of(&self, seq: Seq) -> Option<EventId> {
        let index = self.entries.partition_point(|entry| entry.event.seq < seq);
        self.entries.get(index).filter(|entry| entry.event.seq == seq).map(|entry| entry.event.id)
    }

    pub(super) fn find(&self, id: EventId) -> Option<Seq> {
        self.entries.iter().rev().find(|entry| entry.event.id == id).map(|entry| entry.event.seq)
    }

    /// The first `limit` events of the task after `after`.
    pub(super) fn of_task(&self, task_id: &str, after: Seq, limit: usize) -> Vec<Arc<PublishedEvent>> {
        let start = self.position_after(after);
        self.entries.range(start..).filter(|entry| *entry.event.task_id == *task_id).take(limit).cloned().collect()
    }

    /// The events after `after`, up to and including `until`: at most `limit` events and about [`BATCH_BYTES`].
    pub(super) fn range(&self, after: Seq, until: Seq, limit: usize) -> Vec<Arc<PublishedEvent>> {
        let start = self.position_after(after);
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

    /// Where the first event after `after` stands.
    fn position_after(&self, after: Seq) -> usize {
        let is_old = |index: usize| self.entries[index].event.seq <= after;
        match self.entries.len() {
            // Most readers lack the newest event only: a search would touch a dozen events for each of thousands of readers.
            count if count > 1 && is_old(count - 2) && !is_old(count - 1) => count - 1,
            _ => self.entries.partition_point(|entry| entry.event.seq <= after),
        }
    }
}
