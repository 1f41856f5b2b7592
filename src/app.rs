//! Starts the parts and ends them in order. Reads as a table of contents; each step is a function below it.

mod announce;
mod listen;
mod publisher;
mod signals;

use std::collections::HashMap;
use std::future::pending;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use self::publisher::Publisher;
pub use self::signals::Signals;
use crate::clock::{ClockReading, Timestamp};
use crate::config::{Config, Ends, From, Reading, Screen, Serve, Watch};
use crate::discover::{self, Disk, Found, Request, SourceKey};
use crate::engine::{Engine, Settings};
use crate::error::Error;
use crate::event::Seq;
use crate::hub::{Hub, HubSettings, Start};
use crate::input::Input;
use crate::output::plain::{self, Plain};
use crate::output::stream;
use crate::output::style::{Environment, Form, Style};
use crate::output::summary;
use crate::serve::{self, ServeSettings, Token};
use crate::store::{Kept, Store};
use crate::tail::checkpoint::FileCheckpoint;
use crate::tail::reader::{self, Scope};
use crate::tail::wake::TailHandle;

/// What is promised from the first signal to the end of the process.
const LAST_WORDS: Duration = Duration::from_millis(1_800);
/// How long a bridge that was killed may hold its `--state` folder after the next has started.
const STORE_TRIES: u32 = 20;
const STORE_WAIT: Duration = Duration::from_millis(50);

/// Why the program is over; says its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything was read (`--once`), or whoever read our stdout has gone: nothing is left to do.
    Done,
    /// The run is over and `--exit-on-complete` was given.
    WithTheRun {
        /// With success.
        passed: bool,
    },
    /// SIGTERM.
    Terminated,
    /// Ctrl-C.
    Interrupted,
}

impl Ended {
    /// 0 for an end that was asked for, 1 for a failed run with `--exit-on-complete`, 130 for Ctrl-C.
    pub fn exit_code(self) -> u8 {
        match self {
            Ended::Done | Ended::Terminated | Ended::WithTheRun { passed: true } => 0,
            Ended::WithTheRun { passed: false } => 1,
            Ended::Interrupted => 130,
        }
    }
}

/// Runs the bridge until it is told to end or has nothing left to do.
///
/// # Errors
///
/// Nothing to watch, nothing to listen on, or no threads to do it with.
pub async fn run(config: Config, mut signals: Signals) -> Result<Ended, Error> {
    let scope = discover(&config.watch, config.ends)?;
    let (store, mut kept) = open_store(config.reading.state.as_deref()).await?;
    let listener = match &config.serve {
        Some(serve) => Some(listen::bind(&serve.listen).await?),
        None => None,
    };
    announce::start(listener.as_ref(), config.serve.as_ref(), &scope, config.ends);

    let hub = kept.hub(hub_settings(&config));
    let url = listener.as_ref().map(|listening| format!("http://{}", listening.address));
    let mut outputs = JoinSet::new();
    let draws_box = show(&config, &hub, url, &mut outputs);
    if let (Some(listening), Some(serve)) = (listener, config.serve.clone()) {
        outputs.spawn(serve::run(listening.into_inner(), hub.clone(), serve_settings(serve), pending()));
    }
    let mut bridge = Engine::new(settings(&config.reading, &scope.found));
    let memories = go_on(&mut bridge, &mut kept);
    let publisher = Publisher::new(hub.clone(), store, &config, !draws_box);
    let mut reader = Reader::start(bridge, publisher, scope, memories, &config)?;

    let ended = tokio::select! {
        told = signals.next() => Ok(told),
        over = &mut reader.over => over.unwrap_or_else(|_| reader.ended()),
    };

    // The reader's last look comes first: outputs end after the last event, when it closes the hub.
    reader.waker.stop();
    let ending = async {
        while outputs.join_next().await.is_some() {}
        hub.closed().await;
    };
    tokio::select! {
        _too_late = tokio::time::timeout(LAST_WORDS, ending) => {}
        // Asked a second time: at once.
        _impatient = signals.next() => {}
    }
    if ended.is_ok() && config.ends == Ends::AtOnce && !config.show.json {
        say_summary(&hub);
    }
    ended
}

/// The tail thread, seen from outside.
struct Reader {
    /// Resolves when the publisher wants an end, and fails when the reading is over.
    over: oneshot::Receiver<Result<Ended, Error>>,
    waker: TailHandle,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// How the reading ended, once it is over and the publisher did not end it.
    fn ended(&mut self) -> Result<Ended, Error> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(())) | None => Ok(Ended::Done),
            Some(Err(_)) => Err(Error::Io {
                what: "the reading broke off".to_owned(),
                path: None,
                cause: std::io::Error::other("a bug in progress-bridge, see above; please report it"),
            }),
        }
    }

    /// One thread with plain reads: it runs the bridge, publishes, and closes the hub when it ends.
    fn start(
        bridge: Engine,
        mut publisher: Publisher,
        scope: Scope,
        memories: HashMap<SourceKey, FileCheckpoint>,
        config: &Config,
    ) -> Result<Reader, Error> {
        let over = publisher.over();
        let waker = TailHandle::new();
        let hub = publisher.hub().clone();
        let ringer = waker.clone();
        let settings = reader::ReaderSettings {
            once: config.ends == Ends::AtOnce,
            poll_interval: config.reading.poll_interval,
            checkpoints: config.reading.state.is_some(),
        };
        let body = move || {
            // Also on a panic: everyone who waits for the end must hear of it.
            let _closing = CloseOnDrop(hub);
            reader::run(scope, memories, bridge, &ringer, settings, Box::new(move |news| publisher.take(news)));
        };
        let started = std::thread::Builder::new().name("tail".to_owned()).spawn(body);
        let thread = started.map_err(|cause| Error::Io { what: "cannot start a thread".to_owned(), path: None, cause })?;
        Ok(Reader { over, waker, thread: Some(thread) })
    }
}

struct CloseOnDrop(Hub);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn settings(reading: &Reading, found: &Found) -> Settings {
    Settings {
        tasks: found.tasks.clone(),
        sources: found.sources.clone(),
        zone: TimeZone::system(),
        rules: reading.rules.clone(),
        emit_history: match reading.from {
            From::Start => true,
            From::End => false,
        },
        source_text: reading.source_text,
        infer: reading.infer,
    }
}

async fn open_store(state: Option<&Path>) -> Result<(Option<Store>, Kept), Error> {
    let Some(folder) = state else { return Ok((None, Kept::default())) };
    let mut tries = 0;
    loop {
        match Store::open(folder, Timestamp::now()) {
            Ok((store, kept)) => return Ok((Some(store), kept)),
            // One that was just killed may take a moment to be gone.
            Err(_) if tries < STORE_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(STORE_WAIT).await;
    }
}

/// The bridge goes on with what was kept. Returns how far each file had been read.
fn go_on(bridge: &mut Engine, kept: &mut Kept) -> HashMap<SourceKey, FileCheckpoint> {
    let now = ClockReading { elapsed: Duration::ZERO, wall: Timestamp::now() };
    for notice in kept.notices.drain(..) {
        bridge.handle(Input::Notice { source: None, at: now, notice });
    }
    let newest = kept.newest.as_ref().map_or(Seq(0), |newest| newest.seq);
    bridge.go_on(newest, kept.uncounted());
    kept.events.clear();
    let Some(keep) = kept.keep.take() else { return HashMap::new() };
    bridge.restore(keep.counts, now);
    keep.files
}

fn hub_settings(config: &Config) -> HubSettings {
    let settings = HubSettings::default();
    match &config.serve {
        Some(serve) => HubSettings { buffer: serve.buffer, ..settings },
        None => settings,
    }
}

fn serve_settings(serve: Serve) -> ServeSettings {
    ServeSettings {
        max_rate: serve.max_rate,
        max_clients: serve.max_clients,
        allow_host: serve.allow_hosts,
        allow_origin: serve.allow_origins,
        token: serve.token.as_deref().and_then(Token::new),
        ..ServeSettings::default()
    }
}

fn discover(watch: &Watch, ends: Ends) -> Result<Scope, Error> {
    if ends == Ends::AtOnce
        && let Some(missing) = watch.paths.iter().find(|path| is_missing(path))
    {
        return Err(Error::NothingToWatch(format!(
            "{} is not there: check the path, or leave out --once to wait for it",
            missing.display()
        )));
    }
    let request = Request { named: watch.paths.clone(), take_along: watch.discover };
    let found = discover::discover(&request, &Disk)?;
    if ends == Ends::AtOnce && found.sources.is_empty() {
        let names: Vec<String> = watch.paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::NothingToWatch(format!("nothing matches {}: check the pattern, or leave out --once to wait", names.join(", "))));
    }
    Ok(Scope { request, found })
}

/// Globs are judged by what they match.
fn is_missing(path: &Path) -> bool {
    let is_pattern = path.to_string_lossy().contains(['*', '?']);
    !is_pattern && !discover::is_standard_input(path) && !path.exists()
}

/// Starts whatever is shown on stderr; says whether that is a box.
fn show(config: &Config, hub: &Hub, url: Option<String>, outputs: &mut JoinSet<()>) -> bool {
    let zone = TimeZone::system();
    let style = terminal_style(config.show.screen == Screen::Lines);
    let hub = hub.clone();
    match (config.show.screen, style.form) {
        (Screen::Nothing, _) => false,
        (Screen::Box, Form::Box) => {
            outputs.spawn(async move {
                // A terminal that is gone has nobody left to tell.
                let _gone = stream::run(stream::Screen::stderr(style, zone, url), &hub).await.is_err();
            });
            true
        }
        (Screen::Box | Screen::Lines, _) => {
            outputs.spawn(async move {
                let events = hub.subscribe(Start::Oldest);
                let plain = Plain { zone, charset: style.charset };
                // A closed stderr has nobody left to tell.
                let _gone = plain::run(std::io::stderr(), &plain, events, || hub.snapshot().state.clone()).await.is_err();
            });
            false
        }
    }
}

fn terminal_style(plain: bool) -> Style {
    Environment::of_process(std::io::stderr().is_terminal(), plain).style()
}

fn say_summary(hub: &Hub) {
    let text = summary::summary(&hub.snapshot().state, &TimeZone::system(), terminal_style(true).charset);
    // Whoever closed stdout does not want to read it.
    let _closed = std::io::stdout().write_all(text.as_bytes()).is_err();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_breaks_off_is_no_success() {
        let ended = |thread: JoinHandle<()>| {
            let (_, over) = oneshot::channel();
            Reader { over, waker: TailHandle::new(), thread: Some(thread) }.ended()
        };
        assert_eq!(ended(std::thread::spawn(|| ())).ok(), Some(Ended::Done));
        let broken = ended(std::thread::spawn(|| std::panic::resume_unwind(Box::new("broken"))));
        assert_eq!(broken.map_err(|error| error.exit_code()), Err(74));
    }
}
