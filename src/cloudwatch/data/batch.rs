//! What is asked in one call of GetMetricData: a batch of queries for one window.
//!
//! A request divides what it needs into batches, and the batches of several requests can become one.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use aws_sdk_cloudwatch::operation::get_metric_data::builders::GetMetricDataFluentBuilder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDataQuery, MetricStat, ScanBy, StandardUnit};

use super::plan::Plan;
use super::window::Window;
use crate::cloudwatch::aws::region_client::RegionClient;
use crate::cloudwatch::query::entry::{Entry, Operand};
use crate::cloudwatch::query::expression::Expression;
use crate::cloudwatch::query::metric::Metric;
use crate::cloudwatch::query::statistic::Statistic;

/// The maximum number of queries in a call ("GetMetricData", CloudWatch API reference).
pub(super) const MAX_QUERIES: usize = 500;

/// What a dimension takes in memory besides its letters, in bytes: two strings, in a list with room for twice as
/// many, and the least that is allocated for each.
const DIMENSION_WEIGHT: usize = 4 * size_of::<String>() + 2 * 32;

/// A query, apart from its window. Equal queries have equal results.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Query {
    /// A statistic of a metric. Other queries share its texts.
    Metric { metric: Arc<Metric>, statistic: Statistic, unit: Option<StandardUnit> },
    /// A part of an expression.
    Entry(Arc<Entry>),
}

impl Query {
    /// The queries of an expression.
    pub(crate) fn of(expression: &Expression) -> Vec<Self> {
        expression.entries().iter().cloned().map(Query::Entry).collect()
    }

    /// Its size with its texts, in bytes.
    fn bytes(&self) -> usize {
        size_of::<Query>()
            + match self {
                Query::Metric { metric, .. } => metric.bytes(),
                Query::Entry(entry) => entry.bytes(),
            }
    }

    /// Its approximate size in memory, in bytes: each dimension is two texts, which have a place of their own.
    pub(super) fn weight(&self) -> usize {
        let metric = match self {
            Query::Metric { metric, .. } => Some(&**metric),
            Query::Entry(entry) => match &entry.operand {
                Operand::Metric(metric, _) => Some(metric),
                Operand::Text(_) => None,
            },
        };
        let of_metric =
            |metric: &Metric| size_of::<Metric>() + metric.dimensions.len() * DIMENSION_WEIGHT;
        self.bytes() + metric.map_or(0, of_metric)
    }

    fn build(&self, number: usize, window: Window) -> MetricDataQuery {
        let query = MetricDataQuery::builder();
        let (query, metric, statistic, unit) = match self {
            Query::Metric { metric, statistic, unit } => {
                (query.id(format!("{ID_PREFIX}{number}")), &**metric, statistic, unit.as_ref())
            }
            Query::Entry(entry) => {
                let hidden = (!entry.is_shown).then_some(false);
                let query = query.id(&entry.id).set_return_data(hidden);
                match &entry.operand {
                    Operand::Metric(metric, statistic) => (query, metric, statistic, None),
                    Operand::Text(text) => {
                        return query.expression(text).period(window.period_seconds()).build();
                    }
                }
            }
        };
        let Metric { namespace, name, dimensions, account } = metric;
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
            .set_unit(unit.cloned())
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

/// At most [`MAX_QUERIES`] queries for one window.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) window: Window,
    pub(super) queries: Vec<Query>,
    /// The maximum number of datapoints in a page.
    pub(super) page_size: usize,
    /// Whether the pages begin with the latest datapoints. Such a batch shares no call.
    pub(super) is_latest_first: bool,
}

impl Batch {
    /// Whether it can share a call: no entry of an expression can, because METRICS() means all metrics of a
    /// call, a call takes only one expression in SQL, and ids must differ.
    pub(super) fn can_share(&self) -> bool {
        !self.is_latest_first
            && self.queries.iter().all(|query| matches!(query, Query::Metric { .. }))
    }

    /// The number of queries that AWS charges for as for one metric, and of the others.
    pub(super) fn charged(&self) -> (usize, usize) {
        let is_text = |query: &&Query| matches!(query, Query::Entry(entry) if matches!(entry.operand, Operand::Text(_)));
        let texts = self.queries.iter().filter(is_text).count();
        (self.queries.len() - texts, texts)
    }

    /// The place of the query with this id.
    pub(super) fn place_of(&self, id: &str) -> Option<usize> {
        match self.queries.first() {
            Some(Query::Entry(_)) => self
                .queries
                .iter()
                .position(|query| matches!(query, Query::Entry(entry) if entry.id == id)),
            _ => id.strip_prefix(ID_PREFIX)?.parse().ok(),
        }
    }

    /// What an error calls the entry of a graph at this place.
    fn name(&self, place: usize) -> Option<&str> {
        match self.queries.get(place) {
            Some(Query::Entry(entry)) => entry.name.as_deref(),
            _ => None,
        }
    }

    /// Whether it has the entries of a graph.
    pub(super) fn is_graph(&self) -> bool {
        self.name(0).is_some()
    }

    /// What an error calls the result of the query at this place, which has this label.
    pub(super) fn named(&self, place: usize, label: &str) -> String {
        self.name(place).map_or_else(|| label.to_owned(), |name| format!("{name} {label:?}"))
    }

    /// The beginning of an error about the result of the query at this place.
    pub(super) fn prefix(&self, place: usize) -> String {
        self.name(place).map_or_else(String::new, |name| format!("{name}: "))
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

    /// The request for a page. Every page of a batch has the same
    /// window and queries, because a page token is valid only for these.
    pub(super) fn page(
        &self,
        client: &RegionClient,
        token: Option<String>,
    ) -> GetMetricDataFluentBuilder {
        let queries = self.queries.iter().enumerate();
        let queries = queries.map(|(place, query)| query.build(place, self.window));
        client
            .client
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from_millis(self.window.start))
            .end_time(DateTime::from_millis(self.window.end))
            .scan_by(match self.is_latest_first {
                true => ScanBy::TimestampDescending,
                false => ScanBy::TimestampAscending,
            })
            .max_datapoints(i32::try_from(self.page_size).unwrap_or(i32::MAX))
            .set_next_token(token)
    }
}
