//! The watched paths and folders, kept in step with what exists, and the rescan of the folders for new files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::discover::{self, Added, Found, Request, Shape};
use crate::tail::file_stat::FileStat;
use crate::tail::session_files::SessionFolders;
use crate::tail::tracked_path::next_multiple;
use crate::tail::wake::TailHandle;
use crate::tail::watch::FolderWatch;

/// How often the watches are synced without a notification.
const SYNC_INTERVAL: Duration = Duration::from_secs(10);
/// The folders are rescanned at most this often: a build makes thousands of files.
const RESCAN_MIN_INTERVAL: Duration = Duration::from_millis(500);

pub(super) struct WatchSet {
    watch: FolderWatch,
    request: Request,
    found: Found,
    /// The folders at the last rescan.
    folder_stats: Vec<Option<FileStat>>,
    sync_at: Duration,
    /// When the next rescan is due, if one is scheduled.
    rescan_at: Option<Duration>,
    rescanned_at: Option<Duration>,
}

impl WatchSet {
    pub(super) fn new(request: Request, found: Found, handle: TailHandle) -> Self {
        let folder_stats = stat_folders(&found.folders);
        WatchSet {
            watch: FolderWatch::new(handle),
            request,
            found,
            folder_stats,
            sync_at: SYNC_INTERVAL,
            rescan_at: None,
            rescanned_at: None,
        }
    }

    /// Makes the watches fit the folders that exist now, and returns whether any changed. The error says why the file system cannot be
    /// watched.
    pub(super) fn sync(&mut self, now: Duration, sessions: &SessionFolders) -> Result<bool, String> {
        self.sync_at = next_multiple(SYNC_INTERVAL, now);
        // Notifications name files by the paths that were given to the watcher.
        let files = self.found.sources.iter().filter(|source| source.shape != Shape::Stream).map(|source| absolute(&source.path));
        let changed = self.watch.sync(&files.collect::<Vec<_>>(), &self.found.folders, sessions)?;
        if changed {
            // No notification came for files that appeared before the watch did.
            self.schedule_rescan(now);
        }
        Ok(changed)
    }

    /// What has been found so far.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    /// When a sync or a rescan is due without a notification; every `poll_interval` where the file system sends none.
    pub(super) fn deadline(&self, poll_interval: Option<Duration>) -> Duration {
        let sync_at = poll_interval
            .map_or(self.sync_at, |interval| self.sync_at.min(self.rescanned_at.unwrap_or_default() + interval.max(RESCAN_MIN_INTERVAL)));
        self.rescan_at.map_or(sync_at, |at| at.min(sync_at))
    }

    /// Schedules a rescan, because a name or a folder appeared or disappeared.
    pub(super) fn schedule_rescan(&mut self, now: Duration) {
        if !self.found.folders.is_empty() {
            let earliest = self.rescanned_at.map_or(now, |at| (at + RESCAN_MIN_INTERVAL).max(now));
            self.rescan_at = Some(self.rescan_at.map_or(earliest, |at| at.min(earliest)));
        }
    }

    /// Whether it is time to sync the watches without a notification.
    pub(super) fn sync_due(&self, now: Duration) -> bool {
        now >= self.sync_at
    }

    /// Returns new files, if a rescan is due and a notification or the metadata of a folder asks for it.
    pub(super) fn rescan(&mut self, now: Duration, poll_interval: Option<Duration>) -> Added {
        let is_scheduled = self.rescan_at.is_some_and(|at| at <= now);
        let is_due = self.rescanned_at.is_none_or(|at| {
            now >= poll_interval.map_or_else(|| next_multiple(SYNC_INTERVAL, at), |interval| at + interval.max(RESCAN_MIN_INTERVAL))
        });
        if self.found.folders.is_empty() || !(is_scheduled || is_due) {
            return Added::default();
        }
        self.rescanned_at = Some(now);
        self.rescan_at = None;
        if !is_scheduled && self.folder_stats == stat_folders(&self.found.folders) {
            return Added::default();
        }
        // When all files have disappeared, those found before stay tracked: they may come back.
        let Ok(newer) = discover::discover(&self.request, &discover::current_folder()) else { return Added::default() };
        self.folder_stats = stat_folders(&newer.folders);
        self.found.add(newer)
    }
}

fn stat_folders(folders: &[PathBuf]) -> Vec<Option<FileStat>> {
    folders.iter().map(|folder| folder.metadata().ok().map(|meta| FileStat::from(&meta))).collect()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Of a file system that sends no notifications, and says so to nobody.
    #[test]
    fn a_rescan_falls_into_the_wake_up_of_the_sync() {
        let folder = tempfile::tempdir().unwrap();
        let request = Request { named: vec![folder.path().join("*.log")], auto_discover: false };
        fs::write(folder.path().join("one.log"), "one\n").unwrap();
        let found = discover::discover(&request, folder.path()).unwrap();
        let mut watches = WatchSet::new(request, found, TailHandle::new());
        let start = Duration::from_millis(50);
        watches.sync(start, &SessionFolders::default()).unwrap();
        assert!(watches.rescan(start, None).sources.is_empty());
        // The time of a change of the folder has the kernel's tick.
        while watches.folder_stats == stat_folders(&watches.found.folders) {
            let _is_first = fs::remove_file(folder.path().join("two.log")).is_err();
            fs::write(folder.path().join("two.log"), "two\n").unwrap();
        }
        let wake_up = watches.deadline(None);
        assert_eq!(watches.rescan(wake_up, None).sources.len(), 1, "at {wake_up:?}");
    }
}
