//! The folders below a folder, as deep as a run may hide.

use std::path::{Path, PathBuf};

use super::{FileSystem, Kind, RUNNER_FOLDERS};

/// How deep is looked for runs.
pub(super) const DEEP: usize = 4;
/// At most so many folders: whoever has more names the ones that matter.
const MOST: usize = 1000;
/// What others keep there is no run of this project: packages, builds, and runs that are over.
const PASSED_OVER: [&str; 3] = ["node_modules", "target", "archive"];

/// The folder itself and those below it, down to `deep` of them, each before what is in it. Links are not followed.
pub(super) fn below(folder: &Path, deep: usize, files: &dyn FileSystem) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut level = 0..1;
    for _ in 0..deep {
        for at in level.clone() {
            for name in files.list(&found[at].clone()) {
                let inside = found[at].join(&name);
                if found.len() < MOST && is_walked(&name) && files.kind(&inside) == Kind::Folder && !is_link(&found[at], &name, files) {
                    found.push(inside);
                }
            }
        }
        level = level.end..found.len();
    }
    found
}

/// Files that were not named one by one must be regular and stay inside the folder: a link may lead anywhere.
pub(super) fn is_inside(folder: &Path, file: &str, files: &dyn FileSystem) -> bool {
    let path = folder.join(file);
    !file.starts_with('.') && files.kind(&path) == Kind::File && files.real(&path).starts_with(files.real(folder))
}

fn is_walked(name: &str) -> bool {
    RUNNER_FOLDERS.contains(&name) || !(name.starts_with('.') || PASSED_OVER.contains(&name))
}

fn is_link(folder: &Path, name: &str, files: &dyn FileSystem) -> bool {
    files.real(&folder.join(name)) != files.real(folder).join(name)
}
