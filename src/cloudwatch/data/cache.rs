//! The points of recent queries. Panels that ask for the same points share one GetMetricData
//! call, which is the main part of what a mirror costs.

use std::num::NonZeroUsize;

use super::plan::{DataQuery, Target};
use crate::cache::BoundedCache;
use crate::cloudwatch::aws::caller::Caller;
use crate::cloudwatch::query::selector::MetricSelector;
use crate::model::{Bucket, Telemetry};
use crate::time::EpochMillis;

/// The maximum number of cached results.
const MAX_RESULTS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The maximum size of all cached results and their queries, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// The points of recent queries, for each caller.
pub(crate) struct PointsCache(BoundedCache<(Caller, DataQuery), Telemetry>);

impl Default for PointsCache {
    fn default() -> Self {
        PointsCache(BoundedCache::new(MAX_RESULTS, MAX_BYTES))
    }
}

impl PointsCache {
    /// The points of this caller's query, if they have not expired.
    pub(crate) fn get(&self, key: &(Caller, DataQuery), now: EpochMillis) -> Option<Telemetry> {
        self.0.get(key, now)
    }

    /// Caches points for as long as the query allows. Partial points are not cached, because
    /// the next answer may be complete.
    pub(crate) fn insert(&self, key: (Caller, DataQuery), telemetry: &Telemetry, now: EpochMillis) {
        let lifetime = key.1.cache;
        let bytes = size(&key.1) + telemetry.points.count() * size_of::<Bucket>();
        if !lifetime.is_zero() && !telemetry.is_partial && bytes <= MAX_BYTES {
            self.0.insert(key, telemetry.clone(), bytes, now, lifetime);
        }
    }
}

/// The approximate size of a query in bytes.
fn size(query: &DataQuery) -> usize {
    fn size_of_texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> usize {
        texts.into_iter().map(|text| text.len() + size_of::<String>()).sum()
    }
    let target = match &query.target {
        Target::Expression(expression) => expression.text().len(),
        Target::Metrics(MetricSelector { namespaces, names, accounts, dimensions }) => {
            let dimensions: usize = dimensions
                .iter()
                .map(|(name, values)| name.len() + size_of_texts(values.texts()))
                .sum();
            size_of_texts(namespaces) + size_of_texts(names) + size_of_texts(accounts) + dimensions
        }
    };
    size_of::<(Caller, DataQuery)>() + target
}
