//! A metric query → what it asks for, and the plan.

use std::time::Duration;

use super::plan::{Clock, Plan};
use super::window::MINUTE;
use crate::cloudwatch::query::conditions::Conditions;
use crate::cloudwatch::query::expression::Expression;
use crate::cloudwatch::query::namespaces;
use crate::cloudwatch::query::selector::MetricSelector;
use crate::connection::{CloudWatchConfig, NotANumber};
use crate::error::MirrorError;
use crate::model::MetricQuery;
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
}

impl DataQuery {
    /// Reads a metric query. Also returns the region that the query names.
    ///
    /// # Errors
    /// The query is not valid.
    pub(crate) fn read(
        query: &MetricQuery,
        config: &CloudWatchConfig,
        now: EpochMillis,
    ) -> Result<(Self, Option<Region>), MirrorError> {
        let conditions = Conditions::read(&query.filter.conditions)?;
        let metric_field = query.metric_field.as_deref();
        let clock = Clock {
            settled: now.0 - millis(config.settle),
            zeros_until: now.0 - millis(config.zero_fill_delay),
            now: now.0,
        };
        let range = query.filter.range;
        let (target, plan) = match Expression::of_query(&conditions, metric_field, range, now)? {
            Some(expression) => {
                let is_high_resolution = !expression.is_sql()
                    && conditions.high_resolution.unwrap_or(config.high_resolution);
                let plan =
                    Plan::of_expression(query, &expression, min_period(is_high_resolution), clock);
                (Target::Expression(expression), plan)
            }
            None => {
                let selector = conditions.selector.clone().of_query(metric_field)?;
                // AWS's services send at most one value a minute, unless somebody knows better.
                let is_high_resolution = conditions.high_resolution.unwrap_or_else(|| {
                    config.high_resolution
                        && !selector.namespaces.iter().any(|name| namespaces::is_of_aws(name))
                });
                let plan =
                    Plan::of_metrics(query, &conditions, min_period(is_high_resolution), clock);
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
        Ok((query, conditions.region))
    }
}

/// The shortest period to ask for, in milliseconds. CloudWatch accepts shorter periods for all
/// metrics, but a metric of regular resolution has its samples of a whole minute in one of them.
fn min_period(is_high_resolution: bool) -> i64 {
    if is_high_resolution { 1 } else { MINUTE }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
