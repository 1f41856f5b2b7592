//! The same histories with a kill in between: what is remembered goes through JSON, everything else is lost.

use proptest::prelude::*;

use super::*;
use crate::model::state::StoryState;

impl Scenario {
    /// Killed, and started again after some time in which `meanwhile` happens to the files.
    pub(super) fn restart(&mut self, down: f64, meanwhile: impl FnOnce(&mut Scenario)) -> &mut Scenario {
        let memory = self.engine.checkpoint(self.moment().wall).expect("no counted fact waits");
        let memory: EngineCheckpoint = serde_json::from_slice(&serde_json::to_vec(&memory).unwrap()).unwrap();
        let is_counted: Vec<bool> = (0..self.files.len()).map(|file| self.engine.is_counted(SourceId(file as u32))).collect();
        let before: Vec<Option<String>> = self.files.iter().map(|file| file.read.clone()).collect();
        // Nobody looks at the files while the engine is down.
        for file in &mut self.files {
            file.read = Some(file.content.clone());
        }
        meanwhile(self);
        self.now += Duration::from_secs_f64(down);
        let now = self.moment();
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        self.engine = Engine::new(settings(&names, true));
        self.engine.restore(memory, now);
        self.advice = self.engine.advice();
        for (at, read) in before.into_iter().enumerate() {
            let is_there =
                self.files[at].document || !self.files[at].content.is_empty() || read.as_ref().is_some_and(|read| !read.is_empty());
            self.files[at].read = Some(self.files[at].content.clone());
            if is_there {
                self.read_again(at, read.unwrap_or_default(), is_counted[at]);
            }
        }
        self.tick();
        let ready = Input::InitialScanDone;
        self.feed(ready);
        self.wait(0.5)
    }

    fn read_again(&mut self, at: usize, read: String, is_counted: bool) {
        let (source, moment) = (SourceId(at as u32), self.moment());
        let content = self.files[at].content.clone();
        if self.files[at].document {
            if !content.is_empty() {
                self.feed(Input::Document { source, at: moment, text: content });
            }
            return;
        }
        let resumes = is_counted && content.starts_with(&read);
        let why = if resumes { RereadReason::Restored } else { self.files[at].why };
        self.feed(Input::RereadBegun { source, at: moment, reason: why });
        let known = if resumes { read.rfind('\n').map_or(0, |end| end + 1) } else { content.len() };
        let (lines, partial) = split(&content[..known], 1);
        self.feed(Input::Lines { source, at: moment, lines });
        if resumes {
            self.feed(Input::RestoreDone { source, at: moment });
            let (lines, _) = split(&content[known..], 1 + content[..known].matches('\n').count());
            self.feed(Input::Lines { source, at: moment, lines });
        } else {
            self.feed(Input::RereadDone { source, at: moment, partial });
        }
    }
}

#[test]
fn only_what_came_meanwhile_is_emitted() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1)])), None, None]);
    scenario.emitted();
    let state = scenario.engine.state(scenario.moment());
    scenario.restart(60.0, |_| {}).expect(&[]);
    let again = scenario.engine.state(scenario.moment());
    assert_eq!((state.tasks[0].run.clone(), state.seq), (again.tasks[0].run.clone(), again.seq));
    assert_eq!(state.tasks[0].stories, again.tasks[0].stories);
    scenario
        .restart(60.0, |scenario| {
            scenario.files[P].content += &s(2);
        })
        .expect(&["start US-2 (Started: a)"]);
    scenario
        .restart(60.0, |scenario| scenario.files[P].content = cat(&[s(3), h("a"), s(1), c(1), s(2)]))
        .expect(&["start US-3 (Started: a)"]);
    scenario.append(P, &c(3)).wait(0.1).expect(&["passed US-3 (Started: a)"]);
}

#[test]
fn numbers_go_on() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1)])), None, None]);
    let last = scenario.events.last().unwrap().seq;
    scenario.restart(1.0, |scenario| {
        scenario.files[P].content += &c(1);
    });
    assert_eq!(scenario.events.last().unwrap().seq, Seq(last.0 + 1));
}

#[test]
fn gone_before_and_appended_while_down_is_new() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), s(2), s(3)])), None, None]);
    scenario.emitted();
    scenario.save(P, &cat(&[h("a"), s(2), s(3)]), RereadReason::Replaced).wait(1.0).expect(&[]);
    scenario
        .restart(60.0, |scenario| {
            scenario.files[P].content += &s(1);
        })
        .expect(&["start US-1 (Started: a)"]);
    // But not when the restart came into the middle of a rewrite.
    scenario.save(P, &cat(&[h("a"), s(2), s(3)]), RereadReason::Replaced).wait(0.5).expect(&[]);
    scenario
        .restart(0.1, |scenario| {
            scenario.files[P].content += &s(1);
        })
        .expect(&[]);
}

#[test]
fn a_new_run_that_began_meanwhile_is_one() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1), s(2)])), None, None]);
    scenario.emitted();
    scenario.restart(60.0, |scenario| scenario.files[P].content = cat(&[h("b"), s(1)])).wait(4.0).expect(&["start US-1 (Started: b)"]);
    scenario.restart(60.0, |scenario| scenario.files[P].content = h("b")).wait(4.0).append(P, &s(1)).wait(0.5);
    scenario.expect(&["start US-1 (Started: b#2)"]);
}

#[test]
fn a_log_rotated_meanwhile_goes_on_counting() {
    let mut scenario = Scenario::new([None, Some(&cat(&[s(1), s(2), s(3)])), None]);
    scenario.emitted();
    scenario.restart(60.0, |scenario| {
        scenario.files[L].content = s(1);
        scenario.files[L].why = RereadReason::Rotated;
    });
    let emitted = scenario.emitted();
    assert!(emitted.len() == 1 && emitted[0].starts_with("start US-1 "), "{emitted:?}");
}

#[test]
fn a_plan_goes_on_from_its_flags() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1)])), None, Some(&plan("main", &[("US-1", false), ("US-2", false)]))]);
    scenario.emitted();
    scenario.restart(60.0, |scenario| scenario.files[PLAN].content = plan("main", &[("US-1", true), ("US-2", false)]));
    scenario.expect(&["passed US-1 (main)"]);
    scenario.restart(60.0, |_| {}).expect(&[]);
    scenario.restart(60.0, |scenario| scenario.files[PLAN].content = plan("other", &[("US-1", true), ("US-2", true)])).wait(1.0);
    scenario.expect(&["start US-1 (other)", "passed US-1 (other)", "start US-2 (other)", "passed US-2 (other)", "end (other)"]);
}

#[test]
fn an_open_end_that_was_counted_is_not_counted_again() {
    let mut scenario = Scenario::new([Some(&h("a")), None, None]);
    scenario.emitted();
    let open = "[US-1] Starting...";
    scenario.append(P, open).stands(P).wait(0.5).expect(&["start US-1 (Started: a)"]);
    scenario
        .restart(60.0, |scenario| {
            scenario.files[P].content += &cat(&["\n".to_owned(), s(1)]);
        })
        .expect(&["start US-1 (Started: a)"]);
    // An entry that was settled as it was.
    let entry = "\n## 2026-01-24 - US-7\n- Did it\n";
    scenario.append(P, entry).wait(1.0).expect(&["start US-7 (Started: a)", "passed US-7 (Started: a)"]);
    scenario.restart(60.0, |_| {}).wait(1.0).expect(&[]);
    scenario
        .restart(60.0, |scenario| {
            scenario.files[P].content += "- and more\n---\n";
        })
        .wait(1.0)
        .expect(&[]);
}

#[test]
fn a_candidate_is_evaluated_again() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1), s(2)])), None, None]);
    scenario.emitted();
    scenario.save(P, &h("a"), RereadReason::Rewritten).wait(1.0).expect(&[]);
    scenario.restart(0.1, |scenario| scenario.files[P].content = cat(&[h("a"), s(4), s(1), c(1), s(2)])).wait(4.0);
    scenario.expect(&["start US-4 (Started: a)"]);
}

#[test]
fn what_was_published_and_not_remembered_is_found_again_and_not_emitted_again() {
    let mut scenario = Scenario::new([Some(&h("a")), None, None]);
    let memory = scenario.engine.checkpoint(scenario.moment().wall).unwrap();
    scenario.append(P, &cat(&[s(1), c(1)])).wait(0.5);
    let published = scenario.events.clone();
    let newest = scenario.events.last().unwrap().seq;
    scenario.emitted();
    let now = scenario.moment();
    scenario.engine = Engine::new(settings(&NAMES, true));
    scenario.engine.skip_published(newest, published.iter());
    scenario.engine.restore(memory, now);
    scenario.files[P].content += &s(2);
    scenario.read_again(P, h("a"), true);
    scenario.wait(1.0);
    assert_eq!(scenario.events.iter().map(|event| event.seq.0).collect::<Vec<_>>(), [newest.0 + 1]);
    scenario.expect(&["start US-2 (Started: a)"]);
}

proptest! {
    #![proptest_config(crate::property::config(64))]

    /// However often it is killed, the events and the state are those of an engine that was not.
    #[test]
    fn kills_change_nothing(
        steps in prop::collection::vec((0u32..4, 1u32..5, any::<bool>(), any::<bool>()), 1..25),
    ) {
        let (mut ids, mut outcomes) = (Vec::new(), Vec::new());
        for kills in [false, true] {
            let mut scenario = Scenario::new([Some(&h("a")), Some(""), Some(&plan("main", &[("US-1", false), ("US-2", false)]))]);
            for (what, story, in_log, kill) in &steps {
                let text = match what {
                    0 => s(*story),
                    1 => c(*story),
                    2 => f(*story),
                    _ => cat(&[s(*story), c(*story)]),
                };
                scenario.append(if *in_log { L } else { P }, &text).wait(0.3);
                if kills && *kill {
                    scenario.restart(0.0, |_| {});
                } else {
                    scenario.wait(0.5);
                }
            }
            ids.push(scenario.events.iter().map(|event| (event.seq, event.id)).collect::<Vec<_>>());
            outcomes.push(outcome(&scenario));
        }
        prop_assert_eq!(&ids[0], &ids[1]);
        prop_assert_eq!(&outcomes[0], &outcomes[1]);
    }

    /// Of a log that only grows and dates its lines, a process that comes late and remembers nothing shows what one shows that saw it grow.
    #[test]
    fn without_a_memory_a_growing_log_gives_the_same_state(steps in prop::collection::vec((1u32..5, any::<bool>()), 1..25)) {
        let plan = plan("main", &[("US-1", false), ("US-2", false), ("US-3", false)]);
        let lines = dated_history(&steps);
        let mut live = Scenario::new([Some(&h("a")), None, Some(&plan)]);
        for line in &lines {
            live.append(P, line).wait(0.5);
        }
        let late = Scenario::new([Some(&cat(&[h("a"), lines.concat()])), None, Some(&plan)]);
        prop_assert_eq!(outcome(&live), outcome(&late));
        let ids = |scenario: &Scenario| {
            let mut ids: Vec<_> = scenario.events.iter().map(|event| event.id.to_string()).collect();
            ids.sort();
            ids
        };
        prop_assert_eq!(ids(&live), ids(&late));
    }
}

/// Lines of stories that begin, fail, begin again and pass, each a minute after the one before.
fn dated_history(steps: &[(u32, bool)]) -> Vec<String> {
    let (mut begun, mut passed) = (HashSet::new(), HashSet::new());
    let mut lines = Vec::new();
    for (story, succeeds) in steps.iter().filter(|(story, _)| *story > 0) {
        let words = match (passed.contains(story), begun.contains(story)) {
            (true, _) => continue,
            (false, false) => "Starting...",
            (false, true) if *succeeds => "Completed",
            (false, true) => "Failed",
        };
        if !begun.remove(story) {
            begun.insert(*story);
        } else if *succeeds {
            passed.insert(*story);
        }
        lines.push(format!("[2026-02-01 10:{:02}:00] [US-{story}] {words}\n", lines.len()));
    }
    lines
}

/// What the state says of the run, without when this process saw it.
fn outcome(scenario: &Scenario) -> String {
    let task = scenario.engine.state(scenario.moment()).tasks.remove(0);
    let stories: Vec<_> =
        task.stories.iter().chain(&task.unplanned).map(|story| StoryState { changed_at: None, ..story.whole() }).collect();
    format!(
        "{:?} {:?} {:?} {:?} {} {} {} {:?} {:?}\n{stories:#?}",
        task.status,
        task.run,
        task.percent,
        task.current_story,
        task.stories_passed,
        task.stories_failed,
        task.errors,
        task.history,
        task.duration_ms,
    )
}
