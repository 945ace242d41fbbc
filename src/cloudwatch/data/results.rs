//! The results of a response → datapoints, statuses, errors.

use aws_sdk_cloudwatch::types::{MessageData, MetricDataResult, StatusCode};

use super::plan::{Fold, Plan};
use super::series::Series;
use super::statuses::Statuses;
use crate::cloudwatch::query::expression;
use crate::error::MirrorError;

/// What the responses to one call have so far.
pub(super) struct Results<'a, 's> {
    plan: &'a Plan,
    series: &'a mut Series<'s>,
    statuses: Statuses,
    /// The labels of an expression's series.
    labels: Vec<String>,
}

impl<'a, 's> Results<'a, 's> {
    /// No results. Their datapoints are added to `series`.
    pub(super) fn new(plan: &'a Plan, series: &'a mut Series<'s>) -> Self {
        Results { plan, series, statuses: Statuses::default(), labels: Vec::new() }
    }

    /// Adds the results of a page, with the numbers of their queries. Returns whether CloudWatch
    /// failed to compute one of them.
    ///
    /// # Errors
    /// There is a warning, a result that CloudWatch will never finish, or a second series of an
    /// expression.
    pub(super) fn add<'r>(
        &mut self,
        messages: &[MessageData],
        results: impl Iterator<Item = (usize, &'r MetricDataResult)> + Clone,
    ) -> Result<bool, MirrorError> {
        reject_warnings(messages, self.plan)?;
        if self.plan.kind.is_expression() {
            self.reject_several_series(results.clone().map(|(_, result)| result))?;
        }
        let mut has_failed = false;
        for (number, result) in results {
            let status = result.status_code().unwrap_or(&StatusCode::Complete);
            self.statuses.record(number, status)?;
            if *status == StatusCode::InternalError {
                has_failed = true;
                continue;
            }
            reject_warnings(result.messages(), self.plan)?;
            let statistic = self.plan.statistic_of(number);
            for (time, value) in result.timestamps().iter().zip(result.values()) {
                if let Ok(time) = time.to_millis() {
                    self.series.add(statistic, time, *value)?;
                }
            }
        }
        Ok(has_failed)
    }

    /// Whether the rest of the results cannot change the points: a single series of metrics already
    /// has more points than the limit.
    pub(super) fn is_enough(&self) -> bool {
        let can_be = self.plan.fold == Fold::Single && !self.plan.kind.is_expression();
        can_be && self.series.exceeds_limit()
    }

    /// The status of a result that CloudWatch did not finish, if there is one.
    pub(super) fn unfinished(&self) -> Option<StatusCode> {
        self.statuses.unfinished()
    }

    /// Adds the labels of a page's series to those of earlier pages. A series that continues on
    /// another page has the same label there.
    ///
    /// # Errors
    /// There are several series.
    fn reject_several_series<'r>(
        &mut self,
        results: impl Iterator<Item = &'r MetricDataResult> + Clone,
    ) -> Result<(), MirrorError> {
        let are_several = results.clone().nth(1).is_some();
        for result in results {
            let label = result.label().unwrap_or_default();
            if are_several || self.labels.iter().all(|known| known != label) {
                self.labels.push(label.to_owned());
            }
        }
        if self.labels.len() > 1 { Err(expression::several_series(&self.labels)) } else { Ok(()) }
    }
}

/// The code of CloudWatch's message that an expression divided by zero and left the datapoint
/// out.
const ARITHMETIC_ERROR: &str = "ArithmeticError";

/// Turns CloudWatch's messages into an error, because StackState's answer has no place for them.
/// The gaps of an expression are not reported: the points show them.
fn reject_warnings(messages: &[MessageData], plan: &Plan) -> Result<(), MirrorError> {
    let is_gap = |message: &MessageData| {
        plan.kind.is_expression() && message.code() == Some(ARITHMETIC_ERROR)
    };
    let text = |message: &MessageData| {
        let (code, value) = (message.code(), message.value().unwrap_or("no text"));
        let advice = code.and_then(expression::advice);
        let advice = advice.map(|advice| format!(" ({advice})")).unwrap_or_default();
        format!("{}: {value}{advice}", code.unwrap_or("no code"))
    };
    let warnings: Vec<String> =
        messages.iter().filter(|message| !is_gap(message)).map(text).collect();
    if warnings.is_empty() {
        return Ok(());
    }
    Err(MirrorError::Remote {
        summary: "CloudWatch returned a warning",
        details: warnings.join("; "),
    })
}
