//! Written id, title, criterion + plan → the subject of a key.
//!
//! Answers "which story is meant?" once per written name and keeps to the answer: a plan that turns up later must not
//! turn one story into two. Counts nothing.

mod titles;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::titles::fold;
use self::titles::{shared, titles_agree, titles_clash};
use crate::fact::{Criterion, StoryName};
use crate::plan::{CRITERION_LIMIT, Plan};

/// Longest plan whose titles are compared by their words.
const COMPARED: usize = 500;

/// Which story is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Goes into keys and event ids.
    pub key: Arc<str>,
    /// As people write it: the plan's spelling, else the first one seen.
    pub id: Option<Arc<str>>,
}

/// The names of one task.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Names {
    /// This and the next two are told again by `set_plan`.
    #[serde(skip)]
    plan: Vec<Planned>,
    #[serde(skip)]
    by_id: HashMap<String, usize>,
    #[serde(skip)]
    by_title: HashMap<String, usize>,
    /// Written form → subject, from the moment it is first asked for.
    fixed: HashMap<String, Subject>,
    /// The same by loose form, for a plan that comes later and spells the id in another way.
    fixed_loosely: HashMap<String, Subject>,
    /// Per subject outside the plan (or beyond the plan's list): criteria in order of first appearance, normalised.
    criteria: HashMap<Arc<str>, Vec<Option<String>>>,
}

#[derive(Debug, Clone)]
struct Planned {
    subject: Subject,
    title: Option<String>,
    criteria: Vec<String>,
}

impl Names {
    /// Takes the plan's stories; returns their subjects in array order.
    pub fn set_plan(&mut self, plan: &Plan) -> Vec<Subject> {
        self.plan.clear();
        self.by_id.clear();
        self.by_title.clear();
        let mut taken = HashSet::with_capacity(plan.stories.len());
        for story in &plan.stories {
            let written = written_form(story.id.as_deref(), story.title.as_deref());
            let loose = story.id.as_deref().map_or_else(|| written.clone(), loose_id);
            let place = self.plan.len();
            // A story that a log named before the plan came keeps the subject it was counted under.
            let mut key = self.fixed_loosely.get(&loose).map_or_else(|| Arc::from(written.as_str()), |fixed| fixed.key.clone());
            if !taken.insert(key.clone()) {
                // An id that the plan uses twice: the first story keeps it.
                key = Arc::from(format!("{key}~{place}"));
            }
            let subject = Subject { key, id: story.id.as_deref().map(Arc::from) };
            if let Some(id) = &story.id {
                self.by_id.entry(loose_id(id)).or_insert(place);
            }
            if let Some(title) = &story.title {
                self.by_title.entry(fold(title)).or_insert(place);
            }
            self.plan.push(Planned { subject, title: story.title.clone(), criteria: story.criteria.iter().map(|c| fold(c)).collect() });
        }
        self.plan.iter().map(|planned| planned.subject.clone()).collect()
    }

    /// The story that is meant, and its place in the plan if it has one. `heading` serves where neither id nor title is written.
    pub fn story(&mut self, name: &StoryName, heading: &str) -> (Subject, Option<usize>) {
        let id = name.id.as_deref().filter(|id| !id.trim().is_empty());
        let title = name.title.as_deref().filter(|title| !title.trim().is_empty());
        let place = match (id, title) {
            (Some(id), title) => self.by_id.get(&loose_id(id)).copied().or_else(|| self.without_id(Some(id), title?)),
            (None, Some(title)) => self.by_title.get(&fold(title)).copied().or_else(|| self.without_id(None, title)),
            (None, None) => None,
        };
        let written = written_form(id, Some(title.unwrap_or(heading)));
        if let Some(fixed) = self.fixed.get_mut(&written) {
            if fixed.id.is_none() {
                fixed.id = place.and_then(|place| self.plan[place].subject.id.clone()).or_else(|| id.map(Arc::from));
            }
            return (fixed.clone(), place);
        }
        let subject = match place {
            Some(place) => self.plan[place].subject.clone(),
            None => Subject { key: Arc::from(written.as_str()), id: id.map(Arc::from) },
        };
        self.fixed_loosely.entry(id.map_or_else(|| written.clone(), loose_id)).or_insert_with(|| subject.clone());
        self.fixed.insert(written, subject.clone());
        (subject, place)
    }

    /// A story of the plan that has no id there: by its place, where the log counts the stories, else by the only title that agrees.
    fn without_id(&self, id: Option<&str>, title: &str) -> Option<usize> {
        let nameless = |place: &usize| self.plan[*place].subject.id.is_none();
        if let Some(place) = self.by_title.get(&fold(title)).copied().filter(nameless) {
            return Some(place);
        }
        let agrees = |place: &usize| self.plan[*place].title.as_deref().is_some_and(|planned| titles_agree(planned, title));
        let counted = id.and_then(|id| loose_id(id).parse::<usize>().ok()).and_then(|number| number.checked_sub(1));
        if let Some(place) = counted.filter(|place| *place < self.plan.len() && nameless(place) && agrees(place)) {
            return Some(place);
        }
        // Comparing every title with every other is for plans that a person could have written.
        if self.plan.len() > COMPARED {
            return None;
        }
        // One word in common is a coincidence.
        let agrees = |place: &usize| agrees(place) && self.plan[*place].title.as_deref().is_some_and(|planned| shared(planned, title) >= 2);
        let mut agreeing = (0..self.plan.len()).filter(nameless).filter(agrees);
        match (agreeing.next(), agreeing.next()) {
            (Some(place), None) => Some(place),
            (_, Some(_)) | (None, None) => None,
        }
    }

    /// Index of a criterion within its story. `None` when it has neither number nor text, or is beyond what a story may have.
    pub fn criterion(&mut self, subject: &Subject, place: Option<usize>, written: &Criterion) -> Option<u32> {
        let planned: &[String] = place.map_or(&[], |place| &self.plan[place].criteria);
        if let Some(index) = written.index
            && (index as usize) < planned.len()
        {
            return Some(index);
        }
        let text = written.text.as_deref().map(fold).filter(|text| !text.is_empty());
        if let Some(text) = &text
            && let Some(index) = find(planned, text, written.text.as_deref().is_some_and(is_cut))
        {
            return Some(index);
        }
        let others = self.criteria.entry(subject.key.clone()).or_default();
        let offset = planned.len();
        let taken = others.iter().position(|seen| seen.is_some() && *seen == text);
        let place = match (taken, written.index) {
            (Some(place), _) => place,
            (None, Some(index)) if offset == 0 => index as usize,
            (None, index) if text.is_none() => return index.filter(|index| (*index as usize) < CRITERION_LIMIT),
            (None, _) => others.iter().position(Option::is_none).unwrap_or(others.len()),
        };
        if offset + place >= CRITERION_LIMIT {
            return None;
        }
        if others.len() <= place {
            others.resize(place + 1, None);
        }
        if others[place].is_none() {
            others[place] = text;
        }
        u32::try_from(offset + place).ok()
    }

    /// Whether a title written in a log can mean the plan's story: they agree, or one is missing.
    pub fn titles_agree(&self, place: usize, written: Option<&str>) -> bool {
        match (&self.plan[place].title, written) {
            (Some(planned), Some(written)) => titles_agree(planned, written),
            (None, _) | (_, None) => true,
        }
    }

    /// Whether a title written in a log is surely another story's than the plan's.
    pub fn titles_clash(&self, place: usize, written: &str) -> bool {
        self.plan[place].title.as_deref().is_some_and(|planned| titles_clash(planned, written))
    }

    /// A new run numbers its criteria afresh, and may spell its ids in another way.
    pub fn begin_run(&mut self) {
        self.criteria.clear();
        for subject in self.fixed.values_mut() {
            subject.id = None;
        }
    }
}

/// The written form that a name is remembered by, and its key outside a plan: the id upper-cased, else the folded title.
fn written_form(id: Option<&str>, title: Option<&str>) -> String {
    match (id, title) {
        (Some(id), _) => bare_id(id),
        (None, Some(title)) => format!("title:{}", fold(title)),
        (None, None) => "title:".to_owned(),
    }
}

/// Upper case, without brackets, white space and generic words: `Task [us-003]` → `US-003`.
fn bare_id(id: &str) -> String {
    const GENERIC: [&str; 7] = ["STORY", "TASK", "FEATURE", "ISSUE", "STEP", "SUBTASK", "ITEM"];
    let upper: String = id
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '[' | ']' | '(' | ')' | '#' | '*' | '`'))
        .flat_map(char::to_uppercase)
        .collect();
    for word in GENERIC {
        // Only before a number: `TASK-007` is an id with its prefix, `Task 7` is the number 7.
        if let Some(rest) = upper.strip_prefix(word)
            && rest.starts_with(|c: char| c.is_ascii_digit())
        {
            return rest.to_owned();
        }
    }
    upper
}

/// Like [`bare_id`], and leading zeros of every number dropped: `US-003` and `us-3` are one.
fn loose_id(id: &str) -> String {
    let bare = bare_id(id);
    let mut loose = String::with_capacity(bare.len());
    let mut digits = bare.chars().peekable();
    let mut in_number = false;
    while let Some(c) = digits.next() {
        let next_is_digit = digits.peek().is_some_and(char::is_ascii_digit);
        if c == '0' && !in_number && next_is_digit {
            continue;
        }
        in_number = c.is_ascii_digit();
        loose.push(c);
    }
    loose
}

fn is_cut(text: &str) -> bool {
    let text = text.trim_end();
    text.ends_with('…') || text.ends_with("...")
}

/// The place of a criterion in a list: equal, or the only one that a cut text begins.
fn find(list: &[String], text: &str, cut: bool) -> Option<u32> {
    let equal = list.iter().position(|have| have == text);
    let found = equal.or_else(|| {
        let mut starts = list.iter().enumerate().filter(|(_, have)| cut && have.starts_with(text));
        match (starts.next(), starts.next()) {
            (Some((place, _)), None) => Some(place),
            (_, Some(_)) | (None, None) => None,
        }
    });
    found.and_then(|place| u32::try_from(place).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PlanStory;

    fn plan(stories: &[(&str, &str, &[&str])]) -> Plan {
        let stories = stories
            .iter()
            .map(|(id, title, criteria)| PlanStory {
                id: Some((*id).into()),
                title: Some((*title).into()),
                criteria: criteria.iter().map(|c| (*c).to_owned()).collect(),
                ..PlanStory::default()
            })
            .collect();
        Plan { stories, ..Plan::default() }
    }

    fn name(id: &str, title: &str) -> StoryName {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        StoryName { id: some(id), title: some(title) }
    }

    #[test]
    fn a_written_name_finds_its_story() {
        let mut names = Names::default();
        names.set_plan(&plan(&[("US-003", "Create the login", &[]), ("7", "Log out", &[])]));
        for (id, title, expected) in [
            ("us-3", "", "US-003"),
            ("[US-003]", "anything", "US-003"),
            ("Task 7", "", "7"),
            ("", "create the LOGIN!", "US-003"),
            ("TASK-007", "", "TASK-007"),
            ("us-9", "Log out", "US-9"),
            ("", "Something else", "title:something else"),
        ] {
            assert_eq!(&*names.story(&name(id, title), "").0.key, expected, "{id} {title}");
        }
    }

    #[test]
    fn a_plan_that_comes_later_does_not_rename_what_was_counted() {
        let mut names = Names::default();
        let before = names.story(&name("us-3", ""), "").0;
        names.set_plan(&plan(&[("US-003", "Create the login", &[])]));
        assert_eq!(names.story(&name("us-3", ""), "").0.key, before.key);
    }

    #[test]
    fn another_run_may_spell_an_id_in_another_way() {
        let mut names = Names::default();
        let before = names.story(&name("CHORE-1", ""), "").0;
        names.begin_run();
        let after = names.story(&name("chore-1", ""), "").0;
        assert_eq!((after.key == before.key, after.id.as_deref()), (true, Some("chore-1")));
    }

    #[test]
    fn criteria_by_number_text_and_cut_text() {
        let mut names = Names::default();
        names.set_plan(&plan(&[("US-1", "T", &["Check the mail address", "Check the password", "Return a token"])]));
        let (subject, place) = names.story(&name("US-1", ""), "");
        let mut index = |index: Option<u32>, text: &str| {
            names.criterion(&subject, place, &Criterion { index, text: (!text.is_empty()).then(|| text.to_owned()) })
        };
        assert_eq!(index(Some(2), "whatever"), Some(2));
        assert_eq!(index(None, "check the PASSWORD."), Some(1));
        assert_eq!(index(None, "Return a…"), Some(2));
        assert_eq!(index(None, "Check the…"), Some(3), "two begin like this: it is one more criterion");
        assert_eq!(index(None, "Something new"), Some(4));
        assert_eq!(index(None, "something NEW"), Some(4));
    }

    #[test]
    fn criteria_without_a_plan_are_ranked_by_first_appearance() {
        let mut names = Names::default();
        let (subject, place) = names.story(&name("US-1", ""), "");
        let mut index =
            |index: Option<u32>, text: &str| names.criterion(&subject, place, &Criterion { index, text: Some(text.to_owned()) });
        assert_eq!(index(None, "one"), Some(0));
        assert_eq!(index(None, "two"), Some(1));
        assert_eq!(index(None, "one"), Some(0));
        assert_eq!(index(Some(4), "five"), Some(4));
        assert_eq!(index(None, "three"), Some(2));
    }

    #[test]
    fn a_plan_without_ids_is_known_by_title_and_place() {
        let stories = ["Dashboard shows the table", "Registration form works", "Add a README.md file"];
        let stories = stories.iter().map(|title| PlanStory { title: Some((*title).into()), ..PlanStory::default() }).collect();
        let mut names = Names::default();
        names.set_plan(&Plan { stories, ..Plan::default() });
        for (id, title, expected) in [
            ("2", "Single registration form", Some(1)),
            ("", "Added README.md", Some(2)),
            ("1", "dashboard shows the table", Some(0)),
            ("3", "Something else entirely", None),
            ("", "Form", None),
        ] {
            assert_eq!(names.story(&name(id, title), "").1, expected, "{id} {title}");
        }
    }

    #[test]
    fn only_titles_without_a_common_word_clash() {
        assert!(titles_clash("Create branded type validators", "Write schema with unit tests"));
        assert!(!titles_clash("Create login endpoint", "Login endpoint created"));
        assert!(!titles_clash("支払い画面を作る", "Build the payment screen"));
        assert!(!titles_clash("UI Cleanup", "Remove every component"));
    }

    #[test]
    fn retold_titles_agree_and_other_titles_do_not() {
        assert!(titles_agree("Create login endpoint", "login endpoint created (POST)"));
        assert!(titles_agree("Ada", "Add the Ada implementation"));
        assert!(!titles_agree("Create login endpoint", "Export invoices as PDF"));
    }
}
