//! The tail thread: waits, looks, hands what it saw to the bridge and what the bridge says to `publish`.
//!
//! The only clock of the program. There is no delay between a wake-up and what follows from it.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::bridge::Bridge;
use crate::discover::{Added, Found, Request, SourceKey};
use crate::error::{Notice, NoticeKind};
use crate::event::Event;
use crate::line::{Input, Moment, Timestamp};
use crate::model::state::State;
use crate::tail::files::Files;
use crate::tail::memory::{Keep, Memory};
use crate::tail::place::Step;
use crate::tail::surroundings::Surroundings;
use crate::tail::wake::Waker;

/// How to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Read what is there, finish, return.
    pub once: bool,
    /// Look this often by the clock; without it only where the file system cannot be watched, every [`POLL`].
    pub poll_interval: Option<Duration>,
    /// Say now and then what must be kept to go on from here after a restart.
    pub keep: bool,
}

/// What to read.
#[derive(Debug, Clone)]
pub struct Scope {
    /// As it was asked for: what turns up later is found by it.
    pub request: Request,
    /// What that has brought so far.
    pub found: Found,
}

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
pub type Publish<'a> = dyn FnMut(News) -> ControlFlow<(), Vec<Notice>> + 'a;

/// How often a file system that cannot be watched is looked at.
const POLL: Duration = Duration::from_millis(250);
/// Snapshots come at most this often; the last one always comes.
const SNAPSHOTS: Duration = Duration::from_millis(100);
/// And so long after what they show: clients that have just been written to often run on this thread's processor, and only once it rests.
const REST: Duration = Duration::from_millis(5);
/// What is to be kept is given at most this often, and takes at most a twentieth of the time.
const KEEPS: Duration = Duration::from_millis(100);
const KEEP_SHARE: u32 = 20;
/// How much the first look reads before anything of it is said, in steps of 4 MiB: 16 MiB, a hundred times the largest progress log seen.
const FIRST_LOOK_STEPS: u32 = 4;
/// How long reading may go on after a stop, to bring what was already written.
const LAST_LOOK: Duration = Duration::from_millis(300);

/// Follows the files until `waker` says stop or `publish` breaks; with `once`, until they have been read. The last call of `publish`
/// brings the final state.
pub fn run(
    scope: Scope,
    mut memories: HashMap<SourceKey, Memory>,
    bridge: &mut Bridge,
    waker: &Waker,
    settings: Settings,
    publish: &mut Publish<'_>,
) {
    let mut reader = Reader {
        files: Files::new(&scope.found.sources, &mut memories, waker),
        waker,
        clock: Clock(Instant::now()),
        mouth: Mouth { bridge, publish, shown: None, changed: None, ready: false, ended: false },
        last_look_until: None,
        memories,
        kept: settings.keep.then_some((0, Duration::ZERO)),
    };
    if settings.once {
        reader.read_once();
    } else {
        reader.follow(Surroundings::new(scope.request, scope.found, waker.clone()), settings.poll_interval);
    }
    reader.finish();
}

struct Reader<'a> {
    files: Files,
    waker: &'a Waker,
    clock: Clock,
    mouth: Mouth<'a>,
    /// Set once a stop is noticed.
    last_look_until: Option<Duration>,
    /// Of files that are not watched at present.
    memories: HashMap<SourceKey, Memory>,
    /// Version of what was kept last, and when it may be kept again; nothing where nothing is kept.
    kept: Option<(u64, Duration)>,
}

impl Reader<'_> {
    fn follow(&mut self, mut around: Surroundings, poll_interval: Option<Duration>) {
        let mut poll = self.arm(&mut around, poll_interval, false);
        let mut steps_before_tick = FIRST_LOOK_STEPS;
        loop {
            let more = self.look(poll, &mut steps_before_tick);
            steps_before_tick = 0;
            if self.mouth.ended || (!more && self.files.are_over()) {
                return;
            }
            if self.waker.is_stopped() {
                self.files.touch_all();
                return self.look_to_the_end();
            }
            let now = self.clock.read().elapsed;
            let wake_at = if more { now } else { self.next_wake(now, poll).min(around.next(poll)) };
            let hints = self.waker.wait(wake_at.saturating_sub(now));
            self.files.take_hints(&hints);
            let now = self.clock.read();
            if hints.folders || hints.appeared || hints.all {
                around.heard(now.elapsed);
            }
            let added = around.search(now.elapsed, poll);
            self.add(&added, now);
            if hints.folders || hints.all || !added.sources.is_empty() || around.is_to_arm(now.elapsed) {
                poll = self.arm(&mut around, poll_interval, poll.is_some());
            }
        }
    }

    /// Files that have turned up.
    fn add(&mut self, added: &Added, now: Moment) {
        if added.sources.is_empty() {
            return;
        }
        self.mouth.bridge.add_found(added, now);
        self.files.add(&added.sources, &mut self.memories, self.waker);
        let names: Vec<&str> = added.sources.iter().filter(|source| source.named).map(|source| source.shown.as_str()).collect();
        if let [first, others @ ..] = names.as_slice() {
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            let message = format!("has turned up{more} and is watched, too");
            let notice = Notice { kind: NoticeKind::Found, path: Some((*first).to_owned()), message, at: now.wall };
            self.mouth.hand(Input::Trouble { source: None, at: now, notice });
        }
    }

    /// Reads what is there; a stream until its writer has gone.
    fn read_once(&mut self) {
        loop {
            self.look_to_the_end();
            if !self.files.is_streaming() || self.waker.is_stopped() || self.mouth.ended {
                return;
            }
            let hints = self.waker.wait(Duration::MAX);
            self.files.take_hints(&hints);
        }
    }

    /// Looks at every file that is due and may be looked at. Says whether there is more to read right away.
    fn look(&mut self, poll: Option<Duration>, steps_before_tick: &mut u32) -> bool {
        let now = self.clock.read();
        let mut more = false;
        for index in self.files.order() {
            let due = self.files.next_look(index, poll) <= now.elapsed;
            if !due || !self.mouth.bridge.may_look(self.files.id(index)) {
                continue;
            }
            let machine = self.mouth.bridge.is_machine_log(self.files.id(index));
            while let Step::More { tick } = self.files.look(index, machine, now, &mut |input| self.mouth.hand(input)) {
                if self.is_out_of_time() || self.mouth.ended {
                    break;
                }
                if tick {
                    if *steps_before_tick == 0 {
                        more = true;
                        break;
                    }
                    *steps_before_tick -= 1;
                }
            }
        }
        self.mouth.tick(now);
        if !more {
            self.mouth.ready(now);
            self.keep();
        }
        more
    }

    /// Gives what must be kept, when it has changed and the last time was long enough ago.
    fn keep(&mut self) {
        let Some((version, due)) = self.kept else { return };
        let started = self.clock.read();
        if version == self.mouth.bridge.version() || started.elapsed < due || self.mouth.ended {
            return;
        }
        let Some(counts) = self.mouth.bridge.memory(started.wall) else { return };
        let mut files = self.memories.clone();
        for index in self.files.order() {
            if let Some((key, memory)) = self.files.memory(index) {
                let at_rest = self.mouth.bridge.is_at_rest(self.files.id(index));
                files.insert(key, if at_rest { memory } else { memory.without_place() });
            }
        }
        let version = self.mouth.bridge.version();
        self.mouth.publish(News { keep: Some(Box::new(Keep { counts, files })), ..News::default() });
        let now = self.clock.read().elapsed;
        self.kept = Some((version, now + KEEPS.max((now - started.elapsed) * KEEP_SHARE)));
    }

    /// When there is something to keep.
    fn keep_due(&self) -> Option<Duration> {
        self.kept.filter(|(version, _)| *version != self.mouth.bridge.version()).map(|(_, due)| due)
    }

    /// Looks until everything that is there has been read.
    fn look_to_the_end(&mut self) {
        let mut steps_before_tick = FIRST_LOOK_STEPS;
        while self.look(None, &mut steps_before_tick) && !self.is_out_of_time() && !self.mouth.ended {
            steps_before_tick = 0;
        }
    }

    fn finish(&mut self) {
        // What is judged from here on is judged because it must be: a restart has the time to do better.
        self.kept = self.kept.map(|(version, _)| (version, Duration::ZERO));
        self.keep();
        self.kept = None;
        let now = self.clock.read();
        self.files.finish(now, &mut |input| self.mouth.hand(input));
        let is_left = self.files.order().into_iter().any(|index| self.files.is_touched(index));
        if is_left && !self.mouth.ended && !self.is_out_of_time() {
            // Files that had to wait for a decision are read once it has fallen.
            self.mouth.hand(Input::Finish(now));
            self.look_to_the_end();
            self.files.finish(self.clock.read(), &mut |input| self.mouth.hand(input));
        }
        self.mouth.finish(self.clock.read());
    }

    /// A stop does not cut off what was written before it, unless that is too much to read in a moment.
    fn is_out_of_time(&mut self) -> bool {
        if !self.waker.is_stopped() {
            return false;
        }
        let now = self.clock.read().elapsed;
        now >= *self.last_look_until.get_or_insert(now + LAST_LOOK)
    }

    fn next_wake(&self, now: Duration, poll: Option<Duration>) -> Duration {
        let files = self.files.order().into_iter().filter(|&index| self.mouth.bridge.may_look(self.files.id(index)));
        // The bridge has just had a `Tick`: a deadline that is over already must not make us spin.
        let bridge = self.mouth.bridge.deadline().map(|at| at.max(now + Duration::from_millis(1)));
        let snapshot = self.mouth.snapshot_due().into_iter().chain(self.keep_due().map(|at| at.max(now + Duration::from_millis(1))));
        files.map(|index| self.files.next_look(index, poll)).chain(bridge).chain(snapshot).min().unwrap_or(Duration::MAX)
    }

    /// Watches what is to be watched. When that is impossible, says so once and returns how often to look instead.
    fn arm(&mut self, around: &mut Surroundings, poll_interval: Option<Duration>, said: bool) -> Option<Duration> {
        let now = self.clock.read();
        let Some(why) = around.arm(now.elapsed).err() else { return poll_interval };
        if !said {
            let notice = Notice { kind: NoticeKind::Polling, path: None, message: why, at: now.wall };
            self.mouth.hand(Input::Trouble { source: None, at: now, notice });
        }
        Some(poll_interval.unwrap_or(POLL))
    }
}

/// The bridge and those who listen to it.
struct Mouth<'a> {
    bridge: &'a mut Bridge,
    publish: &'a mut Publish<'a>,
    /// Version of the last snapshot, and when it was given.
    shown: Option<(u64, Duration)>,
    /// Since when there is something newer to show.
    changed: Option<Duration>,
    /// Everything has been read once.
    ready: bool,
    /// Nobody listens any more.
    ended: bool,
}

impl Mouth<'_> {
    fn hand(&mut self, input: Input) {
        let events = self.bridge.handle(input);
        if !events.is_empty() {
            self.say(events, None);
        }
    }

    /// The first look is over.
    fn ready(&mut self, now: Moment) {
        if !self.ready {
            self.ready = true;
            self.hand(Input::Ready(now));
        }
    }

    fn tick(&mut self, now: Moment) {
        let events = self.bridge.handle(Input::Tick(now));
        if !events.is_empty() {
            self.say(events, None);
        }
        if self.shown.is_some_and(|(version, _)| version != self.bridge.version()) {
            self.changed.get_or_insert(now.elapsed);
        }
        // Only now: a snapshot costs more than an event, which must not wait for it.
        if self.snapshot_due().is_some_and(|at| at <= now.elapsed) {
            let state = self.snapshot(now);
            self.say(Vec::new(), Some(state));
        }
    }

    fn finish(&mut self, now: Moment) {
        let events = self.bridge.handle(Input::Finish(now));
        let state = self.snapshot(now);
        self.say(events, Some(state));
    }

    /// When the next snapshot may be given; nothing when nothing has changed.
    fn snapshot_due(&self) -> Option<Duration> {
        match self.shown {
            None => Some(Duration::ZERO),
            Some((version, at)) => {
                (version != self.bridge.version()).then(|| (at + SNAPSHOTS).max(self.changed.map_or(Duration::ZERO, |since| since + REST)))
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

    fn publish(&mut self, news: News) {
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

#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn read(self) -> Moment {
        Moment { elapsed: self.0.elapsed(), wall: Timestamp::now() }
    }
}

#[cfg(test)]
mod tests;
