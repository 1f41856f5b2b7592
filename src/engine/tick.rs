//! One tick of one task: what is accepted, counted and applied, in this order.

use std::collections::{BTreeSet, HashSet};

use crate::clock::ClockReading;
use crate::error::{Notice, NoticeKind};
use crate::event::Event;
use crate::format::Pause;
use crate::ledger::{MAX_KEYS, Verdict};
use crate::plan::Plan;
use crate::text::CleanText;

use super::counting::CountedFact;
use super::event_order::PendingFact;
use super::log_source::LogSource;
use super::ownership::RecordOwners;
use super::plan_facts::PlanFact;
use super::plan_source::PlanChange;
use super::status_source::StatusSource;
use super::task::TaskEngine;

pub(super) struct TaskTick<'a> {
    pub(super) owners: &'a mut RecordOwners,
    pub(super) now: ClockReading,
    /// No more input will come: whatever is pending is decided by what there is.
    pub(super) finish: bool,
    /// Files are not followed: an open record ends at their end. (A stream goes on until its writer closes it.)
    pub(super) at_end: bool,
    /// The initial scan is done: what was read was written just now.
    pub(super) live: bool,
    /// The state shows the facts, and no events are emitted.
    pub(super) mute: bool,
    pub(super) events: Vec<Event>,
    pub(super) notices: Vec<Notice>,
}

impl TaskTick<'_> {
    /// Returns whether the task is done with it: otherwise the next call goes on.
    pub(super) fn run(&mut self, task: &mut TaskEngine) -> bool {
        if !task.run.has_queued() {
            self.count(task);
        }
        if !task.apply_queued(self.now, &mut self.events) {
            return false;
        }
        if let Some(stop) = task.pending_stop.take() {
            task.run.model.stop(stop.reason, stop.at);
        }
        // A switch of runs that waits for the next tick changes nothing yet.
        if !task.run_switch_pending {
            task.stop_if_gone(self.now);
            if self.live && !self.finish {
                task.infer_current(self.now, &mut self.events);
            }
        }
        if !task.logs.is_empty() && task.logs.iter().all(LogSource::is_packed) {
            task.logs.iter_mut().for_each(|log| log.counts.compact());
            task.run.compact();
        }
        true
    }

    /// Counts what the sources state, and queues the facts.
    fn count(&mut self, task: &mut TaskEngine) {
        self.select_tag(task);
        task.share_plan_names();
        let was_pending = std::mem::take(&mut task.run_switch_pending);
        let begins_run = self.begins_run(task);
        if begins_run && !was_pending && !self.finish {
            // The blocked files are read first: they may have been reset for the same run.
            task.run_switch_pending = true;
            task.blocking_logs.clear();
            return;
        }
        let mut pending = Vec::new();
        if begins_run {
            self.switch_run(task, &mut pending);
        }
        let mut of_plans = Vec::new();
        if begins_run || self.finish || !task.is_blocked(None) {
            self.accept_plans(task, begins_run, &mut of_plans);
        }
        self.accept_candidates(task, &mut pending);
        let mut order: Vec<usize> = (0..task.logs.len()).collect();
        order.sort_by_key(|log| task.logs[*log].kind());
        for log in order {
            if begins_run || self.finish || !task.is_blocked(Some(log)) {
                self.count_appended(task, log, &mut pending);
            }
        }
        if !task.full_reported && task.logs.iter().any(|log| log.counts.is_full()) {
            task.full_reported = true;
            let message = format!("has said {MAX_KEYS} different things: what else is new in it is not told; a new run begins afresh");
            self.add_notice(NoticeKind::Limit, &task.id.clone(), &message);
        }
        let (of_statuses, stop) = task.take_status_changes(self.now);
        for (fact, origin) in of_statuses {
            pending.push(task.run.prepare_plan_fact(fact, &origin, self.mute, self.live));
        }
        // Plans are the last in the order of trust.
        pending.append(&mut of_plans);
        self.complete_plans(task, &mut pending);
        task.run.queue(pending);
        task.pending_stop = stop;
    }

    /// Shows the plans which of their tags is worked on.
    fn select_tag(&mut self, task: &mut TaskEngine) {
        let tag = task.statuses.iter().find_map(StatusSource::plan_tag);
        let mut has_changed = false;
        for plan in &mut task.plans {
            has_changed |= plan.select_tag(self.now.elapsed, tag);
        }
        if has_changed && let Some(plan) = task.newest_plan() {
            self.owners.set_plan(task.index, plan);
        }
    }

    /// Whether a source shows that a new run began. One that has not taken part in the present run follows those that began it.
    fn begins_run(&mut self, task: &mut TaskEngine) -> bool {
        let (now, finish) = (self.now.elapsed, self.finish);
        let by_log = (0..task.logs.len()).any(|log| {
            task.logs[log].may_begin_run()
                && task.evaluate(log, now, finish, self.owners).is_some_and(|evaluation| evaluation.verdict == Verdict::NewGeneration)
        });
        by_log || task.plans.iter().any(|plan| plan.takes_part() && plan.begins_run(now, finish || !self.live))
    }

    /// Begins one run for all sources: those that seem to have been reset are reset, the counts of the others are carried over.
    fn switch_run(&mut self, task: &mut TaskEngine, pending: &mut Vec<PendingFact>) {
        let now = self.now.elapsed;
        let mut reset = Vec::new();
        for log in 0..task.logs.len() {
            if task.logs[log].is_machine_log() {
                continue;
            }
            match task.evaluate(log, now, self.finish, self.owners) {
                Some(evaluation) if matches!(evaluation.verdict, Verdict::NewGeneration | Verdict::Wait { hold: true }) => {
                    reset.push((log, evaluation));
                }
                Some(_) | None => {}
            }
        }
        let logs: BTreeSet<usize> = reset.iter().map(|(log, _)| *log).collect();
        let plans: BTreeSet<usize> = (0..task.plans.len()).filter(|plan| task.plans[*plan].has_other_run()).collect();
        if task.begin_run(&logs, &plans, self.now.wall) {
            let log = logs.first().map(|log| task.logs[*log].path.clone());
            let plan = plans.first().map(|plan| task.plans[*plan].path.clone());
            let path = log.or(plan).unwrap_or_else(|| task.id.clone());
            self.add_notice(NoticeKind::NewRun, &path, "says that a new run began; counting starts afresh");
        }
        for (log, evaluation) in reset {
            let counted = task.logs[log].commit(evaluation, now);
            task.prepare(log, counted, self.mute, self.live, pending);
        }
    }

    fn accept_plans(&mut self, task: &mut TaskEngine, begins_run: bool, pending: &mut Vec<PendingFact>) {
        for source in 0..task.plans.len() {
            // What was found broken is nobody's save under way, as far as anybody can tell before more is read.
            let is_found = self.finish || !self.live;
            if let Some(message) = task.plans[source].take_parse_notice(self.now.elapsed, is_found) {
                // Several tasks may have a plan of this name.
                let path = task.folder.join(&*task.plans[source].path);
                self.add_notice(NoticeKind::PlanUnreadable, &path.to_string_lossy(), &message);
            }
            if let Some(plan) = task.other_plan_path(source).cloned() {
                if task.plans[source].reject_second() {
                    let message = format!("is not read as a plan: the task has one in {plan}; watch it from a folder of its own");
                    self.add_notice(NoticeKind::Disagreement, &task.plans[source].path, &message);
                }
                continue;
            }
            let at_once = begins_run || self.finish || !self.live;
            let Some((plan, change)) = task.plans[source].accept(self.now.elapsed, at_once) else { continue };
            if let Some(truncation) = &plan.truncation {
                self.add_notice(NoticeKind::Limit, &task.plans[source].path, truncation);
            }
            let described = match (change, &task.plans[source].plan) {
                (PlanChange::SameRun, Some(old)) => describe_change(old, &plan),
                (PlanChange::First | PlanChange::NewRun | PlanChange::SameRun, _) => None,
            };
            if change == PlanChange::NewRun && !begins_run {
                task.plans[source].begin_run(true);
                task.run.model.forget_plan();
            }
            let origin = task.plans[source].origin();
            let facts = task.adopt_plan(source, plan, described, self.now.wall);
            // That a plan was written again is no sign of life; that one of its stories moved on is.
            if self.live && facts.iter().any(PlanFact::is_of_story) {
                let path = task.plans[source].path.clone();
                task.inference.record_change(self.now.wall, &path);
                task.run.model.record_activity(self.now.wall, &path);
            }
            for fact in facts {
                pending.push(task.run.prepare_plan_fact(fact, &origin, self.mute, self.live));
            }
        }
    }

    /// Accepts rewritten logs that go on with the same run.
    fn accept_candidates(&mut self, task: &mut TaskEngine, pending: &mut Vec<PendingFact>) {
        for log in 0..task.logs.len() {
            let Some(evaluation) = task.evaluate(log, self.now.elapsed, self.finish, self.owners) else { continue };
            match evaluation.verdict {
                Verdict::Wait { hold: true } => {
                    task.blocking_logs.insert(log);
                    continue;
                }
                Verdict::Wait { hold: false } => {
                    task.blocking_logs.remove(&log);
                    continue;
                }
                Verdict::Rewrite => {}
                Verdict::NewGeneration => task.logs[log].begin_generation(),
            }
            task.blocking_logs.remove(&log);
            let counted = task.logs[log].commit(evaluation, self.now.elapsed);
            task.prepare(log, counted, self.mute, self.live, pending);
        }
    }

    fn count_appended(&mut self, task: &mut TaskEngine, log: usize, pending: &mut Vec<PendingFact>) {
        let is_at_end = self.finish || self.at_end && task.logs[log].written.is_some();
        let least = if is_at_end { Pause::End } else { task.logs[log].pause_since_written(self.now.wall, self.live) };
        task.logs[log].settle(self.now.elapsed, least);
        if !is_at_end {
            task.logs[log].pack_if_idle(self.now.elapsed, least);
        }
        let appended = task.count_appended(log, self.now.elapsed, self.live, self.owners);
        if self.owners.is_shared(task.logs[log].file) {
            self.record_activity(task, log, &appended);
        }
        task.prepare(log, appended, self.mute, self.live, pending);
    }

    /// Records of a shared log are activity of the task that owns them: now if live, else at the time they were written.
    fn record_activity(&self, task: &mut TaskEngine, log: usize, owned: &[CountedFact]) {
        let written = owned.iter().filter_map(|counted| counted.fact.recorded_at).map(|time| time.at.min(self.now.wall)).max();
        let at = if self.live && !owned.is_empty() { Some(self.now.wall) } else { written };
        if let Some(at) = at {
            let path = task.logs[log].path.clone();
            task.run.model.record_activity(at, &path);
        }
    }

    fn complete_plans(&mut self, task: &mut TaskEngine, pending: &mut Vec<PendingFact>) {
        for source in 0..task.plans.len() {
            if let Some(fact) = task.take_completion(source, self.now.elapsed, self.finish || !self.live) {
                let origin = task.plans[source].origin();
                pending.push(task.run.prepare_plan_fact(fact, &origin, self.mute, self.live));
            }
        }
    }

    fn add_notice(&mut self, kind: NoticeKind, path: &str, message: &str) {
        self.notices.push(Notice { kind, path: Some(path.into()), message: message.into(), at: self.now.wall });
    }
}

/// Describes which stories two versions of a plan do not share; `None` when they share all.
fn describe_change(old: &Plan, new: &Plan) -> Option<CleanText> {
    if old.has_work_of(new) {
        return None;
    }
    let names = |plan: &Plan| -> HashSet<CleanText> {
        plan.stories.iter().filter_map(|story| story.id.clone().or_else(|| story.title.clone())).collect()
    };
    let (before, after) = (names(old), names(new));
    let (added, removed) = (after.difference(&before).count(), before.difference(&after).count());
    let mut words = Vec::new();
    if added > 0 {
        words.push(format!("{added} added"));
    }
    if removed > 0 {
        words.push(format!("{removed} removed"));
    }
    (!words.is_empty())
        .then(|| format!("plan changed: {} → {} stories ({})", old.stories.len(), new.stories.len(), words.join(", ")).into())
}
