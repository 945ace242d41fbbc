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
        let (mut series, queries) = match &query.target {
            Target::Metrics(selector) => self.fetch_selected(&client, query, selector).await?,
            Target::Expression(expression) => {
                self.fetch_expression(&client, query, expression).await?
            }
            Target::Tagged(selector, expression) => {
                self.fetch_tagged(&client, query, selector, expression).await?
            }
        };
        if series.begins_empty() {
            series.begin_after(self.last_before(&client, query, &series.plan, &queries).await?);
        }
        Ok(self.cache(key, series.into_telemetry()))
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

    /// The last bucket with a value before the window of a plan, if it holds values. `queries` have brought
    /// the points of the window.
    async fn last_before(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        plan: &Plan,
        queries: &[Query],
    ) -> Result<Option<Bucket>, MirrorError> {
        let earliest = query.earliest(self.now);
        let Some(plan) = plan.before(queries.len(), earliest, self.now) else { return Ok(None) };
        let before = DataQuery { plan, ..query.clone() };
        Ok(match self.aside(client, before, queries).await?.points {
            Points::Aggregated(buckets) => buckets.last().copied(),
            Points::Raw(_) => None,
        })
    }

    /// The points of a query that helps to answer another, from the cache or from CloudWatch.
    async fn aside(
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
    ) -> Result<(Series, Vec<Query>), MirrorError> {
        let queries: Vec<Query> = expression.entries().iter().cloned().map(Query::Entry).collect();
        Ok((self.fetch(client, query, query.plan.clone(), &queries).await?, queries))
    }

    /// The points of the metrics that a selector names and whose resources have some tags. For a wrong name or
    /// tag, CloudWatch returns nothing. So if there are no points, the lists tell whether there are such
    /// metrics, and the last two weeks whether there are such tags.
    async fn fetch_tagged(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        selector: &MetricSelector,
        expression: &Expression,
    ) -> Result<(Series, Vec<Query>), MirrorError> {
        if selector.dimensions.is_empty() {
            return Err(self.without_dimensions(client, query, selector).await?);
        }
        let fetched = self.fetch_expression(client, query, expression).await?;
        if !fetched.0.is_empty() {
            return Ok(fetched);
        }
        let (found, meant) = self.find(client, selector, query.linked_accounts).await?;
        match found {
            Found::Exact(_)
            | Found::SeveralAccounts(_)
            | Found::TooMany { .. }
            | Found::Unknown => {
                // Cached as long as a list is, because it tells the same: whether there are such metrics.
                let (plan, cache) =
                    (query.plan.of_all_hours(expression, self.now), lists::LIFETIME);
                let all = DataQuery { plan, cache, ..query.clone() };
                match self.aside(client, all, &fetched.1).await?.points.count() {
                    0 => Err(advice::no_tagged(&meant)),
                    _ => Ok(fetched),
                }
            }
            Found::OneMatch(_) | Found::SeveralMatches(_) | Found::Nothing => {
                Err(self.unfound(client, query, &found, &meant).await)
            }
        }
    }

    /// The error of a query with tags that names no dimensions: the listed sets of them.
    async fn without_dimensions(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        selector: &MetricSelector,
    ) -> Result<MirrorError, MirrorError> {
        let (linked_accounts, max_metrics) = (query.linked_accounts, MAX_LISTED);
        let listing = Listing { linked_accounts, max_metrics, ..Listing::ALL };
        let (catalogue, meant) = self.interpret(client, selector, listing).await?;
        Ok(match advice::without_dimensions(&meant, &catalogue) {
            Some(error) => error,
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
    ) -> Result<(Series, Vec<Query>), MirrorError> {
        let likeliest = selector.likeliest().metrics();
        let mut asked = None;
        if selector.is_literal() {
            let fetched = self.fetch_metrics(client, query, &likeliest).await?;
            if !fetched.0.is_empty() {
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
        let (series, queries) = match asked {
            Some(asked) if metrics.iter().all(|metric| likeliest.contains(metric)) => asked,
            _ => self.fetch_metrics(client, query, &metrics).await?,
        };
        if series.is_empty() && !is_listed {
            return Err(self.unfound(client, query, &found, &meant).await);
        }
        if series.is_empty() {
            self.check_percentile(client, query, &metrics).await?;
        }
        Ok((series, queries))
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
    ) -> Result<(Series, Vec<Query>), MirrorError> {
        selector::check_size(metrics)?;
        let plan = query.plan.for_metrics(metrics.len())?;
        let queries = plan.queries(metrics);
        Ok((self.fetch(client, query, plan, &queries).await?, queries))
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
