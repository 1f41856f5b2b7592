//! What was named → the files meant by it: folders and globs become their files.

use std::path::{Path, PathBuf};

use super::{EXECUTION_LOG, FileSystem, Kind, PLANS, PROGRESS, has_extension, is_known_plan, name_of};
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

pub(super) fn expand(named: &[PathBuf], files: &dyn FileSystem) -> Result<Vec<Named>, Error> {
    let mut found = Vec::new();
    if named.is_empty() {
        let here = files.current();
        found = in_folder(Path::new(""), &here, files);
        if found.is_empty() {
            return Err(nothing(&format!("nothing to watch in {}", here.display())));
        }
        return Ok(found);
    }
    for name in named {
        if name.as_os_str() == "-" {
            return Err(Error::Usage("standard input cannot be watched; write it to a file and name that".to_owned()));
        }
        let path = files.current().join(name);
        match files.kind(&path) {
            Kind::Folder => {
                let inside = in_folder(name, &path, files);
                found.extend(if inside.is_empty() { waited_for(name, &path) } else { inside });
            }
            // A pipe or a device is refused when it is read, with the reason.
            Kind::File | Kind::Other => found.push(Named { as_named: name.clone(), path, itself: true }),
            Kind::Missing if is_glob(name) => found.extend(matching(name, &path, files)),
            Kind::Missing if is_folder_like(name) => found.extend(waited_for(name, &path)),
            Kind::Missing => found.push(Named { as_named: name.clone(), path, itself: true }),
        }
    }
    if found.is_empty() {
        let names: Vec<String> = named.iter().map(|name| name.display().to_string()).collect();
        return Err(nothing(&format!("nothing matches {}", names.join(", "))));
    }
    Ok(found)
}

/// The files of a folder: the known ones, and those whose names say that they are text.
fn in_folder(name: &Path, folder: &Path, files: &dyn FileSystem) -> Vec<Named> {
    let mut found: Vec<Named> = files
        .list(folder)
        .into_iter()
        .filter(|file| is_known_plan(Path::new(file)) || has_extension(Path::new(file), &["log", "txt", "md", "jsonl", "ndjson", "out"]))
        .filter(|file| is_inside(folder, file, files))
        .map(|file| Named { as_named: name.join(&file), path: folder.join(&file), itself: false })
        .collect();
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
    found
}

/// The known files of a folder that has none of them yet.
fn waited_for(name: &Path, folder: &Path) -> Vec<Named> {
    [PLANS[0], PROGRESS[0]].map(|file| Named { as_named: name.join(file), path: folder.join(file), itself: false }).into()
}

/// The files that a glob means; wildcards stand in its last part only.
fn matching(name: &Path, path: &Path, files: &dyn FileSystem) -> Vec<Named> {
    let (Some(pattern), Some(folder)) = (name_of(path), path.parent()) else { return Vec::new() };
    let beside = name.parent().unwrap_or(Path::new(""));
    let names = files.list(folder).into_iter().filter(|file| pattern.starts_with('.') || !file.starts_with('.'));
    names
        .filter(|file| matches(pattern.as_bytes(), file.as_bytes()) && is_inside(folder, file, files))
        .map(|file| Named { as_named: beside.join(&file), path: folder.join(&file), itself: false })
        .collect()
}

/// Files that were not named one by one must be regular and stay inside the folder: a link may lead anywhere.
fn is_inside(folder: &Path, file: &str, files: &dyn FileSystem) -> bool {
    let path = folder.join(file);
    !file.starts_with('.') && files.kind(&path) == Kind::File && files.real(&path).starts_with(files.real(folder))
}

fn is_glob(name: &Path) -> bool {
    name_of(name).is_some_and(|name| name.contains(['*', '?']))
}

/// A missing name without an extension, or with a slash behind it, is a folder to come.
fn is_folder_like(name: &Path) -> bool {
    name.as_os_str().as_encoded_bytes().ends_with(b"/")
        || (name.extension().is_none() && !name_of(name).is_some_and(|name| name.starts_with('.')))
}

/// `*` and `?`, byte by byte. Going back to the last star only is enough, and keeps it from taking exponential time.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

fn nothing(what: &str) -> Error {
    Error::NothingToWatch(format!(
        "{what}: looked for {}, {} and *.log, *.txt, *.md, *.jsonl, *.out; name a file or a folder, there already or not yet: progress-bridge --watch progress.txt",
        PLANS.join(", "),
        PROGRESS.join(", "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("*.log", "a.log", true),
            ("*.log", "a.logs", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("*a*b", "xaxbxab", true),
            ("*a*b", "xaxbxa", false),
            ("progress*", "progress.txt", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
