//! What a rule matched → facts.

use regex::Captures;

use super::{Field, LineContext, Makes, Rule};
use crate::fact::{Criterion, Fact, Failure, Outcome, Provenance, RecordedTime, Statement, StatementForm, StoryName, entry_hash};
use crate::format::id;
use crate::format::time::{self, Clock};
use crate::format::words::{self, Status, error_kind};

/// The values of one line: what its groups caught, else what the rule gives.
struct Values<'a> {
    rule: &'a Rule,
    groups: &'a Captures<'a>,
}

impl<'a> Values<'a> {
    fn text(&self, field: Field) -> Option<&'a str> {
        let caught = self.groups.name(field.name()).map(|caught| caught.as_str().trim()).filter(|text| !text.is_empty());
        caught.or_else(|| self.rule.with.iter().find(|(given, _)| *given == field).map(|(_, value)| value.as_str()))
    }

    fn owned(&self, field: Field) -> Option<String> {
        self.text(field).map(str::to_owned)
    }

    fn number<T: std::str::FromStr>(&self, field: Field) -> Option<T> {
        self.text(field)?.parse().ok()
    }

    fn duration_ms(&self) -> Option<u64> {
        self.number(Field::DurationMs).or_else(|| duration(self.text(Field::Duration)?))
    }

    /// The story by its own name.
    fn story(&self) -> Option<StoryName> {
        let (id, title) = (self.text(Field::StoryId), self.owned(Field::Title));
        // `Task #3`, `[US-003]`: without the words around it, as everywhere.
        let id = id.map(|id| {
            id::leading(id).filter(|found| found.remainder.is_empty() && found.ids.len() == 1).map_or(id.to_owned(), |f| f.ids[0].clone())
        });
        (id.is_some() || title.is_some()).then(|| StoryName::new(id, title))
    }

    fn failure(&self) -> Option<Failure> {
        let name = self.text(Field::ErrorType);
        let message = self.owned(Field::ErrorMessage).or_else(|| name.map(str::to_owned))?;
        let retryable = match self.text(Field::Retryable) {
            Some("true" | "yes") => Some(true),
            Some("false" | "no") => Some(false),
            Some(_) | None => None,
        };
        Some(Failure { kind: error_kind(name, &message), message, retryable, exit_code: self.number(Field::ExitCode) })
    }

    fn commits(&self) -> Vec<String> {
        let commits = self.text(Field::Commit).unwrap_or_default();
        commits.split([',', ' ']).filter(|one| !one.is_empty()).map(str::to_owned).collect()
    }

    fn criterion(&self) -> Option<Criterion> {
        let index = self.number(Field::AcIndex).or_else(|| self.number::<u32>(Field::AcNumber)?.checked_sub(1));
        Some(Criterion { index, text: self.owned(Field::AcText) }).filter(|criterion| *criterion != Criterion::default())
    }

    /// Some write the seconds since 1970.
    fn time(&self, clock: Clock<'_>) -> Option<RecordedTime> {
        let text = self.text(Field::Time)?;
        text.parse().map_or_else(|_| time::whole(text, clock), time::unix)
    }

    fn outcome(&self) -> Option<Outcome> {
        let Some(status) = self.text(Field::Status) else { return Some(Outcome::Passed) };
        match words::value(status)? {
            Status::Passed => Some(Outcome::Passed),
            Status::Failed { reason, .. } => Some(Outcome::Failed { reason: self.owned(Field::Reason).unwrap_or(reason) }),
            Status::Open | Status::Idle => None,
        }
    }
}

/// The facts of a line; `None` when what the groups caught makes no sense (a status that is none), so that the line stays unknown.
pub(super) fn facts(rule: &Rule, groups: &Captures<'_>, context: &LineContext<'_>, current: &mut Option<StoryName>) -> Option<Vec<Fact>> {
    let values = Values { rule, groups };
    let own = values.story();
    let about = || own.clone().or_else(|| current.clone());
    let iteration = values.number(Field::Iteration);
    let rounds = iteration.map(|at| (at, values.number(Field::MaxIterations)));
    let mut made = Vec::with_capacity(2);
    match rule.makes {
        Makes::Nothing => {}
        Makes::TaskStarted => {
            let (name, branch, description) =
                (values.owned(Field::TaskName), values.owned(Field::Branch), values.owned(Field::Description));
            let story_count = values.number(Field::StoryCount);
            made.push((Statement::TaskStarted { name, branch, description, story_count, estimated_secs: None }, None));
        }
        Makes::StoryStarted => {
            let story = own.clone()?;
            *current = Some(story.clone());
            if rounds.is_some() {
                made.push((Statement::Activity { text: None, iteration: rounds }, None));
            }
            made.push((Statement::StoryStarted { iteration, priority: values.number(Field::Priority), criteria: Vec::new() }, Some(story)));
        }
        Makes::AcCompleted => {
            let criterion = values.criterion()?;
            made.push((Statement::CriterionDone { criterion, duration_ms: values.duration_ms() }, Some(about()?)));
        }
        Makes::StoryCompleted => {
            let (story, outcome) = (about()?, values.outcome()?);
            let failure = values.failure().filter(|_| outcome != Outcome::Passed);
            made.extend(failure.map(|failure| (Statement::Error(failure), Some(story.clone()))));
            made.push((Statement::StoryEnded { outcome, duration_ms: values.duration_ms(), commits: values.commits() }, Some(story)));
        }
        Makes::TaskCompleted => made.push((Statement::TaskEnded { passed: values.outcome()? == Outcome::Passed }, None)),
        Makes::ErrorOccurred => made.push((Statement::Error(values.failure()?), about())),
        Makes::Activity => made.push((Statement::Activity { text: values.owned(Field::Text), iteration: rounds }, None)),
    }
    let when = values.time(context.clock);
    Some(
        made.into_iter()
            .map(|(what, story)| Fact {
                statement: what,
                story,
                form: StatementForm::Line,
                provenance: Provenance::Explicit,
                line: context.number,
                text: context.raw.into(),
                entry_hash: entry_hash(context.raw),
                recorded_at: when,
                late: false,
            })
            .collect(),
    )
}

/// `59ms`, `1.5s`, `2m 3s`, `1h02m`, `00:02:03`, `12.5` (seconds).
pub(in crate::format) fn duration(text: &str) -> Option<u64> {
    const LIMIT: f64 = 30.0 * 24.0 * 3600.0 * 1000.0;
    let millis = if text.contains(':') {
        text.split(':').try_fold(0.0, |sum: f64, part| Some(sum * 60.0 + part.trim().parse::<f64>().ok()?))? * 1000.0
    } else {
        let mut remainder = text.trim();
        let mut sum = 0.0;
        while !remainder.is_empty() {
            let digits = remainder.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(remainder.len());
            let number: f64 = remainder[..digits].parse().ok()?;
            let unit = remainder[digits..].trim_start();
            let letters = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
            sum += number
                * match unit[..letters].to_ascii_lowercase().as_str() {
                    "ms" | "msec" | "millis" => 1.0,
                    "" | "s" | "sec" | "secs" | "second" | "seconds" => 1000.0,
                    "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
                    "h" | "hr" | "hour" | "hours" => 3_600_000.0,
                    _ => return None,
                };
            remainder = unit[letters..].trim_start_matches([' ', ',']);
        }
        sum
    };
    (0.0..=LIMIT).contains(&millis).then_some(millis as u64)
}
