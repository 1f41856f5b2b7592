//! The signs of the box, each one column wide in the default set.

use crate::model::agent::AgentVerb;
use crate::model::state::{CriterionState, CriterionStatus, Headline, StoryState, StoryStatus};
use crate::output::text::Charset;

use super::row::Paint;

pub(super) struct Glyphs {
    pub(super) charset: Charset,
    pub(super) done: &'static str,
    /// Done, but no source says so.
    pub(super) inferred: &'static str,
    pub(super) current: &'static str,
    pub(super) pending: &'static str,
    pub(super) failed: &'static str,
    pub(super) stopped: &'static str,
    pub(super) attention: &'static str,
    pub(super) dropped: &'static str,
    /// Nothing comes from the other bridge.
    pub(super) cut_off: &'static str,
    pub(super) full: &'static str,
    pub(super) empty: &'static str,
    pub(super) dot: &'static str,
    pub(super) rule: &'static str,
    pub(super) frame: Border,
}

/// Pieces of the frame: left, at the divider of the panes, right.
pub(super) struct Border {
    pub(super) horizontal: &'static str,
    pub(super) vertical: &'static str,
    pub(super) top: [&'static str; 2],
    pub(super) middle: [&'static str; 2],
    pub(super) bottom: [&'static str; 2],
    /// Where the divider begins, and where it ends.
    pub(super) tee_down: &'static str,
    pub(super) tee_up: &'static str,
}

const DOUBLE: Border =
    Border {
        horizontal: "═", vertical: "║", top: ["╔", "╗"], middle: ["╠", "╣"], bottom: ["╚", "╝"], tee_down: "╦", tee_up: "╩"
    };

const UNICODE: Glyphs = Glyphs {
    charset: Charset::Unicode,
    done: "✓",
    inferred: "~",
    current: "▸",
    pending: "○",
    failed: "✗",
    stopped: "■",
    attention: "!",
    dropped: "-",
    cut_off: "~",
    full: "█",
    empty: "░",
    dot: "·",
    rule: "─",
    frame: DOUBLE,
};

/// The signs of the first sketch; some are two columns wide.
const EMOJI: Glyphs = Glyphs { charset: Charset::Emoji, done: "✅", current: "⏳", failed: "❌", frame: DOUBLE, ..UNICODE };

const ASCII: Glyphs = Glyphs {
    charset: Charset::Ascii,
    done: "[x]",
    inferred: "[~]",
    current: "[>]",
    pending: "[ ]",
    failed: "[!]",
    stopped: "[#]",
    attention: "[?]",
    dropped: "[-]",
    cut_off: "[~]",
    full: "#",
    empty: "-",
    dot: "-",
    rule: "-",
    frame: Border { horizontal: "=", vertical: "|", top: ["+", "+"], middle: ["+", "+"], bottom: ["+", "+"], tee_down: "+", tee_up: "+" },
};

impl Glyphs {
    pub(super) fn of(charset: Charset) -> &'static Glyphs {
        match charset {
            Charset::Unicode => &UNICODE,
            Charset::Emoji => &EMOJI,
            Charset::Ascii => &ASCII,
        }
    }

    /// Sign and paint of a task's headline.
    pub(super) fn headline(&self, headline: Headline) -> (&'static str, Paint) {
        match headline {
            Headline::Waiting | Headline::Planned => (self.pending, Paint::Dim),
            Headline::Running => (self.current, Paint::Busy),
            Headline::Quiet => (self.attention, Paint::Warn),
            Headline::NeedsYou => (self.attention, Paint::Bad),
            Headline::Ended => (self.stopped, Paint::Warn),
            Headline::Passed => (self.done, Paint::Good),
            Headline::Failed => (self.failed, Paint::Bad),
        }
    }

    pub(super) fn story(&self, story: &StoryState) -> (&'static str, Paint) {
        match story.status {
            StoryStatus::Open => (self.pending, Paint::Dim),
            StoryStatus::InProgress => (self.current, Paint::Busy),
            StoryStatus::Passed if story.provenance == Some(crate::fact::Provenance::Inferred) => (self.inferred, Paint::Good),
            StoryStatus::Passed => (self.done, Paint::Good),
            StoryStatus::Failed => (self.failed, Paint::Bad),
            StoryStatus::Blocked => (self.attention, Paint::Warn),
            StoryStatus::Deferred | StoryStatus::Cancelled => (self.dropped, Paint::Dim),
        }
    }

    pub(super) fn criterion(&self, criterion: &CriterionState) -> (&'static str, Paint) {
        let is_inferred = criterion.provenance == Some(crate::fact::Provenance::Inferred);
        match criterion.status {
            CriterionStatus::Done if is_inferred => (self.inferred, Paint::Good),
            status => self.item(status),
        }
    }

    pub(super) fn item(&self, status: CriterionStatus) -> (&'static str, Paint) {
        match status {
            CriterionStatus::Open => (self.pending, Paint::Dim),
            CriterionStatus::InProgress => (self.current, Paint::Busy),
            CriterionStatus::Done => (self.done, Paint::Good),
        }
    }

    /// `[████░░]`; full only when all is done.
    pub(super) fn bar(&self, done: usize, all: usize, cells: usize) -> String {
        let full = (done.min(all) * cells).checked_div(all).unwrap_or(0);
        format!("[{}{}]", self.full.repeat(full), self.empty.repeat(cells - full))
    }
}

/// What an agent's open call does, in lower case.
pub(super) fn verb(verb: AgentVerb) -> &'static str {
    match verb {
        AgentVerb::Reading => "reading",
        AgentVerb::Editing => "editing",
        AgentVerb::Writing => "writing",
        AgentVerb::Searching => "searching",
        AgentVerb::Running => "running",
        AgentVerb::Testing => "testing",
        AgentVerb::Building => "building",
        AgentVerb::Linting => "linting",
        AgentVerb::Committing => "committing",
        AgentVerb::Fetching => "fetching",
        AgentVerb::Planning => "planning",
        AgentVerb::Delegating => "delegating",
        AgentVerb::Asking => "asking",
    }
}
