//! The watched tasks and their sources: an input finds its source and its task here.

use std::sync::Arc;
use std::time::Duration;

use crate::agent::Allowance;
use crate::clock::{ClockReading, Timestamp};
use crate::discover::{Shape, Source, Task as FoundTask};
use crate::format::ParserConfig;
use crate::ledger::Verdict;
use crate::line::SourceId;
use crate::model::state::SourceCondition;

use super::EngineSettings;
use super::log_source::LogSource;
use super::ownership::RecordOwners;
use super::plan_source::PlanSource;
use super::source_slot::{NamedProcess, SourceRole, SourceSlot};
use super::status_source::StatusSource;
use super::task::TaskEngine;

#[derive(Default)]
pub(super) struct TaskSet {
    pub(super) tasks: Vec<TaskEngine>,
    /// By the numbers of the sources.
    pub(super) slots: Vec<SourceSlot>,
    pub(super) owners: RecordOwners,
    /// The initial scan is done.
    pub(super) live: bool,
}

impl TaskSet {
    /// Adds tasks and their sources; their numbers follow those before.
    pub(super) fn add(&mut self, tasks: &[FoundTask], sources: &[Source], settings: &EngineSettings) {
        for task in tasks {
            self.tasks.push(TaskEngine::new(task, self.tasks.len(), settings.source_text, settings.infer));
            self.owners.add_task(&task.name);
        }
        let (level, zone) = (settings.agents, &settings.zone);
        let allowance = |task: &TaskEngine| Arc::new(Allowance::new(level, vec![task.folder.clone()], None, zone.clone()));
        let allowances: Vec<_> = self.tasks.iter().map(allowance).collect();
        for source in sources {
            let index = source.task.0 as usize;
            let task = &mut self.tasks[index];
            let file = source.shared_path.as_ref().map(|real| self.owners.add_file(real, index));
            let role = match source.shape {
                Shape::Lines | Shape::Stream => {
                    let config = ParserConfig::new(&source.path, settings.zone.clone(), &settings.rules);
                    if task.logs.is_empty() {
                        // Most tasks have one.
                        task.logs.reserve_exact(1);
                    }
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
            self.slots.push(SourceSlot {
                key: source.key.clone(),
                file,
                task: index,
                role,
                condition: SourceCondition::Waiting,
                is_named: source.named,
            });
        }
    }

    /// The processes that status files name, which the reader watches.
    pub(super) fn processes(&self) -> Vec<NamedProcess> {
        let named = self.slots.iter().zip(0..).filter_map(|(slot, index)| {
            let SourceRole::Status(status) = slot.role else { return None };
            let source = &self.tasks[slot.task].statuses[status];
            Some(NamedProcess { source: SourceId(index), process: source.process()?.clone(), written: source.written })
        });
        named.collect()
    }

    pub(super) fn on_log(&mut self, source: SourceId, at: ClockReading, act: impl FnOnce(&mut LogSource, Duration)) {
        self.record_activity(source, at);
        let slot = &self.slots[source.0 as usize];
        match slot.role {
            SourceRole::Log(log) => act(&mut self.tasks[slot.task].logs[log], at.elapsed),
            SourceRole::Plan(_) | SourceRole::Status(_) => debug_assert!(false, "the reader fed a document as lines"),
        }
    }

    pub(super) fn on_task(&mut self, source: SourceId, act: impl FnOnce(&mut TaskEngine, usize, &mut RecordOwners)) {
        let slot = &self.slots[source.0 as usize];
        match slot.role {
            SourceRole::Log(log) => act(&mut self.tasks[slot.task], log, &mut self.owners),
            SourceRole::Plan(_) | SourceRole::Status(_) => debug_assert!(false, "the reader fed a document as lines"),
        }
    }

    /// The content of a source is about to be replaced; `detached` when the file itself is.
    pub(super) fn commit_early(&mut self, source: SourceId, at: ClockReading, detached: bool) {
        let live = self.live;
        self.on_task(source, |task, log, owners| task.commit_early(log, at.elapsed, live, detached, owners));
    }

    /// Reads a version of a document. Returns whether other sources of the task must wait for it, or need not wait any more.
    pub(super) fn read_document(&mut self, source: SourceId, at: ClockReading, text: String) -> bool {
        self.record_activity(source, at);
        let slot = &self.slots[source.0 as usize];
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
    pub(super) fn record_activity(&mut self, source: SourceId, at: ClockReading) {
        let slot = &mut self.slots[source.0 as usize];
        slot.condition = SourceCondition::Reading;
        let (index, is_work) = (slot.task, !matches!(slot.role, SourceRole::Status(_)));
        if self.tasks[index].gone_since.take().is_some() || is_work {
            self.tasks[index].run.model.resume();
        }
        let slot = &self.slots[source.0 as usize];
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
    pub(super) fn record_file_time(&mut self, source: SourceId, at: Timestamp) {
        let slot = &self.slots[source.0 as usize];
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

    pub(super) fn record_missing(&mut self, source: SourceId, at: ClockReading) {
        let slot = &mut self.slots[source.0 as usize];
        slot.condition = match slot.condition {
            SourceCondition::Reading | SourceCondition::Gone => SourceCondition::Gone,
            SourceCondition::Waiting | SourceCondition::Unreadable => SourceCondition::Waiting,
        };
        let (task, role, condition) = (slot.task, slot.role, slot.condition);
        let is_left = !self.slots.iter().any(|slot| slot.task == task && slot.condition == SourceCondition::Reading);
        let task = &mut self.tasks[task];
        let ends = matches!(role, SourceRole::Status(status) if task.statuses[status].ends_when_missing());
        if condition == SourceCondition::Gone && (is_left || ends) && task.gone_since.is_none() {
            task.gone_since = Some(at.elapsed);
        }
    }

    /// Makes the other sources of the task wait when a log seems to be reset for a new run. Returns whether they did not wait before.
    pub(super) fn block_if_reset(&mut self, source: SourceId, at: ClockReading) -> bool {
        let slot = &self.slots[source.0 as usize];
        let (Some(log), task) = (slot.role.log(), &mut self.tasks[slot.task]) else { return false };
        let evaluation = task.evaluate(log, at.elapsed, false, &mut self.owners);
        let may_be_reset = evaluation.is_some_and(|evaluation| evaluation.verdict == Verdict::Wait { hold: true });
        may_be_reset && task.blocking_logs.insert(log)
    }
}
