//! The tail thread: waits, looks, hands what it saw to the bridge and what the bridge says to `publish`.
//!
//! The only clock of the program. There is no delay between a wake-up and what follows from it.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::bridge::Bridge;
use crate::discover::Source;
use crate::error::{Notice, NoticeKind};
use crate::event::Event;
use crate::line::{Input, Moment, Timestamp};
use crate::model::state::State;
use crate::tail::files::Files;
use crate::tail::memory::{Keep, Memory};
use crate::tail::place::Step;
use crate::tail::wake::Waker;
use crate::tail::watch::Watch;

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
/// What is to be kept is given at most this often, and takes at most a twentieth of the time.
const KEEPS: Duration = Duration::from_millis(100);
const KEEP_SHARE: u32 = 20;
/// How much the first look reads before anything of it is said, in steps of 4 MiB: 16 MiB, a hundred times the largest progress log seen.
const FIRST_LOOK_STEPS: u32 = 4;
/// What is watched is compared with what should be this often.
const REARM: Duration = Duration::from_secs(10);
/// How long reading may go on after a stop, to bring what was already written.
const LAST_LOOK: Duration = Duration::from_millis(300);

/// Follows the files until `waker` says stop or `publish` breaks; with `once`, until they have been read. The last call of `publish`
/// brings the final state.
pub fn run(
    sources: &[Source],
    mut memories: HashMap<PathBuf, Memory>,
    bridge: &mut Bridge,
    waker: &Waker,
    settings: Settings,
    publish: &mut Publish<'_>,
) {
    let mut reader = Reader {
        files: Files::new(sources, &mut memories),
        waker,
        clock: Clock(Instant::now()),
        mouth: Mouth { bridge, publish, shown: None, ready: false, ended: false },
        last_look_until: None,
        memories,
        kept: settings.keep.then_some((0, Duration::ZERO)),
    };
    if settings.once {
        reader.look_to_the_end();
    } else {
        reader.follow(sources, settings.poll_interval);
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
    memories: HashMap<PathBuf, Memory>,
    /// Version of what was kept last, and when it may be kept again; nothing where nothing is kept.
    kept: Option<(u64, Duration)>,
}

impl Reader<'_> {
    fn follow(&mut self, sources: &[Source], poll_interval: Option<Duration>) {
        // Notifications name files by the paths that were given to the watcher.
        let paths: Vec<PathBuf> =
            sources.iter().map(|source| std::path::absolute(&source.path).unwrap_or_else(|_| source.path.clone())).collect();
        let mut watch = Watch::new(self.waker.clone());
        let mut poll = self.arm(&mut watch, &paths, poll_interval, false);
        let mut rearm_at = REARM;
        let mut steps_before_tick = FIRST_LOOK_STEPS;
        loop {
            let more = self.look(poll, &mut steps_before_tick);
            steps_before_tick = 0;
            if self.mouth.ended {
                return;
            }
            if self.waker.is_stopped() {
                self.files.touch_all();
                return self.look_to_the_end();
            }
            let now = self.clock.read().elapsed;
            let wake_at = if more { now } else { self.next_wake(now, poll).min(rearm_at) };
            let hints = self.waker.wait(wake_at.saturating_sub(now));
            self.files.take_hints(&hints);
            if hints.folders || hints.all || self.clock.read().elapsed >= rearm_at {
                poll = self.arm(&mut watch, &paths, poll_interval, poll.is_some());
                rearm_at = self.clock.read().elapsed + REARM;
            }
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
            if let Some((path, memory)) = self.files.memory(index) {
                let at_rest = self.mouth.bridge.is_at_rest(self.files.id(index));
                files.insert(path, if at_rest { memory } else { memory.without_place() });
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
    fn arm(&mut self, watch: &mut Watch, paths: &[PathBuf], poll_interval: Option<Duration>, said: bool) -> Option<Duration> {
        let Some(why) = watch.arm(paths).err() else { return poll_interval };
        if !said {
            let now = self.clock.read();
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
            Some((version, at)) => (version != self.bridge.version()).then(|| at + SNAPSHOTS),
        }
    }

    fn snapshot(&mut self, now: Moment) -> State {
        self.shown = Some((self.bridge.version(), now.elapsed));
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
mod tests {
    use std::sync::mpsc;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::bridge;
    use crate::discover::{Shape, Task};
    use crate::line::{SourceId, TaskId};

    fn bridge(sources: &[Source]) -> Bridge {
        let tasks = vec![Task { id: TaskId(0), name: "t".to_owned(), folder: PathBuf::new() }];
        Bridge::new(bridge::Settings {
            tasks,
            sources: sources.to_vec(),
            zone: TimeZone::UTC,
            rules: crate::format::Rules::default(),
            emit_history: true,
            source_text: true,
            infer: false,
        })
    }

    fn source(path: PathBuf) -> Source {
        Source {
            id: SourceId(0),
            task: TaskId(0),
            shown: path.display().to_string(),
            path,
            shape: Shape::Lines,
            named: true,
            machine_name: false,
        }
    }

    #[test]
    fn once_ends_with_a_state() {
        let folder = tempfile::tempdir().unwrap();
        let mut states = 0;
        let mut publish = |news: News| {
            states += usize::from(news.state.is_some());
            ControlFlow::Continue(Vec::new())
        };
        let settings = Settings { once: true, ..Settings::default() };
        let sources = [source(folder.path().join("p.txt"))];
        run(&sources, HashMap::new(), &mut bridge(&sources), &Waker::new(), settings, &mut publish);
        assert_eq!(states, 2);
    }

    #[test]
    fn stop_is_prompt_and_says_the_last_state() {
        let folder = tempfile::tempdir().unwrap();
        let sources = [source(folder.path().join("p.txt"))];
        let waker = Waker::new();
        let (tell, told) = mpsc::sync_channel(8);
        std::thread::scope(|scope| {
            let thread = waker.clone();
            scope.spawn(move || {
                let mut publish = |news: News| {
                    tell.send(news.state.is_some()).unwrap();
                    ControlFlow::Continue(Vec::new())
                };
                run(&sources, HashMap::new(), &mut bridge(&sources), &thread, Settings::default(), &mut publish);
            });
            assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(true));
            let stopped = Instant::now();
            waker.stop();
            assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(true));
            assert_eq!(told.recv_timeout(Duration::from_secs(10)), Err(mpsc::RecvTimeoutError::Disconnected));
            assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
        });
    }

    #[test]
    fn nobody_listening_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut publish = |_| ControlFlow::Break(());
        let sources = [source(folder.path().join("p.txt"))];
        run(&sources, HashMap::new(), &mut bridge(&sources), &Waker::new(), Settings::default(), &mut publish);
    }
}
