//! Written forms of names → stories. Most forms are the keys of their stories, and a log full of entries has thousands.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use super::StoryRef;
use crate::seeded_hash::{SeededHash, SeededMap};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "SavedNames", into = "SavedNames")]
pub(super) struct KnownNames {
    /// Those whose key is the written form.
    stories: Vec<StoryRef>,
    /// Their numbers, by their keys.
    table: HashTable<u32>,
    hasher: SeededHash,
    /// By written forms that are no keys.
    others: SeededMap<Arc<str>, StoryRef>,
}

/// By written forms.
type SavedNames = SeededMap<Arc<str>, StoryRef>;

impl KnownNames {
    pub(super) fn len(&self) -> usize {
        self.stories.len() + self.others.len()
    }

    pub(super) fn get_mut(&mut self, written: &str) -> Option<&mut StoryRef> {
        let is_it = |at: &u32| *self.stories[*at as usize].key == *written;
        match self.table.find(self.hasher.hash_one(written), is_it) {
            Some(at) => Some(&mut self.stories[*at as usize]),
            None => self.others.get_mut(written),
        }
    }

    /// Adds a form that is not known.
    pub(super) fn insert(&mut self, written: &str, story_ref: StoryRef) {
        if *story_ref.key != *written {
            self.others.insert(Arc::from(written), story_ref);
            return;
        }
        let at = self.stories.len();
        if at == self.stories.capacity() {
            // By an eighth.
            self.stories.reserve_exact(at / 8 + 4);
        }
        self.stories.push(story_ref);
        let hash = |at: usize| self.hasher.hash_one(&*self.stories[at].key);
        // Fewer than `MAX_NAMES`.
        self.table.insert_unique(hash(at), at as u32, |at| hash(*at as usize));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &StoryRef)> {
        let by_key = self.stories.iter().map(|story_ref| (&*story_ref.key, story_ref));
        by_key.chain(self.others.iter().map(|(written, story_ref)| (&**written, story_ref)))
    }

    pub(super) fn stories_mut(&mut self) -> impl Iterator<Item = &mut StoryRef> {
        self.stories.iter_mut().chain(self.others.values_mut())
    }
}

impl From<SavedNames> for KnownNames {
    fn from(saved: SavedNames) -> Self {
        let mut names = KnownNames::default();
        saved.into_iter().for_each(|(written, story_ref)| names.insert(&written, story_ref));
        names
    }
}

impl From<KnownNames> for SavedNames {
    fn from(names: KnownNames) -> Self {
        let by_key = names.stories.into_iter().map(|story_ref| (story_ref.key.clone(), story_ref));
        by_key.chain(names.others).collect()
    }
}
