//! `--state DIR`: what a restarted bridge goes on with.
//!
//! Two files. `journal` holds the last events, a line each, appended after stdout has them and before anybody else gets them: whoever
//! comes back with a cursor of it misses nothing. `snapshot` holds what was counted, replaced whole now and then; what a kill cut off
//! of it is counted again, and recognised by the ids in the journal. Both survive the death of the process, not that of the machine;
//! what is torn then is recovered or set aside, and said.

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

/// Goes up when a snapshot of the old kind means something else now.
const VERSION: u32 = 3;
const SNAPSHOT: &str = "snapshot";

/// The folder, open for writing.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Nothing where it cannot be written at all.
    journal: Option<Journal>,
    /// Held as long as this is.
    _lock: Option<File>,
    /// Trouble has been said and is not over.
    said: bool,
}

/// What was found in the folder.
#[derive(Debug, Default)]
pub struct Kept {
    /// Names the log, and its newest place; nothing where there was none.
    pub newest: Option<Cursor>,
    /// The tail of the log.
    pub events: Vec<Event>,
    /// What was counted.
    pub keep: Option<Checkpoint>,
    /// What had to be left behind.
    pub notices: Vec<Notice>,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    keep: &'a Checkpoint,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
struct Read {
    keep: Checkpoint,
}

impl Store {
    /// Opens the folder, makes it when it is missing, and reads what is there.
    ///
    /// # Errors
    ///
    /// Another bridge uses it. One that cannot be written is no error: it is said, and nothing is kept.
    pub fn open(folder: &Path, now: Timestamp) -> Result<(Store, Kept), Error> {
        let mut kept = Kept::default();
        let lock = match lock(folder) {
            Ok(lock) => lock,
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Usage(format!(
                    "--state {}: another bridge is using it; end that one, or name another folder",
                    folder.display()
                )));
            }
            Err(TryLockError::Error(cause)) => {
                kept.notices.push(trouble(folder, &cause, now));
                return Ok((Store { folder: folder.to_owned(), journal: None, _lock: None, said: true }, kept));
            }
        };
        kept.keep = read_snapshot(folder, now, &mut kept.notices);
        let journal = match Journal::open(folder) {
            Ok((journal, read)) => {
                if let Some(aside) = read.set_aside {
                    kept.notices.push(left_behind(&aside, now));
                }
                kept.newest = Some(Cursor { epoch: journal.epoch().into(), seq: read.events.last().map_or(Seq(0), |event| event.seq) });
                kept.events = read.events;
                Some(journal)
            }
            Err(cause) => {
                kept.notices.push(trouble(folder, &cause, now));
                None
            }
        };
        let said = journal.is_none();
        Ok((Store { folder: folder.to_owned(), journal, _lock: Some(lock), said }, kept))
    }

    /// Adds events to the journal. What comes back is trouble, said once until it is over.
    pub fn append(&mut self, events: &[Event], now: Timestamp) -> Option<Notice> {
        let journal = self.journal.as_mut()?;
        let done = journal.append(events);
        self.judge(done, now)
    }

    /// Replaces the snapshot. What comes back is trouble, said once until it is over.
    pub fn keep(&mut self, keep: &Checkpoint, now: Timestamp) -> Option<Notice> {
        self.journal.as_ref()?;
        let done = write_snapshot(&self.folder, keep);
        self.judge(done, now)
    }

    fn judge(&mut self, done: io::Result<()>, now: Timestamp) -> Option<Notice> {
        let was_said = std::mem::replace(&mut self.said, done.is_err());
        done.err().filter(|_| !was_said).map(|cause| trouble(&self.folder, &cause, now))
    }
}

impl Kept {
    /// The hub as it was, or a new one.
    pub fn hub(&self, settings: HubSettings) -> Hub {
        match &self.newest {
            Some(newest) => {
                let counted = self.keep.as_ref().map_or(Seq(0), |keep| keep.counts.seq);
                let newest = Cursor { epoch: newest.epoch.clone(), seq: newest.seq.max(counted) };
                Hub::restored(settings, newest, self.events.clone())
            }
            None => Hub::new(settings),
        }
    }

    /// Events that were published and are not counted in the snapshot.
    pub fn uncounted(&self) -> impl Iterator<Item = &Event> {
        let counted = self.keep.as_ref().map_or(Seq(0), |keep| keep.counts.seq);
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
            notices.push(trouble(folder, &cause, now));
            return None;
        }
    };
    let is_ours = serde_json::from_slice::<Version>(&bytes).is_ok_and(|read| read.version == VERSION);
    match serde_json::from_slice::<Read>(&bytes) {
        Ok(read) if is_ours => Some(read.keep),
        Ok(_) | Err(_) => {
            let aside = set_aside(&path);
            notices.push(left_behind(&aside, now));
            None
        }
    }
}

fn write_snapshot(folder: &Path, keep: &Checkpoint) -> io::Result<()> {
    let path = folder.join(SNAPSHOT);
    replace(&path, &serde_json::to_vec(&Written { version: VERSION, keep })?)
}

/// Another process sees the old content or the new one, never half of it.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let written = File::create(&new).and_then(|mut file| file.write_all(content)).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // On a full disk the half that was written is in the way of everybody else.
        let _gone_already = fs::remove_file(&new).is_err();
    }
    written
}

/// Out of the way, and not lost.
fn set_aside(path: &Path) -> PathBuf {
    let aside = path.with_extension("unusable");
    match fs::rename(path, &aside) {
        Ok(()) => aside,
        // It will be written over; that it could not be used is said all the same.
        Err(_) => path.to_owned(),
    }
}

fn left_behind(path: &Path, now: Timestamp) -> Notice {
    let message = "cannot be used: it was written by another version or is damaged; it is set aside, and what the files hold is \
                   emitted again, with the ids it had"
        .to_owned();
    Notice { kind: NoticeKind::Store, path: Some(path.display().to_string()), message, at: now }
}

fn trouble(folder: &Path, cause: &io::Error, now: Timestamp) -> Notice {
    let message = format!(
        "cannot be written ({cause}): make room or let this user write there; everything goes on, but a restart may emit events again"
    );
    Notice { kind: NoticeKind::Store, path: Some(folder.display().to_string()), message, at: now }
}
