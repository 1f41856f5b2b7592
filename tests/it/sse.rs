//! An SSE client as the standard describes it, on a plain socket; and the whole way from the file to it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::bridge::{Project, SOON};
use crate::schema;

/// One dispatched event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    pub id: String,
    pub event: String,
    pub data: String,
}

pub struct Client {
    lines: BufReader<Chunks>,
    last_id: String,
}

impl Client {
    /// Connects, and checks what a browser would check.
    #[track_caller]
    pub fn connect(address: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(SOON)).expect("sockets have timeouts");
        let extra: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n{extra}\r\n").expect("it takes a request");
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("it answers");
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_ascii_lowercase());
        }
        assert!(head[0].starts_with("http/1.1 200"), "{head:#?}");
        assert!(head.contains(&"content-type: text/event-stream".to_owned()), "{head:#?}");
        assert!(head.contains(&"transfer-encoding: chunked".to_owned()), "{head:#?}");
        Client { lines: BufReader::new(Chunks { from: reader, left: 0 }), last_id: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    pub fn next(&mut self) -> Option<Message> {
        let mut message = Message::default();
        let mut data: Vec<String> = Vec::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("the stream goes on or ends cleanly") == 0 {
                return None;
            }
            let line = line.trim_end_matches(['\n', '\r']);
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if line.is_empty() => {
                    if !data.is_empty() {
                        message.data = data.join("\n");
                        message.id.clone_from(&self.last_id);
                        return Some(message);
                    }
                    message = Message::default();
                }
                "id" => value.clone_into(&mut self.last_id),
                "event" => value.clone_into(&mut message.event),
                "data" => data.push(value.to_owned()),
                // Comments, `retry` and what is unknown.
                _ => {}
            }
        }
    }

    /// The next event of this type.
    #[track_caller]
    pub fn wait_for(&mut self, event: &str) -> Message {
        loop {
            let message = self.next().unwrap_or_else(|| panic!("the stream ended before {event}"));
            if message.event == event {
                return message;
            }
        }
    }
}

/// A chunked body, without its chunks.
struct Chunks {
    from: BufReader<TcpStream>,
    left: usize,
}

impl std::io::Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut size = String::new();
            self.from.read_line(&mut size)?;
            self.left = usize::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let most = buffer.len().min(self.left);
        let read = self.from.read(&mut buffer[..most])?;
        self.left -= read;
        if self.left == 0 {
            let mut end = String::new();
            self.from.read_line(&mut end)?;
        }
        Ok(read)
    }
}

#[test]
fn a_line_in_the_file_reaches_every_client() {
    let project = Project::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    let bridge = project.start(&["--watch", "progress.txt", "--listen", "127.0.0.1:0"]);
    let address = bridge.address();
    let schema = schema::validator();
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(&address, "/stream/progress", &[])).collect();
    for client in &mut clients {
        client.wait_for("hello");
        client.wait_for("story_started");
    }
    crate::runner::append(&project.file("progress.txt"), "[US-001] Complete\n");
    for client in &mut clients {
        let message = client.wait_for("story_completed");
        let event: Value = serde_json::from_str(&message.data).expect("data is one line of JSON");
        schema::hold(&schema, &event);
        assert_eq!((event["data"]["story_id"].as_str(), event["data"]["status"].as_str()), (Some("US-001"), Some("passed")));
    }
}

#[test]
fn a_client_that_comes_back_goes_on_where_it_was() {
    let project = Project::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    let bridge = project.start(&["--watch", "progress.txt", "--listen", "127.0.0.1:0"]);
    let address = bridge.address();
    let seen = Client::connect(&address, "/stream/progress", &[]).wait_for("story_started").id;
    crate::runner::append(&project.file("progress.txt"), "[US-001] Complete\n[US-002] Starting...\n");
    for how in ["header", "query"] {
        let mut client = match how {
            "header" => Client::connect(&address, "/stream/progress", &[("Last-Event-ID", &seen)]),
            _ => Client::connect(&address, &format!("/stream/progress?last_event_id={seen}"), &[]),
        };
        let mut types = Vec::new();
        while !types.ends_with(&["story_started".to_owned()]) {
            types.push(client.next().expect("it goes on").event);
        }
        types.retain(|name| name != "hello");
        assert_eq!(types, ["story_completed", "story_started"], "by {how}");
    }
}

#[test]
fn the_end_of_the_program_is_a_clean_end_of_the_stream() {
    let project = Project::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    let bridge = project.start(&["--watch", "progress.txt", "--listen", "127.0.0.1:0"]);
    let mut client = Client::connect(&bridge.address(), "/stream/progress", &[]);
    client.wait_for("story_started");
    bridge.signal("TERM");
    client.wait_for("bye");
    assert_eq!(client.next(), None);
    bridge.finished(Duration::from_secs(2)).exits_with(0);
}
