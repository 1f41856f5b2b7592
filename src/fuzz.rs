//! Invariants that hold for every text and every request, for the fuzzer in `tests/extra/fuzz` and for random texts here. Compiled only for them.
//!
//! They stand here, beside the code, so that a fuzz target is one call.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::fact::{Fact, Statement};
use crate::format::{ParserConfig, Pause, Rules};
use crate::hub::{Hub, HubSettings};
use crate::line::{Line, LineEnd};
use crate::plan::{self, Notation};
use crate::serve::{self, ServeSettings};
use crate::store::Store;
use crate::text::is_unwanted;

/// A range names up to 100 ids, its entry starts and ends each, and a line can end one entry and be another.
const FACTS_OF_A_LINE: usize = 500;

/// Parses any text line by line: every fact quotes its line and names its story; a flush emits the pending facts, once.
pub fn check_lines(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.split('\n').collect();
    let mut parser = ParserConfig::new(Path::new("progress.txt"), TimeZone::UTC, &Rules::default()).parser();
    let mut facts = Vec::new();
    for (number, text) in (1..).zip(&lines) {
        let before = facts.len();
        parser.parse_line(Line { number, text, end: LineEnd::Feed }, &mut facts);
        assert!(facts.len() - before <= FACTS_OF_A_LINE, "a line says {} things", facts.len() - before);
    }
    parser.extract(Pause::None, &mut facts);
    parser.extract(Pause::Quiet, &mut facts);
    let mut late = Vec::new();
    parser.clone().extract(Pause::End, &mut late);
    assert!(parser.is_doubtful() || late.is_empty(), "it says more than it waits for");
    parser.extract(Pause::End, &mut facts);
    let mut again = Vec::new();
    parser.extract(Pause::End, &mut again);
    assert!(again.is_empty() && !parser.has_pending(), "quiet says it twice");
    for fact in &facts {
        check_fact(fact, &lines);
    }
    let (understood, unknown) = parser.line_counts();
    let there = lines.iter().filter(|line| !line.trim().is_empty()).count();
    assert!(understood + unknown <= there as u64, "a line was counted twice");
}

fn check_fact(fact: &Fact, lines: &[&str]) {
    assert_eq!(lines.get(fact.line as usize - 1), Some(&&*fact.text), "it quotes another line");
    let about_a_story = match &fact.statement {
        Statement::StoryStarted { .. } | Statement::StoryEnded { .. } | Statement::CriterionDone { .. } => true,
        Statement::TaskStarted { .. } | Statement::TaskEnded { .. } | Statement::Error(_) | Statement::Activity { .. } => false,
    };
    assert!(!about_a_story || fact.story.is_some(), "about no story: {fact:?}");
    if let Some(story) = &fact.story {
        let named = [&story.id, &story.title].into_iter().flatten().any(|name| !name.trim().is_empty());
        assert!(named, "a story without a name: {fact:?}");
    }
}

/// Parses any text as a plan: the plan keeps its limits, or there is none.
pub fn check_plan(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for notation in [Notation::Json, Notation::JsonLines, Notation::Markdown, Notation::Yaml] {
        plan_in(notation, text);
    }
}

fn plan_in(notation: Notation, text: &str) {
    let Ok(plan) = plan::parse(notation, text) else { return };
    assert!(plan.stories.len() <= 10_000);
    for story in &plan.stories {
        assert!(story.id.is_some() || story.title.is_some());
        assert!(story.criteria.len() <= plan::CRITERION_LIMIT);
    }
    assert_eq!(plan::parse(notation, text).as_ref(), Ok(&plan), "it reads differently the second time");
}

/// Puts any bytes into the files of a `--state` folder: it opens, with what can be read of them, or is refused; what is restored is clean
/// and in order, and opens again.
pub fn check_state(data: &[u8]) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("progress-bridge-fuzz-{}-{number}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder).expect("a folder of our own");
    let (journal, snapshot) = data.split_at(data.iter().position(|byte| *byte == 0).unwrap_or(data.len()));
    for (name, bytes) in [("journal", journal), ("snapshot", snapshot.strip_prefix(b"\0").unwrap_or(snapshot))] {
        std::fs::write(folder.join(name), bytes).expect("it is ours");
    }
    if let Ok((store, restored)) = Store::open(&folder, Timestamp(0)) {
        assert!(restored.events.is_sorted_by_key(|event| event.seq), "events come back out of order");
        for event in &restored.events {
            let json = String::from_utf8(event.to_json()).expect("it is text");
            assert!(!json.contains(is_unwanted), "{json:?}");
        }
        let epoch = restored.newest.expect("every journal has one").epoch;
        assert!(epoch.bytes().all(|byte| byte.is_ascii_graphic()), "{epoch:?}");
        drop(store);
        assert!(Store::open(&folder, Timestamp(0)).is_ok(), "what was opened once opens again");
    }
    std::fs::remove_dir_all(&folder).expect("it is ours");
}

/// Puts any text into the strings of a plan and of a native event: what is made of it is clean.
pub fn check_json_string(data: &[u8]) {
    let text = serde_json::Value::String(String::from_utf8_lossy(data).into_owned());
    let story = format!(r#"{{"id": {text}, "title": {text}, "acceptanceCriteria": [{text}], "passes": false}}"#);
    for notation in [Notation::Json, Notation::Yaml] {
        plan_in(notation, &format!(r#"{{"project": {text}, "branchName": {text}, "userStories": [{story}]}}"#));
    }
    let event = format!(r#"{{"event": "story_started", "story_id": {text}, "title": {text}, "acceptance_criteria": [{text}]}}"#);
    let mut facts = Vec::new();
    let mut parser = ParserConfig::new(Path::new("run.jsonl"), TimeZone::UTC, &Rules::default()).parser();
    parser.parse_line(Line { number: 1, text: &event, end: LineEnd::Feed }, &mut facts);
    for name in facts.iter().filter_map(|fact| fact.story.as_ref()).flat_map(|story| [&story.id, &story.title]).flatten() {
        assert!(!name.contains(is_unwanted) && !name.contains('\n'), "{name:?}");
    }
}

/// Sends any bytes to a server: it answers in HTTP or not at all, closes, and no thread of it panics.
pub fn check_request(data: &[u8]) {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    let address = SERVER.get_or_init(|| start_server(&PANICKED));
    let mut socket = TcpStream::connect(address).expect("the server accepts");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    // The server may close before the end of them.
    let _closed_early = socket.write_all(data).is_err() || socket.shutdown(Shutdown::Write).is_err();
    let mut answer = Vec::new();
    if let Err(error) = socket.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the connection stays open");
    }
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&answer));
    assert!(!PANICKED.load(Ordering::Relaxed), "a thread of the server panicked");
}

/// A server for the rest of the process; a panic on one of its threads sets `panicked`.
fn start_server(panicked: &'static AtomicBool) -> SocketAddr {
    const THREADS: &str = "fuzzed-server";
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some(THREADS) {
            panicked.store(true, Ordering::Relaxed);
        }
        others(panic);
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name(THREADS).enable_all().build();
    let runtime = Box::leak(Box::new(runtime.expect("a runtime starts")));
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(serve::run(listener, Hub::new(HubSettings::default()), ServeSettings::default(), std::future::pending()));
    address
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::format::tests::any_log;

    /// Plans cut and mended at random.
    fn any_plan() -> impl Strategy<Value = String> {
        const PIECES: &[&str] = &[
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"userStories\"",
            "\"features\"",
            "\"phases\"",
            "\"subtasks\"",
            "\"id\"",
            "\"title\"",
            "\"passes\"",
            "\"status\"",
            "\"acceptanceCriteria\"",
            "true",
            "false",
            "null",
            "7",
            "1.1",
            "\"done\"",
            "\"é\"",
            "{\"id\": \"A\", \"passes\": true}",
            "{\"tasks\": [{\"title\": \"T\", \"done\": false}]}",
        ];
        prop::collection::vec(prop::sample::select(PIECES), 0..16).prop_map(|pieces| pieces.concat())
    }

    /// Requests cut and mended at random.
    fn any_request() -> impl Strategy<Value = Vec<u8>> {
        const METHODS: &[&str] = &["GET", "HEAD", "POST", "OPTIONS", "CONNECT", "DELETE", "PRI", "", "\u{0}"];
        const TARGETS: &[&str] = &[
            "/",
            "x",
            "x:80",
            "http:",
            "http://",
            "http://localhost",
            "*",
            "//",
            "..",
            "?",
            "&",
            "#",
            "%",
            "%00",
            "%ff%fe",
            "é",
            " ",
            "/stream/progress",
            "/stream/state",
            "/api/state",
            "/api/events",
            "/api/login",
            "/healthz",
            "/metrics",
            "/panel.js",
            "types=",
            "task=",
            "limit=",
            "wait=0",
            "after=",
            "last_event_id=",
            "0123456789ab-",
            "story_started",
            "18446744073709551616",
            "-1",
        ];
        const HEADERS: &[&str] = &[
            "Host: localhost\r\n",
            "Host: localhost\r\n",
            "Host: \r\n",
            "Host: a b\r\n",
            "Host: [::1\r\n",
            "Host: evil.example\r\n",
            "Origin: null\r\n",
            "Origin: \u{7f}\r\n",
            "Origin: http://localhost\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: é\r\n",
            "Last-Event-ID: é\r\n",
            "Last-Event-ID: 0123456789ab-99999999999999999999\r\n",
            "If-None-Match: W/\"\", *\r\n",
            "Content-Length: 5\r\n",
            "Content-Length: -5\r\n",
            "Content-Type: application/json\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Expect: 100-continue\r\n",
            "Upgrade: h2c\r\n",
            "Connection: close\r\n",
            "Authorization: Bearer \r\n",
            "X-Forwarded-For: é\r\n",
            ": \r\n",
            "A\r\n",
            " b\r\n",
            "\r\n",
            "\n",
        ];
        const ENDS: &[&str] = &[
            "\r\n",
            "\n\n",
            "",
            "\r\n5\r\nhello\r\n0\r\n\r\n",
            "\r\n{\"code\":7}",
            "\r\nGET / HTTP/1.1\r\n\r\n",
            "\r\nffffffffffffffffff\r\n",
        ];
        let pieces = |from: &'static [&'static str], count| prop::collection::vec(prop::sample::select(from), 0..count);
        let version = prop::sample::select(&[" HTTP/1.1\r\n", " HTTP/1.0\r\n", " HTTP/2\r\n", "\r\n"][..]);
        let parts = (prop::sample::select(METHODS), pieces(TARGETS, 5), version, pieces(HEADERS, 6), prop::sample::select(ENDS));
        parts.prop_map(|(method, target, version, headers, end)| {
            [method, " ", &target.concat(), version, &headers.concat(), end].concat().into_bytes()
        })
    }

    /// Found by an attack: a worker panicked before anybody asked who sends it.
    #[test]
    fn a_request_without_a_path_is_answered() {
        for line in ["CONNECT x:80", "GET x", "GET http:"] {
            super::check_request(format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        }
    }

    /// Found by the fuzzer: a block that was broken off behind the kind of its error.
    #[test]
    fn a_block_without_a_message_waits_for_quiet_too() {
        super::check_lines(b"====================\nTimestamp:\nStory ID: A\nError Type: network");
    }

    #[test]
    fn a_message_beside_its_label_quotes_the_whole_line() {
        super::check_lines(b"====================\nTimestamp:\nStory ID: A\nError Message: it is late\n");
    }

    #[test]
    fn dots_behind_a_counter_name_no_story() {
        super::check_lines(b"[2/6] Starting: ..\n[3/6] Starting: :\n");
    }

    #[test]
    fn a_story_that_is_pending_waits_for_nothing() {
        super::check_lines(b"RalphProgress\nS-0:pending");
    }

    /// `--state` files cut and mended at random, some of them ours.
    fn any_state() -> impl Strategy<Value = String> {
        const PIECES: &[&str] = &[
            "{\"journal\":1,\"epoch\":\"0123456789ab\"}\n",
            "{\"journal\":3,\"epoch\":\"0123456789ab\"}\n",
            "{\"journal\":3,\"epoch\":\"a\\n\\nid: 7\"}\n",
            "{\"id\":\"b1a0b1a0-b1a0-51a0-b1a0-b1a0b1a0b1a0\",\"seq\":2,\"type\":\"error_occurred\",\"timestamp\":\"2026-01-24T08:45:00.000Z\",\"timestamp_source\":\"record\",\"task_id\":\"t\\u001b[2J\",\"run\":\"r\",\"provenance\":\"explicit\",\"source\":{\"path\":\"p\\u202e\"},\"data\":{\"error_type\":\"unknown\",\"error_message\":\"m\\u009b\\n\"}}\n",
            "{\"id\":\"b1a0b1a0-b1a0-51a0-b1a0-b1a0b1a0b1a1\",\"seq\":1,\"type\":\"task_started\"}\n",
            "\0",
            "{\"version\":3,\"keep\":{",
            "\"engine\":{\"seq\":18446744073709551615}",
            "}}",
            "\n",
            "[[[[",
            "é",
        ];
        prop::collection::vec(prop::sample::select(PIECES), 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]
        #[test]
        fn states_hold(text in any_state()) {
            super::check_state(text.as_bytes());
        }

        #[test]
        fn json_strings_hold(text in "(?s)[\\x00-\\x1f\\x7f-\\x9f\\u{202e}\\u{2028}\\u{feff}\\u{1b}\\[\\]mA-Za-c0-9 ]{0,24}") {
            super::check_json_string(text.as_bytes());
        }

        #[test]
        fn lines_hold(text in any_log()) {
            super::check_lines(text.as_bytes());
        }

        #[test]
        fn bytes_hold(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            super::check_lines(&bytes);
            super::check_plan(&bytes);
            super::check_state(&bytes);
            super::check_json_string(&bytes);
        }

        #[test]
        fn requests_hold(request in any_request()) {
            super::check_request(&request);
        }

        #[test]
        fn raw_requests_hold(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            super::check_request(&bytes);
        }

        #[test]
        fn plans_hold(text in any_plan()) {
            super::check_plan(text.as_bytes());
        }
    }
}
