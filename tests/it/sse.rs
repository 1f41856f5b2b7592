//! The whole way from the file to an SSE client, through the real binary.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::bridge_process::ProjectFolder;
use crate::schema;
use crate::sse_client::{SseStream, stream_with};

const STREAM: &str = "/stream/progress";

/// Follows the stream of the bridge that listens there.
pub fn follow(address: &str, target: &str, headers: &[(&str, &str)]) -> SseStream {
    let address: SocketAddr = address.parse().expect("an address");
    let stream = stream_with(address, target, headers);
    assert_eq!(stream.response.status, 200);
    assert_eq!(stream.response.header("content-type"), Some("text/event-stream"));
    stream
}

#[test]
fn a_line_in_the_file_reaches_every_client() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    let bridge = project.start(&["--watch", "progress.txt", "--listen", "127.0.0.1:0"]);
    let address = bridge.address();
    let schema = schema::validator();
    let mut clients: Vec<SseStream> = (0..3).map(|_| follow(&address, STREAM, &[])).collect();
    for client in &mut clients {
        client.wait_for("hello");
        client.wait_for("story_started");
    }
    crate::runner::append(&project.file("progress.txt"), "[US-001] Complete\n");
    for client in &mut clients {
        let message = client.wait_for("story_completed");
        let event: Value = serde_json::from_str(&message.data).expect("data is one line of JSON");
        schema::validate(&schema, &event);
        assert_eq!((event["data"]["story_id"].as_str(), event["data"]["status"].as_str()), (Some("US-001"), Some("passed")));
    }
}

#[test]
fn a_client_that_comes_back_goes_on_where_it_was() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    let bridge = project.start(&["--watch", "progress.txt", "--listen", "127.0.0.1:0"]);
    let address = bridge.address();
    let seen = follow(&address, STREAM, &[]).wait_for("story_started").last_event_id;
    crate::runner::append(&project.file("progress.txt"), "[US-001] Complete\n[US-002] Starting...\n");
    for how in ["header", "query"] {
        let mut client = match how {
            "header" => follow(&address, STREAM, &[("Last-Event-ID", &seen)]),
            _ => follow(&address, &format!("{STREAM}?last_event_id={seen}"), &[]),
        };
        let mut types = Vec::new();
        while !types.ends_with(&["story_started".to_owned()]) {
            types.push(client.next_event().expect("it goes on").event);
        }
        types.retain(|name| name != "hello");
        assert_eq!(types, ["story_completed", "story_started"], "by {how}");
    }
}

#[test]
fn the_end_of_the_program_is_a_clean_end_of_the_stream() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    let bridge = project.start(&["--watch", "progress.txt", "--listen", "127.0.0.1:0"]);
    let mut client = follow(&bridge.address(), STREAM, &[]);
    client.wait_for("story_started");
    bridge.signal("TERM");
    client.wait_for("bye");
    assert_eq!(client.next_event(), None);
    bridge.finished(Duration::from_secs(2)).exits_with(0);
}
