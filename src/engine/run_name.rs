//! The name of a run. Event ids are made of it, so that it is fixed at the run's first event.

use crate::fact::{Fact, Statement, StatementForm};
use crate::plan::Plan;

/// Longest name, in characters.
const MAX_CHARS: usize = 80;

/// The plan's branch or name, else the start line of a log, else what the first fact of the run states about it, else the text of that
/// fact's line, else the task's id.
pub(super) fn run_name(plan: Option<&Plan>, start_line: Option<&str>, first: &Fact, task_id: &str) -> String {
    let of_plan = plan.and_then(|plan| plan.branch.as_deref().or(plan.name.as_deref()));
    let stated =
        if let Statement::TaskStarted { name, branch, .. } = &first.statement { branch.as_deref().or(name.as_deref()) } else { None };
    // The text of a JSON record is no name that a person would recognise.
    let text = || (first.line > 0 && first.form != StatementForm::Record).then(|| first.text.trim());
    let name = of_plan.or(start_line).or(stated).or_else(text).filter(|name| !name.is_empty()).unwrap_or(task_id);
    name.chars().take(MAX_CHARS).collect()
}
