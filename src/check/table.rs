//! Explained lines and plans → text in columns. Pure.

use std::collections::HashMap;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::explain::{Explained, ExplainedLine, Reading, story, words};
use crate::fact::{Outcome, Statement, StatementForm};
use crate::format::SourceKind;
use crate::plan::{Plan, PlanStory};

/// Columns for what was understood. More than that goes to a line of its own.
const WIDEST: usize = 44;

/// Longest piece of a file's own line.
const TEXT: usize = 90;

/// A log: its lines, then what it comes to.
pub(super) fn log(name: &str, explained: &Explained) -> String {
    let mut text =
        format!("{name}: {}, {} lines understood (·), {} not (?)", taken_for(explained), explained.understood, explained.unknown);
    // Half a percent more or less tells nobody anything, but nothing unknown must not look like something.
    line(&mut text, format_args!(", {:.0} % understood", (explained.share() * 100.0).floor()));
    let digits = explained.lines.last().map_or(1, |line| line.number.to_string().len());
    let width = explained.lines.iter().flat_map(meanings).map(|meaning| meaning.width()).max().unwrap_or(0).min(WIDEST);
    for line in &explained.lines {
        rows(&mut text, line, digits, width);
    }
    summary(&mut text, explained);
    text
}

/// A plan: its stories.
pub(super) fn plan(name: &str, plan: &Plan) -> String {
    let mut text = format!("{name}: plan");
    for part in [&plan.name, &plan.branch].into_iter().flatten() {
        text.push_str(", ");
        text.push_str(part);
    }
    text.push('\n');
    let ids: Vec<String> = plan.stories.iter().map(|story| story.id.clone().unwrap_or_else(|| "–".to_owned())).collect();
    let width = ids.iter().map(|id| id.width()).max().unwrap_or(0);
    for (id, story) in ids.iter().zip(&plan.stories) {
        line(&mut text, format_args!("  {} {} │ {} │ {}", mark(story), padded(id, width), criteria(story), cut(title(story), TEXT)));
    }
    let passed = plan.stories.iter().filter(|story| story.is_passed()).count();
    line(&mut text, format_args!("{passed} of {} stories passed", plan.stories.len()));
    if let Some(cut) = &plan.truncation {
        line(&mut text, format_args!("{cut}"));
    }
    text
}

fn rows(text: &mut String, explained: &ExplainedLine, digits: usize, width: usize) {
    let meanings = meanings(explained);
    let number = explained.number;
    let quoted = cut(&explained.text, TEXT);
    for (index, meaning) in meanings.iter().enumerate() {
        let meaning = cut(meaning, width);
        if index == 0 {
            line(text, format_args!("{number:>digits$} │ {} │ {quoted}", padded(&meaning, width)));
        } else {
            line(text, format_args!("{:>digits$} │ {} │", "", padded(&meaning, width)));
        }
    }
}

fn meanings(line: &ExplainedLine) -> Vec<String> {
    if !line.says.is_empty() {
        return line.says.iter().map(words).collect();
    }
    vec![match line.reading {
        Reading::Blank => String::new(),
        Reading::Understood => "·".to_owned(),
        Reading::Unknown => "?".to_owned(),
    }]
}

fn taken_for(explained: &Explained) -> &'static str {
    match explained.kind {
        SourceKind::Unknown => "no runner's log that is known",
        kind => kind.name(),
    }
}

fn summary(text: &mut String, explained: &Explained) {
    let stories = tally(explained);
    if !stories.is_empty() {
        line(text, format_args!("stories:"));
    }
    let width = stories.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    for (name, ends) in &stories {
        line(text, format_args!("  {} │ {ends}", padded(name, width)));
    }
}

/// What one voice says of a story, in the order of [`SAID`].
type Counts = [u32; 4];

const SAID: [&str; 4] = ["started", "criteria", "passed", "failed"];

/// Stories in order of appearance, with what was said of each. Of several voices that tell the same the loudest counts.
fn tally(explained: &Explained) -> Vec<(String, String)> {
    let mut stories: Vec<(String, HashMap<StatementForm, Counts>)> = Vec::new();
    for fact in explained.lines.iter().flat_map(|line| &line.says) {
        let Some(name) = fact.story.as_ref().map(story) else { continue };
        let said = match &fact.statement {
            Statement::StoryStarted { .. } => 0,
            Statement::CriterionDone { .. } => 1,
            Statement::StoryEnded { outcome: Outcome::Passed, .. } => 2,
            Statement::StoryEnded { outcome: Outcome::Failed { .. }, .. } => 3,
            Statement::TaskStarted { .. } | Statement::Error(_) | Statement::TaskEnded { .. } | Statement::Activity { .. } => continue,
        };
        let index = stories.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            stories.push((name, HashMap::new()));
            stories.len() - 1
        });
        stories[index].1.entry(fact.form).or_default()[said] += 1;
    }
    let words = |voices: &HashMap<StatementForm, Counts>| {
        let most = |said: usize| voices.values().map(|counts| counts[said]).max().unwrap_or(0);
        let counted = SAID.iter().enumerate().map(|(said, word)| (word, most(said)));
        counted.filter(|(_, count)| *count > 0).map(|(word, count)| format!("{word} {count}")).collect::<Vec<_>>().join(", ")
    };
    stories.iter().map(|(name, voices)| (name.clone(), words(voices))).collect()
}

fn mark(story: &PlanStory) -> char {
    if story.is_passed() { '✓' } else { '○' }
}

fn title(story: &PlanStory) -> &str {
    story.title.as_deref().unwrap_or("(no title)")
}

fn criteria(story: &PlanStory) -> String {
    format!("{:>2} criteria", story.criteria.len())
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Cut to a width, and harmless: what a file holds must not steer the terminal.
fn cut(text: &str, width: usize) -> String {
    let clean = text.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control());
    let (mut kept, mut used) = (String::new(), 0);
    for c in clean {
        used += c.width().unwrap_or(0);
        if used > width {
            kept.pop();
            kept.push('…');
            break;
        }
        kept.push(c);
    }
    kept
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let start = text.len();
    // Writing into a `String` cannot fail.
    let _never = text.write_fmt(arguments).is_err();
    let end = text[start..].trim_end().len();
    text.truncate(start + end);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Criterion, Fact, Provenance, StoryName};
    use crate::plan::PlanStatus;

    fn fact(line: u32, statement: Statement) -> Fact {
        let story = Some(StoryName { id: Some("US-001".to_owned()), title: Some("Basket".to_owned()) });
        Fact {
            statement,
            story,
            form: StatementForm::Entry,
            provenance: Provenance::Explicit,
            line,
            text: "".into(),
            entry_hash: 0,
            recorded_at: None,
        }
    }

    fn explained(lines: Vec<(&str, Vec<Fact>, Reading)>) -> Explained {
        let lines = (1..)
            .zip(lines)
            .map(|(number, (text, says, reading))| ExplainedLine { number, text: text.to_owned(), says, reading })
            .collect();
        Explained { kind: SourceKind::ProgressLog, lines, understood: 3, unknown: 1 }
    }

    #[test]
    fn every_line_stands_beside_what_it_was_read_as() {
        let started = fact(1, Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() });
        let passed = fact(1, Statement::StoryEnded { outcome: Outcome::Passed, duration_ms: None, commits: Vec::new() });
        let criterion = Criterion { index: Some(1), text: Some("Totals add up".to_owned()) };
        let done = fact(3, Statement::CriterionDone { criterion, duration_ms: None });
        let explained = explained(vec![
            ("## US-001 - Basket", vec![started, passed], Reading::Understood),
            ("", vec![], Reading::Blank),
            ("- [x] AC2: Totals add up", vec![done], Reading::Understood),
            ("kein Eintrag \u{1b}[31m", vec![], Reading::Unknown),
        ]);
        let expected = "\
progress.txt: progress log, 3 lines understood (·), 1 not (?), 75 % understood
1 │ started US-001            │ ## US-001 - Basket
  │ passed US-001             │
2 │                           │
3 │ criterion done AC2 US-001 │ - [x] AC2: Totals add up
4 │ ?                         │ kein Eintrag [31m
stories:
  US-001 │ started 1, criteria 1, passed 1
";
        assert_eq!(log("progress.txt", &explained), expected);
    }

    #[test]
    fn a_plan_is_its_stories() {
        let story = |id: &str, passed| PlanStory {
            id: Some(id.to_owned()),
            title: Some("カート".to_owned()),
            criteria: vec!["one".into()],
            status: if passed { PlanStatus::Passed } else { PlanStatus::Open },
            ..PlanStory::default()
        };
        let shop = Plan { name: Some("Shop".to_owned()), stories: vec![story("US-001", true), story("US-10", false)], ..Plan::default() };
        let expected = "\
prd.json: plan, Shop
  ✓ US-001 │  1 criteria │ カート
  ○ US-10  │  1 criteria │ カート
1 of 2 stories passed
";
        assert_eq!(plan("prd.json", &shop), expected);
    }

    #[test]
    fn long_lines_are_cut_by_their_width() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("カカカカ", 4), "カ…");
    }
}
