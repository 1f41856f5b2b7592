//! Labelled lines: `**Status**: Complete`, `- **Story:** US-001 - title`, `结果: 成功`, `【日付】2026-01-24`.
//!
//! Takes them apart and knows the labels; what a field means to its record is `record_facts`' to say.

use std::sync::LazyLock;

use super::id;
use crate::fact::StoryName;
use crate::lex::words::lowered;
use crate::seeded_hash::SeededMap;

/// The fields of an entry that mean something to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldLabel {
    Story,
    /// The title, where the story's own line has only an id.
    Title,
    Status,
    When,
    /// As `Status`, but also said of tests and the like: a value that is not known means nothing.
    Result,
    Reason,
    /// What was done, by the label of a block that has no status.
    Done,
    /// What only a report of finished work has: learnings, changed files, how it was verified.
    Report,
}

static LABELS: LazyLock<SeededMap<&'static str, FieldLabel>> = LazyLock::new(|| {
    let tables = [
        (FieldLabel::Story, STORY),
        (FieldLabel::Title, TITLE),
        (FieldLabel::Status, STATUS),
        (FieldLabel::When, WHEN),
        (FieldLabel::Result, RESULT),
        (FieldLabel::Reason, REASON),
        (FieldLabel::Done, DONE),
        (FieldLabel::Report, REPORT),
    ];
    tables.into_iter().flat_map(|(label, table)| table.split(", ").map(move |name| (name, label))).collect()
});

/// Lower case, as all of these.
const STORY: &str = "\
    story, user story, story id, focus, working on, task, task id, feature, feature id, issue, ticket, bead, todo, 任务, 任务 id, 任务id, 任務, 故事, 用户故事, \
    タスク, ストーリー, 작업, 스토리, 태스크, задача, история, задание, historia, história, tarea, tarefa, tâche, histoire, aufgabe, zadanie";

/// See [`FieldLabel::Title`].
const TITLE: &str = "\
    title, story title, task title, description, 标题, 描述, タイトル, 内容, 제목, 설명, название, описание, título, titre, titel, descripción, \
    descrição, beschreibung";

/// See [`FieldLabel::Status`].
const STATUS: &str = "\
    status, final status, story status, task status, current status, estado, statut, stato, stan, 状态, 状態, ステータス, 상태, статус, \
    состояние, état";

/// See [`FieldLabel::When`].
const WHEN: &str = "\
    date, time, timestamp, finished, finished at, finished on, date completed, completion date, 日期, 时间, 日付, 日時, \
    날짜, дата, fecha, data, datum";

/// See [`FieldLabel::Result`].
const RESULT: &str = "\
    result, outcome, 结果, 結果, 결과, результат, resultado, résultat, ergebnis, esito, wynik";

/// See [`FieldLabel::Reason`].
const REASON: &str = "\
    reason, blocker, blockers, blocked by, blocked on, failure reason, error, error message, 错误, 失败原因, 阻塞原因, エラー, 原因, 오류, 원인, \
    ошибка, причина, motivo, erro, raison, erreur, grund, fehler";

/// See [`FieldLabel::Done`].
const DONE: &str = "\
    done, completed, completed at, completed on, what was done, work done, 完成内容, 作業内容, сделано, hecho, feito, fait, erledigt";

/// See [`FieldLabel::Report`].
const REPORT: &str = "\
    learnings, learnings for future iterations, lessons, lesson, lessons learned, files changed, files modified, files created, \
    files created/modified, files touched, changes made, what was implemented, what i implemented, implemented, verified, \
    verification, task completed, work completed, gotchas, key decisions, key decisions made, aprendizados, aprendizajes, \
    apprentissages, 修改文件, 変更ファイル, 변경 파일, 学到的经验, 学び, 배운 점";

impl FieldLabel {
    pub(super) fn of(label: &str) -> Option<FieldLabel> {
        let label = label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '*' | '_'));
        if label.is_empty() || label.len() > 40 {
            return None;
        }
        LABELS.get(&*lowered(label, &mut [0; 64])).copied()
    }
}

/// `**Label**: value`, `- **Label:** value`, `Label: value`, `Label：value`, `【Label】value`.
pub(super) fn field(text: &str) -> Option<(&str, &str)> {
    if let Some(inner) = text.strip_prefix('【') {
        let (label, value) = inner.split_once('】')?;
        return Some((label.trim(), value.trim_start_matches([':', '：']).trim()));
    }
    let text = text.strip_prefix(['-', '*', '+']).filter(|remainder| remainder.starts_with(' ')).unwrap_or(text).trim_ascii_start();
    let text = text.trim_start_matches(['*', '_']);
    let (colon, wide) = colon(text)?;
    let label = text[..colon].trim_end_matches(['*', '_', ' ']);
    let value = text[colon + wide..].trim_start_matches(['*', '_']).trim();
    (!label.is_empty()).then_some((label, value))
}

/// The first colon near the start, and how many bytes it takes.
fn colon(text: &str) -> Option<(usize, usize)> {
    // `：`, as Chinese and Japanese write it.
    let wide = "：".as_bytes();
    let bytes = text.as_bytes();
    let near = &bytes[..bytes.len().min(48)];
    let at = memchr::memchr2_iter(b':', wide[0], near).find(|at| bytes[*at] == b':' || bytes[*at..].starts_with(wide))?;
    Some((at, if bytes[at] == b':' { 1 } else { wide.len() }))
}

/// The stories that a `**Story**:` line names: `ID - title`, `ID & ID - title`, or a title alone.
pub(super) fn stories(value: &str) -> Vec<StoryName> {
    let value = value.trim();
    if let Some(found) = id::leading(value) {
        let title = title(found.remainder);
        return found.ids.into_iter().map(|id| StoryName::new(Some(id), title.clone())).collect();
    }
    // A template (`[Story ID] - [Title]`, `US-XXX`) or a `N/A` names nothing.
    let is_none = ["n/a", "none", "-", "无"].iter().any(|none| {
        value.get(..none.len()).is_some_and(|start| start.eq_ignore_ascii_case(none))
            && !value[none.len()..].starts_with(|c: char| c.is_alphanumeric() && c.is_ascii())
    });
    if value.is_empty() || is_none || value.starts_with(['[', '<', '{']) || value.contains("XXX") || value.contains("NNN") {
        return Vec::new();
    }
    let (id, title) = match value.split_once(" - ").or_else(|| value.split_once(" — ")) {
        Some((word, title)) if !word.trim().contains(' ') => (Some(word.trim().to_owned()), Some(title.trim().to_owned())),
        _ => (None, Some(value.to_owned())),
    };
    vec![StoryName::new(id, title.filter(|title| !title.is_empty()))]
}

/// The title behind an id: separators off, `None` when nothing is left.
pub(super) fn title(remainder: &str) -> Option<String> {
    let title = remainder.trim_start_matches(is_separator).trim_end();
    (!title.is_empty()).then(|| title.to_owned())
}

/// What may stand between a date, an id and a title.
pub(super) fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '–' | '—' | ':' | '：' | '|' | ',' | '·' | '•' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_signs_as_wide_as_a_colon_are_none() {
        assert_eq!(field("**Oven，old**: warm"), Some(("Oven，old", "warm")));
        assert_eq!(field("状态：完成"), Some(("状态", "完成")));
        assert_eq!(field("⚠️ no label"), None);
    }
}
