//! What has to be known of the file system: what stands at a path, and where a path leads.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    File,
    Folder,
    /// A named pipe, or one that another program writes into.
    Pipe,
    /// A socket, a device.
    Other,
    /// Nothing, or nothing that can be seen.
    Missing,
}

/// What stands there, links followed.
pub(super) fn kind_of(path: &Path) -> FileKind {
    match path.metadata() {
        Ok(meta) if meta.is_file() => FileKind::File,
        Ok(meta) if meta.is_dir() => FileKind::Folder,
        Ok(meta) if meta.file_type().is_fifo() => FileKind::Pipe,
        Ok(_) => FileKind::Other,
        Err(_) => FileKind::Missing,
    }
}

/// The path without links and `..`; what does not exist keeps its name.
pub(super) fn resolve(path: &Path) -> PathBuf {
    for folder in path.ancestors() {
        if let Ok(real) = folder.canonicalize() {
            return path
                .strip_prefix(folder)
                .map_or_else(|_| real.clone(), |missing| if missing.as_os_str().is_empty() { real.clone() } else { real.join(missing) });
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_paths_are_known_by_their_folders() {
        let folder = tempfile::tempdir().expect("a folder");
        let real = folder.path().canonicalize().expect("its path");
        std::os::unix::fs::symlink(&real, folder.path().join("link")).expect("a link");
        assert_eq!(resolve(&folder.path().join("link/missing/x.txt")), real.join("missing/x.txt"));
        assert_eq!(resolve(&folder.path().join("link")), real);
        assert_eq!((kind_of(folder.path()), kind_of(&folder.path().join("x"))), (FileKind::Folder, FileKind::Missing));
    }
}
