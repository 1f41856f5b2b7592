//! Hashes of keys that come from files: fast, and by a secret of the process, because whoever writes a log may choose its names so that they
//! would all fall together.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A map whose keys are hashes, names, shapes of lines or numbers: a log full of entries asks for each of them several times.
pub type SeededMap<K, V> = HashMap<K, V, SeededHash>;
/// See [`SeededMap`].
pub type SeededSet<K> = HashSet<K, SeededHash>;

static SECRET: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

/// Makes hashers that begin with the secret.
#[derive(Debug, Clone, Copy)]
pub struct SeededHash {
    secret: u64,
}

impl Default for SeededHash {
    fn default() -> Self {
        SeededHash { secret: *SECRET }
    }
}

impl BuildHasher for SeededHash {
    type Hasher = SeededHasher;

    fn build_hasher(&self) -> SeededHasher {
        SeededHasher { state: self.secret }
    }
}

/// Of one key.
#[derive(Debug)]
pub struct SeededHasher {
    state: u64,
}

impl SeededHasher {
    /// Both halves of a product depend on all bits of both numbers.
    fn mix(&mut self, value: u64) {
        let product = u128::from(self.state ^ value) * 0x9e37_79b9_7f4a_7c15;
        self.state = (product >> 64) as u64 ^ product as u64;
    }
}

impl Hasher for SeededHasher {
    fn finish(&self) -> u64 {
        self.state
    }

    fn write(&mut self, bytes: &[u8]) {
        self.state = xxh3_64_with_seed(bytes, self.state);
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_differ_little_fall_apart() {
        let hash = SeededHash::default();
        let lowest: HashSet<u64> = (0..1_000_u64).map(|key| hash.hash_one(key << 32) & 0xffff).collect();
        assert!(lowest.len() > 900, "{}", lowest.len());
        assert_eq!(hash.hash_one("US-001"), SeededHash::default().hash_one("US-001"), "all maps of a process share the secret");
        assert_ne!(hash.hash_one("US-001"), SeededHash { secret: hash.secret ^ 1 }.hash_one("US-001"));
    }
}
