//! What stands beside a file under the names that rotation, or saving, gives to old ones.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::tail::file::Identity;
use crate::tail::follow::Whereabouts;

/// The rotated files beside one file that have been taken account of.
#[derive(Debug, Default, Clone)]
pub(super) struct Neighbours {
    seen: HashSet<Seen>,
}

/// A removed file's inode is soon given to another: where the file system knows, the time of birth tells them apart.
pub(super) type Seen = (Identity, Option<SystemTime>);

/// A rotated file that has come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Came {
    pub(super) path: PathBuf,
    seen: Seen,
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Rotated,
    Saved,
}

impl Neighbours {
    pub(super) fn restored(seen: impl IntoIterator<Item = Seen>) -> Self {
        Neighbours { seen: seen.into_iter().collect() }
    }

    pub(super) fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter()
    }

    /// All that stand there now are older than what we read.
    pub(super) fn know_present(&mut self, path: &Path) {
        self.seen = rotated(path).map(|(_, meta)| seen(&meta)).collect();
    }

    /// A file that was read has gone there, if anywhere.
    pub(super) fn know(&mut self, file: &File) {
        if let Ok(meta) = file.metadata() {
            self.seen.insert(seen(&meta));
        }
    }

    /// Rotated files that have come since the last call, oldest first, but for those that are read or have been.
    pub(super) fn unseen(&mut self, path: &Path, known: &[Identity]) -> Vec<Came> {
        let present: Vec<(PathBuf, Metadata)> = rotated(path).collect();
        let before = std::mem::replace(&mut self.seen, present.iter().map(|(_, meta)| seen(meta)).collect());
        let mut came: Vec<(Option<SystemTime>, Came)> = present
            .into_iter()
            .filter(|(_, meta)| !before.contains(&seen(meta)) && !known.contains(&Identity::from(meta)))
            .map(|(path, meta)| (meta.modified().ok(), Came { path, seen: seen(&meta), size: meta.len() }))
            .collect();
        came.sort();
        came.into_iter().map(|(_, came)| came).collect()
    }

    /// It may still be written to: it is news again at the next call.
    pub(super) fn forget(&mut self, came: &Came) {
        self.seen.remove(&came.seen);
    }
}

/// Where a file with another name now has gone, as its new name tells.
pub(super) fn whereabouts(path: &Path, old: Identity) -> Whereabouts {
    let names = beside(path).filter(|(_, _, meta)| Identity::from(meta) == old).map(|(name, _, _)| name);
    match names.reduce(|one, other| if one == Name::Rotated { one } else { other }) {
        Some(Name::Rotated) => Whereabouts::Rotated,
        Some(Name::Saved) => Whereabouts::Saved,
        None => Whereabouts::Elsewhere,
    }
}

fn rotated(path: &Path) -> impl Iterator<Item = (PathBuf, Metadata)> {
    beside(path).filter(|(name, _, _)| *name == Name::Rotated).map(|(_, path, meta)| (path, meta))
}

/// The regular files beside `path` whose names are made from its own.
fn beside(path: &Path) -> impl Iterator<Item = (Name, PathBuf, Metadata)> {
    let own = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A folder that cannot be listed has no neighbours that could be read.
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let name = classify(&own, entry.file_name().to_str()?)?;
        let meta = entry.metadata().ok().filter(Metadata::is_file)?;
        Some((name, entry.path(), meta))
    })
}

/// What the name `other` is to the file `own`.
fn classify(own: &str, other: &str) -> Option<Name> {
    if let Some(behind) = other.strip_prefix(own) {
        let is_swap = |end: &str| end.len() == 4 && end.starts_with(".sw");
        return match behind {
            "~" | ".bak" | ".orig" => Some(Name::Saved),
            ".old" => Some(Name::Rotated),
            _ if is_swap(behind) || (behind.starts_with(".~") && behind.ends_with('~')) => Some(Name::Saved),
            _ => is_number_or_date(behind).then_some(Name::Rotated),
        };
    }
    if other.strip_prefix('.').and_then(|other| other.strip_prefix(own)).is_some_and(|end| end.starts_with(".sw")) {
        return Some(Name::Saved);
    }
    // `agent-20260124.log`, `agent.1.log`: in front of the extension.
    let (stem, extension) = own.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())?;
    let behind = other.strip_prefix(stem)?.strip_suffix(extension)?.strip_suffix('.')?;
    is_number_or_date(behind).then_some(Name::Rotated)
}

/// `.1`, `-20260124`, `.2026-01-24T10:00:00`, `_3`.
fn is_number_or_date(behind: &str) -> bool {
    behind.starts_with(['.', '-', '_'])
        && behind.bytes().any(|b| b.is_ascii_digit())
        && behind.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_' | b':' | b'T' | b'Z'))
}

fn seen(meta: &Metadata) -> Seen {
    (Identity::from(meta), meta.created().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names() {
        for (other, expected) in [
            ("agent.log.1", Some(Name::Rotated)),
            ("agent.log.12", Some(Name::Rotated)),
            ("agent.log-20260124", Some(Name::Rotated)),
            ("agent.log.2026-01-24T10:00:00", Some(Name::Rotated)),
            ("agent-20260124.log", Some(Name::Rotated)),
            ("agent.1.log", Some(Name::Rotated)),
            ("agent.log.old", Some(Name::Rotated)),
            ("agent.log.1.gz", None),
            ("agent.log~", Some(Name::Saved)),
            ("agent.log.bak", Some(Name::Saved)),
            ("agent.log.orig", Some(Name::Saved)),
            (".agent.log.swp", Some(Name::Saved)),
            ("agent.log.~1~", Some(Name::Saved)),
            ("agent.log", None),
            ("agent.logs", None),
            ("agent.log2", None),
            ("agent2.log", None),
            ("other.log.1", None),
        ] {
            assert_eq!(classify("agent.log", other), expected, "{other}");
        }
    }

    #[test]
    fn only_what_came_is_unseen_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.log"), "now").unwrap();
        fs::write(at("a.log.1"), "before").unwrap();
        let mut neighbours = Neighbours::default();
        neighbours.know_present(&at("a.log"));
        fs::rename(at("a.log.1"), at("a.log.2")).unwrap();
        fs::write(at("a.log.1"), "new").unwrap();
        fs::create_dir(at("a.log.3")).unwrap();
        let paths = |came: Vec<Came>| came.into_iter().map(|came| came.path).collect::<Vec<_>>();
        assert_eq!(paths(neighbours.unseen(&at("a.log"), &[])), [at("a.log.1")]);
        assert_eq!(paths(neighbours.unseen(&at("a.log"), &[])), Vec::<PathBuf>::new());
    }

    #[test]
    fn where_an_old_file_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, expected) in
            [("a.log.1", Whereabouts::Rotated), ("a.log~", Whereabouts::Saved), ("archived.log", Whereabouts::Elsewhere)]
        {
            fs::write(at(name), "x").unwrap();
            let identity = Identity::from(&fs::metadata(at(name)).unwrap());
            assert_eq!(whereabouts(&at("a.log"), identity), expected, "{name}");
        }
    }
}
