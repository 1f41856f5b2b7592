//! Facts that stand on a line: one place that fills in what every fact of a progress log has.

use std::sync::Arc;

use super::LineContext;
use super::words::error_kind;
use crate::fact::{Fact, Failure, Provenance, RecordedTime, Statement, StatementForm, StoryName};

/// A line that a fact may stand on.
#[derive(Debug, Clone)]
pub(super) struct FactLine {
    pub(super) line: u32,
    pub(super) text: Arc<str>,
}

impl FactLine {
    pub(super) fn of(context: &LineContext<'_>) -> Self {
        FactLine { line: context.number, text: context.raw.into() }
    }
}

/// What the facts of one statement have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct FactContext<'a> {
    pub(super) fact_line: &'a FactLine,
    /// Hash of the opening line.
    pub(super) open: u64,
    pub(super) when: Option<RecordedTime>,
    pub(super) form: StatementForm,
}

impl FactContext<'_> {
    pub(super) fn fact(&self, what: Statement, story: Option<StoryName>, provenance: Provenance) -> Fact {
        Fact {
            statement: what,
            story,
            form: self.form,
            provenance,
            line: self.fact_line.line,
            text: self.fact_line.text.clone(),
            entry_hash: self.open,
            recorded_at: self.when,
            late: false,
        }
    }

    pub(super) fn started(&self, story: StoryName, iteration: Option<u32>, provenance: Provenance) -> Fact {
        self.fact(Statement::StoryStarted { iteration, priority: None, criteria: Vec::new() }, Some(story), provenance)
    }

    pub(super) fn error(&self, story: Option<StoryName>, message: String) -> Fact {
        let failure = Failure { kind: error_kind(None, &message), message, retryable: None, exit_code: None };
        self.fact(Statement::Error(failure), story, Provenance::Explicit)
    }
}

/// Two lists of facts in the order of their lines.
pub(super) fn merge_by_line(statements: Vec<Fact>, records: Vec<(u32, Fact)>, facts: &mut Vec<Fact>) {
    let mut statements = statements.into_iter().peekable();
    facts.reserve(statements.len() + records.len());
    for (line, of_record) in records {
        while let Some(fact) = statements.next_if(|fact| fact.line <= line) {
            facts.push(fact);
        }
        facts.push(of_record);
    }
    facts.extend(statements);
}
