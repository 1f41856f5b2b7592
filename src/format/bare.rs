//! Headings without any markup: `Task #1: title`, `Feature #3: title`, and below them `Status: COMPLETED`; in a section of finished work
//! they need no status.

use super::field::{self, Label};
use super::heading_name::Name;
use super::id::Looks;
use super::opening::{Opening, PLAIN, Silence};
use super::{Family, Reading, Seen, SourceKind, id};
use crate::fact::StoryName;

pub(super) const FAMILY: Family = Family { kind: SourceKind::ProgressLog, begins: b"ABCDEFGHIJKLMNOPQRSTUVWXYZtsfui*", read };

fn read(seen: &Seen<'_>) -> Option<Reading> {
    // In an entry that a heading opened it is one of the entry's lines.
    if seen.planned || seen.indent() > 0 || seen.entry_level.is_some_and(|level| level != PLAIN) || !(seen.sure || seen.in_session) {
        return None;
    }
    let text = seen.text.trim_start_matches("**");
    if !id::may_lead(text) && seen.fence.is_none() {
        return None;
    }
    // `US-001: title` needs no word in front, where nothing else is under way.
    let alone = seen.entry_level.is_none();
    let Some(found) = id::leading(text).filter(|found| found.generic || (alone && found.looks == Looks::Strong)) else {
        return titled(seen);
    };
    if !found.rest.starts_with([':', ' ', '*', '-', '—']) {
        return None;
    }
    let name = Name::of(&found, seen)?;
    let title = name.title.map(|title| title.trim_matches('*').trim_end_matches(':').to_owned());
    let silence = if seen.done { Silence::Passed } else { Silence::Awaits };
    let stories = found.ids.into_iter().map(|id| StoryName { id: Some(id), title: title.clone() }).collect();
    Some(Reading::Opens(Opening { level: PLAIN, stories, when: name.when, status: name.status, silence, ..Opening::default() }))
}

/// `Task: title` right below a rule.
fn titled(seen: &Seen<'_>) -> Option<Reading> {
    seen.fence?;
    let (label, value) = field::field(seen.text)?;
    let stories = if Label::of(label) == Some(Label::Story) { field::stories(value) } else { Vec::new() };
    if stories.is_empty() {
        return None;
    }
    Some(Reading::Opens(Opening { level: PLAIN, stories, silence: Silence::Awaits, ..Opening::default() }))
}
