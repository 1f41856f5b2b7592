//! How much is allocated for a line, an event and an edit, from the read to the events. Counted, so that it holds on any machine: whoever
//! raises a bound says why.

use allocation_counter::{AllocationInfo, measure};

use super::*;
use crate::clock::Timestamp;
use crate::tail::wake::Hints;

/// A reader of one file with its engine, after the first look.
struct Counted {
    folder: tempfile::TempDir,
    files: TrackedFiles,
    engine: Engine,
    at: u64,
    events: usize,
}

impl Counted {
    fn new(name: &str, text: &str) -> Counted {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        let scope = scope(folder.path().join(name));
        let files = TrackedFiles::new(&scope.found.sources, &mut HashMap::new(), &TailHandle::new());
        let mut counted = Counted { folder, files, engine: engine(&scope), at: 0, events: 0 };
        counted.poll(0);
        counted.engine.feed(Input::InitialScanDone);
        for pause in [2, 60, 300, 4000] {
            counted.poll(pause);
        }
        counted
    }

    fn poll(&mut self, pause: u64) {
        self.at += pause;
        let now = ClockReading { elapsed: Duration::from_millis(self.at), wall: Timestamp(1_800_000_000_000 + self.at as i64) };
        let advice = self.engine.advice()[0];
        self.files.set_settled_lines(0, advice.settled_lines);
        self.files.apply_hints(&Hints { all: true, ..Hints::default() });
        let engine = &mut self.engine;
        while let PollResult::More { .. } = self.files.poll(0, advice.machine_log, now, &mut |input| {
            engine.feed(input);
        }) {}
        let mut has_more = true;
        while has_more {
            let output = self.engine.tick(now);
            has_more = output.has_more;
            self.events += output.events.len();
        }
    }

    /// Allocations and events of one look after each of these contents, which are appended or, with `replaces`, take the place of the file.
    fn count(&mut self, name: &str, contents: &[String], replaces: bool) -> (u64, usize) {
        let path = self.folder.path().join(name);
        let mut allocations = 0;
        let before = self.events;
        for content in contents {
            if replaces {
                std::fs::write(path.with_extension("new"), content).unwrap();
                std::fs::rename(path.with_extension("new"), &path).unwrap();
            } else {
                let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
                std::io::Write::write_all(&mut file, content.as_bytes()).unwrap();
            }
            let AllocationInfo { count_total, .. } = measure(|| self.poll(1000));
            allocations += count_total;
        }
        (allocations / contents.len() as u64, self.events - before)
    }
}

/// Whether a count is at most a bound, and not so far below that the bound says nothing.
fn check(what: &str, count: u64, bound: u64) {
    assert!(count <= bound, "{what}: {count}, more than {bound}");
    assert!(count * 2 > bound, "{what}: {count}; lower the bound from {bound}");
}

#[test]
fn a_line_without_an_event() {
    let mut counted = Counted::new("agent.log", "[US-000] Starting...\n");
    let lines: Vec<String> = (0..100).map(|number| format!("reading file {number}\n")).collect();
    let (allocations, events) = counted.count("agent.log", &lines, false);
    assert_eq!(events, 0);
    check("allocations of a line of a small log", allocations, LINE);
}

#[test]
fn an_event() {
    let mut counted = Counted::new("events.jsonl", "{\"type\":\"story_started\",\"story_id\":\"N-0\"}\n");
    let lines: Vec<String> = (1..=100).map(|number| format!("{{\"type\":\"story_started\",\"story_id\":\"N-{number}\"}}\n")).collect();
    let (allocations, events) = counted.count("events.jsonl", &lines, false);
    assert_eq!(events, 100);
    check("allocations of an event", allocations, EVENT);
}

#[test]
fn an_entry_on_top_of_a_long_log() {
    let entry = |story: u32| {
        let day = 1 + story % 28;
        format!("## 2026-01-{day:02} 10:00 - US-{story:05}: The next part\n- Added the part\n- Files changed: src/part.rs\n---\n\n")
    };
    let log = |newest: u32| {
        let entries: String = (0..=newest).rev().map(entry).collect();
        format!("# Progress Log\nStarted: 2026-01-01\n\n{entries}{}", "-----\n".repeat(20_000))
    };
    let mut counted = Counted::new("progress.txt", &log(600));
    let (first, events) = counted.count("progress.txt", &[log(601), log(602), log(603)], true);
    assert_eq!(events, 6, "a start and an end each");
    check("allocations of an entry on top", first, TOP_EDIT);
}

/// What was read is not taken apart again when the log rests.
#[test]
fn a_pause_after_a_complete_entry() {
    let entry = |story| format!("## 2026-01-01 10:00 - US-{story:05}: The next part\n- Added the part\n---\n\n");
    let mut counted = Counted::new("progress.txt", &format!("# Progress Log\n\n{}", (0..100).map(entry).collect::<String>()));
    let (_, events) = counted.count("progress.txt", &[entry(100)], false);
    assert_eq!(events, 2, "at once");
    let AllocationInfo { count_total, .. } = measure(|| counted.poll(300));
    check("allocations of a pause", count_total, PAUSE);
}

/// Its text is held as well, packed: it has less than the 20,000 lines of which that is so.
#[test]
fn a_log_full_of_entries() {
    const ENTRIES: u64 = 2_000;
    let entry = |story| format!("## 2026-01-01 10:00 - US-{story:05}: The next part\n- Added the part\n---\n\n");
    let text = format!("# Progress Log\nStarted: 2026-01-01\n\n{}", (0..ENTRIES).map(entry).collect::<String>());
    let mut counted = None;
    let AllocationInfo { count_total, bytes_current, bytes_max, .. } = measure(|| counted = Some(Counted::new("progress.txt", &text)));
    assert_eq!(counted.map(|counted| counted.events), Some(2 * ENTRIES as usize + 1));
    check("allocations of an entry", count_total / ENTRIES, ENTRY_COUNT);
    check("bytes an entry", bytes_current as u64 / ENTRIES, ENTRY);
    check("bytes an entry while it is read", bytes_max / ENTRIES, ENTRY_PEAK);
}

/// Bounds, a twentieth above what was counted: 199, 27, 4,612, 5 and 18 without optimisation.
const LINE: u64 = 208;
const EVENT: u64 = 28;
const TOP_EDIT: u64 = 4_840;
const PAUSE: u64 = 5;
const ENTRY_COUNT: u64 = 19;
const ENTRY: u64 = 499;
const ENTRY_PEAK: u64 = 2_458;
