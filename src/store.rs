//! `--state DIR`: stores what a restarted process resumes from.
//!
//! The folder has two files. `journal` holds the last events, one per line. An event is appended after stdout has it and before any
//! client gets it, so a client that resumes with a cursor of this log misses nothing. `snapshot` holds the newest checkpoint of the
//! engine and of the files, and is replaced whole. After a kill, the engine counts again what the checkpoint lacks and recognises it
//! by the event ids in the journal. Both files survive a crash of the process, but not one of the machine: a damaged file is then
//! recovered or quarantined, with a notice.

mod journal;
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Notice, NoticeKind};
use crate::event::{Event, Seq};
use crate::hub::{Cursor, Hub, HubSettings};
use crate::tail::checkpoint::Checkpoint;
use journal::Journal;

/// Increased when an old snapshot would be misread.
const VERSION: u32 = 3;
const SNAPSHOT: &str = "snapshot";

/// The locked folder.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// `None` when the folder cannot be written at all.
    journal: Option<Journal>,
    /// Held until the store is dropped.
    _lock: Option<File>,
    /// A failure was reported, and no write has succeeded since.
    reported: bool,
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
    /// Another process holds the lock. A folder that cannot be written is no error but a notice, and nothing is stored then.
    pub fn open(folder: &Path, now: Timestamp) -> Result<(Store, Restored), Error> {
        let mut restored = Restored::default();
        let lock = match lock(folder) {
            Ok(lock) => lock,
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Usage(format!(
                    "--state {}: another bridge is using it; end that one, or name another folder",
                    folder.display()
                )));
            }
            Err(TryLockError::Error(cause)) => {
                restored.notices.push(write_failed_notice(folder, &cause, now));
                return Ok((Store { folder: folder.to_owned(), journal: None, _lock: None, reported: true }, restored));
            }
        };
        restored.checkpoint = read_snapshot(folder, now, &mut restored.notices);
        let journal = match Journal::open(folder) {
            Ok((journal, content)) => {
                if let Some(path) = content.quarantined {
                    restored.notices.push(quarantined_notice(&path, now));
                }
                restored.newest =
                    Some(Cursor { epoch: journal.epoch().into(), seq: content.events.last().map_or(Seq(0), |event| event.seq) });
                restored.events = content.events;
                Some(journal)
            }
            Err(cause) => {
                restored.notices.push(write_failed_notice(folder, &cause, now));
                None
            }
        };
        let reported = journal.is_none();
        Ok((Store { folder: folder.to_owned(), journal, _lock: Some(lock), reported }, restored))
    }

    /// Appends events to the journal. Returns a notice at the first failure after a success.
    pub fn append(&mut self, events: &[Event], now: Timestamp) -> Option<Notice> {
        let journal = self.journal.as_mut()?;
        let result = journal.append(events);
        self.report_once(result, now)
    }

    /// Replaces the snapshot. Returns a notice at the first failure after a success.
    pub fn write_checkpoint(&mut self, checkpoint: &Checkpoint, now: Timestamp) -> Option<Notice> {
        self.journal.as_ref()?;
        let result = write_snapshot(&self.folder, checkpoint);
        self.report_once(result, now)
    }

    fn report_once(&mut self, result: io::Result<()>, now: Timestamp) -> Option<Notice> {
        let was_reported = std::mem::replace(&mut self.reported, result.is_err());
        result.err().filter(|_| !was_reported).map(|cause| write_failed_notice(&self.folder, &cause, now))
    }
}

impl Restored {
    /// A hub that continues the stored log; an empty one without a journal.
    pub fn hub(&self, settings: HubSettings) -> Hub {
        match &self.newest {
            Some(newest) => {
                let counted = self.checkpoint.as_ref().map_or(Seq(0), |checkpoint| checkpoint.engine.seq);
                let newest = Cursor { epoch: newest.epoch.clone(), seq: newest.seq.max(counted) };
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

fn lock(folder: &Path) -> Result<File, TryLockError> {
    fs::create_dir_all(folder).map_err(TryLockError::Error)?;
    let lock = File::create(folder.join("lock")).map_err(TryLockError::Error)?;
    lock.try_lock()?;
    Ok(lock)
}

fn read_snapshot(folder: &Path, now: Timestamp, notices: &mut Vec<Notice>) -> Option<Checkpoint> {
    let path = folder.join(SNAPSHOT);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return None,
        Err(cause) => {
            notices.push(write_failed_notice(folder, &cause, now));
            return None;
        }
    };
    let is_current = serde_json::from_slice::<SnapshotVersion>(&bytes).is_ok_and(|snapshot| snapshot.version == VERSION);
    match serde_json::from_slice::<SnapshotOwned>(&bytes) {
        Ok(snapshot) if is_current => Some(snapshot.checkpoint),
        Ok(_) | Err(_) => {
            let quarantined = quarantine(&path);
            notices.push(quarantined_notice(&quarantined, now));
            None
        }
    }
}

fn write_snapshot(folder: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let path = folder.join(SNAPSHOT);
    replace(&path, &serde_json::to_vec(&SnapshotRef { version: VERSION, checkpoint })?)
}

/// Replaces the file atomically: a reader sees the old content or the new one.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let written = File::create(&new).and_then(|mut file| file.write_all(content)).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // On a full disk the partial file would take space from everybody.
        let _is_missing = fs::remove_file(&new).is_err();
    }
    written
}

/// Renames an unusable file, so that it is kept and a new one can be written. Returns where it is now.
fn quarantine(path: &Path) -> PathBuf {
    let quarantined = path.with_extension("unusable");
    match fs::rename(path, &quarantined) {
        Ok(()) => quarantined,
        // The next write replaces the file. The notice is reported all the same.
        Err(_) => path.to_owned(),
    }
}

fn quarantined_notice(path: &Path, now: Timestamp) -> Notice {
    let message = "cannot be used: it was written by another version or is damaged; it is set aside, and what the files hold is \
                   emitted again, with the ids it had"
        .to_owned();
    Notice { kind: NoticeKind::Store, path: Some(path.display().to_string()), message, at: now }
}

fn write_failed_notice(folder: &Path, cause: &io::Error, now: Timestamp) -> Notice {
    let message = format!(
        "cannot be written ({cause}): make room or let this user write there; everything goes on, but a restart may emit events again"
    );
    Notice { kind: NoticeKind::Store, path: Some(folder.display().to_string()), message, at: now }
}
