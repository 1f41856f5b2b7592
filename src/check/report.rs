//! An explanation file → text for people, or one JSON object for scripts. Pure.

use serde::Serialize;

use super::FileContent;
use super::explain::{Explanation, LineClass, describe};
use super::table;
use crate::fact::{CountedKind, Fact, StoryName};
use crate::format::SourceKind;

/// Limit of quoted lines that were not understood: enough to write rules from.
const QUOTED: usize = 200;

pub(super) fn render_text(name: &str, content: &FileContent) -> String {
    match content {
        FileContent::Log(explanation) => table::render_log(name, explanation),
        FileContent::Plan(plan) => table::render_plan(name, plan),
        FileContent::Status(status) => table::render_status(name, status),
        FileContent::Unusable(why) => format!("{name}: {why}\n"),
    }
}

pub(super) fn render_json(name: &str, content: &FileContent) -> String {
    let report = match content {
        FileContent::Log(explanation) => report_log(name, explanation),
        FileContent::Plan(plan) => {
            let stories =
                plan.stories.iter().map(|story| ReportedStory { story_id: story.id.as_deref(), title: story.title.as_deref() }).collect();
            Report { kind: Some(SourceKind::Plan.name()), stories: Some(stories), ..Report::of(name) }
        }
        FileContent::Status(_) => Report { kind: Some("status"), ..Report::of(name) },
        FileContent::Unusable(why) => Report { problem: Some(why), ..Report::of(name) },
    };
    // Strings and numbers only: serialization cannot fail.
    serde_json::to_string(&report).unwrap_or_default() + "\n"
}

#[derive(Serialize)]
struct Report<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<LineShares>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<Vec<ReportedFact<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_understood: Option<Vec<QuotedLine<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stories: Option<Vec<ReportedStory<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

impl<'a> Report<'a> {
    fn of(path: &'a str) -> Self {
        Report { path, kind: None, lines: None, facts: None, not_understood: None, stories: None, problem: None }
    }
}

#[derive(Serialize)]
struct LineShares {
    understood: u64,
    unknown: u64,
    /// Of the unknown ones: look like records and were not taken.
    record_like: u64,
    /// Understood ÷ all lines that are not blank; 1 for an empty file.
    share: f64,
}

#[derive(Serialize)]
struct ReportedFact<'a> {
    line: u32,
    #[serde(rename = "says")]
    kind: &'static str,
    #[serde(flatten)]
    story: Option<ReportedStory<'a>>,
    words: String,
    text: &'a str,
}

#[derive(Serialize)]
struct ReportedStory<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    story_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
}

#[derive(Serialize)]
struct QuotedLine<'a> {
    line: u32,
    text: &'a str,
    /// What speaks for and against its being a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

fn report_log<'a>(name: &'a str, explanation: &'a Explanation) -> Report<'a> {
    let facts = explanation.lines.iter().flat_map(|line| &line.facts).map(reported_fact).collect();
    let unknown = explanation.lines.iter().filter(|line| line.class == LineClass::Unknown && line.facts.is_empty());
    let quoted = unknown.take(QUOTED).map(|line| QuotedLine { line: line.number, text: &line.text, why: line.why.as_deref() }).collect();
    let lines = LineShares {
        understood: explanation.understood,
        unknown: explanation.unknown,
        record_like: explanation.record_like,
        share: explanation.share(),
    };
    Report { kind: Some(explanation.kind.name()), lines: Some(lines), facts: Some(facts), not_understood: Some(quoted), ..Report::of(name) }
}

fn reported_fact(fact: &Fact) -> ReportedFact<'_> {
    let story = fact.story.as_ref().map(|StoryName { id, title }| ReportedStory { story_id: id.as_deref(), title: title.as_deref() });
    ReportedFact {
        line: fact.line,
        kind: CountedKind::of(&fact.statement).map_or("activity", CountedKind::id_name),
        story,
        words: describe(fact),
        text: &fact.text,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::check::explain;
    use crate::format::{ParserConfig, Rules};

    #[test]
    fn a_log_in_json_has_its_facts_and_its_share() {
        let bytes = "\u{1b}[36m[EXEC-LOG]\u{1b}[0m Completed: US-1 (5ms)\r\nprose\n\n[EXEC-LOG] Started: US-2 - Sell".as_bytes();
        let explanation = explain::explain_log(&ParserConfig::new(Path::new("run.log"), TimeZone::UTC, &Rules::default()), bytes);
        let content: serde_json::Value = serde_json::from_str(&render_json("run.log", &FileContent::Log(explanation))).expect("it is JSON");
        let expected = serde_json::json!({
            "path": "run.log",
            "kind": "terminal log",
            "lines": {"understood": 2, "unknown": 1, "record_like": 0, "share": 0.666},
            "facts": [
                {"line": 1, "says": "story_passed", "story_id": "US-1", "words": "passed US-1", "text": "[EXEC-LOG] Completed: US-1 (5ms)"},
                {"line": 4, "says": "story_started", "story_id": "US-2", "title": "Sell", "words": "started US-2",
                 "text": "[EXEC-LOG] Started: US-2 - Sell"},
            ],
            "not_understood": [{"line": 2, "text": "prose"}],
        });
        assert_eq!(content, expected);
    }
}
