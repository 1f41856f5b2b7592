//! Polling, the page, and refused requests.

use progress_bridge::event::{Event, EventSource};
use progress_bridge::model::state::State;
use progress_bridge::serve::{ServeSettings, Token};

use crate::bridge_process::{SOON, eventually};
use crate::in_process_server::{InProcessServer, event, span, state};
use crate::sse_client::{self, TestRequest, get, send};

#[test]
fn the_state_can_be_polled() {
    let server = InProcessServer::start();
    server.hub.set_state(state(3));
    let first = get(server.address, "/api/state");
    assert_eq!((first.status, first.header("content-type")), (200, Some("application/json")));
    assert_eq!(first.header("last-event-id"), Some(&*server.cursor(3)));
    let etag = first.header("etag").expect("a tag").to_owned();
    assert_eq!(first.json()["seq"], 3);
    let ask = |target: &str| send(server.address, &TestRequest { method: "GET", target, headers: &[("If-None-Match", &etag)] });
    assert_eq!(ask("/api/state").status, 304);
    assert_eq!(ask("/api/state?wait=1").status, 304);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ask("/api/state?wait=60"));
        server.hub.set_state(state(4));
        let answer = waiting.join().expect("an answer");
        assert_eq!((answer.status, answer.json()["seq"].as_u64()), (200, Some(4)));
    });
}

#[test]
fn some_tasks_can_be_asked_for() {
    let server = InProcessServer::start();
    let both: State = serde_json::from_str(include_str!("../../fixtures/state/two_tasks.json")).expect("a state");
    server.hub.set_state(both);
    let ids = |query: &str| -> Vec<String> {
        let state = get(server.address, &format!("/api/state{query}")).json();
        state["tasks"].as_array().expect("a list").iter().map(|task| task["task_id"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(ids(""), ["shop", "shop-docs", "old"]);
    assert_eq!(ids("?task=shop-docs,old"), ["shop-docs", "old"]);
    assert_eq!(ids("?q=CORNER+shop&status=running"), ["shop", "shop-docs"]);
    assert_eq!(ids("?status=planned,failed"), ["old"]);
    assert!(ids("?who=alice").is_empty() && ids("?task=none").is_empty());
    assert_eq!(get(server.address, "/api/state?status=odd").status, 400);
    assert_eq!(get(server.address, "/stream/state?status=odd").status, 400);
    // A tag is of one question.
    let tag = |query: &str| get(server.address, &format!("/api/state{query}")).header("etag").expect("a tag").to_owned();
    assert_eq!(tag("?task=shop"), tag("?task=shop"));
    assert!(tag("?task=shop") != tag("") && tag("?task=shop") != tag("?task=old"));
    let mut stream = server.follow("/stream/state?task=old");
    stream.expect("hello");
    let state = stream.expect("state").json();
    assert_eq!((state["tasks"].as_array().map(Vec::len), state["tasks"][0]["task_id"].as_str()), (Some(1), Some("old")));
}

#[test]
fn events_can_be_polled_page_by_page() {
    let server = InProcessServer::start();
    server.publish(1..=25);
    let mut after = String::new();
    let mut all = Vec::new();
    for _ in 0..3 {
        let page = get(server.address, &format!("/api/events?limit=10&after={after}")).json();
        all.extend(page["events"].as_array().expect("a list").iter().map(|event| event["seq"].as_u64().expect("a seq")));
        after = page["cursor"].as_str().expect("a cursor").to_owned();
        assert!(page.get("gap").is_none());
    }
    assert_eq!(all, span(1, 25));
    assert_eq!(get(server.address, &format!("/api/events?after={after}")).json(), serde_json::json!({"events": [], "cursor": after}));

    let restarted = get(server.address, "/api/events?after=0123456789ab-9").json();
    assert_eq!(restarted["gap"], serde_json::json!({"reason": "restarted", "oldest": server.cursor(1)}));
    assert_eq!(restarted["events"].as_array().map(Vec::len), Some(25));

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| get(server.address, &format!("/api/events?wait=60&types=error_occurred&after={after}")).json());
        server.publish(26..=30);
        let page = waiting.join().expect("an answer");
        assert_eq!(page["events"][0]["seq"], 27);
    });
}

/// However many events are asked for: a client that does not read holds one page.
#[test]
fn a_page_of_events_has_a_size() {
    let server = InProcessServer::start();
    let large = |seq| Event { source: EventSource { path: "x".repeat(20_000).into(), line: None, text: None }, ..event(seq) };
    server.hub.publish((1..=100).map(large).collect());
    let (mut after, mut all) = (String::new(), Vec::new());
    while all.len() < 100 {
        let body = get(server.address, &format!("/api/events?limit=10000&after={after}")).text();
        assert!(body.len() < 400_000, "{} bytes", body.len());
        let page: serde_json::Value = serde_json::from_str(&body).expect("it is JSON");
        let events = page["events"].as_array().expect("a list");
        assert!(!events.is_empty(), "a page goes on");
        all.extend(events.iter().map(|event| event["seq"].as_u64().expect("a seq")));
        after = page["cursor"].as_str().expect("a cursor").to_owned();
    }
    assert_eq!(all, span(1, 100));
}

#[test]
fn polls_that_wait_are_clients_too() {
    let server = InProcessServer::with(ServeSettings { max_clients: 1, ..ServeSettings::default() });
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| get(server.address, "/api/events?wait=60"));
        eventually(SOON, "it waits", || get(server.address, "/metrics").text().contains("waiting_polls 1\n").then_some(()));
        server.follow("/stream/progress").expect("busy");
        let refused = get(server.address, "/api/events?wait=1");
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("30")));
        assert_eq!(refused.json()["error"]["code"], "busy");
        assert_eq!(get(server.address, "/api/events").status, 200, "without waiting it needs no place");
        server.publish(1..=1);
        assert_eq!(waiting.join().expect("an answer").json()["events"][0]["seq"], 1);
    });
}

#[test]
fn everything_else_is_answered_in_json() {
    let server = InProcessServer::start();
    let ask = |method: &str, target: &str, headers: &[(&str, &str)]| send(server.address, &TestRequest { method, target, headers });
    let check = |response: sse_client::Response, status: u16, code: &str| {
        assert_eq!((response.status, response.header("content-type")), (status, Some("application/json")));
        assert_eq!(response.json()["error"]["code"], code);
    };
    check(get(server.address, "/nowhere"), 404, "not_found");
    check(get(server.address, "/stream"), 404, "not_found");
    check(get(server.address, "/api/stories/shop/US%2D001"), 404, "no_such_story");
    check(ask("GET", "/api/state", &[("Host", "evil.example")]), 403, "host_not_allowed");
    check(ask("GET", "/stream/progress", &[("Host", "evil.example:7333")]), 403, "host_not_allowed");
    check(ask("GET", "/api/state", &[("Host", "not a host")]), 400, "bad_request");
    check(ask("GET", "/api/state", &[("Origin", "https://evil.example")]), 403, "origin_not_allowed");
    let post = ask("POST", "/api/state", &[("Content-Length", "0")]);
    assert_eq!(post.header("allow"), Some("GET, HEAD, OPTIONS"));
    check(post, 405, "method_not_allowed");
    check(ask("DELETE", "/stream/progress", &[]), 405, "method_not_allowed");
    check(ask("POST", "/nowhere", &[("Content-Length", "0")]), 404, "not_found");
}

#[test]
fn pages_health_head_and_options() {
    let server = InProcessServer::start();
    assert_eq!(
        get(server.address, "/healthz").json(),
        serde_json::json!({"status": "ok", "files": {"reading": 0, "waiting": 0, "gone": 0, "unreadable": 0}})
    );
    assert_eq!(get(server.address, "/version").json()["version"], env!("CARGO_PKG_VERSION"));
    for (target, kind) in
        [("/", "text/html"), ("/panel.js", "text/javascript"), ("/view/stories.js", "text/javascript"), ("/page.css", "text/css")]
    {
        let response = get(server.address, target);
        assert_eq!(response.status, 200);
        assert!(response.header("content-type").is_some_and(|value| value.starts_with(kind)), "{target}");
        assert!(response.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
        let etag = response.header("etag").expect("an ETag");
        let again = send(server.address, &TestRequest { method: "GET", target, headers: &[("If-None-Match", etag)] });
        assert_eq!((again.status, again.text().as_str()), (304, ""), "{target}");
    }
    for target in ["/stream/progress", "/stream/state", "/api/state", "/api/events", "/healthz", "/metrics", "/version", "/"] {
        let head = send(server.address, &TestRequest { method: "HEAD", target, headers: &[("Connection", "close")] });
        assert_eq!(head.status, 200, "{target}");
        assert_eq!(head.header("content-type"), get(server.address, target).header("content-type"), "{target}");
        let options = send(server.address, &TestRequest { method: "OPTIONS", target, headers: &[] });
        assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")), "{target}");
    }
}

#[test]
fn only_allowed_origins_get_cors_headers_and_the_token_is_asked() {
    let allow_origin = vec!["https://board.example".to_owned()];
    let server = InProcessServer::with(ServeSettings { allow_origin, token: Token::new("s3cret"), ..ServeSettings::default() });
    let ask = |method: &str, headers: &[(&str, &str)]| send(server.address, &TestRequest { method, target: "/api/state", headers });
    let (origin, token) = (("Origin", "https://board.example"), ("Authorization", "Bearer s3cret"));
    let allowed = |response: &sse_client::Response| response.header("access-control-allow-origin").map(str::to_owned);
    let preflight = ask("OPTIONS", &[origin, ("Access-Control-Request-Headers", "authorization")]);
    assert_eq!((preflight.status, allowed(&preflight).as_deref()), (204, Some("https://board.example")));
    let stranger = ask("GET", &[origin]);
    assert_eq!(
        (stranger.status, stranger.header("www-authenticate"), allowed(&stranger).as_deref()),
        (401, Some("Bearer"), Some("https://board.example"))
    );
    let friend = ask("GET", &[origin, token]);
    assert_eq!((friend.status, friend.header("vary"), allowed(&friend).as_deref()), (200, Some("Origin"), Some("https://board.example")));
    let script = ask("GET", &[token]);
    assert_eq!((script.status, allowed(&script)), (200, None));
}
