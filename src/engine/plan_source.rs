//! One document source: the accepted plan, the candidate that may replace it, and how often each story has passed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::format::SourceKind;
use crate::ledger::{PARTIAL_LOSS_DELAY, TOTAL_LOSS_DELAY};
use crate::model::Origin;
use crate::plan::{self, Notation, ParseError, Plan, PlanStatus, PlanStory};
use crate::text::CleanText;

/// A parse error is reported after this long: a shorter one is a write under way.
const PARSE_ERROR_DELAY: Duration = Duration::from_secs(3);

/// The checkpoint keeps it without the candidate and the parse error.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct PlanSource {
    #[serde(skip)]
    pub(super) path: Arc<str>,
    /// The accepted plan.
    pub(super) plan: Option<Arc<Plan>>,
    /// The document as last read, while it may be half written or the plan of another run.
    #[serde(skip)]
    candidate: Option<Arc<Plan>>,
    /// The document as last read, with its text.
    #[serde(skip)]
    document: Option<(Arc<Plan>, String)>,
    /// A run began since the plan was adopted: the next version is compared story by story.
    #[serde(skip)]
    counts_anew: bool,
    #[serde(skip)]
    candidate_since: Duration,
    #[serde(skip)]
    changed: Duration,
    #[serde(skip)]
    parse_error: Option<(Duration, String)>,
    #[serde(skip)]
    parse_error_reported: bool,
    #[serde(skip)]
    second_plan_reported: bool,
    /// Which of the document's tags is worked on, as a status file says.
    #[serde(skip)]
    tag: Option<String>,
    /// How often each story started, passed and failed in this run, by its key: the changes of its status.
    counts: HashMap<Arc<str>, EdgeCounts>,
    /// The status of each story when the plan last had it: a story that leaves the plan and comes back has not changed.
    statuses: HashMap<Arc<str>, PlanStatus>,
    /// Criteria that were done in this run, by the story's key and their index.
    criteria_done: HashSet<(Arc<str>, u32)>,
    /// How often the whole plan became complete in this run.
    completions: u32,
    /// The plan is complete and its completion is emitted.
    completion_emitted: bool,
    /// Another source began the present run, and this one still holds what the run before left.
    #[serde(default)]
    is_carried_over: bool,
    #[serde(skip)]
    pub(super) written: Option<Timestamp>,
}

/// How often a story reached each status in this run.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct EdgeCounts {
    started: u32,
    passed: u32,
    failed: u32,
}

/// What changed for one story of an adopted plan, with its index in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlanEdge {
    /// It is under way, for the n-th time in this run.
    Started {
        story: usize,
        count: u32,
    },
    CriterionDone {
        story: usize,
        criterion: u32,
    },
    Passed {
        story: usize,
        count: u32,
    },
    Failed {
        story: usize,
        count: u32,
    },
    /// It is not passed any more.
    Reopened {
        story: usize,
    },
}

/// What an accepted plan means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlanChange {
    First,
    SameRun,
    NewRun,
}

impl PlanSource {
    pub(super) fn new(path: &str) -> Self {
        PlanSource { path: Arc::from(path), ..PlanSource::default() }
    }

    /// Goes on from a checkpoint.
    pub(super) fn restore(&mut self, checkpoint: PlanSource) {
        *self = PlanSource { path: self.path.clone(), ..checkpoint };
    }

    pub(super) fn origin(&self) -> Origin {
        Origin { path: self.path.clone(), kind: SourceKind::Plan, written: self.written }
    }

    /// Reads a version of the document.
    pub(super) fn read(&mut self, now: Duration, text: String) {
        self.changed = now;
        let notation = Notation::of(&self.path);
        let parsed = match self.document.take() {
            Some((plan, old)) => plan::parse_again(notation, (&plan, &old), &text, self.tag.as_deref()),
            None => plan::parse_tag(notation, &text, self.tag.as_deref()),
        };
        let parsed = parsed.map(Arc::new);
        self.document = parsed.as_ref().ok().map(|plan| (plan.clone(), text));
        match parsed {
            // Only the next version with stories tells what an empty one means.
            Ok(plan) if self.is_emptied(&plan) => {
                self.parse_error = None;
                self.candidate = None;
            }
            Ok(plan) => {
                if self.candidate.is_none() {
                    self.candidate_since = now;
                }
                self.parse_error = None;
                self.parse_error_reported = false;
                self.candidate = Some(plan);
            }
            Err(ParseError::Invalid(why)) => {
                let since = self.parse_error.as_ref().map_or(now, |(since, _)| *since);
                self.parse_error = Some((since, why));
                // The candidate is overwritten, so that nobody can accept it any more.
                self.candidate = None;
            }
            Err(ParseError::NotAPlan) => {
                self.candidate = None;
                self.parse_error = None;
            }
        }
    }

    /// Reads the document again for the tag that is worked on, when that is another. Returns whether it has tags.
    pub(super) fn select_tag(&mut self, now: Duration, tag: Option<&str>) -> bool {
        if self.tag.as_deref() == tag {
            return false;
        }
        self.tag = tag.map(str::to_owned);
        let Some((_, text)) = self.document.take_if(|(plan, _)| plan.tag.is_some()) else { return false };
        self.read(now, text);
        true
    }

    /// The document as last read, accepted or not.
    pub(super) fn newest(&self) -> Option<&Arc<Plan>> {
        self.candidate.as_ref().or(self.plan.as_ref())
    }

    /// Whether `new` has lost all stories and neither its name nor its branch differs.
    fn is_emptied(&self, new: &Plan) -> bool {
        new.stories.is_empty() && self.plan.as_ref().is_some_and(|plan| !plan.stories.is_empty() && !is_renamed(plan, new))
    }

    /// The parse error in words, once it is older than [`PARSE_ERROR_DELAY`], or `at_once`. Returned once.
    pub(super) fn take_parse_notice(&mut self, now: Duration, at_once: bool) -> Option<String> {
        let (since, why) = self.parse_error.as_ref()?;
        if self.parse_error_reported || (!at_once && now.saturating_sub(*since) < PARSE_ERROR_DELAY) {
            return None;
        }
        self.parse_error_reported = true;
        let notation = match Notation::of(&self.path) {
            Notation::Json => "valid JSON",
            Notation::JsonLines => "one valid JSON object a line",
            Notation::Yaml => "valid YAML",
            Notation::Markdown => "a plan that can be read",
        };
        let until = if self.plan.is_some() { "the last good version stands until it is" } else { "nothing of it counts until it is" };
        Some(format!("is not {notation} ({why}); {until}"))
    }

    /// Whether the document as last read does not parse.
    pub(super) fn is_broken(&self) -> bool {
        self.parse_error.is_some()
    }

    /// Stories of the accepted plan.
    pub(super) fn story_count(&self) -> u64 {
        self.plan.as_ref().map_or(0, |plan| plan.stories.len() as u64)
    }

    /// Whether the candidate is the plan of another run.
    pub(super) fn has_other_run(&self) -> bool {
        self.candidate.as_ref().is_some_and(|candidate| self.change(candidate) == PlanChange::NewRun)
    }

    /// Whether the candidate is the plan of another run and may be accepted now.
    pub(super) fn begins_run(&self, now: Duration, at_once: bool) -> bool {
        self.has_other_run() && (at_once || self.is_settled(now))
    }

    /// Takes the candidate out when it may be accepted now, with what it means.
    pub(super) fn accept(&mut self, now: Duration, at_once: bool) -> Option<(Arc<Plan>, PlanChange)> {
        let candidate = self.candidate.as_ref()?;
        let change = self.change(candidate);
        let is_loss = change == PlanChange::NewRun || self.some_unpassed(candidate);
        if is_loss && !at_once && !self.is_settled(now) {
            return None;
        }
        self.candidate.take().map(|plan| (plan, change))
    }

    fn change(&self, new: &Plan) -> PlanChange {
        match &self.plan {
            None => PlanChange::First,
            Some(plan) if is_renamed(plan, new) || self.all_unpassed(new) => PlanChange::NewRun,
            Some(_) => PlanChange::SameRun,
        }
    }

    /// Whether the document was quiet for long enough, or has had a candidate for so long that its writer never pauses.
    fn is_settled(&self, now: Duration) -> bool {
        now.saturating_sub(self.changed) >= PARTIAL_LOSS_DELAY || now.saturating_sub(self.candidate_since) >= TOTAL_LOSS_DELAY
    }

    /// Whether a passed story is not passed in `new`, or not there.
    fn some_unpassed(&self, new: &Plan) -> bool {
        let Some(plan) = &self.plan else { return false };
        if plan.has_work_of(new) {
            return plan.stories.iter().zip(&new.stories).any(|(old, new)| old.is_passed() && !new.is_passed());
        }
        let passed = identities(new, PlanStory::is_passed);
        plan.stories.iter().any(|story| story.is_passed() && !passed.contains(&identity(story)))
    }

    /// Whether no passed story is passed in `new`, unless the only reason is that the passed ones were taken out of a plan that goes on.
    fn all_unpassed(&self, new: &Plan) -> bool {
        let Some(plan) = &self.plan else { return false };
        if plan.has_work_of(new) {
            let mut passed = plan.stories.iter().zip(&new.stories).filter(|(old, _)| old.is_passed()).peekable();
            return passed.peek().is_some() && passed.all(|(_, new)| !new.is_passed());
        }
        let passed = identities(plan, PlanStory::is_passed);
        if passed.is_empty() || new.stories.iter().any(|story| story.is_passed() && passed.contains(&identity(story))) {
            return false;
        }
        let present = identities(new, |_| true);
        let reset = passed.iter().any(|story| present.contains(story));
        let goes_on = plan.stories.iter().any(|story| present.contains(&identity(story)));
        reset || !goes_on
    }

    /// Adopts an accepted plan; `keys` are the keys of its stories, in the order of the plan. Returns what changed.
    pub(super) fn adopt(&mut self, plan: Arc<Plan>, keys: &[Arc<str>]) -> Vec<PlanEdge> {
        let mut edges = Vec::new();
        let adopted = self.plan.take().filter(|adopted| !std::mem::take(&mut self.counts_anew) && adopted.has_work_of(&plan));
        for (index, (story, key)) in plan.stories.iter().zip(keys).enumerate() {
            if adopted.as_ref().is_some_and(|adopted| Arc::ptr_eq(&adopted.stories[index], story)) {
                continue;
            }
            let before = self.statuses.insert(key.clone(), story.status).unwrap_or_default();
            let counts = self.counts.entry(key.clone()).or_default();
            if before == PlanStatus::Passed && !story.is_passed() {
                edges.push(PlanEdge::Reopened { story: index });
            }
            if story.status == PlanStatus::InProgress && before != PlanStatus::InProgress {
                counts.started += 1;
                edges.push(PlanEdge::Started { story: index, count: counts.started });
            }
            let has_ended = matches!(story.status, PlanStatus::Passed | PlanStatus::Failed) && before != story.status;
            if has_ended && story.started_at.is_some() && counts.started <= counts.passed + counts.failed {
                // The document says when the attempt began that it says has ended.
                counts.started += 1;
                edges.push(PlanEdge::Started { story: index, count: counts.started });
            }
            for (criterion, _) in (0u32..).zip(&story.criteria).filter(|(_, criterion)| criterion.done == Some(true)) {
                if self.criteria_done.insert((key.clone(), criterion)) {
                    edges.push(PlanEdge::CriterionDone { story: index, criterion });
                }
            }
            if story.status == PlanStatus::Passed && before != PlanStatus::Passed {
                counts.passed += 1;
                edges.push(PlanEdge::Passed { story: index, count: counts.passed });
            }
            if story.status == PlanStatus::Failed && before != PlanStatus::Failed {
                counts.failed += 1;
                edges.push(PlanEdge::Failed { story: index, count: counts.failed });
            }
            // What ended had begun, so that the next start is that of another attempt.
            counts.started = counts.started.max(counts.passed + counts.failed);
        }
        self.plan = Some(plan);
        self.is_carried_over = false;
        if !self.is_complete() {
            self.completion_emitted = false;
        }
        edges
    }

    /// Whether the plan is that of the present run.
    pub(super) fn takes_part(&self) -> bool {
        !self.is_carried_over
    }

    /// Begins a run: the counts so far belong to the one before. `reset` when this plan caused it.
    pub(super) fn begin_run(&mut self, reset: bool) {
        self.is_carried_over = !reset;
        self.counts_anew = true;
        self.counts.clear();
        self.criteria_done.clear();
        self.completions = 0;
        if reset {
            self.statuses.clear();
            self.completion_emitted = false;
        }
    }

    /// Whether the document as last read is not accepted, or cannot be parsed.
    pub(super) fn is_unsettled(&self) -> bool {
        self.candidate.is_some() || self.parse_error.is_some()
    }

    pub(super) fn has_stories(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| !plan.stories.is_empty())
    }

    /// Drops the candidate, because the task has its plan in another file. Returns whether that is still to be reported.
    pub(super) fn reject_second(&mut self) -> bool {
        self.candidate.take().is_some_and(|plan| !plan.stories.is_empty()) && !std::mem::replace(&mut self.second_plan_reported, true)
    }

    fn is_complete(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.is_complete())
    }

    /// The number of completions, once the plan is complete and its file quiet. Returned once per completion.
    pub(super) fn take_completion(&mut self, now: Duration, at_once: bool) -> Option<u32> {
        if self.completion_emitted || self.candidate.is_some() || !self.is_complete() {
            return None;
        }
        if !at_once && now.saturating_sub(self.changed) < PARTIAL_LOSS_DELAY {
            return None;
        }
        self.completion_emitted = true;
        self.completions += 1;
        Some(self.completions)
    }

    /// When a tick may accept or report something although the file does not change; `ticked` is the time of the last tick.
    pub(super) fn deadline(&self, ticked: Duration) -> Option<Duration> {
        let waits = self.candidate.is_some() || (self.is_complete() && !self.completion_emitted);
        let error = self.parse_error.as_ref().filter(|_| !self.parse_error_reported).map(|(since, _)| *since + PARSE_ERROR_DELAY);
        [waits.then_some(self.changed + PARTIAL_LOSS_DELAY), error].into_iter().flatten().filter(|time| *time > ticked).min()
    }
}

/// Whether both have a name (or a branch, or a tag) and the two differ; one that is only added renames nothing.
fn is_renamed(old: &Plan, new: &Plan) -> bool {
    let differ = |old: &Option<CleanText>, new: &Option<CleanText>| matches!((old, new), (Some(old), Some(new)) if old != new);
    differ(&old.name, &new.name) || differ(&old.branch, &new.branch) || differ(&old.tag, &new.tag)
}

/// Tells the stories of one plan apart, and finds a story in the next version of the plan.
fn identity(story: &PlanStory) -> (Option<String>, Option<&str>) {
    match &story.id {
        Some(id) => (Some(id.to_ascii_lowercase()), None),
        None => (None, story.title.as_deref()),
    }
}

fn identities(plan: &Plan, which: fn(&PlanStory) -> bool) -> HashSet<(Option<String>, Option<&str>)> {
    plan.stories.iter().filter(|story| which(story)).map(|story| identity(story)).collect()
}
