//! Whole logs, line by line, against compact renderings of their facts. All texts are made up.

mod blocks;
mod entries;
mod lines;
mod prefixes;

use std::fmt::Write;
use std::path::Path;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{LogParser, ParserConfig, Pause, Rules, SourceKind};
use crate::fact::{Fact, Outcome, Precision, Provenance, Statement, StatementForm};
use crate::line::{Line, LineEnd};

fn feed(reader: &mut LogParser, text: &str, from: u32, facts: &mut Vec<Fact>) {
    for (number, text) in (from..).zip(text.lines()) {
        reader.parse_line(Line { number, text, end: LineEnd::Feed }, facts);
    }
}

/// As [`read`], for a file of another name.
pub(super) fn read_named(name: &str, text: &str) -> (LogParser, Vec<Fact>, Vec<Fact>) {
    read_by(ParserConfig::new(Path::new(name), TimeZone::UTC, &Rules::default()).parser(), text)
}

/// Reads a whole text; the second is what quiet adds.
fn read(text: &str) -> (LogParser, Vec<Fact>, Vec<Fact>) {
    read_by(LogParser::new(TimeZone::UTC), text)
}

fn read_by(mut reader: LogParser, text: &str) -> (LogParser, Vec<Fact>, Vec<Fact>) {
    let (mut facts, mut settled) = (Vec::new(), Vec::new());
    feed(&mut reader, text, 1, &mut facts);
    reader.extract(Pause::None, &mut facts);
    reader.extract(Pause::End, &mut settled);
    (reader, facts, settled)
}

/// `LINE VOICE? KIND story "title" …`, one fact a line; derived ones end in `~`.
pub(super) fn show(facts: &[Fact]) -> String {
    facts.iter().map(show_one).collect::<Vec<_>>().join("\n")
}

fn show_one(fact: &Fact) -> String {
    let mut out = format!("{} ", fact.line);
    out.push_str(match &fact.statement {
        Statement::TaskStarted { .. } => "task",
        Statement::StoryStarted { .. } => "start",
        Statement::CriterionDone { .. } => "ac",
        Statement::StoryEnded { outcome: Outcome::Passed, .. } => "pass",
        Statement::StoryEnded { outcome: Outcome::Failed { .. }, .. } => "fail",
        Statement::Error(_) => "error",
        Statement::TaskEnded { passed: true } => "task-pass",
        Statement::TaskEnded { passed: false } => "task-fail",
        Statement::Activity { .. } => "activity",
    });
    if let Some(story) = &fact.story {
        write!(out, " {}", story.id.as_deref().unwrap_or("-")).expect("a string");
        if let Some(title) = &story.title {
            write!(out, " \"{title}\"").expect("a string");
        }
    }
    out.push_str(&detail(&fact.statement));
    if let Some(when) = fact.recorded_at {
        let time = when.at.to_string();
        let end = match when.precision {
            Precision::Day => 10,
            Precision::Minute => 16,
            Precision::Second => 19,
        };
        write!(out, " @{}", &time[..end]).expect("a string");
    }
    match fact.form {
        StatementForm::Entry => {}
        StatementForm::Line => out.push_str(" line"),
        StatementForm::Record => out.push_str(" record"),
        StatementForm::Summary => out.push_str(" summary"),
    }
    if fact.provenance == Provenance::Derived {
        out.push_str(" ~");
    }
    out
}

fn detail(what: &Statement) -> String {
    match what {
        Statement::TaskStarted { name, branch, story_count, .. } => {
            [name.clone(), branch.clone(), story_count.map(|count| format!("of {count}"))]
                .into_iter()
                .flatten()
                .map(|part| format!(" {part}"))
                .collect()
        }
        Statement::StoryStarted { iteration, criteria, .. } => {
            let iteration = iteration.map(|iteration| format!(" #{iteration}")).unwrap_or_default();
            if criteria.is_empty() { iteration } else { format!("{iteration} [{}]", criteria.join(", ")) }
        }
        Statement::CriterionDone { criterion, duration_ms } => {
            let index = criterion.index.map_or("-".to_owned(), |index| index.to_string());
            let took = duration_ms.map(|millis| format!(" {millis}ms")).unwrap_or_default();
            format!(" {index} {}{took}", criterion.text.as_deref().unwrap_or("-"))
        }
        Statement::StoryEnded { outcome, duration_ms, commits } => {
            let mut out = match outcome {
                Outcome::Passed => String::new(),
                Outcome::Failed { reason } => format!(" ({reason})"),
            };
            out.push_str(&duration_ms.map(|millis| format!(" {millis}ms")).unwrap_or_default());
            commits.iter().for_each(|commit| write!(out, " {commit}").expect("a string"));
            out
        }
        Statement::Error(failure) => format!(" {:?}: {}", failure.kind, failure.message),
        Statement::Activity { text, iteration } => {
            let text = text.as_ref().map(|text| format!(" \"{text}\"")).unwrap_or_default();
            let of = |of: &Option<u32>| of.map(|of| format!("/{of}")).unwrap_or_default();
            text + &iteration.as_ref().map(|(at, total)| format!(" #{at}{}", of(total))).unwrap_or_default()
        }
        Statement::TaskEnded { .. } => String::new(),
    }
}

/// What the text says by itself, and, behind a line `...`, what quiet adds.
fn check(text: &str, expected: &str) {
    check_named("progress.txt", text, expected);
}

#[track_caller]
pub(super) fn check_named(name: &str, text: &str, expected: &str) {
    let (_, facts, settled) = read_named(name, text);
    let mut found = show(&facts);
    if !settled.is_empty() {
        write!(found, "\n...\n{}", show(&settled)).expect("a string");
    }
    let trimmed = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&found), trimmed(expected), "in:\n{text}");
}

#[test]
fn headers_begin_a_run_once() {
    for (text, expected, start) in [
        (
            "# Progress Log: bakery\n# Created: 2026-02-03 10:00:00\n",
            "2 task bakery @2026-02-03T10:00:00",
            Some("# Created: 2026-02-03 10:00:00"),
        ),
        ("# Progress Log for bakery\n\nThis file tracks it.\n\n---\n", "1 task bakery", Some("# Progress Log for bakery")),
        ("# Ralph Progress Log\nStarted: $(date)\n---\n", "1 task", None),
        (
            "# Ralph Progress Log\nFeature: Ovens\nBranch: ralph/ovens\nStarted: mardi 3 février 2026\n",
            "4 task Ovens ralph/ovens @2026-02-03",
            Some("Started: mardi 3 février 2026"),
        ),
        ("Ralph Progress Log - Ovens\n==========\n\nStarted: 2026-02-03\n", "4 task Ovens @2026-02-03", Some("Started: 2026-02-03")),
        ("# Ralph Progress Log\n", "...\n1 task", None),
        ("# Progress Log\nStarted: 2026-02-03\n---\n- Day 1: variables\n", "", Some("Started: 2026-02-03")),
    ] {
        check(text, expected);
        assert_eq!(read(text).0.head().start_line.as_deref(), start, "{text}");
    }
}

#[test]
fn files_that_are_no_runner_logs_give_nothing() {
    for text in [
        "# Changelog\n## [1.2.0] - 2026-02-03\n- Fixed errors\n## 2026-02-01 - 1.1.0\n- failed tests\n",
        "Day 1 :- variables\nDay 2 :- loops (failed)\nError: none\n",
        "# Learning progress\n## UTF-8 - notes\n## RFC-2119: words\nStatus: Complete\n",
        "11 july 2002\n\t- fixed bugs\n",
        "2026-02-03 10:00:00 INFO [main] Starting...\n2026-02-03 10:00:01 ERROR [pool-1] Failed: x\n",
        "# AB-1\n[x] done\n=====\n**Status**: Complete\n",
    ] {
        check(text, "");
        assert_eq!(read(text).0.kind(), SourceKind::Unknown, "{text}");
    }
}

#[test]
fn order_is_known_by_dates_and_then_by_numbers() {
    let log = |dates: &[&str]| dates.iter().map(|date| format!("## {date}\n---\n")).collect::<String>();
    for (dates, expected) in [
        (&["2026-02-03 - US-003", "2026-02-02 - US-004"][..], true),
        (&["2026-02-02 - US-003", "2026-02-03 - US-002"], false),
        (&["2026-02-03 - US-003", "2026-02-03 - US-002", "2026-02-03 - US-001"], true),
        (&["2026-02-03 - US-003"], false),
    ] {
        assert_eq!(read(&log(dates)).0.is_newest_first(), expected, "{dates:?}");
    }
}

/// Texts made of pieces that mean something, so that random ones reach deep.
pub(crate) fn any_log() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "# Ralph Progress Log\n",
        "# Progress Log: x\n# Created: 2026-02-03 10:00\n",
        "## Codebase Patterns\n",
        "## 2026-02-03 - US-001\n",
        "## 2026-02-03 10:00 JST - US-001 through US-004 (BLOCKED: é)\n",
        "### Iteration: 2026-02-03 10:20 AM\n",
        "**Story**: US-002 & US-003 - Öfen\n",
        "**Status**: Complete\n",
        "**Status**: Failed - ✗\n",
        "- ✅ AC1: done\n",
        "- [x] done\n",
        "```\n",
        "---\n",
        "[US-003] Starting...\n",
        "## Session 3 - 2026-02-03\n",
        "=== Session 2026-02-03 08:29 (Task 4: Öfen) ===\n",
        "### Completed\n",
        "### Next Steps\n",
        "- Feature #12: Öfen\n",
        "- Ran it on Feature #9 \"x\" - STILL PASSING\n",
        "Task #3: Öfen\n",
        "[2026-02-03 10:00:00] OVEN_CHECK: T-1\n",
        "[2026-02-03 10:00:00] OVEN-CHECK: 1.1 é\n",
        "[2026-02-03 10:00:00] Story 1 completed: é\n",
        "[3/6] ✅ wheat-label complete\n",
        "2026-02-03: Öfen\n",
        "Todo: Öfen\n",
        "结果: 成功\n",
        "================\n",
        "| US-001 | é | **DONE** |\n",
        "✅ subtask-1-1: é\n",
        "Stories: 2/2 passed\n",
        "  S1 é (666a422)\n",
        "【日付】2026-02-03\n",
        "## 2026-02-03: Öfen\n",
        "BLOCKED: é\n",
        "{\"type\":\"story_started\",\"story\":\"US-1\"}\n",
        "\n",
    ];
    let piece = prop::sample::select(PIECES).prop_map(str::to_owned);
    prop::collection::vec(prop_oneof![3 => piece, 1 => "\\PC{0,12}\n"], 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(crate::property::config(256))]
    #[test]
    fn any_text_is_survived(text in "[\\PC\n]{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn damage_to_a_line_is_survived(line in prop::sample::select(vec![
        "## [2026-02-03 10:00:00.123 (EEST)] - [US-001], US-002..US-009 — Title (2026-02-03) ✅ DONE",
        "### Iteration #3/15: Wed Mar 4th, 2026 at 09:15:30 AM UTC+02:00",
        "- **AC 2**: ✓ text ✅", "[2026-02-03T10:00:00+01:00] [Tasks 279-281] Failed (x)", "- **Status:** ⛔\u{fe0f} [Blocked] by é",
    ]), cut in 0usize..120, insert in "\\PC{0,3}") {
        let at = line.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(line.len());
        let _ = read(&format!("# Ralph Progress Log\n## 2026-02-03 - US-001\n{}{insert}{}\n{}\n", &line[..at], &line[at..], &line[at..]));
    }

    #[test]
    fn a_clone_reads_on_like_the_original(text in any_log(), at in 0usize..30) {
        let (mut whole, mut parted) = (Vec::new(), Vec::new());
        let mut reader = LogParser::new(TimeZone::UTC);
        feed(&mut reader, &text, 1, &mut whole);
        reader.extract(Pause::End, &mut whole);
        // Blank lines at the cut are lines, too.
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (first, second) = lines.split_at(at.min(lines.len()));
        let mut reader = LogParser::new(TimeZone::UTC);
        feed(&mut reader, &first.concat(), 1, &mut parted);
        let mut twin = reader.clone();
        // What the original goes on to read is nothing to its clone.
        feed(&mut reader, "## 2026-02-03 - US-900\n---\n", 900, &mut Vec::new());
        feed(&mut twin, &second.concat(), first.len() as u32 + 1, &mut parted);
        twin.extract(Pause::End, &mut parted);
        prop_assert_eq!(show(&whole), show(&parted));
    }

    #[test]
    fn quiet_anywhere_adds_no_second_statement(text in any_log()) {
        let mut reader = LogParser::new(TimeZone::UTC);
        let (mut facts, mut again) = (Vec::new(), Vec::new());
        feed(&mut reader, &text, 1, &mut facts);
        reader.extract(Pause::End, &mut facts);
        reader.extract(Pause::End, &mut again);
        prop_assert!(again.is_empty());
        prop_assert!(!reader.has_pending());
    }
}
