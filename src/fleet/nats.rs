//! The engine: a NATS server with JetStream. The only file that knows its client.
//!
//! A bridge needs the right to publish its own subjects and to read the last message of its own events, nothing else. Every request has a
//! time-out, and its answer is awaited before the next one of the same task is made: the client's own buffer holds next to nothing.

mod source;

use std::collections::HashMap;
use std::future::ready;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, Stream};
use async_nats::jetstream::{self, Context};
use async_nats::{ConnectOptions, Event as ClientEvent, HeaderMap, ServerError, StatusCode};
use tokio::sync::watch;
use uuid::Uuid;

use crate::backoff;
use crate::event::EventId;
use crate::fleet::message::{self, ID_HEADER, INSTANCE_HEADER};
use crate::fleet::names::{EVENT_STREAM, StateKey, SubjectToken, TaskOrigin};
use crate::hub::PublishedEvent;

pub use self::source::{Delivered, Deliveries};

/// A server that does not answer for so long is asked again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that is frozen is noticed after two of them.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const FIRST_RECONNECT: Duration = Duration::from_millis(100);
const LONGEST_RECONNECT: Duration = Duration::from_secs(4);
/// Commands that the client holds before it makes their senders wait.
const CLIENT_CAPACITY: usize = 64;
/// The same trouble is not reported again for this long.
const REPEAT_AFTER: Duration = Duration::from_secs(10 * 60);

/// Where the engine is, and as whom it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsSettings {
    /// `nats://host:port`, several separated by commas; `tls://` asks for TLS.
    pub servers: String,
    /// The name of the connection, and of its inbox.
    pub who: SubjectToken,
    pub login: NatsLogin,
    /// Certificates to trust besides the system's, in PEM.
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NatsLogin {
    None,
    /// A `.creds` file.
    Credentials(PathBuf),
    /// An nkey seed.
    Nkey(String),
    Password {
        user: String,
        password: String,
    },
}

/// Takes what people should know of the engine, once.
pub type TroubleSink = Arc<dyn Fn(String) + Send + Sync>;

/// Whether the connection stands, and which one since the start it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Down,
    Up(u64),
}

/// The connection of this process.
#[derive(Clone)]
pub struct NatsEngine {
    context: Context,
    events: Stream<()>,
    link: watch::Receiver<Link>,
    /// The random id of this process.
    instance: Arc<str>,
    trouble: Arc<TroubleLog>,
}

/// The last message of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastEvent {
    pub id: EventId,
    /// Its number in the stream.
    pub number: u64,
    /// Whether this process sent it.
    pub is_own: bool,
}

/// Why an event was not appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// The last message is another one.
    Conflict,
    /// Reported.
    Failed,
}

/// Reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestFailed;

/// Passes on each trouble once in a while.
struct TroubleLog {
    sink: TroubleSink,
    reported: Mutex<HashMap<String, Instant>>,
}

impl TroubleLog {
    /// The trouble is told apart by `kind`.
    fn report(&self, kind: &str, text: impl FnOnce() -> String) {
        let now = Instant::now();
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        // Kinds may carry a server's words: a server that invents new ones must not fill the memory.
        reported.retain(|_, at| now.duration_since(*at) < REPEAT_AFTER);
        if reported.len() < 100 && !reported.contains_key(kind) {
            reported.insert(kind.to_owned(), now);
            drop(reported);
            (self.sink)(text());
        }
    }
}

impl NatsEngine {
    /// Connects in the background, and again whenever the connection is lost.
    ///
    /// # Errors
    ///
    /// The settings are unusable: in words.
    pub async fn connect(settings: &NatsSettings, sink: TroubleSink) -> Result<NatsEngine, String> {
        let trouble = Arc::new(TroubleLog { sink, reported: Mutex::default() });
        let (link, receive_link) = watch::channel(Link::Down);
        let (who, log) = (settings.who.clone(), trouble.clone());
        let count = std::sync::atomic::AtomicU64::new(0);
        let options = ConnectOptions::new()
            .name(format!("progress-bridge {who}"))
            .custom_inbox_prefix(format!("_INBOX_{who}"))
            .retry_on_initial_connect()
            .connection_timeout(REQUEST_TIMEOUT)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .ping_interval(PING_INTERVAL)
            .client_capacity(CLIENT_CAPACITY)
            .reconnect_delay_callback(reconnect_delay)
            .event_callback(move |event| {
                match event {
                    ClientEvent::Connected => {
                        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                        link.send_replace(Link::Up(number));
                    }
                    ClientEvent::Disconnected | ClientEvent::Closed => {
                        link.send_replace(Link::Down);
                    }
                    ClientEvent::ServerError(error) => report_server_error(&log, &who, &error),
                    ClientEvent::ClientError(error) => {
                        let text = error.to_string();
                        log.report(&text, || format!("nats: {text}; trying again"));
                    }
                    ClientEvent::LameDuckMode | ClientEvent::Draining | ClientEvent::SlowConsumer(_) => {}
                }
                ready(())
            });
        let options = match &settings.login {
            NatsLogin::None => options,
            NatsLogin::Credentials(file) => {
                let unusable =
                    |cause| format!("cannot use the credentials in {}: {cause}; give the .creds file of this login", file.display());
                options.credentials_file(file).await.map_err(unusable)?
            }
            NatsLogin::Nkey(seed) => options.nkey(seed.clone()),
            NatsLogin::Password { user, password } => options.user_and_password(user.clone(), password.clone()),
        };
        let options = match &settings.ca {
            Some(file) => options.add_root_certificates(file.clone()),
            None => options,
        };
        let servers: Vec<&str> = settings.servers.split(',').collect();
        let client = options.connect(servers).await.map_err(|error| format!("cannot use {}: {error}", settings.servers))?;
        let mut context = jetstream::new(client);
        context.set_timeout(REQUEST_TIMEOUT);
        let events = context.get_stream_no_info(EVENT_STREAM).await.map_err(|error| error.to_string())?;
        Ok(NatsEngine { context, events, link: receive_link, instance: crate::hub::random_id().into(), trouble })
    }

    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    pub fn report(&self, kind: &str, text: impl FnOnce() -> String) {
        self.trouble.report(kind, text);
    }

    /// The last message of the task; `None` when there is none.
    pub async fn last_event(&self, origin: &TaskOrigin) -> Result<Option<LastEvent>, RequestFailed> {
        match self.events.direct_get_last_for_subject(origin.event_subject()).await {
            Ok(message) => {
                let header = |name: &str| message.headers.get(name).map(|value| value.as_str());
                // A message without an id is no event of ours, and none that the log can know.
                let id = header(ID_HEADER).and_then(|id| Uuid::parse_str(id).ok()).unwrap_or_default();
                Ok(Some(LastEvent { id: EventId(id), number: message.sequence, is_own: header(INSTANCE_HEADER) == Some(&*self.instance) }))
            }
            Err(error) => match error.kind() {
                DirectGetErrorKind::NotFound => Ok(None),
                DirectGetErrorKind::ErrorResponse(StatusCode::NO_RESPONDERS, _) => Err(self.no_stream()),
                DirectGetErrorKind::TimedOut => Err(self.no_answer()),
                DirectGetErrorKind::ErrorResponse(..)
                | DirectGetErrorKind::InvalidSubject
                | DirectGetErrorKind::Request
                | DirectGetErrorKind::Other => Err(self.failed(&error)),
            },
        }
    }

    /// Appends the event, on the condition that the last message of its task is that of the number `expected`. Returns its number.
    pub async fn append(&self, origin: &TaskOrigin, published: &PublishedEvent, expected: u64) -> Result<u64, AppendError> {
        let mut headers = HeaderMap::new();
        for (name, value) in message::headers(&published.event, origin, &self.instance) {
            headers.insert(name, value.as_str());
        }
        let message = PublishMessage::build()
            .headers(headers)
            .payload(message::body(&published.event, published.json()).into())
            .expected_last_subject_sequence(expected)
            .expected_stream(EVENT_STREAM);
        self.publish(origin.event_subject(), message).await
    }

    /// Replaces what a key of the task holds.
    pub async fn put(&self, origin: &TaskOrigin, key: StateKey, body: Vec<u8>) -> Result<(), RequestFailed> {
        let message = PublishMessage::build().payload(body.into());
        self.publish(origin.state_subject(key), message).await.map(|_| ()).map_err(|_| RequestFailed)
    }

    async fn publish(&self, subject: String, message: PublishMessage) -> Result<u64, AppendError> {
        let answer = async { self.context.send_publish(subject, message).await?.await };
        match answer.await {
            Ok(ack) => Ok(ack.sequence),
            Err(error) => Err(self.append_error(&error)),
        }
    }

    fn append_error(&self, error: &PublishError) -> AppendError {
        let RequestFailed = match error.kind() {
            PublishErrorKind::WrongLastSequence => return AppendError::Conflict,
            PublishErrorKind::StreamNotFound => self.no_stream(),
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => self.no_answer(),
            PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::MaxPayloadExceeded
            | PublishErrorKind::Other => self.failed(error),
        };
        AppendError::Failed
    }

    fn no_stream(&self) -> RequestFailed {
        self.report("no stream", || {
            "nats: the server has no stream PB_EVENTS or no JetStream: start progress-bridge fleet --nats there once; trying again"
                .to_owned()
        });
        RequestFailed
    }

    fn no_answer(&self) -> RequestFailed {
        // A denied request has no answer either; its reason has come as an event of the connection.
        self.report("no answer", || "nats: the server does not answer; what is new waits here, and is sent once it does".to_owned());
        RequestFailed
    }

    fn failed(&self, error: &dyn std::error::Error) -> RequestFailed {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            text.push_str(&format!(": {deeper}"));
            cause = deeper.source();
        }
        self.report(&text, || format!("nats: {text}; trying again"));
        RequestFailed
    }
}

fn report_server_error(log: &TroubleLog, who: &SubjectToken, error: &ServerError) {
    let text = error.to_string();
    // Permissions Violation for Publish to "pb.ev.bob.x"
    let subject = text.to_lowercase().contains("permissions violation").then(|| text.split('"').nth(1)).flatten();
    match subject {
        Some(subject) => log.report(&text, || {
            format!("nats: this login may not use {subject} as {who}: give --as the name that it is for, or ask for the right")
        }),
        None => log.report(&text, || format!("nats: the server says: {text}")),
    }
}

fn reconnect_delay(attempts: usize) -> Duration {
    backoff::delay(FIRST_RECONNECT, LONGEST_RECONNECT, u32::try_from(attempts).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_reported_once_in_a_while() {
        let reports: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = reports.clone();
        let sink: TroubleSink = Arc::new(move |text| kept.lock().expect("no one panics").push(text));
        let log = TroubleLog { sink, reported: Mutex::default() };
        let denied = ServerError::Other("Permissions Violation for Publish to \"pb.ev.bob.x\"".to_owned());
        for _ in 0..3 {
            report_server_error(&log, &SubjectToken::new("alice"), &denied);
        }
        let words = "nats: this login may not use pb.ev.bob.x as alice: give --as the name that it is for, or ask for the right";
        assert_eq!(*reports.lock().expect("no one panics"), [words]);
    }
}
