//! Labelled lines: `**Status**: Complete`, `- **Story:** US-001 - title`.
//!
//! Takes them apart and knows the labels; what a field means to its entry is `entry`'s.

use super::id;
use crate::fact::StoryName;

/// The fields of an entry that mean something to us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    Story,
    Status,
    Reason,
    /// What the prompt of snarktank and its copies asks to be written under every entry.
    Learnings,
}

impl Label {
    pub(super) fn of(label: &str) -> Option<Label> {
        const LABELS: &[(&str, Label)] = &[
            ("story", Label::Story),
            ("user story", Label::Story),
            ("story id", Label::Story),
            ("task", Label::Story),
            ("feature", Label::Story),
            ("status", Label::Status),
            ("final status", Label::Status),
            ("story status", Label::Status),
            ("estado", Label::Status),
            ("statut", Label::Status),
            ("状态", Label::Status),
            ("结果", Label::Status),
            ("learnings", Label::Learnings),
            ("learnings for future iterations", Label::Learnings),
            ("reason", Label::Reason),
            ("blocker", Label::Reason),
            ("blockers", Label::Reason),
            ("blocked by", Label::Reason),
            ("failure reason", Label::Reason),
            ("error", Label::Reason),
            ("error message", Label::Reason),
        ];
        LABELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(label)).map(|(_, label)| *label)
    }
}

/// `**Label**: value`, `- **Label:** value`, `Label: value`.
pub(super) fn field(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix(['-', '*', '+']).filter(|rest| rest.starts_with(' ')).unwrap_or(text).trim_ascii_start();
    let text = text.trim_start_matches(['*', '_']);
    let colon = text.bytes().take(32).position(|b| b == b':')?;
    let label = text[..colon].trim_end_matches(['*', '_', ' ']);
    let value = text[colon + 1..].trim_start_matches(['*', '_']).trim();
    (!label.is_empty()).then_some((label, value))
}

/// The stories that a `**Story**:` line names: `ID - title`, `ID & ID - title`, or a title alone.
pub(super) fn stories(value: &str) -> Vec<StoryName> {
    let value = value.trim();
    if let Some(found) = id::leading(value) {
        let title = title(found.rest);
        return found.ids.into_iter().map(|id| StoryName { id: Some(id), title: title.clone() }).collect();
    }
    // A template (`[Story ID] - [Title]`, `US-XXX`) names nothing.
    if value.is_empty() || value.starts_with(['[', '<', '{']) || value.contains("XXX") || value.contains("NNN") {
        return Vec::new();
    }
    let (id, title) = match value.split_once(" - ").or_else(|| value.split_once(" — ")) {
        Some((word, title)) if !word.trim().contains(' ') => (Some(word.trim().to_owned()), Some(title.trim().to_owned())),
        _ => (None, Some(value.to_owned())),
    };
    vec![StoryName { id, title: title.filter(|title| !title.is_empty()) }]
}

/// The title behind an id: separators off, `None` when nothing is left.
fn title(rest: &str) -> Option<String> {
    let title = rest.trim_start_matches(is_separator).trim_end();
    (!title.is_empty()).then(|| title.to_owned())
}

/// What may stand between a date, an id and a title.
pub(super) fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '–' | '—' | ':' | '|' | ',' | '·' | '•' | '.')
}
