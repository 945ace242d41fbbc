//! The call `/api/metric`.

use std::sync::Arc;

use super::aws::region_client::RegionClient;
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
use super::query::metric::Metric;
use super::query::namespaces;
use super::query::selector::{self, MetricSelector};
use crate::error::MirrorError;
use crate::model::{Bucket, MetricQuery, Telemetry};
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
        self.answered(&client, query).await
    }

    /// The points of a query, from the cache or from CloudWatch.
    async fn answered(
        &self,
        client: &RegionClient,
        query: DataQuery,
    ) -> Result<Telemetry, MirrorError> {
        let key = (client.caller, query);
        let cache = &self.cloudwatch.points;
        let cached = cache.get(&key, self.now);
        self.usage.record_cache(cached.is_some());
        if let Some(telemetry) = cached {
            return Ok(telemetry);
        }
        let (caller, query) = &key;
        let series = match &query.target {
            Target::Metrics(selector) => self.fetch_selected(client, query, selector).await?,
            Target::Expression(expression) => {
                self.fetch_expression(client, query, &Query::of(expression)).await?
            }
            Target::Tagged(selector, expression) => {
                self.fetch_tagged(client, query, selector, &Query::of(expression)).await?
            }
            Target::Queries(queries) => {
                self.fetch(client, query, query.plan.clone(), queries).await?
            }
        };
        let telemetry = series.into_telemetry();
        let lifetime = query.cache;
        // The next answer may be complete if this one is not.
        if !lifetime.is_zero() && !telemetry.is_partial {
            let points = telemetry.points.count() * size_of::<Bucket>();
            let bytes = size_of_val(caller) + query.bytes() + points;
            cache.insert(key, telemetry.clone(), bytes, self.now, lifetime);
        }
        Ok(telemetry)
    }

    /// The points of the metrics that a selector names and whose resources have some tags. For a wrong name or
    /// tag, CloudWatch returns nothing. So if there are no points, the last two weeks tell whether there are such
    /// tags, and then the lists whether there are such metrics.
    async fn fetch_tagged(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        selector: &MetricSelector,
        queries: &[Query],
    ) -> Result<Series, MirrorError> {
        if !selector.dimensions.is_empty() {
            let series = self.fetch_expression(client, query, queries).await?;
            if !series.is_empty() {
                return Ok(series);
            }
            // Cached as long as a list is, because it tells the same: whether there are such metrics.
            let plan = query.plan.latest_hour(query.earliest(self.now), self.now);
            let latest =
                DataQuery { cache: lists::LIFETIME, ..query.about(plan, queries.to_vec()) };
            let latest = Box::pin(self.answered(client, latest)).await?;
            if latest.points.count() > 0 || latest.is_partial {
                return Ok(series);
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
    /// or if the selector is not literal, the lists of CloudWatch tell which metrics are meant. A value before the
    /// window is data too, but of several metrics a search costs too much to be made for a wrong name.
    async fn fetch_selected(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        selector: &MetricSelector,
    ) -> Result<Series, MirrorError> {
        let likeliest = selector.likeliest().metrics();
        let mut asked = None;
        if selector.is_literal() {
            let mut series = self.fetch_metrics(client, query, &likeliest).await?;
            if likeliest.len() == 1 || !series.is_empty() {
                self.look_back(client, query, &mut series, &|plan| plan.queries(&likeliest))
                    .await?;
            }
            if !series.is_empty() {
                return Ok(series);
            }
            asked = Some(series);
        }
        let (found, meant) = self.find(client, selector, query.linked_accounts).await?;
        let (metrics, is_listed) = match &found {
            Found::Exact(metrics) => (metrics.clone(), true),
            Found::Wider(metrics) if metrics.len() == 1 => (metrics.clone(), true),
            // CloudWatch does not list metrics without data for two weeks, or very new ones.
            Found::Nothing | Found::Unknown if asked.is_none() && !selector.has_wildcards() => {
                (likeliest.clone(), false)
            }
            _ => return Err(self.unfound(client, query, &found, &meant).await),
        };
        let (metrics, mut series) = match asked {
            Some(asked) if metrics.iter().all(|metric| likeliest.contains(metric)) => {
                (likeliest, asked)
            }
            _ => {
                let series = self.fetch_metrics(client, query, &metrics).await?;
                (metrics, series)
            }
        };
        self.look_back(client, query, &mut series, &|plan| plan.queries(&metrics)).await?;
        if series.is_empty() && !is_listed {
            return Err(self.unfound(client, query, &found, &meant).await);
        }
        if series.is_empty() {
            self.check_percentile(client, query, &metrics).await?;
        }
        Ok(series)
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
    ) -> Result<Series, MirrorError> {
        selector::check_size(metrics)?;
        let plan = query.plan.for_metrics(metrics.len())?;
        let queries = plan.queries(metrics);
        self.fetch(client, query, plan, &queries).await
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

    /// The points of an expression, which these queries ask for.
    async fn fetch_expression(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        queries: &[Query],
    ) -> Result<Series, MirrorError> {
        let mut series = self.fetch(client, query, query.plan.clone(), queries).await?;
        self.look_back(client, query, &mut series, &|_| queries.to_vec()).await?;
        Ok(series)
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

    /// Looks for the last value before the window of a series, if it holds values and begins without one.
    /// `queries` are those of the series.
    async fn look_back(
        &self,
        client: &RegionClient,
        query: &DataQuery,
        series: &mut Series,
        queries: &(dyn Fn(&Plan) -> Vec<Query> + Sync),
    ) -> Result<(), MirrorError> {
        let plans = match series.lacks_earlier() {
            true => series.plan.look_back(query.earliest(self.now), self.now),
            false => return Ok(()),
        };
        if plans.is_empty() {
            return Ok(());
        }
        let queries = queries(&series.plan);
        for plan in plans {
            let found = Box::pin(self.answered(client, query.about(plan, queries.clone()))).await?;
            // What a search did not look at can have a later value than a longer period.
            let is_over = found.points.count() > 0 || found.is_partial;
            series.earlier = Some(found);
            if is_over {
                break;
            }
        }
        Ok(())
    }
}
