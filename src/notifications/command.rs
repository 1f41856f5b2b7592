//! Runs a command of the user's: the notification as JSON on its stdin and as variables, never as an argument, and in no shell.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use xxhash_rust::xxh3::xxh3_64;

use super::occasion::Notification;
use super::outbox::DeliveryResult;
use super::request::standard_payload;
use crate::text::CleanText;

/// How long a command may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Its output: the first part is shown when it fails, and all of it is read.
const OUTPUT_LIMIT: usize = 2_000;
/// Secrets of ours that are none of its business.
const HIDDEN_VARIABLES: [&str; 3] = ["PROGRESS_BRIDGE_TOKEN", "PROGRESS_BRIDGE_WEBHOOK", "PROGRESS_BRIDGE_WEBHOOK_SECRET"];

/// A program and its arguments, as they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCommand {
    program: String,
    arguments: Vec<String>,
}

impl HookCommand {
    /// Splits it into words as a shell would, quotes and backslashes included; nothing else of a shell is understood.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do.
    pub fn parse(text: &str) -> Result<HookCommand, String> {
        let words = shlex::split(text).ok_or_else(|| "a quote is not closed: close it, or escape it with a backslash".to_owned())?;
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty()).ok_or_else(|| "it is empty: name a program".to_owned())?;
        if !is_found(&program) {
            return Err(format!("{program} is not found: give its path, or put it on PATH; for a shell write: sh -c '…'"));
        }
        Ok(HookCommand { program, arguments: words.collect() })
    }

    /// Its name, without its arguments, which may be secrets.
    pub(super) fn name(&self) -> &str {
        self.program.rsplit('/').next().unwrap_or(&self.program)
    }

    /// What tells it from another one from one process to the next, and gives nothing of its arguments away.
    pub(super) fn key(&self) -> String {
        let words = [std::slice::from_ref(&self.program), &self.arguments].concat().join("\0");
        format!("command {} {:016x}", self.name(), xxh3_64(words.as_bytes()))
    }

    /// Runs it once. It and what it has started are killed when it takes too long.
    pub(super) async fn run(&self, notification: &Notification, page: Option<&str>) -> DeliveryResult {
        let refused = |reason: String| DeliveryResult::Refused { reason };
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        for name in HIDDEN_VARIABLES {
            command.env_remove(name);
        }
        command.envs(variables(notification, page));
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return refused(format!("{} does not start: {error}", self.name())),
        };
        let input = serde_json::to_vec(&standard_payload(notification, page)).unwrap_or_default();
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let result = tokio::time::timeout(TIMEOUT, finish(&mut child, input)).await;
        // Also what it left behind: nobody else would end it.
        let _gone_already = group.is_none_or(|group| kill_process_group(group, Signal::KILL).is_err());
        match result {
            Ok((Some(status), _)) if status.success() => DeliveryResult::Delivered,
            Ok((Some(status), output)) => refused(format!("{} ended with {status}: {output}", self.name())),
            Ok((None, _)) => refused(format!("{} cannot be waited for", self.name())),
            Err(_) => refused(format!("{} took longer than {} s and was killed", self.name(), TIMEOUT.as_secs())),
        }
    }
}

/// Writes the input, reads all of the output and waits for the end.
async fn finish(child: &mut Child, input: Vec<u8>) -> (Option<std::process::ExitStatus>, CleanText) {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A command need not read it.
            let _closed = stdin.write_all(&input).await.is_err();
        }
    };
    let (mut out, mut error) = (Vec::new(), Vec::new());
    let ended = {
        let mut io = std::pin::pin!(async { tokio::join!(write, drain(stdout, &mut out), drain(stderr, &mut error)) });
        tokio::select! {
            _ = &mut io => child.wait().await,
            status = child.wait() => {
                // What it started may keep its output open: what came until then is kept.
                let _is_open = tokio::time::timeout(Duration::from_millis(200), io).await.is_err();
                status
            }
        }
    };
    error.append(&mut out);
    (ended.ok(), CleanText::from(String::from_utf8_lossy(&error).trim()))
}

async fn drain(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let room = OUTPUT_LIMIT.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
}

fn variables(notification: &Notification, page: Option<&str>) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("PROGRESS_BRIDGE_ID", notification.id.to_string()),
        ("PROGRESS_BRIDGE_KIND", notification.kind.name().to_owned()),
        ("PROGRESS_BRIDGE_TITLE", notification.title.to_string()),
        ("PROGRESS_BRIDGE_TEXT", notification.whole_text()),
        ("PROGRESS_BRIDGE_TASK", notification.task_name.to_string()),
        ("PROGRESS_BRIDGE_STATUS", notification.status.to_string()),
        ("PROGRESS_BRIDGE_PASSED", notification.stories_passed.to_string()),
    ];
    variables.extend(notification.story_count.map(|count| ("PROGRESS_BRIDGE_TOTAL", count.to_string())));
    variables.extend(page.map(|page| ("PROGRESS_BRIDGE_URL", page.to_owned())));
    variables
}

/// Whether the program is there: told at the start, not in the night.
fn is_found(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_output_of_a_command_is_kept_when_its_child_keeps_it_open() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'no room' >&2; sleep 600 & exit 3"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn().expect("there is a shell");
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).expect("it runs");
        let (status, output) = finish(&mut child, Vec::new()).await;
        kill_process_group(group, Signal::KILL).expect("its child is there");
        assert_eq!(status.and_then(|status| status.code()), Some(3));
        assert!(output.starts_with("no room"), "{output}");
    }

    #[test]
    fn words_are_those_of_a_shell_and_nothing_else_is() {
        let parsed = HookCommand::parse("sh -c 'echo \"$PROGRESS_BRIDGE_TITLE\"' $HOME ;").expect("it is a command");
        assert_eq!(
            (parsed.program.as_str(), parsed.arguments.as_slice()),
            ("sh", &["-c", "echo \"$PROGRESS_BRIDGE_TITLE\"", "$HOME", ";"].map(str::to_owned)[..])
        );
        let key = |text: &str| HookCommand::parse(text).expect("it is a command").key();
        assert_ne!(key("sh -c one"), key("sh -c two"), "each has a queue of its own");
        assert_eq!(key("sh -c one"), key("sh  -c 'one'"));
        assert!(!key("sh -c hunter2").contains("hunter2"));
        for (text, part) in [("", "empty"), ("sh 'a", "quote"), ("no-such-program-anywhere", "not found"), ("/no/such", "not found")] {
            assert!(HookCommand::parse(text).expect_err(text).contains(part), "{text}");
        }
    }
}
