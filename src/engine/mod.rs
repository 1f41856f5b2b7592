//! Composes the machines: inputs in, events and the state out. No clock, no file, no socket.
//!
//! Two calls are the whole path. [`Engine::feed`] buffers an input. [`Engine::tick`] says that all inputs since the last tick were read at
//! once: each task accepts settled content, counts its facts and emits the due events in order.

mod agents;
mod checkpoint;
mod content_items;
mod counting;
mod detached;
mod event_order;
mod inference;
mod input;
mod log_counts;
mod log_source;
mod output;
mod ownership;
mod plan_cycles;
mod plan_facts;
mod plan_source;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod properties;
mod resolve;
mod run_name;
mod shown;
mod snapshot;
mod source_parser;
mod source_slot;
mod status_source;
mod stream_log;
mod task;
mod task_run;
mod task_set;
#[cfg(test)]
mod tests;
mod tick;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::clock::{ClockReading, Timestamp};
use crate::discover::{Added, Source, Task as FoundTask};
use crate::error::{Notice, NoticeKind};
use crate::event::{Event, EventId, SCHEMA, Seq};
use crate::format::Rules;
use crate::ledger::REAPPEAR_AFTER;
use crate::line::SourceId;
use crate::model::StoryDetail;
use crate::model::agent::{AgentActivity, AgentLevel};
use crate::model::state::{SourceCondition, State};
use agents::AgentSessions;
pub use checkpoint::EngineCheckpoint;
use checkpoint::SourceCheckpoint;
pub(crate) use input::Input;
pub use output::{Output, SourceAdvice};
use shown::Shown;
pub(crate) use source_slot::NamedProcess;
use source_slot::SourceRole;
use task_set::TaskSet;
use tick::TaskTick;

/// Most notices that the state shows.
const MAX_NOTICES: usize = 20;
/// With more sources than this, those that are no runner's are let go. With fewer, what is not understood of them is shown.
const MANY_SOURCES: usize = 200;
/// A tick that has brought so many events leaves the other tasks to the next one.
const MANY_EVENTS: usize = 2_000;
/// While a run goes on, the state's remaining time and quietness are renewed this often.
const ESTIMATE_INTERVAL: Duration = Duration::from_secs(20);

/// What the engine needs to know from the start.
pub struct EngineSettings {
    pub tasks: Vec<FoundTask>,
    pub sources: Vec<Source>,
    /// For times written without a zone.
    pub zone: TimeZone,
    /// For logs that no built-in format knows.
    pub rules: Rules,
    /// Whether what is there at the start is emitted (`--from start`) or only counted (`--from end`).
    pub emit_history: bool,
    /// Whether nothing in the files waits for more (`--once`).
    pub reads_once: bool,
    /// Whether events carry `source.text`.
    pub source_text: bool,
    /// Whether secrets are masked in what is shown.
    pub redact: bool,
    /// Whether the current story may be inferred.
    pub infer: bool,
    /// How much is kept of what agents write.
    pub agents: AgentLevel,
}

/// The machines of every task.
pub struct Engine {
    /// Its `tasks` and `sources` are empty: see the next two fields.
    settings: EngineSettings,
    watched: TaskSet,
    agents: AgentSessions,
    seq: Seq,
    notices: VecDeque<Notice>,
    /// The notice about texts that are cut was given.
    cut_reported: bool,
    /// Notices that no output has had yet.
    new_notices: Vec<Notice>,
    /// What the initial scan finds counts as told, whatever the settings say.
    mutes_history: bool,
    /// No input follows the next tick.
    finishing: bool,
    /// The task that the last tick has not come to the end of.
    unfinished: Option<usize>,
    /// Rises whenever [`Engine::state`] changes.
    state_version: u64,
    /// When the remaining time was last renewed.
    estimated: Duration,
    /// The last tick; `None` before the first.
    ticked: Option<ClockReading>,
    /// The parts of a checkpoint whose tasks and files are not watched yet.
    checkpoint: Option<EngineCheckpoint>,
    /// Events that an earlier process published after its last checkpoint: they are not emitted again.
    published: HashSet<EventId>,
}

impl Engine {
    pub fn new(settings: EngineSettings) -> Self {
        let (tasks, sources) = (settings.tasks.clone(), settings.sources.clone());
        let mut engine = Engine {
            settings: EngineSettings { tasks: Vec::new(), sources: Vec::new(), ..settings },
            watched: TaskSet::default(),
            agents: AgentSessions::new(settings.agents),
            seq: Seq(0),
            notices: VecDeque::new(),
            cut_reported: false,
            new_notices: Vec::new(),
            mutes_history: false,
            finishing: false,
            unfinished: None,
            state_version: 1,
            estimated: Duration::ZERO,
            ticked: None,
            checkpoint: None,
            published: HashSet::new(),
        };
        engine.watched.add(&tasks, &sources, &engine.settings);
        engine
    }

    /// Adds tasks and sources that were found later; their numbers follow those before.
    pub fn add_sources(&mut self, added: &Added, now: ClockReading) {
        let (first_task, first_source) = (self.watched.tasks.len(), self.watched.slots.len());
        self.watched.add(&added.tasks, &added.sources, &self.settings);
        self.restore_added(first_task, first_source, now);
        self.state_version += 1;
    }

    /// Rises whenever [`Engine::activities`] change.
    pub fn agents_version(&self) -> u64 {
        self.agents.version(&self.watched.tasks)
    }

    /// What the agents do, each with its task.
    pub fn activities(&self, now: ClockReading) -> Vec<AgentActivity> {
        let mut activities = self.agents.activities(&self.watched.tasks, now.wall);
        activities.iter_mut().for_each(|activity| Shown::new(self.settings.redact).agent(&mut activity.state));
        activities
    }

    /// Takes one input. Returns new advice when the input changes which sources must wait.
    pub fn feed(&mut self, input: Input) -> Option<Vec<SourceAdvice>> {
        self.state_version += 1;
        match input {
            Input::RereadBegun { source, at, reason } => {
                self.watched.commit_early(source, at, false);
                self.watched.on_log(source, at, |log, now| log.begin_reread(now, reason));
            }
            Input::Edited { source, at, reason, edit, lines } => {
                self.watched.record_activity(source, at);
                self.watched.on_task(source, |task, log, owners| {
                    let (task, log) = (task.index, &mut task.logs[log]);
                    let file = log.file;
                    log.edit(at.elapsed, reason, edit, &lines, |fact| owners.owns(task, file, fact));
                });
            }
            Input::RestoreDone { source, at } => {
                self.watched.record_activity(source, at);
                self.watched.on_task(source, |task, log, owners| task.skip_published(log, at.elapsed, owners));
            }
            Input::Detached { source, at, detached } => {
                self.watched.commit_early(source, at, true);
                self.watched.on_log(source, at, |log, _| log.detach(detached));
            }
            Input::DetachedLines { source, at, detached, lines } => {
                self.watched.record_activity(source, at);
                self.watched.on_task(source, |task, log, owners| task.append_detached(log, detached, at.elapsed, &lines, owners));
            }
            Input::DetachedClosed { source, at, detached, still_linked, partial } => {
                let end = still_linked.then_some(partial);
                self.watched.on_task(source, |task, log, owners| task.close_detached(log, detached, at.elapsed, end, owners));
            }
            Input::Lines { source, at, lines } => {
                self.watched.record_activity(source, at);
                self.watched.on_task(source, |task, log, owners| task.read(log, at.elapsed, &lines, owners));
            }
            Input::PartialLine { source, at, partial } => self.watched.on_log(source, at, |log, _| log.read_partial_line(partial)),
            Input::RereadDone { source, at, partial } => {
                self.watched.on_log(source, at, |log, now| log.end_reread(now, partial));
                return self.watched.block_if_reset(source, at).then(|| self.advice());
            }
            Input::Document { source, at, text } => return self.watched.read_document(source, at, text).then(|| self.advice()),
            Input::FileModified { source, at } => self.watched.record_file_time(source, at),
            Input::Missing { source, at } => self.watched.record_missing(source, at),
            Input::Notice { source, at: _, notice } => {
                if let (Some(source), NoticeKind::Unreadable) = (source, notice.kind) {
                    self.watched.slots[source.0 as usize].condition = SourceCondition::Unreadable;
                }
                self.add_notice(notice);
            }
            Input::ProcessEnded { source, at } => {
                let slot = &self.watched.slots[source.0 as usize];
                if let SourceRole::Status(status) = slot.role {
                    self.watched.tasks[slot.task].statuses[status].record_process_end(at.elapsed);
                }
            }
            Input::Agent { at, input } => self.agents.feed(input, at.wall),
            Input::InitialScanDone => {
                self.watched.live = true;
                self.watched.owners.forget_published();
            }
            Input::Finish => self.finishing = true,
        }
        None
    }

    /// All inputs since the last tick were read at once: decides what they mean. Of many events it brings the first thousands, and
    /// another tick at the same time the next.
    pub fn tick(&mut self, now: ClockReading) -> Output {
        let mut events = Vec::new();
        // Not every change is an event: a story that falls back is believed without one.
        let mut changed = false;
        if let Some(jump) = self.ticked.replace(now).and_then(|last| now.jump_since(last)) {
            self.watched.tasks.iter_mut().for_each(|task| task.run.model.record_clock_jump(now.wall, jump));
        }
        let finish = self.finishing;
        let first = self.unfinished.take().unwrap_or_default();
        for index in first..self.watched.tasks.len() {
            let mut tick = TaskTick {
                owners: &mut self.watched.owners,
                now,
                finish,
                live: self.watched.live,
                at_end: self.settings.reads_once,
                mute: !self.watched.live && (self.mutes_history || !self.settings.emit_history && !self.watched.tasks[index].restored),
                events: Vec::new(),
                notices: Vec::new(),
            };
            let revision = self.watched.tasks[index].run.model.revision();
            let is_done = tick.run(&mut self.watched.tasks[index]);
            changed |= self.watched.tasks[index].run.model.revision() != revision;
            events.append(&mut tick.events);
            tick.notices.into_iter().for_each(|notice| self.add_notice(notice));
            let next = if is_done { index + 1 } else { index };
            if next < self.watched.tasks.len() && (!is_done || events.len() >= MANY_EVENTS) {
                self.unfinished = Some(next);
                break;
            }
        }
        self.finishing &= self.unfinished.is_some();
        if !self.published.is_empty() {
            events.retain(|event| !self.published.remove(&event.id));
        }
        let mut shown = Shown::new(self.settings.redact);
        for event in &mut events {
            self.seq.0 += 1;
            event.seq = self.seq;
            shown.event(event);
        }
        if shown.has_cut && !std::mem::replace(&mut self.cut_reported, true) {
            self.add_notice(shown::cut_notice(now.wall));
        }
        changed |= self.agents.tick(&mut self.watched.tasks, self.watched.live, now);
        if changed || now.elapsed >= self.estimated + ESTIMATE_INTERVAL {
            self.state_version += 1;
            self.estimated = now.elapsed;
        }
        Output {
            events,
            notices: std::mem::take(&mut self.new_notices),
            state_version: self.state_version,
            next_tick: self.next_tick(),
            has_more: self.unfinished.is_some(),
            advice: self.advice(),
        }
    }

    fn next_tick(&self) -> Option<Duration> {
        let ticked = self.ticked.map_or(Duration::ZERO, |last| last.elapsed);
        let sources = self.watched.tasks.iter().flat_map(|task| {
            let logs = task.logs.iter().filter_map(|source| source.deadline(ticked));
            let plans = task.plans.iter().filter_map(|source| source.deadline(ticked));
            logs.chain(plans).chain(task.gone_deadline(ticked))
        });
        let estimate = self.watched.tasks.iter().any(|task| task.run.model.is_running()).then_some(self.estimated + ESTIMATE_INTERVAL);
        let run_switch = self.watched.tasks.iter().any(|task| task.run_switch_pending).then_some(ticked);
        sources.chain(estimate).chain(run_switch).chain(self.agents.deadline()).min()
    }

    /// How to read each source, by its number. Every tick brings it anew; this is for the time before, and after [`Engine::add_sources`].
    pub fn advice(&self) -> Vec<SourceAdvice> {
        let advice = self.watched.slots.iter().map(|slot| {
            let task = &self.watched.tasks[slot.task];
            let log = slot.role.log();
            // A pending plan may decide which task owns a record.
            let readers = self.watched.owners.readers(slot.file);
            let wait = task.is_blocked(log) || readers.iter().any(|task| self.watched.tasks[*task].is_blocked(None));
            log.map_or(SourceAdvice { wait, ..SourceAdvice::default() }, |log| SourceAdvice { wait, ..task.logs[log].advice() })
        });
        advice.collect()
    }

    /// The processes that status files name, which the reader watches.
    pub fn processes(&self) -> Vec<NamedProcess> {
        self.watched.processes()
    }

    /// Keeps nothing of a file that was read to its end and is no runner's, where there are so many that it matters. Returns whether that
    /// is so; when it changes, it is to be read from its start.
    pub fn let_go(&mut self, source: SourceId, now: ClockReading) -> bool {
        let slot = &self.watched.slots[source.0 as usize];
        match slot.role {
            SourceRole::Log(log) if self.watched.slots.len() > MANY_SOURCES => {
                self.watched.tasks[slot.task].let_go(log, now, self.watched.live)
            }
            SourceRole::Log(_) | SourceRole::Plan(_) | SourceRole::Status(_) => false,
        }
    }

    /// The snapshot of the state.
    pub fn state(&self, now: ClockReading) -> State {
        self.snapshot(now, StoryDetail::Whole)
    }

    /// The snapshot without the stories of its tasks.
    pub fn outline(&self, now: ClockReading) -> State {
        self.snapshot(now, StoryDetail::LeftOut)
    }

    fn snapshot(&self, now: ClockReading, detail: StoryDetail) -> State {
        let (tasks, unlisted) = snapshot::tasks(&self.watched.tasks, &self.watched.slots, &self.agents, now.wall, detail);
        let files = snapshot::file_counts(&self.watched.tasks, &self.watched.slots);
        let notices = self.notices.iter().cloned().collect();
        let mut state = State { schema: SCHEMA, server_time: now.wall, seq: self.seq, tasks, unlisted, notices, files };
        Shown::new(self.settings.redact).state(&mut state);
        state
    }

    /// The checkpoint as of the last tick. `None` while counted facts wait for the next tick, because a restart would lose them.
    pub fn checkpoint(&self, at: Timestamp) -> Option<EngineCheckpoint> {
        if self.unfinished.is_some() || self.watched.tasks.iter().any(|task| task.logs.iter().any(|log| log.counts.has_unpublished())) {
            return None;
        }
        // Files that are not watched at present stay in it.
        let mut checkpoint = self.checkpoint.clone().unwrap_or_else(|| EngineCheckpoint::new(self.seq, at));
        checkpoint.seq = self.seq;
        checkpoint.at = at;
        for task in &self.watched.tasks {
            checkpoint.tasks.insert(task.checkpoint_key.clone(), task.run.checkpoint(self.watched.owners.records_of(task.index)));
        }
        for slot in &self.watched.slots {
            let task = &self.watched.tasks[slot.task];
            let source = match slot.role {
                SourceRole::Log(log) => SourceCheckpoint::Log(Box::new(task.logs[log].checkpoint())),
                SourceRole::Plan(plan) => SourceCheckpoint::Plan(Box::new(task.plans[plan].clone())),
                // It is small, and read anew.
                SourceRole::Status(_) => continue,
            };
            checkpoint.sources.insert(slot.key.clone(), source);
        }
        Some(checkpoint)
    }

    /// Whether the last [`Engine::checkpoint`] covers all that was read of a source.
    pub fn is_counted(&self, source: SourceId) -> bool {
        let slot = &self.watched.slots[source.0 as usize];
        slot.role.log().is_none_or(|log| self.watched.tasks[slot.task].logs[log].is_counted())
    }

    /// Goes on after the last event of an earlier process. `uncovered` are the events after its last checkpoint: they are found again and
    /// are not emitted again.
    pub fn skip_published<'a>(&mut self, newest: Seq, uncovered: impl Iterator<Item = &'a Event>) {
        self.seq = self.seq.max(newest);
        for event in uncovered {
            self.published.insert(event.id);
            self.watched.owners.add_published(event);
        }
    }

    /// Goes on from a checkpoint. Called before the first input.
    pub fn restore(&mut self, mut checkpoint: EngineCheckpoint, now: ClockReading) {
        self.seq = self.seq.max(checkpoint.seq);
        // Records of a task that is not watched at present belong to no other task.
        self.watched.owners.restore(None, checkpoint.tasks.values().flat_map(|task| &task.records));
        if checkpoint.is_of_another_reader() {
            self.mutes_history = true;
            checkpoint.sources.clear();
            let message = "was kept by another version: what the files hold now counts as already told";
            let notice = Notice { kind: NoticeKind::Store, path: None, message: message.into(), at: now.wall };
            self.feed(Input::Notice { source: None, at: now, notice });
        }
        self.checkpoint = Some(checkpoint);
        self.restore_added(0, 0, now);
    }

    /// Gives tasks and sources from these numbers on their parts of the checkpoint.
    fn restore_added(&mut self, first_task: usize, first_source: usize, now: ClockReading) {
        let Some(checkpoint) = &mut self.checkpoint else { return };
        let down = Duration::from_millis(now.wall.since(checkpoint.at).unwrap_or(0));
        let missing_since = (down < REAPPEAR_AFTER).then_some(now.elapsed);
        for task in &mut self.watched.tasks[first_task..] {
            if let Some(kept) = checkpoint.tasks.remove(&task.checkpoint_key) {
                self.watched.owners.restore(Some(task.index), &kept.records);
                task.restore(kept);
            }
        }
        for slot in &self.watched.slots[first_source..] {
            let task = &mut self.watched.tasks[slot.task];
            match (slot.role, checkpoint.sources.remove(&slot.key)) {
                (SourceRole::Log(log), Some(SourceCheckpoint::Log(kept))) => task.logs[log].restore(*kept, missing_since),
                (SourceRole::Plan(plan), Some(SourceCheckpoint::Plan(kept))) => {
                    task.restore_plan(plan, *kept);
                    task.has_new_document = true;
                    task.newest_plan().into_iter().for_each(|plan| self.watched.owners.set_plan(task.index, plan));
                }
                (SourceRole::Log(_) | SourceRole::Plan(_) | SourceRole::Status(_), Some(_) | None) => {}
            }
        }
    }

    fn add_notice(&mut self, mut notice: Notice) {
        Shown::new(self.settings.redact).notice(&mut notice);
        self.state_version += 1;
        self.new_notices.push(notice.clone());
        self.notices.push_back(notice);
        let surplus = self.notices.len().saturating_sub(MAX_NOTICES);
        self.notices.drain(..surplus);
    }
}
