//! Written forms of names → stories. Most forms are the keys of their stories and the ids, too, and a log full of entries has thousands.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use super::StoryRef;
use crate::seeded_hash::{SeededHash, SeededMap};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "SavedNames", into = "SavedNames")]
pub(super) struct KnownNames {
    /// Written forms that are keys.
    keys: Vec<Arc<str>>,
    /// Of each, whether it is the id as well; otherwise no id is known.
    are_ids: Vec<bool>,
    /// The numbers of `keys`.
    table: HashTable<u32>,
    hasher: SeededHash,
    /// All others, by written forms. They win over `keys`.
    others: SeededMap<Arc<str>, StoryRef>,
}

/// By written forms.
type SavedNames = SeededMap<Arc<str>, StoryRef>;

impl KnownNames {
    pub(super) fn len(&self) -> usize {
        self.keys.len() + self.others.len()
    }

    pub(super) fn get(&self, written: &str) -> Option<StoryRef> {
        match self.others.get(written) {
            Some(story_ref) => Some(story_ref.clone()),
            None => self.find(written).map(|at| self.story_ref(at)),
        }
    }

    /// Adds a form, or replaces what is known of it.
    pub(super) fn insert(&mut self, written: &str, story_ref: StoryRef) {
        let is_plain = *story_ref.key == *written && story_ref.id.as_ref().is_none_or(|id| **id == *written);
        if !is_plain || self.others.contains_key(written) {
            self.others.insert(Arc::from(written), story_ref);
            return;
        }
        let is_id = story_ref.id.is_some();
        if let Some(at) = self.find(written) {
            self.are_ids[at] = is_id;
            return;
        }
        let at = self.keys.len();
        if at == self.keys.capacity() {
            // By an eighth.
            self.keys.reserve_exact(at / 8 + 4);
            self.are_ids.reserve_exact(at / 8 + 4);
        }
        self.keys.push(story_ref.key);
        self.are_ids.push(is_id);
        let hash = |at: usize| self.hasher.hash_one(&*self.keys[at]);
        // Hardly more than `MAX_NAMES`.
        self.table.insert_unique(hash(at), at as u32, |at| hash(*at as usize));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Arc<str>)> {
        let keys = self.keys.iter().map(|key| (&**key, key));
        keys.chain(self.others.iter().map(|(written, story_ref)| (&**written, &story_ref.key)))
    }

    pub(super) fn compact(&mut self) {
        self.keys.shrink_to_fit();
        self.are_ids.shrink_to_fit();
    }

    pub(super) fn forget_ids(&mut self) {
        self.are_ids.fill(false);
        self.others.values_mut().for_each(|story_ref| story_ref.id = None);
    }

    fn find(&self, written: &str) -> Option<usize> {
        let is_it = |at: &u32| *self.keys[*at as usize] == *written;
        self.table.find(self.hasher.hash_one(written), is_it).map(|at| *at as usize)
    }

    fn story_ref(&self, at: usize) -> StoryRef {
        let key = &self.keys[at];
        StoryRef { key: key.clone(), id: self.are_ids[at].then(|| key.clone()) }
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
        let of_keys: Vec<StoryRef> = (0..names.keys.len()).map(|at| names.story_ref(at)).collect();
        of_keys.into_iter().map(|story_ref| (story_ref.key.clone(), story_ref)).chain(names.others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story_ref(key: &str, id: Option<&str>) -> StoryRef {
        StoryRef { key: Arc::from(key), id: id.map(Arc::from) }
    }

    #[test]
    fn names_are_known_by_their_written_forms() {
        let mut names = KnownNames::default();
        for (written, key, id) in
            [("US-1", "US-1", Some("US-1")), ("US-2", "US-2", None), ("US-3", "US-3", Some("us-3")), ("US-04", "US-4", None)]
        {
            names.insert(written, story_ref(key, id));
        }
        names.insert("US-2", story_ref("US-2", Some("us-2")));
        let check = |names: &KnownNames| {
            assert_eq!(names.get("US-1"), Some(story_ref("US-1", Some("US-1"))));
            assert_eq!(names.get("US-2"), Some(story_ref("US-2", Some("us-2"))));
            assert_eq!(names.get("US-3"), Some(story_ref("US-3", Some("us-3"))));
            assert_eq!(names.get("US-04"), Some(story_ref("US-4", None)));
            assert_eq!(names.get("US-4"), None);
        };
        check(&names);
        check(&serde_json::from_str(&serde_json::to_string(&names).unwrap()).unwrap());
        names.forget_ids();
        assert!(["US-1", "US-2", "US-3", "US-04"].iter().all(|written| names.get(written).is_some_and(|known| known.id.is_none())));
        names.insert("US-1", story_ref("US-1", Some("Us-1")));
        assert_eq!(names.get("US-1"), Some(story_ref("US-1", Some("Us-1"))));
    }
}
