//! Where a file must really lie to be read: inside the folder that it was named with or found in, wherever links lead when it is opened.
//!
//! Also whose runner's folders are believed. Opens nothing.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::Request;

/// What an opened file must satisfy. A link that the user named is followed, also where it leads later; any other link only while it
/// stays inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confinement {
    /// The path is a link that the user named.
    Anywhere,
    /// The file lies in this folder, which is given without links.
    Inside(PathBuf),
    /// The file lies below what this link leads to: the user named it on the way to the file.
    BelowLink {
        /// The innermost link of the path.
        link: PathBuf,
        /// The rest of the path to the folder.
        below: PathBuf,
    },
}

impl Confinement {
    /// For the file at `path` of a task in `task_folder`. Relative names of the request are in `current`.
    pub(super) fn of(path: &Path, task_folder: &Path, request: &Request, current: &Path) -> Self {
        let named: Vec<PathBuf> = match request.named.as_slice() {
            [] => vec![current.to_owned()],
            names => names.iter().map(|name| current.join(literal_prefix(name))).collect(),
        };
        if named.iter().any(|name| name == path) {
            return if path.is_symlink() { Confinement::Anywhere } else { Self::below(path.parent().unwrap_or(path)) };
        }
        if let Some(folder) = named.iter().filter(|name| path.starts_with(name)).max_by_key(|name| name.components().count()) {
            return Self::below(folder);
        }
        // It was found beside or above what was named.
        Self::below(path.ancestors().skip(1).find(|above| task_folder.starts_with(above)).unwrap_or(Path::new("/")))
    }

    /// Inside `folder`; while that is missing, inside the nearest folder above it, because it may yet become a link.
    fn below(folder: &Path) -> Self {
        let existing = folder.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("/"));
        let link = existing.ancestors().find(|above| above.is_symlink());
        let below = link.and_then(|link| existing.strip_prefix(link).ok());
        match (link, below) {
            // What `..` means depends on where the link leads, so that the whole is followed anew.
            (Some(_), Some(below)) if below.components().any(|part| part == Component::ParentDir) => {
                Confinement::BelowLink { link: existing.to_owned(), below: PathBuf::new() }
            }
            (Some(link), Some(below)) => Confinement::BelowLink { link: link.to_owned(), below: below.to_owned() },
            // A folder that cannot be resolved is taken as it is written: then nothing in it is read.
            (_, _) => Confinement::Inside(existing.canonicalize().unwrap_or_else(|_| existing.to_owned())),
        }
    }

    /// The folder that the file must lie in now; `None` where it may lie anywhere.
    ///
    /// # Errors
    ///
    /// The link that was named leads nowhere.
    pub fn folder(&self) -> std::io::Result<Option<PathBuf>> {
        match self {
            Confinement::Anywhere => Ok(None),
            Confinement::Inside(folder) => Ok(Some(folder.clone())),
            Confinement::BelowLink { link, below } if below.as_os_str().is_empty() => link.canonicalize().map(Some),
            Confinement::BelowLink { link, below } => Ok(Some(link.canonicalize()?.join(below))),
        }
    }
}

/// Whether a runner's folder (or a `.git`) in or above a task's folder is believed: it belongs to this user or to the owner of the task's
/// folder, and is no link that leads elsewhere. Anybody may put a folder into `/tmp`.
pub(super) fn is_believed(runner_folder: &Path, task_folder: &Path) -> bool {
    let Some(above) = runner_folder.parent() else { return false };
    let Ok(meta) = runner_folder.metadata() else { return true };
    let stays = match (runner_folder.canonicalize(), above.canonicalize()) {
        (Ok(real), Ok(above)) => real.starts_with(above),
        (_, _) => false,
    };
    let owner = task_folder.metadata().as_ref().map(Metadata::uid).ok();
    stays && is_owner_believed(meta.uid(), owner, rustix::process::geteuid().as_raw())
}

fn is_owner_believed(owner: u32, task_owner: Option<u32>, user: u32) -> bool {
    owner == user || task_owner == Some(owner)
}

/// The part of a name before its first `*` or `?`.
fn literal_prefix(name: &Path) -> PathBuf {
    name.components().take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?'])).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn each_file_is_held_by_what_was_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let real = folder.path().canonicalize().expect("it is there");
        fs::create_dir_all(real.join("p/sub")).expect("the folder is ours");
        fs::write(real.join("p/a.log"), "").expect("the folder is ours");
        symlink("a.log", real.join("p/link.log")).expect("the folder is ours");
        symlink("p", real.join("current")).expect("the folder is ours");
        let inside = |below: &str| Confinement::Inside(real.join(below));
        let below_link = |below: &str| Confinement::BelowLink { link: real.join("current"), below: below.into() };
        for (named, path, expected) in [
            (&["p/a.log"][..], "p/a.log", inside("p")),
            (&["p/link.log"], "p/link.log", Confinement::Anywhere),
            (&["p/link.log"], "p/prd.json", inside("p")),
            (&["p/later/a.log"], "p/later/a.log", inside("p")),
            (&["p"], "p/sub/a.log", inside("p")),
            (&["p", "p/sub"], "p/sub/a.log", inside("p/sub")),
            (&["p/*/a.log"], "p/sub/a.log", inside("p")),
            (&[], "p/sub/a.log", inside("")),
            (&["p/sub/a.log"], "p/.ralph/progress.md", inside("p")),
            (&["current"], "current/sub/a.log", below_link("")),
            (&["current/sub/a.log"], "current/sub/a.log", below_link("sub")),
        ] {
            let request = Request { named: named.iter().map(PathBuf::from).collect(), ..Request::default() };
            assert_eq!(Confinement::of(&real.join(path), &real.join("p/sub"), &request, &real), expected, "{named:?} {path}");
        }
    }

    #[test]
    fn a_folder_of_another_user_is_not_believed() {
        for (owner, task_owner, expected) in
            [(1000, Some(1000), true), (1000, Some(0), true), (1001, Some(1000), false), (1001, Some(1001), true), (0, None, false)]
        {
            assert_eq!(is_owner_believed(owner, task_owner, 1000), expected, "{owner} {task_owner:?}");
        }
    }
}
