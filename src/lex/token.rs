//! A line's text → tokens, each with the classes of its word. One pass, no meaning yet.

use super::SpanKind;
use super::words::{Class, Classes, Table, WordHash};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Letters (and `_` between them) only.
    Word,
    /// ASCII digits only.
    Number,
    /// Letters and digits.
    Mixed,
    /// A word of the table, or what stands between two, in a script without blanks.
    Ideographs,
    /// An emoji, arrow or the like.
    Symbol,
    Punctuation,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct TextToken {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) kind: TokenKind,
    /// A blank stands before it, or nothing does.
    pub(crate) is_spaced: bool,
    pub(crate) classes: Classes,
    /// Phrases of the table begin with this word.
    pub(crate) begins_phrase: bool,
    /// How many tokens the marking word or phrase that begins here has.
    pub(crate) reach: u8,
    /// The span that it became part of.
    pub(crate) taken: Option<SpanKind>,
}

impl TextToken {
    pub(crate) fn text<'t>(&self, line: &'t str) -> &'t str {
        &line[self.start as usize..self.end as usize]
    }

    pub(crate) fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// It is a word, a number or the like: not punctuation.
    pub(crate) fn is_wordy(&self) -> bool {
        !matches!(self.kind, TokenKind::Symbol | TokenKind::Punctuation)
    }

    /// Free text: a word that no span has taken.
    pub(crate) fn is_free(&self) -> bool {
        self.is_wordy() && self.taken.is_none()
    }

    pub(crate) fn is_number(&self) -> bool {
        self.kind == TokenKind::Number
    }

    pub(crate) fn is(&self, line: &str, mark: u8) -> bool {
        self.len() == 1 && line.as_bytes()[self.start as usize] == mark
    }
}

/// What the tokens of a line have between them: which spans can be there at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenSums {
    pub(crate) classes: Classes,
    /// One is a number, or has digits.
    pub(crate) has_digits: bool,
    pub(crate) has_mixed: bool,
}

impl TokenSums {
    fn add(&mut self, token: &TextToken) {
        self.classes = self.classes.union(token.classes);
        self.has_digits |= matches!(token.kind, TokenKind::Number | TokenKind::Mixed);
        self.has_mixed |= token.kind == TokenKind::Mixed;
    }

    /// Whether one may begin a time.
    pub(crate) fn may_have_time(&self) -> bool {
        self.has_digits || self.classes.has(Class::Day) || self.classes.has(Class::Month)
    }
}

fn is_ideograph(ch: char) -> bool {
    matches!(ch, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}')
}

fn is_punctuation(ch: char) -> bool {
    matches!(ch, '\u{00a1}'..='\u{00bf}' | '\u{2010}'..='\u{205e}' | '\u{3001}'..='\u{3030}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}')
}

/// Part of the symbol before it: variation selectors, joiners, skin tones, keycaps.
fn is_joined(ch: char) -> bool {
    matches!(ch, '\u{fe00}'..='\u{fe0f}' | '\u{200d}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{20e3}')
}

/// Splits `text` into `tokens`, which is emptied first.
pub(crate) fn tokenize(text: &str, tokens: &mut Vec<TextToken>) -> TokenSums {
    tokens.clear();
    let mut has_phrases = false;
    let table = Table::get();
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut is_spaced = true;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        if byte.is_ascii_whitespace() {
            at += 1;
            is_spaced = true;
            continue;
        }
        let (mut hash, mut is_ascii) = (WordHash::START, true);
        let kind = if byte.is_ascii_alphanumeric() {
            let kind;
            (at, kind, hash, is_ascii) = word(text, at);
            kind
        } else if byte.is_ascii() {
            at += 1;
            TokenKind::Punctuation
        } else {
            let ch = text[at..].chars().next().unwrap_or('\u{fffd}');
            at += ch.len_utf8();
            if is_ideograph(ch) {
                while let Some(more) = text[at..].chars().next().filter(|ch| is_ideograph(*ch)) {
                    at += more.len_utf8();
                }
                ideographs(text, start, at, is_spaced, table, tokens);
                has_phrases = true;
                is_spaced = false;
                continue;
            } else if ch.is_whitespace() {
                is_spaced = true;
                continue;
            } else if is_punctuation(ch) {
                TokenKind::Punctuation
            } else if ch.is_alphanumeric() {
                let kind;
                (at, kind, hash, is_ascii) = word(text, start);
                kind
            } else {
                while let Some(more) = text[at..].chars().next().filter(|ch| is_joined(*ch)) {
                    at += more.len_utf8();
                }
                TokenKind::Symbol
            }
        };
        let entry = match kind {
            TokenKind::Number | TokenKind::Punctuation => None,
            TokenKind::Symbol => text[start..at].chars().next().and_then(|ch| table.word(&text[start..start + ch.len_utf8()])),
            _ => table.hashed_word(&text[start..at], hash, is_ascii),
        };
        let classes = entry.map_or(Classes::NONE, |entry| entry.classes);
        let begins_phrase = kind == TokenKind::Word && entry.is_some_and(|entry| !entry.phrases.is_empty());
        has_phrases |= begins_phrase;
        tokens.push(TextToken { start: start as u32, end: at as u32, kind, is_spaced, classes, begins_phrase, reach: 1, taken: None });
        is_spaced = false;
    }
    if has_phrases {
        phrases(text, table, tokens);
    }
    let mut sums = TokenSums { classes: Classes::NONE, has_digits: false, has_mixed: false };
    tokens.iter().for_each(|token| sums.add(token));
    sums
}

/// What a byte is in a word, as bits that add up.
const DIGIT: u8 = 1;
const LETTER: u8 = 2;
/// Of a character that is not ASCII.
const WIDE: u8 = 4;
const UNDERSCORE: u8 = 8;

const WORD_BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        bytes[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'_' => UNDERSCORE,
            0x80.. => WIDE,
            _ => 0,
        };
        byte += 1;
    }
    bytes
};

/// The end of the word at `start`: letters and digits of any script with blanks, `_` between them; what it is looked up by, and whether it is ASCII.
fn word(text: &str, start: usize) -> (usize, TokenKind, WordHash, bool) {
    let bytes = text.as_bytes();
    let mut kinds = 0;
    let mut hash = WordHash::START;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        let mut kind = WORD_BYTES[usize::from(*byte)];
        if kind & (DIGIT | LETTER) == 0 {
            if kind == UNDERSCORE && at > start && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) {
                kind = LETTER;
            } else if kind == WIDE
                && let Some(ch) = text[at..].chars().next().filter(|ch| ch.is_alphanumeric() && !is_ideograph(*ch))
            {
                let last = at + ch.len_utf8() - 1;
                hash = bytes[at..last].iter().fold(hash, |hash, byte| hash.with(*byte));
                at = last;
            } else {
                break;
            }
        }
        kinds |= kind;
        hash = hash.with(bytes[at]);
        at += 1;
    }
    let (has_letter, has_digit) = (kinds & (LETTER | WIDE) != 0, kinds & DIGIT != 0);
    let kind = match (has_letter, has_digit) {
        (true, true) => TokenKind::Mixed,
        (false, true) => TokenKind::Number,
        _ => TokenKind::Word,
    };
    (at.max(start + 1), kind, hash, kinds & WIDE == 0)
}

/// Cuts a run without blanks at the words of the table.
fn ideographs(text: &str, start: usize, end: usize, is_spaced: bool, table: &Table, tokens: &mut Vec<TextToken>) {
    let mut put = |from: usize, to: usize, classes: Classes| {
        if from < to {
            let is_spaced = is_spaced && from == start;
            tokens.push(TextToken {
                start: from as u32,
                end: to as u32,
                kind: TokenKind::Ideographs,
                is_spaced,
                classes,
                // What stands between two words of the table may be a word, too.
                begins_phrase: table.word(&text[from..to]).is_some_and(|entry| !entry.phrases.is_empty()),
                reach: 1,
                taken: None,
            });
        }
    };
    let (mut from, mut at) = (start, start);
    while at < end {
        if let Some((word, entry)) = table.prefix(&text[at..end]) {
            put(from, at, Classes::NONE);
            put(at, at + word.len(), entry.classes);
            at += word.len();
            from = at;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    put(from, end, Classes::NONE);
}

/// Adds the classes of phrases to their first tokens.
fn phrases(text: &str, table: &Table, tokens: &mut [TextToken]) {
    for at in 0..tokens.len() {
        if !tokens[at].begins_phrase {
            continue;
        }
        let Some(entry) = table.word(tokens[at].text(text)) else { continue };
        for phrase in &entry.phrases {
            let remainder = tokens.get(at + 1..at + 1 + phrase.remainder.len());
            if remainder.is_some_and(|remainder| {
                remainder.iter().zip(&phrase.remainder).all(|(token, word)| token.text(text).eq_ignore_ascii_case(word))
            }) {
                tokens[at].classes = tokens[at].classes.union(phrase.classes);
                if phrase.classes.any(Classes::MARK) {
                    tokens[at].reach = tokens[at].reach.max(1 + phrase.remainder.len() as u8);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::Class;
    use super::*;

    fn texts(line: &str) -> Vec<&str> {
        let mut tokens = Vec::new();
        tokenize(line, &mut tokens);
        tokens.iter().map(|token| token.text(line)).collect()
    }

    #[test]
    fn text_falls_into_words_numbers_and_signs() {
        assert_eq!(texts("US-001: it's done_now ✔️!"), ["US", "-", "001", ":", "it", "'", "s", "done_now", "✔️", "!"]);
        assert_eq!(texts("任务完成了 ok"), ["任务", "完成", "了", "ok"]);
        assert_eq!(texts("Завершено—да"), ["Завершено", "—", "да"]);
    }

    #[test]
    fn a_phrase_gives_its_first_word_the_class() {
        let mut tokens = Vec::new();
        tokenize("is In Progress", &mut tokens);
        assert!(tokens[1].classes.has(Class::Open));
        assert_eq!(tokens[1].reach, 2);
    }
}
