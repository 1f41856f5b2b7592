//! SIGINT and SIGTERM, as they come.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Ended;
use crate::error::Error;

/// Catches both from the moment it is made.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// # Errors
    ///
    /// [`Error::Io`] when the system refuses a handler.
    pub fn catch() -> Result<Self, Error> {
        let caught = |kind| signal(kind).map_err(|cause| Error::Io { what: "cannot catch signals".to_owned(), path: None, cause });
        Ok(Signals { interrupt: caught(SignalKind::interrupt())?, terminate: caught(SignalKind::terminate())? })
    }

    /// The next one. Cancel safe.
    pub async fn next(&mut self) -> Ended {
        tokio::select! {
            _ = self.interrupt.recv() => Ended::Interrupted,
            _ = self.terminate.recv() => Ended::Terminated,
        }
    }
}
