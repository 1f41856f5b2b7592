//! What the rest of the process does with a hub: start it where another one ended, publish and rest.

use super::*;

#[test]
fn a_restored_log_knows_the_cursors_of_the_process_before() {
    let before = hub(10, 3);
    before.publish(events(1..=8));
    let cursor = |seq: u64| format!("{}-{seq}", before.epoch());
    let after = |stored: Vec<Event>, newest: u64| {
        let newest = Cursor { epoch: before.epoch().into(), seq: Seq(newest), check: None };
        Hub::restored(HubSettings { events: 10, buffer: 3, ..HubSettings::default() }, newest, stored)
    };
    let hub = after(events(3..=8), 8);
    assert_eq!(hub.newest().to_string(), cursor(8));
    assert_eq!(
        (hub.snapshot().cursor.to_string(), hub.snapshot().state.seq),
        (cursor(8), Seq(8)),
        "a poller's place before the first look"
    );
    assert_ne!(hub.instance(), before.instance(), "versions of snapshots begin again");
    check(&hub, StartPosition::Resume(&cursor(8)), &[]);
    check(&hub, StartPosition::Resume(&cursor(5)), &["6..=8"]);
    check(&hub, StartPosition::Resume(&cursor(2)), &["3..=8"]);
    check(&hub, StartPosition::Resume(&cursor(1)), &["expired from 3", "6..=8"]);
    check(&hub, StartPosition::Resume(&cursor(9)), &["unknown from 3", "6..=8"]);
    check(&hub, StartPosition::Resume(&event(4).id.to_string()), &["5..=8"]);
    check(&hub, StartPosition::Buffer, &["6..=8"]);
    let mut live = hub.subscribe(StartPosition::Resume(&cursor(7)));
    hub.publish(events(9..=9));
    assert_eq!(drain(&mut live), ["8..=8", "9..=9"], "what was restored is replay, and what comes now is live");
    // Nothing was kept of the events, only how many there were.
    let bare = after(Vec::new(), 8);
    check(&bare, StartPosition::Resume(&cursor(8)), &[]);
    check(&bare, StartPosition::Resume(&cursor(7)), &["expired from nothing"]);
    check(&bare, StartPosition::Oldest, &[]);
    // Events and cursor were not stored at one time: a hole is not passed over in silence.
    check(&after(events(3..=6), 8), StartPosition::Resume(&cursor(4)), &["expired from nothing"]);
    assert_eq!(after(events(3..=9), 8).newest().seq, Seq(9));
    let mut holed = events(1..=3);
    holed.extend(events(5..=8));
    let holed = Hub::restored(HubSettings::default(), Cursor { epoch: before.epoch().into(), seq: Seq(8), check: None }, holed);
    check(&holed, StartPosition::Resume(&cursor(2)), &["expired from 5", "5..=8"]);
    check(&holed, StartPosition::Resume(&cursor(4)), &["5..=8"]);
    // More than is kept.
    let small = Hub::restored(
        HubSettings { events: 2, ..HubSettings::default() },
        Cursor { epoch: before.epoch().into(), seq: Seq(8), check: None },
        events(1..=8),
    );
    check(&small, StartPosition::Oldest, &["7..=8"]);
}

#[tokio::test]
async fn deferred_subscribers_are_woken_on_request_or_after_ten_events() {
    let hub = hub(1_000, 10);
    let (mut first, mut other) = (hub.subscribe_inline(StartPosition::Live), hub.subscribe(StartPosition::Live));
    let (mut first_waits, mut other_waits) = (Box::pin(first.next()), Box::pin(other.next()));
    assert!(first_waits.as_mut().now_or_never().is_none() && other_waits.as_mut().now_or_never().is_none());
    hub.publish_inline(hub.serialized(events(1..=3)));
    assert!(first_waits.as_mut().now_or_never().is_some() && other_waits.as_mut().now_or_never().is_none());
    hub.wake_deferred();
    assert!(other_waits.as_mut().now_or_never().is_some());
    drop(other_waits);
    let mut other_waits = Box::pin(other.next());
    assert!(other_waits.as_mut().now_or_never().is_none());
    for seq in 4..=103 {
        hub.publish_inline(hub.serialized(events(seq..=seq)));
    }
    assert!(other_waits.as_mut().now_or_never().is_some());
}
