//! The agents' sessions: which task each works for, whether its signs count as that run's, and what they show.
//!
//! A session counts when it is headless and began after the run's first sign, or when it wrote a watched file or a commit of the run. Where
//! the time of that sign is only observed, the run began earlier: there it is enough that the session was at work then. Any other is shown as
//! another session and changes nothing. Facts never come from here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::agent::{Activity, AgentId, AgentInput, AgentNeed, FileKey, SessionHead};
use crate::clock::{ClockReading, Timestamp};
use crate::event::TimestampSource;
use crate::model::agent::{AgentActivity, AgentLevel, AgentPhase, AgentState};
use crate::text::CleanText;

use super::stream_log::StreamLog;
use super::task::TaskEngine;

/// Milliseconds after its last record in which a session is shown.
const LIVE: u64 = 10 * 60_000;

#[derive(Debug)]
pub(super) struct AgentSessions {
    /// How much is shown to anybody.
    level: AgentLevel,
    sessions: BTreeMap<AgentId, AgentSession>,
    /// Rises with everything that a session states.
    version: u64,
    /// At the last tick.
    ticked_version: u64,
    /// When something changes without a record, by both clocks.
    changes_at: Option<(Timestamp, Duration)>,
    /// What came before is history.
    live_since: Option<Timestamp>,
}

/// One session, from its own file or printed into a log.
#[derive(Debug)]
pub(super) struct AgentSession {
    pub head: SessionHead,
    pub activity: Activity,
    /// Indices of the tasks whose folders it works in.
    pub tasks: Vec<usize>,
}

/// What the sessions of one task show.
#[derive(Debug, Default)]
pub(super) struct TaskAgents {
    /// Ours before others, headless before interactive, then the latest record first.
    pub states: Vec<AgentState>,
    pub need: Option<AgentNeed>,
    /// The last record of a session that counts, and which program's it is.
    pub last_sign: Option<(Timestamp, Arc<str>)>,
    /// An open call of a session that counts may take long.
    pub is_busy: bool,
    /// A session that counts works on something.
    pub is_at_work: bool,
}

impl AgentSessions {
    pub(super) fn new(level: AgentLevel) -> Self {
        AgentSessions { level, sessions: BTreeMap::new(), version: 0, ticked_version: 0, changes_at: None, live_since: None }
    }

    /// Rises whenever what is shown changes.
    pub(super) fn version(&self, tasks: &[TaskEngine]) -> u64 {
        self.version + streams(tasks).map(|(_, stream)| stream.version()).sum::<u64>()
    }

    pub(super) fn feed(&mut self, input: AgentInput, now: Timestamp) {
        self.version += 1;
        match input {
            AgentInput::Begun { agent, head, tasks, partial } => {
                let activity = Activity::new(head.headless, partial);
                let tasks = tasks.iter().map(|task| task.0 as usize).collect();
                self.sessions.insert(agent, AgentSession { head: *head, activity, tasks });
            }
            AgentInput::Signals { agent, signals } => {
                if let Some(session) = self.sessions.get_mut(&agent) {
                    signals.into_iter().for_each(|stamped| session.activity.apply(stamped, now));
                }
            }
            AgentInput::Gone { agent } => {
                self.sessions.remove(&agent);
            }
        }
    }

    /// Gives the tasks the signs of life of their sessions, and notes what changed by the time alone. Returns whether anything did.
    pub(super) fn tick(&mut self, tasks: &mut [TaskEngine], live: bool, now: ClockReading) -> bool {
        if self.changes_at.take_if(|(at, _)| *at <= now.wall).is_some() {
            self.version += 1;
        }
        if live {
            self.live_since.get_or_insert(now.wall);
        }
        let version = self.version(tasks);
        if std::mem::replace(&mut self.ticked_version, version) == version {
            return false;
        }
        for (agents, task) in self.by_task(tasks, now.wall).into_iter().zip(tasks.iter_mut()) {
            if let Some((at, title)) = agents.last_sign {
                task.run.model.record_activity(at.min(now.wall), &title);
            }
            task.run.model.set_agent_at_work(agents.is_at_work);
        }
        let all = self.sessions.values().chain(streams(tasks).flat_map(|(_, stream)| stream.sessions()));
        let changes = all.filter_map(|session| {
            let hides = session.activity.as_of().map(|at| Timestamp(at.0.saturating_add_unsigned(LIVE + 1)));
            session.activity.next_change(now.wall).into_iter().chain(hides.filter(|at| *at > now.wall)).min()
        });
        let at = changes.min();
        self.changes_at = at.map(|at| (at, now.elapsed + Duration::from_millis(at.since(now.wall).unwrap_or(0))));
        true
    }

    /// When the next tick is due although no record comes.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.changes_at.map(|(_, at)| at)
    }

    /// What the sessions of each task show, by the task's index.
    pub(super) fn by_task(&self, tasks: &[TaskEngine], now: Timestamp) -> Vec<TaskAgents> {
        if self.sessions.is_empty() && streams(tasks).all(|(_, stream)| stream.sessions().next().is_none()) {
            return tasks.iter().map(|_| TaskAgents::default()).collect();
        }
        let mut shown: Vec<Vec<ShownSession<'_>>> = tasks.iter().map(|_| Vec::new()).collect();
        let files: Vec<Vec<FileKey>> = tasks.iter().map(file_keys).collect();
        for session in self.sessions.values() {
            let Some(task) = session.task(tasks, &files) else { continue };
            let ours = session.is_of_run(&tasks[task], &files[task]);
            shown[task].push(ShownSession { session, ours });
        }
        // What an agent prints into a log of a run is of the run. It stands in its own file, too, and there in full.
        let has_file = |session: &AgentSession| self.sessions.values().any(|own| own.head.id == session.head.id);
        for (task, stream) in streams(tasks) {
            let own = stream.sessions().filter(|session| !has_file(session));
            shown[task].extend(own.map(|session| ShownSession { session, ours: true }));
        }
        shown.into_iter().map(|sessions| self.task_agents(&sessions, now)).collect()
    }

    /// The same, each session with its task.
    pub(super) fn activities(&self, tasks: &[TaskEngine], now: Timestamp) -> Vec<AgentActivity> {
        let of_task = |(agents, task): (TaskAgents, &TaskEngine)| {
            let task_id: CleanText = task.id.clone().into();
            agents.states.into_iter().map(move |state| AgentActivity { task_id: task_id.clone(), state })
        };
        self.by_task(tasks, now).into_iter().zip(tasks).flat_map(of_task).collect()
    }

    fn task_agents(&self, sessions: &[ShownSession<'_>], now: Timestamp) -> TaskAgents {
        let mut agents = TaskAgents::default();
        let mut current: Vec<&ShownSession<'_>> = sessions.iter().filter(|shown| !shown.session.is_superseded(sessions)).collect();
        current.sort_by_key(|shown| {
            (!shown.ours, shown.session.activity.headless() != Some(true), std::cmp::Reverse(shown.session.activity.as_of()))
        });
        for shown in current {
            let ShownSession { session, ours } = *shown;
            let Some(mut state) = session.activity.state(&session.head, now).at_level(self.level) else { continue };
            state.ours = ours;
            let is_live = now.since(state.as_of).is_none_or(|ago| ago <= LIVE);
            let busy_until = session.activity.busy_until(now);
            let lasts = busy_until.is_some() || matches!(state.phase, AgentPhase::Limited | AgentPhase::Waiting);
            if ours {
                let title = session.head.kind.title();
                agents.need = agents.need.or_else(|| session.activity.need(title, now).filter(|_| is_live || lasts));
                agents.is_busy |= busy_until.is_some();
                agents.is_at_work |= is_live && !matches!(state.phase, AgentPhase::Ended | AgentPhase::Idle | AgentPhase::Limited);
                if agents.last_sign.as_ref().is_none_or(|(at, _)| *at < state.as_of) {
                    agents.last_sign = Some((state.as_of, Arc::from(title)));
                }
                state.iteration = self.iteration(sessions, session);
            }
            if is_live || lasts {
                agents.states.push(state);
            }
        }
        agents.need = agents.need.or_else(|| idle_need(sessions));
        agents
    }

    /// Which of the run's headless sessions it is; only where all of them began before our eyes.
    fn iteration(&self, sessions: &[ShownSession<'_>], session: &AgentSession) -> Option<u32> {
        let headless = || {
            sessions
                .iter()
                .filter(|shown| shown.ours && shown.session.activity.headless() == Some(true))
                .filter_map(|shown| shown.session.since())
        };
        let (first, own) = (headless().min()?, session.since()?);
        if session.activity.headless() != Some(true) || self.live_since.is_none_or(|live| first < live) {
            return None;
        }
        u32::try_from(headless().filter(|since| *since <= own).count()).ok()
    }
}

/// The watched files of a task, as sessions name what they write.
fn file_keys(task: &TaskEngine) -> Vec<FileKey> {
    let logs = task.logs.iter().map(|log| &log.path);
    let documents = task.plans.iter().map(|plan| &plan.path).chain(task.statuses.iter().map(|status| &status.path));
    logs.chain(documents).map(|path| FileKey::new(Path::new(&**path))).collect()
}

/// The streams in the logs of the tasks, each with the index of its task.
fn streams(tasks: &[TaskEngine]) -> impl Iterator<Item = (usize, &StreamLog)> {
    tasks.iter().enumerate().flat_map(|(index, task)| task.logs.iter().map(move |log| (index, &log.stream)))
}

/// A session and whether it counts.
#[derive(Clone, Copy)]
struct ShownSession<'a> {
    session: &'a AgentSession,
    ours: bool,
}

impl AgentSession {
    fn since(&self) -> Option<Timestamp> {
        self.head.started.or(self.activity.first())
    }

    /// The task it works for: of several in one folder the one whose files it wrote, then the one that moved last.
    fn task(&self, tasks: &[TaskEngine], files: &[Vec<FileKey>]) -> Option<usize> {
        let known = self.tasks.iter().copied().filter(|task| *task < tasks.len());
        known.max_by_key(|task| (self.activity.has_written(&files[*task]), tasks[*task].run.model.last_activity()))
    }

    fn is_of_run(&self, task: &TaskEngine, files: &[FileKey]) -> bool {
        let is_in_run = || {
            // Nothing of a run, or nothing with a time.
            let Some((first, source)) = task.run.model.first_sign() else { return true };
            match source {
                TimestampSource::Record => self.since().is_some_and(|since| since >= first),
                TimestampSource::Observed => self.works_at(first),
            }
        };
        (self.activity.headless() == Some(true) && is_in_run())
            || self.activity.has_written(files)
            || self.activity.has_committed(|hash| task.run.model.has_commit(hash))
    }

    /// Whether it wrote after this time, or was at work on something then.
    fn works_at(&self, at: Timestamp) -> bool {
        let Some(as_of) = self.activity.as_of() else { return false };
        as_of >= at || (!self.activity.is_over() && at.since(as_of).is_some_and(|ago| ago <= LIVE))
    }

    /// Whether a later session of the same loop has begun since its last record.
    fn is_superseded(&self, sessions: &[ShownSession<'_>]) -> bool {
        let Some(as_of) = self.activity.as_of().filter(|_| self.activity.headless() == Some(true)) else { return false };
        sessions.iter().any(|ShownSession { session: other, .. }| {
            other.activity.headless() == Some(true)
                && other.head.cwd == self.head.cwd
                && other.head.id != self.head.id
                && other.since().is_some_and(|since| since > as_of)
        })
    }
}

/// Two sessions of the loop in a row that ended without a single call: it turns over and nothing is done.
fn idle_need(sessions: &[ShownSession<'_>]) -> Option<AgentNeed> {
    let mut loops: Vec<&AgentSession> =
        sessions.iter().filter(|shown| shown.ours && shown.session.activity.headless() == Some(true)).map(|shown| shown.session).collect();
    loops.sort_by_key(|session| std::cmp::Reverse(session.since()));
    let [last, before, ..] = loops.as_slice() else { return None };
    let is_idle = |session: &AgentSession| session.activity.all_calls() == Some(0) && session.activity.has_spoken();
    (is_idle(last) && is_idle(before) && last.activity.is_over()).then(|| AgentNeed {
        reason: format!("two sessions of {} in a row ended without doing anything", last.head.kind.title()),
        since: last.activity.as_of().unwrap_or(Timestamp(0)),
    })
}
