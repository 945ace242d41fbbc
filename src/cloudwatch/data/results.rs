//! The pages of a batch → datapoints, errors, and what CloudWatch did not finish ("MetricDataResult", CloudWatch
//! API reference).

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::types::{MessageData, MetricDataResult, StatusCode};

use super::batch::Batch;
use super::limiter::Limiter;
use super::plan::{Fold, Plan, PointKind};
use super::series::Series;
use crate::cloudwatch::aws::error::Action;
use crate::cloudwatch::aws::region_client::RegionClient;
use crate::cloudwatch::query::expression;
use crate::error::MirrorError;
use crate::usage::Attempts;

/// The maximum number of times that a batch is asked for, or a page of it, because CloudWatch did
/// not finish a result.
const MAX_TRIES: u32 = 5;

/// The pause before the second try. It doubles with every try.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Why CloudWatch has not finished a result.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unfinished {
    pub(super) status: StatusCode,
    /// What CloudWatch says about it, after a colon. It cannot contain a secret: no credential is a
    /// part of what is asked.
    says: String,
}

impl Unfinished {
    /// The status of a result, and what it says.
    fn of(result: &MetricDataResult) -> Self {
        let messages = result.messages().iter().filter_map(|message| message.value());
        let says = messages.map(|message| format!(": {message}")).collect();
        let status = result.status_code().cloned().unwrap_or(StatusCode::Complete);
        Unfinished { status, says }
    }

    /// Pages are missing.
    pub(super) fn cut() -> Self {
        Unfinished { status: StatusCode::PartialData, says: String::new() }
    }
}

impl Batch {
    /// Asks for the pages of the batch, one after the other.
    /// `begin` is called before each page, `take` with each page, and `limiter` is told of those after
    /// the first. `take` breaks the loop off, or returns a result that CloudWatch failed to compute: the
    /// next page repeats it after a pause, as one more of `tries` ("Retry your request using
    /// NextToken, if present", "MetricDataResult", CloudWatch API reference).
    ///
    /// Returns whether a page token repeats: it would make the loop endless, so pages may be missing.
    ///
    /// # Errors
    /// A call fails, `begin` or `take` do, or there were too many tries.
    pub(super) async fn read_pages(
        &self,
        client: &RegionClient,
        attempts: &Arc<Attempts>,
        limiter: Option<&Limiter>,
        tries: &mut Tries,
        begin: impl Fn() -> Result<(), MirrorError>,
        mut take: impl FnMut(
            GetMetricDataOutput,
        ) -> Result<ControlFlow<(), Option<Unfinished>>, MirrorError>,
    ) -> Result<bool, MirrorError> {
        let mut tokens = HashSet::new();
        let mut token = None;
        loop {
            begin()?;
            if let (Some(limiter), Some(_)) = (limiter, &token) {
                limiter.consume();
            }
            attempts.restart();
            let page = self.page(client, token).send();
            let page = client.call(Action::GetMetricData, attempts.clone(), page).await?;
            token = page.next_token.clone();
            let ControlFlow::Continue(failed) = take(page)? else { return Ok(false) };
            match (&token, failed) {
                (None, _) => return Ok(false),
                (Some(_), Some(failed)) => tries.again(client, &failed).await?,
                (Some(token), None) if tokens.insert(token.clone()) => {}
                (Some(_), None) => return Ok(true),
            }
        }
    }
}

/// What the responses to one batch have so far.
pub(super) struct Results<'a> {
    batch: &'a Batch,
    pub(super) series: &'a mut Series,
    /// The results that CloudWatch has not finished, by the places of their queries, with their
    /// latest status.
    unfinished: HashMap<usize, Unfinished>,
    /// What an error calls the series of an expression.
    labels: Vec<String>,
    /// The datapoints of a mean whose other half has not come, by metric and time: the index of their
    /// statistic, and their value. One half alone would count samples that are not in the sum, or the
    /// reverse.
    halves: HashMap<(usize, i64), (usize, f64)>,
}

impl<'a> Results<'a> {
    /// No results of this batch. Their datapoints are added to `series`.
    pub(super) fn new(batch: &'a Batch, series: &'a mut Series) -> Self {
        let (unfinished, labels, halves) = (HashMap::new(), Vec::new(), HashMap::new());
        Results { batch, series, unfinished, labels, halves }
    }

    /// Adds the results of a page, with the places of their queries. Returns one that CloudWatch failed
    /// to compute, if there is one.
    ///
    /// # Errors
    /// There is a warning, a result that CloudWatch will never finish, or a second series of an
    /// expression.
    pub(super) fn add<'r>(
        &mut self,
        messages: &[MessageData],
        results: impl Iterator<Item = (usize, &'r MetricDataResult)> + Clone,
    ) -> Result<Option<Unfinished>, MirrorError> {
        let is_expression = self.series.plan.fold == Fold::Expression;
        reject_warnings(messages, "", is_expression)?;
        if is_expression {
            self.reject_several_series(results.clone())?;
        }
        let mut failed = None;
        for (place, result) in results {
            let latest = Unfinished::of(result);
            self.record(place, latest.clone())?;
            if latest.status == StatusCode::InternalError {
                failed = Some(latest);
                continue;
            }
            reject_warnings(result.messages(), &self.batch.prefix(place), is_expression)?;
            let statistic = self.series.plan.statistic_at(place);
            for (time, value) in result.timestamps().iter().zip(result.values()) {
                let Ok(time) = time.to_millis() else { continue };
                if self.series.plan.fold != Fold::Mean {
                    self.series.add(time, [*value, 0.0])?;
                    continue;
                }
                let metric = (place - statistic, time);
                match self.halves.remove(&metric) {
                    Some((other, half)) if other != statistic => {
                        let pair = if statistic == 0 { [*value, half] } else { [half, *value] };
                        self.series.add(time, pair)?;
                    }
                    _ => drop(self.halves.insert(metric, (statistic, *value))),
                }
            }
        }
        Ok(failed)
    }

    /// Records the latest status of a result.
    fn record(&mut self, place: usize, latest: Unfinished) -> Result<(), MirrorError> {
        match latest.status {
            StatusCode::Complete => self.unfinished.remove(&place),
            StatusCode::PartialData | StatusCode::InternalError => {
                self.unfinished.insert(place, latest)
            }
            _ => return Err(never_finished(&self.batch.prefix(place), &latest)),
        };
        Ok(())
    }

    /// Whether the rest of the results cannot change the points: a single series already has more points
    /// than the limit.
    pub(super) fn is_enough(&self) -> bool {
        let is_single = self.series.plan.fold == Fold::Single || self.is_search();
        is_single && self.series.exceeds_limit()
    }

    /// Whether the latest value of a single series is looked for.
    pub(super) fn is_search(&self) -> bool {
        let Plan { fold, kind, .. } = &self.series.plan;
        *kind == PointKind::Latest && matches!(fold, Fold::Single | Fold::Expression)
    }

    /// A result that is not finished, one with `InternalError` if there is one; `None` if all are
    /// finished.
    pub(super) fn unfinished(&self) -> Option<Unfinished> {
        let mut results = self.unfinished.values();
        let failed = results.clone().find(|one| one.status == StatusCode::InternalError);
        failed.or(results.next()).cloned()
    }

    /// Adds the labels of a page's series to those of earlier pages. A series that continues on
    /// another page has the same label there.
    ///
    /// # Errors
    /// There are several series.
    fn reject_several_series<'r>(
        &mut self,
        results: impl Iterator<Item = (usize, &'r MetricDataResult)> + Clone,
    ) -> Result<(), MirrorError> {
        let are_several = results.clone().nth(1).is_some();
        for (place, result) in results {
            let label = self.batch.named(place, result.label().unwrap_or_default());
            if are_several || !self.labels.contains(&label) {
                self.labels.push(label);
            }
        }
        match self.labels.len() {
            0 | 1 => Ok(()),
            _ => Err(expression::several_series(&self.labels, self.batch.is_graph())),
        }
    }
}

/// How often a batch was tried again.
#[derive(Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// Waits before another try.
    ///
    /// # Errors
    /// There were [`MAX_TRIES`], or the deadline leaves no time for another.
    pub(super) async fn again(
        &mut self,
        client: &RegionClient,
        why: &Unfinished,
    ) -> Result<(), MirrorError> {
        let pause = FIRST_PAUSE * 2_u32.pow(self.0);
        self.0 += 1;
        let is_allowed = self.0 < MAX_TRIES && client.deadline.pause(pause).await;
        if is_allowed { Ok(()) } else { Err(unfinished(why, self.0)) }
    }
}

/// The code of CloudWatch's message that an expression divided by zero and left the datapoint
/// out.
const ARITHMETIC_ERROR: &str = "ArithmeticError";

/// Turns CloudWatch's messages into an error with this prefix, because StackState's answer has no place for them.
/// The gaps of an expression are not reported: the points show them.
pub(super) fn reject_warnings(
    messages: &[MessageData],
    prefix: &str,
    is_expression: bool,
) -> Result<(), MirrorError> {
    let is_gap = |message: &MessageData| is_expression && message.code() == Some(ARITHMETIC_ERROR);
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
        details: prefix.to_owned() + &warnings.join("; "),
    })
}

/// The error of a result that CloudWatch will not return.
fn never_finished(prefix: &str, Unfinished { status, says }: &Unfinished) -> MirrorError {
    let details = match status {
        StatusCode::Forbidden => format!(
            "{prefix}CloudWatch does not allow these credentials to read this metric (status {status}{says}); \
             expected an account that shares it"
        ),
        other => format!("{prefix}CloudWatch returned the status {other}{says} for this metric"),
    };
    MirrorError::connection(details)
}

/// The error of a result that CloudWatch did not finish in this number of tries.
fn unfinished(Unfinished { status, says }: &Unfinished, tries: u32) -> MirrorError {
    let what = match status {
        StatusCode::InternalError => "failed to compute this metric",
        _ => "returned only a part of the data of this metric",
    };
    let tries = if tries == 1 { "1 attempt".to_owned() } else { format!("{tries} attempts") };
    MirrorError::connection(format!(
        "CloudWatch {what} (status {status}{says}) in {tries}; a later request may succeed, or one for \
         fewer metrics or a shorter range"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::data::plan::Plan;
    use crate::connection::NotANumber;

    #[test]
    fn a_failure_counts_more_than_what_is_partial() {
        use StatusCode::{Complete, InternalError, PartialData};

        let plan = Plan::of_minutes(1);
        let (window, queries, page_size) = (plan.window, Vec::new(), plan.page_size());
        let batch = Batch { window, queries, page_size, is_latest_first: false };
        let mut series = Series::new(plan, NotANumber::Omit);
        for (statuses, expected) in [
            (&[][..], None),
            (&[(0, Complete)], None),
            (&[(0, Complete), (1, PartialData)], Some(PartialData)),
            (&[(0, PartialData), (1, InternalError)], Some(InternalError)),
            (&[(0, InternalError), (1, PartialData), (2, PartialData)], Some(InternalError)),
            (&[(0, InternalError), (0, PartialData)], Some(PartialData)),
            (&[(0, InternalError), (0, PartialData), (0, Complete)], None),
        ] {
            let mut results = Results::new(&batch, &mut series);
            for (place, status) in statuses {
                let says = String::new();
                results.record(*place, Unfinished { status: status.clone(), says }).unwrap();
            }
            assert_eq!(results.unfinished().map(|one| one.status), expected, "{statuses:?}");
        }
        let forbidden = Unfinished { status: StatusCode::Forbidden, says: String::new() };
        assert!(Results::new(&batch, &mut series).record(0, forbidden).is_err());
    }
}
