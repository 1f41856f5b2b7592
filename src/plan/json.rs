//! Plans in JSON or YAML, by shape at any nesting: lists of stories, named or bare, grouped or not, flagged by a boolean, a word or not
//! at all.

use std::collections::HashSet;

use super::tree::{self, Node};
use super::{
    CRITERION_LIMIT, GroupKind, ParseError, Plan, PlanCriterion, PlanGroup, PlanStatus, PlanStory, STORY_LIMIT, Truncation, words,
};
use crate::text::CleanText;

/// Names under which only stories stand.
const STORY_LISTS: [&str; 2] = ["userStories", "stories"];
/// Names that other documents use as well: there one element at least must say how it stands.
const SHARED_LISTS: [&str; 11] =
    ["tasks", "features", "items", "requirements", "subtasks", "tickets", "todos", "backlog", "issues", "checklist", "workItems"];
/// What groups stories: their lists are read one after the other.
const GROUPS: [(&str, GroupKind); 9] = [
    ("phases", GroupKind::Phase),
    ("epics", GroupKind::Epic),
    ("waves", GroupKind::Wave),
    ("milestones", GroupKind::Section),
    ("sprints", GroupKind::Section),
    ("categories", GroupKind::Section),
    ("groups", GroupKind::Section),
    ("sections", GroupKind::Section),
    ("modules", GroupKind::Section),
];
/// Fields of a story that name its group.
const GROUP_FIELDS: [(&str, GroupKind); 5] = [
    ("phase", GroupKind::Phase),
    ("epic", GroupKind::Epic),
    ("wave", GroupKind::Wave),
    ("parallel_group", GroupKind::Wave),
    ("section", GroupKind::Section),
];
/// What shows how a plan is written is none.
const EXAMPLES: [&str; 6] = ["example", "template", "schema", "legend", "definitions", "sample"];
const IDS: [&str; 7] = ["id", "storyId", "taskId", "featureId", "ticketId", "key", "number"];
const NAMES: [&str; 4] = ["project", "name", "title", "feature"];
const BRANCHES: [&str; 3] = ["branchName", "branch", "milestone"];
const TITLES: [&str; 12] =
    ["title", "name", "description", "task", "story", "feature", "summary", "content", "text", "subject", "goal", "userStory"];
const CRITERIA: [&str; 9] =
    ["acceptanceCriteria", "criteria", "acceptance", "steps", "testSteps", "successCriteria", "checklist", "subtasks", "tasks"];
const CRITERION_TEXTS: [&str; 6] = ["text", "description", "criterion", "title", "name", "task"];
const FLAGS: [&str; 14] = [
    "passes",
    "done",
    "complete",
    "completed",
    "passed",
    "passing",
    "finished",
    "checked",
    "met",
    "isDone",
    "isComplete",
    "isCompleted",
    "implemented",
    "verified",
];
const STATUSES: [&str; 4] = ["status", "state", "taskStatus", "storyStatus"];
const DEPENDENCIES: [&str; 5] = ["dependencies", "dependsOn", "depends", "blockedBy", "requires"];
const STARTS: [&str; 2] = ["startedAt", "started"];
const ENDS: [&str; 5] = ["completedAt", "closedAt", "endedAt", "finishedAt", "closed"];
const REASONS: [&str; 7] = ["blockedReason", "failureReason", "reason", "blocker", "error", "lastError", "closeReason"];
const NOTES: [&str; 2] = ["notes", "note"];
const COMMITS: [&str; 4] = ["commits", "commit", "commitHash", "commitSha"];

/// The plan in a tree of values, if there is one.
pub(super) fn read(top: &Node) -> Result<Plan, ParseError> {
    let mut search = Search::default();
    search.collect(top, None, None, 0);
    let best = search.lists.iter().map(|list| list.rank).min().ok_or(ParseError::NotAPlan)?;
    let mut plan = head(top);
    let mut truncation = Truncation::default();
    let mut listed = HashSet::new();
    for list in search.lists.iter().filter(|list| list.rank == best) {
        for (key, value) in &list.elements {
            let Some(mut story) = story(value, key.as_deref(), &mut truncation) else {
                truncation.bad += 1;
                continue;
            };
            let group = list.group.clone().or_else(|| group_field(value));
            // A second list that repeats the stories of the first shows them in another order.
            if list.at > 0 && story.id.is_some() && listed.contains(&(story.id.clone(), story.title.clone())) {
                continue;
            }
            if plan.stories.len() >= STORY_LIMIT {
                truncation.stories += 1;
                continue;
            }
            story.group = group.map(|group| plan.group(group));
            listed.insert((story.id.clone(), story.title.clone()));
            plan.stories.push(story.into());
        }
    }
    plan.truncation = truncation.words();
    Ok(plan)
}

/// What a document says of itself, beside its stories.
fn head(top: &Node) -> Plan {
    let about = top.first(&["metadata", "meta", "project", "plan"]).filter(|about| about.is_map());
    let text = |keys: &[&str]| top.first_text(keys).or_else(|| about?.first_text(keys));
    Plan {
        name: text(&NAMES),
        branch: text(&BRANCHES),
        description: text(&["description"]),
        estimated_secs: top.first(&["estimatedDuration"]).and_then(Node::integer),
        updated_at: about.and_then(|about| words::time(&about.first_text(&["updated", "updatedAt"])?)),
        ..Plan::default()
    }
}

/// How surely a list is one of stories; the surest kind of a document is its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Stories,
    Shared,
    /// `review_tasks`, `openTickets`.
    Alike,
    /// Two elements at least that have a name and a state.
    ByShape,
    /// Groups that say how they stand, and have no stories below them.
    Groups,
    /// Nothing in it yet.
    Empty,
}

struct List<'a> {
    rank: Rank,
    /// How many lists stand before it.
    at: usize,
    /// With the key that names an element where the list is a map.
    elements: Vec<(Option<String>, &'a Node)>,
    group: Option<PlanGroup>,
}

#[derive(Default)]
struct Search<'a> {
    lists: Vec<List<'a>>,
}

impl<'a> Search<'a> {
    /// Looks for lists of stories in a value that stands under `key`.
    fn collect(&mut self, value: &'a Node, key: Option<&str>, group: Option<&PlanGroup>, depth: usize) {
        // Criteria are no stories, even where they have a state of their own.
        let is_other =
            |key: &str| is_one_of(key, &CRITERIA[..3]) || EXAMPLES.iter().any(|example| key.to_ascii_lowercase().contains(example));
        if key.is_some_and(is_other) {
            return;
        }
        let container = key.and_then(|key| GROUPS.iter().find(|(name, _)| key.eq_ignore_ascii_case(name)));
        let before = self.lists.len();
        if let Some((_, kind)) = container {
            for (own, inside) in children(value) {
                let name = inside.first_text(&["title", "name", "id"]).or(own.map(CleanText::from));
                let group = name.map(|name| PlanGroup { name, kind: *kind });
                for (key, value) in inside.entries() {
                    self.collect(value, Some(key), group.as_ref(), depth + 2);
                }
            }
            if self.lists.len() == before && states(children(value)) >= 2 {
                self.push(Rank::Groups, children(value), None);
            }
            return;
        }
        if let Some(rank) = rank(value, key, depth) {
            self.push(rank, children(value), group);
            return;
        }
        for (key, inside) in value.entries() {
            self.collect(inside, Some(key), group, depth + 1);
        }
        if depth > 0 || value.is_list() {
            for inside in value.elements().iter().filter(|inside| inside.is_map()) {
                let name = inside.first_text(&["title", "name", "id"]);
                let own = name.map(|name| PlanGroup { name, kind: GroupKind::Section });
                for (key, value) in inside.entries() {
                    self.collect(value, Some(key), own.as_ref().or(group), depth + 2);
                }
            }
        }
    }

    fn push(&mut self, rank: Rank, elements: Vec<(Option<String>, &'a Node)>, group: Option<&PlanGroup>) {
        self.lists.push(List { rank, at: self.lists.len(), elements, group: group.cloned() });
    }
}

/// Whether a value is a list of stories, and how surely. One bad element does not spoil it.
fn rank(value: &Node, key: Option<&str>, depth: usize) -> Option<Rank> {
    let list = children(value);
    if value.is_list() && list.is_empty() {
        let is_named = key.is_none_or(|key| is_one_of(key, &STORY_LISTS) || is_one_of(key, &SHARED_LISTS));
        return (depth <= 1 && is_named).then_some(Rank::Empty);
    }
    if value.is_map() && (key.is_none() || !list.iter().all(|(_, element)| element.is_map())) {
        return None;
    }
    let named = list.iter().filter(|(key, element)| is_story(element, key.as_deref())).count();
    if named == 0 {
        return None;
    }
    let state_count = states(list);
    match key {
        None if state_count > 0 => Some(Rank::Shared),
        None => None,
        Some(key) if is_one_of(key, &STORY_LISTS) && (value.is_list() || state_count > 0) => Some(Rank::Stories),
        Some(key) if is_one_of(key, &SHARED_LISTS) && state_count > 0 => Some(Rank::Shared),
        Some(key) if is_alike(key) && state_count > 0 => Some(Rank::Alike),
        Some(_) => (state_count >= 2 && 2 * state_count >= named).then_some(Rank::ByShape),
    }
}

fn is_one_of(key: &str, keys: &[&str]) -> bool {
    keys.iter().any(|known| tree::is_key(key, known))
}

/// Whether the key ends with a word for stories.
fn is_alike(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["stories", "tasks", "features", "tickets", "todos"].iter().any(|word| key.ends_with(word))
}

fn children(value: &Node) -> Vec<(Option<String>, &Node)> {
    let entries = value.entries().iter().map(|(key, inside)| (Some(key.clone()), inside));
    entries.chain(value.elements().iter().map(|inside| (None, inside))).collect()
}

/// How many of these have a name and say how they stand, or what they ask for.
fn states(list: Vec<(Option<String>, &Node)>) -> usize {
    list.iter().filter(|(key, element)| is_story(element, key.as_deref()) && states_it(element)).count()
}

fn states_it(element: &Node) -> bool {
    let flagged = FLAGS.iter().any(|flag| element.get(flag).is_some());
    let worded = element.first_text(&STATUSES).is_some_and(|word| words::status(&word).is_some());
    let asks = CRITERIA[..3].iter().any(|name| element.get(name).is_some());
    flagged || worded || asks
}

/// Whether a list is one of stories, and of which group, with the one element as with the other.
pub(super) fn is_listed_alike(one: &Node, other: &Node) -> bool {
    let role = |element: &Node| (is_story(element, None), states_it(element), group_field(element));
    role(one) == role(other)
}

fn is_story(value: &Node, key: Option<&str>) -> bool {
    value.is_map() && (key.is_some() || value.first_text(&IDS).is_some() || value.first_text(&TITLES).is_some())
}

/// One story; `key` names it where it has no id of its own.
pub(super) fn story(value: &Node, key: Option<&str>, truncation: &mut Truncation) -> Option<PlanStory> {
    if !is_story(value, key) {
        return None;
    }
    let title = value.first_text(&TITLES);
    let (id, title) = match (value.first_text(&IDS).or_else(|| key.map(CleanText::from)), title) {
        (None, Some(title)) if title.starts_with('[') => match words::id_and_title(&title) {
            (Some(id), title) => (Some(id.into()), Some(title.into()).filter(|title: &CleanText| !title.is_empty())),
            (None, title) => (None, Some(title.into())),
        },
        (id, title) => (id, title),
    };
    let status = status(value);
    let settled = matches!(status, PlanStatus::Passed | PlanStatus::Failed);
    let excused = !matches!(status, PlanStatus::Open | PlanStatus::InProgress | PlanStatus::Passed);
    let time = |keys: &[&str]| words::time(&value.first_text(keys)?);
    Some(PlanStory {
        id,
        title,
        group: None,
        priority: value.get("priority").and_then(priority),
        dependencies: value.first(&DEPENDENCIES).map(dependencies).unwrap_or_default(),
        estimated_secs: value.first(&["estimatedDuration"]).and_then(Node::integer),
        status,
        reason: value.first_text(&REASONS).or_else(|| blocked_note(value)).filter(|_| excused),
        started_at: time(&STARTS),
        ended_at: time(&ENDS).filter(|_| settled),
        commits: commits(value),
        criteria: criteria(value, truncation),
    })
}

/// How it stands by its flag and its status word; what is not done may be blocked.
fn status(value: &Node) -> PlanStatus {
    match flagged_status(value) {
        PlanStatus::Open | PlanStatus::InProgress if value.get("blocked").and_then(is_up) == Some(true) => PlanStatus::Blocked,
        PlanStatus::Open | PlanStatus::InProgress if blocked_note(value).is_some() => PlanStatus::Blocked,
        status => status,
    }
}

/// What follows a note's label `BLOCKED:`, which agents write where the plan has a flag and no status word.
fn blocked_note(value: &Node) -> Option<CleanText> {
    let note = value.first_text(&NOTES)?;
    let (label, reason) = note.split_once(':')?;
    (words::status(label) == Some(PlanStatus::Blocked)).then(|| reason.trim().into())
}

/// The flag where it is up; else what the word says; else not done.
fn flagged_status(value: &Node) -> PlanStatus {
    let flag = FLAGS.iter().find_map(|flag| value.get(flag));
    let word = value.first_text(&STATUSES).and_then(|word| words::status(&word));
    match (flag.and_then(is_up), word) {
        (Some(true), _) => PlanStatus::Passed,
        // A flag that is down wins over a word that says done.
        (Some(false), Some(PlanStatus::Passed) | None) => PlanStatus::Open,
        (Some(false) | None, Some(word)) => word,
        // `"passes": "cancelled"`
        (None, None) => flag.and_then(Node::text).and_then(|word| words::status(&word)).unwrap_or_default(),
    }
}

/// Whether a flag is up: models write it as a word or a number, too.
fn is_up(flag: &Node) -> Option<bool> {
    flag.bool().or_else(|| match flag.text()?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    })
}

fn priority(value: &Node) -> Option<i64> {
    if let Some(number) = value.integer() {
        return Some(number);
    }
    match value.text()?.to_ascii_lowercase().as_str() {
        "p0" => Some(0),
        "p1" => Some(1),
        "p2" => Some(2),
        "p3" => Some(3),
        _ => None,
    }
}

fn dependencies(value: &Node) -> Vec<CleanText> {
    let named = |value: &Node| value.text().or_else(|| value.first_text(&["depends_on_id", "id"]));
    match value {
        Node::List(list) => list.iter().filter_map(named).collect(),
        single => named(single).into_iter().collect(),
    }
}

fn commits(value: &Node) -> Vec<CleanText> {
    let Some(found) = value.first(&COMMITS) else { return Vec::new() };
    let single = std::slice::from_ref(found);
    let list = if found.is_list() { found.elements() } else { single };
    list.iter().filter_map(Node::text).filter(|hash| words::is_hash(hash)).collect()
}

fn criteria(value: &Node, truncation: &mut Truncation) -> Vec<PlanCriterion> {
    let Some(found) = CRITERIA.iter().find_map(|name| value.get(name).filter(|found| found.is_list() || found.text().is_some())) else {
        return Vec::new();
    };
    if let Some(text) = found.text() {
        return vec![PlanCriterion { text, done: None }];
    }
    let list = found.elements();
    truncation.criteria += list.len().saturating_sub(CRITERION_LIMIT);
    list.iter().take(CRITERION_LIMIT).map(criterion).collect()
}

/// A criterion without a text keeps its place, or those behind it would get the wrong numbers.
fn criterion(value: &Node) -> PlanCriterion {
    if !value.is_map() {
        return PlanCriterion { text: value.text().unwrap_or_default(), done: None };
    }
    let text = value.first_text(&["title"]).or_else(|| value.first_text(&CRITERION_TEXTS)).unwrap_or_default();
    let has_state = FLAGS.iter().chain(&STATUSES).any(|name| value.get(name).is_some());
    PlanCriterion { text, done: has_state.then(|| status(value) == PlanStatus::Passed) }
}

fn group_field(value: &Node) -> Option<PlanGroup> {
    GROUP_FIELDS.iter().find_map(|(field, kind)| Some(PlanGroup { name: value.get(field)?.text()?, kind: *kind }))
}

#[cfg(test)]
mod tests {
    use crate::plan::{CRITERION_LIMIT, Notation, ParseError, PlanStory, STORY_LIMIT, TEXT_LIMIT, parse};

    fn show(text: &str) -> String {
        match parse(Notation::Json, text) {
            Ok(plan) => {
                let stories: Vec<String> = plan.stories.iter().map(|story| line(story)).collect();
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
                "- | - | -; [x] F2 D; [ ] F1 N",
            ),
            (
                r#"{"feature": "f", "phases": [{"name": "one", "subtasks": [{"id": "1-1", "status": "completed"}]}, {}, {"subtasks": [{"id": "2-1", "status": "pending"}]}]}"#,
                "f | - | -; [x] 1-1 -; [ ] 2-1 -",
            ),
            (r#"{"tasks": [{"task_id": 7, "task": "T", "passed": false}]}"#, "- | - | -; [ ] 7 T"),
            (
                r#"{"Project": "shop", "user-stories": [{"ID": "A", "Title": "T", "Acceptance Criteria": ["One"], "Passes": "true"}, {"ID": "B", "isDone": 0}]}"#,
                "shop | - | -; [x] A T [One]; [ ] B -",
            ),
            (r#"{"work_items": [{"text": "T", "implemented": true}, {"text": "U", "implemented": false}]}"#, "- | - | -; [x] - T; [ ] - U"),
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
    fn broken_json_names_the_position() {
        assert_eq!(show("{\n  \"userStories\": [,"), "broken: expected value at line 2 column 19");
        assert_eq!(show(""), "broken: EOF while parsing a value at line 1 column 0");
    }

    #[test]
    fn limits_are_noted() {
        let stories: Vec<String> = (0..STORY_LIMIT + 2).map(|n| format!(r#"{{"id": "{n}", "acceptanceCriteria": []}}"#)).collect();
        let plan = parse(Notation::Json, &format!(r#"{{"userStories": [{}]}}"#, stories.join(","))).expect("a plan");
        assert_eq!((plan.stories.len(), plan.truncation.as_deref()), (STORY_LIMIT, Some("2 stories beyond the first 10,000 left out")));
        let criteria = vec![r#""c""#; CRITERION_LIMIT + 1].join(",");
        let plan =
            parse(Notation::Json, &format!(r#"{{"userStories": [{{"id": "a", "acceptanceCriteria": [{criteria}]}}]}}"#)).expect("a plan");
        assert_eq!(plan.stories[0].criteria.len(), CRITERION_LIMIT);
        assert!(plan.truncation.is_some());
        assert!(matches!(parse(Notation::Json, &" ".repeat(TEXT_LIMIT + 1)), Err(ParseError::Invalid(_))));
    }
}
