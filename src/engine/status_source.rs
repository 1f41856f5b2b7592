//! One status file of a runner: how its run stands, as it was read last.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::fact::{Provenance, Statement, StoryName};
use crate::format::SourceKind;
use crate::ledger::TOTAL_LOSS_DELAY;
use crate::model::Origin;
use crate::plan::run_status::{self, RunEnd, RunStatus, RunnerProcess};
use crate::text::CleanText;

use super::plan_facts::PlanFact;

/// A status file may be written a little before the log's last line (milliseconds).
const WRITE_ORDER_TOLERANCE: i64 = 60_000;

pub(super) struct StatusSource {
    pub(super) path: Arc<str>,
    pub(super) written: Option<Timestamp>,
    status: Option<RunStatus>,
    has_changed: bool,
    /// How often it said that a run is over.
    ends: u32,
    /// When the process that it names was found to have ended.
    process_ended: Option<Duration>,
}

/// What a status file states anew.
#[derive(Default)]
pub(super) struct StatusChanges {
    pub(super) facts: Vec<PlanFact>,
    pub(super) end: Option<RunEnd>,
    /// When it was written, as it says.
    pub(super) at: Option<Timestamp>,
}

/// That a run has stopped, why and when.
pub(super) struct RunStop {
    pub(super) reason: CleanText,
    pub(super) at: Timestamp,
}

impl StatusSource {
    pub(super) fn new(path: &str) -> Self {
        StatusSource { path: Arc::from(path), written: None, status: None, has_changed: false, ends: 0, process_ended: None }
    }

    pub(super) fn origin(&self) -> Origin {
        Origin { path: self.path.clone(), kind: SourceKind::Unknown, written: self.written }
    }

    /// Reads a version of the document. What cannot be read changes nothing: it is written again in a moment.
    pub(super) fn read(&mut self, text: &str) {
        if let Some(status) = run_status::read(&self.path, text)
            && self.status.as_ref() != Some(&status)
        {
            self.status = Some(status);
            self.has_changed = true;
        }
    }

    pub(super) fn is_read(&self) -> bool {
        self.status.is_some()
    }

    /// Whether the file goes with its run: the plugin deletes it at the end.
    pub(super) fn ends_when_missing(&self) -> bool {
        self.path.ends_with("ralph-loop.local.md")
    }

    /// The process that the file names.
    pub(super) fn process(&self) -> Option<&RunnerProcess> {
        self.status.as_ref()?.process.as_ref()
    }

    pub(super) fn record_process_end(&mut self, at: Duration) {
        self.process_ended.get_or_insert(at);
    }

    /// When the end of the process counts: a runner writes its last lines and its last flags just before it goes.
    pub(super) fn process_end_due(&self) -> Option<Duration> {
        self.process_ended.map(|at| at + TOTAL_LOSS_DELAY)
    }

    /// Why the run has stopped, when its process has ended and that is due. Once.
    pub(super) fn take_process_end(&mut self, now: Duration) -> Option<String> {
        self.process_end_due().filter(|due| now >= *due)?;
        self.process_ended = None;
        let pid = self.process().map(|process| process.pid.to_string()).unwrap_or_default();
        Some(format!("its process {pid}, which {} names, has ended", self.path))
    }

    /// Which of the plan's tags is worked on.
    pub(super) fn plan_tag(&self) -> Option<&str> {
        self.status.as_ref()?.tag.as_deref()
    }

    /// Whether the file is about the plan at `path`: it may name another one.
    fn is_about(&self, path: Option<&str>) -> bool {
        let stem = path.map(|path| Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default());
        let named = self.status.as_ref().and_then(|status| status.plan.as_deref());
        named.zip(stem).is_none_or(|(named, stem)| named.eq_ignore_ascii_case(stem))
    }

    /// What the file states anew of the plan at `plan`: facts, the end of the run where it says so, and when. An end that is older than
    /// `last_work`, when a log or a plan was written last, is that of an earlier run.
    pub(super) fn take_changes(&mut self, plan: Option<&str>, last_work: Option<Timestamp>) -> StatusChanges {
        if !std::mem::replace(&mut self.has_changed, false) {
            return StatusChanges::default();
        }
        let Some(status) = self.status.as_ref().filter(|_| self.is_about(plan)) else { return StatusChanges::default() };
        let mut facts = Vec::new();
        if let Some(iteration) = status.iteration {
            facts.push(PlanFact::about_run(Statement::Activity { text: None, iteration: Some((iteration, status.max_iterations)) }, None));
        }
        for start in &status.starts {
            let mut fact = PlanFact::about_run(Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() }, Some(1));
            fact.fact.story = Some(StoryName::of_id(&start.id));
            fact.fact.provenance = Provenance::Explicit;
            fact.record_at(start.at);
            facts.push(fact);
        }
        // By the clock that the others' times are of: in a fresh copy all files are new, whatever they say of themselves.
        let reported_at = self.written.or(status.at);
        let is_present = reported_at.zip(last_work).is_none_or(|(reported, work)| reported.0 + WRITE_ORDER_TOLERANCE >= work.0);
        let end = status.end.clone().filter(|_| is_present);
        if let Some(passed) = end.as_ref().and_then(|end| end.passed) {
            self.ends += 1;
            let mut fact = PlanFact::about_run(Statement::TaskEnded { passed }, Some(self.ends));
            fact.record_at(status.at);
            facts.push(fact);
        }
        StatusChanges { facts, end, at: status.at }
    }
}
