//! Invariants that hold for every text, for the fuzzer in `tests/extra/fuzz` and for random texts here. Compiled only for them.
//!
//! They stand here, beside the code, so that a fuzz target is one call.

use std::path::Path;

use jiff::tz::TimeZone;

use crate::fact::{Fact, Statement};
use crate::format::{ParserConfig, Rules};
use crate::line::{Line, LineEnd};
use crate::plan::{self, Notation};

/// A range names up to 100 ids, its entry starts and ends each, and a line can end one entry and be another.
const FACTS_OF_A_LINE: usize = 500;

/// Parses any text line by line: every fact quotes its line and names its story; a flush emits the pending facts, once.
pub fn check_lines(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.split('\n').collect();
    let mut parser = ParserConfig::new(Path::new("progress.txt"), TimeZone::UTC, &Rules::default()).parser();
    let mut facts = Vec::new();
    for (number, text) in (1..).zip(&lines) {
        let before = facts.len();
        parser.parse_line(Line { number, text, end: LineEnd::Feed }, &mut facts);
        assert!(facts.len() - before <= FACTS_OF_A_LINE, "a line says {} things", facts.len() - before);
    }
    let mut promised = Vec::new();
    parser.clone().flush(&mut promised);
    assert_eq!(parser.has_pending(), !promised.is_empty(), "it waits for nothing, or says more than it waits for");
    parser.flush(&mut facts);
    let mut again = Vec::new();
    parser.flush(&mut again);
    assert!(again.is_empty() && !parser.has_pending(), "quiet says it twice");
    for fact in &facts {
        check_fact(fact, &lines);
    }
    let (understood, unknown) = parser.line_counts();
    let there = lines.iter().filter(|line| !line.trim_ascii().is_empty()).count();
    assert_eq!(understood + unknown, there as u64, "a line was counted twice, or not");
}

fn check_fact(fact: &Fact, lines: &[&str]) {
    assert_eq!(lines.get(fact.line as usize - 1), Some(&&*fact.text), "it quotes another line");
    let about_a_story = match &fact.statement {
        Statement::StoryStarted { .. } | Statement::StoryEnded { .. } | Statement::CriterionDone { .. } => true,
        Statement::TaskStarted { .. } | Statement::TaskEnded { .. } | Statement::Error(_) | Statement::Activity { .. } => false,
    };
    assert!(!about_a_story || fact.story.is_some(), "about no story: {fact:?}");
    if let Some(story) = &fact.story {
        let named = [&story.id, &story.title].into_iter().flatten().any(|name| !name.trim().is_empty());
        assert!(named, "a story without a name: {fact:?}");
    }
}

/// Parses any text as a plan: the plan keeps its limits, or there is none.
pub fn check_plan(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for notation in [Notation::Json, Notation::JsonLines, Notation::Markdown, Notation::Yaml] {
        plan_in(notation, text);
    }
}

fn plan_in(notation: Notation, text: &str) {
    let Ok(plan) = plan::parse(notation, text) else { return };
    assert!(plan.stories.len() <= 10_000);
    for story in &plan.stories {
        assert!(story.id.is_some() || story.title.is_some());
        assert!(story.criteria.len() <= plan::CRITERION_LIMIT);
    }
    assert_eq!(plan::parse(notation, text).as_ref(), Ok(&plan), "it reads differently the second time");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::format::tests::any_log;

    /// Plans cut and mended at random.
    fn any_plan() -> impl Strategy<Value = String> {
        const PIECES: &[&str] = &[
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"userStories\"",
            "\"features\"",
            "\"phases\"",
            "\"subtasks\"",
            "\"id\"",
            "\"title\"",
            "\"passes\"",
            "\"status\"",
            "\"acceptanceCriteria\"",
            "true",
            "false",
            "null",
            "7",
            "1.1",
            "\"done\"",
            "\"é\"",
            "{\"id\": \"A\", \"passes\": true}",
            "{\"tasks\": [{\"title\": \"T\", \"done\": false}]}",
        ];
        prop::collection::vec(prop::sample::select(PIECES), 0..16).prop_map(|pieces| pieces.concat())
    }

    /// Found by the fuzzer: a block that was broken off behind the kind of its error.
    #[test]
    fn a_block_without_a_message_waits_for_quiet_too() {
        super::check_lines(b"====================\nTimestamp:\nStory ID: A\nError Type: network");
    }

    #[test]
    fn a_message_beside_its_label_quotes_the_whole_line() {
        super::check_lines(b"====================\nTimestamp:\nStory ID: A\nError Message: it is late\n");
    }

    #[test]
    fn dots_behind_a_counter_name_no_story() {
        super::check_lines(b"[2/6] Starting: ..\n[3/6] Starting: :\n");
    }

    #[test]
    fn a_story_that_is_pending_waits_for_nothing() {
        super::check_lines(b"RalphProgress\nS-0:pending");
    }

    proptest! {
        #[test]
        fn lines_hold(text in any_log()) {
            super::check_lines(text.as_bytes());
        }

        #[test]
        fn bytes_hold(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            super::check_lines(&bytes);
            super::check_plan(&bytes);
        }

        #[test]
        fn plans_hold(text in any_plan()) {
            super::check_plan(text.as_bytes());
        }
    }
}
