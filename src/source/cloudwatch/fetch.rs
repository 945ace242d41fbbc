//! GetMetricData's pages → a series.

use std::collections::HashSet;

use aws_sdk_cloudwatch::operation::get_metric_data::builders::GetMetricDataFluentBuilder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    MessageData, MetricDataQuery, MetricDataResult, ScanBy, StatusCode,
};

use super::expression;
use super::fault::Action;
use super::plan::{Fold, Plan};
use super::series::Series;
use super::session::Session;
use crate::error::MirrorError;

/// Adds to `series` what CloudWatch answers to `calls`.
pub(super) async fn fetch<'a>(
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
            read_pages(session, call, plan, &mut series).await?;
        }
        if series.is_full() {
            break;
        }
    }
    Ok(series)
}

/// Adds every page of one call to `series`. The window and the queries stay the same from page
/// to page: CloudWatch's tokens are good for these alone.
async fn read_pages(
    session: &Session,
    call: GetMetricDataFluentBuilder,
    plan: &Plan,
    series: &mut Series<'_>,
) -> Result<(), MirrorError> {
    let mut token: Option<String> = None;
    let mut tokens = HashSet::new();
    let mut incomplete = HashSet::new();
    let stops_early = plan.fold == Fold::Single && !plan.is_expression;
    let mut labels: Vec<String> = Vec::new();
    loop {
        let page = call.clone().set_next_token(token);
        let page = session.ask(Action::GetMetricData, page.send()).await?;
        told(page.messages(), plan)?;
        if plan.is_expression {
            one_series(&mut labels, page.metric_data_results())?;
        }
        for result in page.metric_data_results() {
            told(result.messages(), plan)?;
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
            // What has arrived shows by itself that there is more.
            Some(_) if stops_early && series.is_full() => return Ok(()),
            Some(token) if tokens.insert(token.clone()) => {}
            Some(_) => return series.mark_partial(),
        }
    }
    if incomplete.is_empty() { Ok(()) } else { series.mark_partial() }
}

/// Adds the labels of a page's series to those before; a series that goes on has one already.
///
/// # Errors
/// There are several.
fn one_series(labels: &mut Vec<String>, results: &[MetricDataResult]) -> Result<(), MirrorError> {
    for result in results {
        let label = result.label().unwrap_or_default();
        if results.len() > 1 || labels.iter().all(|known| known != label) {
            labels.push(label.to_owned());
        }
    }
    if labels.len() > 1 { Err(expression::several(labels)) } else { Ok(()) }
}

/// What CloudWatch says where an expression divided by zero: it left those datapoints out.
const LEFT_OUT: &str = "ArithmeticError";

/// A message of CloudWatch's is a reservation about its answer; StackState's has no place for
/// one beside points. That an expression has gaps is none: the points show it.
fn told(messages: &[MessageData], plan: &Plan) -> Result<(), MirrorError> {
    let is_reservation =
        |message: &&MessageData| !plan.is_expression || message.code() != Some(LEFT_OUT);
    let messages: Vec<&MessageData> = messages.iter().filter(is_reservation).collect();
    let told = |message: &MessageData| {
        format!("{}: {}", message.code().unwrap_or("no code"), message.value().unwrap_or("no text"))
    };
    if messages.is_empty() {
        return Ok(());
    }
    let messages: Vec<String> = messages.into_iter().map(told).collect();
    Err(MirrorError::Remote {
        summary: "CloudWatch answers with a reservation",
        details: messages.join("; "),
    })
}

fn failed(status: &StatusCode) -> MirrorError {
    let details = match status {
        StatusCode::Forbidden => {
            "CloudWatch forbids this metric to these credentials (status Forbidden); expected an \
             account that shares it"
                .to_owned()
        }
        StatusCode::InternalError => {
            "CloudWatch failed to compute this metric (status InternalError); asking again may help"
                .to_owned()
        }
        other => format!("CloudWatch answers with the status {other}"),
    };
    MirrorError::Connection { details }
}
