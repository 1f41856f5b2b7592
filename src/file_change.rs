//! How a file changed under its path: why it is read again, which of its lines are others, and which file lost the path.

/// Why a file is read again from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RereadReason {
    /// The same inode holds other bytes: the file was truncated or overwritten.
    Rewritten,
    /// The path leads to another inode, and the old inode has no name any more: an atomic save.
    Replaced,
    /// The path leads to another inode, and the old inode has another name: it was archived or renamed.
    Renamed,
    /// The file that was read is a rotated file now (`NAME.1`, `NAME-20260124`, `NAME.old`). Its counts stay valid.
    Rotated,
    /// The lines come from a new rotated file beside the watched one: a copy of what was read before, or a generation that was missed.
    RotatedSibling,
    /// An earlier process has read the file up to the next `RestoreDone`. Without one the file turned out to be another.
    Restored,
}

/// Which lines of a file were judged before and are to be judged anew. With them come lines on both sides of them, as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineEdit {
    /// Number of the first of them.
    pub first: u32,
    /// Number of the first line after them, before the edit and now.
    pub old_end: u32,
    pub new_end: u32,
    /// Number of the first line that comes.
    pub window: u32,
}

impl LineEdit {
    /// The number of a line after the edit, by its number before it.
    pub fn moved(&self, line: u32) -> u32 {
        line.wrapping_sub(self.old_end).wrapping_add(self.new_end)
    }
}

/// A file whose path was taken by another file, and that is still read for a while. Numbered within its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DetachedId(pub u32);
