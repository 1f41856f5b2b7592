//! What the agents do now: no part of the log, only the latest counts.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::model::agent::{AgentActivity, AgentLevel};

/// What the agents do, as far as it may be published.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActivityUpdate {
    /// Every session that is shown, as published last.
    pub all: Vec<AgentActivity>,
    /// Those of them that are new, by their index.
    pub changed: Vec<usize>,
}

/// One session's activity, serialized at most once a level.
#[derive(Debug)]
pub struct PublishedActivity {
    /// Rises with everything that is published.
    pub version: u64,
    /// What it does.
    pub activity: AgentActivity,
    /// Names its session.
    pub key: String,
    status: OnceLock<Bytes>,
    whole: OnceLock<Bytes>,
}

impl PublishedActivity {
    pub(super) fn new(version: u64, activity: AgentActivity) -> Self {
        PublishedActivity { version, key: activity.key(), activity, status: OnceLock::new(), whole: OnceLock::new() }
    }

    /// One line of JSON for a reader of this level; `None` for one who gets nothing.
    pub fn json(&self, level: AgentLevel) -> Option<Bytes> {
        let (slot, level) = match level {
            AgentLevel::Off => return None,
            AgentLevel::Status => (&self.status, level),
            // What is held is no more than the program's own level.
            AgentLevel::Target | AgentLevel::Command => (&self.whole, AgentLevel::Command),
        };
        let serialize = || {
            let json = serde_json::to_vec(&self.activity.at_level(level)).expect("an activity is plain data: it cannot fail to serialise");
            Bytes::from(json)
        };
        Some(slot.get_or_init(serialize).clone())
    }
}

/// All sessions that are shown.
pub type Activities = Arc<[Arc<PublishedActivity>]>;
