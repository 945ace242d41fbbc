//! What one request did at AWS, for its log line.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::region::Region;
use crate::shared::lock;

tokio::task_local! {
    /// The usage of the request that the current task serves, and the attempts of the call that
    /// it waits for. All requests share the clients, so the clients' interceptors read it here.
    /// `customize().interceptor(…)` would give each call one of its own, but none to the AssumeRole
    /// call that the SDK can make inside another call.
    static CURRENT: (Arc<Usage>, Arc<Attempts>);
}

/// The attempts of one call to AWS so far.
#[derive(Debug, Default)]
pub struct Attempts {
    /// The time by which the call must have ended.
    deadline: Option<Instant>,
    tally: Mutex<Tally>,
    /// Also counts the throttled ones.
    throttles: Option<Arc<AtomicU32>>,
}

/// The number of attempts of a call, by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All attempts, also one that is under way.
    pub begun: u32,
    /// The attempts that AWS refused because there were too many.
    pub throttled: u32,
    /// The attempts that failed for another reason.
    pub failed: u32,
    /// Whether the latest attempt that ended was throttled.
    pub is_throttled: bool,
}

impl Attempts {
    /// No attempts of a call that must have ended by `deadline`. `throttles` also counts those that
    /// AWS refuses because there are too many.
    pub fn until(deadline: Instant, throttles: Option<Arc<AtomicU32>>) -> Self {
        Attempts { deadline: Some(deadline), tally: Mutex::default(), throttles }
    }

    /// Forgets the numbers, for the next of several calls.
    pub fn restart(&self) {
        *lock(&self.tally) = Tally::default();
    }

    /// The numbers so far.
    pub fn tally(&self) -> Tally {
        *lock(&self.tally)
    }

    /// The numbers of the call that the current task waits for; zeros if there is none.
    pub fn current() -> Tally {
        CURRENT.try_with(|(_, attempts)| attempts.tally()).unwrap_or_default()
    }

    /// The time that the call has left, if the current task waits for one with a deadline.
    pub fn time_left() -> Option<Duration> {
        let deadline = CURRENT.try_with(|(_, attempts)| attempts.deadline).ok().flatten()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }
}

/// What one request did at AWS so far.
#[derive(Debug, Default)]
pub struct Usage(Mutex<Counts>);

/// The numbers and names in the log line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// The region of the calls.
    pub region: Option<Region>,
    /// The namespace of the query, or `several`.
    pub namespace: Option<String>,
    /// Whether the caches had everything that the request needed. `None` if it asked none.
    pub is_cached: Option<bool>,
    /// The calls to CloudWatch. Each page is a call. A call for several requests counts for the
    /// first of them only.
    pub calls: u32,
    /// The calls that count for other requests, but also asked for this one.
    pub shared_calls: u32,
    /// The HTTP requests to CloudWatch and STS. Retries are more attempts of the same call.
    pub attempts: u32,
    /// The attempts that AWS refused because there were too many.
    pub throttles: u32,
    /// The queries for metrics in GetMetricData requests. Each page counts again. AWS charges for as many
    /// metrics, or for fewer: it can bill up to five statistics of a metric as one.
    pub metrics_asked: usize,
    /// The expressions in GetMetricData requests. Each page counts again. AWS charges for each metric
    /// that an expression reads, which no response tells.
    pub expressions_asked: usize,
    /// What may explain an answer without points.
    pub hint: Option<&'static str>,
    /// The time during which at least one call was under way.
    pub waited: Duration,
    /// The time until calls could start, because others were before.
    pub queued: Duration,
    /// The calls that are under way, and since when there is at least one.
    under_way: u32,
    since: Option<Instant>,
}

impl Usage {
    /// Changes the counts. Returns what `change` does.
    pub fn record<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut lock(&self.0))
    }

    /// Records that a cache had, or did not have, what the request needed.
    pub fn record_cache(&self, is_hit: bool) {
        self.record(|counts| counts.is_cached = Some(is_hit && counts.is_cached.unwrap_or(true)));
    }

    /// Records the namespaces that a query selects.
    pub fn record_namespaces(&self, namespaces: &[String]) {
        let name = match namespaces {
            [] => return,
            [one] => one.clone(),
            _ => "several".to_owned(),
        };
        self.record(|counts| counts.namespace = Some(name));
    }

    /// Waits for AWS: counts the time that `work` takes, and its attempts, also in `attempts`.
    pub async fn wait<T>(
        self: &Arc<Self>,
        attempts: &Arc<Attempts>,
        work: impl Future<Output = T>,
    ) -> T {
        let _waiting = Waiting::begin(self);
        CURRENT.scope((self.clone(), attempts.clone()), work).await
    }

    /// Records that an attempt of the current task begins, if it waits for AWS.
    pub fn record_attempt() {
        let _ = CURRENT.try_with(|(usage, attempts)| {
            usage.record(|counts| counts.attempts += 1);
            lock(&attempts.tally).begun += 1;
        });
    }

    /// Records that an attempt of the current task ended. `is_throttled` tells of one that failed
    /// whether that was because there were too many.
    pub fn record_attempt_end(is_throttled: Option<bool>) {
        let _ = CURRENT.try_with(|(usage, attempts)| {
            let has_failed = is_throttled.is_some();
            let is_throttled = is_throttled.unwrap_or(false);
            usage.record(|counts| counts.throttles += u32::from(is_throttled));
            if let Some(throttles) = attempts.throttles.as_ref().filter(|_| is_throttled) {
                throttles.fetch_add(1, Ordering::Relaxed);
            }
            let mut tally = lock(&attempts.tally);
            tally.is_throttled = is_throttled;
            tally.throttled += u32::from(is_throttled);
            tally.failed += u32::from(has_failed && !is_throttled);
        });
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        lock(&self.0).clone()
    }
}

/// A call that is under way. It ends when this is dropped, also if the call is given up.
struct Waiting<'a>(&'a Usage);

impl<'a> Waiting<'a> {
    fn begin(usage: &'a Usage) -> Self {
        usage.record(|counts| {
            counts.under_way += 1;
            counts.since.get_or_insert_with(Instant::now);
        });
        Waiting(usage)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.record(|counts| {
            counts.under_way -= 1;
            if counts.under_way == 0
                && let Some(since) = counts.since.take()
            {
                counts.waited += since.elapsed();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_miss_makes_the_request_a_miss() {
        for (hits, is_cached) in [
            (&[][..], None),
            (&[true], Some(true)),
            (&[true, true], Some(true)),
            (&[true, false], Some(false)),
            (&[false, true], Some(false)),
        ] {
            let usage = Usage::default();
            hits.iter().for_each(|is_hit| usage.record_cache(*is_hit));
            assert_eq!(usage.counts().is_cached, is_cached, "{hits:?}");
        }
    }

    #[test]
    fn namespaces_have_one_name() {
        for (namespaces, name) in
            [(&[][..], None), (&["A"], Some("A")), (&["A", "B"], Some("several"))]
        {
            let usage = Usage::default();
            let namespaces: Vec<String> =
                namespaces.iter().map(|name| (*name).to_owned()).collect();
            usage.record_namespaces(&namespaces);
            assert_eq!(usage.counts().namespace.as_deref(), name);
        }
    }

    #[tokio::test]
    async fn attempts_count_only_while_their_request_waits() {
        let usage = Arc::new(Usage::default());
        let (one, other) = (Arc::new(Attempts::default()), Arc::new(Attempts::default()));
        Usage::record_attempt();
        let call = async {
            Usage::record_attempt();
            Usage::record_attempt_end(Some(true));
            tokio::task::yield_now().await;
            assert_eq!(Attempts::current().begun, 1);
        };
        let twice = async {
            Usage::record_attempt();
            Usage::record_attempt_end(Some(true));
            Usage::record_attempt();
            Usage::record_attempt_end(Some(false));
        };
        tokio::join!(usage.wait(&one, call), usage.wait(&other, twice));
        let counts = usage.counts();
        assert_eq!((counts.attempts, counts.throttles), (3, 2));
        assert_eq!((counts.under_way, counts.since), (0, None));
        assert!(counts.waited > Duration::ZERO);
        let throttled = Tally { begun: 1, throttled: 1, failed: 0, is_throttled: true };
        assert_eq!(one.tally(), throttled);
        let failed = Tally { begun: 2, throttled: 1, failed: 1, is_throttled: false };
        assert_eq!(other.tally(), failed);
        assert_eq!(Attempts::current(), Tally::default());
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_ends() {
        let usage = Arc::new(Usage::default());
        let attempts = Arc::default();
        let call = usage.wait(&attempts, std::future::pending::<()>());
        assert!(tokio::time::timeout(Duration::ZERO, call).await.is_err());
        assert_eq!(usage.counts().under_way, 0);
    }
}
