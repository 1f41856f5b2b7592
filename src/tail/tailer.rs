//! One file that is read line by line: its appends, rewrites, replacements, rotation and absence.
//!
//! Polls when told to, and emits what it read. `reader` waits; `follow` compares bytes; `detached` reads the files whose path was taken;
//! `rotated_reader` reads the rotated files beside this one.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use crate::discover::Source;
use crate::engine::Input;
use crate::error::NoticeKind;
use crate::file_change::RereadReason;
use crate::line::Lines;
use crate::tail::checkpoint::FileCheckpoint;
use crate::tail::detached::{DRAIN_INTERVAL, DRAIN_TIMEOUT, DetachedFiles};
use crate::tail::edit::{self, FoundEdit};
use crate::tail::file_stat::{self, FileIdentity, FileStat};
use crate::tail::follow::{self, CheckLevel, FileChange, OldFile};
use crate::tail::read_position::{DrainResult, LastLine, ReadPosition};
use crate::tail::rotated;
use crate::tail::rotated_reader::RotatedReader;
use crate::tail::tracked_path::{PollContext, PollResult, TrackedPath};

/// Coarse clocks give two writes within some milliseconds the same time: what changed is compared once more after this.
pub(super) const RECHECK_DELAY: Duration = Duration::from_millis(50);
/// How many bytes are read before the other files get their turn.
const READ_BUDGET: usize = 4 << 20;
/// How long a last line without a newline must stay unchanged until it is emitted. The timeout is shorter when its writer renamed the
/// file into place or closed it. A shell opens and closes the file for every piece of a line, so the timeout after a close must be longer
/// than the pause between two commands.
const PARTIAL_LINE_TIMEOUT_RENAMED: Duration = Duration::from_millis(250);
const PARTIAL_LINE_TIMEOUT_CLOSED: Duration = Duration::from_secs(2);
const PARTIAL_LINE_TIMEOUT: Duration = Duration::from_secs(3);

/// The follower of one path. Its methods go from the poll through the classification of the file to the reading.
pub(super) struct FileTailer {
    tracked: TrackedPath,
    file: Option<(File, FileIdentity)>,
    position: ReadPosition,
    /// The read that has not reached the end of the file.
    pending: Option<PendingRead>,
    /// A reread that failed before the end of the file and must be started again.
    interrupted_reread: Option<RereadReason>,
    /// As of the last poll; `None` while the path is missing.
    last_stat: Option<FileStat>,
    /// Why the file was compared when it was last found to be merely edited, unless it was read from its start since.
    edited: Option<RereadReason>,
    /// What became of the previous file when it was closed.
    old_file: OldFile,
    detached: DetachedFiles,
    rotated: RotatedReader,
    /// What an earlier process had read, until the file is first seen.
    checkpoint: Option<FileCheckpoint>,
    /// A file has had the path since the start.
    ever_present: bool,
    /// The file was found, and the engine has got no lines of it yet, not even none.
    presence_unsent: bool,
    /// The file changed while it was reread.
    changed_while_reading: bool,
    /// When to check the content although the metadata did not change.
    check_at: Option<Duration>,
    /// No full check before this time.
    next_full_check: Duration,
    changed_at: Duration,
    /// When the descriptor of a missing file last had new bytes.
    drained_at: Duration,
}

#[derive(Clone, Copy)]
struct PendingRead {
    /// As it was before the read.
    stat: FileStat,
    reread: Option<RereadReason>,
    /// The file took the path from another one with no gap between: a writer that was finished renamed it into place.
    renamed: bool,
    first: bool,
    /// An earlier process has read and counted everything before this offset.
    counted_to: Option<u64>,
}

impl FileTailer {
    /// `checkpoint` is what an earlier process had read of the file.
    pub(super) fn new(source: &Source, checkpoint: Option<FileCheckpoint>) -> Self {
        let rotated = RotatedReader::new(checkpoint.as_ref().map(|checkpoint| checkpoint.rotated.clone()).unwrap_or_default());
        FileTailer {
            tracked: TrackedPath::new(source),
            file: None,
            position: ReadPosition::default(),
            pending: None,
            interrupted_reread: None,
            last_stat: None,
            edited: None,
            old_file: OldFile::Replaced,
            detached: DetachedFiles::default(),
            rotated,
            checkpoint,
            ever_present: false,
            presence_unsent: false,
            changed_while_reading: false,
            check_at: None,
            next_full_check: Duration::ZERO,
            changed_at: Duration::ZERO,
            drained_at: Duration::ZERO,
        }
    }

    pub(super) fn poll(&mut self, poll: &mut PollContext<'_>) -> PollResult {
        self.tracked.mark_checked(poll);
        self.detached.drain(&self.tracked, poll);
        match self.poll_and_read(poll) {
            Ok(PollResult::Done) => {}
            Ok(more @ PollResult::More { .. }) => return more,
            Err(cause) => self.on_error(&cause, poll),
        }
        if std::mem::take(&mut self.presence_unsent) {
            (poll.emit)(Input::Lines { source: self.tracked.id, at: poll.now, lines: Lines::default() });
        }
        if let LastLine::Pending(at) = self.position.last_line {
            let at = if poll.closed { at.min(poll.now.elapsed + PARTIAL_LINE_TIMEOUT_CLOSED) } else { at };
            self.position.last_line = LastLine::Pending(at);
            if at <= poll.now.elapsed {
                self.emit_partial(poll);
            }
        }
        PollResult::Done
    }

    /// Nothing more will be read: a partial line is emitted as it is.
    pub(super) fn finish(&mut self, poll: &mut PollContext<'_>) {
        self.detached.finish(&self.tracked, poll);
        if self.pending.is_none() && matches!(self.position.last_line, LastLine::Pending(_)) {
            self.emit_partial(poll);
        }
    }

    /// What another process needs to continue here. It has no fingerprint during a reread, because an offset would claim that the lines
    /// before it are counted.
    pub(super) fn checkpoint(&self) -> Option<FileCheckpoint> {
        let rotated = self.rotated.known();
        if let Some(checkpoint) = &self.checkpoint {
            return Some(FileCheckpoint { rotated, ..checkpoint.clone() });
        }
        let (_, identity) = self.file.as_ref()?;
        let is_settled = self.pending.is_none() && self.interrupted_reread.is_none();
        let fingerprint = is_settled.then(|| self.position.prefix.fingerprint());
        Some(FileCheckpoint { identity: *identity, fingerprint, rotated })
    }

    pub(super) fn next_poll(&self, poll_interval: Option<Duration>) -> Duration {
        if self.pending.is_some() || self.changed_while_reading {
            return Duration::ZERO;
        }
        let partial = match self.position.last_line {
            LastLine::Pending(at) => Some(at),
            LastLine::Complete | LastLine::Emitted(_) => None,
        };
        let drain = (self.last_stat.is_none() && self.file.is_some()).then_some(self.tracked.checked_at() + DRAIN_INTERVAL);
        [partial, drain, self.check_at, self.detached.next_poll()]
            .into_iter()
            .flatten()
            .fold(self.tracked.recheck_at(poll_interval), Duration::min)
    }

    fn poll_and_read(&mut self, poll: &mut PollContext<'_>) -> io::Result<PollResult> {
        if self.pending.is_none() {
            self.changed_while_reading = false;
            match file_stat::stat_path(&self.tracked.path) {
                file_stat::PathState::Missing => self.on_missing(poll)?,
                file_stat::PathState::Refused(why) => {
                    self.check_at = None;
                    if self.last_stat.is_none() {
                        self.file = None;
                    }
                    self.tracked.report(NoticeKind::Unreadable, why, poll);
                }
                file_stat::PathState::Regular(stat) => self.classify(stat, poll)?,
            }
        }
        match self.pending {
            Some(pending) => self.read_on(pending, poll),
            None => Ok(PollResult::Done),
        }
    }

    /// Finds out what happened to the file since the last poll, and starts the read that follows from it.
    fn classify(&mut self, stat: FileStat, poll: &mut PollContext<'_>) -> io::Result<()> {
        if let Some(parked) = self.parked() {
            if parked == stat && self.check_at.is_none_or(|at| poll.now.elapsed < at) {
                return Ok(());
            }
            self.reopen(parked.identity)?;
        }
        let held = self.file.as_ref().map(|(_, identity)| *identity);
        if held != Some(stat.identity) || self.interrupted_reread.is_some() {
            return self.on_replaced(poll);
        }
        let now = poll.now.elapsed;
        self.presence_unsent |= self.tracked.mark_present(&stat, poll);
        let due = self.check_at.is_some_and(|at| at <= now);
        if self.last_stat == Some(stat) && !due {
            return Ok(());
        }
        let is_cheap = self.position.prefix.is_check_inline() && self.next_full_check <= now;
        let level = if due || is_cheap { CheckLevel::Full } else { CheckLevel::Quick };
        let Some((file, _)) = &self.file else { return Ok(()) };
        let mut read = |buffer: &mut [u8], at| file.read_at(buffer, at);
        let mut change = self.position.prefix.classify(stat.size, OldFile::SameInode, level, &mut read, poll.buffer)?;
        if level == CheckLevel::Full {
            self.next_full_check = now + self.position.prefix.check_cooldown();
            let recheck_at = self.changed_at + RECHECK_DELAY;
            self.check_at = (now < recheck_at).then_some(recheck_at.max(self.next_full_check));
        }
        // Copying the file and truncating it is a way of rotating, too.
        if change != FileChange::Appended && self.rotated.read_new(&self.tracked, &[stat.identity], poll) {
            change = FileChange::Reread(RereadReason::Rotated);
        }
        self.begin(change, stat, false, poll);
        Ok(())
    }

    /// The file as of the last poll, when its descriptor was given up since.
    fn parked(&self) -> Option<FileStat> {
        self.last_stat.filter(|_| self.file.is_none())
    }

    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Whether all that the file held at the last poll was read, so that its descriptor is not needed until the next.
    pub(super) fn is_read(&self) -> bool {
        let is_settled = self.pending.is_none() && self.interrupted_reread.is_none() && !self.changed_while_reading;
        is_settled && self.file.is_some() && self.last_stat.is_some()
    }

    /// Whether nothing follows but a change of the file.
    pub(super) fn is_idle(&self) -> bool {
        let is_complete = !matches!(self.position.last_line, LastLine::Pending(_));
        self.is_read() && is_complete && self.check_at.is_none() && self.detached.is_empty()
    }

    /// Whether it costs little to read the file from its start.
    pub(super) fn is_small(&self) -> bool {
        self.position.prefix.is_check_inline()
    }

    /// When the file last changed while it was tracked.
    pub(super) fn changed_at(&self) -> Option<Duration> {
        self.tracked.changed_at()
    }

    /// Closes the file until it changes: the limit of open files leaves no room.
    pub(super) fn park(&mut self) {
        self.file = None;
    }

    /// Closes the file until it changes, and then reads it from its start: nothing in it counts.
    pub(super) fn let_go(&mut self) {
        self.file = None;
        self.position = ReadPosition::default();
        self.rotated = RotatedReader::default();
    }

    /// Makes the next poll read a file again that was let go, or whose edit was not accepted.
    pub(super) fn take_up(&mut self) {
        if let Some(reason) = self.edited.take() {
            self.interrupted_reread = Some(reason);
            self.file = None;
            self.last_stat = None;
        } else if self.parked().is_some() {
            self.last_stat = None;
        }
    }

    /// Opens the path again, if the file that was parked still has it. What became of it otherwise is judged by its name.
    fn reopen(&mut self, parked: FileIdentity) -> io::Result<()> {
        match file_stat::open(&self.tracked.path, &self.tracked.confinement) {
            Ok((file, stat)) if stat.identity == parked => self.file = Some((file, parked)),
            Ok(_) => self.old_file = rotated::locate(&self.tracked.path, parked).without_descriptor(),
            Err(cause) if file_stat::is_missing(&cause) => {}
            Err(cause) => return Err(cause),
        }
        Ok(())
    }

    /// Starts the read that follows from `change`. `renamed` when the file took the path from another one with no gap between.
    fn begin(&mut self, change: FileChange, stat: FileStat, renamed: bool, poll: &mut PollContext<'_>) {
        let now = poll.now.elapsed;
        let first = self.last_stat.is_none() && !renamed;
        self.ever_present = true;
        // A file that had not changed for a while before the first poll needs no recheck.
        if self.last_stat != Some(stat) && !(first && stat.unchanged_for(poll.now.wall) > PARTIAL_LINE_TIMEOUT) {
            self.tracked.mark_changed(poll);
            self.changed_at = now;
            // A recheck that is due earlier is not postponed: with a writer that never pauses it would never come.
            self.check_at = self.check_at.or(Some((now + RECHECK_DELAY).max(self.next_full_check)));
        }
        self.last_stat = Some(stat);
        let pending = PendingRead { stat, reread: None, renamed, first, counted_to: None };
        match change {
            FileChange::Appended if stat.size == self.position.prefix.offset() => {}
            FileChange::Appended => self.pending = Some(pending),
            FileChange::Reread(reason) if self.emit_edit(reason, &stat, poll) => {}
            FileChange::Reread(reason) => {
                self.begin_reread(reason, poll);
                self.pending = Some(PendingRead { reread: Some(reason), ..pending });
            }
        }
    }

    /// Emits the lines around an edit, if that is all that happened to the file. Returns whether it is.
    fn emit_edit(&mut self, reason: RereadReason, stat: &FileStat, poll: &mut PollContext<'_>) -> bool {
        let Some((file, _)) = self.file.as_ref().filter(|_| matches!(reason, RereadReason::Rewritten | RereadReason::Replaced)) else {
            return false;
        };
        // What cannot be read is reported when the whole file is read.
        let found = edit::find(&self.position, file, stat, poll.settled_lines, poll.buffer).unwrap_or_default();
        let Some(FoundEdit { edit, lines, position }) = found else { return false };
        self.position = position;
        self.presence_unsent = false;
        self.edited = Some(reason);
        (poll.emit)(Input::Edited { source: self.tracked.id, at: poll.now, reason, edit, lines });
        true
    }

    fn begin_reread(&mut self, reason: RereadReason, poll: &mut PollContext<'_>) {
        self.position = ReadPosition::default();
        self.edited = None;
        self.presence_unsent = false;
        (poll.emit)(Input::RereadBegun { source: self.tracked.id, at: poll.now, reason });
    }

    /// Reads up to [`READ_BUDGET`] bytes.
    fn read_on(&mut self, mut pending: PendingRead, poll: &mut PollContext<'_>) -> io::Result<PollResult> {
        let Some((file, _)) = &self.file else { return Ok(PollResult::Done) };
        let mut left = READ_BUDGET;
        while left > 0 {
            let offset = self.position.prefix.offset();
            if pending.counted_to == Some(offset) {
                // The rest is an append like any other.
                pending = PendingRead { reread: None, counted_to: None, ..pending };
                self.pending = Some(pending);
                (poll.emit)(Input::RestoreDone { source: self.tracked.id, at: poll.now });
            }
            let room = pending.counted_to.map_or(poll.buffer.len() as u64, |counted_to| counted_to - offset);
            let room = poll.buffer.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            let count = file.read_at(&mut poll.buffer[..room], offset)?;
            if count > 0 {
                let (id, presence_unsent) = (self.tracked.id, &mut self.presence_unsent);
                self.position.advance(count, &self.tracked, poll, &mut |poll, lines| {
                    *presence_unsent = false;
                    (poll.emit)(Input::Lines { source: id, at: poll.now, lines });
                });
                left = left.saturating_sub(count);
            }
            // A short read at the size that the file had is its end. A notification follows if the file has grown since.
            if count == 0 || (count < room && pending.counted_to.is_none() && self.position.prefix.offset() >= pending.stat.size) {
                self.changed_while_reading = pending.reread.is_some() && FileStat::from(&file.metadata()?) != pending.stat;
                self.end_read(pending, poll);
                return Ok(PollResult::Done);
            }
        }
        Ok(PollResult::More { tick: pending.reread.is_none() })
    }

    fn end_read(&mut self, pending: PendingRead, poll: &mut PollContext<'_>) {
        self.pending = None;
        if pending.reread.is_some() {
            (poll.emit)(Input::RereadDone { source: self.tracked.id, at: poll.now, partial: self.position.splitter.partial() });
        }
        let now = poll.now.elapsed;
        let timeout = if pending.renamed {
            PARTIAL_LINE_TIMEOUT_RENAMED
        } else if pending.first {
            PARTIAL_LINE_TIMEOUT.saturating_sub(pending.stat.unchanged_for(poll.now.wall))
        } else {
            PARTIAL_LINE_TIMEOUT
        };
        self.position.last_line = match self.position.last_line {
            LastLine::Emitted(ended) if ended == self.position.splitter.ended() => LastLine::Emitted(ended),
            LastLine::Complete | LastLine::Pending(_) | LastLine::Emitted(_) if self.position.splitter.has_partial() => {
                LastLine::Pending(now + timeout)
            }
            LastLine::Complete | LastLine::Pending(_) | LastLine::Emitted(_) => LastLine::Complete,
        };
    }

    fn on_missing(&mut self, poll: &mut PollContext<'_>) -> io::Result<()> {
        let now = poll.now.elapsed;
        if self.tracked.mark_missing(poll) {
            self.drained_at = now;
            self.check_at = None;
        }
        if let Some(parked) = self.parked() {
            self.old_file = rotated::locate(&self.tracked.path, parked.identity).without_descriptor();
        }
        self.last_stat = None;
        let Some((old, identity)) = self.file.take() else {
            // A rotated file may hold all that was ever written. A file that was never read was not rotated.
            if (self.checkpoint.is_some() || self.ever_present) && self.rotated.read_new_while_missing(&self.tracked, poll) {
                self.old_file = OldFile::Rotated;
            }
            return Ok(());
        };
        if self.drain(&old, poll)? == DrainResult::Appended {
            self.drained_at = now;
        }
        if now < self.drained_at + DRAIN_TIMEOUT {
            self.file = Some((old, identity));
        } else {
            self.old_file = self.locate_old(&old, identity)?;
            self.rotated.mark_read(&old);
            let message = "is gone; what was read stands, and it is read on when it comes back".to_owned();
            self.tracked.notice(NoticeKind::Vanished, message, poll);
        }
        Ok(())
    }

    /// Reads what was appended to a file that has lost its path.
    fn drain(&mut self, old: &File, poll: &mut PollContext<'_>) -> io::Result<DrainResult> {
        let (id, presence_unsent) = (self.tracked.id, &mut self.presence_unsent);
        let drained = self.position.drain(old, &self.tracked, poll, &mut |poll, lines| {
            *presence_unsent = false;
            (poll.emit)(Input::Lines { source: id, at: poll.now, lines });
        })?;
        if drained == DrainResult::Appended {
            self.position.last_line = if self.position.splitter.has_partial() {
                LastLine::Pending(poll.now.elapsed + PARTIAL_LINE_TIMEOUT)
            } else {
                LastLine::Complete
            };
        }
        Ok(drained)
    }

    fn on_error(&mut self, cause: &io::Error, poll: &mut PollContext<'_>) {
        self.interrupted_reread = self.pending.take().and_then(|pending| pending.reread).or(self.interrupted_reread);
        // A new descriptor may work where this one does not (a network mount that came back). The position stays.
        self.file = None;
        self.last_stat = None;
        self.check_at = None;
        self.tracked.report(NoticeKind::Unreadable, file_stat::describe_error(cause), poll);
    }

    fn emit_partial(&mut self, poll: &mut PollContext<'_>) {
        self.position.last_line = LastLine::Emitted(self.position.splitter.ended());
        if let Some(partial) = self.position.splitter.partial() {
            (poll.emit)(Input::PartialLine { source: self.tracked.id, at: poll.now, partial });
        }
    }

    /// Another file than the one that was read has the path.
    fn on_replaced(&mut self, poll: &mut PollContext<'_>) -> io::Result<()> {
        let (file, stat) = match file_stat::open(&self.tracked.path, &self.tracked.confinement) {
            Ok(opened) => opened,
            Err(cause) if file_stat::is_missing(&cause) => return self.on_missing(poll),
            Err(cause) => return Err(cause),
        };
        let first = self.tracked.is_new();
        let is_new = self.tracked.mark_present(&stat, poll);
        self.presence_unsent |= is_new;
        if let Some(checkpoint) = self.checkpoint.take() {
            return self.on_restored(&checkpoint, file, stat, poll);
        }
        if first {
            self.rotated.mark_existing(&self.tracked.path, poll.listings);
        }
        let old = self.file.take();
        let mut known = vec![stat.identity];
        if let Some((old, identity)) = &old
            && *identity != stat.identity
        {
            self.drain_before_replacement(old, poll)?;
            self.old_file = self.locate_old(old, *identity)?;
            self.rotated.mark_read(old);
            known.push(*identity);
        }
        if !first && self.rotated.read_new(&self.tracked, &known, poll) {
            self.old_file = OldFile::Rotated;
        }
        let old_file = if self.old_file == OldFile::Rotated && !poll.machine { OldFile::Renamed } else { self.old_file };
        let change = match self.interrupted_reread.take() {
            Some(reason) => FileChange::Reread(reason),
            None => {
                let mut read = |buffer: &mut [u8], at| file.read_at(buffer, at);
                self.position.prefix.classify(stat.size, old_file, CheckLevel::Full, &mut read, poll.buffer)?
            }
        };
        if let Some((old, _)) = old {
            let still_linked = change != FileChange::Appended && old_file != OldFile::Replaced;
            if still_linked && !poll.machine && matches!(self.position.last_line, LastLine::Pending(_)) {
                // The log of an archived run is complete, and the engine does not count it any more once the next run begins.
                self.emit_partial(poll);
            }
            self.detached.detach(old, self.position.clone(), still_linked, &self.tracked, poll);
        }
        self.file = Some((file, stat.identity));
        self.begin(change, stat, !is_new, poll);
        Ok(())
    }

    /// As `on_replaced`, but compares with what an earlier process had read.
    fn on_restored(&mut self, checkpoint: &FileCheckpoint, file: File, stat: FileStat, poll: &mut PollContext<'_>) -> io::Result<()> {
        let old_file = if checkpoint.identity == stat.identity {
            OldFile::SameInode
        } else {
            let is_rotated_here = || rotated::locate(&self.tracked.path, checkpoint.identity) == OldFile::Rotated;
            let is_rotated = self.old_file == OldFile::Rotated || (poll.machine && is_rotated_here());
            // The old file is not found under a rotated name: most likely it was saved over.
            if is_rotated { OldFile::Rotated } else { OldFile::Replaced }
        };
        let fingerprint =
            checkpoint.fingerprint.as_ref().filter(|fingerprint| old_file != OldFile::Rotated && stat.size >= fingerprint.offset);
        let matches = match fingerprint {
            Some(fingerprint) => fingerprint.matches(&mut |buffer, at| file.read_at(buffer, at), poll.buffer)?,
            None => false,
        };
        self.file = Some((file, stat.identity));
        let reason = match (matches, &checkpoint.fingerprint) {
            (true, _) => RereadReason::Restored,
            // It was not read to its end, so its old content is not known: the engine compares the counts.
            (false, None) if old_file == OldFile::SameInode => RereadReason::Rewritten,
            (false, _) if self.rotated.read_new(&self.tracked, &[stat.identity], poll) => RereadReason::Rotated,
            (false, _) => follow::reread_reason(old_file),
        };
        self.begin(FileChange::Reread(reason), stat, false, poll);
        if let Some(pending) = &mut self.pending {
            pending.counted_to = fingerprint.filter(|_| matches).map(|fingerprint| fingerprint.offset);
        }
        Ok(())
    }

    fn locate_old(&self, old: &File, identity: FileIdentity) -> io::Result<OldFile> {
        let has_name = old.metadata()?.nlink() > 0;
        Ok(if has_name { rotated::locate(&self.tracked.path, identity) } else { OldFile::Replaced })
    }

    /// As `drain`, and rereads the file if its content was overwritten before it lost its path.
    fn drain_before_replacement(&mut self, old: &File, poll: &mut PollContext<'_>) -> io::Result<()> {
        if self.drain(old, poll)? == DrainResult::Changed && old.metadata()?.len() > 0 {
            self.begin_reread(RereadReason::Rewritten, poll);
            self.drain(old, poll)?;
            (poll.emit)(Input::RereadDone { source: self.tracked.id, at: poll.now, partial: self.position.splitter.partial() });
        }
        Ok(())
    }
}
