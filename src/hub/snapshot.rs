//! One version of the state, serialized at most once, on the first request.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;

use super::Cursor;
use super::large_payloads::{LargePayloads, StatePayload};
use super::published_event::{payload_range, sse_frame};
use crate::clock::Timestamp;
use crate::event::{SCHEMA, Seq};
use crate::model::agent::AgentLevel;
use crate::model::state::{FileCounts, State};

/// The state at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// Rises by one per [`super::Hub::set_state`], from 0 (nothing known yet).
    pub version: u64,
    /// The state.
    pub state: Arc<State>,
    /// The last event in the state: a reader that continues here misses nothing.
    pub cursor: Cursor,
    pub(super) made: Instant,
    /// For readers who get nothing of agents, their status, all of it.
    serialized: [OnceLock<SerializedState>; 3],
    large_payloads: Arc<LargePayloads>,
    /// Tells states of one version apart, by which large payloads are kept: 0 is the whole one.
    selection: usize,
}

#[derive(Debug)]
struct SerializedState {
    frame: Bytes,
    /// Where the JSON stands in the frame.
    json: Range<usize>,
}

impl Snapshot {
    pub(super) fn new(version: u64, cursor: Cursor, state: Arc<State>, large_payloads: Arc<LargePayloads>) -> Self {
        Snapshot { version, state, cursor, made: Instant::now(), serialized: Default::default(), large_payloads, selection: 0 }
    }

    /// A state of this version with some of its tasks; `selection` is no other one's.
    pub(super) fn selected(&self, selection: usize, cursor: Cursor, state: Arc<State>) -> Self {
        Snapshot { selection, ..Snapshot::new(self.version, cursor, state, self.large_payloads.clone()) }
    }

    /// The state's JSON, one line, with as much of agents as a reader of this level gets.
    pub fn json(&self, level: AgentLevel) -> StatePayload {
        let (slot, serialized) = self.serialized(level);
        StatePayload::new(&self.large_payloads, (self.version, slot), &serialized.frame, serialized.json.clone())
    }

    /// The same as a whole SSE frame, event `state`.
    pub fn frame(&self, level: AgentLevel) -> StatePayload {
        let (slot, serialized) = self.serialized(level);
        StatePayload::new(&self.large_payloads, (self.version, slot), &serialized.frame, 0..serialized.frame.len())
    }

    /// Whether readers of different levels get different states.
    pub fn has_agents(&self) -> bool {
        self.state.tasks.iter().any(|task| !task.agents.is_empty())
    }

    fn serialized(&self, level: AgentLevel) -> (usize, &SerializedState) {
        let (slot, lower) = match level {
            // One for all, so that it is serialized once.
            _ if !self.has_agents() => (2, None),
            AgentLevel::Off => (0, Some(level)),
            AgentLevel::Status => (1, Some(level)),
            AgentLevel::Target | AgentLevel::Command => (2, None),
        };
        let serialized = self.serialized[slot].get_or_init(|| {
            let data = match lower {
                Some(level) => serde_json::to_vec(&reduced(&self.state, level)),
                None => serde_json::to_vec(&*self.state),
            };
            let data = data.expect("the state is plain data with string keys: it cannot fail to serialise");
            let frame = sse_frame(&self.cursor, "state", &data, None);
            SerializedState { json: payload_range(&frame, data.len()), frame }
        });
        (self.selection * self.serialized.len() + slot, serialized)
    }
}

/// The state without what this level does not get.
fn reduced(state: &State, level: AgentLevel) -> State {
    let mut state = state.clone();
    for task in &mut state.tasks {
        task.agents = task.agents.iter().filter_map(|agent| agent.at_level(level)).collect();
    }
    state
}

/// What is shown before the first state is set.
pub(super) fn empty_state(seq: Seq) -> State {
    State {
        schema: SCHEMA,
        server_time: Timestamp::now(),
        seq,
        tasks: Vec::new(),
        unlisted: None,
        notices: Vec::new(),
        files: FileCounts::default(),
    }
}
