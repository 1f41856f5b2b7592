//! Lists of boxes: a box is a story, boxes below it are its criteria, the heading above it is its group.
//!
//! spec-kit, OpenSpec, Kiro, sisyphus, conductor, fix plans and roadmaps are this one shape; they differ in how they write ids and in which
//! of their boxes are no work.

use std::collections::HashMap;
use std::sync::Arc;

use super::boxes::{Boxed, boxed};
use super::outline::Block;
use super::{SectionContent, group, section};
use crate::plan::{CRITERION_LIMIT, Plan, PlanCriterion, PlanGroup, PlanStatus, PlanStory, STORY_LIMIT, Truncation, words};
use crate::text::CleanText;

/// Reads a document whose boxes are the stories.
pub(super) fn read(blocks: &[Block]) -> Option<Plan> {
    let mut reader = ChecklistReader::default();
    for block in blocks {
        reader.take(block);
    }
    let ChecklistReader { mut plan, truncation, .. } = reader;
    keep_the_work(&mut plan, blocks);
    plan.truncation = truncation.words();
    (!plan.stories.is_empty()).then_some(plan)
}

#[derive(Default)]
struct ChecklistReader {
    plan: Plan,
    truncation: Truncation,
    /// The headings that are open: level, what their boxes are.
    sections: Vec<(usize, SectionContent)>,
    /// The last heading's, which is the plan's once a story stands below it.
    group: Option<PlanGroup>,
    by_name: HashMap<(Option<CleanText>, Option<CleanText>), usize>,
    /// The items that are open: depth, and the story where the item is one.
    items: Vec<(usize, Option<usize>)>,
}

impl ChecklistReader {
    fn take(&mut self, block: &Block) {
        match block {
            Block::Heading { level, text } => self.heading(*level, text),
            Block::Item { depth, text, .. } => self.item(*depth, text),
            // `[x] 3.2 - title` without a dash before it.
            Block::Line { depth: None, text } => {
                if let Some(boxed) = boxed(text) {
                    self.items.clear();
                    self.boxed(0, boxed);
                }
            }
            Block::Line { .. } | Block::Row(_) => {}
        }
    }

    fn heading(&mut self, level: usize, text: &str) {
        self.items.clear();
        self.sections.retain(|(above, _)| *above < level);
        self.sections.push((level, section(text)));
        // The title of the document groups nothing.
        self.group = (level > 1).then(|| group(text));
    }

    fn item(&mut self, depth: usize, text: &str) {
        self.items.retain(|(above, _)| *above < depth);
        match boxed(text) {
            Some(boxed) => self.boxed(depth, boxed),
            None => {
                // `1. **Title**` with boxes below: they are the stories.
                self.items.push((depth, None));
                self.status_below(depth, text);
            }
        }
    }

    /// `- Status: blocked` below a story says more than its box.
    fn status_below(&mut self, depth: usize, text: &str) {
        let Some(story) = self.items.iter().rev().find_map(|(above, story)| (*above < depth).then_some(*story).flatten()) else { return };
        let story = self.story_mut(story);
        if story.status != PlanStatus::Passed
            && let Some((name, word)) = text.split_once(':')
            && name.trim().eq_ignore_ascii_case("status")
            && let Some(status) = words::status(word)
        {
            story.status = status;
        }
    }

    fn story_mut(&mut self, index: usize) -> &mut PlanStory {
        Arc::make_mut(&mut self.plan.stories[index])
    }

    fn boxed(&mut self, depth: usize, boxed: Boxed<'_>) {
        let parent = self.items.iter().rev().find_map(|(_, story)| *story);
        if let Some(parent) = parent {
            let criteria = &mut self.story_mut(parent).criteria;
            if criteria.len() < CRITERION_LIMIT {
                let done = Some(boxed.status == PlanStatus::Passed);
                criteria.push(PlanCriterion { text: boxed.text.into(), done });
            } else {
                self.truncation.criteria += 1;
            }
            self.items.push((depth, None));
            return;
        }
        let kind = self.sections.iter().map(|(_, section)| *section).find(|section| *section != SectionContent::Stories);
        if kind == Some(SectionContent::Checks) || boxed.text.is_empty() {
            self.items.push((depth, None));
            return;
        }
        if self.plan.stories.len() >= STORY_LIMIT {
            self.truncation.stories += 1;
            return;
        }
        let mut story = story(boxed);
        if let Some(index) = self.by_name.get(&(story.id.clone(), story.title.clone())).copied() {
            // An item that moves to another section stands in both for a while.
            if boxed.status == PlanStatus::Passed {
                self.story_mut(index).status = PlanStatus::Passed;
            }
            self.items.push((depth, Some(index)));
            return;
        }
        story.group = self.group.clone().map(|group| self.plan.group(group));
        if story.status == PlanStatus::Open
            && (boxed.is_optional || kind == Some(SectionContent::Optional) || is_marked_optional(boxed.text))
        {
            story.status = PlanStatus::Deferred;
        }
        self.by_name.insert((story.id.clone(), story.title.clone()), self.plan.stories.len());
        self.plan.stories.push(story.into());
        self.items.push((depth, Some(self.plan.stories.len() - 1)));
    }
}

/// `Write about it (future)`
fn is_marked_optional(text: &str) -> bool {
    let lower = text.to_lowercase();
    ["(optional)", "(future)", "(later)", "(nice to have)"].iter().any(|word| lower.ends_with(word))
}

/// A story from its box and the text behind it.
fn story(boxed: Boxed<'_>) -> PlanStory {
    // What conductor calls every task.
    let text = boxed.text.strip_prefix("Task:").map_or(boxed.text, str::trim);
    let (id, mut title) = words::id_and_title(text);
    let mut commits = Vec::new();
    if boxed.status == PlanStatus::Passed
        && let Some((remainder, last)) = title.rsplit_once(' ')
        && let hash = last.trim_matches(['[', ']', '(', ')'])
        && words::is_hash(hash)
        && hash.len() <= 12
    {
        commits.push(hash.into());
        title = remainder.trim().to_owned();
    }
    let title = words::without_mark(&without_tags(&title));
    PlanStory {
        id: id.map(|id| bare_id(id).into()),
        title: Some(title.into()).filter(|title: &CleanText| !title.is_empty()),
        status: boxed.status,
        commits,
        ..PlanStory::default()
    }
}

/// `01-02-PLAN.md` names the plan 01-02.
fn bare_id(id: String) -> String {
    match id.strip_suffix("-PLAN.md").or_else(|| id.strip_suffix("-PLAN")) {
        Some(bare) => bare.to_owned(),
        None => id,
    }
}

/// Without spec-kit's `[P]` and `[US1]` before the text, and GSD's `risk:high depends:[]` behind it.
fn without_tags(title: &str) -> String {
    let mut title = title.trim();
    while let Some((tag, remainder)) = title.strip_prefix('[').and_then(|remainder| remainder.split_once(']'))
        && (tag == "P" || (tag.starts_with("US") && tag[2..].bytes().all(|byte| byte.is_ascii_digit())))
    {
        title = remainder.trim_start();
    }
    while let Some((remainder, last)) = title.rsplit_once(' ')
        && ["risk:", "depends:", "est:"].iter().any(|tag| last.starts_with(tag))
    {
        title = remainder.trim_end();
    }
    title.to_owned()
}

/// How a family writes the ids of its work.
type Style = fn(&str) -> bool;

/// Some families list boxes that are no work of their own: a phase that is over when its plans are, a final check. Where the work has ids
/// of one known style, boxes without such an id are none.
fn keep_the_work(plan: &mut Plan, blocks: &[Block]) {
    let has_todos = blocks.iter().any(|block| matches!(block, Block::Heading { text, .. } if text.trim().eq_ignore_ascii_case("todos")));
    let styles: [(Style, usize); 3] = [(is_spec_kit, 2), (is_gsd_plan, 1), (is_gsd_task, 1)];
    let style = styles.iter().find(|(style, least)| count(plan, *style) >= *least).map(|(style, _)| *style);
    let style = style.or((has_todos && count(plan, is_sisyphus) > 0).then_some(is_sisyphus as Style));
    if let Some(style) = style {
        plan.stories.retain(|story| story.id.as_deref().is_some_and(style));
    }
}

fn count(plan: &Plan, style: Style) -> usize {
    plan.stories.iter().filter(|story| story.id.as_deref().is_some_and(style)).count()
}

/// `T001`, `T012a`.
fn is_spec_kit(id: &str) -> bool {
    id.strip_prefix('T').is_some_and(|remainder| remainder.len() >= 3 && remainder.as_bytes()[..3].iter().all(u8::is_ascii_digit))
}

/// `01-02`, `02.1-03`.
fn is_gsd_plan(id: &str) -> bool {
    let number = |part: &str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    id.split_once('-').is_some_and(|(phase, plan)| number(phase) && number(plan))
}

/// `S01`, `T01`.
fn is_gsd_task(id: &str) -> bool {
    id.len() == 3 && id.starts_with(['S', 'T']) && id[1..].bytes().all(|byte| byte.is_ascii_digit())
}

/// `3`, `F2`.
fn is_sisyphus(id: &str) -> bool {
    let digits = id.strip_prefix('F').unwrap_or(id);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}
