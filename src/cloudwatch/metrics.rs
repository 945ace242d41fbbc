//! The call `/api/metric`.

use std::sync::Arc;

use super::aws::region_client::{Caller, RegionClient};
use super::context::RequestContext;
use super::data::batch::Query;
use super::data::data_query::{DataQuery, Target, before};
use super::data::fetch::fetch;
use super::data::plan::Plan;
use super::data::series::Series;
use super::listing::advice;
use super::listing::found::{Found, MAX_LISTED};
use super::listing::lists;
use super::lookup::Listing;
use super::query::expression::Expression;
use super::query::metric::Metric;
use super::query::namespaces;
use super::query::selector::{self, MetricSelector};
use crate::error::MirrorError;
use crate::model::{Bucket, MetricQuery, Points, Telemetry};
use crate::time::EpochMillis;

/// What the log tells of an answer without points, in a namespace whose metrics come seldom.
const SLOW: &str = "metrics of this namespace can come only once or a few times a day; the range may lie \
                    between two of them";

/// What CloudWatch returned, and the queries that it was asked.
struct Fetched {
    series: Series,
    queries: Vec<Query>,
}

impl RequestContext<'_> {
    /// The points that a query selects, from the cache or from CloudWatch.
    ///
    /// # Errors
    /// The query is not valid, no metric or several match it, or CloudWatch does not answer.
    pub(super) async fn metrics(&self, query: &MetricQuery) -> Result<Telemetry, MirrorError> {
        let telemetry = self.points(query).await?;
        if telemetry.points.count() == 0 {
            self.usage.record(|counts| {
                let is_slow = counts.namespace.as_deref().is_some_and(namespaces::is_slow);
                counts.hint = is_slow.then_some(SLOW);
            });
        }
        Ok(telemetry)
    }

    async fn points(&self, query: &MetricQuery) -> Result<Telemetry, MirrorError> {
        let (query, region) = DataQuery::read(query, self.config, self.regions().next(), self.now)?;
        if let Target::Metrics(selector) | Target::Tagged(selector, _) = &query.target {
            self.usage.record_namespaces(&selector.namespaces);
        }
        if query.plan.window.count() == 0 {
            return Ok(Series::new(query.plan, query.not_a_number).into_telemetry());
        }
        let client = self.client(region.as_ref()).await?;
        let key = (client.caller, query);
        if let Some(telemetry) = self.cached(&key) {
            return Ok(telemetry);
        }
        let query = &key.1;
        let mut fetched = match &query.target {
            Target::Metrics(selector) => self.fetch_selected(&client, query, selector).await?,
            Target::Expression(expression) => {
                self.fetch_expression(&client, query, expression).await?
            }
            Target::Tagged(selector, expression) => {
                self.fetch_tagged(&client, query, selector, expression).await?
            }
        };
        if fetched.series.begins_empty() {
            let earlier = self.earlier(&client, query, &fetched).await?;
            fetched.series.begin_after(earlier);
        }
        Ok(self.cache(key, fetched.series.into_telemetry()))
    }

    /// The cached points of a caller's query.
    fn cached(&self, key: &(Caller, DataQuery)) -> Option<Telemetry> {
        let cached = self.cloudwatch.points.get(key, self.now);
        self.usage.record_cache(cached.is_some());
        cached
    }

    /// Caches the points of a caller's query, and returns them.
    fn cache(&self, key: (Caller, DataQuery), telemetry: Telemetry) -> Telemetry {
        let (caller, query) = &key;
        let lifetime = query.cache;
        // The next answer may be complete if this one is not.
        if !lifetime.is_zero() && !telemetry.is_partial {
            let points = telemetry.points.count() * size_of::<Bucket>();
            let bytes = size_of_val(caller) + query.bytes() + points;
            self.cloudwatch.points.insert(key, telemetry.clone(), bytes, self.now, lifetime);
        }
        telemetry
    }

    /// The last bucket with a value before the window of a plan, if it holds values. `fetched` has the points of
    /// the window.
    async fn earlier(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        fetched: &Fetched,
    ) -> Result<Option<Bucket>, MirrorError> {
        for plan in fetched.series.plan.look_back(query.earliest(self.now), self.now) {
            let query = DataQuery { plan, ..query.clone() };
            let telemetry = self.fetch_cached(client, query, &fetched.queries).await?;
            if let Points::Aggregated(buckets) = telemetry.points
                && let Some(bucket) = buckets.last()
            {
                return Ok(Some(*bucket));
            }
            // What was not looked at can have a later value than a longer period.
            if telemetry.is_partial {
                break;
            }
        }
        Ok(None)
    }

    /// The points of a query that helps to answer another, from the cache or from CloudWatch.
    async fn fetch_cached(
        &self,
        client: &RegionClient,
        query: DataQuery,
        queries: &[Query],
    ) -> Result<Telemetry, MirrorError> {
        let key = (client.caller, query);
        if let Some(telemetry) = self.cached(&key) {
            return Ok(telemetry);
        }
        let series = self.fetch(client, &key.1, key.1.plan.clone(), queries).await?;
        Ok(self.cache(key, series.into_telemetry()))
    }

    async fn fetch_expression(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        expression: &Expression,
    ) -> Result<Fetched, MirrorError> {
        let queries: Vec<Query> = expression.entries().iter().cloned().map(Query::Entry).collect();
        let series = self.fetch(client, query, query.plan.clone(), &queries).await?;
        Ok(Fetched { series, queries })
    }

    /// The points of the metrics that a selector names and whose resources have some tags. For a wrong name or
    /// tag, CloudWatch returns nothing. So if there are no points, the last two weeks tell whether there are such
    /// tags, and then the lists whether there are such metrics.
    async fn fetch_tagged(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        selector: &MetricSelector,
        expression: &Expression,
    ) -> Result<Fetched, MirrorError> {
        if !selector.dimensions.is_empty() {
            let fetched = self.fetch_expression(client, query, expression).await?;
            if !fetched.series.is_empty() {
                return Ok(fetched);
            }
            // Cached as long as a list is, because it tells the same: whether there are such metrics.
            let (plan, cache) = (query.plan.latest_hour(expression, self.now), lists::LIFETIME);
            let latest = DataQuery { plan, cache, ..query.clone() };
            let latest = self.fetch_cached(client, latest, &fetched.queries).await?;
            if latest.points.count() > 0 || latest.is_partial {
                return Ok(fetched);
            }
        }
        let (linked_accounts, max_metrics) = (query.linked_accounts, MAX_LISTED);
        let listing = Listing { linked_accounts, max_metrics, ..Listing::ALL };
        let (catalogue, meant) = self.interpret(client, selector, listing).await?;
        Err(match advice::untagged(&meant, &catalogue) {
            Some(error) => error,
            None if catalogue.is_partial => {
                advice::error(&Found::Unknown, &meant, &client.region, None)
            }
            None => self.unfound(client, query, &Found::Nothing, &meant).await,
        })
    }

    /// The points of the metrics that a selector means.
    ///
    /// A literal selector names its metrics, so their data is asked for first. If there is none,
    /// or if the selector is not literal, the lists of CloudWatch tell which metrics are meant.
    async fn fetch_selected(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        selector: &MetricSelector,
    ) -> Result<Fetched, MirrorError> {
        let likeliest = selector.likeliest().metrics();
        let mut asked = None;
        if selector.is_literal() {
            let fetched = self.fetch_metrics(client, query, &likeliest).await?;
            if !fetched.series.is_empty() {
                return Ok(fetched);
            }
            asked = Some(fetched);
        }
        let (found, meant) = self.find(client, selector, query.linked_accounts).await?;
        let (metrics, is_listed) = match &found {
            Found::Exact(metrics) => (metrics.clone(), true),
            Found::OneMatch(metric) => (vec![metric.clone()], true),
            // CloudWatch does not list metrics without data for two weeks, or very new ones.
            Found::Nothing | Found::Unknown if asked.is_none() && !selector.has_wildcards() => {
                (likeliest.clone(), false)
            }
            _ => return Err(self.unfound(client, query, &found, &meant).await),
        };
        let fetched = match asked {
            Some(asked) if metrics.iter().all(|metric| likeliest.contains(metric)) => asked,
            _ => self.fetch_metrics(client, query, &metrics).await?,
        };
        if fetched.series.is_empty() && !is_listed {
            return Err(self.unfound(client, query, &found, &meant).await);
        }
        if fetched.series.is_empty() {
            self.check_percentile(client, query, &metrics).await?;
        }
        Ok(fetched)
    }

    /// The error of a query whose metrics were not found, with what may be meant instead. That costs a
    /// page of a list, which is cached as every list is.
    async fn unfound(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        found: &Found,
        meant: &MetricSelector,
    ) -> MirrorError {
        let others = match (found, meant.namespaces.as_slice()) {
            (Found::Nothing, [namespace]) => {
                self.others(client, namespace, query.linked_accounts).await
            }
            _ => None,
        };
        advice::error(found, meant, &client.region, others.as_deref())
    }

    async fn fetch_metrics(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        metrics: &[Arc<Metric>],
    ) -> Result<Fetched, MirrorError> {
        selector::check_size(metrics)?;
        let plan = query.plan.for_metrics(metrics.len())?;
        let queries = plan.queries(metrics);
        let series = self.fetch(client, query, plan, &queries).await?;
        Ok(Fetched { series, queries })
    }

    /// Finds out whether metrics without a percentile have samples, from which CloudWatch cannot
    /// compute it.
    ///
    /// # Errors
    /// They have.
    async fn check_percentile(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        metrics: &[Arc<Metric>],
    ) -> Result<(), MirrorError> {
        let until = EpochMillis(before(self.now, self.config.zero_fill_delay));
        let Some((plan, percentile)) = query.plan.counting_samples(until) else { return Ok(()) };
        let queries = plan.queries(metrics);
        let series = self.fetch(client, query, plan, &queries).await?;
        if series.is_empty() { Ok(()) } else { Err(advice::no_percentile(metrics, percentile)) }
    }

    async fn fetch(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        plan: Plan,
        queries: &[Query],
    ) -> Result<Series, MirrorError> {
        let series = Series::new(plan, query.not_a_number);
        fetch(client, self.backlog(client).as_ref(), queries, series).await
    }
}
