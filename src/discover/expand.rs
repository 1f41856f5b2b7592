//! What was named → the files meant by it: folders and globs become their files.

use std::path::{Path, PathBuf};

use super::pattern::{is_pattern, matching};
use super::{CHECKLISTS, EXECUTION_LOG, FileSystem, Kind, PLANS, PROGRESS, has_extension, is_standard_input, name_of, walk};
use crate::error::Error;

/// A file that was named, by itself or by its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// As named; relative to the current folder if it was.
    pub(super) as_named: PathBuf,
    /// Absolute, links left as they are.
    pub(super) path: PathBuf,
    /// By itself, not found in a folder or by a glob.
    pub(super) itself: bool,
}

/// The files meant, and the folders in which more may turn up.
pub(super) struct Expanded {
    pub(super) named: Vec<Named>,
    pub(super) folders: Vec<PathBuf>,
}

pub(super) fn expand(named: &[PathBuf], files: &dyn FileSystem) -> Result<Expanded, Error> {
    let mut found = Expanded { named: Vec::new(), folders: Vec::new() };
    let current = files.current();
    if named.is_empty() {
        found.in_folder(Path::new(""), &current, files);
        if found.named.is_empty() {
            return Err(nothing(&format!("nothing to watch in {}", current.display())));
        }
        return Ok(found);
    }
    for name in named {
        if is_standard_input(name) {
            found.named.push(Named { as_named: name.clone(), path: name.clone(), itself: true });
            continue;
        }
        let path = current.join(name);
        match files.kind(&path) {
            Kind::Folder => {
                let before = found.named.len();
                found.in_folder(name, &path, files);
                if found.named.len() == before {
                    found.named.extend(waited_for(name, &path));
                }
            }
            // A device is refused when it is read, with the reason.
            Kind::File | Kind::Pipe | Kind::Other => found.named.push(Named { as_named: name.clone(), path, itself: true }),
            Kind::Missing if is_pattern(name) => {
                let matches = matching(name, &current, files);
                found.named.extend(matches.files.into_iter().map(|(as_named, path)| Named { as_named, path, itself: false }));
                found.folders.extend(matches.folders);
            }
            Kind::Missing if is_folder_like(name) => {
                found.named.extend(waited_for(name, &path));
                found.folders.push(path);
            }
            Kind::Missing => found.named.push(Named { as_named: name.clone(), path, itself: true }),
        }
    }
    Ok(found)
}

impl Expanded {
    /// The files of a folder: the known ones, and those whose names say that they are text; further down the known ones only.
    fn in_folder(&mut self, name: &Path, folder: &Path, files: &dyn FileSystem) {
        let mut found: Vec<Named> = Vec::new();
        let folders = walk::below(folder, walk::DEEP, files);
        for (at, inside) in folders.iter().enumerate() {
            let below = inside.strip_prefix(folder).unwrap_or(Path::new(""));
            let names = files.list(inside).into_iter().filter(|file| is_known(file) || (at == 0 && is_text(file)));
            let names = names.filter(|file| walk::is_inside(inside, file, files));
            found.extend(names.map(|file| Named { as_named: name.join(below).join(&file), path: inside.join(&file), itself: false }));
        }
        let rank = |named: &Named| match name_of(&named.path) {
            Some(name) if PLANS.contains(&name) => 0,
            Some(name) if PROGRESS.contains(&name) => 1,
            Some(_) | None => 2,
        };
        found.sort_by_key(rank);
        // Beside a plan or a log it is taken along; alone it is all that tells of a run.
        if found.is_empty() && files.kind(&folder.join(EXECUTION_LOG)) == Kind::File {
            found.push(Named { as_named: name.join(EXECUTION_LOG), path: folder.join(EXECUTION_LOG), itself: false });
        }
        self.named.append(&mut found);
        self.folders.extend(folders);
    }
}

fn is_known(file: &str) -> bool {
    PLANS.contains(&file) || PROGRESS.contains(&file) || CHECKLISTS.contains(&file)
}

fn is_text(file: &str) -> bool {
    has_extension(Path::new(file), &["log", "txt", "md", "jsonl", "ndjson", "out"])
}

/// The known files of a folder that has none of them yet.
fn waited_for(name: &Path, folder: &Path) -> Vec<Named> {
    [PLANS[0], PROGRESS[0]].map(|file| Named { as_named: name.join(file), path: folder.join(file), itself: false }).into()
}

/// A missing name without an extension, or with a slash behind it, is a folder to come.
fn is_folder_like(name: &Path) -> bool {
    name.as_os_str().as_encoded_bytes().ends_with(b"/")
        || (name.extension().is_none() && !name_of(name).is_some_and(|name| name.starts_with('.')))
}

fn nothing(what: &str) -> Error {
    Error::NothingToWatch(format!(
        "{what}: looked for {}, {} and *.log, *.txt, *.md, *.jsonl, *.out; name a file or a folder, there already or not yet: progress-bridge --watch progress.txt",
        PLANS.join(", "),
        PROGRESS.join(", "),
    ))
}
