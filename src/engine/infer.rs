//! The guess at what is being worked on: the first story of the plan that has not passed, once a file has moved since we started.
//!
//! Nothing else is ever guessed. A line that says it later finds it said already; one that says otherwise takes the guess back from the
//! state (`model`).

use std::sync::Arc;

use crate::clock::{ClockReading, Timestamp};
use crate::event::Event;
use crate::fact::{CountedKind, Fact, Provenance, Statement, StatementForm, StoryName, entry_hash};
use crate::format::SourceKind;
use crate::model::Origin;

use super::document::PlanSource;
use super::resolve::key;
use super::task::Task;

/// Whether guesses may be made, and on what evidence.
#[derive(Debug, Clone)]
pub(super) struct Guesses {
    allowed: bool,
    moved: Option<(Timestamp, Arc<str>)>,
}

impl Guesses {
    pub(super) fn new(allowed: bool) -> Self {
        Guesses { allowed, moved: None }
    }

    /// A watched file has moved while we watched.
    pub(super) fn moved(&mut self, at: Timestamp, path: &Arc<str>) {
        self.moved = Some((at, path.clone()));
    }
}

/// Says what is being worked on, when nobody does and it is likely.
pub(super) fn guess(task: &mut Task, now: ClockReading, events: &mut Vec<Event>) {
    let Some((at, path)) = task.guesses.moved.clone().filter(|_| task.guesses.allowed) else { return };
    // A plan alone says only where its stories stand.
    if !task.has_a_log() {
        return;
    }
    // What is still being written, or not yet believed, may be about to say it.
    if task.is_unsettled() {
        return;
    }
    let Some(subject) = task.model.next_unpassed() else { return };
    let fact = Fact {
        statement: Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() },
        story: Some(StoryName { id: subject.id.as_deref().map(str::to_owned), title: None }),
        form: StatementForm::Summary,
        provenance: Provenance::Inferred,
        line: 0,
        text: "".into(),
        entry_hash: entry_hash(""),
        recorded_at: None,
    };
    let origin = Origin { path, kind: SourceKind::Plan, written: None };
    task.start_guessed(fact, subject, &origin, ClockReading { wall: at, ..now }, events);
}

impl Task {
    /// Tells a guessed start, unless the story's present attempt has one.
    fn start_guessed(&mut self, fact: Fact, subject: crate::subject::Subject, origin: &Origin, at: ClockReading, events: &mut Vec<Event>) {
        let Some(occurrence) = self.attempt_without_start(&subject.key) else { return };
        let mut pending = self.pending(fact, None, origin, false, true);
        pending.subjects.is_story(subject);
        self.say(&pending, CountedKind::StoryStarted, &pending.fact, Some(occurrence), at, events);
    }

    /// Counts one more start of a story, and says the how-manieth it is, when all that were counted have ended and the run has begun.
    fn attempt_without_start(&mut self, story: &str) -> Option<u32> {
        let start = key(CountedKind::StoryStarted, story);
        let begun = self.run.count(key(CountedKind::TaskStarted, "")) > 0;
        (begun && self.run.count(start) <= self.ends(story)).then(|| self.run.add(start))
    }

    /// Whether something of it is still being written, or waits to be believed.
    fn is_unsettled(&self) -> bool {
        let lines = self.lines.iter().any(|source| source.is_rewritten() || source.reader().has_pending());
        self.switching || !self.hold.is_empty() || lines || self.plans.iter().any(PlanSource::is_unread)
    }
}
