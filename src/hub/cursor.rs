//! A place in a log, as text: `EPOCH-SEQ`, at most 33 ASCII characters, fit for an SSE `id`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

use crate::event::Seq;

/// 48 random bits: that any two of a thousand restarts share an epoch has a chance of one in five hundred million.
const EPOCH_LENGTH: usize = 12;

/// Everything after event `seq` of log `epoch` is still to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Which log.
    pub epoch: Arc<str>,
    /// The last event that its holder has; 0 before the first.
    pub seq: Seq,
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotACursor;

/// A name for a new log.
pub(crate) fn random_name() -> String {
    let mut text = Uuid::new_v4().simple().to_string();
    text.truncate(EPOCH_LENGTH);
    text
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq.0)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    /// Strict, so that what a client made up is told apart from what another process gave it.
    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (epoch, seq) = text.split_once('-').ok_or(NotACursor)?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if epoch.len() != EPOCH_LENGTH || !epoch.bytes().all(hex) || !seq.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotACursor);
        }
        let seq = seq.parse().map_err(|_| NotACursor)?;
        Ok(Cursor { epoch: epoch.into(), seq: Seq(seq) })
    }
}
