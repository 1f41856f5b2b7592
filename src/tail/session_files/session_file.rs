//! One session file: its head, and what is appended to it. It is open only while it is read.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::folders::FoundSession;
use super::lines::{LINE_LIMIT, LineAssembler, SessionLine};
use crate::agent::{AgentId, AgentInput, AgentKind, Allowance, CUT_LINE_BYTES, SessionHead, SessionId, SessionReader, Signal, Stamped};
use crate::clock::Timestamp;
use crate::line::TaskId;
use crate::tail::file_stat::{FileIdentity, FileStat};

/// The head of a session stands in so many bytes: Codex's first line has its instructions in it, 50 KB at most.
const HEAD_BYTES: usize = 64 << 10;
/// Of a file that is there so much is read.
const TAIL_BYTES: u64 = 1 << 20;
/// So much is read before others get their turn.
const READ_BUDGET: usize = 4 << 20;
/// Signals of one read that are given on together.
const BATCH: usize = 1_024;
/// For how long a file counts as recent.
const RECENT: Duration = Duration::from_secs(60);

pub(super) struct SessionFile {
    path: PathBuf,
    kind: AgentKind,
    agent: AgentId,
    role: FileRole,
    allowance: Allowance,
    reader: SessionReader,
    lines: LineAssembler,
    /// `None` until the first read.
    identity: Option<FileIdentity>,
    offset: u64,
    last_stat: Option<FileStat>,
    /// As it was found.
    found_modified: Timestamp,
    has_more: bool,
    is_gone: bool,
}

enum FileRole {
    Session {
        head: Box<SessionHead>,
        tasks: Vec<TaskId>,
    },
    /// Of a sub-agent: its records are signs of the session `agent`.
    Child,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionPoll {
    Unchanged,
    Grown,
    More,
    Gone,
}

/// The head of a session that was found; `None` while the file does not have one.
pub(super) fn read_head(session: &FoundSession, buffer: &mut Vec<u8>) -> Option<SessionHead> {
    let file = open(&session.path).ok()?;
    buffer.resize(buffer.len().max(HEAD_BYTES), 0);
    let count = file.read_at(&mut buffer[..HEAD_BYTES], 0).ok()?;
    let text = String::from_utf8_lossy(&buffer[..count]);
    let own = session.id.as_ref();
    let heads = text.trim_start_matches('\u{feff}').lines().filter_map(|line| SessionReader::head(session.kind, line));
    let mut first = None;
    for head in heads {
        if own.is_none_or(|own| *own == head.id) {
            return Some(head);
        }
        // Records that were copied from the session that this one was forked from.
        first.get_or_insert(head);
    }
    first.zip(own).filter(|_| count == HEAD_BYTES).map(|(head, own)| SessionHead { id: own.clone(), started: None, ..head })
}

/// Opens a regular file, not through a link, without waiting.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("no regular file")),
    }
}

impl SessionFile {
    pub(super) fn new(session: FoundSession, head: SessionHead, agent: AgentId, tasks: Vec<TaskId>, allowance: Allowance) -> Self {
        let reader = SessionReader::new(session.kind, session.id.clone(), allowance.clone());
        SessionFile {
            path: session.path,
            found_modified: session.modified,
            kind: session.kind,
            agent,
            role: FileRole::Session { head: Box::new(head), tasks },
            allowance,
            reader,
            lines: LineAssembler::default(),
            identity: None,
            offset: 0,
            last_stat: None,
            has_more: true,
            is_gone: false,
        }
    }

    /// The file of a sub-agent of `agent`.
    pub(super) fn of_child(path: PathBuf, agent: AgentId, allowance: Allowance) -> Self {
        SessionFile {
            path,
            found_modified: Timestamp(0),
            kind: AgentKind::ClaudeCode,
            agent,
            role: FileRole::Child,
            reader: SessionReader::new(AgentKind::ClaudeCode, None, allowance.clone()),
            allowance,
            lines: LineAssembler::default(),
            identity: None,
            offset: 0,
            last_stat: None,
            has_more: true,
            is_gone: false,
        }
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The session that the file is; `None` for one of a sub-agent.
    pub(super) fn own_agent(&self) -> Option<AgentId> {
        matches!(self.role, FileRole::Session { .. }).then_some(self.agent)
    }

    /// Where Claude keeps the sub-agents of the session.
    pub(super) fn children_folder(&self) -> Option<PathBuf> {
        (self.kind == AgentKind::ClaudeCode).then(|| self.path.with_extension("").join("subagents"))
    }

    pub(super) fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// Whether it was written in the last minute, as of the last poll.
    pub(super) fn is_recent(&self, wall: Timestamp) -> bool {
        self.last_stat.is_some_and(|stat| stat.unchanged_for(wall) < RECENT)
    }

    /// When it was last written, as of the last poll.
    pub(super) fn modified_at(&self) -> Timestamp {
        self.last_stat.map_or(self.found_modified, |stat| stat.modified_at())
    }

    pub(super) fn has_more(&self) -> bool {
        self.has_more
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Reads what was appended since the last poll.
    pub(super) fn poll(&mut self, buffer: &mut [u8], emit: &mut dyn FnMut(AgentInput)) -> SessionPoll {
        let stat = match std::fs::symlink_metadata(&self.path) {
            Ok(meta) if meta.is_file() => FileStat::from(&meta),
            Ok(_) | Err(_) => {
                self.is_gone = true;
                return SessionPoll::Gone;
            }
        };
        if self.last_stat == Some(stat) && !self.has_more {
            return SessionPoll::Unchanged;
        }
        // A file that cannot be opened now is tried again when it changes.
        let Ok(file) = open(&self.path) else {
            (self.last_stat, self.has_more) = (Some(stat), false);
            return SessionPoll::Unchanged;
        };
        let Ok(opened) = file.metadata().map(|meta| FileStat::from(&meta)) else { return SessionPoll::Unchanged };
        if self.identity != Some(opened.identity) || opened.size < self.offset {
            self.begin(&opened, emit);
        }
        self.last_stat = Some(opened);
        let has_read = self.read(&file, buffer, emit);
        match (has_read, self.has_more) {
            (_, true) => SessionPoll::More,
            (true, false) => SessionPoll::Grown,
            (false, false) => SessionPoll::Unchanged,
        }
    }

    /// The file is new, or another: it is read from its last bytes on.
    fn begin(&mut self, stat: &FileStat, emit: &mut dyn FnMut(AgentInput)) {
        self.identity = Some(stat.identity);
        self.offset = stat.size.saturating_sub(TAIL_BYTES);
        let partial = self.offset > 0;
        self.lines = if partial { LineAssembler::joined_in_the_middle() } else { LineAssembler::default() };
        let own = match &self.role {
            FileRole::Session { head, tasks } => {
                emit(AgentInput::Begun { agent: self.agent, head: head.clone(), tasks: tasks.clone(), partial });
                (head.kind == AgentKind::ClaudeCode).then(|| head.id.clone())
            }
            FileRole::Child => None,
        };
        self.reader = SessionReader::new(self.kind, own, self.allowance.clone());
    }

    /// Reads up to [`READ_BUDGET`] bytes. Returns whether there were any.
    fn read(&mut self, file: &File, buffer: &mut [u8], emit: &mut dyn FnMut(AgentInput)) -> bool {
        let start = self.offset;
        let mut signals = Vec::new();
        self.has_more = true;
        while self.offset - start < READ_BUDGET as u64 {
            // An error is one of the file system: what is missing is read when the file changes next.
            let count = file.read_at(buffer, self.offset).unwrap_or(0);
            if count == 0 {
                self.has_more = false;
                break;
            }
            self.offset += count as u64;
            let (reader, role) = (&mut self.reader, &self.role);
            self.lines.feed(&buffer[..count], &mut |line| {
                let read_from = signals.len();
                match line {
                    SessionLine::Whole(line) => reader.read(line, &mut signals),
                    SessionLine::Cut(start) => reader.read_cut(start.get(..CUT_LINE_BYTES).unwrap_or(start), &mut signals),
                }
                if matches!(role, FileRole::Child) {
                    keep_child_signals(&mut signals, read_from);
                }
            });
            if signals.len() >= BATCH {
                emit(AgentInput::Signals { agent: self.agent, signals: std::mem::take(&mut signals) });
            }
            if count < buffer.len() {
                self.has_more = false;
                break;
            }
        }
        if !signals.is_empty() {
            emit(AgentInput::Signals { agent: self.agent, signals });
        }
        self.offset > start
    }
}

/// Records of a sub-agent's own file are signs of life, whether or not they are marked as a side chain.
fn keep_child_signals(signals: &mut Vec<Stamped>, from: usize) {
    let own = signals.split_off(from);
    signals.extend(own.into_iter().map(|stamped| match stamped.signal {
        Signal::ChildWrote(_) => stamped,
        _ => Stamped { signal: Signal::ChildAlive, ..stamped },
    }));
}

/// A line and the beginning of one never need more than this beside the buffer.
const _: () = assert!(CUT_LINE_BYTES < LINE_LIMIT);

/// The id in the name of a transcript: `<id>.jsonl`.
pub(super) fn id_in_name(path: &Path) -> Option<SessionId> {
    SessionId::new(path.file_stem()?.to_str()?)
}
