//! The end of the program, and clients that stopped reading.

use std::net::TcpStream;
use std::time::Duration;

use progress_bridge::event::{Event, EventSource};
use progress_bridge::serve::ServeSettings;

use crate::bridge_process::{SOON, eventually};
use crate::in_process_server::{InProcessServer, event, seq, seqs, span, state};
use crate::sse_client::{TestRequest, get, send_on};

#[test]
fn the_end_of_the_program_is_a_bye_and_a_clean_end() {
    let server = InProcessServer::start();
    let mut progress = server.follow("/stream/progress");
    progress.expect("hello");
    let mut states = server.follow("/stream/state");
    states.expect("hello");
    states.expect("state");
    let poll = send_on(
        TcpStream::connect(server.address).expect("the server accepts"),
        server.address,
        &TestRequest { method: "GET", target: "/healthz", headers: &[] },
    );
    let address = server.address;
    // More than the pace lets through: what is known goes out all the same.
    server.publish(1..=30);
    server.hub.set_state(state(30));
    server.hub.close();
    assert_eq!(seqs(&mut progress, 30), span(1, 30));
    assert_eq!(progress.expect("bye").last_event_id, server.cursor(30));
    assert_eq!(progress.next_event(), None);
    assert_eq!(seq(&states.expect("state")), 30);
    states.expect("bye");
    assert_eq!(states.next_event(), None);
    let took = server.stop();
    assert!(took < Duration::from_secs(1), "an idle connection does not hold the end: {took:?}");
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    drop(poll);
}

/// A client that asks and never reads; the server's writes pile up behind it.
fn deaf(server: &InProcessServer) -> TcpStream {
    let socket = TcpStream::connect(server.address).expect("the server accepts");
    let request = format!("GET /stream/progress HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    std::io::Write::write_all(&mut &socket, request.as_bytes()).expect("the request can be sent");
    socket
}

/// 24 rounds are enough to fill what kernels hold for a socket that is not read (6 MiB on the reader's side with autotuning).
const ROUNDS: u64 = 24;

/// Publishes a megabyte and returns its seqs.
fn flood(server: &InProcessServer, round: u64) -> Vec<u64> {
    let seqs = span(round * 50 + 1, round * 50 + 50);
    let large = |seq: &u64| Event { source: EventSource { path: "x".repeat(20_000).into(), line: None, text: None }, ..event(*seq) };
    server.hub.publish(seqs.iter().map(large).collect());
    seqs
}

#[test]
fn a_client_that_never_reads_holds_neither_others_nor_the_end() {
    let server = InProcessServer::with(ServeSettings { max_rate: 0, ..ServeSettings::default() });
    let mut reader = server.follow("/stream/progress");
    reader.expect("hello");
    let deaf: Vec<_> = (0..3).map(|_| deaf(&server)).collect();
    for round in 0..ROUNDS {
        let published = flood(&server, round);
        assert_eq!(seqs(&mut reader, 50), published);
    }
    let took = server.stop();
    assert!(took < Duration::from_secs(2), "the end took {took:?}");
    reader.expect("bye");
    assert_eq!(reader.next_event(), None);
    drop(deaf);
}

#[test]
fn a_client_that_never_reads_is_reset() {
    let server =
        InProcessServer::with(ServeSettings { max_rate: 0, write_timeout: Duration::from_millis(300), ..ServeSettings::default() });
    let deaf = deaf(&server);
    for round in 0..ROUNDS {
        flood(&server, round);
    }
    // Not by reading: that would wake the connection up. The reset shows as a pending error on the socket.
    eventually(SOON, "a reset", || deaf.take_error().expect("the socket can be asked"));
    assert!(get(server.address, "/metrics").text().contains("\nprogress_bridge_stuck_total 1\n"));
}
