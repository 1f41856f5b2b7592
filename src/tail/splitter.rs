//! Bytes → lines, the same lines whatever the chunks.
//!
//! Handles line ends, byte order marks and the limit of a line. Files are not its job, and control characters are that of `clean`.

use memchr::memchr2_iter;

use crate::line::{LineEnd, Lines, PartialLine};
use crate::tail::clean;
use crate::text::clean_line_text;

/// Longest line, in bytes. The bytes after that, up to the line end, are dropped, and the line is counted as cut.
pub const LIMIT: usize = 1 << 20;

/// The state between two chunks of one file.
#[derive(Debug, Clone)]
pub struct Splitter {
    encoding: Encoding,
    /// Number of the partial line, from 1.
    number: u32,
    /// The partial line as UTF-8, without leading NULs, at most [`LIMIT`] bytes of it.
    partial: Vec<u8>,
    /// The partial line is longer than that.
    over_limit: bool,
    /// The last byte was a carriage return: it ends the line alone, or together with a line feed that follows in the next chunk.
    after_return: bool,
    ended: u64,
    cut: u64,
    last_cut: u32,
}

#[derive(Debug, Clone)]
enum Encoding {
    /// These bytes may be the beginning of a byte order mark.
    Unknown(Vec<u8>),
    Utf8,
    Utf16(Utf16),
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const LITTLE_MARK: &[u8] = b"\xff\xfe";
const BIG_MARK: &[u8] = b"\xfe\xff";

impl Default for Splitter {
    fn default() -> Self {
        Splitter {
            encoding: Encoding::Unknown(Vec::new()),
            number: 1,
            partial: Vec::new(),
            over_limit: false,
            after_return: false,
            ended: 0,
            cut: 0,
            last_cut: 0,
        }
    }
}

impl Splitter {
    /// For the lines from this number on of a file in UTF-8.
    pub fn from_line(number: u32) -> Splitter {
        if number == 1 { Splitter::default() } else { Splitter { encoding: Encoding::Utf8, number, ..Splitter::default() } }
    }

    /// Whether what was read is UTF-8 and ends with a line feed.
    pub fn is_at_line_feed(&self) -> bool {
        matches!(self.encoding, Encoding::Utf8) && self.partial.is_empty() && !self.after_return && !self.over_limit
    }

    /// The same place after an edit of earlier lines; `next` is the number of the next line.
    pub fn renumbered(&self, next: impl FnOnce(u32) -> u32) -> Splitter {
        let number = next(self.number);
        let ended = self.ended.wrapping_add_signed(i64::from(number) - i64::from(self.number));
        Splitter { number, ended, ..self.clone() }
    }

    /// Takes the next bytes of the file; lines that end in them are added to `to`.
    pub fn feed(&mut self, bytes: &[u8], to: &mut Lines) {
        match &mut self.encoding {
            Encoding::Utf8 => self.split(bytes, to),
            Encoding::Utf16(decoder) => {
                let text = decoder.decode(bytes);
                self.split(text.as_bytes(), to);
            }
            Encoding::Unknown(held) => {
                let mut start = std::mem::take(held);
                start.extend_from_slice(bytes);
                let marks = [UTF8_MARK, LITTLE_MARK, BIG_MARK];
                if marks.iter().any(|mark| mark.len() > start.len() && mark.starts_with(&start)) {
                    *held = start;
                    return;
                }
                let mark = marks.into_iter().find(|mark| start.starts_with(mark)).unwrap_or_default();
                self.encoding = match mark {
                    LITTLE_MARK => Encoding::Utf16(Utf16::new(u16::from_le_bytes)),
                    BIG_MARK => Encoding::Utf16(Utf16::new(u16::from_be_bytes)),
                    _ => Encoding::Utf8,
                };
                self.feed(&start[mark.len()..], to);
            }
        }
    }

    /// The partial line, cleaned; `None` when the file ends with a line end or the line is empty.
    pub fn partial(&self) -> Option<PartialLine> {
        let text = clean::clean_line(clean::without_cut_character(&self.partial));
        (!text.is_empty()).then(|| PartialLine { number: self.number, text: text.into_owned() })
    }

    /// Whether there are bytes after the last line end.
    pub fn has_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// How many lines have ended so far.
    pub fn ended(&self) -> u64 {
        self.ended
    }

    /// How many lines were longer than [`LIMIT`], and the number of the last of them.
    pub fn cut(&self) -> (u64, u32) {
        (self.cut, self.last_cut)
    }

    fn split(&mut self, bytes: &[u8], to: &mut Lines) {
        let Some(&first) = bytes.first() else { return };
        let text = clean::utf8_prefix(bytes);
        let mut start = 0;
        if std::mem::take(&mut self.after_return) {
            if first == b'\n' {
                start = 1;
                self.end_line(&[], LineEnd::Feed, to);
            } else {
                self.end_line(&[], LineEnd::Return, to);
            }
        }
        for at in memchr2_iter(b'\n', b'\r', bytes) {
            if at < start {
                continue; // The line feed of a pair whose carriage return has ended the line.
            }
            let (end, next) = match bytes.get(at + 1) {
                _ if bytes[at] == b'\n' => (LineEnd::Feed, at + 1),
                Some(b'\n') => (LineEnd::Feed, at + 2),
                Some(_) => (LineEnd::Return, at + 1),
                None => {
                    self.extend_partial(&bytes[start..at]);
                    self.after_return = true;
                    return;
                }
            };
            match text.get(start..at) {
                // The usual case: the whole line is in this chunk and is valid UTF-8.
                Some(line) if self.partial.is_empty() && line.len() <= LIMIT => self.push(&clean_line_text(line), end, to),
                Some(_) | None => self.end_line(&bytes[start..at], end, to),
            }
            start = next;
        }
        self.extend_partial(&bytes[start..]);
    }

    /// Appends to the partial line.
    fn extend_partial(&mut self, bytes: &[u8]) {
        if self.over_limit {
            return;
        }
        let bytes = if self.partial.is_empty() { without_leading_nuls(bytes) } else { bytes };
        let room = LIMIT - self.partial.len();
        self.over_limit = bytes.len() > room;
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Ends the partial line with these bytes.
    fn end_line(&mut self, bytes: &[u8], end: LineEnd, to: &mut Lines) {
        self.extend_partial(bytes);
        let mut line = std::mem::take(&mut self.partial);
        if std::mem::take(&mut self.over_limit) {
            self.cut += 1;
            self.last_cut = self.number;
            self.push(&clean::clean_line(clean::without_cut_character(&line)), end, to);
        } else {
            self.push(&clean::clean_line(&line), end, to);
        }
        line.clear();
        // After a line of a megabyte the file must not keep a buffer of a megabyte.
        line.shrink_to(4096);
        self.partial = line;
    }

    fn push(&mut self, text: &str, end: LineEnd, to: &mut Lines) {
        to.push(self.number, text, end);
        self.ended += 1;
        if end == LineEnd::Feed {
            self.number = self.number.saturating_add(1);
        }
    }
}

/// The text of a document: decoded like lines, with its line ends, and not cleaned.
pub fn decode_document(mut bytes: Vec<u8>) -> String {
    if let Some(remainder) = bytes.strip_prefix(LITTLE_MARK) {
        Utf16::new(u16::from_le_bytes).decode(remainder)
    } else if let Some(remainder) = bytes.strip_prefix(BIG_MARK) {
        Utf16::new(u16::from_be_bytes).decode(remainder)
    } else {
        if bytes.starts_with(UTF8_MARK) {
            bytes.drain(..UTF8_MARK.len());
        }
        String::from_utf8(bytes).unwrap_or_else(|invalid| String::from_utf8_lossy(invalid.as_bytes()).into_owned())
    }
}

/// When a writer goes on writing to a file that was truncated, zeros fill the gap before its first new line.
fn without_leading_nuls(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len())..]
}

#[derive(Debug, Clone)]
struct Utf16 {
    unit: fn([u8; 2]) -> u16,
    /// The first byte of a unit whose second byte is in the next chunk.
    byte: Option<u8>,
    /// The first half of a surrogate pair whose second half is in the next chunk.
    high: Option<u16>,
}

impl Utf16 {
    fn new(unit: fn([u8; 2]) -> u16) -> Self {
        Utf16 { unit, byte: None, high: None }
    }

    fn decode(&mut self, bytes: &[u8]) -> String {
        let whole = self.byte.take().into_iter().chain(bytes.iter().copied()).collect::<Vec<u8>>();
        let pairs = whole.chunks_exact(2);
        self.byte = pairs.remainder().first().copied();
        let mut units: Vec<u16> = self.high.take().into_iter().chain(pairs.map(|pair| (self.unit)([pair[0], pair[1]]))).collect();
        self.high = units.pop_if(|last| (0xd800..0xdc00).contains(last));
        String::from_utf16_lossy(&units)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Split = (Vec<(u32, String, LineEnd)>, Option<PartialLine>, u64);

    fn split(chunks: &[&[u8]]) -> Split {
        let (mut splitter, mut lines) = (Splitter::default(), Lines::default());
        for chunk in chunks {
            splitter.feed(chunk, &mut lines);
        }
        let lines = lines.iter().map(|line| (line.number, line.text.to_owned(), line.end)).collect();
        (lines, splitter.partial(), splitter.cut().0)
    }

    /// `1:text` ended by a line feed, `1<text` by a carriage return, `1|text` not ended.
    fn check(bytes: &[u8], expected: &[&str]) {
        let (lines, remainder, _) = split(&[bytes]);
        let mut got: Vec<String> =
            lines.iter().map(|(number, text, end)| format!("{number}{}{text}", if *end == LineEnd::Feed { ':' } else { '<' })).collect();
        got.extend(remainder.map(|remainder| format!("{}|{}", remainder.number, remainder.text)));
        assert_eq!(got, expected, "{:?}", String::from_utf8_lossy(bytes));
    }

    fn utf16(text: &str, mark: &[u8], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        mark.iter().copied().chain(text.encode_utf16().flat_map(bytes)).collect()
    }

    #[test]
    fn table() {
        check(b"", &[]);
        check(b"a\nb\n", &["1:a", "2:b"]);
        check(b"a\r\nb\r\n", &["1:a", "2:b"]);
        check(b"a\n\nb", &["1:a", "2:", "3|b"]);
        check(b"10%\r20%\r30%\nnext\n", &["1<10%", "1<20%", "1:30%", "2:next"]);
        check(b"only\rreturns\r", &["1<only", "1|returns"]);
        check(b"a\r\r\nb", &["1<a", "1:", "2|b"]);
        check("a\u{2028}b\u{85}c\x0bd\x0ce\n".as_bytes(), &["1:a\u{2028}bcde"]);
        check(b"\xef\xbb\xbf[US-001] Starting\n", &["1:[US-001] Starting"]);
        check(b"\xef\xbb", &[]);
        check(b"\xef\xbbx\n", &["1:\u{fffd}x"]);
        check(b"bad \xff byte\n", &["1:bad \u{fffd} byte"]);
        check(b"\0\0\0line\n\0\0rest", &["1:line", "2|rest"]);
        check(b"half \xe2\x9c", &["1|half "]);
        check(b"\x1b[0m", &[]);
        check(&utf16("über 🎉\r\nb\n", LITTLE_MARK, u16::to_le_bytes), &["1:über 🎉", "2:b"]);
        check(&utf16("über 🎉\r\nb", BIG_MARK, u16::to_be_bytes), &["1:über 🎉", "2|b"]);
    }

    #[test]
    fn a_line_over_the_limit_is_cut_once() {
        let mut bytes = vec![b'x'; 3 * LIMIT];
        bytes.extend(b"\nnext\n");
        for chunk in [bytes.len(), 1 << 16, LIMIT, LIMIT + 1] {
            let (lines, remainder, cut) = split(&bytes.chunks(chunk).collect::<Vec<_>>());
            assert_eq!(lines.iter().map(|line| line.1.len()).collect::<Vec<_>>(), [LIMIT, 4], "{chunk}");
            assert_eq!((lines[1].0, remainder, cut), (2, None, 1));
        }
        let exact = [vec![b'x'; LIMIT], b"\n".to_vec()].concat();
        assert_eq!(split(&[&exact]).2, 0);
    }

    #[test]
    fn a_character_on_the_limit_is_dropped_whole() {
        let text = format!("{}✓✓\n", "x".repeat(LIMIT - 1));
        let (lines, ..) = split(&[text.as_bytes()]);
        assert_eq!(lines[0].1, "x".repeat(LIMIT - 1));
    }

    #[test]
    fn a_hole_does_not_eat_the_line_behind_it() {
        let mut bytes = vec![0; 2 * LIMIT];
        bytes.extend(b"[US-001] Starting\n");
        for chunk in [bytes.len(), 4096] {
            let (lines, _, cut) = split(&bytes.chunks(chunk).collect::<Vec<_>>());
            assert_eq!((lines[0].1.as_str(), cut), ("[US-001] Starting", 0));
        }
    }

    #[test]
    fn a_document_is_decoded_but_not_cleaned() {
        assert_eq!(decode_document(b"\xef\xbb\xbf{\r\n}\n".to_vec()), "{\r\n}\n");
        assert_eq!(decode_document(utf16("{\"ü\":1}", LITTLE_MARK, u16::to_le_bytes)), "{\"ü\":1}");
        assert_eq!(decode_document(b"\xff{".to_vec()), "\u{fffd}{");
    }

    fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            prop::sample::select(vec!["\r\n", "\n", "\r", "\0", "✓", "🎉", "text", "\x1b[31m", "\u{feff}"])
                .prop_map(|text| text.as_bytes().to_vec()),
        ];
        let mark = prop::sample::select(vec![&b""[..], UTF8_MARK, LITTLE_MARK, BIG_MARK, b"\xef", b"\xef\xbb", b"\xff"]);
        (mark, prop::collection::vec(pieces, 0..60)).prop_map(|(mark, pieces)| [mark.to_vec(), pieces.concat()].concat())
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]
        #[test]
        fn any_chunking_gives_the_same_lines(bytes in some_bytes(), cuts in prop::collection::vec(0usize..80, 0..12)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut start = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                chunks.push(&bytes[start..cut]);
                start = cut;
            }
            prop_assert_eq!(split(&chunks), split(&[&bytes]));
        }
    }
}
