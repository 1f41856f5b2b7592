//! `--connect`: the real binary shows another one, through proxies that hold streams back, and over its death.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON, eventually};
use crate::runner::append;

const PLAN: &str = r#"{"project": "Corner Shop", "userStories": [
    {"id": "US-001", "title": "Fill the basket", "passes": false}, {"id": "US-002", "title": "Empty the basket", "passes": false}]}"#;

/// Longer than the time after which a stream without a frame is given up.
const LATER: Duration = Duration::from_secs(40);

fn shop() -> ProjectFolder {
    let project = ProjectFolder::new();
    project.write("prd.json", PLAN);
    project.write("progress.txt", "[US-001] Starting...\n");
    project
}

fn serving(project: &ProjectFolder, listen: &str) -> BridgeProcess {
    project.start(&["--watch", ".", "--listen", listen])
}

fn story_starts(bridge: &BridgeProcess) -> Vec<Value> {
    let started = |event: &Value| event["type"] == "story_started";
    bridge.events().into_iter().filter(started).map(|event| event["data"]["story_id"].clone()).collect()
}

#[test]
fn events_come_as_they_were_sent() {
    let (project, viewer) = (shop(), ProjectFolder::new());
    let bridge = serving(&project, "127.0.0.1:0");
    let shown = viewer.start(&["--connect", &format!("http://{}", bridge.address()), "--json"]);
    shown.event("what was there", |event| event["type"] == "story_started");
    append(&project.file("progress.txt"), "[US-001] Complete\n");
    let event = shown.event("what came", |event| event["type"] == "story_completed");
    // The whole event, which has its own number over there.
    assert!(event["id"].is_string() && event["seq"].is_u64() && event["source"]["path"] == "progress.txt", "{event}");
    shown.says("connected");
}

/// `kill -9` and another process in its place: back without help, and nothing twice.
#[test]
fn a_killed_bridge_is_awaited_and_its_history_is_not_shown_again() {
    let (project, viewer) = (shop(), ProjectFolder::new());
    let bridge = serving(&project, "127.0.0.1:0");
    let address = bridge.address();
    let shown = viewer.start(&["--connect", &format!("http://{address}"), "--json", "--plain"]);
    shown.event("the first story", |event| event["type"] == "story_started");
    bridge.signal("KILL");
    drop(bridge);
    shown.says("cut off:");
    append(&project.file("progress.txt"), "[US-001] Complete\n[US-002] Starting...\n");
    let bridge = serving(&project, &address);
    assert_eq!(bridge.address(), address);
    shown.event("the second story", |event| event["data"]["story_id"] == "US-002");
    append(&project.file("progress.txt"), "[US-002] Complete\n");
    shown.event("the end of it", |event| event["type"] == "story_completed" && event["data"]["story_id"] == "US-002");
    assert_eq!(story_starts(&shown), ["US-001", "US-002"]);
    let mut ids: Vec<_> = shown.events().iter().map(|event| event["id"].to_string()).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "an event was shown twice");
    let lines = shown.stderr();
    assert_eq!(lines.matches("story_started    US-001").count(), 1, "{lines}");
}

#[test]
fn a_token_is_asked_for_once_and_then_sent() {
    let (project, viewer) = (shop(), ProjectFolder::new());
    project.write("token", "0123456789abcdef0123456789abcdef\n");
    let bridge = project.start(&["--watch", ".", "--listen", "127.0.0.1:0", "--token-file", "token"]);
    let url = format!("http://{}", bridge.address());
    let refused = viewer.start(&["--connect", &url, "--json"]).finished(SOON);
    assert_eq!(refused.status.code(), Some(4), "{:?}", refused.stderr);
    assert!(refused.stderr.join("\n").contains("cannot ask"), "{:?}", refused.stderr);
    let token = project.file("token");
    let shown = viewer.start(&["--connect", &url, "--json", "--token-file", &token.to_string_lossy()]);
    shown.event("what was there", |event| event["type"] == "story_started");
}

#[test]
fn exit_on_complete_ends_with_the_run_over_there() {
    let (project, viewer) = (shop(), ProjectFolder::new());
    let bridge = serving(&project, "127.0.0.1:0");
    let shown = viewer.start(&["--connect", &format!("http://{}", bridge.address()), "--json", "--exit-on-complete"]);
    shown.event("what was there", |event| event["type"] == "story_started");
    project.write("prd.json", &PLAN.replace("false", "true"));
    assert_eq!(shown.finished(SOON).status.code(), Some(0));
}

#[test]
fn nonsense_is_refused() {
    let viewer = ProjectFolder::new();
    for arguments in [
        &["--connect", "https://127.0.0.1:1"][..],
        &["--connect", "http://127.0.0.1:1", "--watch", "."],
        &["--connect", "http://127.0.0.1:1", "--once"],
    ] {
        assert_eq!(viewer.run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

/// A proxy that passes the head of a stream on and keeps its body, for ever; whatever else is asked goes through.
#[test]
fn behind_a_proxy_that_buffers_streams_it_polls() {
    let (project, viewer) = (shop(), ProjectFolder::new());
    let bridge = serving(&project, "127.0.0.1:0");
    let proxy = BufferingProxy::start(bridge.address());
    let shown = viewer.start(&["--connect", &format!("http://{}", proxy.address), "--json", "--plain"]);
    // First the stream is tried, then it polls: the order, not the time, is what is promised.
    eventually(SOON, "it asks for the streams", || (proxy.held.load(Ordering::Acquire) >= 2).then_some(()));
    assert!(shown.events().is_empty(), "nothing comes through");
    eventually(LATER, "it says that it polls", || shown.stderr().contains("polling").then_some(()));
    eventually(LATER, "what was there", || (story_starts(&shown) == ["US-001"]).then_some(()));
    append(&project.file("progress.txt"), "[US-001] Complete\n[US-002] Starting...\n");
    shown.event("what came", |event| event["data"]["story_id"] == "US-002");
    assert_eq!(story_starts(&shown), ["US-001", "US-002"]);
}

struct BufferingProxy {
    address: String,
    /// Streams that are held back.
    held: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl BufferingProxy {
    fn start(upstream: String) -> BufferingProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let proxy = BufferingProxy { address, held: Arc::default(), over: Arc::default(), connections: Arc::default() };
        let (held, over, connections) = (proxy.held.clone(), proxy.over.clone(), proxy.connections.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let (client, server) = (client.expect("a connection"), TcpStream::connect(&upstream).expect("the bridge is there"));
                connections.lock().expect("no panic").extend([&client, &server].map(|stream| stream.try_clone().expect("a handle")));
                let held = held.clone();
                thread::spawn(move || pass(client, server, &held));
            }
        });
        proxy
    }
}

impl Drop for BufferingProxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        let _wakes_it = TcpStream::connect(&self.address).is_err();
        for connection in self.connections.lock().expect("no panic").iter() {
            let _closed_already = connection.shutdown(std::net::Shutdown::Both).is_err();
        }
    }
}

fn pass(mut client: TcpStream, mut server: TcpStream, held: &AtomicUsize) {
    let mut buffer = [0; 16 * 1024];
    let Ok(read) = client.read(&mut buffer) else { return };
    let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
    if server.write_all(&buffer[..read]).is_err() {
        return;
    }
    let is_stream = request.starts_with("GET /stream/");
    let mut head_is_sent = false;
    held.fetch_add(usize::from(is_stream), Ordering::AcqRel);
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        let bytes = if is_stream {
            let end = String::from_utf8_lossy(&buffer[..read]).find("\r\n\r\n").filter(|_| !head_is_sent).map_or(0, |end| end + 4);
            head_is_sent |= end > 0;
            &buffer[..end]
        } else {
            &buffer[..read]
        };
        if client.write_all(bytes).is_err() {
            return;
        }
    }
}
