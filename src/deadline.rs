//! The time by which a request must be answered.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::MirrorError;

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

    /// Whether the deadline has passed.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }

    /// The output of `work`, if it is ready before the deadline. `what` names what the request
    /// waits for, for the error.
    ///
    /// # Errors
    /// [`MirrorError::Connection`] if the deadline has passed.
    pub async fn bound<T>(
        &self,
        what: impl FnOnce() -> String,
        work: impl Future<Output = T>,
    ) -> Result<T, MirrorError> {
        // `timeout_at` polls the future first, so pages that are always ready would never time
        // out.
        let work = async { if self.is_over() { Err(()) } else { Ok(work.await) } };
        let result = timeout_at(self.at, work).await.unwrap_or(Err(()));
        result.map_err(|()| MirrorError::Connection {
            details: format!(
                "no answer within {} milliseconds, the time limit of this request; it was waiting \
                 for {}",
                self.allowed.as_millis(),
                what()
            ),
        })
    }
}
