//! The same histories with a kill in between: what is remembered goes through JSON, everything else is lost.

use proptest::prelude::*;

use super::*;

impl World {
    /// Killed, and started again after some time in which `meanwhile` happens to the files.
    pub(super) fn restart(&mut self, down: f64, meanwhile: impl FnOnce(&mut World)) -> &mut World {
        let memory = self.engine.memory(self.moment().wall).expect("nothing waits to be told");
        let memory: Memory = serde_json::from_slice(&serde_json::to_vec(&memory).unwrap()).unwrap();
        let at_rest: Vec<bool> = (0..self.files.len()).map(|file| self.engine.is_at_rest(SourceId(file as u32))).collect();
        let before: Vec<Option<String>> = self.files.iter().map(|file| file.seen.clone()).collect();
        // Nobody looks at the files while the engine is down.
        for file in &mut self.files {
            file.seen = Some(file.content.clone());
        }
        meanwhile(self);
        self.now += Duration::from_secs_f64(down);
        let now = self.moment();
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        self.engine = Engine::new(settings(&names, true));
        self.engine.restore(memory, now);
        for (at, seen) in before.into_iter().enumerate() {
            let is_there =
                self.files[at].document || !self.files[at].content.is_empty() || seen.as_ref().is_some_and(|seen| !seen.is_empty());
            self.files[at].seen = Some(self.files[at].content.clone());
            if is_there {
                self.read_again(at, seen.unwrap_or_default(), at_rest[at]);
            }
        }
        self.tick();
        let ready = Input::InitialScanDone(self.moment());
        self.engine.handle(ready);
        self.wait(0.5)
    }

    fn read_again(&mut self, at: usize, seen: String, at_rest: bool) {
        let (source, moment) = (SourceId(at as u32), self.moment());
        let content = self.files[at].content.clone();
        if self.files[at].document {
            if !content.is_empty() {
                self.engine.handle(Input::Document { source, at: moment, text: content });
            }
            return;
        }
        let resumes = at_rest && content.starts_with(&seen);
        let why = if resumes { RereadReason::Restored } else { self.files[at].why };
        self.engine.handle(Input::RereadBegun { source, at: moment, reason: why });
        let known = if resumes { seen.rfind('\n').map_or(0, |end| end + 1) } else { content.len() };
        let (lines, rest) = split(&content[..known], 1);
        self.engine.handle(Input::Lines { source, at: moment, lines });
        if resumes {
            self.engine.handle(Input::RestoreDone { source, at: moment });
            let (lines, _) = split(&content[known..], 1 + content[..known].matches('\n').count());
            self.engine.handle(Input::Lines { source, at: moment, lines });
        } else {
            self.engine.handle(Input::RereadDone { source, at: moment, partial: rest });
        }
    }
}

#[test]
fn only_what_came_meanwhile_is_said() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1), c(1)])), None, None]);
    world.said();
    let state = world.engine.state(world.moment());
    world.restart(60.0, |_| {}).expect(&[]);
    let again = world.engine.state(world.moment());
    assert_eq!((state.tasks[0].run.clone(), state.seq), (again.tasks[0].run.clone(), again.seq));
    assert_eq!(state.tasks[0].stories, again.tasks[0].stories);
    world
        .restart(60.0, |world| {
            world.files[P].content += &s(2);
        })
        .expect(&["start US-2 (Started: a)"]);
    world.restart(60.0, |world| world.files[P].content = cat(&[s(3), h("a"), s(1), c(1), s(2)])).expect(&["start US-3 (Started: a)"]);
    world.append(P, &c(3)).wait(0.1).expect(&["passed US-3 (Started: a)"]);
}

#[test]
fn numbers_go_on() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1)])), None, None]);
    let last = world.events.last().unwrap().seq;
    world.restart(1.0, |world| {
        world.files[P].content += &c(1);
    });
    assert_eq!(world.events.last().unwrap().seq, Seq(last.0 + 1));
}

#[test]
fn gone_before_and_appended_while_down_is_news() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1), s(2), s(3)])), None, None]);
    world.said();
    world.save(P, &cat(&[h("a"), s(2), s(3)]), RereadReason::Replaced).wait(1.0).expect(&[]);
    world
        .restart(60.0, |world| {
            world.files[P].content += &s(1);
        })
        .expect(&["start US-1 (Started: a)"]);
    // But not when the restart came into the middle of a rewrite.
    world.save(P, &cat(&[h("a"), s(2), s(3)]), RereadReason::Replaced).wait(0.5).expect(&[]);
    world
        .restart(0.1, |world| {
            world.files[P].content += &s(1);
        })
        .expect(&[]);
}

#[test]
fn a_new_run_that_began_meanwhile_is_one() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1), c(1), s(2)])), None, None]);
    world.said();
    world.restart(60.0, |world| world.files[P].content = cat(&[h("b"), s(1)])).wait(4.0).expect(&["start US-1 (Started: b)"]);
    world.restart(60.0, |world| world.files[P].content = h("b")).wait(4.0).append(P, &s(1)).wait(0.5);
    world.expect(&["start US-1 (Started: b#2)"]);
}

#[test]
fn a_log_rotated_meanwhile_goes_on_counting() {
    let mut world = World::new([None, Some(&cat(&[s(1), s(2), s(3)])), None]);
    world.said();
    world.restart(60.0, |world| {
        world.files[L].content = s(1);
        world.files[L].why = RereadReason::Rotated;
    });
    let said = world.said();
    assert!(said.len() == 1 && said[0].starts_with("start US-1 "), "{said:?}");
}

#[test]
fn a_plan_goes_on_from_its_flags() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1)])), None, Some(&plan("main", &[("US-1", false), ("US-2", false)]))]);
    world.said();
    world.restart(60.0, |world| world.files[PLAN].content = plan("main", &[("US-1", true), ("US-2", false)]));
    world.expect(&["passed US-1 (main)"]);
    world.restart(60.0, |_| {}).expect(&[]);
    world.restart(60.0, |world| world.files[PLAN].content = plan("other", &[("US-1", true), ("US-2", true)])).wait(1.0);
    world.expect(&["start US-1 (other)", "passed US-1 (other)", "start US-2 (other)", "passed US-2 (other)", "end (other)"]);
}

#[test]
fn an_open_end_that_was_counted_is_not_counted_again() {
    let mut world = World::new([Some(&h("a")), None, None]);
    world.said();
    let open = "[US-1] Starting...";
    world.append(P, open).stands(P).wait(0.5).expect(&["start US-1 (Started: a)"]);
    world
        .restart(60.0, |world| {
            world.files[P].content += &cat(&["\n".to_owned(), s(1)]);
        })
        .expect(&["start US-1 (Started: a)"]);
    // An entry that was judged as it stood.
    let entry = "\n## 2026-01-24 - US-7\n- Did it\n";
    world.append(P, entry).wait(1.0).expect(&["start US-7 (Started: a)", "passed US-7 (Started: a)"]);
    world.restart(60.0, |_| {}).wait(1.0).expect(&[]);
    world
        .restart(60.0, |world| {
            world.files[P].content += "- and more\n---\n";
        })
        .wait(1.0)
        .expect(&[]);
}

#[test]
fn a_candidate_is_judged_again() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1), c(1), s(2)])), None, None]);
    world.said();
    world.save(P, &h("a"), RereadReason::Rewritten).wait(1.0).expect(&[]);
    world.restart(0.1, |world| world.files[P].content = cat(&[h("a"), s(4), s(1), c(1), s(2)])).wait(4.0);
    world.expect(&["start US-4 (Started: a)"]);
}

#[test]
fn what_was_published_and_not_remembered_is_found_again_and_not_said_again() {
    let mut world = World::new([Some(&h("a")), None, None]);
    let memory = world.engine.memory(world.moment().wall).unwrap();
    world.append(P, &cat(&[s(1), c(1)])).wait(0.5);
    let published = world.events.clone();
    let newest = world.events.last().unwrap().seq;
    world.said();
    let now = world.moment();
    world.engine = Engine::new(settings(&NAMES, true));
    world.engine.go_on(newest, published.iter());
    world.engine.restore(memory, now);
    world.files[P].content += &s(2);
    world.read_again(P, h("a"), true);
    world.wait(1.0);
    assert_eq!(world.events.iter().map(|event| event.seq.0).collect::<Vec<_>>(), [newest.0 + 1]);
    world.expect(&["start US-2 (Started: a)"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However often it is killed, the events are those of a engine that was not.
    #[test]
    fn kills_change_nothing(
        steps in prop::collection::vec((0u32..4, 1u32..5, any::<bool>(), any::<bool>()), 1..25),
    ) {
        let mut ids = Vec::new();
        for kills in [false, true] {
            let mut world = World::new([Some(&h("a")), Some(""), Some(&plan("main", &[("US-1", false), ("US-2", false)]))]);
            for (what, story, in_log, kill) in &steps {
                let text = match what {
                    0 => s(*story),
                    1 => c(*story),
                    2 => f(*story),
                    _ => cat(&[s(*story), c(*story)]),
                };
                world.append(if *in_log { L } else { P }, &text).wait(0.3);
                if kills && *kill {
                    world.restart(0.0, |_| {});
                } else {
                    world.wait(0.5);
                }
            }
            ids.push(world.events.iter().map(|event| (event.seq, event.id)).collect::<Vec<_>>());
        }
        prop_assert_eq!(&ids[0], &ids[1]);
    }
}
