//! The last values of a stream, to recognise one that comes again: a stream without an end takes no more memory.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

#[derive(Debug)]
pub(crate) struct RecentSet<T> {
    /// The values of `known`, oldest first.
    order: VecDeque<T>,
    known: HashSet<T>,
    limit: usize,
}

impl<T: Clone + Eq + Hash> RecentSet<T> {
    pub(crate) fn new(limit: usize) -> Self {
        RecentSet { order: VecDeque::new(), known: HashSet::new(), limit }
    }

    /// Adds a value, and forgets the oldest one beyond the limit. Returns whether it is new.
    pub(crate) fn insert(&mut self, value: T) -> bool {
        if !self.known.insert(value.clone()) {
            return false;
        }
        self.order.push_back(value);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.order.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_value_is_new_again() {
        let mut recent = RecentSet::new(2);
        assert_eq!([1, 2, 1, 3, 2, 1].map(|value| recent.insert(value)), [true, true, false, true, false, true]);
        assert_eq!(recent.iter().copied().collect::<Vec<_>>(), [3, 1]);
    }
}
