//! The same things to poll, for clients and networks where streams do not work. Never paced: the client paces itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use tokio::time::Instant;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::{Reply, Response};

use super::Serving;
use super::metrics;
use super::query::Asked;
use super::refusal::Refusal;
use crate::event::SCHEMA;
use crate::hub::{Batch, Cursor, GapReason, Snapshot, Start};

/// Longest `wait`, in seconds: below the minute after which proxies commonly give up.
const LONGEST_WAIT: u64 = 60;

/// Most events in one answer, and how many there are when nothing is said.
const MOST_EVENTS: u64 = 10_000;
const USUAL_EVENTS: u64 = 1_000;

/// `GET /api/state`: the snapshot. With `If-None-Match` and `wait`, held back until there is another one.
pub(super) async fn state(asked: Asked, serving: Arc<Serving>) -> Result<Response, Refusal> {
    let wait = wait(&asked)?;
    let process = serving.hub.process();
    let mut snapshot = serving.hub.snapshot();
    if knows(&asked.headers, &etag(process, &snapshot)) && !wait.is_zero() {
        tokio::select! {
            newer = serving.hub.snapshot_after(snapshot.version) => snapshot = newer.unwrap_or(snapshot),
            () = tokio::time::sleep(wait) => {}
            () = serving.stopping.clone().stopped() => {}
        }
    }
    let etag = etag(process, &snapshot);
    let mut response = match knows(&asked.headers, &etag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => json(snapshot.json()),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Where to go on reading events without a hole between them and this snapshot.
    insert(headers, HeaderName::from_static("last-event-id"), &snapshot.cursor.to_string());
    insert(headers, ETAG, &etag);
    Ok(response)
}

/// `GET /api/events`: what follows `after` (from the oldest kept event without it), and the cursor to ask with next time.
pub(super) async fn events(asked: Asked, serving: Arc<Serving>) -> Result<Response, Refusal> {
    let filter = asked.filter()?;
    let limit = asked.number("limit", 1..=MOST_EVENTS)?.unwrap_or(USUAL_EVENTS);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let deadline = Instant::now() + wait(&asked)?;
    let mut reader = serving.hub.subscribe(asked.value("after").map_or(Start::Oldest, Start::Resume));
    let mut found = Found::default();
    loop {
        while found.events.len() < limit
            && let Some(batch) = reader.try_next_up_to(limit - found.events.len())
        {
            found.take(batch, |entry| filter.admits(&entry.event));
        }
        if !found.is_empty() {
            break;
        }
        let batch = tokio::select! {
            batch = reader.next_up_to(limit) => batch,
            () = tokio::time::sleep_until(deadline) => None,
            () = serving.stopping.clone().stopped() => None,
        };
        match batch {
            Some(batch) => found.take(batch, |entry| filter.admits(&entry.event)),
            None => break,
        }
    }
    let mut response = json(found.to_json(&reader.cursor()));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `GET /healthz`: whoever reads this knows that we are alive. Open to everybody: how many files, and not which.
pub(super) fn health(serving: &Serving) -> Response {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
        files: BTreeMap<&'static str, usize>,
    }
    let files = metrics::files(&serving.hub.snapshot().state).collect();
    let mut response = warp::reply::json(&Health { status: "ok", files }).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /version`.
pub(super) fn version() -> Response {
    #[derive(Serialize)]
    struct Version {
        name: &'static str,
        version: &'static str,
        schema: u32,
    }
    warp::reply::json(&Version { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION"), schema: SCHEMA }).into_response()
}

/// What goes into one answer.
#[derive(Debug, Default)]
struct Found {
    events: Vec<Bytes>,
    gap: Option<Gap>,
}

#[derive(Debug, Serialize)]
struct Gap {
    reason: GapReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.gap.is_none()
    }

    fn take(&mut self, batch: Batch, wanted: impl Fn(&crate::hub::Entry) -> bool) {
        match batch {
            Batch::Events(entries) => self.events.extend(entries.iter().filter(|entry| wanted(entry)).map(|entry| entry.json.clone())),
            Batch::Gap { reason, oldest } => self.gap = Some(Gap { reason, oldest: oldest.map(|oldest| oldest.to_string()) }),
        }
    }

    /// Put together from the events' own bytes: they are JSON already.
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

fn wait(asked: &Asked) -> Result<Duration, Refusal> {
    Ok(Duration::from_secs(asked.number("wait", 0..=LONGEST_WAIT)?.unwrap_or(0)))
}

/// Versions begin again in every process, while the epoch may go on.
fn etag(process: &str, snapshot: &Snapshot) -> String {
    format!("\"{process}-{}\"", snapshot.version)
}

/// Compared weakly, as the standard says for reading.
fn knows(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

fn json(body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Cursors and tags are hexadecimal digits and dashes; anything else would be left out rather than break the answer.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
