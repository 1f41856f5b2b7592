//! One look at one task: what is believed, counted and told, in this order.

use std::collections::{BTreeSet, HashSet};

use crate::clock::ClockReading;
use crate::error::{Notice, NoticeKind};
use crate::event::Event;
use crate::fact::Statement;
use crate::ledger::{KEYS, SETTLE, Verdict};
use crate::plan::Plan;

use super::claims::Claims;
use super::document::Change;
use super::infer;
use super::lines::Counted;
use super::task::{Pending, Task, plan_fact};

/// [`SETTLE`] on the wall clock, which is all that a file's own time can be held against.
const SETTLE_MS: u64 = SETTLE.as_millis() as u64;

pub(super) struct Look<'a> {
    pub(super) claims: &'a mut Claims,
    pub(super) now: ClockReading,
    /// Nothing more will come: whatever waits is judged by what is there.
    pub(super) finish: bool,
    /// Things are seen as they happen; not so in the first look.
    pub(super) live: bool,
    /// Counted and shown, but not emitted.
    pub(super) mute: bool,
    pub(super) events: Vec<Event>,
    pub(super) notices: Vec<Notice>,
}

impl Look<'_> {
    pub(super) fn take(&mut self, task: &mut Task) {
        let decided = std::mem::take(&mut task.switching);
        let wanted = self.wants_new_run(task);
        if wanted && !decided && !self.finish {
            // Before anything of the new run is told, the files that had to wait are looked at: they may belong to the same switch.
            task.switching = true;
            task.hold.clear();
            return;
        }
        let mut counted = Vec::new();
        if wanted {
            self.switch(task, &mut counted);
        }
        let waits = |task: &Task, line: usize| task.waits(Some(line)) && !wanted;
        let mut planned = Vec::new();
        if wanted || self.finish || !task.waits(None) {
            self.plans(task, wanted, &mut planned);
        }
        self.candidates(task, &mut counted);
        let mut order: Vec<usize> = (0..task.lines.len()).collect();
        order.sort_by_key(|line| task.lines[*line].kind());
        for line in order {
            if self.finish || !waits(task, line) {
                self.appended(task, line, &mut counted);
            }
        }
        if !task.full_said && task.lines.iter().any(|line| line.ledger.is_full()) {
            task.full_said = true;
            let message = format!("has said {KEYS} different things: what else is new in it is not told; a new run begins afresh");
            self.note(NoticeKind::Limit, &task.id.clone(), &message);
        }
        // The plan comes last in the order of trust.
        counted.append(&mut planned);
        self.completions(task, &mut counted);
        task.tell_all(counted, self.now, &mut self.events);
        if self.live && !self.finish {
            infer::guess(task, self.now, &mut self.events);
        }
    }

    /// Whether a source is believed to say that a new run began.
    fn wants_new_run(&mut self, task: &mut Task) -> bool {
        let (now, finish) = (self.now.elapsed, self.finish);
        let by_log = (0..task.lines.len()).any(|line| {
            !task.lines[line].is_machine_log()
                && task.judge(line, now, finish, self.claims).is_some_and(|judged| judged.verdict == Verdict::NewGeneration)
        });
        by_log || task.plans.iter().any(|plan| plan.wants_new_run(now, finish || !self.live))
    }

    /// One new run for everybody: sources that seem to have been reset are reset, the others have said what they have said.
    fn switch(&mut self, task: &mut Task, counted: &mut Vec<Pending>) {
        let now = self.now.elapsed;
        let mut reset = Vec::new();
        for line in 0..task.lines.len() {
            if task.lines[line].is_machine_log() {
                continue;
            }
            match task.judge(line, now, self.finish, self.claims) {
                Some(judged) if matches!(judged.verdict, Verdict::NewGeneration | Verdict::Wait { hold: true }) => {
                    reset.push((line, judged))
                }
                Some(_) | None => {}
            }
        }
        let lines: BTreeSet<usize> = reset.iter().map(|(line, _)| *line).collect();
        let plans: BTreeSet<usize> = (0..task.plans.len()).filter(|plan| task.plans[*plan].next_is_another_run()).collect();
        if task.new_run(&lines, &plans, self.now.wall) {
            let log = lines.first().map(|line| task.lines[*line].path.clone());
            let plan = plans.first().map(|plan| task.plans[*plan].path.clone());
            let path = log.or(plan).unwrap_or_else(|| task.id.clone());
            self.note(NoticeKind::NewRun, &path, "says that a new run began; counting starts afresh");
        }
        for (line, judged) in reset {
            let believed = task.lines[line].commit(judged, now);
            counted.extend(task.prepare(line, believed, self.mute, self.live));
        }
    }

    fn plans(&mut self, task: &mut Task, at_once: bool, planned: &mut Vec<Pending>) {
        for source in 0..task.plans.len() {
            if let Some(complaint) = task.plans[source].complaint(self.now.elapsed) {
                self.note(NoticeKind::PlanUnreadable, &task.plans[source].path, &complaint);
            }
            if let Some(plan) = task.planned_elsewhere(source).cloned() {
                if task.plans[source].stand_back() {
                    let message = format!("is not read as a plan: the task has one in {plan}; watch it from a folder of its own");
                    self.note(NoticeKind::Disagreement, &task.plans[source].path, &message);
                }
                continue;
            }
            let at_once = at_once || self.finish || !self.live;
            let Some((plan, change)) = task.plans[source].believe(self.now.elapsed, at_once) else { continue };
            if let Some(cut) = &plan.truncation {
                self.note(NoticeKind::Limit, &task.plans[source].path, cut);
            }
            let described = match (change, &task.plans[source].plan) {
                (Change::SameRun, Some(old)) => describe(old, &plan),
                (Change::First | Change::NewRun | Change::SameRun, _) => None,
            };
            let origin = task.plans[source].origin();
            for stated in task.adopt_plan(source, plan, described, self.now.wall) {
                planned.push(task.planned(stated, &origin, self.mute, self.live));
            }
        }
    }

    /// Rewritten content that is the same run's.
    fn candidates(&mut self, task: &mut Task, counted: &mut Vec<Pending>) {
        for line in 0..task.lines.len() {
            let Some(judged) = task.judge(line, self.now.elapsed, self.finish, self.claims) else { continue };
            match judged.verdict {
                Verdict::Wait { hold: true } => {
                    task.hold.insert(line);
                    continue;
                }
                Verdict::Wait { hold: false } => {
                    task.hold.remove(&line);
                    continue;
                }
                Verdict::Rewrite => {}
                Verdict::NewGeneration => task.lines[line].ledger.rotate(),
            }
            task.hold.remove(&line);
            let believed = task.lines[line].commit(judged, self.now.elapsed);
            counted.extend(task.prepare(line, believed, self.mute, self.live));
        }
    }

    fn appended(&mut self, task: &mut Task, line: usize, counted: &mut Vec<Pending>) {
        // What stands there at the start for longer than any writer pauses is part of what was there.
        let at_rest = !self.live && task.lines[line].written.and_then(|at| self.now.wall.since(at)).is_some_and(|age| age >= SETTLE_MS);
        task.lines[line].settle(self.now.elapsed, self.finish || at_rest);
        // Only what is found at the start can be from before the run's beginning.
        let begun = task.begun(line, self.live);
        let fresh = task.count_fresh(line, self.now.elapsed, begun, self.claims);
        if self.claims.is_shared(task.lines[line].file) {
            self.moved_by(task, line, &fresh);
        }
        counted.extend(task.prepare(line, fresh, self.mute, self.live));
    }

    /// A log that is everybody's moves the task whose records it brings: now, or when those were written.
    fn moved_by(&self, task: &mut Task, line: usize, fresh: &[Counted]) {
        let written = fresh.iter().filter_map(|counted| counted.fact.recorded_at).map(|when| when.at.min(self.now.wall)).max();
        let at = if self.live && !fresh.is_empty() { Some(self.now.wall) } else { written };
        if let Some(at) = at {
            let path = task.lines[line].path.clone();
            task.model.record_activity(at, &path);
        }
    }

    fn completions(&mut self, task: &mut Task, counted: &mut Vec<Pending>) {
        for source in 0..task.plans.len() {
            if let Some(times) = task.plans[source].completion(self.now.elapsed, self.finish || !self.live) {
                let origin = task.plans[source].origin();
                let fact = plan_fact(Statement::TaskEnded { passed: true }, None);
                let one = task.pending(fact, Some(times), &origin, self.mute, self.live);
                counted.push(one);
            }
        }
    }

    fn note(&mut self, kind: NoticeKind, path: &str, message: &str) {
        self.notices.push(Notice { kind, path: Some(path.to_owned()), message: message.to_owned(), at: self.now.wall });
    }
}

/// What changed between two versions of one plan, in words; `None` when only flags did.
fn describe(old: &Plan, new: &Plan) -> Option<String> {
    let names = |plan: &Plan| -> HashSet<String> {
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
    (!words.is_empty()).then(|| format!("plan changed: {} → {} stories ({})", old.stories.len(), new.stories.len(), words.join(", ")))
}
