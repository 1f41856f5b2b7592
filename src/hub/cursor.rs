//! A position in a log, as text: `EPOCH-SEQ`, at most 33 ASCII characters, fit for an SSE `id`; at a hub of a fleet `EPOCH-SEQ-CHECK`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

use crate::event::Seq;

/// 48 random bits: two of a thousand restarts share an epoch with a chance of one in five hundred million.
const EPOCH_LENGTH: usize = 12;

/// The position after event `seq` of log `epoch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Id of the log.
    pub epoch: Arc<str>,
    /// The last event that its holder has; 0 before the first.
    pub seq: Seq,
    /// [`crate::event::EventId::check`] of that event, where numbers may be given again.
    pub check: Option<u16>,
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseCursorError;

/// A random id for a log or a process.
pub(crate) fn random_id() -> String {
    let mut text = Uuid::new_v4().simple().to_string();
    text.truncate(EPOCH_LENGTH);
    text
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq.0)?;
        self.check.map_or(Ok(()), |check| write!(f, "-{check:04x}"))
    }
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    /// Strict, so that an invented cursor is distinguished from one of another process.
    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        let (epoch, numbers) = text.split_once('-').ok_or(ParseCursorError)?;
        let (seq, check) = numbers.split_once('-').map_or((numbers, None), |(seq, check)| (seq, Some(check)));
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if epoch.len() != EPOCH_LENGTH || !epoch.bytes().all(hex) || !seq.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseCursorError);
        }
        let seq = seq.parse().map_err(|_| ParseCursorError)?;
        let check = match check {
            Some(text) if text.len() == 4 && text.bytes().all(hex) => Some(u16::from_str_radix(text, 16).map_err(|_| ParseCursorError)?),
            Some(_) => return Err(ParseCursorError),
            None => None,
        };
        Ok(Cursor { epoch: epoch.into(), seq: Seq(seq), check })
    }
}
