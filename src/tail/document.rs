//! A file that is read as a whole: its text, whenever it changed.

use std::io::{self, Read};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::discover::Source;
use crate::error::NoticeKind;
use crate::input::Input;
use crate::tail::file::{self, Signature, Standing};
use crate::tail::log::SECOND_LOOK;
use crate::tail::place::{Look, Place, Step};
use crate::tail::splitter;

/// Largest document. Real plans have some ten kilobytes.
const LIMIT: u64 = 16 << 20;

pub(super) struct Document {
    place: Place,
    seen: Option<Signature>,
    /// Digest of the text that was sent last.
    sent: Option<u64>,
    check_at: Option<Duration>,
}

impl Document {
    pub(super) fn new(source: &Source) -> Self {
        Document { place: Place::new(source), seen: None, sent: None, check_at: None }
    }

    pub(super) fn look(&mut self, look: &mut Look<'_>) -> Step {
        self.place.looked(look.now);
        match file::standing(&self.place.path) {
            Standing::Missing => {
                self.place.is_missing(look);
                self.seen = None;
                self.check_at = None;
            }
            Standing::Refused(why) => {
                self.check_at = None;
                self.place.trouble(NoticeKind::Unreadable, why, look);
            }
            Standing::Regular(signature) => self.judge(signature, look),
        }
        Step::Done
    }

    pub(super) fn next_look(&self, poll: Option<Duration>) -> Duration {
        let recheck = self.place.recheck_at(poll);
        self.check_at.map_or(recheck, |at| at.min(recheck))
    }

    fn judge(&mut self, signature: Signature, look: &mut Look<'_>) {
        let changed = self.seen != Some(signature);
        if !changed && self.check_at.is_none_or(|at| look.now.elapsed < at) {
            return;
        }
        self.check_at = changed.then_some(look.now.elapsed + SECOND_LOOK);
        if changed && self.seen.is_some() {
            self.place.moved(look.now);
        }
        self.seen = Some(signature);
        if signature.size > LIMIT {
            let message = format!("has {} bytes, more than the {LIMIT} that are read: its content is ignored", signature.size);
            self.place.trouble(NoticeKind::Limit, message, look);
            return;
        }
        match self.read() {
            Ok(bytes) => {
                let news = self.place.is_here(&signature, look);
                let digest = Some(xxh3_64(&bytes));
                if news || self.sent != digest {
                    self.sent = digest;
                    (look.say)(Input::Document { source: self.place.id, at: look.now, text: splitter::document(&bytes) });
                }
            }
            Err(cause) => {
                self.seen = None;
                self.check_at = None;
                if !file::is_missing(&cause) {
                    self.place.trouble(NoticeKind::Unreadable, file::remedy(&cause), look);
                }
            }
        }
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let (file, signature) = file::open(&self.place.path)?;
        let mut bytes = Vec::with_capacity(signature.size.min(LIMIT) as usize + 1);
        file.take(LIMIT).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
