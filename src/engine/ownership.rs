//! Which task owns a record of a log that several tasks share.

use std::collections::HashMap;
use std::ffi::OsString;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::clock::Timestamp;
use crate::event::{Event, EventSource};
use crate::fact::{Fact, Statement};
use crate::plan::Plan;
use crate::subject::StoryResolver;

use super::shown;

/// Most records whose owner is kept.
const MAX_RECORDS: usize = 1_000_000;

/// A log that tasks may share, as an index into `RecordOwners::files`.
pub(super) type SharedFileId = usize;

/// The owner of each record. Each task reads a shared log for itself and counts what it owns: the records that its plan names by id and
/// title; a record that no plan names belongs to the task with the last activity.
#[derive(Debug, Default)]
pub(super) struct RecordOwners {
    files: Vec<SharedFile>,
    candidates: Vec<Candidate>,
    /// Decided once per record, because a rewritten log is read again, and a restarted engine reads it, too. `None` stands for a task that
    /// is not watched at present.
    owners: HashMap<u64, Option<usize>>,
    /// The task that an earlier process published a record for, by file name and text.
    published: HashMap<(OsString, String), String>,
}

#[derive(Debug)]
struct SharedFile {
    /// Without symbolic links.
    real: PathBuf,
    /// The tasks that read it.
    tasks: Vec<usize>,
}

/// A task that may own records.
#[derive(Debug, Default)]
struct Candidate {
    id: String,
    resolver: StoryResolver,
    /// The plan that the resolver is still to be given: only a shared log needs it.
    new_plan: Option<Arc<Plan>>,
    last_activity: Option<Timestamp>,
}

impl RecordOwners {
    pub(super) fn add_task(&mut self, id: &str) {
        self.candidates.push(Candidate { id: id.to_owned(), ..Candidate::default() });
    }

    /// Takes an event that an earlier process published without a checkpoint after it: its record stays with the event's task.
    pub(super) fn add_published(&mut self, event: &Event) {
        let Event { source: EventSource { path, text: Some(text), .. }, task_id, .. } = event else { return };
        if let Some(name) = Path::new(&**path).file_name() {
            self.published.insert((name.to_owned(), text.to_string()), task_id.to_string());
        }
    }

    /// The initial scan is done: every published record has been read again.
    pub(super) fn forget_published(&mut self) {
        self.published.clear();
    }

    /// A task reads this log, whose path has no symbolic links.
    pub(super) fn add_file(&mut self, real: &Path, task: usize) -> SharedFileId {
        match self.files.iter().position(|file| file.real == real) {
            Some(id) => {
                self.files[id].tasks.push(task);
                id
            }
            None => {
                self.files.push(SharedFile { real: real.to_owned(), tasks: vec![task] });
                self.files.len() - 1
            }
        }
    }

    /// The tasks that read a file.
    pub(super) fn readers(&self, file: Option<SharedFileId>) -> &[usize] {
        file.map_or(&[], |file| &self.files[file].tasks)
    }

    pub(super) fn is_shared(&self, file: Option<SharedFileId>) -> bool {
        self.readers(file).len() > 1
    }

    pub(super) fn set_plan(&mut self, task: usize, plan: &Arc<Plan>) {
        self.candidates[task].new_plan = Some(plan.clone());
    }

    /// A file changed that the task does not share.
    pub(super) fn record_activity(&mut self, task: usize, at: Timestamp) {
        let last_activity = &mut self.candidates[task].last_activity;
        *last_activity = (*last_activity).max(Some(at));
    }

    /// Returns whether a task owns a record, and decides it at the first call. It does so also while only one task reads the file: a task
    /// that is found later owns nothing of what was there before it.
    pub(super) fn owns(&mut self, task: usize, file: Option<SharedFileId>, fact: &Fact) -> bool {
        file.is_none_or(|file| self.owner(file, fact, false) == Some(task))
    }

    /// Like [`RecordOwners::owns`] for a record that was appended just now: without a time of its own, an equal record may belong to
    /// another task by now.
    pub(super) fn owns_new(&mut self, task: usize, file: Option<SharedFileId>, fact: &Fact) -> bool {
        file.is_none_or(|file| self.owner(file, fact, fact.recorded_at.is_none()) == Some(task))
    }

    fn owner(&mut self, file: SharedFileId, fact: &Fact, decide_again: bool) -> Option<usize> {
        let SharedFile { real, tasks } = &self.files[file];
        let record = record_hash(real, fact);
        if let Some(owner) = self.owners.get(&record).filter(|_| !decide_again) {
            return *owner;
        }
        for task in tasks {
            self.candidates[*task].adopt_plan();
        }
        let published = self.published_owner(real, fact).and_then(|id| tasks.iter().copied().find(|task| self.candidates[*task].id == id));
        let rank = |task: &usize| (self.candidates[*task].match_score(fact), self.candidates[*task].last_activity);
        let owner = published.or_else(|| tasks.iter().copied().rev().max_by_key(rank));
        let is_counted = !matches!(fact.statement, Statement::Activity { .. } | Statement::TaskStarted { .. });
        if is_counted && self.owners.len() < MAX_RECORDS {
            self.owners.insert(record, owner);
        }
        owner
    }

    fn published_owner(&self, file: &Path, fact: &Fact) -> Option<&str> {
        if self.published.is_empty() {
            return None;
        }
        let name = file.file_name()?;
        let shown = [true, false].map(|masks_secrets| String::from(&shown::quote(&fact.text, masks_secrets)));
        shown.into_iter().find_map(|text| self.published.get(&(name.to_owned(), text))).map(String::as_str)
    }

    /// The records that a task owns, for its checkpoint.
    pub(super) fn records_of(&self, task: usize) -> Vec<u64> {
        self.owners.iter().filter(|(_, owner)| **owner == Some(task)).map(|(record, _)| *record).collect()
    }

    /// Takes the records of a task from a checkpoint; `None` for a task that is not watched at present.
    pub(super) fn restore<'a>(&mut self, task: Option<usize>, records: impl IntoIterator<Item = &'a u64>) {
        self.owners.extend(records.into_iter().map(|record| (*record, task)));
    }
}

impl Candidate {
    fn adopt_plan(&mut self) {
        if let Some(plan) = self.new_plan.take() {
            self.resolver = StoryResolver::default();
            self.resolver.set_plan(&plan);
        }
    }

    /// How well the plan fits a record: 2 by id and title, 1 by id where the plan or the record has no title, else 0.
    fn match_score(&self, fact: &Fact) -> u8 {
        let Some(story) = &fact.story else { return 0 };
        let Some(index) = self.resolver.find_in_plan(story) else { return 0 };
        match story.title.as_deref() {
            Some(title) if !self.resolver.titles_agree(index, Some(title)) => 0,
            Some(_) if self.resolver.has_title(index) => 2,
            Some(_) | None => 1,
        }
    }
}

/// Identifies a record by its file, its text and its time.
fn record_hash(file: &Path, fact: &Fact) -> u64 {
    let mut hasher = Xxh3::new();
    (file, &fact.text, &fact.story, fact.recorded_at.map(|time| time.at)).hash(&mut hasher);
    hasher.finish()
}
