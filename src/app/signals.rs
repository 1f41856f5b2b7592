//! SIGINT and SIGTERM as exit reasons.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::ExitReason;
use crate::error::Error;

/// Catches both signals from its creation on.
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

    /// Waits for the next signal. Cancel safe.
    pub async fn next(&mut self) -> ExitReason {
        tokio::select! {
            _ = self.interrupt.recv() => ExitReason::Interrupted,
            _ = self.terminate.recv() => ExitReason::Terminated,
        }
    }
}
