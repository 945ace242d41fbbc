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
use crate::error::MirrorError;
use crate::model::{Answer, Query};

impl RequestContext<'_> {
    /// The answer to a query.
    ///
    /// # Errors
    /// The query is not valid, or CloudWatch does not answer it.
    pub async fn answer(&self, query: &Query) -> Result<Answer, MirrorError> {
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
