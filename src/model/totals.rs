//! How many stories count and how many of them have passed: every completion says it, so it is kept and not counted anew each time.

use crate::clock::Timestamp;
use crate::model::state::StoryStatus;
use crate::model::story::Story;

/// Sums over the stories of a task: of the plan's, and of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    planned: StorySums,
    unplanned: StorySums,
    /// When the plan was last read that called stories passed which no fact has yet.
    flagged_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct StorySums {
    stories: u32,
    /// Neither put off nor given up.
    counted: u32,
    passed: u32,
    /// Passed by the plan as read at `flagged_at` and by no fact.
    flagged: u32,
}

impl Totals {
    pub(super) fn of(stories: &[Story]) -> Totals {
        Totals::flagged_at(stories, stories.iter().filter_map(|story| story.extras().flagged_at).max())
    }

    fn flagged_at(stories: &[Story], flagged_at: Option<Timestamp>) -> Totals {
        let mut totals = Totals { flagged_at, ..Totals::default() };
        stories.iter().for_each(|story| totals.add(story));
        totals
    }

    /// Whether these are the sums over `stories`. For assertions: it counts them.
    pub(super) fn fit(&self, stories: &[Story]) -> bool {
        *self == Totals::flagged_at(stories, self.flagged_at)
    }

    pub(super) fn add(&mut self, story: &Story) {
        let part = self.part(story);
        let sums = self.sums_of(story);
        sums.stories += part.stories;
        sums.counted += part.counted;
        sums.passed += part.passed;
        sums.flagged += part.flagged;
    }

    /// Takes out a story as it was added.
    pub(super) fn remove(&mut self, story: &Story) {
        let part = self.part(story);
        let sums = self.sums_of(story);
        sums.stories -= part.stories;
        sums.counted -= part.counted;
        sums.passed -= part.passed;
        sums.flagged -= part.flagged;
    }

    /// Stories of the plan that count.
    pub(super) fn planned(&self) -> u32 {
        self.planned.counted
    }

    /// How many stories that count have passed, without those that the plan as read at `now` calls passed and no fact does.
    pub(super) fn passed_by_facts(&self, now: Timestamp) -> u32 {
        let sums = if self.planned.stories > 0 { &self.planned } else { &self.unplanned };
        sums.passed - if self.flagged_at == Some(now) { sums.flagged } else { 0 }
    }

    fn sums_of(&mut self, story: &Story) -> &mut StorySums {
        if story.in_plan { &mut self.planned } else { &mut self.unplanned }
    }

    fn part(&self, story: &Story) -> StorySums {
        let has_passed = story.status() == StoryStatus::Passed;
        let is_flagged = has_passed && story.extras().flagged_at.is_some() && story.extras().flagged_at == self.flagged_at;
        StorySums { stories: 1, counted: story.is_counted().into(), passed: has_passed.into(), flagged: is_flagged.into() }
    }
}
