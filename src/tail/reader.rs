//! The tail thread: waits for notifications or a deadline, polls the files, feeds the driver.
//!
//! No delay is added between a wake-up and the poll. The thread that gets a notification polls by itself when nobody else is polling,
//! because waking the tail thread takes longer than that.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use crate::clock::{ClockReading, Stopwatch};
use crate::discover::{Added, Found, Request, SourceKey};
use crate::engine::Engine;
use crate::engine::Input;
use crate::error::{Notice, NoticeKind};
use crate::hub::StateDemand;
use crate::tail::checkpoint::{Checkpoint, FileCheckpoint};
use crate::tail::driver::Driver;
pub use crate::tail::driver::{DueSnapshot, Sink, Update};
use crate::tail::processes::ProcessWatch;
pub use crate::tail::session_files::SessionScope;
use crate::tail::session_files::{SessionFiles, SessionFolders};
use crate::tail::tracked_files::TrackedFiles;
use crate::tail::tracked_path::PollResult;
use crate::tail::wake::{Hints, TailHandle};
use crate::tail::watch_set::WatchSet;

/// How to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReaderSettings {
    /// Read what is there, finish, return.
    pub once: bool,
    /// Poll this often without a notification. With `None` only where the file system cannot be watched: every [`FALLBACK_POLL_INTERVAL`].
    pub poll_interval: Option<Duration>,
    /// Publish a checkpoint now and then, from which a restarted process can continue.
    pub checkpoints: bool,
    /// Hold at most so many files open; `None` without a limit.
    pub max_open: Option<usize>,
}

/// What to read.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The request; a rescan uses it to find new files.
    pub request: Request,
    /// What the request has found so far.
    pub found: Found,
    /// The sessions of agents that are read beside the run; `None` for none.
    pub sessions: Option<SessionScope>,
}

/// How often the files are polled where the file system cannot be watched.
const FALLBACK_POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Checkpoints come at most this often, and take at most a twentieth of the time.
const CHECKPOINT_MIN_INTERVAL: Duration = Duration::from_millis(100);
const CHECKPOINT_TIME_SHARE: u32 = 20;
/// How much the first poll reads before the first tick, in steps of 4 MiB: 16 MiB, a hundred times the largest progress log seen.
const FIRST_POLL_STEPS: u32 = 4;
/// How long reading may go on after a stop, so that what was already written is read.
const STOP_TIMEOUT: Duration = Duration::from_millis(300);

/// Reads the files until `handle` is stopped or `sink` breaks; with `once`, until all have been read. The last call of `sink` brings the
/// final state, where there is a `demand` for states.
pub fn run(
    scope: Scope,
    mut checkpoints: HashMap<SourceKey, FileCheckpoint>,
    engine: Engine,
    handle: &TailHandle,
    settings: ReaderSettings,
    demand: Arc<StateDemand>,
    sink: Box<Sink>,
) {
    let reader = Arc::new(Mutex::new(TailReader {
        baseline_due: settings.checkpoints && checkpoints.is_empty(),
        files: TrackedFiles::new(&scope.found.sources, &mut checkpoints, handle).with_max_open(settings.max_open.unwrap_or(usize::MAX)),
        sessions: scope.sessions.map(|sessions| SessionFiles::new(sessions, &scope.found)),
        changed_sessions: BTreeSet::new(),
        session_folders_changed: false,
        handle: handle.clone(),
        clock: Stopwatch::start(),
        driver: Driver::new(engine, demand, sink),
        poll_interval: None,
        waiting_until: Duration::ZERO,
        stop_deadline: None,
        checkpoints,
        last_checkpoint: settings.checkpoints.then_some((0, Duration::ZERO)),
        processes: ProcessWatch::default(),
    }));
    if settings.once {
        lock(&reader).read_once();
    } else {
        let weak = Arc::downgrade(&reader);
        handle.set_inline_handler(move |hints| weak.upgrade().is_some_and(|reader| poll_inline(&reader, hints)));
        run_loop(&reader, WatchSet::new(scope.request, scope.found, handle.clone()), settings.poll_interval);
    }
    lock(&reader).finish();
}

/// The loop of the tail thread. It releases the lock while it waits, so that the thread with a notification can poll.
fn run_loop(shared: &Mutex<TailReader>, mut watch_set: WatchSet, poll_interval: Option<Duration>) {
    let handle = lock(shared).handle.clone();
    lock(shared).sync_watches(&mut watch_set, poll_interval);
    let mut steps_before_tick = FIRST_POLL_STEPS;
    loop {
        let mut reader = lock(shared);
        let more = reader.poll_files(&mut steps_before_tick);
        steps_before_tick = 0;
        if reader.driver.closed || (!more && reader.files.have_ended()) {
            return;
        }
        if reader.handle.is_stopped() {
            reader.files.mark_all_changed();
            return reader.poll_until_read();
        }
        if !more {
            reader.checkpoint_if_due();
        }
        let now = reader.clock.read().elapsed;
        reader.waiting_until =
            if more || reader.session_folders_changed { now } else { reader.next_wake(now).min(watch_set.deadline(reader.poll_interval)) };
        let at_most = reader.waiting_until.saturating_sub(now);
        drop(reader);
        let hints = handle.wait(at_most);
        let mut reader = lock(shared);
        reader.apply_hints(&hints);
        let now = reader.clock.read();
        if hints.folders || hints.appeared || hints.all {
            watch_set.schedule_rescan(now.elapsed);
        }
        for notice in handle.take_notices() {
            reader.driver.feed(Input::Notice { source: None, at: now, notice });
        }
        let added = watch_set.rescan(now.elapsed, reader.poll_interval);
        reader.add_files(&added, now);
        if let Some(sessions) = reader.sessions.as_mut().filter(|_| !added.tasks.is_empty()) {
            sessions.set_tasks(watch_set.found());
        }
        let sessions_changed = std::mem::take(&mut reader.session_folders_changed);
        if hints.folders || hints.all || sessions_changed || !added.sources.is_empty() || watch_set.sync_due(now.elapsed) {
            reader.sync_watches(&mut watch_set, poll_interval);
        }
    }
}

/// Polls on the thread that got the notification. Returns `false` when another thread is polling: then the tail thread must be woken.
fn poll_inline(shared: &Mutex<TailReader>, hints: &Hints) -> bool {
    let polled = match shared.try_lock() {
        Ok(mut reader) => reader.poll_inline(hints),
        // A poisoned lock ends the tail thread, too.
        Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => return false,
    };
    match polled {
        InlinePoll::Refused => false,
        InlinePoll::Done => true,
        // Woken once the lock is free, because the tail thread takes it first of all.
        InlinePoll::DueEarlier(tail) => {
            tail.wake();
            true
        }
    }
}

/// What came of a poll on the thread that got the notification.
enum InlinePoll {
    Refused,
    Done,
    /// The tail thread must wake earlier than it had meant to.
    DueEarlier(TailHandle),
}

/// Panics if another holder of the lock panicked: the state may be inconsistent.
fn lock(shared: &Mutex<TailReader>) -> MutexGuard<'_, TailReader> {
    shared.lock().expect("a panic in another thread that was polling ends this one")
}

struct TailReader {
    files: TrackedFiles,
    sessions: Option<SessionFiles>,
    /// Of the hints since the last poll.
    changed_sessions: BTreeSet<PathBuf>,
    /// The watches must be synced, because the folders of sessions are others.
    session_folders_changed: bool,
    handle: TailHandle,
    clock: Stopwatch,
    driver: Driver,
    /// How often to poll without a notification; `None` where notifications come.
    poll_interval: Option<Duration>,
    /// Until when the tail thread waits.
    waiting_until: Duration,
    /// When to stop reading; set once a stop is noticed.
    stop_deadline: Option<Duration>,
    /// Restored checkpoints of files that are not tracked at present.
    checkpoints: HashMap<SourceKey, FileCheckpoint>,
    /// Version of the last checkpoint, and when the next one is due at the earliest; `None` where none are wanted.
    last_checkpoint: Option<(u64, Duration)>,
    /// A checkpoint is owed before the first event: a process that was killed between its first event and its first checkpoint would be
    /// followed by one that takes what was rotated away meanwhile for older than the run.
    baseline_due: bool,
    processes: ProcessWatch,
}

impl TailReader {
    /// Polls the files of the hints, and shortens the wait of the tail thread if the next deadline is earlier now.
    fn poll_inline(&mut self, hints: &Hints) -> InlinePoll {
        if !self.driver.scanned || self.driver.closed || self.handle.is_stopped() {
            return InlinePoll::Refused;
        }
        self.apply_hints(hints);
        let more = self.poll_files(&mut 0);
        let wake_at = if more || self.driver.closed || self.session_folders_changed {
            Duration::ZERO
        } else {
            self.next_wake(self.clock.read().elapsed)
        };
        if wake_at >= self.waiting_until {
            return InlinePoll::Done;
        }
        self.waiting_until = wake_at;
        InlinePoll::DueEarlier(self.handle.clone())
    }

    /// Tracks files that a rescan has found.
    fn add_files(&mut self, added: &Added, now: ClockReading) {
        if added.sources.is_empty() {
            return;
        }
        self.driver.add_sources(added, now);
        self.files.add(&added.sources, &mut self.checkpoints, &self.handle);
        let names: Vec<&str> = added.sources.iter().filter(|source| source.named).map(|source| source.display_path.as_str()).collect();
        if let [first, others @ ..] = names.as_slice() {
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            let message = format!("has turned up{more} and is watched, too");
            let notice = Notice { kind: NoticeKind::Found, path: Some((*first).into()), message: message.into(), at: now.wall };
            self.driver.feed(Input::Notice { source: None, at: now, notice });
        }
    }

    /// Reads every file to its end; a stream until its writer closes it.
    fn read_once(&mut self) {
        loop {
            self.poll_until_read();
            if !self.files.is_streaming() || self.handle.is_stopped() || self.driver.closed {
                return;
            }
            let hints = self.handle.wait(Duration::MAX);
            self.apply_hints(&hints);
        }
    }

    /// Polls every file that is due and that the engine can take lines of. Returns whether there is more to read right away.
    fn poll_files(&mut self, steps_before_tick: &mut u32) -> bool {
        let (now, poll_interval) = (self.clock.read(), self.poll_interval);
        let mut more = false;
        for index in self.files.order() {
            let due = self.files.next_poll(index, poll_interval) <= now.elapsed;
            let advice = self.driver.advice(self.files.id(index));
            if advice.take_up {
                self.files.take_up(index);
            }
            if !(due || advice.take_up) || advice.wait {
                continue;
            }
            self.files.set_settled_lines(index, advice.settled_lines);
            while let PollResult::More { tick } = self.files.poll(index, advice.machine_log, now, &mut |input| self.driver.feed(input)) {
                if self.stop_deadline_passed() || self.driver.closed {
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
            self.close_if_possible(index, now);
        }
        if std::mem::take(&mut self.baseline_due) {
            self.publish_checkpoint(now);
        }
        self.check_processes(now);
        more |= self.poll_sessions(now);
        self.driver.tick(now);
        if !more {
            self.driver.mark_scanned();
        }
        more
    }

    /// Feeds the ends of the processes that files name.
    fn check_processes(&mut self, now: ClockReading) {
        let named = self.driver.engine.processes();
        if named.is_empty() {
            return;
        }
        for source in self.processes.check(named, now) {
            self.driver.feed(Input::ProcessEnded { source, at: now });
        }
    }

    /// Lets a file go that is no runner's, and closes others when too many are open.
    fn close_if_possible(&mut self, index: usize, now: ClockReading) {
        if self.files.may_let_go(index, now) && self.driver.let_go(self.files.id(index), now) {
            self.files.let_go(index);
        }
        if let Some(message) = self.files.close_surplus() {
            let notice = Notice { kind: NoticeKind::Limit, path: None, message: message.into(), at: now.wall };
            self.driver.feed(Input::Notice { source: None, at: now, notice });
        }
    }

    fn apply_hints(&mut self, hints: &Hints) {
        self.files.apply_hints(hints);
        self.changed_sessions.extend(hints.sessions.iter().cloned());
    }

    /// Reads what agents appended to their sessions. Returns whether there is more to read right away.
    fn poll_sessions(&mut self, now: ClockReading) -> bool {
        let changed = std::mem::take(&mut self.changed_sessions);
        let Some(sessions) = &mut self.sessions else { return false };
        let driver = &mut self.driver;
        let polled = sessions.poll(&changed, self.poll_interval, now, &mut |input| driver.feed(Input::Agent { at: now, input }));
        self.session_folders_changed |= polled.folders_changed;
        if let Some(message) = polled.announcement {
            let notice = Notice { kind: NoticeKind::Found, path: None, message: message.into(), at: now.wall };
            self.driver.feed(Input::Notice { source: None, at: now, notice });
        }
        polled.more
    }

    /// Publishes a checkpoint, if the state has changed and the last one was long enough ago.
    fn checkpoint_if_due(&mut self) {
        let Some((version, due)) = self.last_checkpoint else { return };
        let started = self.clock.read();
        if version == self.driver.state_version || started.elapsed < due || self.driver.closed {
            return;
        }
        self.publish_checkpoint(started);
    }

    fn publish_checkpoint(&mut self, started: ClockReading) {
        let Some(engine) = self.driver.engine.checkpoint(started.wall) else { return };
        let mut files = self.checkpoints.clone();
        for index in self.files.order() {
            if let Some((key, checkpoint)) = self.files.checkpoint(index) {
                let is_counted = self.driver.engine.is_counted(self.files.id(index));
                files.insert(key, if is_counted { checkpoint } else { checkpoint.without_position() });
            }
        }
        let version = self.driver.state_version;
        self.driver.publish(Update { checkpoint: Some(Box::new(Checkpoint { engine, files })), ..Update::default() });
        let now = self.clock.read().elapsed;
        self.last_checkpoint = Some((version, now + CHECKPOINT_MIN_INTERVAL.max((now - started.elapsed) * CHECKPOINT_TIME_SHARE)));
    }

    /// When the next checkpoint is due; `None` while the last one is current.
    fn checkpoint_due(&self) -> Option<Duration> {
        self.last_checkpoint.filter(|(version, _)| *version != self.driver.state_version).map(|(_, due)| due)
    }

    /// Polls until everything that is there has been read.
    fn poll_until_read(&mut self) {
        self.poll_interval = None;
        let mut steps_before_tick = FIRST_POLL_STEPS;
        while self.poll_files(&mut steps_before_tick) && !self.stop_deadline_passed() && !self.driver.closed {
            steps_before_tick = 0;
        }
    }

    fn finish(&mut self) {
        // The checkpoint precedes the decisions that `finish` forces: a restarted process can wait before it makes them.
        self.last_checkpoint = self.last_checkpoint.map(|(version, _)| (version, Duration::ZERO));
        self.checkpoint_if_due();
        self.last_checkpoint = None;
        let now = self.clock.read();
        self.files.finish(now, &mut |input| self.driver.feed(input));
        let is_left = self.files.order().into_iter().any(|index| self.files.is_changed(index));
        if is_left && !self.driver.closed && !self.stop_deadline_passed() {
            // Files that had to wait for a decision of the engine are read after it has decided.
            self.driver.decide_pending(now);
            self.poll_until_read();
            self.files.finish(self.clock.read(), &mut |input| self.driver.feed(input));
        }
        self.driver.finish(self.clock.read());
        // No input is accepted after `finish`.
        self.driver.closed = true;
    }

    /// Whether reading must end now: [`STOP_TIMEOUT`] after a stop, so that what was written before the stop is read.
    fn stop_deadline_passed(&mut self) -> bool {
        if !self.handle.is_stopped() {
            return false;
        }
        let now = self.clock.read().elapsed;
        now >= *self.stop_deadline.get_or_insert(now + STOP_TIMEOUT)
    }

    /// When the tail thread must wake without a notification.
    fn next_wake(&self, now: Duration) -> Duration {
        let files = self.files.order().into_iter().filter(|&index| !self.driver.advice(self.files.id(index)).wait);
        // The engine has just had a tick: one that is due again at once must not make the thread spin.
        let engine = self.driver.next_tick.map(|at| at.max(now + Duration::from_millis(1)));
        let snapshot = self.driver.snapshot_due().into_iter().chain(self.checkpoint_due().map(|at| at.max(now + Duration::from_millis(1))));
        let at_least = |at: Duration| at.max(now + Duration::from_millis(1));
        let processes = (!self.driver.engine.processes().is_empty()).then(|| at_least(self.processes.next_check()));
        let sessions = self.sessions.as_ref().map(|sessions| at_least(sessions.next_poll(self.poll_interval)));
        let activities = self.driver.activities_due(now).map(at_least);
        let files = files.map(|index| self.files.next_poll(index, self.poll_interval));
        files.chain(engine).chain(snapshot).chain(processes).chain(sessions).chain(activities).min().unwrap_or(Duration::MAX)
    }

    /// Syncs the watches. Where the file system cannot be watched, reports that once and polls by time.
    fn sync_watches(&mut self, watch_set: &mut WatchSet, poll_interval: Option<Duration>) {
        let now = self.clock.read();
        let was_reported = self.poll_interval.is_some();
        self.poll_interval = poll_interval;
        let none = SessionFolders::default();
        let why = match watch_set.sync(now.elapsed, self.sessions.as_ref().map_or(&none, SessionFiles::folders)) {
            Ok(changed) => return self.sessions.iter_mut().filter(|_| changed).for_each(SessionFiles::schedule_scan),
            Err(why) => why,
        };
        self.poll_interval = Some(poll_interval.unwrap_or(FALLBACK_POLL_INTERVAL));
        if !was_reported {
            let notice = Notice { kind: NoticeKind::Polling, path: None, message: why.into(), at: now.wall };
            self.driver.feed(Input::Notice { source: None, at: now, notice });
        }
    }
}

#[cfg(test)]
mod tests;
