//! The terminal that indicatif draws on: it collects the rows of a frame and sends them in one write.
//!
//! The box has the alternate screen. A terminal rewraps what stands on its main screen when the window becomes narrower, and a wrapped box
//! scrolls away in pieces; the alternate screen is never rewrapped and has no scrollback. There each frame begins in the corner, so what
//! others wrote into the picture goes with the next one. indicatif's own moves of the cursor are not needed.

use std::fmt::Write;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressDrawTarget, TermLike};

use crate::output::layout::PictureLine;
use crate::output::text;

/// Stands before every row: it tells rows from indicatif's padding, has no width, and no colour can leak into a row.
const ROW: &str = "\u{1b}[0m";
// Frames are shown whole by terminals that know mode 2026; without the wrap (mode 7) a row that the terminal finds too wide stays a row.
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[?7l\u{1b}[H";
const END: &str = "\r\n\u{1b}[J\u{1b}[?7h\u{1b}[?2026l";
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[H\u{1b}[2J";
// tmux rewraps the alternate screen as it is left and keeps what does not fit in the scrollback: an empty one leaves nothing there.
pub(super) const LEAVE: &str = "\u{1b}[H\u{1b}[2J\u{1b}[?1049l\u{1b}[?25h";

/// Shared by the box, which enters and leaves the screen, and indicatif, which draws on it.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    terminal: Arc<dyn TermLike>,
    pending: Arc<Mutex<Vec<String>>>,
    /// Whether the alternate screen is shown. A panic leaves it for its message.
    entered: Arc<AtomicBool>,
}

impl Frame {
    pub(super) fn new(terminal: Arc<dyn TermLike>) -> Frame {
        Frame { terminal, pending: Arc::default(), entered: Arc::default() }
    }

    /// Without indicatif's own limit of frames: who draws keeps one, and none is ever dropped.
    pub(super) fn target(&self) -> ProgressDrawTarget {
        ProgressDrawTarget::term_like(Box::new(self.clone()))
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (u16, u16) {
        (self.terminal.width(), self.terminal.height())
    }

    /// The line as it is sent, each segment put at its column, whatever the terminal thinks of the emoji before it.
    pub(super) fn row(&self, line: &PictureLine) -> String {
        let mut row = ROW.to_owned();
        for (at, segment) in line.segments.iter().enumerate() {
            if segment.column > 0 {
                write!(row, "\u{1b}[{}G", segment.column + 1).expect("a String takes everything");
            }
            let text = segment.text.trim_end();
            row.push_str(text);
            // What is wider than counted must not reach the margin by its blanks; they are erased instead. A full row is left alone: its
            // last column is where the cursor stands.
            if at == 0 && (text.len() < segment.text.len() || text::width(&console::strip_ansi_codes(text)) < self.size().0.into()) {
                row.push_str("\u{1b}[K");
            }
        }
        row
    }

    /// Shows the alternate screen, empty. Returns whether it was not shown before.
    pub(super) fn enter(&self) -> bool {
        let is_new = !self.entered.swap(true, Ordering::AcqRel);
        if is_new {
            self.send(ENTER);
        }
        is_new
    }

    /// Gives the main screen and the cursor back, and writes `rows` there.
    pub(super) fn leave(&self, rows: &[String]) {
        let mut text = if self.entered.swap(false, Ordering::AcqRel) { LEAVE.to_owned() } else { String::new() };
        if !rows.is_empty() {
            text.extend(["\u{1b}[?7l", &rows.join("\r\n"), "\r\n\u{1b}[?7h"]);
        }
        if !text.is_empty() {
            self.send(&text);
        }
    }

    pub(super) fn clear(&self) {
        self.send("\u{1b}[H\u{1b}[2J");
    }

    pub(super) fn is_entered(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.entered)
    }

    pub(super) fn send(&self, bytes: &str) {
        // A terminal that is gone has nobody to tell; the program ends by its signals, not by its screen.
        let _ = self.terminal.write_str(bytes).and_then(|()| self.terminal.flush());
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for Frame {
    /// So wide that indicatif never takes a row for two: it counts characters, of which a family of emoji has twelve.
    fn width(&self) -> u16 {
        4096
    }

    fn height(&self) -> u16 {
        self.terminal.height()
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if text.starts_with(ROW) {
            self.pending().push(text.to_owned());
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let rows = std::mem::take(&mut *self.pending());
        if rows.is_empty() || !self.entered.load(Ordering::Acquire) {
            return Ok(());
        }
        self.terminal.write_str(&format!("{BEGIN}{}{END}", rows.join("\r\n")))?;
        self.terminal.flush()
    }
}
