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

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

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
            news: watch::Sender::new(()),
            first_news: watch::Sender::new(()),
            messenger: OnceLock::new(),
            owed: AtomicUsize::new(0),
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

    /// Lets `messenger` wake those who [subscribed as first](Hub::subscribe_first), by the function it is given, and do for them what it
    /// can at once, on the publishing thread. Whoever is set first stays.
    pub fn set_messenger(&self, messenger: impl Fn(&dyn Fn()) + Send + Sync + 'static) {
        let _stays = self.shared.messenger.set(Messenger(Box::new(messenger))).is_err();
    }

    /// Pays what [`Hub::publish_first`] owes.
    pub fn wake_others(&self) {
        self.shared.owed.store(0, Ordering::Relaxed);
        self.shared.news.send_replace(());
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
        let owed = self.shared.owed.fetch_add(events.len(), Ordering::Relaxed) + events.len();
        let published = Instant::now();
        // Serialised before the lock is taken: readers never wait for JSON.
        let entries: Vec<_> = events.into_iter().map(|event| Arc::new(Entry::new(event, &self.shared.epoch, published))).collect();
        let fallen = self.log().publish(entries);
        let wake_first = || {
            self.shared.first_news.send_replace(());
        };
        match self.shared.messenger.get() {
            Some(Messenger(carry)) => carry(&wake_first),
            None => wake_first(),
        }
        if owed >= MOST_OWED {
            self.wake_others();
        }
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
        self.wake_all();
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
        self.wake_all();
        self.shared.state.send_modify(|_| ());
    }

    /// A reader, placed as `start` says.
    pub fn subscribe(&self, start: Start<'_>) -> Subscription {
        Subscription::new(self.clone(), self.shared.news.subscribe(), start, When::AtOnce)
    }

    /// The same for those whom somebody waits for: they are woken before all others, because waking another thread takes longer than
    /// anything else that is done about an event.
    ///
    /// While history is read, one that begins with the last events waits for its end: they would not be the last ones.
    pub fn subscribe_first(&self, start: Start<'_>) -> Subscription {
        Subscription::new(self.clone(), self.shared.first_news.subscribe(), start, When::AfterHistory)
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

    fn wake_all(&self) {
        self.shared.first_news.send_replace(());
        self.wake_others();
    }

    fn cursor(&self, seq: Seq) -> Cursor {
        Cursor { epoch: self.shared.epoch.clone(), seq }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // A panic elsewhere cannot leave the log half changed: `append` only moves finished entries.
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
