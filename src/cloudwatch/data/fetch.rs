//! What is asked → the calls, one after the other, and again if CloudWatch did not finish.

use std::collections::HashSet;

use aws_sdk_cloudwatch::types::StatusCode;

use super::call::Call;
use super::plan::{Fold, Plan};
use super::request::{Asked, MAX_QUERIES, number_of};
use super::results::Results;
use super::series::Series;
use super::shared_call::Part;
use super::statuses::Tries;
use super::turns::{CallerCalls, Turn};
use crate::cloudwatch::aws::error::Action;
use crate::cloudwatch::aws::session::Session;
use crate::cloudwatch::query::error::invalid;
use crate::error::MirrorError;

/// The maximum number of queries that one request sends, again for each part of the range, each page
/// and each try. AWS charges for each: this many cost ten cents ("Amazon CloudWatch pricing").
const MAX_ASKED: usize = 10_000;

/// How a request asks for data.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) session: &'a Session,
    /// The caller's calls, if requests share them.
    pub(crate) calls: Option<&'a CallerCalls>,
}

/// Adds the results of what is asked to `series`.
///
/// # Errors
/// The request would cost too much, a call fails, or CloudWatch returns a warning, no result, or
/// only a part of a folded series.
pub(crate) async fn fetch<'a>(
    asking: Asking<'_>,
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
            series = read_call(asking, &call, series).await?;
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

/// Adds the results of one call to `series`. A result that CloudWatch did not finish is asked for
/// again, with the whole call, because its datapoints may be in `series` in part.
async fn read_call<'a>(
    asking: Asking<'_>,
    call: &Call<'_>,
    series: Series<'a>,
) -> Result<Series<'a>, MirrorError> {
    let mut tries = Tries::new(asking.session);
    let mut can_share = true;
    loop {
        let mut read = series.clone();
        let turn = match asking.calls {
            None => None,
            Some(calls) => Some(calls.turn(asking.session, call, can_share).await?),
        };
        let status = match &turn {
            // The permit lasts until the last page.
            None | Some(Turn::Alone(_)) => {
                let status = read_pages(asking, &mut tries, call, &mut read).await;
                if let (Err(error), Some(calls)) = (&status, asking.calls) {
                    calls.note(call, error);
                }
                status?
            }
            Some(Turn::Shared(part)) => read_part(asking.session, part, call, &mut read)?,
        };
        let Some(status) = status else { return Ok(read) };
        can_share = false;
        if status == StatusCode::PartialData {
            // Alone, the call can have smaller pages, and as many as it needs.
            if matches!(turn, Some(Turn::Shared(_))) {
                continue;
            }
            // A part of a single series can be shown, and StackState asks for the rest.
            if call.plan.fold == Fold::Single && read.makes_progress() {
                read.mark_partial();
                return Ok(read);
            }
        }
        drop(turn);
        tries.again(&status).await?;
    }
}

/// Adds the part of a shared call to `series`. Returns the status of a result that is not finished,
/// if there is one.
fn read_part(
    session: &Session,
    part: &Part,
    call: &Call<'_>,
    series: &mut Series<'_>,
) -> Result<Option<StatusCode>, MirrorError> {
    count_asked(session, part.charged)?;
    let mut results = Results::new(call.plan, series);
    results.add(part.messages(), part.results(call.numbers.start))?;
    if results.is_enough() {
        return Ok(None);
    }
    Ok(results.unfinished().or(part.is_cut().then_some(StatusCode::PartialData)))
}

/// Counts queries that AWS charges for.
fn count_asked(session: &Session, queries: usize) -> Result<(), MirrorError> {
    if session.usage.add_metrics_asked(queries) > MAX_ASKED {
        return Err(too_many(&format!(
            "more than {MAX_ASKED} metrics, because each page and each try is charged again"
        )));
    }
    Ok(())
}

/// Adds all pages of one call to `series`. Returns the status of a result that CloudWatch did not
/// finish, if there is one and no page with the rest.
async fn read_pages(
    asking: Asking<'_>,
    tries: &mut Tries<'_>,
    call: &Call<'_>,
    series: &mut Series<'_>,
) -> Result<Option<StatusCode>, MirrorError> {
    let session = asking.session;
    let mut token: Option<String> = None;
    let mut tokens = HashSet::new();
    let mut results = Results::new(call.plan, series);
    loop {
        if let (Some(calls), Some(_)) = (asking.calls, &token) {
            calls.count_page();
        }
        count_asked(session, call.numbers.len())?;
        let page = call.page(session, token).send();
        let page = session.call(Action::GetMetricData, page).await?;
        let found = page.metric_data_results().iter();
        let found = found.filter_map(|result| Some((number_of(result.id()?)?, result)));
        let has_failed = results.add(page.messages(), found)?;
        token = page.next_token;
        match &token {
            None => break,
            // The series already shows that there are more points than the limit.
            Some(_) if results.is_enough() => return Ok(None),
            // "Retry your request using NextToken, if present" ("MetricDataResult", CloudWatch API
            // reference).
            Some(_) if has_failed => tries.again(&StatusCode::InternalError).await?,
            Some(token) if tokens.insert(token.clone()) => {}
            // A repeated token would make this loop endless.
            Some(_) => return Ok(Some(StatusCode::PartialData)),
        }
    }
    Ok(results.unfinished())
}
