//! Starts the real binary in a temporary folder, reads its output, and kills it at the end of the test.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Deadline of a wait, long enough for a loaded machine.
pub const SOON: Duration = Duration::from_secs(10);

/// Waits until the condition returns a value. The only function that may sleep.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn eventually<T>(deadline: Duration, what: impl AsRef<str>, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(start.elapsed() < deadline, "not within {deadline:?}: {}", what.as_ref());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A temporary project folder.
pub struct ProjectFolder {
    folder: TempDir,
}

impl ProjectFolder {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("shop").tempdir().expect("a temporary folder");
        // Marks the root of a repository: discovery looks no higher.
        fs::create_dir(folder.path().join(".git")).expect("a folder in it");
        ProjectFolder { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).expect("the folder is ours");
    }

    /// The binary in this folder, without the caller's environment.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_progress-bridge"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command.env_clear().env("TZ", "UTC").env("HOME", self.path()).env("LC_ALL", "C.UTF-8");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// Starts it and lets it run.
    pub fn start(&self, arguments: &[&str]) -> BridgeProcess {
        BridgeProcess::start(self.command(arguments))
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> FinishedProcess {
        self.start(arguments).finished(SOON)
    }
}

/// A running process of the binary.
pub struct BridgeProcess {
    child: Child,
    stdout: OutputLines,
    stderr: OutputLines,
}

/// A process that has ended by itself.
pub struct FinishedProcess {
    pub status: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

impl BridgeProcess {
    pub fn start_in(command: &mut Command, folder: &Path) -> Self {
        Self::spawn(command.current_dir(folder))
    }

    pub fn start(mut command: Command) -> Self {
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = OutputLines::by(child.stdout.take().expect("it is piped"));
        let stderr = OutputLines::by(child.stderr.take().expect("it is piped"));
        BridgeProcess { child, stdout, stderr }
    }

    /// `127.0.0.1:PORT`, from the first line on stderr.
    #[track_caller]
    pub fn address(&self) -> String {
        let first = eventually(SOON, "it says where it listens", || self.stderr.lines().first().cloned());
        first.strip_prefix("listening on http://").unwrap_or_else(|| panic!("the first line is {first:?}")).to_owned()
    }

    /// The events on stdout so far.
    pub fn events(&self) -> Vec<Value> {
        self.stdout.lines().iter().map(|line| parsed(line)).collect()
    }

    /// Waits for an event.
    #[track_caller]
    pub fn event(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        eventually(SOON, format!("{what}; stdout so far:\n{}", self.stdout.lines().join("\n")), || {
            self.events().into_iter().find(|event| is_it(event))
        })
    }

    /// Waits for words on stderr.
    #[track_caller]
    pub fn says(&self, words: &str) -> String {
        eventually(SOON, format!("stderr says {words:?}"), || self.stderr.lines().into_iter().find(|line| line.contains(words)))
    }

    pub fn stderr(&self) -> String {
        self.stderr.lines().join("\n")
    }

    /// How many descriptors it holds.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs").count()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().expect("kill is there");
        assert!(sent.success(), "the process is gone already");
    }

    pub fn poll_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn finished(mut self, within: Duration) -> FinishedProcess {
        let status =
            eventually(within, format!("it ends; stderr so far:\n{}", self.stderr()), || self.child.try_wait().expect("it is our child"));
        FinishedProcess { status, stdout: self.stdout.all(), stderr: self.stderr.all() }
    }
}

impl Drop for BridgeProcess {
    fn drop(&mut self) {
        // Ended already is as good as killed.
        let _ended = self.child.kill().is_err();
        let _reaped = self.child.wait().is_err();
    }
}

impl FinishedProcess {
    pub fn events(&self) -> Vec<Value> {
        self.stdout.iter().map(|line| parsed(line)).collect()
    }

    #[track_caller]
    pub fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "stderr:\n{}", self.stderr.join("\n"));
        self
    }

    /// Its only message on stderr.
    #[track_caller]
    pub fn complaint(&self) -> &str {
        match self.stderr.as_slice() {
            [only] => only,
            lines => panic!("one message was expected, not {lines:#?}"),
        }
    }
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
}

/// The lines that a process has printed so far.
struct OutputLines {
    lines: Arc<Mutex<Vec<String>>>,
    reading: Option<std::thread::JoinHandle<()>>,
}

impl OutputLines {
    fn by(pipe: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let shared = lines.clone();
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                shared.lock().expect("nobody panics with it").push(line);
            }
        });
        OutputLines { lines, reading: Some(reading) }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("nobody panics with it").clone()
    }

    /// Everything, once the process is gone.
    fn all(&mut self) -> Vec<String> {
        if let Some(reading) = self.reading.take() {
            reading.join().expect("it only reads");
        }
        self.lines()
    }
}

pub fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap_or_default()
}

/// The story that an event is about.
pub fn story(event: &Value) -> &str {
    event["data"]["story_id"].as_str().unwrap_or_default()
}
