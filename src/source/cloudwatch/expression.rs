//! The condition `~`: one expression that stands on its own.

use super::conditions::Conditions;
use super::metric::{listed, refusal};
use super::sets::Sets;
use crate::error::MirrorError;

/// Metrics Insights SQL, a SEARCH, or metric math over one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Expression {
    pub(super) text: String,
    /// Twelve digits; `None` for the caller's own account.
    pub(super) account: Option<String>,
}

impl Expression {
    /// The expression among the conditions, if there is one.
    ///
    /// # Errors
    /// Something stands beside it that it would leave out of account.
    pub(super) fn of(
        conditions: &Conditions,
        metric_field: Option<&str>,
    ) -> Result<Option<Self>, MirrorError> {
        let Conditions {
            region: _,
            sets: Sets { namespaces, names, accounts, dimensions },
            unit,
            statistic,
            expression,
        } = conditions;
        let Some(text) = expression else { return Ok(None) };
        let beside = [
            ("Namespace", !namespaces.is_empty()),
            ("MetricName", !names.is_empty()),
            ("Unit", unit.is_some()),
            ("Statistic", statistic.is_some()),
            ("the metric field", metric_field.is_some_and(|field| !field.is_empty())),
        ];
        let beside = beside.into_iter().filter_map(|(name, there)| there.then_some(name));
        let mut beside = beside.chain(dimensions.iter().map(|(name, _)| name.as_str()));
        if let Some(name) = beside.next() {
            return Err(refusal(format_args!(
                "~: an expression stands on its own, and {name} beside it would change nothing; \
                 expected it inside the expression, or no expression (Region and AccountId may \
                 stand beside one)"
            )));
        }
        let account = match accounts.as_slice() {
            [] => None,
            [account] => Some(account.clone()),
            accounts => {
                return Err(refusal(format_args!(
                    "AccountId: expected one account beside an expression, found {}",
                    accounts.len()
                )));
            }
        };
        Ok(Some(Expression { text: text.clone(), account }))
    }
}

/// An expression that gave several series.
pub(super) fn several(labels: &[String]) -> MirrorError {
    MirrorError::Remote {
        summary: "The expression gives several series",
        details: format!(
            "expected one, found {}: {}; reduce them to one with SUM(…), AVG(…), MAX(…) or MIN(…) \
             around the expression, or in Metrics Insights by leaving out GROUP BY",
            labels.len(),
            listed(labels.iter().cloned())
        ),
    }
}

/// An expression whose series has several datapoints in one of the query's periods.
pub(super) fn shorter_period(period_seconds: i64) -> MirrorError {
    refusal(format_args!(
        "~: the expression has a shorter period of its own than the query's {period_seconds} \
         seconds; expected one without a period, which is then the query's"
    ))
}
