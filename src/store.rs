//! `--state DIR`: stores what a restarted process resumes from.
//!
//! The folder has two files. `journal` holds the last events, one per line. An event is appended after stdout has it and before any
//! client gets it, so a client that resumes with a cursor of this log misses nothing. `snapshot` holds the newest checkpoint of the
//! engine and of the files, and is replaced whole. After a kill, the engine counts again what the checkpoint lacks and recognises it
//! by the event ids in the journal. Both files survive a crash of the process, but not one of the machine: a damaged file is then
//! recovered or quarantined, with a notice.

mod folder;
mod journal;
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Notice, NoticeKind};
use crate::event::{Event, Seq};
use crate::hub::{Cursor, Hub, HubSettings, PublishedEvent};
use crate::tail::checkpoint::Checkpoint;
use folder::{Unusable, open_lock, prepare, read_own, remove_own_leftover, replace};
use journal::Journal;

/// Increased when an old snapshot would be misread.
const VERSION: u32 = 3;
const SNAPSHOT: &str = "snapshot";
const NOTIFICATIONS: &str = "notifications";

/// How our snapshot begins, whatever its version.
const SNAPSHOT_PREFIX: &[u8] = b"{\"version\":";
/// How the file of the notifications begins, which they read and write themselves.
const NOTIFICATIONS_PREFIX: &[u8] = b"{\"notifications\":";
/// The same trouble gives no second notice for this long: a full disk fails every write, or every second one.
const REPEAT_AFTER_MS: u64 = 10 * 60 * 1000;

/// The locked folder.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    journal: Journal,
    /// Held until the store is dropped.
    _lock: File,
    /// When a failure last gave a notice.
    reported_at: Option<Timestamp>,
}

/// Why the folder cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Another process holds the lock; it may just be ending.
    Busy(Error),
    /// It cannot be kept there.
    Unusable(Error),
}

/// The content of the folder.
#[derive(Debug, Default)]
pub struct Restored {
    /// Epoch and last sequence number of the log; `None` without a journal.
    pub newest: Option<Cursor>,
    /// The last events of the log.
    pub events: Vec<Event>,
    /// The newest checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// What the notifications kept.
    pub notifications: Option<Vec<u8>>,
    /// What could not be read or written.
    pub notices: Vec<Notice>,
}

/// The snapshot file as it is written.
#[derive(Serialize)]
struct SnapshotRef<'a> {
    version: u32,
    #[serde(rename = "keep")]
    checkpoint: &'a Checkpoint,
}

/// Read first, because the rest depends on it.
#[derive(Deserialize)]
struct SnapshotVersion {
    version: u32,
}

#[derive(Deserialize)]
struct SnapshotOwned {
    #[serde(rename = "keep")]
    checkpoint: Checkpoint,
}

impl Store {
    /// Opens the folder, creates it when it is missing, and reads its content.
    ///
    /// # Errors
    ///
    /// Another process holds the lock, or the folder cannot be written, or holds files of others that are named like ours.
    pub fn open(folder: &Path, now: Timestamp) -> Result<(Store, Restored), OpenError> {
        let usage = |Unusable(why)| OpenError::Unusable(Error::Usage(format!("--state {why}")));
        let mut restored = Restored::default();
        prepare(folder).map_err(usage)?;
        let lock = open_lock(&folder.join("lock")).map_err(usage)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Busy(Error::Usage(format!(
                    "--state {}: another bridge is using it; end that one, or name another folder",
                    folder.display()
                ))));
            }
            Err(TryLockError::Error(cause)) => {
                return Err(usage(Unusable(format!(
                    "{}: cannot be locked ({cause}): name a folder on a disk of this machine",
                    folder.display()
                ))));
            }
        }
        // Everything is judged before anything is changed.
        let snapshot = read_own(&folder.join(SNAPSHOT), SNAPSHOT_PREFIX).map_err(usage)?;
        let journal = journal::read(folder).map_err(usage)?;
        restored.notifications = read_own(&folder.join(NOTIFICATIONS), NOTIFICATIONS_PREFIX).map_err(usage)?;
        remove_own_leftover(&folder.join("notifications.new"), NOTIFICATIONS_PREFIX).map_err(usage)?;
        remove_own_leftover(&folder.join("snapshot.new"), SNAPSHOT_PREFIX).map_err(usage)?;
        remove_own_leftover(&folder.join("journal.new"), journal::PREFIX).map_err(usage)?;

        restored.checkpoint = snapshot.and_then(|bytes| parse_snapshot(&folder.join(SNAPSHOT), &bytes, now, &mut restored.notices));
        let (journal, content) = Journal::open(folder, journal.as_deref()).map_err(|cause| {
            usage(Unusable(format!("{}: cannot be written ({cause}): make room, or name another folder", folder.display())))
        })?;
        if let Some(path) = content.quarantined {
            restored.notices.push(quarantined_notice(&path, now));
        }
        restored.newest =
            Some(Cursor { epoch: journal.epoch().into(), seq: content.events.last().map_or(Seq(0), |event| event.seq), check: None });
        restored.events = content.events;
        Ok((Store { folder: folder.to_owned(), journal, _lock: lock, reported_at: None }, restored))
    }

    /// Appends events to the journal. Returns a notice at the first failure.
    pub fn append(&mut self, events: &[Arc<PublishedEvent>], now: Timestamp) -> Option<Notice> {
        let result = self.journal.append(events);
        self.report_once(result, now)
    }

    /// Replaces the snapshot. Returns a notice at the first failure.
    pub fn write_checkpoint(&mut self, checkpoint: &Checkpoint, now: Timestamp) -> Option<Notice> {
        let result = write_snapshot(&self.folder, checkpoint);
        self.report_once(result, now)
    }

    /// Replaces what the notifications keep. It lies beside the journal and needs no other order.
    pub fn notifications_writer(&self) -> impl FnMut(&[u8]) -> io::Result<()> + Send + use<> {
        let path = self.folder.join(NOTIFICATIONS);
        move |content| replace(&path, content)
    }

    fn report_once(&mut self, result: io::Result<()>, now: Timestamp) -> Option<Notice> {
        let cause = result.err()?;
        let is_known = self.reported_at.is_some_and(|at| now.since(at).is_none_or(|passed| passed < REPEAT_AFTER_MS));
        self.reported_at = Some(now);
        (!is_known).then(|| write_failed_notice(&self.folder, &cause, now))
    }
}

impl Restored {
    /// A hub that continues the stored log; an empty one without a journal.
    pub fn hub(&self, settings: HubSettings) -> Hub {
        match &self.newest {
            Some(newest) => {
                let counted = self.checkpoint.as_ref().map_or(Seq(0), |checkpoint| checkpoint.engine.seq);
                let newest = Cursor { epoch: newest.epoch.clone(), seq: newest.seq.max(counted), check: None };
                Hub::restored(settings, newest, self.events.clone())
            }
            None => Hub::new(settings),
        }
    }

    /// Published events that the checkpoint does not count yet.
    pub fn uncounted(&self) -> impl Iterator<Item = &Event> {
        let counted = self.checkpoint.as_ref().map_or(Seq(0), |checkpoint| checkpoint.engine.seq);
        self.events.iter().filter(move |event| event.seq > counted)
    }
}

fn parse_snapshot(path: &Path, bytes: &[u8], now: Timestamp, notices: &mut Vec<Notice>) -> Option<Checkpoint> {
    let is_current = serde_json::from_slice::<SnapshotVersion>(bytes).is_ok_and(|snapshot| snapshot.version == VERSION);
    match serde_json::from_slice::<SnapshotOwned>(bytes) {
        Ok(snapshot) if is_current => Some(snapshot.checkpoint),
        Ok(_) | Err(_) => {
            let quarantined = quarantine(path);
            notices.push(quarantined_notice(&quarantined, now));
            None
        }
    }
}

fn write_snapshot(folder: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let path = folder.join(SNAPSHOT);
    replace(&path, &serde_json::to_vec(&SnapshotRef { version: VERSION, checkpoint })?)
}

/// Renames an unusable file, so that it is kept and a new one can be written. Returns where it is now.
fn quarantine(path: &Path) -> PathBuf {
    let names = ["unusable", "unusable-2", "unusable-3", "unusable-4"].map(|name| path.with_extension(name));
    match names.into_iter().find(|name| name.symlink_metadata().is_err()) {
        Some(free) if fs::rename(path, &free).is_ok() => free,
        // The next write replaces the file. The notice is reported all the same.
        Some(_) | None => path.to_owned(),
    }
}

fn quarantined_notice(path: &Path, now: Timestamp) -> Notice {
    let message = "cannot be used: it was written by another version or is damaged; it is set aside, and what the files hold is \
                   emitted again, with the ids it had"
        .to_owned();
    Notice { kind: NoticeKind::Store, path: Some(path.display().to_string().into()), message: message.into(), at: now }
}

fn write_failed_notice(folder: &Path, cause: &io::Error, now: Timestamp) -> Notice {
    let message = format!(
        "cannot be written ({cause}): make room or let this user write there; everything goes on, but a restart may emit events again"
    );
    Notice { kind: NoticeKind::Store, path: Some(folder.display().to_string().into()), message: message.into(), at: now }
}
