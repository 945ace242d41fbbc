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

    /// What `work` results in, if it does so in time; `what` says what is waited for.
    ///
    /// # Errors
    /// [`MirrorError::Connection`] at the deadline.
    pub async fn bound<T>(
        &self,
        what: impl FnOnce() -> String,
        work: impl Future<Output = T>,
    ) -> Result<T, MirrorError> {
        timeout_at(self.at, work).await.map_err(|_| MirrorError::Connection {
            details: format!(
                "no answer in {:.1} seconds, the time that this request has; it was waiting for {}",
                self.allowed.as_secs_f64(),
                what()
            ),
        })
    }
}
