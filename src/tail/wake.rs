//! Wakes the tail thread, with hints which files may have changed.
//!
//! Whoever wakes it never waits and never queues; two hints about one file are one hint.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Notice;
use crate::inline_delivery::InlineHandler;
use crate::tail::session_files::SessionFolders;

/// Notices that wait for the thread: more would be one trouble said many times.
const NOTICE_LIMIT: usize = 32;

/// Wakes the tail thread, or ends it. Clones wake the same thread.
#[derive(Clone, Default)]
pub struct TailHandle(Arc<WakeSignal>);

#[derive(Default)]
struct WakeSignal {
    state: Mutex<WakeState>,
    condvar: Condvar,
    stop: AtomicBool,
    /// See [`TailHandle::set_inline_handler`].
    inline_handler: InlineHandler<Hints>,
}

#[derive(Default)]
struct WakeState {
    /// Which sources need to know of an event on a path.
    interests: HashMap<PathBuf, Vec<Interest>>,
    /// The folders that are rescanned for new files.
    rescanned: HashSet<PathBuf>,
    /// The folders of agents' sessions.
    session_folders: HashSet<PathBuf>,
    /// Folders of agents that do not exist yet, and those above them.
    missing_session_folders: HashSet<PathBuf>,
    hints: Hints,
    /// What other parts have to say; see [`TailHandle::add_notice`].
    notices: Vec<Notice>,
    /// Set by `signal`, cleared by `wait`.
    signalled: bool,
}

/// Why an event on a path matters; sources go by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// It is the file of the source.
    File(usize),
    /// It is a folder above the file of the source.
    Folder(usize),
    /// It is a folder that is rescanned for new files, or one above it.
    Rescanned,
}

/// Why the thread was woken.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Hints {
    /// Notifications were lost: every file must be polled.
    pub(super) all: bool,
    /// A folder appeared or disappeared: the watches must be synced.
    pub(super) folders: bool,
    /// A name appeared in a folder that is rescanned for new files.
    pub(super) appeared: bool,
    pub(super) changed: BTreeSet<usize>,
    /// A writer closed these, and nobody has written since.
    pub(super) closed: BTreeSet<usize>,
    /// Changed in folders of agents' sessions; no more than [`MAX_SESSIONS`].
    pub(super) sessions: BTreeSet<PathBuf>,
}

/// Names in folders of sessions that one hint holds; the others are found when the folders are listed.
const MAX_SESSIONS: usize = 256;

impl Hints {
    /// Adds later hints.
    fn add(&mut self, later: Hints) {
        self.all |= later.all;
        self.folders |= later.folders;
        self.appeared |= later.appeared;
        // A write after a close undoes it.
        self.closed.retain(|index| !later.changed.contains(index));
        self.changed.extend(later.changed);
        self.closed.extend(later.closed);
        let room = MAX_SESSIONS.saturating_sub(self.sessions.len());
        self.sessions.extend(later.sessions.into_iter().take(room));
    }
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileEvent {
    /// The name is new.
    Appeared,
    Changed,
    Closed,
}

impl TailHandle {
    /// A handle for one tail thread.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the thread: it polls once more and returns.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Release);
        self.signal(|_| ());
    }

    /// Makes the thread poll every file now.
    pub fn poll_all(&self) {
        self.signal(|state| state.hints.all = true);
    }

    /// Has the thread publish a notice of another part.
    pub fn add_notice(&self, notice: Notice) {
        self.signal(|state| {
            if state.notices.len() < NOTICE_LIMIT {
                state.notices.push(notice);
            }
        });
    }

    pub(super) fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut self.state().notices)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.stop.load(Ordering::Acquire)
    }

    pub(super) fn set_interests(&self, interests: HashMap<PathBuf, Vec<Interest>>, rescanned: HashSet<PathBuf>) {
        let mut state = self.state();
        state.interests = interests;
        state.rescanned = rescanned;
    }

    pub(super) fn set_session_folders(&self, folders: &SessionFolders) {
        let mut state = self.state();
        state.session_folders = folders.existing.iter().cloned().collect();
        state.missing_session_folders = folders.missing.iter().flat_map(|folder| folder.ancestors()).map(Path::to_owned).collect();
    }

    /// Makes the thread poll this source now.
    pub(super) fn mark_changed(&self, index: usize) {
        self.signal(|state| {
            state.hints.changed.insert(index);
        });
    }

    /// Lets `handler` take the hints that concern files alone, on the thread that got the notification. The tail thread is woken only when
    /// it returns `false`.
    pub(super) fn set_inline_handler(&self, handler: impl Fn(&Hints) -> bool + Send + Sync + 'static) {
        self.0.inline_handler.set(handler);
    }

    /// Ends the current `wait`, without a hint.
    pub(crate) fn wake(&self) {
        self.signal(|_| ());
    }

    pub(super) fn on_file_event(&self, path: &Path, event: FileEvent) {
        let Some(hints) = self.hints_for(path, event) else { return };
        let concerns_files_alone = !hints.folders && !hints.appeared;
        let is_handled = concerns_files_alone && self.0.inline_handler.call(&hints);
        if !is_handled {
            self.signal(|state| state.hints.add(hints));
        }
    }

    /// The hints that follow from an event; `None` when it concerns no source.
    fn hints_for(&self, path: &Path, event: FileEvent) -> Option<Hints> {
        let state = self.state();
        let is_session =
            path.parent().is_some_and(|folder| state.session_folders.contains(folder)) || state.missing_session_folders.contains(path);
        let sessions = is_session.then(|| path.to_owned()).into_iter().collect();
        let Some(interests) = state.interests.get(path) else {
            if is_session {
                return Some(Hints { sessions, ..Hints::default() });
            }
            let appeared = event == FileEvent::Appeared && path.parent().is_some_and(|folder| state.rescanned.contains(folder));
            return appeared.then(|| Hints { appeared, ..Hints::default() });
        };
        let mut hints = Hints { sessions, ..Hints::default() };
        for interest in interests {
            match *interest {
                Interest::File(index) => {
                    hints.changed.insert(index);
                    if event == FileEvent::Closed {
                        hints.closed.insert(index);
                    }
                }
                Interest::Folder(index) => {
                    hints.changed.insert(index);
                    hints.folders = true;
                }
                Interest::Rescanned => hints.folders = true,
            }
        }
        Some(hints)
    }

    /// Waits for a signal, at most this long, and takes the hints.
    pub(super) fn wait(&self, at_most: Duration) -> Hints {
        let state = self.state();
        let (mut state, _) =
            self.0.condvar.wait_timeout_while(state, at_most, |state| !state.signalled).unwrap_or_else(PoisonError::into_inner);
        state.signalled = false;
        std::mem::take(&mut state.hints)
    }

    fn signal(&self, change: impl FnOnce(&mut WakeState)) {
        let mut state = self.state();
        change(&mut state);
        state.signalled = true;
        drop(state);
        self.0.condvar.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, WakeState> {
        // Hints are plain data: a panic elsewhere cannot leave them half changed.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A handle for one file, with this handler.
    fn with_handler(handler: impl Fn(&Hints) -> bool + Send + Sync + 'static) -> TailHandle {
        let handle = TailHandle::new();
        let interests = [("/p/a.log", Interest::File(0)), ("/p", Interest::Folder(0))];
        handle.set_interests(interests.map(|(path, interest)| (path.into(), vec![interest])).into(), HashSet::new());
        handle.set_inline_handler(handler);
        handle
    }

    #[test]
    fn hints_that_the_handler_takes_wake_nobody() {
        let changed = Hints { changed: [0].into(), ..Hints::default() };
        let expected = changed.clone();
        let handle = with_handler(move |hints| {
            assert_eq!(*hints, expected);
            true
        });
        handle.on_file_event(Path::new("/p/a.log"), FileEvent::Changed);
        assert_eq!(handle.wait(Duration::ZERO), Hints::default());
        // Folders are left to the tail thread, which syncs the watches.
        handle.on_file_event(Path::new("/p"), FileEvent::Changed);
        assert_eq!(handle.wait(Duration::ZERO), Hints { folders: true, ..changed });
    }

    #[test]
    fn a_folder_that_sessions_are_awaited_in_wakes_and_its_neighbours_do_not() {
        let handle = TailHandle::new();
        handle.set_session_folders(&SessionFolders { existing: Vec::new(), missing: vec!["/home/.claude/projects".into()] });
        for path in ["/home/.history", "/home/.claude/settings.json"] {
            handle.on_file_event(Path::new(path), FileEvent::Changed);
            assert_eq!(handle.wait(Duration::ZERO), Hints::default(), "{path}");
        }
        for path in ["/home/.claude", "/home/.claude/projects"] {
            handle.on_file_event(Path::new(path), FileEvent::Appeared);
            assert_eq!(handle.wait(Duration::ZERO).sessions, [PathBuf::from(path)].into(), "{path}");
        }
    }

    #[test]
    fn hints_that_the_handler_refuses_wake() {
        for handle in [with_handler(|_| false), with_handler(|_| std::panic::resume_unwind(Box::new("broken")))] {
            handle.on_file_event(Path::new("/p/a.log"), FileEvent::Closed);
            assert_eq!(handle.wait(Duration::ZERO), Hints { changed: [0].into(), closed: [0].into(), ..Hints::default() });
            // A write after the close.
            handle.on_file_event(Path::new("/p/a.log"), FileEvent::Closed);
            handle.on_file_event(Path::new("/p/a.log"), FileEvent::Changed);
            assert_eq!(handle.wait(Duration::ZERO), Hints { changed: [0].into(), ..Hints::default() });
        }
    }
}
