//! Logs that runners' programs write in fixed lines: ralphy's attempts, iannuttall/ralph's iterations, ralph-orchestrator's loops,
//! ralph-wiggum-cursor's sessions. What agents write beside them is the record reader's.

mod activity;
mod attempts;
mod loops;
mod sessions;

use super::LineContext as LogLine;
use crate::fact::{Fact, Provenance, RecordedTime, Statement, StatementForm, StoryName, entry_hash};

/// What has been read of such lines in one file.
#[derive(Debug, Clone, Default)]
pub(super) struct RunnerLog {
    is_sure: bool,
    iterations: activity::Iterations,
    loops: loops::Loops,
}

impl RunnerLog {
    pub(super) fn is_sure(&self) -> bool {
        self.is_sure
    }

    /// Whether a line that begins with this byte may be one of a program's.
    pub(super) fn wants(&self, first: u8) -> bool {
        matches!(first, b'{' | b'[' | b'-' | b'*')
    }

    /// Takes a line; returns whether it is one of a program's.
    pub(super) fn line(&mut self, line: &LogLine<'_>, facts: &mut Vec<Fact>) -> bool {
        let is_taken = match line.text.as_bytes()[0] {
            b'{' => self.loops.line(line, facts),
            b'[' => self.iterations.event(line, facts),
            b'-' => attempts::attempt(line, facts) || self.iterations.summary(line),
            b'*' => sessions::session(line, facts),
            _ => false,
        };
        self.is_sure |= is_taken;
        is_taken
    }

    /// The writer pauses: what waited for its other half is stated.
    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        self.iterations.settle(facts);
        self.loops.settle(facts);
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.iterations.is_waiting() || self.loops.is_waiting()
    }
}

/// What a line states, with the time that stands on it.
fn stated(line: &LogLine<'_>, when: Option<RecordedTime>, statement: Statement, story: Option<StoryName>) -> Fact {
    Fact {
        statement,
        story,
        form: StatementForm::Record,
        provenance: Provenance::Explicit,
        line: line.number,
        text: line.raw.into(),
        entry_hash: entry_hash(line.text),
        recorded_at: when,
        late: false,
    }
}
