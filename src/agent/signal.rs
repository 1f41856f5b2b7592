//! What a line of a session file says, as types. The only texts in them are those of [`super::text`].

use xxhash_rust::xxh3::xxh3_64;

use super::text::{CommandLine, CommitHash, FileName, Target, TodoText, ToolName};
use crate::clock::Timestamp;
use crate::model::agent::{AgentVerb, TestResult, WaitingFor};
use crate::model::state::CriterionStatus;

/// A signal and the time that its record has; records of some formats have none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stamped {
    pub at: Option<Timestamp>,
    pub signal: Signal,
}

/// One statement of a session file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Signal {
    /// A record that states nothing else: the session is alive.
    Alive,
    /// Whether nobody is at the keyboard; the name of the program's entry point tells.
    Headless(bool),
    /// A prompt: a turn begins.
    Turn,
    Call(Box<CallStart>),
    CallEnded {
        call: CallId,
        outcome: CallOutcome,
    },
    /// The model wrote text; `ends_turn` where the record states that it waits for nothing.
    Spoke {
        ends_turn: bool,
    },
    /// The model thought.
    Thought,
    TurnEnded,
    /// A person broke the turn off.
    TurnAborted,
    /// The model could not be reached, for good.
    TurnFailed(FailureKind),
    Retry {
        attempt: u32,
        max: Option<u32>,
        status: Option<u32>,
        next_at: Option<Timestamp>,
    },
    Limited {
        kind: LimitKind,
        resets_at: Option<Timestamp>,
    },
    Compacting,
    Compacted,
    /// The whole list anew.
    TodoList(Vec<TodoEntry>),
    /// One item of it.
    TodoItem(TodoEntry),
    Usage(MessageUsage),
    /// Sums over the session.
    TotalUsage(TokenCounts),
    Asking(WaitingFor),
    /// What was asked is answered.
    Answered,
    /// A tool was not allowed; the call where it is stated.
    Denied {
        call: Option<CallId>,
        tool: ToolName,
    },
    BackgroundStarted(CallId),
    BackgroundEnded(CallId),
    /// A sub-agent wrote something.
    ChildAlive,
    /// A sub-agent wrote a file.
    ChildWrote(WrittenFile),
    /// The session is over.
    Ended,
    /// What the session cost, as it states.
    Cost(f64),
}

/// Names a call within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallId(u64);

impl CallId {
    pub fn new(id: &str) -> Self {
        CallId(xxh3_64(id.as_bytes()))
    }
}

/// Names a file without naming it: a hash of its path in the task's folder, else of its absolute path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileKey(u64);

impl FileKey {
    pub fn new(path: &std::path::Path) -> Self {
        FileKey(xxh3_64(path.as_os_str().as_encoded_bytes()))
    }
}

/// A tool is called.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CallStart {
    pub id: CallId,
    pub verb: AgentVerb,
    pub tool: ToolName,
    pub target: Option<Target>,
    pub command: Option<CommandLine>,
    /// Files that the call writes when it succeeds.
    pub writes: Vec<WrittenFile>,
    /// What it has to do with a sub-agent, if anything.
    pub delegates: Option<Delegation>,
    /// It asks a person.
    pub asks: Option<WaitingFor>,
    /// Such a call ends at once unless a person is asked for permission.
    pub is_instant: bool,
}

/// What a call has to do with a sub-agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delegation {
    /// It begins one.
    Begins,
    /// It waits for those that were begun.
    Awaits,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenFile {
    pub key: FileKey,
    pub name: Option<FileName>,
}

/// How a call ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CallOutcome {
    pub result: CallResult,
    /// Of a test run.
    pub tests: Option<TestCounts>,
    pub commits: Vec<CommitHash>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum CallResult {
    #[default]
    Done,
    /// It ended with an error.
    Failed,
    /// It was not allowed.
    Refused,
    /// A person broke it off.
    Aborted,
    /// It goes on in the background.
    Continues,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TestCounts {
    pub result: TestResult,
    pub passed: Option<u32>,
    pub failed: Option<u32>,
}

/// An item of the agent's own list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TodoEntry {
    /// Within the list.
    pub id: u64,
    /// Absent where the level allows none, and where only the status changes.
    pub text: Option<TodoText>,
    /// `None`: the item is removed.
    pub status: Option<CriterionStatus>,
}

/// Tokens of one message; several records may state them, and the largest numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageUsage {
    pub message: u64,
    pub tokens: TokenCounts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TokenCounts {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    /// Tokens in the context, where they are stated apart.
    pub context: Option<u64>,
}

/// Which limit stops an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LimitKind {
    Session,
    Daily,
    Weekly,
    Model,
    Spending,
    Rate,
    Usage,
}

impl LimitKind {
    pub fn name(self) -> &'static str {
        match self {
            LimitKind::Session => "session",
            LimitKind::Daily => "daily",
            LimitKind::Weekly => "weekly",
            LimitKind::Model => "model",
            LimitKind::Spending => "spending",
            LimitKind::Rate => "rate",
            LimitKind::Usage => "usage",
        }
    }
}

/// Why the model could not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FailureKind {
    Authentication,
    Billing,
    Other,
}
