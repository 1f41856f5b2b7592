//! One event of the log with its serialized forms, made once and shared by all readers.

use std::fmt::Display;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::Cursor;
use crate::event::Event;

/// What follows the data of a frame.
const FRAME_END: &[u8] = b"\n\n";

/// One event with its serialized forms.
#[derive(Debug)]
pub struct PublishedEvent {
    /// What happened.
    pub event: Event,
    /// Its whole SSE frame, with the cursor as `id`.
    pub frame: Bytes,
    /// Where its JSON stands in `frame`.
    payload_start: u32,
    /// When it entered the log.
    pub published: Instant,
}

impl PublishedEvent {
    /// `buffer` is scratch room that events share.
    pub(super) fn new(event: Event, epoch: &Arc<str>, is_checked: bool, published: Instant, buffer: &mut ScratchBuffer) -> Self {
        let check = is_checked.then(|| event.id.check());
        buffer.length = 0;
        write_head(&mut *buffer, &Cursor { epoch: epoch.clone(), seq: event.seq, check }, event.data.type_name(), None);
        let payload_start = buffer.length as u32;
        event.write_json(&mut *buffer);
        buffer.put(FRAME_END);
        let frame = Bytes::copy_from_slice(&buffer.bytes[..buffer.length]);
        PublishedEvent { event, frame, payload_start, published }
    }

    /// Its JSON: one line, no newline at the end.
    pub fn json(&self) -> &[u8] {
        &self.frame[self.payload()]
    }

    /// Its JSON, which shares the memory of the frame.
    pub fn json_bytes(&self) -> Bytes {
        self.frame.slice(self.payload())
    }

    fn payload(&self) -> Range<usize> {
        self.payload_start as usize..self.frame.len() - FRAME_END.len()
    }

    /// What it counts for in the log.
    pub(super) fn memory_size(&self) -> usize {
        size_of::<PublishedEvent>() + self.frame.len()
    }
}

/// An SSE frame in the form that all measured clients understand: `id`, `event`, one line of `data`, LF only. `retry` (in milliseconds)
/// stands only in frames that have data, because some clients take a frame without data for an empty event.
pub fn sse_frame(id: &dyn Display, event: &str, data: &[u8], retry: Option<u64>) -> Bytes {
    debug_assert!(!data.contains(&b'\n') && !data.contains(&b'\r'), "a line end would tear the frame");
    let mut head = Vec::with_capacity(128);
    write_head(&mut head, id, event, retry);
    [&head, data, FRAME_END].concat().into()
}

/// Where frames are put together. JSON is written in a hundred pieces of a few bytes each: room that is there already takes each of them at
/// a fraction of what a vector does.
#[derive(Debug, Default)]
pub(super) struct ScratchBuffer {
    /// What counts of it is `length`.
    bytes: Vec<u8>,
    length: usize,
}

impl ScratchBuffer {
    #[inline]
    fn put(&mut self, data: &[u8]) {
        let end = self.length + data.len();
        if end > self.bytes.len() {
            self.bytes.resize((2 * end).max(4096), 0);
        }
        match data {
            // Two pieces of three are quotes, colons and commas.
            [byte] => self.bytes[self.length] = *byte,
            _ => self.bytes[self.length..end].copy_from_slice(data),
        }
        self.length = end;
    }
}

impl Write for ScratchBuffer {
    #[inline]
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.put(data);
        Ok(data.len())
    }

    #[inline]
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.put(data);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All of a frame before its data.
fn write_head(mut to: impl Write, id: &dyn Display, event: &str, retry: Option<u64>) {
    const NEVER: &str = "memory takes all that is written to it";
    write!(to, "id: {id}\nevent: {event}\n").expect(NEVER);
    if let Some(retry) = retry {
        writeln!(to, "retry: {retry}").expect(NEVER);
    }
    to.write_all(b"data: ").expect(NEVER);
}

/// Where the `data` of a frame made by [`sse_frame`] stands in it.
pub(super) fn payload_range(frame: &Bytes, length: usize) -> Range<usize> {
    let stop = frame.len() - FRAME_END.len();
    stop - length..stop
}
