//! File system notifications. They only wake: every answer comes from a poll.
//!
//! Folders are watched, not files: a watch on a file stays with its inode and reports nothing more when the path gets another one. While a
//! folder is missing, the nearest existing folder above it is watched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use crate::tail::file_stat::FileIdentity;
use crate::tail::session_files::SessionFolders;
use crate::tail::wake::{FileEvent, Interest, TailHandle};

/// Descriptors that are left for the files: a folder that is listed, a file that is read, one that it replaces.
const SPARE_DESCRIPTORS: usize = 3;

pub(super) struct FolderWatch {
    handle: TailHandle,
    watcher: Option<RecommendedWatcher>,
    /// The watched folders, each with its identity when the watch was set.
    folders: BTreeMap<PathBuf, FileIdentity>,
    /// What the interests of the handle were made of.
    interests_of: (Vec<FileNames>, Vec<PathBuf>),
}

/// The path of a file and, if that is a symbolic link, the path of its target.
#[derive(PartialEq, Eq)]
struct FileNames {
    path: PathBuf,
    target: Option<PathBuf>,
}

impl FolderWatch {
    pub(super) fn new(handle: TailHandle) -> Self {
        FolderWatch { handle, watcher: None, folders: BTreeMap::new(), interests_of: Default::default() }
    }

    /// Watches what these files need in the folders that exist now, and the folders of `sessions`, and returns whether any watch changed. To
    /// be called again whenever a folder appeared or disappeared, and now and then. The error says why a folder cannot be watched; the
    /// others are watched all the same.
    pub(super) fn sync(&mut self, files: &[PathBuf], rescanned: &[PathBuf], sessions: &SessionFolders) -> Result<bool, String> {
        if self.watcher.is_none() {
            // What is watched must be read as well: the watcher does not get the last descriptors.
            let spare: io::Result<Vec<File>> = (0..SPARE_DESCRIPTORS).map(|_| File::open("/dev/null")).collect();
            let _spare = spare.map_err(|cause| describe_notify_error(&notify::Error::io(cause)))?;
            let handle = self.handle.clone();
            let watcher =
                notify::recommended_watcher(move |event| on_notify(&handle, event)).map_err(|cause| describe_notify_error(&cause))?;
            self.watcher = Some(watcher);
            self.folders.clear();
        }
        let files: Vec<FileNames> = files.iter().map(|file| FileNames::read(file)).collect();
        if (files.as_slice(), rescanned) != (self.interests_of.0.as_slice(), self.interests_of.1.as_slice()) {
            self.handle.set_interests(interests(&files, rescanned), rescanned.iter().cloned().collect());
            self.interests_of = (files, rescanned.to_owned());
        }
        self.handle.set_session_folders(sessions);
        let (mut trouble, mut changed) = (None, false);
        // A folder may appear after the check for it and before the watch on the one above it: repeat until nothing changes.
        for _ in 0..8 {
            let mut wanted = folders_to_watch(&self.interests_of.0, rescanned);
            wanted.extend(sessions.existing.iter().cloned());
            wanted.extend(sessions.missing.iter().filter_map(|folder| nearest_folder(folder)));
            match self.adjust(&wanted) {
                Ok(false) => break,
                Ok(true) => changed = true,
                Err(why) => {
                    trouble = Some(why);
                    break;
                }
            }
        }
        trouble.map_or(Ok(changed), Err)
    }

    /// Adds and removes watches, and returns whether there were any to change.
    fn adjust(&mut self, wanted: &BTreeSet<PathBuf>) -> Result<bool, String> {
        let Some(watcher) = &mut self.watcher else { return Ok(false) };
        let mut changed = false;
        self.folders.retain(|folder, identity| {
            let stays = wanted.contains(folder) && identity_of(folder) == Some(*identity);
            if !stays {
                changed = true;
                // The error means that the folder is gone and thus not watched any more: the aim is reached.
                let _ = watcher.unwatch(folder);
            }
            stays
        });
        let mut trouble = None;
        for folder in wanted {
            if self.folders.contains_key(folder) {
                continue;
            }
            let Some(identity) = identity_of(folder) else { continue };
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    changed = true;
                    self.folders.insert(folder.clone(), identity);
                }
                Err(cause) => trouble = identity_of(folder).map(|_| describe_notify_error(&cause)).or(trouble),
            }
        }
        trouble.map_or(Ok(changed), Err)
    }
}

/// Runs on notify's thread.
fn on_notify(handle: &TailHandle, event: notify::Result<Event>) {
    let event = match event {
        Ok(event) if event.need_rescan() => return handle.poll_all(),
        Ok(event) => event,
        Err(_) => return handle.poll_all(),
    };
    let file_event = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => FileEvent::Closed,
        // Opening and reading: mostly by ourselves.
        EventKind::Access(_) => return,
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)) => FileEvent::Appeared,
        EventKind::Any | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => FileEvent::Changed,
    };
    for path in &event.paths {
        handle.on_file_event(path, file_event);
    }
}

impl FileNames {
    fn read(path: &Path) -> Self {
        let target = path.is_symlink().then(|| path.canonicalize().ok()).flatten();
        FileNames { path: path.to_owned(), target }
    }

    fn iter(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.path].into_iter().chain(&self.target)
    }
}

/// The folders to watch for these files, of those that exist now.
fn folders_to_watch(files: &[FileNames], rescanned: &[PathBuf]) -> BTreeSet<PathBuf> {
    let parents: BTreeSet<&Path> = files.iter().flat_map(FileNames::iter).filter_map(|file| file.parent()).collect();
    parents.into_iter().chain(rescanned.iter().map(PathBuf::as_path)).filter_map(nearest_folder).collect()
}

/// The folder, else the nearest above it that exists.
fn nearest_folder(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned)
}

fn interests(files: &[FileNames], rescanned: &[PathBuf]) -> HashMap<PathBuf, Vec<Interest>> {
    let mut interests: HashMap<PathBuf, Vec<Interest>> = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        for name in file.iter() {
            for folder in name.ancestors().skip(1) {
                interests.entry(folder.to_owned()).or_default().push(Interest::Folder(index));
            }
            interests.entry(name.clone()).or_default().push(Interest::File(index));
        }
    }
    for folder in rescanned.iter().flat_map(|folder| folder.ancestors()) {
        let whose = interests.entry(folder.to_owned()).or_default();
        if !whose.contains(&Interest::Rescanned) {
            whose.push(Interest::Rescanned);
        }
    }
    interests
}

fn identity_of(folder: &Path) -> Option<FileIdentity> {
    folder.metadata().ok().filter(std::fs::Metadata::is_dir).map(|meta| FileIdentity::from(&meta))
}

fn describe_notify_error(cause: &notify::Error) -> String {
    let why = match &cause.kind {
        notify::ErrorKind::MaxFilesWatch => "no watches left; raise fs.inotify.max_user_watches".to_owned(),
        notify::ErrorKind::Io(cause) if cause.raw_os_error() == Some(24) => {
            "no watchers left; raise fs.inotify.max_user_instances or the limit of open files".to_owned()
        }
        notify::ErrorKind::Io(cause) => cause.to_string(),
        notify::ErrorKind::Generic(why) => why.clone(),
        notify::ErrorKind::PathNotFound | notify::ErrorKind::WatchNotFound | notify::ErrorKind::InvalidConfig(_) => cause.to_string(),
    };
    format!("the file system cannot be watched ({why}); files are looked at by the clock instead")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::tail::wake::Hints;

    struct WatchRig {
        folder: tempfile::TempDir,
        files: Vec<PathBuf>,
        handle: TailHandle,
        watch: FolderWatch,
    }

    impl WatchRig {
        fn new(names: &[&str], prepare: impl FnOnce(&Path)) -> Self {
            let folder = tempfile::tempdir().unwrap();
            prepare(folder.path());
            let files: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
            let handle = TailHandle::new();
            let watch = FolderWatch::new(handle.clone());
            let mut rig = WatchRig { folder, files, handle, watch };
            rig.sync();
            rig
        }

        fn sync(&mut self) {
            self.watch.sync(&self.files, &[], &SessionFolders::default()).unwrap();
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Waits for enough hints; syncs the watches as the tail thread would.
        fn wait(&mut self, what: &str, enough: impl Fn(&Hints) -> bool) -> Hints {
            let deadline = Instant::now() + Duration::from_secs(10);
            let mut received = Hints::default();
            while !enough(&received) {
                assert!(Instant::now() < deadline, "{what}: only {received:?}");
                let hints = self.handle.wait(Duration::from_secs(1));
                if hints.folders {
                    self.sync();
                }
                received.folders |= hints.folders;
                received.changed.extend(hints.changed);
                received.closed.extend(hints.closed);
            }
            received
        }
    }

    #[test]
    fn a_write_touches_and_its_end_closes() {
        let mut rig = WatchRig::new(&["a.txt", "b.txt"], |_| {});
        fs::write(rig.path("neighbour.txt"), "x").unwrap();
        fs::write(rig.path("b.txt"), "x").unwrap();
        let hints = rig.wait("written", |hints| hints.closed.contains(&1));
        assert_eq!(hints, Hints { changed: [1].into(), closed: [1].into(), ..Hints::default() });
    }

    #[test]
    fn reading_wakes_nobody() {
        let mut rig = WatchRig::new(&["a.txt", "b.txt"], |folder| fs::write(folder.join("a.txt"), "x").unwrap());
        fs::read(rig.path("a.txt")).unwrap();
        fs::write(rig.path("b.txt"), "x").unwrap();
        assert!(!rig.wait("written", |hints| hints.changed.contains(&1)).changed.contains(&0));
    }

    #[test]
    fn a_replaced_file_is_notified_again_and_again() {
        let mut rig = WatchRig::new(&["a.txt"], |folder| fs::write(folder.join("a.txt"), "x").unwrap());
        for round in 0..3 {
            fs::write(rig.path("new"), "y").unwrap();
            fs::rename(rig.path("new"), rig.path("a.txt")).unwrap();
            rig.wait(&format!("replacement {round}"), |hints| hints.changed.contains(&0));
            rig.handle.wait(Duration::ZERO);
        }
    }

    #[test]
    fn missing_folders_are_waited_for() {
        let mut rig = WatchRig::new(&["a/b/c/d.txt"], |_| {});
        for _ in 0..2 {
            fs::create_dir_all(rig.path("a/b/c")).unwrap();
            rig.wait("folders", |hints| hints.folders);
            // The watches are in sync when no notification follows. What was created before that is found by polling.
            while rig.handle.wait(Duration::from_millis(50)).folders {
                rig.sync();
            }
            fs::write(rig.path("a/b/c/d.txt"), "x").unwrap();
            rig.wait("the file", |hints| hints.closed.contains(&0));
            fs::remove_dir_all(rig.path("a")).unwrap();
            rig.wait("removal", |hints| hints.folders);
            while rig.handle.wait(Duration::from_millis(50)).folders {
                rig.sync();
            }
        }
    }

    #[test]
    fn a_link_is_notified_through_its_target() {
        let mut rig = WatchRig::new(&["link.txt"], |folder| {
            fs::create_dir(folder.join("elsewhere")).unwrap();
            fs::write(folder.join("elsewhere/real.txt"), "x").unwrap();
            std::os::unix::fs::symlink("elsewhere/real.txt", folder.join("link.txt")).unwrap();
        });
        fs::write(rig.path("elsewhere/real.txt"), "y").unwrap();
        rig.wait("the target", |hints| hints.closed.contains(&0));
    }

    #[test]
    fn a_link_that_appears_later_is_notified_through_its_target_from_the_next_sync_on() {
        let mut rig = WatchRig::new(&["link.txt"], |folder| fs::create_dir(folder.join("elsewhere")).unwrap());
        fs::write(rig.path("elsewhere/real.txt"), "x").unwrap();
        std::os::unix::fs::symlink("elsewhere/real.txt", rig.path("link.txt")).unwrap();
        rig.wait("the link", |hints| hints.changed.contains(&0));
        rig.sync();
        fs::write(rig.path("elsewhere/real.txt"), "y").unwrap();
        rig.wait("the target", |hints| hints.closed.contains(&0));
    }
}
