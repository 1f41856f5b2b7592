//! claude-loop and its kin: `### Iteration: TIME`, under it `**Story**: ID - title` and `**Status**: word`.
//!
//! The status is always written in the end; an entry without one is still being worked on.

use super::field::is_separator;
use super::opening::{Opening, PLAIN, Silence};
use super::{Family, Reading, Seen, SourceKind, heading, time};
use crate::fact::{Fact, Provenance, Statement, StatementForm, entry_hash};

pub(super) const FAMILY: Family = Family { kind: SourceKind::ProgressLog, begins: b"#=-AIi*", read };

fn read(seen: &Seen<'_>) -> Option<Reading> {
    if seen.sure && is_all_done(seen.text) {
        return Some(Reading::Says(vec![Fact {
            statement: Statement::TaskEnded { passed: true },
            story: None,
            form: StatementForm::Line,
            provenance: Provenance::Explicit,
            line: seen.number,
            text: seen.raw.into(),
            entry_hash: entry_hash(seen.raw),
            recorded_at: None,
        }]));
    }
    let (level, text) = match seen.text.as_bytes() {
        [b'#' | b'=', ..] => heading(seen.text)?,
        // `--- Iteration 1 (2026-01-24 12:32) ---`
        [b'-' | b'*', b'-' | b'*', ..] => (2, seen.text.trim_matches(['-', '*', ' '])),
        [b'I' | b'i', ..] => (PLAIN, seen.text),
        _ => return None,
    };
    let (iteration, rest) = super::iteration(text)?;
    let rest = rest.trim_start_matches(is_separator);
    let when = match time::leading(rest, seen.clock) {
        Some((when, rest)) if rest.trim_matches(is_separator).is_empty() => Some(when),
        Some(_) => return None,
        None if rest.is_empty() && level != PLAIN => None,
        // `Iteration 3/15 started.`: the runner's own line; what was done is said elsewhere.
        None if level == PLAIN && iteration.is_some() && is_progress(rest) => return Some(Reading::Says(Vec::new())),
        None => return None,
    };
    // A plain line is a heading only with its number.
    if level == PLAIN && iteration.is_none() {
        return None;
    }
    Some(Reading::Opens(Opening { level, when, iteration, silence: Silence::Started, ..Opening::default() }))
}

fn is_progress(rest: &str) -> bool {
    ["started", "complete", "completed", "finished", "done", "begins", "starting"].contains(&rest.trim_end_matches(['.', '!']))
}

/// A whole line that says `All 5 user stories complete`.
fn is_all_done(text: &str) -> bool {
    let start = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    if !start.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("all ")) {
        return false;
    }
    const FILLERS: [&str; 6] = ["user", "are", "now", "have", "been", "successfully"];
    let lower = start.to_ascii_lowercase();
    let bare = lower.trim_matches(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = bare.split_ascii_whitespace().filter(|word| !FILLERS.contains(word)).collect();
    match words.as_slice() {
        ["all", "stories", end] => is_end(end),
        ["all", number, "stories", end] => number.bytes().all(|b| b.is_ascii_digit()) && is_end(end),
        _ => false,
    }
}

fn is_end(word: &str) -> bool {
    ["complete", "completed", "done", "passed", "finished"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::is_all_done;

    #[test]
    fn only_a_whole_line_ends_the_run() {
        for text in
            ["All 5 user stories complete", "All 12 stories completed!", "✅ All stories are complete.", "**All 3 user stories done:**"]
        {
            assert!(is_all_done(text), "{text}");
        }
        for text in
            ["All 5 user stories in the plan are complete", "All tests passed", "- Overall 5 stories complete so far", "All stories", ""]
        {
            assert!(!is_all_done(text), "{text}");
        }
    }
}
