//! A metric query → what to ask GetMetricData.

use aws_sdk_cloudwatch::types::{Dimension, MetricDataQuery, MetricStat, StandardUnit};

use super::conditions::Conditions;
use super::expression::Expression;
use super::metric::{Metric, refusal};
use super::period::{MINUTE, Window};
use super::statistic::Statistic;
use crate::error::MirrorError;
use crate::telemetry::{MAX_POINTS, Method, MetricQuery};

/// At most so many queries are in one call ("GetMetricData", CloudWatch API reference).
const MOST_QUERIES: usize = 500;

/// At most so many datapoints are in one page, by the same reference.
const MOST_DATAPOINTS: usize = 100_800;

/// What to ask, and what to make of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub(super) window: Window,
    /// Asked of every metric, in this order.
    pub(super) statistics: Vec<Statistic>,
    pub(super) fold: Fold,
    /// Whether a bucket without samples is a 0.
    pub(super) fills: bool,
    /// Whether there is more time than `limit` buckets cover.
    pub(super) is_cut: bool,
    pub(super) is_raw: bool,
    /// Whether an expression is asked, which can give several series without being told to.
    pub(super) is_expression: bool,
    /// At most so many points, [`MAX_POINTS`] at most.
    pub(super) limit: usize,
    unit: Option<StandardUnit>,
}

/// How the series of several metrics become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fold {
    /// There is only one.
    Single,
    /// The mean of all samples: from the series' sums and their counts.
    Mean,
    Max,
    Min,
    Sum,
}

impl Plan {
    /// The plan for `query` on so many metrics, at `now`; buckets count only where they ended by
    /// `settled`. Both are epoch milliseconds.
    ///
    /// # Errors
    /// A statistic that cannot be folded is asked of several metrics.
    pub(super) fn of_metrics(
        query: &MetricQuery,
        conditions: &Conditions,
        metrics: usize,
        settled: i64,
        now: i64,
    ) -> Result<Self, MirrorError> {
        let (statistic, fills) = match query.aggregation {
            None => (conditions.statistic.clone().unwrap_or(Statistic::Average), false),
            Some(aggregation) => (
                aggregation.method.into(),
                matches!(aggregation.method, Method::Sum | Method::EventCount),
            ),
        };
        let (statistics, fold) = match metrics {
            1 => (vec![statistic], Fold::Single),
            _ => several(statistic)?,
        };
        // AWS's own services send once a minute at most; a shorter period would show a minute's
        // samples as its own.
        let mut namespaces = conditions.sets.namespaces.iter();
        let least = if namespaces.all(|name| name.starts_with("AWS/")) { MINUTE } else { 1 };
        let whole = window(query, least, settled, now);
        let limit = query.filter.limit.min(MAX_POINTS);
        let is_cut = fills && whole.count() > limit;
        Ok(Plan {
            window: if is_cut { whole.cut(limit) } else { whole },
            statistics,
            fold,
            fills,
            is_cut,
            is_raw: query.aggregation.is_none(),
            is_expression: false,
            limit,
            unit: conditions.unit.clone(),
        })
    }

    /// The plan for an expression, which says itself what becomes of samples and of gaps.
    pub(super) fn of_expression(query: &MetricQuery, settled: i64, now: i64) -> Self {
        Plan {
            window: window(query, 1, settled, now),
            statistics: vec![Statistic::Average],
            fold: Fold::Single,
            fills: false,
            is_cut: false,
            is_raw: query.aggregation.is_none(),
            is_expression: true,
            limit: query.filter.limit.min(MAX_POINTS),
            unit: None,
        }
    }

    /// The query for an expression, as the only one of its call.
    pub(super) fn expression(&self, expression: &Expression) -> Vec<Vec<MetricDataQuery>> {
        let Expression { text, account } = expression;
        let query = MetricDataQuery::builder()
            .id("q0")
            .expression(text)
            .period(self.period_seconds())
            .set_account_id(account.clone());
        vec![vec![query.build()]]
    }

    fn period_seconds(&self) -> i32 {
        i32::try_from(self.window.period / 1_000).unwrap_or(i32::MAX)
    }

    /// The queries for `metrics`, in calls of at most 500. Query `q5` asks for the statistic
    /// 5 modulo the number of statistics.
    pub(super) fn calls(&self, metrics: &[Metric]) -> Vec<Vec<MetricDataQuery>> {
        let queries: Vec<_> = metrics
            .iter()
            .flat_map(|metric| self.statistics.iter().map(move |statistic| (metric, statistic)))
            .enumerate()
            .map(|(index, (metric, statistic))| self.query(index, metric, statistic))
            .collect();
        queries.chunks(MOST_QUERIES).map(<[_]>::to_vec).collect()
    }

    fn query(&self, index: usize, metric: &Metric, statistic: &Statistic) -> MetricDataQuery {
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
            .id(format!("q{index}"))
            .metric_stat(stat)
            .set_account_id(account.clone())
            .build()
    }

    /// The windows to ask for, one after another: the whole of it for a single series; for
    /// several, spans of one page of a call with so many queries, for a bucket is good only
    /// once every series has come.
    pub(super) fn spans(&self, queries: usize) -> impl Iterator<Item = Window> + use<> {
        self.window.spans(match self.fold {
            Fold::Single => usize::MAX,
            Fold::Mean | Fold::Max | Fold::Min | Fold::Sum => MOST_DATAPOINTS / queries.max(1),
        })
    }

    /// Which of the statistics a query's id stands for.
    pub(super) fn statistic_of(&self, id: &str) -> Option<usize> {
        let index: usize = id.strip_prefix('q')?.parse().ok()?;
        Some(index % self.statistics.len())
    }

    /// How many datapoints a page should have: one more than a single series may show, which
    /// tells whether there are more; CloudWatch's own limit where there may be several.
    pub(super) fn page_size(&self) -> usize {
        match self.fold {
            Fold::Single if !self.is_expression => {
                self.limit.saturating_add(1).min(MOST_DATAPOINTS)
            }
            Fold::Single | Fold::Mean | Fold::Max | Fold::Min | Fold::Sum => MOST_DATAPOINTS,
        }
    }
}

fn window(query: &MetricQuery, least: i64, settled: i64, now: i64) -> Window {
    let range = query.filter.range;
    match query.aggregation.and_then(|aggregation| aggregation.bucket_millis) {
        Some(bucket) => Window::new(bucket.max(least), range, settled, now),
        None => Window::finest(range, settled, now),
    }
}

fn several(statistic: Statistic) -> Result<(Vec<Statistic>, Fold), MirrorError> {
    match statistic {
        Statistic::Average => Ok((vec![Statistic::Sum, Statistic::SampleCount], Fold::Mean)),
        Statistic::Maximum => Ok((vec![statistic], Fold::Max)),
        Statistic::Minimum => Ok((vec![statistic], Fold::Min)),
        Statistic::Sum | Statistic::SampleCount => Ok((vec![statistic], Fold::Sum)),
        Statistic::Extended(name) => Err(refusal(format_args!(
            "the conditions select several metrics, and {name} of all their samples does not \
             follow from {name} of each; expected conditions that select one metric, or one of \
             MEAN, MAX, MIN, SUM, EVENT_COUNT"
        ))),
    }
}
