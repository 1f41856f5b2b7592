//! What a restarted process must know of the files to continue where the last one was killed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::discover::SourceKey;
use crate::engine::EngineCheckpoint;
use crate::tail::file_stat::FileIdentity;
use crate::tail::follow::Fingerprint;
use crate::tail::rotated::FileStamp;

/// The checkpoint of the engine and of all files, taken at one time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The counts, the runs and the state.
    pub engine: EngineCheckpoint,
    /// How far each file has been read.
    pub files: HashMap<SourceKey, FileCheckpoint>,
}

/// One file as it was last read. Holds digests, never content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCheckpoint {
    pub(super) identity: FileIdentity,
    /// Of the bytes that were read; `None` while the file is being read again.
    pub(super) fingerprint: Option<Fingerprint>,
    /// The rotated files beside it that are not new.
    pub(super) rotated: Vec<FileStamp>,
}

impl FileCheckpoint {
    /// For a file of which lines were read that are not counted yet: a restarted process must compare the content.
    pub(super) fn without_position(self) -> Self {
        FileCheckpoint { fingerprint: None, ..self }
    }
}
