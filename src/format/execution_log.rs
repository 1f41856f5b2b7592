//! claude-loop's `execution_log.jsonl`: one record when an attempt ends, nothing when it begins. Also its coordinator's log, which says when
//! a plan's run was registered and how it left.
//!
//! A record that is damaged (half written, glued to the next one, unescaped) says nothing.

use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use super::json::{self, Inner, Scalar, Texts};
use super::words::error_kind;
use super::{Family, LineContext, SourceKind, time};
use crate::fact::{Fact, Failure, Outcome, Provenance, RecordedTime, Statement, StatementForm, StoryName};

pub(super) const FAMILY: Family = Family { kind: SourceKind::ExecutionLog, begins: b"{", read };

#[derive(Deserialize)]
struct ExecutionRecord<'a> {
    #[serde(borrow)]
    story_id: Scalar<'a>,
    #[serde(borrow, default)]
    story_title: Scalar<'a>,
    #[serde(borrow, default)]
    timestamp_start: Scalar<'a>,
    #[serde(borrow, default)]
    timestamp_end: Scalar<'a>,
    #[serde(borrow, default)]
    duration_ms: Scalar<'a>,
    #[serde(borrow)]
    status: Scalar<'a>,
    #[serde(borrow, default)]
    exit_code: Scalar<'a>,
    #[serde(borrow, default)]
    error_type: Scalar<'a>,
    #[serde(borrow, default)]
    error_message: Scalar<'a>,
    #[serde(borrow, default)]
    retryable: Scalar<'a>,
    #[serde(default)]
    commits: Texts,
    #[serde(borrow, default)]
    context: Inner<Context<'a>>,
}

#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow, default)]
    iteration: Scalar<'a>,
    #[serde(default)]
    commits: Texts,
    #[serde(default)]
    commit: Texts,
}

#[derive(Deserialize)]
struct Registration<'a> {
    #[serde(borrow)]
    event: Scalar<'a>,
    #[serde(borrow)]
    prd_id: Scalar<'a>,
    #[serde(borrow, default)]
    timestamp: Scalar<'a>,
    #[serde(borrow, default)]
    metadata: Inner<Metadata<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    branch: Scalar<'a>,
    #[serde(borrow, default)]
    reason: Scalar<'a>,
}

fn read(context: &LineContext<'_>) -> Option<Vec<Fact>> {
    if context.text.contains("\"prd_id\"") {
        return registration(context);
    }
    // The keys that no other JSON line has together.
    if !(context.text.contains("\"timestamp_start\"") || context.text.contains("\"timestamp_end\""))
        || !context.text.contains("\"story_id\"")
    {
        return None;
    }
    let record: ExecutionRecord<'_> = json::object(context.text)?;
    let maker = Maker::new(context, &record);
    let mut facts = Vec::with_capacity(3);
    match record.status.word() {
        "success" | "completed" | "passed" => {
            maker.started(&mut facts);
            maker.ended(Outcome::Passed, &mut facts);
        }
        status @ ("failure" | "failed" | "error" | "timeout" | "blocked") => {
            maker.started(&mut facts);
            maker.error(&mut facts);
            let reason = if matches!(status, "timeout" | "blocked") { status } else { "failed" };
            maker.ended(Outcome::Failed { reason: reason.to_owned() }, &mut facts);
        }
        "in_progress" | "started" | "running" => maker.started(&mut facts),
        _ => return None,
    }
    Some(facts)
}

fn registration(context: &LineContext<'_>) -> Option<Vec<Fact>> {
    let record: Registration<'_> = json::object(context.text)?;
    let metadata = record.metadata.0.as_ref();
    let what = match record.event.word() {
        "prd_registered" => Statement::TaskStarted {
            name: record.prd_id.text(),
            branch: metadata.and_then(|metadata| metadata.branch.text()),
            description: None,
            story_count: None,
            estimated_secs: None,
        },
        "prd_deregistered" => match metadata?.reason.word() {
            "completed" => Statement::TaskEnded { passed: true },
            "failed" | "error" | "timeout" => Statement::TaskEnded { passed: false },
            // Stopped by hand, moved elsewhere: how the run ended is not said.
            _ => return Some(Vec::new()),
        },
        _ => return None,
    };
    Some(vec![Fact {
        statement: what,
        story: None,
        form: StatementForm::Record,
        provenance: Provenance::Explicit,
        line: context.number,
        text: context.raw.into(),
        entry_hash: xxh3_64(context.text.as_bytes()),
        recorded_at: time::whole(record.timestamp.word(), context.clock),
        late: false,
    }])
}

struct Maker<'r> {
    record: &'r ExecutionRecord<'r>,
    story: Option<StoryName>,
    line: u32,
    text: &'r str,
    open: u64,
    begun: Option<RecordedTime>,
    over: Option<RecordedTime>,
}

impl<'r> Maker<'r> {
    fn new(context: &LineContext<'r>, record: &'r ExecutionRecord<'r>) -> Self {
        // A second end without a start has an empty id: it names no story.
        let story = record.story_id.text().map(|id| StoryName::new(Some(id), record.story_title.text()));
        let begun = time::whole(record.timestamp_start.word(), context.clock);
        let over = time::whole(record.timestamp_end.word(), context.clock);
        // A machine wrote the line: there is no white space to fold, as there is in what people edit.
        Maker {
            record,
            story,
            line: context.number,
            text: context.raw,
            open: xxh3_64(context.text.as_bytes()),
            begun: begun.or(over),
            over: over.or(begun),
        }
    }

    fn fact(&self, what: Statement, when: Option<RecordedTime>) -> Fact {
        Fact {
            statement: what,
            story: self.story.clone(),
            form: StatementForm::Record,
            provenance: Provenance::Explicit,
            line: self.line,
            text: self.text.into(),
            entry_hash: self.open,
            recorded_at: when,
            late: false,
        }
    }

    fn started(&self, facts: &mut Vec<Fact>) {
        if self.story.is_some() {
            let iteration = self.record.context.0.as_ref().and_then(|context| context.iteration.count());
            facts.push(self.fact(Statement::StoryStarted { iteration, priority: None, criteria: Vec::new() }, self.begun));
        }
    }

    fn error(&self, facts: &mut Vec<Fact>) {
        let (name, message) = (self.record.error_type.text(), self.record.error_message.text());
        // A type alone is worth saying for a story; without a story only a message tells anything.
        let Some(text) = message.or_else(|| name.clone().filter(|_| self.story.is_some())) else { return };
        let failure = Failure {
            kind: error_kind(name.as_deref(), &text),
            message: text,
            retryable: self.record.retryable.truth(),
            exit_code: self.record.exit_code.integer(),
        };
        facts.push(self.fact(Statement::Error(failure), self.over));
    }

    fn ended(&self, outcome: Outcome, facts: &mut Vec<Fact>) {
        if self.story.is_none() {
            return;
        }
        let mut commits = self.record.commits.0.clone();
        if let Some(context) = &self.record.context.0 {
            commits.extend(context.commits.0.iter().chain(&context.commit.0).cloned());
        }
        facts.push(self.fact(Statement::StoryEnded { outcome, duration_ms: self.record.duration_ms.duration_ms(), commits }, self.over));
    }
}
