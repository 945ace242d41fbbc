//! The call `/api/metric`.

use super::aws::session::Session;
use super::data::fetch::fetch;
use super::data::plan::{DataQuery, Target};
use super::data::series::Series;
use super::listing::filter::ListFilter;
use super::listing::no_data::{self, NoData};
use super::query::selector::MetricSelector;
use super::store::Store;
use crate::error::MirrorError;
use crate::model::{MetricQuery, Telemetry};

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
        let telemetry = self.fetch(&session, &key.1).await?.into_telemetry();
        cache.insert(key, &telemetry, self.now);
        Ok(telemetry)
    }

    async fn fetch<'q>(
        &self,
        session: &Session,
        query: &'q DataQuery,
    ) -> Result<Series<'q>, MirrorError> {
        let DataQuery { target, plan, not_a_number, .. } = query;
        match target {
            Target::Expression(expression) => {
                let series = Series::new(plan, *not_a_number);
                fetch(session, plan, plan.expression_call(expression), series).await
            }
            Target::Metrics(selector) => self.fetch_metrics(session, query, selector).await,
        }
    }

    /// The series of the metrics that a selector names.
    ///
    /// It calls GetMetricData. If that returns nothing, it calls ListMetrics to find out why. If
    /// the metrics exist, the series is empty. If exactly one other metric matches, its series is
    /// returned. If none matches, the selector's next interpretation is tried.
    async fn fetch_metrics<'q>(
        &self,
        session: &Session,
        query: &'q DataQuery,
        selector: &MetricSelector,
    ) -> Result<Series<'q>, MirrorError> {
        let plan = &query.plan;
        let mut series = Series::new(plan, query.not_a_number);
        let mut interpretations = selector.clone().interpretations().peekable();
        while let Some(selector) = interpretations.next() {
            let metrics = selector.metrics();
            series = fetch(session, plan, plan.metric_calls(&metrics), series).await?;
            if !series.is_empty() {
                break;
            }
            let filter = ListFilter::covering(&selector, query.linked_accounts);
            let catalogue = self.catalogue(session, filter, no_data::MAX_LISTED).await?;
            match no_data::explain(&selector, &catalogue) {
                NoData::Idle => break,
                NoData::OneMatch(metric) => {
                    return fetch(session, plan, plan.metric_calls(&[metric]), series).await;
                }
                NoData::NotFound if interpretations.peek().is_some() => {}
                reason => return Err(no_data::error(&reason, &metrics, &session.region)),
            }
        }
        Ok(series)
    }
}
