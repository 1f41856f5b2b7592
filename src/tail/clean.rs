//! Bytes of one line → text without controls, escape sequences and bidi controls.
//!
//! Text from files is hostile and ends up in terminals and pages: whatever could move a cursor, hide text or reverse
//! it is removed here. Visible characters are never changed.

use std::borrow::Cow;

/// Decodes one line (without its line end) and cleans it. Invalid UTF-8 becomes U+FFFD.
pub fn clean_line(bytes: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => clean_text(text),
        Cow::Owned(text) => Cow::Owned(clean_text(&text).into_owned()),
    }
}

/// Cleans text that is decoded already.
pub fn clean_text(text: &str) -> Cow<'_, str> {
    let is_plain = is_visible_ascii(text.as_bytes()) || text.bytes().fold(true, |plain, byte| plain & is_plain_byte(byte));
    if is_plain || !text.chars().any(is_unwanted) { Cow::Borrowed(text) } else { Cow::Owned(strip_controls(text)) }
}

/// The longest prefix that is valid UTF-8.
pub fn utf8_prefix(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// The bytes without an incomplete character at their end, as a cut or an unfinished write leaves one.
pub fn without_cut_character(bytes: &[u8]) -> &[u8] {
    // A character has at most four bytes, so its first byte is among the last three when something is missing.
    for back in 1..=bytes.len().min(3) {
        let first = bytes[bytes.len() - back];
        let wanted = match first {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => 1,
        };
        return if wanted > back { &bytes[..bytes.len() - back] } else { bytes };
    }
    bytes
}

/// Whether all bytes are visible ASCII or tabs, as in most lines. Compares 16 bytes at a time, which is vectorised; the last 16 overlap the
/// ones before, which is faster than byte by byte.
fn is_visible_ascii(bytes: &[u8]) -> bool {
    const STEP: usize = 16;
    let visible = |byte: &u8| (byte.wrapping_sub(b' ') <= b'~' - b' ') | (*byte == b'\t');
    let all = |part: &[u8; STEP]| part.iter().fold(true, |all, byte| all & visible(byte));
    let (parts, rest) = bytes.as_chunks::<STEP>();
    parts.iter().all(all) && bytes.last_chunk::<STEP>().map_or_else(|| rest.iter().all(visible), all)
}

/// Whether no unwanted character starts with this byte. The test of bytes is vectorised; only lines that fail it are tested by character.
/// The last four are the first bytes of U+0080–U+00BF, U+0600–U+063F, U+2000–U+2FFF and U+F000–U+FFFF.
fn is_plain_byte(byte: u8) -> bool {
    !matches!(byte, 0..=8 | 10..=31 | 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef)
}

fn is_unwanted(c: char) -> bool {
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
    let mut rest = text;
    loop {
        let (plain, behind) = rest.split_at(rest.bytes().position(|byte| !is_plain_byte(byte)).unwrap_or(rest.len()));
        kept.push_str(plain);
        let Some(c) = behind.chars().next() else { return kept };
        rest = &behind[c.len_utf8()..];
        rest = match c {
            '\u{1b}' => after_escape(rest),
            // The one-character form of `ESC [`. Only a whole sequence counts: U+009B also comes from badly decoded text.
            '\u{9b}' => after_parameters(rest).0,
            _ => {
                if !is_unwanted(c) {
                    kept.push(c);
                }
                rest
            }
        };
    }
}

/// The text after an escape sequence; `rest` starts after the escape character.
fn after_escape(rest: &str) -> &str {
    match rest.bytes().next() {
        Some(b'[') => {
            let rest = &rest[1..];
            match after_parameters(rest) {
                (after, true) => after,
                // The sequence is incomplete: its parameters are not text either.
                (_, false) => rest.trim_start_matches(|c| matches!(c, ' '..='?')),
            }
        }
        // OSC, DCS, SOS, PM, APC: a string up to its terminator, or to the end of the line.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => after_string(&rest[1..]),
        Some(b' '..=b'~') => {
            let rest = rest.trim_start_matches(|c| matches!(c, ' '..='/'));
            match rest.bytes().next() {
                Some(b'0'..=b'~') => &rest[1..],
                _ => rest,
            }
        }
        _ => rest,
    }
}

/// The text after `parameters intermediates final` of a control sequence, and whether the sequence was complete.
fn after_parameters(rest: &str) -> (&str, bool) {
    let behind = rest.trim_start_matches(|c| matches!(c, '0'..='?')).trim_start_matches(|c| matches!(c, ' '..='/'));
    match behind.bytes().next() {
        Some(b'@'..=b'~') => (&behind[1..], true),
        _ => (rest, false),
    }
}

fn after_string(rest: &str) -> &str {
    for (at, c) in rest.char_indices() {
        match c {
            '\u{7}' | '\u{9c}' => return &rest[at + c.len_utf8()..],
            '\u{1b}' => return rest[at + 1..].strip_prefix('\\').unwrap_or(&rest[at..]),
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn table() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain \ttext", "plain \ttext"),
            ("grün ✓ 日本語".as_bytes(), "grün ✓ 日本語"),
            (b"\x1b[1;32mok\x1b[0m done", "ok done"),
            (b"\x1b[38:2::1:2:3mcolon\x1b[m", "colon"),
            (b"\x1b[?25l\x1b[2K[US-001] Starting", "[US-001] Starting"),
            (b"\x1b]0;a title\x07text", "text"),
            (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            (b"\x1bPq#0;2;0\x1b\\after", "after"),
            (b"\x1b]never ended", ""),
            (b"\x1b]0;broken off\x1b[31mred", "red"),
            (b"\x1b(B\x1b=x\x1b", "x"),
            (b"\x1b[", ""),
            (b"\x1b[12;", ""),
            (b"\x1b[12\xc3\xa4", "ä"),
            ("\u{9b}31mred".as_bytes(), "red"),
            ("a\u{9d}b\u{85}c".as_bytes(), "abc"),
            (b"nul\0bell\x07back\x08del\x7fff\x0cvt\x0b", "nulbellbackdelffvt"),
            ("a\u{202e}b\u{2066}c\u{200f}d\u{61c}e\u{feff}f".as_bytes(), "abcdef"),
            ("joined\u{200d}kept".as_bytes(), "joined\u{200d}kept"),
            (b"bad\xff\xfebytes", "bad\u{fffd}\u{fffd}bytes"),
            (b"\x1b[31m\xffred", "\u{fffd}red"),
            (b"", ""),
        ];
        for (bytes, expected) in cases {
            assert_eq!(clean_line(bytes), *expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_character_that_is_cut_off_is_dropped() {
        for text in ["a", "é", "✓", "🎉", "ab✓"] {
            let bytes = text.as_bytes();
            assert_eq!(without_cut_character(bytes), bytes);
            let last = text.chars().last().map_or(0, char::len_utf8);
            for missing in 1..last {
                assert_eq!(without_cut_character(&bytes[..bytes.len() - missing]), &bytes[..bytes.len() - last], "{text}");
            }
        }
        assert_eq!(without_cut_character(b"\x80\x80\x80\x80"), b"\x80\x80\x80\x80");
    }

    proptest! {
        #[test]
        fn nothing_unwanted_is_left(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x1b), Just(b'['), Just(b']'), Just(b'm')], 0..200)) {
            let cleaned = clean_line(&bytes).into_owned();
            prop_assert!(!cleaned.chars().any(is_unwanted));
            prop_assert_eq!(clean_text(&cleaned), cleaned.as_str());
        }

        #[test]
        fn visible_text_stays(text in "[ -~äöü✓日\t]{0,80}") {
            prop_assert_eq!(clean_line(text.as_bytes()), text.as_str());
        }
    }
}
