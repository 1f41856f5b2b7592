//! Standard input or a named pipe: read from its first byte to its last. A thread of its own reads it, because only a blocking read tells
//! when there are bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use crate::discover::{Source, is_standard_input};
use crate::engine::Input;
use crate::error::NoticeKind;
use crate::line::Lines;
use crate::tail::file_stat;
use crate::tail::read_position::{LastLine, report_cut};
use crate::tail::splitter::Splitter;
use crate::tail::tracked_path::{PollContext, PollResult, TrackedPath};

/// Chunks that wait for the next poll. A writer that is faster than the polls has to wait.
const CHUNKS: usize = 16;
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that are read before the other files get their turn.
const READ_BUDGET: usize = 64;
/// How long a last line without a newline must stay unchanged until it is emitted.
const PARTIAL_LINE_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) struct PipeReader {
    tracked: TrackedPath,
    pipe: PipeState,
    splitter: Splitter,
    last_line: LastLine,
    cut_reported: bool,
}

enum PipeState {
    /// Not polled yet; holds the function that wakes the tail thread.
    NotOpen(Box<dyn Fn() + Send>),
    Open(Receiver<PipeChunk>),
    Ended,
}

enum PipeChunk {
    Bytes(Vec<u8>),
    /// The last writer of a named pipe has closed it; another may open it.
    WriterGone,
    Failed(io::Error),
}

impl PipeReader {
    /// `wake` is called when there is something to read.
    pub(super) fn new(source: &Source, wake: impl Fn() + Send + 'static) -> Self {
        PipeReader {
            tracked: TrackedPath::new(source),
            pipe: PipeState::NotOpen(Box::new(wake)),
            splitter: Splitter::default(),
            last_line: LastLine::Complete,
            cut_reported: false,
        }
    }

    pub(super) fn poll(&mut self, poll: &mut PollContext<'_>) -> PollResult {
        if let PipeState::NotOpen(_) = self.pipe {
            self.open(poll);
        }
        for _ in 0..READ_BUDGET {
            let PipeState::Open(pipe) = &self.pipe else { return PollResult::Done };
            match pipe.try_recv() {
                Ok(PipeChunk::Bytes(bytes)) => self.feed(&bytes, poll),
                Ok(PipeChunk::WriterGone) => self.end_line(poll),
                Ok(PipeChunk::Failed(cause)) => self.tracked.report(NoticeKind::Unreadable, file_stat::describe_error(&cause), poll),
                Err(TryRecvError::Disconnected) => {
                    self.end_line(poll);
                    self.pipe = PipeState::Ended;
                }
                Err(TryRecvError::Empty) => {
                    self.emit_partial_if_due(poll);
                    return PollResult::Done;
                }
            }
        }
        PollResult::More { tick: true }
    }

    /// Whether every byte was read and no writer can open the pipe any more.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.pipe, PipeState::Ended)
    }

    pub(super) fn next_poll(&self) -> Duration {
        match (&self.pipe, self.last_line) {
            (PipeState::NotOpen(_), _) => Duration::ZERO,
            (PipeState::Open(_), LastLine::Pending(at)) => at,
            (PipeState::Open(_) | PipeState::Ended, _) => Duration::MAX,
        }
    }

    /// Nothing more will be read: the last line is complete as it is.
    pub(super) fn finish(&mut self, poll: &mut PollContext<'_>) {
        self.end_line(poll);
    }

    fn open(&mut self, poll: &mut PollContext<'_>) {
        let PipeState::NotOpen(wake) = std::mem::replace(&mut self.pipe, PipeState::Ended) else { return };
        let (to, from) = sync_channel(CHUNKS);
        let path = self.tracked.path.clone();
        // The thread ends with its pipe or with the program: a blocking read cannot be cancelled.
        let read = move || {
            read_chunks(&path, &to, &wake);
            drop(to);
            wake();
        };
        match std::thread::Builder::new().name("stream".to_owned()).spawn(read) {
            Ok(_thread) => self.pipe = PipeState::Open(from),
            Err(cause) => self.tracked.report(NoticeKind::Unreadable, file_stat::describe_error(&cause), poll),
        }
    }

    fn feed(&mut self, bytes: &[u8], poll: &mut PollContext<'_>) {
        let mut lines = Lines::with_capacity(bytes.len());
        self.splitter.feed(bytes, &mut lines);
        (poll.emit)(Input::Lines { source: self.tracked.id, at: poll.now, lines });
        report_cut(&self.splitter, &mut self.cut_reported, &self.tracked, poll);
        self.last_line = match self.last_line {
            LastLine::Emitted(ended) if ended == self.splitter.ended() => self.last_line,
            LastLine::Complete | LastLine::Pending(_) | LastLine::Emitted(_) if self.splitter.has_partial() => {
                LastLine::Pending(poll.now.elapsed + PARTIAL_LINE_TIMEOUT)
            }
            LastLine::Complete | LastLine::Pending(_) | LastLine::Emitted(_) => LastLine::Complete,
        };
    }

    fn emit_partial_if_due(&mut self, poll: &mut PollContext<'_>) {
        if let LastLine::Pending(at) = self.last_line
            && at <= poll.now.elapsed
            && let Some(partial) = self.splitter.partial()
        {
            self.last_line = LastLine::Emitted(self.splitter.ended());
            (poll.emit)(Input::PartialLine { source: self.tracked.id, at: poll.now, partial });
        }
    }

    /// The writer has closed the pipe: its last line is complete, and the next writer starts another one.
    fn end_line(&mut self, poll: &mut PollContext<'_>) {
        if self.splitter.has_partial() {
            self.feed(b"\n", poll);
        }
    }
}

fn read_chunks(path: &Path, to: &SyncSender<PipeChunk>, wake: &dyn Fn()) {
    let send = |chunk| {
        let is_received = to.send(chunk).is_ok();
        wake();
        is_received
    };
    if is_standard_input(path) {
        let end = copy(&mut io::stdin().lock(), &send);
        if let Err(cause) = end {
            send(PipeChunk::Failed(cause));
        }
        return;
    }
    // `/dev/stdin` and `/dev/fd/63` lead to a pipe without a name, which no other writer can open later.
    let has_name = path.canonicalize().is_ok_and(|real| !real.starts_with("/proc"));
    loop {
        // Waits until somebody opens the pipe for writing.
        match File::open(path).and_then(|mut file| copy(&mut file, &send)) {
            Ok(true) if has_name && send(PipeChunk::WriterGone) => {}
            Ok(_) => return,
            Err(cause) => {
                send(PipeChunk::Failed(cause));
                return;
            }
        }
    }
}

/// Sends everything; returns `false` once the receiver is gone.
fn copy(from: &mut dyn Read, send: &dyn Fn(PipeChunk) -> bool) -> io::Result<bool> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => {
                if !send(PipeChunk::Bytes(buffer[..count].to_vec())) {
                    return Ok(false);
                }
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}
