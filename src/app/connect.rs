//! `--connect`: shows what another bridge serves.
//!
//! The feeds of `client` bring its states and events; a hub of our own carries them to the same outputs that show our own files. There is no
//! model here: every state comes whole.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{ExitReason, SHUTDOWN_GRACE, Signals, messages, notifier, publisher, spawn_terminal_output, wants_plain_lines};
use crate::client::feed::{Feed, FeedMessage, FeedStatus, Route};
use crate::client::http::HttpClient;
use crate::clock::Timestamp;
use crate::config::{ConnectConfig, ExitWhen};
use crate::error::{Error, FREE_STDOUT};
use crate::event::{Event, Seq};
use crate::hub::{Hub, HubSettings};
use crate::model::state::State;
use crate::output::StdoutFormat;
use crate::output::layout::Connection;
use crate::output::stream::Uplink;
use crate::output::text;

/// Messages on the way from a feed: a slow terminal slows the reading down.
const PENDING: usize = 16;

/// Shows the other bridge until a signal, or the end of its run under `--exit-on-complete`.
///
/// # Errors
///
/// The first answer is a refusal, or stdout cannot be written.
pub async fn run(config: ConnectConfig, mut signals: Signals) -> Result<ExitReason, Error> {
    let client = HttpClient::new(config.url.clone(), config.token.as_deref());
    let hub = Hub::new(HubSettings::default());
    hub.begin_history();
    let uplink = watch::Sender::new(Uplink { connection: Connection::Connecting { reason: String::new() }, clock_offset_ms: 0 });
    let mut outputs = JoinSet::new();
    let url = config.url.to_string();
    let draws_box = spawn_terminal_output(&config.display, &hub, Some(url), Vec::new(), uplink.subscribe(), &mut outputs);
    let mut notifying = notifier::spawn_remote(config.notify, &hub, config.url.to_string());
    let mut feeds = JoinSet::new();
    let (to_states, mut states) = mpsc::channel(PENDING);
    feeds.spawn(Feed::new(client.clone(), Route::State, to_states).run());
    let (to_events, events) = mpsc::channel(PENDING);
    let prints_json = match config.display.stdout {
        Some(StdoutFormat::Ndjson(_)) => true,
        None => false,
    };
    if prints_json || wants_plain_lines(&config.display) {
        feeds.spawn(Feed::new(client, Route::Events, to_events).run());
    }
    let mut remote = RemoteBridge {
        hub: hub.clone(),
        uplink,
        prints_status: !draws_box,
        exit_when: config.exit_when,
        next_connection: None,
        last_alive: None,
        url: config.url.to_string(),
    };
    let mut shown_events = std::pin::pin!(show_events(events, hub.clone(), prints_json));
    let reason = loop {
        let exit = tokio::select! {
            signal = signals.next() => break Ok(signal),
            ended = &mut shown_events => break ended,
            Some(message) = states.recv() => remote.state_message(message),
        };
        match exit {
            Ok(None) => {}
            Ok(Some(reason)) => break Ok(reason),
            Err(error) => break Err(error),
        }
    };
    feeds.abort_all();
    hub.close();
    let outputs_ended = async {
        while outputs.join_next().await.is_some() {}
        let _notified = notifying.join_next().await;
    };
    tokio::select! {
        _timed_out = tokio::time::timeout(SHUTDOWN_GRACE, outputs_ended) => {}
        _second = signals.next() => {}
    }
    reason
}

/// What is known of the other bridge.
struct RemoteBridge {
    hub: Hub,
    uplink: watch::Sender<Uplink>,
    url: String,
    /// Whether stderr gets lines about the connection. The live box shows it itself.
    prints_status: bool,
    exit_when: ExitWhen,
    /// How the next state comes: what is shown is old until then.
    next_connection: Option<Connection>,
    /// When something came last, by our clock.
    last_alive: Option<Timestamp>,
}

impl RemoteBridge {
    fn state_message(&mut self, message: FeedMessage) -> Result<Option<ExitReason>, Error> {
        match message {
            FeedMessage::Alive { server_time } => self.record_sign(server_time),
            FeedMessage::Status(FeedStatus::Streaming) => self.next_connection = Some(Connection::Streaming),
            FeedMessage::Status(FeedStatus::Polling) => self.next_connection = Some(Connection::Polling),
            FeedMessage::Status(FeedStatus::CutOff { attempt, retry_in, reason, refused }) => {
                self.refuse_at_first(refused, &reason)?;
                self.cut_off(attempt, retry_in, reason);
            }
            // From bytes, as everywhere: each kind of input has its own copy of the deserialiser, and that of a state is 100 kB.
            FeedMessage::Data(json) => match serde_json::from_slice::<State>(json.as_bytes()) {
                Ok(state) => return Ok(self.state(state)),
                Err(error) => self.cut_off(1, Duration::ZERO, format!("its state is of another version: {error}")),
            },
        }
        Ok(None)
    }

    fn state(&mut self, state: State) -> Option<ExitReason> {
        if let Some(connection) = self.next_connection.take() {
            self.print_status(match connection {
                Connection::Polling => "polling: its stream does not come through".to_owned(),
                _ => "connected".to_owned(),
            });
            // The clock over there may be another one now.
            let clock_offset_ms = state.server_time.0.saturating_sub(Timestamp::now().0);
            self.uplink.send_replace(Uplink { connection, clock_offset_ms });
        }
        self.record_sign(Some(state.server_time));
        let result = publisher::run_result(&state);
        self.hub.set_state(state);
        match (self.exit_when, result) {
            (ExitWhen::RunCompletes, Some(passed)) => Some(ExitReason::RunCompleted { passed }),
            (ExitWhen::RunCompletes | ExitWhen::Never | ExitWhen::Drained, _) => None,
        }
    }

    fn record_sign(&mut self, server_time: Option<Timestamp>) {
        let now = Timestamp::now();
        self.last_alive = Some(now);
        // What is sent was made before: of all differences the largest is nearest to the truth.
        let offset = server_time.map(|at| at.0.saturating_sub(now.0));
        self.uplink.send_if_modified(|uplink| {
            let nearer = offset.filter(|offset| *offset > uplink.clock_offset_ms);
            uplink.clock_offset_ms = nearer.unwrap_or(uplink.clock_offset_ms);
            nearer.is_some()
        });
    }

    fn cut_off(&mut self, attempt: u32, retry_in: Duration, reason: String) {
        self.next_connection = None;
        let offset = self.uplink.borrow().clock_offset_ms;
        let over_there = |at: Timestamp| Timestamp(at.0.saturating_add(offset));
        let now = Timestamp::now();
        if self.uplink.borrow().connection.is_live() || attempt == 1 {
            self.print_status(format!("cut off: {reason}; trying again"));
        }
        let connection = match self.last_alive {
            Some(at) => {
                let retry_at = Timestamp(now.0.saturating_add(i64::try_from(retry_in.as_millis()).unwrap_or(0)));
                Connection::CutOff { as_of: over_there(at), attempt, retry_at: over_there(retry_at), reason }
            }
            None => Connection::Connecting { reason: format!("{reason}; trying again") },
        };
        self.uplink.send_modify(|uplink| uplink.connection = connection);
    }

    /// A bridge that refuses from the start will refuse for ever: the token or the address is wrong.
    fn refuse_at_first(&self, refused: bool, reason: &str) -> Result<(), Error> {
        match refused && self.last_alive.is_none() {
            true => Err(Error::Remote {
                url: self.url.clone(),
                reason: reason.to_owned(),
                hint: "give its token with --token-file FILE or PROGRESS_BRIDGE_TOKEN, or add the name that you ask it by with --allow-host over there".to_owned(),
            }),
            false => Ok(()),
        }
    }

    fn print_status(&self, words: String) {
        if self.prints_status {
            let time = text::local(Timestamp::now(), &TimeZone::system(), "%H:%M:%S");
            messages::print(&format!("{time}  {:<15}  {words}\n", "connection"));
        }
    }
}

/// Prints and publishes the events. Ends when stdout has no reader any more. A reader that is slow slows the feed down, and nothing else.
async fn show_events(mut events: mpsc::Receiver<FeedMessage>, hub: Hub, prints_json: bool) -> Result<ExitReason, Error> {
    // Counted here: another process over there numbers its own ones from 1.
    let mut seq = Seq(0);
    while let Some(message) = events.recv().await {
        let json = match message {
            FeedMessage::Data(json) => json,
            // The other feed reports how the connection is.
            FeedMessage::Alive { .. } | FeedMessage::Status(_) => continue,
        };
        // A newer bridge may send what this one has no words for; scripts get it all the same.
        let event = serde_json::from_slice::<Event>(json.as_bytes()).ok();
        if prints_json {
            let printed = tokio::task::spawn_blocking(move || print_line(&json)).await;
            match printed.unwrap_or_else(|_| Err(std::io::Error::other("the writing broke off"))) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitReason::Done),
                Err(cause) => return Err(Error::Io { what: "cannot write to stdout".to_owned(), path: None, cause, hint: FREE_STDOUT }),
            }
        }
        if let Some(event) = event {
            seq = Seq(seq.0 + 1);
            hub.publish(vec![Event { seq, ..event }]);
        }
    }
    // No events are followed.
    std::future::pending().await
}

fn print_line(line: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("{line}\n").as_bytes())?;
    stdout.flush()
}
