//! What the file system says about a path, and error texts that say what to do.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::clock::{ClockReading, Timestamp};
use crate::discover::Confinement;
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
        Timestamp::clamped(self.modified.0.saturating_mul(1000).saturating_add(self.modified.1 / 1_000_000))
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
            Some(what) => PathState::Refused(refused_message(what)),
        },
        Err(cause) if is_missing(&cause) => PathState::Missing,
        Err(cause) => PathState::Refused(describe_error(&cause)),
    }
}

/// Opens a regular file for reading. What was opened is judged, not what the path led to before: a pipe or a device is refused without
/// waiting for its writer, a file outside of its confinement without reading it.
pub(super) fn open(path: &Path, confinement: &Confinement) -> io::Result<(File, FileStat)> {
    let file = File::options().read(true).custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed()).open(path)?;
    let meta = file.metadata()?;
    if let Some(what) = refusal(&meta) {
        return Err(io::Error::other(OpenRefusal(refused_message(what))));
    }
    if let Some(folder) = confinement.folder()?
        && !real_path(&file, &meta, path)?.starts_with(&folder)
    {
        let why = format!("leads out of {} and is left aside: name it with --watch to have it read", folder.display());
        return Err(io::Error::other(OpenRefusal(why)));
    }
    Ok((file, FileStat::from(&meta)))
}

/// Opens a rotated file: it stands beside the log, so that a link that was named for the log leads nowhere with it.
pub(super) fn open_rotated(path: &Path, confinement: &Confinement) -> io::Result<(File, FileStat)> {
    match confinement {
        Confinement::Anywhere => open(path, &Confinement::Inside(path.parent().unwrap_or(Path::new("/")).canonicalize()?)),
        Confinement::Inside(_) | Confinement::BelowLink { .. } => open(path, confinement),
    }
}

/// The path of an open file, without links.
fn real_path(file: &File, meta: &Metadata, path: &Path) -> io::Result<PathBuf> {
    // The kernel knows the name of what was opened, whatever the path leads to by now.
    if let Ok(real) = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
        && real.is_absolute()
    {
        return Ok(real);
    }
    let real = path.canonicalize()?;
    if FileIdentity::from(&real.metadata()?) == FileIdentity::from(meta) {
        Ok(real)
    } else {
        Err(io::Error::other("another file took its place while it was opened"))
    }
}

/// Why a file that is there is not read; the message says what to do.
#[derive(Debug)]
struct OpenRefusal(String);

impl std::fmt::Display for OpenRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenRefusal {}

pub(super) fn is_missing(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The text of an error: what failed and what to do, without the path.
pub(super) fn describe_error(cause: &io::Error) -> String {
    if let Some(refusal) = cause.get_ref().and_then(|inner| inner.downcast_ref::<OpenRefusal>()) {
        return refusal.to_string();
    }
    let what_to_do = match cause.kind() {
        io::ErrorKind::PermissionDenied => "let this user read it and search its folder (chmod, or run as its owner)",
        // `EMFILE` and `ENFILE` have no kind of their own.
        _ if matches!(cause.raw_os_error(), Some(23 | 24)) => "raise the limit of open files (ulimit -n)",
        _ => "check the file system it is on",
    };
    format!("cannot be read: {cause}; {what_to_do}; it is tried again")
}

pub(super) fn notice(kind: NoticeKind, shown: &str, message: String, now: ClockReading) -> Notice {
    Notice { kind, path: Some(shown.into()), message: message.into(), at: now.wall }
}

fn refused_message(what: &str) -> String {
    format!("is {what}, not a regular file: give the path of the file itself")
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
