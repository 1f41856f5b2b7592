//! Spans of whole lines, and what holds for every text.

use proptest::prelude::*;

use super::*;

fn read(raw: &str) -> LexedLine<'_> {
    Lexer::default().lex(raw, &Terms::default())
}

/// The spans as `kind=value`.
fn spans(raw: &str) -> String {
    let line = read(raw);
    let names: Vec<String> = line
        .spans
        .iter()
        .map(|span| {
            let kind = match span.kind {
                SpanKind::When => "when".into(),
                SpanKind::Reference => "ref".into(),
                SpanKind::Iteration => "iter".into(),
                SpanKind::Id { kind, .. } => format!("{kind:?}"),
                SpanKind::Hash => "hash".into(),
                SpanKind::Duration => "duration".into(),
                SpanKind::Counter => "counter".into(),
                SpanKind::Mark(mark) => format!("{:?}@{:?}", mark.polarity, mark.position),
            };
            format!("{kind}={}", span.value(&line.text))
        })
        .collect();
    names.join(" ")
}

#[test]
fn lines_fall_into_the_spans_that_people_see() {
    for (raw, expected) in [
        ("## 2026-03-01 - US-001: Make a basket", "when=2026-03-01 Upper=US-001"),
        ("[2026-05-13T06:41:52Z] US-010 PASS pairs pr#9", "when=2026-05-13T06:41:52Z Upper=US-010 Positive@Start=PASS ref=pr#9"),
        ("2026-05-23: [#6.1] Set up the id_position — 73e1832", "when=2026-05-23 Number=6.1 hash=73e1832"),
        ("[2026-01-05] bug-001: Fixed the linter", "when=2026-01-05 Lower=bug-001 Positive@Start=Fixed"),
        ("### Task: Write the alias (cmd-002)", "Lower=cmd-002"),
        ("### 2. Design system ✅ (2026-03-18)", "HeadingNumber=2 Positive@End=✅ when=2026-03-18"),
        ("- [x] 0.4 Folders made (commit: 1b205b7)", "Dotted=0.4 ref=commit: 1b205b7"),
        ("Task 12 DONE: title", "Word=12 Positive@Start=DONE"),
        ("**Story**: 12", "Word=12"),
        ("Iteration 3/50 took 45 min", "iter=Iteration 3/50 duration=45 min"),
        ("A1: DONE — basket written", "Letter=A1 Positive@Start=DONE"),
        ("[US-003] Starting...", "Upper=US-003 Open@Start=Starting"),
        ("Tests: 3 passed, 0 failed", "Void@End=failed"),
        ("[US-003] Failed login shows a message", "Upper=US-003"),
        ("[US-003] Complete rewrite of the parser", "Upper=US-003"),
        ("[US-003] Failed to start the till", "Upper=US-003 Negative@Start=Failed"),
        ("US-003: FAILED the till is broken", "Upper=US-003 Negative@Start=FAILED"),
        ("US-003 Failed: the till is broken", "Upper=US-003 Negative@Start=Failed"),
        ("## US-003: Show the login error", "Upper=US-003"),
        ("## US-003: Retry when blocked", "Upper=US-003"),
        ("## US-003: Page of the API failure ✅", "Upper=US-003 Positive@End=✅"),
        ("## US-003: Timeout", "Upper=US-003"),
        ("## US-003: Error Handling - Soft Landing", "Upper=US-003"),
        ("## US-003: Failed Login Page", "Upper=US-003"),
        ("[US-003] Failed To Start", "Upper=US-003 Negative@Start=Failed"),
        ("US-003: Blocked Pending Review", "Upper=US-003 Negative@Start=Blocked"),
        ("- [x] US-003: Timeout", "Upper=US-003"),
        ("[US-003] DONE - Error", "Upper=US-003 Positive@Start=DONE"),
        ("## US-003: the till - failed", "Upper=US-003 Negative@End=failed"),
        ("## US-003: the till ERROR", "Upper=US-003 Negative@End=ERROR"),
        ("US-003: error", "Upper=US-003 Negative@Start=error"),
        ("- [x] UTF-8 and RFC-2119", ""),
        ("- 2B.1 Move the enums", "Dotted=2B.1"),
        ("took 12s and 3m", "duration=12s duration=3m"),
        ("會話 2 - 2026-01-05", "iter=會話 2 when=2026-01-05"),
        ("## Συνεδρία 3 — 2026-01-05", "iter=Συνεδρία 3 when=2026-01-05"),
        ("## जमाव 3 (2026-01-05)", "iter=जमाव 3 when=2026-01-05"),
        ("故事 #2: 烤面包", "Word=2"),
        ("Sitzung 4 - 05.01.2026", "iter=Sitzung 4 when=05.01.2026"),
        ("US-XXX is an example", ""),
        ("to do: the till", ""),
        ("ToDo: the till", ""),
        ("the wall failed to stand in the long wind that day of all days", ""),
    ] {
        assert_eq!(spans(raw), expected, "{raw}");
    }
}

#[test]
fn ids_that_head_a_line_are_lists_and_ranges() {
    let ids = |raw: &str| read(raw).lead.map(|lead| lead.ids.join(" ")).unwrap_or_default();
    assert_eq!(ids("## US-004, US-005 - two"), "US-004 US-005");
    assert_eq!(ids("## US-001 through US-003 - three"), "US-001 US-002 US-003");
    assert_eq!(ids("## US-001-003"), "US-001 US-002 US-003");
    assert_eq!(ids("Tasks 7/8: doors"), "7 8");
    assert_eq!(ids("Tasks 7/40 done"), "");
    assert_eq!(ids("3 tasks 12/40"), "");
    assert_eq!(ids("## Issues 279-281"), "279 280 281");
    assert_eq!(ids("(F001-F003)"), "F001 F002 F003");
    assert_eq!(ids("- F002/F003: labels"), "F002 F003");
    assert_eq!(ids("- Features #38-#40 PASSING"), "38 39 40");
    assert_eq!(ids("- [x] oven-015 / REQ-015 done: bricks"), "oven-015");
    assert_eq!(ids("US-007/AC-007"), "US-007");
    assert_eq!(ids("[Coding] Fixed OVEN_DOOR: the hinge"), "OVEN_DOOR");
    assert_eq!(ids("US-001 - US-900"), "US-001");
    assert_eq!(ids("## Iteration 4: Floor plan (oven-001, shop-till-002)"), "oven-001 shop-till-002");
    assert_eq!(ids("the plan of the floor (oven-001, shop-till-002)"), "");
    assert_eq!(ids("## Oven (well-known, new-2 things)"), "");
    assert_eq!(ids("2026-03-01 - OVEN-9/10/11: three doors"), "OVEN-9 OVEN-10 OVEN-11");
}

#[test]
fn weak_ids_need_a_second_number() {
    let mut terms = Terms::default();
    assert_eq!(Lexer::default().lex("the words of step abc-12 again", &terms).lead, None);
    terms.prefixes.note("abc-11");
    terms.prefixes.note("abc-12");
    assert!(Lexer::default().lex("the words of step abc-12 again", &terms).lead.is_some());
}

/// Names that a tracker makes of letters and digits at random, and parts of them.
#[test]
fn names_of_a_tracker_are_ids() {
    let mut terms = Terms::default();
    let lines =
        ["## CD-3m6 - AI-008: Build the till", "## CD-4ka.4 - Part four", "- CD-9ck: done", "bd-a1b2 closed", "bd-0x9z.1", "bd-k3 bd-77qa"];
    let ids = |raw: &str, terms: &Terms| Lexer::default().lex(raw, terms).lead.map(|lead| lead.ids.join(" ")).unwrap_or_default();
    assert_eq!(ids("## CD-4ka.4 - Part four", &terms), "CD-4ka.4");
    lines.iter().for_each(|line| terms.prefixes.note(line));
    assert_eq!(ids("## CD-3m6 - AI-008: Build the till", &terms), "CD-3m6");
    assert_eq!(ids("- the till waits for bd-a1b2", &terms), "bd-a1b2");
    for prose in ["It runs on UTF-8 and x86-64", "the co-op and the CD-rom are new", "they use bd-tools for it"] {
        assert_eq!(ids(prose, &terms), "", "{prose}");
    }
}

#[test]
fn labels_have_a_class_and_an_outcome() {
    let label = read("**Status**: FAILED - the tests do not pass").label.expect("it is a label");
    assert_eq!((label.class, label.polarity), (LabelClass::Status, Some(Polarity::Negative)));
    let polarity = |raw: &str| read(raw).label.and_then(|label| label.polarity);
    assert_eq!(polarity("Result: Error handling works in all forms"), None);
    assert_eq!(polarity("Status: shows the failed payment"), None);
    assert_eq!(polarity("State: rows, loading, error"), None);
    assert_eq!(polarity("State: rows, loading and error"), None);
    assert_eq!(polarity("Status: build error"), Some(Polarity::Negative));
    assert_eq!(polarity("Status: Failed to build"), Some(Polarity::Negative));
    assert_eq!(polarity("Status: error in the parser"), Some(Polarity::Negative));
    assert_eq!(polarity("Status: tests failed"), Some(Polarity::Negative));
    assert_eq!(read("- Files changed: a.rs").label_class(), Some(LabelClass::Files));
    assert_eq!(read("12:30 begins").label, None);
    let label = read("⚠️ **Status**: Blocked").label.expect("it is a label");
    assert_eq!((label.class, label.polarity), (LabelClass::Status, Some(Polarity::Negative)));
    assert_eq!(read("✅ Basket: made").label, None);
}

proptest! {
    #![proptest_config(crate::property::config(400))]

    #[test]
    fn every_text_has_spans_in_order_and_in_it(raw in "[\\[\\](){}#*_`~|:/,.0-9A-Za-zТ年月日完成✅️é–— -]{0,60}|.{0,80}") {
        let mut terms = Terms::default();
        terms.prefixes.note(&raw);
        terms.plan_ids.insert("AB-1".into());
        let line = Lexer::default().lex(&raw, &terms);
        let mut last = 0;
        for span in &line.spans {
            prop_assert!(span.start >= last && span.end > span.start && span.end as usize <= line.text.len(), "{span:?} of {:?}", line.text);
            prop_assert!(line.text.is_char_boundary(span.start as usize) && line.text.is_char_boundary(span.end as usize));
            prop_assert!(line.text.is_char_boundary(span.value_start as usize) && line.text.is_char_boundary(span.value_end as usize));
            last = span.end;
        }
        prop_assert!(line.lead.is_none_or(|lead| lead.ids.len() <= lead::MOST_IDS));
    }
}
