//! What the file system says about a path, and error texts that say what to do.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{ClockReading, Timestamp};
use crate::error::{Notice, NoticeKind};

/// Tells one file from another under the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
}

/// The metadata that changes whenever a file changes. The change time does so even when the modification time was set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStat {
    pub(super) identity: FileIdentity,
    pub(super) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for FileIdentity {
    fn from(meta: &Metadata) -> Self {
        FileIdentity { device: meta.dev(), inode: meta.ino() }
    }
}

impl From<&Metadata> for FileStat {
    fn from(meta: &Metadata) -> Self {
        FileStat {
            identity: FileIdentity::from(meta),
            size: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

impl FileStat {
    /// The time of modification.
    pub(super) fn modified_at(&self) -> Timestamp {
        Timestamp(self.modified.0.saturating_mul(1000).saturating_add(self.modified.1 / 1_000_000))
    }

    /// How long before `wall` the file was last modified.
    pub(super) fn unchanged_for(&self, wall: Timestamp) -> Duration {
        Duration::from_millis(wall.since(self.modified_at()).unwrap_or(0))
    }
}

/// What a path leads to.
pub(super) enum PathState {
    Missing,
    Regular(FileStat),
    /// Something that cannot be read, with the text that says why.
    Refused(String),
}

pub(super) fn stat_path(path: &Path) -> PathState {
    match std::fs::metadata(path) {
        Ok(meta) => match refusal(&meta) {
            None => PathState::Regular(FileStat::from(&meta)),
            Some(what) => PathState::Refused(format!("is {what}, not a regular file: give the path of the file itself")),
        },
        Err(cause) if is_missing(&cause) => PathState::Missing,
        Err(cause) => PathState::Refused(describe_error(&cause)),
    }
}

/// Opens a file for reading. Only called after `stat_path` found a regular file, because opening a pipe would wait for its writer.
pub(super) fn open(path: &Path) -> io::Result<(File, FileStat)> {
    let file = File::open(path)?;
    let stat = FileStat::from(&file.metadata()?);
    Ok((file, stat))
}

pub(super) fn is_missing(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The text of an error: what failed and what to do, without the path.
pub(super) fn describe_error(cause: &io::Error) -> String {
    let what_to_do = match cause.kind() {
        io::ErrorKind::PermissionDenied => "let this user read it and search its folder (chmod, or run as its owner)",
        // `EMFILE` and `ENFILE` have no kind of their own.
        _ if matches!(cause.raw_os_error(), Some(23 | 24)) => "raise the limit of open files (ulimit -n)",
        _ => "check the file system it is on",
    };
    format!("cannot be read: {cause}; {what_to_do}; it is tried again")
}

pub(super) fn notice(kind: NoticeKind, shown: &str, message: String, now: ClockReading) -> Notice {
    Notice { kind, path: Some(shown.to_owned()), message, at: now.wall }
}

fn refusal(meta: &Metadata) -> Option<&'static str> {
    let kind = meta.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}
