//! Notes for the next session with their labels in heavy brackets: `【日付】2026-01-24`, `【完了した作業】`, `【次にやること】`.

use super::{Family, Reading, Seen, SourceKind, field, session, time};

pub(super) const FAMILY: Family = Family { kind: SourceKind::ProgressLog, begins: b"", read };

fn read(seen: &Seen<'_>) -> Option<Reading> {
    const DATES: [&str; 4] = ["日付", "日時", "日期", "作業日"];
    let (label, value) = seen.text.starts_with('【').then(|| field::field(seen.text)).flatten()?;
    let when = time::whole(value, seen.clock).filter(|_| DATES.contains(&label))?;
    Some(Reading::Session(session::Opening::dated(1, seen.text, when)))
}
