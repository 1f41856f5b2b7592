//! What must hold for any history: each fact's count exactly, one event per fact whichever source says it first.

use std::collections::HashMap;

use proptest::prelude::*;

use super::tests::{L, P, PLAN, World, c, cat, h, plan, s};
use crate::input::RereadReason;

#[derive(Debug, Clone)]
enum Step {
    Append(u32),
    Insert(usize, u32),
    Edit(usize, u32),
    Move(usize, usize),
    Delete(usize),
    Reformat,
    Save,
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 1..5u32;
    prop_oneof![
        4 => id.clone().prop_map(Step::Append),
        3 => (any::<usize>(), id.clone()).prop_map(|(at, id)| Step::Insert(at, id)),
        3 => (any::<usize>(), id).prop_map(|(at, id)| Step::Edit(at, id)),
        2 => any::<(usize, usize)>().prop_map(|(from, to)| Step::Move(from, to)),
        2 => any::<usize>().prop_map(Step::Delete),
        1 => Just(Step::Reformat),
        1 => Just(Step::Save),
        1 => Just(Step::Reset),
    ]
}

/// The rule in its shortest form: a rewrite is news by what exceeds the highest count so far; an append is news if it does, or if
/// the fact had been gone.
#[derive(Default)]
struct Rule {
    known: HashMap<u32, u32>,
    held: HashMap<u32, u32>,
    said: HashMap<u32, u32>,
}

impl Rule {
    fn append(&mut self, id: u32) {
        let (held, known) = (self.held.entry(id).or_default(), self.known.entry(id).or_default());
        let gone = *known > *held;
        *held += 1;
        if gone || *held > *known {
            *known += 1;
            *self.said.entry(id).or_default() += 1;
        }
    }

    fn rewrite(&mut self, lines: &[u32]) {
        self.held.clear();
        for id in lines {
            *self.held.entry(*id).or_default() += 1;
        }
        for (id, held) in &self.held {
            let known = self.known.entry(*id).or_default();
            *self.said.entry(*id).or_default() += held.saturating_sub(*known);
            *known = (*known).max(*held);
        }
    }
}

fn content(run: usize, lines: &[u32], mark: &str) -> String {
    let body: Vec<String> = lines.iter().map(|id| format!("{mark}{}", s(*id))).collect();
    cat(&[h(&format!("run {run}")), cat(&body)])
}

fn count(said: &[String]) -> HashMap<u32, u32> {
    let mut counts = HashMap::new();
    for one in said {
        let id = one.split(['-', ' ']).nth(2).unwrap().parse().unwrap();
        *counts.entry(id).or_default() += 1;
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_history_of_one_file_gives_each_count_exactly(steps in prop::collection::vec(step(), 1..30)) {
        let (mut run, mut mark) = (0, "");
        let mut lines = vec![1, 2, 3, 4, 1, 2];
        let mut rule = Rule::default();
        rule.rewrite(&lines);
        let mut world = World::new([Some(&content(run, &lines, mark)), None, None]);
        for step in steps {
            let before = lines.clone();
            match step {
                Step::Append(id) => lines.push(id),
                Step::Insert(at, id) => lines.insert(at % (lines.len() + 1), id),
                Step::Edit(at, id) if lines.len() > 3 => { let at = at % lines.len(); lines[at] = id; }
                Step::Move(from, to) if lines.len() > 1 => {
                    let line = lines.remove(from % lines.len());
                    lines.insert(to % (lines.len() + 1), line);
                }
                Step::Delete(at) if lines.len() > 3 => { lines.remove(at % lines.len()); }
                Step::Reformat => mark = if mark.is_empty() { "- " } else { "" },
                Step::Reset => { lines.clear(); run += 1; }
                Step::Edit(..) | Step::Move(..) | Step::Delete(_) | Step::Save => {}
            }
            if matches!(step, Step::Reset) {
                prop_assert_eq!(count(&world.said()), std::mem::take(&mut rule.said).into_iter().filter(|(_, n)| *n > 0).collect());
                rule = Rule::default();
            } else if lines.starts_with(&before) && !matches!(step, Step::Reformat) {
                lines[before.len()..].iter().for_each(|id| rule.append(*id));
            } else {
                rule.rewrite(&lines);
            }
            world.save(P, &content(run, &lines, mark), RereadReason::Replaced).wait(6.0);
        }
        prop_assert_eq!(count(&world.said()), rule.said.into_iter().filter(|(_, n)| *n > 0).collect());
    }

    #[test]
    fn any_interleaving_of_sources_gives_one_event_per_fact(turns in prop::collection::vec(0..3usize, 0..40), stories in 1..5u32) {
        let facts: Vec<String> = (1..=stories).flat_map(|id| [s(id), c(id)]).collect();
        let flags = |upto: usize| {
            let ids: Vec<String> = (1..=stories).map(|id| format!("US-{id}")).collect();
            plan("b", &ids.iter().enumerate().map(|(at, id)| (id.as_str(), at < upto)).collect::<Vec<_>>())
        };
        let mut world = World::new([Some(&h("a")), Some(""), Some(&flags(0))]);
        let mut told = [0, 0, 0];
        // Whoever has not had its turn by then says the rest at the end.
        let rest = (0..3).flat_map(|who| std::iter::repeat_n(who, facts.len()));
        for who in turns.into_iter().chain(rest) {
            let all = if who == PLAN { stories as usize } else { facts.len() };
            if told[who] < all {
                told[who] += 1;
                match who {
                    P | L => world.append(who, &facts[told[who] - 1]),
                    _ => world.save(PLAN, &flags(told[PLAN]), RereadReason::Replaced),
                };
                world.wait(0.3);
            }
        }
        let said = world.said();
        for id in 1..=stories {
            let places: Vec<usize> =
                said.iter().enumerate().filter(|(_, one)| one.contains(&format!("US-{id} "))).map(|(place, _)| place).collect();
            prop_assert_eq!(places.len(), 2, "{:?}", said);
            prop_assert!(said[places[0]].starts_with("start") && said[places[1]].starts_with("passed"), "{:?}", said);
        }
        prop_assert_eq!(said.iter().filter(|one| one.starts_with("end")).count(), 1, "{:?}", said);
        prop_assert_eq!(said.len(), 2 * stories as usize + 1);
    }
}
