//! The tasks of a fleet as one state: what wants a look first, 200 at most, each from its card; the first ones whole.
//!
//! A card is as old as the server's clock says, so the clocks of the bridges do not matter.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::clock::Timestamp;
use crate::estimate;
use crate::event::{SCHEMA, Seq};
use crate::fleet::card::Card;
use crate::fleet::names::{SubjectToken, TaskOrigin};
use crate::model::state::{
    Attention, AttentionKind, CurrentStory, FileCounts, Headline, Remaining, State, TaskQuery, TaskState, TaskStatus, Unlisted,
};

/// As many tasks as a state lists.
const LISTED: usize = 200;
/// Tasks of one bridge: whatever it sends, it takes no more of a hub's memory.
pub(super) const TASKS_PER_BRIDGE: usize = 1_000;
/// A bridge sends a card every 15 s while a task runs: after three, something is wrong.
const SILENT_AFTER_MS: u64 = 45_000;

/// The newest card of every task.
#[derive(Debug, Default)]
pub struct FleetView {
    cards: BTreeMap<TaskOrigin, DatedCard>,
    tasks_of: HashMap<SubjectToken, usize>,
}

#[derive(Debug, Clone)]
struct DatedCard {
    card: Card,
    /// When the server took it.
    taken_at: Timestamp,
}

/// The bridge has more tasks than are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyTasks;

impl FleetView {
    pub fn update(&mut self, origin: TaskOrigin, card: Card, taken_at: Timestamp) -> Result<(), TooManyTasks> {
        if let Some(known) = self.cards.get_mut(&origin) {
            *known = DatedCard { card, taken_at };
            return Ok(());
        }
        let count = self.tasks_of.entry(origin.who.clone()).or_default();
        if *count >= TASKS_PER_BRIDGE {
            return Err(TooManyTasks);
        }
        *count += 1;
        self.cards.insert(origin, DatedCard { card, taken_at });
        Ok(())
    }

    /// The first `limit` tasks in the order of [`FleetView::state`], and when their cards were taken.
    pub fn first(&self, limit: usize, now: Timestamp) -> Vec<(TaskOrigin, Timestamp)> {
        let first = first_of(self.ranked(now), limit).0;
        first.into_iter().map(|ranked| (ranked.origin.clone(), ranked.dated.taken_at)).collect()
    }

    /// When the card of this task was taken.
    pub fn taken_at(&self, origin: &TaskOrigin) -> Option<Timestamp> {
        self.cards.get(origin).map(|dated| dated.taken_at)
    }

    /// The tasks that are wanted, as a state. `now` is the server's time; `whole` has the tasks that are shown with everything.
    pub fn state<'a>(&self, query: &TaskQuery, now: Timestamp, seq: Seq, whole: impl Fn(&TaskOrigin) -> Option<&'a TaskState>) -> State {
        let (listed, others) = first_of(self.ranked(now).filter(|ranked| ranked.is_wanted(query)), LISTED);
        let mut unlisted = Unlisted::default();
        for ranked in others {
            match ranked.dated.card.status {
                TaskStatus::Ended | TaskStatus::Passed | TaskStatus::Failed => unlisted.finished += 1,
                TaskStatus::Planned | TaskStatus::Waiting => unlisted.planned += 1,
                TaskStatus::Running => unlisted.left_out += 1,
            }
        }
        let tasks = listed.into_iter().map(|ranked| ranked.dated.task(ranked.origin, whole(ranked.origin), now)).collect();
        let unlisted = (unlisted != Unlisted::default()).then_some(unlisted);
        State { schema: SCHEMA, server_time: now, seq, tasks, unlisted, notices: Vec::new(), files: FileCounts::default() }
    }

    fn ranked(&self, now: Timestamp) -> impl Iterator<Item = RankedTask<'_>> {
        self.cards.iter().map(move |(origin, dated)| RankedTask { headline: dated.headline(now), origin, dated })
    }
}

/// A task with its place in the order, which is worked out once.
#[derive(Clone, Copy)]
struct RankedTask<'a> {
    headline: Headline,
    origin: &'a TaskOrigin,
    dated: &'a DatedCard,
}

impl<'a> RankedTask<'a> {
    /// Failed ones first, then those that want a person, the quiet and the running ones; of these, what moved last.
    fn key(&self) -> (usize, Reverse<Option<Timestamp>>, &'a TaskOrigin) {
        const ORDER: [Headline; 8] = [
            Headline::Failed,
            Headline::NeedsYou,
            Headline::Quiet,
            Headline::Running,
            Headline::Ended,
            Headline::Waiting,
            Headline::Planned,
            Headline::Passed,
        ];
        let rank = ORDER.iter().position(|known| *known == self.headline).unwrap_or(ORDER.len());
        (rank, Reverse(self.dated.card.last_activity_at), self.origin)
    }

    fn is_wanted(&self, query: &TaskQuery) -> bool {
        let card = &self.dated.card;
        let story = card.story.as_deref().unwrap_or_default();
        // Every task has an id, and making it of each costs more than all that is asked of most.
        query.is_open() || query.matches(&self.origin.text(), self.headline, &[&card.title, &card.task_id, &card.run, story])
    }
}

/// The first `limit` in order, and the others in none: sorting all of ten thousand would take ten times as long.
fn first_of<'a>(tasks: impl Iterator<Item = RankedTask<'a>>, limit: usize) -> (Vec<RankedTask<'a>>, Vec<RankedTask<'a>>) {
    let mut first: Vec<RankedTask<'a>> = tasks.collect();
    let mut others = Vec::new();
    if first.len() > limit {
        first.select_nth_unstable_by(limit, |one, other| one.key().cmp(&other.key()));
        others = first.split_off(limit);
    }
    first.sort_unstable_by(|one, other| one.key().cmp(&other.key()));
    (first, others)
}

impl DatedCard {
    fn headline(&self, now: Timestamp) -> Headline {
        Headline::of(self.card.status, self.attention(now).map(|attention| attention.kind))
    }

    /// What the bridge says of it, unless the bridge itself is not heard from.
    fn attention(&self, now: Timestamp) -> Option<Attention> {
        if self.card.status != TaskStatus::Running {
            return None;
        }
        let silent = |reason: &str| Attention { kind: AttentionKind::Quiet, reason: reason.into(), since: self.taken_at };
        if !self.card.live {
            return Some(silent("its bridge has ended"));
        }
        if now.since(self.taken_at).is_some_and(|age| age > SILENT_AFTER_MS) {
            return Some(silent("its bridge is not heard from"));
        }
        let kind = self.card.attention?;
        let reason = match kind {
            AttentionKind::Quiet => "no sign of life for longer than usual",
            AttentionKind::NeedsYou => "a person must do something: open the task",
        };
        Some(Attention { kind, reason: reason.into(), since: self.card.last_activity_at.unwrap_or(self.taken_at) })
    }

    fn task(&self, origin: &TaskOrigin, whole: Option<&TaskState>, now: Timestamp) -> TaskState {
        let silence = self.attention(now);
        match whole {
            Some(whole) if whole.status == self.card.status => {
                // The whole state has the reason in the bridge's own words.
                let own = whole.attention.clone().filter(|_| self.card.live && silence.as_ref().map(|a| a.kind) == self.card.attention);
                TaskState { task_id: origin.text(), qualifier: Some(origin.text()), attention: own.or(silence), ..whole.clone() }
            }
            Some(_) | None => TaskState { attention: silence, ..self.card.task(origin) },
        }
    }
}

impl Card {
    /// The task as far as the card goes.
    fn task(&self, origin: &TaskOrigin) -> TaskState {
        let percent = self.total.filter(|total| *total > 0).map(|total| {
            let whole = u64::from(self.passed) * 100 / u64::from(total);
            u8::try_from(if self.status == TaskStatus::Passed { 100 } else { whole.min(99) }).unwrap_or(99)
        });
        let remaining = match self.remaining {
            Some(percentiles) => estimate::remaining_range(percentiles, "its bridge".into(), 0),
            None => Remaining::Unknown { reason: "not known".into() },
        };
        let current_story = match &self.story {
            Some(story) => CurrentStory::Unknown { reason: story.clone() },
            None => CurrentStory::None,
        };
        TaskState {
            qualifier: Some(origin.text()),
            folder: self.task_id.clone(),
            run: self.run.clone(),
            status: self.status,
            last_activity_at: self.last_activity_at,
            story_count: self.total,
            stories_passed: self.passed,
            stories_failed: self.failed,
            percent,
            current_story,
            remaining,
            ..TaskState::waiting(origin.text(), self.title.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::card::DeliveryStatus;
    use crate::output::sample;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn origin(who: &str, task: &str) -> TaskOrigin {
        TaskOrigin { who: SubjectToken::new(who), task: SubjectToken::new(task) }
    }

    fn card(task: &TaskState, live: bool) -> Card {
        Card::new(task, DeliveryStatus { sent_at: NOW, live, lost: 0, last: None })
    }

    fn state_of(view: &FleetView, query: &TaskQuery) -> State {
        view.state(query, NOW, Seq(7), |_| None)
    }

    fn headlines(view: &FleetView) -> Vec<(String, Headline)> {
        let state = state_of(view, &TaskQuery::default());
        state.tasks.iter().map(|task| (task.task_id.to_string(), task.headline())).collect()
    }

    #[test]
    fn what_needs_attention_comes_first() {
        let mut view = FleetView::default();
        let mut add = |name: &str, card: Card, age: i64| {
            view.update(origin("alice", name), card, Timestamp(NOW.0 - age)).expect("there are few");
        };
        add("passed", card(&sample::passed(), true), 0);
        add("running", card(&sample::running(), true), 44_000);
        add("silent", card(&sample::running(), true), 46_000);
        add("ended", card(&sample::running(), false), 0);
        add("failed", card(&sample::failed(), true), 3_600_000);
        let expected = [
            ("alice/failed", Headline::Failed),
            ("alice/ended", Headline::Quiet),
            ("alice/silent", Headline::Quiet),
            ("alice/running", Headline::Running),
            ("alice/passed", Headline::Passed),
        ];
        assert_eq!(headlines(&view), expected.map(|(name, headline)| (name.to_owned(), headline)));
    }

    #[test]
    fn what_is_beyond_the_list_is_counted() {
        let mut view = FleetView::default();
        for n in 0..LISTED + 30 {
            let task = if n < 20 { sample::passed() } else { sample::running() };
            view.update(origin(&format!("bridge{n}"), "t"), card(&task, true), NOW).expect("there are few");
        }
        let state = state_of(&view, &TaskQuery::default());
        assert_eq!(state.tasks.len(), LISTED);
        assert_eq!(state.unlisted, Some(Unlisted { finished: 20, planned: 0, left_out: 10 }));
    }

    #[test]
    fn what_is_wanted_is_found_beyond_the_list() {
        let mut view = FleetView::default();
        for n in 0..LISTED * 2 {
            let task = if n % 2 == 0 { sample::passed() } else { sample::running() };
            view.update(origin(&format!("bridge{}", n % 4), &format!("t{n}")), card(&task, true), NOW).expect("there are few");
        }
        let ids = |query: TaskQuery| -> Vec<String> { state_of(&view, &query).tasks.iter().map(|task| task.task_id.to_string()).collect() };
        // Running ones fill the list; this one has passed.
        assert_eq!(ids(TaskQuery::of_id("bridge0/t396")), ["bridge0/t396"]);
        assert_eq!(ids(TaskQuery { words: vec!["/t39".to_owned()], ..TaskQuery::default() }).len(), 11);
        let of_bridge = ids(TaskQuery { who: Some("bridge1".to_owned()), ..TaskQuery::default() });
        assert!(of_bridge.len() == LISTED / 2 && of_bridge.iter().all(|id| id.starts_with("bridge1/")), "{of_bridge:?}");
        let passed = state_of(&view, &TaskQuery { headlines: vec![Headline::Passed], ..TaskQuery::default() });
        assert_eq!((passed.tasks.len(), passed.unlisted), (LISTED, None));
    }

    #[test]
    fn one_bridge_cannot_fill_a_hub() {
        let mut view = FleetView::default();
        let running = card(&sample::running(), true);
        let mut add = |who: &str, n: usize| view.update(origin(who, &n.to_string()), running.clone(), NOW);
        assert!((0..TASKS_PER_BRIDGE).all(|n| add("mallory", n).is_ok()));
        assert_eq!((add("mallory", TASKS_PER_BRIDGE), add("mallory", 5), add("alice", 1)), (Err(TooManyTasks), Ok(()), Ok(())));
    }

    #[test]
    fn a_whole_task_keeps_its_stories_and_takes_the_fleets_name() {
        let mut view = FleetView::default();
        let task = sample::running();
        view.update(origin("alice", "auth"), card(&task, true), NOW).expect("there are few");
        let wholes = HashMap::from([(origin("alice", "auth"), task.clone())]);
        let all = TaskQuery::default();
        let whole = |origin: &TaskOrigin| wholes.get(origin);
        let shown = view.state(&all, NOW, Seq(0), whole).tasks.remove(0);
        assert_eq!((&*shown.task_id, shown.stories.len()), ("alice/auth", task.stories.len()));
        // By its card alone it is the same task, without its stories.
        let short = state_of(&view, &all).tasks.remove(0);
        assert_eq!((short.percent, short.stories_passed, short.stories.len()), (task.percent, task.stories_passed, 0));
        // A whole state that is older than the card is not shown.
        view.update(origin("alice", "auth"), card(&sample::passed(), true), NOW).expect("there are few");
        assert_eq!(view.state(&all, NOW, Seq(0), whole).tasks[0].headline(), Headline::Passed);
    }
}
