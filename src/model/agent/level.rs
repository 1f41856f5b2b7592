//! How much is told of an agent: each level is a list of what it lets through, and everything else is dropped.

use super::AgentState;

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
    /// What a reader of this level gets; `None` for nothing.
    pub fn at_level(&self, level: AgentLevel) -> Option<AgentState> {
        if level == AgentLevel::Off {
            return None;
        }
        let mut shown = self.clone();
        shown.drop_above(level);
        Some(shown)
    }

    /// Taken apart field by field: a new field does not compile until it is decided here.
    fn drop_above(&mut self, level: AgentLevel) {
        let AgentState {
            tool,
            target,
            command,
            todo,
            files,
            tests,
            commits,
            agent: _,
            session: _,
            ours: _,
            headless: _,
            since: _,
            as_of: _,
            provenance: _,
            basis: _,
            phase: _,
            phase_since: _,
            verb: _,
            longer_than_usual: _,
            waiting: _,
            retry: _,
            limit: _,
            calls: _,
            failed_calls: _,
            denials: _,
            compactions: _,
            children: _,
            background: _,
            tokens: _,
            cost_usd: _,
            partial: _,
            iteration: _,
        } = self;
        if level < AgentLevel::Command {
            *command = None;
        }
        if level < AgentLevel::Target {
            (*tool, *target, *tests) = (None, None, None);
            commits.clear();
            if let Some(todo) = todo {
                todo.current = None;
                todo.items.clear();
            }
            if let Some(files) = files {
                files.recent.clear();
            }
        }
    }
}
