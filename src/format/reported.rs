//! What has been reported of a log's records. A record that was reported stays reported, whatever is written after it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::fact::StoryName;
use crate::record::Record;

/// By the number of the opening line, from the file's beginning.
#[derive(Debug, Clone, Default)]
pub(super) struct ReportedRecords {
    records: BTreeMap<usize, Vec<ReportedRecord>>,
    /// Lines that reported an error of their own.
    failures: BTreeSet<usize>,
}

/// One record and how much of it was reported.
#[derive(Debug, Clone, Default)]
pub(super) struct ReportedRecord {
    key: String,
    /// As it was first reported: a title that turns out longer makes no other story.
    pub(super) story: StoryName,
    pub(super) started: bool,
    pub(super) ended: bool,
    pub(super) failed: bool,
    pub(super) erred: bool,
    /// Lines above it have had their criteria reported.
    pub(super) criteria_end: usize,
}

impl ReportedRecords {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether a record that opens at the line was reported.
    pub(super) fn has(&self, line: usize) -> bool {
        self.records.contains_key(&line)
    }

    /// What was reported of the record, or of another with its id that opens on one of its lines: both tell of one attempt.
    pub(super) fn entry(&mut self, lines: Range<usize>, record: &Record) -> &mut ReportedRecord {
        let key = record.id.as_deref().unwrap_or_default().to_uppercase();
        let has_key = |reported: &Vec<ReportedRecord>| reported.iter().position(|reported| reported.key == key);
        let known = self.records.range(lines.clone()).find_map(|(line, reported)| Some((*line, has_key(reported)?)));
        let (line, index) = known.unwrap_or_else(|| {
            // Nearly every line opens one: no room for more.
            let reported = self.records.entry(lines.start).or_insert_with(|| Vec::with_capacity(1));
            reported.push(ReportedRecord { key, ..ReportedRecord::default() });
            (lines.start, reported.len() - 1)
        });
        &mut self.records.entry(line).or_default()[index]
    }

    /// Whether [`ReportedRecords::entry`] would find something.
    pub(super) fn knows(&self, lines: Range<usize>, record: &Record) -> bool {
        let key = record.id.as_deref().unwrap_or_default().to_uppercase();
        self.records.range(lines).any(|(_, reported)| reported.iter().any(|reported| reported.key == key))
    }

    /// The story of the record that opens at the line.
    pub(super) fn story_of(&self, line: usize) -> Option<StoryName> {
        self.records.get(&line)?.first().map(|reported| reported.story.clone())
    }

    pub(super) fn has_failure(&self, line: usize) -> bool {
        self.failures.contains(&line)
    }

    pub(super) fn add_failure(&mut self, line: usize) {
        self.failures.insert(line);
    }

    /// Forgets the records above a line.
    pub(super) fn forget_above(&mut self, line: usize) {
        self.records = self.records.split_off(&line);
        self.failures = self.failures.split_off(&line);
    }
}
