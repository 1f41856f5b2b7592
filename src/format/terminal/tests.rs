//! Terminal logs of made-up runs, with their escape sequences taken out as `tail` does before lines get here.

use crate::format::SourceKind;
use crate::format::tests::{check_named, read_named};

#[track_caller]
fn check(text: &str, expected: &str) {
    check_named("run.log", text, expected);
}

const BANNER: &str = "═══════\n   CLAUDE-LOOP - Autonomous Feature Builder\n═══════\n";

#[test]
fn a_run_by_its_rounds() {
    let text = format!(
        "{BANNER}[INFO] Project: bakery\n[INFO] Branch: feature/ovens\n[INFO] Stories: 2 incomplete out of 3 total\n[INFO] Max iterations: 9\n\n\
         [ITERATION 1/9] Stories remaining: 2\n[ITERATION 1/9] Working on: US-002 - Knead the dough\n[DEBUG] Prompt size: 12 chars\n\
         [INFO] Waiting 2s before next iteration...\n[ITERATION 2/9] Stories remaining: 1\n[ITERATION 2/9] Working on: US-003 - Heat the oven\n\
         [SUCCESS] All stories complete!\n  Status: ALL STORIES COMPLETE\n[SUCCESS] Feature implementation complete!\n"
    );
    check(
        &text,
        "6 task bakery feature/ovens of 3
         9 activity #1/9
         10 activity #1/9
         10 start US-002 \"Knead the dough\" #1
         12 activity \"Waiting 2s before next iteration\"
         13 pass US-002 \"Knead the dough\" ~
         13 activity #2/9
         14 activity #2/9
         14 start US-003 \"Heat the oven\" #2
         15 pass US-003 \"Heat the oven\" ~
         15 task-pass",
    );
}

#[test]
fn what_is_stated_is_not_derived_as_well() {
    let text = "[ITERATION 1/9] Stories remaining: 2\n[ITERATION 1/9] Working on: US-1 - Knead\n[EXEC-LOG] Started: US-1 - Knead\n\
         [SUCCESS] Story US-1 completed\n[EXEC-LOG] Completed: US-1 (1742ms)\n[EXEC-LOG] Failed:  - :  (exit 0: Success)\n\
         [ITERATION 2/9] Stories remaining: 1\n[ITERATION 2/9] Working on: US-2 - Bake\n\
         [EXEC-LOG] Failed: US-2 - timeout: The oven timed out (exit 124: Command timed out)\n\
         [ITERATION 3/9] Stories remaining: 1\n[ITERATION 3/9] Working on: US-2 - Bake\n[EXEC-LOG] Started: US-2 - Bake\n\
         [EXEC-LOG] Failed: US-2 - :  (exit 0: Success)\n[ITERATION 4/9] Stories remaining: 0\n";
    check(
        text,
        "1 activity #1/9
         2 activity #1/9
         2 start US-1 \"Knead\" #1
         3 start US-1 \"Knead\" record
         4 pass US-1
         5 pass US-1 1742ms record
         7 activity #2/9
         8 activity #2/9
         8 start US-2 \"Bake\" #2
         9 error US-2 Timeout: The oven timed out record
         9 fail US-2 (failed) record
         10 activity #3/9
         11 activity #3/9
         11 start US-2 \"Bake\" #3
         12 start US-2 \"Bake\" record
         14 pass US-2 \"Bake\" ~
         14 activity #4/9",
    );
}

#[test]
fn a_message_may_take_several_lines() {
    check(
        "[EXEC-LOG] Failed: US-3 - validation: Expected 5\n  but got 3\tat bread.ts:12 (exit 1: General error)\n\
         [EXEC-LOG] Failed: US-4 - unknown: killed (exit 137: Process killed (SIGKILL))\n[EXEC-LOG] Failed: US-5 - broken off\n",
        "1 error US-3 Validation: Expected 5
           but got 3\tat bread.ts:12 record
         1 fail US-3 (failed) record
         3 error US-4 Unknown: killed record
         3 fail US-4 (failed) record
         ...
         4 error US-5 Unknown: broken off record
         4 fail US-5 (failed) record",
    );
}

#[test]
fn boxes_are_compared_with_the_last_drawing() {
    let drawing = |doing: &str, marks: [&str; 3]| {
        format!(
            "\n╔════════╗\n║ Current Story: US-001\n║\n║ Overall Progress: [██░░] 33% (1/3 stories)\n║ Time: 4s elapsed | ~8s remaining\n{doing}║\n\
             ║ Acceptance Criteria:\n║   {} Model has a long name that does not...\n║   {} Password is hashed   ║\n║   {} Tests pass\n╚════════╝\n",
            marks[0], marks[1], marks[2]
        )
    };
    let text = [
        "[ITERATION 1/6] Working on: US-001 - Create user model\n".to_owned(),
        drawing("║\n", ["○", "○", "○"]),
        drawing("║ Currently: Running Claude...\n", ["○", "✅", "○"]),
        drawing("║ Currently: Running Claude...\n", ["✅", "✅", "⏳"]),
        drawing("║ Currently: Running Claude...\n", ["✓", "✅", "✔"]),
    ];
    check(
        &text.concat(),
        "1 activity #1/6
         1 start US-001 \"Create user model\" #1
         4 start US-001 [Model has a long name that does not..., Password is hashed, Tests pass] summary
         21 activity \"Running Claude\"
         25 ac US-001 1 Password is hashed summary
         37 ac US-001 0 Model has a long name that does not... summary
         52 ac US-001 2 Tests pass summary",
    );
}

#[test]
fn the_list_of_stories_states_what_is_done() {
    check(
        "[ITERATION 3/6] Stories remaining: 1\n  Stories:\n    ✓ US-001     Create user model\n    ✅ US-002     Implement a login that is too...\n    ▶ US-003     Log out\n\
         ✓ US-004 is done, I think\n    ✓ US-001     Create user model\n",
        "1 activity #3/6
         3 pass US-001 \"Create user model\" summary
         4 pass US-002 summary",
    );
}

#[test]
fn errors_need_a_known_script() {
    check(
        "[ERROR] Unknown option: --bake\nclaude-loop - Autonomous Claude Code Loop\n\nUSAGE:\n",
        "1 error Unknown: Unknown option: --bake",
    );
    check(
        "[INFO] Scanning for projects...\n[INFO] Stories: 1 out of 2\n[ERROR] Failed to execute goal\n[SUCCESS] All stories complete!\n",
        "",
    );
    check(
        "[ITERATION 1/3] Working on: US-1 - Bake\n[ERROR] Permission denied\n[ERROR] Permission denied again\n[WARN] Reached maximum iterations (3)\n",
        "1 activity #1/3
         1 start US-1 \"Bake\" #1
         2 error US-1 \"Bake\" Permission: Permission denied
         4 error Unknown: Reached maximum iterations (3)
         4 task-fail",
    );
}

#[test]
fn ralph_states_little_and_the_agent_may_promise() {
    check(
        "Starting Ralph - Max iterations: 2\n\n═══════\n  Ralph Iteration 1 of 2\n═══════\nI read the prompt, which says:\n<promise>COMPLETE</promise>\n\
         ```\n<promise>COMPLETE</promise>\n```\nThe promise is `<promise>COMPLETE</promise>`.\n## 2026-02-03 - US-001\n- Baked\n---\nIteration 1 complete. Continuing...\n\n\
         ===============\n  Ralph Iteration 2 of 2 (claude)\n===============\n[US-002] Completed\nAll is done.\n\n<promise>COMPLETE</promise>\n\n\
         Ralph completed all tasks!\nCompleted at iteration 2 of 2\n",
        "1 task
         4 activity #1/2
         18 activity #2/2
         20 pass US-002 line
         23 task-pass",
    );
    check(
        "  Ralph Iteration 2 of 2\nIteration 2 complete. Continuing...\n\nRalph reached max iterations (2) without completing all tasks.\nCheck progress.txt for status.\n",
        "1 activity #2/2
         4 error Unknown: Ralph reached max iterations (2) without completing all tasks.
         4 task-fail",
    );
    check("Notes on loops\n<promise>COMPLETE</promise>\nIteration 3/15 started.\nRalph is an idea.\n", "");
}

#[test]
fn a_dated_log_of_levels() {
    check(
        "[2026-02-03 10:00:00] [INFO] Starting main loop...\n[2026-02-03 10:00:01] [LOOP] === Starting Loop #1 ===\n[2026-02-03 10:00:09] [ERROR] ❌ Claude Code execution failed\n\
         [2026-02-03 10:01:00] [LOOP] === Starting Loop #2 ===\n[2026-02-03 10:02:00] [SUCCESS] 🎉 Ralph has completed the project! Final stats:\n",
        "2 activity #1
         3 error Unknown: Claude Code execution failed @2026-02-03T10:00:09
         4 activity #2
         5 task-pass @2026-02-03T10:02:00",
    );
}

#[test]
fn lines_between_are_counted() {
    let (reader, ..) = read_named("run.log", "[ITERATION 1/3] Stories remaining: 3\n[AGENT] Agents: Enabled\nplain prose\n╔══╗\n");
    assert_eq!((reader.kind(), reader.line_counts()), (SourceKind::TerminalLog, (3, 1)));
}
