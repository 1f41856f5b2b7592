//! The tail of the log on disk: a header that names it, then an event a line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{replace, set_aside};
use crate::event::Event;
use crate::hub::random_id;

/// Goes up when the lines of the old kind cannot be read any more.
const VERSION: u32 = 1;
const NAME: &str = "journal";
/// What the hub keeps of the log; twice that is written before the journal is made shorter.
const EVENTS: usize = 10_000;
const BYTES: usize = 32 << 20;

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    epoch: String,
    events: usize,
    bytes: usize,
    /// Up to where its content is whole; behind that the disk may have been full in the middle of a line.
    whole: u64,
    torn: bool,
    batch: Vec<u8>,
}

/// What a journal held.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) events: Vec<Event>,
    /// Where a journal that could not be used was put.
    pub(super) set_aside: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    journal: u32,
    epoch: String,
}

impl Journal {
    pub(super) fn open(folder: &Path) -> io::Result<(Journal, Contents)> {
        let path = folder.join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => return Err(cause),
        };
        // A kill in the middle of a write leaves half a line, of events that nobody has got.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let header = lines.next().and_then(|line| serde_json::from_slice::<Header>(line).ok()).filter(|header| header.journal == VERSION);
        let mut contents = Contents::default();
        let epoch = match header {
            Some(header) => {
                contents.events = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
                header.epoch
            }
            None => {
                if whole > 0 {
                    contents.set_aside = Some(set_aside(&path));
                }
                random_id()
            }
        };
        let excess = contents.events.len().saturating_sub(EVENTS);
        contents.events.drain(..excess);
        Ok((Journal::write_anew(path, epoch, &contents.events)?, contents))
    }

    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    pub(super) fn append(&mut self, events: &[Event]) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.whole)?;
            self.torn = false;
        }
        self.batch.clear();
        for event in events {
            self.batch.extend_from_slice(&event.to_json());
            self.batch.push(b'\n');
        }
        self.torn = true;
        self.file.write_all(&self.batch)?;
        self.torn = false;
        self.whole += self.batch.len() as u64;
        self.events += events.len();
        self.bytes += self.batch.len();
        if self.events > 2 * EVENTS || self.bytes > 2 * BYTES {
            self.shorten()?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn write_to(&mut self, file: File) {
        self.file = file;
    }

    /// Leaves the last events only.
    fn shorten(&mut self) -> io::Result<()> {
        let bytes = fs::read(&self.path)?;
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.is_empty()).collect();
        let mut left = BYTES;
        let fits = |line: &&&[u8]| {
            left = left.saturating_sub(line.len());
            left > 0
        };
        let count = lines.iter().rev().take(EVENTS).take_while(fits).count();
        let events: Vec<Event> = lines[lines.len() - count..].iter().filter_map(|line| serde_json::from_slice(line).ok()).collect();
        *self = Journal::write_anew(self.path.clone(), self.epoch.clone(), &events)?;
        Ok(())
    }

    fn write_anew(path: PathBuf, epoch: String, events: &[Event]) -> io::Result<Journal> {
        let mut content = serde_json::to_vec(&Header { journal: VERSION, epoch: epoch.clone() })?;
        content.push(b'\n');
        for event in events {
            content.extend_from_slice(&event.to_json());
            content.push(b'\n');
        }
        replace(&path, &content)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        let bytes = content.len();
        Ok(Journal { path, file, epoch, events: events.len(), bytes, whole: bytes as u64, torn: false, batch: Vec::new() })
    }
}
