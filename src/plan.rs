//! The plan document → the plan and its flags.
//!
//! Knows the shapes plans come in; not what a flag's rise means (`ledger`) nor which story a log line names (`subject`).

/// A plan as its document says it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// `project`, `name`, `title` or `feature` of the document.
    pub name: Option<String>,
    pub branch: Option<String>,
    pub description: Option<String>,
    pub estimated_secs: Option<u64>,
    /// In array order.
    pub stories: Vec<PlanStory>,
    /// Set when a limit cut something off, in words for a notice.
    pub cut: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlanStory {
    pub id: Option<String>,
    pub title: Option<String>,
    pub criteria: Vec<String>,
    pub priority: Option<i64>,
    pub passed: bool,
}

/// Why a text gives no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPlan {
    /// Not JSON (any more, or yet): half-written, or broken. Line and column from 1, and what the parser says.
    Broken(String),
    /// JSON, but of no shape that a plan has.
    Foreign,
}

/// Reads a plan of any known shape.
pub fn parse(_text: &str) -> Result<Plan, NoPlan> {
    Err(NoPlan::Foreign)
}
