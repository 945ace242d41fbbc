//! The plan → GetMetricData requests.

use std::ops::Range;

use aws_sdk_cloudwatch::types::{Dimension, MetricDataQuery, MetricStat};

use super::plan::{Fold, MAX_DATAPOINTS, Plan};
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
                    let metric = &metrics[number / self.statistics.len()];
                    let statistic = &self.statistics[number % self.statistics.len()];
                    self.metric_query(number, metric, statistic)
                })
                .collect(),
            Asked::Expression(expression) => {
                let query = MetricDataQuery::builder()
                    .id(id(0))
                    .expression(expression.text())
                    .period(self.period_seconds());
                vec![query.build()]
            }
        }
    }

    /// The index of the statistic that the query with this id asks for.
    pub(super) fn statistic_of(&self, id: &str) -> Option<usize> {
        let index: usize = id.strip_prefix(ID_PREFIX)?.parse().ok()?;
        Some(index % self.statistics.len())
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

    fn metric_query(
        &self,
        index: usize,
        metric: &Metric,
        statistic: &Statistic,
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
            .period(self.period_seconds())
            .stat(statistic.to_string())
            .set_unit(self.unit.clone())
            .build();
        MetricDataQuery::builder()
            .id(id(index))
            .metric_stat(stat)
            .set_account_id(account.clone())
            .build()
    }

    fn period_seconds(&self) -> i32 {
        i32::try_from(self.window.period / 1_000).unwrap_or(i32::MAX)
    }
}

/// An id must begin with a lower-case letter ("MetricDataQuery", CloudWatch API reference).
const ID_PREFIX: &str = "q";

fn id(index: usize) -> String {
    format!("{ID_PREFIX}{index}")
}
