//! `--json`: events as JSON lines on stdout, for scripts. No state and no notices.

use std::io::{ErrorKind, Write};

use crate::error::{Error, FREE_STDOUT};
use crate::event::Event;
use crate::model::state::State;
use crate::output::{SinkError, StdoutSink};

/// Writes events to `to`; `batch` is the reused buffer of one write.
#[derive(Debug)]
pub struct Ndjson<W> {
    to: W,
    batch: Vec<u8>,
}

impl<W: Write> Ndjson<W> {
    pub fn new(to: W) -> Self {
        Ndjson { to, batch: Vec::new() }
    }
}

impl<W: Write + Send> StdoutSink for Ndjson<W> {
    /// Writes one line per event, all in one write, and flushes.
    fn update(&mut self, events: &[Event], _state: Option<&State>) -> Result<(), SinkError> {
        if events.is_empty() {
            return Ok(());
        }
        self.batch.clear();
        for event in events {
            self.batch.extend_from_slice(&event.to_json());
            self.batch.push(b'\n');
        }
        self.to.write_all(&self.batch).and_then(|()| self.to.flush()).map_err(|cause| match cause.kind() {
            ErrorKind::BrokenPipe => SinkError::ReaderGone,
            _ => SinkError::Failed(Error::Io { what: "cannot write events to stdout".to_owned(), path: None, cause, hint: FREE_STDOUT }),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::output::sample;

    /// Records writes; fails with `error` when it is set.
    #[derive(Default)]
    struct RecordingPipe {
        written: Vec<Vec<u8>>,
        flushed: usize,
        error: Option<ErrorKind>,
    }

    impl Write for &mut RecordingPipe {
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
        let mut pipe = RecordingPipe::default();
        let mut ndjson = Ndjson::new(&mut pipe);
        ndjson.update(&sample::events(), None).unwrap();
        ndjson.update(&[], None).unwrap();
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
        let mut pipe = RecordingPipe { error: Some(ErrorKind::BrokenPipe), ..RecordingPipe::default() };
        assert!(matches!(Ndjson::new(&mut pipe).update(&sample::events(), None), Err(SinkError::ReaderGone)));
        let mut pipe = RecordingPipe { error: Some(ErrorKind::StorageFull), ..RecordingPipe::default() };
        let Err(SinkError::Failed(error)) = Ndjson::new(&mut pipe).update(&sample::events(), None) else {
            panic!("a full disk is a failure")
        };
        assert_eq!(error.exit_code(), 74);
        assert!(error.to_string().starts_with("cannot write events to stdout"), "{error}");
    }
}
