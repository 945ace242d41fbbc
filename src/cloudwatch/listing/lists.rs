//! Recent lists, and lists that are being read. StackState's dialogs ask several questions in a row,
//! and several people can ask the same at once: equal lists are read once.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_cloudwatch::operation::list_metrics::builders::ListMetricsFluentBuilder;
use aws_sdk_cloudwatch::types::{DimensionFilter, RecentlyActive};

use super::catalogue::{Catalogue, CatalogueBuilder};
use super::filter::ListFilter;
use crate::cache::BoundedCache;
use crate::cloudwatch::aws::error::Action;
use crate::cloudwatch::aws::region_client::{Caller, RegionClient};
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::heap;
use crate::shared::{self, SharedWork, WeakWork, lock};
use crate::time::EpochMillis;
use crate::usage::Tally;

/// The maximum number of cached catalogues. A stream with `Resource` has a few small ones.
const MAX_CATALOGUES: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The maximum size of all cached catalogues and their filters, in bytes.
const MAX_BYTES: usize = 24 << 20;

/// How long a catalogue is cached. CloudWatch takes longer to list new metrics.
pub(crate) const LIFETIME: Duration = Duration::from_secs(300);

/// How long a catalogue is cached that could not be read in time: long enough for the dialog's next
/// question.
const PARTIAL_LIFETIME: Duration = Duration::from_secs(30);

/// What CloudWatch sent for a catalogue larger than this, in bytes, is given back to the system.
const LARGE: usize = 1 << 20;

/// The lists of all callers.
pub(crate) struct Lists {
    recent: BoundedCache<(Caller, ListFilter), RecentList>,
    /// The lists that are being read, by their maximum number of metrics, too.
    being_read: Mutex<HashMap<(Caller, ListFilter, usize), Reading>>,
}

struct Reading {
    list: WeakWork<Result<Arc<Catalogue>, MirrorError>>,
    /// The deadline of the request that reads it.
    deadline: Deadline,
}

#[derive(Clone)]
struct RecentList {
    catalogue: Arc<Catalogue>,
    /// The maximum number of metrics that it was read with.
    max_metrics: usize,
}

impl Default for Lists {
    fn default() -> Self {
        let recent = BoundedCache::new(MAX_CATALOGUES, MAX_BYTES);
        Lists { recent, being_read: Mutex::default() }
    }
}

impl Lists {
    /// A cached catalogue of this caller that has all metrics of `filter`, or as many as a new
    /// one of `max_metrics` would have.
    pub(crate) fn cached(
        &self,
        caller: &Caller,
        filter: &ListFilter,
        max_metrics: usize,
        now: EpochMillis,
    ) -> Option<Arc<Catalogue>> {
        let matches = |(cached_caller, cached_filter): &(Caller, ListFilter),
                       cached: &RecentList| {
            cached_caller == caller
                && if cached.catalogue.is_partial {
                    // It may lack metrics of a narrower filter.
                    cached_filter == filter && cached.max_metrics >= max_metrics
                } else {
                    cached_filter.covers(filter)
                }
        };
        self.recent.find(now, matches).map(|cached| cached.catalogue)
    }

    /// The metrics that `filter` lists, at most about `max_metrics`. They are cached.
    ///
    /// # Errors
    /// CloudWatch does not list metrics.
    pub(crate) async fn read(
        self: &Arc<Self>,
        client: &RegionClient,
        filter: ListFilter,
        max_metrics: usize,
        now: EpochMillis,
    ) -> Result<Arc<Catalogue>, MirrorError> {
        loop {
            let (list, reader) = self.join(client, &filter, max_metrics, now);
            let list = if reader.is_some() {
                client.usage.record(|counts| counts.shared_calls += 1);
                client.wait(Action::ListMetrics, Tally::default, list).await?
            } else {
                // It ends by the deadline, and knows best why.
                list.await
            };
            match list.unwrap_or_else(|| Err(MirrorError::panicked())) {
                // It was read with less time than this request has.
                Err(_) if reader.is_some_and(|deadline| deadline.is_over()) => {}
                list => return list,
            }
        }
    }

    /// The list of a request that reads the same one and has no more time, with its deadline;
    /// otherwise that of this request.
    fn join(
        self: &Arc<Self>,
        client: &RegionClient,
        filter: &ListFilter,
        max_metrics: usize,
        now: EpochMillis,
    ) -> (SharedWork<Result<Arc<Catalogue>, MirrorError>>, Option<Deadline>) {
        let key = (client.caller, filter.clone(), max_metrics);
        let mut being_read = lock(&self.being_read);
        being_read
            .retain(|_, reading| reading.list.upgrade().is_some_and(|list| list.peek().is_none()));
        if let Some(Reading { list, deadline }) = being_read.get(&key)
            && deadline.at() <= client.deadline.at()
            && !deadline.is_over()
            && let Some(list) = list.upgrade()
        {
            return (list, Some(*deadline));
        }
        let (lists, client, filter) = (self.clone(), client.clone(), filter.clone());
        let deadline = client.deadline;
        let list = shared::start(async move {
            let catalogue = Arc::new(list_metrics(&client, &filter, max_metrics).await?);
            if catalogue.bytes > LARGE {
                // The pages lie below the catalogue in the heap.
                heap::give_back();
            }
            lists.insert(client.caller, filter, catalogue.clone(), max_metrics, now);
            Ok(catalogue)
        });
        let reading = list.downgrade().map(|list| Reading { list, deadline });
        being_read.extend(reading.map(|reading| (key, reading)));
        (list, None)
    }

    /// Caches a catalogue that was read with at most `max_metrics` metrics.
    fn insert(
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
        let cached = RecentList { catalogue, max_metrics };
        self.recent.insert((caller, filter), cached, bytes, now, lifetime);
    }
}

/// Lists the metrics that `filter` selects. The catalogue is partial if it reaches `max_metrics`
/// or its maximum size, or if the deadline is near.
///
/// # Errors
/// CloudWatch refuses the call, or the first page does not arrive by the deadline.
async fn list_metrics(
    client: &RegionClient,
    filter: &ListFilter,
    max_metrics: usize,
) -> Result<Catalogue, MirrorError> {
    // Leaves time to process the results.
    let earlier = RegionClient { deadline: client.deadline.earlier(), ..client.clone() };
    let mut catalogue = CatalogueBuilder::default();
    let mut tokens = HashSet::new();
    let mut token: Option<String> = None;
    loop {
        let call = request(client, filter, token.clone()).send();
        let caller = if token.is_none() { client } else { &earlier };
        let attempts = caller.attempts(None);
        let page = match caller.call(Action::ListMetrics, attempts, call).await {
            Err(_) if token.is_some() && earlier.deadline.is_over() => break,
            page => page?,
        };
        for (index, metric) in page.metrics().iter().enumerate() {
            if catalogue.is_full(max_metrics) {
                return Ok(catalogue.build_partial(max_metrics));
            }
            let owner = page.owning_accounts().get(index).filter(|_| filter.linked);
            catalogue.add(metric, owner.map(String::as_str));
        }
        match page.next_token {
            None => return Ok(catalogue.build()),
            Some(next) if !catalogue.is_full(max_metrics) && tokens.insert(next.clone()) => {
                token = Some(next);
            }
            // A repeated token would make this loop endless.
            Some(_) => break,
        }
    }
    Ok(catalogue.build_partial(max_metrics))
}

fn request(
    client: &RegionClient,
    filter: &ListFilter,
    token: Option<String>,
) -> ListMetricsFluentBuilder {
    let ListFilter { namespace, name, dimensions, account, linked, recent } = filter;
    let dimension = |(name, value): &(String, Option<String>)| {
        DimensionFilter::builder().name(name).set_value(value.clone()).build()
    };
    client
        .client
        .cloudwatch
        .list_metrics()
        .set_namespace(namespace.clone())
        .set_metric_name(name.clone())
        .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
        .set_owning_account(account.clone())
        .set_include_linked_accounts(linked.then_some(true))
        .set_recently_active(recent.then_some(RecentlyActive::Pt3H))
        .set_next_token(token)
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
        let cache = Lists::default();
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
            let get =
                |caller| cache.cached(caller, &filter(namespace), max_metrics, EpochMillis(now));
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
            let cache = Lists::default();
            let sized = |bytes| {
                let mut catalogue = Catalogue::default();
                catalogue.bytes = bytes;
                Arc::new(catalogue)
            };
            cache.insert(caller, first.clone(), sized(1_000), 100, NOW);
            cache.insert(caller, second.clone(), sized(bytes), 100, NOW);
            assert_eq!(cache.cached(&caller, &first, 100, NOW).is_some(), is_kept, "{bytes} bytes");
            assert!(cache.cached(&caller, &second, 100, NOW).is_some(), "{bytes} bytes");
        }
    }
}
