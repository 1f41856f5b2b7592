//! What a restarted bridge must know of a file to go on where the last one was killed.

use serde::{Deserialize, Serialize};

use crate::tail::file::Identity;
use crate::tail::follow::Proof;
use crate::tail::neighbours::Seen;

/// One file as it was last read. Holds digests, never content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    pub(super) identity: Identity,
    /// How far it had been read; nothing in the middle of reading it again.
    pub(super) proof: Option<Proof>,
    /// Rotated files beside it that are no news.
    pub(super) neighbours: Vec<Seen>,
}
