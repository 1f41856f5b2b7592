//! Which way a log runs: newest first, or newest last.

use crate::fact::{Precision, RecordedTime};

/// Which way the dates of the entries run.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    last: Option<(RecordedTime, Option<String>)>,
    rises: u32,
    falls: u32,
}

impl Order {
    pub(super) fn falls(&self) -> bool {
        self.falls > self.rises
    }

    /// Takes the next record's time and id.
    pub(super) fn take(&mut self, when: Option<RecordedTime>, id: Option<&str>) {
        let Some(when) = when else { return };
        if let Some((last, last_id)) = self.last.replace((when, id.map(str::to_owned))) {
            let rough = last.precision == Precision::Day || when.precision == Precision::Day;
            let apart = when.at.0 - last.at.0;
            let direction = if rough && apart.abs() < 24 * 3600 * 1000 { 0 } else { apart.signum() };
            // Within a day the numbers of the stories are all there is to go by.
            let direction = if direction == 0 { number_rises(last_id.as_deref(), id) } else { direction };
            self.rises += u32::from(direction > 0);
            self.falls += u32::from(direction < 0);
        }
    }
}

/// 1 when the second id has the higher number, -1 when the lower; 0 for ids that cannot be compared.
fn number_rises(first: Option<&str>, second: Option<&str>) -> i64 {
    let split = |id: &str| {
        let at = id.len() - id.bytes().rev().take_while(u8::is_ascii_digit).count();
        id[at..].parse::<u32>().ok().map(|number| (id[..at].to_owned(), number))
    };
    match (first.and_then(split), second.and_then(split)) {
        (Some((prefix, first)), Some((other, second))) if prefix == other => (i64::from(second) - i64::from(first)).signum(),
        _ => 0,
    }
}
