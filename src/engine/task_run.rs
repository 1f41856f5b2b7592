//! The present run of a task: the facts of its sources in, the model and the due events out.
//!
//! Which facts there are, and how often each source states them, is decided before ([`super::tick`]); what an event says is the model's.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::{ClockReading, Timestamp};
use crate::event::Event;
use crate::fact::{CountedKind, Fact, Provenance, Statement};
use crate::format::SourceKind;
use crate::ledger::RunLedger;
use crate::model::{FactUpdate, Origin, PlanUpdate, TaskModel};
use crate::plan::Plan;

use super::checkpoint::TaskCheckpoint;
use super::event_order::{PendingFact, SortedFacts};
use super::inference::inferred_start;
use super::plan_facts::PlanFact;
use super::resolve::{FactResolver, key};
use super::run_name::run_name;

pub(super) struct TaskRun {
    task_id: Arc<str>,
    pub(super) model: TaskModel,
    pub(super) resolver: FactResolver,
    ledger: RunLedger,
    name: Option<String>,
    /// How often each name was given to a run.
    name_uses: HashMap<String, u32>,
    /// Facts that wait to be applied.
    queued: SortedFacts,
    /// Several criteria among them were done between two ticks and share the time: no duration is known.
    has_several_criteria: bool,
    /// The start of the run as the plan states it, while nothing of the run has begun.
    planned_start: Option<PendingFact>,
    /// The run has no events beside its start, so that another sign of a new run does not begin one more.
    is_empty: bool,
}

/// One tick of a run: what it goes by, and where its events go.
pub(super) struct RunTick<'a> {
    /// The plan that the task goes by.
    pub(super) plan: Option<&'a Plan>,
    /// Of the first log that has one.
    pub(super) start_line: Option<&'a str>,
    pub(super) now: ClockReading,
    pub(super) events: &'a mut Vec<Event>,
}

impl TaskRun {
    pub(super) fn new(task_id: &Arc<str>, title: &str, source_text: bool) -> Self {
        TaskRun {
            task_id: task_id.clone(),
            model: TaskModel::new(task_id, title, source_text),
            resolver: FactResolver::default(),
            ledger: RunLedger::default(),
            name: None,
            name_uses: HashMap::new(),
            queued: SortedFacts::default(),
            has_several_criteria: false,
            planned_start: None,
            is_empty: true,
        }
    }

    /// Keeps what is known in little room, while the task rests.
    pub(super) fn compact(&mut self) {
        self.ledger.compact();
        self.model.compact();
        self.resolver.compact();
    }

    /// Begins another run, with the plan that was not reset for it. Returns `false` when this one is still empty and serves.
    pub(super) fn begin(&mut self, kept_plan: Option<(&Arc<Plan>, &Arc<str>)>, now: Timestamp) -> bool {
        if self.is_empty {
            return false;
        }
        self.ledger.clear();
        self.name = None;
        self.planned_start = None;
        self.resolver.begin_run();
        self.model.begin_run();
        self.is_empty = true;
        if let Some((plan, path)) = kept_plan {
            let subjects = self.resolver.set_plan(plan);
            self.model.apply_plan(PlanUpdate { plan, subjects: &subjects, reopened: &[], change: None, path, now });
        }
        true
    }

    /// Updates the model with a plan. The next start of a story that it reopens belongs to another attempt, even if the one that passed
    /// had no start.
    pub(super) fn apply_plan(&mut self, update: PlanUpdate<'_>) {
        for story in update.reopened {
            let start = key(CountedKind::StoryStarted, &story.key);
            while self.ledger.count(start) < self.ends(&story.key) {
                self.ledger.record(start);
            }
        }
        self.model.apply_plan(update);
    }

    pub(super) fn pending(&mut self, fact: Box<Fact>, count: Option<u32>, origin: &Origin, mute: bool, live: bool) -> PendingFact {
        let names = self.resolver.resolve_names(&fact);
        PendingFact { fact, names, count, origin: origin.clone(), mute, live, timed: live }
    }

    /// Resolves a fact that a plan states for [`TaskRun::queue`].
    pub(super) fn prepare_plan_fact(&mut self, stated: PlanFact, origin: &Origin, mute: bool, live: bool) -> PendingFact {
        let mut pending = self.pending(Box::new(stated.fact), stated.count, origin, mute, live);
        if let Some(story) = stated.story {
            pending.names.set_story(story);
        }
        if let Some(criterion) = stated.criterion {
            pending.names.set_criterion(criterion);
        }
        pending
    }

    /// Takes the facts of a tick, which [`TaskRun::apply_queued`] applies in order.
    pub(super) fn queue(&mut self, facts: Vec<PendingFact>) {
        self.has_several_criteria = facts.iter().filter(|pending| pending.names.kind == Some(CountedKind::CriterionDone)).count() > 1;
        self.queued = SortedFacts::new(facts);
    }

    /// Applies so many queued facts at most. Adds the events of those that are due. Returns whether all are applied.
    pub(super) fn apply_queued(&mut self, limit: usize, tick: &mut RunTick<'_>) -> bool {
        for _ in 0..limit {
            let Some(mut pending) = self.queued.next() else { break };
            pending.timed = pending.live && !self.has_several_criteria;
            self.apply(&pending, tick);
        }
        let is_done = self.queued.is_empty();
        if is_done {
            self.queued = SortedFacts::default();
        }
        is_done
    }

    /// Whether facts wait to be applied.
    pub(super) fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    fn apply(&mut self, pending: &PendingFact, tick: &mut RunTick<'_>) {
        let Some(kind) = pending.names.kind else {
            self.emit(pending, CountedKind::TaskStarted, &pending.fact, None, tick);
            return;
        };
        if kind == CountedKind::TaskStarted {
            let is_due = self.ledger.count(key(kind, "")) == 0;
            if is_due && pending.origin.kind == SourceKind::Plan {
                // A plan that was merely written is no run yet: its start is emitted with the first other event.
                self.planned_start = Some(pending.clone());
                self.emit(pending, kind, &pending.fact, None, tick);
                return;
            }
            let occurrence = is_due.then(|| self.ledger.record(key(kind, "")));
            self.emit(pending, kind, &pending.fact, occurrence, tick);
            return;
        }
        // With a plan only the plan decides whether the run has passed.
        let is_overruled = kind == CountedKind::TaskPassed && pending.origin.kind != SourceKind::Plan && tick.plan.is_some();
        if is_overruled || (kind == CountedKind::StoryStarted && self.start_was_implied(pending)) {
            self.emit(pending, kind, &pending.fact, None, tick);
            if is_overruled && pending.origin.kind == SourceKind::RunnerLog {
                let at = pending.fact.recorded_at.map_or(tick.now.wall, |recorded| recorded.at);
                self.model.stop(format!("{}: the runner calls it complete, the plan does not", pending.origin.path).into(), at);
            }
            return;
        }
        let due = pending.count.map(|count| self.ledger.due(key(kind, &pending.names.key_text), count)).filter(|due| !due.is_empty());
        let Some(due) = due else {
            self.emit(pending, kind, &pending.fact, None, tick);
            return;
        };
        self.start_run_if_needed(pending, tick);
        for occurrence in due {
            if matches!(kind, CountedKind::StoryPassed | CountedKind::StoryFailed) {
                self.imply_start(pending, tick);
            }
            self.emit(pending, kind, &pending.fact, Some(occurrence), tick);
        }
        self.is_empty = false;
    }

    /// Returns whether a start belongs to an attempt whose end was emitted without one (see [`TaskEngine::imply_start`]), and records it
    /// then: it comes too late for an event.
    fn start_was_implied(&mut self, pending: &PendingFact) -> bool {
        let start = key(CountedKind::StoryStarted, &pending.names.key_text);
        let starts = self.ledger.count(start);
        let was_implied = pending.count.is_some_and(|count| count > starts) && starts < self.ends(&pending.names.key_text);
        if was_implied {
            self.ledger.record(start);
        }
        was_implied
    }

    /// Ends of a story that were emitted in this run, passed or failed.
    fn ends(&self, story: &str) -> u32 {
        self.ledger.count(key(CountedKind::StoryPassed, story)) + self.ledger.count(key(CountedKind::StoryFailed, story))
    }

    /// Emits the start of a run that no source has stated, before its first fact.
    fn start_run_if_needed(&mut self, pending: &PendingFact, tick: &mut RunTick<'_>) {
        if self.ledger.count(key(CountedKind::TaskStarted, "")) > 0 {
            return;
        }
        let occurrence = self.ledger.record(key(CountedKind::TaskStarted, ""));
        if let Some(mut start) = self.planned_start.take() {
            (start.live, start.mute) = (pending.live, pending.mute);
            self.emit(&start, CountedKind::TaskStarted, &start.fact, Some(occurrence), tick);
            return;
        }
        let statement = Statement::TaskStarted { name: None, branch: None, description: None, story_count: None, estimated_secs: None };
        let fact = Fact { statement, story: None, provenance: Provenance::Derived, ..Fact::clone(&pending.fact) };
        let start = PendingFact { names: self.resolver.resolve_names(&fact), fact: Box::new(fact), ..pending.clone() };
        self.emit(&start, CountedKind::TaskStarted, &start.fact, Some(occurrence), tick);
    }

    /// Emits the start of a story that ended without one.
    fn imply_start(&mut self, pending: &PendingFact, tick: &mut RunTick<'_>) {
        let start = key(CountedKind::StoryStarted, &pending.names.key_text);
        if self.ledger.count(start) >= self.ends(&pending.names.key_text) {
            return;
        }
        let statement = Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() };
        let fact = Fact { statement, provenance: Provenance::Derived, ..Fact::clone(&pending.fact) };
        let occurrence = self.ledger.record(start);
        self.emit(pending, CountedKind::StoryStarted, &fact, Some(occurrence), tick);
    }

    /// Updates the model with a fact. Adds its event when it has an `occurrence` and is not mute.
    fn emit(&mut self, pending: &PendingFact, kind: CountedKind, fact: &Fact, occurrence: Option<u32>, tick: &mut RunTick<'_>) {
        if occurrence.is_some() {
            self.name_run(&pending.fact, tick);
        }
        let update = FactUpdate {
            fact,
            kind,
            subject: pending.names.story.as_ref(),
            criterion: pending.names.criterion,
            key_text: &pending.names.key_text,
            occurrence,
            origin: &pending.origin,
            now: tick.now.wall,
            live: pending.live,
            timed: pending.timed,
        };
        if let Some(event) = self.model.apply(&update)
            && !pending.mute
        {
            tick.events.push(event);
        }
    }

    /// Names the run after its first fact, unless it has a name.
    fn name_run(&mut self, first: &Fact, tick: &RunTick<'_>) {
        if self.name.is_some() {
            return;
        }
        let name = run_name(tick.plan, tick.start_line, first, &self.task_id);
        let uses = self.name_uses.entry(name.clone()).or_default();
        *uses += 1;
        let name = if *uses == 1 { name } else { format!("{name}#{uses}") };
        self.model.set_run(&name);
        self.name = Some(name);
    }

    /// Emits the inferred start of the current story, when no source states one: `path` has changed `at` some time.
    pub(super) fn infer_current(&mut self, (at, path): (Timestamp, Arc<str>), tick: &mut RunTick<'_>) {
        let Some(story) = self.model.next_unpassed() else { return };
        if let Some(start) = self.planned_start.clone() {
            // A log that moves says that the plan is being worked on.
            self.start_run_if_needed(&PendingFact { live: true, mute: false, ..start }, tick);
        }
        let Some(occurrence) = self.record_unstarted_attempt(&story.key) else { return };
        let origin = Origin { path, kind: SourceKind::Plan, written: None };
        let mut pending = self.pending(Box::new(inferred_start(&story)), None, &origin, false, true);
        pending.names.set_story(story);
        tick.now.wall = at;
        self.emit(&pending, CountedKind::StoryStarted, &pending.fact, Some(occurrence), tick);
    }

    /// Records one more start of a story, when the run has started and all recorded attempts at the story have ended.
    fn record_unstarted_attempt(&mut self, story: &str) -> Option<u32> {
        let start = key(CountedKind::StoryStarted, story);
        let has_started = self.ledger.count(key(CountedKind::TaskStarted, "")) > 0;
        (has_started && self.ledger.count(start) <= self.ends(story)).then(|| self.ledger.record(start))
    }

    /// What a restarted engine needs to go on from here.
    pub(super) fn checkpoint(&self, records: Vec<u64>) -> TaskCheckpoint {
        TaskCheckpoint {
            run: self.ledger.clone(),
            run_name: self.name.clone(),
            run_name_uses: self.name_uses.clone(),
            run_is_empty: self.is_empty,
            resolver: self.resolver.clone(),
            model: self.model.clone(),
            records,
        }
    }

    /// Goes on from a checkpoint.
    pub(super) fn restore(&mut self, checkpoint: TaskCheckpoint) {
        let TaskCheckpoint { run, run_name, run_name_uses, run_is_empty, resolver, model, records: _ } = checkpoint;
        self.model.restore(model);
        (self.ledger, self.name, self.name_uses) = (run, run_name, run_name_uses);
        (self.is_empty, self.resolver) = (run_is_empty, resolver);
    }
}
