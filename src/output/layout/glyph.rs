//! The signs of the box, each one column wide in the Unicode set.

use crate::model::state::Headline;
use crate::output::text::Charset;

use super::row::Paint;

pub(super) struct Glyphs {
    pub(super) charset: Charset,
    pub(super) done: &'static str,
    /// Done, but nobody said so.
    pub(super) inferred: &'static str,
    pub(super) current: &'static str,
    pub(super) pending: &'static str,
    pub(super) failed: &'static str,
    pub(super) quiet: &'static str,
    pub(super) full: &'static str,
    pub(super) empty: &'static str,
    pub(super) dot: &'static str,
    pub(super) rule: &'static str,
    pub(super) horizontal: &'static str,
    pub(super) vertical: &'static str,
    pub(super) top: [&'static str; 2],
    pub(super) middle: [&'static str; 2],
    pub(super) bottom: [&'static str; 2],
}

const UNICODE: Glyphs = Glyphs {
    charset: Charset::Unicode,
    done: "✓",
    inferred: "~",
    current: "▸",
    pending: "○",
    failed: "✗",
    quiet: "!",
    full: "█",
    empty: "░",
    dot: "·",
    rule: "─",
    horizontal: "═",
    vertical: "║",
    top: ["╔", "╗"],
    middle: ["╠", "╣"],
    bottom: ["╚", "╝"],
};

const ASCII: Glyphs = Glyphs {
    charset: Charset::Ascii,
    done: "[x]",
    inferred: "[~]",
    current: "[>]",
    pending: "[ ]",
    failed: "[!]",
    quiet: "[?]",
    full: "#",
    empty: "-",
    dot: "-",
    rule: "-",
    horizontal: "=",
    vertical: "|",
    top: ["+", "+"],
    middle: ["+", "+"],
    bottom: ["+", "+"],
};

impl Glyphs {
    pub(super) fn of(charset: Charset) -> &'static Glyphs {
        match charset {
            Charset::Unicode => &UNICODE,
            Charset::Ascii => &ASCII,
        }
    }

    /// Sign, word and paint of a task's headline.
    pub(super) fn status(&self, headline: Headline) -> (&'static str, &'static str, Paint) {
        match headline {
            Headline::Waiting => (self.pending, "WAITING", Paint::Dim),
            Headline::Planned => (self.pending, "PLANNED", Paint::Dim),
            Headline::Running => (self.current, "RUNNING", Paint::Busy),
            Headline::Quiet => (self.quiet, "QUIET", Paint::Warn),
            Headline::NeedsYou => (self.quiet, "NEEDS YOU", Paint::Warn),
            Headline::Ended => (self.failed, "ENDED", Paint::Warn),
            Headline::Passed => (self.done, "PASSED", Paint::Good),
            Headline::Failed => (self.failed, "FAILED", Paint::Bad),
        }
    }

    /// `[████░░]`; full only when all is done.
    pub(super) fn bar(&self, done: usize, all: usize, cells: usize) -> String {
        let full = (done.min(all) * cells).checked_div(all).unwrap_or(0);
        format!("[{}{}]", self.full.repeat(full), self.empty.repeat(cells - full))
    }
}
