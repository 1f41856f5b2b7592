//! Blocks that begin with a time on a line of its own making: `[TIME] title` and its fields, `TIME` alone, `DATE: title`, and the records of
//! programs, `[TIME] VERB: ID`.

use super::field::is_separator;
use super::heading_name::Name;
use super::id::{self, Looks};
use super::opening::{Opening, PLAIN, Silence, Step};
use super::words::Status;
use super::{Family, Reading, Seen, SourceKind, time};
use crate::fact::StoryName;

pub(super) const FAMILY: Family = Family { kind: SourceKind::ProgressLog, begins: b"[0123456789MTWFSJADON", read };

fn read(seen: &Seen<'_>) -> Option<Reading> {
    // Inside an entry that a heading opened, a line with a time is one of its lines.
    if seen.entry_level.is_some_and(|level| level != PLAIN) || seen.indent() > 3 {
        return None;
    }
    let (when, rest) = time::leading(seen.text, seen.clock)?;
    let opening = Opening { level: PLAIN, when: Some(when), silence: Silence::Awaits, ..Opening::default() };
    let bracketed = seen.text.starts_with('[');
    let text = rest.trim_start_matches(is_separator);
    if text.is_empty() {
        return Some(Reading::Opens(opening));
    }
    // `[2026-01-24 08:45:00] ERROR …` is a line of any program.
    if is_level(text) {
        return None;
    }
    // `2026-01-24 and then …` is prose.
    if !bracketed && !rest.trim_start().starts_with([':', '-', '–', '—', '|']) {
        return None;
    }
    if bracketed && let Some(record) = record(text, &opening, seen) {
        return Some(Reading::Opens(record));
    }
    if let Some(found) = id::leading(text).filter(|found| found.looks == Looks::Strong || found.generic) {
        let name = Name::of(&found, seen)?;
        let silence = if found.looks == Looks::Strong && seen.sure && seen.fence.is_some() { Silence::Passed } else { Silence::Awaits };
        let stories = found.ids.into_iter().map(|id| StoryName { id: Some(id), title: name.title.clone() }).collect();
        return Some(Reading::Opens(Opening { stories, status: name.status, silence, ..opening }));
    }
    let mut when = opening.when;
    let (title, status) = Name::ending(text, seen, &mut when);
    // A tick or a status word alone is too little to make a sentence with a time an entry.
    let status = status.filter(|_| seen.sure && seen.fence.is_some());
    Some(Reading::Opens(Opening { title: Some(title?), status, ..opening }))
}

/// Whether a text begins with the level of a log's line.
fn is_level(text: &str) -> bool {
    const LEVELS: [&str; 10] = ["INFO", "ERROR", "WARN", "WARNING", "DEBUG", "TRACE", "FATAL", "NOTICE", "CRITICAL", "VERBOSE"];
    let word = text.trim_start_matches(['[', '(', '<']);
    let end = word.bytes().take_while(u8::is_ascii_alphabetic).count();
    // `ERROR: reason` may be an entry's; a level stands apart or in brackets.
    LEVELS.contains(&&word[..end]) && word[end..].starts_with([' ', '\t', ']', ')', '>', '|'])
}

/// `VERB: ID`, `SOMETHING-CHECK: 1.2 what is checked`.
fn record(text: &str, opening: &Opening, seen: &Seen<'_>) -> Option<Opening> {
    let (verb, subject) = text.split_once(": ")?;
    let is_verb = verb.len() >= 4 && verb.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'-' | b' '));
    if !is_verb || id::leading(verb).is_some_and(|found| found.looks == Looks::Strong) {
        return None;
    }
    let subject = subject.trim();
    let Some(found) = id::leading(subject).filter(|found| found.rest.trim().is_empty()) else {
        // A check that names no story is one of the story under way.
        let story = seen.under_way.filter(|_| verb.ends_with("CHECK"))?;
        return Some(Opening { stories: vec![story.clone()], step: Some(Step::Check(subject.to_owned())), ..opening.clone() });
    };
    let has = |words: &[&str]| words.iter().any(|word| verb.split(['_', '-', ' ']).any(|part| part == *word));
    let stories = found.ids.into_iter().map(|id| StoryName { id: Some(id), title: None }).collect();
    let record = Opening { stories, silence: Silence::Started, ..opening.clone() };
    Some(if has(&["COMPLETE", "COMPLETED", "DONE", "FINISH", "FINISHED", "PASS", "PASSED", "SUCCESS", "SUCCEEDED"]) {
        Opening { status: Some(Status::Passed), ..record }
    } else if has(&["FAIL", "FAILED", "FAILURE", "BLOCKED", "ABORT", "ABORTED", "ERROR"]) {
        let reason = if has(&["BLOCKED"]) { "blocked" } else { "failed" }.to_owned();
        Opening { status: Some(Status::Failed { reason, why: None }), ..record }
    } else if has(&["START", "STARTED", "BEGIN", "CLAIM", "CLAIMED"]) {
        Opening { status: Some(Status::Open), ..record }
    } else {
        Opening { step: Some(Step::Work), ..record }
    })
}
