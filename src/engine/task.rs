//! One task: its sources, its run, and the facts that it applies to the model.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{ClockReading, Timestamp};
use crate::discover::Task as FoundTask;
use crate::event::Event;
use crate::fact::{Fact, Statement};
use crate::file_change::DetachedId;
use crate::ledger::{LogFile, TOTAL_LOSS_DELAY, Verdict};
use crate::line::{Lines, PartialLine};
use crate::model::{Origin, PlanUpdate};
use crate::plan::Plan;
use crate::text::CleanText;

use super::checkpoint::TaskCheckpoint;
use super::counting::{CountedFact, UncountedFact};
use super::event_order::PendingFact;
use super::inference::InferenceState;
use super::log_counts::Evaluation;
use super::log_source::LogSource;
use super::ownership::RecordOwners;
use super::plan_cycles;
use super::plan_facts::{self, PlanFact};
use super::plan_source::{PlanEdge, PlanSource};
use super::resolve::{Resolved, RunStart};
use super::source_parser::SharedPlanNames;
use super::status_source::{RunStop, StatusChanges, StatusSource};
use super::task_run::{RunTick, TaskRun};

/// Facts that are applied at a time: a log that is read for the first time has tens of thousands, and each gives events.
const PORTION: usize = 1_000;

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
    pub(super) run: TaskRun,
    pub(super) inference: InferenceState,
    /// Of the newest plan, as evidence for the logs.
    plan_names: SharedPlanNames,
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
    /// A status file states that the run has stopped, which the queued facts precede.
    pub(super) pending_stop: Option<RunStop>,
}

impl TaskEngine {
    pub(super) fn new(found: &FoundTask, index: usize, source_text: bool, infer: bool) -> Self {
        let id: Arc<str> = Arc::from(found.name.as_str());
        TaskEngine {
            run: TaskRun::new(&id, &found.title, source_text),
            index,
            folder: found.folder.clone(),
            checkpoint_key: found.part.as_ref().map_or_else(|| found.folder.clone(), |part| found.folder.join(part)),
            is_tentative: found.is_tentative,
            id,
            logs: Vec::new(),
            plans: Vec::new(),
            statuses: Vec::new(),
            gone_since: None,
            inference: InferenceState::new(infer),
            plan_names: SharedPlanNames::default(),
            blocking_logs: BTreeSet::new(),
            run_switch_pending: false,
            restored: false,
            full_reported: false,
            has_new_document: false,
            pending_stop: None,
        }
    }

    /// Whether nothing shows that there is a run or a plan.
    pub(super) fn is_hidden(&self) -> bool {
        self.is_tentative && !self.run.model.has_content()
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
        self.logs[log].counts.queue(appended);
        if self.logs[log].must_commit_early(detached)
            && let Some(evaluation) = self.evaluate(log, now, true, owners)
        {
            if evaluation.verdict == Verdict::NewGeneration {
                self.logs[log].counts.rotate();
            }
            let counted = self.logs[log].commit(evaluation, now);
            self.logs[log].counts.queue(counted);
        }
    }

    /// Counts lines that were appended to a detached file.
    pub(super) fn append_detached(&mut self, log: usize, id: DetachedId, now: Duration, lines: &Lines, owners: &mut RecordOwners) {
        let (task, source) = (self.index, &mut self.logs[log]);
        let file = source.file;
        let Some(detached) = source.counts.detached(id) else { return };
        let mut facts = detached.read(lines);
        facts.retain(|fact| owners.owns_new(task, file, fact));
        self.count_detached(log, id, now, facts, owners);
    }

    /// Ends the reading of a detached file. `end` when its open last line and entry count, with that line.
    pub(super) fn close_detached(
        &mut self,
        log: usize,
        id: DetachedId,
        now: Duration,
        end: Option<Option<PartialLine>>,
        owners: &mut RecordOwners,
    ) {
        let Some(detached) = self.logs[log].counts.detached(id) else { return };
        if let Some(partial_line) = end {
            let facts = detached.read_end(partial_line.as_ref());
            self.count_detached(log, id, now, facts, owners);
        }
        self.logs[log].counts.close_detached(id);
    }

    /// The facts of a detached file belong to the run that it was detached in, and wait for the next tick.
    fn count_detached(&mut self, log: usize, id: DetachedId, now: Duration, facts: Vec<Fact>, owners: &mut RecordOwners) {
        let uncounted = facts.into_iter().map(|fact| UncountedFact { fact: Box::new(fact), provisional: false }).collect();
        let (source, resolve) = self.source_with_resolver(log, RunStart::default(), owners);
        let counted = source.counts.append(LogFile::Detached(id), uncounted, now, resolve);
        source.counts.queue(counted);
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
        let TaskEngine { index, logs, plans, run, .. } = self;
        let (task, plan, source) = (*index, first_plan(plans), &mut logs[log]);
        let file = source.file;
        let resolve = move |fact: &Fact| match owners.owns(task, file, fact) {
            true => run.resolver.resolve(fact, plan, run_start),
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

    /// Adds the counted facts of a log, resolved, to those that are to be queued.
    pub(super) fn prepare(&mut self, log: usize, counted: Vec<CountedFact>, mute: bool, live: bool, pending: &mut Vec<PendingFact>) {
        let origin = self.logs[log].origin();
        pending.reserve_exact(counted.len());
        for CountedFact { fact, count } in counted {
            pending.push(self.run.pending(fact, count, &origin, mute, live));
        }
    }

    /// Applies the next of the facts that the tick has queued. Adds the events of those that are due. Returns whether all are applied.
    pub(super) fn apply_queued(&mut self, now: ClockReading, events: &mut Vec<Event>) -> bool {
        let TaskEngine { logs, plans, run, .. } = self;
        run.apply_queued(PORTION, &mut run_tick(logs, plans, now, events))
    }

    /// Emits the inferred start of the current story, when no source states one and nothing is about to.
    pub(super) fn infer_current(&mut self, now: ClockReading, events: &mut Vec<Event>) {
        let Some(evidence) = self.inference.evidence() else { return };
        // Only a log states when a story starts.
        if !self.logs.iter().any(LogSource::was_present) || self.is_unsettled() {
            return;
        }
        let TaskEngine { logs, plans, run, .. } = self;
        run.infer_current(evidence, &mut run_tick(logs, plans, now, events));
    }

    /// Whether a source is still being written, or waits to be accepted.
    fn is_unsettled(&self) -> bool {
        self.run_switch_pending
            || !self.blocking_logs.is_empty()
            || self.logs.iter().any(LogSource::is_unsettled)
            || self.plans.iter().any(PlanSource::is_unsettled)
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
                source.counts.begin_run();
            } else {
                source.counts.carry_over();
            }
        }
        for (index, source) in self.plans.iter_mut().enumerate() {
            source.begin_run(plans.contains(&index));
        }
        self.blocking_logs.clear();
        let kept = self.plans.iter().enumerate().find(|(index, plan)| !plans.contains(index) && plan.has_stories());
        let kept_plan = kept.and_then(|(_, source)| Some((source.plan.as_ref()?, &source.path)));
        self.run.begin(kept_plan, now)
    }

    /// Adopts an accepted plan. Returns the facts that its flags state.
    pub(super) fn adopt_plan(&mut self, source: usize, plan: Arc<Plan>, change: Option<CleanText>, now: Timestamp) -> Vec<PlanFact> {
        let stories = self.run.resolver.set_plan(&plan);
        let keys: Vec<Arc<str>> = stories.iter().map(|story| story.key.clone()).collect();
        let edges = self.plans[source].adopt(plan.clone(), &keys);
        let reopened = edges.iter().filter_map(|edge| if let PlanEdge::Reopened { story } = edge { Some(*story) } else { None });
        let reopened: Vec<_> = reopened.map(|index| stories[index].clone()).collect();
        let path = &self.plans[source].path;
        self.run.apply_plan(PlanUpdate { plan: &plan, subjects: &stories, reopened: &reopened, change, path, now });
        let mut facts: Vec<PlanFact> = plan_facts::of_start(&plan).into_iter().collect();
        for edge in edges {
            plan_facts::of_edge(&plan, edge, &stories, &mut facts);
        }
        plan_facts::of_errors(&plan, &mut facts);
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
                self.run.model.stop(reason.into(), now.wall);
            }
        }
        if self.gone_since.is_some_and(|since| now.elapsed >= since + TOTAL_LOSS_DELAY) {
            self.run.model.stop("its files were moved or removed".into(), now.wall);
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
            let is_of_plan = |fact: &PlanFact| fact.fact.story.as_ref().is_none_or(|story| self.run.resolver.has_in_plan(story));
            all.extend(facts.into_iter().filter(is_of_plan).map(|fact| (fact, origin.clone())));
        }
        (all, stop)
    }

    /// The fact that a plan was completed, once per completion.
    pub(super) fn take_completion(&mut self, source: usize, now: Duration, at_once: bool) -> Option<PlanFact> {
        let count = self.plans[source].take_completion(now, at_once)?;
        Some(PlanFact::about_run(Statement::TaskEnded { passed: true }, Some(count)))
    }

    /// Goes on from a checkpoint, whose records the caller gives to [`RecordOwners`].
    pub(super) fn restore(&mut self, checkpoint: TaskCheckpoint) {
        self.run.restore(checkpoint);
        self.restored = true;
    }

    /// Restores a plan that an earlier process accepted.
    pub(super) fn restore_plan(&mut self, source: usize, checkpoint: PlanSource) {
        if let Some(plan) = checkpoint.plan.as_ref().filter(|plan| !plan.stories.is_empty()) {
            self.run.resolver.set_plan(plan);
        }
        self.plans[source].restore(checkpoint);
    }
}

/// The plan that the task goes by.
fn first_plan(plans: &[PlanSource]) -> Option<&Plan> {
    plans.iter().find(|source| source.has_stories()).and_then(|source| source.plan.as_deref())
}

fn run_tick<'a>(logs: &'a [LogSource], plans: &'a [PlanSource], now: ClockReading, events: &'a mut Vec<Event>) -> RunTick<'a> {
    let start_line = logs.iter().find_map(|source| source.parser().head().start_line.as_deref());
    RunTick { plan: first_plan(plans), start_line, now, events }
}
