//! Written id, title, criterion + plan → the subject of a key.
//!
//! Answers "which story is meant?" once per written name and keeps to the answer: a plan that turns up later must not
//! turn one story into two. Counts nothing.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fact::{Criterion, StoryName};
use crate::plan::{CRITERION_LIMIT, Plan};

/// Most names that are remembered.
const NAMES: usize = 1_000_000;
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
            self.plan.push(Planned {
                subject,
                title: story.title.clone(),
                criteria: story.criteria.iter().map(|criterion| fold(&criterion.text)).collect(),
            });
        }
        self.plan.iter().map(|planned| planned.subject.clone()).collect()
    }

    /// The story that is meant, and its place in the plan if it has one. `heading` serves where neither id nor title is written.
    pub fn story(&mut self, name: &StoryName, heading: &str) -> (Subject, Option<usize>) {
        let (id, title) = written_names(name);
        let place = self.place(name);
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
        // Beyond that nothing new is counted any more.
        if self.fixed.len() < NAMES {
            self.fixed_loosely.entry(id.map_or_else(|| written.clone(), loose_id)).or_insert_with(|| subject.clone());
            self.fixed.insert(written, subject.clone());
        }
        (subject, place)
    }

    /// The place in the plan of the story that is meant.
    pub fn place(&self, name: &StoryName) -> Option<usize> {
        match written_names(name) {
            (Some(id), title) => self.by_id.get(&loose_id(id)).copied().or_else(|| self.without_id(Some(id), title?)),
            (None, Some(title)) => self.by_title.get(&fold(title)).copied().or_else(|| self.without_id(None, title)),
            (None, None) => None,
        }
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

    /// Whether the plan gives the story in this place a title.
    pub fn is_titled(&self, place: usize) -> bool {
        self.plan.get(place).is_some_and(|planned| planned.title.is_some())
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
/// Id and title, where something is written.
fn written_names(name: &StoryName) -> (Option<&str>, Option<&str>) {
    let written = |name: &&str| !name.trim().is_empty();
    (name.id.as_deref().filter(written), name.title.as_deref().filter(written))
}

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

/// Lower case, everything that is neither letter nor digit folded into single spaces.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            folded.extend(c.to_lowercase());
        } else if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
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

/// Titles are retold freely; they agree when half the words of the shorter one stand in the longer one.
pub fn titles_agree(one: &str, other: &str) -> bool {
    let (one, other) = (fold(one), fold(other));
    if one.is_empty() || other.is_empty() || one == other {
        return true;
    }
    let (one, other) = (words(&one), words(&other));
    2 * one.intersection(&other).count() >= one.len().min(other.len())
}

/// Words that both titles have.
fn shared(one: &str, other: &str) -> usize {
    words(&fold(one)).intersection(&words(&fold(other))).count()
}

fn words(folded: &str) -> HashSet<String> {
    folded.split(' ').map(str::to_owned).collect()
}

/// Two titles that surely name different things: both have words enough in the same script, and no stem is in both.
fn titles_clash(one: &str, other: &str) -> bool {
    // Beginnings of what every other title says.
    const COMMON: [&str; 14] =
        ["crea", "adde", "impl", "upda", "remo", "repl", "buil", "with", "from", "into", "test", "migr", "refa", "unit"];
    let stems = |text: &str| -> HashSet<String> {
        let folded = fold(text);
        let long = folded.split(' ').filter(|word| word.is_ascii() && word.len() >= 4).map(|word| word[..4].to_owned());
        long.filter(|stem| !COMMON.contains(&stem.as_str())).collect()
    };
    let (one, other) = (stems(one), stems(other));
    one.len() >= 2 && other.len() >= 2 && one.is_disjoint(&other)
}
