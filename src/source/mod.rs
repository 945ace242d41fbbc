//! Where answers come from.

pub mod cloudwatch;
mod random;

use self::cloudwatch::{Clients, Store};
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::telemetry::{
    Field, FieldValue, FieldValuesQuery, Filter, Listing, MetricQuery, Telemetry,
};

/// A metric store, or what stands in for one.
pub enum Source<'a> {
    /// The random data of StackState's mirror tutorial.
    Random {
        /// Equal seeds give equal answers to equal requests.
        seed: u64,
    },
    /// CloudWatch.
    CloudWatch(Store<'a>),
}

/// What a source is not told by the request.
pub struct Surroundings<'a> {
    /// Seeds random data that has no seed of its own.
    pub entropy: fn() -> u64,
    /// Epoch milliseconds.
    pub now: i64,
    /// The time by which the request must be answered.
    pub deadline: Deadline,
    /// What asks AWS.
    pub clients: &'a Clients,
}

impl<'a> Source<'a> {
    /// The source that a connection chooses.
    pub fn open(connection: &'a Connection, surroundings: Surroundings<'a>) -> Self {
        let Surroundings { entropy, now, deadline, clients } = surroundings;
        match connection {
            Connection::Random { seed } => Source::Random { seed: seed.unwrap_or_else(entropy) },
            Connection::CloudWatch(connection) => {
                Source::CloudWatch(Store { connection, clients, deadline, now })
            }
        }
    }

    /// Its name in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Source::Random { .. } => "random",
            Source::CloudWatch(_) => "cloudwatch",
        }
    }

    /// Whether the source can be used.
    ///
    /// # Errors
    /// It cannot, and why.
    pub async fn test(&self) -> Result<(), MirrorError> {
        match self {
            Source::Random { .. } => Ok(()),
            Source::CloudWatch(store) => store.test().await,
        }
    }

    /// The fields of the data that `filter` selects.
    ///
    /// # Errors
    /// The source cannot tell.
    pub async fn field_names(&self, filter: &Filter) -> Result<Listing<Field>, MirrorError> {
        match self {
            Source::Random { .. } => Ok(random::field_names(filter)),
            Source::CloudWatch(store) => store.field_names(filter).await,
        }
    }

    /// The values of a field in the data that the query's filter selects.
    ///
    /// # Errors
    /// The field has no list of values, or the source cannot tell.
    pub async fn field_values(
        &self,
        query: &FieldValuesQuery,
    ) -> Result<Listing<FieldValue>, MirrorError> {
        match self {
            Source::Random { .. } => random::field_values(query),
            Source::CloudWatch(store) => store.field_values(query).await,
        }
    }

    /// The points that a query selects.
    ///
    /// # Errors
    /// The query cannot be asked, or the source does not answer it.
    pub async fn metrics(&self, query: &MetricQuery) -> Result<Telemetry, MirrorError> {
        match self {
            Source::Random { seed } => Ok(random::metrics(query, *seed)),
            Source::CloudWatch(store) => store.metrics(query).await,
        }
    }
}
