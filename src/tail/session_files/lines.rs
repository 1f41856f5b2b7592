//! Bytes that were appended to a session file → lines, with a bound for the memory of a line that never ends.

use crate::agent::CUT_LINE_BYTES;

/// A longer line is not read as a whole.
pub(super) const LINE_LIMIT: usize = 1 << 20;

/// A line, or the beginning of one that is too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionLine<'a> {
    Whole(&'a str),
    Cut(&'a str),
}

/// The unfinished line of a file.
#[derive(Debug, Default)]
pub(super) struct LineAssembler {
    partial: Vec<u8>,
    /// The line is too long: only its beginning is kept.
    is_cut: bool,
    /// What comes up to the next line end is the rest of a line whose beginning was not read.
    skips: bool,
}

impl LineAssembler {
    /// For a file that is joined in its middle.
    pub(super) fn joined_in_the_middle() -> Self {
        LineAssembler { skips: true, ..LineAssembler::default() }
    }

    /// Takes the next bytes and gives on each line that ends in them.
    pub(super) fn feed(&mut self, mut bytes: &[u8], emit: &mut dyn FnMut(SessionLine<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, after) = (&bytes[..end], &bytes[end + 1..]);
            bytes = after;
            if std::mem::take(&mut self.skips) {
                continue;
            }
            if self.partial.is_empty() && line.len() <= LINE_LIMIT {
                give(line, false, emit);
                continue;
            }
            self.extend(line);
            let partial = std::mem::take(&mut self.partial);
            give(&partial, std::mem::take(&mut self.is_cut), emit);
        }
        if !self.skips {
            self.extend(bytes);
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.is_cut {
            return;
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > LINE_LIMIT {
            self.is_cut = true;
            self.partial.truncate(CUT_LINE_BYTES);
            self.partial.shrink_to_fit();
        }
    }
}

fn give(line: &[u8], is_cut: bool, emit: &mut dyn FnMut(SessionLine<'_>)) {
    // JSON is UTF-8; a damaged character costs no more than its field.
    let text = String::from_utf8_lossy(line);
    let text = text.trim_start_matches('\u{feff}').trim_end_matches('\r');
    emit(if is_cut { SessionLine::Cut(text) } else { SessionLine::Whole(text) });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]], mut assembler: LineAssembler) -> (Vec<(bool, usize, String)>, usize) {
        let mut found = Vec::new();
        for piece in pieces {
            assembler.feed(piece, &mut |line| {
                found.push(match line {
                    SessionLine::Whole(text) => (true, text.len(), text.chars().take(8).collect()),
                    SessionLine::Cut(text) => (false, text.len(), text.chars().take(8).collect()),
                });
            });
        }
        (found, assembler.partial.capacity())
    }

    #[test]
    fn lines_are_the_same_whatever_the_pieces() {
        let expected = vec![(true, 1, "a".to_owned()), (true, 0, String::new()), (true, 2, "bc".to_owned())];
        assert_eq!(lines(&[b"\xef\xbb\xbfa\r\n\nbc\nrest"], LineAssembler::default()).0, expected);
        assert_eq!(lines(&[b"\xef\xbb\xbfa", b"\r\n\nb", b"c", b"\nrest"], LineAssembler::default()).0, expected);
        assert_eq!(lines(&[b"half\na\n"], LineAssembler::joined_in_the_middle()).0, vec![(true, 1, "a".to_owned())]);
    }

    #[test]
    fn a_line_of_12_mib_is_its_beginning_and_costs_no_more() {
        let long = vec![b'x'; 12 << 20];
        let (found, _) = lines(&[b"{\"a\":", &long, b"}\n{}\n"], LineAssembler::default());
        assert_eq!(found, vec![(false, CUT_LINE_BYTES, "{\"a\":xxx".to_owned()), (true, 2, "{}".to_owned())]);
        let (_, held) = lines(&[&long], LineAssembler::default());
        assert!(held <= LINE_LIMIT, "{held}");
    }
}
