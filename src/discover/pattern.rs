//! `*`, `?` and `**` in names.

use std::path::{Component, Path, PathBuf};

use super::walk::{self, DEEP};
use super::{FileSystem, Kind};

/// What a pattern leads to.
#[derive(Debug, Default)]
pub(super) struct Matches {
    /// Regular files, as named and absolute, in the order of their names.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
    /// The folders that were looked through, there or not yet.
    pub(super) folders: Vec<PathBuf>,
}

pub(super) fn is_pattern(name: &Path) -> bool {
    name.iter().any(|part| is_wild(&part.to_string_lossy()))
}

/// Looks a pattern up, part by part.
pub(super) fn matching(name: &Path, current: &Path, files: &dyn FileSystem) -> Matches {
    let mut found = Matches::default();
    let parts: Vec<String> = name.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let start = if name.has_root() { PathBuf::from("/") } else { PathBuf::new() };
    let parts = if matches!(name.components().next(), Some(Component::RootDir)) { &parts[1..] } else { &parts[..] };
    descend(&start, parts, current, files, &mut found);
    found.files.dedup();
    found
}

fn descend(beside: &Path, parts: &[String], current: &Path, files: &dyn FileSystem, found: &mut Matches) {
    let Some((part, rest)) = parts.split_first() else { return };
    let folder = if beside.as_os_str().is_empty() { current.to_owned() } else { current.join(beside) };
    if !is_wild(part) {
        let next = beside.join(part);
        match files.kind(&current.join(&next)) {
            Kind::File if rest.is_empty() => found.files.push((next.clone(), current.join(next))),
            Kind::Folder => descend(&next, rest, current, files, found),
            Kind::File | Kind::Pipe | Kind::Other => {}
            Kind::Missing if rest.is_empty() => found.folders.push(folder),
            Kind::Missing => found.folders.push(current.join(next)),
        }
        return;
    }
    if part == "**" {
        for inside in walk::below(&folder, DEEP, files) {
            let below = inside.strip_prefix(&folder).unwrap_or(Path::new(""));
            descend(&beside.join(below), rest, current, files, found);
        }
        return;
    }
    found.folders.push(folder.clone());
    for name in files.list(&folder) {
        let hidden = name.starts_with('.') && !part.starts_with('.');
        if hidden || !matches(part.as_bytes(), name.as_bytes()) {
            continue;
        }
        let next = beside.join(&name);
        match files.kind(&folder.join(&name)) {
            Kind::File if rest.is_empty() && walk::is_inside(&folder, &name, files) => found.files.push((next.clone(), current.join(next))),
            Kind::Folder if !rest.is_empty() => descend(&next, rest, current, files, found),
            Kind::File | Kind::Folder | Kind::Pipe | Kind::Other | Kind::Missing => {}
        }
    }
}

fn is_wild(part: &str) -> bool {
    part.contains(['*', '?'])
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
