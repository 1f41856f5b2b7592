//! What a run is called: fixed at its first event, because event ids are made of it.

use crate::fact::{Statement, StatementForm};

use super::task::{Pending, Task};

/// Longest name of a run, in characters.
const RUN_NAME_LIMIT: usize = 80;

impl Task {
    /// Fixes the run's name at its first event.
    pub(super) fn name_run(&mut self, pending: &Pending) {
        if self.run_name.is_some() {
            return;
        }
        let base = self.run_base(Some(pending));
        let count = self.runs.entry(base.clone()).or_default();
        *count += 1;
        let name = if *count == 1 { base } else { format!("{base}#{count}") };
        self.model.set_run(&name);
        self.run_name = Some(name);
    }

    /// The plan's branch or name, else the log's start line, else the opening of what is told first, else the task.
    fn run_base(&self, first: Option<&Pending>) -> String {
        let planned = self.plan().and_then(|plan| plan.branch.clone().or_else(|| plan.name.clone()));
        let started = || self.lines.iter().find_map(|source| source.reader().head().start_line.clone());
        // A machine's record names nothing that a person would recognise.
        let opening = || {
            first
                .filter(|first| first.fact.line > 0 && first.fact.form != StatementForm::Record)
                .map(|first| first.fact.text.trim().to_owned())
        };
        let stated = || match first.map(|first| &first.fact.statement) {
            Some(Statement::TaskStarted { name, branch, .. }) => branch.clone().or_else(|| name.clone()),
            Some(_) | None => None,
        };
        let name = planned.or_else(started).or_else(stated).or_else(opening).filter(|name| !name.is_empty());
        name.map_or_else(|| self.id.to_string(), |name| name.chars().take(RUN_NAME_LIMIT).collect())
    }
}
