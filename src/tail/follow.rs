//! Appended, or to be read again from its start (and why).
//!
//! Keeps digests of the bytes that were read and compares them with what the file holds now. Opens and stats nothing: bytes come in
//! through a closure.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::file_change::RereadReason;

/// Up to this size a full check compares everything that was read; above it [`EDGE_BYTES`] at the head and before the offset.
const FULL_LIMIT: u64 = 16 << 20;
const EDGE_BYTES: u64 = 64 << 10;
/// What a quick check compares at the head and before the offset.
const QUICK: usize = 4 << 10;
/// How much the full checks of one file may read in a second. At memory speed that is half a percent of the time: a log that gets 1,000
/// lines a second is compared as a whole a few times a second and quickly in between.
const CHECKED_PER_SECOND: u64 = 16 << 20;
/// A full check of up to this much comes before what was appended is read: it takes a quarter of a millisecond. With more it comes right
/// after. Facts are counted, so an edit that is found late changes no event that was published.
const INLINE_LIMIT: u64 = 1 << 20;

/// How closely to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckLevel {
    /// 4 KiB at the head and before the offset, up to 64 KiB everything: detects a truncation, an insertion or a replacement.
    Quick,
    /// Everything up to 16 MiB: detects an edit in the middle as well.
    Full,
}

/// What became of the file that was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldFile {
    /// It still has the path.
    SameInode,
    /// It has no name, or one that editors give to a file they replace: another file was saved over it.
    Replaced,
    /// It has another name.
    Renamed,
    /// It has the name of a rotated file, or its content was copied to one.
    Rotated,
}

impl OldFile {
    /// The same where no descriptor of the old file shows whether it has a name at all: most likely it was saved over.
    pub fn without_descriptor(self) -> OldFile {
        match self {
            OldFile::Rotated => OldFile::Rotated,
            OldFile::SameInode | OldFile::Replaced | OldFile::Renamed => OldFile::Replaced,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    /// Everything before the offset is as it was read.
    Appended,
    Reread(RereadReason),
}

/// Digests of the first `offset` bytes of a file: enough to find out, also in another process, whether a file still begins with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub offset: u64,
    /// Of everything, while that is no more than [`FULL_LIMIT`].
    whole: Option<u64>,
    head: u64,
    block_before: Option<u64>,
    block: u64,
}

impl Fingerprint {
    /// Whether a file still begins with the bytes that were read. `buffer` is what to read into.
    pub fn matches(&self, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<bool> {
        if self.whole.is_some() {
            return Ok(digest(0, self.offset, read, buffer)? == self.whole);
        }
        let block = self.offset - self.offset % EDGE_BYTES;
        Ok(digest(0, self.offset.min(EDGE_BYTES), read, buffer)? == Some(self.head)
            && digest(block, self.offset, read, buffer)? == Some(self.block)
            && (self.block_before.is_none() || digest(block - EDGE_BYTES, block, read, buffer)? == self.block_before))
    }
}

/// Hashes of the bytes that were read, from the first to the offset. Hundreds of small files may be watched: up to [`EDGE_BYTES`] one hasher
/// does for all of them.
#[derive(Clone, Default)]
pub struct PrefixHash {
    offset: u64,
    /// Of everything, while that is no more than [`FULL_LIMIT`]; `None` before the first byte, because a hasher is large.
    whole: Option<Box<Xxh3>>,
    /// Of the first [`QUICK`] bytes, once there are so many.
    first: Option<u64>,
    /// Of the first [`EDGE_BYTES`] bytes, once there are so many.
    head: Option<u64>,
    /// Of the block of [`EDGE_BYTES`] bytes before the one that the offset is in, if there is one.
    block_before: Option<u64>,
    /// Of the block that the offset is in, from its start; `whole` is that of the first one.
    block: Option<Box<Xxh3>>,
    /// The last [`QUICK`] bytes, of more than [`EDGE_BYTES`].
    last: Vec<u8>,
}

/// Reads at an offset, like `FileExt::read_at`.
pub type ReadAt<'a> = dyn FnMut(&mut [u8], u64) -> io::Result<usize> + 'a;

impl PrefixHash {
    /// As if so many bytes of the file had been read from its start; `None` when it ends before. Of a large file only the edges are read, of
    /// others what stands between them is hashed once.
    pub fn of(size: u64, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<Option<PrefixHash>> {
        let mut prefix = PrefixHash::default();
        let is_large = size > FULL_LIMIT;
        let last_blocks = (size / EDGE_BYTES).saturating_sub(1) * EDGE_BYTES;
        while prefix.offset < size {
            let is_between = (EDGE_BYTES..last_blocks).contains(&prefix.offset);
            if is_between && is_large {
                (prefix.offset, prefix.whole, prefix.block) = (last_blocks, None, None);
                continue;
            }
            let end = [EDGE_BYTES, last_blocks, size].into_iter().find(|end| *end > prefix.offset).unwrap_or(size);
            let wanted = (buffer.len() as u64).min(end - prefix.offset) as usize;
            let count = read(&mut buffer[..wanted], prefix.offset)?;
            if count == 0 {
                return Ok(None);
            }
            let bytes = &buffer[..count];
            match &mut prefix.whole {
                Some(whole) if is_between => {
                    whole.update(bytes);
                    prefix.offset += count as u64;
                }
                Some(_) | None => prefix.add(bytes),
            }
        }
        Ok(Some(prefix))
    }

    /// How many bytes were read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes of the file.
    pub fn add(&mut self, bytes: &[u8]) {
        let mut remainder = bytes;
        while !remainder.is_empty() {
            let at = self.offset;
            let end = if at < QUICK as u64 { QUICK as u64 } else { (at / EDGE_BYTES + 1) * EDGE_BYTES };
            let (now, later) = remainder.split_at(remainder.len().min((end - at) as usize));
            if at == 0 {
                self.whole = Some(Box::default());
            }
            if let Some(whole) = &mut self.whole {
                whole.update(now);
            }
            if at >= EDGE_BYTES {
                self.block.get_or_insert_default().update(now);
            }
            self.offset += now.len() as u64;
            self.end_part();
            remainder = later;
        }
        if self.offset > FULL_LIMIT {
            self.whole = None;
        }
        if self.offset > EDGE_BYTES - QUICK as u64 {
            let kept = QUICK.saturating_sub(bytes.len()).min(self.last.len());
            self.last.drain(..self.last.len() - kept);
            self.last.extend_from_slice(&bytes[bytes.len().saturating_sub(QUICK)..]);
        }
    }

    /// Takes the digest of the part that ends at the offset, if one does.
    fn end_part(&mut self) {
        if self.offset == QUICK as u64 {
            self.first = Some(digest_of(self.whole.as_deref()));
        } else if self.offset == EDGE_BYTES {
            self.head = Some(digest_of(self.whole.as_deref()));
            self.block_before = self.head;
        } else if self.offset.is_multiple_of(EDGE_BYTES)
            && let Some(block) = &mut self.block
        {
            self.block_before = Some(block.digest());
            block.reset();
        }
    }

    /// Whether a full check is cheap enough to let a new line wait for it.
    pub fn is_check_inline(&self) -> bool {
        self.offset <= INLINE_LIMIT
    }

    /// How long no full check may follow a full check.
    pub fn check_cooldown(&self) -> Duration {
        let read = if self.whole.is_some() { self.offset } else { 3 * EDGE_BYTES };
        Duration::from_micros(read * 1_000_000 / CHECKED_PER_SECOND)
    }

    /// Whether the file still begins with the bytes that were read. `buffer` is what to read into.
    pub fn matches(&self, level: CheckLevel, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<bool> {
        // For a small file one comparison of everything is cheaper than two of its edges.
        if self.offset <= EDGE_BYTES {
            return self.fingerprint().matches(read, buffer);
        }
        let last_from = self.offset - self.last.len() as u64;
        let edges_match = digest(0, QUICK as u64, read, buffer)? == self.first && equals_at(&self.last, last_from, read, buffer)?;
        match level {
            CheckLevel::Quick => Ok(edges_match),
            CheckLevel::Full => Ok(edges_match && self.fingerprint().matches(read, buffer)?),
        }
    }

    /// The part of this that outlives the process.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            offset: self.offset,
            whole: if self.offset > FULL_LIMIT { None } else { Some(digest_of(self.whole.as_deref())) },
            head: self.head.unwrap_or_else(|| digest_of(self.whole.as_deref())),
            block_before: self.block_before,
            block: digest_of(if self.offset < EDGE_BYTES { self.whole.as_deref() } else { self.block.as_deref() }),
        }
    }

    /// What happened to a file of this size. Another inode that begins with everything that was read counts as appended to: many editors
    /// and agents write the whole file anew to add a line.
    pub fn classify(&self, size: u64, old: OldFile, level: CheckLevel, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<FileChange> {
        // A new file may begin like the rotated one: both have a header.
        let may_be_the_same = old != OldFile::Rotated || self.offset == 0;
        if may_be_the_same && size >= self.offset && self.matches(level, read, buffer)? {
            return Ok(FileChange::Appended);
        }
        Ok(FileChange::Reread(reread_reason(old)))
    }
}

/// The digest of what was hashed, which may be nothing.
fn digest_of(hasher: Option<&Xxh3>) -> u64 {
    hasher.map_or_else(|| xxh3_64(&[]), Xxh3::digest)
}

/// Why a file with other bytes is reread.
pub fn reread_reason(old: OldFile) -> RereadReason {
    match old {
        OldFile::SameInode => RereadReason::Rewritten,
        OldFile::Replaced => RereadReason::Replaced,
        OldFile::Renamed => RereadReason::Renamed,
        OldFile::Rotated => RereadReason::Rotated,
    }
}

/// Whether the file holds exactly these bytes at `at`.
fn equals_at(bytes: &[u8], at: u64, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<bool> {
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

/// Digest of `from..to`; `None` when the file ends before `to`.
pub(super) fn digest(from: u64, to: u64, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<Option<u64>> {
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
            let remainder = content.get(at as usize..).unwrap_or_default();
            // Short reads happen.
            let count = remainder.len().min(buffer.len()).min(5000);
            buffer[..count].copy_from_slice(&remainder[..count]);
            Ok(count)
        }
    }

    fn prefix_of(content: &[u8], chunk: usize) -> PrefixHash {
        let mut prefix = PrefixHash::default();
        content.chunks(chunk.max(1)).for_each(|bytes| prefix.add(bytes));
        prefix
    }

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 31 + at / 251) as u8).collect()
    }

    #[test]
    fn verdicts() {
        let prefix = prefix_of(b"one\ntwo\n", 3);
        let check = |now: &[u8], old: OldFile, expected: FileChange| {
            assert_eq!(
                prefix.classify(now.len() as u64, old, CheckLevel::Full, &mut reader(now), &mut [0; 9000]).unwrap(),
                expected,
                "{now:?}"
            );
        };
        check(b"one\ntwo\n", OldFile::SameInode, FileChange::Appended);
        check(b"one\ntwo\nthree\n", OldFile::SameInode, FileChange::Appended);
        check(b"one\ntwo\nthree\n", OldFile::Replaced, FileChange::Appended);
        check(b"one\ntwo\nthree\n", OldFile::Renamed, FileChange::Appended);
        check(b"one\ntwo\nthree\n", OldFile::Rotated, FileChange::Reread(RereadReason::Rotated));
        check(b"one\n", OldFile::SameInode, FileChange::Reread(RereadReason::Rewritten));
        check(b"one\ntoo\n", OldFile::SameInode, FileChange::Reread(RereadReason::Rewritten));
        check(b"zero\none\ntwo\n", OldFile::Replaced, FileChange::Reread(RereadReason::Replaced));
        check(b"", OldFile::Renamed, FileChange::Reread(RereadReason::Renamed));
    }

    #[test]
    fn nothing_read_is_always_grown() {
        assert!(PrefixHash::default().matches(CheckLevel::Full, &mut reader(b"anything"), &mut [0; 9000]).unwrap());
    }

    #[test]
    fn a_shrink_between_stat_and_read_is_no_growth() {
        let prefix = prefix_of(&content(100_000), 4096);
        let change =
            prefix.classify(100_000, OldFile::SameInode, CheckLevel::Quick, &mut reader(&content(50_000)), &mut [0; 9000]).unwrap();
        assert_eq!(change, FileChange::Reread(RereadReason::Rewritten));
    }

    #[test]
    fn above_the_limit_the_ends_are_compared() {
        let size = FULL_LIMIT as usize + 3 * EDGE_BYTES as usize + 17;
        let mut now = content(size);
        let prefix = prefix_of(&now, 1 << 20);
        let mut check = |at: usize, expected: bool| {
            now[at] ^= 1;
            assert_eq!(prefix.matches(CheckLevel::Full, &mut reader(&now), &mut [0; 9000]).unwrap(), expected, "{at}");
            now[at] ^= 1;
        };
        check(0, false);
        check(EDGE_BYTES as usize - 1, false);
        check(size - 1, false);
        check(size - EDGE_BYTES as usize, false);
        check(size / 2, true);
    }

    #[test]
    fn the_hashes_of_a_file_as_it_stands_are_those_of_its_bytes() {
        let edge = EDGE_BYTES as usize;
        for size in [
            0,
            1,
            QUICK,
            QUICK + 1,
            edge - QUICK,
            edge,
            edge + 1,
            2 * edge,
            100_000,
            FULL_LIMIT as usize,
            FULL_LIMIT as usize + 1,
            FULL_LIMIT as usize + 5 * EDGE_BYTES as usize,
        ] {
            let content = content(size);
            let (added, found) =
                (prefix_of(&content, 1 << 20), PrefixHash::of(size as u64, &mut reader(&content), &mut [0; 9000]).unwrap());
            let parts = |prefix: &PrefixHash| (prefix.fingerprint(), prefix.first, prefix.last.clone());
            assert_eq!(found.as_ref().map(parts), Some(parts(&added)), "{size}");
            assert!(PrefixHash::of(size as u64 + 1, &mut reader(&content), &mut [0; 9000]).unwrap().is_none());
        }
    }

    proptest! {
        // Hashing is slow without optimisation.
        #![proptest_config(crate::property::config(48))]

        #[test]
        fn any_change_is_found(size in 1usize..200_000, chunk in 1usize..70_000, at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut now = content(size);
            let prefix = prefix_of(&now, chunk);
            prop_assert_eq!(prefix.offset(), size as u64);
            now.extend_from_slice(b"more");
            prop_assert!(prefix.matches(CheckLevel::Full, &mut reader(&now), &mut [0; 9000]).unwrap());
            prop_assert!(prefix.matches(CheckLevel::Quick, &mut reader(&now), &mut [0; 9000]).unwrap());
            let at = at.index(size);
            now[at] ^= 1 << bit;
            prop_assert!(!prefix.matches(CheckLevel::Full, &mut reader(&now), &mut [0; 9000]).unwrap());
            let near = size <= EDGE_BYTES as usize || at < QUICK || at >= size - QUICK;
            prop_assert_eq!(prefix.matches(CheckLevel::Quick, &mut reader(&now), &mut [0; 9000]).unwrap(), !near);
        }
    }
}
