//! Two tiers of trouble: what stops the program, and what is survived and said.
//!
//! Messages are lowercase fragments: what failed, then what to do. The cause goes into `source`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use crate::clock::Timestamp;
use crate::text::{self, CleanText};

/// What stops the program. Each kind has its exit code.
#[derive(Debug)]
pub enum Error {
    /// The arguments make no sense together.
    Usage(String),
    /// Nothing was named and nothing was found, or (with `--once`) a named path is missing.
    NothingToWatch(String),
    /// The address cannot be listened on.
    Listen {
        /// As asked for.
        address: String,
        /// What to do about it.
        hint: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Another bridge refuses.
    Remote {
        /// As asked for.
        url: String,
        /// What it answers.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// A part of the program failed in a way that leaves nothing to go on with.
    Io {
        /// What failed, as the beginning of the message.
        what: String,
        /// On which file, if on one.
        path: Option<PathBuf>,
        /// What the system said.
        cause: std::io::Error,
        /// What to do about it.
        hint: &'static str,
    },
}

/// What to do when a thread or a handler is refused.
pub const FREE_RESOURCES: &str = "raise the limits of this user (ulimit -u, ulimit -n), or end what holds them";

/// What to do when stdout takes no more.
pub const FREE_STDOUT: &str = "make room where stdout leads, or lead it elsewhere";

impl Error {
    /// A named file or folder that this user may not read, or that is damaged.
    pub(crate) fn unreadable(path: &Path, cause: &std::io::Error) -> Error {
        Error::NothingToWatch(format!(
            "cannot read {}: {cause}; let this user read it and search its folder (chmod, or run as its owner)",
            path.display()
        ))
    }

    /// What the process ends with: 2 usage, 3 nothing to watch, 4 cannot listen or is refused, 74 (`EX_IOERR`) anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::NothingToWatch(_) => 3,
            Error::Listen { .. } | Error::Remote { .. } => 4,
            Error::Io { .. } => 74,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Usage(message) | Error::NothingToWatch(message) => f.write_str(message),
            Error::Listen { address, hint, cause } => write!(f, "cannot listen on {address}: {cause}; {hint}"),
            Error::Remote { url, reason, hint } => write!(f, "cannot ask {url}: {reason}; {hint}"),
            Error::Io { what, path: Some(path), cause, hint } => write!(f, "{what} {}: {cause}; {hint}", path.display()),
            Error::Io { what, path: None, cause, hint } => write!(f, "{what}: {cause}; {hint}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Listen { cause, .. } | Error::Io { cause, .. } => Some(cause),
            Error::Usage(_) | Error::NothingToWatch(_) | Error::Remote { .. } => None,
        }
    }
}

/// What is survived: shown in the state (the last 20) and once on stderr, never in the event stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What sort of trouble.
    pub kind: NoticeKind,
    /// The file it is about, as shown to people.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "serialize_path")]
    pub path: Option<CleanText>,
    /// What happened and what to do, in one line.
    pub message: CleanText,
    /// By our clock.
    pub at: Timestamp,
}

/// On stderr an absolute path helps; clients get the end of it.
fn serialize_path<S: Serializer>(path: &Option<CleanText>, to: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| text::last_names(Path::new(path.as_str()))).serialize(to)
}

/// Kinds may be added; readers must expect unknown ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A file cannot be opened or read; it is tried again.
    Unreadable,
    /// A file that was read is gone.
    Vanished,
    /// A line over the limit was cut.
    LineCut,
    /// A plan that does not parse; the last good one stands.
    PlanUnreadable,
    /// Watching is impossible here; files are looked at by the clock.
    Polling,
    /// A limit of this program was reached.
    Limit,
    /// A new run began in a task.
    NewRun,
    /// Sources contradict each other.
    Disagreement,
    /// A file turned up in a folder, or by a pattern, and is watched from now on.
    Found,
    /// `--state` cannot be written or could not be used.
    Store,
    /// A receiver of notifications was not told.
    Delivery,
    /// `--publish` cannot send, or has lost something.
    Publish,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_the_end_of_a_path() {
        let path = |path: &str| {
            let notice = Notice { kind: NoticeKind::Store, path: Some(path.into()), message: CleanText::default(), at: Timestamp(0) };
            serde_json::to_value(&notice).expect("it is plain data")["path"].take()
        };
        assert_eq!(path("/home/somebody/state/journal"), "state/journal");
        assert_eq!(path("logs/progress.txt"), "logs/progress.txt");
    }
}
