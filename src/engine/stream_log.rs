//! The sessions that agents print into one log, between the lines of their runner.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::agent::{Activity, Allowance, Stamped, StreamReader};
use crate::clock::Timestamp;
use crate::model::agent::AgentLevel;

use super::agents::AgentSession;

/// Sessions of one log that are kept, the last ones.
const MAX_SESSIONS: usize = 32;

/// Small for the many logs that no agent prints into.
#[derive(Debug)]
pub(super) struct StreamLog {
    allowance: Arc<Allowance>,
    streams: Option<Box<PrintedStreams>>,
    version: u64,
}

#[derive(Debug)]
struct PrintedStreams {
    reader: StreamReader,
    sessions: VecDeque<AgentSession>,
}

impl StreamLog {
    pub(super) fn new(allowance: Arc<Allowance>) -> Self {
        StreamLog { allowance, streams: None, version: 0 }
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &AgentSession> {
        self.streams.iter().flat_map(|streams| &streams.sessions)
    }

    /// Whether an agent printed into the log.
    pub(super) fn has_sessions(&self) -> bool {
        self.streams.is_some()
    }

    /// Rises whenever a session states something.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The log is read again from its start.
    pub(super) fn reset(&mut self) {
        if self.streams.take().is_some() {
            self.version += 1;
        }
    }

    /// Reads a line of the log that was written at `at`; most are none of an agent's.
    pub(super) fn read(&mut self, line: &str, at: Timestamp) {
        if self.allowance.level == AgentLevel::Off || !StreamReader::is_stream_line(line) {
            return;
        }
        let new = || Box::new(PrintedStreams { reader: StreamReader::new((*self.allowance).clone()), sessions: VecDeque::new() });
        let PrintedStreams { reader, sessions } = &mut **self.streams.get_or_insert_with(new);
        let Some(read) = reader.read(line) else { return };
        self.version += 1;
        if sessions.back().is_none_or(|last| last.head.id != read.head.id) {
            let known = sessions.iter().position(|session| session.head.id == read.head.id);
            let session = known.and_then(|index| sessions.remove(index));
            let activity = Activity::new(read.head.headless, false);
            sessions.push_back(session.unwrap_or(AgentSession { head: read.head, activity, tasks: Vec::new() }));
            if sessions.len() > MAX_SESSIONS {
                sessions.pop_front();
            }
        }
        let Some(session) = sessions.back_mut() else { return };
        for signal in read.signals {
            session.activity.apply(Stamped { at: None, signal }, at);
        }
    }
}
