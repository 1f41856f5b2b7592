//! What the agents do, from their session files to every output: that it comes, that it counts only where it may, and that no text above
//! the level leaves the program.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON, eventually, kind};
use crate::canary::{CANARY, add_canaries, carriers};
use crate::page::browser::Browser;
use crate::sse_client::{get, stream};
use crate::terminal::TmuxTerminal;
use crate::tools;

const SESSION: &str = "4cf8931b-0c1d-4e2f-8a3b-5c6d7e8f9a0b";
const PLAN: &str = r#"{"project": "shop", "userStories": [{"id": "US-1", "title": "Cart", "passes": false}, {"id": "US-2", "title": "Pay", "passes": false}]}"#;

/// A project with a plan, and a home beside it in which agents keep their sessions.
struct AgentProject {
    project: ProjectFolder,
    home: tempfile::TempDir,
}

impl AgentProject {
    fn new() -> Self {
        let project = ProjectFolder::new();
        project.write("prd.json", PLAN);
        AgentProject { project, home: tempfile::tempdir().expect("a temporary folder") }
    }

    fn real(&self) -> PathBuf {
        self.project.path().canonicalize().expect("it is there")
    }

    /// Claude's folder for the project.
    fn sessions(&self) -> PathBuf {
        let name: String = self.real().display().to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let folder = self.home.path().join(".claude/projects").join(name);
        fs::create_dir_all(&folder).expect("the home is ours");
        folder
    }

    fn transcript(&self, id: &str, entrypoint: &str) -> Transcript {
        Transcript {
            path: self.sessions().join(format!("{id}.jsonl")),
            id: id.to_owned(),
            cwd: self.real(),
            entrypoint: entrypoint.to_owned(),
        }
    }

    /// A session full of canaries that writes after all others: screens show it first.
    fn write_last(&self, id: &str) {
        let session = self.transcript(id, "sdk-cli");
        session.prompt();
        let item = json!({"content": format!("{CANARY} an item"), "status": "in_progress", "activeForm": CANARY});
        session.call("c1", "TodoWrite", json!({"todos": [item]}));
        session.result("c1", CANARY, false);
        session.call("c2", "Bash", json!({"command": format!("cargo test {CANARY}"), "description": CANARY}));
    }

    fn start(&self, arguments: &[&str]) -> BridgeProcess {
        let mut command = self.project.command(arguments);
        command.env("HOME", self.home.path());
        BridgeProcess::start(command)
    }

    fn serve(&self, arguments: &[&str]) -> (BridgeProcess, std::net::SocketAddr) {
        let bridge = self.start(&[&["--listen", "127.0.0.1:0"], arguments].concat());
        let address = bridge.address().parse().expect("an address");
        (bridge, address)
    }
}

/// A session file that is written as Claude Code does.
struct Transcript {
    path: PathBuf,
    id: String,
    cwd: PathBuf,
    entrypoint: String,
}

impl Transcript {
    fn add(&self, kind: &str, message: Value) {
        let record = json!({"type": kind, "sessionId": self.id, "cwd": self.cwd, "entrypoint": self.entrypoint, "version": "2.1.150",
            "isSidechain": false, "timestamp": jiff::Timestamp::now().to_string(), "message": message});
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path).expect("the home is ours");
        writeln!(file, "{record}").expect("there is room");
    }

    fn prompt(&self) {
        self.add("user", json!({"role": "user", "content": "Take the next story."}));
    }

    fn call(&self, id: &str, tool: &str, input: Value) {
        self.add(
            "assistant",
            json!({"id": id, "content": [{"type": "tool_use", "id": id, "name": tool, "input": input}], "stop_reason": "tool_use"}),
        );
    }

    fn result(&self, id: &str, text: &str, is_error: bool) {
        self.add(
            "user",
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": text, "is_error": is_error}]}),
        );
    }
}

fn agents(address: std::net::SocketAddr) -> Vec<Value> {
    get(address, "/api/state").json()["tasks"][0]["agents"].as_array().cloned().unwrap_or_default()
}

#[track_caller]
fn agent(address: std::net::SocketAddr, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    eventually(SOON, what, || agents(address).into_iter().find(|agent| is_it(agent)))
}

fn activity_schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("../../docs/events.schema.json")).expect("the schema is JSON");
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema["x-activity"]).expect("it is a schema")
}

#[test]
fn what_the_agent_does_is_on_every_output() {
    let project = AgentProject::new();
    let session = project.transcript(SESSION, "sdk-cli");
    session.prompt();
    let (bridge, address) = project.serve(&["--json", "--activity"]);
    bridge.says("--agent off");
    agent(address, "it thinks", |agent| agent["phase"] == "thinking" && agent["ours"] == true);
    let mut activities = stream(address, "/stream/progress?types=activity");
    activities.expect("hello");
    let first = activities.expect("activity");
    assert_eq!(first.json()["phase"], "thinking");
    session.call("c1", "Bash", json!({"command": "cargo test --workspace | tail -5"}));
    let next = activities.expect("activity");
    let (shape, next_data) = (activity_schema(), next.json());
    for data in [first.json(), next_data.clone()] {
        let wrong: Vec<String> = shape.iter_errors(&data).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?} in {data:#}");
    }
    assert_eq!((&next_data["verb"], &next_data["target"], &next_data["command"]), (&json!("testing"), &json!("cargo test"), &Value::Null));
    assert_eq!(next_data.get("seq"), None);
    let line = bridge.event("the same on stdout", |line| kind(line) == "activity" && line["target"] == "cargo test");
    assert_eq!(line["session"], "4cf8931b");
    // The default types are the six.
    let mut events = stream(address, "/stream/progress");
    events.expect("hello");
    session.result("c1", "test result: FAILED. 41 passed; 2 failed; 0 ignored", false);
    session.call("c2", "Edit", json!({"file_path": project.real().join("prd.json"), "old_string": "a", "new_string": "b"}));
    let tested = agent(address, "it edits", |agent| agent["target"] == "prd.json");
    assert_eq!((&tested["tests"]["failed"], &tested["calls"]), (&json!(2), &json!(2)));
    project.project.write("prd.json", &PLAN.replacen("false", "true", 1));
    assert_eq!(events.next_event().expect("it goes on").event, "task_started");
    assert!(get(address, "/metrics").text().contains("progress_bridge_agents{phase=\"tool\"} 1"));
}

#[test]
fn a_session_that_counts_begins_the_run_and_one_of_a_person_does_not() {
    let project = AgentProject::new();
    let (_bridge, address) = project.serve(&[]);
    let status = || get(address, "/api/state").json()["tasks"][0]["status"].as_str().unwrap_or_default().to_owned();
    let persons = project.transcript("99999999-0000-4000-8000-000000000000", "cli");
    persons.prompt();
    persons.call("c1", "AskUserQuestion", json!({"questions": []}));
    let other = agent(address, "the person's session", |agent| agent["phase"] == "waiting");
    assert_eq!((&other["ours"], &other["waiting"]["certain"]), (&json!(false), &json!(true)));
    let task = || get(address, "/api/state").json()["tasks"][0].take();
    assert_eq!((status().as_str(), task().get("attention").is_some()), ("planned", false));
    let session = project.transcript(SESSION, "sdk-cli");
    session.prompt();
    eventually(SOON, "the run is under way", || (status() == "running").then_some(()));
    assert_eq!(task()["current_story"], json!({"kind": "known", "index": 0, "provenance": "inferred"}));
    for id in ["d1", "d2", "d3"] {
        session.call(id, "Bash", json!({"command": "rm -rf build"}));
        session.result(id, "Claude requested permissions to use Bash, but you haven't granted it yet.", true);
    }
    let attention = eventually(SOON, "it needs somebody", || task().get("attention").cloned());
    assert_eq!((&attention["kind"], &attention["reason"]), (&json!("needs_you"), &json!("Claude Code was denied Bash 3 times")));
    // Nothing of it is an event.
    assert_eq!(get(address, "/api/events").json()["events"], json!([]));
}

/// A bridge that nobody tells when the run began takes the first change of a file for it.
#[test]
fn a_session_that_is_at_work_when_the_first_file_moves_counts() {
    let project = AgentProject::new();
    let (over, interactive) = ("99999999-0000-4000-8000-000000000000", "88888888-0000-4000-8000-000000000000");
    let sessions = [(over, "sdk-cli"), (interactive, "cli"), (SESSION, "sdk-cli")].map(|(id, kind)| project.transcript(id, kind));
    let (_bridge, address) = project.serve(&[]);
    sessions.iter().for_each(Transcript::prompt);
    sessions[0].add("assistant", json!({"id": "m", "content": [{"type": "text", "text": "Done."}], "stop_reason": "end_turn"}));
    agent(address, "the one that is over", |agent| agent["phase"] == "ended");
    sessions[2].call("c1", "Bash", json!({"command": "cargo test"}));
    agent(address, "a long call", |agent| agent["phase"] == "tool");
    project.project.write("progress.txt", "a line\n");
    eventually(SOON, "the run has a beginning", || get(address, "/api/state").json()["tasks"][0].get("started_at").cloned());
    let mut ours: Vec<Value> =
        agents(address).into_iter().filter(|agent| agent["ours"] == true).map(|mut agent| agent["session"].take()).collect();
    ours.dedup();
    assert_eq!(ours, [&SESSION[..8]]);
}

#[test]
fn without_sessions_nothing_changes_and_off_reads_none() {
    let project = AgentProject::new();
    for arguments in [&["--agent", "off"][..], &["--no-discover", "prd.json"], &["--agent-root", "nowhere"]] {
        let session = project.transcript(SESSION, "sdk-cli");
        session.prompt();
        let (bridge, address) = project.serve(arguments);
        bridge.says("watching");
        assert_eq!(agents(address), Vec::<Value>::new(), "{arguments:?}");
        assert!(!bridge.stderr().contains("sessions"), "{}", bridge.stderr());
    }
    let once = project.project.command(["--once"]).env("HOME", project.home.path()).output().expect("it runs");
    assert!(!String::from_utf8_lossy(&once.stderr).contains("sessions"));
}

#[test]
fn who_may_ask_from_elsewhere_gets_nothing_unless_a_level_was_given() {
    let project = AgentProject::new();
    project.transcript(SESSION, "sdk-cli").prompt();
    for (arguments, count) in [(&["--allow-host", "box.lan"][..], 0), (&["--allow-host", "box.lan", "--agent", "target"], 1)] {
        let (bridge, address) = project.serve(arguments);
        bridge.says("--agent off");
        let mut states = stream(address, "/stream/state");
        let agents = eventually(SOON, "a state with the session", || {
            let state = states.wait_for("state").json();
            let is_running = state["tasks"][0]["status"] == "running";
            is_running.then(|| state["tasks"][0]["agents"].as_array().map_or(0, Vec::len))
        });
        assert_eq!(agents, count, "{arguments:?}");
    }
}

#[test]
fn a_stream_that_a_runner_keeps_in_its_log_is_read_and_not_quoted() {
    let project = AgentProject::new();
    let lines = [
        "=== Iteration 1 ===".to_owned(),
        json!({"type": "system", "subtype": "init", "cwd": project.real(), "session_id": SESSION}).to_string(),
        json!({"type": "assistant", "message": {"id": "m", "content": [{"type": "tool_use", "id": "c1", "name": "Bash",
            "input": {"command": "npm run build # c4nary"}}]}, "parent_tool_use_id": null, "session_id": SESSION})
        .to_string(),
        "a line of the runner".to_owned(),
    ];
    project.project.write("run.log", &(lines.join("\n") + "\n"));
    let (_bridge, address) = project.serve(&[]);
    let found = agent(address, "the stream's session", |agent| agent["basis"] == "stream");
    assert_eq!((&found["target"], &found["headless"], &found["ours"]), (&json!("npm run build"), &json!(true), &json!(true)));
    let state = get(address, "/api/state").text();
    assert!(state.contains("a line of the runner") && !state.contains("c4nary"), "{state}");
    let check = project.project.run(&["check", "run.log"]).exits_with(0).stdout.join("\n");
    assert!(check.contains("an agent's record") && !check.contains("c4nary"), "{check}");
}

#[test]
fn a_canary_in_every_text_leaves_only_by_the_fields_of_its_level() {
    let browser = Browser::open();
    for (level, allowed) in [
        ("status", &[][..]),
        ("target", &["target", "current", "text", "recent"]),
        ("command", &["target", "current", "text", "recent", "command"]),
    ] {
        let project = AgentProject::new();
        let (real, fixtures) = (project.real().display().to_string(), Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/agents"));
        let now = jiff::Timestamp::now().to_string();
        let day = &now[..10].replace('-', "/");
        for (number, path) in fs::read_dir(&fixtures)
            .expect("it is there")
            .flatten()
            .flat_map(|folder| fs::read_dir(folder.path()).expect("a folder").flatten())
            .enumerate()
        {
            let path = path.path();
            let format = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a name").to_owned();
            let id = format!("{number:08x}-0c1d-4e2f-8a3b-5c6d7e8f9a0b");
            let text = fs::read_to_string(&path).expect("it can be read");
            let changed: String = text
                .trim_start_matches('\u{feff}')
                .lines()
                .map(|line| {
                    let Ok(mut record) = serde_json::from_str::<Value>(line) else { return format!("{line}\n") };
                    add_canaries(&mut record);
                    if record.get("timestamp").is_some() {
                        record["timestamp"] = json!(now);
                    }
                    format!("{}\n", record.to_string().replace("/work/shop", &real).replace(SESSION, &id))
                })
                .collect();
            let to = match format.as_str() {
                "claude" => project.sessions().join(format!("{id}.jsonl")),
                "codex" => project.home.path().join(".codex/sessions").join(day).join(format!("rollout-{number}.jsonl")),
                _ => project.project.file(&format!("{format}.log")),
            };
            fs::create_dir_all(to.parent().expect("a folder")).expect("the home is ours");
            fs::write(to, changed).expect("there is room");
        }
        let (bridge, address) = project.serve(&["--agent", level, "--json", "--activity", "--state", ".kept"]);
        let mut activities = stream(address, "/stream/progress?types=activity");
        activities.expect("hello");
        let frame = activities.expect("activity").json();
        bridge.says("watching");
        let seen = eventually(SOON, "all formats are there", || {
            let seen = agents(address);
            let has = |basis: &str| seen.iter().any(|agent| agent["basis"] == basis);
            (has("transcript") && has("rollout") && has("stream")).then_some(seen)
        });
        let mut found = Vec::new();
        let state = get(address, "/api/state").json();
        let lines = bridge.events();
        let of_agents: Vec<_> = lines.iter().filter(|line| kind(line) == "activity").collect();
        assert!(!of_agents.is_empty());
        for field in ["tool", "tests", "commits"] {
            assert!(level != "status" || of_agents.iter().all(|line| line.get(field).is_none()), "{field} at status: {of_agents:?}");
        }
        for document in [&frame, &state, &json!(lines), &json!(seen)] {
            found.extend(carriers(document));
        }
        found.retain(|field| !allowed.contains(&field.as_str()));
        assert!(found.is_empty(), "{level}: {found:?}");
        for task in state["tasks"].as_array().into_iter().flatten() {
            for field in ["sources", "attention", "terminal_line", "stories", "last_error"] {
                assert!(!task[field].to_string().contains(CANARY), "{level}: {field}");
            }
        }
        let has_text = state.to_string().contains(CANARY);
        assert_eq!(has_text, level != "status", "the canary is in what the level names");
        let kept: Vec<String> = fs::read_dir(project.project.file(".kept"))
            .expect("something is kept")
            .map(|entry| fs::read_to_string(entry.expect("it can be listed").path()).expect("it is text"))
            .collect();
        assert!(kept.concat().len() > 100, "{kept:?}");
        for (what, text) in [
            ("stderr", bridge.stderr()),
            ("metrics", get(address, "/metrics").text()),
            ("health", get(address, "/healthz").text()),
            ("events", get(address, "/api/events").text()),
            ("the page", get(address, "/").text()),
            ("what is kept", kept.concat()),
            ("check", project.project.run(&["check", "stream.log", "codex_exec.log"]).stdout.join("\n")),
        ] {
            assert!(!text.contains(CANARY), "{level}: {what} has it: {text}");
        }
        if let Some(browser) = &browser {
            project.write_last("eeeeeeee-0c1d-4e2f-8a3b-5c6d7e8f9a0b");
            check_page(browser, address, level);
        }
        if tools::have("tmux") {
            check_box(&project, level);
        }
    }
}

/// On the page only the agent's rows, its list and the line of what it waits for carry a text of its session, and at `status` nothing.
#[track_caller]
fn check_page(browser: &Browser, address: std::net::SocketAddr, level: &str) {
    browser.go(&format!("http://{address}/"));
    browser.shows(&["live", if level == "status" { "testing" } else { "testing cargo test" }]);
    // With attributes, what is folded, and what only a screen reader has; without the parts that match.
    let shown_without = |parts: &str| {
        browser.text_of(&format!(
            "[document.documentElement, document.querySelector('progress-panel').shadowRoot.querySelector('article')].map((shown) => {{
                const copy = shown.cloneNode(true);
                copy.querySelectorAll('{parts}').forEach((part) => part.remove());
                return copy.outerHTML;
            }}).join('')"
        ))
    };
    let whole = shown_without("script");
    assert!(whole.contains("Cart") && whole.contains("testing"), "{whole}");
    assert_eq!(whole.contains(CANARY), level != "status", "{level}: {whole}");
    let others = shown_without("[part=agent] code, [part=todo], .alert .src");
    assert!(others.contains("Cart") && !others.contains(CANARY), "{level}: {others}");
}

/// In the live box only the agent's own rows carry a text of its session, and at `status` none.
#[track_caller]
fn check_box(project: &AgentProject, level: &str) {
    let terminal = TmuxTerminal::open_with(&project.project, 100, "");
    let home = project.home.path().display();
    terminal
        .types(&format!("$BRIDGE --stream --listen 127.0.0.1:0 --agent {level} --agent-root {home}/.claude --agent-root {home}/.codex ."));
    terminal.waits_for("a row", |screen| screen.contains("║ Agent: "));
    project.write_last("ffffffff-0c1d-4e2f-8a3b-5c6d7e8f9a0b");
    let row = if level == "status" { "║ Agent: testing ·" } else { "║ Agent: testing cargo test" };
    let screen = terminal.waits_for("the session that wrote last", |screen| screen.contains(row) && screen.contains('╚'));
    // Its list has a heading and ends with an empty row.
    let mut is_list = false;
    let mut carriers = 0;
    for row in screen.lines() {
        is_list = row.starts_with("║ Agent's Own List") || (is_list && !row.trim_matches(['║', ' ']).is_empty());
        if row.contains(CANARY) {
            carriers += 1;
            assert!(level != "status" && (is_list || row.starts_with("║ Agent: ")), "{level}: {row}\n{screen}");
        }
    }
    assert_eq!(carriers > 0, level != "status", "{level}\n{screen}");
}

#[test]
fn the_schema_of_an_activity_is_that_of_an_agent_in_the_state() {
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("the schema is JSON");
    let activity = parse(include_str!("../../docs/events.schema.json"))["x-activity"]["properties"].take();
    let agent = parse(include_str!("../../docs/state.schema.json"))["$defs"]["agent"]["properties"].take();
    let names = |value: &Value| value.as_object().expect("properties").keys().cloned().collect::<std::collections::BTreeSet<_>>();
    let mut expected = names(&agent);
    expected.extend(["type".to_owned(), "task_id".to_owned()]);
    assert_eq!(names(&activity), expected);
}
