//! Queries that CloudWatch refused. They are asked alone for a while.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The maximum number of refused questions to remember.
const MAX_REFUSED: usize = 1_000;

/// A refused question is asked alone for this time.
const LIFETIME: Duration = Duration::from_secs(600);

/// The digests of refused questions, and when each was refused, the latest first.
#[derive(Default)]
pub(super) struct Refused(Mutex<VecDeque<(u64, Instant)>>);

impl Refused {
    /// Whether the question with this digest was refused lately.
    pub(super) fn has(&self, digest: u64) -> bool {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|(_, since)| since.elapsed() < LIFETIME);
        refused.iter().any(|(known, _)| *known == digest)
    }

    /// Remembers a question. If there are too many, the one that was refused first is forgotten.
    pub(super) fn add(&self, digest: u64) {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|(known, _)| *known != digest);
        refused.truncate(MAX_REFUSED - 1);
        refused.push_front((digest, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_question_is_remembered_for_ten_minutes_after_its_last_refusal() {
        let refused = Refused::default();
        refused.add(1);
        refused.add(2);
        tokio::time::advance(LIFETIME / 2).await;
        refused.add(1);
        assert!(refused.has(1) && refused.has(2) && !refused.has(3));
        tokio::time::advance(LIFETIME / 2).await;
        assert!(refused.has(1) && !refused.has(2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_latest_are_remembered() {
        let refused = Refused::default();
        for digest in (0..1_500).chain([600]) {
            refused.add(digest);
        }
        let known: Vec<u64> = (0..1_500).filter(|digest| refused.has(*digest)).collect();
        assert_eq!(known, (500..1_500).collect::<Vec<_>>());
    }
}
