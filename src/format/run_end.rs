//! A whole line of a runner that says that its run is complete: `All 5 user stories complete`.

use super::LineContext;
use crate::fact::{Fact, Statement, StatementForm};

/// The fact, in a file that has shown itself to be a runner's log.
pub(super) fn run_end(context: &LineContext<'_>) -> Option<Fact> {
    (context.sure && is_all_done(context.text))
        .then(|| Fact::on_line(Statement::TaskEnded { passed: true }, None, StatementForm::Line, context.number, context.raw))
}

/// A whole line that says `All 5 user stories complete`.
fn is_all_done(text: &str) -> bool {
    // Nearly every other line.
    if text.starts_with(|c: char| c.is_ascii_alphanumeric() && !matches!(c, 'a' | 'A')) {
        return false;
    }
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
