//! Stories by their keys. A number each: there may be thousands, and each has its key already.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::model::story::Story;
use crate::seeded_hash::SeededHash;

/// Of a list of stories that is given with each call.
#[derive(Debug, Clone, Default)]
pub(super) struct StoryIndex {
    table: HashTable<u32>,
    hasher: SeededHash,
}

impl StoryIndex {
    pub(super) fn of(stories: &[Story]) -> Self {
        let mut index = StoryIndex { table: HashTable::with_capacity(stories.len()), ..StoryIndex::default() };
        (0..stories.len()).for_each(|at| index.insert(stories, at));
        index
    }

    pub(super) fn find(&self, stories: &[Story], key: &str) -> Option<usize> {
        let is_it = |at: &u32| *stories[*at as usize].subject.key == *key;
        self.table.find(self.hasher.hash_one(key), is_it).map(|at| *at as usize)
    }

    /// Adds the story at this place of the list.
    pub(super) fn insert(&mut self, stories: &[Story], at: usize) {
        let hash = |at: usize| self.hasher.hash_one(&*stories[at].subject.key);
        // Fewer than the names that a task resolves.
        self.table.insert_unique(hash(at), at as u32, |at| hash(*at as usize));
    }
}
