//! A blocking HTTP and SSE client for tests, written against RFC 9112 and the WHATWG EventSource standard, not against our code.
//!
//! No client package: they mend or refuse what these tests have to send (`OPTIONS *`, two hosts, a length that is a lie) and read ahead what a slow client
//! must leave lying; hyper's would be the server's own understanding of HTTP, tried against itself.

#![allow(dead_code, reason = "each test crate uses its own part of it")]

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longer than anything we wait for; reaching it is a failure with a message instead of a hang.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// What is asked. `Host` is the address unless a header says otherwise.
pub struct TestRequest<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
}

/// The head of an answer and the body still to be read.
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    body: ResponseBody,
}

/// How the body ends.
enum Framing {
    Chunked,
    Length(usize),
    UntilClose,
}

struct ResponseBody {
    socket: BufReader<TcpStream>,
    framing: Framing,
    /// Decoded and not yet taken.
    ready: VecDeque<u8>,
    ended: bool,
}

/// An event as a page would get it, or a comment, which a page would not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamItem {
    Event(SseMessage),
    Comment(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseMessage {
    /// The event name; `message` without one.
    pub event: String,
    pub data: String,
    pub last_event_id: String,
    /// The frame's own `retry`, when it had one.
    pub retry: Option<u64>,
    /// The field names of the frame, in order.
    pub fields: Vec<String>,
    /// When its last line was read.
    pub at: Instant,
}

/// Reads items from a stream. Chunks may tear anything, even a character.
pub struct SseStream {
    pub response: Response,
    line: Vec<u8>,
    after_return: bool,
    at_start: bool,
    event: String,
    data: String,
    last_event_id: String,
    retry: Option<u64>,
    fields: Vec<String>,
}

/// With a body, whose length a header says.
pub fn exchange(address: SocketAddr, request: &TestRequest<'_>, body: &str) -> Response {
    let socket = TcpStream::connect(address).expect("the server accepts");
    send_on_with(socket, address, request, body)
}

pub fn send(address: SocketAddr, request: &TestRequest<'_>) -> Response {
    let socket = TcpStream::connect(address).expect("the server accepts");
    send_on(socket, address, request)
}

/// On a socket of the test's own making.
pub fn send_on(socket: TcpStream, address: SocketAddr, request: &TestRequest<'_>) -> Response {
    send_on_with(socket, address, request, "")
}

fn send_on_with(mut socket: TcpStream, address: SocketAddr, request: &TestRequest<'_>, body: &str) -> Response {
    socket.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout can be set");
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.push_str(body);
    socket.write_all(head.as_bytes()).expect("the request can be sent");
    read_head(BufReader::new(socket), request.method)
}

/// Bytes as they are, be they a request or not.
pub fn send_raw(address: SocketAddr, bytes: &[u8]) -> Response {
    let mut socket = TcpStream::connect(address).expect("the server accepts");
    socket.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout can be set");
    socket.write_all(bytes).expect("everything can be sent");
    read_head(BufReader::new(socket), "GET")
}

pub fn get(address: SocketAddr, target: &str) -> Response {
    send(address, &TestRequest { method: "GET", target, headers: &[] })
}

pub fn stream(address: SocketAddr, target: &str) -> SseStream {
    SseStream::new(get(address, target))
}

pub fn stream_with(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> SseStream {
    SseStream::new(send(address, &TestRequest { method: "GET", target, headers }))
}

fn read_head(mut socket: BufReader<TcpStream>, method: &str) -> Response {
    let mut line = || {
        let mut text = String::new();
        socket.read_line(&mut text).expect("the head can be read");
        assert!(text.ends_with("\r\n"), "a head line ends in CRLF: {text:?}");
        text.truncate(text.len() - 2);
        text
    };
    let status_line = line();
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("a status: {status_line:?}"));
    let mut headers = Vec::new();
    loop {
        let text = line();
        if text.is_empty() {
            break;
        }
        let (name, value) = text.split_once(':').unwrap_or_else(|| panic!("a header: {text:?}"));
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let find = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let framing = if method == "HEAD" || status == 204 || status == 304 {
        Framing::Length(0)
    } else if find("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        Framing::Chunked
    } else if let Some(length) = find("content-length") {
        Framing::Length(length.parse().expect("a length is a number"))
    } else {
        Framing::UntilClose
    };
    Response { status, headers, body: ResponseBody { socket, framing, ready: VecDeque::new(), ended: false } }
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The whole body.
    pub fn text(mut self) -> String {
        while self.body.fill().expect("the body can be read") {}
        String::from_utf8(self.body.ready.into()).expect("the body is UTF-8")
    }

    pub fn json(self) -> serde_json::Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

impl ResponseBody {
    /// Reads some more; false at the clean end. A connection that breaks off inside a body is an error.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        match &mut self.framing {
            Framing::Chunked => {
                let mut size = String::new();
                self.socket.read_line(&mut size)?;
                let digits = size.trim_end().split(';').next().unwrap_or_default();
                let size = usize::from_str_radix(digits, 16).map_err(|_| io::Error::other(format!("no chunk size: {size:?}")))?;
                let mut chunk = vec![0; size + 2];
                self.socket.read_exact(&mut chunk)?;
                assert!(chunk.ends_with(b"\r\n"), "a chunk ends in CRLF");
                self.ready.extend(&chunk[..size]);
                self.ended = size == 0;
            }
            Framing::Length(left) => {
                let mut some = vec![0; (*left).min(4096)];
                self.socket.read_exact(&mut some)?;
                *left -= some.len();
                self.ready.extend(&some);
                self.ended = *left == 0 && some.is_empty();
            }
            Framing::UntilClose => {
                let mut some = vec![0; 4096];
                let count = self.socket.read(&mut some)?;
                self.ready.extend(&some[..count]);
                self.ended = count == 0;
            }
        }
        Ok(!self.ended)
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        while self.ready.is_empty() {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(self.ready.pop_front())
    }
}

impl SseStream {
    pub fn new(response: Response) -> Self {
        SseStream {
            response,
            line: Vec::new(),
            after_return: false,
            at_start: true,
            event: String::new(),
            data: String::new(),
            last_event_id: String::new(),
            retry: None,
            fields: Vec::new(),
        }
    }

    /// The next event, passing over comments; `None` at the clean end.
    pub fn next_event(&mut self) -> Option<SseMessage> {
        let start = Instant::now();
        loop {
            match self.next_item()? {
                StreamItem::Event(message) => return Some(message),
                // Heartbeats would keep a test waiting for ever.
                StreamItem::Comment(_) => assert!(start.elapsed() < READ_TIMEOUT, "nothing but comments in {READ_TIMEOUT:?}"),
            }
        }
    }

    /// The next event, which must be there.
    pub fn expect(&mut self, event: &str) -> SseMessage {
        let message = self.next_event().unwrap_or_else(|| panic!("the stream ended before {event}"));
        assert_eq!(message.event, event, "{message:?}");
        message
    }

    /// The next event of this type.
    #[track_caller]
    pub fn wait_for(&mut self, event: &str) -> SseMessage {
        let start = Instant::now();
        loop {
            let message = self.next_event().unwrap_or_else(|| panic!("the stream ended before {event}"));
            if message.event == event {
                return message;
            }
            assert!(start.elapsed() < READ_TIMEOUT, "no {event} in {READ_TIMEOUT:?}");
        }
    }

    pub fn next_item(&mut self) -> Option<StreamItem> {
        self.try_next_item().expect("the stream breaks off only at its clean end")
    }

    /// The error is a connection that broke.
    pub fn try_next_item(&mut self) -> io::Result<Option<StreamItem>> {
        loop {
            let Some(line) = self.next_line()? else { return Ok(None) };
            if let Some(item) = self.interpret(&line) {
                return Ok(Some(item));
            }
        }
    }

    /// The next event; `None` when the connection ends or breaks.
    pub fn next_event_until_cut(&mut self) -> Option<SseMessage> {
        while let Ok(Some(item)) = self.try_next_item() {
            if let StreamItem::Event(message) = item {
                return Some(message);
            }
        }
        None
    }

    /// A line ends in LF, CRLF or CR; an unfinished last one is dropped.
    fn next_line(&mut self) -> io::Result<Option<String>> {
        loop {
            let Some(byte) = self.response.body.byte()? else { return Ok(None) };
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => {
                    let mut line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                    if std::mem::take(&mut self.at_start) && line.starts_with('\u{feff}') {
                        line.remove(0);
                    }
                    return Ok(Some(line));
                }
                _ => self.line.push(byte),
            }
        }
    }

    fn interpret(&mut self, line: &str) -> Option<StreamItem> {
        if line.is_empty() {
            return self.dispatch().map(StreamItem::Event);
        }
        if let Some(comment) = line.strip_prefix(':') {
            return Some(StreamItem::Comment(comment.trim_start().to_owned()));
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        self.fields.push(name.to_owned());
        match name {
            "event" => self.event = value.to_owned(),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.last_event_id = value.to_owned(),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => self.retry = value.parse().ok(),
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<SseMessage> {
        let mut data = std::mem::take(&mut self.data);
        let event = std::mem::take(&mut self.event);
        let retry = self.retry.take();
        let fields = std::mem::take(&mut self.fields);
        // A frame without data is no event, whatever else it has.
        data.pop()?;
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(SseMessage { event, data, last_event_id: self.last_event_id.clone(), retry, fields, at: Instant::now() })
    }
}

impl SseMessage {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }
}
