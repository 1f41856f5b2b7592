//! An agent that does nothing but look like one: writes transcripts as Claude Code does beside a loop's progress file.
//!
//! `cargo run --example stub_agent -- --root /tmp/agents --project /tmp/shop --pace 1000 --steps 40`, and beside it
//! `progress-bridge /tmp/shop --agent-root /tmp/agents`. Each session is a file of its own; what is due is appended in batches of 100 ms,
//! each with an open, a write and a close, as the real one was measured to do. With `--stamps` each call that has a target of its own is
//! printed with the time at which its line was on disk.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What is due is written so often.
const BATCH: Duration = Duration::from_millis(100);
/// Calls of one session.
const CALLS: usize = 8;

struct Options {
    root: PathBuf,
    project: PathBuf,
    pace: Duration,
    steps: usize,
    stamps: bool,
}

fn main() -> std::io::Result<()> {
    let options = options(std::env::args().skip(1));
    fs::create_dir_all(&options.project)?;
    let project = options.project.canonicalize()?;
    let name: String = project.display().to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let folder = options.root.join("projects").join(name);
    fs::create_dir_all(&folder)?;
    for (session, first) in (0..options.steps).step_by(CALLS).enumerate() {
        let mut transcript = Transcript::new(&folder, &project, session);
        transcript.write(&[transcript.record("user", json!({"role": "user", "content": "Please take the next story."}))])?;
        for step in first..options.steps.min(first + CALLS) {
            if (step - first).is_multiple_of(3) {
                transcript.list(step - first)?;
            }
            transcript.call(step, &options)?;
        }
        let words = json!({"role": "assistant", "content": [{"type": "text", "text": "Done."}], "stop_reason": "end_turn"});
        transcript.write(&[transcript.record("assistant", words)])?;
    }
    Ok(())
}

fn options(mut arguments: impl Iterator<Item = String>) -> Options {
    let mut options =
        Options { root: PathBuf::from("agents"), project: PathBuf::from("."), pace: Duration::from_secs(2), steps: 40, stamps: false };
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{name} wants a value"));
        match name.as_str() {
            "--root" => options.root = value().into(),
            "--project" => options.project = value().into(),
            "--pace" => options.pace = Duration::from_millis(value().parse().expect("milliseconds")),
            "--steps" => options.steps = value().parse().expect("a number"),
            "--stamps" => options.stamps = true,
            _ => panic!("--root DIR, --project DIR, --pace MILLISECONDS, --steps N or --stamps, not {name}"),
        }
    }
    options
}

struct Transcript {
    path: PathBuf,
    id: String,
    project: PathBuf,
}

impl Transcript {
    fn new(folder: &Path, project: &Path, number: usize) -> Self {
        let id = format!("{:08x}-0000-4000-8000-{number:012x}", std::process::id() ^ (u32::try_from(number).unwrap_or(0) << 20));
        Transcript { path: folder.join(format!("{id}.jsonl")), id, project: project.to_owned() }
    }

    fn record(&self, kind: &str, message: Value) -> Value {
        json!({
            "type": kind, "sessionId": self.id, "cwd": self.project, "version": "2.1.150", "entrypoint": "sdk-cli", "isSidechain": false,
            "timestamp": jiff::Timestamp::now().to_string(), "message": message,
        })
    }

    /// One flush: the file is open for as long as it takes.
    fn write(&self, records: &[Value]) -> std::io::Result<()> {
        let text: String = records.iter().map(|record| format!("{record}\n")).collect();
        OpenOptions::new().append(true).create(true).open(&self.path)?.write_all(text.as_bytes())
    }

    /// The agent's own list, of which it has done so much.
    fn list(&self, calls: usize) -> std::io::Result<()> {
        const ITEMS: [&str; 3] = ["Read what is there", "Change it", "Run the tests"];
        let status = |index| match (calls / 3).cmp(&index) {
            std::cmp::Ordering::Less => "pending",
            std::cmp::Ordering::Equal => "in_progress",
            std::cmp::Ordering::Greater => "completed",
        };
        let items: Vec<Value> =
            (0..ITEMS.len()).map(|index| json!({"content": ITEMS[index], "status": status(index), "activeForm": ITEMS[index]})).collect();
        let id = format!("toolu_list_{calls:06}");
        let call = json!({"id": format!("msg_list_{calls}"), "role": "assistant", "stop_reason": "tool_use",
            "content": [{"type": "tool_use", "id": id, "name": "TodoWrite", "input": {"todos": items}}]});
        let result =
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "Todos have been modified"}]});
        self.write(&[self.record("assistant", call), self.record("user", result)])
    }

    /// A call, its result after a while, and now and then a file of the project.
    fn call(&mut self, step: usize, options: &Options) -> std::io::Result<()> {
        let (file, make) = (format!("src/step{step}.rs"), format!("make step-{step}"));
        let (tool, input, target) = match step % 4 {
            0 => ("Read", json!({"file_path": self.project.join(&file)}), Some(file)),
            1 => ("Edit", json!({"file_path": self.project.join(&file), "old_string": "a", "new_string": "b"}), Some(file)),
            2 => ("Bash", json!({"command": make, "description": "Build it"}), Some(make)),
            _ => ("Bash", json!({"command": "cargo test", "description": "Run the tests"}), None),
        };
        let id = format!("toolu_{step:06}");
        let call = json!({"id": format!("msg_{step}"), "role": "assistant", "stop_reason": "tool_use",
            "content": [{"type": "tool_use", "id": id, "name": tool, "input": input}]});
        let begun = Instant::now();
        self.write(&[self.record("assistant", call)])?;
        if let Some(target) = target.filter(|_| options.stamps) {
            writeln!(std::io::stdout(), "{} {target}", jiff::Timestamp::now().as_nanosecond())?;
        }
        wait(options.pace.saturating_sub(BATCH));
        let output = if step % 4 == 3 { "test result: ok. 12 passed; 0 failed" } else { "ok" };
        let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": output}]});
        self.write(&[self.record("user", result)])?;
        if step % 4 == 1 {
            let line = format!("Edited src/step{step}.rs\n");
            OpenOptions::new().append(true).create(true).open(self.project.join("progress.txt"))?.write_all(line.as_bytes())?;
        }
        wait(options.pace.saturating_sub(begun.elapsed()));
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the stub paces itself")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}
