//! The streams: the responses and the control frames between the events (`hello`, `gap`, `busy`, `bye`, heartbeats).
//!
//! The hub makes the frames of events and states. Every rule here was measured against real clients: `id`, `event` and one line of
//! `data` in every frame, `retry` only beside data, exactly this Content-Type, and no error status for a temporary failure.

mod activity;
mod interruptions;
mod progress;
mod states;

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use serde::Serialize;
use uuid::Uuid;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use warp::http::{HeaderMap, Method};
use warp::reply::{Reply, Response};

use self::activity::ActivityFeed;
use super::api_error::ApiError;
use super::client_permit::ClientPermit;
use super::conn::LongResponse;
use super::query::HttpRequest;
use super::{ServerContext, audience};
use crate::event::SCHEMA;
use crate::hub::{Cursor, GapReason, PayloadEvicted, StartPosition, sse_frame};

/// Reconnect delay of a browser, plus or minus [`RETRY_JITTER`], so that clients do not all reconnect at one time after a restart.
const RETRY_MS: u64 = 2_000;
const RETRY_JITTER: u64 = 600;

/// Reconnect delay of a client that got no permit.
const BUSY_RETRY_MS: u64 = 30_000;

/// Size at which a write is full; further frames wait until the client has accepted it.
const WRITE_BYTES: usize = 64 * 1024;

/// A comment without the empty line that ends a frame: with it, some clients (httpx-sse) report an empty event once they have an id.
const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n");

/// `GET /stream/progress`.
pub(super) fn progress(request: HttpRequest, server: Arc<ServerContext>) -> Result<Response, ApiError> {
    let filter = request.filter()?;
    if request.method == Method::HEAD {
        return Ok(with_stream_headers(Response::default()));
    }
    let resume = request.last_event_id();
    let reader = server.hub.subscribe_inline(resume.as_deref().map_or(StartPosition::Buffer, StartPosition::Resume));
    let cursor = reader.cursor();
    let level = audience::level(&server.settings, request.peer.as_ref(), &request.headers);
    let activity = filter.wants_activity().then(|| ActivityFeed::new(&server.hub, level));
    Ok(match ClientPermit::try_acquire(&server, |counters| &counters.progress) {
        Some(permit) => stream_response(progress::ProgressStream::new(&server, permit, reader, filter, activity, cursor)),
        None => busy(&cursor),
    })
}

/// `GET /stream/state`.
pub(super) async fn states(request: HttpRequest, server: Arc<ServerContext>) -> Result<Response, ApiError> {
    let query = request.tasks()?;
    if request.method == Method::HEAD {
        return Ok(with_stream_headers(Response::default()));
    }
    Ok(match ClientPermit::try_acquire(&server, |counters| &counters.states) {
        Some(permit) => {
            let level = audience::level(&server.settings, request.peer.as_ref(), &request.headers);
            let first = server.hub.selected(&query).await;
            stream_response(states::StateStream::new(&server, permit, level, query, first))
        }
        None => busy(&server.hub.snapshot().cursor),
    })
}

/// One client's stream: yields the bytes to write.
trait EventStream: Send + Sync + 'static {
    /// The next bytes to write: whole frames, or the next piece of a large one; `None` at the end of the stream. After an error the
    /// connection is reset.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, PayloadEvicted>>> + Send + Sync;
}

fn stream_response(stream: impl EventStream) -> Response {
    let mut response = with_stream_headers(warp::reply::stream(chunks(stream)).into_response());
    response.extensions_mut().insert(LongResponse);
    response
}

fn chunks(stream: impl EventStream) -> impl Stream<Item = Result<Bytes, PayloadEvicted>> + Send + Sync {
    futures_util::stream::unfold(stream, |mut stream| async { stream.next().await.map(|bytes| (bytes, stream)) })
}

/// The response without a permit. Its status is 200, because a browser never reconnects after a 503.
fn busy(cursor: &Cursor) -> Response {
    #[derive(Serialize)]
    struct Busy {
        reason: &'static str,
        retry_ms: u64,
    }
    let frame = control(cursor, "busy", &Busy { reason: "too many clients", retry_ms: BUSY_RETRY_MS }, Some(BUSY_RETRY_MS));
    with_stream_headers(Response::new(frame.into()))
}

fn with_stream_headers(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // Without it nginx buffers the response.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn hello(server: &ServerContext, cursor: &dyn Display, heartbeat: Duration) -> Bytes {
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
        epoch: server.hub.epoch(),
        heartbeat_ms: heartbeat.as_millis(),
        server_time: crate::clock::Timestamp::now(),
    };
    let random = Uuid::new_v4().as_u64_pair().1;
    let retry = RETRY_MS - RETRY_JITTER + random % (2 * RETRY_JITTER + 1);
    control(cursor, "hello", &hello, Some(retry))
}

fn bye(cursor: &dyn Display) -> Bytes {
    #[derive(Serialize)]
    struct Bye {
        reason: &'static str,
    }
    control(cursor, "bye", &Bye { reason: "the bridge is ending" }, None)
}

fn control(cursor: &dyn Display, event: &str, data: &impl Serialize, retry: Option<u64>) -> Bytes {
    let data = serde_json::to_vec(data).expect("control data is plain: it cannot fail to serialise");
    sse_frame(cursor, event, &data, retry)
}

/// The data of a `gap` frame, and the `gap` of a polled page.
#[derive(Debug, Serialize)]
pub(super) struct GapData {
    reason: GapReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
}

impl GapData {
    pub(super) fn new(reason: GapReason, oldest: Option<Cursor>) -> Self {
        GapData { reason, oldest: oldest.map(|oldest| oldest.to_string()) }
    }
}

/// Collects frames for one write.
#[derive(Debug, Default)]
struct FrameBuffer {
    first: Bytes,
    more: BytesMut,
}

impl FrameBuffer {
    fn push(&mut self, frame: Bytes) {
        if self.first.is_empty() {
            // A single frame is not copied: all clients share its bytes.
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
