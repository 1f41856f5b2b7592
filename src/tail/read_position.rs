//! How far a file has been read, and the state of its last line.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::error::NoticeKind;
use crate::line::Lines;
use crate::tail::blocks::ContentBlocks;
use crate::tail::follow::{CheckLevel, FileChange, OldFile, PrefixHash};
use crate::tail::splitter::{self, Splitter};
use crate::tail::tracked_path::{PollContext, TrackedPath};

#[derive(Default, Clone)]
pub(super) struct ReadPosition {
    pub(super) splitter: Splitter,
    pub(super) prefix: PrefixHash,
    pub(super) blocks: ContentBlocks,
    pub(super) last_line: LastLine,
    cut_reported: bool,
}

/// Whether the last line has a newline, and if not, when it counts without one.
#[derive(Default, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastLine {
    #[default]
    Complete,
    /// The line is emitted as a partial line at this time, unless it grows before.
    Pending(Duration),
    /// The partial line was emitted. It is the one after this many complete lines.
    Emitted(u64),
}

/// What draining a file has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DrainResult {
    Nothing,
    Appended,
    /// The bytes that were read are not there any more: other bytes are.
    Changed,
}

impl ReadPosition {
    /// The same place after an edit of earlier bytes.
    pub(super) fn edited(&self, splitter: Splitter, prefix: PrefixHash, blocks: ContentBlocks) -> ReadPosition {
        ReadPosition { splitter, prefix, blocks, last_line: self.last_line, cut_reported: self.cut_reported }
    }

    /// Takes the first `count` bytes of the buffer as the next bytes of the file; `emit` gets the lines that end in them.
    pub(super) fn advance(
        &mut self,
        count: usize,
        tracked: &TrackedPath,
        poll: &mut PollContext<'_>,
        emit: &mut dyn FnMut(&mut PollContext<'_>, Lines),
    ) {
        let bytes = &poll.buffer[..count];
        self.prefix.add(bytes);
        self.blocks.add(bytes);
        let mut lines = Lines::with_capacity(count);
        self.splitter.feed(bytes, &mut lines);
        if !lines.is_empty() {
            emit(poll, lines);
        }
        report_cut(&self.splitter, &mut self.cut_reported, tracked, poll);
    }

    /// Reads what was appended to a file that has lost its path.
    pub(super) fn drain(
        &mut self,
        file: &File,
        tracked: &TrackedPath,
        poll: &mut PollContext<'_>,
        emit: &mut dyn FnMut(&mut PollContext<'_>, Lines),
    ) -> io::Result<DrainResult> {
        let size = file.metadata()?.len();
        let mut read = |buffer: &mut [u8], at| file.read_at(buffer, at);
        if self.prefix.classify(size, OldFile::SameInode, CheckLevel::Quick, &mut read, poll.buffer)? != FileChange::Appended {
            return Ok(DrainResult::Changed);
        }
        let before = self.prefix.offset();
        loop {
            let count = file.read_at(poll.buffer, self.prefix.offset())?;
            if count == 0 {
                break;
            }
            self.advance(count, tracked, poll, emit);
        }
        Ok(if self.prefix.offset() == before { DrainResult::Nothing } else { DrainResult::Appended })
    }
}

/// Reports once per file that a line was too long.
pub(super) fn report_cut(splitter: &Splitter, reported: &mut bool, tracked: &TrackedPath, poll: &mut PollContext<'_>) {
    if let (1.., number) = splitter.cut()
        && !std::mem::replace(reported, true)
    {
        let message = format!("line {number} is longer than {} bytes: what stands behind is not read", splitter::LIMIT);
        tracked.notice(NoticeKind::LineCut, message, poll);
    }
}
