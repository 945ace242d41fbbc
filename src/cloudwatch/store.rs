//! The clients and caches, and one request's access to them.

use std::sync::Arc;

use super::aws::clients::{BuildClient, Clients, SdkClientBuilder};
use super::aws::session::Session;
use super::data::cache::PointsCache;
use super::data::turns::{AllCalls, CallerCalls};
use super::listing::cache::ListingCache;
use super::listing::catalogue::Catalogue;
use super::listing::filter::ListFilter;
use super::listing::read::list_metrics;
use super::listing::reads::Reads;
use crate::config::AwsConfig;
use crate::connection::CloudWatchConfig;
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::region::Region;
use crate::time::EpochMillis;
use crate::usage::Usage;

/// The clients and caches that all requests share. Nothing of AWS is built before the first
/// request needs it.
pub struct CloudWatch {
    clients: Clients,
    /// The function's own region.
    function_region: Option<Region>,
    pub(super) points: PointsCache,
    listings: Arc<ListingCache>,
    /// What requests share that are served at once. `None` if one is served after the other.
    sharing: Option<Sharing>,
}

#[derive(Default)]
struct Sharing {
    calls: AllCalls,
    reads: Reads,
}

impl CloudWatch {
    /// CloudWatch as `aws` describes it, for a mirror that serves up to `concurrency` requests at
    /// once.
    pub fn new(aws: AwsConfig, concurrency: usize) -> Self {
        let function_region = aws.region.clone();
        let builder = SdkClientBuilder::new(aws, concurrency > 1);
        let build = move |identity: &_, region: &_| builder.build(identity, region);
        CloudWatch { function_region, ..CloudWatch::with_clients(Box::new(build), concurrency) }
    }

    /// CloudWatch through the clients that `build` builds.
    pub fn with_clients(build: Box<BuildClient>, concurrency: usize) -> Self {
        CloudWatch {
            clients: Clients::new(build),
            function_region: None,
            points: PointsCache::default(),
            listings: Arc::default(),
            sharing: (concurrency > 1).then(Sharing::default),
        }
    }

    /// Whether no client was built yet.
    pub fn is_unused(&self) -> bool {
        self.clients.is_unused()
    }
}

/// One request's access to CloudWatch. The calls are its methods: `test`, `field_names`,
/// `field_values` and `metrics`, each in the file of its call.
pub struct Store<'a> {
    /// How to query CloudWatch.
    pub config: &'a CloudWatchConfig,
    /// The clients and caches.
    pub cloudwatch: &'a CloudWatch,
    /// The time by which the request must be answered.
    pub deadline: Deadline,
    /// The time of the request.
    pub now: EpochMillis,
    /// What the request did at AWS so far.
    pub usage: &'a Arc<Usage>,
}

impl Store<'_> {
    /// The regions of the connection, or the function's own region if there are none. The first
    /// is the default.
    pub(super) fn regions(&self) -> impl Iterator<Item = &Region> {
        let CloudWatchConfig { region, regions, .. } = self.config;
        let function_region = self.cloudwatch.function_region.as_ref();
        let is_open = region.is_none() && regions.is_empty();
        region.iter().chain(regions).chain(function_region.filter(|_| is_open))
    }

    /// A session in this region, or in the default region.
    ///
    /// # Errors
    /// There is no default region, there are no credentials, or the role cannot be assumed by the
    /// deadline.
    pub(super) async fn session(&self, region: Option<&Region>) -> Result<Session, MirrorError> {
        let region = region.or(self.regions().next()).cloned();
        let region = region.ok_or_else(|| MirrorError::Connection {
            details:
                "the query has no region; expected \"region\" in the connection details, such \
                      as \"eu-west-1\", or the condition Region"
                    .to_owned(),
        })?;
        self.usage.record(|counts| counts.region = Some(region.clone()));
        let CloudWatch { clients, .. } = self.cloudwatch;
        clients.session(&self.config.identity, region, self.deadline, self.now, self.usage).await
    }

    /// The calls of the session's caller, if requests share them.
    pub(super) fn calls(&self, session: &Session) -> Option<Arc<CallerCalls>> {
        let sharing = self.cloudwatch.sharing.as_ref()?;
        Some(sharing.calls.of(&session.caller, self.config.calls_per_second, self.now))
    }

    /// The metrics that `filter` lists, at most about `max_metrics`, from the cache or from
    /// CloudWatch.
    ///
    /// # Errors
    /// CloudWatch does not list metrics.
    pub(super) async fn catalogue(
        &self,
        session: &Session,
        filter: ListFilter,
        max_metrics: usize,
    ) -> Result<Arc<Catalogue>, MirrorError> {
        let cache = &self.cloudwatch.listings;
        let cached = cache.get(&session.caller, &filter, max_metrics, self.now);
        self.usage.record_cache(cached.is_some());
        if let Some(catalogue) = cached {
            return Ok(catalogue);
        }
        if let Some(sharing) = &self.cloudwatch.sharing {
            return sharing.reads.read(session, filter, max_metrics, cache, self.now).await;
        }
        let catalogue = Arc::new(list_metrics(session, &filter, max_metrics).await?);
        cache.insert(session.caller, filter, catalogue.clone(), max_metrics, self.now);
        Ok(catalogue)
    }
}
