//! Every message that ends the program with an error: each says what failed, why, and what to do. The snapshot is the list to read.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON};
use crate::source_files::sources;

/// Where such messages are made, and how many there are. A new one is met by a run below, unless it cannot be: the system refuses a
/// thread, the disk behind stdout is full or descriptors are next to none (`stuck.rs`), a bug breaks the reading off.
const MADE: &[(&str, usize)] = &[
    ("app.rs", 7),
    ("app/connect.rs", 2),
    ("app/descriptors.rs", 1),
    ("app/fleet.rs", 3),
    ("app/listen.rs", 1),
    ("app/signals.rs", 1),
    ("check.rs", 3),
    ("cli/fleet.rs", 5),
    ("cli/options.rs", 5),
    ("cli/settings.rs", 1),
    ("client/http.rs", 2),
    ("config.rs", 4),
    ("config/access_token.rs", 3),
    ("config/notify.rs", 3),
    ("config/user_file.rs", 3),
    ("demo.rs", 2),
    ("discover.rs", 1),
    ("discover/expand.rs", 1),
    ("output/ndjson.rs", 1),
    ("program.rs", 1),
    ("report.rs", 1),
    ("status.rs", 5),
    ("store.rs", 2),
];

#[test]
fn every_message_says_what_failed_and_what_to_do() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    project.write("prd.json", r#"{"userStories": [{"id": "US-001", "title": "Basket", "passes": false}]}"#);
    project.write("file", "");
    project.write("short-token", "short\n");
    project.write("bad.toml", "[[rule]]\nname = \"job\"\nevent = \"story_started\"\nmatch = '^(?<title>.+'\n");
    for (name, text) in [("key", "max-rte = 1"), ("value", "max-rate = \"much\""), ("broken", "max-rate"), ("nested", "[serve]")] {
        project.write(&format!("{name}.toml"), text);
    }
    for folder in ["empty", "foreign", "kept"] {
        fs::create_dir(project.file(folder)).expect("the folder is ours");
    }
    project.write("foreign/lock", "somebody else's\n");
    let outside = ProjectFolder::new();
    outside.write("progress.txt", "[US-001] Starting...\n");
    let log = outside.file("progress.txt").display().to_string();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it has one").port().to_string();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port().to_string();
    let other = outside.start(&["--listen", "127.0.0.1:0", "--token-file", "made", "--require-token", "progress.txt"]);
    let asked = other.address();
    let busy = outside.start(&["--json", "--state", &outside.file(".kept").display().to_string(), "progress.txt"]);
    busy.says("watching");

    let mut list = String::new();
    let mut met = |variables: &[(&str, &str)], arguments: &str| {
        let arguments = arguments.replace("LOG", &log).replace("TAKEN", &port).replace("CLOSED", &closed).replace("ASKED", &asked);
        let arguments = arguments.replace("KEPT", &outside.file(".kept").display().to_string());
        let mut command = project.command(arguments.split_whitespace());
        command.envs(variables.iter().copied());
        let finished = BridgeProcess::start(command).finished(SOON);
        let code = finished.status.code().expect("it was not killed");
        let message = finished.stderr.join("\n");
        assert_ne!(code, 0, "{arguments}: {message}");
        // What failed and what to do are two parts.
        let parts = message.split([';', ':', ',', '\n']).filter(|part| !part.trim().is_empty()).count();
        assert!(parts >= 2, "{arguments}: nothing says what to do: {message}");
        let shown = format!("progress-bridge {arguments}\n  {code}: {}\n", message.trim_end().replace('\n', "\n     "));
        let here = [(project.path().display().to_string(), "HERE"), (outside.path().display().to_string(), "OUTSIDE")];
        let ports = [(port.clone(), "TAKEN"), (closed.clone(), "CLOSED"), (asked.clone(), "ASKED")];
        let shown = here.iter().chain(&ports).fold(shown, |text, (changing, name)| text.replace(changing.as_str(), name));
        let set: String = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        // Writing into a `String` cannot fail.
        let _never = writeln!(list, "{set}{shown}").is_err();
    };
    for arguments in [
        "--strem",
        "--once --listen 127.0.0.1:0",
        "--connect http://127.0.0.1:1 progress.txt",
        "--listen nowhere",
        "--listen 127.0.0.1:99999",
        "--listen 0.0.0.0:0",
        "--listen 127.0.0.1:TAKEN",
        "--listen 203.0.113.1:7333 --require-token",
        "--allow-origin example.org",
        "--token-file missing",
        "--token-file file",
        "--token-file short-token",
        "--rules missing.toml",
        "--rules bad.toml",
        "--poll-interval 0",
        "--buffer 10001",
        "--once missing.txt",
        "--once x*.txt",
        "--once empty",
        "--state foreign LOG",
        "--state file LOG",
        "--state kept progress.txt",
        "--state KEPT LOG",
        "check missing.txt",
        "check empty",
        "status --task nobody",
        "status --format {nobody}",
        "status http://127.0.0.1:1 progress.txt",
        "status https://127.0.0.1:1",
        "status ftp://127.0.0.1:1",
        "status http://127.0.0.1:CLOSED",
        "status http://ASKED",
        "doctor http://ASKED",
        "--connect http://ASKED",
        "wait story:US-009",
        "wait nothing",
        "wait --timeout soon",
        "wait --task nobody",
        "--notify-exec no-such-program",
        "--webhook example.org",
        "--webhook http://example.org/hook",
        "--webhook-secret-file missing",
        "--webhook-secret-file short-token",
        "--notify-on everything",
        "report --task nobody",
        "report --format pdf",
        "report --output missing/report.html",
        "demo --speed 0",
        "completions tcsh",
        "--publish 127.0.0.1:4222 LOG",
        "--publish nats://me:secret@127.0.0.1 LOG",
        "--publish nats://127.0.0.1 --nats-nkey missing LOG",
        "--publish nats://127.0.0.1 --nats-creds missing LOG",
        "--publish nats://127.0.0.1 --nats-creds missing --nats-nkey file LOG",
        "fleet",
        "fleet --nats ftp://127.0.0.1",
        "fleet --nats nats://127.0.0.1 --replicas 0",
        "fleet --nats nats://127.0.0.1 --nats-creds missing --listen 127.0.0.1:0",
    ] {
        met(&[], arguments);
    }
    for (variable, value) in [
        ("PROGRESS_BRIDGE_CONFIG", "missing.toml"),
        ("PROGRESS_BRIDGE_CONFIG", "key.toml"),
        ("PROGRESS_BRIDGE_CONFIG", "value.toml"),
        ("PROGRESS_BRIDGE_CONFIG", "broken.toml"),
        ("PROGRESS_BRIDGE_CONFIG", "nested.toml"),
        ("PROGRESS_BRIDGE_TOKEN", "short"),
        ("PROGRESS_BRIDGE_MAX_RATE", "much"),
        ("PROGRESS_BRIDGE_STREAM", "perhaps"),
    ] {
        met(&[(variable, value)], "--listen 127.0.0.1:0 progress.txt");
    }
    met(&[], "--activity progress.txt");
    met(&[], "statsu");
    met(&[("PROGRESS_BRIDGE_NATS_USER", "me")], "--publish nats://127.0.0.1 LOG");
    met(&[("HOME", ""), ("XDG_STATE_HOME", "")], "--publish nats://127.0.0.1 LOG");
    met(&[("TMPDIR", "/nowhere")], "demo --listen 127.0.0.1:0");
    for folder in ["", ".", "--once"] {
        let mut command = project.command(folder.split_whitespace());
        command.current_dir(project.file("empty"));
        let finished = BridgeProcess::start(command).finished(SOON).exits_with(3);
        assert!(finished.complaint().contains("name a file or a folder"), "{}", finished.complaint());
    }
    insta::assert_snapshot!(list);
}

#[test]
fn the_list_of_messages_is_whole() {
    let makes = ["Error::Usage(", "Error::NothingToWatch(", "Error::Io {", "Error::Remote {", "Error::Listen {"];
    let is_made = |line: &&str| !line.trim_start().starts_with("//") && makes.iter().any(|make| line.contains(make));
    // The type itself only matches.
    let others = sources().into_iter().filter(|file| !file.path.ends_with("error.rs") && !file.path.ends_with("tests.rs"));
    let counted = others.map(|file| {
        let code = file.text.split("mod tests {").next().unwrap_or_default();
        (file.path.display().to_string(), code.lines().filter(is_made).count())
    });
    let mut made: Vec<_> = counted.filter(|(_, count)| *count > 0).collect();
    made.sort();
    let known: Vec<(String, usize)> = MADE.iter().map(|(file, count)| ((*file).to_owned(), *count)).collect();
    assert_eq!(made, known, "meet the new message in the test above, then count it here");
}

/// Names may lead to anything, also to what never ends.
#[test]
fn a_device_is_no_file_of_settings() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-1] Starting...\n");
    for (option, said) in [("--token-file", "more than"), ("--rules", "more than"), ("--webhook-secret-file", "more than")] {
        let ended = project
            .run(&["--webhook", "http://127.0.0.1:9/", "--listen", "127.0.0.1:0", option, "/dev/zero", "progress.txt"])
            .exits_with(2);
        assert!(ended.complaint().contains(said), "{option}: {:?}", ended.stderr);
    }
    let mut command = project.command(["--once", "progress.txt"]);
    command.env("PROGRESS_BRIDGE_CONFIG", "/dev/zero");
    let ended = BridgeProcess::start_in(&mut command, project.path()).finished(SOON).exits_with(2);
    assert!(ended.complaint().contains("more than") && ended.stderr.join("").len() < 1_000);
    let ended = project.run(&["check", "/dev/zero"]).exits_with(2);
    assert!(ended.complaint().contains("is a device"), "{:?}", ended.stderr);
}
