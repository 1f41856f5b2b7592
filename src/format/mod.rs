//! Lines → facts: the registry of families and the reader that runs them.

use jiff::tz::TimeZone;

use crate::fact::{Fact, Stamp};
use crate::line::Line;

/// What a source was taken for, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    // The order is the order of trust when several sources make the same fact due in one look.
    ExecutionLog,
    /// Native events, one JSON object a line.
    Events,
    ProgressLog,
    TerminalLog,
    Plan,
    /// Nothing in it has been understood yet.
    Unknown,
}

impl SourceKind {
    pub fn name(self) -> &'static str {
        match self {
            SourceKind::ExecutionLog => "execution log",
            SourceKind::Events => "events",
            SourceKind::ProgressLog => "progress log",
            SourceKind::TerminalLog => "terminal log",
            SourceKind::Plan => "plan",
            SourceKind::Unknown => "unknown",
        }
    }

    /// Whether a program appends to it and rotates it, so that replaced content is not a new run.
    pub fn is_machine_log(self) -> bool {
        match self {
            SourceKind::ExecutionLog | SourceKind::Events | SourceKind::TerminalLog => true,
            SourceKind::ProgressLog | SourceKind::Plan | SourceKind::Unknown => false,
        }
    }
}

/// What the top of a log says about the run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Head {
    /// The line that names the run's beginning (`Started: …`, `# Created: …`), cleaned and trimmed.
    pub start_line: Option<String>,
    pub started: Option<Stamp>,
    /// The feature or project the header names.
    pub name: Option<String>,
}

/// Reads one file's lines from its beginning. Knows nothing of files; a clone reads on independently.
#[derive(Debug, Clone)]
pub struct Reader {
    _zone: TimeZone,
    head: Head,
}

impl Reader {
    /// `zone` is used for times written without one.
    pub fn new(zone: TimeZone) -> Self {
        Reader { _zone: zone, head: Head::default() }
    }

    /// Takes the next line; pushes the facts it completes, in file order.
    pub fn line(&mut self, _line: Line<'_>, _facts: &mut Vec<Fact>) {}

    /// Nothing has followed for a while: the entry under way is judged as it stands. Lines may still follow.
    pub fn settle(&mut self, _facts: &mut Vec<Fact>) {}

    /// Whether `settle` would say something.
    pub fn is_waiting(&self) -> bool {
        false
    }

    pub fn head(&self) -> &Head {
        &self.head
    }

    pub fn kind(&self) -> SourceKind {
        SourceKind::Unknown
    }

    /// Whether the dated entries so far stand newest first.
    pub fn newest_first(&self) -> bool {
        false
    }

    /// Non-blank lines so far that were understood, and that were not.
    pub fn tally(&self) -> (u64, u64) {
        (0, 0)
    }
}
