//! What to ask GetMetricData, and how to combine the results.

use aws_sdk_cloudwatch::types::StandardUnit;

use super::window::Window;
use crate::cloudwatch::query::conditions::Conditions;
use crate::cloudwatch::query::expression::Expression;
use crate::cloudwatch::query::statistic::Statistic;
use crate::error::{MirrorError, invalid};
use crate::model::{MAX_POINTS, Method, MetricQuery};
use crate::time::EpochMillis;

/// The maximum number of datapoints in a page ("GetMetricData", CloudWatch API reference).
pub(super) const MAX_DATAPOINTS: usize = 100_800;

/// The number of datapoints to ask for if only the last one counts. More than one, because some may be no
/// numbers.
const LATEST_DATAPOINTS: usize = 10;

/// What to ask, and how to combine the results.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Plan {
    pub(crate) window: Window,
    /// The statistics to ask for each metric, in this order. One, unless there are several
    /// metrics.
    pub(super) statistics: Vec<Statistic>,
    pub(super) fold: Fold,
    pub(super) kind: PointKind,
    /// The maximum number of points, at most [`MAX_POINTS`].
    pub(super) limit: usize,
    pub(super) unit: Option<StandardUnit>,
}

/// What a point is, and what becomes of gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PointKind {
    /// A sample, with one timestamp. A gap stays a gap, and the limit cuts the response.
    Raw,
    /// A bucket, with its start and end. The rest is like `Raw`.
    Bucket,
    /// The same, but an empty bucket has the last value before it that is at most this many milliseconds
    /// older, counted from start to start. So the value before the first bucket is looked for too.
    Held(i64),
    /// The last bucket of the window that has a value. The limit is 0: one is more than is needed.
    Latest,
    /// A bucket of `SUM` or `EVENT_COUNT`. One without samples is 0 if it ends at `zeros_until`
    /// (epoch milliseconds, the end of a period) or before, or before a bucket with samples. Later
    /// ones are left out: their samples may be on their way. Until then all buckets are known in
    /// advance, so the limit cuts the window before the call; `is_cut` says whether it did.
    ZeroFilled { zeros_until: i64, is_cut: bool },
}

/// How the series of a response become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fold {
    /// One metric has one series.
    Single,
    /// An expression can have any number of series, of which a second is an error.
    Expression,
    /// The mean of all samples: the sum of the sums divided by the sum of the counts.
    Mean,
    Max,
    Min,
    Sum,
}

impl Plan {
    /// The plan of a query for one metric. An empty bucket that ends after `zeros_until` (epoch
    /// milliseconds) is not known to be 0.
    pub(super) fn of_metrics(
        query: &MetricQuery,
        conditions: &Conditions,
        window: Window,
        zeros_until: i64,
        hold: i64,
    ) -> Self {
        let statistic = statistic(query, conditions);
        let limit = query.filter.limit.min(MAX_POINTS);
        let (window, kind) = match query.aggregation.map(|aggregation| aggregation.method) {
            None => (window, PointKind::Raw),
            Some(Method::Sum | Method::EventCount) => {
                let zeros_until = window.last_end(zeros_until);
                let cut = window.cut(limit);
                let is_cut = cut.end < zeros_until;
                let window = if is_cut { cut } else { window };
                let zeros_until = zeros_until.min(window.end);
                (window, PointKind::ZeroFilled { zeros_until, is_cut })
            }
            Some(
                Method::Mean
                | Method::Percentile(_)
                | Method::Max
                | Method::Min
                | Method::SumNoZeros
                | Method::EventCountNoZeros,
            ) => (window, PointKind::bucket(hold)),
        };
        let unit = conditions.unit.clone();
        Plan { window, statistics: vec![statistic], fold: Fold::Single, kind, limit, unit }
    }

    /// This plan for this number of metrics.
    ///
    /// # Errors
    /// There are several, and the statistic of all their samples cannot be computed from the
    /// statistic of each.
    pub(crate) fn for_metrics(&self, count: usize) -> Result<Self, MirrorError> {
        let mut plan = self.clone();
        if let ([statistic], true) = (self.statistics.as_slice(), count > 1) {
            (plan.statistics, plan.fold) = fold(statistic.clone())?;
        }
        Ok(plan)
    }

    /// The plan of an expression, which aggregates samples itself.
    pub(super) fn of_expression(
        query: &MetricQuery,
        expression: &Expression,
        window: Window,
        hold: i64,
        now: EpochMillis,
    ) -> Self {
        Plan {
            window: window.not_before(expression.earliest(now)),
            statistics: vec![Statistic::Average],
            fold: Fold::Expression,
            kind: match query.aggregation {
                None => PointKind::Raw,
                Some(_) => PointKind::bucket(hold),
            },
            limit: query.filter.limit.min(MAX_POINTS),
            unit: None,
        }
    }

    /// The plans that look for the last value before this plan's window, if this one holds values. The first one
    /// that finds it is enough. An expression is looked for only in the same period, because it can set one
    /// itself. `earliest` is the time before which there is no data, in epoch milliseconds.
    pub(crate) fn look_back(&self, earliest: i64, now: EpochMillis) -> Vec<Self> {
        let PointKind::Held(hold) = self.kind else { return Vec::new() };
        let windows = self.window.look_back((self.window.start - hold).max(earliest), now.0);
        let period = (self.fold == Fold::Expression).then_some(self.window.period);
        let windows = windows.into_iter().filter(|window| {
            window.count() > 0 && period.is_none_or(|period| period == window.period)
        });
        windows.map(|window| self.latest(window)).collect()
    }

    /// The plan that looks for the last hour with a value. `earliest` is the time before which there is no data,
    /// in epoch milliseconds.
    pub(crate) fn latest_hour(&self, earliest: i64, now: EpochMillis) -> Self {
        self.latest(Window::of_hours(earliest, now.0))
    }

    fn latest(&self, window: Window) -> Self {
        Plan { window, kind: PointKind::Latest, limit: 0, ..self.clone() }
    }

    /// The plan that counts the samples of a metric which has no value of this plan's percentile,
    /// and the percentile. `None` if the plan is for another statistic, or has no bucket that ends
    /// at `until` or before; later ones can get samples between two calls.
    pub(crate) fn counting_samples(&self, until: EpochMillis) -> Option<(Self, &str)> {
        let [statistic] = self.statistics.as_slice() else { return None };
        let percentile = statistic.percentile()?;
        let window = Window { end: self.window.last_end(until.0), ..self.window };
        let (statistics, kind) = (vec![Statistic::SampleCount], PointKind::Bucket);
        let plan = Plan { window, statistics, kind, limit: 1, ..self.clone() };
        (window.count() > 0).then_some((plan, percentile))
    }

    /// A plan for one metric in the first minutes of the epoch.
    #[cfg(test)]
    pub(super) fn of_minutes(count: i64) -> Self {
        Plan {
            window: Window::of_minutes(count),
            statistics: vec![Statistic::Average],
            fold: Fold::Single,
            kind: PointKind::Bucket,
            limit: MAX_POINTS,
            unit: None,
        }
    }

    /// The index of the statistic that the query at this place of a batch asks for. Every batch
    /// begins with the first one, because a full batch has an even number of queries.
    pub(super) fn statistic_at(&self, place: usize) -> usize {
        place % self.statistics.len()
    }

    /// The number of datapoints to ask for in a page. A single series needs one more than the
    /// limit, which tells whether there are more points. Several series need as many as possible, and so does an
    /// expression, because CloudWatch has no second page for math ("MetricDataResult", CloudWatch API reference).
    pub(super) fn page_size(&self) -> usize {
        match self.fold {
            Fold::Single if self.kind == PointKind::Latest => LATEST_DATAPOINTS,
            Fold::Single => self.limit.saturating_add(1).min(MAX_DATAPOINTS),
            Fold::Expression | Fold::Mean | Fold::Max | Fold::Min | Fold::Sum => MAX_DATAPOINTS,
        }
    }

    /// The windows of the calls, in ascending order, but if the latest value is looked for, in descending order.
    /// A single series needs one window for all pages. Several series need one page per window, because a folded
    /// bucket is correct only once every series has arrived.
    pub(super) fn windows(&self, queries: usize) -> Vec<Window> {
        let count = match self.fold {
            Fold::Single | Fold::Expression => usize::MAX,
            Fold::Mean | Fold::Max | Fold::Min | Fold::Sum => MAX_DATAPOINTS / queries.max(1),
        };
        if self.kind != PointKind::Latest {
            return self.window.spans(count).collect();
        }
        // The search may end before its last window, so that one has the remainder.
        let oldest = self.window.cut(self.window.count() % count);
        let later = Window { start: oldest.end, ..self.window };
        let mut windows: Vec<Window> = oldest.spans(count).chain(later.spans(count)).collect();
        windows.reverse();
        windows
    }
}

impl PointKind {
    /// A bucket, which holds a value for this number of milliseconds.
    fn bucket(hold: i64) -> Self {
        if hold > 0 { PointKind::Held(hold) } else { PointKind::Bucket }
    }
}

/// The statistic that a query asks for.
pub(super) fn statistic(query: &MetricQuery, conditions: &Conditions) -> Statistic {
    match query.aggregation {
        None => conditions.statistic.clone().unwrap_or(Statistic::Average),
        Some(aggregation) => aggregation.method.into(),
    }
}

/// The statistics to ask for several metrics, and how their series become one.
fn fold(statistic: Statistic) -> Result<(Vec<Statistic>, Fold), MirrorError> {
    match statistic {
        Statistic::Average => Ok((vec![Statistic::Sum, Statistic::SampleCount], Fold::Mean)),
        Statistic::Maximum => Ok((vec![statistic], Fold::Max)),
        Statistic::Minimum => Ok((vec![statistic], Fold::Min)),
        Statistic::Sum | Statistic::SampleCount => Ok((vec![statistic], Fold::Sum)),
        Statistic::Extended(name) => Err(invalid(format_args!(
            "the conditions select several metrics, and {name} of all their samples cannot be \
             computed from {name} of each metric; expected conditions that select one metric, or \
             one of MEAN, MAX, MIN, SUM, EVENT_COUNT"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::data::window::MINUTE;

    #[test]
    fn a_page_of_one_metric_has_one_point_more_than_the_limit() {
        for (fold, kind, limit, size) in [
            (Fold::Single, PointKind::Bucket, 100, 101),
            (Fold::Single, PointKind::Raw, 100_799, 100_800),
            (Fold::Single, PointKind::Raw, 100_800, 100_800),
            (Fold::Single, PointKind::Raw, usize::MAX, 100_800),
            (Fold::Expression, PointKind::Raw, 100, 100_800),
            (Fold::Expression, PointKind::Bucket, 100, 100_800),
            (Fold::Mean, PointKind::Bucket, 100, 100_800),
        ] {
            let plan = Plan { fold, kind, limit, ..Plan::of_minutes(1) };
            assert_eq!(plan.page_size(), size, "{fold:?} {kind:?} {limit}");
        }
    }

    #[test]
    fn the_latest_window_is_a_whole_one() {
        for (kind, fold, minutes, queries, ends) in [
            (PointKind::Bucket, Fold::Max, 500, 504, &[200, 400, 500][..]),
            (PointKind::Latest, Fold::Max, 500, 504, &[500, 300, 100]),
            (PointKind::Latest, Fold::Max, 400, 504, &[400, 200]),
            (PointKind::Latest, Fold::Max, 100, 504, &[100]),
            (PointKind::Latest, Fold::Single, 500, 1, &[500]),
        ] {
            let plan = Plan { fold, kind, ..Plan::of_minutes(minutes) };
            let windows = plan.windows(queries);
            let found: Vec<i64> = windows.iter().map(|window| window.end / MINUTE).collect();
            assert_eq!(found, ends, "{kind:?} {fold:?} {minutes}");
            assert_eq!(windows.iter().map(Window::count).sum::<usize>(), minutes as usize);
        }
    }

    #[test]
    fn the_samples_of_a_percentile_are_counted_in_the_buckets_that_are_over() {
        const P90: &str = "p90";
        for (statistic, until, end) in [
            (P90, 5 * MINUTE + 1, Some(5 * MINUTE)),
            (P90, 10 * MINUTE, Some(10 * MINUTE)),
            (P90, 99 * MINUTE, Some(10 * MINUTE)),
            (P90, MINUTE, Some(MINUTE)),
            (P90, MINUTE - 1, None),
            ("tm90", 10 * MINUTE, None),
            ("Average", 10 * MINUTE, None),
        ] {
            let statistics = vec![Statistic::parse(statistic).unwrap()];
            let (kind, unit) = (PointKind::Raw, Some(StandardUnit::Seconds));
            let plan = Plan { statistics, kind, unit, ..Plan::of_minutes(10) };
            let window = |end| Window { end, ..plan.window };
            let expected = end.map(|end| Plan {
                window: window(end),
                statistics: vec![Statistic::SampleCount],
                kind: PointKind::Bucket,
                limit: 1,
                ..plan.clone()
            });
            let expected = expected.map(|plan| (plan, P90));
            let found = plan.counting_samples(EpochMillis(until));
            assert_eq!(found, expected, "{statistic} until {until}");
        }
        let two = Plan::of_minutes(10).for_metrics(2).unwrap();
        assert_eq!(two.counting_samples(EpochMillis(MINUTE)), None);
    }
}
