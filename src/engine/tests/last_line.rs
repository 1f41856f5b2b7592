//! The last line: open, standing, drawn over.

use super::*;

#[test]
fn an_open_last_line_counts_once() {
    let mut scenario = Scenario::new([Some(&h("a")), None, None]);
    scenario.append(P, "[US-1] Starting...").wait(4.0).expect(&["start US-1 (Started: a)"]);
    scenario.append(P, "\n").wait(0.1).expect(&[]);
    scenario.append(P, &s(1)).wait(0.1).expect(&["start US-1 (Started: a)"]);
}

#[test]
fn a_save_without_a_final_newline_emits_nothing_whenever_its_end_is_read() {
    for (first, then) in [(0.0, 1.0), (1.0, 0.0)] {
        let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), s(2)])), None, None]);
        scenario.emitted();
        scenario.save(P, cat(&[h("a"), c(1), s(1), s(2)]).trim_end(), RereadReason::Replaced);
        scenario.wait(first).stands(P).wait(then).stands(P).wait(1.0).expect(&["passed US-1 (Started: a)"]);
        scenario.append(P, "\n").wait(0.1).append(P, &s(2)).wait(1.0).expect(&["start US-2 (Started: a)"]);
    }
}

#[test]
fn redraws_of_one_line_state_it_once() {
    let mut scenario = Scenario::new([None, Some(""), None]);
    scenario.append(L, "[US-1] Starting...\r[US-1] Starting...\r[US-1] Starting...\n").wait(1.0);
    assert_eq!(scenario.emitted().len(), 1);
    scenario.append(L, &s(1)).wait(1.0);
    assert_eq!(scenario.emitted().len(), 1);
}

#[test]
fn redraws_that_come_one_by_one_state_it_once() {
    let mut scenario = Scenario::new([None, Some(&s(1)), None]);
    scenario.emitted();
    scenario.append(L, "[US-2] Starting...\r").wait(0.1).append(L, "[US-2] Starting...\r").wait(4.0);
    assert_eq!(scenario.emitted().len(), 1);
    scenario.append(L, "[US-2] Starting...").wait(0.1).append(L, "\r[US-2] Starting...\n").wait(0.1);
    assert_eq!(scenario.emitted().len(), 0);
    scenario.append(L, &s(2)).wait(0.1);
    assert_eq!(scenario.emitted().len(), 1);
    // Read again as a whole, and redrawn once more.
    scenario.save(L, "[US-3] Starting...\r[US-1] Starting...\n[US-2] Starting...\n[US-2] Starting...\r", RereadReason::Rewritten).wait(1.0);
    scenario.append(L, "[US-2] Starting...\n").wait(0.1);
    assert_eq!(scenario.emitted().len(), 1);
}
