//! Titles as people retell them: folded, agreeing, clashing.

use std::collections::HashSet;

/// Lower case, everything that is neither letter nor digit folded into single spaces.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            folded.extend(c.to_lowercase());
        } else if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// Titles are retold freely; they agree when half the words of the shorter one stand in the longer one.
pub fn titles_agree(one: &str, other: &str) -> bool {
    let (one, other) = (fold(one), fold(other));
    if one.is_empty() || other.is_empty() || one == other {
        return true;
    }
    let (one, other) = (words(&one), words(&other));
    2 * one.intersection(&other).count() >= one.len().min(other.len())
}

/// Words that both titles have.
pub(super) fn shared(one: &str, other: &str) -> usize {
    words(&fold(one)).intersection(&words(&fold(other))).count()
}

fn words(folded: &str) -> HashSet<String> {
    folded.split(' ').map(str::to_owned).collect()
}

/// Two titles that surely name different things: both have words enough in the same script, and no stem is in both.
pub(super) fn titles_clash(one: &str, other: &str) -> bool {
    // Beginnings of what every other title says.
    const COMMON: [&str; 14] =
        ["crea", "adde", "impl", "upda", "remo", "repl", "buil", "with", "from", "into", "test", "migr", "refa", "unit"];
    let stems = |text: &str| -> HashSet<String> {
        let folded = fold(text);
        let long = folded.split(' ').filter(|word| word.is_ascii() && word.len() >= 4).map(|word| word[..4].to_owned());
        long.filter(|stem| !COMMON.contains(&stem.as_str())).collect()
    };
    let (one, other) = (stems(one), stems(other));
    one.len() >= 2 && other.len() >= 2 && one.is_disjoint(&other)
}
