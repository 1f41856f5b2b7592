mod handover;
mod process;

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::event::{EventData, EventId, EventSource, TaskCompleted, TaskStarted, TimestampSource};
use crate::fact::{CountedKind, Provenance};
use crate::model::agent::AgentLevel;

fn event(seq: u64) -> Event {
    Event {
        id: EventId::new("demo", "run", CountedKind::StoryStarted, &seq.to_string(), 1),
        seq: Seq(seq),
        timestamp: Timestamp(1_769_244_300_000),
        timestamp_source: TimestampSource::Record,
        timestamp_precision: None,
        late: false,
        origin: None,
        task_id: "demo".into(),
        run: "run".into(),
        provenance: Provenance::Explicit,
        source: EventSource { path: "progress.txt".into(), line: Some(1), text: None },
        data: EventData::TaskStarted(TaskStarted { task_id: "demo".into(), task_name: "Two\nlines".into(), ..TaskStarted::default() }),
    }
}

fn events(seqs: std::ops::RangeInclusive<u64>) -> Vec<Event> {
    seqs.map(event).collect()
}

fn hub(events: usize, buffer: usize) -> Hub {
    Hub::new(HubSettings { events, buffer, ..HubSettings::default() })
}

/// What a reader gets now, in words: `1..=5`, `expired from 3`.
fn drain(reader: &mut Subscription) -> Vec<String> {
    let describe = |batch| match batch {
        Batch::Events(entries) => {
            let seqs: Vec<_> = entries.iter().map(|entry| entry.event.seq.0).collect();
            assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "a batch has no hole: {seqs:?}");
            format!("{}..={}", seqs[0], seqs[seqs.len() - 1])
        }
        Batch::Gap { reason, oldest } => {
            let oldest = oldest.map_or("nothing".into(), |oldest| oldest.seq.0.to_string());
            format!("{} from {oldest}", format!("{reason:?}").to_lowercase())
        }
    };
    std::iter::from_fn(|| reader.try_next().map(describe)).collect()
}

fn check(hub: &Hub, start: StartPosition<'_>, expected: &[&str]) {
    assert_eq!(drain(&mut hub.subscribe(start)), expected, "{start:?}");
}

#[test]
fn readers_begin_where_they_ask_to() {
    let hub = hub(10, 3);
    check(&hub, StartPosition::Buffer, &[]);
    hub.publish(events(1..=8));
    check(&hub, StartPosition::Oldest, &["1..=8"]);
    check(&hub, StartPosition::Buffer, &["6..=8"]);
    check(&hub, StartPosition::Live, &[]);
    let cursor = |seq: u64| format!("{}-{seq}", hub.epoch());
    check(&hub, StartPosition::Resume(&cursor(0)), &["1..=8"]);
    check(&hub, StartPosition::Resume(&cursor(5)), &["6..=8"]);
    check(&hub, StartPosition::Resume(&cursor(8)), &[]);
    check(&hub, StartPosition::Resume(&event(7).id.to_string()), &["8..=8"]);
    check(&hub, StartPosition::Resume(&cursor(9)), &["unknown from 1", "6..=8"]);
    check(&hub, StartPosition::Resume("0123456789ab-5"), &["restarted from 1", "6..=8"]);
    check(&hub, StartPosition::Resume(&event(99).id.to_string()), &["unknown from 1", "6..=8"]);
    for nonsense in ["x", "-", "12", "0123456789ab-", "0123456789ab-+5", "0123456789AB-5", "0123456789ab-99999999999999999999"] {
        check(&hub, StartPosition::Resume(nonsense), &["unknown from 1", "6..=8"]);
    }
    let whole = Hub::new(HubSettings { buffer: usize::MAX, ..HubSettings::default() });
    whole.publish(events(1..=3));
    check(&whole, StartPosition::Buffer, &["1..=3"]);
    hub.publish(events(9..=15));
    check(&hub, StartPosition::Resume(&cursor(4)), &["expired from 6", "13..=15"]);
    check(&hub, StartPosition::Resume(&cursor(5)), &["6..=15"]);
    check(&hub, StartPosition::Resume(&event(2).id.to_string()), &["unknown from 6", "13..=15"]);
}

#[test]
fn a_reader_behind_the_log_gets_one_gap_and_continues() {
    let hub = hub(5, 3);
    let mut reader = hub.subscribe(StartPosition::Live);
    hub.publish(events(1..=2));
    assert_eq!(drain(&mut reader), ["1..=2"]);
    hub.publish(events(3..=10));
    assert_eq!(drain(&mut reader), ["expired from 6", "6..=10"]);
    assert_eq!(drain(&mut reader), [""; 0]);
}

#[test]
fn the_log_is_bounded_in_bytes_and_keeps_the_newest() {
    let one = PublishedEvent::new(event(1), &"0123456789ab".into(), false, Instant::now(), &mut ScratchBuffer::default()).memory_size();
    let hub = Hub::new(HubSettings { bytes: 3 * one + 50, ..HubSettings::default() });
    hub.publish(events(1..=9));
    check(&hub, StartPosition::Oldest, &["7..=9"]);
    let tiny = Hub::new(HubSettings { bytes: 1, ..HubSettings::default() });
    tiny.publish(events(1..=2));
    check(&tiny, StartPosition::Oldest, &["2..=2"]);
}

/// Its JSON is a part of its frame, so a log of large events keeps as many as fit.
#[test]
fn the_log_counts_the_bytes_of_an_event_once() {
    let hub = hub(100, 100);
    let large = |seq| Event { source: EventSource { path: "x".repeat(100_000).into(), line: None, text: None }, ..event(seq) };
    hub.publish((1..=9).map(large).collect());
    let bytes = hub.log_stats().bytes;
    assert!((900_000..920_000).contains(&bytes), "{bytes}");
}

#[test]
fn events_may_be_asked_for_in_portions_and_a_batch_is_replay_or_live() {
    let hub = hub(100, 100);
    hub.publish(events(1..=20));
    let mut reader = hub.subscribe(StartPosition::Buffer);
    hub.publish(events(21..=30));
    let mut seqs = |limit| {
        let replaying = reader.is_replaying();
        match reader.try_next_up_to(limit) {
            Some(Batch::Events(entries)) => (replaying, entries.iter().map(|entry| entry.event.seq.0).collect::<Vec<_>>()),
            Some(Batch::Gap { .. }) => panic!("nothing was evicted"),
            None => (replaying, vec![]),
        }
    };
    assert_eq!(seqs(0), (true, vec![]));
    assert_eq!(seqs(5), (true, (1..=5).collect()));
    assert_eq!(seqs(100), (true, (6..=20).collect()));
    assert_eq!(seqs(0), (false, vec![]));
    assert_eq!(seqs(4), (false, vec![21, 22, 23, 24]));
    assert_eq!(seqs(100), (false, (25..=30).collect()));
}

#[test]
fn a_frame_is_id_event_and_one_line_of_data() {
    let entry = PublishedEvent::new(event(41), &"0123456789ab".into(), false, Instant::now(), &mut ScratchBuffer::default());
    let json = String::from_utf8(entry.event.to_json()).expect("JSON is UTF-8");
    assert_eq!(entry.frame, format!("id: 0123456789ab-41\nevent: task_started\ndata: {json}\n\n"));
    assert_eq!(entry.json(), json.as_bytes());
}

#[test]
fn cursors_are_short_and_come_back_as_they_went() {
    let longest = Cursor { epoch: random_id().into(), seq: Seq(u64::MAX), check: None };
    assert!(longest.to_string().len() <= 40);
    assert_eq!(longest.to_string().parse(), Ok(longest));
}

#[tokio::test]
async fn closing_ends_readers_after_the_last_event() {
    let hub = hub(10, 3);
    let mut reader = hub.subscribe(StartPosition::Live);
    hub.publish(vec![Event {
        data: EventData::TaskCompleted(TaskCompleted {
            task_id: "demo".into(),
            status: crate::event::EndStatus::Passed,
            stories_passed: 1,
            stories_failed: 0,
            story_count: None,
            duration_ms: None,
            retries: 0,
            errors: 0,
        }),
        ..event(1)
    }]);
    hub.close();
    assert!(matches!(reader.next().await, Some(Batch::Events(entries)) if entries.len() == 1));
    assert!(reader.next().await.is_none());
    assert!(reader.next().await.is_none(), "the end stays the end");
    hub.closed().await;
}

#[tokio::test]
async fn the_newest_state_wins_and_is_written_once() {
    let hub = hub(10, 3);
    assert_eq!(hub.snapshot().version, 0);
    hub.set_state(State { seq: Seq(3), ..snapshot::empty_state(Seq(0)) });
    hub.set_state(State { seq: Seq(4), ..snapshot::empty_state(Seq(0)) });
    let snapshot = hub.snapshot_after(0).await.expect("two were set");
    assert_eq!((snapshot.version, snapshot.state.seq, snapshot.cursor.seq), (2, Seq(4), Seq(4)));
    let address = |level| match hub.snapshot().json(level) {
        StatePayload::Whole(bytes) => bytes.as_ptr(),
        StatePayload::Large(_) => panic!("it is small"),
    };
    assert_eq!(address(AgentLevel::Target), address(AgentLevel::Off), "the same bytes");
    hub.close();
    assert_eq!(hub.snapshot_after(1).await.map(|snapshot| snapshot.version), Some(2), "the last one is still found");
    assert!(hub.snapshot_after(2).await.is_none());
}

/// Readers on plain threads, woken while the writer goes on: everybody gets everything once and in order.
#[test]
fn waiting_readers_miss_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts");
    let hub = Hub::new(HubSettings::default());
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (mut reader, handle) = (hub.subscribe(StartPosition::Oldest), runtime.handle().clone());
            std::thread::spawn(move || {
                let mut received = Vec::new();
                while let Some(batch) = handle.block_on(reader.next()) {
                    match batch {
                        Batch::Events(entries) => received.extend(entries.iter().map(|entry| entry.event.seq.0)),
                        Batch::Gap { .. } => panic!("nothing was evicted"),
                    }
                }
                received
            })
        })
        .collect();
    for seq in 1..=2_000 {
        hub.publish(vec![event(seq)]);
    }
    hub.close();
    for reader in readers {
        assert_eq!(reader.join().expect("the reader did not panic"), (1..=2_000).collect::<Vec<_>>());
    }
}

#[derive(Debug, Clone)]
enum HubStep {
    Publish(u64),
    Subscribe(u8),
    Read {
        reader: usize,
        limit: usize,
    },
    /// The reader comes back with what it had last.
    Resume {
        reader: usize,
        by_event_id: bool,
    },
}

fn step() -> impl Strategy<Value = HubStep> {
    prop_oneof![
        4 => (1u64..9).prop_map(HubStep::Publish),
        1 => (0u8..3).prop_map(HubStep::Subscribe),
        4 => (any::<usize>(), 0usize..12).prop_map(|(reader, limit)| HubStep::Read { reader, limit }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(reader, by_event_id)| HubStep::Resume { reader, by_event_id }),
    ]
}

/// A reader as its client sees it.
struct TestClient {
    reader: Subscription,
    last: Option<u64>,
    position: u64,
}

const KEPT: u64 = 12;
const BUFFER: u64 = 4;

impl TestClient {
    fn read(&mut self, limit: usize, head: u64) -> Result<(), TestCaseError> {
        let evicted_to = head.saturating_sub(KEPT);
        match self.reader.try_next_up_to(limit) {
            Some(Batch::Events(entries)) => {
                for entry in entries {
                    prop_assert_eq!(entry.event.seq.0, self.position + 1, "no gap, no repeat");
                    self.position += 1;
                    self.last = Some(self.position);
                }
            }
            Some(Batch::Gap { reason, oldest }) => {
                prop_assert_eq!(reason, GapReason::Expired);
                prop_assert!(self.position < evicted_to, "a gap without loss at {}", self.position);
                prop_assert_eq!(oldest.map(|oldest| oldest.seq.0), Some(evicted_to + 1));
                self.position = self.reader.cursor().seq.0;
                prop_assert!(self.position >= evicted_to, "a second gap would follow");
            }
            None => prop_assert!(self.position >= evicted_to && (limit == 0 || self.position == head), "something was there"),
        }
        Ok(())
    }

    /// Comes back with a cursor or with the id of the last event; both may have evicted_to out meanwhile.
    fn resume(&mut self, hub: &Hub, by_event_id: bool, head: u64) -> Result<(), TestCaseError> {
        let evicted_to = head.saturating_sub(KEPT);
        let (position, text) = match (by_event_id, self.last) {
            (true, Some(last)) => (last, event(last).id.to_string()),
            (true, None) | (false, _) => (self.position, self.reader.cursor().to_string()),
        };
        let by_event_id = by_event_id && self.last.is_some();
        self.reader = hub.subscribe(StartPosition::Resume(&text));
        self.position = position;
        let lost = position < evicted_to || (by_event_id && position <= evicted_to);
        if lost {
            let Some(Batch::Gap { reason, .. }) = self.reader.try_next() else {
                return Err(TestCaseError::fail("a loss goes untold"));
            };
            prop_assert_eq!(reason, if by_event_id { GapReason::Unknown } else { GapReason::Expired });
            self.position = head.saturating_sub(BUFFER).max(evicted_to);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(crate::property::config(256))]
    #[test]
    fn any_interleaving_has_no_gap_and_no_repeat(steps in prop::collection::vec(step(), 1..80)) {
        let hub = hub(KEPT as usize, BUFFER as usize);
        let mut clients: Vec<TestClient> = Vec::new();
        let mut head = 0;
        for step in steps {
            match step {
                HubStep::Publish(count) => {
                    hub.publish(events(head + 1..=head + count));
                    head += count;
                }
                HubStep::Subscribe(kind) => {
                    let evicted_to = head.saturating_sub(KEPT);
                    let (start, position) = match kind {
                        0 => (StartPosition::Oldest, evicted_to),
                        1 => (StartPosition::Buffer, head.saturating_sub(BUFFER).max(evicted_to)),
                        _ => (StartPosition::Live, head),
                    };
                    clients.push(TestClient { reader: hub.subscribe(start), last: None, position });
                }
                HubStep::Read { reader, limit } if !clients.is_empty() => {
                    let index = reader % clients.len();
                    clients[index].read(limit, head)?;
                }
                HubStep::Resume { reader, by_event_id } if !clients.is_empty() => {
                    let index = reader % clients.len();
                    clients[index].resume(&hub, by_event_id, head)?;
                }
                HubStep::Read { .. } | HubStep::Resume { .. } => {}
            }
        }
        hub.close();
        for client in &mut clients {
            for _ in 0..KEPT + 3 {
                client.read(usize::MAX, head)?;
            }
            prop_assert_eq!(client.position, head, "everybody ends with everything");
        }
    }

    #[test]
    fn reading_stops_cleanly_when_cancelled(pauses in prop::collection::vec(0u8..3, 1..30)) {
        let hub = hub(1_000, 10);
        let mut reader = hub.subscribe(StartPosition::Live);
        let (mut head, mut received) = (0, 0);
        for pause in pauses {
            // Polled once and dropped: whatever it took must not be lost.
            if let Some(Some(Batch::Events(entries))) = reader.next().now_or_never() {
                received += entries.len() as u64;
            }
            hub.publish(events(head + 1..=head + u64::from(pause)));
            head += u64::from(pause);
        }
        while let Some(Batch::Events(entries)) = reader.try_next() {
            received += entries.len() as u64;
        }
        prop_assert_eq!(received, head);
    }
}

#[test]
fn a_checked_cursor_does_not_fit_a_number_that_was_given_again() {
    let checked = HubSettings { checked_cursors: true, ..HubSettings::default() };
    let log = |subject: u64| {
        let newest = Cursor { epoch: "0123456789ab".into(), seq: Seq(40), check: None };
        let hub = Hub::restored(checked, newest, Vec::new());
        hub.publish(vec![Event { seq: Seq(41), ..event(subject) }, Event { seq: Seq(43), ..event(43) }]);
        hub
    };
    let (before, same, other) = (log(1), log(1), log(2));
    let mut reader = before.subscribe(StartPosition::Oldest);
    let Some(Batch::Events(entries)) = reader.try_next_up_to(1) else { panic!("there are two") };
    let cursor = reader.cursor().to_string();
    assert_eq!(cursor, format!("0123456789ab-41-{:04x}", event(1).id.check()));
    assert!(entries[0].frame.starts_with(format!("id: {cursor}\n").as_bytes()));
    assert_eq!(cursor.parse::<Cursor>().map(|cursor| cursor.to_string()), Ok(cursor.clone()));
    // At another hub of the same stream a client goes on; numbers may have holes.
    assert!(
        matches!(same.subscribe(StartPosition::Resume(&cursor)).try_next(), Some(Batch::Events(entries)) if entries[0].event.seq == Seq(43))
    );
    assert!(matches!(other.subscribe(StartPosition::Resume(&cursor)).try_next(), Some(Batch::Gap { reason: GapReason::Unknown, .. })));
    for wrong in ["0123456789ab-41-", "0123456789ab-41-xyzw", "0123456789ab-41-00000", "0123456789ab-41-0000-0"] {
        assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_state_that_nobody_wanted_is_made_when_it_is_asked_for() {
    let hub = hub(10, 3);
    let demand = hub.state_demand();
    let maker = hub.clone();
    demand.wake_with(move || {
        if maker.state_demand().take_due() {
            maker.set_state(snapshot::empty_state(Seq(0)));
        }
    });
    assert!(!demand.take_due(), "nobody reads states");
    assert_eq!(hub.snapshot().version, 0);
    assert_eq!(hub.current_snapshot().await.version, 1);
    assert_eq!(hub.current_snapshot().await.version, 1, "it is the newest");
    assert!(!demand.take_due());
    demand.set_interval(Duration::from_secs(3600));
    assert_eq!(hub.current_snapshot().await.version, 1, "it is new enough");
    demand.set_interval(Duration::ZERO);
    assert_eq!(hub.current_snapshot().await.version, 2);
    let reader = hub.read_states();
    assert!(demand.take_due() && !demand.is_owed());
    drop(reader);
    assert!(!demand.take_due() && !demand.is_owed());
    let _reader = hub.read_states();
    assert!(demand.is_owed() || hub.snapshot().version == 3, "the wake has made it");
}

#[tokio::test]
async fn a_state_in_the_making_does_not_make_the_one_before_it_new() {
    let hub = hub(10, 3);
    let demand = hub.state_demand();
    assert!(!demand.take_due(), "nobody reads states");
    let _reader = hub.read_states();
    assert!(demand.take_due(), "the maker begins");
    let (asked, ()) = tokio::join!(hub.current_snapshot(), async { hub.set_state(snapshot::empty_state(Seq(0))) });
    assert_eq!(asked.version, 1);
}
