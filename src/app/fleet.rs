//! `--publish`: starts the delivery to the engine, and waits for its end. `fleet`: serves what all bridges have published.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::{ExitReason, Signals, descriptors, listen, make_login_code, messages, serve_settings};
use crate::clock::Timestamp;
use crate::config::{AgentConfig, FleetConfig};
use crate::error::{Error, Notice, NoticeKind};
use crate::fleet::delivery::{self, DRAIN_TIMEOUT};
use crate::fleet::names::SubjectToken;
use crate::fleet::nats::{Link, NatsEngine, NatsSettings, TroubleSink};
use crate::fleet::reader::FleetSession;
use crate::hub::{Hub, HubSettings};
use crate::model::agent::AgentLevel;
use crate::serve;
use crate::tail::wake::TailHandle;

/// More than the delivery takes by itself.
const DELIVERY_END: Duration = DRAIN_TIMEOUT.saturating_add(Duration::from_secs(1));

/// How long a hub waits before it asks the engine again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The number of events that could not be delivered comes at its end.
pub(super) type DeliveryTask = Option<JoinHandle<usize>>;

/// Where the log of this bridge is published.
pub(super) struct Recipient {
    engine: NatsEngine,
    who: SubjectToken,
    servers: String,
}

impl Recipient {
    pub(super) fn start(self, hub: Hub) -> JoinHandle<usize> {
        messages::print(&format!("publishing as {} to {}\n", self.who, self.servers));
        tokio::spawn(delivery::run(hub, self.engine, self.who))
    }
}

/// Connects in the background when publishing is asked for; trouble with it becomes a notice.
///
/// # Errors
///
/// The address, the login or the certificates are unusable.
pub(super) async fn connect(settings: Option<&NatsSettings>, tail: &TailHandle) -> Result<Option<Recipient>, Error> {
    let Some(settings) = settings else { return Ok(None) };
    let tail = tail.clone();
    let sink: TroubleSink = Arc::new(move |text: String| {
        tail.add_notice(Notice { kind: NoticeKind::Publish, path: None, message: text.into(), at: Timestamp::now() });
    });
    let engine = NatsEngine::connect(settings, sink).await.map_err(|why| Error::Usage(format!("--publish: {why}")))?;
    Ok(Some(Recipient { engine, who: settings.who.clone(), servers: settings.servers.clone() }))
}

/// Waits until everything is delivered, or cannot be; `stop` ends the wait.
pub(super) async fn finish_delivery(delivery: DeliveryTask, mut stop: impl AsyncFnMut() -> ExitReason) {
    let Some(delivery) = delivery else { return };
    let ended = tokio::select! {
        ended = tokio::time::timeout(DELIVERY_END, delivery) => ended.ok().and_then(Result::ok),
        _second = stop() => None,
    };
    match ended {
        Some(0) => {}
        Some(left) => messages::print(&format!("{left} events could not be published: the next start with the same --state sends them\n")),
        None => messages::print("the end did not wait for what was still to be published: the next start with the same --state sends it\n"),
    }
}

/// Serves the fleet until a signal.
///
/// # Errors
///
/// The address cannot be bound, or the settings are unusable.
pub async fn run_hub(config: FleetConfig, mut signals: Signals) -> Result<ExitReason, Error> {
    let FleetConfig { engine, serve, replicas } = config;
    let bound = listen::bind(&serve.listen).await?;
    let sink: TroubleSink = Arc::new(|text: String| messages::print(&format!("{text}\n")));
    let servers = engine.servers.clone();
    let engine = NatsEngine::connect(&engine, sink).await.map_err(|why| Error::Usage(format!("--nats: {why}")))?;
    let budget = descriptors::divide_limit(serve.max_clients);
    let login_code = serve.token.as_ref().and_then(|_| make_login_code());
    messages::print_addresses(&bound, &serve, login_code.as_ref());
    messages::print(&format!("the fleet at {servers}\n"));
    let hub_settings = HubSettings { buffer: serve.buffer, ..HubSettings::default() };
    // A printed link is good once, so only the first session has it.
    // What other machines send of agents has no texts; see `fleet::card`.
    let agents = AgentConfig { level: AgentLevel::Status, ..AgentConfig::off() };
    let mut settings = serve_settings(serve, &agents, budget, login_code);
    let broken = |cause| Error::Io { what: "cannot use the listening socket".to_owned(), path: None, cause, hint: "start it again" };
    let listener = bound.into_inner().into_std().map_err(broken)?;
    loop {
        let session = tokio::select! {
            session = open_session(&engine, hub_settings, replicas) => session,
            signal = signals.next() => return Ok(signal),
        };
        let hub = session.hub.clone();
        let socket = listener.try_clone().and_then(tokio::net::TcpListener::from_std).map_err(broken)?;
        let server = tokio::spawn(serve::run(socket, hub.clone(), settings.clone(), std::future::pending()));
        settings.login_code = None;
        let reason = tokio::select! {
            why = session.run() => {
                messages::print(&format!("nats: {why}; reading it again\n"));
                None
            }
            signal = signals.next() => Some(signal),
        };
        hub.close();
        // Ends within two seconds, whatever clients do.
        let _panicked = server.await.is_err();
        if let Some(reason) = reason {
            return Ok(reason);
        }
    }
}

/// Asks until the engine is there and has the streams.
async fn open_session(engine: &NatsEngine, settings: HubSettings, replicas: usize) -> FleetSession {
    let mut link = engine.link();
    loop {
        // Fails only when the connection is given up, which it never is.
        let _closed = link.wait_for(|link| *link != Link::Down).await.is_err();
        let opened = async {
            engine.ensure_streams(replicas).await?;
            FleetSession::open(engine.clone(), settings).await
        };
        match opened.await {
            Ok(session) => return session,
            Err(why) => engine.report(&why, || format!("nats: {why}; trying again")),
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}
