//! What the fit of the record reader's weights needs (`tests/extra/fit`): evidence as numbers, and readings under other weights.
//!
//! For the fit only: nothing of the program uses it, and it is no promise to anybody.

use serde_json::{Value, json};

use crate::lex::{Flags, Polarity, ident};
use crate::record::evidence::has_frame;
use crate::record::feature::{self, Feature};
use crate::record::file::{FileContext, IndexedLog};
use crate::record::score::Weights;
use crate::record::second::{VerdictSums, first_pass, second_pass};
use crate::record::select::is_entry;
use crate::record::{RecordOutcome, assess, decode};

/// A log with what stands beside it.
pub struct FitLog {
    name: String,
    text: String,
    plan: Vec<(Option<String>, Option<String>)>,
}

impl FitLog {
    /// From the bytes of a log, and of its plan if there is one.
    pub fn new(name: &str, log: &[u8], plan: Option<&str>) -> FitLog {
        let text = String::from_utf8_lossy(log);
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
        let mut stories = Vec::new();
        if let Some(plan) = plan.and_then(|text| serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()) {
            walk(&plan, &mut stories);
        }
        FitLog { name: name.to_owned(), text, plan: stories }
    }

    fn lines(&self) -> Vec<&str> {
        self.text.split('\n').collect()
    }

    fn context(&self) -> FileContext<'_> {
        FileContext { name: &self.name, plan: self.plan.iter().map(|(id, title)| (id.as_deref(), title.as_deref())).collect() }
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

/// One row a candidate: what the labelling needs, the numbers and values of its evidence. With weights, the second look's.
pub fn rows(log: &FitLog, weights: Option<&str>) -> Vec<Value> {
    let lines = log.lines();
    let file = IndexedLog::read(&lines, &log.context());
    let given = weights.map(Weights::parse);
    let zero = Weights::parse("");
    let candidates = first_pass(&file, given.as_ref().unwrap_or(&zero));
    let mut rows = Vec::new();
    let mut put = |at: usize, active: &[(u16, i16)]| {
        let line = &file.lines[at];
        let ids: Vec<String> = line.lead.iter().flat_map(|lead| lead.ids.iter().map(|id| ident::normal(id))).collect();
        let ticked = line.ticked == Some(true) || line.mark.is_some_and(|mark| mark.polarity == Polarity::Positive);
        rows.push(json!({
            "n": at,
            "ids": ids,
            "entry": is_entry(&file, at),
            "ticked": ticked,
            "frame": (line.lead.is_none() && (has_frame(line) || line.has(Flags::FRAME_WORD))).then(|| file.block_end(at)),
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
    let lines = log.lines();
    let file = IndexedLog::read(&lines, &log.context());
    let assessment = assess(&file, &Weights::parse(weights));
    let (f, v): (Vec<u16>, Vec<i16>) = crate::record::origin::evidence(&file, &assessment.verdicts).active.into_iter().unzip();
    json!({ "f": f, "v": v })
}

/// The reading of a log under the weights: records, and how many criteria and failures.
pub fn read(log: &FitLog, weights: &str) -> Value {
    let lines = log.lines();
    let file = IndexedLog::read(&lines, &log.context());
    let assessment = assess(&file, &Weights::parse(weights));
    let reading = decode::reading(&file, &assessment);
    let verdicts = &assessment.verdicts;
    let records: Vec<Value> = reading
        .records
        .iter()
        .map(|record| {
            let class = match record.outcome {
                RecordOutcome::Passed => "passed",
                RecordOutcome::Failed | RecordOutcome::Blocked => "failed",
                RecordOutcome::Open => "open",
            };
            json!({
                "id": record.id, "title": record.title, "class": class, "when": record.when, "line": record.lines.start + 1, "p": record.probability,
                "iteration": record.iteration, "duration": record.duration, "commits": record.commits,
            })
        })
        .collect();
    json!({ "records": records, "prior": file.prior(), "origin": assessment.origin, "criteria": reading.criteria.len(), "failures": reading.failures.len(), "verdicts": verdicts.iter().map(|verdict| (verdict.at + 1, verdict.p)).collect::<Vec<_>>() })
}

/// Why a line was read as it was: type, verdicts, reasons, spans.
pub fn explain(log: &FitLog, weights: &str, line: usize) -> String {
    let lines = log.lines();
    let file = IndexedLog::read(&lines, &log.context());
    let weights = Weights::parse(weights);
    let Some(at) = line.checked_sub(1).filter(|at| *at < file.lines.len()) else { return String::new() };
    let why = crate::record::explain::explain(&file, &weights, &[at]);
    let spans: Vec<String> =
        file.lines[at].spans.iter().map(|span| format!("{:?}={}", span.kind, span.value(&file.lines[at].text))).collect();
    format!("{}\n{spans:?}\n{why:#?}", file.lines[at].text)
}
