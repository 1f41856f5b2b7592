//! What is worth telling: ends of runs, quiet runs, runs that need a person, and what else was chosen. Only what is new, and once.
//!
//! Ends, stories and errors are events and have their ids; quiet and needs-you are told by states, and get an id of what they are about, so
//! that one spell is one occasion however often its state is published.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::event::{EndStatus, Event, EventData, TimestampSource};
use crate::hub::PublishedEvent;
use crate::model::state::{AttentionKind, State, TaskState, TaskStatus};
use crate::output::text;
use crate::recent_set::RecentSet;
use crate::text::{CleanText, shortened};

/// Longest name within a notification, and longest text.
const NAME_LIMIT: usize = 80;
const TEXT_LIMIT: usize = 400;
/// Occasions that are remembered: more than any run has within the time in which one could come again.
const KNOWN_LIMIT: usize = 1_000;
/// What a record dates further back was written down before: a log that was copied here, a branch that was checked out. More than the
/// widest mistake about time zones.
const OLD_MS: u64 = 24 * 60 * 60 * 1000;

/// What sort of thing happened; the ones before others stand for them when several are told at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OccasionKind {
    /// A person must do something.
    NeedsYou,
    /// A run ended without success.
    Failed,
    /// A run's process is gone, and nothing says how the run ended.
    Ended,
    /// No sign of life for longer than usual.
    Quiet,
    /// A run ended with success.
    Passed,
    /// A source marked something as an error.
    Error,
    /// A story passed or failed.
    Story,
    /// A run began.
    Started,
}

impl OccasionKind {
    /// What `--notify-on` calls them. `failed` means ended, too.
    pub const CHOICES: [(&'static str, &'static [OccasionKind]); 7] = [
        ("passed", &[OccasionKind::Passed]),
        ("failed", &[OccasionKind::Failed, OccasionKind::Ended]),
        ("quiet", &[OccasionKind::Quiet]),
        ("needs-you", &[OccasionKind::NeedsYou]),
        ("story", &[OccasionKind::Story]),
        ("error", &[OccasionKind::Error]),
        ("start", &[OccasionKind::Started]),
    ];

    /// What is told unless something else is chosen.
    pub const DEFAULT: [OccasionKind; 5] =
        [OccasionKind::Passed, OccasionKind::Failed, OccasionKind::Ended, OccasionKind::Quiet, OccasionKind::NeedsYou];

    /// In lower case, as JSON and variables have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            OccasionKind::NeedsYou => "needs_you",
            OccasionKind::Failed => "failed",
            OccasionKind::Ended => "ended",
            OccasionKind::Quiet => "quiet",
            OccasionKind::Passed => "passed",
            OccasionKind::Error => "error",
            OccasionKind::Story => "story",
            OccasionKind::Started => "started",
        }
    }
}

/// What is told: one occasion, and others that came within the same minute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Notification {
    /// The event's id, else one of the spell: the same on every try and in every process.
    pub id: Uuid,
    pub kind: OccasionKind,
    /// When it happened.
    pub at: Timestamp,
    /// `Corner Shop: failed`.
    pub title: CleanText,
    /// One sentence or two.
    pub text: CleanText,
    pub task_id: CleanText,
    pub task_name: CleanText,
    pub run: CleanText,
    /// One word, as screens have it.
    pub status: CleanText,
    pub stories_passed: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_count: Option<u32>,
    /// The event as every output has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Box<RawValue>>,
    /// What came within the same minute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<FoldedNotification>,
}

/// One that another stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FoldedNotification {
    pub id: Uuid,
    pub kind: OccasionKind,
    pub title: CleanText,
    pub text: CleanText,
}

impl Notification {
    /// One for all of them: the one that matters most, and the others within it. `None` for none.
    pub(super) fn fold(mut all: Vec<Notification>) -> Option<Notification> {
        // Stable: of two of a kind the earlier one.
        all.sort_by_key(|notification| notification.kind);
        let mut others = all.into_iter();
        let mut first = others.next()?;
        for other in others {
            let Notification { id, kind, title, text, also, .. } = other;
            first.also.push(FoldedNotification { id, kind, title, text });
            first.also.extend(also);
        }
        Some(first)
    }

    /// The text with what else came, for receivers that show one text.
    pub(super) fn whole_text(&self) -> String {
        let mut text = self.text.to_string();
        for other in self.also.iter().take(3) {
            text.push_str(&format!("\n{}: {}", other.title, other.text));
        }
        if self.also.len() > 3 {
            text.push_str(&format!("\nand {} more", self.also.len() - 3));
        }
        text
    }
}

/// Where the ends of runs are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSource {
    /// From events, which have ids.
    Events,
    /// From states: of another bridge nothing else may be followed.
    States,
}

/// Finds occasions in events and states.
#[derive(Debug)]
pub(super) struct Detector {
    chosen: HashSet<OccasionKind>,
    ends: EndSource,
    known: RecentSet<Uuid>,
    /// The status of each task in the last state.
    statuses: HashMap<CleanText, TaskStatus>,
}

impl Detector {
    pub(super) fn new(chosen: &[OccasionKind], ends: EndSource) -> Self {
        Detector { chosen: chosen.iter().copied().collect(), ends, known: RecentSet::new(KNOWN_LIMIT), statuses: HashMap::new() }
    }

    /// Marks these as told.
    pub(super) fn remember(&mut self, ids: impl IntoIterator<Item = Uuid>) {
        for id in ids {
            self.known.insert(id);
        }
    }

    /// The ids that are remembered, oldest first.
    pub(super) fn known(&self) -> impl Iterator<Item = Uuid> {
        self.known.iter().copied()
    }

    /// The occasion that a new event is, if it is one.
    pub(super) fn event(&mut self, entry: &PublishedEvent, state: &State, now: Timestamp) -> Option<Notification> {
        let event = &entry.event;
        let (kind, text) = describe(event)?;
        let is_end = matches!(kind, OccasionKind::Passed | OccasionKind::Failed);
        let is_old = event.timestamp_source == TimestampSource::Record && now.since(event.timestamp).is_some_and(|ago| ago > OLD_MS);
        if is_old || (is_end && self.ends == EndSource::States) || !self.chosen.contains(&kind) || !self.known.insert(event.id.0) {
            return None;
        }
        let task = state.tasks.iter().find(|task| task.task_id == event.task_id);
        let text = match (kind, task) {
            (OccasionKind::Passed | OccasionKind::Failed, Some(task)) => end_text(task, kind),
            _ => text,
        };
        let json = std::str::from_utf8(entry.json()).ok().and_then(|json| RawValue::from_string(json.to_owned()).ok());
        let name = task.map_or_else(|| event.task_id.clone(), |task| task.task_name.clone());
        let word = match kind {
            OccasionKind::Story => story_word(event),
            OccasionKind::Passed => "passed".to_owned(),
            OccasionKind::Failed => "failed".to_owned(),
            OccasionKind::Error => "an error".to_owned(),
            OccasionKind::Started => "started".to_owned(),
            OccasionKind::NeedsYou | OccasionKind::Ended | OccasionKind::Quiet => kind.name().to_owned(),
        };
        Some(Notification {
            id: event.id.0,
            kind,
            at: event.timestamp,
            title: shortened(&format!("{}: {word}", shortened(&name, NAME_LIMIT)), TEXT_LIMIT).as_ref().into(),
            text: shortened(&text, TEXT_LIMIT).as_ref().into(),
            task_id: event.task_id.clone(),
            task_name: name,
            run: event.run.clone(),
            status: task.map_or(CleanText::default(), |task| task.headline().word().into()),
            stories_passed: task.map_or(0, |task| task.stories_passed),
            story_count: task.and_then(|task| task.story_count),
            event: json,
            also: Vec::new(),
        })
    }

    /// The occasions that a new state shows. What the first state shows, or one that is not `new`, is known already.
    pub(super) fn state(&mut self, state: &State, new: bool) -> Vec<Notification> {
        let mut found = Vec::new();
        for task in &state.tasks {
            let before = self.statuses.insert(task.task_id.clone(), task.status);
            let Some((kind, since, reason)) = self.stated(task, before) else { continue };
            let id = occasion_id(task, kind, since);
            if !self.known.insert(id) || !new || !self.chosen.contains(&kind) {
                continue;
            }
            let word = task.headline().word();
            found.push(Notification {
                id,
                kind,
                at: since,
                title: shortened(&format!("{}: {word}", shortened(&task.task_name, NAME_LIMIT)), TEXT_LIMIT).as_ref().into(),
                text: shortened(&reason, TEXT_LIMIT).as_ref().into(),
                task_id: task.task_id.clone(),
                task_name: task.task_name.clone(),
                run: task.run.clone(),
                status: word.into(),
                stories_passed: task.stories_passed,
                story_count: task.story_count,
                event: None,
                also: Vec::new(),
            });
        }
        found
    }

    /// What the state of a task says beside its events: the kind, since when, and the words.
    fn stated(&self, task: &TaskState, before: Option<TaskStatus>) -> Option<(OccasionKind, Timestamp, String)> {
        if let Some(attention) = &task.attention {
            let kind = match attention.kind {
                AttentionKind::Quiet => OccasionKind::Quiet,
                AttentionKind::NeedsYou => OccasionKind::NeedsYou,
            };
            return Some((
                kind,
                attention.since,
                format!("{}; {}", text::tally_in_words(task.stories_passed, task.story_count), attention.reason),
            ));
        }
        let kind = match (task.status, self.ends) {
            (TaskStatus::Ended, _) => OccasionKind::Ended,
            (TaskStatus::Passed, EndSource::States) if before != Some(TaskStatus::Passed) => OccasionKind::Passed,
            (TaskStatus::Failed, EndSource::States) if before != Some(TaskStatus::Failed) => OccasionKind::Failed,
            (TaskStatus::Passed | TaskStatus::Failed, _) | (TaskStatus::Waiting | TaskStatus::Planned | TaskStatus::Running, _) => {
                return None;
            }
        };
        Some((kind, task.finished_at.unwrap_or(Timestamp(0)), end_text(task, kind)))
    }
}

/// An id of its own for what no event tells.
fn occasion_id(task: &TaskState, kind: OccasionKind, since: Timestamp) -> Uuid {
    // Made once with `uuidgen`, like that of the events.
    const NAMESPACE: Uuid = Uuid::from_u128(0x2d0c_5f0a_91b3_4c52_8f0e_6a7d_31c4_b8e2);
    let name = [task.task_id.as_str(), &task.run, kind.name(), &since.0.to_string()].join("\u{0}");
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// The kind of occasion that an event may be, with its words.
fn describe(event: &Event) -> Option<(OccasionKind, String)> {
    Some(match &event.data {
        EventData::TaskStarted(data) => {
            let stories = data.story_count.map(|count| format!(", {}", text::count(count, "story", "stories"))).unwrap_or_default();
            (OccasionKind::Started, format!("{}{stories}", data.task_name))
        }
        EventData::StoryCompleted(data) => {
            let name = data.story_id.as_ref().or(data.title.as_ref()).map(String::from).unwrap_or_default();
            let reason = data.reason.as_ref().filter(|_| data.status == EndStatus::Failed).map(|reason| format!(": {reason}"));
            let took = data.duration_ms.map(|ms| format!(", in {}", text::duration(ms)));
            let again = if data.attempt > 1 { format!(", attempt {}", data.attempt) } else { String::new() };
            let word = if data.status == EndStatus::Passed { "passed" } else { "failed" };
            (OccasionKind::Story, format!("{name} {word}{}{}{again}", reason.unwrap_or_default(), took.unwrap_or_default()))
        }
        EventData::TaskCompleted(data) => {
            let kind = if data.status == EndStatus::Passed { OccasionKind::Passed } else { OccasionKind::Failed };
            (kind, format!("{} passed", text::count(data.stories_passed, "story", "stories")))
        }
        EventData::ErrorOccurred(data) => {
            let story = data.story_id.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
            (OccasionKind::Error, format!("{story}{}: {}", text::error_kind(data.error_type), data.error_message))
        }
        EventData::StoryStarted(_) | EventData::AcCompleted(_) => return None,
    })
}

fn story_word(event: &Event) -> String {
    match &event.data {
        EventData::StoryCompleted(data) => {
            let name = data.story_id.as_ref().or(data.title.as_ref()).map(|name| shortened(name, NAME_LIMIT)).unwrap_or_default();
            format!("{name} {}", if data.status == EndStatus::Passed { "passed" } else { "failed" })
        }
        EventData::TaskStarted(_)
        | EventData::StoryStarted(_)
        | EventData::AcCompleted(_)
        | EventData::TaskCompleted(_)
        | EventData::ErrorOccurred(_) => String::new(),
    }
}

/// `6 of 9 stories passed, in 1h04m; US-007: tests do not compile`.
fn end_text(task: &TaskState, kind: OccasionKind) -> String {
    let took = task.duration_ms.map(|ms| format!(", in {}", text::duration(ms))).unwrap_or_default();
    let error = task.last_error.as_ref().map(|error| match &error.story_id {
        Some(story) => format!("{story}: {}", error.error_message),
        None => error.error_message.to_string(),
    });
    let reason = match kind {
        OccasionKind::Failed => error.or_else(|| task.end_reason.as_ref().map(String::from)),
        OccasionKind::Ended => task.end_reason.as_ref().map(String::from),
        OccasionKind::NeedsYou
        | OccasionKind::Quiet
        | OccasionKind::Passed
        | OccasionKind::Error
        | OccasionKind::Story
        | OccasionKind::Started => None,
    };
    format!(
        "{}{took}{}",
        text::tally_in_words(task.stories_passed, task.story_count),
        reason.map(|reason| format!("; {reason}")).unwrap_or_default()
    )
}
