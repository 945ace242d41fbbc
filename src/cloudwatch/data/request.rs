//! The plan → GetMetricData requests.

use std::ops::Range;

use aws_sdk_cloudwatch::types::{Dimension, MetricDataQuery, MetricStat, StandardUnit};

use super::plan::{Fold, MAX_DATAPOINTS, Plan};
use super::window::Window;
use crate::cloudwatch::query::expression::Expression;
use crate::cloudwatch::query::metric::Metric;
use crate::cloudwatch::query::statistic::Statistic;

/// The maximum number of queries in a call ("GetMetricData", CloudWatch API reference).
pub(super) const MAX_QUERIES: usize = 500;

/// What to ask for.
#[derive(Clone, Copy)]
pub(crate) enum Asked<'a> {
    /// Every metric has a query for each statistic of the plan in turn. They are divided into
    /// calls.
    Metrics(&'a [Metric]),
    /// One query in one call.
    Expression(&'a Expression),
}

impl Plan {
    /// The number of queries.
    pub(super) fn queries(&self, asked: Asked<'_>) -> usize {
        match asked {
            Asked::Metrics(metrics) => metrics.len() * self.statistics.len(),
            Asked::Expression(_) => 1,
        }
    }

    /// The calls, as the numbers of their queries.
    pub(super) fn calls(&self, asked: Asked<'_>) -> impl Iterator<Item = Range<usize>> + use<> {
        let queries = self.queries(asked);
        (0..queries).step_by(MAX_QUERIES).map(move |first| first..queries.min(first + MAX_QUERIES))
    }

    /// The queries with these numbers. They are built when their call is sent, because all of them
    /// can have megabytes.
    pub(super) fn build(&self, asked: Asked<'_>, numbers: Range<usize>) -> Vec<MetricDataQuery> {
        match asked {
            Asked::Metrics(metrics) => numbers
                .map(|number| {
                    let (metric, statistic) = self.metric_and_statistic(metrics, number);
                    let unit = self.unit.as_ref();
                    metric_query(number, metric, statistic, unit, self.window)
                })
                .collect(),
            Asked::Expression(expression) => {
                let query = MetricDataQuery::builder()
                    .id(id(0))
                    .expression(expression.text())
                    .period(self.window.period_seconds());
                vec![query.build()]
            }
        }
    }

    /// The queries with these numbers, for a call that several requests share. `None` for an
    /// expression: a call takes one Metrics Insights query.
    pub(super) fn shared(&self, asked: Asked<'_>, numbers: Range<usize>) -> Option<Vec<Query>> {
        let Asked::Metrics(metrics) = asked else { return None };
        let query = |number| {
            let (metric, statistic) = self.metric_and_statistic(metrics, number);
            let (metric, statistic) = (metric.clone(), statistic.clone());
            Query { metric, statistic, unit: self.unit.clone() }
        };
        Some(numbers.map(query).collect())
    }

    fn metric_and_statistic<'a>(
        &'a self,
        metrics: &'a [Metric],
        number: usize,
    ) -> (&'a Metric, &'a Statistic) {
        let statistics = &self.statistics;
        (&metrics[number / statistics.len()], &statistics[number % statistics.len()])
    }

    /// The index of the statistic that the query with this number asks for.
    pub(super) fn statistic_of(&self, number: usize) -> usize {
        number % self.statistics.len()
    }

    /// The number of datapoints to ask for in a page. A single series needs one more than the
    /// limit, which tells whether there are more points. Several series need as many as possible.
    pub(super) fn page_size(&self) -> usize {
        match self.fold {
            Fold::Single if !self.kind.is_expression() => {
                self.limit.saturating_add(1).min(MAX_DATAPOINTS)
            }
            Fold::Single | Fold::Mean | Fold::Max | Fold::Min | Fold::Sum => MAX_DATAPOINTS,
        }
    }
}

/// A query of a metric, apart from its window. Equal queries have equal results.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Query {
    metric: Metric,
    statistic: Statistic,
    unit: Option<StandardUnit>,
}

impl Query {
    /// The query with this number in a call.
    pub(super) fn build(&self, number: usize, window: Window) -> MetricDataQuery {
        let Query { metric, statistic, unit } = self;
        metric_query(number, metric, statistic, unit.as_ref(), window)
    }

    /// The size of its texts, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.metric.bytes()
    }
}

fn metric_query(
    number: usize,
    metric: &Metric,
    statistic: &Statistic,
    unit: Option<&StandardUnit>,
    window: Window,
) -> MetricDataQuery {
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
    MetricDataQuery::builder()
        .id(id(number))
        .metric_stat(stat)
        .set_account_id(account.clone())
        .build()
}

/// An id must begin with a lower-case letter ("MetricDataQuery", CloudWatch API reference).
const ID_PREFIX: &str = "q";

fn id(number: usize) -> String {
    format!("{ID_PREFIX}{number}")
}

/// The number of the query with this id.
pub(super) fn number_of(id: &str) -> Option<usize> {
    id.strip_prefix(ID_PREFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::data::plan::QueryKind;

    #[test]
    fn a_page_of_one_metric_has_one_point_more_than_the_limit() {
        for (fold, kind, limit, size) in [
            (Fold::Single, QueryKind::MetricBuckets, 100, 101),
            (Fold::Single, QueryKind::RawMetrics, 100_799, 100_800),
            (Fold::Single, QueryKind::RawMetrics, 100_800, 100_800),
            (Fold::Single, QueryKind::RawMetrics, usize::MAX, 100_800),
            (Fold::Single, QueryKind::RawExpression, 100, 100_800),
            (Fold::Single, QueryKind::ExpressionBuckets, 100, 100_800),
            (Fold::Mean, QueryKind::MetricBuckets, 100, 100_800),
        ] {
            let plan = Plan { fold, kind, limit, ..Plan::of_minutes(1) };
            assert_eq!(plan.page_size(), size, "{fold:?} {kind:?} {limit}");
        }
    }
}
