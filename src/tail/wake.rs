//! What wakes the tail thread, and how it is told why.
//!
//! Hints only: which files may have moved. Whoever wakes it never waits and never queues; hints about one file are one hint.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Wakes the tail thread, or ends it. Clones wake the same thread.
#[derive(Clone, Default)]
pub struct Waker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    board: Mutex<Board>,
    bell: Condvar,
    stop: AtomicBool,
    /// See [`Waker::set_hearer`].
    hearer: OnceLock<Box<Hearer>>,
}

/// Does what hints about files ask for; says whether it did.
type Hearer = dyn Fn(&Hints) -> bool + Send + Sync;

/// One that panics has not: the tail thread is woken and finds out.
fn does(hearer: &Hearer, hints: &Hints) -> bool {
    catch_unwind(AssertUnwindSafe(|| hearer(hints))).unwrap_or(false)
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

impl Hints {
    /// What has happened since.
    fn add(&mut self, later: Hints) {
        self.all |= later.all;
        self.folders |= later.folders;
        self.appeared |= later.appeared;
        // Written again after a close.
        self.closed.retain(|index| !later.touched.contains(index));
        self.touched.extend(later.touched);
        self.closed.extend(later.closed);
    }
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
        self.ring(|_| ());
    }

    /// Makes it look at every file now.
    pub fn look_at_everything(&self) {
        self.ring(|board| board.hints.all = true);
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
        });
    }

    /// Wakes nobody for the sake of a file alone while `hearer` does what is to be done, on the thread that hears of it.
    pub(super) fn set_hearer(&self, hearer: impl Fn(&Hints) -> bool + Send + Sync + 'static) {
        let _stays = self.0.hearer.set(Box::new(hearer)).is_err();
    }

    /// Ends a wait.
    pub(super) fn wake(&self) {
        self.ring(|_| ());
    }

    pub(super) fn happened(&self, path: &Path, happening: Happening) {
        let Some(heard) = self.of_interest(path, happening) else { return };
        let is_done = !heard.folders && !heard.appeared && self.0.hearer.get().is_some_and(|hearer| does(&**hearer, &heard));
        if !is_done {
            self.ring(|board| board.hints.add(heard));
        }
    }

    /// Whom that is to be told, and what; nothing when it is nobody's business.
    fn of_interest(&self, path: &Path, happening: Happening) -> Option<Hints> {
        let board = self.board();
        let Some(interests) = board.interests.get(path) else {
            let appeared = happening == Happening::Appeared && path.parent().is_some_and(|folder| board.listed.contains(folder));
            return appeared.then(|| Hints { appeared, ..Hints::default() });
        };
        let mut hints = Hints::default();
        for interest in interests {
            match *interest {
                Interest::File(index) => {
                    hints.touched.insert(index);
                    if happening == Happening::Closed {
                        hints.closed.insert(index);
                    }
                }
                Interest::Folder(index) => {
                    hints.touched.insert(index);
                    hints.folders = true;
                }
                Interest::Listed => hints.folders = true,
            }
        }
        Some(hints)
    }

    /// Waits until somebody wakes or the time is over.
    pub(super) fn wait(&self, at_most: Duration) -> Hints {
        let board = self.board();
        let (mut board, _) = self.0.bell.wait_timeout_while(board, at_most, |board| !board.rung).unwrap_or_else(PoisonError::into_inner);
        board.rung = false;
        std::mem::take(&mut board.hints)
    }

    fn ring(&self, change: impl FnOnce(&mut Board)) {
        let mut board = self.board();
        change(&mut board);
        board.rung = true;
        drop(board);
        self.0.bell.notify_one();
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Hints are plain data: a panic elsewhere cannot leave them half changed.
        self.0.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A waker for one file, and what its hearer is told of it.
    fn heard_by(hearer: impl Fn(&Hints) -> bool + Send + Sync + 'static) -> Waker {
        let waker = Waker::new();
        let interests = [("/p/a.log", Interest::File(0)), ("/p", Interest::Folder(0))];
        waker.set_interests(interests.map(|(path, whose)| (path.into(), vec![whose])).into(), HashSet::new());
        waker.set_hearer(hearer);
        waker
    }

    #[test]
    fn what_the_hearer_does_wakes_nobody() {
        let touched = Hints { touched: [0].into(), ..Hints::default() };
        let expected = touched.clone();
        let waker = heard_by(move |hints| {
            assert_eq!(*hints, expected);
            true
        });
        waker.happened(Path::new("/p/a.log"), Happening::Touched);
        assert_eq!(waker.wait(Duration::ZERO), Hints::default());
        // Folders are for the thread that watches them.
        waker.happened(Path::new("/p"), Happening::Touched);
        assert_eq!(waker.wait(Duration::ZERO), Hints { folders: true, ..touched });
    }

    #[test]
    fn what_the_hearer_cannot_do_wakes() {
        for waker in [heard_by(|_| false), heard_by(|_| std::panic::resume_unwind(Box::new("broken")))] {
            waker.happened(Path::new("/p/a.log"), Happening::Closed);
            assert_eq!(waker.wait(Duration::ZERO), Hints { touched: [0].into(), closed: [0].into(), ..Hints::default() });
            // Written again after the close.
            waker.happened(Path::new("/p/a.log"), Happening::Closed);
            waker.happened(Path::new("/p/a.log"), Happening::Touched);
            assert_eq!(waker.wait(Duration::ZERO), Hints { touched: [0].into(), ..Hints::default() });
        }
    }
}
