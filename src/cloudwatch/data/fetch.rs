//! Sends GetMetricData requests and reads all pages.

use std::collections::HashSet;
use std::ops::Range;

use aws_sdk_cloudwatch::operation::get_metric_data::builders::GetMetricDataFluentBuilder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{MessageData, MetricDataResult, ScanBy, StatusCode};

use super::plan::{Fold, Plan};
use super::request::{Asked, MAX_QUERIES};
use super::series::Series;
use super::statuses::{Statuses, Tries};
use super::window::Window;
use crate::cloudwatch::aws::error::Action;
use crate::cloudwatch::aws::session::Session;
use crate::cloudwatch::query::error::invalid;
use crate::cloudwatch::query::expression;
use crate::error::MirrorError;

/// The maximum number of queries that one request sends, again for each part of the range, each page
/// and each try. AWS charges for each: this many cost ten cents ("Amazon CloudWatch pricing").
const MAX_ASKED: usize = 10_000;

/// Adds the results of what is asked to `series`.
///
/// # Errors
/// The request would cost too much, a call fails, or CloudWatch returns a warning, no result, or
/// only a part of a folded series.
pub(crate) async fn fetch<'a>(
    session: &Session,
    plan: &Plan,
    asked: Asked<'_>,
    mut series: Series<'a>,
) -> Result<Series<'a>, MirrorError> {
    let queries = plan.queries(asked);
    let in_a_call = queries.min(MAX_QUERIES);
    let all = plan.spans(in_a_call).count().saturating_mul(queries);
    if all > MAX_ASKED {
        return Err(too_many(&format!(
            "{all} metrics, because the datapoints of {queries} statistics do not fit a response, and \
             each part of the range is charged again"
        )));
    }
    for span in plan.spans(in_a_call) {
        for numbers in plan.calls(asked) {
            let call = Call { plan, asked, numbers, span };
            series = read_call(session, &call, series).await?;
        }
        if series.exceeds_limit() {
            break;
        }
    }
    Ok(series)
}

fn too_many(asked: &str) -> MirrorError {
    invalid(format_args!(
        "this query would ask CloudWatch for {asked}; expected at most {MAX_ASKED}: longer buckets, a \
         shorter range or fewer metrics"
    ))
}

/// One call: some of the queries, for a part of the range.
struct Call<'a> {
    plan: &'a Plan,
    asked: Asked<'a>,
    numbers: Range<usize>,
    span: Window,
}

impl Call<'_> {
    /// The request for a page. Every page has the same window and queries, because a page token is
    /// valid only for these.
    fn page(&self, session: &Session, token: Option<String>) -> GetMetricDataFluentBuilder {
        let Call { plan, asked, numbers, span } = self;
        session
            .client
            .get_metric_data()
            .set_metric_data_queries(Some(plan.build(*asked, numbers.clone())))
            .start_time(DateTime::from_millis(span.start))
            .end_time(DateTime::from_millis(span.end))
            .scan_by(ScanBy::TimestampAscending)
            .max_datapoints(i32::try_from(plan.page_size()).unwrap_or(i32::MAX))
            .set_next_token(token)
    }
}

/// Adds the results of one call to `series`. A result that CloudWatch did not finish is asked for
/// again, with the whole call, because its datapoints may be in `series` in part.
async fn read_call<'a>(
    session: &Session,
    call: &Call<'_>,
    series: Series<'a>,
) -> Result<Series<'a>, MirrorError> {
    let mut tries = Tries::new(session);
    loop {
        let mut read = series.clone();
        let status = read_pages(&mut tries, call, &mut read).await?;
        let Some(status) = status else { return Ok(read) };
        // A part of a single series can be shown, and StackState asks for the rest.
        let is_shown = status == StatusCode::PartialData && call.plan.fold == Fold::Single;
        if is_shown && read.makes_progress() {
            read.mark_partial();
            return Ok(read);
        }
        tries.again(&status).await?;
    }
}

/// Adds all pages of one call to `series`. Returns the status of a result that CloudWatch did not
/// finish, if there is one and no page with the rest.
async fn read_pages(
    tries: &mut Tries<'_>,
    call: &Call<'_>,
    series: &mut Series<'_>,
) -> Result<Option<StatusCode>, MirrorError> {
    let (session, plan) = (tries.session(), call.plan);
    let mut token: Option<String> = None;
    let mut tokens = HashSet::new();
    let mut statuses = Statuses::default();
    let is_expression = plan.kind.is_expression();
    let can_stop_early = plan.fold == Fold::Single && !is_expression;
    let mut labels: Vec<String> = Vec::new();
    loop {
        let page = call.page(session, token);
        let asked = session.usage.add_metrics_asked(call.numbers.len());
        if asked > MAX_ASKED {
            return Err(too_many(&format!(
                "more than {MAX_ASKED} metrics, because each page and each try is charged again"
            )));
        }
        let page = session.call(Action::GetMetricData, page.send()).await?;
        reject_warnings(page.messages(), plan)?;
        if is_expression {
            reject_several_series(&mut labels, page.metric_data_results())?;
        }
        let mut has_failed = false;
        for result in page.metric_data_results() {
            let status = result.status_code().unwrap_or(&StatusCode::Complete);
            let id = result.id().unwrap_or_default();
            statuses.record(id, status)?;
            if *status == StatusCode::InternalError {
                has_failed = true;
                continue;
            }
            reject_warnings(result.messages(), plan)?;
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
            Some(_) if can_stop_early && series.exceeds_limit() => return Ok(None),
            // "Retry your request using NextToken, if present" ("MetricDataResult", CloudWatch API
            // reference).
            Some(_) if has_failed => tries.again(&StatusCode::InternalError).await?,
            Some(token) if tokens.insert(token.clone()) => {}
            // A repeated token would make this loop endless.
            Some(_) => return Ok(Some(StatusCode::PartialData)),
        }
    }
    Ok(statuses.unfinished())
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
