//! One writer, one bounded log of events, readers with cursors; the newest state beside it.
//!
//! Resume, replay, polling and live are the same call: a reader is a place in the log, never a queue. No HTTP here and no
//! pacing: `serve` asks for as much as its client may have. Nothing here waits for a reader.

mod cursor;
mod entry;
mod log;
mod snapshot;
mod subscription;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::watch;

pub use self::cursor::{Cursor, NotACursor};
pub use self::entry::{Entry, sse_frame};
pub use self::log::Volume;
pub use self::snapshot::Snapshot;
pub use self::subscription::{Batch, GapReason, Start, Subscription};

pub(crate) use self::cursor::random_name;
use self::log::Log;
use self::subscription::When;
use crate::event::{Event, Seq};
use crate::inline_delivery::Wakeups;
use crate::model::state::State;

/// How much history is kept. A reader that needs more than this is told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubSettings {
    /// Events kept.
    pub events: usize,
    /// Bytes kept, whichever limit comes first; the newest event is kept in any case.
    pub bytes: usize,
    /// How many of the newest events a new reader gets first.
    pub buffer: usize,
}

impl Default for HubSettings {
    fn default() -> Self {
        HubSettings { events: 10_000, bytes: 32 * 1024 * 1024, buffer: 100 }
    }
}

/// The log and everyone's handle on it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    epoch: Arc<str>,
    /// Names this process's numbering of snapshots: an epoch may outlive the process, their versions do not.
    process: Box<str>,
    buffer: usize,
    log: Mutex<Log>,
    wakeups: Wakeups,
    /// Separate from `wakeups`, so that a wait for the end is not woken by events.
    closing: watch::Sender<bool>,
    state: watch::Sender<Arc<Snapshot>>,
}

impl Hub {
    /// An empty log of a new epoch.
    pub fn new(settings: HubSettings) -> Self {
        Hub::restored(settings, Cursor { epoch: random_name().into(), seq: Seq(0) }, Vec::new())
    }

    /// The log of a process before this one, at its cursor `newest`, with as many of its last events as were kept: whoever comes back
    /// with a cursor of that epoch goes on where it was. The next event to publish is the one after [`Hub::newest`].
    ///
    /// What was stored must have been stored before it was published: a cursor that this log does not know yet would otherwise point
    /// behind events that its holder never had. Events that do not lead up to `newest` without a hole count as not kept; events after
    /// it move it on.
    pub fn restored(settings: HubSettings, newest: Cursor, events: Vec<Event>) -> Self {
        let Cursor { epoch, seq } = newest;
        let restored = Instant::now();
        let head = events.last().map_or(seq, |event| event.seq.max(seq));
        let unbroken = events.iter().rev().zip((1..=head.0).rev()).take_while(|(event, seq)| event.seq.0 == *seq).count();
        let unusable = events.len() - unbroken;
        let entries: Vec<_> = events.into_iter().skip(unusable).map(|event| Arc::new(Entry::new(event, &epoch, restored))).collect();
        let mut log = Log::new(settings.events, settings.bytes, Seq(head.0 - unbroken as u64));
        log.append(entries);
        let nothing = Snapshot::new(0, Cursor { epoch: epoch.clone(), seq: head }, Arc::new(snapshot::nothing_known(head)));
        let shared = Shared {
            epoch,
            process: random_name().into(),
            buffer: settings.buffer,
            log: Mutex::new(log),
            wakeups: Wakeups::new(),
            closing: watch::Sender::new(false),
            state: watch::Sender::new(Arc::new(nothing)),
        };
        Hub { shared: Arc::new(shared) }
    }

    /// Names this log: a cursor of another epoch points into another log.
    pub fn epoch(&self) -> &str {
        &self.shared.epoch
    }

    /// The place after the newest event: 0 before the first.
    pub fn newest(&self) -> Cursor {
        let head = self.log().head;
        self.cursor(head)
    }

    /// Lets each publication poll the connections of [inline subscribers](Hub::subscribe_inline) on the publishing thread, within
    /// `runtime`; see `inline_delivery`.
    pub fn poll_inline(&self, runtime: Handle) {
        self.shared.wakeups.poll_inline(runtime);
    }

    /// Wakes the subscribers that [`Hub::publish_inline`] deferred.
    pub fn wake_deferred(&self) {
        self.shared.wakeups.wake_deferred();
    }

    /// How much has been published, and how much is kept.
    pub fn volume(&self) -> Volume {
        self.log().volume()
    }

    /// Names this process among those that served the same epoch.
    pub fn process(&self) -> &str {
        &self.shared.process
    }

    /// Appends, and wakes whoever waits. Called by one thread at a time, with rising `seq`.
    pub fn publish(&self, events: Vec<Event>) {
        self.publish_inline(events);
        self.wake_deferred();
    }

    /// Appends the events and wakes the [inline subscribers](Hub::subscribe_inline). The caller wakes all others soon after, by
    /// [`Hub::wake_deferred`]: a client to which this thread has just written often runs on its processor, and waking a thread takes
    /// longer than that client needs. After ten events the others are woken in any case.
    pub fn publish_inline(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let (count, published) = (events.len(), Instant::now());
        // Serialised before the lock is taken: readers never wait for JSON.
        let entries: Vec<_> = events.into_iter().map(|event| Arc::new(Entry::new(event, &self.shared.epoch, published))).collect();
        let fallen = self.log().publish(entries);
        self.shared.wakeups.wake_inline(count);
        // Freed after the readers are on their way.
        drop(fallen);
    }

    /// What is published from now on happened before we came: to readers it is the same as what was there before they came, until
    /// [`Hub::end_history`].
    pub fn begin_history(&self) {
        self.log().begin_history();
    }

    /// What is published from now on happens now.
    pub fn end_history(&self) {
        self.log().end_history();
        self.shared.wakeups.wake_all();
    }

    /// The newest state; readers of the one before skip to it.
    pub fn set_state(&self, state: State) {
        let cursor = self.cursor(state.seq);
        let state = Arc::new(state);
        self.shared.state.send_modify(|latest| *latest = Arc::new(Snapshot::new(latest.version + 1, cursor, state)));
    }

    /// Nothing more will be published: subscriptions end after the last event.
    pub fn close(&self) {
        self.log().closed = true;
        self.shared.closing.send_replace(true);
        self.shared.wakeups.wake_all();
        self.shared.state.send_modify(|_| ());
    }

    /// A reader, placed as `start` says.
    pub fn subscribe(&self, start: Start<'_>) -> Subscription {
        Subscription::new(self.clone(), self.shared.wakeups.subscribe_deferred(), start, When::AtOnce)
    }

    /// A reader that each publication wakes before all others, because a client waits for the events.
    ///
    /// With [`Start::Buffer`] it begins after history has been read: before that, the last events are not the newest ones.
    pub fn subscribe_inline(&self, start: Start<'_>) -> Subscription {
        Subscription::new(self.clone(), self.shared.wakeups.subscribe_inline(), start, When::AfterHistory)
    }

    /// The newest state. Before the first one: nothing known, version 0.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.state.borrow().clone()
    }

    /// The newest state once its version is over `version`; `None` after [`Hub::close`]. Cancel safe.
    pub async fn snapshot_after(&self, version: u64) -> Option<Arc<Snapshot>> {
        let mut states = self.shared.state.subscribe();
        loop {
            // Asked before looking: a state set just before the close is still found.
            let closed = self.is_closed();
            let latest = states.borrow_and_update().clone();
            if latest.version > version {
                return Some(latest);
            }
            if closed || states.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Whether [`Hub::close`] has been called.
    pub fn is_closed(&self) -> bool {
        self.log().closed
    }

    /// Resolves when [`Hub::close`] is called, whether or not readers have everything. Cancel safe.
    pub async fn closed(&self) {
        // The sender is ours: it cannot be gone.
        let _never = self.shared.closing.subscribe().wait_for(|closed| *closed).await.is_err();
    }

    fn cursor(&self, seq: Seq) -> Cursor {
        Cursor { epoch: self.shared.epoch.clone(), seq }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // A panic elsewhere cannot leave the log half changed: `append` only moves finished entries.
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
