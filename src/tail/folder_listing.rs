//! The names in the folders of the files that one pass polls, listed once a pass and sorted: a folder of thousands of files is not listed
//! again for each of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Default)]
pub(super) struct FolderListings {
    names: HashMap<PathBuf, Vec<String>>,
    /// The pass that they were made in.
    pass: Duration,
}

impl FolderListings {
    /// Begins a pass: what was listed in another is forgotten.
    pub(super) fn begin(&mut self, pass: Duration) {
        if self.pass != pass {
            self.pass = pass;
            self.names = HashMap::new();
        }
    }

    /// The names in a folder that begin with `start`, as of this pass.
    pub(super) fn names<'a>(&'a mut self, folder: &Path, start: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.names.entry(folder.to_owned()).or_insert_with(|| sorted_names(folder));
        let from = names.partition_point(|name| name.as_str() < start);
        names[from..].iter().map(String::as_str).take_while(move |name| name.starts_with(start))
    }
}

fn sorted_names(folder: &Path) -> Vec<String> {
    // A folder that cannot be listed has no files that could be read.
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_listed_once_a_pass() {
        let folder = tempfile::tempdir().unwrap();
        let add = |name: &str| std::fs::write(folder.path().join(name), "").unwrap();
        let mut listings = FolderListings::default();
        let mut names = |pass: u64, start: &str| -> Vec<String> {
            listings.begin(Duration::from_secs(pass));
            listings.names(folder.path(), start).map(str::to_owned).collect()
        };
        ["b.log", "a.log", "b.log.1", "c.log"].into_iter().for_each(add);
        assert_eq!(names(1, "b.log"), ["b.log", "b.log.1"]);
        add("b.log.2");
        assert_eq!(names(1, "b.log"), ["b.log", "b.log.1"]);
        assert_eq!(names(2, "b.log"), ["b.log", "b.log.1", "b.log.2"]);
        assert_eq!(names(2, "d"), [""; 0]);
    }
}
