//! What is asked in one call of GetMetricData: a batch of queries for one window.
//!
//! A request divides what it needs into batches, and the batches of several requests can become one.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::operation::get_metric_data::builders::GetMetricDataFluentBuilder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDataQuery, MetricStat, ScanBy, StandardUnit};

use super::limiter::Limiter;
use super::plan::Plan;
use super::results::{Tries, Unfinished};
use super::window::Window;
use crate::cloudwatch::aws::error::Action;
use crate::cloudwatch::aws::region_client::RegionClient;
use crate::cloudwatch::query::expression::Expression;
use crate::cloudwatch::query::metric::Metric;
use crate::cloudwatch::query::statistic::Statistic;
use crate::error::MirrorError;
use crate::usage::Attempts;

/// The maximum number of queries in a call ("GetMetricData", CloudWatch API reference).
pub(super) const MAX_QUERIES: usize = 500;

/// A query, apart from its window. Equal queries have equal results.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Query {
    /// A statistic of a metric. Other queries share its texts.
    Metric {
        metric: Arc<Metric>,
        statistic: Statistic,
        unit: Option<StandardUnit>,
    },
    Expression(Expression),
}

impl Query {
    /// Its size with its texts, in bytes.
    fn bytes(&self) -> usize {
        size_of::<Query>()
            + match self {
                Query::Metric { metric, .. } => metric.bytes(),
                Query::Expression(expression) => expression.text().len(),
            }
    }

    fn build(&self, number: usize, window: Window) -> MetricDataQuery {
        let query = MetricDataQuery::builder().id(format!("{ID_PREFIX}{number}"));
        let (metric, statistic, unit) = match self {
            Query::Metric { metric, statistic, unit } => (metric, statistic, unit),
            Query::Expression(expression) => {
                let period = window.period_seconds();
                return query.expression(expression.text()).period(period).build();
            }
        };
        let Metric { namespace, name, dimensions, account } = &**metric;
        let dimensions = dimensions
            .iter()
            .map(|(name, value)| Dimension::builder().name(name).value(value).build())
            .collect();
        let metric = aws_sdk_cloudwatch::types::Metric::builder()
            .namespace(namespace)
            .metric_name(name)
            .set_dimensions(Some(dimensions))
            .build();
        let stat = MetricStat::builder()
            .metric(metric)
            .period(window.period_seconds())
            .stat(statistic.to_string())
            .set_unit(unit.clone())
            .build();
        query.metric_stat(stat).set_account_id(account.clone()).build()
    }
}

impl Plan {
    /// The queries of some metrics: each statistic of the plan for each metric in turn.
    pub(crate) fn queries(&self, metrics: &[Arc<Metric>]) -> Vec<Query> {
        let of_metric = |metric: &Arc<Metric>| {
            let metric = metric.clone();
            let query = move |statistic: &Statistic| {
                let (metric, statistic) = (metric.clone(), statistic.clone());
                Query::Metric { metric, statistic, unit: self.unit.clone() }
            };
            self.statistics.iter().map(query)
        };
        metrics.iter().flat_map(of_metric).collect()
    }
}

/// An id must begin with a lower-case letter ("MetricDataQuery", CloudWatch API reference).
const ID_PREFIX: &str = "q";

/// The place in its batch of the query with this id.
pub(super) fn place_of(id: &str) -> Option<usize> {
    id.strip_prefix(ID_PREFIX)?.parse().ok()
}

/// At most [`MAX_QUERIES`] queries for one window.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) window: Window,
    pub(super) queries: Vec<Query>,
    /// The maximum number of datapoints in a page.
    pub(super) page_size: usize,
}

impl Batch {
    /// Whether it is for metrics, not for an expression. Only then can it share a call: a call takes only
    /// one expression in SQL.
    pub(super) fn is_of_metrics(&self) -> bool {
        self.queries.iter().all(|query| matches!(query, Query::Metric { .. }))
    }

    /// The size of its queries with their texts, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.queries.iter().map(Query::bytes).sum()
    }

    /// A number that batches with the same queries have in common, whatever their windows, and
    /// others only by chance.
    pub(super) fn digest(&self) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(&self.queries)
    }

    /// Asks for the pages of the batch, one after the other.
    /// `begin` is called before each page, `take` with each page, and `limiter` is told of those after
    /// the first. `take` breaks the loop off, or returns a result that CloudWatch failed to compute: the
    /// next page repeats it after a pause, as one more of `tries` ("Retry your request using
    /// NextToken, if present", "MetricDataResult", CloudWatch API reference).
    ///
    /// Returns whether a page token repeats: it would make the loop endless, so pages may be missing.
    ///
    /// # Errors
    /// A call fails, `begin` or `take` do, or there were too many tries.
    pub(super) async fn read_pages(
        &self,
        client: &RegionClient,
        attempts: &Arc<Attempts>,
        limiter: Option<&Limiter>,
        tries: &mut Tries,
        begin: impl Fn() -> Result<(), MirrorError>,
        mut take: impl FnMut(
            GetMetricDataOutput,
        ) -> Result<ControlFlow<(), Option<Unfinished>>, MirrorError>,
    ) -> Result<bool, MirrorError> {
        let mut tokens = HashSet::new();
        let mut token = None;
        loop {
            begin()?;
            if let (Some(limiter), Some(_)) = (limiter, &token) {
                limiter.consume();
            }
            attempts.restart();
            let page = self.page(client, token).send();
            let page = client.call(Action::GetMetricData, attempts.clone(), page).await?;
            token = page.next_token.clone();
            let ControlFlow::Continue(failed) = take(page)? else { return Ok(false) };
            match (&token, failed) {
                (None, _) => return Ok(false),
                (Some(_), Some(failed)) => tries.again(client, &failed).await?,
                (Some(token), None) if tokens.insert(token.clone()) => {}
                (Some(_), None) => return Ok(true),
            }
        }
    }

    /// The request for a page. Every page of a batch has the same
    /// window and queries, because a page token is valid only for these.
    fn page(&self, client: &RegionClient, token: Option<String>) -> GetMetricDataFluentBuilder {
        let queries = self.queries.iter().enumerate();
        let queries = queries.map(|(place, query)| query.build(place, self.window));
        client
            .client
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from_millis(self.window.start))
            .end_time(DateTime::from_millis(self.window.end))
            .scan_by(ScanBy::TimestampAscending)
            .max_datapoints(i32::try_from(self.page_size).unwrap_or(i32::MAX))
            .set_next_token(token)
    }
}
