//! What the engine keeps of a task beside its events: a card of at most 512 bytes, and the state with this task alone.
//!
//! Both are last values: a reader gets the newest one only. The card is the heartbeat, too.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{EventId, Seq};
use crate::model::agent::AgentLevel;
use crate::model::state::{AttentionKind, CurrentStory, FileCounts, Remaining, State, StoryState, StoryStatus, TaskState, TaskStatus};
use crate::text::{CleanText, shortened};

/// Longest card in bytes of JSON: 10,000 of them are 5 MB.
const CARD_BYTES: usize = 512;
/// Longest state in bytes of JSON.
const STATE_BYTES: usize = 256 * 1024;
/// Stories that a state that is too long keeps beside those that are not over.
const KEPT_STORIES: usize = 200;
/// The texts are cut to these lengths in characters, one after the other, until the card is short enough.
const TEXT_LENGTHS: [usize; 5] = [80, 48, 24, 12, 4];

/// How a task stands, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The version of the shapes: [`crate::event::SCHEMA`].
    pub schema: u32,
    /// As in the events.
    pub task_id: CleanText,
    pub title: CleanText,
    pub run: CleanText,
    pub status: TaskStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<AttentionKind>,
    pub passed: u32,
    pub failed: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// What is being worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub story: Option<CleanText>,
    /// Percentiles of the time left, in seconds: 10, 50, 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<[u64; 3]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_activity_at: Option<Timestamp>,
    /// By the clock of the bridge.
    pub sent_at: Timestamp,
    /// False in the last card of a bridge that ended in order.
    pub live: bool,
    /// At most so many events are missing in the engine.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
    /// The last event of the task that the engine has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    /// Its number in the bridge's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
}

/// What the bridge knows of a task besides its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryStatus {
    pub sent_at: Timestamp,
    pub live: bool,
    pub lost: u64,
    pub last: Option<(EventId, Seq)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Card {
    pub fn new(task: &TaskState, delivery: DeliveryStatus) -> Self {
        let story = task.current().and_then(|story| match (&story.story_id, &story.title) {
            (Some(id), Some(title)) => Some(CleanText::from(format!("{id} {title}"))),
            (Some(text), None) | (None, Some(text)) => Some(text.clone()),
            (None, None) => None,
        });
        let remaining = match &task.remaining {
            Remaining::Range { p10, p50, p90, .. } => Some([*p10, *p50, *p90]),
            Remaining::Unknown { .. } | Remaining::None { .. } | Remaining::LongerThanUsual { .. } => None,
        };
        Card {
            schema: crate::event::SCHEMA,
            task_id: task.task_id.clone(),
            title: task.task_name.clone(),
            run: task.run.clone(),
            status: task.status,
            attention: task.attention.as_ref().map(|attention| attention.kind),
            passed: task.stories_passed,
            failed: task.stories_failed,
            total: task.story_count,
            story,
            remaining,
            last_activity_at: task.last_activity_at,
            sent_at: delivery.sent_at,
            live: delivery.live,
            lost: delivery.lost,
            id: delivery.last.map(|(id, _)| id),
            seq: delivery.last.map(|(_, seq)| seq),
        }
    }

    /// Its JSON, at most [`CARD_BYTES`] long: texts are cut until it fits.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = to_json(self);
        for length in TEXT_LENGTHS {
            if json.len() <= CARD_BYTES {
                break;
            }
            let cut = |text: &CleanText| CleanText::from(&*shortened(text, length));
            let (task_id, title, run) = (cut(&self.task_id), cut(&self.title), cut(&self.run));
            json = to_json(&Card { task_id, title, run, story: self.story.as_ref().map(cut), ..self.clone() });
        }
        json
    }

    /// Reads what another bridge has sent: `None` when it is no card of a version that is known.
    pub fn parse(json: &[u8]) -> Option<Card> {
        let card: Card = if json.len() > CARD_BYTES { return None } else { serde_json::from_slice(json).ok()? };
        (card.schema == crate::event::SCHEMA).then_some(card)
    }
}

/// The JSON of the state with the task of this index alone, at most [`STATE_BYTES`] long; `None` where it cannot be made as short as that.
pub fn state_json(state: &State, index: usize) -> Option<Vec<u8>> {
    let task = state.tasks.get(index)?;
    // Who may read the fleet is not asked here: no text of an agent leaves this machine.
    let task = &TaskState { agents: task.agents.iter().filter_map(|agent| agent.at_level(AgentLevel::Status)).collect(), ..task.clone() };
    let alone = |task: TaskState| {
        let State { schema, server_time, seq, .. } = *state;
        to_json(&State { schema, server_time, seq, tasks: vec![task], unlisted: None, notices: Vec::new(), files: FileCounts::default() })
    };
    let mut json = alone(task.clone());
    if json.len() > STATE_BYTES {
        json = alone(with_fewer_stories(task));
    }
    (json.len() <= STATE_BYTES).then_some(json)
}

/// The task with the stories that are not over and the last [`KEPT_STORIES`] that are. The current story stays, and its index follows.
fn with_fewer_stories(task: &TaskState) -> TaskState {
    let is_over = |story: &StoryState| match story.status {
        StoryStatus::Passed | StoryStatus::Deferred | StoryStatus::Cancelled => true,
        StoryStatus::Open | StoryStatus::InProgress | StoryStatus::Failed | StoryStatus::Blocked => false,
    };
    let current = task.current_story.index();
    let mut surplus = task.stories.iter().filter(|story| is_over(story)).count().saturating_sub(KEPT_STORIES);
    let mut shorter = TaskState { stories: Vec::new(), ..task.clone() };
    for (index, story) in task.stories.iter().enumerate() {
        if Some(index) == current {
            if let CurrentStory::Known { index, .. } = &mut shorter.current_story {
                *index = shorter.stories.len();
            }
        } else if surplus > 0 && is_over(story) {
            surplus -= 1;
            continue;
        }
        shorter.stories.push(story.clone());
    }
    shorter
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data with string keys cannot fail to serialise")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::sample;

    const DELIVERY: DeliveryStatus = DeliveryStatus { sent_at: Timestamp(1_000), live: true, lost: 0, last: None };

    #[test]
    fn a_card_holds_what_a_list_of_tasks_shows() {
        let card = Card::new(&sample::running(), DELIVERY);
        let text = String::from_utf8(card.to_json()).expect("it is text");
        insta::assert_snapshot!(text);
        assert_eq!(Card::parse(text.as_bytes()), Some(card));
    }

    #[test]
    fn texts_are_cut_until_the_card_fits() {
        let mut task = sample::running();
        for text in ["x".repeat(500), "漢".repeat(500), "\"".repeat(500)] {
            task.task_id = text.as_str().into();
            task.task_name = text.as_str().into();
            task.run = text.as_str().into();
            task.stories[5].title = Some(text.as_str().into());
            let last = Some((EventId(uuid::Uuid::max()), Seq(u64::MAX)));
            let json = Card::new(&task, DeliveryStatus { lost: u64::MAX, last, ..DELIVERY }).to_json();
            assert!(json.len() <= CARD_BYTES, "{} bytes: {}", json.len(), String::from_utf8_lossy(&json));
            assert!(Card::parse(&json).is_some());
        }
    }

    #[test]
    fn what_is_no_card_is_refused() {
        let json = Card::new(&sample::running(), DELIVERY).to_json();
        let text = String::from_utf8(json).expect("it is text");
        for wrong in ["", "{}", "null", &text.replace("\"schema\":1", "\"schema\":2"), &format!("{text}{}", " ".repeat(CARD_BYTES))] {
            assert_eq!(Card::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_long_state_keeps_what_is_not_over_and_the_current_story() {
        let mut task = sample::running();
        let passed = StoryState { title: Some("x".repeat(400).into()), ..task.stories[0].clone() };
        let current = task.stories[5].clone();
        task.stories = vec![passed; 2_000];
        task.stories[500] = current.clone();
        task.current_story = CurrentStory::Known { index: 500, provenance: crate::fact::Provenance::Explicit };
        let state = State { tasks: vec![task], ..sample::state(Vec::new()) };
        let json = state_json(&state, 0).expect("it can be made shorter");
        assert!(json.len() <= STATE_BYTES);
        let read: State = serde_json::from_slice(&json).expect("it is a state");
        assert_eq!(read.tasks[0].stories.len(), KEPT_STORIES + 1);
        assert_eq!(read.tasks[0].current().map(|story| &story.story_id), Some(&current.story_id));
        assert_eq!(state_json(&state, 1), None);
    }
}
