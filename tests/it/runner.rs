//! Two stock runners, one write at a time, with the texts and the ways of writing of the demo.

use std::fs;
use std::path::{Path, PathBuf};

use progress_bridge::demo::shop::{self, STORIES};
use progress_bridge::demo::write::{self, WriteStyle};

/// One thing that a runner or its agent does to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerStep {
    /// The script begins a log: emptied first, if the runner does that.
    Header,
    /// The agent's entry about a story.
    Entry(usize),
    /// The plan's flag goes up.
    Flip(usize),
    /// The script's record of the attempt, and the one without a story.
    Record(usize),
    /// The log goes to the archive.
    Archive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerKind {
    Ralph,
    ClaudeLoop,
}

/// A runner at work in a folder.
pub struct ScriptedRunner {
    pub kind: RunnerKind,
    pub style: WriteStyle,
    folder: PathBuf,
    /// Whole minutes since ten o'clock; each story takes ten.
    hour: usize,
}

impl ScriptedRunner {
    /// With its plan in place, as when somebody starts it.
    pub fn new(kind: RunnerKind, style: WriteStyle, folder: &Path) -> Self {
        let runner = ScriptedRunner { kind, style, folder: folder.to_owned(), hour: 10 };
        runner.plan("feature/checkout");
        runner
    }

    /// A new task in the same folder: another branch, the same ids.
    pub fn next_task(&mut self, branch: &str) {
        self.hour += 2;
        if self.kind == RunnerKind::Ralph {
            fs::create_dir_all(self.folder.join("archive/2026-04-01-checkout")).expect("the folder is ours");
            fs::copy(self.log(), self.folder.join("archive/2026-04-01-checkout/progress.txt")).expect("there is a log");
        }
        self.plan(branch);
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("progress.txt")
    }

    /// Everything of a run, in the order in which the story's writes are to come.
    pub fn steps(&self, order: &[fn(usize) -> RunnerStep]) -> Vec<RunnerStep> {
        let mut steps = vec![RunnerStep::Header];
        for story in 0..STORIES.len() {
            steps.extend(order.iter().map(|step| step(story)));
        }
        if self.kind == RunnerKind::ClaudeLoop {
            steps.push(RunnerStep::Archive);
        }
        steps
    }

    pub fn take(&self, step: RunnerStep) {
        match (step, self.kind) {
            (RunnerStep::Header, RunnerKind::Ralph) => {
                let [first, rest @ ..] = shop::ralph_header(&format!("Wed Apr  1 {}:00:00 UTC 2026", self.hour));
                write::truncate(&self.log(), &first).expect("the folder is ours");
                rest.iter().for_each(|line| append(&self.log(), line));
            }
            (RunnerStep::Header, RunnerKind::ClaudeLoop) => {
                let header = shop::claude_loop_header(&format!("2026-04-01 {}:00:00", self.hour));
                write::truncate(&self.log(), &header).expect("the folder is ours");
            }
            (RunnerStep::Entry(story), kind) => {
                let time = format!("2026-04-01 {}:{}9", self.hour, story);
                let (entry, top) = match kind {
                    RunnerKind::Ralph => (shop::ralph_entry(&STORIES[story], &time), shop::RALPH_TOP),
                    RunnerKind::ClaudeLoop => (shop::claude_loop_entry(&STORIES[story], &time), shop::CLAUDE_LOOP_TOP),
                };
                self.style.add(&self.log(), &entry, top).expect("there is a log");
            }
            (RunnerStep::Flip(story), _) => write::flip(&self.folder.join("prd.json"), STORIES[story].id).expect("there is a plan"),
            // ralph keeps no record of its own.
            (RunnerStep::Record(_), RunnerKind::Ralph) => {}
            (RunnerStep::Record(story), RunnerKind::ClaudeLoop) => {
                fs::create_dir_all(self.folder.join(".claude-loop")).expect("the folder is ours");
                let records = self.folder.join(".claude-loop/execution_log.jsonl");
                let time = |minute: usize| format!("2026-04-01T{}:{story}{minute}:30Z", self.hour);
                append(&records, &shop::record(&STORIES[story], story + 1, &time(0), &time(9)));
                append(&records, &shop::empty_record(story + 1, &time(0), &time(9)));
            }
            (RunnerStep::Archive, _) => {
                let archive = self.folder.join("archive/checkout");
                fs::create_dir_all(&archive).expect("the folder is ours");
                fs::copy(self.log(), archive.join("progress.txt")).expect("there is a log");
                fs::remove_file(self.log()).expect("there is a log");
            }
        }
    }

    fn plan(&self, branch: &str) {
        write::replace(&self.folder.join("prd.json"), &shop::plan(branch)).expect("the folder is ours");
    }
}

pub fn append(file: &Path, text: &str) {
    write::append(file, text).expect("the folder is ours");
}
