//! The end of the program, and clients that stopped reading.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

use progress_bridge::clock::Timestamp;
use progress_bridge::error::{Notice, NoticeKind};
use progress_bridge::event::{Event, EventSource};
use progress_bridge::model::state::State;
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

/// It reads a few bytes now and then, on each route whose answers can be large; the small ones are asked for a thousand times.
#[test]
fn a_client_that_takes_next_to_nothing_is_reset_on_every_route() {
    let write_timeout = Duration::from_millis(400);
    let server = InProcessServer::with(ServeSettings { max_rate: 0, write_timeout, ..ServeSettings::default() });
    (0..3).for_each(|round| drop(flood(&server, round)));
    let notice = |_| Notice { kind: NoticeKind::Found, path: None, message: "x".repeat(200).into(), at: Timestamp(0) };
    server.hub.set_state(State { notices: (0..10_000).map(notice).collect(), ..state(150) });
    let resumed = format!("/stream/progress?last_event_id={}", server.cursor(0));
    let targets = [&*resumed, "/stream/state", "/api/state", "/api/events?limit=10000", "/", "/panel.js", "/metrics", "/nowhere"];
    for target in targets {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("the buffer can be small");
        socket.connect(&server.address.into()).expect("the server accepts");
        socket.set_nonblocking(true).expect("it can be");
        let mut socket = TcpStream::from(socket);
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(4_000);
        let mut unsent = request.as_bytes();
        eventually(SOON, format!("a reset on {target}"), || {
            // Whichever call comes first after the reset reports it.
            let written = if unsent.is_empty() { Ok(0) } else { std::io::Write::write(&mut socket, unsent) };
            unsent = &unsent[*written.as_ref().unwrap_or(&0)..];
            let read = socket.read(&mut [0; 20]);
            let is_reset = |error: &std::io::Error| error.kind() != ErrorKind::WouldBlock;
            let errors = [written.err(), read.err(), socket.take_error().expect("the socket can be asked")];
            errors.iter().flatten().any(is_reset).then_some(())
        });
    }
    let metrics = get(server.address, "/metrics").text();
    assert!(metrics.contains(&format!("\nprogress_bridge_stuck_total {}\n", targets.len())), "{metrics}");
}
