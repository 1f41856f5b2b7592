//! One story: its attempts, its criteria, and the authority of each value.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::clock::Timestamp;
use crate::fact::{Outcome, Precision, Provenance};
use crate::format::SourceKind;
use crate::model::attempt::{Attempt, Timing};
use crate::model::sleeps::Sleeps;
use crate::model::state::{AttemptResult, CriterionState, CriterionStatus, ErrorState, SourceStatement, StoryStatus};
use crate::model::{FactUpdate, to_u32};
use crate::plan::{PlanCriterion, PlanStatus, PlanStory};
use crate::subject::StoryRef;
use crate::text::CleanText;

/// Attempts kept of one story: a retry loop that never ends must not grow the state.
const ATTEMPT_LIMIT: usize = 50;

/// A value with its authority: explicit outranks derived outranks inferred, then the order of [`SourceKind`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ranked<T> {
    pub(super) value: T,
    rank: (std::cmp::Reverse<Provenance>, SourceKind),
}

impl<T> Ranked<T> {
    /// The kind of the file that it is from.
    pub(super) fn kind(&self) -> SourceKind {
        self.rank.1
    }

    /// Stores `value` when its authority is higher than that of the present one.
    pub(super) fn update(slot: &mut Option<Ranked<T>>, value: Option<T>, provenance: Provenance, kind: SourceKind) {
        let rank = (std::cmp::Reverse(provenance), kind);
        if let Some(value) = value
            && slot.as_ref().is_none_or(|present| rank < present.rank)
        {
            *slot = Some(Ranked { value, rank });
        }
    }
}

/// What the plan says of the story where that overrules the logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlanHold {
    pub(super) status: StoryStatus,
    pub(super) reason: Option<CleanText>,
}

/// How a log says that a story ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "(Outcome, SourceStatement)", into = "(Outcome, SourceStatement)")]
pub(super) struct LogOutcome {
    /// As the log puts it; `None` for a pass.
    pub(super) failure: Option<CleanText>,
    /// Relative to the task's folder.
    pub(super) path: CleanText,
    pub(super) line: Option<NonZeroU32>,
    /// The line, where the plan may say otherwise.
    pub(super) text: Option<CleanText>,
}

impl LogOutcome {
    pub(super) fn is_pass(&self) -> bool {
        self.failure.is_none()
    }

    /// As one side of a disagreement.
    pub(super) fn statement(&self) -> SourceStatement {
        let status = self.failure.clone().unwrap_or_else(|| PASSED.into());
        SourceStatement { path: self.path.clone(), line: self.line.map(NonZeroU32::get), text: self.text.clone(), status }
    }
}

impl From<(Outcome, SourceStatement)> for LogOutcome {
    fn from((outcome, stated): (Outcome, SourceStatement)) -> Self {
        let failure = match outcome {
            Outcome::Passed => None,
            Outcome::Failed { reason } => Some(reason.into()),
        };
        LogOutcome { failure, path: stated.path, line: stated.line.and_then(NonZeroU32::new), text: stated.text }
    }
}

impl From<LogOutcome> for (Outcome, SourceStatement) {
    fn from(stated: LogOutcome) -> Self {
        let outcome = stated.failure.as_ref().map_or(Outcome::Passed, |reason| Outcome::Failed { reason: reason.into() });
        (outcome, stated.statement())
    }
}

/// The word for a pass.
const PASSED: &str = "passed";

/// Thousands are kept for a log full of entries: what few of them have is in a box.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Story {
    pub(super) subject: StoryRef,
    pub(super) title: Option<Ranked<CleanText>>,
    pub(super) in_plan: bool,
    /// As facts have it; [`Story::status`] is what is shown.
    pub(super) fact_status: StoryStatus,
    pub(super) provenance: Option<Provenance>,
    /// Attempts begun, and attempts ended, by events.
    pub(super) starts: u32,
    pub(super) completions: u32,
    /// The last [`ATTEMPT_LIMIT`]. Nearly every story has one.
    pub(super) attempts: SmallVec<[Attempt; 1]>,
    pub(super) plan_status: Option<PlanStatus>,
    #[serde(flatten)]
    extras: Option<Box<StoryExtras>>,
}

/// What a story has of a plan, of what went wrong, and of what was seen as it came.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StoryExtras {
    pub(super) group: Option<CleanText>,
    pub(super) priority: Option<i64>,
    /// Attempts that are kept no longer.
    pub(super) dropped_attempts: u32,
    pub(super) commits: Vec<CleanText>,
    pub(super) criteria: Vec<CriterionState>,
    /// When its start or its last criterion was read: the next criterion is timed from it.
    last_progress: Option<Timestamp>,
    pub(super) changed_at: Option<Timestamp>,
    /// The outcome that a log stated last, and where, if that is another than the last attempt that a log ended.
    log_outcome: Option<LogOutcome>,
    /// Blocked, deferred, cancelled or failed by the plan.
    pub(super) hold: Option<PlanHold>,
    pub(super) last_error: Option<Box<ErrorState>>,
    /// Rank of `last_error`; lower wins.
    pub(super) error_rank: Option<(bool, SourceKind)>,
    pub(super) reopened_at: Option<Timestamp>,
    /// When it fell back from passed, oldest first.
    pub(super) falls: Vec<Timestamp>,
    pub(super) added_at: Option<Timestamp>,
    /// When the plan called it passed; `None` once a fact has said so, too.
    #[serde(skip)]
    pub(super) flagged_at: Option<Timestamp>,
}

static NO_EXTRAS: StoryExtras = StoryExtras {
    group: None,
    priority: None,
    dropped_attempts: 0,
    commits: Vec::new(),
    criteria: Vec::new(),
    last_progress: None,
    changed_at: None,
    log_outcome: None,
    hold: None,
    last_error: None,
    error_rank: None,
    reopened_at: None,
    falls: Vec::new(),
    added_at: None,
    flagged_at: None,
};

impl Story {
    pub(super) fn new(subject: StoryRef) -> Self {
        Story {
            subject,
            title: None,
            in_plan: false,
            fact_status: StoryStatus::Open,
            provenance: None,
            starts: 0,
            completions: 0,
            attempts: SmallVec::new(),
            plan_status: None,
            extras: None,
        }
    }

    pub(super) fn extras(&self) -> &StoryExtras {
        self.extras.as_deref().unwrap_or(&NO_EXTRAS)
    }

    pub(super) fn extras_mut(&mut self) -> &mut StoryExtras {
        self.extras.get_or_insert_default()
    }

    /// What overrules the logs holds no longer.
    pub(super) fn release(&mut self) {
        if let Some(extras) = &mut self.extras {
            extras.hold = None;
        }
    }

    pub(super) fn criteria(&self) -> &[CriterionState] {
        &self.extras().criteria
    }

    pub(super) fn last_progress(&self) -> Option<Timestamp> {
        self.extras().last_progress
    }

    pub(super) fn set_last_progress(&mut self, at: Option<Timestamp>) {
        if at != self.last_progress() {
            self.extras_mut().last_progress = at;
        }
    }

    /// The outcome that a log stated last, and where.
    pub(super) fn log_outcome(&self) -> Option<LogOutcome> {
        let of_attempt = || {
            let last = self.attempts.iter().rev().find(|attempt| attempt.by_log)?;
            Some(LogOutcome { failure: last.reason.clone(), path: last.path.clone(), line: last.line, text: None })
        };
        self.extras().log_outcome.clone().or_else(of_attempt)
    }

    /// A log states an outcome, which ends the last attempt unless it is known.
    pub(super) fn set_log_outcome(&mut self, outcome: LogOutcome, ends_attempt: bool) {
        let is_of_attempt = ends_attempt && outcome.text.is_none();
        if !is_of_attempt || self.extras().log_outcome.is_some() {
            self.extras_mut().log_outcome = Some(outcome).filter(|_| !is_of_attempt);
        }
        if ends_attempt && let Some(ended) = self.attempts.last_mut() {
            ended.by_log = true;
        }
    }

    pub(super) fn title(&self) -> Option<&CleanText> {
        self.title.as_ref().map(|known| &known.value)
    }

    pub(super) fn id(&self) -> Option<CleanText> {
        self.subject.id.clone().map(CleanText::from)
    }

    pub(super) fn status(&self) -> StoryStatus {
        self.extras().hold.as_ref().map_or(self.fact_status, |hold| hold.status)
    }

    /// Whether it counts in the total: stories that were put off or given up do not.
    pub(super) fn is_counted(&self) -> bool {
        !matches!(self.status(), StoryStatus::Deferred | StoryStatus::Cancelled)
    }

    /// Whether its present attempt was only guessed to have begun.
    pub(super) fn is_guessed(&self) -> bool {
        self.open_attempt().is_some_and(|attempt| attempt.provenance == Provenance::Inferred)
    }

    pub(super) fn attempt_count(&self) -> u32 {
        self.extras().dropped_attempts + to_u32(self.attempts.len())
    }

    pub(super) fn open_attempt(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.result == AttemptResult::InProgress)
    }

    pub(super) fn open_attempt_mut(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut().filter(|attempt| attempt.result == AttemptResult::InProgress)
    }

    /// The last attempt that ended, however it ended.
    pub(super) fn ended_attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| matches!(attempt.result, AttemptResult::Passed | AttemptResult::Failed))
    }

    /// Of the attempt under way, else of the last one.
    pub(super) fn started(&self) -> Option<Timing> {
        self.attempts.last()?.started
    }

    /// Of the last attempt that ended.
    pub(super) fn finished(&self) -> Option<Timing> {
        self.ended_attempt()?.ended
    }

    /// Adds an attempt; one that was under way is over without a word.
    pub(super) fn push_attempt(&mut self, attempt: Attempt) {
        if let Some(open) = self.open_attempt_mut() {
            open.result = AttemptResult::Stopped;
        }
        // One at a time: most stories have one, which stands in the story itself.
        self.attempts.reserve_exact(1);
        self.attempts.push(attempt);
        if self.attempts.len() > ATTEMPT_LIMIT {
            self.attempts.remove(0);
            self.extras_mut().dropped_attempts += 1;
        }
    }

    /// The plan calls it passed no longer.
    pub(super) fn reopen(&mut self, now: Timestamp) {
        self.fact_status = StoryStatus::Open;
        self.provenance = None;
        let extras = self.extras_mut();
        extras.changed_at = Some(now);
        extras.reopened_at = Some(now);
        extras.falls.push(now);
        if extras.falls.len() > ATTEMPT_LIMIT {
            extras.falls.remove(0);
        }
    }

    /// Takes back what a plan said that is not of this run.
    pub(super) fn forget_plan(&mut self) {
        self.plan_status = None;
        self.release();
        if self.completions == 0 && self.fact_status == StoryStatus::Passed {
            self.fact_status = if self.starts > 0 { StoryStatus::InProgress } else { StoryStatus::Open };
            self.provenance = None;
        }
    }

    /// Whether any source reported more of it than its name.
    pub(super) fn has_happened(&self) -> bool {
        self.starts + self.completions > 0 || self.extras().last_error.is_some() || self.criteria().iter().any(CriterionState::is_done)
    }

    /// Applies the plan's entry for this story. A criterion stays done while the plan keeps its text.
    pub(super) fn apply_plan(&mut self, planned: &PlanStory, group: Option<&CleanText>) {
        self.in_plan = true;
        let extras = self.extras_mut();
        extras.priority = planned.priority;
        extras.group = group.cloned();
        self.apply_plan_status(planned);
        if let Some(title) = &planned.title {
            self.title = None;
            Ranked::update(&mut self.title, Some(title.clone()), Provenance::Explicit, SourceKind::ExecutionLog);
        }
        let criteria = &mut self.extras_mut().criteria;
        let old = std::mem::take(criteria);
        *criteria = planned
            .criteria
            .iter()
            .enumerate()
            // The same index first: a plan may use a text twice.
            .map(|(at, PlanCriterion { text, .. })| {
                match old.get(at).filter(|old| old.text == *text).or_else(|| old.iter().find(|old| old.text == *text)) {
                    Some(kept) => kept.clone(),
                    None => open_criterion(text.clone()),
                }
            })
            .collect();
        criteria
            .extend(old.into_iter().filter(|old| old.is_done() && !planned.criteria.iter().any(|criterion| criterion.text == old.text)));
    }

    /// Passed if any source says so; the plan's other words win over a pass only when the plan changed after it.
    fn apply_plan_status(&mut self, planned: &PlanStory) {
        let before = self.plan_status.replace(planned.status);
        let hold = match planned.status {
            PlanStatus::Blocked => StoryStatus::Blocked,
            PlanStatus::Deferred => StoryStatus::Deferred,
            PlanStatus::Cancelled => StoryStatus::Cancelled,
            PlanStatus::Failed => StoryStatus::Failed,
            PlanStatus::Passed => {
                self.release();
                if self.fact_status == StoryStatus::Open {
                    self.fact_status = StoryStatus::Passed;
                    self.provenance = Some(Provenance::Explicit);
                }
                return;
            }
            PlanStatus::Open | PlanStatus::InProgress => {
                self.release();
                return;
            }
        };
        let changed = before != Some(planned.status);
        let overrules = match (&self.extras().hold, self.fact_status) {
            (Some(_), _) => true,
            (None, StoryStatus::Passed) => changed && before.is_some(),
            // A failure is told by its own fact; only a pass must be overruled.
            (None, _) => changed && hold != StoryStatus::Failed,
        };
        if overrules {
            self.extras_mut().hold = Some(PlanHold { status: hold, reason: planned.reason.clone() });
        }
    }

    /// The criterion with this index; a missing one is added.
    pub(super) fn criterion(&mut self, index: u32, text: Option<&str>) -> &mut CriterionState {
        // Indices come from `subject`, which caps them.
        let index = index as usize;
        let criteria = &mut self.extras_mut().criteria;
        while criteria.len() <= index {
            criteria.push(open_criterion(CleanText::default()));
        }
        let criterion = &mut criteria[index];
        if criterion.text.is_empty()
            && let Some(text) = text
        {
            criterion.text = text.into();
        }
        criterion
    }

    /// Ends the attempt under way; one whose start nobody told is made.
    pub(super) fn end_attempt(&mut self, update: &FactUpdate<'_>, timing: Timing, outcome: &Outcome) {
        if self.open_attempt().is_none() {
            self.push_attempt(Attempt {
                started: None,
                ended: None,
                result: AttemptResult::InProgress,
                reason: None,
                duration_ms: None,
                stated: false,
                path: CleanText::default(),
                line: None,
                by_log: false,
                provenance: update.fact.provenance,
            });
        }
        let Some(open) = self.open_attempt_mut() else { return };
        if open.provenance == Provenance::Inferred {
            // Nobody knows when a guessed attempt began.
            open.started = None;
        }
        open.ended = (timing.recorded || update.live).then(|| timing.not_before(open.started));
        (open.result, open.reason) = match outcome {
            Outcome::Passed => (AttemptResult::Passed, None),
            Outcome::Failed { reason } => (AttemptResult::Failed, Some(reason.into())),
        };
        open.path = update.origin.path.clone().into();
        open.line = NonZeroU32::new(update.fact.line);
        open.provenance = update.fact.provenance;
    }

    /// How long the last attempt took: as the record states it, else from its start to this end. Keeps the better of what is known.
    pub(super) fn measure(&mut self, update: &FactUpdate<'_>, timing: Timing, stated: Option<u64>, sleeps: &Sleeps) -> Option<u64> {
        let is_over = |attempt: &&mut Attempt| attempt.result != AttemptResult::InProgress;
        let attempt = self.attempts.last_mut().filter(is_over)?;
        // When a known end is read again says nothing of how long it took.
        let is_dated = timing.recorded || update.occurrence.is_some();
        let spanned = attempt.started.filter(|_| is_dated).and_then(|start| {
            let end = timing.not_before(Some(start));
            end.since(start).and_then(|_| sleeps.awake_between(start.at, end.at))
        });
        let measured = stated.or(spanned);
        let provenance = if stated.is_some() { update.fact.provenance } else { Provenance::Inferred };
        Ranked::update(&mut attempt.duration_ms, measured, provenance, update.origin.kind);
        attempt.stated |= stated.is_some();
        measured
    }
}

fn open_criterion(text: CleanText) -> CriterionState {
    CriterionState { text, status: CriterionStatus::Open, provenance: None, duration_ms: None }
}

/// As the state shows it: to the second is not said.
pub(super) fn shown(precision: Precision) -> Option<Precision> {
    (precision != Precision::Second).then_some(precision)
}
