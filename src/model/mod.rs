//! Facts → state and events: the only place that knows what "story completed" means.
//!
//! The engine passes every fact, new or known. Both kinds update the state; only new facts return an event. `ledger` decides which
//! facts are new.

pub mod agent;
mod attempt;
mod history;
mod report;
mod sleeps;
pub mod state;
mod story;
mod story_index;
#[cfg(test)]
mod tests;
mod timed;
mod totals;
mod view;

pub(crate) use timed::EstimateInput;
pub(crate) use view::{StoryDetail, ViewInput};

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{Event, EventData, EventId, EventSource, Seq, StoryCompleted, StoryTally, TEXT_LIMIT, TEXT_MARGIN, TimestampSource};
use crate::fact::{CountedKind, Fact, Precision, Provenance, Statement};
use crate::format::SourceKind;
use crate::plan::{Plan, PlanStatus};
use crate::subject::StoryRef;
use crate::text::CleanText;
use attempt::{Timing, refine_to_second, timing_of};
use history::TotalChange;
use sleeps::Sleeps;
use state::{ErrorState, RunState, ScopeChange, StoryStatus, TaskState, TaskStatus, TerminalLine};
use story::{Ranked, Story};
use story_index::StoryIndex;
use totals::Totals;

/// Earlier runs that are kept.
const RUN_LIMIT: usize = 20;

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

/// A plan as it has just been read.
#[derive(Debug)]
pub(crate) struct PlanUpdate<'a> {
    pub plan: &'a Arc<Plan>,
    /// Of its stories, in their order.
    pub subjects: &'a [StoryRef],
    /// Those that it calls passed no longer.
    pub reopened: &'a [StoryRef],
    /// What else changed, in words.
    pub change: Option<CleanText>,
    /// Relative to the task's folder.
    pub path: &'a Arc<str>,
    pub now: Timestamp,
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

/// How the present run ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RunEnding {
    /// `ended`, `passed` or `failed`.
    status: TaskStatus,
    timing: Timing,
    /// Whether `timing` says when it was; otherwise it only says when the file was written.
    dated: bool,
    /// For `ended` and `failed`: who says so.
    reason: Option<CleanText>,
}

/// One task in its present run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskModel {
    task_id: Arc<str>,
    /// Its name until one is stated.
    #[serde(skip)]
    title: Arc<str>,
    name: Option<Ranked<CleanText>>,
    run: Arc<str>,
    branch: Option<CleanText>,
    plan: Option<Arc<Plan>>,
    /// Relative to the task's folder.
    plan_path: Option<Arc<str>>,
    stories: Vec<Story>,
    /// Of `stories`.
    #[serde(skip)]
    totals: Totals,
    #[serde(skip)]
    index: StoryIndex,
    /// Key of the story whose start was inferred last.
    inferred_start: Option<Arc<str>>,
    terminal_line: Option<TerminalLine>,
    iteration: (Option<u32>, Option<u32>),
    started: Option<Timing>,
    end: Option<RunEnding>,
    has_events: bool,
    /// One of them is more than the start of the run.
    #[serde(default)]
    has_work: bool,
    /// More is known of the run than that its plan was written.
    begun: bool,
    errors: u32,
    last_error: Option<ErrorState>,
    plan_change: Option<ScopeChange>,
    total_changes: Vec<TotalChange>,
    last_activity: Option<(Timestamp, Arc<str>)>,
    #[serde(default)]
    sleeps: Sleeps,
    /// Earlier runs, latest first.
    runs: Vec<RunState>,
    /// A session of its agent works on something.
    #[serde(skip)]
    agent_at_work: bool,
    #[serde(skip)]
    source_text: bool,
    /// Rises with everything that is applied.
    #[serde(skip)]
    revision: u64,
}

impl TaskModel {
    pub fn new(task_id: &str, title: &str, source_text: bool) -> Self {
        TaskModel {
            task_id: Arc::from(task_id),
            title: Arc::from(title),
            name: None,
            run: Arc::from(""),
            branch: None,
            plan: None,
            plan_path: None,
            stories: Vec::new(),
            totals: Totals::default(),
            index: StoryIndex::default(),
            inferred_start: None,
            terminal_line: None,
            iteration: (None, None),
            started: None,
            end: None,
            has_events: false,
            has_work: false,
            begun: false,
            errors: 0,
            last_error: None,
            plan_change: None,
            total_changes: Vec::new(),
            last_activity: None,
            sleeps: Sleeps::default(),
            runs: Vec::new(),
            agent_at_work: false,
            source_text,
            revision: 0,
        }
    }

    /// Continues from the state that an earlier process saved.
    pub fn restore(&mut self, saved: TaskModel) {
        let index = StoryIndex::of(&saved.stories);
        let (task_id, title, source_text, revision) = (self.task_id.clone(), self.title.clone(), self.source_text, self.revision + 1);
        let totals = Totals::of(&saved.stories);
        *self = TaskModel { task_id, title, source_text, revision, index, totals, ..saved };
    }

    /// Starts a new run: forgets everything but the last activity and the runs. The caller applies the plan again.
    pub fn begin_run(&mut self) {
        let mut fresh = TaskModel::new(&self.task_id, &self.title, self.source_text);
        fresh.runs = std::mem::take(&mut self.runs);
        fresh.runs.insert(0, history::run_state(self));
        fresh.runs.truncate(RUN_LIMIT);
        fresh.last_activity = self.last_activity.take();
        fresh.agent_at_work = self.agent_at_work;
        fresh.revision = self.revision + 1;
        *self = fresh;
    }

    /// Rises whenever something was applied: screens may have to be drawn anew, even if there is no event.
    pub fn revision(&self) -> u64 {
        self.revision
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

    /// The wall clock has jumped to `now` by so many milliseconds: the machine slept, or the clock was set.
    pub fn record_clock_jump(&mut self, now: Timestamp, jump: i64) {
        if !self.is_running() {
            return;
        }
        self.revision += 1;
        if jump > 0 {
            self.sleeps.add(Timestamp(now.0.saturating_sub(jump)), now);
            return;
        }
        // What this process saw did not happen later than now.
        if let Some((last, _)) = &mut self.last_activity {
            *last = now.min(*last);
        }
        let open = self.stories.iter_mut().filter_map(Story::open_attempt_mut).filter_map(|attempt| attempt.started.as_mut());
        for start in open.chain(&mut self.started).filter(|start| !start.recorded) {
            start.at = now.min(start.at);
        }
    }

    /// A session of its agent that counts works on something, or does not.
    pub fn set_agent_at_work(&mut self, is_at_work: bool) {
        self.agent_at_work = is_at_work;
    }

    /// The last sign of life.
    pub fn last_activity(&self) -> Option<Timestamp> {
        self.last_activity.as_ref().map(|(at, _)| *at)
    }

    /// The first sign of the present run, as far as anything has a time, and whose time that is.
    pub fn first_sign(&self) -> Option<(Timestamp, TimestampSource)> {
        self.started.map(|start| (start.at, if start.recorded { TimestampSource::Record } else { TimestampSource::Observed }))
    }

    /// Whether the run has a commit whose hash begins so.
    pub fn has_commit(&self, start: &str) -> bool {
        self.stories.iter().flat_map(|story| &story.extras().commits).any(|commit| commit.starts_with(start))
    }

    /// Updates the task's name from a log's header; a plan's name outranks it.
    fn update_name(&mut self, name: Option<&str>, kind: SourceKind) {
        Ranked::update(&mut self.name, name.map(CleanText::from), Provenance::Explicit, kind);
    }

    /// Applies the plan.
    pub fn apply_plan(&mut self, update: PlanUpdate<'_>) {
        let PlanUpdate { plan, subjects, reopened, change, path, now } = update;
        self.plan_path = Some(path.clone());
        self.revision += 1;
        self.update_name(plan.name.as_deref(), SourceKind::ExecutionLog);
        self.branch.clone_from(&plan.branch);
        let (is_first, total) = (self.plan.is_none(), self.story_count());
        // A large plan in which one story moves on is not gone through as a whole.
        let known = self.plan.take().filter(|known| known.has_work_of(plan) && self.begins_with(subjects));
        if known.is_none() {
            self.stories.iter_mut().for_each(|story| story.in_plan = false);
        }
        for (at, (planned, subject)) in plan.stories.iter().zip(subjects).enumerate() {
            if known.as_ref().is_some_and(|known| Arc::ptr_eq(&known.stories[at], planned)) {
                continue;
            }
            let index = self.index_of(subject);
            let group = planned.group.and_then(|group| plan.groups.get(group as usize)).map(|group| &group.name);
            let story = &mut self.stories[index];
            let is_new = story.plan_status.is_none();
            let before = (story.status(), story.criteria().len());
            story.apply_plan(planned, group);
            if !is_first && is_new && story.extras().added_at.is_none() {
                story.extras_mut().added_at = Some(now);
            }
            if !is_first && (is_new || before != (story.status(), story.criteria().len())) {
                story.extras_mut().changed_at = Some(now);
            }
            if before.0 != StoryStatus::Passed && story.status() == StoryStatus::Passed {
                story.extras_mut().flagged_at = Some(now);
            }
            self.begun |= planned.status != PlanStatus::Open && planned.is_counted();
        }
        for story in &mut self.stories {
            if !story.in_plan {
                story.plan_status = None;
                story.release();
            }
        }
        for subject in reopened {
            let index = self.index_of(subject);
            self.stories[index].reopen(now);
        }
        if known.is_none() {
            self.sort_stories(subjects);
        }
        self.totals = Totals::of(&self.stories);
        // A story was added or reopened after the end: the run continues.
        if self.end.as_ref().is_some_and(|end| end.status == TaskStatus::Passed) && !plan.is_complete() {
            self.end = None;
        }
        self.plan = Some(plan.clone());
        let reason = change.or_else(|| reopening(reopened));
        if !is_first && self.story_count() != total {
            let reason = reason.clone().or_else(|| Some("the plan puts stories off, or takes them up again".into()));
            self.change_total(now, total, reason);
        }
        if let Some(reason) = reason {
            self.plan_change = Some(ScopeChange { at: now, reason });
        }
    }

    /// The plan is that of the run before: what only its flags said goes with it.
    pub fn forget_plan(&mut self) {
        self.plan = None;
        for story in &mut self.stories {
            story.forget_plan();
        }
        self.totals = Totals::of(&self.stories);
    }

    /// Whether the first stories are these, and all that are in the plan.
    fn begins_with(&self, subjects: &[StoryRef]) -> bool {
        let is_same = |(story, subject): (&Story, &StoryRef)| story.in_plan && story.subject.key == subject.key;
        self.stories.len() >= subjects.len() && self.stories.iter().zip(subjects).all(is_same)
    }

    /// Plan order first, then the order of appearance. A story that left the plan before anything happened to it leaves the list.
    fn sort_stories(&mut self, subjects: &[StoryRef]) {
        let order: HashMap<&Arc<str>, usize> = subjects.iter().enumerate().map(|(index, subject)| (&subject.key, index)).collect();
        self.stories.retain(|story| story.in_plan || story.has_happened());
        self.stories.sort_by_key(|story| order.get(&story.subject.key).copied().unwrap_or(usize::MAX));
        self.index = StoryIndex::of(&self.stories);
    }

    /// The run stopped, and nothing says how: its runner says so, or its files are gone. A run that has ended keeps its end.
    pub fn stop(&mut self, reason: CleanText, now: Timestamp) {
        if self.end.is_some() || self.status() != TaskStatus::Running {
            return;
        }
        self.revision += 1;
        let timing = Timing { at: now, precision: Precision::Second, recorded: false };
        self.end = Some(RunEnding { status: TaskStatus::Ended, timing, dated: true, reason: Some(reason) });
        self.terminal_line = None;
    }

    /// Something of a run that had stopped moves again.
    pub fn resume(&mut self) {
        if self.end.as_ref().is_some_and(|end| end.status == TaskStatus::Ended) {
            self.revision += 1;
            self.end = None;
        }
    }

    fn index_of(&mut self, subject: &StoryRef) -> usize {
        if let Some(index) = self.index.find(&self.stories, &subject.key) {
            return index;
        }
        let index = self.stories.len();
        if index == self.stories.capacity() {
            // By an eighth: a log full of entries has thousands of stories, each of several hundred bytes.
            self.stories.reserve_exact(index / 8 + 4);
        }
        self.stories.push(Story::new(subject.clone()));
        self.totals.add(&self.stories[index]);
        self.index.insert(&self.stories, index);
        index
    }

    /// Keeps the stories in little room until one is added.
    pub fn compact(&mut self) {
        self.stories.shrink_to_fit();
    }

    /// Applies one fact. Returns its event when the fact is new; the caller fills in `seq`.
    pub fn apply(&mut self, update: &FactUpdate<'_>) -> Option<Event> {
        self.revision += 1;
        let timing = self.timing_of(update);
        self.begun |= !matches!(update.fact.statement, Statement::TaskStarted { .. }) || update.origin.kind != SourceKind::Plan;
        let index = update.subject.map(|subject| self.index_of(subject));
        if let Some(index) = index {
            let title = update.fact.story.as_ref().and_then(|story| story.title.clone()).map(CleanText::from);
            Ranked::update(&mut self.stories[index].title, title, update.fact.provenance, update.origin.kind);
            self.totals.remove(&self.stories[index]);
        }
        let data = self.report(update, index, timing);
        if let Some(index) = index {
            self.totals.add(&self.stories[index]);
        }
        debug_assert!(self.stories.len() > 100 || self.totals.fit(&self.stories), "every change of a story is a change of the sums");
        let data = match data? {
            EventData::StoryCompleted(completed) => {
                EventData::StoryCompleted(StoryCompleted { tally: Some(self.tally(update.now)), ..completed })
            }
            data => data,
        };
        if let Some(index) = index.filter(|_| update.live) {
            self.stories[index].extras_mut().changed_at = Some(update.now);
        }
        let occurrence = update.occurrence?;
        self.has_events = true;
        let is_work = !matches!(data, EventData::TaskStarted(_));
        // Work that is dated before the start was observed tells better when that was.
        let is_before = |start: Timing| !start.recorded && timing.at <= start.at;
        let is_dated_better = is_work && !self.has_work && timing.recorded && self.started.is_some_and(is_before);
        if is_dated_better || (self.started.is_none() && (timing.recorded || update.live)) {
            self.started = Some(refine_to_second(timing, update));
        }
        self.has_work |= is_work;
        // To the minute: no completion is shown before its own start.
        let timing = match &data {
            EventData::StoryCompleted(_) => timing.not_before(index.and_then(|index| self.stories[index].started())),
            EventData::TaskCompleted(_) => timing.not_before(self.started),
            EventData::TaskStarted(_) | EventData::StoryStarted(_) | EventData::AcCompleted(_) | EventData::ErrorOccurred(_) => timing,
        };
        Some(self.event(update, timing, occurrence, data))
    }

    /// Updates the state with a fact. Returns what its event says.
    fn report(&mut self, update: &FactUpdate<'_>, index: Option<usize>, timing: Timing) -> Option<EventData> {
        match &update.fact.statement {
            Statement::TaskStarted { name, branch, description, story_count, estimated_secs } => {
                self.update_name(name.as_deref(), update.origin.kind);
                if branch.is_some() {
                    self.branch = branch.as_ref().map(CleanText::from);
                }
                Some(EventData::TaskStarted(report::task_started(self, description.as_deref(), *story_count, *estimated_secs)))
            }
            Statement::StoryStarted { iteration, priority, criteria } => index
                .map(|index| EventData::StoryStarted(report::story_started(self, index, update, timing, *iteration, *priority, criteria))),
            Statement::CriterionDone { criterion, duration_ms } => {
                index.and_then(|index| report::criterion_done(self, index, update, criterion, *duration_ms)).map(EventData::AcCompleted)
            }
            Statement::StoryEnded { outcome, duration_ms, commits } => index
                .map(|index| EventData::StoryCompleted(report::story_ended(self, index, update, timing, outcome, *duration_ms, commits))),
            Statement::Error(failure) => Some(EventData::ErrorOccurred(report::error(self, index, update, failure))),
            Statement::TaskEnded { passed } => Some(EventData::TaskCompleted(report::task_ended(self, update, timing, *passed))),
            Statement::Activity { text, iteration } => {
                if let Some(text) = text {
                    self.terminal_line =
                        Some(TerminalLine { text: text.clone().into(), at: update.now, path: update.origin.path.clone().into() });
                }
                if let Some((at, of)) = iteration {
                    self.iteration = (Some(*at), of.or(self.iteration.1));
                }
                None
            }
        }
    }

    fn event(&self, update: &FactUpdate<'_>, timing: Timing, occurrence: u32, data: EventData) -> Event {
        let quoted = Some(&update.fact.text).filter(|text| self.source_text && !text.is_empty());
        let text = quoted.map(|text| CleanText::first_chars(text, TEXT_LIMIT + TEXT_MARGIN));
        Event {
            id: EventId::new(&self.task_id, &self.run, update.kind, update.key_text, occurrence),
            seq: Seq(0),
            timestamp: timing.at,
            timestamp_source: if timing.recorded { TimestampSource::Record } else { TimestampSource::Observed },
            timestamp_precision: (timing.precision == Precision::Day).then_some(Precision::Day),
            late: update.fact.late,
            origin: None,
            task_id: self.task_id.clone().into(),
            run: self.run.clone().into(),
            provenance: update.fact.provenance,
            source: EventSource { path: update.origin.path.clone().into(), line: (update.fact.line > 0).then_some(update.fact.line), text },
            data,
        }
    }

    /// The first story of the plan that is open; `None` when the run has ended or a story is in progress.
    pub fn next_unpassed(&self) -> Option<StoryRef> {
        let mut planned = self.stories.iter().filter(|story| story.in_plan);
        if self.plan.is_none() || self.end.is_some() || self.stories.iter().any(|story| story.status() == StoryStatus::InProgress) {
            return None;
        }
        planned.find(|story| matches!(story.status(), StoryStatus::Open | StoryStatus::Failed)).map(|story| story.subject.clone())
    }

    fn task_name(&self) -> &str {
        self.name.as_ref().map_or(&self.title, |known| known.value.as_str())
    }

    /// Stories of the plan that count; `None` without a plan.
    fn story_count(&self) -> Option<u32> {
        self.plan.as_ref()?;
        Some(self.totals.planned()).filter(|count| *count > 0)
    }

    /// The stories that count: the plan's, where there is one.
    fn counted(&self) -> impl Iterator<Item = &Story> {
        let planned = self.stories.iter().any(|story| story.in_plan);
        self.stories.iter().filter(move |story| story.in_plan || !planned)
    }

    fn count(&self, statuses: &[StoryStatus]) -> u32 {
        to_u32(self.counted().filter(|story| statuses.contains(&story.status())).count())
    }

    /// How far the run is once the facts that were applied so far are told. What the plan has flagged in this look is still to be told.
    fn tally(&self, now: Timestamp) -> StoryTally {
        StoryTally { passed: self.totals.passed_by_facts(now), total: self.story_count() }
    }

    fn retries(&self) -> u32 {
        self.stories.iter().map(|story| story.starts.max(story.completions).saturating_sub(1)).sum()
    }

    /// As [`timing_of`]; a run that ended before the process started ends with its last story, when all its stories have recorded times.
    fn timing_of(&self, update: &FactUpdate<'_>) -> Timing {
        let dated = timing_of(update);
        if dated.recorded || update.live || !matches!(update.fact.statement, Statement::TaskEnded { .. }) {
            return dated;
        }
        let finishes: Option<Vec<Timing>> = self.stories.iter().filter(|story| story.completions > 0).map(story::Story::finished).collect();
        finishes.into_iter().flatten().filter(|finish| finish.recorded).max_by_key(|finish| finish.at).unwrap_or(dated)
    }

    /// Whether there is a plan, or anything has been read of a run.
    pub fn has_content(&self) -> bool {
        self.status() != TaskStatus::Waiting
    }

    /// Whether a run is under way.
    pub fn is_running(&self) -> bool {
        self.status() == TaskStatus::Running
    }

    pub(super) fn status(&self) -> TaskStatus {
        match &self.end {
            Some(end) => end.status,
            None if self.begun && (self.has_events || self.plan.is_some()) => TaskStatus::Running,
            None if self.plan.as_ref().is_some_and(|plan| !plan.stories.is_empty()) => match self.agent_at_work {
                true => TaskStatus::Running,
                false => TaskStatus::Planned,
            },
            None => TaskStatus::Waiting,
        }
    }

    /// First trusted time of the run: a time exact to the day says nothing, nor does one that lies behind the end.
    pub(super) fn started_at(&self) -> Option<Timestamp> {
        let start = self.started.filter(|start| start.precision != Precision::Day)?;
        let has_ended_before = self.end.as_ref().is_some_and(|end| end.dated && end.timing.at < start.at);
        (!has_ended_before).then_some(start.at)
    }

    /// Notes that the number of stories is no longer `before`.
    fn change_total(&mut self, at: Timestamp, before: Option<u32>, reason: Option<CleanText>) {
        let number = |count: Option<u32>| i64::from(count.unwrap_or(0));
        self.total_changes.push(TotalChange { at, by: number(self.story_count()) - number(before), reason });
        if self.total_changes.len() > history::CHANGE_LIMIT {
            self.total_changes.remove(0);
        }
    }

    /// This task's part of the snapshot.
    pub fn view(&self, input: ViewInput, now: Timestamp, detail: StoryDetail) -> TaskState {
        view::task_state(self, input, now, detail)
    }

    /// The figures for the estimator.
    pub fn estimate_input(&self) -> EstimateInput {
        timed::estimate_input(self)
    }
}

/// Which stories fell back, in words.
fn reopening(reopened: &[StoryRef]) -> Option<CleanText> {
    let name = |subject: &StoryRef| subject.id.as_deref().unwrap_or("a story").to_owned();
    match reopened {
        [] => None,
        [one] => Some(format!("{} was reopened: the plan calls it passed no longer", name(one)).into()),
        several => Some(format!("{} stories were reopened: the plan calls them passed no longer", several.len()).into()),
    }
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
