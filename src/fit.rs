//! What the fit of the record reader's weights needs (`tests/extra/fit`): evidence as numbers, and readings under other weights.
//!
//! For the fit only: nothing of the program uses it, and it is no promise to anybody.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::fact::{Fact, Outcome, Statement};
use crate::format::{LogParser, ParserConfig, Pause, PlanNames, Rules};
use crate::lex::{Flags, Polarity, ident};
use crate::line::{Lines, PartialLine};
use crate::record::assess;
use crate::record::evidence::has_frame;
use crate::record::feature::{self, Feature};
use crate::record::score::Weights;
use crate::record::second::{VerdictSums, first_pass, second_pass};
use crate::record::select::is_entry;
use crate::tail::splitter::Splitter;

/// A log with what stands beside it, split and parsed as the program does it, and not yet judged.
pub struct FitLog {
    parser: LogParser,
    /// What its lines state by themselves.
    stated: Vec<Fact>,
}

impl FitLog {
    /// From the bytes of a log, and of its plan if there is one.
    pub fn new(name: &str, log: &[u8], plan: Option<&str>) -> FitLog {
        let mut parser = ParserConfig::new(Path::new(name), TimeZone::UTC, &Rules::default()).parser();
        if let Some(plan) = plan.and_then(|text| serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()) {
            let mut stories = Vec::new();
            walk(&plan, &mut stories);
            parser.set_plan(Some(&Arc::new(PlanNames::new(stories))));
        }
        let (mut splitter, mut lines, mut stated) = (Splitter::default(), Lines::with_capacity(log.len()), Vec::new());
        splitter.feed(log, &mut lines);
        let partial = splitter.partial();
        for line in lines.iter().chain(partial.as_ref().map(PartialLine::line)) {
            parser.parse_line(line, &mut stated);
        }
        FitLog { parser, stated }
    }
}

/// Objects of any list that have an id or a title. (The program reads plans with care; for evidence this will do.)
fn walk(value: &Value, stories: &mut Vec<(Option<String>, Option<String>)>) {
    match value {
        Value::Array(items) => {
            for item in items {
                let text = |keys: &[&str]| {
                    keys.iter().find_map(|key| match item.get(key)? {
                        Value::String(text) if text.len() < 400 => Some(text.clone()),
                        Value::Number(number) => Some(number.to_string()),
                        _ => None,
                    })
                };
                let id = text(&["id", "story_id", "storyId", "task_id", "taskId", "key", "number", "feature_id", "ref"])
                    .filter(|id| id.len() < 40);
                let title = text(&["title", "name", "description", "summary", "task", "feature", "story"]);
                if id.is_some() || title.is_some() {
                    stories.push((id, title));
                }
                walk(item, stories);
            }
        }
        Value::Object(fields) => fields.values().for_each(|field| walk(field, stories)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names of the features, by number.
pub fn names() -> Vec<String> {
    (0..feature::COUNT as u16).map(Feature::name).collect()
}

/// One row a candidate: what the labelling needs, the numbers and values of its evidence. With weights, the second look's. Lines are
/// numbered from 0 in the file.
pub fn rows(log: &FitLog, weights: Option<&str>) -> Vec<Value> {
    let (file, numbers) = log.parser.indexed();
    let number = |at: usize| numbers.get(at).or(numbers.last()).map_or(0, |number| number - 1);
    let given = weights.map(Weights::parse);
    let zero = Weights::parse("");
    let candidates = first_pass(&file, given.as_ref().unwrap_or(&zero));
    let mut rows = Vec::new();
    let mut put = |at: usize, active: &[(u16, i16)]| {
        let line = &file.lines[at];
        let ids: Vec<String> = line.lead.iter().flat_map(|lead| lead.ids.iter().map(|id| ident::normal(id).into_owned())).collect();
        let ticked = line.ticked == Some(true) || line.mark.is_some_and(|mark| mark.polarity == Polarity::Positive);
        rows.push(json!({
            "n": number(at),
            "ids": ids,
            "entry": is_entry(&file, at),
            "ticked": ticked,
            "frame": (line.lead.is_none() && (has_frame(line) || line.has(Flags::FRAME_WORD))).then(|| number(file.block_end(at))),
            "f": active.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            "v": active.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
        }));
    };
    if given.is_some() {
        let sums = VerdictSums::new(&file, &candidates);
        second_pass(&file, &candidates, &sums, |candidate, evidence| put(candidate.at, &evidence.active));
    } else {
        for candidate in &candidates {
            put(candidate.at, &candidate.first.active);
        }
    }
    rows
}

/// The evidence about the whole file: who writes it.
pub fn origin(log: &FitLog, weights: &str) -> Value {
    let (file, _) = log.parser.indexed();
    let assessment = assess(&file, &Weights::parse(weights));
    let (f, v): (Vec<u16>, Vec<i16>) = crate::record::origin::evidence(&file, &assessment.verdicts).active.into_iter().unzip();
    json!({ "f": f, "v": v })
}

/// Reads every log of this process with another table. Only the first call counts.
pub fn set_weights(weights: &str) {
    Weights::set(weights);
}

/// What the program states of the log: stories with the lines they are stated on, how many criteria and failures, the lines that open a record.
pub fn read(log: &FitLog) -> Value {
    let mut parser = log.parser.clone();
    let mut facts = log.stated.clone();
    parser.extract(Pause::End, &mut facts);
    let statements = parser.statement_numbers();
    let mut opened: BTreeSet<u32> = parser.record_numbers().collect();
    let (mut records, mut criteria, mut failures, mut failed) = (Vec::new(), 0, 0_usize, 0_usize);
    for fact in &facts {
        let class = match &fact.statement {
            Statement::StoryStarted { .. } => "open",
            Statement::StoryEnded { outcome: Outcome::Passed, .. } => "passed",
            Statement::StoryEnded { outcome: Outcome::Failed { .. }, .. } => "failed",
            Statement::CriterionDone { .. } => {
                criteria += 1;
                continue;
            }
            Statement::Error(_) => {
                failures += 1;
                continue;
            }
            Statement::TaskStarted { .. } | Statement::TaskEnded { .. } | Statement::Activity { .. } => continue,
        };
        failed += usize::from(class == "failed");
        opened.extend(statements.contains(&fact.line).then_some(fact.line));
        let story = fact.story.as_ref();
        records.push(json!({
            "id": story.and_then(|story| story.id.as_deref()), "title": story.and_then(|story| story.title.as_deref()), "class": class,
            "when": fact.recorded_at.map(|recorded| recorded.at), "line": fact.line,
        }));
    }
    json!({ "records": records, "criteria": criteria, "failures": failures.saturating_sub(failed), "opened": opened, "origin": parser.origin() })
}

/// Why a line was read as it was: type, verdicts, reasons, spans.
pub fn explain(log: &FitLog, weights: &str, line: u32) -> String {
    let (file, numbers) = log.parser.indexed();
    let weights = Weights::parse(weights);
    let Some(at) = numbers.iter().position(|number| *number == line) else { return String::new() };
    let why = crate::record::explain::explain(&file, &weights, &[at]);
    let spans: Vec<String> =
        file.lines[at].spans.iter().map(|span| format!("{:?}={}", span.kind, span.value(&file.lines[at].text))).collect();
    format!("{}\n{spans:?}\n{why:#?}", file.lines[at].text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The logs of our own wording that the weights were fitted on too (`tests/extra/fit/specs`): which of their lines open a record.
    fn specs() -> Vec<(String, Vec<char>)> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files: Vec<_> = std::fs::read_dir(root.join("tests/extra/fit/specs"))
            .expect("it is there")
            .map(|file| file.expect("it can be listed").path())
            .collect();
        files.sort();
        let mut specs = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("it can be read");
            if file.extension().is_some_and(|extension| extension == "tsv") {
                for line in text.lines().filter(|line| !line.starts_with('#')) {
                    let cells: Vec<&str> = line.split('\t').collect();
                    let log =
                        std::fs::read_to_string(root.join("fixtures").join(cells[0]).join("progress.txt")).expect("the fixture is there");
                    let lists = |cell: &str, n: usize| cell.split(' ').any(|number| number == n.to_string());
                    let sign = |n: usize| {
                        if lists(cells[1], n) {
                            '='
                        } else if lists(cells[2], n) {
                            '?'
                        } else {
                            ' '
                        }
                    };
                    let signs = (1..=log.split('\n').count()).map(sign).collect();
                    specs.push((log, signs));
                }
                continue;
            }
            for part in text.split("\n%%\n") {
                let log: Vec<&str> = part.split('\n').map(|line| line.get(2..).unwrap_or_default()).collect();
                specs.push((log.join("\n"), part.split('\n').map(|line| line.chars().next().unwrap_or(' ')).collect()));
            }
        }
        specs
    }

    /// The committed table says how the reader did on the specs when it was fitted: table, words and code cannot drift apart.
    #[test]
    fn the_table_and_the_code_agree() {
        let (mut wanted, mut found, mut extra) = (0, 0, 0);
        for (log, signs) in specs() {
            let reading = read(&FitLog::new("progress.txt", log.as_bytes(), None));
            let opened = reading["opened"].as_array().expect("it is a list").iter().filter_map(Value::as_u64);
            let lines: Vec<usize> = opened.map(|number| number as usize - 1).collect();
            wanted += signs.iter().filter(|sign| **sign == '=').count();
            found += lines.iter().filter(|line| signs[**line] == '=').count();
            extra += lines.iter().filter(|line| signs[**line] == ' ').count();
        }
        let recorded = include_str!("record/weights.tsv").lines().find(|line| line.starts_with("# Specs")).unwrap_or_default();
        assert_eq!(recorded, format!("# Specs: {wanted} records, {found} found, {extra} extra."));
        assert!(found * 100 >= wanted * 85 && extra * 20 <= wanted, "{recorded}");
    }
}
