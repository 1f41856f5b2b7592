//! Starts the parts and ends them in order. Reads as a table of contents; each step is a function below it.

mod announce;
mod listen;
mod publisher;
mod signals;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use self::publisher::Publisher;
pub use self::signals::Signals;
use crate::bridge::{Bridge, Settings};
use crate::config::{Config, Ends, From, Reading, Screen, Serve, Watch};
use crate::discover::{Source, Task};
use crate::error::Error;

/// What is promised from the first signal to the end of the process.
const LAST_WORDS: Duration = Duration::from_millis(1_800);

/// Why the program is over; says its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything was read (`--once`), or whoever read our stdout has gone: nothing is left to do.
    Done,
    /// The run is over and `--exit-on-complete` was given.
    WithTheRun { passed: bool },
    /// SIGTERM.
    Terminated,
    /// Ctrl-C.
    Interrupted,
}

impl Ended {
    pub fn exit_code(self) -> u8 {
        match self {
            Ended::Done | Ended::Terminated | Ended::WithTheRun { passed: true } => 0,
            Ended::WithTheRun { passed: false } => 1,
            Ended::Interrupted => 130,
        }
    }
}

/// Runs the bridge until it is told to end or has nothing left to do.
pub async fn run(config: Config, mut signals: Signals) -> Result<Ended, Error> {
    let (tasks, sources) = discover(&config.watch, config.ends)?;
    let listener = match &config.serve {
        Some(serve) => Some(listen::bind(&serve.listen).await?),
        None => None,
    };
    announce::start(listener.as_ref(), config.serve.as_ref(), &sources, config.ends);

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut outputs = JoinSet::new();
    if let (Some(listener), Some(serve)) = (listener, config.serve.clone()) {
        outputs.spawn(serve_clients(listener.into_inner(), serve, until(stopped.clone())));
    }
    show(&config, &mut outputs, stopped);
    let bridge = Bridge::new(settings(&config.reading, tasks, sources.clone()));
    let mut reader = start_reader(Publisher::new(bridge, &config), sources, &config);

    let ended = tokio::select! {
        told = signals.next() => told,
        over = &mut reader.over => over.unwrap_or(Ended::Done),
    };

    reader.stop();
    let ending = async {
        // An error means the thread has already ended, which is what is waited for.
        let _gone = (&mut reader.over).await.is_err();
        // Only now: what the reader had still read has been published, and outputs end after the last event.
        let _nobody_left = stop.send(true).is_err();
        while outputs.join_next().await.is_some() {}
    };
    tokio::select! {
        _too_late = tokio::time::timeout(LAST_WORDS, ending) => {}
        // Asked a second time: at once.
        _impatient = signals.next() => {}
    }
    Ok(ended)
}

/// The tail thread, seen from outside.
struct Reader {
    /// Resolves when the thread has ended, or wants the program to.
    over: oneshot::Receiver<Ended>,
    // SEAM(tail): waker: tail::wake::Waker
}

impl Reader {
    fn stop(&self) {
        // SEAM(tail): self.waker.stop();
    }
}

fn settings(reading: &Reading, tasks: Vec<Task>, sources: Vec<Source>) -> Settings {
    Settings {
        tasks,
        sources,
        zone: jiff::tz::TimeZone::system(),
        emit_history: match reading.from {
            From::Start => true,
            From::End => false,
        },
        source_text: reading.source_text,
    }
}

fn discover(watch: &Watch, ends: Ends) -> Result<(Vec<Task>, Vec<Source>), Error> {
    if ends == Ends::AtOnce
        && let Some(missing) = watch.paths.iter().find(|path| is_missing(path))
    {
        return Err(Error::NothingToWatch(format!(
            "{} is not there: check the path, or leave out --once to wait for it",
            missing.display()
        )));
    }
    // SEAM(discover): names → tasks and sources; nothing named and nothing found is the error of announce::nothing_found().
    if watch.paths.is_empty() {
        return Err(announce::nothing_found(Path::new(".")));
    }
    Ok((Vec::new(), Vec::new()))
}

/// Globs are judged by what they match, `-` is always there.
fn is_missing(path: &Path) -> bool {
    let is_pattern = path.to_string_lossy().contains(['*', '?', '[']);
    path != Path::new("-") && !is_pattern && !path.exists()
}

/// One thread with plain reads: it runs the bridge, and publishes.
fn start_reader(publisher: Publisher, sources: Vec<Source>, config: &Config) -> Reader {
    let (say_over, over) = oneshot::channel();
    // SEAM(tail): on a named thread, tail::reader::run(sources, config.reading.poll_interval, config.ends, waker, |input| publisher.take(input));
    // `publisher.take` returns ControlFlow::Break(Ended) when the program should end: then stop reading, and send it.
    drop((publisher, sources, config, say_over));
    Reader { over }
}

/// Everything that reads the hub beside the server.
fn show(config: &Config, outputs: &mut JoinSet<()>, stopped: tokio::sync::watch::Receiver<bool>) {
    match config.show.screen {
        // SEAM(output): outputs.spawn(output::stream::run(hub.subscribe(..), ..))
        Screen::Box => {}
        // SEAM(output): outputs.spawn(output::plain::run(hub.subscribe(..), ..))
        Screen::Lines => {}
        Screen::Nothing => {}
    }
    drop((outputs, stopped));
}

async fn serve_clients(listener: TcpListener, settings: Serve, stop: impl Future<Output = ()>) {
    // SEAM(serve): serve::run(listener, hub, ServeSettings { max_rate, max_clients, .. }, stop).await
    stop.await;
    drop((listener, settings));
}

async fn until(mut stopped: tokio::sync::watch::Receiver<bool>) {
    // An error means that whoever would say so is gone: that is the end as well.
    let _gone = stopped.wait_for(|stopped| *stopped).await.is_err();
}
