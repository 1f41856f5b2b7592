//! Where the sessions of a task lie: the agents' folders for its folder, for those above it up to the root of its repository, for those in
//! it, and for its repository's worktrees.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::SessionScope;
use super::session_file::id_in_name;
use crate::agent::{AgentKind, SessionId};
use crate::clock::Timestamp;
use crate::discover::Task;
use crate::line::TaskId;
use crate::tail::file_stat::FileStat;

/// Characters of an encoded name before it is cut and gets a hash.
const NAME_LIMIT: usize = 200;
/// Worktrees of one repository that are looked up.
const MAX_WORKTREES: usize = 64;
/// Files of one folder that are stated.
const MAX_LISTED: usize = 20_000;

/// The folders of the tasks, resolved.
#[derive(Debug, Default)]
pub(super) struct ProjectFolders {
    projects: Vec<Project>,
    /// The folders at the last listing, so that an unchanged one is not listed again.
    listed: HashMap<PathBuf, FileStat>,
}

#[derive(Debug)]
struct Project {
    task: TaskId,
    folder: PathBuf,
    /// The root of the repository, else the folder.
    root: PathBuf,
    worktrees: Vec<PathBuf>,
}

/// Where sessions may appear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionFolders {
    /// Those that exist.
    pub existing: Vec<PathBuf>,
    /// Folders of the agents that do not exist yet.
    pub missing: Vec<PathBuf>,
}

/// A session file that was written lately.
#[derive(Debug, Clone)]
pub(super) struct FoundSession {
    pub path: PathBuf,
    pub kind: AgentKind,
    /// The agent's folder that it lies in.
    pub root: PathBuf,
    /// As the name has it, where it has one.
    pub id: Option<SessionId>,
    pub modified: Timestamp,
}

impl ProjectFolders {
    pub(super) fn new(tasks: &[Task]) -> Self {
        let project = |task: &Task| {
            let folder = task.folder.canonicalize().unwrap_or_else(|_| task.folder.clone());
            let root = folder.ancestors().find(|above| above.join(".git").exists()).unwrap_or(&folder).to_owned();
            Project { task: task.id, worktrees: worktrees(&root), folder, root }
        };
        ProjectFolders { projects: tasks.iter().map(project).collect(), listed: HashMap::new() }
    }

    /// The tasks that a session works on which was started in `cwd`, those of the nearest folder.
    pub(super) fn tasks_of(&self, cwd: &Path) -> Vec<TaskId> {
        let distance = |project: &Project| {
            if let Ok(below) = cwd.strip_prefix(&project.folder) {
                return Some(below.components().count());
            }
            let is_above = project.folder.starts_with(cwd) && cwd.starts_with(&project.root);
            let is_in_worktree = project.worktrees.iter().any(|tree| cwd.starts_with(tree));
            let far = project.folder.components().count();
            (is_above || is_in_worktree).then(|| if is_above { far - cwd.components().count() } else { far })
        };
        let nearest = self.projects.iter().filter_map(distance).min();
        self.projects.iter().filter(|project| nearest.is_some() && distance(project) == nearest).map(|project| project.task).collect()
    }

    /// The folders of these tasks.
    pub(super) fn folders_of(&self, tasks: &[TaskId]) -> Vec<PathBuf> {
        self.projects.iter().filter(|project| tasks.contains(&project.task)).map(|project| project.folder.clone()).collect()
    }

    /// The sessions that were written in the last `fresh`; `all` lists unchanged folders again. Where more may appear is added to `folders`.
    pub(super) fn sessions(
        &mut self,
        scope: &SessionScope,
        zone: &TimeZone,
        all: bool,
        wall: Timestamp,
        fresh: Duration,
        folders: &mut SessionFolders,
    ) -> Vec<FoundSession> {
        let mut found = Vec::new();
        for root in &scope.claude {
            let Some(root) = existing(root, folders) else { continue };
            for folder in self.claude_folders(&root, &mut folders.existing) {
                self.list(&folder, &root, AgentKind::ClaudeCode, all, wall, fresh, &mut found);
                folders.existing.push(folder);
            }
        }
        for root in &scope.codex {
            let Some(root) = existing(root, folders) else { continue };
            for day in days(wall, zone) {
                let folder = root.join(day);
                self.list(&folder, &root, AgentKind::Codex, all, wall, fresh, &mut found);
                folders.existing.extend(
                    folder.ancestors().take_while(|above| above.starts_with(&root)).find(|above| above.is_dir()).map(Path::to_owned),
                );
            }
        }
        found
    }

    /// Claude's folders for the tasks, of those that exist; the root itself is watched while one is missing.
    fn claude_folders(&self, root: &Path, watched: &mut Vec<PathBuf>) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        for project in &self.projects {
            let above = project.folder.ancestors().take_while(|above| above.starts_with(&project.root));
            for path in above.chain(project.worktrees.iter().map(PathBuf::as_path)) {
                let folder = root.join(encoded(path));
                if is_folder(&folder) {
                    folders.push(folder);
                } else if path == project.folder {
                    watched.push(root.to_owned());
                }
            }
            // Sessions that were started in folders of the project.
            let start = format!("{}-", encoded(&project.folder));
            let entries = fs::read_dir(root).into_iter().flatten().filter_map(Result::ok).take(MAX_LISTED);
            let below = entries.filter(|entry| entry.file_name().as_bytes().starts_with(start.as_bytes()));
            folders.extend(below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()));
        }
        folders.sort();
        folders.dedup();
        folders
    }

    /// Adds the session files in a folder that were written lately.
    #[expect(clippy::too_many_arguments, reason = "one call for both agents; a struct of these would have no other use")]
    fn list(
        &mut self,
        folder: &Path,
        root: &Path,
        kind: AgentKind,
        all: bool,
        wall: Timestamp,
        fresh: Duration,
        found: &mut Vec<FoundSession>,
    ) {
        let Ok(stat) = fs::symlink_metadata(folder).map(|meta| FileStat::from(&meta)) else { return };
        if self.listed.insert(folder.to_owned(), stat) == Some(stat) && !all {
            return;
        }
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).take(MAX_LISTED) {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "jsonl") {
                continue;
            }
            let id = match kind {
                AgentKind::ClaudeCode => match id_in_name(&path) {
                    // Sub-agents of older versions lie among the sessions.
                    None => continue,
                    id => id,
                },
                AgentKind::Codex => None,
            };
            let Some(stat) = entry.metadata().ok().filter(fs::Metadata::is_file).map(|meta| FileStat::from(&meta)) else { continue };
            if stat.unchanged_for(wall) <= fresh {
                found.push(FoundSession { path, kind, root: root.to_owned(), id, modified: stat.modified_at() });
            }
        }
    }
}

/// The folder without links in its path; one that does not exist is missing.
fn existing(folder: &Path, folders: &mut SessionFolders) -> Option<PathBuf> {
    let found = folder.canonicalize().ok();
    if found.is_none() {
        folders.missing.extend(std::path::absolute(folder).ok());
    }
    found
}

/// The files of a session's sub-agents that were written lately: in `subagents/`, and one folder deeper for workflows.
pub(super) fn children(folder: &Path, wall: Timestamp, fresh: Duration, watched: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        if !is_folder(&folder) {
            continue;
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok).take(MAX_LISTED) {
            let Ok(meta) = entry.metadata() else { continue };
            let path = entry.path();
            if meta.is_dir() && depth < 2 {
                folders.push((path, depth + 1));
            } else if meta.is_file()
                && path.extension().is_some_and(|extension| extension == "jsonl")
                && FileStat::from(&meta).unchanged_for(wall) <= fresh
            {
                found.push(path);
            }
        }
        watched.push(folder);
    }
    found
}

/// Claude's name for a folder: what is no letter and no digit of ASCII is `-`, by UTF-16 units; a long name is cut and gets a hash.
pub(super) fn encoded(path: &Path) -> String {
    let units: Vec<u16> = path.to_string_lossy().encode_utf16().collect();
    let is_kept = |unit: &u16| u8::try_from(*unit).is_ok_and(|byte| byte.is_ascii_alphanumeric());
    let name: String = units.iter().map(|unit| if is_kept(unit) { char::from(u8::try_from(*unit).unwrap_or(b'-')) } else { '-' }).collect();
    if name.len() <= NAME_LIMIT {
        return name;
    }
    let hash = units.iter().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(*unit)));
    format!("{}-{}", &name[..NAME_LIMIT], base36(hash.unsigned_abs()))
}

fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(number % 36, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// Codex's folders of today and yesterday, by the machine's date.
fn days(wall: Timestamp, zone: &TimeZone) -> Vec<String> {
    let Ok(now) = jiff::Timestamp::from_millisecond(wall.0) else { return Vec::new() };
    let today = zone.to_datetime(now).date();
    let path = |date: jiff::civil::Date| format!("{:04}/{:02}/{:02}", date.year(), date.month(), date.day());
    [Some(today), today.yesterday().ok()].into_iter().flatten().map(path).collect()
}

/// The folders of a repository's other worktrees, as the repository names them.
fn worktrees(root: &Path) -> Vec<PathBuf> {
    let names = root.join(".git/worktrees");
    if !is_folder(&names) {
        return Vec::new();
    }
    let entries = fs::read_dir(names).into_iter().flatten().filter_map(Result::ok).take(MAX_WORKTREES);
    let folder = |entry: fs::DirEntry| {
        let file = entry.path().join("gitdir");
        // A few bytes; a link or anything larger is not git's.
        fs::symlink_metadata(&file).ok().filter(|meta| meta.is_file() && meta.len() < 4_096)?;
        let text = fs::read_to_string(file).ok()?;
        Path::new(text.trim_end()).parent().map(Path::to_owned).filter(|folder| folder.is_absolute())
    };
    entries.filter_map(folder).collect()
}

/// Whether it is a folder and no link to one.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}
