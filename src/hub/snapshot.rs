//! One version of the state, serialised at most once and only when somebody asks.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::Cursor;
use super::entry::{data_of, sse_frame};
use crate::clock::Timestamp;
use crate::event::{SCHEMA, Seq};
use crate::model::state::State;

/// The state at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// Rises by one per [`super::Hub::set_state`], from 0 (nothing known yet).
    pub version: u64,
    /// What is known.
    pub state: Arc<State>,
    /// The last event that is in it: reading on from here leaves no hole.
    pub cursor: Cursor,
    written: OnceLock<Written>,
}

#[derive(Debug)]
struct Written {
    json: Bytes,
    frame: Bytes,
}

impl Snapshot {
    pub(super) fn new(version: u64, cursor: Cursor, state: Arc<State>) -> Self {
        Snapshot { version, state, cursor, written: OnceLock::new() }
    }

    /// The state's JSON, one line.
    pub fn json(&self) -> Bytes {
        self.written().json.clone()
    }

    /// The same as a whole SSE frame, event `state`.
    pub fn frame(&self) -> Bytes {
        self.written().frame.clone()
    }

    fn written(&self) -> &Written {
        self.written.get_or_init(|| {
            let data = serde_json::to_vec(&*self.state).expect("the state is plain data with string keys: it cannot fail to serialise");
            let frame = sse_frame(&self.cursor, "state", &data, None);
            Written { json: data_of(&frame, data.len()), frame }
        })
    }
}

/// What is shown before the first state is set.
pub(super) fn nothing_known(seq: Seq) -> State {
    State { schema: SCHEMA, server_time: Timestamp::now(), seq, tasks: Vec::new(), notices: Vec::new() }
}
