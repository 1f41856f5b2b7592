//! The agents' own session files beside a run: which belong to it, and what is appended to them.
//!
//! Folders are listed and files stated; only what was written lately and works in a task's folder is opened, for the moment of one read,
//! without following links. What a line means is `agent`'s.

mod folders;
mod lines;
mod session_file;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

pub(super) use self::folders::SessionFolders;
use self::folders::{FoundSession, ProjectFolders};
use self::session_file::{SessionFile, SessionPoll};
use crate::agent::{AgentId, AgentInput, Allowance};
use crate::clock::ClockReading;
use crate::discover::Found;
use crate::model::agent::AgentLevel;

/// Where agents keep their sessions, and how much of them is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionScope {
    /// Never [`AgentLevel::Off`].
    pub level: AgentLevel,
    /// Folders with a folder per project in them.
    pub claude: Vec<PathBuf>,
    /// Folders with a folder per year in them.
    pub codex: Vec<PathBuf>,
}

/// Files that are followed at one time, the newest first.
const MAX_FILES: usize = 32;
/// At the start, what was last written before this is left alone.
const FRESH: Duration = Duration::from_secs(2 * 3600);
/// How often the folders are listed without a notification; then only those whose time has changed.
const SCAN_INTERVAL: Duration = Duration::from_secs(10);
/// A file that was written in the last minute is stated this often.
const RECHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Files of other projects that are remembered, so that they are not opened again.
const MAX_REJECTED: usize = 10_000;

pub(super) struct SessionFiles {
    scope: SessionScope,
    zone: TimeZone,
    projects: ProjectFolders,
    files: Vec<SessionFile>,
    rejected: HashSet<PathBuf>,
    next_agent: u32,
    scan_at: Duration,
    /// The next scan lists unchanged folders, too.
    lists_all: bool,
    check_at: Duration,
    polled_at: Duration,
    buffer: Vec<u8>,
    /// As of the last scan.
    folders: SessionFolders,
    /// The first session was found: what is read has been announced.
    announced: bool,
}

/// What a poll has led to beside its inputs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SessionsPolled {
    /// There is more to read right away.
    pub more: bool,
    /// [`SessionFiles::folders`] are others.
    pub folders_changed: bool,
    /// What is read from now on, in words; once.
    pub announcement: Option<String>,
}

impl SessionFiles {
    pub(super) fn new(scope: SessionScope, found: &Found) -> Self {
        let mut files = SessionFiles {
            scope,
            zone: TimeZone::system(),
            projects: ProjectFolders::default(),
            files: Vec::new(),
            rejected: HashSet::new(),
            next_agent: 0,
            scan_at: Duration::ZERO,
            lists_all: false,
            check_at: Duration::ZERO,
            polled_at: Duration::ZERO,
            buffer: vec![0; 64 << 10],
            folders: SessionFolders::default(),
            announced: false,
        };
        files.set_tasks(found);
        files
    }

    /// The tasks are others now.
    pub(super) fn set_tasks(&mut self, found: &Found) {
        self.projects = ProjectFolders::new(&found.tasks);
        self.rejected.clear();
        self.schedule_scan();
    }

    /// The folders whose changes matter.
    pub(super) fn folders(&self) -> &SessionFolders {
        &self.folders
    }

    /// Has the folders listed at the next poll: in those that are watched only now, files may have appeared and grown meanwhile.
    pub(super) fn schedule_scan(&mut self) {
        (self.scan_at, self.lists_all) = (Duration::ZERO, true);
    }

    /// When to poll without a notification; every `poll_interval` where the file system sends none.
    pub(super) fn next_poll(&self, poll_interval: Option<Duration>) -> Duration {
        let next = self.scan_at.min(self.check_at);
        poll_interval.map_or(next, |interval| next.min(self.polled_at + interval))
    }

    /// Reads what was appended; `changed` are the paths that notifications named.
    pub(super) fn poll(
        &mut self,
        changed: &BTreeSet<PathBuf>,
        poll_interval: Option<Duration>,
        now: ClockReading,
        emit: &mut dyn FnMut(AgentInput),
    ) -> SessionsPolled {
        let mut polled = SessionsPolled::default();
        let is_new = |path: &PathBuf| !self.files.iter().any(|file| file.path() == path) && !self.rejected.contains(path);
        let has_new = changed.iter().any(is_new);
        let is_due = self.next_poll(poll_interval) <= now.elapsed;
        if is_due {
            self.polled_at = now.elapsed;
        }
        if now.elapsed >= self.scan_at || has_new || (is_due && poll_interval.is_some()) {
            let all = std::mem::take(&mut self.lists_all) || has_new || poll_interval.is_some();
            self.scan(now, all, emit, &mut polled);
            // The folder that is watched in place of a missing one is another.
            polled.folders_changed |= self.folders.missing.iter().any(|folder| changed.iter().any(|path| folder.starts_with(path)));
        }
        let SessionFiles { files, buffer, .. } = self;
        let mut has_grown = false;
        for file in files.iter_mut() {
            if !(is_due || changed.contains(file.path()) || file.has_more()) {
                continue;
            }
            match file.poll(buffer, emit) {
                SessionPoll::Unchanged | SessionPoll::Gone => {}
                SessionPoll::Grown => has_grown = true,
                SessionPoll::More => (has_grown, polled.more) = (true, true),
            }
        }
        self.files.retain(|file| {
            if file.is_gone()
                && let Some(agent) = file.own_agent()
            {
                emit(AgentInput::Gone { agent });
            }
            !file.is_gone()
        });
        if is_due || has_grown {
            let is_active = self.files.iter().any(|file| file.is_recent(now.wall));
            self.check_at = if is_active { now.elapsed + RECHECK_INTERVAL } else { self.scan_at };
        }
        polled
    }

    /// Lists the folders for sessions that are not followed yet.
    fn scan(&mut self, now: ClockReading, all: bool, emit: &mut dyn FnMut(AgentInput), polled: &mut SessionsPolled) {
        self.scan_at = now.elapsed + SCAN_INTERVAL;
        let mut folders = SessionFolders::default();
        let mut found = self.projects.sessions(&self.scope, &self.zone, all, now.wall, FRESH, &mut folders);
        let parents: Vec<(AgentId, PathBuf, Allowance)> =
            self.files.iter().filter_map(|file| Some((file.own_agent()?, file.children_folder()?, file.allowance().clone()))).collect();
        found.retain(|session| !self.rejected.contains(&session.path) && !self.files.iter().any(|file| *file.path() == session.path));
        found.sort_by_key(|session| std::cmp::Reverse(session.modified));
        found.truncate(MAX_FILES);
        for session in found {
            let is_full = self.files.len() >= MAX_FILES;
            if is_full && self.files.iter().all(|file| file.modified_at() >= session.modified) {
                break;
            }
            self.attach(session, emit, polled);
        }
        for (agent, folder, allowance) in parents {
            for path in folders::children(&folder, now.wall, FRESH, &mut folders.existing) {
                if !self.files.iter().any(|file| *file.path() == path) {
                    self.make_room(emit);
                    self.files.push(SessionFile::of_child(path, agent, allowance.clone()));
                }
            }
        }
        for paths in [&mut folders.existing, &mut folders.missing] {
            paths.sort();
            paths.dedup();
        }
        polled.folders_changed |= folders != self.folders;
        self.folders = folders;
    }

    /// Follows a session, if it works in a task's folder.
    fn attach(&mut self, session: FoundSession, emit: &mut dyn FnMut(AgentInput), polled: &mut SessionsPolled) {
        let Some(head) = session_file::read_head(&session, &mut self.buffer) else { return };
        let tasks = self.projects.tasks_of(&head.cwd);
        if tasks.is_empty() {
            if self.rejected.len() < MAX_REJECTED {
                self.rejected.insert(session.path);
            }
            return;
        }
        self.make_room(emit);
        let folders = self.projects.folders_of(&tasks);
        if !std::mem::replace(&mut self.announced, true) {
            polled.announcement = Some(announcement(&session, self.scope.level));
        }
        let agent = AgentId(self.next_agent);
        self.next_agent += 1;
        let allowance = Allowance::new(self.scope.level, folders, Some(head.cwd.clone()), self.zone.clone());
        let file = SessionFile::new(session, head, agent, tasks, allowance);
        self.files.push(file);
    }

    /// Gives up the file that has been still for longest.
    fn make_room(&mut self, emit: &mut dyn FnMut(AgentInput)) {
        if self.files.len() < MAX_FILES {
            return;
        }
        let Some(oldest) = (0..self.files.len()).min_by_key(|&index| self.files[index].modified_at()) else { return };
        if let Some(agent) = self.files.remove(oldest).own_agent() {
            emit(AgentInput::Gone { agent });
        }
    }
}

/// Says what is read, and how to turn it off.
fn announcement(session: &FoundSession, level: AgentLevel) -> String {
    let folder = session.root.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let above = session.root.parent().and_then(Path::file_name).map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let level = match level {
        AgentLevel::Off | AgentLevel::Status => "status",
        AgentLevel::Target => "target",
        AgentLevel::Command => "command",
    };
    // Short enough for a line above the box.
    format!("reads {}'s sessions in {above}/{folder}, level {level}; --agent off turns it off", session.kind.title())
}

#[cfg(test)]
mod tests;
