//! Kills the process with SIGKILL and starts it again: with `--state` it resumes, without it it begins anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON, eventually, kind, story};
use crate::sse_client::stream_with;

/// A hundred in `tests/extra/run`; fewer where everything else is tested, too.
fn kills() -> u32 {
    std::env::var("PROGRESS_BRIDGE_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(12)
}

/// RandomPauses that nobody can foresee and everybody can repeat.
struct RandomPauses(u64);

impl RandomPauses {
    fn next(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_micros(2_000 + self.0 % 120_000)
    }
}

/// A busy runner: a story starts, has a criterion ticked and passes, over and over, in two files; now and then the log is written anew
/// or the machine's log is rotated.
struct BusyRunner<'a> {
    project: &'a ProjectFolder,
    over: AtomicBool,
    stories: AtomicU32,
    rest: Duration,
}

impl BusyRunner<'_> {
    fn work(&self) {
        let mut number = 0;
        while !self.over.load(Ordering::Relaxed) {
            number += 1;
            self.append("progress.txt", &format!("[US-{number}] Starting...\n"));
            self.append("agent.log", &format!("[US-{number}] Starting...\n[M-{number}] Starting...\n"));
            self.append("progress.txt", &format!("[US-{number}] Completed\n"));
            if number % 7 == 0 {
                let text = std::fs::read_to_string(self.project.file("progress.txt")).expect("it is there");
                self.project.write("new", &text);
                std::fs::rename(self.project.file("new"), self.project.file("progress.txt")).expect("it is ours");
            }
            if number % 50 == 0 {
                let old = self.project.file(&format!("agent.log.{}", number / 50));
                std::fs::rename(self.project.file("agent.log"), old).expect("it is ours");
            }
            self.stories.store(number, Ordering::Relaxed);
            let pause = Instant::now() + self.rest;
            eventually(SOON, "a pause", || (Instant::now() >= pause).then_some(()));
        }
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.project.file(name)).expect("the folder is ours");
        file.write_all(text.as_bytes()).expect("the disk has room");
    }
}

fn with_runner<T>(project: &ProjectFolder, rest: Duration, act: impl FnOnce(&BusyRunner) -> T) -> T {
    let runner = BusyRunner { project, rest, over: AtomicBool::new(false), stories: AtomicU32::new(0) };
    std::thread::scope(|scope| {
        scope.spawn(|| runner.work());
        // Also when `act` panics: the scope waits for the thread.
        let _over = OnDrop(&runner.over);
        act(&runner)
    })
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn wait(pause: Duration) {
    let until = Instant::now() + pause;
    eventually(SOON, "a pause", || (Instant::now() >= until).then_some(()));
}

#[test]
fn killed_at_any_moment_nothing_is_lost_and_what_is_said_again_has_its_id() {
    let (project, state) = (ProjectFolder::new(), tempfile::tempdir().expect("a temporary folder"));
    project.write("progress.txt", "# Progress Log\nStarted: now\n\n");
    project.write("agent.log", "");
    let arguments = ["--json", "--no-discover", "--state", state.path().to_str().expect("a plain name"), "progress.txt", "agent.log"];
    let mut pauses = RandomPauses(0x9e37_79b9_7f4a_7c15);
    let mut said: Vec<Value> = Vec::new();
    let take = |said: &mut Vec<Value>, bridge: BridgeProcess| {
        bridge.signal("KILL");
        let printed = bridge.finished(SOON).stdout;
        // The last line may have been cut off by the kill: it counts as not said.
        said.extend(printed.iter().filter_map(|line| serde_json::from_str(line).ok()));
    };
    let stories = with_runner(&project, Duration::from_millis(3), |runner| {
        // What is rotated away before a process has watched the files is older than the run.
        let bridge = project.start(&arguments);
        bridge.event("the first", |_| true);
        take(&mut said, bridge);
        for _ in 0..kills() {
            let bridge = project.start(&arguments);
            wait(pauses.next());
            take(&mut said, bridge);
        }
        runner.over.store(true, Ordering::Relaxed);
        wait(Duration::from_millis(50));
        runner.stories.load(Ordering::Relaxed)
    });
    let last = format!("M-{stories}");
    let bridge = project.start(&arguments);
    bridge.event("the end", |event| story(event) == last || said_before(&state, &last));
    let earlier: BTreeSet<(String, String)> = said.iter().map(fact).collect();
    // What was rotated away is read behind the present files: on a busy machine it may come long after the last story.
    eventually(SOON, "every fact has been printed", || {
        let printed: BTreeSet<_> = bridge.events().iter().map(fact).collect();
        facts_of(stories).all(|fact| earlier.contains(&fact) || printed.contains(&fact)).then_some(())
    });
    take(&mut said, bridge);
    let mut ids: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for event in &said {
        let id = event["id"].as_str().expect("every event has an id").to_owned();
        ids.entry(fact(event)).or_default().insert(id);
    }
    for fact in facts_of(stories) {
        assert_eq!(ids.get(&fact).map(BTreeSet::len), Some(1), "{fact:?} of {stories} stories");
    }
}

/// What an event is about: its kind and its story.
fn fact(event: &Value) -> (String, String) {
    (kind(event).to_owned(), story(event).to_owned())
}

/// Everything that the busy runner has written of its first `stories` stories.
fn facts_of(stories: u32) -> impl Iterator<Item = (String, String)> {
    let kinds = [("story_started", "US"), ("story_completed", "US"), ("story_started", "M")];
    (1..=stories).flat_map(move |number| kinds.map(|(kind, name)| (kind.to_owned(), format!("{name}-{number}"))))
}

/// Whether the journal has it already: then nothing more will come.
fn said_before(state: &tempfile::TempDir, story: &str) -> bool {
    std::fs::read_to_string(state.path().join("journal")).is_ok_and(|journal| journal.contains(&format!("{story:?}")))
}

#[test]
fn a_stream_goes_on_over_restarts_without_gap_or_repeat() {
    let (project, state) = (ProjectFolder::new(), tempfile::tempdir().expect("a temporary folder"));
    project.write("progress.txt", "# Progress Log\nStarted: now\n\n");
    project.write("agent.log", "");
    let state = state.path().to_str().expect("a plain name").to_owned();
    let mut listen = "127.0.0.1:0".to_owned();
    let mut cursor = String::new();
    let mut seen: Vec<u64> = Vec::new();
    let mut pauses = RandomPauses(0x2545_f491_4f6c_dd1d);
    // Slowly enough that a client never falls out of the log while nobody serves it.
    with_runner(&project, Duration::from_millis(20), |_| {
        for round in 0..kills() {
            let arguments = ["--no-discover", "--max-rate", "0", "--listen", &listen, "--state", &state, "progress.txt", "agent.log"];
            let bridge = project.start(&arguments);
            listen = bridge.address();
            let address: SocketAddr = listen.parse().expect("an address");
            let headers = [("Last-Event-ID", cursor.as_str())];
            let mut stream = stream_with(address, "/stream/progress", if cursor.is_empty() { &[] } else { &headers });
            let until = Instant::now() + pauses.next();
            let mut killed = false;
            while let Some(message) = stream.next_event_until_cut() {
                assert_ne!(message.event, "gap", "round {round}: {}", message.data);
                cursor.clone_from(&message.last_event_id);
                if message.event != "hello" {
                    seen.push(message.json()["seq"].as_u64().expect("every event has a number"));
                }
                if !killed && Instant::now() >= until {
                    bridge.signal("KILL");
                    killed = true;
                }
            }
        }
    });
    let expected: Vec<u64> = (seen[0]..seen[0] + seen.len() as u64).collect();
    assert_eq!(seen, expected);
}

#[test]
fn without_state_a_restart_is_one_gap() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "# Progress Log\nStarted: now\n\n[US-1] Starting...\n");
    let first = project.start(&["--listen", "127.0.0.1:0", "progress.txt"]);
    let address = first.address();
    let mut stream = stream_with(address.parse().expect("an address"), "/stream/progress", &[]);
    let cursor = std::iter::from_fn(|| stream.next_event()).find(|message| message.event == "story_started").expect("it comes");
    first.signal("KILL");
    drop(first);
    let second = project.start(&["--listen", &address, "progress.txt"]);
    second.address();
    let headers = [("Last-Event-ID", cursor.last_event_id.as_str())];
    let mut stream = stream_with(address.parse().expect("an address"), "/stream/progress", &headers);
    let names: Vec<_> = std::iter::from_fn(|| stream.next_event()).take(4).map(|message| (message.event.clone(), message.json())).collect();
    let (gap, started) = (&names[1], &names[3]);
    assert_eq!((gap.0.as_str(), &gap.1["reason"]), ("gap", &Value::from("restarted")), "{names:?}");
    // The same event by its id, so that a client drops what it knows.
    assert_eq!((started.0.as_str(), &started.1["id"]), ("story_started", &cursor.json()["id"]), "{names:?}");
}
