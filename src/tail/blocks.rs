//! What was read of a file, block by block: enough to find which part of another content is the same.
//!
//! A log whose newest entry stands on top is written anew for every entry. Its lines before and after the edit need not be read again.
//! Opens and stats nothing: bytes come in through a closure.

use std::io;

use xxhash_rust::xxh3::Xxh3;

use crate::tail::follow::{ReadAt, digest};

/// A block ends at the first line feed after so many bytes and lines. An entry that begins in a block ends in the next: what belongs to it
/// is looked for no further than 60 lines.
const BLOCK_BYTES: u64 = 8 << 10;
const BLOCK_LINES: u32 = 64;
/// Of a larger edit nothing is gained.
const MAX_EDIT: u64 = 1 << 20;

/// Digests of the bytes that were read, from the first to the last.
#[derive(Clone, Default)]
pub struct ContentBlocks {
    blocks: Vec<ContentBlock>,
    /// Of the block that has not ended; `None` before its first byte, because a hasher is large.
    open: Option<Box<Xxh3>>,
    /// Line feeds of the block that has not ended.
    open_lines: u32,
    offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentBlock {
    /// Offset of the byte after it.
    end: u64,
    /// Line feeds up to its end.
    lines: u32,
    digest: u64,
}

/// Where another content differs from the one that was read, in whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditedBlocks {
    /// So many blocks stand at the beginning as they did.
    head: usize,
    /// The first of the blocks that stand at the end as they did.
    tail: usize,
    /// How many bytes longer the content is.
    growth: i64,
}

/// What to read of an edited content, in bytes and lines of the new content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditWindow {
    pub from: u64,
    pub to: u64,
    /// Number of the line that begins at `from`.
    pub first_line: u32,
    /// Of the new content: lines between the unchanged blocks of the window are judged anew, those outside of it stand.
    pub replaced: std::ops::Range<u64>,
    /// Line feeds before `replaced`, and before its end in the old content.
    pub lines_before: u32,
    pub old_lines: u32,
    /// Line feeds before the end of the window in the old content.
    pub old_window_lines: u32,
}

impl ContentBlocks {
    /// The next bytes of the file.
    pub fn add(&mut self, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() {
            let missing = (self.start() + BLOCK_BYTES).saturating_sub(self.offset).min(left.len() as u64) as usize;
            let (sure, beyond) = left.split_at(missing);
            self.open_lines += memchr::memchr_iter(b'\n', sure).count() as u32;
            let mut taken = missing;
            let is_full = self.offset + missing as u64 >= self.start() + BLOCK_BYTES;
            // The feed that ends the block may be the last byte of what it had to have.
            let mut ends = is_full && self.open_lines >= BLOCK_LINES && sure.last() == Some(&b'\n');
            if is_full && !ends {
                for at in memchr::memchr_iter(b'\n', beyond) {
                    self.open_lines += 1;
                    if self.open_lines >= BLOCK_LINES {
                        taken += at + 1;
                        ends = true;
                        break;
                    }
                }
                if !ends {
                    taken = left.len();
                }
            }
            self.open.get_or_insert_default().update(&left[..taken]);
            self.offset += taken as u64;
            if ends {
                self.end_block();
            }
            left = &left[taken..];
        }
    }

    fn push(&mut self, block: &[u8]) {
        self.open.get_or_insert_default().update(block);
        self.open_lines = memchr::memchr_iter(b'\n', block).count() as u32;
        self.offset += block.len() as u64;
        self.end_block();
    }

    fn start(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.end)
    }

    fn end_block(&mut self) {
        let Some(open) = self.open.take() else { return };
        let lines = self.blocks.last().map_or(0, |block| block.lines) + std::mem::take(&mut self.open_lines);
        self.blocks.push(ContentBlock { end: self.offset, lines, digest: open.digest() });
    }

    /// Where a content of `size` bytes differs, when that is in one place in the middle and little. What was read must end with a line
    /// feed; `buffer` is what to read into.
    pub fn compare(&self, size: u64, read: &mut ReadAt<'_>, buffer: &mut [u8]) -> io::Result<Option<EditedBlocks>> {
        let growth = size as i64 - self.offset as i64;
        if growth.unsigned_abs() > MAX_EDIT {
            return Ok(None);
        }
        let starts = std::iter::once(0).chain(self.blocks.iter().map(|block| block.end));
        let spans: Vec<(u64, ContentBlock)> = starts.zip(self.blocks.iter().copied()).collect();
        let mut head = 0;
        for (start, block) in &spans {
            if digest(*start, block.end, read, buffer)? != Some(block.digest) {
                break;
            }
            head += 1;
        }
        // The block that has not ended belongs to the end, too.
        let open = self.open.as_ref().map(|open| (self.start(), ContentBlock { end: self.offset, lines: 0, digest: open.digest() }));
        let mut tail = spans.len();
        for (index, (start, block)) in open.into_iter().map(|open| (spans.len(), open)).chain(spans.iter().copied().enumerate().rev()) {
            let (from, to) = (start.checked_add_signed(growth), block.end.checked_add_signed(growth));
            // What is inserted may repeat what stands before it.
            let span = from.zip(to).filter(|(from, _)| index >= head && *from >= self.end_of(head));
            let is_same = match span {
                Some((from, to)) => digest(from, to, read, buffer)? == Some(block.digest),
                None => false,
            };
            if !is_same && index == spans.len() {
                return Ok(None);
            }
            if !is_same {
                break;
            }
            tail = index.min(tail);
        }
        // No block gets smaller than another by being edited again and again.
        while tail < spans.len() && self.end_of(tail) as i64 - self.end_of(head) as i64 + growth < BLOCK_BYTES as i64 {
            tail += 1;
        }
        let is_small = self.end_of(tail) - self.end_of(head) <= MAX_EDIT;
        Ok(is_small.then_some(EditedBlocks { head, tail, growth }))
    }

    /// What to read of an edited content: the unchanged lines on each side of the edit that an entry may reach are judged anew with it, as
    /// many more beyond give the evidence. `None` when the unchanged end is shorter than that.
    pub fn window(&self, edit: &EditedBlocks) -> Option<EditWindow> {
        let shifted = |block: usize| self.end_of(block).checked_add_signed(edit.growth);
        let replaced = self.far_before(edit.head);
        let first = self.far_before(replaced);
        let replaced_end = self.far_after(edit.tail)?;
        let last = self.far_after(replaced_end)?;
        Some(EditWindow {
            from: self.end_of(first),
            to: shifted(last)?,
            first_line: self.lines_before(first) + 1,
            replaced: self.end_of(replaced)..shifted(replaced_end)?,
            lines_before: self.lines_before(replaced),
            old_lines: self.lines_before(replaced_end),
            old_window_lines: self.lines_before(last),
        })
    }

    /// The blocks of the edited content. `changed` are the bytes between the blocks that stand as they did.
    pub fn edited(&self, edit: &EditedBlocks, changed: &[u8]) -> ContentBlocks {
        let mut edited = ContentBlocks { blocks: self.blocks[..edit.head].to_vec(), ..ContentBlocks::default() };
        edited.offset = edited.start();
        // What is left of the last block makes it longer.
        let mut left = changed;
        while left.len() as u64 >= 2 * BLOCK_BYTES {
            let Some(feed) = memchr::memchr(b'\n', &left[BLOCK_BYTES as usize..]) else { break };
            let (block, later) = left.split_at(BLOCK_BYTES as usize + feed + 1);
            if (later.len() as u64) < BLOCK_BYTES {
                break;
            }
            edited.push(block);
            left = later;
        }
        if !left.is_empty() {
            edited.push(left);
        }
        let old_lines = self.lines_before(edit.tail);
        let new_lines = edited.lines_before(edited.blocks.len());
        let moved = |block: &ContentBlock| ContentBlock {
            end: block.end.wrapping_add_signed(edit.growth),
            lines: block.lines.wrapping_sub(old_lines).wrapping_add(new_lines),
            digest: block.digest,
        };
        edited.blocks.extend(self.blocks[edit.tail..].iter().map(moved));
        edited.offset = self.offset.wrapping_add_signed(edit.growth);
        (edited.open, edited.open_lines) = (self.open.clone(), self.open_lines);
        edited
    }

    /// Where the bytes between the unchanged blocks stand in the edited content.
    pub fn changed(&self, edit: &EditedBlocks) -> std::ops::Range<u64> {
        self.end_of(edit.head)..self.end_of(edit.tail).wrapping_add_signed(edit.growth)
    }

    /// The number of blocks that end far enough before the end of so many.
    fn far_before(&self, blocks: usize) -> usize {
        (0..blocks).rev().find(|before| self.lines_before(blocks) - self.lines_before(*before) >= BLOCK_LINES).unwrap_or(0)
    }

    /// The number of blocks that end far enough after the end of so many, if there are so many.
    fn far_after(&self, blocks: usize) -> Option<usize> {
        (blocks + 1..=self.blocks.len()).find(|after| self.lines_before(*after) - self.lines_before(blocks) >= BLOCK_LINES)
    }

    /// Offset of the end of so many blocks.
    fn end_of(&self, blocks: usize) -> u64 {
        blocks.checked_sub(1).map_or(0, |last| self.blocks[last].end)
    }

    /// Line feeds in so many blocks.
    fn lines_before(&self, blocks: usize) -> u32 {
        blocks.checked_sub(1).map_or(0, |last| self.blocks[last].lines)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reader(content: &[u8]) -> impl FnMut(&mut [u8], u64) -> io::Result<usize> + '_ {
        |buffer, at| {
            let left = content.get(at as usize..).unwrap_or_default();
            // Short reads happen.
            let count = left.len().min(buffer.len()).min(5000);
            buffer[..count].copy_from_slice(&left[..count]);
            Ok(count)
        }
    }

    fn blocks_of(content: &[u8], chunk: usize) -> ContentBlocks {
        let mut blocks = ContentBlocks::default();
        content.chunks(chunk).for_each(|bytes| blocks.add(bytes));
        blocks
    }

    fn content(lines: usize) -> Vec<u8> {
        (0..lines).flat_map(|line| format!("line {line} with {} words\n", line * 7 % 1000).into_bytes()).collect()
    }

    fn line_feeds(bytes: &[u8]) -> u32 {
        bytes.iter().filter(|byte| **byte == b'\n').count() as u32
    }

    #[test]
    fn an_entry_on_top_leaves_all_blocks_but_the_first() {
        let old = content(20_000);
        let new = [b"a new line\n", old.as_slice()].concat();
        let blocks = blocks_of(&old, 7777);
        let edit = blocks.compare(new.len() as u64, &mut reader(&new), &mut [0; 9000]).unwrap().unwrap();
        assert_eq!(edit, EditedBlocks { head: 0, tail: 1, growth: 11 });
        let window = blocks.window(&edit).unwrap();
        assert_eq!((window.from, window.first_line, window.replaced.start), (0, 1, 0));
        assert!(window.to < 4 * BLOCK_BYTES, "{window:?}");
    }

    #[test]
    fn blocks_stay_as_large_as_they_are_when_they_are_edited_again_and_again() {
        let mut content = content(20_000);
        let mut blocks = blocks_of(&content, 7777);
        for number in 0..2000 {
            let new = [format!("new line {number} on top\n").as_bytes(), &content].concat();
            let edit = blocks.compare(new.len() as u64, &mut reader(&new), &mut [0; 9000]).unwrap().unwrap();
            let changed = blocks.changed(&edit);
            assert!(changed.end - changed.start < 3 * BLOCK_BYTES);
            blocks = blocks.edited(&edit, &new[changed.start as usize..changed.end as usize]);
            content = new;
        }
        let starts = std::iter::once(0).chain(blocks.blocks.iter().map(|block| block.end));
        assert!(starts.zip(&blocks.blocks).all(|(start, block)| (BLOCK_BYTES..3 * BLOCK_BYTES).contains(&(block.end - start))));
    }

    #[test]
    fn of_a_large_edit_nothing_is_gained() {
        let old = content(200_000);
        let blocks = blocks_of(&old, 7777);
        let check = |new: &[u8]| assert_eq!(blocks.compare(new.len() as u64, &mut reader(new), &mut [0; 9000]).unwrap(), None);
        check(&[content(100_000), old.clone()].concat());
        check(&[b"a", &old[1_200_000..]].concat());
    }

    proptest! {
        #![proptest_config(crate::property::config(64))]

        // The model: both contents as bytes.
        #[test]
        fn what_is_called_unchanged_is_unchanged(
            lines in 1usize..12_000, chunk in 1usize..70_000, at in any::<prop::sample::Index>(), gone in 0usize..3000, added in 0usize..200,
        ) {
            let old = content(lines);
            let at = at.index(old.len());
            let gone = gone.min(old.len() - at);
            let new = [&old[..at], content(added).as_slice(), &old[at + gone..]].concat();
            let blocks = blocks_of(&old, chunk);
            prop_assert_eq!(&blocks.blocks, &blocks_of(&old, 1 << 20).blocks, "any chunks give the same blocks");
            let Some(edit) = blocks.compare(new.len() as u64, &mut reader(&new), &mut [0; 9000]).unwrap() else { return Ok(()) };
            let changed = blocks.changed(&edit);
            let (start, end) = (changed.start as usize, changed.end as usize);
            prop_assert!(old[..start] == new[..start], "{edit:?}");
            prop_assert!(old[old.len() - (new.len() - end)..] == new[end..], "{edit:?}");
            prop_assert!(start <= at + gone && end <= new.len());
            if let Some(window) = blocks.window(&edit) {
                let (from, to) = (window.from as usize, window.to as usize);
                prop_assert!(from <= window.replaced.start as usize && window.replaced.start as usize <= start);
                prop_assert!(end <= window.replaced.end as usize && (window.replaced.end as usize) < to && to <= new.len());
                prop_assert_eq!(window.first_line, line_feeds(&new[..from]) + 1);
                prop_assert_eq!(window.lines_before, line_feeds(&new[..window.replaced.start as usize]));
                let tail = old.len() - (new.len() - window.replaced.end as usize);
                prop_assert_eq!(window.old_lines, line_feeds(&old[..tail]));
                prop_assert_eq!(window.old_window_lines, line_feeds(&old[..old.len() - (new.len() - to)]));
            }
            let mut edited = blocks.edited(&edit, &new[start..end]);
            let mut both = new.clone();
            both.extend_from_slice(b"appended\n");
            edited.add(b"appended\n");
            for (index, block) in edited.blocks.iter().enumerate() {
                let begin = edited.end_of(index) as usize;
                prop_assert!(block.digest == xxhash_rust::xxh3::xxh3_64(&both[begin..block.end as usize]), "{index}");
                prop_assert_eq!(block.lines, line_feeds(&both[..block.end as usize]));
            }
            prop_assert_eq!(edited.offset, both.len() as u64);
            prop_assert_eq!(edited.compare(both.len() as u64 + 5, &mut reader(&[&b"head\n"[..], &both].concat()), &mut [0; 9000]).unwrap().map(|edit| edit.growth), Some(5));
        }
    }
}
