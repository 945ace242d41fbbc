//! The condition `~`: an expression.

use super::conditions::Conditions;
use super::error::{invalid, summarize};
use super::field::Field;
use super::selector::MetricSelector;
use crate::error::MirrorError;

/// Metrics Insights SQL, a SEARCH, or metric math over a SEARCH.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Expression {
    pub(crate) text: String,
    /// Twelve digits; `None` for the caller's own account.
    pub(crate) account: Option<String>,
}

impl Expression {
    /// The expression in the conditions of a query, if there is one.
    ///
    /// # Errors
    /// The query has another condition, which the expression would ignore.
    pub(crate) fn of_query(
        conditions: &Conditions,
        metric_field: Option<&str>,
    ) -> Result<Option<Self>, MirrorError> {
        let Conditions {
            region: _,
            selector: MetricSelector { namespaces, names, accounts, dimensions },
            unit,
            statistic,
            expression,
        } = conditions;
        let Some(text) = expression else { return Ok(None) };
        let ignored = [
            (Field::Namespace.to_string(), !namespaces.is_empty()),
            (Field::MetricName.to_string(), !names.is_empty()),
            (Field::Unit.to_string(), unit.is_some()),
            (Field::Statistic.to_string(), statistic.is_some()),
            ("the metric field".to_owned(), metric_field.is_some_and(|field| !field.is_empty())),
        ];
        let ignored = ignored.into_iter().filter_map(|(name, is_there)| is_there.then_some(name));
        let mut ignored = ignored.chain(dimensions.iter().map(|(name, _)| name.clone()));
        if let Some(name) = ignored.next() {
            return Err(invalid(format_args!(
                "{}: an expression ignores {name}; expected {name} as a part of the expression, or \
                 no expression (only {} and {} can be combined with an expression)",
                Field::Expression,
                Field::Region,
                Field::AccountId,
            )));
        }
        let account = match accounts.as_slice() {
            [] => None,
            [account] => Some(account.clone()),
            accounts => {
                return Err(invalid(format_args!(
                    "{}: expected one account with an expression, found {}",
                    Field::AccountId,
                    accounts.len()
                )));
            }
        };
        Ok(Some(Expression { text: text.clone(), account }))
    }
}

/// The error of an expression that returned several series.
pub(crate) fn several_series(labels: &[String]) -> MirrorError {
    MirrorError::Remote {
        summary: "The expression returned several series",
        details: format!(
            "expected one, found {}: {}; combine them with SUM(…), AVG(…), MAX(…) or MIN(…) \
             around the expression, or remove GROUP BY from Metrics Insights SQL",
            labels.len(),
            summarize(labels.iter().cloned())
        ),
    }
}

/// The error of an expression that returned several datapoints in one period of the query.
pub(crate) fn shorter_period(period_seconds: i64) -> MirrorError {
    invalid(format_args!(
        "{}: the expression sets a period shorter than the query's {period_seconds} seconds; \
         expected an expression without a period, which then has the query's",
        Field::Expression
    ))
}
