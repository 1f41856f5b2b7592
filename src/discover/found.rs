//! What was found, and how what is found later is added to it.

use std::collections::HashSet;
use std::path::PathBuf;

use super::{Source, SourceKey, Task};
use crate::line::{SourceId, TaskId};

/// What is to be watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub tasks: Vec<Task>,
    pub sources: Vec<Source>,
    /// Folders in which more may turn up, there or not yet.
    pub folders: Vec<PathBuf>,
}

/// What a later search has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    pub tasks: Vec<Task>,
    pub sources: Vec<Source>,
}

impl Found {
    /// Adds what `newer` has and this has not. What was found before keeps its number and its name: events have been told with it.
    pub fn add(&mut self, newer: Found) -> Added {
        let mut added = Added::default();
        let mut known: HashSet<SourceKey> = self.sources.iter().map(|source| source.key.clone()).collect();
        for source in newer.sources {
            if !known.insert(source.key.clone()) {
                continue;
            }
            let Some(task) = newer.tasks.iter().find(|task| task.id == source.task) else { continue };
            let same = self.tasks.iter().find(|known| known.folder == task.folder && known.part == task.part).map(|known| known.id);
            let task = same.unwrap_or_else(|| {
                let id = TaskId(count(self.tasks.len()));
                let task = Task { id, name: self.free_name(task), ..task.clone() };
                self.tasks.push(task.clone());
                added.tasks.push(task);
                id
            });
            let source = Source { id: SourceId(count(self.sources.len())), task, ..source };
            self.sources.push(source.clone());
            added.sources.push(source);
        }
        self.folders = newer.folders;
        added
    }

    /// The task's own name, longer by its parents' where another has that already.
    fn free_name(&self, task: &Task) -> String {
        let is_taken = |name: &str| self.tasks.iter().any(|known| known.name == name);
        let own: Vec<&str> = task.name.split('/').collect();
        let folder: Vec<&str> = task.folder.iter().filter_map(|part| part.to_str()).filter(|part| *part != "/").collect();
        // A name begins with the last names of its folder, or stands below it.
        let shared = (0..=own.len()).rev().find(|count| folder.ends_with(&own[..*count])).unwrap_or(0);
        let whole = [&folder[..], &own[shared..]].concat();
        let longer = (0..whole.len().saturating_sub(own.len())).rev().map(|from| whole[from..].join("/"));
        std::iter::once(task.name.clone()).chain(longer).find(|name| !is_taken(name)).unwrap_or_else(|| task.name.clone())
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
