//! One tracked path: whether a file has it, which notices were emitted about it, and when to poll it again.
//!
//! Shared by `FileTailer`, `DocumentReader` and `PipeReader`. Reads nothing.

use std::path::PathBuf;
use std::time::Duration;

use crate::clock::ClockReading;
use crate::discover::{Confinement, Source};
use crate::engine::Input;
use crate::error::NoticeKind;
use crate::line::SourceId;
use crate::tail::file_stat::{self, FileStat};
use crate::tail::folder_listing::FolderListings;

/// A file that changed within this time, and whose change no notification announced, is rechecked often.
const RECENT: Duration = Duration::from_secs(60);
const RECHECK_ACTIVE: Duration = Duration::from_secs(1);
const RECHECK_IDLE: Duration = Duration::from_secs(10);

/// The context of one poll of one file.
pub(super) struct PollContext<'a> {
    pub(super) now: ClockReading,
    /// A writer closed the file after the last poll, and nobody has written since.
    pub(super) closed: bool,
    /// A notification, or somebody else, asked for the poll: it is not a mere recheck.
    pub(super) notified: bool,
    /// The file is a machine log: a program appends to it and rotates it.
    pub(super) machine: bool,
    /// So many lines at the beginning need not be read again when some of them are edited.
    pub(super) settled_lines: u32,
    pub(super) buffer: &'a mut [u8],
    pub(super) listings: &'a mut FolderListings,
    pub(super) emit: &'a mut dyn FnMut(Input),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PollResult {
    Done,
    /// There is more to read. `tick` when a tick of the engine may come between.
    More {
        tick: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Unknown,
    Present,
    Missing,
}

pub(super) struct TrackedPath {
    pub(super) id: SourceId,
    pub(super) path: PathBuf,
    pub(super) confinement: Confinement,
    shown: String,
    presence: Presence,
    /// The message of the trouble that was reported and is not over.
    reported: Option<String>,
    changed_at: Option<Duration>,
    /// The last change was found by a recheck, and no notification has come since: perhaps none ever comes.
    is_unannounced: bool,
    checked_at: Duration,
}

impl TrackedPath {
    pub(super) fn new(source: &Source) -> Self {
        TrackedPath {
            id: source.id,
            path: source.path.clone(),
            confinement: source.confinement.clone(),
            shown: source.display_path.clone(),
            presence: Presence::Unknown,
            reported: None,
            changed_at: None,
            is_unannounced: false,
            checked_at: Duration::ZERO,
        }
    }

    /// Whether no file has ever been seen under the path.
    pub(super) fn is_new(&self) -> bool {
        self.presence != Presence::Present && self.changed_at.is_none()
    }

    /// Notes that a readable file has the path, and returns whether that is new.
    pub(super) fn mark_present(&mut self, stat: &FileStat, poll: &mut PollContext<'_>) -> bool {
        self.reported = None;
        let is_new = std::mem::replace(&mut self.presence, Presence::Present) != Presence::Present;
        if is_new {
            (poll.emit)(Input::FileModified { source: self.id, at: stat.modified_at().min(poll.now.wall) });
        }
        is_new
    }

    /// Notes that no file has the path, and returns whether that is new.
    pub(super) fn mark_missing(&mut self, poll: &mut PollContext<'_>) -> bool {
        self.reported = None;
        let is_new = self.presence != Presence::Missing;
        if is_new {
            self.changed_at = (self.presence == Presence::Present).then_some(poll.now.elapsed);
            self.presence = Presence::Missing;
            (poll.emit)(Input::Missing { source: self.id, at: poll.now });
        }
        is_new
    }

    /// Emits a notice about trouble, unless the same one was the last.
    pub(super) fn report(&mut self, kind: NoticeKind, message: String, poll: &mut PollContext<'_>) {
        if self.reported.as_ref() != Some(&message) {
            self.reported = Some(message.clone());
            self.notice(kind, message, poll);
        }
    }

    pub(super) fn notice(&self, kind: NoticeKind, message: String, poll: &mut PollContext<'_>) {
        let notice = file_stat::notice(kind, &self.shown, message, poll.now);
        (poll.emit)(Input::Notice { source: Some(self.id), at: poll.now, notice });
    }

    pub(super) fn mark_changed(&mut self, poll: &PollContext<'_>) {
        self.changed_at = Some(poll.now.elapsed);
        self.is_unannounced = !poll.notified;
    }

    /// When the file last changed, its first look aside where it was not new.
    pub(super) fn changed_at(&self) -> Option<Duration> {
        self.changed_at
    }

    pub(super) fn checked_at(&self) -> Duration {
        self.checked_at
    }

    pub(super) fn mark_checked(&mut self, poll: &PollContext<'_>) {
        self.checked_at = poll.now.elapsed;
        self.is_unannounced &= !poll.notified;
    }

    /// When to poll again without a notification; every `poll_interval` where the file system sends none. A missing file may come back in
    /// a folder that is not watched yet.
    pub(super) fn recheck_at(&self, poll_interval: Option<Duration>) -> Duration {
        let is_doubtful = self.is_unannounced || self.presence == Presence::Missing;
        let is_active = self.reported.is_some() || is_doubtful && self.changed_at.is_some_and(|at| self.checked_at < at + RECENT);
        poll_interval.map_or_else(
            || next_multiple(if is_active { RECHECK_ACTIVE } else { RECHECK_IDLE }, self.checked_at),
            |interval| self.checked_at + interval,
        )
    }
}

/// The first whole multiple of an interval of whole seconds after `time`: whatever goes by such times is done in one wake-up.
pub(super) fn next_multiple(interval: Duration, time: Duration) -> Duration {
    Duration::from_secs((time.as_secs() / interval.as_secs() + 1) * interval.as_secs())
}
