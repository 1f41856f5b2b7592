//! How much is told of an agent: each level is a list of what it lets through, and everything else is dropped.

use super::{AgentFiles, AgentState, AgentTodo};

/// How much is told of an agent, each more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentLevel {
    /// Nothing.
    Off,
    /// Phase, verb, times, counters and the kind of a limit: no text.
    Status,
    /// The program with a known sub-command, paths in the project, items of its own list, numbers of tests, hashes of commits.
    Target,
    /// One line of the command, masked.
    Command,
}

impl AgentState {
    /// What a reader of this level gets; `None` for nothing. Taken apart field by field: a new field does not compile until it is decided
    /// here.
    pub fn at_level(&self, level: AgentLevel) -> Option<AgentState> {
        let AgentState {
            agent,
            session,
            ours,
            headless,
            since,
            as_of,
            provenance,
            basis,
            phase,
            phase_since,
            verb,
            tool,
            target,
            command,
            longer_than_usual,
            waiting,
            retry,
            limit,
            todo,
            files,
            tests,
            commits,
            calls,
            failed_calls,
            denials,
            compactions,
            children,
            background,
            tokens,
            cost_usd,
            partial,
            iteration,
        } = self.clone();
        let (shows_targets, shows_commands) = match level {
            AgentLevel::Off => return None,
            AgentLevel::Status => (false, false),
            AgentLevel::Target => (true, false),
            AgentLevel::Command => (true, true),
        };
        Some(AgentState {
            tool: tool.filter(|_| shows_targets),
            target: target.filter(|_| shows_targets),
            command: command.filter(|_| shows_commands),
            todo: todo.map(|todo| match shows_targets {
                true => todo,
                false => AgentTodo { current: None, items: Vec::new(), ..todo },
            }),
            files: files.map(|files| match shows_targets {
                true => files,
                false => AgentFiles { recent: Vec::new(), ..files },
            }),
            tests: tests.filter(|_| shows_targets),
            commits: if shows_targets { commits } else { Vec::new() },
            agent,
            session,
            ours,
            headless,
            since,
            as_of,
            provenance,
            basis,
            phase,
            phase_since,
            verb,
            longer_than_usual,
            waiting,
            retry,
            limit,
            calls,
            failed_calls,
            denials,
            compactions,
            children,
            background,
            tokens,
            cost_usd,
            partial,
            iteration,
        })
    }
}
