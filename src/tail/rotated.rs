//! Rotated and saved files beside a log: whose name is made from the log's own.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::tail::file_stat::FileIdentity;
use crate::tail::folder_listing::FolderListings;
use crate::tail::follow::OldFile;

/// The rotated files beside one log that are not new any more.
#[derive(Debug, Default, Clone)]
pub(super) struct RotatedFiles {
    known: HashSet<FileStamp>,
}

/// Identity and time of creation. The inode of a removed file is soon given to another one; the time of creation, where the file system
/// has it, tells them apart.
pub(super) type FileStamp = (FileIdentity, Option<SystemTime>);

/// A rotated file that was not there before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NewRotated {
    pub(super) path: PathBuf,
    stamp: FileStamp,
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SiblingKind {
    Rotated,
    Saved,
}

impl RotatedFiles {
    pub(super) fn restored(known: impl IntoIterator<Item = FileStamp>) -> Self {
        RotatedFiles { known: known.into_iter().collect() }
    }

    pub(super) fn known(&self) -> impl Iterator<Item = &FileStamp> {
        self.known.iter()
    }

    /// Marks every rotated file as seen: those that exist before the log is first read are older than it.
    pub(super) fn mark_existing(&mut self, path: &Path, listings: &mut FolderListings) {
        let (folder, own) = folder_and_name(path);
        // All these names begin as the log's does up to its extension.
        let start = own.rsplit_once('.').map_or(own, |(stem, _)| stem);
        let names = listings.names(folder, start).filter(|name| sibling_kind(own, name) == Some(SiblingKind::Rotated));
        let metas = names.filter_map(|name| folder.join(name).symlink_metadata().ok().filter(Metadata::is_file));
        self.known = metas.map(|meta| stamp(&meta)).collect();
    }

    /// Marks a file that was read, because it may get a rotated name.
    pub(super) fn mark_read(&mut self, file: &File) {
        if let Ok(meta) = file.metadata() {
            self.known.insert(stamp(&meta));
        }
    }

    /// Returns the rotated files that are new since the last call, oldest first, without `known` files, which are read otherwise.
    pub(super) fn take_new(&mut self, path: &Path, known: &[FileIdentity]) -> Vec<NewRotated> {
        let present: Vec<(PathBuf, Metadata)> = rotated_files(path).collect();
        let before = std::mem::replace(&mut self.known, present.iter().map(|(_, meta)| stamp(meta)).collect());
        let mut new: Vec<(Option<SystemTime>, NewRotated)> = present
            .into_iter()
            .filter(|(_, meta)| !before.contains(&stamp(meta)) && !known.contains(&FileIdentity::from(meta)))
            .map(|(path, meta)| (meta.modified().ok(), NewRotated { path, stamp: stamp(&meta), size: meta.len() }))
            .collect();
        new.sort();
        new.into_iter().map(|(_, rotated)| rotated).collect()
    }

    /// Makes a file new again for the next call, because it may still be written to.
    pub(super) fn unmark(&mut self, rotated: &NewRotated) {
        self.known.remove(&rotated.stamp);
    }
}

/// What became of the file that had `path`, judged by the name that it has now.
pub(super) fn locate(path: &Path, old: FileIdentity) -> OldFile {
    let kinds = siblings(path).filter(|(_, _, meta)| FileIdentity::from(meta) == old).map(|(kind, _, _)| kind);
    match kinds.reduce(|one, other| if one == SiblingKind::Rotated { one } else { other }) {
        Some(SiblingKind::Rotated) => OldFile::Rotated,
        Some(SiblingKind::Saved) => OldFile::Replaced,
        None => OldFile::Renamed,
    }
}

fn rotated_files(path: &Path) -> impl Iterator<Item = (PathBuf, Metadata)> {
    siblings(path).filter(|(kind, _, _)| *kind == SiblingKind::Rotated).map(|(_, path, meta)| (path, meta))
}

/// The regular files beside `path` whose names are made from its own.
fn siblings(path: &Path) -> impl Iterator<Item = (SiblingKind, PathBuf, Metadata)> + '_ {
    let (folder, own) = folder_and_name(path);
    // A folder that cannot be listed has no siblings that could be read.
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let kind = sibling_kind(own, entry.file_name().to_str()?)?;
        let meta = entry.metadata().ok().filter(Metadata::is_file)?;
        Some((kind, entry.path(), meta))
    })
}

fn folder_and_name(path: &Path) -> (&Path, &str) {
    let own = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    (path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")), own)
}

/// How the name `other` is made from `own`.
fn sibling_kind(own: &str, other: &str) -> Option<SiblingKind> {
    if let Some(behind) = other.strip_prefix(own) {
        let is_swap = |end: &str| end.len() == 4 && end.starts_with(".sw");
        return match behind {
            "~" | ".bak" | ".orig" => Some(SiblingKind::Saved),
            ".old" => Some(SiblingKind::Rotated),
            _ if is_swap(behind) || (behind.starts_with(".~") && behind.ends_with('~')) => Some(SiblingKind::Saved),
            _ => is_number_or_date(behind).then_some(SiblingKind::Rotated),
        };
    }
    if other.strip_prefix('.').and_then(|other| other.strip_prefix(own)).is_some_and(|end| end.starts_with(".sw")) {
        return Some(SiblingKind::Saved);
    }
    // `agent-20260124.log`, `agent.1.log`: in front of the extension.
    let (stem, extension) = own.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())?;
    let behind = other.strip_prefix(stem)?.strip_suffix(extension)?.strip_suffix('.')?;
    is_number_or_date(behind).then_some(SiblingKind::Rotated)
}

/// `.1`, `-20260124`, `.2026-01-24T10:00:00`, `_3`.
fn is_number_or_date(behind: &str) -> bool {
    behind.starts_with(['.', '-', '_'])
        && behind.bytes().any(|b| b.is_ascii_digit())
        && behind.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_' | b':' | b'T' | b'Z'))
}

fn stamp(meta: &Metadata) -> FileStamp {
    (FileIdentity::from(meta), meta.created().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names() {
        for (other, expected) in [
            ("agent.log.1", Some(SiblingKind::Rotated)),
            ("agent.log.12", Some(SiblingKind::Rotated)),
            ("agent.log-20260124", Some(SiblingKind::Rotated)),
            ("agent.log.2026-01-24T10:00:00", Some(SiblingKind::Rotated)),
            ("agent-20260124.log", Some(SiblingKind::Rotated)),
            ("agent.1.log", Some(SiblingKind::Rotated)),
            ("agent.log.old", Some(SiblingKind::Rotated)),
            ("agent.log.1.gz", None),
            ("agent.log~", Some(SiblingKind::Saved)),
            ("agent.log.bak", Some(SiblingKind::Saved)),
            ("agent.log.orig", Some(SiblingKind::Saved)),
            (".agent.log.swp", Some(SiblingKind::Saved)),
            ("agent.log.~1~", Some(SiblingKind::Saved)),
            ("agent.log", None),
            ("agent.logs", None),
            ("agent.log2", None),
            ("agent2.log", None),
            ("other.log.1", None),
        ] {
            assert_eq!(sibling_kind("agent.log", other), expected, "{other}");
        }
    }

    #[test]
    fn only_new_rotated_files_are_taken_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.log"), "now").unwrap();
        fs::write(at("a.log.1"), "before").unwrap();
        let mut rotated = RotatedFiles::default();
        rotated.mark_existing(&at("a.log"), &mut FolderListings::default());
        fs::rename(at("a.log.1"), at("a.log.2")).unwrap();
        fs::write(at("a.log.1"), "new").unwrap();
        fs::create_dir(at("a.log.3")).unwrap();
        let paths = |new: Vec<NewRotated>| new.into_iter().map(|rotated| rotated.path).collect::<Vec<_>>();
        assert_eq!(paths(rotated.take_new(&at("a.log"), &[])), [at("a.log.1")]);
        assert_eq!(paths(rotated.take_new(&at("a.log"), &[])), Vec::<PathBuf>::new());
    }

    #[test]
    fn where_an_old_file_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, expected) in [("a.log.1", OldFile::Rotated), ("a.log~", OldFile::Replaced), ("archived.log", OldFile::Renamed)] {
            fs::write(at(name), "x").unwrap();
            let identity = FileIdentity::from(&fs::metadata(at(name)).unwrap());
            assert_eq!(locate(&at("a.log"), identity), expected, "{name}");
        }
    }
}
