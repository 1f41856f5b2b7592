//! Hostile and malformed requests: they crash nothing, delay no other client, and get an error in JSON with a hint.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use progress_bridge::serve::{ServeSettings, Token};

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON, eventually};
use crate::in_process_server::{InProcessServer, seqs, span};
use crate::runner::append;
use crate::sse_client::{Response, TestRequest, get, send, send_raw, stream};

#[track_caller]
fn check(response: Response, status: u16, code: &str) {
    assert_eq!((response.status, response.header("content-type")), (status, Some("application/json")));
    let error = response.json()["error"].take();
    assert_eq!(error["code"], code);
    assert!(error["message"].is_string() && error["hint"].is_string(), "{error}");
}

#[track_caller]
fn still_serves(server: &InProcessServer) {
    assert_eq!(get(server.address, "/healthz").json()["status"], "ok");
}

/// What the server answers to bytes on a connection of their own: an answer of its own kind, or an early close.
fn answer_to(server: &InProcessServer, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(server.address).expect("the server accepts");
    socket.set_read_timeout(Some(SOON)).expect("a timeout can be set");
    // The server may have read enough before the end of them, and its reset may overtake its answer.
    let _closed_early = socket.write_all(bytes).is_err();
    let mut answer = Vec::new();
    let _reset = socket.read_to_end(&mut answer).is_err();
    String::from_utf8(answer).expect("answers are text")
}

#[test]
fn heads_without_end_are_refused() {
    let server = InProcessServer::start();
    let value = "x".repeat(1_000);
    let many: String = (0..10_000).map(|number| format!("X-{number}: {value}\r\n")).collect();
    for bytes in [
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", value.repeat(10_000)),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", value.repeat(10_000)),
    ] {
        let answer = answer_to(&server, bytes.as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    still_serves(&server);
}

#[test]
fn what_is_no_http_is_refused() {
    let server = InProcessServer::start();
    let tls_hello = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n";
    let garbage: [&[u8]; 7] = [
        b"HELLO\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        tls_hello,
    ];
    for bytes in garbage {
        let answer = answer_to(&server, bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    still_serves(&server);
}

/// Where a worker once panicked before anybody had asked who sends this.
#[test]
fn a_target_without_a_path_is_refused() {
    let server = InProcessServer::start();
    for line in ["CONNECT x:80", "GET x", "GET http:", "GET http://", "OPTIONS x:1", "GET ?a=b", "GET .."] {
        let answer = answer_to(&server, format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{line}: {answer}");
    }
    let options = send(server.address, &TestRequest { method: "OPTIONS", target: "*", headers: &[] });
    assert_eq!(options.status, 204);
    still_serves(&server);
}

#[test]
fn there_is_one_host() {
    let server = InProcessServer::start();
    for headers in [
        "Host: localhost\r\nHost: evil.example",
        "Host: localhost\r\nHost: localhost",
        "Host: evil.example\r\nHost: localhost",
        "Host: localhost\r\nOrigin: http://localhost\r\nOrigin: https://evil.example",
        "Host: localhost\r\nAuthorization: Bearer one\r\nAuthorization: Bearer two",
    ] {
        check(send_raw(server.address, format!("GET /api/state HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes()), 400, "bad_request");
    }
    for host in ["evil.example@localhost", "localhost@evil.example", "localhost:7333@evil.example"] {
        check(send_raw(server.address, format!("GET /api/state HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()), 403, "host_not_allowed");
    }
    still_serves(&server);
}

/// Whatever it is answered with, if at all: nothing breaks down, not even a worker for a moment.
#[test]
fn noise_ends_nobody_else() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-1] Starting...\n");
    let bridge = project.start(&["--no-discover", "--listen", "127.0.0.1:0", "progress.txt"]);
    let address = bridge.address().parse().expect("an address");
    let mut reader = stream(address, "/stream/progress");
    reader.wait_for("story_started");
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut byte = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()[3]
    };
    for round in 0..200 {
        let noise: Vec<u8> = (0..round * 7).map(|_| byte()).collect();
        let mut socket = TcpStream::connect(address).expect("the server accepts");
        if round % 3 == 0 {
            // A request that breaks off, or goes on as noise.
            socket.write_all(b"GET /stream/progress HTTP/1.1\r\nHost: localhost\r\nX: ").expect("the server listens");
        }
        // It may have read enough before the end.
        let _hung_up = socket.write_all(&noise).is_err();
    }
    append(&project.file("progress.txt"), "[US-2] Starting...\n");
    assert_eq!(reader.wait_for("story_started").json()["data"]["story_id"], "US-2");
    eventually(SOON, "the noise is counted", || {
        let metrics = get(address, "/metrics").text();
        let count = metrics.lines().find_map(|line| line.strip_prefix("progress_bridge_malformed_total ")).expect("a count");
        (count.parse::<u64>().expect("a number") > 100).then_some(())
    });
    assert!(!bridge.stderr().contains("panicked"), "{}", bridge.stderr());
}

#[test]
fn a_head_that_drips_is_cut_off_and_holds_nobody() {
    let server = InProcessServer::with(ServeSettings { head_timeout: Duration::from_millis(300), ..ServeSettings::default() });
    let connect = || TcpStream::connect(server.address).expect("the server accepts");
    let dripping: Vec<_> = (0..50).map(|_| connect()).collect();
    let silent = connect();
    for mut socket in &dripping {
        socket.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").expect("the server listens");
    }
    still_serves(&server);
    let start = Instant::now();
    let answered = |mut socket: &TcpStream| {
        socket.set_read_timeout(Some(SOON)).expect("a timeout can be set");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("it ends cleanly");
        answer
    };
    assert!(dripping.iter().chain([&silent]).all(|socket| answered(socket).is_empty()), "who has asked nothing is told nothing");
    assert!(start.elapsed() < SOON, "all at the same time");
    // A kept connection that asks no second time ends the same way.
    let mut kept = connect();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server listens");
    let answer = answered(&kept);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.matches("HTTP/1.1").count() == 1, "{answer}");
}

#[test]
fn idle_connections_give_way_and_streams_do_not() {
    // No time limit closes them.
    let head_timeout = Duration::from_secs(3600);
    let server = InProcessServer::with(ServeSettings { max_clients: 2, max_connections: 8, head_timeout, ..ServeSettings::default() });
    let mut reader = server.follow("/stream/progress");
    reader.expect("hello");
    let mut idle: Vec<_> = (0..30).map(|_| TcpStream::connect(server.address).expect("the server accepts")).collect();
    idle.iter_mut().step_by(2).for_each(|socket| socket.write_all(b"GET / HTTP/1.1\r\nX").unwrap_or_default());
    for _ in 0..20 {
        let start = Instant::now();
        still_serves(&server);
        assert!(start.elapsed() < Duration::from_secs(2), "a seat is free at once, not after the time limit of heads");
    }
    server.publish(1..=3);
    assert_eq!(seqs(&mut reader, 3), span(1, 3));
    let closed = |mut socket: &TcpStream| {
        socket.set_read_timeout(Some(SOON)).expect("a timeout can be set");
        socket.read(&mut [0]).map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |length| length == 0)
    };
    assert!(closed(&idle[0]), "the oldest goes first");
}

#[test]
fn no_path_leads_to_a_file() {
    let server = InProcessServer::start();
    for target in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/panel.js/../../../etc/passwd",
        "//etc/passwd",
        "/page.css%00.txt",
        "/stream/progress/../../etc/passwd",
        "/\\..\\..\\etc\\passwd",
        "/stream%2fprogress",
    ] {
        check(get(server.address, target), 404, "not_found");
    }
}

#[test]
fn other_ways_to_say_the_same_are_no_way_around_the_guard() {
    let server = InProcessServer::with(ServeSettings { token: Token::new("s3cret"), ..ServeSettings::default() });
    let ask = |target: &str, headers: &[(&str, &str)]| send(server.address, &TestRequest { method: "GET", target, headers });
    let token = ("Authorization", "Bearer s3cret");
    assert_eq!(ask("/api/state", &[token]).status, 200);
    for target in ["/api/state?token=s3cret", "/api/state?access_token=s3cret", "/api/state", "/metrics"] {
        check(ask(target, &[]), 401, "token_needed");
    }
    check(ask("/api/state", &[("Cookie", "token=s3cret")]), 401, "token_needed");
    check(ask("/api/state", &[token, ("Origin", "https://evil.example")]), 403, "origin_not_allowed");
    check(ask("/api/state", &[token, ("Host", "evil.example")]), 403, "host_not_allowed");
    check(ask("http://evil.example/api/state", &[token, ("Host", "evil.example")]), 403, "host_not_allowed");
    check(send_raw(server.address, b"GET /api/state HTTP/1.0\r\n\r\n"), 403, "host_not_allowed");
    for open in ["/healthz", "/version", "/", "/panel.js", "/view/stories.js"] {
        assert_eq!(ask(open, &[]).status, 200, "{open}");
    }
    let refused = ask("/stream/progress", &[]);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
}

/// With one seat, taken by nobody: a foreign page's requests leave it free, and learn nothing.
#[test]
fn pages_of_other_ports_take_no_seat() {
    let server = InProcessServer::with(ServeSettings { max_clients: 1, ..ServeSettings::default() });
    let ask = |target: &str, headers: &[(&str, &str)]| send(server.address, &TestRequest { method: "GET", target, headers });
    let image = [("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")];
    let kept: Vec<_> = (0..5).map(|_| ask("/stream/progress", &image)).collect();
    assert!(kept.iter().all(|response| response.status == 403));
    check(ask("/api/state", &image), 403, "page_not_allowed");
    check(ask("/stream/progress", &[("Origin", "http://localhost:3000")]), 403, "origin_not_allowed");
    let visit = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")];
    assert_eq!(ask("/", &visit).status, 200);
    server.follow("/stream/progress").expect("hello");
    for target in ["/", "/api/state", "/stream/progress"] {
        let response = get(server.address, target);
        assert_eq!(response.header("cross-origin-resource-policy"), Some("same-origin"), "{target}");
        assert!(response.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'")), "{target}");
    }
}

#[test]
fn a_proxy_that_says_so_needs_a_token_behind_it() {
    let server = InProcessServer::start();
    let ask = |headers: &[(&str, &str)]| send(server.address, &TestRequest { method: "GET", target: "/stream/progress", headers });
    check(ask(&[("X-Forwarded-For", "203.0.113.9")]), 403, "token_required");
    check(ask(&[("Forwarded", "for=203.0.113.9;proto=https")]), 403, "token_required");
    assert_eq!(ask(&[]).status, 200);
}

#[test]
fn a_subscriber_may_join_between_any_two_events() {
    let server = InProcessServer::with(ServeSettings { max_rate: 0, ..ServeSettings::default() });
    let mut clients = Vec::new();
    for seq in 1..=60 {
        clients.push(stream(server.address, "/stream/progress"));
        server.publish(seq..=seq);
    }
    for mut client in clients {
        client.expect("hello");
        assert_eq!(seqs(&mut client, 60), span(1, 60));
    }
}

/// A shell that lowers the limit, then becomes the bridge.
#[test]
fn few_descriptors_are_enough_for_files_and_some_clients() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    let bridge = env!("CARGO_BIN_EXE_progress-bridge");
    let mut command = Command::new("sh");
    let script = "ulimit -n 64; exec \"$0\" --watch progress.txt --listen 127.0.0.1:0 --no-discover";
    command.args(["-c", script, bridge]).env("HOME", project.path()).env("TZ", "UTC");
    let bridge = BridgeProcess::start_in(&mut command, project.path());
    let address = bridge.address().parse().expect("an address");
    let mut reader = stream(address, "/stream/progress");
    reader.expect("hello");
    reader.wait_for("story_started");
    let crowd: Vec<_> = (0..200).filter_map(|_| TcpStream::connect(address).ok()).collect();
    // Replaced, so that it must be opened anew.
    project.write("new.txt", "[US-001] Starting...\n[US-002] Starting...\n");
    std::fs::rename(project.file("new.txt"), project.file("progress.txt")).expect("the folder is ours");
    assert_eq!(reader.wait_for("story_started").json()["data"]["story_id"], "US-002");
    append(&project.file("progress.txt"), "[US-003] Starting...\n");
    assert_eq!(reader.wait_for("story_started").json()["data"]["story_id"], "US-003");
    // Half of what is not kept for the program itself is there for connections, the other half for files.
    let open = bridge.open_files();
    assert!(open <= 48, "{open} of 64");
    drop(crowd);
    eventually(SOON, "room for others", || {
        let mut socket = TcpStream::connect(address).ok()?;
        socket.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
        socket.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        answer.contains("\"reading\":1").then_some(())
    });
}

#[test]
fn metrics_are_counts_and_name_no_file() {
    let server = InProcessServer::with(ServeSettings { max_clients: 1, ..ServeSettings::default() });
    server.publish(1..=8);
    let mut stream = server.follow("/stream/progress?last_event_id=0123456789ab-3");
    stream.expect("hello");
    stream.expect("gap");
    server.follow("/stream/state").expect("busy");
    get(server.address, "/nowhere");
    answer_to(&server, b"HELLO\r\n\r\n");
    let answer = get(server.address, "/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    for line in [
        "progress_bridge_events_total{type=\"ac_completed\"} 7",
        "progress_bridge_events_total{type=\"error_occurred\"} 1",
        "progress_bridge_events_total{type=\"task_started\"} 0",
        "progress_bridge_log_events 8",
        "progress_bridge_streams{stream=\"progress\"} 1",
        "progress_bridge_streams{stream=\"state\"} 0",
        "progress_bridge_busy_total 1",
        "progress_bridge_gaps_total{reason=\"restarted\"} 1",
        "progress_bridge_malformed_total 1",
        "progress_bridge_requests_total{route=\"other\",code=\"4xx\"} 1",
        "progress_bridge_requests_total{route=\"/stream/progress\",code=\"2xx\"} 1",
        "progress_bridge_sources{state=\"reading\"} 0",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
    }
    // What Prometheus reads: every sample has a type, and its name stands once under it.
    let mut typed = std::collections::BTreeSet::new();
    for line in text.lines() {
        match line.strip_prefix("# ") {
            Some(comment) if comment.starts_with("TYPE ") => {
                let name = comment.split(' ').nth(1).expect("a name");
                assert!(typed.insert(name.to_owned()), "{name} twice");
            }
            Some(_) => {}
            None => {
                let name = line.split(['{', ' ']).next().expect("a name");
                assert!(typed.contains(name), "{line}");
                assert!(line.rsplit(' ').next().is_some_and(|value| value.parse::<f64>().is_ok()), "{line}");
            }
        }
    }
}
