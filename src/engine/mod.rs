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
#[cfg(test)]
mod tests;
mod tick;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::agent::{AgentInput, Allowance};
use crate::clock::{ClockReading, Timestamp};
use crate::discover::{Added, Shape, Source, Task as FoundTask};
use crate::error::{Notice, NoticeKind};
use crate::event::{Event, EventId, SCHEMA, Seq};
use crate::format::{ParserConfig, Rules};
use crate::input::Input;
use crate::ledger::{REAPPEAR_AFTER, Verdict};
use crate::line::SourceId;
use crate::model::agent::{AgentActivity, AgentLevel};
use crate::model::state::{SourceCondition, State};
use agents::AgentSessions;
pub use checkpoint::EngineCheckpoint;
use checkpoint::SourceCheckpoint;
use log_source::LogSource;
pub use output::{Output, SourceAdvice};
use ownership::RecordOwners;
use plan_source::PlanSource;
use shown::Shown;
pub(crate) use source_slot::NamedProcess;
use source_slot::{SourceRole, SourceSlot};
use status_source::StatusSource;
use task::TaskEngine;
use tick::TaskTick;

/// Most notices that the state shows.
const MAX_NOTICES: usize = 20;
/// With more sources than this, those that are no runner's are let go. With fewer, what is not understood of them is shown.
const MANY_SOURCES: usize = 200;
/// While a run goes on, the state's remaining time and quietness are renewed this often.
const ESTIMATE_INTERVAL: Duration = Duration::from_secs(20);

/// Statement the engine needs to know from the start.
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
    tasks: Vec<TaskEngine>,
    sources: Vec<SourceSlot>,
    owners: RecordOwners,
    agents: AgentSessions,
    seq: Seq,
    notices: VecDeque<Notice>,
    /// The notice about texts that are cut was given.
    cut_reported: bool,
    /// Notices that no output has had yet.
    new_notices: Vec<Notice>,
    /// The initial scan is done.
    live: bool,
    /// What the initial scan finds counts as told, whatever the settings say.
    mutes_history: bool,
    /// No input follows the next tick.
    finishing: bool,
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
            tasks: Vec::new(),
            sources: Vec::new(),
            owners: RecordOwners::default(),
            agents: AgentSessions::default(),
            seq: Seq(0),
            notices: VecDeque::new(),
            cut_reported: false,
            new_notices: Vec::new(),
            live: false,
            mutes_history: false,
            finishing: false,
            state_version: 1,
            estimated: Duration::ZERO,
            ticked: None,
            checkpoint: None,
            published: HashSet::new(),
        };
        engine.add(&tasks, &sources);
        engine
    }

    /// Adds tasks and sources that were found later; their numbers follow those before.
    pub fn add_sources(&mut self, added: &Added, now: ClockReading) {
        let (first_task, first_source) = (self.tasks.len(), self.sources.len());
        self.add(&added.tasks, &added.sources);
        self.restore_added(first_task, first_source, now);
        self.state_version += 1;
    }

    fn add(&mut self, tasks: &[FoundTask], sources: &[Source]) {
        for task in tasks {
            self.tasks.push(TaskEngine::new(task, self.tasks.len(), self.settings.source_text, self.settings.infer));
            self.owners.add_task(&task.name);
        }
        let (level, zone) = (self.settings.agents, &self.settings.zone);
        let allowance = |task: &TaskEngine| Arc::new(Allowance::new(level, vec![task.folder.clone()], None, zone.clone()));
        let allowances: Vec<_> = self.tasks.iter().map(allowance).collect();
        for source in sources {
            let index = source.task.0 as usize;
            let task = &mut self.tasks[index];
            let file = source.shared_path.as_ref().map(|real| self.owners.add_file(real, index));
            let role = match source.shape {
                Shape::Lines | Shape::Stream => {
                    let config = ParserConfig::new(&source.path, self.settings.zone.clone(), &self.settings.rules);
                    task.logs.push(LogSource::new(&source.display_path, file, source.machine_name, config, allowances[index].clone()));
                    SourceRole::Log(task.logs.len() - 1)
                }
                Shape::Document => {
                    task.plans.push(PlanSource::new(&source.display_path));
                    SourceRole::Plan(task.plans.len() - 1)
                }
                Shape::Status => {
                    task.statuses.push(StatusSource::new(&source.display_path));
                    SourceRole::Status(task.statuses.len() - 1)
                }
            };
            self.sources.push(SourceSlot {
                key: source.key.clone(),
                file,
                task: index,
                role,
                condition: SourceCondition::Waiting,
                is_named: source.named,
            });
        }
    }

    /// Takes what was read of agents' sessions.
    pub fn feed_agent(&mut self, input: AgentInput, now: ClockReading) {
        self.agents.feed(input, now.wall);
    }

    /// Rises whenever [`Engine::activities`] change.
    pub fn agents_version(&self) -> u64 {
        self.agents.version(&self.tasks)
    }

    /// What the agents do, each with its task.
    pub fn activities(&self, now: ClockReading) -> Vec<AgentActivity> {
        let mut activities = self.agents.activities(&self.tasks, now.wall);
        activities.iter_mut().for_each(|activity| Shown::new(self.settings.redact).agent(&mut activity.state));
        activities
    }

    /// Takes one input. Returns new advice when the input changes which sources must wait.
    pub fn feed(&mut self, input: Input) -> Option<Vec<SourceAdvice>> {
        match input {
            Input::RereadBegun { source, at, reason } => {
                self.commit_early(source, at, false);
                self.on_log(source, at, |log, now| log.begin_reread(now, reason));
            }
            Input::Edited { source, at, reason, edit, lines } => {
                self.record_activity(source, at);
                self.on_task(source, |task, log, owners| {
                    let (task, log) = (task.index, &mut task.logs[log]);
                    let file = log.file;
                    log.edit(at.elapsed, reason, edit, &lines, |fact| owners.owns(task, file, fact));
                });
            }
            Input::RestoreDone { source, at } => {
                self.record_activity(source, at);
                self.on_task(source, |task, log, owners| task.skip_published(log, at.elapsed, owners));
            }
            Input::Detached { source, at, detached } => {
                self.commit_early(source, at, true);
                self.on_log(source, at, |log, _| log.detach(detached));
            }
            Input::DetachedLines { source, at, detached, lines } => {
                self.record_activity(source, at);
                self.on_task(source, |task, log, owners| task.append_detached(log, detached, &lines, owners));
            }
            Input::DetachedClosed { source, at: _, detached, still_linked, partial } => {
                let end = still_linked.then_some(partial);
                self.on_task(source, |task, log, owners| task.close_detached(log, detached, end, owners));
            }
            Input::Lines { source, at, lines } => {
                self.record_activity(source, at);
                self.on_task(source, |task, log, owners| task.read(log, at.elapsed, &lines, owners));
            }
            Input::PartialLine { source, at, partial } => self.on_log(source, at, |log, _| log.read_partial_line(partial)),
            Input::RereadDone { source, at, partial } => {
                self.on_log(source, at, |log, now| log.end_reread(now, partial));
                return self.block_if_reset(source, at).then(|| self.advice());
            }
            Input::Document { source, at, text } => return self.read_document(source, at, text).then(|| self.advice()),
            Input::FileModified { source, at } => self.record_file_time(source, at),
            Input::Missing { source, at } => self.record_missing(source, at),
            Input::Notice { source, at: _, notice } => {
                if let (Some(source), NoticeKind::Unreadable) = (source, notice.kind) {
                    self.sources[source.0 as usize].condition = SourceCondition::Unreadable;
                }
                self.add_notice(notice);
            }
            Input::ProcessEnded { source, at } => {
                let slot = &self.sources[source.0 as usize];
                if let SourceRole::Status(status) = slot.role {
                    self.tasks[slot.task].statuses[status].record_process_end(at.elapsed);
                }
            }
            Input::InitialScanDone => {
                self.live = true;
                self.owners.forget_published();
            }
            Input::Finish => self.finishing = true,
        }
        None
    }

    /// All inputs since the last tick were read at once: decides what they mean.
    pub fn tick(&mut self, now: ClockReading) -> Output {
        let mut events = Vec::new();
        // Not every change is an event: a story that falls back is believed without one.
        let mut changed = false;
        if let Some(jump) = self.ticked.replace(now).and_then(|last| now.jump_since(last)) {
            self.tasks.iter_mut().for_each(|task| task.run.model.record_clock_jump(now.wall, jump));
        }
        let finish = std::mem::take(&mut self.finishing);
        for index in 0..self.tasks.len() {
            let mut tick = TaskTick {
                owners: &mut self.owners,
                now,
                finish,
                live: self.live,
                at_end: self.settings.reads_once,
                mute: !self.live && (self.mutes_history || !self.settings.emit_history && !self.tasks[index].restored),
                events: Vec::new(),
                notices: Vec::new(),
            };
            let revision = self.tasks[index].run.model.revision();
            tick.run(&mut self.tasks[index]);
            changed |= self.tasks[index].run.model.revision() != revision;
            events.append(&mut tick.events);
            tick.notices.into_iter().for_each(|notice| self.add_notice(notice));
        }
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
        changed |= self.agents.tick(&mut self.tasks, self.live, now);
        if changed || now.elapsed >= self.estimated + ESTIMATE_INTERVAL {
            self.state_version += 1;
            self.estimated = now.elapsed;
        }
        Output {
            events,
            notices: std::mem::take(&mut self.new_notices),
            state_version: self.state_version,
            next_tick: self.next_tick(),
            advice: self.advice(),
        }
    }

    fn next_tick(&self) -> Option<Duration> {
        let ticked = self.ticked.map_or(Duration::ZERO, |last| last.elapsed);
        let sources = self.tasks.iter().flat_map(|task| {
            let logs = task.logs.iter().filter_map(|source| source.deadline(ticked));
            let plans = task.plans.iter().filter_map(|source| source.deadline(ticked));
            logs.chain(plans).chain(task.gone_deadline(ticked))
        });
        let estimate = self.tasks.iter().any(|task| task.run.model.is_running()).then_some(self.estimated + ESTIMATE_INTERVAL);
        let run_switch = self.tasks.iter().any(|task| task.run_switch_pending).then_some(ticked);
        sources.chain(estimate).chain(run_switch).chain(self.agents.deadline()).min()
    }

    /// How to read each source, by its number. Every tick brings it anew; this is for the time before, and after [`Engine::add_sources`].
    pub fn advice(&self) -> Vec<SourceAdvice> {
        let advice = self.sources.iter().map(|slot| {
            let task = &self.tasks[slot.task];
            let log = slot.role.log();
            // A pending plan may decide which task owns a record.
            let readers = self.owners.readers(slot.file);
            let wait = task.is_blocked(log) || readers.iter().any(|task| self.tasks[*task].is_blocked(None));
            log.map_or(SourceAdvice { wait, ..SourceAdvice::default() }, |log| SourceAdvice { wait, ..task.logs[log].advice() })
        });
        advice.collect()
    }

    /// The processes that status files name, which the reader watches.
    pub fn processes(&self) -> Vec<NamedProcess> {
        let named = self.sources.iter().zip(0..).filter_map(|(slot, index)| {
            let SourceRole::Status(status) = slot.role else { return None };
            let source = &self.tasks[slot.task].statuses[status];
            Some(NamedProcess { source: SourceId(index), process: source.process()?.clone(), written: source.written })
        });
        named.collect()
    }

    /// Keeps nothing of a file that was read to its end and is no runner's, where there are so many that it matters. Returns whether that
    /// is so; when it changes, it is to be read from its start.
    pub fn let_go(&mut self, source: SourceId, now: ClockReading) -> bool {
        let slot = &self.sources[source.0 as usize];
        match slot.role {
            SourceRole::Log(log) if self.sources.len() > MANY_SOURCES => self.tasks[slot.task].let_go(log, now, self.live),
            SourceRole::Log(_) | SourceRole::Plan(_) | SourceRole::Status(_) => false,
        }
    }

    /// The snapshot of the state.
    pub fn state(&self, now: ClockReading) -> State {
        let (tasks, unlisted) = snapshot::tasks(&self.tasks, &self.sources, &self.agents, now.wall);
        let files = snapshot::file_counts(&self.tasks, &self.sources);
        let notices = self.notices.iter().cloned().collect();
        let mut state = State { schema: SCHEMA, server_time: now.wall, seq: self.seq, tasks, unlisted, notices, files };
        Shown::new(self.settings.redact).state(&mut state);
        state
    }

    /// The checkpoint as of the last tick. `None` while counted facts wait for the next tick, because a restart would lose them.
    pub fn checkpoint(&self, at: Timestamp) -> Option<EngineCheckpoint> {
        if self.tasks.iter().any(|task| task.logs.iter().any(|log| log.counts.has_unpublished())) {
            return None;
        }
        // Files that are not watched at present stay in it.
        let mut checkpoint = self.checkpoint.clone().unwrap_or_else(|| EngineCheckpoint::new(self.seq, at));
        checkpoint.seq = self.seq;
        checkpoint.at = at;
        for task in &self.tasks {
            checkpoint.tasks.insert(task.checkpoint_key.clone(), task.run.checkpoint(self.owners.records_of(task.index)));
        }
        for slot in &self.sources {
            let task = &self.tasks[slot.task];
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
        let slot = &self.sources[source.0 as usize];
        slot.role.log().is_none_or(|log| self.tasks[slot.task].logs[log].is_counted())
    }

    /// Goes on after the last event of an earlier process. `uncovered` are the events after its last checkpoint: they are found again and
    /// are not emitted again.
    pub fn skip_published<'a>(&mut self, newest: Seq, uncovered: impl Iterator<Item = &'a Event>) {
        self.seq = self.seq.max(newest);
        for event in uncovered {
            self.published.insert(event.id);
            self.owners.add_published(event);
        }
    }

    /// Goes on from a checkpoint. Called before the first input.
    pub fn restore(&mut self, mut checkpoint: EngineCheckpoint, now: ClockReading) {
        self.seq = self.seq.max(checkpoint.seq);
        // Records of a task that is not watched at present belong to no other task.
        self.owners.restore(None, checkpoint.tasks.values().flat_map(|task| &task.records));
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
        for task in &mut self.tasks[first_task..] {
            if let Some(kept) = checkpoint.tasks.remove(&task.checkpoint_key) {
                self.owners.restore(Some(task.index), &kept.records);
                task.restore(kept);
            }
        }
        for slot in &self.sources[first_source..] {
            let task = &mut self.tasks[slot.task];
            match (slot.role, checkpoint.sources.remove(&slot.key)) {
                (SourceRole::Log(log), Some(SourceCheckpoint::Log(kept))) => task.logs[log].restore(*kept, missing_since),
                (SourceRole::Plan(plan), Some(SourceCheckpoint::Plan(kept))) => {
                    task.restore_plan(plan, *kept);
                    task.has_new_document = true;
                    task.newest_plan().into_iter().for_each(|plan| self.owners.set_plan(task.index, plan));
                }
                (SourceRole::Log(_) | SourceRole::Plan(_) | SourceRole::Status(_), Some(_) | None) => {}
            }
        }
    }

    fn on_log(&mut self, source: SourceId, at: ClockReading, act: impl FnOnce(&mut LogSource, Duration)) {
        self.record_activity(source, at);
        let slot = &self.sources[source.0 as usize];
        match slot.role {
            SourceRole::Log(log) => act(&mut self.tasks[slot.task].logs[log], at.elapsed),
            SourceRole::Plan(_) | SourceRole::Status(_) => debug_assert!(false, "the reader fed a document as lines"),
        }
    }

    fn on_task(&mut self, source: SourceId, act: impl FnOnce(&mut TaskEngine, usize, &mut RecordOwners)) {
        let slot = &self.sources[source.0 as usize];
        match slot.role {
            SourceRole::Log(log) => act(&mut self.tasks[slot.task], log, &mut self.owners),
            SourceRole::Plan(_) | SourceRole::Status(_) => debug_assert!(false, "the reader fed a document as lines"),
        }
    }

    /// The content of a source is about to be replaced; `detached` when the file itself is.
    fn commit_early(&mut self, source: SourceId, at: ClockReading, detached: bool) {
        let live = self.live;
        self.on_task(source, |task, log, owners| task.commit_early(log, at.elapsed, live, detached, owners));
    }

    /// Reads a version of a document. Returns whether other sources of the task must wait for it, or need not wait any more.
    fn read_document(&mut self, source: SourceId, at: ClockReading, text: String) -> bool {
        self.record_activity(source, at);
        let slot = &self.sources[source.0 as usize];
        let task = &mut self.tasks[slot.task];
        let mut changes_waits = false;
        match slot.role {
            SourceRole::Plan(plan) => {
                let had_other_run = task.plans[plan].has_other_run();
                task.plans[plan].read(at.elapsed, text);
                task.has_new_document = true;
                changes_waits = had_other_run != task.plans[plan].has_other_run();
            }
            SourceRole::Status(status) => task.statuses[status].read(&text),
            SourceRole::Log(_) => debug_assert!(false, "the reader fed lines as a document"),
        }
        if let Some(plan) = task.newest_plan() {
            self.owners.set_plan(slot.task, plan);
        }
        changes_waits
    }

    /// A source was read. Its task was active then, unless this is the initial scan, or a shared log, whose records tell which task was.
    fn record_activity(&mut self, source: SourceId, at: ClockReading) {
        let slot = &mut self.sources[source.0 as usize];
        slot.condition = SourceCondition::Reading;
        self.state_version += 1;
        let (index, is_work) = (slot.task, !matches!(slot.role, SourceRole::Status(_)));
        if self.tasks[index].gone_since.take().is_some() || is_work {
            self.tasks[index].run.model.resume();
        }
        let slot = &self.sources[source.0 as usize];
        if !self.live || self.owners.is_shared(slot.file) {
            return;
        }
        let task = &mut self.tasks[slot.task];
        match slot.role {
            SourceRole::Log(log) => {
                task.logs[log].written = Some(at.wall);
                let path = task.logs[log].path.clone();
                task.inference.record_change(at.wall, &path);
                task.run.model.record_activity(at.wall, &path);
            }
            // What it states tells whether it is a sign of life: see [`TaskTick`].
            SourceRole::Plan(plan) => task.plans[plan].written = Some(at.wall),
            // The runner is alive.
            SourceRole::Status(status) => {
                task.statuses[status].written = Some(at.wall);
                let path = task.statuses[status].path.clone();
                task.run.model.record_activity(at.wall, &path);
            }
        }
        self.owners.record_activity(slot.task, at.wall);
    }

    /// A file was found that was last written at `at`.
    fn record_file_time(&mut self, source: SourceId, at: Timestamp) {
        let slot = &self.sources[source.0 as usize];
        let task = &mut self.tasks[slot.task];
        match slot.role {
            SourceRole::Log(log) => task.logs[log].written = Some(at),
            SourceRole::Plan(plan) => task.plans[plan].written = Some(at),
            SourceRole::Status(status) => task.statuses[status].written = Some(at),
        }
        if !self.owners.is_shared(slot.file) {
            let path = slot.role.path(task).clone();
            task.run.model.record_activity(at, &path);
            self.owners.record_activity(slot.task, at);
        }
    }

    fn record_missing(&mut self, source: SourceId, at: ClockReading) {
        let slot = &mut self.sources[source.0 as usize];
        slot.condition = match slot.condition {
            SourceCondition::Reading | SourceCondition::Gone => SourceCondition::Gone,
            SourceCondition::Waiting | SourceCondition::Unreadable => SourceCondition::Waiting,
        };
        self.state_version += 1;
        let (task, role, condition) = (slot.task, slot.role, slot.condition);
        let is_left = !self.sources.iter().any(|slot| slot.task == task && slot.condition == SourceCondition::Reading);
        let task = &mut self.tasks[task];
        let ends = matches!(role, SourceRole::Status(status) if task.statuses[status].ends_when_missing());
        if condition == SourceCondition::Gone && (is_left || ends) && task.gone_since.is_none() {
            task.gone_since = Some(at.elapsed);
        }
    }

    /// Makes the other sources of the task wait when a log seems to be reset for a new run. Returns whether they did not wait before.
    fn block_if_reset(&mut self, source: SourceId, at: ClockReading) -> bool {
        let slot = &self.sources[source.0 as usize];
        let (Some(log), task) = (slot.role.log(), &mut self.tasks[slot.task]) else { return false };
        let evaluation = task.evaluate(log, at.elapsed, false, &mut self.owners);
        let may_be_reset = evaluation.is_some_and(|evaluation| evaluation.verdict == Verdict::Wait { hold: true });
        may_be_reset && task.blocking_logs.insert(log)
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
