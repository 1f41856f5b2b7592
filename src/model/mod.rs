//! Facts → state and events: the only place that knows what "story completed" means.
//!
//! The engine passes every fact, new or known. Both kinds update the state; only new facts return an event. `ledger` decides which
//! facts are new.

mod report;
pub mod state;
mod story;
mod view;

pub(crate) use view::EstimateInput;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{EndStatus, Event, EventData, EventId, EventSource, Seq, TEXT_LIMIT, TimestampSource};
use crate::fact::{CountedKind, Fact, Precision, Provenance, Statement};
use crate::format::SourceKind;
use crate::plan::Plan;
use crate::subject::StoryRef;
use state::{ErrorState, StoryStatus};
use story::{Ranked, Story, Timing};

/// In milliseconds.
const MINUTE: u64 = 60 * 1000;
/// A recorded time further ahead of our clock than this (milliseconds) is ignored.
const CLOCK_TOLERANCE: i64 = 2 * 60 * 1000;

/// A fact with its names resolved, and whether it is new.
#[derive(Debug)]
pub(crate) struct FactUpdate<'a> {
    pub fact: &'a Fact,
    pub kind: CountedKind,
    /// The story's subject; `None` for facts about the run.
    pub subject: Option<&'a StoryRef>,
    /// Index of the criterion within its story.
    pub criterion: Option<u32>,
    /// What the key names, for the event's id.
    pub key_text: &'a str,
    /// Which occurrence of its key it is; `None` for a known fact.
    pub occurrence: Option<u32>,
    pub origin: &'a Origin,
    pub now: Timestamp,
    /// Read as it was written, not found at the start: only then does the time of reading say when it happened.
    pub live: bool,
    /// Read alone: only then does the time since the last progress say how long a criterion took.
    pub timed: bool,
}

/// The file that states a fact.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Relative to the task's folder.
    pub path: Arc<str>,
    pub kind: SourceKind,
    /// When the file was last written before the process started.
    pub written: Option<Timestamp>,
}

/// One task in its present run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskModel {
    task_id: Arc<str>,
    name: Option<Ranked<String>>,
    run: Arc<str>,
    branch: Option<String>,
    plan: Option<Plan>,
    stories: Vec<Story>,
    #[serde(skip)]
    index_by_key: HashMap<Arc<str>, usize>,
    current: Option<usize>,
    /// Key of the story whose start was inferred last.
    inferred_start: Option<Arc<str>>,
    activity: Option<String>,
    iteration: (Option<u32>, Option<u32>),
    started: Option<Timing>,
    ended: Option<(EndStatus, Timestamp)>,
    has_events: bool,
    errors: u32,
    last_error: Option<ErrorState>,
    plan_change: Option<String>,
    last_activity: Option<(Timestamp, Arc<str>)>,
    #[serde(skip)]
    source_text: bool,
}

impl TaskModel {
    pub fn new(task_id: &str, source_text: bool) -> Self {
        TaskModel {
            task_id: Arc::from(task_id),
            name: None,
            run: Arc::from(""),
            branch: None,
            plan: None,
            stories: Vec::new(),
            index_by_key: HashMap::new(),
            current: None,
            inferred_start: None,
            activity: None,
            iteration: (None, None),
            started: None,
            ended: None,
            has_events: false,
            errors: 0,
            last_error: None,
            plan_change: None,
            last_activity: None,
            source_text,
        }
    }

    /// Continues from the state that an earlier process saved.
    pub fn restore(&mut self, saved: TaskModel) {
        let index_by_key = saved.stories.iter().enumerate().map(|(index, story)| (story.subject.key.clone(), index)).collect();
        *self = TaskModel { task_id: self.task_id.clone(), source_text: self.source_text, index_by_key, ..saved };
    }

    /// Starts a new run: forgets everything but the last activity. The caller applies the plan again.
    pub fn begin_run(&mut self) {
        let mut fresh = TaskModel::new(&self.task_id, self.source_text);
        fresh.last_activity = self.last_activity.take();
        *self = fresh;
    }

    pub fn set_run(&mut self, run: &str) {
        self.run = Arc::from(run);
    }

    /// Records that a watched file of this task changed.
    pub fn record_activity(&mut self, at: Timestamp, path: &Arc<str>) {
        if self.last_activity.as_ref().is_none_or(|(last, _)| *last <= at) {
            self.last_activity = Some((at, path.clone()));
        }
    }

    /// Updates the task's name from a log's header; a plan's name outranks it.
    pub fn update_name(&mut self, name: Option<&str>, kind: SourceKind) {
        Ranked::update(&mut self.name, name.map(str::to_owned), Provenance::Explicit, kind);
    }

    /// Applies the plan with its stories' subjects in array order. `reopened` are those that the plan calls passed no longer.
    pub fn apply_plan(&mut self, plan: &Plan, subjects: &[StoryRef], reopened: &[StoryRef], change: Option<String>) {
        self.update_name(plan.name.as_deref(), SourceKind::ExecutionLog);
        self.branch.clone_from(&plan.branch);
        for story in &mut self.stories {
            story.in_plan = false;
            story.plan_passed = None;
        }
        let current = self.current.map(|index| self.stories[index].subject.key.clone());
        for (planned, subject) in plan.stories.iter().zip(subjects) {
            let index = self.index_of(subject);
            self.stories[index].apply_plan(planned);
        }
        for subject in reopened {
            let index = self.index_of(subject);
            self.stories[index].status = StoryStatus::Pending;
            self.stories[index].finished = None;
        }
        // Plan order first, then the order of appearance. A story that left the plan before anything happened to it leaves the list.
        let order: HashMap<&Arc<str>, usize> = subjects.iter().enumerate().map(|(index, subject)| (&subject.key, index)).collect();
        self.stories.retain(|story| story.in_plan || story.has_happened());
        self.stories.sort_by_key(|story| order.get(&story.subject.key).copied().unwrap_or(usize::MAX));
        self.index_by_key = self.stories.iter().enumerate().map(|(index, story)| (story.subject.key.clone(), index)).collect();
        self.current = current.and_then(|key| self.index_by_key.get(&key).copied());
        if change.is_some() {
            self.plan_change = change;
        }
        // A story was added or reopened after the end: the run continues.
        if self.ended.is_some_and(|(ending, _)| ending == EndStatus::Passed) && !plan.is_complete() {
            self.ended = None;
        }
        self.plan = Some(plan.clone());
    }

    fn index_of(&mut self, subject: &StoryRef) -> usize {
        if let Some(index) = self.index_by_key.get(&subject.key) {
            return *index;
        }
        let index = self.stories.len();
        self.stories.push(Story::new(subject.clone()));
        self.index_by_key.insert(subject.key.clone(), index);
        index
    }

    /// Applies one fact. Returns its event when the fact is new; the caller fills in `seq`.
    pub fn apply(&mut self, update: &FactUpdate<'_>) -> Option<Event> {
        let timing = self.timing_of(update);
        let index = update.subject.map(|subject| self.index_of(subject));
        if let Some(index) = index {
            let title = update.fact.story.as_ref().and_then(|story| story.title.clone());
            Ranked::update(&mut self.stories[index].title, title, update.fact.provenance, update.origin.kind);
        }
        let data = match &update.fact.statement {
            Statement::TaskStarted { name, branch, description, story_count, estimated_secs } => {
                self.update_name(name.as_deref(), update.origin.kind);
                if branch.is_some() {
                    self.branch.clone_from(branch);
                }
                Some(EventData::TaskStarted(self.task_started(description.as_deref(), *story_count, *estimated_secs)))
            }
            Statement::StoryStarted { iteration, priority, criteria } => {
                index.map(|index| EventData::StoryStarted(self.story_started(index, update, timing, *iteration, *priority, criteria)))
            }
            Statement::CriterionDone { criterion, duration_ms } => {
                index.and_then(|index| self.criterion_done(index, update, criterion, *duration_ms)).map(EventData::AcCompleted)
            }
            Statement::StoryEnded { outcome, duration_ms, commits } => {
                index.map(|index| EventData::StoryCompleted(self.story_ended(index, update, timing, outcome, *duration_ms, commits)))
            }
            Statement::Error(failure) => Some(EventData::ErrorOccurred(self.error(index, update, failure))),
            Statement::TaskEnded { passed } => Some(EventData::TaskCompleted(self.task_ended(update, timing, *passed))),
            Statement::Activity { text, iteration } => {
                if text.is_some() {
                    self.activity.clone_from(text);
                }
                if let Some((at, of)) = iteration {
                    self.iteration = (Some(*at), of.or(self.iteration.1));
                }
                None
            }
        }?;
        let occurrence = update.occurrence?;
        self.has_events = true;
        if self.started.is_none() && (timing.recorded || update.live) {
            self.started = Some(refine_to_second(timing, update));
        }
        Some(self.event(update, timing, occurrence, data))
    }

    fn event(&self, update: &FactUpdate<'_>, timing: Timing, occurrence: u32, data: EventData) -> Event {
        let text = (self.source_text && !update.fact.text.is_empty()).then(|| update.fact.text.chars().take(TEXT_LIMIT).collect());
        Event {
            id: EventId::new(&self.task_id, &self.run, update.kind, update.key_text, occurrence),
            seq: Seq(0),
            timestamp: timing.at,
            timestamp_source: if timing.recorded { TimestampSource::Record } else { TimestampSource::Observed },
            timestamp_precision: (timing.precision == Precision::Day).then_some(Precision::Day),
            task_id: self.task_id.clone(),
            run: self.run.clone(),
            provenance: update.fact.provenance,
            source: EventSource { path: update.origin.path.clone(), line: (update.fact.line > 0).then_some(update.fact.line), text },
            data,
        }
    }

    /// The first story of the plan that has not passed; `None` when the run has ended or a story is running.
    pub fn next_unpassed(&self) -> Option<StoryRef> {
        let mut planned = self.stories.iter().filter(|story| story.in_plan);
        if self.plan.is_none() || self.ended.is_some() || self.stories.iter().any(|story| story.status == StoryStatus::Running) {
            return None;
        }
        planned.find(|story| story.status != StoryStatus::Passed).map(|story| story.subject.clone())
    }

    fn task_name(&self) -> &str {
        self.name.as_ref().map_or(&self.task_id, |known| known.value.as_str())
    }

    /// Stories with this status; where there is a plan, only the plan's count.
    fn count(&self, status: StoryStatus) -> u32 {
        let planned = self.stories.iter().any(|story| story.in_plan);
        to_u32(self.stories.iter().filter(|story| story.status == status && (story.in_plan || !planned)).count())
    }

    fn retries(&self) -> u32 {
        self.stories.iter().map(|story| story.attempts.max(story.completions).saturating_sub(1)).sum()
    }
}

impl TaskModel {
    /// As [`timing_of`]; a run that ended before the process started ends with its last story, when all its stories have recorded times.
    fn timing_of(&self, update: &FactUpdate<'_>) -> Timing {
        let dated = timing_of(update);
        if dated.recorded || update.live || !matches!(update.fact.statement, Statement::TaskEnded { .. }) {
            return dated;
        }
        let finishes: Option<Vec<Timing>> = self.stories.iter().filter(|story| story.completions > 0).map(|story| story.finished).collect();
        finishes.into_iter().flatten().filter(|finish| finish.recorded).max_by_key(|finish| finish.at).unwrap_or(dated)
    }
}

/// Whether `known` is exact to the second and lies in the minute that `timing` names.
fn is_same_minute(known: Timing, timing: Timing) -> bool {
    timing.precision == Precision::Minute
        && known.precision == Precision::Second
        && known.at.since(timing.at).is_some_and(|after| after < MINUTE)
}

/// A live start that names the present minute gets the present second, so that a clock counting from it starts at 0.
fn refine_to_second(timing: Timing, update: &FactUpdate<'_>) -> Timing {
    let this_minute = timing.precision == Precision::Minute && update.now.since(timing.at).is_some_and(|ago| ago < MINUTE);
    if update.live && this_minute { Timing { at: update.now, precision: Precision::Second, ..timing } } else { timing }
}

/// When a fact happened: the record's time unless it lies in the future; else now, or the last write of the file when the fact was
/// found at the start.
fn timing_of(update: &FactUpdate<'_>) -> Timing {
    match update.fact.recorded_at {
        Some(stamp) if stamp.at.0 <= update.now.0 + CLOCK_TOLERANCE => Timing { at: stamp.at, precision: stamp.precision, recorded: true },
        Some(_) | None => {
            let written = update.origin.written.filter(|written| !update.live && *written <= update.now);
            Timing { at: written.unwrap_or(update.now), precision: Precision::Second, recorded: false }
        }
    }
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
