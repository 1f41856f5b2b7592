//! One writer, one bounded log of events, readers with cursors; and the newest state.
//!
//! Resume, replay, polling and live are the same call: a reader holds a position in the log, never a queue. No HTTP here and no rate
//! limits: `serve` reads as much as its client may have. The writer never waits for a reader.

mod activities;
mod cursor;
mod large_payloads;
mod log;
mod published_event;
mod snapshot;
mod state_demand;
mod subscription;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::activities::{Activities, ActivityUpdate, PublishedActivity};
pub use self::cursor::{Cursor, ParseCursorError};
pub use self::large_payloads::{PayloadEvicted, PayloadReader, StatePayload};
pub use self::log::LogStats;
use self::published_event::ScratchBuffer;
pub use self::published_event::{PublishedEvent, sse_frame};
pub use self::snapshot::Snapshot;
pub use self::state_demand::{StateDemand, StateReader};
pub use self::subscription::{Batch, GapReason, StartPosition, Subscription};

pub(crate) use self::cursor::random_id;
use self::large_payloads::LargePayloads;
use self::log::EventLog;
use self::subscription::BufferStart;
use crate::event::{Event, EventId, Seq};
use crate::inline_delivery::Wakeups;
use crate::model::state::{State, TaskQuery};

/// Questions that wait; more wait to be put.
const REQUESTS: usize = 16;

/// Who asks for a state gets the last one that was made, if a newer one takes longer: what makes it may be held up by a full stdout.
const STATE_WAIT: Duration = Duration::from_secs(1);

/// Limits of the log. A reader behind them gets a [`Batch::Gap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubSettings {
    /// Events kept.
    pub events: usize,
    /// Bytes kept, whichever limit comes first; the newest event is kept in any case.
    pub bytes: usize,
    /// Newest events that a new reader gets first.
    pub buffer: usize,
    /// Whether cursors carry a check of their event: for logs that number events as another log does, which may lose some and give
    /// their numbers again.
    pub checked_cursors: bool,
    /// How long a reader waits for its cursor, where another log with the same numbers may be ahead of this one; else none.
    pub catch_up: Duration,
}

impl Default for HubSettings {
    fn default() -> Self {
        HubSettings { events: 10_000, bytes: 32 * 1024 * 1024, buffer: 100, checked_cursors: false, catch_up: Duration::ZERO }
    }
}

/// What [`Hub::task_events`] has found.
#[derive(Debug, Clone)]
pub struct TaskEvents {
    /// The newest evicted event of any task; 0 before the first eviction.
    pub evicted_to: Seq,
    /// The newest event of any task.
    pub log_end: Seq,
    /// In order.
    pub events: Vec<Arc<PublishedEvent>>,
}

/// A reader's question for some tasks, and where the answer goes.
#[derive(Debug)]
pub struct TaskRequest {
    /// Which tasks.
    pub query: TaskQuery,
    /// Takes the state with these tasks.
    pub answer: oneshot::Sender<State>,
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
    checked_cursors: bool,
    catch_up: Duration,
    log: Mutex<EventLog>,
    /// Rises with each change of `log`, before its lock is released: who has read all of it need not lock it to find nothing new.
    log_version: AtomicU64,
    wakeups: Wakeups,
    /// Separate from `wakeups`, so that a wait for the end is not woken by events.
    closing: watch::Sender<bool>,
    state: watch::Sender<Arc<Snapshot>>,
    demand: Arc<StateDemand>,
    large_payloads: Arc<LargePayloads>,
    activities: watch::Sender<Activities>,
    activity_version: AtomicU64,
    requests: OnceLock<mpsc::Sender<TaskRequest>>,
    selections: AtomicUsize,
}

impl Hub {
    /// An empty log of a new epoch.
    pub fn new(settings: HubSettings) -> Self {
        Hub::restored(settings, Cursor { epoch: random_id().into(), seq: Seq(0), check: None }, Vec::new())
    }

    /// The log of an earlier process, at its cursor `newest`, with the last events that its journal holds: a reader with a cursor of that
    /// epoch continues where it was. The next event to publish is the one after [`Hub::newest`].
    ///
    /// The journal must store an event before it is published. Otherwise a reader could hold a cursor that is newer than this log, and
    /// miss the events that get its numbers now. Events that do not lead up to `newest` without a hole are dropped; events after it
    /// advance `newest`.
    pub fn restored(settings: HubSettings, newest: Cursor, events: Vec<Event>) -> Self {
        let Cursor { epoch, seq, check: _ } = newest;
        let restored = Instant::now();
        let head = events.last().map_or(seq, |event| event.seq.max(seq));
        let unbroken = events.iter().rev().zip((1..=head.0).rev()).take_while(|(event, seq)| event.seq.0 == *seq).count();
        let unusable = events.len() - unbroken;
        let mut buffer = ScratchBuffer::default();
        let entries: Vec<_> = events
            .into_iter()
            .skip(unusable)
            .map(|event| Arc::new(PublishedEvent::new(event, &epoch, settings.checked_cursors, restored, &mut buffer)))
            .collect();
        let mut log = EventLog::new(settings.events, settings.bytes, Seq(head.0 - unbroken as u64));
        log.append(entries);
        let large_payloads = Arc::<LargePayloads>::default();
        let start = Cursor { epoch: epoch.clone(), seq: head, check: None };
        let nothing = Snapshot::new(0, start, Arc::new(snapshot::empty_state(head)), large_payloads.clone());
        let inner = HubInner {
            epoch,
            instance: random_id().into(),
            buffer: settings.buffer,
            checked_cursors: settings.checked_cursors,
            catch_up: settings.catch_up,
            log: Mutex::new(log),
            log_version: AtomicU64::new(0),
            wakeups: Wakeups::new(),
            closing: watch::Sender::new(false),
            state: watch::Sender::new(Arc::new(nothing)),
            demand: Arc::default(),
            large_payloads,
            activities: watch::Sender::new(Arc::new([])),
            activity_version: AtomicU64::new(0),
            requests: OnceLock::new(),
            selections: AtomicUsize::new(0),
        };
        Hub { inner: Arc::new(inner) }
    }

    /// Id of this log: a cursor of another epoch points into another log.
    pub fn epoch(&self) -> &str {
        &self.inner.epoch
    }

    /// The cursor after the newest event: 0 before the first.
    pub fn newest(&self) -> Cursor {
        let log = self.log();
        self.cursor(&log, log.last_seq)
    }

    /// Lets each publication poll the connections of [inline subscribers](Hub::subscribe_inline) on the publishing thread, within
    /// `runtime`; see `inline_delivery`.
    pub fn poll_inline(&self, runtime: Handle) {
        self.inner.wakeups.poll_inline(runtime);
    }

    /// Wakes the subscribers that [`Hub::publish_inline`] deferred.
    pub fn wake_deferred(&self) {
        self.inner.wakeups.wake_deferred();
    }

    /// How much was published, and how much the log holds.
    pub fn log_stats(&self) -> LogStats {
        self.log().stats()
    }

    /// Id of this process among those that served the same epoch.
    pub fn instance(&self) -> &str {
        &self.inner.instance
    }

    /// The first `limit` events of one task after `after`, as far as the log holds them: for a reader that follows a task by itself.
    pub fn task_events(&self, task_id: &str, after: Seq, limit: usize) -> TaskEvents {
        let log = self.log();
        TaskEvents { evicted_to: log.evicted_to, log_end: log.last_seq, events: log.of_task(task_id, after, limit) }
    }

    /// Appends, and wakes every waiting reader. One thread at a time calls it, with rising `seq`.
    pub fn publish(&self, events: Vec<Event>) {
        self.publish_inline(self.serialized(events));
        self.wake_deferred();
    }

    /// The events as [`Hub::publish_inline`] takes them: serialized once, for every output.
    pub fn serialized(&self, events: Vec<Event>) -> Vec<Arc<PublishedEvent>> {
        let published = Instant::now();
        let (epoch, is_checked, mut buffer) = (&self.inner.epoch, self.inner.checked_cursors, ScratchBuffer::default());
        events.into_iter().map(|event| Arc::new(PublishedEvent::new(event, epoch, is_checked, published, &mut buffer))).collect()
    }

    /// Appends the events and wakes the [inline subscribers](Hub::subscribe_inline). The caller wakes all others soon after, by
    /// [`Hub::wake_deferred`]: a client to which this thread has just written often runs on its processor, and waking a thread takes
    /// longer than that client needs. After ten events the others are woken in any case.
    pub fn publish_inline(&self, entries: Vec<Arc<PublishedEvent>>) {
        if entries.is_empty() {
            return;
        }
        let count = entries.len();
        // Serialized before the lock is taken: readers never wait for JSON.
        let evicted = self.change_log(|log| log.publish(entries));
        self.inner.wakeups.wake_inline(count);
        // Freed after the readers are woken.
        drop(evicted);
    }

    /// Events published from now until [`Hub::end_history`] happened before the process started: every reader replays them.
    pub fn begin_history(&self) {
        self.change_log(EventLog::begin_history);
    }

    /// Events published from now on are live.
    pub fn end_history(&self) {
        self.change_log(EventLog::end_history);
        self.inner.wakeups.wake_all();
    }

    /// Replaces the state. Readers get the newest one only.
    pub fn set_state(&self, state: State) {
        let cursor = self.cursor(&self.log(), state.seq);
        let state = Arc::new(state);
        let payloads = self.inner.large_payloads.clone();
        self.inner.state.send_modify(|latest| *latest = Arc::new(Snapshot::new(latest.version + 1, cursor, state, payloads)));
        self.inner.demand.mark_current();
    }

    /// Replaces what the agents do.
    pub fn set_activities(&self, update: ActivityUpdate) {
        let ActivityUpdate { all, changed } = update;
        self.inner.activities.send_modify(|latest| {
            let version = self.inner.activity_version.fetch_add(1, Ordering::Relaxed) + 1;
            let entries = all.into_iter().enumerate().map(|(index, activity)| {
                let known = latest.iter().find(|known| !changed.contains(&index) && known.activity == activity);
                known.cloned().unwrap_or_else(|| Arc::new(PublishedActivity::new(version, activity)))
            });
            *latest = entries.collect();
        });
    }

    /// What the agents do, and every change of it.
    pub fn activities(&self) -> watch::Receiver<Activities> {
        self.inner.activities.subscribe()
    }

    /// Closes the log: subscriptions end after the last event.
    pub fn close(&self) {
        self.change_log(|log| log.closed = true);
        self.inner.closing.send_replace(true);
        self.inner.wakeups.wake_all();
        self.inner.state.send_modify(|_| ());
    }

    /// A reader that begins at `start`.
    pub fn subscribe(&self, start: StartPosition<'_>) -> Subscription {
        Subscription::new(self.clone(), self.inner.wakeups.subscribe_deferred(), start, BufferStart::AtOnce)
    }

    /// A reader that each publication wakes before all others, because a client waits for the events.
    ///
    /// With [`StartPosition::Buffer`] it begins after history has been read: before that, the last events are not the newest ones.
    pub fn subscribe_inline(&self, start: StartPosition<'_>) -> Subscription {
        Subscription::new(self.clone(), self.inner.wakeups.subscribe_inline(), start, BufferStart::AfterHistory)
    }

    /// What the maker of states goes by.
    pub fn state_demand(&self) -> Arc<StateDemand> {
        self.inner.demand.clone()
    }

    /// Has each newer state made, until it is dropped.
    pub fn read_states(&self) -> StateReader {
        StateReader::new(self.inner.demand.clone())
    }

    /// The newest state, which is made if nobody has wanted it yet. Cancel safe.
    pub async fn current_snapshot(&self) -> Arc<Snapshot> {
        let latest = self.snapshot();
        if !self.inner.demand.is_stale() || (latest.version > 0 && latest.made.elapsed() < self.inner.demand.interval()) {
            return latest;
        }
        let newer = tokio::time::timeout(STATE_WAIT, self.snapshot_after(latest.version)).await;
        newer.ok().flatten().unwrap_or(latest)
    }

    /// The newest state that was made: with a [`StateReader`] each newer one is. Before the first one an empty state of version 0.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.state.borrow().clone()
    }

    /// What the large states take that somebody is reading; a small one is not counted.
    pub fn large_state_bytes(&self) -> usize {
        self.inner.large_payloads.total_bytes()
    }

    /// Waits for a state with a version over `version`; `None` after [`Hub::close`]. Cancel safe.
    pub async fn snapshot_after(&self, version: u64) -> Option<Arc<Snapshot>> {
        let mut states = self.inner.state.subscribe();
        let _reader = self.read_states();
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

    /// Lets the owner of more tasks than a state lists answer for them, once.
    pub fn requests(&self) -> mpsc::Receiver<TaskRequest> {
        let (send, receive) = mpsc::channel(REQUESTS);
        // A second one would never be asked: there is one owner.
        let _second = self.inner.requests.set(send).is_err();
        receive
    }

    /// The newest state with the tasks that are wanted.
    pub async fn selected(&self, query: &TaskQuery) -> Arc<Snapshot> {
        let latest = self.current_snapshot().await;
        if query.is_open() {
            return latest;
        }
        let state = match self.requested(query).await {
            Some(state) => state,
            None => query.select(&latest.state),
        };
        let cursor = self.cursor(&self.log(), state.seq);
        let selection = 1 + self.inner.selections.fetch_add(1, Ordering::Relaxed);
        Arc::new(latest.selected(selection, cursor, Arc::new(state)))
    }

    /// `None`: nobody answers but the state itself.
    async fn requested(&self, query: &TaskQuery) -> Option<State> {
        let (answer, answered) = oneshot::channel();
        self.inner.requests.get()?.send(TaskRequest { query: query.clone(), answer }).await.ok()?;
        answered.await.ok()
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

    fn cursor(&self, log: &EventLog, seq: Seq) -> Cursor {
        let check = if self.inner.checked_cursors { log.id_of(seq).map(EventId::check) } else { None };
        Cursor { epoch: self.inner.epoch.clone(), seq, check }
    }

    fn change_log<R>(&self, change: impl FnOnce(&mut EventLog) -> R) -> R {
        let mut log = self.log();
        let result = change(&mut log);
        self.inner.log_version.fetch_add(1, Ordering::Release);
        result
    }

    fn log(&self) -> MutexGuard<'_, EventLog> {
        // A panic in another holder cannot leave the log half changed: `append` only moves finished events.
        self.inner.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
