//! The parser of a source, kept only while something in the file counts: thousands of documents beside a run must not cost memory.

use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock};

use jiff::tz::TimeZone;

use crate::fact::Fact;
use crate::file_change::LineEdit;
use crate::format::{LogParser, ParserConfig, Pause, PlanNames, Rules};
use crate::line::Lines;
use crate::plan::Plan;

#[derive(Debug)]
pub(super) struct SourceParser {
    config: ParserConfig,
    parser: Option<Box<LogParser>>,
    /// Of a file that was let go.
    let_go: Option<Box<LetGoFile>>,
}

/// What is kept of a file that was let go.
#[derive(Debug)]
struct LetGoFile {
    lines: u64,
    /// The evidence that it was judged with.
    plan: Option<Arc<PlanNames>>,
    /// The plan names other work since: the file is to be read again.
    take_up: bool,
}

/// Ids and titles of the newest plan, as evidence for the logs: made anew only when they change.
#[derive(Debug, Default)]
pub(super) struct SharedPlanNames {
    plan: Option<Arc<Plan>>,
    names: Option<Arc<PlanNames>>,
}

impl SharedPlanNames {
    pub(super) fn set_plan(&mut self, newest: Option<Arc<Plan>>) {
        let is_known = match (&newest, &self.plan) {
            (Some(newest), Some(known)) => Arc::ptr_eq(newest, known) || newest.has_work_of(known),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.plan = newest;
        if !is_known {
            let names = self.plan.as_deref().map(plan_names);
            if names.as_ref() != self.names.as_deref() {
                self.names = names.map(Arc::new);
            }
        }
    }

    pub(super) fn get(&self) -> Option<&Arc<PlanNames>> {
        self.names.as_ref()
    }
}

fn plan_names(plan: &Plan) -> PlanNames {
    PlanNames::new(plan.stories.iter().map(|story| (story.id.as_ref().map(String::from), story.title.as_ref().map(String::from))))
}

impl SourceParser {
    pub(super) fn new(config: ParserConfig) -> Self {
        SourceParser { config, parser: None, let_go: None }
    }

    /// A parser at the file's beginning.
    pub(super) fn fresh(&self) -> LogParser {
        self.config.parser()
    }

    /// The parser after an edit, with the facts of the lines that are judged anew, of which these entries were. `None` when only the whole
    /// content tells.
    pub(super) fn edited(&self, edit: &LineEdit, lines: &Lines, entries: HashSet<u64>) -> Option<(LogParser, Vec<Fact>)> {
        let (mut parser, mut facts) = ((**self).clone(), Vec::new());
        let mut window = parser.window(self.fresh(), edit, entries);
        lines.iter().for_each(|line| window.parse_line(line, &mut facts));
        window.extract(Pause::End, &mut facts);
        facts.retain(|fact| (edit.first..edit.new_end).contains(&fact.line));
        parser.replace_lines(&window, edit).then_some((parser, facts))
    }

    pub(super) fn replace(&mut self, parser: LogParser) {
        self.parser = Some(Box::new(parser));
        self.let_go = None;
    }

    /// Drops everything but the number of lines. The next line is taken for the first of the file.
    pub(super) fn let_go(&mut self, plan: Option<&Arc<PlanNames>>) {
        self.let_go = Some(Box::new(LetGoFile { lines: self.line_counts().1, plan: plan.cloned(), take_up: false }));
        self.parser = None;
    }

    /// Gives the parser what the plan beside names.
    pub(super) fn set_plan(&mut self, plan: Option<&Arc<PlanNames>>) {
        match &mut self.let_go {
            Some(file) => file.take_up |= file.plan.as_deref() != plan.map(|plan| &**plan),
            None => self.deref_mut().set_plan(plan),
        }
    }

    pub(super) fn is_let_go(&self) -> bool {
        self.let_go.is_some()
    }

    /// Whether a file that was let go is to be read again.
    pub(super) fn is_wanted(&self) -> bool {
        self.let_go.as_ref().is_some_and(|file| file.take_up)
    }

    /// Lines that were understood, and that were not.
    pub(super) fn line_counts(&self) -> (u64, u64) {
        match &self.let_go {
            Some(file) => (0, file.lines),
            None => self.deref().line_counts(),
        }
    }
}

impl Deref for SourceParser {
    type Target = LogParser;

    fn deref(&self) -> &LogParser {
        static NOTHING_READ: LazyLock<LogParser> =
            LazyLock::new(|| ParserConfig::new("".as_ref(), TimeZone::UTC, &Rules::default()).parser());
        self.parser.as_deref().unwrap_or(&NOTHING_READ)
    }
}

impl DerefMut for SourceParser {
    fn deref_mut(&mut self) -> &mut LogParser {
        self.let_go = None;
        self.parser.get_or_insert_with(|| Box::new(self.config.parser()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{Line, LineEnd};

    #[test]
    fn a_file_that_was_let_go_is_wanted_again_when_the_plan_names_other_work() {
        let mut parser = SourceParser::new(ParserConfig::new("notes.md".as_ref(), TimeZone::UTC, &Rules::default()));
        let line = Line { number: 1, text: "some words", end: LineEnd::Feed };
        parser.parse_line(line, &mut Vec::new());
        parser.let_go(None);
        assert_eq!((parser.line_counts(), parser.is_wanted()), ((0, 1), false));
        parser.set_plan(None);
        assert!(parser.is_let_go() && !parser.is_wanted());
        let names = Arc::new(PlanNames::new([(Some("US-1".to_owned()), None)]));
        parser.set_plan(Some(&names));
        assert!(parser.is_let_go() && parser.is_wanted());
        parser.parse_line(line, &mut Vec::new());
        assert!(!parser.is_let_go() && !parser.is_wanted());
        assert_eq!(parser.line_counts(), (0, 1), "it is read from its start");
    }
}
