//! What a restarted process must know of a file to go on where the last one was killed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::discover::SourceKey;
use crate::engine::EngineCheckpoint;
use crate::tail::file::Identity;
use crate::tail::follow::Proof;
use crate::tail::neighbours::Seen;

/// All that a restarted process must know, as of one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The counts, the runs and the state.
    pub engine: EngineCheckpoint,
    /// How far each file has been read.
    pub files: HashMap<SourceKey, Memory>,
}

/// One file as it was last read. Holds digests, never content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    pub(super) identity: Identity,
    /// How far it had been read; nothing in the middle of reading it again.
    pub(super) proof: Option<Proof>,
    /// Rotated files beside it that are no news.
    pub(super) neighbours: Vec<Seen>,
}

impl Memory {
    /// Not all that was read has been counted: only the content can tell how far.
    pub(super) fn without_place(self) -> Self {
        Memory { proof: None, ..self }
    }
}
