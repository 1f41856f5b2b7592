//! The inference of the current story: the first story of the plan that has not passed, once a watched file has changed.
//!
//! Nothing else is ever inferred. A line that states the same start later finds it emitted; one that states another start makes `model`
//! retract the inferred one from the state.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::fact::{Fact, Provenance, Statement, StatementForm, StoryName};
use crate::subject::StoryRef;

/// Whether a start may be inferred, and from what.
#[derive(Debug, Clone)]
pub(super) struct InferenceState {
    allowed: bool,
    /// The last change of a watched file since the initial scan.
    last_change: Option<(Timestamp, Arc<str>)>,
}

impl InferenceState {
    pub(super) fn new(allowed: bool) -> Self {
        InferenceState { allowed, last_change: None }
    }

    pub(super) fn record_change(&mut self, at: Timestamp, path: &Arc<str>) {
        self.last_change = Some((at, path.clone()));
    }

    /// The time and the file to date an inferred start by; `None` when nothing may be inferred.
    pub(super) fn evidence(&self) -> Option<(Timestamp, Arc<str>)> {
        self.last_change.clone().filter(|_| self.allowed)
    }
}

/// The fact that a story was inferred to have started.
pub(super) fn inferred_start(story: &StoryRef) -> Fact {
    let statement = Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() };
    let name = StoryName { id: story.id.clone(), title: None };
    Fact { provenance: Provenance::Inferred, ..Fact::on_line(statement, Some(name), StatementForm::Summary, 0, "") }
}
