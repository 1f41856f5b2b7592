//! Reads the rotated files beside a machine log that are new: what was written into them belongs to the log.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::engine::Input;
use crate::error::NoticeKind;
use crate::file_change::RereadReason;
use crate::tail::file_stat::{self, FileIdentity};
use crate::tail::folder_listing::FolderListings;
use crate::tail::read_position::ReadPosition;
use crate::tail::rotated::{FileStamp, NewRotated, RotatedFiles};
use crate::tail::tracked_path::{PollContext, TrackedPath};

#[derive(Debug, Default)]
pub(super) struct RotatedReader {
    files: RotatedFiles,
    /// The newest rotated file, if it was read while the path was missing.
    pre_read: Option<NewRotated>,
}

impl RotatedReader {
    /// `known` are the rotated files that an earlier process has read.
    pub(super) fn new(known: Vec<FileStamp>) -> Self {
        RotatedReader { files: RotatedFiles::restored(known), pre_read: None }
    }

    /// The rotated files that are not new any more.
    pub(super) fn known(&self) -> Vec<FileStamp> {
        self.files.known().copied().collect()
    }

    /// Marks every rotated file as read: those that exist before the log is first read are older than it.
    pub(super) fn mark_existing(&mut self, path: &Path, listings: &mut FolderListings) {
        self.files.mark_existing(path, listings);
    }

    /// Marks a file that was read, because it may get a rotated name.
    pub(super) fn mark_read(&mut self, file: &File) {
        self.files.mark_read(file);
    }

    /// Reads the new rotated files beside a machine log, without those of `open`, and returns whether there are any.
    pub(super) fn read_new(&mut self, tracked: &TrackedPath, open: &[FileIdentity], poll: &mut PollContext<'_>) -> bool {
        let (found, _) = self.read(tracked, open, poll);
        self.pre_read = None;
        found
    }

    /// The same while the path is missing. The newest one may still be written to, so it stays new for the next call.
    pub(super) fn read_new_while_missing(&mut self, tracked: &TrackedPath, poll: &mut PollContext<'_>) -> bool {
        let (found, newest) = self.read(tracked, &[], poll);
        self.pre_read = newest.or(self.pre_read.take());
        if let Some(newest) = &self.pre_read {
            self.files.unmark(newest);
        }
        found
    }

    /// Returns whether there are new rotated files, and the newest one, which may have been read before.
    fn read(&mut self, tracked: &TrackedPath, open: &[FileIdentity], poll: &mut PollContext<'_>) -> (bool, Option<NewRotated>) {
        if !poll.machine {
            return (false, None);
        }
        let mut new = self.files.take_new(&tracked.path, open);
        let newest = new.last().cloned();
        // A file that was read while the path was missing, and has not grown since, is not new.
        new.retain(|rotated| self.pre_read.as_ref() != Some(rotated));
        for rotated in &new {
            if let Err(cause) = read_file(&rotated.path, tracked, poll) {
                let message = format!("{} beside it {}", rotated.path.display(), file_stat::describe_error(&cause));
                tracked.notice(NoticeKind::Unreadable, message, poll);
            }
        }
        (!new.is_empty(), newest)
    }
}

fn read_file(path: &Path, tracked: &TrackedPath, poll: &mut PollContext<'_>) -> io::Result<()> {
    let (file, _) = file_stat::open_rotated(path, &tracked.confinement)?;
    let mut position = ReadPosition::default();
    let id = tracked.id;
    (poll.emit)(Input::RereadBegun { source: id, at: poll.now, reason: RereadReason::RotatedSibling });
    position.drain(&file, tracked, poll, &mut |poll, lines| (poll.emit)(Input::Lines { source: id, at: poll.now, lines }))?;
    (poll.emit)(Input::RereadDone { source: id, at: poll.now, partial: position.splitter.partial() });
    Ok(())
}
