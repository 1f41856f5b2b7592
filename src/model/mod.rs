//! Facts → state and events: the only place that knows what "story completed" means.
//!
//! Every fact comes here, new or known. State is updated from both; an event is returned for the new ones alone. What is new is
//! `ledger`'s to say.

mod report;
pub mod state;
mod story;
mod view;

pub(crate) use view::Pace;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{Data, Ending, Event, EventId, Seq, Source, TEXT_LIMIT, TimestampSource};
use crate::fact::{Fact, Kind, Precision, Provenance, What};
use crate::format::SourceKind;
use crate::plan::Plan;
use crate::subject::Subject;
use state::{ErrorState, StoryStatus};
use story::{Known, Mark, Story};

/// In milliseconds.
const MINUTE: u64 = 60 * 1000;
/// A stamp this far ahead of our clock is not believed.
const AHEAD: i64 = 2 * 60 * 1000;

/// A fact with the names resolved, and whether it is news.
#[derive(Debug)]
pub(crate) struct Told<'a> {
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
    /// Seen by itself: how long a criterion took is known only then.
    pub timed: bool,
}

/// The file that says it.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Relative to the task's folder.
    pub path: Arc<str>,
    pub kind: SourceKind,
    /// When it was last written before we came.
    pub written: Option<Timestamp>,
}

/// One task in its present run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    task_id: Arc<str>,
    name: Option<Known<String>>,
    run: Arc<str>,
    branch: Option<String>,
    plan: Option<Plan>,
    stories: Vec<Story>,
    #[serde(skip)]
    places: HashMap<Arc<str>, usize>,
    current: Option<usize>,
    /// The story whose start was guessed last.
    guess: Option<Arc<str>>,
    activity: Option<String>,
    iteration: (Option<u32>, Option<u32>),
    started: Option<Mark>,
    ended: Option<(Ending, Timestamp)>,
    anything: bool,
    errors: u32,
    last_error: Option<ErrorState>,
    plan_change: Option<String>,
    moved: Option<(Timestamp, Arc<str>)>,
    #[serde(skip)]
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
            guess: None,
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

    /// Goes on with what an earlier process knew.
    pub fn restore(&mut self, kept: Task) {
        let places = kept.stories.iter().enumerate().map(|(place, story)| (story.subject.key.clone(), place)).collect();
        *self = Task { task_id: self.task_id.clone(), source_text: self.source_text, places, ..kept };
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
        self.stories.retain(|story| story.in_plan || story.has_happened());
        self.stories.sort_by_key(|story| order.get(&story.subject.key).copied().unwrap_or(usize::MAX));
        self.places = self.stories.iter().enumerate().map(|(place, story)| (story.subject.key.clone(), place)).collect();
        self.current = current.and_then(|key| self.places.get(&key).copied());
        if change.is_some() {
            self.plan_change = change;
        }
        // A story added or reopened after the end: the run goes on.
        if self.ended.is_some_and(|(ending, _)| ending == Ending::Passed) && !plan.is_complete() {
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
        let mark = self.mark_of(told);
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
                place.and_then(|place| self.criterion_done(place, told, criterion, *duration_ms)).map(Data::AcCompleted)
            }
            What::StoryEnded { outcome, duration_ms, commits } => {
                place.map(|place| Data::StoryCompleted(self.story_ended(place, told, mark, outcome, *duration_ms, commits)))
            }
            What::Error(failure) => Some(Data::ErrorOccurred(self.error(place, told, failure))),
            What::TaskEnded { passed } => Some(Data::TaskCompleted(self.task_ended(told, mark, *passed))),
            What::Activity { text, iteration } => {
                if text.is_some() {
                    self.activity.clone_from(text);
                }
                if let Some((at, of)) = iteration {
                    self.iteration = (Some(*at), of.or(self.iteration.1));
                }
                None
            }
        }?;
        let occurrence = told.occurrence?;
        self.anything = true;
        if self.started.is_none() && (mark.recorded || told.live) {
            self.started = Some(sharpened(mark, told));
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

    /// The first story of the plan that has not passed, when the run goes on and nothing is under way.
    pub fn next_open(&self) -> Option<Subject> {
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
        small(self.stories.iter().filter(|story| story.status == status && (story.in_plan || !planned)).count())
    }

    fn retries(&self) -> u32 {
        self.stories.iter().map(|story| story.starts.max(story.ends).saturating_sub(1)).sum()
    }
}

impl Task {
    /// As [`mark_of`]; the end of a run that was over before we came is dated by its last story, when all of them are.
    fn mark_of(&self, told: &Told<'_>) -> Mark {
        let dated = mark_of(told);
        if dated.recorded || told.live || !matches!(told.fact.what, What::TaskEnded { .. }) {
            return dated;
        }
        let ends: Option<Vec<Mark>> = self.stories.iter().filter(|story| story.ends > 0).map(|story| story.finished).collect();
        ends.into_iter().flatten().filter(|end| end.recorded).max_by_key(|end| end.at).unwrap_or(dated)
    }
}

/// Whether `known` is the more exact time of the two, in the minute that `mark` names.
fn is_in(known: Mark, mark: Mark) -> bool {
    mark.precision == Precision::Minute
        && known.precision == Precision::Second
        && known.at.since(mark.at).is_some_and(|after| after < MINUTE)
}

/// A beginning that names the present minute, seen as it happens: the second is known, and a clock that runs from it starts at 0.
fn sharpened(mark: Mark, told: &Told<'_>) -> Mark {
    let this_minute = mark.precision == Precision::Minute && told.now.since(mark.at).is_some_and(|ago| ago < MINUTE);
    if told.live && this_minute { Mark { at: told.now, precision: Precision::Second, ..mark } } else { mark }
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

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
