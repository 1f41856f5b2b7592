//! Another file than the one that was read: put there by a save, a rotation or a new run, or found after a restart; and what stands
//! beside it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use super::Log;
use crate::error::NoticeKind;
use crate::input::{Input, RereadReason};
use crate::tail::file::{self, Identity, Signature};
use crate::tail::follow::{self, Depth, Verdict, Whereabouts};
use crate::tail::memory::Memory;
use crate::tail::neighbours::{self, Came};
use crate::tail::place::Look;
use crate::tail::position::{Drained, OpenLine, Position};

impl Log {
    /// Another file than the one that was read stands under the name.
    pub(super) fn judge_other(&mut self, look: &mut Look<'_>) -> io::Result<()> {
        let (file, signature) = match file::open(&self.place.path) {
            Ok(opened) => opened,
            Err(cause) if file::is_missing(&cause) => return self.missing(look),
            Err(cause) => return Err(cause),
        };
        let first = self.place.is_new();
        let came = self.place.is_here(&signature, look);
        self.appeared |= came;
        if let Some(memory) = self.memory.take() {
            return self.judge_remembered(&memory, file, signature, look);
        }
        if first {
            self.neighbours.know_present(&self.place.path);
        }
        let old = self.file.take();
        let mut known = vec![signature.identity];
        if let Some((old, identity)) = &old
            && *identity != signature.identity
        {
            self.drain_before_other(old, look)?;
            self.went = self.whereabouts(old, *identity)?;
            self.neighbours.know(old);
            known.push(*identity);
        }
        if !first && self.siblings(&known, look) {
            self.went = Whereabouts::Rotated;
        }
        let went = if self.went == Whereabouts::Rotated && !look.machine { Whereabouts::Elsewhere } else { self.went };
        let verdict = match self.broken_off.take() {
            Some(why) => Verdict::ReadAgain(why),
            None => {
                let mut read = |buffer: &mut [u8], at| file.read_at(buffer, at);
                self.read.prefix.judge(signature.size, went, Depth::Thorough, &mut read, look.buffer)?
            }
        };
        if let Some((old, _)) = old {
            let lives = verdict != Verdict::Grown && went != Whereabouts::Saved;
            if lives && !look.machine && matches!(self.read.rest, OpenLine::Due(_)) {
                // A run that is archived has said its last word, and its log is not counted any more once the next begins.
                self.say_rest(look);
            }
            self.pasts.retire(old, self.read.clone(), lives, &self.place, look);
        }
        self.file = Some((file, signature.identity));
        self.begin(verdict, signature, !came, look);
        Ok(())
    }

    /// As `judge_other`, against what an earlier process had read.
    fn judge_remembered(&mut self, memory: &Memory, file: File, signature: Signature, look: &mut Look<'_>) -> io::Result<()> {
        let went = if memory.identity == signature.identity {
            Whereabouts::Here
        } else {
            let is_beside = || neighbours::whereabouts(&self.place.path, memory.identity) == Whereabouts::Rotated;
            let is_rotated = self.went == Whereabouts::Rotated || (look.machine && is_beside());
            // Where it is not found under a name made from its own it was most likely saved over.
            if is_rotated { Whereabouts::Rotated } else { Whereabouts::Saved }
        };
        let proof = memory.proof.as_ref().filter(|proof| went != Whereabouts::Rotated && signature.size >= proof.offset);
        let stands = match proof {
            Some(proof) => proof.stands(&mut |buffer, at| file.read_at(buffer, at), look.buffer)?,
            None => false,
        };
        self.file = Some((file, signature.identity));
        let why = match (stands, &memory.proof) {
            (true, _) => RereadReason::Restored,
            // It had not been read to its end: its content alone can tell.
            (false, None) if went == Whereabouts::Here => RereadReason::Rewritten,
            (false, _) if self.siblings(&[signature.identity], look) => RereadReason::Rotated,
            (false, _) => follow::why(went),
        };
        self.begin(Verdict::ReadAgain(why), signature, false, look);
        if let Some(reading) = &mut self.reading {
            reading.known_to = proof.filter(|_| stands).map(|proof| proof.offset);
        }
        Ok(())
    }

    pub(super) fn whereabouts(&self, old: &File, identity: Identity) -> io::Result<Whereabouts> {
        let has_name = old.metadata()?.nlink() > 0;
        Ok(if has_name { neighbours::whereabouts(&self.place.path, identity) } else { Whereabouts::Saved })
    }

    /// Reads the rotated files that have come beside a machine's log. Says whether there are any.
    pub(super) fn siblings(&mut self, known: &[Identity], look: &mut Look<'_>) -> bool {
        let came = self.read_siblings(known, look).0;
        self.read_early = None;
        came
    }

    /// The same while nothing stands under the name: whoever wrote to the newest of them may do so still.
    pub(super) fn siblings_of_none(&mut self, look: &mut Look<'_>) -> bool {
        let (came, newest) = self.read_siblings(&[], look);
        self.read_early = newest.or(self.read_early.take());
        if let Some(newest) = &self.read_early {
            self.neighbours.forget(newest);
        }
        came
    }

    /// Reads those that have come; says whether there are any, and which is the newest, read before or not.
    fn read_siblings(&mut self, known: &[Identity], look: &mut Look<'_>) -> (bool, Option<Came>) {
        if !look.machine {
            return (false, None);
        }
        let mut came = self.neighbours.unseen(&self.place.path, known);
        let newest = came.last().cloned();
        // One that has been read while the name was free, and has not grown since, is none.
        came.retain(|came| self.read_early.as_ref() != Some(came));
        for came in &came {
            if let Err(cause) = self.sibling(&came.path, look) {
                let message = format!("{} beside it {}", came.path.display(), file::remedy(&cause));
                self.place.notice(NoticeKind::Unreadable, message, look);
            }
        }
        (!came.is_empty(), newest)
    }

    fn sibling(&self, path: &Path, look: &mut Look<'_>) -> io::Result<()> {
        let (file, _) = file::open(path)?;
        let mut read = Position::default();
        (look.say)(Input::RereadBegun { source: self.place.id, at: look.now, reason: RereadReason::RotatedSibling });
        let id = self.place.id;
        read.drain(&file, &self.place, look, &mut |look, lines| (look.say)(Input::Lines { source: id, at: look.now, lines }))?;
        (look.say)(Input::RereadDone { source: self.place.id, at: look.now, partial: read.splitter.rest() });
        Ok(())
    }

    /// As `drain`; what was written over the old content before the file lost its name is told as well.
    fn drain_before_other(&mut self, old: &File, look: &mut Look<'_>) -> io::Result<()> {
        if self.drain(old, look)? == Drained::Changed && old.metadata()?.len() > 0 {
            self.begin_again(RereadReason::Rewritten, look);
            self.drain(old, look)?;
            (look.say)(Input::RereadDone { source: self.place.id, at: look.now, partial: self.read.splitter.rest() });
        }
        Ok(())
    }
}
