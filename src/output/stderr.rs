//! Writes to stderr on a thread of its own: nothing else ever waits for whoever reads it.
//!
//! What does not fit into the bounded queue is left out, and how much that was is said once there is room.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A few thousand lines: more than the longest list of files.
const MAX_BYTES: usize = 256 << 10;

/// The queue of this process.
static QUEUE: OnceLock<StderrQueue> = OnceLock::new();

/// As a writer, for those who write their own lines. Each call of `write` must bring whole lines.
#[derive(Debug, Clone, Copy)]
pub struct QueuedStderr;

#[derive(Default)]
struct StderrQueue {
    pending: Mutex<PendingText>,
    changed: Condvar,
}

#[derive(Default)]
struct PendingText {
    texts: VecDeque<String>,
    bytes: usize,
    lines_left_out: u64,
    /// The thread has taken a text and has not written it yet.
    is_writing: bool,
    has_thread: bool,
}

/// Queues lines for stderr. Never waits.
pub fn print(text: &str) {
    if !text.is_empty() {
        QUEUE.get_or_init(StderrQueue::default).push(text);
    }
}

/// Waits until everything is written, at most this long.
pub fn flush(at_most: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.wait_until_written(at_most);
    }
}

impl StderrQueue {
    fn push(&'static self, text: &str) {
        let mut pending = self.lock();
        if !pending.has_thread {
            let started = std::thread::Builder::new().name("stderr".to_owned()).spawn(move || self.write_all(&mut io::stderr()));
            pending.has_thread = started.is_ok();
            if !pending.has_thread {
                // Without a thread there is nobody else to write it. An error means that stderr is closed.
                let _closed = io::stderr().write_all(text.as_bytes()).is_err();
                return;
            }
        }
        pending.add(text);
        drop(pending);
        self.changed.notify_all();
    }

    /// The thread: writes for ever.
    fn write_all(&self, out: &mut dyn Write) {
        loop {
            let text = self.take();
            // An error means that stderr is closed: there is no other place for a message.
            let _closed = out.write_all(text.as_bytes()).is_err();
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }

    fn take(&self) -> String {
        let mut pending = self.changed.wait_while(self.lock(), |pending| pending.texts.is_empty()).unwrap_or_else(PoisonError::into_inner);
        let text = pending.texts.pop_front().unwrap_or_default();
        pending.bytes -= text.len();
        pending.is_writing = true;
        if pending.texts.is_empty() && pending.lines_left_out > 0 {
            let count = std::mem::take(&mut pending.lines_left_out);
            pending.add(&format!("{count} lines were left out here: nobody was reading them\n"));
        }
        text
    }

    fn wait_until_written(&self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        let mut pending = self.lock();
        while !pending.texts.is_empty() || pending.is_writing {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (pending, _) = self.changed.wait_timeout(pending, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, PendingText> {
        // Texts are plain data: a panic elsewhere cannot leave them half changed.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingText {
    fn add(&mut self, text: &str) {
        // A text that is longer than the queue fits into an empty one.
        if self.texts.is_empty() || self.bytes + text.len() <= MAX_BYTES {
            self.bytes += text.len();
            self.texts.push_back(text.to_owned());
        } else {
            self.lines_left_out += text.lines().count() as u64;
        }
    }
}

impl Write for QueuedStderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        print(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_reported_later() {
        let queue = StderrQueue::default();
        let line = format!("{}\n", "x".repeat(1023));
        for _ in 0..300 {
            queue.lock().add(&line);
        }
        assert_eq!(queue.lock().lines_left_out, 300 - 256);
        let written: Vec<String> = (0..256).map(|_| queue.take()).collect();
        assert!(written.iter().all(|text| *text == line));
        assert_eq!(queue.take(), "44 lines were left out here: nobody was reading them\n");
        assert!(queue.lock().texts.is_empty());
    }

    #[test]
    fn a_reader_that_never_comes_is_not_waited_for() {
        let queue = StderrQueue::default();
        queue.lock().add("never written\n");
        let started = Instant::now();
        queue.wait_until_written(Duration::from_millis(20));
        assert!(started.elapsed() >= Duration::from_millis(20));
    }
}
