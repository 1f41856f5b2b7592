//! Plans in Markdown: lists of boxes, and headings that have a box or a status below them.
//!
//! Two readers over one outline: `headings` where the headings are the stories, `checklist` where the boxes are.

mod boxes;
mod checklist;
mod headings;
mod outline;

use super::{GroupKind, ParseError, Plan, PlanGroup, words};
use crate::text::CleanText;
use outline::Block;

/// The plan in a document, if there is one.
pub(super) fn read(text: &str) -> Result<Plan, ParseError> {
    let blocks = outline::outline(text);
    let mut plan = headings::read(&blocks).or_else(|| checklist::read(&blocks)).ok_or(ParseError::NotAPlan)?;
    plan.name = name(&blocks).map(CleanText::from);
    plan.errors = errors(&blocks).into_iter().map(CleanText::from).collect();
    Ok(plan)
}

/// The title without what says that it is a plan; where nothing else is in it, the goal.
fn name(blocks: &[Block]) -> Option<String> {
    let title = blocks.iter().find_map(|block| match block {
        Block::Heading { level: 1, text } => Some(text.as_str()),
        _ => None,
    });
    title.and_then(bare_title)
}

/// `Tasks: Shop`, `Implementation Plan - Shop`, `Shop Roadmap`: Shop. `None` for a title that every such file has.
fn bare_title(title: &str) -> Option<String> {
    const KINDS: [&str; 16] = [
        "tasks",
        "task",
        "task list",
        "tasklist",
        "task plan",
        "implementation plan",
        "implementation tasks",
        "implementation_plan",
        "project roadmap",
        "roadmap",
        "ralph fix plan",
        "fix plan",
        "fix_plan",
        "plan",
        "todo",
        "todos",
    ];
    let title = boxes::boxed(title).map_or(title, |boxed| boxed.text).trim();
    let lower = title.to_lowercase();
    // The longest first: `task plan` is more than `task`.
    let mut kinds = KINDS;
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.len()));
    for kind in kinds {
        if let Some(remainder) = lower.strip_prefix(kind)
            && !remainder.starts_with(char::is_alphanumeric)
            && title.is_char_boundary(kind.len())
        {
            let remainder = title[kind.len()..].trim();
            let remainder = remainder.strip_prefix("for ").unwrap_or(remainder).trim_start_matches([':', '-', '–', '—', '|']).trim();
            return Some(remainder.to_owned()).filter(|remainder| !remainder.is_empty());
        }
    }
    Some(title.to_owned()).filter(|title| !title.is_empty())
}

/// Rows below a heading that speaks of errors, in a table whose first column is the error.
fn errors(blocks: &[Block]) -> Vec<String> {
    let mut errors = Vec::new();
    let (mut in_section, mut in_table) = (false, false);
    for block in blocks {
        match block {
            Block::Heading { text, .. } => {
                in_section = text.to_lowercase().contains("errors encountered");
                in_table = false;
            }
            Block::Row(cells) if in_section => {
                let Some(first) = cells.first() else { continue };
                let is_none =
                    first.is_empty() || first.trim_matches(['-', '–', '—', '.', '(', ')']).is_empty() || first.eq_ignore_ascii_case("none");
                if in_table && !is_none && errors.len() < super::CRITERION_LIMIT {
                    errors.push(first.clone());
                }
                in_table |= first.to_lowercase().starts_with("error");
            }
            Block::Row(_) | Block::Item { .. } | Block::Line { .. } => {}
        }
    }
    errors
}

/// The group that a heading opens.
fn group(heading: &str) -> PlanGroup {
    // conductor notes the commit behind the name of a phase that is over.
    let heading = heading.split_once(" [checkpoint:").map_or(heading, |(name, _)| name);
    let (id, title) = words::id_and_title(heading);
    let kind = match id.as_deref().and_then(|id| id.split(' ').next()).unwrap_or_default().to_lowercase().as_str() {
        "phase" => GroupKind::Phase,
        "wave" => GroupKind::Wave,
        "epic" => GroupKind::Epic,
        _ => GroupKind::Section,
    };
    let name = if title.is_empty() { heading.to_owned() } else { heading.trim().to_owned() };
    PlanGroup { name: name.into(), kind }
}

/// What a section's boxes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SectionContent {
    Stories,
    /// They need not be done.
    Optional,
    /// They ask for qualities, or show how the file is written: no work by themselves.
    Checks,
}

fn section(heading: &str) -> SectionContent {
    const CHECKS: [&str; 14] = [
        "acceptance criteria",
        "definition of done",
        "success criteria",
        "final checklist",
        "quality gate",
        "checkpoint",
        "verification checklist",
        "review checklist",
        "format",
        "legend",
        "example",
        "template",
        "notes",
        "must have",
    ];
    const OPTIONAL: [&str; 9] =
        ["optional", "nice to have", "nice-to-have", "future", "later", "someday", "icebox", "out of scope", "deferred"];
    let lower = heading.to_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    let holds = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if begins(&CHECKS) {
        SectionContent::Checks
    } else if begins(&OPTIONAL) || holds(&["(optional", "(future", "(later"]) {
        SectionContent::Optional
    } else {
        SectionContent::Stories
    }
}

#[cfg(test)]
mod tests;
