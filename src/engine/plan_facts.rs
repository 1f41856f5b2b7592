//! What an adopted plan states: the changes of its stories and its list of errors, as facts.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::fact::{Criterion, ErrorKind, Fact, Failure, Outcome, Precision, Provenance, RecordedTime, Statement, StatementForm, StoryName};
use crate::plan::{Plan, PlanStory};
use crate::subject::StoryRef;

use super::plan_source::PlanEdge;

/// A fact that a plan states. A plan may use a name twice, so that the story comes by its index and not by its name.
pub(super) struct PlanFact {
    pub(super) fact: Fact,
    pub(super) story: Option<StoryRef>,
    pub(super) criterion: Option<u32>,
    pub(super) count: Option<u32>,
}

impl PlanFact {
    pub(super) fn about_run(statement: Statement, count: Option<u32>) -> Self {
        PlanFact { fact: plan_fact(statement, None, Provenance::Derived), story: None, criterion: None, count }
    }

    pub(super) fn is_of_story(&self) -> bool {
        self.story.is_some()
    }

    /// Sets the time that the document gives.
    pub(super) fn record_at(&mut self, at: Option<Timestamp>) {
        self.fact.recorded_at = at.map(|at| RecordedTime { at, precision: Precision::Second });
    }
}

/// The start of the run, as the plan states it; of a plan without stories none.
pub(super) fn of_start(plan: &Plan) -> Option<PlanFact> {
    let statement = Statement::TaskStarted {
        name: plan.name.as_ref().map(String::from),
        branch: plan.branch.as_ref().map(String::from),
        description: plan.description.as_ref().map(String::from),
        story_count: u32::try_from(plan.stories.len()).ok(),
        estimated_secs: plan.estimated_secs,
    };
    (!plan.stories.is_empty()).then(|| PlanFact::about_run(statement, None))
}

/// Adds the facts of one change; `stories` are the plan's stories as they are counted.
pub(super) fn of_edge(plan: &Plan, edge: PlanEdge, stories: &[StoryRef], facts: &mut Vec<PlanFact>) {
    let mut add = |index: usize, statement, provenance, at: Option<Timestamp>, criterion, count| {
        let story = &plan.stories[index];
        let fact = plan_fact(statement, Some(name(story)), provenance);
        let mut fact = PlanFact { fact, story: Some(stories[index].clone()), criterion, count: Some(count) };
        fact.record_at(at.or(plan.updated_at));
        facts.push(fact);
    };
    match edge {
        PlanEdge::Reopened { .. } => {}
        PlanEdge::Started { story, count } => {
            let planned = &plan.stories[story];
            let statement = Statement::StoryStarted { iteration: None, priority: planned.priority, criteria: Vec::new() };
            add(story, statement, Provenance::Explicit, planned.started_at, None, count);
        }
        PlanEdge::CriterionDone { story, criterion } => {
            let text = plan.stories[story].criteria[criterion as usize].text.clone();
            let text = Some(String::from(&text)).filter(|text| !text.is_empty());
            let statement = Statement::CriterionDone { criterion: Criterion { index: Some(criterion), text }, duration_ms: None };
            add(story, statement, Provenance::Derived, None, Some(criterion), 1);
        }
        PlanEdge::Passed { story, count } => {
            let planned = &plan.stories[story];
            let duration_ms = duration(planned);
            let statement = Statement::StoryEnded {
                outcome: Outcome::Passed,
                duration_ms,
                commits: planned.commits.iter().map(String::from).collect(),
            };
            add(story, statement, Provenance::Derived, planned.ended_at, None, count);
        }
        PlanEdge::Failed { story, count } => {
            let planned = &plan.stories[story];
            if let Some(message) = &planned.reason {
                add(story, Statement::Error(failure(message)), Provenance::Explicit, planned.ended_at, None, count);
            }
            let outcome = Outcome::Failed { reason: "failed".to_owned() };
            let statement = Statement::StoryEnded {
                outcome,
                duration_ms: duration(planned),
                commits: planned.commits.iter().map(String::from).collect(),
            };
            add(story, statement, Provenance::Explicit, planned.ended_at, None, count);
        }
    }
}

/// Adds the errors that the document lists, each as often as it stands there.
pub(super) fn of_errors(plan: &Plan, facts: &mut Vec<PlanFact>) {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for message in &plan.errors {
        let count = counts.entry(message).or_default();
        *count += 1;
        let fact = plan_fact(Statement::Error(failure(message)), None, Provenance::Explicit);
        facts.push(PlanFact { fact, story: None, criterion: None, count: Some(*count) });
    }
}

fn name(story: &PlanStory) -> StoryName {
    StoryName { id: story.id.clone().map(Arc::from), title: story.title.clone().map(Arc::from) }
}

fn duration(story: &PlanStory) -> Option<u64> {
    story.ended_at?.since(story.started_at?).filter(|span| *span > 0)
}

fn failure(message: &str) -> Failure {
    Failure { kind: ErrorKind::Unknown, message: message.to_owned(), retryable: None, exit_code: None }
}

/// A fact that a document states: it has no line.
fn plan_fact(statement: Statement, story: Option<StoryName>, provenance: Provenance) -> Fact {
    Fact { provenance, ..Fact::on_line(statement, story, StatementForm::Summary, 0, "") }
}
