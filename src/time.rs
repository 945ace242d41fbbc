//! Points in time and ranges.

use std::time::Duration;

/// The latest time that the mirror accepts, in epoch milliseconds: the end of the year 9999.
pub const MAX_EPOCH_MILLIS: i64 = 253_402_300_799_999;

/// A point in time, in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpochMillis(pub i64);

impl EpochMillis {
    /// The time `duration` after this one, or the largest one that 64 bits hold.
    pub fn saturating_add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        EpochMillis(self.0.saturating_add(millis))
    }
}

/// A span of time. It includes `start` and excludes `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    start: i64,
    end: i64,
}

impl TimeRange {
    /// The range from `start` to `end`, both in epoch milliseconds from 0 to
    /// [`MAX_EPOCH_MILLIS`]. `None` if one is outside or `end` comes before `start`.
    pub fn new(start: i64, end: i64) -> Option<Self> {
        (0 <= start && start <= end && end <= MAX_EPOCH_MILLIS).then_some(TimeRange { start, end })
    }

    /// The start in epoch milliseconds, inclusive.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The end in epoch milliseconds, exclusive.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// The length in milliseconds.
    pub fn length(&self) -> i64 {
        self.end - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_ordered_and_on_the_calendar() {
        for (start, end, valid) in [
            (0, 0, true),
            (0, MAX_EPOCH_MILLIS, true),
            (5, 5, true),
            (5, 4, false),
            (-1, 4, false),
            (0, MAX_EPOCH_MILLIS + 1, false),
            (i64::MIN, i64::MAX, false),
        ] {
            assert_eq!(TimeRange::new(start, end).is_some(), valid, "{start} to {end}");
        }
    }
}
