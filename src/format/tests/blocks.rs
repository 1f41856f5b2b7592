//! Error logs and checklists: files that are read by what stands around a line.

use super::{check, check_named, read, read_named};
use crate::fact::{Fact, Statement};
use crate::format::SourceKind;

const RULE: &str = "================================================================================";

#[test]
fn a_block_of_an_error_log_is_one_error() {
    let text = format!(
        "\n{RULE}\nTimestamp: 2026-02-03T10:00:00Z\nStory ID:  US-002\nExit Code: 124 (Command timed out)\nError Type: timeout\nError Message:\n\
         The oven timed out\n  after 30s\n\n--- ACTIONABLE SUGGESTIONS ---\n→ Story ID: wait longer\n--- STDERR ---\nTimestamp: none\n{RULE}\n\n\n\
         {RULE}\nTimestamp: 2026-02-03T10:05:00Z\nStory ID:\nExit Code: 1 (General error)\nError Type: unknown\nError Message:\nNo flour\n\n--- STDERR ---\n\n{RULE}\n\
         {RULE}\nTimestamp: 2026-02-03T10:06:00Z\nStory ID: US-003\nExit Code: 0 (Success)\nError Type:\nError Message:\n\n--- STDERR ---\n{RULE}\n"
    );
    check(
        &text,
        "8 error US-002 Timeout: The oven timed out
           after 30s @2026-02-03T10:00:00
         24 error Unknown: No flour @2026-02-03T10:05:00",
    );
    let (reader, ..) = read(&text);
    assert_eq!((reader.kind(), reader.line_counts().1), (SourceKind::ErrorLog, 2), "its first rule and time");
}

#[test]
fn a_block_that_is_broken_off_gives_what_it_got_to() {
    check(
        &format!(
            "{RULE}\nTimestamp: 2026-02-03T10:00:00Z\nStory ID: US-002\nExit Code: 7 (General error)\nError Type: network\nError Message:\nNo route\n"
        ),
        "...\n7 error US-002 Network: No route @2026-02-03T10:00:00",
    );
}

#[test]
fn of_a_long_message_the_beginning_is_kept() {
    let block = |message: &str| {
        format!(
            "{RULE}\nTimestamp: 2026-02-03T10:00:00Z\nStory ID: US-002\nExit Code: 7 (General error)\nError Type: network\nError Message:\n{message}\n{RULE}\n"
        )
    };
    for message in [format!("First {}\nsecond\n", "ü".repeat(5_000)), format!("First\n{}", "\n".repeat(20_000))] {
        let facts = read(&block(&message)).1;
        let [Fact { statement: Statement::Error(failure), line: 7, .. }] = facts.as_slice() else { panic!("one error: {facts:?}") };
        assert!(failure.message.starts_with("First") && !failure.message.contains("second"), "{}", failure.message);
        assert!(failure.message.len() <= 4096);
    }
}

#[test]
fn a_checklist_is_its_boxes() {
    let text = "# Ralph Fix Plan\n\n## High Priority\n- [x] US-001: Knead the dough\n  - [x] By hand\n  - [ ] With salt\n    * [X] From the sea\n\
         - [ ] Heat the oven\n- [~] Begun\n\n```\n- [x] An example\n```\n## Completed\n- [x] **Project** `setup`\n- [x] US-001: Knead the dough\n- [ ] \n- prose\n";
    check_named(
        "notes.md",
        text,
        "4 start US-001 \"Knead the dough\" summary ~
         4 pass US-001 \"Knead the dough\" summary
         5 ac US-001 \"Knead the dough\" 0 By hand summary
         7 ac US-001 \"Knead the dough\" 2 From the sea summary
         15 start - \"Project setup\" summary ~
         15 pass - \"Project setup\" summary",
    );
    assert_eq!(read_named("notes.md", text).0.kind(), SourceKind::Checklist);
    let untitled = text.replace("# Ralph Fix Plan\n", "# Things\n").replace("US-001: ", "");
    check_named("notes.md", &untitled, "");
    for name in ["fix_plan.md", "@fix_plan.md", "IMPLEMENTATION_PLAN.md"] {
        assert_eq!(read_named(name, &untitled).1.len(), 6, "{name}");
    }
}

#[test]
fn a_list_of_which_nothing_is_open_is_the_end_of_the_run() {
    check_named(
        "fix_plan.md",
        "## Now\n- [x] Bake\n1. [x] Sell\n## Optional\n- [ ] Advertise\n",
        "2 start - \"Bake\" summary ~\n2 pass - \"Bake\" summary\n3 start - \"Sell\" summary ~\n3 pass - \"Sell\" summary\n...\n3 task-pass summary ~",
    );
    check_named(
        "fix_plan.md",
        "## Now\n- [ ] Bake\n  - [x] Bread\n## Later\n- [ ] Sell\n",
        "3 start - \"Bake\" summary ~\n3 ac - \"Bake\" 0 Bread summary",
    );
    check_named("fix_plan.md", "## Now\n- [ ] Bake\n", "");
}
