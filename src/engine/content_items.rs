//! What the lines of a log's accepted content count for: an edit of some of them needs no reading of the others.

use std::collections::HashSet;

use crate::file_change::LineEdit;
use crate::ledger::{ContentEdit, CountItem};

/// In the order of the lines.
#[derive(Debug, Clone, Default)]
pub(super) struct ContentItems {
    lines: Vec<u32>,
    items: Vec<CountItem>,
    /// Something was pushed that belongs further up.
    is_unsorted: bool,
    /// The lines of some are not known: an earlier process has counted them.
    is_partial: bool,
}

impl ContentItems {
    /// Whether all of the content is known by its lines.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_partial
    }

    /// The content was counted by an earlier process.
    pub(super) fn forget(&mut self) {
        *self = ContentItems { is_partial: true, ..ContentItems::default() };
    }

    /// Makes room for so many more, and for no others where they are a good part: a log that is read for the first time has thousands.
    pub(super) fn reserve(&mut self, added: usize) {
        if added * 8 >= self.items.len() {
            self.lines.reserve_exact(added);
            self.items.reserve_exact(added);
        }
    }

    pub(super) fn push(&mut self, line: u32, item: CountItem) {
        self.is_unsorted |= self.lines.last().is_some_and(|last| *last > line);
        self.lines.push(line);
        self.items.push(item);
    }

    /// Puts what was pushed in the order of the lines: a log may be counted from its end.
    pub(super) fn sort(&mut self) {
        if !std::mem::take(&mut self.is_unsorted) {
            return;
        }
        let mut all: Vec<(u32, CountItem)> = std::mem::take(&mut self.lines).into_iter().zip(std::mem::take(&mut self.items)).collect();
        all.sort_by_key(|(line, _)| *line);
        (self.lines, self.items) = all.into_iter().unzip();
    }

    /// Takes the items of another content.
    pub(super) fn replace(&mut self, items: impl Iterator<Item = (u32, CountItem)>) {
        (self.lines, self.items) = items.unzip();
        (self.is_partial, self.is_unsorted) = (false, true);
        self.sort();
    }

    /// Takes the items of the lines that an edit replaces with those that were judged instead.
    pub(super) fn edit(&mut self, edit: &LineEdit, mut items: Vec<(u32, CountItem)>) {
        let replaced = self.replaced(edit);
        self.lines[replaced.end..].iter_mut().for_each(|line| *line = edit.moved(*line));
        // The facts of an entry come together, whatever their lines.
        items.sort_by_key(|(line, _)| *line);
        self.lines.splice(replaced.clone(), items.iter().map(|(line, _)| *line));
        self.items.splice(replaced, items.iter().map(|(_, item)| *item));
    }

    /// The edit as the ledger sees it.
    pub(super) fn content_edit<'a>(&'a self, edit: &LineEdit, added: &'a [CountItem]) -> ContentEdit<'a> {
        let replaced = self.replaced(edit);
        ContentEdit { kept: [&self.items[..replaced.start], &self.items[replaced.end..]], removed: &self.items[replaced], added }
    }

    /// The entries of the lines that are judged anew.
    pub(super) fn entry_hashes(&self, edit: &LineEdit) -> HashSet<u64> {
        self.items[self.replaced(edit)].iter().map(CountItem::entry_hash).collect()
    }

    fn replaced(&self, edit: &LineEdit) -> std::ops::Range<usize> {
        self.lines.partition_point(|line| *line < edit.first)..self.lines.partition_point(|line| *line < edit.old_end)
    }
}
