//! Whether a line speaks of code: the difference between a developer's report and a diary.

/// Endings of files that people who write code name.
const ENDINGS: &[&str] = &[
    "ts", "tsx", "js", "jsx", "mjs", "py", "rs", "go", "rb", "java", "kt", "swift", "c", "cc", "cpp", "h", "cs", "php", "vue", "svelte",
    "sql", "sh", "css", "html", "json", "yaml", "yml", "toml", "md", "lock",
];

/// Whether a name with this behind its last dot is a file's.
pub(super) fn is_ending(ending: &str) -> bool {
    ENDINGS.contains(&ending)
}

/// A path, a file name or something in backticks.
pub(super) fn of_code(text: &str) -> bool {
    let mut ticks = text.bytes().filter(|b| *b == b'`');
    if ticks.next().is_some() && ticks.next().is_some() {
        return true;
    }
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | '"' | ':')).any(|word| {
        let word = word.trim_end_matches(['.', ';']);
        word.rsplit_once('.').is_some_and(|(name, ending)| !name.is_empty() && is_ending(ending))
    })
}

#[cfg(test)]
mod tests {
    use super::of_code;

    #[test]
    fn code_is_told_from_prose() {
        for text in ["Changed `total()`", "- src/cart.ts: the sum", "Added README.md, too", "(see lib/a.py)"] {
            assert!(of_code(text), "{text}");
        }
        for text in ["Walls done.", "He said: fine", "3.5 km", "e.g. nothing", "a `lone tick"] {
            assert!(!of_code(text), "{text}");
        }
    }
}
