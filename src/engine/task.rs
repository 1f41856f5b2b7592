//! One task: its sources, its run, and the facts that it applies to the model.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{ClockReading, Timestamp};
use crate::discover::Task as FoundTask;
use crate::event::Event;
use crate::fact::{CountedKind, Fact, Provenance, Statement};
use crate::format::SourceKind;
use crate::input::DetachedId;
use crate::ledger::{RunLedger, TOTAL_LOSS_DELAY, Verdict};
use crate::line::{Lines, PartialLine};
use crate::model::{FactUpdate, Origin, PlanUpdate, TaskModel};
use crate::plan::Plan;
use crate::text::CleanText;

use super::checkpoint::TaskCheckpoint;
use super::counting::CountedFact;
use super::event_order::{self, PendingFact};
use super::inference::{InferenceState, inferred_start};
use super::log_source::{Evaluation, LogSource};
use super::ownership::RecordOwners;
use super::plan_cycles;
use super::plan_facts::{self, PlanFact};
use super::plan_source::{PlanEdge, PlanSource};
use super::resolve::{FactResolver, Resolved, RunStart, key};
use super::run_name::run_name;
use super::source_parser::SharedPlanNames;
use super::status_source::{RunStop, StatusChanges, StatusSource};

pub(super) struct TaskEngine {
    /// Index among the tasks of the engine.
    pub(super) index: usize,
    pub(super) folder: PathBuf,
    /// The folder, and the plan's path in it where it has several: its name in a checkpoint.
    pub(super) checkpoint_key: PathBuf,
    /// It was found, not named, and nothing of a run has been read yet.
    is_tentative: bool,
    pub(super) id: Arc<str>,
    pub(super) logs: Vec<LogSource>,
    pub(super) plans: Vec<PlanSource>,
    pub(super) statuses: Vec<StatusSource>,
    /// Since when all its files, or the one that goes with its run, are gone.
    pub(super) gone_since: Option<Duration>,
    pub(super) model: TaskModel,
    pub(super) inference: InferenceState,
    resolver: FactResolver,
    /// Of the newest plan, as evidence for the logs.
    plan_names: SharedPlanNames,
    run: RunLedger,
    run_name: Option<String>,
    /// The start of the run as the plan states it, while nothing of the run has begun.
    planned_start: Option<PendingFact>,
    /// How often each name was given to a run.
    run_name_uses: HashMap<String, u32>,
    /// The run has no events beside its start, so that another sign of a new run does not begin one more.
    run_is_empty: bool,
    /// Logs that may have been reset for a new run. While there are any, the other sources of the task must wait.
    pub(super) blocking_logs: BTreeSet<usize>,
    /// A new run is certain; the next tick begins it.
    pub(super) run_switch_pending: bool,
    /// The task went on from a checkpoint, so that the initial scan finds news only.
    pub(super) restored: bool,
    /// The notice about `MAX_KEYS` was given.
    pub(super) full_reported: bool,
    /// A plan was read that the logs have not been shown.
    pub(super) has_new_document: bool,
}

impl TaskEngine {
    pub(super) fn new(found: &FoundTask, index: usize, source_text: bool, infer: bool) -> Self {
        let id = found.name.as_str();
        TaskEngine {
            index,
            folder: found.folder.clone(),
            checkpoint_key: found.part.as_ref().map_or_else(|| found.folder.clone(), |part| found.folder.join(part)),
            is_tentative: found.is_tentative,
            id: Arc::from(id),
            logs: Vec::new(),
            plans: Vec::new(),
            statuses: Vec::new(),
            gone_since: None,
            model: TaskModel::new(id, source_text),
            inference: InferenceState::new(infer),
            resolver: FactResolver::default(),
            plan_names: SharedPlanNames::default(),
            run: RunLedger::default(),
            run_name: None,
            planned_start: None,
            run_name_uses: HashMap::new(),
            run_is_empty: true,
            blocking_logs: BTreeSet::new(),
            run_switch_pending: false,
            restored: false,
            full_reported: false,
            has_new_document: false,
        }
    }

    /// Whether nothing shows that there is a run or a plan.
    pub(super) fn is_hidden(&self) -> bool {
        self.is_tentative && !self.model.has_content()
    }

    /// The path of the plan's file, when that is another than `source`: a task goes by one plan, the first that it accepted.
    pub(super) fn other_plan_path(&self, source: usize) -> Option<&Arc<str>> {
        let plans = self.plans.iter().enumerate();
        plans.filter(|(index, plan)| *index != source && plan.has_stories()).map(|(_, plan)| &plan.path).next()
    }

    /// The plan as its file was last read, accepted or not.
    pub(super) fn newest_plan(&self) -> Option<&Arc<Plan>> {
        self.plans.iter().filter_map(PlanSource::newest).find(|plan| !plan.stories.is_empty())
    }

    /// Shows the logs what the newest plan names.
    pub(super) fn share_plan_names(&mut self) {
        let newest = self.newest_plan().cloned();
        self.plan_names.set_plan(newest);
        for log in &mut self.logs {
            log.set_plan(self.plan_names.get());
        }
    }

    /// Keeps nothing of a log that is no runner's, and returns whether that is so.
    pub(super) fn let_go(&mut self, log: usize, now: ClockReading, live: bool) -> bool {
        if std::mem::take(&mut self.has_new_document) {
            self.share_plan_names();
        }
        self.logs[log].let_go(now, live, self.plan_names.get())
    }

    /// Reads lines of a log.
    pub(super) fn read(&mut self, log: usize, now: Duration, lines: &Lines, owners: &mut RecordOwners) {
        let (task, source) = (self.index, &mut self.logs[log]);
        let file = source.file;
        let is_new = source.is_appended_to();
        source.read(now, lines, |fact| if is_new { owners.owns_new(task, file, fact) } else { owners.owns(task, file, fact) });
    }

    /// An earlier process has counted what was read of a log since the reread began.
    pub(super) fn skip_published(&mut self, log: usize, now: Duration, owners: &mut RecordOwners) {
        let (source, resolve) = self.source_with_resolver(log, RunStart::default(), owners);
        source.skip_published(now, resolve);
    }

    /// Counts the pending facts of a log now, because their content is about to be replaced. `detached` when another file takes the name.
    pub(super) fn commit_early(&mut self, log: usize, now: Duration, live: bool, detached: bool, owners: &mut RecordOwners) {
        let appended = self.count_appended(log, now, live, owners);
        self.logs[log].queue(appended);
        if self.logs[log].must_commit_early(detached)
            && let Some(evaluation) = self.evaluate(log, now, true, owners)
        {
            if evaluation.verdict == Verdict::NewGeneration {
                self.logs[log].ledger.rotate();
            }
            let counted = self.logs[log].commit(evaluation, now);
            self.logs[log].queue(counted);
        }
    }

    /// Counts lines that were appended to a detached file.
    pub(super) fn append_detached(&mut self, log: usize, id: DetachedId, lines: &Lines, owners: &mut RecordOwners) {
        let (source, resolve) = self.source_with_resolver(log, RunStart::default(), owners);
        source.append_detached(id, lines, resolve);
    }

    /// Ends the reading of a detached file. `end` when its open last line and entry count, with that line.
    pub(super) fn close_detached(&mut self, log: usize, id: DetachedId, end: Option<Option<PartialLine>>, owners: &mut RecordOwners) {
        let (source, resolve) = self.source_with_resolver(log, RunStart::default(), owners);
        source.close_detached(id, end, resolve);
    }

    /// Evaluates the candidate of a log, if it has one.
    pub(super) fn evaluate(&mut self, log: usize, now: Duration, at_once: bool, owners: &mut RecordOwners) -> Option<Evaluation> {
        let plan_may_follow = self.plans.iter().any(|plan| plan.has_stories() && plan.takes_part());
        let (source, resolve) = self.source_with_resolver(log, RunStart::default(), owners);
        let mut evaluation = source.evaluate(now, at_once, resolve)?;
        if plan_may_follow && evaluation.verdict == Verdict::NewGeneration && !at_once && source.may_precede_its_plan(now) {
            evaluation.verdict = Verdict::Wait { hold: true };
        }
        Some(evaluation)
    }

    /// Counts what was appended to a log.
    pub(super) fn count_appended(&mut self, log: usize, now: Duration, live: bool, owners: &mut RecordOwners) -> Vec<CountedFact> {
        let run_start = self.run_start(log, live);
        let (source, resolve) = self.source_with_resolver(log, run_start, owners);
        source.count_appended(now, resolve)
    }

    /// A log, and what the ledger makes of its facts.
    fn source_with_resolver<'a>(
        &'a mut self,
        log: usize,
        run_start: RunStart,
        owners: &'a mut RecordOwners,
    ) -> (&'a mut LogSource, impl FnMut(&Fact) -> Resolved + 'a) {
        let TaskEngine { index, logs, plans, resolver, .. } = self;
        let (task, plan, source) = (*index, first_plan(plans), &mut logs[log]);
        let file = source.file;
        let resolve = move |fact: &Fact| match owners.owns(task, file, fact) {
            true => resolver.resolve(fact, plan, run_start),
            false => Resolved::Ignored,
        };
        (source, resolve)
    }

    /// Where the present run begins in a log that the initial scan finds: in a machine log at the time in the header of the progress log,
    /// in a progress log at its last cycle through the plan. All that is `live` belongs to the present run.
    fn run_start(&self, log: usize, live: bool) -> RunStart {
        let source = &self.logs[log];
        if live {
            return RunStart::default();
        }
        if !source.is_machine_log() {
            let plan = first_plan(&self.plans).filter(|_| !source.parser().is_newest_first());
            let line = plan.map_or(0, |plan| plan_cycles::last_cycle_start(source.uncounted_facts(), plan));
            return RunStart { at: None, line };
        }
        // A date without a time stands for its midnight, which is too early rather than too late.
        let mut progress_logs = self.logs.iter().filter(|source| !source.is_machine_log());
        RunStart { at: progress_logs.find_map(|source| source.parser().head().started).map(|started| started.at), line: 0 }
    }

    /// Resolves the counted facts of a log for [`TaskEngine::apply_all`].
    pub(super) fn prepare(&mut self, log: usize, counted: Vec<CountedFact>, mute: bool, live: bool) -> Vec<PendingFact> {
        let origin = self.logs[log].origin();
        let mut pending = Vec::with_capacity(counted.len());
        for CountedFact { fact, count } in counted {
            pending.push(self.pending(fact, count, &origin, mute, live));
        }
        pending
    }

    fn pending(&mut self, fact: Fact, count: Option<u32>, origin: &Origin, mute: bool, live: bool) -> PendingFact {
        let names = self.resolver.resolve_names(&fact);
        PendingFact { fact, names, count, origin: origin.clone(), mute, live, timed: live }
    }

    /// Resolves a fact that a plan states for [`TaskEngine::apply_all`].
    pub(super) fn prepare_plan_fact(&mut self, stated: PlanFact, origin: &Origin, mute: bool, live: bool) -> PendingFact {
        let mut pending = self.pending(stated.fact, stated.count, origin, mute, live);
        if let Some(story) = stated.story {
            pending.names.set_story(story);
        }
        if let Some(criterion) = stated.criterion {
            pending.names.set_criterion(criterion);
        }
        pending
    }

    /// Applies the facts of a tick in order. Adds the events of those that are due.
    pub(super) fn apply_all(&mut self, facts: Vec<PendingFact>, now: ClockReading, events: &mut Vec<Event>) {
        let criteria = facts.iter().filter(|pending| pending.names.kind == Some(CountedKind::CriterionDone)).count();
        for mut pending in event_order::sort(facts) {
            // Several criteria that were done between two ticks share the time: no duration is known.
            pending.timed = pending.live && criteria == 1;
            self.apply(&pending, now, events);
        }
    }

    fn apply(&mut self, pending: &PendingFact, now: ClockReading, events: &mut Vec<Event>) {
        let Some(kind) = pending.names.kind else {
            self.emit(pending, CountedKind::TaskStarted, &pending.fact, None, now, events);
            return;
        };
        if kind == CountedKind::TaskStarted {
            let is_due = self.run.count(key(kind, "")) == 0;
            if is_due && pending.origin.kind == SourceKind::Plan {
                // A plan that was merely written is no run yet: its start is emitted with the first other event.
                self.planned_start = Some(pending.clone());
                self.emit(pending, kind, &pending.fact, None, now, events);
                return;
            }
            let occurrence = is_due.then(|| self.run.record(key(kind, "")));
            self.emit(pending, kind, &pending.fact, occurrence, now, events);
            return;
        }
        // With a plan only the plan decides whether the run has passed.
        let is_overruled = kind == CountedKind::TaskPassed && pending.origin.kind != SourceKind::Plan && self.has_plan();
        if is_overruled || (kind == CountedKind::StoryStarted && self.start_was_implied(pending)) {
            self.emit(pending, kind, &pending.fact, None, now, events);
            if is_overruled && pending.origin.kind == SourceKind::RunnerLog {
                let at = pending.fact.recorded_at.map_or(now.wall, |recorded| recorded.at);
                self.model.stop(format!("{}: the runner calls it complete, the plan does not", pending.origin.path).into(), at);
            }
            return;
        }
        let due = pending.count.map(|count| self.run.due(key(kind, &pending.names.key_text), count)).filter(|due| !due.is_empty());
        let Some(due) = due else {
            self.emit(pending, kind, &pending.fact, None, now, events);
            return;
        };
        self.start_run_if_needed(pending, now, events);
        for occurrence in due {
            if matches!(kind, CountedKind::StoryPassed | CountedKind::StoryFailed) {
                self.imply_start(pending, now, events);
            }
            self.emit(pending, kind, &pending.fact, Some(occurrence), now, events);
        }
        self.run_is_empty = false;
    }

    /// Returns whether a start belongs to an attempt whose end was emitted without one (see [`TaskEngine::imply_start`]), and records it
    /// then: it comes too late for an event.
    fn start_was_implied(&mut self, pending: &PendingFact) -> bool {
        let start = key(CountedKind::StoryStarted, &pending.names.key_text);
        let starts = self.run.count(start);
        let was_implied = pending.count.is_some_and(|count| count > starts) && starts < self.ends(&pending.names.key_text);
        if was_implied {
            self.run.record(start);
        }
        was_implied
    }

    /// Whether the task has, or had, a log: only a log states when a story starts.
    fn has_log(&self) -> bool {
        self.logs.iter().any(LogSource::was_present)
    }

    /// Ends of a story that were emitted in this run, passed or failed.
    fn ends(&self, story: &str) -> u32 {
        self.run.count(key(CountedKind::StoryPassed, story)) + self.run.count(key(CountedKind::StoryFailed, story))
    }

    /// Emits the start of a run that no source has stated, before its first fact.
    fn start_run_if_needed(&mut self, pending: &PendingFact, now: ClockReading, events: &mut Vec<Event>) {
        if self.run.count(key(CountedKind::TaskStarted, "")) > 0 {
            return;
        }
        let occurrence = self.run.record(key(CountedKind::TaskStarted, ""));
        if let Some(mut start) = self.planned_start.take() {
            (start.live, start.mute) = (pending.live, pending.mute);
            self.emit(&start, CountedKind::TaskStarted, &start.fact, Some(occurrence), now, events);
            return;
        }
        let statement = Statement::TaskStarted { name: None, branch: None, description: None, story_count: None, estimated_secs: None };
        let fact = Fact { statement, story: None, provenance: Provenance::Derived, ..pending.fact.clone() };
        let start = PendingFact { names: self.resolver.resolve_names(&fact), fact, ..pending.clone() };
        self.emit(&start, CountedKind::TaskStarted, &start.fact, Some(occurrence), now, events);
    }

    /// Emits the start of a story that ended without one.
    fn imply_start(&mut self, pending: &PendingFact, now: ClockReading, events: &mut Vec<Event>) {
        let start = key(CountedKind::StoryStarted, &pending.names.key_text);
        if self.run.count(start) >= self.ends(&pending.names.key_text) {
            return;
        }
        let statement = Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() };
        let fact = Fact { statement, provenance: Provenance::Derived, ..pending.fact.clone() };
        let occurrence = self.run.record(start);
        self.emit(pending, CountedKind::StoryStarted, &fact, Some(occurrence), now, events);
    }

    /// Updates the model with a fact. Adds its event when it has an `occurrence` and is not mute.
    fn emit(
        &mut self,
        pending: &PendingFact,
        kind: CountedKind,
        fact: &Fact,
        occurrence: Option<u32>,
        now: ClockReading,
        events: &mut Vec<Event>,
    ) {
        if occurrence.is_some() {
            self.name_run(&pending.fact);
        }
        let update = FactUpdate {
            fact,
            kind,
            subject: pending.names.story.as_ref(),
            criterion: pending.names.criterion,
            key_text: &pending.names.key_text,
            occurrence,
            origin: &pending.origin,
            now: now.wall,
            live: pending.live,
            timed: pending.timed,
        };
        if let Some(event) = self.model.apply(&update)
            && !pending.mute
        {
            events.push(event);
        }
    }

    /// Names the run after its first fact, unless it has a name.
    fn name_run(&mut self, first: &Fact) {
        if self.run_name.is_some() {
            return;
        }
        let start_line = self.logs.iter().find_map(|source| source.parser().head().start_line.as_deref());
        let name = run_name(first_plan(&self.plans), start_line, first, &self.id);
        let uses = self.run_name_uses.entry(name.clone()).or_default();
        *uses += 1;
        let name = if *uses == 1 { name } else { format!("{name}#{uses}") };
        self.model.set_run(&name);
        self.run_name = Some(name);
    }

    /// Emits the inferred start of the current story, when no source states one and nothing is about to.
    pub(super) fn infer_current(&mut self, now: ClockReading, events: &mut Vec<Event>) {
        let Some((at, path)) = self.inference.evidence() else { return };
        if !self.has_log() || self.is_unsettled() {
            return;
        }
        let Some(story) = self.model.next_unpassed() else { return };
        if let Some(start) = self.planned_start.clone() {
            // A log that moves says that the plan is being worked on.
            self.start_run_if_needed(&PendingFact { live: true, mute: false, ..start }, now, events);
        }
        let Some(occurrence) = self.record_unstarted_attempt(&story.key) else { return };
        let origin = Origin { path, kind: SourceKind::Plan, written: None };
        let mut pending = self.pending(inferred_start(&story), None, &origin, false, true);
        pending.names.set_story(story);
        let at = ClockReading { wall: at, ..now };
        self.emit(&pending, CountedKind::StoryStarted, &pending.fact, Some(occurrence), at, events);
    }

    /// Records one more start of a story, when the run has started and all recorded attempts at the story have ended.
    fn record_unstarted_attempt(&mut self, story: &str) -> Option<u32> {
        let start = key(CountedKind::StoryStarted, story);
        let has_started = self.run.count(key(CountedKind::TaskStarted, "")) > 0;
        (has_started && self.run.count(start) <= self.ends(story)).then(|| self.run.record(start))
    }

    /// Whether a source is still being written, or waits to be accepted.
    fn is_unsettled(&self) -> bool {
        self.run_switch_pending
            || !self.blocking_logs.is_empty()
            || self.logs.iter().any(LogSource::is_unsettled)
            || self.plans.iter().any(PlanSource::is_unsettled)
    }

    fn has_plan(&self) -> bool {
        self.plans.iter().any(PlanSource::has_stories)
    }

    /// Whether a log of the task, or with `None` its plans, must wait until it is certain whether a new run began.
    pub(super) fn is_blocked(&self, log: Option<usize>) -> bool {
        if self.run_switch_pending {
            return false;
        }
        let by_log = !self.blocking_logs.is_empty() && log.is_none_or(|log| !self.blocking_logs.contains(&log));
        by_log || (log.is_some() && self.plans.iter().any(PlanSource::has_other_run))
    }

    /// Begins a run that these sources were reset for. Returns `false` when the present run is still empty and serves.
    pub(super) fn begin_run(&mut self, logs: &BTreeSet<usize>, plans: &BTreeSet<usize>, now: Timestamp) -> bool {
        for (index, source) in self.logs.iter_mut().enumerate() {
            if logs.contains(&index) {
                source.begin_run();
            } else {
                source.carry_over();
            }
        }
        for (index, source) in self.plans.iter_mut().enumerate() {
            source.begin_run(plans.contains(&index));
        }
        self.blocking_logs.clear();
        if self.run_is_empty {
            return false;
        }
        self.run.clear();
        self.run_name = None;
        self.planned_start = None;
        self.resolver.begin_run();
        self.model.begin_run();
        self.run_is_empty = true;
        let kept = (0..self.plans.len()).find(|index| !plans.contains(index) && self.plans[*index].has_stories());
        if let Some(index) = kept
            && let Some(plan) = self.plans[index].plan.clone()
        {
            let subjects = self.resolver.set_plan(&plan);
            let path = &self.plans[index].path;
            self.model.apply_plan(PlanUpdate { plan: &plan, subjects: &subjects, reopened: &[], change: None, path, now });
        }
        true
    }

    /// Adopts an accepted plan. Returns the facts that its flags state.
    pub(super) fn adopt_plan(&mut self, source: usize, plan: Arc<Plan>, change: Option<CleanText>, now: Timestamp) -> Vec<PlanFact> {
        let stories = self.resolver.set_plan(&plan);
        let keys: Vec<Arc<str>> = stories.iter().map(|story| story.key.clone()).collect();
        let edges = self.plans[source].adopt(plan.clone(), &keys);
        let reopened: Vec<usize> =
            edges.iter().filter_map(|edge| if let PlanEdge::Reopened { story } = edge { Some(*story) } else { None }).collect();
        for index in &reopened {
            // The next start belongs to another attempt, even if the one that passed had none.
            let story = &keys[*index];
            while self.run.count(key(CountedKind::StoryStarted, story)) < self.ends(story) {
                self.run.record(key(CountedKind::StoryStarted, story));
            }
        }
        let reopened: Vec<_> = reopened.iter().map(|index| stories[*index].clone()).collect();
        let path = &self.plans[source].path;
        self.model.apply_plan(PlanUpdate { plan: &plan, subjects: &stories, reopened: &reopened, change, path, now });
        let mut facts = Vec::new();
        facts.extend(plan_facts::of_start(&plan));
        for edge in edges {
            plan_facts::of_edge(&plan, edge, &stories, &mut facts);
        }
        facts.extend(plan_facts::of_errors(&plan));
        facts
    }

    /// When it is certain that the files are gone: a save by a new file takes less.
    pub(super) fn gone_deadline(&self, ticked: Duration) -> Option<Duration> {
        let files = self.gone_since.map(|since| since + TOTAL_LOSS_DELAY);
        let processes = self.statuses.iter().filter_map(StatusSource::process_end_due);
        files.into_iter().chain(processes).filter(|at| *at > ticked).min()
    }

    /// Ends a run whose process has ended, or whose files are gone for certain.
    pub(super) fn stop_if_gone(&mut self, now: ClockReading) {
        for source in &mut self.statuses {
            if let Some(reason) = source.take_process_end(now.elapsed) {
                self.model.stop(reason.into(), now.wall);
            }
        }
        if self.gone_since.is_some_and(|since| now.elapsed >= since + TOTAL_LOSS_DELAY) {
            self.model.stop("its files were moved or removed".into(), now.wall);
        }
    }

    /// What the status files state anew: the facts of each, and that the run has stopped, with the reason and the time.
    pub(super) fn take_status_changes(&mut self, now: ClockReading) -> (Vec<(PlanFact, Origin)>, Option<RunStop>) {
        let logs = self.logs.iter().filter_map(|log| log.written);
        let last_work = logs.chain(self.plans.iter().filter_map(|plan| plan.written)).max();
        let (mut all, mut stop) = (Vec::new(), None);
        let plan = self.plans.iter().find(|plan| plan.has_stories()).map(|plan| plan.path.clone());
        for source in &mut self.statuses {
            let StatusChanges { facts, end, at } = source.take_changes(plan.as_deref(), last_work);
            let origin = source.origin();
            if let Some(end) = end.filter(|end| end.passed != Some(false)) {
                let reason = end.reason.unwrap_or_else(|| "the runner says so".to_owned());
                stop = Some(RunStop { reason: format!("{}: {reason}", source.path).into(), at: at.unwrap_or(now.wall) });
            }
            let is_of_plan = |fact: &PlanFact| fact.fact.story.as_ref().is_none_or(|story| self.resolver.has_in_plan(story));
            all.extend(facts.into_iter().filter(is_of_plan).map(|fact| (fact, origin.clone())));
        }
        (all, stop)
    }

    /// The fact that a plan was completed, once per completion.
    pub(super) fn take_completion(&mut self, source: usize, now: Duration, at_once: bool) -> Option<PlanFact> {
        let count = self.plans[source].take_completion(now, at_once)?;
        Some(PlanFact::about_run(Statement::TaskEnded { passed: true }, Some(count)))
    }

    /// Statement a restarted engine needs to go on from here.
    pub(super) fn checkpoint(&self, owners: &RecordOwners) -> TaskCheckpoint {
        TaskCheckpoint {
            run: self.run.clone(),
            run_name: self.run_name.clone(),
            run_name_uses: self.run_name_uses.clone(),
            run_is_empty: self.run_is_empty,
            resolver: self.resolver.clone(),
            model: self.model.clone(),
            records: owners.records_of(self.index),
        }
    }

    /// Goes on from a checkpoint, whose records the caller gives to [`RecordOwners`].
    pub(super) fn restore(&mut self, checkpoint: TaskCheckpoint) {
        let TaskCheckpoint { run, run_name, run_name_uses, run_is_empty, resolver, model, records: _ } = checkpoint;
        self.model.restore(model);
        (self.run, self.run_name, self.run_name_uses) = (run, run_name, run_name_uses);
        (self.run_is_empty, self.resolver, self.restored) = (run_is_empty, resolver, true);
    }

    /// Restores a plan that an earlier process accepted.
    pub(super) fn restore_plan(&mut self, source: usize, checkpoint: PlanSource) {
        if let Some(plan) = checkpoint.plan.as_ref().filter(|plan| !plan.stories.is_empty()) {
            self.resolver.set_plan(plan);
        }
        self.plans[source].restore(checkpoint);
    }
}

/// The plan that the task goes by.
fn first_plan(plans: &[PlanSource]) -> Option<&Plan> {
    plans.iter().find(|source| source.has_stories()).and_then(|source| source.plan.as_deref())
}
