//! Bucket size and age of the data → a period that CloudWatch keeps ("GetMetricData", CloudWatch
//! API reference: "Period" and the note on retention).

use crate::time::TimeRange;

const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The periods shorter than a minute, in milliseconds.
const HIGH_RESOLUTION: [i64; 5] = [SECOND, 5 * SECOND, 10 * SECOND, 20 * SECOND, 30 * SECOND];

/// CloudWatch keeps no data longer than this, in milliseconds.
const RETENTION: i64 = 455 * DAY;

/// Data this close to an age limit counts as past it, in milliseconds: CloudWatch's clock
/// decides, and the request takes time.
const CLOCK_MARGIN: i64 = MINUTE;

/// The periods that a query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Window {
    /// The length of a period in milliseconds, in whole seconds.
    pub(super) period: i64,
    /// The start of the period that contains the range's start, or the oldest data that CloudWatch
    /// keeps, in epoch milliseconds.
    pub(super) start: i64,
    /// The end of the last settled period in the range, in epoch milliseconds; `start` if there is
    /// none.
    pub(super) end: i64,
}

impl Window {
    /// The window for buckets of at least `bucket` milliseconds in `range`. Buckets that end after
    /// `settled` are left out, and `now` decides which periods CloudWatch still keeps. Both are
    /// in epoch milliseconds.
    pub(super) fn new(bucket: i64, range: TimeRange, settled: i64, now: i64) -> Self {
        let first = range.start().max(now - RETENTION).max(0);
        let (mut period, mut start) = (0, first);
        loop {
            // Rounding the start down can make the data old enough to need a longer period. A
            // longer period can have a later start, which must not shorten the period again.
            let fitting = shortest(bucket, now - start).max(period);
            if fitting == period {
                break;
            }
            period = fitting;
            start = first - first % period;
        }
        let last = range.end().min(settled).max(0);
        Window { period, start, end: (last - last % period).max(start) }
    }

    /// The periods before this window that begin at `from` or later: those of the same length, as far as
    /// CloudWatch keeps them, and then longer ones. Both times are in epoch milliseconds.
    pub(super) fn look_back(self, from: i64, now: i64) -> [Self; 2] {
        let kept = from.max(now - self.longest_age() + CLOCK_MARGIN);
        let count = (self.start - from) / self.period + 1;
        let all = Window { start: self.start - count * self.period, end: self.start, ..self };
        let same = all.not_before(kept);
        let nothing = Window { end: same.start, ..same };
        let Some(range) = TimeRange::new(from, same.start) else { return [same, nothing] };
        let longer = Window::new(self.period, range, same.start, now);
        // What the last one has of `same` is known to be empty. After it, there may be data.
        let more = Some(longer.end + longer.period).filter(|end| *end <= self.start);
        let end = more.filter(|_| longer.end < same.start).unwrap_or(longer.end);
        [same, Window { end, ..longer }.not_before(from)]
    }

    /// The age of the oldest data that CloudWatch keeps in periods of this length, in milliseconds.
    fn longest_age(self) -> i64 {
        match self.period {
            period if period % HOUR == 0 => RETENTION,
            period if period % (5 * MINUTE) == 0 => 63 * DAY,
            period if period % MINUTE == 0 => 15 * DAY,
            _ => 3 * HOUR,
        }
    }

    /// The hours between two times, in epoch milliseconds, with the one that is under way at the second.
    pub(super) fn of_hours(from: i64, to: i64) -> Self {
        Window { period: HOUR, start: from - from % HOUR + HOUR, end: to - to % HOUR + HOUR }
    }

    /// The first minutes of the epoch.
    #[cfg(test)]
    pub(super) fn of_minutes(count: i64) -> Self {
        Window { period: MINUTE, start: 0, end: count * MINUTE }
    }

    /// The window in parts of at most `count` periods, in ascending order.
    pub(super) fn spans(self, count: usize) -> impl Iterator<Item = Window> {
        let length = i64::try_from(count.max(1)).unwrap_or(i64::MAX).saturating_mul(self.period);
        let mut start = self.start;
        std::iter::from_fn(move || {
            let span = Window { start, end: self.end.min(start.saturating_add(length)), ..self };
            start = span.end;
            (span.start < span.end).then_some(span)
        })
    }

    /// The end of the last period of the window that ends at `time` or before it; the window's
    /// start if there is none. Both are in epoch milliseconds.
    pub(super) fn last_end(&self, time: i64) -> i64 {
        let end = time.clamp(self.start, self.end);
        end - (end - self.start) % self.period
    }

    /// The periods of the window that begin at `time` (epoch milliseconds) or later.
    pub(super) fn not_before(self, time: i64) -> Self {
        let missing = (time - self.start).max(0);
        let skipped = (missing + self.period - 1) / self.period * self.period;
        Window { start: self.end.min(self.start + skipped), ..self }
    }

    /// The length of a period in seconds.
    pub(super) fn period_seconds(&self) -> i32 {
        i32::try_from(self.period / SECOND).unwrap_or(i32::MAX)
    }

    /// The number of periods.
    pub(crate) fn count(&self) -> usize {
        usize::try_from((self.end - self.start) / self.period).unwrap_or(usize::MAX)
    }

    /// The first `count` periods of the window.
    pub(super) fn cut(self, count: usize) -> Self {
        let length = i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(self.period);
        Window { end: self.end.min(self.start.saturating_add(length)), ..self }
    }
}

/// The shortest period of at least `bucket` that CloudWatch keeps for data of this age. All are
/// in milliseconds.
fn shortest(bucket: i64, age: i64) -> i64 {
    let age = age.saturating_add(CLOCK_MARGIN);
    if age <= 3 * HOUR
        && let Some(period) = HIGH_RESOLUTION.into_iter().find(|period| *period >= bucket)
    {
        return period;
    }
    let unit = match age {
        _ if age <= 15 * DAY => MINUTE,
        _ if age <= 63 * DAY => 5 * MINUTE,
        _ => HOUR,
    };
    (bucket.max(1) - 1) / unit * unit + unit
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    #[test]
    fn the_period_is_the_shortest_that_cloudwatch_keeps() {
        for (bucket, age, period) in [
            (1, 0, SECOND),
            (1_000, 0, SECOND),
            (1_001, 0, 5 * SECOND),
            (7_000, HOUR, 10 * SECOND),
            (30_000, HOUR, 30 * SECOND),
            (30_001, HOUR, MINUTE),
            (60_000, HOUR, MINUTE),
            (61_000, HOUR, 2 * MINUTE),
            (90_000, HOUR, 2 * MINUTE),
            (100_001, HOUR, 2 * MINUTE),
            (3_600_000, HOUR, HOUR),
            (1_000, 3 * HOUR - CLOCK_MARGIN, SECOND),
            (1_000, 3 * HOUR, MINUTE),
            (90_000, 14 * DAY, 2 * MINUTE),
            (60_000, 20 * DAY, 5 * MINUTE),
            (301_000, 20 * DAY, 10 * MINUTE),
            (60_000, 63 * DAY, HOUR),
            (5_400_000, 100 * DAY, 2 * HOUR),
            (60_000, -HOUR, MINUTE),
        ] {
            assert_eq!(shortest(bucket, age), period, "{bucket} ms, {age} ms old");
        }
    }

    #[test]
    fn a_window_has_whole_periods_that_are_over() {
        // NOW is 22:13:20 UTC.
        let minute = NOW - 20 * SECOND;
        for (bucket, start, end, settled, window) in [
            (MINUTE, minute - HOUR, minute, NOW, (MINUTE, minute - HOUR, minute)),
            (MINUTE, minute - HOUR + 1, minute - 1, NOW, (MINUTE, minute - HOUR, minute - MINUTE)),
            (MINUTE, minute, minute + HOUR, NOW, (MINUTE, minute, minute)),
            (MINUTE, minute - HOUR, NOW + HOUR, NOW, (MINUTE, minute - HOUR, minute)),
            (
                MINUTE,
                minute - HOUR,
                NOW,
                NOW - 120_000,
                (MINUTE, minute - HOUR, minute - 2 * MINUTE),
            ),
            (MINUTE, NOW + HOUR, NOW + 2 * HOUR, NOW, (MINUTE, minute + HOUR, minute + HOUR)),
            (MINUTE, minute - HOUR, minute - HOUR, NOW, (MINUTE, minute - HOUR, minute - HOUR)),
            (
                HOUR,
                minute - HOUR,
                minute,
                NOW,
                (HOUR, minute - HOUR - 13 * MINUTE, minute - 13 * MINUTE),
            ),
            (1_000, NOW - 5_500, NOW, NOW, (SECOND, NOW - 6_000, NOW)),
            (DAY * 30_000, 0, NOW, NOW, (DAY * 30_000, 0, 0)),
        ] {
            let (period, first, last) = window;
            let range = TimeRange::new(start, end).unwrap();
            let expected = Window { period, start: first, end: last };
            assert_eq!(
                Window::new(bucket, range, settled, NOW),
                expected,
                "{bucket} {start} {end}"
            );
        }
    }

    #[test]
    fn rounding_the_start_down_can_need_a_longer_period() {
        // The bucket that contains the start begins before the age limit, where CloudWatch does
        // not keep periods of 30 seconds.
        let start = NOW - 3 * HOUR + CLOCK_MARGIN + 5 * SECOND;
        let range = TimeRange::new(start, NOW).unwrap();
        let window = Window::new(30_000, range, NOW, NOW);
        assert!(NOW - window.start + CLOCK_MARGIN > 3 * HOUR);
        assert_eq!(window.period, MINUTE);
    }

    /// Between two age limits a longer period can have a later start than a shorter one.
    #[test]
    fn every_window_is_found() {
        for limit in [3 * HOUR, 15 * DAY, 63 * DAY, RETENTION] {
            for bucket in
                [1_000, 45_000, 61_000, 120_000, 420_000, 1_500_000, 2_400_000, 3_000_000, 5 * HOUR]
            {
                for step in -400..400 {
                    let start = NOW - limit + step * 10_007;
                    let range = TimeRange::new(start, NOW).unwrap();
                    let window = Window::new(bucket, range, NOW, NOW);
                    assert!(window.period >= shortest(bucket, NOW - window.start));
                    assert_eq!(window.start % window.period, 0);
                    let first = start.max(NOW - RETENTION);
                    assert!((window.start..window.start + window.period).contains(&first));
                }
            }
        }
    }

    #[test]
    fn a_window_does_not_begin_before_the_retention() {
        let window = Window::new(HOUR, TimeRange::new(0, NOW).unwrap(), NOW, NOW);
        assert_eq!(window.start, NOW - RETENTION - (NOW - RETENTION) % HOUR);
        let window = Window::new(HOUR, TimeRange::new(0, NOW - 500 * DAY).unwrap(), NOW, NOW);
        assert_eq!(window.count(), 0);
    }

    #[test]
    fn spans_cover_the_window() {
        let window = Window { period: MINUTE, start: 0, end: HOUR };
        let ends = |count| window.spans(count).map(|span| span.end / MINUTE).collect::<Vec<_>>();
        assert_eq!(ends(25), [25, 50, 60]);
        assert_eq!(ends(60), [60]);
        assert_eq!(ends(usize::MAX), [60]);
        assert_eq!(Window { end: 0, ..window }.spans(5).count(), 0);
    }

    #[test]
    fn the_last_period_until_a_time_is_found() {
        let window = Window { period: 3 * MINUTE, start: MINUTE, end: 10 * MINUTE };
        for (time, end) in [
            (0, MINUTE),
            (4 * MINUTE - 1, MINUTE),
            (4 * MINUTE, 4 * MINUTE),
            (9 * MINUTE, 7 * MINUTE),
            (10 * MINUTE, 10 * MINUTE),
            (HOUR, 10 * MINUTE),
        ] {
            assert_eq!(window.last_end(time), end, "{time}");
        }
    }

    #[test]
    fn a_window_can_begin_later() {
        let window = Window { period: 3 * MINUTE, start: MINUTE, end: 10 * MINUTE };
        for (time, start) in [
            (0, MINUTE),
            (MINUTE, MINUTE),
            (MINUTE + 1, 4 * MINUTE),
            (4 * MINUTE, 4 * MINUTE),
            (8 * MINUTE, 10 * MINUTE),
            (HOUR, 10 * MINUTE),
        ] {
            assert_eq!(window.not_before(time), Window { start, ..window }, "{time}");
        }
    }

    #[test]
    fn a_window_can_be_cut() {
        let window = Window { period: MINUTE, start: 0, end: HOUR };
        assert_eq!(window.count(), 60);
        assert_eq!(window.cut(13).end, 13 * MINUTE);
        assert_eq!(window.cut(usize::MAX), window);
    }
}
