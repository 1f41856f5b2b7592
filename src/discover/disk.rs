//! The file system as it is.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::{FileSystem, Kind};

/// The real file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl FileSystem for Disk {
    fn current(&self) -> PathBuf {
        // Without a current folder (it was removed) only absolute names mean anything.
        std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"))
    }

    fn kind(&self, path: &Path) -> Kind {
        match path.metadata() {
            Ok(meta) if meta.is_file() => Kind::File,
            Ok(meta) if meta.is_dir() => Kind::Folder,
            Ok(meta) if meta.file_type().is_fifo() => Kind::Pipe,
            Ok(_) => Kind::Other,
            Err(_) => Kind::Missing,
        }
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        // What cannot be listed holds nothing that could be read: the caller says what it looked for.
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    fn real(&self, path: &Path) -> PathBuf {
        for folder in path.ancestors() {
            if let Ok(real) = folder.canonicalize() {
                return path
                    .strip_prefix(folder)
                    .map_or_else(|_| real.clone(), |rest| if rest.as_os_str().is_empty() { real.clone() } else { real.join(rest) });
            }
        }
        path.to_owned()
    }
}
