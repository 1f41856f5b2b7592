//! What wakes the tail thread, and how it is told why.
//!
//! Hints only: which files may have moved. Whoever wakes it never waits and never queues; hints about one file are one hint.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Wakes the tail thread, or ends it. Clones wake the same thread.
#[derive(Clone, Default)]
pub struct Waker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    board: Mutex<Board>,
    bell: Condvar,
    stop: AtomicBool,
}

#[derive(Default)]
struct Board {
    /// Whom a path is of interest to.
    interests: HashMap<PathBuf, Vec<Interest>>,
    /// Folders in which new names matter.
    listed: HashSet<PathBuf>,
    hints: Hints,
    /// Rung and not yet heard.
    rung: bool,
}

/// Why a source, by its index, wants to hear of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// It is its file.
    File(usize),
    /// It is a folder that its file is in, near or far.
    Folder(usize),
    /// It is a folder that is looked through for files, or one above it.
    Listed,
}

/// Why the thread was woken.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Hints {
    /// Something was missed: look at everything.
    pub(super) all: bool,
    /// Folders came or went: what is watched may have to change.
    pub(super) folders: bool,
    /// Something has appeared in a folder that is looked through for files.
    pub(super) appeared: bool,
    pub(super) touched: BTreeSet<usize>,
    /// Closed by a writer, and not written since.
    pub(super) closed: BTreeSet<usize>,
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// It has its name only now.
    Appeared,
    Touched,
    Closed,
}

impl Waker {
    /// A waker for one tail thread.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the thread: one last look, then it returns.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Release);
        self.ring(|_| true);
    }

    /// Makes it look at every file now.
    pub fn look_at_everything(&self) {
        self.ring(|board| {
            board.hints.all = true;
            true
        });
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.stop.load(Ordering::Acquire)
    }

    pub(super) fn set_interests(&self, interests: HashMap<PathBuf, Vec<Interest>>, listed: HashSet<PathBuf>) {
        let mut board = self.board();
        board.interests = interests;
        board.listed = listed;
    }

    /// Makes it look at this source now.
    pub(super) fn touch(&self, index: usize) {
        self.ring(|board| {
            board.hints.touched.insert(index);
            true
        });
    }

    pub(super) fn happened(&self, path: &Path, happening: Happening) {
        self.ring(|board| {
            let Board { interests, hints, listed, .. } = board;
            let Some(interests) = interests.get(path) else {
                let news = happening == Happening::Appeared && path.parent().is_some_and(|folder| listed.contains(folder));
                hints.appeared |= news;
                return news;
            };
            for interest in interests {
                match (*interest, happening) {
                    (Interest::File(index), Happening::Appeared | Happening::Touched) => {
                        hints.touched.insert(index);
                        hints.closed.remove(&index);
                    }
                    (Interest::File(index), Happening::Closed) => {
                        hints.touched.insert(index);
                        hints.closed.insert(index);
                    }
                    (Interest::Folder(index), _) => {
                        hints.touched.insert(index);
                        hints.folders = true;
                    }
                    (Interest::Listed, _) => hints.folders = true,
                }
            }
            true
        });
    }

    /// Waits until somebody wakes or the time is over.
    pub(super) fn wait(&self, at_most: Duration) -> Hints {
        let board = self.board();
        let (mut board, _) = self.0.bell.wait_timeout_while(board, at_most, |board| !board.rung).unwrap_or_else(PoisonError::into_inner);
        board.rung = false;
        std::mem::take(&mut board.hints)
    }

    fn ring(&self, change: impl FnOnce(&mut Board) -> bool) {
        let mut board = self.board();
        let wake = change(&mut board);
        board.rung |= wake;
        drop(board);
        if wake {
            self.0.bell.notify_one();
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Hints are plain data: a panic elsewhere cannot leave them half changed.
        self.0.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
