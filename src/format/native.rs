//! Native events: one JSON object a line that names one of the six event types itself.
//!
//! Fields stand in `data` or beside it. What does not hold together (a story event that names no story) says nothing.

use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use super::json::{self, Inner, Scalar, Texts};
use super::words::{self, Status, error_kind};
use super::{Family, LineContext, SourceKind, time};
use crate::fact::{Criterion, Fact, Failure, Outcome, Provenance, RecordedTime, Statement, StatementForm, StoryName};

pub(super) const FAMILY: Family = Family { kind: SourceKind::Events, begins: b"{", read };

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Scalar<'a>,
    #[serde(borrow, default)]
    event: Scalar<'a>,
    #[serde(borrow, default)]
    data: Inner<Box<Fields<'a>>>,
    #[serde(borrow, default)]
    story_id: Scalar<'a>,
    #[serde(borrow, default)]
    story: Scalar<'a>,
    #[serde(borrow, default)]
    id: Scalar<'a>,
    #[serde(borrow, default)]
    title: Scalar<'a>,
    #[serde(borrow, default)]
    story_title: Scalar<'a>,
    #[serde(borrow, default)]
    task_name: Scalar<'a>,
    #[serde(borrow, default)]
    name: Scalar<'a>,
    #[serde(borrow, default)]
    branch: Scalar<'a>,
    #[serde(borrow, default)]
    description: Scalar<'a>,
    #[serde(borrow, default)]
    story_count: Scalar<'a>,
    #[serde(borrow, default)]
    estimated_duration: Scalar<'a>,
    #[serde(borrow, default)]
    iteration: Scalar<'a>,
    #[serde(borrow, default)]
    priority: Scalar<'a>,
    #[serde(default)]
    acceptance_criteria: Texts,
    #[serde(borrow, default)]
    ac_index: Scalar<'a>,
    #[serde(borrow, default)]
    ac_text: Scalar<'a>,
    #[serde(borrow, default)]
    status: Scalar<'a>,
    #[serde(borrow, default)]
    reason: Scalar<'a>,
    #[serde(borrow, default)]
    duration_ms: Scalar<'a>,
    #[serde(default)]
    commits: Texts,
    #[serde(borrow, default)]
    error_type: Scalar<'a>,
    #[serde(borrow, default)]
    error_message: Scalar<'a>,
    #[serde(borrow, default)]
    message: Scalar<'a>,
    #[serde(borrow, default)]
    retryable: Scalar<'a>,
    #[serde(borrow, default)]
    exit_code: Scalar<'a>,
    #[serde(borrow, default)]
    timestamp: Scalar<'a>,
    #[serde(borrow, default)]
    time: Scalar<'a>,
    #[serde(borrow, default)]
    ts: Scalar<'a>,
}

/// A field inside `data`, else beside it.
struct Both<'f> {
    inner: Option<&'f Fields<'f>>,
    outer: &'f Fields<'f>,
}

impl<'f> Both<'f> {
    fn get(&self, field: fn(&'f Fields<'f>) -> &'f Scalar<'f>) -> &'f Scalar<'f> {
        self.inner.map(field).filter(|value| !value.is_none()).unwrap_or_else(|| field(self.outer))
    }

    fn texts(&self, field: fn(&'f Fields<'f>) -> &'f Texts) -> Vec<String> {
        self.inner.map(field).filter(|texts| !texts.0.is_empty()).unwrap_or_else(|| field(self.outer)).0.clone()
    }
}

fn read(context: &LineContext<'_>) -> Option<Vec<Fact>> {
    let fields: Fields<'_> = json::object(context.text)?;
    let both = Both { inner: fields.data.0.as_deref(), outer: &fields };
    let kind = [fields.kind.word(), fields.event.word()].into_iter().find(|word| !word.is_empty())?;
    let story = story(&both);
    let what = what(kind, &both, story.is_some())?;
    // The whole run's events are about no story.
    let story = if matches!(what, Statement::TaskStarted { .. } | Statement::TaskEnded { .. }) { None } else { story };
    Some(vec![Fact {
        statement: what,
        story,
        form: StatementForm::Record,
        provenance: Provenance::Explicit,
        line: context.number,
        text: context.raw.into(),
        entry_hash: xxh3_64(context.text.as_bytes()),
        recorded_at: when(&both, context),
        late: false,
    }])
}

fn what(kind: &str, both: &Both<'_>, has_story: bool) -> Option<Statement> {
    let duration_ms = both.get(|f| &f.duration_ms).duration_ms();
    Some(match kind {
        "task_started" => Statement::TaskStarted {
            name: both.get(|f| &f.task_name).text().or_else(|| both.get(|f| &f.name).text()),
            branch: both.get(|f| &f.branch).text(),
            description: both.get(|f| &f.description).text(),
            story_count: both.get(|f| &f.story_count).count(),
            estimated_secs: both.get(|f| &f.estimated_duration).number().filter(|secs| *secs >= 0.0).map(|secs| secs as u64),
        },
        "story_started" if has_story => Statement::StoryStarted {
            iteration: both.get(|f| &f.iteration).count(),
            priority: both.get(|f| &f.priority).integer(),
            criteria: both.texts(|f| &f.acceptance_criteria),
        },
        "ac_completed" if has_story => {
            let criterion = Criterion { index: both.get(|f| &f.ac_index).count(), text: both.get(|f| &f.ac_text).text() };
            if criterion == Criterion::default() {
                return None;
            }
            Statement::CriterionDone { criterion, duration_ms }
        }
        "story_completed" if has_story => {
            Statement::StoryEnded { outcome: outcome(both)?, duration_ms, commits: both.texts(|f| &f.commits) }
        }
        "task_completed" => Statement::TaskEnded { passed: outcome(both)? == Outcome::Passed },
        "error_occurred" => {
            let name = both.get(|f| &f.error_type).text();
            let message = both.get(|f| &f.error_message).text().or_else(|| both.get(|f| &f.message).text());
            let text = message.or_else(|| name.clone())?;
            Statement::Error(Failure {
                kind: error_kind(name.as_deref(), &text),
                message: text,
                retryable: both.get(|f| &f.retryable).truth(),
                exit_code: both.get(|f| &f.exit_code).integer(),
            })
        }
        _ => return None,
    })
}

/// A completion that names no status is a good one; one whose status is not understood is not taken.
fn outcome(both: &Both<'_>) -> Option<Outcome> {
    let status = both.get(|f| &f.status).word();
    if status.is_empty() {
        return Some(Outcome::Passed);
    }
    match words::value(status)? {
        Status::Passed => Some(Outcome::Passed),
        Status::Failed { reason, .. } => Some(Outcome::Failed { reason: both.get(|f| &f.reason).text().unwrap_or(reason) }),
        Status::Open | Status::Idle => None,
    }
}

fn story(both: &Both<'_>) -> Option<StoryName> {
    let id = both.get(|f| &f.story_id).text().or_else(|| both.get(|f| &f.story).text());
    // `id` may just as well be the event's own.
    let id = id.or_else(|| both.get(|f| &f.id).text().filter(|id| uuid::Uuid::try_parse(id).is_err()));
    let title = both.get(|f| &f.title).text().or_else(|| both.get(|f| &f.story_title).text());
    (id.is_some() || title.is_some()).then(|| StoryName::new(id, title))
}

fn when(both: &Both<'_>, context: &LineContext<'_>) -> Option<RecordedTime> {
    let fields: [for<'f> fn(&'f Fields<'f>) -> &'f Scalar<'f>; 3] = [|f| &f.timestamp, |f| &f.time, |f| &f.ts];
    fields.into_iter().find_map(|field| match both.get(field) {
        Scalar::Number(number) => time::unix(*number),
        value => time::whole(value.word(), context.clock),
    })
}
