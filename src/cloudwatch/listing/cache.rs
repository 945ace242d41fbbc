//! Recent catalogues. StackState's dialogs ask several questions in a row.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::catalogue::Catalogue;
use super::filter::ListFilter;
use crate::cache::BoundedCache;
use crate::cloudwatch::aws::caller::Caller;
use crate::time::EpochMillis;

/// The maximum number of cached catalogues. A stream with `Resource` has a few small ones.
const MAX_CATALOGUES: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The maximum size of all cached catalogues and their filters, in bytes.
const MAX_BYTES: usize = 24 << 20;

/// How long a catalogue is cached. CloudWatch takes longer to list new metrics.
const LIFETIME: Duration = Duration::from_secs(300);

/// How long a catalogue is cached that could not be read in time: long enough for the dialog's next
/// question.
const PARTIAL_LIFETIME: Duration = Duration::from_secs(30);

/// Recent catalogues, for each caller.
pub(crate) struct ListingCache(BoundedCache<(Caller, ListFilter), CachedCatalogue>);

#[derive(Clone)]
struct CachedCatalogue {
    catalogue: Arc<Catalogue>,
    /// The maximum number of metrics that it was read with.
    max_metrics: usize,
}

impl Default for ListingCache {
    fn default() -> Self {
        ListingCache(BoundedCache::new(MAX_CATALOGUES, MAX_BYTES))
    }
}

impl ListingCache {
    /// A cached catalogue of this caller that has all metrics of `filter`, or as many as a new
    /// one of `max_metrics` would have.
    pub(crate) fn get(
        &self,
        caller: &Caller,
        filter: &ListFilter,
        max_metrics: usize,
        now: EpochMillis,
    ) -> Option<Arc<Catalogue>> {
        let matches = |(cached_caller, cached_filter): &(Caller, ListFilter),
                       cached: &CachedCatalogue| {
            cached_caller == caller
                && if cached.catalogue.is_partial {
                    // It may lack metrics of a narrower filter.
                    cached_filter == filter && cached.max_metrics >= max_metrics
                } else {
                    cached_filter.covers(filter)
                }
        };
        self.0.find(now, matches).map(|cached| cached.catalogue)
    }

    /// Caches a catalogue that was read with at most `max_metrics` metrics.
    pub(crate) fn insert(
        &self,
        caller: Caller,
        filter: ListFilter,
        catalogue: Arc<Catalogue>,
        max_metrics: usize,
        now: EpochMillis,
    ) {
        let is_cut = catalogue.is_partial && !catalogue.is_full;
        let lifetime = if is_cut { PARTIAL_LIFETIME } else { LIFETIME };
        let bytes = catalogue.bytes + filter.bytes() + size_of::<(Caller, ListFilter, Catalogue)>();
        let cached = CachedCatalogue { catalogue, max_metrics };
        self.0.insert((caller, filter), cached, bytes, now, lifetime);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{Credentials, Identity};
    use crate::region::Region;

    fn filter(namespace: &str) -> ListFilter {
        ListFilter {
            namespace: Some(namespace.to_owned()),
            name: None,
            dimensions: Vec::new(),
            account: None,
            linked: false,
            recent: false,
        }
    }

    fn catalogue(is_partial: bool, is_full: bool) -> Arc<Catalogue> {
        let mut catalogue = Catalogue::default();
        (catalogue.is_partial, catalogue.is_full) = (is_partial, is_full);
        Arc::new(catalogue)
    }

    fn caller(region: &str) -> Caller {
        let identity = Identity { credentials: Credentials::FunctionRole, role: None };
        Caller::new(&identity, &Region::new(region).unwrap())
    }

    #[test]
    fn a_catalogue_is_cached_for_its_lifetime() {
        const START: EpochMillis = EpochMillis(1_000);
        let cache = ListingCache::default();
        let (caller, other) = (caller("eu-west-1"), caller("eu-west-2"));
        cache.insert(caller, filter("whole"), catalogue(false, false), 100, START);
        cache.insert(caller, filter("part"), catalogue(true, false), 100, START);
        cache.insert(caller, filter("full"), catalogue(true, true), 100, START);
        for (namespace, max_metrics, now, found) in [
            ("whole", 5_000, 1_000, true),
            ("part", 101, 1_000, false),
            ("part", 100, 30_999, true),
            ("part", 100, 31_000, false),
            ("full", 100, 300_999, true),
            ("full", 101, 300_999, false),
            ("whole", 100, 300_999, true),
            ("whole", 100, 301_000, false),
        ] {
            let get = |caller| cache.get(caller, &filter(namespace), max_metrics, EpochMillis(now));
            assert_eq!(get(&caller).is_some(), found, "{namespace} {max_metrics} {now}");
            assert!(get(&other).is_none(), "{namespace} {max_metrics} {now}");
        }
    }

    #[test]
    fn catalogues_and_their_filters_have_a_maximum_size() {
        const NOW: EpochMillis = EpochMillis(1_000);
        let caller = caller("eu-west-1");
        let (first, second) = (filter("first"), filter("second"));
        let overhead = 2 * size_of::<(Caller, ListFilter, Catalogue)>();
        let room = MAX_BYTES - first.bytes() - second.bytes() - overhead - 1_000;
        for (bytes, is_kept) in [(room, true), (room + 1, false)] {
            let cache = ListingCache::default();
            let sized = |bytes| {
                let mut catalogue = Catalogue::default();
                catalogue.bytes = bytes;
                Arc::new(catalogue)
            };
            cache.insert(caller, first.clone(), sized(1_000), 100, NOW);
            cache.insert(caller, second.clone(), sized(bytes), 100, NOW);
            assert_eq!(cache.get(&caller, &first, 100, NOW).is_some(), is_kept, "{bytes} bytes");
            assert!(cache.get(&caller, &second, 100, NOW).is_some(), "{bytes} bytes");
        }
    }
}
