//! `--json`: events as JSON lines on stdout, for scripts, and with `--activity` what the agents do. No state and no notices.

use std::io::{ErrorKind, Write};
use std::sync::Arc;

use crate::error::{Error, FREE_STDOUT};
use crate::hub::{ActivityUpdate, PublishedEvent};
use crate::model::state::State;
use crate::output::{SinkError, StdoutSink};

/// Writes events to `to`; `batch` is the reused buffer of one write.
#[derive(Debug)]
pub struct Ndjson<W> {
    to: W,
    content: NdjsonContent,
    batch: Vec<u8>,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NdjsonContent {
    Events,
    /// `--activity`
    EventsAndActivity,
}

impl<W: Write> Ndjson<W> {
    pub fn new(to: W, content: NdjsonContent) -> Self {
        Ndjson { to, content, batch: Vec::new() }
    }
}

impl<W: Write + Send> StdoutSink for Ndjson<W> {
    /// Writes one line per event, all in one write, and flushes.
    fn update(
        &mut self,
        events: &[Arc<PublishedEvent>],
        activities: Option<&ActivityUpdate>,
        _state: Option<&State>,
    ) -> Result<(), SinkError> {
        self.batch.clear();
        for event in events {
            self.batch.extend_from_slice(event.json());
            self.batch.push(b'\n');
        }
        if let (NdjsonContent::EventsAndActivity, Some(ActivityUpdate { all, changed })) = (self.content, activities) {
            for activity in changed.iter().filter_map(|index| all.get(*index)) {
                let json = serde_json::to_vec(activity).expect("an activity is plain data: it cannot fail to serialise");
                self.batch.extend_from_slice(&json);
                self.batch.push(b'\n');
            }
        }
        if self.batch.is_empty() {
            return Ok(());
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
    use crate::event::Event;
    use crate::hub::{Hub, HubSettings};
    use crate::model::agent::AgentActivity;
    use crate::output::sample;

    fn published() -> Vec<Arc<PublishedEvent>> {
        Hub::new(HubSettings::default()).serialized(sample::events())
    }

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
        let mut ndjson = Ndjson::new(&mut pipe, NdjsonContent::Events);
        ndjson.update(&published(), None, None).unwrap();
        ndjson.update(&[], None, None).unwrap();
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
    fn activity_is_written_when_it_is_asked_for_and_only_what_is_new() {
        let update = ActivityUpdate { all: vec![AgentActivity::sample("a"), AgentActivity::sample("b")], changed: vec![1] };
        for (content, lines) in [(NdjsonContent::Events, 0), (NdjsonContent::EventsAndActivity, 1)] {
            let mut pipe = RecordingPipe::default();
            Ndjson::new(&mut pipe, content).update(&[], Some(&update), None).unwrap();
            let text = String::from_utf8(pipe.written.concat()).unwrap();
            assert_eq!(text.lines().count(), lines, "{text}");
            assert!(text.lines().all(|line| line.contains(r#""type":"activity""#) && line.contains(r#""session":"b""#)), "{text}");
        }
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
        assert!(matches!(Ndjson::new(&mut pipe, NdjsonContent::Events).update(&published(), None, None), Err(SinkError::ReaderGone)));
        let mut pipe = RecordingPipe { error: Some(ErrorKind::StorageFull), ..RecordingPipe::default() };
        let Err(SinkError::Failed(error)) = Ndjson::new(&mut pipe, NdjsonContent::Events).update(&published(), None, None) else {
            panic!("a full disk is a failure")
        };
        assert_eq!(error.exit_code(), 74);
        assert!(error.to_string().starts_with("cannot write events to stdout"), "{error}");
    }
}
