//! One watched name: whether something stands there, what was said about it, and when to look again.
//!
//! Shared by files that are read line by line and documents; reads neither.

use std::path::PathBuf;
use std::time::Duration;

use crate::clock::ClockReading;
use crate::discover::Source;
use crate::error::NoticeKind;
use crate::input::Input;
use crate::line::SourceId;
use crate::tail::file::{self, Signature};

/// A file that moved in this time is looked at often.
const LATELY: Duration = Duration::from_secs(60);
const OFTEN: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(10);

/// One look at one file.
pub(super) struct Look<'a> {
    pub(super) now: ClockReading,
    /// A writer closed the file since the last look, and nobody wrote after that.
    pub(super) closed: bool,
    /// A program appends to the file and rotates it.
    pub(super) machine: bool,
    pub(super) buffer: &'a mut [u8],
    pub(super) say: &'a mut dyn FnMut(Input),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Done,
    /// There is more to read: look again, after a `Tick` if one may come here.
    More {
        tick: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Unknown,
    Here,
    Missing,
}

pub(super) struct Place {
    pub(super) id: SourceId,
    pub(super) path: PathBuf,
    shown: String,
    presence: Presence,
    /// Trouble that has been said and is not over.
    told: Option<String>,
    moved_at: Option<Duration>,
    looked_at: Duration,
}

impl Place {
    pub(super) fn new(source: &Source) -> Self {
        Place {
            id: source.id,
            path: source.path.clone(),
            shown: source.shown.clone(),
            presence: Presence::Unknown,
            told: None,
            moved_at: None,
            looked_at: Duration::ZERO,
        }
    }

    /// Whether nothing has ever stood there.
    pub(super) fn is_new(&self) -> bool {
        self.presence != Presence::Here && self.moved_at.is_none()
    }

    /// Something stands there that can be read. Returns whether that is news.
    pub(super) fn is_here(&mut self, signature: &Signature, look: &mut Look<'_>) -> bool {
        self.told = None;
        let news = std::mem::replace(&mut self.presence, Presence::Here) != Presence::Here;
        if news {
            (look.say)(Input::FileSeen { source: self.id, at: signature.written().min(look.now.wall) });
        }
        news
    }

    /// Nothing stands there. Says so once, and returns whether that is news.
    pub(super) fn is_missing(&mut self, look: &mut Look<'_>) -> bool {
        self.told = None;
        let news = self.presence != Presence::Missing;
        if news {
            self.moved_at = (self.presence == Presence::Here).then_some(look.now.elapsed);
            self.presence = Presence::Missing;
            (look.say)(Input::Missing { source: self.id, at: look.now });
        }
        news
    }

    /// Says what is wrong, once per reason.
    pub(super) fn trouble(&mut self, kind: NoticeKind, message: String, look: &mut Look<'_>) {
        if self.told.as_ref() != Some(&message) {
            self.told = Some(message.clone());
            self.notice(kind, message, look);
        }
    }

    pub(super) fn notice(&self, kind: NoticeKind, message: String, look: &mut Look<'_>) {
        let notice = file::notice(kind, &self.shown, message, look.now);
        (look.say)(Input::Notice { source: Some(self.id), at: look.now, notice });
    }

    pub(super) fn moved(&mut self, now: ClockReading) {
        self.moved_at = Some(now.elapsed);
    }

    pub(super) fn looked_at(&self) -> Duration {
        self.looked_at
    }

    pub(super) fn looked(&mut self, now: ClockReading) {
        self.looked_at = now.elapsed;
    }

    /// When to look again although nothing was heard; `poll` when nothing can be heard.
    pub(super) fn recheck_at(&self, poll: Option<Duration>) -> Duration {
        let lately = self.moved_at.is_some_and(|at| self.looked_at < at + LATELY);
        self.looked_at + poll.unwrap_or(if lately || self.told.is_some() { OFTEN } else { SELDOM })
    }
}
