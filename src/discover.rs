//! Names → sources and tasks.
//!
//! Decides which files belong together; opens none of them.

mod confinement;
mod disk;
mod expand;
mod found;
mod group;
mod pattern;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::confinement::Confinement;
pub use self::disk::Disk;
pub use self::found::{Added, Found};
use crate::error::Error;
use crate::line::{SourceId, TaskId};
use crate::text;

/// A folder with a run in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub id: TaskId,
    /// The folder's own name, made longer by its parents' names until no other task has it.
    pub name: String,
    pub folder: PathBuf,
}

/// A file to read, there or not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub id: SourceId,
    pub task: TaskId,
    pub key: SourceKey,
    /// To open it.
    pub path: PathBuf,
    /// Of a runner's log, which several tasks may read: its path without links.
    pub common: Option<PathBuf>,
    /// Relative to the task's folder where it lies in it, else as named.
    pub shown: String,
    pub shape: Shape,
    /// The user named it (or it is all there is), as opposed to taken along.
    pub named: bool,
    /// `*.log`, `*.jsonl`, `*.ndjson`, `*.out`.
    pub machine_name: bool,
    /// Where the file must lie to be read.
    pub confinement: Confinement,
}

/// A source across restarts: its path, and its task's folder where several tasks may read the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceKey(String);

impl SourceKey {
    /// Names that are no UTF-8 are told apart as far as their replaced form goes.
    pub fn new(path: &Path, reader: Option<&Path>) -> Self {
        match reader {
            Some(folder) => SourceKey(format!("{}\0{}", path.display(), folder.display())),
            None => SourceKey(path.display().to_string()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Line by line.
    Lines,
    /// As a whole: `*.json`.
    Document,
    /// Line by line as it comes, from its first byte to its last: standard input, a named pipe.
    Stream,
}

impl Shape {
    /// What a file of this name is read as.
    pub fn of(path: &Path) -> Shape {
        if has_extension(path, &["json"]) { Shape::Document } else { Shape::Lines }
    }
}

/// What to look for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Files, folders and globs as named; none means the current folder.
    pub named: Vec<PathBuf>,
    /// Whether to take along what belongs to them (`--no-discover` turns it off).
    pub take_along: bool,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    /// A named pipe, or one that another program writes into.
    Pipe,
    /// A socket, a device.
    Other,
    /// Nothing, or nothing that can be seen.
    Missing,
}

/// What has to be known of the file system.
pub trait FileSystem {
    /// The current folder, absolute.
    fn current(&self) -> PathBuf;
    /// What stands there, links followed.
    fn kind(&self, path: &Path) -> Kind;
    /// The names in a folder, sorted; none when it cannot be listed.
    fn list(&self, folder: &Path) -> Vec<String>;
    /// The path without links and `..`; what does not exist keeps its name.
    fn real(&self, path: &Path) -> PathBuf;
}

/// Finds the files to read and the tasks they belong to.
pub fn discover(request: &Request, files: &dyn FileSystem) -> Result<Found, Error> {
    require_current_folder(request)?;
    let named = expand::expand(&request.named, files)?;
    let mut found = group::group(named, request.take_along, files);
    let folders: HashMap<TaskId, &Path> = found.tasks.iter().map(|task| (task.id, task.folder.as_path())).collect();
    for source in &mut found.sources {
        let task_folder = folders.get(&source.task).copied().unwrap_or(Path::new("/"));
        source.shown = text::clean(&source.shown).into_owned();
        source.confinement = Confinement::of(&source.path, task_folder, request, &files.current());
    }
    Ok(found)
}

/// Relative names, or none, mean the current folder: it must be there.
fn require_current_folder(request: &Request) -> Result<(), Error> {
    let is_elsewhere = |name: &PathBuf| name.is_absolute() || is_standard_input(name);
    if !request.named.is_empty() && request.named.iter().all(is_elsewhere) {
        return Ok(());
    }
    std::env::current_dir().map(|_| ()).map_err(|cause| {
        Error::NothingToWatch(format!(
            "the current folder was removed or cannot be reached ({cause}): change to one that is there, or give absolute paths"
        ))
    })
}

/// Whether the path names standard input.
pub fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether the name is one that machines write: `*.log`, `*.jsonl`, `*.ndjson`, `*.out`.
pub fn is_machine_name(path: &Path) -> bool {
    has_extension(path, &["log", "jsonl", "ndjson", "out"])
}

/// Progress logs known by name.
const PROGRESS: [&str; 3] = ["progress.txt", "claude-progress.txt", "progress.md"];
/// Checklists known by name.
const CHECKLISTS: [&str; 2] = ["fix_plan.md", "@fix_plan.md"];
/// Plans known by name.
const PLANS: [&str; 2] = ["prd.json", "feature_list.json"];
/// Folders that runners keep their own files in.
const RUNNER_FOLDERS: [&str; 3] = [".claude-loop", ".ralph", ".ralph-tui"];
/// What claude-loop keeps for itself: as telling as a log beside the plan.
const EXECUTION_LOG: &str = ".claude-loop/execution_log.jsonl";
const ERROR_LOG: &str = ".claude-loop/logs/error.log";
/// What other runners keep for themselves, taken along where it is there.
const RUNNER_FILES: [&str; 4] = [".ralph/fix_plan.md", ".ralph/progress.txt", ".ralph/progress.md", ".ralph-tui/progress.md"];

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|own| extensions.iter().any(|e| own.eq_ignore_ascii_case(e)))
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}
