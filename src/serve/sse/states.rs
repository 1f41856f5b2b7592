//! `/stream/state`: whole snapshots for screens. Only the latest counts, so there is no replay and no resume.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::time::Instant;

use super::super::ServerContext;
use super::super::client_permit::ClientPermit;
use super::interruptions::{Interruption, Interruptions};
use super::{EventStream, bye, control, hello};
use crate::clock::Timestamp;
use crate::hub::{Cursor, Hub, PayloadEvicted, PayloadReader, Snapshot, StatePayload, StateReader};
use crate::model::agent::AgentLevel;
use crate::model::state::TaskQuery;

/// Shortest interval between snapshots: ten a second, as many as a screen can use, with a margin, because the network may deliver two
/// close together.
const INTERVAL: Duration = Duration::from_millis(105);
/// The same for some of the tasks, which are looked up and written for this client alone.
const SELECTED_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct StateStream {
    hub: Hub,
    /// The version of the snapshot that was sent last. The snapshot itself is not held: a client that does not read has one frame in
    /// flight, which it shares with the others.
    sent: u64,
    /// The cursor of that snapshot.
    cursor: Cursor,
    /// Earliest time of the next snapshot; in the past when none was sent for a while.
    not_before: Instant,
    interruptions: Interruptions,
    phase: StatePhase,
    /// The part of a large snapshot that is not sent yet.
    unsent: Option<PayloadReader>,
    level: AgentLevel,
    query: TaskQuery,
    _permit: ClientPermit,
    _states: StateReader,
}

type StateChunk = Result<Bytes, PayloadEvicted>;

enum StatePhase {
    /// Holds the `hello` frame that goes out first, and the snapshot that follows. The two are not joined: that would be a copy for
    /// each client.
    New(Bytes, Arc<Snapshot>),
    Introduced(Arc<Snapshot>),
    Following,
    /// The last snapshot is sent; `bye` follows.
    Ending,
    Over,
}

impl StateStream {
    pub(super) fn new(server: &ServerContext, permit: ClientPermit, level: AgentLevel, query: TaskQuery, first: Arc<Snapshot>) -> Self {
        let heartbeat = server.settings.state_heartbeat;
        StateStream {
            hub: server.hub.clone(),
            not_before: Instant::now(),
            interruptions: Interruptions::new(&server.shutdown, heartbeat),
            sent: first.version,
            cursor: first.cursor.clone(),
            phase: StatePhase::New(hello(server, &first.cursor, heartbeat), first),
            unsent: None,
            level,
            query,
            _permit: permit,
            _states: server.hub.read_states(),
        }
    }

    async fn follow(&mut self) -> StateChunk {
        tokio::select! {
            biased;
            newer = newer_than(&self.hub, &self.query, self.sent, self.not_before) => match newer {
                Some(newer) => self.send(&newer),
                None => self.final_frame(),
            },
            interruption = self.interruptions.next() => match interruption {
                Interruption::Shutdown => self.final_frame(),
                Interruption::Heartbeat => Ok(self.heartbeat()),
            },
        }
    }

    fn send(&mut self, snapshot: &Snapshot) -> StateChunk {
        self.not_before = Instant::now() + if self.query.is_open() { INTERVAL } else { SELECTED_INTERVAL };
        self.sent = snapshot.version;
        self.cursor = snapshot.cursor.clone();
        match snapshot.frame(self.level) {
            StatePayload::Whole(frame) => Ok(frame),
            StatePayload::Large(frame) => self.unsent.insert(frame).next_piece().unwrap_or(Ok(Bytes::new())),
        }
    }

    fn final_frame(&mut self) -> StateChunk {
        let last = self.hub.snapshot();
        // Of some tasks the last state is not looked up: who answers for them may be gone.
        if last.version > self.sent && self.query.is_open() {
            self.phase = StatePhase::Ending;
            return self.send(&last);
        }
        self.phase = StatePhase::Over;
        Ok(bye(&self.cursor))
    }

    /// An event, because page code cannot see comments and must notice when the stream is no longer live.
    fn heartbeat(&self) -> Bytes {
        #[derive(Serialize)]
        struct Heartbeat {
            server_time: Timestamp,
        }
        control(&self.cursor, "heartbeat", &Heartbeat { server_time: Timestamp::now() }, None)
    }
}

impl EventStream for StateStream {
    async fn next(&mut self) -> Option<StateChunk> {
        if let Some(piece) = self.unsent.as_mut().and_then(PayloadReader::next_piece) {
            return Some(piece);
        }
        self.unsent = None;
        match std::mem::replace(&mut self.phase, StatePhase::Following) {
            StatePhase::New(hello, first) => {
                self.phase = StatePhase::Introduced(first);
                Some(Ok(hello))
            }
            StatePhase::Introduced(first) => Some(self.send(&first)),
            StatePhase::Following => Some(self.follow().await),
            StatePhase::Ending => {
                self.phase = StatePhase::Over;
                Some(Ok(bye(&self.cursor)))
            }
            StatePhase::Over => None,
        }
    }
}

async fn newer_than(hub: &Hub, query: &TaskQuery, version: u64, not_before: Instant) -> Option<Arc<Snapshot>> {
    if not_before > Instant::now() {
        tokio::time::sleep_until(not_before).await;
    }
    let newer = hub.snapshot_after(version).await?;
    Some(if query.is_open() { newer } else { hub.selected(query).await })
}
