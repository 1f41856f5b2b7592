//! Written story ids: one, several or a range, and what follows them.
//!
//! Says what looks like an id and how surely; whether a story of that id exists is not known here.

/// Most ids that one range stands for.
const RANGE_LIMIT: usize = 100;

/// How surely a word is an id, by its looks alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum IdStrength {
    /// `chloe-2ze.4`, `1.1.0`, `F006`, `Task 12`, `ROUTE_SSH`: an id where one is expected.
    Weak,
    /// `US-001`, `TSK-20260505-01`: an id anywhere.
    Strong,
}

/// The ids that a text begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ids<'t> {
    /// At least one.
    pub(super) ids: Vec<String>,
    pub(super) strength: IdStrength,
    /// They stood in brackets, so that a title may follow without a separator.
    pub(super) bracketed: bool,
    /// A word like `Task` stood before them.
    pub(super) generic: bool,
    pub(super) remainder: &'t str,
}

/// Words before an id that are no part of it.
const GENERIC: &[&str] = &[
    "user story",
    "user stories",
    "story",
    "stories",
    "task",
    "tasks",
    "feature",
    "features",
    "issue",
    "issues",
    "item",
    "items",
    "step",
    "subtask",
    "bead",
    "bug",
    "ticket",
    "id",
    "tarefa",
    "tarea",
    "tâche",
    "história",
    "historia",
    "histoire",
    "aufgabe",
    "zadanie",
    "задача",
    "Задача",
    "история",
    "История",
    "任务",
    "任務",
    "故事",
    "タスク",
    "ストーリー",
    "작업",
    "태스크",
    "스토리",
];

/// Names that look like ids of stories and are not.
const NOT_STORIES: &[&str] = &[
    "UTF", "ISO", "SHA", "RFC", "HTTP", "CVE", "COVID", "GPT", "ADR", "MD", "ES", "WCAG", "UUID", "TLS", "IPV", "VERSION", "AC", "PR", "P",
];

/// Whether the text begins with an id that is one anywhere.
pub(super) fn is_sure(text: &str) -> bool {
    leading(text).is_some_and(|found| found.strength == IdStrength::Strong)
}

/// Reads the ids at the start of `text`: `US-001`, `[US-001]`, `US-001 & US-002`, `US-001/002`, `US-001 through US-006`, `Tasks 279-281`.
pub(super) fn leading(text: &str) -> Option<Ids<'_>> {
    let text = text.trim_ascii_start().trim_start_matches(['`', '*']);
    let (text, bracketed) = match text.strip_prefix('[') {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let whole = text;
    let (text, generic) = strip_generic(text);
    // `Feature ID 45`
    let text = if generic { strip_generic(text).0 } else { text };
    // `Task [US-001]: …`
    let is_opened = whole[..whole.len() - text.len()].ends_with('[');
    let (first, strength) = one(text, generic)?;
    let mut ids = vec![first.to_owned()];
    let mut remainder = &text[first.len()..];
    while ids.len() < RANGE_LIMIT {
        let Some((more, after)) = another(remainder, ids.last().map_or("", String::as_str), strength) else { break };
        ids.extend(more);
        remainder = after;
    }
    ids.truncate(RANGE_LIMIT);
    // `Stories: 11/11 passed` counts.
    if generic && remainder.starts_with('/') && remainder[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    remainder = remainder.trim_start_matches(['`', '*']);
    if bracketed {
        remainder = remainder.strip_prefix(']')?;
    } else if is_opened {
        remainder = remainder.strip_prefix(']').unwrap_or(remainder);
    }
    // `US-001's page`, `US-001_old`: the word goes on.
    let goes_on = remainder.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '\'' | '’'));
    (!goes_on).then_some(Ids { ids, strength, bracketed, generic, remainder })
}

/// Text without a leading `Story`, `Task #`, `Feature `…; the second says whether one was there.
fn strip_generic(text: &str) -> (&str, bool) {
    // Nearly every line of every log is asked this.
    let Some(first) = text.as_bytes().first().map(u8::to_ascii_lowercase) else { return (text, false) };
    for word in GENERIC.iter().filter(|word| word.as_bytes()[0].to_ascii_lowercase() == first) {
        if let Some(start) = text.get(..word.len())
            && start.eq_ignore_ascii_case(word)
        {
            let after = &text[word.len()..];
            let remainder = after.trim_start_matches([' ', '#', ':']);
            let apart = remainder.len() < after.len() || !word.is_ascii();
            if apart && remainder.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') {
                return (remainder.trim_start_matches('['), true);
            }
        }
    }
    match text.strip_prefix('#') {
        Some(remainder) if remainder.starts_with(|c: char| c.is_ascii_digit()) => (remainder, true),
        _ => (text, false),
    }
}

/// The id that `text` begins with.
fn one(text: &str, number_is_id: bool) -> Option<(&str, IdStrength)> {
    let end = text.bytes().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))).unwrap_or(text.len());
    let mut word = &text[..end];
    if let Some(dots) = word.find("..") {
        word = &word[..dots];
    }
    let word = word.trim_end_matches(['-', '_', '.']);
    // `CART-02-draft.md` names a file.
    if word.rsplit_once('.').is_some_and(|(_, ending)| is_ending(ending)) {
        return None;
    }
    if word.is_empty() || word.len() > 60 {
        return None;
    }
    if let Some(strong) = strong(word) {
        // `US-001-US-006`: the rest is the other end of a range.
        return Some((strong, IdStrength::Strong));
    }
    let bytes = word.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let joined = bytes.iter().any(|b| matches!(b, b'-' | b'_'));
    let is_id = if letters == 0 {
        // A bare number needs a generic word; a dotted one stands by itself. A range of numbers (`279-281`) is cut at its dash.
        (number_is_id || (bytes.contains(&b'.') && !joined)) && bytes[0].is_ascii_digit()
    } else if digits > 0 {
        bytes[0].is_ascii_alphanumeric() && (joined || (bytes[0].is_ascii_uppercase() && letters <= 3)) && !is_not_story(word)
    } else {
        // `TEST-CRON`, but not `US-XXX`.
        joined
            && bytes.iter().all(|b| !b.is_ascii_lowercase())
            && !word.split(['-', '_']).any(|part| part.bytes().all(|b| b == b'X' || b == b'N'))
    };
    let word = if letters == 0 { word.split('-').next().unwrap_or(word) } else { word };
    is_id.then_some((word, IdStrength::Weak))
}

/// The part of `word` that is surely an id: capitals, dashes, then a number; `US-001`, `VEO3-001`, `US-107A`, `SQL-1.0`, `US-001-login`.
fn strong(word: &str) -> Option<&str> {
    let bytes = word.as_bytes();
    if !bytes.first()?.is_ascii_uppercase() {
        return None;
    }
    let mut at = 0;
    loop {
        let part = bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let segment = &bytes[at..at + part];
        if at > 0 && segment.first().is_some_and(u8::is_ascii_digit) {
            break;
        }
        let capital = !segment.is_empty() && segment.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !capital || bytes.get(at + part) != Some(&b'-') {
            return None;
        }
        at += part + 1;
    }
    if is_not_story(word) {
        return None;
    }
    let prefix = &word[..at];
    match word[at..].find(prefix) {
        Some(again) => Some(word[..at + again].trim_end_matches('-')),
        None => Some(word),
    }
}

fn is_not_story(word: &str) -> bool {
    NOT_STORIES
        .iter()
        .any(|name| word.len() > name.len() && word.as_bytes()[name.len()] == b'-' && word[..name.len()].eq_ignore_ascii_case(name))
}

/// What joins further ids to `last`, and the ids that join.
fn another<'t>(text: &'t str, last: &str, strength: IdStrength) -> Option<(Vec<String>, &'t str)> {
    const AND: &[&str] = &[
        ", and ", " and ", " & ", ", & ", ", ", ",", "&", " + ", "+", " / ", "/", "、", " y ", " e ", " et ", " und ", " и ", " 与 ",
        " 和 ", "与", "和", "と", " 및 ",
    ];
    const TO: &[&str] = &[" through ", " thru ", " to ", " – ", "–", " — ", "...", "..", "…", " - ", "-", " 至 ", "至", "~", " ~ ", " до "];
    let numbers = split_number(last).0.is_empty();
    for join in AND.iter().filter(|join| !(numbers && **join == "/")) {
        if let Some(remainder) = text.strip_prefix(*join)
            && let Some((id, remainder)) = partner(remainder, last, strength)
        {
            return Some((vec![id], remainder));
        }
    }
    for join in TO {
        if let Some(remainder) = text.strip_prefix(join)
            && let Some((id, remainder)) = partner(remainder, last, strength)
            && let Some(ids) = range(last, &id)
        {
            return Some((ids, remainder));
        }
    }
    None
}

/// An id of the same kind as `last`, or its number alone (`US-001/002`).
fn partner<'t>(text: &'t str, last: &str, strength: IdStrength) -> Option<(String, &'t str)> {
    let (prefix, number) = split_number(last);
    // `#1, #2` and `Feature 1, Feature 2`.
    let text = if prefix.is_empty() { strip_generic(text).0 } else { text };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let after = &text[digits..];
    let is_time = after.strip_prefix(':').is_some_and(|remainder| remainder.starts_with(|c: char| c.is_ascii_digit()));
    let ended = !is_time && !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_'));
    if digits > 0 && ended && (digits == number.len() || prefix.is_empty()) && digits <= 6 {
        return Some((format!("{prefix}{}", &text[..digits]), &text[digits..]));
    }
    let (id, other) = one(text, false)?;
    let same = match strength {
        IdStrength::Strong => other == IdStrength::Strong,
        IdStrength::Weak => !prefix.is_empty() && split_number(id).0 == prefix,
    };
    same.then(|| (id.to_owned(), &text[id.len()..]))
}

fn split_number(id: &str) -> (&str, &str) {
    let digits = id.bytes().rev().take_while(u8::is_ascii_digit).count();
    id.split_at(id.len() - digits)
}

/// The ids after `first` up to `last`, at most [`RANGE_LIMIT`]; none when these are not two ends of a range.
fn range(first: &str, last: &str) -> Option<Vec<String>> {
    let ((prefix, low), (other, high)) = (split_number(first), split_number(last));
    if prefix != other {
        return None;
    }
    let (from, to) = (low.parse::<u32>().ok()?, high.parse::<u32>().ok()?);
    let width = low.len();
    (from < to).then(|| (from + 1..=to).take(RANGE_LIMIT).map(|number| format!("{prefix}{number:0width$}")).collect())
}

/// Endings of files that people who write code name.
const ENDINGS: &[&str] = &[
    "ts", "tsx", "js", "jsx", "mjs", "py", "rs", "go", "rb", "java", "kt", "swift", "c", "cc", "cpp", "h", "cs", "php", "vue", "svelte",
    "sql", "sh", "css", "html", "json", "yaml", "yml", "toml", "md", "lock",
];

/// Whether a name with this behind its last dot is a file's.
fn is_ending(ending: &str) -> bool {
    ENDINGS.contains(&ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match leading(text) {
            Some(Ids { ids, strength, remainder, .. }) => format!("{strength:?} {} |{remainder}", ids.join(" ")),
            None => "none".to_owned(),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn ids_of_every_make_are_read() {
        check("US-001", "Strong US-001 |");
        check("[US-001] - Title", "Strong US-001 | - Title");
        check("US-107A: x", "Strong US-107A |: x");
        check("VEO3-001 — x", "Strong VEO3-001 | — x");
        check("TSK-20260505-01", "Strong TSK-20260505-01 |");
        check("SQL-1.0 x", "Strong SQL-1.0 | x");
        check("US-001-login-form - x", "Strong US-001-login-form | - x");
        check("Story US-001: x", "Strong US-001 |: x");
        check("Task 12 - x", "Weak 12 | - x");
        check("Feature #3: x", "Weak 3 |: x");
        check("1.1.0 - x", "Weak 1.1.0 | - x");
        check("F006: x", "Weak F006 |: x");
        check("S01-project-setup", "Weak S01-project-setup |");
        check("perch-54y.1 (x)", "Weak perch-54y.1 | (x)");
        check("task-2", "Weak task-2 |");
        check("TEST-CRON", "Weak TEST-CRON |");
        check("ROUTE_SSH - x", "Weak ROUTE_SSH | - x");
    }

    #[test]
    fn several_and_ranges_are_spread() {
        check("US-004, US-005 - x", "Strong US-004 US-005 | - x");
        check("US-002 & US-003 - x", "Strong US-002 US-003 | - x");
        check("US-006/US-007", "Strong US-006 US-007 |");
        check("US-006/007", "Strong US-006 US-007 |");
        check("US-001 through US-003: x", "Strong US-001 US-002 US-003 |: x");
        check("US-001-US-003", "Strong US-001 US-002 US-003 |");
        check("US-001..US-003", "Strong US-001 US-002 US-003 |");
        check("US-001 - US-003", "Strong US-001 US-002 US-003 |");
        check("US-001, US-002, and US-003", "Strong US-001 US-002 US-003 |");
        check("Tasks 279-281", "Weak 279 280 281 |");
        check("US-001 - 2 new pages", "Strong US-001 | - 2 new pages");
        check("Task [US-001]: x", "Strong US-001 |: x");
        check("Task [US-001 - x]", "Strong US-001 | - x]");
        check("US-001, part two", "Strong US-001 |, part two");
        check("US-001 and more", "Strong US-001 | and more");
        check("US-002 - US-001", "Strong US-002 | - US-001");
        assert_eq!(leading("US-001 to US-999").map(|found| found.ids.len()), Some(RANGE_LIMIT));
    }

    #[test]
    fn placeholders_and_prose_are_no_ids() {
        for text in
            ["", "US-XXX", "[Story ID]", "STORY-NNN", "Setup", "UTF-8", "RFC-2119: x", "Next steps", "2 more", "US-001's page", "é-1"]
        {
            check(text, "none");
        }
    }
}
