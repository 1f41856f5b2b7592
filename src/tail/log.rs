//! A file that is read line by line: follows what stands under its name through appends, rewrites, replacements, rotation and absence.
//!
//! Looks when told to and says what it saw; waiting and waking are `reader`'s. What the verdicts rest on is `follow`'s, what happens to
//! a file that lost its name `past`'s.

mod other;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::discover::Source;
use crate::error::NoticeKind;
use crate::input::{Input, RereadReason};
use crate::line::Lines;
use crate::tail::file::{self, Identity, Signature};
use crate::tail::follow::{Depth, Verdict, Whereabouts};
use crate::tail::memory::Memory;
use crate::tail::neighbours::{Came, Neighbours};
use crate::tail::past::{DRAIN, DRAIN_STEP, Pasts};
use crate::tail::place::{Look, Place, Step};
use crate::tail::position::{Drained, OpenLine, Position};

/// Coarse clocks give two writes within some milliseconds the same time: what changed is compared once more after this.
pub(super) const SECOND_LOOK: Duration = Duration::from_millis(50);
/// How much is read before others get their turn.
const STEP: usize = 4 << 20;
/// How long an open last line must stand: its writer renamed the file into place, closed it, or has merely paused. A shell opens and
/// closes the file for every piece of a line, so that a close alone must outlast the pause between two commands.
const STANDS_RENAMED: Duration = Duration::from_millis(250);
const STANDS_CLOSED: Duration = Duration::from_secs(2);
const STANDS: Duration = Duration::from_secs(3);

pub(super) struct Log {
    place: Place,
    file: Option<(File, Identity)>,
    read: Position,
    /// A read that has not come to the end of the file.
    reading: Option<Reading>,
    /// A rewrite that could not be read to its end and has to be begun again.
    broken_off: Option<RereadReason>,
    /// As of the last look.
    seen: Option<Signature>,
    /// Where the last file that stood here was when it was let go.
    went: Whereabouts,
    pasts: Pasts,
    neighbours: Neighbours,
    /// The newest rotated file, if it was read while nothing stood under the name.
    read_early: Option<Came>,
    /// What an earlier process had read, until the file is first seen.
    memory: Option<Memory>,
    /// Something has stood under the name since the start.
    was_here: bool,
    /// The file has appeared and the engine has not heard of it.
    appeared: bool,
    /// It changed while it was read.
    moving: bool,
    /// When to compare everything although nothing seems to have changed, and from when on that may be done.
    check_at: Option<Duration>,
    thorough_from: Duration,
    changed_at: Duration,
    /// When the descriptor of a vanished file last gave something.
    drained_at: Duration,
}

#[derive(Clone, Copy)]
struct Reading {
    before: Signature,
    again: Option<RereadReason>,
    /// Another file took the place of the one before at once: a writer that was finished put it there.
    renamed: bool,
    first: bool,
    /// An earlier process has read and counted everything up to here.
    known_to: Option<u64>,
}

impl Log {
    /// `memory` is what an earlier process had read of the file.
    pub(super) fn new(source: &Source, memory: Option<Memory>) -> Self {
        let neighbours = memory.as_ref().map_or_else(Neighbours::default, |memory| Neighbours::restored(memory.neighbours.clone()));
        Log {
            place: Place::new(source),
            file: None,
            read: Position::default(),
            reading: None,
            broken_off: None,
            seen: None,
            went: Whereabouts::Saved,
            pasts: Pasts::default(),
            neighbours,
            read_early: None,
            memory,
            was_here: false,
            appeared: false,
            moving: false,
            check_at: None,
            thorough_from: Duration::ZERO,
            changed_at: Duration::ZERO,
            drained_at: Duration::ZERO,
        }
    }

    pub(super) fn look(&mut self, look: &mut Look<'_>) -> Step {
        self.place.looked(look.now);
        self.pasts.drain(&self.place, look);
        match self.look_and_read(look) {
            Ok(Step::Done) => {}
            Ok(more @ Step::More { .. }) => return more,
            Err(cause) => self.failed(&cause, look),
        }
        if std::mem::take(&mut self.appeared) {
            (look.say)(Input::Lines { source: self.place.id, at: look.now, lines: Lines::default() });
        }
        if let OpenLine::Due(at) = self.read.rest {
            let at = if look.closed { at.min(look.now.elapsed + STANDS_CLOSED) } else { at };
            self.read.rest = OpenLine::Due(at);
            if at <= look.now.elapsed {
                self.say_rest(look);
            }
        }
        Step::Done
    }

    /// Nothing more will come: the open last line counts as it stands.
    pub(super) fn finish(&mut self, look: &mut Look<'_>) {
        self.pasts.finish(&self.place, look);
        if self.reading.is_none() && matches!(self.read.rest, OpenLine::Due(_)) {
            self.say_rest(look);
        }
    }

    /// What another process needs to know to go on here. Nothing while that is not settled: it would be told a place in a file whose
    /// lines have not been counted.
    pub(super) fn memory(&self) -> Option<Memory> {
        let neighbours = self.neighbours.seen().copied().collect();
        if let Some(memory) = &self.memory {
            return Some(Memory { neighbours, ..memory.clone() });
        }
        let (_, identity) = self.file.as_ref()?;
        let settled = self.reading.is_none() && self.broken_off.is_none();
        let proof = settled.then(|| self.read.prefix.proof());
        Some(Memory { identity: *identity, proof, neighbours })
    }

    pub(super) fn next_look(&self, poll: Option<Duration>) -> Duration {
        if self.reading.is_some() || self.moving {
            return Duration::ZERO;
        }
        let rest = match self.read.rest {
            OpenLine::Due(at) => Some(at),
            OpenLine::None | OpenLine::Said(_) => None,
        };
        let drain = (self.seen.is_none() && self.file.is_some()).then_some(self.place.looked_at() + DRAIN_STEP);
        [rest, drain, self.check_at, self.pasts.next_look()].into_iter().flatten().fold(self.place.recheck_at(poll), Duration::min)
    }

    fn look_and_read(&mut self, look: &mut Look<'_>) -> io::Result<Step> {
        if self.reading.is_none() {
            self.moving = false;
            match file::standing(&self.place.path) {
                file::Standing::Missing => self.missing(look)?,
                file::Standing::Refused(why) => {
                    self.check_at = None;
                    if self.seen.is_none() {
                        self.file = None;
                    }
                    self.place.trouble(NoticeKind::Unreadable, why, look);
                }
                file::Standing::Regular(signature) => self.judge(signature, look)?,
            }
        }
        match self.reading {
            Some(reading) => self.read_on(reading, look),
            None => Ok(Step::Done),
        }
    }

    fn judge(&mut self, signature: Signature, look: &mut Look<'_>) -> io::Result<()> {
        let held = self.file.as_ref().map(|(_, identity)| *identity);
        if held != Some(signature.identity) || self.broken_off.is_some() {
            return self.judge_other(look);
        }
        let now = look.now.elapsed;
        self.appeared |= self.place.is_here(&signature, look);
        let due = self.check_at.is_some_and(|at| at <= now);
        if self.seen == Some(signature) && !due {
            return Ok(());
        }
        let at_once = self.read.prefix.is_small() && self.thorough_from <= now;
        let depth = if due || at_once { Depth::Thorough } else { Depth::Quick };
        let Some((file, _)) = &self.file else { return Ok(()) };
        let mut read = |buffer: &mut [u8], at| file.read_at(buffer, at);
        let mut verdict = self.read.prefix.judge(signature.size, Whereabouts::Here, depth, &mut read, look.buffer)?;
        if depth == Depth::Thorough {
            self.thorough_from = now + self.read.prefix.rest_after_check();
            let second_look = self.changed_at + SECOND_LOOK;
            self.check_at = (now < second_look).then_some(second_look.max(self.thorough_from));
        }
        // Copied and emptied is a way of rotating, too.
        if verdict != Verdict::Grown && self.siblings(&[signature.identity], look) {
            verdict = Verdict::ReadAgain(RereadReason::Rotated);
        }
        self.begin(verdict, signature, false, look);
        Ok(())
    }

    fn begin(&mut self, verdict: Verdict, signature: Signature, renamed: bool, look: &mut Look<'_>) {
        let now = look.now.elapsed;
        let first = self.seen.is_none() && !renamed;
        self.was_here = true;
        // What was left alone for a while before the first look needs no second one.
        if self.seen != Some(signature) && !(first && signature.quiet_at(look.now.wall) > STANDS) {
            self.place.moved(look.now);
            self.changed_at = now;
            // One that is due before is not put off: under a writer that never rests it would never come.
            self.check_at = self.check_at.or(Some((now + SECOND_LOOK).max(self.thorough_from)));
        }
        self.seen = Some(signature);
        let reading = Reading { before: signature, again: None, renamed, first, known_to: None };
        match verdict {
            Verdict::Grown if signature.size == self.read.prefix.offset() => {}
            Verdict::Grown => self.reading = Some(reading),
            Verdict::ReadAgain(why) => {
                self.begin_again(why, look);
                self.reading = Some(Reading { again: Some(why), ..reading });
            }
        }
    }

    fn begin_again(&mut self, why: RereadReason, look: &mut Look<'_>) {
        self.read = Position::default();
        self.appeared = false;
        (look.say)(Input::RereadBegun { source: self.place.id, at: look.now, reason: why });
    }

    fn read_on(&mut self, mut reading: Reading, look: &mut Look<'_>) -> io::Result<Step> {
        let Some((file, _)) = &self.file else { return Ok(Step::Done) };
        let mut left = STEP;
        while left > 0 {
            let offset = self.read.prefix.offset();
            if reading.known_to == Some(offset) {
                // From here on it is as if there had been no restart.
                reading = Reading { again: None, known_to: None, ..reading };
                self.reading = Some(reading);
                (look.say)(Input::RestoreDone { source: self.place.id, at: look.now });
            }
            let room = reading.known_to.map_or(look.buffer.len() as u64, |known_to| known_to - offset);
            let room = look.buffer.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            let count = file.read_at(&mut look.buffer[..room], offset)?;
            if count > 0 {
                let (id, appeared) = (self.place.id, &mut self.appeared);
                self.read.take(count, &self.place, look, &mut |look, lines| {
                    *appeared = false;
                    (look.say)(Input::Lines { source: id, at: look.now, lines });
                });
                left = left.saturating_sub(count);
            }
            // A short read at the size that the file had is its end; what has come since is heard of.
            if count == 0 || (count < room && reading.known_to.is_none() && self.read.prefix.offset() >= reading.before.size) {
                let moving = reading.again.is_some() && Signature::from(&file.metadata()?) != reading.before;
                self.moving = moving;
                self.read_to_end(reading, look);
                return Ok(Step::Done);
            }
        }
        Ok(Step::More { tick: reading.again.is_none() })
    }

    fn read_to_end(&mut self, reading: Reading, look: &mut Look<'_>) {
        self.reading = None;
        if reading.again.is_some() {
            (look.say)(Input::RereadDone { source: self.place.id, at: look.now, partial: self.read.splitter.rest() });
        }
        let now = look.now.elapsed;
        let wait = if reading.renamed {
            STANDS_RENAMED
        } else if reading.first {
            STANDS.saturating_sub(reading.before.quiet_at(look.now.wall))
        } else {
            STANDS
        };
        self.read.rest = match self.read.rest {
            OpenLine::Said(ended) if ended == self.read.splitter.ended() => OpenLine::Said(ended),
            OpenLine::None | OpenLine::Due(_) | OpenLine::Said(_) if self.read.splitter.is_open() => OpenLine::Due(now + wait),
            OpenLine::None | OpenLine::Due(_) | OpenLine::Said(_) => OpenLine::None,
        };
    }

    fn missing(&mut self, look: &mut Look<'_>) -> io::Result<()> {
        let now = look.now.elapsed;
        if self.place.is_missing(look) {
            self.drained_at = now;
            self.check_at = None;
        }
        self.seen = None;
        let Some((old, identity)) = self.file.take() else {
            // What has been rotated away may be all that ever comes; a file that was never read has left nothing behind.
            if (self.memory.is_some() || self.was_here) && self.siblings_of_none(look) {
                self.went = Whereabouts::Rotated;
            }
            return Ok(());
        };
        if self.drain(&old, look)? == Drained::More {
            self.drained_at = now;
        }
        if now < self.drained_at + DRAIN {
            self.file = Some((old, identity));
        } else {
            self.went = self.whereabouts(&old, identity)?;
            self.neighbours.know(&old);
            let message = "is gone; what was read stands, and it is read on when it comes back".to_owned();
            self.place.notice(NoticeKind::Vanished, message, look);
        }
        Ok(())
    }

    /// Reads what was added to a file that lost its name.
    fn drain(&mut self, old: &File, look: &mut Look<'_>) -> io::Result<Drained> {
        let (id, appeared) = (self.place.id, &mut self.appeared);
        let drained = self.read.drain(old, &self.place, look, &mut |look, lines| {
            *appeared = false;
            (look.say)(Input::Lines { source: id, at: look.now, lines });
        })?;
        if drained == Drained::More {
            self.read.rest = if self.read.splitter.is_open() { OpenLine::Due(look.now.elapsed + STANDS) } else { OpenLine::None };
        }
        Ok(drained)
    }

    fn failed(&mut self, cause: &io::Error, look: &mut Look<'_>) {
        self.broken_off = self.reading.take().and_then(|reading| reading.again).or(self.broken_off);
        // A new descriptor may do better (a network mount that came back); what was read is remembered.
        self.file = None;
        self.seen = None;
        self.check_at = None;
        self.place.trouble(NoticeKind::Unreadable, file::remedy(cause), look);
    }

    fn say_rest(&mut self, look: &mut Look<'_>) {
        self.read.rest = OpenLine::Said(self.read.splitter.ended());
        if let Some(rest) = self.read.splitter.rest() {
            (look.say)(Input::PartialLine { source: self.place.id, at: look.now, partial: rest });
        }
    }
}
