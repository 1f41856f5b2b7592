//! A set of keys in little more room than the keys themselves take, once nothing is added.

use std::hash::Hash;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::seeded_hash::SeededSet;

/// What is added or removed goes into tables; at rest the keys are sorted into a list, which has no free places.
#[derive(Debug, Clone)]
pub struct CompactSet<K> {
    sorted: Vec<K>,
    /// None of `sorted`.
    added: SeededSet<K>,
    /// All of `sorted`, and in the set no longer: a list that closes its gaps takes time with its length for each of them.
    removed: SeededSet<K>,
}

/// A set is compacted once this part of it is in the tables, so that a key more does not move all others.
const LOOSE_PART: usize = 16;

impl<K> Default for CompactSet<K> {
    fn default() -> Self {
        CompactSet { sorted: Vec::new(), added: SeededSet::default(), removed: SeededSet::default() }
    }
}

impl<K: Copy + Ord + Hash> CompactSet<K> {
    pub fn contains(&self, key: K) -> bool {
        self.added.contains(&key) || self.is_sorted_in(key) && !self.removed.contains(&key)
    }

    /// Returns whether it is new.
    pub fn insert(&mut self, key: K) -> bool {
        if self.is_sorted_in(key) { self.removed.remove(&key) } else { self.added.insert(key) }
    }

    /// Returns whether it was there.
    pub fn remove(&mut self, key: K) -> bool {
        if self.is_sorted_in(key) { self.removed.insert(key) } else { self.added.remove(&key) }
    }

    pub fn len(&self) -> usize {
        self.sorted.len() - self.removed.len() + self.added.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = K> {
        self.sorted.iter().filter(|key| !self.removed.contains(key)).chain(&self.added).copied()
    }

    /// Sorts the keys into the list, when enough of them are not in it.
    pub fn compact(&mut self) {
        if (self.added.len() + self.removed.len()) * LOOSE_PART <= self.sorted.len() {
            return;
        }
        let (added, removed) = (std::mem::take(&mut self.added), std::mem::take(&mut self.removed));
        if !removed.is_empty() {
            self.sorted.retain(|key| !removed.contains(key));
        }
        self.sorted.reserve_exact(added.len());
        self.sorted.extend(added);
        // Merges: what is sorted already is not sorted again.
        self.sorted.sort();
        self.sorted.shrink_to_fit();
    }

    fn is_sorted_in(&self, key: K) -> bool {
        self.sorted.binary_search(&key).is_ok()
    }
}

impl<K: Copy + Ord + Hash> From<SeededSet<K>> for CompactSet<K> {
    fn from(added: SeededSet<K>) -> Self {
        CompactSet { added, ..CompactSet::default() }
    }
}

impl<K: Copy + Ord + Hash> PartialEq for CompactSet<K> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|key| other.contains(key))
    }
}

/// As any list.
impl<K: Copy + Ord + Hash + Serialize> Serialize for CompactSet<K> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl<'de, K: Copy + Ord + Hash + Deserialize<'de>> Deserialize<'de> for CompactSet<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        SeededSet::deserialize(from).map(CompactSet::from)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::property::config(256))]

        #[test]
        fn it_is_a_set_whenever_it_is_compacted(steps in prop::collection::vec((0u64..40, 0u8..6), 0..250)) {
            let (mut set, mut plain) = (CompactSet::default(), BTreeSet::new());
            for (key, step) in steps {
                match step {
                    0 => set.compact(),
                    1 => prop_assert_eq!(set.remove(key), plain.remove(&key)),
                    _ => prop_assert_eq!(set.insert(key), plain.insert(key)),
                }
            }
            prop_assert_eq!(set.len(), plain.len());
            prop_assert_eq!(set.is_empty(), plain.is_empty());
            (0..40).for_each(|key| assert_eq!(set.contains(key), plain.contains(&key)));
            let read: CompactSet<u64> = serde_json::from_str(&serde_json::to_string(&set).unwrap()).unwrap();
            prop_assert!(read == set);
            prop_assert_eq!(read.iter().collect::<BTreeSet<_>>(), plain);
        }
    }
}
