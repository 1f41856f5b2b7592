//! One version of the state, serialized at most once, on the first request.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::Cursor;
use super::published_event::{payload_of, sse_frame};
use crate::clock::Timestamp;
use crate::event::{SCHEMA, Seq};
use crate::model::agent::AgentLevel;
use crate::model::state::State;

/// The state at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// Rises by one per [`super::Hub::set_state`], from 0 (nothing known yet).
    pub version: u64,
    /// The state.
    pub state: Arc<State>,
    /// The last event in the state: a reader that continues here misses nothing.
    pub cursor: Cursor,
    /// For readers who get nothing of agents, their status, all of it.
    serialized: [OnceLock<SerializedState>; 3],
}

#[derive(Debug)]
struct SerializedState {
    json: Bytes,
    frame: Bytes,
}

impl Snapshot {
    pub(super) fn new(version: u64, cursor: Cursor, state: Arc<State>) -> Self {
        Snapshot { version, state, cursor, serialized: Default::default() }
    }

    /// The state's JSON, one line, with as much of agents as a reader of this level gets.
    pub fn json(&self, level: AgentLevel) -> Bytes {
        self.serialized(level).json.clone()
    }

    /// The same as a whole SSE frame, event `state`.
    pub fn frame(&self, level: AgentLevel) -> Bytes {
        self.serialized(level).frame.clone()
    }

    /// Whether readers of different levels get different states.
    pub fn has_agents(&self) -> bool {
        self.state.tasks.iter().any(|task| !task.agents.is_empty())
    }

    fn serialized(&self, level: AgentLevel) -> &SerializedState {
        let (slot, lower) = match level {
            // One for all, so that it is serialized once.
            _ if !self.has_agents() => (2, None),
            AgentLevel::Off => (0, Some(level)),
            AgentLevel::Status => (1, Some(level)),
            AgentLevel::Target | AgentLevel::Command => (2, None),
        };
        self.serialized[slot].get_or_init(|| {
            let data = match lower {
                Some(level) => serde_json::to_vec(&reduced(&self.state, level)),
                None => serde_json::to_vec(&*self.state),
            };
            let data = data.expect("the state is plain data with string keys: it cannot fail to serialise");
            let frame = sse_frame(&self.cursor, "state", &data, None);
            SerializedState { json: payload_of(&frame, data.len()), frame }
        })
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
    State { schema: SCHEMA, server_time: Timestamp::now(), seq, tasks: Vec::new(), unlisted: None, notices: Vec::new() }
}
