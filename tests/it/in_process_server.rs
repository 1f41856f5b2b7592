//! The server in the test's own process, with a hub to which the test publishes; and sample events.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use progress_bridge::clock::Timestamp;
use progress_bridge::event::{AcCompleted, ErrorOccurred, Event, EventData, EventId, EventSource, SCHEMA, Seq, TimestampSource};
use progress_bridge::fact::{CountedKind, ErrorKind, Provenance};
use progress_bridge::hub::{Hub, HubSettings};
use progress_bridge::model::state::{FileCounts, State};
use progress_bridge::serve::{self, ServeSettings};
use tokio::sync::oneshot;

use crate::sse_client::{SseMessage, SseStream, stream};

/// A server on a free port. It stops when it is dropped.
pub struct InProcessServer {
    pub hub: Hub,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl InProcessServer {
    pub fn start() -> Self {
        InProcessServer::with(ServeSettings::default())
    }

    pub fn with(settings: ServeSettings) -> Self {
        InProcessServer::of(Hub::new(HubSettings::default()), settings)
    }

    pub fn of(hub: Hub, settings: ServeSettings) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = std::sync::mpsc::sync_channel(1);
        let served = hub.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
                bound.send(listener.local_addr().expect("an address")).expect("the test waits for it");
                let stop = async {
                    let _dropped = stopped.await.is_err();
                };
                serve::run(listener, served, settings, stop).await;
            });
        });
        let address = address.recv().expect("the server starts");
        InProcessServer { hub, address, stop: Some(stop), thread: Some(thread) }
    }

    /// Publishes events `seqs`.
    pub fn publish(&self, seqs: std::ops::RangeInclusive<u64>) {
        self.hub.publish(seqs.map(event).collect());
    }

    pub fn cursor(&self, seq: u64) -> String {
        format!("{}-{seq}", self.hub.epoch())
    }

    pub fn follow(&self, target: &str) -> SseStream {
        stream(self.address, target)
    }

    /// Stops and says how long that took.
    pub fn stop(mut self) -> Duration {
        let start = Instant::now();
        drop(self.stop.take());
        self.thread.take().expect("stopped once").join().expect("the server did not panic");
        start.elapsed()
    }
}

impl Drop for InProcessServer {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

/// Every tenth from 7 on is an error; tasks alternate.
pub fn event(seq: u64) -> Event {
    let data = match seq % 10 {
        7 => EventData::ErrorOccurred(ErrorOccurred {
            story_id: None,
            error_type: ErrorKind::Timeout,
            error_message: "cargo test\nran out of time — 超时".into(),
            retryable: None,
            exit_code: None,
        }),
        _ => EventData::AcCompleted(AcCompleted { story_id: Some("US-003".into()), ac_index: 1, ..AcCompleted::default() }),
    };
    Event {
        id: id(seq),
        seq: Seq(seq),
        timestamp: Timestamp(1_769_244_300_000),
        timestamp_source: TimestampSource::Record,
        timestamp_precision: None,
        late: false,
        origin: None,
        task_id: if seq.is_multiple_of(2) { "even".into() } else { "odd".into() },
        run: "run".into(),
        provenance: Provenance::Explicit,
        source: EventSource { path: "progress.txt".into(), line: Some(1), text: None },
        data,
    }
}

pub fn id(seq: u64) -> EventId {
    EventId::new("demo", "run", CountedKind::CriterionDone, &seq.to_string(), 1)
}

pub fn state(seq: u64) -> State {
    State {
        schema: SCHEMA,
        server_time: Timestamp(0),
        seq: Seq(seq),
        tasks: vec![],
        unlisted: None,
        notices: vec![],
        files: FileCounts::default(),
    }
}

pub fn seq(message: &SseMessage) -> u64 {
    message.json()["seq"].as_u64().unwrap_or_else(|| panic!("an event with a seq: {message:?}"))
}

/// Takes `count` events that must be no control frames.
pub fn seqs(stream: &mut SseStream, count: usize) -> Vec<u64> {
    (0..count).map(|_| seq(&stream.next_event().expect("more events"))).collect()
}

pub fn span(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}
