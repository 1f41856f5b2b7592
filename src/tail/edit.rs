//! The edit of a file that is otherwise as it was read: which lines to judge anew, and the position after it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::file_change::LineEdit;
use crate::line::Lines;
use crate::tail::file_stat::FileStat;
use crate::tail::follow::PrefixHash;
use crate::tail::read_position::{LastLine, ReadPosition};
use crate::tail::splitter::Splitter;

pub(super) struct FoundEdit {
    pub(super) edit: LineEdit,
    /// The lines that are to be judged anew, and those on both sides of them.
    pub(super) lines: Lines,
    /// As if the file had been read from its start.
    pub(super) position: ReadPosition,
}

/// The edit that made the file what it is, if it is one in a single place of the first `settled_lines` lines. `stat` is the file's as it
/// was found; `buffer` is what to read into.
pub(super) fn find(
    before: &ReadPosition,
    file: &File,
    stat: &FileStat,
    settled_lines: u32,
    buffer: &mut [u8],
) -> io::Result<Option<FoundEdit>> {
    if settled_lines == 0 || before.last_line != LastLine::Complete || !before.splitter.is_at_line_feed() {
        return Ok(None);
    }
    let mut read = |buffer: &mut [u8], at| file.read_at(buffer, at);
    let Some(edited) = before.blocks.compare(stat.size, &mut read, buffer)? else { return Ok(None) };
    let Some(window) = before.blocks.window(&edited).filter(|window| window.old_window_lines <= settled_lines) else { return Ok(None) };
    let mut text = vec![0; (window.to - window.from) as usize];
    file.read_exact_at(&mut text, window.from)?;
    let within = |at: u64| (at - window.from) as usize;
    let mut splitter = Splitter::from_line(window.first_line);
    let mut lines = Lines::with_capacity(text.len());
    splitter.feed(&text, &mut lines);
    // Redraws share a number: then the numbers do not tell the lines.
    let feeds = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count();
    if !splitter.is_at_line_feed() || lines.len() != feeds(&text) {
        return Ok(None);
    }
    let new_end = window.first_line + feeds(&text[..within(window.replaced.end)]) as u32;
    let edit = LineEdit { first: window.lines_before + 1, old_end: window.old_lines + 1, new_end, window: window.first_line };
    let changed = before.blocks.changed(&edited);
    let blocks = before.blocks.edited(&edited, &text[within(changed.start)..within(changed.end)]);
    let Some(prefix) = PrefixHash::of(stat.size, &mut read, buffer)? else { return Ok(None) };
    if FileStat::from(&file.metadata()?) != *stat {
        return Ok(None);
    }
    let splitter = before.splitter.renumbered(|line| edit.moved(line));
    Ok(Some(FoundEdit { edit, lines, position: before.edited(splitter, prefix, blocks) }))
}
