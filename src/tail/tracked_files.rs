//! All tracked files: which of them to poll, and in what order.
//!
//! Takes every clock reading as an argument, so that tests need not wait.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::ClockReading;
use crate::discover::{Shape, Source, SourceKey};
use crate::engine::Input;
use crate::line::SourceId;
use crate::tail::checkpoint::FileCheckpoint;
use crate::tail::document::DocumentReader;
use crate::tail::folder_listing::FolderListings;
use crate::tail::pipe::PipeReader;
use crate::tail::tailer::FileTailer;
use crate::tail::tracked_path::{PollContext, PollResult};
use crate::tail::wake::{Hints, TailHandle};

/// The bytes read, their text as lines and the bounds of the lines fit together into the second cache of a core. Four times as much does not.
const BUFFER_BYTES: usize = 64 << 10;

/// A log that moved within this time is not let go: it would be read from its start at every write.
const LET_GO_AFTER: Duration = Duration::from_secs(60);

pub(super) struct TrackedFiles {
    files: Vec<TrackedFile>,
    /// Indices by `rank`: plans first, so that the stories are known before a log names them, then progress logs, then machine logs.
    order: Vec<usize>,
    buffer: Vec<u8>,
    listings: FolderListings,
    /// At most so many logs are held open.
    max_open: usize,
    open: usize,
    /// The notice about `max_open` was given.
    max_open_reported: bool,
}

struct TrackedFile {
    id: SourceId,
    key: SourceKey,
    /// The user named it; it was not found in a folder.
    named: bool,
    kind: TrackedKind,
    /// Files of a lower rank are polled first.
    rank: u8,
    /// It may have changed since the last poll.
    changed: bool,
    closed: bool,
    /// See [`TrackedFiles::set_settled_lines`].
    settled_lines: u32,
}

enum TrackedKind {
    Log(Box<FileTailer>),
    Document(Box<DocumentReader>),
    Stream(Box<PipeReader>),
}

impl TrackedFile {
    fn is_open(&self) -> bool {
        match &self.kind {
            TrackedKind::Log(log) => log.is_open(),
            // A document is closed once it is read. Streams are few, and named.
            TrackedKind::Document(_) | TrackedKind::Stream(_) => false,
        }
    }
}

impl TrackedFiles {
    /// `checkpoints` say what an earlier process had read of the files.
    pub(super) fn new(sources: &[Source], checkpoints: &mut HashMap<SourceKey, FileCheckpoint>, handle: &TailHandle) -> Self {
        let mut tracked = TrackedFiles {
            files: Vec::new(),
            order: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            listings: FolderListings::default(),
            max_open: usize::MAX,
            open: 0,
            max_open_reported: false,
        };
        tracked.add(sources, checkpoints, handle);
        tracked
    }

    /// Holds at most so many logs open.
    pub(super) fn with_max_open(self, max_open: usize) -> Self {
        TrackedFiles { max_open, ..self }
    }

    /// Adds files that were found later.
    pub(super) fn add(&mut self, sources: &[Source], checkpoints: &mut HashMap<SourceKey, FileCheckpoint>, handle: &TailHandle) {
        for source in sources {
            let index = self.files.len();
            let handle = handle.clone();
            let (kind, rank) = match source.shape {
                Shape::Lines => {
                    let log = FileTailer::new(source, checkpoints.remove(&source.key));
                    (TrackedKind::Log(Box::new(log)), if source.machine_name { 2 } else { 1 })
                }
                Shape::Document | Shape::Status => (TrackedKind::Document(Box::new(DocumentReader::new(source))), 0),
                Shape::Stream => (TrackedKind::Stream(Box::new(PipeReader::new(source, move || handle.mark_changed(index)))), 2),
            };
            self.files.push(TrackedFile {
                id: source.id,
                key: source.key.clone(),
                named: source.named,
                kind,
                rank,
                changed: true,
                closed: false,
                settled_lines: 0,
            });
        }
        self.order = (0..self.files.len()).collect();
        self.order.sort_by_key(|&index| self.files[index].rank);
    }

    /// Whether the user named only streams and all of them have ended: nothing more will ever come.
    pub(super) fn have_ended(&self) -> bool {
        let mut named = self.files.iter().filter(|tracked| tracked.named).peekable();
        named.peek().is_some() && named.all(|tracked| matches!(&tracked.kind, TrackedKind::Stream(stream) if stream.has_ended()))
    }

    /// Whether a stream may still bring something.
    pub(super) fn is_streaming(&self) -> bool {
        self.files.iter().any(|tracked| matches!(&tracked.kind, TrackedKind::Stream(stream) if !stream.has_ended()))
    }

    /// The indices in the order in which to poll them.
    pub(super) fn order(&self) -> Vec<usize> {
        self.order.clone()
    }

    pub(super) fn id(&self, index: usize) -> SourceId {
        self.files[index].id
    }

    /// The checkpoint of a log. Documents and streams have none.
    pub(super) fn checkpoint(&self, index: usize) -> Option<(SourceKey, FileCheckpoint)> {
        let tracked = &self.files[index];
        match &tracked.kind {
            TrackedKind::Log(log) => log.checkpoint().map(|checkpoint| (tracked.key.clone(), checkpoint)),
            // A document is read as a whole anyway; a stream does not come again.
            TrackedKind::Document(_) | TrackedKind::Stream(_) => None,
        }
    }

    pub(super) fn apply_hints(&mut self, hints: &Hints) {
        for (index, tracked) in self.files.iter_mut().enumerate() {
            tracked.changed |= hints.all || hints.changed.contains(&index);
            tracked.closed |= hints.closed.contains(&index);
            // The file was written after an earlier close.
            tracked.closed &= hints.closed.contains(&index) || !hints.changed.contains(&index);
        }
    }

    pub(super) fn mark_all_changed(&mut self) {
        self.files.iter_mut().for_each(|tracked| tracked.changed = true);
    }

    /// Whether a file may have changed since its last poll.
    pub(super) fn is_changed(&self, index: usize) -> bool {
        self.files[index].changed
    }

    /// When to poll a file without a notification; every `poll_interval` where the file system sends none.
    pub(super) fn next_poll(&self, index: usize, poll_interval: Option<Duration>) -> Duration {
        let tracked = &self.files[index];
        if tracked.changed {
            return Duration::ZERO;
        }
        match &tracked.kind {
            TrackedKind::Log(log) => log.next_poll(poll_interval),
            TrackedKind::Document(document) => document.next_poll(poll_interval),
            TrackedKind::Stream(stream) => stream.next_poll(),
        }
    }

    /// Polls one file. `machine` when it is a machine log: a program appends to it and rotates it.
    pub(super) fn poll(&mut self, index: usize, machine: bool, now: ClockReading, emit: &mut dyn FnMut(Input)) -> PollResult {
        let tracked = &mut self.files[index];
        self.listings.begin(now.elapsed);
        let mut poll = PollContext {
            now,
            closed: tracked.closed,
            notified: tracked.changed,
            machine,
            settled_lines: tracked.settled_lines,
            buffer: &mut self.buffer,
            listings: &mut self.listings,
            emit,
        };
        let was_open = tracked.is_open();
        let step = match &mut tracked.kind {
            TrackedKind::Log(log) => log.poll(&mut poll),
            TrackedKind::Document(document) => document.poll(&mut poll),
            TrackedKind::Stream(stream) => stream.poll(&mut poll),
        };
        if step == PollResult::Done {
            tracked.changed = false;
            tracked.closed = false;
        }
        self.open = self.open + usize::from(tracked.is_open()) - usize::from(was_open);
        step
    }

    /// Whether the log may be let go if it holds nothing: it is small, read to its end, and has not moved for a while.
    pub(super) fn may_let_go(&self, index: usize, now: ClockReading) -> bool {
        let TrackedKind::Log(log) = &self.files[index].kind else { return false };
        log.is_idle() && log.is_small() && log.changed_at().is_none_or(|at| at + LET_GO_AFTER <= now.elapsed)
    }

    /// Closes a log that holds nothing until it changes.
    pub(super) fn let_go(&mut self, index: usize) {
        self.close_log(index, FileTailer::let_go);
    }

    /// So many lines at the beginning of the file are decided: when it is edited there, the next poll reads the edited lines alone.
    pub(super) fn set_settled_lines(&mut self, index: usize, lines: u32) {
        self.files[index].settled_lines = lines;
    }

    /// Makes the next poll read a log again that was let go, or whose edit the engine could not accept.
    pub(super) fn take_up(&mut self, index: usize) {
        let tracked = &mut self.files[index];
        if let TrackedKind::Log(log) = &mut tracked.kind {
            log.take_up();
            tracked.changed = true;
        }
    }

    /// Closes logs until no more than `max_open` are open, the one that moved last at last. Returns a message for the first time.
    pub(super) fn close_surplus(&mut self) -> Option<String> {
        while self.open > self.max_open {
            let read = self.files.iter().enumerate().filter_map(|(index, tracked)| match &tracked.kind {
                TrackedKind::Log(log) => log.is_read().then(|| (log.changed_at(), index)),
                TrackedKind::Document(_) | TrackedKind::Stream(_) => None,
            });
            let (_, longest) = read.min()?;
            self.close_log(longest, FileTailer::park);
        }
        let is_full = self.open == self.max_open && self.files.len() > self.max_open;
        (is_full && !std::mem::replace(&mut self.max_open_reported, true)).then(|| {
            format!(
                "the limit of open files leaves room for {} of {} watched files: the others are closed while nothing is written to them; \
                 raise it with ulimit -n",
                self.max_open,
                self.files.len()
            )
        })
    }

    fn close_log(&mut self, index: usize, close: impl FnOnce(&mut FileTailer)) {
        if let TrackedKind::Log(log) = &mut self.files[index].kind
            && log.is_open()
        {
            close(log);
            self.open -= 1;
        }
    }

    /// Nothing more will be read: partial lines are emitted as they are.
    pub(super) fn finish(&mut self, now: ClockReading, emit: &mut dyn FnMut(Input)) {
        let mut poll = PollContext {
            now,
            closed: false,
            notified: false,
            machine: false,
            settled_lines: 0,
            buffer: &mut self.buffer,
            listings: &mut self.listings,
            emit,
        };
        for &index in &self.order {
            match &mut self.files[index].kind {
                TrackedKind::Log(log) => log.finish(&mut poll),
                TrackedKind::Stream(stream) => stream.finish(&mut poll),
                TrackedKind::Document(_) => {}
            }
        }
    }
}
