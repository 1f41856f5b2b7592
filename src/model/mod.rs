//! Facts → state and events: the only place that knows what "story completed" means.
//!
//! Every fact comes here, new or known. State is updated from both; an event is returned for the new ones alone. What is new is
//! `ledger`'s to say.

pub mod state;
mod story;
mod view;

pub use view::Pace;

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::{
    AcCompleted, Data, Ending, ErrorOccurred, Event, EventId, Seq, Source, StoryCompleted, StoryStarted, TEXT_LIMIT, TaskCompleted,
    TaskStarted, TimestampSource,
};
use crate::fact::{Criterion, Fact, Failure, Kind, Outcome, Precision, Provenance, What};
use crate::format::SourceKind;
use crate::line::Timestamp;
use crate::plan::Plan;
use crate::subject::Subject;
use state::{ErrorState, StoryStatus};
use story::{Known, Mark, Story};

/// A stamp this far ahead of our clock is not believed.
const AHEAD: i64 = 2 * 60 * 1000;

/// A fact with the names resolved, and whether it is news.
#[derive(Debug)]
pub struct Told<'a> {
    pub fact: &'a Fact,
    pub kind: Kind,
    /// The story's subject; `None` for facts about the run.
    pub subject: Option<&'a Subject>,
    /// Index of the criterion within its story.
    pub criterion: Option<u32>,
    /// What the key names, for the event's id.
    pub key_text: &'a str,
    /// Which occurrence of its key it is, when it is news.
    pub occurrence: Option<u32>,
    pub origin: &'a Origin,
    pub now: Timestamp,
    /// Seen as it happened, not found at the start: only then does the time of seeing say when it happened.
    pub live: bool,
}

/// The file that says it.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Relative to the task's folder.
    pub path: Arc<str>,
    pub kind: SourceKind,
    /// When it was last written before we came.
    pub written: Option<Timestamp>,
}

/// One task in its present run.
#[derive(Debug)]
pub struct Task {
    task_id: Arc<str>,
    name: Option<Known<String>>,
    run: Arc<str>,
    branch: Option<String>,
    plan: Option<Plan>,
    stories: Vec<Story>,
    places: HashMap<Arc<str>, usize>,
    current: Option<usize>,
    activity: Option<String>,
    iteration: (Option<u32>, Option<u32>),
    started: Option<Mark>,
    ended: Option<(Ending, Timestamp)>,
    anything: bool,
    errors: u32,
    last_error: Option<ErrorState>,
    plan_change: Option<String>,
    moved: Option<(Timestamp, Arc<str>)>,
    source_text: bool,
}

impl Task {
    pub fn new(task_id: &str, source_text: bool) -> Self {
        Task {
            task_id: Arc::from(task_id),
            name: None,
            run: Arc::from(""),
            branch: None,
            plan: None,
            stories: Vec::new(),
            places: HashMap::new(),
            current: None,
            activity: None,
            iteration: (None, None),
            started: None,
            ended: None,
            anything: false,
            errors: 0,
            last_error: None,
            plan_change: None,
            moved: None,
            source_text,
        }
    }

    /// A new run begins: all is forgotten. The plan is told again by `take_plan`.
    pub fn begin_run(&mut self) {
        let mut fresh = Task::new(&self.task_id, self.source_text);
        fresh.moved = self.moved.take();
        *self = fresh;
    }

    pub fn set_run(&mut self, run: &str) {
        self.run = Arc::from(run);
    }

    /// A watched file of this task has changed.
    pub fn touched(&mut self, at: Timestamp, path: &Arc<str>) {
        if self.moved.as_ref().is_none_or(|(last, _)| *last <= at) {
            self.moved = Some((at, path.clone()));
        }
    }

    /// The name a log's header gives the task; a plan's name wins.
    pub fn learn_name(&mut self, name: Option<&str>, kind: SourceKind) {
        Known::learn(&mut self.name, name.map(str::to_owned), Provenance::Explicit, kind);
    }

    /// Takes the plan with its stories' subjects in array order. `reopened` are the ones whose flag fell.
    pub fn take_plan(&mut self, plan: &Plan, subjects: &[Subject], reopened: &[Subject], change: Option<String>) {
        self.learn_name(plan.name.as_deref(), SourceKind::ExecutionLog);
        self.branch.clone_from(&plan.branch);
        for story in &mut self.stories {
            story.in_plan = false;
            story.plan_passed = None;
        }
        let current = self.current.map(|place| self.stories[place].subject.key.clone());
        for (planned, subject) in plan.stories.iter().zip(subjects) {
            let place = self.place_of(subject);
            self.stories[place].take_plan(planned);
        }
        for subject in reopened {
            let place = self.place_of(subject);
            self.stories[place].status = StoryStatus::Pending;
            self.stories[place].finished = None;
        }
        // Plan order first, then the order of appearance; a story that left the plan untouched leaves the list.
        let order: HashMap<&Arc<str>, usize> = subjects.iter().enumerate().map(|(place, subject)| (&subject.key, place)).collect();
        self.stories.retain(|story| story.in_plan || story.starts + story.ends > 0 || story.last_error.is_some());
        self.stories.sort_by_key(|story| order.get(&story.subject.key).copied().unwrap_or(usize::MAX));
        self.places = self.stories.iter().enumerate().map(|(place, story)| (story.subject.key.clone(), place)).collect();
        self.current = current.and_then(|key| self.places.get(&key).copied());
        if change.is_some() {
            self.plan_change = change;
        }
        // A story added or reopened after the end: the run goes on.
        if self.ended.is_some_and(|(ending, _)| ending == Ending::Passed) && !plan.stories.iter().all(|story| story.passed) {
            self.ended = None;
        }
        self.plan = Some(plan.clone());
    }

    fn place_of(&mut self, subject: &Subject) -> usize {
        if let Some(place) = self.places.get(&subject.key) {
            return *place;
        }
        let place = self.stories.len();
        self.stories.push(Story::new(subject.clone()));
        self.places.insert(subject.key.clone(), place);
        place
    }

    /// Takes one fact. Returns its event when it is news; `seq` is left for the caller to fill in.
    pub fn tell(&mut self, told: &Told<'_>) -> Option<Event> {
        let mark = mark_of(told);
        let place = told.subject.map(|subject| self.place_of(subject));
        if let Some(place) = place {
            let title = told.fact.story.as_ref().and_then(|story| story.title.clone());
            Known::learn(&mut self.stories[place].title, title, told.fact.provenance, told.origin.kind);
        }
        let data = match &told.fact.what {
            What::TaskStarted { name, branch, description, story_count, estimated_secs } => {
                self.learn_name(name.as_deref(), told.origin.kind);
                if branch.is_some() {
                    self.branch.clone_from(branch);
                }
                Some(Data::TaskStarted(self.task_started(description.as_deref(), *story_count, *estimated_secs)))
            }
            What::StoryStarted { iteration, priority, criteria } => {
                place.map(|place| Data::StoryStarted(self.story_started(place, told, mark, *iteration, *priority, criteria)))
            }
            What::CriterionDone { criterion, duration_ms } => {
                place.and_then(|place| self.criterion_done(place, told, mark, criterion, *duration_ms)).map(Data::AcCompleted)
            }
            What::StoryEnded { outcome, duration_ms, commits } => {
                place.map(|place| Data::StoryCompleted(self.story_ended(place, told, mark, outcome, *duration_ms, commits)))
            }
            What::Error(failure) => Some(Data::ErrorOccurred(self.error(place, told, failure))),
            What::TaskEnded { passed } => Some(Data::TaskCompleted(self.task_ended(told, mark, *passed))),
            What::Activity { text, iteration } => {
                self.activity = Some(text.clone());
                if let Some((at, of)) = iteration {
                    self.iteration = (Some(*at), of.or(self.iteration.1));
                }
                None
            }
        }?;
        let occurrence = told.occurrence?;
        self.anything = true;
        if self.started.is_none() && (mark.recorded || told.live) {
            self.started = Some(mark);
        }
        Some(self.event(told, mark, occurrence, data))
    }

    fn event(&self, told: &Told<'_>, mark: Mark, occurrence: u32, data: Data) -> Event {
        let text = (self.source_text && !told.fact.text.is_empty()).then(|| told.fact.text.chars().take(TEXT_LIMIT).collect());
        Event {
            id: EventId::new(&self.task_id, &self.run, told.kind, told.key_text, occurrence),
            seq: Seq(0),
            timestamp: mark.at,
            timestamp_source: if mark.recorded { TimestampSource::Record } else { TimestampSource::Observed },
            timestamp_precision: (mark.precision == Precision::Day).then_some(Precision::Day),
            task_id: self.task_id.clone(),
            run: self.run.clone(),
            provenance: told.fact.provenance,
            source: Source { path: told.origin.path.clone(), line: (told.fact.line > 0).then_some(told.fact.line), text },
            data,
        }
    }

    fn task_started(&self, description: Option<&str>, story_count: Option<u32>, estimated_secs: Option<u64>) -> TaskStarted {
        let plan = self.plan.as_ref();
        TaskStarted {
            task_id: self.task_id.to_string(),
            task_name: self.task_name().to_owned(),
            story_count: plan.map(|plan| small(plan.stories.len())).or(story_count),
            estimated_duration: plan.and_then(|plan| plan.estimated_secs).or(estimated_secs),
            branch: self.branch.clone(),
            description: plan.and_then(|plan| plan.description.clone()).or_else(|| description.map(str::to_owned)),
        }
    }

    fn story_started(
        &mut self,
        place: usize,
        told: &Told<'_>,
        mark: Mark,
        iteration: Option<u32>,
        priority: Option<i64>,
        criteria: &[String],
    ) -> StoryStarted {
        if iteration.is_some() {
            self.iteration.0 = iteration;
        }
        let news = told.occurrence.is_some();
        let story = &mut self.stories[place];
        story.priority = story.priority.or(priority);
        if story.criteria.is_empty() {
            for (index, text) in criteria.iter().enumerate() {
                story.criterion(small(index), Some(text));
            }
        }
        if news {
            story.starts += 1;
            if story.status != StoryStatus::Passed {
                story.status = StoryStatus::Running;
            }
            // A start that is only implied by its end says nothing about when it was.
            let says_when = told.fact.provenance != Provenance::Derived && (mark.recorded || told.live);
            story.started = says_when.then_some(mark);
            story.last_tick = None;
            self.current = Some(place);
            self.ended = None;
        } else if mark.recorded && told.fact.provenance == Provenance::Explicit && story.ends < story.starts {
            story.started = Some(mark);
        }
        let story = &self.stories[place];
        let texts: Vec<String> = story.criteria.iter().map(|criterion| criterion.text.clone()).collect();
        StoryStarted {
            story_id: story.id(),
            title: titled(story, told.fact),
            ac_count: (!texts.is_empty()).then(|| small(texts.len())),
            acceptance_criteria: texts,
            priority: story.priority,
            attempt: story.ends + 1,
            iteration,
        }
    }

    fn criterion_done(
        &mut self,
        place: usize,
        told: &Told<'_>,
        mark: Mark,
        written: &Criterion,
        duration_ms: Option<u64>,
    ) -> Option<AcCompleted> {
        let index = told.criterion?;
        let story = &mut self.stories[place];
        let since = story.last_tick.or(story.started);
        let took = duration_ms.or_else(|| since.filter(|_| told.live || mark.recorded).and_then(|since| mark.since(since)));
        if told.live {
            story.last_tick = Some(mark);
        }
        let criterion = story.criterion(index, written.text.as_deref());
        if !criterion.done || criterion.provenance < Some(told.fact.provenance) {
            criterion.provenance = Some(told.fact.provenance);
        }
        criterion.done = true;
        criterion.duration_ms = criterion.duration_ms.or(took);
        let text = criterion.text.clone();
        let story_id = story.id();
        Some(AcCompleted {
            title: if story_id.is_none() { titled(story, told.fact) } else { None },
            story_id,
            ac_index: index,
            ac_text: (!text.is_empty()).then_some(text),
            duration_ms: took,
        })
    }

    fn story_ended(
        &mut self,
        place: usize,
        told: &Told<'_>,
        mark: Mark,
        outcome: &Outcome,
        duration_ms: Option<u64>,
        commits: &[String],
    ) -> StoryCompleted {
        let story = &mut self.stories[place];
        let timed = duration_ms.or_else(|| story.started.and_then(|start| mark.since(start)));
        let provenance = if duration_ms.is_some() { told.fact.provenance } else { Provenance::Inferred };
        if told.occurrence.is_some() {
            story.duration_ms = None;
        }
        Known::learn(&mut story.duration_ms, timed, provenance, told.origin.kind);
        for commit in commits {
            if !story.commits.contains(commit) {
                story.commits.push(commit.clone());
            }
        }
        if told.origin.kind != SourceKind::Plan {
            story.log_says = Some((outcome.clone(), told.origin.path.to_string()));
        }
        if told.occurrence.is_some() {
            story.ends += 1;
            story.status = match outcome {
                Outcome::Passed => StoryStatus::Passed,
                Outcome::Failed { .. } if story.status == StoryStatus::Passed => StoryStatus::Passed,
                Outcome::Failed { .. } => StoryStatus::Failed,
            };
            story.finished = (mark.recorded || told.live).then_some(mark.at);
            if self.current == Some(place) {
                self.current = None;
            }
        }
        let story = &self.stories[place];
        let (status, reason) = match outcome {
            Outcome::Passed => (Ending::Passed, None),
            Outcome::Failed { reason } => (Ending::Failed, Some(reason.clone())),
        };
        StoryCompleted {
            story_id: story.id(),
            title: titled(story, told.fact),
            status,
            reason,
            duration_ms: timed,
            commits: commits.to_vec(),
            attempt: story.ends.max(1),
        }
    }

    fn error(&mut self, place: Option<usize>, told: &Told<'_>, failure: &Failure) -> ErrorOccurred {
        let story_id = place.and_then(|place| self.stories[place].id());
        let state = ErrorState {
            error_type: failure.kind,
            error_message: failure.message.clone(),
            story_id: story_id.clone(),
            retryable: failure.retryable,
            at: mark_of(told).at,
            path: told.origin.path.to_string(),
            line: (told.fact.line > 0).then_some(told.fact.line),
        };
        if told.occurrence.is_some() {
            self.errors += 1;
            self.last_error = Some(state.clone());
        }
        if let Some(place) = place {
            self.stories[place].last_error = Some(state);
        }
        ErrorOccurred {
            story_id,
            error_type: failure.kind,
            error_message: failure.message.clone(),
            retryable: failure.retryable,
            exit_code: failure.exit_code,
        }
    }

    fn task_ended(&mut self, told: &Told<'_>, mark: Mark, passed: bool) -> TaskCompleted {
        let ending = if passed { Ending::Passed } else { Ending::Failed };
        if told.occurrence.is_some() {
            self.ended = Some((ending, mark.at));
            self.current = None;
        }
        TaskCompleted {
            task_id: self.task_id.to_string(),
            status: ending,
            stories_passed: self.count(StoryStatus::Passed),
            stories_failed: self.count(StoryStatus::Failed),
            story_count: self.plan.as_ref().map(|plan| small(plan.stories.len())),
            duration_ms: self.started.filter(|_| mark.recorded || told.live).and_then(|start| mark.since(start)),
            retries: self.retries(),
            errors: self.errors,
        }
    }

    fn task_name(&self) -> &str {
        self.name.as_ref().map_or(&self.task_id, |known| known.value.as_str())
    }

    /// Stories with this status; where there is a plan, only the plan's count.
    fn count(&self, status: StoryStatus) -> u32 {
        let planned = self.stories.iter().any(|story| story.in_plan);
        small(self.stories.iter().filter(|story| story.status == status && (story.in_plan || !planned)).count())
    }

    fn retries(&self) -> u32 {
        self.stories.iter().map(|story| story.starts.max(story.ends).saturating_sub(1)).sum()
    }
}

/// When it happened: the record's time where it is believable; else now, and for what was found at the start the time its file was
/// last written.
fn mark_of(told: &Told<'_>) -> Mark {
    match told.fact.when {
        Some(stamp) if stamp.at.0 <= told.now.0 + AHEAD => Mark { at: stamp.at, precision: stamp.precision, recorded: true },
        Some(_) | None => {
            let written = told.origin.written.filter(|written| !told.live && *written <= told.now);
            Mark { at: written.unwrap_or(told.now), precision: Precision::Second, recorded: false }
        }
    }
}

/// The story's title as the best source has it; a story without an id must have one, and its heading serves.
fn titled(story: &Story, fact: &Fact) -> Option<String> {
    match story.title() {
        Some(title) => Some(title.to_owned()),
        None if story.subject.id.is_none() => Some(fact.text.trim().to_owned()),
        None => None,
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
