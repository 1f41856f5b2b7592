//! What is said on stderr when the program starts: where it listens, what it watches, what each file was taken for.

use std::fmt::Write as _;
use std::io::Write as _;

use super::listen::Listening;
use crate::config::{DEFAULT_PORT, Ends, Serve};
use crate::discover::Source;
use crate::error::Notice;
use crate::format::SourceKind;
use crate::model::state::{SourceCondition, SourceState, State, TaskState};

/// Said before anything is read.
pub(super) fn start(listening: Option<&Listening>, serve: Option<&Serve>, sources: &[Source], ends: Ends) {
    let mut text = String::new();
    if let (Some(listening), Some(serve)) = (listening, serve) {
        text.push_str(&addresses(&format!("http://{}", listening.address), listening.is_second_choice, serve.token.as_deref()));
    }
    if ends != Ends::AtOnce {
        for source in sources.iter().filter(|source| source.named && !source.path.exists()) {
            line(&mut text, format_args!("waiting for {}: it is not there yet", source.path.display()));
        }
    }
    say(&text);
}

/// Said once everything has been looked at the first time.
pub(super) fn watched(state: &State) {
    say(&state.tasks.iter().map(files).collect::<String>());
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

fn files(task: &TaskState) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("watching {}", task.task_name));
    let width = task.sources.iter().map(|source| source.path.chars().count()).max().unwrap_or(0);
    for source in &task.sources {
        line(&mut text, format_args!("  {:width$}  {}", source.path, description(source)));
    }
    text
}

fn description(source: &SourceState) -> String {
    match source.state {
        SourceCondition::Waiting => "not there yet".to_owned(),
        SourceCondition::Gone => "gone".to_owned(),
        SourceCondition::Unreadable => "cannot be read".to_owned(),
        SourceCondition::Reading if source.kind == SourceKind::Unknown.name() && source.unknown > 0 => {
            format!("not understood yet ({} lines); progress-bridge check {} shows why", source.unknown, source.path)
        }
        SourceCondition::Reading if source.kind == SourceKind::Unknown.name() => "nothing in it yet".to_owned(),
        SourceCondition::Reading => source.kind.clone(),
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

    #[test]
    fn a_file_is_named_with_what_it_was_taken_for() {
        let source =
            |kind: &str, state, unknown| SourceState { path: "notes.txt".to_owned(), kind: kind.to_owned(), state, understood: 0, unknown };
        for (source, expected) in [
            (source("progress log", SourceCondition::Reading, 3), "progress log"),
            (source("unknown", SourceCondition::Reading, 0), "nothing in it yet"),
            (source("unknown", SourceCondition::Reading, 3), "not understood yet (3 lines); progress-bridge check notes.txt shows why"),
            (source("unknown", SourceCondition::Waiting, 0), "not there yet"),
        ] {
            assert_eq!(description(&source), expected);
        }
    }
}
