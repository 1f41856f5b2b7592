//! Files → tasks, and what belongs to them and was not named.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use super::confinement::{Confinement, is_believed};
use super::expand::Expanded;
use super::{
    ERROR_LOG, EXECUTION_LOG, FileSystem, Found, Kind, PLANS, PROGRESS, RUNNER_FILES, RUNNER_FOLDERS, Shape, Source, SourceKey, Task,
    is_machine_name, is_standard_input, name_of,
};
use crate::line::{SourceId, TaskId};
use crate::text;

/// How far up a runner's folder is looked for where there is no repository.
const UP: usize = 4;

pub(super) fn group(expanded: Expanded, take_along: bool, files: &dyn FileSystem) -> Found {
    let Expanded { named, folders } = expanded;
    let mut grouping = Grouping { files, folders: Vec::new(), taken: Vec::new(), seen: HashSet::new() };
    let (runners, named): (Vec<_>, Vec<_>) = named.into_iter().partition(|named| grouping.is_runners_log(&named.path));
    let plan_folders: Vec<PathBuf> =
        named.iter().filter(|named| Shape::of(&named.path) == Shape::Document).map(|named| grouping.home_of(&named.path)).collect();
    for named in &named {
        let home = grouping.home_of(&named.path);
        // A log somewhere below the folder of a plan that was named with it belongs to that plan.
        let plan = plan_folders.iter().filter(|folder| home.starts_with(folder)).max_by_key(|folder| folder.components().count());
        let task = grouping.task(plan.unwrap_or(&home));
        grouping.take(task, &named.path, Some(&named.as_named), named.itself);
    }
    for named in &runners {
        for task in grouping.tasks_of_runners_log(&named.path) {
            grouping.take(task, &named.path, Some(&named.as_named), named.itself);
        }
    }
    if take_along {
        for task in 0..grouping.folders.len() {
            for path in grouping.belonging_to(task) {
                grouping.take(task, &path, None, false);
            }
        }
    }
    grouping.found(folders)
}

struct Grouping<'a> {
    files: &'a dyn FileSystem,
    /// The folders of the tasks, without links.
    folders: Vec<PathBuf>,
    taken: Vec<Taken>,
    /// Files already taken, without links; for whom, where several tasks may share them.
    seen: HashSet<(PathBuf, Option<usize>)>,
}

struct Taken {
    task: usize,
    path: PathBuf,
    real: PathBuf,
    /// As named, for files that were.
    as_named: Option<PathBuf>,
    itself: bool,
}

impl Grouping<'_> {
    /// The folder of the task that a file belongs to: its own, or the one that the runner's folder is in.
    fn home_of(&self, path: &Path) -> PathBuf {
        if is_standard_input(path) {
            return self.files.current();
        }
        let folder = self.files.real(path.parent().unwrap_or(path));
        match runners_folder(&folder).and_then(Path::parent) {
            Some(home) => home.to_owned(),
            None => folder,
        }
    }

    /// Whether a runner keeps it for everything it runs, so that several tasks may have it in common.
    fn is_runners_log(&self, path: &Path) -> bool {
        // A pipe has one reader.
        is_machine_name(path)
            && self.files.kind(path) != Kind::Pipe
            && path.parent().is_some_and(|folder| runners_folder(&self.files.real(folder)).is_some())
    }

    /// The tasks whose runner writes this log; one of its own if there are none.
    fn tasks_of_runners_log(&mut self, path: &Path) -> Vec<usize> {
        let home = self.home_of(path);
        let runner = path.parent().and_then(|folder| name_of(runners_folder(&self.files.real(folder))?).map(str::to_owned));
        let is_theirs = |folder: &PathBuf| runner.as_deref().and_then(|runner| self.runner_home(folder, runner)).as_ref() == Some(&home);
        let tasks: Vec<usize> = (0..self.folders.len()).filter(|task| is_theirs(&self.folders[*task])).collect();
        if tasks.is_empty() { vec![self.task(&home)] } else { tasks }
    }

    fn task(&mut self, folder: &Path) -> usize {
        self.folders.iter().position(|known| known == folder).unwrap_or_else(|| {
            self.folders.push(folder.to_owned());
            self.folders.len() - 1
        })
    }

    fn take(&mut self, task: usize, path: &Path, as_named: Option<&Path>, itself: bool) {
        let real = self.files.real(path);
        let whose = self.is_runners_log(path).then_some(task);
        if self.seen.insert((real.clone(), whose)) {
            self.taken.push(Taken { task, path: path.to_owned(), real, as_named: as_named.map(Path::to_owned), itself });
        }
    }

    /// What belongs to a task without being named, there or not yet.
    fn belonging_to(&self, task: usize) -> Vec<PathBuf> {
        let folder = &self.folders[task];
        let own: Vec<&Taken> = self.taken.iter().filter(|taken| taken.task == task).collect();
        let has_log = own.iter().any(|taken| self.shape_of(&taken.path) == Shape::Lines && !is_execution_log(&taken.real));
        let has_plan = own.iter().any(|taken| Shape::of(&taken.path) == Shape::Document);
        let exists = |name: &&str| self.files.kind(&folder.join(name)) == Kind::File;
        let mut paths = Vec::new();
        if !has_plan {
            let plan = PLANS.iter().copied().find(exists).unwrap_or(PLANS[0]);
            paths.push(folder.join(plan));
        }
        if !has_log {
            let log = PROGRESS.iter().copied().find(exists).unwrap_or(PROGRESS[0]);
            paths.push(folder.join(log));
        }
        let home = self.runner_home(folder, RUNNER_FOLDERS[0]);
        paths.push(home.clone().or_else(|| self.repository(folder)).unwrap_or_else(|| folder.clone()).join(EXECUTION_LOG));
        // Written at the first error only, so that it is waited for.
        paths.extend(home.map(|home| home.join(ERROR_LOG)));
        let theirs = RUNNER_FILES.iter().filter_map(|file| {
            let home = self.runner_home(folder, file.split('/').next()?)?;
            Some(home.join(file)).filter(|path| self.files.kind(path) == Kind::File)
        });
        paths.extend(theirs);
        paths
    }

    /// The nearest folder upwards, up to the repository, that has this runner's folder in it.
    fn runner_home(&self, folder: &Path, runners: &str) -> Option<PathBuf> {
        let bound = self.repository(folder).map_or(UP + 1, |top| folder.components().count() - top.components().count() + 1);
        let is_there = |path: PathBuf| self.files.kind(&path) == Kind::Folder && is_believed(&path, folder);
        folder.ancestors().take(bound).find(|above| is_there(above.join(runners))).map(Path::to_owned)
    }

    fn repository(&self, folder: &Path) -> Option<PathBuf> {
        let is_there = |path: PathBuf| self.files.kind(&path) != Kind::Missing && is_believed(&path, folder);
        folder.ancestors().find(|above| is_there(above.join(".git"))).map(Path::to_owned)
    }

    fn shape_of(&self, path: &Path) -> Shape {
        if is_standard_input(path) || self.files.kind(path) == Kind::Pipe { Shape::Stream } else { Shape::of(path) }
    }

    fn found(self, folders: Vec<PathBuf>) -> Found {
        let names = names(&self.folders);
        let tasks =
            self.folders.iter().zip(names).zip(0..).map(|((folder, name), id)| Task { id: TaskId(id), name, folder: folder.clone() });
        let sources = self.taken.iter().zip(0..).map(|(taken, id)| Source {
            id: SourceId(id),
            task: TaskId(taken.task as u32),
            key: SourceKey::new(&taken.path, self.is_runners_log(&taken.path).then_some(self.folders[taken.task].as_path())),
            path: taken.path.clone(),
            common: self.is_runners_log(&taken.path).then(|| taken.real.clone()),
            shown: shown(taken, &self.folders[taken.task], self.files),
            shape: self.shape_of(&taken.path),
            named: taken.itself || taken.as_named.is_some(),
            machine_name: is_machine_name(&taken.path),
            // `discover` narrows it.
            confinement: Confinement::Anywhere,
        });
        Found { tasks: tasks.collect(), sources: sources.collect(), folders }
    }
}

/// Relative to the task's folder where it lies in it; a runner's file further up with `../`; else as named.
fn shown(taken: &Taken, folder: &Path, files: &dyn FileSystem) -> String {
    if is_standard_input(&taken.path) {
        return "-".to_owned();
    }
    // The name itself counts, not what it links to: only its folder is looked through.
    let own = match (taken.path.parent(), taken.path.file_name()) {
        (Some(parent), Some(name)) => files.real(parent).join(name),
        (None, _) | (_, None) => taken.path.clone(),
    };
    if let Ok(inside) = own.strip_prefix(folder) {
        return inside.display().to_string();
    }
    if let Some(as_named) = &taken.as_named {
        return text::last_names(as_named);
    }
    match folder.ancestors().enumerate().find_map(|(up, above)| own.strip_prefix(above).ok().map(|rest| (up, rest))) {
        Some((up, rest)) => format!("{}{}", "../".repeat(up), rest.display()),
        None => text::last_names(&own),
    }
}

/// The outermost runner's folder that this one is, or is in.
fn runners_folder(folder: &Path) -> Option<&Path> {
    folder.ancestors().filter(|above| name_of(above).is_some_and(|name| RUNNER_FOLDERS.contains(&name))).last()
}

fn is_execution_log(path: &Path) -> bool {
    path.ends_with(EXECUTION_LOG)
}

/// Each folder's own name, with as many of its parents' as it takes to be the only one.
fn names(folders: &[PathBuf]) -> Vec<String> {
    let parts: Vec<Vec<String>> = folders.iter().map(|folder| parts(folder)).collect();
    let name = |own: &[String], count: usize| own[own.len() - count.min(own.len())..].join("/");
    parts
        .iter()
        .enumerate()
        .map(|(index, own)| {
            let is_taken = |count: usize| {
                let mine = name(own, count);
                parts.iter().enumerate().any(|(other, theirs)| other != index && name(theirs, count) == mine)
            };
            let count = (1..own.len()).find(|&count| !is_taken(count)).unwrap_or(own.len());
            name(own, count)
        })
        .collect()
}

fn parts(folder: &Path) -> Vec<String> {
    let parts: Vec<String> = folder
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(text::clean(&name.to_string_lossy()).into_owned()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
        })
        .collect();
    // The root has no name of its own.
    if parts.is_empty() { vec!["root".to_owned()] } else { parts }
}
