//! CloudWatch as a source of telemetry.
//!
//! A metric query goes through `metrics` → `query` (what it selects) → `data` (which period, which
//! request, which points). If it has no data, or does not name its metrics, `lookup` finds out
//! which metrics it means.

mod aws;
mod connection_test;
mod context;
mod data;
mod fields;
mod listing;
mod lookup;
mod metrics;
mod query;

pub use self::aws::clients::BuildClient;
pub use self::aws::region_client::CallerClient;
pub use self::context::{CloudWatch, RequestContext};
use crate::error::{MirrorError, invalid};
use crate::model::{Answer, Query};
use crate::time::TimeRange;

/// As milliseconds, times below this are before April 27, 1970, when CloudWatch had no data. As seconds, they
/// are the present.
const LEAST_MILLIS: i64 = 10_000_000_000;

impl RequestContext<'_> {
    /// The answer to a query.
    ///
    /// # Errors
    /// The query is not valid, or CloudWatch does not answer it.
    pub async fn answer(&self, query: &Query) -> Result<Answer, MirrorError> {
        let range = match query {
            Query::Connection => None,
            Query::FieldNames(filter) => Some(&filter.range),
            Query::FieldValues(query) => Some(&query.filter.range),
            Query::Metrics(query) => Some(&query.filter.range),
        };
        range.map_or(Ok(()), refuse_seconds)?;
        Ok(match query {
            Query::Connection => {
                self.test().await?;
                Answer::Connected
            }
            Query::FieldNames(filter) => Answer::FieldNames(self.field_names(filter).await?),
            Query::FieldValues(query) => Answer::FieldValues(self.field_values(query).await?),
            Query::Metrics(query) => Answer::Metrics(self.metrics(query).await?),
        })
    }
}

/// Fails if a range in seconds was given as one in milliseconds. Its answer would be empty.
fn refuse_seconds(range: &TimeRange) -> Result<(), MirrorError> {
    let (start, end) = (range.start(), range.end());
    // Somebody who asks for everything begins at 0.
    if start == 0 || end >= LEAST_MILLIS {
        return Ok(());
    }
    Err(invalid(format_args!(
        "startTime and endTime: expected epoch milliseconds, found {start} and {end}, which look like seconds; \
         multiply both by 1,000"
    )))
}
