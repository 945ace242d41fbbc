//! The time by which a request must be answered.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::MirrorError;

/// A time by which a request must be answered.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    allowed: Duration,
}

impl Deadline {
    /// `allowed` from now on.
    pub fn after(allowed: Duration) -> Self {
        Deadline { at: Instant::now() + allowed, allowed }
    }

    /// A deadline a fifth of the time earlier.
    pub fn sooner(&self) -> Self {
        let fifth = self.allowed / 5;
        Deadline { at: self.at - fifth, allowed: self.allowed - fifth }
    }

    /// Whether it has passed.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }

    /// What `work` results in, if it does so in time; `what` says what is waited for.
    ///
    /// # Errors
    /// [`MirrorError::Connection`] at the deadline.
    pub async fn bound<T>(
        &self,
        what: impl FnOnce() -> String,
        work: impl Future<Output = T>,
    ) -> Result<T, MirrorError> {
        // A timeout lets through what is ready at once, were it the thousandth page in a row.
        let work = async { if self.is_over() { Err(()) } else { Ok(work.await) } };
        let result = timeout_at(self.at, work).await.unwrap_or(Err(()));
        result.map_err(|()| MirrorError::Connection {
            details: format!(
                "no answer in {} milliseconds, the time that this request has; it was waiting for {}",
                self.allowed.as_millis(),
                what()
            ),
        })
    }
}
