//! The sources of telemetry: random data, or CloudWatch.

mod random;

use std::sync::Arc;

use crate::cloudwatch::{CloudWatch, Store};
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::model::{Field, FieldValue, FieldValuesQuery, Filter, MetricQuery, Page, Telemetry};
use crate::time::EpochMillis;
use crate::usage::Usage;

/// The source that answers a request.
pub enum Source<'a> {
    /// The random data of StackState's mirror tutorial.
    Random {
        /// Equal seeds give equal answers to equal requests.
        seed: u64,
    },
    /// CloudWatch.
    CloudWatch(Store<'a>),
}

/// What a source needs besides the connection and the query.
pub struct RequestContext<'a> {
    /// Returns a seed for random data that has none.
    pub entropy: fn() -> u64,
    /// The time of the request.
    pub now: EpochMillis,
    /// The time by which the request must be answered.
    pub deadline: Deadline,
    /// The CloudWatch clients and caches.
    pub cloudwatch: &'a CloudWatch,
    /// What the request did at AWS so far.
    pub usage: &'a Arc<Usage>,
}

impl<'a> Source<'a> {
    /// The source that the connection chooses.
    pub fn open(connection: &'a Connection, context: RequestContext<'a>) -> Self {
        let RequestContext { entropy, now, deadline, cloudwatch, usage } = context;
        match connection {
            Connection::Random { seed } => Source::Random { seed: seed.unwrap_or_else(entropy) },
            Connection::CloudWatch(config) => {
                Source::CloudWatch(Store { config, cloudwatch, deadline, now, usage })
            }
        }
    }

    /// The name in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Source::Random { .. } => "random",
            Source::CloudWatch(_) => "cloudwatch",
        }
    }

    /// Tests whether the source can be used.
    ///
    /// # Errors
    /// The source cannot be used.
    pub async fn test(&self) -> Result<(), MirrorError> {
        match self {
            Source::Random { .. } => Ok(()),
            Source::CloudWatch(store) => store.test().await,
        }
    }

    /// The fields of the data that `filter` selects.
    ///
    /// # Errors
    /// The source cannot list them.
    pub async fn field_names(&self, filter: &Filter) -> Result<Page<Field>, MirrorError> {
        match self {
            Source::Random { .. } => Ok(random::field_names(filter)),
            Source::CloudWatch(store) => store.field_names(filter).await,
        }
    }

    /// The values of a field in the data that the query's filter selects.
    ///
    /// # Errors
    /// The field has no list of values, or the source cannot list them.
    pub async fn field_values(
        &self,
        query: &FieldValuesQuery,
    ) -> Result<Page<FieldValue>, MirrorError> {
        match self {
            Source::Random { .. } => random::field_values(query),
            Source::CloudWatch(store) => store.field_values(query).await,
        }
    }

    /// The points that a query selects.
    ///
    /// # Errors
    /// The query is not valid, or the source does not answer it.
    pub async fn metrics(&self, query: &MetricQuery) -> Result<Telemetry, MirrorError> {
        match self {
            Source::Random { seed } => Ok(random::metrics(query, *seed)),
            Source::CloudWatch(store) => store.metrics(query).await,
        }
    }
}
