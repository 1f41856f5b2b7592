//! File system notifications. They only wake: every answer comes from looking.
//!
//! Folders are watched, not files: a watch on a file stays with its inode and goes deaf when the name gets another one. While a folder is
//! missing, the nearest one above it that exists is watched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use crate::tail::file::Identity;
use crate::tail::wake::{Happening, Interest, Waker};

pub(super) struct Watch {
    waker: Waker,
    watcher: Option<RecommendedWatcher>,
    /// What is watched, and which folder stood there then.
    folders: BTreeMap<PathBuf, Identity>,
}

impl Watch {
    pub(super) fn new(waker: Waker) -> Self {
        Watch { waker, watcher: None, folders: BTreeMap::new() }
    }

    /// Watches what these files need as things are now. Call it again whenever folders came or went, and now and then. In words, why it
    /// is impossible; whatever could be watched is watched all the same. Else whether anything had to change.
    pub(super) fn arm(&mut self, files: &[PathBuf], listed: &[PathBuf]) -> Result<bool, String> {
        if self.watcher.is_none() {
            let waker = self.waker.clone();
            let watcher = notify::recommended_watcher(move |event| hear(&waker, event)).map_err(|cause| in_words(&cause))?;
            self.watcher = Some(watcher);
            self.folders.clear();
        }
        self.waker.set_interests(interests(files, listed), listed.iter().cloned().collect());
        let (mut trouble, mut changed) = (None, false);
        // A folder may appear between looking for it and watching the one above it: go on until nothing changes.
        for _ in 0..8 {
            match self.adjust(&wanted(files, listed)) {
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

    /// Whether anything had to change.
    fn adjust(&mut self, wanted: &BTreeSet<PathBuf>) -> Result<bool, String> {
        let Some(watcher) = &mut self.watcher else { return Ok(false) };
        let mut changed = false;
        self.folders.retain(|folder, identity| {
            let stays = wanted.contains(folder) && identity_of(folder) == Some(*identity);
            if !stays {
                changed = true;
                // A folder that is gone is not watched any more, which is what is wanted.
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
                Err(cause) => trouble = identity_of(folder).map(|_| in_words(&cause)).or(trouble),
            }
        }
        trouble.map_or(Ok(changed), Err)
    }
}

/// Runs on notify's thread.
fn hear(waker: &Waker, event: notify::Result<Event>) {
    let event = match event {
        Ok(event) if event.need_rescan() => return waker.look_at_everything(),
        Ok(event) => event,
        Err(_) => return waker.look_at_everything(),
    };
    let happening = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Happening::Closed,
        // Opening and reading: mostly our own.
        EventKind::Access(_) => return,
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)) => Happening::Appeared,
        EventKind::Any | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => Happening::Touched,
    };
    for path in &event.paths {
        waker.happened(path, happening);
    }
}

/// The folders to watch for these files, as things are now.
fn wanted(files: &[PathBuf], listed: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for file in files.iter().flat_map(|file| names(file)) {
        folders.extend(file.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_owned));
    }
    folders.extend(listed.iter().filter_map(|folder| folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned)));
    folders
}

fn interests(files: &[PathBuf], listed: &[PathBuf]) -> HashMap<PathBuf, Vec<Interest>> {
    let mut interests: HashMap<PathBuf, Vec<Interest>> = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        for name in names(file) {
            for folder in name.ancestors().skip(1) {
                interests.entry(folder.to_owned()).or_default().push(Interest::Folder(index));
            }
            interests.entry(name).or_default().push(Interest::File(index));
        }
    }
    for folder in listed.iter().flat_map(|folder| folder.ancestors()) {
        let whose = interests.entry(folder.to_owned()).or_default();
        if !whose.contains(&Interest::Listed) {
            whose.push(Interest::Listed);
        }
    }
    interests
}

/// A file's own name, and the name of what it links to when that is somewhere else.
fn names(file: &Path) -> Vec<PathBuf> {
    let real = file.is_symlink().then(|| file.canonicalize().ok()).flatten();
    [file.to_owned()].into_iter().chain(real).collect()
}

fn identity_of(folder: &Path) -> Option<Identity> {
    folder.metadata().ok().filter(std::fs::Metadata::is_dir).map(|meta| Identity::from(&meta))
}

fn in_words(cause: &notify::Error) -> String {
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

    struct Rig {
        folder: tempfile::TempDir,
        files: Vec<PathBuf>,
        waker: Waker,
        watch: Watch,
    }

    impl Rig {
        fn new(names: &[&str], prepare: impl FnOnce(&Path)) -> Self {
            let folder = tempfile::tempdir().unwrap();
            prepare(folder.path());
            let files: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
            let waker = Waker::new();
            let mut watch = Watch::new(waker.clone());
            watch.arm(&files, &[]).unwrap();
            Rig { folder, files, waker, watch }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Waits for hints that are good enough; re-arms as the thread would.
        fn wait(&mut self, what: &str, enough: impl Fn(&Hints) -> bool) -> Hints {
            let deadline = Instant::now() + Duration::from_secs(10);
            let mut seen = Hints::default();
            while !enough(&seen) {
                assert!(Instant::now() < deadline, "{what}: only {seen:?}");
                let hints = self.waker.wait(Duration::from_secs(1));
                if hints.folders {
                    self.watch.arm(&self.files, &[]).unwrap();
                }
                seen.folders |= hints.folders;
                seen.touched.extend(hints.touched);
                seen.closed.extend(hints.closed);
            }
            seen
        }
    }

    #[test]
    fn a_write_touches_and_its_end_closes() {
        let mut rig = Rig::new(&["a.txt", "b.txt"], |_| {});
        fs::write(rig.path("neighbour.txt"), "x").unwrap();
        fs::write(rig.path("b.txt"), "x").unwrap();
        let hints = rig.wait("written", |hints| hints.closed.contains(&1));
        assert_eq!(hints, Hints { touched: [1].into(), closed: [1].into(), ..Hints::default() });
    }

    #[test]
    fn reading_wakes_nobody() {
        let mut rig = Rig::new(&["a.txt", "b.txt"], |folder| fs::write(folder.join("a.txt"), "x").unwrap());
        fs::read(rig.path("a.txt")).unwrap();
        fs::write(rig.path("b.txt"), "x").unwrap();
        assert!(!rig.wait("written", |hints| hints.touched.contains(&1)).touched.contains(&0));
    }

    #[test]
    fn a_replaced_file_is_heard_again_and_again() {
        let mut rig = Rig::new(&["a.txt"], |folder| fs::write(folder.join("a.txt"), "x").unwrap());
        for round in 0..3 {
            fs::write(rig.path("new"), "y").unwrap();
            fs::rename(rig.path("new"), rig.path("a.txt")).unwrap();
            rig.wait(&format!("replacement {round}"), |hints| hints.touched.contains(&0));
            rig.waker.wait(Duration::ZERO);
        }
    }

    #[test]
    fn missing_folders_are_waited_for() {
        let mut rig = Rig::new(&["a/b/c/d.txt"], |_| {});
        for _ in 0..2 {
            fs::create_dir_all(rig.path("a/b/c")).unwrap();
            rig.wait("folders", |hints| hints.folders);
            // Everything is armed when nothing comes any more; what was created before that is found by looking.
            while rig.waker.wait(Duration::from_millis(50)).folders {
                rig.watch.arm(&rig.files, &[]).unwrap();
            }
            fs::write(rig.path("a/b/c/d.txt"), "x").unwrap();
            rig.wait("the file", |hints| hints.closed.contains(&0));
            fs::remove_dir_all(rig.path("a")).unwrap();
            rig.wait("removal", |hints| hints.folders);
            while rig.waker.wait(Duration::from_millis(50)).folders {
                rig.watch.arm(&rig.files, &[]).unwrap();
            }
        }
    }

    #[test]
    fn a_link_is_heard_through_its_target() {
        let mut rig = Rig::new(&["link.txt"], |folder| {
            fs::create_dir(folder.join("elsewhere")).unwrap();
            fs::write(folder.join("elsewhere/real.txt"), "x").unwrap();
            std::os::unix::fs::symlink("elsewhere/real.txt", folder.join("link.txt")).unwrap();
        });
        fs::write(rig.path("elsewhere/real.txt"), "y").unwrap();
        rig.wait("the target", |hints| hints.closed.contains(&0));
    }
}
