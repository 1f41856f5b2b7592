//! Names → sources and tasks.
//!
//! Decides which files belong together; opens none of them.

mod confinement;
mod expand;
mod files;
mod found;
mod group;
mod known_files;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::confinement::Confinement;
pub use self::found::{Added, Found};
use self::known_files::{Holds, known_file};
use crate::error::Error;
use crate::line::{SourceId, TaskId};
use crate::text;

/// A plan with its logs, or a log without a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub id: TaskId,
    /// Of the plan or the project, made longer by its parents' names until no other task has it. Never of a hidden folder.
    pub name: String,
    /// How it is shown while nothing in it states its name: by its project where `name` is the runner's.
    pub title: String,
    pub folder: PathBuf,
    /// Where the folder has more than one plan: this one's path in it. With the folder it tells the tasks apart.
    pub part: Option<String>,
    /// It was found, not named, and only what is in it can tell whether there is a run.
    pub is_tentative: bool,
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
    pub shared_path: Option<PathBuf>,
    /// Relative to the task's folder where it lies in it, else as named.
    pub display_path: String,
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
    /// As a whole: a plan.
    Document,
    /// As a whole: how a run stands.
    Status,
    /// Line by line as it comes, from its first byte to its last: standard input, a named pipe.
    Stream,
}

impl Shape {
    /// What a file of this name is read as.
    pub fn of(path: &Path) -> Shape {
        match known_file(path).map(|(_, known)| known.holds) {
            Some(Holds::Plan(_) | Holds::LonePlan | Holds::LonePlanBeside(_)) => Shape::Document,
            Some(Holds::Status) => Shape::Status,
            Some(Holds::Log) => Shape::Lines,
            None if has_extension(path, &["json", "yaml", "yml"]) => Shape::Document,
            None => Shape::Lines,
        }
    }
}

/// What to look for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Files, folders and globs as named; none means the current folder.
    pub named: Vec<PathBuf>,
    /// Whether to add what belongs to them (`--no-discover` turns it off).
    pub auto_discover: bool,
}

/// Finds the files to read and the tasks they belong to. Relative names are looked for in the folder `current`.
pub fn discover(request: &Request, current: &Path) -> Result<Found, Error> {
    require_current_folder(request)?;
    let named = expand::expand(&request.named, current)?;
    let mut found = group::group(named, request.auto_discover, current);
    let folders: HashMap<TaskId, &Path> = found.tasks.iter().map(|task| (task.id, task.folder.as_path())).collect();
    for source in &mut found.sources {
        let task_folder = folders.get(&source.task).copied().unwrap_or(Path::new("/"));
        source.display_path = text::clean(&source.display_path).into_owned();
        source.confinement = Confinement::of(&source.path, task_folder, request, current);
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

/// The current folder, absolute.
pub fn current_folder() -> PathBuf {
    // Without a current folder (it was removed) only absolute names mean anything.
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"))
}

/// Whether the path names standard input.
pub fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether the name is one that machines write: `*.log`, `*.jsonl`, `*.ndjson`, `*.out`.
pub fn is_machine_name(path: &Path) -> bool {
    has_extension(path, &["log", "jsonl", "ndjson", "out"])
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|own| extensions.iter().any(|e| own.eq_ignore_ascii_case(e)))
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}
