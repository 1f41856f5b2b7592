//! Denials of a session, each counted once: its own record, the result of its call and the end of the turn state the same one.

use super::signal::CallId;
use super::text::ToolName;
use crate::recent_set::RecentSet;

/// Denied calls that are known again.
const MAX_CALLS: usize = 256;
/// Denials of one turn without a call that are known again.
const MAX_UNNAMED: usize = 64;

#[derive(Debug)]
pub(super) struct CountedDenials {
    calls: RecentSet<CallId>,
    /// Of this turn, by their tools alone: the result of the call follows with its name.
    unnamed: Vec<ToolName>,
    /// All of this turn, for a list at its end that names no calls.
    turn: Vec<ToolName>,
}

impl CountedDenials {
    pub(super) fn new() -> Self {
        CountedDenials { calls: RecentSet::new(MAX_CALLS), unnamed: Vec::new(), turn: Vec::new() }
    }

    /// Counts a denial. Returns whether it is new.
    pub(super) fn count(&mut self, call: Option<CallId>, tool: &ToolName) -> bool {
        if let Some(call) = call {
            // A denial without a call was this one.
            if !self.calls.insert(call) || remove(&mut self.unnamed, tool) {
                return false;
            }
        } else if self.unnamed.len() < MAX_UNNAMED {
            self.unnamed.push(tool.clone());
        }
        if self.turn.len() < MAX_CALLS {
            self.turn.push(tool.clone());
        }
        true
    }

    /// Counts a denial of the list at the end of a turn. Returns whether it is new.
    pub(super) fn count_listed(&mut self, call: Option<CallId>, tool: &ToolName) -> bool {
        match call {
            Some(_) => self.count(call, tool),
            None => !remove(&mut self.turn, tool),
        }
    }

    /// The next turn of a long-lived process counts those without a call anew.
    pub(super) fn end_turn(&mut self) {
        self.unnamed.clear();
        self.turn.clear();
    }
}

fn remove(tools: &mut Vec<ToolName>, tool: &ToolName) -> bool {
    tools.iter().position(|known| known == tool).map(|index| tools.swap_remove(index)).is_some()
}
