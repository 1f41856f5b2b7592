//! The words and marks by which runners say how things stand: one table for every family.
//!
//! A word counts only where a family says that a status stands there; the same words in prose mean nothing.

use super::vocabulary::{MARKS, Sense, phrase};
use crate::fact::ErrorKind;

/// How a story stands, as a status, a heading or a mark says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Passed,
    /// The word used, in lower case, and the text that follows it.
    Failed {
        reason: String,
        why: Option<String>,
    },
    /// Worked on, explicitly not done.
    Open,
    /// Not begun, put off or left out.
    Idle,
}

use Sense::{Failed, Idle, Open, Passed};

/// `text` without one leading mark, and whether that was a tick. White space and the emoji selector after it go too.
pub(super) fn strip_mark(text: &str) -> Option<(OutcomeMark, &str)> {
    let first = text.chars().next().filter(|first| !first.is_ascii())?;
    let (_, sense) = MARKS.iter().find(|(mark, _)| *mark == first)?;
    let remainder = text[first.len_utf8()..].trim_start_matches(['\u{fe0f}', ' ', '\t']);
    let mark = match sense {
        Passed => OutcomeMark::Tick,
        Failed => OutcomeMark::Cross,
        Open | Idle => OutcomeMark::Busy,
    };
    Some((mark, remainder))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutcomeMark {
    Tick,
    Cross,
    Busy,
}

impl OutcomeMark {
    pub(super) fn status(self) -> Status {
        match self {
            OutcomeMark::Tick => Status::Passed,
            OutcomeMark::Cross => Status::Failed { reason: "failed".to_owned(), why: None },
            OutcomeMark::Busy => Status::Open,
        }
    }
}

/// The value of a status field: it begins with a known word, or is a mark. A legend (`complete | blocked`) says nothing.
pub(super) fn value(text: &str) -> Option<Status> {
    let text = text.trim_matches(is_decoration);
    let (mark, text) = match strip_mark(text) {
        Some((mark, remainder)) => (Some(mark), remainder.trim_matches(is_decoration)),
        None => (None, text),
    };
    let inner = text.strip_prefix('[').and_then(|inner| inner.split_once(']')).map_or(text, |(inner, _)| inner);
    match phrase(inner) {
        Some((sense, word, remainder)) if !is_legend(remainder) => Some(sense.status(word, remainder)),
        Some(_) => None,
        None => mark.map(OutcomeMark::status),
    }
}

impl Sense {
    fn status(self, word: &str, remainder: &str) -> Status {
        match self {
            Passed => Status::Passed,
            Failed => Status::Failed { reason: word.to_owned(), why: reason_text(remainder) },
            Open => Status::Open,
            Idle => Status::Idle,
        }
    }
}

/// `Complete | Blocked`, `done/failed`: a choice, not a statement.
fn is_legend(remainder: &str) -> bool {
    let after = remainder.trim_start();
    let Some(choice) = after.strip_prefix(['|', '/']).or_else(|| after.strip_prefix("or ")) else { return false };
    phrase(choice.trim_start()).is_some()
}

/// The reason behind a failure's word: what follows a colon, dash, bracket or conjunction; nothing when it says nothing.
pub(super) fn reason_text(remainder: &str) -> Option<String> {
    let text =
        remainder.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '—' | '–' | ',' | ';' | '(' | '.' | '|'));
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_'));
    let text = if text.contains('(') { text } else { text.trim_end_matches(')') };
    let lower = text.to_ascii_lowercase();
    let is_none_word = ["", "none", "n/a", "no", "-", "nothing", "no blockers", "none."].contains(&lower.as_str());
    (!is_none_word && text.chars().any(char::is_alphanumeric)).then(|| text.to_owned())
}

fn is_decoration(c: char) -> bool {
    c.is_whitespace() || matches!(c, '*' | '_' | '`' | '\u{fe0f}')
}

/// What kind of error a runner's own type name, or else its message, speaks of.
pub(super) fn error_kind(name: Option<&str>, message: &str) -> ErrorKind {
    const NAMES: &[(&str, ErrorKind)] = &[
        ("timeout", ErrorKind::Timeout),
        ("not_found", ErrorKind::NotFound),
        ("permission", ErrorKind::Permission),
        ("parse", ErrorKind::Parse),
        ("syntax", ErrorKind::Parse),
        ("network", ErrorKind::Network),
        ("connection", ErrorKind::Network),
        ("validation", ErrorKind::Validation),
        ("test", ErrorKind::Validation),
    ];
    const PHRASES: &[(&str, ErrorKind)] = &[
        ("timed out", ErrorKind::Timeout),
        ("timeout", ErrorKind::Timeout),
        ("not found", ErrorKind::NotFound),
        ("no such file", ErrorKind::NotFound),
        ("missing", ErrorKind::NotFound),
        ("permission denied", ErrorKind::Permission),
        ("access denied", ErrorKind::Permission),
        ("unauthorized", ErrorKind::Permission),
        ("syntax error", ErrorKind::Parse),
        ("parse error", ErrorKind::Parse),
        ("connection", ErrorKind::Network),
        ("network", ErrorKind::Network),
        ("validation", ErrorKind::Validation),
    ];
    if let Some(name) = name.map(|name| name.trim().to_ascii_lowercase().replace([' ', '-'], "_")).filter(|name| !name.is_empty()) {
        return NAMES.iter().find(|(start, _)| name.starts_with(start)).map_or(ErrorKind::Unknown, |(_, kind)| *kind);
    }
    let message = message.to_ascii_lowercase();
    PHRASES.iter().find(|(phrase, _)| message.contains(phrase)).map_or(ErrorKind::Unknown, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(status: Option<Status>) -> String {
        match status {
            None => "-".to_owned(),
            Some(Status::Passed) => "passed".to_owned(),
            Some(Status::Failed { reason, why }) => {
                format!("{reason}: {}", why.unwrap_or_default()).trim_end_matches([':', ' ']).to_owned()
            }
            Some(Status::Open) => "open".to_owned(),
            Some(Status::Idle) => "idle".to_owned(),
        }
    }

    #[test]
    fn a_status_value_begins_with_a_known_word() {
        for (text, expected) in [
            ("Complete", "passed"),
            ("COMPLETED ✅", "passed"),
            ("✅ Done", "passed"),
            ("✓", "passed"),
            ("Complete (Nothing Left To Do)", "passed"),
            ("Enhanced and Verified", "passed"),
            ("[COMPLETE]", "passed"),
            ("**Passed**", "passed"),
            ("完成", "passed"),
            ("Failed - no key for the vault", "failed: no key for the vault"),
            ("BLOCKED", "blocked"),
            ("Blocked (no key)", "blocked: no key"),
            ("Cannot complete: disk full", "cannot complete: disk full"),
            ("❌", "failed"),
            ("In Progress", "open"),
            ("Partially complete", "open"),
            ("Incomplete", "open"),
            ("Not started", "idle"),
            ("pending", "idle"),
            ("Completeness unknown", "-"),
            ("Complete | Blocked | In Progress", "-"),
            ("done/failed", "-"),
            ("[Complete/Blocked]", "-"),
            ("reviewing", "-"),
            ("", "-"),
        ] {
            assert_eq!(show(value(text)), expected, "{text}");
        }
    }

    #[test]
    fn errors_are_sorted_by_name_first() {
        assert_eq!(error_kind(Some("timeout"), "permission denied"), ErrorKind::Timeout);
        assert_eq!(error_kind(Some(""), "request timed out after 30s"), ErrorKind::Timeout);
        assert_eq!(error_kind(Some("weird"), "request timed out"), ErrorKind::Unknown);
        assert_eq!(error_kind(None, "it broke"), ErrorKind::Unknown);
    }
}
