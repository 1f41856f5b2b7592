//! How a line is set: indent, heading, rule, list item, box, row. Looks at the first characters only.

/// The form of a line. What a fence holds is told by the lines around: `record`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Structure {
    Blank,
    Text,
    Heading,
    /// A line of `---` or `===`, or the rule of a table.
    Rule,
    /// `--- words ---` or an underlined line.
    RuledHeading,
    Bullet,
    Numbered,
    Row,
    Fence,
    /// Inside of a fence.
    Code,
}

/// What the first characters of a line say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outline<'t> {
    pub(crate) indent: u16,
    pub(crate) structure: Structure,
    /// Of a heading, from 1.
    pub(crate) level: u8,
    pub(crate) is_numbered: bool,
    pub(crate) ticked: Option<bool>,
    pub(crate) is_bold: bool,
    pub(crate) body: &'t str,
}

const RULERS: &[char] = &['-', '=', '*', '─', '═', '~'];

/// Reads the outline of `raw`; `body` is what is left to be tokenised.
pub(crate) fn outline(raw: &str) -> Outline<'_> {
    let trimmed = raw.trim_start();
    let before = &raw[..raw.len() - trimmed.len()];
    let indent = before.bytes().map(|byte| if byte == b'\t' { 4 } else { 1 }).sum::<usize>().min(400) as u16;
    let mut outline = Outline {
        indent,
        structure: Structure::Text,
        level: 0,
        is_numbered: false,
        ticked: None,
        is_bold: false,
        body: trimmed.trim_end(),
    };
    if let Some(quoted) = outline.body.strip_prefix("> ") {
        outline.body = quoted.trim_start();
    }
    let body = outline.body;
    let Some(first) = body.chars().next() else {
        outline.structure = Structure::Blank;
        return outline;
    };
    // Of words alone, as most lines are.
    if first.is_ascii_alphabetic() {
        return outline;
    }
    if is_fence(body) {
        outline.structure = Structure::Fence;
        return outline;
    }
    if let Some(words) = bullet(body, first) {
        outline.structure = Structure::Bullet;
        outline.body = words;
    } else if let Some((level, words)) = heading(body) {
        outline.structure = Structure::Heading;
        outline.level = level;
        outline.body = words;
    } else if is_rule(body) {
        outline.structure = Structure::Rule;
        outline.body = "";
        return outline;
    } else if let Some((level, words)) = ruled_heading(body, first) {
        outline.structure = Structure::RuledHeading;
        outline.level = level;
        outline.body = words;
    } else if first == '|' {
        outline.structure = Structure::Row;
        if body.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' ')) && body.contains('-') {
            outline.structure = Structure::Rule;
            outline.body = "";
            return outline;
        }
        outline.body = body.trim_matches('|').trim();
    } else if let Some(words) = numbered(body) {
        outline.structure = Structure::Numbered;
        outline.is_numbered = true;
        outline.body = words;
    }
    if let Some((ticked, words)) = tick_box(outline.body) {
        outline.ticked = Some(ticked);
        outline.body = words;
    }
    let body = outline.body;
    outline.is_bold = outline.structure == Structure::Text && is_bold(body);
    outline
}

/// Whether a line without its indent opens or closes a fence.
pub(crate) fn is_fence(body: &str) -> bool {
    matches!(body.as_bytes(), [b'`', b'`', b'`', ..] | [b'~', b'~', b'~', ..])
}

fn heading(body: &str) -> Option<(u8, &str)> {
    if !body.starts_with('#') {
        return None;
    }
    let words = body.trim_start_matches('#');
    let level = body.len() - words.len();
    ((1..=6).contains(&level) && words.starts_with([' ', '\t'])).then(|| (level as u8, words.trim().trim_end_matches('#').trim_end()))
}

fn is_rule(body: &str) -> bool {
    let Some(first) = body.chars().next() else { return false };
    (RULERS.contains(&first) || matches!(first, '_' | '#' | '+'))
        && body.chars().all(|ch| ch == first || (RULERS.contains(&ch) && first != '*'))
        && body.chars().count() >= 3
}

/// `=== words ===` (level 3) and `=== words` (level 4).
fn ruled_heading(body: &str, first: char) -> Option<(u8, &str)> {
    if !RULERS.contains(&first) {
        return None;
    }
    let words = body.trim_start_matches(first);
    let count = (body.len() - words.len()) / first.len_utf8();
    let is_glued = words.starts_with(|ch: char| ch.is_alphanumeric()) && matches!(first, '*' | '-' | '~');
    if count < 2 || is_glued || !words.contains(char::is_alphanumeric) {
        return None;
    }
    let inner = words.trim_end_matches(first);
    if first == '*' && (body.len() - words.len() == 2 || words.contains("**")) && inner.len() + 2 != words.len() {
        return None;
    }
    Some((if inner.len() < words.len() { 3 } else { 4 }, inner.trim()))
}

fn bullet(body: &str, first: char) -> Option<&str> {
    if !matches!(first, '-' | '*' | '+' | '•' | '·' | '▪' | '►' | '→' | '◦' | '○' | '●' | '‣') {
        return None;
    }
    let words = &body[first.len_utf8()..];
    words.starts_with([' ', '\t']).then(|| words.trim_start())
}

fn numbered(body: &str) -> Option<&str> {
    let words = body.trim_start_matches(|ch: char| ch.is_ascii_digit());
    let digits = body.len() - words.len();
    let words = words.strip_prefix(['.', ')']).filter(|_| (1..=3).contains(&digits))?;
    words.starts_with(' ').then(|| words.trim_start())
}

/// `[x] words`: whether it is ticked.
fn tick_box(body: &str) -> Option<(bool, &str)> {
    let inner = body.strip_prefix('[')?;
    let (mark, words) = inner.split_once(']').filter(|(mark, _)| mark.chars().count() <= 2)?;
    if mark.is_empty() && words.starts_with('(') || words.trim_start().is_empty() {
        return None;
    }
    let mark = mark.trim().trim_end_matches('\u{fe0f}');
    let ticked = match mark {
        "x" | "X" | "✓" | "✔" | "✅" => true,
        "" | "~" | "/" | "-" => false,
        _ => return None,
    };
    Some((ticked, words.trim_start()))
}

/// The whole line is bold, and it is not a label.
fn is_bold(body: &str) -> bool {
    let Some(inner) = body.strip_prefix("**") else { return false };
    let inner = inner.trim_end_matches([':', ' ']);
    inner.strip_suffix("**").is_some_and(|words| !words.contains('*') && !words.is_empty() && !words.ends_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, structure: Structure, level: u8, body: &str) {
        let outline = outline(raw);
        assert_eq!((outline.structure, outline.level, outline.body), (structure, level, body), "{raw}");
    }

    #[test]
    fn first_characters_give_the_layout_of_a_line() {
        check("## 2026-03-01 - US-001 ##", Structure::Heading, 2, "2026-03-01 - US-001");
        check("#hash", Structure::Text, 0, "#hash");
        check("---", Structure::Rule, 0, "");
        check("|---|:-:|", Structure::Rule, 0, "");
        check("--- iteration 1 ---", Structure::RuledHeading, 3, "iteration 1");
        check("== Session 2", Structure::RuledHeading, 4, "Session 2");
        check("--flag", Structure::Text, 0, "--flag");
        check("**Status**: done", Structure::Text, 0, "**Status**: done");
        check("| US-001 | basket |", Structure::Row, 0, "US-001 | basket");
        check("  - milk", Structure::Bullet, 0, "milk");
        check("12. milk", Structure::Numbered, 0, "milk");
        check("   ", Structure::Blank, 0, "");
        check("```rust", Structure::Fence, 0, "```rust");
    }

    #[test]
    fn boxes_and_bold_lines_are_found() {
        assert_eq!(outline("- [x] basket").ticked, Some(true));
        assert_eq!(outline("- [ ] basket").ticked, Some(false));
        assert_eq!(outline("[US-001] basket").ticked, None);
        assert_eq!(outline("[](link)").ticked, None);
        assert!(outline("**Basket made**").is_bold);
        assert!(!outline("**Status:**").is_bold);
        assert!(!outline("**Status**: done").is_bold);
    }
}
