//! Judgement is monotone: a log read at whatever prefixes tells of each record once.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{LogParser, Pause, feed};
use crate::fact::{Fact, Statement};

/// I: id, T: title.
const LAYOUTS: [&str; 8] = [
    "## 2026-02-03 - {I}: {T}",
    "## ✓ Iteration 1 - {I}: {T}",
    "[2026-02-03T10:00:00Z] {I} PASS {T}",
    "- [x] {I} {T}",
    "### {I} - {T} ✅ DONE",
    "### Iteration: 2026-02-03 10:00\n**Story**: {I} - {T}\n**Status**: Complete",
    "{I}: DONE — {T}",
    "| {I} | {T} | done |",
];

/// What may stand under an entry: nothing of it names another.
const BELOW: [&str; 7] = [
    "- Made the part and its tests",
    "**Status**: Complete",
    "---",
    "",
    "- Files changed: a.rs",
    "**Learnings:**",
    "ERROR: the till is shut",
];

fn any_log() -> impl Strategy<Value = Vec<String>> {
    let entry = (prop::sample::select(&LAYOUTS), prop::collection::vec(prop::sample::select(&BELOW), 0..5));
    let header = prop::sample::select(vec!["", "# Ralph Progress Log\nStarted: 2026-02-01\n---\n", "# Progress\n"]);
    (header, prop::collection::vec(entry, 1..9)).prop_map(|(header, entries)| {
        let mut lines: Vec<String> = header.lines().map(str::to_owned).collect();
        for (n, (layout, below)) in entries.into_iter().enumerate() {
            let entry = layout.replace("{I}", &format!("US-{:03}", n + 1)).replace("{T}", &format!("Part number {}", n + 1));
            lines.extend(entry.lines().map(str::to_owned));
            lines.extend(below.into_iter().map(str::to_owned));
        }
        lines
    })
}

/// How often each story starts and ends.
fn counts(facts: &[Fact]) -> HashMap<(String, bool), u32> {
    let mut counts = HashMap::new();
    for fact in facts {
        let is_end = match fact.statement {
            Statement::StoryStarted { .. } => false,
            Statement::StoryEnded { .. } => true,
            Statement::TaskStarted { .. }
            | Statement::CriterionDone { .. }
            | Statement::Error(_)
            | Statement::TaskEnded { .. }
            | Statement::Activity { .. } => continue,
        };
        let id = fact.story.as_ref().and_then(|story| story.id.clone()).unwrap_or_default();
        *counts.entry((id.to_string(), is_end)).or_default() += 1;
    }
    counts
}

proptest! {
    #![proptest_config(crate::property::config(256))]
    #[test]
    fn a_record_gives_one_event_at_any_prefixes(lines in any_log(), pauses in prop::collection::vec(0u8..4, 1..40)) {
        let mut reader = LogParser::new(TimeZone::UTC);
        let mut facts = Vec::new();
        for (n, line) in lines.iter().enumerate() {
            feed(&mut reader, line, n as u32 + 1, &mut facts);
            match pauses[n % pauses.len()] {
                0 => reader.extract(Pause::None, &mut facts),
                1 => reader.extract(Pause::Quiet, &mut facts),
                _ => {}
            }
        }
        reader.extract(Pause::End, &mut facts);
        for ((id, is_end), count) in counts(&facts) {
            prop_assert!(count == 1 || id.is_empty(), "{id} {is_end}: {count} times in\n{}", lines.join("\n"));
        }
    }
}

proptest! {
    #![proptest_config(crate::property::config(64))]

    #[test]
    fn a_log_that_was_packed_reads_on_as_one_that_was_not(lines in any_log(), packed in prop::collection::vec(any::<bool>(), 60)) {
        let (mut plain, mut other) = (LogParser::new(TimeZone::UTC), LogParser::new(TimeZone::UTC));
        let (mut facts, mut of_other) = (Vec::new(), Vec::new());
        for (number, (text, packs)) in (1..).zip(lines.iter().zip(packed.into_iter().cycle())) {
            for (parser, facts) in [(&mut plain, &mut facts), (&mut other, &mut of_other)] {
                feed(parser, text, number, facts);
                parser.extract(Pause::Quiet, facts);
            }
            if packs {
                other.pack(usize::MAX);
            }
            prop_assert_eq!(&of_other, &facts);
            prop_assert_eq!(other.line_counts(), plain.line_counts());
            prop_assert_eq!(other.unknown_lines(20), plain.unknown_lines(20));
            prop_assert_eq!(other.settled_lines(), plain.settled_lines());
        }
    }
}
