//! The run itself, write by write.

#![expect(clippy::disallowed_methods, reason = "it writes at a runner's pace and dates what it writes")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::shop::{self, STORIES};
use crate::write::{self, WriteStyle};

/// Marks a folder as ours, so that nobody's real work is ever written over.
const MARK: &str = ".simulated-run";

/// Between two writes at speed 1: five stories of four writes come to a minute.
pub const STEP: Duration = Duration::from_secs(3);

/// A runner with its agent, about to work in a folder.
pub struct Simulation {
    pub folder: PathBuf,
    pub runner: SimulatedRunner,
    pub style: WriteStyle,
    pub step: Duration,
    /// Hears what is being worked on.
    pub tell: fn(&str),
}

#[derive(Clone, Copy)]
pub enum SimulatedRunner {
    Ralph,
    ClaudeLoop,
}

impl Simulation {
    /// Makes sure that the folder is ours to write in.
    pub fn claim(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mark = self.folder.join(MARK);
        if !mark.exists() && fs::read_dir(&self.folder)?.next().is_some() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "not empty and not made here: give a new folder"));
        }
        fs::write(mark, "")?;
        (self.tell)(&format!("writing into {}", self.folder.display()));
        Ok(())
    }

    /// Begins the run: the plan, and a log with nothing but its header.
    pub fn prepare(&self) -> io::Result<()> {
        self.claim()?;
        // Another branch every time: that is what makes it a new task.
        write::replace(&self.plan(), &shop::plan(&format!("feature/checkout-{}", seconds())))?;
        match self.runner {
            SimulatedRunner::Ralph => {
                let [first, rest @ ..] = shop::ralph_header(&now());
                write::truncate(&self.log(), &first)?;
                rest.iter().try_for_each(|line| write::append(&self.log(), line))
            }
            SimulatedRunner::ClaudeLoop => write::truncate(&self.log(), &shop::claude_loop_header(&now())),
        }
    }

    /// Writes the rest of the run, at its pace.
    pub fn run(&self) -> io::Result<()> {
        match self.runner {
            SimulatedRunner::Ralph => self.ralph(&self.plan(), &self.log()),
            SimulatedRunner::ClaudeLoop => self.claude_loop(&self.plan(), &self.log()),
        }
    }

    fn plan(&self) -> PathBuf {
        self.folder.join("prd.json")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("progress.txt")
    }

    fn ralph(&self, plan: &Path, log: &Path) -> io::Result<()> {
        for story in &STORIES {
            (self.tell)(&format!("working on {}: {}", story.id, story.title));
            self.pause(3);
            self.style.add(log, &shop::ralph_entry(story, &now()[..16]), shop::RALPH_TOP)?;
            self.pause(1);
            write::flip(plan, story.id)?;
        }
        Ok(())
    }

    fn claude_loop(&self, plan: &Path, log: &Path) -> io::Result<()> {
        let records = self.folder.join(".claude-loop");
        fs::create_dir_all(&records)?;
        let records = records.join("execution_log.jsonl");
        for (iteration, story) in (1..).zip(&STORIES) {
            (self.tell)(&format!("working on {}: {}", story.id, story.title));
            let started = rfc3339();
            // The entry comes as the agent writes it: first that it is at work, then each criterion, then that it is done.
            let entry = shop::claude_loop_entry(story, &now()[..16]);
            let mut shown =
                entry.replace("**Status**: Complete", "**Status**: In Progress").replace("- ✓ AC", "- [ ] AC").replace(" (all met)", "");
            self.style.add(log, &shown, shop::CLAUDE_LOOP_TOP)?;
            for criterion in story.criteria {
                self.pause(1);
                let after = shown.replace(&open(criterion, &shown), &format!("- ✓ {}", tail(criterion, &shown)));
                self.edit(log, &shown, &after)?;
                shown = after;
            }
            self.pause(1);
            self.edit(log, &shown, &entry)?;
            write::flip(plan, story.id)?;
            write::append(&records, &shop::record(story, iteration, &started, &rfc3339()))?;
            write::append(&records, &shop::empty_record(iteration, &started, &rfc3339()))?;
        }
        write::append(log, "\nAll 5 user stories complete.\n")
    }

    /// An agent's editing tool: it never changes a few bytes, it writes the whole file.
    fn edit(&self, file: &Path, before: &str, after: &str) -> io::Result<()> {
        let text = fs::read_to_string(file)?.replace(before, after);
        match self.style {
            WriteStyle::Truncate => write::truncate(file, &text),
            WriteStyle::Append | WriteStyle::Rename | WriteStyle::InsertTop => write::replace(file, &text),
        }
    }

    fn pause(&self, steps: u32) {
        sleep(self.step * steps);
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

/// `2026-01-24 08:45:00`, UTC.
fn now() -> String {
    let seconds = seconds();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

fn rfc3339() -> String {
    now().replace(' ', "T") + "Z"
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Days since 1970-01-01 → year, month, day (Howard Hinnant's `civil_from_days`).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}
