//! The signals that end the program as exit reasons.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::ExitReason;
use crate::error::Error;

/// Catches the signals from its creation on: whatever ends the program, the terminal is given back.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    /// `None` when whoever started the program wants it to outlive its terminal (`nohup`).
    hangup: Option<Signal>,
}

impl Signals {
    /// # Errors
    ///
    /// [`Error::Io`] when the system refuses a handler.
    pub fn catch() -> Result<Self, Error> {
        let caught = |kind| signal(kind).map_err(|cause| Error::Io { what: "cannot catch signals".to_owned(), path: None, cause });
        // Asked before any handler replaces what was set.
        let outlives_terminal = is_ignored(SignalKind::hangup());
        Ok(Signals {
            interrupt: caught(SignalKind::interrupt())?,
            terminate: caught(SignalKind::terminate())?,
            quit: caught(SignalKind::quit())?,
            hangup: if outlives_terminal { None } else { Some(caught(SignalKind::hangup())?) },
        })
    }

    /// Waits for the next signal. Cancel safe.
    pub async fn next(&mut self) -> ExitReason {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => ExitReason::Interrupted,
            _ = self.terminate.recv() => ExitReason::Terminated,
            _ = self.quit.recv() => ExitReason::Quit,
            _ = hangup => ExitReason::HungUp,
        }
    }
}

/// Whether this process was started with `kind` ignored, as Linux says; elsewhere that is not known.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (kind.as_raw_value() - 1)) != 0)
}
