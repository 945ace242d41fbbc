//! Where answers come from.

mod random;

use crate::connection::Connection;
use crate::error::MirrorError;
use crate::telemetry::{
    Field, FieldValue, FieldValuesQuery, Filter, Listing, MetricQuery, Telemetry,
};

/// A metric store, or what stands in for one.
#[derive(Debug)]
pub enum Source {
    /// The random data of StackState's mirror tutorial.
    Random {
        /// Equal seeds give equal answers to equal requests.
        seed: u64,
    },
}

impl Source {
    /// The source that a connection chooses; `entropy` seeds random data that has no seed of
    /// its own.
    pub fn open(connection: &Connection, entropy: impl FnOnce() -> u64) -> Self {
        match connection {
            Connection::Random { seed } => Source::Random { seed: seed.unwrap_or_else(entropy) },
        }
    }

    /// Its name in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Source::Random { .. } => "random",
        }
    }

    /// Whether the source can be used.
    pub async fn test(&self) -> Result<(), MirrorError> {
        match self {
            Source::Random { .. } => Ok(()),
        }
    }

    /// The fields of the data that `filter` selects.
    pub async fn field_names(&self, filter: &Filter) -> Result<Listing<Field>, MirrorError> {
        match self {
            Source::Random { .. } => Ok(random::field_names(filter)),
        }
    }

    /// The values of a field in the data that the query's filter selects.
    pub async fn field_values(
        &self,
        query: &FieldValuesQuery,
    ) -> Result<Listing<FieldValue>, MirrorError> {
        match self {
            Source::Random { .. } => random::field_values(query),
        }
    }

    /// The points that a query selects.
    pub async fn metrics(&self, query: &MetricQuery) -> Result<Telemetry, MirrorError> {
        match self {
            Source::Random { seed } => Ok(random::metrics(query, *seed)),
        }
    }
}
