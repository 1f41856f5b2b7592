//! One version of the state, serialized at most once, on the first request.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::Cursor;
use super::published_event::{payload_of, sse_frame};
use crate::clock::Timestamp;
use crate::event::{SCHEMA, Seq};
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
    serialized: OnceLock<SerializedState>,
}

#[derive(Debug)]
struct SerializedState {
    json: Bytes,
    frame: Bytes,
}

impl Snapshot {
    pub(super) fn new(version: u64, cursor: Cursor, state: Arc<State>) -> Self {
        Snapshot { version, state, cursor, serialized: OnceLock::new() }
    }

    /// The state's JSON, one line.
    pub fn json(&self) -> Bytes {
        self.serialized().json.clone()
    }

    /// The same as a whole SSE frame, event `state`.
    pub fn frame(&self) -> Bytes {
        self.serialized().frame.clone()
    }

    fn serialized(&self) -> &SerializedState {
        self.serialized.get_or_init(|| {
            let data = serde_json::to_vec(&*self.state).expect("the state is plain data with string keys: it cannot fail to serialise");
            let frame = sse_frame(&self.cursor, "state", &data, None);
            SerializedState { json: payload_of(&frame, data.len()), frame }
        })
    }
}

/// What is shown before the first state is set.
pub(super) fn empty_state(seq: Seq) -> State {
    State { schema: SCHEMA, server_time: Timestamp::now(), seq, tasks: Vec::new(), unlisted: None, notices: Vec::new() }
}
