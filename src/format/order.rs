//! Which way a log runs: newest first, or newest last.

use crate::fact::{Precision, RecordedTime};

/// A record's time and id.
pub(super) type DatedId<'a> = (RecordedTime, Option<&'a str>);

/// Which way the dates of the entries run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Order {
    rises: u32,
    falls: u32,
}

impl Order {
    pub(super) fn falls(&self) -> bool {
        self.falls > self.rises
    }

    /// Counts which way it goes from a dated record to the next.
    pub(super) fn count(&mut self, (last, last_id): DatedId<'_>, (when, id): DatedId<'_>) {
        let rough = last.precision == Precision::Day || when.precision == Precision::Day;
        let apart = when.at.0 - last.at.0;
        let direction = if rough && apart.abs() < 24 * 3600 * 1000 { 0 } else { apart.signum() };
        // Within a day the numbers of the stories are all there is to go by.
        let direction = if direction == 0 { number_rises(last_id, id) } else { direction };
        self.rises += u32::from(direction > 0);
        self.falls += u32::from(direction < 0);
    }
}

/// 1 when the second id has the higher number, -1 when the lower; 0 for ids that cannot be compared.
fn number_rises(first: Option<&str>, second: Option<&str>) -> i64 {
    fn split(id: &str) -> Option<(&str, u32)> {
        let at = id.len() - id.bytes().rev().take_while(u8::is_ascii_digit).count();
        id[at..].parse().ok().map(|number| (&id[..at], number))
    }
    match (first.and_then(split), second.and_then(split)) {
        (Some((prefix, first)), Some((other, second))) if prefix == other => (i64::from(second) - i64::from(first)).signum(),
        _ => 0,
    }
}
