//! What a file is, by what its lines speak for.

use super::SourceKind;

/// What the understood statements of a file speak for.
#[derive(Debug, Clone, Default)]
pub(super) struct Votes([u64; 3]);

impl Votes {
    /// The first of equals wins.
    const KINDS: [SourceKind; 3] = [SourceKind::ExecutionLog, SourceKind::Events, SourceKind::ProgressLog];

    pub(super) fn add(&mut self, kind: SourceKind) {
        if let Some(at) = Self::KINDS.iter().position(|other| *other == kind) {
            self.0[at] += 1;
        }
    }

    pub(super) fn has(&self, kind: SourceKind) -> bool {
        Self::KINDS.iter().zip(self.0).any(|(other, votes)| *other == kind && votes > 0)
    }

    pub(super) fn winner(&self) -> SourceKind {
        let mut best = (SourceKind::Unknown, 0);
        for (kind, votes) in Self::KINDS.into_iter().zip(self.0) {
            if votes > best.1 {
                best = (kind, votes);
            }
        }
        best.0
    }
}
