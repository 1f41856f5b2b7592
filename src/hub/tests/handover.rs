//! Logs that number their events alike, one ahead of another: a client goes from hub to hub.

use std::time::Duration;

use super::*;

const EPOCH: &str = "0123456789ab";
const LONG: Duration = Duration::from_secs(3_600);

fn follower(catch_up: Duration) -> Hub {
    let newest = Cursor { epoch: EPOCH.into(), seq: Seq(0), check: None };
    Hub::restored(HubSettings { checked_cursors: true, catch_up, buffer: 3, ..HubSettings::default() }, newest, Vec::new())
}

fn cursor_at(seq: u64) -> String {
    format!("{EPOCH}-{seq}-{:04x}", event(seq).id.check())
}

#[test]
fn a_log_that_is_behind_comes_to_the_cursor_first() {
    let hub = follower(LONG);
    hub.publish(events(1..=5));
    let mut reader = hub.subscribe(StartPosition::Resume(&cursor_at(8)));
    assert_eq!(drain(&mut reader), [""; 0]);
    assert!(reader.is_catching_up());
    assert_eq!(reader.cursor().to_string(), cursor_at(8), "the client keeps its position");
    hub.publish(events(6..=8));
    assert_eq!(drain(&mut reader), [""; 0]);
    hub.publish(events(9..=10));
    assert_eq!(drain(&mut reader), ["9..=10"]);
    assert_eq!(reader.cursor().to_string(), cursor_at(10));
}

#[test]
fn a_number_that_went_to_another_event_is_a_gap_once_it_is_reached() {
    let hub = follower(LONG);
    hub.publish(events(1..=5));
    let foreign = format!("{EPOCH}-7-{:04x}", event(7).id.check() ^ 1);
    let mut reader = hub.subscribe(StartPosition::Resume(&foreign));
    hub.publish(vec![event(6)]);
    assert_eq!(drain(&mut reader), [""; 0]);
    hub.publish(vec![event(7)]);
    assert_eq!(drain(&mut reader), ["unknown from 1", "5..=7"]);
}

#[tokio::test]
async fn a_cursor_that_is_never_reached_is_a_gap() {
    let hub = follower(Duration::from_millis(1));
    hub.publish(events(1..=5));
    let mut reader = hub.subscribe(StartPosition::Resume(&cursor_at(8)));
    assert!(matches!(reader.next().await, Some(Batch::Gap { reason: GapReason::Unknown, .. })));
    assert_eq!(drain(&mut reader), ["3..=5"]);
}

#[test]
fn history_is_read_before_a_cursor_is_unknown() {
    let hub = follower(Duration::from_nanos(1));
    hub.begin_history();
    let mut reader = hub.subscribe_inline(StartPosition::Resume(&cursor_at(8)));
    assert_eq!(drain(&mut reader), [""; 0]);
    hub.publish(events(1..=9));
    assert_eq!(drain(&mut reader), ["9..=9"]);
    let mut ahead = hub.subscribe_inline(StartPosition::Resume(&cursor_at(12)));
    assert_eq!(drain(&mut ahead), [""; 0]);
    hub.end_history();
    let found = drain_later(&mut ahead);
    assert_eq!(found, ["unknown from 1", "7..=9"]);
}

/// The deadline is a nanosecond away: it may be the second read that finds it past.
fn drain_later(reader: &mut Subscription) -> Vec<String> {
    let first = drain(reader);
    if first.is_empty() { drain(reader) } else { first }
}

#[tokio::test]
async fn a_log_that_ends_meanwhile_leaves_the_client_its_cursor() {
    let hub = follower(LONG);
    hub.publish(events(1..=5));
    let mut reader = hub.subscribe(StartPosition::Resume(&cursor_at(8)));
    hub.close();
    assert!(reader.next().await.is_none());
    assert_eq!(reader.cursor().to_string(), cursor_at(8));
    // A gap that was not delivered is met again, too.
    let reader = hub.subscribe(StartPosition::Resume("ba9876543210-4"));
    assert_eq!(reader.cursor().to_string(), "ba9876543210-4");
}

#[derive(Debug, Clone)]
enum HandoverStep {
    /// The stream grows.
    Append(u64),
    /// A hub reads so many of what it has not read.
    Advance { hub: usize, count: u64 },
    /// The client reads.
    Read(usize),
    /// The client comes to a hub with its cursor.
    Go(usize),
    /// A hub is killed, and another begins in its place.
    Restart(usize),
}

fn handover_step() -> impl Strategy<Value = HandoverStep> {
    prop_oneof![
        3 => (1u64..9).prop_map(HandoverStep::Append),
        3 => (0usize..3, 1u64..9).prop_map(|(hub, count)| HandoverStep::Advance { hub, count }),
        3 => (1usize..12).prop_map(HandoverStep::Read),
        2 => (0usize..3).prop_map(HandoverStep::Go),
        1 => (0usize..3).prop_map(HandoverStep::Restart),
    ]
}

fn starting() -> Hub {
    let hub = follower(LONG);
    hub.begin_history();
    hub
}

proptest! {
    #![proptest_config(crate::property::config(256))]
    #[test]
    fn whichever_hub_a_client_goes_to_it_gets_each_event_once(steps in prop::collection::vec(handover_step(), 1..80)) {
        let mut hubs = [starting(), starting(), starting()];
        let (mut end, mut position) = (0, 0);
        let mut reader = hubs[0].subscribe_inline(StartPosition::Oldest);
        let mut read = |reader: &mut Subscription, limit: usize| -> Result<(), TestCaseError> {
            match reader.try_next_up_to(limit) {
                Some(Batch::Events(entries)) => for entry in entries {
                    prop_assert_eq!(entry.event.seq.0, position + 1, "no hole, nothing twice");
                    position += 1;
                },
                Some(Batch::Gap { reason, .. }) => return Err(TestCaseError::fail(format!("a gap: {reason:?}"))),
                None => {}
            }
            Ok(())
        };
        for step in steps {
            match step {
                HandoverStep::Append(count) => end += count,
                HandoverStep::Advance { hub, count } => advance(&hubs[hub], end, count),
                HandoverStep::Read(limit) => read(&mut reader, limit)?,
                HandoverStep::Go(to) => {
                    let cursor = reader.cursor().to_string();
                    reader = hubs[to].subscribe_inline(StartPosition::Resume(&cursor));
                }
                HandoverStep::Restart(killed) => hubs[killed] = starting(),
            }
        }
        let cursor = reader.cursor().to_string();
        reader = hubs[1].subscribe_inline(StartPosition::Resume(&cursor));
        advance(&hubs[1], end, end);
        while reader.cursor().seq.0 < end {
            read(&mut reader, usize::MAX)?;
        }
        prop_assert_eq!(position, end);
    }
}

fn advance(hub: &Hub, end: u64, count: u64) {
    let newest = hub.newest().seq.0;
    hub.publish(events(newest + 1..=end.min(newest + count)));
    if hub.newest().seq.0 == end {
        hub.end_history();
    }
}
