//! A line's text → tokens, each with the classes of its word. One pass, no meaning yet.

use super::SpanKind;
use super::words::{Class, Classes, Entry, Table};

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
    /// There is a `_` between its letters.
    pub(crate) has_underscore: bool,
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

    /// How many words it counts as.
    pub(crate) fn words(&self) -> u32 {
        if self.kind == TokenKind::Ideographs { ((self.end - self.start) / 9).max(1) } else { 1 }
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
    /// What its bytes and words are, as bits.
    kinds: u8,
    /// Which of the [`SIGNS`] it has, as bits.
    signs: u8,
}

/// Signs that are looked for in a line.
const SIGNS: &[u8] = b"[/-_.:%";

const SIGN_BITS: [u8; 128] = {
    let (mut bits, mut at) = ([0; 128], 0);
    while at < SIGNS.len() {
        bits[SIGNS[at] as usize] = 1 << at;
        at += 1;
    }
    bits
};

impl TokenSums {
    const NONE: TokenSums = TokenSums { classes: Classes::NONE, kinds: 0, signs: 0 };

    /// Whether one is a number, or has digits.
    pub(crate) fn has_digits(&self) -> bool {
        self.kinds & DIGIT != 0
    }

    /// Whether one has letters and digits.
    pub(crate) fn has_mixed(&self) -> bool {
        self.kinds & MIXED != 0
    }

    /// Whether it has characters that are not ASCII.
    pub(crate) fn has_wide(&self) -> bool {
        self.kinds & WIDE != 0
    }

    /// Whether one may begin a time: its numbers have signs between them, or it names a day or a month.
    pub(crate) fn may_have_time(&self) -> bool {
        let is_joined = self.has_mixed() || self.has_wide() || b"-/.:".iter().any(|sign| self.has_sign(*sign));
        (self.has_digits() && is_joined) || self.classes.has(Class::Day) || self.classes.has(Class::Month)
    }

    /// Whether words of it may end with a colon.
    pub(crate) fn may_have_label(&self) -> bool {
        self.has_sign(b':') || self.has_wide()
    }

    /// Whether one may say how something ended.
    pub(crate) fn may_have_mark(&self) -> bool {
        self.classes.any(Classes::MARK) || self.has_sign(b'[')
    }

    /// Whether one may be a duration.
    pub(crate) fn may_have_duration(&self) -> bool {
        self.has_digits() && (self.has_mixed() || self.classes.has(Class::Unit))
    }

    /// Whether two may be a counter.
    pub(crate) fn may_have_counter(&self) -> bool {
        self.has_digits() && (self.has_sign(b'/') || self.has_sign(b'%'))
    }

    /// Whether the line has this one of the [`SIGNS`].
    pub(crate) fn has_sign(&self, sign: u8) -> bool {
        self.signs & SIGN_BITS[usize::from(sign)] != 0
    }

    /// Whether two words may be joined to an id.
    pub(crate) fn has_joint(&self) -> bool {
        self.has_sign(b'-') || self.has_sign(b'_') || self.kinds & UNDERSCORE != 0
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
    let mut sums = TokenSums::NONE;
    let mut has_phrases = false;
    let table = Table::get();
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut is_spaced = true;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let (kind, entry, kinds) = match BYTE_KINDS[usize::from(byte)] {
            BLANK => {
                at += 1;
                is_spaced = true;
                continue;
            }
            SIGN => {
                at += 1;
                sums.signs |= SIGN_BITS[usize::from(byte)];
                (TokenKind::Punctuation, None, 0)
            }
            WIDE => {
                sums.kinds |= WIDE;
                let ch = text[at..].chars().next().unwrap_or('\u{fffd}');
                at += ch.len_utf8();
                if is_ideograph(ch) {
                    while let Some(more) = text[at..].chars().next().filter(|ch| is_ideograph(*ch)) {
                        at += more.len_utf8();
                    }
                    let before = tokens.len();
                    ideographs(text, start, at, is_spaced, table, tokens);
                    sums.classes = tokens[before..].iter().fold(sums.classes, |all, token| all.union(token.classes));
                    has_phrases = true;
                    is_spaced = false;
                    continue;
                } else if ch.is_whitespace() {
                    is_spaced = true;
                    continue;
                } else if is_punctuation(ch) {
                    (TokenKind::Punctuation, None, 0)
                } else if ch.is_alphanumeric() {
                    word(text, start, &mut at, table)
                } else {
                    while let Some(more) = text[at..].chars().next().filter(|ch| is_joined(*ch)) {
                        at += more.len_utf8();
                    }
                    (TokenKind::Symbol, table.word(&text[start..start + ch.len_utf8()]), 0)
                }
            }
            // A digit, a letter.
            _ => word(text, start, &mut at, table),
        };
        let classes = entry.map_or(Classes::NONE, |entry| entry.classes);
        let begins_phrase = kind == TokenKind::Word && entry.is_some_and(|entry| !entry.phrases.is_empty());
        has_phrases |= begins_phrase;
        sums.classes = sums.classes.union(classes);
        sums.kinds |= kinds;
        let has_underscore = kinds & UNDERSCORE != 0;
        let (start, end) = (start as u32, at as u32);
        tokens.push(TextToken { start, end, kind, is_spaced, has_underscore, classes, begins_phrase, reach: 1, taken: None });
        is_spaced = false;
    }
    if has_phrases {
        sums.classes = sums.classes.union(phrases(text, table, tokens));
    }
    sums
}

/// What a byte is, as bits: those of a word's bytes are joined. `BLANK` and `SIGN` are of no word.
const DIGIT: u8 = 1;
const LETTER: u8 = 2;
/// Of a character that is not ASCII.
const WIDE: u8 = 4;
const UNDERSCORE: u8 = 8;
const BLANK: u8 = 16;
const SIGN: u8 = 32;
/// Of a word with letters and digits; no byte is of this kind.
const MIXED: u8 = 64;

const BYTE_KINDS: [u8; 256] = {
    let mut kinds = [SIGN; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            byte if byte.is_ascii_whitespace() => BLANK,
            0x80.. => WIDE,
            _ => SIGN,
        };
        byte += 1;
    }
    kinds
};

/// Moves `at` from `start` to the end of the word there: letters and digits of any script with blanks, `_` between them. Returns its kind,
/// what the table has of it, and what its bytes are.
fn word<'w>(text: &str, start: usize, at: &mut usize, table: &'w Table) -> (TokenKind, Option<&'w Entry>, u8) {
    let bytes = text.as_bytes();
    let mut kinds = 0;
    let mut end = start;
    loop {
        while let Some(kind) = bytes.get(end).map(|byte| BYTE_KINDS[usize::from(*byte)]).filter(|kind| kind & (DIGIT | LETTER) != 0) {
            kinds |= kind;
            end += 1;
        }
        match bytes.get(end) {
            Some(b'_') if end > start && bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric) => {
                kinds |= LETTER | UNDERSCORE;
                end += 1;
            }
            Some(0x80..) => {
                let Some(ch) = text[end..].chars().next().filter(|ch| ch.is_alphanumeric() && !is_ideograph(*ch)) else { break };
                kinds |= WIDE;
                end += ch.len_utf8();
            }
            Some(_) | None => break,
        }
    }
    *at = end;
    let kind = match (kinds & (LETTER | WIDE) != 0, kinds & DIGIT != 0) {
        (true, true) => {
            kinds |= MIXED;
            TokenKind::Mixed
        }
        (false, true) => return (TokenKind::Number, None, kinds),
        (_, false) => TokenKind::Word,
    };
    let entry = if kinds & WIDE == 0 { table.ascii_word(&text[start..end]) } else { table.word(&text[start..end]) };
    (kind, entry, kinds)
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
                has_underscore: false,
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

/// Adds the classes of phrases to their first tokens; returns them all.
fn phrases(text: &str, table: &Table, tokens: &mut [TextToken]) -> Classes {
    let mut all = Classes::NONE;
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
                all = all.union(phrase.classes);
                if phrase.classes.any(Classes::MARK) {
                    tokens[at].reach = tokens[at].reach.max(1 + phrase.remainder.len() as u8);
                }
            }
        }
    }
    all
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
