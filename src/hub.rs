//! One writer, one bounded log of events, readers with cursors; and the newest state.
//!
//! Resume, replay, polling and live are the same call: a reader holds a position in the log, never a queue. No HTTP here and no rate
//! limits: `serve` reads as much as its client may have. The writer never waits for a reader.

mod cursor;
mod log;
mod published_event;
mod snapshot;
mod subscription;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

pub use self::cursor::{Cursor, ParseCursorError};
pub use self::log::LogStats;
pub use self::published_event::{PublishedEvent, sse_frame};
pub use self::snapshot::Snapshot;
pub use self::subscription::{Batch, GapReason, StartPosition, Subscription};

pub(crate) use self::cursor::random_id;
use self::log::EventLog;
use self::subscription::BufferStart;
use crate::event::{Event, Seq};
use crate::model::state::State;

/// Limits of the log. A reader behind them gets a [`Batch::Gap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubSettings {
    /// Events kept.
    pub events: usize,
    /// Bytes kept, whichever limit comes first; the newest event is kept in any case.
    pub bytes: usize,
    /// Newest events that a new reader gets first.
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
    inner: Arc<HubInner>,
}

#[derive(Debug)]
struct HubInner {
    epoch: Arc<str>,
    /// Random id of this process. Versions of snapshots are counted per process, while an epoch may outlive it.
    instance: Box<str>,
    buffer: usize,
    log: Mutex<EventLog>,
    /// Says only "look at the log again"; what is new stands in the log, so a missed or doubled wake-up loses nothing.
    news: watch::Sender<()>,
    /// The same for those that are served first.
    first_news: watch::Sender<()>,
    messenger: OnceLock<Messenger>,
    /// Events that those who are not served first have not been told of.
    owed: AtomicUsize,
    /// Apart from the news, so that who waits for the end sleeps until then.
    closing: watch::Sender<bool>,
    state: watch::Sender<Arc<Snapshot>>,
}

/// A reader that is told of so many at a time does not keep a processor for long, and is far from falling out of the log.
const MOST_OWED: usize = 10;

/// See [`Hub::set_messenger`].
struct Messenger(Box<Carry>);

type Carry = dyn Fn(&dyn Fn()) + Send + Sync;

impl std::fmt::Debug for Messenger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Messenger(…)")
    }
}

impl Hub {
    /// An empty log of a new epoch.
    pub fn new(settings: HubSettings) -> Self {
        Hub::restored(settings, Cursor { epoch: random_id().into(), seq: Seq(0) }, Vec::new())
    }

    /// The log of an earlier process, at its cursor `newest`, with the last events that its journal holds: a reader with a cursor of that
    /// epoch continues where it was. The next event to publish is the one after [`Hub::newest`].
    ///
    /// The journal must store an event before it is published. Otherwise a reader could hold a cursor that is newer than this log, and
    /// miss the events that get its numbers now. Events that do not lead up to `newest` without a hole are dropped; events after it
    /// advance `newest`.
    pub fn restored(settings: HubSettings, newest: Cursor, events: Vec<Event>) -> Self {
        let Cursor { epoch, seq } = newest;
        let restored = Instant::now();
        let head = events.last().map_or(seq, |event| event.seq.max(seq));
        let unbroken = events.iter().rev().zip((1..=head.0).rev()).take_while(|(event, seq)| event.seq.0 == *seq).count();
        let unusable = events.len() - unbroken;
        let entries: Vec<_> =
            events.into_iter().skip(unusable).map(|event| Arc::new(PublishedEvent::new(event, &epoch, restored))).collect();
        let mut log = EventLog::new(settings.events, settings.bytes, Seq(head.0 - unbroken as u64));
        log.append(entries);
        let nothing = Snapshot::new(0, Cursor { epoch: epoch.clone(), seq: head }, Arc::new(snapshot::empty_state(head)));
        let shared = HubInner {
            epoch,
            instance: random_id().into(),
            buffer: settings.buffer,
            log: Mutex::new(log),
            news: watch::Sender::new(()),
            first_news: watch::Sender::new(()),
            messenger: OnceLock::new(),
            owed: AtomicUsize::new(0),
            closing: watch::Sender::new(false),
            state: watch::Sender::new(Arc::new(nothing)),
        };
        Hub { inner: Arc::new(shared) }
    }

    /// Id of this log: a cursor of another epoch points into another log.
    pub fn epoch(&self) -> &str {
        &self.inner.epoch
    }

    /// The cursor after the newest event: 0 before the first.
    pub fn newest(&self) -> Cursor {
        let head = self.log().last_seq;
        self.cursor(head)
    }

    /// Lets `messenger` wake those who [subscribed as first](Hub::subscribe_first), by the function it is given, and do for them what it
    /// can at once, on the publishing thread. Whoever is set first stays.
    pub fn set_messenger(&self, messenger: impl Fn(&dyn Fn()) + Send + Sync + 'static) {
        let _stays = self.inner.messenger.set(Messenger(Box::new(messenger))).is_err();
    }

    /// Pays what [`Hub::publish_first`] owes.
    pub fn wake_others(&self) {
        self.inner.owed.store(0, Ordering::Relaxed);
        self.inner.news.send_replace(());
    }

    /// How much was published, and how much the log holds.
    pub fn log_stats(&self) -> LogStats {
        self.log().stats()
    }

    /// Id of this process among those that served the same epoch.
    pub fn instance(&self) -> &str {
        &self.inner.instance
    }

    /// Appends, and wakes every waiting reader. One thread at a time calls it, with rising `seq`.
    pub fn publish(&self, events: Vec<Event>) {
        self.publish_first(events);
        self.wake_others();
    }

    /// Appends, and wakes those who [subscribed as first](Hub::subscribe_first). All others are owed a [`Hub::wake_others`], which is to follow
    /// soon, once the thread has rested: a client that this thread has just written to often gets its processor, and waking a thread
    /// takes longer than the client needs. With much that is owed they are woken all the same.
    pub fn publish_first(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let owed = self.inner.owed.fetch_add(events.len(), Ordering::Relaxed) + events.len();
        let published = Instant::now();
        // Serialised before the lock is taken: readers never wait for JSON.
        let entries: Vec<_> = events.into_iter().map(|event| Arc::new(PublishedEvent::new(event, &self.inner.epoch, published))).collect();
        let fallen = self.log().publish(entries);
        let wake_first = || {
            self.inner.first_news.send_replace(());
        };
        match self.inner.messenger.get() {
            Some(Messenger(carry)) => carry(&wake_first),
            None => wake_first(),
        }
        if owed >= MOST_OWED {
            self.wake_others();
        }
        // Freed after the readers are on their way.
        drop(fallen);
    }

    /// Events published from now until [`Hub::end_history`] happened before the process started: every reader replays them.
    pub fn begin_history(&self) {
        self.log().begin_history();
    }

    /// Events published from now on are live.
    pub fn end_history(&self) {
        self.log().end_history();
        self.wake_all();
    }

    /// Replaces the state. Readers get the newest one only.
    pub fn set_state(&self, state: State) {
        let cursor = self.cursor(state.seq);
        let state = Arc::new(state);
        self.inner.state.send_modify(|latest| *latest = Arc::new(Snapshot::new(latest.version + 1, cursor, state)));
    }

    /// Closes the log: subscriptions end after the last event.
    pub fn close(&self) {
        self.log().closed = true;
        self.inner.closing.send_replace(true);
        self.wake_all();
        self.inner.state.send_modify(|_| ());
    }

    /// A reader that begins at `start`.
    pub fn subscribe(&self, start: StartPosition<'_>) -> Subscription {
        Subscription::new(self.clone(), self.inner.news.subscribe(), start, BufferStart::AtOnce)
    }

    /// The same for those whom somebody waits for: they are woken before all others, because waking another thread takes longer than
    /// anything else that is done about an event.
    ///
    /// While history is read, one that begins with the last events waits for its end: they would not be the last ones.
    pub fn subscribe_first(&self, start: StartPosition<'_>) -> Subscription {
        Subscription::new(self.clone(), self.inner.first_news.subscribe(), start, BufferStart::AfterHistory)
    }

    /// The newest state; before the first one an empty state of version 0.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.state.borrow().clone()
    }

    /// Waits for a state with a version over `version`; `None` after [`Hub::close`]. Cancel safe.
    pub async fn snapshot_after(&self, version: u64) -> Option<Arc<Snapshot>> {
        let mut states = self.inner.state.subscribe();
        loop {
            // Read before the state: a state set just before the close is still returned.
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
        // `self` holds the sender, so it cannot be dropped meanwhile.
        let _never = self.inner.closing.subscribe().wait_for(|closed| *closed).await.is_err();
    }

    fn wake_all(&self) {
        self.inner.first_news.send_replace(());
        self.wake_others();
    }

    fn cursor(&self, seq: Seq) -> Cursor {
        Cursor { epoch: self.inner.epoch.clone(), seq }
    }

    fn log(&self) -> MutexGuard<'_, EventLog> {
        // A panic in another holder cannot leave the log half changed: `append` only moves finished events.
        self.inner.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
