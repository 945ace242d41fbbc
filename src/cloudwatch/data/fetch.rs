//! The queries of a plan → batches, one after the other, and again if CloudWatch did not finish.

use std::ops::ControlFlow;
use std::sync::Arc;

use aws_sdk_cloudwatch::types::StatusCode;

use super::backlog::{Backlog, Turn};
use super::batch::{Batch, MAX_QUERIES, Query};
use super::plan::{Fold, PointKind};
use super::results::{Results, Tries, Unfinished};
use super::series::Series;
use crate::cloudwatch::aws::error::{self, Action};
use crate::cloudwatch::aws::region_client::RegionClient;
use crate::cloudwatch::query::error::invalid;
use crate::error::MirrorError;

/// The maximum number of queries that one request sends, again for each part of the range, each page
/// and each try. AWS charges for each: this many cost ten cents ("Amazon CloudWatch pricing").
const MAX_ASKED: usize = 10_000;

/// Adds the results of queries to `series`. With a `backlog`, each batch waits for its turn, and may
/// share a call with those of other requests.
///
/// # Errors
/// The request would cost too much, a call fails, or CloudWatch returns a warning, no result, or
/// only a part of a folded series.
pub(crate) async fn fetch(
    client: &RegionClient,
    backlog: Option<&Arc<Backlog>>,
    queries: &[Query],
    mut series: Series,
) -> Result<Series, MirrorError> {
    let throttles = backlog.map(|backlog| backlog.limiter.throttles.clone());
    let client = &RegionClient { throttles, ..client.clone() };
    let mut windows = series.plan.windows(queries.len().min(MAX_QUERIES));
    let is_latest_first = series.plan.kind == PointKind::Latest;
    if is_latest_first {
        // A value that is not found is no error.
        let left = MAX_ASKED.saturating_sub(client.usage.add_metrics_asked(0));
        windows.truncate(left / queries.len().max(1));
    }
    let all = windows.len().saturating_mul(queries.len());
    if all > MAX_ASKED {
        return Err(too_many(&format!(
            "{all} metrics, because the datapoints of {} statistics do not fit a response, and \
             each part of the range is charged again",
            queries.len()
        )));
    }
    for window in windows {
        for queries in queries.chunks(MAX_QUERIES) {
            let page_size = series.plan.page_size();
            let batch = Batch { window, queries: queries.to_vec(), page_size, is_latest_first };
            series = read(client, backlog, &batch, series).await?;
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

/// Adds the results of one batch to `series`. A result that CloudWatch did not finish is asked for
/// again, with the whole batch, because its datapoints may be in `series` in part.
async fn read(
    client: &RegionClient,
    backlog: Option<&Arc<Backlog>>,
    batch: &Batch,
    series: Series,
) -> Result<Series, MirrorError> {
    let mut tries = Tries::default();
    let mut can_share = true;
    loop {
        let mut read = series.clone();
        let mut results = Results::new(batch, &mut read);
        let turn = match backlog {
            None => None,
            Some(backlog) => Some(backlog.turn(client, batch, can_share).await?),
        };
        let unfinished = match &turn {
            // The permit lasts until the last page.
            None | Some(Turn::Alone(_)) => {
                read_alone(client, backlog, batch, &mut tries, &mut results).await?
            }
            Some(Turn::Shared(part)) => {
                count_asked(client, part.charged)?;
                results.add(&[], part.results.iter().map(|(place, one)| (*place, &**one)))?;
                match results.unfinished() {
                    _ if results.is_enough() => None,
                    None if part.is_cut => Some(Unfinished::cut()),
                    unfinished => unfinished,
                }
            }
        };
        let Some(unfinished) = unfinished else { return Ok(read) };
        can_share = false;
        if unfinished.status == StatusCode::PartialData {
            // Alone, the batch can have smaller pages, and as many as it needs.
            if matches!(turn, Some(Turn::Shared(_))) {
                continue;
            }
            // A part of a single series can be shown, and StackState asks for the rest.
            if matches!(read.plan.fold, Fold::Single | Fold::Expression) && read.makes_progress() {
                read.mark_partial();
                return Ok(read);
            }
        }
        drop(turn);
        tries.again(client, &unfinished).await?;
    }
}

/// Adds all pages of a batch to `results`. Returns a result that CloudWatch did not finish, if there is
/// one and no page with the rest.
async fn read_alone(
    client: &RegionClient,
    backlog: Option<&Arc<Backlog>>,
    batch: &Batch,
    tries: &mut Tries,
    results: &mut Results<'_>,
) -> Result<Option<Unfinished>, MirrorError> {
    let (metrics, expressions) = batch.charged();
    let begin = || {
        client.usage.record(|counts| counts.expressions_asked += expressions);
        count_asked(client, metrics)
    };
    let limiter = backlog.map(|backlog| &*backlog.limiter);
    let (mut is_enough, mut has_messages) = (false, false);
    let attempts = client.attempts(Action::GetMetricData);
    let pages = batch.read_pages(client, &attempts, limiter, tries, begin, |page| {
        has_messages |= !page.messages().is_empty();
        let found = page.metric_data_results().iter();
        let found = found.filter_map(|result| Some((batch.place_of(result.id()?)?, result)));
        let failed = results.add(page.messages(), found)?;
        // The series already shows that there are more points than the limit, or the last one.
        is_enough = failed.is_none() && results.is_enough() && page.next_token.is_some();
        Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(failed) })
    });
    let read = pages.await;
    // A shared call could not tell which batch a message is about, so it counts as a refusal.
    if let (Err(error), Some(backlog)) = (&read, backlog)
        && (has_messages || error::is_refused_query(error))
    {
        backlog.refuse(batch);
    }
    let is_cut = read?;
    Ok(match results.unfinished() {
        _ if is_enough => None,
        _ if is_cut => Some(Unfinished::cut()),
        unfinished => unfinished,
    })
}

/// Counts queries for metrics.
fn count_asked(client: &RegionClient, queries: usize) -> Result<(), MirrorError> {
    if client.usage.add_metrics_asked(queries) > MAX_ASKED {
        return Err(too_many(&format!(
            "more than {MAX_ASKED} metrics, because each page and each try is charged again"
        )));
    }
    Ok(())
}
