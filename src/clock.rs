//! Time as the program uses it: timestamps, and one reading of the two clocks.
//!
//! The clocks are read at the edges only. Machines get a `ClockReading` or a `Timestamp` as an argument.

use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since 1970-01-01T00:00:00Z. Serialised as RFC 3339 with milliseconds and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads the wall clock.
    pub fn now() -> Self {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }

    /// The nearest time that can be written: files may claim to be of any year, and RFC 3339 ends with 9999.
    pub fn clamped(millis: i64) -> Self {
        // 0001-01-01 and, a day before the end of 9999 because of time zones, 9999-12-30.
        Timestamp(millis.clamp(-62_135_596_800_000, 253_402_207_200_000))
    }

    /// `self - earlier` in milliseconds; `None` when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Option<u64> {
        u64::try_from(self.0.saturating_sub(earlier.0)).ok()
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => f.write_str("1970-01-01T00:00:00.000Z"),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        text.parse::<jiff::Timestamp>().map(|at| Timestamp(at.as_millisecond())).map_err(de::Error::custom)
    }
}

/// One reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockReading {
    /// Time since the program started, by the monotonic clock. Every rule that waits measures with this one.
    pub elapsed: Duration,
    /// The wall clock, which may jump.
    pub wall: Timestamp,
}

impl ClockReading {
    /// Milliseconds by which the wall clock went further than the monotonic one since `earlier`, where that is more than the clocks' own
    /// doing: the machine slept, or its clock was set; negative for one that was set back.
    pub fn jump_since(self, earlier: ClockReading) -> Option<i64> {
        const LEAST: i64 = 10_000;
        let steady = i64::try_from(self.elapsed.saturating_sub(earlier.elapsed).as_millis()).unwrap_or(i64::MAX);
        let jump = self.wall.0.saturating_sub(earlier.wall.0).saturating_sub(steady);
        (jump.abs() >= LEAST).then_some(jump)
    }
}

/// The monotonic clock, started with the reading, beside the wall clock.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch(Instant::now())
    }

    pub(crate) fn read(self) -> ClockReading {
        ClockReading { elapsed: self.0.elapsed(), wall: Timestamp::now() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_over_9999_is_not_written() {
        for millis in [i64::MIN, 253_402_300_800_000, i64::MAX] {
            let time = Timestamp::clamped(millis);
            let text = serde_json::to_string(&time).expect("it can be written");
            assert_eq!(serde_json::from_str::<Timestamp>(&text).ok(), Some(time), "{text}");
            assert_eq!(Timestamp(i64::MAX).since(Timestamp(i64::MIN)), Some(i64::MAX as u64));
        }
    }
}
