//! What the functions on the path from a file to a client cost, one by one: lines, an entry, an event, a frame; a flip and an entry on top
//! from the write to the event.
//!
//!     cargo bench --bench functions             # all of them, half a minute
//!     cargo bench --bench functions -- frame    # those with this in their names

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use progress_bridge::app::Bridge;
use progress_bridge::config::Config;
use progress_bridge::event::{Event, EventData};
use progress_bridge::fit::{self, FitLog};
use progress_bridge::hub::{Batch, Hub, HubSettings, StartPosition, Subscription};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::timeout;

fn main() {
    divan::main();
}

/// Lines of each log.
const LINES: usize = 1_000;

/// Split, cleaned, lexed and parsed.
#[divan::bench]
fn line_of_an_agents_log(bencher: Bencher) {
    parse_lines(bencher, "agent.log", |number| format!("   Compiling part-{number} v0.{}.0 (/shop/part)\n", number % 40));
}

#[divan::bench]
fn line_of_native_events(bencher: Bencher) {
    parse_lines(bencher, "events.jsonl", |number| {
        format!("{{\"type\":\"story_started\",\"story_id\":\"N-{number}\",\"title\":\"Part {number}\"}}\n")
    });
}

fn parse_lines(bencher: Bencher, name: &str, line: impl Fn(usize) -> String) {
    let log: String = (0..LINES).map(line).collect();
    bencher.counter(ItemsCount::new(LINES)).bench(|| FitLog::new(name, log.as_bytes(), None));
}

/// Its lines, and the judgement that it is a record.
#[divan::bench]
fn entry_of_seven_lines(bencher: Bencher) {
    let count = LINES / 7;
    let log = progress_log(count);
    bencher.counter(ItemsCount::new(count)).bench(|| fit::read(&FitLog::new("progress.txt", log.as_bytes(), None)));
}

#[divan::bench]
fn event_to_json(bencher: Bencher) {
    let event = event(1);
    bencher.bench(|| event.to_json());
}

/// Serialized once, and read by each of so many readers.
#[divan::bench(args = [1, 100, 10_000])]
fn frame_to_readers(bencher: Bencher, readers: usize) {
    let hub = Hub::new(HubSettings::default());
    let mut readers: Vec<Subscription> = (0..readers).map(|_| hub.subscribe(StartPosition::Live)).collect();
    let mut seq = 0;
    bencher.counter(ItemsCount::new(readers.len())).bench_local(|| {
        seq += 1;
        hub.publish(vec![event(seq)]);
        readers.iter_mut().filter_map(Subscription::try_next).count()
    });
}

/// One story more passes.
#[divan::bench(args = [100, 5_000], sample_count = 20, sample_size = 1)]
fn flip_in_a_plan(bencher: Bencher, stories: usize) {
    each_change(bencher, "prd.json", 1, |passed| plan(stories, passed));
}

#[divan::bench(args = [1_000, 20_000], sample_count = 20, sample_size = 1)]
fn entry_on_top_of_a_log(bencher: Bencher, entries: usize) {
    each_change(bencher, "progress.txt", entries, progress_log);
}

/// The file with one more of what completes a story, again and again: from the write to the event.
fn each_change(bencher: Bencher, name: &str, first: usize, text: impl Fn(usize) -> String) {
    let mut watched = WatchedFile::new(name, &text(first));
    let count = Cell::new(first);
    let next = || {
        count.set(count.get() + 1);
        text(count.get())
    };
    bencher.with_inputs(next).bench_local_values(|text| watched.replace(&text));
}

/// A file, and a bridge in this process that watches it.
struct WatchedFile {
    path: PathBuf,
    runtime: Runtime,
    events: Subscription,
    _bridge: Bridge,
    _folder: TempDir,
}

impl WatchedFile {
    /// Returns once the bridge has read the file.
    fn new(name: &str, text: &str) -> WatchedFile {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, text).expect("it can be written");
        let runtime = Runtime::new().expect("a runtime");
        let bridge = runtime.block_on(Bridge::start(Config::watching(vec![path.clone()]))).expect("it starts");
        let mut events = bridge.subscribe(StartPosition::Oldest);
        runtime.block_on(async {
            let mut wait = FIRST_READ;
            while timeout(wait, events.next()).await.is_ok() {
                wait = QUIET;
            }
        });
        WatchedFile { path, runtime, events, _bridge: bridge, _folder: folder }
    }

    /// As agents and editors save: under another name first.
    fn replace(&mut self, text: &str) {
        let new = self.path.with_extension("new");
        fs::write(&new, text).and_then(|()| fs::rename(&new, &self.path)).expect("it can be replaced");
        self.runtime.block_on(async {
            loop {
                let Some(Batch::Events(events)) = self.events.next().await else { panic!("the bridge keeps all of a few events") };
                if events.iter().any(|published| matches!(published.event.data, EventData::StoryCompleted(_))) {
                    return;
                }
            }
        });
    }
}

/// How long the first read may take, and after which pause it is over.
const FIRST_READ: Duration = Duration::from_secs(60);
const QUIET: Duration = Duration::from_secs(1);

fn event(seq: u64) -> Event {
    let json = format!(
        r#"{{"id":"3b1f8c1e-9d4b-5e0a-8f6b-0123456789ab","seq":{seq},"timestamp":"2026-01-01T10:00:00.000Z","timestamp_source":"record",
        "task_id":"shop","run":"feature/shop","provenance":"explicit","source":{{"path":"progress.txt","line":7}},
        "type":"story_started","data":{{"story_id":"US-001","title":"The cart keeps what is in it","attempt":1}}}}"#
    );
    serde_json::from_str(&json).expect("an event")
}

/// Newest first.
fn progress_log(entries: usize) -> String {
    let entry = |number: usize| {
        format!(
            "## 2026-{:02}-{:02} - US-{number:05}: Another step of the work\n- Implemented part {number} of the module and its tests\n\
             - Files changed: src/handlers.rs, src/routes.rs\n- **Learnings for future iterations:**\n  - The fixtures must be rebuilt\n---\n\n",
            1 + number / 28 % 12,
            1 + number % 28,
        )
    };
    format!("# Progress Log\nStarted: 2026-01-01\n\n{}", (1..=entries).rev().map(entry).collect::<String>())
}

fn plan(stories: usize, passed: usize) -> String {
    let story = |number: usize| {
        json!({"id": format!("US-{number:05}"), "title": format!("Story {number} of the plan"), "passes": number <= passed,
            "acceptanceCriteria": [format!("The thing {number} is done"), "Tests pass", "Typecheck passes"]})
    };
    let stories: Vec<_> = (1..=stories).map(story).collect();
    json!({"project": "Shop", "branchName": "feature/shop", "userStories": stories}).to_string()
}
