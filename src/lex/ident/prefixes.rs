//! Support for weak ids: which prefixes a file has with several numbers.

use xxhash_rust::xxh3::xxh3_64;

use crate::seeded_hash::SeededMap;

/// What the file has shown: support for weak ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prefixes {
    /// The first three different numbers of each prefix.
    numbers: SeededMap<u64, [u64; 3]>,
}

impl Prefixes {
    /// Notes the prefixes near the head of `line`.
    pub(crate) fn note(&mut self, line: &str) {
        let bytes = line.as_bytes();
        let mut at = 0;
        let stop = bytes.len().min(160);
        while at < stop {
            if !bytes[at].is_ascii_alphanumeric()
                || (at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'.' | b'/' | b'-' | b'_')))
            {
                at += 1;
                continue;
            }
            let start = at;
            let mut last_join = None;
            // Where the digits before begin, or the next ones would.
            let mut digits = start;
            while let Some(byte) = bytes.get(at) {
                if byte.is_ascii_alphabetic() {
                    digits = at + 1;
                } else if !byte.is_ascii_digit() {
                    if !matches!(byte, b'-' | b'_' | b'.') || !bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) {
                        break;
                    }
                    if *byte != b'_' {
                        last_join = Some(at);
                    }
                    digits = at + 1;
                }
                at += 1;
            }
            if !bytes[start].is_ascii_alphabetic() {
                continue;
            }
            let whole = &bytes[start..at];
            if let Some(join) = last_join.and_then(|_| name_start(whole)) {
                self.add(&whole[..join], &whole[join..]);
            }
            if (1..=5).contains(&(at - digits)) {
                self.add(&bytes[start..digits], &bytes[digits..at]);
            } else if let Some(join) = last_join.filter(|join| at - join <= 5 && bytes[start].is_ascii_lowercase()) {
                self.add(&bytes[start..=join], &bytes[join + 1..at]);
            }
        }
    }

    fn add(&mut self, prefix: &[u8], number: &[u8]) {
        let numbers = self.numbers.entry(xxh3_64(prefix)).or_default();
        if !numbers.contains(&0) {
            return;
        }
        let number = xxh3_64(number) | 1;
        if numbers.contains(&number) {
            return;
        }
        if let Some(free) = numbers.iter_mut().find(|slot| **slot == 0) {
            *free = number;
        }
    }

    /// How many numbers the prefix of `id` has, up to three.
    pub(in crate::lex) fn support(&self, id: &str) -> usize {
        let bytes = id.as_bytes();
        let of_names = name_start(bytes).map_or(0, |join| self.count(&bytes[..join]));
        let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let end = if digits > 0 {
            bytes.len() - digits
        } else {
            bytes.iter().rposition(|byte| matches!(byte, b'-' | b'.')).map_or(0, |at| at + 1)
        };
        of_names.max(self.count(&bytes[..end]))
    }

    fn count(&self, prefix: &[u8]) -> usize {
        self.numbers.get(&xxh3_64(prefix)).map_or(0, |numbers| numbers.iter().filter(|slot| **slot != 0).count())
    }
}

/// Where the name of a tracker begins, made of letters and digits at random: `bd-a1b2`, `CD-3m6.2`.
fn name_start(id: &[u8]) -> Option<usize> {
    let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let join = id.iter().rposition(|byte| *byte == b'-')?;
    let name = id[join + 1..].split(|byte| *byte == b'.').next()?;
    let is_mixed = name.iter().any(u8::is_ascii_digit) && name.iter().any(u8::is_ascii_lowercase);
    let is_name = is_mixed && (3..=6).contains(&name.len()) && name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (is_name && id[join + 1 + name.len()..].iter().all(is_part)).then_some(join + 1)
}
