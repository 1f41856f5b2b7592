//! Events as JSON lines on stdout, for scripts.
//!
//! Called by the publishing thread before it publishes, because a script must not lose any: a stalled reader stalls the reading.

use std::io::{ErrorKind, Write};

use crate::error::Error;
use crate::event::Event;

/// Where the lines go, and the memory they are put together in.
#[derive(Debug)]
pub struct Ndjson<W> {
    to: W,
    batch: Vec<u8>,
}

/// Why no more can be written.
#[derive(Debug)]
pub enum Stopped {
    /// Whoever read has seen enough (`| head -1`): the program ends quietly, with 0.
    ReaderGone,
    Failed(Error),
}

impl<W: Write> Ndjson<W> {
    pub fn new(to: W) -> Self {
        Ndjson { to, batch: Vec::new() }
    }

    /// Writes a line for every event, all in one write, and flushes.
    pub fn write(&mut self, events: &[Event]) -> Result<(), Stopped> {
        if events.is_empty() {
            return Ok(());
        }
        self.batch.clear();
        for event in events {
            self.batch.extend_from_slice(&event.to_json());
            self.batch.push(b'\n');
        }
        self.to.write_all(&self.batch).and_then(|()| self.to.flush()).map_err(|cause| match cause.kind() {
            ErrorKind::BrokenPipe => Stopped::ReaderGone,
            _ => Stopped::Failed(Error::Io { what: "cannot write events to stdout".to_owned(), path: None, cause }),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::output::sample;

    /// Counts writes; fails with `error` when there is one.
    #[derive(Default)]
    struct Pipe {
        written: Vec<Vec<u8>>,
        flushed: usize,
        error: Option<ErrorKind>,
    }

    impl Write for &mut Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(kind) = self.error {
                return Err(kind.into());
            }
            self.written.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.flushed += 1;
            Ok(())
        }
    }

    #[test]
    fn a_batch_is_one_write_of_whole_lines() {
        let mut pipe = Pipe::default();
        let mut ndjson = Ndjson::new(&mut pipe);
        ndjson.write(&sample::events()).unwrap();
        ndjson.write(&[]).unwrap();
        assert_eq!((pipe.written.len(), pipe.flushed), (1, 1));
        let text = String::from_utf8(pipe.written.remove(0)).unwrap();
        assert!(text.ends_with('\n'));
        let types: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(types, sample::events().iter().map(|event| event.data.type_name()).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        for event in sample::events() {
            assert_eq!(serde_json::from_slice::<Event>(&event.to_json()).unwrap(), event);
        }
    }

    #[test]
    fn a_gone_reader_is_no_failure() {
        let mut pipe = Pipe { error: Some(ErrorKind::BrokenPipe), ..Pipe::default() };
        assert!(matches!(Ndjson::new(&mut pipe).write(&sample::events()), Err(Stopped::ReaderGone)));
        let mut pipe = Pipe { error: Some(ErrorKind::StorageFull), ..Pipe::default() };
        let Err(Stopped::Failed(error)) = Ndjson::new(&mut pipe).write(&sample::events()) else { panic!("a full disk is a failure") };
        assert_eq!(error.exit_code(), 74);
        assert!(error.to_string().starts_with("cannot write events to stdout"), "{error}");
    }
}
