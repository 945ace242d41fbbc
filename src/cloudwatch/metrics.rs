//! The call `/api/metric`.

use super::data::data_query::{DataQuery, Target};
use super::data::fetch::{Asking, fetch};
use super::data::request::Asked;
use super::data::series::Series;
use super::listing::found::{self, Found};
use super::query::metric::Metric;
use super::query::selector::{self, MetricSelector};
use super::store::Store;
use crate::error::MirrorError;
use crate::model::{MetricQuery, Telemetry};
use crate::time::EpochMillis;

impl Store<'_> {
    /// The points that a query selects, from the cache or from CloudWatch.
    ///
    /// # Errors
    /// The query is not valid, no metric or several match it, or CloudWatch does not answer.
    pub(crate) async fn metrics(&self, query: &MetricQuery) -> Result<Telemetry, MirrorError> {
        let (query, region) = DataQuery::read(query, self.config, self.now)?;
        if let Target::Metrics(selector) = &query.target {
            self.usage.record_namespaces(&selector.namespaces);
        }
        if query.plan.window.count() == 0 {
            return Ok(Series::new(&query.plan, query.not_a_number).into_telemetry());
        }
        let session = self.session(region.as_ref()).await?;
        let cache = &self.cloudwatch.points;
        let key = (session.caller, query);
        let cached = cache.get(&key, self.now);
        self.usage.record_cache(cached.is_some());
        if let Some(telemetry) = cached {
            return Ok(telemetry);
        }
        let calls = self.calls(&session);
        let session = match &calls {
            Some(calls) => calls.paced(session),
            None => session,
        };
        let asking = Asking { session: &session, calls: calls.as_deref() };
        let telemetry = self.fetch(asking, &key.1).await?;
        cache.insert(key, &telemetry, self.now);
        Ok(telemetry)
    }

    async fn fetch(&self, asking: Asking<'_>, query: &DataQuery) -> Result<Telemetry, MirrorError> {
        let DataQuery { target, plan, not_a_number, .. } = query;
        match target {
            Target::Expression(expression) => {
                let series = Series::new(plan, *not_a_number);
                let asked = Asked::Expression(expression);
                Ok(fetch(asking, plan, asked, series).await?.into_telemetry())
            }
            Target::Metrics(selector) => self.fetch_selected(asking, query, selector).await,
        }
    }

    /// The points of the metrics that a selector means.
    ///
    /// A literal selector names its metrics, so their data is asked for first. If there is none,
    /// or if the selector is not literal, the lists of CloudWatch tell which metrics are meant.
    async fn fetch_selected(
        &self,
        asking: Asking<'_>,
        query: &DataQuery,
        selector: &MetricSelector,
    ) -> Result<Telemetry, MirrorError> {
        let likeliest = selector.likeliest().metrics();
        let mut asked = None;
        if selector.is_literal() {
            let data = self.fetch_metrics(asking, query, &likeliest).await?;
            if !data.is_empty {
                return Ok(data.telemetry);
            }
            asked = Some(data);
        }
        let found = self.find(asking.session, selector, query.linked_accounts).await?;
        let (metrics, is_listed) = match &found {
            Found::Exact(metrics) => (metrics.clone(), true),
            Found::OneMatch(metric) => (vec![metric.clone()], true),
            // CloudWatch does not list metrics without data for two weeks, or very new ones.
            Found::Nothing | Found::Unknown if asked.is_none() && !selector.has_wildcards() => {
                (likeliest.clone(), false)
            }
            _ => return Err(found::error(&found, &likeliest, &asking.session.region)),
        };
        let data = match asked {
            Some(data) if metrics.iter().all(|metric| likeliest.contains(metric)) => data,
            _ => self.fetch_metrics(asking, query, &metrics).await?,
        };
        if data.is_empty && !is_listed {
            return Err(found::error(&found, &likeliest, &asking.session.region));
        }
        if data.is_empty {
            self.check_percentile(asking, query, &metrics).await?;
        }
        Ok(data.telemetry)
    }

    async fn fetch_metrics(
        &self,
        asking: Asking<'_>,
        query: &DataQuery,
        metrics: &[Metric],
    ) -> Result<Data, MirrorError> {
        selector::check_size(metrics)?;
        let plan = query.plan.for_metrics(metrics.len())?;
        let series = Series::new(&plan, query.not_a_number);
        let series = fetch(asking, &plan, Asked::Metrics(metrics), series).await?;
        Ok(Data { is_empty: series.is_empty(), telemetry: series.into_telemetry() })
    }

    /// Finds out whether metrics without a percentile have samples, from which CloudWatch cannot
    /// compute it.
    ///
    /// # Errors
    /// They have.
    async fn check_percentile(
        &self,
        asking: Asking<'_>,
        query: &DataQuery,
        metrics: &[Metric],
    ) -> Result<(), MirrorError> {
        let delay = i64::try_from(self.config.zero_fill_delay.as_millis()).unwrap_or(i64::MAX);
        let until = EpochMillis(self.now.0 - delay);
        let Some((plan, percentile)) = query.plan.counting_samples(until) else { return Ok(()) };
        let series = Series::new(&plan, query.not_a_number);
        let series = fetch(asking, &plan, Asked::Metrics(metrics), series).await?;
        if series.is_empty() { Ok(()) } else { Err(found::no_percentile(metrics, percentile)) }
    }
}

/// The points of some metrics.
struct Data {
    telemetry: Telemetry,
    /// Whether CloudWatch has no data. The points can be zeros then.
    is_empty: bool,
}
