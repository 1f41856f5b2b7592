//! Histories of files, fed to the engine as the reader feeds them, on a clock of their own.

mod families;
mod inference;
mod last_line;
mod plan_words;
mod plans;
mod restart;
mod rewrites;
mod rotation;
mod run_switches;
mod screens;
mod shared;
mod sources;

use std::time::Duration;

use jiff::tz::TimeZone;

use super::*;
use crate::clock::Timestamp;
use crate::discover::Shape;
use crate::event::{EndStatus, EventData};
use crate::file_change::RereadReason;
use crate::line::{LineEnd, Lines, PartialLine, SourceId, TaskId};
use crate::model::agent::AgentLevel;
use crate::model::state::StoryStatus;

/// Some files of one task and the engine that reads them.
pub(super) struct Scenario {
    engine: Engine,
    advice: Vec<SourceAdvice>,
    next_tick: Option<Duration>,
    names: Vec<String>,
    now: Duration,
    /// By how many seconds the wall clock has jumped.
    jumped: i64,
    files: Vec<ScenarioFile>,
    pub(super) events: Vec<Event>,
}

struct ScenarioFile {
    document: bool,
    content: String,
    read: Option<String>,
    why: RereadReason,
}

pub(super) const P: usize = 0;
pub(super) const L: usize = 1;
pub(super) const PLAN: usize = 2;

const NAMES: [&str; 3] = ["progress.txt", "agent.log", "prd.json"];

/// Files of one task, or of several in folders of their own; JSON lines are one log that all tasks share.
fn settings(names: &[&str], emit_history: bool) -> EngineSettings {
    let folder_of = |name: &str| name.split_once('/').map_or("shop", |(folder, _)| folder).to_owned();
    let mut folders: Vec<String> = names.iter().map(|name| folder_of(name)).collect();
    folders.sort();
    folders.dedup();
    let tasks = folders.iter().zip(0..).map(|(folder, id)| FoundTask {
        id: TaskId(id),
        name: folder.clone(),
        title: folder.clone(),
        folder: folder.into(),
        part: None,
        is_tentative: false,
    });
    let sources = names.iter().enumerate().map(|(at, name)| Source {
        id: SourceId(at as u32),
        task: TaskId(folders.iter().position(|folder| *folder == folder_of(name)).unwrap() as u32),
        key: crate::discover::SourceKey::new(name.as_ref(), Some(folder_of(name).as_ref())),
        path: (*name).into(),
        shared_path: name.ends_with(".jsonl").then(|| "log.jsonl".into()),
        display_path: (*name).into(),
        shape: Shape::of(name.as_ref()),
        named: true,
        machine_name: name.ends_with(".log") || name.ends_with(".jsonl"),
        confinement: crate::discover::Confinement::Anywhere,
    });
    let (tasks, sources) = (tasks.collect(), sources.collect());
    EngineSettings {
        agents: AgentLevel::Off,
        tasks,
        sources,
        zone: TimeZone::UTC,
        rules: Rules::default(),
        emit_history,
        reads_once: false,
        source_text: true,
        redact: true,
        infer: false,
    }
}

impl Scenario {
    /// A progress log (P), a terminal log (L) and a plan (PLAN), with what they hold at the start.
    pub(super) fn new(contents: [Option<&str>; 3]) -> Scenario {
        Scenario::with(contents, true)
    }

    pub(super) fn with(contents: [Option<&str>; 3], emit_history: bool) -> Scenario {
        Scenario::of(&NAMES, &contents, emit_history)
    }

    /// These files, in this order.
    pub(super) fn of(names: &[&str], contents: &[Option<&str>], emit_history: bool) -> Scenario {
        Scenario::after(&[], names, contents, emit_history)
    }

    /// The same when these events are all that is left of an earlier process.
    fn after(stated: &[Event], names: &[&str], contents: &[Option<&str>], emit_history: bool) -> Scenario {
        let files = contents.iter().zip(names).map(|(content, name)| ScenarioFile {
            document: matches!(Shape::of(name.as_ref()), Shape::Document | Shape::Status),
            content: content.unwrap_or_default().to_owned(),
            // A file that is not there is not looked at.
            read: content.is_none().then(String::new),
            why: RereadReason::Rewritten,
        });
        let mut scenario = Scenario {
            engine: Engine::new(settings(names, emit_history)),
            advice: Vec::new(),
            next_tick: None,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            now: Duration::from_secs(1),
            jumped: 0,
            files: files.collect(),
            events: Vec::new(),
        };
        scenario.advice = scenario.engine.advice();
        scenario.engine.skip_published(Seq(0), stated.iter());
        for (at, content) in contents.iter().enumerate() {
            if content.is_some() {
                let a_minute_ago = Timestamp(scenario.moment().wall.0 - 60_000);
                scenario.feed(Input::FileModified { source: SourceId(at as u32), at: a_minute_ago });
                scenario.poll(at);
            }
        }
        scenario.tick();
        let ready = Input::InitialScanDone;
        scenario.feed(ready);
        scenario.wait(0.5);
        scenario
    }

    fn moment(&self) -> ClockReading {
        let wall = Timestamp(1_770_000_000_000 + 1000 * self.jumped + i64::try_from(self.now.as_millis()).unwrap());
        ClockReading { elapsed: self.now, wall }
    }

    /// The machine sleeps for so many seconds, or its clock is set.
    pub(super) fn jump(&mut self, secs: i64) -> &mut Scenario {
        self.jumped += secs;
        self.wait(0.1)
    }

    fn tick(&mut self) {
        let output = loop {
            let output = self.engine.tick(self.moment());
            assert!(output.events.len() < 5_000, "{} events at once", output.events.len());
            self.events.extend(output.events);
            if !output.has_more {
                break Output { events: Vec::new(), ..output };
            }
        };
        (self.advice, self.next_tick) = (output.advice, output.next_tick);
    }

    fn feed(&mut self, input: Input) {
        if let Some(advice) = self.engine.feed(input) {
            self.advice = advice;
        }
    }

    /// The file now holds `content`; `why` is what the file system shows.
    pub(super) fn save(&mut self, file: usize, content: &str, why: RereadReason) -> &mut Scenario {
        self.files[file].content = content.to_owned();
        self.files[file].why = why;
        self.wait(0.0)
    }

    pub(super) fn append(&mut self, file: usize, content: &str) -> &mut Scenario {
        let whole = self.files[file].content.clone() + content;
        self.save(file, &whole, RereadReason::Rewritten)
    }

    /// The open last line has stood for long enough.
    fn stands(&mut self, file: usize) -> &mut Scenario {
        let (source, moment, content) = (SourceId(file as u32), self.moment(), &self.files[file].content);
        if let (_, Some(partial)) = split(content, 1) {
            self.feed(Input::PartialLine { source, at: moment, partial });
        }
        self
    }

    /// Time passes; whatever may be looked at is looked at, whatever waits gets its tick.
    pub(super) fn wait(&mut self, seconds: f64) -> &mut Scenario {
        let until = self.now + Duration::from_secs_f64(seconds);
        loop {
            for file in 0..self.files.len() {
                if self.files[file].read.as_ref() != Some(&self.files[file].content) && !self.advice[file].wait {
                    self.poll(file);
                }
            }
            self.tick();
            match self.next_tick.filter(|deadline| *deadline <= until) {
                Some(deadline) if deadline > self.now => self.now = deadline,
                Some(_) => self.now += Duration::from_millis(1),
                None if self.now == until => return self,
                None => self.now = until,
            }
            assert!(self.now <= until + Duration::from_millis(1), "a deadline that never ends");
        }
    }

    fn poll(&mut self, at: usize) {
        let (source, moment) = (SourceId(at as u32), self.moment());
        let file = &mut self.files[at];
        let read = file.read.clone();
        file.read = Some(file.content.clone());
        let content = file.content.clone();
        if file.document {
            self.feed(Input::Document { source, at: moment, text: content });
            return;
        }
        let read = read.unwrap_or_default();
        if content.starts_with(&read) {
            let (ended, _open) = read.split_at(read.rfind(['\n', '\r']).map_or(0, |at| at + 1));
            let (lines, partial) = split(&content[ended.len()..], 1 + ended.matches('\n').count());
            self.feed(Input::Lines { source, at: moment, lines });
            if let Some(partial) = partial {
                self.feed(Input::PartialLine { source, at: moment, partial });
            }
        } else {
            let why = file.why;
            let (lines, partial) = split(&content, 1);
            self.feed(Input::RereadBegun { source, at: moment, reason: why });
            self.feed(Input::Lines { source, at: moment, lines });
            self.feed(Input::RereadDone { source, at: moment, partial });
        }
    }

    /// The progress log's open line is drawn over, as a terminal does it.
    pub(super) fn redraw(&mut self, text: &str) -> &mut Scenario {
        let mut lines = Lines::default();
        let number = 1 + u32::try_from(self.files[P].content.lines().count()).unwrap();
        lines.push(number, text, LineEnd::Return);
        let at = self.moment();
        self.feed(Input::Lines { source: SourceId(P as u32), at, lines });
        self.wait(0.1)
    }

    pub(super) fn state(&self) -> crate::model::state::State {
        self.engine.state(self.moment())
    }

    /// How many criteria the state shows.
    pub(super) fn criteria(&self) -> usize {
        self.engine.state(self.moment()).tasks[0].stories.iter().map(|story| story.criteria.len()).sum()
    }

    /// Stories with ticked criteria, and how many.
    pub(super) fn ticked(&self) -> Vec<(String, u32)> {
        let state = self.engine.state(self.moment());
        let ticked = state.tasks[0].all_stories().filter(|story| story.status != StoryStatus::Passed && story.criteria_done > 0);
        ticked.map(|story| (story.story_id.as_deref().unwrap().to_owned(), story.criteria_done)).collect()
    }

    /// Takes the events since the last call, without the starts of runs.
    pub(super) fn emitted(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.events);
        events.iter().filter(|event| !matches!(event.data, EventData::TaskStarted(_))).map(brief).collect()
    }

    fn expect(&mut self, expected: &[&str]) -> &mut Scenario {
        assert_eq!(self.emitted(), expected);
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
    let mut partial = None;
    for (number, piece) in (u32::try_from(first).unwrap()..).zip(text.split_inclusive('\n')) {
        let (line, is_open) = piece.strip_suffix('\n').map_or((piece, true), |line| (line, false));
        let (drawn, last) = line.rsplit_once('\r').map_or((None, line), |(drawn, last)| (Some(drawn), last));
        for redraw in drawn.into_iter().flat_map(|drawn| drawn.split('\r')) {
            lines.push(number, redraw, LineEnd::Return);
        }
        if !is_open {
            lines.push(number, last, LineEnd::Feed);
        } else if !last.is_empty() {
            partial = Some(PartialLine { number, text: last.to_owned() });
        }
    }
    (lines, partial)
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
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1)])), None, None]);
    scenario.expect(&["start US-1 (Started: a)", "passed US-1 (Started: a)"]);
    scenario.save(P, &cat(&[h("a"), "[US-1] Starting... again\n".into(), s(1), c(1)]), RereadReason::Replaced).wait(1.0);
    assert_eq!(scenario.events[0].source.text.as_deref(), Some("[US-1] Starting... again"));
    scenario.expect(&["start US-1 (Started: a)"]);
}

#[test]
fn thousands_of_events_come_in_portions() {
    let log: String = (0..2_500).map(|story| format!("[US-{story}] Starting...\n")).collect();
    let scenario = Scenario::of(&["a/agent.log", "b/agent.log", "c/agent.log"], &[Some(log.as_str()); 3], true);
    assert_eq!(scenario.events.len(), 3 * 2_501, "a start of each run, and of each story");
    assert!(scenario.events.iter().zip(1..).all(|(event, number)| event.seq == Seq(number)));
    assert!(scenario.events.is_sorted_by_key(|event| (event.task_id.clone(), event.source.line)));
}

#[test]
fn an_edit_is_new_and_its_revert_is_not() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), s(2)])), None, None]);
    scenario.emitted();
    scenario.save(P, &cat(&[h("a"), c(1), s(2)]), RereadReason::Replaced).wait(1.0).expect(&["passed US-1 (Started: a)"]);
    scenario.save(P, &cat(&[h("a"), s(1), s(2)]), RereadReason::Replaced).wait(1.0).expect(&[]);
}

#[test]
fn a_reset_with_another_start_line_is_a_new_run() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1), s(2)])), None, None]);
    scenario.emitted();
    scenario.save(P, &h("b"), RereadReason::Rewritten).wait(4.0).append(P, &s(1)).wait(1.0).expect(&["start US-1 (Started: b)"]);
    // At once, with the first line of the new run: under half is left and the start line differs.
    scenario.append(P, &cat(&[c(1), s(2)])).wait(0.1).emitted();
    scenario.save(P, &cat(&[h("c"), s(1)]), RereadReason::Rewritten).wait(0.2).expect(&[]);
    scenario.wait(0.1).expect(&["start US-1 (Started: c)"]);
}

#[test]
fn content_that_comes_back_soon_is_the_same_run_and_late_is_another() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1), c(1)])), None, None]);
    scenario.emitted();
    scenario.save(P, "", RereadReason::Rewritten).wait(1.5).save(P, &cat(&[h("a"), s(2), s(1), c(1)]), RereadReason::Rewritten).wait(4.0);
    scenario.expect(&["start US-2 (Started: a)"]);
    scenario.save(P, "", RereadReason::Rewritten).wait(4.0).save(P, &cat(&[h("a"), s(1), c(1)]), RereadReason::Rewritten).wait(4.0);
    scenario.expect(&["start US-1 (Started: a#2)", "passed US-1 (Started: a#2)"]);
}

#[test]
fn gone_and_appended_again_is_new_but_restored_is_not() {
    let six = cat(&[h("a"), s(1), s(2), s(3), s(4), s(5), s(6)]);
    let mut scenario = Scenario::new([Some(&six), None, None]);
    scenario.emitted();
    scenario.save(P, &cat(&[h("a"), s(6)]), RereadReason::Rewritten).wait(6.0).expect(&[]);
    scenario.append(P, &s(2)).wait(1.0).expect(&["start US-2 (Started: a)"]);
    scenario.save(P, &cat(&[six.clone(), s(2)]), RereadReason::Rewritten).wait(4.0).expect(&[]);
}

#[test]
fn two_sources_that_state_the_same_state_it_once() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1)])), Some(""), None]);
    scenario.emitted();
    scenario.append(L, &s(1)).wait(1.0).expect(&[]);
    scenario.append(L, &cat(&[f(1), s(1)])).wait(1.0);
    scenario.append(P, &cat(&[f(1), s(1), c(1)])).wait(1.0);
    scenario.append(L, &c(1)).wait(1.0);
    scenario.expect(&["failed US-1 (Started: a)", "start US-1 (Started: a)", "passed US-1 (Started: a)"]);
}

#[test]
fn a_log_that_is_not_reset_with_the_run_starts_counting_from_there() {
    let old = [s(1), c(1)];
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), cat(&old)])), Some(&cat(&old)), None]);
    scenario.emitted();
    scenario.save(P, &h("b"), RereadReason::Rewritten).wait(4.0).append(L, &s(1)).wait(0.5).append(P, &s(1)).wait(0.5);
    scenario.expect(&["start US-1 (Started: b)"]);
}

#[test]
fn other_sources_wait_while_a_reset_is_not_believed() {
    let old = [s(1), c(1), s(2), c(2)];
    let mut scenario = Scenario::new([Some(&cat(&old)), Some(&cat(&old)), None]);
    scenario.emitted();
    scenario.save(P, "", RereadReason::Rewritten).wait(0.6).append(L, &s(1)).wait(1.0).expect(&[]);
    let run = { scenario.wait(4.0).events.last().unwrap().run.to_string() };
    scenario.expect(&[&format!("start US-1 ({run})")]);
    assert_ne!(run, "[US-1] Starting...");
}

#[test]
fn from_the_end_only_what_comes_is_emitted() {
    let mut scenario = Scenario::with([Some(&cat(&[h("a"), s(1)])), None, None], false);
    assert_eq!(scenario.events.len(), 0);
    scenario.append(P, &cat(&[f(1), s(1)])).wait(1.0).expect(&["failed US-1 (Started: a)", "start US-1 (Started: a)"]);
}

#[test]
fn a_reformatted_log_states_nothing() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), c(1), c(2), c(3), c(4), c(5)])), None, None]);
    scenario.emitted();
    let reformatted = "# Progress Log\nStarted: a\n\n- [US-1] Completed now\n- [US-2] Completed\n- [US-4] Completed\n- [US-5] Completed\n";
    scenario.save(P, reformatted, RereadReason::Replaced).wait(4.0).expect(&[]);
}

#[test]
fn two_cold_starts_give_the_same_ids() {
    let content = cat(&[h("a"), s(1), f(1), s(1), c(1), s(2)]);
    let ids = |scenario: Scenario| scenario.events.iter().map(|event| event.id).collect::<Vec<_>>();
    let one = ids(Scenario::new([Some(&content), None, None]));
    assert_eq!(one, ids(Scenario::new([Some(&content), None, None])));
    assert_eq!(one.iter().collect::<std::collections::HashSet<_>>().len(), one.len());
}
