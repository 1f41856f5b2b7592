//! `doctor` of folders and of URLs.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use progress_bridge::serve::ServeSettings;

use crate::bridge_process::{FinishedProcess, ProjectFolder};
use crate::in_process_server::InProcessServer;

fn text(finished: &FinishedProcess) -> String {
    finished.stdout.join("\n")
}

#[test]
fn a_project_is_named_with_what_is_understood_and_the_next_command() {
    let project = ProjectFolder::new();
    project.write("prd.json", r#"{"project": "Shop", "userStories": [{"id": "US-001", "title": "Basket", "passes": false}]}"#);
    project.write("progress.txt", "[US-001] Starting...\n");
    let healthy = project.run(&["doctor"]).exits_with(0);
    for words in ["Shop: running", "ok    prd.json: plan, 1 story", "ok    progress.txt", "next: progress-bridge --stream"] {
        assert!(text(&healthy).contains(words), "{words} is missing in\n{}", text(&healthy));
    }
    project.write("prd.json", "{\"userStories\": [");
    let broken = project.run(&["doctor"]);
    assert!(text(&broken).contains("prd.json"), "{}", text(&broken));
}

#[test]
fn a_log_that_nobody_knows_leads_to_check() {
    let project = ProjectFolder::new();
    project.write("robot.log", "beep\nboop\n");
    let finished = project.run(&["doctor", "robot.log"]);
    assert!(text(&finished).contains("next: progress-bridge check robot.log"), "{}", text(&finished));
}

#[test]
fn nothing_found_is_3_with_what_was_looked_for() {
    let project = ProjectFolder::new();
    let finished = project.run(&["doctor"]).exits_with(3);
    assert!(finished.complaint().contains("progress.txt"), "{}", finished.complaint());
    let finished = project.run(&["doctor", "nowhere.txt"]).exits_with(3);
    assert!(finished.complaint().contains("nowhere.txt"), "{}", finished.complaint());
}

/// Answers like a bridge behind a proxy that spoils the stream.
fn spoiled_bridge(stream: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it has one").to_string();
    std::thread::spawn(move || {
        while let Ok((mut client, _)) = listener.accept() {
            let mut request = [0; 2048];
            let length = client.read(&mut request).unwrap_or(0);
            let answer = match request[..length].starts_with(b"GET /version") {
                true => {
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 19\r\nconnection: close\r\n\r\n{\"version\":\"1.5.0\"}"
                }
                false => stream,
            };
            // The other side may have gone.
            let _gone = client.write_all(answer.as_bytes()).is_err();
        }
    });
    address
}

#[test]
fn a_stream_that_is_spoiled_on_its_way_is_named() {
    let project = ProjectFolder::new();
    for (stream, words) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\nevent: hello\ndata: {\"heartbeat_ms\":50}\n\n",
            &["content type", "without id", "cut after"][..],
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n<html>",
            &["compressed (gzip)", "does not begin with hello"],
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\nid: e-1\nevent: hello\ndata: {\"heartbeat_ms\":50}\n\nid: e-2\nevent: story_started\ndata: {\"seq\":2}\n\n",
            &["Last-Event-ID does not get there"],
        ),
    ] {
        let finished = project.run(&["doctor", &format!("http://{}", spoiled_bridge(stream))]).exits_with(1);
        for words in words {
            assert!(text(&finished).contains(words), "{words} is missing in\n{}", text(&finished));
        }
    }
}

#[test]
fn nobody_there_and_somebody_else_is_4() {
    let project = ProjectFolder::new();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let finished = project.run(&["doctor", &format!("http://127.0.0.1:{port}")]).exits_with(4);
    assert!(finished.complaint().contains("connection refused"), "{}", finished.complaint());
}

#[test]
fn a_stream_that_comes_through_whole_is_healthy() {
    let settings = ServeSettings { heartbeat: Duration::from_millis(100), ..ServeSettings::default() };
    let server = InProcessServer::with(settings);
    server.publish(1..=3);
    let project = ProjectFolder::new();
    let finished = project.run(&["doctor", &format!("http://{}", server.address)]).exits_with(0);
    for words in ["text/event-stream", "4 frames, each with its id", "kept open while quiet", "Last-Event-ID gets there", "--connect http"]
    {
        assert!(text(&finished).contains(words), "{words} is missing in\n{}", text(&finished));
    }
}
