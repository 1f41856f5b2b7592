//! A written id, title or criterion and the plan → the story that it means.
//!
//! Resolves each written name once and keeps the result: a plan that turns up later must not turn one story into two. Counts nothing.

mod known_names;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fact::{Criterion, StoryName};
use crate::plan::{CRITERION_LIMIT, Plan};
use known_names::KnownNames;

/// Most written names whose story is kept.
const MAX_NAMES: usize = 1_000_000;
/// Most stories of a plan whose titles are compared word by word.
const MAX_COMPARED_STORIES: usize = 500;

/// Before the written form of a story without an id. Ids are upper-cased.
const TITLE: &str = "title:";

/// A reference to a story, whether a plan has it or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryRef {
    /// Goes into keys and event ids.
    pub key: Arc<str>,
    /// The id as people write it: in the plan's spelling, else in the first one known.
    pub id: Option<Arc<str>>,
}

/// Resolves the names that the sources of one task write.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StoryResolver {
    /// Not persisted, like the next three: `set_plan` rebuilds them.
    #[serde(skip)]
    plan: Vec<ResolvedPlanStory>,
    #[serde(skip)]
    by_id: HashMap<String, usize>,
    #[serde(skip)]
    by_title: HashMap<String, usize>,
    /// `Phase 2` by its number.
    #[serde(skip)]
    by_number: HashMap<String, usize>,
    /// Written form → story, from the first time that it was resolved.
    resolved: KnownNames,
    /// Criteria that the plan does not list, by [`StoryRef::key`]: normalized, in order of first appearance.
    criteria: HashMap<Arc<str>, Vec<Option<String>>>,
}

/// A story of the plan, with its criteria normalized.
#[derive(Debug, Clone)]
struct ResolvedPlanStory {
    story_ref: StoryRef,
    title: Option<String>,
    criteria: Vec<String>,
}

impl StoryResolver {
    /// Adopts the plan's stories. Returns a reference to each, in the order of the plan.
    pub fn set_plan(&mut self, plan: &Plan) -> Vec<StoryRef> {
        self.plan.clear();
        self.by_id.clear();
        self.by_title.clear();
        self.by_number.clear();
        let mut taken = HashSet::with_capacity(plan.stories.len());
        let known = self.keys_by_normalized_id();
        for story in &plan.stories {
            let written = written_form(story.id.as_deref(), story.title.as_deref());
            let normalized = story.id.as_deref().map_or_else(|| written.to_string(), normalize_id);
            let index = self.plan.len();
            // A story that a log named before the plan came keeps the key it was counted under.
            let mut key = known.get(&normalized).cloned().unwrap_or_else(|| Arc::from(&*written));
            if !taken.insert(key.clone()) {
                // The plan uses this id twice: the first story keeps it.
                key = Arc::from(format!("{key}~{index}"));
            }
            let id = story.id.as_deref().map(|id| shared(id, &key));
            let story_ref = StoryRef { key, id };
            if let Some(id) = &story.id {
                self.by_id.entry(normalize_id(id)).or_insert(index);
                self.by_number.entry(number(&normalize_id(id)).to_owned()).or_insert(index);
            }
            if let Some(title) = &story.title {
                self.by_title.entry(normalize(title)).or_insert(index);
            }
            self.plan.push(ResolvedPlanStory {
                story_ref,
                title: story.title.as_ref().map(String::from),
                criteria: story.criteria.iter().map(|criterion| normalize(&criterion.text)).collect(),
            });
        }
        self.planned()
    }

    /// For a plan that spells the ids of a log in another way. Of two spellings in the log the shorter one is the plan's.
    fn keys_by_normalized_id(&self) -> HashMap<String, Arc<str>> {
        let mut known: Vec<(&str, &Arc<str>)> = self.resolved.iter().collect();
        known.sort_unstable_by_key(|(written, _)| std::cmp::Reverse((written.len(), *written)));
        let normalized = |written: &str| if written.starts_with(TITLE) { written.to_owned() } else { normalize_id(written) };
        known.into_iter().map(|(written, key)| (normalized(written), key.clone())).collect()
    }

    /// A reference to each story of the plan, in its order.
    pub fn planned(&self) -> Vec<StoryRef> {
        self.plan.iter().map(|planned| planned.story_ref.clone()).collect()
    }

    /// The story that `name` means, and its index in the plan if the plan has it. `heading` stands for a name without id and title.
    pub fn resolve_story(&mut self, name: &StoryName, heading: &str) -> (StoryRef, Option<usize>) {
        let (id, title) = written_names(name);
        let index = self.find_in_plan(name);
        let written = written_form(id, Some(title.unwrap_or(heading)));
        if let Some(mut known) = self.resolved.get(&written) {
            if known.id.is_none() {
                let planned = index.and_then(|index| self.plan[index].story_ref.id.clone());
                known.id = planned.or_else(|| name.id.clone().filter(|_| id.is_some()));
                if known.id.is_some() {
                    self.resolved.insert(&written, known.clone());
                }
            }
            return (known, index);
        }
        let story_ref = match index {
            Some(index) => self.plan[index].story_ref.clone(),
            None => {
                let own = name.id.clone().filter(|_| id.is_some());
                let key = own.clone().filter(|id| **id == *written).unwrap_or_else(|| Arc::from(&*written));
                StoryRef { id: own, key }
            }
        };
        // The ledger counts no more keys than this either.
        if self.resolved.len() < MAX_NAMES {
            self.resolved.insert(&written, story_ref.clone());
        }
        (story_ref, index)
    }

    /// The index in the plan of the story that `name` means.
    pub fn find_in_plan(&self, name: &StoryName) -> Option<usize> {
        if self.plan.is_empty() {
            return None;
        }
        match written_names(name) {
            (Some(id), title) => {
                let id = normalize_id(id);
                let by_id = self.by_id.get(&id).copied().or_else(|| self.find_by_number(&id, title?));
                by_id.or_else(|| self.find_without_id(Some(&id), title?))
            }
            (None, Some(title)) => self.by_title.get(&normalize(title)).copied().or_else(|| self.find_without_id(None, title)),
            (None, None) => None,
        }
    }

    /// The index of a part of the plan that one of the two calls `Phase 2` and the other 2: the titles must agree.
    fn find_by_number(&self, id: &str, title: &str) -> Option<usize> {
        let index = *self.by_number.get(number(id))?;
        self.plan[index].title.as_deref().is_some_and(|planned| titles_agree(planned, title)).then_some(index)
    }

    /// The index of a story that the plan gives no id: by its number where the log numbers the stories, else by the only title that
    /// agrees.
    fn find_without_id(&self, id: Option<&str>, title: &str) -> Option<usize> {
        let has_no_id = |index: &usize| self.plan[*index].story_ref.id.is_none();
        if let Some(index) = self.by_title.get(&normalize(title)).copied().filter(has_no_id) {
            return Some(index);
        }
        let agrees = |index: &usize| self.plan[*index].title.as_deref().is_some_and(|planned| titles_agree(planned, title));
        let numbered = id.and_then(|id| normalize_id(id).parse::<usize>().ok()).and_then(|number| number.checked_sub(1));
        if let Some(index) = numbered.filter(|index| *index < self.plan.len() && has_no_id(index) && agrees(index)) {
            return Some(index);
        }
        // Every written title is compared with every planned one: affordable only for plans that a person could have written.
        if self.plan.len() > MAX_COMPARED_STORIES {
            return None;
        }
        // One common word is a coincidence.
        let agrees = |index: &usize| {
            agrees(index) && self.plan[*index].title.as_deref().is_some_and(|planned| common_word_count(planned, title) >= 2)
        };
        let mut agreeing = (0..self.plan.len()).filter(has_no_id).filter(agrees);
        match (agreeing.next(), agreeing.next()) {
            (Some(index), None) => Some(index),
            (_, Some(_)) | (None, None) => None,
        }
    }

    /// Whether the plan gives the story at this index a title.
    pub fn has_title(&self, index: usize) -> bool {
        self.plan.get(index).is_some_and(|planned| planned.title.is_some())
    }

    /// The index of a criterion within its story. `None` when it has neither number nor text, or exceeds [`CRITERION_LIMIT`].
    pub fn resolve_criterion(&mut self, story_ref: &StoryRef, story_index: Option<usize>, written: &Criterion) -> Option<u32> {
        let planned: &[String] = story_index.map_or(&[], |story| &self.plan[story].criteria);
        if let Some(index) = written.index
            && (index as usize) < planned.len()
        {
            return Some(index);
        }
        let text = written.text.as_deref().map(normalize).filter(|text| !text.is_empty());
        if let Some(text) = &text
            && let Some(index) = find_criterion(planned, text, written.text.as_deref().is_some_and(is_truncated))
        {
            return Some(index);
        }
        let others = self.criteria.entry(story_ref.key.clone()).or_default();
        let offset = planned.len();
        let taken = others.iter().position(|known| known.is_some() && *known == text);
        let index = match (taken, written.index) {
            (Some(index), _) => index,
            (None, Some(index)) if offset == 0 => index as usize,
            (None, index) if text.is_none() => return index.filter(|index| (*index as usize) < CRITERION_LIMIT),
            (None, _) => others.iter().position(Option::is_none).unwrap_or(others.len()),
        };
        if offset + index >= CRITERION_LIMIT {
            return None;
        }
        if others.len() <= index {
            others.resize(index + 1, None);
        }
        if others[index].is_none() {
            others[index] = text;
        }
        u32::try_from(offset + index).ok()
    }

    /// Whether a title in a log can mean the plan's story: the two agree, or one is missing.
    pub fn titles_agree(&self, index: usize, written: Option<&str>) -> bool {
        match (&self.plan[index].title, written) {
            (Some(planned), Some(written)) => titles_agree(planned, written),
            (None, _) | (_, None) => true,
        }
    }

    /// Whether a title in a log surely names another story than the plan's.
    pub fn titles_clash(&self, index: usize, written: &str) -> bool {
        self.plan[index].title.as_deref().is_some_and(|planned| titles_clash(planned, written))
    }

    /// Keeps the names in little room until one is added.
    pub fn compact(&mut self) {
        self.resolved.compact();
    }

    /// Forgets what belongs to the run before: the numbers of criteria and the spelling of ids.
    pub fn begin_run(&mut self) {
        self.criteria.clear();
        self.resolved.forget_ids();
    }
}

/// The text as `known`, when the two are equal: most ids are spelled as their keys are, and there may be thousands.
fn shared(text: &str, known: &Arc<str>) -> Arc<str> {
    if text == &**known { known.clone() } else { Arc::from(text) }
}

/// Id and title, each `None` when it is blank.
fn written_names(name: &StoryName) -> (Option<&str>, Option<&str>) {
    let written = |name: &&str| !name.trim().is_empty();
    (name.id.as_deref().filter(written), name.title.as_deref().filter(written))
}

/// The form under which `StoryResolver::resolved` keeps a name, which is also its key outside a plan: the bare id, else the normalized
/// title.
fn written_form<'t>(id: Option<&'t str>, title: Option<&str>) -> Cow<'t, str> {
    match (id, title) {
        (Some(id), _) => bare_id(id),
        (None, Some(title)) => format!("{TITLE}{}", normalize(title)).into(),
        (None, None) => TITLE.into(),
    }
}

/// Upper case, without brackets, white space and generic words: `Task [us-003]` → `US-003`.
fn bare_id(id: &str) -> Cow<'_, str> {
    if id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')) {
        return Cow::Borrowed(without_generic_word(id));
    }
    let mut upper = String::with_capacity(id.len());
    for c in id.chars().filter(|c| !c.is_whitespace() && !matches!(c, '[' | ']' | '(' | ')' | '#' | '*' | '`')) {
        if c.is_ascii() { upper.push(c.to_ascii_uppercase()) } else { upper.extend(c.to_uppercase()) }
    }
    match without_generic_word(&upper) {
        number if number.len() < upper.len() => Cow::Owned(number.to_owned()),
        _ => Cow::Owned(upper),
    }
}

fn without_generic_word(upper: &str) -> &str {
    const GENERIC: [&str; 7] = ["STORY", "TASK", "FEATURE", "ISSUE", "STEP", "SUBTASK", "ITEM"];
    for word in GENERIC {
        // Only before a number: `TASK-007` is an id with its prefix, `Task 7` is the number 7.
        if let Some(number) = upper.strip_prefix(word)
            && number.starts_with(|c: char| c.is_ascii_digit())
        {
            return number;
        }
    }
    upper
}

/// [`bare_id`] without the leading zeros of each number: `US-003` and `us-3` are one story.
fn normalize_id(id: &str) -> String {
    let bare = bare_id(id);
    let mut normalized = String::with_capacity(bare.len());
    let mut digits = bare.chars().peekable();
    let mut in_number = false;
    while let Some(c) = digits.next() {
        let next_is_digit = digits.peek().is_some_and(char::is_ascii_digit);
        if c == '0' && !in_number && next_is_digit {
            continue;
        }
        in_number = c.is_ascii_digit();
        normalized.push(c);
    }
    normalized
}

/// A normalized id without the word for a part of a plan before its number: `PHASE2` → `2`.
fn number(normalized: &str) -> &str {
    const PARTS: [&str; 6] = ["PHASE", "EPIC", "MILESTONE", "WAVE", "STAGE", "SPRINT"];
    let number = PARTS.iter().find_map(|word| normalized.strip_prefix(word));
    number.filter(|number| number.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(normalized)
}

/// Lower case, with a single space for everything between letters and digits.
pub fn normalize(text: &str) -> String {
    let mut normalized = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            normalized.push(c.to_ascii_lowercase());
        } else if c.is_alphanumeric() {
            normalized.extend(c.to_lowercase());
        } else if !normalized.is_empty() && !normalized.ends_with(' ') {
            normalized.push(' ');
        }
    }
    normalized.truncate(normalized.trim_end().len());
    normalized
}

fn is_truncated(text: &str) -> bool {
    let text = text.trim_end();
    text.ends_with('…') || text.ends_with("...")
}

/// The index of a criterion in a list: the equal one, or the only one that starts with a truncated text.
fn find_criterion(list: &[String], text: &str, truncated: bool) -> Option<u32> {
    let equal = list.iter().position(|have| have == text);
    let found = equal.or_else(|| {
        let mut starts = list.iter().enumerate().filter(|(_, have)| truncated && have.starts_with(text));
        match (starts.next(), starts.next()) {
            (Some((index, _)), None) => Some(index),
            (_, Some(_)) | (None, None) => None,
        }
    });
    found.and_then(|index| u32::try_from(index).ok())
}

/// Whether two titles may name one story: half the words of the shorter one are in the longer one, because logs paraphrase.
pub fn titles_agree(one: &str, other: &str) -> bool {
    let (one, other) = (normalize(one), normalize(other));
    if one.is_empty() || other.is_empty() || one == other {
        return true;
    }
    let (one, other) = (word_set(&one), word_set(&other));
    2 * one.intersection(&other).count() >= one.len().min(other.len())
}

/// Number of words that both titles have.
fn common_word_count(one: &str, other: &str) -> usize {
    word_set(&normalize(one)).intersection(&word_set(&normalize(other))).count()
}

fn word_set(normalized: &str) -> HashSet<String> {
    normalized.split(' ').map(str::to_owned).collect()
}

/// Whether two titles surely name different stories: both have two ASCII stems or more, and none in common.
fn titles_clash(one: &str, other: &str) -> bool {
    // Stems of words that are in every other title.
    const COMMON: [&str; 14] =
        ["crea", "adde", "impl", "upda", "remo", "repl", "buil", "with", "from", "into", "test", "migr", "refa", "unit"];
    let stems = |text: &str| -> HashSet<String> {
        let normalized = normalize(text);
        let long = normalized.split(' ').filter(|word| word.is_ascii() && word.len() >= 4).map(|word| word[..4].to_owned());
        long.filter(|stem| !COMMON.contains(&stem.as_str())).collect()
    };
    let (one, other) = (stems(one), stems(other));
    one.len() >= 2 && other.len() >= 2 && one.is_disjoint(&other)
}
