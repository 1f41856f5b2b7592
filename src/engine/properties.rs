//! What must hold for any history: each fact's count exactly, one event per fact, whichever source states it first.

use std::collections::HashMap;

use proptest::prelude::*;

use super::tests::{L, P, PLAN, Scenario, c, cat, h, plan, s};
use crate::file_change::RereadReason;

#[derive(Debug, Clone)]
enum HistoryStep {
    Append(u32),
    Insert(usize, u32),
    Edit(usize, u32),
    Move(usize, usize),
    Delete(usize),
    Reformat,
    Save,
    Reset,
}

fn step() -> impl Strategy<Value = HistoryStep> {
    let id = 1..5u32;
    prop_oneof![
        4 => id.clone().prop_map(HistoryStep::Append),
        3 => (any::<usize>(), id.clone()).prop_map(|(at, id)| HistoryStep::Insert(at, id)),
        3 => (any::<usize>(), id).prop_map(|(at, id)| HistoryStep::Edit(at, id)),
        2 => any::<(usize, usize)>().prop_map(|(from, to)| HistoryStep::Move(from, to)),
        2 => any::<usize>().prop_map(HistoryStep::Delete),
        1 => Just(HistoryStep::Reformat),
        1 => Just(HistoryStep::Save),
        1 => Just(HistoryStep::Reset),
    ]
}

/// The rule in its shortest form: a rewrite is news by what exceeds the highest count so far; an append is news if it does, or if
/// the fact had been gone.
#[derive(Default)]
struct ReferenceRule {
    known: HashMap<u32, u32>,
    held: HashMap<u32, u32>,
    emitted: HashMap<u32, u32>,
}

impl ReferenceRule {
    fn append(&mut self, id: u32) {
        let (held, known) = (self.held.entry(id).or_default(), self.known.entry(id).or_default());
        let gone = *known > *held;
        *held += 1;
        if gone || *held > *known {
            *known += 1;
            *self.emitted.entry(id).or_default() += 1;
        }
    }

    fn rewrite(&mut self, lines: &[u32]) {
        self.held.clear();
        for id in lines {
            *self.held.entry(*id).or_default() += 1;
        }
        for (id, held) in &self.held {
            let known = self.known.entry(*id).or_default();
            *self.emitted.entry(*id).or_default() += held.saturating_sub(*known);
            *known = (*known).max(*held);
        }
    }
}

fn content(run: usize, lines: &[u32], mark: &str) -> String {
    let body: Vec<String> = lines.iter().map(|id| format!("{mark}{}", s(*id))).collect();
    cat(&[h(&format!("run {run}")), cat(&body)])
}

fn count(emitted: &[String]) -> HashMap<u32, u32> {
    let mut counts = HashMap::new();
    for one in emitted {
        let id = one.split(['-', ' ']).nth(2).unwrap().parse().unwrap();
        *counts.entry(id).or_default() += 1;
    }
    counts
}

proptest! {
    #![proptest_config(crate::property::config(200))]

    #[test]
    fn any_history_of_one_file_gives_each_count_exactly(steps in prop::collection::vec(step(), 1..30)) {
        let (mut run, mut mark) = (0, "");
        let mut lines = vec![1, 2, 3, 4, 1, 2];
        let mut rule = ReferenceRule::default();
        rule.rewrite(&lines);
        let mut scenario = Scenario::new([Some(&content(run, &lines, mark)), None, None]);
        for step in steps {
            let before = lines.clone();
            match step {
                HistoryStep::Append(id) => lines.push(id),
                HistoryStep::Insert(at, id) => lines.insert(at % (lines.len() + 1), id),
                HistoryStep::Edit(at, id) if lines.len() > 3 => { let at = at % lines.len(); lines[at] = id; }
                HistoryStep::Move(from, to) if lines.len() > 1 => {
                    let line = lines.remove(from % lines.len());
                    lines.insert(to % (lines.len() + 1), line);
                }
                HistoryStep::Delete(at) if lines.len() > 3 => { lines.remove(at % lines.len()); }
                HistoryStep::Reformat => mark = if mark.is_empty() { "- " } else { "" },
                HistoryStep::Reset => { lines.clear(); run += 1; }
                HistoryStep::Edit(..) | HistoryStep::Move(..) | HistoryStep::Delete(_) | HistoryStep::Save => {}
            }
            if matches!(step, HistoryStep::Reset) {
                prop_assert_eq!(count(&scenario.emitted()), std::mem::take(&mut rule.emitted).into_iter().filter(|(_, n)| *n > 0).collect());
                rule = ReferenceRule::default();
            } else if lines.starts_with(&before) && !matches!(step, HistoryStep::Reformat) {
                lines[before.len()..].iter().for_each(|id| rule.append(*id));
            } else {
                rule.rewrite(&lines);
            }
            scenario.save(P, &content(run, &lines, mark), RereadReason::Replaced).wait(6.0);
        }
        prop_assert_eq!(count(&scenario.emitted()), rule.emitted.into_iter().filter(|(_, n)| *n > 0).collect());
    }

    #[test]
    fn any_interleaving_of_sources_gives_one_event_per_fact(turns in prop::collection::vec(0..3usize, 0..40), stories in 1..5u32) {
        let facts: Vec<String> = (1..=stories).flat_map(|id| [s(id), c(id)]).collect();
        let flags = |upto: usize| {
            let ids: Vec<String> = (1..=stories).map(|id| format!("US-{id}")).collect();
            plan("b", &ids.iter().enumerate().map(|(at, id)| (id.as_str(), at < upto)).collect::<Vec<_>>())
        };
        let mut scenario = Scenario::new([Some(&h("a")), Some(""), Some(&flags(0))]);
        let mut stated = [0, 0, 0];
        // A source that has not had its turns by then takes them at the end.
        let partial = (0..3).flat_map(|who| std::iter::repeat_n(who, facts.len()));
        for who in turns.into_iter().chain(partial) {
            let all = if who == PLAN { stories as usize } else { facts.len() };
            if stated[who] < all {
                stated[who] += 1;
                match who {
                    P | L => scenario.append(who, &facts[stated[who] - 1]),
                    _ => scenario.save(PLAN, &flags(stated[PLAN]), RereadReason::Replaced),
                };
                scenario.wait(0.3);
            }
        }
        let emitted = scenario.emitted();
        for id in 1..=stories {
            let positions: Vec<usize> =
                emitted.iter().enumerate().filter(|(_, one)| one.contains(&format!("US-{id} "))).map(|(position, _)| position).collect();
            prop_assert_eq!(positions.len(), 2, "{:?}", emitted);
            prop_assert!(emitted[positions[0]].starts_with("start") && emitted[positions[1]].starts_with("passed"), "{:?}", emitted);
        }
        prop_assert_eq!(emitted.iter().filter(|one| one.starts_with("end")).count(), 1, "{:?}", emitted);
        prop_assert_eq!(emitted.len(), 2 * stories as usize + 1);
    }
}

proptest! {
    // Each case is read at every pause: fewer do.
    #![proptest_config(crate::property::config(50))]

    #[test]
    fn any_order_of_ticks_and_saves_gives_each_flip_of_a_plan_once(
        steps in prop::collection::vec((0..5usize, 0..4u8, prop_oneof![Just(0.0), Just(0.1), Just(0.3), Just(2.0)]), 1..40),
    ) {
        let document = |statuses: &[u8; 5]| {
            let stories: Vec<_> = statuses.iter().enumerate().map(|(at, status)| {
                let word = ["open", "in_progress", "done", "failed", "deferred"][usize::from(*status)];
                serde_json::json!({"id": format!("US-{at}"), "status": word})
            }).collect();
            serde_json::json!({"branchName": "b", "userStories": stories}).to_string()
        };
        // What it will have been: open, under way, passed; the last story is put off.
        let mut statuses = [0, 0, 0, 0, 4];
        let mut highest = statuses;
        let mut scenario = Scenario::new([None, None, Some(&document(&statuses))]);
        prop_assert_eq!(scenario.emitted(), [""; 0]);
        for (story, step, pause) in steps {
            let text = match step {
                // Forwards, one story.
                0 | 1 if story < 4 => {
                    statuses[story] = (statuses[story] + 1).min(2);
                    highest[story] = statuses[story];
                    document(&statuses)
                }
                // Half written: the last good one stands.
                2 => document(&statuses)[..40].to_owned(),
                _ => document(&statuses),
            };
            scenario.save(PLAN, &text, RereadReason::Replaced).wait(pause);
            for task in &scenario.state().tasks {
                let total = task.story_count.unwrap_or(0);
                prop_assert!(task.stories_passed <= total && total <= 4, "{}/{}", task.stories_passed, total);
                prop_assert!(task.groups.iter().all(|group| group.stories_passed <= group.story_count));
            }
        }
        scenario.save(PLAN, &document(&statuses), RereadReason::Replaced).wait(5.0);
        let emitted = scenario.emitted();
        for (at, status) in highest.iter().enumerate().take(4) {
            let count = |what: &str| emitted.iter().filter(|one| one.starts_with(&format!("{what} US-{at} "))).count();
            prop_assert_eq!((count("start"), count("passed")), (usize::from(*status > 0), usize::from(*status > 1)), "{} {:?}", at, emitted);
        }
        // A save without a change.
        scenario.save(PLAN, &(document(&statuses) + "\n"), RereadReason::Replaced).wait(5.0);
        prop_assert_eq!(scenario.emitted(), [""; 0]);
    }
}
