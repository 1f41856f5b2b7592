//! A list of finished stories: what introduces one, and where it ends.

use super::{Seen, rows};

/// A list under way.
#[derive(Debug, Clone)]
pub(super) enum List {
    /// Under a heading of this level.
    Headed(u8),
    /// Under a line with this indent.
    Below(usize),
}

impl List {
    pub(super) fn headed(level: u8, title: &str) -> Option<Self> {
        rows::introduces_finished(title).then_some(List::Headed(level))
    }

    pub(super) fn introduced(seen: &Seen<'_>) -> Option<Self> {
        let announces = || seen.text.ends_with([':', '*']) || seen.text.contains('/');
        (seen.likely && !seen.planned && announces() && rows::introduces_finished(seen.text)).then(|| List::Below(seen.indent()))
    }

    /// Whether this line is no longer of the list.
    pub(super) fn ends_at(&self, seen: &Seen<'_>, level: Option<u8>) -> bool {
        let is_item = seen.text.starts_with(['-', '*', '+']);
        match self {
            List::Headed(heading) => level.is_some_and(|level| level <= *heading),
            List::Below(indent) => level.is_some() || (seen.indent() <= *indent && !is_item),
        }
    }
}
