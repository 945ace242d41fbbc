//! Sends GetMetricData requests and reads all pages.

use std::collections::HashSet;

use aws_sdk_cloudwatch::operation::get_metric_data::builders::GetMetricDataFluentBuilder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    MessageData, MetricDataQuery, MetricDataResult, ScanBy, StatusCode,
};

use super::plan::{Fold, Plan};
use super::series::Series;
use crate::cloudwatch::aws::error::Action;
use crate::cloudwatch::aws::session::Session;
use crate::cloudwatch::query::expression;
use crate::error::MirrorError;

/// Adds the results of `calls` to `series`.
///
/// # Errors
/// A call fails, or CloudWatch returns a warning or only a part of a folded series.
pub(crate) async fn fetch<'a>(
    session: &Session,
    plan: &Plan,
    calls: Vec<Vec<MetricDataQuery>>,
    mut series: Series<'a>,
) -> Result<Series<'a>, MirrorError> {
    for span in plan.spans(calls.first().map_or(1, Vec::len)) {
        for queries in &calls {
            let call = session
                .client
                .get_metric_data()
                .set_metric_data_queries(Some(queries.clone()))
                .start_time(DateTime::from_millis(span.start))
                .end_time(DateTime::from_millis(span.end))
                .scan_by(ScanBy::TimestampAscending)
                .max_datapoints(i32::try_from(plan.page_size()).unwrap_or(i32::MAX));
            read_pages(session, queries.len(), call, plan, &mut series).await?;
        }
        if series.exceeds_limit() {
            break;
        }
    }
    Ok(series)
}

/// Adds all pages of one call, which has this number of queries, to `series`. Every page has the
/// same window and queries, because a page token is valid only for these.
async fn read_pages(
    session: &Session,
    queries: usize,
    call: GetMetricDataFluentBuilder,
    plan: &Plan,
    series: &mut Series<'_>,
) -> Result<(), MirrorError> {
    let mut token: Option<String> = None;
    let mut tokens = HashSet::new();
    let mut incomplete = HashSet::new();
    let is_expression = plan.kind.is_expression();
    let can_stop_early = plan.fold == Fold::Single && !is_expression;
    let mut labels: Vec<String> = Vec::new();
    loop {
        let page = call.clone().set_next_token(token);
        session.usage.record(|counts| counts.metrics_asked += queries);
        let page = session.call(Action::GetMetricData, page.send()).await?;
        reject_warnings(page.messages(), plan)?;
        if is_expression {
            reject_several_series(&mut labels, page.metric_data_results())?;
        }
        for result in page.metric_data_results() {
            reject_warnings(result.messages(), plan)?;
            let id = result.id().unwrap_or_default();
            match result.status_code() {
                None | Some(StatusCode::Complete) => incomplete.remove(id),
                Some(StatusCode::PartialData) => incomplete.insert(id.to_owned()),
                Some(other) => return Err(failed(other)),
            };
            let Some(statistic) = plan.statistic_of(id) else { continue };
            for (time, value) in result.timestamps().iter().zip(result.values()) {
                if let Ok(time) = time.to_millis() {
                    series.add(statistic, time, *value)?;
                }
            }
        }
        token = page.next_token;
        match &token {
            None => break,
            // The series already shows that there are more points than the limit.
            Some(_) if can_stop_early && series.exceeds_limit() => return Ok(()),
            Some(token) if tokens.insert(token.clone()) => {}
            // A repeated token would make this loop endless.
            Some(_) => return series.mark_partial(),
        }
    }
    if incomplete.is_empty() { Ok(()) } else { series.mark_partial() }
}

/// Adds the labels of a page's series to those of earlier pages. A series that continues on
/// another page has the same label there.
///
/// # Errors
/// There are several series.
fn reject_several_series(
    labels: &mut Vec<String>,
    results: &[MetricDataResult],
) -> Result<(), MirrorError> {
    for result in results {
        let label = result.label().unwrap_or_default();
        if results.len() > 1 || labels.iter().all(|known| known != label) {
            labels.push(label.to_owned());
        }
    }
    if labels.len() > 1 { Err(expression::several_series(labels)) } else { Ok(()) }
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
        format!("{}: {}", message.code().unwrap_or("no code"), message.value().unwrap_or("no text"))
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

fn failed(status: &StatusCode) -> MirrorError {
    let details = match status {
        StatusCode::Forbidden => {
            "CloudWatch does not allow these credentials to read this metric (status Forbidden); \
             expected an account that shares it"
                .to_owned()
        }
        StatusCode::InternalError => {
            "CloudWatch failed to compute this metric (status InternalError); a later request may \
             succeed"
                .to_owned()
        }
        other => format!("CloudWatch returned the status {other} for this metric"),
    };
    MirrorError::Connection { details }
}
