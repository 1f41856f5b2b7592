//! Files that another has taken the name of: read on beside it for a while, because their writers may not have noticed yet.

use std::collections::VecDeque;
use std::fs::File;
use std::time::Duration;

use crate::input::{DetachedId, Input};
use crate::line::Lines;
use crate::tail::place::{Look, Place};
use crate::tail::position::{Drained, OpenLine, Position};

/// How long a file without its name is read on after its last bytes.
pub(super) const DRAIN: Duration = Duration::from_secs(2);
pub(super) const DRAIN_STEP: Duration = Duration::from_millis(100);
/// At most so many per name: a file that is saved a hundred times a second must not hold two hundred descriptors.
const MOST: usize = 8;

#[derive(Default)]
pub(super) struct Pasts {
    list: VecDeque<Past>,
    next: u32,
    drained_at: Duration,
}

struct Past {
    id: DetachedId,
    file: File,
    read: Position,
    /// It lives on under another name, so that its open end counts.
    lives: bool,
    until: Duration,
}

impl Pasts {
    /// What has been read so far is this file's.
    pub(super) fn retire(&mut self, file: File, read: Position, lives: bool, place: &Place, look: &mut Look<'_>) {
        let id = DetachedId(self.next);
        self.next += 1;
        (look.say)(Input::Detached { source: place.id, at: look.now, detached: id });
        self.list.push_back(Past { id, file, read, lives, until: look.now.elapsed + DRAIN });
        if self.list.len() > MOST
            && let Some(oldest) = self.list.pop_front()
        {
            leave(oldest, place, look);
        }
    }

    /// Reads what was added to them, and lets go of those that have been still for long enough.
    pub(super) fn drain(&mut self, place: &Place, look: &mut Look<'_>) {
        if self.list.is_empty() {
            return;
        }
        self.drained_at = look.now.elapsed;
        for mut past in std::mem::take(&mut self.list) {
            let id = past.id;
            let mut say = |look: &mut Look<'_>, lines: Lines| {
                (look.say)(Input::DetachedLines { source: place.id, at: look.now, detached: id, lines });
            };
            // What cannot be read any more, or holds something else by now, has nothing to add.
            let drained = past.read.drain(&past.file, place, look, &mut say).unwrap_or(Drained::Changed);
            match drained {
                Drained::More => past.until = look.now.elapsed + DRAIN,
                Drained::Nothing => {}
                Drained::Changed => past.lives = false,
            }
            if drained == Drained::Changed || past.until <= look.now.elapsed {
                leave(past, place, look);
            } else {
                self.list.push_back(past);
            }
        }
    }

    /// Nothing more will be read.
    pub(super) fn finish(&mut self, place: &Place, look: &mut Look<'_>) {
        self.drain(place, look);
        for past in self.list.drain(..) {
            leave(past, place, look);
        }
    }

    pub(super) fn next_look(&self) -> Option<Duration> {
        (!self.list.is_empty()).then(|| self.drained_at + DRAIN_STEP)
    }
}

fn leave(past: Past, place: &Place, look: &mut Look<'_>) {
    let said = past.read.rest == OpenLine::Said(past.read.splitter.ended());
    let partial = past.read.splitter.rest().filter(|_| past.lives && !said);
    (look.say)(Input::DetachedClosed { source: place.id, at: look.now, detached: past.id, still_linked: past.lives, partial });
}
