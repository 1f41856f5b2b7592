//! The bridge and those who listen to it: what was seen goes in, what there is to say comes out.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::error::Notice;
use crate::event::Event;
use crate::line::{Input, Moment, Timestamp};
use crate::model::state::State;
use crate::tail::memory::Keep;

/// What there is to say after a look.
#[derive(Debug, Default)]
pub struct News {
    /// In the order they are to be published.
    pub events: Vec<Event>,
    /// The newest state, when it has changed and the last one was given long enough ago.
    pub state: Option<State>,
    /// Trouble that was survived, each said once.
    pub notices: Vec<Notice>,
    /// What to keep, once the events are safe.
    pub keep: Option<Box<Keep>>,
}

/// Takes what is new. `Break` ends the reading; what there is to say about the taking itself comes back.
pub type Publish = dyn FnMut(News) -> ControlFlow<(), Vec<Notice>> + Send;

/// Snapshots come at most this often, and of thousands of stories less often: an event that comes meanwhile has to wait, which may happen
/// to one in 250. Nobody waits longer than [`SNAPSHOTS_LATEST`], and the last one always comes.
const SNAPSHOTS: Duration = Duration::from_millis(100);
const SNAPSHOTS_LATEST: Duration = Duration::from_secs(1);
const SNAPSHOT_SHARE: u32 = 250;
/// And so long after what they show: clients that have just been written to often run on this thread's processor, and only once it rests.
const REST: Duration = Duration::from_millis(5);

/// The bridge and those who listen to it.
pub(super) struct Mouth {
    pub(super) bridge: Engine,
    publish: Box<Publish>,
    /// Version of the last snapshot, and when it was given.
    shown: Option<(u64, Duration)>,
    /// How long that took.
    took: Duration,
    /// Since when there is something newer to show.
    changed: Option<Duration>,
    /// Everything has been read once.
    pub(super) ready: bool,
    /// Nobody listens any more.
    pub(super) ended: bool,
}

impl Mouth {
    pub(super) fn new(bridge: Engine, publish: Box<Publish>) -> Self {
        Mouth { bridge, publish, shown: None, took: Duration::ZERO, changed: None, ready: false, ended: false }
    }

    pub(super) fn hand(&mut self, input: Input) {
        let events = self.bridge.handle(input);
        if !events.is_empty() {
            self.say(events, None);
        }
    }

    /// The first look is over.
    pub(super) fn ready(&mut self, now: Moment) {
        if !self.ready {
            self.ready = true;
            self.hand(Input::Ready(now));
        }
    }

    pub(super) fn tick(&mut self, now: Moment) {
        let events = self.bridge.handle(Input::Tick(now));
        if !events.is_empty() {
            self.say(events, None);
        }
        if self.shown.is_some_and(|(version, _)| version != self.bridge.version()) {
            self.changed.get_or_insert(now.elapsed);
        }
        // Only now: a snapshot costs more than an event, which must not wait for it.
        if self.snapshot_due().is_some_and(|at| at <= now.elapsed) {
            let started = Instant::now();
            let state = self.snapshot(now);
            self.took = started.elapsed();
            self.say(Vec::new(), Some(state));
        }
    }

    pub(super) fn finish(&mut self, now: Moment) {
        let events = self.bridge.handle(Input::Finish(now));
        let state = self.snapshot(now);
        self.say(events, Some(state));
    }

    /// When the next snapshot may be given; nothing when nothing has changed.
    pub(super) fn snapshot_due(&self) -> Option<Duration> {
        match self.shown {
            None => Some(Duration::ZERO),
            Some((version, at)) => {
                let rest = (self.took * SNAPSHOT_SHARE).clamp(SNAPSHOTS, SNAPSHOTS_LATEST);
                (version != self.bridge.version()).then(|| (at + rest).max(self.changed.map_or(Duration::ZERO, |since| since + REST)))
            }
        }
    }

    fn snapshot(&mut self, now: Moment) -> State {
        self.shown = Some((self.bridge.version(), now.elapsed));
        self.changed = None;
        self.bridge.state(now)
    }

    fn say(&mut self, events: Vec<Event>, state: Option<State>) {
        let notices = self.bridge.take_notices();
        self.publish(News { events, state, notices, keep: None });
    }

    pub(super) fn publish(&mut self, news: News) {
        match (self.publish)(news) {
            ControlFlow::Break(()) => self.ended = true,
            ControlFlow::Continue(notices) => {
                for notice in notices {
                    // Trouble with the outputs stands in the state beside that with the files.
                    let at = Moment { elapsed: Duration::ZERO, wall: notice.at };
                    self.bridge.handle(Input::Trouble { source: None, at, notice });
                }
            }
        }
    }
}

/// Both clocks, from the start of the reading.
#[derive(Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Clock(Instant::now())
    }

    pub(super) fn read(self) -> Moment {
        Moment { elapsed: self.0.elapsed(), wall: Timestamp::now() }
    }
}
