//! The plan → GetMetricData requests.

use aws_sdk_cloudwatch::types::{Dimension, MetricDataQuery, MetricStat};

use super::plan::{Fold, MAX_DATAPOINTS, Plan};
use crate::cloudwatch::query::expression::Expression;
use crate::cloudwatch::query::metric::Metric;
use crate::cloudwatch::query::statistic::Statistic;

/// The maximum number of queries in a call ("GetMetricData", CloudWatch API reference).
const MAX_QUERIES: usize = 500;

impl Plan {
    /// The queries for `metrics`, divided into calls. Every metric has a query for each statistic
    /// in turn.
    pub(crate) fn metric_calls(&self, metrics: &[Metric]) -> Vec<Vec<MetricDataQuery>> {
        let queries: Vec<_> = metrics
            .iter()
            .flat_map(|metric| self.statistics.iter().map(move |statistic| (metric, statistic)))
            .enumerate()
            .map(|(index, (metric, statistic))| self.metric_query(index, metric, statistic))
            .collect();
        queries.chunks(MAX_QUERIES).map(<[_]>::to_vec).collect()
    }

    /// The call for an expression.
    pub(crate) fn expression_call(&self, expression: &Expression) -> Vec<Vec<MetricDataQuery>> {
        let query = MetricDataQuery::builder()
            .id(id(0))
            .expression(expression.text())
            .period(self.period_seconds());
        vec![vec![query.build()]]
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
