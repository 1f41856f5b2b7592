//! Drives the engine: feeds it inputs, publishes the events they lead to, and takes snapshots of the state when they are due.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::ClockReading;
use crate::discover::Added;
use crate::engine::Input;
use crate::engine::{Engine, Output, SourceAdvice};
use crate::error::Notice;
use crate::event::Event;
use crate::hub::{ActivityUpdate, StateDemand};
use crate::line::SourceId;
use crate::model::state::State;
use crate::tail::activity_queue::ActivityQueue;
use crate::tail::checkpoint::Checkpoint;

/// One publication: what one poll of the files has led to.
#[derive(Debug, Default)]
pub struct Update {
    /// In the order in which they are to be published.
    pub events: Vec<Event>,
    /// A snapshot was due.
    pub snapshot: Option<DueSnapshot>,
    /// What the agents do, when that is another than at the last update.
    pub activities: Option<ActivityUpdate>,
    /// Each is published once.
    pub notices: Vec<Notice>,
    /// To be stored once the events are safe.
    pub checkpoint: Option<Box<Checkpoint>>,
}

/// What became of a snapshot that was due.
#[derive(Debug)]
pub enum DueSnapshot {
    Made(State),
    /// The first state, without its stories: nobody reads states.
    Outline(State),
    /// A later one that nobody reads.
    Unwanted,
}

impl DueSnapshot {
    /// The whole state.
    pub fn made(&self) -> Option<&State> {
        match self {
            DueSnapshot::Made(state) => Some(state),
            DueSnapshot::Outline(_) | DueSnapshot::Unwanted => None,
        }
    }
}

/// Receives every update. `Break` ends the reading; `Continue` returns the notices about the outputs themselves.
pub type Sink = dyn FnMut(Update) -> ControlFlow<(), Vec<Notice>> + Send;

/// Bounds of the time between two snapshots. An event waits while a snapshot is taken. A snapshot of thousands of stories takes long,
/// so the time between two grows with the cost of the last: to at least [`SNAPSHOT_TIME_SHARE`] times that cost. Thus at most one event in
/// 250 waits. The last snapshot always comes.
const SNAPSHOT_MIN_INTERVAL: Duration = Duration::from_millis(100);
const SNAPSHOT_MAX_INTERVAL: Duration = Duration::from_secs(1);
const SNAPSHOT_TIME_SHARE: u32 = 250;
/// Delay of a snapshot after its events: clients that were just written to often need the processor of this thread.
const SNAPSHOT_DELAY: Duration = Duration::from_millis(5);

/// The first snapshot waits until every file has been read once and no decision about what stands there is due within
/// [`SETTLING_TIME`]: a client that asks right after the start must not take a half-read run for the whole. After
/// [`FIRST_SNAPSHOT_PATIENCE`] it comes anyway.
const SETTLING_TIME: Duration = Duration::from_millis(500);
const FIRST_SNAPSHOT_PATIENCE: Duration = Duration::from_secs(3);

/// The engine, its sink, and the timing of snapshots.
pub(super) struct Driver {
    pub(super) engine: Engine,
    demand: Arc<StateDemand>,
    sink: Box<Sink>,
    /// How to read each source, by its number.
    advice: Vec<SourceAdvice>,
    /// Version of the state at the last tick.
    pub(super) state_version: u64,
    /// When the next tick is due although no file changes.
    pub(super) next_tick: Option<Duration>,
    /// When the engine last decided what was pending.
    ticked_at: Duration,
    /// Notices that go out with the next update.
    notices: Vec<Notice>,
    /// Version of the state when the last snapshot was due, and when that was; nobody may have wanted it.
    last_snapshot: Option<(u64, Duration)>,
    /// When the last snapshot was made, and how long it took.
    made_at: Duration,
    snapshot_cost: Duration,
    /// Since when the state is newer than the last snapshot.
    dirty_since: Option<Duration>,
    /// Every file has been read once.
    pub(super) scanned: bool,
    activities: ActivityQueue,
    /// The sink has ended the reading, or the driver has finished.
    pub(super) closed: bool,
}

impl Driver {
    pub(super) fn new(engine: Engine, demand: Arc<StateDemand>, sink: Box<Sink>) -> Self {
        Driver {
            advice: engine.advice(),
            engine,
            demand,
            sink,
            state_version: 0,
            next_tick: None,
            ticked_at: Duration::ZERO,
            notices: Vec::new(),
            last_snapshot: None,
            made_at: Duration::ZERO,
            snapshot_cost: Duration::ZERO,
            dirty_since: None,
            scanned: false,
            activities: ActivityQueue::default(),
            closed: false,
        }
    }

    pub(super) fn feed(&mut self, input: Input) {
        if let Some(advice) = self.engine.feed(input) {
            self.advice = advice;
        }
    }

    /// Whether a file that was read to its end holds nothing, so that nothing of it need be kept.
    pub(super) fn let_go(&mut self, source: SourceId, now: ClockReading) -> bool {
        self.engine.let_go(source, now)
    }

    /// Adds files that were found later.
    pub(super) fn add_sources(&mut self, added: &Added, now: ClockReading) {
        self.engine.add_sources(added, now);
        self.advice = self.engine.advice();
    }

    /// How to read a source.
    pub(super) fn advice(&self, source: SourceId) -> SourceAdvice {
        self.advice[source.0 as usize]
    }

    /// Tells the engine, once, that every file has been read.
    pub(super) fn mark_scanned(&mut self) {
        if !self.scanned {
            self.scanned = true;
            self.feed(Input::InitialScanDone);
        }
    }

    /// Publishes the events that are due, then a snapshot if one is due.
    pub(super) fn tick(&mut self, now: ClockReading) {
        let events = self.tick_engine(now);
        let version = self.engine.agents_version();
        let activities = self.activities.poll(version, || self.engine.activities(now), Instant::now());
        if !events.is_empty() || activities.is_some() {
            let update = self.update_with(events);
            self.publish(Update { activities, ..update });
        }
        if self.last_snapshot.is_some_and(|(version, _)| version != self.state_version) {
            self.dirty_since.get_or_insert(now.elapsed);
        }
        // After the events: a snapshot costs more than an event, which must not wait for it.
        if self.snapshot_due().is_some_and(|at| at <= now.elapsed) {
            let snapshot = Some(self.snapshot(now));
            let update = self.update_with(Vec::new());
            self.publish(Update { snapshot, ..update });
        }
    }

    /// When what an agent does may be published next, if something waits; `now` is by the clock of the other deadlines.
    pub(super) fn activities_due(&self, now: Duration) -> Option<Duration> {
        self.activities.due().map(|at| now + at.saturating_duration_since(Instant::now()))
    }

    /// Makes the engine decide whatever is pending, and publishes the events of that.
    pub(super) fn decide_pending(&mut self, now: ClockReading) {
        self.feed(Input::Finish);
        let events = self.tick_engine(now);
        if !events.is_empty() {
            let update = self.update_with(events);
            self.publish(update);
        }
    }

    /// Returns the events that are due; of thousands the last ones, when the others are published.
    fn tick_engine(&mut self, now: ClockReading) -> Vec<Event> {
        loop {
            let Output { events, mut notices, state_version, next_tick, has_more, advice } = self.engine.tick(now);
            self.notices.append(&mut notices);
            (self.state_version, self.next_tick, self.advice) = (state_version, next_tick, advice);
            self.ticked_at = now.elapsed;
            if !has_more || self.closed {
                return events;
            }
            let update = self.update_with(events);
            self.publish(update);
        }
    }

    /// Publishes the last events and the final state.
    pub(super) fn finish(&mut self, now: ClockReading) {
        self.feed(Input::Finish);
        let events = self.tick_engine(now);
        let snapshot = Some(self.snapshot(now));
        let update = self.update_with(events);
        self.publish(Update { snapshot, ..update });
    }

    /// When the next snapshot is due; `None` while the last one is current.
    pub(super) fn snapshot_due(&self) -> Option<Duration> {
        match self.last_snapshot {
            None => Some(self.first_snapshot_due()),
            Some(_) if self.demand.is_owed() => Some(self.made_at + self.interval()),
            Some((version, at)) => {
                let earliest = self.dirty_since.map_or(Duration::ZERO, |since| since + SNAPSHOT_DELAY);
                (version != self.state_version).then(|| (at + self.interval()).max(earliest))
            }
        }
    }

    fn first_snapshot_due(&self) -> Duration {
        match self.next_tick.filter(|_| self.scanned) {
            None if self.scanned => Duration::ZERO,
            Some(decision) if decision > self.ticked_at + SETTLING_TIME => Duration::ZERO,
            None | Some(_) => FIRST_SNAPSHOT_PATIENCE,
        }
    }

    /// How long no other snapshot is made.
    fn interval(&self) -> Duration {
        (self.snapshot_cost * SNAPSHOT_TIME_SHARE).clamp(SNAPSHOT_MIN_INTERVAL, SNAPSHOT_MAX_INTERVAL)
    }

    /// A snapshot is due: it is made when somebody wants it.
    fn snapshot(&mut self, now: ClockReading) -> DueSnapshot {
        let is_first = self.last_snapshot.replace((self.state_version, now.elapsed)).is_none();
        self.dirty_since = None;
        if !self.demand.take_due() {
            return if is_first { DueSnapshot::Outline(self.engine.outline(now)) } else { DueSnapshot::Unwanted };
        }
        let started = Instant::now();
        let state = self.engine.state(now);
        (self.made_at, self.snapshot_cost) = (now.elapsed, started.elapsed());
        self.demand.set_interval(self.interval());
        DueSnapshot::Made(state)
    }

    /// The events with the notices that wait.
    fn update_with(&mut self, events: Vec<Event>) -> Update {
        Update { events, notices: std::mem::take(&mut self.notices), ..Update::default() }
    }

    pub(super) fn publish(&mut self, update: Update) {
        match (self.sink)(update) {
            ControlFlow::Break(()) => self.closed = true,
            ControlFlow::Continue(notices) => {
                for notice in notices {
                    // The state shows notices about the outputs beside those about the files, from the next tick on, which is due at once.
                    let at = ClockReading { elapsed: Duration::ZERO, wall: notice.at };
                    self.feed(Input::Notice { source: None, at, notice });
                    self.next_tick = Some(Duration::ZERO);
                }
            }
        }
    }
}
