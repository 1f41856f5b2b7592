//! Measures how a stream comes through from another bridge: when its bytes arrive, whether they are framed and numbered, how long the
//! connection is left open while nothing happens, and whether a cursor gets back there.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use hyper::{HeaderMap, Response};
use tokio::time::{Instant, timeout};

use super::http::{HttpClient, RequestError};

const STREAM: &str = "/stream/progress";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A bridge sends its first bytes at once: later means that somebody collects them.
const FIRST_BYTES_WITHIN: Duration = Duration::from_secs(5);
/// Bytes that follow each other closer than this belong to the beginning.
const PAUSE: Duration = Duration::from_millis(700);
/// The longest beginning.
const BEGINNING: Duration = Duration::from_secs(3);
/// What a bridge that does not say its interval is taken to keep.
const USUAL_HEARTBEAT: Duration = Duration::from_secs(15);
/// How much later than due a heartbeat may come.
const LATE: Duration = Duration::from_secs(3);
/// The most that is kept of one stream.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// What a stream looks like from here.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamProbe {
    pub content_type: String,
    /// Of a proxy that compresses.
    pub content_encoding: Option<String>,
    /// From the request to the first byte of the body; absent when none came in time.
    pub first_bytes: Option<Duration>,
    /// Of the beginning.
    pub frames: Vec<ProbedFrame>,
    /// What was promised by `hello`, else the usual interval.
    pub heartbeat: Duration,
    pub quiet: Quiet,
    /// What came when it was asked for again with the last cursor; absent when there was none.
    pub resumed: Option<Resumed>,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProbedFrame {
    pub event: String,
    pub id: Option<String>,
    pub data: String,
}

/// How a connection fared after its beginning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quiet {
    /// Something came in time.
    Kept,
    /// It was open, and nothing came although it was due.
    Silent,
    /// It ended after this time.
    Cut(Duration),
}

/// Whether a cursor reached the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    WentOn,
    /// Known events came again.
    BeganAnew,
    Failed,
}

impl StreamProbe {
    /// Measures the stream of events; takes a little more than one interval of heartbeats.
    ///
    /// # Errors
    ///
    /// There is no response, or one that is no success.
    pub async fn run(client: &HttpClient) -> Result<StreamProbe, RequestError> {
        let start = Instant::now();
        let response = client.get(STREAM, &[(ACCEPT, "text/event-stream")], Duration::ZERO).await?;
        let mut probe = StreamProbe {
            content_type: header(response.headers(), &CONTENT_TYPE).unwrap_or_default(),
            content_encoding: header(response.headers(), &CONTENT_ENCODING),
            first_bytes: None,
            frames: Vec::new(),
            heartbeat: USUAL_HEARTBEAT,
            quiet: Quiet::Silent,
            resumed: None,
        };
        let mut body = Received::new(response);
        match body.more(FIRST_BYTES_WITHIN).await {
            Chunk::Came => probe.first_bytes = Some(start.elapsed()),
            Chunk::Late => return Ok(probe),
            Chunk::Ended => {
                probe.quiet = Quiet::Cut(Duration::ZERO);
                return Ok(probe);
            }
        }
        body.beginning().await;
        probe.frames = frames(&body.bytes);
        let promised = probe.frames.iter().find(|frame| frame.event == "hello").and_then(|hello| heartbeat(&hello.data));
        probe.heartbeat = promised.unwrap_or(USUAL_HEARTBEAT);
        let since = Instant::now();
        probe.quiet = match body.more(probe.heartbeat + LATE).await {
            Chunk::Came => Quiet::Kept,
            Chunk::Late => Quiet::Silent,
            Chunk::Ended => Quiet::Cut(since.elapsed()),
        };
        probe.resumed = resume(client, &probe.frames).await;
        Ok(probe)
    }
}

/// Asks again with the last cursor.
async fn resume(client: &HttpClient, before: &[ProbedFrame]) -> Option<Resumed> {
    let cursor = before.iter().rev().find_map(|frame| frame.id.clone())?;
    let Ok(response) = client.get(STREAM, &[(LAST_EVENT_ID, &cursor)], Duration::ZERO).await else { return Some(Resumed::Failed) };
    let mut body = Received::new(response);
    if body.more(FIRST_BYTES_WITHIN).await != Chunk::Came {
        return Some(Resumed::Failed);
    }
    body.beginning().await;
    let events = |frames: &[ProbedFrame]| -> Vec<String> {
        frames.iter().filter(|frame| frame.data.contains("\"seq\":")).filter_map(|frame| frame.id.clone()).collect()
    };
    let known = events(before);
    let is_repeated = events(&frames(&body.bytes)).iter().any(|id| known.contains(id));
    Some(if is_repeated { Resumed::BeganAnew } else { Resumed::WentOn })
}

/// The next piece of a body.
#[derive(Debug, PartialEq, Eq)]
enum Chunk {
    Came,
    Late,
    Ended,
}

/// A body as far as it has come.
struct Received {
    body: Incoming,
    bytes: Vec<u8>,
}

impl Received {
    fn new(response: Response<Incoming>) -> Self {
        Received { body: response.into_body(), bytes: Vec::new() }
    }

    /// What comes without a pause; a busy run never makes one.
    async fn beginning(&mut self) {
        let end = Instant::now() + BEGINNING;
        while Instant::now() < end && self.more(PAUSE).await == Chunk::Came {}
    }

    async fn more(&mut self, within: Duration) -> Chunk {
        match timeout(within, self.body.frame()).await {
            Err(_) => Chunk::Late,
            Ok(None | Some(Err(_))) => Chunk::Ended,
            Ok(Some(Ok(frame))) => {
                let bytes = frame.into_data().unwrap_or_default();
                let room = MAX_BYTES.saturating_sub(self.bytes.len());
                self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
                Chunk::Came
            }
        }
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The whole frames; comments are none.
fn frames(bytes: &[u8]) -> Vec<ProbedFrame> {
    let text = String::from_utf8_lossy(bytes);
    let mut frames = Vec::new();
    let mut frame = ProbedFrame::default();
    for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => frame.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut frame.event),
            "data" => frame.data.push_str(value),
            "" if line.is_empty() && !frame.data.is_empty() => frames.push(std::mem::take(&mut frame)),
            _ => {}
        }
    }
    frames
}

fn heartbeat(hello: &str) -> Option<Duration> {
    let millis = serde_json::from_str::<serde_json::Value>(hello).ok()?["heartbeat_ms"].as_u64()?;
    Some(Duration::from_millis(millis.min(120_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_and_comments_are_none() {
        let text = b"id: a-1\nevent: hello\ndata: {\"heartbeat_ms\":250}\n\n: heartbeat\nid:a-2\r\nevent:story_started\r\ndata:{\"seq\":2}\r\n\r\nid: a-3\ndata: {";
        let frames = frames(text);
        assert_eq!(
            frames.iter().map(|frame| (frame.event.as_str(), frame.id.as_deref())).collect::<Vec<_>>(),
            [("hello", Some("a-1")), ("story_started", Some("a-2"))]
        );
        assert_eq!(heartbeat(&frames[0].data), Some(Duration::from_millis(250)));
        assert_eq!(heartbeat("{}"), None);
    }
}
