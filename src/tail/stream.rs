//! Standard input or a named pipe: read from its first byte to its last, by a thread of its own, because nothing but reading tells
//! whether there is anything to read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use crate::discover::{Source, is_standard_input};
use crate::error::NoticeKind;
use crate::input::Input;
use crate::line::Lines;
use crate::tail::file;
use crate::tail::place::{Look, Place, Step};
use crate::tail::position::{OpenLine, say_cut};
use crate::tail::splitter::Splitter;

/// Pieces that wait to be looked at; a writer that is faster waits in turn.
const PIECES: usize = 16;
const PIECE: usize = 64 << 10;
/// Pieces that are taken before others get their turn.
const STEP: usize = 64;
/// How long an open last line must stand.
const STANDS: Duration = Duration::from_secs(3);

pub(super) struct Stream {
    place: Place,
    pipe: Pipe,
    splitter: Splitter,
    rest: OpenLine,
    cut_said: bool,
}

enum Pipe {
    /// Nobody has looked yet.
    Closed(Box<dyn Fn() + Send>),
    Open(Receiver<Piece>),
    Over,
}

enum Piece {
    Bytes(Vec<u8>),
    /// The last writer of a named pipe has gone; another may come.
    WriterGone,
    Failed(io::Error),
}

impl Stream {
    /// `wake` is called when there is something to look at.
    pub(super) fn new(source: &Source, wake: impl Fn() + Send + 'static) -> Self {
        Stream {
            place: Place::new(source),
            pipe: Pipe::Closed(Box::new(wake)),
            splitter: Splitter::default(),
            rest: OpenLine::None,
            cut_said: false,
        }
    }

    pub(super) fn look(&mut self, look: &mut Look<'_>) -> Step {
        if let Pipe::Closed(_) = self.pipe {
            self.open(look);
        }
        for _ in 0..STEP {
            let Pipe::Open(pipe) = &self.pipe else { return Step::Done };
            match pipe.try_recv() {
                Ok(Piece::Bytes(bytes)) => self.take(&bytes, look),
                Ok(Piece::WriterGone) => self.end_line(look),
                Ok(Piece::Failed(cause)) => self.place.trouble(NoticeKind::Unreadable, file::remedy(&cause), look),
                Err(TryRecvError::Disconnected) => {
                    self.end_line(look);
                    self.pipe = Pipe::Over;
                }
                Err(TryRecvError::Empty) => {
                    self.judge_rest(look);
                    return Step::Done;
                }
            }
        }
        Step::More { tick: true }
    }

    /// Nothing more will ever come.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.pipe, Pipe::Over)
    }

    pub(super) fn next_look(&self) -> Duration {
        match (&self.pipe, self.rest) {
            (Pipe::Closed(_), _) => Duration::ZERO,
            (Pipe::Open(_), OpenLine::Due(at)) => at,
            (Pipe::Open(_) | Pipe::Over, _) => Duration::MAX,
        }
    }

    /// Nothing more will be read: the open last line counts as it stands.
    pub(super) fn finish(&mut self, look: &mut Look<'_>) {
        self.end_line(look);
    }

    fn open(&mut self, look: &mut Look<'_>) {
        let Pipe::Closed(wake) = std::mem::replace(&mut self.pipe, Pipe::Over) else { return };
        let (to, from) = sync_channel(PIECES);
        let path = self.place.path.clone();
        // It ends with its pipe, or with the program: a read that waits cannot be called off.
        let pump = move || {
            pump(&path, &to, &wake);
            drop(to);
            wake();
        };
        match std::thread::Builder::new().name("stream".to_owned()).spawn(pump) {
            Ok(_thread) => self.pipe = Pipe::Open(from),
            Err(cause) => self.place.trouble(NoticeKind::Unreadable, file::remedy(&cause), look),
        }
    }

    fn take(&mut self, bytes: &[u8], look: &mut Look<'_>) {
        let mut lines = Lines::with_room_for(bytes.len());
        self.splitter.feed(bytes, &mut lines);
        (look.say)(Input::Lines { source: self.place.id, at: look.now, lines });
        say_cut(&self.splitter, &mut self.cut_said, &self.place, look);
        self.rest = match self.rest {
            OpenLine::Said(ended) if ended == self.splitter.ended() => self.rest,
            OpenLine::None | OpenLine::Due(_) | OpenLine::Said(_) if self.splitter.is_open() => OpenLine::Due(look.now.elapsed + STANDS),
            OpenLine::None | OpenLine::Due(_) | OpenLine::Said(_) => OpenLine::None,
        };
    }

    fn judge_rest(&mut self, look: &mut Look<'_>) {
        if let OpenLine::Due(at) = self.rest
            && at <= look.now.elapsed
            && let Some(rest) = self.splitter.rest()
        {
            self.rest = OpenLine::Said(self.splitter.ended());
            (look.say)(Input::PartialLine { source: self.place.id, at: look.now, partial: rest });
        }
    }

    /// Whoever wrote the open line has gone: it is whole, and the next writer begins another.
    fn end_line(&mut self, look: &mut Look<'_>) {
        if self.splitter.is_open() {
            self.take(b"\n", look);
        }
    }
}

fn pump(path: &Path, to: &SyncSender<Piece>, wake: &dyn Fn()) {
    let hand = |piece| {
        let taken = to.send(piece).is_ok();
        wake();
        taken
    };
    if is_standard_input(path) {
        let end = copy(&mut io::stdin().lock(), &hand);
        if let Err(cause) = end {
            hand(Piece::Failed(cause));
        }
        return;
    }
    // `/dev/stdin` and `/dev/fd/63` lead to a pipe without a name: its writers are all it will ever have.
    let has_name = path.canonicalize().is_ok_and(|real| !real.starts_with("/proc"));
    loop {
        // Waits until somebody opens the pipe for writing.
        match File::open(path).and_then(|mut file| copy(&mut file, &hand)) {
            Ok(true) if has_name && hand(Piece::WriterGone) => {}
            Ok(_) => return,
            Err(cause) => {
                hand(Piece::Failed(cause));
                return;
            }
        }
    }
}

/// Hands everything on; `false` when nobody takes it any more.
fn copy(from: &mut dyn Read, hand: &dyn Fn(Piece) -> bool) -> io::Result<bool> {
    let mut buffer = vec![0; PIECE];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => {
                if !hand(Piece::Bytes(buffer[..count].to_vec())) {
                    return Ok(false);
                }
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}
