//! Plans in YAML: BMAD's sprint status, and lists of tasks as in JSON.

use super::tree::{self, Node};
use super::{GroupKind, ParseError, Plan, PlanGroup, PlanStatus, PlanStory, STORY_LIMIT, Truncation, json, words};
use crate::text::CleanText;

/// The plan in a document, if there is one.
pub(super) fn read(text: &str) -> Result<Plan, ParseError> {
    let tree = tree::yaml(text)?;
    match tree.get("development_status") {
        Some(status) if status.is_map() => sprint(&tree, status),
        Some(_) | None => json::read(&tree),
    }
}

/// `1-2-write-the-basket: review` is story 1-2 of epic 1; `epic-1` and its retrospective are none.
fn sprint(top: &Node, status: &Node) -> Result<Plan, ParseError> {
    let mut plan = Plan { name: top.first_text(&["project", "project_name"]), ..Plan::default() };
    let mut truncation = Truncation::default();
    for (key, value) in status.entries() {
        let Some((id, slug, epic)) = sprint_story(key) else { continue };
        let Some(word) = value.text() else { continue };
        if plan.stories.len() >= STORY_LIMIT {
            truncation.stories += 1;
            continue;
        }
        let group = plan.group(PlanGroup { name: format!("Epic {epic}").into(), kind: GroupKind::Epic });
        let story = PlanStory {
            id: Some(id.into()),
            title: Some(slug.replace('-', " ").into()).filter(|title: &CleanText| !title.is_empty()),
            group: Some(group),
            status: words::status(&word).unwrap_or(PlanStatus::Open),
            ..PlanStory::default()
        };
        plan.stories.push(story.into());
    }
    plan.truncation = truncation.words();
    if plan.stories.is_empty() { Err(ParseError::NotAPlan) } else { Ok(plan) }
}

/// Id, slug and epic of a story's key.
fn sprint_story(key: &str) -> Option<(String, &str, &str)> {
    let (epic, remainder) = key.split_once('-')?;
    let (story, slug) = remainder.split_once('-').unwrap_or((remainder, ""));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_number(epic) && story.starts_with(|c: char| c.is_ascii_digit()) && story.len() <= 4)
        .then(|| (format!("{epic}-{story}"), slug, epic))
}

#[cfg(test)]
mod tests {
    use crate::plan::Notation::Yaml;
    use crate::plan::tests::check;

    #[test]
    fn bmad_sprint_status() {
        check(
            Yaml,
            "# generated: 2026-03-01\nproject: shop\n\ndevelopment_status:\n  # Epic 1: Basket\n  epic-1: in-progress\n  1-1-write-it: done\n  1-2-test-it: review\n  1-10-empty-it: in-progress\n  epic-1-retrospective: optional\n  epic-2: backlog\n  2-1-pay: ready-for-dev\n  2-2-refund: drafted\n",
            &[
                "shop | -",
                "[x] 1-1 write it <Epic 1>",
                "[~] 1-2 test it <Epic 1>",
                "[~] 1-10 empty it <Epic 1>",
                "[ ] 2-1 pay <Epic 2>",
                "[ ] 2-2 refund <Epic 2>",
            ],
        );
    }

    #[test]
    fn ralphy_tasks() {
        check(
            Yaml,
            "tasks:\n  - title: Write the basket\n    completed: true\n    parallel_group: 1\n  - title: Take money\n    completed: false\n    parallel_group: 2\n",
            &["- | -", "[x] - Write the basket <1>", "[ ] - Take money <2>"],
        );
    }

    #[test]
    fn other_documents_are_no_plan() {
        check(Yaml, "services:\n  web:\n    image: x\n", &["NotAPlan"]);
        check(Yaml, "a: [1\n", &["Invalid"]);
        check(Yaml, "", &["NotAPlan"]);
    }
}
