//! What there is to watch: the files by name, the folders in which more may turn up, and the watcher that hears of both.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::discover::{self, Added, Disk, Found, Request, Shape};
use crate::tail::file::Signature;
use crate::tail::wake::Waker;
use crate::tail::watch::Watch;

/// What is watched is compared with what should be this often.
const REARM: Duration = Duration::from_secs(10);
/// New names are looked for at most this often: a build makes thousands.
const SEARCH: Duration = Duration::from_millis(500);

pub(super) struct Surroundings {
    watch: Watch,
    request: Request,
    found: Found,
    /// The folders as they were when they were last looked through.
    seen: Vec<Option<Signature>>,
    rearm_at: Duration,
    /// When to look for new names, if at all.
    search_at: Option<Duration>,
    searched_at: Option<Duration>,
}

impl Surroundings {
    pub(super) fn new(request: Request, found: Found, waker: Waker) -> Self {
        let seen = signatures(&found.folders);
        Surroundings { watch: Watch::new(waker), request, found, seen, rearm_at: REARM, search_at: None, searched_at: None }
    }

    /// Watches what is to be watched as things are now. In words, why it is impossible.
    pub(super) fn arm(&mut self, now: Duration) -> Result<(), String> {
        self.rearm_at = now + REARM;
        // Notifications name files by the paths that were given to the watcher.
        let files = self.found.sources.iter().filter(|source| source.shape != Shape::Stream).map(|source| absolute(&source.path));
        let changed = self.watch.arm(&files.collect::<Vec<_>>(), &self.found.folders)?;
        if changed {
            // What came before the watch was set was not heard.
            self.heard(now);
        }
        Ok(())
    }

    /// When something here has to be done although nothing was heard; `poll` when nothing can be heard.
    pub(super) fn next(&self, poll: Option<Duration>) -> Duration {
        let rearm_at = poll.map_or(self.rearm_at, |poll| self.rearm_at.min(self.searched_at.unwrap_or_default() + poll.max(SEARCH)));
        self.search_at.map_or(rearm_at, |at| at.min(rearm_at))
    }

    /// Something has appeared, or folders came and went.
    pub(super) fn heard(&mut self, now: Duration) {
        if !self.found.folders.is_empty() {
            let earliest = self.searched_at.map_or(now, |at| (at + SEARCH).max(now));
            self.search_at = Some(self.search_at.map_or(earliest, |at| at.min(earliest)));
        }
    }

    /// Whether it is time to compare what is watched with what should be.
    pub(super) fn is_to_arm(&self, now: Duration) -> bool {
        now >= self.rearm_at
    }

    /// Looks for new files, if it is time to: when something was heard, or when a folder looks different.
    pub(super) fn search(&mut self, now: Duration, poll: Option<Duration>) -> Added {
        let heard = self.search_at.is_some_and(|at| at <= now);
        let by_clock = self.searched_at.is_none_or(|at| now >= at + poll.map_or(REARM, |poll| poll.max(SEARCH)));
        if self.found.folders.is_empty() || !(heard || by_clock) {
            return Added::default();
        }
        self.searched_at = Some(now);
        self.search_at = None;
        if !heard && self.seen == signatures(&self.found.folders) {
            return Added::default();
        }
        // Files that all went away are no news: what was found is waited for.
        let Ok(newer) = discover::discover(&self.request, &Disk) else { return Added::default() };
        self.seen = signatures(&newer.folders);
        self.found.add(newer)
    }
}

fn signatures(folders: &[PathBuf]) -> Vec<Option<Signature>> {
    folders.iter().map(|folder| folder.metadata().ok().map(|meta| Signature::from(&meta))).collect()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
