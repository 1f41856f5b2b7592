//! What the file system says about a path, and how to say in words what is wrong with it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{ClockReading, Timestamp};
use crate::error::{Notice, NoticeKind};

/// What tells one file from another under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// What changes whenever a file changes; the change time also when the others were put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) identity: Identity,
    pub(super) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Identity {
    fn from(meta: &Metadata) -> Self {
        Identity { device: meta.dev(), inode: meta.ino() }
    }
}

impl From<&Metadata> for Signature {
    fn from(meta: &Metadata) -> Self {
        Signature {
            identity: Identity::from(meta),
            size: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

impl Signature {
    /// When it was last written.
    pub(super) fn written(&self) -> Timestamp {
        Timestamp(self.modified.0.saturating_mul(1000).saturating_add(self.modified.1 / 1_000_000))
    }

    /// How long the file had been left alone by then.
    pub(super) fn quiet_at(&self, wall: Timestamp) -> Duration {
        Duration::from_millis(wall.since(self.written()).unwrap_or(0))
    }
}

/// What stands under a name.
pub(super) enum Standing {
    Missing,
    Regular(Signature),
    /// Something that cannot be read, in words.
    Refused(String),
}

pub(super) fn standing(path: &Path) -> Standing {
    match std::fs::metadata(path) {
        Ok(meta) => match refusal(&meta) {
            None => Standing::Regular(Signature::from(&meta)),
            Some(what) => Standing::Refused(format!("is {what}, not a regular file: give the path of the file itself")),
        },
        Err(cause) if is_missing(&cause) => Standing::Missing,
        Err(cause) => Standing::Refused(remedy(&cause)),
    }
}

/// Opens for reading. Only ever called for what was a regular file a moment ago, so that it does not wait for a pipe's writer.
pub(super) fn open(path: &Path) -> io::Result<(File, Signature)> {
    let file = File::open(path)?;
    let signature = Signature::from(&file.metadata()?);
    Ok((file, signature))
}

pub(super) fn is_missing(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What failed and what to do, without the path.
pub(super) fn remedy(cause: &io::Error) -> String {
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
