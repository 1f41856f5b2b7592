//! The tasks of a fleet as one state: what wants a look first, 200 at most, each from its card; the first ones whole.
//!
//! A card is as old as the server's clock says, so the clocks of the bridges do not matter.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::clock::Timestamp;
use crate::event::{SCHEMA, Seq};
use crate::fleet::card::Card;
use crate::fleet::names::{SubjectToken, TaskOrigin};
use crate::model::state::{
    Attention, AttentionKind, CurrentStory, FileCounts, Headline, Remaining, State, TaskState, TaskStatus, Unlisted,
};

/// As many tasks as a state lists.
const LISTED: usize = 200;
/// Tasks of one bridge: whatever it sends, it takes no more of a hub's memory.
const TASKS_PER_BRIDGE: usize = 1_000;
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
        self.ordered(now).into_iter().take(limit).map(|(origin, dated)| (origin.clone(), dated.taken_at)).collect()
    }

    /// The fleet as a state. `now` is the server's time; `wholes` has the tasks that are shown with everything.
    pub fn state(&self, now: Timestamp, seq: Seq, wholes: &HashMap<TaskOrigin, TaskState>) -> State {
        let ordered = self.ordered(now);
        let mut unlisted = Unlisted::default();
        for (_, dated) in ordered.iter().skip(LISTED) {
            match dated.card.status {
                TaskStatus::Ended | TaskStatus::Passed | TaskStatus::Failed => unlisted.finished += 1,
                TaskStatus::Planned | TaskStatus::Waiting => unlisted.planned += 1,
                TaskStatus::Running => unlisted.left_out += 1,
            }
        }
        let tasks = ordered.into_iter().take(LISTED).map(|(origin, dated)| dated.task(origin, wholes.get(origin), now)).collect();
        let unlisted = (unlisted != Unlisted::default()).then_some(unlisted);
        State { schema: SCHEMA, server_time: now, seq, tasks, unlisted, notices: Vec::new(), files: FileCounts::default() }
    }

    fn ordered(&self, now: Timestamp) -> Vec<(&TaskOrigin, &DatedCard)> {
        let mut ordered: Vec<_> = self.cards.iter().collect();
        ordered.sort_by_cached_key(|(origin, dated)| (dated.rank(now), Reverse(dated.card.last_activity_at), (*origin).clone()));
        ordered
    }
}

impl DatedCard {
    /// Failed ones first, then those that want a person, the quiet and the running ones.
    fn rank(&self, now: Timestamp) -> usize {
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
        let headline = Headline::of(self.card.status, self.attention(now).map(|attention| attention.kind));
        ORDER.iter().position(|known| *known == headline).unwrap_or(ORDER.len())
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
            return Some(silent("its bridge has not been heard from"));
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
            Some([p10, p50, p90]) => {
                let minutes = |secs: u64| format!("{}m", secs.div_ceil(60));
                let text = format!("~{} left ({}–{})", minutes(p50), minutes(p10), minutes(p90));
                Remaining::Range { p10, p50, p90, basis: "its bridge".into(), samples: 0, rough: false, text: text.into() }
            }
            None => Remaining::Unknown { reason: "not known".into() },
        };
        let current_story = match &self.story {
            Some(story) => CurrentStory::Unknown { reason: story.clone() },
            None => CurrentStory::None,
        };
        TaskState {
            task_id: origin.text(),
            task_name: self.title.clone(),
            qualifier: Some(origin.text()),
            folder: self.task_id.clone(),
            root: PathBuf::new(),
            run: self.run.clone(),
            branch: None,
            listed: true,
            status: self.status,
            attention: None,
            end_reason: None,
            started_at: None,
            started_precision: None,
            started_source: None,
            finished_at: None,
            finished_precision: None,
            duration_ms: None,
            last_activity_at: self.last_activity_at,
            last_activity_path: None,
            story_count: self.total,
            stories_passed: self.passed,
            stories_failed: self.failed,
            stories_blocked: 0,
            stories_dropped: 0,
            percent,
            plan_change: None,
            groups: Vec::new(),
            stories: Vec::new(),
            unplanned: Vec::new(),
            current_story,
            terminal_line: None,
            iteration: None,
            max_iterations: None,
            agents: Vec::new(),
            remaining,
            first_guess: None,
            usual_story: None,
            history: Vec::new(),
            runs: Vec::new(),
            errors: 0,
            retries: 0,
            last_error: None,
            sources: Vec::new(),
            sources_left_out: 0,
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

    fn headlines(view: &FleetView) -> Vec<(String, Headline)> {
        let state = view.state(NOW, Seq(7), &HashMap::new());
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
        let state = view.state(NOW, Seq(0), &HashMap::new());
        assert_eq!(state.tasks.len(), LISTED);
        assert_eq!(state.unlisted, Some(Unlisted { finished: 20, planned: 0, left_out: 10 }));
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
        let shown = view.state(NOW, Seq(0), &wholes).tasks.remove(0);
        assert_eq!((&*shown.task_id, shown.stories.len()), ("alice/auth", task.stories.len()));
        // By its card alone it is the same task, without its stories.
        let short = view.state(NOW, Seq(0), &HashMap::new()).tasks.remove(0);
        assert_eq!((short.percent, short.stories_passed, short.stories.len()), (task.percent, task.stories_passed, 0));
        // A whole state that is older than the card is not shown.
        view.update(origin("alice", "auth"), card(&sample::passed(), true), NOW).expect("there are few");
        assert_eq!(view.state(NOW, Seq(0), &wholes).tasks[0].headline(), Headline::Passed);
    }
}
