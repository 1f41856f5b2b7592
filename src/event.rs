//! The typed events, their ids and their JSON.
//!
//! The shapes are a contract; `docs/events.schema.json` is its formal form. Absent values are left out: no `null`, nothing invented.
//!
//! To add a field: the struct here; `model/report.rs`, which fills it; `engine/shown.rs`, where text is masked; `docs/events.schema.json`;
//! its row in `docs/events.md`; the full event in `tests/it/schema.rs`, the samples in `output/sample.rs`. The compiler leads to the second, third and
//! the last two, a test to the others, and the goldens, which then are read and accepted anew, show it. If logs are to state it, also its statement in `fact.rs` and the format that reads it.

use std::io::Write;

use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

use crate::clock::Timestamp;
use crate::fact::{CountedKind, ErrorKind, Precision, Provenance};
use crate::text::CleanText;

/// Version of the shapes below; goes up when a reader of the old ones would be wrong.
pub const SCHEMA: u32 = 1;

/// Longest `source.text`, in characters.
pub const TEXT_LIMIT: usize = 240;

/// What is kept behind it until secrets are masked: a secret that is cut has no shape.
pub(crate) const TEXT_MARGIN: usize = 2_000;

/// Rises by one per event of this process, from 1. The only order events have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Seq(pub u64);

/// The same files give the same ids in every process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EventId(pub Uuid);

impl EventId {
    /// `subject` is the story, the criterion within it, or empty; `occurrence` counts from 1 within the run.
    pub fn new(task: &str, run: &str, kind: CountedKind, subject: &str, occurrence: u32) -> Self {
        // A UUIDv5 namespace of our own, made once with `uuidgen`; changing it changes every id ever given out.
        const NAMESPACE: Uuid = Uuid::from_u128(0x6f1b_2a0e_52f4_4c0c_9d6b_0d6a_4f3c_71e9);
        // As `Uuid::new_v5`, which takes one slice of bytes, and whose SHA-1 does not use the processor's instructions.
        let mut hash = Sha1::new_with_prefix(NAMESPACE.as_bytes());
        for part in [task, run, kind.id_name(), subject] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        write!(hash, "{occurrence}").expect("a hash takes all that is written to it");
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        EventId(Builder::from_sha1_bytes(bytes).into_uuid())
    }

    /// A short form: whether two logs mean the same event by a number.
    pub fn check(self) -> u16 {
        let [first, second, ..] = self.0.into_bytes();
        u16::from_be_bytes([first, second])
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One new fact of a run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "RawEvent")]
pub struct Event {
    /// The same in every process that reads the same files.
    pub id: EventId,
    /// The order of events; another process numbers them differently.
    pub seq: Seq,
    /// When it happened, by the clock that `timestamp_source` names. Never orders events.
    pub timestamp: Timestamp,
    /// The clock of `timestamp`.
    pub timestamp_source: TimestampSource,
    /// Given only when it is a day.
    pub timestamp_precision: Option<Precision>,
    /// Its line stood there for long before it was certain enough: others that happened later may have been told before.
    pub late: bool,
    /// The bridge and its task, `who/task`: only in what a hub of a fleet serves. With the id it is unique there.
    pub origin: Option<CleanText>,
    /// The name of the folder the task lives in.
    pub task_id: CleanText,
    /// The plan's branch or name, else the log's start line, else the run's first line.
    pub run: CleanText,
    /// How it is known.
    pub provenance: Provenance,
    /// The line or document that caused the event.
    pub source: EventSource,
    /// What happened.
    pub data: EventData,
}

/// Whose clock a time was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampSource {
    /// The record's own time.
    Record,
    /// The time of reading.
    Observed,
}

/// The origin of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSource {
    /// Relative to the task's folder.
    pub path: CleanText,
    /// From 1; a document has no lines worth naming.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The cleaned line, cut at [`TEXT_LIMIT`] characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<CleanText>,
}

/// What happened; the variant gives the event's `type`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum EventData {
    /// A run began; the first event of every run.
    TaskStarted(TaskStarted),
    /// An attempt at a story began.
    StoryStarted(StoryStarted),
    /// An acceptance criterion was ticked.
    AcCompleted(AcCompleted),
    /// An attempt at a story ended.
    StoryCompleted(StoryCompleted),
    /// The run ended.
    TaskCompleted(TaskCompleted),
    /// A source marked something as an error.
    ErrorOccurred(ErrorOccurred),
}

/// Data of `task_started`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskStarted {
    /// The same as in the envelope.
    pub task_id: CleanText,
    /// The plan's name, else the log header's, else the id.
    pub task_name: CleanText,
    /// Stories of the plan, else the source's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_count: Option<u32>,
    /// Seconds, as the plan has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<u64>,
    /// As the plan or the header has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<CleanText>,
    /// As the plan or the record has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<CleanText>,
}

/// Data of `story_started`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StoryStarted {
    /// As the plan or the first source spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_id: Option<CleanText>,
    /// Always there when `story_id` is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<CleanText>,
    /// Length of `acceptance_criteria`; absent when none are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ac_count: Option<u32>,
    /// Their texts, in the plan's order. A plan's list; without a plan, the record's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance_criteria: Vec<CleanText>,
    /// As the plan or the record has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// From 1: the story's completions so far in this run, plus one.
    pub attempt: u32,
    /// The runner's own count of its iterations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u32>,
}

/// Data of `ac_completed`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AcCompleted {
    /// As the plan or the first source spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_id: Option<CleanText>,
    /// The story's; only where `story_id` is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<CleanText>,
    /// From 0.
    pub ac_index: u32,
    /// The plan's text, else the one it was ticked with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ac_text: Option<CleanText>,
    /// Milliseconds: the record's value, else since the start or the criterion before, when both were read live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// Data of `story_completed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoryCompleted {
    /// As the plan or the first source spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_id: Option<CleanText>,
    /// Always there when `story_id` is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<CleanText>,
    /// How the attempt ended.
    pub status: EndStatus,
    /// For `failed`: the source's word (`failed`, `blocked`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<CleanText>,
    /// Milliseconds: the record's value, else from its start to its end when both are by one clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Hashes as the source writes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<CleanText>,
    /// From 1.
    pub attempt: u32,
    /// How far the run was then, for lines that show it: several stories may end before the next state.
    #[serde(skip)]
    pub tally: Option<StoryTally>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoryTally {
    /// Stories passed.
    pub passed: u32,
    /// Stories of the plan; absent without one.
    pub total: Option<u32>,
}

/// Data of `task_completed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskCompleted {
    /// The same as in the envelope.
    pub task_id: CleanText,
    /// How the run ended.
    pub status: EndStatus,
    /// Where there is a plan, only the plan's stories count.
    pub stories_passed: u32,
    /// Those whose last attempt failed.
    pub stories_failed: u32,
    /// Stories of the plan; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_count: Option<u32>,
    /// Milliseconds since the first trusted time of the run, when both are by one clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Attempts beyond the first, over all stories.
    pub retries: u32,
    /// `error_occurred` events of this run.
    pub errors: u32,
}

/// Data of `error_occurred`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorOccurred {
    /// Absent for an error of no story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story_id: Option<CleanText>,
    /// The source's word for it, else derived from the message's words.
    pub error_type: ErrorKind,
    /// As written.
    pub error_message: CleanText,
    /// Only where the source states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// Only where the source states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
}

/// How a story or a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndStatus {
    /// With success.
    Passed,
    /// Without.
    Failed,
}

impl EventData {
    /// The event's `type`, which is also the SSE event name.
    pub fn type_name(&self) -> &'static str {
        match self {
            EventData::TaskStarted(_) => "task_started",
            EventData::StoryStarted(_) => "story_started",
            EventData::AcCompleted(_) => "ac_completed",
            EventData::StoryCompleted(_) => "story_completed",
            EventData::TaskCompleted(_) => "task_completed",
            EventData::ErrorOccurred(_) => "error_occurred",
        }
    }
}

/// The names of all types, in the order of a run.
pub const TYPE_NAMES: [&str; 6] = ["task_started", "story_started", "ac_completed", "story_completed", "task_completed", "error_occurred"];

/// Without the type: the event writes it before its data.
impl Serialize for EventData {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            EventData::TaskStarted(data) => data.serialize(to),
            EventData::StoryStarted(data) => data.serialize(to),
            EventData::AcCompleted(data) => data.serialize(to),
            EventData::StoryCompleted(data) => data.serialize(to),
            EventData::TaskCompleted(data) => data.serialize(to),
            EventData::ErrorOccurred(data) => data.serialize(to),
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let day = self.timestamp_precision == Some(Precision::Day);
        let mut object =
            to.serialize_struct("Event", 10 + usize::from(day) + usize::from(self.late) + usize::from(self.origin.is_some()))?;
        object.serialize_field("id", &self.id)?;
        object.serialize_field("seq", &self.seq)?;
        object.serialize_field("type", self.data.type_name())?;
        object.serialize_field("timestamp", &self.timestamp)?;
        object.serialize_field("timestamp_source", &self.timestamp_source)?;
        if day {
            object.serialize_field("timestamp_precision", "day")?;
        }
        if self.late {
            object.serialize_field("late", &true)?;
        }
        if let Some(origin) = &self.origin {
            object.serialize_field("origin", origin)?;
        }
        object.serialize_field("task_id", &*self.task_id)?;
        object.serialize_field("run", &*self.run)?;
        object.serialize_field("provenance", &self.provenance)?;
        object.serialize_field("source", &self.source)?;
        object.serialize_field("data", &self.data)?;
        object.end()
    }
}

/// The JSON form of an event.
#[derive(Deserialize)]
struct RawEvent {
    id: EventId,
    seq: Seq,
    timestamp: Timestamp,
    timestamp_source: TimestampSource,
    timestamp_precision: Option<Precision>,
    #[serde(default)]
    late: bool,
    origin: Option<CleanText>,
    task_id: CleanText,
    run: CleanText,
    provenance: Provenance,
    source: EventSource,
    #[serde(flatten)]
    data: EventData,
}

impl From<RawEvent> for Event {
    fn from(raw: RawEvent) -> Self {
        let RawEvent { id, seq, timestamp, timestamp_source, timestamp_precision, late, origin, task_id, run, provenance, source, data } =
            raw;
        Event { id, seq, timestamp, timestamp_source, timestamp_precision, late, origin, task_id, run, provenance, source, data }
    }
}

impl Event {
    /// The JSON of every output: compact, one line.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(512);
        self.write_json(&mut json);
        json
    }

    /// Writes its JSON to memory.
    pub(crate) fn write_json(&self, to: impl Write) {
        serde_json::to_writer(to, self).expect("an event is plain data with string keys: it cannot fail to serialise");
    }
}
