//! Signals as exit reasons: no signal that can be caught ends the program without its end.

use std::future::pending;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::ExitReason;
use crate::error::{Error, FREE_RESOURCES};

/// Catches the signals from its creation on.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    /// `None` where the parent has had it ignored (`nohup`).
    hang_up: Option<Signal>,
    /// Caught, so that they do not end the program; nobody asks for them.
    _ignored: [Signal; 3],
}

impl Signals {
    /// # Errors
    ///
    /// [`Error::Io`] when the system refuses a handler.
    pub fn catch() -> Result<Self, Error> {
        let caught = |kind| {
            signal(kind).map_err(|cause| Error::Io { what: "cannot catch signals".to_owned(), path: None, cause, hint: FREE_RESOURCES })
        };
        let hang_up = if is_hang_up_ignored() { None } else { Some(caught(SignalKind::hangup())?) };
        // A write over a limit of file sizes then fails like any other.
        let over_file_size = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
        Ok(Signals {
            interrupt: caught(SignalKind::interrupt())?,
            terminate: caught(SignalKind::terminate())?,
            quit: caught(SignalKind::quit())?,
            hang_up,
            _ignored: [caught(SignalKind::user_defined1())?, caught(SignalKind::user_defined2())?, caught(over_file_size)?],
        })
    }

    /// Waits for the next signal. Cancel safe.
    pub async fn next(&mut self) -> ExitReason {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => ExitReason::Interrupted,
            _ = self.terminate.recv() => ExitReason::Terminated,
            _ = self.quit.recv() => ExitReason::Terminated,
            _ = hang_up => ExitReason::Terminated,
        }
    }
}

/// Whether the program was started with SIGHUP ignored. Where the system does not tell, it was not.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}
