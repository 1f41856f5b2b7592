//! A file that is read as a whole: emits its text after every change.

use std::io::{self, Read};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::discover::Source;
use crate::engine::Input;
use crate::error::NoticeKind;
use crate::tail::file_stat::{self, FileStat, PathState};
use crate::tail::splitter;
use crate::tail::tailer::RECHECK_DELAY;
use crate::tail::tracked_path::{PollContext, PollResult, TrackedPath};

/// Largest document. Real plans have some ten kilobytes.
const MAX_BYTES: u64 = 16 << 20;

pub(super) struct DocumentReader {
    tracked: TrackedPath,
    last_stat: Option<FileStat>,
    /// Digest of the text that was emitted last.
    emitted: Option<u64>,
    check_at: Option<Duration>,
}

impl DocumentReader {
    pub(super) fn new(source: &Source) -> Self {
        DocumentReader { tracked: TrackedPath::new(source), last_stat: None, emitted: None, check_at: None }
    }

    pub(super) fn poll(&mut self, poll: &mut PollContext<'_>) -> PollResult {
        self.tracked.mark_checked(poll);
        match file_stat::stat_path(&self.tracked.path) {
            PathState::Missing => {
                self.tracked.mark_missing(poll);
                self.last_stat = None;
                self.check_at = None;
            }
            PathState::Refused(why) => {
                self.check_at = None;
                self.tracked.report(NoticeKind::Unreadable, why, poll);
            }
            PathState::Regular(stat) => self.read_if_changed(stat, poll),
        }
        PollResult::Done
    }

    pub(super) fn next_poll(&self, poll_interval: Option<Duration>) -> Duration {
        let recheck = self.tracked.recheck_at(poll_interval);
        self.check_at.map_or(recheck, |at| at.min(recheck))
    }

    /// Reads the document if its metadata changed or a recheck is due, and emits its text if that changed.
    fn read_if_changed(&mut self, stat: FileStat, poll: &mut PollContext<'_>) {
        let changed = self.last_stat != Some(stat);
        if !changed && self.check_at.is_none_or(|at| poll.now.elapsed < at) {
            return;
        }
        self.check_at = changed.then_some(poll.now.elapsed + RECHECK_DELAY);
        if changed && self.last_stat.is_some() {
            self.tracked.mark_changed(poll);
        }
        self.last_stat = Some(stat);
        if stat.size > MAX_BYTES {
            let message = format!("has {} bytes, more than the {MAX_BYTES} that are read: its content is ignored", stat.size);
            self.tracked.report(NoticeKind::Limit, message, poll);
            return;
        }
        match self.read() {
            Ok(bytes) => {
                let is_new = self.tracked.mark_present(&stat, poll);
                let digest = Some(xxh3_64(&bytes));
                if is_new || self.emitted != digest {
                    self.emitted = digest;
                    (poll.emit)(Input::Document { source: self.tracked.id, at: poll.now, text: splitter::decode_document(bytes) });
                }
            }
            Err(cause) => {
                self.last_stat = None;
                self.check_at = None;
                if !file_stat::is_missing(&cause) {
                    self.tracked.report(NoticeKind::Unreadable, file_stat::describe_error(&cause), poll);
                }
            }
        }
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let (file, stat) = file_stat::open(&self.tracked.path, &self.tracked.confinement)?;
        let mut bytes = Vec::with_capacity(stat.size.min(MAX_BYTES) as usize + 1);
        file.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
