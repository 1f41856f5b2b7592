//! What an agent's own session file shows, as snapshots carry it: which fields are there depends on `--agent` and on who asks.

mod level;

use serde::{Deserialize, Serialize};

pub use self::level::AgentLevel;
use crate::clock::Timestamp;
use crate::fact::Provenance;
use crate::model::state::CriterionStatus;
use crate::text::CleanText;

/// One session of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentState {
    /// Which program: `claude-code`, `codex`.
    pub agent: CleanText,
    /// The first 8 hexadecimal digits of its id.
    pub session: CleanText,
    /// Whether its signs count as this run's: it is headless and began after the run's first sign, or was at work then where that sign's time is only observed; or it wrote a watched file or a commit of the run. Others are shown as another session.
    pub ours: bool,
    /// Run by a script, with nobody at the keyboard; absent when that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headless: Option<bool>,
    /// When the session began.
    pub since: Timestamp,
    /// Its last record.
    pub as_of: Timestamp,
    /// How the phase is known.
    pub provenance: Provenance,
    /// What kind of file says so.
    pub basis: AgentBasis,
    /// What it is doing.
    pub phase: AgentPhase,
    /// Count from here.
    pub phase_since: Timestamp,
    /// What its open call does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<AgentVerb>,
    /// The tool's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<CleanText>,
    /// Program and known sub-command, or a path inside the project. Level `target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<CleanText>,
    /// One command line, masked, 120 characters. Level `command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CleanText>,
    /// The open call has taken longer than 99 in 100 of its kind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub longer_than_usual: bool,
    /// A wait for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<AgentWaiting>,
    /// A call to the model that is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<AgentRetry>,
    /// A limit that stops the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<AgentLimit>,
    /// The agent's own list; counted into nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<AgentTodo>,
    /// What was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<AgentFiles>,
    /// The last test run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<AgentTests>,
    /// The last five, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<CleanText>,
    /// Tool calls.
    pub calls: u32,
    /// Of them.
    pub failed_calls: u32,
    /// Calls that were not allowed.
    pub denials: u32,
    /// Of its context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compactions: Option<u32>,
    /// Sub-agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children: Option<AgentChildren>,
    /// Commands that go on in the background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<u32>,
    /// Tokens used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<AgentTokens>,
    /// Only where the agent's file states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// The file was joined in its middle: the counters are lower bounds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Headless sessions of this folder since the run began, with this one; inferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u32>,
}

/// What an agent does now, as `event: activity` says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "activity")]
pub struct AgentActivity {
    /// Of the events of the same task.
    pub task_id: CleanText,
    /// The session.
    #[serde(flatten)]
    pub state: AgentState,
}

impl AgentActivity {
    /// One for tests.
    #[cfg(test)]
    pub(crate) fn sample(session: &str) -> AgentActivity {
        let at = Timestamp(1_769_263_337_000);
        AgentActivity {
            task_id: "shop".into(),
            state: AgentState {
                agent: "claude-code".into(),
                session: session.into(),
                ours: true,
                headless: Some(true),
                since: at,
                as_of: at,
                provenance: Provenance::Explicit,
                basis: AgentBasis::Transcript,
                phase: AgentPhase::Tool,
                phase_since: at,
                verb: Some(AgentVerb::Testing),
                tool: Some("Bash".into()),
                target: Some("cargo test".into()),
                command: None,
                longer_than_usual: false,
                waiting: None,
                retry: None,
                limit: None,
                todo: None,
                files: None,
                tests: None,
                commits: Vec::new(),
                calls: 1,
                failed_calls: 0,
                denials: 0,
                compactions: None,
                children: None,
                background: None,
                tokens: None,
                cost_usd: None,
                partial: false,
                iteration: None,
            },
        }
    }

    /// Names the session among all tasks.
    pub fn key(&self) -> String {
        format!("{} {} {}", self.task_id, self.state.agent, self.state.session)
    }

    /// Whether it shows a call that `previous` does not show.
    pub fn shows_other_call(&self, previous: Option<&AgentActivity>) -> bool {
        let call = |state: &AgentState| (state.phase_since, state.verb, state.tool.clone(), state.target.clone(), state.command.clone());
        let is_call = |state: &AgentState| state.phase == AgentPhase::Tool;
        let known = previous.map(|previous| &previous.state).filter(|state| is_call(state));
        is_call(&self.state) && known.is_none_or(|known| call(known) != call(&self.state))
    }

    /// What a reader of this level gets; `None` for nothing.
    pub fn at_level(&self, level: AgentLevel) -> Option<AgentActivity> {
        Some(AgentActivity { task_id: self.task_id.clone(), state: self.state.at_level(level)? })
    }
}

/// A wait for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentWaiting {
    /// What a person must give.
    #[serde(rename = "for")]
    pub wanted: WaitingFor,
    /// False: it only looks so.
    pub certain: bool,
}

/// A call to the model that is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentRetry {
    /// From 1.
    pub attempt: u32,
    /// Then it gives up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// HTTP status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u32>,
    /// When it tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

/// A limit that stops the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentLimit {
    /// Which limit: `session`, `weekly`, `rate`, …
    pub kind: CleanText,
    /// Absent when nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Timestamp>,
}

/// The agent's own list; counted into nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentTodo {
    /// Of them.
    pub done: u32,
    /// All of them.
    pub total: u32,
    /// The one in progress. Level `target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<CleanText>,
    /// Level `target`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<TodoItem>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentFiles {
    /// Different files written in this session.
    pub touched: u32,
    /// The last five, newest first. Level `target`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<CleanText>,
}

/// The last test run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentTests {
    /// How the last test run went.
    pub last: TestResult,
    /// Tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<u32>,
    /// Tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<u32>,
    /// When it ended.
    pub at: Timestamp,
}

/// Sub-agents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentChildren {
    /// At work now.
    pub active: u32,
    /// Begun in this session.
    pub total: u32,
}

/// Tokens used.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AgentTokens {
    /// Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// Tokens in the context now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
}

/// One item of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TodoItem {
    /// The agent's words: cleaned, masked, 160 characters.
    pub text: CleanText,
    /// As the agent says.
    pub status: CriterionStatus,
}

/// What kind of file says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum AgentBasis {
    Transcript,
    Stream,
    Rollout,
    Registry,
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum AgentPhase {
    Starting,
    Thinking,
    Tool,
    Waiting,
    Retrying,
    Limited,
    Compacting,
    Idle,
    Ended,
    Unknown,
}

/// What an agent's open call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum AgentVerb {
    Reading,
    Editing,
    Writing,
    Searching,
    Running,
    Testing,
    Building,
    Linting,
    Committing,
    Fetching,
    Planning,
    Delegating,
    Asking,
}

/// What a person must give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum WaitingFor {
    Permission,
    Answer,
    Plan,
}

/// How a test run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum TestResult {
    Passed,
    Failed,
    Unknown,
}
