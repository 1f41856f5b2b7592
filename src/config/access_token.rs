//! The token that clients must send: read from a file or from the environment, or made. No option takes a token itself, because every
//! process can see the arguments.

use std::fmt;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::small_file::read_small_file;
use crate::error::Error;

/// Shorter ones could be guessed.
const MIN_LENGTH: usize = 16;

/// Bytes of a made secret: 128 bits.
const SECRET_BYTES: usize = 16;

/// The token, and where its owner finds it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// What clients send.
    pub text: String,
    /// Where it stands besides here.
    pub origin: TokenOrigin,
}

/// Where a token stands. Only one that stands nowhere else is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenOrigin {
    /// On the first line of this file.
    File(PathBuf),
    /// In `PROGRESS_BRIDGE_TOKEN`.
    Environment,
    /// Made for this run.
    Made,
}

impl AccessToken {
    /// A new one for this run.
    pub fn random() -> Self {
        AccessToken { text: random_secret(), origin: TokenOrigin::Made }
    }

    /// Reads it from the first line of a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = read_small_file(path).map_err(|cause| unreadable(path, &cause))?;
        let Some(first) = text.lines().next() else {
            return Err(Error::Usage(format!("the token file {} is empty: write the token on its first line", path.display())));
        };
        AccessToken::new(first, TokenOrigin::File(path.to_owned()), &format!("the first line of {}", path.display()))
    }

    /// As [`AccessToken::read`]; a file that does not exist is made, for its owner alone, with a new token.
    pub fn read_or_make(path: &Path) -> Result<Self, Error> {
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => {
                let token = random_secret();
                let written = file.write_all(format!("{token}\n").as_bytes()).and_then(|()| file.sync_all());
                written.map_err(|cause| unreadable(path, &cause))?;
                Ok(AccessToken { text: token, origin: TokenOrigin::File(path.to_owned()) })
            }
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => AccessToken::read(path),
            Err(cause) => Err(unreadable(path, &cause)),
        }
    }

    /// The value of `PROGRESS_BRIDGE_TOKEN`.
    pub fn from_environment(text: &str) -> Result<Self, Error> {
        AccessToken::new(text, TokenOrigin::Environment, "PROGRESS_BRIDGE_TOKEN")
    }

    /// Checks that it fits into a header and is too long to be guessed.
    fn new(text: &str, origin: TokenOrigin, name: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() < MIN_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Usage(format!(
                "{name} is no usable token: give at least {MIN_LENGTH} visible ASCII characters without spaces"
            )));
        }
        Ok(AccessToken { text: text.to_owned(), origin })
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// 128 random bits in hexadecimal digits, for tokens and one-time codes.
pub fn random_secret() -> String {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).expect("every system that runs this has a source of random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unreadable(path: &Path, cause: &io::Error) -> Error {
    Error::Usage(format!(
        "cannot read the token file {}: {cause}; write the token on its first line and make it yours, or add --require-token to have it made",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn tokens_fit_into_a_header() {
        assert_eq!(AccessToken::random().text.len(), 2 * SECRET_BYTES);
        AccessToken::from_environment(&random_secret()).expect("ours are usable");
        AccessToken::from_environment("short").expect_err("it is too short");
        AccessToken::from_environment("0123456789 abcdef").expect_err("it has a space");
    }

    #[test]
    fn a_made_file_is_its_owners_alone_and_is_read_the_next_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("token");
        AccessToken::read(&path).expect_err("it is not made without being asked for");
        let made = AccessToken::read_or_make(&path).expect("the folder is ours");
        assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        assert_eq!(AccessToken::read_or_make(&path).expect("it is there"), made);
        assert_eq!(AccessToken::read(&path).expect("it is there"), made);
        assert!(!format!("{made:?}").contains(&made.text), "it is not shown");
    }
}
