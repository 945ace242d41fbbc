//! The clients, caches and backlogs that all requests share, and one request's access to them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::aws::clients::{BuildClient, Clients, SdkClientBuilder};
use super::aws::region_client::{Caller, RegionClient};
use super::data::backlog::{Backlog, Backlogs};
use super::data::data_query::DataQuery;
use super::listing::catalogue::Catalogue;
use super::listing::filter::ListFilter;
use super::listing::lists::Lists;
use crate::cache::BoundedCache;
use crate::config::AwsConfig;
use crate::connection::CloudWatchConfig;
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::model::Telemetry;
use crate::region::Region;
use crate::time::EpochMillis;
use crate::usage::Usage;

/// The maximum number of cached results of metric queries.
const MAX_RESULTS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The maximum size of all cached results and their queries, in bytes.
const MAX_RESULT_BYTES: usize = 4 << 20;

/// What all requests share. Nothing of AWS is built before the first request needs it.
pub struct CloudWatch {
    clients: Clients,
    /// The function's own region.
    function_region: Option<Region>,
    /// The points of recent queries, for each caller. Panels that ask for the same points share one
    /// GetMetricData call, which is the main part of what a mirror costs.
    pub(super) points: BoundedCache<(Caller, DataQuery), Telemetry>,
    pub(super) lists: Arc<Lists>,
    /// `None` if one request is served after the other: then nothing waits for another.
    backlogs: Option<Backlogs>,
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
            points: BoundedCache::new(MAX_RESULTS, MAX_RESULT_BYTES),
            lists: Arc::default(),
            backlogs: (concurrency > 1).then(Backlogs::default),
        }
    }

    /// The function's own region, if it is known.
    pub fn function_region(&self) -> Option<&Region> {
        self.function_region.as_ref()
    }
}

/// What a request to CloudWatch has besides its query. The calls are its methods, each in the file
/// of its call.
pub struct RequestContext<'a> {
    /// How to query CloudWatch.
    pub config: &'a CloudWatchConfig,
    /// What all requests share.
    pub cloudwatch: &'a CloudWatch,
    /// The time by which the request must be answered.
    pub deadline: Deadline,
    /// The time of the request.
    pub now: EpochMillis,
    /// What the request did at AWS so far.
    pub usage: &'a Arc<Usage>,
}

impl RequestContext<'_> {
    /// The regions of the connection, or the function's own region if there are none. The first
    /// is the default.
    pub(super) fn regions(&self) -> impl Iterator<Item = &Region> {
        self.config.regions(self.cloudwatch.function_region())
    }

    /// The client for this region, or for the default region.
    ///
    /// # Errors
    /// There is no default region, there are no credentials, or the role cannot be assumed by the
    /// deadline.
    pub(super) async fn client(
        &self,
        region: Option<&Region>,
    ) -> Result<RegionClient, MirrorError> {
        let region = region.or(self.regions().next()).cloned();
        let region = region.ok_or_else(|| {
            MirrorError::connection(
                "the query has no region; expected \"region\" in the connection details, such as \
                 \"eu-west-1\", or the condition Region",
            )
        })?;
        self.usage.record(|counts| counts.region = Some(region.clone()));
        let CloudWatch { clients, .. } = self.cloudwatch;
        clients.client(&self.config.identity, region, self.deadline, self.now, self.usage).await
    }

    /// The backlog of the client's caller, if requests are served at once.
    pub(super) fn backlog(&self, client: &RegionClient) -> Option<Arc<Backlog>> {
        let backlogs = self.cloudwatch.backlogs.as_ref()?;
        Some(backlogs.of(&client.caller, self.config.calls_per_second, self.now))
    }

    /// The metrics that `filter` lists, at most about `max_metrics`, from the cache or from
    /// CloudWatch.
    ///
    /// # Errors
    /// CloudWatch does not list metrics.
    pub(super) async fn catalogue(
        &self,
        client: &RegionClient,
        filter: ListFilter,
        max_metrics: usize,
    ) -> Result<Arc<Catalogue>, MirrorError> {
        let lists = &self.cloudwatch.lists;
        let cached = lists.cached(&client.caller, &filter, max_metrics, self.now);
        self.usage.record_cache(cached.is_some());
        match cached {
            Some(catalogue) => Ok(catalogue),
            None => lists.read(client, filter, max_metrics, self.now).await,
        }
    }
}
