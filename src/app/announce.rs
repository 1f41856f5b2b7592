//! What is said on stderr when the program starts: where it listens, what it watches, what each file was taken for.

use std::fmt::Write as _;
use std::io::Write as _;

use super::listen::Listening;
use crate::config::{DEFAULT_PORT, Ends, Serve};
use crate::discover::{Shape, Source};
use crate::error::Notice;
use crate::format::SourceKind;
use crate::model::state::{SourceCondition, SourceState, State, TaskState};
use crate::tail::reader::Scope;

/// Said before anything is read.
pub(super) fn start(listening: Option<&Listening>, serve: Option<&Serve>, scope: &Scope, ends: Ends) {
    let mut text = String::new();
    if let (Some(listening), Some(serve)) = (listening, serve) {
        text.push_str(&addresses(&format!("http://{}", listening.address), listening.is_second_choice, serve.token.as_deref()));
    }
    if ends != Ends::AtOnce {
        let is_waited_for = |source: &&Source| source.named && source.shape != Shape::Stream && !source.path.exists();
        for source in scope.found.sources.iter().filter(is_waited_for) {
            line(&mut text, format_args!("waiting for {}: it is not there yet", source.path.display()));
        }
        if scope.found.sources.is_empty() {
            for name in &scope.request.named {
                line(&mut text, format_args!("waiting for {}: nothing matches yet", name.display()));
            }
        }
    }
    say(&text);
}

/// Said once everything has been looked at the first time.
pub(super) fn watched(state: &State) {
    let several = state.tasks.len() > 1;
    say(&state.tasks.iter().map(|task| files(task, several)).collect::<String>());
}

/// Said when it happens.
pub(super) fn notice(notice: &Notice) {
    let path = notice.path.as_deref().map(|path| format!("{path}: ")).unwrap_or_default();
    say(&format!("{path}{}\n", notice.message));
}

/// The program's own words on stderr.
fn say(text: &str) {
    // A closed stderr has nobody left to tell.
    let _nobody = std::io::stderr().write_all(text.as_bytes()).is_err();
}

fn addresses(url: &str, is_second_choice: bool, token: Option<&str>) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("listening on {url}"));
    match token {
        Some(token) => {
            line(&mut text, format_args!("stream: curl -N -H 'Authorization: Bearer {token}' {url}/stream/progress"));
            line(&mut text, format_args!("page: {url}/#token={token}"));
        }
        None => line(&mut text, format_args!("stream: curl -N {url}/stream/progress")),
    }
    if is_second_choice {
        line(
            &mut text,
            format_args!("port {DEFAULT_PORT} is busy, so this is the next free one; --listen 127.0.0.1:PORT asks for another"),
        );
    }
    text
}

/// A task's files, each with what it was taken for; those that say nothing to us in one line, however many there are.
fn files(task: &TaskState, several: bool) -> String {
    let mut text = String::new();
    let id = if several && task.task_id != task.task_name { format!(" ({})", task.task_id) } else { String::new() };
    line(&mut text, format_args!("watching {}{id}", task.task_name));
    let (unknown, known): (Vec<_>, Vec<_>) = task.sources.iter().partition(|source| is_foreign(source));
    let width = known.iter().map(|source| source.path.chars().count()).max().unwrap_or(0);
    for source in known {
        line(&mut text, format_args!("  {:width$}  {}", source.path, description(source)));
    }
    match unknown.as_slice() {
        [] => {}
        [first, ..] => {
            let names: Vec<&str> = unknown.iter().map(|source| source.path.as_str()).collect();
            line(&mut text, format_args!("  not understood: {}", names.join(", ")));
            line(&mut text, format_args!("  progress-bridge check {} shows why, --rules FILE teaches it", first.path));
        }
    }
    text
}

/// Whether there is something in it, and none of it means anything to us.
fn is_foreign(source: &SourceState) -> bool {
    source.state == SourceCondition::Reading && source.kind == SourceKind::Unknown.name() && source.unknown > 0
}

fn description(source: &SourceState) -> String {
    let lines = source.understood + source.unknown;
    match source.state {
        SourceCondition::Waiting => "not there yet".to_owned(),
        SourceCondition::Gone => "gone".to_owned(),
        SourceCondition::Unreadable => "cannot be read".to_owned(),
        SourceCondition::Reading if source.kind == SourceKind::Unknown.name() => "nothing in it yet".to_owned(),
        SourceCondition::Reading if source.kind == SourceKind::Plan.name() => format!("{}, {} stories", source.kind, source.understood),
        SourceCondition::Reading => format!("{}, {} of {lines} lines understood", source.kind, source.understood),
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a `String` cannot fail.
    let _never = writeln!(text, "{arguments}").is_err();
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_token_stands_in_the_fragment_and_in_the_header() {
        let text = addresses("http://0.0.0.0:7333", false, Some("secret"));
        assert!(text.contains("/#token=secret") && text.contains("Authorization: Bearer secret") && !text.contains("?token"), "{text}");
    }

    fn source(path: &str, kind: &str, state: SourceCondition, understood: u64, unknown: u64) -> SourceState {
        SourceState { path: path.to_owned(), kind: kind.to_owned(), state, understood, unknown }
    }

    #[test]
    fn a_file_is_named_with_what_it_was_taken_for() {
        use SourceCondition::{Gone, Reading, Unreadable, Waiting};
        let mut task = crate::output::sample::waiting();
        task.task_name = "Bakery".to_owned();
        task.task_id = "shop".to_owned();
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
        assert_eq!(files(&task, true), expected);
        assert!(files(&task, false).starts_with("watching Bakery\n"));
    }
}
