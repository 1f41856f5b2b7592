//! `[ ]`, `[x]`, `[-]`, `[in_progress]`: a box, how it stands, and the text behind it.

use crate::plan::{PlanStatus, words};

/// A box at the start of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Boxed<'a> {
    pub(super) status: PlanStatus,
    /// `[ ]*`: it does not hold up the end.
    pub(super) is_optional: bool,
    pub(super) text: &'a str,
}

/// The box that a text begins with.
pub(super) fn boxed(text: &str) -> Option<Boxed<'_>> {
    let text = text.trim_start();
    let (inner, after) = text.strip_prefix('[')?.split_once(']')?;
    let status = match inner.trim() {
        "" if inner.len() <= 2 => PlanStatus::Open,
        "x" | "X" | "✓" | "✔" | "✅" | "√" | "*" => PlanStatus::Passed,
        "-" | "~" | "/" | ">" | "…" | ".." | "..." => PlanStatus::InProgress,
        "!" => PlanStatus::Blocked,
        word if word.len() >= 4 && word.len() <= 20 => words::status(word)?,
        _ => return None,
    };
    let (is_optional, after) = match after.strip_prefix('*') {
        Some(after) if !after.starts_with('*') => (true, after),
        Some(_) | None => (false, after),
    };
    // `[x](link)` is a link, `[ ][ref]` too.
    let is_box = after.is_empty() || after.starts_with([' ', '\u{a0}', '*', '\t']);
    is_box.then(|| Boxed { status, is_optional, text: after.trim() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_of_every_kind() {
        for (text, expected) in [
            ("[ ] Open", Some((PlanStatus::Open, false, "Open"))),
            ("[] Open", Some((PlanStatus::Open, false, "Open"))),
            ("[X] Done", Some((PlanStatus::Passed, false, "Done"))),
            ("[-] Under way", Some((PlanStatus::InProgress, false, "Under way"))),
            ("[~] Under way", Some((PlanStatus::InProgress, false, "Under way"))),
            ("[ ]* 1.2 May be left", Some((PlanStatus::Open, true, "1.2 May be left"))),
            ("[in_progress] Words", Some((PlanStatus::InProgress, false, "Words"))),
            ("[complete] Words", Some((PlanStatus::Passed, false, "Words"))),
            ("[US-1] Id", None),
            ("[x](link)", None),
            ("no box", None),
        ] {
            let found = boxed(text).map(|found| (found.status, found.is_optional, found.text));
            assert_eq!(found, expected, "{text}");
        }
    }
}
