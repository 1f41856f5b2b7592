//! The last events of the log on disk: a header with the epoch, then one event per line.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::folder::{Unusable, open_to_append, read_own, replace};
use super::quarantine;
use crate::event::Event;
use crate::hub::{PublishedEvent, random_id};

/// Increased when old lines cannot be read any more.
const VERSION: u32 = 1;
pub(super) const NAME: &str = "journal";
/// How every journal of ours begins.
pub(super) const PREFIX: &[u8] = b"{\"journal\":";
/// Longest epoch. Ours have 32 characters.
const MAX_EPOCH: usize = 64;
/// The limits of the hub's log. The journal is compacted when it has twice as much.
const MAX_EVENTS: usize = 10_000;
const MAX_BYTES: usize = 32 << 20;

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    epoch: String,
    events: usize,
    bytes: usize,
    /// Length of the file up to the last whole line. A full disk may leave part of a line behind it.
    valid_len: u64,
    /// The last write failed, so the file may be longer than `valid_len`.
    partial_write: bool,
    /// The reused buffer of one write.
    batch: Vec<u8>,
}

/// The content of a journal at its opening.
#[derive(Debug, Default)]
pub(super) struct JournalContents {
    pub(super) events: Vec<Event>,
    /// The new path of an unusable journal.
    pub(super) quarantined: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct JournalHeader {
    journal: u32,
    epoch: String,
}

/// The bytes of the folder's journal, if it has one and it is ours.
pub(super) fn read(folder: &Path) -> Result<Option<Vec<u8>>, Unusable> {
    let path = folder.join(NAME);
    let bytes = read_own(&path, PREFIX)?;
    let header = bytes.as_ref().and_then(|bytes| serde_json::from_slice::<JournalHeader>(bytes.split(|byte| *byte == b'\n').next()?).ok());
    match header {
        // It is sent in every frame and header: a line end in it would be a frame of its own.
        Some(header) if !is_epoch(&header.epoch) => {
            Err(Unusable(format!("{}: has an epoch that no bridge makes: name another folder", path.display())))
        }
        Some(_) | None => Ok(bytes),
    }
}

fn is_epoch(text: &str) -> bool {
    (1..=MAX_EPOCH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl Journal {
    /// Takes over what `read` gave.
    pub(super) fn open(folder: &Path, bytes: Option<&[u8]>) -> io::Result<(Journal, JournalContents)> {
        let path = folder.join(NAME);
        let bytes = bytes.unwrap_or_default();
        // A kill during a write leaves part of a line, whose event no client has received.
        let valid_len = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..valid_len].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let header =
            lines.next().and_then(|line| serde_json::from_slice::<JournalHeader>(line).ok()).filter(|header| header.journal == VERSION);
        let mut contents = JournalContents::default();
        let epoch = match header {
            Some(header) => {
                contents.events = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
                header.epoch
            }
            None => {
                if valid_len > 0 {
                    contents.quarantined = Some(quarantine(&path));
                }
                random_id()
            }
        };
        let excess = contents.events.len().saturating_sub(MAX_EVENTS);
        contents.events.drain(..excess);
        Ok((Journal::rewrite(path, epoch, &contents.events)?, contents))
    }

    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    pub(super) fn append(&mut self, events: &[Arc<PublishedEvent>]) -> io::Result<()> {
        if self.partial_write {
            self.file.set_len(self.valid_len)?;
            self.partial_write = false;
        }
        self.batch.clear();
        for event in events {
            self.batch.extend_from_slice(event.json());
            self.batch.push(b'\n');
        }
        self.partial_write = true;
        self.file.write_all(&self.batch)?;
        self.partial_write = false;
        self.valid_len += self.batch.len() as u64;
        self.events += events.len();
        self.bytes += self.batch.len();
        if self.events > 2 * MAX_EVENTS || self.bytes > 2 * MAX_BYTES {
            self.compact()?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn write_to(&mut self, file: File) {
        self.file = file;
    }

    /// Drops all but the last events.
    fn compact(&mut self) -> io::Result<()> {
        let bytes = fs::read(&self.path)?;
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.is_empty()).collect();
        let mut left = MAX_BYTES;
        let fits = |line: &&&[u8]| {
            left = left.saturating_sub(line.len());
            left > 0
        };
        let count = lines.iter().rev().take(MAX_EVENTS).take_while(fits).count();
        let events: Vec<Event> = lines[lines.len() - count..].iter().filter_map(|line| serde_json::from_slice(line).ok()).collect();
        *self = Journal::rewrite(self.path.clone(), self.epoch.clone(), &events)?;
        Ok(())
    }

    /// Replaces the file with a header and `events`.
    fn rewrite(path: PathBuf, epoch: String, events: &[Event]) -> io::Result<Journal> {
        let mut content = serde_json::to_vec(&JournalHeader { journal: VERSION, epoch: epoch.clone() })?;
        content.push(b'\n');
        for event in events {
            content.extend_from_slice(&event.to_json());
            content.push(b'\n');
        }
        replace(&path, &content)?;
        let file = open_to_append(&path)?;
        let bytes = content.len();
        Ok(Journal { path, file, epoch, events: events.len(), bytes, valid_len: bytes as u64, partial_write: false, batch: Vec::new() })
    }
}
