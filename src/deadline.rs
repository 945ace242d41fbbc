//! The time by which a request must be answered.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// The time by which a request must be answered.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    allowed: Duration,
}

impl Deadline {
    /// A deadline `allowed` from now.
    pub fn after(allowed: Duration) -> Self {
        Deadline { at: Instant::now() + allowed, allowed }
    }

    /// A deadline that is earlier by a fifth of the allowed time.
    #[must_use]
    pub fn earlier(&self) -> Self {
        let fifth = self.allowed / 5;
        Deadline { at: self.at - fifth, allowed: self.allowed - fifth }
    }

    /// The deadline.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// The time until the deadline; zero if it has passed.
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether the deadline has passed.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }

    /// The output of `work`, if it is ready before the deadline.
    ///
    /// # Errors
    /// The deadline has passed. The error is the time that the request was allowed to take.
    pub async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, Duration> {
        // `timeout_at` polls the future first, so pages that are always ready would never time
        // out.
        let work = async { if self.is_over() { None } else { Some(work.await) } };
        let output = timeout_at(self.at, work).await.ok().flatten();
        output.ok_or(self.allowed)
    }

    /// Waits for `pause`. If the deadline is earlier, it returns `false` at once.
    pub async fn pause(&self, pause: Duration) -> bool {
        let is_in_time = Instant::now() + pause < self.at;
        if is_in_time {
            sleep(pause).await;
        }
        is_in_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_deadline_leaves_a_fifth_of_the_time() {
        let deadline = Deadline::after(Duration::from_secs(100));
        let earlier = deadline.earlier();
        assert_eq!(deadline.at() - earlier.at(), Duration::from_secs(20));
        assert_eq!(earlier.allowed, Duration::from_secs(80));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_must_end_before_the_deadline() {
        for (pause, is_in_time, left) in
            [(40, true, 60), (99, true, 1), (100, false, 100), (101, false, 100)]
        {
            let deadline = Deadline::after(Duration::from_millis(100));
            assert_eq!(deadline.pause(Duration::from_millis(pause)).await, is_in_time, "{pause}");
            assert_eq!(deadline.left(), Duration::from_millis(left), "{pause}");
            assert!(!deadline.is_over());
            sleep(deadline.left()).await;
            assert!(deadline.is_over());
        }
    }
}
