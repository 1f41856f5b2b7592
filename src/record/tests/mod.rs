//! Whole files of our own wording: conventions, ordinary documents, layouts that no log was fitted on.

mod layouts;

use super::*;

fn reading(text: &str) -> Reading {
    let texts: Vec<&str> = text.lines().collect();
    read(&texts, &FileContext::default())
}

/// Records as `id title outcome`.
fn summaries(text: &str) -> Vec<String> {
    let show = |record: &Record| {
        format!("{} {} {:?}", record.id.as_deref().unwrap_or("-"), record.title.as_deref().unwrap_or("-"), record.outcome)
    };
    reading(text).records.iter().map(show).collect()
}

#[test]
fn an_empty_file_holds_nothing() {
    assert!(summaries("").is_empty());
}

#[test]
fn ordinary_documents_hold_no_records() {
    let mut wrong = Vec::new();
    let documents = include_str!("ordinary.txt").split("%%%% ").filter(|document| !document.is_empty());
    let mut count = 0;
    for document in documents {
        let (name, text) = document.split_once('\n').expect("a name and a text");
        count += 1;
        let records = summaries(text);
        if !records.is_empty() {
            wrong.push((name, records));
        }
    }
    assert!(count >= 50 && wrong.len() * 100 <= count, "{wrong:#?}");
}

#[test]
fn a_lone_fence_closes_nothing_it_did_not_open() {
    let entry = |n: u32, title: &str, note: &str| {
        format!(
            "## ✓ Iteration {n} - US-00{n}: {title}\n*2026-03-01T08:0{n}:00.000Z (60s)*\n\n**Status:** Completed\n\n**Notes:**\n{note}\n\n---\n"
        )
    };
    let text = format!(
        "# Ralph Progress Log\n\n---\n\n{}{}{}",
        entry(1, "Make a basket", "CURRENCY=EUR\n```"),
        entry(2, "Take money", "green"),
        entry(3, "Send a receipt", "done")
    );
    assert_eq!(summaries(&text), ["US-001 Make a basket Passed", "US-002 Take money Passed", "US-003 Send a receipt Passed"]);
}

#[test]
fn two_writers_of_one_attempt_give_it_once() {
    let text = "# Ralph Progress Log\n\n---\n\n## 2026-03-01 - US-001\n\n- Basket made by the agent\n---\n## ✓ Iteration 1 - US-001: Make a basket\n*2026-03-01T08:00:00.000Z (60s)*\n\n**Status:** Completed\n\n---\n## 2026-03-01 - US-002\n\n- Payment made by the agent\n---\n## ✓ Iteration 2 - US-002: Take money\n*2026-03-01T08:05:00.000Z (120s)*\n\n**Status:** Completed\n\n---\n";
    assert_eq!(summaries(text), ["US-001 Make a basket Passed", "US-002 Take money Passed"]);
    let durations: Vec<Option<String>> = reading(text).records.into_iter().map(|record| record.duration).collect();
    assert_eq!(durations, [Some("60s".to_owned()), Some("120s".to_owned())]);
}

#[test]
fn two_days_in_a_heading_are_a_time() {
    let text = "# Ralph Progress Log\n\n## Session: 2026-03-05/06\n\nNotes about two evenings, no story is named here.\n\n## 2026-03-07 - US-001\n- Basket made\n---\n";
    assert!(summaries(text).contains(&"US-001 - Passed".to_owned()), "{:?}", summaries(text));
    assert!(!summaries(text).iter().any(|record| record.contains("/06")));
}

#[test]
fn blocked_is_a_word_of_its_own() {
    let entry = |n: u32, status: &str| format!("## 2026-03-0{n} - US-00{n}: Bake\n- oven\n{status}\n---\n");
    let statuses =
        ["**Status**: failed: code blocks are lost", "**Status**: Blocked", "⚠️ **Status**: Blocked", "Status: FAILED (blocked by power)"];
    let entries: String = statuses.iter().zip(1..).map(|(status, n)| entry(n, status)).collect();
    let outcomes: Vec<RecordOutcome> = reading(&format!("# Ralph Progress Log\nStarted: 2026-03-01\n---\n{entries}"))
        .records
        .iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(outcomes, [RecordOutcome::Failed, RecordOutcome::Blocked, RecordOutcome::Blocked, RecordOutcome::Blocked]);
}

#[test]
fn the_last_status_line_of_an_entry_is_its_result() {
    let lines: String = (0..9).map(|n| format!("- step {n}\n")).collect();
    let text = format!(
        "# Ralph Progress Log\nStarted: 2026-03-01\n---\n## 2026-03-01 - US-001: Make a basket\n{lines}**Status**: FAILED - the tests do not pass\n---\n## 2026-03-02 - US-002: Take money\n**Status**: IN PROGRESS\n{lines}**Status**: COMPLETED\n---\n"
    );
    assert_eq!(summaries(&text), ["US-001 Make a basket Failed", "US-002 Take money Passed"]);
}

#[test]
fn words_of_failure_in_titles_and_reports_are_no_status() {
    let text = "# Ralph Progress Log\nStarted: 2026-03-01\n---\n## 2026-03-01 - US-001: Show the payment error\n- Error: shown beside the till\n- Failed payments are listed\n---\n## 2026-03-01 - US-002: Try again when blocked\n- Error handling added\n---\n## 2026-03-02 - US-003: Receipt\n**Result**: Error handling works for every receipt\n**Error**: none\n---\n## 2026-03-02 - US-004: Timeout\n- error: null\n**Status**: completed\n---\n## 2026-03-02 - US-005: Scales\n**Status**: error in the scales' driver\n---\n";
    assert_eq!(
        summaries(text),
        [
            "US-001 Show the payment error Passed",
            "US-002 Try again when blocked Passed",
            "US-003 Receipt Passed",
            "US-004 Timeout Passed",
            "US-005 Scales Failed"
        ]
    );
    assert!(reading(text).failures.is_empty());
}

#[test]
fn durations_are_the_records_own() {
    let durations = |text: &str| -> Vec<Option<String>> { reading(text).records.into_iter().map(|record| record.duration).collect() };
    let text = "# Ralph Progress Log\nStarted: 2026-03-01\n---\n## 2026-03-01 - US-001: Loads in 0.5s\n- 12 passed in 0.02s\n- Tests: 3 in 1.2s\n---\n## 2026-03-01 - US-002: Basket (45 min)\n- woven\n---\n## 2026-03-02 - US-003: Till\n**Duration**: 12m\n- counted\n---\n";
    assert_eq!(durations(text), [None, Some("45 min".to_owned()), Some("12m".to_owned())]);
}

#[test]
fn the_current_session_has_not_ended() {
    let text = "# Ralph Progress Log\n\n## Session History\n\n### 2026-01-05 - Session 6 Completed\n\nBasket finished.\n\n### 2026-01-05 - Session 7 (Current)\n\nChecking the payment.\n";
    let outcomes: Vec<RecordOutcome> = reading(text).records.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [RecordOutcome::Passed, RecordOutcome::Open]);
}

#[test]
fn the_lines_that_the_contract_promises_are_records() {
    assert_eq!(
        summaries("[US-001] Starting...\n[US-001] Complete\n[US-002] Starting...\n[US-002] Failed\n[US-003] Starting...\n"),
        ["US-001 - Passed", "US-002 - Failed", "US-003 - Open"]
    );
}

#[test]
fn an_explanation_has_the_type_and_the_reasons() {
    let texts = ["# Ralph Progress Log", "## 2026-03-01 - US-001: Make a basket", "- made", "---"];
    let file = IndexedLog::read(&texts, &FileContext::default());
    let why = explain::explain(&file, Weights::in_use(), &[1, 2]);
    assert_eq!((why[0].record_type.as_str(), why[0].of_type), ("heading 2: time - id words", 1));
    assert!(why[0].verdict.is_some_and(|(_, p)| p > LIKELY) && !why[0].reasons.is_empty());
    assert_eq!(why[1].verdict, None);
}

#[test]
fn a_heading_for_each_attempt_is_a_record_of_its_own() {
    let text = "# Ralph Progress Log\nStarted: 2026-03-05\n---\n## 2026-03-05 - US-001\n- basket woven\n---\n## 2026-03-05 - US-001 (repair after a merge)\n- handle put back\n---\n## 2026-03-05 - US-001 (repair of the tests, attempt 1)\n- tests run\n---\n";
    assert_eq!(summaries(text), ["US-001 - Passed", "US-001 repair after a merge Passed", "US-001 repair of the tests, attempt 1 Passed"]);
}

#[test]
fn an_id_and_its_verdict_are_a_record_in_any_clothes() {
    for (clothes, ids) in [
        ("{I}: DONE — {T}", ["A1", "A2", "B1"]),
        ("{I}: DONE", ["A1", "A2", "B1"]),
        ("{I}: DONE — {T}", ["1.1", "1.2", "2.1"]),
        ("{I} DONE: {T}", ["Task 1", "Task 2", "Task 3"]),
        ("[{I}] done — {T}", ["1.1", "1.2", "2.1"]),
    ] {
        let titles = ["basket woven", "money taken, tests green", "receipt by mail"];
        let log: String = ids.iter().zip(titles).map(|(id, title)| clothes.replace("{I}", id).replace("{T}", title) + "\n").collect();
        let found: Vec<String> = reading(&log)
            .records
            .into_iter()
            .filter(|record| record.outcome == RecordOutcome::Passed)
            .filter_map(|record| record.id)
            .collect();
        let wanted: Vec<&str> = ids.iter().map(|id| id.trim_start_matches("Task ")).collect();
        assert_eq!(found, wanted, "{log}");
    }
}

#[test]
fn a_session_that_names_ids_is_a_record_of_each() {
    let text = "## Session 2026-02-19T22:00:00+08:00 (F001-F003)\n- Done: the stamp (F001+F002+F003)\n- Progress: 3/13 features passed\n\n## Session 2026-02-19T22:12:00+08:00 (review + F004)\n- Done: review, front page (F004)\n- Progress: 4/13 features passed\n";
    let found: Vec<(Option<String>, Option<String>)> = reading(text).records.into_iter().map(|record| (record.id, record.when)).collect();
    let wanted = [("F001", "22:00"), ("F002", "22:00"), ("F003", "22:00"), ("F004", "22:12")];
    assert_eq!(found, wanted.map(|(id, time)| (Some(id.to_owned()), Some(format!("2026-02-19T{time}:00+08:00")))).to_vec());
}

#[test]
fn a_heading_that_is_only_a_time_has_its_title_below() {
    let text = "# Ralph Progress Log\n\n## Session History\n\n### 2026-01-05 - Session 1 Completed\n\nLaid out.\n\n### 2026-01-06 04:05:00\nCompleted Part 8 of the handbook.\n- parity test added\n\n### 2026-01-06 04:25:00\nCompleted Part 9 of the handbook.\n";
    let found: Vec<(Option<String>, Option<String>)> =
        reading(text).records.into_iter().map(|record| (record.title, record.when)).collect();
    assert_eq!(found.len(), 3);
    assert_eq!(found[1], (Some("Part 8 of the handbook".to_owned()), Some("2026-01-06 04:05:00".to_owned())));
    assert_eq!(found[2].0.as_deref(), Some("Part 9 of the handbook"));
}

#[test]
fn rows_have_the_day_of_the_plain_line_above() {
    let days = |text: &str| -> Vec<Option<String>> { reading(text).records.into_iter().map(|record| record.when).collect() };
    let text = "# Ralph Progress Log\n\n2026-04-14\n\n- [x] US-001: Make a basket\n- [x] US-002: Take money\n\n2026-04-15\n\n- [x] US-003: Send a receipt\n";
    assert_eq!(days(text), ["2026-04-14", "2026-04-14", "2026-04-15"].map(|day| Some(day.to_owned())));
    let text = "# Ralph Progress Log\nLast updated: 2026-04-14\n\n## Stories\n\n- [x] US-001: Make a basket\n- [x] US-002: Take money\n- [ ] US-003: Send a receipt\n";
    assert_eq!(days(text), [None, None]);
}
