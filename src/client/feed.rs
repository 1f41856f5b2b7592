//! Follows a route of another bridge for ever: by its stream first, by polling where streams do not come through.
//!
//! A proxy that buffers holds a stream back without a word: when the first frame does not come in time, the feed polls. Whatever breaks is
//! tried again, the stream first, with a growing and jittered delay. Every message carries what the route sends; what it means is the
//! receiver's.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderName;
use sse_stream::SseByteStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::backoff;
use crate::client::http::{self, HttpClient, RequestError};
use crate::clock::Timestamp;
use crate::recent_set::RecentSet;

/// A stream without its first frame after this time is held back by somebody.
const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(10);
/// The server sends at least a heartbeat every 5 s on one route and every 15 s on the other.
const SILENT_AFTER: Duration = Duration::from_secs(20);
/// How long one poll may wait for something new.
const POLL_WAIT: Duration = Duration::from_secs(25);
/// How long polling goes on before the stream is tried again.
const POLL_FOR: Duration = Duration::from_secs(600);
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// Known ids of events. The log of the other bridge holds as many events.
const KNOWN_IDS: usize = 10_000;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Whole states: the last one counts.
    State,
    /// Events: each once.
    Events,
}

/// What a feed sends.
#[derive(Debug)]
pub enum FeedMessage {
    /// JSON of a state, or of an event.
    Data(String),
    /// Something came, if only a heartbeat, perhaps with the time over there: what is shown is live.
    Alive {
        server_time: Option<Timestamp>,
    },
    Status(FeedStatus),
}

/// How it stands with a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedStatus {
    Streaming,
    Polling,
    /// Nothing comes. `attempt` counts the tries from 1; the next one begins after `retry_in`.
    CutOff {
        attempt: u32,
        retry_in: Duration,
        reason: String,
        refused: bool,
    },
}

/// One route, followed.
#[derive(Debug)]
pub struct Feed {
    client: HttpClient,
    route: Route,
    to: mpsc::Sender<FeedMessage>,
    /// The ids of the last events, to drop what a restarted bridge sends again.
    known: RecentSet<String>,
    /// Where the stream goes on.
    cursor: Option<String>,
    etag: String,
    failures: u32,
}

/// The receiver has gone: the feed ends.
#[derive(Debug)]
struct ReceiverGone;

/// Why one way of following has ended.
#[derive(Debug)]
enum Ended {
    ReceiverGone,
    /// The stream is held back.
    HeldBack,
    /// The stream has ended.
    Closed,
    /// Polling went well for long: the stream may come through now.
    StreamDue,
    Broken(RequestError),
}

impl From<ReceiverGone> for Ended {
    fn from(ReceiverGone: ReceiverGone) -> Self {
        Ended::ReceiverGone
    }
}

impl From<RequestError> for Ended {
    fn from(error: RequestError) -> Self {
        Ended::Broken(error)
    }
}

impl Feed {
    pub fn new(client: HttpClient, route: Route, to: mpsc::Sender<FeedMessage>) -> Feed {
        Feed { client, route, to, known: RecentSet::new(KNOWN_IDS), cursor: None, etag: String::new(), failures: 0 }
    }

    /// Follows until the receiver is dropped.
    pub async fn run(mut self) {
        loop {
            let mut ended = self.stream().await;
            if let Ended::HeldBack = ended {
                ended = self.poll().await;
            }
            let (reason, refused) = match ended {
                Ended::ReceiverGone => return,
                Ended::StreamDue => continue,
                Ended::HeldBack | Ended::Closed => ("the connection was closed".to_owned(), false),
                Ended::Broken(error) => {
                    let refused = matches!(error, RequestError::Refused(status, _) if status.is_client_error());
                    (error.to_string(), refused)
                }
            };
            if self.pause(reason, refused).await.is_err() {
                return;
            }
        }
    }

    /// Says why nothing comes, and waits before the next try.
    async fn pause(&mut self, reason: String, refused: bool) -> Result<(), ReceiverGone> {
        self.failures = self.failures.saturating_add(1);
        let retry_in = backoff::delay(FIRST_DELAY, LONGEST_DELAY, self.failures);
        let status = FeedStatus::CutOff { attempt: self.failures, retry_in, reason, refused };
        self.send(FeedMessage::Status(status)).await?;
        tokio::select! {
            () = tokio::time::sleep(retry_in) => Ok(()),
            () = self.to.closed() => Err(ReceiverGone),
        }
    }

    async fn send(&self, message: FeedMessage) -> Result<(), ReceiverGone> {
        self.to.send(message).await.map_err(|_| ReceiverGone)
    }

    /// Reads the stream to its end.
    async fn stream(&mut self) -> Ended {
        let path = match self.route {
            Route::State => "/stream/state",
            Route::Events => "/stream/progress",
        };
        let asked = Instant::now();
        let mut headers = Vec::new();
        if let (Route::Events, Some(cursor)) = (self.route, &self.cursor) {
            headers.push((LAST_EVENT_ID, cursor.as_str()));
        }
        let response = match self.client.get(path, &headers, Duration::ZERO).await {
            Ok(response) => response,
            // A proxy that waits for the end of the body before it answers.
            Err(RequestError::TimedOut) => return Ended::HeldBack,
            Err(error) => return Ended::Broken(error),
        };
        let mut frames = SseByteStream::new(bytes_of(response.into_body()));
        let mut is_live = false;
        loop {
            let next = if is_live {
                frames.next().await
            } else {
                match timeout(FIRST_FRAME_WITHIN.saturating_sub(asked.elapsed()), frames.next()).await {
                    Ok(next) => next,
                    Err(_) => return Ended::HeldBack,
                }
            };
            let frame = match next {
                Some(Ok(frame)) => frame,
                None => return Ended::Closed,
                Some(Err(error)) => return Ended::Broken(RequestError::Unreachable(error_text(&error))),
            };
            if frame.event.as_deref() == Some("busy") {
                return Ended::Broken(RequestError::Unreachable("it has as many clients as it takes".to_owned()));
            }
            if !std::mem::replace(&mut is_live, true) {
                self.failures = 0;
                if self.send(FeedMessage::Status(FeedStatus::Streaming)).await.is_err() {
                    return Ended::ReceiverGone;
                }
            }
            if let Some(ended) = self.frame(frame).await {
                return ended;
            }
        }
    }

    async fn frame(&mut self, frame: sse_stream::Sse) -> Option<Ended> {
        if let Some(id) = frame.id.filter(|id| !id.is_empty()) {
            self.cursor = Some(id);
        }
        let data = frame.data.unwrap_or_default();
        let sent = match (frame.event.as_deref().unwrap_or("message"), self.route) {
            ("bye", _) => return Some(Ended::Broken(RequestError::Unreachable("the bridge there has ended".to_owned()))),
            ("heartbeat", _) => self.send(FeedMessage::Alive { server_time: server_time(&data) }).await,
            ("hello" | "gap", _) => self.send(FeedMessage::Alive { server_time: None }).await,
            ("state", Route::State) => self.send(FeedMessage::Data(data)).await,
            (_, Route::State) => Ok(()),
            (_, Route::Events) => self.event(data).await,
        };
        sent.err().map(|ReceiverGone| Ended::ReceiverGone)
    }

    async fn event(&mut self, json: String) -> Result<(), ReceiverGone> {
        #[derive(serde::Deserialize)]
        struct Identified {
            id: String,
        }
        // What is no event, a newer bridge may send; it is nothing to show.
        let is_new = serde_json::from_str::<Identified>(&json).is_ok_and(|event| self.known.insert(event.id));
        if is_new { self.send(FeedMessage::Data(json)).await } else { Ok(()) }
    }

    /// Asks again and again, until it is time to try the stream.
    async fn poll(&mut self) -> Ended {
        let until = Instant::now() + POLL_FOR;
        let mut is_live = false;
        while Instant::now() < until {
            let polled = match self.route {
                Route::State => self.poll_state(is_live).await,
                Route::Events => self.poll_events(is_live).await,
            };
            if let Err(ended) = polled {
                return ended;
            }
            is_live = true;
        }
        Ended::StreamDue
    }

    /// The first answer is wanted at once: it shows whether polling works.
    async fn answered(&mut self, is_live: bool) -> Result<(), ReceiverGone> {
        self.failures = 0;
        let message = if is_live { FeedMessage::Alive { server_time: None } } else { FeedMessage::Status(FeedStatus::Polling) };
        self.send(message).await
    }

    async fn poll_state(&mut self, is_live: bool) -> Result<(), Ended> {
        let (path, wait) = if is_live { ("/api/state?wait=25", POLL_WAIT) } else { ("/api/state", Duration::ZERO) };
        let etag = if is_live { self.etag.clone() } else { String::new() };
        let state = match self.client.get_unless(path, &etag, wait).await? {
            Some((response, etag)) => {
                self.etag = etag;
                Some(text(&http::body(response).await?))
            }
            None => None,
        };
        self.answered(is_live).await?;
        match state {
            Some(state) => Ok(self.send(FeedMessage::Data(state)).await?),
            None => Ok(()),
        }
    }

    async fn poll_events(&mut self, is_live: bool) -> Result<(), Ended> {
        #[derive(serde::Deserialize)]
        struct Page {
            events: Vec<Box<serde_json::value::RawValue>>,
            cursor: String,
        }
        let wait = if is_live { POLL_WAIT } else { Duration::ZERO };
        let after = self.cursor.as_deref().map(|cursor| format!("&after={cursor}")).unwrap_or_default();
        let response = self.client.get(&format!("/api/events?wait={}{after}", wait.as_secs()), &[], wait).await?;
        let body = http::body(response).await?;
        let page: Page =
            serde_json::from_slice(&body).map_err(|error| RequestError::Unreachable(format!("no events in its answer: {error}")))?;
        self.answered(is_live).await?;
        for event in page.events {
            self.event(event.get().to_owned()).await?;
        }
        self.cursor = Some(page.cursor);
        Ok(())
    }
}

/// The bytes of a body; silence is an error.
fn bytes_of(body: Incoming) -> impl Stream<Item = Result<Bytes, RequestError>> + Unpin {
    Box::pin(stream::unfold(Some(body), async |body| {
        let mut body = body?;
        loop {
            match timeout(SILENT_AFTER, body.frame()).await {
                Ok(None) => return None,
                Ok(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Some((Ok(bytes), Some(body)));
                    }
                }
                Ok(Some(Err(error))) => return Some((Err(RequestError::Unreachable(error.to_string())), None)),
                Err(_) => return Some((Err(RequestError::TimedOut), None)),
            }
        }
    }))
}

/// The time in a heartbeat.
fn server_time(json: &str) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct HeartbeatTime {
        server_time: Timestamp,
    }
    serde_json::from_str::<HeartbeatTime>(json).ok().map(|heartbeat| heartbeat.server_time)
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn error_text(error: &sse_stream::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}
