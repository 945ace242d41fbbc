//! How many calls a caller starts in a second, and how many are under way at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// The maximum number of calls that are under way at once. What waits meanwhile shares the next.
pub(super) const MAX_UNDER_WAY: usize = 4;

/// After a pause, the calls of this time may start at once.
const BURST: Duration = Duration::from_millis(250);

/// Pages do not wait for the rate, but the next call waits for them, at most for this time.
const MAX_DEBT: Duration = Duration::from_secs(2);

/// The rate does not fall below this, in calls a second.
const MIN_RATE: f64 = 1.0;

/// Throttles within this time of each other are one reason to go slower, not several.
const SETTLE: Duration = Duration::from_secs(1);

/// After a throttle, the rate grows back to its maximum within this time.
const RECOVERY: Duration = Duration::from_secs(30);

/// The pace of one caller's calls in a region. The rate halves when AWS throttles a call, and grows
/// back slowly.
pub(super) struct Pace {
    under_way: Arc<Semaphore>,
    rate: Mutex<Rate>,
    /// The throttled attempts so far, which the calls count.
    throttles: Arc<AtomicU32>,
}

struct Rate {
    /// The maximum number of calls a second.
    max: f64,
    /// The share of it that throttles have left, above 0 and up to 1.
    share: f64,
    /// The throttles that the rate reflects.
    throttles: u32,
    /// When the rate changed last.
    changed: Instant,
    /// When the rate was halved last.
    halved: Option<Instant>,
    /// When the next call would start if all calls were spread evenly.
    next: Instant,
}

/// A call that may start, or is under way. It is `None` inside only if the semaphore were closed,
/// which never happens.
pub(super) struct Permit(
    #[expect(dead_code, reason = "its drop ends the call")] Option<OwnedSemaphorePermit>,
);

impl Pace {
    /// A pace of at most `max` calls a second.
    pub(super) fn new(max: u32) -> Self {
        let (now, max) = (Instant::now(), f64::from(max));
        let rate = Rate { max, share: 1.0, throttles: 0, changed: now, halved: None, next: now };
        let under_way = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        Pace { under_way, rate: Mutex::new(rate), throttles: Arc::default() }
    }

    /// Changes the maximum, in calls a second.
    pub(super) fn set_max(&self, max: u32) {
        self.lock().max = f64::from(max);
    }

    /// The current rate in calls a second, rounded down, but at least one.
    pub(super) fn rate(&self) -> u32 {
        self.lock().calls_a_second() as u32
    }

    /// The maximum number of calls a second.
    pub(super) fn max(&self) -> u32 {
        self.lock().max as u32
    }

    /// The counter of throttled attempts.
    pub(super) fn throttles(&self) -> Arc<AtomicU32> {
        self.throttles.clone()
    }

    /// Starts a call, if one may start now.
    pub(super) fn try_start(&self) -> Option<Permit> {
        let under_way = self.under_way.clone().try_acquire_owned().ok()?;
        let now = Instant::now();
        let mut rate = self.lock();
        (rate.ready_at(now, self.seen()) <= now).then(|| {
            rate.take(now);
            Permit(Some(under_way))
        })
    }

    /// Starts a call as soon as one may start.
    pub(super) async fn start(&self) -> Permit {
        let under_way = self.under_way.clone().acquire_owned().await.ok();
        loop {
            let ready = {
                let now = Instant::now();
                let mut rate = self.lock();
                let ready = rate.ready_at(now, self.seen());
                if ready <= now {
                    rate.take(now);
                    return Permit(under_way);
                }
                ready
            };
            sleep_until(ready).await;
        }
    }

    /// Whether as many calls are under way as may be at once.
    pub(super) fn is_full(&self) -> bool {
        self.under_way.available_permits() == 0
    }

    /// Counts a call that starts at once, such as the next page. Later ones wait longer for it.
    pub(super) fn count(&self) {
        self.lock().take(Instant::now());
    }

    fn seen(&self) -> u32 {
        self.throttles.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rate {
    /// When a call may start, after this number of throttles so far.
    fn ready_at(&mut self, now: Instant, throttles: u32) -> Instant {
        let since = now.saturating_duration_since(self.changed);
        self.share = (self.share + since.as_secs_f64() / RECOVERY.as_secs_f64()).min(1.0);
        self.changed = now;
        if throttles != self.throttles {
            self.throttles = throttles;
            if self.halved.is_none_or(|halved| now >= halved + SETTLE) {
                self.share /= 2.0;
                self.halved = Some(now);
            }
        }
        self.next.checked_sub(BURST.saturating_sub(self.interval())).unwrap_or(now)
    }

    fn take(&mut self, now: Instant) {
        let next = self.next.max(now) + self.interval();
        self.next = next.min(now + MAX_DEBT);
    }

    fn calls_a_second(&self) -> f64 {
        (self.max * self.share).max(MIN_RATE)
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.calls_a_second())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of calls that start within (nearly) a second, if each ends at once.
    async fn in_a_second(pace: &Pace) -> usize {
        let end = Instant::now() + Duration::from_millis(999);
        let mut started = 0;
        while tokio::time::timeout_at(end, pace.start()).await.is_ok() {
            started += 1;
        }
        started
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept() {
        for (max, first, later) in [(1, 1, 1), (4, 4, 4), (15, 18, 15), (100, 124, 100)] {
            let pace = Pace::new(max);
            assert_eq!(in_a_second(&pace).await, first, "{max} a second, at first");
            assert_eq!(in_a_second(&pace).await, later, "{max} a second, later");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_calls_are_under_way_at_once() {
        let pace = Pace::new(1_000);
        let permits: Vec<_> = (0..MAX_UNDER_WAY).map(|_| pace.try_start().unwrap()).collect();
        assert!(pace.try_start().is_none());
        drop(permits);
        assert!(pace.try_start().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_halve_the_rate_and_it_grows_back() {
        let pace = Pace::new(40);
        in_a_second(&pace).await;
        pace.throttles().fetch_add(3, Ordering::Relaxed);
        assert!((19..=21).contains(&in_a_second(&pace).await));
        assert!((20..=21).contains(&pace.rate()), "{}", pace.rate());
        // Throttles a second apart are two reasons.
        tokio::time::sleep(Duration::from_millis(2)).await;
        pace.throttles().fetch_add(1, Ordering::Relaxed);
        assert_eq!(in_a_second(&pace).await, 11);
        tokio::time::sleep(RECOVERY).await;
        assert_eq!(pace.try_start().map(|_| pace.rate()), Some(40));
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_within_a_second_are_one_reason() {
        let pace = Pace::new(40);
        for (millis, rates) in [(0, 20..=20), (500, 20..=21), (499, 20..=22), (1, 10..=11)] {
            tokio::time::advance(Duration::from_millis(millis)).await;
            pace.throttles().fetch_add(1, Ordering::Relaxed);
            pace.try_start();
            assert!(rates.contains(&pace.rate()), "{}", pace.rate());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_never_stop_the_calls() {
        let pace = Pace::new(2);
        for _ in 0..20 {
            pace.throttles().fetch_add(1, Ordering::Relaxed);
            assert!(in_a_second(&pace).await >= 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_start_at_once_delay_the_next_ones() {
        let pace = Pace::new(10);
        for _ in 0..5 {
            pace.count();
        }
        assert!(pace.try_start().is_none());
        let begun = Instant::now();
        pace.start().await;
        assert_eq!(begun.elapsed().as_millis(), 350);
        for _ in 0..100 {
            pace.count();
        }
        let begun = Instant::now();
        pace.start().await;
        assert!(begun.elapsed() < MAX_DEBT, "a hundred pages do not block the caller");
    }

    #[tokio::test(start_paused = true)]
    async fn the_maximum_can_change() {
        let pace = Pace::new(10);
        pace.set_max(40);
        assert_eq!(pace.rate(), 40);
        pace.set_max(5);
        assert_eq!(pace.rate(), 5);
        // Another maximum, such as that of another source with the same keys, ends no reduction.
        pace.throttles().fetch_add(1, Ordering::Relaxed);
        pace.try_start();
        for (max, rate) in [(40, 20), (5, 2), (40, 20)] {
            pace.set_max(max);
            assert_eq!(pace.rate(), rate);
        }
    }
}
