//! What a session says it did: its sections, its items, and the stories that they name as finished.

use super::Seen;
use super::heading_name::Name;
use super::id::{self, Looks};
use super::words::{self, Status};
use crate::fact::StoryName;

/// What a part of a session is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// What the session finished.
    Done,
    /// What is still to do.
    Plan,
    Other,
}

impl Section {
    /// What a heading or a label inside a session announces.
    pub(super) fn of(title: &str) -> Section {
        const PLAN: &[&str] = &[
            "next",
            "remaining",
            "todo",
            "to do",
            "upcoming",
            "plan",
            "pending",
            "not ",
            "blocked",
            "in progress",
            "known issues",
            "следующ",
            "осталось",
            "下一步",
            "次",
            "待办",
            "다음",
            "남은",
            "próxim",
            "siguiente",
            "pendiente",
            "pendente",
            "prochain",
            "à faire",
            "nächste",
            "offen",
        ];
        const DONE: &[&str] = &[
            "completed",
            "complete",
            "accomplished",
            "accomplishments",
            "implemented",
            "done",
            "finished",
            "delivered",
            "shipped",
            "achieved",
            "выполнено",
            "сделано",
            "завершено",
            "готово",
            "completado",
            "completados",
            "completadas",
            "hecho",
            "concluído",
            "concluídos",
            "concluídas",
            "feito",
            "realizado",
            "terminé",
            "terminés",
            "réalisé",
            "réalisations",
            "accompli",
            "fait",
            "erledigt",
            "abgeschlossen",
            "fertig",
            "zrobione",
            "ukończone",
            "built",
        ];
        // Of scripts that do not part words by spaces.
        const DONE_IN: &[&str] = &["完了", "完成", "実装した", "やったこと", "完了한", "완료", "한 일", "구현한"];
        let lower = title.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '#' | '_' | ':' | '✅')).to_lowercase();
        if lower.chars().count() > 48 {
            return Section::Other;
        }
        if PLAN.iter().any(|word| lower.starts_with(word) || lower.contains(&format!(" {word}"))) {
            Section::Plan
        } else if lower.split(|c: char| !c.is_alphanumeric()).any(|word| DONE.contains(&word))
            || DONE_IN.iter().any(|word| lower.contains(word))
            || lower == "what i did"
        {
            Section::Done
        } else {
            Section::Other
        }
    }
}

/// The text of a list item, without marks that say it is done; one that is open is none.
pub(super) fn item(text: &str) -> Option<&str> {
    let bare = match text.as_bytes() {
        [b'-' | b'*' | b'+', b' ', ..] => text[1..].trim_start(),
        [b'0'..=b'9', ..] => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            text[digits..].strip_prefix(['.', ')'])?.strip_prefix(' ')?.trim_start()
        }
        _ => text.strip_prefix('•')?.trim_start(),
    };
    let bare = match bare.strip_prefix("[x] ").or_else(|| bare.strip_prefix("[X] ")) {
        Some(rest) => rest,
        None if bare.starts_with("[ ]") => return None,
        None => bare,
    };
    match words::strip_mark(bare) {
        Some((words::Mark::Tick, rest)) => Some(rest),
        Some((words::Mark::Cross | words::Mark::Busy, _)) => None,
        None => Some(bare),
    }
}

/// The stories that an item names as finished.
pub(super) fn finished(item: &str, listed: bool, seen: &Seen<'_>) -> Vec<StoryName> {
    let text = item.trim_start_matches(['*', '_']);
    let named = |found: id::Ids<'_>, whole: &str, listed: bool| {
        let id = &found.ids[0];
        let mixed = id.contains(|c: char| c.is_ascii_alphabetic()) && id.contains(|c: char| c.is_ascii_digit());
        let sure = found.generic || found.looks == Looks::Strong || mixed;
        let name = Name::of(&found, seen);
        let status = name.as_ref().and_then(|name| name.status.clone());
        let passed = match status {
            Some(status) => status == Status::Passed,
            None => listed || says_passed(whole),
        };
        if !sure || !passed {
            return Vec::new();
        }
        let title = name.and_then(|name| name.title).map(|title| spoken(&title));
        found.ids.into_iter().map(|id| StoryName { id: Some(id), title: title.clone() }).collect()
    };
    if let Some(found) = id::leading(text) {
        return named(found, text, listed);
    }
    if let Some(found) = begins_with_deed(text).and_then(id::leading) {
        // The verb says it, wherever it stands; to verify something is to finish it only among what was finished.
        return named(found, text, listed || !text.to_ascii_lowercase().starts_with("verified"));
    }
    // `Ran the checks again on Feature #1 "Carts" - STILL PASSING`
    if says_passed(text) {
        let words = ["Feature #", "feature #", "Task #", "task #", "Story #", "story #"];
        if let Some(found) = words.iter().find_map(|word| text.find(word)).and_then(|at| id::leading(&text[at..])) {
            return named(found, text, listed);
        }
    }
    Vec::new()
}

/// What follows a verb that says something was finished.
pub(super) fn begins_with_deed(text: &str) -> Option<&str> {
    const VERBS: &[&str] = &[
        "completed",
        "implemented",
        "finished",
        "verified",
        "marked",
        "delivered",
        "built",
        "shipped",
        "closed",
        "завершена",
        "реализована",
        "выполнена",
        "完成",
        "完了",
        "completé",
        "completada",
        "concluída",
        "implementada",
        "terminé",
        "implémenté",
    ];
    let (first, rest) = text.split_once(' ')?;
    VERBS.contains(&first.to_lowercase().trim_end_matches(':')).then_some(rest)
}

/// The title behind an id in prose: without quotes, and without the status at its end.
fn spoken(title: &str) -> String {
    if let Some(quoted) = title.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        return quoted.0.to_owned();
    }
    title.trim_matches(['*', '"']).to_owned()
}

/// Whether a text ends by saying so: `… - STILL PASSING`, `… as PASSING`, `All 3 assigned features PASSING`.
pub(super) fn says_passed(text: &str) -> bool {
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '.' | '!' | ')' | '✅' | '✓'));
    let last = [" - ", " — ", " – ", ": ", " as ", " ("].iter().filter_map(|dash| text.rfind(dash).map(|at| at + dash.len())).max();
    let ends = last.is_some_and(|at| words::value(&text[at..]) == Some(Status::Passed));
    ends || text.rsplit(' ').next().is_some_and(|word| matches!(word, "PASSING" | "PASSED" | "COMPLETE" | "COMPLETED" | "DONE"))
}
