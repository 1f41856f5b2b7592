//! The run once more: its events one by one through the model that made the state, and what each of them changed.
//!
//! Each event of the log becomes the fact that it tells of. The plan is the one that the state shows, with nothing of it begun. What events
//! do not tell (a plan's word that blocks a story, a guess taken back) comes with the last step, which leads to the state itself.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::patch;
use crate::clock::Timestamp;
use crate::event::{EndStatus, Event, EventData, TimestampSource};
use crate::fact::{CountedKind, Criterion, Fact, Failure, Outcome, Precision, RecordedTime, Statement, StatementForm, StoryName};
use crate::format::SourceKind;
use crate::model::state::{Remaining, StoryState, StoryStatus, TaskState};
use crate::model::{FactUpdate, Origin, PlanUpdate, StoryDetail, TaskModel, ViewInput};
use crate::plan::{GroupKind, Plan, PlanCriterion, PlanGroup, PlanStatus, PlanStory};
use crate::subject::StoryRef;
use crate::text::CleanText;

/// The fields of a task that events change. All others are shown as they are at the end.
const REPLAYED: [&str; 19] = [
    "status",
    "attention",
    "end_reason",
    "started_at",
    "started_precision",
    "finished_at",
    "finished_precision",
    "history",
    "retries",
    "duration_ms",
    "stories_passed",
    "stories_failed",
    "stories_blocked",
    "percent",
    "stories",
    "unplanned",
    "current_story",
    "errors",
    "last_error",
];

/// A task at its beginning, and the steps to its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Replay {
    /// The task before its first event.
    pub beginning: Value,
    pub steps: Vec<ReplayStep>,
}

/// What some events changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ReplayStep {
    /// Index of the last of them; `None` for the step to the state itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<usize>,
    /// A merge patch of the task.
    pub patch: Value,
}

/// Replays the events of the task's present run, `stride` of them a step.
pub(super) fn replay(task: &TaskState, events: &[Event], stride: usize, observed_times: bool) -> Replay {
    let end = to_value(task);
    let mut machine = ReplayMachine::new(task, observed_times);
    let beginning = machine.snapshot(&end);
    let (mut shown, mut steps) = (beginning.clone(), Vec::new());
    let own: Vec<usize> = (0..events.len()).filter(|index| is_of_run(&events[*index], task)).collect();
    for chunk in own.chunks(stride.max(1)) {
        for index in chunk {
            machine.apply(&events[*index]);
        }
        let next = machine.snapshot(&end);
        let patch = patch::difference(&shown, &next).unwrap_or_else(no_change);
        steps.push(ReplayStep { event: chunk.last().copied(), patch });
        shown = next;
    }
    if let Some(patch) = patch::difference(&shown, &end) {
        steps.push(ReplayStep { event: None, patch });
    }
    Replay { beginning, steps }
}

impl Replay {
    /// Makes one step of every two. The last one stays by itself: it leads to the state.
    pub(super) fn join_pairs(&mut self) {
        let last = self.steps.pop();
        let mut before = self.beginning.clone();
        let mut joined = Vec::with_capacity(self.steps.len() / 2 + 2);
        for pair in self.steps.chunks(2) {
            let mut after = before.clone();
            pair.iter().for_each(|step| patch::apply(&mut after, &step.patch));
            let event = pair.iter().rev().find_map(|step| step.event);
            joined.push(ReplayStep { event, patch: patch::difference(&before, &after).unwrap_or_else(no_change) });
            before = after;
        }
        joined.extend(last);
        self.steps = joined;
    }
}

fn no_change() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Whether the event belongs to what the state shows of the task.
pub(super) fn is_of_run(event: &Event, task: &TaskState) -> bool {
    *event.task_id == *task.task_id && *event.run == *task.run
}

pub(super) fn to_value(task: &TaskState) -> Value {
    serde_json::to_value(task).expect("a task is plain data with string keys: it cannot fail to serialise")
}

/// The model, fed with events.
struct ReplayMachine {
    model: TaskModel,
    by_name: HashMap<String, StoryRef>,
    occurrences: HashMap<(&'static str, Arc<str>), u32>,
    observed_times: bool,
    now: Timestamp,
}

impl ReplayMachine {
    fn new(task: &TaskState, observed_times: bool) -> Self {
        let mut model = TaskModel::new(&task.task_id, &task.task_name, false);
        model.set_run(&task.run);
        let planned = task.stories.iter().filter(|story| story.in_plan);
        let mut by_name = HashMap::new();
        let mut subjects = Vec::new();
        let mut plan = Plan { name: Some(task.task_name.clone()), branch: task.branch.clone(), ..Plan::default() };
        plan.groups = task.groups.iter().map(|group| PlanGroup { name: group.name.clone(), kind: GroupKind::Section }).collect();
        for (index, story) in planned.enumerate() {
            let name = story.story_id.as_ref().or(story.title.as_ref()).map(String::from).unwrap_or_default();
            // Two stories of one name are two stories; events name the first.
            let key = if by_name.contains_key(&name) { format!("{name}~{index}") } else { name.clone() };
            let subject = StoryRef { key: Arc::from(key), id: story.story_id.as_deref().map(Arc::from) };
            by_name.entry(name).or_insert_with(|| subject.clone());
            subjects.push(subject);
            let group = story.group.as_ref().and_then(|name| plan.groups.iter().position(|group| group.name == *name));
            let planned = PlanStory {
                id: story.story_id.clone(),
                title: story.title.clone(),
                group: group.and_then(|index| u32::try_from(index).ok()),
                priority: story.priority,
                status: match story.status {
                    StoryStatus::Deferred => PlanStatus::Deferred,
                    StoryStatus::Cancelled => PlanStatus::Cancelled,
                    StoryStatus::Open | StoryStatus::InProgress | StoryStatus::Passed | StoryStatus::Failed | StoryStatus::Blocked => {
                        PlanStatus::Open
                    }
                },
                criteria: story.criteria.iter().map(|criterion| PlanCriterion { text: criterion.text.clone(), done: None }).collect(),
                ..PlanStory::default()
            };
            plan.stories.push(planned.into());
        }
        let now = task.started_at.unwrap_or(Timestamp(0));
        if !subjects.is_empty() {
            let (path, plan) = (Arc::from("the plan"), Arc::new(plan));
            model.apply_plan(PlanUpdate { plan: &plan, subjects: &subjects, reopened: &[], change: None, path: &path, now });
        }
        ReplayMachine { model, by_name, occurrences: HashMap::new(), observed_times, now }
    }

    fn apply(&mut self, event: &Event) {
        let (name, statement) = statement_of(&event.data);
        let Some(kind) = CountedKind::of(&statement) else { return };
        let subject = name.as_ref().map(|name| self.subject(name));
        let key: Arc<str> = subject.as_ref().map_or_else(|| Arc::from(""), |subject| subject.key.clone());
        let recorded = event.timestamp_source == TimestampSource::Record;
        let precision = event.timestamp_precision.unwrap_or(Precision::Second);
        self.now = self.now.max(event.timestamp);
        let fact = Fact {
            statement,
            story: name,
            form: StatementForm::Record,
            provenance: event.provenance,
            line: event.source.line.unwrap_or(0),
            text: event.source.text.as_deref().unwrap_or_default().into(),
            entry_hash: 0,
            recorded_at: recorded.then_some(RecordedTime { at: event.timestamp, precision }),
            late: event.late,
        };
        let criterion = match &event.data {
            EventData::AcCompleted(data) => Some(data.ac_index),
            EventData::TaskStarted(_)
            | EventData::StoryStarted(_)
            | EventData::StoryCompleted(_)
            | EventData::TaskCompleted(_)
            | EventData::ErrorOccurred(_) => None,
        };
        let occurrence = self.occurrences.entry((kind.id_name(), key.clone())).or_default();
        *occurrence += 1;
        // A time of the record counts as such in either way; one of reading only where the reading followed the writing.
        let live = !recorded && self.observed_times;
        let update = FactUpdate {
            fact: &fact,
            kind,
            subject: subject.as_ref(),
            criterion,
            key_text: &key,
            occurrence: Some(*occurrence),
            origin: &Origin { path: event.source.path.as_str().into(), kind: SourceKind::Events, written: None },
            now: if live { event.timestamp } else { self.now },
            live,
            timed: false,
        };
        // The log has the event already.
        let _known = self.model.apply(&update);
    }

    fn subject(&mut self, name: &StoryName) -> StoryRef {
        let text = name.id.clone().or_else(|| name.title.clone()).unwrap_or_default();
        let new = || StoryRef { key: text.clone(), id: name.id.clone() };
        self.by_name.entry(text.to_string()).or_insert_with(new).clone()
    }

    /// The task at this moment: what events do not change is taken from its end.
    fn snapshot(&self, end: &Value) -> Value {
        let view = self.model.view(
            ViewInput {
                folder: CleanText::default(),
                sources: Vec::new(),
                sources_left_out: 0,
                agents: Vec::new(),
                attention: None,
                remaining: Remaining::Unknown { reason: "this is a replay".into() },
                first_guess: None,
                usual_story: None,
                listed: true,
            },
            self.now,
            StoryDetail::Whole,
        );
        let whole = |stories: &[StoryState]| stories.iter().map(StoryState::whole).collect();
        let view = TaskState { stories: whole(&view.stories), unplanned: whole(&view.unplanned), ..view };
        let (mut shown, mut replayed) = (end.clone(), to_value(&view));
        let Value::Object(fields) = &mut shown else { return replayed };
        for name in REPLAYED {
            match replayed.get_mut(name).map(Value::take) {
                Some(value) => drop(fields.insert(name.to_owned(), value)),
                None => drop(fields.remove(name)),
            }
        }
        shown
    }
}

/// The fact that an event tells of: the story as it is named, and the statement.
fn statement_of(data: &EventData) -> (Option<StoryName>, Statement) {
    let story = |id: &Option<CleanText>, title: &Option<CleanText>| {
        (id.is_some() || title.is_some()).then(|| StoryName { id: id.clone().map(Arc::from), title: title.clone().map(Arc::from) })
    };
    match data {
        EventData::TaskStarted(data) => (
            None,
            Statement::TaskStarted {
                name: Some(data.task_name.to_string()),
                branch: data.branch.as_ref().map(String::from),
                description: data.description.as_ref().map(String::from),
                story_count: data.story_count,
                estimated_secs: data.estimated_duration,
            },
        ),
        EventData::StoryStarted(data) => (
            story(&data.story_id, &data.title),
            Statement::StoryStarted {
                iteration: data.iteration,
                priority: data.priority,
                criteria: data.acceptance_criteria.iter().map(String::from).collect(),
            },
        ),
        EventData::AcCompleted(data) => (
            story(&data.story_id, &data.title),
            Statement::CriterionDone {
                criterion: Criterion { index: Some(data.ac_index), text: data.ac_text.as_ref().map(String::from) },
                duration_ms: data.duration_ms,
            },
        ),
        EventData::StoryCompleted(data) => {
            let outcome = match data.status {
                EndStatus::Passed => Outcome::Passed,
                EndStatus::Failed => Outcome::Failed { reason: data.reason.as_deref().unwrap_or("failed").to_owned() },
            };
            let statement =
                Statement::StoryEnded { outcome, duration_ms: data.duration_ms, commits: data.commits.iter().map(String::from).collect() };
            (story(&data.story_id, &data.title), statement)
        }
        EventData::TaskCompleted(data) => (None, Statement::TaskEnded { passed: data.status == EndStatus::Passed }),
        EventData::ErrorOccurred(data) => (
            story(&data.story_id, &None),
            Statement::Error(Failure {
                kind: data.error_type,
                message: data.error_message.to_string(),
                retryable: data.retryable,
                exit_code: data.exit_code,
            }),
        ),
    }
}
