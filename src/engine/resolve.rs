//! A fact → the item to count, by the names it uses. Decides which facts are ignored.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Timestamp;
use crate::fact::{CountedKind, Fact, Failure, Key, Provenance, Statement, StoryName};
use crate::ledger::CountItem;
use crate::plan::Plan;
use crate::subject::{StoryRef, StoryResolver, normalize};

/// What the ledger is to make of a fact.
pub(super) enum Resolved {
    Countable(CountItem),
    /// The state shows it and no event comes of it: activity, headers.
    StateOnly,
    /// It states the progress of an earlier plan.
    Ignored,
    /// It is dated, or placed in its log, before this run began.
    PreviousRun(CountItem),
}

/// Where the present run begins in what was there at the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RunStart {
    /// A record with an earlier time belongs to an earlier run.
    pub(super) at: Option<Timestamp>,
    /// So does a log line with a lower number.
    pub(super) line: u32,
}

/// The names of a fact, resolved.
#[derive(Debug, Clone)]
pub(super) struct ResolvedNames {
    pub(super) kind: Option<CountedKind>,
    pub(super) story: Option<StoryRef>,
    /// Index of the story in the plan.
    story_index: Option<usize>,
    /// Index of the criterion within its story.
    pub(super) criterion: Option<u32>,
    /// What the key is made of, beside the kind; event ids are made of it, too.
    pub(super) key_text: Arc<str>,
    /// The names suffice to count the fact.
    countable: bool,
}

impl ResolvedNames {
    /// Replaces the story.
    pub(super) fn set_story(&mut self, story: StoryRef) {
        self.key_text = story.key.clone();
        self.story = Some(story);
    }

    /// Sets the criterion of the story that was set before.
    pub(super) fn set_criterion(&mut self, criterion: u32) {
        let story = self.story.as_ref().map(|story| story.key.to_string()).unwrap_or_default();
        self.key_text = criterion_key(&story, criterion).into();
        self.criterion = Some(criterion);
        self.countable = true;
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct FactResolver {
    stories: StoryResolver,
    /// The plan whose stories it knows.
    #[serde(skip)]
    plan: Option<Arc<Plan>>,
    /// Whether a fact with this id and title belongs to the plan: decided once per pair, so that counts stay comparable.
    matches_plan: HashMap<String, bool>,
}

impl FactResolver {
    pub(super) fn set_plan(&mut self, plan: &Arc<Plan>) -> Vec<StoryRef> {
        let is_known = self.plan.replace(plan.clone()).is_some_and(|known| known.has_work_of(plan));
        if is_known { self.stories.planned() } else { self.stories.set_plan(plan) }
    }

    /// Whether the plan has a story of this name.
    pub(super) fn has_in_plan(&self, name: &StoryName) -> bool {
        self.stories.find_in_plan(name).is_some()
    }

    /// Keeps the names in little room until one is added.
    pub(super) fn compact(&mut self) {
        self.stories.compact();
    }

    pub(super) fn begin_run(&mut self) {
        self.stories.begin_run();
    }

    /// What the ledger makes of a fact.
    pub(super) fn resolve(&mut self, fact: &Fact, plan: Option<&Plan>, run_start: RunStart) -> Resolved {
        let names = self.resolve_names(fact);
        let Some(kind) = names.kind.filter(|kind| *kind != CountedKind::TaskStarted && names.countable) else { return Resolved::StateOnly };
        if !self.matches_plan(fact, kind, &names, plan) {
            return Resolved::Ignored;
        }
        let item = CountItem::new(key(kind, &names.key_text), fact.form, fact.entry_hash, kind);
        let is_earlier = fact.recorded_at.zip(run_start.at).is_some_and(|(when, start)| when.at < start) || fact.line < run_start.line;
        if is_earlier { Resolved::PreviousRun(item) } else { Resolved::Countable(item) }
    }

    pub(super) fn resolve_names(&mut self, fact: &Fact) -> ResolvedNames {
        let kind = CountedKind::of(&fact.statement);
        let (story, story_index) = match &fact.story {
            Some(name) => {
                let (story, index) = self.stories.resolve_story(name, fact.text.trim());
                (Some(story), index)
            }
            None => (None, None),
        };
        let criterion = match (&fact.statement, &story) {
            (Statement::CriterionDone { criterion, .. }, Some(story)) => self.stories.resolve_criterion(story, story_index, criterion),
            _ => None,
        };
        let countable = match &fact.statement {
            Statement::CriterionDone { .. } => criterion.is_some(),
            Statement::StoryStarted { .. } | Statement::StoryEnded { .. } => story.is_some(),
            Statement::TaskStarted { .. } | Statement::TaskEnded { .. } | Statement::Error(_) => true,
            Statement::Activity { .. } => false,
        };
        let key_text = match (&fact.statement, &story) {
            (Statement::CriterionDone { .. }, Some(story)) => criterion_key(&story.key, criterion.unwrap_or_default()).into(),
            // An error outside of a story is identified by its message.
            (Statement::Error(Failure { message, .. }), None) => format!("\u{1}{}", normalize(message)).into(),
            (_, Some(story)) => story.key.clone(),
            (_, None) => "".into(),
        };
        ResolvedNames { kind, story, story_index, criterion, key_text, countable }
    }

    /// Returns whether a fact belongs to the plan, and keeps the decision: an entry about an open story does when the titles agree, one
    /// about a passed story unless the titles clash.
    fn matches_plan(&mut self, fact: &Fact, kind: CountedKind, names: &ResolvedNames, plan: Option<&Plan>) -> bool {
        let is_about_work_done = match kind {
            CountedKind::StoryPassed | CountedKind::StoryFailed | CountedKind::CriterionDone => true,
            CountedKind::StoryStarted => fact.provenance == Provenance::Derived,
            CountedKind::TaskStarted | CountedKind::Error | CountedKind::TaskPassed | CountedKind::TaskFailed => false,
        };
        let (Some(StoryName { id: Some(id), title: Some(title) }), Some(index), Some(plan)) = (&fact.story, names.story_index, plan) else {
            return true;
        };
        if !is_about_work_done {
            return true;
        }
        let is_open = plan.stories.get(index).is_some_and(|story| !story.is_passed());
        let agree = self.stories.titles_agree(index, Some(title));
        let clash = self.stories.titles_clash(index, title);
        *self.matches_plan.entry(format!("{id}\u{0}{title}")).or_insert(if is_open { agree } else { !clash })
    }
}

fn criterion_key(story: &str, criterion: u32) -> String {
    format!("{story}\u{1}{criterion}")
}

/// The key of a kind and of what it is about.
pub(super) fn key(kind: CountedKind, text: &str) -> Key {
    let parts = [kind.id_name().as_bytes(), b"\0", text.as_bytes()];
    let mut buffer = [0; 128];
    let length = parts.iter().map(|part| part.len()).sum();
    // A few keys are made of each fact.
    match buffer.get_mut(..length) {
        Some(bytes) => {
            let mut at = 0;
            for part in parts {
                bytes[at..at + part.len()].copy_from_slice(part);
                at += part.len();
            }
            Key(xxh3_64(bytes))
        }
        None => Key(xxh3_64(&parts.concat())),
    }
}
