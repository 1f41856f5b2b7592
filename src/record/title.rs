//! The title of a record: the text beside its id, without marks, times and references at its ends.

use crate::lex::words::{Class, Classes, Table};
use crate::lex::{First, Flags, LabelClass, Lead, LexedLine, Position, Span, SpanKind, Structure};

/// What sets a title off from what stands beside it.
fn is_separator(ch: char) -> bool {
    matches!(ch, ' ' | '\t' | '-' | '–' | '—' | ':' | '：' | '|' | '•' | '·' | ',' | ';' | '>' | '*' | '#' | '→' | '=')
}

/// Runs of letters and digits.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_in = |ch: char| if ch.is_ascii() { ch.is_ascii_alphanumeric() } else { ch.is_alphanumeric() };
    text.split(move |ch: char| !is_in(ch)).filter(|word| !word.is_empty())
}

fn has_words(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

/// The title that the line has of its own.
pub(crate) fn of<'t>(line: &'t LexedLine<'_>) -> Option<&'t str> {
    let text: &str = &line.text;
    let (mut from, mut to) = (start(line), text.len());
    if line.structure == Structure::Row || (memchr::memchr(b'|', text.as_bytes()).is_some() && text.matches(" | ").count() >= 2) {
        (from, to) = cell(line, from);
    }
    if let Some(lead) = &line.lead {
        if let Some((inner_from, inner_to)) = remark(text, from) {
            (from, to) = (inner_from, inner_to);
        } else if let Some(after) = skipped_bracket(text, from) {
            from = after;
        }
        if let Some(before) = before_bracketed_id(line, lead) {
            return Some(before);
        }
        let title = cut(text, &line.spans, from, to);
        let title = shortened(line, title);
        // `Completed US-005 by adding …` says how.
        let is_manner = title.starts_with("by ") || title.starts_with("because ") || title.starts_with("due to ");
        if is_manner {
            return None;
        }
        if has_words(title) {
            return Some(title);
        }
        return before_id(line, lead.start as usize);
    }
    let title = cut(text, &line.spans, from, to);
    let title = shortened(line, title);
    (!title.is_empty()).then_some(title)
}

/// Where the title may begin: after the ids, or after what leads a line without ids.
fn start(line: &LexedLine) -> usize {
    let text: &str = &line.text;
    if let Some(lead) = &line.lead {
        let end = lead.end as usize;
        return end + usize::from(text[end..].starts_with(['.', ')']));
    }
    let mut from = 0;
    for span in &line.spans {
        let leads = matches!(span.kind, SpanKind::When | SpanKind::Iteration)
            || matches!(span.kind, SpanKind::Mark(mark) if mark.position == Position::Start);
        if leads
            && span.start as usize >= from
            && !has_words(&without_spans(text, &line.spans, from, span.start as usize))
            && keeps_apart(text, span)
        {
            from = span.end as usize;
        }
    }
    // `Session: TIME (words)`
    if let Some(label) = line.label.filter(|_| line.has(Flags::FRAME_WORD))
        && let Some(time) = line.spans.iter().find(|span| span.kind == SpanKind::When && span.start <= label.value + 1)
    {
        from = from.max(time.end as usize);
    }
    // `Previous session: words`
    let is_frame = line.label.is_some() && line.has(Flags::FRAME_WORD) && !line.has(Flags::ITERATION) && !line.has(Flags::WHEN);
    if let Some(label) = line.label.filter(|label| is_frame || matches!(label.class, LabelClass::Story | LabelClass::Done))
        && line.has_value()
    {
        from = from.max(label.value as usize);
    }
    from
}

/// A lower-case mark that a word follows is the verb of the title: "Fixed the linter".
fn keeps_apart(text: &str, span: &Span) -> bool {
    let Some(_) = span.mark() else { return true };
    let word = span.text(text);
    let remainder = &text[span.end as usize..];
    !word.starts_with(|ch: char| ch.is_alphabetic())
        || !remainder.starts_with(' ')
        || word.chars().all(|ch| !ch.is_lowercase())
        || remainder.trim_start().starts_with(['-', '–', '—', ':', '|'])
}

fn without_spans(text: &str, spans: &[Span], from: usize, to: usize) -> String {
    let mut free = String::new();
    let mut at = from;
    for span in spans {
        let (start, end) = (span.start as usize, span.end as usize);
        if start >= at && start < to {
            free.push_str(&text[at..start]);
            free.push(' ');
            at = end.min(to);
        }
    }
    free.push_str(text.get(at..to).unwrap_or_default());
    free
}

/// The first cell with words of its own from `from`.
fn cell(line: &LexedLine, from: usize) -> (usize, usize) {
    let text: &str = &line.text;
    let mut at = from;
    while let Some(bar) = text[at..].find('|').map(|bar| at + bar) {
        if has_words(&without_spans(text, &line.spans, at, bar)) {
            return (at, bar);
        }
        at = bar + 1;
    }
    (at, text.len())
}

/// `US-001 (a remark): words` → the remark.
fn remark(text: &str, from: usize) -> Option<(usize, usize)> {
    let remainder = &text[from..];
    let inner = remainder.trim_start().strip_prefix('(')?;
    let (remark, after) = inner.split_once(')')?;
    let follows = after.trim_start();
    let is_one = (3..=80).contains(&remark.len())
        && !remark.contains('(')
        && has_words(remark)
        && follows.starts_with([':', '：'])
        && follows.len() > 1;
    let start = text.len() - inner.len();
    is_one.then_some((start, start + remark.len()))
}

/// `US-001 (owner) - words`: where the words begin.
fn skipped_bracket(text: &str, from: usize) -> Option<usize> {
    let inner = text[from..].trim_start().strip_prefix('(')?;
    let (remark, after) = inner.split_once(')')?;
    let is_one = (2..=30).contains(&remark.len()) && [" - ", " – ", " — "].iter().any(|dash| after.starts_with(dash));
    is_one.then_some(text.len() - after.len())
}

/// The text before an id that stands last.
fn before_id<'t>(line: &'t LexedLine<'_>, id_start: usize) -> Option<&'t str> {
    let text: &str = &line.text;
    let mut from = 0;
    for span in line.spans.iter().filter(|span| (span.end as usize) <= id_start) {
        let leads = matches!(span.kind, SpanKind::When | SpanKind::Iteration | SpanKind::Mark(_) | SpanKind::Counter);
        if leads
            && (span.start as usize) >= from
            && !has_words(&without_spans(text, &line.spans, from, span.start as usize))
            && keeps_apart(text, span)
        {
            from = span.end as usize;
        }
    }
    if let Some(label) =
        line.label.filter(|label| label.class == LabelClass::Story && line.has_value() && (label.value as usize) <= id_start)
    {
        from = from.max(label.value as usize);
    }
    // `TIME (evening) - US-001`: a remark about the time.
    let before = text[from..id_start].trim_matches(is_separator);
    if before.starts_with('(') && before.ends_with(')') {
        return None;
    }
    let title = cut(text, &line.spans, from, id_start);
    let is_generic = words(title).all(|word| {
        matches!(
            word.to_lowercase().as_str(),
            "feature"
                | "story"
                | "task"
                | "issue"
                | "complete"
                | "completed"
                | "implemented"
                | "user"
                | "done"
                | "session"
                | "id"
                | "phase"
                | "finished"
                | "started"
                | "starting"
        )
    });
    (!is_generic).then_some(title)
}

/// `Make a basket (US-001) - at last`: the words before an id that stands in brackets of its own.
fn before_bracketed_id<'t>(line: &'t LexedLine, lead: &Lead) -> Option<&'t str> {
    let (before, after) = (line.text[..lead.start as usize].strip_suffix('(')?, &line.text[lead.end as usize..]);
    let after = after.strip_prefix(')')?.trim_start_matches([' ', '*']);
    let is_remark = after.is_empty() || after.starts_with(['-', '–', '—', '(', '✅', '✓', '✔', '❌']);
    let title = is_remark.then(|| before_id(line, before.len())).flatten()?;
    (words(title).nth(1).is_some()).then_some(title)
}

/// A long title that is no heading ends with its first sentence; what only says how it ended is no part of it: `basket: made and merged`.
fn shortened<'t>(line: &LexedLine, title: &'t str) -> &'t str {
    let parts = if memchr::memchr(b':', title.as_bytes()).is_some() { title.rsplit_once(": ") } else { None };
    let title = parts.filter(|(name, verdict)| has_words(name) && is_verdict(verdict)).map_or(title, |(name, _)| name);
    if line.is_heading() || title.len() <= 50 { title } else { first_sentence(title) }
}

/// Nothing but words for an end, joined.
fn is_verdict(text: &str) -> bool {
    let classes = |word: &str| Table::get().word(word).map_or(Classes::NONE, |entry| entry.classes);
    words(text).all(|word| classes(word).any(Classes::MARK) || classes(word).has(Class::Join))
}

/// The title is a remark in brackets behind the id, and all that the line says: `US-001 (urgent)`.
pub(crate) fn is_remark(line: &LexedLine) -> bool {
    let Some(lead) = &line.lead else { return false };
    let after = line.text[lead.end as usize..].trim_matches([' ', ']', '*']);
    after.starts_with('(') && after.ends_with(')') && after.matches('(').count() == 1
}

/// The text up to the end of its first sentence, if that is one.
pub(crate) fn first_sentence(title: &str) -> &str {
    let end = title.match_indices(". ").map(|(at, _)| at).find(|at| {
        *at >= 20 && title[..*at].ends_with(|ch: char| ch.is_alphabetic()) && title[at + 2..].starts_with(|ch: char| ch.is_uppercase())
    });
    end.map_or(title, |end| &title[..end])
}

/// What is left between two places without separators, and without spans at the ends that are no part of a title.
fn cut<'t>(text: &'t str, spans: &[Span], from: usize, to: usize) -> &'t str {
    let from = first_of_title(text, spans, from.min(to), to);
    let to = end_of_title(text, spans, from, to);
    tidy(&text[from..before_remark(text, spans, from, to)])
}

/// Where a title begins behind separators, times, marks and references.
fn first_of_title(text: &str, spans: &[Span], from: usize, to: usize) -> usize {
    let mut from = from;
    loop {
        let trimmed = text[from..to].trim_start_matches(is_separator).trim_start_matches([')', ']', '.']);
        let mut next = to - trimmed.len();
        for span in spans.iter().filter(|span| is_outside_title(span.kind) || span.kind == SpanKind::Iteration) {
            let (start, end) = (span.start as usize, span.end as usize);
            if end > next
                && end <= to
                && start <= next + 1
                && text[next.min(start)..start].trim_matches(['(', '[']).is_empty()
                && (end >= to || keeps_apart(text, span))
            {
                next = end;
            }
        }
        if next == from {
            return from;
        }
        from = next;
    }
}

/// Where it ends before them.
fn end_of_title(text: &str, spans: &[Span], from: usize, to: usize) -> usize {
    let mut to = to;
    loop {
        let trimmed = text[from..to].trim_end_matches(|ch| is_separator(ch) || matches!(ch, '(' | '['));
        let mut next = from + trimmed.len();
        for span in spans.iter().filter(|span| is_outside_title(span.kind)) {
            let (start, end) = (span.start as usize, span.end as usize);
            if start > from && start < next {
                let remainder = text.get(end..next).unwrap_or_default();
                if remainder.trim_matches(|ch| is_separator(ch) || matches!(ch, ')' | ']' | '}' | '.')).is_empty() {
                    next = start;
                }
            }
        }
        if next == to {
            return to;
        }
        to = next;
    }
}

/// Never a word of a title, where it stands at its end.
fn is_outside_title(kind: SpanKind) -> bool {
    matches!(kind, SpanKind::When | SpanKind::Mark(_) | SpanKind::Hash | SpanKind::Duration | SpanKind::Reference)
}

/// Where a reference, or a mark set apart from several words, ends the title: what follows is a remark.
fn before_remark(text: &str, spans: &[Span], from: usize, to: usize) -> usize {
    let mut to = to;
    for span in spans {
        let start = span.start as usize;
        if start <= from || start >= to {
            continue;
        }
        let ends = match span.kind {
            SpanKind::Reference => true,
            SpanKind::Mark(mark) => {
                let before = text[from..start].trim_end();
                matches!(mark.position, Position::Segment | Position::Capitals | Position::Symbol)
                    && before.ends_with(['-', '–', '—', '|', '→', '('])
                    && words(before).count() > 1
            }
            _ => false,
        };
        if ends {
            to = start;
        }
    }
    to
}

/// Brackets that go round the whole or have lost their other half.
fn tidy(title: &str) -> &str {
    let mut title = title.trim_matches(is_separator);
    for (open, close) in [('"', '"'), ('“', '”'), ('«', '»')] {
        if let Some(inner) = title.strip_prefix(open).and_then(|inner| inner.strip_suffix(close)) {
            title = inner;
        }
    }
    if title.starts_with('(') && title.ends_with(')') && title.matches('(').count() == 1 {
        title = &title[1..title.len() - 1];
    } else if title.starts_with('(') && !title.contains(')') {
        title = &title[1..];
    }
    if title.ends_with(')') && title.matches('(').count() < title.matches(')').count() {
        title = &title[..title.len() - 1];
    }
    // A bracket whose other words were none of the title's: `(commit 1b205b7)`, `(90% complete)`.
    if let Some(open) = title.rfind('(') {
        let inner = &title[open + 1..];
        let is_cut = !inner.contains(')') && inner.chars().all(|ch| ch.is_ascii_digit() || matches!(ch, '%' | '/' | '.' | ' '));
        if is_cut || matches!(inner.trim_end_matches([':', ' ']), "commit" | "hash") {
            title = &title[..open];
        }
    }
    title.trim_matches(is_separator)
}

/// A hash of the title's words, for telling whether lines say the same.
pub(crate) fn digest(title: &str) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |unit: u32| state = (state ^ u64::from(unit)).wrapping_mul(0x0100_0000_01b3);
    let mut is_in_word = false;
    for ch in title.chars() {
        if ch.is_ascii_alphanumeric() {
            // In lower case; digits have the bit.
            add(u32::from(ch) | 0x20);
            is_in_word = true;
        } else if !ch.is_ascii() && ch.is_alphanumeric() {
            ch.to_lowercase().for_each(|ch| add(ch.into()));
            is_in_word = true;
        } else if std::mem::take(&mut is_in_word) {
            add(0x20);
        }
    }
    if is_in_word {
        add(0x20);
    }
    state
}

/// The line begins with a time, has no id and few words: it frames what follows.
pub(crate) fn is_frame(line: &LexedLine) -> bool {
    line.lead.is_none() && line.words <= 6 && line.first == First::When
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::{Lexer, Terms};

    fn check(raw: &str, title: &str) {
        let line = Lexer::default().lex(raw, &Terms::default());
        assert_eq!(of(&line).unwrap_or_default(), title, "{raw}");
    }

    #[test]
    fn a_title_is_what_stands_beside_the_id() {
        check("## 2026-03-01 - US-001: Make a basket", "Make a basket");
        check("## US-001: Make a basket ✅ (2026-03-01)", "Make a basket");
        check("- [x] 0.4 Folders made (commit: 1b205b7)", "Folders made");
        check("### Task: Write the alias (cmd-002)", "Write the alias");
        check("[2026-01-05] bug-001: Fixed the linter", "Fixed the linter");
        check("| US-001 | Make a basket | done |", "Make a basket");
        check("A1: DONE — basket written", "basket written");
        check("## 2026-03-05 - US-001 (merge repair)", "merge repair");
        check("### 2. Design ✅ (2026-03-18)", "Design");
        check("### PHASE 2: Shelves and till (90% Complete)", "Shelves and till");
        check("2026-05-23: [#6.1] Set up the id_position — 73e1832", "Set up the id_position");
        check("### Task: Write the alias (CMD-087) - last one!", "Write the alias");
        check("## Iteration 4: Floor plan (oven-001, shop-till-002)", "Floor plan");
        check("[2026-03-15] [TASK-24] flour_export: implemented and merged (PR #153)", "flour_export");
        check("## 2026-03-05 - Completed (US-002) - Make a basket", "Make a basket");
    }

    #[test]
    fn without_an_id_it_follows_the_time_or_the_session() {
        check("## Session 3 - 2026-03-01 - Doors", "Doors");
        check("## Session: 2026-03-01 (Doors)", "Doors");
        check("**Task**: Hang the doors", "Hang the doors");
        check("2026-03-01: Hang the doors", "Hang the doors");
        check("## Previous Session: Hang the doors", "Hang the doors");
    }
}
