//! The Rust files of a folder, for the tests that read the code itself.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

pub struct SourceFile {
    /// Below the folder.
    pub path: PathBuf,
    pub text: String,
}

impl SourceFile {
    /// `tail::splitter`; a file `mod.rs` is its folder.
    pub fn module(&self) -> String {
        let parts = self.path.with_extension("");
        parts.iter().map(|part| part.to_string_lossy()).filter(|part| part != "mod").collect::<Vec<_>>().join("::")
    }
}

/// Of `src`, in the order of their paths.
pub fn sources() -> Vec<SourceFile> {
    let files = files_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(files.len() > 10, "the sources are gone");
    files
}

/// In the order of their paths.
pub fn files_in(folder: &Path) -> Vec<SourceFile> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().map(|entry| entry.expect("it can be listed").into_path());
    let read = |path: PathBuf| SourceFile {
        text: fs::read_to_string(&path).expect("sources are UTF-8"),
        path: path.strip_prefix(folder).expect("it lies in it").to_owned(),
    };
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).map(read).collect()
}
