//! One story that changed in a large plan in JSON that is otherwise as it was: only that story is read.
//!
//! A runner that flips one of some thousand stories writes the whole document. Nothing is guessed here: where anything is not as expected,
//! the whole document is read.

use std::sync::Arc;

use memchr::memmem;
use serde_json::from_str;

use super::tree::Node;
use super::{Plan, PlanStory, Truncation, json};

/// Of a smaller plan nothing is gained.
const LEAST_STORIES: usize = 200;

/// The plan in `new`, when it differs from `plan`, which `old` was read as, in one story alone and not in its name.
pub(super) fn read(plan: &Plan, old: &str, new: &str) -> Option<Plan> {
    if plan.stories.len() < LEAST_STORIES {
        return None;
    }
    let head = common_prefix(old.as_bytes(), new.as_bytes());
    let most = old.len().min(new.len()) - head;
    let tail = common_suffix(old.as_bytes(), new.as_bytes()).min(most);
    let changed_end = old.len() - tail;
    enclosing_objects(old.as_bytes(), head).into_iter().find_map(|object| {
        let planned = plan.stories.get(object.index)?;
        let end = object_end(old.as_bytes(), object.start).filter(|end| *end >= changed_end)?;
        let before = old.get(object.start..end)?;
        let after = new.get(object.start..new.len() - (old.len() - end))?;
        let (before_node, after_node) = (from_str::<Node>(before).ok()?, from_str::<Node>(after).ok()?);
        let is_alike = before_node.depth() >= after_node.depth() && json::is_listed_alike(&before_node, &after_node);
        let was = sole_story(&before_node)?;
        let is_that_story = PlanStory { group: planned.group, ..was } == **planned;
        // A list that stands twice in the document is read once.
        if !is_alike || !is_that_story || memmem::find_iter(old.as_bytes(), before).nth(1).is_some() {
            return None;
        }
        let story = PlanStory { group: planned.group, ..sole_story(&after_node)? };
        if (&story.id, &story.title) != (&planned.id, &planned.title) {
            return None;
        }
        let mut plan = plan.clone();
        plan.stories[object.index] = Arc::new(story);
        Some(plan)
    })
}

/// The story, when no limit cuts anything off.
fn sole_story(node: &Node) -> Option<PlanStory> {
    let mut truncation = Truncation::default();
    json::story(node, None, &mut truncation).filter(|_| truncation.words().is_none())
}

/// An object that is an element of a list.
struct ListedObject {
    start: usize,
    /// Its place in the list.
    index: usize,
}

/// The objects that begin before `to` and do not end there, the outermost first.
fn enclosing_objects(json: &[u8], to: usize) -> Vec<ListedObject> {
    struct Container {
        start: usize,
        is_list: bool,
        /// Elements before the present one.
        commas: usize,
    }
    let mut open: Vec<Container> = Vec::new();
    let mut at = 0;
    while at < to {
        match json[at] {
            b'{' | b'[' => open.push(Container { start: at, is_list: json[at] == b'[', commas: 0 }),
            b'}' | b']' => {
                open.pop();
            }
            b',' => {
                if let Some(container) = open.last_mut() {
                    container.commas += 1;
                }
            }
            b'"' => at = text_end(json, at),
            _ => {}
        }
        at += 1;
    }
    let pairs = open.windows(2).filter(|pair| pair[0].is_list && !pair[1].is_list);
    pairs.map(|pair| ListedObject { start: pair[1].start, index: pair[0].commas }).collect()
}

/// Offset after the object or list that begins at `start`.
fn object_end(json: &[u8], start: usize) -> Option<usize> {
    let (mut depth, mut at) = (0usize, start);
    while at < json.len() {
        match json[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' => at = text_end(json, at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Offset of the quote that ends the text whose first quote is at `at`; the end of the document where there is none.
fn text_end(json: &[u8], at: usize) -> usize {
    let mut from = at + 1;
    while let Some(found) = json.get(from..).and_then(|left| memchr::memchr2(b'"', b'\\', left)) {
        if json[from + found] == b'"' {
            return from + found;
        }
        from += found + 2;
    }
    json.len()
}

/// How many bytes are compared at once.
const STRIDE: usize = 256;

fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    let equal = one.chunks_exact(STRIDE).zip(other.chunks_exact(STRIDE)).take_while(|(one, other)| one == other).count() * STRIDE;
    equal + one[equal..].iter().zip(&other[equal..]).take_while(|(one, other)| one == other).count()
}

fn common_suffix(one: &[u8], other: &[u8]) -> usize {
    let equal = one.rchunks_exact(STRIDE).zip(other.rchunks_exact(STRIDE)).take_while(|(one, other)| one == other).count() * STRIDE;
    let (one, other) = (&one[..one.len() - equal], &other[..other.len() - equal]);
    equal + one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Notation, parse};

    /// A plan with a story for each of these statuses, of a criterion or two.
    fn document(statuses: &[u8], note: &str) -> String {
        let stories: Vec<_> = statuses
            .iter()
            .enumerate()
            .map(|(at, status)| {
                let criteria = ["It is \"done\", \\ and {so} on", "[x], too"];
                let word = ["open", "done", "blocked", "nonsense"][usize::from(*status)];
                serde_json::json!({
                    "id": format!("US-{at}"), "title": format!("Story {at}"), "acceptanceCriteria": criteria[..1 + at % 2],
                    "passes": *status == 1, "status": word, "notes": "{",
                })
            })
            .collect();
        let document = serde_json::json!({"project": "Shop", "description": note, "epics": [{"name": "One", "stories": stories}]});
        serde_json::to_string_pretty(&document).unwrap()
    }

    fn edited(old: &str, new: &str) -> Option<super::Plan> {
        super::read(&parse(Notation::Json, old).unwrap(), old, new)
    }

    #[test]
    fn a_flip_is_read_from_its_story() {
        let mut statuses = vec![0; 300];
        let old = document(&statuses, "");
        statuses[123] = 1;
        let new = document(&statuses, "");
        let plan = edited(&old, &new).unwrap();
        assert!(plan.stories[123].is_passed());
        assert_eq!(Ok(plan), parse(Notation::Json, &new));
    }

    #[test]
    fn whatever_else_changes_needs_the_whole() {
        let statuses = vec![0; 300];
        let old = document(&statuses, "");
        assert_eq!(edited(&old, &document(&statuses, "longer")), None, "outside of stories");
        assert_eq!(edited(&old, &document(&vec![0; 301], "")), None, "one more story");
        assert_eq!(edited(&old, &old.replace("US-123\"", "US-1234\"")), None, "another id");
        assert_eq!(edited(&old, &old[..old.len() - 40]), None, "half written");
        assert_eq!(edited(&document(&[0; 20], ""), &document(&[1; 20], "")), None, "few");
    }

    proptest! {
        #![proptest_config(crate::property::config(40))]

        // The whole document is the model.
        #[test]
        fn what_is_read_of_a_story_is_what_the_whole_gives(
            mut statuses in prop::collection::vec(0u8..4, 200..230), changes in prop::collection::vec((0usize..200, 0u8..4), 1..3), cut in any::<prop::sample::Index>(), cuts in any::<bool>(),
        ) {
            let old = document(&statuses, "");
            for (at, status) in changes {
                statuses[at] = status;
            }
            let mut new = document(&statuses, "");
            if cuts {
                new.truncate(cut.index(new.len()));
            }
            if let Some(plan) = edited(&old, &new) {
                prop_assert_eq!(Ok(plan), parse(Notation::Json, &new));
            }
        }
    }
}
