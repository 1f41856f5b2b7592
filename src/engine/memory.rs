//! What a engine must remember to go on counting where the last one was killed. Plain data; whoever keeps it is not known here.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{ClockReading, Timestamp};
use crate::discover::SourceKey;
use crate::event::{Event, Seq};
use crate::ledger::{self, GONE, Run, Slot};
use crate::model;

use super::claims::Claims;
use super::document::PlanSource;
use super::lines::LineSource;
use super::resolve::Resolver;
use super::task::Task;
use super::{Engine, Machine};

/// Everything that was counted and shown, by the folders of tasks and the names of files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Memory {
    /// The last event that is in it.
    pub seq: Seq,
    at: Timestamp,
    tasks: HashMap<PathBuf, TaskMemory>,
    sources: HashMap<SourceKey, SourceMemory>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TaskMemory {
    pub(super) run: Run,
    pub(super) run_name: Option<String>,
    pub(super) runs: HashMap<String, u32>,
    pub(super) untold: bool,
    pub(super) resolver: Resolver,
    pub(super) model: model::TaskModel,
    /// Records of shared logs that are its own.
    records: Vec<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum SourceMemory {
    Lines(Box<LineMemory>),
    Plan(Box<PlanSource>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LineMemory {
    pub(super) ledger: ledger::Source,
    pub(super) shown: Vec<(Slot, u32)>,
    pub(super) remembered: Remembered,
}

/// What was known of a file that has not been read again yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// The entry at its end had been judged as it stood.
    pub(super) settled: bool,
    pub(super) start_line: Option<String>,
    /// Its content was a machine's.
    pub(super) machine: bool,
}

impl Engine {
    /// What to remember as of the last `Tick`. Nothing while something has been counted that was not told yet: it would be lost.
    pub fn memory(&self, at: Timestamp) -> Option<Memory> {
        if self.tasks.iter().any(|task| task.lines.iter().any(|line| line.has_untold())) {
            return None;
        }
        // What was remembered of files that are not watched at present is remembered further.
        let mut memory = self.remembered.clone().unwrap_or_else(|| Memory::new(self.seq, at));
        memory.seq = self.seq;
        memory.at = at;
        for task in &self.tasks {
            memory.tasks.insert(task.folder.clone(), task.memory(&self.claims));
        }
        for place in &self.sources {
            let task = &self.tasks[place.task];
            let source = match place.machine {
                Machine::Lines(line) => SourceMemory::Lines(Box::new(task.lines[line].memory())),
                Machine::Plan(plan) => SourceMemory::Plan(Box::new(task.plans[plan].clone())),
            };
            memory.sources.insert(place.key.clone(), source);
        }
        Some(memory)
    }

    /// The numbering goes on behind `seq`, and these events have been published.
    pub fn go_on<'a>(&mut self, seq: Seq, published: impl Iterator<Item = &'a Event>) {
        self.seq = self.seq.max(seq);
        self.published = published.inspect(|event| self.claims.told(event)).map(|event| event.id).collect();
    }

    /// Goes on with what an earlier process remembered, before anything is read.
    pub fn restore(&mut self, memory: Memory, now: ClockReading) {
        self.seq = self.seq.max(memory.seq);
        // Those of tasks that are not there are nobody else's.
        self.claims.restore(None, memory.tasks.values().flat_map(|task| &task.records));
        self.remembered = Some(memory);
        self.remember(0, 0, now);
    }

    /// Hands what is remembered of tasks and sources from these numbers on to them.
    pub(super) fn remember(&mut self, first_task: usize, first_source: usize, now: ClockReading) {
        let Some(memory) = &mut self.remembered else { return };
        let down = Duration::from_millis(now.wall.since(memory.at).unwrap_or(0));
        let just_gone = (down < GONE).then_some(now.elapsed);
        for task in &mut self.tasks[first_task..] {
            if let Some(kept) = memory.tasks.remove(&task.folder) {
                self.claims.restore(Some(task.at), &kept.records);
                task.restore(kept);
            }
        }
        for place in &self.sources[first_source..] {
            let task = &mut self.tasks[place.task];
            match (place.machine, memory.sources.remove(&place.key)) {
                (Machine::Lines(line), Some(SourceMemory::Lines(kept))) => task.lines[line].restore(*kept, just_gone),
                (Machine::Plan(plan), Some(SourceMemory::Plan(kept))) => {
                    task.restore_plan(plan, *kept);
                    task.newest_plan().into_iter().for_each(|plan| self.claims.set_plan(task.at, plan));
                }
                (Machine::Lines(_) | Machine::Plan(_), Some(_) | None) => {}
            }
        }
    }
}

impl Task {
    /// What to remember of it.
    pub(super) fn memory(&self, claims: &Claims) -> TaskMemory {
        TaskMemory {
            run: self.run.clone(),
            run_name: self.run_name.clone(),
            runs: self.runs.clone(),
            untold: self.untold,
            resolver: self.resolver.clone(),
            model: self.model.clone(),
            records: claims.of_task(self.at),
        }
    }

    /// Goes on with what an earlier process knew.
    pub(super) fn restore(&mut self, kept: TaskMemory) {
        let TaskMemory { run, run_name, runs, untold, resolver, model, records: _ } = kept;
        self.model.restore(model);
        (self.run, self.run_name, self.runs, self.untold, self.resolver, self.restored) = (run, run_name, runs, untold, resolver, true);
    }

    /// The plan as an earlier process believed it.
    pub(super) fn restore_plan(&mut self, source: usize, kept: PlanSource) {
        if let Some(plan) = kept.plan.as_ref().filter(|plan| !plan.stories.is_empty()) {
            self.resolver.set_plan(plan);
        }
        self.plans[source].restore(kept);
    }
}

impl LineSource {
    /// What to remember of it.
    pub(super) fn memory(&self) -> LineMemory {
        let remembered = self.remembered.clone().unwrap_or_else(|| Remembered {
            settled: !self.reader.has_pending(),
            start_line: self.reader.head().start_line.clone(),
            machine: self.reader.kind().is_machine_log(),
        });
        LineMemory { ledger: self.ledger.clone(), shown: self.shown.clone(), remembered }
    }

    /// Goes on with what an earlier process knew; what is missing has been so since `just_gone`, or for long.
    pub(super) fn restore(&mut self, kept: LineMemory, just_gone: Option<Duration>) {
        let LineMemory { mut ledger, shown, remembered } = kept;
        if let Some(since) = just_gone {
            ledger.has_just_gone(since);
        }
        (self.ledger, self.shown, self.remembered) = (ledger, shown, Some(remembered));
    }
}

impl Memory {
    fn new(seq: Seq, at: Timestamp) -> Self {
        Memory { seq, at, tasks: HashMap::new(), sources: HashMap::new() }
    }
}
