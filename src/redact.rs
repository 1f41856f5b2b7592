//! Masks secrets in text that is shown: what looks like a token, the values of names that say they are secret, the user part of URLs, private
//! keys.
//!
//! A net, not a proof: a secret without a shape and without a name passes. What is compared and counted is never masked.

use std::borrow::Cow;
use std::ops::Range;

/// What stands for a secret.
pub const MASK: &str = "***";

/// How tokens begin, and how many characters they have at least. What follows the beginning has letters and digits.
const TOKENS: &[(&str, usize)] = &[
    ("sk-", 20),
    ("sk_live_", 20),
    ("sk_test_", 20),
    ("rk_live_", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("xoxa-", 20),
    ("xoxr-", 20),
    ("xoxs-", 20),
    ("xapp-", 20),
    ("AKIA", 20),
    ("ASIA", 20),
    ("AIza", 35),
    ("ya29.", 20),
    ("npm_", 30),
    ("pypi-", 30),
    ("hf_", 30),
    ("dop_v1_", 30),
    ("SG.", 40),
    ("shpat_", 30),
    ("lin_api_", 30),
    ("eyJ", 40),
];
/// The parts of a name that make its value secret wherever they stand.
const SECRET_PARTS: [&str; 8] = ["SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASSPHRASE", "PWD", "CREDENTIAL", "CREDENTIALS"];
/// Those that do so at the end of a name: `token_count` is a number.
const SECRET_ENDS: [&str; 6] = ["KEY", "APIKEY", "TOKEN", "PASS", "AUTH", "AUTHORIZATION"];
/// A run of this many characters of base64 with both cases and digits is a line of a key.
const KEY_LINE: usize = 60;
/// What follows `Bearer` is shorter than any of [`TOKENS`].
const SHORTEST_TOKEN: usize = 16;

/// The text with every secret in it masked.
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut found = Vec::new();
    // Most texts have no sign of a secret.
    // Without an end of its own, so that many bytes are compared at once.
    let has_dashes = text.as_bytes().windows(2).fold(false, |has, pair| has | (pair[0] == b'-') & (pair[1] == b'-'));
    let has_tokens = has_run(text, SHORTEST_TOKEN);
    if has_dashes || (has_tokens && has_run(text, KEY_LINE)) {
        find_private_keys(text, &mut found);
    }
    if has_dashes {
        runs(text, is_name_byte).for_each(|name| find_value(text, name, &mut found));
    } else {
        names_before_separators(text).for_each(|name| find_value(text, name, &mut found));
    }
    if memchr::memchr_iter(b':', text.as_bytes()).any(|at| text[at + 1..].starts_with("//")) {
        find_user_parts(text, &mut found);
    }
    if has_tokens {
        find_tokens(text, &mut found);
    }
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.retain(|range| !range.is_empty());
    found.sort_by_key(|range| range.start);
    let (mut masked, mut copied) = (String::with_capacity(text.len()), 0);
    for range in found {
        if range.start >= copied {
            masked.push_str(&text[copied..range.start]);
            masked.push_str(MASK);
        }
        copied = copied.max(range.end);
    }
    masked.push_str(&text[copied..]);
    Cow::Owned(masked)
}

/// Whether so many bytes of what tokens and keys are made of stand in a row. Looks at few of the others: every snapshot of the state asks
/// about every title.
fn has_run(text: &str, length: usize) -> bool {
    let is_in = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=');
    let bytes = text.as_bytes();
    // A run that begins after a byte that is in none reaches so far.
    let mut reach = length - 1;
    while let Some(byte) = bytes.get(reach) {
        let mut end = reach;
        if is_in(byte) {
            let start = bytes[..reach].iter().rposition(|byte| !is_in(byte)).map_or(0, |before| before + 1);
            end += bytes[reach..].iter().take_while(|byte| is_in(byte)).count();
            if end - start >= length {
                return true;
            }
        }
        reach = end + length;
    }
    false
}

/// A block from its first line to its last, or to the end of the text; and lines that stand alone.
fn find_private_keys(text: &str, found: &mut Vec<Range<usize>>) {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    for (start, _) in text.match_indices(BEGIN) {
        let label_onwards = &text[start + BEGIN.len()..];
        let Some(label) = label_onwards.split("-----").next().filter(|label| label.contains("PRIVATE KEY")) else { continue };
        let body = (start + BEGIN.len() + label.len() + 5).min(text.len());
        let end = text[body..].find(END).map_or(text.len(), |at| body + at);
        found.push(body..end);
    }
    for range in runs(text, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')) {
        let run = &text[range.clone()];
        let has = |is: fn(&char) -> bool| run.chars().any(|c| is(&c));
        if run.len() >= KEY_LINE && has(char::is_ascii_digit) && has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase) {
            found.push(range);
        }
    }
}

/// What may stand between a name and its separator, before a blank.
const QUOTES: [char; 4] = ['"', '\'', '`', '\\'];

/// The names that stand directly before `=` or `:`: the only ones with a value, but for options (`--name value`).
fn names_before_separators(text: &str) -> impl Iterator<Item = Range<usize>> {
    memchr::memchr2_iter(b'=', b':', text.as_bytes()).filter_map(|at| {
        let end = text[..at].trim_end().trim_end_matches(QUOTES).len();
        let start = text.as_bytes()[..end].iter().rposition(|byte| !is_name_byte(*byte)).map_or(0, |before| before + 1);
        (start < end).then_some(start..end)
    })
}

/// `NAME=value`, `"name": "value"`, `--name value`.
fn find_value(text: &str, name: Range<usize>, found: &mut Vec<Range<usize>>) {
    let unquoted = text[name.end..].trim_start_matches(QUOTES);
    let spaced = unquoted.trim_start();
    let (separator, value) = match spaced.chars().next() {
        Some('=') => ('=', spaced.trim_start_matches(['=', '>'])),
        Some(':') if !spaced.starts_with("://") => (':', spaced.trim_start_matches([':', '='])),
        Some(_) if text[name.clone()].starts_with("--") && spaced.len() < unquoted.len() => (' ', spaced),
        Some(_) | None => return,
    };
    let Some(strength) = strength_of(&text[name]) else { return };
    let value = value.trim_start();
    let bare = value.trim_start_matches(QUOTES);
    let start = text.len() - bare.len();
    let is_quoted = bare.len() < value.len();
    let length = bare
        .find(|c: char| if is_quoted { QUOTES.contains(&c) } else { c.is_whitespace() || ",;&)}]\"'`<>|".contains(c) })
        .unwrap_or(bare.len());
    let value = &bare[..length];
    let is_secret = match separator {
        '=' => !is_placeholder(value) && (strength == Strength::Surely || !is_count(value)),
        _ => !is_placeholder(value) && has_letters_and_more(value),
    };
    if is_secret {
        found.push(start..start + length);
    }
}

/// `user:password@` of a URL; a name alone (`git@`) is none.
fn find_user_parts(text: &str, found: &mut Vec<Range<usize>>) {
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let authority = &text[start..];
        let authority = &authority[..authority.find(|c: char| c.is_whitespace() || "/?#\"'`<>".contains(c)).unwrap_or(authority.len())];
        if let Some((user, _)) = authority.rsplit_once('@')
            && (user.contains(':') || user.len() >= 16)
        {
            found.push(start..start + user.len());
        }
    }
}

fn find_tokens(text: &str, found: &mut Vec<Range<usize>>) {
    let mut after_bearer = false;
    for range in runs(text, is_name_byte) {
        let run = text[range.clone()].trim_end_matches('.');
        let is_token = TOKENS.iter().any(|(prefix, least)| {
            run.len() >= *least && run.strip_prefix(prefix).is_some_and(|own| own.contains(|c: char| c.is_ascii_digit()))
        });
        if is_token || (after_bearer && run.len() >= SHORTEST_TOKEN) {
            found.push(range.start..range.start + run.len());
        }
        after_bearer = run.eq_ignore_ascii_case("bearer");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strength {
    Surely,
    /// Counts have such names, too.
    Perhaps,
}

/// Whether a name says that its value is secret.
fn strength_of(name: &str) -> Option<Strength> {
    /// The length of the shortest of [`SECRET_PARTS`] and [`SECRET_ENDS`].
    const SHORTEST: usize = 3;
    if !name.as_bytes().windows(SHORTEST).any(|letters| letters.iter().all(u8::is_ascii_alphabetic)) {
        return None;
    }
    let is_one_of = |part: &str, words: &[&str]| words.iter().any(|word| part.eq_ignore_ascii_case(word));
    let mut last = None;
    for part in parts(name) {
        if is_one_of(part, &SECRET_PARTS) {
            return Some(Strength::Surely);
        }
        last = Some(part);
    }
    let last = last?;
    let is_constant = !name.contains(|c: char| c.is_ascii_lowercase());
    let ends = is_one_of(last, &SECRET_ENDS) || (is_constant && SECRET_ENDS.iter().any(|end| last.ends_with(end)));
    ends.then_some(Strength::Perhaps)
}

/// `OPENAI_API_KEY`, `api-key` and `apiKey` in their parts.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['_', '-', '.']).flat_map(humps).filter(|part| !part.is_empty())
}

/// `apiKey` in `api` and `Key`.
fn humps(word: &str) -> impl Iterator<Item = &str> {
    let mut left = Some(word);
    std::iter::from_fn(move || {
        let word = left?;
        let begins = |pair: &[u8]| pair[1].is_ascii_uppercase() && (pair[0].is_ascii_lowercase() || pair[0].is_ascii_digit());
        let end = word.as_bytes().windows(2).position(begins).map(|at| at + 1);
        left = end.map(|end| &word[end..]);
        Some(&word[..end.unwrap_or(word.len())])
    })
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// A word that stands for a value, or says that there is none.
fn is_placeholder(value: &str) -> bool {
    value.len() < 3
        || value.starts_with(['$', '<', '{', '%', '*', '('])
        || ["true", "false", "null", "none", "undefined", "yes", "bearer", "basic"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn is_count(value: &str) -> bool {
    value.len() < 8 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Unlike a word of prose.
fn has_letters_and_more(value: &str) -> bool {
    let is_mixed = value.chars().skip(1).any(|c| c.is_ascii_uppercase()) && value.contains(|c: char| c.is_ascii_lowercase());
    value.len() >= 6 && value.contains(|c: char| c.is_ascii_alphabetic()) && (is_mixed || value.contains(|c: char| c.is_ascii_digit()))
}

/// The longest runs of such ASCII characters.
fn runs(text: &str, is_in: impl Fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.as_bytes()[at..].iter().position(|byte| is_in(*byte))?;
        let end = text.as_bytes()[start..].iter().position(|byte| !is_in(*byte)).map_or(text.len(), |length| start + length);
        at = end;
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_masked() {
        for (text, expected) in [
            ("export OPENAI_API_KEY=abcdefgh next", "export OPENAI_API_KEY=*** next"),
            (r#"{"api_key": "a1b2c3d4", "x": 1}"#, r#"{"api_key": "***", "x": 1}"#),
            ("apiKey: 'a1b2c3d4'", "apiKey: '***'"),
            ("DB_PASSWORD=1234", "DB_PASSWORD=***"),
            ("password: hunter2", "password: ***"),
            ("mysql --password hunter2 -u me", "mysql --password *** -u me"),
            ("Authorization: Bearer abcdef0123456789abcdef", "Authorization: Bearer ***"),
            ("cloned https://me:tok3n@host/x.git", "cloned https://***@host/x.git"),
            ("uses ghp_0123456789abcdefghij0123, then", "uses ***, then"),
            ("key is sk-proj-0123456789abcdefghij.", "key is ***."),
            ("AKIA0123456789ABCDEF", "***"),
            (
                "-----BEGIN RSA PRIVATE KEY----- MIIE abc -----END RSA PRIVATE KEY-----",
                "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----",
            ),
            ("SECRET_KEY_BASE=xyzxyz", "SECRET_KEY_BASE=***"),
        ] {
            assert_eq!(mask(text), expected, "{text}");
            assert_eq!(mask(&mask(text)), expected, "a mask is no secret: {text}");
        }
        let line = "MIIEowIBAAKCAQEA7bq0Zz".repeat(3);
        assert_eq!(mask(&line), MASK);
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "LOG_LEVEL=debug",
            "passes: true",
            "Password: required field",
            "max_tokens=4096, tokens: 12345",
            "PASS=12 FAIL=3",
            "AUTH: Add the login page",
            "token: refreshed",
            "AUTHOR=Bob KEYWORDS=a,b",
            "API_KEY=$KEY, api_key: <your key>",
            "see https://example.org/a@b and ssh://git@host/x",
            "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "the sk-learn-pipeline-of-the-shop is done",
            "US-003: Implement authentication",
            "-----BEGIN CERTIFICATE----- abc",
        ] {
            assert_eq!(mask(text), text);
        }
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]
        #[test]
        fn runs_are_found_wherever_they_stand(text in "[ab=/ é]{0,60}", length in 1usize..12) {
            let is_in = |c: char| c.is_ascii_alphanumeric() || matches!(c, '=' | '/');
            prop_assert_eq!(has_run(&text, length), text.split(|c| !is_in(c)).any(|run| run.len() >= length), "{}", text);
        }

        #[test]
        fn what_has_no_sign_of_a_secret_has_none(text in r#"([a-zA-Z0-9/+=:@äé✓\"'.-]{0,20}|sk-|Bearer|--|password|://| ){0,8}"#) {
            let mut found = Vec::new();
            find_private_keys(&text, &mut found);
            runs(&text, is_name_byte).for_each(|name| find_value(&text, name, &mut found));
            find_user_parts(&text, &mut found);
            find_tokens(&text, &mut found);
            found.retain(|range| !range.is_empty());
            prop_assert_eq!(matches!(mask(&text), Cow::Borrowed(_)), found.is_empty(), "{}", text);
        }

        #[test]
        fn a_separator_leads_to_every_name_with_a_value(text in r#"([a-zA-Z0-9=:é"'` \\]{0,8}|api_key|TOKEN|=|: ){0,12}"#) {
            let find = |names: &mut dyn Iterator<Item = Range<usize>>| {
                let mut found = Vec::new();
                names.for_each(|name| find_value(&text, name, &mut found));
                found
            };
            prop_assert_eq!(find(&mut names_before_separators(&text)), find(&mut runs(&text, is_name_byte)), "{}", text);
        }

        #[test]
        fn visible_words_without_a_separator_stay(text in "([a-zäöü✓日]{1,9} ){0,12}") {
            prop_assert_eq!(mask(&text), text.as_str());
        }

        #[test]
        fn a_value_never_survives(before in "[ -~äö]{0,20}", after in " [ -~✓]{0,20}") {
            let text = format!("{before} DB_PASSWORD=qX7wv9Zk{after}");
            prop_assert!(!mask(&text).contains("qX7wv9Zk"), "{}", text);
        }
    }
}
