//! Explanations and plans → text in columns. Pure.

use std::collections::HashMap;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::explain::{ExplainedLine, Explanation, LineClass, describe, story_name};
use crate::fact::{Outcome, Statement, StatementForm};
use crate::format::SourceKind;
use crate::output::text::{self, Charset};
use crate::plan::run_status::RunStatus;
use crate::plan::{Plan, PlanStory};

/// Limit of the column for what was understood.
const MEANING_WIDTH: usize = 44;

/// Limit of the column for a file's own line.
const TEXT_WIDTH: usize = 90;

/// A log: its lines, then a summary by story.
pub(super) fn render_log(name: &str, explanation: &Explanation) -> String {
    if explanation.understood + explanation.unknown == 0 {
        return format!("{name}: nothing in it yet\n");
    }
    let mut text =
        format!("{name}: {}, {} lines understood (·), {} not (?)", kind_name(explanation), explanation.understood, explanation.unknown);
    if explanation.record_like > 0 {
        text.push_str(&format!(", {} of them like records", explanation.record_like));
    }
    // Rounded down: 100 % only when every line was understood.
    push_line(&mut text, format_args!(", {:.0} % understood", (explanation.share() * 100.0).floor()));
    let digits = explanation.lines.last().map_or(1, |line| line.number.to_string().len());
    let width = explanation.lines.iter().flat_map(meanings).map(|meaning| meaning.width()).max().unwrap_or(0).min(MEANING_WIDTH);
    for line in &explanation.lines {
        push_rows(&mut text, line, digits, width);
    }
    push_summary(&mut text, explanation);
    text
}

/// A plan: its stories.
pub(super) fn render_plan(name: &str, plan: &Plan) -> String {
    let mut text = format!("{name}: plan");
    for part in [&plan.name, &plan.branch].into_iter().flatten() {
        text.push_str(", ");
        text.push_str(part);
    }
    text.push('\n');
    let ids: Vec<&str> = plan.stories.iter().map(|story| story.id.as_deref().unwrap_or("–")).collect();
    let width = ids.iter().map(|id| id.width()).max().unwrap_or(0);
    for (id, story) in ids.iter().zip(&plan.stories) {
        push_line(
            &mut text,
            format_args!(
                "  {} {} │ {} │ {}",
                status_mark(story),
                padded(id, width),
                criteria_count(story),
                truncate(title_or_placeholder(story), TEXT_WIDTH)
            ),
        );
    }
    let passed = plan.stories.iter().filter(|story| story.is_passed()).count();
    let counted = plan.stories.iter().filter(|story| story.is_counted()).count();
    push_line(&mut text, format_args!("{passed} of {counted} stories passed"));
    if counted < plan.stories.len() {
        push_line(&mut text, format_args!("{} put off or given up: they count nowhere", plan.stories.len() - counted));
    }
    if let Some(cut) = &plan.truncation {
        push_line(&mut text, format_args!("{cut}"));
    }
    text
}

pub(super) fn render_status(name: &str, status: &RunStatus) -> String {
    let mut text = format!("{name}: how a run stands\n");
    if let Some(plan) = &status.plan {
        push_line(&mut text, format_args!("  of the plan {plan}"));
    }
    if let Some(iteration) = status.iteration {
        let limit = status.max_iterations.map(|limit| format!(" of {limit}")).unwrap_or_default();
        push_line(&mut text, format_args!("  iteration {iteration}{limit}"));
    }
    for start in &status.starts {
        push_line(&mut text, format_args!("  {} was begun", start.id));
    }
    match &status.end {
        Some(end) => {
            let how = match end.passed {
                Some(true) => "is complete",
                Some(false) => "failed",
                None => "is over",
            };
            let reason = end.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            push_line(&mut text, format_args!("  the run {how}{reason}"));
        }
        None => push_line(&mut text, format_args!("  the run goes on")),
    }
    text
}

fn push_rows(text: &mut String, explanation: &ExplainedLine, digits: usize, width: usize) {
    let meanings = meanings(explanation);
    let number = explanation.number;
    let quoted = truncate(&explanation.text, TEXT_WIDTH);
    for (index, meaning) in meanings.iter().enumerate() {
        let meaning = truncate(meaning, width);
        if index == 0 {
            push_line(text, format_args!("{number:>digits$} │ {} │ {quoted}", padded(&meaning, width)));
        } else {
            push_line(text, format_args!("{:>digits$} │ {} │", "", padded(&meaning, width)));
        }
    }
    if let Some(why) = &explanation.why {
        push_line(text, format_args!("{:>digits$} │ {} │   {why}", "", padded("", width)));
    }
}

fn meanings(line: &ExplainedLine) -> Vec<String> {
    if !line.facts.is_empty() {
        return line.facts.iter().map(describe).collect();
    }
    vec![match line.class {
        LineClass::Blank => String::new(),
        LineClass::Understood => "·".to_owned(),
        LineClass::Unknown => "?".to_owned(),
        LineClass::Agent => "an agent's record".to_owned(),
    }]
}

fn kind_name(explanation: &Explanation) -> &'static str {
    match explanation.kind {
        SourceKind::Unknown => "no runner's log that is known",
        kind => kind.name(),
    }
}

fn push_summary(text: &mut String, explanation: &Explanation) {
    let stories = count_by_story(explanation);
    if !stories.is_empty() {
        push_line(text, format_args!("stories:"));
    }
    let width = stories.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    for (name, ends) in &stories {
        push_line(text, format_args!("  {} │ {ends}", padded(name, width)));
    }
}

/// Facts of one form about a story, in the order of [`COUNT_NAMES`].
type FactCounts = [u32; 4];

const COUNT_NAMES: [&str; 4] = ["started", "criteria", "passed", "failed"];

/// Stories in order of appearance, with the counts of their facts: of the forms that state the same, the one with the most.
fn count_by_story(explanation: &Explanation) -> Vec<(String, String)> {
    let mut stories: Vec<(String, HashMap<StatementForm, FactCounts>)> = Vec::new();
    for fact in explanation.lines.iter().flat_map(|line| &line.facts) {
        let Some(name) = fact.story.as_ref().map(story_name) else { continue };
        let kind = match &fact.statement {
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
        stories[index].1.entry(fact.form).or_default()[kind] += 1;
    }
    let words = |forms: &HashMap<StatementForm, FactCounts>| {
        let most = |kind: usize| forms.values().map(|counts| counts[kind]).max().unwrap_or(0);
        let counted = COUNT_NAMES.iter().enumerate().map(|(kind, word)| (word, most(kind)));
        counted.filter(|(_, count)| *count > 0).map(|(word, count)| format!("{word} {count}")).collect::<Vec<_>>().join(", ")
    };
    stories.iter().map(|(name, forms)| (name.clone(), words(forms))).collect()
}

fn status_mark(story: &PlanStory) -> char {
    if story.is_passed() { '✓' } else { '○' }
}

fn title_or_placeholder(story: &PlanStory) -> &str {
    story.title.as_deref().unwrap_or("(no title)")
}

fn criteria_count(story: &PlanStory) -> String {
    format!("{:>2} criteria", story.criteria.len())
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// As much of a text as fits, without what could control the terminal.
fn truncate(line: &str, width: usize) -> String {
    text::truncate(&text::clean(line, Charset::Unicode), width, Charset::Unicode).into_owned()
}

fn push_line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
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
        let story = Some(StoryName::new(Some("US-001".to_owned()), Some("Basket".to_owned())));
        Fact {
            statement,
            story,
            form: StatementForm::Entry,
            provenance: Provenance::Explicit,
            line,
            text: "".into(),
            entry_hash: 0,
            recorded_at: None,
            late: false,
        }
    }

    fn explanation(lines: Vec<(&str, Vec<Fact>, LineClass)>) -> Explanation {
        let lines = (1..)
            .zip(lines)
            .map(|(number, (text, facts, reading))| ExplainedLine { number, text: text.to_owned(), facts, class: reading, why: None })
            .collect();
        Explanation { kind: SourceKind::ProgressLog, lines, understood: 3, unknown: 1, record_like: 0 }
    }

    #[test]
    fn every_line_stands_beside_what_it_was_read_as() {
        let started = fact(1, Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() });
        let passed = fact(1, Statement::StoryEnded { outcome: Outcome::Passed, duration_ms: None, commits: Vec::new() });
        let criterion = Criterion { index: Some(1), text: Some("Totals add up".to_owned()) };
        let done = fact(3, Statement::CriterionDone { criterion, duration_ms: None });
        let explanation = explanation(vec![
            ("## US-001 - Basket", vec![started, passed], LineClass::Understood),
            ("", vec![], LineClass::Blank),
            ("- [x] AC2: Totals add up", vec![done], LineClass::Understood),
            ("kein Eintrag \u{1b}[31m", vec![], LineClass::Unknown),
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
        assert_eq!(render_log("progress.txt", &explanation), expected);
    }

    #[test]
    fn a_file_without_a_line_is_not_called_understood() {
        let explanation = Explanation { kind: SourceKind::Unknown, lines: Vec::new(), understood: 0, unknown: 0, record_like: 0 };
        assert_eq!(render_log("progress.txt", &explanation), "progress.txt: nothing in it yet\n");
    }

    #[test]
    fn records_that_were_passed_over_are_never_all_understood() {
        let explanation = Explanation { kind: SourceKind::Unknown, lines: Vec::new(), understood: 9_999, unknown: 1, record_like: 1 };
        let text = render_log("progress.txt", &explanation);
        assert!(text.contains("1 not (?), 1 of them like records, 99 % understood"), "{text}");
    }

    #[test]
    fn a_plan_is_its_stories() {
        let story = |id: &str, passed| PlanStory {
            id: Some(id.into()),
            title: Some("カート".into()),
            criteria: vec!["one".into()],
            status: if passed { PlanStatus::Passed } else { PlanStatus::Open },
            ..PlanStory::default()
        };
        let shop = Plan {
            name: Some("Shop".into()),
            stories: vec![story("US-001", true).into(), story("US-10", false).into()],
            ..Plan::default()
        };
        let expected = "\
prd.json: plan, Shop
  ✓ US-001 │  1 criteria │ カート
  ○ US-10  │  1 criteria │ カート
1 of 2 stories passed
";
        assert_eq!(render_plan("prd.json", &shop), expected);
    }

    #[test]
    fn long_lines_are_cut_by_their_width() {
        assert_eq!(truncate("abcdef", 6), "abcdef");
        assert_eq!(truncate("abcdefg", 6), "abcde…");
        assert_eq!(truncate("カカカカ", 4), "カ…");
    }
}
