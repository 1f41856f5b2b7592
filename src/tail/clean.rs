//! Bytes of one line → text: decoding, and no character that is cut in half. What a decoded text must not hold is known to `text`.

use std::borrow::Cow;

use crate::text::clean_line_text;

/// Decodes one line (without its line end) and cleans it. Invalid UTF-8 becomes U+FFFD.
pub fn clean_line(bytes: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => clean_line_text(text),
        Cow::Owned(text) => Cow::Owned(clean_line_text(&text).into_owned()),
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::is_unwanted;

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
        #![proptest_config(crate::property::config(256))]
        #[test]
        fn nothing_unwanted_is_left(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x1b), Just(b'['), Just(b']'), Just(b'm')], 0..200)) {
            let cleaned = clean_line(&bytes).into_owned();
            prop_assert!(!cleaned.chars().any(is_unwanted));
            prop_assert_eq!(clean_line_text(&cleaned), cleaned.as_str());
        }

        #[test]
        fn visible_text_stays(text in "[ -~äöü✓日\t]{0,80}") {
            prop_assert_eq!(clean_line(text.as_bytes()), text.as_str());
        }
    }
}
