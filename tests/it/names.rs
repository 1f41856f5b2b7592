//! The names of the code: a type name is defined once, a predicate changes nothing, and words that name nothing are not used.
//!
//! A name is searched for before it is read: a second type of the same name, a question that changes something and a word with six
//! meanings each send the reader to the wrong place.

use std::collections::BTreeMap;

use crate::source_files::sources;

/// Words that are no part of a name: images, verbs of speech for data, and words with several meanings. The standard term says more:
/// `partial_line`, `index`, `emitted`, `poll`.
const VAGUE_WORDS: &[&str] = &[
    "deed", "deeds", "ears", "hand", "hear", "heard", "house", "judge", "judged", "look", "looks", "mouth", "news", "patient", "place",
    "places", "rest", "said", "say", "says", "seen", "tell", "tells", "told",
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
    assert!(definitions.is_empty(), "give each its own name: {definitions:#?}");
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
fn vague_words_are_no_part_of_a_name() {
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for module in modules() {
        for word in module.lines.iter().flat_map(|line| words(line)).filter(|word| VAGUE_WORDS.contains(&word.as_str())) {
            *uses.entry(format!("{}: {word}", module.name)).or_default() += 1;
        }
    }
    assert!(uses.is_empty(), "use the standard term: {uses:#?}");
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
