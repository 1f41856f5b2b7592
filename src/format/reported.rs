//! What has been reported of a log's records. A record that was reported stays reported, whatever is written after it.

use std::collections::BTreeSet;
use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use crate::fact::StoryName;
use crate::record::Record;

#[derive(Debug, Clone, Default)]
pub(super) struct ReportedRecords {
    /// In the order of their lines, and of one line in the order in which they were reported.
    records: Vec<ReportedRecord>,
    /// Lines that reported an error of their own.
    failures: BTreeSet<usize>,
}

/// One record and how much of it was reported.
#[derive(Debug, Clone, Default)]
pub(super) struct ReportedRecord {
    /// The one that opens it, from 0 in the file. In 32 bits, as the numbers of lines are.
    line: u32,
    /// See [`key`].
    key: u64,
    /// As it was first reported: a title that turns out longer makes no other story.
    pub(super) story: StoryName,
    pub(super) started: bool,
    pub(super) ended: bool,
    pub(super) failed: bool,
    pub(super) erred: bool,
    /// Lines above it have had their criteria reported.
    pub(super) criteria_end: u32,
}

impl ReportedRecords {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether a record that opens at the line was reported.
    pub(super) fn has(&self, line: usize) -> bool {
        !self.opening_on(line..line + 1).is_empty()
    }

    /// What was reported of the record, or of another with its id that opens on one of its lines: both tell of one attempt.
    pub(super) fn entry(&mut self, lines: Range<usize>, record: &Record) -> &mut ReportedRecord {
        let index = self.find(lines.clone(), record).unwrap_or_else(|| {
            let index = self.first_after(lines.start);
            if self.records.len() == self.records.capacity() {
                // By an eighth: thousands of logs may be watched.
                self.records.reserve_exact(self.records.len() / 8 + 4);
            }
            self.records.insert(index, ReportedRecord { line: lines.start as u32, key: key(record), ..ReportedRecord::default() });
            index
        });
        &mut self.records[index]
    }

    /// Whether [`ReportedRecords::entry`] would find something.
    pub(super) fn knows(&self, lines: Range<usize>, record: &Record) -> bool {
        self.find(lines, record).is_some()
    }

    /// The story of the record that opens at the line.
    pub(super) fn story_of(&self, line: usize) -> Option<StoryName> {
        self.opening_on(line..line + 1).first().map(|reported| reported.story.clone())
    }

    pub(super) fn has_failure(&self, line: usize) -> bool {
        self.failures.contains(&line)
    }

    pub(super) fn add_failure(&mut self, line: usize) {
        self.failures.insert(line);
    }

    /// Keeps the records in little room until one is added.
    pub(super) fn compact(&mut self) {
        self.records.shrink_to_fit();
    }

    /// Forgets the records above a line.
    pub(super) fn forget_above(&mut self, line: usize) {
        self.records = self.records.split_off(self.records.partition_point(|reported| (reported.line as usize) < line));
        self.failures = self.failures.split_off(&line);
    }

    fn find(&self, lines: Range<usize>, record: &Record) -> Option<usize> {
        let key = key(record);
        let first = self.records.partition_point(|reported| (reported.line as usize) < lines.start);
        self.opening_on(lines).iter().position(|reported| reported.key == key).map(|at| first + at)
    }

    fn opening_on(&self, lines: Range<usize>) -> &[ReportedRecord] {
        let first = self.records.partition_point(|reported| (reported.line as usize) < lines.start);
        let from_first = &self.records[first..];
        &from_first[..from_first.partition_point(|reported| (reported.line as usize) < lines.end)]
    }

    /// The index of the first record that opens below a line.
    fn first_after(&self, line: usize) -> usize {
        self.records.partition_point(|reported| reported.line as usize <= line)
    }
}

/// The id in any case; records without one are alike.
fn key(record: &Record) -> u64 {
    let id = record.id.as_deref().unwrap_or_default();
    let is_upper = id.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase());
    if is_upper { xxh3_64(id.as_bytes()) } else { xxh3_64(id.to_uppercase().as_bytes()) }
}
