//! Lines that a script writes about one story: `[US-003] Starting...`, `[US-003] Completed`, `[US-003] Failed: reason`.
//!
//! The id stands alone in its brackets; what follows the verb is free text.

use super::id::{self, IdStrength};
use super::words::{error_kind, reason_text};
use super::{Family, LineContext, SourceKind, time};
use crate::fact::{Fact, Failure, Outcome, RecordedTime, Statement, StatementForm, StoryName};

pub(super) const FAMILY: Family = Family { kind: SourceKind::ProgressLog, begins: b"[-*+2", read };

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Start,
    Pass,
    Fail,
}

/// Verbs, and whether any text may follow: `Complete` and `Failed` also begin titles (`Complete rewrite`, `Failed login page`).
const VERBS: &[(&str, Verb, bool)] = &[
    ("starting", Verb::Start, true),
    ("started", Verb::Start, true),
    ("start", Verb::Start, false),
    ("completed", Verb::Pass, true),
    ("complete", Verb::Pass, false),
    ("finished", Verb::Pass, true),
    ("done", Verb::Pass, false),
    ("passed", Verb::Pass, true),
    ("failed", Verb::Fail, false),
    ("failure", Verb::Fail, false),
    ("blocked", Verb::Fail, false),
];

/// Words that can follow any verb without making it a title.
const AFTER: &[&str] =
    &["in", "at", "after", "with", "by", "on", "to", "due", "because", "successfully", "for", "within", "during", "again", "and"];

fn read(context: &LineContext<'_>) -> Option<Vec<Fact>> {
    let text =
        context.text.strip_prefix(['-', '*', '+']).filter(|remainder| remainder.starts_with(' ')).map_or(context.text, str::trim_start);
    let (time, inner, after) = bracketed(text)?;
    let after = after.trim_start_matches([' ', '\t', ':', '-']);
    let first = after.bytes().next()?.to_ascii_lowercase();
    let (_, verb, free) = *VERBS.iter().find(|(word, ..)| word.as_bytes()[0] == first && begins_with(after, word))?;
    let found = id::leading(inner).filter(|found| found.remainder.is_empty() && (found.strength == IdStrength::Strong || context.sure))?;
    let when = if time.is_empty() { None } else { Some(time::whole(time, context.clock)?) };
    let word = after.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let remainder = &after[word.len()..];
    if !free && !may_follow(remainder) {
        return None;
    }
    // `Starting: title`, `done — title`; behind `Completed:` stands how, more often than what.
    let mark = match verb {
        Verb::Start => ": ",
        Verb::Pass => " — ",
        Verb::Fail => "",
    };
    let title =
        (verb != Verb::Fail).then(|| remainder.strip_prefix(mark)).flatten().map(|title| title.trim_end_matches(['.', ' ']).to_owned());
    let mut facts = Vec::with_capacity(2);
    for id in found.ids {
        let story = StoryName::new(Some(id), title.clone().filter(|title| !title.is_empty()));
        let mut push = |what| facts.push(fact(what, story.clone(), when, context));
        match verb {
            Verb::Start => push(Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() }),
            Verb::Pass => push(Statement::StoryEnded { outcome: Outcome::Passed, duration_ms: None, commits: Vec::new() }),
            Verb::Fail => {
                if let Some(message) = reason_text(remainder) {
                    push(Statement::Error(Failure { kind: error_kind(None, &message), message, retryable: None, exit_code: None }));
                }
                let reason = if word.eq_ignore_ascii_case("blocked") { "blocked" } else { "failed" }.to_owned();
                push(Statement::StoryEnded { outcome: Outcome::Failed { reason }, duration_ms: None, commits: Vec::new() });
            }
        }
    }
    Some(facts)
}

/// What stands before the bracket of an id (nothing, or a time), in it, and behind it:
/// `[US-003] …`, `[2026-01-24 08:45:00] [US-003] …`, `2026-01-24T08:45:00Z [US-003] …`.
fn bracketed(text: &str) -> Option<(&str, &str, &str)> {
    let open = match text.as_bytes() {
        [b'[', second, ..] if !second.is_ascii_digit() => 0,
        // A time in front, or an id that is a number.
        [b'[', after @ ..] => memchr::memchr(b'[', &after[..after.len().min(47)]).map_or(0, |at| at + 1),
        [b'2', b'0', ..] => memchr::memchr(b'[', &text.as_bytes()[..text.len().min(48)])?,
        _ => return None,
    };
    let inner = text[open..].strip_prefix('[')?;
    let close = memchr::memchr(b']', &inner.as_bytes()[..inner.len().min(200)])?;
    Some((text[..open].trim_end(), &inner[..close], &inner[close + 1..]))
}

fn begins_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        && !text[word.len()..].starts_with(|c: char| c.is_alphanumeric())
}

fn may_follow(remainder: &str) -> bool {
    let text = remainder.trim_start();
    let next = text.split_ascii_whitespace().next().unwrap_or_default();
    !next.starts_with(|c: char| c.is_alphabetic()) || AFTER.contains(&next.trim_end_matches([',', '.', ':']))
}

fn fact(what: Statement, story: StoryName, when: Option<RecordedTime>, context: &LineContext<'_>) -> Fact {
    Fact { recorded_at: when, ..Fact::on_line(what, Some(story), StatementForm::Line, context.number, context.raw) }
}
