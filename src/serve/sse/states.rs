//! `/stream/state`: whole snapshots for screens. Only the latest counts, so there is no replay and no resume.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Instant, Interval};

use super::super::ServerContext;
use super::{EventStream, FrameBuffer, ShutdownSignal, StreamPermit, bye, control, heartbeats, hello};
use crate::clock::Timestamp;
use crate::hub::{Hub, Snapshot};

/// Shortest interval between snapshots: ten a second, as many as a screen can use, with a margin, because the network may deliver two
/// close together.
const INTERVAL: Duration = Duration::from_millis(105);

pub(super) struct StateStream {
    hub: Hub,
    /// The snapshot sent last.
    sent: Arc<Snapshot>,
    /// Earliest time of the next snapshot; in the past when none was sent for a while.
    not_before: Instant,
    heartbeats: Interval,
    shutdown: ShutdownSignal,
    phase: StatePhase,
    _permit: StreamPermit,
}

enum StatePhase {
    /// Holds the `hello` frame that goes out first.
    New(Bytes),
    Following,
    Over,
}

impl StateStream {
    pub(super) fn new(server: &ServerContext, permit: StreamPermit) -> Self {
        let sent = server.hub.snapshot();
        let heartbeat = server.settings.state_heartbeat;
        StateStream {
            hub: server.hub.clone(),
            not_before: Instant::now(),
            heartbeats: heartbeats(heartbeat),
            shutdown: ShutdownSignal::new(&server.shutdown),
            phase: StatePhase::New(hello(server, &sent.cursor, heartbeat)),
            sent,
            _permit: permit,
        }
    }

    async fn follow(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            newer = newer_than(&self.hub, self.sent.version, self.not_before) => match newer {
                Some(newer) => Some(self.send(newer)),
                None => self.final_frames(),
            },
            () = self.shutdown.wait() => self.final_frames(),
            _ = self.heartbeats.tick() => Some(self.heartbeat()),
        }
    }

    fn send(&mut self, snapshot: Arc<Snapshot>) -> Bytes {
        self.not_before = Instant::now() + INTERVAL;
        self.sent = snapshot;
        self.sent.frame()
    }

    fn final_frames(&mut self) -> Option<Bytes> {
        self.phase = StatePhase::Over;
        let mut buffer = FrameBuffer::default();
        let last = self.hub.snapshot();
        if last.version > self.sent.version {
            buffer.push(self.send(last));
        }
        buffer.push(bye(&self.sent.cursor));
        buffer.finish()
    }

    /// An event, because page code cannot see comments and must notice when the stream is no longer live.
    fn heartbeat(&self) -> Bytes {
        #[derive(Serialize)]
        struct Heartbeat {
            server_time: Timestamp,
        }
        control(&self.sent.cursor, "heartbeat", &Heartbeat { server_time: Timestamp::now() }, None)
    }
}

impl EventStream for StateStream {
    async fn next(&mut self) -> Option<Bytes> {
        match &mut self.phase {
            StatePhase::New(hello) => {
                let mut buffer = FrameBuffer::default();
                buffer.push(std::mem::take(hello));
                self.phase = StatePhase::Following;
                buffer.push(self.send(self.sent.clone()));
                buffer.finish()
            }
            StatePhase::Following => self.follow().await,
            StatePhase::Over => None,
        }
    }
}

async fn newer_than(hub: &Hub, version: u64, not_before: Instant) -> Option<Arc<Snapshot>> {
    if not_before > Instant::now() {
        tokio::time::sleep_until(not_before).await;
    }
    hub.snapshot_after(version).await
}
