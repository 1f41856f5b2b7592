//! The text of a rules file → rules, or what is wrong with it and where.

use std::collections::BTreeMap;
use std::ops::Range;

use regex::{Regex, RegexBuilder, RegexSetBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::{FILE_LIMIT, Field, Makes, PATTERN_LIMIT, RULE_LIMIT, Rule, RuleFile, SIZE_LIMIT};
use crate::format::words;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    files: Vec<Spanned<String>>,
    #[serde(default)]
    rule: Vec<Spanned<WrittenRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    name: Option<String>,
    event: Spanned<String>,
    #[serde(rename = "match")]
    pattern: Spanned<String>,
    #[serde(default)]
    with: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
}

const EVENTS: [(&str, Makes); 8] = [
    ("task_started", Makes::TaskStarted),
    ("story_started", Makes::StoryStarted),
    ("ac_completed", Makes::AcCompleted),
    ("story_completed", Makes::StoryCompleted),
    ("task_completed", Makes::TaskCompleted),
    ("error_occurred", Makes::ErrorOccurred),
    ("activity", Makes::Activity),
    ("ignore", Makes::Nothing),
];

const FIELDS: [(&str, Field); 23] = [
    ("time", Field::Time),
    ("task_name", Field::TaskName),
    ("branch", Field::Branch),
    ("description", Field::Description),
    ("story_count", Field::StoryCount),
    ("story_id", Field::StoryId),
    ("title", Field::Title),
    ("iteration", Field::Iteration),
    ("max_iterations", Field::MaxIterations),
    ("priority", Field::Priority),
    ("ac_index", Field::AcIndex),
    ("ac_number", Field::AcNumber),
    ("ac_text", Field::AcText),
    ("status", Field::Status),
    ("reason", Field::Reason),
    ("duration", Field::Duration),
    ("duration_ms", Field::DurationMs),
    ("commit", Field::Commit),
    ("error_type", Field::ErrorType),
    ("error_message", Field::ErrorMessage),
    ("retryable", Field::Retryable),
    ("exit_code", Field::ExitCode),
    ("text", Field::Text),
];

impl Field {
    pub(super) fn name(self) -> &'static str {
        FIELDS.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }
}

impl Makes {
    /// What may be said of it.
    fn fields(self) -> &'static [Field] {
        use Field::*;
        match self {
            Makes::TaskStarted => &[Time, TaskName, Branch, Description, StoryCount],
            Makes::StoryStarted => &[Time, StoryId, Title, Iteration, MaxIterations, Priority],
            Makes::AcCompleted => &[Time, StoryId, Title, AcIndex, AcNumber, AcText, Duration, DurationMs],
            Makes::StoryCompleted => {
                &[Time, StoryId, Title, Status, Reason, Duration, DurationMs, Commit, ErrorType, ErrorMessage, Retryable, ExitCode]
            }
            Makes::TaskCompleted => &[Time, Status, Reason],
            Makes::ErrorOccurred => &[Time, StoryId, Title, ErrorType, ErrorMessage, Retryable, ExitCode],
            Makes::Activity => &[Time, Text, Iteration, MaxIterations],
            Makes::Nothing => &[],
        }
    }

    /// Of which one at least is needed.
    fn needs(self) -> &'static [Field] {
        match self {
            Makes::StoryStarted => &[Field::StoryId, Field::Title],
            Makes::AcCompleted => &[Field::AcIndex, Field::AcNumber, Field::AcText],
            Makes::ErrorOccurred => &[Field::ErrorMessage, Field::ErrorType],
            Makes::Activity => &[Field::Text, Field::Iteration],
            Makes::TaskStarted | Makes::StoryCompleted | Makes::TaskCompleted | Makes::Nothing => &[],
        }
    }
}

/// Understands a file of rules. `shown` is its name in messages.
///
/// # Errors
///
/// What is wrong, as `NAME:LINE:COLUMN: rule …: what and what to do`.
pub fn parse(shown: &str, text: &str) -> Result<RuleFile, String> {
    let file = File { shown, text };
    if text.len() > FILE_LIMIT {
        return Err(format!("{shown}: {} KiB long; files of rules may have {} KiB", text.len() >> 10, FILE_LIMIT >> 10));
    }
    let written: Written =
        toml::from_str(text).map_err(|error| file.at(error.span().map_or(0, |span| span.start), None, error.message()))?;
    if written.rule.is_empty() {
        return Err(format!("{shown}: no rules in it; each begins with [[rule]]"));
    }
    if let Some(beyond) = written.rule.get(RULE_LIMIT) {
        return Err(file.at(beyond.span().start, None, &format!("more than {RULE_LIMIT} rules")));
    }
    let files = written.files.iter().map(|glob| file.glob(glob)).collect::<Result<Vec<_>, _>>()?;
    let starts = written.rule.iter().any(|rule| rule.get_ref().event.get_ref() == "story_started");
    let mut rules = Vec::with_capacity(written.rule.len());
    for (nth, rule) in (1..).zip(&written.rule) {
        let name = rule.get_ref().name.clone().map_or_else(|| format!("rule {nth}"), |name| format!("rule \"{name}\""));
        rules.push(file.rule(&name, rule.get_ref(), starts)?);
    }
    let patterns = rules.iter().map(|rule| rule.pattern.as_str());
    let set = RegexSetBuilder::new(patterns).size_limit(10 * SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT).build();
    let set = set.map_err(|_| {
        format!("{shown}: the patterns together take up more than {} MiB: use fewer or simpler ones", (10 * SIZE_LIMIT) >> 20)
    })?;
    Ok(RuleFile { files, set, rules })
}

/// The file, to say where in it something is.
struct File<'a> {
    shown: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn at(&self, offset: usize, rule: Option<&str>, what: &str) -> String {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let rule = rule.map(|rule| format!("{rule}: ")).unwrap_or_default();
        // A parser's own words may take several lines.
        format!("{}:{line}:{column}: {rule}{}", self.shown, what.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn glob(&self, glob: &Spanned<String>) -> Result<Regex, String> {
        let mut pattern = "(?:^|/)".to_owned();
        let mut remainder = glob.get_ref().as_str();
        if remainder.is_empty() {
            return Err(self.at(glob.span().start, None, "an empty name is no file; leave `files` out to mean all"));
        }
        while let Some(c) = remainder.chars().next() {
            let (piece, len) = match c {
                '*' if remainder.starts_with("**/") => ("(?:.*/)?".to_owned(), 3),
                '*' => ("[^/]*".to_owned(), 1),
                '?' => ("[^/]".to_owned(), 1),
                c => (regex::escape(&c.to_string()), c.len_utf8()),
            };
            pattern += &piece;
            remainder = &remainder[len..];
        }
        let built = RegexBuilder::new(&(pattern + "$")).size_limit(SIZE_LIMIT).build();
        built.map_err(|_| self.at(glob.span().start, None, "too long to be a file's name"))
    }

    fn rule(&self, name: &str, written: &WrittenRule, starts: bool) -> Result<Rule, String> {
        let event = written.event.get_ref();
        let Some((_, makes)) = EVENTS.iter().find(|(known, _)| known == event) else {
            let known = EVENTS.map(|(known, _)| known).join(", ");
            return Err(self.at(written.event.span().start, Some(name), &format!("no event is called {event:?}; there are {known}")));
        };
        let makes = *makes;
        let pattern = self.pattern(name, &written.pattern)?;
        let mut has = Vec::new();
        for group in pattern.capture_names().flatten() {
            let at = written.pattern.get_ref().find(&format!("<{group}>")).map_or(0, |at| at + 1);
            has.push(self.field(group, makes, name, self.within(&written.pattern, at))?);
        }
        let mut with = Vec::new();
        for (key, value) in &written.with {
            let field = self.field(key.get_ref(), makes, name, key.span().start)?;
            with.push((field, self.value(field, value, name)?));
            has.push(field);
        }
        let needs = makes.needs();
        if !needs.is_empty() && !needs.iter().any(|field| has.contains(field)) {
            let needs: Vec<String> = needs.iter().map(|field| format!("(?<{}>…)", field.name())).collect();
            let what = format!("{event} needs a group {}, or a value for it in `with`", needs.join(" or "));
            return Err(self.at(written.pattern.span().start, Some(name), &what));
        }
        let names_story = has.contains(&Field::StoryId) || has.contains(&Field::Title);
        if matches!(makes, Makes::AcCompleted | Makes::StoryCompleted) && !names_story && !starts {
            let what =
                "names no story, and no rule makes a story_started that it could be about: add a group (?<story_id>…) or (?<title>…)";
            return Err(self.at(written.pattern.span().start, Some(name), what));
        }
        Ok(Rule { makes, pattern, with })
    }

    fn field(&self, word: &str, makes: Makes, rule: &str, offset: usize) -> Result<Field, String> {
        let known = makes.fields();
        match FIELDS.iter().find(|(name, field)| *name == word && known.contains(field)) {
            Some((_, field)) => Ok(*field),
            None => {
                let names: Vec<&str> = known.iter().map(|field| field.name()).collect();
                let event = EVENTS.iter().find(|(_, other)| *other == makes).map_or("", |(name, _)| name);
                let hint = if names.is_empty() { "it takes none".to_owned() } else { format!("it takes {}", names.join(", ")) };
                Err(self.at(offset, Some(rule), &format!("{event} has no field {word:?}; {hint}")))
            }
        }
    }

    fn value(&self, field: Field, value: &Spanned<toml::Value>, rule: &str) -> Result<String, String> {
        let text = match value.get_ref() {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            _ => return Err(self.at(value.span().start, Some(rule), "a value is a text, a whole number, true or false")),
        };
        if field == Field::Status && !matches!(words::value(&text), Some(words::Status::Passed | words::Status::Failed { .. })) {
            return Err(self.at(value.span().start, Some(rule), &format!("{text:?} is no status; give passed, failed or blocked")));
        }
        Ok(text)
    }

    fn pattern(&self, rule: &str, pattern: &Spanned<String>) -> Result<Regex, String> {
        let text = pattern.get_ref();
        if text.len() > PATTERN_LIMIT {
            return Err(self.at(pattern.span().start, Some(rule), &format!("the pattern is longer than {PATTERN_LIMIT} bytes")));
        }
        // The engine's own messages draw the place; the parser alone tells it.
        if let Err(error) = regex_syntax::Parser::new().parse(text) {
            let (at, what) = match &error {
                regex_syntax::Error::Parse(error) => (error.span().start.offset, error.kind().to_string()),
                regex_syntax::Error::Translate(error) => (error.span().start.offset, error.kind().to_string()),
                other => (0, other.to_string()),
            };
            return Err(self.at(self.within(pattern, at), Some(rule), &what));
        }
        let built = RegexBuilder::new(text).size_limit(SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT).build();
        built.map_err(|_| {
            let what = format!("the pattern takes up more than {} MiB: use smaller numbers in {{…}}", SIZE_LIMIT >> 20);
            self.at(pattern.span().start, Some(rule), &what)
        })
    }

    /// Where the byte `at` of a text's value stands in the file. With escapes in it that cannot be told: then where it begins.
    fn within(&self, value: &Spanned<String>, at: usize) -> usize {
        let span: Range<usize> = value.span();
        let raw = &self.text[span.clone()];
        match raw.find(value.get_ref().as_str()) {
            Some(start) => span.start + start + at,
            None => span.start,
        }
    }
}
