//! What a hub reads of the engine, and the streams that it makes.
//!
//! Read by push consumers that the client keeps ordered: they have flow control and resume by themselves after a lost connection. A hand-made
//! consumer without acknowledgements would lose what a slow reader does not take.

use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::push::{Ordered, OrderedConfig};
use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DirectGetErrorKind, DiscardPolicy, StorageType};
use async_nats::jetstream::{ErrorCode, Message};
use futures_util::StreamExt;
use uuid::Uuid;

use super::{NatsEngine, RequestFailed};
use crate::clock::Timestamp;
use crate::event::EventId;
use crate::fleet::message::{BODY_BYTES, ID_HEADER};
use crate::fleet::names::{self, EVENT_STREAM, STATE_STREAM, StateKey, TaskOrigin};

/// A week: what nobody has looked at for so long is read from the files.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Of one task. A hub opens a task with at most so many events.
const MAX_PER_TASK: i64 = 1_000;
/// Sizes that are reserved at once, for the events and then for the states. A server without so much room is asked for less and less; the
/// sizes for events are chosen so that one whose limit is a round number has some left for the states.
const EVENT_BYTES: i64 = 960 * MIB;
const STATE_BYTES: i64 = 512 * MIB;
const LEAST_BYTES: i64 = MIB;
const MIB: i64 = 1024 * 1024;
/// Of a message: its body and our headers.
const HEADER_BYTES: usize = 1024;

/// How the stream of events stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLogInfo {
    /// Another one when the stream was made anew: 12 hexadecimal digits, as epochs are.
    pub epoch: String,
    /// Number of the oldest message.
    pub first: u64,
    /// Number of the newest message.
    pub last: u64,
}

/// One message as a hub gets it.
#[derive(Debug)]
pub struct Delivered {
    pub subject: String,
    pub payload: bytes::Bytes,
    /// Its number in the stream.
    pub number: u64,
    /// Messages behind it that were there when it was sent.
    pub pending: u64,
    /// When the server took it.
    pub taken_at: Timestamp,
}

/// Messages in order. Ends never; breaks when the engine no longer has the consumer and gives no other.
pub struct Deliveries(Ordered);

impl Deliveries {
    /// The next message. Cancel safe.
    pub async fn next(&mut self) -> Result<Delivered, String> {
        match self.0.next().await {
            Some(Ok(message)) => delivered(message),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("the subscription has ended".to_owned()),
        }
    }
}

fn delivered(message: Message) -> Result<Delivered, String> {
    let info = message.info().map_err(|error| error.to_string())?;
    let (number, pending) = (info.stream_sequence, info.pending);
    let millis = i64::try_from(info.published.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    let subject = message.subject.to_string();
    Ok(Delivered { subject, payload: message.message.payload, number, pending, taken_at: Timestamp(millis) })
}

impl NatsEngine {
    /// Makes the streams that are missing; those that are there stay as they are.
    pub async fn ensure_streams(&self, replicas: usize) -> Result<(), String> {
        let events = Config {
            name: EVENT_STREAM.to_owned(),
            subjects: vec![names::all_event_subjects()],
            max_messages_per_subject: MAX_PER_TASK,
            max_message_size: i32::try_from(BODY_BYTES + HEADER_BYTES).unwrap_or(i32::MAX),
            ..common_config(EVENT_BYTES, replicas)
        };
        // A bucket of NATS key-value stores by its form: the client's own way of making one needs what older servers do not tell.
        let states = Config {
            name: STATE_STREAM.to_owned(),
            subjects: vec![names::all_state_subjects()],
            max_messages_per_subject: 1,
            allow_rollup: true,
            deny_delete: true,
            ..common_config(STATE_BYTES, replicas)
        };
        self.ensure_stream(events).await?;
        self.ensure_stream(states).await
    }

    async fn ensure_stream(&self, mut config: Config) -> Result<(), String> {
        match self.context.get_stream(&config.name).await {
            Ok(_) => return Ok(()),
            Err(error) if is_missing(&error.kind()) => {}
            Err(error) => return Err(format!("cannot ask for the stream {}: {error}", config.name)),
        }
        loop {
            match self.context.create_stream(config.clone()).await.map_err(|error| error.kind()) {
                Ok(_) => return Ok(()),
                // Not enough room: sizes are reserved.
                Err(CreateStreamErrorKind::JetStream(error))
                    if is_about_room(error.error_code()) && less(config.max_bytes) >= LEAST_BYTES =>
                {
                    config.max_bytes = less(config.max_bytes);
                }
                Err(other) => return Err(format!("cannot make the stream {}: {other}", config.name)),
            }
        }
    }

    /// `None`: the stream is gone.
    pub async fn event_log(&self) -> Result<Option<EventLogInfo>, String> {
        let stream = match self.context.get_stream(EVENT_STREAM).await {
            Ok(stream) => stream,
            Err(error) if is_missing(&error.kind()) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let info = stream.cached_info();
        let name = format!("{EVENT_STREAM} {}", info.created.unix_timestamp_nanos());
        let mut epoch = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).simple().to_string();
        epoch.truncate(12);
        Ok(Some(EventLogInfo { epoch, first: info.state.first_sequence, last: info.state.last_sequence }))
    }

    /// All events from this number on.
    pub async fn events_from(&self, number: u64) -> Result<Deliveries, String> {
        let policy = DeliverPolicy::ByStartSequence { start_sequence: number.max(1) };
        self.deliveries(EVENT_STREAM, names::all_event_subjects(), policy).await
    }

    /// The last card of each task, then every new one.
    pub async fn cards(&self) -> Result<Deliveries, String> {
        self.deliveries(STATE_STREAM, names::all_card_subjects(), DeliverPolicy::LastPerSubject).await
    }

    async fn deliveries(&self, stream: &str, subject: String, deliver_policy: DeliverPolicy) -> Result<Deliveries, String> {
        let deliver_subject = self.context.client().new_inbox();
        let config = OrderedConfig { deliver_subject, filter_subject: subject, deliver_policy, ..OrderedConfig::default() };
        let stream = self.context.get_stream_no_info(stream).await.map_err(|error| error.to_string())?;
        let consumer = stream.create_consumer(config).await.map_err(|error| error.to_string())?;
        consumer.messages().await.map(Deliveries).map_err(|error| error.to_string())
    }

    /// The id of the event of this number; `None` when the stream has no such message.
    pub async fn id_at(&self, number: u64) -> Result<Option<EventId>, RequestFailed> {
        match self.events.direct_get(number).await {
            Ok(message) => {
                let id = message.headers.get(ID_HEADER).and_then(|id| Uuid::parse_str(id.as_str()).ok());
                Ok(Some(EventId(id.unwrap_or_default())))
            }
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// What a key of the task holds.
    pub async fn get(&self, origin: &TaskOrigin, key: StateKey) -> Result<Option<bytes::Bytes>, RequestFailed> {
        let Ok(stream) = self.context.get_stream_no_info(STATE_STREAM).await else { return Ok(None) };
        match stream.direct_get_last_for_subject(origin.state_subject(key)).await {
            Ok(message) => Ok(Some(message.payload)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

fn common_config(max_bytes: i64, num_replicas: usize) -> Config {
    Config {
        max_bytes,
        num_replicas,
        max_age: MAX_AGE,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        allow_direct: true,
        ..Config::default()
    }
}

/// The size to try when there is no room for this one.
fn less(bytes: i64) -> i64 {
    bytes * 3 / 8
}

fn is_missing(error: &GetStreamErrorKind) -> bool {
    matches!(error, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// Out of memory, storage or resources of the server or the account: such a size cannot be reserved.
fn is_about_room(code: ErrorCode) -> bool {
    [ErrorCode::STORAGE_RESOURCES_EXCEEDED, ErrorCode::INSUFFICIENT_RESOURCES, ErrorCode::ACCOUNT_RESOURCES_EXCEEDED].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_server_has_room_for_both_streams() {
        let fitting = |bytes: i64, room: i64| std::iter::successors(Some(bytes), |bytes| Some(less(*bytes))).find(|bytes| *bytes <= room);
        for room in [2_048, 1_536, 1_024, 768, 512, 256, 128, 100, 64, 50, 40, 32].map(|mib| mib * MIB) {
            let events = fitting(EVENT_BYTES, room).expect("some size fits");
            let states = fitting(STATE_BYTES, room - events).expect("some size fits");
            assert!(events >= 4 * MIB && states >= LEAST_BYTES, "{room}: {events} and {states}");
        }
    }
}
