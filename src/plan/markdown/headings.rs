//! Headings that are the stories: by a box of their own, or by an id and boxes or a status below them.

use super::boxes::boxed;
use super::outline::Block;
use super::{group, section};
use crate::plan::{CRITERION_LIMIT, Plan, PlanCriterion, PlanStatus, PlanStory, STORY_LIMIT, Truncation, words};
use crate::text::CleanText;

/// A heading that may be a story, with what stands below it.
struct StoryDraft<'a> {
    level: usize,
    text: &'a str,
    /// Its own box.
    own: Option<PlanStatus>,
    id: Option<String>,
    title: String,
    /// What a status line below it says.
    stated_status: Option<PlanStatus>,
    criteria: Vec<PlanCriterion>,
    is_begun: bool,
    /// Boxes below it that have an id: those are the stories then.
    named_boxes: usize,
}

/// Reads a document whose headings are the stories.
pub(super) fn read(blocks: &[Block]) -> Option<Plan> {
    let drafts = drafts(blocks);
    let level = story_level(&drafts)?;
    let mut plan = Plan::default();
    let mut truncation = Truncation::default();
    let mut above = None;
    let by_box = drafts.iter().any(|draft| draft.level == level && draft.own.is_some());
    for (at, draft) in drafts.iter().enumerate() {
        if draft.level < level && draft.level > 1 {
            above = Some(group(draft.text));
        }
        let is_story = draft.level == level && if by_box { draft.own.is_some() } else { is_named_story(draft) };
        if !is_story {
            continue;
        }
        if plan.stories.len() >= STORY_LIMIT {
            truncation.stories += 1;
            continue;
        }
        // What stands below its sub-headings is below it as well.
        let below = drafts[at..].iter().skip(1).take_while(|inner| inner.level > level);
        let mut criteria = draft.criteria.clone();
        let mut is_begun = draft.is_begun;
        let mut stated_status = draft.stated_status;
        for inner in below {
            criteria.extend(inner.criteria.iter().cloned());
            is_begun |= inner.is_begun;
            stated_status = stated_status.or(inner.stated_status);
        }
        truncation.criteria += criteria.len().saturating_sub(CRITERION_LIMIT);
        criteria.truncate(CRITERION_LIMIT);
        let all_done = !criteria.is_empty() && criteria.iter().all(|criterion| criterion.done == Some(true));
        let derived = match (all_done, is_begun) {
            (true, _) => PlanStatus::Passed,
            (false, true) => PlanStatus::InProgress,
            (false, false) => PlanStatus::Open,
        };
        let status = stated_status.or(draft.own.filter(|own| *own != PlanStatus::Open)).or(draft.own).unwrap_or(derived);
        let story = PlanStory {
            id: draft.id.as_ref().map(CleanText::from),
            title: Some(CleanText::from(&draft.title)).filter(|title| !title.is_empty()),
            group: above.clone().map(|group| plan.group(group)),
            status,
            criteria,
            ..PlanStory::default()
        };
        plan.stories.push(story.into());
    }
    plan.truncation = truncation.words();
    (!plan.stories.is_empty()).then_some(plan)
}

fn drafts(blocks: &[Block]) -> Vec<StoryDraft<'_>> {
    let mut drafts: Vec<StoryDraft<'_>> = Vec::new();
    for block in blocks {
        let text = match block {
            Block::Heading { level, text } => {
                let own = boxed(text);
                let (id, title) = words::id_and_title(own.map_or(text, |own| own.text));
                let own = own.map(|own| own.status);
                drafts.push(StoryDraft {
                    level: *level,
                    text,
                    own,
                    id,
                    title,
                    stated_status: None,
                    criteria: Vec::new(),
                    is_begun: false,
                    named_boxes: 0,
                });
                continue;
            }
            Block::Item { text, .. } | Block::Line { text, .. } => text,
            Block::Row(_) => continue,
        };
        let Some(draft) = drafts.last_mut() else { continue };
        if let Some(found) = boxed(text) {
            draft.is_begun |= found.status == PlanStatus::InProgress;
            let is_step = found.text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("step"));
            draft.named_boxes += usize::from(!is_step && words::id_and_title(found.text).0.is_some());
            draft.criteria.push(PlanCriterion { text: found.text.into(), done: Some(found.status == PlanStatus::Passed) });
        } else if let Some((name, word)) = text.split_once([':', '：'])
            && (name.trim().eq_ignore_ascii_case("status") || name.trim() == "状态")
        {
            draft.stated_status = draft.stated_status.or(words::status(word));
        }
    }
    drafts
}

/// The level of the headings that are stories.
fn story_level(drafts: &[StoryDraft<'_>]) -> Option<usize> {
    // A box in a heading is a box.
    let by_box = drafts.iter().filter(|draft| draft.own.is_some() && draft.level > 1).map(|draft| draft.level);
    if let Some(level) = by_box.max() {
        return Some(level);
    }
    (2..=4).find(|level| {
        let named = |draft: &&StoryDraft<'_>| draft.level == *level && is_named_story(draft);
        let stories = drafts.iter().filter(named).count();
        let phases = drafts.iter().filter(named).filter(|draft| is_phase(draft)).count();
        let stated = drafts.iter().filter(named).filter(|draft| draft.stated_status.is_some()).count();
        // Phases hold stories, unless they say themselves how they stand.
        stories >= 2 && if 2 * phases > stories { 2 * stated >= stories } else { true }
    })
}

/// Whether a heading has an id, and below it boxes without ids or a status.
fn is_named_story(draft: &StoryDraft<'_>) -> bool {
    let boxes = draft.criteria.len();
    let speaks = draft.stated_status.is_some() || (boxes > 0 && 2 * draft.named_boxes < boxes);
    // `## 1. Basket` groups its boxes.
    let is_number = draft.text.starts_with(|c: char| c.is_ascii_digit());
    let is_optional_section = section(draft.text) != super::SectionContent::Stories;
    draft.id.is_some() && (!is_number || draft.stated_status.is_some()) && speaks && !is_optional_section
}

fn is_phase(draft: &StoryDraft<'_>) -> bool {
    let word = draft.id.as_deref().and_then(|id| id.split(' ').next()).unwrap_or_default().to_lowercase();
    ["phase", "milestone", "epic", "sprint", "wave", "stage", "iteration"].contains(&word.as_str())
}
