//! Starts the parts of the program and ends them in order: [`Bridge::start`] calls one function per step.
//!
//! How an output is added stands in `output`.

mod connect;
mod descriptors;
#[cfg(feature = "fleet")]
mod fleet;
mod listen;
mod messages;
mod notifier;
mod observe;
mod publisher;
mod signals;

use std::collections::HashMap;
use std::future::pending;
use std::io::{ErrorKind, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

pub use self::connect::run as connect;
use self::descriptors::DescriptorBudget;
pub use self::descriptors::require_descriptors;
#[cfg(feature = "fleet")]
pub use self::fleet::run_hub;
pub use self::messages::{finish_printing, print_last_words};
pub(crate) use self::messages::{is_unrecognized, print};
pub(crate) use self::observe::Observed;
use self::publisher::Publisher;
pub use self::signals::Signals;
use crate::clock::{ClockReading, Timestamp};
use crate::config::{self, AgentConfig, Config, DisplayConfig, ExitWhen, ReadConfig, ReadFrom, ServeConfig, TerminalMode};
use crate::discover::{self, Found, Request, Shape, Source, SourceKey};
use crate::engine::Input;
use crate::engine::{Engine, EngineSettings};
use crate::error::{Error, FREE_RESOURCES, FREE_STDOUT};
use crate::event::Seq;
use crate::format;
use crate::hub::{Hub, HubSettings, StartPosition, StateReader, Subscription};
use crate::output::ndjson::Ndjson;
use crate::output::plain::{self, Plain};
use crate::output::stderr::QueuedStderr;
use crate::output::stream::{self, Uplink};
use crate::output::style::{Environment, OutputMode, TerminalStyle};
use crate::output::{StdoutFormat, StdoutSink, summary};
use crate::serve::{self, AgentAccess, LoginCode, ServeSettings, Token};
use crate::store::{OpenError, Restored, Store};
use crate::tail::checkpoint::FileCheckpoint;
use crate::tail::reader::{self, Scope};
use crate::tail::wake::TailHandle;

/// Longest time between the first signal and the end of the process.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(1_800);
/// How long a printed link is good.
const LOGIN_CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How often, and after which delay, a locked `--state` folder is tried again: a killed process may hold its lock for a moment.
const STORE_RETRIES: u32 = 20;
const STORE_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Why the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// All input was read (`--once`), or the reader of stdout is gone.
    Done,
    /// All input was read, but a plan does not parse: what it states is missing in the output.
    BrokenPlan,
    /// The run completed under `--exit-on-complete`.
    RunCompleted {
        /// Whether all tasks passed.
        passed: bool,
    },
    /// SIGTERM.
    Terminated,
    /// Ctrl-C.
    Interrupted,
}

impl ExitReason {
    /// 0 for a requested end, 1 for a failed run with `--exit-on-complete`, 65 (`EX_DATAERR`) for a broken plan with `--once`, 130 for
    /// Ctrl-C.
    pub fn exit_code(self) -> u8 {
        match self {
            ExitReason::Done | ExitReason::Terminated | ExitReason::RunCompleted { passed: true } => 0,
            ExitReason::RunCompleted { passed: false } => 1,
            ExitReason::BrokenPlan => 65,
            ExitReason::Interrupted => 130,
        }
    }
}

/// Reads with another table of weights, for those who fit them: to score a table with the whole program.
fn use_weights_of_environment() -> Result<(), Error> {
    let Ok(table) = std::env::var("PROGRESS_BRIDGE_WEIGHTS") else { return Ok(()) };
    let text = config::read_small_file(Path::new(&table)).map_err(|cause| Error::Io {
        what: "cannot read the weights".to_owned(),
        path: Some(table.into()),
        cause,
        hint: "give a table of tests/extra/fit, or unset PROGRESS_BRIDGE_WEIGHTS",
    })?;
    format::use_weights(&text);
    Ok(())
}

/// Runs the program until a signal or its [`ExitWhen`] ends it.
///
/// # Errors
///
/// There is nothing to watch, the address cannot be bound, or the system refuses a thread.
pub async fn run(config: Config, mut signals: Signals) -> Result<ExitReason, Error> {
    Bridge::start(config).await?.until(async || signals.next().await).await
}

/// A bridge at work: its thread reads, its server and its outputs are tasks of the current runtime.
///
/// [`run`] is one that a signal ends; another program that wants the events for itself starts its own (`examples/embed.rs`).
pub struct Bridge {
    hub: Hub,
    address: Option<SocketAddr>,
    outputs: JoinSet<()>,
    /// Tells people; it may take longer to end than the outputs.
    notifier: JoinSet<()>,
    tail: TailThread,
    /// Why the bridge ends by itself. The sender is dropped with the tail thread.
    exit: oneshot::Receiver<Result<ExitReason, Error>>,
    exit_when: ExitWhen,
    display: DisplayConfig,
    /// The end depends on the state, or the summary shows it.
    _states: Option<StateReader>,
    #[cfg(feature = "fleet")]
    delivery: fleet::DeliveryTask,
}

impl Bridge {
    /// Starts the parts.
    ///
    /// # Errors
    ///
    /// There is nothing to watch, the address cannot be bound, or the system refuses a thread.
    pub async fn start(config: Config) -> Result<Bridge, Error> {
        Bridge::start_with(config, Vec::new()).await
    }

    /// As [`Bridge::start`]; the messages are printed, and stand above a box as well.
    pub(crate) async fn start_with(config: Config, mut messages: Vec<String>) -> Result<Bridge, Error> {
        if config.exit_when == ExitWhen::Drained {
            use_weights_of_environment()?;
        }
        let scope = discover(&config, config.exit_when)?;
        if let Some(folder) = &config.read.state {
            require_state_outside(folder, &scope)?;
        }
        let handle = TailHandle::new();
        #[cfg(feature = "fleet")]
        let recipient = fleet::connect(config.publish.as_deref(), &handle).await?;
        let (store, mut restored) = open_store(config.read.state.as_deref()).await?;
        let listener = match &config.serve {
            Some(serve) => Some(listen::bind(&serve.listen).await?),
            None => None,
        };
        let address = listener.as_ref().map(|listener| listener.address);
        let budget = descriptors::divide_limit(config.serve.as_ref().map_or(0, |serve| serve.max_clients));
        let login_code = config.serve.as_ref().and_then(|serve| serve.token.as_ref()).and_then(|_| make_login_code());
        print(&messages.iter().map(|message| format!("{message}\n")).collect::<String>());
        messages.extend(messages::print_start(listener.as_ref(), config.serve.as_ref(), login_code.as_ref(), &scope, config.exit_when));
        messages::print_fewer_clients(budget.clients, config.serve.as_ref());

        let hub = restored.hub(hub_settings(&config));
        let url = address.map(|address| format!("http://{address}"));
        let states = match config.exit_when {
            ExitWhen::RunCompletes | ExitWhen::Drained => Some(hub.read_states()),
            ExitWhen::Never => None,
        };
        let mut outputs = JoinSet::new();
        let draws_box = spawn_terminal_output(&config.display, &hub, url, messages, local_uplink(), &mut outputs);
        if let (Some(listener), Some(serve)) = (listener, config.serve.clone()) {
            let settings = serve_settings(serve, &config.read.agents, budget, login_code);
            outputs.spawn(serve::run(listener.into_inner(), hub.clone(), settings, pending()));
        }
        let mut engine = Engine::new(engine_settings(&config.read, config.exit_when == ExitWhen::Drained, &scope.found));
        let checkpoints = restore(&mut engine, &mut restored);
        hub.begin_history();
        let (send_exit, exit) = oneshot::channel();
        let kept = notifier::KeptNotifications::new(store.as_ref(), restored.notifications.take());
        let publisher = Publisher {
            hub: hub.clone(),
            stdout: stdout_sink(&config.display),
            store,
            exit_when: config.exit_when,
            log_to_stderr: !draws_box,
            has_state: false,
            exit: Some(send_exit),
        };
        let tail = TailThread::start(engine, publisher, scope, checkpoints, &config, Some(budget.files), handle)?;
        #[cfg(feature = "fleet")]
        let delivery = recipient.map(|recipient| recipient.start(hub.clone()));
        let notifier = notifier::spawn(config.notify, config.exit_when, &hub, address, tail.handle.clone(), kept);
        Ok(Bridge {
            hub,
            address,
            outputs,
            notifier,
            tail,
            exit,
            exit_when: config.exit_when,
            display: config.display,
            _states: states,
            #[cfg(feature = "fleet")]
            delivery,
        })
    }

    /// Where it serves, if it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// A reader of its events.
    pub fn subscribe(&self, start: StartPosition<'_>) -> Subscription {
        self.hub.subscribe(start)
    }

    /// Waits until `stop` or its [`ExitWhen`] ends it, then ends the parts in order. A second `stop` cuts off what still holds the end.
    ///
    /// # Errors
    ///
    /// The reading broke off, or the final output cannot be written.
    pub async fn until(mut self, mut stop: impl AsyncFnMut() -> ExitReason) -> Result<ExitReason, Error> {
        let reason = tokio::select! {
            reason = stop() => Ok(reason),
            reason = &mut self.exit => reason.unwrap_or_else(|_| self.tail.join().map(|()| self.drained())),
        };
        // The tail thread polls once more and closes the hub; after that the outputs end by themselves.
        self.tail.handle.stop();
        let outputs_ended = async {
            while self.outputs.join_next().await.is_some() {}
            self.hub.closed().await;
        };
        // Whoever waits for the end of a run wants to be told of it; a signal wants the end.
        let patience = match reason {
            Ok(ExitReason::RunCompleted { .. } | ExitReason::Done | ExitReason::BrokenPlan) => notifier::GRACE,
            Ok(ExitReason::Terminated | ExitReason::Interrupted) | Err(_) => SHUTDOWN_GRACE,
        };
        let ended = async {
            let outputs_ended = tokio::time::timeout(SHUTDOWN_GRACE, outputs_ended);
            let notified = tokio::time::timeout(patience, self.notifier.join_next());
            let _timed_out = tokio::join!(outputs_ended, notified);
        };
        tokio::select! {
            () = ended => {}
            _second = stop() => {}
        }
        #[cfg(feature = "fleet")]
        fleet::finish_delivery(self.delivery, stop).await;
        if reason.is_ok() && self.exit_when == ExitWhen::Drained && self.display.stdout.is_none() {
            print_summary(&self.hub, &self.display)?;
        }
        reason
    }

    /// All input was read.
    fn drained(&self) -> ExitReason {
        let is_broken = self.exit_when == ExitWhen::Drained && self.hub.snapshot().state.files.broken_plans > 0;
        if is_broken { ExitReason::BrokenPlan } else { ExitReason::Done }
    }
}

/// The handle of the tail thread.
struct TailThread {
    handle: TailHandle,
    thread: Option<JoinHandle<()>>,
}

impl TailThread {
    /// Waits for the end of the thread, which has dropped its publisher.
    fn join(&mut self) -> Result<(), Error> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(())) | None => Ok(()),
            Some(Err(_)) => Err(Error::Io {
                what: "the reading broke off".to_owned(),
                path: None,
                cause: std::io::Error::other("a bug in progress-bridge, see above"),
                hint: "please report it, with the line above; --state DIR goes on where it was",
            }),
        }
    }

    /// Starts the thread: it reads files, runs the engine, publishes, and closes the hub when it ends.
    fn start(
        engine: Engine,
        mut publisher: Publisher,
        scope: Scope,
        checkpoints: HashMap<SourceKey, FileCheckpoint>,
        config: &Config,
        max_open: Option<usize>,
        handle: TailHandle,
    ) -> Result<TailThread, Error> {
        let hub = publisher.hub.clone();
        let (own_handle, demand) = (handle.clone(), hub.state_demand());
        let woken = handle.clone();
        demand.wake_with(move || woken.wake());
        let settings = reader::ReaderSettings {
            once: config.exit_when == ExitWhen::Drained,
            poll_interval: config.read.poll_interval,
            checkpoints: config.read.state.is_some(),
            max_open,
        };
        let body = move || {
            // Also on a panic: the outputs wait for the end of the hub.
            let _close = CloseOnDrop(hub);
            reader::run(scope, checkpoints, engine, &own_handle, settings, demand, Box::new(move |update| publisher.publish(update)));
        };
        let started = std::thread::Builder::new().name("tail".to_owned()).spawn(body);
        let thread =
            started.map_err(|cause| Error::Io { what: "cannot start a thread".to_owned(), path: None, cause, hint: FREE_RESOURCES })?;
        Ok(TailThread { handle, thread: Some(thread) })
    }
}

/// Whoever lets go of it wants no more of it.
impl Drop for TailThread {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

struct CloseOnDrop(Hub);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn engine_settings(read: &ReadConfig, reads_once: bool, found: &Found) -> EngineSettings {
    EngineSettings {
        tasks: found.tasks.clone(),
        sources: found.sources.clone(),
        zone: TimeZone::system(),
        rules: read.rules.clone(),
        emit_history: match read.read_from {
            ReadFrom::Start => true,
            ReadFrom::End => false,
        },
        reads_once,
        source_text: read.source_text,
        redact: read.redact,
        infer: read.infer,
        agents: read.agents.level,
    }
}

/// Nothing is written into a watched project, unless it is into a hidden folder of it.
fn require_state_outside(state: &Path, scope: &Scope) -> Result<(), Error> {
    let state_path = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    let real = state_path
        .ancestors()
        .find_map(|above| Some(above.canonicalize().ok()?.join(state_path.strip_prefix(above).ok()?)))
        .unwrap_or(state_path.clone());
    let is_hidden = |below: &Path| below.iter().any(|part| part.as_encoded_bytes().starts_with(b"."));
    let folders = scope.found.tasks.iter().map(|task| task.folder.clone());
    let folders = folders.chain(scope.found.folders.iter().filter_map(|folder| folder.canonicalize().ok()));
    for folder in folders {
        if real.strip_prefix(&folder).is_ok_and(|below| !is_hidden(below)) {
            return Err(Error::Usage(format!(
                "--state {}: lies in {}, which is watched, and nothing is written there: name a folder elsewhere, or a hidden one",
                state.display(),
                folder.display()
            )));
        }
    }
    Ok(())
}

async fn open_store(state: Option<&Path>) -> Result<(Option<Store>, Restored), Error> {
    let Some(folder) = state else { return Ok((None, Restored::default())) };
    let mut retries = 0;
    loop {
        match Store::open(folder, Timestamp::now()) {
            Ok((store, restored)) => return Ok((Some(store), restored)),
            Err(OpenError::Busy(_)) if retries < STORE_RETRIES => retries += 1,
            Err(OpenError::Busy(error) | OpenError::Unusable(error)) => return Err(error),
        }
        tokio::time::sleep(STORE_RETRY_DELAY).await;
    }
}

/// Restores the engine from the store. Returns the checkpoint of each file.
fn restore(engine: &mut Engine, restored: &mut Restored) -> HashMap<SourceKey, FileCheckpoint> {
    let now = ClockReading { elapsed: Duration::ZERO, wall: Timestamp::now() };
    for notice in restored.notices.drain(..) {
        engine.feed(Input::Notice { source: None, at: now, notice });
    }
    let newest = restored.newest.as_ref().map_or(Seq(0), |newest| newest.seq);
    engine.skip_published(newest, restored.uncounted());
    restored.events.clear();
    let Some(checkpoint) = restored.checkpoint.take() else { return HashMap::new() };
    // Another reader counted other facts: the files are read from their beginning.
    let files = if checkpoint.engine.is_of_another_reader() { HashMap::new() } else { checkpoint.files };
    engine.restore(checkpoint.engine, now);
    files
}

fn hub_settings(config: &Config) -> HubSettings {
    let settings = HubSettings::default();
    match &config.serve {
        Some(serve) => HubSettings { buffer: serve.buffer, ..settings },
        None => settings,
    }
}

/// The code of the link that is printed next.
fn make_login_code() -> Option<LoginCode> {
    Token::new(&config::random_secret()).map(|code| LoginCode { code, expires: Instant::now() + LOGIN_CODE_LIFETIME })
}

fn serve_settings(serve: ServeConfig, agents: &AgentConfig, budget: DescriptorBudget, login_code: Option<LoginCode>) -> ServeSettings {
    ServeSettings {
        max_rate: serve.max_rate,
        agents: AgentAccess { level: agents.level, explicit: agents.explicit },
        max_clients: budget.clients,
        max_connections: budget.connections,
        allow_host: serve.allow_hosts,
        allow_origin: serve.allow_origins,
        token: serve.token.and_then(|token| Token::new(&token.text)),
        login_code,
        ..ServeSettings::default()
    }
}

fn discover(config: &Config, exit_when: ExitWhen) -> Result<Scope, Error> {
    let watch = &config.watch;
    // The current folder is what no name means, however it is written.
    let is_current = watch.paths.as_slice() == [Path::new(".")];
    let request = Request { named: if is_current { Vec::new() } else { watch.paths.clone() }, auto_discover: watch.discover };
    let found = discover::discover(&request, &discover::current_folder())?;
    if exit_when == ExitWhen::Drained {
        watch.paths.iter().try_for_each(|path| require_readable(path))?;
        let is_there = |source: &Source| source.shape == Shape::Stream || source.path.exists();
        if !found.sources.iter().any(is_there) {
            let names: Vec<String> = watch.paths.iter().map(|path| path.display().to_string()).collect();
            return Err(Error::NothingToWatch(format!(
                "nothing to read in {}: check the name or the pattern, or leave out --once to wait for it",
                names.join(", ")
            )));
        }
    }
    Ok(Scope { request, found, sessions: config.read.agents.scope() })
}

/// A named path that is read once must be there for this user.
fn require_readable(path: &Path) -> Result<(), Error> {
    let is_pattern = path.to_string_lossy().contains(['*', '?']);
    if is_pattern || discover::is_standard_input(path) {
        return Ok(());
    }
    let opened = match path.metadata() {
        Ok(meta) if meta.is_dir() => path.read_dir().map(|_| ()),
        Ok(meta) if meta.is_file() => std::fs::File::open(path).map(|_| ()),
        // A pipe waits for its writer when it is opened.
        Ok(_) => Ok(()),
        Err(cause) => Err(cause),
    };
    opened.map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => Error::NothingToWatch(format!("{} is not there: check the path", path.display())),
        _ => Error::unreadable(path, &cause),
    })
}

/// Makes the output that owns stdout, if there is one.
fn stdout_sink(display: &DisplayConfig) -> Option<Box<dyn StdoutSink>> {
    match display.stdout? {
        StdoutFormat::Ndjson(content) => Some(Box::new(Ndjson::new(std::io::stdout(), content))),
    }
}

/// Starts the output on stderr; `messages` have been printed and stay above a box. Returns whether it is the live box.
fn spawn_terminal_output(
    display: &DisplayConfig,
    hub: &Hub,
    url: Option<String>,
    messages: Vec<String>,
    uplink: watch::Receiver<Uplink>,
    outputs: &mut JoinSet<()>,
) -> bool {
    let zone = TimeZone::system();
    let style = terminal_style(display, display.terminal == TerminalMode::Lines);
    let hub = hub.clone();
    if display.terminal == TerminalMode::Nothing {
        return false;
    }
    if wants_plain_lines(display) {
        // Nothing is read yet: the log holds what was printed before a restart.
        let events = hub.subscribe(StartPosition::Live);
        outputs.spawn(async move {
            let plain = Plain { zone, charset: style.charset };
            // What is queued cannot fail.
            let _closed = plain::run(QueuedStderr, &plain, &hub, events).await.is_err();
        });
        return false;
    }
    let runtime = Handle::current();
    // A terminal that was stopped (Ctrl-S) blocks whoever writes to it: a thread of its own, not one that serves.
    outputs.spawn_blocking(move || {
        // What is queued belongs on the main screen.
        finish_printing();
        let live_box = stream::LiveBox::stderr(style, zone, url, messages);
        // An error means that the terminal is gone; the server goes on without it.
        let _gone = runtime.block_on(stream::run(live_box, &hub, uplink)).is_err();
    });
    true
}

/// Whether stderr gets a line per event, be it because no box can be drawn.
fn wants_plain_lines(display: &DisplayConfig) -> bool {
    match display.terminal {
        TerminalMode::Nothing => false,
        TerminalMode::Lines => true,
        TerminalMode::Box => terminal_style(display, false).mode == OutputMode::Plain,
    }
}

fn local_uplink() -> watch::Receiver<Uplink> {
    watch::Sender::new(Uplink::LOCAL).subscribe()
}

fn terminal_style(display: &DisplayConfig, plain: bool) -> TerminalStyle {
    Environment::from_process(std::io::stderr().is_terminal(), plain, display.signs).style()
}

fn print_summary(hub: &Hub, display: &DisplayConfig) -> Result<(), Error> {
    print_to_stdout(&summary::summary(&hub.snapshot().state, &TimeZone::system(), terminal_style(display, true).charset))
}

/// Prints what was asked for.
///
/// # Errors
///
/// It cannot be written. A reader that has closed stdout wanted no more of it.
pub fn print_to_stdout(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Io { what: "cannot write to stdout".to_owned(), path: None, cause, hint: FREE_STDOUT })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_breaks_off_is_no_success() {
        let ended = |thread: JoinHandle<()>| TailThread { handle: TailHandle::new(), thread: Some(thread) }.join();
        assert!(ended(std::thread::spawn(|| ())).is_ok());
        let broken = ended(std::thread::spawn(|| std::panic::resume_unwind(Box::new("broken"))));
        assert_eq!(broken.map_err(|error| error.exit_code()), Err(74));
    }
}
