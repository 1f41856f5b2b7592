//! Files → tasks: one a plan, with the logs that belong to it and what was not named.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use super::confinement::{Confinement, is_believed};
use super::expand::{Expanded, Named};
use super::files::{FileKind, kind_of, resolve};
use super::known_files::{CLAUDE_FOLDER, Holds, KNOWN_FILES, Naming, is_like, is_runner_folder, known_file};
use super::{Found, Shape, Source, SourceKey, Task, is_machine_name, is_standard_input, name_of};
use crate::line::{SourceId, TaskId};
use crate::text;

/// How far up a runner's folder is looked for where there is no repository.
const MAX_PARENTS: usize = 4;
/// Plans of one look that become tasks.
const MAX_TASKS: usize = 200;
/// What claude-loop keeps for itself: as telling as a log beside the plan.
const EXECUTION_LOG: &str = ".claude-loop/execution_log.jsonl";
const ERROR_LOG: &str = ".claude-loop/logs/error.log";
const CLAUDE_LOOP: &str = ".claude-loop";
/// Logs by name, the usual one first.
const PROGRESS: [&str; 3] = ["progress.txt", "claude-progress.txt", "progress.md"];
/// Plans that a log without one may get, the usual one first.
const PLANS: [&str; 2] = ["prd.json", "feature_list.json"];

pub(super) fn group(expanded: Expanded, auto_discover: bool, current: &Path) -> Found {
    let Expanded { named, folders } = expanded;
    let mut grouping = Grouping { current: current.to_owned(), tasks: Vec::new(), claimed: Vec::new(), claimed_paths: HashSet::new() };
    let (of_runners, named): (Vec<_>, Vec<_>) = named.into_iter().partition(|named| is_shared(&named.path));
    let (plans, logs): (Vec<_>, Vec<_>) = named.into_iter().partition(is_plan);
    let plan_folders = grouping.add_plans(&plans);
    let has_progress: HashSet<PathBuf> =
        logs.iter().filter(|log| is_progress_log(&log.path)).map(|log| grouping.home_of(&log.path)).collect();
    for named in &logs {
        let home = grouping.home_of(&named.path);
        // A log somewhere below the folder of a plan that was named with it belongs to that plan.
        let plan = plan_folders.iter().filter(|folder| home.starts_with(folder)).max_by_key(|folder| folder.components().count());
        let only = grouping.only_plan_below(&home).filter(|_| is_machine_name(&named.path) && !has_progress.contains(&home));
        let task = only.unwrap_or_else(|| grouping.task_for_log(plan.unwrap_or(&home)));
        grouping.claim_named(task, named);
    }
    for named in &of_runners {
        for task in grouping.tasks_of_runner_file(&named.path) {
            grouping.claim_named(task, named);
        }
    }
    if auto_discover {
        for task in 0..grouping.tasks.len() {
            for path in grouping.belonging_to(task) {
                grouping.claim(task, &path, None, false);
            }
        }
    }
    grouping.found(folders)
}

/// Whether the file is read as a plan, and makes a task of its own.
fn is_plan(named: &Named) -> bool {
    match known_file(&named.path).map(|(_, known)| known.holds) {
        Some(Holds::Plan(_) | Holds::LonePlan | Holds::LonePlanBeside(_)) => true,
        Some(Holds::Log | Holds::Status) => false,
        // Any document that a person names may be a plan.
        None => Shape::of(&named.path) == Shape::Document,
    }
}

/// By its name.
fn is_progress_log(path: &Path) -> bool {
    name_of(path).is_some_and(|name| PROGRESS.iter().any(|known| is_like(name, known)))
}

struct Grouping {
    current: PathBuf,
    tasks: Vec<TaskDraft>,
    claimed: Vec<Claimed>,
    /// Files already claimed, without links; for whom, where several tasks may share them.
    claimed_paths: HashSet<(PathBuf, Option<usize>)>,
}

/// A task that is being put together.
struct TaskDraft {
    /// Without links.
    folder: PathBuf,
    /// Its plan, where the folder has another task as well; relative to the folder.
    part: Option<String>,
    has_plan: bool,
    /// Names from the root of the file system to its own.
    label: Vec<String>,
    /// At least so many of them are its name.
    least: usize,
    /// Nothing says yet that there is a run.
    is_tentative: bool,
}

struct Claimed {
    task: usize,
    path: PathBuf,
    real: PathBuf,
    /// As named, for files that were.
    as_named: Option<PathBuf>,
    is_explicit: bool,
}

impl Grouping {
    /// Makes a task of each plan. Returns the folders that have a plan of their own.
    fn add_plans(&mut self, plans: &[Named]) -> Vec<PathBuf> {
        // In the order in which they were named; those of one folder in the table's order, which `expand` keeps.
        let mut folders = Vec::new();
        for named in plans.iter().take(MAX_TASKS) {
            let home = self.home_of(&named.path);
            let real = resolve(&named.path);
            let holds = known_file(&named.path).map_or(Holds::Plan(Naming::Folder), |(_, known)| known.holds);
            let parent = real.parent().unwrap_or(&real).to_owned();
            let is_hidden = name_of(&parent).is_some_and(|name| name.starts_with('.'));
            let is_below_hidden = !is_hidden && runner_folder_of(&parent).is_some();
            let has_main = self.tasks.iter().any(|task| task.folder == home && task.part.is_none());
            let stem = named.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("plan").to_owned();
            let part = || Some(real.strip_prefix(&home).unwrap_or(&real).display().to_string());
            let task = match holds {
                Holds::LonePlan | Holds::LonePlanBeside(_) if has_main && !named.is_explicit => continue,
                // A second document that a person names with the first goes with it: the task says which of them it reads.
                _ if named.is_explicit && has_main => self.task_for_log(&home),
                Holds::Plan(Naming::File) => {
                    let own = stem.strip_prefix("prd-").or_else(|| stem.strip_prefix("prd_")).unwrap_or(&stem).to_owned();
                    let label = self.free_label(&parent, [own, stem], &real);
                    self.add_task(&home, part(), label, 1)
                }
                Holds::Plan(Naming::Folder) if is_below_hidden => self.add_task(&home, part(), self::parts(&parent), 1),
                _ if has_main => {
                    let above = real.strip_prefix(&home).ok().and_then(|inside| inside.parent()).map(|inside| inside.display().to_string());
                    let label = self.free_label(&home, [stem.clone(), format!("{}/{stem}", above.unwrap_or_default())], &real);
                    self.add_task(&home, part(), label, 2)
                }
                Holds::Plan(Naming::Folder | Naming::Project) | Holds::LonePlan | Holds::LonePlanBeside(_) | Holds::Log | Holds::Status => {
                    let label = self::parts(&home);
                    self.add_task(&home, None, label, 1)
                }
            };
            self.tasks[task].has_plan = true;
            if self.tasks[task].part.is_none() && parent == home {
                folders.push(home);
            }
            self.claim_named(task, named);
        }
        folders
    }

    /// A label in `folder` that no other task has: one of `names`, else the file's.
    fn free_label(&self, folder: &Path, names: [String; 2], file: &Path) -> Vec<String> {
        let label = |name: &str| parts(folder).into_iter().chain([text::clean(name).into_owned()]).collect::<Vec<_>>();
        let free = names.iter().map(|name| label(name)).find(|label| self.tasks.iter().all(|task| task.label != *label));
        free.unwrap_or_else(|| label(name_of(file).unwrap_or("plan")))
    }

    fn add_task(&mut self, folder: &Path, part: Option<String>, label: Vec<String>, least: usize) -> usize {
        self.tasks.push(TaskDraft { folder: folder.to_owned(), part, has_plan: false, label, least, is_tentative: true });
        self.tasks.len() - 1
    }

    /// The folder of the task that a file belongs to: its own, the one that the runner's folder is in, or the one that its place begins in.
    fn home_of(&self, path: &Path) -> PathBuf {
        if is_standard_input(path) {
            return resolve(&self.current);
        }
        let folder = resolve(path.parent().unwrap_or(path));
        if let Some(home) = runner_folder_of(&folder).and_then(Path::parent) {
            return home.to_owned();
        }
        match known_file(path) {
            Some((_, known)) if matches!(known.holds, Holds::Plan(Naming::Project) | Holds::LonePlan | Holds::Status) => {
                let above = known.pattern.split('/').count() - 1;
                folder.ancestors().nth(above).unwrap_or(&folder).to_owned()
            }
            Some(_) | None => folder,
        }
    }

    /// The task of a folder's logs: that of its own plan, else that of its only plan, else one without a plan.
    fn task_for_log(&mut self, folder: &Path) -> usize {
        if let Some(task) = self.tasks.iter().position(|task| task.folder == folder && task.part.is_none()) {
            return task;
        }
        let mut plans = (0..self.tasks.len()).filter(|task| self.tasks[*task].folder == folder);
        if let (Some(only), None) = (plans.next(), plans.next()) {
            return only;
        }
        self.add_task(folder, None, parts(folder), 1)
    }

    /// The task of a plan further down, where it is the only one: a runner's output is kept in the folder that the runner is started in.
    fn only_plan_below(&self, folder: &Path) -> Option<usize> {
        let mut tasks = (0..self.tasks.len()).filter(|task| self.tasks[*task].folder.starts_with(folder) && self.tasks[*task].has_plan);
        let only = tasks.next().filter(|only| self.tasks[*only].folder != folder);
        only.filter(|_| tasks.next().is_none())
    }

    /// The tasks whose runner writes this log, or that this status file may be about; one of its own if there are none.
    fn tasks_of_runner_file(&mut self, path: &Path) -> Vec<usize> {
        let home = self.home_of(path);
        if is_status(path) {
            let tasks = self.tasks_of_status(path);
            return if tasks.is_empty() { vec![self.task_for_log(&home)] } else { tasks };
        }
        let runner = path.parent().and_then(|folder| name_of(runner_folder_of(&resolve(folder))?).map(str::to_owned));
        let is_theirs = |folder: &Path| runner.as_deref().and_then(|runner| runner_home(folder, runner)).as_ref() == Some(&home);
        let tasks: Vec<usize> = (0..self.tasks.len()).filter(|task| is_theirs(&self.tasks[*task].folder)).collect();
        if tasks.is_empty() { vec![self.task_for_log(&home)] } else { tasks }
    }

    /// The tasks that a status file may be about: those with a plan in the runner's folder that it lies in, else those of the folder
    /// around it, else those further down that have none nearer.
    fn tasks_of_status(&self, path: &Path) -> Vec<usize> {
        let (real, home) = (resolve(path), self.home_of(path));
        let with_plan = |is_theirs: &dyn Fn(usize) -> bool| -> Vec<usize> {
            (0..self.tasks.len()).filter(|task| self.tasks[*task].has_plan && is_theirs(*task)).collect()
        };
        let in_runner_folder = real.parent().and_then(runner_folder_of).map_or_else(Vec::new, |runner| {
            let lies_in_it = |claimed: &Claimed| claimed.real.starts_with(runner) && !is_status(&claimed.path);
            with_plan(&|task| self.claimed.iter().any(|claimed| claimed.task == task && lies_in_it(claimed)))
        });
        if !in_runner_folder.is_empty() {
            return in_runner_folder;
        }
        let beside = with_plan(&|task| self.tasks[task].folder == home);
        if !beside.is_empty() {
            return beside;
        }
        let pattern = known_file(path).map_or("", |(_, known)| known.pattern);
        with_plan(&|task| home_of_pattern(&self.tasks[task].folder, pattern).as_ref() == Some(&home))
    }

    fn claim_named(&mut self, task: usize, named: &Named) {
        if named.is_explicit || named.is_awaited || is_progress_log(&named.path) {
            self.tasks[task].is_tentative = false;
        }
        self.claim(task, &named.path, Some(&named.as_named), named.is_explicit);
    }

    fn claim(&mut self, task: usize, path: &Path, as_named: Option<&Path>, is_explicit: bool) {
        let real = resolve(path);
        let whose = is_shared(path).then_some(task);
        if self.claimed_paths.insert((real.clone(), whose)) {
            self.claimed.push(Claimed { task, path: path.to_owned(), real, as_named: as_named.map(Path::to_owned), is_explicit });
        }
    }

    /// What belongs to a task without being named, there or not yet.
    fn belonging_to(&self, task: usize) -> Vec<PathBuf> {
        let draft = &self.tasks[task];
        let folder = &draft.folder;
        let own: Vec<&Claimed> = self.claimed.iter().filter(|claimed| claimed.task == task).collect();
        let is_usual = |claimed: &&&Claimed| name_of(&claimed.path).is_some_and(|name| PLANS.iter().any(|known| is_like(name, known)));
        let has_usual_plan = own.iter().any(|claimed| is_usual(&claimed)) || !draft.has_plan;
        if draft.part.is_some() || (draft.is_tentative && !has_usual_plan) {
            // Its runner writes no log that is known.
            return Vec::new();
        }
        let is_log = |claimed: &&Claimed| match shape_of(&claimed.path) {
            Shape::Lines | Shape::Stream => !claimed.real.ends_with(EXECUTION_LOG),
            Shape::Document | Shape::Status => false,
        };
        let exists = |name: &&str| kind_of(&folder.join(name)) == FileKind::File;
        let mut paths = Vec::new();
        if !draft.has_plan {
            paths.push(folder.join(PLANS.iter().copied().find(exists).unwrap_or(PLANS[0])));
        }
        if !own.iter().any(|claimed| is_log(claimed) && shape_of(&claimed.path) == Shape::Lines) {
            paths.push(folder.join(PROGRESS.iter().copied().find(exists).unwrap_or(PROGRESS[0])));
        }
        let home = runner_home(folder, CLAUDE_LOOP);
        paths.push(home.clone().or_else(|| repository(folder)).unwrap_or_else(|| folder.clone()).join(EXECUTION_LOG));
        // Written at the first error only, so that it is waited for.
        paths.extend(home.map(|home| home.join(ERROR_LOG)));
        paths.extend(runner_files(folder).into_iter().filter(|path| {
            let tasks = if is_status(path) { self.tasks_of_status(path) } else { Vec::new() };
            tasks.is_empty() || tasks.contains(&task)
        }));
        paths
    }

    fn found(self, folders: Vec<PathBuf>) -> Found {
        let names = names(&self.tasks);
        let tasks = self.tasks.iter().zip(names).zip(0..).map(|((draft, name), id)| Task {
            id: TaskId(id),
            title: if draft.part.is_none() { project_name(&draft.folder).unwrap_or_else(|| name.clone()) } else { name.clone() },
            name,
            folder: draft.folder.clone(),
            part: draft.part.clone(),
            is_tentative: draft.is_tentative,
        });
        let sources = self.claimed.iter().zip(0..).map(|(claimed, id)| {
            let draft = &self.tasks[claimed.task];
            let folder = draft.folder.as_path();
            let reader = draft.part.as_ref().map_or_else(|| folder.to_owned(), |part| folder.join(part));
            Source {
                id: SourceId(id),
                task: TaskId(u32::try_from(claimed.task).unwrap_or(u32::MAX)),
                key: SourceKey::new(&claimed.path, is_shared(&claimed.path).then_some(&reader)),
                path: claimed.path.clone(),
                shared_path: is_runner_log(&claimed.path).then(|| claimed.real.clone()),
                display_path: display_path(claimed, folder),
                // A pipe is read only where a person named it: reading takes what is in it from others, and may wait for ever.
                shape: if claimed.is_explicit { shape_of(&claimed.path) } else { Shape::of(&claimed.path) },
                named: claimed.is_explicit || claimed.as_named.is_some(),
                machine_name: is_machine_name(&claimed.path),
                // `discover` narrows it.
                confinement: Confinement::Anywhere,
            }
        });
        Found { tasks: tasks.collect(), sources: sources.collect(), folders }
    }
}

/// The project's name where a runner is kept in it in a folder that is called after itself: `scripts/ralph` of any project, and `ralph` of
/// a repository.
fn project_name(folder: &Path) -> Option<String> {
    let inside = folder.parent().filter(|_| name_of(folder).is_some_and(|name| name.eq_ignore_ascii_case("ralph")))?;
    let project = match name_of(inside).is_some_and(|name| name.eq_ignore_ascii_case("scripts")) {
        true => inside.parent()?,
        false => Some(inside).filter(|inside| repository(folder).is_some_and(|top| top == **inside))?,
    };
    name_of(project).filter(|name| !name.starts_with('.')).map(|name| text::clean(name).into_owned())
}

/// What runners keep in folders of their own, nearest to the task, where it is there. Of a pattern the last name counts.
fn runner_files(folder: &Path) -> Vec<PathBuf> {
    let theirs = KNOWN_FILES.iter().filter(|known| matches!(known.holds, Holds::Log | Holds::Status) && known.pattern.starts_with('.'));
    let more = [".ralph/fix_plan.md", ".ralph/progress.txt", ".ralph/progress.md", ".ralph-tui/progress.md", ".ralphy/progress.txt"];
    let patterns = more.into_iter().chain(theirs.map(|known| known.pattern));
    let mut found = Vec::new();
    for pattern in patterns {
        let Some(home) = home_of_pattern(folder, pattern) else { continue };
        let path = home.join(pattern);
        let file = match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if name.contains('*') => {
                let inside = path.parent().unwrap_or(&path);
                let names = inside.read_dir().into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
                names.filter(|own| is_like(own, name)).max().map(|name| inside.join(name))
            }
            Some(_) | None => Some(path),
        };
        found.extend(file.filter(|file| kind_of(file) == FileKind::File && !pattern.starts_with(CLAUDE_LOOP)));
    }
    found
}

/// The nearest folder upwards that has the runner's folder of a pattern in it, or the file where it stands in no folder.
fn home_of_pattern(folder: &Path, pattern: &str) -> Option<PathBuf> {
    match pattern.split_once('/') {
        Some((runner, _)) => runner_home(folder, runner),
        None => nearest_with(folder, pattern, FileKind::File),
    }
}

/// The nearest folder upwards that has this runner's folder in it.
fn runner_home(folder: &Path, runner: &str) -> Option<PathBuf> {
    nearest_with(folder, runner, FileKind::Folder)
}

/// The nearest folder upwards, up to the repository, that has this name in it.
fn nearest_with(folder: &Path, name: &str, kind: FileKind) -> Option<PathBuf> {
    let bound = repository(folder).map_or(MAX_PARENTS + 1, |top| folder.components().count() - top.components().count() + 1);
    let is_there = |path: PathBuf| kind_of(&path) == kind && is_believed(&path, folder);
    folder.ancestors().take(bound).find(|above| is_there(above.join(name))).map(Path::to_owned)
}

fn repository(folder: &Path) -> Option<PathBuf> {
    let is_there = |path: PathBuf| kind_of(&path) != FileKind::Missing && is_believed(&path, folder);
    folder.ancestors().find(|above| is_there(above.join(".git"))).map(Path::to_owned)
}

fn shape_of(path: &Path) -> Shape {
    if is_standard_input(path) || kind_of(path) == FileKind::Pipe { Shape::Stream } else { Shape::of(path) }
}

/// Whether a runner keeps it for everything it runs, so that several tasks may have it in common.
fn is_runner_log(path: &Path) -> bool {
    // A pipe has one reader.
    is_machine_name(path)
        && !matches!(known_file(path), Some((_, known)) if matches!(known.holds, Holds::Plan(_)))
        && kind_of(path) != FileKind::Pipe
        && path.parent().is_some_and(|folder| runner_folder_of(&resolve(folder)).is_some())
}

/// Whether it is a document in which a runner says how its run stands.
fn is_status(path: &Path) -> bool {
    known_file(path).is_some_and(|(_, known)| known.holds == Holds::Status)
}

/// Whether several tasks may have it in common.
fn is_shared(path: &Path) -> bool {
    is_runner_log(path) || is_status(path)
}

/// Relative to the task's folder where it lies in it; a runner's file further up with `../`; else as named.
fn display_path(claimed: &Claimed, folder: &Path) -> String {
    if is_standard_input(&claimed.path) {
        return "-".to_owned();
    }
    // The name itself counts, not what it links to: only its folder is looked through.
    let own = match (claimed.path.parent(), claimed.path.file_name()) {
        (Some(parent), Some(name)) => resolve(parent).join(name),
        (None, _) | (_, None) => claimed.path.clone(),
    };
    if let Ok(inside) = own.strip_prefix(folder) {
        return inside.display().to_string();
    }
    if let Some(as_named) = &claimed.as_named {
        return text::last_names(as_named);
    }
    match folder.ancestors().enumerate().find_map(|(up, above)| own.strip_prefix(above).ok().map(|below| (up, below))) {
        Some((up, below)) => format!("{}{}", "../".repeat(up), below.display()),
        None => text::last_names(&own),
    }
}

/// The outermost runner's folder that this one is, or is in.
fn runner_folder_of(folder: &Path) -> Option<&Path> {
    let is_runners = |above: &&Path| name_of(above).is_some_and(|name| is_runner_folder(name) || name == CLAUDE_FOLDER);
    folder.ancestors().filter(is_runners).last()
}

/// Each task's own name, with as many of its parents' as it takes to be the only one.
fn names(tasks: &[TaskDraft]) -> Vec<String> {
    let name = |task: &TaskDraft, count: usize| task.label[task.label.len() - count.min(task.label.len())..].join("/");
    tasks
        .iter()
        .enumerate()
        .map(|(index, own)| {
            let is_taken = |count: usize| {
                let mine = name(own, count);
                tasks.iter().enumerate().any(|(other, theirs)| other != index && name(theirs, count.max(theirs.least)) == mine)
            };
            let count = (own.least..own.label.len()).find(|&count| !is_taken(count)).unwrap_or(own.label.len());
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
