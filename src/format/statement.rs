//! Lines that report one story in a sentence: `[TIME] Story 1 completed: title`, `TIME Completed S01-setup (remark)`,
//! `- 2026-01-24: Completed US-001 by …`, `Task 1 DONE: title`, `Task completed: title`, `[4/37] Starting: name`.

use super::field::is_separator;
use super::heading_name::Name;
use super::id::{self, Ids, Looks};
use super::say::on_line;
use super::words::{self, Mark, Status};
use super::{Family, Reading, Seen, SourceKind, time};
use crate::fact::{Fact, Outcome, Provenance, RecordedTime, StatementForm, StoryName};

pub(super) const FAMILY: Family = Family { kind: SourceKind::ProgressLog, begins: b"[-*+0123456789TtSsFfCcUuBbID", read };

fn read(seen: &Seen<'_>) -> Option<Reading> {
    if seen.planned {
        return None;
    }
    if let Some(counted) = counted(seen) {
        return Some(counted);
    }
    let text = seen.text.strip_prefix(['-', '*', '+']).filter(|rest| rest.starts_with(' ')).map_or(seen.text, str::trim_start);
    let listed = text.len() < seen.text.len();
    let (when, text) = match text.as_bytes().first()? {
        b'[' | b'(' | b'0'..=b'9' => {
            let (when, rest) = time::leading(text, seen.clock)?;
            (Some(when), rest.trim_start_matches(is_separator))
        }
        _ if listed || !(id::may_lead(text) || completed_title(text).is_some()) => return None,
        _ => (None, text),
    };
    let (mark, text) = match words::strip_mark(text) {
        Some((mark, rest)) => (Some(mark), rest),
        None => (None, text),
    };
    let text = text.trim_start_matches("**");
    if when.is_none()
        && !listed
        && let Some(failure) = failure(text, seen)
    {
        return Some(failure);
    }
    let said = verb_first(text, when, seen).or_else(|| story_first(text, when, mark, seen))?;
    Some(said.facts(seen, when, StatementForm::Line))
}

/// `BLOCKED: no key for the vault`: a line of its own, in capitals, outside any entry.
fn failure(text: &str, seen: &Seen<'_>) -> Option<Reading> {
    if !seen.sure || seen.entry_level.is_some() || seen.in_session || seen.indent() > 0 {
        return None;
    }
    let (start, why) = text.split_at_checked(text.bytes().take(32).position(|b| b == b':')?)?;
    let start = start.trim_end();
    let capital = start.len() >= 4 && start.chars().all(|c| c.is_uppercase() || c == ' ');
    let failed = capital && matches!(words::leading(start), Some((Status::Failed { .. }, _)));
    let why = words::reason_text(why).filter(|_| failed)?;
    on_line(seen, StatementForm::Line, None, |saying| Some(Reading::Says(vec![saying.error(None, why)])))
}

/// What a sentence says, and of which stories.
struct Said {
    stories: Vec<StoryName>,
    status: Status,
}

impl Said {
    fn facts(self, seen: &Seen<'_>, when: Option<RecordedTime>, voice: StatementForm) -> Reading {
        let mut facts: Vec<Fact> = Vec::with_capacity(2 * self.stories.len());
        on_line(seen, voice, when, |saying| {
            for (nth, story) in self.stories.into_iter().enumerate() {
                match &self.status {
                    Status::Open => facts.push(saying.started(story, None, Provenance::Explicit)),
                    Status::Passed => facts.push(saying.ended(story, Outcome::Passed, None, Provenance::Explicit)),
                    Status::Failed { reason, why } => {
                        if nth == 0
                            && let Some(why) = why
                        {
                            facts.push(saying.error(Some(story.clone()), why.clone()));
                        }
                        facts.push(saying.ended(story, Outcome::Failed { reason: reason.clone() }, None, Provenance::Explicit));
                    }
                    Status::Idle => {}
                }
            }
        });
        Reading::Says(facts)
    }
}

/// `Completed US-003: title`, `Started task 4`, `Scaffolded S08 (… not complete)`.
fn verb_first(text: &str, when: Option<RecordedTime>, seen: &Seen<'_>) -> Option<Said> {
    let (verb, rest) = text.split_once([' ', ':'])?;
    let word = verb.trim_matches(['*', ':']);
    // Without a time such a line may be prose, or the instructions to the agent.
    let shouted = seen.sure && seen.entry_level.is_none() && seen.indent() == 0 && word.bytes().all(|b| b.is_ascii_uppercase());
    if when.is_none() && !shouted {
        return None;
    }
    let status = match words::value(word) {
        Some(status) => Some(status),
        // Any deed, as long as the line says how far it went.
        None if word.ends_with("ed") && word.starts_with(|c: char| c.is_ascii_uppercase()) => None,
        None => return None,
    };
    let found = id::leading(rest.trim_start_matches([' ', ':', '-']))?;
    if !is_sure(&found, seen) {
        return None;
    }
    let unfinished = ["not complete", "not done", "not finished", "incomplete", "unfinished"].iter().any(|word| found.rest.contains(word));
    let status = if unfinished { Status::Open } else { status? };
    let rest = found.rest.trim();
    if let Status::Failed { reason, .. } = status {
        let why = words::reason_text(rest);
        return Some(Said { stories: name(found, None), status: Status::Failed { reason, why } });
    }
    let title = match rest.strip_prefix('(').and_then(|rest| rest.rsplit_once(')')) {
        Some((inner, end)) if end.len() <= 1 => Some(inner.to_owned()),
        _ if rest.starts_with(is_separator) => Some(rest.trim_start_matches(is_separator).trim_end_matches('.').to_owned()),
        // `Completed US-003 by adding …`: how, and not what.
        _ => None,
    };
    Some(Said { stories: name(found, title), status })
}

/// `Story 1 completed: title`, `Task 1 DONE: title`, `US-003 failed: reason`, `Task completed: title`.
fn story_first(text: &str, when: Option<RecordedTime>, mark: Option<Mark>, seen: &Seen<'_>) -> Option<Said> {
    let Some(found) = id::leading(text) else { return titled(text) };
    if !is_sure(&found, seen) && !found.generic {
        return None;
    }
    // With a time in front the line is a report: `[TIME] US-006: title - done`, `[TIME] ✅ US-003: title`.
    let behind = found.rest.trim_start_matches(is_separator);
    if when.is_some()
        && words::leading(behind).is_none()
        && let Some(full) = Name::of(&found, seen)
        && let Some(status) = full.status.or_else(|| (mark == Some(Mark::Tick)).then_some(Status::Passed))
    {
        return Some(Said { stories: name(found, full.title), status });
    }
    let rest = found.rest.trim_matches(|c: char| is_separator(c) || c == '*');
    let (word, behind) = match rest.find(':') {
        Some(at) => (&rest[..at], Some(rest[at + 1..].trim())),
        None => (rest, None),
    };
    let capital = word.chars().any(char::is_alphabetic) && word.chars().all(|c| !c.is_lowercase());
    let status = words::remark(word)?;
    // Without a time only capitals or the colon of a report tell it from a sentence.
    let reported = (behind.is_some() && (capital || found.generic)) || (capital && behind.is_none() && seen.sure);
    if when.is_none() && !reported {
        return None;
    }
    let title = behind.filter(|title| !title.is_empty()).map(str::to_owned);
    let (status, title) = match (status, title) {
        (Status::Failed { reason, why: None }, why) => (Status::Failed { reason, why }, None),
        (status, title) => (status, title),
    };
    Some(Said { stories: name(found, title), status })
}

/// `Task completed: title`.
fn titled(text: &str) -> Option<Said> {
    let title = completed_title(text)?;
    if let Some(found) = id::leading(title) {
        let title = super::field::title(found.rest);
        return Some(Said { stories: name(found, title), status: Status::Passed });
    }
    Some(Said { stories: vec![StoryName { id: None, title: Some(title.to_owned()) }], status: Status::Passed })
}

/// What follows `Task completed:`.
pub(super) fn completed_title(text: &str) -> Option<&str> {
    const STARTS: [&str; 6] =
        ["task completed:", "story completed:", "feature completed:", "completed task:", "completed story:", "task done:"];
    if !matches!(text.as_bytes().first()?, b'T' | b't' | b'S' | b's' | b'F' | b'f' | b'C' | b'c') {
        return None;
    }
    let start = STARTS.iter().find(|start| text.get(..start.len()).is_some_and(|word| word.eq_ignore_ascii_case(start)))?;
    let title = text[start.len()..].trim();
    (!title.is_empty() && !title.starts_with(['[', '<', '{'])).then_some(title)
}

/// `[4/37] Starting: name`, `[4/37] ✅ name complete`: a program that counts its stories off. Said again, it is the same.
fn counted(seen: &Seen<'_>) -> Option<Reading> {
    let (counter, rest) = seen.text.strip_prefix('[')?.split_once(']')?;
    let (nth, of) = counter.split_once('/')?;
    let (nth, of): (u32, u32) = (nth.trim().parse().ok()?, of.trim().parse().ok()?);
    if nth == 0 || nth > of {
        return None;
    }
    let rest = rest.trim();
    let (mark, text) = match words::strip_mark(rest) {
        Some((mark, text)) => (Some(mark), text),
        None => (None, rest),
    };
    let said = match (mark, text.split_once(':')) {
        (None, Some((verb, name))) if !verb.contains(' ') => (words::value(verb)?, name.trim()),
        (Some(mark), _) => {
            let (name, last) = text.rsplit_once(' ').unwrap_or((text, ""));
            match words::value(last) {
                Some(status) => (status, name),
                None => (mark.status(), text),
            }
        }
        (None, Some(_) | None) => return None,
    };
    let (status, what) = said;
    let name = what.trim_end_matches(['.', ':']);
    if name.is_empty() {
        return None;
    }
    let story = match id::leading(what) {
        Some(found) => StoryName { id: found.ids.first().cloned(), title: super::field::title(found.rest) },
        None if !what.contains(' ') => StoryName { id: Some(name.to_owned()), title: None },
        None => StoryName { id: None, title: Some(what.to_owned()) },
    };
    Some(Said { stories: vec![story], status }.facts(seen, None, StatementForm::Summary))
}

fn is_sure(found: &Ids<'_>, seen: &Seen<'_>) -> bool {
    found.looks == Looks::Strong || (seen.sure && (found.generic || id::is_story_like(&found.ids[0])))
}

fn name(found: Ids<'_>, title: Option<String>) -> Vec<StoryName> {
    let title = title.filter(|title| !title.is_empty());
    found.ids.into_iter().map(|id| StoryName { id: Some(id), title: title.clone() }).collect()
}
