//! Rows that say where a story stands: `[✓] US-001: title`, `- [x] US-001: title`, `✅ CART-02: title`, `| US-001 | title | **DONE** |`,
//! and the items of a list that is introduced as finished.
//!
//! A row says what an entry says better: it counts once, and only where no entry says the same.

use super::field::{self, is_separator};
use super::heading_name::{Name, leading_status};
use super::id::{self, Ids, Looks};
use super::opening::PLAIN;
use super::say::on_line;
use super::words::{self, Mark, Status};
use super::{Family, Reading, Seen, SourceKind};
use crate::fact::{Outcome, Provenance, StatementForm, StoryName};

pub(super) const FAMILY: Family = Family { kind: SourceKind::ProgressLog, begins: b"[-*+|0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", read };

fn read(seen: &Seen<'_>) -> Option<Reading> {
    // In an entry a row is one of the entry's lines.
    if !seen.likely || seen.planned || seen.entry_level.is_some_and(|level| level != PLAIN) {
        return None;
    }
    if seen.text.starts_with('|') {
        return table_row(seen);
    }
    let (item, listed) = match seen.text.as_bytes() {
        [b'-' | b'*' | b'+', b' ', ..] => (seen.text[1..].trim_start(), true),
        [b'0'..=b'9', ..] => {
            let digits = seen.text.bytes().take_while(u8::is_ascii_digit).count();
            (seen.text[digits..].strip_prefix(['.', ')'])?.strip_prefix(' ')?.trim_start(), true)
        }
        _ => (seen.text, false),
    };
    let (ticked, text) = tick(item);
    // A list of finished stories needs no tick; any other row says by its own end how it stands.
    let in_list = seen.finished && (listed || seen.indent() > 0);
    let named = item.starts_with('[') && !ticked;
    if !ticked && !in_list && !listed && !named {
        return None;
    }
    let text = text.trim_start_matches(['*', '_']);
    // `✅ Completed: US-019 - title`
    let text = match leading_status(text) {
        Some((Status::Passed, rest)) if ticked => rest,
        Some(_) | None => text,
    };
    let found = id::leading(text);
    let Some(found) = found.filter(|found| counts(found, seen)) else { return lone_slug(text, ticked, seen) };
    // A mark at its end says more than the list it stands in: `- [x] US-003: BLOCKED`.
    let title = match Name::of(&found, seen) {
        Some(name) if name.status.as_ref().is_some_and(|status| *status != Status::Passed) => return None,
        Some(name) if !ticked && !in_list && (name.status.is_none() || found.looks != Looks::Strong) => return None,
        Some(name) => name.title,
        // In a list of finished stories nothing need part id and title.
        None if in_list || ticked => field::title(found.rest),
        None => return None,
    };
    Some(passed(found.ids, title.map(|title| without_commit(&title).to_owned()), seen))
}

/// Whether an id may stand in a row: one of the usual make; any other only in a log.
fn counts(found: &Ids<'_>, seen: &Seen<'_>) -> bool {
    let log = seen.sure || seen.in_session || seen.finished;
    found.looks == Looks::Strong || (log && (found.generic || id::is_story_like(&found.ids[0])))
}

/// `- ✅ cart-add-item`: a name in one word is an id where finished stories are listed.
fn lone_slug(text: &str, ticked: bool, seen: &Seen<'_>) -> Option<Reading> {
    let is_slug = text.contains('-') && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (ticked && is_slug && seen.finished).then(|| passed(vec![text.to_owned()], None, seen))
}

fn tick(text: &str) -> (bool, &str) {
    for mark in ["[x]", "[X]", "[✓]", "[✔]", "[✅]", "(x)"] {
        if let Some(rest) = text.strip_prefix(mark)
            && rest.starts_with([' ', '\t', '*'])
        {
            return (true, rest.trim_start());
        }
    }
    // `[DONE] US-016: title`
    if let Some((inner, rest)) = text.strip_prefix('[').and_then(|inner| inner.split_once("] "))
        && words::remark(inner) == Some(Status::Passed)
    {
        return (true, rest.trim_start());
    }
    match words::strip_mark(text) {
        Some((Mark::Tick, rest)) => (true, rest),
        Some((Mark::Cross | Mark::Busy, _)) | None => (false, text),
    }
}

/// A row with the id in one cell and nothing but a status in another.
fn table_row(seen: &Seen<'_>) -> Option<Reading> {
    let cells: Vec<&str> = seen.text.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches(['*', '`', '_', ' '])).collect();
    let at = cells.iter().take(2).position(|cell| id::leading(cell).is_some_and(|found| counts(&found, seen)))?;
    let found = id::leading(cells[at])?;
    let own = field::title(found.rest);
    let mut title = own;
    let mut status = None;
    for cell in &cells[at + 1..] {
        match words::remark(cell).or_else(|| words::strip_mark(cell).and_then(|_| words::value(cell))) {
            // Two that contradict each other say nothing.
            Some(found) if status.as_ref().is_some_and(|status| *status != found) => return None,
            Some(found) => status = Some(found),
            None if title.is_none() && !cell.is_empty() && status.is_none() => title = Some((*cell).to_owned()),
            None => {}
        }
    }
    (status? == Status::Passed).then(|| passed(found.ids, title, seen))
}

fn passed(ids: Vec<String>, title: Option<String>, seen: &Seen<'_>) -> Reading {
    let story = |id| StoryName { id: Some(id), title: title.clone() };
    on_line(seen, StatementForm::Summary, None, |saying| {
        Reading::Says(ids.into_iter().map(|id| saying.ended(story(id), Outcome::Passed, None, Provenance::Explicit)).collect())
    })
}

/// A title without the hash in brackets at its end.
fn without_commit(title: &str) -> &str {
    let Some((before, inner)) = title.strip_suffix(')').and_then(|text| text.rsplit_once('(')) else { return title };
    let is_hash = (7..=40).contains(&inner.len()) && inner.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash { before.trim_end_matches(is_separator) } else { title }
}

/// Whether a line introduces a list of finished stories: `Stories: 11/11 passed`, `Progress: 3/37 complete`, `Completed stories:`.
pub(super) fn introduces_finished(text: &str) -> bool {
    if text.len() > 120 {
        return false;
    }
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '#' | '_' | '=')).trim_end_matches(':');
    if text.len() > 80 {
        return false;
    }
    let lower = text.to_lowercase();
    const WHOLE: &[&str] = &[
        "completed",
        "completed stories",
        "completed tasks",
        "completed features",
        "completed items",
        "stories completed",
        "tasks completed",
        "features completed",
        "done",
        "finished",
        "已完成",
        "完了",
        "完了したタスク",
        "완료",
        "완료된 작업",
        "выполнено",
        "готово",
        "completado",
        "completados",
        "concluído",
        "concluídos",
        "concluídas",
        "terminé",
        "terminées",
        "abgeschlossen",
        "erledigt",
    ];
    let counted = ["stories", "tasks", "features", "progress"].iter().any(|word| {
        lower.strip_prefix(word).and_then(|rest| rest.strip_prefix(':')).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.starts_with(|c: char| c.is_ascii_digit())
                && rest.contains('/')
                && ["passed", "complete", "completed", "done"].iter().any(|end| rest.contains(end))
        })
    });
    counted
        || WHOLE.iter().any(|word| {
            lower.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':', '(']) && rest.contains('('))
        })
}
