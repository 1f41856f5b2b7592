//! One status file of a runner: how its run stands, as it was read last.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::fact::Statement;
use crate::format::SourceKind;
use crate::ledger::TOTAL_LOSS_DELAY;
use crate::model::Origin;
use crate::plan::run_status::{self, RunEnd, RunStatus, RunnerProcess};

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

    /// What the file states anew: facts, and the end of the run where it says so. An end that is older than `last_work`, when a log or a
    /// plan was written last, is that of an earlier run.
    pub(super) fn take_changes(&mut self, last_work: Option<Timestamp>) -> (Vec<PlanFact>, Option<RunEnd>) {
        if !std::mem::replace(&mut self.has_changed, false) {
            return (Vec::new(), None);
        }
        let Some(status) = &self.status else { return (Vec::new(), None) };
        let mut facts = Vec::new();
        if let Some(iteration) = status.iteration {
            facts.push(PlanFact::about_run(Statement::Activity { text: None, iteration: Some((iteration, status.max_iterations)) }, None));
        }
        let reported_at = status.at.or(self.written);
        let is_present = reported_at.zip(last_work).is_none_or(|(reported, work)| reported.0 + WRITE_ORDER_TOLERANCE >= work.0);
        let end = status.end.clone().filter(|_| is_present);
        if let Some(passed) = end.as_ref().and_then(|end| end.passed) {
            self.ends += 1;
            let mut fact = PlanFact::about_run(Statement::TaskEnded { passed }, Some(self.ends));
            fact.record_at(status.at);
            facts.push(fact);
        }
        (facts, end)
    }
}
