//! The last line: open, standing, drawn over.

use super::*;

#[test]
fn an_open_last_line_counts_once() {
    let mut world = World::new([Some(&h("a")), None, None]);
    world.append(P, "[US-1] Starting...").wait(4.0).expect(&["start US-1 (Started: a)"]);
    world.append(P, "\n").wait(0.1).expect(&[]);
    world.append(P, &s(1)).wait(0.1).expect(&["start US-1 (Started: a)"]);
}

#[test]
fn a_save_without_a_final_newline_is_no_news_whenever_its_end_is_seen_to_stand() {
    for (first, then) in [(0.0, 1.0), (1.0, 0.0)] {
        let mut world = World::new([Some(&cat(&[h("a"), s(1), s(2)])), None, None]);
        world.said();
        world.save(P, cat(&[h("a"), c(1), s(1), s(2)]).trim_end(), RereadReason::Replaced);
        world.wait(first).stands(P).wait(then).stands(P).wait(1.0).expect(&["passed US-1 (Started: a)"]);
        world.append(P, "\n").wait(0.1).append(P, &s(2)).wait(1.0).expect(&["start US-2 (Started: a)"]);
    }
}

#[test]
fn redraws_of_one_line_say_it_once() {
    let mut world = World::new([None, Some(""), None]);
    world.append(L, "[US-1] Starting...\r[US-1] Starting...\r[US-1] Starting...\n").wait(1.0);
    assert_eq!(world.said().len(), 1);
    world.append(L, &s(1)).wait(1.0);
    assert_eq!(world.said().len(), 1);
}

#[test]
fn redraws_that_come_one_by_one_say_it_once() {
    let mut world = World::new([None, Some(&s(1)), None]);
    world.said();
    world.append(L, "[US-2] Starting...\r").wait(0.1).append(L, "[US-2] Starting...\r").wait(4.0);
    assert_eq!(world.said().len(), 1);
    world.append(L, "[US-2] Starting...").wait(0.1).append(L, "\r[US-2] Starting...\n").wait(0.1);
    assert_eq!(world.said().len(), 0);
    world.append(L, &s(2)).wait(0.1);
    assert_eq!(world.said().len(), 1);
    // Read again as a whole, and redrawn once more.
    world.save(L, "[US-3] Starting...\r[US-1] Starting...\n[US-2] Starting...\n[US-2] Starting...\r", RereadReason::Rewritten).wait(1.0);
    world.append(L, "[US-2] Starting...\n").wait(0.1);
    assert_eq!(world.said().len(), 1);
}
