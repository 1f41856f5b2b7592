//! The streams: what is said around the events (`hello`, `gap`, `busy`, `bye`, heartbeats) and the answer they go out in.
//!
//! Frames of events and states come ready from the hub. Every rule here was measured against real clients: `id`, `event` and one
//! line of `data` in every frame, `retry` only beside data, exactly this Content-Type, and never an error status for passing trouble.

mod progress;
mod states;

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use uuid::Uuid;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use warp::http::{HeaderMap, Method};
use warp::reply::{Reply, Response};

use super::metrics::{Counters, Gauge, Opened};
use super::query::Asked;
use super::refusal::Refusal;
use super::{Serving, Stopping};
use crate::event::SCHEMA;
use crate::hub::{Cursor, Start, sse_frame};

/// What a browser waits before it comes back, plus or minus [`RETRY_JITTER`], so that a restart does not bring all at once.
const RETRY_MS: u64 = 2_000;
const RETRY_JITTER: u64 = 600;

/// The same for clients that found no seat.
const BUSY_RETRY_MS: u64 = 30_000;

/// One write's worth: more waits until the client has taken this.
const WRITE_BYTES: usize = 64 * 1024;

/// Without the empty line that would end a frame: some clients (httpx-sse) make an empty event of that once they know an id.
const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n");

/// `GET /stream/progress`.
pub(super) fn progress(asked: Asked, serving: Arc<Serving>) -> Result<Response, Refusal> {
    let filter = asked.filter()?;
    if asked.method == Method::HEAD {
        return Ok(event_stream(Response::default()));
    }
    let resume = asked.last_event_id();
    let reader = serving.hub.subscribe_first(resume.as_deref().map_or(Start::Buffer, Start::Resume));
    // What the client has, if it can be said: losing the connection before the gap is told must not hide the gap.
    let place = resume.and_then(|text| text.parse().ok()).unwrap_or_else(|| reader.cursor());
    Ok(match Seat::take(&serving, |counters| &counters.progress) {
        Some(seat) => streamed(progress::Progress::new(&serving, seat, reader, filter, place)),
        None => busy(&serving, &place),
    })
}

/// `GET /stream/state`.
pub(super) fn states(asked: Asked, serving: Arc<Serving>) -> Result<Response, Refusal> {
    if asked.method == Method::HEAD {
        return Ok(event_stream(Response::default()));
    }
    Ok(match Seat::take(&serving, |counters| &counters.states) {
        Some(seat) => streamed(states::States::new(&serving, seat)),
        None => busy(&serving, &serving.hub.snapshot().cursor),
    })
}

/// One client's stream, as a source of writes.
trait Feed: Send + Sync + 'static {
    /// The next bytes to write, in whole frames; `None` is the clean end.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>> + Send + Sync;
}

/// A place among `--max-clients`, held until the stream ends.
struct Seat {
    _permit: OwnedSemaphorePermit,
    _counted: Opened,
}

impl Seat {
    fn take(serving: &Serving, of: fn(&Counters) -> &Gauge) -> Option<Seat> {
        let permit = serving.seats.clone().try_acquire_owned().ok()?;
        Some(Seat { _permit: permit, _counted: Opened::new(&serving.counters, of) })
    }
}

fn streamed(feed: impl Feed) -> Response {
    event_stream(warp::reply::stream(chunks(feed)).into_response())
}

fn chunks(feed: impl Feed) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + Sync {
    stream::unfold(feed, |mut feed| async { feed.next().await.map(|bytes| (Ok(bytes), feed)) })
}

/// A 200: a browser would never come back after a 503.
fn busy(serving: &Serving, place: &Cursor) -> Response {
    serving.counters.busy();
    #[derive(Serialize)]
    struct Busy {
        reason: &'static str,
        retry_ms: u64,
    }
    let frame = control(place, "busy", &Busy { reason: "too many clients", retry_ms: BUSY_RETRY_MS }, Some(BUSY_RETRY_MS));
    event_stream(Response::new(frame.into()))
}

fn event_stream(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // nginx collects a response before it passes it on, unless told otherwise.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn hello(serving: &Serving, place: &dyn Display, heartbeat: Duration) -> Bytes {
    #[derive(Serialize)]
    struct Hello<'a> {
        schema: u32,
        version: &'static str,
        epoch: &'a str,
        heartbeat_ms: u128,
        server_time: crate::clock::Timestamp,
    }
    let hello = Hello {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        epoch: serving.hub.epoch(),
        heartbeat_ms: heartbeat.as_millis(),
        server_time: crate::clock::Timestamp::now(),
    };
    let random = Uuid::new_v4().as_u64_pair().1;
    let retry = RETRY_MS - RETRY_JITTER + random % (2 * RETRY_JITTER + 1);
    control(place, "hello", &hello, Some(retry))
}

fn bye(place: &dyn Display) -> Bytes {
    #[derive(Serialize)]
    struct Bye {
        reason: &'static str,
    }
    control(place, "bye", &Bye { reason: "the bridge is ending" }, None)
}

fn control(place: &dyn Display, event: &str, data: &impl Serialize, retry: Option<u64>) -> Bytes {
    let data = serde_json::to_vec(data).expect("control data is plain: it cannot fail to serialise");
    sse_frame(place, event, &data, retry)
}

/// Frames on their way into one write.
#[derive(Debug, Default)]
struct Writing {
    first: Bytes,
    more: BytesMut,
}

impl Writing {
    fn push(&mut self, frame: Bytes) {
        if self.first.is_empty() {
            // Alone, it goes out as it is, shared with all other clients.
            self.first = frame;
            return;
        }
        if self.more.is_empty() {
            self.more.extend_from_slice(&self.first);
        }
        self.more.extend_from_slice(&frame);
    }

    fn len(&self) -> usize {
        self.first.len().max(self.more.len())
    }

    fn finish(self) -> Option<Bytes> {
        let bytes = if self.more.is_empty() { self.first } else { self.more.freeze() };
        (!bytes.is_empty()).then_some(bytes)
    }
}

/// Says when it is time to show that we are alive. A client that was too slow to hear of it gets one, not all that it missed.
fn heartbeats(interval: Duration) -> Interval {
    let mut heartbeats = tokio::time::interval_at(Instant::now() + interval, interval);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeats
}

/// The server's end, waited for once and for all: a new wait per event would cost more than the event.
struct Ending(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl Ending {
    fn new(stopping: &Stopping) -> Self {
        Ending(Box::pin(stopping.clone().stopped()))
    }

    async fn comes(&mut self) {
        self.0.as_mut().await;
    }
}
