//! Sessions in folders of our own: which are found, which are read, and how much of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::folders::encoded;
use super::*;
use crate::agent::Signal;
use crate::clock::Timestamp;
use crate::discover::Task;
use crate::line::TaskId;

const ID: &str = "4cf8931b-0c1d-4e2f-8a3b-5c6d7e8f9a0b";

struct SessionRig {
    folder: tempfile::TempDir,
    files: SessionFiles,
    inputs: Vec<AgentInput>,
    elapsed: Duration,
}

impl SessionRig {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let project = folder.path().join("shop");
        fs::create_dir_all(project.join(".git")).expect("it is ours");
        let scope = SessionScope {
            level: AgentLevel::Target,
            claude: vec![folder.path().join("home/projects")],
            codex: vec![folder.path().join("home/sessions")],
        };
        let task =
            Task { id: TaskId(0), name: "shop".to_owned(), title: "shop".to_owned(), folder: project, part: None, is_tentative: false };
        let found = Found { tasks: vec![task], ..Found::default() };
        SessionRig { files: SessionFiles::new(scope, &found), folder, inputs: Vec::new(), elapsed: Duration::ZERO }
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("shop").canonicalize().expect("it is there")
    }

    /// Where Claude keeps the sessions of a folder.
    fn sessions_of(&self, folder: &Path) -> PathBuf {
        let sessions = self.folder.path().join("home/projects").join(encoded(folder));
        fs::create_dir_all(&sessions).expect("it is ours");
        sessions
    }

    fn write(&self, path: &Path, id: &str, cwd: &Path, more: &str) {
        let record = |kind: &str| {
            format!("{{\"type\":\"{kind}\",\"sessionId\":\"{id}\",\"cwd\":\"{}\",\"message\":{{\"content\":\"x\"}}}}\n", cwd.display())
        };
        fs::write(path, format!("{}{more}{}", record("user"), record("user"))).expect("it is ours");
    }

    /// Polls a minute later.
    fn poll(&mut self) -> SessionsPolled {
        self.poll_after(Duration::from_secs(60), &[])
    }

    fn poll_after(&mut self, pause: Duration, changed: &[&Path]) -> SessionsPolled {
        self.elapsed += pause;
        let now = ClockReading { elapsed: self.elapsed, wall: Timestamp::now() };
        let (inputs, changed) = (&mut self.inputs, changed.iter().map(|path| path.to_path_buf()).collect());
        self.files.poll(&changed, None, now, &mut |input| inputs.push(input))
    }

    fn begun(&self) -> usize {
        self.inputs.iter().filter(|input| matches!(input, AgentInput::Begun { .. })).count()
    }

    fn signals(&self) -> usize {
        self.inputs.iter().map(|input| if let AgentInput::Signals { signals, .. } = input { signals.len() } else { 0 }).sum()
    }
}

#[test]
fn a_name_is_encoded_as_claude_does() {
    assert_eq!(encoded(Path::new("/work/my_app/repo.v2")), "-work-my-app-repo-v2");
    assert_eq!(encoded(Path::new("/w/é漢😀")), "-w-----");
    let long = encoded(Path::new(&format!("/{}", "a".repeat(300))));
    assert_eq!((long.len() > 200, &long[..3], long.as_bytes()[200]), (true, "-aa", b'-'));
}

#[test]
fn sessions_are_believed_by_the_folder_in_their_records() {
    let mut rig = SessionRig::new();
    let project = rig.project();
    let sessions = rig.sessions_of(&project);
    rig.write(&sessions.join(format!("{ID}.jsonl")), ID, &project, "");
    // Names of other folders are encoded alike.
    let other = "00000000-0000-4000-8000-000000000001";
    rig.write(&sessions.join(format!("{other}.jsonl")), other, &project.with_file_name("s.hop"), "");
    let below = project.join(".worktrees/one");
    let inside = "00000000-0000-4000-8000-000000000002";
    rig.write(&rig.sessions_of(&below).join(format!("{inside}.jsonl")), inside, &below, "");
    let polled = rig.poll();
    assert_eq!((rig.begun(), polled.announcement.is_some()), (2, true));
    assert!(rig.files.folders().existing.contains(&sessions));
    assert_eq!(rig.poll().announcement, None, "it is said once");
}

#[test]
fn folders_that_appear_are_read_when_they_do() {
    let mut rig = SessionRig::new();
    rig.poll();
    let missing = rig.files.folders().missing.clone();
    assert_eq!(missing, ["home/projects", "home/sessions"].map(|name| rig.folder.path().join(name)));
    let project = rig.project();
    let home = missing[0].parent().expect("the home");
    fs::create_dir(home).expect("it is ours");
    let polled = rig.poll_after(Duration::from_millis(1), &[home]);
    assert!(polled.folders_changed, "the home is watched from now on");
    let sessions = rig.sessions_of(&project);
    rig.write(&sessions.join(format!("{ID}.jsonl")), ID, &project, "");
    let polled = rig.poll_after(Duration::from_millis(1), &[&missing[0]]);
    assert_eq!((rig.begun(), polled.folders_changed), (1, true));
    // What was empty when its folder was listed, and grew before that was watched.
    let later = "00000000-0000-4000-8000-000000000001";
    let path = sessions.join(format!("{later}.jsonl"));
    fs::write(&path, "").expect("it is ours");
    rig.poll();
    rig.write(&path, later, &project, "");
    rig.files.schedule_scan();
    let polled = rig.poll_after(Duration::from_millis(1), &[]);
    assert_eq!((rig.begun(), polled.folders_changed), (2, false));
}

#[test]
fn only_what_was_written_lately_is_stated_each_second() {
    let mut rig = SessionRig::new();
    let project = rig.project();
    let path = rig.sessions_of(&project).join(format!("{ID}.jsonl"));
    rig.write(&path, ID, &project, "");
    let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_millis(Timestamp::now().0.unsigned_abs()) - Duration::from_secs(120);
    fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(long_ago)).expect("it is ours");
    rig.poll();
    assert_eq!((rig.begun(), rig.files.next_poll(None)), (1, rig.elapsed + SCAN_INTERVAL));
    rig.write(&path, ID, &project, "\n");
    rig.poll();
    assert_eq!(rig.files.next_poll(None), rig.elapsed + RECHECK_INTERVAL);
}

#[test]
fn links_and_other_projects_are_not_read() {
    let mut rig = SessionRig::new();
    let project = rig.project();
    let sessions = rig.sessions_of(&project);
    let elsewhere = rig.folder.path().join("elsewhere.jsonl");
    rig.write(&elsewhere, ID, &project, "");
    symlink(&elsewhere, sessions.join(format!("{ID}.jsonl"))).expect("it is ours");
    let linked = rig.folder.path().join("linked");
    fs::create_dir(&linked).expect("it is ours");
    rig.write(&linked.join(format!("{ID}.jsonl")), ID, &project.join("sub"), "");
    symlink(&linked, rig.folder.path().join("home/projects").join(encoded(&project.join("sub")))).expect("it is ours");
    fs::create_dir(sessions.join("00000000-0000-4000-8000-000000000001.jsonl")).expect("a folder of that name");
    rig.poll();
    assert_eq!(rig.inputs, []);
}

#[test]
fn a_large_file_is_read_from_its_last_mebibyte() {
    let mut rig = SessionRig::new();
    let project = rig.project();
    let path = rig.sessions_of(&project).join(format!("{ID}.jsonl"));
    let line = format!("{{\"type\":\"user\",\"sessionId\":\"{ID}\",\"message\":{{\"content\":\"{}\"}}}}\n", "x".repeat(1000));
    rig.write(&path, ID, &project, &line.repeat(5_000));
    rig.poll();
    let partial = rig.inputs.iter().any(|input| matches!(input, AgentInput::Begun { partial: true, .. }));
    assert!(partial && rig.signals() > 900 && rig.signals() < 1_100, "{}", rig.signals());
    let before = rig.signals();
    let mut text = fs::OpenOptions::new().append(true).open(&path).expect("it is ours");
    std::io::Write::write_all(&mut text, line.as_bytes()).expect("there is room");
    rig.poll();
    assert_eq!(rig.signals(), before + 1);
}

#[test]
fn sub_agents_are_signs_of_their_session() {
    let mut rig = SessionRig::new();
    let project = rig.project();
    let sessions = rig.sessions_of(&project);
    rig.write(&sessions.join(format!("{ID}.jsonl")), ID, &project, "");
    rig.poll();
    let children = sessions.join(ID).join("subagents");
    fs::create_dir_all(&children).expect("it is ours");
    rig.write(&children.join("agent-a1.jsonl"), ID, &project, "");
    rig.inputs.clear();
    rig.poll();
    assert_eq!((rig.begun(), rig.signals()), (0, 2));
    let all_children = rig.inputs.iter().all(|input| match input {
        AgentInput::Signals { agent, signals } => {
            *agent == AgentId(0) && signals.iter().all(|stamped| stamped.signal == Signal::ChildAlive)
        }
        AgentInput::Begun { .. } | AgentInput::Gone { .. } => false,
    });
    assert!(all_children, "{:?}", rig.inputs);
}

#[test]
fn codex_sessions_lie_by_day_and_files_that_go_are_forgotten() {
    let mut rig = SessionRig::new();
    let project = rig.project();
    let now = jiff::Timestamp::now();
    let today = TimeZone::system().to_datetime(now).date();
    let day = rig.folder.path().join(format!("home/sessions/{:04}/{:02}/{:02}", today.year(), today.month(), today.day()));
    fs::create_dir_all(&day).expect("it is ours");
    let head = |cwd: &Path| {
        format!(
            "{{\"timestamp\":\"{now}\",\"type\":\"session_meta\",\"payload\":{{\"id\":\"{ID}\",\"cwd\":\"{}\",\"source\":\"exec\"}}}}\n",
            cwd.display()
        )
    };
    fs::write(day.join("rollout-a.jsonl"), head(&project)).expect("it is ours");
    fs::write(day.join("rollout-b.jsonl"), head(Path::new("/elsewhere"))).expect("it is ours");
    rig.poll();
    assert_eq!(rig.begun(), 1);
    fs::remove_file(day.join("rollout-a.jsonl")).expect("it is ours");
    rig.poll();
    assert_eq!(rig.inputs.last(), Some(&AgentInput::Gone { agent: AgentId(0) }));
}
