//! A file of a source that lost its name: what is still appended to it is read on, beside the file that took the name.

use crate::fact::Fact;
use crate::file_change::DetachedId;
use crate::format::{LogParser, Pause};
use crate::line::{Lines, PartialLine};

use super::counting::{RepeatFilter, facts_at_eof};

#[derive(Debug)]
pub(super) struct DetachedLog {
    pub(super) id: DetachedId,
    parser: LogParser,
    pub(super) repeats: RepeatFilter,
}

impl DetachedLog {
    /// `parser` has read the file so far.
    pub(super) fn new(id: DetachedId, parser: &LogParser, repeats: RepeatFilter) -> Self {
        DetachedLog { id, parser: parser.clone(), repeats }
    }

    /// The facts of lines that were appended.
    pub(super) fn read(&mut self, lines: &Lines) -> Vec<Fact> {
        let mut facts = Vec::new();
        for line in lines.iter() {
            self.parser.parse_line(line, &mut facts);
        }
        self.parser.extract(Pause::None, &mut facts);
        facts
    }

    /// The facts of its open entry and of its last line, which has no newline.
    pub(super) fn read_end(&self, partial_line: Option<&PartialLine>) -> Vec<Fact> {
        facts_at_eof(&self.parser, partial_line)
    }
}
