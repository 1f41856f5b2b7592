//! A terminal for indicatif that sends a whole frame in one write, and cannot be torn.
//!
//! indicatif fills every line to the terminal's width and relies on the wrap at the margin, measured character by character: a family
//! emoji breaks its count, and after a resize the terminal takes the whole picture for one long line. Here a row starts with a mark, ends
//! with a real line break, and its right border is put at its column, whatever the terminal thinks of the emoji before it.

use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressDrawTarget, TermLike};

use crate::output::text;

/// Stands before every row: it tells rows from indicatif's padding, has no width, and no colour can leak into a row.
const ROW: &str = "\u{1b}[0m";
// Frames are shown whole by terminals that know mode 2026; without the wrap (mode 7) a row that the terminal finds too wide stays a row.
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[?7l";
const END: &str = "\u{1b}[?7h\u{1b}[?2026l";

/// Shared by the screen, which starts it, and indicatif, which draws on it.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    terminal: Arc<dyn TermLike>,
    pending: Arc<Mutex<PendingFrame>>,
}

#[derive(Debug, Default)]
struct PendingFrame {
    bytes: String,
    /// Rows of this frame so far.
    rows: usize,
}

impl Frame {
    pub(super) fn new(terminal: Arc<dyn TermLike>) -> Frame {
        Frame { terminal, pending: Arc::default() }
    }

    /// For an indicatif that has drawn nothing yet. Without its own limit of frames: who draws keeps one, and none is ever dropped.
    pub(super) fn target(&self) -> ProgressDrawTarget {
        ProgressDrawTarget::term_like(Box::new(self.clone()))
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (u16, u16) {
        (self.terminal.width(), self.terminal.height())
    }

    /// The rows as one message of indicatif's.
    pub(super) fn message(&self, rows: &[String]) -> String {
        let columns = self.size().0;
        let mut message = String::new();
        for (at, row) in rows.iter().enumerate() {
            message.push_str(if at == 0 { ROW } else { "\n\u{1b}[0m" });
            match row.char_indices().next_back() {
                Some((border, _)) if row.ends_with(['║', '╗', '╣', '╝', '|', '+']) => {
                    write!(message, "{}\u{1b}[{columns}G{}", row[..border].trim_end(), &row[border..]).expect("a String takes everything");
                }
                Some(_) | None => message.push_str(row.trim_end()),
            }
        }
        message
    }

    /// Takes the drawn rows from the screen; the cursor stands where the first one began.
    pub(super) fn erase(&self, rows: &[String]) {
        let columns = usize::from(self.size().0.max(1));
        // Terminals rewrap rows that have become too long for them.
        let height = |row: &String| text::width(&console::strip_ansi_codes(row)).div_ceil(columns).max(1);
        // What has left the screen cannot be taken back. Line by line: some terminals keep a screen that is erased as a whole in the scrollback.
        let lines = rows.iter().map(height).sum::<usize>().min(self.size().1.into());
        if let (Some(last), 1..) = (rows.last(), lines) {
            let down = "\u{1b}[B".repeat(height(last) - 1);
            self.send(&format!("{BEGIN}{down}\r\u{1b}[2K{}{END}", "\u{1b}[A\u{1b}[2K".repeat(lines - 1)));
        }
    }

    /// A line of its own.
    pub(super) fn print(&self, line: &str) {
        self.send(&format!("{line}\r\n"));
    }

    pub(super) fn new_line(&self) {
        self.send("\r\n");
    }

    pub(super) fn hide_cursor(&self) {
        self.send("\u{1b}[?25l");
    }

    pub(super) fn show_cursor(&self) {
        self.send("\u{1b}[?25h");
    }

    /// What was begun for the old picture.
    pub(super) fn forget(&self) {
        *self.pending() = PendingFrame::default();
    }

    pub(super) fn send(&self, bytes: &str) {
        // A terminal that is gone has nobody to tell; the program ends by its signals, not by its screen.
        let _ = self.terminal.write_str(bytes).and_then(|()| self.terminal.flush());
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, PendingFrame> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, escape: std::fmt::Arguments) -> io::Result<()> {
        self.pending().bytes.write_fmt(escape).map_err(io::Error::other)
    }
}

impl TermLike for Frame {
    /// So wide that indicatif never sees a row as two: no cluster that `text::clean` lets through adds up to more columns of characters.
    fn width(&self) -> u16 {
        self.terminal.width().saturating_mul(24)
    }

    fn height(&self) -> u16 {
        self.terminal.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        if n > 0 { self.push(format_args!("\u{1b}[{n}A")) } else { Ok(()) }
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        if n > 0 { self.push(format_args!("\u{1b}[{n}B")) } else { Ok(()) }
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        if n > 0 { self.push(format_args!("\u{1b}[{n}C")) } else { Ok(()) }
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        if n > 0 { self.push(format_args!("\u{1b}[{n}D")) } else { Ok(()) }
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push(format_args!("\r\u{1b}[2K"))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(format_args!("{text}\r\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if !text.starts_with(ROW) {
            // Padding to the margin; the row before it has been cleared.
            return Ok(());
        }
        let mut pending = self.pending();
        if pending.rows > 0 {
            pending.bytes.push_str("\r\n");
        }
        pending.rows += 1;
        pending.bytes.push_str(text);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let PendingFrame { bytes, .. } = std::mem::take(&mut *self.pending());
        // The cursor waits at the start of the last row, where an echoed `^C` does not make the terminal scroll.
        self.terminal.write_str(&format!("{BEGIN}{bytes}\r{END}"))?;
        self.terminal.flush()
    }
}
