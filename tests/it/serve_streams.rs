//! The two streams: first frames, resume, rate limit, filters, heartbeats.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use progress_bridge::clock::Timestamp;
use progress_bridge::error::{Notice, NoticeKind};
use progress_bridge::event::SCHEMA;
use progress_bridge::hub::{Hub, HubSettings};
use progress_bridge::model::state::State;
use progress_bridge::serve::ServeSettings;

use crate::bridge_process::{SOON, eventually};
use crate::in_process_server::{InProcessServer, event, id, seq, seqs, span, state};
use crate::sse_client::{StreamItem, TestRequest, get, send, stream_with};

#[test]
fn a_new_client_gets_hello_then_the_last_hundred_then_live() {
    let server = InProcessServer::start();
    server.publish(1..=101);
    let mut stream = server.follow("/stream/progress");
    assert_eq!(stream.response.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(stream.response.header(name), Some(value), "{name}");
    }
    let hello = stream.expect("hello");
    assert_eq!(hello.last_event_id, server.cursor(1), "coming back with it brings the same hundred");
    assert_eq!(hello.json()["epoch"], server.hub.epoch());
    assert_eq!(hello.json()["schema"], SCHEMA);
    let retry = hello.retry.expect("hello says when to come back");
    assert!((1_400..=2_600).contains(&retry), "{retry}");
    assert_eq!(seqs(&mut stream, 100), span(2, 101));
    server.publish(102..=102);
    assert_eq!(seqs(&mut stream, 1), [102]);
}

#[test]
fn every_frame_has_id_event_and_data() {
    let server = InProcessServer::start();
    server.publish(1..=7);
    let mut stream = stream_with(server.address, "/stream/progress", &[("Last-Event-ID", "0123456789ab-3")]);
    server.hub.close();
    let mut names = Vec::new();
    while let Some(message) = stream.next_event() {
        let expected: &[&str] = if message.event == "hello" { &["id", "event", "retry", "data"] } else { &["id", "event", "data"] };
        assert_eq!(message.fields, expected, "{message:?}");
        assert!(message.json().is_object());
        names.push(message.event);
    }
    assert_eq!(names[..2], ["hello", "gap"]);
    assert_eq!(names[8..], ["error_occurred", "bye"]);
}

#[test]
fn an_event_frame_carries_the_cursor_and_the_event() {
    let server = InProcessServer::start();
    server.publish(7..=7);
    let mut stream = server.follow("/stream/progress");
    stream.expect("hello");
    let message = stream.expect("error_occurred");
    assert_eq!(message.last_event_id, server.cursor(7));
    assert_eq!(message.data.as_bytes(), event(7).to_json(), "one line, whatever the text");
}

#[test]
fn resume_by_header_query_or_event_id_brings_what_comes_after() {
    let server = InProcessServer::start();
    server.publish(1..=150);
    let (cursor, id) = (server.cursor(20), id(20).to_string());
    let by_query = |name: &str, value: &str| server.follow(&format!("/stream/progress?{name}={value}"));
    let by_header = |value: &str, target: &str| stream_with(server.address, target, &[("Last-Event-ID", value)]);
    for mut stream in [
        by_header(&cursor, "/stream/progress"),
        by_header(&id, "/stream/progress"),
        by_header(&cursor, "/stream/progress?last_event_id=0123456789ab-3"),
        by_query("last_event_id", &cursor),
        by_query("lastEventId", &cursor),
        by_query("last_event_id", &id),
    ] {
        assert_eq!(stream.expect("hello").last_event_id, cursor, "hello carries what the client has");
        assert_eq!(seqs(&mut stream, 130), span(21, 150));
    }
}

#[test]
fn a_client_of_the_process_before_goes_on_where_it_was() {
    let before = InProcessServer::start();
    before.publish(1..=20);
    let mut stream = before.follow("/stream/progress");
    stream.expect("hello");
    seqs(&mut stream, 20);
    before.hub.set_state(state(20));
    let tag = get(before.address, "/api/state").header("etag").expect("a tag").to_owned();
    let (newest, cursor) = (before.hub.newest(), before.cursor(15));
    before.stop();

    let hub = Hub::restored(HubSettings::default(), newest, (11..=20).map(event).collect());
    let after = InProcessServer::of(hub, ServeSettings::default());
    let mut stream = stream_with(after.address, "/stream/progress", &[("Last-Event-ID", &cursor)]);
    assert_eq!(stream.expect("hello").json()["epoch"], after.hub.epoch());
    after.publish(21..=22);
    assert_eq!(seqs(&mut stream, 7), span(16, 22));
    // The same version number of another process is not the same state.
    after.hub.set_state(state(22));
    let known = send(after.address, &TestRequest { method: "GET", target: "/api/state", headers: &[("If-None-Match", &tag)] });
    assert_eq!((known.status, known.json()["seq"].as_u64()), (200, Some(22)));
}

#[test]
fn a_foreign_or_spoilt_cursor_gives_one_gap_and_the_buffer() {
    let server = InProcessServer::start();
    server.publish(1..=150);
    let future = server.cursor(151);
    for (cursor, reason) in [("0123456789ab-3", "restarted"), ("nonsense", "unknown"), (&future, "unknown")] {
        let mut stream = stream_with(server.address, "/stream/progress", &[("Last-Event-ID", cursor)]);
        assert_eq!(stream.response.status, 200);
        stream.expect("hello");
        let gap = stream.expect("gap");
        assert_eq!(gap.json(), serde_json::json!({"reason": reason, "oldest": server.cursor(1)}));
        assert_eq!(gap.last_event_id, server.cursor(50), "coming back with it brings the same hundred");
        assert_eq!(seqs(&mut stream, 100), span(51, 150));
        assert_eq!(seqs(&mut stream, 0), [0; 0]);
    }
}

#[test]
fn a_burst_after_quiet_is_paced_per_client_without_loss() {
    // Longer than the window of the rate: another stream's heartbeat tells that this one has been quiet for so long.
    let server = InProcessServer::with(ServeSettings { state_heartbeat: Duration::from_millis(1_200), ..ServeSettings::default() });
    let mut first = server.follow("/stream/progress");
    first.expect("hello");
    let mut clock = server.follow("/stream/state");
    for name in ["hello", "state", "heartbeat"] {
        clock.expect(name);
    }
    let mut second = server.follow("/stream/progress?types=error_occurred");
    second.expect("hello");
    std::thread::scope(|scope| {
        let everything = scope.spawn(|| (0..100).map(|_| first.next_event().expect("more events")).collect::<Vec<_>>());
        let start = Instant::now();
        for seq in 1..=100 {
            server.publish(seq..=seq);
        }
        let errors: Vec<_> = (0..10).map(|_| second.expect("error_occurred")).collect();
        assert_eq!(errors.iter().map(seq).collect::<Vec<_>>(), [7, 17, 27, 37, 47, 57, 67, 77, 87, 97]);
        assert!(start.elapsed() < Duration::from_secs(5), "what a filter holds back costs no place: that would take nine seconds");

        let messages = everything.join().expect("the reader did not panic");
        assert_eq!(messages.iter().map(seq).collect::<Vec<_>>(), span(1, 100));
        let first_ten = messages[9].at - start;
        assert!(first_ten < Duration::from_millis(900), "the first ten go at once, not in {first_ten:?}");
        // A loaded machine makes arrivals later, never earlier: so they are held against the start and not against each other.
        for (second, ten) in (0..).zip(messages.chunks(10)) {
            let came = ten[0].at - start;
            assert!(came >= Duration::from_secs(second), "ten more than {second} seconds allow, after {came:?}");
        }
    });
}

#[test]
fn those_who_come_before_history_is_read_get_what_others_get_after_it() {
    let server = InProcessServer::start();
    server.publish(1..=1);
    server.hub.begin_history();
    let mut newcomer = server.follow("/stream/progress");
    newcomer.expect("hello");
    let mut stranger = server.follow("/stream/progress?last_event_id=0123456789ab-3");
    stranger.expect("hello");
    let mut known = server.follow(&format!("/stream/progress?last_event_id={}", server.cursor(1)));
    known.expect("hello");
    let start = Instant::now();
    for seq in 2..=300 {
        server.publish(seq..=seq);
    }
    assert_eq!(seqs(&mut known, 299), span(2, 300));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "paced, it would take half a minute: {took:?}");
    assert_eq!(
        get(server.address, "/api/events?after=0123456789ab-3&limit=1").json()["gap"]["reason"],
        "restarted",
        "pollers are told at once"
    );
    server.hub.end_history();
    assert_eq!(seqs(&mut newcomer, 100), span(201, 300));
    stranger.expect("gap");
    assert_eq!(seqs(&mut stranger, 100), span(201, 300));
    let start = Instant::now();
    server.publish(301..=311);
    assert_eq!(seqs(&mut known, 11), span(301, 311));
    assert!(start.elapsed() >= Duration::from_secs(1), "what happens now is paced");
}

#[test]
fn two_clients_without_pace_get_everything_in_order() {
    let server = InProcessServer::with(ServeSettings { max_rate: 0, ..ServeSettings::default() });
    let mut clients = [server.follow("/stream/progress"), server.follow("/stream/progress")];
    for client in &mut clients {
        client.expect("hello");
    }
    for seq in 1..=2_000 {
        server.publish(seq..=seq);
    }
    for client in &mut clients {
        assert_eq!(seqs(client, 2_000), span(1, 2_000));
    }
}

#[test]
fn filters_choose_and_bad_ones_are_refused_in_json() {
    let server = InProcessServer::start();
    server.publish(1..=20);
    let mut stream = server.follow("/stream/progress?types=error_occurred&task=odd");
    stream.expect("hello");
    assert_eq!(seqs(&mut stream, 2), [7, 17]);
    for target in [
        "/stream/progress?types=story_startled",
        "/stream/progress?types=",
        "/stream/progress?task=",
        "/api/events?limit=0",
        "/api/events?wait=61",
        "/api/state?wait=soon",
    ] {
        let response = get(server.address, target);
        assert_eq!(response.status, 400, "{target}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        let error = &response.json()["error"];
        assert_eq!(error["code"], "bad_query");
        assert!(error["message"].is_string() && error["hint"].is_string());
    }
}

#[test]
fn a_quiet_stream_gets_heartbeats_and_a_client_too_many_is_told() {
    let heartbeat = Duration::from_millis(50);
    let server = InProcessServer::with(ServeSettings { heartbeat, state_heartbeat: heartbeat, max_clients: 1, ..ServeSettings::default() });
    let mut stream = server.follow("/stream/progress");
    stream.expect("hello");
    for _ in 0..3 {
        assert_eq!(stream.next_item(), Some(StreamItem::Comment("heartbeat".into())));
    }
    server.publish(1..=1);
    stream.expect("ac_completed");

    let cursor = server.cursor(1);
    let mut refused = stream_with(server.address, "/stream/progress", &[("Last-Event-ID", &cursor)]);
    assert_eq!(refused.response.status, 200);
    let busy = refused.expect("busy");
    assert_eq!((busy.retry, busy.last_event_id), (Some(30_000), cursor));
    assert_eq!(refused.next_event(), None);

    drop(stream);
    // The seat is free once the server has seen the connection go.
    eventually(SOON, "a seat", || {
        let mut states = server.follow("/stream/state");
        let got_in = states.next_event().expect("hello or busy").event == "hello";
        if got_in {
            states.expect("state");
            states.expect("heartbeat");
        }
        got_in.then_some(())
    });
}

#[test]
fn states_come_at_once_and_the_latest_wins() {
    let server = InProcessServer::start();
    server.hub.set_state(state(3));
    let mut stream = server.follow("/stream/state");
    stream.expect("hello");
    let first = stream.expect("state");
    assert_eq!((first.json()["seq"].as_u64(), first.last_event_id), (Some(3), server.cursor(3)));
    let start = Instant::now();
    for seq in 4..=2_000 {
        server.hub.set_state(state(seq));
    }
    let mut shown = 0;
    while seq(&stream.expect("state")) < 2_000 {
        shown += 1;
    }
    let allowed = 2 + start.elapsed().as_millis() / 100;
    assert!(shown < allowed, "{shown} snapshots in {:?}", start.elapsed());
}

/// Of 4 MiB.
fn large_state(seq: u64) -> State {
    let notice = Notice { kind: NoticeKind::LineCut, path: None, message: "x".repeat(1 << 20).into(), at: Timestamp(0) };
    State { notices: vec![notice; 4], ..state(seq) }
}

#[test]
fn a_large_state_comes_whole() {
    let server = InProcessServer::start();
    server.hub.set_state(large_state(1));
    let mut stream = server.follow("/stream/state");
    stream.expect("hello");
    let first = stream.expect("state").json();
    assert_eq!((&first["seq"], first["notices"][3]["message"].as_str().map(str::len)), (&1.into(), Some(1 << 20)));
    server.hub.set_state(large_state(2));
    assert_eq!(seq(&stream.expect("state")), 2);
    assert_eq!(get(server.address, "/api/state").json()["seq"], 2);
    eventually(SOON, "nothing is kept for readers", || (server.hub.large_state_bytes() == 0).then_some(()));
}

/// Each of them is in the middle of another version.
#[test]
fn large_states_that_nobody_reads_are_bounded_together_and_the_oldest_reader_is_cut_off() {
    const MIB: usize = 1 << 20;
    let server = InProcessServer::start();
    let mut begun = Vec::new();
    for seq in 1..=12 {
        server.hub.set_state(large_state(seq));
        let target = if seq % 2 == 0 { "/stream/state" } else { "/api/state" };
        let mut socket = TcpStream::connect(server.address).expect("the server accepts");
        socket.set_read_timeout(Some(SOON)).expect("a timeout can be set");
        write!(socket, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it is short");
        eventually(SOON, "it is being read", || (server.hub.large_state_bytes() >= seq.min(7) as usize * 4 * MIB - MIB).then_some(()));
        assert!(server.hub.large_state_bytes() <= 33 * MIB);
        // Its first bytes, so that the next one begins later.
        socket.read_exact(&mut [0; 15]).expect("an answer");
        begun.push(socket);
    }
    let is_whole = |mut socket: TcpStream| {
        let mut text = Vec::new();
        let mut piece = [0; 1 << 16];
        // The state ends with the list of notices.
        while text.len() < 4 * MIB || !text[text.len() - 20..].windows(2).any(|end| end == b"]}") {
            match socket.read(&mut piece) {
                Ok(0) | Err(_) => return false,
                Ok(length) => text.extend_from_slice(&piece[..length]),
            }
        }
        true
    };
    let whole: Vec<_> = begun.into_iter().map(is_whole).collect();
    // Seven fit into the 32 MiB, and an eighth when the kernel has taken the first bytes of the others.
    assert!(whole.is_sorted() && (7..=8).contains(&whole.iter().filter(|whole| **whole).count()), "{whole:?}");
}
