//! The points of recent queries. Panels that ask for the same points share one GetMetricData
//! call, which is the main part of what a mirror costs.

use std::num::NonZeroUsize;

use super::data_query::{DataQuery, Target};
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
        let bytes = key_bytes(&key.1.target) + telemetry.points.count() * size_of::<Bucket>();
        if !lifetime.is_zero() && !telemetry.is_partial {
            self.0.insert(key, telemetry.clone(), bytes, now, lifetime);
        }
    }
}

/// The approximate size of a key whose query asks for `target`, in bytes.
fn key_bytes(target: &Target) -> usize {
    fn of<'a>(texts: impl IntoIterator<Item = &'a String>) -> usize {
        texts.into_iter().map(|text| text.len() + size_of::<String>()).sum()
    }
    let texts = match target {
        Target::Expression(expression) => expression.text().len(),
        Target::Metrics(MetricSelector { namespaces, names, accounts, dimensions }) => {
            let dimensions = dimensions.iter();
            let dimensions = dimensions.map(|(name, values)| of([name]) + of(values.texts()));
            of(namespaces) + of(names) + of(accounts) + dimensions.sum::<usize>()
        }
    };
    size_of::<(Caller, DataQuery)>() + texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::query::values::Values;

    #[test]
    fn every_text_counts() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let one = size_of::<String>();
        let selector = MetricSelector {
            namespaces: texts(&["NN"]),
            names: texts(&["M", "MMMM"]),
            accounts: texts(&["123456789012"]),
            dimensions: vec![
                ("A".to_owned(), Values::exactly(texts(&["1", "23"]))),
                ("BBB".to_owned(), Values::exactly(texts(&["456"]))),
            ],
        };
        let empty = key_bytes(&Target::Metrics(MetricSelector::default()));
        assert_eq!(empty, size_of::<(Caller, DataQuery)>());
        let full = key_bytes(&Target::Metrics(selector));
        assert_eq!(full - empty, 2 + 5 + 12 + 4 + 6 + 9 * one);
    }
}
