//! A log that goes through the plan's stories more than once: where its last pass begins.
//!
//! Plans are replaced and use the ids of the old one again; the log goes on. What it said before its last pass it said of another plan.
//! Looks at names only, of what was there at the start; a change while we watch is a new run, and `ledger`'s to see.

use std::collections::{HashMap, HashSet};

use crate::fact::{Fact, Outcome, Statement};
use crate::plan::Plan;

/// The line where the last pass begins; 0 when there is only one.
pub(super) fn last<'f>(facts: impl Iterator<Item = &'f Fact>, plan: &Plan) -> u32 {
    let planned = plan.stories.iter().enumerate().filter_map(|(place, story)| Some((story.id.as_ref()?.to_lowercase(), place)));
    let places: HashMap<String, usize> = planned.collect();
    let told: Vec<(u32, usize)> = facts.filter_map(|fact| Some((fact.line, *places.get(&passed(fact)?)?))).collect();
    let mut seen: HashSet<usize> = HashSet::new();
    let mut lowest: Option<usize> = None;
    let mut begins = 0;
    for (nth, (line, story)) in told.iter().enumerate() {
        // A story done again is that. The first story and then the next one, both done again, is the plan gone through again.
        let first = lowest.is_none_or(|lowest| lowest >= *story);
        let follows = told.get(nth + 1).is_some_and(|(_, next)| next != story && seen.contains(next));
        if seen.contains(story) && first && follows {
            begins = *line;
            seen.clear();
            lowest = None;
        }
        seen.insert(*story);
        lowest = Some(lowest.map_or(*story, |lowest| lowest.min(*story)));
    }
    begins
}

/// The id of the story that a fact says was passed.
fn passed(fact: &Fact) -> Option<String> {
    let passed = matches!(&fact.statement, Statement::StoryEnded { outcome: Outcome::Passed, .. });
    fact.story.as_ref().filter(|_| passed)?.id.as_deref().map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Provenance, StatementForm, StoryName, entry_hash};
    use crate::plan::PlanStory;

    fn check(told: &[&str], expected: u32) {
        let stories = (1..=5).map(|n| PlanStory { id: Some(format!("US-{n}")), ..PlanStory::default() }).collect();
        let plan = Plan { stories, ..Plan::default() };
        let fact = |(line, id): (u32, &&str)| Fact {
            statement: Statement::StoryEnded { outcome: Outcome::Passed, duration_ms: None, commits: Vec::new() },
            story: Some(StoryName { id: Some((*id).to_owned()), title: None }),
            form: StatementForm::Entry,
            provenance: Provenance::Explicit,
            line,
            text: "".into(),
            entry_hash: entry_hash(""),
            recorded_at: None,
        };
        let facts: Vec<Fact> = (1..).zip(told).map(fact).collect();
        assert_eq!(last(facts.iter(), &plan), expected, "{told:?}");
    }

    #[test]
    fn only_going_through_again_is_a_pass() {
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
