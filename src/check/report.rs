//! An explained file → the text for people, or one JSON object for scripts. Pure.

use serde::Serialize;

use super::Found;
use super::explain::{Explained, Reading, words};
use super::table;
use crate::fact::{CountedKind, Fact, StoryName};
use crate::format::SourceKind;

/// Most lines that are quoted as not understood: enough to write rules by.
const QUOTED: usize = 200;

pub(super) fn text(name: &str, found: &Found) -> String {
    match found {
        Found::Log(explained) => table::log(name, explained),
        Found::Plan(plan) => table::plan(name, plan),
        Found::Neither(why) => format!("{name}: {why}\n"),
    }
}

pub(super) fn json(name: &str, found: &Found) -> String {
    let report = match found {
        Found::Log(explained) => log(name, explained),
        Found::Plan(plan) => {
            let stories = plan.stories.iter().map(|story| Story { story_id: story.id.as_deref(), title: story.title.as_deref() }).collect();
            Report { kind: Some(SourceKind::Plan.name()), stories: Some(stories), ..Report::of(name) }
        }
        Found::Neither(why) => Report { problem: Some(why), ..Report::of(name) },
    };
    // Texts and numbers only: there is nothing in it that JSON cannot say.
    serde_json::to_string(&report).unwrap_or_default() + "\n"
}

#[derive(Serialize)]
struct Report<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Shares>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<Vec<Said<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_understood: Option<Vec<Quoted<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stories: Option<Vec<Story<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

impl<'a> Report<'a> {
    fn of(path: &'a str) -> Self {
        Report { path, kind: None, lines: None, facts: None, not_understood: None, stories: None, problem: None }
    }
}

#[derive(Serialize)]
struct Shares {
    understood: u64,
    unknown: u64,
    /// Understood ÷ all that are not blank; of an empty file all is understood.
    share: f64,
}

#[derive(Serialize)]
struct Said<'a> {
    line: u32,
    says: &'static str,
    #[serde(flatten)]
    story: Option<Story<'a>>,
    words: String,
    text: &'a str,
}

#[derive(Serialize)]
struct Story<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    story_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
}

#[derive(Serialize)]
struct Quoted<'a> {
    line: u32,
    text: &'a str,
}

fn log<'a>(name: &'a str, explained: &'a Explained) -> Report<'a> {
    let facts = explained.lines.iter().flat_map(|line| &line.says).map(said).collect();
    let unknown = explained.lines.iter().filter(|line| line.reading == Reading::Unknown && line.says.is_empty());
    let quoted = unknown.take(QUOTED).map(|line| Quoted { line: line.number, text: &line.text }).collect();
    let lines = Shares { understood: explained.understood, unknown: explained.unknown, share: explained.share() };
    Report { kind: Some(explained.kind.name()), lines: Some(lines), facts: Some(facts), not_understood: Some(quoted), ..Report::of(name) }
}

fn said(fact: &Fact) -> Said<'_> {
    let story = fact.story.as_ref().map(|StoryName { id, title }| Story { story_id: id.as_deref(), title: title.as_deref() });
    Said {
        line: fact.line,
        says: CountedKind::of(&fact.statement).map_or("activity", CountedKind::id_name),
        story,
        words: words(fact),
        text: &fact.text,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::check::explain;
    use crate::format::{Recipe, Rules};

    #[test]
    fn a_log_in_json_has_its_facts_and_its_share() {
        let bytes = "\u{1b}[36m[EXEC-LOG]\u{1b}[0m Completed: US-1 (5ms)\r\nprose\n\n[EXEC-LOG] Started: US-2 - Sell".as_bytes();
        let explained = explain::log(&Recipe::new(Path::new("run.log"), TimeZone::UTC, &Rules::default()), bytes);
        let found: serde_json::Value = serde_json::from_str(&json("run.log", &Found::Log(explained))).expect("it is JSON");
        let expected = serde_json::json!({
            "path": "run.log",
            "kind": "terminal log",
            "lines": {"understood": 2, "unknown": 1, "share": 0.667},
            "facts": [
                {"line": 1, "says": "story_passed", "story_id": "US-1", "words": "passed US-1", "text": "[EXEC-LOG] Completed: US-1 (5ms)"},
                {"line": 4, "says": "story_started", "story_id": "US-2", "title": "Sell", "words": "started US-2",
                 "text": "[EXEC-LOG] Started: US-2 - Sell"},
            ],
            "not_understood": [{"line": 2, "text": "prose"}],
        });
        assert_eq!(found, expected);
    }
}
