//! The names of the code: a type name is defined once, a predicate changes nothing, and words that name nothing only become fewer.
//!
//! A name is searched for before it is read: a second type of the same name, a question that changes something and a word with six
//! meanings each send the reader to the wrong place.

use std::collections::BTreeMap;

use crate::source_files::sources;

/// Type names that are still defined in more than one module. The list may only become shorter.
const CLASHING_TYPES: &[&str] =
    &["Attempt", "Block", "Cursor", "Draft", "Found", "Item", "Label", "Mark", "Place", "Reading", "Record", "RunEnd", "Section"];

/// Words that are no part of a name: images, verbs of speech for data, and words with several meanings. The standard term says more:
/// `partial_line`, `index`, `emitted`, `poll`.
const VAGUE_WORDS: &[&str] = &[
    "deed", "deeds", "ears", "hand", "hear", "heard", "house", "judge", "judged", "look", "looks", "mouth", "news", "patient", "place",
    "places", "rest", "said", "say", "says", "seen", "tell", "tells", "told",
];

/// How often a module may still use them in names; a module that is not listed uses none. Lower a number with each use that goes: the
/// failure of this test prints the whole table.
const VAGUE_USES: &[(&str, &[(&str, usize)])] = &[
    (
        "format",
        &[
            ("judged", 1),
            ("looks", 26),
            ("place", 82),
            ("rest", 236),
            ("said", 20),
            ("say", 6),
            ("says", 9),
            ("seen", 282),
            ("tell", 8),
            ("told", 18),
        ],
    ),
    ("lex", &[("news", 4), ("say", 2), ("seen", 1)]),
    ("record", &[("says", 1), ("tell", 1)]),
    ("tail", &[("place", 2), ("rest", 19), ("said", 17), ("says", 2), ("seen", 22), ("tell", 4), ("told", 7)]),
];

struct Module {
    /// `tail::splitter`; a file `mod.rs` is its folder.
    name: String,
    /// Its lines without comments and without the contents of strings.
    lines: Vec<String>,
}

#[test]
fn a_type_name_is_defined_once() {
    let mut definitions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for module in modules() {
        for name in module.lines.iter().filter_map(|line| type_name(line)) {
            definitions.entry(name.to_owned()).or_default().push(module.name.clone());
        }
    }
    definitions.retain(|_, modules| modules.len() > 1);
    let clashes: Vec<_> = definitions.iter().filter(|(name, _)| !CLASHING_TYPES.contains(&name.as_str())).collect();
    assert!(clashes.is_empty(), "give each its own name: {clashes:#?}");
    let gone: Vec<_> = CLASHING_TYPES.iter().filter(|name| !definitions.contains_key(**name)).collect();
    assert!(gone.is_empty(), "no longer defined twice, take them off the list: {gone:?}");
}

#[test]
fn predicates_change_nothing() {
    let mut changing = Vec::new();
    for module in modules() {
        // A signature may go over several lines; rustfmt puts its receiver on the first or on a line of its own.
        for pair in module.lines.windows(2) {
            let Some(name) = predicate_name(&pair[0]) else { continue };
            if pair[0].contains("&mut self") || pair[1].trim() == "&mut self," {
                changing.push(format!("{}::{name}", module.name));
            }
        }
    }
    assert!(changing.is_empty(), "`is_` and `has_` ask; a function that changes something is a verb: {changing:#?}");
}

#[test]
fn vague_words_become_fewer() {
    let uses = vague_uses(&modules());
    let mut wrong = Vec::new();
    for (module, words) in &uses {
        for (word, count) in words {
            let allowed = allowed_uses(module, word);
            if *count > allowed {
                wrong.push(format!("{module} uses `{word}` {count} times in names, not {allowed}: use the standard term"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}\nThe whole table as it is now:\n{}", table(&uses));
}

#[test]
fn names_are_found_in_every_form() {
    assert_eq!(type_name("pub(crate) struct Told<'a> {"), Some("Told"));
    assert_eq!(type_name("    enum Step {"), Some("Step"));
    assert_eq!(type_name("type Counts = HashMap<Slot, u32>;"), Some("Counts"));
    assert_eq!(type_name("    type Err = ();"), None, "an associated type is named by its trait");
    assert_eq!(type_name("let structure = 1;"), None);
    assert_eq!(predicate_name("    pub fn is_here(&mut self) -> bool {"), Some("is_here"));
    assert_eq!(predicate_name("    pub fn island(&mut self) {"), None);
    assert_eq!(words("PlaceOf rest_of said2 HTTPSeen restore"), ["place", "of", "rest", "of", "said", "http", "seen", "restore"]);
    assert_eq!(code_of("let said = \"it said \\\" so\"; // told"), "let said = \"\"; ");
    assert_eq!(code_of("let quote = '\"'; let said = 1;"), "let quote = ''; let said = 1;");
}

/// The sources with their tests. `tests.rs`, `tests/` and `*_tests.rs` belong to the module they test.
fn modules() -> Vec<Module> {
    sources().into_iter().map(|file| Module { name: file.module(), lines: file.text.lines().map(code_of).collect() }).collect()
}

/// The type that a line defines. Associated types, which are indented, are named by their trait.
fn type_name(line: &str) -> Option<&str> {
    let definition = without_visibility(line.trim_start());
    let (keyword, after) = definition.split_once(' ')?;
    let is_definition = ["struct", "enum", "trait", "union"].contains(&keyword) || (keyword == "type" && !line.starts_with(' '));
    is_definition.then(|| identifier(after))
}

/// The `is_…` or `has_…` function that a line begins to define.
fn predicate_name(line: &str) -> Option<&str> {
    let name = identifier(without_visibility(line.trim_start()).strip_prefix("fn ")?);
    (name.starts_with("is_") || name.starts_with("has_")).then_some(name)
}

fn without_visibility(definition: &str) -> &str {
    match definition.strip_prefix("pub") {
        Some(after) => after.strip_prefix('(').and_then(|after| after.split_once(')')).map_or(after, |(_, after)| after).trim_start(),
        None => definition,
    }
}

fn identifier(text: &str) -> &str {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
}

/// Uses of vague words by module (the first part of its name) and word.
fn vague_uses(modules: &[Module]) -> BTreeMap<String, BTreeMap<&'static str, usize>> {
    let mut uses: BTreeMap<String, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for module in modules {
        let folder = module.name.split("::").next().unwrap_or_default();
        for word in module.lines.iter().flat_map(|line| words(line)) {
            if let Some(vague) = VAGUE_WORDS.iter().find(|vague| **vague == word) {
                *uses.entry(folder.to_owned()).or_default().entry(vague).or_default() += 1;
            }
        }
    }
    uses
}

fn allowed_uses(module: &str, word: &str) -> usize {
    let words = VAGUE_USES.iter().find(|(listed, _)| *listed == module).map_or(&[][..], |(_, words)| *words);
    words.iter().find(|(listed, _)| *listed == word).map_or(0, |(_, allowed)| *allowed)
}

fn table(uses: &BTreeMap<String, BTreeMap<&'static str, usize>>) -> String {
    let row = |(module, words): (&String, &BTreeMap<&str, usize>)| {
        let words: Vec<String> = words.iter().map(|(word, count)| format!("({word:?}, {count})")).collect();
        format!("    ({module:?}, &[{}]),\n", words.join(", "))
    };
    uses.iter().map(row).collect()
}

/// The words of a line's names in lower case: `PlaceOf` is `place` and `of`.
fn words(line: &str) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && (before.is_some_and(char::is_lowercase)
                || (before.is_some_and(char::is_uppercase) && after.is_some_and(|c| c.is_lowercase())));
        if !letter.is_alphabetic() || begins {
            words.push(String::new());
        }
        if letter.is_alphabetic() {
            words.last_mut().expect("there is always one").extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A line without its comment and without what its strings and characters hold. A string that goes over several lines is taken for
/// code from its second line on: it may use up some of a module's number, and hides nothing.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '/' if letters.peek() == Some(&'/') => break,
            '"' => {
                while let Some(inner) = letters.next().filter(|inner| *inner != '"') {
                    if inner == '\\' {
                        letters.next();
                    }
                }
                code.push_str("\"\"");
            }
            // A character; a lifetime has no second quote that soon.
            '\'' if letters.clone().nth(1) == Some('\'') => {
                letters.nth(1);
                code.push_str("''");
            }
            _ => code.push(letter),
        }
    }
    code
}
