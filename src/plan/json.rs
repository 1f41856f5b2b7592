//! JSON plans: a list of stories, named or bare, grouped or not, flagged by a boolean or a word.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{CRITERION_LIMIT, ParseError, Plan, PlanCriterion, PlanStatus, PlanStory, STORY_LIMIT, Truncation};

/// Where the stories stand, and whether other documents use the same name: there one element at least must say how it stands.
const LISTS: [(&str, bool); 8] = [
    ("userStories", false),
    ("user_stories", false),
    ("stories", false),
    ("tasks", true),
    ("features", true),
    ("items", true),
    ("requirements", true),
    ("subtasks", true),
];
/// What groups stories: their lists are read one after the other.
const GROUPS: [&str; 5] = ["phases", "epics", "milestones", "sprints", "categories"];
const IDS: [&str; 5] = ["id", "storyId", "story_id", "taskId", "task_id"];
const NAMES: [&str; 4] = ["project", "name", "title", "feature"];
const BRANCHES: [&str; 2] = ["branchName", "branch"];
const TITLES: [&str; 6] = ["title", "name", "description", "task", "story", "feature"];
const CRITERIA: [&str; 7] = ["acceptanceCriteria", "acceptance_criteria", "criteria", "acceptance", "steps", "test_steps", "checklist"];
const CRITERION_TEXTS: [&str; 4] = ["text", "description", "criterion", "title"];
const FLAGS: [&str; 7] = ["passes", "done", "complete", "completed", "passed", "passing", "finished"];
/// Values of `status` that mean a story is done.
const DONE: [&str; 12] =
    ["done", "complete", "completed", "passed", "passing", "success", "finished", "verified", "closed", "shipped", "merged", "implemented"];

/// Reads a JSON plan of any known shape.
pub(super) fn parse(text: &str) -> Result<Plan, ParseError> {
    let document: Value = serde_json::from_str(text).map_err(|error| ParseError::Invalid(error.to_string()))?;
    match &document {
        Value::Array(list) if is_list(list, true) => Ok(plan(&Map::new(), list)),
        Value::Object(top) => {
            if let Some(list) = listed(top) {
                return Ok(plan(top, &list));
            }
            // `{"phases": [{"tasks": […]}, …]}`
            let groups = GROUPS.iter().find_map(|name| top.get(*name)?.as_array()).into_iter().flatten();
            let lists: Vec<Cow<'_, [Value]>> = groups.filter_map(|group| listed(group.as_object()?)).collect();
            if lists.is_empty() { Err(ParseError::NotAPlan) } else { Ok(plan(top, &lists.concat())) }
        }
        _ => Err(ParseError::NotAPlan),
    }
}

/// The stories of an object: a list, or one object per story under its id, in the order of the ids.
fn listed(top: &Map<String, Value>) -> Option<Cow<'_, [Value]>> {
    LISTS.iter().find_map(|(name, shared)| match top.get(*name)? {
        Value::Array(list) if is_list(list, *shared) => Some(Cow::Borrowed(list.as_slice())),
        Value::Object(map) if !map.is_empty() && map.values().all(Value::is_object) => {
            let list: Vec<Value> = map.iter().map(|(id, fields)| with_id(id, fields)).collect();
            is_list(&list, true).then_some(Cow::Owned(list))
        }
        _ => None,
    })
}

fn with_id(id: &str, fields: &Value) -> Value {
    let mut story = fields.clone();
    if let Value::Object(fields) = &mut story
        && !IDS.iter().any(|name| fields.contains_key(*name))
    {
        fields.insert("id".to_owned(), Value::String(id.to_owned()));
    }
    story
}

/// Whether an array holds stories. One bad element does not spoil it.
fn is_list(list: &[Value], needs_flag: bool) -> bool {
    let has_flag = |value: &Value| FLAGS.iter().chain(&["status"]).any(|flag| value.get(flag).is_some());
    list.is_empty() || list.iter().any(|value| story(value, &mut Truncation::default()).is_some() && (!needs_flag || has_flag(value)))
}

fn plan(top: &Map<String, Value>, list: &[Value]) -> Plan {
    let mut truncation = Truncation { stories: list.len().saturating_sub(STORY_LIMIT), ..Truncation::default() };
    let mut stories = Vec::with_capacity(list.len().min(STORY_LIMIT));
    for value in list.iter().take(STORY_LIMIT) {
        match story(value, &mut truncation) {
            Some(story) => stories.push(story),
            None => truncation.bad += 1,
        }
    }
    Plan {
        name: first_text(top, &NAMES),
        branch: first_text(top, &BRANCHES),
        description: first_text(top, &["description"]),
        estimated_secs: ["estimatedDuration", "estimated_duration"].iter().find_map(|name| top.get(*name)?.as_u64()),
        groups: Vec::new(),
        stories,
        truncation: truncation.words(),
    }
}

fn story(value: &Value, truncation: &mut Truncation) -> Option<PlanStory> {
    let fields = value.as_object()?;
    let (id, title) = (first_text(fields, &IDS), first_text(fields, &TITLES));
    if id.is_none() && title.is_none() {
        return None;
    }
    let priority = fields.get("priority").and_then(Value::as_i64);
    let status = if passed(fields) { PlanStatus::Passed } else { PlanStatus::Open };
    Some(PlanStory { id, title, priority, status, criteria: criteria(fields, truncation), ..PlanStory::default() })
}

fn criteria(fields: &Map<String, Value>, truncation: &mut Truncation) -> Vec<PlanCriterion> {
    let Some(list) = CRITERIA.iter().find_map(|name| fields.get(*name)?.as_array()) else { return Vec::new() };
    truncation.criteria += list.len().saturating_sub(CRITERION_LIMIT);
    // A criterion without a text keeps its place, or those behind it would get the wrong numbers.
    let text = |value: &Value| match value {
        Value::Object(fields) => first_text(fields, &CRITERION_TEXTS),
        value => simple_text(value),
    };
    list.iter().take(CRITERION_LIMIT).map(|value| PlanCriterion { text: text(value).unwrap_or_default(), done: None }).collect()
}

fn passed(fields: &Map<String, Value>) -> bool {
    if let Some(flag) = FLAGS.iter().find_map(|flag| fields.get(*flag)?.as_bool()) {
        return flag;
    }
    let status = fields.get("status").and_then(Value::as_str).unwrap_or_default();
    DONE.iter().any(|done| status.trim().eq_ignore_ascii_case(done))
}

fn first_text(fields: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| simple_text(fields.get(*name)?))
}

fn simple_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{TEXT_LIMIT, parse};

    fn show(text: &str) -> String {
        match parse(text) {
            Ok(plan) => {
                let stories: Vec<String> = plan.stories.iter().map(line).collect();
                let head: Vec<&str> =
                    [&plan.name, &plan.branch, &plan.truncation].iter().map(|part| part.as_deref().unwrap_or("-")).collect();
                format!("{}; {}", head.join(" | "), stories.join("; "))
            }
            Err(ParseError::NotAPlan) => "foreign".to_owned(),
            Err(ParseError::Invalid(why)) => format!("broken: {why}"),
        }
    }

    fn line(story: &PlanStory) -> String {
        let mark = if story.is_passed() { "x" } else { " " };
        let priority = story.priority.map(|priority| format!(" p{priority}")).unwrap_or_default();
        let texts: Vec<&str> = story.criteria.iter().map(|criterion| criterion.text.as_str()).collect();
        let criteria = if texts.is_empty() { String::new() } else { format!(" [{}]", texts.join(", ")) };
        format!("[{mark}] {} {}{priority}{criteria}", story.id.as_deref().unwrap_or("-"), story.title.as_deref().unwrap_or("-"))
    }

    #[test]
    fn plans_of_every_shape_are_read() {
        for (text, expected) in [
            (
                r#"{"project": "shop", "title": "Cart", "branchName": "ralph/cart", "userStories": [
                    {"id": "US-001", "title": "Add", "acceptanceCriteria": ["One", {"text": "Two"}, {"description": "Three"}], "priority": 1, "passes": true},
                    {"id": 2, "title": "Drop", "acceptanceCriteria": [], "priority": "high", "passes": false}]}"#,
                "shop | ralph/cart | -; [x] US-001 Add p1 [One, Two, Three]; [ ] 2 Drop",
            ),
            (r#"{"feature": "Cart", "stories": [{"id": "a-1", "status": "Done"}]}"#, "Cart | - | -; [x] a-1 -"),
            (r#"{"name": "n", "tasks": [{"title": "T", "done": true}]}"#, "n | - | -; [x] - T"),
            (r#"{"features": [{"description": "D", "steps": ["s1", "s2"], "passes": false}]}"#, "- | - | -; [ ] - D [s1, s2]"),
            (r#"{"requirements": [{"id": "R1", "complete": true}]}"#, "- | - | -; [x] R1 -"),
            (
                r#"{"features": {"F2": {"description": "D", "passing": true}, "F1": {"name": "N", "status": "open"}}}"#,
                "- | - | -; [ ] F1 N; [x] F2 D",
            ),
            (
                r#"{"feature": "f", "phases": [{"name": "one", "subtasks": [{"id": "1-1", "status": "completed"}]}, {}, {"subtasks": [{"id": "2-1", "status": "pending"}]}]}"#,
                "f | - | -; [x] 1-1 -; [ ] 2-1 -",
            ),
            (r#"{"tasks": [{"task_id": 7, "task": "T", "passed": false}]}"#, "- | - | -; [ ] 7 T"),
            ("\u{feff}[{\"id\": 1.1, \"title\": \"T\", \"passes\": true}]", "- | - | -; [x] 1.1 T"),
            ("[]", "- | - | -; "),
            (r#"{"userStories": []}"#, "- | - | -; "),
            (r#"{"userStories": [{"id": "A"}, null, 3, {}]}"#, "- | - | 3 elements that are no stories skipped; [ ] A -"),
            (r#"{"stories": "none yet", "tasks": [{"id": "t", "status": "pending"}]}"#, "- | - | -; [ ] t -"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn other_documents_are_no_plans() {
        for text in [
            "{}",
            "3",
            "null",
            r#""userStories""#,
            "[1, 2]",
            r#"["a"]"#,
            r#"{"items": [{"id": 1, "price": 2}]}"#,
            r#"[{"name": "x"}]"#,
            r#"{"stories": {}}"#,
            r#"{"stories": {"a": {"price": 1}}}"#,
            r#"{"phases": [{"name": "x"}]}"#,
        ] {
            assert_eq!(show(text), "foreign", "{text}");
        }
    }

    #[test]
    fn broken_json_names_the_place() {
        assert_eq!(show("{\n  \"userStories\": [,"), "broken: expected value at line 2 column 19");
        assert_eq!(show(""), "broken: EOF while parsing a value at line 1 column 0");
    }

    #[test]
    fn limits_are_said() {
        let stories: Vec<String> = (0..STORY_LIMIT + 2).map(|n| format!(r#"{{"id": "{n}", "acceptanceCriteria": []}}"#)).collect();
        let plan = parse(&format!(r#"{{"userStories": [{}]}}"#, stories.join(","))).expect("a plan");
        assert_eq!((plan.stories.len(), plan.truncation.as_deref()), (STORY_LIMIT, Some("2 stories beyond the first 10,000 left out")));
        let criteria = vec![r#""c""#; CRITERION_LIMIT + 1].join(",");
        let plan = parse(&format!(r#"{{"userStories": [{{"id": "a", "acceptanceCriteria": [{criteria}]}}]}}"#)).expect("a plan");
        assert_eq!(plan.stories[0].criteria.len(), CRITERION_LIMIT);
        assert!(plan.truncation.is_some());
        assert!(matches!(parse(&" ".repeat(TEXT_LIMIT + 1)), Err(ParseError::Invalid(_))));
    }
}
