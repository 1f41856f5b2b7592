//! Entries: headings and what stands under them.

use jiff::tz::TimeZone;

use super::{LogParser, Pause, check, feed, read, show, show_one};
use crate::fact::{Outcome, Statement};

#[test]
fn claude_loop_entries_are_complete_at_their_status() {
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
fn quiet_in_the_middle_of_an_entry_repeats_nothing() {
    let mut reader = LogParser::new(TimeZone::UTC);
    let mut facts = Vec::new();
    feed(&mut reader, "### Iteration: 2026-02-03 10:20\n**Story**: US-001 - Bake\n", 1, &mut facts);
    reader.extract(Pause::Quiet, &mut facts);
    reader.extract(Pause::Quiet, &mut facts);
    feed(&mut reader, "**Status**: Complete\n- more\n", 3, &mut facts);
    reader.extract(Pause::Quiet, &mut facts);
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
         5 error US-001 \"Bake\" Unknown: no flour @2026-02-03T10:20
         3 fail US-001 \"Bake\" (failed) @2026-02-03T10:20",
    );
    check(
        "## 2026-02-03 - US-004: Blocked accounts cannot log in\n- Fixed the error handling gotcha, it failed\n- ERROR: shown in red\n---\n",
        "1 start US-004 \"Blocked accounts cannot log in\" @2026-02-03 ~
         1 pass US-004 \"Blocked accounts cannot log in\" @2026-02-03",
    );
}

#[test]
fn what_failed_behind_the_id_is_the_reason_and_no_title() {
    check(
        "# Ralph Progress Log\n[2026-02-03T10:00:00Z] FAILED US-001 The oven check failed, will retry\n[2026-02-03T10:05:00Z] COMPLETED US-001\n\
         [2026-02-03T10:10:00Z] TIMEOUT US-002 Session ended after 600s (timeout 1)\n[2026-02-03T10:15:00Z] FAILED US-003: Show the login error\n\
         [2026-02-03T10:20:00Z] FAILED US-004 Sell the bread\n",
        "1 task
         2 start US-001 @2026-02-03T10:00:00 line ~
         2 error US-001 Unknown: The oven check failed, will retry @2026-02-03T10:00:00 line
         2 fail US-001 (failed) @2026-02-03T10:00:00 line
         3 start US-001 @2026-02-03T10:05:00 line ~
         3 pass US-001 @2026-02-03T10:05:00 line
         4 start US-002 @2026-02-03T10:10:00 line ~
         4 error US-002 Timeout: Session ended after 600s (timeout 1) @2026-02-03T10:10:00 line
         4 fail US-002 (timeout) @2026-02-03T10:10:00 line
         5 start US-003 \"Show the login error\" @2026-02-03T10:15:00 line ~
         5 fail US-003 \"Show the login error\" (failed) @2026-02-03T10:15:00 line
         6 start US-004 \"Sell the bread\" @2026-02-03T10:20:00 line ~
         6 fail US-004 \"Sell the bread\" (failed) @2026-02-03T10:20:00 line",
    );
}

#[test]
fn below_an_entry_inside_it_the_criteria_are_the_outer_ones_again() {
    check(
        "# Ralph Progress Log\nStarted: 2026-02-03\n---\n## 2026-02-03 - US-001: Bake the bread\n- [x] Oven warm\n### 2026-02-03 - US-002: Sell it\n\
         - [x] Till open\n### Checks\n- [x] Bread cut\n---\n",
        "2 task @2026-02-03
         4 start US-001 \"Bake the bread\" @2026-02-03 ~
         5 ac US-001 \"Bake the bread\" - Oven warm @2026-02-03
         9 ac US-001 \"Bake the bread\" - Bread cut @2026-02-03
         4 pass US-001 \"Bake the bread\" @2026-02-03
         6 start US-002 \"Sell it\" @2026-02-03 ~
         7 ac US-002 \"Sell it\" - Till open @2026-02-03
         6 pass US-002 \"Sell it\" @2026-02-03",
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
fn a_heading_for_several_stories_is_one_entry_each() {
    check(
        "## 2026-02-03 - US-001 through US-003\n- baked\n---\n",
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
    check("## 2026-02-03 - US-001\n- Status: in progress\n---\n", "2 start US-001 @2026-02-03");
    check("## 2026-02-03 - US-001\n- **Status**: pending\n---\n", "");
    check("## 2026-02-03 - US-001\n- Status: waiting for a review\n---\n", "2 start US-001 @2026-02-03");
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
        "# Ralph Progress Log\n## Notes\n```\n## 2026-02-03 - US-001\n```\n",
        "# Ralph Progress Log\n## Notes\n**Next**: US-005\n- Next: US-006\n",
    ] {
        check(text, "1 task");
    }
}

#[test]
fn a_claude_loop_entry_without_status_has_only_begun() {
    let head = "### Iteration: 2026-02-03 10:20\n**Story**: US-001 - Bake\n";
    check(head, "2 start US-001 \"Bake\" @2026-02-03T10:20");
    check(&format!("{head}**Status**: In Progress\n"), "3 start US-001 \"Bake\" @2026-02-03T10:20");
    check(&format!("{head}**Status**: reviewing\n---\n"), "2 start US-001 \"Bake\" @2026-02-03T10:20");
    check("### Iteration: 2026-02-03 10:20\n", "");
    check("### Iteration: [TIME]\n**Story**: [Story ID] - [Title]\n**Status**: Complete | Blocked\n", "");
}

#[test]
fn criteria_are_ticked_lines_of_an_entry() {
    check(
        "### Iteration: 2026-02-03 10:20\n**Story**: US-001 - Bake\n**Status**: Complete\n- All 2 acceptance criteria met:\n  1. ✓ It rises\n  2. ✓ It tastes\n- ✓ no criterion\n\
         ```\n- ✓ AC3: It sells\n## 2026-02-03 - US-009\n```\n- [x] It lasts\n- [ ] open\n",
        "3 start US-001 \"Bake\" @2026-02-03T10:20 ~
         5 ac US-001 \"Bake\" 0 It rises @2026-02-03T10:20
         6 ac US-001 \"Bake\" 1 It tastes @2026-02-03T10:20
         7 ac US-001 \"Bake\" - no criterion @2026-02-03T10:20
         9 ac US-001 \"Bake\" 2 It sells @2026-02-03T10:20
         12 ac US-001 \"Bake\" - It lasts @2026-02-03T10:20
         3 pass US-001 \"Bake\" @2026-02-03T10:20",
    );
}

#[test]
fn what_is_written_later_takes_nothing_back() {
    let mut reader = LogParser::new(TimeZone::UTC);
    let mut facts = Vec::new();
    feed(&mut reader, "# Ralph Progress Log\n---\n\n## 2026-02-03 - US-001\n- Baked\n", 1, &mut facts);
    reader.extract(Pause::Quiet, &mut facts);
    let shown = show(&facts);
    // The runner writes its own entry about the same attempt, and then much that is none.
    feed(
        &mut reader,
        "---\n## ✓ Iteration 1 - US-001: Bake\n*2026-02-03T10:00:00Z (60s)*\n\n**Status:** Completed\n\n---\n",
        6,
        &mut facts,
    );
    feed(&mut reader, &"- a note\n".repeat(50), 13, &mut facts);
    reader.extract(Pause::End, &mut facts);
    assert_eq!(show(&facts), shown);
    assert!(shown.contains("pass US-001"), "{shown}");
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
            .filter(|fact| matches!(fact.statement, Statement::StoryEnded { outcome: Outcome::Passed, .. }))
            .map(|fact| show_one(fact).split(" @").next().unwrap_or_default().trim_end_matches(" ~").replacen("3 pass ", "", 1))
            .collect();
        assert_eq!(names, [expected], "{heading}");
    }
}

#[test]
fn the_lines_below_can_make_a_log_of_a_file_without_header() {
    check("## 2026-02-03 - chore-001\n- Files: a.rs\n---\n", "1 start chore-001 @2026-02-03 ~\n1 pass chore-001 @2026-02-03");
    check(
        "## 2026-02-03 - chore-001\n- cleaned up\n- **Learnings:**\n  - none\n---\n## 2026-02-03 - chore-002\n---\n",
        "1 start chore-001 @2026-02-03 ~
         1 pass chore-001 @2026-02-03
         ...
         6 start chore-002 @2026-02-03 ~
         6 pass chore-002 @2026-02-03",
    );
    check("## 2026-02-03 - 1.1.0\n- **Learnings:** none\n---\n", "");
}
