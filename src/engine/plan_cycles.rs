//! A log that goes through the stories of the plan more than once: the line where its last cycle begins.
//!
//! A new plan often uses the ids of the old one again while the log goes on: the facts before the last cycle belong to earlier plans.
//! Compares names only, in what was there at the start; while a log is watched, `ledger` detects new runs.

use std::collections::{HashMap, HashSet};

use crate::fact::{Fact, Outcome, Statement};
use crate::plan::Plan;

/// The line where the last cycle begins; 0 when there is only one.
pub(super) fn last_cycle_start<'f>(facts: impl Iterator<Item = &'f Fact>, plan: &Plan) -> u32 {
    let planned = plan.stories.iter().enumerate().filter_map(|(index, story)| Some((story.id.as_ref()?.to_lowercase(), index)));
    let index_by_id: HashMap<String, usize> = planned.collect();
    let passes: Vec<(u32, usize)> = facts.filter_map(|fact| Some((fact.line, *index_by_id.get(&passed_id(fact)?)?))).collect();
    let mut since_start: HashSet<usize> = HashSet::new();
    let mut lowest: Option<usize> = None;
    let mut start = 0;
    for (nth, (line, story)) in passes.iter().enumerate() {
        // One story that passes again is no cycle. The first story and then the next one, both passing again, are.
        let is_first = lowest.is_none_or(|lowest| lowest >= *story);
        let next_passes_again = passes.get(nth + 1).is_some_and(|(_, next)| next != story && since_start.contains(next));
        if since_start.contains(story) && is_first && next_passes_again {
            start = *line;
            since_start.clear();
            lowest = None;
        }
        since_start.insert(*story);
        lowest = Some(lowest.map_or(*story, |lowest| lowest.min(*story)));
    }
    start
}

/// The written id of the story that the fact states as passed.
fn passed_id(fact: &Fact) -> Option<String> {
    let passed = matches!(&fact.statement, Statement::StoryEnded { outcome: Outcome::Passed, .. });
    fact.story.as_ref().filter(|_| passed)?.id.as_deref().map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Provenance, StatementForm, StoryName, entry_hash};
    use crate::plan::PlanStory;

    fn check(ids: &[&str], expected: u32) {
        let stories = (1..=5).map(|n| PlanStory { id: Some(format!("US-{n}").into()), ..PlanStory::default() }.into()).collect();
        let plan = Plan { stories, ..Plan::default() };
        let fact = |(line, id): (u32, &&str)| Fact {
            statement: Statement::StoryEnded { outcome: Outcome::Passed, duration_ms: None, commits: Vec::new() },
            story: Some(StoryName::of_id(id)),
            form: StatementForm::Entry,
            provenance: Provenance::Explicit,
            line,
            text: "".into(),
            entry_hash: entry_hash(""),
            recorded_at: None,
            late: false,
        };
        let facts: Vec<Fact> = (1..).zip(ids).map(fact).collect();
        assert_eq!(last_cycle_start(facts.iter(), &plan), expected, "{ids:?}");
    }

    #[test]
    fn only_a_second_round_from_the_first_story_is_a_cycle() {
        check(&["US-1", "US-2", "US-3"], 0);
        check(&["US-1", "US-2", "US-3", "US-1", "US-2"], 4);
        check(&["US-1", "US-2", "us-1", "us-2", "US-1", "US-2", "US-3"], 5);
        check(&["US-1", "US-2", "US-1", "US-3"], 0);
        check(&["US-1", "US-2", "US-3", "US-3", "US-2"], 0);
        check(&["US-1", "US-1", "US-1"], 0);
        check(&["X-1", "X-2", "X-1", "X-2"], 0);
        check(&[], 0);
    }
}
