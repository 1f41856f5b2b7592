//! The words and marks by which runners say how things stand, in the languages they are seen to write: English, Chinese, Japanese,
//! Korean, Russian, Spanish, Portuguese, French, German, Italian, Polish.
//!
//! Only the table: where a word counts is `words`' to say.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    Passed,
    Failed,
    /// Worked on, not done.
    Open,
    /// Not begun, put off or left out.
    Idle,
}

/// The known word that `text` begins with, and what follows it. Of several that fit, the longest is meant.
pub(super) fn phrase(text: &str) -> Option<(Sense, &'static str, &str)> {
    let first = text.chars().next()?.to_lowercase().next()?;
    let fitting = WORDS.get(&first)?.iter().filter(|(_, word)| {
        let Some(start) = text.get(..word.len()) else { return false };
        let same = start.eq_ignore_ascii_case(word) || (!start.is_ascii() && start.to_lowercase() == **word);
        // Only scripts that part their words by spaces have ends of words.
        let parted = word.chars().next_back().is_some_and(|last| last < '\u{2e80}');
        same && !(parted && text[word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    });
    fitting.max_by_key(|(_, word)| word.len()).map(|(sense, word)| (*sense, *word, &text[word.len()..]))
}

/// By their first letter.
static WORDS: LazyLock<HashMap<char, Vec<(Sense, &'static str)>>> = LazyLock::new(|| {
    let mut words: HashMap<char, Vec<_>> = HashMap::new();
    for (sense, table) in [(Sense::Passed, PASSED), (Sense::Failed, FAILED), (Sense::Open, OPEN), (Sense::Idle, IDLE)] {
        for word in table.split(", ") {
            words.entry(word.chars().next().unwrap_or_default()).or_default().push((sense, word));
        }
    }
    words
});

/// Lower case, as all of these.
const PASSED: &str = "\
    completed, complete, completion, done, passed, passes, pass, passing, still passing, verified and passing, successful, \
    successfully completed, success, succeeded, finished, fully implemented, fully complete, implemented, already implemented, \
    already complete, already done, enhanced, verified, shipped, merged, resolved, delivered, closed, all tests passing, \
    all tests pass, all passing, all complete, all completed, all done, 成功, 完成, 已完成, 全部完成, 通过, 已通过, 通過, 已通過, 已解决, 完了, 合格, 実装完了, \
    実装済み, 完了済み, 終了, 완료, 완료됨, 성공, 통과, 구현 완료, готово, готов, готова, завершено, завершён, завершен, завершена, выполнено, выполнен, \
    выполнена, успешно, успех, пройдено, сделано, закрыто, реализовано, completado, completada, completo, completa, terminado, \
    terminada, hecho, hecha, finalizado, finalizada, éxito, exitoso, exitosa, implementado, implementada, aprobado, aprobada, \
    concluído, concluída, concluido, concluida, feito, feita, pronto, sucesso, aprovado, aprovada, entregue, completato, \
    completata, fatto, finito, riuscito, superato, terminé, terminée, fini, finie, fait, réussi, réussie, complété, complétée, \
    complet, validé, validée, succès, achevé, achevée, livré, livrée, implémenté, abgeschlossen, fertig, fertiggestellt, \
    erledigt, erfolgreich, bestanden, umgesetzt, gotowe, ukończone, zakończone, zrobione";

/// Ended without success, or cannot go on.
const FAILED: &str = "\
    failed, failure, fail, failing, blocked, cannot complete, could not complete, unable to complete, cannot proceed, timed out, \
    timeout, aborted, errored, error, failed/blocked, blocker, stuck, crashed, 失败, 失敗, 阻塞, 受阻, 被阻塞, 不通过, 未通过, 不通過, 不合格, ブロック, ブロック中, エラー, \
    실패, 차단, 차단됨, 막힘, провалено, провал, неудача, не удалось, ошибка, заблокировано, заблокирован, заблокирована, сбой, bloqueado, \
    bloqueada, fallido, fallida, falló, fallo, falhou, falha, erro, fallito, bloccato, bloqué, bloquée, bloquant, échoué, échouée, échec, \
    erreur, fehlgeschlagen, gescheitert, blockiert, fehler";

/// See [`Sense::Open`].
const OPEN: &str = "\
    in progress, in-progress, in_progress, started, starting, running, ongoing, working, wip, partially, partial, \
    partially complete, incomplete, not complete, not completed, not done, not finished, continuing, 进行中, 進行中, 处理中, 部分完成, 未完成, \
    作業中, 対応中, 実装中, 未完了, 진행 중, 진행중, 작업 중, 부분 완료, 미완료, в процессе, в работе, выполняется, частично, не завершено, начато, начат, \
    начата, en progreso, en curso, en proceso, parcial, incompleto, incompleta, iniciado, iniciada, em andamento, em progresso, \
    em curso, en cours, partiel, partielle, incomplet, démarré, commencé, in arbeit, in bearbeitung, teilweise, begonnen, \
    unvollständig, in corso, parziale, iniziato, w toku";

/// See [`Sense::Idle`].
const IDLE: &str = "\
    not started, not begun, pending, todo, to do, planned, skipped, deferred, descoped, postponed, cancelled, canceled, n/a, 待办, \
    待处理, 未开始, 已跳过, 跳过, 未着手, 保留, スキップ, 대기, 대기 중, 보류, ожидает, не начато, отложено, пропущено, pendiente, sin empezar, omitido, \
    omitida, pospuesto, pendente, não iniciado, adiado, en attente, à faire, reporté, non commencé, ausstehend, übersprungen, \
    nicht begonnen, in attesa, da fare";

/// Marks that say how something stands.
pub(super) const MARKS: &[(char, Sense)] = &[
    ('✓', Sense::Passed),
    ('✔', Sense::Passed),
    ('✅', Sense::Passed),
    ('☑', Sense::Passed),
    ('🟢', Sense::Passed),
    ('🎉', Sense::Passed),
    ('✗', Sense::Failed),
    ('✘', Sense::Failed),
    ('❌', Sense::Failed),
    ('✖', Sense::Failed),
    ('⛔', Sense::Failed),
    ('🚫', Sense::Failed),
    ('🔴', Sense::Failed),
    ('⏳', Sense::Open),
    ('⌛', Sense::Open),
    ('🔄', Sense::Open),
    ('🚧', Sense::Open),
    ('🟡', Sense::Open),
];
