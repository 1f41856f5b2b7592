//! How far a file has been read, and what stands at its open end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::error::NoticeKind;
use crate::line::Lines;
use crate::tail::follow::{Depth, Prefix, Verdict, Whereabouts};
use crate::tail::place::{Look, Place};
use crate::tail::splitter::{self, Splitter};

#[derive(Default, Clone)]
pub(super) struct Position {
    pub(super) splitter: Splitter,
    pub(super) prefix: Prefix,
    pub(super) rest: OpenLine,
    cut_said: bool,
}

/// The last line without a line end.
#[derive(Default, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenLine {
    #[default]
    None,
    /// Counts when it still stands by then.
    Due(Duration),
    /// It has been counted: the line after this many.
    Said(u64),
}

/// What draining a file has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drained {
    Nothing,
    More,
    /// It is not the file any more that was read: other bytes stand there.
    Changed,
}

impl Position {
    /// The first `count` bytes of the buffer come next in the file; `say` is given the lines that end in them.
    pub(super) fn take(&mut self, count: usize, place: &Place, look: &mut Look<'_>, say: &mut dyn FnMut(&mut Look<'_>, Lines)) {
        let bytes = &look.buffer[..count];
        self.prefix.add(bytes);
        let mut lines = Lines::with_room_for(count);
        self.splitter.feed(bytes, &mut lines);
        if !lines.is_empty() {
            say(look, lines);
        }
        say_cut(&self.splitter, &mut self.cut_said, place, look);
    }

    /// Reads what was added to a file that has lost its name.
    pub(super) fn drain(
        &mut self,
        file: &File,
        place: &Place,
        look: &mut Look<'_>,
        say: &mut dyn FnMut(&mut Look<'_>, Lines),
    ) -> io::Result<Drained> {
        let size = file.metadata()?.len();
        let mut read = |buffer: &mut [u8], at| file.read_at(buffer, at);
        if self.prefix.judge(size, Whereabouts::Here, Depth::Quick, &mut read, look.buffer)? != Verdict::Grown {
            return Ok(Drained::Changed);
        }
        let before = self.prefix.offset();
        loop {
            let count = file.read_at(look.buffer, self.prefix.offset())?;
            if count == 0 {
                break;
            }
            self.take(count, place, look, say);
        }
        Ok(if self.prefix.offset() == before { Drained::Nothing } else { Drained::More })
    }
}

/// Says once that a line was too long.
pub(super) fn say_cut(splitter: &Splitter, said: &mut bool, place: &Place, look: &mut Look<'_>) {
    if let (1.., number) = splitter.cut()
        && !std::mem::replace(said, true)
    {
        let message = format!("line {number} is longer than {} bytes: what stands behind is not read", splitter::LIMIT);
        place.notice(NoticeKind::LineCut, message, look);
    }
}
