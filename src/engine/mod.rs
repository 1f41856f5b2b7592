//! Composes the machines: inputs in, events and the state out. No clock, no file, no socket.
//!
//! Inputs pile up until a `Tick` says that everything so far was seen at once; then each task believes what may be believed,
//! counts, and tells what is due in order.

mod claims;
mod document;
mod infer;
mod lines;
mod look;
mod memory;
mod naming;
mod order;
mod passes;
mod past;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod properties;
mod resolve;
mod stated;
mod task;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::clock::{ClockReading, Timestamp};
use crate::discover::{Added, Shape, Source, SourceKey, Task as FoundTask};
use crate::error::{Notice, NoticeKind};
use crate::event::{Event, EventId, Seq};
use crate::format::{ParserConfig, Rules};
use crate::input::Input;
use crate::ledger::Verdict;
use crate::line::SourceId;
use crate::model::state::SourceCondition;
use claims::{Claims, FileAt};
use document::PlanSource;
use lines::LineSource;
use look::Look;
pub use memory::Memory;
use task::Task;

/// Notices that the state shows.
const NOTICES: usize = 20;
/// Remaining time and quiet are looked at anew this often while a run goes on.
const ESTIMATE_EVERY: Duration = Duration::from_secs(20);

/// What the engine needs to know from the start.
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
pub struct Engine {
    /// Without tasks and sources, which are below.
    settings: Settings,
    tasks: Vec<Task>,
    sources: Vec<Place>,
    claims: Claims,
    seq: Seq,
    notices: VecDeque<Notice>,
    new_notices: Vec<Notice>,
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
    key: SourceKey,
    file: Option<FileAt>,
    task: usize,
    machine: Machine,
    condition: SourceCondition,
}

#[derive(Clone, Copy)]
enum Machine {
    Lines(usize),
    Plan(usize),
}

impl Engine {
    pub fn new(settings: Settings) -> Self {
        let (tasks, sources) = (settings.tasks.clone(), settings.sources.clone());
        let mut engine = Engine {
            settings: Settings { tasks: Vec::new(), sources: Vec::new(), ..settings },
            tasks: Vec::new(),
            sources: Vec::new(),
            claims: Claims::default(),
            seq: Seq(0),
            notices: VecDeque::new(),
            new_notices: Vec::new(),
            ready: false,
            version: 1,
            estimated: Duration::ZERO,
            ticked: Duration::ZERO,
            remembered: None,
            published: HashSet::new(),
        };
        engine.add(&tasks, &sources);
        engine
    }

    /// Tasks and sources that were found later, numbered on from those before.
    pub fn add_found(&mut self, added: &Added, now: ClockReading) {
        let (first_task, first_source) = (self.tasks.len(), self.sources.len());
        self.add(&added.tasks, &added.sources);
        self.remember(first_task, first_source, now);
        self.version += 1;
    }

    fn add(&mut self, tasks: &[FoundTask], sources: &[Source]) {
        for task in tasks {
            self.tasks.push(Task::new(task, self.tasks.len(), self.settings.source_text, self.settings.infer));
            self.claims.add_task(&task.name);
        }
        for source in sources {
            let at = source.task.0 as usize;
            let task = &mut self.tasks[at];
            let file = source.common.as_ref().map(|real| self.claims.add_file(real, at));
            let machine = match source.shape {
                Shape::Lines | Shape::Stream => {
                    let recipe = ParserConfig::new(&source.path, self.settings.zone.clone(), &self.settings.rules);
                    task.lines.push(LineSource::new(&source.shown, file, source.machine_name, recipe));
                    Machine::Lines(task.lines.len() - 1)
                }
                Shape::Document => {
                    task.plans.push(PlanSource::new(&source.shown));
                    Machine::Plan(task.plans.len() - 1)
                }
            };
            self.sources.push(Place { key: source.key.clone(), file, task: at, machine, condition: SourceCondition::Waiting });
        }
    }

    /// Takes one input. Events come out of `Tick` and `Finish` only, in the order they are to be published.
    pub fn handle(&mut self, input: Input) -> Vec<Event> {
        match input {
            Input::RereadBegun { source, at, reason: why } => {
                self.press(source, at, false);
                self.on_lines(source, at, |lines, now| lines.begin(now, why));
            }
            Input::RestoreDone { source, at } => {
                self.touched(source, at);
                self.with_line(source, |task, line, claims| task.resumed(line, at.elapsed, claims));
            }
            Input::Detached { source, at, detached: past } => {
                self.press(source, at, true);
                self.on_lines(source, at, |lines, _| lines.retire(past));
            }
            Input::DetachedLines { source, at, detached: past, lines } => {
                self.touched(source, at);
                self.with_line(source, |task, line, claims| task.late(line, past, &lines, claims));
            }
            Input::DetachedClosed { source, at: _, detached: past, still_linked, partial } => {
                let end = still_linked.then_some(partial);
                self.with_line(source, |task, line, claims| task.leave(line, past, end, claims));
            }
            Input::Lines { source, at, lines } => {
                self.touched(source, at);
                self.with_line(source, |task, line, claims| task.take(line, at.elapsed, &lines, claims));
            }
            Input::PartialLine { source, at, partial: rest } => self.on_lines(source, at, |lines, _| lines.rest(rest)),
            Input::RereadDone { source, at, partial: rest } => {
                self.on_lines(source, at, |lines, now| lines.end(now, rest));
                self.hold_if_reset(source, at);
            }
            Input::Document { source, at, text } => self.on_document(source, at, &text),
            Input::FileSeen { source, at } => self.written(source, at),
            Input::Missing { source, at: _ } => self.gone(source),
            Input::Notice { source, at: _, notice } => {
                if let (Some(source), NoticeKind::Unreadable) = (source, notice.kind) {
                    self.sources[source.0 as usize].condition = SourceCondition::Unreadable;
                }
                self.notice(notice);
            }
            Input::Tick(now) => return self.tick(now, false),
            Input::InitialScanDone(_) => {
                self.ready = true;
                self.claims.forget_told();
            }
            Input::Finish(now) => return self.tick(now, true),
        }
        Vec::new()
    }

    /// When the next `Tick` is wanted although nothing may have been seen by then, on the clock of [`ClockReading::elapsed`].
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
        // Whose a record is may hang on the plan that one of its tasks is about to have.
        let readers = self.claims.readers(place.file);
        !self.tasks[place.task].waits(line) && !readers.iter().any(|task| self.tasks[*task].waits(None))
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

    fn on_lines(&mut self, source: SourceId, at: ClockReading, act: impl FnOnce(&mut LineSource, Duration)) {
        self.touched(source, at);
        let place = &self.sources[source.0 as usize];
        match place.machine {
            Machine::Lines(line) => act(&mut self.tasks[place.task].lines[line], at.elapsed),
            Machine::Plan(_) => debug_assert!(false, "a document was sent as lines"),
        }
    }

    /// What a source holds is about to be replaced.
    fn press(&mut self, source: SourceId, at: ClockReading, retired: bool) {
        let live = self.ready;
        self.with_line(source, |task, line, claims| {
            let begun = task.begun(line, live);
            task.press(line, at.elapsed, begun, retired, claims);
        });
    }

    fn with_line(&mut self, source: SourceId, act: impl FnOnce(&mut Task, usize, &mut Claims)) {
        let place = &self.sources[source.0 as usize];
        match place.machine {
            Machine::Lines(line) => act(&mut self.tasks[place.task], line, &mut self.claims),
            Machine::Plan(_) => debug_assert!(false, "a document was sent as lines"),
        }
    }

    fn on_document(&mut self, source: SourceId, at: ClockReading, text: &str) {
        self.touched(source, at);
        let place = &self.sources[source.0 as usize];
        match place.machine {
            Machine::Plan(plan) => self.tasks[place.task].plans[plan].take(at.elapsed, text),
            Machine::Lines(_) => debug_assert!(false, "lines were sent as a document"),
        }
        if let Some(plan) = self.tasks[place.task].newest_plan() {
            self.claims.set_plan(place.task, plan);
        }
    }

    fn touched(&mut self, source: SourceId, at: ClockReading) {
        let place = &mut self.sources[source.0 as usize];
        place.condition = SourceCondition::Reading;
        self.version += 1;
        // What was there at the start did not move while we watched. A log that is everybody's says whose it is by what it holds.
        if !self.ready || self.claims.is_shared(place.file) {
            return;
        }
        let task = &mut self.tasks[place.task];
        let path = match place.machine {
            Machine::Lines(line) => &task.lines[line].path,
            Machine::Plan(plan) => &task.plans[plan].path,
        };
        task.guesses.moved(at.wall, path);
        task.model.record_activity(at.wall, path);
        self.claims.moved(place.task, at.wall);
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
        if !self.claims.is_shared(place.file) {
            task.model.record_activity(at, path);
            self.claims.moved(place.task, at);
        }
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
    fn hold_if_reset(&mut self, source: SourceId, at: ClockReading) {
        let place = &self.sources[source.0 as usize];
        if let Machine::Lines(line) = place.machine {
            let task = &mut self.tasks[place.task];
            if let Some(Verdict::Wait { hold: true }) = task.judge(line, at.elapsed, false, &mut self.claims).map(|judged| judged.verdict) {
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

    fn tick(&mut self, now: ClockReading, finish: bool) -> Vec<Event> {
        let mut events = Vec::new();
        // Not every change is an event: a story that falls back is believed without one.
        let mut shown = false;
        self.ticked = now.elapsed;
        for at in 0..self.tasks.len() {
            let mut look = Look {
                claims: &mut self.claims,
                now,
                finish,
                live: self.ready,
                mute: !self.ready && !self.settings.emit_history && !self.tasks[at].restored,
                events: Vec::new(),
                notices: Vec::new(),
            };
            let revision = self.tasks[at].model.revision();
            look.take(&mut self.tasks[at]);
            shown |= self.tasks[at].model.revision() != revision;
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
        if shown || now.elapsed >= self.estimated + ESTIMATE_EVERY {
            self.version += 1;
            self.estimated = now.elapsed;
        }
        events
    }
}
