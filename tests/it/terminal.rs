//! `--stream` in a real terminal: checks the content of the screen, not the bytes written to it.

use std::process::Command;

use crate::bridge_process::{ProjectFolder, SOON, eventually};
use crate::runner::append;
use crate::tools;
use progress_bridge::demo::write;

const PLAN: &str = r#"{"project": "Corner Shop", "userStories": [
    {"id": "US-001", "title": "Fill the basket", "acceptanceCriteria": ["The count rises", "It survives a reload"], "passes": false},
    {"id": "US-002", "title": "Empty the basket", "acceptanceCriteria": ["No row is left"], "passes": false}]}"#;

/// A shell in a tmux of its own, 80 by 24, that is gone with the test.
pub struct TmuxTerminal<'a> {
    project: &'a ProjectFolder,
}

impl<'a> TmuxTerminal<'a> {
    fn open(project: &'a ProjectFolder) -> Self {
        Self::open_with(project, 80, "")
    }

    /// With so many columns, and `environment` before the shell.
    pub fn open_with(project: &'a ProjectFolder, columns: u16, environment: &str) -> Self {
        let terminal = TmuxTerminal { project };
        let shell = format!("env PS1='ready> ' {environment} sh");
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-s", "shop", "-x", &columns.to_string(), "-y", "24", &shell]);
        terminal.waits_for("a prompt", |screen| screen.contains("ready>"));
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", "test"]).args(arguments).current_dir(self.project.path()).env_clear();
        // The socket lies in the project's folder: nobody else's sessions are near.
        tmux.env("TMUX_TMPDIR", self.project.path()).env("HOME", self.project.path()).env("TERM", "xterm-256color");
        tmux.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("BRIDGE", env!("CARGO_BIN_EXE_progress-bridge"));
        tmux.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let output = tmux.output().expect("tmux starts");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn types(&self, line: &str) {
        self.tmux(&["send-keys", "-t", "shop", "-l", line]);
        self.presses("Enter");
    }

    fn presses(&self, key: &str) {
        self.tmux(&["send-keys", "-t", "shop", key]);
    }

    /// Everything, what has scrolled away included.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-t", "shop", "-p", "-S", "-"])
    }

    fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-t", "shop", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// Whether the program has left the alternate screen and shows the cursor.
    fn is_given_back(&self) -> bool {
        self.shows_cursor() && self.tmux(&["display-message", "-t", "shop", "-p", "#{alternate_on}"]).trim() == "0"
    }

    fn shows_cursor(&self) -> bool {
        self.tmux(&["display-message", "-t", "shop", "-p", "#{cursor_flag}"]).trim() == "1"
    }

    #[track_caller]
    pub fn waits_for(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(SOON, what, || {
                last = self.screen();
                is_there(&last).then(|| last.clone())
            })
        }));
        found.unwrap_or_else(|_| panic!("{what} is not on the screen:\n{last}"))
    }
}

impl Drop for TmuxTerminal<'_> {
    fn drop(&mut self) {
        // Whoever looks at the screen last has closed it already, or nobody has.
        let _gone = Command::new("tmux").args(["-L", "test", "kill-server"]).env("TMUX_TMPDIR", self.project.path()).output().is_err();
    }
}

/// Columns of each row of the box.
fn widths(screen: &str) -> Vec<usize> {
    screen.lines().filter(|line| line.starts_with(['╔', '╠', '║', '╚'])).map(|line| line.chars().count()).collect()
}

fn boxes(screen: &str) -> usize {
    screen.matches('╔').count()
}

#[test]
fn the_box_changes_in_place_and_leaves_its_last_picture() {
    if !tools::have("tmux") {
        return;
    }
    let project = ProjectFolder::new();
    project.write("prd.json", PLAN);
    project.write("progress.txt", "[US-001] Starting...\n");
    let terminal = TmuxTerminal::open(&project);
    terminal.types("\"$BRIDGE\" --stream --watch . --listen 127.0.0.1:0");
    let screen = terminal.waits_for("the story", |screen| screen.contains("Current Story: US-001 - Fill the basket"));
    assert!(screen.contains("0/2 stories") && screen.contains("▸ The count rises"), "{screen}");
    assert!(widths(&screen).iter().all(|width| *width == 80), "{screen}");
    assert!(!terminal.shows_cursor(), "{screen}");

    append(&project.file("progress.txt"), "[US-001] Complete\n[US-002] Starting...\n");
    let screen = terminal.waits_for("the second story", |screen| screen.contains("Current Story: US-002 - Empty the basket"));
    assert!(screen.contains("1/2 stories") && !screen.contains("US-001"), "{screen}");
    assert_eq!(boxes(&screen), 1, "{screen}");

    terminal.resize(100, 24);
    let screen = terminal.waits_for("a wider box", |screen| boxes(screen) == 1 && widths(screen).iter().all(|width| *width == 100));
    assert!(screen.contains("Current Story: US-002"), "{screen}");

    terminal.presses("C-c");
    terminal.waits_for("a prompt under the box", |screen| screen.trim_end().ends_with("ready>"));
    terminal.types("echo \"code $?\"");
    let screen = terminal.waits_for("the exit code", |screen| screen.contains("code 130"));
    assert!(screen.contains("Current Story: US-002") && boxes(&screen) == 1, "{screen}");
    assert!(terminal.is_given_back(), "{screen}");
}

const START: &str = "\"$BRIDGE\" --stream --watch . --listen 127.0.0.1:0";

fn started(project: &ProjectFolder) {
    project.write("prd.json", PLAN);
    project.write("progress.txt", "[US-001] Starting...\n");
}

/// A window that becomes narrower makes terminals rewrap what stands on their main screen.
#[test]
fn a_narrower_window_leaves_nothing_of_a_wider_box() {
    if !tools::have("tmux") {
        return;
    }
    let project = ProjectFolder::new();
    started(&project);
    let terminal = TmuxTerminal::open_with(&project, 120, "");
    terminal.types(&format!("seq 1 30; {START}"));
    let screen = terminal.waits_for("two panes", |screen| screen.contains("○ US-002  Empty the basket"));
    assert!(screen.contains('╦') && widths(&screen).iter().all(|width| *width == 120), "{screen}");
    for columns in [60, 40, 60, 80] {
        terminal.resize(columns, 24);
        let screen = terminal.waits_for("a box of this width", |screen| {
            let first = screen.lines().find(|line| line.contains("RUNNING")).unwrap_or_default();
            first.trim_end().chars().count() == usize::from(columns)
        });
        assert!(boxes(&screen) == usize::from(columns > 40) && screen.matches("Fill the basket").count() == 1, "{screen}");
        assert!(widths(&screen).iter().all(|width| *width == usize::from(columns)), "{screen}");
        assert!(!screen.contains("Empty the basket"), "{screen}");
    }
    terminal.resize(80, 10);
    terminal.waits_for("a box of ten rows at most", |screen| boxes(screen) <= 1 && screen.contains("US-001 - Fill the basket"));
    terminal.resize(80, 24);
    terminal.waits_for("a box again", |screen| boxes(screen) == 1 && screen.contains("It survives a reload"));
    terminal.presses("C-c");
    let screen = terminal.waits_for("a prompt under the box", |screen| screen.trim_end().ends_with("ready>"));
    assert!(boxes(&screen) == 1 && screen.contains("\n30\n"), "{screen}");
}

#[test]
fn the_terminal_is_given_back_on_every_way_out() {
    if !tools::have("tmux") {
        return;
    }
    for (way_out, code) in [("kill -TERM $(cat pid)", 0), ("kill -HUP $(cat pid)", 0), ("kill -QUIT $(cat pid)", 0)] {
        let project = ProjectFolder::new();
        started(&project);
        let terminal = TmuxTerminal::open(&project);
        terminal.types(&format!("sh -c 'echo $$ > pid; exec {START}'; echo \"code $?\""));
        terminal.waits_for("the story", |screen| screen.contains("Current Story: US-001"));
        let sent = Command::new("sh").args(["-c", way_out]).current_dir(project.path()).status().expect("sh starts");
        assert!(sent.success(), "{way_out}");
        let screen = terminal.waits_for("the exit code", |screen| screen.contains(&format!("code {code}")));
        assert!(boxes(&screen) == 1 && terminal.is_given_back(), "{way_out}: {screen}");
    }
}

#[test]
fn a_stopped_program_goes_on_with_its_box() {
    if !tools::have("tmux") {
        return;
    }
    let project = ProjectFolder::new();
    started(&project);
    let terminal = TmuxTerminal::open(&project);
    terminal.types("set -m");
    terminal.types(START);
    terminal.waits_for("the story", |screen| screen.contains("Current Story: US-001"));
    terminal.presses("C-z");
    terminal.waits_for("a prompt under the box", |screen| screen.trim_end().ends_with("ready>") && boxes(screen) == 1);
    assert!(terminal.is_given_back());
    terminal.types("fg");
    append(&project.file("progress.txt"), "[US-001] Complete\n[US-002] Starting...\n");
    terminal.waits_for("the second story", |screen| screen.contains("Current Story: US-002"));
    assert!(!terminal.shows_cursor());
}

#[test]
fn the_environment_chooses_signs_and_colours() {
    if !tools::have("tmux") {
        return;
    }
    let coloured = |terminal: &TmuxTerminal| terminal.tmux(&["capture-pane", "-t", "shop", "-p", "-e"]).contains("\u{1b}[");
    for (environment, options, has_color, sign) in [
        ("", "", true, "▸ RUNNING"),
        ("NO_COLOR=1", "", false, "▸ RUNNING"),
        ("LC_ALL= LANG=C", "", true, "[>] RUNNING"),
        ("", "--ascii", true, "[>] RUNNING"),
        ("", "--emoji", true, "⏳ RUNNING"),
    ] {
        let project = ProjectFolder::new();
        started(&project);
        let terminal = TmuxTerminal::open_with(&project, 80, environment);
        terminal.types(&format!("{START} {options}"));
        let screen = terminal.waits_for(sign, |screen| screen.contains(sign));
        assert_eq!(coloured(&terminal), has_color, "{environment} {options}: {screen}");
        assert!(sign.is_ascii() == screen.is_ascii(), "{screen}");
    }
}

#[test]
fn through_a_pipe_and_on_dumb_terminals_there_are_lines() {
    if !tools::have("tmux") {
        return;
    }
    for (environment, pipe) in [("", "2>&1 | cat"), ("TERM=dumb", ""), ("CI=true", ""), ("", "--plain")] {
        let project = ProjectFolder::new();
        started(&project);
        let terminal = TmuxTerminal::open_with(&project, 100, environment);
        terminal.types(&format!("{START} {pipe}"));
        let screen = terminal.waits_for("a line", |screen| screen.contains("story_started    US-001 Fill the basket"));
        assert!(boxes(&screen) == 0 && terminal.is_given_back(), "{screen}");
    }
}

#[test]
fn a_run_that_ends_leaves_its_summary() {
    if !tools::have("tmux") {
        return;
    }
    let project = ProjectFolder::new();
    project.write("prd.json", PLAN);
    project.write("progress.txt", "[US-001] Starting...\n[US-001] Complete\n[US-002] Starting...\n");
    let terminal = TmuxTerminal::open(&project);
    terminal.types("\"$BRIDGE\" --stream --watch . --listen 127.0.0.1:0 --exit-on-complete; echo \"code $?\"");
    terminal.waits_for("the story", |screen| screen.contains("Current Story: US-002"));
    append(&project.file("progress.txt"), "[US-002] Complete\n");
    // The run is over when the plan says so, too.
    write::replace(&project.file("prd.json"), &PLAN.replace("false", "true")).expect("the folder is ours");
    let screen = terminal.waits_for("the exit code", |screen| screen.contains("code 0"));
    assert!(screen.contains("PASSED") && screen.contains("2/2 stories") && boxes(&screen) == 1, "{screen}");
}
