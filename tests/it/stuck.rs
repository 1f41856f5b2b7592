//! Nobody reads, nothing can be written, a signal comes: the program goes on, or says so and ends.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON, eventually, story};
use crate::sse_client::get;

/// A child that is killed when the test is over.
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // Ended already is as good as killed.
        let _ended = self.0.kill().is_err();
        let _reaped = self.0.wait().is_err();
    }
}

impl KilledOnDrop {
    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status().expect("kill is there").success());
    }

    #[track_caller]
    fn ends(&mut self) -> Option<i32> {
        let status = eventually(SOON, "it ends", || self.0.try_wait().expect("it is our child"));
        assert_eq!(status.signal(), None);
        status.code()
    }
}

/// A free port of this moment; the address cannot be read from a stderr that nobody empties.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

#[track_caller]
fn answers(port: u16) {
    let address = format!("127.0.0.1:{port}").parse().expect("an address");
    eventually(SOON, "it listens", || std::net::TcpStream::connect(address).ok());
    assert_eq!(get(address, "/healthz").status, 200);
}

#[test]
fn a_stderr_that_nobody_empties_stops_nothing() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-1] Starting...\n");
    let port = free_port();
    let command = project.command(["--plain", "--json", "--listen", &format!("127.0.0.1:{port}"), "progress.txt"]);
    let mut bridge = with_one_processor(command, Stdio::piped());
    let stdout = bridge.0.stdout.take().expect("it is piped");
    let lines =
        std::thread::spawn(move || std::io::BufRead::lines(std::io::BufReader::new(stdout)).map_while(Result::ok).collect::<Vec<_>>());
    answers(port);
    let mut log = fs::OpenOptions::new().append(true).open(project.file("progress.txt")).expect("it is there");
    // Far more than the pipe and the queue hold.
    let count = 6000;
    for number in 2..count {
        writeln!(log, "[US-{number}] Starting the story with a name that is rather long, so that its line is long, too")
            .expect("there is room");
    }
    let address = format!("127.0.0.1:{port}").parse().expect("an address");
    eventually(Duration::from_secs(30), "everything is read", || {
        (get(address, "/api/state").json()["seq"].as_u64() >= Some(count)).then_some(())
    });
    answers(port);
    bridge.signal("TERM");
    assert_eq!(bridge.ends(), Some(0));
    assert!(lines.join().expect("it only reads").len() as u64 >= count);
}

/// With a stderr, and a stdout where `stdout` is a pipe, that nobody reads unless the caller does; on one processor where that can be had.
fn with_one_processor(mut command: Command, stdout: Stdio) -> KilledOnDrop {
    let has_taskset = Command::new("taskset").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if has_taskset {
        let mut wrapped = Command::new("taskset");
        wrapped.args(["-c", "0"]).arg(command.get_program()).args(command.get_args());
        wrapped.current_dir(command.get_current_dir().expect("it is set"));
        command = wrapped;
    }
    KilledOnDrop(command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).spawn().expect("the binary starts"))
}

#[test]
fn a_stdout_that_nobody_empties_stops_the_reading_alone() {
    let project = ProjectFolder::new();
    let lines: String = (1..3000).map(|number| format!("[US-{number}] Starting...\n")).collect();
    project.write("progress.txt", &lines);
    let port = free_port();
    let command = project.command(["--json", "--listen", &format!("127.0.0.1:{port}"), "progress.txt"]);
    let mut bridge = with_one_processor(command, Stdio::piped());
    answers(port);
    project.write("progress.txt", &format!("{lines}[US-1] Completed\n"));
    answers(port);
    bridge.signal("TERM");
    assert_eq!(bridge.ends(), Some(0));
}

#[test]
fn every_signal_ends_it_in_order_or_is_ignored() {
    // `nohup tests/run` passes its ignored signal on.
    for (name, ends) in [("HUP", !is_hang_up_ignored()), ("QUIT", true), ("USR1", false), ("USR2", false)] {
        let project = ProjectFolder::new();
        project.write("progress.txt", "[US-1] Starting...\n");
        let bridge = project.start(&["--json", "progress.txt"]);
        bridge.event("the first", |event| story(event) == "US-1");
        bridge.signal(name);
        if !ends {
            project.write("progress.txt", "[US-1] Starting...\n[US-2] Starting...\n");
            bridge.event("it goes on", |event| story(event) == "US-2");
            bridge.signal("TERM");
        }
        bridge.finished(SOON).exits_with(0);
    }
}

fn is_hang_up_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("it is listed");
    u64::from_str_radix(mask.trim(), 16).expect("a mask") & 1 == 1
}

#[test]
fn what_nohup_started_goes_on() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-1] Starting...\n");
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap '' HUP; exec "$0" --json progress.txt"#, env!("CARGO_BIN_EXE_progress-bridge")]);
    let bridge = BridgeProcess::start_in(&mut command, project.path());
    bridge.event("the first", |event| story(event) == "US-1");
    bridge.signal("HUP");
    project.write("progress.txt", "[US-1] Starting...\n[US-2] Starting...\n");
    bridge.event("it goes on", |event| story(event) == "US-2");
}

#[test]
fn a_full_disk_is_said_and_is_74() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-1] Starting...\n");
    for arguments in
        [&["--once", "progress.txt"][..], &["--once", "--json", "progress.txt"], &["--help"], &["--version"], &["check", "progress.txt"]]
    {
        let full = File::options().write(true).open("/dev/full").expect("every Linux has it");
        let output = project.command(arguments).stdout(full).output().expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(74), "{arguments:?}: {said}");
        assert!(said.contains("No space left"), "{arguments:?}: {said}");
    }
}

#[test]
fn few_descriptors_and_small_files_end_with_a_message() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-1] Starting...\n");
    for limits in ["-n 10", "-n 16", "-n 5", "-f 1", "-f 0"] {
        // With something to write into a file.
        let state = if limits.starts_with("-f") { " --state .state" } else { "" };
        let script = format!(r#"ulimit {limits}; exec "$0" --once --json{state} progress.txt"#);
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_progress-bridge")]);
        let ended = BridgeProcess::start_in(&mut command, project.path()).finished(SOON);
        let told = ended.stdout.len() == 2 && ended.status.code() == Some(0);
        let refused = !ended.stderr.is_empty() && ended.status.code().is_some_and(|code| code != 0);
        assert!(told || refused, "{limits}: {:?} {:?} {:?}", ended.status, ended.stdout, ended.stderr);
        assert!(!ended.stderr.iter().any(|line| line.contains("panicked")), "{limits}: {:?}", ended.stderr);
    }
}

#[test]
fn what_is_no_file_is_left_aside_without_waiting() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-1] Starting...\n");
    let make_pipe = |name: &str| assert!(Command::new("mkfifo").arg(project.file(name)).status().expect("mkfifo is there").success());
    make_pipe("pipe.log");
    make_pipe("prd.json");
    fs::create_dir(project.file(".claude-loop")).expect("the folder is ours");
    make_pipe(".claude-loop/execution_log.jsonl");
    let _socket = std::os::unix::net::UnixListener::bind(project.file("socket.log")).expect("a socket");
    let told = project.run(&["--once", "--json"]).exits_with(0).events();
    assert!(told.iter().any(|event| story(event) == "US-1"), "{told:?}");
    let ended = project.run(&["--once", "--no-discover", "socket.log"]);
    assert!(ended.stderr.join("\n").contains("is a socket"), "{:?}", ended.stderr);

    // A file that is a pipe for a moment.
    let bridge = project.start(&["--json", "--no-discover", "progress.txt"]);
    bridge.event("the first", |event| story(event) == "US-1");
    for number in 2..6 {
        make_pipe("moment");
        fs::rename(project.file("moment"), project.file("progress.txt")).expect("it is ours");
        project.write("new", &format!("[US-1] Starting...\n[US-{number}] Starting...\n"));
        fs::rename(project.file("new"), project.file("progress.txt")).expect("it is ours");
        bridge.event("the file is back", |event| story(event) == format!("US-{number}"));
    }
    bridge.signal("TERM");
    bridge.finished(SOON).exits_with(0);
}

#[test]
fn state_inside_of_what_is_watched_is_refused() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-1] Starting...\n");
    for (state, code) in [("state", 2), (".", 2), ("a/b", 2), (".state", 0), (".hidden/state", 0)] {
        let ended = project.run(&["--once", "--json", "--state", state]).exits_with(code);
        assert_eq!(ended.stderr.join("\n").contains("is watched"), code == 2, "{state}: {:?}", ended.stderr);
        assert!(!project.file("state").exists() && !project.file("a").exists(), "{state}");
    }
}
