//! Names → sources and tasks.
//!
//! Decides which files belong together; opens none of them.

use std::path::PathBuf;

use crate::line::{SourceId, TaskId};

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
    /// To open it.
    pub path: PathBuf,
    /// Relative to the task's folder where it lies in it, else as named; `-` for standard input.
    pub shown: String,
    pub shape: Shape,
    /// The user named it (or it is all there is), as opposed to taken along.
    pub named: bool,
    /// `*.log`, `*.jsonl`, `*.ndjson`, `*.out`.
    pub machine_name: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Line by line.
    Lines,
    /// As a whole: `*.json`.
    Document,
}
