//! Machine logs that are rotated: counts go on, whatever becomes of the old file.

use super::*;
use crate::file_change::DetachedId;

const SOURCE: SourceId = SourceId(L as u32);

impl Scenario {
    /// Files are read: what they hold now, in this order, each with the reason why it is read.
    fn reads(&mut self, contents: &[(RereadReason, String)]) -> &mut Scenario {
        let at = self.moment();
        for (why, content) in contents {
            let (lines, partial) = split(content, 1);
            self.feed(Input::RereadBegun { source: SOURCE, at, reason: *why });
            self.feed(Input::Lines { source: SOURCE, at, lines });
            self.feed(Input::RereadDone { source: SOURCE, at, partial });
        }
        if let Some((_, content)) = contents.last() {
            self.files[L].content.clone_from(content);
            self.files[L].read = Some(content.clone());
        }
        self
    }

    fn retire(&mut self, past: u32) -> &mut Scenario {
        let at = self.moment();
        self.feed(Input::Detached { source: SOURCE, at, detached: DetachedId(past) });
        self
    }

    fn late(&mut self, past: u32, added: &str) -> &mut Scenario {
        let at = self.moment();
        let (lines, _) = split(added, 100);
        self.feed(Input::DetachedLines { source: SOURCE, at, detached: DetachedId(past), lines });
        self
    }

    fn leave(&mut self, past: u32, open: Option<&str>) -> &mut Scenario {
        let at = self.moment();
        let partial = open.map(|text| PartialLine { number: 200, text: text.to_owned() });
        self.feed(Input::DetachedClosed { source: SOURCE, at, detached: DetachedId(past), still_linked: true, partial });
        self
    }
}

fn logged(stories: &[String]) -> Scenario {
    let mut scenario = Scenario::new([None, Some(&stories.concat()), None]);
    scenario.emitted();
    scenario
}

fn names(scenario: &mut Scenario) -> Vec<String> {
    scenario.emitted().iter().map(|emitted| emitted.rsplit_once(" (").map_or(emitted.clone(), |(what, _)| what.to_owned())).collect()
}

#[test]
fn a_rotated_log_goes_on_counting_at_once() {
    let mut scenario = logged(&[s(1), s(2), s(3), s(4)]);
    scenario.retire(0).reads(&[(RereadReason::Rotated, s(1))]).wait(0.0);
    assert_eq!(names(&mut scenario), ["start US-1"]);
    // Even when the new file holds all that the old one held.
    scenario.retire(1).reads(&[(RereadReason::Rotated, cat(&[s(1), s(2)]))]).wait(0.0);
    assert_eq!(names(&mut scenario), ["start US-1", "start US-2"]);
}

#[test]
fn what_is_added_to_the_old_file_counts_once() {
    let mut scenario = logged(&[s(1), s(2)]);
    scenario.retire(0).reads(&[(RereadReason::Rotated, s(1))]).wait(0.1);
    assert_eq!(names(&mut scenario), ["start US-1"]);
    scenario.late(0, &cat(&[s(2), c(1)])).wait(0.1).append(L, &c(1)).wait(0.1);
    assert_eq!(names(&mut scenario), ["start US-2", "passed US-1", "passed US-1"]);
    scenario.leave(0, Some("[US-9] Starting...")).wait(0.1);
    assert_eq!(names(&mut scenario), ["start US-9"]);
    scenario.late(0, &s(8)).wait(0.1);
    assert_eq!(names(&mut scenario), [""; 0]);
}

#[test]
fn an_old_file_that_was_saved_over_adds_only_what_the_new_one_lacks() {
    let mut scenario = logged(&[s(1), s(2)]);
    scenario.retire(0).reads(&[(RereadReason::Replaced, cat(&[s(1), s(2), s(3)]))]).wait(0.1);
    assert_eq!(names(&mut scenario), ["start US-3"]);
    scenario.late(0, &cat(&[s(3), s(4)])).wait(0.1);
    assert_eq!(names(&mut scenario), ["start US-4"]);
}

#[test]
fn a_copy_states_what_was_missed_and_an_unknown_generation_everything() {
    let mut scenario = logged(&[s(1), s(2)]);
    scenario.reads(&[(RereadReason::RotatedSibling, cat(&[s(1), s(2), s(3)])), (RereadReason::Rotated, s(1))]).wait(0.0);
    assert_eq!(names(&mut scenario), ["start US-3", "start US-1"]);
    scenario.retire(0).reads(&[(RereadReason::RotatedSibling, cat(&[s(5), s(6), s(7)])), (RereadReason::Rotated, s(1))]).wait(0.0);
    assert_eq!(names(&mut scenario), ["start US-5", "start US-6", "start US-7", "start US-1"]);
}

#[test]
fn a_generation_that_was_retired_while_it_waited_is_not_lost() {
    let mut scenario = logged(&[s(1), s(2), s(3), s(4)]);
    // Truncated, then rotated before the truncated content was accepted.
    scenario.reads(&[(RereadReason::Rewritten, s(5))]).wait(0.1);
    assert_eq!(names(&mut scenario), [""; 0]);
    scenario.retire(0).reads(&[(RereadReason::Rotated, s(6))]).wait(0.0);
    assert_eq!(names(&mut scenario), ["start US-5", "start US-6"]);
}

#[test]
fn a_backup_of_a_machine_log_is_no_rotation() {
    let mut scenario = logged(&[s(1), s(2), s(3)]);
    scenario.retire(0).reads(&[(RereadReason::Replaced, cat(&[s(1), s(2), s(3), s(4)]))]).wait(1.0);
    assert_eq!(names(&mut scenario), ["start US-4"]);
}

#[test]
fn a_redraw_in_the_old_file_counts_once() {
    let mut scenario = logged(&[s(1), s(2)]);
    scenario.retire(0).reads(&[(RereadReason::Rotated, s(3))]).wait(0.1);
    assert_eq!(names(&mut scenario), ["start US-3"]);
    let at = scenario.moment();
    let mut lines = Lines::default();
    lines.push(100, s(4).trim_end(), LineEnd::Return);
    lines.push(100, s(4).trim_end(), LineEnd::Feed);
    scenario.feed(Input::DetachedLines { source: SOURCE, at, detached: DetachedId(0), lines });
    scenario.wait(0.1);
    assert_eq!(names(&mut scenario), ["start US-4"]);
}
