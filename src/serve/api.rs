//! Polling, for clients and networks where streams do not work. No rate limit: the client chooses its interval.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tokio::time::Instant;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::{Reply, Response};
use xxhash_rust::xxh3::xxh3_64;

use super::api_error::ApiError;
use super::client_permit::ClientPermit;
use super::metrics;
use super::query::{EventFilter, HttpRequest};
use super::sse::GapData;
use super::{ServerContext, audience};
use crate::event::SCHEMA;
use crate::hub::{Batch, Cursor, PayloadEvicted, PayloadReader, Snapshot, StartPosition, StatePayload};
use crate::model::agent::AgentLevel;
use crate::model::state::{StoryState, TaskQuery};

/// Longest `wait`, in seconds. Proxies commonly give up after a minute.
const MAX_WAIT: u64 = 60;

/// More than a log takes to come to a cursor, or to give it up.
const CATCH_UP_WAIT: Duration = Duration::from_secs(5);
/// A response waits so long for the first snapshot: longer than the reading takes to make one, at all events.
const FIRST_SNAPSHOT_WAIT: Duration = Duration::from_secs(10);

/// Largest and default number of events in a response.
const MAX_EVENTS: u64 = 10_000;
const DEFAULT_EVENTS: u64 = 1_000;

/// A page of events with so many bytes is full: a client that does not read holds no more.
const PAGE_BYTES: usize = 256 * 1024;

/// `GET /api/state`: the snapshot, or the tasks of it that are asked for. With `If-None-Match` and `wait`, the response waits for a newer one.
pub(super) async fn state(request: HttpRequest, server: Arc<ServerContext>) -> Result<Response, ApiError> {
    let wait = parse_wait(&request)?;
    let process = server.hub.instance();
    let level = audience::level(&server.settings, request.peer.as_ref(), &request.headers);
    let query = request.tasks()?;
    let mut snapshot = first_snapshot(&server).await;
    let etag_of = |snapshot: &Snapshot| etag(process, snapshot, level, &query);
    if etag_matches(&request.headers, &etag_of(&snapshot)) && !wait.is_zero() {
        let _permit = permit_to_wait(&server)?;
        tokio::select! {
            newer = server.hub.snapshot_after(snapshot.version) => snapshot = newer.unwrap_or(snapshot),
            () = tokio::time::sleep(wait) => {}
            () = server.shutdown.clone().requested() => {}
        }
    }
    if !query.is_open() {
        snapshot = server.hub.selected(&query).await;
    }
    let etag = etag_of(&snapshot);
    let mut response = match etag_matches(&request.headers, &etag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => match snapshot.json(level) {
            StatePayload::Whole(body) => json(body),
            StatePayload::Large(body) => as_json(warp::reply::stream(pieces(body)).into_response()),
        },
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // The cursor of the snapshot: a client that reads events from there misses none.
    insert(headers, HeaderName::from_static("last-event-id"), &snapshot.cursor.to_string());
    insert(headers, ETAG, &etag);
    Ok(response)
}

/// The snapshot; right after the start, the first one once it is there.
async fn first_snapshot(server: &ServerContext) -> Arc<Snapshot> {
    let snapshot = server.hub.current_snapshot().await;
    if snapshot.version > 0 {
        return snapshot;
    }
    tokio::select! {
        first = server.hub.snapshot_after(0) => first.unwrap_or(snapshot),
        () = tokio::time::sleep(FIRST_SNAPSHOT_WAIT) => snapshot,
        () = server.shutdown.clone().requested() => snapshot,
    }
}

/// `GET /api/stories/{task}/{story}`: one story whole, with the criteria and attempts that the snapshot leaves out. Both segments are
/// percent-encoded; the story goes by its id, else by its title.
pub(super) async fn story(task: &str, story: &str, server: &ServerContext) -> Result<Response, ApiError> {
    let (task_id, name) = (decode_segment(task), decode_segment(story));
    let snapshot = server.hub.selected(&TaskQuery::of_id(&task_id)).await;
    let task = snapshot.state.tasks.iter().find(|task| *task.task_id == *task_id);
    let found = task.and_then(|task| {
        let named = |story: &&StoryState| story.story_id.as_ref().or(story.title.as_ref()).is_some_and(|own| **own == *name);
        task.all_stories().find(named)
    });
    let Some(found) = found else {
        let hint = "take task_id and story_id (else title) from /api/state, percent-encoded";
        return Err(ApiError::new(StatusCode::NOT_FOUND, "no_such_story", "no task has such a story", hint));
    };
    let mut response = warp::reply::json(&found.whole()).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Leaves alone what is no escape of a byte.
fn decode_segment(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// `GET /api/events`: the events after the cursor `after` (without it, from the oldest in the log), and the cursor for the next request.
pub(super) async fn events(request: HttpRequest, server: Arc<ServerContext>) -> Result<Response, ApiError> {
    let filter = request.filter()?;
    let limit = request.number("limit", 1..=MAX_EVENTS)?.unwrap_or(DEFAULT_EVENTS);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let wait = parse_wait(&request)?;
    let mut permit = None;
    let mut reader = server.hub.subscribe(request.value("after").map_or(StartPosition::Oldest, StartPosition::Resume));
    // A log that is a moment behind the cursor can only say so after that moment.
    let wait = if reader.is_catching_up() { wait.max(CATCH_UP_WAIT) } else { wait };
    let deadline = Instant::now() + wait;
    let mut page = EventsPage::default();
    loop {
        while page.events.len() < limit
            && page.bytes < PAGE_BYTES
            && let Some(batch) = reader.try_next_up_to(limit - page.events.len())
        {
            page.add(batch, &filter);
        }
        if !page.is_empty() || wait.is_zero() {
            break;
        }
        if permit.is_none() {
            permit = Some(permit_to_wait(&server)?);
        }
        let batch = tokio::select! {
            batch = reader.next_up_to(limit) => batch,
            () = tokio::time::sleep_until(deadline) => None,
            () = server.shutdown.clone().requested() => None,
        };
        match batch {
            Some(batch) => page.add(batch, &filter),
            None => break,
        }
    }
    let mut response = json(page.to_json(&reader.cursor()));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `GET /healthz`: a response proves that the process is alive. The route needs no token, so it counts files and does not name them.
pub(super) async fn health(server: &ServerContext) -> Response {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
        files: BTreeMap<&'static str, usize>,
    }
    let files = metrics::files_by_condition(&server.hub.current_snapshot().await.state.files).into();
    let mut response = warp::reply::json(&Health { status: "ok", files }).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /version`.
pub(super) fn version() -> Response {
    #[derive(Serialize)]
    struct VersionInfo {
        name: &'static str,
        version: &'static str,
        schema: u32,
    }
    warp::reply::json(&VersionInfo { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION"), schema: SCHEMA }).into_response()
}

/// The body of one `/api/events` response.
#[derive(Debug, Default)]
struct EventsPage {
    events: Vec<Bytes>,
    /// Of all events.
    bytes: usize,
    gap: Option<GapData>,
}

impl EventsPage {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.gap.is_none()
    }

    fn add(&mut self, batch: Batch, filter: &EventFilter) {
        match batch {
            Batch::Events(entries) => {
                for entry in entries.iter().filter(|entry| filter.matches(&entry.event)) {
                    self.bytes += entry.json().len();
                    self.events.push(entry.json_bytes());
                }
            }
            Batch::Gap { reason, oldest } => self.gap = Some(GapData::new(reason, oldest)),
        }
    }

    /// Joins the events' own bytes, which are JSON already.
    fn to_json(&self, cursor: &Cursor) -> Bytes {
        let mut body = BytesMut::from(&b"{\"events\":["[..]);
        for (index, event) in self.events.iter().enumerate() {
            if index > 0 {
                body.extend_from_slice(b",");
            }
            body.extend_from_slice(event);
        }
        body.extend_from_slice(format!("],\"cursor\":\"{cursor}\"").as_bytes());
        if let Some(gap) = &self.gap {
            let gap = serde_json::to_vec(gap).expect("a gap is plain data: it cannot fail to serialise");
            body.extend_from_slice(b",\"gap\":");
            body.extend_from_slice(&gap);
        }
        body.extend_from_slice(b"}");
        body.freeze()
    }
}

/// A poll that waits is a client like a stream. Without room it is told so, in a way that only programs read.
fn permit_to_wait(server: &ServerContext) -> Result<ClientPermit, ApiError> {
    let busy = || ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many clients", "ask again later, or without wait");
    ClientPermit::try_acquire(server, |counters| &counters.polls).ok_or_else(busy)
}

fn parse_wait(request: &HttpRequest) -> Result<Duration, ApiError> {
    Ok(Duration::from_secs(request.number("wait", 0..=MAX_WAIT)?.unwrap_or(0)))
}

/// Names the process, because versions begin again in every process while an epoch may outlive one.
/// Readers of different levels get different states of one version.
/// So do different questions.
fn etag(process: &str, snapshot: &Snapshot, level: AgentLevel, query: &TaskQuery) -> String {
    let reduced = match level {
        AgentLevel::Off if snapshot.has_agents() => "-off",
        AgentLevel::Status if snapshot.has_agents() => "-status",
        AgentLevel::Off | AgentLevel::Status | AgentLevel::Target | AgentLevel::Command => "",
    };
    let asked = if query.is_open() { String::new() } else { format!("-{:016x}", xxh3_64(format!("{query:?}").as_bytes())) };
    format!("\"{process}-{}{reduced}{asked}\"", snapshot.version)
}

/// Compares weakly, as the standard demands for `If-None-Match`.
fn etag_matches(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// The body of a client that is too slow for it ends with an error, which closes the connection.
fn pieces(mut body: PayloadReader) -> impl Stream<Item = Result<Bytes, PayloadEvicted>> + Send + Sync {
    futures_util::stream::iter(std::iter::from_fn(move || body.next_piece()))
}

fn json(body: Bytes) -> Response {
    as_json(Response::new(body.into()))
}

fn as_json(mut response: Response) -> Response {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Cursors and tags are hexadecimal digits and dashes. Any other value is left out, because it would break the response.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_once() {
        let check = |segment: &str, expected: &str| assert_eq!(decode_segment(segment), expected);
        check("US-001", "US-001");
        check("Pay%20by%20card%2Fcash", "Pay by card/cash");
        check("%E6%BC%A2", "漢");
        check("100%", "100%");
        check("%2525", "%25");
        check("%+1%zz%é", "%+1%zz%é");
        check("%ff", "\u{fffd}");
    }
}
