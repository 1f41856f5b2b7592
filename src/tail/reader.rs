//! The tail thread: waits, looks, hands what it saw to the engine and what the engine says to the sink.
//!
//! The only clock of the program. There is no delay between a wake-up and what follows from it. The thread that hears of a change looks
//! itself when nobody else is looking: waking this one takes longer than that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use crate::clock::ClockReading;
use crate::clock::Stopwatch;
use crate::discover::{Added, Found, Request, SourceKey};
use crate::engine::Engine;
use crate::error::{Notice, NoticeKind};
use crate::input::Input;
use crate::tail::driver::Driver;
pub use crate::tail::driver::{Sink, Update};
use crate::tail::files::Files;
use crate::tail::memory::{Checkpoint, Memory};
use crate::tail::place::Step;
use crate::tail::surroundings::Surroundings;
use crate::tail::wake::{Hints, Waker};

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

/// How often a file system that cannot be watched is looked at.
const POLL: Duration = Duration::from_millis(250);
/// What is to be kept is given at most this often, and takes at most a twentieth of the time.
const KEEPS: Duration = Duration::from_millis(100);
const KEEP_SHARE: u32 = 20;
/// How much the first look reads before anything of it is said, in steps of 4 MiB: 16 MiB, a hundred times the largest progress log seen.
const FIRST_LOOK_STEPS: u32 = 4;
/// How long reading may go on after a stop, to bring what was already written.
const LAST_LOOK: Duration = Duration::from_millis(300);

/// Follows the files until `waker` says stop or `sink` breaks; with `once`, until they have been read. The last call of `sink`
/// brings the final state.
pub fn run(scope: Scope, mut memories: HashMap<SourceKey, Memory>, engine: Engine, waker: &Waker, settings: Settings, sink: Box<Sink>) {
    let reader = Arc::new(Mutex::new(Reader {
        files: Files::new(&scope.found.sources, &mut memories, waker),
        waker: waker.clone(),
        clock: Stopwatch::start(),
        driver: Driver::new(engine, sink),
        poll: None,
        waits_until: Duration::ZERO,
        last_look_until: None,
        memories,
        kept: settings.keep.then_some((0, Duration::ZERO)),
    }));
    if settings.once {
        lock(&reader).read_once();
    } else {
        let for_hearers = Arc::downgrade(&reader);
        waker.set_hearer(move |hints| for_hearers.upgrade().is_some_and(|reader| look_by_hand(&reader, hints)));
        follow(&reader, Surroundings::new(scope.request, scope.found, waker.clone()), settings.poll_interval);
    }
    lock(&reader).finish();
}

/// The life of the tail thread. The reader is everybody's while it waits.
fn follow(shared: &Mutex<Reader>, mut around: Surroundings, poll_interval: Option<Duration>) {
    let waker = lock(shared).waker.clone();
    lock(shared).arm(&mut around, poll_interval);
    let mut steps_before_tick = FIRST_LOOK_STEPS;
    loop {
        let mut reader = lock(shared);
        let more = reader.look(&mut steps_before_tick);
        steps_before_tick = 0;
        if reader.driver.closed || (!more && reader.files.are_over()) {
            return;
        }
        if reader.waker.is_stopped() {
            reader.files.touch_all();
            return reader.look_to_the_end();
        }
        if !more {
            reader.keep();
        }
        let now = reader.clock.read().elapsed;
        reader.waits_until = if more { now } else { reader.next_wake(now).min(around.next(reader.poll)) };
        let at_most = reader.waits_until.saturating_sub(now);
        drop(reader);
        let hints = waker.wait(at_most);
        let mut reader = lock(shared);
        reader.files.take_hints(&hints);
        let now = reader.clock.read();
        if hints.folders || hints.appeared || hints.all {
            around.heard(now.elapsed);
        }
        let added = around.search(now.elapsed, reader.poll);
        reader.add(&added, now);
        if hints.folders || hints.all || !added.sources.is_empty() || around.is_to_arm(now.elapsed) {
            reader.arm(&mut around, poll_interval);
        }
    }
}

/// Looks on the thread that has heard of a change. Says whether that was possible: when somebody is looking, it is for the tail thread.
fn look_by_hand(shared: &Mutex<Reader>, hints: &Hints) -> bool {
    match shared.try_lock() {
        Ok(mut reader) => reader.look_by_hand(hints),
        // The tail thread finds out, too, and ends.
        Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => false,
    }
}

/// What a panic has left half done nobody goes on with.
fn lock(shared: &Mutex<Reader>) -> MutexGuard<'_, Reader> {
    shared.lock().expect("a panic in another thread that was looking ends this one")
}

struct Reader {
    files: Files,
    waker: Waker,
    clock: Stopwatch,
    driver: Driver,
    /// How often to look by the clock, if at all.
    poll: Option<Duration>,
    /// Until when the tail thread waits.
    waits_until: Duration,
    /// Set once a stop is noticed.
    last_look_until: Option<Duration>,
    /// Of files that are not watched at present.
    memories: HashMap<SourceKey, Memory>,
    /// Version of what was kept last, and when it may be kept again; nothing where nothing is kept.
    kept: Option<(u64, Duration)>,
}

impl Reader {
    fn look_by_hand(&mut self, hints: &Hints) -> bool {
        if !self.driver.scanned || self.driver.closed || self.waker.is_stopped() {
            return false;
        }
        self.files.take_hints(hints);
        let more = self.look(&mut 0);
        let wake_at = if more || self.driver.closed { Duration::ZERO } else { self.next_wake(self.clock.read().elapsed) };
        if wake_at < self.waits_until {
            self.waits_until = wake_at;
            self.waker.wake();
        }
        true
    }

    /// Files that have turned up.
    fn add(&mut self, added: &Added, now: ClockReading) {
        if added.sources.is_empty() {
            return;
        }
        self.driver.add_sources(added, now);
        self.files.add(&added.sources, &mut self.memories, &self.waker);
        let names: Vec<&str> = added.sources.iter().filter(|source| source.named).map(|source| source.shown.as_str()).collect();
        if let [first, others @ ..] = names.as_slice() {
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            let message = format!("has turned up{more} and is watched, too");
            let notice = Notice { kind: NoticeKind::Found, path: Some((*first).to_owned()), message, at: now.wall };
            self.driver.feed(Input::Notice { source: None, at: now, notice });
        }
    }

    /// Reads what is there; a stream until its writer has gone.
    fn read_once(&mut self) {
        loop {
            self.look_to_the_end();
            if !self.files.is_streaming() || self.waker.is_stopped() || self.driver.closed {
                return;
            }
            let hints = self.waker.wait(Duration::MAX);
            self.files.take_hints(&hints);
        }
    }

    /// Looks at every file that is due and may be looked at. Says whether there is more to read right away.
    fn look(&mut self, steps_before_tick: &mut u32) -> bool {
        let (now, poll) = (self.clock.read(), self.poll);
        let mut more = false;
        for index in self.files.order() {
            let due = self.files.next_look(index, poll) <= now.elapsed;
            let advice = self.driver.advice(self.files.id(index));
            if !due || advice.wait {
                continue;
            }
            while let Step::More { tick } = self.files.look(index, advice.machine_log, now, &mut |input| self.driver.feed(input)) {
                if self.is_out_of_time() || self.driver.closed {
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
        self.driver.tick(now);
        if !more {
            self.driver.mark_scanned();
        }
        more
    }

    /// Gives what must be kept, when it has changed and the last time was long enough ago.
    fn keep(&mut self) {
        let Some((version, due)) = self.kept else { return };
        let started = self.clock.read();
        if version == self.driver.state_version || started.elapsed < due || self.driver.closed {
            return;
        }
        let Some(engine) = self.driver.engine.checkpoint(started.wall) else { return };
        let mut files = self.memories.clone();
        for index in self.files.order() {
            if let Some((key, memory)) = self.files.memory(index) {
                let at_rest = self.driver.engine.is_counted(self.files.id(index));
                files.insert(key, if at_rest { memory } else { memory.without_place() });
            }
        }
        let version = self.driver.state_version;
        self.driver.publish(Update { checkpoint: Some(Box::new(Checkpoint { engine, files })), ..Update::default() });
        let now = self.clock.read().elapsed;
        self.kept = Some((version, now + KEEPS.max((now - started.elapsed) * KEEP_SHARE)));
    }

    /// When there is something to keep.
    fn keep_due(&self) -> Option<Duration> {
        self.kept.filter(|(version, _)| *version != self.driver.state_version).map(|(_, due)| due)
    }

    /// Looks until everything that is there has been read.
    fn look_to_the_end(&mut self) {
        self.poll = None;
        let mut steps_before_tick = FIRST_LOOK_STEPS;
        while self.look(&mut steps_before_tick) && !self.is_out_of_time() && !self.driver.closed {
            steps_before_tick = 0;
        }
    }

    fn finish(&mut self) {
        // What is judged from here on is judged because it must be: a restart has the time to do better.
        self.kept = self.kept.map(|(version, _)| (version, Duration::ZERO));
        self.keep();
        self.kept = None;
        let now = self.clock.read();
        self.files.finish(now, &mut |input| self.driver.feed(input));
        let is_left = self.files.order().into_iter().any(|index| self.files.is_touched(index));
        if is_left && !self.driver.closed && !self.is_out_of_time() {
            // Files that had to wait for a decision are read once it has fallen.
            self.driver.decide_pending(now);
            self.look_to_the_end();
            self.files.finish(self.clock.read(), &mut |input| self.driver.feed(input));
        }
        self.driver.finish(self.clock.read());
        // Nothing is seen behind the last word.
        self.driver.closed = true;
    }

    /// A stop does not cut off what was written before it, unless that is too much to read in a moment.
    fn is_out_of_time(&mut self) -> bool {
        if !self.waker.is_stopped() {
            return false;
        }
        let now = self.clock.read().elapsed;
        now >= *self.last_look_until.get_or_insert(now + LAST_LOOK)
    }

    fn next_wake(&self, now: Duration) -> Duration {
        let files = self.files.order().into_iter().filter(|&index| !self.driver.advice(self.files.id(index)).wait);
        // The engine has just had a tick: one that is due again at once must not make this thread spin.
        let engine = self.driver.next_tick.map(|at| at.max(now + Duration::from_millis(1)));
        let snapshot = self.driver.snapshot_due().into_iter().chain(self.keep_due().map(|at| at.max(now + Duration::from_millis(1))));
        files.map(|index| self.files.next_look(index, self.poll)).chain(engine).chain(snapshot).min().unwrap_or(Duration::MAX)
    }

    /// Watches what is to be watched. When that is impossible, says so once and looks by the clock.
    fn arm(&mut self, around: &mut Surroundings, poll_interval: Option<Duration>) {
        let now = self.clock.read();
        let said = self.poll.is_some();
        self.poll = poll_interval;
        let Err(why) = around.arm(now.elapsed) else { return };
        self.poll = Some(poll_interval.unwrap_or(POLL));
        if !said {
            let notice = Notice { kind: NoticeKind::Polling, path: None, message: why, at: now.wall };
            self.driver.feed(Input::Notice { source: None, at: now, notice });
        }
    }
}

#[cfg(test)]
mod tests;
