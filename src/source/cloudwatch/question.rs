//! A metric query → a question to CloudWatch: which metrics or which expression, and the plan.

use std::time::Duration;

use super::conditions::Conditions;
use super::expression::Expression;
use super::plan::Plan;
use super::selection;
use super::sets::Sets;
use crate::connection::{CloudWatch, NotANumber};
use crate::error::MirrorError;
use crate::region::Region;
use crate::telemetry::MetricQuery;

/// All that an answer depends on, but for who asks, where and when. Equal questions of one
/// caller have equal answers for as long as CloudWatch's data stays the same: the plan's window
/// has whole buckets in it, all of them over.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) subject: Subject,
    pub(super) plan: Plan,
    pub(super) not_a_number: NotANumber,
    pub(super) linked_accounts: bool,
    /// How old an answer may be.
    pub(super) cache: Duration,
}

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Metrics(Sets),
    Expression(Expression),
}

impl Question {
    /// The question that a query means at `now`, in epoch milliseconds, and the region that it
    /// names.
    ///
    /// # Errors
    /// It can never be answered.
    pub(super) fn read(
        query: &MetricQuery,
        connection: &CloudWatch,
        now: i64,
    ) -> Result<(Self, Option<Region>), MirrorError> {
        let conditions = Conditions::read(&query.filter.conditions)?;
        let metric_field = query.metric_field.as_deref();
        let settle = i64::try_from(connection.settle.as_millis()).unwrap_or(i64::MAX);
        let settled = now - settle;
        let (subject, plan) = match Expression::of(&conditions, metric_field)? {
            Some(expression) => {
                (Subject::Expression(expression), Plan::of_expression(query, settled, now))
            }
            None => {
                let selection = selection::select(&conditions, metric_field)?;
                let plan = Plan::of_metrics(query, &conditions, selection.count(), settled, now)?;
                (Subject::Metrics(selection), plan)
            }
        };
        let question = Question {
            subject,
            plan,
            not_a_number: connection.not_a_number,
            linked_accounts: connection.linked_accounts,
            cache: connection.cache,
        };
        Ok((question, conditions.region))
    }
}
