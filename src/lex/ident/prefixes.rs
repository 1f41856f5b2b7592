//! Support for weak ids: which prefixes a file has with several numbers.

use xxhash_rust::xxh3::xxh3_64;

use crate::seeded_hash::SeededMap;

/// What a byte is to a name.
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const WORDY: u8 = LETTER | DIGIT;
/// `-`, `_` and `.` join what stands around them.
const JOINT: u8 = 4;
/// Behind it stands the part of a path.
const STROKE: u8 = 8;

const PARTS: [u8; 256] = {
    let mut parts = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        parts[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'-' | b'_' | b'.' => JOINT,
            b'/' => STROKE,
            _ => 0,
        };
        byte += 1;
    }
    parts
};

/// What the file has shown: support for weak ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prefixes {
    /// The first three different numbers of each prefix.
    numbers: SeededMap<u64, [u64; 3]>,
}

impl Prefixes {
    /// Notes the prefixes near the head of `line`.
    pub(crate) fn note(&mut self, line: &str) {
        /// A name that begins further on is not noted.
        const NEAR: usize = 160;
        let bytes = line.as_bytes();
        let kind_at = |at: usize| bytes.get(at).map_or(0, |byte| PARTS[usize::from(*byte)]);
        let near = bytes.len().min(NEAR);
        // Nothing to note in most lines, which is found out many bytes at once.
        let has_digit = || bytes.iter().fold(0, |found, byte| found | u8::from(byte.is_ascii_digit())) != 0;
        let has_joint = || memchr::memchr2_iter(b'-', b'.', bytes).any(|at| kind_at(at + 1) & WORDY != 0);
        if near == bytes.len() && !has_digit() && !has_joint() {
            return;
        }
        let mut at = 0;
        while at < near {
            let start = at;
            let mut kinds = PARTS[usize::from(bytes[at])];
            at += 1;
            if kinds & WORDY == 0 {
                continue;
            }
            let is_inner = start > 0 && kind_at(start - 1) & (JOINT | STROKE) != 0;
            let mut last_join = None;
            loop {
                while let kind @ (LETTER | DIGIT) = kind_at(at) {
                    kinds |= kind;
                    at += 1;
                }
                if is_inner || kind_at(at) != JOINT || kind_at(at + 1) & WORDY == 0 {
                    break;
                }
                if bytes[at] != b'_' {
                    last_join = Some(at);
                }
                at += 1;
            }
            if is_inner || !bytes[start].is_ascii_alphabetic() || (last_join.is_none() && kinds & DIGIT == 0) {
                continue;
            }
            let whole = &bytes[start..at];
            if let Some(join) = last_join.filter(|_| kinds & DIGIT != 0).and_then(|_| name_start(whole)) {
                self.add(&whole[..join], &whole[join..]);
            }
            let digits = at - whole.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
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
