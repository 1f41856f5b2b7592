//! Histories of files, told to the engine as the reader would tell them, on a clock of their own.

mod guesses;
mod last_line;
mod plans;
mod restart;
mod rewrites;
mod rotation;
mod shared;
mod sources;

use std::time::Duration;

use jiff::tz::TimeZone;

use super::*;
use crate::clock::Timestamp;
use crate::event::{EndStatus, EventData};
use crate::input::RereadReason;
use crate::line::{LineEnd, Lines, PartialLine, SourceId, TaskId};
use crate::model::state::StoryStatus;

/// Some files of one task and the engine that is told of them.
pub(super) struct World {
    engine: Engine,
    names: Vec<String>,
    now: Duration,
    files: Vec<File>,
    pub(super) events: Vec<Event>,
}

struct File {
    document: bool,
    content: String,
    seen: Option<String>,
    why: RereadReason,
}

pub(super) const P: usize = 0;
pub(super) const L: usize = 1;
pub(super) const PLAN: usize = 2;

const NAMES: [&str; 3] = ["progress.txt", "agent.log", "prd.json"];

/// Files of one task, or of several in folders of their own; JSON lines are one log that all tasks share.
fn settings(names: &[&str], emit_history: bool) -> Settings {
    let folder_of = |name: &str| name.split_once('/').map_or("shop", |(folder, _)| folder).to_owned();
    let mut folders: Vec<String> = names.iter().map(|name| folder_of(name)).collect();
    folders.sort();
    folders.dedup();
    let tasks = folders.iter().zip(0..).map(|(folder, id)| FoundTask { id: TaskId(id), name: folder.clone(), folder: folder.into() });
    let sources = names.iter().enumerate().map(|(at, name)| Source {
        id: SourceId(at as u32),
        task: TaskId(folders.iter().position(|folder| *folder == folder_of(name)).unwrap() as u32),
        key: SourceKey::new(name.as_ref(), Some(folder_of(name).as_ref())),
        path: (*name).into(),
        common: name.ends_with(".jsonl").then(|| "log.jsonl".into()),
        shown: (*name).into(),
        shape: Shape::of(name.as_ref()),
        named: true,
        machine_name: name.ends_with(".log") || name.ends_with(".jsonl"),
    });
    let (tasks, sources) = (tasks.collect(), sources.collect());
    Settings { tasks, sources, zone: TimeZone::UTC, rules: Rules::default(), emit_history, source_text: true, infer: false }
}

impl World {
    /// A progress log (P), a terminal log (L) and a plan (PLAN), with what they hold at the start.
    pub(super) fn new(contents: [Option<&str>; 3]) -> World {
        World::with(contents, true)
    }

    pub(super) fn with(contents: [Option<&str>; 3], emit_history: bool) -> World {
        World::of(&NAMES, &contents, emit_history)
    }

    /// These files, in this order.
    pub(super) fn of(names: &[&str], contents: &[Option<&str>], emit_history: bool) -> World {
        World::after(&[], names, contents, emit_history)
    }

    /// The same when these events are all that is left of an earlier process.
    fn after(told: &[Event], names: &[&str], contents: &[Option<&str>], emit_history: bool) -> World {
        let files = contents.iter().zip(names).map(|(content, name)| File {
            document: Shape::of(name.as_ref()) == Shape::Document,
            content: content.unwrap_or_default().to_owned(),
            // A file that is not there is not looked at.
            seen: content.is_none().then(String::new),
            why: RereadReason::Rewritten,
        });
        let mut world = World {
            engine: Engine::new(settings(names, emit_history)),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            now: Duration::from_secs(1),
            files: files.collect(),
            events: Vec::new(),
        };
        world.engine.go_on(Seq(0), told.iter());
        for (at, content) in contents.iter().enumerate() {
            if content.is_some() {
                let a_minute_ago = Timestamp(world.moment().wall.0 - 60_000);
                world.engine.handle(Input::FileSeen { source: SourceId(at as u32), at: a_minute_ago });
                world.look(at);
            }
        }
        world.tick();
        let ready = Input::InitialScanDone(world.moment());
        world.engine.handle(ready);
        world.wait(0.5);
        world
    }

    fn moment(&self) -> ClockReading {
        let wall = Timestamp(1_770_000_000_000 + i64::try_from(self.now.as_millis()).unwrap());
        ClockReading { elapsed: self.now, wall }
    }

    fn tick(&mut self) {
        let tick = Input::Tick(self.moment());
        let events = self.engine.handle(tick);
        self.events.extend(events);
    }

    /// The file now holds `content`; `why` is what the file system shows.
    pub(super) fn save(&mut self, file: usize, content: &str, why: RereadReason) -> &mut World {
        self.files[file].content = content.to_owned();
        self.files[file].why = why;
        self.wait(0.0)
    }

    pub(super) fn append(&mut self, file: usize, content: &str) -> &mut World {
        let whole = self.files[file].content.clone() + content;
        self.save(file, &whole, RereadReason::Rewritten)
    }

    /// The open last line has stood for long enough.
    fn stands(&mut self, file: usize) -> &mut World {
        let (source, moment, content) = (SourceId(file as u32), self.moment(), &self.files[file].content);
        if let (_, Some(rest)) = split(content, 1) {
            self.engine.handle(Input::PartialLine { source, at: moment, partial: rest });
        }
        self
    }

    /// Time passes; whatever may be looked at is looked at, whatever waits gets its tick.
    pub(super) fn wait(&mut self, seconds: f64) -> &mut World {
        let until = self.now + Duration::from_secs_f64(seconds);
        loop {
            for file in 0..self.files.len() {
                if self.files[file].seen.as_ref() != Some(&self.files[file].content) && self.engine.may_look(SourceId(file as u32)) {
                    self.look(file);
                }
            }
            self.tick();
            match self.engine.deadline().filter(|deadline| *deadline <= until) {
                Some(deadline) if deadline > self.now => self.now = deadline,
                Some(_) => self.now += Duration::from_millis(1),
                None if self.now == until => return self,
                None => self.now = until,
            }
            assert!(self.now <= until + Duration::from_millis(1), "a deadline that never ends");
        }
    }

    fn look(&mut self, at: usize) {
        let (source, moment) = (SourceId(at as u32), self.moment());
        let file = &mut self.files[at];
        let seen = file.seen.clone();
        file.seen = Some(file.content.clone());
        let content = file.content.clone();
        if file.document {
            self.engine.handle(Input::Document { source, at: moment, text: content });
            return;
        }
        let seen = seen.unwrap_or_default();
        if content.starts_with(&seen) {
            let (ended, _open) = seen.split_at(seen.rfind(['\n', '\r']).map_or(0, |at| at + 1));
            let (lines, rest) = split(&content[ended.len()..], 1 + ended.matches('\n').count());
            self.engine.handle(Input::Lines { source, at: moment, lines });
            if let Some(rest) = rest {
                self.engine.handle(Input::PartialLine { source, at: moment, partial: rest });
            }
        } else {
            let why = file.why;
            let (lines, rest) = split(&content, 1);
            self.engine.handle(Input::RereadBegun { source, at: moment, reason: why });
            self.engine.handle(Input::Lines { source, at: moment, lines });
            self.engine.handle(Input::RereadDone { source, at: moment, partial: rest });
        }
    }

    /// The progress log's open line is drawn over, as a terminal does it.
    pub(super) fn redraw(&mut self, text: &str) -> &mut World {
        let mut lines = Lines::default();
        let number = 1 + u32::try_from(self.files[P].content.lines().count()).unwrap();
        lines.push(number, text, LineEnd::Return);
        let at = self.moment();
        self.engine.handle(Input::Lines { source: SourceId(P as u32), at, lines });
        self.wait(0.1)
    }

    /// How many criteria the state shows.
    pub(super) fn criteria(&self) -> usize {
        self.engine.state(self.moment()).tasks[0].stories.iter().map(|story| story.criteria.len()).sum()
    }

    /// Stories with ticked criteria, and how many.
    pub(super) fn ticked(&self) -> Vec<(String, u32)> {
        let state = self.engine.state(self.moment());
        let ticked = state.tasks[0].stories.iter().filter(|story| story.status != StoryStatus::Passed && story.criteria_done > 0);
        ticked.map(|story| (story.story_id.clone().unwrap(), story.criteria_done)).collect()
    }

    /// What has been emitted since the last call, without the runs' beginnings.
    pub(super) fn said(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.events);
        events.iter().filter(|event| !matches!(event.data, EventData::TaskStarted(_))).map(brief).collect()
    }

    fn expect(&mut self, expected: &[&str]) -> &mut World {
        assert_eq!(self.said(), expected);
        self
    }
}

/// `start US-1 (run)`, `passed US-1 (run)`, …
fn brief(event: &Event) -> String {
    let what = match &event.data {
        EventData::TaskStarted(_) => "begin".to_owned(),
        EventData::StoryStarted(started) => format!("start {}", started.story_id.as_ref().or(started.title.as_ref()).unwrap()),
        EventData::AcCompleted(done) => format!("criterion {} {}", done.story_id.as_deref().unwrap_or("-"), done.ac_index),
        EventData::StoryCompleted(done) => {
            let word = if done.status == EndStatus::Passed { "passed" } else { "failed" };
            format!("{word} {}", done.story_id.as_ref().or(done.title.as_ref()).unwrap())
        }
        EventData::TaskCompleted(_) => "end".to_owned(),
        EventData::ErrorOccurred(error) => format!("error {}", error.story_id.as_deref().unwrap_or("-")),
    };
    format!("{what} ({})", event.run)
}

fn split(text: &str, first: usize) -> (Lines, Option<PartialLine>) {
    let mut lines = Lines::default();
    let mut rest = None;
    for (number, piece) in (u32::try_from(first).unwrap()..).zip(text.split_inclusive('\n')) {
        let (line, is_open) = piece.strip_suffix('\n').map_or((piece, true), |line| (line, false));
        let (drawn, last) = line.rsplit_once('\r').map_or((None, line), |(drawn, last)| (Some(drawn), last));
        for redraw in drawn.into_iter().flat_map(|drawn| drawn.split('\r')) {
            lines.push(number, redraw, LineEnd::Return);
        }
        if !is_open {
            lines.push(number, last, LineEnd::Feed);
        } else if !last.is_empty() {
            rest = Some(PartialLine { number, text: last.to_owned() });
        }
    }
    (lines, rest)
}

pub(super) fn s(n: u32) -> String {
    format!("[US-{n}] Starting...\n")
}

pub(super) fn c(n: u32) -> String {
    format!("[US-{n}] Completed\n")
}

fn f(n: u32) -> String {
    format!("[US-{n}] Failed\n")
}

/// A header whose start line is `name`.
pub(super) fn h(name: &str) -> String {
    format!("# Progress Log\nStarted: {name}\n\n")
}

pub(super) fn cat(parts: &[String]) -> String {
    parts.concat()
}

pub(super) fn plan(branch: &str, stories: &[(&str, bool)]) -> String {
    let stories: Vec<_> =
        stories.iter().map(|(id, passes)| serde_json::json!({"id": id, "title": format!("Story {id}"), "passes": passes})).collect();
    serde_json::json!({"project": "Shop", "branchName": branch, "userStories": stories}).to_string()
}

#[test]
fn a_line_inserted_on_top_is_the_new_one() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1), c(1)])), None, None]);
    world.expect(&["start US-1 (Started: a)", "passed US-1 (Started: a)"]);
    world.save(P, &cat(&[h("a"), "[US-1] Starting... again\n".into(), s(1), c(1)]), RereadReason::Replaced).wait(1.0);
    assert_eq!(world.events[0].source.text.as_deref(), Some("[US-1] Starting... again"));
    world.expect(&["start US-1 (Started: a)"]);
}

#[test]
fn an_edit_is_news_and_its_revert_is_not() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1), s(2)])), None, None]);
    world.said();
    world.save(P, &cat(&[h("a"), c(1), s(2)]), RereadReason::Replaced).wait(1.0).expect(&["passed US-1 (Started: a)"]);
    world.save(P, &cat(&[h("a"), s(1), s(2)]), RereadReason::Replaced).wait(1.0).expect(&[]);
}

#[test]
fn a_reset_with_another_start_line_is_a_new_run() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1), c(1), s(2)])), None, None]);
    world.said();
    world.save(P, &h("b"), RereadReason::Rewritten).wait(4.0).append(P, &s(1)).wait(1.0).expect(&["start US-1 (Started: b)"]);
    // At once, with the first line of the new run: under half is left and the start line differs.
    world.append(P, &cat(&[c(1), s(2)])).wait(0.1).said();
    world.save(P, &cat(&[h("c"), s(1)]), RereadReason::Rewritten).wait(0.2).expect(&[]);
    world.wait(0.1).expect(&["start US-1 (Started: c)"]);
}

#[test]
fn content_that_comes_back_soon_is_the_same_run_and_late_is_another() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1), c(1)])), None, None]);
    world.said();
    world.save(P, "", RereadReason::Rewritten).wait(1.5).save(P, &cat(&[h("a"), s(2), s(1), c(1)]), RereadReason::Rewritten).wait(4.0);
    world.expect(&["start US-2 (Started: a)"]);
    world.save(P, "", RereadReason::Rewritten).wait(4.0).save(P, &cat(&[h("a"), s(1), c(1)]), RereadReason::Rewritten).wait(4.0);
    world.expect(&["start US-1 (Started: a#2)", "passed US-1 (Started: a#2)"]);
}

#[test]
fn gone_and_appended_again_is_news_but_restored_is_not() {
    let six = cat(&[h("a"), s(1), s(2), s(3), s(4), s(5), s(6)]);
    let mut world = World::new([Some(&six), None, None]);
    world.said();
    world.save(P, &cat(&[h("a"), s(6)]), RereadReason::Rewritten).wait(6.0).expect(&[]);
    world.append(P, &s(2)).wait(1.0).expect(&["start US-2 (Started: a)"]);
    world.save(P, &cat(&[six.clone(), s(2)]), RereadReason::Rewritten).wait(4.0).expect(&[]);
}

#[test]
fn two_sources_that_say_the_same_say_it_once() {
    let mut world = World::new([Some(&cat(&[h("a"), s(1)])), Some(""), None]);
    world.said();
    world.append(L, &s(1)).wait(1.0).expect(&[]);
    world.append(L, &cat(&[f(1), s(1)])).wait(1.0);
    world.append(P, &cat(&[f(1), s(1), c(1)])).wait(1.0);
    world.append(L, &c(1)).wait(1.0);
    world.expect(&["failed US-1 (Started: a)", "start US-1 (Started: a)", "passed US-1 (Started: a)"]);
}

#[test]
fn a_log_that_is_not_reset_with_the_run_starts_counting_from_there() {
    let old = [s(1), c(1)];
    let mut world = World::new([Some(&cat(&[h("a"), cat(&old)])), Some(&cat(&old)), None]);
    world.said();
    world.save(P, &h("b"), RereadReason::Rewritten).wait(4.0).append(L, &s(1)).wait(0.5).append(P, &s(1)).wait(0.5);
    world.expect(&["start US-1 (Started: b)"]);
}

#[test]
fn other_sources_wait_while_a_reset_is_not_believed() {
    let old = [s(1), c(1), s(2), c(2)];
    let mut world = World::new([Some(&cat(&old)), Some(&cat(&old)), None]);
    world.said();
    world.save(P, "", RereadReason::Rewritten).wait(0.6).append(L, &s(1)).wait(1.0).expect(&[]);
    let run = { world.wait(4.0).events.last().unwrap().run.to_string() };
    world.expect(&[&format!("start US-1 ({run})")]);
    assert_ne!(run, "[US-1] Starting...");
}

#[test]
fn from_the_end_only_what_comes_is_said() {
    let mut world = World::with([Some(&cat(&[h("a"), s(1)])), None, None], false);
    assert_eq!(world.events.len(), 0);
    world.append(P, &cat(&[f(1), s(1)])).wait(1.0).expect(&["failed US-1 (Started: a)", "start US-1 (Started: a)"]);
}

#[test]
fn a_reformatted_log_says_nothing() {
    let mut world = World::new([Some(&cat(&[h("a"), c(1), c(2), c(3), c(4), c(5)])), None, None]);
    world.said();
    let reformatted = "# Progress Log\nStarted: a\n\n- [US-1] Completed now\n- [US-2] Completed\n- [US-4] Completed\n- [US-5] Completed\n";
    world.save(P, reformatted, RereadReason::Replaced).wait(4.0).expect(&[]);
}

#[test]
fn two_cold_starts_give_the_same_ids() {
    let content = cat(&[h("a"), s(1), f(1), s(1), c(1), s(2)]);
    let ids = |world: World| world.events.iter().map(|event| event.id).collect::<Vec<_>>();
    let one = ids(World::new([Some(&content), None, None]));
    assert_eq!(one, ids(World::new([Some(&content), None, None])));
    assert_eq!(one.iter().collect::<std::collections::HashSet<_>>().len(), one.len());
}
