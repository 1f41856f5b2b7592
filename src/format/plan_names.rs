//! What a plan names, as evidence for the lines of a log beside it.

/// Ids and titles of a plan's stories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanNames(Vec<(Option<String>, Option<String>)>);

impl PlanNames {
    /// From the ids and titles, in the order of the plan.
    pub fn new(names: impl IntoIterator<Item = (Option<String>, Option<String>)>) -> Self {
        PlanNames(names.into_iter().collect())
    }

    pub(super) fn has_id(&self, id: &str) -> bool {
        self.0.iter().any(|(known, _)| known.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(id)))
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (Option<&str>, Option<&str>)> {
        self.0.iter().map(|(id, title)| (id.as_deref(), title.as_deref()))
    }
}
