//! Held lines in a tenth to a half of their room, for a log that rests: hundreds may be watched, and most of them rest.

use lz4_flex::block::{compress_prepend_size, decompress_size_prepended};

use super::{HeldClass, HeldText, LineEntry};

/// Bytes of one line beside its text: its length, how much higher its number is than the one before, its class.
const ENTRY: usize = 9;
/// Beside the class, when a code fence is open, and when the line is blank.
const FENCED: u8 = 0x80;
const BLANK: u8 = 0x40;

#[derive(Debug)]
pub(super) struct PackedText {
    bytes: Box<[u8]>,
    lines: usize,
    first_number: u32,
}

impl PackedText {
    pub(super) fn of(held: &HeldText) -> PackedText {
        let mut plain = Vec::with_capacity(held.lines.len() * ENTRY + held.text.len());
        let (mut start, mut number) = (0, 0_u32);
        for line in &held.lines {
            plain.extend((line.end - start).to_le_bytes());
            plain.extend(line.number.wrapping_sub(number).to_le_bytes());
            let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
            plain.push(line.class as u8 | bit(line.fenced, FENCED) | bit(line.is_blank, BLANK));
            (start, number) = (line.end, line.number);
        }
        plain.extend(held.text.as_bytes());
        let first_number = held.lines.first().map_or(0, |line| line.number);
        PackedText { bytes: compress_prepend_size(&plain).into(), lines: held.lines.len(), first_number }
    }

    pub(super) fn unpack(&self) -> HeldText {
        const OWN: &str = "it was packed here";
        let plain = decompress_size_prepended(&self.bytes).expect(OWN);
        let (entries, text) = plain.split_at(self.lines * ENTRY);
        let (mut end, mut number) = (0, 0_u32);
        let mut lines = Vec::with_capacity(self.lines);
        for entry in entries.as_chunks::<ENTRY>().0 {
            let [a, b, c, d, e, f, g, h, bits] = *entry;
            end += u32::from_le_bytes([a, b, c, d]);
            number = number.wrapping_add(u32::from_le_bytes([e, f, g, h]));
            let class = HeldClass::ALL.into_iter().find(|class| *class as u8 == bits & !(FENCED | BLANK)).expect(OWN);
            lines.push(LineEntry { end, number, class, fenced: bits & FENCED != 0, is_blank: bits & BLANK != 0 });
        }
        HeldText { text: str::from_utf8(text).expect(OWN).to_owned(), lines }
    }

    pub(super) fn len(&self) -> usize {
        self.lines
    }

    /// Of the first line, see [`super::HeldLines::number`].
    pub(super) fn first_number(&self) -> u32 {
        self.first_number
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::property::config(256))]

        #[test]
        fn lines_come_back_as_they_were(lines in prop::collection::vec((".{0,20}", any::<u32>(), 0usize..4, any::<bool>(), any::<bool>()), 0..40)) {
            let mut held = HeldText::default();
            for (text, number, class, fenced, is_blank) in lines {
                held.text.push_str(&text);
                held.lines.push(LineEntry { end: held.text.len() as u32, number, class: HeldClass::ALL[class], fenced, is_blank });
            }
            let packed = PackedText::of(&held);
            prop_assert_eq!(packed.len(), held.lines.len());
            prop_assert_eq!(packed.first_number(), held.lines.first().map_or(0, |line| line.number));
            prop_assert_eq!(packed.unpack(), held);
        }
    }
}
