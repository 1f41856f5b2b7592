//! The run itself, write by write.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::family::{self, SimulatedFamily};
use super::shop::{self, STORIES};
use super::write::{self, WriteStyle};
use crate::clock::Timestamp;
use crate::output::text::local;

/// Marks a folder as ours, so that nobody's real work is ever written over.
const MARK: &str = ".simulated-run";

/// Between two writes at speed 1: five stories of four writes come to a minute.
pub const STEP: Duration = Duration::from_secs(3);

/// A runner with its agent, about to work in a folder.
pub struct Simulation {
    /// It is created; one with other content is refused.
    pub folder: PathBuf,
    /// Who writes what.
    pub script: Script,
    /// The time between two writes.
    pub step: Duration,
    /// Is called with what is being worked on.
    pub report: fn(&str),
    /// Disconnecting it ends the run at its next pause.
    pub stop: Receiver<()>,
}

/// Who writes what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// A plan, a progress log and what else the runner keeps.
    Runner {
        /// Whose files.
        runner: SimulatedRunner,
        /// How its agent writes.
        style: WriteStyle,
    },
    /// A plan of this family, which is edited in place.
    Plan(&'static SimulatedFamily),
}

/// A runner with a progress log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimulatedRunner {
    /// `prd.json` and an entry per story.
    Ralph,
    /// The same with criteria, and records of the script.
    ClaudeLoop,
}

impl SimulatedRunner {
    /// Both, by their names.
    pub const NAMED: [(&'static str, SimulatedRunner); 2] =
        [("claude-loop", SimulatedRunner::ClaudeLoop), ("ralph", SimulatedRunner::Ralph)];
}

impl Simulation {
    /// Makes sure that the folder is ours to write in.
    fn claim(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mark = self.folder.join(MARK);
        if !mark.exists() && fs::read_dir(&self.folder)?.next().is_some() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "not empty and not made here: give a new folder"));
        }
        fs::write(mark, "")?;
        (self.report)(&format!("writing into {}", self.folder.display()));
        Ok(())
    }

    /// Begins the run: the plan, and a log with nothing but its header.
    ///
    /// # Errors
    ///
    /// The folder holds something else, or cannot be written.
    pub fn prepare(&self) -> io::Result<()> {
        self.claim()?;
        let Script::Runner { runner, .. } = self.script else { return Ok(()) };
        // Another branch every time: that is what makes it a new task.
        write::replace(&self.plan(), &shop::plan(&format!("feature/checkout-{}", Timestamp::now().0 / 1000)))?;
        match runner {
            SimulatedRunner::Ralph => {
                let [first, lines @ ..] = shop::ralph_header(&local_time());
                write::truncate(&self.log(), &first)?;
                lines.iter().try_for_each(|line| write::append(&self.log(), line))
            }
            SimulatedRunner::ClaudeLoop => write::truncate(&self.log(), &shop::claude_loop_header(&local_time())),
        }
    }

    /// Writes the run, at its pace.
    ///
    /// # Errors
    ///
    /// A file cannot be written, or (as `Interrupted`) `stop` was disconnected.
    pub fn run(&self) -> io::Result<()> {
        match self.script {
            Script::Runner { runner: SimulatedRunner::Ralph, style } => self.ralph(style),
            Script::Runner { runner: SimulatedRunner::ClaudeLoop, style } => self.claude_loop(style),
            Script::Plan(family) => self.edit_plan(family),
        }
    }

    fn plan(&self) -> PathBuf {
        self.folder.join("prd.json")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("progress.txt")
    }

    fn ralph(&self, style: WriteStyle) -> io::Result<()> {
        for story in &STORIES {
            (self.report)(&format!("working on {}: {}", story.id, story.title));
            self.pause(3)?;
            style.add(&self.log(), &shop::ralph_entry(story, &local_time()[..16]), shop::RALPH_TOP)?;
            self.pause(1)?;
            write::flip(&self.plan(), story.id)?;
        }
        Ok(())
    }

    fn claude_loop(&self, style: WriteStyle) -> io::Result<()> {
        let log = self.log();
        let records = self.folder.join(".claude-loop");
        fs::create_dir_all(&records)?;
        let records = records.join("execution_log.jsonl");
        for (iteration, story) in (1..).zip(&STORIES) {
            (self.report)(&format!("working on {}: {}", story.id, story.title));
            let started = utc_time();
            // The entry comes as the agent writes it: first that it is at work, then each criterion, then that it is done.
            let entry = shop::claude_loop_entry(story, &local_time()[..16]);
            let mut shown =
                entry.replace("**Status**: Complete", "**Status**: In Progress").replace("- ✓ AC", "- [ ] AC").replace(" (all met)", "");
            style.add(&log, &shown, shop::CLAUDE_LOOP_TOP)?;
            for criterion in story.criteria {
                self.pause(1)?;
                let after = shown.replace(&open(criterion, &shown), &format!("- ✓ {}", tail(criterion, &shown)));
                style.edit(&log, &shown, &after)?;
                shown = after;
            }
            self.pause(1)?;
            style.edit(&log, &shown, &entry)?;
            write::flip(&self.plan(), story.id)?;
            write::append(&records, &shop::record(story, iteration, &started, &utc_time()))?;
            write::append(&records, &shop::empty_record(iteration, &started, &utc_time()))?;
        }
        write::append(&log, "\nAll 5 user stories complete.\n")
    }

    fn edit_plan(&self, family: &SimulatedFamily) -> io::Result<()> {
        let path = self.folder.join(family.path);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        for text in family::versions(family) {
            fs::write(&path, text)?;
            self.pause(1)?;
        }
        Ok(())
    }

    fn pause(&self, steps: u32) -> io::Result<()> {
        match self.stop.recv_timeout(self.step * steps) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::Interrupted.into()),
        }
    }
}

/// The unticked row of a criterion.
fn open(criterion: &str, entry: &str) -> String {
    format!("- [ ] {}", tail(criterion, entry))
}

/// A row without its mark: `AC2: text`.
fn tail(criterion: &str, entry: &str) -> String {
    let line = entry.lines().find(|line| line.ends_with(criterion)).unwrap_or(criterion);
    line.trim_start_matches("- [ ] ").trim_start_matches("- ✓ ").to_owned()
}

/// `2026-01-24 08:45:00`, in the machine's zone, as runners write it.
fn local_time() -> String {
    local(Timestamp::now(), &TimeZone::system(), "%Y-%m-%d %H:%M:%S")
}

/// `2026-01-24T08:45:00Z`
fn utc_time() -> String {
    local(Timestamp::now(), &TimeZone::UTC, "%Y-%m-%dT%H:%M:%SZ")
}
