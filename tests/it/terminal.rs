//! `--stream` in a real terminal: checks the content of the screen, not the bytes written to it.

use std::process::Command;

use crate::bridge_process::{ProjectFolder, SOON, eventually};
use crate::runner::{append, write};
use crate::tools;

const PLAN: &str = r#"{"project": "Corner Shop", "userStories": [
    {"id": "US-001", "title": "Fill the basket", "acceptanceCriteria": ["The count rises", "It survives a reload"], "passes": false},
    {"id": "US-002", "title": "Empty the basket", "acceptanceCriteria": ["No row is left"], "passes": false}]}"#;

/// A shell in a tmux of its own, 80 by 24, that is gone with the test.
struct TmuxTerminal<'a> {
    project: &'a ProjectFolder,
}

impl<'a> TmuxTerminal<'a> {
    fn open(project: &'a ProjectFolder) -> Self {
        let terminal = TmuxTerminal { project };
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-s", "shop", "-x", "80", "-y", "24", "PS1='ready> ' sh"]);
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

    fn types(&self, line: &str) {
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

    fn shows_cursor(&self) -> bool {
        self.tmux(&["display-message", "-t", "shop", "-p", "#{cursor_flag}"]).trim() == "1"
    }

    #[track_caller]
    fn waits_for(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
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

    terminal.tmux(&["resize-window", "-t", "shop", "-x", "100", "-y", "24"]);
    let screen = terminal.waits_for("a wider box", |screen| boxes(screen) == 1 && widths(screen).iter().all(|width| *width == 100));
    assert!(screen.contains("Current Story: US-002"), "{screen}");

    terminal.presses("C-c");
    terminal.waits_for("a prompt under the box", |screen| screen.trim_end().ends_with("ready>"));
    terminal.types("echo \"code $?\"");
    let screen = terminal.waits_for("the exit code", |screen| screen.contains("code 130"));
    assert!(screen.contains("Current Story: US-002") && boxes(&screen) == 1, "{screen}");
    assert!(terminal.shows_cursor(), "{screen}");
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
