//! How many calls of one caller in a region start in a second, and how many are under way at once.
//!
//! The first bound is CloudWatch's: an account has a quota of calls a second, and what is beyond
//! it is throttled. The second makes calls large: what waits for one of the calls under way can be
//! asked together. A throttled call halves the rate, which then grows back slowly, so the limiter
//! finds what the quota leaves to it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::shared::lock;

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

/// The limits of one caller's calls in a region.
pub(super) struct Limiter {
    under_way: Arc<Semaphore>,
    rate: Mutex<Rate>,
    /// The throttled attempts so far. The calls count them, because the SDK repeats a throttled
    /// attempt without returning to us.
    pub(super) throttles: Arc<AtomicU32>,
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

/// A place among the calls that are under way. It is `None` inside only if the semaphore were
/// closed, which never happens.
pub(super) struct Permit(
    #[expect(dead_code, reason = "its drop ends the call")] Option<OwnedSemaphorePermit>,
);

impl Limiter {
    /// A limiter of at most `max` calls a second.
    pub(super) fn new(max: u32) -> Self {
        let (now, max) = (Instant::now(), f64::from(max));
        let rate = Rate { max, share: 1.0, throttles: 0, changed: now, halved: None, next: now };
        let under_way = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        Limiter { under_way, rate: Mutex::new(rate), throttles: Arc::default() }
    }

    /// Changes the maximum, in calls a second.
    pub(super) fn set_max(&self, max: u32) {
        lock(&self.rate).max = f64::from(max);
    }

    /// The current rate and its maximum in calls a second, rounded down, but at least one.
    pub(super) fn rate_and_max(&self) -> (u32, u32) {
        let rate = lock(&self.rate);
        (rate.calls_a_second() as u32, rate.max as u32)
    }

    /// Starts a call, if one may start now.
    pub(super) fn try_start(&self) -> Option<Permit> {
        let permit = self.ready().now_or_never()?;
        self.consume();
        Some(permit)
    }

    /// Waits until a call may start. Whoever starts it calls [`Limiter::consume`].
    pub(super) async fn ready(&self) -> Permit {
        let under_way = self.under_way.clone().acquire_owned().await.ok();
        loop {
            let now = Instant::now();
            let ready = self.ready_at(now);
            if ready <= now {
                return Permit(under_way);
            }
            sleep_until(ready).await;
        }
    }

    /// Counts a call that starts now against the rate. One that did not wait, such as that for the
    /// next page, makes later ones wait longer.
    pub(super) fn consume(&self) {
        lock(&self.rate).consume(Instant::now());
    }

    /// Whether the rate lets a call start now. What waits then, waits for those under way.
    pub(super) fn has_rate(&self) -> bool {
        let now = Instant::now();
        self.ready_at(now) <= now
    }

    fn ready_at(&self, now: Instant) -> Instant {
        lock(&self.rate).ready_at(now, self.throttles.load(Ordering::Relaxed))
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

    fn consume(&mut self, now: Instant) {
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

    /// Starts a call as soon as one may start, which ends at once.
    async fn start(limiter: &Limiter) {
        limiter.ready().await;
        limiter.consume();
    }

    /// The number of calls that start within (nearly) a second, if each ends at once.
    async fn in_a_second(limiter: &Limiter) -> usize {
        let end = Instant::now() + Duration::from_millis(999);
        let mut started = 0;
        while tokio::time::timeout_at(end, start(limiter)).await.is_ok() {
            started += 1;
        }
        started
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept() {
        for (max, first, later) in [(1, 1, 1), (4, 4, 4), (15, 18, 15), (100, 124, 100)] {
            let limiter = Limiter::new(max);
            assert_eq!(in_a_second(&limiter).await, first, "{max} a second, at first");
            assert_eq!(in_a_second(&limiter).await, later, "{max} a second, later");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_calls_are_under_way_at_once() {
        let limiter = Limiter::new(1_000);
        let permits: Vec<_> = (0..MAX_UNDER_WAY).map(|_| limiter.try_start().unwrap()).collect();
        assert!(limiter.try_start().is_none());
        drop(permits);
        assert!(limiter.try_start().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_halve_the_rate_and_it_grows_back() {
        let limiter = Limiter::new(40);
        in_a_second(&limiter).await;
        limiter.throttles.fetch_add(3, Ordering::Relaxed);
        assert!((19..=21).contains(&in_a_second(&limiter).await));
        assert!((20..=21).contains(&limiter.rate_and_max().0), "{}", limiter.rate_and_max().0);
        // Throttles a second apart are two reasons.
        tokio::time::sleep(Duration::from_millis(2)).await;
        limiter.throttles.fetch_add(1, Ordering::Relaxed);
        assert_eq!(in_a_second(&limiter).await, 11);
        tokio::time::sleep(RECOVERY).await;
        assert_eq!(limiter.try_start().map(|_| limiter.rate_and_max().0), Some(40));
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_within_a_second_are_one_reason() {
        let limiter = Limiter::new(40);
        for (millis, rates) in [(0, 20..=20), (500, 20..=21), (499, 20..=22), (1, 10..=11)] {
            tokio::time::advance(Duration::from_millis(millis)).await;
            limiter.throttles.fetch_add(1, Ordering::Relaxed);
            limiter.try_start();
            assert!(rates.contains(&limiter.rate_and_max().0), "{}", limiter.rate_and_max().0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_never_stop_the_calls() {
        let limiter = Limiter::new(2);
        for _ in 0..20 {
            limiter.throttles.fetch_add(1, Ordering::Relaxed);
            assert!(in_a_second(&limiter).await >= 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_start_at_once_delay_the_next_ones() {
        let limiter = Limiter::new(10);
        for _ in 0..5 {
            limiter.consume();
        }
        assert!(limiter.try_start().is_none());
        let begun = Instant::now();
        start(&limiter).await;
        assert_eq!(begun.elapsed().as_millis(), 350);
        for _ in 0..100 {
            limiter.consume();
        }
        let begun = Instant::now();
        start(&limiter).await;
        assert!(begun.elapsed() < MAX_DEBT, "a hundred pages do not block the caller");
    }

    #[tokio::test(start_paused = true)]
    async fn the_maximum_can_change() {
        let limiter = Limiter::new(10);
        limiter.set_max(40);
        assert_eq!(limiter.rate_and_max().0, 40);
        limiter.set_max(5);
        assert_eq!(limiter.rate_and_max().0, 5);
        // Another maximum, such as that of another source with the same keys, ends no reduction.
        limiter.throttles.fetch_add(1, Ordering::Relaxed);
        limiter.try_start();
        for (max, rate) in [(40, 20), (5, 2), (40, 20)] {
            limiter.set_max(max);
            assert_eq!(limiter.rate_and_max().0, rate);
        }
    }
}
