//! Words by which plans say how a story stands, ids and titles as they write them, and times.
//!
//! One table for every kind of plan; which field or mark is looked at is each reader's.

use super::PlanStatus;
use crate::clock::Timestamp;
use crate::text;

use PlanStatus::{Blocked, Cancelled, Deferred, Failed, InProgress, Open, Passed};

/// Lower case, words parted by one space.
const STATUSES: &[(PlanStatus, &[&str])] = &[
    (
        Passed,
        &[
            "done",
            "complete",
            "completed",
            "passed",
            "passing",
            "pass",
            "passes",
            "success",
            "successful",
            "succeeded",
            "finished",
            "verified",
            "validated",
            "closed",
            "shipped",
            "merged",
            "implemented",
            "resolved",
            "released",
            "deployed",
            "delivered",
            "accepted",
            "x",
            "✓",
            "✔",
            "✅",
            "☑",
            "完成",
            "已完成",
            "通过",
            "完了",
            "완료",
            "готово",
            "выполнено",
            "hecho",
            "completado",
            "concluído",
            "feito",
            "terminé",
            "fait",
            "erledigt",
            "fertig",
            "completato",
            "fatto",
            "gotowe",
        ],
    ),
    (
        InProgress,
        &[
            "in progress",
            "inprogress",
            "progress",
            "doing",
            "started",
            "active",
            "working",
            "wip",
            "ongoing",
            "under way",
            "underway",
            "current",
            "executing",
            "running",
            "in review",
            "review",
            "reviewing",
            "testing",
            "in development",
            "building",
            "🔄",
            "🚧",
            "⏳",
            "▶",
            "进行中",
            "進行中",
            "진행 중",
            "в работе",
            "en progreso",
            "em andamento",
            "en cours",
            "in arbeit",
            "in corso",
            "w toku",
        ],
    ),
    (
        Failed,
        &[
            "failed",
            "failure",
            "fail",
            "error",
            "errored",
            "aborted",
            "timed out",
            "❌",
            "✗",
            "✘",
            "失败",
            "失敗",
            "fallido",
            "falhou",
            "échoué",
            "fehlgeschlagen",
            "fallito",
        ],
    ),
    (
        Blocked,
        &[
            "blocked",
            "stuck",
            "waiting",
            "needs input",
            "needs human",
            "on hold",
            "⛔",
            "🚫",
            "阻塞",
            "受阻",
            "bloqueado",
            "bloqueada",
            "bloqué",
            "blockiert",
            "bloccato",
        ],
    ),
    (Deferred, &["deferred", "postponed", "parked", "later", "future", "icebox", "someday", "descoped", "out of scope", "optional"]),
    (
        Cancelled,
        &[
            "cancelled",
            "canceled",
            "abandoned",
            "dropped",
            "obsolete",
            "removed",
            "superseded",
            "wontfix",
            "wont fix",
            "won't fix",
            "skipped",
            "skip",
            "duplicate",
            "invalid",
            "n/a",
            "rejected",
        ],
    ),
    (
        Open,
        &[
            "open",
            "pending",
            "todo",
            "to do",
            "not started",
            "notstarted",
            "not begun",
            "new",
            "backlog",
            "ready",
            "ready for dev",
            "drafted",
            "draft",
            "planned",
            "queued",
            "contexted",
            "failing",
            "incomplete",
            "not done",
            "not complete",
            "not passed",
            "unstarted",
            "proposed",
            "approved",
            "idle",
            "",
            "待办",
            "未开始",
            "未着手",
            "대기",
            "pendiente",
            "pendente",
            "à faire",
            "da fare",
            "offen",
        ],
    ),
];

/// What a status word means, whatever stands behind it: `complete (2 days)`, `done - see notes`. `None` for an unknown word.
pub(super) fn status(word: &str) -> Option<PlanStatus> {
    let word = folded(word);
    if let Some(found) = in_table(&word) {
        return Some(found);
    }
    let stop = word.find(['(', ':', ',', '.', ';', '–', '—', '|', '[']);
    if let Some(found) = stop.map(|stop| word[..stop].trim()).filter(|head| !head.is_empty()).and_then(in_table) {
        return Some(found);
    }
    // "✅ complete", "uat done".
    let (first, remainder) = word.split_once(' ')?;
    match in_table(first) {
        Some(found) if !first.is_ascii() => in_table(remainder.trim()).or(Some(found)),
        _ => {
            let last = word.rsplit(' ').next()?;
            let is_denied = ["not", "un", "never", "almost", "nearly", "partially", "half"].contains(&first);
            (word.split(' ').count() == 2 && !is_denied).then(|| in_table(last)).flatten().filter(|found| *found == Passed)
        }
    }
}

fn in_table(word: &str) -> Option<PlanStatus> {
    STATUSES.iter().find(|(_, words)| words.contains(&word)).map(|(status, _)| *status)
}

fn folded(word: &str) -> String {
    let lower = word.trim().trim_matches(['*', '`', '"', '\'']).to_lowercase();
    let spaced: String = lower.chars().map(|c| if c == '_' || c == '-' { ' ' } else { c }).filter(|c| *c != '\u{fe0f}').collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// On one line and clean, without tabs; trimmed.
pub(super) fn plain(text: &str) -> String {
    text::clean(text).trim().replace('\t', " ")
}

/// The moment that a stamp with a zone names. A day alone is no moment.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.trim().parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_millisecond()))
}

/// Whether a word is an abbreviated commit hash.
pub(super) fn is_hash(word: &str) -> bool {
    (7..=40).contains(&word.len())
        && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && word.bytes().any(|byte| byte.is_ascii_digit())
}

/// Words that stand before a number and are part of the name then: `Phase 2: Payment`.
const COUNTED: [&str; 14] =
    ["phase", "task", "story", "step", "feature", "milestone", "epic", "sprint", "iteration", "wave", "stage", "issue", "ticket", "plan"];

/// Parts the id that a text begins with from its title: `US-001: Add`, `1.2 Add`, `[T-3] Add`, `T004 [P] Add`, `Phase 2 - Add`.
pub(super) fn id_and_title(text: &str) -> (Option<String>, String) {
    let text = text.trim();
    let whole = || (None, text.to_owned());
    if let Some(remainder) = text.strip_prefix('[')
        && let Some((inner, title)) = remainder.split_once(']')
    {
        let id = inner.trim();
        return if is_id(id) && !id.contains(' ') { (Some(id.to_owned()), after_id(title)) } else { whole() };
    }
    let (first, remainder) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let remainder = remainder.trim_start();
    // `Phase 2: Payment`
    if COUNTED.contains(&first.to_lowercase().as_str()) {
        let (number, title) = remainder.split_once(char::is_whitespace).unwrap_or((remainder, ""));
        let bare = number.trim_end_matches([':', '.', ')', ',', '–', '—']);
        let ends = bare.len() < number.len() || title.is_empty() || title.trim_start().starts_with(['-', '–', '—', ':', '|', '(']);
        let is_number =
            bare.starts_with(|c: char| c.is_ascii_digit()) && bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
        // `Task 3` is the number 3, `Phase 3` is a name.
        let is_generic = ["task", "story", "step", "feature", "issue", "ticket"].contains(&first.to_lowercase().as_str());
        let id = if is_generic { bare.to_owned() } else { format!("{first} {bare}") };
        return if ends && is_number { (Some(id), after_id(title)) } else { whole() };
    }
    // `US-001:Add` has no space behind the colon.
    let (first, remainder) = match first.split_once(':') {
        Some((id, title)) if !title.is_empty() && is_id(id) => (id, text[id.len() + 1..].trim_start()),
        _ => (first, remainder),
    };
    let bare = first.trim_end_matches([':', '.', ')', ',']);
    let marked = bare.len() < first.len()
        || remainder.starts_with(['-', '–', '—', ':', '|'])
        || text[..text.len() - remainder.len()].trim_end().ends_with(':');
    let is_number = bare.starts_with(|c: char| c.is_ascii_digit()) && bare.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_number {
        // "3 apples" is a title, "3. Apples" and "3.1 Apples" are numbered.
        return if marked || bare.contains('.') { (Some(bare.to_owned()), after_id(remainder)) } else { whole() };
    }
    // GSD's plans: phase and number.
    if let Some((phase, plan)) = bare.split_once('-')
        && [phase, plan].iter().all(|part| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        && marked
    {
        return (Some(bare.to_owned()), after_id(remainder));
    }
    let sure = bare.starts_with(|c: char| c.is_ascii_uppercase()) && !bare.chars().any(|c| c.is_ascii_lowercase());
    if is_id(bare) && (marked || sure) && !remainder.is_empty() {
        return (Some(bare.to_owned()), after_id(remainder));
    }
    whole()
}

/// Letters, digits and joints, with a letter first and a digit somewhere: `US-001`, `feat-2`, `T004`, `1S.1`, `TASK-PRD-10-A`.
fn is_id(word: &str) -> bool {
    let joined = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let digit = word.chars().any(|c| c.is_ascii_digit());
    let letter = word.chars().any(|c| c.is_ascii_alphabetic());
    let parted = word.contains(['-', '_', '.']) || word.chars().next_back().is_some_and(|c| c.is_ascii_digit());
    (2..=60).contains(&word.len()) && word.chars().all(joined) && digit && letter && parted && !word.contains("//")
}

fn after_id(title: &str) -> String {
    let title = title.trim_start();
    without_mark(title.trim_start_matches([':', '-', '–', '—', '|']).trim())
}

/// Without the mark that stands behind many a title: `Basket ✅`.
pub(super) fn without_mark(title: &str) -> String {
    title
        .trim_end_matches(|c: char| matches!(c, '✅' | '✓' | '✔' | '☑' | '🔄' | '🚧' | '⏳' | '❌' | '\u{fe0f}') || c.is_whitespace())
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_a_reader_takes_them_for() {
        for (word, expected) in [
            ("Done", Some(Passed)),
            ("in_progress", Some(InProgress)),
            ("in-progress", Some(InProgress)),
            ("ready-for-dev", Some(Open)),
            ("complete (2026-03-01)", Some(Passed)),
            ("✅ Complete", Some(Passed)),
            ("🔄 in progress", Some(InProgress)),
            ("uat done", Some(Passed)),
            ("not done", Some(Open)),
            ("not implemented", None),
            ("failing", Some(Open)),
            ("failed", Some(Failed)),
            ("blocked: no key", Some(Blocked)),
            ("deferred", Some(Deferred)),
            ("cancelled", Some(Cancelled)),
            ("something else", None),
        ] {
            assert_eq!(status(word), expected, "{word}");
        }
    }

    #[test]
    fn ids_are_parted_from_titles() {
        for (text, id, title) in [
            ("US-001: Add a basket", Some("US-001"), "Add a basket"),
            ("US-001:Add a basket", Some("US-001"), "Add a basket"),
            ("US-001 - Add", Some("US-001"), "Add"),
            ("[US-001] Add", Some("US-001"), "Add"),
            ("T004 Write it", Some("T004"), "Write it"),
            ("1.2 Write it", Some("1.2"), "Write it"),
            ("3. Write it", Some("3"), "Write it"),
            ("3 apples", None, "3 apples"),
            ("Phase 2: Payment", Some("Phase 2"), "Payment"),
            ("Task 3 — Pay", Some("3"), "Pay"),
            ("Task list is kept", None, "Task list is kept"),
            ("F1. Check the plan", Some("F1"), "Check the plan"),
            ("01-02-PLAN.md — test the basket", Some("01-02-PLAN.md"), "test the basket"),
            ("TASK-PRD-10-A: Camera", Some("TASK-PRD-10-A"), "Camera"),
            ("feat-001: Base", Some("feat-001"), "Base"),
            ("utf-8 everywhere", None, "utf-8 everywhere"),
            ("HTTP works", None, "HTTP works"),
            ("[P] nothing", None, "[P] nothing"),
        ] {
            assert_eq!(id_and_title(text), (id.map(str::to_owned), title.to_owned()), "{text}");
        }
    }
}
