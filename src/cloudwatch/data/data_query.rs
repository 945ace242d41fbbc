//! A metric query → what it asks for, and the plan.

use std::time::Duration;

use super::batch::Query;
use super::plan::{self, Plan};
use super::window::{MINUTE, Window};
use crate::cloudwatch::query::conditions::Conditions;
use crate::cloudwatch::query::expression::{self, Expression};
use crate::cloudwatch::query::field::Field;
use crate::cloudwatch::query::namespaces;
use crate::cloudwatch::query::selector::MetricSelector;
use crate::cloudwatch::query::tags;
use crate::connection::{CloudWatchConfig, NotANumber};
use crate::error::{MirrorError, invalid};
use crate::model::{Method, MetricQuery};
use crate::region::Region;
use crate::time::EpochMillis;

/// Everything that the points depend on, except the caller and the region.
///
/// Equal queries of a caller have equal points until CloudWatch's data changes, because the
/// plan's window has only whole buckets that are over.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DataQuery {
    pub(crate) target: Target,
    pub(crate) plan: Plan,
    pub(crate) not_a_number: NotANumber,
    pub(crate) linked_accounts: bool,
    /// How long the points are cached.
    pub(crate) cache: Duration,
}

/// What the query asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Metrics(MetricSelector),
    Expression(Expression),
    /// Metrics by the tags of their resources, which only an expression in SQL can select.
    Tagged(MetricSelector, Expression),
    /// What another query asks for, in another window.
    Queries(Vec<Query>),
}

impl DataQuery {
    /// Reads a metric query of a connection with this default region. Also returns the region that the
    /// query names.
    ///
    /// # Errors
    /// The query is not valid.
    pub(crate) fn read(
        query: &MetricQuery,
        config: &CloudWatchConfig,
        region: Option<&Region>,
        now: EpochMillis,
    ) -> Result<(Self, Option<Region>), MirrorError> {
        let conditions = Conditions::read(&query.filter.conditions, region)?;
        let metric_field = query.metric_field.as_deref();
        let window = |own_period, is_high_resolution| {
            window(query, config, own_period, is_high_resolution, now)
        };
        let range = query.filter.range;
        let hold = hold(query, &conditions, config)?;
        let mut region = conditions.region.clone();
        let (target, plan) = match Expression::of_query(&conditions, metric_field, range, now)? {
            Some((expression, own_region)) => {
                region = region.or(own_region);
                let is_of_aws = expression.entries().iter().any(|entry| entry.is_of_aws());
                let is_high_resolution = !expression.has_sql()
                    && conditions.high_resolution.unwrap_or(config.high_resolution && !is_of_aws);
                let periods = expression.periods()?;
                let longest = periods.iter().copied().max();
                let without = window(None, is_high_resolution);
                let window = window(longest, is_high_resolution);
                // Without its own period, the expression would have had points.
                if let Some(longest) = longest
                    && window.count() == 0
                    && without.count() > 0
                {
                    return Err(expression::longer_period(longest / 1_000));
                }
                // CloudWatch would send several datapoints for a bucket, or one of a part of it.
                if periods.iter().any(|period| *period < window.period) {
                    return Err(expression::shorter_period(window.period / 1_000));
                }
                let plan = Plan::of_expression(query, &expression, window, hold, now);
                (Target::Expression(expression), plan)
            }
            None if !conditions.tags.is_empty() => {
                let selector = conditions.selector.clone().of_query(metric_field)?;
                let statistic = plan::statistic(query, &conditions);
                let expression = tags::expression(&conditions, &selector, &statistic, range, now)?;
                let plan = Plan::of_expression(query, &expression, window(None, false), hold, now);
                (Target::Tagged(selector, expression), plan)
            }
            None => {
                let selector = conditions.selector.clone().of_query(metric_field)?;
                // AWS's services send at most one value a minute, unless somebody knows better.
                let is_high_resolution = conditions.high_resolution.unwrap_or_else(|| {
                    config.high_resolution
                        && !selector.namespaces.iter().any(|name| namespaces::is_of_aws(name))
                });
                let window = window(None, is_high_resolution);
                let zeros_until = before(now, config.zero_fill_delay);
                let plan = Plan::of_metrics(query, &conditions, window, zeros_until, hold);
                // A selector with wildcards or a resource names its metrics only later.
                plan.for_metrics(selector.count())?;
                (Target::Metrics(selector), plan)
            }
        };
        let query = DataQuery {
            target,
            plan,
            not_a_number: config.not_a_number,
            linked_accounts: config.linked_accounts,
            cache: config.cache,
        };
        Ok((query, region))
    }

    /// The query with this plan for what this one asked for. It has the queries themselves, because a selector can
    /// mean other metrics later.
    pub(crate) fn about(&self, plan: Plan, queries: Vec<Query>) -> Self {
        let DataQuery { target: _, plan: _, not_a_number, linked_accounts: _, cache } = *self;
        let (target, linked_accounts) = (Target::Queries(queries), false);
        DataQuery { target, plan, not_a_number, linked_accounts, cache }
    }

    /// The earliest time that the query can read data of, in epoch milliseconds.
    pub(crate) fn earliest(&self, now: EpochMillis) -> i64 {
        match &self.target {
            Target::Expression(expression) | Target::Tagged(_, expression) => {
                expression.earliest(now)
            }
            Target::Metrics(_) | Target::Queries(_) => 0,
        }
    }

    /// The approximate size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        fn of<'a>(texts: impl IntoIterator<Item = &'a String>) -> usize {
            texts.into_iter().map(|text| text.len() + size_of::<String>()).sum()
        }
        let of_selector = |selector: &MetricSelector| {
            let MetricSelector { namespaces, names, accounts, dimensions } = selector;
            let dimensions = dimensions.iter();
            let dimensions = dimensions.map(|(name, values)| of([name]) + of(values.texts()));
            of(namespaces) + of(names) + of(accounts) + dimensions.sum::<usize>()
        };
        let of_queries = |queries: &[Query]| queries.iter().map(Query::weight).sum::<usize>();
        let of_expression = |expression: &Expression| of_queries(&Query::of(expression));
        let texts = match &self.target {
            Target::Metrics(selector) => of_selector(selector),
            Target::Expression(expression) => of_expression(expression),
            Target::Tagged(selector, expression) => {
                of_selector(selector) + of_expression(expression)
            }
            Target::Queries(queries) => of_queries(queries),
        };
        size_of::<DataQuery>() + texts
    }
}

/// The window of a query. Raw points have the shortest period that CloudWatch keeps, 60 seconds or
/// more. CloudWatch accepts shorter periods for all metrics, but a metric of regular resolution has
/// its samples of a whole minute in one of them. `own_period` is that of the expression, in
/// milliseconds: where it is longer than the buckets that are asked for, it makes the buckets.
fn window(
    query: &MetricQuery,
    config: &CloudWatchConfig,
    own_period: Option<i64>,
    is_high_resolution: bool,
    now: EpochMillis,
) -> Window {
    let min_period = if is_high_resolution { 1 } else { MINUTE };
    let bucket = query.aggregation.and_then(|aggregation| aggregation.bucket_millis);
    let period = bucket.map_or(MINUTE, |bucket| bucket.max(min_period));
    let period = period.max(own_period.unwrap_or(0));
    Window::new(period, query.filter.range, before(now, config.settle), now.0)
}

/// How long an empty bucket has the last value before it, in milliseconds; 0 for not at all. The
/// connection's time is for metrics only: only who writes an expression knows whether its values can be held.
///
/// # Errors
/// The query's values cannot be held.
fn hold(
    query: &MetricQuery,
    conditions: &Conditions,
    config: &CloudWatchConfig,
) -> Result<i64, MirrorError> {
    let can_hold = query.aggregation.is_some_and(|aggregation| match aggregation.method {
        Method::Mean | Method::Percentile(_) | Method::Max | Method::Min => true,
        Method::Sum | Method::EventCount | Method::SumNoZeros | Method::EventCountNoZeros => false,
    });
    let hold = match conditions.hold {
        Some(hold) if can_hold || hold.is_zero() => hold,
        Some(_) => {
            let why = match query.aggregation {
                Some(_) => "each empty bucket would count the same sum or count again",
                None => "a query without aggregation has no buckets",
            };
            return Err(invalid(format_args!(
                "{}: {why}; expected MEAN, MAX, MIN or a percentile, or no {0}",
                Field::HoldSeconds
            )));
        }
        None if can_hold && conditions.expression.is_none() => config.hold,
        None => Duration::ZERO,
    };
    Ok(i64::try_from(hold.as_millis()).unwrap_or(i64::MAX))
}

/// This long before a time, in epoch milliseconds.
pub(crate) fn before(time: EpochMillis, duration: Duration) -> i64 {
    time.0 - i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cloudwatch::query::metric::Metric;
    use crate::cloudwatch::query::values::Values;

    #[test]
    fn every_text_counts() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let one = size_of::<String>();
        let selector = MetricSelector {
            namespaces: texts(&["NN"]),
            names: texts(&["M", "MMMM"]),
            accounts: texts(&["123456789012"]),
            dimensions: vec![
                ("A".to_owned(), Values::exactly(texts(&["1", "23"]))),
                ("BBB".to_owned(), Values::exactly(texts(&["456"]))),
            ],
        };
        let bytes = |target| {
            let (plan, not_a_number) = (Plan::of_minutes(1), NotANumber::Omit);
            let (linked_accounts, cache) = (false, Duration::ZERO);
            DataQuery { target, plan, not_a_number, linked_accounts, cache }.bytes()
        };
        let empty = bytes(Target::Metrics(MetricSelector::default()));
        assert_eq!(empty, size_of::<DataQuery>());
        assert_eq!(bytes(Target::Metrics(selector)) - empty, 2 + 5 + 12 + 4 + 6 + 9 * one);
        // The least that these take: the metric, a list of two pairs, seven texts.
        let metric = Arc::new(Metric::of("NN", "MMMM", &[("A", "1"), ("BBB", "456")], None));
        let queries = Plan::of_minutes(1).queries(&[metric]);
        let least = size_of::<Query>() + size_of::<Metric>() + 2 * (2 * one + 2 * 24) + 14;
        let weight = bytes(Target::Queries(queries)) - empty;
        assert!((least..2 * least).contains(&weight), "{weight} {least}");
    }
}
