//! Lines that say everything by themselves, and JSON records.

use super::{check, read};
use crate::format::SourceKind;

#[test]
fn story_lines_are_complete_by_themselves() {
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
fn criteria_below_a_story_line_are_its_own() {
    check(
        "[US-002] Starting...\n- [x] Saves the draft\nworking on the rest\n\n- ✓ AC2: Asks before leaving\n- [ ] Prints\nAcceptance criteria:\n1. ✓ Sorts\n\
         [US-002] Complete\n- [x] Filters\n## Notes\n- [x] Tea made\n[US-003] Starting...\n[2/5] tests\n- [x] Lint is green\n",
        "1 start US-002 line
         2 ac US-002 - Saves the draft line
         5 ac US-002 1 Asks before leaving line
         8 ac US-002 0 Sorts line
         9 pass US-002 line
         10 ac US-002 - Filters line
         13 start US-003 line",
    );
}

#[test]
fn other_bracketed_lines_are_no_story_lines() {
    check("[INFO] Starting server\n[2/5] Starting\n[12:00:01] Completed\n[UTF-8] Done\n[ ] Starting\n", "");
}

#[test]
fn a_word_in_a_title_is_no_outcome() {
    let titles = "[US-003] Complete rewrite of the parser\n[US-003] Failed login shows a message\n[US-003] Blocked accounts cannot log in\n[US-003] is next\n";
    check(titles, "");
    check(&format!("[US-001] Starting...\n[US-001] Done\n{titles}"), "1 start US-001 line\n2 pass US-001 line");
}

#[test]
fn execution_log_records() {
    let record = |remainder: &str| {
        format!(
            r#"{{"story_id":"US-001","story_title":"Cart","timestamp_start":"2026-02-03T10:00:00Z","timestamp_end":"2026-02-03T10:00:09Z",{remainder}}}"#
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
    assert_eq!((reader.line_counts(), reader.kind()), ((1, 0), SourceKind::ExecutionLog));
}

#[test]
fn a_coordinator_states_when_a_plan_came_and_how_it_left() {
    let record = |event: &str, metadata: &str| {
        format!(r#"{{"timestamp": "2026-02-03T10:00:00Z", "event": "{event}", "prd_id": "bakery", "metadata": {{{metadata}}}}}}}"#)
    };
    let text = [
        record("prd_registered", r#""branch": "feature/ovens", "pid": 7"#),
        record("prd_heartbeat", ""),
        record("prd_deregistered", r#""reason": "stopped""#),
        record("prd_deregistered", r#""reason": "completed""#),
    ];
    check(&text.join("\n"), "1 task bakery feature/ovens @2026-02-03T10:00:00 record\n4 task-pass @2026-02-03T10:00:00 record");
    assert_eq!(read(&text.join("\n")).0.line_counts(), (3, 1));
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
    assert_eq!(read(text).0.line_counts(), (0, 9));
}

#[test]
fn a_file_without_statements_for_long_is_no_log_of_entries() {
    let noise = "[2026-02-03 10:00:00] ERROR the oven failed\n- [x] Bread\nSTATUS: blocked\n## Notes\n".repeat(6000);
    let (reader, facts, _) = read(&noise);
    assert!(facts.is_empty() && reader.kind() == SourceKind::Unknown, "{:?}", facts.first());
    assert_eq!(reader.line_counts(), (0, 24_000));
    let late = format!("{noise}## 2026-02-03 - US-001\n- Done\n---\n[US-002] Completed\n## 2026-02-03 - US-003\n---\n");
    check(&late, "24004 pass US-002 line\n...\n24005 start US-003 @2026-02-03 ~\n24005 pass US-003 @2026-02-03");
}

#[test]
fn headings_are_read_in_every_script() {
    for word in ["Story", "故事", "태스크", "ストーリー", "задача"] {
        check(
            &format!("# Progress Log: bakery\n\n{word} #2: Bake the bread\nStatus: COMPLETED\n"),
            "1 task bakery
             4 start 2 \"Bake the bread\" line ~
             4 pass 2 \"Bake the bread\" line",
        );
    }
    for word in ["Session", "會話", "会话", "세션", "セッション", "сессия"] {
        check(
            &format!("# Progress Log: bakery\n\n{word} 2 - 2026-02-04\n\nStory #2: Bake the bread\nStatus: COMPLETED\n"),
            "1 task bakery
             6 start 2 \"Bake the bread\" #2 @2026-02-04 line ~
             6 pass 2 \"Bake the bread\" @2026-02-04 line",
        );
    }
}

#[test]
fn a_session_alone_with_ticked_rows_is_a_record_in_every_script() {
    for word in ["Session", "會話", "会话", "세션", "セッション", "сессия", "Συνεδρία"] {
        check(
            &format!("# Progress Log: bakery\n\n{word} 2 - 2026-02-04\n\n- [x] rye bread\n- [x] oat bread\n"),
            &format!(
                "...
                 1 task bakery
                 3 start - \"{word} 2 - 2026-02-04\" #2 @2026-02-04 line ~
                 5 ac - \"{word} 2 - 2026-02-04\" - rye bread @2026-02-04 line
                 6 ac - \"{word} 2 - 2026-02-04\" - oat bread @2026-02-04 line
                 3 pass - \"{word} 2 - 2026-02-04\" @2026-02-04 line"
            ),
        );
    }
}
