//! One attempt at a story, and the times of things: by whose clock, and how exactly.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::fact::{Precision, Provenance};
use crate::model::FactUpdate;
use crate::model::state::AttemptResult;
use crate::model::story::Ranked;
use crate::text::CleanText;

/// In milliseconds.
const MINUTE: u64 = 60 * 1000;
/// A recorded time further ahead of our clock than this (milliseconds) is ignored.
const CLOCK_TOLERANCE: i64 = 2 * 60 * 1000;

/// A time, and whether durations may be taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timing {
    pub(super) at: Timestamp,
    pub(super) precision: Precision,
    /// The source states it; otherwise it is the time of reading. The two clocks are never subtracted from each other.
    pub(super) recorded: bool,
}

impl Timing {
    /// Milliseconds from `start` to `self`; `None` when the two come from different clocks, are exact to the day only, or lie too far apart.
    pub(super) fn since(self, start: Timing) -> Option<u64> {
        const LONGEST: u64 = 30 * 24 * 3600 * 1000;
        if self.recorded != start.recorded || self.precision == Precision::Day || start.precision == Precision::Day {
            return None;
        }
        self.at.since(start.at).filter(|span| (1..=LONGEST).contains(span))
    }

    /// Whether `self` is exact to the second and lies in the minute that `minute` names.
    pub(super) fn is_in_minute(self, minute: Timing) -> bool {
        minute.precision == Precision::Minute
            && self.precision == Precision::Second
            && self.at.since(minute.at).is_some_and(|after| after < MINUTE)
    }

    /// A time that names only the minute may seem to lie before one within that minute: it does not.
    pub(super) fn not_before(self, start: Option<Timing>) -> Timing {
        match start {
            Some(start) if start.is_in_minute(self) => Timing { at: start.at, ..self },
            Some(_) | None => self,
        }
    }
}

/// One attempt at a story.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) started: Option<Timing>,
    pub(super) ended: Option<Timing>,
    pub(super) result: AttemptResult,
    pub(super) reason: Option<CleanText>,
    /// As a record states it, or from its start to its end.
    pub(super) duration_ms: Option<Ranked<u64>>,
    /// A record states the duration.
    pub(super) stated: bool,
    pub(super) path: CleanText,
    pub(super) line: Option<NonZeroU32>,
    /// A log states how it ended.
    #[serde(default)]
    pub(super) by_log: bool,
    /// Of its result; of an attempt under way, of its start.
    pub(super) provenance: Provenance,
}

impl Attempt {
    /// How exactly it is known when: the less exact of its two times.
    pub(super) fn precision(&self) -> Option<Precision> {
        self.started.into_iter().chain(self.ended).map(|timing| timing.precision).min()
    }
}

/// A live start that names the present minute gets the present second, so that a clock counting from it starts at 0.
pub(super) fn refine_to_second(timing: Timing, update: &FactUpdate<'_>) -> Timing {
    let this_minute = timing.precision == Precision::Minute && update.now.since(timing.at).is_some_and(|ago| ago < MINUTE);
    if update.live && this_minute { Timing { at: update.now, precision: Precision::Second, ..timing } } else { timing }
}

/// When a fact happened: the record's time unless it lies in the future; else now, or the last write of the file when the fact was
/// found at the start.
pub(super) fn timing_of(update: &FactUpdate<'_>) -> Timing {
    match update.fact.recorded_at {
        Some(stamp) if stamp.at.0 <= update.now.0 + CLOCK_TOLERANCE => Timing { at: stamp.at, precision: stamp.precision, recorded: true },
        Some(_) | None => {
            let written = update.origin.written.filter(|written| !update.live && *written <= update.now);
            Timing { at: written.unwrap_or(update.now), precision: Precision::Second, recorded: false }
        }
    }
}
