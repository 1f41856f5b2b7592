//! Messages on stderr: the address, the watched files with their recognised kinds, and notices.

use std::fmt::Write as _;
use std::time::Duration;

use super::listen::BoundListener;
use crate::config::{AccessToken, DEFAULT_PORT, ExitWhen, ServeConfig, TokenOrigin};
use crate::discover::{Shape, Source};
use crate::error::{Notice, NoticeKind};
use crate::format::SourceKind;
use crate::model::state::{SourceCondition, SourceState, State, TaskState};
use crate::output::{stderr, text};
use crate::serve::LoginCode;
use crate::tail::reader::Scope;
use crate::text::clean_lines;

/// Prints the address and the files that are still missing. Called before anything is read. Returns the line with the link to the page
/// when that cannot be opened without it.
pub(super) fn print_start(
    listening: Option<&BoundListener>,
    serve: Option<&ServeConfig>,
    login_code: Option<&LoginCode>,
    scope: &Scope,
    exit_when: ExitWhen,
) -> Option<String> {
    let mut text = String::new();
    if let (Some(listening), Some(serve)) = (listening, serve) {
        let secrets = serve.token.as_ref().zip(login_code);
        text.push_str(&addresses(&format!("http://{}", listening.address), listening.is_fallback_port, secrets));
    }
    if exit_when != ExitWhen::Drained {
        let is_awaited =
            |source: &&Source| source.named && source.shape != Shape::Stream && source.path.try_exists().is_ok_and(|exists| !exists);
        for source in scope.found.sources.iter().filter(is_awaited) {
            push_line(&mut text, format_args!("waiting for {}: it is not there yet", source.path.display()));
        }
        if scope.found.sources.is_empty() {
            for name in &scope.request.named {
                push_line(&mut text, format_args!("waiting for {}: nothing matches yet", name.display()));
            }
        }
    }
    print(&text);
    text.lines().find(|line| line.starts_with("page: ")).map(str::to_owned)
}

/// Prints the address of a hub.
#[cfg(feature = "fleet")]
pub(super) fn print_addresses(listening: &BoundListener, serve: &ServeConfig, login_code: Option<&LoginCode>) {
    print(&addresses(&format!("http://{}", listening.address), listening.is_fallback_port, serve.token.as_ref().zip(login_code)));
}

/// Prints it when the limit of open files leaves room for fewer streams than `--max-clients` asks for.
pub(super) fn print_fewer_clients(fit: usize, serve: Option<&ServeConfig>) {
    if let Some(asked) = serve.map(|serve| serve.max_clients).filter(|asked| *asked > fit) {
        print(&format!("the limit of open files leaves room for {fit} clients at a time instead of {asked}; raise it with ulimit -n\n"));
    }
}

/// Prints the watched files. Called after the first poll of all of them.
pub(super) fn print_watched_files(state: &State) {
    let several = state.tasks.len() > 1;
    let broken = state.notices.iter().filter(|notice| notice.kind == NoticeKind::PlanUnreadable);
    let broken: Vec<&str> = broken.filter_map(|notice| notice.path.as_deref()).collect();
    print(&state.tasks.iter().map(|task| files(task, several, &broken)).collect::<String>());
}

/// Prints what ended the program, and waits a moment for a reader of stderr.
pub fn print_last_words(text: &str) {
    print(text);
    finish_printing();
}

/// Waits until all messages are written; not for ever, because nobody may be reading them.
pub fn finish_printing() {
    const AT_MOST: Duration = Duration::from_millis(200);
    stderr::flush(AT_MOST);
}

pub(super) fn print_notice(notice: &Notice) {
    let path = notice.path.as_deref().map(|path| format!("{path}: ")).unwrap_or_default();
    print(&format!("{path}{}\n", notice.message));
}

/// Queues `text` for stderr.
pub(crate) fn print(text: &str) {
    stderr::print(&clean_lines(text));
}

fn addresses(url: &str, is_fallback_port: bool, secrets: Option<(&AccessToken, &LoginCode)>) -> String {
    let mut text = String::new();
    push_line(&mut text, format_args!("listening on {url}"));
    match secrets {
        Some((token, login)) => {
            push_line(&mut text, format_args!("stream: curl -N -H {} {url}/stream/progress", authorization(token)));
            push_line(&mut text, format_args!("page: {url}/#code={}  (good once, for 10 minutes)", login.code.text()));
        }
        None => push_line(&mut text, format_args!("stream: curl -N {url}/stream/progress")),
    }
    if is_fallback_port {
        push_line(
            &mut text,
            format_args!("port {DEFAULT_PORT} is busy, so this is the next free one; --listen 127.0.0.1:PORT asks for another"),
        );
    }
    text
}

/// The header in quotes for a shell. A token that its owner has already is not shown.
fn authorization(token: &AccessToken) -> String {
    match &token.origin {
        TokenOrigin::Made => format!("'Authorization: Bearer {}'", token.text),
        TokenOrigin::Environment => "\"Authorization: Bearer $PROGRESS_BRIDGE_TOKEN\"".to_owned(),
        TokenOrigin::File(path) => format!("\"Authorization: Bearer $(head -n 1 {})\"", path.display()),
    }
}

/// Lists the files of a task with their recognised kinds. The unrecognised ones share one line.
fn files(task: &TaskState, several: bool, broken: &[&str]) -> String {
    let mut text = String::new();
    let id = if several && task.task_id != task.task_name { format!(" ({})", task.task_id) } else { String::new() };
    push_line(&mut text, format_args!("watching {}{id}", task.task_name));
    let (unknown, known): (Vec<_>, Vec<_>) = task.sources.iter().partition(|source| is_unrecognized(source));
    let width = text::column(known.iter().map(|source| &*source.path));
    for source in known {
        let is_broken = broken.contains(&&*task.root.join(&*source.path).to_string_lossy());
        let what = if is_broken { "broken, as said above".to_owned() } else { text::source(source) };
        push_line(&mut text, format_args!("  {}  {what}", text::padded(&source.path, width)));
    }
    match unknown.as_slice() {
        [] => {}
        [first, ..] => {
            const NAMED: usize = 20;
            let names: Vec<&str> = unknown.iter().take(NAMED).map(|source| source.path.as_str()).collect();
            let others = unknown.len().saturating_sub(NAMED) as u64 + u64::from(task.sources_left_out);
            let more = if others == 0 { String::new() } else { format!(" and {others} more") };
            push_line(&mut text, format_args!("  not understood: {}{more}", names.join(", ")));
            push_line(&mut text, format_args!("  progress-bridge check {} shows why, --rules FILE teaches it", first.path));
        }
    }
    text
}

/// Whether the file has lines and its kind is unknown.
pub(crate) fn is_unrecognized(source: &SourceState) -> bool {
    source.state == SourceCondition::Reading && source.kind == SourceKind::Unknown.name() && source.unknown > 0
}

fn push_line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a `String` cannot fail.
    let _never = writeln!(text, "{arguments}").is_err();
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::serve::Token;

    #[test]
    fn the_address_comes_first_and_the_command_to_try_second() {
        assert_eq!(
            addresses("http://127.0.0.1:7333", false, None),
            "listening on http://127.0.0.1:7333\nstream: curl -N http://127.0.0.1:7333/stream/progress\n"
        );
        let second = addresses("http://127.0.0.1:7334", true, None);
        assert!(second.starts_with("listening on http://127.0.0.1:7334\n") && second.contains("7333 is busy"), "{second}");
    }

    #[test]
    fn only_a_made_token_is_shown_and_the_link_carries_a_code() {
        let login = LoginCode { code: Token::new("c0de").expect("it is usable"), expires: Instant::now() };
        let text = |token: &AccessToken| addresses("http://0.0.0.0:7333", false, Some((token, &login)));
        let made = AccessToken::random();
        let shown = text(&made);
        assert_eq!(shown.matches(&made.text).count(), 1, "{shown}");
        assert!(
            shown.contains(&format!("'Authorization: Bearer {}'", made.text)) && shown.contains("/#code=c0de ") && !shown.contains('?')
        );
        for (origin, words) in [
            (TokenOrigin::Environment, "\"Authorization: Bearer $PROGRESS_BRIDGE_TOKEN\""),
            (TokenOrigin::File("token".into()), "\"Authorization: Bearer $(head -n 1 token)\""),
        ] {
            let supplied = AccessToken { origin, ..made.clone() };
            let shown = text(&supplied);
            assert!(shown.contains(words) && !shown.contains(&made.text) && shown.contains("/#code=c0de "), "{shown}");
        }
    }

    fn source(path: &str, kind: &str, state: SourceCondition, understood: u64, unknown: u64) -> SourceState {
        let base = crate::output::sample::running().sources.remove(0);
        SourceState { path: path.into(), kind: kind.into(), state, understood, unknown, ..base }
    }

    #[test]
    fn a_file_is_named_with_what_it_was_taken_for() {
        use SourceCondition::{Gone, Reading, Unreadable, Waiting};
        let mut task = crate::output::sample::waiting();
        task.task_name = "Bakery".into();
        task.task_id = "shop".into();
        task.sources = vec![
            source("prd.json", "plan", Reading, 3, 0),
            source("progress.txt", "progress log", Reading, 30, 10),
            source("run.log", "unknown", Waiting, 0, 0),
            source("README.md", "unknown", Reading, 0, 7),
            source("empty.txt", "unknown", Reading, 0, 0),
            source("old.log", "terminal log", Gone, 1, 0),
            source("secret.log", "unknown", Unreadable, 0, 0),
            source("notes.txt", "unknown", Reading, 0, 1),
        ];
        let expected = "\
watching Bakery (shop)
  prd.json      plan, 3 stories
  progress.txt  progress log, 30 of 40 lines understood
  run.log       not there yet
  empty.txt     nothing in it yet
  old.log       gone
  secret.log    cannot be read
  not understood: README.md, notes.txt
  progress-bridge check README.md shows why, --rules FILE teaches it
";
        assert_eq!(files(&task, true, &[]), expected);
        assert!(files(&task, false, &["prd.json"]).starts_with("watching Bakery\n  prd.json      broken, as said above\n"));
    }
}
