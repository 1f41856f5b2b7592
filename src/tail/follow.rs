//! Grown, or read again from its start (and why).
//!
//! Keeps digests of the bytes that were read and compares them with what the file holds now. Opens and stats nothing: bytes come in
//! through a closure.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::input::RereadReason;

/// Up to this size everything that was read is compared; above it [`ENDS`] at the head and before the offset.
const WHOLE: u64 = 16 << 20;
const ENDS: u64 = 64 << 10;
/// What a quick check compares at the head and before the offset.
const QUICK: usize = 4 << 10;
/// Thorough checks may read this much a second of one file. At memory speed that is half a percent of the time: a log that gets 1,000
/// lines a second is compared as a whole a few times a second and quickly in between.
const CHECKED_PER_SECOND: u64 = 16 << 20;

/// Up to this much is compared thoroughly before what was added is read: a quarter of a millisecond. With more it is done right
/// after; facts are counted, so that an edit found late changes nothing in what was said.
const AT_ONCE: u64 = 1 << 20;

/// How closely to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 4 KiB at the head and before the offset: catches what truncates, inserts or replaces.
    Quick,
    /// Everything up to 16 MiB: catches a middle edited in place as well.
    Thorough,
}

/// Where the file is that was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// Under the name, as before.
    Here,
    /// Nowhere, or under a name that editors give to what they replace: it was saved.
    Saved,
    /// Under another name.
    Elsewhere,
    /// Under the name of a rotated file, or copied there.
    Rotated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything before the offset is as it was read.
    Grown,
    ReadAgain(RereadReason),
}

/// Digests of the first `offset` bytes of a file: enough to find out, also in another process, whether a file still begins with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub offset: u64,
    /// Of everything, while that is no more than [`WHOLE`].
    whole: Option<u64>,
    head: u64,
    block_before: Option<u64>,
    block: u64,
}

impl Proof {
    /// Whether a file still begins with the bytes that were read. `buffer` is what to read into.
    pub fn stands(&self, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<bool> {
        if self.whole.is_some() {
            return Ok(digest(0, self.offset, read, buffer)? == self.whole);
        }
        let block = self.offset - self.offset % ENDS;
        Ok(digest(0, self.offset.min(ENDS), read, buffer)? == Some(self.head)
            && digest(block, self.offset, read, buffer)? == Some(self.block)
            && (self.block_before.is_none() || digest(block - ENDS, block, read, buffer)? == self.block_before))
    }
}

/// What is remembered of the bytes that were read, from the first to the offset.
#[derive(Clone)]
pub struct Prefix {
    offset: u64,
    /// Of everything, while that is no more than [`WHOLE`].
    whole: Option<Box<Xxh3>>,
    /// Of the first [`ENDS`] bytes.
    head: Box<Xxh3>,
    /// Of the block of [`ENDS`] bytes before the one that the offset is in, if there is one.
    block_before: Option<u64>,
    /// Of the block that the offset is in, from its start.
    block: Box<Xxh3>,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Default for Prefix {
    fn default() -> Self {
        Prefix {
            offset: 0,
            whole: Some(Box::default()),
            head: Box::default(),
            block_before: None,
            block: Box::default(),
            first: Vec::new(),
            last: Vec::new(),
        }
    }
}

/// Reads at an offset, like `FileExt::read_at`.
pub type ReadAt<'a> = dyn FnMut(&mut [u8], u64) -> io::Result<usize> + 'a;

impl Prefix {
    /// How many bytes were read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes of the file.
    pub fn add(&mut self, bytes: &[u8]) {
        let in_head = ENDS.saturating_sub(self.offset).min(bytes.len() as u64) as usize;
        self.head.update(&bytes[..in_head]);
        let room = QUICK - self.first.len();
        self.first.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let kept = QUICK.saturating_sub(bytes.len()).min(self.last.len());
        self.last.drain(..self.last.len() - kept);
        self.last.extend_from_slice(&bytes[bytes.len().saturating_sub(QUICK)..]);

        let mut rest = bytes;
        let mut at = self.offset;
        while !rest.is_empty() {
            let room = ENDS - at % ENDS;
            let (now, later) = rest.split_at(rest.len().min(room as usize));
            self.block.update(now);
            at += now.len() as u64;
            if at.is_multiple_of(ENDS) {
                self.block_before = Some(self.block.digest());
                self.block.reset();
            }
            rest = later;
        }

        self.offset = at;
        if self.offset > WHOLE {
            self.whole = None;
        }
        if let Some(whole) = &mut self.whole {
            whole.update(bytes);
        }
    }

    /// Whether a thorough check is cheap enough to let a new line wait for it.
    pub fn is_small(&self) -> bool {
        self.offset <= AT_ONCE
    }

    /// How long to leave the file alone after a thorough check.
    pub fn rest_after_check(&self) -> Duration {
        let read = if self.whole.is_some() { self.offset } else { 3 * ENDS };
        Duration::from_micros(read * 1_000_000 / CHECKED_PER_SECOND)
    }

    /// Whether the file still begins with the bytes that were read. `buffer` is what to read into.
    pub fn stands(&self, depth: Depth, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<bool> {
        // Everything at once costs a small file less than its ends apart.
        let is_enough = depth == Depth::Thorough && self.offset <= ENDS;
        let last_from = self.offset - self.last.len() as u64;
        let ends_stand = is_enough || (holds(&self.first, 0, read, buffer)? && holds(&self.last, last_from, read, buffer)?);
        match depth {
            Depth::Quick => Ok(ends_stand),
            Depth::Thorough => Ok(ends_stand && self.proof().stands(read, buffer)?),
        }
    }

    /// What to keep of this beyond the life of the process.
    pub fn proof(&self) -> Proof {
        Proof {
            offset: self.offset,
            whole: self.whole.as_ref().map(|whole| whole.digest()),
            head: self.head.digest(),
            block_before: self.block_before,
            block: self.block.digest(),
        }
    }

    /// What became of the file. Another inode that begins with everything that was read has grown too: many editors and agents write the
    /// whole file anew to add a line.
    pub fn judge(&self, size: u64, old: Whereabouts, depth: Depth, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<Verdict> {
        // A new file may well begin like the one that was rotated away: both have a header.
        let may_be_the_same = old != Whereabouts::Rotated || self.offset == 0;
        if may_be_the_same && size >= self.offset && self.stands(depth, read, buffer)? {
            return Ok(Verdict::Grown);
        }
        Ok(Verdict::ReadAgain(why(old)))
    }
}

/// What it means that other bytes stand under the name.
pub fn why(old: Whereabouts) -> RereadReason {
    match old {
        Whereabouts::Here => RereadReason::Rewritten,
        Whereabouts::Saved => RereadReason::Replaced,
        Whereabouts::Elsewhere => RereadReason::Renamed,
        Whereabouts::Rotated => RereadReason::Rotated,
    }
}

/// Whether exactly these bytes stand at `at`.
fn holds(bytes: &[u8], at: u64, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<bool> {
    let mut done = 0;
    while done < bytes.len() {
        let wanted = buffer.len().min(bytes.len() - done);
        let count = read(&mut buffer[..wanted], at + done as u64)?;
        if count == 0 || buffer[..count] != bytes[done..done + count] {
            return Ok(false);
        }
        done += count;
    }
    Ok(true)
}

/// Digest of `from..to`; nothing when the file ends before.
fn digest(from: u64, to: u64, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<Option<u64>> {
    let mut digest = Xxh3::new();
    let mut at = from;
    while at < to {
        let wanted = (to - at).min(buffer.len() as u64) as usize;
        let count = read(&mut buffer[..wanted], at)?;
        if count == 0 {
            return Ok(None);
        }
        digest.update(&buffer[..count]);
        at += count as u64;
    }
    Ok(Some(digest.digest()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reader(content: &[u8]) -> impl FnMut(&mut [u8], u64) -> io::Result<usize> + '_ {
        |buffer, at| {
            let rest = content.get(at as usize..).unwrap_or_default();
            // Short reads happen.
            let count = rest.len().min(buffer.len()).min(5000);
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    fn prefix_of(content: &[u8], chunk: usize) -> Prefix {
        let mut prefix = Prefix::default();
        content.chunks(chunk.max(1)).for_each(|bytes| prefix.add(bytes));
        prefix
    }

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 31 + at / 251) as u8).collect()
    }

    #[test]
    fn verdicts() {
        let prefix = prefix_of(b"one\ntwo\n", 3);
        let check = |now: &[u8], old: Whereabouts, expected: Verdict| {
            assert_eq!(
                prefix.judge(now.len() as u64, old, Depth::Thorough, &mut reader(now), &mut [0; 9000]).unwrap(),
                expected,
                "{now:?}"
            );
        };
        check(b"one\ntwo\n", Whereabouts::Here, Verdict::Grown);
        check(b"one\ntwo\nthree\n", Whereabouts::Here, Verdict::Grown);
        check(b"one\ntwo\nthree\n", Whereabouts::Saved, Verdict::Grown);
        check(b"one\ntwo\nthree\n", Whereabouts::Elsewhere, Verdict::Grown);
        check(b"one\ntwo\nthree\n", Whereabouts::Rotated, Verdict::ReadAgain(RereadReason::Rotated));
        check(b"one\n", Whereabouts::Here, Verdict::ReadAgain(RereadReason::Rewritten));
        check(b"one\ntoo\n", Whereabouts::Here, Verdict::ReadAgain(RereadReason::Rewritten));
        check(b"zero\none\ntwo\n", Whereabouts::Saved, Verdict::ReadAgain(RereadReason::Replaced));
        check(b"", Whereabouts::Elsewhere, Verdict::ReadAgain(RereadReason::Renamed));
    }

    #[test]
    fn nothing_read_is_always_grown() {
        assert!(Prefix::default().stands(Depth::Thorough, &mut reader(b"anything"), &mut [0; 9000]).unwrap());
    }

    #[test]
    fn a_shrink_between_stat_and_read_is_no_growth() {
        let prefix = prefix_of(&content(100_000), 4096);
        let verdict = prefix.judge(100_000, Whereabouts::Here, Depth::Quick, &mut reader(&content(50_000)), &mut [0; 9000]).unwrap();
        assert_eq!(verdict, Verdict::ReadAgain(RereadReason::Rewritten));
    }

    #[test]
    fn above_the_limit_the_ends_are_compared() {
        let size = WHOLE as usize + 3 * ENDS as usize + 17;
        let mut now = content(size);
        let prefix = prefix_of(&now, 1 << 20);
        let mut check = |at: usize, expected: bool| {
            now[at] ^= 1;
            assert_eq!(prefix.stands(Depth::Thorough, &mut reader(&now), &mut [0; 9000]).unwrap(), expected, "{at}");
            now[at] ^= 1;
        };
        check(0, false);
        check(ENDS as usize - 1, false);
        check(size - 1, false);
        check(size - ENDS as usize, false);
        check(size / 2, true);
    }

    proptest! {
        // Hashing is slow without optimisation.
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_change_is_seen(size in 1usize..200_000, chunk in 1usize..70_000, at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut now = content(size);
            let prefix = prefix_of(&now, chunk);
            prop_assert_eq!(prefix.offset(), size as u64);
            now.extend_from_slice(b"more");
            prop_assert!(prefix.stands(Depth::Thorough, &mut reader(&now), &mut [0; 9000]).unwrap());
            prop_assert!(prefix.stands(Depth::Quick, &mut reader(&now), &mut [0; 9000]).unwrap());
            let at = at.index(size);
            now[at] ^= 1 << bit;
            prop_assert!(!prefix.stands(Depth::Thorough, &mut reader(&now), &mut [0; 9000]).unwrap());
            let near = at < QUICK || at >= size - size.min(QUICK);
            prop_assert_eq!(prefix.stands(Depth::Quick, &mut reader(&now), &mut [0; 9000]).unwrap(), !near);
        }
    }
}
