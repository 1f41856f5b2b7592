//! task-master's file: tags, each with tasks of its own.

use super::tree::Node;
use super::words;

/// The tag whose tasks are worked on: the one that is `selected`, else the one that was written last, else `master`, else the first; `None`
/// for other documents.
pub(super) fn current_tag<'a>(top: &'a Node, selected: Option<&str>) -> Option<(&'a str, &'a Node)> {
    let is_tag = |(_, value): &&(String, Node)| value.get("tasks").is_some_and(Node::is_list);
    let tags: Vec<&(String, Node)> = top.entries().iter().filter(is_tag).collect();
    if tags.is_empty() || tags.len() != top.entries().len() {
        return None;
    }
    if let Some((name, tag)) = tags.iter().find(|(name, _)| selected == Some(name.as_str())) {
        return Some((name, tag));
    }
    let written = |tag: &Node| words::time(&tag.get("metadata")?.first_text(&["updated"])?);
    let newest = tags.iter().filter_map(|(name, tag)| Some((written(tag)?, name, tag))).max_by_key(|(at, _, _)| *at);
    if let Some((_, name, tag)) = newest {
        return Some((name, tag));
    }
    tags.iter().find(|(name, _)| name == "master").or_else(|| tags.first()).map(|(name, tag)| (name.as_str(), tag))
}

#[cfg(test)]
mod tests {
    use crate::plan::Notation::Json;
    use crate::plan::tests::check;

    #[test]
    fn the_tag_that_was_written_last_is_the_plan() {
        let task = |id: u32, status: &str| format!(r#"{{"id":{id},"title":"T{id}","status":"{status}","subtasks":[]}}"#);
        let tag = |tasks: &str, at: &str| format!(r#"{{"tasks":[{tasks}],"metadata":{{"updated":"{at}","description":"about"}}}}"#);
        let one = tag(&task(1, "done"), "2026-03-01T09:00:00.000Z");
        let two = tag(&task(2, "pending"), "2026-03-02T09:00:00.000Z");
        check(Json, &format!(r#"{{"master":{one},"feature-x":{two}}}"#), &["- | feature-x", "[ ] 2 T2"]);
        check(Json, &format!(r#"{{"master":{one}}}"#), &["- | -", "[x] 1 T1"]);
    }

    #[test]
    fn subtasks_are_criteria_with_a_state() {
        check(
            Json,
            r#"{"master":{"tasks":[{"id":2,"title":"Payment","description":"d","status":"in-progress","dependencies":[1],
                "subtasks":[{"id":1,"title":"Take money","status":"done"},{"id":2,"title":"Give it back","status":"pending"}]},
                {"id":3,"title":"Receipt","status":"deferred"},{"id":4,"title":"Old","status":"cancelled"}]}}"#,
            &["- | -", "[~] 2 Payment 1/2", "[d] 3 Receipt", "[c] 4 Old"],
        );
    }
}
