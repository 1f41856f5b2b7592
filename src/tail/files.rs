//! All watched files: which of them to look at, and in what order.
//!
//! Everything a look does: with made-up moments it can be driven by hand.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::ClockReading;
use crate::discover::{Shape, Source, SourceKey};
use crate::input::Input;
use crate::line::SourceId;
use crate::tail::document::Document;
use crate::tail::log::Log;
use crate::tail::memory::Memory;
use crate::tail::place::{Look, Step};
use crate::tail::stream::Stream;
use crate::tail::wake::{Hints, Waker};

/// What is read, its text as lines and their marks stay together in a core's second cache; four times as much does not.
const BUFFER: usize = 64 << 10;

pub(super) struct Files {
    watched: Vec<Watched>,
    /// Plans, then progress logs, then machine logs: what a plan says is known before a log names its stories.
    order: Vec<usize>,
    buffer: Vec<u8>,
}

struct Watched {
    id: SourceId,
    key: SourceKey,
    /// As opposed to taken along.
    named: bool,
    kind: Kind,
    /// In which look at all files it has its turn.
    rank: u8,
    /// It may have moved since the last look.
    touched: bool,
    closed: bool,
}

enum Kind {
    Log(Box<Log>),
    Document(Box<Document>),
    Stream(Box<Stream>),
}

impl Files {
    /// `memories` are what an earlier process had read of the files.
    pub(super) fn new(sources: &[Source], memories: &mut HashMap<SourceKey, Memory>, waker: &Waker) -> Self {
        let mut files = Files { watched: Vec::new(), order: Vec::new(), buffer: vec![0; BUFFER] };
        files.add(sources, memories, waker);
        files
    }

    /// Files that were found later.
    pub(super) fn add(&mut self, sources: &[Source], memories: &mut HashMap<SourceKey, Memory>, waker: &Waker) {
        for source in sources {
            let index = self.watched.len();
            let waker = waker.clone();
            let (kind, rank) = match source.shape {
                Shape::Lines if !source.machine_name => (Kind::Log(Box::new(Log::new(source, memories.remove(&source.key)))), 1),
                Shape::Lines => (Kind::Log(Box::new(Log::new(source, memories.remove(&source.key)))), 2),
                Shape::Document => (Kind::Document(Box::new(Document::new(source))), 0),
                Shape::Stream => (Kind::Stream(Box::new(Stream::new(source, move || waker.touch(index)))), 2),
            };
            self.watched.push(Watched {
                id: source.id,
                key: source.key.clone(),
                named: source.named,
                kind,
                rank,
                touched: true,
                closed: false,
            });
        }
        self.order = (0..self.watched.len()).collect();
        self.order.sort_by_key(|&index| self.watched[index].rank);
    }

    /// Whether all that was named were streams, and all of them are over: nothing more will ever come.
    pub(super) fn are_over(&self) -> bool {
        let mut named = self.watched.iter().filter(|watched| watched.named).peekable();
        named.peek().is_some() && named.all(|watched| matches!(&watched.kind, Kind::Stream(stream) if stream.is_over()))
    }

    /// Whether a stream may still bring something.
    pub(super) fn is_streaming(&self) -> bool {
        self.watched.iter().any(|watched| matches!(&watched.kind, Kind::Stream(stream) if !stream.is_over()))
    }

    /// Indices in the order of a look.
    pub(super) fn order(&self) -> Vec<usize> {
        self.order.clone()
    }

    pub(super) fn id(&self, index: usize) -> SourceId {
        self.watched[index].id
    }

    /// What to remember of a file; nothing of one that is read as a whole.
    pub(super) fn memory(&self, index: usize) -> Option<(SourceKey, Memory)> {
        let watched = &self.watched[index];
        match &watched.kind {
            Kind::Log(log) => log.memory().map(|memory| (watched.key.clone(), memory)),
            // A document is read whole; a stream never comes again.
            Kind::Document(_) | Kind::Stream(_) => None,
        }
    }

    pub(super) fn take_hints(&mut self, hints: &Hints) {
        for (index, watched) in self.watched.iter_mut().enumerate() {
            watched.touched |= hints.all || hints.touched.contains(&index);
            watched.closed |= hints.closed.contains(&index);
            // Written again after an earlier close.
            watched.closed &= hints.closed.contains(&index) || !hints.touched.contains(&index);
        }
    }

    pub(super) fn touch_all(&mut self) {
        self.watched.iter_mut().for_each(|watched| watched.touched = true);
    }

    /// Whether a file may have moved since it was last looked at.
    pub(super) fn is_touched(&self, index: usize) -> bool {
        self.watched[index].touched
    }

    /// When a file wants to be looked at although nothing is heard of it; `poll` when nothing can be heard.
    pub(super) fn next_look(&self, index: usize, poll: Option<Duration>) -> Duration {
        let watched = &self.watched[index];
        if watched.touched {
            return Duration::ZERO;
        }
        match &watched.kind {
            Kind::Log(log) => log.next_look(poll),
            Kind::Document(document) => document.next_look(poll),
            Kind::Stream(stream) => stream.next_look(),
        }
    }

    /// Looks at one file; `machine` when a program appends to it and rotates it.
    pub(super) fn look(&mut self, index: usize, machine: bool, now: ClockReading, say: &mut dyn FnMut(Input)) -> Step {
        let watched = &mut self.watched[index];
        let mut look = Look { now, closed: watched.closed, machine, buffer: &mut self.buffer, say };
        let step = match &mut watched.kind {
            Kind::Log(log) => log.look(&mut look),
            Kind::Document(document) => document.look(&mut look),
            Kind::Stream(stream) => stream.look(&mut look),
        };
        if step == Step::Done {
            watched.touched = false;
            watched.closed = false;
        }
        step
    }

    /// Nothing more will be read: open last lines count as they stand.
    pub(super) fn finish(&mut self, now: ClockReading, say: &mut dyn FnMut(Input)) {
        for &index in &self.order {
            match &mut self.watched[index].kind {
                Kind::Log(log) => log.finish(&mut Look { now, closed: false, machine: false, buffer: &mut self.buffer, say }),
                Kind::Stream(stream) => stream.finish(&mut Look { now, closed: false, machine: false, buffer: &mut self.buffer, say }),
                Kind::Document(_) => {}
            }
        }
    }
}
