//! Whole logs, line by line, against compact renderings of their facts. All texts are made up.

use std::fmt::Write;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{Reader, SourceKind};
use crate::fact::{Fact, Outcome, Precision, Provenance, Voice, What};
use crate::line::{Line, LineEnd};

fn feed(reader: &mut Reader, text: &str, from: u32, facts: &mut Vec<Fact>) {
    for (number, text) in (from..).zip(text.lines()) {
        reader.line(Line { number, text, end: LineEnd::Feed }, facts);
    }
}

/// Reads a whole text; the second is what quiet adds.
fn read(text: &str) -> (Reader, Vec<Fact>, Vec<Fact>) {
    let mut reader = Reader::new(TimeZone::UTC);
    let (mut facts, mut settled) = (Vec::new(), Vec::new());
    feed(&mut reader, text, 1, &mut facts);
    assert_eq!(reader.is_waiting(), {
        let mut twin = reader.clone();
        twin.settle(&mut settled);
        !settled.is_empty()
    });
    (reader, facts, settled)
}

/// `LINE VOICE? KIND story "title" …`, one fact a line; derived ones end in `~`.
fn show(facts: &[Fact]) -> String {
    facts.iter().map(show_one).collect::<Vec<_>>().join("\n")
}

fn show_one(fact: &Fact) -> String {
    let mut out = format!("{} ", fact.line);
    out.push_str(match &fact.what {
        What::TaskStarted { .. } => "task",
        What::StoryStarted { .. } => "start",
        What::CriterionDone { .. } => "ac",
        What::StoryEnded { outcome: Outcome::Passed, .. } => "pass",
        What::StoryEnded { outcome: Outcome::Failed { .. }, .. } => "fail",
        What::Error(_) => "error",
        What::TaskEnded { passed: true } => "task-pass",
        What::TaskEnded { passed: false } => "task-fail",
        What::Activity { .. } => "activity",
    });
    if let Some(story) = &fact.story {
        write!(out, " {}", story.id.as_deref().unwrap_or("-")).expect("a string");
        if let Some(title) = &story.title {
            write!(out, " \"{title}\"").expect("a string");
        }
    }
    out.push_str(&detail(&fact.what));
    if let Some(when) = fact.when {
        let time = when.at.to_string();
        let end = match when.precision {
            Precision::Day => 10,
            Precision::Minute => 16,
            Precision::Second => 19,
        };
        write!(out, " @{}", &time[..end]).expect("a string");
    }
    match fact.voice {
        Voice::Entry => {}
        Voice::Line => out.push_str(" line"),
        Voice::Record => out.push_str(" record"),
        Voice::Summary => out.push_str(" summary"),
    }
    if fact.provenance == Provenance::Derived {
        out.push_str(" ~");
    }
    out
}

fn detail(what: &What) -> String {
    match what {
        What::TaskStarted { name, branch, story_count, .. } => {
            [name.clone(), branch.clone(), story_count.map(|count| format!("of {count}"))]
                .into_iter()
                .flatten()
                .map(|part| format!(" {part}"))
                .collect()
        }
        What::StoryStarted { iteration, criteria, .. } => {
            let iteration = iteration.map(|iteration| format!(" #{iteration}")).unwrap_or_default();
            if criteria.is_empty() { iteration } else { format!("{iteration} [{}]", criteria.join(", ")) }
        }
        What::CriterionDone { criterion, duration_ms } => {
            let index = criterion.index.map_or("-".to_owned(), |index| index.to_string());
            let took = duration_ms.map(|millis| format!(" {millis}ms")).unwrap_or_default();
            format!(" {index} {}{took}", criterion.text.as_deref().unwrap_or("-"))
        }
        What::StoryEnded { outcome, duration_ms, commits } => {
            let mut out = match outcome {
                Outcome::Passed => String::new(),
                Outcome::Failed { reason } => format!(" ({reason})"),
            };
            out.push_str(&duration_ms.map(|millis| format!(" {millis}ms")).unwrap_or_default());
            commits.iter().for_each(|commit| write!(out, " {commit}").expect("a string"));
            out
        }
        What::Error(failure) => format!(" {:?}: {}", failure.kind, failure.message),
        What::TaskEnded { .. } | What::Activity { .. } => String::new(),
    }
}

/// What the text says by itself, and, behind a line `...`, what quiet adds.
fn check(text: &str, expected: &str) {
    let (_, facts, settled) = read(text);
    let mut found = show(&facts);
    if !settled.is_empty() {
        write!(found, "\n...\n{}", show(&settled)).expect("a string");
    }
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(found.trim_start(), expected.join("\n"), "in:\n{text}");
}

#[test]
fn claude_loop_entries_are_judged_at_their_status() {
    check(
        "# Progress Log: bakery\n# Created: 2026-02-03 10:00:00\n#\n# Notes.\n\n## Codebase Patterns\n\n---\n\n## Iteration History\n\n\
         ### Iteration 1: 2026-02-03 10:20\n**Story**: US-001 - Bake the bread\n**Status**: Complete\n\n**What was implemented**:\n- An oven\n\n---\n\n\
         ### Iteration: 2026-02-03 11:00 PST\n**Story**: US-002 & US-003 - Sell it\n**Status:** Enhanced and Verified\n",
        "2 task bakery @2026-02-03T10:00:00
         14 start US-001 \"Bake the bread\" #1 @2026-02-03T10:20 ~
         14 pass US-001 \"Bake the bread\" @2026-02-03T10:20
         23 start US-002 \"Sell it\" @2026-02-03T19:00 ~
         23 pass US-002 \"Sell it\" @2026-02-03T19:00
         23 start US-003 \"Sell it\" @2026-02-03T19:00 ~
         23 pass US-003 \"Sell it\" @2026-02-03T19:00",
    );
}

#[test]
fn a_claude_loop_entry_without_status_has_only_begun() {
    let head = "### Iteration: 2026-02-03 10:20\n**Story**: US-001 - Bake\n";
    check(head, "...\n2 start US-001 \"Bake\" @2026-02-03T10:20");
    check(&format!("{head}**Status**: In Progress\n"), "3 start US-001 \"Bake\" @2026-02-03T10:20");
    check(&format!("{head}**Status**: reviewing\n---\n"), "2 start US-001 \"Bake\" @2026-02-03T10:20");
    check("### Iteration: 2026-02-03 10:20\n", "");
    check("### Iteration: [TIME]\n**Story**: [Story ID] - [Title]\n**Status**: Complete | Blocked\n", "");
}

#[test]
fn quiet_in_the_middle_of_an_entry_says_nothing_twice() {
    let mut reader = Reader::new(TimeZone::UTC);
    let mut facts = Vec::new();
    feed(&mut reader, "### Iteration: 2026-02-03 10:20\n**Story**: US-001 - Bake\n", 1, &mut facts);
    reader.settle(&mut facts);
    reader.settle(&mut facts);
    feed(&mut reader, "**Status**: Complete\n- more\n", 3, &mut facts);
    reader.settle(&mut facts);
    assert_eq!(show(&facts), "2 start US-001 \"Bake\" @2026-02-03T10:20\n3 pass US-001 \"Bake\" @2026-02-03T10:20");
}

#[test]
fn failures_need_a_status_and_give_one_error_at_most() {
    let head = "### Iteration: 2026-02-03 10:20\n**Story**: US-001 - Bake\n";
    check(
        &format!("{head}**Status**: Blocked - the oven timed out\n**Reason**: no power\n"),
        "3 start US-001 \"Bake\" @2026-02-03T10:20 ~
         3 error US-001 \"Bake\" Timeout: the oven timed out @2026-02-03T10:20
         3 fail US-001 \"Bake\" (blocked) @2026-02-03T10:20",
    );
    check(
        &format!("{head}**Status**: Failed\n**Blockers**: none\n**Error**: no flour\n- Error handling: Failed gracefully\n"),
        "3 start US-001 \"Bake\" @2026-02-03T10:20 ~
         3 fail US-001 \"Bake\" (failed) @2026-02-03T10:20
         5 error US-001 \"Bake\" Unknown: no flour @2026-02-03T10:20",
    );
    check(
        "## 2026-02-03 - US-004: Blocked accounts cannot log in\n- Fixed the error handling gotcha, it failed\n- ERROR: shown in red\n---\n",
        "1 start US-004 \"Blocked accounts cannot log in\" @2026-02-03 ~
         1 pass US-004 \"Blocked accounts cannot log in\" @2026-02-03",
    );
}

#[test]
fn criteria_are_ticked_lines_of_an_entry() {
    check(
        "### Iteration: 2026-02-03 10:20\n**Story**: US-001 - Bake\n**Status**: Complete\n- All 2 acceptance criteria met:\n  1. ✓ It rises\n  2. ✓ It tastes\n- ✓ no criterion\n\
         ```\n- ✓ AC3: It sells\n## 2026-02-03 - US-009\n```\n- [x] It lasts\n- [x] US-007: other story\n- [ ] open\n",
        "3 start US-001 \"Bake\" @2026-02-03T10:20 ~
         3 pass US-001 \"Bake\" @2026-02-03T10:20
         5 ac US-001 \"Bake\" 0 It rises @2026-02-03T10:20
         6 ac US-001 \"Bake\" 1 It tastes @2026-02-03T10:20
         7 ac US-001 \"Bake\" - no criterion @2026-02-03T10:20
         9 ac US-001 \"Bake\" 2 It sells @2026-02-03T10:20
         12 ac US-001 \"Bake\" - It lasts @2026-02-03T10:20",
    );
}

#[test]
fn the_run_ends_with_a_whole_line_only() {
    let head = "# Progress Log: bakery\n## History\n";
    check(&format!("{head}All 2 user stories complete!\n"), "1 task bakery\n3 task-pass line");
    check(&format!("{head}- All 2 user stories complete (US-001 and US-002)\nAll stories in the plan are now complete\n"), "1 task bakery");
    check("All stories complete\n", "");
}

#[test]
fn snarktank_entries_pass_at_their_end() {
    check(
        "# Ralph Progress Log\nStarted: Tue Feb  3 09:00:00 CET 2026\n---\n\n## Codebase Patterns\n- US-001 failed once\n---\n\n\
         ## 2026-02-03 - US-001\n**Bake the bread**\n- Files changed: oven.rs\n---\n\n\
         ## [2026-02-03 10:30] - US-002: Sell it\n- sold\n\n  ## [Tue Feb 3 11:00] - US-003 (Dark bread)\n- rye\n",
        "2 task @2026-02-03T08:00:00
         9 start US-001 \"Bake the bread\" @2026-02-03 ~
         9 pass US-001 \"Bake the bread\" @2026-02-03
         14 start US-002 \"Sell it\" @2026-02-03T10:30 ~
         14 pass US-002 \"Sell it\" @2026-02-03T10:30
         ...
         17 start US-003 \"Dark bread\" @2026-02-03T11:00 ~
         17 pass US-003 \"Dark bread\" @2026-02-03T11:00",
    );
}

#[test]
fn snarktank_headings_name_stories_in_many_ways() {
    for (heading, expected) in [
        ("## 2026-02-03 - CHORE-001", "CHORE-001"),
        ("## 2026-02-03 - beads-2ze.4", "beads-2ze.4"),
        ("## 2026-02-03 - 1.2.0 - Title", "1.2.0 \"Title\""),
        ("## 2026-02-03 - F006: Title", "F006 \"Title\""),
        ("## 2026-02-03 - Task 12: Title", "12 \"Title\""),
        ("## 2026-02-03 | US-001 | Title", "US-001 \"Title\""),
        ("### 2026-02-03T10:00:00Z — US-001 — Title", "US-001 \"Title\""),
        ("## 2026-02-03 - [US-001] Title", "US-001 \"Title\""),
        ("## 2026-02-03 (evening) - US-001", "US-001"),
        ("## US-001 - 2026-02-03", "US-001"),
        ("## US-001: Title (2026-02-03)", "US-001 \"Title\""),
        ("## US-001 - Title - 2026-02-03", "US-001 \"Title\""),
        ("## US-001: Title ✅ COMPLETE", "US-001 \"Title\""),
        ("## US-001 — Title", "US-001 \"Title\""),
        ("## ✓ Iteration 4 - US-001: Title", "US-001 \"Title\""),
        ("## 2026-02-03 - US-001 (VERIFIED)", "US-001"),
        ("## 2026-02-03 - US-001 (redone in US-002)", "US-001 \"redone in US-002\""),
    ] {
        let (_, mut facts, settled) = read(&format!("# Ralph Progress Log\n## Entries\n{heading}\n"));
        facts.extend(settled);
        let names: Vec<String> = facts
            .iter()
            .filter(|fact| matches!(fact.what, What::StoryEnded { outcome: Outcome::Passed, .. }))
            .map(|fact| show_one(fact).split(" @").next().unwrap_or_default().trim_end_matches(" ~").replacen("3 pass ", "", 1))
            .collect();
        assert_eq!(names, [expected], "{heading}");
    }
}

#[test]
fn a_heading_for_several_stories_is_one_entry_each() {
    check(
        "## 2026-02-03 - US-001 through US-003\n---\n",
        "1 start US-001 @2026-02-03 ~
         1 pass US-001 @2026-02-03
         1 start US-002 @2026-02-03 ~
         1 pass US-002 @2026-02-03
         1 start US-003 @2026-02-03 ~
         1 pass US-003 @2026-02-03",
    );
}

#[test]
fn a_verdict_in_the_heading_or_a_status_line_wins() {
    check("## 2026-02-03 - US-001 (BLOCKED)\n- no key\n---\n", "1 start US-001 @2026-02-03 ~\n1 fail US-001 (blocked) @2026-02-03");
    check(
        "## 2026-02-03 - US-001: Title - FAILED: no key\n---\n",
        "1 start US-001 \"Title\" @2026-02-03 ~\n1 error US-001 \"Title\" Unknown: no key @2026-02-03\n1 fail US-001 \"Title\" (failed) @2026-02-03",
    );
    check("## 2026-02-03 - US-001\n- Status: in progress\n---\n", "2 start US-001 @2026-02-03");
    check("## 2026-02-03 - US-001\n- **Status**: pending\n---\n", "");
    check("## 2026-02-03 - US-001\n- Status: waiting for a review\n---\n", "1 start US-001 @2026-02-03");
    check(
        "# Shop Progress\n\n## US-001: Cart\n- **Status**: COMPLETED\n- **Date**: 2026-02-03\n- more\n",
        "1 task Shop ~\n4 start US-001 \"Cart\" @2026-02-03 ~\n4 pass US-001 \"Cart\" @2026-02-03",
    );
    check(
        "## ✗ Iteration 2 - US-001: Cart\n*2026-02-03T10:00:00.500Z (12s)*\n\n**Status:** Failed\n",
        "1 start US-001 \"Cart\" #2 @2026-02-03T10:00:00 ~\n1 fail US-001 \"Cart\" (failed) 12000ms @2026-02-03T10:00:00",
    );
}

#[test]
fn plans_templates_and_other_headings_are_no_entries() {
    for text in [
        "# Ralph Progress Log\n## Next Steps\n### US-005: Later\n- soon\n",
        "# Ralph Progress Log\n## [Date/Time] - [Story ID]\n- What was done\n---\n",
        "# Ralph Progress Log\n## 2026-02-03 - US-XXX\n---\n",
        "# Ralph Progress Log\n## US-005 needs a designer\n",
        "# Ralph Progress Log\n## 2026-02-03 - Setup\n---\n",
        "# Ralph Progress Log\n## Notes\n```\n## 2026-02-03 - US-001\n```\n",
        "# Ralph Progress Log\n## Notes\n**Next**: US-005\n- Next: US-006\n",
    ] {
        check(text, "1 task");
    }
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
            "4 task Ovens ralph/ovens",
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
fn story_lines_say_everything_by_themselves() {
    check(
        "[US-003] Starting...\n- [US-003] Completed the login page\n[US-004] Starting: Sell bread\n[US-004] Failed: request timed out\n[US-005] BLOCKED\n\
         [2026-02-03T10:00:00Z] [US-006] Started\n2026-02-03 10:05:00 [US-006] Done.\n[INIT-001] COMPLETE\n",
        "1 start US-003 line
         2 pass US-003 line
         3 start US-004 \"Sell bread\" line
         4 error US-004 Timeout: request timed out line
         4 fail US-004 (failed) line
         5 fail US-005 (blocked) line
         6 start US-006 @2026-02-03T10:00:00 line
         7 pass US-006 @2026-02-03T10:05:00 line
         8 pass INIT-001 line",
    );
}

#[test]
fn other_bracketed_lines_are_no_story_lines() {
    check(
        "[US-003] Complete rewrite of the parser\n[US-003] Failed login shows a message\n[US-003] Blocked accounts cannot log in\n[US-003] Done button\n[INFO] Starting server\n\
         [worker-1] Starting...\n[2/5] Starting\n[12:00:01] Completed\n[UTF-8] Done\n[US-003] is next\n[ ] Starting\n[US-003 Starting\n",
        "",
    );
}

#[test]
fn execution_log_records() {
    let record = |rest: &str| {
        format!(
            r#"{{"story_id":"US-001","story_title":"Cart","timestamp_start":"2026-02-03T10:00:00Z","timestamp_end":"2026-02-03T10:00:09Z",{rest}}}"#
        )
    };
    check(
        &record(r#""duration_ms":9000,"status":"success","error_type":"","error_message":"","context":{"iteration":3}"#),
        "1 start US-001 \"Cart\" #3 @2026-02-03T10:00:00 record\n1 pass US-001 \"Cart\" 9000ms @2026-02-03T10:00:09 record",
    );
    check(
        &format!(
            "{}}}",
            record(r#""duration_ms":1795330968704,"status":"failure","error_type":"network","error_message":"no route","exit_code":7"#)
        ),
        "1 start US-001 \"Cart\" @2026-02-03T10:00:00 record
         1 error US-001 \"Cart\" Network: no route @2026-02-03T10:00:09 record
         1 fail US-001 \"Cart\" (failed) @2026-02-03T10:00:09 record",
    );
    check(&record(r#""duration_ms":-5,"status":"in_progress""#), "1 start US-001 \"Cart\" @2026-02-03T10:00:00 record");
    check(&record(r#""status":"prd_registered""#), "");
    check(&record(r#""status":"success""#)[..80], "");
    check(&format!("{} x", record(r#""status":"success""#)), "");
    let nameless = |status: &str| record(&format!(r#""status":"{status}","error_message":"late""#)).replace("US-001", "");
    check(&nameless("in_progress"), "");
    check(&nameless("failure"), "1 error Unknown: late @2026-02-03T10:00:09 record");
    let (reader, _, _) = read(&nameless("in_progress"));
    assert_eq!((reader.tally(), reader.kind()), ((1, 0), SourceKind::ExecutionLog));
}

#[test]
fn native_events() {
    check(
        r#"{"type":"task_started","task_name":"Bakery","story_count":2,"timestamp":1770112800}
{"event":"story_started","data":{"story_id":"US-1","title":"Cart","acceptance_criteria":["a","b"]},"id":"6f1b2a0e-52f4-4c0c-9d6b-0d6a4f3c71e9"}
{"type":"ac_completed","story":"US-1","data":{"ac_index":1,"ac_text":"b","duration_ms":12}}
{"type":"error_occurred","id":"US-1","error_type":"timeout","error_message":"slow"}
{"type":"story_completed","data":{"id":3,"status":"failed","reason":"blocked"}}
{"type":"story_completed","story_id":"US-1","status":"passed","commits":["a1b2"],"ts":"2026-02-03T10:00:00+01:00"}
{"type":"task_completed","status":"passed"}"#,
        "1 task Bakery of 2 @2026-02-03T10:00:00 record
         2 start US-1 \"Cart\" [a, b] record
         3 ac US-1 1 b 12ms record
         4 error US-1 Timeout: slow record
         5 fail 3 (blocked) record
         6 pass US-1 a1b2 @2026-02-03T09:00:00 record
         7 task-pass record",
    );
}

#[test]
fn events_that_do_not_hold_together_are_not_taken() {
    let text = r#"{"type":"story_started"}
{"type":"story_started","id":"6f1b2a0e-52f4-4c0c-9d6b-0d6a4f3c71e9"}
{"type":"ac_completed","story":"US-1"}
{"type":"story_completed","story":"US-1","status":"maybe"}
{"type":"error_occurred","story":"US-1"}
{"type":"assistant","message":"\"story_started\""}
{"type":["story_started"],"story":"US-1"}
{"type":"story_started","story":"US-1"
["story_started"]"#;
    check(text, "");
    assert_eq!(read(text).0.tally(), (0, 9));
}

#[test]
fn files_that_are_no_runner_logs_say_nothing() {
    for text in [
        "# Changelog\n## [1.2.0] - 2026-02-03\n- Fixed errors\n## 2026-02-01 - 1.1.0\n- failed tests\n",
        "Day 1 :- variables\nDay 2 :- loops (failed)\nError: none\n",
        "- [x] Map\n- [x][ ] Stack\n- [x] US-001 done\n",
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
fn order_is_told_by_dates_and_then_by_numbers() {
    let log = |dates: &[&str]| dates.iter().map(|date| format!("## {date}\n---\n")).collect::<String>();
    for (dates, expected) in [
        (&["2026-02-03 - US-003", "2026-02-02 - US-004"][..], true),
        (&["2026-02-02 - US-003", "2026-02-03 - US-002"], false),
        (&["2026-02-03 - US-003", "2026-02-03 - US-002", "2026-02-03 - US-001"], true),
        (&["2026-02-03 - US-003"], false),
    ] {
        assert_eq!(read(&log(dates)).0.newest_first(), expected, "{dates:?}");
    }
}

/// Texts made of pieces that mean something, so that random ones reach deep.
fn any_log() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("# Ralph Progress Log\n"),
        Just("# Progress Log: x\n# Created: 2026-02-03 10:00\n"),
        Just("## Codebase Patterns\n"),
        Just("## 2026-02-03 - US-001\n"),
        Just("## 2026-02-03 10:00 JST - US-001 through US-004 (BLOCKED: é)\n"),
        Just("### Iteration: 2026-02-03 10:20 AM\n"),
        Just("**Story**: US-002 & US-003 - Öfen\n"),
        Just("**Status**: Complete\n"),
        Just("**Status**: Failed - ✗\n"),
        Just("- ✅ AC1: done\n"),
        Just("- [x] done\n"),
        Just("```\n"),
        Just("---\n"),
        Just("[US-003] Starting...\n"),
        Just("{\"type\":\"story_started\",\"story\":\"US-1\"}\n"),
        Just("\n"),
    ];
    prop::collection::vec(prop_oneof![3 => piece.prop_map(str::to_owned), 1 => "\\PC{0,12}\n"], 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
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
        let mut reader = Reader::new(TimeZone::UTC);
        feed(&mut reader, &text, 1, &mut whole);
        reader.settle(&mut whole);
        let lines: Vec<&str> = text.lines().collect();
        let (first, second) = lines.split_at(at.min(lines.len()));
        let mut reader = Reader::new(TimeZone::UTC);
        feed(&mut reader, &first.join("\n"), 1, &mut parted);
        let mut twin = reader.clone();
        // What the original goes on to read is nothing to its clone.
        feed(&mut reader, "## 2026-02-03 - US-900\n---\n", 900, &mut Vec::new());
        let blank_lines_at_the_cut = first.len() as u32 + 1;
        feed(&mut twin, &second.join("\n"), blank_lines_at_the_cut, &mut parted);
        twin.settle(&mut parted);
        prop_assert_eq!(show(&whole), show(&parted));
    }

    #[test]
    fn quiet_anywhere_adds_no_second_statement(text in any_log()) {
        let mut reader = Reader::new(TimeZone::UTC);
        let (mut facts, mut again) = (Vec::new(), Vec::new());
        feed(&mut reader, &text, 1, &mut facts);
        reader.settle(&mut facts);
        reader.settle(&mut again);
        prop_assert!(again.is_empty());
        prop_assert!(!reader.is_waiting());
    }
}
