//! A fact's names → its countable item. Decides which facts count nowhere.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Timestamp;
use crate::fact::{CountedKind, Fact, Failure, Key, Provenance, Statement, StoryName};
use crate::ledger::Item;
use crate::plan::Plan;
use crate::subject::{Names, Subject, fold};

/// What counting makes of a fact.
pub(super) enum Resolved {
    Counts(Item),
    /// State only: activity, headers.
    Uncounted,
    /// It speaks of an earlier plan.
    Nowhere,
    /// A record from before this run began.
    EarlierRun(Item),
}

/// Where the present run begins in what was there at the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Begun {
    /// Records of before belong to earlier runs.
    pub(super) at: Option<Timestamp>,
    /// So do lines of a log above this one.
    pub(super) line: u32,
}

/// A fact with its names looked up.
#[derive(Debug, Clone)]
pub(super) struct Subjects {
    pub(super) kind: Option<CountedKind>,
    pub(super) story: Option<Subject>,
    place: Option<usize>,
    /// Index of the criterion within its story.
    pub(super) criterion: Option<u32>,
    /// What the key is made of; goes into event ids.
    pub(super) key_text: String,
    /// Whether the names are enough to count it.
    countable: bool,
}

impl Subjects {
    /// The story is this one, whatever its name would lead to.
    pub(super) fn is_story(&mut self, subject: Subject) {
        self.key_text = subject.key.to_string();
        self.story = Some(subject);
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Resolver {
    names: Names,
    /// Whether an entry with this id and title belongs to the plan: decided once, so that counts stay comparable.
    belongs: HashMap<String, bool>,
}

impl Resolver {
    pub(super) fn set_plan(&mut self, plan: &Plan) -> Vec<Subject> {
        self.names.set_plan(plan)
    }

    pub(super) fn begin_run(&mut self) {
        self.names.begin_run();
    }

    /// The countable item of a fact.
    pub(super) fn resolve(&mut self, fact: &Fact, plan: Option<&Plan>, begun: Begun) -> Resolved {
        let subjects = self.subjects(fact);
        let Some(kind) = subjects.kind.filter(|kind| *kind != CountedKind::TaskStarted && subjects.countable) else {
            return Resolved::Uncounted;
        };
        if !self.belongs(fact, kind, &subjects, plan) {
            return Resolved::Nowhere;
        }
        let item = Item::new(key(kind, &subjects.key_text), fact.form, fact.entry_hash, kind);
        let before = fact.recorded_at.zip(begun.at).is_some_and(|(when, begun)| when.at < begun) || fact.line < begun.line;
        if before { Resolved::EarlierRun(item) } else { Resolved::Counts(item) }
    }

    /// Looks the names of a fact up.
    pub(super) fn subjects(&mut self, fact: &Fact) -> Subjects {
        let kind = CountedKind::of(&fact.statement);
        let (story, place) = match &fact.story {
            Some(name) => {
                let (subject, place) = self.names.story(name, fact.text.trim());
                (Some(subject), place)
            }
            None => (None, None),
        };
        let criterion = match (&fact.statement, &story) {
            (Statement::CriterionDone { criterion, .. }, Some(subject)) => self.names.criterion(subject, place, criterion),
            _ => None,
        };
        let countable = match &fact.statement {
            Statement::CriterionDone { .. } => criterion.is_some(),
            Statement::StoryStarted { .. } | Statement::StoryEnded { .. } => story.is_some(),
            Statement::TaskStarted { .. } | Statement::TaskEnded { .. } | Statement::Error(_) => true,
            Statement::Activity { .. } => false,
        };
        let key_text = match (&fact.statement, &story) {
            (Statement::CriterionDone { .. }, Some(subject)) => format!("{}\u{1}{}", subject.key, criterion.unwrap_or_default()),
            // An error of no story is known by what it says.
            (Statement::Error(Failure { message, .. }), None) => format!("\u{1}{}", fold(message)),
            (_, Some(subject)) => subject.key.to_string(),
            (_, None) => String::new(),
        };
        Subjects { kind, story, place, criterion, key_text, countable }
    }

    /// An entry about a story that the plan calls open counts when the titles agree, about a passed one unless they clash: else it speaks
    /// of an earlier plan.
    fn belongs(&mut self, fact: &Fact, kind: CountedKind, subjects: &Subjects, plan: Option<&Plan>) -> bool {
        let about_work_done = match kind {
            CountedKind::StoryPassed | CountedKind::StoryFailed | CountedKind::CriterionDone => true,
            CountedKind::StoryStarted => fact.provenance == Provenance::Derived,
            CountedKind::TaskStarted | CountedKind::Error | CountedKind::TaskPassed | CountedKind::TaskFailed => false,
        };
        let (Some(StoryName { id: Some(id), title: Some(title) }), Some(place), Some(plan)) = (&fact.story, subjects.place, plan) else {
            return true;
        };
        if !about_work_done {
            return true;
        }
        let open = plan.stories.get(place).is_some_and(|story| !story.is_passed());
        let agree = self.names.titles_agree(place, Some(title));
        let clash = self.names.titles_clash(place, title);
        *self.belongs.entry(format!("{id}\u{0}{title}")).or_insert(if open { agree } else { !clash })
    }
}

/// The key of a kind and what it is about.
pub(super) fn key(kind: CountedKind, text: &str) -> Key {
    let mut bytes = Vec::with_capacity(text.len() + 16);
    bytes.extend_from_slice(kind.id_name().as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(text.as_bytes());
    Key(xxh3_64(&bytes))
}
