//! Whose a record is in a log that several tasks share.

use std::collections::HashMap;
use std::ffi::OsString;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::clock::Timestamp;
use crate::event::{Event, EventSource, TEXT_LIMIT};
use crate::fact::{Fact, Statement};
use crate::plan::Plan;
use crate::subject::Names;

/// Most records whose owner is remembered.
const RECORDS: usize = 1_000_000;

/// A file as the claims know it.
pub(super) type FileAt = usize;

/// Each task reads a shared log for itself and counts what is its own: what its plan names by id and title; of what no plan names so, what
/// came while it was the task that had moved last.
#[derive(Debug, Default)]
pub(super) struct Claims {
    files: Vec<File>,
    claimants: Vec<Claimant>,
    /// Decided once: a rewritten log is read again, and a restarted engine reads it, too. `None` is a task that is not there now.
    owners: HashMap<u64, Option<usize>>,
    /// By the name of the file and the text of the record: the task that it was told of.
    told: HashMap<(OsString, String), String>,
}

#[derive(Debug)]
struct File {
    real: PathBuf,
    /// Those that read it.
    tasks: Vec<usize>,
}

#[derive(Debug, Default)]
struct Claimant {
    id: String,
    names: Names,
    moved: Option<Timestamp>,
}

impl Claims {
    /// A task of this id.
    pub(super) fn add_task(&mut self, id: &str) {
        self.claimants.push(Claimant { id: id.to_owned(), ..Claimant::default() });
    }

    /// An earlier process has published this and not remembered whose it was: it is not to be told again as another's.
    pub(super) fn told(&mut self, event: &Event) {
        let Event { source: EventSource { path, text: Some(text), .. }, task_id, .. } = event else { return };
        if let Some(name) = Path::new(&**path).file_name() {
            self.told.insert((name.to_owned(), text.clone()), task_id.to_string());
        }
    }

    /// Everything that was there has been read.
    pub(super) fn forget_told(&mut self) {
        self.told.clear();
    }

    /// A task reads this log of a runner, whose path has no links in it.
    pub(super) fn add_file(&mut self, real: &Path, task: usize) -> FileAt {
        match self.files.iter().position(|file| file.real == real) {
            Some(at) => {
                self.files[at].tasks.push(task);
                at
            }
            None => {
                self.files.push(File { real: real.to_owned(), tasks: vec![task] });
                self.files.len() - 1
            }
        }
    }

    pub(super) fn readers(&self, file: Option<FileAt>) -> &[usize] {
        file.map_or(&[], |file| &self.files[file].tasks)
    }

    pub(super) fn is_shared(&self, file: Option<FileAt>) -> bool {
        self.readers(file).len() > 1
    }

    pub(super) fn set_plan(&mut self, task: usize, plan: &Plan) {
        self.claimants[task].names = Names::default();
        self.claimants[task].names.set_plan(plan);
    }

    /// A file that the task has for itself has moved.
    pub(super) fn moved(&mut self, task: usize, at: Timestamp) {
        let moved = &mut self.claimants[task].moved;
        *moved = (*moved).max(Some(at));
    }

    /// Whether what a file says is this task's. It is decided also while nobody shares the file: tasks that come later have no part in
    /// what was there before them.
    pub(super) fn is_of(&mut self, task: usize, file: Option<FileAt>, fact: &Fact) -> bool {
        file.is_none_or(|file| self.owner(file, fact, false) == Some(task))
    }

    /// The same for what has just been added to the file: without a time it may be said again, of another task.
    pub(super) fn is_now_of(&mut self, task: usize, file: Option<FileAt>, fact: &Fact) -> bool {
        file.is_none_or(|file| self.owner(file, fact, fact.recorded_at.is_none()) == Some(task))
    }

    fn owner(&mut self, file: FileAt, fact: &Fact, anew: bool) -> Option<usize> {
        let File { real, tasks } = &self.files[file];
        let record = record(real, fact);
        if let Some(owner) = self.owners.get(&record).filter(|_| !anew) {
            return *owner;
        }
        let told = self.told_of(real, fact).and_then(|id| tasks.iter().copied().find(|task| self.claimants[*task].id == id));
        let best = || tasks.iter().copied().rev().max_by_key(|task| (self.claimants[*task].claims(fact), self.claimants[*task].moved));
        let owner = told.or_else(best);
        let counts = !matches!(fact.statement, Statement::Activity { .. } | Statement::TaskStarted { .. });
        if counts && self.owners.len() < RECORDS {
            self.owners.insert(record, owner);
        }
        owner
    }

    fn told_of(&self, file: &Path, fact: &Fact) -> Option<&str> {
        if self.told.is_empty() {
            return None;
        }
        let text = fact.text.chars().take(TEXT_LIMIT).collect();
        self.told.get(&(file.file_name()?.to_owned(), text)).map(String::as_str)
    }

    /// What is decided already for a task.
    pub(super) fn of_task(&self, task: usize) -> Vec<u64> {
        self.owners.iter().filter(|(_, owner)| **owner == Some(task)).map(|(record, _)| *record).collect()
    }

    /// An earlier process has decided these for a task, or for one that is not there now.
    pub(super) fn restore<'a>(&mut self, task: Option<usize>, records: impl IntoIterator<Item = &'a u64>) {
        self.owners.extend(records.into_iter().map(|record| (*record, task)));
    }
}

impl Claimant {
    /// Whether the plan has the story that is meant: 2 with id and title, 1 where one of the two writes no title.
    fn claims(&self, fact: &Fact) -> u8 {
        let Some(story) = &fact.story else { return 0 };
        let Some(place) = self.names.place(story) else { return 0 };
        match story.title.as_deref() {
            Some(title) if !self.names.titles_agree(place, Some(title)) => 0,
            Some(_) if self.names.is_titled(place) => 2,
            Some(_) | None => 1,
        }
    }
}

/// A record is known by its words, its time and its file.
fn record(file: &Path, fact: &Fact) -> u64 {
    let mut hasher = Xxh3::new();
    (file, &fact.text, &fact.story, fact.recorded_at.map(|when| when.at)).hash(&mut hasher);
    hasher.finish()
}
