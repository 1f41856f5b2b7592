//! Text without anything that moves a cursor, hides text or turns it around: the one gate that text from files passes, whether it comes as a
//! line, out of a JSON string or as the name of a file.
//!
//! Text from files is hostile and ends up in terminals and pages. Visible characters are never changed.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path as readers of the stream may see it: a relative one as it is, of an absolute one the file's name and its folder's. The folders
/// of this machine are nobody else's business.
pub fn last_names(path: &Path) -> String {
    if path.is_relative() {
        return path.display().to_string();
    }
    let folder = path.parent().and_then(Path::file_name).map(Path::new).unwrap_or(Path::new(""));
    folder.join(path.file_name().unwrap_or_default()).display().to_string()
}

/// At most `limit` characters: a longer text ends with an ellipsis.
pub(crate) fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    match first_chars(text, limit).len() < text.len() {
        true => Cow::Owned(format!("{}…", first_chars(text, limit.saturating_sub(1)))),
        false => Cow::Borrowed(text),
    }
}

/// One line of clean text. There is no way to make one that is not clean; a clone is cheap.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CleanText(Arc<str>);

impl CleanText {
    /// Cleans `text`; what breaks a line in it becomes a space.
    pub fn new(text: &str) -> Self {
        CleanText(clean(text).into())
    }

    /// The first characters of a text, so many at most. Shares one that is not longer.
    pub(crate) fn first_chars(text: &Arc<str>, count: usize) -> Self {
        match first_chars(text, count) {
            whole if whole.len() == text.len() => text.clone().into(),
            start => start.into(),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the two are one text in memory.
    pub(crate) fn is_same(&self, other: &CleanText) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for CleanText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for CleanText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for CleanText {
    fn from(text: &str) -> Self {
        CleanText::new(text)
    }
}

impl From<String> for CleanText {
    fn from(text: String) -> Self {
        CleanText::new(&text)
    }
}

impl From<&String> for CleanText {
    fn from(text: &String) -> Self {
        CleanText::new(text)
    }
}

impl From<Arc<str>> for CleanText {
    fn from(text: Arc<str>) -> Self {
        match clean(&text) {
            Cow::Borrowed(same) if same.len() == text.len() => CleanText(text),
            cleaned => CleanText(cleaned.into()),
        }
    }
}

impl From<CleanText> for Arc<str> {
    fn from(text: CleanText) -> Self {
        text.0
    }
}

impl FromIterator<char> for CleanText {
    fn from_iter<I: IntoIterator<Item = char>>(text: I) -> Self {
        CleanText::from(text.into_iter().collect::<String>())
    }
}

impl From<&CleanText> for String {
    fn from(text: &CleanText) -> Self {
        text.as_str().to_owned()
    }
}

impl Borrow<str> for CleanText {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq<str> for CleanText {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for CleanText {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl PartialEq<String> for CleanText {
    fn eq(&self, other: &String) -> bool {
        *self.0 == **other
    }
}

impl fmt::Display for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for CleanText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

/// Cleans, too: what was written by another version or another program is no cleaner than a log.
impl<'de> Deserialize<'de> for CleanText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(CleanText::new(&Cow::<'de, str>::deserialize(from)?))
    }
}

/// The first characters of a text, so many at most.
pub fn first_chars(text: &str, count: usize) -> &str {
    // A text has at least as many bytes as characters.
    if text.len() <= count { text } else { text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end]) }
}

/// Cleans a text that may hold several lines, as a JSON string does: each is cleaned, and they stand on one.
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_visible_ascii(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    if !text.contains(is_line_break) {
        return clean_line_text(text);
    }
    let mut joined = String::with_capacity(text.len());
    for line in text.split(is_line_break).map(clean_line_text) {
        if !joined.is_empty() && !line.trim().is_empty() {
            joined.push(' ');
        }
        joined.push_str(line.trim());
    }
    Cow::Owned(joined)
}

/// Cleans what is written to a terminal: its lines stay lines.
pub fn clean_lines(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| line.strip_suffix('\n').map_or_else(|| clean(line).into_owned(), |line| format!("{}\n", clean(line))))
        .collect()
}

/// JSON in which every number that no double holds (`1e999`) is `null`: its field is dropped, not the record. `None` when there is none.
pub fn without_huge_numbers(json: &str) -> Option<String> {
    let (mut kept, mut copied) = (String::new(), 0);
    let (mut inside, mut escaped, mut number) = (false, false, None);
    for (at, byte) in json.bytes().chain([b' ']).enumerate() {
        let is_in_number = !inside && matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        match (number, is_in_number) {
            (None, true) => number = Some(at),
            (Some(start), false) => {
                number = None;
                if json[start..at].parse::<f64>().is_ok_and(f64::is_infinite) {
                    kept.push_str(&json[copied..start]);
                    kept.push_str("null");
                    copied = at;
                }
            }
            (None, false) | (Some(_), true) => {}
        }
        match byte {
            b'"' if !escaped => inside = !inside,
            b'\\' if inside && !escaped => {
                escaped = true;
                continue;
            }
            _ => {}
        }
        escaped = false;
    }
    (copied > 0).then(|| kept + &json[copied..])
}

/// Cleans one line of decoded text.
pub fn clean_line_text(text: &str) -> Cow<'_, str> {
    let is_plain = is_visible_ascii(text.as_bytes()) || text.bytes().fold(true, |plain, byte| plain & is_plain_byte(byte));
    if is_plain || !text.chars().any(is_unwanted) { Cow::Borrowed(text) } else { Cow::Owned(strip_controls(text)) }
}

/// What some program or other begins a new line at.
fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether all bytes are visible ASCII or tabs, as in most lines. Compares 16 bytes at a time, which is vectorised; the last 16 overlap the
/// ones before, which is faster than byte by byte.
fn is_visible_ascii(bytes: &[u8]) -> bool {
    const STEP: usize = 16;
    let visible = |byte: &u8| (byte.wrapping_sub(b' ') <= b'~' - b' ') | (*byte == b'\t');
    let all = |part: &[u8; STEP]| part.iter().fold(true, |all, byte| all & visible(byte));
    let (parts, remaining) = bytes.as_chunks::<STEP>();
    parts.iter().all(all) && bytes.last_chunk::<STEP>().map_or_else(|| remaining.iter().all(visible), all)
}

/// Whether no unwanted character starts with this byte. The test of bytes is vectorised; only lines that fail it are tested by character.
/// The last four are the first bytes of U+0080–U+00BF, U+0600–U+063F, U+2000–U+2FFF and U+F000–U+FFFF.
fn is_plain_byte(byte: u8) -> bool {
    !matches!(byte, 0..=8 | 10..=31 | 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef)
}

/// Whether the character must not be in clean text.
pub(crate) fn is_unwanted(c: char) -> bool {
    match c {
        '\t' | ' '..='~' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        // Bidi controls, and a byte order mark in the middle of a file that was concatenated from others.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        _ => false,
    }
}

fn strip_controls(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut remaining = text;
    loop {
        let (plain, behind) = remaining.split_at(remaining.bytes().position(|byte| !is_plain_byte(byte)).unwrap_or(remaining.len()));
        kept.push_str(plain);
        let Some(c) = behind.chars().next() else { return kept };
        remaining = &behind[c.len_utf8()..];
        remaining = match c {
            '\u{1b}' => after_escape(remaining),
            // The one-character form of `ESC [`. Only a whole sequence counts: U+009B also comes from badly decoded text.
            '\u{9b}' => after_parameters(remaining).0,
            _ => {
                if !is_unwanted(c) {
                    kept.push(c);
                }
                remaining
            }
        };
    }
}

/// The text after an escape sequence; `remaining` starts after the escape character.
fn after_escape(remaining: &str) -> &str {
    match remaining.bytes().next() {
        Some(b'[') => {
            let remaining = &remaining[1..];
            match after_parameters(remaining) {
                (after, true) => after,
                // The sequence is incomplete: its parameters are not text either.
                (_, false) => remaining.trim_start_matches(|c| matches!(c, ' '..='?')),
            }
        }
        // OSC, DCS, SOS, PM, APC: a string up to its terminator, or to the end of the line.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => after_string(&remaining[1..]),
        Some(b' '..=b'~') => {
            let remaining = remaining.trim_start_matches(|c| matches!(c, ' '..='/'));
            match remaining.bytes().next() {
                Some(b'0'..=b'~') => &remaining[1..],
                _ => remaining,
            }
        }
        _ => remaining,
    }
}

/// The text after `parameters intermediates final` of a control sequence, and whether the sequence was complete.
fn after_parameters(remaining: &str) -> (&str, bool) {
    let behind = remaining.trim_start_matches(|c| matches!(c, '0'..='?')).trim_start_matches(|c| matches!(c, ' '..='/'));
    match behind.bytes().next() {
        Some(b'@'..=b'~') => (&behind[1..], true),
        _ => (remaining, false),
    }
}

fn after_string(remaining: &str) -> &str {
    for (at, c) in remaining.char_indices() {
        match c {
            '\u{7}' | '\u{9c}' => return &remaining[at + c.len_utf8()..],
            '\u{1b}' => return remaining[at + 1..].strip_prefix('\\').unwrap_or(&remaining[at..]),
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_is_one_line_without_controls() {
        for (text, expected) in [
            ("plain \ttext", "plain \ttext"),
            ("one\ntwo\r\nthree\u{2028}four\u{85}five", "one two three four five"),
            ("\n\n", ""),
            ("\u{1b}]52;c;aGk=\u{7}copied", "copied"),
            ("\u{1b}]never ended\nnext line", "next line"),
            ("\u{9b}31mred \u{202e}back", "red back"),
        ] {
            assert_eq!(CleanText::new(text), expected, "{text:?}");
            assert_eq!(CleanText::new(&CleanText::new(text)), expected, "it is clean already");
        }
    }

    #[test]
    fn clean_text_from_json_is_cleaned() {
        let text: CleanText = serde_json::from_str(r#""a\u001b[31mb\u009bKc\u202ed\ne""#).expect("a text");
        assert_eq!(text, "abcd e");
    }

    #[test]
    fn numbers_that_no_double_holds_are_null() {
        for (json, expected) in [
            (r#"{"a": 1e999, "b": [-1e999,2]}"#, Some(r#"{"a": null, "b": [null,2]}"#)),
            (r#"{"a": "1e999 \" 1e999", "b": 1e99}"#, None),
            ("1e400", Some("null")),
            (r#""ü1e999""#, None),
            ("true", None),
        ] {
            assert_eq!(without_huge_numbers(json).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn lines_for_a_terminal_stay_lines() {
        assert_eq!(clean_lines("a\u{1b}[2J\nb\u{9b}31m\n\nc\rd"), "a\nb\n\nc d");
    }
}
