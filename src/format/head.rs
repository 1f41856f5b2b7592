//! The top of a log: title, start, name; and from that the statement that a run began.
//!
//! Some titles are a runner's for certain, others (`# X Progress`) only once an entry shows that the file is a runner's log.

use super::fact_context::FactLine;
use super::field::field;
use super::{LineContext, LogHeader, heading, time};
use crate::fact::{Fact, Provenance, Statement, StatementForm, entry_hash};

/// A header ends after this many lines at the latest.
const LINES: u32 = 20;

#[derive(Debug, Clone, Default)]
pub(super) struct FileHeader {
    pub(super) head: LogHeader,
    title: Option<Title>,
    lines: u32,
    title_line: u32,
    /// No more lines of the header are looked for.
    over: bool,
    /// The run's beginning has been stated.
    emitted: bool,
    branch: Option<String>,
    /// For dates without one.
    pub(super) year: Option<i16>,
}

#[derive(Debug, Clone)]
struct Title {
    fact_line: FactLine,
    sure: bool,
    name: Option<String>,
}

impl FileHeader {
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the title alone makes the file a runner's log.
    pub(super) fn is_sure(&self) -> bool {
        self.title.as_ref().is_some_and(|title| title.sure)
    }

    /// Whether title and fields together are what only a runner's log has on top.
    pub(super) fn is_known(&self) -> bool {
        self.title.as_ref().is_some_and(|title| title.sure || self.head.started.is_some() || self.branch.is_some())
    }

    /// Whether the statement that a run began waits for the header's next lines.
    pub(super) fn is_waiting(&self) -> bool {
        !self.emitted && self.is_sure()
    }

    /// Takes a line from the top of the file; says whether it was one of the header's.
    pub(super) fn line(&mut self, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        self.lines += 1;
        let rule = super::rule(context.text).is_some();
        let under_title = self.title.is_some() && self.lines == self.title_line + 1;
        if self.title.is_none()
            && context.text.starts_with('=')
            && let Some((_, text)) = heading(context.text)
        {
            self.title = title(text, context);
            self.title_line = self.lines;
            if self.title.is_some() {
                return true;
            }
        }
        if self.lines > LINES || heading(context.text).is_some_and(|(level, _)| level > 1) || (rule && !under_title && self.title.is_some())
        {
            self.end(facts);
            return rule;
        }
        let text = context.text.trim_start_matches('#').trim_ascii();
        if self.title.is_none() {
            self.title = title(text, context);
            self.title_line = self.lines;
            return self.title.is_some();
        }
        if rule || text.is_empty() {
            return true;
        }
        self.field(text, context, facts)
    }

    fn field(&mut self, text: &str, context: &LineContext<'_>, facts: &mut Vec<Fact>) -> bool {
        let Some(title) = &mut self.title else { return false };
        if let Some(name) = between(text, " across iterations for the ", &[" feature.", " PRD.", " project.", "."]) {
            title.name.get_or_insert(name);
            return true;
        }
        let Some((label, value)) = field(text) else { return false };
        match label.to_ascii_lowercase().as_str() {
            "started" | "created" | "initialized" | "start" | "started at" | "created at" => {
                if self.head.start_line.is_none() && !is_placeholder(value) {
                    self.head.start_line = Some(context.text.to_owned());
                    self.head.started = time::whole(value, context.clock);
                    self.year = year(value);
                    if title.sure {
                        let fact_line = FactLine::of(context);
                        self.emit(fact_line, Provenance::Explicit, facts);
                    }
                }
                true
            }
            "feature" | "project" | "prd" | "task" | "epic" => {
                if !is_placeholder(value) {
                    title.name.get_or_insert_with(|| value.to_owned());
                }
                true
            }
            "branch" => {
                self.branch = Some(value.to_owned()).filter(|branch| !is_placeholder(branch));
                true
            }
            _ => false,
        }
    }

    /// The header is over, by its own end, an entry, or quiet: what is certain is said.
    pub(super) fn end(&mut self, facts: &mut Vec<Fact>) {
        self.over = true;
        self.settle(facts);
    }

    /// Quiet after the header: a run began, though its header may go on.
    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        if self.is_waiting()
            && let Some(title) = &self.title
        {
            let fact_line = title.fact_line.clone();
            self.emit(fact_line, Provenance::Explicit, facts);
        }
    }

    /// An entry has shown that this is a runner's log: an uncertain title counts now, before the facts from `at` on.
    pub(super) fn confirm(&mut self, at: usize, facts: &mut Vec<Fact>) {
        self.over = true;
        if !self.emitted
            && let Some(title) = &self.title
        {
            let fact_line = title.fact_line.clone();
            let mut own = Vec::with_capacity(1);
            self.emit(fact_line, Provenance::Derived, &mut own);
            facts.splice(at..at, own);
        }
    }

    fn emit(&mut self, fact_line: FactLine, provenance: Provenance, facts: &mut Vec<Fact>) {
        let Some(title) = &self.title else { return };
        self.emitted = true;
        self.head.name.clone_from(&title.name);
        if self.head.start_line.is_none() && title.name.as_ref().is_some_and(|name| title.fact_line.text.contains(name.as_str())) {
            // The title of a log without a date still tells one run's log from another's.
            self.head.start_line = Some(title.fact_line.text.trim().to_owned());
        }
        facts.push(Fact {
            statement: Statement::TaskStarted {
                name: title.name.clone(),
                branch: self.branch.clone(),
                description: None,
                story_count: None,
                estimated_secs: None,
            },
            story: None,
            form: StatementForm::Entry,
            provenance,
            line: fact_line.line,
            entry_hash: entry_hash(&fact_line.text),
            text: fact_line.text,
            recorded_at: self.head.started,
            late: false,
        });
    }
}

/// The title on a line, if it is one.
fn title(text: &str, context: &LineContext<'_>) -> Option<Title> {
    let lower = text.to_ascii_lowercase();
    let names_ralph = lower.starts_with("ralph ") && text.len() <= 80 && !text.ends_with(['.', ':', ',']);
    let marked = context.text.starts_with("# ") || context.text.starts_with('=') || (lower.ends_with("progress") && text.len() <= 60);
    let ralph = lower.contains("ralph") && lower.contains("progress") && text.len() <= 120;
    let plain = ralph && lower.contains("progress log");
    if !marked && !plain && !names_ralph {
        return None;
    }
    let named = |at: usize| {
        let name = text[at..].trim_start_matches([' ', ':', '-', '—', '–', '(']).trim_end_matches([' ', ')']);
        (!name.is_empty() && !is_placeholder(name)).then(|| name.to_owned())
    };
    let (sure, name) = if lower.starts_with("progress log: ") {
        (true, named("progress log:".len()))
    } else if lower.starts_with("progress log for ") {
        (true, named("progress log for ".len()))
    } else if ralph || lower.starts_with("claude-loop progress log") {
        let end = ["progress log", "progress"].iter().find_map(|word| lower.rfind(word).map(|at| at + word.len()));
        let end = end.filter(|end| !lower[*end..].starts_with(char::is_alphabetic));
        (true, end.and_then(named))
    } else if let Some(name) = lower.starts_with("feature: ").then(|| named("feature:".len())).flatten() {
        (false, Some(name))
    } else {
        (false, name_around(text, &lower).or_else(|| names_ralph.then_some(None))?)
    };
    Some(Title { fact_line: FactLine::of(context), sure, name })
}

/// The name before or behind the words that make a title one of progress; `None` when it is none.
fn name_around(text: &str, lower: &str) -> Option<Option<String>> {
    const ENDS: [&str; 7] = [
        "agent progress log",
        "agent progress notes",
        "progress log",
        "progress notes",
        "implementation progress",
        "progress report",
        "progress",
    ];
    const ANYWHERE: [&str; 9] = ["进度", "工作日志", "进展", "進捗", "진행", "прогресс", "progresso", "progreso", "avancement"];
    let own = |name: &str| {
        let name = name.trim_matches([' ', ':', '-', '—', '–', '(', ')']);
        Some((!name.is_empty() && !is_placeholder(name)).then(|| name.to_owned()))
    };
    if let Some(end) = ENDS.iter().find_map(|word| lower.strip_suffix(word).map(str::len)) {
        return own(&text[..end]);
    }
    let starts = [
        "claude progress log",
        "agent progress log",
        "progress log",
        "claude progress",
        "progress notes",
        "progress:",
        "progress -",
        "progress —",
    ];
    if let Some(start) = starts.iter().find(|start| lower.starts_with(**start)) {
        return own(&text[start.len()..]);
    }
    ANYWHERE.iter().any(|word| text.to_lowercase().contains(word)).then_some(None)
}

/// `$(date)`, `[Date]`, `<name>`: a template that nobody filled in.
fn is_placeholder(text: &str) -> bool {
    text.is_empty() || text.starts_with(['[', '<', '{']) || text.contains("$(") || text.contains("${") || text.contains("YYYY")
}

fn between(text: &str, before: &str, after: &[&str]) -> Option<String> {
    let remainder = &text[text.find(before)? + before.len()..];
    let end = after.iter().find_map(|after| remainder.find(after))?;
    let name = remainder[..end].trim();
    (!name.is_empty() && !is_placeholder(name)).then(|| name.to_owned())
}

/// The year that a date names, in whatever language the rest is.
fn year(text: &str) -> Option<i16> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 4)
        .filter_map(|digits| digits.parse().ok())
        .find(|year| (2001..=2100).contains(year))
}
