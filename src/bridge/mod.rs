//! Composes the machines: inputs in, events and the state out. No clock, no file, no socket.
//!
//! Inputs pile up until a `Tick` says that everything so far was seen at once; then each task believes what may be believed,
//! counts, and tells what is due in order.

mod document;
mod infer;
mod lines;
mod look;
mod memory;
mod order;
mod passes;
mod past;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod properties;
mod resolve;
mod task;
#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::discover::{Shape, Source, Task as FoundTask};
use crate::error::{Notice, NoticeKind};
use crate::estimate::{self, Outlook};
use crate::event::{Event, EventId, SCHEMA, Seq};
use crate::format::{Recipe, Rules, SourceKind};
use crate::ledger::Verdict;
use crate::line::{Input, Moment, SourceId, Timestamp};
use crate::model::Pace;
use crate::model::state::{Remaining, SourceCondition, SourceState, State};
use document::PlanSource;
use lines::LineSource;
use look::Look;
pub use memory::Memory;
use task::Task;

/// Notices that the state shows.
const NOTICES: usize = 20;
/// Remaining time and quiet are looked at anew this often while a run goes on.
const ESTIMATE_EVERY: Duration = Duration::from_secs(20);

/// What the bridge needs to know from the start.
pub struct Settings {
    pub tasks: Vec<FoundTask>,
    pub sources: Vec<Source>,
    /// For times written without a zone.
    pub zone: TimeZone,
    /// For logs that no built-in format knows.
    pub rules: Rules,
    /// Whether what is there at the start is emitted (`--from start`) or only counted (`--from end`).
    pub emit_history: bool,
    /// Whether events carry `source.text`.
    pub source_text: bool,
    /// Whether the story being worked on may be guessed.
    pub infer: bool,
}

/// The machines of every task.
pub struct Bridge {
    tasks: Vec<Task>,
    sources: Vec<Place>,
    seq: Seq,
    notices: VecDeque<Notice>,
    new_notices: Vec<Notice>,
    emit_history: bool,
    /// Every source has been read once.
    ready: bool,
    version: u64,
    estimated: Duration,
    /// The last tick.
    ticked: Duration,
    /// What an earlier process knew of tasks and files that have not turned up yet.
    remembered: Option<Memory>,
    /// Events that an earlier process published after what is remembered: no news when they are found again.
    published: HashSet<EventId>,
}

/// Where a source's machine lives.
struct Place {
    path: PathBuf,
    task: usize,
    machine: Machine,
    condition: SourceCondition,
}

#[derive(Clone, Copy)]
enum Machine {
    Lines(usize),
    Plan(usize),
}

impl Bridge {
    pub fn new(settings: Settings) -> Self {
        let mut tasks: Vec<Task> = settings.tasks.iter().map(|task| Task::new(task, settings.source_text, settings.infer)).collect();
        let mut sources = Vec::with_capacity(settings.sources.len());
        for source in &settings.sources {
            let at = settings.tasks.iter().position(|task| task.id == source.task).unwrap_or_default();
            let task = &mut tasks[at];
            let machine = match source.shape {
                Shape::Lines => {
                    let recipe = Recipe::new(&source.path, settings.zone.clone(), &settings.rules);
                    task.lines.push(LineSource::new(&source.shown, source.machine_name, recipe));
                    Machine::Lines(task.lines.len() - 1)
                }
                Shape::Document => {
                    task.plans.push(PlanSource::new(&source.shown));
                    Machine::Plan(task.plans.len() - 1)
                }
            };
            sources.push(Place { path: source.path.clone(), task: at, machine, condition: SourceCondition::Waiting });
        }
        Bridge {
            tasks,
            sources,
            seq: Seq(0),
            notices: VecDeque::new(),
            new_notices: Vec::new(),
            emit_history: settings.emit_history,
            ready: false,
            version: 1,
            estimated: Duration::ZERO,
            ticked: Duration::ZERO,
            remembered: None,
            published: HashSet::new(),
        }
    }

    /// Takes one input. Events come out of `Tick` and `Finish` only, in the order they are to be published.
    pub fn handle(&mut self, input: Input) -> Vec<Event> {
        match input {
            Input::Begin { source, at, why } => {
                self.press(source, at, false);
                self.on_lines(source, at, |lines, now| lines.begin(now, why));
            }
            Input::Resumed { source, at } => self.on_lines(source, at, |lines, now| lines.resumed(now)),
            Input::Retired { source, at, past } => {
                self.press(source, at, true);
                self.on_lines(source, at, |lines, _| lines.retire(past));
            }
            Input::Late { source, at, past, lines } => {
                self.touched(source, at);
                self.with_line(source, |task, line| task.late(line, past, &lines));
            }
            Input::Left { source, at: _, past, end } => self.with_line(source, |task, line| task.leave(line, past, end)),
            Input::Lines { source, at, lines } => self.on_lines(source, at, |machine, now| machine.take(now, &lines)),
            Input::Rest { source, at, rest } => self.on_lines(source, at, |lines, _| lines.rest(rest)),
            Input::End { source, at, rest } => {
                self.on_lines(source, at, |lines, now| lines.end(now, rest));
                self.hold_if_reset(source, at);
            }
            Input::Document { source, at, text } => self.on_document(source, at, &text),
            Input::Written { source, at } => self.written(source, at),
            Input::Gone { source, at: _ } => self.gone(source),
            Input::Trouble { source, at: _, notice } => {
                if let (Some(source), NoticeKind::Unreadable) = (source, notice.kind) {
                    self.sources[source.0 as usize].condition = SourceCondition::Unreadable;
                }
                self.notice(notice);
            }
            Input::Tick(now) => return self.tick(now, false),
            Input::Ready(_) => self.ready = true,
            Input::Finish(now) => return self.tick(now, true),
        }
        Vec::new()
    }

    /// The numbering goes on behind `seq`, and these events have been published.
    pub fn go_on(&mut self, seq: Seq, published: HashSet<EventId>) {
        self.seq = self.seq.max(seq);
        self.published = published;
    }

    /// When the next `Tick` is wanted although nothing may have been seen by then, on the clock of [`Moment::elapsed`].
    pub fn deadline(&self) -> Option<Duration> {
        let waits = self.tasks.iter().flat_map(|task| {
            let lines = task.lines.iter().filter_map(|source| source.deadline(self.ticked));
            lines.chain(task.plans.iter().filter_map(|source| source.deadline(self.ticked)))
        });
        let estimate = self.tasks.iter().any(|task| task.model.is_running()).then_some(self.estimated + ESTIMATE_EVERY);
        let switch = self.tasks.iter().any(|task| task.switching).then_some(self.ticked);
        waits.chain(estimate).chain(switch).min()
    }

    /// Whether this source may be looked at: while a task waits to know whether a new run began, its other files wait in turn.
    pub fn may_look(&self, source: SourceId) -> bool {
        let place = &self.sources[source.0 as usize];
        let line = match place.machine {
            Machine::Lines(line) => Some(line),
            Machine::Plan(_) => None,
        };
        !self.tasks[place.task].waits(line)
    }

    /// Whether all lines of this file that were handed over have been counted.
    pub fn is_at_rest(&self, source: SourceId) -> bool {
        let place = &self.sources[source.0 as usize];
        match place.machine {
            Machine::Lines(line) => self.tasks[place.task].lines[line].is_at_rest(),
            Machine::Plan(_) => true,
        }
    }

    /// Whether a program appends to this file and rotates it.
    pub fn is_machine_log(&self, source: SourceId) -> bool {
        let place = &self.sources[source.0 as usize];
        match place.machine {
            Machine::Lines(line) => self.tasks[place.task].lines[line].is_machine_log(),
            Machine::Plan(_) => false,
        }
    }

    /// Rises whenever `state` would show something else.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Notices since the last call, for stderr.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.new_notices)
    }

    /// The snapshot for screens.
    pub fn state(&self, now: Moment) -> State {
        let mut sources: Vec<Vec<SourceState>> = self.tasks.iter().map(|_| Vec::new()).collect();
        for place in &self.sources {
            sources[place.task].push(self.source_state(place));
        }
        let tasks = self.tasks.iter().zip(sources).map(|(task, sources)| {
            let (quiet, remaining) = outlook(&task.model.pace(), now.wall);
            task.model.view(sources, quiet, remaining)
        });
        State {
            schema: SCHEMA,
            server_time: now.wall,
            seq: self.seq,
            tasks: tasks.collect(),
            notices: self.notices.iter().cloned().collect(),
        }
    }

    fn source_state(&self, place: &Place) -> SourceState {
        let task = &self.tasks[place.task];
        match place.machine {
            Machine::Lines(at) => {
                let (understood, unknown) = task.lines[at].reader().tally();
                let kind = task.lines[at].reader().kind().name().to_owned();
                SourceState { path: task.lines[at].path.to_string(), kind, state: place.condition, understood, unknown }
            }
            Machine::Plan(at) => {
                let plan = &task.plans[at];
                let kind = if plan.plan.is_some() { SourceKind::Plan } else { SourceKind::Unknown };
                let understood = plan.plan.as_ref().map_or(0, |plan| plan.stories.len() as u64);
                SourceState { path: plan.path.to_string(), kind: kind.name().to_owned(), state: place.condition, understood, unknown: 0 }
            }
        }
    }

    fn on_lines(&mut self, source: SourceId, at: Moment, act: impl FnOnce(&mut LineSource, Duration)) {
        self.touched(source, at);
        let place = &self.sources[source.0 as usize];
        match place.machine {
            Machine::Lines(line) => act(&mut self.tasks[place.task].lines[line], at.elapsed),
            Machine::Plan(_) => debug_assert!(false, "a document was sent as lines"),
        }
    }

    /// What a source holds is about to be replaced.
    fn press(&mut self, source: SourceId, at: Moment, retired: bool) {
        let live = self.ready;
        self.with_line(source, |task, line| {
            let begun = task.begun(line, live);
            task.press(line, at.elapsed, begun, retired);
        });
    }

    fn with_line(&mut self, source: SourceId, act: impl FnOnce(&mut Task, usize)) {
        let place = &self.sources[source.0 as usize];
        match place.machine {
            Machine::Lines(line) => act(&mut self.tasks[place.task], line),
            Machine::Plan(_) => debug_assert!(false, "a document was sent as lines"),
        }
    }

    fn on_document(&mut self, source: SourceId, at: Moment, text: &str) {
        self.touched(source, at);
        let place = &self.sources[source.0 as usize];
        match place.machine {
            Machine::Plan(plan) => self.tasks[place.task].plans[plan].take(at.elapsed, text),
            Machine::Lines(_) => debug_assert!(false, "lines were sent as a document"),
        }
    }

    fn touched(&mut self, source: SourceId, at: Moment) {
        let place = &mut self.sources[source.0 as usize];
        place.condition = SourceCondition::Reading;
        let task = &mut self.tasks[place.task];
        let path = match place.machine {
            Machine::Lines(line) => &task.lines[line].path,
            Machine::Plan(plan) => &task.plans[plan].path,
        };
        // What was there at the start did not move while we watched.
        if self.ready {
            task.guesses.moved(at.wall, path);
            task.model.touched(at.wall, path);
        }
        self.version += 1;
    }

    fn written(&mut self, source: SourceId, at: Timestamp) {
        let place = &self.sources[source.0 as usize];
        let task = &mut self.tasks[place.task];
        let path = match place.machine {
            Machine::Lines(line) => {
                task.lines[line].written = Some(at);
                &task.lines[line].path
            }
            Machine::Plan(plan) => {
                task.plans[plan].written = Some(at);
                &task.plans[plan].path
            }
        };
        task.model.touched(at, path);
    }

    fn gone(&mut self, source: SourceId) {
        let place = &mut self.sources[source.0 as usize];
        place.condition = match place.condition {
            SourceCondition::Reading | SourceCondition::Gone => SourceCondition::Gone,
            SourceCondition::Waiting | SourceCondition::Unreadable => SourceCondition::Waiting,
        };
        self.version += 1;
    }

    /// The task's other sources wait from the moment a progress log seems to have been reset.
    fn hold_if_reset(&mut self, source: SourceId, at: Moment) {
        let place = &self.sources[source.0 as usize];
        if let Machine::Lines(line) = place.machine {
            let task = &mut self.tasks[place.task];
            if let Some(Verdict::Wait { hold: true }) = task.judge(line, at.elapsed, false).map(|judged| judged.verdict) {
                task.hold.insert(line);
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.version += 1;
        self.new_notices.push(notice.clone());
        self.notices.push_back(notice);
        while self.notices.len() > NOTICES {
            self.notices.pop_front();
        }
    }

    fn tick(&mut self, now: Moment, finish: bool) -> Vec<Event> {
        let mut events = Vec::new();
        self.ticked = now.elapsed;
        for at in 0..self.tasks.len() {
            let mut look = Look {
                now,
                finish,
                live: self.ready,
                mute: !self.ready && !self.emit_history && !self.tasks[at].restored,
                events: Vec::new(),
                notices: Vec::new(),
            };
            look.take(&mut self.tasks[at]);
            events.append(&mut look.events);
            for notice in look.notices {
                self.notice(notice);
            }
        }
        if !self.published.is_empty() {
            events.retain(|event| !self.published.remove(&event.id));
        }
        for event in &mut events {
            self.seq.0 += 1;
            event.seq = self.seq;
        }
        if !events.is_empty() || now.elapsed >= self.estimated + ESTIMATE_EVERY {
            self.version += 1;
            self.estimated = now.elapsed;
        }
        events
    }
}

/// Whether nothing has moved for longer than a story usually takes, and how long the rest will take.
fn outlook(pace: &Pace, now: Timestamp) -> (bool, Remaining) {
    let finished: Vec<Duration> = pace.durations_ms.iter().map(|ms| Duration::from_millis(*ms)).collect();
    let since = |at: Timestamp| now.since(at).map(Duration::from_millis);
    let quiet = !pace.over && pace.moved_at.and_then(since).is_some_and(|still| still > estimate::quiet_after(&finished));
    let current = pace.current_since.and_then(since);
    let to_come = pace.left.map(|left| u32::try_from(left.saturating_sub(usize::from(pace.has_current))).unwrap_or(u32::MAX));
    (quiet, estimate::remaining(&Outlook { finished: &finished, current, to_come, quiet }))
}
