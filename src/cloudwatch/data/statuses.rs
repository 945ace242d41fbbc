//! The statuses of results: which ones CloudWatch did not finish, and how often they are asked for
//! again ("MetricDataResult", CloudWatch API reference).

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_cloudwatch::types::StatusCode;

use crate::cloudwatch::aws::session::Session;
use crate::error::MirrorError;

/// The maximum number of times that a call is sent, or a page asked for again, because CloudWatch
/// did not finish a result.
const MAX_TRIES: u32 = 5;

/// The wait before the second try. It doubles with every try.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The results that CloudWatch has not finished, by the numbers of their queries, with their latest
/// status.
#[derive(Default)]
pub(super) struct Statuses(HashMap<usize, StatusCode>);

impl Statuses {
    /// Records the latest status of a result.
    ///
    /// # Errors
    /// CloudWatch will never finish the result.
    pub(super) fn record(&mut self, query: usize, status: &StatusCode) -> Result<(), MirrorError> {
        match status {
            StatusCode::Complete => self.0.remove(&query),
            StatusCode::PartialData | StatusCode::InternalError => {
                self.0.insert(query, status.clone())
            }
            other => return Err(refused(other)),
        };
        Ok(())
    }

    /// The status of a result that is not finished, `InternalError` if there is one; `None` if all
    /// are finished.
    pub(super) fn unfinished(&self) -> Option<StatusCode> {
        let failed = self.0.values().find(|status| **status == StatusCode::InternalError);
        failed.or(self.0.values().next()).cloned()
    }
}

/// Counts how often a call was tried, and waits before the next time.
pub(super) struct Tries<'a> {
    session: &'a Session,
    count: u32,
}

impl<'a> Tries<'a> {
    /// The first try.
    pub(super) fn new(session: &'a Session) -> Self {
        Tries { session, count: 1 }
    }

    /// Waits before another try.
    ///
    /// # Errors
    /// There were [`MAX_TRIES`], or the deadline leaves no time for another.
    pub(super) async fn again(&mut self, status: &StatusCode) -> Result<(), MirrorError> {
        let wait = FIRST_WAIT * 2_u32.pow(self.count - 1);
        if self.count == MAX_TRIES || !self.session.deadline.pause(wait).await {
            return Err(unfinished(status, self.count));
        }
        self.count += 1;
        Ok(())
    }
}

/// The error of a result that CloudWatch will not return.
fn refused(status: &StatusCode) -> MirrorError {
    let details = match status {
        StatusCode::Forbidden => {
            "CloudWatch does not allow these credentials to read this metric (status Forbidden); \
             expected an account that shares it"
                .to_owned()
        }
        other => format!("CloudWatch returned the status {other} for this metric"),
    };
    MirrorError::Connection { details }
}

/// The error of a result that CloudWatch did not finish in this number of tries.
fn unfinished(status: &StatusCode, tries: u32) -> MirrorError {
    let what = match status {
        StatusCode::InternalError => "failed to compute this metric",
        _ => "returned only a part of the data of this metric",
    };
    let tries = if tries == 1 { "1 attempt".to_owned() } else { format!("{tries} attempts") };
    MirrorError::Connection {
        details: format!(
            "CloudWatch {what} (status {status}) in {tries}; a later request may succeed, or one \
             for fewer metrics or a shorter range"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_more_than_what_is_partial() {
        use StatusCode::{Complete, InternalError, PartialData};

        for (statuses, expected) in [
            (&[][..], None),
            (&[(0, Complete)], None),
            (&[(0, Complete), (1, PartialData)], Some(PartialData)),
            (&[(0, PartialData), (1, InternalError)], Some(InternalError)),
            (&[(0, InternalError), (1, PartialData), (2, PartialData)], Some(InternalError)),
            (&[(0, InternalError), (0, PartialData)], Some(PartialData)),
            (&[(0, InternalError), (0, PartialData), (0, Complete)], None),
        ] {
            let mut all = Statuses::default();
            for (query, status) in statuses {
                all.record(*query, status).unwrap();
            }
            assert_eq!(all.unfinished(), expected, "{statuses:?}");
        }
        assert!(Statuses::default().record(0, &StatusCode::Forbidden).is_err());
    }
}
