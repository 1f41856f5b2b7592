//! An edit in a long log: what is read of it around the edit tells what reading the whole would.

use std::collections::HashSet;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::tail::wake::Hints;

/// A reader and its engine, by a clock of their own.
struct Side {
    files: TrackedFiles,
    engine: Engine,
    /// Whether the file is read around an edit, or always from its start.
    takes_edits: bool,
    edits: usize,
    rereads: usize,
    events: Vec<String>,
}

impl Side {
    fn new(path: PathBuf, takes_edits: bool) -> Side {
        let scope = scope(path);
        let files = TrackedFiles::new(&scope.found.sources, &mut HashMap::new(), &TailHandle::new());
        let mut side = Side { files, engine: engine(&scope), takes_edits, edits: 0, rereads: 0, events: Vec::new() };
        side.poll(0);
        side.engine.feed(Input::InitialScanDone);
        side
    }

    fn poll(&mut self, at: u64) {
        let now = ClockReading { elapsed: Duration::from_millis(at), wall: Timestamp(1_800_000_000_000 + at as i64) };
        let advice = self.engine.advice()[0];
        if advice.take_up {
            self.files.take_up(0);
        }
        self.files.set_settled_lines(0, if self.takes_edits { advice.settled_lines } else { 0 });
        self.files.apply_hints(&Hints { all: true, ..Hints::default() });
        let (engine, edits, rereads) = (&mut self.engine, &mut self.edits, &mut self.rereads);
        let mut emit = |input| {
            *edits += usize::from(matches!(input, Input::Edited { .. }));
            *rereads += usize::from(matches!(input, Input::RereadBegun { .. }));
            engine.feed(input);
        };
        while let PollResult::More { .. } = self.files.poll(0, advice.machine_log, now, &mut emit) {}
        let mut has_more = true;
        while has_more {
            let output = self.engine.tick(now);
            has_more = output.has_more;
            let line = |event: &Event| format!("{} {:?} {:?}", event.id, event.data.type_name(), event.source.text);
            self.events.extend(output.events.iter().map(line));
        }
    }

    /// All the looks that a change leads to.
    fn settle(&mut self, at: u64) {
        for later in [0, 2, 60, 300, 1000, 4000] {
            self.poll(at + later);
        }
        self.events.sort();
    }
}

#[derive(Debug, Clone)]
struct SimulatedEntry {
    story: u32,
    title: &'static str,
    passed: Option<bool>,
    /// A line that says everything by itself.
    is_line: bool,
}

impl SimulatedEntry {
    fn text(&self) -> String {
        let SimulatedEntry { story, title, passed, is_line } = self;
        if *is_line {
            return format!("[US-{story:03}] {}\n", if *passed == Some(true) { "Completed" } else { "Starting..." });
        }
        let status = passed.map_or("", |passed| if passed { "**Status:** Completed\n" } else { "**Status:** Failed\n" });
        let day = 1 + story % 28;
        format!("## 2026-01-{day:02} 10:00 - US-{story:03}: {title}\n{status}- Added the part\n- Files changed: src/part.rs\n---\n\n")
    }
}

/// With so many lines after the entries that these are decided.
fn content(entries: &[SimulatedEntry]) -> String {
    let body: String = entries.iter().map(SimulatedEntry::text).collect();
    format!("# Progress Log\nStarted: 2026-01-01\n\n{body}{}", "-----\n".repeat(20_000))
}

fn entries() -> Vec<SimulatedEntry> {
    (0..300).rev().map(|story| SimulatedEntry { story, title: "The next part", passed: Some(true), is_line: story % 10 == 0 }).collect()
}

#[derive(Debug, Clone)]
enum Edit {
    Insert(usize, SimulatedEntry),
    Replace(usize, SimulatedEntry),
    Delete(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let title = prop_oneof![Just("The next part"), Just("Another part of it")];
    let entry = (0..320u32, title, prop::option::of(any::<bool>()), any::<bool>())
        .prop_map(|(story, title, passed, is_line)| SimulatedEntry { story, title, passed, is_line });
    prop_oneof![
        4 => (prop_oneof![Just(0), 0..200usize], entry.clone()).prop_map(|(at, entry)| Edit::Insert(at, entry)),
        2 => (0..200usize, entry).prop_map(|(at, entry)| Edit::Replace(at, entry)),
        1 => (0..200usize).prop_map(Edit::Delete),
    ]
}

struct Pair {
    folder: TempDir,
    at: u64,
    sides: [Side; 2],
}

impl Pair {
    fn new(text: &str) -> Pair {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.txt");
        std::fs::write(&path, text).unwrap();
        let sides = [true, false].map(|takes_edits| Side::new(path.clone(), takes_edits));
        let mut pair = Pair { folder, at: 100, sides };
        pair.settle();
        pair
    }

    fn save(&mut self, text: &str) {
        let path = self.folder.path().join("progress.txt");
        std::fs::write(path.with_extension("new"), text).unwrap();
        std::fs::rename(path.with_extension("new"), path).unwrap();
        self.settle();
    }

    fn settle(&mut self) {
        self.sides.iter_mut().for_each(|side| side.settle(self.at));
        self.at += 10_000;
    }

    fn events(&self) -> [&[String]; 2] {
        [&self.sides[0].events, &self.sides[1].events]
    }
}

#[test]
fn an_entry_on_top_is_read_alone() {
    let mut entries = entries();
    let mut pair = Pair::new(&content(&entries));
    let known = pair.sides[0].events.len();
    assert!(known > 500, "{known}");
    for story in 300..303 {
        entries.insert(0, SimulatedEntry { story, title: "The next part", passed: Some(true), is_line: false });
        pair.save(&content(&entries));
    }
    let [edited, whole] = &pair.sides;
    assert_eq!((edited.edits, edited.rereads), (3, 0));
    assert_eq!((whole.edits, whole.rereads), (0, 3));
    assert_eq!(edited.events.len(), known + 6, "a start and an end each");
    assert_eq!(edited.events, whole.events);
}

#[test]
fn an_edit_that_takes_something_away_is_read_whole() {
    let mut entries = entries();
    let mut pair = Pair::new(&content(&entries));
    let known = pair.sides[0].events.len();
    entries.remove(7);
    pair.save(&content(&entries));
    assert_eq!((pair.sides[0].edits, pair.sides[0].rereads, pair.sides[0].events.len()), (1, 1, known));
    // Then it is known again, line by line.
    entries.insert(7, SimulatedEntry { story: 301, title: "The next part", passed: Some(true), is_line: false });
    pair.save(&content(&entries));
    assert_eq!((pair.sides[0].edits, pair.sides[0].rereads, pair.sides[0].events.len()), (2, 1, known + 2));
}

proptest! {
    // The whole is read again after each edit, by two readers.
    #![proptest_config(ProptestConfig { max_shrink_iters: 8, ..crate::property::config(4) })]

    #[test]
    fn any_edit_gives_the_events_of_the_whole(edits in prop::collection::vec(edit(), 1..6)) {
        let mut entries = entries();
        let mut pair = Pair::new(&content(&entries));
        for edit in edits {
            match edit {
                Edit::Insert(at, entry) => entries.insert(at, entry),
                Edit::Replace(at, entry) => entries[at] = entry,
                Edit::Delete(at) => { entries.remove(at); }
            }
            pair.save(&content(&entries));
            let [edited, whole] = pair.events();
            // Of two entries with one heading a reread quotes the last as the new one, and an edit the one that is new.
            let headings: HashSet<String> = entries.iter().map(|entry| entry.text().lines().take(1).collect()).collect();
            let compared = |events: &[String]| -> Vec<String> {
                let parts = if headings.len() == entries.len() { usize::MAX } else { 2 };
                events.iter().map(|event| event.split(' ').take(parts).collect::<Vec<_>>().join(" ")).collect()
            };
            prop_assert_eq!(compared(edited), compared(whole));
        }
        let now = ClockReading { elapsed: Duration::from_millis(pair.at), wall: Timestamp(1_800_000_000_000 + pair.at as i64) };
        let counts = |side: &Side| {
            let state = side.engine.state(now);
            let source = &state.tasks[0].sources[0];
            (source.understood, source.unknown, state.tasks[0].stories_passed)
        };
        prop_assert_eq!(counts(&pair.sides[0]), counts(&pair.sides[1]));
    }
}
