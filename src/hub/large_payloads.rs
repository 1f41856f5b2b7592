//! Serialized states that are too large for one client to hold: kept once for all who read them, handed out in pieces, bounded together.
//!
//! As in the log of events, a reader holds a position and no bytes, and a reader that falls out is told so.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Largest payload that is handed out whole. A client that does not read pins it beside the kernel's buffers (0.5 MiB, measured), and
/// may pin 1 MiB in all.
const MAX_WHOLE: usize = 256 * 1024;

/// Size of a piece: fills a write.
const PIECE_BYTES: usize = 64 * 1024;

/// Size of all payloads with readers: as much as the log of events has. The newest stays in any case.
const MAX_TOTAL: usize = 32 * 1024 * 1024;

/// A serialized state for one reader.
#[derive(Debug)]
pub enum StatePayload {
    /// Shared by all readers of the version.
    Whole(Bytes),
    /// To be read in pieces.
    Large(PayloadReader),
}

/// Too many newer payloads were begun before this one was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadEvicted;

impl Error for PayloadEvicted {}

impl fmt::Display for PayloadEvicted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the client reads the state too slowly")
    }
}

/// A version of the state, and for which readers it was serialized.
pub(super) type PayloadKey = (u64, usize);

/// The payloads that somebody is reading.
#[derive(Debug, Default)]
pub(super) struct LargePayloads {
    entries: Mutex<VecDeque<LargePayload>>,
}

#[derive(Debug)]
struct LargePayload {
    key: PayloadKey,
    bytes: Bytes,
    readers: usize,
}

/// A position in a large payload.
#[derive(Debug)]
pub struct PayloadReader {
    payloads: Arc<LargePayloads>,
    key: PayloadKey,
    unread: Range<usize>,
}

impl StatePayload {
    /// The part `range` of the bytes of this key.
    pub(super) fn new(payloads: &Arc<LargePayloads>, key: PayloadKey, bytes: &Bytes, range: Range<usize>) -> Self {
        if range.len() <= MAX_WHOLE {
            return StatePayload::Whole(bytes.slice(range));
        }
        payloads.begin(key, bytes);
        StatePayload::Large(PayloadReader { payloads: payloads.clone(), key, unread: range })
    }
}

impl PayloadReader {
    /// The next piece; `None` at the end. It is a copy: a slice would keep the whole payload.
    pub fn next_piece(&mut self) -> Option<Result<Bytes, PayloadEvicted>> {
        if self.unread.is_empty() {
            return None;
        }
        let stop = self.unread.end.min(self.unread.start + PIECE_BYTES);
        let piece = self.payloads.copy(self.key, self.unread.start..stop);
        self.unread.start = stop;
        if self.unread.is_empty() {
            self.payloads.finish(self.key);
        }
        Some(piece.ok_or(PayloadEvicted))
    }
}

impl Drop for PayloadReader {
    fn drop(&mut self) {
        if !self.unread.is_empty() {
            self.payloads.finish(self.key);
        }
    }
}

impl LargePayloads {
    fn begin(&self, key: PayloadKey, bytes: &Bytes) {
        let mut entries = self.entries();
        match entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.readers += 1,
            None => entries.push_back(LargePayload { key, bytes: bytes.clone(), readers: 1 }),
        }
        let mut total: usize = entries.iter().map(|entry| entry.bytes.len()).sum();
        while total > MAX_TOTAL
            && entries.len() > 1
            && let Some(oldest) = entries.pop_front()
        {
            total -= oldest.bytes.len();
        }
    }

    fn copy(&self, key: PayloadKey, range: Range<usize>) -> Option<Bytes> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| Bytes::copy_from_slice(&entry.bytes[range]))
    }

    /// One reader of it less; after the last one it is freed, outside the lock.
    fn finish(&self, key: PayloadKey) {
        let mut entries = self.entries();
        let Some(index) = entries.iter().position(|entry| entry.key == key) else { return };
        entries[index].readers -= 1;
        let unread = if entries[index].readers == 0 { entries.remove(index) } else { None };
        drop(entries);
        drop(unread);
    }

    /// What they take together.
    pub(super) fn total_bytes(&self) -> usize {
        self.entries().iter().map(|entry| entry.bytes.len()).sum()
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<LargePayload>> {
        // No holder can panic between two changes.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn bytes(length: usize, version: u64) -> Bytes {
        (0..length).map(|index| (index as u64 * 7 + version) as u8).collect::<Vec<_>>().into()
    }

    fn large(payloads: &Arc<LargePayloads>, version: u64, bytes: &Bytes, range: Range<usize>) -> PayloadReader {
        match StatePayload::new(payloads, (version, 0), bytes, range) {
            StatePayload::Whole(bytes) => panic!("{} bytes at once", bytes.len()),
            StatePayload::Large(reader) => reader,
        }
    }

    fn read(mut reader: PayloadReader) -> Result<Vec<u8>, PayloadEvicted> {
        let mut all = Vec::new();
        while let Some(piece) = reader.next_piece() {
            let piece = piece?;
            assert!(piece.len() <= PIECE_BYTES);
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    #[test]
    fn a_large_payload_comes_in_pieces_and_goes_with_its_last_reader() {
        let payloads = Arc::<LargePayloads>::default();
        let state = bytes(MIB + 17, 1);
        let first = large(&payloads, 1, &state, 0..state.len());
        let second = large(&payloads, 1, &state, 5..state.len() - 2);
        assert_eq!(payloads.total_bytes(), state.len(), "it counts once");
        assert_eq!(read(first).expect("it is kept"), state);
        assert_eq!(read(second).expect("it is kept"), state[5..state.len() - 2]);
        assert_eq!(payloads.total_bytes(), 0);
    }

    #[test]
    fn a_small_payload_is_shared_as_it_is() {
        let payloads = Arc::<LargePayloads>::default();
        let state = bytes(MAX_WHOLE, 1);
        assert!(matches!(StatePayload::new(&payloads, (1, 0), &state, 0..state.len()), StatePayload::Whole(whole) if whole == state));
        assert_eq!(payloads.total_bytes(), 0);
    }

    #[test]
    fn together_they_are_bounded_and_the_oldest_goes_first() {
        let payloads = Arc::<LargePayloads>::default();
        let begun: Vec<_> = (0..40)
            .map(|version| {
                let state = bytes(MIB, version);
                let mut reader = large(&payloads, version, &state, 0..MIB);
                assert!(matches!(reader.next_piece(), Some(Ok(_))));
                assert!(payloads.total_bytes() <= MAX_TOTAL);
                reader
            })
            .collect();
        let whole = begun.into_iter().map(|reader| read(reader).is_ok()).collect::<Vec<_>>();
        assert_eq!(whole, (0..40).map(|version| version >= 8).collect::<Vec<_>>());
        assert_eq!(payloads.total_bytes(), 0);
        let huge = bytes(MAX_TOTAL + 1, 41);
        assert!(read(large(&payloads, 41, &huge, 0..huge.len())).is_ok(), "the newest stays");
    }
}
