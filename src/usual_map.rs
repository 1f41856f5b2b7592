//! A map most of whose values are the same: of those keys nothing but the key is kept.

use std::hash::Hash;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::compact_set::CompactSet;
use crate::seeded_hash::SeededMap;

/// The value that most keys of a map have. The default is that of every key that is not in it.
pub trait UsualValue: Copy + Default + PartialEq {
    const USUAL: Self;
}

/// Two tables: a log full of entries has a key for every fact, and each is counted once.
#[derive(Debug, Clone)]
pub struct UsualMap<K, V> {
    usual: CompactSet<K>,
    others: SeededMap<K, V>,
}

impl<K, V> Default for UsualMap<K, V> {
    fn default() -> Self {
        UsualMap { usual: CompactSet::default(), others: SeededMap::default() }
    }
}

impl<K: Copy + Ord + Hash, V: UsualValue> UsualMap<K, V> {
    pub fn get(&self, key: K) -> V {
        if self.usual.contains(key) { V::USUAL } else { self.others.get(&key).copied().unwrap_or_default() }
    }

    /// A key that gets the default is in the map no longer.
    pub fn set(&mut self, key: K, value: V) {
        if value == V::USUAL {
            self.usual.insert(key);
        } else {
            self.usual.remove(key);
        }
        if value != V::USUAL && value != V::default() {
            self.others.insert(key, value);
        } else if self.others.remove(&key).is_some() && self.others.is_empty() {
            self.others = SeededMap::default();
        }
    }

    pub fn len(&self) -> usize {
        self.usual.len() + self.others.len()
    }

    pub fn is_empty(&self) -> bool {
        self.usual.is_empty() && self.others.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (K, V)> {
        self.usual.iter().map(|key| (key, V::USUAL)).chain(self.others.iter().map(|(key, value)| (*key, *value)))
    }

    /// Keeps the keys in little room until one is added.
    pub fn compact(&mut self) {
        self.usual.compact();
        self.others.shrink_to_fit();
    }

    pub fn clear(&mut self) {
        *self = UsualMap::default();
    }
}

impl<K: Copy + Ord + Hash, V: UsualValue> PartialEq for UsualMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.usual == other.usual && self.others == other.others
    }
}

impl<K: Copy + Ord + Hash, V: UsualValue> FromIterator<(K, V)> for UsualMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = UsualMap::default();
        pairs.into_iter().for_each(|(key, value)| map.set(key, value));
        map
    }
}

/// As any map.
impl<K: Copy + Ord + Hash + Serialize, V: UsualValue + Serialize> Serialize for UsualMap<K, V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de, K: Copy + Ord + Hash + Deserialize<'de>, V: UsualValue + Deserialize<'de>> Deserialize<'de> for UsualMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(SeededMap::<K, V>::deserialize(from)?.into_iter().collect())
    }
}

impl UsualValue for u32 {
    const USUAL: u32 = 1;
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::property::config(256))]

        #[test]
        fn it_is_a_map_without_defaults(steps in prop::collection::vec((0u64..8, 0u32..4), 0..60)) {
            let (mut map, mut plain) = (UsualMap::<u64, u32>::default(), HashMap::new());
            for (key, value) in steps {
                if key == u64::from(value) {
                    map.compact();
                }
                map.set(key, value);
                plain.insert(key, value);
            }
            plain.retain(|_, value| *value != 0);
            prop_assert_eq!(map.len(), plain.len());
            prop_assert_eq!(map.is_empty(), plain.is_empty());
            (0..8).for_each(|key| assert_eq!(map.get(key), plain.get(&key).copied().unwrap_or(0)));
            let read: UsualMap<u64, u32> = serde_json::from_str(&serde_json::to_string(&map).unwrap()).unwrap();
            prop_assert_eq!(read.iter().collect::<HashMap<_, _>>(), plain);
        }
    }
}
